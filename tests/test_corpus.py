"""Documents to ids, and ids to pairs: literals first, then rates, then properties."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertlab.corpus import (
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
from bertlab.masking import PretrainingCollate
from bertlab.vocabulary import learn_slowly
from tests.number_corpus import NumberTokenizer, encode, encode_random, make_rng, restore

FULL = {"short": 0.0}


class Script(random.Random):
    """A random generator with prepared results: each call returns the next value of its list."""

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


def texts(encoded, table) -> list[tuple[list[int], list[int], int]]:
    """Rows of the table that `two_segments` yields, as ids."""
    return [(encoded.ids[a:b].tolist(), encoded.ids[c:d].tolist(), label) for a, b, c, d, label in table]


def document_of(encoded, token: int) -> int:
    return int(np.searchsorted(encoded.sentences[encoded.documents], token, side="right")) - 1


# ---- Encode ----------------------------------------------------------------------------------------------------------


def test_encode_literal():
    encoded = encode()
    assert encoded.ids.tolist() == [10, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23, 24, 25, 30]
    assert encoded.sentences.tolist() == [0, 3, 5, 6, 7, 9, 13, 14]
    assert encoded.documents.tolist() == [0, 4, 6, 7]
    assert len(encoded) == 3
    assert encoded.ids.dtype == np.uint16


def test_encode_drops_empty_sentences_and_documents():
    encoded = encode([["", "10", " ", "11 12"], [], ["", " "], ["13", ""]])
    assert encoded.ids.tolist() == [10, 11, 12, 13]
    assert encoded.sentences.tolist() == [0, 1, 3, 4]
    assert encoded.documents.tolist() == [0, 2, 3]


def test_encode_in_parts_is_encode_at_once(monkeypatch):
    monkeypatch.setattr("bertlab.corpus.SENTENCES_AT_ONCE", 2)
    encoded = encode()
    assert encoded.ids.tolist() == [10, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23, 24, 25, 30]
    assert encoded.sentences.tolist() == [0, 3, 5, 6, 7, 9, 13, 14]


def test_encode_large_vocabulary_keeps_ids():
    tokenizer = NumberTokenizer(70_001)
    assert encode_documents([["70000 5"]], tokenizer).ids.tolist() == [70_000, 5]


@pytest.mark.parametrize("documents", [[], [[]], [["", " "], []]])
def test_encode_nothing(documents):
    with pytest.raises(ValueError, match="without a single wordpiece"):
        encode(documents)


def test_encode_rejects_strings():
    with pytest.raises(ValueError, match="document 1 is a string"):
        encode([["10"], "11 12"])


def test_counts():
    counts = encode([["10 11 10"], ["10 12"]]).count_ids(200)
    assert counts.shape == (200,)
    assert {i: int(n) for i, n in enumerate(counts) if n} == {10: 3, 11: 1, 12: 1}
    with pytest.raises(ValueError, match="id 12"):
        encode([["10 12"]]).count_ids(12)
    assert encode([["10 12"]]).count_ids(13)[12] == 1


def test_offsets_literal():
    assert compute_offsets(np.array([3, 2])).tolist() == [0, 3, 5]


# ---- Split -----------------------------------------------------------------------------------------------------------

MANY = [[f"document {i}", "the end"] for i in range(2000)]


def test_split_is_whole_documents_in_order():
    train, judge = split_documents(MANY, 0.1)
    assert sorted(train + judge) == sorted(MANY)
    assert train == [d for d in MANY if d in train]
    assert judge == [d for d in MANY if d in judge]
    assert 0.08 < len(judge) / len(MANY) < 0.12


def test_split_depends_only_on_the_seed():
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
def test_split_leaves_no_part_empty(held_out, seed):
    train, judge = split_documents(MANY[:2], held_out, seed)
    assert len(train) == len(judge) == 1


@pytest.mark.parametrize("held_out", [0.0001, 0.5, 0.9999])
def test_split_gives_each_part_the_minimum(held_out):
    train, judge = split_documents(MANY[:4], held_out, at_least=2)
    assert (len(train), len(judge)) == (2, 2)
    with pytest.raises(ValueError, match="3 documents, 3 different: holding some out needs 4"):
        split_documents(MANY[:3], held_out, at_least=2)


@pytest.mark.parametrize("documents", [[], MANY[:1], MANY[:1] * 3])
def test_split_needs_two_documents(documents):
    with pytest.raises(ValueError, match="needs 2"):
        split_documents(documents)


@pytest.mark.parametrize("held_out", [0, 1, -0.1, float("nan")])
def test_split_rejects_impossible_fractions(held_out):
    with pytest.raises(ValueError, match="held_out"):
        split_documents(MANY, held_out)


# ---- Pairs, by hand --------------------------------------------------------------------------------------------------


def test_next_by_hand():
    """Room for 6 tokens. Among the coins, .9 means "no short row", .7 means "next" and .2 means "random"."""
    encoded = encode()
    rng = Script(
        coins=[0.9, 0.7, 0.9, 0.9, 0.2, 0.9, 0.9],
        ranges=[
            2,  # the first three sentences have six tokens; A is two of them
            1,  # "16" is alone, so its B is random: the second sentence of the other documents
            5,  # the second document: A is its sentence 4, B its sentence 5
            4,  # but the coin means random: the fifth sentence of the other documents, "30"
            0,  # so "22 23 24 25" is used again. It is alone now: the first sentence of the others
            4,  # "30" is alone: from the fifth of the others, as many sentences as fill five tokens
        ],
        bits=[
            1,  # 4 + 3 tokens are one too many; A is longer, and loses one at the front
            0,  # 1 + 6 tokens: B loses one at the end
        ],
    )
    assert texts(encoded, draw_segment_pairs(encoded, 6, 0.1, "next", rng)) == [
        ([10, 11, 12, 13, 14], [15], 0),
        ([16], [22, 23, 24, 25], 1),
        ([20, 21], [30], 1),
        ([23, 24, 25], [10, 11, 12], 1),
        ([30], [20, 21, 22, 23, 24], 1),
    ]
    assert rng.used_up()


def test_sentences_by_hand():
    encoded = encode()
    rng = Script(coins=[0.9, 0.7, 0.9, 0.2, 0.9, 0.9, 0.7, 0.9], ranges=[1, 3, 2, 0, 5, 5])
    assert texts(encoded, draw_segment_pairs(encoded, 6, 0.1, "sentences", rng)) == [
        ([10, 11, 12], [13, 14], 0),
        ([15], [30], 1),
        ([16], [20, 21], 1),
        ([20, 21], [22, 23, 24, 25], 0),
        ([30], [22, 23, 24, 25], 1),
    ]
    assert rng.used_up()


def test_order_by_hand():
    encoded = encode()
    rng = Script(coins=[0.9, 0.2, 0.9, 0.9, 0.7, 0.9], ranges=[1, 5])
    assert texts(encoded, draw_segment_pairs(encoded, 6, 0.1, "order", rng)) == [
        ([13, 14, 15], [10, 11, 12], 1),
        ([16], [], -1),
        ([20, 21], [22, 23, 24, 25], 0),
        ([30], [], -1),
    ]
    assert rng.used_up()


def test_order_truncates_before_it_swaps():
    encoded = encode([["10 11 12 13 14 15", "20 21"]])
    rng = Script(coins=[0.9, 0.2], ranges=[1], bits=[1])
    assert texts(encoded, draw_segment_pairs(encoded, 7, 0.1, "order", rng)) == [([20, 21], [11, 12, 13, 14, 15], 1)]


def test_short_row_by_hand():
    """The first coin means "short", with a target of two tokens. Still the row gets two sentences and a label."""
    encoded = encode()
    rng = Script(coins=[0.05, 0.9, 0.9, 0.2, 0.9], ranges=[2, 1, 3, 0, 2], bits=[0])
    rows = draw_segment_pairs(encoded, 6, 0.1, "next", rng)
    assert texts(encoded, [next(rows), next(rows), next(rows)]) == [
        ([10, 11, 12], [13, 14], 0),
        ([15], [20, 21, 22, 23, 24], 1),
        ([16], [30], 1),
    ]
    assert rng.used_up()


def test_labels_are_balanced_where_a_sentence_fills_the_row():
    """Google's code would call nearly all of these random: a part of one sentence has nothing left for a true B."""
    rows = pair_rows(encode_random(200, 40, 20), 24, seed=0)
    assert abs(rows.label.mean() - 0.5) < 0.03


