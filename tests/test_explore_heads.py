"""Explorers of heads: switching off is zeroing, the ranking and the map are the model's, bad input is answered."""

import re
import time

import pytest
import torch

from bertlab import explore, head_scores
from bertlab.model import Bert, BertConfig, attention_maps
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

WORDS = WordPiece([*SPECIAL_TOKENS, "bear", "sleeps", "snow", "dog", ".", "<"])


def small(seed: int = 0) -> Bert:
    config = BertConfig(vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                        intermediate_size=64, max_position_embeddings=16, initializer_range=0.3)  # fmt: skip
    torch.manual_seed(seed)
    return Bert(config)


def test_off_is_zero_columns_of_the_output_and_ends():
    bert = small().eval()
    ids = torch.tensor([[2, 5, 6, 7, 3]])
    right = bert(ids)
    with explore.heads_off(bert, [(0, 1), (1, 3)]):
        without = bert(ids)
        with explore.heads_off(bert, []):
            assert torch.equal(bert(ids), without)
    assert torch.equal(bert(ids), right)
    with torch.no_grad():
        for layer, head in ((0, 1), (1, 3)):
            bert.layers[layer].attention.output.weight.view(32, 4, 8)[:, head] = 0
    assert torch.allclose(bert(ids), without, atol=1e-5)
    assert (without - right).abs().max() > 1e-2


@pytest.mark.parametrize("head", [(2, 0), (0, 4), (-1, 0)])
def test_a_head_that_is_not_there_is_refused(head):
    with pytest.raises(ValueError, match="layers 0 to 1 and heads 0 to 3"), explore.heads_off(small(), [head]):
        pass


def test_text_vectors_do_not_see_padding_and_leave_the_model_as_it_was():
    bert = small().train()
    alone = explore.embed_texts(bert, WORDS, ["bear sleeps"])
    beside = explore.embed_texts(bert, WORDS, ["bear sleeps", "snow . dog sleeps < bear ."])
    assert torch.allclose(alone[0], beside[0], atol=1e-5)
    assert torch.allclose(beside.norm(dim=-1), torch.ones(2), atol=1e-5)
    assert bert.training


def test_switches_rank_the_sentences_anew():
    bert, sentences = small(), ["bear", "snow dog", "<"]
    panel = explore.switch_heads(bert, WORDS, "bear sleeps", sentences)
    box, grid, shown = panel.children
    buttons = [row.children for row in grid.children]
    assert "0 of 8 heads are off" in shown.value
    assert "cosine of 1.000" in shown.value
    assert "(was number" not in shown.value
    assert "&lt;" in shown.value
    buttons[0][1].value = False  # layer 0, head 0
    assert "1 of 8 heads are off" in shown.value
    with explore.heads_off(bert, [(0, 0)]):
        vectors = explore.embed_texts(bert, WORDS, ["bear sleeps", *sentences])
    expected = sorted((f"{value:.2f}" for value in (vectors[1:] @ vectors[0]).tolist()), key=float, reverse=True)
    assert re.findall(r"<td>(-?\d\.\d\d)</td>", shown.value) == expected
    buttons[0][0].click()  # the whole layer
    assert "4 of 8 heads are off" in shown.value
    buttons[0][0].click()
    assert "0 of 8 heads are off" in shown.value
    box.value = "  "
    assert "Nothing to ask yet" in shown.value


def test_a_sentence_that_moved_is_named():
    bert = small()
    sentences = ["bear", "snow dog", "<", ". .", "sleeps snow"]
    everything = [(layer, head) for layer in range(2) for head in range(4)]
    vectors = explore.embed_texts(bert, WORDS, ["bear sleeps", *sentences])
    said = explore.switch_heads_html(bert, WORDS, "bear sleeps", sentences, everything, vectors)
    order = re.findall(r"text-align:left'>(.*?)(?: \(was number (\d)\))?</td>", said)
    before = sorted(sentences, key=lambda text: -(vectors[1 + sentences.index(text)] @ vectors[0]).item())
    moved = [number for number, (text, _) in enumerate(order) if before[number] != text.replace("&lt;", "<")]
    assert moved, "the test needs a model in which the order changes"
    for number, (text, was) in enumerate(order):
        if number in moved:
            assert before[int(was) - 1] == text.replace("&lt;", "<")
        else:
            assert was == ""


def test_attention_box_shows_the_map_of_the_head_and_its_scores():
    bert = small()
    panel = explore.attention_box(bert, WORDS, "bear sleeps bear")
    box, sliders, shown = panel.children
    layer, head = sliders.children
    layer.value, head.value = 1, 2
    tokens = ["[CLS]", "bear", "sleeps", "bear", "[SEP]"]
    bert.eval()
    with attention_maps(bert) as maps:
        bert(torch.tensor([WORDS.ids(tokens)]))
        right = maps[1][0, 2]
    assert f'title="sleeps looks at [CLS]: {right[2, 0]:.2f}"' in shown.value
    assert shown.value.count("looks at") == 25
    found = head_scores.score_heads(right, tokens)
    assert f"<td>same word</td><td>{found['same word']:.2f}</td><td>chance 0.20</td>" in shown.value
    box.value = "bear <"
    assert "same word" not in shown.value  # no word stands twice: nothing to score
    assert "&lt; looks at bear" in shown.value


@pytest.mark.parametrize(
    ("text", "said"), [(" ", "Nothing to read yet"), ("bear " * 40, "42 tokens with [CLS] and [SEP]: it is cut to 16")]
)
def test_attention_box_answers_bad_input_in_words(text, said):
    assert said in explore.attention_html(small(), WORDS, text, 0, 0)


def test_panels_need_a_vocabulary_that_fits():
    other = WordPiece([*SPECIAL_TOKENS, "x"])
    with pytest.raises(ValueError, match="the vocabulary has 6"):
        explore.switch_heads(small(), other)
    with pytest.raises(ValueError, match="the vocabulary has 6"):
        explore.attention_box(small(), other)
    with pytest.raises(ValueError, match="no sentences"):
        explore.switch_heads(small(), WORDS, "bear", [])


def test_a_switch_answers_quickly():
    """With a small model: what is left is our own work. A real one is timed in the notebook."""
    panel = explore.switch_heads(small(), WORDS, "bear sleeps", ["bear", "snow dog"])
    first = panel.children[1].children[0].children[1]
    taken = []
    for value in (False, True, False):
        begun = time.process_time()
        first.value = value
        taken.append(time.process_time() - begun)
    assert min(taken) < 0.2
