"""Vectors of words in sentences: of the right tokens, from sentences of any length; and what is done with them."""

import numpy as np
import pytest
import torch

from bertlab.model import Bert, BertConfig
from bertlab.word_vectors.senses import SensePair, Usage
from bertlab.word_vectors.usage_vectors import (
    average_neighbours,
    compute_bert_states,
    compute_cosines,
    compute_overlap,
    find_best_threshold,
    find_word_pieces,
    match_nearest,
    read_usages,
    weigh_by_rank,
)
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

TOKENIZER = WordPiece([*SPECIAL_TOKENS, "a", "be", "##gin", "light", "."])


def make_usage(text: str, word: str) -> Usage:
    start = text.index(word)
    return Usage(text, start, start + len(word))


def test_the_pieces_of_a_word_are_all_of_its_own_and_no_special_token():
    offsets = TOKENIZER.encode("a begin.").offsets
    assert find_word_pieces(offsets, 0, 1) == [1]
    assert find_word_pieces(offsets, 2, 7) == [2, 3]


def test_vectors_are_the_mean_of_the_pieces_whatever_the_length_of_the_sentence():
    usages = [make_usage("a begin.", "begin"), make_usage("light", "light"), make_usage("a a begin", "begin")]

    def positions(ids):
        places = torch.arange(ids.size(1)).expand_as(ids)
        return [torch.stack([places, ids], -1).float(), torch.stack([places, ids], -1) * 2.0]

    found = read_usages(positions, TOKENIZER, usages)
    assert found.shape == (2, 3, 2)
    assert found[0].tolist() == [[2.5, 6.5], [1.0, 8.0], [3.5, 6.5]]
    assert np.array_equal(found[1], 2 * found[0])
    whole = read_usages(positions, TOKENIZER, usages, whole=True)
    assert whole[0, :, 0].tolist() == [2.5, 1.0, 2.5]
    with pytest.raises(ValueError, match="no token lies inside 'egi'"):
        read_usages(positions, TOKENIZER, [make_usage("begin", "egi")])


def test_states_of_a_bert_end_with_its_output():
    torch.manual_seed(0)
    bert = Bert(BertConfig(vocab_size=10, hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
                           intermediate_size=8, max_position_embeddings=8)).eval()  # fmt: skip
    ids = torch.tensor([[2, 5, 6, 3]])
    states = compute_bert_states(bert, ids)
    assert len(states) == 3
    with torch.no_grad():
        assert torch.allclose(states[-1], bert(ids), atol=1e-6)


def test_neighbours_are_averaged_without_the_word():
    vectors, index = np.eye(4, dtype=np.float32), {"on": 0, "bank": 1, "river": 2, "the": 3}
    usage = make_usage("sat on the bank, the river", "bank")
    assert average_neighbours([usage], index, vectors, 1).tolist() == [[0, 0, 0, 1]]
    assert average_neighbours([usage], index, vectors, 9).tolist() == [[0.25, 0, 0.25, 0.5]]
    weights = np.array([0, 0, 1, 0])
    assert average_neighbours([usage], index, vectors, 9, weights).tolist() == [[0, 0, 1, 0]]
    assert average_neighbours([make_usage("bank", "bank")], index, vectors, 9).tolist() == [[0, 0, 0, 0]]
    assert (np.diff(weigh_by_rank(np.arange(100))) > 0).all()


def test_overlap_counts_other_words():
    pair = SensePair(
        "", "bank", "noun", make_usage("the Bank was open", "Bank"), make_usage("The bank is open", "bank"), True
    )
    assert compute_overlap(pair, set()) == 2 / 4
    assert compute_overlap(pair, {"the", "is", "was"}) == 1


def test_cosines_of_zeros_are_zero():
    assert compute_cosines(np.array([[1.0, 0], [0, 0]]), np.array([[2.0, 2.0], [1, 1]])) == pytest.approx([0.5**0.5, 0])


def test_the_best_threshold_is_found_among_all():
    rng = np.random.default_rng(0)
    for _ in range(20):
        scores, same = rng.integers(0, 6, 12) / 5, rng.random(12) < 0.5
        best = max(((scores >= cut) == same).mean() for cut in [*scores, 9.0])
        assert ((scores >= find_best_threshold(scores, same)) == same).mean() == best


def test_the_nearest_usage_is_one_of_the_same_word():
    vectors = np.array([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1], [1, 0]])
    right = match_nearest(vectors, ["a", "a", "a", "a", "b"], ["x", "x", "y", "x", "x"])
    assert right[:4].tolist() == [True, True, False, False]


def test_a_threshold_needs_pairs():
    for scores, same in ((np.array([]), np.array([])), (np.array([0.1, 0.2]), np.array([True]))):
        with pytest.raises(ValueError, match="there must be as many, and at least one"):
            find_best_threshold(scores, same)
