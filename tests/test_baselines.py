"""Baselines of pre-training, by hand."""

import math
import tracemalloc

import numpy as np
import pytest
import torch

from bertlab.baselines import Bigram, TwoSidedBigram, fit_unigram, score_baseline, score_pretraining
from bertlab.batches import Batches
from bertlab.corpus import EncodedCorpus
from bertlab.heads import Output


def encode_as_sentences(*documents) -> EncodedCorpus:
    """A corpus of these ids, in which each document is one sentence."""
    ids = np.concatenate([np.array(d) for d in documents])
    ends = np.cumsum([0, *map(len, documents)])
    return EncodedCorpus(ids, ends, np.arange(len(documents) + 1))


def test_unigram_by_hand():
    guess = fit_unigram(encode_as_sentences([5, 5, 6], [5]), 8)
    probability, correct = guess(np.array([0, 0, 0]), np.array([5, 6, 7]))
    assert probability == pytest.approx([3.5 / 8, 1.5 / 8, 0.5 / 8])  # 4 words + 8 halves = 8
    assert correct.tolist() == [True, False, False]


def test_bigram_by_hand():
    guess = Bigram(encode_as_sentences([5, 6, 5, 7, 5, 6], [7, 7]), 8)
    # After 5: 6 twice, 7 once; two kinds. Unigram of 6: (2 + .5) / 12. Nothing follows the end of a document.
    probability, correct = guess(np.array([5, 5, 5]), np.array([6, 7, 0]))
    p6, p7, p0 = 2.5 / 12, 3.5 / 12, 0.5 / 12
    assert probability == pytest.approx([(2 + 2 * p6) / 5, (1 + 2 * p7) / 5, 2 * p0 / 5])
    assert correct.tolist() == [True, False, False]


def test_bigram_is_a_distribution_after_every_word():
    rng = np.random.default_rng(0)
    guess = Bigram(encode_as_sentences(rng.integers(0, 6, 40), rng.integers(0, 9, 30)), 12)
    for before in range(12):
        assert guess(np.full(12, before), np.arange(12))[0].sum() == pytest.approx(1)


def test_bigram_is_the_unigram_after_a_mask():
    text = encode_as_sentences([5, 6, 5, 7])
    labels = np.arange(8)
    assert Bigram(text, 8)(np.full(8, 4), labels)[0] == pytest.approx(fit_unigram(text, 8)(labels, labels)[0])


def test_two_sided_bigram_by_hand():
    text = encode_as_sentences([5, 6, 5, 7, 5, 6], [7, 7])
    both, before, unigram = TwoSidedBigram(text, 8), Bigram(text, 8), fit_unigram(text, 8)
    words = np.arange(8)
    for word in range(8):  # the first table is the bigram's
        assert both.after_word[word] == pytest.approx(before(np.full(8, word), words)[0])
    # Before 5: 6 and 7 once each, two kinds. Unigram of 6: (2 + .5) / 12.
    assert both.before_word[5, 6] == pytest.approx((1 + 2 * 2.5 / 12) / 4)
    p = unigram(words, words)[0]
    joint = both.after_word[5] * both.before_word[5] / p
    assert both.predict(np.array([5]), np.array([5]))[0] == pytest.approx(joint / joint.sum())
    assert both.predict(np.array([4]), np.array([4]))[0] == pytest.approx(p)  # between two masked words
    assert both.predict(np.array([5]), np.array([4]))[0] == pytest.approx(both.after_word[5])


def test_two_sided_bigram_reads_both_neighbours():
    both = TwoSidedBigram(encode_as_sentences([5, 6, 5, 7, 5, 6], [7, 7]), 8)
    batch = {"input_ids": torch.tensor([[2, 5, 4, 7, 3]]), "labels": torch.tensor([[-100, -100, 5, -100, -100]])}
    p = both.predict(np.array([5]), np.array([7]))[0]
    scores = both.score(Batches([0], lambda rows, rng: batch, 1, shuffle=False))
    assert scores == pytest.approx({"mlm_loss": -math.log(p[5]), "mlm_accuracy": float(p.argmax() == 5)})


def test_score_baseline_reads_the_previous_word():
    ids = torch.tensor([[2, 5, 4, 3]])
    labels = torch.tensor([[-100, -100, 6, -100]])
    batch = {"input_ids": ids, "labels": labels}
    batches = Batches([0], lambda rows, rng: batch, 1, shuffle=False)
    seen = []

    def guess(before, labels):
        seen.append((before.tolist(), labels.tolist()))
        return np.array([0.25]), np.array([True])

    assert score_baseline(guess, batches) == pytest.approx({"mlm_loss": math.log(4), "mlm_accuracy": 1.0})
    batch["next_sentence_label"] = torch.tensor([1, 1, 0, -100])
    assert score_baseline(guess, batches)["nsp_accuracy"] == pytest.approx(2 / 3)
    assert seen[:1] == [([5], [6])]


def test_scores_count_only_labelled_positions():
    output = Output(
        mlm_logits=torch.tensor([[0.0, 1, 0], [2, 0, 0]]),
        mlm_loss=torch.tensor(0.5),
        nsp_logits=torch.tensor([[1.0, 0], [0, 1], [0, 1]]),
    )
    batch = {"labels": torch.tensor([[1, -100], [1, -100]]), "next_sentence_label": torch.tensor([0, 0, -100])}
    assert score_pretraining(output, batch) == {"mlm_loss": (1.0, 2), "mlm_accuracy": (1, 2), "nsp_accuracy": (1, 2)}


def test_the_table_of_bigrams_needs_little_memory():
    """A shard has 16 million wordpieces; its table is made beside the model."""
    N = 1 << 19
    ids = np.random.default_rng(0).integers(0, 300, N).astype(np.uint16)
    text = EncodedCorpus(ids, np.array([0, N]), np.array([0, 1]), np.array([0]))
    tracemalloc.start()
    Bigram(text, 300)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 25 * N
