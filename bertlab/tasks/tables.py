"""Rows of CSV, TSV and JSON files, and everything that is wrong with them, reported at once."""

import ast
import contextlib
import json
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .. import files
from ..progress import watch_items
from ..suggestions import suggest_name
from .delimited import read_records

# Two texts of Python with no comma between them: 'a' 'b', or 'a''b'.
JOINED = re.compile(r"""['"]\s+[rbuRBU]{0,2}['"]|[^\s,\[](?:''|"")[^\s,\]]""")


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
    for line, row in watch_items(rows, "reading rows"):
        try:
            yield line, parse(row)
        except ValueError as error:
            problems.add(line, str(error))


def make_object(pairs: list[tuple[str, Any]]) -> dict:
    """An object of JSON. Raises ValueError for a key that comes twice, of which only one value would be left."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r:.60} comes twice")
    return found


def parse_json(text: str):
    """A value in JSON. Raises ValueError."""
    try:
        return json.loads(text, object_pairs_hook=make_object)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def read_json_rows(text: str, problems: BadRows) -> Iterator[tuple[int | str, dict]]:
    """(line number, row) of each object in JSON lines, or in a list of objects; other values go to `problems`.

    Two objects that hold all rows are read too: {"data": [rows]}, and {column: {row: value}}, pandas' default. Then the
    rows are counted ("row 1") instead of the lines.
    """
    stripped = text.strip()
    if stripped.startswith("["):
        yield from read_json_list(text, problems)
        return
    first, whole = stripped.partition("\n")[0], None
    if first == stripped or not is_json(first):
        with contextlib.suppress(ValueError):
            whole = parse_json(stripped)
    data = whole.get("data") if isinstance(whole, dict) else None
    if not isinstance(whole, dict):
        yield from read_json_lines(text, problems)
    elif isinstance(data, list) and data and isinstance(data[0], dict):
        for number, row in enumerate(data, 1):
            if isinstance(row, dict):
                yield f"row {number}", row
            else:
                problems.add(f"row {number}", f"{json.dumps(row)[:40]!r} is not a JSON object")
    elif whole and all(isinstance(column, dict) and column.keys() == first_column(whole) for column in whole.values()):
        for number, key in enumerate(first_column(whole), 1):
            yield f"row {number}", {name: column[key] for name, column in whole.items()}
    else:
        yield 1, whole


def first_column(columns: dict):
    """The keys of the first of some columns, which are dicts themselves."""
    return next(iter(columns.values())).keys()


def is_json(text: str) -> bool:
    """Whether a text is one JSON value."""
    try:
        parse_json(text)
    except ValueError:
        return False
    return True


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


def read_json_list(text: str, problems: BadRows) -> Iterator[tuple[int | str, dict]]:
    """(line number, row) of each object in a JSON list; in a text of one line "row 1", "row 2" ... Other values go to
    `problems`, and so does the place where the text stops being JSON: nothing is read after it."""
    decoder, space = json.JSONDecoder(object_pairs_hook=make_object), re.compile(r"[ \t\r\n]*")
    line, position, rows, one_line = 1, 0, 0, "\n" not in text.strip()

    def move(to: int) -> None:
        nonlocal line, position
        to = space.match(text, to).end()
        line, position = line + text.count("\n", position, to), to

    move(0)
    move(position + 1)
    closed = text[position : position + 1] == "]"
    try:
        while not closed:
            row, end = decoder.raw_decode(text, position)
            rows += 1
            where = f"row {rows}" if one_line else line
            if isinstance(row, dict):
                yield where, row
            else:
                problems.add(where, f"{text[position:end][:40]!r} is not a JSON object")
            move(end)
            closed = text[position : position + 1] == "]"
            if not closed:
                if text[position : position + 1] != ",":
                    raise ValueError("a comma or the end of the list is missing")
                move(position + 1)
        move(position + 1)
        if position < len(text):
            raise ValueError("there is more after the end of the list")
    except RecursionError:
        problems.add(line, "not JSON (it is nested too deep); the rest of the list is not read")
    except ValueError as error:
        problems.add(line, f"not JSON ({error}); the rest of the list is not read")


def read_table(path: Path, problems: BadRows, columns: Sequence[str] | None = None) -> Iterator[tuple[int | str, dict]]:
    """(line number, row) of a .csv, .tsv, .jsonl or .json file; lines that are not rows go to `problems`.

    The first line of a CSV or TSV names the columns; where two have one name, a row has the list of both values. If
    `columns` is given, this line is optional: where it names none of them, it is a row, and the columns are these.
    `read_records` says what quotation marks and separators may be, `read_json_rows` what JSON may be.

    Raises OSError if the file cannot be read, ValueError if it is not UTF-8 or its name has another ending, or if the
    names of the columns cannot be read.
    """
    kind = path.suffix.lower()
    if kind in (".jsonl", ".json", ".ndjson"):
        yield from read_json_rows(files.read_text(path), problems)
        return
    if kind not in (".csv", ".tsv"):
        endings = ".csv, .tsv or .jsonl (or .json), or be a folder with a folder for each class"
        raise ValueError(f"{path}: the name must end in {endings}")
    text = files.read_text(path, keep_line_ends=True)
    header: list[str] = []
    again = []  # the lines in which the names of the columns come again, as in files that were joined
    for number, fields in read_records(text, kind == ".tsv", problems):
        if len(header) > 1 and [field.strip() for field in fields] == header:
            again.append(number)
            continue
        if not header:
            header = [field.strip() for field in fields]
            if columns is None and problems.messages:
                raise BadRowsError(f"the names of the columns cannot be read: {problems.messages[0]}")
            for name in sorted({name for name in header if name and header.count(name) > 1}):
                problems.note(f"{path}: {header.count(name)} columns have the name {name!r}")
            if columns is None or set(header) & set(columns):
                continue
            header = list(columns)
        if len(fields) == len(header):
            yield number, make_row(header, fields)
        else:
            problems.add(number, f"{len(fields)} columns instead of {len(header)} ({', '.join(header)})")
    if again:
        more = f" and {len(again) - 1:,} more" if len(again) > 1 else ""
        problems.note(f"{path}: the names of the columns come again in line {again[0]}{more}: left out")


def make_row(header: Sequence[str], fields: Sequence[str]) -> dict:
    """The fields by the names of their columns; those of columns with the same name are a list."""
    row = dict(zip(header, fields, strict=True))
    if len(row) < len(header):
        for name in row:
            values = [field for column, field in zip(header, fields, strict=True) if column == name]
            row[name] = values[0] if len(values) == 1 else values
    return row


def get_field(row: dict, name: str):
    """The field of a row. Raises ValueError, with the nearest name that it has, if there is none of this name."""
    if name not in row:
        names = [str(other) for other in row]
        raise ValueError(f"there is no {name!r}, only {', '.join(names) or 'nothing'}{suggest_name(name, names)}")
    return row[name]


def get_text_field(row: dict, name: str) -> str:
    """The text in a field of a row, without white space around it. Raises ValueError if there is none."""
    return parse_text(get_field(row, name), name)


def parse_text(value, name: str) -> str:
    """A text without white space around it. Raises ValueError, with the `name` of what it is, if it is none."""
    if not isinstance(value, str):
        raise ValueError(f"{name} is {value!r:.60}, not a text")
    if not value.strip():
        raise ValueError(f"{name} is empty")
    check_characters(value, name)
    return value.strip()


def check_characters(value: str, name: str) -> None:
    """Raise ValueError for half of a surrogate pair, which JSON and command lines can hold and UTF-8 cannot."""
    if match := re.search("[\ud800-\udfff]", value):
        raise ValueError(f"{name} holds {match[0]!r} (character {match.start()}), which is half a character")


def parse_label(value) -> str:
    """A label as a word: 1, 1.0 and "1.0" are "1". Raises ValueError if it is neither a word nor a whole number."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise ValueError("label is empty")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"label must be a word or a whole number, not {value!r:.60}")
    label = str(value).strip()
    check_characters(label, "label")
    return "0" if label in ("-0", "-0.0") else re.sub(r"^(-?(?:0|[1-9][0-9]*))\.0+$", r"\1", label)


def parse_list(cell: str, name: str) -> list:
    """A list in a cell of a table, as JSON or as Python write it. Raises ValueError for anything else, also for numpy's
    texts without commas between them, which Python would join."""
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        found = None
        if not JOINED.search(cell):
            with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of "\\d" and the like
                found = ast.literal_eval(cell.strip())
    if not isinstance(found, list):
        raise ValueError(f"{name} is {cell!r:.60}, which begins as a list and is none")
    return found


def split_input(given: str | Sequence[str], least: int, most: int, needed: str) -> list[str]:
    """The texts in what `predict` was given for one example: a text, or several in a list or tuple. Raises ValueError,
    which counts them and says what is `needed`, when they are too few or too many, or when one is not a text."""
    fields = list(given) if isinstance(given, list | tuple) else [given]
    if not least <= len(fields) <= most:
        raise ValueError(f"{given!r:.60} has {len(fields)} field{'s' * (len(fields) != 1)}: {needed}")
    for field in fields:
        if not isinstance(field, str):
            raise ValueError(f"{field!r:.60} is not a text: {needed}")
        check_characters(field, "the text")
    return fields
