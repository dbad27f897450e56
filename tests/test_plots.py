"""Plots: arrays and strings in, an ax out."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from bertlab import plots, progress

mpl.use("Agg")


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_curves_draw_on_the_given_ax_and_name_everything():
    _, ax = plt.subplots()
    out = plots.draw_curves({"a": ([0, 1], [3, 2]), "b": ([0, 1], [3, 1])}, baselines={"unigram": 2.5}, ax=ax)
    assert out is ax
    assert len(ax.lines) == 3
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["a", "b"]
    assert "unigram" in [t.get_text() for t in ax.texts]


def test_bars_show_each_number_and_dollars_are_no_mathematics():
    ax = plots.draw_bars(["$", "cat", "$x$"], [0.5, 0.25, 0.1])
    ax.figure.canvas.draw()
    assert [t.get_text() for t in ax.texts] == ["0.50", "0.25", "0.10"]
    assert ax.get_yticklabels()[0].get_text() == r"\$"


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


def test_diverging_heatmap_has_zero_in_the_middle():
    ax = plots.draw_heatmap(np.array([[-1.0, 3.0]]), diverging=True)
    assert ax.images[0].norm(0.0) == 0.5


def test_training_splits_losses_from_accuracies():
    log = [{"step": 0, "tokens": 0, "mlm_accuracy": 0.1}, {"step": 5, "tokens": 9, "learning_rate": 1.0, "loss": 3.0}]
    losses, accuracies = plots.draw_training_log(log, {"unigram": 6.0})
    assert losses.lines[0].get_ydata().tolist() == [3.0]
    assert accuracies.lines[0].get_ydata().tolist() == [10.0]


def test_live_curve_redraws_and_ends_with_everything(monkeypatch):
    drawn = []
    live = progress.LiveCurve(seconds=100)
    monkeypatch.setattr(live, "show", drawn.append)
    status = {"step": 1, "steps": 2, "seconds": 1.0, "tokens_per_second": 5.0, "seconds_left": 1.0}
    live({"step": 1, "loss": 2.0}, status)
    live({"step": 2, "loss": 1.0}, status)
    live({}, status | {"ended": True})
    assert len(drawn) == 2
    assert drawn[-1][0].lines[0].get_ydata().tolist() == [2.0, 1.0]


def test_blocks_draw_every_part_frame_and_skip():
    parts = [("ids", "6", ""), ("attention", "6 × 4", "80 $"), ("add", "6 × 4", "8")]
    ax = plots.draw_blocks(parts, frames=[(1, 2, "a layer")], skips=[(1, 2)])
    said = [text.get_text() for text in ax.texts]
    assert {"ids", "attention", "6 × 4", r"80 \$", "a layer"} <= set(said)
    assert len(ax.patches) == 4
    assert len(ax.lines) == 1


def test_pieces_draw_a_box_for_each_token_and_change_colour_with_the_word():
    ax = plots.draw_token_rows({"one": ["he", "##llo", "you"], "two": ["[UNK]", "$"]})
    ax.figure.canvas.draw()
    assert [t.get_text() for t in ax.texts] == ["he", "##llo", "you", "[UNK]", r"\$"]
    colours = [box.get_facecolor() for box in ax.patches]
    assert colours[0] == colours[1] != colours[2]
    assert [box.get_linestyle() for box in ax.patches] == ["-", "-", "-", "--", "-"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["one", "two"]
