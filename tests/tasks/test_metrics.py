"""Schemes of tags; metrics against values by hand, against libraries, and by their official definitions."""

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score

from bertlab.tasks import (
    answer_f1,
    compute_bleu,
    compute_chrf,
    compute_rouge_l,
    detect_scheme,
    exact_match,
    find_entities,
    measure_calibration,
    normalize_answer,
    recall_at,
    resample_interval,
    score_entities,
    to_iob1,
    to_iob2,
)
from bertlab.tasks.metrics import score_multilabel, score_numbers

# ---- Schemes and entities --------------------------------------------------------------------------------------------

SAME_ENTITIES = {  # three entities, two of one type next to each other
    "IOB1": "I-P I-P B-P O I-L",
    "IOB2": "B-P I-P B-P O B-L",
    "BIOES": "B-P E-P S-P O S-L",
    "BILOU": "B-P L-P U-P O U-L",
}


@pytest.mark.parametrize("scheme", SAME_ENTITIES)
def test_schemes_hold_the_same_entities(scheme):
    tags = SAME_ENTITIES[scheme].split()
    assert find_entities(tags) == [(0, 2, "P"), (2, 3, "P"), (4, 5, "L")]
    assert to_iob2(tags) == SAME_ENTITIES["IOB2"].split()
    assert to_iob1(tags) == SAME_ENTITIES["IOB1"].split()
    assert detect_scheme([tags]) == ("BIOES" if scheme == "BILOU" else scheme)


def test_odd_tags_have_a_meaning():
    """As conlleval reads them."""
    assert find_entities(["I-P", "I-L", "O", "I-L"]) == [(0, 1, "P"), (1, 2, "L"), (3, 4, "L")]
    assert find_entities(["O", "E-P", "I-P"]) == [(1, 2, "P"), (2, 3, "P")]
    assert find_entities(["B-P", "I-P", "E-P", "E-P"]) == [(0, 3, "P"), (3, 4, "P")]
    assert find_entities([]) == find_entities(["O", "O"]) == []
    assert find_entities(["B-date-of-birth", "I-date-of-birth"]) == [(0, 2, "date-of-birth")]
    assert detect_scheme([["NN", "IN", "O"]]) == "plain"
    assert detect_scheme([["O"]]) == "plain"
    assert detect_scheme([["I-P", "O", "B-P"]]) == "mixed"


def test_iob2_of_every_short_sentence_is_stable():
    for tags in product(["O", "B-P", "I-P", "B-L", "I-L"], repeat=4):
        again = to_iob2(tags)
        assert find_entities(again) == find_entities(tags)
        assert find_entities(to_iob1(tags)) == find_entities(tags)
        assert to_iob2(again) == again


def test_entity_scores_by_hand():
    expected = [["B-P", "I-P", "O", "B-L"], ["O", "B-P"], ["O"]]
    predicted = [["B-P", "I-P", "O", "B-P"], ["B-P", "I-P"], ["B-L"]]  # correct, wrong type; too long; made up
    assert score_entities(expected, predicted) == {"f1": pytest.approx(2 / 7), "precision": 1 / 4, "recall": 1 / 3}
    assert score_entities(expected, expected)["f1"] == 1
    assert score_entities([["O"]], [["O"]]) == {"f1": 0, "precision": 0, "recall": 0}


# ---- Answers, ranks, written texts and calibration -------------------------------------------------------------------


def test_squads_metrics_on_tricky_cases():
    assert normalize_answer("The  Cat's, an (old) A-Team.") == "cats old ateam"
    assert exact_match("the cat!", ["A dog", "Cat"]) == 1
    assert exact_match("", []) == 1
    assert exact_match("cat", []) == exact_match("", ["cat"]) == 0
    assert answer_f1("cat cat dog", ["the cat"]) == pytest.approx(2 * 1 / (3 + 1))
    assert answer_f1("big cat", ["dog", "the big black cat"]) == pytest.approx(4 / 5)
    assert answer_f1("", []) == answer_f1("the", ["a"]) == 1
    assert answer_f1("cat", []) == answer_f1("the", ["cat"]) == 0


def test_recall_at():
    assert recall_at(1, [0, 1, 5, 0]) == 0.5
    assert recall_at(5, [0, 1, 5, 0]) == 0.75


