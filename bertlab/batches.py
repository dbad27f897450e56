"""Numbered batches: batch i is a function of (seed, i) alone, on any machine and after any interruption.

A batch is a dict of tensors whose keys are Hugging Face's. Nothing before it in the package knows a model, and nothing
after it sees text.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from .arguments import check_array, check_number, describe_value

IGNORE = -100  # a missing label, as everywhere in PyTorch and Hugging Face


class Batches(torch.utils.data.Dataset):
    """`batches[number]` is a function of (seed, number) alone; numbers continue without end, epoch after epoch.

    `rows` is any sequence; `collate(list of rows, rng)` makes the dict of tensors, and takes random numbers (for masks,
    for example) from `rng`, a numpy Generator. With `lengths` (tokens of each row), rows of similar length share a
    batch, so that there is little padding. `shuffle=False` is for evaluation: each row once, in order; the last batch
    may be smaller.
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
        batch_size = check_number(batch_size, "batch_size", least=1, whole=True)
        seed = check_number(seed, "seed", least=0, whole=True)
        if (
            isinstance(rows, str | type)
            or getattr(rows, "shape", None) == ()
            or not hasattr(rows, "__getitem__")
            or not hasattr(rows, "__len__")
        ):
            raise TypeError(f"rows is {describe_value(rows)}; it must be a list of rows")
        if not callable(collate):
            raise TypeError(f"collate is {describe_value(collate)}; it must be a function of (rows, rng)")
        if len(rows) < (batch_size if shuffle else 1):
            raise ValueError(
                f"{len(rows)} rows do not fill one batch of {batch_size}: give more text, or smaller batches"
            )
        lengths = lengths if lengths is None else check_array(lengths, "lengths", "N")
        if lengths is not None and len(lengths) != len(rows):
            raise ValueError(f"{len(lengths)} lengths for {len(rows)} rows")
        self.rows, self.collate, self.batch_size, self.seed, self.shuffle = rows, collate, batch_size, seed, shuffle
        self.lengths = None if lengths is None else np.asarray(lengths)
        self.last_order: tuple[int, np.ndarray] = (-1, np.empty(0))  # (epoch, its order), so as not to repeat the work

    def __len__(self) -> int:
        """Batches per epoch."""
        return len(self.rows) // self.batch_size if self.shuffle else math.ceil(len(self.rows) / self.batch_size)

    def order_rows(self, epoch: int, pool: int = 64) -> np.ndarray:
        """The rows of each batch of an epoch, (batches, batch_size), sorted by length in pools of `pool` batches."""
        if self.last_order[0] != epoch:
            rng = np.random.default_rng((self.seed, epoch, 0))
            order = rng.permutation(len(self.rows))[: len(self) * self.batch_size]
            if self.lengths is not None:
                for start in range(0, len(order), pool * self.batch_size):
                    part = order[start : start + pool * self.batch_size]
                    part = part[np.argsort(self.lengths[part], kind="stable")].reshape(-1, self.batch_size)
                    order[start : start + part.size] = rng.permutation(part).ravel()
            self.last_order = (epoch, order.reshape(-1, self.batch_size))
        return self.last_order[1]

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        number = check_number(number, "number", whole=True)
        if number < 0 or (not self.shuffle and number >= len(self)):
            raise IndexError(f"no batch {number}")
        epoch, position = divmod(number, len(self))
        if self.shuffle:
            chosen = self.order_rows(epoch)[position]
        else:
            chosen = range(position * self.batch_size, min((position + 1) * self.batch_size, len(self.rows)))
        return self.collate([self.rows[int(i)] for i in chosen], np.random.default_rng((self.seed, number, 1)))

    def get_settings(self) -> dict:
        """Settings that must be the same when a run is resumed."""
        return {"rows": len(self.rows), "batch_size": self.batch_size, "batch_seed": self.seed}


def derive_seed(seed: int, number: int) -> int:
    """Make a 63-bit seed for a batch: very different for neighbours, the same on every machine."""
    return int(np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0] >> 1)


def prefetch_batches(
    batches: Batches, numbers: range, device: torch.device, workers: int
) -> Iterator[tuple[int, int, dict[str, Tensor]]]:
    """Yield (number, tokens, batch on the device) for each number; worker processes, if any, prepare them in advance.

    The tokens are counted before the copy: to count them on a GPU would mean to wait until it has finished its work.
    """
    pinned = device.type == "cuda"
    loader = torch.utils.data.DataLoader(
        batches, batch_size=None, sampler=numbers, num_workers=workers, pin_memory=pinned
    )
    for number, batch in zip(numbers, loader, strict=True):
        yield number, count_tokens(batch), move_batch(batch, device)


def move_batch(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Copy a batch to a device; from pinned memory the copy overlaps with computing."""
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


def count_tokens(batch: dict[str, Tensor]) -> int:
    """Count the tokens in a batch, without padding."""
    mask = batch.get("attention_mask")
    return batch["input_ids"].numel() if mask is None or mask.dim() != 2 else int(mask.sum())
