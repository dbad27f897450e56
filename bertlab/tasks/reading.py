"""tasks.reading: TODO."""

import json
import math
import re
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from .. import files, sources
from ..heads import SpanFinder
from ..wordpiece import WordPiece
from .base import PaddingCollate, run_model
from .classification import Classification
from .metrics import answer_f1, exact_match, split_words
from .tables import BadRows, get_text


class Question(NamedTuple):
    """A question on a context. `answers` are (first character, text); none: the context does not hold one."""

    id: str
    question: str
    context: str
    answers: list[tuple[int, str]]


def read_questions(
    where: str | Path, skip_bad_rows: bool = False, say: Callable[[str], None] = print
) -> list[Question]:
    """Questions from a file in the format of SQuAD 1.1 or 2.0 (Rajpurkar et al. 2016, 2018).

    Raises BadRowsError for a question without a text, or whose answer does not stand in its context where it says.
    """
    problems = BadRows(where)
    try:
        articles = json.loads(files.read_text(Path(where)))["data"]
        if not isinstance(articles, list):
            raise TypeError
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{where} is not laid out as SQuAD: an object with a list 'data' is needed ({error!r})"
        ) from None
    found = parse_articles(articles, problems)
    problems.settle(len(found), skip_bad_rows, say)
    return found


