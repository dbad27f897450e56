"""Plots: each figure shows exactly what it was given, on the given ax, and wrong shapes are refused."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from bertlab import head_scores, plots, tasks


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def get_texts(texts) -> list[str]:
    return [text.get_text() for text in texts]


# ---- Curves, bars, heat maps -----------------------------------------------------------------------------------------


def test_curves_draw_on_the_given_ax_and_name_everything():
    _, given = plt.subplots()
    ax = plots.draw_curves({"a": ([0, 1], [3, 2]), "b": ([0, 1], [3, 1])}, baselines={"unigram": 2.5}, ax=given)
    assert ax is given
    assert len(ax.lines) == 3
    assert get_texts(ax.get_legend().get_texts()) == ["a", "b"]
    assert "unigram" in get_texts(ax.texts)


def test_training_log_separates_losses_from_accuracies():
    log = [{"step": 0, "tokens": 0, "mlm_accuracy": 0.1}, {"step": 5, "tokens": 9, "learning_rate": 1.0, "loss": 3.0}]
    losses, accuracies = plots.draw_training_log(log, {"unigram": 6.0})
    assert losses.lines[0].get_ydata().tolist() == [3.0]
    assert accuracies.lines[0].get_ydata().tolist() == [10.0]


def test_bars_show_each_number_and_dollars_are_no_mathematics():
    ax = plots.draw_bars(["$", "cat", "$x$"], [0.5, 0.25, 0.1])
    ax.figure.canvas.draw()
    assert get_texts(ax.texts) == ["0.50", "0.25", "0.10"]
    assert ax.get_yticklabels()[0].get_text() == r"\$"


def test_bar_numbers_stand_behind_their_error_bars():
    ax = plots.draw_bars(["a", "b"], [0.5, 0.5], errors=[0.0, 0.3])
    ax.figure.canvas.draw()
    exact, uncertain = (text.get_window_extent().x0 for text in ax.texts)
    assert uncertain > ax.transData.transform((0.8, 0))[0] > exact


def test_heatmap_thins_long_name_lists():
    ax = plots.draw_heatmap(np.eye(100), [str(i) for i in range(100)], [str(i) for i in range(100)])
    assert len(ax.get_yticks()) == 25
    assert ax.get_yticklabels()[1].get_text() == "4"


def test_heatmap_refuses_what_is_no_matrix_and_wrong_names():
    with pytest.raises(ValueError, match=r"\(3,\)"):
        plots.draw_heatmap(np.zeros(3))
    with pytest.raises(ValueError, match="1 names for 2"):
        plots.draw_heatmap(np.zeros((2, 2)), rows=["a"])


def test_heatmap_keeps_to_the_limits_it_is_given():
    image = plots.draw_heatmap(np.array([[0.1, 0.2]]), limits=(0, 0.8)).get_images()[0]
    assert image.get_clim() == (0, 0.8)
    assert plots.draw_heatmap(np.array([[0.1, 0.2]])).get_images()[0].get_clim() == (0.1, 0.2)


def test_attention_is_white_at_0_and_dark_at_1_on_one_scale():
    image = plots.draw_heatmap(np.array([[0.1, 0.2]]), attention=True).get_images()[0]
    assert image.get_clim() == (0, 1)
    assert image.cmap(image.norm(0.0))[:3] == (1, 1, 1)
    assert sum(image.cmap(image.norm(1.0))[:3]) < sum(image.cmap(image.norm(0.5))[:3]) < 3
    grid = plots.draw_head_grid(np.full((1, 1, 2, 2), 0.5)).get_images()[0]
    assert grid.cmap is image.cmap


def test_diverging_heatmap_has_zero_in_the_middle():
    ax = plots.draw_heatmap(np.array([[-1.0, 3.0]]), diverging=True)
    assert ax.images[0].norm(0.0) == 0.5


# ---- Tokens ----------------------------------------------------------------------------------------------------------


def test_token_rows_draw_a_box_for_each_token_and_change_colour_with_the_word():
    ax = plots.draw_token_rows({"one": ["he", "##llo", "you"], "two": ["[UNK]", "$"]})
    ax.figure.canvas.draw()
    assert get_texts(ax.texts) == ["he", "##llo", "you", "[UNK]", r"\$"]
    colours = [box.get_facecolor() for box in ax.patches]
    assert colours[0] == colours[1] != colours[2]
    assert [box.get_linestyle() for box in ax.patches] == ["-", "-", "-", "--", "-"]
    assert get_texts(ax.get_yticklabels()) == ["one", "two"]
    assert all(left.get_x() + left.get_width() < right.get_x() for left, right in zip(ax.patches[:2], ax.patches[1:3],
                                                                                  strict=True))  # fmt: skip


def test_weighted_tokens_draw_a_box_for_each_token_in_each_row():
    ax = plots.draw_weighted_tokens({"attention": [0.1, 0.7, 0.2], "$": [0.0, 2.0, -4.0]}, ["a", "##dull", "$"])
    ax.figure.canvas.draw()
    assert get_texts(ax.texts) == 2 * ["a", "##dull", r"\$"]
    assert get_texts(ax.get_yticklabels()) == ["attention", r"\$"]
    assert len(ax.patches) == 6


def test_weighted_tokens_show_size_sign_and_the_highest():
    _, given = plt.subplots()
    rows = {"one": [1.0, 2.0, -4.0], "two": [-1.0, -2.0, -3.0]}
    ax = plots.draw_weighted_tokens(rows, ["a", "b", "c"], ax=given)
    assert ax is given
    small, high, below, *others = ax.patches
    assert [box.get_facecolor()[3] for box in (small, high, below)] == pytest.approx([0.1875, 0.375, 0.75])
    assert small.get_facecolor()[:3] == high.get_facecolor()[:3] != below.get_facecolor()[:3]
    assert [box.get_linestyle() for box in (small, high, below)] == ["-", "-", "--"]
    assert high.get_linewidth() > small.get_linewidth() == below.get_linewidth()
    assert len({box.get_linewidth() for box in others}) == 1  # nothing is above zero, so nothing is marked


def test_weighted_tokens_draw_zeros_and_refuse_what_does_not_fit():
    ax = plots.draw_weighted_tokens({"none": np.zeros(2)}, ["a", "b"])
    assert [box.get_facecolor()[3] for box in ax.patches] == [0.0, 0.0]
    for wrong in ([1.0], [1.0, np.nan]):
        with pytest.raises(ValueError, match="weights of shape .* for 2 tokens"):
            plots.draw_weighted_tokens({"bad": wrong}, ["a", "b"])


# ---- The model: its parts, its positions -----------------------------------------------------------------------------


def test_blocks_draw_every_part_frame_and_skip():
    parts = [("ids", "6", ""), ("attention", "6 × 4", "80 $"), ("add", "6 × 4", "8")]
    ax = plots.draw_blocks(parts, frames=[(1, 2, "a layer")], skips=[(1, 2)])
    assert {"ids", "attention", "6 × 4", r"80 \$", "a layer"} <= set(get_texts(ax.texts))
    assert len(ax.patches) == 4
    assert len(ax.lines) == 1


TABLE = np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])


def test_position_table_has_zero_in_the_middle_and_a_row_for_each_position():
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


# ---- Heads -----------------------------------------------------------------------------------------------------------


def test_head_grid_draws_each_map_in_its_cell_on_one_scale():
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
    assert bottom > top  # the first token is at the top
    assert ax.yaxis_inverted()
    assert get_texts(ax.get_xticklabels()) == ["0", "1", "2"]
    (left, right, *_), crosses = ax.images[1].get_extent(), ax.lines
    assert len(crosses) == 4
    assert all(line.get_xdata().tolist() == [left, right] for line in crosses)


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 4)])
def test_head_grid_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="layers, heads, tokens, tokens"):
        plots.draw_head_grid(np.zeros(shape))


def test_head_kinds_name_and_colour_what_was_planted():
    tokens = ["[CLS]", "a", ",", "b", "c", "[SEP]"]
    previous, to_sep, uniform = np.eye(6)[[0, 0, 1, 2, 3, 4]], np.eye(6)[[5] * 6], head_scores.make_uniform_map(6)
    maps = np.stack([[previous, uniform], [to_sep, (to_sep + uniform) / 2]])
    scores, chance = head_scores.score_heads(maps, tokens), head_scores.compute_chance_levels([tokens])
    ax = plots.draw_head_kinds(*head_scores.find_strongest_kind(scores, chance))
    assert get_texts(ax.texts) == ["prev", "1.00", "SEP", "1.00", "SEP", "0.50"]
    colours = [box.get_facecolor() for box in ax.patches]
    assert colours[0] == to_rgba(plots.HEAD_KIND_COLOURS["previous"], 0.75)
    assert colours[1] == to_rgba("white")
    assert colours[2][:3] == colours[3][:3] == to_rgba(plots.HEAD_KIND_COLOURS["[SEP]"])[:3]
    assert colours[2][3] > colours[3][3]
    assert get_texts(ax.get_legend().get_texts()) == ["previous (1)", "[SEP] (2)"]


def test_head_kinds_take_every_kind_other_names_and_a_model_without_any():
    assert set(plots.HEAD_KIND_COLOURS) == set(head_scores.HEAD_KINDS)
    ax = plots.draw_head_kinds(np.full((1, 2), "none"), np.zeros((1, 2)))
    assert ax.get_legend() is None
    ax = plots.draw_head_kinds(np.array([["verb", "none"]]), np.array([[0.4, 0.0]]))
    assert ax.texts[0].get_text() == "verb"
    with pytest.raises(ValueError, match=r"\(1, 2\) and values \(2,\)"):
        plots.draw_head_kinds(np.full((1, 2), "none"), np.zeros(2))


# ---- Predictions -----------------------------------------------------------------------------------------------------


def test_confusion_writes_counts_and_colours_the_share_of_the_row():
    ax = plots.draw_confusion_matrix(np.array([[900, 100, 0], [1, 1, 0], [0, 0, 0]]), ["a", "b", "$"], title="two")
    image = ax.images[0].get_array()
    assert image[:2].tolist() == [[0.9, 0.1, 0], [0.5, 0.5, 0]]
    assert image[2].tolist() == [0, 0, 0]  # a label that never occurs
    assert get_texts(ax.texts) == ["900", "100", "0", "1", "1", "0", "0", "0", "0"]
    assert ax.texts[0].get_color() == "black"
    assert ax.texts[1].get_color() == "white"
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("answer", "truth", "two")
    assert ax.get_yticklabels()[2].get_text() == r"\$"


def test_confusion_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"2 labels; this has shape \(3, 3\)"):
        plots.draw_confusion_matrix(np.eye(3), ["a", "b"])
    with pytest.raises(ValueError, match="negative"):
        plots.draw_confusion_matrix(np.array([[1, -1], [0, 1]]), ["a", "b"])


def test_reliability_draws_a_point_for_each_bin_of_the_calibration():
    confidence = np.array([0.55, 0.58, 0.72, 0.86, 0.95, 0.99, 0.97])
    bins = tasks.measure_calibration(confidence, [True, False, True, True, True, True, False])
    ax = plots.draw_reliability(bins["confidence"], bins["right"], bins["count"], lowest=0.5, title="toy")
    ax.figure.canvas.draw()
    points = ax.collections[1].get_offsets()
    assert np.asarray(points) == pytest.approx(np.array([[0.565, 0.5], [0.72, 1.0], [0.86, 1.0], [0.97, 2 / 3]]))
    gaps = [segment[:, 1].tolist() for segment in ax.collections[0].get_segments()]  # from the diagonal to the point
    assert gaps == [pytest.approx(gap) for gap in ([0.565, 0.5], [0.72, 1.0], [0.86, 1.0], [0.97, 2 / 3])]
    assert ax.lines[0].get_xydata().tolist() == [[0.5, 0.5], [1, 1]]
    assert get_texts(ax.texts) == ["2", "1", "1", "3"]
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("toy", "mean confidence", "share that is right")


def test_reliability_writes_counts_off_the_line_and_shows_the_lowest_point():
    _, given = plt.subplots()
    ax = plots.draw_reliability([0.6, 0.9], [0.8, 0.1], [1200, 7], ax=given)
    assert ax is given
    assert get_texts(ax.texts) == ["1,200", "7"]
    assert [text.get_va() for text in ax.texts] == ["bottom", "top"]
    assert ax.get_ylim()[0] < 0
    plots.draw_reliability([0.9], [0.1], [7], lowest=0.5, ax=ax)
    assert ax.get_ylim()[0] < 0.1


def test_reliability_needs_lists_of_one_length():
    with pytest.raises(ValueError, match="2 confidences, 1 shares that are right and 2 counts"):
        plots.draw_reliability([0.5, 0.6], [0.5], [1, 1])
