"""tasks.annotations: TODO."""

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from .. import sources

TYPES = ("PER", "LOC", "ORG", "MISC")  # as CoNLL-2003 has them (Tjong Kim Sang and De Meulder, 2003)

WORD = re.compile(r"(?:[^\W\d_]\.){2,}|\w+(?:-\w+)*|'s\b|[^\w\s]")  # U.S., Anglo-Saxon, 's, and each mark by itself


class AnnotationError(ValueError):
    """An annotation does not fit its text. The message says where, what is wrong and what to do."""


def read_names_test(articles: Sequence[dict] | None = None, file: Path | None = None) -> list[dict]:
    """The sentences of the names test, in the order of the articles.

    Each is {"title", "topic", "text", "entities"}: the sentence and its names as (start, end, type), characters of the
    sentence, from left to right, none inside another. Many sentences hold no name. `articles` stands in for
    `sources.wiki()`, `file` for data/names_test.jsonl.

    Raises AnnotationError if the file cannot be read, an article is missing or has another text than the annotator saw,
    an offset lies outside the sentence or inside a word, or a type is unknown; SourceError if there is no source.
    """
    file = file or sources.data_folder() / "names_test.jsonl"
    found = _index_by_title(articles)
    sentences, seen = [], set()
    for number, line in enumerate(_read_annotations(file).splitlines(), 1):
        where = f"{file.name}, line {number}"
        row = _parse_object(line, where)
        article = _find_article(row, found, where)
        try:
            start, end = row["start"], row["end"]
            entities = [(first - start, last - start, kind) for first, last, kind in row["entities"]]
        except (KeyError, TypeError, ValueError) as error:
            raise AnnotationError(f'{where}: needs "start", "end", and "entities" as [start, end, type]') from error
        text = _cut_span(article["summary"], (start, end), where)
        if (row["title"], start) in seen:
            raise AnnotationError(f"{where}: this sentence of {row['title']!r} stands in the file already")
        seen.add((row["title"], start))
        _check_entities(text, entities, where)
        sentences.append({"title": row["title"], "topic": article["topic"], "text": text, "entities": entities})
    return sentences


def split_words_and_tags(text: str, entities: Sequence[tuple[int, int, str]]) -> tuple[list[str], list[str]]:
    """A sentence and its names -> its W words, and W tags in IOB2: "B-LOC" opens a name, "I-LOC" goes on, "O" is none.

    A word is a run of letters and digits with its hyphens, an abbreviation with its stops, 's, or one mark.
    """
    words, tags = [], []
    for match in WORD.finditer(text):
        inside = [entity for entity in entities if entity[0] < match.end() and match.start() < entity[1]]
        words.append(match.group())
        tags.append(f"{'B' if match.start() <= inside[0][0] else 'I'}-{inside[0][2]}" if inside else "O")
    return words, tags


def read_reading_test(articles: Sequence[dict] | None = None, file: Path | None = None) -> dict:
    """The reading test as SQuAD 2.0 lays it out (Rajpurkar et al., 2018), the texts filled in.

    {"version", "data": [{"title", "paragraphs": [{"context", "qas": [...]}]}]}, one paragraph an article. A question is
    {"id", "question", "answers": [{"text", "answer_start"}, ...], "is_impossible"}. Every listed answer is right. A
    question without an answer has [] and also "plausible_answers": what a careless reader may say.

    Arguments and errors as for `read_names_test`. AnnotationError also if an answer is missing, or is there where
    `is_impossible` says that there is none, or if two questions have one id.
    """
    file = file or sources.data_folder() / "reading_test.json"
    found = _index_by_title(articles)
    layout = _parse_object(_read_annotations(file), file.name)
    data, seen = [], set()
    try:
        for entry in layout["data"]:
            context = _find_article(entry, found, file.name)["summary"]
            qas = [_fill_question(qa, context, file.name) for qa in entry["paragraphs"][0]["qas"]]
            for qa in qas:
                if qa["id"] in seen:
                    raise AnnotationError(f"{file.name}: two questions have the id {qa['id']}")
                seen.add(qa["id"])
            data.append({"title": entry["title"], "paragraphs": [{"context": context, "qas": qas}]})
    except (KeyError, IndexError, TypeError) as error:
        raise AnnotationError(f"{file.name} is not laid out as SQuAD 2.0: {error!r}") from error
    return {"version": layout.get("version", ""), "data": data}


