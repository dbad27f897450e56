"""Records of CSV and TSV text as Excel, pandas and the hub write them: separators, quotation marks, line ends.

A quotation mark that is not closed as it should be never swallows the rows after it: its own line is a bad row.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ..progress import watch_items

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}


class Record(NamedTuple):
    """The fields of one record. It lies in the lines `line` to `last`, and in the characters `start` to `end`."""

    line: int
    last: int
    start: int
    end: int
    fields: list[str]
    opens: int  # the character of a quotation mark that opens a field and is not closed before a separator; else -1
    stray: bool  # whether there is a quotation mark within a field that has none around it
    needed: bool  # whether a field has quotation marks around it that it needs: it holds one, a separator or a line end


def find_line_end(text: str) -> str:
    r"""What ends the lines of a text: "\n" (also after "\r"), or "\r" if no "\n" is outside of quotation marks."""
    if text.count("\r") == text.count("\r\n"):
        return "\n"
    return "\n" if "\n" in re.sub(r'"[^"]*+"', "", text) else "\r"


def scan_records(text: str, delimiter: str, line_end: str, quoting: bool = True, line: int = 1) -> Iterator[Record]:
    """The records of a text whose first line has the number `line`. Without `quoting` a quotation mark is a character
    like others. A field that opens with one that is not closed before a separator ends where its line ends."""
    sign = re.escape(delimiter)
    quoted = r'"((?:[^"]++|"")*+)"\ *+' if quoting else "(?!)()"
    if line_end == "\n":
        plain, end_of_line = rf"[^{sign}\r\n]*+(?:\r(?!\n|\Z)[^{sign}\r\n]*+)*+", r"\r?\n|\r?\Z"
    else:
        plain, end_of_line = rf"[^{sign}\r]*+", r"\r|\Z"
    pattern = re.compile(rf"(?:{quoted}(?={sign}|{end_of_line})|({plain}))({sign}|{end_of_line})")
    position = 0
    while position < len(text):
        start, fields, opens, stray, needed = position, [], -1, False, False
        while True:
            match = pattern.match(text, position)
            content, plain, separator = match.groups()
            if plain is None:
                needed = needed or '"' in content or delimiter in content or "\n" in content or "\r" in content
                fields.append(content.replace('""', '"'))
            else:
                if '"' in plain:
                    opens = position if plain[0] == '"' and quoting and opens < 0 else opens
                    stray = stray or plain[0] != '"'
                fields.append(plain)
            position = match.end()
            if separator != delimiter:
                break
        last = line + text.count(line_end, start, position - len(separator))
        yield Record(line, last, start, position, fields, opens, stray, needed)
        line = last + 1


def choose_delimiter(text: str, tabs: bool, line_end: str) -> str:
    """What separates the columns: the tab of a TSV or the comma of a CSV, or a semicolon or the other of these two
    where only that one parts the first record, or parts more of the records into as many fields as the first."""
    usual = "\t" if tabs else ","
    others = [delimiter for delimiter in DELIMITERS.values() if delimiter != usual]

    def count_columns(delimiter: str) -> int:
        return len(next((record.fields for record in scan_records(text, delimiter, line_end)), [""]))

    columns = {delimiter: count_columns(delimiter) for delimiter in (usual, *others)}
    if columns[usual] == 1:
        return max((usual, *others), key=columns.__getitem__)
    rivals = [delimiter for delimiter in others if columns[delimiter] > 1 and not tabs]
    if not rivals:
        return usual

    def count_alike(delimiter: str) -> int:
        records = watch_items(scan_records(text, delimiter, line_end), "looking for the separator")
        return sum(len(record.fields) == columns[delimiter] for record in records)

    return max((usual, *rivals), key=count_alike)


def read_records(text: str, tabs: bool, problems) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) of each record of a CSV, or with `tabs` of a TSV, that is not blank.

    A record may go over several lines; its number is that of the first. Faults go to `problems` (`BadRows`), and what
    was guessed is noted there, and how many records hold several cells and nothing in them. A TSV is either quoted as
    Excel quotes or not at all: `judge_quoting` says which.

    A CSV of Excel may begin with the line "sep=;".
    """
    line_end, line = find_line_end(text), 1
    usual = "\t" if tabs else ","
    if hint := re.match(r'"?sep=([,;\t|])"?\r?(?:\n|\r|\Z)', text, re.IGNORECASE):
        text, line, delimiter = text[hint.end() :], 2, hint[1]
    else:
        delimiter = choose_delimiter(text, tabs, line_end)
        if delimiter != usual:
            name = next(name for name, sign in DELIMITERS.items() if sign == delimiter)
            problems.note(f"{problems.path}: its columns are separated by a {name}")
    swallowing = SwallowedRows(text, delimiter, line_end)
    quoting, sure = judge_quoting(text, line_end, swallowing) if delimiter == "\t" else (True, True)
    if not quoting:
        problems.note(f"{problems.path}: its quotation marks are read as characters: not all are around a whole field")
    empty = []  # the lines of records without a character in their cells, as Excel writes below a table
    for record in scan_records(text, delimiter, line_end, quoting, line):
        parts = [record]
        if record.last > record.line and (lines := swallowing.split(record)):
            if not sure or swallowing.repeats_values(lines):
                opening = text.index('"', record.start)
                problems.add(record.line, describe_open_quote(text, opening, record.line, record.last, line_end))
                rest = text.index(line_end, record.start) + 1
                parts = scan_records(text[rest : record.end], delimiter, line_end, False, record.line + 1)
            elif len(lines) > 2:
                doubt = f"its text goes to line {record.last}, though each of these lines would be a row by itself"
                problems.note(f"{problems.path}, line {record.line}: {doubt}; is a quotation mark missing?")
        for part in parts:
            if part.opens >= 0:
                line_of = record.line + text.count(line_end, record.start, part.opens)
                problems.add(part.line, describe_open_quote(text, part.opens, line_of, 0, line_end))
            elif any(field.strip() for field in part.fields) or is_empty_cell(text, part):
                yield part.line, part.fields
            elif len(part.fields) > 1:
                empty.append(part.line)
    if empty:
        problems.note(f"{problems.path}: {len(empty):,} rows of empty cells are left out, the first in line {empty[0]}")


