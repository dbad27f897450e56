"""How a file of tagged words in columns is laid out, by what stands in it: where its words are, where its tags.

Columns part at tabs or at ASCII spaces, lines at line feeds: any other space that Unicode has is a character of a word.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

from .metrics import ENTITY_TAG

TABS, RUNS_OF_TABS, BLANKS = "a tab", "tabs", "tabs or spaces"  # what separates columns
ADVICE = "name the columns, counted from 1 (-1 is the last): --columns word=1 tag=2"
DOCUMENT = "-DOCSTART-"
NO_TAGS = frozenset("_-")  # what stands where a word has no tag
CHUNKS = re.compile(r"O|[BI]-(NP|VP|PP|ADVP|ADJP|SBAR|PRT|INTJ|CONJP|LST|UCP)|[BI]-[NVP]C")
SAMPLE = 20_000  # lines by which a layout is recognised
NUMBER = re.compile(r"[0-9]+([-.][0-9]+)?")


class Layout(NamedTuple):
    """Where the words and the tags of a file are. Columns are counted from 0; -1 is the last one."""

    name: str
    word: int
    tag: int
    separator: str
    width: int = 0  # columns of each line; 0: lines may differ
    numbered: bool = False  # the first column holds the numbers of the words
    usual: bool = False  # read in the way that goes without saying
    known_tags: frozenset[str] = frozenset()  # that words have, the first one apart
    tagged: bool = True  # False: words alone, of which a model is to find the tags
    prefix: str = ""  # what stands before each word, and belongs to none: the "en:" of WikiANN

    def describe(self) -> str:
        """The layout in words, with columns counted from 1."""
        if not self.tagged:
            return f"{self.name} columns: word {self.word + 1}, no tags"
        word, tag = (column + 1 if column >= 0 else column + 1 + self.width if self.width else column
                     for column in (self.word, self.tag))  # fmt: skip
        without = f" (without {self.prefix!r} before each)" if self.prefix else ""
        return f"{self.name} columns: word {word}{without}, tag {tag}"


Line = tuple[int, str]  # its number from 1, its text


# ---- Lines and columns -----------------------------------------------------------------------------------------------


def split_columns(line: str, separator: str) -> list[str]:
    """The columns of a line, without blanks around them."""
    if separator == BLANKS:
        return [column for column in line.replace("\t", " ").split(" ") if column] or [""]
    columns = [column.strip(" ") for column in line.rstrip(" \t").split("\t")]
    return columns if separator == TABS else columns[:1] + [column for column in columns[1:] if column]


def split_blocks(text: str) -> list[list[Line]]:
    """The lines that are not blank, in blocks that blank lines separate."""
    numbered = enumerate(text.split("\n"), 1)
    return [list(block) for blank, block in groupby(numbered, lambda line: not line[1].strip()) if not blank]


def is_document_start(line: str) -> bool:
    """Whether a line separates documents; where words are numbered, a number comes first."""
    return DOCUMENT in line and DOCUMENT in split_columns(line, BLANKS)[:2]


def find_width(rows: Sequence[list[str]]) -> tuple[int, int]:
    """(the number of columns that most rows have, at least 2; how many rows have it)."""
    counts = Counter(len(row) for row in rows if len(row) > 1)
    return counts.most_common(1)[0] if counts else (2, 0)


def choose_separator(lines: Sequence[str]) -> str:
    """What separates the columns: tabs if at least half of the lines have one, in runs if the columns are aligned by
    them."""
    if 2 * sum("\t" in line.strip(" \t") for line in lines) < len(lines):
        return BLANKS
    return max((TABS, RUNS_OF_TABS), key=lambda tabs: find_width([split_columns(line, tabs) for line in lines])[1])


# ---- The layout of a file --------------------------------------------------------------------------------------------


def is_word_number(column: str) -> bool:
    return NUMBER.fullmatch(column) is not None


def has_numbers(rows: Sequence[list[str]], any_order: bool = False) -> bool:
    """Whether the first column numbers the words or the sentences: unless in `any_order`, each number is that of the
    line before, or one more, or begins anew."""
    numbers = [int(row[0]) for row in rows if re.fullmatch("[0-9]{1,9}", row[0])]
    steps = sum(b in (a, a + 1, 0, 1) for a, b in pairwise([0, *numbers]))
    in_order = any_order or 2 * steps > len(numbers)
    return in_order and 2 * sum(is_word_number(row[0]) for row in rows) > len(rows)


def may_be_names(column: Sequence[str]) -> bool:
    """Whether each tag of a column is O or begins with B-, I- and so on."""
    return all(tag == "O" or ENTITY_TAG.match(tag) for tag in set(column))


def hold_names_or_o(column: Sequence[str]) -> bool:
    """Whether at least nine of ten tags of a column are O or begin with B-, I- and so on."""
    return 10 * sum(tag == "O" or bool(ENTITY_TAG.match(tag)) for tag in column) >= 9 * len(column)


def hold_names(column: Sequence[str]) -> bool:
    """The same, and not all are O."""
    return hold_names_or_o(column) and any(map(ENTITY_TAG.match, column))


def are_chunks(column: Sequence[str]) -> bool:
    """Whether a column holds the phrases of CoNLL-2000 and 2003."""
    return set(column) != {"O"} and all(map(CHUNKS.fullmatch, set(column)))


def list_candidates(blocks: Sequence[Sequence[Line]]) -> list[str]:
    """The lines that hold a word for certain: not those with # or -DOCSTART- (if there are others)."""
    lines = [line for block in blocks for _, line in block if not is_document_start(line)]
    return [line for line in lines if not line.startswith("#")] or lines


