"""Plots of heads, and the confusion matrix: what is drawn is what was given, and wrong shapes are refused."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from bertlab import head_scores, plots

mpl.use("Agg")


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_head_grid_draws_each_map_in_its_place_on_one_scale():
    maps = np.zeros((2, 3, 4, 4))
    maps[1, 2] = np.eye(4)
    _, given = plt.subplots()
    ax = plots.draw_head_grid(maps, off=[(0, 1)], title="heads", ax=given)
    assert ax is given
    assert len(ax.images) == 6
    assert ax.images[5].get_array().tolist() == np.eye(4).tolist()
    assert {image.get_clim() for image in ax.images} == {(0, 1)}
    left, right, bottom, top = ax.images[5].get_extent()  # layer 1, head 2
    assert ax.get_xticks()[2] == (left + right) / 2
    assert ax.get_yticks()[1] == (bottom + top) / 2
    assert bottom > top  # the first token above
    assert ax.yaxis_inverted()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0", "1", "2"]
    (left, right, *_), crosses = ax.images[1].get_extent(), ax.lines
    assert len(crosses) == 4
    assert all(line.get_xdata().tolist() == [left, right] for line in crosses)


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 4)])
def test_head_grid_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="layers, heads, tokens, tokens"):
        plots.draw_head_grid(np.zeros(shape))


def test_habit_grid_names_and_colours_what_was_planted():
    tokens = ["[CLS]", "a", ",", "b", "c", "[SEP]"]
    previous, to_sep = np.eye(6)[[0, 0, 1, 2, 3, 4]], np.eye(6)[[5] * 6]
    maps = np.stack(
        [[previous, head_scores.make_uniform_map(6)], [to_sep, (to_sep + head_scores.make_uniform_map(6)) / 2]]
    )
    names, values = head_scores.find_strongest_kind(
        head_scores.score_heads(maps, tokens), head_scores.compute_chance_levels([tokens])
    )
    ax = plots.draw_head_kinds(names, values)
    assert [t.get_text() for t in ax.texts] == ["prev", "1.00", "SEP", "1.00", "SEP", "0.50"]
    colours = [box.get_facecolor() for box in ax.patches]
    assert colours[0] == to_rgba(plots.HABIT_COLOURS["previous"], 0.75)
    assert colours[1] == to_rgba("white")
    assert colours[2][:3] == colours[3][:3] == to_rgba(plots.HABIT_COLOURS["[SEP]"])[:3]
    assert colours[2][3] > colours[3][3]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["previous (1)", "[SEP] (2)"]


def test_habit_grid_takes_every_habit_and_a_model_without_any():
    assert plots.HABITS == head_scores.HEAD_KINDS
    ax = plots.draw_head_kinds(np.full((1, 2), "none"), np.zeros((1, 2)))
    assert ax.get_legend() is None
    ax = plots.draw_head_kinds(np.array([["verb", "none"]]), np.array([[0.4, 0.0]]))
    assert ax.texts[0].get_text() == "verb"
    with pytest.raises(ValueError, match=r"\(1, 2\) and values \(2,\)"):
        plots.draw_head_kinds(np.full((1, 2), "none"), np.zeros(2))


def test_confusion_writes_counts_and_colours_the_share_of_the_row():
    ax = plots.draw_confusion_matrix(np.array([[900, 100, 0], [1, 1, 0], [0, 0, 0]]), ["a", "b", "$"], title="two")
    image = ax.images[0].get_array()
    assert image[:2].tolist() == [[0.9, 0.1, 0], [0.5, 0.5, 0]]
    assert image[2].tolist() == [0, 0, 0]  # a label that never was
    assert [t.get_text() for t in ax.texts] == ["900", "100", "0", "1", "1", "0", "0", "0", "0"]
    assert ax.texts[0].get_color() == "black"
    assert ax.texts[1].get_color() == "white"
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("answer", "truth", "two")
    assert ax.get_yticklabels()[2].get_text() == r"\$"


def test_confusion_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"2 labels; this has shape \(3, 3\)"):
        plots.draw_confusion_matrix(np.eye(3), ["a", "b"])
    with pytest.raises(ValueError, match="negative"):
        plots.draw_confusion_matrix(np.array([[1, -1], [0, 1]]), ["a", "b"])
