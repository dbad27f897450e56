"""Tables of tagged words: a CSV with a row for each word, or for each sentence, as spreadsheets and pandas have them.

The first line names the columns. Where a row is a word, a column such as "Sentence #" says which sentence it belongs
to, in each row or in the first of a sentence; without that column a blank line ends a sentence.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, starmap
from pathlib import Path

from .. import files
from ..suggestions import suggest_name
from .column_layouts import parse_column_number
from .columns import HEADER_WORDS, Token, find_implausible
from .delimited import read_records
from .tables import BadRows, get_text_field, parse_list, read_table

TEXT_NAMES = ("text", "sentence")  # of columns that hold a sentence, never a word
WORD_NAMES = (*(name for name in HEADER_WORDS if name not in TEXT_NAMES), *TEXT_NAMES)
TAG_NAMES = ("ner_tags", "ner_tag", "ner", "ne", "tags", "tag", "labels", "label", "entity", "upos", "pos", "xpos")
SENTENCE_NAMES = ("sentence #", "sentence", "sentence_id", "sentence id", "sentence_number", "sent_id", "sent", "sid")


def find_columns(names: Sequence[str], word: str = "", tag: str = "") -> tuple[str, str, str] | None:
    """The columns of words, of tags and of sentences ("" if there is none) among the names of a table; None if these
    name no words or no tags. `word` and `tag` are the user's own choices, by name or by number from 1. Raises
    ValueError for one that is not there."""
    by_name = {name.lower(): name for name in reversed(names)}

    def choose(chosen: str, key: str, known: Sequence[str]) -> str:
        if not chosen:
            return next((by_name[name] for name in known if name in by_name), "")
        if chosen in names:
            return chosen
        if re.fullmatch("-?[0-9]+", chosen):
            number = parse_column_number(key, chosen)
            if -len(names) <= number < len(names):
                return names[number]
        raise ValueError(f"there is no column {chosen!r}, only {', '.join(names)}{suggest_name(chosen, list(names))}")

    words, tags = choose(word, "word", WORD_NAMES), choose(tag, "tag", TAG_NAMES)
    if not words or not tags or words == tags:
        return None
    others = [by_name[name] for name in SENTENCE_NAMES if name in by_name]
    return words, tags, next((name for name in others if name != words), "")


def read_header(path: Path) -> list[str]:
    """The names of the columns of a CSV or TSV; [] if it is not one with sentences by its first line (a TSV alone)."""
    text, is_tsv = files.read_text(path, keep_line_ends=True), path.suffix.lower() == ".tsv"
    first = re.match(r"[\r\n]*([^\r\n]*)", text)[1]
    if is_tsv and not any(name in first.lower() for name in SENTENCE_NAMES):
        return []
    for _, fields in read_records(text, is_tsv, BadRows(path)):
        return [field.strip() for field in fields]
    return []


def is_tagged_table(path: Path, of_words: bool = False, named: bool = False) -> bool:
    """Whether a file is such a table: a .csv whose first line names words and tags (or any columns, of which the user
    has `named` one), or a .tsv whose first line names sentences, too (others are files in columns). `of_words`: only
    if each row is a word by its name."""
    kind = path.suffix.lower()
    if kind not in (".csv", ".tsv"):
        return False
    header = read_header(path)
    if named and kind == ".csv":
        return len(header) > 1
    columns = find_columns(header)
    if columns is None or (of_words and columns[0].lower() not in ("word", "token", "form")):
        return False
    return kind == ".csv" or bool(columns[2])


def read_tagged_table(
    path: Path, problems: BadRows, word: str = "", tag: str = ""
) -> tuple[list[tuple[list[str], list[str], list[int]]], str]:
    """((words, tags, their lines) of each sentence, how the table was understood). A sentence with a bad row goes to
    `problems`. Raises ValueError for columns that are not there."""
    rows = list(read_table(path, problems))
    try:
        columns = find_columns(list(rows[0][1]) if rows else read_header(path), word, tag)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if columns is None:
        raise ValueError(f"{path}: its first line names no columns of words and tags (word, tag): --columns names them")
    words, tags, sentence = columns
    understood = f"a table: words in {words!r}, tags in {tags!r}"
    if rows and holds_lists(rows[0][1], words, tags):
        return list(read_sentence_rows(rows, words, tags, problems)), f"{understood}, a sentence a row"
    if words.lower() in TEXT_NAMES and not word:
        raise ValueError(f"{path}: {words!r} and {tags!r} of its first row are no lists, nor as many words as tags")
    parted = f"sentences by {sentence!r}" if sentence else "a blank line ends a sentence"
    sentences = list(read_word_rows(rows, columns, problems))
    tokens = [list(starmap(Token, zip(*sentence, strict=True))) for sentence in sentences]
    if not sentence and len(sentences) == 1 and len(tokens[0]) > 200:
        raise ValueError(f"{path}: nothing says where a sentence ends: no blank line, no column {SENTENCE_NAMES[2]!r}")
    if problem := find_implausible(tokens):
        shown = "\n".join(f"  line {one.line}: word {one.word!r:.60}, tag {one.tag!r:.60}" for one in tokens[0][:5])
        advice = "If the columns are others, name them: --columns word=NAME tag=NAME"
        raise ValueError(f"{path}: {problem}. Read as {understood}, {parted}:\n{shown}\n{advice}")
    return sentences, f"{understood}, {parted}"


def holds_lists(row: dict, words: str, tags: str) -> bool:
    """Whether a row holds a whole sentence: lists, or as many words as tags with blanks between them."""
    if any(str(row.get(name)).lstrip().startswith("[") and len(str(row.get(name))) > 2 for name in (words, tags)):
        return True
    return len(str(row.get(words)).split()) == len(str(row.get(tags)).split()) > 1


def read_sentence_rows(
    rows: Sequence[tuple[int, dict]], words: str, tags: str, problems: BadRows
) -> Iterator[tuple[list[str], list[str], list[int]]]:
    """The sentences of a table with a sentence a row."""
    for line, row in rows:
        try:
            found = [split_cell(get_text_field(row, name), name) for name in (words, tags)]
            if len(found[0]) != len(found[1]) or not found[0]:
                raise ValueError(f"{len(found[0])} words and {len(found[1])} tags; each word needs one")
            yield *found, [line] * len(found[0])
        except ValueError as error:
            problems.add(line, str(error))


def split_cell(cell: str, name: str) -> list[str]:
    """The texts in a cell: a list, or texts with blanks between them. Raises ValueError for a list of anything else."""
    if not cell.startswith("["):
        return cell.split()
    parts = parse_list(cell, name)
    if not all(isinstance(part, str) and part.strip() for part in parts):
        raise ValueError(f"{name} is {cell!r:.60}; each part must be a text")
    return [part.strip() for part in parts]


def read_word_rows(
    rows: Sequence[tuple[int, dict]], columns: tuple[str, str, str], problems: BadRows
) -> Iterator[tuple[list[str], list[str], list[int]]]:
    """The sentences of a table with a word a row."""
    words, tags, sentence = columns
    numbered, number, name, before = [], 0, "", 0
    for line, row in rows:
        own = str(row[sentence]).strip() if sentence else ""
        if (own and own != name) or (not sentence and before and line > before + 1):
            number, name = number + 1, own
        before = line
        numbered.append((number, line, row))
    for _, group in groupby(numbered, key=lambda one: one[0]):
        found, bad = [], False
        for _, line, row in group:
            try:
                found.append((get_text_field(row, words), get_text_field(row, tags), line))
                if re.search(r"[\r\n]", found[-1][0]):
                    raise ValueError(f"{words} goes over several lines: is a quotation mark not closed?")
            except ValueError as error:
                problems.add(line, str(error))
                bad = True
        if not bad:
            yield tuple(map(list, zip(*found, strict=True)))
