"""The bi-encoder: its loss by hand, the task from examples to a folder, and how it is judged."""

import json
import random

import numpy as np
import pytest
import torch

from bertlab import weights
from bertlab.__main__ import make_parser
from bertlab.embedding import BiEncoder, embed_texts
from bertlab.model import Bert, BertConfig
from bertlab.progress import quiet
from bertlab.tasks import FinetunePlan, Split, TextPair, finetune, predict
from bertlab.tasks.replies import ReplyChoice, ReplyMatching, find_place
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

TOPICS = ["cat", "dog", "sun", "rain", "sea", "tree", "car", "train", "king", "queen", "bread", "wine"]
TOKENIZER = WordPiece([*SPECIAL_TOKENS, *TOPICS, *"abcdefgh", "is", "it", "?", "."])
SMALL = BertConfig(vocab_size=len(TOKENIZER), hidden_size=32, num_hidden_layers=1, num_attention_heads=4,
                   intermediate_size=64, max_position_embeddings=32)  # fmt: skip


def make_examples(count, seed):
    """Each topic has another one as its reply, "cat" has "dog", among letters that mean nothing."""
    rng = random.Random(seed)
    reply = dict(zip(TOPICS, [*TOPICS[1:], TOPICS[0]], strict=True))

    def draw_letters():
        return " ".join(rng.choices("abcdefgh", k=3))

    return [TextPair(f"is it {topic} {draw_letters()} ?", f"{draw_letters()} {reply[topic]} .")
            for topic in rng.choices(TOPICS, k=count)]  # fmt: skip


@pytest.fixture
def origin(tmp_path):
    torch.manual_seed(0)
    return weights.save(Bert(SMALL), tmp_path / "origin", TOKENIZER)


def plan(origin, **changes):
    given = {"task": "reply", "train": "given", "model": str(origin), "length": 16, "batch_size": 16, "epochs": 8.0,
             "learning_rate": 3e-3, "evaluations": 1, "dropout": 0.0, "bi_encoder": True}  # fmt: skip
    return FinetunePlan(**given | changes)


# ---- The loss --------------------------------------------------------------------------------------------------------


def test_the_loss_prefers_the_own_partner_by_cosine(double):
    model = BiEncoder(SMALL).eval()
    texts = ["cat a", "dog", "sea b c d", "it is", "king .", "rain ?"]
    task = ReplyMatching(TOKENIZER, 16)
    rows = task.make_rows([TextPair(a, b) for a, b in zip(texts[:3], texts[3:], strict=True)])
    batch = task.collate(rows, np.random.default_rng(0))
    output = model(**batch)
    hidden = [model.bert(torch.tensor([TOKENIZER.encode(text).input_ids]))[0].mean(0) for text in texts]
    vectors = torch.stack([vector / vector.norm() for vector in hidden])
    logits = 20 * vectors[:3].float() @ vectors[3:].float().T
    torch.testing.assert_close(output.logits.float(), logits, atol=1e-4, rtol=0)
    expected = -torch.stack([logits[i].log_softmax(0)[i] for i in range(3)]).mean()
    assert output.loss.item() == pytest.approx(expected.item(), abs=1e-5)
    labels = torch.zeros(3, 3, dtype=torch.long)
    labels[0, 2] = labels[1, 1] = -100  # a diagonal one counts in any case
    left = logits[0, :2].log_softmax(0)[0], logits[1].log_softmax(0)[1], logits[2].log_softmax(0)[2]
    again = model(**batch | {"labels": labels})
    assert again.loss.item() == pytest.approx(-sum(left).item() / 3, abs=1e-5)
    with pytest.raises(ValueError, match=r"labels has shape \(3,\); for 3 pairs it must be \(3, 3\)"):
        model(**batch | {"labels": labels[0]})


def test_its_vectors_are_those_of_embed():
    model = BiEncoder(SMALL).eval()
    task = ReplyMatching(TOKENIZER, 16)
    [row] = task.make_rows([TextPair("cat a b", "dog")])
    cosine = model(**task.collate([row], np.random.default_rng(0))).logits.item() / 20
    a, b = embed_texts(model, TOKENIZER, ["cat a b", "dog"])
    assert cosine == pytest.approx(float(a @ b), abs=1e-5)


def test_an_odd_number_of_rows_is_an_error():
    with pytest.raises(ValueError, match="3 rows are no texts and as many partners"):
        BiEncoder(SMALL)(torch.full((3, 4), 5))


