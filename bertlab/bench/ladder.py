"""How does the held-out loss fall with the operations, and which size is best for a budget? Three sizes, three budgets.

    python -m bertlab.bench.ladder data/ladder.json

trains what FILE does not hold yet, about 40 minutes on one thread. Text and recipe are those of "bert" in
`variants.py`. Two sizes take the best of three rates, which seed 9 chooses at the middle budget; the largest one
takes half the rate of the one before, as its width is twice as large. Seeds 0, 1 and 2 are reported. Notebook 17
shows it.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ..files import read_json, write_json
from ..optim import make_optimizer
from ..train import TrainConfig
from .machine import describe_machine
from .variants import CHOOSING, Variant, make_batches, make_plain_model
from .variants_inputs import Inputs, Study, make_inputs
from .variants_runs import count_step_flops, judge_model, run_steps

STUDY = Study(pairs_each=20, tagged=50, tagged_test=50)
BUDGETS = (1e11, 4e11, 1.6e12)  # operations of a run
SIZES = {"1x32": (1, 32), "2x64": (2, 64), "2x128": (2, 128)}  # layers and width
RATES = {"1x32": (4e-3, 8e-3, 1.6e-2), "2x64": (2e-3, 4e-3, 8e-3), "2x128": (1e-3,)}
SEEDS = (0, 1, 2)


def run_size(inputs: Inputs, size: str, budget: float, rate: float, seed: int, study: Study = STUDY) -> dict[str, Any]:
    """Train a BERT of one size for a budget, and judge its loss on held-out text."""
    variant = Variant(size, size=SIZES[size])

    def make(steps: int) -> tuple:
        torch.manual_seed(seed)
        model = make_plain_model(study, inputs, variant)
        config = TrainConfig(steps=steps, learning_rate=rate, beta2=0.98, seed=seed, precision=study.precision)
        return model, make_optimizer(model, config), make_batches(study, inputs, variant, seed, steps), config

    flops = count_step_flops(*make(1)[:3])
    steps = max(1, int(budget / flops))
    model, optimizer, batches, config = make(steps)
    run_steps(model, optimizer, batches, config)
    layers = sum(part.numel() for part in model.bert.layers.parameters())
    return {"size": size, "budget": budget, "learning_rate": rate, "seed": seed, "steps": steps,
            "flops_per_step": flops, "layer_parameters": layers,
            "parameters": sum(part.numel() for part in model.parameters()),
            **judge_model(model, inputs, study, seed, whole=False)}  # fmt: skip


def list_missing(runs: list[dict], seeds: Sequence[int] = SEEDS) -> Iterator[tuple[str, float, float, int]]:
    """(size, budget, rate, seed) of what is to be trained: the trials of a size, and with its best rate all else."""
    done = {(run["size"], run["budget"], run["learning_rate"], run["seed"]) for run in runs}
    for size, rates in RATES.items():
        trials = [(size, BUDGETS[1], rate, CHOOSING) for rate in rates if len(rates) > 1]
        yield from (trial for trial in trials if trial not in done)
        judged = [(size, budget, choose_rate(runs, size), seed) for budget in BUDGETS for seed in seeds]
        yield from (run for run in judged if run not in done)


def choose_rate(runs: list[dict], size: str) -> float:
    """The rate with the lowest held-out loss among a size's trials, or the only one."""
    if len(RATES[size]) == 1:
        return RATES[size][0]
    trials = [run for run in runs if run["size"] == size and run["seed"] == CHOOSING]
    return min(trials, key=lambda run: float("inf") if run["mlm_loss"] is None else run["mlm_loss"])["learning_rate"]


def run_study(file: Path, study: Study = STUDY, seeds: Sequence[int] = SEEDS) -> dict[str, Any]:
    """Train what is missing in the file, and add each run when it has ended."""
    inputs = make_inputs(study)
    kept = read_json(file) if file.exists() else {
        "command": "python -m bertlab.bench.ladder data/ladder.json", "settings": asdict(study),
        "machine": describe_machine(torch.get_num_threads()), "chosen_by_seed": CHOOSING,
        "baselines": inputs.baselines["mlm"], "runs": [],
    }  # fmt: skip
    for missing in list_missing(kept["runs"], seeds):
        kept["runs"].append(run_size(inputs, *missing, study))
        print(kept["runs"][-1], flush=True)
        write_json(file, kept)
    return kept


if __name__ == "__main__":
    run_study(Path(sys.argv[1]))
