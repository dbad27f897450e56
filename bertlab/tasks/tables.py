"""Rows of CSV, TSV and JSON-lines files, and everything that is wrong with them, reported at once."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .. import files
from ..suggestions import suggest_name


class BadRowsError(ValueError):
    """Rows of a file cannot be used. The message names the file, the line, and what is wrong with each."""


class BadRows:
    """Collects what is wrong with the rows of a file, so that all of it can be reported at once."""

    def __init__(self, path: str | Path):
        self.path, self.messages, self.notes = path, [], []

    def add(self, line: int | str, problem: str) -> None:
        """Note a problem of a line, or of something with another name than a line number ("question 3")."""
        location = f"line {line}" if isinstance(line, int) else line
        self.messages.append(f"{self.path}, {location}: {problem}")

    def note(self, doubt: str) -> None:
        """Keep what is to be said of the file though its rows can be used: what was guessed."""
        self.notes.append(doubt)

    def raise_or_report(self, good: int, skip: bool, say: Callable[[str], None], most: int = 10) -> None:
        """Raise BadRowsError if there are bad rows; with `skip`, only `say` which ones are left out (at most `most`).

        `good` is the number of usable rows: without any, the error is raised in either case. The notes are said first.
        """
        for doubt in self.notes:
            say(doubt)
        bad = len(self.messages)
        listed = "\n".join(self.messages[:most]) + (f"\n... and {bad - most} more" if bad > most else "")
        if bad and not skip:
            advice = "Fix them, or leave them out with --skip-bad-rows"
            raise BadRowsError(f"{bad} of {bad + good} rows cannot be used:\n{listed}\n{advice}")
        if bad:
            say(f"{bad} of {bad + good} rows left out:\n{listed}")
        if not good:
            raise BadRowsError(f"{self.path} holds no row that can be used" + (f":\n{listed}" if listed else ""))


def parse_rows(
    rows: Iterable[tuple[int | str, dict]], parse: Callable[[dict], Any], problems: BadRows
) -> Iterator[tuple[int | str, Any]]:
    """What `parse` makes of each row of a file or a data set, with its line; a ValueError goes to `problems`."""
    for line, row in rows:
        try:
            yield line, parse(row)
        except ValueError as error:
            problems.add(line, str(error))


def parse_json(text: str):
    """A value in JSON. Raises ValueError."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def read_json_lines(text: str, problems: BadRows) -> Iterator[tuple[int, dict]]:
    """(line number, row) of each line that holds a JSON object; other lines that are not blank go to `problems`."""
    for number, line in enumerate(text.split("\n"), 1):
        try:
            row = parse_json(line) if line.strip() else None
        except ValueError as error:
            problems.add(number, f"not JSON ({error})")
            continue
        if isinstance(row, dict):
            yield number, row
        elif line.strip():
            problems.add(number, f"{line[:40]!r} is not a JSON object")


def read_records(text: str, tabs: bool, problems: BadRows) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) of each record of a CSV, or with `tabs` of a TSV, that is not blank.

    A record of a CSV may go over several lines; its number is that of the first. A TSV has no quoting.
    """
    options = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if tabs else {}
    reader = csv.reader(io.StringIO(text, newline=""), **options)
    while True:
        number = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            problems.add(number, str(error))
            continue
        if fields is None:
            return
        if any(field.strip() for field in fields):
            yield number, fields


def read_table(path: Path, problems: BadRows, columns: Sequence[str] | None = None) -> Iterator[tuple[int, dict]]:
    """(line number, row) of a .csv, .tsv or .jsonl file; lines that are not rows go to `problems`.

    The first line of a CSV or TSV names the columns. If `columns` is given, this line is optional: where it names none
    of them, it is a row, and the columns are these. A TSV has no quoting: a quotation mark in it is a character.

    Raises OSError if the file cannot be read, ValueError if it is not UTF-8 or its name has another ending.
    """
    text = files.read_text(path)
    if path.suffix in (".jsonl", ".json"):
        yield from read_json_lines(text, problems)
        return
    if path.suffix not in (".csv", ".tsv"):
        endings = ".csv, .tsv or .jsonl, or be a folder with a folder for each class"
        raise ValueError(f"{path}: the name must end in {endings}")
    header: list[str] = []
    for number, fields in read_records(text, path.suffix == ".tsv", problems):
        if not header:
            header = [field.strip() for field in fields]
            if columns is None or set(header) & set(columns):
                continue
            header = list(columns)
        if len(fields) == len(header):
            yield number, dict(zip(header, fields, strict=True))
        else:
            problems.add(number, f"{len(fields)} columns instead of {len(header)} ({', '.join(header)})")


def get_field(row: dict, name: str):
    """The field of a row. Raises ValueError, with the nearest name that it has, if there is none of this name."""
    if name not in row:
        names = [str(other) for other in row]
        raise ValueError(f"there is no {name!r}, only {', '.join(names) or 'nothing'}{suggest_name(name, names)}")
    return row[name]


def get_text_field(row: dict, name: str) -> str:
    """The text in a field of a row, without white space around it. Raises ValueError if there is none."""
    value = get_field(row, name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is empty" if isinstance(value, str) else f"{name} is {value!r}, not a text")
    return value.strip()


def parse_label(value) -> str:
    """A label as a word: 1 and 1.0 are "1". Raises ValueError if it is neither a word nor a whole number."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise ValueError("label is empty")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"label must be a word or a whole number, not {value!r}")
    return str(value).strip()
