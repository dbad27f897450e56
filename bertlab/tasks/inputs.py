"""What `predict` is given: texts, lines of standard input, or a file of the kinds that `finetune` reads."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .. import files
from ..progress import watch_items
from .base import Task
from .tables import BadRows, get_field, read_table

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
COLUMNS = (".conll", ".conllu", ".bio", ".iob", ".iob1", ".iob2", ".bioes")
# Nobody ends a text like this: it is a file, though one that is not read.
OTHERS = (".xls", ".xlsx", ".ods", ".doc", ".docx", ".odt", ".rtf", ".pdf", ".html", ".xml", ".md", ".parquet", ".gz",
          ".zip", ".bz2", ".xz")  # fmt: skip
WITH_TEXT = "with --text it is taken as a text"

PREDICT_INPUTS = """texts; or one file; without any, or for -: standard input, one text a line.

A line is a text. Where a model reads more, tabs separate it: the two texts of a pair, a question and its context, what
was said and the replies to choose from; for a tagger, the words themselves. Another number of fields is an error. An
empty line is an empty text, which classifiers and writers answer; a text that is longer than what the model reads is
cut, or read in parts, which is said.

A file is a .txt of lines, or one that finetune reads for the task: .csv, .tsv, .json and .jsonl with named columns
(text, text_pair; question, context; source; source and a list replies; a list words), SQuAD's JSON, CoNLL's columns
(with tags or without). A .tsv whose first line names no such column is read as lines. What looks like the name of a
file and is none is an error.
"""


def find_input_file(texts: Sequence[str], as_text: bool = False) -> Path | None:
    """The file that the command line names, or None when its words are texts, or when there are none.

    A word is the name of a file if there is such a file, if it ends as files do (.csv, .txt, ...), or if it has a path
    separator and no spaces. Raises FileNotFoundError for one that is not there, OSError for one that is no regular
    file, ValueError for a file among several words.
    """
    if as_text:
        return None
    for text in texts if len(texts) > 1 else ():
        if names_file(text) and (is_file(text) or has_ending(text)):
            raise ValueError(f"{text!r:.60} names a file: give one file alone, or --text to take all as texts")
    if len(texts) != 1 or not (names_file(texts[0]) or is_folder(texts[0])):
        return None
    path = Path(texts[0])
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: give a file; {WITH_TEXT}")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {texts[0]!r}; {WITH_TEXT}")
    if not path.is_file():
        raise OSError(f"{path} is not a regular file: give its text to standard input; {WITH_TEXT}")
    return path


def list_given(words: Sequence[str], as_text: bool = False) -> list[str]:
    """The words of the command line that are texts or a file: none for "-", which is standard input."""
    return [] if list(words) == ["-"] and not as_text else list(words)


def names_file(text: str) -> bool:
    """Whether a word of the command line is the name of a file."""
    if len(text) > 1000 or re.search(r"[\t\r\n\0]", text):
        return False
    has_separator = any(sign and sign in text for sign in (os.sep, os.altsep)) and not re.search(r"\s", text)
    return is_file(text) or has_ending(text) or has_separator


def has_ending(text: str) -> bool:
    """Whether a text ends with a name's ending that files of data have."""
    return Path(text).suffix.lower() in (".txt", *TABLES, *COLUMNS, *OTHERS) and bool(Path(text).stem.strip("."))


def refuse_file(text: str) -> None:
    """Raise ValueError for a text that is the name of a file, where a text alone is read."""
    if names_file(text) and (is_file(text) or has_ending(text)):
        raise ValueError(f"{text!r:.60} is the name of a file: give the text itself")


def is_file(text: str) -> bool:
    """Whether there is a regular file of this name."""
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # no name that a file could have
        return False


def is_folder(text: str) -> bool:
    """Whether there is a folder of this name, which is longer than "." and ".."."""
    try:
        return len(text) > 2 and Path(text).is_dir()
    except (OSError, ValueError):
        return False


