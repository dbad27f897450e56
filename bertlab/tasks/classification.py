"""One label for a text, or for a pair of texts: sentiment, topic, entailment."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import nn

from .. import files, weights
from ..batches import IGNORE
from ..heads import Classifier
from ..wordpiece import WordPiece
from .base import Task, compute_class_weights, encode_texts, run_model, sort_labels
from .hub import choose_column, make_label_reader
from .report import draw_label_report
from .tables import BadRows, get_field, get_text_field, parse_label, read_table

# ---- Examples --------------------------------------------------------------------------------------------------------


class LabelledText(NamedTuple):
    """A text, or a pair of texts, and its label."""

    text: str
    pair: str | None
    label: str


def read_labelled_texts(
    path: str | Path,
    text: str = "text",
    pair: str = "text_pair",
    label: str = "label",
    skip_bad_rows: bool = False,
    say: Callable[[str], None] = print,
) -> list[LabelledText]:
    """Labelled texts from a .csv, .tsv or .jsonl file with the columns `text`, `label` and perhaps `pair`, or from a
    folder that holds a folder of .txt files for each label.

    The whole file is read before anything is reported. Raises BadRowsError for rows without a text or label (unless
    they are to be skipped), OSError for a file that is not there, ValueError for one that is not UTF-8.
    """
    path = Path(path)
    problems, examples = BadRows(path), []
    if path.is_dir():
        for file in sorted(path.glob("*/*.txt")):
            try:
                content = get_text_field({"text": files.read_text(file)}, "text")
                examples.append(LabelledText(content, None, file.parent.name))
            except ValueError as error:
                problems.add(str(file.relative_to(path)), str(error))
    else:
        for line, row in read_table(path, problems):
            try:
                second = get_text_field(row, pair) if pair in row else None
                examples.append(LabelledText(get_text_field(row, text), second, parse_label(get_field(row, label))))
            except ValueError as error:
                problems.add(line, str(error))
    problems.raise_or_report(len(examples), skip_bad_rows, say)
    return examples


# ---- The task --------------------------------------------------------------------------------------------------------


class Classification(Task):
    """A label for a text or a pair of texts."""

    name, head, metric = "classify", Classifier, "accuracy"
    options = ("class_weights",)
    columns = ("text", "pair", "label")

    def __init__(self, tokenizer: WordPiece, labels: Sequence[str], length: int = 128):
        super().__init__(tokenizer, length)
        self.labels = list(labels)

    @classmethod
    def list_labels(cls, examples: Sequence[LabelledText]) -> list[str]:
        """The classes of the training data, in a fixed order. Raises ValueError when there are not two."""
        labels = sort_labels({example.label for example in examples})
        if len(labels) < 2:
            raise ValueError(f"all {len(examples)} texts have the label {labels[0]!r}: there is nothing to tell apart")
        return labels

    @classmethod
    def derive_settings(cls, examples: Sequence[LabelledText]) -> dict:
        return {"labels": cls.list_labels(examples)}

    @classmethod
    def from_plan(cls, plan, tokenizer: WordPiece, settings: dict) -> "Classification":
        return cls(tokenizer, settings["labels"], plan.length or cls.default_length)

    @classmethod
    def from_model(cls, model: nn.Module, tokenizer: WordPiece) -> "Classification | None":
        if type(model) is not Classifier or model.problem_type != "single_label_classification":
            return None
        return cls(tokenizer, model.labels, min(512, model.config.max_position_embeddings))

    def load_model(self, folder: Path) -> nn.Module:
        return weights.load(folder, Classifier, num_labels=len(self.labels), new_heads=True)

    def prepare_model(self, model: nn.Module, examples: Sequence, plan) -> None:
        if plan.class_weights:
            observed = [label for example in examples for label in self.get_labels(example)]
            model.class_weights = compute_class_weights(self.labels, observed)

    read_file = staticmethod(read_labelled_texts)

    @classmethod
    def read_dataset(cls, dataset, name: str, columns: dict[str, str]) -> list[LabelledText]:
        text = choose_column(dataset, name, columns, "text sentence sentence1 premise content")
        pair = choose_column(dataset, name, columns, "text_pair sentence2 hypothesis", needed=False)
        label = choose_column(dataset, name, columns, "label labels")
        read_label = make_label_reader(dataset.features[label])
        examples = [
            LabelledText(row[text], row[pair] if pair else None, read_label(row[label]))
            for row in dataset
            if row[label] != -1
        ]
        if not examples:
            raise ValueError(f"no row of {name} has a label: take another split, such as {name.split()[0]}@validation")
        return examples

    @classmethod
    def parse_input(cls, given) -> LabelledText:
        return LabelledText(given, None, "") if isinstance(given, str) else LabelledText(*given, "")

    @classmethod
    def get_text(cls, example: LabelledText) -> str:
        return example.text + (example.pair or "")

    @classmethod
    def get_answer(cls, example: LabelledText) -> str:
        return example.label

    @classmethod
    def get_labels(cls, example: LabelledText) -> Sequence[str]:
        return [example.label]

    def make_rows(self, examples: Sequence[LabelledText]) -> list[dict]:
        """[CLS] text [SEP], or [CLS] text [SEP] pair [SEP], and the number of the label; -100 for one that is not
        known. The longer text of a pair is cut first."""
        texts, pairs = [example.text for example in examples], [example.pair for example in examples]
        rows, self.truncated = encode_texts(self.tokenizer, texts, pairs, self.length)
        number = {label: i for i, label in enumerate(self.labels)}
        return [
            row | {"labels": number.get(example.label, IGNORE)} for row, example in zip(rows, examples, strict=True)
        ]

    def predict(self, model: nn.Module, examples: Sequence[LabelledText]) -> list[dict]:
        """For each text the `label`, its `probability`, and the `probabilities` of all labels."""
        rows = self.make_rows(examples)
        predictions: list[dict] = [{}] * len(rows)
        for chosen, output in run_model(model, rows, self.collate):
            for i, shares in zip(chosen, output.logits.float().softmax(-1).tolist(), strict=True):
                best = int(np.argmax(shares))
                predictions[i] = {"label": self.labels[best], "probability": shares[best],
                                  "probabilities": dict(zip(self.labels, shares, strict=True))}  # fmt: skip
        return predictions

    def score(self, examples: Sequence[LabelledText], predictions: Sequence[dict]) -> dict[str, float]:
        """Accuracy, and F1 as the mean over the classes. A label that training did not have is never predicted."""
        return score_classes([e.label for e in examples], [p["label"] for p in predictions])

    def score_baselines(
        self, train: Sequence[LabelledText], test: Sequence[LabelledText]
    ) -> dict[str, dict[str, float]]:
        """The most frequent label, and logistic regression over TF-IDF of words and pairs of words."""
        from sklearn.linear_model import LogisticRegression

        expected = [example.label for example in test]
        frequent = Counter(example.label for example in train).most_common(1)[0][0]
        model = make_tfidf_pipeline(LogisticRegression(C=10, max_iter=1000))
        model.fit([f"{e.text} {e.pair or ''}" for e in train], [example.label for example in train])
        predicted = model.predict([f"{e.text} {e.pair or ''}" for e in test])
        return {
            "most frequent label": score_classes(expected, [frequent] * len(expected)),
            "TF-IDF + logistic regression": score_classes(expected, predicted.tolist()),
        }

    @classmethod
    def draw_report(cls, rows: Sequence[dict], most: int = 12):
        expected, predicted, confidence = ([row[name] for row in rows] for name in ("expected", "label", "probability"))
        return draw_label_report(expected, predicted, confidence, most)

    @classmethod
    def format_prediction(cls, prediction: dict) -> str:
        return f"{100 * prediction['probability']:5.1f}%  {prediction['label']}"


def score_classes(expected: Sequence[str], predicted: Sequence[str]) -> dict[str, float]:
    """Accuracy, and macro F1 over the classes that occur in either."""
    from sklearn.metrics import accuracy_score, f1_score

    f1 = f1_score(expected, predicted, average="macro", zero_division=0.0)
    return {"accuracy": float(accuracy_score(expected, predicted)), "macro_f1": float(f1)}


def make_tfidf_pipeline(estimator):
    """TF-IDF of words and pairs of words, then a scikit-learn estimator."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\b\w+\b")
    return make_pipeline(vectorizer, estimator)
