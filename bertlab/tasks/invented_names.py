"""Invented words in real sentences: does a tagger know a name by its context, or only the names that it has seen?

The same words are put where a name was and where a noun was. An uncased model reads the same pieces in both places, so
only the context can tell it which of them is a name.
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

from .metrics import find_entities
from .tagging import TaggedSentence

INVENTED = (
    "Velmora", "Tarskeld", "Ombria", "Quenth", "Drosmar", "Ilvane", "Karsholt", "Perrowin", "Zandrick", "Mospera",
    "Gralden", "Hestwick", "Orlanth", "Bravik", "Sennoth", "Tulvane", "Yarrick", "Cordelmar", "Fenwarth", "Malistra",
    "Ruvendal", "Eskovar", "Lindaxa", "Thorvane",
)  # fmt: skip
DETERMINERS = ("a", "an", "the", "this", "each", "every")


class Planted(NamedTuple):
    """A sentence with an invented word, the position of that word, and the position of the first word that it replaced
    in the original sentence, whose number is `origin`."""

    sentence: TaggedSentence
    position: int
    origin: int
    replaced: int


def plant_names(sentences: Sequence[TaggedSentence], seed: int = 0) -> list[Planted]:
    """In each sentence with a person or a place, the first of them becomes one invented word with the same type."""
    rng, planted = random.Random(seed), []
    for origin, (words, tags) in enumerate(sentences):
        names = [name for name in find_entities(tags) if name[2] in ("PER", "LOC")]
        if names:
            start, end, kind = names[0]
            sentence = TaggedSentence([*words[:start], rng.choice(INVENTED), *words[end:]],
                                      [*tags[:start], f"B-{kind}", *tags[end:]])  # fmt: skip
            planted.append(Planted(sentence, start, origin, start))
    return planted


def plant_nouns(sentences: Sequence[TaggedSentence], seed: int = 0) -> list[Planted]:
    """In each sentence with a word in lower case, of four letters or more and in no name, directly after a determiner
    such as "the", one such word becomes an invented one, also in lower case. Most of these words are nouns, some are
    adjectives."""
    rng, planted = random.Random(seed), []
    for origin, (words, tags) in enumerate(sentences):
        fitting = [i for i in range(1, len(words)) if words[i - 1].lower() in DETERMINERS and tags[i] == "O"
                   and words[i].isalpha() and words[i].islower() and len(words[i]) >= 4]  # fmt: skip
        if fitting:
            position = rng.choice(fitting)
            new = [*words[:position], rng.choice(INVENTED).lower(), *words[position + 1 :]]
            planted.append(Planted(TaggedSentence(new, list(tags)), position, origin, position))
    return planted


def shuffle_context(planted: Sequence[Planted], seed: int = 0) -> list[Planted]:
    """The same sentences with the invented word in its place, and all other words, with their tags, in a random
    order."""
    rng, shuffled = random.Random(seed), []
    for sentence, position, origin, replaced in planted:
        pairs = list(zip(*sentence, strict=True))
        own = pairs.pop(position)
        rng.shuffle(pairs)
        pairs.insert(position, own)
        words, tags = map(list, zip(*pairs, strict=True))
        shuffled.append(Planted(TaggedSentence(words, tags), position, origin, replaced))
    return shuffled


def get_planted_tags(planted: Sequence[Planted], predictions: Sequence[dict]) -> list[str]:
    """The predicted tag of each invented word; `predictions` as `Tagging.predict` gives them."""
    return [prediction["tags"][one.position] for one, prediction in zip(planted, predictions, strict=True)]
