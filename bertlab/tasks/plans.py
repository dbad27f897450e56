"""What a fine-tuning is told: the plan, whose fields are the options of the command, and its part for the loop."""

from dataclasses import dataclass, fields

from ..options import MOST_SEED, check_plan, option
from ..processes import divide_batches
from ..train import TrainConfig
from .base import Task
from .named import NAMED, TASKS, find_task

SHORTEST_ROW = 8  # tokens: of a question and its context, or a text and the next, each has one at least
MOST_BEAMS = 100


@dataclass(frozen=True)
class FinetunePlan:
    """Everything that a run depends on. It is kept in the run's folder as `run.json`, so a run can go on from there.

    `task` is the name of data of ours (`NAMED`: sentiment, topic, pos, ...), or of a task (`TASKS`: classify, tag, ...)
    for files of your own: then `train` is needed, and `eval`, else a tenth of `train` is held out to be judged by.
    "hub:NAME" or "hub:NAME:CONFIG" takes a data set of the Hugging Face hub: its split train, test or validation for
    `train`, `eval` and `dev`, or another one: "hub:stanfordnlp/sst2@validation".
    """

    task: str = option("sentiment", f"{', '.join(NAMED)}; or, with --train, {', '.join(TASKS)}", "what to learn",
                       positional=True, metavar="task", shown="")  # fmt: skip
    model: str = option("minilm", 'what to start from: a folder, "minilm", "bertlab-mini", or a name on the hub',
                        "what to learn", metavar="MODEL")  # fmt: skip
    train: str = option(
        "", "to learn from: .csv, .tsv, .jsonl, CoNLL columns, .conllu, SQuAD JSON, a folder with a folder for each "
        "class, or hub:NAME[:CONFIG][@SPLIT]", "data of your own", metavar="FILE", on_resume="may change")  # fmt: skip
    eval: str = option("", "what the scores in the table are of (default: a tenth of --train)", "data of your own",
                       metavar="FILE", on_resume="may change")  # fmt: skip
    dev: str = option("", "what the best weights are chosen by (default: a tenth of --train)", "data of your own",
                      metavar="FILE", on_resume="may change")  # fmt: skip
    columns: tuple[tuple[str, str], ...] = option(
        (), "what your file calls its columns, such as text=review label=stars; tag: their numbers, such as word=2 "
        "tag=-1 (the last), or column=xpos of CoNLL-U", "data of your own",
        metavar="NAME=YOURS")  # fmt: skip
    skip_bad_rows: bool = option(False, "leave rows out that cannot be used, and say which", "data of your own")
    limit: int = option(0, "examples to learn from at most", "data of your own", shown="all", least=0)
    epochs: float = option(0.0, "how often the training data is gone through", "training", shown="by the task",
                           least=0, most=100_000)  # fmt: skip
    length: int = option(0, "tokens a row at most; what is longer is cut, and counted", "training", shown="by the task",
                         least=0, most=100_000)  # fmt: skip
    batch_size: int = option(32, "rows a batch", "training", least=1, most=1_000_000)
    accumulate: int = option(1, "batches a step", "training", least=1, most=10_000)
    learning_rate: float = option(1e-4, "of the encoder at the peak; 5e-5 or less for bert-base", "training",
                                  above=0, most=10)  # fmt: skip
    head_learning_rate: float = option(0.0, "of what is new", "training", shown="as the encoder's", least=0, most=10)
    layer_decay: float = option(1.0, "each layer learns slower than the one above it by this factor", "training",
                                above=0, most=1)  # fmt: skip
    freeze: int = option(0, "leave the embeddings and so many layers as they are; -1: the whole encoder", "training",
                         least=-1, most=10_000)  # fmt: skip
    dropout: float = option(0.1, "while training", "training", least=0, below=1)
    weight_decay: float = option(0.01, "of matrices", "training", least=0, most=100)
    warmup: float = option(0.1, "share of the steps over which the rate rises", "training", least=0, most=1)
    evaluations: int = option(4, "on the dev examples while training; the weights of the best one are kept", "training",
                              least=0, most=1_000_000)  # fmt: skip
    patience: int = option(0, "end after so many evaluations in a row that were not the best", "training",
                           shown="never", least=0, most=1_000_000)  # fmt: skip
    precision: str = option("auto", "of products of matrices: no (float32), bf16, fp16, or auto: what is fastest here",
                            "training", metavar="NAME", on_resume="filled in")  # fmt: skip
    seed: int = option(0, "of new weights, order and dropout", "training", least=0, most=MOST_SEED)
    class_weights: bool = option(False, "classify, tag: rare classes count as much as frequent ones", "for some tasks")
    label_on: str = option("first", "tag: the piece that carries the label of a word: first, last or all",
                           "for some tasks", metavar="PIECE")  # fmt: skip
    bi_encoder: bool = option(False, "reply: read what was said and each reply apart, and compare their vectors",
                              "for some tasks")  # fmt: skip
    stride: int = option(0, "read: how many tokens later the next window begins", "for some tasks",
                         shown="half a window", least=0, most=100_000)  # fmt: skip
    beams: int = option(1, "write: texts that are carried on at a time", "for some tasks", least=1, most=MOST_BEAMS,
                       on_resume="may change")  # fmt: skip
    length_penalty: float = option(1.0, "write: 0 prefers short texts, 1 takes the mean", "for some tasks",
                                   least=0, most=10, on_resume="may change")  # fmt: skip
    whole: bool = option(False, "write: leave out pairs of which something would be cut", "for some tasks")

    def __post_init__(self):
        check_plan(self)
        task = find_task(self.task)
        if (self.task in TASKS) != bool(self.train):
            raise ValueError(
                f"{self.task} needs a file to learn from: give train"
                if self.task in TASKS
                else f"{self.task} brings its own data: leave train out, or take {task.name}"
            )
        if 0 < self.length < SHORTEST_ROW:
            raise ValueError(f"length is {self.length}; a row needs at least {SHORTEST_ROW} tokens")
        if self.label_on not in ("first", "last", "all"):
            raise ValueError(f"label_on is {self.label_on!r}; it must be first, last or all")
        self._check_data_options(task)
        self._check_task_options(task)
        self._check_training_options(task)

    def _check_data_options(self, task: type[Task]) -> None:
        """Raise ValueError for options of a file where there is none."""
        for name in ("eval", "dev", "columns", "skip_bad_rows"):
            if getattr(self, name) and not self.train:
                raise ValueError(
                    f"{name} is for data of your own: {self.task} brings its own; take {task.name}, with train"
                )
        names = [name for name, _ in self.columns]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"columns names {twice[0]} twice: give one column for it")

    def _check_training_options(self, task: type[Task]) -> None:
        """Raise ValueError for options of the training that change nothing beside others."""
        if self.patience and not self.evaluations:
            raise ValueError("patience counts evaluations: there must be some")
        if self.dev and not self.evaluations and task.choose_options is Task.choose_options:
            raise ValueError("dev is what evaluations are made on: there must be some")
        if self.layer_decay != 1 and self.freeze == -1:
            raise ValueError("layer_decay is for the layers that learn: with freeze -1 there are none")
        if self.bi_encoder and self.batch_size < 2:
            raise ValueError("batch_size is 1: a bi-encoder learns to tell a reply from the others of its batch")
        if self.stride > (self.length or task.default_length):
            raise ValueError(f"stride is {self.stride}; a window has {self.length or task.default_length} tokens")
        make_finetuning_config(self, 1, "accuracy")  # raises for what the loop cannot do

    def _check_task_options(self, task: type[Task]) -> None:
        """Raise ValueError for an option that was set and that the task does not heed."""
        for one in fields(self):
            heeding = [other.name for other in TASKS.values() if one.name in other.options]
            if heeding and task.name not in heeding and getattr(self, one.name) != one.default:
                raise ValueError(f"{one.name} is for {' and '.join(heeding)}, not for {task.name}")


def make_finetuning_config(plan: FinetunePlan, steps: int, selection: str) -> TrainConfig:
    """The plan's part that the loop needs to know. `selection` is the number that the best weights are chosen by."""
    return TrainConfig(
        steps=steps,
        learning_rate=plan.learning_rate,
        warmup=plan.warmup,
        weight_decay=plan.weight_decay,
        accumulate=divide_batches(plan.accumulate, plan.batch_size),
        precision=plan.precision,
        seed=plan.seed,
        log_every=max(1, steps // 50),
        evaluate_every=max(1, steps // plan.evaluations) if plan.evaluations else 0,
        keep_best=selection if plan.evaluations else "",
        patience=plan.patience,
        checkpoint_seconds=60.0,  # a checkpoint holds the best weights too
    )