def test_none_by_hand():
    rows = pair_rows(encode(), 6, 0, pairs="none", **FULL)
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


def test_segment_end_literal():
    sentences = [0, 3, 5, 6, 7, 9, 13, 14]
    assert [find_segment_end(sentences, 0, 4, n) for n in (-5, 0, 1, 3, 4, 5, 6, 7, 99)] == [1, 1, 1, 1, 2, 2, 3, 4, 4]


def test_a_random_sentence_is_any_other_with_equal_probability():
    found = Counter(draw_random_sentence([0, 2, 3, 7], 2, 3, random.Random(i)) for i in range(3000))
    assert set(found) == {(0, 2), (1, 2), (3, 7), (4, 7), (5, 7), (6, 7)}
    assert max(abs(n - 500) for n in found.values()) < 100


def test_a_random_sentence_is_from_its_block():
    found = Counter(draw_random_sentence([0, 2, 3, 7, 9], 3, 7, random.Random(i), (2, 9)) for i in range(600))
    assert set(found) == {(2, 3), (7, 9), (8, 9)}
    assert max(abs(n - 200) for n in found.values()) < 60


def test_blocks_literal():
    encoded = encode([["10", "11"], ["12"], ["13", "14"], ["15"], ["16"]])
    assert find_kind_blocks(encoded, ["a", "a", "b", "b", "b"]) == [(0, 3), (0, 3), (3, 7), (3, 7), (3, 7)]


