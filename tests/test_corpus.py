"""Documents to ids, ids to pairs, pairs to masked batches: literals first, then rates, then properties."""

import pickle
import random
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bertlab.batches import IGNORE as IGNORED_BY_HEADS
from bertlab.batches import Batches
from bertlab.corpus import (
    IGNORE,
    PAIRS,
    Rows,
    compute_offsets,
    draw_random_sentence,
    draw_segment_pairs,
    draw_target_length,
    encode_documents,
    find_kind_blocks,
    find_segment_end,
    hash_to_fraction,
    pair_rows,
    split_documents,
    truncate_pair,
)
from bertlab.masking import Masking, PretrainingCollate
from bertlab.vocabulary import learn_slowly

PAD, UNK, CLS, SEP, MASK = range(5)
FULL = {"short": 0.0}


class Numbers:
    """A WordPiece whose text is ids: "10 11" -> [10, 11]. Ids that end in 5 continue a word."""

    pad_id, unk_id, cls_id, sep_id, mask_id = range(5)

    def __init__(self, size: int = 200):
        ordinary = [f"##{i}" if i % 10 == 5 else f"{i}" for i in range(5, size)]
        self.vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *ordinary]

    def encode_bulk(self, texts):
        return [[int(token) for token in text.split()] for text in texts]


class Script(random.Random):
    """Chance, written down: each call gives the next value of its list."""

    def __init__(self, coins=(), ranges=(), bits=()):
        super().__init__(0)
        self.coins, self.ranges, self.bits = list(coins), list(ranges), list(bits)

    def random(self):
        return self.coins.pop(0)

    def randrange(self, start, stop=None):
        low, high = (0, start) if stop is None else (start, stop)
        value = self.ranges.pop(0)
        assert low <= value < high, f"{value} is not in [{low}, {high})"
        return value

    def getrandbits(self, count):
        value = self.bits.pop(0)
        assert value.bit_length() <= count
        return value

    def used_up(self):
        return not (self.coins or self.ranges or self.bits)


THREE = [["10 11 12", "13 14", "15", "16"], ["20 21", "22 23 24 25"], ["30"]]


def corpus(documents=THREE, size: int = 200):
    return encode_documents(documents, Numbers(size))


def made(documents: int, sentences: int, tokens: int, size: int = 1000):
    """A corpus of equal documents, with random ids."""
    rng = np.random.default_rng(0)
    ids = rng.integers(5, size, (documents, sentences, tokens))
    return encode_documents([[" ".join(map(str, s)) for s in document] for document in ids], Numbers(size))


def texts(encoded, table) -> list[tuple[list[int], list[int], int]]:
    """Rows of the table that `two_segments` yields, as ids."""
    return [(encoded.ids[a:b].tolist(), encoded.ids[c:d].tolist(), label) for a, b, c, d, label in table]


def document_of(encoded, token: int) -> int:
    return int(np.searchsorted(encoded.sentences[encoded.documents], token, side="right")) - 1


def restore(batch) -> torch.Tensor:
    """The ids before they were hidden."""
    return torch.where(batch["labels"] == IGNORE, batch["input_ids"], batch["labels"])


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed or 0)


# ---------------------------------------------------------------- encode


def test_encode_literal():
    encoded = corpus()
    assert encoded.ids.tolist() == [10, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23, 24, 25, 30]
    assert encoded.sentences.tolist() == [0, 3, 5, 6, 7, 9, 13, 14]
    assert encoded.documents.tolist() == [0, 4, 6, 7]
    assert len(encoded) == 3
    assert encoded.ids.dtype == np.uint16


def test_encode_drops_what_is_empty():
    encoded = corpus([["", "10", " ", "11 12"], [], ["", " "], ["13", ""]])
    assert encoded.ids.tolist() == [10, 11, 12, 13]
    assert encoded.sentences.tolist() == [0, 1, 3, 4]
    assert encoded.documents.tolist() == [0, 2, 3]


def test_encode_in_parts_is_encode_at_once(monkeypatch):
    monkeypatch.setattr("bertlab.corpus.SENTENCES_AT_ONCE", 2)
    encoded = corpus()
    assert encoded.ids.tolist() == [10, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23, 24, 25, 30]
    assert encoded.sentences.tolist() == [0, 3, 5, 6, 7, 9, 13, 14]


def test_encode_large_vocabulary_keeps_ids():
    wordpiece = Numbers(70_001)
    assert encode_documents([["70000 5"]], wordpiece).ids.tolist() == [70_000, 5]


@pytest.mark.parametrize("documents", [[], [[]], [["", " "], []]])
def test_encode_nothing(documents):
    with pytest.raises(ValueError, match="not one wordpiece"):
        corpus(documents)


def test_encode_refuses_bare_strings():
    with pytest.raises(ValueError, match="document 1 is a string"):
        corpus([["10"], "11 12"])


def test_counts():
    counts = corpus([["10 11 10"], ["10 12"]]).counts(200)
    assert counts.shape == (200,)
    assert {i: int(n) for i, n in enumerate(counts) if n} == {10: 3, 11: 1, 12: 1}
    with pytest.raises(ValueError, match="id 12"):
        corpus([["10 12"]]).counts(12)
    assert corpus([["10 12"]]).counts(13)[12] == 1


