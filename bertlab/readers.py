"""Examples as plain words, and the file formats of the field that hold them: CSV, TSV, JSON lines, folders, CoNLL,
CoNLL-U, SQuAD, and data sets of the Hugging Face hub. A file is checked as a whole before anything is made of it."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from . import sources
from .corpus import place
from .metrics import of_names, to_iob2

# ---- Examples: what a file holds, as plain words ---------------------------------------------------------------------


class Text(NamedTuple):
    """A text, or a pair of texts, and its label."""

    text: str
    pair: str | None
    label: str


class Sentence(NamedTuple):
    """Words and the tag of each."""

    words: list[str]
    tags: list[str]


class Question(NamedTuple):
    """A question on a context. `answers` are (first character, text); none: the context does not hold one."""

    id: str
    question: str
    context: str
    answers: list[tuple[int, str]]


class Pair(NamedTuple):
    """What is read, and what is to be written or said then."""

    source: str
    target: str


class Split(NamedTuple):
    """Examples to learn from, to choose by, and to be judged by at the end."""

    train: list
    dev: list
    test: list


def parted(examples: Sequence, key: Callable[[object], str]) -> Split:
    """Eight tenths, one and one. The side of an example is a hash of its key in lower case: fixed for ever, and two
    with the same key are never on two sides."""
    sides: dict[str, list] = {"train": [], "dev": [], "test": []}
    for example in examples:
        where = place(" ".join(key(example).lower().split()))
        sides["test" if where < 0.1 else "dev" if where < 0.2 else "train"].append(example)
    return Split(**sides)


# ---- Reading files ---------------------------------------------------------------------------------------------------


class BadRowsError(ValueError):
    """Rows of a file cannot be used. The message names the file, the line, and what is wrong with each."""


class Problems:
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


def table(file: Path, problems: Problems, columns: Sequence[str] | None = None) -> Iterator[tuple[int, dict]]:
    """(line, row) of a .csv, .tsv or .jsonl file; lines that are no row are told to `problems`.

    The first line of a CSV or TSV names the columns. With `columns` it need not: then, if it names none of them, each
    line holds these. A TSV has no quoting: a quotation mark in it is a character.
    """
    text = sources._read_text(file)
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


def field(row: dict, name: str) -> str:
    """A text of a row. Raises ValueError with what is wrong."""
    if name not in row:
        raise ValueError(f"there is no {name!r}, only {', '.join(map(str, row)) or 'nothing'}")
    if not isinstance(row[name], str):
        raise ValueError(f"{name} is {row[name]!r}, no text")
    if not row[name].strip():
        raise ValueError(f"{name} is empty")
    return row[name].strip()


def a_label(value) -> str:
    """A label as a word: 1 is "1". Raises ValueError."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise ValueError(
            "label is empty" if value in ("", None) else f"label is {value!r}, neither a word nor a number"
        )
    return str(value).strip()


def read_texts(
    where: str | Path,
    text: str = "text",
    pair: str = "text_pair",
    label: str = "label",
    skip_bad_rows: bool = False,
    say: Callable[[str], None] = print,
) -> list[Text]:
    """Labelled texts from a .csv, .tsv or .jsonl file with the columns `text`, `label` and perhaps `pair`, or from a
    folder that holds a folder of .txt files for each label.

    All of the file is read before anything is said. Raises BadRowsError for rows without a text or label (unless they
    are to be skipped), OSError for a file that is not there, ValueError for one that is not UTF-8.
    """
    where = Path(where)
    problems, found = Problems(where), []
    if where.is_dir():
        for file in sorted(where.glob("*/*.txt")):
            try:
                found.append(Text(field({"text": sources._read_text(file)}, "text"), None, file.parent.name))
            except ValueError as error:
                problems.add(str(file.relative_to(where)), str(error))
    else:
        for line, row in table(where, problems):
            try:
                if label not in row:
                    raise ValueError(f"there is no {label!r}, only {', '.join(row)}")
                second = field(row, pair) if pair in row else None
                found.append(Text(field(row, text), second, a_label(row[label])))
            except ValueError as error:
                problems.add(line, str(error))
    problems.settle(len(found), skip_bad_rows, say)
    return found