def test_a_random_b_is_of_the_same_kind():
    """Twelve documents of three kinds: without `kinds` most random Bs are of another kind, with them none is."""
    encoded = encode_random(12, 5, 6)
    kinds = ["a"] * 4 + ["b"] * 6 + ["c"] * 2
    for pairs in ("next", "sentences"):
        for given_kinds, mixed in ((None, True), (kinds, False)):
            rows = pair_rows(encoded, 20, seed=0, pairs=pairs, kinds=given_kinds)
            drawn = [
                (document_of(encoded, int(a)), document_of(encoded, int(b)))
                for (a, _), (b, _), label in zip(rows.a, rows.b, rows.label, strict=True)
                if label == 1
            ]
            assert len(drawn) > 10
            assert all(a != b for a, b in drawn)
            assert any(kinds[a] != kinds[b] for a, b in drawn) is mixed


def test_one_kind_is_the_same_as_no_kinds():
    encoded = encode_random(6, 5, 6)
    one, none = (pair_rows(encoded, 20, seed=3, kinds=kinds) for kinds in (["x"] * 6, None))
    assert (one.a == none.a).all()
    assert (one.b == none.b).all()
    assert (one.label == none.label).all()


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (["a", "a"], "2 kinds for 3 documents"),
        (["a", "b", "a"], "must be consecutive"),
        (["a", "a", "b"], "only one document of the kind 'b'"),
    ],
)
def test_kinds_that_do_not_fit(kinds, message):
    with pytest.raises(ValueError, match=message):
        pair_rows(encode(), 20, seed=0, kinds=kinds)
    if len(kinds) == 3:
        assert len(pair_rows(encode(), 20, seed=0, pairs="order", kinds=kinds))  # no B is drawn from another document


def test_encode_numbers_the_documents_that_are_left():
    encoded = encode([["10"], [""], ["11", ""], []])
    assert encoded.numbers.tolist() == [0, 2]


def test_target_length_literal():
    assert draw_target_length(10, 0.1, Script(coins=[0.5])) == 10
    assert draw_target_length(10, 0.1, Script(coins=[0.05], ranges=[7])) == 7
    assert {draw_target_length(4, 1.0, random.Random(i)) for i in range(50)} == {2, 3, 4}


@settings(deadline=None)
@given(a=st.integers(1, 40), b=st.integers(0, 40), room=st.integers(2, 50), seed=st.integers(0, 9))
def test_truncation_is_token_by_token_from_the_longer(a, b, room, seed):
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


