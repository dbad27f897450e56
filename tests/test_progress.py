"""Progress: what a run reports while it trains. The bar itself: test_train.py."""

import math

from bertlab import progress

STATUS = {"step": 1, "steps": 2, "seconds": 1.0, "tokens_per_second": 5000.0, "seconds_left": 1.0}


def test_the_status_in_a_line():
    assert progress.describe_status(STATUS) == "step 1 of 2, 5,000 tokens a second, 1 seconds left"
    unknown = progress.describe_status(STATUS | {"seconds_left": math.nan})
    assert unknown == "step 1 of 2, 5,000 tokens a second"
    assert progress.describe_status(STATUS | {"ended": True}) == "step 1 of 2, 5,000 tokens a second, 1 seconds"


def test_live_curve_waits_between_figures_and_ends_with_the_whole_log(monkeypatch):
    figures = []
    live = progress.LiveCurve(seconds=100)
    monkeypatch.setattr(live, "show_figure", figures.append)
    live({"step": 1, "loss": 2.0}, STATUS)
    live({"step": 2, "loss": 1.0}, STATUS)
    live({}, STATUS | {"ended": True})
    assert len(figures) == 2
    assert figures[-1][0].lines[0].get_ydata().tolist() == [2.0, 1.0]
