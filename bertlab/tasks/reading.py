"""The answer to a question as a span of a text: windows over long texts, no-answer, baselines and scores.

Dimension letters: B rows of a batch, T tokens.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import accumulate, groupby
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from .. import sources
from ..heads import SpanFinder
from ..progress import watch_items
from ..wordpiece import WordPiece
from .base import Task
from .hub import choose_column, number_rows
from .metrics import answer_f1, exact_match
from .report import draw_calibration_report
from .rows import run_model
from .squad import Question, add_id, describe_wrong_start, parse_questions, read_questions
from .tables import BadRows, get_text_field, split_input
from .words import split_words_and_punctuation

PART = re.compile(r"(?s:.){1,50000}[^ \n]*")  # of a long text


class Reading(Task):
    """An answer as a span of the context. A context that is too long is read in windows that overlap."""

    name, head, metric, example = "read", SpanFinder, "f1", Question
    hub_columns = ("id", "question", "context", "answers")
    default_length = 256
    options = ("stride",)
    predict_options = ("threshold",)
    input_columns: ClassVar[dict[str, str]] = {"question": "question", "context": "context"}
    texts_recur = True  # many questions have the same context
    setting_types: ClassVar[dict] = {"no_answer": bool}
    report_types: ClassVar[dict] = {"expected": list[str], "answer": str, "probability": float}

    def __init__(
        self, tokenizer: WordPiece, length: int = 256, stride: int = 0, longest: int = 30, no_answer: bool = False
    ):
        """`stride` is how many tokens later the next window begins (0: half a window), `longest` the most tokens of an
        answer. With `no_answer` it may say that there is none: "" (Devlin et al. 2018, section 4.3)."""
        super().__init__(tokenizer, length)
        self.longest, self.no_answer, self.stride = longest, no_answer, stride or length // 2
        self.lost = 0  # answers of the last `make_rows` that are whole in no window

    @classmethod
    def derive_settings(cls, examples: Sequence[Question]) -> dict:
        return {"no_answer": any(not example.answers for example in examples)}

    @classmethod
    def from_plan(cls, plan, tokenizer: WordPiece, settings: dict) -> "Reading":
        return cls(tokenizer, plan.length or cls.default_length, plan.stride, no_answer=settings["no_answer"])

    @classmethod
    def from_model(cls, model: nn.Module, tokenizer: WordPiece) -> "Reading | None":
        if type(model) is not SpanFinder:
            return None
        return cls(tokenizer, min(384, model.config.max_position_embeddings), no_answer=True)

    read_file = staticmethod(read_questions)

    @classmethod
    def read_dataset(
        cls, dataset, name: str, columns: dict[str, str], skip_bad_rows: bool = False, say: Callable = print
    ) -> list[Question]:
        chosen = {key: choose_column(dataset, name, columns, key, key, needed=key not in ("id", "is_impossible"))
                  for key in ("id", "question", "context", "answers", "is_impossible")}  # fmt: skip
        problems = BadRows(name)
        rows = [
            (location, add_id({key: row[column] for key, column in chosen.items() if column}, location))
            for location, row in number_rows(dataset, chosen.values())
        ]
        questions = parse_questions(rows, problems)
        problems.raise_or_report(len(questions), skip_bad_rows, say)
        return questions

    @classmethod
    def check_example(cls, example: Question, name: str) -> None:
        super().check_example(example, name)
        for start, text in example.answers:
            if start < 0 or not text or example.context[start : start + len(text)] != text:
                raise ValueError(f"{name}: {describe_wrong_start(text, start, example.context)}")

    @classmethod
    def parse_input(cls, given) -> Question:
        question, context = split_input(given, 2, 2, "a reader needs a question and a context, separated by a tab")
        return Question("", question, context, [])

    @classmethod
    def expand_row(cls, row: dict) -> list[dict]:
        """The questions of an article or a paragraph in SQuAD's layout, with `id`, `question` and `context`."""
        if not {"paragraphs", "qas"} & row.keys():
            return [row]
        rows = []
        paragraphs = row.get("paragraphs", [row])
        for paragraph in paragraphs if isinstance(paragraphs, list) else [paragraphs]:
            questions = paragraph.get("qas") if isinstance(paragraph, dict) else None
            if not isinstance(questions, list) or not all(isinstance(question, dict) for question in questions):
                raise ValueError("a paragraph needs a 'context' and a list 'qas' of objects with a 'question'")
            for qa in questions:
                context = paragraph.get("context")
                rows.append({"id": qa.get("id", ""), "question": qa.get("question"), "context": context})
        return rows

    @classmethod
    def parse_row(cls, row: dict, names: dict[str, str]) -> tuple[str, str]:
        """The context stays as it is: answers are positions in it."""
        get_text_field(row, names["context"])
        return get_text_field(row, names["question"]), row[names["context"]]

    @classmethod
    def get_text(cls, example: Question) -> str:
        return example.context

    @classmethod
    def get_answer(cls, example: Question) -> list[str]:
        return [text for _, text in example.answers]

    def make_rows(self, examples: Sequence[Question]) -> list[dict]:
        """A row for each window: [CLS] question [SEP] part of the context [SEP], and the tokens of the first answer.
        Both positions are 0 in a window that does not hold all of it. `offsets` are the characters of each context
        token. A question may take half of the row; the rest of it is cut."""
        questions = self.tokenizer.encode_bulk([example.question for example in examples])
        contexts = encode_contexts(self.tokenizer, [example.context for example in examples])
        half = self.length // 2 - 2
        rows, self.truncated, self.lost = [], 0, 0
        for number, (example, ids) in enumerate(zip(examples, questions, strict=True)):
            self.truncated += len(ids) > half
            head = [self.tokenizer.cls_id, *ids[:half], self.tokenizer.sep_id]
            context_ids, offsets = contexts[example.context]
            span = find_answer_tokens(offsets, *example.answers[0]) if example.answers else None
            windows = self._make_windows(head, context_ids, offsets, span)
            self.lost += bool(example.answers) and not any(row["start_positions"] for row in windows)
            rows += [row | {"question": number} for row in windows]
        return rows

    def _make_windows(
        self, head: list[int], context: list[int], offsets: list[tuple[int, int]], span: tuple[int, int] | None
    ) -> list[dict]:
        """The rows of one question: `head` and each window of the context's ids, with the tokens of `span` in it."""
        windows = []
        room = self.length - len(head) - 1
        for start in range(0, max(1, len(context)), min(self.stride, room)):
            ids = context[start : start + room]
            row = {
                "input_ids": [*head, *ids, self.tokenizer.sep_id],
                "token_type_ids": [0] * len(head) + [1] * (len(ids) + 1),
                "start_positions": 0,
                "end_positions": 0,
                "first": len(head),
                "offsets": offsets[start : start + room],
            }
            if span and start <= span[0] and span[1] < start + len(ids):
                row["start_positions"], row["end_positions"] = (token - start + len(head) for token in span)
            windows.append(row)
            if start + room >= len(context):
                break
        return windows

    def describe_losses(self, count: int) -> list[str]:
        losses = []
        if self.truncated:
            half = f"more than half of {self.length} tokens (--length)"
            losses.append(f"{self.truncated:,} of {count:,} questions are truncated: {half}")
        if self.lost:
            losses.append(
                f"{self.lost:,} answers are longer than a window or lie across two: trained as if there were none there"
            )
        return losses

    def predict(self, model: nn.Module, examples: Sequence[Question], threshold: float = 0.0) -> list[dict]:
        """For each question the `answer`, its `start` in the context, its `probability` among the 20 best spans, and
        `gap`: how much higher than the best span "no answer" scores. With `no_answer` the answer is "" if that is above
        `threshold`. The score of a span is the sum of its two ends', that of no answer the lowest of all windows'."""
        rows = self.make_rows(examples)
        spans: list[list[tuple[float, int, int]]] = [[] for _ in examples]  # (score, first character, after the last)
        null = [math.inf] * len(examples)
        for chosen, output in run_model(model, rows, self.collate):
            starts, ends = output.start_logits.float().cpu(), output.end_logits.float().cpu()  # (B, T), (B, T)
            for i, start, end in zip(chosen, starts, ends, strict=True):
                question, offsets, first = (rows[i][name] for name in ("question", "offsets", "first"))
                null[question] = min(null[question], float(start[0] + end[0]))
                inside = slice(first, first + len(offsets))
                best = find_best_spans(start[inside], end[inside], self.longest)
                spans[question] += [(score, offsets[a][0], offsets[b][1]) for score, a, b in best]
        return [
            self._choose_answer(example, candidates, no_answer_score, threshold)
            for example, candidates, no_answer_score in zip(examples, spans, null, strict=True)
        ]

    def _choose_answer(
        self, example: Question, candidates: list[tuple[float, int, int]], null: float, threshold: float
    ) -> dict:
        """The prediction for one question, from its (score, start, end) candidates and the score of no answer."""
        best = sorted(set(candidates), reverse=True)[:20]
        scores = [score for score, *_ in best] + ([null] if self.no_answer or not best else [])
        shares = torch.tensor(scores, dtype=torch.float64).softmax(0).tolist()
        gap = null - best[0][0] if best else 1e9  # JSON knows no infinity
        if not best or (self.no_answer and gap > threshold):
            return {"answer": "", "start": -1, "probability": shares[-1], "gap": gap}
        _, start, end = best[0]
        return {"answer": example.context[start:end], "start": start, "probability": shares[0], "gap": gap}

    def score(self, examples: Sequence[Question], predictions: Sequence[dict]) -> dict[str, float]:
        """Exact match and F1 as SQuAD has them; where some questions have no answer, also the F1 of each kind."""
        return score_answers(examples, [prediction["answer"] for prediction in predictions])

    def choose_options(self, model: nn.Module, examples: Sequence[Question]) -> dict:
        """The `threshold` with the best F1: by how much "no answer" must beat the best span. 0 where every question has
        an answer."""
        if not self.no_answer:
            return {"threshold": 0.0}
        predictions = self.predict(model, examples, threshold=float("inf"))
        best = find_best_threshold(examples, predictions, [prediction["answer"] for prediction in predictions])
        return {"threshold": max(-1e9, min(1e9, best))}  # JSON knows no infinity

    def score_baselines(self, train: Sequence[Question], test: Sequence[Question]) -> dict[str, dict[str, float]]:
        """No answer at all, and words by rule: of the sentence that shares most words with the question, the
        longest run of words that it does not share."""
        guesses = [answer_by_overlap(example.question, example.context) for example in test]
        scores = {"word overlap": score_answers(test, guesses)}
        return ({"always no answer": score_answers(test, [""] * len(test))} if self.no_answer else {}) | scores

    @classmethod
    def draw_report(cls, rows: Sequence[dict], most: int = 12):
        correct = [bool(exact_match(row["answer"], row["expected"])) for row in rows]
        return draw_calibration_report([row["probability"] for row in rows], correct)

    @classmethod
    def format_prediction(cls, prediction: dict) -> str:
        return f"{100 * prediction['probability']:5.1f}%  {prediction['answer'] or '(no answer)'}"


