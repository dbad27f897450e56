"""Fine-tuning from rows to a folder: data, a head on a trained encoder, training, and a table beside the baselines.

`python -m bertlab finetune` calls `finetune`, `predict` reads what it made; notebooks 10 to 13 take the steps one at a
time.
"""

import csv
import io
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import nn

from . import readers, sources, tasks, weights
from .corpus import place
from .heads import Classifier, SpanFinder, Tagger
from .metrics import calibration, exact_match, words_of
from .readers import Pair, Question, Sentence, Split, Text
from .tasks import NAMED
from .train import Batches, TrainConfig, train, write_json, write_whole
from .wordpiece import WordPiece

KINDS = {"classify": tasks.Classify, "tag": tasks.Tag, "read": tasks.Read, "reply": tasks.Reply, "write": tasks.Write}


@dataclass(frozen=True)
class FinetunePlan:
    """Everything that a run hangs on. It is kept in the run's folder as `run.json`, so a run can go on from there.

    `task` is the name of data of ours (`NAMED`: sentiment, topic, pos, ...), or classify, tag, read, reply or write for
    files of your own: then `train` is needed, and `eval`, else a tenth of `train` is held out to be judged by.
    "hub:NAME" or "hub:NAME:CONFIG" takes a data set of the Hugging Face hub: its split train, test or validation for
    `train`, `eval` and `dev`, or another one: "hub:stanfordnlp/sst2@validation".
    """

    task: str = "sentiment"
    train: str = ""  # a file, a folder, or hub:NAME[:CONFIG][@SPLIT]
    eval: str = ""  # what the scores in the table are of
    dev: str = ""  # what the best weights are chosen by; "": a tenth of `train`
    model: str = "minilm"  # a folder, "minilm", "bertlab-mini", or a name on the hub
    columns: tuple[tuple[str, str], ...] = ()  # (what it is, what your file calls it), such as ("text", "review")
    skip_bad_rows: bool = False
    limit: int = 0  # examples of the training data at most; 0: all
    length: int = 0  # tokens a row at most; 0: the task's own, see LENGTHS
    epochs: float = 0.0  # 0: the task's own, see EPOCHS
    batch_size: int = 32
    accumulate: int = 1  # batches a step
    learning_rate: float = 1e-4  # of the encoder at the peak; 5e-5 or less for bert-base
    head_learning_rate: float = 0.0  # of what is new; 0: as the encoder's
    layer_decay: float = 1.0  # each layer learns slower than the one above it by this factor
    freeze: int = 0  # the embeddings and so many layers stay as they are; -1: all of the encoder
    class_weights: bool = False  # all classes count alike in the loss, the rare ones too
    label_on: str = "first"  # the piece that speaks for a word: first, last or all
    stride: int = 0  # reading: how many tokens later the next window begins; 0: half a window
    beams: int = 1  # writing: texts that are carried on at a time
    length_penalty: float = 1.0  # writing
    whole: bool = False  # writing: pairs of which something would be cut are left out, those to be judged by as well
    dropout: float = 0.1
    weight_decay: float = 0.01
    warmup: float = 0.1
    evaluations: int = 4  # on `dev` while training; the weights of the best one are kept
    patience: int = 0  # end after so many evaluations in a row that were not the best; 0: never
    seed: int = 0

    def __post_init__(self):
        if self.task not in NAMED and self.task not in KINDS:
            raise ValueError(f"task is {self.task!r}; it must be {', '.join(NAMED)}, or {', '.join(KINDS)} with a file")
        if (self.task in KINDS) != bool(self.train):
            raise ValueError(
                f"{self.task} needs a file to learn from: give train"
                if self.task in KINDS
                else f"{self.task} brings its own data: leave train out, or take {NAMED[self.task][0]}"
            )
        for name in ("limit", "length", "epochs", "evaluations", "head_learning_rate"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be below 0")
        if not 0 < self.layer_decay <= 1:
            raise ValueError(f"layer_decay is {self.layer_decay}; a factor above 0 and up to 1")
        if self.freeze < -1:
            raise ValueError(f"freeze is {self.freeze}; a number of layers, or -1 for all")
        if self.whole and self.kind != "write":
            raise ValueError(f"whole is for write, not for {self.kind}")
        if self.patience and not self.evaluations:
            raise ValueError("patience counts evaluations: there must be some")
        settings(self, 1, "accuracy")  # complains of what cannot be

    @property
    def kind(self) -> str:
        """classify, tag, read, reply or write."""
        return NAMED[self.task][0] if self.task in NAMED else self.task


LENGTHS = {"classify": 128, "tag": 128, "read": 256, "reply": 64, "write": 128}
EPOCHS = {"classify": 2.0, "tag": 2.0, "read": 2.0, "reply": 4.0, "write": 5.0}


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

    `data` stands in for what the plan names. All of the data is read and checked before the training starts. The folder
    then opens in transformers and in `predict`: config.json with the labels, model.safetensors, the tokenizer's files.
    `test.jsonl` holds what it said of each test example, and what is right; `picture` draws that.
    `resume=True` goes on with the run in `folder`, or begins it. Raises FileExistsError when the folder holds a run and
    `resume` is False, ValueError for data that cannot be used or has changed.
    """
    folder = Path(folder)
    recorded = folder / "run.json"
    if recorded.exists() and not resume:
        raise FileExistsError(f"{folder} holds a run already: go on with it (--resume), or name another folder")
    facts = json.loads(recorded.read_text("utf-8")) if recorded.exists() else None
    if facts:
        plan = plan_of(facts)
        say(f"going on with the run in {folder.name}")
    data = read_data(plan, say) if data is None else data
    check_data(plan, data, say)
    fingerprint = sha256(json.dumps([list(side) for side in data]).encode("utf-8", "surrogatepass")).hexdigest()
    if facts and facts["data_sha256"] != fingerprint:
        raise ValueError(f"the data is not what the run in {folder} began with: give it back, or start anew")

    start = weights.find(plan.model)
    pieces = WordPiece.load(start)
    task = new_task(plan, pieces, data.train)
    model = new_model(plan, task, start, data.train)
    if plan.whole:
        given = sum(map(len, data))
        data = Split(*(task.whole(side) for side in data))
        out = given - sum(map(len, data))
        say(f"{out:,} of {given:,} pairs are left out: more than {task.length} tokens (--length)")
        check_data(plan, data, lambda _: None)
    rows = task.rows(data.train)
    if task.cut:
        what = {"tag": "sentences are read in parts", "read": "questions are cut"}.get(plan.kind, "examples are cut")
        say(f"{task.cut:,} of {len(data.train):,} {what}: more than {task.length} tokens (--length)")
    if plan.kind == "read" and task.lost:
        say(f"{task.lost:,} answers are longer than a window or lie across two: trained as if there were none there")
    size = min(plan.batch_size, len(rows))
    batches = Batches(rows, task.collate, size, seed=plan.seed, lengths=tasks.lengths(rows))
    steps = max(1, round(len(rows) * (plan.epochs or EPOCHS[plan.kind]) / (size * plan.accumulate)))
    config = settings(plan, steps, "dev_loss" if plan.kind == "write" else task.metric)
    say(
        f"{len(data.train):,} examples to learn from, {len(data.dev):,} to choose by, {len(data.test):,} to be judged "
        f"by; {steps:,} steps of {size * plan.accumulate} rows"
    )
    folder.mkdir(parents=True, exist_ok=True)
    if not facts:
        no_answer = getattr(task, "no_answer", False)
        facts = {"plan": asdict(plan), "labels": task.labels, "no_answer": no_answer, "data_sha256": fingerprint}
        write_json(recorded, facts)

    begun = time.perf_counter()
    judge = (lambda m: task.judge(m, data.dev)) if plan.evaluations else None
    train(model, batches, config, evaluate=judge, folder=folder, resume=resume, watch=watch,
          scale=rates(plan, model.config.num_hidden_layers))  # fmt: skip
    seconds = time.perf_counter() - begun
    model.cpu()
    weights.save(model, folder, pieces, labels=list(task.labels) if plan.kind != "read" and task.labels else None)
    found = {"threshold": choose_threshold(task, model, data.dev)} if plan.kind == "read" else {}
    said = task.predict(model, data.test, **found)
    results = {
        "task": plan.task,
        "metric": task.metric,
        "model": task.score(data.test, said),
        "baselines": task.baselines(data.train, data.test),
        "rows": {name: len(side) for name, side in data._asdict().items()},
        "steps": steps,
        "seconds": round(seconds, 1),
    } | found
    judged = [{"right": right_of(example)} | one for example, one in zip(data.test, said, strict=True)]
    write_whole(folder / "test.jsonl", "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in judged))
    write_json(folder / "results.json", results)
    return results


# The steps of a run


def plan_of(facts: dict) -> FinetunePlan:
    """The plan in a `run.json`."""
    return FinetunePlan(**facts["plan"] | {"columns": tuple(map(tuple, facts["plan"]["columns"]))})


def read_data(plan: FinetunePlan, say: Callable[[str], None] = print) -> Split:
    """The examples that a plan names. Without an `eval` a tenth of the training file is held out, without a `dev`
    another one: by a hash of the text, so that the same rows are always held out."""
    if plan.task in NAMED:
        data = NAMED[plan.task][1]()
    else:
        held = readers.parted(read(plan, plan.train, "train", say), text_of)
        train_, dev, test = held
        if plan.eval:
            train_, test = train_ + test, read(plan, plan.eval, "test", say)
        if plan.dev:
            train_, dev = train_ + held.dev, read(plan, plan.dev, "validation", say)
        data = Split(train_, dev, test)
    if plan.limit:  # files may be sorted by label: take any rows, but those of a smaller limit among them
        data = data._replace(train=sorted(data.train, key=lambda e: place(f"limit {text_of(e)}"))[: plan.limit])
    return data


def read(plan: FinetunePlan, where: str, split: str, say: Callable[[str], None]) -> list:
    """Examples of the plan's kind from a file, a folder, or the hub."""
    columns = dict(plan.columns)
    if where.startswith("hub:"):
        where, _, other = where.partition("@")
        name, _, config = where.removeprefix("hub:").partition(":")
        kind = "write" if plan.kind == "reply" else plan.kind
        return readers.read_hub(kind, name, other or split, config or None, **columns)
    reader = {"classify": readers.read_texts, "tag": readers.read_tagged, "read": readers.read_questions,
              "reply": readers.read_pairs, "write": readers.read_pairs}[plan.kind]  # fmt: skip
    try:
        return reader(where, **columns, skip_bad_rows=plan.skip_bad_rows, say=say)
    except TypeError as error:
        if not columns:
            raise
        raise ValueError(f"a {plan.kind} has no columns {', '.join(columns)} to name ({error})") from None


def text_of(example) -> str:
    """The words by which an example is told from others."""
    if isinstance(example, Text):
        return example.text + (example.pair or "")
    if isinstance(example, Sentence):
        return " ".join(example.words)
    return example.context if isinstance(example, Question) else example.source


def check_data(plan: FinetunePlan, data: Split, say: Callable[[str], None] = print) -> None:
    """ValueError for data that nothing can be learned from; `say` what is doubtful: labels that training does not have,
    texts that stand on both sides."""
    for name, side in data._asdict().items():
        if not side:
            raise ValueError(f"no example is left for {name}: give more data, or a file of its own (--eval, --dev)")
    known = {text_of(example) for example in data.train}
    for name, side in (("dev", data.dev), ("test", data.test)):
        if (twice := sum(text_of(example) in known for example in side)) and plan.kind != "read":
            say(f"{twice:,} of {len(side):,} {name} examples stand in the training data as well: the score flatters")
        if plan.kind in ("classify", "tag"):
            learned, asked = (Counter(label for example in part for label in labels_of(example)) for part in
                              (data.train, side))  # fmt: skip
            if new := {label: count for label, count in asked.items() if label not in learned}:
                listed = ", ".join(f"{label!r} ({count})" for label, count in sorted(new.items()))
                say(f"{name} has labels that the training data does not have, and counts them as wrong: {listed}")


def right_of(example) -> str | list[str]:
    """What a model should say of an example: a label, tags, the answers that are right, or a text."""
    if isinstance(example, Text):
        return example.label
    if isinstance(example, Question):
        return [text for _, text in example.answers]
    return example.tags if isinstance(example, Sentence) else example.target


def labels_of(example: Text | Sentence) -> Sequence[str]:
    return [example.label] if isinstance(example, Text) else example.tags


def new_task(plan: FinetunePlan, pieces: WordPiece, examples: Sequence):
    """The task of a plan, with the labels of the training examples. Raises ValueError when there are not two."""
    length = plan.length or LENGTHS[plan.kind]
    if plan.kind == "classify":
        return tasks.Classify(pieces, tasks.Classify.labels_of(examples), length)
    if plan.kind == "tag":
        return tasks.Tag(pieces, tasks.Tag.labels_of(examples), length, plan.label_on)
    if plan.kind == "read":
        return tasks.Read(pieces, length, plan.stride, no_answer=any(not example.answers for example in examples))
    if plan.kind == "reply":
        return tasks.Reply(pieces, length)
    return tasks.Write(pieces, length, plan.beams, plan.length_penalty)


def new_model(plan: FinetunePlan, task, start: Path, examples: Sequence = ()) -> nn.Module:
    """The task's head on the encoder in `start`; what the file lacks begins at random, by the plan's seed."""
    count = {"num_labels": len(task.labels)} if task.head in (Classifier, Tagger) else {}
    with torch.random.fork_rng():
        torch.manual_seed(plan.seed)
        model = weights.load(start, task.head, new_heads=True, **count)
    most = model.config.max_position_embeddings
    if task.length > most:
        raise ValueError(f"length is {task.length}, but {plan.model} has {most} positions: --length {most} or less")
    model.labels = tuple(task.labels)
    model.config = replace(model.config, hidden_dropout_prob=plan.dropout, attention_probs_dropout_prob=plan.dropout)
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = plan.dropout
        elif hasattr(part, "dropout") and isinstance(part.dropout, float):  # attention's
            part.dropout = plan.dropout
    if plan.class_weights:
        if plan.kind not in ("classify", "tag"):
            raise ValueError(f"class_weights are for classify and tag, not for {plan.kind}")
        model.class_weights = tasks.class_weights(task.labels, examples)
    freeze(model, plan.freeze)
    return model


def freeze(model: nn.Module, layers: int) -> None:
    """Let the embeddings and the first so many `layers` of a model stay as they are; -1: all of the encoder. Raises
    ValueError when there are fewer."""
    there = model.bert.layers
    if layers > len(there):
        raise ValueError(f"freeze is {layers}, but the model has {len(there)} layers")
    if layers:
        for part in (model.bert.embeddings, *there[: None if layers < 0 else layers]):
            part.requires_grad_(False)


def rates(plan: FinetunePlan, layers: int) -> Callable[[str], float] | None:
    """By which factor the learning rate of a parameter differs; None when all learn alike."""
    if plan.layer_decay == 1 and not plan.head_learning_rate:
        return None

    def factor(name: str) -> float:
        if not name.startswith("bert."):
            return plan.head_learning_rate / plan.learning_rate if plan.head_learning_rate else 1.0
        number = int(name.split(".")[2]) if name.startswith("bert.layers.") else -1
        return plan.layer_decay ** (layers - 1 - number)

    return factor


def settings(plan: FinetunePlan, steps: int, metric: str) -> TrainConfig:
    """The plan's part that the loop needs to know."""
    return TrainConfig(
        steps=steps,
        learning_rate=plan.learning_rate,
        warmup=plan.warmup,
        weight_decay=plan.weight_decay,
        accumulate=plan.accumulate,
        seed=plan.seed,
        log_every=max(1, steps // 50),
        evaluate_every=max(1, steps // plan.evaluations) if plan.evaluations else 0,
        keep_best=metric if plan.evaluations else "",
        patience=plan.patience,
        checkpoint_seconds=60.0,  # a checkpoint holds the best weights too
    )


def choose_threshold(task: tasks.Read, model: nn.Module, dev: Sequence[Question]) -> float:
    """How much higher "no answer" must score than a span, by the F1 on `dev`; 0 where all questions have an answer."""
    if not task.no_answer:
        return 0.0
    said = task.predict(model, dev, threshold=float("inf"))
    found = tasks.best_threshold(dev, said, [s["answer"] for s in said])
    return max(-1e9, min(1e9, found))  # JSON knows no infinity


def table(results: dict) -> str:
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


def picture(folder: str | Path, most: int = 12):
    """What the run in `folder` said of its test examples, as a matplotlib figure: which label was taken for which (of
    the `most` common ones; classify and tag alone), and how far its probabilities can be trusted.

    Raises ValueError for a writer, which gives no probabilities, OSError for a run that has not ended.
    """
    from matplotlib.figure import Figure

    from . import plots

    folder = Path(folder)
    kind = plan_of(json.loads((folder / "run.json").read_text("utf-8"))).kind
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
    found = calibration(sure, right)
    title = f"calibration: a mean gap of {100 * found.pop('ece'):.1f} points"
    if kind not in ("classify", "tag"):
        figure = Figure((4.6, 4.2), layout="constrained")
        plots.reliability(**found, title=title, ax=figure.subplots())
        return figure
    names = [name for name, _ in Counter(truth).most_common(most)]
    names = tasks.by_rank(set(names)) + (["others"] if set(truth) | set(said) > set(names) else [])
    number = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)), int)
    for a, b in zip(truth, said, strict=True):
        counts[number.get(a, len(names) - 1), number.get(b, len(names) - 1)] += 1
    size = min(8.0, 2.6 + 0.55 * len(names))
    figure = Figure((size + 4.6, max(4.2, 0.85 * size)), layout="constrained")
    left, right_ax = figure.subplots(1, 2, width_ratios=(size, 4.6))
    plots.confusion(counts, names, title=f"{len(truth):,} answers", ax=left)
    plots.reliability(**found, title=title, ax=right_ax)
    return figure


