"""Vectors of a word in its sentence, by static vectors, a biLM or a BERT, and how they tell the word's senses apart.

Letters: N usages, B batch, T tokens, D width, L layers, V vocabulary.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ..model import Bert
from ..wordpiece import WordPiece
from .senses import WORD, SensePair, Usage


def find_word_pieces(offsets: Sequence[tuple[int, int]], start: int, end: int) -> list[int]:
    """The positions of the tokens that lie inside the characters from `start` to `end`, which are those of a word.
    [CLS] and [SEP] have the offsets (0, 0), and are not found."""
    return [i for i, (first, last) in enumerate(offsets) if first < last and start <= first and last <= end]


@torch.no_grad()
def compute_bert_states(bert: Bert, input_ids: Tensor) -> list[Tensor]:
    """What leaves the embeddings and each layer: L + 1 tensors (B, T, D)."""
    states = [bert.embeddings(input_ids)]
    for layer in bert.layers:
        states.append(layer(states[-1]))
    return states


@torch.no_grad()
def read_usages(
    compute_states: Callable,
    tokenizer: WordPiece,
    usages: Sequence[Usage],
    find_word: Callable = find_word_pieces,
    *,
    whole: bool = False,
    batch_size: int = 64,
) -> np.ndarray:
    """The vector of each word in its sentence after each layer: (L + 1, N, D), the mean over the word's pieces.

    `compute_states(ids)` gives a list of tensors (B, T, D). Sentences of one length make a batch, so nothing is padded.
    With `whole` it is the mean over all tokens of the sentence but [CLS] and [SEP]. Raises ValueError for a usage whose
    word the tokenizer cuts across."""
    encodings = [tokenizer.encode(usage.text) for usage in usages]
    places = []
    for encoding, usage in zip(encodings, usages, strict=True):
        inner = list(range(1, len(encoding.input_ids) - 1))
        places.append(inner if whole else find_word(encoding.offsets, usage.start, usage.end))
        if not places[-1]:
            raise ValueError(f"no token lies inside {usage.text[usage.start : usage.end]!r} of {usage.text!r}")
    by_length = defaultdict(list)
    for number, encoding in enumerate(encodings):
        by_length[len(encoding.input_ids)].append(number)
    found: np.ndarray | None = None
    for numbers in by_length.values():
        for start in range(0, len(numbers), batch_size):
            part = numbers[start : start + batch_size]
            states = compute_states(torch.tensor([encodings[number].input_ids for number in part]))
            if found is None:
                found = np.empty((len(states), len(usages), states[0].size(-1)), np.float32)
            for layer, x in enumerate(states):
                for row, number in enumerate(part):
                    found[layer, number] = x[row, places[number]].mean(0).numpy()
    return found


def weigh_by_rank(ranks: np.ndarray, smoothing: float = 1e-3) -> np.ndarray:
    """A weight for each word that is small for frequent ones (Arora, Liang and Ma 2017). The frequency is taken from
    the rank by Zipf's law, since GloVe tells the order of its words and not their counts."""
    frequency = 1 / (ranks + 1) / np.log(400_000)
    return smoothing / (smoothing + frequency)


def average_neighbours(usages: Sequence[Usage], index: dict[str, int], vectors: np.ndarray, window: int,
                       weights: np.ndarray | None = None) -> np.ndarray:  # fmt: skip
    """The weighted mean of the static vectors (V, D) of up to `window` words on each side, without the word itself:
    (N, D). A usage without a known neighbour has zeros."""
    found = np.zeros((len(usages), vectors.shape[1]), np.float32)
    for number, usage in enumerate(usages):
        tokens = list(WORD.finditer(usage.text))
        own = next(i for i, token in enumerate(tokens) if token.start() == usage.start)
        near = [tokens[i][0].lower() for i in range(len(tokens)) if 0 < abs(i - own) <= window]
        known = [index[word] for word in near if word in index]
        if known:
            share = np.ones(len(known)) if weights is None else weights[known]
            found[number] = share @ vectors[known] / share.sum()
    return found


def compute_overlap(pair: SensePair, common: set[str]) -> float:
    """The share of the other words of two sentences that they have in common, `common` words apart (Jaccard)."""
    sides = []
    for usage in (pair.first, pair.second):
        others = {token[0].lower() for token in WORD.finditer(usage.text) if token.start() != usage.start}
        sides.append(others - common)
    both = sides[0] | sides[1]
    return len(sides[0] & sides[1]) / len(both) if both else 0.0


def compute_cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The cosine of each row of (N, D) with the same row of the other; 0 for a row of zeros."""
    lengths = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    return (first * second).sum(-1) / np.where(lengths > 0, lengths, 1)


def find_best_threshold(scores: np.ndarray, same: np.ndarray) -> float:
    """The threshold at or above which pairs are called "same", with the highest accuracy on these pairs.

    It lies halfway between two neighbouring scores, or outside of all. Of several the lowest is taken. Raises
    ValueError where there are no pairs, or not as many answers."""
    if len(scores) != len(same) or not len(scores):
        raise ValueError(f"{len(scores)} scores and {len(same)} answers: there must be as many, and at least one")
    order = np.argsort(scores, kind="stable")
    sorted_scores, sorted_same = scores[order], same[order].astype(int)
    # Of a cut before place i, the pairs before it that are different and those from it on that are the same are right.
    right = (
        np.concatenate([[0], np.cumsum(1 - sorted_same)])
        + sorted_same.sum()
        - np.concatenate([[0], np.cumsum(sorted_same)])
    )
    middles = (sorted_scores[1:] + sorted_scores[:-1]) / 2
    cuts = np.concatenate([[sorted_scores[0] - 1], middles, [sorted_scores[-1] + 1]])
    allowed = np.concatenate([[True], sorted_scores[1:] > sorted_scores[:-1], [True]])  # equal scores stay together
    return float(cuts[np.where(allowed, right, -1).argmax()])


def match_nearest(vectors: np.ndarray, words: Sequence[str], senses: Sequence[str]) -> np.ndarray:
    """For each labelled usage, whether the usage of the same word with the highest cosine has the same sense: (N,)."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    words, senses = np.array(words), np.array(senses)
    cosines = np.where(words[:, None] == words, unit @ unit.T, -np.inf)
    np.fill_diagonal(cosines, -np.inf)
    return senses[cosines.argmax(1)] == senses
