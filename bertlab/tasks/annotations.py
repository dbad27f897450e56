"""Our own test sets, in data/: names, determiners, and questions on articles, annotated on Wikipedia summaries.

The files hold positions of characters and no text; reading them joins them to the summaries and checks that they fit.
"""

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from .. import sources
from ..files import read_text

ENTITY_TYPES = ("PER", "LOC", "ORG", "MISC")  # those of CoNLL-2003 (Tjong Kim Sang and De Meulder, 2003)

# A word is an abbreviation with its full stops (U.S.), a run of letters and digits with its hyphens (Anglo-Saxon), 's,
# or one punctuation mark.
WORD_PATTERN = re.compile(r"(?:[^\W\d_]\.){2,}|\w+(?:-\w+)*|'s\b|[^\w\s]")


class AnnotationError(ValueError):
    """An annotation does not fit its text. The message says where, what is wrong and what to do."""


def split_words_for_tagging(text: str) -> list[str]:
    """The words of a text as `WORD_PATTERN` splits it."""
    return WORD_PATTERN.findall(text)


def split_words_and_tags(text: str, entities: Sequence[tuple[int, int, str]]) -> tuple[list[str], list[str]]:
    """The W words of a sentence, and their W tags in IOB2: "B-LOC" begins a name, "I-LOC" continues it, "O" is none.

    `entities` are (start, end, type) in characters of the text. The words are those of `split_words_for_tagging`.
    """
    tags = []
    for word in WORD_PATTERN.finditer(text):
        overlapping = [entity for entity in entities if entity[0] < word.end() and word.start() < entity[1]]
        tags += [
            f"{'B' if word.start() <= start else 'I'}-{entity_type}" for start, _, entity_type in overlapping[:1]
        ] or ["O"]
    return split_words_for_tagging(text), tags


def hash_summary(text: str) -> str:
    """The short sha256 of an article's summary, 16 hexadecimal digits, that its annotations carry."""
    return sha256(text.encode("utf-8")).hexdigest()[:16]


def _require(condition: bool, location: str, problem: str) -> None:
    if not condition:
        raise AnnotationError(f"{location}: {problem}")


def _read_annotations(path: Path) -> str:
    try:
        return read_text(path)
    except (OSError, ValueError) as error:
        advice = "reinstall bertlab, or restore its data folder"
        raise AnnotationError(f"the annotations cannot be read ({error}); {advice}") from error


def _parse_object(text: str, location: str) -> dict:
    try:
        row = json.loads(text)
    except ValueError as error:
        raise AnnotationError(f"{location}: not JSON ({error})") from error
    _require(isinstance(row, dict), location, f"expected a JSON object, not {text[:40]!r}")
    return row


def _find_article(row: dict, articles: dict[str, dict], location: str) -> dict:
    """The article that `row` annotates, if its text is the one that was annotated. `articles` are keyed by title."""
    title, expected = row.get("title"), row.get("sha256")
    _require(title in articles, location, f"the source has no article {title!r}")
    digest = hash_summary(articles[title]["summary"])
    problem = f"the text of {title!r} is not the one that was annotated (its sha256 is {digest}, not {expected})"
    advice = "use the version of the source that data/sources.toml pins, or annotate the article again"
    _require(digest == expected, location, f"{problem}, so the positions are meaningless; {advice}")
    return articles[title]


def _cut_span(text: str, span: Sequence[int], location: str) -> str:
    """The text of a (start, end). It must not be empty, leave the text, or start or end inside a word or at a space."""
    is_pair = isinstance(span, list | tuple) and [type(position) for position in span] == [int, int]
    _require(is_pair, location, f"{span!r} is not a start and an end")
    start, end = span
    is_inside = 0 <= start < end <= len(text)
    _require(is_inside, location, f"{start} to {end} is not a span of a text of {len(text)} characters")
    piece = text[start:end]
    _require(piece == piece.strip(), location, f"{piece!r} starts or ends with white space")
    cuts_word = any(text[edge - 1 : edge].isalnum() and text[edge : edge + 1].isalnum() for edge in span)
    _require(not cuts_word, location, f"{piece!r} starts or ends inside a word")
    return piece


def read_names_test(articles: Sequence[dict] | None = None, path: Path | None = None) -> list[dict]:
    """The sentences of the names test, in the order of the articles, as {"title", "topic", "text", "entities"}.

    `entities` are the names as (start, end, type), in characters of the sentence, from left to right, none inside
    another; often there is none. `articles` replaces `sources.wiki()`, `path` replaces data/names_test.jsonl.

    Raises AnnotationError if the file cannot be read, an article is missing or its text is not the annotated one, a
    position is outside the sentence or inside a word, or a type is unknown; SourceError if the source is not available.
    """
    path = path or sources.data_folder() / "names_test.jsonl"
    by_title = {article["title"]: article for article in (sources.wiki() if articles is None else articles)}
    sentences, seen = [], set()
    for number, line in enumerate(_read_annotations(path).splitlines(), 1):
        location = f"{path.name}, line {number}"
        row = _parse_object(line, location)
        article = _find_article(row, by_title, location)
        try:
            title, start, end = row["title"], row["start"], row["end"]
            entities = [(first - start, last - start, entity_type) for first, last, entity_type in row["entities"]]
        except (KeyError, TypeError, ValueError) as error:
            raise AnnotationError(f'{location}: needs "start", "end", and "entities" as [start, end, type]') from error
        text = _cut_span(article["summary"], (start, end), location)
        _require((title, start) not in seen, location, f"this sentence of {title!r} is already in the file")
        seen.add((title, start))
        for first, last, entity_type in entities:
            problem = f"has the type {entity_type!r}; the types are {', '.join(ENTITY_TYPES)}"
            name = _cut_span(text, (first, last), location)
            _require(entity_type in ENTITY_TYPES, location, f"{name!r} {problem}")
        for left, right in pairwise(entities):
            _require(left[1] <= right[0], location, f"{text[slice(*right[:2])]!r} overlaps the name listed before it")
        sentences.append({"title": title, "topic": article["topic"], "text": text, "entities": entities})
    return sentences