def read_inputs(
    task: Task,
    texts: Sequence[str] = (),
    file: Path | None = None,
    *,
    columns: dict[str, str] | None = None,
    skip_bad_rows: bool = False,
    say: Callable[[str], None] = print,
    stdin=None,
) -> tuple[list, list]:
    """(inputs for `Task.predict_inputs`, what each is in the output: its columns, or the input itself) from a `file`,
    else from `texts`, else from the lines of standard input.

    A line is a text; where the task reads two things or more, tabs separate them. A last empty line is none; others
    are empty texts, which a classifier and a writer answer. In a table `columns` names the columns. Raises BadRowsError
    for what the task cannot read, by file and line, ValueError when there is nothing, OSError.
    """
    columns = columns or {}
    unknown = [name for name in columns if name not in (*task.input_columns, *task.columns)]
    if unknown:
        known = ", ".join(dict.fromkeys((*task.input_columns, *task.columns))) or "none"
        raise ValueError(f"a {task.name} has no columns {', '.join(unknown)} to name; there are {known}")
    if columns and file is None:
        raise ValueError("columns are those of a file: there is none")
    if file is None and texts:
        given = [split_fields(text) for text in texts]
        for one in given:
            task.parse_input(one)
        report_empty_texts(given, say)
        return given, given
    problems = BadRows(file or "standard input")
    if file is None:
        text = read_standard_input(stdin or sys.stdin)
        found = parse_lines(task, text, problems)
    elif (found := task.read_annotated_file(file, columns, problems, skip_bad_rows, say)) is None:
        if is_table(task, file, columns, problems):
            found = parse_table(task, file, columns, problems)
        else:
            found = parse_lines(task, files.read_text(file), problems)
    problems.raise_or_report(len(found), skip_bad_rows, say)
    report_empty_texts([given for given, _ in found], say)
    return [given for given, _ in found], [shown for _, shown in found]


def report_empty_texts(inputs: Sequence, say: Callable[[str], None]) -> None:
    """Say how many of the inputs are empty texts."""
    empty = sum(isinstance(given, str) and not given.strip() for given in inputs)
    if empty:
        say(f"{empty:,} of {len(inputs):,} texts are empty: their predictions say nothing")


def read_standard_input(stream) -> str:
    """All of standard input as UTF-8. Raises ValueError when it is something else."""
    if not hasattr(stream, "buffer"):
        return stream.read()
    return files.unify_line_ends(files.decode_text(stream.buffer.read(), "standard input"))


def split_fields(line: str) -> str | tuple[str, ...]:
    """A line as an input: a text, or several separated by tabs."""
    return tuple(line.split("\t")) if "\t" in line else line


def parse_lines(task: Task, text: str, problems: BadRows) -> list[tuple]:
    """(input, input) of each line that the task can read; others go to `problems`. Raises ValueError for an empty
    text."""
    lines, found = text.removesuffix("\n").split("\n"), []
    if lines == [""]:
        raise ValueError(f"there is nothing to predict in {problems.path}: give a text, a file, or lines")
    for number, line in enumerate(lines, 1):
        try:
            given = split_fields(line)
            task.parse_input(given)
            found.append((given, given))
        except ValueError as error:
            problems.add(number, str(error))
    return found


def is_table(task: Task, file: Path, columns: dict[str, str], problems: BadRows) -> bool:
    """Whether a file is a table, not lines of texts. A .tsv whose first line names no column of the task is none, which
    is noted. Raises ValueError for an ending that is not known."""
    kind = file.suffix.lower()
    if kind not in (".txt", *TABLES):
        endings = f"{', '.join(TABLES)} or .txt"
        raise ValueError(f"{file}: the name must end in {endings} for a model of {task.name}; {WITH_TEXT}")
    if kind != ".tsv":
        return kind != ".txt"
    first = next((line for line in files.read_text(file).split("\n") if line.strip()), "")
    names = {*task.input_columns.values(), *task.file_columns.values(), *columns.values()}
    if names & {name.strip().strip('"') for name in re.split(r"[\t,;]", first)}:
        return True
    wanted = " or ".join(map(repr, task.input_columns.values()))
    problems.note(f"{file}: its first line names no column {wanted}, so each line is read as what tabs separate")
    return False


def parse_table(task: Task, file: Path, columns: dict[str, str], problems: BadRows) -> list[tuple]:
    """(input, row) of each row of a table that the task can read; others go to `problems`."""
    found = []
    for line, row in watch_items(read_table(file, problems), "reading rows"):
        try:
            parts = task.expand_row(row)
        except ValueError as error:
            problems.add(line, str(error))
            continue
        for number, part in enumerate(parts, 1):
            try:
                for key in columns.keys() & task.input_columns.keys():
                    get_field(part, columns[key])
                known = {key: name for key, name in task.file_columns.items() if name in part}
                given = task.parse_row(part, task.input_columns | known | columns)
                task.parse_input(given)
                found.append((given, part))
            except ValueError as error:
                where = f"line {line}" if isinstance(line, int) else line
                problems.add(line if part is row else f"{where}, question {part.get('id') or number}", str(error))
    return found
