"""Plots of positions: a table as colours, and the cosines of its rows."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from bertlab import plots

mpl.use("Agg")
TABLE = np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_position_table_has_zero_in_the_middle_and_one_row_a_position():
    _, given = plt.subplots()
    ax = plots.draw_position_table(TABLE, title="t", ax=given)
    (image,) = ax.images
    assert ax is given
    assert image.get_array().tolist() == TABLE.tolist()
    assert image.get_clim() == (-3.0, 3.0)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("number", "position", "t")
    assert plots.draw_position_table(TABLE) is not given


def test_position_similarity_is_the_cosine_whatever_the_lengths():
    ax = plots.draw_position_similarity(TABLE)
    (image,) = ax.images
    assert np.abs(image.get_array() - np.array([[1, 0, -1], [0, 1, 0], [-1, 0, 1]])).max() < 1e-12
    assert image.get_clim() == (-1.0, 1.0)
    _, given = plt.subplots()
    assert plots.draw_position_similarity(TABLE, ax=given) is given


@pytest.mark.parametrize("draw", [plots.draw_position_table, plots.draw_position_similarity])
def test_what_is_no_table_is_refused(draw):
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        draw(TABLE[:, 0])


def test_a_row_of_zeros_is_named():
    with pytest.raises(ValueError, match="position 1 is a vector of zeros"):
        plots.draw_position_similarity(np.array([[1.0, 0.0], [0.0, 0.0]]))
