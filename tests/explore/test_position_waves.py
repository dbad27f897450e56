"""The panel for sinusoidal positions: what it shows is what the table holds, and the sliders stay inside it."""

import base64
import io
import math
import re
import time

import matplotlib as mpl
import matplotlib.image
import pytest

from bertlab import explore
from bertlab.model import make_sinusoid_table


def make_parts(**size):
    """The sliders and the output of a panel: length, width, pair, position, shift, HTML."""
    controls, output = explore.position_waves(**size).children
    (length, width), (pair, position, shift) = (box.children for box in controls.children)
    return length, width, pair, position, shift, output


def test_position_waves_show_the_rotation_of_the_real_table():
    *_, pair, position, shift, output = make_parts(length=32, width=8)
    pair.value, position.value, shift.value = 1, 3, 5
    table = make_sinusoid_table(64, 8)
    for p in (3, 8):
        assert f"({table[p, 2]:.3f}, {table[p, 3]:.3f}) at position {p}" in output.value
    angle = 5 * 0.1  # 10,000 ** (-2 / 8) is a tenth
    assert f"rotates the pair by {angle:.3f} radians" in output.value
    assert (
        f"{math.cos(angle):.3f}, {math.sin(angle):.3f}; -{math.sin(angle):.3f}, {math.cos(angle):.3f}" in output.value
    )
    error = float(re.search(r"difference from the table is (\S+),", output.value)[1])
    assert error < 1e-6


def test_position_waves_draw_what_the_table_holds():
    _, _, pair, position, _, output = make_parts(length=3, width=4)
    pair.value, position.value = 0, 0
    sine, cosine, similarity = re.findall(r'points="([^"]+)"', output.value)
    heights = [[float(point.split(",")[1]) for point in line.split()] for line in (sine, cosine, similarity)]
    table = make_sinusoid_table(3, 4)
    assert heights[0] == pytest.approx((95 - 85 * table[:, 0]).tolist(), abs=0.06)
    assert heights[1] == pytest.approx((95 - 85 * table[:, 1]).tolist(), abs=0.06)
    assert heights[2] == pytest.approx((95 - 85 * (table @ table[0]) / 2).tolist(), abs=0.06)
    picture = base64.b64decode(re.search(r"base64,([^']+)'", output.value)[1])
    assert mpl.image.imread(io.BytesIO(picture)).shape[:2] == (3, 4)


def test_position_waves_keep_the_sliders_inside_the_table():
    T, D, pair, position, shift, output = make_parts(length=64, width=32)
    pair.value, position.value, shift.value = 15, 63, 63
    T.value, D.value = 10, 4
    assert (pair.value, position.value, shift.value) == (1, 9, 9)
    assert "10 positions from the top, 4 columns" in output.value
    T.value, D.value = 2, 2
    assert (pair.value, position.value, shift.value) == (0, 1, 1)


def test_position_waves_are_quick_at_their_largest():
    T, *_ = make_parts(length=512, width=128)
    start = time.process_time()
    for step in range(5):
        T.value = 500 + step
    assert (time.process_time() - start) / 5 < 0.2


@pytest.mark.parametrize(("length", "width"), [(1, 8), (513, 8), (8, 7), (8, 130), (8, 0)])
def test_position_waves_name_what_does_not_fit(length, width):
    with pytest.raises(ValueError, match=f"length {length}, width {width}"):
        explore.position_waves(length, width)
