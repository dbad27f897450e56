"""The poems of the Tang dynasty, in Chinese: a document is a poem, a sentence a couplet."""

import json
import re

from ..files import read_text
from . import fetching

NOTE = re.compile(r"（[^（）]*）")  # of an editor, such as another reading
QUOTES = re.compile(r"[「」『』《》]")
# Up to six clauses of up to nine characters. What editors wrote among the poems is longer, or has digits.
COUPLET = re.compile(r"(?:[\u3400-\u9fff\U00020000-\U0003ffff]{1,9}[，。、；：？！]){1,6}")


def read_poems() -> list[list[str]]:
    """The couplets of each poem, in the order of the collection; without editors' notes and what has gaps."""
    files = sorted(fetching.fetch("tang").glob("poet.tang.*.json"), key=lambda file: int(file.name.split(".")[2]))
    poems = []
    for file in files:
        for poem in json.loads(read_text(file)):
            lines = [NOTE.sub("", line) for line in poem["paragraphs"]]
            poems.append([line for line in lines if COUPLET.fullmatch(QUOTES.sub("", line))])
    return [couplets for couplets in poems if couplets]
