"""How a training tells how far it is: a progress bar, a live curve in a notebook, or nothing.

What `train` calls as `watch(row, status)` is called for every row of the log, and with an empty row about once a second.
"""

import math
import sys
import time
from collections.abc import Mapping, Sequence

from .checkpoint import TrainingRun


class LiveCurve:
    """For `train(watch=...)` in a notebook: the loss and the held-out numbers, redrawn while the model learns.

    `baselines` are levels for the loss panel. The names of the log that hold "accuracy" go into a second panel.
    """

    def __init__(self, baselines: Mapping[str, float] | None = None, seconds: float = 2.0):
        self.baselines, self.seconds = baselines, seconds
        self.log: list[dict] = []
        self.shown: float | None = None
        self.handle = None

    def __call__(self, row: dict, status: dict) -> None:
        if row:
            self.log.append(row)
        now, ended = time.monotonic(), bool(status.get("ended"))
        if ended or self.shown is None or now - self.shown > self.seconds:
            from .plots import draw_training_log

            self.shown = now
            self.show(draw_training_log(self.log, self.baselines, describe_status(status)))

    def show(self, axes: Sequence) -> None:
        """Put the figure of these matplotlib axes below the cell, or in the place of the last one."""
        import matplotlib.pyplot as plt
        from IPython.display import display

        figure = axes[0].figure
        if self.handle is None:
            self.handle = display(figure, display_id=True)
        else:
            self.handle.update(figure)
        plt.close(figure)


def describe_status(status: dict) -> str:
    """How far the training is, in one line."""
    speed = f"step {status['step']} of {status['steps']}, {status['tokens_per_second']:,.0f} tokens a second"
    if status.get("ended"):
        return f"{speed}, {status['seconds']:.0f} seconds"
    left = status["seconds_left"]
    return speed if left != left else f"{speed}, {left:.0f} seconds left"


class TrainingClock:
    """Speed and time left. Nothing of this is in the log: the log must be the same on every machine."""

    def __init__(self, run: TrainingRun, steps: int):
        self.run, self.steps = run, steps
        self.start = self.shown = self.saved = time.monotonic()
        self.first_step, self.first_tokens = run.step, run.tokens

    def status(self) -> dict:
        seconds = time.monotonic() - self.start
        done = self.run.step - self.first_step
        return {
            "step": self.run.step,
            "steps": self.steps,
            "seconds": seconds,
            "tokens_per_second": (self.run.tokens - self.first_tokens) / seconds if seconds else 0.0,
            "seconds_left": seconds / done * (self.steps - self.run.step) if done else math.nan,
        }

    def tick(self) -> bool:
        """True about once a second."""
        if time.monotonic() - self.shown < 1:
            return False
        self.shown = time.monotonic()
        return True

    def due(self, seconds: float) -> bool:
        """True once every `seconds`."""
        if time.monotonic() - self.saved < seconds:
            return False
        self.saved = time.monotonic()
        return True


def quiet(row: dict, status: dict) -> None:
    """Watch without a word."""


class ProgressBar:
    """One progress bar on standard error: steps, time left, tokens a second, and the newest of each number."""

    def __init__(self, steps: int):
        from tqdm import tqdm

        shape = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
        self.bar = tqdm(total=steps, bar_format=shape, file=sys.stderr, dynamic_ncols=True, leave=True)
        self.newest: dict[str, str] = {}

    def __call__(self, row: dict, status: dict) -> None:
        if self.bar.n == 0 and status["step"] > 1:
            self.bar.initial = status["step"]  # a resumed run: time left from its own steps
        numbers = {k: v for k, v in row.items() if isinstance(v, float) and k != "learning_rate"}
        self.newest |= {name: f"{100 * v:.1f}%" if "accuracy" in name else f"{v:.3f}" for name, v in numbers.items()}
        self.bar.n = status["step"]
        speed = f", {status['tokens_per_second']:,.0f} tokens/s"
        self.bar.set_postfix_str(speed[2:] + "".join(f", {name} {value}" for name, value in self.newest.items()))
        if status.get("ended"):
            self.bar.close()
