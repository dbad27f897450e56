"""The reliability diagram: a point for each bin, a line to the diagonal, and how many answers it stands for."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from bertlab import plots, tasks


def test_reliability_draws_what_calibration_found():
    sure = np.array([0.55, 0.58, 0.72, 0.86, 0.95, 0.99, 0.97])
    found = tasks.measure_calibration(sure, [True, False, True, True, True, True, False])
    ax = plots.draw_reliability(found["confidence"], found["right"], found["count"], lowest=0.5, title="toy")
    ax.figure.canvas.draw()
    points = ax.collections[1].get_offsets()
    assert np.asarray(points) == pytest.approx(np.array([[0.565, 0.5], [0.72, 1.0], [0.86, 1.0], [0.97, 2 / 3]]))
    gaps = [segment[:, 1].tolist() for segment in ax.collections[0].get_segments()]  # from the diagonal to the point
    assert gaps == [pytest.approx(gap) for gap in ([0.565, 0.5], [0.72, 1.0], [0.86, 1.0], [0.97, 2 / 3])]
    assert ax.lines[0].get_xydata().tolist() == [[0.5, 0.5], [1, 1]]
    assert [text.get_text() for text in ax.texts] == ["2", "1", "1", "3"]
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("toy", "mean confidence", "share that is right")


def test_reliability_writes_counts_off_the_line_and_shows_the_lowest_point():
    _, ax = plt.subplots()
    assert plots.draw_reliability([0.6, 0.9], [0.8, 0.1], [1200, 7], ax=ax) is ax
    assert [text.get_text() for text in ax.texts] == ["1,200", "7"]
    assert [text.get_va() for text in ax.texts] == ["bottom", "top"]
    assert ax.get_ylim()[0] < 0
    plots.draw_reliability([0.9], [0.1], [7], lowest=0.5, ax=ax)
    assert ax.get_ylim()[0] < 0.1


def test_reliability_needs_lists_of_one_length():
    with pytest.raises(ValueError, match="2 confidences, 1 shares that are right and 2 counts"):
        plots.draw_reliability([0.5, 0.6], [0.5], [1, 1])
