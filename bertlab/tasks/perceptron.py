"""The structured perceptron (Collins 2002): a tagger without a neural network, the baseline that a BERT has to beat.

A word is described by features that a person chose, such as its spelling and its neighbours. Each feature and each pair
of adjacent tags has a weight for each tag, and the tags of a sentence are those whose weights sum to the most.

Dimension letters: W words of a sentence, F features of a word, C tags, S slots for features.
"""

import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

WEIGHTS = 2**24  # slots x tags. The slot of a feature is a hash, so the memory does not grow with the data
EDGE = "<edge>"  # the word before the first and after the last one


def hash_feature(feature: str) -> int:
    """The same 32-bit number for a feature on every machine."""
    return zlib.crc32(feature.encode("utf-8", "surrogatepass"))


def describe_shape(word: str) -> str:
    """The kinds of characters in a word, each run once: "Xx" for Paris, "X.X." for U.S., "9-x" for 20-year."""
    kinds = ["X" if char.isupper() else "x" if char.islower() else "9" if char.isdigit() else char for char in word]
    return "".join(kind for kind, before in zip(kinds, ["", *kinds], strict=False) if kind != before)


@lru_cache(200_000)
def hash_spelling(word: str) -> tuple[int, ...]:
    """Hashes of the features of a word by itself: its letters, its shape, its beginnings and its endings."""
    lower = word.lower()
    features = [f"word {word}", f"lower {lower}", f"shape {describe_shape(word)}"]
    features += [f"begins {lower[:size]}" for size in (1, 2, 3)] + [f"ends {lower[-size:]}" for size in (1, 2, 3, 4)]
    return tuple(map(hash_feature, features))


def hash_features(words: Sequence[str]) -> np.ndarray:
    """(W, F) hashes of the features of each word: its spelling, and the two words on either side of it."""
    padded = [EDGE, EDGE, *words, EDGE, EDGE]
    rows = []
    for i, word in enumerate(padded[2:-2], 2):
        two_before, before, after, two_after = padded[i - 2], padded[i - 1], padded[i + 1], padded[i + 2]
        context = (f"-2 {two_before}", f"-1 {before}", f"+1 {after}", f"+2 {two_after}", f"-1 0 {before} {word}",
                   f"0 +1 {word} {after}", f"-1 ends {before[-3:].lower()}", f"+1 ends {after[-3:].lower()}",
                   f"-1 shape {describe_shape(before)} {describe_shape(word)}")  # fmt: skip
        rows.append(hash_spelling(word) + tuple(map(hash_feature, context)))
    return np.array(rows, np.int64)


def find_best_path(scores: np.ndarray, transitions: np.ndarray) -> np.ndarray:
    """(W,) the tags of a sentence with the largest sum, by Viterbi's algorithm.

    `scores` (W, C) are those of each word; `transitions` (C, C + 1) those of a tag (row) after another one (column), of
    which the last column stands for the start of the sentence.
    """
    best, into = scores[0] + transitions[:, -1], transitions[:, :-1]
    came_from = np.empty(scores.shape, np.int64)
    for position in range(1, len(scores)):
        sums = into + best  # (C, C): to, from
        came_from[position] = sums.argmax(1)
        best = sums.max(1) + scores[position]
    path = [int(best.argmax())]
    for position in range(len(scores) - 1, 0, -1):
        path.append(int(came_from[position, path[-1]]))
    return np.array(path[::-1])


class PerceptronTagger:
    """A structured perceptron with averaged weights. `fit_perceptron` makes one."""

    def __init__(self, labels: Sequence[str], weights: np.ndarray, transitions: np.ndarray):
        self.labels, self.weights, self.transitions = list(labels), weights, transitions

    def tag(self, words: Sequence[str]) -> list[str]:
        """The tag of each word."""
        if not words:
            return []
        scores = self.weights[hash_features(words) % len(self.weights)].sum(1)  # (W, C)
        return [self.labels[number] for number in find_best_path(scores, self.transitions)]


def fit_perceptron(
    sentences: Sequence[Sequence[str]], tags: Sequence[Sequence[str]], epochs: int = 5, seed: int = 0
) -> PerceptronTagger:
    """Learn from sentences (lists of words) and the tags of their words.

    In each epoch the sentences are tagged in a random order. Where the best path is wrong, the weights of the true path
    rise by one and those of the wrong one fall by one. What is used are the means of the weights over all sentences and
    epochs (Collins 2002, section 2.3). Raises ValueError when there is no word.
    """
    labels = sorted({tag for row in tags for tag in row})
    if not labels:
        raise ValueError("there are no tagged words to learn from")
    number, slots = {label: i for i, label in enumerate(labels)}, WEIGHTS // len(labels)
    rows = [(hash_features(words) % slots, np.array([number[tag] for tag in row]))
            for words, row in zip(sentences, tags, strict=True) if words]  # fmt: skip
    weights, transitions = np.zeros((slots, len(labels)), np.float32), np.zeros((len(labels), len(labels) + 1))
    late_weights, late_transitions = np.zeros_like(weights), np.zeros_like(transitions)  # sums of time x change
    time, rng = 0, np.random.default_rng(seed)
    for _ in range(epochs):
        for chosen in rng.permutation(len(rows)):
            features, truth = rows[chosen]
            time += 1
            guess = find_best_path(weights[features].sum(1), transitions)
            wrong = np.flatnonzero(guess != truth)
            if not len(wrong):
                continue
            for path, change in ((truth, 1), (guess, -1)):
                places = features[wrong], path[wrong, None]
                np.add.at(weights, places, np.float32(change))
                np.add.at(late_weights, places, np.float32(change * time))
                places = path, np.append(len(labels), path[:-1])
                np.add.at(transitions, places, change)
                np.add.at(late_transitions, places, change * time)
    late_weights /= -time  # the mean over all times of the weights is their last value minus this sum / time
    late_weights += weights
    return PerceptronTagger(labels, late_weights, transitions - late_transitions / time)