def test_starts():
    assert compute_offsets(np.array([3, 2])).tolist() == [0, 3, 5]


# ---------------------------------------------------------------- split

MANY = [[f"document {i}", "the end"] for i in range(2000)]


def test_split_is_whole_documents_in_order():
    train, judge = split_documents(MANY, 0.1)
    assert sorted(train + judge) == sorted(MANY)
    assert train == [d for d in MANY if d in train]
    assert judge == [d for d in MANY if d in judge]
    assert 0.08 < len(judge) / len(MANY) < 0.12


def test_split_hangs_on_the_seed_alone():
    assert split_documents(MANY, 0.1, seed=3) == split_documents(MANY, 0.1, seed=3)
    assert split_documents(MANY, 0.1, seed=3) != split_documents(MANY, 0.1, seed=4)
    assert f"{hash_to_fraction('bertlab'):.6f}" == "0.128615"  # on every machine, in every version of Python


def test_split_is_stable_when_documents_are_added():
    """A held-out document of a small corpus is held out in the larger one too, wherever it stands there."""
    _, few = split_documents(MANY[:500], 0.1)
    train, many = split_documents(MANY[::-1], 0.1)
    assert few
    assert all(document in many for document in few)
    assert not any(document in train for document in few)


def test_split_keeps_copies_together():
    train, judge = split_documents(MANY[:50] * 4, 0.3)
    assert {d[0] for d in train} & {d[0] for d in judge} == set()
    assert set(Counter(d[0] for d in train + judge).values()) == {4}


def test_split_keeps_groups_together():
    train, judge = split_documents(MANY[:400], 0.3, groups=[f"book {i % 20}" for i in range(400)])
    book = {document[0]: i % 20 for i, document in enumerate(MANY[:400])}
    assert {book[d[0]] for d in train} & {book[d[0]] for d in judge} == set()
    assert train
    assert judge
    with pytest.raises(ValueError, match="3 groups for 2 documents"):
        split_documents(MANY[:2], groups="abc")


@pytest.mark.parametrize("held_out", [1e-9, 0.05, 0.5, 1 - 1e-9])
@pytest.mark.parametrize("seed", range(5))
def test_split_leaves_both_sides_something(held_out, seed):
    train, judge = split_documents(MANY[:2], held_out, seed)
    assert len(train) == len(judge) == 1


@pytest.mark.parametrize("held_out", [0.0001, 0.5, 0.9999])
def test_split_gives_each_side_as_many_as_are_needed(held_out):
    train, judge = split_documents(MANY[:4], held_out, at_least=2)
    assert (len(train), len(judge)) == (2, 2)
    with pytest.raises(ValueError, match="3 documents, 3 different: holding some out needs 4"):
        split_documents(MANY[:3], held_out, at_least=2)


@pytest.mark.parametrize("documents", [[], MANY[:1], MANY[:1] * 3])
def test_split_needs_two_documents(documents):
    with pytest.raises(ValueError, match="needs 2"):
        split_documents(documents)


@pytest.mark.parametrize("held_out", [0, 1, -0.1, float("nan")])
def test_split_refuses_impossible_shares(held_out):
    with pytest.raises(ValueError, match="held_out"):
        split_documents(MANY, held_out)


# ---------------------------------------------------------------- pairs, by hand


def test_next_by_hand():
    """Room for 6 tokens. Of the coins .9 says "no short row", .7 says "next" and .2 says "random"."""
    encoded = corpus()
    draw = Script(
        coins=[0.9, 0.7, 0.9, 0.9, 0.2, 0.9, 0.9],
        ranges=[
            2,  # the first three sentences have six tokens; A is two of them
            1,  # "16" is alone, so its B is random: the second sentence of the other documents
            5,  # the second document: A is its sentence 4, B its sentence 5
            4,  # but the coin says random: the fifth sentence of the other documents, "30"
            0,  # so "22 23 24 25" was put back. It is alone now: the first sentence of the others
            4,  # "30" is alone: from the fifth of the others, as many sentences as fill five tokens
        ],
        bits=[
            1,  # 4 + 3 tokens are one too many; A is longer, and loses one at the front
            0,  # 1 + 6 tokens: B loses one at the end
        ],
    )
    assert texts(encoded, draw_segment_pairs(encoded, 6, 0.1, "next", draw)) == [
        ([10, 11, 12, 13, 14], [15], 0),
        ([16], [22, 23, 24, 25], 1),
        ([20, 21], [30], 1),
        ([23, 24, 25], [10, 11, 12], 1),
        ([30], [20, 21, 22, 23, 24], 1),
    ]
    assert draw.used_up()


def test_sentences_by_hand():
    encoded = corpus()
    draw = Script(coins=[0.9, 0.7, 0.9, 0.2, 0.9, 0.9, 0.7, 0.9], ranges=[1, 3, 2, 0, 5, 5])
    assert texts(encoded, draw_segment_pairs(encoded, 6, 0.1, "sentences", draw)) == [
        ([10, 11, 12], [13, 14], 0),
        ([15], [30], 1),
        ([16], [20, 21], 1),
        ([20, 21], [22, 23, 24, 25], 0),
        ([30], [22, 23, 24, 25], 1),
    ]
    assert draw.used_up()


