"""Rows to masked batches: literals first, then rates, then properties."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bertlab.batches import IGNORE, Batches
from bertlab.corpus import pair_rows
from bertlab.masking import Masking, PretrainingCollate
from tests.number_corpus import CLS, MASK, PAD, SEP, UNK, NumberTokenizer, encode, encode_random, make_rng, restore

# ---- Batches, by hand ------------------------------------------------------------------------------------------------


def collate(**masking):
    return PretrainingCollate(NumberTokenizer(), Masking(**masking))


def test_batch_literal():
    rows = [([10, 11, 12], [20], 0), (np.array([13], np.uint16), np.array([], np.uint16), -1), ([14], [21, 22], 1)]
    batch = collate(mask=1.0, random=0.0)(rows, make_rng())
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


def test_batch_leaves_out_tensors_without_information():
    batch = collate()([([10, 11], [12], 0), ([13], [14, 15], 1)], make_rng())
    assert "attention_mask" not in batch  # equal lengths
    assert batch["next_sentence_label"].tolist() == [0, 1]
    batch = collate()([([10, 11], [], -1), ([13], [], -1)], make_rng())
    assert "next_sentence_label" not in batch
    assert "attention_mask" in batch


def test_replacements_literal():
    """All three kinds of replacement, one at a time."""
    rows = [(list(range(10, 90)), [], -1)]
    original = [CLS, *range(10, 90), SEP]
    masked = collate(rate=1.0, mask=1.0, random=0.0)(rows, make_rng())
    assert masked["input_ids"][0].tolist() == [CLS, *[MASK] * 80, SEP]
    assert masked["labels"][0].tolist() == [IGNORE, *range(10, 90), IGNORE]
    kept = collate(rate=1.0, mask=0.0, random=0.0)(rows, make_rng())
    assert kept["input_ids"][0].tolist() == original
    assert kept["labels"][0].tolist() == [IGNORE, *range(10, 90), IGNORE]
    other = collate(rate=1.0, mask=0.0, random=1.0)(rows, make_rng())["input_ids"][0]
    assert (other[1:-1] != torch.arange(10, 90)).sum() > 70
    assert (other[1:-1] > MASK).all()
    assert (other[0], other[-1]) == (CLS, SEP)


@pytest.mark.parametrize(
    ("words", "masked"), [(1, 1), (6, 1), (9, 1), (11, 2), (20, 3), (100, 15), (123, 18), (124, 19)]
)
def test_the_number_of_masked_tokens_is_exact(words, masked):
    for i in range(20):
        batch = collate()([(list(range(5, 5 + words)), [], -1)], make_rng(i))
        assert (batch["labels"] != IGNORE).sum() == masked


def test_a_row_without_words():
    batch = collate()([([UNK, UNK], [UNK], 0), ([10], [], -1)], make_rng())
    assert batch["labels"][0].tolist() == [IGNORE] * 6
    assert batch["input_ids"][0].tolist() == [CLS, UNK, UNK, SEP, UNK, SEP]
    assert batch["labels"][1, 1] == 10


def test_collate_rejects():
    with pytest.raises(ValueError, match="at least one row"):
        collate()([], make_rng())
    with pytest.raises(ValueError, match="from 2 to 200, the vocabulary from 0 to 199"):
        collate()([([5, 200], [], -1)], make_rng())
    with pytest.raises(ValueError, match="from -1"):
        collate()([([5, -1], [], -1)], make_rng())
    with pytest.raises(ValueError, match="no token to mask"):
        PretrainingCollate(NumberTokenizer(5))


@pytest.mark.parametrize(
    "wrong", [{"rate": 0}, {"rate": 1.1}, {"mask": -0.1}, {"random": -0.1}, {"mask": 0.8, "random": 0.3}]
)
def test_masking_rejects(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Masking(**wrong)
    assert Masking(mask=0.7, random=0.3).mask == 0.7  # their sum is 1 but for rounding


# ---- Batches, rates --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many_batches():
    """Batches with more than 100,000 tokens."""
    encoded = encode_random(50, 200, 12)
    rows = pair_rows(encoded, 128, 0)
    collate = PretrainingCollate(NumberTokenizer(1000))
    return [collate([rows[i] for i in range(n, n + 32)], make_rng(7, n)) for n in range(0, len(rows) - 32, 32)]


def concatenate(batches, key):
    return torch.cat([batch[key].flatten() for batch in batches])


def test_rates_of_masking(many_batches):
    ids, labels = concatenate(many_batches, "input_ids"), concatenate(many_batches, "labels")
    original = torch.cat([restore(batch).flatten() for batch in many_batches])
    words, labelled = original > MASK, labels != IGNORE
    assert words.sum() > 100_000
    assert abs(labelled.sum() / words.sum() - 0.15) < 0.002
    masked, same = ids[labelled] == MASK, ids[labelled] == labels[labelled]
    assert abs(masked.double().mean() - 0.8) < 0.01
    assert abs(same.double().mean() - 0.1) < 0.01
    assert abs((~masked & ~same).double().mean() - 0.1) < 0.01
    assert len(ids[labelled][~masked & ~same].unique()) > 700  # of the 995 ordinary ones; about 1,850 draws


def test_rules_of_masking(many_batches):
    for batch in many_batches:
        ids, labels, original = batch["input_ids"], batch["labels"], restore(batch)
        labelled = labels != IGNORE
        assert (labels[labelled] > MASK).all()  # no special token must be predicted
        assert (ids[~labelled] == original[~labelled]).all()
        assert (original[:, 0] == CLS).all()
        assert (original == MASK).sum() == 0
        replaced = labelled & (ids != MASK)
        assert (ids[replaced] > MASK).all()  # and none replaces a token
        words = (original > MASK).sum(1)
        assert labelled.sum(1).tolist() == [max(1, round(0.15 * int(n))) for n in words]


def test_all_positions_are_masked_with_equal_probability():
    rows = [(list(range(10, 50)), list(range(60, 100)), 0)] * 32
    times = sum((collate()(rows, make_rng(i))["labels"] != IGNORE).sum(0) for i in range(100))
    share = times / 3200
    assert share[[0, 41, 82]].tolist() == [0, 0, 0]
    words = share[share > 0]
    assert len(words) == 80
    assert abs(words - 0.15).max() < 0.03


def test_batches_depend_only_on_seed_and_number():
    rows = pair_rows(encode_random(20, 20, 5), 32, 0)
    batches = Batches(rows, PretrainingCollate(NumberTokenizer(1000)), 8, seed=3, lengths=rows.lengths)
    late = batches[11]
    for number in range(5):
        batches[number]
    for key, value in batches[11].items():
        assert torch.equal(value, late[key])
    other = Batches(rows, PretrainingCollate(NumberTokenizer(1000)), 8, seed=4, lengths=rows.lengths)[11]
    assert other["input_ids"].shape != late["input_ids"].shape or (other["input_ids"] != late["input_ids"]).any()
    masks = [collate()([(list(range(10, 90)), [], -1)], make_rng(3, n))["labels"] for n in (0, 1)]
    assert (masks[0] != masks[1]).any()


def test_collate_can_be_pickled_for_workers():
    """A data loader's process gets a copy, and makes the same batch."""
    rows = pair_rows(encode(), 16, 0)
    ours = collate(whole_words=True)
    theirs, copied = pickle.loads(pickle.dumps((ours, rows)))
    for key, value in ours(list(rows), make_rng(1)).items():
        assert torch.equal(value, theirs(list(copied), make_rng(1))[key])


