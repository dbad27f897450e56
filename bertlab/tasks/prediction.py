"""Using a fine-tuned model: a folder becomes a predictor, texts become predictions, and these a file."""

import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from .. import files, weights
from ..wordpiece import WordPiece
from .base import Task
from .finetuning import make_task, parse_plan
from .named import TASKS


def load_predictor(folder: str | Path) -> tuple[nn.Module, Task, dict]:
    """(model, task, options of its `predict`) from a folder that `finetune` made, or one of transformers' that labels
    texts or tokens or answers questions. Raises OSError and ValueError as `weights.load` does."""
    path = weights.find_model_folder(folder)
    tokenizer = WordPiece.load(path)
    if not (path / "run.json").exists():
        model = weights.load(path)
        weights.check_vocabulary(tokenizer, model, folder)
        for kind in TASKS.values():
            if task := kind.from_model(model, tokenizer):
                return model, task, {}
        raise ValueError(f"{folder} holds a {type(model).__name__}, which has nothing to predict: fine-tune it first")
    if not (path / "results.json").exists():
        raise ValueError(f"the run in {folder} has not ended: go on with it (finetune --resume)")
    facts, results = (json.loads((path / name).read_text("utf-8")) for name in ("run.json", "results.json"))
    task = make_task(parse_plan(facts), tokenizer, facts)
    options = {"threshold": results["threshold"]} if "threshold" in results else {}
    model = weights.load(path, task.head)
    weights.check_vocabulary(tokenizer, model, folder)
    return model, task, options


def predict(folder: str | Path, inputs: Sequence, **options) -> list[dict]:
    """The predictions of the model in `folder` for each input, as plain values.

    A classifier takes texts, or pairs (text, text); a tagger takes texts (split into words and punctuation) or lists of
    words; a reader takes (question, context); a replier takes (what was said, [replies]); a writer takes texts.
    `options` go to the task's `predict`, such as beams=4. Raises ValueError for an input of another kind, and for an
    option that the task does not have.
    """
    model, task, known = load_predictor(folder)
    unknown = [name for name in options if name in ("beams", "length_penalty") and name not in task.options]
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: a model for {task.name} does not take this")
    return task.predict_inputs(model, inputs, **known | options)


def read_inputs(texts: Sequence[str], stdin=None) -> list:
    """What the command line was given to predict: the texts, the lines of one file, or those of standard input. A tab
    separates the two texts of a pair, and the replies to choose from. Raises ValueError when there is nothing."""
    if len(texts) == 1 and Path(texts[0]).suffix in (".txt", ".tsv"):
        lines = files.read_text(Path(texts[0])).removesuffix("\n").split("\n")
    else:
        lines = list(texts) or [line.rstrip("\n") for line in stdin or sys.stdin]
    if not lines or lines == [""]:
        raise ValueError("there is nothing to predict: give a text, a file, or lines on standard input")
    parts = [line.split("\t") for line in lines]
    return [part[0] if len(part) == 1 else tuple(part) for part in parts]


def print_predictions(task: type[Task], predictions: Sequence[dict]) -> None:
    """Print one line a prediction."""
    for prediction in predictions:
        print(task.format_prediction(prediction))


def write_predictions(inputs: Sequence, predictions: Sequence[dict], file: Path) -> None:
    """Write inputs and predictions to a .jsonl or .csv file; in a .csv a list is written as JSON, and each label's
    probability gets a column. Raises ValueError for a file of another kind."""
    rows = [
        {"input": text if isinstance(text, str) else list(text)} | prediction
        for text, prediction in zip(inputs, predictions, strict=True)
    ]
    if file.suffix == ".jsonl":
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    elif file.suffix == ".csv":
        content = format_csv([flatten_prediction(row) for row in rows])
    else:
        raise ValueError(f"{file}: predictions are written to a .csv or a .jsonl file")
    files.write_text(file, content)


def flatten_prediction(row: dict) -> dict:
    """A row for a CSV: lists as JSON, and a column p(LABEL) for the probability of each label."""
    shares = {f"p({label})": p for label, p in row.get("probabilities", {}).items()}
    plain = {name: value for name, value in row.items() if name != "probabilities"}
    return {k: json.dumps(v, ensure_ascii=False) if isinstance(v, list) else v for k, v in plain.items()} | shares


def format_csv(rows: Sequence[dict]) -> str:
    """Rows with the same keys as a CSV with a header."""
    written = io.StringIO()
    writer = csv.DictWriter(written, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()
