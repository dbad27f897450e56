"""The exam: threshold from the development pairs alone, intervals over words, and the learned mix of layers."""

import numpy as np
import pytest
import torch

from bertlab.word_vectors.sense_scores import (
    SenseExam,
    compute_layer_mix,
    format_score,
    learn_layer_mix,
    list_layer_vectors,
    list_neighbour_vectors,
    resample_words,
)
from bertlab.word_vectors.senses import SensePair, Usage


def make_exam(words: int = 20) -> SenseExam:
    """Words with three usages, of which the first two have the same sense; the first half is for development."""
    pairs, labelled = [], []
    for number in range(words):
        a, b, c = (Usage(f"a{number} {kind} w", 0, 1) for kind in "xyz")
        pairs += [SensePair(f"{number}s", f"w{number}", "noun", a, b, True),
                  SensePair(f"{number}d", f"w{number}", "noun", a, c, False)]  # fmt: skip
        labelled += [(f"w{number}", "one", a), (f"w{number}", "one", b), (f"w{number}", "two", c)]
    verdicts = {"15s": "same", "15d": "same", "16s": "unclear", "17d": "different"}
    return SenseExam(pairs[:words], pairs[words:], verdicts, labelled)


def make_vectors(exam: SenseExam, noise: float = 0.0) -> np.ndarray:
    """Vectors that point right for x and y, up for z."""
    rows = [[1.0, 0.0] if " z" not in usage.text else [0.0, 1.0] for usage in exam.usages]
    return np.array(rows, np.float32) + noise * np.random.default_rng(0).normal(size=(len(rows), 2)).astype(np.float32)


def test_perfect_vectors_get_everything_right():
    exam = make_exam()
    score = exam.judge(make_vectors(exam))
    assert (score.dev, score.test, score.checked) == (1, 1, 1)
    assert score.test_interval == (1, 1)
    assert score.labelled == pytest.approx(2 / 3), "the one usage of sense two has no other to match"
    assert exam.is_checked.sum() == 2


def test_the_threshold_is_that_of_the_development_pairs():
    exam = make_exam()
    seen = []

    def choose(scores, same):
        seen.append((len(scores), int(same.sum())))
        return 2.0

    score = exam.judge_cosines(np.ones(40), choose)
    assert seen == [(20, 10)]
    assert score.test == 0.5
    assert score.labelled is None
    assert "own words --" in format_score("always", score)


def test_the_best_settings_are_chosen_on_development_pairs():
    exam = make_exam()
    vectors = make_vectors(exam)
    worse = vectors.copy()
    worse[exam.places[exam.is_dev].ravel()] = 1.0
    assert exam.judge_best({"worse": worse, "good": vectors})[0] == "good"
    assert list(list_layer_vectors(exam, np.stack([vectors, worse]))) == [
        "embeddings", "layer 1", "embeddings, centred", "layer 1, centred"]  # fmt: skip
    names = list_neighbour_vectors(exam, ["x", "y"], np.eye(2, dtype=np.float32))
    assert len(names) == 12
    assert np.abs(exam.centre(vectors)[exam.places[exam.is_dev].ravel()].mean(0)).max() < 1e-6


def test_intervals_grow_when_a_word_s_answers_agree():
    right = np.tile([True, False], 50)
    apart, together = np.arange(100), np.repeat(np.arange(10), 10)
    low, high = resample_words(np.sort(right), apart)
    assert 0.35 < low < 0.45 < 0.55 < high < 0.65
    wide = resample_words(np.sort(right), together)
    assert wide[1] - wide[0] > 1.5 * (high - low)


def test_the_mix_is_weighted_and_learned():
    states = torch.arange(12.0).view(3, 2, 2)
    assert torch.allclose(compute_layer_mix(states, torch.zeros(3), 2.0), 2 * states.mean(0))
    assert torch.allclose(compute_layer_mix(states, torch.tensor([0.0, 99.0, 0.0])), states[1])
    exam = make_exam()
    noise = np.random.default_rng(1).normal(size=(len(exam.usages), 2)).astype(np.float32)
    learned = learn_layer_mix(exam, np.stack([noise, make_vectors(exam, 0.1)]), steps=60)
    assert learned.softmax(0)[1] > 0.7
