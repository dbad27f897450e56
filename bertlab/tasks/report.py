"""What came out of a run: the table of scores beside the baselines, and figures of the predictions."""

import json
from collections import Counter
from collections.abc import Sequence

import numpy as np

from .. import sources
from .base import sort_labels
from .metrics import measure_calibration

# ---- The table -------------------------------------------------------------------------------------------------------


def format_scores(results: dict) -> str:
    """The results of `finetune` as lines of text: the scores of the model below those of the baselines.

    A score that is a list comes from several seeds: shown are their mean, and half the distance between the best and
    the worst. Results say the `units` of their scores; those of older runs are shares if none is above 1.
    """
    names = list(results["model"])
    columns = [name for name in names if all(name in scores for scores in results["baselines"].values())] or names
    largest = max(abs(np.mean(results["model"][name])) for name in columns)
    units = results.get("units") or dict.fromkeys(columns, "%" if largest <= 1 else "points")
    seeds = max(np.size(results["model"][name]) for name in columns)
    model = "this BERT" if seeds == 1 else f"this BERT, {seeds} seeds"
    wide = max(len(title) for title in [*results["baselines"], model]) + 2
    lines = [f"{results['task'] + ', ' + format(results['rows']['test'], ',') + ' examples':<{wide}}"
             + "".join(f"{name:>14}" for name in columns)]  # fmt: skip
    for title, scores in [*results["baselines"].items(), (model, results["model"])]:
        lines.append(f"{title:<{wide}}" + "".join(f"{format_score(scores[n], units[n]):>14}" for n in columns))
    return "\n".join(lines)


def format_score(score: float | Sequence[float], unit: str) -> str:
    """One score, or the mean and half the range of several, in its unit: "85.2% ±0.4", "74.5", "0.713"."""
    factor, sign, digits = {"%": (100, "%", 1), "points": (1, "", 1), "number": (1, "", 3)}[unit]
    spread = f" ±{factor * np.ptp(score) / 2:.{digits}f}" if np.size(score) > 1 else ""
    return f"{factor * np.mean(score):.{digits}f}{sign}{spread}"


def gather_seeds(runs: Sequence[dict]) -> dict:
    """The results of one task over several seeds as one, for `format_scores`: each score of the model becomes a list,
    and the baselines are those of the first run. Raises ValueError for runs that were not judged on the same
    examples."""
    first = runs[0]
    if any(run["task"] != first["task"] or run["rows"] != first["rows"] for run in runs):
        raise ValueError("these runs are of other tasks or of other data: their scores are no seeds of one result")
    return first | {
        "model": {name: [run["model"][name] for run in runs] for name in first["model"]},
        "seconds": [run["seconds"] for run in runs],
    }


def read_recorded_runs() -> dict[str, dict]:
    """The longer runs that we made of the named tasks, as `data/finetune.json` keeps them: task -> what `gather_seeds`
    gives, its `command` but for the seed and the folder, and the `seeds`."""
    return json.loads((sources.data_folder() / "finetune.json").read_text(encoding="utf-8"))


# ---- Figures ---------------------------------------------------------------------------------------------------------


def draw_label_report(
    expected: Sequence[str], predicted: Sequence[str], confidence: Sequence[float], most: int
):  # -> matplotlib's Figure
    """Two panels: which label was predicted for which (the `most` frequent ones, the rest as "others"), and whether the
    probabilities can be trusted."""
    from matplotlib.figure import Figure

    from .. import plots

    frequent = {name for name, _ in Counter(expected).most_common(most)}
    names = sort_labels(frequent) + (["others"] if set(expected) | set(predicted) > frequent else [])
    number = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)), int)
    for a, b in zip(expected, predicted, strict=True):
        counts[number.get(a, len(names) - 1), number.get(b, len(names) - 1)] += 1
    size = min(8.0, 2.6 + 0.55 * len(names))
    figure = Figure((size + 4.6, max(4.2, 0.85 * size)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(size, 4.6))
    plots.draw_confusion_matrix(counts, names, title=f"{len(expected):,} answers", ax=left)
    _draw_calibration(confidence, [a == b for a, b in zip(expected, predicted, strict=True)], right)
    return figure


def draw_calibration_report(confidence: Sequence[float], correct: Sequence[bool]):
    """One panel: whether the probabilities of the predictions can be trusted."""
    from matplotlib.figure import Figure

    figure = Figure((4.6, 4.2), layout="constrained")
    _draw_calibration(confidence, correct, figure.subplots())
    return figure


def draw_number_report(expected: Sequence[float], predicted: Sequence[float]):
    """One panel: the predicted number against the expected one, a dot an example."""
    from matplotlib.figure import Figure

    figure = Figure((4.6, 4.2), layout="constrained")
    ax = figure.subplots()
    ax.scatter(expected, predicted, s=9, alpha=0.5)
    ends = [min(*expected, *predicted), max(*expected, *predicted)]
    ax.plot(ends, ends, color="0.35", linestyle="--", linewidth=1.2)
    ax.set(xlabel="expected", ylabel="predicted", title=f"{len(expected):,} answers; dashed: right")
    return figure


def _draw_calibration(confidence: Sequence[float], correct: Sequence[bool], ax) -> None:
    from .. import plots

    measured = measure_calibration(confidence, correct)
    title = f"calibration: a mean gap of {100 * measured.pop('ece'):.1f} points"
    plots.draw_reliability(**measured, title=title, ax=ax)
