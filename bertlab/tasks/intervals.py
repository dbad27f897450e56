"""How sure a score of written texts is: the bootstrap over the texts of a test (Koehn 2004).

Dimension letters: N texts, n-grams of O orders, R samples of N texts drawn with replacement.
"""

from collections.abc import Sequence

import numpy as np

from ..arguments import check_number
from .metrics import (
    check_pairs_of_lists,
    compute_bleu_of_counts,
    compute_chrf_of_counts,
    count_characters,
    count_words,
)


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
    counts = {"chrf": count_characters(predicted, expected), "bleu": count_words(predicted, expected)}
    sums = {name: np.tensordot(times, each, 1) for name, each in counts.items()}  # (R, O, 3)
    return {"chrf": compute_chrf_of_counts(sums["chrf"]), "bleu": compute_bleu_of_counts(sums["bleu"])}
