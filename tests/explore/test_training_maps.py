"""A head while it is trained: the slider shows the map and the numbers of its step, and what does not fit is named."""

import numpy as np
import pytest

from bertlab import explore

MAPS = np.array([[[0.5, 0.5], [0.25, 0.75]], [[1.0, 0.0], [0.0, 1.0]]])


def test_the_slider_shows_the_map_of_its_step():
    slider, output = explore.training_maps([0, 40], MAPS, ["a", "<b>"], {"loss": [3.25, 0.5]}).children
    assert "Step 0. loss 3.25" in output.value
    assert "&lt;b&gt; attends to a: 0.25" in output.value
    assert "<b>" not in output.value
    slider.value = 1
    assert "Step 40. loss 0.50" in output.value
    assert "&lt;b&gt; attends to a: 0.00" in output.value
    assert slider.max == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokens": ["a"]}, r"must be \(2, 1, 1\)"),
        ({"steps": [0]}, r"must be \(1, 2, 2\)"),
        ({"steps": [], "maps": np.zeros((0, 2, 2))}, "at least one step"),
        ({"maps": 3 * MAPS}, "other numbers than attention weights"),
        ({"measured": {"loss": [1.0]}}, "1 numbers of 'loss' for 2 steps"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    arguments = {"steps": [0, 40], "maps": MAPS, "tokens": ["a", "b"], "measured": {"loss": [1.0, 2.0]}} | change
    with pytest.raises(ValueError, match=message):
        explore.training_maps(**arguments)