def list_held_out_titles() -> frozenset[str]:
    """The titles of all articles in either test. What is trained or tuned on the summaries must leave them out."""
    names = _read_annotations(sources.data_folder() / "names_test.jsonl").splitlines()
    reading = _parse_object(_read_annotations(sources.data_folder() / "reading_test.json"), "reading_test.json")
    return frozenset(json.loads(line)["title"] for line in names) | {entry["title"] for entry in reading["data"]}


def hash_summary(text: str) -> str:
    """The short sha256 of an article's summary, 16 hexadecimal digits, that its annotations carry."""
    return sha256(text.encode("utf-8")).hexdigest()[:16]


def _index_by_title(articles: Sequence[dict] | None) -> dict[str, dict]:
    return {article["title"]: article for article in (sources.wiki() if articles is None else articles)}


def _read_annotations(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"the annotations cannot be read ({error}); take a whole copy of bertlab") from error


def _parse_object(text: str, where: str) -> dict:
    try:
        row = json.loads(text)
    except ValueError as error:
        raise AnnotationError(f"{where}: not JSON ({error})") from error
    if not isinstance(row, dict):
        raise AnnotationError(f"{where}: an object is needed, not {text[:40]!r}")
    return row


def _find_article(row: dict, found: dict[str, dict], where: str) -> dict:
    """The article that `row` annotates, if its text is the one that the annotator read."""
    title = row.get("title")
    if title not in found:
        raise AnnotationError(f"{where}: the source holds no article {title!r}")
    now = hash_summary(found[title]["summary"])
    if now != row.get("sha256"):
        raise AnnotationError(
            f"{where}: the text of {title!r} is not the one annotated (sha256 {now}, not {row.get('sha256')}), so its "
            "offsets mean nothing; use the version of the source that data/sources.toml pins, or annotate it anew"
        )
    return found[title]


def _cut_span(text: str, span: Sequence[int], where: str) -> str:
    """The text of (start, end). Refused if it is empty, leaves the text, starts or ends in white space or in a word."""
    if not (isinstance(span, list | tuple) and [type(place) for place in span] == [int, int]):
        raise AnnotationError(f"{where}: {span!r} is not a start and an end")
    start, end = span
    if not 0 <= start < end <= len(text):
        raise AnnotationError(f"{where}: {start} to {end} is not a piece of a text of {len(text)} characters")
    piece = text[start:end]
    if piece != piece.strip():
        raise AnnotationError(f"{where}: {piece!r} starts or ends with white space")
    if any(text[at - 1 : at].isalnum() and text[at : at + 1].isalnum() for at in (start, end)):
        raise AnnotationError(f"{where}: {piece!r} starts or ends inside a word")
    return piece


def _check_entities(text: str, entities: list[tuple[int, int, str]], where: str) -> None:
    for start, end, kind in entities:
        piece = _cut_span(text, (start, end), where)
        if kind not in TYPES:
            raise AnnotationError(f"{where}: {piece!r} has the type {kind!r}; there are {', '.join(TYPES)}")
    for left, right in pairwise(entities):
        if right[0] < left[1]:
            raise AnnotationError(f"{where}: {text[slice(*right[:2])]!r} overlaps the name listed before it")


def _fill_question(qa: dict, context: str, file: str) -> dict:
    where = f"{file}, question {qa['id']}"
    answers = [_fill_answer(span, context, where) for span in qa["answers"]]
    if bool(answers) == qa["is_impossible"]:
        raise AnnotationError(f"{where}: is_impossible is {qa['is_impossible']}, and there are {len(answers)} answers")
    filled = {"id": qa["id"], "question": qa["question"], "answers": answers, "is_impossible": qa["is_impossible"]}
    if qa["is_impossible"]:
        filled["plausible_answers"] = [_fill_answer(span, context, where) for span in qa.get("plausible_answers", [])]
    return filled


def _fill_answer(span: Sequence[int], context: str, where: str) -> dict:
    return {"text": _cut_span(context, span, where), "answer_start": span[0]}
