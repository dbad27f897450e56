"""tasks.finetune: TODO."""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

import torch
from torch import nn

from .. import weights
from ..batches import Batches
from ..corpus import hash_to_fraction
from ..files import write_json, write_text
from ..heads import Classifier, Tagger
from ..train import TrainConfig, train
from ..wordpiece import WordPiece
from . import base, classification, hub, reading, replies, tagging, writing
from .base import Split
from .classification import LabelledText
from .named import NAMED
from .reading import Question
from .tagging import TaggedSentence

KINDS = {
    "classify": classification.Classification,
    "tag": tagging.Tagging,
    "read": reading.Reading,
    "reply": replies.ReplyChoice,
    "write": writing.Writing,
}


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
        make_finetuning_config(self, 1, "accuracy")  # complains of what cannot be

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
        plan = parse_plan(facts)
        say(f"going on with the run in {folder.name}")
    data = read_data(plan, say) if data is None else data
    check_data(plan, data, say)
    fingerprint = sha256(json.dumps([list(side) for side in data]).encode("utf-8", "surrogatepass")).hexdigest()
    if facts and facts["data_sha256"] != fingerprint:
        raise ValueError(f"the data is not what the run in {folder} began with: give it back, or start anew")

    start = weights.find_model_folder(plan.model)
    pieces = WordPiece.load(start)
    task = new_task(plan, pieces, data.train)
    model = load_task_model(plan, task, start, data.train)
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
    batches = Batches(rows, task.collate, size, seed=plan.seed, lengths=base.count_row_tokens(rows))
    steps = max(1, round(len(rows) * (plan.epochs or EPOCHS[plan.kind]) / (size * plan.accumulate)))
    config = make_finetuning_config(plan, steps, "dev_loss" if plan.kind == "write" else task.metric)
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
          scale=scale_learning_rates(plan, model.config.num_hidden_layers))  # fmt: skip
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
    write_text(folder / "test.jsonl", "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in judged))
    write_json(folder / "results.json", results)
    return results


def parse_plan(facts: dict) -> FinetunePlan:
    """The plan in a `run.json`."""
    return FinetunePlan(**facts["plan"] | {"columns": tuple(map(tuple, facts["plan"]["columns"]))})


def read_data(plan: FinetunePlan, say: Callable[[str], None] = print) -> Split:
    """The examples that a plan names. Without an `eval` a tenth of the training file is held out, without a `dev`
    another one: by a hash of the text, so that the same rows are always held out."""
    if plan.task in NAMED:
        data = NAMED[plan.task][1]()
    else:
        held = base.split_examples(read_examples(plan, plan.train, "train", say), text_of)
        train_, dev, test = held
        if plan.eval:
            train_, test = train_ + test, read_examples(plan, plan.eval, "test", say)
        if plan.dev:
            train_, dev = train_ + held.dev, read_examples(plan, plan.dev, "validation", say)
        data = Split(train_, dev, test)
    if plan.limit:  # files may be sorted by label: take any rows, but those of a smaller limit among them
        data = data._replace(
            train=sorted(data.train, key=lambda e: hash_to_fraction(f"limit {text_of(e)}"))[: plan.limit]
        )
    return data


def read_examples(plan: FinetunePlan, where: str, split: str, say: Callable[[str], None]) -> list:
    """Examples of the plan's kind from a file, a folder, or the hub."""
    columns = dict(plan.columns)
    if where.startswith("hub:"):
        where, _, other = where.partition("@")
        name, _, config = where.removeprefix("hub:").partition(":")
        kind = "write" if plan.kind == "reply" else plan.kind
        return hub.read_hub(kind, name, other or split, config or None, **columns)
    reader = {"classify": classification.read_labelled_texts, "tag": tagging.read_tagged_sentences, "read": reading.read_questions,
              "reply": writing.read_text_pairs, "write": writing.read_text_pairs}[plan.kind]  # fmt: skip
    try:
        return reader(where, **columns, skip_bad_rows=plan.skip_bad_rows, say=say)
    except TypeError as error:
        if not columns:
            raise
        raise ValueError(f"a {plan.kind} has no columns {', '.join(columns)} to name ({error})") from None


def text_of(example) -> str:
    """The words by which an example is told from others."""
    if isinstance(example, LabelledText):
        return example.text + (example.pair or "")
    if isinstance(example, TaggedSentence):
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
    if isinstance(example, LabelledText):
        return example.label
    if isinstance(example, Question):
        return [text for _, text in example.answers]
    return example.tags if isinstance(example, TaggedSentence) else example.target


def labels_of(example: LabelledText | TaggedSentence) -> Sequence[str]:
    return [example.label] if isinstance(example, LabelledText) else example.tags


def new_task(plan: FinetunePlan, pieces: WordPiece, examples: Sequence):
    """The task of a plan, with the labels of the training examples. Raises ValueError when there are not two."""
    length = plan.length or LENGTHS[plan.kind]
    if plan.kind == "classify":
        return classification.Classification(pieces, classification.Classification.labels_of(examples), length)
    if plan.kind == "tag":
        return tagging.Tagging(pieces, tagging.Tagging.labels_of(examples), length, plan.label_on)
    if plan.kind == "read":
        return reading.Reading(pieces, length, plan.stride, no_answer=any(not example.answers for example in examples))
    if plan.kind == "reply":
        return replies.ReplyChoice(pieces, length)
    return writing.Writing(pieces, length, plan.beams, plan.length_penalty)


def load_task_model(plan: FinetunePlan, task, start: Path, examples: Sequence = ()) -> nn.Module:
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
        model.class_weights = base.compute_class_weights(task.labels, examples)
    freeze_layers(model, plan.freeze)
    return model


def freeze_layers(model: nn.Module, layers: int) -> None:
    """Let the embeddings and the first so many `layers` of a model stay as they are; -1: all of the encoder. Raises
    ValueError when there are fewer."""
    there = model.bert.layers
    if layers > len(there):
        raise ValueError(f"freeze is {layers}, but the model has {len(there)} layers")
    if layers:
        for part in (model.bert.embeddings, *there[: None if layers < 0 else layers]):
            part.requires_grad_(False)


def scale_learning_rates(plan: FinetunePlan, layers: int) -> Callable[[str], float] | None:
    """By which factor the learning rate of a parameter differs; None when all learn alike."""
    if plan.layer_decay == 1 and not plan.head_learning_rate:
        return None

    def factor(name: str) -> float:
        if not name.startswith("bert."):
            return plan.head_learning_rate / plan.learning_rate if plan.head_learning_rate else 1.0
        number = int(name.split(".")[2]) if name.startswith("bert.layers.") else -1
        return plan.layer_decay ** (layers - 1 - number)

    return factor


def make_finetuning_config(plan: FinetunePlan, steps: int, metric: str) -> TrainConfig:
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


def choose_threshold(task: reading.Reading, model: nn.Module, dev: Sequence[Question]) -> float:
    """How much higher "no answer" must score than a span, by the F1 on `dev`; 0 where all questions have an answer."""
    if not task.no_answer:
        return 0.0
    said = task.predict(model, dev, threshold=float("inf"))
    found = reading.find_best_threshold(dev, said, [s["answer"] for s in said])
    return max(-1e9, min(1e9, found))  # JSON knows no infinity
