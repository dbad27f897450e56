"""What all tasks share: `Task`, `TextTask`, and the split into three sides.

Dimension letters: C classes.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from .. import weights
from ..arguments import check_argument, check_function, check_kind, check_list, check_number
from ..corpus import hash_to_fraction
from ..heads import Classifier
from ..wordpiece import WordPiece
from .examples import check_fields
from .rows import PaddingCollate, encode_texts, run_model
from .tables import BadRows, get_text_field, parse_rows, read_table, split_input

# ---- Examples --------------------------------------------------------------------------------------------------------


class Split(NamedTuple):
    """Examples to train on, to choose weights by, and to be judged by at the end."""

    train: list
    dev: list
    test: list


def split_examples(examples: Sequence, key: Callable[[Any], str]) -> Split:
    """Eight tenths, one tenth, one tenth. The side of an example is a hash of its key in lower case: it never changes,
    and two examples with the same key are always on the same side."""
    check_function(key, "key", "a function that gives the text of an example")
    examples = check_list(examples, "examples", "examples")
    sides: dict[str, list] = {"train": [], "dev": [], "test": []}
    for example in examples:
        fraction = hash_to_fraction(" ".join(key(example).lower().split()))
        sides["test" if fraction < 0.1 else "dev" if fraction < 0.2 else "train"].append(example)
    return Split(**sides)


def sort_labels(labels: set[str]) -> list[str]:
    """Labels in a fixed order: numbers by size, words by letter, "O" first."""
    if all(re.fullmatch(r"-?\d+", label) for label in labels):
        return sorted(labels, key=int)
    return sorted(labels, key=lambda label: (label != "O", label))


def compute_class_weights(labels: Sequence[str], observed: Sequence[str]) -> Tensor:
    """(C,) a weight for each of the `labels` such that all classes count alike: N / (C * count), by the N
    `observed`."""
    counts = Counter(observed)
    return torch.tensor([counts.total() / (len(labels) * max(1, counts[label])) for label in labels])


# ---- Task ------------------------------------------------------------------------------------------------------------


class Task:
    """What `finetune`, `predict`, the report and the command line ask of a task.

    A task is a subclass in a file of its own, and one line in `named.TASKS`. It says what an example is, how files
    become examples and examples become rows, how a model's output becomes predictions, and how these are scored. The
    methods that raise NotImplementedError must be written; the others have an answer that suits most tasks.
    """

    name: ClassVar[str]  # on the command line: classify, tag, ...
    head: ClassVar[type[nn.Module]]
    metric: str  # the score that chooses the best weights, and that results are compared by
    units: ClassVar[dict[str, str]] = {}  # of scores that are no share from 0 to 1: "points" or "number"
    selection: str = ""  # what chooses the best weights, where that is not the metric: a name that `validate` gives
    default_length: ClassVar[int] = 128  # tokens of a row
    default_epochs: ClassVar[float] = 2.0
    options: ClassVar[tuple[str, ...]] = ()  # the fields of `FinetunePlan` that this task heeds and others do not
    predict_options: ClassVar[tuple[str, ...]] = ()  # what its `predict` takes beside the model and the examples
    columns: ClassVar[tuple[str, ...]] = ()  # what --columns can name for its files
    hub_columns: ClassVar[tuple[str, ...]] = ()  # and for data sets of the hub, where those differ
    input_columns: ClassVar[dict[str, str]] = {}  # what `predict` reads of a table, and how these columns are called
    file_columns: ClassVar[dict[str, str]] = {}  # how the columns of the training file were called
    example: ClassVar[type | None] = None  # the type of its examples
    setting_types: ClassVar[dict[str, Any]] = {}  # what `derive_settings` gives, and its types
    choice_types: ClassVar[dict[str, Any]] = {}  # the same of `choose_options`
    report_types: ClassVar[dict[str, Any]] = {}  # what `draw_report` needs of a row
    texts_recur: ClassVar[bool] = False  # whether one text belongs to several examples by its nature
    labels: Sequence[str] = ()

    def __init__(self, tokenizer: WordPiece, length: int):
        check_kind(tokenizer, WordPiece, "tokenizer")
        length = check_number(length, "length", least=4, whole=True)
        self.tokenizer, self.length = tokenizer, length
        self.collate: Callable = PaddingCollate(tokenizer.pad_id)
        self.truncated = 0  # examples of the last `make_rows` of which something was cut
        self.windowed = 0  # those that were read in several rows

    # Making a task

    @classmethod
    def derive_settings(cls, examples: Sequence) -> dict:
        """What a task takes from its training examples, in plain values: it is kept in the run's `run.json`."""
        return {}

    @classmethod
    def from_plan(cls, plan, tokenizer: WordPiece, settings: dict) -> "Task":
        """The task of a `FinetunePlan`, with the `settings` that `derive_settings` gave."""
        return cls(tokenizer, plan.length or cls.default_length)

    @classmethod
    def from_model(cls, model: nn.Module, tokenizer: WordPiece) -> "Task | None":
        """The task of a model that transformers saved, or None when the model is not one for this task."""
        return None

    def load_model(self, folder: Path) -> nn.Module:
        """The head of the task on the encoder in `folder`; what the file lacks starts from random weights."""
        return weights.load(folder, self.head, new_heads=True)

    def prepare_model(self, model: nn.Module, examples: Sequence, plan) -> None:
        """Change what a new model starts from, by the training examples and the plan."""

    # Examples

    @classmethod
    def read_file(cls, path: str | Path, skip_bad_rows: bool = False, say: Callable = print, **columns: str) -> list:
        """Examples from a file or folder. Raises BadRowsError, OSError, ValueError."""
        raise NotImplementedError

    @classmethod
    def read_dataset(
        cls, dataset, name: str, columns: dict[str, str], skip_bad_rows: bool = False, say: Callable = print
    ) -> list:
        """Examples from a data set of the hub. Raises ValueError for columns that are not there, BadRowsError."""
        raise NotImplementedError

    @classmethod
    def check_example(cls, example, name: str) -> None:
        """Raise ValueError, with the `name` of the example, for one that a Python caller built wrongly."""
        if cls.example is not None:
            check_fields(example, cls.example, name)

    # What `predict` is given

    @classmethod
    def parse_input(cls, given) -> Any:
        """An example without an answer, from what `predict` was given. Raises ValueError."""
        raise NotImplementedError

    @classmethod
    def expand_row(cls, row: dict) -> list[dict]:
        """The rows of a table that stand for one input each, where a row may hold several. Raises ValueError."""
        return [row]

    @classmethod
    def parse_row(cls, row: dict, names: dict[str, str]) -> Any:
        """The input in a row of a table: `names` are the columns of `input_columns` there. Raises ValueError."""
        raise ValueError(f"a model of {cls.name} does not read tables: give a .txt file, a text a line")

    def read_annotated_file(
        self, path: Path, columns: dict[str, str], problems: BadRows, skip_bad_rows: bool, say: Callable
    ) -> list[tuple] | None:
        """(input, its columns) of each input in a file of a kind that only this task has; None for another file."""
        return None

    @classmethod
    def get_text(cls, example) -> str:
        """The words by which an example is recognised, on whatever side it is."""
        raise NotImplementedError

    @classmethod
    def get_answer(cls, example) -> Any:
        """What a model should say of an example, in plain values."""
        raise NotImplementedError

    @classmethod
    def get_labels(cls, example) -> Sequence[str]:
        """The labels in an example; none where a task has no labels."""
        return ()

    # Rows, predictions, scores

    def make_rows(self, examples: Sequence) -> list[dict]:
        """What batches are made of. It also counts what was lost, for `describe_losses`."""
        raise NotImplementedError

    def describe_losses(self, count: int) -> list[str]:
        """What the last `make_rows` of `count` examples truncated, or read in parts, a sentence each."""
        kinds = {"truncated": self.truncated, "read in parts": self.windowed}
        return [f"{number:,} of {count:,} examples are {what}: more than {self.length} tokens (--length)"
                for what, number in kinds.items() if number]  # fmt: skip

    def keep_whole(self, examples: Sequence) -> list:
        """The examples of which nothing would be truncated."""
        raise NotImplementedError

    def predict(self, model: nn.Module, examples: Sequence, **options) -> list[dict]:
        """The model's prediction for each example, as a dict of plain values."""
        raise NotImplementedError

    def predict_inputs(self, model: nn.Module, inputs: Sequence, **options) -> list[dict]:
        """The same for what a user gives: texts, pairs of texts, lists of words."""
        return self.predict(model, self.parse_inputs(inputs), **options)

    def parse_inputs(self, inputs: Sequence) -> list:
        """`parse_input` of each. Raises ValueError with the number of the first one that the task cannot read."""
        examples = []
        for number, given in enumerate(inputs, 1):
            try:
                examples.append(self.parse_input(given))
            except ValueError as error:
                raise ValueError(f"input {number}: {error}") from None
        return examples

    def score(self, examples: Sequence, predictions: Sequence[dict]) -> dict[str, float]:
        """The scores of predictions, by name."""
        raise NotImplementedError

    def validate(self, model: nn.Module, examples: Sequence) -> dict[str, float]:
        """What is measured while training."""
        return self.score(examples, self.predict(model, examples))

    def choose_options(self, model: nn.Module, examples: Sequence) -> dict:
        """Options of `predict` that the development examples decide, such as a threshold."""
        return {}

    def score_baselines(self, train: Sequence, test: Sequence) -> dict[str, dict[str, float]]:
        """The scores of simple methods without a model, by name."""
        raise NotImplementedError

    # Reports

    @classmethod
    def get_unit(cls, score: str) -> str:
        """ "%" for a share from 0 to 1, "points" for 0 to 100, "number" for anything else."""
        return cls.units.get(score, "%")

    @classmethod
    def check_report(cls) -> None:
        """Raise ValueError when there is nothing to draw of this task's predictions."""

    @classmethod
    def draw_report(cls, rows: Sequence[dict], most: int = 12):
        """A matplotlib figure of the predictions in `test.jsonl`: rows with the `expected` answer and the
        prediction."""
        raise NotImplementedError

    @classmethod
    def format_prediction(cls, prediction: dict) -> str:
        """A prediction on a line of the terminal."""
        raise NotImplementedError


