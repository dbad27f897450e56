"""Fine-tuning from examples to a folder: data, a head on a trained encoder, training, and scores beside the baselines.

`python -m bertlab finetune` calls `finetune`; notebooks 10 to 13 take the same steps one at a time. Nothing here knows
a particular task: whatever differs between tasks is asked of the `Task`.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import torch
from torch import nn

from .. import weights
from ..arguments import check_kind, check_path
from ..batches import Batches
from ..corpus import hash_to_fraction
from ..failures import doing
from ..files import expand_home, format_json, write_json, write_text
from ..model import set_dropout
from ..model_files import read_config
from ..options import MOST_STEPS
from ..precision import prefer_precision, settle_precision
from ..processes import check_agreement, decide, is_first_process
from ..records import read_record_lines
from ..run_folder import check_free_space, open_run_folder, read_recorded_plan
from ..train import TrainConfig, train
from ..wordpiece import WordPiece
from .base import Split, Task, split_examples
from .hub import check_column_names, read_hub_examples
from .named import NAMED, find_task
from .plans import FinetunePlan, make_finetuning_config
from .rows import count_row_tokens

# ---- The whole -------------------------------------------------------------------------------------------------------


def finetune(
    plan: FinetunePlan,
    folder: str | Path,
    *,
    data: Split | None = None,
    resume: bool = False,
    watch: Callable[[dict, dict], None] | None = None,
    say: Callable[[str], None] = print,
) -> dict:
    """Fine-tune a model into `folder`, and return its results (also in `results.json`): the scores of `model` and of
    each of the `baselines` on data that was not trained on, `rows` of each side, `steps` and `seconds`.

    `data` replaces what the plan names. All of the data is read and checked before the training starts. The folder then
    opens in transformers and in `predict`: config.json with the labels, model.safetensors, the tokenizer's files.
    `test.jsonl` holds the prediction for each test example and the expected answer; `draw_report` draws them.
    `resume=True` goes on with the run in `folder`, or begins it; a training that has ended is not repeated, only what
    follows it, perhaps with other `beams`. Raises FileExistsError when the folder holds a run and `resume` is False, or
    another model; ValueError for data that cannot be used or has changed, and for a plan that has changed; OSError when
    the folder cannot be written.
    """
    check_kind(plan, FinetunePlan, "plan")
    check_path(folder, "folder")
    folder = expand_home(folder)
    say = say if is_first_process() else lambda text: None
    inputs = {f"--{name}": [value] for name in ("train", "eval", "dev", "model") if (value := getattr(plan, name))}
    with open_run_folder(folder, plan, resume, inputs) as recorded:
        return run_finetuning(plan, folder, recorded, data, watch, say)


def run_finetuning(
    plan: FinetunePlan,
    folder: Path,
    recorded: dict | None,
    data: Split | None,
    watch: Callable[[dict, dict], None] | None,
    say: Callable[[str], None],
) -> dict:
    """`finetune` in a folder that is held, from the start or from what its run.json `recorded`."""
    if recorded:
        say(f"going on with the run in {folder.name}")
    if Path(plan.model).expanduser().is_dir() or plan.model in ("minilm", "bertlab-mini"):  # nothing is downloaded yet
        check_model_limits(plan, weights.find_model_folder(plan.model))
    data = read_data(plan, say) if data is None else data
    check_data(plan, data, say)
    fingerprint = sha256(json.dumps([list(side) for side in data]).encode("utf-8", "surrogatepass")).hexdigest()
    if recorded and recorded["data_sha256"] != fingerprint:
        names = " ".join(name for name in (recorded["plan"].train, recorded["plan"].eval, recorded["plan"].dev) if name)
        began = f" ({names})" if names else ""
        raise ValueError(f"the data is not what the run in {folder} began with{began}: give it back, or start anew")

    start = weights.find_model_folder(plan.model)
    tokenizer = WordPiece.load(start)
    settings = find_task(plan.task).derive_settings(data.train)
    task = make_task(plan, tokenizer, settings)
    with doing("loading", plan.model):
        model = load_task_model(plan, task, start, data.train)
    weights.check_vocabulary(tokenizer, model, plan.model)
    data = leave_out_cut(plan, task, data, say) if plan.whole else data
    plan, asked = decide(lambda: settle_precision(plan, recorded, model))
    batches, config = prepare_training(plan, task, data, say)

    def record_run() -> None:
        check_free_space(folder, model, moments=2, keep_best=bool(plan.evaluations))
        if not recorded or recorded["plan"] != plan:
            facts = {"plan": asdict(plan), "data_sha256": fingerprint, "asked_precision": asked}
            write_json(folder / "run.json", facts | settings)

    check_agreement(fingerprint, "data set")
    decide(record_run)
    begun = time.perf_counter()
    validate = (lambda model: task.validate(model, data.dev)) if plan.evaluations else None
    scale = scale_learning_rates(plan, model.config.num_hidden_layers)
    train(model, batches, config, evaluate=validate, folder=folder, resume=bool(recorded), watch=watch, scale=scale)
    seconds = time.perf_counter() - begun

    def finish() -> dict:
        weights.save(model.cpu(), folder, tokenizer, labels=list(task.labels) or None)
        with prefer_precision(plan.precision):
            results = judge_model(plan, task, model, data, folder)
        results |= {"steps": config.steps, "seconds": round(seconds, 1)}
        write_json(folder / "results.json", results)
        return results

    return decide(finish)


@doing("judging the model on the test examples")
def judge_model(plan: FinetunePlan, task: Task, model: nn.Module, data: Split, folder: Path) -> dict:
    """The scores of the model and the baselines on the test examples; the predictions are written to `test.jsonl`."""
    chosen = task.choose_options(model, data.dev)
    predictions = task.predict(model, data.test, **chosen)
    lines = [
        format_json({"expected": task.get_answer(example)} | prediction) + "\n"
        for example, prediction in zip(data.test, predictions, strict=True)
    ]
    write_text(folder / "test.jsonl", "".join(lines))
    scores = task.score(data.test, predictions)
    return {
        "task": plan.task,
        "metric": task.metric,
        "units": {name: task.get_unit(name) for name in scores},
        "model": scores,
        "baselines": task.score_baselines(data.train, data.test),
        "rows": {name: len(side) for name, side in data._asdict().items()},
    } | chosen


def draw_report(folder: str | Path, most: int = 12):
    """The predictions of the run in `folder` for its test examples, as a matplotlib figure: which label was predicted
    for which (the `most` frequent ones; classify and tag), and how far the probabilities can be trusted.

    Raises ValueError for a writer, which gives no probabilities, OSError for a run that has not ended.
    """
    folder = Path(folder)
    task = find_task(read_recorded_plan(folder, FinetunePlan)["plan"].task)
    task.check_report()
    return task.draw_report(read_record_lines(folder / "test.jsonl", **task.report_types), most)


# ---- The steps of a run ----------------------------------------------------------------------------------------------


def read_data(plan: FinetunePlan, say: Callable[[str], None] = print) -> Split:
    """The examples that a plan names. Without an `eval` a tenth of the training file is held out, without a `dev`
    another one: by a hash of the text, so that the same rows are always held out."""
    task = find_task(plan.task)
    if plan.task in NAMED:
        data = NAMED[plan.task].load()
    else:
        held_out = split_examples(read_examples(plan, plan.train, "train", say), task.get_text)
        training, dev, test = held_out
        if plan.eval:
            training, test = training + test, read_examples(plan, plan.eval, "test", say)
        if plan.dev:
            training, dev = training + held_out.dev, read_examples(plan, plan.dev, "validation", say)
        data = Split(training, dev, test)
    if plan.limit:  # files may be sorted by label: take any rows, but those of a smaller limit among them
        shuffled = sorted(data.train, key=lambda example: hash_to_fraction(f"limit {task.get_text(example)}"))
        data = data._replace(train=shuffled[: plan.limit])
    return data


def read_examples(plan: FinetunePlan, origin: str, split: str, say: Callable[[str], None]) -> list:
    """Examples of the plan's task from a file, a folder, or the hub. Raises ValueError for a column that the task's
    files do not have, and what the readers raise."""
    task, columns = find_task(plan.task), dict(plan.columns)
    with doing("reading", origin):
        if origin.startswith("hub:"):
            origin, _, other = origin.partition("@")
            name, _, config = origin.removeprefix("hub:").partition(":")
            return read_hub_examples(task, name, other or split, config or None, plan.skip_bad_rows, say, **columns)
        check_column_names(columns, task.name, task.columns)
        return task.read_file(origin, skip_bad_rows=plan.skip_bad_rows, say=say, **columns)


def check_data(plan: FinetunePlan, data: Split, say: Callable[[str], None] = print) -> None:
    """ValueError for data that nothing can be learned from; `say` what is doubtful: labels that training does not have,
    texts that are on both sides."""
    task = find_task(plan.task)
    check_examples(task, data)
    for name, side in data._asdict().items():
        if not side:
            raise ValueError(f"no example is left for {name}: give more data, or a file of its own (--eval, --dev)")
    known_texts = {task.get_text(example) for example in data.train}
    known_labels = {label for example in data.train for label in task.get_labels(example)}
    for name, side in (("dev", data.dev), ("test", data.test)):
        repeated = sum(task.get_text(example) in known_texts for example in side)
        if repeated and not task.texts_recur:
            say(f"{repeated:,} of {len(side):,} {name} examples are in the training data as well: the score flatters")
        counts = Counter(label for example in side for label in task.get_labels(example) if label not in known_labels)
        if counts:
            listed = ", ".join(f"{label!r} ({count})" for label, count in sorted(counts.items()))
            say(f"{name} has labels that the training data does not have, and counts them as wrong: {listed}")


def check_examples(task: type[Task], data: Split) -> None:
    """Raise ValueError for data that is no Split of lists of the task's examples, as a Python caller may give it."""
    if not isinstance(data, Split):
        raise ValueError(f"data is a {type(data).__name__}, not a Split of train, dev and test")
    for name, side in data._asdict().items():
        if not isinstance(side, list | tuple):
            raise ValueError(f"data.{name} is a {type(side).__name__}, not a list of examples")
        for i, example in enumerate(side):
            task.check_example(example, f"data.{name}[{i}]")


