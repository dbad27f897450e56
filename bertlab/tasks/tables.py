"""tasks.tables: TODO."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .. import files


class BadRowsError(ValueError):
    """Rows of a file cannot be used. The message names the file, the line, and what is wrong with each."""


class BadRows:
    """Gathers what is wrong with the rows of a file, so that all of it is told at once."""

    def __init__(self, file: str | Path):
        self.file, self.found = file, []

    def add(self, line: int | str, what: str) -> None:
        self.found.append(f"{self.file}, {f'line {line}' if isinstance(line, int) else line}: {what}")

    def settle(self, good: int, skip: bool, say: Callable[[str], None], most: int = 10) -> None:
        """Raise BadRowsError, or with `skip` name what was left out. A file without one good row is always an error."""
        more = f"\n... and {len(self.found) - most} more" if len(self.found) > most else ""
        listed = "\n".join(self.found[:most]) + more
        if self.found and not skip:
            raise BadRowsError(
                f"{len(self.found)} of {len(self.found) + good} rows cannot be used:\n{listed}\n"
                "Mend them, or leave them out with --skip-bad-rows"
            )
        if self.found:
            say(f"{len(self.found)} of {len(self.found) + good} rows left out:\n{listed}")
        if not good:
            raise BadRowsError(f"{self.file} holds no row that can be used" + (f":\n{listed}" if listed else ""))


def read_table(file: Path, problems: BadRows, columns: Sequence[str] | None = None) -> Iterator[tuple[int, dict]]:
    """(line, row) of a .csv, .tsv or .jsonl file; lines that are no row are told to `problems`.

    The first line of a CSV or TSV names the columns. With `columns` it need not: then, if it names none of them, each
    line holds these. A TSV has no quoting: a quotation mark in it is a character.
    """
    text = files.read_text(file)
    if file.suffix in (".jsonl", ".json"):
        for line, written in enumerate(text.split("\n"), 1):
            if written.strip():
                try:
                    row = json.loads(written)
                except ValueError as error:
                    problems.add(line, f"not JSON ({error})")
                    continue
                if isinstance(row, dict):
                    yield line, row
                else:
                    problems.add(line, f"{written[:40]!r} is no JSON object")
        return
    if file.suffix not in (".csv", ".tsv"):
        raise ValueError(
            f"{file}: the name must end in .csv, .tsv or .jsonl, or be a folder with a folder for each class"
        )
    tabs = file.suffix == ".tsv"
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if tabs else ",",
                        quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL)  # fmt: skip
    header: list[str] | None = None
    line = 1  # where the record begins: in a CSV it may go over several
    while True:
        try:
            record = next(reader, None)
        except csv.Error as error:
            problems.add(line, str(error))
            line = reader.line_num + 1
            continue
        if record is None:
            return
        first, line = line, reader.line_num + 1
        if not any(field.strip() for field in record):
            continue
        if header is None:
            named = [field.strip() for field in record]
            if columns is None or set(named) & set(columns):
                header = named
                continue
            header = list(columns)
        if len(record) != len(header):
            problems.add(first, f"{len(record)} columns instead of {len(header)} ({', '.join(header)})")
            continue
        yield first, dict(zip(header, record, strict=True))


def get_text(row: dict, name: str) -> str:
    """A text of a row. Raises ValueError with what is wrong."""
    if name not in row:
        raise ValueError(f"there is no {name!r}, only {', '.join(map(str, row)) or 'nothing'}")
    if not isinstance(row[name], str):
        raise ValueError(f"{name} is {row[name]!r}, no text")
    if not row[name].strip():
        raise ValueError(f"{name} is empty")
    return row[name].strip()


def parse_label(value) -> str:
    """A label as a word: 1 is "1". Raises ValueError."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise ValueError(
            "label is empty" if value in ("", None) else f"label is {value!r}, neither a word nor a number"
        )
    return str(value).strip()
