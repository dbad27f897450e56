"""What of a text reaches training, counted before it begins: tokens in rows, [UNK], labels, lost characters.

A text can be read wrongly without an error, for example as one endless sentence. These numbers show it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain

import numpy as np

from .corpus import Documents, EncodedCorpus, Rows
from .unicode_tables import decompose_accents, unicode_category
from .wordpiece import MAX_WORD_LENGTH, clean_character, normalize_text, split_words

# From here on a warning is due.
FEWEST_IN_ROWS = 0.9  # share of the tokens
MOST_UNKNOWN = 0.02  # share of the tokens
MOST_OF_ONE_LABEL = 0.7  # share of the rows with a label
MOST_STRIPPED = 0.001  # share of the characters

# What may be a word of more than 100 characters: no spaces, no punctuation, no Chinese characters.
LONG_RUN = re.compile(
    rf"[^\s!-/:-@\[-`{{-~\u2000-\u206f\u3000-\u303f\u3400-\u9fff\uff00-\uffef]{{{MAX_WORD_LENGTH + 1},}}"
)


def measure_coverage(documents: Documents, text: EncodedCorpus, rows: Rows, tokenizer) -> dict:
    """Count what of `documents`, encoded as `text`, stands in `rows`. Plain values, as `results.json` holds them.

    documents, empty_documents      how many there are, and how many of them have no wordpiece
    sentences, tokens               those that are encoded
    long_sentences                  how many sentences are longer than any row
    in_rows, unknown                the shares of the tokens that are in some row, and that are [UNK]
    rows, next, random              how many rows, and how many of each next-sentence label
    long_words                      words of more than 100 characters, each of which is one [UNK]
    characters                      all of the sentences
    dropped_characters, undecoded   those that the tokenizer drops; those that were lost before (U+FFFD)
    stripped_marks                  accents and vowel signs that the tokenizer drops
    parted_syllables                Korean syllables that it takes apart
    """
    counts = {
        "documents": len(documents),
        "empty_documents": len(documents) - len(text),
        "sentences": len(text.sentences) - 1,
        "tokens": len(text.ids),
        "unknown": int((text.ids == tokenizer.unk_id).sum()),
    }
    return compute_shares(counts | count_rows(text, rows) | count_lost_characters(documents, tokenizer))


def count_rows(text: EncodedCorpus, rows: Rows) -> dict[str, int]:
    """What `measure_coverage` counts of the rows; `in_rows` are tokens."""
    covered = np.zeros(len(text.ids) + 1, np.int32)  # +1 where a span starts, -1 where it ends
    for spans in (rows.a, rows.b):
        np.add.at(covered, spans[:, 0], 1)
        np.add.at(covered, spans[:, 1], -1)
    return {
        "long_sentences": int((np.diff(text.sentences) > rows.lengths.max(initial=3) - 3).sum()),
        "in_rows": int((np.cumsum(covered, out=covered)[:-1] > 0).sum()),
        "rows": len(rows),
        "next": int((rows.label == 0).sum()),
        "random": int((rows.label == 1).sum()),
    }


def compute_shares(counts: dict[str, int]) -> dict:
    """The counts, with the tokens that are in rows or unknown as shares of all tokens."""
    tokens = max(1, counts["tokens"])
    return counts | {"in_rows": counts["in_rows"] / tokens, "unknown": counts["unknown"] / tokens}


def count_lost_characters(documents: Documents, tokenizer) -> dict[str, int]:
    """Count the characters of all sentences, those that the tokenizer drops or takes apart, and the words that are too
    long for a wordpiece."""
    counts = list(count_lost_of_each([*documents, []], tokenizer))  # [] for the names, if there is no document
    return {name: sum(of_one[name] for of_one in counts) for name in counts[0]}


def count_lost_of_each(documents: Documents, tokenizer) -> Iterator[dict[str, int]]:
    """The same for each document."""
    strips = tokenizer.lower if tokenizer.strip_accents is None else tokenizer.strip_accents
    marks = {char: sum(unicode_category(part) == "Mn" for part in decompose_accents(char)) if strips else 0
             for char in set(chain.from_iterable(chain(*documents)))}  # fmt: skip
    dropped = {char for char in marks if not clean_character(char)}
    lost = {char for char in marks if char in dropped or marks[char] or (strips and is_hangul(char))}
    of_lost = re.compile(f"[{re.escape(''.join(lost))}]") if lost else None
    for document in documents:
        found, long_words = Counter(), 0
        for sentence in document:
            for run in LONG_RUN.findall(sentence):
                cleaned, _ = normalize_text(run)
                long_words += sum(end - start > MAX_WORD_LENGTH for start, end in split_words(cleaned))
            if of_lost:
                found.update(of_lost.findall(sentence))
        yield {
            "long_words": long_words,
            "characters": sum(map(len, document)),
            "dropped_characters": sum(count for char, count in found.items() if char in dropped),
            "undecoded": found["\ufffd"],
            "stripped_marks": sum(count * marks[char] for char, count in found.items()),
            "parted_syllables": sum(count for char, count in found.items() if strips and is_hangul(char)),
        }


def is_hangul(char: str) -> bool:
    """Whether it is a Korean syllable, which Unicode's NFD, the first step of dropping accents, takes apart."""
    return "\uac00" <= char <= "\ud7a3"