def make_task(plan: FinetunePlan, tokenizer: WordPiece, settings: dict) -> Task:
    """The task of a plan, with the settings that `Task.derive_settings` took from the training examples."""
    return find_task(plan.task).from_plan(plan, tokenizer, settings)


def check_model_limits(plan: FinetunePlan, start: Path) -> None:
    """Raise ValueError when the model in `start` has fewer positions or layers than the plan asks for: before the data
    is read."""
    config, _ = read_config(start / "config.json")
    most, length = config.max_position_embeddings, plan.length or find_task(plan.task).default_length
    if length > most:
        raise ValueError(f"length is {length}, but {plan.model} has {most} positions: --length {most} or less")
    if plan.freeze > config.num_hidden_layers:
        raise ValueError(f"freeze is {plan.freeze}, but {plan.model} has {config.num_hidden_layers} layers")


def load_task_model(plan: FinetunePlan, task: Task, start: Path, examples: Sequence = ()) -> nn.Module:
    """The task's head on the encoder in `start`; what the file lacks begins at random, by the plan's seed."""
    with torch.random.fork_rng():
        torch.manual_seed(plan.seed)
        model = task.load_model(start)
    most = model.config.max_position_embeddings
    if task.length > most:
        raise ValueError(f"length is {task.length}, but {plan.model} has {most} positions: --length {most} or less")
    model.labels = tuple(task.labels)
    set_dropout(model, plan.dropout)
    task.prepare_model(model, examples, plan)
    freeze_layers(model, plan.freeze)
    return model


