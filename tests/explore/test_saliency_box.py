"""The saliency box: it shows what saliency.py computes, follows typing, and answers bad input in words."""

import pytest
import torch

from bertlab import explore, saliency
from bertlab.explore.saliency_box import format_scored_tokens
from bertlab.heads import Classifier
from bertlab.model import BertConfig
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

from .tables import read_rows

WORDS = WordPiece([*SPECIAL_TOKENS, "good", "bad", "##ly", "<b>", "film"])
CONFIG = BertConfig(vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
                    intermediate_size=16, max_position_embeddings=30, initializer_range=0.5)  # fmt: skip


@pytest.fixture
def model():
    return Classifier(CONFIG, num_labels=2).train()


def test_saliency_of_a_sentence_is_that_of_the_library(model):
    tokens, predicted, probability, rows = explore.explain_text(model, WORDS, "good badly film", steps=4)
    assert model.training
    assert tokens == ["[CLS]", "good", "bad", "##ly", "film", "[SEP]"]
    model.eval()
    ids = torch.tensor([WORDS.encode("good badly film").input_ids])
    logits = model(ids).logits.softmax(-1)[0].detach()
    assert (predicted, probability) == (int(logits.argmax()), pytest.approx(float(logits.max())))
    mask = WORDS.mask_id
    baseline = torch.tensor([[WORDS.cls_id, mask, mask, mask, mask, WORDS.sep_id]])
    expected = saliency.score_tokens(model, {"input_ids": ids}, torch.tensor([predicted]), baseline, 4)
    assert list(rows) == list(expected)
    for name, scores in expected.items():
        assert rows[name] == pytest.approx(scores[0].tolist(), abs=1e-6)


def test_saliency_box_follows_typing(model):
    panel = explore.saliency_box(model, WORDS, "good film", ["<no>", "yes"])
    sentence, output = panel.children
    methods = ("attention", "norm-weighted attention", "rollout", "gradient norm", "gradient × input",
               "integrated gradients")  # fmt: skip
    assert set(methods) <= {row[0] for row in read_rows(output.value)}
    assert output.value.count(">good<") == len(methods)
    assert "&lt;no&gt;" in output.value or "<b>yes</b>" in output.value
    assert "<no>" not in output.value
    before = output.value
    sentence.value = "bad film"
    assert output.value != before
    assert ">bad<" in output.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [(" ", "Nothing to show"), ("good " * 40, "has 40 tokens; only the first 24 are used"), ("zebra", "[UNK]")],
)
def test_saliency_box_answers_bad_input_in_words(model, text, expected):
    assert expected in explore.saliency_box(model, WORDS, text, ["no", "yes"]).children[-1].value


def test_saliency_box_names_the_predicted_class_and_its_probability(model):
    _, predicted, probability, _ = explore.explain_text(model, WORDS, "good", steps=2)
    output = explore.saliency_box(model, WORDS, "good", ["no", "yes"], steps=2).children[-1]
    assert f"<b>{('no', 'yes')[predicted]}</b> with probability {probability:.2f}" in output.value


def test_saliency_rows_are_scaled_to_their_largest_and_mark_their_highest():
    tokens = ["[CLS]", "good", "[SEP]"]
    one, two = format_scored_tokens(tokens, [0.0, 4.0, -2.0]), format_scored_tokens(tokens, [0.1, 0.05, 0.0])
    for share in ("+0.00", "+1.00", "-0.50"):
        assert f'title="{share}"' in one
    assert 'title="+0.50"' in two
    assert "<b>good</b>" in one
    assert "<b>[CLS]</b>" not in one
    assert "<b>[CLS]</b>" in two


def test_saliency_box_shows_size_and_sign():
    half, negative, highest = format_scored_tokens(["a", "b", "<b>"], [1.0, -2.0, 2.0]).split("</span>")[:3]
    assert "#b2d5e8" in half
    assert "#ecb740" in negative
    assert "dashed" in negative
    assert "dashed" not in half
    assert "<b>&lt;b&gt;</b>" in highest


def test_saliency_box_needs_what_fits(model):
    with pytest.raises(ValueError, match="the vocabulary has 5"):
        explore.saliency_box(model, WordPiece(SPECIAL_TOKENS))
    with pytest.raises(ValueError, match="3 names for 2 classes"):
        explore.saliency_box(model, WORDS, labels=["a", "b", "c"])
