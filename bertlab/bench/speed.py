"""bench.speed: TODO."""

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from .machine import describe_machine, measure_gemm_with_threads
from .processes import Worker, serve_side, start_server
from .settings import DYNAMIC, OURS, SIDES, BenchConfig, Setting, make_settings
from .sides import FEW_ROWS

LOSS_TOLERANCE = 1e-3  # the largest difference of the two models' first losses, in nats: float32 leaves some 1e-6


def measure_speeds(config: BenchConfig, say: Callable[[str], None] = lambda text: None) -> dict:
    """Measure all that `config` asks for, and return plain numbers: see `table` for what they mean.

    The first use fetches the texts. Raises OSError when they cannot be had or a process dies, ValueError for text that
    does not fill a batch, RuntimeError when the two sides do not compute the same loss from the same weights.
    """
    facts = {"config": asdict(config), "machine": describe_machine(config.threads or torch.get_num_threads())}
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bertlab-bench-") as folder, start_server() as processes:
        found = []
        for setting in make_settings(config, Path(folder), say):
            say(f"measuring: {setting.title}")
            found.append(
                measure_setting(setting, config.rounds, config.seconds, facts["machine"]["threads"], processes)
            )
            found[-1]["gemm_flops_per_second"] = measure_gemm_with_threads(facts["machine"]["threads"])
    peak = max(setting["gemm_flops_per_second"] for setting in found)
    for side in (side for setting in found for side in setting["sides"]):
        side["utilisation"] = side["useful_flops_per_second"] / peak
    return facts | {"seconds": time.monotonic() - start, "gemm_flops_per_second": peak, "settings": found}


def measure_setting(
    setting: Setting, rounds: int, seconds: float, threads: int, processes: multiprocessing.context.BaseContext
) -> dict:
    """All sides of a setting, in turn. A side's steps are as many as take about `seconds`.

    Grouped batches of short and of long rows differ in speed, so that two at least are asked for. Of batches that are
    all alike, as those of random rows or of full ones, one will do: the slowest sides take seconds for it.
    """
    start = time.monotonic()
    if len(setting.rows) < setting.batch_size:
        raise ValueError(
            f"{setting.title}: {len(setting.rows)} rows do not fill one batch of {setting.batch_size}: give more text, "
            "or smaller batches"
        )
    sides = []
    try:
        sides += [Worker(serve_side, setting, name, threads, processes) for name in SIDES]
        check_same_start(setting, {side.name: side.ask("first_loss") for side in sides})
        steps = {}
        full = np.median(setting.lengths) == setting.lengths.max()  # most rows
        for side in sides:  # the first step makes AdamW's moments and warms caches up; few rows are enough for that
            first = side.ask("fit", rounds, 2, min(FEW_ROWS, setting.batch_size))
            a_step = setting.lengths.mean() * setting.batch_size * first["seconds"] / first["tokens"]
            steps[side.name] = max(1 if full or side.name == DYNAMIC else 2, round(seconds / a_step))
        found = {name: [] for name in SIDES}
        for number in range(rounds):
            for side in sides:
                found[side.name].append(side.ask("fit", number, steps[side.name]))
        memory = {side.name: side.ask("memory") for side in sides}
    finally:
        for side in sides:
            side.close()
    summed = [summarise_rounds(name, found[name], found[OURS]) | memory[name] for name in SIDES]
    lengths = setting.lengths
    facts = {"name": setting.name, "title": setting.title, "rows": len(lengths), "mean_length": float(lengths.mean()),
             "longest": int(lengths.max()), "batch_size": setting.batch_size}  # fmt: skip
    return facts | {"seconds": time.monotonic() - start, "sides": summed}


def check_same_start(setting: Setting, losses: dict[str, float]) -> None:
    """RuntimeError unless all sides find the same loss in the same rows: then they hold the same model."""
    if not max(losses.values()) - min(losses.values()) <= LOSS_TOLERANCE:
        said = ", ".join(f"{name} {loss:.6f}" for name, loss in losses.items())
        raise RuntimeError(f"{setting.title}: the sides do not start from the same loss ({said})")


def summarise_rounds(name: str, found: Sequence[dict], ours: Sequence[dict]) -> dict:
    """Medians of the rounds, with the least and the most. `times` is how many times as fast ours is in each round."""
    speed = np.array([one["tokens"] / one["seconds"] for one in found])
    times = np.array([one["tokens"] / one["seconds"] for one in ours]) / speed
    return {
        "side": name,
        "tokens_per_second": summarise_values(speed),
        "times": summarise_values(times),
        "useful_flops_per_second": float(np.median([one["useful_flops"] / one["seconds"] for one in found])),
        "measurements": list(found),
    }


def summarise_values(values: np.ndarray) -> dict[str, float]:
    return {"median": float(np.median(values)), "least": float(values.min()), "most": float(values.max())}


def format_speeds(results: dict) -> str:
    """The results as lines of text.

    tokens/s     real tokens (padding is not counted) a second: the median of the rounds, the least and the most
    ours is      how many times as fast bertlab is, measured side by side in each round: median, least and most
    of peak      useful operations (`count_useful_flops`) a second, over the machine's fastest matrix product
    training MB  what the process held at most, less what it held before the model was loaded
    """
    config, facts = results["config"], results["machine"]
    load = "" if facts["load"] is None else f", load {facts['load']:.1f} before it began"
    lines = [
        f"{facts['processor']}, {facts['threads']} thread(s){load}; torch {facts['torch']}, "
        f"transformers {facts['transformers']}; float32 on the CPU",
        f"{config['preset']} for pre-training, {config['batch_size']} rows a step, dropout {config['dropout']:g}, "
        f"{config['rounds']} rounds; fastest matrix product {results['gemm_flops_per_second'] / 1e9:,.0f} GFLOP/s",
    ]
    for setting in results["settings"]:
        lines += ["", f"{setting['title']}; {setting['mean_length']:.0f} tokens a row, {setting['longest']} at most",
                  f"  {'':<27}{'tokens/s':>8} {'(least - most)':<19}{'ours is':>8} {'(least - most)':<15}"
                  f"{'of peak':>8}{'training MB':>13}"]  # fmt: skip
        for side in setting["sides"]:
            speed, times = side["tokens_per_second"], side["times"]
            between = f"({speed['least']:,.0f} - {speed['most']:,.0f})"
            faster, spread = f"{times['median']:.2f}x", f"({times['least']:.2f} - {times['most']:.2f})"
            if side["side"] == OURS:
                faster = spread = ""
            lines.append(
                f"  {side['side']:<27}{speed['median']:>8,.0f} {between:<19}{faster:>8} {spread:<15}"
                f"{100 * side['utilisation']:>7.0f}%{side['training_bytes'] / 1e6:>13,.0f}"
            )
    return "\n".join(lines)


def draw_speeds(results: dict):
    """The speeds as bars, a panel for each setting: a matplotlib figure."""
    from matplotlib.figure import Figure

    from .. import plots

    settings = results["settings"]
    figure = Figure((7.5, 0.6 + 1.4 * len(settings)), layout="constrained")
    for setting, ax in zip(settings, figure.subplots(len(settings), squeeze=False)[:, 0], strict=True):
        speeds = [side["tokens_per_second"] for side in setting["sides"]]
        plots.draw_bars(
            [side["side"] for side in setting["sides"]],
            [speed["median"] for speed in speeds],
            errors=[(speed["most"] - speed["least"]) / 2 for speed in speeds],
            title=setting["title"],
            shape="{:,.0f}",
            ax=ax,
        )
    ax.set_xlabel("tokens a second, padding not counted")
    return figure
