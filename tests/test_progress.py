"""Progress: what a run reports while it trains. The bar itself: test_train.py."""

import io
import math
import sys

import pytest
import torch

from bertlab import progress
from bertlab.heads import SpanFinder
from bertlab.model import BertConfig
from bertlab.tasks import Reading, read_labelled_texts
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

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


def test_live_curve_leaves_the_time_to_the_training(monkeypatch):
    """Where a figure takes 3 seconds, the next one comes 27 seconds later, not after the 2 that were asked for."""
    moments, figures = [0.0], []
    monkeypatch.setattr(progress.time, "monotonic", lambda: moments[0])
    live = progress.LiveCurve(seconds=2)

    def show_slowly(axes):
        figures.append(moments[0])
        moments[0] += 3

    monkeypatch.setattr(live, "show_figure", show_slowly)
    live({"step": 1, "loss": 2.0}, STATUS)
    for _ in range(40):
        moments[0] += 1
        live({}, STATUS)
    assert figures == [0.0, 31.0]


class Terminal(io.StringIO):
    """Standard error that is a terminal, or a file."""

    def __init__(self, is_terminal: bool):
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


@pytest.mark.parametrize(
    ("delay", "is_terminal", "shown"), [(0.0, True, True), (0.0, False, False), (9.0, True, False)]
)
def test_a_bar_for_what_takes_long_on_a_terminal(delay, is_terminal, shown, monkeypatch):
    monkeypatch.setattr(progress, "DELAY", delay)
    monkeypatch.setattr(sys, "stderr", Terminal(is_terminal))
    assert list(progress.watch_items(iter("abc"), "spelling", 6, lambda item: 2)) == ["a", "b", "c"]
    said = sys.stderr.getvalue()
    assert ("spelling:   0%" in said) == shown
    assert bool(said) == shown


def test_reading_and_predicting_have_a_bar(monkeypatch, tmp_path):
    monkeypatch.setattr(progress, "DELAY", 0.0)
    monkeypatch.setattr(sys, "stderr", Terminal(True))
    (tmp_path / "a.csv").write_text("text,label\na,b\n")
    read_labelled_texts(tmp_path / "a.csv")
    assert "reading rows" in sys.stderr.getvalue()
    tokenizer = WordPiece([*SPECIAL_TOKENS, "cat"])
    config = BertConfig(vocab_size=len(tokenizer), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=8, max_position_embeddings=16)  # fmt: skip
    reading = Reading(tokenizer, 16)
    torch.manual_seed(0)
    reading.predict_inputs(SpanFinder(config), [("cat", "cat " * 50)])
    assert "encoding" in sys.stderr.getvalue()
    assert "predicting" in sys.stderr.getvalue()
