"""Tokens coloured by a signed weight: the figure says what the numbers say."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from bertlab import plots


def test_weighted_draws_a_box_for_each_token_in_each_row():
    ax = plots.draw_weighted_tokens({"attention": [0.1, 0.7, 0.2], "$": [0.0, 2.0, -4.0]}, ["a", "##dull", "$"])
    ax.figure.canvas.draw()
    assert [t.get_text() for t in ax.texts] == 2 * ["a", "##dull", r"\$"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["attention", r"\$"]
    assert len(ax.patches) == 6


def test_weighted_shows_size_sign_and_the_highest():
    _, ax = plt.subplots()
    assert (
        plots.draw_weighted_tokens({"one": [1.0, 2.0, -4.0], "two": [-1.0, -2.0, -3.0]}, ["a", "b", "c"], ax=ax) is ax
    )
    small, high, below, *others = ax.patches
    assert [box.get_facecolor()[3] for box in (small, high, below)] == pytest.approx([0.1875, 0.375, 0.75])
    assert small.get_facecolor()[:3] == high.get_facecolor()[:3] != below.get_facecolor()[:3]
    assert [box.get_linestyle() for box in (small, high, below)] == ["-", "-", "--"]
    assert high.get_linewidth() > small.get_linewidth() == below.get_linewidth()
    assert len({box.get_linewidth() for box in others}) == 1  # nothing above zero: nothing is marked


def test_weighted_bears_all_zeros_and_refuses_what_does_not_fit():
    ax = plots.draw_weighted_tokens({"none": np.zeros(2)}, ["a", "b"])
    assert [box.get_facecolor()[3] for box in ax.patches] == [0.0, 0.0]
    for wrong in ([1.0], [1.0, np.nan]):
        with pytest.raises(ValueError, match="weights of shape .* for 2 tokens"):
            plots.draw_weighted_tokens({"bad": wrong}, ["a", "b"])
