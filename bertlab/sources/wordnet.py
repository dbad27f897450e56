"""WordNet 3.0 among the sources: senses of words, each with a definition and examples (Miller 1995; Fellbaum 1998)."""

import re
from dataclasses import dataclass

from ..files import read_text
from . import fetching

# part of speech -> the files that hold its synsets; the package cut that of the nouns in two
FILES = {"noun": ("data.noun1", "data.noun2"), "verb": ("data.verb",)}
EXAMPLE = re.compile(r'"([^"]+)"')


@dataclass(frozen=True)
class Synset:
    """One sense: the words that can mean it, in lower case, and what the dictionary says of it."""

    part: str  # "noun" or "verb"
    offset: str  # its place in WordNet's file of that part of speech, eight digits, which serves as its name
    supersense: int  # the number of the lexicographers' file, such as 4 for acts and 6 for artefacts
    words: tuple[str, ...]
    definition: str
    examples: tuple[str, ...]  # phrases and sentences; a word need not occur in each


def wordnet() -> list[Synset]:
    """The senses of nouns and verbs of WordNet 3.0, in the order of its files."""
    folder = fetching.fetch("wordnet")
    return [
        parse_synset(line, part)
        for part, names in FILES.items()
        for name in names
        for line in read_text(folder / name).splitlines()
        if line[:8].isdigit()  # the licence at the head of a file is indented
    ]


def parse_synset(line: str, part: str) -> Synset:
    """A line of a data file, as the manual page wndb(5WN) describes it: offset, file, type, words, pointers, gloss."""
    fields, _, gloss = line.partition(" | ")
    offset, supersense, _, count, *rest = fields.split()
    words = tuple(word.lower() for word in rest[: 2 * int(count, 16) : 2])
    examples = tuple(example.strip() for example in EXAMPLE.findall(gloss))
    return Synset(part, offset, int(supersense), words, gloss.partition('"')[0].strip(" ;"), examples)