class TextTask(Task):
    """A task of `Classifier`: something about a text or a pair of texts. The examples have a `text` and a `pair`.

    A subclass names its `example` type, whose third field is the answer, and the `problem_type` of config.json.
    """

    head = Classifier
    problem_type: ClassVar[str]
    setting_types: ClassVar[dict[str, Any]] = {"labels": list[str]}
    no_answer: ClassVar[Any] = ""  # stands for the answer where there is none yet
    input_columns: ClassVar[dict[str, str]] = {"text": "text", "pair": "text_pair"}

    def __init__(self, tokenizer: WordPiece, labels: Sequence[str], length: int = 128):
        super().__init__(tokenizer, length)
        check_argument(check_list(labels, "labels", "texts"), [str], "labels")
        self.labels = list(labels)

    @classmethod
    def from_plan(cls, plan, tokenizer: WordPiece, settings: dict) -> "TextTask":
        return cls(tokenizer, settings["labels"], plan.length or cls.default_length)

    @classmethod
    def from_model(cls, model: nn.Module, tokenizer: WordPiece) -> "TextTask | None":
        if type(model) is not Classifier or model.problem_type != cls.problem_type:
            return None
        return cls(tokenizer, model.labels, min(512, model.config.max_position_embeddings))

    def load_model(self, folder: Path) -> nn.Module:
        count = max(1, len(self.labels))
        return weights.load(folder, Classifier, num_labels=count, new_heads=True, problem_type=self.problem_type)

    @classmethod
    def parse_input(cls, given) -> Any:
        fields = split_input(given, 1, 2, "a text is needed, or two separated by a tab")
        return cls.example(fields[0], fields[1] if len(fields) == 2 else None, cls.no_answer)

    @classmethod
    def parse_row(cls, row: dict, names: dict[str, str]) -> str | tuple[str, str]:
        text = get_text_field(row, names["text"])
        return (text, get_text_field(row, names["pair"])) if names["pair"] in row else text

    @classmethod
    def get_text(cls, example) -> str:
        return example.text + (example.pair or "")

    @classmethod
    def get_answer(cls, example) -> Any:
        return example[2]

    def make_rows(self, examples: Sequence, windows: bool = False) -> list[dict]:
        """[CLS] text [SEP], or [CLS] text [SEP] pair [SEP], the longer text cut first, and `labels`: `encode_answer` of
        each example. With `windows`, what is too long is in several rows instead (see `encode_texts`)."""
        for number, example in enumerate(check_list(examples, "examples", "examples")):
            check_fields(example, self.example, f"examples[{number}]")  # the answer is not known when predicting
        texts, pairs = [example.text for example in examples], [example.pair for example in examples]
        rows, self.truncated = encode_texts(self.tokenizer, texts, pairs, self.length, windows)
        self.windowed = sum(count > 1 for count in Counter(row["number"] for row in rows).values())
        answers = [self.encode_answer(example) for example in examples]
        return [row | {"labels": answers[row["number"]]} for row in rows]

    def encode_answer(self, example) -> Any:
        """The answer of an example as `labels` of a row."""
        raise NotImplementedError

    def predict(self, model: nn.Module, examples: Sequence, **options) -> list[dict]:
        """For each text what `decode_logits` makes of its logits (C,): the mean of those of its windows, where it is
        longer than a row."""
        check_kind(model, nn.Module, "model")
        rows = self.make_rows(examples, windows=True)
        found: list[list[Tensor]] = [[] for _ in examples]
        for chosen, output in run_model(model, rows, self.collate):
            for i, logits in zip(chosen, output.logits.float(), strict=True):
                found[rows[i]["number"]].append(logits)
        return [self.decode_logits(torch.stack(logits).mean(0), **options) for logits in found]

    def decode_logits(self, logits: Tensor, **options) -> dict:
        """A prediction from the logits (C,) of one text."""
        raise NotImplementedError

    @classmethod
    def read_rows(cls, path: str | Path, columns: dict[str, str], parse: Callable, skip_bad_rows: bool, say: Callable):
        """Examples from the rows of a CSV, TSV or JSON file; `parse(row)` gives the answer of a row, or raises
        ValueError. `columns` names the columns text and pair."""
        problems = BadRows(path)
        rows = read_table(Path(path), problems)
        return cls.parse_rows(rows, columns, parse, problems, skip_bad_rows, say)

    @classmethod
    def note_doubts(cls, examples: Sequence, problems: BadRows) -> None:
        """Note what examples hold that may not be meant so, though they can be used."""

    @classmethod
    def parse_rows(
        cls, rows: Iterable, columns: dict[str, str], parse: Callable, problems: BadRows, skip: bool, say: Callable
    ) -> list:
        """The same from (line, row) pairs of a file or a data set, whose faults go to `problems`."""

        def parse_row(row: dict):
            pair = get_text_field(row, columns["pair"]) if columns["pair"] in row else None
            return cls.example(get_text_field(row, columns["text"]), pair, parse(row))

        examples = [example for _, example in parse_rows(rows, parse_row, problems)]
        cls.note_doubts(examples, problems)
        problems.raise_or_report(len(examples), skip, say)
        return examples


def list_sorted_labels(observed: Sequence[str], what: str) -> list[str]:
    """The different labels of the training data, in a fixed order. Raises ValueError when there are not two."""
    labels = sort_labels(set(observed))
    if len(labels) < 2:
        raise ValueError(f"{what} {labels[0]!r}: there is nothing to tell apart")
    return labels
