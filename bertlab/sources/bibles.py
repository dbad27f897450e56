"""The Bible in two English translations, King James and World English, aligned verse by verse.

A verse's number is BBCCCVVV: two digits of book, three of chapter, three of verse.
"""

import ast
import csv
import gzip
import html
import re

from ..files import read_text
from . import fetching


def clean_verse(text: str) -> str:
    """Remove notes, brackets and entities. Brackets hold words that the translators supplied: the words stay."""
    text = re.sub(r"\{[^{}]*\}", "", text)  # a note
    text = html.unescape(text).replace(">", "").replace("[", "").replace("]", "")
    return " ".join(text.split())


def read_king_james() -> dict[int, str]:
    """Verse number -> text of the King James Bible. Its file is Python code, which is parsed and never run."""
    tree = ast.parse(read_text(fetching.fetch("kjv") / "plain_text_readers_bible.py"))
    call = tree.body[-1].value  # bible = Bible(version, text, {verse: start}, {verse: end}, ...)
    text, starts, ends = (ast.literal_eval(node) for node in call.args[1:4])
    return {verse: clean_verse(text[starts[verse] : ends[verse]]) for verse in sorted(starts)}


def read_column(name: str, column: int) -> dict[int, str]:
    """Number -> text of one column of a table of the World English Bible, in order of the numbers."""
    with gzip.open(fetching.fetch("web") / name, "rt", encoding="utf-8", newline="") as file:
        return dict(sorted((int(row[0]), row[column]) for row in list(csv.reader(file))[1:]))


def read_world_english() -> dict[int, str]:
    """Verse number -> text of the World English Bible, without its notes."""
    return {verse: clean_verse(text) for verse, text in read_column("t_web.csv.gz", 4).items()}


def verses() -> list[tuple[str, str, str]]:
    """(reference, King James, World English) for each of 31,102 verses, in order; reference as "Genesis 1:1".

    Seven verses of the New Testament are empty in the World English Bible, whose Greek text lacks them.
    """
    king_james, world_english, books = read_king_james(), read_world_english(), read_column("key_english.csv.gz", 1)
    if king_james.keys() != world_english.keys():
        raise ValueError("the two Bibles do not have the same verses")
    rows = []
    for number, text in king_james.items():
        book, chapter, verse = number // 1_000_000, number // 1000 % 1000, number % 1000
        rows.append((f"{books[book]} {chapter}:{verse}", text, world_english[number]))
    return rows


def read_chapters(name: str) -> list[list[str]]:
    """Each chapter of "kjv" or "web" as the list of its verses, without empty ones."""
    chapters: dict[int, list[str]] = {}
    for number, text in (read_king_james() if name == "kjv" else read_world_english()).items():
        if text:
            chapters.setdefault(number // 1000, []).append(text)
    return list(chapters.values())
