"""The metrics of the tasks: entities in tags, answers, ranks, written texts, several labels, numbers, and calibration.

scikit-learn and scipy compute what they have; the rest follows the definition that its docstring cites.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..arguments import check_argument, check_arguments, check_array, check_kind, check_list, check_number, check_text
from .words import ATTACHED, is_punctuation_of_answers, split_words_and_punctuation

ARTICLE = re.compile(rf"(?<![\w{ATTACHED}])(?:a|an|the)(?![\w{ATTACHED}])")
ENTITY_TAG = re.compile(r"[BIESLUM]-(.+)", re.DOTALL)  # the type of the entity follows the hyphen


def check_pairs_of_lists(predicted: Sequence, expected: Sequence, kind: type | tuple[type, ...] = str) -> None:
    """Raise TypeError or ValueError unless both are lists of texts (or of another kind), equally many and not none."""
    check_arguments(predicted=(predicted, [kind]), expected=(expected, [kind]))
    if len(predicted) != len(expected) or not len(predicted):
        raise ValueError(f"{len(predicted)} and {len(expected)} texts: there must be equally many, and at least one")


def are_entity_tags(tags: set[str]) -> bool:
    """Whether these are tags of entities: O, and others that begin with B-, I-, E-, S- (or the L- and U- of BILOU, the
    M- of BMES)."""
    return len(tags) > 1 and all(tag == "O" or ENTITY_TAG.match(tag) for tag in tags)


def find_entities(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """(first word, word after the last, type) of each entity, as in conlleval (Tjong Kim Sang and De Meulder 2003).

    An entity begins at B- (S-, U-), and also at an I- (E-, L-) that continues nothing or follows another type. So
    IOB1, IOB2, BIOES, BILOU and BMES are all read correctly, and every sequence of tags that a model predicts has a
    meaning.
    """
    tags = check_argument(check_list(tags, "tags", "tags"), [str], "tags")
    entities: list[tuple[int, int, str]] = []
    current: tuple[int, str] | None = None  # (first word, type) of the entity that is still open
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, entity_type = tag.partition("-")
        if current and (prefix in "OBSU" or entity_type != current[1]):
            entities.append((current[0], i, current[1]))
            current = None
        if prefix != "O" and current is None:
            current = (i, entity_type)
        if prefix in "ESLU":
            entities.append((current[0], i + 1, current[1]))
            current = None
    return entities


def to_iob2(tags: Sequence[str]) -> list[str]:
    """The same entities in IOB2: B- on the first word of each, I- on its other words, O outside."""
    tags = check_list(tags, "tags", "tags")
    iob2 = ["O"] * len(tags)
    for start, end, entity_type in find_entities(tags):
        iob2[start:end] = [f"B-{entity_type}"] + [f"I-{entity_type}"] * (end - start - 1)
    return iob2


def to_iob1(tags: Sequence[str]) -> list[str]:
    """The same entities in IOB1: I- on each word, but B- at the start of one that directly follows one of its type."""
    tags = check_list(tags, "tags", "tags")
    iob1, entities = ["O"] * len(tags), find_entities(tags)
    ends = {(end, entity_type) for _, end, entity_type in entities}
    for start, end, entity_type in entities:
        first = "B" if (start, entity_type) in ends else "I"
        iob1[start:end] = [f"{first}-{entity_type}"] + [f"I-{entity_type}"] * (end - start - 1)
    return iob1


def detect_scheme(sentences: Sequence[Sequence[str]]) -> str:
    """The tagging scheme of a file: "plain" (no entities; parts of speech, for example), "BIOES" (BILOU and BMES too),
    "IOB2", "IOB1", or "mixed"."""
    used = {tag for tags in sentences for tag in tags}
    if not are_entity_tags(used):
        return "plain"
    if {tag[0] for tag in used} & set("ESLUM"):
        return "BIOES"
    if all(to_iob2(tags) == list(tags) for tags in sentences):
        return "IOB2"
    return "IOB1" if all(to_iob1(tags) == list(tags) for tags in sentences) else "mixed"


def score_entities(expected: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> dict[str, float]:
    """Precision, recall and F1 of entities (first word, last word and type must be correct), over all sentences. Each
    score is 0 where there is nothing to count."""
    check_pairs_of_lists(expected, predicted, (list, tuple))
    pairs = [(set(find_entities(a)), set(find_entities(b))) for a, b in zip(expected, predicted, strict=True)]
    correct = sum(len(a & b) for a, b in pairs)
    precision = correct / max(1, sum(len(b) for _, b in pairs))
    recall = correct / max(1, sum(len(a) for a, _ in pairs))
    f1 = 2 * precision * recall / (precision + recall) if correct else 0.0
    return {"f1": f1, "precision": precision, "recall": recall}


def normalize_answer(text: str) -> str:
    """An answer as SQuAD compares it: lower case, without punctuation and without a, an, the, single spaces."""
    check_text(text, "text")
    text = "".join(char for char in text.lower() if not is_punctuation_of_answers(char))
    return " ".join(ARTICLE.sub(" ", text).split())


def exact_match(predicted: str, expected: Sequence[str]) -> float:
    """1.0 if the predicted answer equals one of the expected ones after `normalize_answer`, else 0.0.

    An empty `predicted` means "no answer", which is correct if `expected` is empty (SQuAD 2.0).
    """
    expected = check_list(expected, "expected", "answers")
    check_text(predicted, "predicted")
    return float(any(normalize_answer(predicted) == normalize_answer(answer) for answer in expected or [""]))


def compute_word_f1(predicted: str, expected: str) -> float:
    """F1 of the words that two answers share; 1.0 if both are empty after `normalize_answer`, 0.0 if only one is."""
    a, b = (Counter(normalize_answer(text).split()) for text in (predicted, expected))
    return 2 * (a & b).total() / (a.total() + b.total()) if a or b else 1.0


def answer_f1(predicted: str, expected: Sequence[str]) -> float:
    """F1 of the words of the predicted answer against the expected one that fits best (Rajpurkar et al. 2016, 6.1).
    Empty answers as for `exact_match`."""
    expected = check_list(expected, "expected", "answers")
    check_text(predicted, "predicted")
    return max(compute_word_f1(predicted, answer) for answer in expected or [""])


def recall_at(k: int, ranks: Sequence[int]) -> float:
    """The share of cases in which the correct candidate is among the first k. `ranks` are its ranks, from 0."""
    k = check_number(k, "k", least=1, whole=True)
    ranks = check_argument(check_list(ranks, "ranks", "numbers"), [int], "ranks")
    if not ranks:
        raise ValueError("ranks is empty: there is no case to count")
    return sum(rank < k for rank in ranks) / len(ranks)


def resample_interval(
    values: Sequence[float], groups: Sequence | None = None, draws: int = 2000
) -> tuple[float, float]:
    """The 95% interval of the mean of `values` by the bootstrap (Efron 1979), always with the same random numbers.

    Values with the same entry in `groups` belong together, such as the questions on one article: they are drawn
    together. Raises ValueError for no values, or groups that are not as many.
    """
    values = check_array(values, "values", "N")
    draws = check_number(draws, "draws", least=1, whole=True)
    groups = range(len(values)) if groups is None else groups
    if len(groups) != len(values) or not len(values):
        raise ValueError(f"{len(groups)} groups for {len(values)} values: there must be as many, and at least one")
    sums: dict = {}
    for value, group in zip(values.tolist(), groups, strict=True):
        total, count = sums.get(group, (0.0, 0))
        sums[group] = (total + value, count + 1)
    table = np.array(list(sums.values()))  # (groups, 2): sum and number of the values
    chosen = np.random.default_rng(0).integers(len(table), size=(draws, len(table)))
    means = table[:, 0][chosen].sum(1) / table[:, 1][chosen].sum(1)
    low, high = np.percentile(means, [2.5, 97.5]).tolist()
    return low, high


def count_ngrams(items: Sequence, n: int) -> Counter:
    """How often each run of n neighbouring items occurs, as {tuple of n items: count}."""
    check_kind(items, Sequence, "items", "a text or a list")
    n = check_number(n, "n", least=1, whole=True)
    return Counter(tuple(items[i : i + n]) for i in range(len(items) - n + 1))


def count_matching_ngrams(pairs: Sequence[tuple[Sequence, Sequence]], n: int) -> tuple[int, int, int]:
    """(matching, predicted, expected) n-grams of a corpus of (predicted, expected) texts. An n-gram matches as often as
    it occurs on both sides of a pair."""
    counts = [(count_ngrams(predicted, n), count_ngrams(expected, n)) for predicted, expected in pairs]
    matching = sum((a & b).total() for a, b in counts)
    return matching, sum(a.total() for a, _ in counts), sum(b.total() for _, b in counts)


def count_each_text(predicted: Sequence[Sequence], expected: Sequence[Sequence], order: int) -> np.ndarray:
    """(N, O, 3): the matching, predicted and expected n-grams of each of N texts, for n from 1 to O = `order`."""
    pairs = list(zip(predicted, expected, strict=True))
    return np.array([[count_matching_ngrams([pair], n) for n in range(1, order + 1)] for pair in pairs], float)


def count_characters(predicted: Sequence[str], expected: Sequence[str], order: int = 6) -> np.ndarray:
    """(N, O, 3): the n-grams of characters, without spaces, that chrF counts."""
    return count_each_text(*(["".join(text.split()) for text in texts] for texts in (predicted, expected)), order)


def count_words(predicted: Sequence[str], expected: Sequence[str], order: int = 4) -> np.ndarray:
    """(N, O, 3): the n-grams of words and punctuation that BLEU counts."""
    return count_each_text(*(list(map(split_words_and_punctuation, texts)) for texts in (predicted, expected)), order)


def compute_chrf_of_counts(counts: np.ndarray, beta: float = 2.0) -> np.ndarray:
    """chrF of counts (..., O, 3) that are summed over the texts of a corpus."""
    matching, predicted, expected = np.moveaxis(counts, -1, 0)
    exists = (predicted > 0) & (expected > 0)
    orders = np.maximum(exists.sum(-1), 1)
    precision = np.where(exists, matching / np.maximum(predicted, 1), 0).sum(-1) / orders
    recall = np.where(exists, matching / np.maximum(expected, 1), 0).sum(-1) / orders
    return 100 * (1 + beta**2) * precision * recall / np.maximum(beta**2 * precision + recall, 1e-12)


def compute_bleu_of_counts(counts: np.ndarray) -> np.ndarray:
    """BLEU of counts (..., O, 3) that are summed over the texts of a corpus: 0 if no n-gram of some n matches."""
    matching, predicted, expected = np.moveaxis(counts, -1, 0)
    with np.errstate(divide="ignore"):
        log_precision = np.log(matching / np.maximum(predicted, 1)).mean(-1)
    penalty = np.minimum(0.0, 1 - expected[..., 0] / np.maximum(predicted[..., 0], 1))
    return 100 * np.exp(penalty + log_precision)


def compute_chrf(predicted: Sequence[str], expected: Sequence[str], order: int = 6, beta: float = 2.0) -> float:
    """chrF2 of a corpus, from 0 to 100 (Popović 2015): F2 of the mean precision and the mean recall of character 1- to
    6-grams, without spaces. Computed as in sacrebleu."""
    check_pairs_of_lists(predicted, expected)
    return float(compute_chrf_of_counts(count_characters(predicted, expected, order).sum(0), beta))


def compute_bleu(predicted: Sequence[str], expected: Sequence[str], order: int = 4) -> float:
    """BLEU of a corpus, from 0 to 100 (Papineni et al. 2002): the geometric mean of the precisions of word 1- to
    4-grams, times a penalty for texts that are too short. Without smoothing: 0 if no n-gram of some n matches."""
    check_pairs_of_lists(predicted, expected)
    return float(compute_bleu_of_counts(count_words(predicted, expected, order).sum(0)))


def compute_lcs_length(a: Sequence, b: Sequence) -> int:
    """The length of the longest common subsequence: the most items that `a` and `b` share in order, gaps allowed."""
    lengths = [0] * (len(b) + 1)  # lengths[j] is that of the items of a so far and b[:j]
    for item in a:
        previous = lengths[:]
        for j, other in enumerate(b):
            lengths[j + 1] = previous[j] + 1 if item == other else max(previous[j + 1], lengths[j])
    return lengths[-1]


def compute_rouge_l(predicted: Sequence[str], expected: Sequence[str]) -> float:
    """ROUGE-L, from 0 to 100 (Lin 2004): F1 of the longest common subsequence of lower-case words, averaged over the
    texts. A text without words scores 0."""
    check_pairs_of_lists(predicted, expected)
    scores = []
    for texts in zip(predicted, expected, strict=True):
        a, b = (split_words_and_punctuation(text.lower()) for text in texts)
        scores.append(2 * compute_lcs_length(a, b) / (len(a) + len(b)) if a and b else 0.0)
    return 100 * sum(scores) / len(scores)


def score_multilabel(
    expected: Sequence[set[str]], predicted: Sequence[set[str]], labels: Sequence[str]
) -> dict[str, float]:
    """Scores of N examples that may each carry several of the `labels`, or none.

    - `micro_f1`: F1 = 2 TP / (2 TP + FP + FN) of all N x len(labels) yes-or-no decisions counted together;
    - `macro_f1`: the F1 of each label alone, averaged over `labels`; 0 for a label that occurs on neither side;
    - `exact`: the share of examples whose predicted set is exactly the expected one (subset accuracy).

    As scikit-learn's `f1_score` and `accuracy_score` on indicator matrices, with zero_division=0. Raises ValueError if
    there is no example, the lengths differ, or a set holds something that is not in `labels`.
    """
    from sklearn.metrics import f1_score

    if not expected or len(expected) != len(predicted):
        counts = f"{len(expected)} expected and {len(predicted)} predicted sets of labels"
        raise ValueError(f"{counts}: there must be equally many, and at least one")
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


def score_numbers(expected: Sequence[float], predicted: Sequence[float]) -> dict[str, float]:
    """`pearson`, `spearman` and `mae` of two lists of numbers.

    Pearson's r, from -1 to 1, measures how close the points (expected, predicted) are to a rising line; Spearman's
    correlation is that of the ranks, so only the order counts (equal numbers share the average of their ranks). Both
    are 0.0 where one side is constant up to rounding, although undefined there: a model that always predicts the same
    number has explained nothing. `mae` is the mean absolute error.

    Raises ValueError if the lists are empty, not equally long, or hold nan or infinity.
    """
    from scipy.stats import pearsonr, spearmanr

    x, y = np.asarray(expected, float), np.asarray(predicted, float)
    if not len(x) or x.shape != y.shape:
        raise ValueError(f"cannot correlate {len(x)} with {len(y)} numbers: both need equally many, at least one")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("cannot correlate numbers of which some are nan or infinite")
    is_constant = any(np.ptp(side) <= 1e-12 * np.abs(side).max() for side in (x, y))
    r, rho = (0.0 if is_constant else float(correlate(x, y).statistic) for correlate in (pearsonr, spearmanr))
    return {"pearson": r, "spearman": rho, "mae": float(np.abs(x - y).mean())}


def measure_calibration(confidence: Sequence[float], right: Sequence[bool], bins: int = 10) -> dict:
    """How far the probabilities of N predictions can be trusted (Guo et al. 2017).

    `confidence` holds the probability of each prediction, `right` whether it was correct. The result has a list entry
    for each of `bins` of equal width that is not empty: its mean `confidence`, the share that was `right`, and the
    `count` of predictions; and `ece`, the mean gap between confidence and share, weighted by count.
    """
    confidence, right = check_array(confidence, "confidence", "N"), check_array(right, "right", "N")
    bins = check_number(bins, "bins", least=1, most=10_000, whole=True)
    if len(confidence) != len(right) or not len(right) or not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError(
            f"{len(confidence)} probabilities from 0 to 1 are needed for {len(right)} answers, one at least"
        )
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    members = [bin_of == number for number in np.unique(bin_of)]
    means = [confidence[inside].mean() for inside in members]
    shares = [right[inside].mean() for inside in members]
    counts = [int(inside.sum()) for inside in members]
    gaps = [abs(mean - share) * count for mean, share, count in zip(means, shares, counts, strict=True)]
    return {"confidence": means, "right": shares, "count": counts, "ece": sum(gaps) / len(right)}