def is_empty_cell(text: str, record: Record) -> bool:
    """Whether a record is one cell that quotation marks show to be there, with nothing in it."""
    return len(record.fields) == 1 and '"' in text[record.start : record.end]


def describe_open_quote(text: str, opening: int, line: int, last: int, line_end: str) -> str:
    """What is wrong with the quotation mark at the character `opening`, in this `line`, and which lines up to `last`
    (0: not known) it would take into its field."""
    words = re.split(r"[\r\n]", text[opening : opening + 31], maxsplit=1)[0][:30]
    closing = re.compile(r'"(?:[^"]++|"")*+("?)').match(text, opening)
    end = closing.end() if closing[1] else len(text.rstrip("\r\n"))
    last = last or line + text.count(line_end, opening, end)
    swallowed = f"it would swallow lines {line + 1} to {last}" if last > line + 1 else f"it would swallow line {last}"
    where = f"is closed in line {last}" if closing[1] else "is closed nowhere"
    advice = "close it before the separator, and double those inside the text"
    if last == line and not closing[1]:
        return f"the quotation mark that opens {words!r} is closed nowhere: {advice}"
    if last == line:
        return f"the quotation mark that opens {words!r} is closed within the text, not at its end: {advice}"
    return f"the quotation mark that opens {words!r} in line {line} {where}: {swallowed}; {advice}"


def judge_quoting(text: str, line_end: str, swallowing: "SwallowedRows") -> tuple[bool, bool]:
    """Whether the quotation marks of a TSV are those of a program (Excel, pandas), not characters of its texts; and
    whether that is sure.

    It is sure if a field needs them: it holds a doubled one, a tab or a line end (and its lines are not rows by
    themselves). Else they are a program's if each is around a whole field.
    """
    clean = True
    records = scan_records(text, "\t", line_end) if '"' in text else ()
    for record in watch_items(records, "looking at quotation marks"):
        lines = swallowing.split(record) if record.last > record.line else []
        if record.needed and record.opens < 0 and not lines:
            return True, True
        clean = clean and record.opens < 0 and not record.stray and not (lines and swallowing.repeats_values(lines))
    return clean, False


class SwallowedRows:
    """Finds a record that goes over several lines because a quotation mark before one row is closed in a later one."""

    def __init__(self, text: str, delimiter: str, line_end: str):
        self.text, self.delimiter, self.line_end = text, delimiter, line_end
        self.width = len(next((record.fields for record in scan_records(text, delimiter, line_end)), []))
        self.values: list[set[str]] = []  # of each column, in the records of one line

    def split(self, record: Record) -> list[list[str]]:
        """The fields of each line of a record if each would be a row by itself; else an empty list. Of a TSV, whose
        texts hold no tabs, the first and the last line decide, and others are left out."""
        lines = self.text[record.start : record.end].rstrip("\r\n").split(self.line_end)
        lines = [line for line in lines if line.strip()]
        decisive = (lines[0], lines[-1]) if self.delimiter == "\t" else lines
        if self.width < 2 or any(line.count(self.delimiter) != self.width - 1 for line in decisive):
            return []
        rows = ([field.strip().strip('"') for field in line.split(self.delimiter)] for line in lines)
        return [row for row in rows if len(row) == self.width]

    def repeats_values(self, lines: list[list[str]]) -> bool:
        """Whether the lines have labels in one column: values that other rows have there, too, or several of them."""
        if not self.values:
            self.values = [set() for _ in range(self.width)]
            for record in scan_records(self.text, self.delimiter, self.line_end):
                if record.line == record.last and len(record.fields) == self.width:
                    for values, field in zip(self.values, record.fields, strict=True):
                        values.add(field.strip())
        for known, column in zip(self.values, zip(*lines, strict=True), strict=True):
            if known & set(column) and all(value and (value in known or column.count(value) > 1) for value in column):
                return True
        return False
