"""The structured perceptron: the best path, its features, and what it learns from a few sentences."""

from itertools import product

import numpy as np
import pytest

from bertlab.tasks import perceptron
from bertlab.tasks.perceptron import describe_shape, find_best_path, fit_perceptron, hash_features

LINES = ["the/D can/N fell/V", "they/P can/M go/V", "we/P can/M run/V", "a/D can/N fell/V", "we/P jumped/V",
         "they/P walked/V", "the/D dogs/N ran/V"]  # fmt: skip
SENTENCES = [[pair.split("/")[0] for pair in line.split()] for line in LINES]
TAGS = [[pair.split("/")[1] for pair in line.split()] for line in LINES]


@pytest.mark.parametrize("seed", range(5))
def test_the_best_path_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    scores, transitions = rng.normal(size=(4, 3)), rng.normal(size=(3, 4))

    def add_up(path):
        return sum(
            scores[i, tag] + transitions[tag, before]
            for i, (before, tag) in enumerate(zip((3, *path), path, strict=False))
        )

    assert tuple(find_best_path(scores, transitions)) == max(product(range(3), repeat=4), key=add_up)


def test_shapes():
    assert [describe_shape(word) for word in ("Paris", "U.S.", "20-year", "NATO", "")] == ["Xx", "X.X.", "9-x", "X", ""]


def test_features_depend_on_the_neighbours_and_not_on_the_process():
    first, second = hash_features(["the", "can"]), hash_features(["they", "can"])
    assert first.shape == second.shape
    assert (first[1, :10] == second[1, :10]).all()  # the spelling
    assert (first[1] != second[1]).any()
    assert first[0, 0] == 4146535777  # crc32 of "word the"


def test_it_learns_from_context_and_from_endings():
    tagger = fit_perceptron(SENTENCES, TAGS)
    assert [tagger.tag(words) for words in SENTENCES] == TAGS
    assert tagger.tag(["they", "can", "fell"])[1] == "M"
    assert tagger.tag(["we", "talked"]) == ["P", "V"]  # a word that it has not seen
    assert tagger.tag([]) == []
    again = fit_perceptron(SENTENCES, TAGS)
    assert (again.weights == tagger.weights).all()


def test_the_weights_are_means_over_the_sentences(monkeypatch):
    monkeypatch.setattr(perceptron, "WEIGHTS", 4000)
    one = fit_perceptron(SENTENCES[:1], TAGS[:1], epochs=1)  # one mistake at time 1 changes everything from then on
    assert not one.weights.any()
    two = fit_perceptron(SENTENCES[:1], TAGS[:1], epochs=2)
    assert set(np.unique(two.weights)) <= {-1.0, -0.5, 0.0, 0.5, 1.0}
    assert two.weights.any()


def test_nothing_to_learn_from():
    with pytest.raises(ValueError, match="no tagged words"):
        fit_perceptron([], [])
