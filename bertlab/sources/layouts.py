"""How a text of yours is laid out: one sentence a line, as Google's BERT reads it, or running prose."""

import re
from collections.abc import Sequence
from itertools import pairwise

from .sentences import CLOSING, OTHER, has_capitals, split_sentences

LAYOUTS = ("auto", "lines", "marks")  # what `documents` takes as `sentences`
MOST_LINES = 4000  # looked at; of a longer text, as many evenly spaced ones

FINAL_MARK = re.compile(rf"[.!?…{OTHER}]\s*+{CLOSING}\s*+$")

# Scripts whose words follow each other without spaces: Thai, Lao, Burmese, Khmer, kana, Tai, Javanese, Balinese. For
# BERT a word of more than 100 characters is one [UNK].
UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u1b00-\u1b4f\u3041-\u30ff\ua980-\ua9df]{101,}"
)
# Up to fifty letters. It ends neither before a mark or vowel that belongs to the letter before it, nor after a vowel
# that is written before its consonant.
PIECE = re.compile(
    r".{1,50}(?<![\u0e40-\u0e44\u0ec0-\u0ec4])(?![\u0e30-\u0e33\u0e45\u0eb0-\u0eb3])(?=[^\W_]|$)|.{1,50}"
)


def recognise_layout(text: str) -> tuple[str, str]:
    """Return "lines" or "marks", and the reason in words. "lines": each line is a sentence.

    A text of lines ends most of its lines with a sentence mark and rarely has one inside a line; or it has no marks at
    all, and its lines are not filled up to a common width. All else is running prose, hard-wrapped or a paragraph a
    line, whose sentences end at their marks.
    """
    every = [line.strip() for line in text.split("\n")]
    lines = thin([line for line in every if line])
    pairs = thin([(one, other) for one, other in pairwise(every) if one and other])
    if not pairs:
        return "marks", "each line stands alone"
    cased = has_capitals(text)
    final = sum(bool(FINAL_MARK.search(line)) for line in lines) / len(lines)
    inner = sum(len(split_sentences(line, cased)) - 1 for line in lines) / len(lines)
    ends = f"{final:.0%} of the lines end with a sentence mark"
    if final >= 0.8 and inner <= 0.5:
        return "lines", ends
    wrapped = is_wrapped(pairs)
    if final < 0.05 and inner < 0.05:
        width = "filled to one width" if wrapped else "of different lengths"
        return ("marks" if wrapped else "lines"), f"hardly a sentence mark, and lines {width}"
    if inner > final / 2:
        return "marks", f"{ends}, and most sentence marks stand inside lines"
    small = sum(line[0].islower() and line[0].title() != line[0] for _, line in pairs) / len(pairs)
    if wrapped or (cased and small > 0.3):
        return "marks", f"{ends}, and sentences go on in the next line"
    return "lines", f"{ends}, and few sentence marks stand inside lines"


def thin(values: list) -> list:
    """At most MOST_LINES of these, evenly spaced."""
    return values[:: max(1, -(-len(values) // MOST_LINES))]


def is_wrapped(pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether lines were broken at a width: the first word of the next line would not have fitted any more."""
    width = sorted(len(one) for one, _ in pairs)[int(0.95 * (len(pairs) - 1))]
    full = sum(len(one) + 1 + len(other.split(None, 1)[0]) > width for one, other in pairs)
    return width >= 40 and full >= 0.8 * len(pairs)


def part_unspaced_words(text: str) -> tuple[str, int]:
    """Put spaces into runs of more than 100 letters in scripts that use none; return the text and how many runs."""
    return UNSPACED.subn(lambda run: " ".join(PIECE.findall(run[0])), text)
