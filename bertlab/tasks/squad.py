"""Questions on texts as SQuAD and its relatives lay them out, in files and in data sets: every row is checked.

- SQuAD 1.1 and 2.0: an object with a list `data` of articles, which have `paragraphs`, which have `context` and `qas`;
- a list of such articles, or of such paragraphs; either also as JSON lines;
- flat, as on the hub: rows with `context`, `question` and `answers`, in a list, in `data`, or as JSON lines.

`answers` is a list of {"text", "answer_start"}, one such object, or one of two lists, {"text": [...], "answer_start":
[...]}. A question has no answer where `is_impossible` is true; without `is_impossible`, where `answers` is null or an
object of two empty lists. Any other row without an answer is a bad one.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from .. import files
from ..progress import watch_items
from .tables import BadRows, check_characters, get_text_field, parse_json, read_json_lines


class Question(NamedTuple):
    """A question on a context. `answers` are (first character, text); none: the context does not hold one."""

    id: str
    question: str
    context: str
    answers: list[tuple[int, str]]


# ---- A file ----------------------------------------------------------------------------------------------------------


def read_questions(path: str | Path, skip_bad_rows: bool = False, say: Callable[[str], None] = print) -> list[Question]:
    """Questions from a .json or .jsonl file, in SQuAD's layout (Rajpurkar et al. 2016, 2018) or a flat one.

    `say` tells how many were taken as questions without an answer though the file leaves that open. Raises BadRowsError
    for a question without a text, or whose answer is not in its context at the character that it names; OSError and
    ValueError for a file that cannot be read, or is laid out otherwise.
    """
    problems = BadRows(path)
    questions = parse_articles(list_articles(Path(path), problems), problems)
    problems.raise_or_report(len(questions), skip_bad_rows, say)
    return questions


def list_articles(path: Path, problems: BadRows) -> list:
    """The articles, paragraphs or rows of a file; of JSON lines as pairs (number of the line, object)."""
    text = files.read_text(path)
    try:
        layout = None if path.suffix.lower() in (".jsonl", ".ndjson") else parse_json(text)
    except ValueError as error:
        if not is_json_object(text.strip().partition("\n")[0]):
            raise ValueError(f"{path} is not laid out as SQuAD: it is not JSON ({error})") from None
        layout = None
    if layout is None:
        return list(read_json_lines(text, problems))
    if isinstance(layout, dict):
        layout = layout.get("data", [layout] if layout.keys() & {"paragraphs", "qas", "question"} else None)
    if not isinstance(layout, list) or not (layout or "data" in text):
        needed = "an object with a list 'data' is needed, or rows with context, question and answers"
        raise ValueError(f"{path} is not laid out as SQuAD: {needed}")
    return layout


def is_json_object(text: str) -> bool:
    """Whether a text is one JSON object."""
    try:
        return isinstance(parse_json(text), dict)
    except ValueError:
        return False


def parse_articles(articles: Iterable, problems: BadRows) -> list[Question]:
    """The questions of SQuAD's `data`, or of flat rows; faults are added to `problems`, by the question's id. An
    article may be a pair (number of its line, article)."""
    return parse_questions(list_questions(articles, problems), problems)


def list_questions(articles: Iterable, problems: BadRows) -> Iterator[tuple[str, dict]]:
    """(location, row) of each question, with its context in the row; what is no question goes to `problems`."""
    for number, article in enumerate(articles, 1):
        line, article = article if isinstance(article, tuple) else (None, article)
        if isinstance(article, dict) and "paragraphs" in article:
            location = f"article {number}" if line is None else f"line {line}"
            for n, paragraph in list_objects(article, "paragraphs", location, "paragraph", problems):
                yield from list_paragraph(paragraph, n, problems)
        elif isinstance(article, dict) and "qas" in article:
            yield from list_paragraph(article, f"paragraph {number}" if line is None else f"line {line}", problems)
        elif isinstance(article, dict) and article.keys() & {"question", "context", "answers"}:
            location = f"row {number}" if line is None else f"line {line}"
            yield location if line else name_question(article, location), add_id(article, location)
        else:
            location = f"article {number}" if line is None else f"line {line}"
            is_object = isinstance(article, dict)
            problems.add(location, "there is no 'paragraphs'" if is_object else f"{article!r:.60} is not an object")


def list_paragraph(paragraph: dict, location: str, problems: BadRows) -> Iterator[tuple[str, dict]]:
    """(location, row) of each question of a paragraph, with the paragraph's context in the row."""
    context = {"context": paragraph["context"]} if "context" in paragraph else {}
    for n, question in list_objects(paragraph, "qas", location, "question", problems):
        yield name_question(question, n), context | question


def list_objects(parent: dict, key: str, location: str, name: str, problems: BadRows) -> Iterator[tuple[str, dict]]:
    """(location, object) of each object in the list `key` of its parent; other values go to `problems`."""
    children = parent.get(key)
    if not isinstance(children, list):
        found = f"{key} is {children!r:.60}, not a list" if key in parent else f"there is no {key!r}"
        problems.add(location, found)
        return
    for number, child in enumerate(children, 1):
        if isinstance(child, dict):
            yield f"{location}, {name} {number}", child
        else:
            problems.add(f"{location}, {name} {number}", f"{child!r:.60} is not an object")


def name_question(row: dict, location: str) -> str:
    """What a message calls a question: by its id, or by its location where it has none."""
    name = row.get("id")
    return f"question {name}" if name and isinstance(name, str | int) else location


def add_id(row: dict, location: str) -> dict:
    """A flat row with its location as its id, where it has none."""
    return row if row.get("id") is not None else row | {"id": location}


