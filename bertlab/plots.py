"""Figures from arrays and strings: every function draws on an `ax` and returns it. No model runs here."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm, to_rgba

from .arguments import check_argument, check_array, check_kind, check_list, check_number
from .head_scores import HEAD_KINDS
from .plot_checks import check_beams, check_blocks, check_lines, check_some

# Okabe and Ito's colours (2008), which can be told apart with any kind of colour vision.
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000"]
SEQUENTIAL = "cividis"  # light for large values, in even steps for any colour vision
DIVERGING = "PuOr"
# Attention, as in the views: white for 0 and dark for 1, so that darker is more in every picture of attention.
ATTENTION = LinearSegmentedColormap.from_list(
    "attention", [(0.0, "#ffffff"), (0.35, "#8fc1e3"), (0.7, "#0072b2"), (1.0, "#04233f")]
)


def get_ax(ax: Axes | None, width: float = 6.0, height: float = 3.4) -> Axes:
    """The caller's ax, or a new one of `width` x `height` inches."""
    return ax if ax is not None else plt.subplots(figsize=(width, height), layout="constrained")[1]


def escape_dollars(name: str) -> str:
    """The name with its dollar signs escaped, because matplotlib reads a pair of them as mathematics."""
    return str(name).replace("$", r"\$")


def write_centred(ax: Axes, x: float, y: float, text: str, **style) -> None:
    """Text around a point; `style` is what `ax.text` takes."""
    ax.text(x, y, escape_dollars(text), ha="center", va="center", **style)


def finish_without_frame(ax: Axes, **settings) -> Axes:
    """Set the limits and names of `ax`, and hide its frame and ticks."""
    ax.set(**settings)
    ax.tick_params(length=0)
    ax.set_frame_on(False)
    return ax


def draw_curves(lines: Mapping[str, tuple[Sequence[float], Sequence[float]]], *,
                baselines: Mapping[str, float] | None = None, x: str = "step", y: str = "loss", title: str = "",
                ax: Axes | None = None) -> Axes:  # fmt: skip
    """Lines (name -> (x values, y values)) with a legend, and baselines (name -> y value) as dashed levels."""
    check_lines(lines)
    baselines = check_argument({} if baselines is None else baselines, {str: float}, "baselines")
    ax = get_ax(ax)
    for number, (name, (xs, ys)) in enumerate(lines.items()):
        ax.plot(xs, ys, color=COLOURS[number % len(COLOURS)], label=name, marker="o" * (len(xs) < 12), markersize=4)
    for number, (name, level) in enumerate((baselines or {}).items()):
        ax.axhline(level, color="0.35", linestyle=["--", ":", "-."][number % 3], linewidth=1.2)
        ax.annotate(name, (1, level), xycoords=("axes fraction", "data"), xytext=(-3, 2), textcoords="offset points",
                    ha="right", va="bottom", fontsize=9, color="0.25")  # fmt: skip
    if baselines:
        ax.margins(y=0.1)  # room for the name above the highest one
    ax.set(xlabel=x, ylabel=y, title=title)
    ax.grid(alpha=0.25)
    if len(lines) > 1:
        ax.legend(frameon=False, fontsize=9)
    return ax


def draw_training_log(log: Sequence[dict], baselines: Mapping[str, float] | None = None, title: str = "") -> list[Axes]:
    """The log of `train` as one panel of losses and, if there are any, one of accuracies. Returns a list of axes."""
    log = check_argument(check_list(log, "log", "rows of a log"), [Mapping], "log")
    if not log or not all("step" in row for row in log):
        raise ValueError("log is empty, or has a row without a step: give what `train` returns")
    if baselines is not None:
        check_argument(baselines, {str: float}, "baselines")
    names = dict.fromkeys(k for row in log for k in row if k not in ("step", "tokens", "learning_rate"))
    accuracies = [name for name in names if "accuracy" in name]
    panels = [("loss (nats)", 1.0, [name for name in names if name not in accuracies], baselines)]
    panels += [("% right", 100.0, accuracies, None)] if accuracies else []
    figure, axes = plt.subplots(1, len(panels), figsize=(1 + 3.6 * len(panels), 3.2), layout="constrained",
                                squeeze=False)  # fmt: skip
    for ax, (label, factor, chosen, levels) in zip(axes[0], panels, strict=True):
        points = {name: [(row["step"], factor * row[name]) for row in log if name in row] for name in chosen}
        lines = {name.replace("_", " "): tuple(zip(*pairs, strict=True)) for name, pairs in points.items()}
        draw_curves(lines, baselines=levels, y=label, ax=ax)
    figure.suptitle(title, fontsize=10)
    return list(axes[0])


