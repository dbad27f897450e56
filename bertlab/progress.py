"""How work reports its progress: a progress bar, a live curve of a training run in a notebook, or nothing.

`train` calls its argument `watch(row, status)` for each row of the log, and about once a second with an empty row.
`status` is what `TrainingClock.measure_speed` returns.
"""

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from .checkpoint import TrainingRun

DELAY = 2.0  # seconds of work before there is a bar


class TrainingClock:
    """Speed and time left. They are not in the log, which must be the same on every machine."""

    def __init__(self, run: TrainingRun, steps: int):
        self.run, self.steps = run, steps
        self.start = time.monotonic()
        self.last = {"report": self.start, "checkpoint": self.start}
        self.first_step, self.first_tokens = run.step, run.tokens

    def measure_speed(self) -> dict:
        """The current step, the number of steps, seconds since the start, tokens per second and seconds left."""
        seconds = time.monotonic() - self.start
        steps_done = self.run.step - self.first_step
        return {
            "step": self.run.step,
            "steps": self.steps,
            "seconds": seconds,
            "tokens_per_second": int(self.run.tokens - self.first_tokens) / seconds if seconds else 0.0,
            "seconds_left": seconds / steps_done * (self.steps - self.run.step) if steps_done else math.nan,
        }

    def is_due(self, name: str, seconds: float) -> bool:
        """True once every `seconds`, for the "report" and for the "checkpoint"."""
        if time.monotonic() - self.last[name] < seconds:
            return False
        self.last[name] = time.monotonic()
        return True


def describe_status(status: dict) -> str:
    """The progress of a run in one line."""
    speed = f"step {status['step']} of {status['steps']}, {status['tokens_per_second']:,.0f} tokens a second"
    if status.get("ended"):
        return f"{speed}, {status['seconds']:.0f} seconds"
    if math.isnan(status["seconds_left"]):
        return speed
    return f"{speed}, {status['seconds_left']:.0f} seconds left"


def quiet(row: dict, status: dict) -> None:
    """Report nothing."""


def watch_items(
    items: Iterable, what: str, total: float | None = None, measure: Callable[[object], float] | None = None
) -> Iterator:
    """The items one by one, with a progress bar on standard error if it is a terminal and they take over two seconds.

    `what` is said in front of the bar. Without a `total` it counts; `measure` gives the part of the total that an item
    is (1 without it).
    """
    from tqdm import tqdm

    with tqdm(total=total, desc=what, delay=DELAY, disable=None, leave=False, unit_scale=True, file=sys.stderr) as bar:
        for item in items:
            yield item
            bar.update(1 if measure is None else measure(item))


class ProgressBar:
    """One progress bar on standard error: steps, time left, tokens per second, and the latest value of each number."""

    def __init__(self, steps: int):
        from tqdm import tqdm

        shape = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
        self.bar = tqdm(total=steps, bar_format=shape, dynamic_ncols=True)
        self.latest: dict[str, str] = {}

    def __call__(self, row: dict, status: dict) -> None:
        if self.bar.n == 0 and status["step"] > 1:
            self.bar.initial = status["step"]  # a resumed run estimates the time left from its own steps
        numbers = {k: v for k, v in row.items() if isinstance(v, float) and k != "learning_rate"}
        self.latest |= {name: f"{100 * v:.1f}%" if "accuracy" in name else f"{v:.3f}" for name, v in numbers.items()}
        self.bar.n = status["step"]
        speed = f"{status['tokens_per_second']:,.0f} tokens/s"
        self.bar.set_postfix_str(", ".join([speed, *(f"{name} {value}" for name, value in self.latest.items())]))
        if status.get("ended"):
            self.bar.close()


class LiveCurve:
    """In a notebook, `train(watch=LiveCurve())` redraws the loss and the held-out numbers while the model learns.

    `baselines` are levels for the loss panel; accuracies go into a second one. The figure is redrawn every `seconds`,
    or less often where drawing is slow: it takes no more than a tenth of the time.
    """

    def __init__(self, baselines: Mapping[str, float] | None = None, seconds: float = 2.0):
        self.baselines, self.seconds = baselines, seconds
        self.log: list[dict] = []
        self.last_shown: float | None = None  # when the last figure was complete
        self.drawing = 0.0  # the seconds that it took
        self.handle = None

    def __call__(self, row: dict, status: dict) -> None:
        if row:
            self.log.append(row)
        now = time.monotonic()
        pause = max(self.seconds, 9 * self.drawing)
        if status.get("ended") or self.last_shown is None or now - self.last_shown > pause:
            from .plots import draw_training_log

            self.show_figure(draw_training_log(self.log, self.baselines, describe_status(status)))
            self.last_shown = time.monotonic()
            self.drawing = self.last_shown - now

    def show_figure(self, axes: Sequence) -> None:
        """Show the figure of these matplotlib axes below the cell, instead of the previous one."""
        import matplotlib.pyplot as plt
        from IPython.display import display

        figure = axes[0].figure
        if self.handle is None:
            self.handle = display(figure, display_id=True)
        else:
            self.handle.update(figure)
        plt.close(figure)