# ---- A question ------------------------------------------------------------------------------------------------------


def parse_questions(rows: Iterable[tuple[int | str, dict]], problems: BadRows) -> list[Question]:
    """The questions in (location, row) pairs of a file or a data set; faults and guesses are added to `problems`."""
    questions: dict[str, Question] = {}
    guesses = Counter()
    for location, row in watch_items(rows, "reading questions"):
        try:
            question = parse_question(row)
            if question.id in questions:
                raise ValueError("its id is that of another one")
        except ValueError as error:
            problems.add(location, str(error))
            continue
        questions[question.id] = question
        if row.get("answers") is None and row.get("is_impossible") is None:
            guesses["answers null and no is_impossible: taken as without an answer"] += 1
        elif not question.answers and parse_flag(row, "is_impossible") and has_answers(row.get("answers")):
            guesses["answers although is_impossible is true: taken as without an answer"] += 1
    for guess, count in guesses.items():
        problems.note(f"{problems.path}: {count:,} of {len(questions):,} questions have {guess}")
    return list(questions.values())


def parse_question(row: dict) -> Question:
    """The question in a row that also holds its context. Raises ValueError with what is wrong."""
    name = row.get("id")
    if name is None or (isinstance(name, str) and not name.strip()):
        raise ValueError("it has no id")
    if (
        isinstance(name, bool)
        or not isinstance(name, str | int | float)
        or (isinstance(name, float) and not math.isfinite(name))
    ):
        raise ValueError(f"id is {name!r:.60}, not a text or a number")
    check_characters(str(name), "id")
    question = get_text_field(row, "question")
    get_text_field(row, "context")  # raises if it is none; offsets count the white space around it
    return Question(str(name), question, row["context"], parse_answers(row, row["context"]))


def parse_answers(row: dict, context: str) -> list[tuple[int, str]]:
    """The (first character, text) of each answer of a row; none: there is no answer. Raises ValueError."""
    is_impossible, answers = parse_flag(row, "is_impossible"), row.get("answers")
    if is_impossible:
        return []
    parsed = [parse_answer(answer, context, f"answers[{i}]") for i, answer in enumerate(list_answers(answers))]
    if not parsed and is_impossible is False:
        raise ValueError("there is no answer, and is_impossible is false")
    if not parsed and ("answers" not in row or answers == []):
        raise ValueError("there is no answer, and no is_impossible as in SQuAD 2.0")
    return parsed


def parse_flag(row: dict, name: str) -> bool | None:
    """True or false from a field, also as a text or as 1 and 0; None if there is none. Raises ValueError."""
    value = row.get(name)
    flag = {"true": True, "1": True, "false": False, "0": False}.get(str(value).strip().lower())
    if value is not None and flag is None:
        raise ValueError(f"{name} is {value!r:.60}, not true or false")
    return flag


def list_answers(answers) -> list:
    """The answers as a list of objects. Raises ValueError for what is none of the three forms."""
    if answers is None:
        return []
    if isinstance(answers, list):
        return answers
    if not isinstance(answers, dict):
        raise ValueError(f"answers is {answers!r:.60}, not a list")
    if missing := {"text", "answer_start"} - answers.keys():
        raise ValueError(f"answers has no {sorted(missing)[0]}, only {', '.join(map(str, answers)) or 'nothing'}")
    texts, starts = answers["text"], answers["answer_start"]
    if not isinstance(texts, list) and not isinstance(starts, list):
        return [answers]
    if not isinstance(texts, list) or not isinstance(starts, list):
        raise ValueError("answers.text and answers.answer_start must both be lists, or neither")
    if len(texts) != len(starts):
        raise ValueError(f"answers has {len(texts)} texts and {len(starts)} answer_start; each text needs one")
    return [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)]


def has_answers(answers) -> bool:
    """Whether some answer is listed, of whatever kind."""
    return bool(answers["text"] if isinstance(answers, dict) and "text" in answers else answers)


def parse_answer(answer, context: str, name: str) -> tuple[int, str]:
    """(first character, text) of an answer; `name` is what a message calls it. Raises ValueError when it is not
    there."""
    if not isinstance(answer, dict):
        raise ValueError(f"{name} is {answer!r:.60}, not an object with text and answer_start")
    text = answer.get("text")
    if not isinstance(text, str):
        raise ValueError(f"{name}.text is {text!r:.60}, not a text" if "text" in answer else f"{name} has no text")
    if answer.get("answer_start") is None:
        raise ValueError(f"{name} has no answer_start; {find_text(text, context)}")
    start = parse_offset(answer["answer_start"], f"{name}.answer_start")
    if start < 0 or not text.strip() or context[start : start + len(text)] != text:
        raise ValueError(describe_wrong_start(text, start, context))
    return start, text


def describe_wrong_start(text: str, start: int, context: str) -> str:
    """What to say of an answer that is not where it should be."""
    return f"the answer {text!r:.60} is not at character {start}: {find_text(text, context)}"


def parse_offset(value, name: str) -> int:
    """A whole number, also as a text or with decimals that are 0. Raises ValueError."""
    is_number = isinstance(value, int | str) and not isinstance(value, bool)
    if is_number and re.fullmatch(r"\s*-?[0-9]{1,18}(\.0*)?\s*", str(value)):
        return int(str(value).partition(".")[0])
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise ValueError(f"{name} is {value!r:.60}, not the number of a character")


def find_text(text: str, context: str) -> str:
    """Where a text is in its context, as the end of a message."""
    found = islice(re.finditer(re.escape(text), context), 3) if text.strip() else ()
    starts = [str(match.start()) for match in found]
    return f"it is at {', '.join(starts)}" if starts else "it is not in the context at all"
