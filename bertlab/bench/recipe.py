"""What does each choice of the pre-training recipe buy? One is taken away at a time, each at its own best rate.

    python -m bertlab.bench.recipe FOLDER FILE.json [CHANGE ...]

trains what is not in FOLDER yet, for the changes that are named or for all: first with seed 9 at three rates, then at
the best of these with seeds 0, 1 and 2, which alone are reported. So the seed that chose the rate is not judged. What
FILE.json has already is not trained again, even in an empty FOLDER, so another machine can go on with the study.
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
    "random-start": "random positions, heads, values",
    "dropout": "dropout of 0.1",
    "any-source": "random B from any text",
    "bert": "BERT's own optimizer, masks, start",
}
T_OF_4 = 2.776  # 97.5% of Student's t with 4 degrees of freedom: two means of three seeds


def list_trials(change: str) -> Iterator[tuple[str, str]]:
    """(name, command) of the runs that choose the rate of a change."""
    options, rates = CHANGES[change]
    for rate in rates:
        yield f"{change}-{rate:g}-{CHOOSING}", make_command(options, rate, CHOOSING)


def list_judged(change: str, tried: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, command) of the runs that are reported, at the best rate of the trials, as `collect_trials` gives them."""
    rate, options = choose_rate(tried), CHANGES[change][0]
    for seed in SEEDS:
        yield f"{change}-{rate:g}-{seed}", make_command(options, rate, seed)


def make_command(options: str, rate: float, seed: int) -> str:
    """The command without --out."""
    command = f"pretrain --text sotu wiki --steps {STEPS} --learning-rate {rate:g} --seed {seed} {options}"
    return command.rstrip()


def choose_rate(tried: dict[str, Any]) -> float:
    """The rate with the lowest held-out loss of the masked words, among the trials of a change."""
    return min(zip(tried["mlm_loss"], tried["learning_rates"], strict=True))[1]


def collect_trials(folder: Path, change: str) -> dict[str, Any]:
    """The numbers of the runs that choose the rate of a change, which must have ended."""
    names = list(list_trials(change))
    runs = read_results(folder, (name for name, _ in names)).values()
    return {
        "command": describe_command(folder, *names[0]),
        "learning_rates": CHANGES[change][1],
        "mlm_loss": [round(run["model"]["mlm_loss"], 4) for run in runs],
        "nsp_accuracy": [round(run["model"]["nsp_accuracy"], 4) for run in runs],
        "curves": [read_curve(folder / name) for name, _ in names],
    }


def collect_judged(folder: Path, change: str, tried: dict[str, Any]) -> dict[str, Any]:
    """The numbers of the runs of a change that are reported, which must have ended."""
    judged = list(list_judged(change, tried))
    runs = read_results(folder, (name for name, _ in judged)).values()
    scores = {name: [round(run["model"][name], 4) for run in runs]
              for name in ("mlm_loss", "mlm_accuracy", "nsp_accuracy")}  # fmt: skip
    return {
        "command": describe_command(folder, *judged[0]),
        "learning_rate": choose_rate(tried),
        **scores,
        "training_loss": [[round(loss, 3) for loss in read_losses(folder / name)] for name, _ in judged],
        "curves": [read_curve(folder / name) for name, _ in judged],
    }


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
    rates = {NAMES[change]: describe_rate(tried) for change, tried in found["trials"].items()}
    lines = [f"{'':<34}{'MLM loss':>9}{'lowest':>8}{'highest':>8}{'seeds':>7}  best of 3 rates"]
    for kind, name, losses in list_losses(found):
        numbers = f"{np.mean(losses):>9.2f}{min(losses):>8.2f}{max(losses):>8.2f}{len(losses):>7}"
        lines.append(f"{name:<34}{numbers}  {'one rate, older' if kind == 'older' else rates[name]}")
    return "\n".join(lines)


def describe_rate(tried: dict[str, Any]) -> str:
    """The best rate among the trials of a change, and whether it is at their edge, so that a better one may lie
    outside."""
    rate, rates = choose_rate(tried), tried["learning_rates"]
    edge = {min(rates): ", the lowest", max(rates): ", the highest"}.get(rate, "")
    return f"{rate:g}{edge}"


def main(arguments: list[str]) -> None:
    folder, file, changes = Path(arguments[0]), Path(arguments[1]), arguments[2:] or list(CHANGES)
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"steps": STEPS, "seeds": list(SEEDS), "chosen_by_seed": CHOOSING}
    kept = read_json(file) if file.exists() else settings | {"trials": {}, "changes": {}}
    if differing := [name for name, value in settings.items() if kept[name] != value]:
        raise ValueError(f"{file} is the record of a study with other {', '.join(differing)}")
    for change in changes:
        if change not in kept["trials"]:
            run_commands(folder, list_trials(change))
            kept["trials"][change] = collect_trials(folder, change)
        tried = kept["trials"][change]
        if change not in kept["changes"]:
            write_json(file, kept)
            run_commands(folder, list_judged(change, tried))
            kept["changes"][change] = collect_judged(folder, change, tried)
            write_json(file, kept | {"machine": describe_machine(torch.get_num_threads())})


if __name__ == "__main__":
    main(sys.argv[1:])
