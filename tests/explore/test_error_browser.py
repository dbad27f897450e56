"""The error browser: it shows the examples that were asked for, follows typing, and answers bad input in words."""

import html

import pytest

from bertlab import explore, tasks
from bertlab.explore.error_browser import prediction_html
from bertlab.heads import Classifier
from bertlab.model import BertConfig
from bertlab.tasks import LabelledText
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

from .tables import read_rows

WORDS = WordPiece([*SPECIAL_TOKENS, "good", "bad", "film", "it", "is"])
CONFIG = BertConfig(vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
                    intermediate_size=16, max_position_embeddings=30, initializer_range=0.5)  # fmt: skip
EXAMPLES = [LabelledText("good film", None, "pos"), LabelledText("bad film", None, "neg"),
            LabelledText("it is <b>", None, "pos"), LabelledText("is it", None, "neg")]  # fmt: skip


def make_prediction(label: str, p: float) -> dict:
    other = "neg" if label == "pos" else "pos"
    return {"label": label, "probability": p, "probabilities": {label: p, other: 1 - p}}


PREDICTIONS = [make_prediction(*pair) for pair in (("pos", 0.9), ("pos", 0.6), ("neg", 0.8), ("neg", 0.7))]


@pytest.fixture
def model():
    return Classifier(CONFIG, num_labels=2).train()


@pytest.fixture
def task():
    return tasks.Classification(WORDS, ["neg", "pos"], length=12)


@pytest.mark.parametrize(
    ("filters", "positions"),
    [
        ({}, [2, 1]),
        ({"surest": False}, [1, 2]),
        ({"outcome": "right"}, [0, 3]),
        ({"outcome": "wrong or right"}, [0, 2, 3, 1]),
        ({"true_label": "pos"}, [2]),
        ({"outcome": "wrong or right", "predicted_label": "pos", "surest": False}, [1, 0]),
        ({"outcome": "right", "true_label": "pos", "predicted_label": "neg"}, []),
    ],
)
def test_examples_are_selected_and_sorted(filters, positions):
    rows = read_rows(explore.errors_html(EXAMPLES, PREDICTIONS, **filters))[1:]
    expected = [(EXAMPLES[i], PREDICTIONS[i]) for i in positions]
    assert [(row[2], row[3]) for row in rows] == [(f"{p['probability']:.1%}", html.escape(e.text)) for e, p in expected]


def test_an_unknown_outcome_is_refused():
    with pytest.raises(ValueError, match="outcome is 'odd'; it must be one of wrong, right, wrong or right"):
        explore.errors_html(EXAMPLES, PREDICTIONS, "odd")


def test_errors_html_shows_the_selection_and_its_count():
    shown = explore.errors_html(EXAMPLES, PREDICTIONS)
    assert "2 of 4 predictions are wrong. These are the first 2:" in shown
    assert shown.index("it is &lt;b&gt;") < shown.index("bad film")
    assert [row[:2] for row in read_rows(shown)[1:]] == [["pos", "neg (wrong)"], ["neg", "pos (wrong)"]]
    assert "width:48px" in shown and "80.0%" in shown  # noqa: PT018
    assert "<b>" not in shown
    few = explore.errors_html(EXAMPLES, PREDICTIONS, "wrong or right", true_label="neg", predicted_label="neg", most=1)
    assert "1 of 4 predictions are wrong or right, true label neg, predicted label neg." in few
    assert "(right)" in few
    none = explore.errors_html(EXAMPLES, PREDICTIONS, "right", predicted_label="odd")
    assert none == "<p>0 of 4 predictions are right, predicted label odd.</p>"


def test_errors_html_shows_at_most_so_many_and_both_texts_of_a_pair():
    shown = explore.errors_html([LabelledText("good", "bad", "pos")] * 5, [make_prediction("neg", 0.5)] * 5, most=3)
    assert "5 of 5 predictions are wrong. These are the first 3:" in shown
    assert shown.count("good | bad") == 3


def test_prediction_html_is_what_the_task_predicts(model, task):
    shown = prediction_html(model, task, "good film")
    (prediction,) = task.predict(model, [LabelledText("good film", None, "")])
    assert f"predicts <b>{prediction['label']}</b>" in shown
    for p in prediction["probabilities"].values():
        assert f"{p:.1%}" in shown
    first, second = sorted(prediction["probabilities"], key=prediction["probabilities"].get, reverse=True)
    assert [label for label, _ in read_rows(shown)] == [first, second]
    assert prediction_html(model, task, "good film", "bad film") != shown
    assert prediction_html(model, task, "good film", most=1).count("<tr>") == 1
    assert model.training


@pytest.mark.parametrize(
    ("texts", "note"),
    [
        (("good " * 11,), "has 11 tokens; only the first 10 are used"),
        (("good " * 10,), ""),
        (("good " * 9, "bad"), "has 10 tokens; only the first 9 are used"),
    ],
)
def test_prediction_html_notes_what_is_truncated(model, task, texts, note):
    shown = prediction_html(model, task, *texts)
    assert "The model predicts" in shown
    assert note in shown
    assert ("are used" in shown) == bool(note)


@pytest.mark.parametrize("texts", [(" ",), ("good", "")])
def test_prediction_html_needs_text(model, task, texts):
    with pytest.raises(ValueError, match="the text has no letter"):
        prediction_html(model, task, *texts)


def test_error_browser_uses_the_beginning_of_a_long_text_and_asks_for_a_missing_one(model, task):
    first, output, *_ = explore.error_browser(model, task, EXAMPLES, PREDICTIONS, "good " * 5000).children
    assert "has 400 tokens" in output.value
    first.value = " "
    assert "Nothing to show" in output.value


def test_error_browser_follows_its_controls(model, task):
    panel = explore.error_browser(model, task, EXAMPLES, PREDICTIONS, "good film")
    first, own_output, outcome, order, labels, examples_output = panel.children
    assert own_output.value == prediction_html(model, task, "good film")
    assert examples_output.value == explore.errors_html(EXAMPLES, PREDICTIONS)
    first.value = "bad film"
    assert own_output.value == prediction_html(model, task, "bad film")
    outcome.value = "wrong or right"
    assert examples_output.value == explore.errors_html(EXAMPLES, PREDICTIONS, "wrong or right")
    order.value = False
    assert examples_output.value == explore.errors_html(EXAMPLES, PREDICTIONS, "wrong or right", False)
    true_label, predicted_label = labels.children
    true_label.value = "pos"
    assert examples_output.value == explore.errors_html(EXAMPLES, PREDICTIONS, "wrong or right", False, "pos")
    predicted_label.value = "neg"
    assert examples_output.value == explore.errors_html(EXAMPLES, PREDICTIONS, "wrong or right", False, "pos", "neg")
    assert "it is" in examples_output.value


def test_error_browser_asks_the_model_itself_and_has_a_second_box_for_pairs(model, task):
    pairs = [example._replace(pair="it is") for example in EXAMPLES]
    panel = explore.error_browser(model, task, pairs)
    first, second, own_output, *_, examples_output = panel.children
    assert examples_output.value == explore.errors_html(pairs, task.predict(model, pairs))
    first.value, second.value = "good film", "bad film"
    assert own_output.value == prediction_html(model, task, "good film", "bad film")


def test_error_browser_needs_a_prediction_an_example(model, task):
    with pytest.raises(ValueError, match="1 predictions for 4 examples"):
        explore.error_browser(model, task, EXAMPLES, PREDICTIONS[:1])
