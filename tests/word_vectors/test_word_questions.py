"""Analogies and synonyms for static vectors."""

import numpy as np
import torch

from bertlab import sources
from bertlab.sources import Synset
from bertlab.word_vectors.word_questions import (
    find_analogy,
    list_analogies,
    list_synonym_questions,
    score_analogies,
    score_synonyms,
)


def test_questions_are_all_ordered_pairs_of_a_relation():
    questions = list_analogies()
    assert sum(map(len, questions.values())) == 710
    assert ("man", "woman", "king", "queen") in questions["women"]
    assert all(len(set(question)) >= 3 for kind in questions.values() for question in kind)


def test_an_analogy_leaves_out_its_own_words_if_asked():
    vectors = torch.nn.functional.normalize(torch.tensor([[1.0, 0], [1, 0.2], [0.9, 0.4], [0.9, 0.9]]), dim=-1)
    assert find_analogy(vectors, 0, 1, 2, exclude=False) in (1, 2)
    assert find_analogy(vectors, 0, 1, 2) == 3


def test_unknown_words_are_no_questions():
    words = ["man", "woman", "king", "queen"]
    vectors = np.array([[1.0, 0, 0.1], [0, 1, 0.1], [1, 0, 1], [0, 1, 1]], np.float32)
    shares = score_analogies(words, vectors, find_analogy)
    assert shares["women"] == 1
    assert np.isnan(shares["plurals"])


def test_synonyms_share_a_sense_and_others_do_not(monkeypatch):
    synsets = [Synset("noun", "1", 1, ("fast", "quick", "fastest"), "", ()), Synset("noun", "2", 1, ("other",), "", ())]
    monkeypatch.setattr(sources, "wordnet", lambda: synsets)
    words = ["fast", "other", "quick", "last", "fastest"]
    questions = list_synonym_questions(words)
    assert {(words[a], words[b]) for a, b, _ in questions} <= {
        ("fast", "quick"), ("quick", "fast"), ("quick", "fastest"), ("fastest", "quick")}  # fmt: skip
    assert {words[c] for _, _, c in questions} <= {"other", "last"}
    vectors = np.array([[1.0, 0], [0, 1], [1, 0.1], [0, 1], [1, 0]])
    assert score_synonyms(vectors, questions) == 1