def parse_articles(articles: list, problems: BadRows) -> list[Question]:
    """The questions of SQuAD's `data`; what is wrong is told to `problems` by the question's id."""
    found, seen = [], set()
    for number, article in enumerate(articles, 1):
        try:
            asked = [(paragraph["context"], qa) for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
        except (KeyError, TypeError) as error:
            problems.add(f"article {number}", f"there is no {error}")
            continue
        for context, qa in asked:
            name = str(qa.get("id", "")) if isinstance(qa, dict) else ""
            try:
                if not name or name in seen:
                    raise ValueError("its id is that of another one" if name else "it has no id")
                answers = [] if qa.get("is_impossible") else [parse_answer(a, context) for a in qa.get("answers", [])]
                if not answers and not qa.get("is_impossible") and "is_impossible" in qa:
                    raise ValueError("there is no answer, and is_impossible is false")
                if not answers and "is_impossible" not in qa:
                    raise ValueError("there is no answer, and no is_impossible as in SQuAD 2.0")
                found.append(Question(name, get_text(qa, "question"), context, answers))
                seen.add(name)
            except (ValueError, TypeError, KeyError) as error:
                problems.add(f"question {name or number}", str(error))
    return found


def parse_answer(answer: dict, context: str) -> tuple[int, str]:
    """(first character, text) of an answer. Raises ValueError when it is not there."""
    start, text = answer["answer_start"], answer["text"]
    if not isinstance(start, int) or not text or context[max(0, start) : start + len(text)] != text:
        there = [match.start() for match in re.finditer(re.escape(text), context)] if text else []
        hint = f"it stands at {', '.join(map(str, there[:3]))}" if there else "it is not in the context at all"
        raise ValueError(f"the answer {text!r} does not stand at character {start}: {hint}")
    return start, text


class Reading:
    """An answer as a span of the context. A context that is too long is read in windows that overlap."""

    kind, head, metric = "read", SpanFinder, "f1"
    labels = ()

    def __init__(
        self, pieces: WordPiece, length: int = 256, stride: int = 0, longest: int = 30, no_answer: bool = False
    ):
        """`stride` is how many tokens later the next window begins (0: half a window), `longest` the most tokens of an
        answer. With `no_answer` it may say that there is none: "" (Devlin et al. 2018, section 4.3)."""
        self.pieces, self.length, self.longest, self.no_answer = pieces, length, longest, no_answer
        self.stride = stride or length // 2
        self.collate = PaddingCollate(pieces.pad_id)
        self.cut = 0  # questions of the last `rows` that were too long themselves
        self.lost = 0  # answers of the last `rows` that are whole in no window

    def rows(self, examples: Sequence[Question]) -> list[dict]:
        """A row for each window: [CLS] question [SEP] part of the context [SEP], and the tokens of the first answer.
        Both positions are 0 in a window that does not hold all of it. `offsets` are the characters of each context
        token. A question may take half of the row; the rest of it is cut."""
        rust = self.pieces.bulk()
        questions = self.pieces.encode_bulk([example.question for example in examples])
        contexts = {c: rust.encode(c, add_special_tokens=False) for c in {example.context for example in examples}}
        rows, self.cut, self.lost = [], 0, 0
        for of, (example, asked) in enumerate(zip(examples, questions, strict=True)):
            half = self.length // 2 - 2
            self.cut += len(asked) > half
            head = [self.pieces.cls_id, *asked[:half], self.pieces.sep_id]
            room = self.length - len(head) - 1
            context = contexts[example.context]
            span = find_answer_tokens(context.offsets, *example.answers[0]) if example.answers else None
            held = False
            for start in range(0, max(1, len(context.ids)), min(self.stride, room)):
                ids = context.ids[start : start + room]
                row = {
                    "input_ids": [*head, *ids, self.pieces.sep_id],
                    "token_type_ids": [0] * len(head) + [1] * (len(ids) + 1),
                    "start_positions": 0,
                    "end_positions": 0,
                    "question": of,
                    "first": len(head),
                    "offsets": context.offsets[start : start + room],
                }
                if span and start <= span[0] and span[1] < start + len(ids):
                    row["start_positions"], row["end_positions"] = (at - start + len(head) for at in span)
                    held = True
                rows.append(row)
                if start + room >= len(context.ids):
                    break
            self.lost += bool(example.answers) and not held
        return rows

    def predict(self, model: nn.Module, examples: Sequence[Question], threshold: float = 0.0) -> list[dict]:
        """For each question the `answer`, its `start` in the context, its `probability` among the 20 best spans, and
        `gap`: how much higher than the best span "no answer" scores. With `no_answer` the answer is "" if that is above
        `threshold`. The score of a span is the sum of its two ends', that of no answer the lowest of all windows'."""
        rows = self.rows(examples)
        spans: list[list[tuple[float, int, int]]] = [[] for _ in examples]  # (score, first character, after the last)
        null = [math.inf] * len(examples)
        for chosen, output in run_model(model, rows, self.collate):
            starts, ends = output.start_logits.float().cpu(), output.end_logits.float().cpu()  # (B, T), (B, T)
            for i, start, end in zip(chosen, starts, ends, strict=True):
                row = rows[i]
                of, offsets, first = row["question"], row["offsets"], row["first"]
                null[of] = min(null[of], float(start[0] + end[0]))
                inside = slice(first, first + len(offsets))
                spans[of] += [(score, offsets[a][0], offsets[b][1])
                              for score, a, b in find_best_spans(start[inside], end[inside], self.longest)]  # fmt: skip
        said = []
        for example, found, nothing in zip(examples, spans, null, strict=True):
            best = sorted(set(found), reverse=True)[:20]
            scores = [score for score, *_ in best] + ([nothing] if self.no_answer or not best else [])
            shares = torch.tensor(scores, dtype=torch.float64).softmax(0).tolist()
            gap = nothing - best[0][0] if best else 1e9  # JSON knows no infinity
            if not best or (self.no_answer and gap > threshold):
                said.append({"answer": "", "start": -1, "probability": shares[-1], "gap": gap})
            else:
                _, start, end = best[0]
                answer = example.context[start:end]
                said.append({"answer": answer, "start": start, "probability": shares[0], "gap": gap})
        return said

    def score(self, examples: Sequence[Question], said: Sequence[dict]) -> dict[str, float]:
        """Exact match and F1 as SQuAD has them; where some questions have no answer, also the F1 of each kind."""
        return score_answers(examples, [s["answer"] for s in said])

    judge = Classification.judge

    def baselines(self, train: Sequence[Question], test: Sequence[Question]) -> dict[str, dict[str, float]]:
        """No answer at all, and words by rule: of the sentence that shares most words with the question, the
        longest run of words that it does not share."""
        guesses = [answer_by_overlap(example.question, example.context) for example in test]
        found = {"word overlap": score_answers(test, guesses)}
        return ({"always no answer": score_answers(test, [""] * len(test))} if self.no_answer else {}) | found


def find_answer_tokens(offsets: Sequence[tuple[int, int]], start: int, text: str) -> tuple[int, int] | None:
    """The first and last token that touch the characters of an answer; None if none does."""
    touched = [i for i, (a, b) in enumerate(offsets) if a < start + len(text) and b > start and b > a]
    return (touched[0], touched[-1]) if touched else None


def find_best_spans(start: Tensor, end: Tensor, longest: int, most: int = 20) -> list[tuple[float, int, int]]:
    """The spans (T,), (T,) with the highest sum of scores: (score, first token, last token), best first."""
    T = len(start)
    if not T:
        return []
    every = start[:, None] + end  # (T, T)
    allowed = torch.ones(T, T, dtype=torch.bool).triu() & torch.ones(T, T, dtype=torch.bool).tril(longest - 1)
    best = every.masked_fill(~allowed, -math.inf).flatten().topk(min(most, int(allowed.sum())))
    return [(score, at // T, at % T) for score, at in zip(best.values.tolist(), best.indices.tolist(), strict=True)]


def score_answers(examples: Sequence[Question], said: Sequence[str]) -> dict[str, float]:
    right = [[text for _, text in example.answers] for example in examples]
    exact = [exact_match(guess, true) for guess, true in zip(said, right, strict=True)]
    f1 = [answer_f1(guess, true) for guess, true in zip(said, right, strict=True)]
    found = {"exact": float(np.mean(exact)), "f1": float(np.mean(f1))}
    if not all(right):
        for name, wanted in (("f1_answer", True), ("f1_no_answer", False)):
            some = [value for value, true in zip(f1, right, strict=True) if bool(true) == wanted]
            found |= {name: float(np.mean(some))} if some else {}
    return found


def find_best_threshold(examples: Sequence[Question], said: Sequence[dict], model_answers: Sequence[str]) -> float:
    """The `threshold` of `Read.predict` with the highest F1 on these: `model_answers` are what it says without one."""
    gaps = [s["gap"] for s in said]
    right = [[text for _, text in example.answers] for example in examples]
    with_, without = ([answer_f1(guess, true) for guess, true in zip(guesses, right, strict=True)]
                      for guesses in (model_answers, [""] * len(examples)))  # fmt: skip
    cuts = [-math.inf, *sorted(set(gaps))]
    sums = [sum(w if gap <= cut else n for gap, w, n in zip(gaps, with_, without, strict=True)) for cut in cuts]
    return cuts[int(np.argmax(sums))]


def answer_by_overlap(question: str, context: str) -> str:
    asked = set(split_words(question.lower()))
    sentences = sources.split_sentences(context) or [""]
    best = max(sentences, key=lambda sentence: len(asked & set(split_words(sentence.lower()))))
    runs = groupby(split_words(best), lambda word: word.lower() in asked or not word[0].isalnum())
    rest = [list(run) for shared, run in runs if not shared]
    return " ".join(max(rest, key=len)) if rest else ""
