"""Speed: tokens a second of both training loops, measured in turns, with the memory and the utilisation of each."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from multiprocessing.context import BaseContext
from pathlib import Path

import numpy as np
import torch

from .machine import describe_machine, format_machine, measure_gemm_peak
from .processes import Worker, start_server, start_workers
from .settings import OURS, SIDES, WITHOUT_BF16, BenchConfig, Setting, make_settings
from .sides import FEW_ROWS, Side

LOSS_TOLERANCE = 1e-3  # the largest difference of the two models' first losses, in nats: float32 explains about 1e-6


def measure_speeds(config: BenchConfig, say: Callable[[str], None] = lambda text: None) -> dict:
    """Measure all settings that `config` selects, and return plain numbers: see `format_speeds` for what they mean. The
    first use downloads the texts. Raises OSError when that fails or a process dies, ValueError for text that does not
    fill a batch, RuntimeError when the two sides do not compute the same loss from the same weights."""
    machine = describe_machine(config.threads or torch.get_num_threads())
    threads, start, results, sides = machine["threads"], time.monotonic(), [], config.choose_sides()
    if sides == WITHOUT_BF16:
        say("this machine multiplies bfloat16 slowly: all sides are measured in float32")
    with tempfile.TemporaryDirectory(prefix="bertlab-bench-") as folder, start_server() as processes:
        for setting in make_settings(config, Path(folder), say):
            say(f"measuring: {setting.title}")
            result = measure_setting(setting, sides, config.rounds, config.seconds, threads, processes)
            results.append(result | {"gemm_flops_per_second": measure_gemm_peak(threads, half=sides != WITHOUT_BF16)})
    peak = max(result["gemm_flops_per_second"] for result in results)
    for side in (side for result in results for side in result["sides"]):
        side["utilisation"] = side["useful_flops_per_second"] / peak
    return {"config": asdict(config), "machine": machine, "seconds": time.monotonic() - start,
            "gemm_flops_per_second": peak, "settings": results}  # fmt: skip


def measure_setting(setting: Setting, names: Sequence[str], rounds: int, seconds: float, threads: int,
                    processes: BaseContext) -> dict:  # fmt: skip
    """Measure the named sides of a setting in turns, each for about `seconds` a round."""
    start, lengths = time.monotonic(), setting.lengths
    if len(setting.rows) < setting.batch_size:
        raise ValueError(f"{setting.title}: {len(setting.rows)} rows do not fill one batch of {setting.batch_size}: "
                         "give more text, or smaller batches")  # fmt: skip
    makers = {name: partial(Side, setting, name) for name in names}
    with start_workers(makers, threads, processes) as sides:
        check_same_start(setting, {side.name: side.ask("compute_first_loss") for side in sides})
        steps = [choose_steps(setting, side, rounds, seconds) for side in sides]
        measurements = {name: [] for name in names}
        for number in range(rounds):
            for side, count in zip(sides, steps, strict=True):
                measurements[side.name].append(side.ask("measure_training", number, count))
        memory = {side.name: side.ask("measure_memory") for side in sides}
    summaries = [summarise_rounds(name, measurements[name], measurements[OURS]) | memory[name] for name in names]
    return {"name": setting.name, "title": setting.title, "rows": len(lengths), "mean_length": float(lengths.mean()),
            "longest": int(lengths.max()), "batch_size": setting.batch_size, "seconds": time.monotonic() - start,
            "sides": summaries}  # fmt: skip


def choose_steps(setting: Setting, side: Worker, number: int, seconds: float) -> int:
    """How many steps the side makes in about `seconds`, from a warm-up of two steps on few rows. The warm-up also
    allocates AdamW's moments and fills caches. Batches grouped by length differ in speed, so at least two are measured;
    of batches that are all alike (random rows, or full ones) one is enough, as it can take seconds."""
    warmup = side.ask("measure_training", number, 2, min(FEW_ROWS, setting.batch_size))
    step_tokens = setting.lengths.mean() * setting.batch_size
    mostly_full = np.median(setting.lengths) == setting.lengths.max()
    least = 2 if SIDES[side.name].grouped and not mostly_full else 1
    return max(least, round(seconds * warmup["tokens"] / warmup["seconds"] / step_tokens))


def check_same_start(setting: Setting, losses: dict[str, float]) -> None:
    """Raise RuntimeError unless all sides compute the same loss on the same rows, which shows that the models agree."""
    if not max(losses.values()) - min(losses.values()) <= LOSS_TOLERANCE:
        listed = ", ".join(f"{name} {loss:.6f}" for name, loss in losses.items())
        raise RuntimeError(f"{setting.title}: the sides do not start from the same loss ({listed})")


def summarise_rounds(name: str, rounds: Sequence[dict], our_rounds: Sequence[dict]) -> dict:
    """The median, least and most over the rounds. `times` is how many times as fast bertlab is in the same round."""
    speed, our_speed = (np.array([one["tokens"] / one["seconds"] for one in each]) for each in (rounds, our_rounds))
    flops = float(np.median([one["useful_flops"] / one["seconds"] for one in rounds]))
    summaries = {key: {"median": float(np.median(values)), "least": float(values.min()), "most": float(values.max())}
                 for key, values in (("tokens_per_second", speed), ("times", our_speed / speed))}  # fmt: skip
    return {"side": name, **summaries, "useful_flops_per_second": flops, "measurements": list(rounds)}


def format_speeds(results: dict) -> str:
    """The results as lines of text.

    tokens/s     real tokens (no padding) a second: the median of the rounds, the least and the most
    ours is      how many times as fast bertlab is, measured side by side in each round: median, least and most
    of peak      useful operations (`count_useful_flops`) a second, over the machine's fastest matrix product
    training MB  the most that the process held, less what it held before the model was loaded
    """
    config, peak = results["config"], results["gemm_flops_per_second"]
    lines = [format_machine(results["machine"]),
             f"{config['preset']} for pre-training, {config['batch_size']} rows a step, dropout {config['dropout']:g}, "
             f"{config['rounds']} rounds; fastest matrix product {peak / 1e9:,.0f} GFLOP/s"]  # fmt: skip
    for setting in results["settings"]:
        lines += ["", f"{setting['title']}; {setting['mean_length']:.0f} tokens a row, {setting['longest']} at most",
                  f"  {'':<27}{'tokens/s':>8} {'(least - most)':<19}{'ours is':>8} {'(least - most)':<15}"
                  f"{'of peak':>8}{'training MB':>13}", *map(format_side, setting["sides"])]  # fmt: skip
    return "\n".join(lines)


def format_side(side: dict) -> str:
    """A side's line of the table; the columns that compare it with bertlab are empty for bertlab itself."""
    speed, times = side["tokens_per_second"], side["times"]
    speed_range = f"({speed['least']:,.0f} - {speed['most']:,.0f})"
    factor, factor_range = f"{times['median']:.2f}x", f"({times['least']:.2f} - {times['most']:.2f})"
    if side["side"] == OURS:
        factor = factor_range = ""
    return (f"  {side['side']:<27}{speed['median']:>8,.0f} {speed_range:<19}{factor:>8} {factor_range:<15}"
            f"{100 * side['utilisation']:>7.0f}%{side['training_bytes'] / 1e6:>13,.0f}")  # fmt: skip


def draw_speeds(results: dict):
    """The speeds as bars, a panel for each setting: a matplotlib figure."""
    from matplotlib.figure import Figure

    from .. import plots

    settings = results["settings"]
    figure = Figure((7.5, 0.6 + 1.4 * len(settings)), layout="constrained")
    for setting, ax in zip(settings, figure.subplots(len(settings), squeeze=False)[:, 0], strict=True):
        names, speeds = zip(*((side["side"], side["tokens_per_second"]) for side in setting["sides"]), strict=True)
        errors = [(speed["most"] - speed["least"]) / 2 for speed in speeds]
        medians = [speed["median"] for speed in speeds]
        plots.draw_bars(names, medians, errors=errors, title=setting["title"], shape="{:,.0f}", ax=ax)
    ax.set_xlabel("tokens a second, padding not counted")
    return figure
