"""Figures, drawn from arrays and strings on an `ax` that is returned. No model runs here."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm, to_rgba

# Okabe and Ito's colours (2008): told apart by readers with any kind of colour vision.
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000"]
SEQUENTIAL = "cividis"  # light for large values, even steps to every eye
DIVERGING = "PuOr"


def get_ax(ax: Axes | None, width: float = 6.0, height: float = 3.4) -> Axes:
    """The caller's ax, or a new one of `width` x `height` inches."""
    return ax if ax is not None else plt.subplots(figsize=(width, height), layout="constrained")[1]


def draw_curves(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    baselines: Mapping[str, float] | None = None,
    x: str = "step",
    y: str = "loss",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Lines (name -> (x values, y values)), each named at its end or in a legend, and baselines as dashed levels."""
    ax = get_ax(ax)
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


def draw_bars(
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
    ax = get_ax(ax, 6.0, 0.6 + 0.34 * len(names))
    places = np.arange(len(names))
    ax.barh(places, values, xerr=errors, color=COLOURS[0], ecolor="0.3", height=0.7)
    top = max([abs(v) for v in values] + [1e-12])
    for place, value, error in zip(places, values, errors if errors is not None else [0] * len(names), strict=True):
        ax.text(max(value, 0) + error + 0.015 * top, place, shape.format(value), va="center", fontsize=9)
    ax.set_yticks(places, [escape_dollars(name) for name in names])
    ax.invert_yaxis()
    ax.margins(x=0.14)
    ax.set(xlabel=x, title=title)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def draw_heatmap(
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
    ax = get_ax(ax, min(7.5, 2.0 + 0.38 * matrix.shape[1]), min(7.0, 1.4 + 0.34 * matrix.shape[0]))
    largest = np.abs(matrix).max() or 1.0
    low, high = limits or ((-largest, largest) if diverging else (None, None))
    image = ax.imshow(matrix, cmap=DIVERGING if diverging else SEQUENTIAL, aspect="auto", vmin=low, vmax=high)
    for names, axis, count in ((rows, ax.yaxis, matrix.shape[0]), (columns, ax.xaxis, matrix.shape[1])):
        if names is not None:
            if len(names) != count:
                raise ValueError(f"{len(names)} names for {count} rows or columns of the matrix")
            every = max(1, -(-count // 32))
            axis.set_ticks(range(0, count, every), [escape_dollars(name) for name in names[::every]], fontsize=9)
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


def draw_blocks(
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
    ax = get_ax(ax, 7.5, 0.5 + 0.72 * len(parts))
    arrow = {"arrowstyle": "-|>", "color": "0.25", "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    for row, (name, within, beside) in enumerate(parts):
        ax.add_patch(plt.Rectangle((0, row - 0.33), 4, 0.66, facecolor="#E6F0F7", edgecolor=COLOURS[0]))
        ax.text(2, row - 0.11 * bool(within), escape_dollars(name), ha="center", va="center", fontsize=10)
        ax.text(2, row + 0.17, escape_dollars(within), ha="center", va="center", fontsize=8.5, color="0.25")
        ax.text(4.45, row, escape_dollars(beside), va="center", fontsize=9)
        if row:
            ax.annotate("", (2, row - 0.33), (2, row - 0.67), arrowprops=arrow)
    for first, last, caption in frames:
        ax.add_patch(plt.Rectangle((-0.85, first - 0.58), 5.1, last - first + 1.0, fill=False, linestyle="--",
                                   edgecolor="0.45"))  # fmt: skip
        ax.text(-0.95, (first + last) / 2, escape_dollars(caption), rotation=90, ha="right", va="center", fontsize=9)
    for start, end in skips:
        ax.plot([2, -0.45, -0.45], [start - 0.46, start - 0.46, end], color=COLOURS[5], linewidth=1.4)
        ax.annotate("", (0, end), (-0.45, end), arrowprops=arrow | {"color": COLOURS[5]})
    ax.set(xlim=(-1.5, 7.6), ylim=(len(parts) - 0.45, -0.55), title=title)
    ax.axis("off")
    return ax


def draw_token_rows(rows: Mapping[str, Sequence[str]], *, title: str = "", ax: Axes | None = None) -> Axes:
    """Tokens as a line of boxes for each row (name -> tokens); where a new word begins, the colour changes.

    "##" marks a piece that goes on with the word before it. [UNK] has a dashed frame.
    """
    gap = 0.3  # in characters
    widest = max(sum(len(token) + 0.8 + gap for token in tokens) for tokens in rows.values())
    ax = get_ax(ax, 1.2 + 0.078 * widest, 0.5 + 0.42 * len(rows))
    for row, tokens in enumerate(rows.values()):
        left, words = 0.0, 0
        for token in tokens:
            words += not token.startswith("##")
            fill, frame = ("white", "--") if token == "[UNK]" else (("#FBE3B3", "#CFE6F5")[words % 2], "-")
            width = len(token) + 0.8
            ax.add_patch(plt.Rectangle((left, row - 0.36), width, 0.72, facecolor=fill, edgecolor="0.4",
                                       linewidth=0.7, linestyle=frame))  # fmt: skip
            ax.text(
                left + width / 2, row, escape_dollars(token), ha="center", va="center", family="monospace", fontsize=8
            )
            left += width + gap
    ax.set_yticks(range(len(rows)), [escape_dollars(name) for name in rows])
    ax.set(xlim=(-gap, widest), ylim=(len(rows) - 0.5, -0.5), title=title, xticks=[])
    ax.spines[:].set_visible(False)
    ax.tick_params(left=False)
    return ax


def escape_dollars(name: str) -> str:
    """matplotlib reads a pair of dollar signs as mathematics; a token may well be a dollar sign."""
    return str(name).replace("$", r"\$")


def draw_training_log(log: Sequence[dict], baselines: Mapping[str, float] | None = None, title: str = "") -> list[Axes]:
    """The log of `train` as one panel of losses and, where there are any, one of accuracies."""
    names = [k for k in dict.fromkeys(k for row in log for k in row) if k not in ("step", "tokens", "learning_rate")]
    accuracies = [name for name in names if "accuracy" in name]
    losses = [name for name in names if name not in accuracies]

    def lines(chosen: list[str], factor: float = 1.0) -> dict:
        wanted = {name: [(row["step"], factor * row[name]) for row in log if name in row] for name in chosen}
        return {name.replace("_", " "): tuple(zip(*points, strict=True)) for name, points in wanted.items() if points}

    figure, axes = plt.subplots(1, 1 + bool(accuracies), figsize=(4.6 + 3.6 * bool(accuracies), 3.2),
                                layout="constrained", squeeze=False)  # fmt: skip
    draw_curves(lines(losses), baselines=baselines, y="loss (nats)", ax=axes[0, 0])
    if accuracies:
        draw_curves(lines(accuracies, 100.0), y="% right", ax=axes[0, 1])
    figure.suptitle(title, fontsize=10)
    return list(axes[0])


# ---- Heads (notebooks 04 and 14) -------------------------------------------------------------------------


def draw_head_grid(
    maps: np.ndarray, *, off: Sequence[tuple[int, int]] = (), title: str = "", ax: Axes | None = None
) -> Axes:
    """All heads of all layers as small maps, (L, H, T, T): a row a layer, a column a head, both counted from 0.

    In a small map the rows are the tokens that look, from above, and the columns those that are looked at. All have one
    scale, 0 to 1, and the colours go with the square root, so that a weight of 0.05 is seen. Heads in `off`, as
    (layer, head), are crossed out. Raises ValueError for another shape.
    """
    maps = np.asarray(maps, dtype=float)
    if maps.ndim != 4 or maps.shape[-1] != maps.shape[-2] or 0 in maps.shape:
        raise ValueError(f"a grid of heads shows (layers, heads, tokens, tokens); this has shape {maps.shape}")
    L, H, T, _ = maps.shape
    ax = get_ax(ax, 1.1 + 0.58 * H, 0.7 + 0.58 * L)
    gap = 0.12 * T
    for layer in range(L):
        for head in range(H):
            left, top = head * (T + gap), layer * (T + gap)
            image = ax.imshow(maps[layer, head], cmap=SEQUENTIAL, norm=PowerNorm(0.5, 0, 1), interpolation="nearest",
                              extent=(left, left + T, top + T, top))  # fmt: skip
            if (layer, head) in off:
                for ends in ((top, top + T), (top + T, top)):
                    ax.plot((left, left + T), ends, color="white", linewidth=3.5)
                    ax.plot((left, left + T), ends, color=COLOURS[5], linewidth=1.8)
    ax.set(xlim=(-gap, H * (T + gap)), ylim=(L * (T + gap), -gap), aspect="equal", title=title)
    ax.set_xticks([head * (T + gap) + T / 2 for head in range(H)], [f"{head}" for head in range(H)])
    ax.set_yticks([layer * (T + gap) + T / 2 for layer in range(L)], [f"{layer}" for layer in range(L)])
    ax.set(xlabel="head", ylabel="layer")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.figure.colorbar(image, ax=ax, label="attention", shrink=0.8, ticks=[0, 0.05, 0.25, 0.5, 1], pad=0.02)
    return ax


HABITS = ("previous", "next", "self", "same word", "[CLS]", "[SEP]", "punctuation")
HABIT_COLOURS = dict(zip(HABITS, COLOURS, strict=False)) | {"[CLS]": "0.45"}
SHORT = {"previous": "prev", "same word": "same", "[CLS]": "CLS", "[SEP]": "SEP", "punctuation": "punct"}


def draw_head_kinds(names: np.ndarray, values: np.ndarray, *, title: str = "", ax: Axes | None = None) -> Axes:
    """Each head's habit as a coloured box, a row a layer and a column a head: its name, and how strong it is.

    `names` and `values` (L, H) are those of `habits.strongest`. The colour says which habit, the saturation how strong;
    both are written in the box as well. "none" stays white. Raises ValueError when the two have not one shape.
    """
    names, values = np.asarray(names, dtype=object), np.asarray(values, dtype=float)
    if names.ndim != 2 or names.shape != values.shape:
        raise ValueError(f"names {names.shape} and values {values.shape}; both must have the shape (layers, heads)")
    L, H = names.shape
    ax = get_ax(ax, 0.9 + 0.58 * H, 1.1 + 0.46 * L)
    there = [name for name in dict.fromkeys([*HABIT_COLOURS, *names.flat]) if name in names.flat and name != "none"]
    for (layer, head), name in np.ndenumerate(names):
        strong = 0.15 + 0.6 * min(max(values[layer, head], 0.0), 1.0)
        colour = "white" if name == "none" else to_rgba(HABIT_COLOURS.get(name, "0.6"), strong)
        box = (head - 0.47, layer - 0.45), 0.94, 0.9
        ax.add_patch(plt.Rectangle(*box, facecolor=colour, edgecolor="0.5", linewidth=0.6))
        if name != "none":
            ax.text(head, layer - 0.16, escape_dollars(SHORT.get(name, name)), ha="center", va="center", fontsize=8)
            ax.text(head, layer + 0.22, f"{values[layer, head]:.2f}", ha="center", va="center", fontsize=7.5)
    handles = [plt.Rectangle((0, 0), 1, 1, facecolor=to_rgba(HABIT_COLOURS.get(name, "0.6"), 0.6)) for name in there]
    counts = [f"{escape_dollars(name)} ({(names == name).sum()})" for name in there]
    if there:
        ax.legend(handles, counts, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4, frameon=False, fontsize=9)
    ax.set_xticks(range(H))
    ax.set_yticks(range(L))
    ax.set(xlim=(-0.6, H - 0.4), ylim=(L - 0.4, -0.6), xlabel="head", ylabel="layer", title=title)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def draw_confusion_matrix(counts: np.ndarray, names: Sequence[str], *, title: str = "", ax: Axes | None = None) -> Axes:
    """A confusion matrix: a row for each true label, a column for each answer; how many are written in each box.

    The colour is the share of the row, so that rare labels are seen as well as common ones. Raises ValueError when the
    matrix and the names do not fit, or a count is negative.
    """
    counts = np.asarray(counts)
    if counts.shape != (len(names), len(names)):
        raise ValueError(f"a confusion matrix of {len(names)} labels; this has shape {counts.shape}")
    if (counts < 0).any():
        raise ValueError("a count is negative")
    rows = counts.sum(1, keepdims=True)
    shares = counts / np.where(rows == 0, 1, rows)
    ax = get_ax(ax, min(7.5, 2.6 + 0.55 * len(names)), min(7.0, 1.8 + 0.45 * len(names)))
    draw_heatmap(shares, names, names, x="answer", y="truth", colour_bar="share of the row", limits=(0, 1), ax=ax)
    ax.set_title(title)
    for (row, column), count in np.ndenumerate(counts):
        ax.text(column, row, f"{count:,}", ha="center", va="center", fontsize=8,
                color="black" if shares[row, column] > 0.55 else "white")  # fmt: skip
    return ax


def draw_reliability(
    confidence: Sequence[float],
    right: Sequence[float],
    count: Sequence[int],
    *,
    lowest: float = 0.0,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A reliability diagram: of answers given with this mean confidence, so many were right; how many is written there.

    The three have one number for each bin, as `metrics.calibration` gives them. On the dashed diagonal a model says
    what it is worth; a line leads to each point from there. `lowest` is where the axes begin: 1 / C for C classes.
    Raises ValueError when the lists are not of one length.
    """
    if not len(confidence) == len(right) == len(count):
        raise ValueError(f"{len(confidence)} confidences, {len(right)} shares that are right and {len(count)} counts")
    ax = get_ax(ax, 4.4, 4.0)
    ax.plot([lowest, 1], [lowest, 1], color="0.35", linestyle="--", linewidth=1.2, zorder=1)
    ax.vlines(confidence, confidence, right, color=COLOURS[5], linewidth=2.5, zorder=2)
    ax.scatter(confidence, right, color=COLOURS[0], s=34, zorder=3)
    for sure, share, many in zip(confidence, right, count, strict=True):
        over = share > sure
        ax.annotate(f"{many:,}", (sure, share), xytext=(0, 6 if over else -6), textcoords="offset points", ha="center",
                    va="bottom" if over else "top", fontsize=8.5, color="0.25")  # fmt: skip
    low = min([lowest, *right])
    ax.set(xlim=(lowest - 0.03, 1.03), ylim=(low - 0.08, 1.08), xlabel="mean confidence", ylabel="share that is right",
           title=title)  # fmt: skip
    ax.grid(alpha=0.25)
    return ax


def draw_weighted_tokens(
    rows: Mapping[str, Sequence[float]], tokens: Sequence[str], *, title: str = "", ax: Axes | None = None
) -> Axes:
    """The tokens as a line of boxes for each row (name -> one weight a token); the larger a weight, the deeper its box.

    Blue is above zero, orange with a dashed frame below it; each row is scaled to its own largest. A thick frame marks
    the highest weight of the row. Raises ValueError for a row that does not have one number for each token.
    """
    gap = 0.3  # in characters
    lefts = np.cumsum([0.0] + [len(token) + 0.8 + gap for token in tokens])
    ax = get_ax(ax, 1.8 + 0.085 * lefts[-1], 0.5 + 0.42 * len(rows))
    for row, (name, weights) in enumerate(rows.items()):
        weights = np.asarray(weights, dtype=float)
        if weights.shape != (len(tokens),) or not np.isfinite(weights).all():
            raise ValueError(f"{name} has weights of shape {weights.shape} for {len(tokens)} tokens, or not all finite")
        shares = weights / (np.abs(weights).max() or 1.0)
        for place, (token, share) in enumerate(zip(tokens, shares, strict=True)):
            fill = (COLOURS[0] if share > 0 else COLOURS[1], 0.75 * abs(share))
            highest = share > 0 and place == weights.argmax()
            width = len(token) + 0.8
            ax.add_patch(plt.Rectangle((lefts[place], row - 0.36), width, 0.72, facecolor=fill, edgecolor="0.2",
                                       linewidth=2.2 if highest else 0.6, linestyle="--" if share < 0 else "-",
                                       zorder=2 + highest))  # fmt: skip
            ax.text(lefts[place] + width / 2, row, escape_dollars(token), ha="center", va="center", family="monospace",
                    fontsize=8, zorder=4)  # fmt: skip
    ax.set_yticks(range(len(rows)), [escape_dollars(name) for name in rows])
    ax.set(xlim=(-gap, lefts[-1]), ylim=(len(rows) - 0.5, -0.5), title=title, xticks=[])
    ax.spines[:].set_visible(False)
    ax.tick_params(left=False)
    return ax


def draw_position_table(table: np.ndarray, *, title: str = "", ax: Axes | None = None) -> Axes:
    """A table of positions (T, D) as colours: a row for each position, from the top, a column for each number.

    Zero is in the middle of the colours. Raises ValueError for what is no matrix.
    """
    return draw_heatmap(table, x="number", y="position", title=title, diverging=True, ax=ax or get_ax(ax, 6.0, 4.0))


def draw_position_similarity(table: np.ndarray, *, title: str = "", ax: Axes | None = None) -> Axes:
    """The cosine of every position's vector with every other's, for a table (T, D). The colours run from -1 to 1.

    Raises ValueError for what is no matrix, and for a vector of length 0, which has no direction.
    """
    cosines = compute_cosines(table)
    return draw_heatmap(cosines, x="position", y="position", title=title, colour_bar="cosine", diverging=True,
                   ax=ax or get_ax(ax, 4.9, 4.0))  # fmt: skip


def compute_cosines(table: np.ndarray) -> np.ndarray:
    """The cosines of all pairs of rows of a table (T, D): (T, T). Raises ValueError as `draw_position_similarity`."""
    table = np.asarray(table, dtype=float)
    if table.ndim != 2:
        raise ValueError(f"a position table is a matrix, one row a position; this has shape {table.shape}")
    lengths = np.linalg.norm(table, axis=1, keepdims=True)
    if not (lengths > 0).all():
        raise ValueError(f"position {int(np.argmin(lengths))} is a vector of zeros: it has no direction")
    unit = table / lengths
    return unit @ unit.T


def draw_beam(
    steps: Sequence[Sequence[tuple[float, Sequence[int]]]],
    vocab: Sequence[str],
    *,
    best: Sequence[int] = (),
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A beam search from left to right: a column for each word with the last words of the texts that were carried on,
    likeliest on top, and lines to those that go on from them. What becomes of the `best` text is bold, what fell away
    grey. `steps` holds (log p, ids) of each text after each word; `vocab` the words of the ids."""
    most = max(len(step) for step in steps)
    ax = get_ax(ax, min(12, 1.0 + 0.85 * len(steps)), 0.9 + 0.42 * most)
    for column, step in enumerate(steps):
        after = [ids[:-1] for _, ids in steps[column + 1]] if column + 1 < len(steps) else []
        for row, (_, ids) in enumerate(step):
            kept = list(ids) == list(best[: len(ids)])
            alive = column + 1 == len(steps) or list(ids) in [list(one) for one in after]
            colour = COLOURS[0] if kept else "0.15" if alive else "0.6"
            ax.text(column, row, escape_dollars(vocab[ids[-1]]), ha="center", va="center", fontsize=9, color=colour,
                    fontweight="bold" if kept else "normal",
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})  # fmt: skip
            for above, one in enumerate(after):
                if list(one) == list(ids):
                    onward = kept and list(steps[column + 1][above][1]) == list(best[: len(ids) + 1])
                    ax.plot([column, column + 1], [row, above], color=COLOURS[0] if onward else "0.7",
                            linewidth=2 if onward else 1, zorder=0)  # fmt: skip
    ax.set(xlim=(-0.6, len(steps) - 0.4), ylim=(most - 0.5, -0.5), xlabel="word", title=title)
    ax.set_xticks(range(len(steps)), range(1, len(steps) + 1))
    ax.set_yticks(range(most), range(1, most + 1))
    ax.set_ylabel("place")
    ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
    return ax
