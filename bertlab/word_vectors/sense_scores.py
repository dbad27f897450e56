"""The exam of notebook 02: how well vectors of a word in its sentence tell its senses apart, on two sets of our own.

Letters: N usages, P pairs, D width, L layers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..tasks.metrics import resample_interval
from .senses import SensePair, Usage, load_labelled_usages, load_verdicts, make_sense_pairs
from .usage_vectors import average_neighbours, compute_cosines, find_best_threshold, match_nearest, weigh_by_rank

WINDOWS = (3, 5, 30)  # words on each side; the last is the whole sentence


@dataclass(frozen=True)
class SenseScore:
    """What vectors reached. Shares of right answers; intervals are 95% by the bootstrap over words.

    dev, test    pairs of WordNet's examples, by a threshold chosen on the development pairs
    checked      the test pairs on which a language model and WordNet agree
    labelled     usages of the 20 words whose nearest other usage has the same sense; None for scores without vectors
    """

    dev: float
    test: float
    test_interval: tuple[float, float]
    checked: float
    threshold: float
    labelled: float | None = None
    labelled_interval: tuple[float, float] | None = None


class SenseExam:
    """All usages once (`usages`, N), and for the pairs the two places in that list (`places`, (P, 2)), whether the
    sense is the same, and the sides."""

    def __init__(self, dev: Sequence[SensePair], test: Sequence[SensePair], verdicts: Mapping[str, str],
                 labelled: Sequence[tuple[str, str, Usage]]):  # fmt: skip
        self.pairs, numbers = [*dev, *test], {}
        for usage in [u for pair in self.pairs for u in (pair.first, pair.second)] + [u for _, _, u in labelled]:
            numbers.setdefault(usage, len(numbers))
        self.usages = list(numbers)
        self.places = np.array([[numbers[pair.first], numbers[pair.second]] for pair in self.pairs])
        self.same = np.array([pair.same for pair in self.pairs])
        self.is_dev = np.arange(len(self.pairs)) < len(dev)
        answers = ["same" if pair.same else "different" for pair in self.pairs]
        self.is_checked = np.array(
            [verdicts.get(pair.name) == answer for pair, answer in zip(self.pairs, answers, strict=True)]
        )
        self.words = np.array([pair.word for pair in self.pairs])
        self.labelled_places = np.array([numbers[usage] for _, _, usage in labelled])
        self.labelled_words = [word for word, _, _ in labelled]
        self.labelled_senses = [sense for _, sense, _ in labelled]

    def compare(self, vectors: np.ndarray) -> np.ndarray:
        """The cosine of each pair: (N, D) -> (P,)."""
        return compute_cosines(vectors[self.places[:, 0]], vectors[self.places[:, 1]])

    def centre(self, vectors: np.ndarray) -> np.ndarray:
        """The vectors (N, D) without the mean of those of the development pairs."""
        return vectors - vectors[self.places[self.is_dev].ravel()].mean(0)

    def judge_cosines(self, cosines: np.ndarray, choose_threshold: Callable = find_best_threshold) -> SenseScore:
        """Choose a threshold on the development pairs, and judge all pairs by it. `cosines` (P,) may be any score."""
        threshold = choose_threshold(cosines[self.is_dev], self.same[self.is_dev])
        right = (cosines >= threshold) == self.same
        test = ~self.is_dev
        low, high = resample_words(right[test], self.words[test])
        return SenseScore(float(right[self.is_dev].mean()), float(right[test].mean()), (low, high),
                          float(right[self.is_checked].mean()), float(threshold))  # fmt: skip

    def judge(self, vectors: np.ndarray, choose_threshold: Callable = find_best_threshold) -> SenseScore:
        """Judge vectors of all usages (N, D) on the pairs and on the labelled words."""
        score = self.judge_cosines(self.compare(vectors), choose_threshold)
        right = match_nearest(vectors[self.labelled_places], self.labelled_words, self.labelled_senses)
        interval = resample_words(right, np.array(self.labelled_words))
        return SenseScore(**{**vars(score), "labelled": float(right.mean()), "labelled_interval": interval})

    def judge_best(self, candidates: Mapping[str, np.ndarray], choose_threshold: Callable = find_best_threshold):
        """(name, score) of the candidate with the highest accuracy on the development pairs; the first of several."""
        scores = {name: self.judge(vectors, choose_threshold) for name, vectors in candidates.items()}
        best = max(scores, key=lambda name: scores[name].dev)
        return best, scores[best]


def make_sense_exam() -> SenseExam:
    """The exam of WordNet's examples and of the labelled sentences of our texts."""
    return SenseExam(*make_sense_pairs(), load_verdicts(), load_labelled_usages())