def gathered(runs: Sequence[dict]) -> dict:
    """The results of one task over several seeds as one, for `table`: each score of the model becomes a list, and the
    baselines are those of the first run. Raises ValueError for runs that were not judged by the same."""
    first = runs[0]
    if any(run["task"] != first["task"] or run["rows"] != first["rows"] for run in runs):
        raise ValueError("these runs are of other tasks or of other data: their scores are no seeds of one result")
    return first | {
        "model": {name: [run["model"][name] for run in runs] for name in first["model"]},
        "seconds": [run["seconds"] for run in runs],
    }


def recorded() -> dict[str, dict]:
    """The longer runs that we made of the named tasks, as `data/finetune.json` keeps them: task -> what `gathered`
    gives, its `command` but for the seed and the folder, and the `seeds`."""
    return json.loads((sources.data_folder() / "finetune.json").read_text("utf-8"))


# Using


def load(folder: str | Path) -> tuple[nn.Module, object, dict]:
    """(model, task, options of its `predict`) from a folder that `finetune` made, or one of transformers' that labels
    texts or tokens or answers questions. Raises OSError and ValueError as `weights.load` does."""
    place = weights.find(folder)
    run = place / "run.json"
    pieces = WordPiece.load(place)
    if not run.exists():
        model = weights.load(place)
        kinds = {Classifier: tasks.Classify, Tagger: tasks.Tag}
        most = model.config.max_position_embeddings
        if type(model) in kinds:
            return model, kinds[type(model)](pieces, model.labels, min(512, most)), {}
        if type(model) is SpanFinder:
            return model, tasks.Read(pieces, min(384, most), no_answer=True), {}
        raise ValueError(f"{folder} holds a {type(model).__name__}, which has nothing to predict: fine-tune it first")
    if not (place / "results.json").exists():
        raise ValueError(f"the run in {folder} has not ended: go on with it (finetune --resume)")
    facts, results = json.loads(run.read_text("utf-8")), json.loads((place / "results.json").read_text("utf-8"))
    plan = plan_of(facts)
    length = plan.length or LENGTHS[plan.kind]
    model = weights.load(place, KINDS[plan.kind].head)
    if plan.kind in ("classify", "tag"):
        more = (plan.label_on,) if plan.kind == "tag" else ()
        return model, KINDS[plan.kind](pieces, facts["labels"], length, *more), {}
    if plan.kind == "read":
        options = {"threshold": results["threshold"]}
        return model, tasks.Read(pieces, length, plan.stride, no_answer=facts["no_answer"]), options
    if plan.kind == "reply":
        return model, tasks.Reply(pieces, length), {}
    return model, tasks.Write(pieces, length, plan.beams, plan.length_penalty), {}


