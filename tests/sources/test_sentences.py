"""sentences.py: where sentences end, on examples, and that odd text takes no more than linear time."""

import random
import time

import pytest

from bertlab import sources
from bertlab.sources.layouts import part_unspaced_words, recognise_layout
from bertlab.sources.sentences import POSSIBLE_END, find_possible_ends


@pytest.mark.parametrize(
    "text",  # a bar marks the end of a sentence
    [
        "One. | Two! | Three? | Four... | Five",
        "Mr. Smith met Dr. J. S. Bach at St. Paul's, vs. Gen. Lee. | They spoke.",
        "The U.S. Congress met in the U.S. | The end. | He left at 5 p.m. | She stayed until 6 a.m. Monday.",
        "It cost $3.50, or 2.5 percent. | In 1990. | The next.",
        "On Nov. 5 we read No. 7, Fig. 2 and p. 5 of vol. 3. | The answer is no. | It was Dec. | So it was.",
        '"Stop!" he said. | "Why?" she asked. | "No." | "I go." | He went.',
        "He spoke (loudly.) | Then “left.” | ‘Really?’ yes. | (See p. 5.) | Ok.",
        "1. First item. | 2. Second item. | II. The third. | A. A fourth. | (5) And e.g. a fifth, i.e. the last.",
        "World War I. | The war. | Then J. A. Smith built it. | Acme Inc. | The firm. | Smith, Jr. was here.",
        "Really?! | Wait... | What? then small letters. and no end",
        "Élan is a word. | Über alles? | Ça va. | 5 men came. | [Note] stays.",
        "A Ph.D. student, born c. 1800 in Washington, D.C. | He knew Vitamin C. | It helps.",
    ],
)
def test_sentences_end_where_they_should(text):
    assert sources.split_sentences(text.replace(" | ", " ")) == text.split(" | ")


def test_white_space_becomes_single_spaces():
    assert sources.split_sentences("  One\n line.\tTwo \xa0 words.\n \nA heading\n\nThree. \n") == [
        "One line.",
        "Two words.",
        "A heading",
        "Three.",
    ]
    assert sources.split_sentences("") == []
    assert sources.split_sentences(" \n\n ") == []


@pytest.mark.parametrize(
    "text",
    [
        *("." * 100_000, '"' * 100_000, ". " * 50_000, "\n" * 100_000, "。" * 100_000, "。」" * 50_000, "। " * 50_000),
        *("?好" * 50_000, "．" * 100_000, "." * 50_000 + "。" + "." * 50_000, "[" * 100_000, ". [[[[[" * 20_000),
        *("." + " " * 100_000 + "é", "ΑΒ; " * 25_000, "a" * 100_000, "ก" * 100_000),
    ],
    ids=lambda text: repr(text[:4]),
)
def test_odd_text_takes_linear_time(text):
    start = time.process_time()
    sources.split_sentences(text)
    recognise_layout(f"{text}\nx\n{text}x")
    part_unspaced_words(text)
    assert time.process_time() - start < 3


def test_the_fast_search_finds_the_same_ends():
    rng = random.Random(0)
    found = 0
    for _ in range(5000):
        text = "".join(rng.choices("abA1.!?…;\u037e。！？．।؟\U00011047\"')»\u00a0 \nあ漢αβ", k=rng.randrange(1, 25)))
        ends = [(mark.span(), mark[1]) for mark in POSSIBLE_END.finditer(text)]
        assert ends == [(mark.span(), mark[1]) for mark in find_possible_ends(text)], text
        found += len(ends)
    assert found > 1000
