"""Minimal pairs: made from the frames, or read from a file or the hub in BLiMP's layout."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..tasks.hub import load_hub_dataset, number_rows
from ..tasks.tables import BadRows, get_text_field, parse_rows, read_table
from .frames import FRAMES, GAP

MOST_OLD = 2000  # couples in a row that were drawn before: then a frame has made nearly all that it can
GROUP_COLUMNS = ("phenomenon", "UID")  # what a pair tests; UID is BLiMP's


@dataclass(frozen=True)
class MinimalPair:
    """Two sentences that differ in little, of which only `good` is grammatical, and the phenomenon that they test."""

    good: str
    bad: str
    phenomenon: str


def make_pairs(each: int = 200, seed: int = 0) -> list[MinimalPair]:
    """`each` different pairs for every phenomenon of `frames.FRAMES`, the same for the same seed on every machine.

    Raises ValueError for a number that is odd, below 2, or more than a frame can make.
    """
    if each < 2 or each % 2:
        raise ValueError(f"each is {each}; it must be even and at least 2, as pairs are made two at a time")
    pairs = []
    for phenomenon, draw_couple in FRAMES.items():
        rng, made, old = random.Random(f"{seed} {phenomenon}"), {}, 0
        while len(made) < each:
            first, second, a, b = draw_couple(rng)
            couple = [fill_pair(first, a, b, phenomenon), fill_pair(second, b, a, phenomenon)]
            if not any(pair.good in made for pair in couple):
                made |= {pair.good: pair for pair in couple}
                old = 0
            elif (old := old + 1) == MOST_OLD:
                raise ValueError(f"each is {each}; {phenomenon!r} makes only about {len(made):,} different pairs")
        pairs += made.values()
    return pairs


def fill_pair(sentence: str, right: str, wrong: str, phenomenon: str) -> MinimalPair:
    """The pair of a sentence with a gap."""
    good, bad = (write_sentence(sentence.replace(GAP, word)) for word in (right, wrong))
    return MinimalPair(good, bad, phenomenon)


def write_sentence(words: str) -> str:
    """With a capital and a full stop."""
    return f"{words[0].upper()}{words[1:]}."


def read_pairs(origin: str, say: Callable[[str], None] = print, skip_bad_rows: bool = False) -> list[MinimalPair]:
    """The pairs of a table (.jsonl, .json, .csv, .tsv), or of a data set "hub:NAME[:CONFIG][@SPLIT]", with the columns
    `sentence_good` and `sentence_bad`. The first of GROUP_COLUMNS that a row has says what it tests, else the file's
    name does.

    Raises BadRowsError for rows without two different sentences, OSError for what cannot be read.
    """
    problems = BadRows(origin)
    name = origin.removeprefix("hub:") if origin.startswith("hub:") else Path(origin).stem
    rows = read_hub_rows(origin) if origin.startswith("hub:") else read_table(Path(origin), problems)
    pairs = [pair for _, pair in parse_rows(rows, lambda row: parse_pair(row, name), problems)]
    problems.raise_or_report(len(pairs), skip_bad_rows, say)
    return pairs


def parse_pair(row: dict, group: str) -> MinimalPair:
    """The pair of a row, of the `group` if the row names none. Raises ValueError for one without two sentences."""
    good, bad = (get_text_field(row, name) for name in ("sentence_good", "sentence_bad"))
    if good == bad:
        raise ValueError(f"both sentences are {good!r:.60}")
    return MinimalPair(good, bad, next((str(row[name]) for name in GROUP_COLUMNS if row.get(name)), group))


def read_hub_rows(origin: str) -> Iterable[tuple[str, dict]]:
    """(location, row) of each row of "hub:NAME[:CONFIG][@SPLIT]"; BLiMP's one split is "train"."""
    name, _, split = origin.removeprefix("hub:").partition("@")
    name, _, config = name.partition(":")
    dataset = load_hub_dataset(name, split or "train", config or None)
    return number_rows(dataset, dataset.column_names)