def freeze_layers(model: nn.Module, layers: int) -> None:
    """Leave the embeddings and the first so many `layers` of a model as they are; -1: the whole encoder. Raises
    ValueError when there are fewer."""
    own = model.bert.layers
    if layers > len(own):
        raise ValueError(f"freeze is {layers}, but the model has {len(own)} layers")
    if layers:
        for part in (model.bert.embeddings, *own[: None if layers < 0 else layers]):
            part.requires_grad_(False)


def leave_out_cut(plan: FinetunePlan, task: Task, data: Split, say: Callable[[str], None]) -> Split:
    """The data without the examples of which something would be cut, on all sides; `say` how many those are."""
    count = sum(map(len, data))
    data = Split(*(task.keep_whole(side) for side in data))
    say(f"{count - sum(map(len, data)):,} of {count:,} pairs are left out: more than {task.length} tokens (--length)")
    check_data(plan, data, lambda text: None)
    return data


def prepare_training(
    plan: FinetunePlan, task: Task, data: Split, say: Callable[[str], None]
) -> tuple[Batches, TrainConfig]:
    """The batches of the training examples, and the settings of the loop; `say` what was truncated, and the sizes."""
    rows = task.make_rows(data.train)
    for loss in task.describe_losses(len(data.train)):
        say(loss)
    size = min(plan.batch_size, len(rows))
    batches = Batches(rows, task.collate, size, seed=plan.seed, lengths=count_row_tokens(rows))
    epochs = plan.epochs or task.default_epochs
    steps = max(1, round(len(rows) * epochs / (size * plan.accumulate)))
    if size * plan.accumulate > max(size, len(rows) * epochs):
        raise ValueError(
            f"accumulate is {plan.accumulate}: a step would read {size * plan.accumulate:,} rows, but {epochs:g} "
            f"epochs have {len(rows) * epochs:,.0f}; lower it"
        )
    if steps > MOST_STEPS:
        raise ValueError(f"epochs is {epochs:g}: that would be {steps:,} steps")
    say(
        f"{len(data.train):,} examples to learn from, {len(data.dev):,} to choose by, {len(data.test):,} to be judged "
        f"by; {steps:,} steps of {size * plan.accumulate} rows"
    )
    return batches, make_finetuning_config(plan, steps, task.selection or task.metric)


def scale_learning_rates(plan: FinetunePlan, layers: int) -> Callable[[str], float] | None:
    """The factor by which the learning rate of a parameter differs, by its name; None when all learn alike."""
    if plan.layer_decay == 1 and not plan.head_learning_rate:
        return None

    def get_factor(name: str) -> float:
        if not name.startswith("bert."):
            return plan.head_learning_rate / plan.learning_rate if plan.head_learning_rate else 1.0
        number = int(name.split(".")[2]) if name.startswith("bert.layers.") else -1
        return plan.layer_decay ** (layers - 1 - number)

    return get_factor
