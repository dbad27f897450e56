"""A number for a text or a pair of texts: a rating, a degree of similarity. Mean squared error."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from .. import weights
from ..heads import Classifier
from ..wordpiece import WordPiece
from .base import Task, encode_texts, run_model
from .classification import make_tfidf_pipeline
from .hub import choose_column
from .metrics import score_numbers
from .report import draw_number_report
from .tables import BadRows, get_field, get_text_field, read_table

# ---- Examples --------------------------------------------------------------------------------------------------------


class ScoredText(NamedTuple):
    """A text, or a pair of texts, and its number."""

    text: str
    pair: str | None
    score: float


def read_scored_texts(
    path: str | Path,
    text: str = "text",
    pair: str = "text_pair",
    score: str = "score",
    skip_bad_rows: bool = False,
    say: Callable[[str], None] = print,
) -> list[ScoredText]:
    """Texts with a number from a .csv, .tsv or .jsonl file with the columns `text`, `score` and perhaps `pair`. Errors
    as for `read_labelled_texts`; a number must be finite, with a point for the decimals."""
    problems, examples = BadRows(path), []
    for line, row in read_table(Path(path), problems):
        try:
            second = get_text_field(row, pair) if pair in row else None
            examples.append(ScoredText(get_text_field(row, text), second, parse_number(get_field(row, score), score)))
        except ValueError as error:
            problems.add(line, str(error))
    problems.raise_or_report(len(examples), skip_bad_rows, say)
    return examples


def parse_number(value, name: str) -> float:
    """A finite number from a cell. Raises ValueError with what is wrong."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} is {value!r}; it must be a number such as 3.5")
    return number


# ---- The task --------------------------------------------------------------------------------------------------------


class Regression(Task):
    """A number for a text or a pair of texts. The model starts from the mean of the training data."""

    name, head, metric = "regress", Classifier, "pearson"
    units = dict.fromkeys(("pearson", "spearman", "mae"), "number")
    columns = ("text", "pair", "score")

    @classmethod
    def derive_settings(cls, examples: Sequence[ScoredText]) -> dict:
        """Raises ValueError when all numbers are the same."""
        if len({example.score for example in examples}) < 2:
            raise ValueError(
                f"all {len(examples)} texts have the score {examples[0].score:g}: there is nothing to learn"
            )
        return {}

    @classmethod
    def from_model(cls, model: nn.Module, tokenizer: WordPiece) -> "Regression | None":
        if type(model) is not Classifier or model.problem_type != "regression" or model.num_labels != 1:
            return None
        return cls(tokenizer, min(512, model.config.max_position_embeddings))

    def load_model(self, folder: Path) -> nn.Module:
        return weights.load(folder, Classifier, num_labels=1, new_heads=True, problem_type="regression")

    def prepare_model(self, model: nn.Module, examples: Sequence[ScoredText], plan) -> None:
        with torch.no_grad():
            model.output.bias.fill_(float(np.mean([example.score for example in examples])))

    read_file = staticmethod(read_scored_texts)

    @classmethod
    def read_dataset(cls, dataset, name: str, columns: dict[str, str]) -> list[ScoredText]:
        text = choose_column(dataset, name, columns, "text sentence sentence1 premise content")
        pair = choose_column(dataset, name, columns, "text_pair sentence2 hypothesis", needed=False)
        score = choose_column(dataset, name, columns, "score label similarity_score stars")
        return [ScoredText(row[text], row[pair] if pair else None, parse_number(row[score], score)) for row in dataset]

    @classmethod
    def parse_input(cls, given) -> ScoredText:
        return ScoredText(given, None, math.nan) if isinstance(given, str) else ScoredText(*given, math.nan)

    @classmethod
    def get_text(cls, example: ScoredText) -> str:
        return example.text + (example.pair or "")

    @classmethod
    def get_answer(cls, example: ScoredText) -> float:
        return example.score

    def make_rows(self, examples: Sequence[ScoredText]) -> list[dict]:
        """[CLS] text [SEP] and perhaps pair [SEP]; `labels` is the number, as a float."""
        texts, pairs = [example.text for example in examples], [example.pair for example in examples]
        rows, self.truncated = encode_texts(self.tokenizer, texts, pairs, self.length)
        return [row | {"labels": float(example.score)} for row, example in zip(rows, examples, strict=True)]

    def predict(self, model: nn.Module, examples: Sequence[ScoredText]) -> list[dict]:
        """For each text its `score`."""
        rows = self.make_rows(examples)
        predictions: list[dict] = [{}] * len(rows)
        for chosen, output in run_model(model, rows, self.collate):
            for i, (score,) in zip(chosen, output.logits.float().tolist(), strict=True):
                predictions[i] = {"score": score}
        return predictions

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
