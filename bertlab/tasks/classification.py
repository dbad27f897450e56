"""One label for a text, or for a pair of texts: sentiment, topic, entailment."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from .. import files
from ..batches import IGNORE
from .base import TextTask, compute_class_weights, list_sorted_labels
from .hub import choose_column, make_class_reader, number_rows
from .metrics import check_pairs_of_lists
from .report import draw_label_report
from .tables import BadRows, get_field, get_text_field, parse_label
from .words import WORD

MISSING = ("nan", "na", "<na>", "n/a", "#n/a", "none", "null")  # what programs write where there is no label


class LabelledText(NamedTuple):
    """A text, or a pair of texts, and its label."""

    text: str
    pair: str | None
    label: str


class Classification(TextTask):
    """A label for a text or a pair of texts."""

    name, metric, example = "classify", "accuracy", LabelledText
    problem_type = "single_label_classification"
    options = ("class_weights",)
    columns = ("text", "pair", "label")
    report_types: ClassVar[dict] = {"expected": str, "label": str, "probability": float}

    @classmethod
    def list_labels(cls, examples: Sequence[LabelledText]) -> list[str]:
        """The classes of the training data, in a fixed order. Raises ValueError when there are not two."""
        return list_sorted_labels([example.label for example in examples], f"all {len(examples)} texts have the label")

    @classmethod
    def derive_settings(cls, examples: Sequence[LabelledText]) -> dict:
        return {"labels": cls.list_labels(examples)}

    def prepare_model(self, model: nn.Module, examples: Sequence[LabelledText], plan) -> None:
        if plan.class_weights:
            model.class_weights = compute_class_weights(self.labels, [example.label for example in examples])

    @classmethod
    def read_file(cls, path: str | Path, **options) -> list[LabelledText]:
        return read_labelled_texts(path, **options)

    @classmethod
    def read_dataset(
        cls, dataset, name: str, columns: dict[str, str], skip_bad_rows: bool = False, say: Callable = print
    ) -> list[LabelledText]:
        text = choose_column(dataset, name, columns, "text", "text sentence sentence1 premise content")
        pair = choose_column(dataset, name, columns, "pair", "text_pair sentence2 hypothesis", needed=False)
        label = choose_column(dataset, name, columns, "label", "label labels")
        read_class, problems = make_class_reader(dataset.features[label]), BadRows(name)
        rows = list(number_rows(dataset, (text, pair, label)))
        labelled = [(location, row) for location, row in rows if row[label] != -1]
        if not labelled:
            raise ValueError(f"no row of {name} has a label: take another split, such as @validation")
        if len(labelled) < len(rows):
            problems.note(f"{len(rows) - len(labelled):,} of {len(rows):,} rows of {name} have no label (-1): left out")
        return cls.parse_rows(
            labelled,
            {"text": text, "pair": pair},
            lambda row: parse_label(read_class(row[label])),
            problems,
            skip_bad_rows,
            say,
        )

    @classmethod
    def get_labels(cls, example: LabelledText) -> Sequence[str]:
        return [example.label]

    def encode_answer(self, example: LabelledText) -> int:
        """The number of the label; -100 for one that is not known."""
        return self.labels.index(example.label) if example.label in self.labels else IGNORE

    def decode_logits(self, logits: Tensor) -> dict:
        """The `label`, its `probability`, and the `probabilities` of all labels."""
        shares = dict(zip(self.labels, logits.softmax(-1).tolist(), strict=True))
        best = max(shares, key=shares.get)
        return {"label": best, "probability": shares[best], "probabilities": shares}

    def score(self, examples: Sequence[LabelledText], predictions: Sequence[dict]) -> dict[str, float]:
        """Accuracy, and F1 as the mean over the classes. A label that training did not have is never predicted."""
        return score_classes([e.label for e in examples], [p["label"] for p in predictions])

    @classmethod
    def note_doubts(cls, examples: Sequence[LabelledText], problems: BadRows) -> None:
        """Note labels that programs write where there is none."""
        counts = Counter(example.label for example in examples)
        found = {label: count for label, count in counts.items() if label.lower() in MISSING}
        for label, count in found.items():
            advice = "if it means that there is none, leave these rows out"
            problems.note(f"{problems.path}: the label of {count:,} rows is {label!r}: {advice}")

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
        return draw_label_report(*([row[name] for row in rows] for name in ("expected", "label", "probability")), most)

    @classmethod
    def format_prediction(cls, prediction: dict) -> str:
        return f"{100 * prediction['probability']:5.1f}%  {prediction['label']}"


def read_labelled_texts(
    path: str | Path,
    text: str = "text",
    pair: str = "text_pair",
    label: str = "label",
    skip_bad_rows: bool = False,
    say: Callable[[str], None] = print,
) -> list[LabelledText]:
    """Labelled texts from a CSV, TSV or JSON file with the columns `text`, `label` and perhaps `pair`, or from a
    folder that holds a folder of .txt files for each label.

    The whole file is read before anything is reported. Raises BadRowsError for rows without a text or label (unless
    they are to be skipped), OSError for a file that is not there, ValueError for one that is not UTF-8.
    """
    path = Path(path)
    if not path.is_dir():
        columns = {"text": text, "pair": pair}
        return Classification.read_rows(
            path, columns, lambda row: parse_label(get_field(row, label)), skip_bad_rows, say
        )
    problems, examples = BadRows(path), []
    found = [file for file in sorted(path.glob("*/*")) if file.is_file() and not file.name.startswith(".")]
    texts = [file for file in found if file.suffix.lower() == ".txt"]
    deeper = sum(1 for file in path.glob("*/*/**/*.txt"))
    for count, what in ((len(found) - len(texts), "are not .txt"), (deeper, "are in folders within those of labels")):
        if count:
            problems.note(f"{path}: {count:,} files are left out, which {what}")
    for file in texts:
        try:
            content = get_text_field({"text": files.read_text(file)}, "text")
            examples.append(LabelledText(content, None, file.parent.name))
        except ValueError as error:
            problems.add(str(file.relative_to(path)), str(error))
    problems.raise_or_report(len(examples), skip_bad_rows, say)
    return examples


def score_classes(expected: Sequence[str], predicted: Sequence[str]) -> dict[str, float]:
    """Accuracy, and macro F1 over the classes that occur in either."""
    check_pairs_of_lists(expected, predicted)
    from sklearn.metrics import accuracy_score, f1_score

    f1 = f1_score(expected, predicted, average="macro", zero_division=0.0)
    return {"accuracy": float(accuracy_score(expected, predicted)), "macro_f1": float(f1)}


def make_tfidf_pipeline(estimator):
    """TF-IDF of words and pairs of words, then a scikit-learn estimator."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORD)
    return make_pipeline(vectorizer, estimator)