def encode_contexts(
    tokenizer: WordPiece, contexts: Iterable[str]
) -> dict[str, tuple[list[int], list[tuple[int, int]]]]:
    """The ids and the offsets of the tokens of each different context. A long one is encoded in parts that end at
    spaces, which changes no token: it takes less memory."""
    rust, encoded = tokenizer.to_rust(), {context: ([], []) for context in contexts}
    parts = [(context, part) for context in encoded for part in PART.finditer(context)]
    for context, part in watch_items(parts, "encoding", sum(map(len, encoded)), lambda one: len(one[1][0])):
        encoding, (ids, offsets) = rust.encode(part[0], add_special_tokens=False), encoded[context]
        ids += encoding.ids
        offsets += [(start + part.start(), end + part.start()) for start, end in encoding.offsets]
    return encoded


def find_answer_tokens(offsets: Sequence[tuple[int, int]], start: int, text: str) -> tuple[int, int] | None:
    """The first and last token that touch the characters of an answer; None if none does."""
    touched = [i for i, (a, b) in enumerate(offsets) if a < start + len(text) and b > start and b > a]
    return (touched[0], touched[-1]) if touched else None


def find_best_spans(start: Tensor, end: Tensor, longest: int, most: int = 20) -> list[tuple[float, int, int]]:
    """The spans (T,), (T,) with the highest sum of scores: (score, first token, last token), best first."""
    T = len(start)
    if not T:
        return []
    width = min(longest, T)
    ends = nn.functional.pad(end, (0, width - 1), value=-math.inf).unfold(0, width, 1)  # (T, width)
    every = (start[:, None] + ends).flatten()
    best = every.topk(min(most, width * T - width * (width - 1) // 2))  # as many are no further than the end
    return [
        (score, at // width, at // width + at % width)
        for score, at in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]


def score_answers(examples: Sequence[Question], predicted: Sequence[str]) -> dict[str, float]:
    """Mean exact match and F1; where some questions have no answer, also the F1 of those with and without one."""
    expected = [[text for _, text in example.answers] for example in examples]
    exact = [exact_match(guess, true) for guess, true in zip(predicted, expected, strict=True)]
    f1 = [answer_f1(guess, true) for guess, true in zip(predicted, expected, strict=True)]
    scores = {"exact": float(np.mean(exact)), "f1": float(np.mean(f1))}
    if not all(expected):
        for name, has_answer in (("f1_answer", True), ("f1_no_answer", False)):
            values = [value for value, true in zip(f1, expected, strict=True) if bool(true) == has_answer]
            scores |= {name: float(np.mean(values))} if values else {}
    return scores


def find_best_threshold(examples: Sequence[Question], predictions: Sequence[dict], spans: Sequence[str]) -> float:
    """The `threshold` of `Reading.predict` with the highest F1 on these examples: `spans` are the answers that the
    model gives when it must give one."""
    gaps = [prediction["gap"] for prediction in predictions]
    expected = [[text for _, text in example.answers] for example in examples]
    with_span, without = ([answer_f1(guess, true) for guess, true in zip(guesses, expected, strict=True)]
                          for guesses in (spans, [""] * len(examples)))  # fmt: skip
    gains: dict[float, Fraction] = {}  # by how much the sum of F1 changes at each threshold, exactly
    for gap, a, b in zip(gaps, with_span, without, strict=True):
        gains[gap] = gains.get(gap, Fraction(0)) + Fraction(a) - Fraction(b)
    thresholds = [-math.inf, *sorted(gains)]
    sums = list(accumulate((gains[gap] for gap in thresholds[1:]), initial=Fraction(0)))
    return thresholds[sums.index(max(sums))]


def answer_by_overlap(question: str, context: str) -> str:
    """Of the sentence that shares most words with the question, the longest run of words that it does not share."""
    asked = set(split_words_and_punctuation(question.lower()))
    sentences = sources.split_sentences(context) or [""]
    best = max(sentences, key=lambda sentence: len(asked & set(split_words_and_punctuation(sentence.lower()))))
    runs = groupby(split_words_and_punctuation(best), lambda word: word.lower() in asked or not word[0].isalnum())
    new = [list(run) for shared, run in runs if not shared]
    return " ".join(max(new, key=len)) if new else ""