def list_neighbour_vectors(exam: SenseExam, words: Sequence[str], vectors: np.ndarray) -> dict[str, np.ndarray]:
    """settings -> the averaged static vectors of the neighbours of every usage, as they are and centred."""
    index, found = {word: number for number, word in enumerate(words)}, {}
    for window in WINDOWS:
        for name, weighing in (("equal weights", None), ("rare words more", weigh_by_rank(np.arange(len(words))))):
            mean = average_neighbours(exam.usages, index, vectors, window, weighing)
            found[f"window {window}, {name}"] = mean
            found[f"window {window}, {name}, centred"] = exam.centre(mean)
    return found


def list_layer_vectors(exam: SenseExam, states: np.ndarray) -> dict[str, np.ndarray]:
    """settings -> the vectors after each layer (L + 1, N, D), as they are and centred."""
    names = ["embeddings", *(f"layer {number}" for number in range(1, len(states)))]
    plain = dict(zip(names, states, strict=True))
    return plain | {f"{name}, centred": exam.centre(vectors) for name, vectors in plain.items()}


def format_score(name: str, score: SenseScore | Mapping, settings: str = "") -> str:
    """One line of the table: the test pairs with their interval, the checked ones, the labelled words, the settings.

    `score` may be a row of data/senses.json."""
    values = score if isinstance(score, Mapping) else vars(score)
    pairs, labelled = (
        "--"
        if values[key] is None
        else "{:.0f}% [{:.0f} to {:.0f}]".format(*(100 * x for x in (values[key], *values[f"{key}_interval"])))
        for key in ("test", "labelled")
    )
    return f"{name:28} pairs {pairs}  checked {100 * values['checked']:.0f}%  own words {labelled}  {settings}".rstrip()


def resample_words(right: np.ndarray, words: np.ndarray) -> tuple[float, float]:
    """The 95% interval of the mean of `right` (N,), when whole words (N,) are drawn anew."""
    order = np.argsort(words, kind="stable")
    return resample_interval(right[order].astype(float), words[order].tolist())


def compute_layer_mix(states: Tensor, weights: Tensor, scale: float | Tensor = 1.0) -> Tensor:
    """ELMo's mix of layers: states (L + 1, N, D) and a weight for each, (L + 1,), before a softmax -> (N, D)."""
    return scale * (weights.softmax(0)[:, None, None] * states).sum(0)


def learn_layer_mix(exam: SenseExam, states: np.ndarray, mix: Callable = compute_layer_mix, steps: int = 150) -> Tensor:
    """The weights (L + 1,) of a mix of layers (L + 1, N, D), learned on the development pairs by a logistic regression
    on the cosine of the mixed vectors. Weights that are far from equal are pulled back a little."""
    first, second = (torch.from_numpy(states[:, exam.places[exam.is_dev, side]]) for side in (0, 1))
    same = torch.from_numpy(exam.same[exam.is_dev]).float()
    weights = torch.zeros(len(states), requires_grad=True)
    slope, offset = torch.ones((), requires_grad=True), torch.zeros((), requires_grad=True)
    optimizer = torch.optim.Adam([weights, slope, offset], lr=0.05)
    for _ in range(steps):
        cosines = torch.nn.functional.cosine_similarity(mix(first, weights), mix(second, weights), dim=-1)
        logits = 10 * slope * (cosines - cosines.mean().detach()) + offset
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, same) + 1e-3 * weights.square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return weights.detach()
