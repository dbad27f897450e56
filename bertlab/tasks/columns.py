"""Files of tagged words in columns: recognises by its content how one is laid out, and reads its sentences.

CoNLL-2003, CoNLL-U, GermEval 2014, MultiCoNER, WNUT and their relatives. Columns part at tabs or at ASCII spaces, lines
at line feeds: any other space that Unicode has is a character of a word.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

from .. import files
from ..progress import watch_items
from .metrics import ENTITY_TAG
from .tables import BadRows

TABS, RUNS_OF_TABS, BLANKS = "a tab", "tabs", "tabs or spaces"  # what separates columns
ADVICE = "name the columns, counted from 1 (-1 is the last): --columns word=1 tag=2"
DOCUMENT = "-DOCSTART-"
CHUNKS = re.compile(r"O|[BI]-(NP|VP|PP|ADVP|ADJP|SBAR|PRT|INTJ|CONJP|LST|UCP)|[BI]-[NVP]C")
SAMPLE = 20_000  # lines by which a layout is recognised
NUMBER = re.compile(r"[0-9]+([-.][0-9]+)?")
HEADER_WORDS = ("word", "words", "token", "tokens", "form", "text")
HEADER_TAGS = ("tag", "tags", "ner", "ner_tag", "ner_tags", "ne", "label", "labels", "pos", "upos", "xpos", "entity")


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

    def describe(self) -> str:
        """The layout in words, with columns counted from 1."""
        word, tag = (column + 1 if column >= 0 else column + 1 + self.width if self.width else column
                     for column in (self.word, self.tag))  # fmt: skip
        return f"{self.name} columns: word {word}, tag {tag}"


class Token(NamedTuple):
    """A word, its tag, and the number of its line."""

    word: str
    tag: str
    line: int


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
    if numbered:
        nested = width == 4 and may_be_names(columns[2] + columns[3]) and not are_chunks(columns[2])
        name, tag = ("GermEval 2014", 2) if nested else (f"{width} numbered", -1)
        return Layout(name, 1, tag, separator, width, True)
    has_names = [may_be_names(column) and set(column) != {"O"} for column in columns]
    if width == 2 and has_names[0] and not may_be_names(columns[1]):
        return Layout("2", 1, 0, separator, 2)  # the tag first
    name = str(width)
    tags = [i for i in range(1, width) if has_names[i] and not are_chunks(columns[i])]
    if tags and width > 2 and (tags == [1, 2] == [width - 2, width - 1] or len(set(columns[-1])) == 1):
        return Layout(name, 0, tags[0], separator, width)  # tags within tags come second; a constant is no tag
    if width == 4 and rows and set(columns[1]) == set(columns[2]) == {"_"}:
        name = "MultiCoNER"
    elif width == 4 and has_names[3] and are_chunks(columns[2]):
        name = "CoNLL-2003"
    elif width == 2 and separator == TABS and has_names[1]:
        name = "WNUT"
    return Layout(name, 0, -1, separator, width, usual=True)


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


# ---- The lines of a sentence -----------------------------------------------------------------------------------------


def fit_columns(line: str, layout: Layout) -> list[str]:
    """The columns of a line. One that has another number of them than most is split in another way if that gives a tag
    that other lines have."""
    columns = split_columns(line, layout.separator)
    if not layout.width or len(columns) == layout.width or layout.name == "CoNLL-U":
        return columns
    others = [split_columns(line, separator) for separator in (TABS, RUNS_OF_TABS, BLANKS)]
    fitting = [other for other in others if len(other) == layout.width and other[layout.tag] in layout.known_tags]
    return fitting[0] if fitting else columns


def is_comment(line: str, is_first: bool, layout: Layout) -> bool:
    """Whether a line that begins with # is a comment, not the word "#" (or "#tag") and its tag.

    In a file of numbered words it is. Elsewhere a comment comes before the words of a sentence, has a blank behind the
    # (or says #begin or #end), and has another number of columns than words have, or a tag that no word has.
    """
    if not line.startswith("#"):
        return False
    if layout.numbered:
        return not is_word_number(split_columns(line, layout.separator)[0])
    if not is_first or not re.match(r"#[ \t]|#(begin|end) ", line) or not line.strip("# \t"):
        return False
    columns = fit_columns(line, layout)
    if layout.width and len(columns) != layout.width:
        return len(columns) > layout.width or columns[-1] not in layout.known_tags
    if not -len(columns) <= layout.tag < len(columns):
        return True
    tag = columns[layout.tag]
    return not may_be_names([tag]) and tag not in layout.known_tags and re.search(r"\w", tag) is not None


def read_token(line: Line, layout: Layout) -> Token | None:
    """The word of a line and its tag; None for one that counts no word (3-4 joins two words that follow, 5.1 is a word
    left out). Raises ValueError."""
    columns = fit_columns(line[1], layout)
    if layout.name == "CoNLL-U" and len(columns) != 10:
        raise ValueError(f"{len(columns)} columns; CoNLL-U has 10")
    if len(columns) < 2:
        commas = "; they part at tabs or spaces, not at commas" if "," in columns[0].strip(",") else ""
        raise ValueError(f"{len(columns)} columns; at least 2 are needed{commas}")
    if layout.width and len(columns) != layout.width:
        raise ValueError(f"{len(columns)} columns, where most lines have {layout.width}")
    if layout.numbered and not is_word_number(columns[0]):
        raise ValueError(f"{columns[0]!r} is no number of a word")
    if layout.numbered and not columns[0].isdecimal():
        return None
    for column in (layout.word, layout.tag):
        if not -len(columns) <= column < len(columns):
            raise ValueError(f"{len(columns)} columns; there is no column {column + (column >= 0)}")
    word, tag = columns[layout.word], columns[layout.tag].strip()
    if not word or not tag or (layout.name == "CoNLL-U" and layout.tag in (3, 4) and tag == "_"):
        raise ValueError("there is no word" if not word else f"{word!r} has no tag")
    return Token(word, tag, line[0])


def is_header(line: str, layout: Layout) -> bool:
    """Whether a line names the columns: "word tag", "Token POS NER"."""
    names = [name.lower() for name in split_columns(line, layout.separator)]
    return (
        any(name in HEADER_WORDS for name in names[:2])
        and names[-1] in HEADER_TAGS
        and not set(split_columns(line, layout.separator)) & layout.known_tags
    )


def split_numbered(block: Sequence[Line], layout: Layout) -> list[list[Line]]:
    """The sentences of a block of numbered lines whose blank lines are missing: one begins at a comment of CoNLL-U, and
    where the numbers of words begin anew, or that of the sentence changes."""
    numbers = [int(found[0]) if (found := re.match("[0-9]{1,9}(?![0-9])", line)) else None for _, line in block]
    of_sentences = layout.name != "CoNLL-U" and any(a == b is not None for a, b in pairwise(numbers))
    parts: list[list[Line]] = [[]]
    before = None  # the number of the last word of this sentence
    for line, number in zip(block, numbers, strict=True):
        anew = (
            number is not None
            and before is not None
            and (number != before if of_sentences else number <= min(before, 1))
        )
        if anew or (layout.name == "CoNLL-U" and before is not None and line[1].startswith("#")):
            parts.append([])
            before = None
        parts[-1].append(line)
        if number is not None and not re.match("[0-9]+-", line[1]):
            before = number
    return parts


def read_blocks(
    blocks: Sequence[Sequence[Line]], layout: Layout, problems: BadRows
) -> tuple[list[list[Token]], Counter[str]]:
    """(the sentences, how many lines of each kind are left out on purpose). A sentence with a bad line goes to
    `problems`."""
    sentences, left_out = [], Counter()
    if layout.numbered:
        blocks = [part for block in blocks for part in split_numbered(block, layout)]
    for number, block in enumerate(watch_items(blocks, "reading sentences", len(blocks))):
        tokens: list[Token] = []
        try:
            for i, line in enumerate(block):
                if is_document_start(line[1]):
                    continue
                if is_comment(line[1], not tokens, layout):
                    left_out["comments"] += 1
                elif number == i == 0 and is_header(line[1], layout):
                    left_out["names of columns"] += 1
                elif token := read_token(line, layout):
                    tokens.append(token)
                else:
                    left_out["ranges and empty nodes"] += 1
        except ValueError as error:
            problems.add(line[0], str(error))
            continue
        if tokens:
            sentences.append(tokens)
    return sentences, left_out


# ---- A whole file ----------------------------------------------------------------------------------------------------


def find_implausible(sentences: Sequence[Sequence[Token]]) -> str:
    """What looks as if a column were another one, "" if nothing does: tags that are addresses of pages, that are nearly
    as many different ones as words, or only "_"; words that are all the same, or numbers."""
    tags = Counter(token.tag for tokens in sentences for token in tokens)
    words = Counter(token.word for tokens in sentences for token in tokens)
    total = tags.total()
    addresses = [tag for tag in tags if "://" in tag or tag.startswith("www.")]
    in_names = sum(count for tag, count in tags.items() if may_be_names([tag]))
    problem = ""
    if addresses and 10 * in_names < 9 * total:
        problem = f"the tags do not look like tags: {addresses[0]!r} is an address"
    elif set(tags) == {"_"}:
        problem = "the tags do not look like tags: all are '_'"
    elif 2 * in_names < total and len(tags) > (15 if 2 * len(tags) > total else max(200, total / 50)):
        problem = f"the tags do not look like tags: {len(tags):,} different ones for {total:,} words"
    elif len(words) == 1 and total >= 10:
        problem = f"the words do not look like words: all {total:,} are {next(iter(words))!r:.60}"
    elif 4 <= 2 * len(words) <= total and count_runs(sentences) == len(words):
        problem = "the words do not look like words: each fills several lines in a row, as the name of a sentence does"
    elif total >= 10 and 10 * sum(count for word, count in words.items() if word.isdecimal()) > 9 * total:
        problem = "the words do not look like words: they are numbers"
    return problem


def count_runs(sentences: Sequence[Sequence[Token]]) -> int:
    """How many runs of the same word the lines hold."""
    return sum(1 for _ in groupby(token.word for tokens in sentences for token in tokens))


def check_plausible(
    sentences: Sequence[Sequence[Token]], layout: Layout, path: Path, named: bool, say: Callable[[str], None]
) -> None:
    """Raise ValueError if words or tags look as if they were none, with the first lines as they were understood. Where
    the user has named the columns, or CoNLL-U has, only `say` it."""
    problem = find_implausible(sentences)
    if not problem:
        return
    tokens = [token for sentence in sentences[:5] for token in sentence][:5]
    shown = "\n".join(f"  line {token.line}: word {token.word!r:.60}, tag {token.tag!r:.60}" for token in tokens)
    message = f"{path}: {problem}. Read as {layout.describe()}:\n{shown}"
    if not named:
        raise ValueError(f"{message}\nIf the columns are others, or these are right after all, {ADVICE}")
    say(message)


def check_shape(blocks: Sequence[Sequence[Line]], layout: Layout, path: Path) -> None:
    """Raise ValueError if most lines do not have the same number of columns: it is a text, or of another kind."""
    lines = [line for block in blocks for line in block if line[1][0] != "#" and not is_document_start(line[1])][
        :SAMPLE
    ]
    widths = Counter(len(fit_columns(line, layout)) for _, line in lines)
    several = sum(count for width, count in widths.items() if width > 1)
    if layout.width and layout.name != "CoNLL-U" and 2 * widths[layout.width] < several:
        shown = "\n".join(f"  line {number}, {len(fit_columns(line, layout))} columns: {line!r:.60}"
                          for number, line in lines[:5])  # fmt: skip
        raise ValueError(
            f"{path}: the lines have from {min(widths)} to {max(widths)} columns:\n{shown}\n"
            f"Needed is a word and its tag on each line. If they are in the same columns everywhere, {ADVICE}"
        )


def read_column_file(
    path: Path, problems: BadRows, say: Callable[[str], None], column: str = "", word: str = "", tag: str = ""
) -> tuple[list[list[Token]], Layout, str]:
    """(sentences, layout, what was left out in words) of a file in columns.

    Of CoNLL-U `column` is "upos" (the default) or "xpos"; `word` and `tag` are numbers of columns from 1, for any
    layout. A sentence with a bad line goes to `problems`. Raises ValueError for tags that are none, for lines without
    common columns, and for columns that cannot be chosen.
    """
    blocks = split_blocks(files.read_text(path))
    layout = recognise_layout(blocks, path.suffix == ".conllu")
    layout = choose_columns(layout, column, word, tag, path)
    layout = layout._replace(known_tags=collect_known_tags(blocks, layout))
    check_shape(blocks, layout, path)
    sentences, left_out = read_blocks(blocks, layout, problems)
    check_plausible(sentences, layout, path, bool(word or tag) or layout.name == "CoNLL-U", say)
    listed = ", ".join(f"{kind} ({count:,})" for kind, count in left_out.items())
    return sentences, layout, f"; lines left out: {listed}" if listed else ""
