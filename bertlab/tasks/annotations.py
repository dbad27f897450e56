"""Our own two test sets, in data/: names in sentences and questions on articles, annotated on Wikipedia summaries.

The files hold positions of characters and no text; reading them joins them to the summaries and checks that they fit.
"""

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from .. import sources

ENTITY_TYPES = ("PER", "LOC", "ORG", "MISC")  # those of CoNLL-2003 (Tjong Kim Sang and De Meulder, 2003)

# A word is an abbreviation with its full stops (U.S.), a run of letters and digits with its hyphens (Anglo-Saxon), 's,
# or one punctuation mark.
WORD_PATTERN = re.compile(r"(?:[^\W\d_]\.){2,}|\w+(?:-\w+)*|'s\b|[^\w\s]")


class AnnotationError(ValueError):
    """An annotation does not fit its text. The message says where, what is wrong and what to do."""


# ---- Words and tags --------------------------------------------------------------------------------------------------


def split_words_for_tagging(text: str) -> list[str]:
    """The words of a text as `WORD_PATTERN` splits it."""
    return WORD_PATTERN.findall(text)


def split_words_and_tags(text: str, entities: Sequence[tuple[int, int, str]]) -> tuple[list[str], list[str]]:
    """The W words of a sentence, and their W tags in IOB2: "B-LOC" begins a name, "I-LOC" continues it, "O" is none.

    `entities` are (start, end, type) in characters of the text. The words are those of `split_words_for_tagging`.
    """
    words, tags = [], []
    for match in WORD_PATTERN.finditer(text):
        overlapping = [entity for entity in entities if entity[0] < match.end() and match.start() < entity[1]]
        words.append(match.group())
        if overlapping:
            start, _, entity_type = overlapping[0]
            tags.append(f"{'B' if match.start() <= start else 'I'}-{entity_type}")
        else:
            tags.append("O")
    return words, tags


# ---- Reading a file --------------------------------------------------------------------------------------------------


def hash_summary(text: str) -> str:
    """The short sha256 of an article's summary, 16 hexadecimal digits, that its annotations carry."""
    return sha256(text.encode("utf-8")).hexdigest()[:16]


def _index_by_title(articles: Sequence[dict] | None) -> dict[str, dict]:
    return {article["title"]: article for article in (sources.wiki() if articles is None else articles)}


