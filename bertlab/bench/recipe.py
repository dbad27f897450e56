"""What does each choice of the pre-training recipe buy? One is taken away at a time, each at its own best rate.

    python -m bertlab.bench.recipe FOLDER FILE.json [CHANGE ...]

trains what is not in FOLDER yet, for the changes that are named or for all: first with seed 9 at three rates, then at
the best of these with seeds 0, 1 and 2, which alone are reported. So the seed that chose the rate is not judged.
"""

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..files import read_json, write_json
from ..pretrain import PEAK_LEARNING_RATES
from ..records import read_record_lines
from .machine import describe_machine
from .precisions import read_losses
from .runs import describe_command, read_results, run_commands

SEEDS, CHOOSING = (0, 1, 2), 9
RATE = PEAK_LEARNING_RATES["tiny"]
FACTORS = (0.5, 1.0, 2.0)
STEPS = 1000
ADAMW = "--optimizer adamw"
CHANGES = {  # name: the options, and the rates that are tried
    "recipe": ("", [RATE * factor for factor in FACTORS]),
    "adamw": (ADAMW, [RATE / 2 * factor for factor in FACTORS]),
    "masked-15": ("--masked 0.15", [RATE * factor for factor in FACTORS]),
    "bias-zero": ("--no-unigrams", [RATE * factor for factor in FACTORS]),
    "random-positions": ("--sinusoids 0", [RATE * factor for factor in FACTORS]),
    "random-heads": ("--no-neighbours", [RATE * factor for factor in FACTORS]),
    "random-values": ("--no-orthogonal", [RATE * factor for factor in FACTORS]),
    "random-start": ("--sinusoids 0 --no-orthogonal", [RATE * factor for factor in FACTORS]),
    "dropout": ("--dropout 0.1", [RATE * factor for factor in FACTORS]),
    "any-source": ("--no-same-source", [RATE * factor for factor in FACTORS]),
    "bert": (
        f"{ADAMW} --masked 0.15 --no-unigrams --sinusoids 0 --no-orthogonal --dropout 0.1",
        [1e-4, 5e-4, 2e-3],  # the first is BERT's own
    ),
}

NAMES = {
    "recipe": "the recipe",
    "adamw": "AdamW, not Muon",
    "masked-15": "15% masked, not 40%",
    "bias-zero": "the bias starts at zero",
    "random-positions": "random positions and heads",
    "random-heads": "random heads",
    "random-values": "random values and outputs",
    "random-start": "all three of these random",
    "dropout": "dropout of 0.1",
    "any-source": "random B from any text",
    "bert": "BERT's own choices in all",
}
T_OF_4 = 2.776  # 97.5% of Student's t with 4 degrees of freedom: two means of three seeds


def list_trials(change: str) -> Iterator[tuple[str, str]]:
    """(name, command) of the runs that choose the rate of a change."""
    options, rates = CHANGES[change]
    for rate in rates:
        yield f"{change}-{rate:g}-{CHOOSING}", make_command(options, rate, CHOOSING)


def list_judged(folder: Path, change: str) -> Iterator[tuple[str, str]]:
    """(name, command) of the runs that are reported, at the best rate of the trials, which must have ended."""
    rate, options = choose_rate(folder, change), CHANGES[change][0]
    for seed in SEEDS:
        yield f"{change}-{rate:g}-{seed}", make_command(options, rate, seed)


def make_command(options: str, rate: float, seed: int) -> str:
    """The command without --out."""
    command = f"pretrain --text sotu wiki --steps {STEPS} --learning-rate {rate:g} --seed {seed} {options}"
    return command.rstrip()


def choose_rate(folder: Path, change: str) -> float:
    """The rate with the lowest held-out loss of the masked words, among the trials."""
    found = read_results(folder, (name for name, _ in list_trials(change)))
    losses = {rate: found[f"{change}-{rate:g}-{CHOOSING}"]["model"]["mlm_loss"] for rate in CHANGES[change][1]}
    return min(losses, key=losses.get)


