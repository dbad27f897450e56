"""Any number of labels for a text: subjects, kinds of toxic comment. A sigmoid for each label (BCE loss)."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from .. import weights
from ..heads import Classifier
from ..wordpiece import WordPiece
from .base import Task, encode_texts, run_model, sort_labels
from .classification import make_tfidf_pipeline
from .hub import choose_column, make_label_reader
from .metrics import score_multilabel
from .report import draw_calibration_report
from .tables import BadRows, get_text_field, parse_label, read_table

SEPARATOR = "|"  # between the labels of a row in a CSV or TSV file
PROBLEM = "multi_label_classification"  # as config.json has it

# ---- Examples --------------------------------------------------------------------------------------------------------


class MultiLabelText(NamedTuple):
    """A text, or a pair of texts, and its labels; there may be none."""

    text: str
    pair: str | None
    labels: tuple[str, ...]


def read_multilabel_texts(
    path: str | Path,
    text: str = "text",
    pair: str = "text_pair",
    labels: str = "labels",
    skip_bad_rows: bool = False,
    say: Callable[[str], None] = print,
) -> list[MultiLabelText]:
    """Texts with any number of labels from a .csv, .tsv or .jsonl file.

    The column `labels` holds a list in JSON lines, and labels separated by "|" in CSV and TSV; an empty one is a text
    without a label. A file without that column may have a column of 0 and 1 for each label instead; columns that hold
    anything else are then an error. Errors as for `read_labelled_texts`.
    """
    problems, examples = BadRows(path), []
    for line, row in read_table(Path(path), problems):
        try:
            found = split_labels(row[labels]) if labels in row else read_indicators(row, {text, pair, "id"})
            second = get_text_field(row, pair) if pair in row else None
            examples.append(MultiLabelText(get_text_field(row, text), second, found))
        except ValueError as error:
            problems.add(line, str(error))
    problems.raise_or_report(len(examples), skip_bad_rows, say)
    return examples


def split_labels(value) -> tuple[str, ...]:
    """The labels in a cell: a list, or words separated by "|". Raises ValueError for a label that is empty."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return ()
    return tuple(dict.fromkeys(parse_label(one) for one in (value if isinstance(value, list) else split_cell(value))))


def split_cell(value) -> list:
    return value.split(SEPARATOR) if isinstance(value, str) else [value]


def read_indicators(row: dict, other: set[str]) -> tuple[str, ...]:
    """The names of the columns that are 1, of a row with a column of 0 and 1 for each label. Raises ValueError."""
    columns = {name: str(value).strip() for name, value in row.items() if name not in other}
    wrong = {name: value for name, value in columns.items() if value not in ("0", "1", "False", "True")}
    if wrong or len(columns) < 2:
        name = next(iter(wrong), "")
        seen = f"; {name!r} is {wrong[name]!r}" if wrong else ""
        raise ValueError(f"there is no column 'labels', and no columns of 0 and 1 in its place{seen}")
    return tuple(name for name, value in columns.items() if value in ("1", "True"))


# ---- The task --------------------------------------------------------------------------------------------------------


