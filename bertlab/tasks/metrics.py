"""The metrics of the tasks: names in tags, answers, several labels, numbers, ranks, written texts, and calibration.

scikit-learn and scipy compute what they have; the rest follows the official definition that its docstring cites.
"""

import math
import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np


def are_entity_tags(tags: set[str]) -> bool:
    """Whether these are tags of names: O, and others that begin with B-, I-, E-, S- (or the L- and U- of BILOU)."""
    return len(tags) > 1 and all(tag == "O" or re.match("[BIESLU]-.", tag) for tag in tags)


def find_entities(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """(first word, word after the last, type) of each name, as conlleval finds them (Tjong Kim Sang, De Meulder 2003).

    A name begins at B- (S-, U-), and also at an I- (E-, L-) that goes on nothing, or something of another type. So
    IOB1, IOB2 and BIOES are all read rightly, and what a model writes always has a meaning.
    """
    found: list[tuple[int, int, str]] = []
    open_: tuple[int, str] | None = None  # (first word, type)
    for i, tag in enumerate([*tags, "O"]):
        mark, _, kind = tag.partition("-")
        if open_ and (mark in "OBSU" or kind != open_[1]):
            found.append((open_[0], i, open_[1]))
            open_ = None
        if mark != "O" and open_ is None:
            open_ = (i, kind)
        if mark in "ESLU":
            found.append((open_[0], i + 1, open_[1]))
            open_ = None
    return found


def to_iob2(tags: Sequence[str]) -> list[str]:
    """The same names in IOB2: B- on the first word of each, I- on the others, O outside."""
    new = ["O"] * len(tags)
    for start, end, kind in find_entities(tags):
        new[start:end] = [f"B-{kind}"] + [f"I-{kind}"] * (end - start - 1)
    return new


def detect_scheme(sentences: Sequence[Sequence[str]]) -> str:
    """What the tags of a file are: "plain" (parts of speech, say), "BIOES", "IOB2", "IOB1", or "mixed"."""
    marks = {tag[0] for tags in sentences for tag in tags}
    if not are_entity_tags({tag for tags in sentences for tag in tags}):
        return "plain"
    if marks & set("ESLU"):
        return "BIOES"
    if all(to_iob2(tags) == list(tags) for tags in sentences):
        return "IOB2"
    return "IOB1" if all(to_iob1(tags) == list(tags) for tags in sentences) else "mixed"


def to_iob1(tags: Sequence[str]) -> list[str]:
    """The same names in IOB1: B- only where a name follows one of its own type without a word between."""
    new, before = ["O"] * len(tags), (0, -1, "")
    for start, end, kind in find_entities(tags):
        new[start:end] = [f"I-{kind}"] * (end - start)
        if before[1:] == (start, kind):
            new[start] = f"B-{kind}"
        before = (start, end, kind)
    return new


def score_entities(right: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> dict[str, float]:
    """Precision, recall and F1 of whole names, over all sentences: one counts if its first word, last word and type are
    right. Each is 0 where nothing can be counted."""
    hits = said_ = there = 0
    for true, guess in zip(right, said, strict=True):
        true, guess = set(find_entities(true)), set(find_entities(guess))
        hits, said_, there = hits + len(true & guess), said_ + len(guess), there + len(true)
    precision, recall = hits / said_ if said_ else 0.0, hits / there if there else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return {"f1": f1, "precision": precision, "recall": recall}


def normalize_answer(text: str) -> str:
    """An answer as SQuAD compares it: lower case, without punctuation, without a, an, the, one space at a time."""
    text = "".join(char for char in text.lower() if char not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def exact_match(said: str, right: Sequence[str]) -> float:
    """1 if what was said is one of the right answers, 0 if not. No answer is "", and right if there is none."""
    return float(any(normalize_answer(said) == normalize_answer(one) for one in right or [""]))


def answer_f1(said: str, right: Sequence[str]) -> float:
    """F1 of the words of what was said, against the right answer that fits best (Rajpurkar et al. 2016, 6.1)."""

    def one(true: str) -> float:
        a, b = normalize_answer(said).split(), normalize_answer(true).split()
        if not a or not b:
            return float(a == b)
        common = (Counter(a) & Counter(b)).total()
        return 2 * common / (len(a) + len(b))

    return max(one(true) for true in right or [""])


def recall_at(k: int, ranks: Sequence[int]) -> float:
    """The share of cases in which the right one is among the first k; `ranks` are its places, from 0."""
    return sum(rank < k for rank in ranks) / len(ranks)


def count_ngrams(items: Sequence, n: int) -> Counter:
    return Counter(tuple(items[i : i + n]) for i in range(len(items) - n + 1))


def compute_chrf(said: Sequence[str], right: Sequence[str], order: int = 6, beta: float = 2.0) -> float:
    """chrF2 of a corpus, 0 to 100 (Popović 2015): F2 of the mean precision and recall of 1- to 6-grams of characters,
    spaces left out. As sacrebleu computes it."""
    precisions, recalls = [], []
    for n in range(1, order + 1):
        hits = guessed = there = 0
        for guess, true in zip(said, right, strict=True):
            a, b = count_ngrams("".join(guess.split()), n), count_ngrams("".join(true.split()), n)
            hits, guessed, there = hits + (a & b).total(), guessed + a.total(), there + b.total()
        if guessed and there:
            precisions.append(hits / guessed)
            recalls.append(hits / there)
    if not precisions or not sum(precisions) + sum(recalls):
        return 0.0
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return 100 * (1 + beta**2) * precision * recall / (beta**2 * precision + recall) if precision + recall else 0.0


def split_words(text: str) -> list[str]:
    """Words and marks, each by itself."""
    return re.findall(r"\w+|[^\w\s]", text)


def compute_bleu(said: Sequence[str], right: Sequence[str], order: int = 4) -> float:
    """BLEU of a corpus, 0 to 100 (Papineni et al. 2002): the geometric mean of the precisions of 1- to 4-grams of
    words, times a penalty for what is too short. Without smoothing; 0 when there is no hit of some n."""
    hits, guessed = [0] * order, [0] * order
    pairs = [(split_words(guess), split_words(true)) for guess, true in zip(said, right, strict=True)]
    for a, b in pairs:
        for n in range(order):
            one = count_ngrams(a, n + 1)
            hits[n] += (one & count_ngrams(b, n + 1)).total()
            guessed[n] += one.total()
    if not all(hits):
        return 0.0
    length, wanted = sum(len(a) for a, _ in pairs), sum(len(b) for _, b in pairs)
    log_precision = sum(math.log(hit / all_) for hit, all_ in zip(hits, guessed, strict=True)) / order
    return 100 * math.exp(min(0.0, 1 - wanted / length) + log_precision)


def compute_rouge_l(said: Sequence[str], right: Sequence[str]) -> float:
    """ROUGE-L, 0 to 100 (Lin 2004): F1 of the longest common subsequence of lower-case words, the mean over texts."""
    total = 0.0
    for guess, true in zip(said, right, strict=True):
        a, b = split_words(guess.lower()), split_words(true.lower())
        row = [0] * (len(b) + 1)
        for word in a:
            former = row[:]
            for j, other in enumerate(b):
                row[j + 1] = former[j] + 1 if word == other else max(former[j + 1], row[j])
        total += 2 * row[-1] / (len(a) + len(b)) if a and b else 0.0
    return 100 * total / len(said)


def measure_calibration(confidence: Sequence[float], right: Sequence[bool], bins: int = 10) -> dict:
    """How far a model's probabilities can be trusted: for each bin of confidence with something in it the mean
    confidence, the share that was right and the count, and `ece`, the mean gap weighted by count (Guo et al. 2017)."""
    confidence, right = np.asarray(confidence, float), np.asarray(right, float)
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    rows = [(confidence[which == b].mean(), right[which == b].mean(), int((which == b).sum())) for b in range(bins)
            if (which == b).any()]  # fmt: skip
    ece = sum(abs(sure - share) * count for sure, share, count in rows) / len(right)
    return {
        "confidence": [r[0] for r in rows],
        "right": [r[1] for r in rows],
        "count": [r[2] for r in rows],
        "ece": ece,
    }


# ---- Several labels, and numbers -------------------------------------------------------------------------------------


def score_multilabel(
    expected: Sequence[set[str]], predicted: Sequence[set[str]], labels: Sequence[str]
) -> dict[str, float]:
    """Scores of N examples that may each carry several of the `labels`, or none.

    - `micro_f1`: F1 = 2 TP / (2 TP + FP + FN) of all N x len(labels) yes-or-no decisions counted together, so a
      frequent label weighs more than a rare one;
    - `macro_f1`: the F1 of each label alone, averaged over `labels`. A label that is neither expected nor predicted
      anywhere counts as 0;
    - `exact`: the share of examples whose predicted set is exactly the expected one (subset accuracy).

    As scikit-learn's `f1_score` and `accuracy_score` on indicator matrices, with zero_division=0. Raises ValueError if
    there is no example, the lengths differ, or a set holds something that is not in `labels`.
    """
    from sklearn.metrics import f1_score

    if not expected or len(expected) != len(predicted):
        raise ValueError(
            f"{len(expected)} expected and {len(predicted)} predicted sets: need as many, and at least one"
        )
    if unknown := set().union(*expected, *predicted) - set(labels):
        raise ValueError(f"{sorted(unknown)[0]!r} is not one of the labels {', '.join(labels)}")
    truth = np.array([[label in chosen for label in labels] for chosen in expected])  # (N, labels)
    guess = np.array([[label in chosen for label in labels] for chosen in predicted])
    per_label = [f1_score(*columns, zero_division=0) for columns in zip(truth.T, guess.T, strict=True)]
    return {
        "micro_f1": float(f1_score(truth.ravel(), guess.ravel(), zero_division=0)),
        "macro_f1": float(np.mean(per_label)),
        "exact": float((truth == guess).all(axis=1).mean()),
    }


def _is_constant(values: np.ndarray) -> bool:
    """Whether all values are equal, up to the rounding of float64."""
    return bool(np.ptp(values) <= 1e-12 * np.abs(values).max())


def _as_finite_pair(x: Sequence[float], y: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x, float), np.asarray(y, float)
    if not len(x) or x.shape != y.shape or not np.isfinite([x, y]).all():
        raise ValueError(f"need two equally long lists of finite numbers, not {x} and {y}")
    return x, y


def pearson(x: Sequence[float], y: Sequence[float]) -> float:
    """Pearson's correlation r of two lists of numbers, from -1 to 1: their covariance over the product of their
    standard deviations. It measures how close the points (x, y) are to a rising line.

    0.0 where one side is constant, although r is undefined there (scipy gives nan): a model that always predicts the
    same number has explained nothing. Raises ValueError if a list is empty, holds nan, or the lengths differ.
    """
    from scipy.stats import pearsonr

    x, y = _as_finite_pair(x, y)
    return 0.0 if _is_constant(x) or _is_constant(y) else float(pearsonr(x, y).statistic)


def spearman(x: Sequence[float], y: Sequence[float]) -> float:
    """Spearman's rank correlation of two lists of numbers, from -1 to 1: Pearson's r of their ranks, so only the order
    counts. Equal numbers share the average of their ranks. 0.0 where one side is constant; errors as for `pearson`.
    """
    from scipy.stats import spearmanr

    x, y = _as_finite_pair(x, y)
    return 0.0 if _is_constant(x) or _is_constant(y) else float(spearmanr(x, y).statistic)


def score_numbers(expected: Sequence[float], predicted: Sequence[float]) -> dict[str, float]:
    """`pearson` and `spearman` of predicted and expected numbers, and `mae`, their mean absolute error in the same unit."""
    from sklearn.metrics import mean_absolute_error

    return {
        "pearson": pearson(expected, predicted),
        "spearman": spearman(expected, predicted),
        "mae": float(mean_absolute_error(expected, predicted)),
    }
