"""Skip-gram: pairs stay inside sentences, frequent words are thinned, and neighbours become alike."""

import numpy as np
import pytest
import torch

from bertlab.word_vectors.skipgram import (
    SkipGramConfig,
    compute_skipgram_loss,
    draw_pairs,
    encode_words,
    list_vocabulary,
    split_into_words,
    train_skipgram,
)


def test_words_and_ids():
    sentences = split_into_words(["The cat's bed, the bed.", "A cat"])
    assert sentences == [["the", "cat's", "bed", "the", "bed"], ["a", "cat"]]
    words, counts = list_vocabulary(sentences, 2)
    assert sorted(zip(words, counts.tolist(), strict=True)) == [("bed", 2), ("the", 2)]
    ids, numbers = encode_words(sentences, words)
    assert [words[i] for i in ids] == ["the", "bed", "the", "bed"]
    assert numbers.tolist() == [0, 0, 0, 0]


def test_pairs_are_neighbours_of_one_sentence_on_both_sides():
    ids, numbers, counts = np.arange(6), np.array([0, 0, 0, 1, 1, 1]), np.ones(6)
    centres, contexts = draw_pairs(ids, numbers, counts, SkipGramConfig(window=1, subsample=1e9))
    assert sorted(zip(centres.tolist(), contexts.tolist(), strict=True)) == [
        (0, 1), (1, 0), (1, 2), (2, 1), (3, 4), (4, 3), (4, 5), (5, 4)]  # fmt: skip
    far = [draw_pairs(ids, numbers, counts, SkipGramConfig(window=2, subsample=1e9, seed=seed)) for seed in range(200)]
    share = np.mean([np.isin(2, other[centre == 0]) for centre, other in far])
    assert 0.4 < share < 0.6, "the window of a word is drawn between 1 and 2"


def test_frequent_words_are_thinned():
    ids = np.array([0] * 9000 + [1] * 10)
    counts = np.array([9000, 10])
    _centres, contexts = draw_pairs(ids, np.zeros(len(ids), int), counts, SkipGramConfig(window=1, subsample=1e-3))
    assert 0.02 < (contexts == 0).sum() / 18000 < 0.05


def test_the_loss_is_the_formula():
    centre, context = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5, 1.0]])
    loss = compute_skipgram_loss(centre, context, torch.tensor([[[-1.0, 0.5], [0.0, -2.0]]]))
    expected = -np.log(1 / (1 + np.exp(-2.5))) - np.log(0.5) - np.log(1 / (1 + np.exp(-4.0)))
    assert loss.item() == np.float32(expected).item() or abs(loss.item() - expected) < 1e-5


def test_words_with_the_same_contexts_become_alike():
    rng = np.random.default_rng(0)
    sentences = [[f"{kind}{rng.integers(4)}", f"of-{kind}{rng.integers(3)}"] for kind in "ab" for _ in range(1500)]
    words, counts = list_vocabulary(sentences, 1)
    config = SkipGramConfig(width=8, batch_size=64, learning_rate=0.02, subsample=1.0)
    losses = []
    watch = lambda step, steps, loss: losses.append(loss)  # noqa: E731
    vectors = train_skipgram(*encode_words(sentences, words), counts, config, watch=watch)
    again = train_skipgram(*encode_words(sentences, words), counts, config)
    assert np.array_equal(vectors, again)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = lambda one, other: unit[words.index(one)] @ unit[words.index(other)]  # noqa: E731
    assert cosine("a0", "a1") > cosine("a0", "b1") + 0.05
    assert np.mean(losses[-20:]) < losses[0] - 1


def test_too_few_pairs_for_a_batch_are_refused():
    words, counts = list_vocabulary([["a", "b"]] * 5, 1)
    config = SkipGramConfig(batch_size=64, least_count=1)
    with pytest.raises(ValueError, match="do not fill a batch of 64: give more text"):
        train_skipgram(*encode_words([["a", "b"]] * 5, words), counts, config)
    with pytest.raises(ValueError, match="no word is known: give more text, or a least_count below 10"):
        train_skipgram(*encode_words([["a"]], []), np.array([]))
