"""The saliency box: it shows what saliency.py computes, follows typing, and answers bad input in words."""

import pytest
import torch

from bertlab import explore, saliency
from bertlab.explore import saliency_box
from bertlab.heads import Classifier
from bertlab.model import BertConfig
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

WORDS = WordPiece([*SPECIAL_TOKENS, "good", "bad", "##ly", "<b>", "film"])
CONFIG = BertConfig(vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
                    intermediate_size=16, max_position_embeddings=30, initializer_range=0.5)  # fmt: skip


@pytest.fixture
def model():
    return Classifier(CONFIG, num_labels=2).train()


def test_saliency_of_a_sentence_is_that_of_the_library(model):
    tokens, taken, probability, rows = explore.explain_text(model, WORDS, "good badly film", steps=4)
    assert model.training
    assert tokens == ["[CLS]", "good", "bad", "##ly", "film", "[SEP]"]
    model.eval()
    ids = torch.tensor([WORDS.encode("good badly film").input_ids])
    logits = model(ids).logits.softmax(-1)[0].detach()
    assert (taken, probability) == (int(logits.argmax()), pytest.approx(float(logits.max())))
    mask = WORDS.mask_id
    baseline = torch.tensor([[WORDS.cls_id, mask, mask, mask, mask, WORDS.sep_id]])
    expected = saliency.score_tokens(model, {"input_ids": ids}, torch.tensor([taken]), baseline, 4)
    assert list(rows) == list(expected)
    for name, scores in expected.items():
        assert rows[name] == pytest.approx(scores[0].tolist(), abs=1e-6)


def test_saliency_box_follows_typing(model):
    panel = explore.saliency_box(model, WORDS, "good film", ["<no>", "yes"])
    box, shown = panel.children
    for name in ("attention", "rollout", "gradient x input", "integrated gradients"):
        assert f"<td>{name}</td>" in shown.value
    assert shown.value.count(">good<") == 4
    assert "&lt;no&gt;" in shown.value or "<b>yes</b>" in shown.value
    assert "<no>" not in shown.value
    before = shown.value
    box.value = "bad film"
    assert shown.value != before
    assert ">bad<" in shown.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" ", "Nothing to explain yet"),
        ("good " * 40, "has 40 tokens: the first 24 are read"),
        ("zebra", "[UNK]"),
    ],
)
def test_saliency_box_answers_bad_input_in_words(model, text, said):
    shown = explore.saliency_html(model, WORDS, text, ["no", "yes"])
    assert said in shown


def test_saliency_rows_are_scaled_to_their_largest_and_mark_their_highest(model, monkeypatch):
    rows = {"one": [0.0, 4.0, -2.0], "two": [0.1, 0.05, 0.0]}
    monkeypatch.setattr(saliency_box, "explain_text", lambda *_: (["[CLS]", "good", "[SEP]"], 1, 0.75, rows))
    one, two = explore.saliency_html(model, WORDS, "good", ["no", "yes"]).split("<td>two</td>")
    assert "<b>yes</b>, probability 0.75" in one
    for share in ("+0.00", "+1.00", "-0.50"):
        assert f'title="{share}"' in one
    assert 'title="+0.50"' in two
    assert "<b>good</b>" in one
    assert "<b>[CLS]</b>" not in one
    assert "<b>[CLS]</b>" in two


def test_saliency_box_shows_size_and_sign():
    assert "rgba(0,114,178,0.30)" in explore.format_token("a", 0.5, False)
    below = explore.format_token("a", -1.0, False)
    assert "rgba(230,159,0,0.75)" in below
    assert "dashed" in below
    assert "<b>&lt;b&gt;</b>" in explore.format_token("<b>", 1.0, True)


def test_saliency_box_needs_what_fits(model):
    with pytest.raises(ValueError, match="the vocabulary has 5"):
        explore.saliency_box(model, WordPiece(SPECIAL_TOKENS))
    with pytest.raises(ValueError, match="3 names for 2 classes"):
        explore.saliency_box(model, WORDS, labels=["a", "b", "c"])
