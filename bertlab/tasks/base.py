"""tasks.base: TODO."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..batches import IGNORE
from ..corpus import hash_to_fraction
from ..heads import Output


class Split(NamedTuple):
    """Examples to learn from, to choose by, and to be judged by at the end."""

    train: list
    dev: list
    test: list


def split_examples(examples: Sequence, key: Callable[[object], str]) -> Split:
    """Eight tenths, one and one. The side of an example is a hash of its key in lower case: fixed for ever, and two
    with the same key are never on two sides."""
    sides: dict[str, list] = {"train": [], "dev": [], "test": []}
    for example in examples:
        where = hash_to_fraction(" ".join(key(example).lower().split()))
        sides["test" if where < 0.1 else "dev" if where < 0.2 else "train"].append(example)
    return Split(**sides)


class PaddingCollate:
    """Rows to a batch: `collate(rows, rng)` gives a dict of tensors of int64. It draws nothing.

    A row is a dict; of it are taken `input_ids` (T,), `token_type_ids` (T,), `labels` (a number or (T,)),
    `start_positions` and `end_positions`. Lists are padded to the longest row: ids with `pad`, segments with 0, labels
    with -100. `attention_mask` is there only when something is padded.
    """

    def __init__(self, pad: int):
        self.fill = {"input_ids": pad, "token_type_ids": 0, "labels": IGNORE, "start_positions": IGNORE,
                     "end_positions": IGNORE}  # fmt: skip

    def __call__(self, rows: Sequence[dict], rng: np.random.Generator | None = None) -> dict[str, Tensor]:
        sizes = [len(row["input_ids"]) for row in rows]
        T = max(sizes)
        batch = {}
        for name, filler in self.fill.items():
            if name in rows[0]:
                values = [row[name] for row in rows]
                if not isinstance(values[0], int):
                    values = [[*value, *[filler] * (T - len(value))] for value in values]  # (B, T)
                batch[name] = torch.tensor(values)
        if min(sizes) < T:
            batch["attention_mask"] = (torch.arange(T) < torch.tensor(sizes)[:, None]).long()  # (B, T)
        return batch


def count_row_tokens(rows: Sequence[dict]) -> list[int]:
    """Tokens of each row, for `Batches(lengths=...)`."""
    return [len(row["input_ids"]) for row in rows]


@torch.no_grad()
def run_model(
    model: nn.Module, rows: Sequence[dict], collate: PaddingCollate, tokens: int = 4096
) -> Iterator[tuple[list[int], Output]]:
    """(numbers of the rows, what the model says of them) until all rows were read: those of like length together, about
    `tokens` at a time. Labels are not shown. The model is in eval mode meanwhile."""
    sizes = count_row_tokens(rows)
    order = sorted(range(len(rows)), key=sizes.__getitem__)
    device, training = next(model.parameters()).device, model.training
    model.eval()
    try:
        while order:
            count = max(1, tokens // sizes[order[min(len(order), max(1, tokens // sizes[order[0]])) - 1]])
            chosen, order = order[:count], order[count:]
            batch = collate(
                [{k: v for k, v in rows[i].items() if k in ("input_ids", "token_type_ids")} for i in chosen]
            )
            yield chosen, model(**{name: tensor.to(device) for name, tensor in batch.items()})
    finally:
        model.train(training)


def sort_labels(values: set[str]) -> list[str]:
    """Labels in a fixed order: numbers by size, words by letter, "O" first."""
    if all(re.fullmatch(r"-?\d+", value) for value in values):
        return sorted(values, key=int)
    return sorted(values, key=lambda value: (value != "O", value))


def compute_class_weights(labels: Sequence[str], examples: Sequence) -> Tensor:
    """(C,) a weight for each class, such that all classes count alike: N / (C * count)."""
    counts = Counter(tag for e in examples for tag in ([e.label] if hasattr(e, "label") else e.tags))
    return torch.tensor([counts.total() / (len(labels) * max(1, counts[label])) for label in labels])
