"""Figures, drawn from arrays and strings on an `ax` that is returned. No model runs here."""

import time
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

# Okabe and Ito's colours (2008): told apart by readers with any kind of colour vision.
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000"]
SEQUENTIAL = "cividis"  # light for large values, even steps to every eye
DIVERGING = "PuOr"


def new_ax(ax: Axes | None, width: float = 6.0, height: float = 3.4) -> Axes:
    """The caller's ax, or a new one of `width` x `height` inches."""
    return ax if ax is not None else plt.subplots(figsize=(width, height), layout="constrained")[1]


def curves(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    baselines: Mapping[str, float] | None = None,
    x: str = "step",
    y: str = "loss",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Lines (name -> (x values, y values)), each named at its end or in a legend, and baselines as dashed levels."""
    ax = new_ax(ax)
    for number, (name, (xs, ys)) in enumerate(lines.items()):
        few = "o" if len(xs) < 12 else None
        ax.plot(xs, ys, color=COLOURS[number % len(COLOURS)], label=name, marker=few, markersize=4)
    for number, (name, level) in enumerate((baselines or {}).items()):
        ax.axhline(level, color="0.35", linestyle=["--", ":", "-."][number % 3], linewidth=1.2)
        ax.annotate(name, (1, level), xycoords=("axes fraction", "data"), xytext=(-3, 2), textcoords="offset points",
                    ha="right", va="bottom", fontsize=9, color="0.25")  # fmt: skip
    if baselines:
        ax.margins(y=0.1)  # room above the highest one for its name
    ax.set(xlabel=x, ylabel=y, title=title)
    ax.grid(alpha=0.25)
    if len(lines) > 1:
        ax.legend(frameon=False, fontsize=9)
    return ax


def bars(
    names: Sequence[str],
    values: Sequence[float],
    *,
    errors: Sequence[float] | None = None,
    x: str = "",
    title: str = "",
    shape: str = "{:.2f}",
    ax: Axes | None = None,
) -> Axes:
    """Lying bars from top to bottom, each with its number: token probabilities, scores of several models."""
    ax = new_ax(ax, 6.0, 0.6 + 0.34 * len(names))
    places = np.arange(len(names))
    ax.barh(places, values, xerr=errors, color=COLOURS[0], ecolor="0.3", height=0.7)
    top = max([abs(v) for v in values] + [1e-12])
    for place, value, error in zip(places, values, errors if errors is not None else [0] * len(names), strict=True):
        ax.text(max(value, 0) + error + 0.015 * top, place, shape.format(value), va="center", fontsize=9)
    ax.set_yticks(places, [escape(name) for name in names])
    ax.invert_yaxis()
    ax.margins(x=0.14)
    ax.set(xlabel=x, title=title)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def heatmap(
    matrix: np.ndarray,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    *,
    x: str = "",
    y: str = "",
    title: str = "",
    colour_bar: str = "",
    diverging: bool = False,
    limits: tuple[float, float] | None = None,
    numbers: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A matrix as colours, row names at the left and column names below; `numbers` ("{:.2f}") writes each value too.

    Long lists of names are thinned so that they do not run into one another. `diverging` puts zero in the middle.
    `limits` are the values of the two ends of the colour bar, so that two matrices can be compared.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2:
        raise ValueError(f"a heat map shows a matrix; this has shape {matrix.shape}")
    ax = new_ax(ax, min(7.5, 2.0 + 0.38 * matrix.shape[1]), min(7.0, 1.4 + 0.34 * matrix.shape[0]))
    largest = np.abs(matrix).max() or 1.0
    low, high = limits or ((-largest, largest) if diverging else (None, None))
    image = ax.imshow(matrix, cmap=DIVERGING if diverging else SEQUENTIAL, aspect="auto", vmin=low, vmax=high)
    for names, axis, count in ((rows, ax.yaxis, matrix.shape[0]), (columns, ax.xaxis, matrix.shape[1])):
        if names is not None:
            if len(names) != count:
                raise ValueError(f"{len(names)} names for {count} rows or columns of the matrix")
            every = max(1, -(-count // 32))
            axis.set_ticks(range(0, count, every), [escape(name) for name in names[::every]], fontsize=9)
    if columns is not None and any(len(name) > 2 for name in columns):
        ax.tick_params(axis="x", rotation=60)
        for label in ax.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    if numbers:
        for (row, column), value in np.ndenumerate(matrix):
            red, green, blue, _ = image.cmap(image.norm(value))
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
            ax.text(column, row, numbers.format(value), ha="center", va="center", fontsize=8,
                    color="white" if dark else "black")  # fmt: skip
    ax.figure.colorbar(image, ax=ax, label=colour_bar, shrink=0.9)
    ax.set(xlabel=x, ylabel=y, title=title)
    return ax


def blocks(
    parts: Sequence[tuple[str, str, str]],
    *,
    frames: Sequence[tuple[int, int, str]] = (),
    skips: Sequence[tuple[int, int]] = (),
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A block diagram, read from top to bottom: each part (name, text in the box's second line, text at its right).

    `frames` (first, last, caption) draw a dashed line around parts; `skips` (a, b) lead an arrow from the line that
    enters part a into part b, past what lies between them.
    """
    ax = new_ax(ax, 7.5, 0.5 + 0.72 * len(parts))
    arrow = {"arrowstyle": "-|>", "color": "0.25", "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    for row, (name, within, beside) in enumerate(parts):
        ax.add_patch(plt.Rectangle((0, row - 0.33), 4, 0.66, facecolor="#E6F0F7", edgecolor=COLOURS[0]))
        ax.text(2, row - 0.11 * bool(within), escape(name), ha="center", va="center", fontsize=10)
        ax.text(2, row + 0.17, escape(within), ha="center", va="center", fontsize=8.5, color="0.25")
        ax.text(4.45, row, escape(beside), va="center", fontsize=9)
        if row:
            ax.annotate("", (2, row - 0.33), (2, row - 0.67), arrowprops=arrow)
    for first, last, caption in frames:
        ax.add_patch(plt.Rectangle((-0.85, first - 0.58), 5.1, last - first + 1.0, fill=False, linestyle="--",
                                   edgecolor="0.45"))  # fmt: skip
        ax.text(-0.95, (first + last) / 2, escape(caption), rotation=90, ha="right", va="center", fontsize=9)
    for start, end in skips:
        ax.plot([2, -0.45, -0.45], [start - 0.46, start - 0.46, end], color=COLOURS[5], linewidth=1.4)
        ax.annotate("", (0, end), (-0.45, end), arrowprops=arrow | {"color": COLOURS[5]})
    ax.set(xlim=(-1.5, 7.6), ylim=(len(parts) - 0.45, -0.55), title=title)
    ax.axis("off")
    return ax


def pieces(rows: Mapping[str, Sequence[str]], *, title: str = "", ax: Axes | None = None) -> Axes:
    """Tokens as a line of boxes for each row (name -> tokens); where a new word begins, the colour changes.

    "##" marks a piece that goes on with the word before it. [UNK] has a dashed frame.
    """
    gap = 0.3  # in characters
    widest = max(sum(len(token) + 0.8 + gap for token in tokens) for tokens in rows.values())
    ax = new_ax(ax, 1.2 + 0.078 * widest, 0.5 + 0.42 * len(rows))
    for row, tokens in enumerate(rows.values()):
        left, words = 0.0, 0
        for token in tokens:
            words += not token.startswith("##")
            fill, frame = ("white", "--") if token == "[UNK]" else (("#FBE3B3", "#CFE6F5")[words % 2], "-")
            width = len(token) + 0.8
            ax.add_patch(plt.Rectangle((left, row - 0.36), width, 0.72, facecolor=fill, edgecolor="0.4",
                                       linewidth=0.7, linestyle=frame))  # fmt: skip
            ax.text(left + width / 2, row, escape(token), ha="center", va="center", family="monospace", fontsize=8)
            left += width + gap
    ax.set_yticks(range(len(rows)), [escape(name) for name in rows])
    ax.set(xlim=(-gap, widest), ylim=(len(rows) - 0.5, -0.5), title=title, xticks=[])
    ax.spines[:].set_visible(False)
    ax.tick_params(left=False)
    return ax


def escape(name: str) -> str:
    """matplotlib reads a pair of dollar signs as mathematics; a token may well be a dollar sign."""
    return str(name).replace("$", r"\$")


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
            self.shown = now
            self.show(training(self.log, self.baselines, said(status)))

    def show(self, axes: Sequence[Axes]) -> None:
        from IPython.display import display

        figure = axes[0].figure
        if self.handle is None:
            self.handle = display(figure, display_id=True)
        else:
            self.handle.update(figure)
        plt.close(figure)


def training(log: Sequence[dict], baselines: Mapping[str, float] | None = None, title: str = "") -> list[Axes]:
    """The log of `train` as one panel of losses and, where there are any, one of accuracies."""
    names = [k for k in dict.fromkeys(k for row in log for k in row) if k not in ("step", "tokens", "learning_rate")]
    accuracies = [name for name in names if "accuracy" in name]
    losses = [name for name in names if name not in accuracies]

    def lines(chosen: list[str], factor: float = 1.0) -> dict:
        wanted = {name: [(row["step"], factor * row[name]) for row in log if name in row] for name in chosen}
        return {name.replace("_", " "): tuple(zip(*points, strict=True)) for name, points in wanted.items() if points}

    figure, axes = plt.subplots(1, 1 + bool(accuracies), figsize=(4.6 + 3.6 * bool(accuracies), 3.2),
                                layout="constrained", squeeze=False)  # fmt: skip
    curves(lines(losses), baselines=baselines, y="loss (nats)", ax=axes[0, 0])
    if accuracies:
        curves(lines(accuracies, 100.0), y="% right", ax=axes[0, 1])
    figure.suptitle(title, fontsize=10)
    return list(axes[0])


def said(status: dict) -> str:
    """How far the training is, in one line."""
    speed = f"step {status['step']} of {status['steps']}, {status['tokens_per_second']:,.0f} tokens a second"
    if status.get("ended"):
        return f"{speed}, {status['seconds']:.0f} seconds"
    left = status["seconds_left"]
    return speed if left != left else f"{speed}, {left:.0f} seconds left"
