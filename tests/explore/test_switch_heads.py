"""Heads switched off give zeros, the ranking is the model's, and bad input is answered in words."""

import re
import time

import pytest
import torch

from bertlab import explore
from bertlab.explore.switch_heads import switch_heads_html
from bertlab.model import Bert, BertConfig
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

from .tables import read_rows

WORDS = WordPiece([*SPECIAL_TOKENS, "bear", "sleeps", "snow", "dog", ".", "<"])


def make_bert(seed: int = 0) -> Bert:
    config = BertConfig(vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                        intermediate_size=64, max_position_embeddings=16, initializer_range=0.3)  # fmt: skip
    torch.manual_seed(seed)
    return Bert(config)


def test_heads_off_is_the_same_as_zero_columns_of_the_output_and_ends():
    bert = make_bert().eval()
    ids = torch.tensor([[2, 5, 6, 7, 3]])
    expected = bert(ids)
    with explore.heads_off(bert, [(0, 1), (1, 3)]):
        without = bert(ids)
        with explore.heads_off(bert, []):
            assert torch.equal(bert(ids), without)
    assert torch.equal(bert(ids), expected)
    with torch.no_grad():
        for layer, head in ((0, 1), (1, 3)):
            bert.layers[layer].attention.output.weight.view(32, 4, 8)[:, head] = 0
    assert torch.allclose(bert(ids), without, atol=1e-5)
    assert (without - expected).abs().max() > 1e-2


@pytest.mark.parametrize("head", [(2, 0), (0, 4), (-1, 0)])
def test_a_head_that_does_not_exist_is_refused(head):
    with pytest.raises(ValueError, match="layers 0 to 1 and heads 0 to 3"), explore.heads_off(make_bert(), [head]):
        pass


def test_text_vectors_ignore_padding_and_leave_the_model_in_training_mode():
    bert = make_bert().train()
    alone = explore.embed_texts(bert, WORDS, ["bear sleeps"])
    padded = explore.embed_texts(bert, WORDS, ["bear sleeps", "snow . dog sleeps < bear ."])
    assert torch.allclose(alone[0], padded[0], atol=1e-5)
    assert torch.allclose(padded.norm(dim=-1), torch.ones(2), atol=1e-5)
    assert bert.training


def test_switches_change_the_ranking():
    bert, sentences = make_bert(), ["bear", "snow dog", "<"]
    panel = explore.switch_heads(bert, WORDS, "bear sleeps", sentences)
    question, grid, output = panel.children
    buttons = [row.children for row in grid.children]
    assert "0 of 8 heads are off" in output.value
    assert "cosine of 1.000" in output.value
    assert "(was number" not in output.value
    assert "&lt;" in output.value
    buttons[0][1].value = False  # layer 0, head 0
    assert "1 of 8 heads are off" in output.value
    with explore.heads_off(bert, [(0, 0)]):
        vectors = explore.embed_texts(bert, WORDS, ["bear sleeps", *sentences])
    expected = sorted((f"{value:.2f}" for value in (vectors[1:] @ vectors[0]).tolist()), key=float, reverse=True)
    assert [cosine for _, cosine, *_ in read_rows(output.value)] == expected
    buttons[0][0].click()  # the whole layer
    assert "4 of 8 heads are off" in output.value
    buttons[0][0].click()
    assert "0 of 8 heads are off" in output.value
    question.value = "  "
    assert "the question has no letter" in output.value


def test_a_sentence_that_moved_is_named():
    bert = make_bert()
    sentences = ["bear", "snow dog", "<", ". .", "sleeps snow"]
    everything = [(layer, head) for layer in range(2) for head in range(4)]
    vectors = explore.embed_texts(bert, WORDS, ["bear sleeps", *sentences])
    page = switch_heads_html(bert, WORDS, ["bear sleeps", *sentences], everything, vectors)
    order = [re.fullmatch(r"(.*?)(?: \(was number (\d)\))?", row[-1]).groups() for row in read_rows(page)]
    before = sorted(sentences, key=lambda text: -(vectors[1 + sentences.index(text)] @ vectors[0]).item())
    moved = [number for number, (text, _) in enumerate(order) if before[number] != text.replace("&lt;", "<")]
    assert moved, "the test needs a model in which the order changes"
    for number, (text, was) in enumerate(order):
        if number in moved:
            assert before[int(was) - 1] == text.replace("&lt;", "<")
        else:
            assert was is None


def test_switch_heads_needs_a_vocabulary_that_fits_and_sentences():
    other = WordPiece([*SPECIAL_TOKENS, "x"])
    with pytest.raises(ValueError, match="the vocabulary has 6"):
        explore.switch_heads(make_bert(), other)
    with pytest.raises(ValueError, match="no sentences"):
        explore.switch_heads(make_bert(), WORDS, "bear", [])


def test_a_switch_answers_quickly():
    """With a small model, so that our own work is measured. A real model is timed in the notebook."""
    panel = explore.switch_heads(make_bert(), WORDS, "bear sleeps", ["bear", "snow dog"])
    first = panel.children[1].children[0].children[1]
    seconds = []
    for value in (False, True, False):
        start = time.process_time()
        first.value = value
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.2
