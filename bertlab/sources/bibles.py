"""The Bible in two English translations, King James and World English, aligned verse by verse.

A verse's number is BBCCCVVV: two digits of book, three of chapter, three of verse.
"""

import gzip
import re
from pathlib import Path

from ..files import read_text
from . import fetching


def clean_verse(text: str) -> str:
    """Remove notes, brackets and entities. Brackets hold words that the translators supplied: the words stay."""
    import html

    text = re.sub(r"\{[^{}]*\}", "", text)  # a note
    text = html.unescape(text).replace(">", "").replace("[", "").replace("]", "")
    return " ".join(text.split())


def read_king_james() -> dict[int, str]:
    """Verse number -> text of the King James Bible. Its file is Python code, which is parsed and never run."""
    import ast

    tree = ast.parse(read_text(fetching.fetch("kjv") / "plain_text_readers_bible.py"))
    call = tree.body[-1].value  # bible = Bible(version, text, {verse: start}, {verse: end}, ...)
    text, starts, ends = (ast.literal_eval(node) for node in call.args[1:4])
    return {verse: clean_verse(text[starts[verse] : ends[verse]]) for verse in sorted(starts)}


def read_zipped_csv_rows(path: Path) -> list[list[str]]:
    """The rows below the header of a .csv.gz file."""
    import csv

    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def read_world_english() -> dict[int, str]:
    """Verse number -> text of the World English Bible, without its notes."""
    rows = read_zipped_csv_rows(fetching.fetch("web") / "t_web.csv.gz")
    return {int(row[0]): clean_verse(row[4]) for row in sorted(rows, key=lambda row: int(row[0]))}


def read_book_names() -> dict[int, str]:
    """Number of a book -> its English name."""
    rows = read_zipped_csv_rows(fetching.fetch("web") / "key_english.csv.gz")
    return {int(row[0]): row[1] for row in rows}


def verses() -> list[tuple[str, str, str]]:
    """(reference, King James, World English) for each of 31,102 verses, in order; reference as "Genesis 1:1".

    Seven verses of the New Testament are empty in the World English Bible, whose Greek text lacks them.
    """
    king_james, world_english, books = read_king_james(), read_world_english(), read_book_names()
    if king_james.keys() != world_english.keys():
        raise ValueError("the two Bibles do not have the same verses")
    rows = []
    for number, text in king_james.items():
        book, chapter, verse = number // 1_000_000, number // 1000 % 1000, number % 1000
        rows.append((f"{books[book]} {chapter}:{verse}", text, world_english[number]))
    return rows


def read_chapters(name: str) -> list[list[str]]:
    """Each chapter of "kjv" or "web" as the list of its verses, without empty ones."""
    verse_texts = read_king_james() if name == "kjv" else read_world_english()
    chapters: dict[int, list[str]] = {}
    for number, text in verse_texts.items():
        if text:
            chapters.setdefault(number // 1000, []).append(text)
    return list(chapters.values())
