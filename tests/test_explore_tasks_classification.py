"""The error browser: it shows the examples that were asked for, follows typing, and answers bad input in words."""

import pytest

from bertlab import explore, tasks
from bertlab.heads import Classifier
from bertlab.model import BertConfig
from bertlab.tasks import LabelledText
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

WORDS = WordPiece([*SPECIAL_TOKENS, "good", "bad", "film", "it", "is"])
CONFIG = BertConfig(vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
                    intermediate_size=16, max_position_embeddings=30, initializer_range=0.5)  # fmt: skip
EXAMPLES = [LabelledText("good film", None, "pos"), LabelledText("bad film", None, "neg"), LabelledText("it is <b>", None, "pos"),
            LabelledText("is it", None, "neg")]  # fmt: skip


def one(label: str, p: float) -> dict:
    other = "neg" if label == "pos" else "pos"
    return {"label": label, "probability": p, "probabilities": {label: p, other: 1 - p}}


SAID = [one("pos", 0.9), one("pos", 0.6), one("neg", 0.8), one("neg", 0.7)]


@pytest.fixture
def model():
    return Classifier(CONFIG, num_labels=2).train()


@pytest.fixture
def task():
    return tasks.Classification(WORDS, ["neg", "pos"], length=12)


@pytest.mark.parametrize(
    ("how", "places"),
    [
        ({}, [2, 1]),
        ({"surest": False}, [1, 2]),
        ({"outcome": "right"}, [0, 3]),
        ({"outcome": "both"}, [0, 2, 3, 1]),
        ({"truth": "pos"}, [2]),
        ({"outcome": "both", "answer": "pos", "surest": False}, [1, 0]),
        ({"outcome": "right", "truth": "pos", "answer": "neg"}, []),
    ],
)
def test_picked(how, places):
    assert explore.select_examples(EXAMPLES, SAID, **how) == [(EXAMPLES[i], SAID[i]) for i in places]


def test_picked_knows_its_outcomes():
    with pytest.raises(ValueError, match="outcome is 'odd'; it is wrong, right, both"):
        explore.select_examples(EXAMPLES, SAID, "odd")


def test_errors_html_says_what_was_asked_and_what_came():
    shown = explore.errors_html(EXAMPLES, SAID)
    assert "2 of 4 examples are answered wrong. These are the first 2." in shown
    assert shown.index("it is &lt;b&gt;") < shown.index("bad film")
    assert "<td>pos</td><td>neg (wrong)</td>" in shown
    assert "width:48px" in shown and "80.0%" in shown  # noqa: PT018
    assert "<b>" not in shown
    few = explore.errors_html(EXAMPLES, SAID, "both", truth="neg", answer="neg", most=1)
    assert "1 of 4 examples are answered, truth neg, answer neg." in few
    assert "(right)" in few
    none = explore.errors_html(EXAMPLES, SAID, "right", answer="odd")
    assert none == "<p>0 of 4 examples are answered right, answer odd.</p>"


def test_errors_html_shows_at_most_so_many_and_both_texts_of_a_pair():
    shown = explore.errors_html([LabelledText("good", "bad", "pos")] * 5, [one("neg", 0.5)] * 5, most=3)
    assert "5 of 5 examples are answered wrong. These are the first 3." in shown
    assert shown.count("good | bad") == 3


def test_answer_html_is_what_the_task_predicts(model, task):
    shown = explore.prediction_html(model, task, "good film")
    (said,) = task.predict(model, [LabelledText("good film", None, "")])
    assert f"takes it for <b>{said['label']}</b>" in shown
    for p in said["probabilities"].values():
        assert f"{p:.1%}" in shown
    first, second = sorted(said["probabilities"], key=said["probabilities"].get, reverse=True)
    assert shown.index(f"<td>{first}</td>") < shown.index(f"<td>{second}</td>")
    assert explore.prediction_html(model, task, "good film", "bad film") != shown
    assert explore.prediction_html(model, task, "good film", most=1).count("<tr>") == 1
    assert model.training


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ((" ",), "Nothing to read yet"),
        (("good", ""), "Nothing to read yet"),
        (("good " * 11,), "It has 11 tokens, of which 10 are read"),
        (("good " * 10,), "takes it for"),
        (("good " * 9, "bad"), "It has 10 tokens, of which 9 are read"),
        (("good " * 5000,), "It has 400 tokens"),
    ],
)
def test_answer_html_answers_odd_input_in_words(model, task, texts, said):
    shown = explore.prediction_html(model, task, *texts)
    assert said in shown
    assert ("are read" in shown) == ("are read" in said or len(texts[0]) > 2000)


def test_error_browser_follows_its_controls(model, task):
    panel = explore.error_browser(model, task, EXAMPLES, SAID, "good film")
    own, of_own, outcome, order, cell, of_examples = panel.children
    assert of_own.value == explore.prediction_html(model, task, "good film")
    assert of_examples.value == explore.errors_html(EXAMPLES, SAID)
    own.value = "bad film"
    assert of_own.value == explore.prediction_html(model, task, "bad film")
    outcome.value = "both"
    assert of_examples.value == explore.errors_html(EXAMPLES, SAID, "both")
    order.value = False
    assert of_examples.value == explore.errors_html(EXAMPLES, SAID, "both", False)
    truth, answer = cell.children
    truth.value = "pos"
    assert of_examples.value == explore.errors_html(EXAMPLES, SAID, "both", False, "pos")
    answer.value = "neg"
    assert of_examples.value == explore.errors_html(EXAMPLES, SAID, "both", False, "pos", "neg")
    assert "it is" in of_examples.value


def test_error_browser_asks_the_model_itself_and_has_a_second_box_for_pairs(model, task):
    pairs = [example._replace(pair="it is") for example in EXAMPLES]
    panel = explore.error_browser(model, task, pairs)
    own, second, of_own, *_, of_examples = panel.children
    assert of_examples.value == explore.errors_html(pairs, task.predict(model, pairs))
    own.value, second.value = "good film", "bad film"
    assert of_own.value == explore.prediction_html(model, task, "good film", "bad film")


def test_error_browser_needs_a_prediction_an_example(model, task):
    with pytest.raises(ValueError, match="1 predictions for 4 examples"):
        explore.error_browser(model, task, EXAMPLES, SAID[:1])