def draw_bars(names: Sequence[str], values: Sequence[float], *, errors: Sequence[float] | None = None, x: str = "",
              title: str = "", shape: str = "{:.2f}", ax: Axes | None = None) -> Axes:  # fmt: skip
    """Horizontal bars from top to bottom, each with its number in the format `shape`, and with error bars if given."""
    names, values = check_list(names, "names", "texts"), check_array(values, "values", "N")
    errors = None if errors is None else check_array(errors, "errors", "N")
    if not len(names) == len(values) or (errors is not None and (len(errors) != len(values) or (errors < 0).any())):
        raise ValueError(f"{len(names)} names for {len(values)} values, or errors that are other in number, or below 0")
    ax = get_ax(ax, 6.0, 0.6 + 0.34 * len(names))
    bars = ax.barh(range(len(names)), values, xerr=errors, color=COLOURS[0], ecolor="0.3", height=0.7)
    ax.bar_label(bars, [shape.format(value) for value in values], padding=4, fontsize=9)
    ax.set_yticks(range(len(names)), [escape_dollars(name) for name in names])
    ax.invert_yaxis()
    ax.set(xlabel=x, title=title, xmargin=0.14)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def draw_heatmap(matrix: np.ndarray, rows: Sequence[str] | None = None, columns: Sequence[str] | None = None, *,
                 x: str = "", y: str = "", title: str = "", colour_bar: str = "", diverging: bool = False,
                 attention: bool = False, limits: tuple[float, float] | None = None, numbers: str | None = None,
                 ax: Axes | None = None) -> Axes:  # fmt: skip
    """A matrix as colours, with row names on the left and column names below.

    `numbers`, a format such as "{:.2f}", also writes each value. `diverging` puts zero in the middle of the colours,
    `attention` is for shares of attention: white is 0 and the darkest blue 1. `limits` are the values at the ends. Of
    many names every n-th is shown. Raises ValueError for what is no matrix, or for names that do not fit it.
    """
    matrix = check_array(matrix, "matrix") if not isinstance(matrix, np.ndarray) else matrix
    rows = rows if rows is None else check_list(rows, "rows", "names")
    columns = columns if columns is None else check_list(columns, "columns", "names")
    matrix = np.asarray(matrix)
    if matrix.ndim != 2:
        raise ValueError(f"a heat map shows a matrix; this has shape {matrix.shape}")
    ax = get_ax(ax, min(7.5, 2.0 + 0.38 * matrix.shape[1]), min(7.0, 1.4 + 0.34 * matrix.shape[0]))
    largest = np.abs(matrix).max() or 1.0
    low, high = limits or ((0, 1) if attention else (-largest, largest) if diverging else (None, None))
    colours = ATTENTION if attention else DIVERGING if diverging else SEQUENTIAL
    image = ax.imshow(matrix, cmap=colours, aspect="auto", vmin=low, vmax=high)
    for names, axis, count in ((rows, ax.yaxis, matrix.shape[0]), (columns, ax.xaxis, matrix.shape[1])):
        if names is not None:
            if len(names) != count:
                raise ValueError(f"{len(names)} names for {count} rows or columns of the matrix")
            every = max(1, -(-count // 32))
            slanted = axis is ax.xaxis and any(len(name) > 2 for name in names)
            style = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
            axis.set_ticks(range(0, count, every), [escape_dollars(n) for n in names[::every]], fontsize=9, **style)
    if numbers:
        for (row, column), value in np.ndenumerate(matrix):
            dark = np.dot(image.cmap(image.norm(value))[:3], (0.299, 0.587, 0.114)) < 0.55
            write_centred(ax, column, row, numbers.format(value), fontsize=8, color="white" if dark else "black")
    ax.figure.colorbar(image, ax=ax, label=colour_bar, shrink=0.9)
    ax.set(xlabel=x, ylabel=y, title=title)
    return ax


def draw_token_boxes(rows: Mapping[str, list[tuple[str, dict]]], title: str, ax: Axes | None) -> Axes:
    """A row of boxes for each item of `rows`: name -> [(token, style of its box)]."""
    padding, gap = 0.8, 0.3  # inside a box and between two, in characters
    width = max(sum(len(token) + padding + gap for token, _ in boxes) for boxes in rows.values())
    ax = get_ax(ax, 1.5 + 0.082 * width, 0.5 + 0.42 * len(rows))
    for row, boxes in enumerate(rows.values()):
        left = 0.0
        for token, style in boxes:
            size = len(token) + padding
            ax.add_patch(plt.Rectangle((left, row - 0.36), size, 0.72, **style))
            write_centred(ax, left + size / 2, row, token, family="monospace", fontsize=8, zorder=4)
            left += size + gap
    ax.set_yticks(range(len(rows)), [escape_dollars(name) for name in rows])
    return finish_without_frame(ax, xlim=(-gap, width), ylim=(len(rows) - 0.5, -0.5), title=title, xticks=[])


def draw_token_rows(rows: Mapping[str, Sequence[str]], *, title: str = "", ax: Axes | None = None) -> Axes:
    """A row of token boxes for each item of `rows`. The colour changes with each new word; [UNK] has a dashed frame."""
    check_kind(rows, Mapping, "rows", "a dict: name -> tokens")
    check_some(rows, "rows")
    for name, tokens in rows.items():
        check_argument(tokens, [str], f"rows[{name!r}]")
    unknown, *known = ({"facecolor": fill, "edgecolor": "0.4", "linewidth": 0.7, "linestyle": frame}
                       for fill, frame in (("white", "--"), ("#FBE3B3", "-"), ("#CFE6F5", "-")))  # fmt: skip
    styled = {}
    for name, tokens in rows.items():
        words = np.cumsum([not token.startswith("##") for token in tokens])
        styled[name] = [(t, unknown if t == "[UNK]" else known[w % 2]) for t, w in zip(tokens, words, strict=True)]
    return draw_token_boxes(styled, title, ax)


def draw_weighted_tokens(rows: Mapping[str, Sequence[float]], tokens: Sequence[str], *, title: str = "",
                         ax: Axes | None = None) -> Axes:  # fmt: skip
    """The tokens as a row of boxes for each item of `rows` (name -> a weight for each token).

    The colour is blue above zero, orange with a dashed frame below it, and deepest at the row's largest weight. A thick
    frame marks the highest weight above zero. Raises ValueError for a row without one finite number for each token.
    """
    check_some(check_kind(rows, Mapping, "rows", "a dict: name -> a weight for each token"), "rows")
    tokens = check_argument(check_list(tokens, "tokens", "texts"), [str], "tokens")
    styled = {}
    for name, weights in rows.items():
        weights = np.asarray(weights, dtype=float)
        if weights.shape != (len(tokens),) or not np.isfinite(weights).all():
            raise ValueError(f"{name} has weights of shape {weights.shape} for {len(tokens)} tokens, or not all finite")
        shares = weights / (np.abs(weights).max() or 1.0)
        highest = [share > 0 and i == weights.argmax() for i, share in enumerate(shares)]
        styled[name] = [
            (token, {"facecolor": (COLOURS[0] if share > 0 else COLOURS[1], 0.75 * abs(share)), "edgecolor": "0.2",
                     "linewidth": 2.2 if top else 0.6, "linestyle": "--" if share < 0 else "-", "zorder": 2 + top})
            for token, share, top in zip(tokens, shares, highest, strict=True)
        ]  # fmt: skip
    return draw_token_boxes(styled, title, ax)


def draw_blocks(parts: Sequence[tuple[str, str, str]], *, frames: Sequence[tuple[int, int, str]] = (),
                skips: Sequence[tuple[int, int]] = (), title: str = "", ax: Axes | None = None) -> Axes:  # fmt: skip
    """A block diagram from top to bottom; each part is (name, second line in its box, text on its right).

    `frames` (first, last, caption) draw a dashed frame around parts. `skips` (a, b) draw an arrow from the input of
    part a to part b, past the parts between them.
    """
    check_blocks(parts, frames, skips)
    ax = get_ax(ax, 7.5, 0.5 + 0.72 * len(parts))
    arrow = {"arrowstyle": "-|>", "color": "0.25", "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    for row, (name, second_line, note) in enumerate(parts):
        ax.add_patch(plt.Rectangle((0, row - 0.33), 4, 0.66, facecolor="#E6F0F7", edgecolor=COLOURS[0]))
        write_centred(ax, 2, row - 0.11 * bool(second_line), name, fontsize=10)
        write_centred(ax, 2, row + 0.17, second_line, fontsize=8.5, color="0.25")
        ax.text(4.45, row, escape_dollars(note), va="center", fontsize=9)
        if row:
            ax.annotate("", (2, row - 0.33), (2, row - 0.67), arrowprops=arrow)
    for first, last, caption in frames:
        ax.add_patch(plt.Rectangle((-0.85, first - 0.58), 5.1, last - first + 1.0, fill=False, ls="--", ec="0.45"))
        ax.text(-0.95, (first + last) / 2, escape_dollars(caption), rotation=90, ha="right", va="center", fontsize=9)
    for start, end in skips:
        ax.plot([2, -0.45, -0.45], [start - 0.46, start - 0.46, end], color=COLOURS[5], linewidth=1.4)
        ax.annotate("", (0, end), (-0.45, end), arrowprops=arrow | {"color": COLOURS[5]})
    ax.set(xlim=(-1.5, 7.6), ylim=(len(parts) - 0.45, -0.55), title=title)
    ax.axis("off")
    return ax


def draw_position_table(table: np.ndarray, *, title: str = "", ax: Axes | None = None) -> Axes:
    """A table of positions (T, D) as a heat map with zero in the middle. Raises ValueError for what is no matrix."""
    return draw_heatmap(table, x="number", y="position", title=title, diverging=True, ax=get_ax(ax, 6.0, 4.0))


def draw_position_similarity(table: np.ndarray, *, title: str = "", ax: Axes | None = None) -> Axes:
    """The cosine of each position's vector with every other's, for a table (T, D). The colours run from -1 to 1.

    Raises ValueError for what is no matrix, and for a vector of length 0, which has no direction.
    """
    table = check_array(table, "table")
    table = np.asarray(table, dtype=float)
    if table.ndim != 2:
        raise ValueError(f"a position table is a matrix with a row for each position; this has shape {table.shape}")
    lengths = np.linalg.norm(table, axis=1, keepdims=True)
    if not (lengths > 0).all():
        raise ValueError(f"position {int(np.argmin(lengths))} is a vector of zeros: it has no direction")
    unit = table / lengths
    return draw_heatmap(unit @ unit.T, x="position", y="position", title=title, colour_bar="cosine", diverging=True,
                        ax=get_ax(ax, 4.9, 4.0))  # fmt: skip


HEAD_KIND_COLOURS = dict(zip(HEAD_KINDS, COLOURS, strict=False)) | {"[CLS]": "0.45"}
SHORT_KINDS = {"previous": "prev", "same word": "same", "[CLS]": "CLS", "[SEP]": "SEP", "punctuation": "punct"}


def draw_head_grid(maps: np.ndarray, *, off: Sequence[tuple[int, int]] = (), title: str = "",
                   ax: Axes | None = None) -> Axes:  # fmt: skip
    """All maps (L, H, T, T) small, a row for each layer and a column for each head, both counted from 0.

    In a small map, rows are queries, from the top, and columns are keys. The colour shows the square root, from 0 to 1,
    so that a weight of 0.05 is visible. `off`, as (layer, head), are crossed out. Raises ValueError for another shape.
    """
    maps = check_array(maps, "maps")
    off = [
        tuple(check_argument(check_list(one, "off"), [int], "off")) for one in check_list(off, "off", "(layer, head)")
    ]
    maps = np.asarray(maps, dtype=float)
    if maps.ndim != 4 or maps.shape[-1] != maps.shape[-2] or 0 in maps.shape:
        raise ValueError(f"a grid of heads shows (layers, heads, tokens, tokens); this has shape {maps.shape}")
    L, H, T, _ = maps.shape
    ax = get_ax(ax, 1.1 + 0.58 * H, 0.7 + 0.58 * L)
    pitch = 1.12 * T  # from one map to the next
    for layer, head in np.ndindex(L, H):
        left, top = head * pitch, layer * pitch
        image = ax.imshow(maps[layer, head], cmap=ATTENTION, norm=PowerNorm(0.5, 0, 1), interpolation="nearest",
                          extent=(left, left + T, top + T, top))  # fmt: skip
        if (layer, head) in off:
            for ends in ((top, top + T), (top + T, top)):
                ax.plot((left, left + T), ends, color="white", linewidth=3.5)
                ax.plot((left, left + T), ends, color=COLOURS[5], linewidth=1.8)
    ax.set_xticks(np.arange(H) * pitch + T / 2, range(H))
    ax.set_yticks(np.arange(L) * pitch + T / 2, range(L))
    ax.figure.colorbar(image, ax=ax, label="attention", shrink=0.8, ticks=[0, 0.05, 0.25, 0.5, 1], pad=0.02)
    return finish_without_frame(ax, xlim=(T - pitch, H * pitch), ylim=(L * pitch, T - pitch), aspect="equal",
                                title=title, xlabel="head", ylabel="layer")  # fmt: skip


def draw_head_kinds(names: np.ndarray, values: np.ndarray, *, title: str = "", ax: Axes | None = None) -> Axes:
    """The kind of each head as a coloured box, a row for each layer and a column for each head.

    `names` and `values` (L, H) are those of `head_scores.find_strongest_kind`. The colour shows the kind and its
    saturation the value; both are also written in the box. "none" stays white. Raises ValueError for unequal shapes.
    """
    names, values = (
        np.asarray(check_kind(names, (np.ndarray, list), "names"), dtype=object),
        check_array(values, "values"),
    )
    names, values = np.asarray(names, dtype=object), np.asarray(values, dtype=float)
    if names.ndim != 2 or names.shape != values.shape:
        raise ValueError(f"names {names.shape} and values {values.shape}; both must have the shape (layers, heads)")
    L, H = names.shape
    ax = get_ax(ax, 0.9 + 0.58 * H, 1.1 + 0.46 * L)
    for (layer, head), name in np.ndenumerate(names):
        strength = 0.15 + 0.6 * min(max(values[layer, head], 0.0), 1.0)
        colour = "white" if name == "none" else to_rgba(HEAD_KIND_COLOURS.get(name, "0.6"), strength)
        ax.add_patch(plt.Rectangle((head - 0.47, layer - 0.45), 0.94, 0.9, facecolor=colour, ec="0.5", lw=0.6))
        if name != "none":
            write_centred(ax, head, layer - 0.16, SHORT_KINDS.get(name, name), fontsize=8)
            write_centred(ax, head, layer + 0.22, f"{values[layer, head]:.2f}", fontsize=7.5)
    shown = [name for name in dict.fromkeys([*HEAD_KIND_COLOURS, *names.flat]) if name != "none" and name in names.flat]
    if shown:
        handles = [plt.Rectangle((0, 0), 1, 1, facecolor=to_rgba(HEAD_KIND_COLOURS.get(k, "0.6"), 0.6)) for k in shown]
        labels = [f"{escape_dollars(name)} ({(names == name).sum()})" for name in shown]
        ax.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4, frameon=False, fontsize=9)
    return finish_without_frame(ax, xlim=(-0.6, H - 0.4), ylim=(L - 0.4, -0.6), xticks=range(H), yticks=range(L),
                                xlabel="head", ylabel="layer", title=title)  # fmt: skip


def draw_confusion_matrix(counts: np.ndarray, names: Sequence[str], *, title: str = "", ax: Axes | None = None) -> Axes:
    """A confusion matrix: a row for each true label, a column for each answer, and the count written in each cell.

    The colour is the share of the row. Raises ValueError if the names do not fit the matrix or a count is negative.
    """
    counts, names = check_array(counts, "counts").astype(int), check_list(names, "names", "labels")
    counts = np.asarray(counts)
    if counts.shape != (len(names), len(names)):
        raise ValueError(f"a confusion matrix of {len(names)} labels; this has shape {counts.shape}")
    if (counts < 0).any():
        raise ValueError("a count is negative")
    rows = counts.sum(1, keepdims=True)
    shares = counts / np.where(rows == 0, 1, rows)
    ax = get_ax(ax, min(7.5, 2.6 + 0.55 * len(names)), min(7.0, 1.8 + 0.45 * len(names)))
    draw_heatmap(shares, names, names, x="answer", y="truth", title=title, colour_bar="share of the row",
                 limits=(0, 1), ax=ax)  # fmt: skip
    for (row, column), share in np.ndenumerate(shares):
        colour = "black" if share > 0.55 else "white"
        write_centred(ax, column, row, f"{counts[row, column]:,}", fontsize=8, color=colour)
    return ax


def draw_reliability(confidence: Sequence[float], right: Sequence[float], count: Sequence[int], *, lowest: float = 0.0,
                     title: str = "", ax: Axes | None = None) -> Axes:  # fmt: skip
    """A reliability diagram: mean confidence against the share of answers that are right, with a point for each bin.

    `confidence`, `right` and `count` have one number for each bin, as `tasks.measure_calibration` returns them. The
    count is written next to the point, and a line shows the distance to the dashed diagonal of a calibrated model. The
    axes begin at `lowest`: 1 / C for C classes. Raises ValueError if the lists differ in length.
    """
    given = {"confidence": confidence, "right": right, "count": count}
    confidence, right, count = (check_array(values, name, "N") for name, values in given.items())
    if not len(confidence) == len(right) == len(count):
        raise ValueError(f"{len(confidence)} confidences, {len(right)} shares that are right and {len(count)} counts")
    ax = get_ax(ax, 4.4, 4.0)
    ax.plot([lowest, 1], [lowest, 1], color="0.35", linestyle="--", linewidth=1.2, zorder=1)
    ax.vlines(confidence, confidence, right, color=COLOURS[5], linewidth=2.5, zorder=2)
    ax.scatter(confidence, right, color=COLOURS[0], s=34, zorder=3)
    for x, y, number in zip(confidence, right, count, strict=True):
        side = 1 if y > x else -1  # away from the line to the diagonal
        ax.annotate(f"{number:,.0f}", (x, y), xytext=(0, 6 * side), textcoords="offset points", ha="center",
                    va="bottom" if side > 0 else "top", fontsize=8.5, color="0.25")  # fmt: skip
    ax.set(xlim=(lowest - 0.03, 1.03), ylim=(min([lowest, *right]) - 0.08, 1.08), xlabel="mean confidence",
           ylabel="share that is right", title=title)  # fmt: skip
    ax.grid(alpha=0.25)
    return ax


def draw_beam(steps: Sequence[Sequence[tuple[float, Sequence[int]]]], vocab: Sequence[str], *,
              best: Sequence[int] = (), title: str = "", ax: Axes | None = None) -> Axes:  # fmt: skip
    """A beam search from left to right: a column for each word, with the last words of the beams, the likeliest on top.

    `steps` holds (log p, ids) of each beam after each word; `vocab` are the words of the ids. Lines lead from a beam to
    those that continue it. The beams that become the `best` text are bold, and those without a continuation are grey.
    """
    vocab = check_argument(check_list(vocab, "vocab", "texts"), [str], "vocab")
    best = [check_number(word, "an id in best", whole=True) for word in check_list(best, "best", "ids")]
    steps = [
        check_list(step, f"steps[{n}]", "(log p, ids)") for n, step in enumerate(check_list(steps, "steps", "lists"))
    ]
    for number, (log_p, ids) in enumerate(check_beams(steps)):
        check_number(log_p, f"the log p of beam {number}")
        for word in check_argument(ids, [int], f"the ids of beam {number}"):
            check_number(word, "an id in steps", least=0, below=len(vocab))
    most = max(map(len, steps))
    ax = get_ax(ax, min(12, 1.0 + 0.85 * len(steps)), 0.9 + 0.42 * most)
    columns = [[list(ids) for _, ids in step] for step in steps]
    for column, (beams, next_beams) in enumerate(zip(columns, [*columns[1:], None], strict=True)):
        for row, ids in enumerate(beams):
            weight = "bold" if ids == list(best[: len(ids)]) else "normal"
            followers = [] if next_beams is None else [beam for beam in next_beams if beam[:-1] == ids]
            colour = COLOURS[0] if weight == "bold" else "0.15" if followers or next_beams is None else "0.6"
            write_centred(ax, column, row, vocab[ids[-1]], fontsize=9, weight=weight, color=colour,
                          bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})  # fmt: skip
            for beam in followers:
                onward = beam == list(best[: len(beam)])
                ax.plot([column, column + 1], [row, next_beams.index(beam)], color=COLOURS[0] if onward else "0.7",
                        linewidth=2 if onward else 1, zorder=0)  # fmt: skip
    ax.set_xticks(range(len(steps)), range(1, len(steps) + 1))
    ax.set_yticks(range(most), range(1, most + 1))
    return finish_without_frame(ax, xlim=(-0.6, len(steps) - 0.4), ylim=(most - 0.5, -0.5), xlabel="word",
                                ylabel="rank", title=title)  # fmt: skip
