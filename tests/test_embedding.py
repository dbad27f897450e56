"""Vectors of texts equal those of a plain loop, of any batching, and of transformers with mean pooling."""

import numpy as np
import pytest
import torch

from bertlab import Bert, BertConfig, Classifier, WordPiece, weights
from bertlab.embedding import embed_texts, split_into_windows

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"]
TOKENIZER = WordPiece(VOCABULARY)
TEXTS = ["a b c", "", "d", "a b c d e f", "h h"]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Bert(BertConfig(len(VOCABULARY), 16, 2, 2, 32, max_position_embeddings=8))


def compute_one(model, text: str, pooling: str) -> np.ndarray:
    with torch.no_grad():
        hidden = model.eval()(torch.tensor([TOKENIZER.encode(text).input_ids]))[0]
    return (hidden.mean(0) if pooling == "mean" else hidden[0]).numpy()


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_vectors_are_those_of_each_text_alone(model, pooling):
    expected = np.stack([compute_one(model, text, pooling) for text in TEXTS])
    for batch_size in (1, 2, 32):
        vectors = embed_texts(model, TOKENIZER, TEXTS, pooling, normalise=False, batch_size=batch_size)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, expected, atol=1e-6)


def test_normalised_vectors_have_length_1(model):
    vectors = embed_texts(model, TOKENIZER, TEXTS)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    plain = embed_texts(model, TOKENIZER, TEXTS, normalise=False)
    np.testing.assert_allclose(vectors, plain / np.linalg.norm(plain, axis=1, keepdims=True), atol=1e-6)


def test_long_texts_are_read_in_windows_that_lose_nothing(model):
    text = "a b c d e f g h a b c d e f g"
    windows = split_into_windows(TOKENIZER, ["a", text], 8)
    assert [(number, len(ids)) for number, ids in windows] == [(0, 3), (1, 7), (1, 7), (1, 7)]
    inside = [token for number, ids in windows if number for token in ids[1:-1]]
    assert inside == TOKENIZER.encode(text).input_ids[1:-1]
    parts = ["a b c d e", "f g h a b", "c d e f g"]
    vectors = embed_texts(model, TOKENIZER, [text, *parts], normalise=False)
    np.testing.assert_allclose(vectors[0], vectors[1:].mean(0), atol=1e-6)  # the windows are equally long


def test_a_head_gives_the_vectors_of_its_encoder(model):
    head = Classifier(model.config, 2)
    head.bert.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(embed_texts(head, TOKENIZER, TEXTS), embed_texts(model, TOKENIZER, TEXTS))


def test_no_texts_give_no_vectors(model):
    assert embed_texts(model, TOKENIZER, []).shape == (0, 16)


def test_what_cannot_be_embedded(model):
    with pytest.raises(TypeError, match="it must be a list of texts"):
        embed_texts(model, TOKENIZER, "a dull film")
    with pytest.raises(ValueError, match="pooling is 'max'"):
        embed_texts(model, TOKENIZER, TEXTS, "max")


def test_ruined_weights_and_foreign_vocabularies_are_refused(model):
    with pytest.raises(ValueError, match="one of them is another model's"):
        embed_texts(model, WordPiece([*VOCABULARY, "more"]), TEXTS)
    ruined = Bert(model.config)
    with torch.no_grad():
        ruined.embeddings.norm.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="gives nan"):
        embed_texts(ruined, TOKENIZER, TEXTS)


def test_minilm_gives_the_vectors_of_transformers_with_mean_pooling():
    import transformers

    folder = weights.find_model_folder("minilm")
    texts = ["A man is eating food.", "The new movie is awesome, isn't it? " * 8, "Bonn"]
    theirs, their_tokenizer = (
        transformers.BertModel.from_pretrained(folder),
        transformers.BertTokenizer.from_pretrained(folder),
    )
    batch = their_tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = theirs.eval()(**batch).last_hidden_state
    mask = batch["attention_mask"][:, :, None]
    expected = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1)).numpy()
    ours = embed_texts(weights.load(folder), WordPiece.load(folder), texts)
    np.testing.assert_allclose(ours, expected, atol=1e-5)