def test_order_by_hand():
    encoded = corpus()
    draw = Script(coins=[0.9, 0.2, 0.9, 0.9, 0.7, 0.9], ranges=[1, 5])
    assert texts(encoded, draw_segment_pairs(encoded, 6, 0.1, "order", draw)) == [
        ([13, 14, 15], [10, 11, 12], 1),
        ([16], [], -1),
        ([20, 21], [22, 23, 24, 25], 0),
        ([30], [], -1),
    ]
    assert draw.used_up()


def test_order_cuts_before_it_swaps():
    encoded = corpus([["10 11 12 13 14 15", "20 21"]])
    draw = Script(coins=[0.9, 0.2], ranges=[1], bits=[1])
    assert texts(encoded, draw_segment_pairs(encoded, 7, 0.1, "order", draw)) == [([20, 21], [11, 12, 13, 14, 15], 1)]


def test_short_row_by_hand():
    """The first coin says "short", and the row aims at two tokens. It gets two sentences all the same, and is asked."""
    encoded = corpus()
    draw = Script(coins=[0.05, 0.9, 0.9, 0.2, 0.9], ranges=[2, 1, 3, 0, 2], bits=[0])
    rows = draw_segment_pairs(encoded, 6, 0.1, "next", draw)
    assert texts(encoded, [next(rows), next(rows), next(rows)]) == [
        ([10, 11, 12], [13, 14], 0),
        ([15], [20, 21, 22, 23, 24], 1),
        ([16], [30], 1),
    ]
    assert draw.used_up()


def test_answers_are_balanced_where_a_sentence_fills_the_row():
    """Google's code would call nearly all of these random: a chunk of one sentence has nothing left for a true B."""
    rows = pair_rows(made(200, 40, 20), 24, seed=0)
    assert abs(rows.label.mean() - 0.5) < 0.03


def test_none_by_hand():
    rows = pair_rows(corpus(), 6, 0, pairs="none", **FULL)
    assert [(a.tolist(), b.tolist(), label) for a, b, label in rows] == [
        ([10, 11, 12, 13], [], -1),
        ([14, 15, 16], [], -1),
        ([20, 21, 22, 23], [], -1),
        ([24, 25], [], -1),
        ([30], [], -1),
    ]
    assert rows.lengths.tolist() == [6, 5, 6, 4, 3]


def test_rows_literal():
    rows = Rows(
        ids=np.arange(10, 20),
        a=np.array([[0, 3], [5, 6]]),
        b=np.array([[3, 5], [6, 6]]),
        label=np.array([0, -1]),
    )
    (a, b, label), (c, d, nothing) = rows
    assert (a.tolist(), b.tolist(), label) == ([10, 11, 12], [13, 14], 0)
    assert (c.tolist(), d.tolist(), nothing) == ([15], [], -1)
    assert len(rows) == 2
    assert rows.lengths.tolist() == [8, 3]
    assert rows[-1][0].tolist() == [15]
    with pytest.raises(IndexError):
        rows[2]


def test_until_literal():
    sentences = [0, 3, 5, 6, 7, 9, 13, 14]
    assert [find_segment_end(sentences, 0, 4, n) for n in (-5, 0, 1, 3, 4, 5, 6, 7, 99)] == [1, 1, 1, 1, 2, 2, 3, 4, 4]


def test_elsewhere_reaches_all_other_sentences_alike():
    found = Counter(draw_random_sentence([0, 2, 3, 7], 2, 3, random.Random(i)) for i in range(3000))
    assert set(found) == {(0, 2), (1, 2), (3, 7), (4, 7), (5, 7), (6, 7)}
    assert max(abs(n - 500) for n in found.values()) < 100


def test_elsewhere_stays_in_its_block():
    found = Counter(draw_random_sentence([0, 2, 3, 7, 9], 3, 7, random.Random(i), (2, 9)) for i in range(600))
    assert set(found) == {(2, 3), (7, 9), (8, 9)}
    assert max(abs(n - 200) for n in found.values()) < 60


def test_blocks_literal():
    encoded = corpus([["10", "11"], ["12"], ["13", "14"], ["15"], ["16"]])
    assert find_kind_blocks(encoded, ["a", "a", "b", "b", "b"]) == [(0, 3), (0, 3), (3, 7), (3, 7), (3, 7)]


def test_a_random_b_is_of_the_same_kind():
    """Twelve documents of three kinds: without `kinds` most random Bs are of another kind, with them none is."""
    encoded = made(12, 5, 6)
    kinds = ["a"] * 4 + ["b"] * 6 + ["c"] * 2
    for pairs in ("next", "sentences"):
        for given_kinds, strangers in ((None, True), (kinds, False)):
            rows = pair_rows(encoded, 20, seed=0, pairs=pairs, kinds=given_kinds)
            drawn = [
                (document_of(encoded, int(a)), document_of(encoded, int(b)))
                for (a, _), (b, _), label in zip(rows.a, rows.b, rows.label, strict=True)
                if label == 1
            ]
            assert len(drawn) > 10
            assert all(a != b for a, b in drawn)
            assert any(kinds[a] != kinds[b] for a, b in drawn) is strangers


