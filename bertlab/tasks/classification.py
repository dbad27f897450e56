"""tasks.classification: TODO."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import nn

from .. import files
from ..batches import IGNORE
from ..heads import Classifier
from ..wordpiece import WordPiece, truncate_longest_first
from .base import PaddingCollate, run_model, sort_labels
from .tables import BadRows, get_text, parse_label, read_table


class LabelledText(NamedTuple):
    """A text, or a pair of texts, and its label."""

    text: str
    pair: str | None
    label: str


def read_labelled_texts(
    where: str | Path,
    text: str = "text",
    pair: str = "text_pair",
    label: str = "label",
    skip_bad_rows: bool = False,
    say: Callable[[str], None] = print,
) -> list[LabelledText]:
    """Labelled texts from a .csv, .tsv or .jsonl file with the columns `text`, `label` and perhaps `pair`, or from a
    folder that holds a folder of .txt files for each label.

    All of the file is read before anything is said. Raises BadRowsError for rows without a text or label (unless they
    are to be skipped), OSError for a file that is not there, ValueError for one that is not UTF-8.
    """
    where = Path(where)
    problems, found = BadRows(where), []
    if where.is_dir():
        for file in sorted(where.glob("*/*.txt")):
            try:
                found.append(LabelledText(get_text({"text": files.read_text(file)}, "text"), None, file.parent.name))
            except ValueError as error:
                problems.add(str(file.relative_to(where)), str(error))
    else:
        for line, row in read_table(where, problems):
            try:
                if label not in row:
                    raise ValueError(f"there is no {label!r}, only {', '.join(row)}")
                second = get_text(row, pair) if pair in row else None
                found.append(LabelledText(get_text(row, text), second, parse_label(row[label])))
            except ValueError as error:
                problems.add(line, str(error))
    problems.settle(len(found), skip_bad_rows, say)
    return found


class Classification:
    """A label for a text or a pair of texts."""

    kind, head, metric = "classify", Classifier, "accuracy"

    def __init__(self, pieces: WordPiece, labels: Sequence[str], length: int = 128):
        self.pieces, self.labels, self.length = pieces, list(labels), length
        self.collate = PaddingCollate(pieces.pad_id)
        self.cut = 0  # texts of the last `rows` that were too long

    @staticmethod
    def labels_of(examples: Sequence[LabelledText]) -> list[str]:
        """The classes of the training data. Raises ValueError when there are not two."""
        found = sort_labels({example.label for example in examples})
        if len(found) < 2:
            raise ValueError(f"all {len(examples)} texts have the label {found[0]!r}: there is nothing to tell apart")
        return found

    def rows(self, examples: Sequence[LabelledText]) -> list[dict]:
        """[CLS] text [SEP], or [CLS] text [SEP] pair [SEP], and the number of the label; -100 for one that is not
        known. The longer text of a pair is cut first."""
        first = self.pieces.encode_bulk([example.text for example in examples])
        second = self.pieces.encode_bulk([example.pair or "" for example in examples])
        number = {label: i for i, label in enumerate(self.labels)}
        cls, sep = self.pieces.cls_id, self.pieces.sep_id
        rows, self.cut = [], 0
        for example, a, b in zip(examples, first, second, strict=True):
            parts = [a] if example.pair is None else [a, b]
            room = self.length - 1 - len(parts)
            if sum(map(len, parts)) > room:
                parts, self.cut = truncate_longest_first(parts, room), self.cut + 1
            row = {"input_ids": [cls, *parts[0], sep], "labels": number.get(example.label, IGNORE)}
            if example.pair is not None:
                row["token_type_ids"] = [0] * len(row["input_ids"]) + [1] * (len(parts[1]) + 1)
                row["input_ids"] += [*parts[1], sep]
            rows.append(row)
        if any("token_type_ids" in row for row in rows):
            rows = [{"token_type_ids": [0] * len(row["input_ids"])} | row for row in rows]
        return rows

    def predict(self, model: nn.Module, examples: Sequence[LabelledText]) -> list[dict]:
        """For each text the `label`, its `probability`, and those of all labels."""
        rows = self.rows(examples)
        said: list[dict] = [{}] * len(rows)
        for chosen, output in run_model(model, rows, self.collate):
            for i, shares in zip(chosen, output.logits.float().softmax(-1).tolist(), strict=True):
                best = int(np.argmax(shares))
                said[i] = {"label": self.labels[best], "probability": shares[best],
                           "probabilities": dict(zip(self.labels, shares, strict=True))}  # fmt: skip
        return said

    def score(self, examples: Sequence[LabelledText], said: Sequence[dict]) -> dict[str, float]:
        """Accuracy, and F1 as the mean over the classes. A label that training did not have is never guessed right."""
        return score_classes([e.label for e in examples], [s["label"] for s in said])

    def judge(self, model: nn.Module, examples: Sequence[LabelledText]) -> dict[str, float]:
        """The score while training."""
        return self.score(examples, self.predict(model, examples))

    def baselines(self, train: Sequence[LabelledText], test: Sequence[LabelledText]) -> dict[str, dict[str, float]]:
        """The commonest label, and logistic regression over TF-IDF of words and pairs of words."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        right = [example.label for example in test]
        common = Counter(example.label for example in train).most_common(1)[0][0]
        joined = [[f"{e.text} {e.pair or ''}" for e in side] for side in (train, test)]
        words = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\b\w+\b"),
            LogisticRegression(C=10, max_iter=1000),
        )
        said = words.fit(joined[0], [example.label for example in train]).predict(joined[1])
        return {
            "most frequent label": score_classes(right, [common] * len(right)),
            "TF-IDF + logistic regression": score_classes(right, said.tolist()),
        }


def score_classes(right: Sequence[str], said: Sequence[str]) -> dict[str, float]:
    """Accuracy, and macro F1 over the classes that occur in either."""
    from sklearn.metrics import accuracy_score, f1_score

    f1 = f1_score(right, said, average="macro", zero_division=0.0)
    return {"accuracy": float(accuracy_score(right, said)), "macro_f1": float(f1)}