def test_truncation_takes_both_ends_with_equal_probability():
    fronts = [truncate_pair((0, 24), (50, 54), 20, random.Random(i))[0][0] for i in range(4000)]
    assert abs(np.mean(fronts) - 4) < 0.1  # 8 coins each
    assert abs(np.var(fronts) - 2) < 0.2


# ---- Pairs, rates and rules ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def long_documents():
    """100 documents of 1,000 sentences of one token: every row gets its target length."""
    return encode_random(100, 1000, 1)


def test_rates_of_pairs(long_documents):
    rows = pair_rows(long_documents, 13, seed=1)  # room for 10
    assert len(rows) > 12_000
    assert abs(rows.label.mean() - 0.5) < 0.01
    within = ~np.isin(
        rows.b[:, 1], long_documents.sentences[long_documents.documents]
    )  # the end of a document makes short rows too
    shorter = rows.lengths[within & (rows.label == 0)] < 13
    assert abs(shorter.mean() - 0.1 * 8 / 9) < 0.01  # 2 to 9 of the targets 2 to 10 are shorter
    packed = pair_rows(long_documents, 12, seed=1, pairs="none")
    within = ~np.isin(packed.a[:, 1], long_documents.sentences[long_documents.documents])
    assert abs((packed.lengths[within] < 12).mean() - 0.1 * 8 / 9) < 0.01
    swapped = pair_rows(long_documents, 13, seed=1, pairs="order")
    assert abs(swapped.label[swapped.label >= 0].mean() - 0.5) < 0.01
    assert (swapped.label < 0).mean() < 0.01
    single = pair_rows(long_documents, 13, seed=1, pairs="sentences")
    assert abs(single.label.mean() - 0.5) < 0.01
    assert set(single.lengths) == {5}


def test_positions_of_the_split(long_documents):
    """A ends after any of the sentences of a part with equal probability, but never after the last."""
    rows = pair_rows(long_documents, 13, seed=1, **FULL)
    sizes = Counter(np.diff(rows.a)[:, 0].tolist())
    assert set(sizes) == set(range(1, 10))
    assert max(abs(n / len(rows) - 1 / 9) for n in sizes.values()) < 0.01


def test_lengths_of_short_rows(long_documents):
    assert set(pair_rows(long_documents, 13, 0, pairs="order", **FULL).lengths.tolist()) == {13}
    assert (
        len(set(pair_rows(long_documents, 13, 0, pairs="order", short=1.0).lengths.tolist()) & set(range(5, 14))) == 9
    )


def test_meaning_of_the_labels():
    """0: B follows A in its document. 1: B is from another document (under "order": B was before A)."""
    encoded = encode_random(30, 20, 3)
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
    encoded = encode_random(30, 20, 3)
    found = Counter()
    for seed in range(20):
        rows = pair_rows(encoded, 40, seed)
        found.update(document_of(encoded, b) for b in rows.b[rows.label == 1, 0])
    assert set(found) == set(range(30))
    assert max(found.values()) < 2 * min(found.values())


def count_uses(encoded, rows) -> np.ndarray:
    """How often each token of the corpus occurs in a row, not counting random Bs."""
    times = np.zeros(len(encoded.ids), int)
    for (a, a_end), (b, b_end), label in zip(rows.a, rows.b, rows.label, strict=True):
        times[a:a_end] += 1
        if label == 0 or document_of(encoded, a) == document_of(encoded, min(b, len(times) - 1)):
            times[b:b_end] += 1
    return times


@pytest.mark.parametrize("pairs", PAIRS)
def test_every_token_once_an_epoch(pairs):
    encoded = encode_random(40, 25, 2)
    rows = pair_rows(encoded, 25, seed=5, pairs=pairs)  # room for 22 or 23: a row never needs to be cut
    short = rows.lengths < 25
    assert short.any()
    if pairs == "next":  # a random B may be too long for its row, and then A may be cut: look at the others
        assert count_uses(encoded, rows).max() == 1
        assert count_uses(encoded, rows).mean() > 0.99
    else:
        assert set(count_uses(encoded, rows)) == {1}


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
    encoded = encode(documents)
    rows = pair_rows(encoded, length, seed, short, pairs)
    assert rows.lengths.max() <= length
    times = count_uses(encoded, rows)
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
def test_rows_depend_only_on_the_seed(pairs):
    encoded = encode_random(10, 30, 2)
    random.seed(1)
    one, two = (pair_rows(encoded, 13, seed, pairs=pairs) for seed in (1, 2))
    assert len(one) != len(two) or (one.a != two.a).any()
    random.seed(2)
    again = pair_rows(encoded, 13, np.int64(1), pairs=pairs)
    assert (again.a == one.a).all()
    assert (again.b == one.b).all()