PREDICTED = ["the cat sat on the mat .", "a dog ran home and slept", "who is it ?"]
EXPECTED = ["the cat sat on a mat .", "the dog ran home", "who is that ?"]


def test_chrf_and_bleu_by_hand():
    assert compute_chrf(["ab"], ["ab"]) == pytest.approx(100)
    assert compute_chrf(["ab"], ["abc"], order=1) == pytest.approx(100 * 5 * 1 * (2 / 3) / (4 * 1 + 2 / 3))
    assert compute_chrf([""], ["abc"]) == compute_chrf(["xyz"], ["abc"]) == 0
    assert compute_bleu(EXPECTED, EXPECTED) == pytest.approx(100)
    # "a b c d e" for "a b c d x": 4/5, 3/4, 2/3, 1/2
    assert compute_bleu(["a b c d e"], ["a b c d x"]) == pytest.approx(100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    assert compute_bleu(["a b c d"], ["a b c d e f"]) == pytest.approx(100 * math.exp(1 - 6 / 4))
    assert compute_bleu(["a b c"], ["a b c"]) == 0  # no 4-gram at all
    assert compute_bleu(["the the the the the"], ["the cat is on mat"]) == 0


def test_chrf_and_bleu_are_sacrebleus():
    """Numbers of sacrebleu 2.6.0: CHRF(), and BLEU(tokenize="none", smooth_method="none")."""
    assert compute_chrf(PREDICTED, EXPECTED) == pytest.approx(62.086501314572686)
    assert compute_bleu(PREDICTED, EXPECTED) == pytest.approx(33.119611051319666)
    predicted, expected = ["Ωμέγα naïve", "a", "so it goes"], ["Ωμέγα naive", "ab", "so it goes on"]
    assert compute_chrf(predicted, expected) == pytest.approx(68.22673283477727)


def test_rouge_l_by_hand():
    assert compute_rouge_l(["a b c d"], ["A c e d"]) == pytest.approx(100 * 2 * 3 / 8)
    assert compute_rouge_l(["a", ""], ["a", "b"]) == 50


def test_calibration_by_hand():
    result = measure_calibration([0.95, 0.85, 0.82, 1.0], [True, False, True, True])
    assert result["count"] == [2, 2]
    assert result["right"] == [0.5, 1.0]
    assert result["confidence"] == pytest.approx([0.835, 0.975])
    assert result["ece"] == pytest.approx((2 * 0.335 + 2 * 0.025) / 4)


# ---- Several labels, and numbers -------------------------------------------------------------------------------------

EXPECTED_SETS = [{"a", "b"}, {"a"}, set(), {"c"}]
PREDICTED_SETS = [{"a"}, {"a", "c"}, set(), {"b"}]


def test_multilabel_scores_by_hand():
    """a: 2 TP; b: 1 FN, 1 FP; c: 1 FP, 1 FN. So micro F1 = 2*2 / (2*2 + 2 + 2), and the F1 of a, b, c are 1, 0, 0."""
    scores = score_multilabel(EXPECTED_SETS, PREDICTED_SETS, ["a", "b", "c"])
    assert scores == pytest.approx({"micro_f1": 1 / 2, "macro_f1": 1 / 3, "exact": 1 / 4})
    assert score_multilabel(EXPECTED_SETS, EXPECTED_SETS, ["a", "b", "c"]) == {"micro_f1": 1, "macro_f1": 1, "exact": 1}
    # a label that occurs nowhere counts as 0 in the macro F1 only
    assert score_multilabel([{"a"}], [{"a"}], ["a", "b"]) == {"micro_f1": 1, "macro_f1": 0.5, "exact": 1}
    # one label is still a question of yes or no: 1 TP, 1 FN, 1 true negative
    one_label = score_multilabel([{"a"}, {"a"}, set()], [{"a"}, set(), set()], ["a"])
    assert one_label == pytest.approx({"micro_f1": 2 / 3, "macro_f1": 2 / 3, "exact": 2 / 3})
    assert score_multilabel([set()], [set()], ["a"]) == {"micro_f1": 0, "macro_f1": 0, "exact": 1}


def test_multilabel_scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels = [f"label {i}" for i in range(5)]
    truth, guess = rng.random((40, 5)) < 0.3, rng.random((40, 5)) < 0.4
    sets = [[{labels[i] for i in np.flatnonzero(row)} for row in matrix] for matrix in (truth, guess)]
    assert score_multilabel(*sets, labels) == pytest.approx(
        {
            "micro_f1": f1_score(truth, guess, average="micro"),
            "macro_f1": f1_score(truth, guess, average="macro"),
            "exact": accuracy_score(truth, guess),
        }
    )


def test_multilabel_scores_refuse_what_they_cannot_count():
    with pytest.raises(ValueError, match="'z' is not one of the labels a, b"):
        score_multilabel([{"a"}], [{"z"}], ["a", "b"])
    with pytest.raises(ValueError, match="2 expected and 1 predicted"):
        score_multilabel([{"a"}, {"a"}], [{"a"}], ["a"])
    with pytest.raises(ValueError, match="0 expected and 0 predicted sets of labels: .* at least one"):
        score_multilabel([], [], ["a"])


def pearson(x, y):
    return score_numbers(x, y)["pearson"]


def spearman(x, y):
    return score_numbers(x, y)["spearman"]


def test_correlations_by_hand():
    # deviations -1, 0, 1 and -4/3, -1/3, 5/3: covariance sum 3, squares 2 and 14/3
    assert pearson([1, 2, 3], [1, 2, 4]) == pytest.approx(3 / math.sqrt(2 * 14 / 3))
    assert spearman([1, 2, 3], [1, 2, 4]) == pytest.approx(1)
    assert pearson([1, 2, 3], [-2, -4, -6]) == pytest.approx(-1)
    # ties share the average rank: 1, 2.5, 2.5, 4 against 1, 2, 3, 4, so 4.5 / sqrt(4.5 * 5)
    assert spearman([10, 20, 20, 30], [1, 2, 3, 4]) == pytest.approx(4.5 / math.sqrt(4.5 * 5))
    assert score_numbers([1, 2, 3], [1, 2, 4]) == pytest.approx(
        {"pearson": 3 / math.sqrt(28 / 3), "spearman": 1, "mae": 1 / 3}
    )


@pytest.mark.parametrize("correlate", [pearson, spearman])
def test_a_constant_side_correlates_with_nothing(correlate):
    assert correlate([0.1, 0.1, 0.1], [1, 2, 3]) == correlate([1, 2, 3], [0.0, 0.0, 0.0]) == 0
    assert correlate([0.1 + 0.2, 0.3, 0.3], [1, 2, 3]) == 0  # differs by rounding only
    assert correlate([5], [7]) == 0
    assert score_numbers([1, 2], [3, 3]) == {"pearson": 0, "spearman": 0, "mae": 1.5}


@pytest.mark.parametrize("correlate", [pearson, spearman])
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([], [], "0 with 0 numbers"),
        ([1, 2], [1, 2, 3], "2 with 3 numbers: both need equally many"),
        ([1, 2], [1, math.nan], "nan or infinite"),
        ([1, -math.inf], [1, 2], "nan or infinite"),
    ],
)
def test_correlations_refuse_what_they_cannot_measure(correlate, x, y, message):
    with pytest.raises(ValueError, match=message):
        correlate(x, y)


def test_correlations_are_those_of_scipy():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 6, 200) / 5  # many ties
    y = x + rng.normal(0, 0.5, 200)
    assert pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert spearman(x, y) == pytest.approx(np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1])
    assert score_numbers(x, y)["mae"] == pytest.approx(np.abs(x - y).mean())


def test_resampled_interval():
    values = [0.0, 1.0] * 50
    low, high = resample_interval(values)
    assert (low, high) == resample_interval(values)
    assert 0.39 < low < 0.43  # 0.5 - 1.96 * 0.05
    assert 0.57 < high < 0.61
    wide = resample_interval(values, [i // 20 for i in range(100)])  # each group has the same mean
    assert wide == (0.5, 0.5)
    apart = resample_interval(sorted(values), [i // 10 for i in range(100)])  # ten groups, all 0 or all 1
    assert apart[1] - apart[0] > 2 * (high - low)
    with pytest.raises(ValueError, match="3 groups for 2 values"):
        resample_interval([1.0, 2.0], [1, 2, 3])
    with pytest.raises(ValueError, match="0 groups for 0 values"):
        resample_interval([])
