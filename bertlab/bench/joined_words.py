"""What frozen vectors know of a word's context: two words are joined into one, and a linear probe has to part them.

Such joined words are called pseudowords (Gale, Church and Yarowsky 1992; Schuetze 1992). Every right answer is known,
and none needs an annotator: the text said which of the two words it was before they were joined.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..model import Bert
from ..word_vectors.usage_vectors import compute_bert_states
from ..wordpiece import WordPiece

# Frequent words of the King James Bible, two of a kind in each pair, so that they occur in similar places.
PAIRS = (
    ("king", "house"), ("children", "people"), ("land", "earth"), ("day", "hand"), ("father", "city"),
    ("judah", "jerusalem"), ("moses", "jesus"), ("fire", "blood"), ("priest", "servant"), ("eyes", "hands"),
    ("mouth", "voice"), ("flesh", "water"), ("gave", "took"), ("went", "came"), ("heard", "saw"),
    ("mother", "daughter"), ("priests", "kings"), ("days", "years"), ("sons", "brethren"), ("sword", "life"),
)  # fmt: skip
# scikit-learn's C, from which each probe chooses by occurrences of its own; and the regression on words.
STRENGTHS, WORD_STRENGTHS = (0.01, 0.1, 1.0), (0.3, 1.0, 3.0, 10.0)
NEIGHBOURS = (-2, -1, 1, 2)  # the tokens that the regression on neighbours reads


@dataclass(frozen=True, eq=False)
class Occurrences:
    """Joined words in rows of text: `ids` (N, T) as the model reads them, `column` (N,) where the joined word is,
    `pair` (N,) its number, and `second` (N,) whether it was the second of the two words."""

    ids: np.ndarray
    column: np.ndarray
    pair: np.ndarray
    second: np.ndarray

    def select(self, chosen: np.ndarray) -> "Occurrences":
        return Occurrences(self.ids[chosen], self.column[chosen], self.pair[chosen], self.second[chosen])


@dataclass(frozen=True, eq=False)
class JoinedWords:
    """Pairs of words (P, 2); occurrences to fit the probes, to choose their penalty, and held-out ones to test them."""

    pairs: np.ndarray
    fit: Occurrences
    choose: Occurrences
    test: Occurrences


def find_pairs(tokenizer: WordPiece, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
    """The ids of pairs of words: (P, 2). Raises ValueError for a word that is not one token."""
    words = {word for pair in pairs for word in pair}
    if missing := sorted(words - set(tokenizer.vocab)):
        raise ValueError(f"not in the vocabulary: {', '.join(missing)}")
    return np.array([tokenizer.convert_tokens_to_ids(list(pair)) for pair in pairs])


def join_words(ids: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The ids with the second word of each pair written as the first."""
    joined = ids.copy()
    for first, second in pairs:
        joined[ids == second] = first
    return joined


def find_occurrences(rows: np.ndarray, pairs: np.ndarray) -> Occurrences:
    """All joined words in rows (N, T) of the text as it was."""
    number = np.full(int(max(rows.max(), pairs.max())) + 1, -1)
    number[pairs] = np.arange(len(pairs))[:, None]
    row, column = np.nonzero(number[rows] >= 0)
    words = rows[row, column]
    return Occurrences(join_words(rows, pairs)[row], column, number[words], words == pairs[number[words], 1])


def make_joined_words(pairs: np.ndarray, rows: np.ndarray, test_rows: np.ndarray, fit: int, choose: int) -> JoinedWords:
    """Of each word `fit` and `choose` occurrences in the training rows, drawn by chance, and all held-out ones."""
    found = find_occurrences(rows, pairs)
    order = np.random.default_rng(0).permutation(len(found.pair))
    parts: tuple[list, list] = ([], [])
    for number in range(len(pairs)):
        for second in (False, True):
            own = order[(found.pair[order] == number) & (found.second[order] == second)]
            parts[0].append(own[:fit])
            parts[1].append(own[fit : fit + choose])
    chosen = (found.select(np.concatenate(part)) for part in parts)
    return JoinedWords(pairs, *chosen, find_occurrences(test_rows, pairs))


@torch.no_grad()
def read_vectors(bert: Bert, found: Occurrences) -> list[np.ndarray]:
    """The vectors of the joined words after the embeddings and after each layer: L + 1 arrays (N, D)."""
    bert.eval()
    states: list[list[Tensor]] = [[] for _ in range(1 + len(bert.layers))]
    for ids, column in zip(
        torch.from_numpy(found.ids).split(512), torch.from_numpy(found.column).split(512), strict=True
    ):
        for number, x in enumerate(compute_bert_states(bert, ids)):
            states[number].append(x[torch.arange(len(ids)), column])
    return [torch.cat(parts).numpy() for parts in states]


def part_words(
    data: JoinedWords, fit: Sequence, choose: Sequence, test: Sequence, strengths: Sequence[float] = STRENGTHS
) -> float:
    """Fit a logistic regression for each pair on what is known of its occurrences, and return the share of all held-out
    occurrences that are parted rightly. The three are (N, F), dense or sparse."""
    from sklearn.linear_model import LogisticRegression

    right = 0
    for number in range(len(data.pairs)):
        inside = [part.pair == number for part in (data.fit, data.choose, data.test)]
        x, y = fit[inside[0]], data.fit.second[inside[0]]
        models = [LogisticRegression(C=strength, max_iter=2000).fit(x, y) for strength in strengths]
        best = max(models, key=lambda model: model.score(choose[inside[1]], data.choose.second[inside[1]]))
        if inside[2].any():
            right += (best.predict(test[inside[2]]) == data.test.second[inside[2]]).sum()
    return round(float(right / len(data.test.pair)), 4)


def probe_model(bert: Bert, data: JoinedWords) -> dict[str, float]:
    """How well a linear probe parts the words by the embeddings and by each layer. The model is not trained."""
    states = [read_vectors(bert, found) for found in (data.fit, data.choose, data.test)]
    shares = {}
    for number, vectors in enumerate(zip(*states, strict=True)):
        mean, spread = vectors[0].mean(0), vectors[0].std(0) + 1e-6
        scaled = [(x - mean) / spread for x in vectors]
        shares[f"layer {number}" if number else "embeddings"] = part_words(data, *scaled)
    return shares


def score_probe_baselines(data: JoinedWords) -> dict[str, float]:
    """Without a model: the commoner of the two words, and a regression on the tokens around the joined word."""
    from sklearn.preprocessing import OneHotEncoder

    commoner = np.array([(data.test.second[data.test.pair == n].mean() > 0.5) for n in range(len(data.pairs))])
    around = [
        found.ids[
            np.arange(len(found.pair))[:, None], np.clip(found.column[:, None] + NEIGHBOURS, 0, found.ids.shape[1] - 1)
        ]
        for found in (data.fit, data.choose, data.test)
    ]
    encoder = OneHotEncoder(handle_unknown="ignore").fit(around[0])
    return {
        "occurrences to test": len(data.test.pair),
        "the commoner word": round(float((commoner[data.test.pair] == data.test.second).mean()), 4),
        "regression on four neighbours": part_words(data, *map(encoder.transform, around), WORD_STRENGTHS),
    }