def test_one_kind_is_the_same_as_no_kinds():
    encoded = made(6, 5, 6)
    one, none = (pair_rows(encoded, 20, seed=3, kinds=kinds) for kinds in (["x"] * 6, None))
    assert (one.a == none.a).all()
    assert (one.b == none.b).all()
    assert (one.label == none.label).all()


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (["a", "a"], "2 kinds for 3 documents"),
        (["a", "b", "a"], "must stand together"),
        (["a", "a", "b"], "one document of the kind 'b'"),
    ],
)
def test_kinds_that_do_not_fit(kinds, message):
    with pytest.raises(ValueError, match=message):
        pair_rows(corpus(), 20, seed=0, kinds=kinds)
    if len(kinds) == 3:
        assert len(pair_rows(corpus(), 20, seed=0, pairs="order", kinds=kinds))  # nothing is drawn from elsewhere


def test_encode_says_which_documents_are_left():
    encoded = corpus([["10"], [""], ["11", ""], []])
    assert encoded.numbers.tolist() == [0, 2]


def test_aim_literal():
    assert draw_target_length(10, 0.1, Script(coins=[0.5])) == 10
    assert draw_target_length(10, 0.1, Script(coins=[0.05], ranges=[7])) == 7
    assert {draw_target_length(4, 1.0, random.Random(i)) for i in range(50)} == {2, 3, 4}


@given(a=st.integers(1, 40), b=st.integers(0, 40), room=st.integers(2, 50), seed=st.integers(0, 9))
def test_cut_is_token_by_token_from_the_longer(a, b, room, seed):
    keep_a, keep_b = a, b
    while keep_a + keep_b > room:
        if keep_a > keep_b:
            keep_a -= 1
        else:
            keep_b -= 1
    (a0, a1), (b0, b1) = truncate_pair((100, 100 + a), (200, 200 + b), room, random.Random(seed))
    assert (a1 - a0, b1 - b0) == (keep_a, keep_b)
    assert 100 <= a0 <= a1 <= 100 + a
    assert 200 <= b0 <= b1 <= 200 + b


def test_cut_takes_both_ends_alike():
    fronts = [truncate_pair((0, 24), (50, 54), 20, random.Random(i))[0][0] for i in range(4000)]
    assert abs(np.mean(fronts) - 4) < 0.1  # 8 coins each
    assert abs(np.var(fronts) - 2) < 0.2


# ---------------------------------------------------------------- pairs, rates and rules


@pytest.fixture(scope="module")
def tall():
    """100 documents of 1,000 sentences of one token: whatever a row aims at, it gets."""
    return made(100, 1000, 1)


def test_rates_of_pairs(tall):
    rows = pair_rows(tall, 13, seed=1)  # room for 10
    assert len(rows) > 12_000
    assert abs(rows.label.mean() - 0.5) < 0.01
    within = ~np.isin(rows.b[:, 1], tall.sentences[tall.documents])  # the end of a document makes short rows too
    shorter = rows.lengths[within & (rows.label == 0)] < 13
    assert abs(shorter.mean() - 0.1 * 8 / 9) < 0.01  # 2 to 9 of the targets 2 to 10 are shorter
    packed = pair_rows(tall, 12, seed=1, pairs="none")
    within = ~np.isin(packed.a[:, 1], tall.sentences[tall.documents])
    assert abs((packed.lengths[within] < 12).mean() - 0.1 * 8 / 9) < 0.01
    swapped = pair_rows(tall, 13, seed=1, pairs="order")
    assert abs(swapped.label[swapped.label >= 0].mean() - 0.5) < 0.01
    assert (swapped.label < 0).mean() < 0.01
    single = pair_rows(tall, 13, seed=1, pairs="sentences")
    assert abs(single.label.mean() - 0.5) < 0.01
    assert set(single.lengths) == {5}


def test_places_of_the_cut(tall):
    """A ends behind any of the sentences of a part alike, but never behind the last."""
    rows = pair_rows(tall, 13, seed=1, **FULL)
    sizes = Counter(np.diff(rows.a)[:, 0].tolist())
    assert set(sizes) == set(range(1, 10))
    assert max(abs(n / len(rows) - 1 / 9) for n in sizes.values()) < 0.01


def test_shares_of_short(tall):
    assert set(pair_rows(tall, 13, 0, pairs="order", **FULL).lengths.tolist()) == {13}
    assert len(set(pair_rows(tall, 13, 0, pairs="order", short=1.0).lengths.tolist()) & set(range(5, 14))) == 9


