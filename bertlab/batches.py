"""Numbered batches: batch i is a function of (seed, i) alone, on any machine and after any interruption.

A batch is a dict of tensors whose keys are Hugging Face's. It is the waist of the package: left of it nothing has seen a
model, right of it nothing sees text.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

IGNORE = -100  # a label that counts for nothing, as everywhere in PyTorch and Hugging Face


class Batches(torch.utils.data.Dataset):
    """`batches[number]` is a function of (seed, number) alone; numbers go on for ever, epoch after epoch.

    `rows` is any sequence; `collate(list of rows, rng)` makes the dict of tensors, and draws what it draws (masks, say)
    from `rng`, a numpy Generator. With `count_row_tokens` (tokens of each row), rows of like length share a batch, so that
    little is padding. `shuffle=False` is for evaluation: each row once, in order, the last batch perhaps smaller.
    """

    def __init__(
        self,
        rows: Sequence,
        collate: Callable[[list, np.random.Generator], dict[str, Tensor]],
        batch_size: int,
        seed: int = 0,
        lengths: Sequence[int] | None = None,
        shuffle: bool = True,
    ):
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
        if len(rows) < (batch_size if shuffle else 1):
            raise ValueError(
                f"{len(rows)} rows do not fill one batch of {batch_size}: give more text, or smaller batches"
            )
        if lengths is not None and len(lengths) != len(rows):
            raise ValueError(f"{len(lengths)} lengths for {len(rows)} rows")
        self.rows, self.collate, self.batch_size, self.seed, self.shuffle = rows, collate, batch_size, seed, shuffle
        self.lengths = None if lengths is None else np.asarray(lengths)
        self.ordered: tuple[int, np.ndarray] = (-1, np.empty(0))  # (epoch, its order): the last one asked for

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.rows) // self.batch_size if self.shuffle else math.ceil(len(self.rows) / self.batch_size)

    def order(self, epoch: int, pool: int = 64) -> np.ndarray:
        """Which rows make which batch: (batches, batch_size). Sorted by length within pools of `pool` batches."""
        if self.ordered[0] != epoch:
            rng = np.random.default_rng((self.seed, epoch, 0))
            order = rng.permutation(len(self.rows))[: len(self) * self.batch_size]
            if self.lengths is not None:
                for start in range(0, len(order), pool * self.batch_size):
                    part = order[start : start + pool * self.batch_size]
                    part = part[np.argsort(self.lengths[part], kind="stable")].reshape(-1, self.batch_size)
                    order[start : start + part.size] = rng.permutation(part).ravel()
            self.ordered = (epoch, order.reshape(-1, self.batch_size))
        return self.ordered[1]

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        if number < 0 or (not self.shuffle and number >= len(self)):
            raise IndexError(f"no batch {number}")
        epoch, place = divmod(number, len(self))
        if self.shuffle:
            chosen = self.order(epoch)[place]
        else:
            chosen = range(place * self.batch_size, min((place + 1) * self.batch_size, len(self.rows)))
        return self.collate([self.rows[int(i)] for i in chosen], np.random.default_rng((self.seed, number, 1)))

    def fingerprint(self) -> dict:
        """What must not change between the parts of a resumed run."""
        return {"rows": len(self.rows), "batch_size": self.batch_size, "batch_seed": self.seed}


def derive_seed(seed: int, number: int) -> int:
    """A 63-bit seed for a batch: far apart for neighbours, the same on every machine."""
    return int(np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0] >> 1)


def prefetch_batches(
    batches: Batches, numbers: range, device: torch.device, workers: int
) -> Iterator[tuple[int, int, dict[str, Tensor]]]:
    """(number, tokens, batch on the device) for each number, made ahead by worker processes if there are any.

    The tokens are counted before the copy: a GPU that was asked for a sum would have to finish all that it has to do.
    """
    pinned = device.type == "cuda"
    loader = torch.utils.data.DataLoader(
        batches, batch_size=None, sampler=numbers, num_workers=workers, pin_memory=pinned
    )
    for number, batch in zip(numbers, loader, strict=True):
        yield number, count_tokens(batch), move_batch(batch, device)


def move_batch(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Copy a batch; from pinned memory the copy overlaps with computing."""
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


def count_tokens(batch: dict[str, Tensor]) -> int:
    """Tokens in a batch, padding not counted."""
    mask = batch.get("attention_mask")
    return batch["input_ids"].numel() if mask is None or mask.dim() != 2 else int(mask.sum())
