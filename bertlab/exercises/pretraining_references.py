"""Right answers to the exercises of notebook 09, some with switches for the mistakes that its checks recognise."""

import math
from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


def compute_unigram_loss(train: Sequence[int], judged: Sequence[int], V: int) -> float:
    """Mean of -log p over the judged tokens (nats), p from the counts of train plus one half."""
    counts, total = Counter(train), len(train) + 0.5 * V
    return sum(-math.log((counts[token] + 0.5) / total) for token in judged) / len(judged)


def compute_rate(step: int, steps: int, peak: float, warmup: int) -> float:
    """The learning rate of a step: up in a line over `warmup` steps, then down in a line to 0."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (steps - step) / (steps - warmup)


def run_train_steps(
    model: nn.Module,
    batches,
    optimizer: torch.optim.Optimizer,
    rate: Callable[[int], float],
    steps: Sequence[int],
    *,
    set_rate: bool = True,
    all_groups: bool = True,
    clip: Callable | None = nn.utils.clip_grad_norm_,
    forget: bool = True,
) -> list[float]:
    """Take the numbered steps, each on the batch of its number, and return their losses. The switches leave a part of
    the loop out, as learners do."""
    losses = []
    for step in steps:
        for group in optimizer.param_groups[: None if all_groups else 1] if set_rate else ():
            group["lr"] = rate(step)
        loss = model(**batches[step]).loss
        loss.backward()
        if clip:
            clip(model.parameters(), 1.0)
        optimizer.step()
        if forget:
            optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def compute_pseudo_log_likelihood(
    ids: Sequence[int],
    continues: Sequence[bool],
    mask_id: int,
    log_probabilities: Callable[[list[list[int]]], Tensor],
    *,
    mask: bool = True,
    mask_all: bool = False,
    ends: bool = False,
    of_mask: bool = False,
    later: bool = True,
    earlier: bool = False,
    most: int = 99,
    first_only: bool = False,
    restore: bool = True,
    shift: int = 0,
    log: bool = True,
) -> float:
    """The sum of log p(token | the others) over all tokens but the first and the last one ([CLS] and [SEP]), in nats.

    `continues` says which tokens continue the word before them. Of a word, the pieces after the masked one are masked
    too. The switches are the mistakes that learners make.
    """
    places = range(0 if ends else 1, len(ids) - (0 if ends else 1))
    if first_only:
        places = [place for place in places if not continues[place]]
    rows = []
    for place in places:
        row, first, end = list(ids if restore or not rows else rows[-1]), place, place + 1
        while later and end < len(ids) and continues[end] and end - place <= most:
            end += 1
        while earlier and continues[first]:
            first -= 1
        if mask_all:
            first, end = 1, len(ids) - 1
        if mask:
            row[first:end] = [mask_id] * (end - first)
        rows.append(row)
    found = log_probabilities(rows)  # (N, T, V)
    found = found if log else found.exp()
    return sum(float(found[n, place + shift, mask_id if of_mask else ids[place]]) for n, place in enumerate(places))