def test_polarity():
    """0: B stands right behind A in its document. 1: B is from another document (under "order": B was before A)."""
    encoded = made(30, 20, 3)
    for pairs in ("next", "sentences"):
        rows = pair_rows(encoded, 42, seed=2, pairs=pairs)
        assert set(rows.label.tolist()) == {0, 1}
        for (_, a_end), (b, b_end), label in zip(rows.a, rows.b, rows.label, strict=True):
            if label == 0:
                assert b == a_end
                assert document_of(encoded, b_end - 1) == document_of(encoded, a_end - 1)
            else:
                assert document_of(encoded, b) == document_of(encoded, b_end - 1) != document_of(encoded, a_end - 1)
    rows = pair_rows(encoded, 42, seed=2, pairs="order")
    for a, b, label in zip(rows.a, rows.b, rows.label, strict=True):
        assert document_of(encoded, a[0]) == document_of(encoded, max(b[1] - 1, a[0]))
        assert (label == -1 and b[0] == b[1]) or (label == 0 and a[1] == b[0]) or (label == 1 and b[1] == a[0])


def test_random_b_comes_from_everywhere():
    encoded = made(30, 20, 3)
    found = Counter()
    for seed in range(20):
        rows = pair_rows(encoded, 40, seed)
        found.update(document_of(encoded, b) for b in rows.b[rows.label == 1, 0])
    assert set(found) == set(range(30))
    assert max(found.values()) < 2 * min(found.values())


def used(encoded, rows) -> np.ndarray:
    """How often each token of the corpus stands in a row, not counting random Bs."""
    times = np.zeros(len(encoded.ids), int)
    for (a, a_end), (b, b_end), label in zip(rows.a, rows.b, rows.label, strict=True):
        times[a:a_end] += 1
        if label == 0 or document_of(encoded, a) == document_of(encoded, min(b, len(times) - 1)):
            times[b:b_end] += 1
    return times


@pytest.mark.parametrize("pairs", PAIRS)
def test_every_token_once_an_epoch(pairs):
    encoded = made(40, 25, 2)
    rows = pair_rows(encoded, 25, seed=5, pairs=pairs)  # room for 22 or 23: a row never needs to be cut
    short = rows.lengths < 25
    assert short.any()
    if pairs == "next":  # a random B may be too long for its row, and then A may be cut: look at the others
        assert used(encoded, rows).max() == 1
        assert used(encoded, rows).mean() > 0.99
    else:
        assert set(used(encoded, rows)) == {1}


documents_of_numbers = st.lists(
    st.lists(st.lists(st.integers(5, 60), max_size=12).map(lambda ids: " ".join(map(str, ids))), max_size=6),
    min_size=2,
    max_size=6,
).filter(lambda documents: sum(any(document) for document in documents) >= 2)


@given(
    documents_of_numbers,
    st.integers(5, 30),
    st.integers(0, 2**40),
    st.sampled_from(PAIRS),
    st.sampled_from([0.0, 0.1, 1.0]),
)
@settings(deadline=None, max_examples=60)
def test_rules_of_pairs(documents, length, seed, pairs, short):
    encoded = corpus(documents)
    rows = pair_rows(encoded, length, seed, short, pairs)
    assert rows.lengths.max() <= length
    times = used(encoded, rows)
    assert times.max() == 1  # nothing twice
    a_size, b_size = np.diff(rows.a)[:, 0], np.diff(rows.b)[:, 0]
    assert a_size.min() > 0
    assert ((b_size > 0) == (rows.label >= 0)).all()
    cut_at_most = length - (2 if pairs == "none" else 3)
    if not (a_size + b_size == cut_at_most).any():  # no row was cut, so nothing was lost
        assert times.min() == 1
    assert [(len(a), len(b)) for a, b, _ in rows] == list(zip(a_size, b_size, strict=True))
    firsts = rows.a[:, 0] if pairs != "order" else np.minimum(rows.a[:, 0], np.where(b_size, rows.b[:, 0], 2**40))
    assert (np.diff(firsts) > 0).all()  # in the order of the text; `Batches` shuffles
    again = pair_rows(encoded, length, seed, short, pairs)
    assert (again.a == rows.a).all()
    assert (again.b == rows.b).all()
    assert (again.label == rows.label).all()


@pytest.mark.parametrize("pairs", PAIRS)
def test_rows_hang_on_the_seed_alone(pairs):
    encoded = made(10, 30, 2)
    random.seed(1)
    one, two = (pair_rows(encoded, 13, seed, pairs=pairs) for seed in (1, 2))
    assert len(one) != len(two) or (one.a != two.a).any()
    random.seed(2)
    again = pair_rows(encoded, 13, np.int64(1), pairs=pairs)
    assert (again.a == one.a).all()
    assert (again.b == one.b).all()


@pytest.mark.parametrize("pairs", PAIRS)
def test_many_times_through(pairs):
    """The first time is what it would be alone; the others have the same text in other rows."""
    encoded = made(10, 30, 2)
    once, thrice = (pair_rows(encoded, 25, 1, pairs=pairs, times=times) for times in (1, 3))
    assert (thrice.a[: len(once)] == once.a).all()
    assert (thrice.b[: len(once)] == once.b).all()
    if pairs != "next":
        assert set(used(encoded, thrice)) == {3}
    assert len(np.unique(np.hstack([thrice.a, thrice.b]), axis=0)) > 1.5 * len(once)
    with pytest.raises(ValueError, match="times is 0"):
        pair_rows(encoded, 25, 1, times=0)


