"""Data parallel training on this machine: two processes that add up their gradients over gloo, against one process.

What each process does is in `share_step` and `time_exchanges`; `run_processes` starts them.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..batches import IGNORE
from ..budget import count_exchanged_bytes, count_parameters
from ..heads import Pretraining
from .costs import Size, make_batch, make_subject, measure_steps, take_step

SIZE = Size(64, 2, 500, 8, 32)  # of the comparison of gradients
TRAINED = Size(256, 4, 8000, 16, 128)  # of the share of communication
EXCHANGED = (10_000, 100_000, 1_000_000, 4_000_000, 16_000_000)  # numbers of 4 bytes


def run_processes(work: Callable[..., Any], processes: int, *arguments: Any) -> list[Any]:
    """`work(number, processes, *arguments)` in so many fresh processes that are connected over gloo, on the CPU with
    one thread each. Returns what each of them returned, tensors included. `work` must be a function of a module."""
    from torch import multiprocessing

    with tempfile.TemporaryDirectory(prefix="bertlab-gloo-") as folder:
        multiprocessing.spawn(join_and_work, (processes, folder, work, arguments), nprocs=processes)
        return [torch.load(Path(folder) / f"{number}.pt") for number in range(processes)]


def join_and_work(number: int, processes: int, folder: str, work: Callable[..., Any], arguments: tuple) -> None:
    """The life of one process."""
    torch.set_num_threads(1)
    meeting = (Path(folder) / "meeting").as_uri()
    torch.distributed.init_process_group("gloo", init_method=meeting, rank=number, world_size=processes)
    try:
        torch.save(work(number, processes, *arguments), Path(folder) / f"{number}.pt")
        torch.distributed.barrier()
    finally:
        torch.distributed.destroy_process_group()


# ---- Equal gradients -------------------------------------------------------------------------------------------------


def make_uneven_batch(size: Size = SIZE) -> dict[str, Tensor]:
    """A batch whose first half has a quarter of the labels of its second half, and at least one a row."""
    batch = make_batch(size)
    labels = batch["labels"]
    for row in labels[: len(labels) // 2]:
        places = (row != IGNORE).nonzero()[:, 0]
        row[places[max(1, len(places) // 4) :]] = IGNORE
    return {name: batch[name] for name in ("input_ids", "labels")}


def compute_gradient(size: Size, batch: dict[str, Tensor]) -> tuple[Tensor, int]:
    """The gradient of the mean loss of a batch as one vector, from the first weights, and the number of its labels."""
    torch.manual_seed(0)
    model = Pretraining(size.config)
    model(**batch).loss.backward()
    parts = [torch.zeros_like(part) if part.grad is None else part.grad for part in model.parameters()]
    return torch.cat([part.flatten() for part in parts]), int((batch["labels"] != IGNORE).sum())


def share_step(number: int, processes: int, size: Size) -> dict[str, Any]:
    """One process computes the gradient of its rows, and all of them average: plainly, and by the number of labels."""
    rows = slice(number * size.rows // processes, (number + 1) * size.rows // processes)
    own, count = compute_gradient(size, {name: tensor[rows] for name, tensor in make_uneven_batch(size).items()})
    plain, weighted, total = own / processes, own * count, torch.tensor(count)
    for tensor in (plain, weighted, total):
        torch.distributed.all_reduce(tensor)  # adds up in place
    return {"own": own, "count": count, "plain": plain, "weighted": weighted / total}


def compute_difference(found: Tensor, expected: Tensor) -> float:
    """How long the difference of two gradients is, as a share of the expected one."""
    return float((found - expected).norm() / expected.norm())


# ---- Time ------------------------------------------------------------------------------------------------------------


def time_exchanges(number: int, processes: int, numbers: Sequence[int], repeats: int) -> list[float]:
    """Seconds by the clock of the quickest of several all-reduces, for so many numbers each."""
    found = []
    for count in numbers:
        tensor = torch.ones(count)
        seconds = []
        for _ in range(repeats):
            torch.distributed.barrier()
            start = time.perf_counter()
            torch.distributed.all_reduce(tensor)
            seconds.append(time.perf_counter() - start)
        found.append(min(seconds))
    return found


def fit_exchange(size: Sequence[float], seconds: Sequence[float], processes: int) -> tuple[float, float]:
    """(bandwidth in bytes a second, seconds of a tiny exchange): the least squares of the relative differences."""
    sent = np.array([count_exchanged_bytes(one, processes) for one in size])
    lines = np.stack([sent, np.ones_like(sent)], 1) / np.array(seconds)[:, None]
    scale = lines.max(0)
    per_byte, start = np.linalg.lstsq(lines / scale, np.ones(len(sent)))[0] / scale
    return 1 / float(per_byte), float(start)


def measure_gradients(numbers: Sequence[int] = EXCHANGED, trained: Size = TRAINED, repeats: int = 7,
                      say: Callable[[str], None] = print) -> dict:  # fmt: skip
    """Two processes against one: how far their gradients are from those of one process with the whole batch, how long
    an exchange takes by its size, and its share of a training step of `trained`."""
    say("comparing gradients of two processes")
    shared = run_processes(share_step, 2, SIZE)
    whole, _ = compute_gradient(SIZE, make_uneven_batch())
    say("measuring exchanges")
    seconds = np.max(run_processes(time_exchanges, 2, numbers, repeats), axis=0).tolist()
    size = [4 * count for count in numbers]
    bandwidth, start = fit_exchange(size, seconds, 2)
    torch.set_num_threads(1)
    subject, own = make_subject(trained), count_parameters(trained.config)
    (exchange,) = np.max(run_processes(time_exchanges, 2, [own], repeats), axis=0).tolist()
    return {
        "labels": [one["count"] for one in shared],
        "difference": {name: compute_difference(shared[0][name], whole) for name in ("plain", "weighted")},
        "bandwidth": bandwidth, "start": start,
        "exchanges": [{"bytes": one, "seconds": took, "formula": count_exchanged_bytes(one, 2) / bandwidth + start}
                      for one, took in zip(size, seconds, strict=True)],
        "step": {"rows": trained.rows, "bytes": 4 * own, "exchange_seconds": exchange,
                 "formula": count_exchanged_bytes(4 * own, 2) / bandwidth + start,
                 "compute_seconds": measure_steps(lambda: take_step(*subject), 3)},
    }  # fmt: skip