def recognise_layout(blocks: Sequence[Sequence[Line]], is_conllu: bool) -> Layout:
    """How a file is laid out, by its lines. `is_conllu`: its name says that it is CoNLL-U."""
    lines = list_candidates(blocks)[:SAMPLE]
    separator = choose_separator(lines)
    split = [split_columns(line, separator) for line in lines]
    width, _ = find_width(split)
    rows = [row for row in split if len(row) == width]
    numbered = width > 2 and has_numbers(rows, any_order=width == 10)
    if (numbered and (width == 10 or is_conllu)) or (is_conllu and width == 10):
        return Layout("CoNLL-U", 1, 3, separator, 10, True, True)
    columns = list(zip(*rows, strict=True)) or [()] * width
    longer = [row[width - 1] for row in split if len(row) > width]
    if width > 1 + numbered and longer and hold_names(columns[-1] + tuple(longer)) and hold_names_or_o(longer):
        return Layout(f"{width} or more{' numbered' * numbered}", int(numbered), width - 1, separator, 0, numbered)
    has_names = [may_be_names(column) and set(column) != {"O"} for column in columns]
    tags = [i for i in range(1 + numbered, width) if hold_names(columns[i]) and not are_chunks(columns[i])]
    # Behind the tags of names may be tags within them, or what is none: who annotated, a number, an offset.
    first = tags and (not hold_names_or_o(columns[-1]) or len(set(columns[-1])) == 1)
    if numbered:
        nested = width == 4 and may_be_names(columns[2] + columns[3]) and not are_chunks(columns[2])
        name, tag = ("GermEval 2014", 2) if nested else (f"{width} numbered", tags[0] if first else -1)
        return Layout(name, 1, tag, separator, width, True)
    if width == 2 and has_names[0] and not may_be_names(columns[1]):
        return Layout("2", 1, 0, separator, 2)  # the tag first
    name = str(width)
    if tags and width > 2 and (tags == [1, 2] == [width - 2, width - 1] or (first and tags[0] < width - 1)):
        return Layout(name, 0, tags[0], separator, width)
    if width == 4 and rows and set(columns[1]) == set(columns[2]) == {"_"}:
        name = "MultiCoNER"
    elif width == 4 and has_names[3] and are_chunks(columns[2]):
        name = "CoNLL-2003"
    elif width == 2 and separator == TABS and has_names[1]:
        if prefix := find_common_prefix(columns[0]):
            return Layout("WikiANN", 0, -1, separator, width, prefix=prefix)
        name = "WNUT"
    return Layout(name, 0, -1, separator, width, usual=True)


def find_common_prefix(words: Sequence[str]) -> str:
    """The name of a language and a colon if each of several words begins with the same one ("en:Oslo"), else ""."""
    found = re.match(r"[a-z]{2,3}(-[a-z]+)*:(?=.)", words[0]) if words else None
    return found[0] if found and len(words) > 2 and all(word.startswith(found[0]) for word in words) else ""


def leave_out_tags(layout: Layout, blocks: Sequence[Sequence[Line]]) -> Layout:
    """The layout for a model that is to find the tags: without them, if the file has words alone, or "_" or "-" for
    each tag."""
    rows = [split_columns(line, layout.separator) for line in list_candidates(blocks)[:SAMPLE]]
    if all(len(row) == 1 for row in rows):
        return layout._replace(name="1", word=0, width=1, tagged=False, usual=False)
    tags = {row[layout.tag] for row in rows if len(row) == layout.width}
    return layout._replace(tagged=not tags or not tags <= NO_TAGS)


def collect_known_tags(blocks: Sequence[Sequence[Line]], layout: Layout) -> frozenset[str]:
    """The tags of all lines that hold a word for certain but the first one, which may hold the names of the columns."""
    rows = [split_columns(line, layout.separator) for line in list_candidates(blocks)[1:]]
    rows = [row for row in rows if len(row) == (layout.width or len(row))]
    return frozenset(row[layout.tag] for row in rows if -len(row) <= layout.tag < len(row))


def parse_column_number(name: str, text: str) -> int:
    """A column that is given as a number from 1, counted from 0; -1, -2 ... count from the end."""
    if not re.fullmatch("-?[1-9][0-9]{0,3}", text):
        raise ValueError(f"{name} is {text!r}; it is the number of a column: 1 is the first, -1 the last")
    return int(text) - (not text.startswith("-"))


def choose_columns(layout: Layout, column: str, word: str, tag: str, path: Path) -> Layout:
    """The layout with the columns that the user names. Raises ValueError for what cannot be."""
    if column and column.lower() not in ("upos", "xpos"):
        raise ValueError(f"column is {column!r}; of CoNLL-U it is upos or xpos")
    if column and tag:
        raise ValueError(f"column={column} and tag={tag} both say where the tag is: give one of them")
    if column and layout.name != "CoNLL-U":
        raise ValueError(f"column={column} is for CoNLL-U; {path} has {layout.describe()}. To choose, {ADVICE}")
    if column:
        layout = layout._replace(tag=3 if column.lower() == "upos" else 4)
    if word or tag:
        chosen = layout._replace(
            word=parse_column_number("word", word) if word else layout.word,
            tag=parse_column_number("tag", tag) if tag else layout.tag,
            width=10 if layout.name == "CoNLL-U" else 0,
            usual=True,
        )
        if chosen.word == chosen.tag:
            raise ValueError(f"column {word or tag} cannot be both the word and the tag: give word= and tag=")
        return chosen
    return layout
