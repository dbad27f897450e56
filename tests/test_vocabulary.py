"""Learning a vocabulary: merges that can be worked out by hand, and the same result in every process."""

import os
import random
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertlab.vocabulary import count_words, learn_slowly, learn_vocabulary
from bertlab.wordpiece import SPECIAL_TOKENS, normalize_text, split_words

TOY = ["hug " * 10 + "pug " * 5 + "pun " * 12 + "bun " * 4 + "hugs " * 5]


def test_toy_corpus_by_hand():
    # The merges that the docstring of `learn_slowly` works out, and those that follow.
    learned = learn_slowly(TOY, size=100, at_least=1)
    letters = ["b", "g", "h", "n", "p", "s", "u", "##g", "##n", "##s", "##u"]
    merges = ["##gs", "pu", "hu", "bu", "hugs", "hug", "bun", "pun", "pug"]
    assert learned.vocab == SPECIAL_TOKENS + letters + merges
    assert learn_slowly(TOY, size=17).vocab == learned.vocab[:17]
    assert learn_slowly(["hugs pun", *TOY][::-1], size=17).vocab == learned.vocab[:17]


def slow_learn(text: str, size: int) -> list[str]:
    """The merges of `learn_slowly`, with everything counted anew at each step."""
    splits = [[word[0], *("##" + char for char in word[1:])] for word in text.split()]
    chars = set(text) - {" "}
    merges, room = [], size - len(SPECIAL_TOKENS) - len(chars) - len({p for s in splits for p in s[1:]})
    while len(merges) < room:
        pieces = Counter(piece for split in splits for piece in split)
        pairs = Counter(pair for split in splits for pair in pairwise(split))
        if not pairs:
            break
        left, right = min(pairs, key=lambda p: (-pairs[p] / (pieces[p[0]] * pieces[p[1]]), -pairs[p], p))
        merges.append(left + right.removeprefix("##"))
        for split in splits:
            at = 0
            while at < len(split) - 1:
                if (split[at], split[at + 1]) == (left, right):
                    split[at : at + 2] = [merges[-1]]
                at += 1
    return merges


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("abcd", min_size=1, max_size=9), min_size=1, max_size=30).map(" ".join), st.integers(0, 25))
def test_counting_incrementally_changes_nothing(text, more):
    start = len(learn_slowly([text], 1000, at_least=10**9))
    learned = learn_slowly([text], start + more, at_least=1)
    assert learned.vocab[start:] == list(dict.fromkeys(slow_learn(text, start + more)))
    assert learned.tokenize(text.split()[0])[0] != "[UNK]"


@pytest.mark.parametrize("how", [learn_slowly, learn_vocabulary])
def test_learning(how):
    words = re.findall(r"\S+", "the cat sat on the mat and the other cat sat on that mat, they said")
    rng = random.Random(0)
    texts = [" ".join(rng.choices(words, k=50)) for _ in range(20)]
    learned = how(texts, 60)
    assert learned.vocab[:5] == SPECIAL_TOKENS
    assert len(learned) <= 60
    assert "the" in learned.index
    assert how(texts, 60, lower=False).lower is False
    assert all("[UNK]" not in learned.tokenize(text) for text in texts)
    few = how([*texts, "中 文 字 ΩΩ ΩΩ"], 60, alphabet=len({*"".join(words)}))
    assert few.vocab == learned.vocab
    with pytest.raises(ValueError, match=r"size=10 is too small: .* alone are 2[0-9] tokens"):
        how(texts, 10)
    with pytest.raises(ValueError, match="no words"):
        how(["", " \n"], 100)
    assert how(iter(texts), 60).vocab == learned.vocab


def test_bulk_merges_the_most_frequent_pair():
    learned = learn_vocabulary(TOY, size=20)
    assert learned.vocab[16:] == ["##ug", "##un", "hug", "pun"]  # 20, 16, 15 and 12 times


def test_learning_is_the_same_in_every_process():
    code = (
        "import random; from bertlab.vocabulary import *; r = random.Random(1);"
        "t = [' '.join(''.join(r.choices('abcdefghijklmnopéü中文', k=r.randint(1, 9))) for _ in range(900))"
        " for _ in range(4)];"
        "print(learn_vocabulary(t, 500, alphabet=15).vocab, learn_slowly(t, 120).vocab)"
    )
    outs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": str(seed), "TOKENIZERS_PARALLELISM": "true"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(3)
    }
    assert len(outs) == 1
    assert len(outs.pop()) > 1000


@pytest.mark.parametrize("lower", [True, False])
def test_words_of_ascii_are_counted_as_any_other(lower):
    rng = random.Random(0)
    texts = ["".join(rng.choices("aBz09 .,_'-[]~\x00\x7f\t\n", k=30)) for _ in range(500)]
    expected = Counter()
    for text in texts:
        cleaned, _ = normalize_text(text, lower)
        expected.update(cleaned[start:end] for start, end in split_words(cleaned))
    assert count_words(texts, lower) == expected
