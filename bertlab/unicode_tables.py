"""What Unicode says about a character, as BERT's tokenizers understand it: classes, accents, and their tables."""

import unicodedata
from functools import lru_cache


@lru_cache(10_000)
def unicode_category(char: str) -> str:
    """Unicode's two-letter class of a character: "Lu" an upper-case letter, "Mn" an accent, "Po" a full stop.

    As of Unicode 8, like the Rust tokenizer: see the end of this file.
    """
    if is_newer(char):
        return "Lo"
    return RECLASSIFIED.get(char) or unicodedata.category(char)


@lru_cache(10_000)
def is_chinese(char: str) -> bool:
    """Whether the character is a word of its own. Kana, Hangul and Thai are not: their words are cut into pieces."""
    return _is_within(CHINESE, char)


@lru_cache(10_000)
def is_punctuation(char: str) -> bool:
    """Whether the character is split off as a word of its own. For BERT, ASCII symbols are punctuation too."""
    return unicode_category(char).startswith("P") or char in "$+<=>^`|~"


@lru_cache(10_000)
def decompose_accents(char: str) -> str:
    """Split the accents off a character (Unicode's NFD): "é" becomes "e" and an accent that joins it."""
    return char if is_newer(char) else unicodedata.normalize("NFD", char)


@lru_cache(10_000)
def accent_class(char: str) -> int:
    """0 for an ordinary character; for an accent a number for its position, such as above or below the letter."""
    return 0 if is_newer(char) and not _is_within(NEW_IN_UNICODE_9, char) else unicodedata.combining(char)


# Ids must equal those of the Rust tokenizer for every character. Its tables of accents, punctuation and controls are
# those of Unicode 8 (2015), its order of accents is that of Unicode 9, and Python's are of Unicode 14 or newer. So
# newer characters have to count as plain letters. The tables were found by trying every code point, with tokenizers
# 0.23 and Unicode 14 and 18; a test tries them again. One difference remains: capital letters that are newer than your
# Python (55 of them with Python 3.11) are made lower case only in Rust.


def _parse_ranges(text: str) -> list[tuple[int, int]]:
    """ "3400-4DBF A76" as pairs of numbers, first and last."""
    pairs = (part.split("-") for part in text.split())
    return [(int(pair[0], 16), int(pair[-1], 16)) for pair in pairs]


# Google's code has 2B820 for the second-to-last 2B920, but Hugging Face's has not.
CHINESE = _parse_ranges("3400-4DBF 4E00-9FFF F900-FAFF 20000-2A6DF 2A700-2B81F 2B920-2CEAF 2F800-2FA1F")

# Ranges with accents, punctuation or controls that came after Unicode 8 (and plain letters, old and new).
NEWER = _parse_ranges(
    "5C8-5C9 61D 7FD 890-8E2 9FD-9FE A76 AFA-AFF B53-B55 C04-C3C C77 C84 D00 D3B-D3C D81 EBA ECE 1715 180F-1886 "
    "1ABF-1AF0 1B4E-1B4F 1B7D-1B7F 1DF6-1DFB 2E43-2E63 A82C A8C5 A8FF A9BD 105C9-105E4 10D24-10F89 11070-11074 "
    "110C2-110CD 111CF 1123E-11241 1133B 11383-1145E 11660-1166C 116B9 1182F-11FFF 12FF1-1612F 16D68-16F4F "
    "16FE2-16FF1 1CF00-1D128 1D250-1D281 1E000-1E6F5 1E944-1E95F"
)

NEW_IN_UNICODE_9 = _parse_ranges("8D4-8E1 1DFB 11442-11446 11C3F 1E000-1E02A 1E944-1E94A")

# Characters that Unicode has moved to another class since.
RECLASSIFIED = {"\u166d": "Po", "\u1734": "Mn", "\U0001171e": "Mn", "\U000111c9": "Po"}


def _is_within(ranges: list[tuple[int, int]], char: str) -> bool:
    return any(first <= ord(char) <= last for first, last in ranges)


@lru_cache(10_000)
def is_newer(char: str) -> bool:
    """Whether the Rust tokenizer takes the character for a plain letter because its tables are too old."""
    return _is_within(NEWER, char)