def predict(folder: str | Path, texts: Sequence, **options) -> list[dict]:
    """What the model in `folder` says of each text, as plain values.

    A classifier takes texts, or pairs (text, text); a tagger takes texts (parted into words and marks) or lists of
    words; a reader takes (question, context); a replier takes (what was said, [replies]); a writer takes texts.
    `options` go to the task's `predict`, such as beams=4. Raises ValueError for a text of another kind.
    """
    model, task, known = load(folder)
    if task.kind == "reply":
        ranked = []
        for one in texts:
            if isinstance(one, str) or len(one) < 2:
                raise ValueError(f"{one!r:.60}: give what was said, and replies to choose from, parted by tabs")
            ranked.append(task.rank(model, one[0], one[1:] if isinstance(one[1], str) else one[1]))
        return [
            {"reply": best[0][1], "probability": best[0][0], "ranking": [[r, p] for p, r in best]} for best in ranked
        ]
    return task.predict(model, [example_of(task.kind, one) for one in texts], **known | options)


def example_of(kind: str, given) -> Text | Sentence | Question | Pair:
    """An example without an answer, from what `predict` is given. Raises ValueError."""
    if kind == "read":
        if isinstance(given, str) or len(given) != 2:
            raise ValueError(f"{given!r:.60}: a reader needs a question and a context, parted by a tab")
        return Question("", *given, [])
    if kind == "tag":
        words = words_of(given) if isinstance(given, str) else list(given)
        if not words:
            raise ValueError("there is no word to tag")
        return Sentence(words, [""] * len(words))
    if kind == "write":
        return Pair(given, "")
    return Text(given, None, "") if isinstance(given, str) else Text(*given, "")


