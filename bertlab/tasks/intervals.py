"""How sure a score of written texts is: the bootstrap over the texts of a test (Koehn 2004).

Dimension letters: N texts, n-grams of O orders, R samples of N texts drawn with replacement.
"""

from collections.abc import Sequence

import numpy as np

from ..arguments import check_number
from .metrics import check_pairs_of_lists, count_matching_ngrams
from .words import split_words_and_punctuation


def count_each_text(predicted: Sequence[Sequence], expected: Sequence[Sequence], order: int) -> np.ndarray:
    """(N, O, 3): the matching, predicted and expected n-grams of each text, for n from 1 to `order`."""
    pairs = list(zip(predicted, expected, strict=True))
    return np.array([[count_matching_ngrams([pair], n) for n in range(1, order + 1)] for pair in pairs], float)


def compute_chrf_of_counts(counts: np.ndarray, beta: float = 2.0) -> np.ndarray:
    """chrF of summed counts (..., O, 3), each as `compute_chrf` computes it."""
    matching, predicted, expected = np.moveaxis(counts, -1, 0)
    exists = (predicted > 0) & (expected > 0)
    orders = np.maximum(exists.sum(-1), 1)
    precision = np.where(exists, matching / np.maximum(predicted, 1), 0).sum(-1) / orders
    recall = np.where(exists, matching / np.maximum(expected, 1), 0).sum(-1) / orders
    return 100 * (1 + beta**2) * precision * recall / np.maximum(beta**2 * precision + recall, 1e-12)


def compute_bleu_of_counts(counts: np.ndarray) -> np.ndarray:
    """BLEU of summed counts (..., O, 3), each as `compute_bleu` computes it."""
    matching, predicted, expected = np.moveaxis(counts, -1, 0)
    with np.errstate(divide="ignore"):
        log_precision = np.log(matching / np.maximum(predicted, 1)).mean(-1)
    penalty = np.minimum(0.0, 1 - expected[..., 0] / np.maximum(predicted[..., 0], 1))
    return 100 * np.exp(penalty + log_precision)


def bootstrap_scores(
    predicted: Sequence[str], expected: Sequence[str], samples: int = 1000, seed: int = 0
) -> dict[str, np.ndarray]:
    """`chrf` and `bleu`, each (R,), of as many samples of the N texts, drawn with replacement.

    The 2.5th and the 97.5th percentile are a 95% interval of the score. The samples depend on N and the seed alone, so
    the difference of two results for the same test is that of the same samples: a paired bootstrap. Case counts: give
    lower-case texts where the vocabulary has no capitals.
    """
    check_pairs_of_lists(predicted, expected)
    samples = check_number(samples, "samples", least=1, most=100_000, whole=True)
    seed = check_number(seed, "seed", least=0, whole=True)
    N = len(predicted)
    times = np.random.default_rng(seed).multinomial(
        N, np.full(N, 1 / N), size=samples
    )  # (R, N) how often each is drawn
    characters = [["".join(text.split()) for text in texts] for texts in (predicted, expected)]
    words = [[split_words_and_punctuation(text) for text in texts] for texts in (predicted, expected)]
    counts = {"chrf": count_each_text(*characters, 6), "bleu": count_each_text(*words, 4)}
    sums = {name: np.tensordot(times, each, 1) for name, each in counts.items()}  # (R, O, 3)
    return {"chrf": compute_chrf_of_counts(sums["chrf"]), "bleu": compute_bleu_of_counts(sums["bleu"])}
