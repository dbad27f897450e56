"""Minimal pairs: balanced so that neither single words nor neighbouring words decide; and read from files."""

import json
import random
import re
from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from bertlab import sources
from bertlab.grammar import count_right, make_pairs, read_pairs
from bertlab.grammar.frames import FRAMES, NEIGHBOURS
from bertlab.tasks.tables import BadRowsError

PAIRS = make_pairs(200)


def split(sentence: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", sentence)


def test_there_are_200_different_pairs_of_each_phenomenon():
    assert len(FRAMES) >= 12
    assert Counter(pair.phenomenon for pair in PAIRS) == dict.fromkeys(FRAMES, 200)
    assert len({(pair.good, pair.phenomenon) for pair in PAIRS}) == len(PAIRS)
    assert not {pair.good for pair in PAIRS} & {pair.bad for pair in PAIRS}


def test_pairs_depend_on_the_seed_alone():
    assert make_pairs(200) == PAIRS
    assert make_pairs(200, seed=1) != PAIRS
    assert [pair.good for pair in PAIRS[:2]] == ["The great king falls there.", "The great kings fall there."]


def test_the_sentences_of_a_pair_differ_in_one_word():
    for pair in PAIRS:
        good, bad = split(pair.good), split(pair.bad)
        assert len(good) == len(bad)
        assert sum(a != b for a, b in zip(good, bad, strict=True)) == 1, pair


def draw_scores(keys, seed: int) -> dict:
    rng = random.Random(seed)
    return defaultdict(rng.random, {key: rng.random() for key in sorted(keys)})


def test_word_frequencies_are_at_chance():
    words = draw_scores({word for pair in PAIRS for word in split(pair.good.lower())}, seed=1)
    counts = count_right(PAIRS, lambda sentences: [sum(words[w] for w in split(s.lower())) for s in sentences])
    assert counts == {phenomenon: [100, 200] for phenomenon in FRAMES}


def test_neighbouring_words_are_at_chance_but_for_four_phenomena():
    for seed in (1, 2, 3):
        scores = draw_scores((), seed)

        def score(sentences, scores=scores):
            words = [split(sentence.lower()) for sentence in sentences]
            return [sum(scores[two] for two in pairwise(one)) for one in words]

        counts = count_right(PAIRS, score)
        assert {name for name, count in counts.items() if count != [100, 200]} <= set(NEIGHBOURS)


def test_length_is_at_chance():
    # Two pairs of a couple have the same two words: what prefers the longer word is right once, unless both are equal.
    counts = count_right(PAIRS, lambda sentences: [len(sentence) for sentence in sentences])
    assert all(right <= 100 for right, _ in counts.values())


def test_every_word_is_frequent_in_the_texts_of_the_shipped_model():
    counts = Counter()
    for name in ("sotu", "wiki", "kjv", "web"):
        for text in sources.texts(name):
            counts.update(re.findall("[a-z]+", text.lower()))
    rare = {
        word: counts[word] for pair in PAIRS for word in re.findall("[a-z]+", pair.good.lower()) if counts[word] < 50
    }
    assert not rare


@pytest.mark.parametrize(("each", "message"), [(3, "must be even"), (0, "must be even"), (20_000, "makes only about")])
def test_numbers_that_cannot_be(each, message):
    with pytest.raises(ValueError, match=message):
        make_pairs(each)


def test_pairs_are_read_from_blimps_layout(tmp_path):
    file = tmp_path / "anaphors.jsonl"
    rows = [
        {"sentence_good": "She sleeps.", "sentence_bad": "She sleep.", "UID": "agreement", "field": "syntax"},
        {"sentence_good": "A dog.", "sentence_bad": "An dog."},
    ]
    file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    pairs = read_pairs(str(file))
    assert [(pair.good, pair.bad, pair.phenomenon) for pair in pairs] == [
        ("She sleeps.", "She sleep.", "agreement"),
        ("A dog.", "An dog.", "anaphors"),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"sentence_good": "A"}, "line 2: .*sentence_bad"),
        ({"sentence_good": "A", "sentence_bad": 7}, "line 2: "),
        ({"sentence_good": "A", "sentence_bad": " "}, "line 2: sentence_bad is empty"),
        ({"sentence_good": "A", "sentence_bad": "A"}, "line 2: both sentences are 'A'"),
    ],
)
def test_rows_without_two_sentences_are_named(tmp_path, row, message):
    file = tmp_path / "pairs.jsonl"
    file.write_text("\n".join(map(json.dumps, [{"sentence_good": "A", "sentence_bad": "B"}, row])), "utf-8")
    with pytest.raises(BadRowsError, match=message):
        read_pairs(str(file))
    assert len(read_pairs(str(file), lambda text: None, skip_bad_rows=True)) == 1