def given_lines(texts: Sequence[str], stdin=None) -> list:
    """What the command line was given to predict: the texts, the lines of one file, or those of standard input. A tab
    parts the two things of a pair, and the replies to choose from. Raises ValueError when there is nothing."""
    if len(texts) == 1 and Path(texts[0]).suffix in (".txt", ".tsv"):
        lines = sources._read_text(Path(texts[0])).removesuffix("\n").split("\n")
    else:
        lines = list(texts) or [line.rstrip("\n") for line in stdin or sys.stdin]
    if not lines or lines == [""]:
        raise ValueError("there is nothing to predict: give a text, a file, or lines on standard input")
    parts = [line.split("\t") for line in lines]
    return [one[0] if len(one) == 1 else tuple(one) for one in parts]


def write_predictions(given: Sequence, said: Sequence[dict], file: Path | None = None) -> None:
    """Print one line a prediction, or write all of it to a .jsonl or .csv file (there a list is written as JSON, and
    each label's probability gets a column). Raises ValueError for a file of another kind."""
    if file is None:
        for one in said:
            print(in_words(one))
        return
    rows = [
        {"input": text if isinstance(text, str) else list(text)} | one for text, one in zip(given, said, strict=True)
    ]
    if file.suffix == ".jsonl":
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    elif file.suffix == ".csv":
        flat = []
        for row in rows:
            shares = {f"p({label})": p for label, p in row.pop("probabilities", {}).items()}
            flat.append(
                {k: json.dumps(v, ensure_ascii=False) if isinstance(v, list) else v for k, v in row.items()} | shares
            )
        written = io.StringIO()
        lines = csv.DictWriter(written, list(flat[0]), lineterminator="\n")
        lines.writeheader()
        lines.writerows(flat)
        content = written.getvalue()
    else:
        raise ValueError(f"{file}: predictions are written to a .csv or a .jsonl file")
    write_whole(file, content)


def in_words(one: dict) -> str:
    """A prediction on a line of the terminal."""
    if "tags" in one:
        return " ".join(f"{word}/{tag}" for word, tag in zip(one["words"], one["tags"], strict=True))
    if "text" in one:
        return one["text"]
    best = one.get("label", one.get("reply", one.get("answer")))
    return f"{100 * one['probability']:5.1f}%  {best or '(no answer)'}"