def collect_results(folder: Path) -> dict[str, Any]:
    """The numbers of every change whose runs have all ended, and under "trials" those of every change whose rate is
    chosen."""
    results, tried = {}, {}
    for change, (_, rates) in CHANGES.items():
        names = list(list_trials(change))
        trials = read_results(folder, (name for name, _ in names))
        if len(trials) < len(rates):
            continue
        tried[change] = {
            "command": describe_command(folder, *names[0]),
            "learning_rates": rates,
            "mlm_loss": [round(run["model"]["mlm_loss"], 4) for run in trials.values()],
            "nsp_accuracy": [round(run["model"]["nsp_accuracy"], 4) for run in trials.values()],
            "curves": [read_curve(folder / name) for name, _ in names],
        }
        judged = list(list_judged(folder, change))
        runs = read_results(folder, (name for name, _ in judged))
        if len(runs) < len(SEEDS):
            continue
        scores = {name: [round(run["model"][name], 4) for run in runs.values()]
                  for name in ("mlm_loss", "mlm_accuracy", "nsp_accuracy")}  # fmt: skip
        results[change] = {
            "command": describe_command(folder, *judged[0]),
            "learning_rate": choose_rate(folder, change),
            **scores,
            "training_loss": [[round(loss, 3) for loss in read_losses(folder / name)] for name, _ in judged],
            "curves": [read_curve(folder / name) for name, _ in judged],
        }
    return {"steps": STEPS, "seeds": SEEDS, "chosen_by_seed": CHOOSING, "trials": tried, "changes": results}


def read_curve(run: Path) -> list[tuple[int, float]]:
    """(step, held-out loss of the masked words) wherever the run was evaluated on a part of the held-out rows."""
    rows = read_record_lines(run / "log.jsonl")
    return [(row["step"], round(row["mlm_loss"], 3)) for row in rows if "mlm_loss" in row]


def list_losses(found: dict[str, Any]) -> list[tuple[str, str, list[float]]]:
    """(kind, name, losses of the seeds) of each change, by the best evidence that there is, the lowest mean first.

    judged  three seeds at the best of three rates, which another seed chose
    chosen  the one seed that chose the rate, at the best of the three
    older   the trials of an earlier day, at one rate
    """
    judged, tried, older = found["changes"], found["trials"], found.get("older", {"trials": []})["trials"]
    rows = [("judged", NAMES[change], one["mlm_loss"]) for change, one in judged.items()]
    rows += [("chosen", NAMES[change], [min(one["mlm_loss"])]) for change, one in tried.items() if change not in judged]
    rows += [("older", trial["what"], trial["mlm_loss"]) for trial in older if trial["change"] not in tried]
    return sorted(rows, key=lambda row: np.mean(row[2]))


def compare_changes(found: dict[str, Any]) -> list[tuple[str, float, float]]:
    """For each change its name, how much higher its mean loss is than that of the recipe, in nats, by evidence of the
    same kind (see `list_losses`), and half the 95% interval of the difference (Student's t), which is 0 where it cannot
    be known, as with one seed; the largest difference first."""
    if "recipe" not in found["changes"]:
        found = found | {"changes": {}}  # there is nothing to compare what is judged with
    rows = list_losses(found)
    if "recipe" in found["changes"]:  # a change that is not judged yet is compared with what chose the recipe's rate
        rows.append(("chosen", NAMES["recipe"], [min(found["trials"]["recipe"]["mlm_loss"])]))
    bases = {kind: np.array(losses) for kind, name, losses in rows if name == NAMES["recipe"]}
    costs = []
    for kind, name, losses in rows:
        if name == NAMES["recipe"] or kind not in bases:
            continue
        base, half = bases[kind], 0.0
        if kind == "judged":
            half = T_OF_4 * math.sqrt((np.var(losses, ddof=1) + base.var(ddof=1)) / len(base))
        costs.append((name, float(np.mean(losses) - base.mean()), half))
    return sorted(costs, key=lambda cost: -cost[1])


def format_changes(found: dict[str, Any]) -> str:
    """The losses of all changes as lines of text, by the best evidence that there is of each (see `list_losses`)."""
    evidence = {"judged": "best of 3 rates", "chosen": "best of 3 rates", "older": "one rate, older"}
    lines = [f"{'':<34}{'MLM loss':>9}{'lowest':>8}{'highest':>8}{'seeds':>7}  evidence"]
    for kind, name, losses in list_losses(found):
        numbers = f"{np.mean(losses):>9.2f}{min(losses):>8.2f}{max(losses):>8.2f}{len(losses):>7}"
        lines.append(f"{name:<34}{numbers}  {evidence[kind]}")
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    folder, file, changes = Path(arguments[0]), Path(arguments[1]), arguments[2:] or list(CHANGES)
    folder.mkdir(parents=True, exist_ok=True)
    for change in changes:
        run_commands(folder, list_trials(change))
        run_commands(folder, list_judged(folder, change))
        kept = read_json(file) if file.exists() else {}  # older trials
        machine = describe_machine(torch.get_num_threads())
        write_json(file, kept | {"machine": machine, **collect_results(folder)})


if __name__ == "__main__":
    main(sys.argv[1:])