def read_pairs(
    where: str | Path,
    source: str = "source",
    target: str = "target",
    skip_bad_rows: bool = False,
    say: Callable[[str], None] = print,
) -> list[Pair]:
    """Sources and targets from a .tsv, .csv or .jsonl file. A TSV or CSV may have two columns and no header. Errors as
    for `read_texts`."""
    problems, found = Problems(where), []
    for line, row in table(Path(where), problems, (source, target)):
        try:
            found.append(Pair(field(row, source), field(row, target)))
        except ValueError as error:
            problems.add(line, str(error))
    problems.settle(len(found), skip_bad_rows, say)
    return found


def read_tagged(
    where: str | Path, column: str = "", skip_bad_rows: bool = False, say: Callable[[str], None] = print
) -> list[Sentence]:
    """Tagged sentences from CoNLL columns, CoNLL-U (.conllu) or JSON lines.

    Columns are parted by tabs or spaces: the word first, the tag last, a blank line after each sentence; -DOCSTART- is
    left out. Of CoNLL-U the `column` is "upos" (the default) or "xpos"; lines of several words and empty nodes are left
    out. A line of JSON holds lists `words` (or `tokens`) and `tags` (or `labels`). Tags of names may be IOB1, IOB2
    or BIOES; they become IOB2 (`to_iob2`). Errors as for `read_texts`; a bad row is a sentence.
    """
    where = Path(where)
    problems, found = Problems(where), []
    if where.suffix in (".jsonl", ".json"):
        for line, row in table(where, problems):
            words, tags = row.get("words", row.get("tokens")), row.get("tags", row.get("labels"))
            if not isinstance(words, list) or not isinstance(tags, list):
                problems.add(line, f"needs lists 'words' and 'tags'; there are {', '.join(row)}")
            elif not words or len(words) != len(tags) or not all(isinstance(w, str) and w.strip() for w in words):
                problems.add(line, f"{len(words)} words and {len(tags)} tags; each word needs one, and none is empty")
            else:
                found.append(Sentence([w.strip() for w in words], [str(tag) for tag in tags]))
    else:
        at = {"": 3, "upos": 3, "xpos": 4}.get(column.lower())
        if at is None:
            raise ValueError(f"column is {column!r}; of CoNLL-U it is upos or xpos")
        lines = enumerate(sources._read_text(where).split("\n"), 1)
        for blank, block in groupby(lines, lambda numbered: not numbered[1].strip()):
            if not blank:
                read_block(list(block), where.suffix == ".conllu", at, problems, found)
    problems.settle(len(found), skip_bad_rows, say)
    tags = {tag for sentence in found for tag in sentence.tags}
    return [Sentence(words, to_iob2(tags)) for words, tags in found] if of_names(tags) else found


def read_block(lines: list[tuple[int, str]], conllu: bool, at: int, problems: Problems, found: list[Sentence]) -> None:
    """One sentence of a file of columns: its (number, line)s are put to `found`, or to `problems`."""
    words, tags = [], []
    for number, line in lines:
        if conllu and line.startswith("#"):
            continue
        columns = line.strip().split("\t") if conllu or "\t" in line.strip() else line.split()
        if columns[0] == "-DOCSTART-":
            continue
        if len(columns) != 10 if conllu else len(columns) < 2:
            return problems.add(
                number, f"{len(columns)} columns; {'CoNLL-U has 10' if conllu else 'at least 2'} are needed"
            )
        if conllu and not columns[0].isdigit():  # 3-4 joins two words that follow, 5.1 is a word left out
            if not re.fullmatch(r"\d+[-.]\d+", columns[0]):
                return problems.add(number, f"{columns[0]!r} is no number of a word")
            continue
        word, tag = (columns[1], columns[at]) if conllu else (columns[0], columns[-1])
        if not word.strip() or not tag.strip() or (conllu and tag == "_"):
            return problems.add(number, "there is no word" if not word.strip() else f"{word!r} has no tag")
        words.append(word.strip())
        tags.append(tag.strip())
    return found.append(Sentence(words, tags)) if words else None


def read_questions(
    where: str | Path, skip_bad_rows: bool = False, say: Callable[[str], None] = print
) -> list[Question]:
    """Questions from a file in the format of SQuAD 1.1 or 2.0 (Rajpurkar et al. 2016, 2018).

    Raises BadRowsError for a question without a text, or whose answer does not stand in its context where it says.
    """
    problems = Problems(where)
    try:
        articles = json.loads(sources._read_text(Path(where)))["data"]
        if not isinstance(articles, list):
            raise TypeError
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{where} is not laid out as SQuAD: an object with a list 'data' is needed ({error!r})"
        ) from None
    found = questions_of(articles, problems)
    problems.settle(len(found), skip_bad_rows, say)
    return found


