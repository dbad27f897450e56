"""Rows to batches, and running a model over rows: what most tasks do in the same way.

Dimension letters: B rows of a batch, T tokens.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from ..batches import IGNORE
from ..heads import Output, widen_half_precision
from ..model import check_finite, eval_mode
from ..precision import multiply_fast
from ..progress import watch_items
from ..wordpiece import WordPiece, truncate_longest_first


class PaddingCollate:
    """Rows to a batch: `collate(rows, rng)` gives a dict of tensors. It draws nothing from `rng`.

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
                if not isinstance(values[0], int | float):
                    values = [[*value, *[filler] * (T - len(value))] for value in values]  # (B, T)
                batch[name] = torch.tensor(values)
        if min(sizes) < T:
            batch["attention_mask"] = (torch.arange(T) < torch.tensor(sizes)[:, None]).long()  # (B, T)
        return batch


def encode_texts(
    tokenizer: WordPiece, texts: Sequence[str], pairs: Sequence[str | None], length: int, windows: bool = False
) -> tuple[list[dict], int]:
    """Rows [CLS] text [SEP], or [CLS] text [SEP] pair [SEP] where there is a pair, and how many were truncated.

    The longer text of a pair is cut first. With `windows` a text that is too long is in several rows instead
    (`cut_windows`); `number` of a row is that of its text. Without any pair the rows have no `token_type_ids`.
    """
    first, second = tokenizer.encode_bulk(texts), tokenizer.encode_bulk([pair or "" for pair in pairs])
    cls, sep = tokenizer.cls_id, tokenizer.sep_id
    any_pair = any(pair is not None for pair in pairs)
    rows, truncated = [], 0
    for number, (a, b, pair) in enumerate(zip(first, second, pairs, strict=True)):
        parts = [a] if pair is None else [a, b]
        room = length - 1 - len(parts)
        versions = [parts]
        if sum(map(len, parts)) > room:
            versions = cut_windows(parts, room) if windows else [truncate_longest_first(parts, room)]
            truncated += not windows or (len(parts) == 2 and min(map(len, parts)) > room // 2)
        for parts in versions:
            row = {"input_ids": [cls, *parts[0], sep], "number": number}
            segments = [0] * len(row["input_ids"])
            if pair is not None:
                row["input_ids"] += [*parts[1], sep]
                segments += [1] * (len(parts[1]) + 1)
            rows.append(row | ({"token_type_ids": segments} if any_pair else {}))
    return rows, truncated


def cut_windows(parts: Sequence[list], room: int) -> list[list[list]]:
    """Versions of one or two lists that have `room` entries at most: the longest is cut into parts as equal as they can
    be, each beside the other list, which is whole, or cut to half of the room."""
    longest = max(range(len(parts)), key=lambda i: len(parts[i]))
    others = {i: part[: room // 2] for i, part in enumerate(parts) if i != longest}
    long = parts[longest]
    count = -(-len(long) // (room - sum(map(len, others.values()))))
    edges = [len(long) * number // count for number in range(count + 1)]
    pieces = [long[start:end] for start, end in pairwise(edges)]
    return [[others.get(i, piece) for i in range(len(parts))] for piece in pieces]


def count_row_tokens(rows: Sequence[dict]) -> list[int]:
    """Tokens of each row, for `Batches(lengths=...)`."""
    return [len(row["input_ids"]) for row in rows]


def run_model(
    model: nn.Module, rows: Sequence[dict], collate: Callable, tokens: int = 4096
) -> Iterator[tuple[list[int], Output]]:
    """(numbers of the rows, the model's output for them) until all rows were read, those of like length together, about
    `tokens` at a time. The model does not see the labels. It is in eval mode meanwhile, without gradients."""
    sizes = count_row_tokens(rows)
    order = sorted(range(len(rows)), key=sizes.__getitem__)
    device = next(model.parameters()).device
    with eval_mode(model), multiply_fast(model):
        for chosen in watch_items(cut_batches(order, sizes, tokens), "predicting", len(rows), len):
            batch = collate(
                [{k: v for k, v in rows[i].items() if k in ("input_ids", "token_type_ids")} for i in chosen]
            )
            output = model(**{name: tensor.to(device) for name, tensor in batch.items()})
            for name in ("logits", "start_logits", "end_logits"):
                if (logits := getattr(output, name)) is not None:
                    output = replace(output, **{name: widen_half_precision(check_finite(logits))})
            yield chosen, output


def cut_batches(order: Sequence[int], sizes: Sequence[int], tokens: int) -> Iterator[Sequence[int]]:
    """The numbers in `order`, from short rows to long ones, in batches of about so many `tokens`, padding included."""
    start = 0
    while start < len(order):
        most = max(1, tokens // sizes[order[start]])
        count = max(1, tokens // sizes[order[min(len(order), start + most) - 1]])
        yield order[start : start + count]
        start += count