def test_sentences_longer_than_the_row():
    long = " ".join(map(str, range(10, 110)))
    encoded = corpus([[long, long, long], [long]])
    rows = pair_rows(encoded, 16, 0, **FULL)
    assert rows.lengths.tolist() == [16] * 3  # the first B was random, and the two left belong together
    assert rows.label.tolist() == [1, 0, 1]
    assert np.diff(rows.a)[:, 0].tolist() == [7] * 3  # an odd token would be A's
    assert len(pair_rows(encoded, 16, 0, pairs="none", **FULL)) == 22 + 8  # 14 tokens a row: nothing is lost


def test_documents_of_one_sentence():
    rows = pair_rows(corpus([["10"], ["11"], ["12"]]), 16, 0)
    assert rows.label.tolist() == [1, 1, 1]
    assert rows.lengths.tolist() == [5, 5, 5]


def test_one_document():
    encoded = corpus([["10 11", "12", "13"]])
    for pairs in ("next", "sentences"):
        with pytest.raises(ValueError, match="one document"):
            pair_rows(encoded, 16, 0, pairs=pairs)
    assert len(pair_rows(encoded, 16, 0, pairs="order")) >= 1
    assert len(pair_rows(encoded, 16, 0, pairs="none", **FULL)) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"length": 4}, "no room"),
        ({"length": 3, "pairs": "none"}, "no room"),
        ({"short": -0.1}, "short"),
        ({"short": 1.1}, "short"),
        ({"pairs": "sop"}, "no pairs 'sop'; there are next, sentences, order, none"),
    ],
)
def test_pair_rows_refuses(wrong, message):
    with pytest.raises(ValueError, match=message):
        pair_rows(corpus(), **{"length": 16, "seed": 0, **wrong})
    least = {"length": 4, "pairs": "none"} if wrong.get("pairs") == "none" else {"length": 5}
    assert pair_rows(corpus(), seed=0, **least).lengths.max() == least["length"]


# ---------------------------------------------------------------- batches, by hand


def collate(**masking):
    return PretrainingCollate(Numbers(), Masking(**masking))


def test_batch_literal():
    rows = [([10, 11, 12], [20], 0), (np.array([13], np.uint16), np.array([], np.uint16), -1), ([14], [21, 22], 1)]
    batch = collate(mask=1.0, random=0.0)(rows, rng())
    assert restore(batch).tolist() == [
        [CLS, 10, 11, 12, SEP, 20, SEP],
        [CLS, 13, SEP, PAD, PAD, PAD, PAD],
        [CLS, 14, SEP, 21, 22, SEP, PAD],
    ]
    assert batch["token_type_ids"].tolist() == [[0, 0, 0, 0, 0, 1, 1], [0] * 7, [0, 0, 0, 1, 1, 1, 0]]
    assert batch["attention_mask"].tolist() == [[1] * 7, [1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 0]]
    assert batch["next_sentence_label"].tolist() == [0, IGNORE, 1]
    assert (batch["labels"] != IGNORE).sum(1).tolist() == [1, 1, 1]  # .15 of 4, 1, 3 words: one at least
    assert batch["labels"][1].tolist() == [IGNORE, 13, *[IGNORE] * 5]
    assert batch["input_ids"][1].tolist() == [CLS, MASK, SEP, *[PAD] * 4]
    assert {value.dtype for value in batch.values()} == {torch.int64}
    assert list(batch) == ["input_ids", "token_type_ids", "labels", "attention_mask", "next_sentence_label"]


def test_batch_leaves_out_what_says_nothing():
    batch = collate()([([10, 11], [12], 0), ([13], [14, 15], 1)], rng())
    assert "attention_mask" not in batch  # equal lengths
    assert batch["next_sentence_label"].tolist() == [0, 1]
    batch = collate()([([10, 11], [], -1), ([13], [], -1)], rng())
    assert "next_sentence_label" not in batch
    assert "attention_mask" in batch


def test_hide_literal():
    """All three ways, one at a time."""
    rows = [(list(range(10, 90)), [], -1)]
    there = [CLS, *range(10, 90), SEP]
    hidden = collate(rate=1.0, mask=1.0, random=0.0)(rows, rng())
    assert hidden["input_ids"][0].tolist() == [CLS, *[MASK] * 80, SEP]
    assert hidden["labels"][0].tolist() == [IGNORE, *range(10, 90), IGNORE]
    kept = collate(rate=1.0, mask=0.0, random=0.0)(rows, rng())
    assert kept["input_ids"][0].tolist() == there
    assert kept["labels"][0].tolist() == [IGNORE, *range(10, 90), IGNORE]
    other = collate(rate=1.0, mask=0.0, random=1.0)(rows, rng())["input_ids"][0]
    assert (other[1:-1] != torch.arange(10, 90)).sum() > 70
    assert (other[1:-1] > MASK).all()
    assert (other[0], other[-1]) == (CLS, SEP)


