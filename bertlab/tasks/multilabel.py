"""Any number of labels for a text: subjects, kinds of toxic comment. A sigmoid for each label (BCE loss)."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..wordpiece import WordPiece
from .base import TextTask, sort_labels
from .classification import make_tfidf_pipeline
from .hub import choose_column, make_class_reader, number_rows
from .metrics import score_multilabel
from .report import draw_calibration_report
from .tables import BadRows, parse_label, parse_list


class MultiLabelText(NamedTuple):
    """A text, or a pair of texts, and its labels; there may be none."""

    text: str
    pair: str | None
    labels: tuple[str, ...]


class MultiLabel(TextTask):
    """Any number of labels for a text or a pair of texts."""

    name, metric, example, no_answer = "multilabel", "micro_f1", MultiLabelText, ()
    problem_type = "multi_label_classification"
    columns = ("text", "pair", "labels")
    choice_types: ClassVar[dict] = {"threshold": float}
    report_types: ClassVar[dict] = {"expected": list[str], "probabilities": dict[str, float]}
    predict_options = ("threshold",)

    def __init__(self, tokenizer: WordPiece, labels: Sequence[str], length: int = 128):
        super().__init__(tokenizer, labels, length)
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
    def read_file(cls, path: str | Path, **options) -> list[MultiLabelText]:
        return read_multilabel_texts(path, **options)

    @classmethod
    def read_dataset(
        cls, dataset, name: str, columns: dict[str, str], skip_bad_rows: bool = False, say: Callable = print
    ) -> list[MultiLabelText]:
        text = choose_column(dataset, name, columns, "text", "text sentence content comment_text")
        pair = choose_column(dataset, name, columns, "pair", "text_pair", needed=False)
        labels = choose_column(dataset, name, columns, "labels", "labels label tags")
        read_classes = make_class_reader(dataset.features[labels])
        return cls.parse_rows(
            number_rows(dataset, (text, pair, labels)),
            {"text": text, "pair": pair},
            lambda row: split_labels(read_classes(row[labels])),
            BadRows(name),
            skip_bad_rows,
            say,
        )

    @classmethod
    def get_labels(cls, example: MultiLabelText) -> Sequence[str]:
        return example.labels

    def encode_answer(self, example: MultiLabelText) -> list[float]:
        """(C,) 1.0 for each label of the text, else 0.0."""
        return [float(label in example.labels) for label in self.labels]

    def stack_labels(self, rows: Sequence[dict], rng: np.random.Generator | None = None) -> dict[str, Tensor]:
        """The collate of this task: as `PaddingCollate`, with `labels` (B, C) as float32."""
        batch = self.pad_rows([{k: v for k, v in row.items() if k != "labels"} for row in rows])
        return batch | ({"labels": torch.tensor([row["labels"] for row in rows])} if "labels" in rows[0] else {})

    def decode_logits(self, logits: Tensor, threshold: float = 0.5) -> dict:
        """The `labels` whose probability is `threshold` or more, and the `probabilities` of all."""
        shares = dict(zip(self.labels, logits.sigmoid().tolist(), strict=True))
        return {"labels": [label for label, p in shares.items() if p >= threshold], "probabilities": shares}

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


def read_multilabel_texts(
    path: str | Path,
    text: str = "text",
    pair: str = "text_pair",
    labels: str = "labels",
    skip_bad_rows: bool = False,
    say: Callable[[str], None] = print,
) -> list[MultiLabelText]:
    """Texts with any number of labels from a CSV, TSV or JSON file.

    The column `labels` holds a list in JSON; in CSV and TSV labels separated by "|", or a list as JSON or Python write
    it. An empty one is a text without a label. A file without that column may have a column of 0 and 1 for each label
    instead; columns that hold anything else are then an error. Errors as for `read_labelled_texts`.
    """

    def parse_labels(row: dict) -> tuple[str, ...]:
        return split_labels(row[labels]) if labels in row else read_indicators(row, {text, pair, "id", ""})

    return MultiLabel.read_rows(path, {"text": text, "pair": pair}, parse_labels, skip_bad_rows, say)


def split_labels(value) -> tuple[str, ...]:
    """The labels in a cell: a list, or words separated by "|". Raises ValueError for a label that is empty."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return ()
    if isinstance(value, str) and value.strip().startswith("["):
        value = parse_list(value, "labels")
    parts = value if isinstance(value, list) else value.split("|") if isinstance(value, str) else [value]
    return tuple(dict.fromkeys(map(parse_label, parts)))


def read_indicators(row: dict, other: set[str]) -> tuple[str, ...]:
    """The names of the columns that are 1, of a row with a column of 0 and 1 for each label. Raises ValueError."""
    columns = {name: str(value).strip() for name, value in row.items() if name not in other}
    on, off = ("1", "1.0", "true"), ("0", "0.0", "false")
    wrong = {name: value for name, value in columns.items() if value.lower() not in (*on, *off)}
    if wrong or len(columns) < 2:
        name = next(iter(wrong), "")
        seen = f"; {name!r} is {wrong[name]!r}" if wrong else ""
        raise ValueError(f"there is no column 'labels', and no columns of 0 and 1 in its place{seen}")
    return tuple(name for name, value in columns.items() if value.lower() in on)
