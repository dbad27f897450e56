"""The pair makers of notebook 08: what they promise of labels, documents and distributions."""

import random
from collections import Counter

import pytest

from bertlab.exercises.pair_references import join_two, pair_with_alike, pair_with_any, pair_within, swap_half

DOCUMENTS = [[f"{name}{i}" for i in range(size)] for name, size in (("a", 5), ("b", 2), ("c", 1), ("d", 3), ("e", 2))]
KINDS = ["x", "x", "x", "y", "z"]
MAKERS = {
    "any": lambda rng: pair_with_any(DOCUMENTS, rng),
    "alike": lambda rng: pair_with_alike(DOCUMENTS, KINDS, rng),
    "within": lambda rng: pair_within(DOCUMENTS, rng),
    "swap": lambda rng: swap_half(DOCUMENTS, rng),
}


def follows(a, b):
    return a[0] == b[0] and int(b[1:]) == int(a[1:]) + 1


def draw_many(name):
    return [row for seed in range(200) for row in MAKERS[name](random.Random(seed))]


@pytest.mark.parametrize("name", MAKERS)
def test_label_0_is_what_follows(name):
    rows = draw_many(name)
    assert all(follows(a, b) == (label == 0) for a, b, label in rows)
    assert 0.45 < sum(label for _, _, label in rows) / len(rows) < 0.55
    assert MAKERS[name](random.Random(3)) == MAKERS[name](random.Random(3))


def test_every_neighbour_is_one_row():
    expected = ["a0", "a1", "a2", "a3", "b0", "d0", "d1", "e0"]
    assert [a for a, _, _ in pair_with_any(DOCUMENTS, random.Random(0))] == expected
    assert [min(a, b) for a, b, _ in swap_half(DOCUMENTS, random.Random(0))] == expected


def test_any_b_comes_from_another_document():
    drawn = {(a[0], b) for a, b, label in draw_many("any") if label}
    assert all(a != b[0] for a, b in drawn)
    assert {b for a, b in drawn if a == "a"} == {s for document in DOCUMENTS[1:] for s in document}


def test_a_b_alike_is_distributed_as_a_true_one():
    rows = draw_many("alike")
    assert {a[0] for a, _, _ in rows} == {"a", "b"}  # d and e are alone in their kinds, c has no neighbours
    assert all(b[1:] != "0" and (a[0] != b[0]) == bool(label) for a, b, label in rows)
    large = [["f0", "f1"], [f"g{i}" for i in range(101)], [f"h{i}" for i in range(101)]]
    drawn = Counter(
        b[0] for a, b, label in pair_with_alike(large, ["x"] * 3, random.Random(0)) if label and a[0] == "g"
    )
    assert drawn["h"] > 10 * max(1, drawn["f"])


def test_within_never_takes_the_opening_or_a():
    rows = [row for row in draw_many("within") if row[2]]
    assert {a[0] for a, _, _ in rows} == {"a"}  # the others are too short
    assert all(a[0] == b[0] and b[1:] != "0" and a != b for a, b, _ in rows)


def test_swapped_rows_are_neighbours():
    assert all(follows(b, a) for a, b, label in draw_many("swap") if label)


def test_a_joined_pair_has_a_segment_for_each_id():
    assert join_two([7, 8], [9], 1, 2) == ([1, 7, 8, 2, 9, 2], [0, 0, 0, 0, 1, 1])