def test_a_reply_that_is_known_to_fit_is_no_wrong_one():
    task = ReplyMatching(TOKENIZER, 16)
    rows = task.make_rows([TextPair("cat ?", "a"), TextPair("Cat ?", "B"), TextPair("dog ?", "b"), TextPair("x", "c")])
    labels = task.collate(rows, np.random.default_rng(0))["labels"]
    fits = [[1, 1, 1, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]]
    assert (labels == -100).long().tolist() == fits


def test_texts_that_are_cut_are_counted_one_by_one():
    task = ReplyMatching(TOKENIZER, 5)
    rows = task.make_rows([TextPair("a b c", "a b c d"), TextPair("a b c d", "a b c d e"), TextPair("a", "b")])
    assert task.describe_losses(3) == ["3 of 6 texts are truncated: more than 5 tokens (--length)"]
    assert max(len(row["input_ids"]) for row in rows) == max(len(row["reply_row"]["input_ids"]) for row in rows) == 5
    task.make_rows([TextPair("a", "b")])
    assert task.describe_losses(1) == []


# ---- The task --------------------------------------------------------------------------------------------------------


def test_it_learns_and_is_saved_as_a_plain_encoder(origin, tmp_path):
    data = Split(make_examples(320, 0), make_examples(40, 1), make_examples(60, 2))
    results = finetune(plan(origin), tmp_path / "run", data=data, watch=quiet, say=lambda text: None)
    before = results["baselines"]["the encoder before"]["recall@1"]
    assert results["model"]["recall@1"] > max(0.6, before + 0.2)
    assert set(results["baselines"]) == {"chance", "shared words", "TF-IDF", "the reply alone", "the encoder before"}
    assert json.loads((tmp_path / "run/results.json").read_text()) == results

    from transformers import BertModel

    _, info = BertModel.from_pretrained(tmp_path / "run", add_pooling_layer=False, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    a, b, c = embed_texts(
        weights.load(tmp_path / "run"), TOKENIZER, ["is it cat a b c ?", "h a b dog .", "h a b cat ."]
    )
    assert a @ b > a @ c
    [said] = predict(tmp_path / "run", [("is it cat a b c ?", ["h a b cat .", "h a b dog ."])])
    assert said["reply"] == "h a b dog ."
    assert sum(share for _, share in said["ranking"]) == pytest.approx(1)


def test_what_is_refused(origin):
    with pytest.raises(ValueError, match="batch_size is 1: a bi-encoder learns"):
        plan(origin, batch_size=1)
    with pytest.raises(ValueError, match="bi_encoder is for reply, not for classify"):
        plan(origin, task="classify")


def test_equal_scores_count_as_by_chance():
    task = ReplyMatching(TOKENIZER, 16)
    assert find_place(np.array([0.5, 0.9, 0.5, 0.1]), 0) == {"rank": 2, "ties": 1}
    assert task.score([], [find_place(np.ones(10), 3)]) == pytest.approx({"recall@1": 0.1, "recall@5": 0.5})
    assert task.score([], [find_place(np.array([1.0, 1, 0]), 0)]) == {"recall@1": 0.5, "recall@5": 1.0}
    places = [{"rank": 0, "ties": 0}, {"rank": 5, "ties": 0}, {"rank": 4, "ties": 2}, {"rank": 5, "ties": 1}]
    assert task.score([], places) == {"recall@1": 0.25, "recall@5": pytest.approx((1 + 0 + 1 + 0.5) / 4)}
    assert ReplyChoice(TOKENIZER, 16).score([], places)["recall@1"] == 0.25


def test_readme_says_what_was_recorded(root):
    found = json.loads((root / "data" / "bi_encoder.json").read_text(encoding="utf-8"))
    options = make_parser().parse_args([*found["command"].split()[3:], "--out", "anywhere"])
    assert options.bi_encoder
    readme = " ".join((root / "README.md").read_text(encoding="utf-8").split())
    means = {name: f"{100 * np.mean(scores['recall@1']):.1f}%" for name, scores in found["baselines"].items()}
    ours, cross, dev = (
        f"{100 * np.mean(found[name]['recall@1']):.1f}%" for name in ("model", "cross_encoder", "dev_model")
    )
    before = means["the encoder before"]
    assert f"the right one in {ours} of the cases (three seeds). MiniLM as it is did so in {before}, and" in readme
    assert f"the pair classifier in the table below in {cross}" in readme
    assert f"went from {100 * found['dev_before']['recall@1']:.1f}% to {dev}" in readme
    assert f"the reply alone gets {means['the reply alone']}" in readme
