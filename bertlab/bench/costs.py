"""What training steps cost on this machine, held against the formulas of `budget`: operations, memory and time.

    python -m bertlab.bench.costs data/cost.json

measures the sizes below, each in a fresh process of one thread, and adds what `savings`, `gradients` and `published`
have to say.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..batches import IGNORE
from ..budget import Memory, count_training_flops, count_training_memory
from ..files import write_json
from ..heads import Pretraining
from ..model import BertConfig
from .machine import describe_machine, get_peak_memory
from .processes import start_server, start_workers

MASKED = 0.15  # share of the tokens that are predicted
# What AdamW moves for each weight: it reads the weight, its gradient and two moments, and writes three.
MOMENT_BYTES = 28
COMMAND = "python -m bertlab.bench.costs data/cost.json"


@dataclass(frozen=True)
class Size:
    """A model and its batches; `fitted` sizes give the three rates of `fit_rates`, the others are predicted by them."""

    width: int
    depth: int
    vocabulary: int
    rows: int
    length: int
    fitted: bool = False

    @property
    def predicted(self) -> int:
        """Words to predict in a row."""
        return max(1, round(MASKED * self.length))

    @property
    def config(self) -> BertConfig:
        return BertConfig(
            vocab_size=self.vocabulary, hidden_size=self.width, num_hidden_layers=self.depth,
            num_attention_heads=max(1, self.width // 64), intermediate_size=4 * self.width,
            max_position_embeddings=self.length, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        )  # fmt: skip


SIZES = (
    Size(256, 4, 8000, 16, 128, fitted=True),
    Size(256, 4, 30522, 4, 512, fitted=True),
    Size(512, 4, 30522, 4, 128, fitted=True),
    Size(768, 4, 8000, 16, 128, fitted=True),
    Size(256, 8, 8000, 32, 64),
    Size(384, 6, 30522, 16, 128),
    Size(512, 8, 8000, 16, 128),
    Size(512, 4, 30522, 8, 512),
    Size(768, 12, 30522, 8, 128),
)


def make_batch(size: Size, seed: int = 0) -> dict[str, Tensor]:
    """Rows of random ids (B, T), of which `size.predicted` a row have labels, and a label for each pair."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, size.vocabulary, (size.rows, size.length), generator=generator)
    places = torch.rand(size.rows, size.length - 1, generator=generator).argsort(1)[:, : size.predicted] + 1
    labels = torch.full_like(ids, IGNORE).scatter(1, places, ids.gather(1, places))
    return {"input_ids": ids, "labels": labels, "next_sentence_label": torch.arange(size.rows) % 2}


class CostSubject:
    """A model of a size in a process of its own, which counts and measures its training steps."""

    def __init__(self, size: Size, pipe=None):
        self.size = size
        take_step(*make_subject(Size(32, 1, 100, 2, 8)))  # what PyTorch sets up at its first step is not the model's
        self.memory_before = get_peak_memory()
        self.model, self.optimizer, self.batch = make_subject(size)

    def measure(self, steps: int) -> dict:
        """Operations of a step, the most bytes held beyond the libraries, processor seconds of the quickest step."""
        seconds = measure_steps(partial(take_step, self.model, self.optimizer, self.batch), steps)
        held = get_peak_memory() - self.memory_before
        return {"flops": count_flops(self.size), "bytes": held, "seconds": seconds}


def count_flops(size: Size) -> int:
    """Operations of a step as PyTorch counts them. The model has dropout here, which is no product: without it, the
    attention is one fused function, which the counter does not see on a CPU."""
    from torch.utils.flop_counter import FlopCounterMode

    model = Pretraining(replace(size.config, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1))
    with FlopCounterMode(display=False) as counter:
        model(**make_batch(size)).loss.backward()
    return counter.get_total_flops()


def make_subject(size: Size) -> tuple[Pretraining, torch.optim.Optimizer, dict[str, Tensor]]:
    torch.manual_seed(0)
    model = Pretraining(size.config)
    return model, torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True), make_batch(size)


def take_step(model: torch.nn.Module, optimizer: torch.optim.Optimizer, batch: dict[str, Tensor]) -> None:
    """One training step. Gradients stay in memory until they are overwritten, as the formula assumes."""
    model(**batch).loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)


