"""sources.bibles: TODO."""

import gzip
import re

from ..files import read_text
from .fetching import fetch


def read_king_james() -> dict[int, str]:
    """Verse number (book, chapter, verse as BBCCCVVV) -> text. The archive's file is Python: parsed, never run."""
    import ast

    tree = ast.parse(read_text(fetch("kjv") / "plain_text_readers_bible.py"))
    call = tree.body[-1].value  # bible = Bible(version, text, {verse: start}, {verse: end}, ...)
    text, starts, ends = (ast.literal_eval(node) for node in call.args[1:4])
    # Brackets hold words that the translators supplied (printed in italics): the words stay.
    return {verse: clean_verse(text[starts[verse] : ends[verse]]) for verse in sorted(starts)}


def read_world_english() -> dict[int, str]:
    """Verse number -> text of the World English Bible, without its notes."""
    import csv

    with gzip.open(fetch("web") / "t_web.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    return {int(row[0]): clean_verse(row[4]) for row in sorted(rows, key=lambda row: int(row[0]))}


def clean_verse(text: str) -> str:
    import html

    text = re.sub(r"\{[^{}]*\}", "", text)  # a note
    text = html.unescape(text).replace(">", "").replace("[", "").replace("]", "")
    return " ".join(text.split())


def read_book_names() -> dict[int, str]:
    import csv

    with gzip.open(fetch("web") / "key_english.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return {int(row[0]): row[1] for row in list(csv.reader(file))[1:]}


def verses() -> list[tuple[str, str, str]]:
    """(reference, King James, World English) for each of 31,102 verses, in order; reference as "Genesis 1:1".

    Seven verses of the New Testament are empty in the World English Bible, whose Greek text lacks them.
    """
    kjv, web, books = read_king_james(), read_world_english(), read_book_names()
    if kjv.keys() != web.keys():
        raise ValueError("the two Bibles do not hold the same verses")
    rows = []
    for number, text in kjv.items():
        book, chapter, verse = number // 1_000_000, number // 1000 % 1000, number % 1000
        rows.append((f"{books[book]} {chapter}:{verse}", text, web[number]))
    return rows


def group_chapters(verses: dict[int, str]) -> list[list[str]]:
    chapters: dict[int, list[str]] = {}
    for number, text in verses.items():
        if text:
            chapters.setdefault(number // 1000, []).append(text)
    return list(chapters.values())
