"""Rows of two sentences, made in the ways that notebook 08 compares, and the joint loss: bertlab's own answers.

A document is a list of sentences in their order. A row is (sentence A, sentence B, label): 0 where B follows A, 1 where
it does not.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence

from torch import Tensor

from ..corpus import Documents
from ..heads import mean_cross_entropy

PairRow = tuple[str, str, int]


def join_two(a: list[int], b: list[int], cls: int, sep: int) -> tuple[list[int], list[int]]:
    """The ids of a row with [CLS] and two [SEP], and the segment of each id."""
    return [cls, *a, sep, *b, sep], [0] * (len(a) + 2) + [1] * (len(b) + 1)


def compute_joint_loss(mlm_logits: Tensor, labels: Tensor, nsp_logits: Tensor, next_label: Tensor) -> Tensor:
    """BERT's loss: the mean over the masked words of (B, T, V), plus the mean over the pairs of (B, 2)."""
    words = mean_cross_entropy(mlm_logits.flatten(0, 1), labels.flatten())
    return words + mean_cross_entropy(nsp_logits, next_label)


def walk_neighbours(documents: Documents) -> Iterator[tuple[int, int]]:
    """(number of the document, number of the sentence) of every sentence that another one follows."""
    return ((n, i) for n, document in enumerate(documents) for i in range(len(document) - 1))


def pair_with_any(documents: Documents, rng: random.Random) -> list[PairRow]:
    """A random B is any sentence of any other document."""
    rows = []
    for n, i in walk_neighbours(documents):
        b, label = documents[n][i + 1], int(rng.random() < 0.5)
        if label:
            other = rng.randrange(len(documents) - 1)
            b = rng.choice(documents[other + (other >= n)])
        rows.append((documents[n][i], b, label))
    return rows


def pair_with_alike(documents: Documents, kinds: Sequence[str], rng: random.Random) -> list[PairRow]:
    """A random B comes from another document of the same kind, where all sentences but the first are equally likely, as
    they are for a true B. A document that is alone in its kind is left out."""
    pool, sources = defaultdict(list), defaultdict(set)
    for n, i in walk_neighbours(documents):
        pool[kinds[n]].append((n, i + 1))
        sources[kinds[n]].add(n)
    rows = []
    for n, i in walk_neighbours(documents):
        if len(sources[kinds[n]]) == 1:
            continue
        label, m, j = int(rng.random() < 0.5), n, i + 1
        while label and m == n:
            m, j = rng.choice(pool[kinds[n]])
        rows.append((documents[n][i], documents[m][j], label))
    return rows


def pair_within(documents: Documents, rng: random.Random) -> list[PairRow]:
    """A random B is another sentence of the same document: neither its first one, nor A, nor the one after A. Documents
    of fewer than four sentences are left out: in those the place of B would give the label away."""
    rows = []
    for n, i in walk_neighbours(documents):
        if len(documents[n]) >= 4:
            others = [j for j in range(1, len(documents[n])) if j not in (i, i + 1)]
            label = int(rng.random() < 0.5)
            rows.append((documents[n][i], documents[n][rng.choice(others) if label else i + 1], label))
    return rows


def swap_half(documents: Documents, rng: random.Random) -> list[PairRow]:
    """ALBERT's rows: two neighbours, in their order (0) or swapped (1)."""
    rows = []
    for n, i in walk_neighbours(documents):
        a, b, label = documents[n][i], documents[n][i + 1], int(rng.random() < 0.5)
        rows.append((b, a, 1) if label else (a, b, 0))
    return rows