@pytest.mark.parametrize("pairs", PAIRS)
def test_reading_the_corpus_several_times(pairs):
    """The first time is what it would be alone; the others have the same text in other rows."""
    encoded = encode_random(10, 30, 2)
    once, thrice = (pair_rows(encoded, 25, 1, pairs=pairs, times=times) for times in (1, 3))
    assert (thrice.a[: len(once)] == once.a).all()
    assert (thrice.b[: len(once)] == once.b).all()
    if pairs != "next":
        assert set(count_uses(encoded, thrice)) == {3}
    assert len(np.unique(np.hstack([thrice.a, thrice.b]), axis=0)) > 1.5 * len(once)
    with pytest.raises(ValueError, match="times is 0"):
        pair_rows(encoded, 25, 1, times=0)


def test_sentences_longer_than_the_row():
    long = " ".join(map(str, range(10, 110)))
    encoded = encode([[long, long, long], [long]])
    rows = pair_rows(encoded, 16, 0, **FULL)
    assert rows.lengths.tolist() == [16] * 3  # the first B was random, and the two left belong together
    assert rows.label.tolist() == [1, 0, 1]
    assert np.diff(rows.a)[:, 0].tolist() == [7] * 3  # an odd token would be A's
    assert len(pair_rows(encoded, 16, 0, pairs="none", **FULL)) == 22 + 8  # 14 tokens a row: nothing is lost


def test_documents_of_one_sentence():
    rows = pair_rows(encode([["10"], ["11"], ["12"]]), 16, 0)
    assert rows.label.tolist() == [1, 1, 1]
    assert rows.lengths.tolist() == [5, 5, 5]


def test_one_document():
    encoded = encode([["10 11", "12", "13"]])
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
def test_pair_rows_rejects(wrong, message):
    with pytest.raises(ValueError, match=message):
        pair_rows(encode(), **{"length": 16, "seed": 0, **wrong})
    least = {"length": 4, "pairs": "none"} if wrong.get("pairs") == "none" else {"length": 5}
    assert pair_rows(encode(), seed=0, **least).lengths.max() == least["length"]


# ---- With real words -------------------------------------------------------------------------------------------------


def test_from_text_to_batch():
    """A sentence passes through all steps, with a real tokenizer."""
    documents = [
        ["The first sentence is here.", "The second one follows it."],
        ["Another document begins.", "And it ends."],
    ]
    tokenizer = learn_slowly([s for d in documents for s in d], 80)
    encoded = encode_documents(documents, tokenizer)
    assert encoded.ids[: encoded.sentences[1]].tolist() == tokenizer.encode(documents[0][0]).input_ids[1:-1]
    assert encoded.count_ids(len(tokenizer.vocab)).sum() == len(encoded.ids)
    rows = pair_rows(encoded, 128, 0, pairs="sentences")
    batch = PretrainingCollate(tokenizer)(list(rows), make_rng())
    a, b, _ = rows[0]
    wanted = [tokenizer.cls_id, *a, tokenizer.sep_id, *b, tokenizer.sep_id]
    assert restore(batch)[0, : len(wanted)].tolist() == wanted
    pair = tokenizer.encode(documents[0][0], documents[0][1])
    by_hand = collate_one(tokenizer, encoded)
    assert restore(by_hand)[0].tolist() == list(pair.input_ids)
    assert by_hand["token_type_ids"][0].tolist() == list(pair.token_type_ids)


def collate_one(tokenizer, encoded):
    """The first two sentences as one row."""
    first, second, third = encoded.sentences[:3]
    row = (encoded.ids[first:second], encoded.ids[second:third], 0)
    return PretrainingCollate(tokenizer)([row], make_rng())
