"""Pairs of sentences with one word in the same or another sense, made of WordNet's examples when they are asked for,
and sentences of our own texts whose senses a language model labelled. What data/ keeps are numbers, not sentences.
"""

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from .. import sources
from ..files import read_json

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
FEWEST_WORDS, MOST_WORDS = 5, 30  # of an example
DEV_WORDS = 250  # words whose pairs are for development; the others are for the test
SEED = 2


@dataclass(frozen=True)
class Usage:
    """A word in a sentence: `text[start:end]` is the word."""

    text: str
    start: int
    end: int

    @property
    def form(self) -> str:
        """The word as it stands in the text, in lower case."""
        return self.text[self.start : self.end].lower()


@dataclass(frozen=True)
class SensePair:
    """Two usages of a word. `name` is stable: the word, its part of speech, and which examples of which senses."""

    name: str
    word: str
    part: str  # "noun" or "verb"
    first: Usage
    second: Usage
    same: bool


def inflect(word: str, part: str) -> set[str]:
    """The regular forms of a word in lower case. Irregular ones, such as "went", are not found."""
    stem = word[:-1] if word.endswith("e") else word
    ies = {word[:-1] + "ies"} if word.endswith("y") else set()
    if part == "noun":
        return {word, word + "s", word + "es"} | ies
    ied = {word[:-1] + "ied"} if word.endswith("y") else set()
    doubled = {word + word[-1] + "ing", word + word[-1] + "ed"}
    return {word, word + "s", word + "es", stem + "ed", stem + "ing"} | doubled | ies | ied


def find_usage(text: str, word: str, part: str) -> Usage | None:
    """The word in a text of 5 to 30 words, or None if it does not occur in it exactly once."""
    forms = inflect(word, part)
    tokens = list(WORD.finditer(text))
    found = [token for token in tokens if token[0].lower() in forms]
    if len(found) != 1 or not FEWEST_WORDS <= len(tokens) <= MOST_WORDS:
        return None
    return Usage(text, *found[0].span())


def list_usages(synsets: Iterable[sources.Synset]) -> dict[tuple[str, str], dict]:
    """(word, part) -> synset -> [(number of the example, usage)], for words of three letters or more."""
    usages: dict = defaultdict(lambda: defaultdict(list))
    for synset in synsets:
        for word in synset.words:
            if not (word.isascii() and word.isalpha() and len(word) > 2):
                continue
            for number, example in enumerate(synset.examples):
                if usage := find_usage(example, word, synset.part):
                    usages[word, synset.part][synset].append((number, usage))
    return usages


def make_sense_pairs() -> tuple[list[SensePair], list[SensePair]]:
    """(development pairs, test pairs) of WordNet's examples: of each word one pair in the same sense and one in
    different senses, which share a sentence, so that neither the word nor that sentence gives the answer away.

    As in Pilehvar and Camacho-Collados (2019), the senses of a different pair are in different supersenses, because
    WordNet's finest distinctions are beyond people too. A word is on one side with all its parts of speech.
    """
    rng, by_word = random.Random(SEED), defaultdict(list)
    for (word, part), senses in sorted(list_usages(sources.wordnet()).items()):
        choices = [(one, other) for one in senses for other in senses
                   if len(senses[one]) > 1 and one.supersense != other.supersense]  # fmt: skip
        if not choices:
            continue
        one, other = choices[rng.randrange(len(choices))]
        anchor, alike = rng.sample(senses[one], 2)
        pairs = [(one, alike, True), (other, senses[other][rng.randrange(len(senses[other]))], False)]
        for sense, (number, usage), same in pairs:
            name = f"{word}.{part} {one.offset}.{anchor[0]} {sense.offset}.{number}"
            by_word[word].append(SensePair(name, word, part, anchor[1], usage, same))
    words = sorted(by_word)
    rng.shuffle(words)
    sides = words[:DEV_WORDS], words[DEV_WORDS:]
    dev, test = ([pair for word in side for pair in by_word[word] if not repeats_a_text(by_word[word])]
                 for side in sides)  # fmt: skip
    return dev, test


def repeats_a_text(pairs: Sequence[SensePair]) -> bool:
    """Whether a pair has the same text twice: WordNet gives a few examples to one sense more than once."""
    return any(pair.first.text == pair.second.text for pair in pairs)


def load_verdicts() -> dict[str, str]:
    """The name of each test pair that a language model read -> "same", "different" or "unclear", without having seen
    WordNet's answer; data/README.md tells how."""
    return read_json(sources.data_folder() / "senses_labels.json")["pairs"]


def load_labelled_usages() -> list[tuple[str, str, Usage]]:
    """(word, sense, usage) of 160 sentences of our texts, 20 words with two senses and four sentences of each.

    Raises ValueError if a text is no longer the one that was labelled."""
    documents: dict = {}
    labelled = []
    for entry in read_json(sources.data_folder() / "senses_labels.json")["usages"]:
        source = entry["source"]
        if source not in documents:
            documents[source] = sources.documents(source)
        text = documents[source][entry["document"]][entry["sentence"]]
        if sha256(text.encode()).hexdigest()[:16] != entry["sha256"]:
            raise ValueError(f"sentence {entry['sentence']} of document {entry['document']} of {source} has changed")
        (found,) = [token for token in WORD.finditer(text) if token[0].lower() == entry["word"]]
        labelled.append((entry["word"], entry["sense"], Usage(text, *found.span())))
    return labelled
