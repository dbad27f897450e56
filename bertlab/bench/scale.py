"""How speed and memory change with batch, length, width, depth, threads and processes: ours, one thing at a time."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from ..batches import Batches
from ..heads import Pretraining
from ..masking import PretrainingCollate
from ..model import BertConfig
from ..precision import choose_precision
from ..train import TrainConfig, train
from ..wordpiece import SPECIAL_TOKENS, WordPiece
from .machine import describe_machine, format_machine, get_peak_memory
from .processes import start_server, start_workers

VOCABULARY = 8000
WARM_UP = 2  # steps before those that are measured


@dataclass(frozen=True)
class Size:
    """A model, its batches, and what computes it: `threads` for each of the `processes`."""

    batch: int = 16  # rows a step, of all processes
    length: int = 128  # tokens a row
    width: int = 256  # hidden size
    depth: int = 4  # layers
    threads: int = 1
    processes: int = 1


VARIED = {"batch": (4, 16, 64), "length": (32, 128, 512), "width": (128, 256, 512), "depth": (2, 4, 8)}


def list_sizes(threads: int) -> list[tuple[str, Size]]:
    """(what is varied, the size): one thing at a time is changed from the first size. Threads go from one to `threads`,
    and as many processes of one thread each share a batch."""
    base = Size(threads=threads)
    sizes = [(name, replace(base, **{name: value})) for name, values in VARIED.items() for value in values]
    sizes += [("threads", replace(base, threads=count)) for count in sorted({1, threads})]
    return sizes + [("processes", replace(base, threads=1, processes=count)) for count in sorted({1, max(2, threads)})]


def measure_scale(threads: int = 0, rounds: int = 3, seconds: float = 1.0,
                  say: Callable[[str], None] = lambda text: None) -> dict:  # fmt: skip
    """Measure our pre-training step, on rows of random tokens, at each of the sizes of `list_sizes`, and return plain
    numbers. Raises OSError when a process dies."""
    start, machine = time.monotonic(), describe_machine(threads or torch.get_num_threads())
    model = torch.nn.Linear(Size.width, Size.width)
    results = []
    with start_server() as processes:
        for varied, size in list_sizes(machine["threads"]):
            say(f"measuring {varied} {getattr(size, varied)}")
            if size.processes == 1:
                with start_workers({"bertlab": partial(ScaleSubject, size)}, size.threads, processes) as [worker]:
                    measured = worker.ask("measure", rounds, seconds)
            else:
                measured = measure_processes(size, rounds, seconds)
            results.append({"varied": varied} | asdict(size) | measured)
    return {"machine": machine, "precision": choose_precision("auto", torch.device("cpu"), model), "rounds": rounds,
            "seconds": time.monotonic() - start, "sizes": results}  # fmt: skip


class ScaleSubject:
    """Our model of a size and its batches, in a process of its own."""

    def __init__(self, size: Size, pipe=None):
        self.size = size
        self.memory_before = get_peak_memory()
        config = BertConfig(
            vocab_size=VOCABULARY, hidden_size=size.width, num_hidden_layers=size.depth,
            num_attention_heads=max(1, size.width // 64), intermediate_size=4 * size.width,
            max_position_embeddings=size.length, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        )  # fmt: skip
        torch.manual_seed(0)
        self.model = Pretraining(config)
        rng, half = np.random.default_rng(0), (size.length - 3) // 2
        pairs = [(rng.integers(5, VOCABULARY, size.length - 3 - half), rng.integers(5, VOCABULARY, half), i % 2)
                 for i in range(size.batch)]  # fmt: skip
        rows = [(first.tolist(), second.tolist(), label) for first, second, label in pairs]
        tokenizer = WordPiece([*SPECIAL_TOKENS, *(f"w{i}" for i in range(VOCABULARY - len(SPECIAL_TOKENS)))])
        self.batches = Batches(rows, PretrainingCollate(tokenizer), size.batch // size.processes)

    def measure(self, rounds: int, seconds: float) -> dict:
        """Tokens a second of all processes in each round of about so many seconds, and the most bytes that this process
        held beyond its libraries."""
        step = self.measure_step(WARM_UP + 2)
        if self.size.processes > 1:
            from accelerate.utils import broadcast_object_list

            step = broadcast_object_list([step])[0]
        steps = WARM_UP + max(1, round(seconds / step))
        tokens = self.size.batch * self.size.length
        speeds = [tokens / self.measure_step(steps) for _ in range(rounds)]
        return {"tokens_per_second": sorted(speeds), "bytes": get_peak_memory() - self.memory_before}

    def measure_step(self, steps: int) -> float:
        """Seconds of a step, without those of the warm-up."""
        ends: list[float] = []
        config = TrainConfig(steps=steps, learning_rate=1e-9, log_every=1)
        began = time.perf_counter()
        train(self.model, self.batches, config, watch=lambda row, status: row and ends.append(time.perf_counter()))
        ended = time.perf_counter()
        return (ends[-1] - ends[WARM_UP - 1]) / (steps - WARM_UP) if ends else (ended - began) / steps


def measure_processes(size: Size, rounds: int, seconds: float) -> dict:
    """The same by several processes, which `torchrun` starts and which share each batch."""
    with tempfile.TemporaryDirectory(prefix="bertlab-scale-") as folder:
        out = Path(folder) / "measured.json"
        asked = json.dumps({"size": asdict(size), "rounds": rounds, "seconds": seconds, "out": str(out)})
        environment = os.environ | {"OMP_NUM_THREADS": str(size.threads), "ACCELERATE_USE_CPU": "true",
                                    "CUDA_VISIBLE_DEVICES": ""}  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={size.processes}",
             "-m", "bertlab.bench.scale", asked],
            env=environment, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode or not out.exists():
            raise ChildProcessError(f"{size.processes} processes could not be measured: {done.stderr.strip()[-500:]}")
        return json.loads(out.read_text(encoding="utf-8"))


def measure_share(asked: dict) -> None:
    """What each process of `torchrun` does; the first one writes what it measured."""
    size = Size(**asked["size"])
    torch.set_num_threads(size.threads)
    measured = ScaleSubject(size).measure(asked["rounds"], asked["seconds"])
    if os.environ.get("RANK", "0") == "0":
        Path(asked["out"]).write_text(json.dumps(measured), encoding="utf-8")


def format_scale(results: dict) -> str:
    """The results as lines of text: the median of the rounds, with the least and the most, and the peak memory of a
    process."""
    base = Size()
    lines = [format_machine(results["machine"]),
             f"precision {results['precision']}; {base.batch} rows of {base.length} tokens, {base.depth} layers of "
             f"width {base.width}, vocabulary {VOCABULARY:,}, unless a line says otherwise; {results['rounds']} rounds",
             f"\n{'':<18}{'tokens/s':>10} {'(least - most)':<19}{'MB a process':>13}"]  # fmt: skip
    for one in results["sizes"]:
        speeds = one["tokens_per_second"]
        spread = f"({speeds[0]:,.0f} - {speeds[-1]:,.0f})"
        lines.append(f"{one['varied']:<11}{one[one['varied']]:>6} {np.median(speeds):>10,.0f} {spread:<19}"
                     f"{one['bytes'] / 1e6:>13,.0f}")  # fmt: skip
    return "\n".join(lines)


def draw_scale(results: dict):
    """Speed (above) and memory (below) against each thing that was varied: a matplotlib figure."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(one["varied"] for one in results["sizes"]))
    figure = Figure((12.0, 4.8), layout="constrained")
    axes = figure.subplots(2, len(names), sharey="row", squeeze=False)
    for name, column in zip(names, axes.T, strict=True):
        sizes = [one for one in results["sizes"] if one["varied"] == name]
        x = [one[name] for one in sizes]
        speeds = [np.median(one["tokens_per_second"]) for one in sizes]
        for ax, y in zip(column, (speeds, [one["bytes"] / 1e6 for one in sizes]), strict=True):
            ax.plot(x, y, marker="o")
            ax.set_ylim(bottom=0)
            ax.set_xscale("log", base=2)
            ax.set_xticks(x, [str(value) for value in x])
            ax.minorticks_off()
        column[1].set_xlabel(name)
    axes[0, 0].set_ylabel("tokens a second")
    axes[1, 0].set_ylabel("peak MB of a process")
    return figure


if __name__ == "__main__":
    measure_share(json.loads(sys.argv[1]))
