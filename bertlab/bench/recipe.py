"""What does each choice of the pre-training recipe buy? One is taken away at a time, each at its own best rate.

    python -m bertlab.bench.recipe FOLDER FILE.json [CHANGE ...]

trains the changes that are named, or all of `CHANGES`. A change is trained with seed 9 at three rates, and where the
best of these is the lowest or the highest, at a fourth one beyond it. At the best of all it is then trained with seeds
0, 1 and 2, which alone are reported. So the seed that chose the rate is not judged. FILE.json is written after each run
and holds its numbers; a run that it has is not trained again, even in an empty FOLDER, so another machine can go on
with the study. Notebook 09 shows it.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..files import read_json, write_json
from ..pretrain import PEAK_LEARNING_RATES
from ..records import read_record, read_record_lines
from .machine import describe_machine
from .runs import describe_command, run_commands

SEEDS, CHOOSING = (0, 1, 2), 9
STEPS = 1000
RATE = PEAK_LEARNING_RATES["tiny"]
RATES = (RATE / 2, RATE, 2 * RATE)
ADAMW = "--optimizer adamw"
Found = dict[str, Any]  # what FILE.json holds: the settings, and under "runs" each run by its name


@dataclass(frozen=True)
class Change:
    """What differs from the recipe: options of `bertlab pretrain`, and the rates that are tried."""

    title: str
    options: str = ""
    rates: tuple[float, ...] = RATES


CHANGES = {
    "recipe": Change("the recipe"),
    "adamw": Change("AdamW, not Muon", ADAMW, (RATE / 4, RATE / 2, RATE)),
    "masked-15": Change("15% masked, not 40%", "--masked 0.15"),
    "bias-zero": Change("the bias starts at zero", "--no-unigrams"),
    "random-heads": Change("random heads", "--no-neighbours"),
    "random-values": Change("random values and outputs", "--no-orthogonal"),
    "random-both": Change("random heads, values and outputs", "--no-neighbours --no-orthogonal"),
    "random-positions": Change("random positions and heads", "--sinusoids 0"),
    "random-start": Change("random positions, heads, values", "--sinusoids 0 --no-orthogonal"),
    "dropout": Change("dropout of 0.1", "--dropout 0.1"),
    "bert": Change(
        "BERT's own optimizer, masks, start",
        f"{ADAMW} --masked 0.15 --no-unigrams --sinusoids 0 --no-orthogonal --dropout 0.1",
        (1e-4, 5e-4, 2e-3),  # the first is BERT's own
    ),
}


# ---- What is trained -------------------------------------------------------------------------------------------------


def name_run(change: str, rate: float, seed: int) -> str:
    return f"{change}-{rate:g}-{seed}"


def make_command(change: str, rate: float, seed: int) -> str:
    """The command of a run, without --out."""
    command = f"pretrain --text sotu wiki --steps {STEPS} --learning-rate {rate:g} --seed {seed}"
    return f"{command} {CHANGES[change].options}".rstrip()


def find_trials(found: Found, change: str) -> dict[float, dict[str, Any]]:
    """The runs that choose the rate of a change by their rates, the lowest first, as far as they have ended."""
    runs = (run for run in found["runs"].values() if (run["change"], run["seed"]) == (change, CHOOSING))
    return {run["learning_rate"]: run for run in sorted(runs, key=lambda run: run["learning_rate"])}


def choose_rate(trials: dict[float, dict[str, Any]]) -> float:
    """The rate with the lowest held-out loss of the masked words."""
    return min(trials, key=lambda rate: trials[rate]["mlm_loss"])


def list_rates(found: Found, change: str) -> list[float]:
    """The rates that are still to be tried: those of the change, then one beyond the best if that is at their edge."""
    rates, trials = CHANGES[change].rates, find_trials(found, change)
    if missing := [rate for rate in rates if rate not in trials]:
        return missing
    best = choose_rate({rate: trials[rate] for rate in rates})
    beyond = {min(rates): min(rates) / 2, max(rates): 2 * max(rates)}.get(best)
    return [] if beyond is None or beyond in trials else [beyond]


def find_judged(found: Found, change: str) -> list[dict[str, Any]]:
    """The runs of a change that are reported, or none if they have not all ended."""
    if list_rates(found, change):
        return []
    rate = choose_rate(find_trials(found, change))
    names = [name_run(change, rate, seed) for seed in SEEDS]
    return [found["runs"][name] for name in names] if found["runs"].keys() >= set(names) else []


def train(folder: Path, file: Path, found: Found, change: str, rate: float, seed: int) -> None:
    """Train one run, unless its numbers are in `found`, and write them into FILE.json."""
    name, command = name_run(change, rate, seed), make_command(change, rate, seed)
    if name in found["runs"]:
        return
    run_commands(folder, [(name, command)])
    scores = read_record(folder / name / "results.json")["model"]
    found["runs"][name] = {
        "command": describe_command(folder, name, command),
        "change": change,
        "learning_rate": rate,
        "seed": seed,
        **{measure: round(scores[measure], 4) for measure in ("mlm_loss", "nsp_accuracy")},
        "curve": read_curve(folder / name),
    }
    write_json(file, found | {"machine": describe_machine(torch.get_num_threads())})


def read_curve(run: Path) -> list[tuple[int, float]]:
    """(step, held-out loss of the masked words) wherever the run was evaluated on a part of the held-out rows."""
    rows = read_record_lines(run / "log.jsonl")
    return [(row["step"], round(row["mlm_loss"], 3)) for row in rows if "mlm_loss" in row]


# ---- What was found --------------------------------------------------------------------------------------------------


def find_results(found: Found) -> dict[str, list[dict[str, Any]]]:
    """The runs that are reported of each change that has been judged, the lowest mean loss first."""
    results = {change: runs for change in CHANGES if (runs := find_judged(found, change))}
    return dict(sorted(results.items(), key=lambda item: np.mean(list_losses(item[1]))))


def list_losses(runs: Sequence[dict[str, Any]]) -> list[float]:
    return [run["mlm_loss"] for run in runs]


def average_curves(runs: Sequence[dict[str, Any]]) -> tuple[list[int], list[float]]:
    """(steps, mean held-out loss at these steps) of runs that were evaluated at the same steps."""
    steps, losses = zip(*(zip(*run["curve"], strict=True) for run in runs), strict=True)
    if len(set(steps)) > 1:
        raise ValueError(f"the runs were not evaluated at the same steps: {', '.join(map(str, sorted(set(steps))))}")
    return list(steps[0]), np.mean(losses, axis=0).tolist()


def compare_changes(found: Found) -> list[tuple[str, float, float]]:
    """For each change its title, how much higher its mean loss is than that of the recipe, in nats, and half the 95%
    interval of the difference (Welch's t, because the seeds of one change may spread more than those of another), the
    largest difference first."""
    from scipy.stats import ttest_ind

    results = find_results(found)
    base = list_losses(results.pop("recipe"))
    costs = []
    for change, runs in results.items():
        low, high = ttest_ind(list_losses(runs), base, equal_var=False).confidence_interval()
        costs.append((CHANGES[change].title, float(low + high) / 2, float(high - low) / 2))
    return costs[::-1]


def format_changes(found: Found) -> str:
    """The losses of the changes that have been judged as lines of text, the lowest mean first: mean, lowest and highest
    seed in nats, and the mean share of pairs that are answered rightly; then the rate."""
    lines = [f"{'':<35}{'MLM loss':>8}{'lowest':>8}{'highest':>8}{'pairs':>7}  best rate"]
    for change, runs in find_results(found).items():
        losses, pairs = list_losses(runs), np.mean([run["nsp_accuracy"] for run in runs])
        numbers = f"{np.mean(losses):>8.2f}{min(losses):>8.2f}{max(losses):>8.2f}{100 * pairs:>6.1f}%"
        lines.append(f"{CHANGES[change].title:<35}{numbers}  {describe_rate(find_trials(found, change))}")
    return "\n".join(lines)


def describe_rate(trials: dict[float, dict[str, Any]]) -> str:
    """The best rate among the trials of a change, of how many, and whether it is at their edge, so that a better one
    may lie outside."""
    rate = choose_rate(trials)
    edge = {min(trials): ", the lowest", max(trials): ", the highest"}.get(rate, "")
    return f"{rate:g} of {len(trials)}{edge}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="the runs")
    parser.add_argument("file", type=Path, help="the record that is made of them")
    parser.add_argument("changes", nargs="*", metavar="CHANGE", help=f"only these, of {', '.join(CHANGES)}")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.changes) - set(CHANGES)):
        raise ValueError(f"unknown changes: {', '.join(unknown)}; there are {', '.join(CHANGES)}")
    settings = {"steps": STEPS, "seeds": list(SEEDS), "chosen_by_seed": CHOOSING}
    found = read_json(options.file) if options.file.exists() else settings | {"runs": {}}
    if "runs" not in found:
        raise ValueError(f"{options.file} has no runs: it is no record of this study, or of an earlier form")
    if differing := [name for name, value in settings.items() if found.get(name) != value]:
        raise ValueError(f"{options.file} is the record of a study with other {', '.join(differing)}")
    options.folder.mkdir(parents=True, exist_ok=True)
    for change in options.changes or CHANGES:
        while rates := list_rates(found, change):
            train(options.folder, options.file, found, change, rates[0], CHOOSING)
        for seed in SEEDS:
            train(options.folder, options.file, found, change, choose_rate(find_trials(found, change)), seed)


if __name__ == "__main__":
    main()
