"""Batches: a function of seed and number, every row once per epoch."""

import pytest
import torch

from bertlab.batches import Batches

from .test_train import ROWS, batches, collate


def test_a_batch_is_a_function_of_seed_and_number():
    a, b = batches(), batches()
    b[31], b[2]  # history must not matter
    for number in (0, 7, 40):
        assert all(torch.equal(x, y) for x, y in zip(a[number].values(), b[number].values(), strict=True))
    assert not torch.equal(batches(seed=4)[0]["input_ids"], a[0]["input_ids"])


def test_an_epoch_holds_every_row_once_and_the_next_one_in_another_order():
    one = batches()
    first, second = one.order_rows(0).ravel(), one.order_rows(1).ravel()
    assert sorted(first) == sorted(second) == list(range(60))
    assert first.tolist() != second.tolist()


def test_rows_of_similar_length_share_a_batch():
    lengths = [len(row) for row in ROWS]
    plain, grouped = batches(), batches(lengths=lengths)

    def padding(b):
        return sum((m == 0).sum() for i in range(len(b)) if (m := b[i].get("attention_mask")) is not None)

    assert padding(grouped) < 0.2 * padding(plain)
    assert sorted(grouped.order_rows(0).ravel()) == list(range(60))
    order = [lengths[row] for row in grouped.order_rows(0)[:, 0]]
    assert order != sorted(order)  # the batches themselves are shuffled


def test_without_shuffle_each_row_once_in_order():
    b = Batches(ROWS[:10], lambda rows, rng: {"input_ids": torch.tensor([len(rows)])}, 4, shuffle=False)
    assert [b[i]["input_ids"].item() for i in range(len(b))] == [4, 4, 2]
    with pytest.raises(IndexError):
        b[3]


def test_impossible_batches():
    with pytest.raises(ValueError, match="3 rows do not fill one batch of 4"):
        Batches(ROWS[:3], collate, 4)
    with pytest.raises(ValueError, match="batch_size is 0"):
        batches(batch_size=0)
    with pytest.raises(ValueError, match="2 lengths for 60 rows"):
        batches(lengths=[1, 2])
