"""Explorers of attention and positions: what they show is what the library computes, bad input is answered in words."""

import base64
import io
import math
import re
import time

import matplotlib as mpl
import matplotlib.image
import pytest
import torch
import torch.nn.functional as F

from bertlab import explore
from bertlab.model import sinusoid_table

# ---- Query and keys by hand (notebook 03) ----------------------------------------------------------------

TOKENS = ["dog", "<b>", "cat"]
QUERY, KEYS, VALUES = [1.0, 0.5], [[2.0, 0.0], [0.0, 2.0], [-1.0, 1.0]], [[1.0, 1.0], [-1.0, 0.0], [0.0, -2.0]]


def panel():
    made = explore.query_and_keys(TOKENS, QUERY, KEYS, VALUES)
    controls, shown = made.children
    (q1, q2, heat), (whose, k1, k2) = (box.children for box in controls.children)
    return q1, q2, heat, whose, k1, k2, shown


def weights_in(shown) -> list[float]:
    return [float(number) for number in re.findall(r"<td>(\d\.\d{3})</td></tr>", shown.value)]


def test_one_query_is_attention():
    query, keys, values = (torch.tensor(x, dtype=torch.float64) for x in (QUERY, KEYS, VALUES))
    scores, _, output = explore.attend_one_query(query, keys, values)
    right = F.scaled_dot_product_attention(query[None], keys, values)[0]
    assert (output - right).abs().max() < 1e-12
    hot = explore.attend_one_query(query, keys, values, 2.0)
    assert torch.equal(hot[0], scores)
    assert (hot[1] - (scores / 2).softmax(-1)).abs().max() < 1e-12


def test_query_and_keys_follow_the_sliders():
    q1, q2, heat, whose, k1, k2, shown = panel()
    first = weights_in(shown)
    assert sum(first) == pytest.approx(1, abs=2e-3)
    assert first[0] == max(first)
    q1.value, q2.value = -3.0, 3.0
    assert weights_in(shown)[2] == max(weights_in(shown))
    whose.value = 1
    assert (k1.value, k2.value) == (0.0, 2.0)
    k1.value = -3.0
    moved = weights_in(shown)
    assert moved[1] == max(moved)
    right = explore.attend_one_query(
        torch.tensor([-3.0, 3.0]), torch.tensor([[2.0, 0.0], [-3.0, 2.0], [-1.0, 1.0]]), torch.tensor(VALUES)
    )
    assert moved == pytest.approx(right[1].tolist(), abs=1e-3)
    assert f"Output ({right[2][0]:.2f}, {right[2][1]:.2f})" in shown.value
    heat.value = 10.0
    assert max(weights_in(shown)) < max(moved)
    whose.value = 0
    assert (k1.value, k2.value) == (2.0, 0.0)


def test_query_and_keys_escape_tokens_and_keep_the_callers_numbers():
    keys = torch.tensor(KEYS)
    made = explore.query_and_keys(TOKENS, QUERY, keys, VALUES)
    controls, shown = made.children
    assert "&lt;b&gt;" in shown.value
    assert "<b>" not in shown.value
    controls.children[1].children[1].value = 3.0
    assert keys.tolist() == KEYS


def test_query_and_keys_are_quick():
    q1, *_ = panel()
    begun = time.process_time()
    for step in range(10):
        q1.value = -2 + 0.3 * step
    assert (time.process_time() - begun) / 10 < 0.2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tokens": []}, "0 tokens"),
        ({"query": [1.0, 2.0, 3.0]}, r"a query \(3,\)"),
        ({"keys": KEYS[:2]}, r"keys \(2, 2\)"),
        ({"values": [[1.0], [1.0], [1.0]]}, r"values \(3, 1\)"),
        ({"query": [4.0, 0.0]}, "query leave the plane"),
        ({"keys": [[float("nan"), 0.0]] * 3}, "keys leave the plane"),
    ],
)
def test_query_and_keys_name_what_does_not_fit(change, said):
    given = {"tokens": TOKENS, "query": QUERY, "keys": KEYS, "values": VALUES} | change
    with pytest.raises(ValueError, match=said):
        explore.query_and_keys(**given)


# ---- The sinusoids of the positions (notebook 05) --------------------------------------------------------


def waves(**given):
    made = explore.position_waves(**given)
    controls, shown = made.children
    (size, wide), (pair, place, shift) = (box.children for box in controls.children)
    return size, wide, pair, place, shift, shown


def test_position_waves_show_the_turn_of_the_real_table():
    *_, pair, place, shift, shown = waves(length=32, width=8)
    pair.value, place.value, shift.value = 1, 3, 5
    table = sinusoid_table(64, 8)
    for position in (3, 8):
        assert f"({table[position, 2]:.3f}, {table[position, 3]:.3f}) at " in shown.value
    angle = 5 * 0.1  # 10,000 ** (-2 / 8) is a tenth
    assert f"turns the pair by {angle:.3f} radians" in shown.value
    assert f"{math.cos(angle):.3f}, {math.sin(angle):.3f}; -{math.sin(angle):.3f}, {math.cos(angle):.3f}" in shown.value
    off = float(re.search(r"difference to that is (\S+),", shown.value)[1])
    assert off < 1e-6


def test_position_waves_draw_what_the_table_holds():
    _, _, pair, place, _, shown = waves(length=3, width=4)
    pair.value, place.value = 0, 0
    first, second, near = re.findall(r'points="([^"]+)"', shown.value)
    heights = [[float(point.split(",")[1]) for point in line.split()] for line in (first, second, near)]
    table = sinusoid_table(3, 4)
    assert heights[0] == pytest.approx((95 - 85 * table[:, 0]).tolist(), abs=0.06)
    assert heights[1] == pytest.approx((95 - 85 * table[:, 1]).tolist(), abs=0.06)
    assert heights[2] == pytest.approx((95 - 85 * (table @ table[0]) / 2).tolist(), abs=0.06)
    picture = base64.b64decode(re.search(r"base64,([^']+)'", shown.value)[1])
    assert mpl.image.imread(io.BytesIO(picture)).shape[:2] == (3, 4)


def test_position_waves_keep_the_sliders_inside_the_table():
    size, wide, pair, place, shift, shown = waves(length=64, width=32)
    pair.value, place.value, shift.value = 15, 63, 63
    size.value, wide.value = 10, 4
    assert (pair.value, place.value, shift.value) == (1, 9, 9)
    assert "10 positions from the top, 4 columns" in shown.value
    size.value, wide.value = 2, 2
    assert (pair.value, place.value, shift.value) == (0, 1, 1)


def test_position_waves_are_quick_at_their_largest():
    size, *_ = waves(length=512, width=128)
    begun = time.process_time()
    for step in range(5):
        size.value = 500 + step
    assert (time.process_time() - begun) / 5 < 0.2


@pytest.mark.parametrize(("length", "width"), [(1, 8), (513, 8), (8, 7), (8, 130), (8, 0)])
def test_position_waves_name_what_does_not_fit(length, width):
    with pytest.raises(ValueError, match=f"length {length}, width {width}"):
        explore.position_waves(length, width)
