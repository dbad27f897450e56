"""What the exercises of notebook 12 must compute, for a reader and for a bi-encoder."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..tasks import find_answer_tokens


def compute_span_scores(hidden: Tensor, layer: nn.Linear) -> tuple[Tensor, Tensor]:
    """The expected answer."""
    start, end = layer(hidden).unbind(-1)
    return start, end


def compute_span_loss(start: Tensor, end: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """The expected answer."""
    return (F.cross_entropy(start, first) + F.cross_entropy(end, last)) / 2


def find_best_span(start: list[float], end: list[float], first: int, last: int, longest: int) -> tuple[int, int, float]:
    """The expected answer: compare all spans, which is slow."""
    spans = [(i, j) for i in range(first, last + 1) for j in range(i, min(last + 1, i + longest))]
    i, j = max(spans, key=lambda span: start[span[0]] + end[span[1]])
    return i, j, start[0] + end[0] - start[i] - end[j]


def cut_windows(tokens: int, room: int, overlap: int) -> list[tuple[int, int]]:
    """The expected answer."""
    found, begin = [], 0
    while True:
        found.append((begin, min(tokens, begin + room)))
        if begin + room >= tokens:
            return found
        begin += room - overlap


def compute_in_batch_loss(said: Tensor, replies: Tensor, also_fits: Tensor) -> Tensor:
    """The expected answer."""
    logits = 20 * F.normalize(said, dim=-1) @ F.normalize(replies, dim=-1).T  # (P, P)
    return F.cross_entropy(logits.masked_fill(also_fits, -math.inf), torch.arange(len(said), device=said.device))


def compute_recall(scores: list[list[float]], right: list[int], k: int) -> float:
    """The share of rows whose right candidate is among the first k, where ties are broken by chance."""
    shares = []
    for row, number in zip(scores, right, strict=True):
        better, equal = sum(one > row[number] for one in row), sum(one == row[number] for one in row)
        shares.append(min(1.0, max(0.0, (k - better) / equal)))
    return sum(shares) / len(shares)


def find_labelled_tokens(offsets: list[tuple[int, int]], begin: int, end: int) -> tuple[int, int] | None:
    """The first and last token that share a character with those from `begin` to before `end`; None if none does."""
    return find_answer_tokens(offsets, begin, " " * (end - begin))