@pytest.mark.parametrize(
    ("words", "hidden"), [(1, 1), (6, 1), (9, 1), (11, 2), (20, 3), (100, 15), (123, 18), (124, 19)]
)
def test_exactly_so_many_are_hidden(words, hidden):
    for i in range(20):
        batch = collate()([(list(range(5, 5 + words)), [], -1)], rng(i))
        assert (batch["labels"] != IGNORE).sum() == hidden


def test_a_row_without_words():
    batch = collate()([([UNK, UNK], [UNK], 0), ([10], [], -1)], rng())
    assert batch["labels"][0].tolist() == [IGNORE] * 6
    assert batch["input_ids"][0].tolist() == [CLS, UNK, UNK, SEP, UNK, SEP]
    assert batch["labels"][1, 1] == 10


def test_collate_refuses():
    with pytest.raises(ValueError, match="at least one row"):
        collate()([], rng())
    with pytest.raises(ValueError, match="from 2 to 200, the vocabulary from 0 to 199"):
        collate()([([5, 200], [], -1)], rng())
    with pytest.raises(ValueError, match="from -1"):
        collate()([([5, -1], [], -1)], rng())
    with pytest.raises(ValueError, match="no word to hide"):
        PretrainingCollate(Numbers(5))


@pytest.mark.parametrize(
    "wrong", [{"rate": 0}, {"rate": 1.1}, {"mask": -0.1}, {"random": -0.1}, {"mask": 0.8, "random": 0.3}]
)
def test_masking_refuses(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Masking(**wrong)
    assert Masking(mask=0.7, random=0.3).mask == 0.7  # their sum is 1, whatever floats say


def test_ignore_is_what_the_heads_ignore():
    assert IGNORE == IGNORED_BY_HEADS


# ---------------------------------------------------------------- batches, rates


@pytest.fixture(scope="module")
def many():
    """Batches of more than 100,000 tokens, with all that is random in them."""
    encoded = made(50, 200, 12)
    rows = pair_rows(encoded, 128, 0)
    collate = PretrainingCollate(Numbers(1000))
    return [collate([rows[i] for i in range(n, n + 32)], rng(7, n)) for n in range(0, len(rows) - 32, 32)]


def together(batches, key):
    return torch.cat([batch[key].flatten() for batch in batches])


def test_rates_of_masking(many):
    ids, labels = together(many, "input_ids"), together(many, "labels")
    there = torch.cat([restore(batch).flatten() for batch in many])
    words, asked = there > MASK, labels != IGNORE
    assert words.sum() > 100_000
    assert abs(asked.sum() / words.sum() - 0.15) < 0.002
    masked, same = ids[asked] == MASK, ids[asked] == labels[asked]
    assert abs(masked.double().mean() - 0.8) < 0.01
    assert abs(same.double().mean() - 0.1) < 0.01
    assert abs((~masked & ~same).double().mean() - 0.1) < 0.01
    assert len(ids[asked][~masked & ~same].unique()) > 700  # of the 995 ordinary ones; about 1,850 draws


def test_rules_of_masking(many):
    for batch in many:
        ids, labels, there = batch["input_ids"], batch["labels"], restore(batch)
        asked = labels != IGNORE
        assert (labels[asked] > MASK).all()  # no special token is asked for
        assert (ids[~asked] == there[~asked]).all()
        assert (there[:, 0] == CLS).all()
        assert (there == MASK).sum() == 0
        replaced = asked & (ids != MASK)
        assert (ids[replaced] > MASK).all()  # nor put in a word's place
        words = (there > MASK).sum(1)
        assert asked.sum(1).tolist() == [max(1, round(0.15 * int(n))) for n in words]


def test_all_places_are_hidden_alike():
    rows = [(list(range(10, 50)), list(range(60, 100)), 0)] * 32
    times = sum((collate()(rows, rng(i))["labels"] != IGNORE).sum(0) for i in range(100))
    share = times / 3200
    assert share[[0, 41, 82]].tolist() == [0, 0, 0]
    words = share[share > 0]
    assert len(words) == 80
    assert abs(words - 0.15).max() < 0.03


def test_batches_hang_on_seed_and_number_alone():
    rows = pair_rows(made(20, 20, 5), 32, 0)
    batches = Batches(rows, PretrainingCollate(Numbers(1000)), 8, seed=3, lengths=rows.lengths)
    late = batches[11]
    for number in range(5):
        batches[number]
    for key, value in batches[11].items():
        assert torch.equal(value, late[key])
    other = Batches(rows, PretrainingCollate(Numbers(1000)), 8, seed=4, lengths=rows.lengths)[11]
    assert other["input_ids"].shape != late["input_ids"].shape or (other["input_ids"] != late["input_ids"]).any()
    masks = [collate()([(list(range(10, 90)), [], -1)], rng(3, n))["labels"] for n in (0, 1)]
    assert (masks[0] != masks[1]).any()


def test_collate_goes_to_workers():
    """A data loader's process gets a copy, and makes the same batch."""
    rows = pair_rows(corpus(), 16, 0)
    ours = collate(whole_words=True)
    theirs, copied = pickle.loads(pickle.dumps((ours, rows)))
    for key, value in ours(list(rows), rng(1)).items():
        assert torch.equal(value, theirs(list(copied), rng(1))[key])


# ---------------------------------------------------------------- whole words


def words_of(a: list[int]) -> list[list[int]]:
    """Places of each word's pieces: 15, 25, ... continue the piece before."""
    words = []
    for where, i in enumerate(a):
        if i % 10 == 5 and words and a[where - 1] > MASK:
            words[-1].append(where)
        elif i > MASK:
            words.append([where])
    return words


def test_whole_words_literal():
    """Words of 1, 2 and 3 pieces and a budget of 2: what is hidden is one of the first two, or both never."""
    seen = set()
    for i in range(60):
        batch = collate(rate=0.34, whole_words=True)([([10, 11, 15, 12, 25, 35], [], -1)], rng(i))
        seen.add(tuple(np.flatnonzero(batch["labels"][0] != IGNORE)))
    assert seen == {(1,), (2, 3)}  # after the first word one is left, and no word fits


def test_whole_words_stop_at_segments():
    """A cut may leave a piece without its start: it is a word of its own, never part of one beyond [SEP] or [UNK]."""
    seen = set()
    for i in range(60):
        batch = collate(rate=0.2, whole_words=True)([([15, 10, 25, UNK, 35], [45, 11], 0)], rng(i))
        seen.add(tuple(np.flatnonzero(batch["labels"][0] != IGNORE)))
    assert seen == {(1,), (5,), (7,), (8,)}  # "10 25" is too long for a budget of one


def test_whole_words_that_fit_nowhere():
    batch = collate(whole_words=True)([([10, 15, 25], [], -1), ([10, 11], [], -1)], rng())
    assert (batch["labels"] != IGNORE).sum(1).tolist() == [0, 1]


@given(
    st.lists(
        st.lists(st.one_of(st.integers(5, 60), st.sampled_from([15, 25, UNK])), min_size=1, max_size=40),
        min_size=1,
        max_size=4,
    ),
    st.floats(0.01, 1.0),
    st.booleans(),
    st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=60)
def test_rules_of_batches(texts, rate, whole, seed):
    halves = [(text[: len(text) // 2 + 1], text[len(text) // 2 + 1 :], 0) for text in texts]
    batch = collate(rate=rate, whole_words=whole)(halves, rng(seed))
    asked = (batch["labels"] != IGNORE).numpy()
    for row, (a, b, _) in enumerate(halves):
        there = [CLS, *a, SEP, *b, SEP] if b else [CLS, *a, SEP]
        assert restore(batch)[row, : len(there)].tolist() == there
        assert (restore(batch)[row, len(there) :] == PAD).all()
        count = sum(i > MASK for i in there)
        budget = min(count, max(1, round(rate * count)))
        words = words_of(there)
        if not whole:
            assert asked[row].sum() == budget
            continue
        hidden = [bool(asked[row, word[0]]) for word in words]
        assert all((asked[row, word] == first).all() for word, first in zip(words, hidden, strict=True))
        left = budget - asked[row].sum()
        assert left >= 0
        assert all(first or len(word) > left for word, first in zip(words, hidden, strict=True))


def test_whole_words_rate():
    """Words of one or two pieces leave a budget unused only where its last token finds no short word."""
    encoded = made(20, 100, 12)
    rows = pair_rows(encoded, 128, 0, **FULL)
    whole = PretrainingCollate(Numbers(1000), Masking(whole_words=True))
    batch = whole(list(rows), rng())
    share = (batch["labels"] != IGNORE).sum() / (restore(batch) > MASK).sum()
    assert abs(share - 0.15) < 0.002


# ---------------------------------------------------------------- with real words


def test_from_text_to_batch():
    """The way of a sentence through all of it, with a real WordPiece."""
    documents = [
        ["The first sentence is here.", "The second one follows it."],
        ["Another document begins.", "And it ends."],
    ]
    wordpiece = learn_slowly([s for d in documents for s in d], 80)
    encoded = encode_documents(documents, wordpiece)
    assert encoded.ids[: encoded.sentences[1]].tolist() == wordpiece.encode(documents[0][0]).input_ids[1:-1]
    assert encoded.counts(len(wordpiece.vocab)).sum() == len(encoded.ids)
    rows = pair_rows(encoded, 128, 0, pairs="sentences")
    batch = PretrainingCollate(wordpiece)(list(rows), rng())
    a, b, _ = rows[0]
    wanted = [wordpiece.cls_id, *a, wordpiece.sep_id, *b, wordpiece.sep_id]
    assert restore(batch)[0, : len(wanted)].tolist() == wanted
    pair = wordpiece.encode(documents[0][0], documents[0][1])
    by_hand = collate_one(wordpiece, encoded)
    assert restore(by_hand)[0].tolist() == list(pair.input_ids)
    assert by_hand["token_type_ids"][0].tolist() == list(pair.token_type_ids)


def collate_one(wordpiece, encoded):
    """The first two sentences as one row."""
    first, second, third = encoded.sentences[:3]
    row = (encoded.ids[first:second], encoded.ids[second:third], 0)
    return PretrainingCollate(wordpiece)([row], rng())