def questions_of(articles: list, problems: Problems) -> list[Question]:
    """The questions of SQuAD's `data`; what is wrong is told to `problems` by the question's id."""
    found, seen = [], set()
    for number, article in enumerate(articles, 1):
        try:
            asked = [(paragraph["context"], qa) for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
        except (KeyError, TypeError) as error:
            problems.add(f"article {number}", f"there is no {error}")
            continue
        for context, qa in asked:
            name = str(qa.get("id", "")) if isinstance(qa, dict) else ""
            try:
                if not name or name in seen:
                    raise ValueError("its id is that of another one" if name else "it has no id")
                answers = [] if qa.get("is_impossible") else [answer_of(a, context) for a in qa.get("answers", [])]
                if not answers and not qa.get("is_impossible") and "is_impossible" in qa:
                    raise ValueError("there is no answer, and is_impossible is false")
                if not answers and "is_impossible" not in qa:
                    raise ValueError("there is no answer, and no is_impossible as in SQuAD 2.0")
                found.append(Question(name, field(qa, "question"), context, answers))
                seen.add(name)
            except (ValueError, TypeError, KeyError) as error:
                problems.add(f"question {name or number}", str(error))
    return found


def answer_of(answer: dict, context: str) -> tuple[int, str]:
    """(first character, text) of an answer. Raises ValueError when it is not there."""
    start, text = answer["answer_start"], answer["text"]
    if not isinstance(start, int) or not text or context[max(0, start) : start + len(text)] != text:
        there = [match.start() for match in re.finditer(re.escape(text), context)] if text else []
        hint = f"it stands at {', '.join(map(str, there[:3]))}" if there else "it is not in the context at all"
        raise ValueError(f"the answer {text!r} does not stand at character {start}: {hint}")
    return start, text


def read_hub(kind: str, name: str, split: str, config: str | None = None, **columns: str) -> list:
    """Examples of a kind ("classify", "tag", "read", "write") from a data set of the Hugging Face hub, or a folder that
    `datasets` can load. The columns are those that such sets usually have, or those that you name.

    Raises OSError when it cannot be had, ValueError when it has other columns, or no row with a label.
    """
    import datasets

    try:
        data = datasets.load_dataset(name, config, split=split)
    except Exception as error:  # offline, no such name, gated, a script: its own words say which
        reason = " ".join(str(error).split())[:400] or type(error).__name__
        raise OSError(f"the data set {name!r} (split {split!r}) could not be loaded: {reason}") from error

    def column(usual: str, needed: bool = True) -> str:
        asked = [columns[k] for k in columns if k == usual.split()[0]] or usual.split()
        there = [one for one in asked if one in data.column_names]
        if not there and needed:
            raise ValueError(f"{name} has no column {' or '.join(asked)}, only {', '.join(data.column_names)}")
        return there[0] if there else ""

    def names_of(feature) -> Callable[[object], str]:
        feature = getattr(feature, "feature", feature)
        return (lambda value: feature.names[value]) if hasattr(feature, "names") else a_label

    if kind == "classify":
        text, pair = column("text sentence sentence1 premise content"), column("text_pair sentence2 hypothesis", False)
        label = column("label labels")
        word = names_of(data.features[label])
        found = [Text(row[text], row[pair] if pair else None, word(row[label])) for row in data if row[label] != -1]
        if not found:
            raise ValueError(f"no row of {name!r} (split {split!r}) has a label: take another split, {name}@validation")
        return found
    if kind == "tag":
        words, tags = column("words tokens"), column("tags ner_tags upos xpos pos_tags labels")
        word = names_of(data.features[tags])
        found = [Sentence(list(row[words]), [word(tag) for tag in row[tags]]) for row in data if row[words]]
        return [Sentence(w, to_iob2(t)) for w, t in found] if of_names({t for s in found for t in s.tags}) else found
    if kind == "read":
        for needed in ("id", "question", "context", "answers"):
            column(needed)
        return [Question(row["id"], row["question"], row["context"], list(zip(row["answers"]["answer_start"],
                         row["answers"]["text"], strict=True))) for row in data]  # fmt: skip
    if "translation" in data.column_names:
        two = columns.get("source"), columns.get("target")
        languages = two if all(two) else list(data[0]["translation"])[:2]
        return [Pair(*(row["translation"][language] for language in languages)) for row in data]
    source, target = column("source article document text dialogue"), column("target highlights summary title")
    return [Pair(row[source], row[target]) for row in data]