def _read_annotations(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(
            f"the annotations cannot be read ({error}); reinstall bertlab, or restore its data folder"
        ) from error


def _parse_object(text: str, location: str) -> dict:
    try:
        row = json.loads(text)
    except ValueError as error:
        raise AnnotationError(f"{location}: not JSON ({error})") from error
    if not isinstance(row, dict):
        raise AnnotationError(f"{location}: expected a JSON object, not {text[:40]!r}")
    return row


def _find_article(row: dict, by_title: dict[str, dict], location: str) -> dict:
    """The article that `row` annotates, if its text is the one that was annotated."""
    title = row.get("title")
    if title not in by_title:
        raise AnnotationError(f"{location}: the source has no article {title!r}")
    digest = hash_summary(by_title[title]["summary"])
    if digest != row.get("sha256"):
        raise AnnotationError(
            f"{location}: the text of {title!r} is not the one that was annotated (its sha256 is {digest}, not "
            f"{row.get('sha256')}), so the positions are meaningless; use the version of the source that "
            "data/sources.toml pins, or annotate the article again"
        )
    return by_title[title]


def _cut_span(text: str, span: Sequence[int], location: str) -> str:
    """The text of a (start, end), which must not be empty, leave the text, or start or end with white space or inside a
    word."""
    if not (isinstance(span, list | tuple) and [type(position) for position in span] == [int, int]):
        raise AnnotationError(f"{location}: {span!r} is not a start and an end")
    start, end = span
    if not 0 <= start < end <= len(text):
        raise AnnotationError(f"{location}: {start} to {end} is not a span of a text of {len(text)} characters")
    piece = text[start:end]
    if piece != piece.strip():
        raise AnnotationError(f"{location}: {piece!r} starts or ends with white space")
    if any(text[edge - 1 : edge].isalnum() and text[edge : edge + 1].isalnum() for edge in (start, end)):
        raise AnnotationError(f"{location}: {piece!r} starts or ends inside a word")
    return piece


# ---- The names test --------------------------------------------------------------------------------------------------


def _check_entities(text: str, entities: list[tuple[int, int, str]], location: str) -> None:
    for start, end, entity_type in entities:
        name = _cut_span(text, (start, end), location)
        if entity_type not in ENTITY_TYPES:
            types = ", ".join(ENTITY_TYPES)
            raise AnnotationError(f"{location}: {name!r} has the type {entity_type!r}; the types are {types}")
    for left, right in pairwise(entities):
        if right[0] < left[1]:
            raise AnnotationError(f"{location}: {text[slice(*right[:2])]!r} overlaps the name listed before it")


def read_names_test(articles: Sequence[dict] | None = None, path: Path | None = None) -> list[dict]:
    """The sentences of the names test, in the order of the articles.

    Each is {"title", "topic", "text", "entities"}: the sentence and its names as (start, end, type), in characters of
    the sentence, from left to right, none inside another. Many sentences have no name. `articles` replaces
    `sources.wiki()`, `path` replaces data/names_test.jsonl.

    Raises AnnotationError if the file cannot be read, an article is missing or its text is not the annotated one, a
    position is outside the sentence or inside a word, or a type is unknown; SourceError if the source is not available.
    """
    path = path or sources.data_folder() / "names_test.jsonl"
    by_title = _index_by_title(articles)
    sentences, seen = [], set()
    for number, line in enumerate(_read_annotations(path).splitlines(), 1):
        location = f"{path.name}, line {number}"
        row = _parse_object(line, location)
        article = _find_article(row, by_title, location)
        try:
            start, end = row["start"], row["end"]
            entities = [(first - start, last - start, entity_type) for first, last, entity_type in row["entities"]]
        except (KeyError, TypeError, ValueError) as error:
            raise AnnotationError(f'{location}: needs "start", "end", and "entities" as [start, end, type]') from error
        text = _cut_span(article["summary"], (start, end), location)
        if (row["title"], start) in seen:
            raise AnnotationError(f"{location}: this sentence of {row['title']!r} is already in the file")
        seen.add((row["title"], start))
        _check_entities(text, entities, location)
        sentences.append({"title": row["title"], "topic": article["topic"], "text": text, "entities": entities})
    return sentences


# ---- The reading test ------------------------------------------------------------------------------------------------


def _cut_answer(span: Sequence[int], context: str, location: str) -> dict:
    return {"text": _cut_span(context, span, location), "answer_start": span[0]}


def _add_answer_texts(qa: dict, context: str, file_name: str) -> dict:
    """A question of the file in SQuAD's layout: each [start, end] becomes {"text", "answer_start"}."""
    location = f"{file_name}, question {qa['id']}"
    answers = [_cut_answer(span, context, location) for span in qa["answers"]]
    if bool(answers) == qa["is_impossible"]:
        raise AnnotationError(f"{location}: is_impossible is {qa['is_impossible']}, but it has {len(answers)} answers")
    question = {"id": qa["id"], "question": qa["question"], "answers": answers, "is_impossible": qa["is_impossible"]}
    if qa["is_impossible"]:
        plausible = qa.get("plausible_answers", [])
        question["plausible_answers"] = [_cut_answer(span, context, location) for span in plausible]
    return question


def read_reading_test(articles: Sequence[dict] | None = None, path: Path | None = None) -> dict:
    """The reading test in the layout of SQuAD 2.0 (Rajpurkar et al., 2018), with the texts filled in.

    {"version", "data": [{"title", "paragraphs": [{"context", "qas": [...]}]}]}, one paragraph per article. A question
    is {"id", "question", "answers": [{"text", "answer_start"}, ...], "is_impossible"}. Every listed answer is correct.
    A question without an answer has [] and also "plausible_answers", which a careless reader may give.

    Arguments and errors are those of `read_names_test`. Raises AnnotationError also if `is_impossible` contradicts the
    answers, or if two questions have the same id.
    """
    path = path or sources.data_folder() / "reading_test.json"
    by_title = _index_by_title(articles)
    layout = _parse_object(_read_annotations(path), path.name)
    data, seen = [], set()
    try:
        for entry in layout["data"]:
            context = _find_article(entry, by_title, path.name)["summary"]
            qas = [_add_answer_texts(qa, context, path.name) for qa in entry["paragraphs"][0]["qas"]]
            for qa in qas:
                if qa["id"] in seen:
                    raise AnnotationError(f"{path.name}: two questions have the id {qa['id']}")
                seen.add(qa["id"])
            data.append({"title": entry["title"], "paragraphs": [{"context": context, "qas": qas}]})
    except (KeyError, IndexError, TypeError) as error:
        raise AnnotationError(f"{path.name} is not in the layout of SQuAD 2.0: {error!r}") from error
    return {"version": layout.get("version", ""), "data": data}


# ---- Both ------------------------------------------------------------------------------------------------------------


def list_held_out_titles() -> frozenset[str]:
    """The titles of all articles in the two tests. Training and tuning on the summaries must leave them out."""
    names = _read_annotations(sources.data_folder() / "names_test.jsonl").splitlines()
    reading = _parse_object(_read_annotations(sources.data_folder() / "reading_test.json"), "reading_test.json")
    return frozenset(json.loads(line)["title"] for line in names) | {entry["title"] for entry in reading["data"]}
