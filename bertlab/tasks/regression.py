"""A number for a text or a pair of texts: a rating, a degree of similarity. Mean squared error."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from .base import TextTask
from .classification import make_tfidf_pipeline
from .hub import choose_column, number_rows
from .metrics import score_numbers
from .report import draw_number_report
from .tables import BadRows, get_field


class ScoredText(NamedTuple):
    """A text, or a pair of texts, and its number."""

    text: str
    pair: str | None
    score: float


class Regression(TextTask):
    """A number for a text or a pair of texts. The model starts from the mean of the training data."""

    name, metric, example, no_answer = "regress", "pearson", ScoredText, math.nan
    problem_type = "regression"
    units = dict.fromkeys(("pearson", "spearman", "mae"), "number")
    columns = ("text", "pair", "score")
    report_types: ClassVar[dict] = {"expected": float, "score": float}

    @classmethod
    def derive_settings(cls, examples: Sequence[ScoredText]) -> dict:
        """Raises ValueError when all numbers are the same."""
        if len({example.score for example in examples}) < 2:
            raise ValueError(
                f"all {len(examples)} texts have the score {examples[0].score:g}: there is nothing to learn"
            )
        return {"labels": []}

    def prepare_model(self, model: nn.Module, examples: Sequence[ScoredText], plan) -> None:
        with torch.no_grad():
            model.output.bias.fill_(float(np.mean([example.score for example in examples])))

    @classmethod
    def read_file(cls, path: str | Path, **options) -> list[ScoredText]:
        return read_scored_texts(path, **options)

    @classmethod
    def read_dataset(
        cls, dataset, name: str, columns: dict[str, str], skip_bad_rows: bool = False, say: Callable = print
    ) -> list[ScoredText]:
        text = choose_column(dataset, name, columns, "text", "text sentence sentence1 premise content")
        pair = choose_column(dataset, name, columns, "pair", "text_pair sentence2 hypothesis", needed=False)
        score = choose_column(dataset, name, columns, "score", "score label similarity_score stars")
        rows = list(number_rows(dataset, (text, pair, score)))
        if rows and all(row[score] == -1 for _, row in rows):
            raise ValueError(f"no row of {name} has a score (all are -1): take another split, such as @validation")
        return cls.parse_rows(
            rows,
            {"text": text, "pair": pair},
            lambda row: parse_number(row[score], score),
            BadRows(name),
            skip_bad_rows,
            say,
        )

    @classmethod
    def check_example(cls, example: ScoredText, name: str) -> None:
        super().check_example(example, name)
        parse_number(example.score, f"{name}.score")

    def encode_answer(self, example: ScoredText) -> float:
        return float(example.score)

    def decode_logits(self, logits: Tensor) -> dict:
        """The `score`."""
        return {"score": logits.item()}

    def score(self, examples: Sequence[ScoredText], predictions: Sequence[dict]) -> dict[str, float]:
        """Pearson's and Spearman's correlation, and the mean absolute error."""
        return score_numbers([example.score for example in examples], [one["score"] for one in predictions])

    def score_baselines(self, train: Sequence[ScoredText], test: Sequence[ScoredText]) -> dict[str, dict[str, float]]:
        """The mean of the training data, and ridge regression over TF-IDF of words and pairs of words."""
        from sklearn.linear_model import Ridge

        expected, known = [example.score for example in test], [example.score for example in train]
        model = make_tfidf_pipeline(Ridge(alpha=1.0))
        model.fit([self.get_text(example) for example in train], known)
        predicted = model.predict([self.get_text(example) for example in test])
        return {
            "mean of the training data": score_numbers(expected, [float(np.mean(known))] * len(test)),
            "TF-IDF + ridge regression": score_numbers(expected, predicted.tolist()),
        }

    @classmethod
    def draw_report(cls, rows: Sequence[dict], most: int = 12):
        return draw_number_report([row["expected"] for row in rows], [row["score"] for row in rows])

    @classmethod
    def format_prediction(cls, prediction: dict) -> str:
        return f"{prediction['score']:.3f}"


def read_scored_texts(
    path: str | Path,
    text: str = "text",
    pair: str = "text_pair",
    score: str = "score",
    skip_bad_rows: bool = False,
    say: Callable[[str], None] = print,
) -> list[ScoredText]:
    """Texts with a number from a CSV, TSV or JSON file with the columns `text`, `score` and perhaps `pair`. Errors
    as for `read_labelled_texts`; a number must be finite, with a point for the decimals."""
    columns = {"text": text, "pair": pair}
    return Regression.read_rows(
        path, columns, lambda row: parse_number(get_field(row, score), score), skip_bad_rows, say
    )


def parse_number(value, name: str) -> float:
    """A finite number from a cell. Raises ValueError with what is wrong."""
    try:
        number = math.nan if isinstance(value, bool) or "_" in str(value) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} is {value!r:.60}; it must be a number such as 3.5")
    return number
