"""Files of tagged words in columns: reads the sentences of one, whose layout `column_layouts.py` has recognised.

CoNLL-2003, CoNLL-U, GermEval 2014, MultiCoNER, WNUT and their relatives.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

from .. import files
from ..progress import watch_items
from .column_layouts import (
    ADVICE,
    BLANKS,
    NO_TAGS,
    RUNS_OF_TABS,
    SAMPLE,
    TABS,
    Layout,
    Line,
    choose_columns,
    collect_known_tags,
    is_document_start,
    is_word_number,
    leave_out_tags,
    may_be_names,
    recognise_layout,
    split_blocks,
    split_columns,
)
from .tables import BadRows

HEADER_WORDS = ("word", "words", "token", "tokens", "form", "text")
HEADER_TAGS = ("tag", "tags", "ner", "ner_tag", "ner_tags", "ne", "label", "labels", "pos", "upos", "xpos", "entity")


class Token(NamedTuple):
    """A word, its tag, and the number of its line."""

    word: str
    tag: str
    line: int


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
    # (or says #begin, #end or ###MEDLINE), and has another number of columns than words, or a tag that no word has.
    """
    if not line.startswith("#"):
        return False
    if layout.numbered:
        return not is_word_number(split_columns(line, layout.separator)[0])
    if not is_first or not re.match(r"#[ \t]|#(begin|end) |###\w", line) or not line.strip("# \t"):
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
    if len(columns) < 1 + layout.tagged:
        raise ValueError(f"{len(columns)} columns; at least 2 are needed{describe_other_separator(columns[0])}")
    if layout.width and len(columns) != layout.width:
        raise ValueError(f"{len(columns)} columns, where most lines have {layout.width}")
    if layout.numbered and not is_word_number(columns[0]):
        raise ValueError(f"{columns[0]!r} is no number of a word")
    if layout.numbered and not columns[0].isdecimal():
        return None
    for column in (layout.word, layout.tag)[: 1 + layout.tagged]:
        if not -len(columns) <= column < len(columns):
            raise ValueError(f"{len(columns)} columns; there is no column {column + (column >= 0)}")
    word = columns[layout.word].removeprefix(layout.prefix)
    if not layout.tagged and word:
        return Token(word, "", line[0])
    tag = columns[layout.tag].strip()
    if not word or not tag or (layout.name == "CoNLL-U" and layout.tag in (3, 4) and tag == "_"):
        raise ValueError("there is no word" if not word else f"{word!r} has no tag")
    return Token(word, tag, line[0])


def describe_other_separator(column: str) -> str:
    """What to add to the message that a line has one column only, if it is parted by something else."""
    if "," in column.strip(","):
        return "; they part at tabs or spaces, not at commas, unless the first line names them (word,tag)"
    space = re.search(r"\S([\x0b-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000])\S", column)
    return f"; they part at tabs or spaces, not at {space[1]!a} (U+{ord(space[1]):04X})" if space else ""


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
    path: Path,
    problems: BadRows,
    say: Callable[[str], None],
    column: str = "",
    word: str = "",
    tag: str = "",
    may_lack_tags: bool = False,
) -> tuple[list[list[Token]], Layout, str]:
    """(sentences, layout, what was left out in words) of a file in columns.

    Of CoNLL-U `column` is "upos" (the default) or "xpos"; `word` and `tag` are numbers of columns from 1, for any
    layout. With `may_lack_tags` a file may hold words alone, whose tags are "" then. A sentence with a bad line goes to
    `problems`. Raises ValueError for tags that are none, for lines without
    common columns, and for columns that cannot be chosen.
    """
    blocks = split_blocks(files.read_text(path))
    layout = recognise_layout(blocks, path.suffix.lower() == ".conllu")
    if may_lack_tags and not (column or tag):
        layout = leave_out_tags(layout, blocks)
    layout = choose_columns(layout, column, word, tag, path)
    layout = layout._replace(known_tags=collect_known_tags(blocks, layout) if layout.tagged else NO_TAGS)
    check_shape(blocks, layout, path)
    sentences, left_out = read_blocks(blocks, layout, problems)
    check_plausible(sentences, layout, path, bool(word or tag) or layout.name == "CoNLL-U", say)
    listed = ", ".join(f"{kind} ({count:,})" for kind, count in left_out.items())
    return sentences, layout, f"; lines left out: {listed}" if listed else ""
