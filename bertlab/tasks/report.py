"""tasks.report: TODO."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import sources
from . import base
from .finetune import parse_plan
from .metrics import exact_match, measure_calibration


def format_scores(results: dict) -> str:
    """The results as lines of text: the scores of the model beside those of the baselines. A score that is a list is of
    several seeds: their mean, and half of the distance between the best and the worst."""
    names = list(results["model"])
    columns = [name for name in names if all(name in scores for scores in results["baselines"].values())] or names
    share = max(abs(np.mean(results["model"][name])) for name in columns) <= 1
    seeds = max(np.size(results["model"][name]) for name in columns)
    model = "this BERT" if seeds == 1 else f"this BERT, {seeds} seeds"
    wide = max(len(title) for title in [*results["baselines"], model]) + 2

    def shown(score: float | list[float]) -> str:
        unit, sign = (100, "%") if share else (1, "")
        spread = f" ±{unit * np.ptp(score) / 2:.1f}" if np.size(score) > 1 else ""
        return f"{f'{unit * np.mean(score):.1f}{sign}{spread}':>14}"

    lines = [f"{results['task'] + ', ' + format(results['rows']['test'], ',') + ' examples':<{wide}}"
             + "".join(f"{name:>14}" for name in columns)]  # fmt: skip
    for title, scores in [*results["baselines"].items(), (model, results["model"])]:
        lines.append(f"{title:<{wide}}" + "".join(shown(scores[name]) for name in columns))
    return "\n".join(lines)


def draw_report(folder: str | Path, most: int = 12):
    """What the run in `folder` said of its test examples, as a matplotlib figure: which label was taken for which (of
    the `most` common ones; classify and tag alone), and how far its probabilities can be trusted.

    Raises ValueError for a writer, which gives no probabilities, OSError for a run that has not ended.
    """
    from matplotlib.figure import Figure

    from . import plots

    folder = Path(folder)
    kind = parse_plan(json.loads((folder / "run.json").read_text("utf-8"))).kind
    rows = [json.loads(line) for line in (folder / "test.jsonl").read_text("utf-8").splitlines()]
    if kind == "write":
        raise ValueError("a writer says texts, without a label or a probability: there is nothing to draw")
    if kind in ("classify", "tag"):
        word = "label" if kind == "classify" else "tags"
        columns = ([row[name] for row in rows] for name in ("right", word, "probability"))
        truth, said, sure = columns if kind == "classify" else ([one for row in c for one in row] for c in columns)
        right = [a == b for a, b in zip(truth, said, strict=True)]
    else:
        sure = [row["probability"] for row in rows]
        right = [
            row["rank"] == 0 if kind == "reply" else bool(exact_match(row["answer"], row["right"])) for row in rows
        ]
    found = measure_calibration(sure, right)
    title = f"calibration: a mean gap of {100 * found.pop('ece'):.1f} points"
    if kind not in ("classify", "tag"):
        figure = Figure((4.6, 4.2), layout="constrained")
        plots.draw_reliability(**found, title=title, ax=figure.subplots())
        return figure
    names = [name for name, _ in Counter(truth).most_common(most)]
    names = base.sort_labels(set(names)) + (["others"] if set(truth) | set(said) > set(names) else [])
    number = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)), int)
    for a, b in zip(truth, said, strict=True):
        counts[number.get(a, len(names) - 1), number.get(b, len(names) - 1)] += 1
    size = min(8.0, 2.6 + 0.55 * len(names))
    figure = Figure((size + 4.6, max(4.2, 0.85 * size)), layout="constrained")
    left, right_ax = figure.subplots(1, 2, width_ratios=(size, 4.6))
    plots.draw_confusion_matrix(counts, names, title=f"{len(truth):,} answers", ax=left)
    plots.draw_reliability(**found, title=title, ax=right_ax)
    return figure


def gather_seeds(runs: Sequence[dict]) -> dict:
    """The results of one task over several seeds as one, for `table`: each score of the model becomes a list, and the
    baselines are those of the first run. Raises ValueError for runs that were not judged by the same."""
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
    return json.loads((sources.data_folder() / "finetune.json").read_text("utf-8"))
