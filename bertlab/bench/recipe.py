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
    """The numbers of every change whose runs have all ended."""
    results = {}
    for change, (_, rates) in CHANGES.items():
        trials = read_results(folder, (name for name, _ in list_trials(change)))
        if len(trials) < len(rates):
            continue
        judged = list(list_judged(folder, change))
        runs = read_results(folder, (name for name, _ in judged))
        if len(runs) < len(SEEDS):
            continue
        scores = {name: [round(run["model"][name], 4) for run in runs.values()]
                  for name in ("mlm_loss", "mlm_accuracy", "nsp_accuracy")}  # fmt: skip
        results[change] = {
            "command": describe_command(folder, *judged[0]),
            "tried": {f"{rate:g}": round(run["model"]["mlm_loss"], 4) for rate, run in zip(rates, trials.values(),
                                                                                         strict=True)},
            "learning_rate": choose_rate(folder, change),
            **scores,
            "training_loss": [[round(loss, 3) for loss in read_losses(folder / name)] for name, _ in judged],
            "curves": [read_curve(folder / name) for name, _ in judged],
        }  # fmt: skip
    return {"steps": STEPS, "seeds": SEEDS, "chosen_by_seed": CHOOSING, "changes": results}


def read_curve(run: Path) -> list[tuple[int, float]]:
    """(step, held-out loss of the masked words) wherever the run was evaluated on a part of the held-out rows."""
    rows = read_record_lines(run / "log.jsonl")
    return [(row["step"], round(row["mlm_loss"], 3)) for row in rows if "mlm_loss" in row]


def compare_changes(found: dict[str, Any]) -> list[tuple[str, float, float]]:
    """For each change of `collect_results` its name, how much higher its mean loss is than the recipe's, in nats, and
    half the 95% interval of that difference (Student's t); the largest difference first."""
    changes = found["changes"]
    base = np.array(changes["recipe"]["mlm_loss"])
    costs = []
    for change, one in changes.items():
        losses = np.array(one["mlm_loss"])
        spread = math.sqrt((losses.var(ddof=1) + base.var(ddof=1)) / len(base))
        if change != "recipe":
            costs.append((NAMES[change], float(losses.mean() - base.mean()), T_OF_4 * spread))
    return sorted(costs, key=lambda cost: -cost[1])


def format_changes(found: dict[str, Any]) -> str:
    """The changes as lines of text: the best rate, the mean loss with the lowest and the highest of the seeds, the mean
    of the tokens and of the pairs that are right."""
    lines = [
        f"{'three seeds':<28}{'rate':>8}{'MLM loss':>10}{'lowest':>9}{'highest':>9}{'right':>9}{'pairs right':>13}"
    ]
    for change, one in sorted(found["changes"].items(), key=lambda item: np.mean(item[1]["mlm_loss"])):
        losses = one["mlm_loss"]
        right, pairs = (100 * np.mean(one[name]) for name in ("mlm_accuracy", "nsp_accuracy"))
        lines.append(f"{NAMES[change]:<28}{one['learning_rate']:>8g}{np.mean(losses):>10.2f}{min(losses):>9.2f}"
                     f"{max(losses):>9.2f}{right:>8.1f}%{pairs:>12.1f}%")  # fmt: skip
    return "\n".join(lines)


def format_older_trials(found: dict[str, Any]) -> str:
    """The trials of an earlier day whose change is not among the new ones yet, as lines of text; empty without any."""
    trials = [
        trial for trial in found.get("older", {"trials": []})["trials"] if trial["change"] not in found["changes"]
    ]
    lines = [f"{trial['what']:<36}{np.mean(trial['mlm_loss']):>10.2f}{len(trial['mlm_loss']):>9}" for trial in trials]
    return "\n".join(
        [f"\n{'older trials, each at one rate':<36}{'MLM loss':>10}{'seeds':>9}", *lines] if trials else []
    )


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
