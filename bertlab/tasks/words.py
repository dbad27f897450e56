"""Words and punctuation marks of a text in any script: a letter keeps its marks, an emoji its parts.

Python's own `\\w` has no combining marks: it would cut a word at its Hindi vowel signs, Arabic vowels or loose accents.
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise


def _write_ranges(codes: Iterable[int]) -> str:
    """Increasing code points as the inside of a character class of `re`: "a-z" for each run."""
    codes = list(codes)
    ends = [0, *(i for i, (a, b) in enumerate(pairwise(codes), 1) if b != a + 1), len(codes)]
    return "".join(f"{chr(codes[first])}-{chr(codes[after - 1])}" for first, after in pairwise(ends))


# What belongs to the character before it: combining marks (Unicode's M; there are none outside these two ranges), the
# two joiners, and the tags that end the flag of England.
_PLANES = (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0))
ATTACHED = _write_ranges(code for code in _PLANES if unicodedata.category(chr(code)).startswith("M"))
ATTACHED += "\u200c\u200d\U000e0020-\U000e007f"

# A letter or digit and what follows it, over a hyphen that is not seen (the soft one, the word joiner) if need be. For
# text without such characters this is `\w+`.
WORD = rf"\w[\w{ATTACHED}]*(?:[\u00ad\u2060]+\w[\w{ATTACHED}]*)*"

# A flag of two letters, emoji that a joiner joins (a skin colour counts as attached), or any other mark by itself.
_EMOJI = rf"[^\w\s][{ATTACHED}\U0001f3fb-\U0001f3ff]*"
PUNCTUATION = rf"[\U0001f1e6-\U0001f1ff]{{2}}|{_EMOJI}(?:(?<=\u200d){_EMOJI})*"

_WORD_OR_PUNCTUATION = re.compile(rf"{WORD}|\u200b|{PUNCTUATION}")


def split_words_and_punctuation(text: str) -> list[str]:
    """The words of a text and its punctuation marks, each mark by itself. A space without a width, which parts words in
    Thai and Khmer, is neither. Where words are written without spaces, a run of them is one word."""
    return [piece for piece in _WORD_OR_PUNCTUATION.findall(text) if piece != "\u200b"]


def is_punctuation_of_answers(char: str) -> bool:
    """Whether SQuAD's comparison of answers drops a character: the punctuation of ASCII, as in its own script, and that
    of other scripts (a danda, an ideographic full stop). Typographic quotes and dashes stay, as in its own script."""
    if char.isascii():
        return not char.isalnum() and char.isprintable() and char != " "
    is_western = char < "\u0370" or "\u2000" <= char <= "\u2e7f"
    return not is_western and unicodedata.category(char).startswith("P")