def _add_answer_texts(qa: dict, context: str, file_name: str) -> dict:
    """A question of the file in SQuAD's layout: each [start, end] becomes {"text", "answer_start"}."""
    location = f"{file_name}, question {qa['id']}"
    spans = {"answers": qa["answers"], "plausible_answers": qa.get("plausible_answers", [])}
    answers = {
        key: [{"text": _cut_span(context, span, location), "answer_start": span[0]} for span in spans[key]]
        for key in (["answers", "plausible_answers"] if qa["is_impossible"] else ["answers"])
    }
    problem = f"is_impossible is {qa['is_impossible']}, but it has {len(qa['answers'])} answers"
    _require(bool(qa["answers"]) != qa["is_impossible"], location, problem)
    return {"id": qa["id"], "question": qa["question"], **answers, "is_impossible": qa["is_impossible"]}


def read_reading_test(articles: Sequence[dict] | None = None, path: Path | None = None) -> dict:
    """The reading test in the layout of SQuAD 2.0 (Rajpurkar et al., 2018), with the texts filled in.

    {"version", "data": [{"title", "paragraphs": [{"context", "qas": [...]}]}]}, one paragraph per article. A question
    is {"id", "question", "answers": [{"text", "answer_start"}, ...], "is_impossible"}. Every listed answer is correct.
    A question without an answer has [] and also "plausible_answers", which a careless reader may give.

    Arguments and errors are those of `read_names_test`. Raises AnnotationError also if `is_impossible` contradicts the
    answers, or if two questions have the same id.
    """
    path = path or sources.data_folder() / "reading_test.json"
    by_title = {article["title"]: article for article in (sources.wiki() if articles is None else articles)}
    layout = _parse_object(_read_annotations(path), path.name)
    data, seen = [], set()
    try:
        for entry in layout["data"]:
            context = _find_article(entry, by_title, path.name)["summary"]
            qas = [_add_answer_texts(qa, context, path.name) for qa in entry["paragraphs"][0]["qas"]]
            for qa in qas:
                _require(qa["id"] not in seen, path.name, f"two questions have the id {qa['id']}")
                seen.add(qa["id"])
            data.append({"title": entry["title"], "paragraphs": [{"context": context, "qas": qas}]})
    except (KeyError, IndexError, TypeError) as error:
        raise AnnotationError(f"{path.name} is not in the layout of SQuAD 2.0: {error!r}") from error
    return {"version": layout.get("version", ""), "data": data}


def read_determiners_test(articles: Sequence[dict] | None = None, path: Path | None = None) -> list[dict]:
    """Sentences with their determiners and nouns, as {"title", "words", "arcs"}: 46 sentences with 122 arcs.

    `words` are those of `split_words_for_tagging`. An arc (d, n) says that word d ("the", "a", "its") belongs to the
    noun n. Determiners without one clear noun were left out. Arguments and errors are those of `read_names_test`.
    """
    path = path or sources.data_folder() / "determiners_test.jsonl"
    by_title = {article["title"]: article for article in (sources.wiki() if articles is None else articles)}
    sentences = []
    for number, line in enumerate(_read_annotations(path).splitlines(), 1):
        location = f"{path.name}, line {number}"
        row = _parse_object(line, location)
        article = _find_article(row, by_title, location)
        try:
            span, arcs = (row["start"], row["end"]), [(int(d), int(n)) for d, n in row["arcs"]]
        except (KeyError, TypeError, ValueError) as error:
            raise AnnotationError(f'{location}: needs "start", "end", and "arcs" as [determiner, noun]') from error
        words = split_words_for_tagging(_cut_span(article["summary"], span, location))
        inside = all(0 <= d < n < len(words) for d, n in arcs)
        _require(bool(arcs) and inside, location, f"an arc of {arcs} leaves the sentence's {len(words)} words")
        sentences.append({"title": row["title"], "words": words, "arcs": arcs})
    return sentences


def list_held_out_titles() -> frozenset[str]:
    """The titles of all articles in the two tests. Training and tuning on the summaries must leave them out."""
    names = _read_annotations(sources.data_folder() / "names_test.jsonl").splitlines()
    reading = _parse_object(_read_annotations(sources.data_folder() / "reading_test.json"), "reading_test.json")
    return frozenset(json.loads(line)["title"] for line in names) | {entry["title"] for entry in reading["data"]}