class MultiLabel(Task):
    """Any number of labels for a text or a pair of texts."""

    name, head, metric = "multilabel", Classifier, "micro_f1"
    columns = ("text", "pair", "labels")

    def __init__(self, tokenizer: WordPiece, labels: Sequence[str], length: int = 128):
        super().__init__(tokenizer, length)
        self.labels = list(labels)
        self.pad_rows, self.collate = self.collate, self.stack_labels

    @classmethod
    def list_labels(cls, examples: Sequence[MultiLabelText]) -> list[str]:
        """The labels of the training data, in a fixed order. Raises ValueError where nothing can be learned."""
        labels = sort_labels({label for example in examples for label in example.labels})
        if not labels:
            raise ValueError(f"none of {len(examples)} texts has a label: there is nothing to learn")
        if all(len(example.labels) == len(labels) for example in examples):
            raise ValueError(f"all {len(examples)} texts have the same labels: there is nothing to tell apart")
        return labels

    @classmethod
    def derive_settings(cls, examples: Sequence[MultiLabelText]) -> dict:
        return {"labels": cls.list_labels(examples)}

    @classmethod
    def from_plan(cls, plan, tokenizer: WordPiece, settings: dict) -> "MultiLabel":
        return cls(tokenizer, settings["labels"], plan.length or cls.default_length)

    @classmethod
    def from_model(cls, model: nn.Module, tokenizer: WordPiece) -> "MultiLabel | None":
        if type(model) is not Classifier or model.problem_type != PROBLEM:
            return None
        return cls(tokenizer, model.labels, min(512, model.config.max_position_embeddings))

    def load_model(self, folder: Path) -> nn.Module:
        return weights.load(folder, Classifier, num_labels=len(self.labels), new_heads=True, problem_type=PROBLEM)

    read_file = staticmethod(read_multilabel_texts)

    @classmethod
    def read_dataset(cls, dataset, name: str, columns: dict[str, str]) -> list[MultiLabelText]:
        text = choose_column(dataset, name, columns, "text sentence content comment_text")
        labels = choose_column(dataset, name, columns, "labels label tags")
        read_label = make_label_reader(dataset.features[labels])
        return [MultiLabelText(row[text], None, tuple(map(read_label, row[labels]))) for row in dataset]

    @classmethod
    def parse_input(cls, given) -> MultiLabelText:
        return MultiLabelText(given, None, ()) if isinstance(given, str) else MultiLabelText(*given, ())

    @classmethod
    def get_text(cls, example: MultiLabelText) -> str:
        return example.text + (example.pair or "")

    @classmethod
    def get_answer(cls, example: MultiLabelText) -> list[str]:
        return list(example.labels)

    @classmethod
    def get_labels(cls, example: MultiLabelText) -> Sequence[str]:
        return example.labels

    def make_rows(self, examples: Sequence[MultiLabelText]) -> list[dict]:
        """[CLS] text [SEP] and perhaps pair [SEP]; `labels` (C,) are 1.0 for each label of the text, else 0.0."""
        texts, pairs = [example.text for example in examples], [example.pair for example in examples]
        rows, self.truncated = encode_texts(self.tokenizer, texts, pairs, self.length)
        return [
            row | {"labels": [float(label in example.labels) for label in self.labels]}
            for row, example in zip(rows, examples, strict=True)
        ]

    def stack_labels(self, rows: Sequence[dict], rng: np.random.Generator | None = None) -> dict[str, Tensor]:
        """The collate of this task: as `PaddingCollate`, with `labels` (B, C) as float32."""
        batch = self.pad_rows([{k: v for k, v in row.items() if k != "labels"} for row in rows])
        return batch | ({"labels": torch.tensor([row["labels"] for row in rows])} if "labels" in rows[0] else {})

    def predict(self, model: nn.Module, examples: Sequence[MultiLabelText], threshold: float = 0.5) -> list[dict]:
        """For each text its `labels`, those whose probability is `threshold` or more, and all `probabilities`."""
        rows = self.make_rows(examples)
        predictions: list[dict] = [{}] * len(rows)
        for chosen, output in run_model(model, rows, self.collate):
            for i, shares in zip(chosen, output.logits.float().sigmoid().tolist(), strict=True):
                probabilities = dict(zip(self.labels, shares, strict=True))
                labels = [label for label, share in probabilities.items() if share >= threshold]
                predictions[i] = {"labels": labels, "probabilities": probabilities}
        return predictions

    def score(self, examples: Sequence[MultiLabelText], predictions: Sequence[dict]) -> dict[str, float]:
        """Micro and macro F1 over the labels, and the share of texts with exactly the right ones."""
        return self._score_sets(examples, [prediction["labels"] for prediction in predictions])

    def _score_sets(self, examples: Sequence[MultiLabelText], predicted: Sequence) -> dict[str, float]:
        expected = [set(example.labels) for example in examples]
        labels = sort_labels({*self.labels, *(label for one in expected for label in one)})
        return score_multilabel(expected, [set(one) for one in predicted], labels)

    def choose_options(self, model: nn.Module, examples: Sequence[MultiLabelText]) -> dict:
        """The `threshold` from 0.05 to 0.95 with the best micro F1, the one nearest to 0.5 among equals."""
        probabilities = [prediction["probabilities"] for prediction in self.predict(model, examples)]

        def rank_threshold(threshold: float) -> tuple[float, float]:
            chosen = [{label for label, p in one.items() if p >= threshold} for one in probabilities]
            return self._score_sets(examples, chosen)["micro_f1"], -abs(threshold - 0.5)

        return {"threshold": max((step / 20 for step in range(1, 20)), key=rank_threshold)}

    def score_baselines(
        self, train: Sequence[MultiLabelText], test: Sequence[MultiLabelText]
    ) -> dict[str, dict[str, float]]:
        """The most frequent set of labels, and a logistic regression for each label over TF-IDF."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.multiclass import OneVsRestClassifier

        frequent = Counter(tuple(sorted(example.labels)) for example in train).most_common(1)[0][0]
        targets = np.array([[label in example.labels for label in self.labels] for example in train], int)
        usable = [column for column in range(len(self.labels)) if 0 < targets[:, column].sum() < len(train)]
        model = make_tfidf_pipeline(OneVsRestClassifier(LogisticRegression(C=10, max_iter=1000)))
        model.fit([self.get_text(example) for example in train], targets[:, usable])
        hits = model.predict([self.get_text(example) for example in test]).reshape(len(test), -1)
        always = {self.labels[c] for c in range(len(self.labels)) if targets[:, c].all()}
        predicted = [always | {self.labels[c] for c, hit in zip(usable, row, strict=True) if hit} for row in hits]
        return {
            "most frequent labels": self._score_sets(test, [frequent] * len(test)),
            "TF-IDF + logistic regression": self._score_sets(test, predicted),
        }

    @classmethod
    def draw_report(cls, rows: Sequence[dict], most: int = 12):
        pairs = [(share, label in row["expected"]) for row in rows for label, share in row["probabilities"].items()]
        return draw_calibration_report(*zip(*pairs, strict=True))

    @classmethod
    def format_prediction(cls, prediction: dict) -> str:
        shares = prediction["probabilities"]
        return ", ".join(f"{label} {100 * shares[label]:.1f}%" for label in prediction["labels"]) or "(no label)"
