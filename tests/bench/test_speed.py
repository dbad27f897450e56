"""Speed: a whole measurement by real processes, the numbers of a result, the table and the figure."""

import multiprocessing
import os
from functools import partial

import pytest

from bertlab.bench.processes import Worker, start_server
from bertlab.bench.settings import OURS, SIDES, WITH_BF16, WITHOUT_BF16, BenchConfig
from bertlab.bench.sides import Side
from bertlab.bench.speed import draw_speeds, format_speeds, measure_setting

from .examples import lose_weights, make_pretraining, make_speeds


def test_measure_end_to_end_by_processes_of_their_own(tmp_path):
    before = dict(os.environ)
    with start_server() as processes:
        result = measure_setting(make_pretraining(tmp_path), WITH_BF16, 2, 0.02, threads=1, processes=processes)
        with pytest.raises(ChildProcessError, match=f"{OURS}: there is no .*nowhere"):
            measure_setting(lose_weights(make_pretraining(tmp_path)), (OURS,), 1, 0.01, 1, processes)
    assert dict(os.environ) == before
    assert not multiprocessing.active_children()
    assert [side["side"] for side in result["sides"]] == list(WITH_BF16)
    for side in result["sides"]:
        speed = side["tokens_per_second"]
        assert 0 < speed["least"] <= speed["median"] <= speed["most"]
        assert len(side["measurements"]) == 2
        assert min(one["steps"] for one in side["measurements"]) >= (2 if SIDES[side["side"]].grouped else 1)
        assert 0 < side["training_bytes"] < side["peak_bytes"]
    assert result["sides"][0]["times"] == {"median": 1, "least": 1, "most": 1}


def test_sides_in_bf16_are_measured_where_it_is_fast(monkeypatch):
    assert BenchConfig().choose_sides() == WITHOUT_BF16  # the tests run in float32
    monkeypatch.setenv("BERTLAB_PRECISION", "bf16")
    assert BenchConfig().choose_sides() == WITH_BF16


def test_a_process_that_dies_is_an_error_that_says_so(tmp_path):
    with start_server() as processes:
        worker = Worker(OURS, partial(Side, make_pretraining(tmp_path), OURS), 1, processes)
        worker.ask("measure_memory")
        worker.process.kill()
        with pytest.raises(ChildProcessError, match="'bertlab' ended with code -9"):
            worker.ask("measure_memory")
        worker.close()


def test_summary_by_hand():
    times = make_speeds()["settings"][0]["sides"][1]["times"]
    assert times == {"median": 3.1, "least": 3.0, "most": 3.2}


def test_table_shows_speeds_and_what_they_depend_on():
    lines = format_speeds(make_speeds()).splitlines()
    assert "a chip, 2 thread(s), load 0.2 before" in lines[0]
    assert "dropout 0.1" in lines[1]
    assert lines[3].endswith("59 tokens a row, 128 at most")
    assert lines[5].split() == ["bertlab", "930", "(900", "-", "960)", "70%", "200"]
    assert "300 (300 - 300)" in lines[6]
    assert lines[6].split()[-6:] == ["3.10x", "(3.00", "-", "3.20)", "20%", "200"]
    assert max(map(len, lines)) <= 120


def test_figure_has_a_panel_for_each_setting():
    figure = draw_speeds(make_speeds())
    assert len(figure.axes) == 2
    assert [text.get_text() for text in figure.axes[0].texts] == ["930", "300"]
    figure.draw_without_rendering()