def check_coverage(coverage: dict) -> None:
    """Raise ValueError where nothing can be learned: no row, nothing but [UNK], or one next-sentence label only."""
    if not coverage["rows"]:
        raise ValueError("the text gives no row: there is nothing to learn from")
    if coverage["unknown"] == 1:
        raise ValueError(
            "every wordpiece of the text is [UNK], so there is nothing to predict: learn a larger vocabulary "
            f"(--vocab-size), and from text in the same script{blame_long_words(coverage)}"
        )
    labels = coverage["next"], coverage["random"]
    if sum(labels) and not all(labels):
        raise ValueError(
            f"all {sum(labels):,} rows have the same NSP label, so nothing can be learned from it: "
            f"{coverage['documents']:,} documents have {coverage['sentences']:,} sentences. A document needs several: "
            "put a blank line only where a document ends, and see how sentences are found (--sentences)"
        )


def list_coverage_warnings(coverage: dict) -> list[str]:
    """What is wrong with the text as it was read, and what to do: one sentence each, none where all is well."""
    found = []
    if coverage["in_rows"] < FEWEST_IN_ROWS:
        found.append(f"{1 - coverage['in_rows']:.1%} of the wordpieces are in no row, and are not trained on: "
                     "--overflow keep puts all of them into rows")  # fmt: skip
    if coverage["unknown"] > MOST_UNKNOWN:
        found.append(f"{coverage['unknown']:.1%} of the wordpieces are [UNK], of which nothing is learned: learn a "
                     "larger vocabulary (--vocab-size), or give more text where it came out smaller than that"
                     f"{blame_long_words(coverage)}")  # fmt: skip
    elif coverage["long_words"]:
        found.append(f"{coverage['long_words']:,} words of more than {MAX_WORD_LENGTH} characters are [UNK]: "
                     "put spaces into them")  # fmt: skip
    labels = coverage["next"], coverage["random"]
    if max(labels) > MOST_OF_ONE_LABEL * sum(labels):
        kind = "is the next part of its document" if labels[0] > labels[1] else "is random"
        found.append(f"in {max(labels) / sum(labels):.0%} of the rows the second part {kind}, so that guessing this is "
                     "right as often: give documents of more sentences")  # fmt: skip
    if coverage["empty_documents"]:
        found.append(
            f"{coverage['empty_documents']:,} documents hold nothing that the tokenizer reads; they are left out"
        )
    if coverage["undecoded"]:
        found.append(f"{coverage['undecoded']:,} characters are U+FFFD, which stands for what could not be decoded: "
                     "make the text anew from its original")  # fmt: skip
    if coverage["dropped_characters"] > coverage["undecoded"]:
        found.append(f"{coverage['dropped_characters'] - coverage['undecoded']:,} control characters and invisible "
                     "ones are dropped, as in Google's BERT")  # fmt: skip
    if coverage["stripped_marks"] > MOST_STRIPPED * coverage["characters"]:
        found.append(f"{coverage['stripped_marks']:,} accents and vowel signs are dropped, one at every "
                     f"{coverage['characters'] / coverage['stripped_marks']:.0f} characters, so that different words "
                     "become the same: --keep-accents keeps them, and --cased does")  # fmt: skip
    if coverage["parted_syllables"]:
        found.append(f"{coverage['parted_syllables']:,} Korean syllables are taken apart into their letters, so that "
                     "words have more pieces: --keep-accents keeps them whole")  # fmt: skip
    return found


def blame_long_words(coverage: dict) -> str:
    """The end of a sentence on [UNK], where words are too long to be cut into pieces."""
    count = coverage["long_words"]
    return f"; {count:,} are words of more than {MAX_WORD_LENGTH} characters, which need spaces" if count else ""


def report_coverage(
    documents: Documents, text: EncodedCorpus, rows: Rows, tokenizer, say: Callable[[str], None], held_out: bool = False
) -> dict:
    """`measure_coverage`, told to `say` in one line, with a line for each warning.

    Raises ValueError as `check_coverage` does; of text that is held out, few rows may happen to have one label.
    """
    coverage = measure_coverage(documents, text, rows, tokenizer)
    describe_coverage(coverage, say, held_out)
    return coverage


def describe_coverage(coverage: dict, say: Callable[[str], None], held_out: bool = False) -> None:
    """What `report_coverage` says and raises, of a coverage that was measured."""
    what = "held out" if held_out else "to learn from"
    long = f" ({coverage['long_sentences']:,} longer than a row)" if coverage["long_sentences"] else ""
    say(
        f"{what}: {coverage['documents']:,} documents, {coverage['sentences']:,} sentences{long}, "
        f"{coverage['tokens']:,} wordpieces; {coverage['in_rows']:.1%} of them in some of the {coverage['rows']:,} "
        f"rows, {coverage['unknown']:.2%} [UNK]; NSP labels: {coverage['next']:,} next, {coverage['random']:,} random"
    )
    for warning in list_coverage_warnings(coverage):
        say(f"warning: {what}: {warning}")
    check_coverage(coverage | {"next": 0, "random": 0} if held_out else coverage)