def measure_steps(step: Callable[[], None], steps: int) -> float:
    """Processor seconds of the quickest of so many steps, after one that does not count. Other programs on the machine
    lengthen this less than the time by the clock."""
    step()
    seconds = []
    for _ in range(steps):
        start = time.process_time()
        step()
        seconds.append(time.process_time() - start)
    return min(seconds)


# ---- The formulas ----------------------------------------------------------------------------------------------------


def compute_flops(size: Size) -> float:
    """Operations of a training step by formula."""
    return size.rows * count_training_flops(size.config, size.length, size.predicted).total


def compute_memory(size: Size) -> Memory:
    """Bytes of a training step by formula."""
    return count_training_memory(size.config, size.rows, size.length, size.predicted)


def compute_peak(size: Size) -> float:
    """The same with two more gradients of the word matrix: of its use as embeddings and of its use in the MLM head,
    which exist for a moment before they are added to the gradient."""
    return compute_memory(size).total + 2 * 4 * size.vocabulary * size.width


def compute_work(size: Size) -> tuple[float, float, float]:
    """What takes time in a step: operations, bytes that the forward pass keeps, bytes that AdamW moves."""
    memory = compute_memory(size)
    return compute_flops(size), memory.activations, MOMENT_BYTES * memory.weights / 4


def fit_rates(sizes: list[Size], seconds: list[float]) -> list[float]:
    """Seconds for each unit of `compute_work`, with the least squares of the relative differences."""
    work = np.array([compute_work(size) for size in sizes]) / np.array(seconds)[:, None]
    scale = work.max(0)
    return (np.linalg.lstsq(work / scale, np.ones(len(sizes)))[0] / scale).tolist()


def predict_seconds(size: Size, rates: list[float]) -> float:
    """Seconds of a step by the three rates."""
    return float(np.dot(compute_work(size), rates))


# ---- The record ------------------------------------------------------------------------------------------------------


def measure_sizes(sizes: tuple[Size, ...] = SIZES, steps: int = 5, say: Callable[[str], None] = print) -> dict:
    """Each size as it was measured."""
    found = []
    with start_server() as processes:
        for size in sizes:
            say(f"measuring {size}")
            with start_workers({"bertlab": partial(CostSubject, size)}, 1, processes) as [worker]:
                found.append(worker.ask("measure", steps))
    return {"sizes": [asdict(size) | {"measured": one} for size, one in zip(sizes, found, strict=True)]}


def add_formulas(measured: dict) -> dict:
    """What the formulas say for each measured size. The three rates, and the bytes that PyTorch needs for itself, come
    from the fitted sizes."""
    sizes = [Size(**{name: row[name] for name in Size.__dataclass_fields__}) for row in measured["sizes"]]
    found = [row["measured"] for row in measured["sizes"]]
    fitted = [i for i, size in enumerate(sizes) if size.fitted]
    rates = fit_rates([sizes[i] for i in fitted], [found[i]["seconds"] for i in fitted])
    extra = float(np.median([found[i]["bytes"] - compute_peak(sizes[i]) for i in fitted]))
    rows = [
        row | {"formula": {"flops": compute_flops(size), "parts": compute_memory(size)._asdict(),
                           "bytes": compute_peak(size) + extra, "seconds": predict_seconds(size, rates)}}
        for row, size in zip(measured["sizes"], sizes, strict=True)
    ]  # fmt: skip
    names = ("an operation", "a byte that is kept", "a byte that AdamW moves")
    return {"rates": dict(zip(names, rates, strict=True)), "extra_bytes": extra, "sizes": rows}


def main(arguments: list[str]) -> None:
    from .gradients import measure_gradients
    from .published import list_comparisons
    from .savings import measure_savings

    machine = describe_machine(1)
    record = {
        "what": "Steps of bertlab's pre-training on rows of random tokens, one thread, float32 unless said otherwise; "
                "packing on the speeches. Seconds are the processor's, of the quickest of several steps.",
        "date": datetime.now(UTC).date().isoformat(), "command": COMMAND, "machine": machine,
        **add_formulas(measure_sizes()), "savings": measure_savings(), "gradients": measure_gradients(),
        "published": list_comparisons(),
    }  # fmt: skip
    write_json(Path(arguments[0]), record)


if __name__ == "__main__":
    main(sys.argv[1:])
