"""What makes a pre-training cheaper, each thing measured alone: packing, scoring masked words only, bfloat16, a larger
batch, and short rows first."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from .. import sources
from ..batches import Batches
from ..corpus import encode_documents, pair_rows
from ..masking import PretrainingCollate
from ..wordpiece import WordPiece
from .costs import Size, compute_flops, make_batch, make_subject, measure_steps, take_step

BASE = Size(256, 4, 8000, 16, 128)
BATCHES = 4  # of real text, whose mean counts


def measure_savings(base: Size = BASE, steps: int = 3, say: Callable[[str], None] = print) -> dict:
    """Each way to save as {name: {variant: numbers}}. `seconds` are those of the processor for a step (for packing, for
    1,000 tokens that are not padding); `flops` are by formula."""
    torch.set_num_threads(1)
    measured = {}
    for name, measure in (("packing", measure_packing), ("head", measure_heads), ("precision", measure_precisions),
                          ("batch", measure_batches), ("length", measure_lengths)):  # fmt: skip
        say(f"measuring {name}")
        measured[name] = measure(base, steps)
    return measured


def time_step(size: Size, steps: int, batch: dict[str, Tensor] | None = None, half: bool = False) -> float:
    """Processor seconds of a step, on `batch` or on random rows; with `half`, products are computed in bfloat16."""
    model, optimizer, own = make_subject(size)

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            take_step(model, optimizer, own if batch is None else batch)

    return measure_steps(step, steps)


def measure_packing(base: Size, steps: int) -> dict:
    """Pairs of single sentences, padded to the full length or to the longest of their batch, against filled rows."""
    tokenizer = WordPiece.load(sources.bertlab_mini())
    text = encode_documents(sources.documents("sotu")[:60], tokenizer)
    sentences, filled = (pair_rows(text, base.length, seed=0, pairs=kind) for kind in ("sentences", "next"))
    size, collate = replace(base, vocabulary=len(tokenizer)), PretrainingCollate(tokenizer)
    variants = {
        "padded to the full length": (Batches(sentences, collate, size.rows), size.length),
        "padded to the longest of the batch": (Batches(sentences, collate, size.rows), 0),
        "grouped by length": (Batches(sentences, collate, size.rows, lengths=sentences.lengths), 0),
        "filled rows": (Batches(filled, collate, size.rows, lengths=filled.lengths), 0),
    }
    return {name: time_tokens(size, [pad_batch(rows[i], least) for i in range(BATCHES)], steps)
            for name, (rows, least) in variants.items()}  # fmt: skip


def pad_batch(batch: dict[str, Tensor], least: int) -> dict[str, Tensor]:
    """The batch with padding up to `least` tokens a row."""
    fills = {"input_ids": 0, "token_type_ids": 0, "attention_mask": 0, "labels": -100}
    missing = max(0, least - batch["input_ids"].size(1))
    batch = {"attention_mask": torch.ones_like(batch["input_ids"])} | batch
    return {name: torch.nn.functional.pad(tensor, (0, missing), value=fills[name]) if name in fills else tensor
            for name, tensor in batch.items()}  # fmt: skip


def time_tokens(size: Size, batches: Sequence[dict[str, Tensor]], steps: int) -> dict:
    """Seconds for 1,000 tokens that are not padding, and the share of padding."""
    seconds = sum(time_step(size, steps, batch) for batch in batches)
    tokens = sum(int(batch["attention_mask"].sum()) for batch in batches)
    places = sum(batch["input_ids"].numel() for batch in batches)
    return {"seconds": 1000 * seconds / tokens, "padding": 1 - tokens / places}


def measure_heads(base: Size, steps: int) -> dict:
    """The vocabulary scored at the masked words only, or at every token, for a small and a large vocabulary."""
    found = {}
    for vocabulary in (base.vocabulary, 30522):
        size = replace(base, vocabulary=vocabulary)
        batch = make_batch(size)
        every = batch | {"labels": batch["input_ids"]}
        for name, chosen in (("masked words", batch), ("every token", every)):
            found[f"{name}, {vocabulary:,} words"] = {"seconds": time_step(size, steps, chosen)}
    return found


def measure_precisions(base: Size, steps: int) -> dict:
    """A step in float32 and in bfloat16, and the operations a second in a product of matrices of either."""
    small = replace(base, rows=max(2, base.rows // 8))  # without hardware for it, bfloat16 is slow
    return {name: {"seconds": time_step(small, 1 if half else steps, half=half), "product": time_product(half, steps)}
            for name, half in (("float32", False), ("bfloat16", True))}  # fmt: skip


def time_product(half: bool, steps: int, side: int = 512) -> float:
    """Operations a second in the product of two square matrices."""
    matrix = torch.ones(side, side, dtype=torch.bfloat16 if half else torch.float32)
    return 2 * side**3 / measure_steps(lambda: matrix @ matrix, steps)


def measure_batches(base: Size, steps: int) -> dict:
    """Rows of a step, and the seconds for 1,000 tokens: AdamW's work is shared by more of them."""
    sizes = [replace(base, rows=rows) for rows in (1, 4, 16, 64)]
    return {f"{size.rows} rows": {"seconds": 1000 * time_step(size, steps) / (size.rows * size.length)}
            for size in sizes}  # fmt: skip


def measure_lengths(base: Size, steps: int) -> dict:
    """As many tokens a step in rows of 128 and of 512, and what nine tenths of the steps with short rows come to."""
    tokens = 4 * base.rows * 32
    sizes = {name: replace(base, length=length, rows=max(1, tokens // length))
             for name, length in (("rows of 128", 128), ("rows of 512", 512))}  # fmt: skip
    found = {name: {"seconds": 1000 * time_step(size, steps) / (size.rows * size.length),
                    "flops": 1000 * compute_flops(size) / (size.rows * size.length)}
             for name, size in sizes.items()}  # fmt: skip
    short, long = found.values()
    # nine steps of 128 tokens a row and one of 512, with as many rows: 1,152 and 512 of 1,664 tokens
    shares = np.array([9 * 128, 512]) / (9 * 128 + 512)
    mixed = {key: float(np.dot(shares, [short[key], long[key]])) for key in ("seconds", "flops")}
    return found | {"nine steps of 128, one of 512": mixed}
