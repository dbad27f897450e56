"""Using a fine-tuned model: a folder becomes a predictor, texts become predictions, and these a file."""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from torch import nn

from .. import files, weights
from ..arguments import check_kind, check_number, check_path
from ..model import check_embeddings
from ..options import check_option
from ..records import parse_record, read_record
from ..run_folder import read_recorded_plan
from ..wordpiece import WordPiece
from .base import Task
from .finetuning import make_task
from .named import TASKS, find_task
from .plans import FinetunePlan


def load_predictor(folder: str | Path) -> tuple[nn.Module, Task, dict]:
    """(model, task, options of its `predict`) from a folder that `finetune` made, or one of transformers' that labels
    texts or tokens or answers questions. Raises OSError and ValueError as `weights.load` does."""
    check_path(folder, "folder")
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
    recorded = read_recorded_plan(path, FinetunePlan)
    plan, kind = recorded["plan"], find_task(recorded["plan"].task)
    results = read_record(path / "results.json", **kind.choice_types)
    task = make_task(plan, tokenizer, parse_record(recorded, path / "run.json", **kind.setting_types))
    task.file_columns = {name: own for name, own in plan.columns if name in task.input_columns}
    options = {name: results[name] for name in task.choice_types}
    model = weights.load(path, task.head)
    weights.check_vocabulary(tokenizer, model, folder)
    return model, task, options


def predict(folder: str | Path, inputs: Sequence, **options) -> list[dict]:
    """The predictions of the model in `folder` for each input, as plain values.

    `inputs` is a list. A classifier takes texts, or pairs (text, text); a tagger takes texts (split into words and
    punctuation) or lists of words; a reader takes (question, context); a replier takes (what was said, [replies]); a
    writer takes texts. `options` go to the task's `predict`, such as beams=4. Raises ValueError for an input of another
    kind, by its number, and for an option that the task does not have.
    """
    if isinstance(inputs, str | bytes | dict) or not isinstance(inputs, Iterable):
        raise ValueError(
            f"the inputs are {inputs!r:.60}: give a list of them, such as predict(folder, ['a dull film'])"
        )
    model, task, known = load_predictor(folder)
    return predict_inputs(model, task, list(inputs), **known | options)


def predict_inputs(model: nn.Module, task: Task, inputs: Sequence, **options) -> list[dict]:
    """`predict` with what `load_predictor` gave."""
    check_kind(model, nn.Module, "model")
    check_kind(task, Task, "task")
    check_embeddings(model, task.tokenizer)
    check_predict_options(task, options)
    return task.predict_inputs(model, inputs, **options) if inputs else []


def check_predict_options(task: Task, options: dict) -> None:
    """Raise ValueError for an option that a model of this task does not have, and for a number out of its limits."""
    for name, value in options.items():
        if name not in task.predict_options:
            having = [other.name for other in TASKS.values() if name in other.predict_options]
            only = f"only one for {' or '.join(having)} does" if having else "none does"
            raise ValueError(f"{name} is {value!r:.40}, but a model for {task.name} does not take this; {only}")
        if name in ("beams", "length_penalty"):
            check_option(FinetunePlan, name, value)
        elif name in ("threshold", "batch_size"):
            check_number(value, name, least=1 if name == "batch_size" else None, whole=name == "batch_size")


def check_output_file(file: Path, source: Path | None = None) -> None:
    """Raise OSError or ValueError when predictions cannot be written to a file: before the work, not after it.

    It must not be the `source` that they are made from.
    """
    if file.suffix.lower() not in (".csv", ".jsonl"):
        raise ValueError(f"{file}: predictions are written to a .csv or a .jsonl file")
    files.check_output_path(file, "--out")
    if source is not None and file.exists() and file.samefile(source):
        raise ValueError(f"{file} is the file that is read: write the predictions to another one")


def print_predictions(task: type[Task] | Task, predictions: Sequence[dict]) -> None:
    """Print one line a prediction: line ends within it become spaces."""
    for prediction in predictions:
        print(" ".join(re.split(r"[\r\n]+", task.format_prediction(prediction))))


def write_predictions(inputs: Sequence, predictions: Sequence[dict], file: Path) -> None:
    """Write inputs and predictions to a .jsonl or .csv file: an input that is a dict as its columns, another one in a
    column `input`.

    In a .csv a list is written as JSON, and each label's probability gets a column. A column of a prediction whose name
    the inputs have already gets "predicted_" before it, unless all of its values are the same. Raises ValueError for a
    file of another kind.
    """
    if file.suffix.lower() not in (".csv", ".jsonl"):
        raise ValueError(f"{file}: predictions are written to a .csv or a .jsonl file")
    rows = [given if isinstance(given, dict) else {"input": given if isinstance(given, str) else list(given)}
            for given in inputs]  # fmt: skip
    if file.suffix.lower() == ".jsonl":
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in join_columns(rows, predictions))
        content = "".join(lines)
    else:
        content = format_csv(join_columns(list(map(flatten_row, rows)), list(map(flatten_prediction, predictions))))
    files.write_text(file, content.encode("utf-8", "backslashreplace").decode("utf-8"))  # half characters


def join_columns(rows: Sequence[dict], predictions: Sequence[dict]) -> list[dict]:
    """Each row with its prediction, whose names are changed as `write_predictions` says."""
    taken, names = {name for row in rows for name in row}, {}
    for name in {name: None for prediction in predictions for name in prediction}:
        new, pairs = name, zip(rows, predictions, strict=True)
        if not all(row.get(name) == prediction.get(name) for row, prediction in pairs):
            while new in taken:
                new = f"predicted_{new}"
        names[name] = new
    return [row | {names[name]: value for name, value in prediction.items()}
            for row, prediction in zip(rows, predictions, strict=True)]  # fmt: skip


def flatten_prediction(prediction: dict) -> dict:
    """A prediction for a CSV: lists as JSON, and a column p(LABEL) for the probability of each label."""
    shares = {f"p({label})": p for label, p in prediction.get("probabilities", {}).items()}
    return flatten_row({name: value for name, value in prediction.items() if name != "probabilities"}) | shares


def flatten_row(row: dict) -> dict:
    """A row for a CSV: lists and objects as JSON."""
    return {k: json.dumps(v, ensure_ascii=False) if isinstance(v, list | dict) else v for k, v in row.items()}


def format_csv(rows: Sequence[dict]) -> str:
    """Rows as a CSV with a header; a row may lack columns that others have."""
    written, names = io.StringIO(), list({name: None for row in rows for name in row})
    for row in ({name: name for name in names}, *rows):
        has_return = any("\r" in str(value) for value in row.values())  # Python before 3.13 does not quote it
        quoting = csv.QUOTE_ALL if has_return else csv.QUOTE_MINIMAL
        csv.DictWriter(written, names, lineterminator="\n", quoting=quoting).writerow(row)
    return written.getvalue()
