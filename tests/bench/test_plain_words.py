"""Words against vectors: the draws are fair, methods find what their features hold, a tiny study runs and goes on."""

import json
from collections import Counter

import numpy as np
import pytest

from bertlab.bench import plain_words
from bertlab.bench.plain_words import Question, Texts, cut_stretches, draw_texts, fit_and_score, judge, run_study

LABELS = ["a"] * 30 + ["b"] * 30 + ["c"] * 4
DATA = Texts([f"{'thou hast' if label == 'a' else 'you have'} {number}" for number, label in enumerate(LABELS)], LABELS)


def test_draws_hold_every_class_and_do_not_overlap():
    whole = Question(lambda: DATA, (20,), test=30)
    train, test = draw_texts(whole, LABELS, 20, 0)
    assert len(train) == 20
    assert len(test) == 30
    assert not set(train) & set(test)
    assert min(Counter(LABELS[number] for number in train).values()) >= 2
    assert draw_texts(whole, LABELS, 20, 0) == (train, test)
    assert draw_texts(whole, LABELS, 20, 1)[0] != train
    train, _ = draw_texts(Question(lambda: DATA, (3,), each=True), LABELS, 3, 0)
    assert Counter(LABELS[number] for number in train) == {"a": 3, "b": 3, "c": 3}


def test_stretches_reach_from_the_first_word_to_the_last():
    words = [f"w{number}" for number in range(1000)]
    stretches = cut_stretches(None, " ".join(words), 4, 140)
    assert [len(stretch.split()) for stretch in stretches] == [100] * 4
    assert stretches[0].startswith("w0 ")
    assert stretches[-1].endswith(" w999")
    assert cut_stretches(None, "one two", 3, 140) == ["one two"] * 3


def test_methods_find_what_their_features_hold():
    question = Question(lambda: DATA, (30,), test=30)
    rng = np.random.default_rng(0)
    told = np.array([[label == "a", label == "b", label == "c"] for label in LABELS], float)
    scores = judge(question, DATA, {"told": told, "noise": rng.random((64, 3))}, 30, 0)
    assert scores["told"] == 1.0
    assert scores["TF-IDF"] > 0.7  # it cannot part b from c
    assert scores["noise"] < 0.7
    assert scores["most frequent label"] < 0.6


def test_strength_is_chosen_without_the_test_texts():
    rng = np.random.default_rng(0)
    x, y = rng.random((40, 2)), ["a", "b"] * 20
    assert fit_and_score((x, y), (x, y)) <= 1.0
    assert fit_and_score((x, y), (x[:4], y[:4])) == fit_and_score((x, y), (x[:4], y[:4]))


def test_a_tiny_study(tmp_path, monkeypatch):
    question = Question(lambda: DATA, (10, 20), test=20)
    monkeypatch.setattr(plain_words, "QUESTIONS", {"translation": question})
    monkeypatch.setattr(plain_words, "make_vectors", lambda question, texts: {"MiniLM": np.eye(len(texts))})
    file = tmp_path / "plain_words.json"
    assert len(run_study(file, (0,))["runs"]) == 2
    found = run_study(file, (0, 1))
    assert len(found["runs"]) == 4
    assert json.loads(file.read_text()) == found
    monkeypatch.setattr(plain_words, "judge", None)  # nothing is judged again
    assert run_study(file, (0, 1)) == found


def test_short_texts_are_also_fine_tuned_on_their_first_draws(tmp_path, monkeypatch):
    question = Question(lambda: DATA, (20,), test=20, tuned=16)
    monkeypatch.setattr(plain_words, "QUESTIONS", {"translation": question})
    monkeypatch.setattr(plain_words, "make_vectors", lambda question, texts: {})
    monkeypatch.setattr(plain_words, "TUNED_SEEDS", 1)
    monkeypatch.setattr(plain_words, "TUNED_STEPS", {20: 2})
    found = run_study(tmp_path / "plain_words.json", (0, 1))
    assert [plain_words.TUNED in run["scores"] for run in found["runs"]] == [True, False]
    assert 0 <= found["runs"][0]["scores"][plain_words.TUNED] <= 1


@pytest.mark.parametrize("name", plain_words.QUESTIONS)
def test_real_texts_load(name):
    question = plain_words.QUESTIONS[name]
    data = question.load()
    assert len(data.texts) == len(data.labels)
    _, test = draw_texts(question, data.labels, max(question.sizes), 0)
    assert len(test) > 40
    if question.long:
        assert min(len(text.split()) for text in data.texts) > 500
        assert not any(label.split("-")[0] in text.lower().split() for text, label in zip(*data, strict=True))


def test_dropped_words_leave_the_rest():
    assert plain_words.drop_words("Grant, a GRANT; granted.", {"grant"}) == ", a ; granted."


def test_the_record_is_what_the_study_asks_for(root):
    runs = json.loads((root / "data" / "plain_words.json").read_text(encoding="utf-8"))["runs"]
    asked = {(name, size, seed) for name, question in plain_words.QUESTIONS.items()
             for size in question.sizes for seed in plain_words.SEEDS}  # fmt: skip
    assert {(run["question"], run["size"], run["seed"]) for run in runs} == asked
    for run in runs:
        tuned = plain_words.QUESTIONS[run["question"]].tuned and run["seed"] < plain_words.TUNED_SEEDS
        assert (plain_words.TUNED in run["scores"]) == bool(tuned)
