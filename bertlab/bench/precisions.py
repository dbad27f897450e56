"""Do models learn the same in bfloat16 as in float32? Three trainings, each with three seeds, in both.

    python -m bertlab.bench.precisions FOLDER FILE.json

trains what is not in FOLDER yet, by the commands of `list_commands`, on a CPU that multiplies bfloat16 fast, and writes
the held-out loss or score of each run and the mean curves of the training loss.
"""

import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..files import write_json
from ..records import read_record_lines
from .machine import describe_machine
from .runs import describe_command, read_results, run_commands

SEEDS, PRECISIONS = (0, 1, 2), ("no", "bf16")
TRAININGS = {  # the command, and the number of results.json that judges it
    "pretrain": ("pretrain --text sotu wiki --steps 400", "mlm_loss"),
    "sentiment": ("finetune sentiment --model bertlab-mini --limit 3000 --length 64 --epochs 1", "accuracy"),
    "pos": ("finetune pos --model bertlab-mini --limit 1500 --length 64 --epochs 2", "accuracy"),
}


def list_commands() -> Iterator[tuple[str, str]]:
    """(name of the run, its command without --out)."""
    for (name, (command, _)), seed, precision in product(TRAININGS.items(), SEEDS, PRECISIONS):
        yield f"{name}-{precision}-{seed}", f"{command} --seed {seed} --precision {precision}"


def collect_results(folder: Path) -> dict[str, Any]:
    """The numbers of all runs, which must have ended. `difference` is between the means over the seeds of both
    precisions, `spread` between the best and the worst seed in float32."""
    runs = read_results(folder, (name for name, _ in list_commands()))
    results = {}
    for name, (_, metric) in TRAININGS.items():
        judged = {p: [round(runs[f"{name}-{p}-{seed}"]["model"][metric], 4) for seed in SEEDS] for p in PRECISIONS}
        curves = {p: [read_losses(folder / f"{name}-{p}-{seed}") for seed in SEEDS] for p in PRECISIONS}
        results[name] = {
            "metric": metric,
            "float32": judged["no"],
            "bf16": judged["bf16"],
            "difference": round(abs(np.mean(judged["bf16"]) - np.mean(judged["no"])), 4),
            "spread": round(max(judged["no"]) - min(judged["no"]), 4),
            "training_loss": {label: np.mean(curves[p], axis=0).round(3).tolist()
                              for label, p in (("float32", "no"), ("bf16", "bf16"))},
            "largest_difference_of_a_point": compare_curves(curves["no"], curves["bf16"]),
            "largest_spread_of_a_point": round(float(np.ptp(curves["no"], axis=0).max()), 3),
        }  # fmt: skip
    commands = [describe_command(folder, name, line) for name, line in list_commands() if name.endswith("-0")]
    return {"seeds": SEEDS, "commands": commands, **results}


def read_losses(run: Path) -> list[float]:
    """The training losses that a run logged, in order."""
    return [row["loss"] for row in read_record_lines(run / "log.jsonl") if "loss" in row]


def compare_curves(single: list[list[float]], half: list[list[float]]) -> float:
    """The largest difference in nats between the mean curves of two lists of runs."""
    return round(float(np.abs(np.mean(half, axis=0) - np.mean(single, axis=0)).max()), 3)


def main(arguments: list[str]) -> None:
    folder, file = Path(arguments[0]), Path(arguments[1])
    folder.mkdir(parents=True, exist_ok=True)
    run_commands(folder, list_commands())
    write_json(file, {"machine": describe_machine(torch.get_num_threads()), **collect_results(folder)})


if __name__ == "__main__":
    main(sys.argv[1:])