# ---- Whole words -----------------------------------------------------------------------------------------------------


def list_words(a: list[int]) -> list[list[int]]:
    """Positions of each word's pieces: 15, 25, ... continue the piece before."""
    words = []
    for position, i in enumerate(a):
        if i % 10 == 5 and words and a[position - 1] > MASK:
            words[-1].append(position)
        elif i > MASK:
            words.append([position])
    return words


def test_whole_words_literal():
    """Words of 1, 2 and 3 pieces and a budget of 2: one of the first two is masked, never both."""
    seen = set()
    for i in range(60):
        batch = collate(rate=0.34, whole_words=True)([([10, 11, 15, 12, 25, 35], [], -1)], make_rng(i))
        seen.add(tuple(np.flatnonzero(batch["labels"][0] != IGNORE)))
    assert seen == {(1,), (2, 3)}  # after the first word one is left, and no word fits


def test_whole_words_stop_at_segments():
    """A cut may leave a piece without its start: it is a word of its own, never part of one beyond [SEP] or [UNK]."""
    seen = set()
    for i in range(60):
        batch = collate(rate=0.2, whole_words=True)([([15, 10, 25, UNK, 35], [45, 11], 0)], make_rng(i))
        seen.add(tuple(np.flatnonzero(batch["labels"][0] != IGNORE)))
    assert seen == {(1,), (5,), (7,), (8,)}  # "10 25" is too long for a budget of one


def test_whole_words_that_fit_nowhere():
    batch = collate(whole_words=True)([([10, 15, 25], [], -1), ([10, 11], [], -1)], make_rng())
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
    batch = collate(rate=rate, whole_words=whole)(halves, make_rng(seed))
    labelled = (batch["labels"] != IGNORE).numpy()
    for row, (a, b, _) in enumerate(halves):
        original = [CLS, *a, SEP, *b, SEP] if b else [CLS, *a, SEP]
        assert restore(batch)[row, : len(original)].tolist() == original
        assert (restore(batch)[row, len(original) :] == PAD).all()
        count = sum(i > MASK for i in original)
        budget = min(count, max(1, round(rate * count)))
        words = list_words(original)
        if not whole:
            assert labelled[row].sum() == budget
            continue
        chosen = [bool(labelled[row, word[0]]) for word in words]
        assert all((labelled[row, word] == first).all() for word, first in zip(words, chosen, strict=True))
        left = budget - labelled[row].sum()
        assert left >= 0
        assert all(first or len(word) > left for word, first in zip(words, chosen, strict=True))


def test_whole_words_rate():
    """Words of one or two pieces leave a budget unused only where its last token finds no short word."""
    encoded = encode_random(20, 100, 12)
    rows = pair_rows(encoded, 128, 0, short=0.0)
    whole = PretrainingCollate(NumberTokenizer(1000), Masking(whole_words=True))
    batch = whole(list(rows), make_rng())
    share = (batch["labels"] != IGNORE).sum() / (restore(batch) > MASK).sum()
    assert abs(share - 0.15) < 0.002
