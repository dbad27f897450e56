"""The bootstrap of chrF and BLEU: sums of counts give the score, and samples are paired."""

import numpy as np
import pytest

from bertlab.tasks import bootstrap_scores, compute_bleu, compute_chrf

SAID = ["jacob begat three sons .", "he went up to the city", "a", "the light was good , and it was day"]
TRUE = ["jacob had three sons .", "he went to the city of david", "an end", "the light was good , and it was day"]


def test_texts_without_a_common_ngram_score_0():
    found = bootstrap_scores(["a", "a b c d e"], ["b", "f g h i j"], samples=5)
    assert (found["bleu"] == 0).all()
    assert (found["chrf"] == 0).all()


def test_each_sample_is_a_test_drawn_from_the_texts():
    found = bootstrap_scores(SAID, TRUE, samples=50)
    for r, row in enumerate(np.random.default_rng(0).multinomial(4, [0.25] * 4, size=50)[:10]):
        drawn = [i for i, count in enumerate(row) for _ in range(count)]
        said, true = [SAID[i] for i in drawn], [TRUE[i] for i in drawn]
        assert found["chrf"][r] == pytest.approx(compute_chrf(said, true))
        assert found["bleu"][r] == pytest.approx(compute_bleu(said, true))


def test_two_results_are_paired():
    """Texts that are equally good in both give a difference of exactly 0, however much each score varies."""
    one, other = bootstrap_scores(SAID, TRUE, samples=200), bootstrap_scores(list(SAID), TRUE, samples=200)
    assert np.ptp(one["chrf"]) > 10
    assert (one["chrf"] == other["chrf"]).all()
    assert bootstrap_scores(SAID, TRUE, samples=200, seed=1)["chrf"].tolist() != one["chrf"].tolist()


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="equally many"):
        bootstrap_scores(SAID, TRUE[:2])
    with pytest.raises(ValueError, match="samples is 0"):
        bootstrap_scores(SAID, TRUE, samples=0)
