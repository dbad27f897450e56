"""How speed and memory grow: the sizes, a measurement by one and by two processes, the table and the figure."""

import json

import pytest

from bertlab.__main__ import main
from bertlab.bench import scale
from bertlab.bench.scale import Size, draw_scale, format_scale, list_sizes, measure_scale

from .examples import MACHINE

TINY = Size(batch=4, length=12, width=16, depth=1)


def test_one_thing_is_varied_at_a_time():
    base = Size(threads=2)
    sizes = list_sizes(2)
    assert {varied for varied, _ in sizes} == {"batch", "length", "width", "depth", "threads", "processes"}
    for varied, size in sizes:
        changed = {name for name, value in vars(size).items() if value != getattr(base, name)}
        assert changed <= ({"threads", "processes"} if varied == "processes" else {varied})
    assert [(size.threads, size.processes) for varied, size in sizes if varied == "processes"] == [(1, 1), (1, 2)]


def test_the_command_measures_one_and_two_processes(monkeypatch, tmp_path, capsys):
    two = Size(batch=4, length=12, width=16, depth=1, processes=2)
    larger = Size(batch=4, length=12, width=64, depth=2)
    monkeypatch.setattr(scale, "list_sizes", lambda threads: [("width", TINY), ("width", larger), ("processes", two)])
    numbers, picture = tmp_path / "numbers.json", tmp_path / "scale.png"
    options = ["--rounds", "2", "--seconds", "0.02", "--json", str(numbers), "--picture", str(picture)]
    assert main(["bench", "--scale", *options]) == 0
    assert "processes" in capsys.readouterr().out
    sizes = json.loads(numbers.read_text())["sizes"]
    assert [one["varied"] for one in sizes] == ["width", "width", "processes"]
    for one in sizes:
        assert len(one["tokens_per_second"]) == 2
        assert 0 < one["tokens_per_second"][0] <= one["tokens_per_second"][1]
        assert one["bytes"] > 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_processes_that_fail_say_why(monkeypatch):
    monkeypatch.setattr(scale, "list_sizes", lambda threads: [("processes", Size(batch=4, length=2, processes=2))])
    with pytest.raises(ChildProcessError, match="2 processes could not be measured"):
        measure_scale(1, 1, 0.01)


@pytest.mark.parametrize("option", [["--curves", "1"], ["--preset", "tiny"], ["--batch-size", "3"]])
def test_options_that_do_not_go_with_scale(capsys, option):
    assert main(["bench", "--scale", *option]) == 2
    assert f"{option[0]} does not go with --scale" in capsys.readouterr().err


def test_table_and_figure():
    sizes = [{"varied": "width", **vars(TINY), "width": width, "tokens_per_second": [90.0, 100.0, 1200.0],
              "bytes": 5_000_000} for width in (16, 32)]  # fmt: skip
    results = {"machine": MACHINE, "precision": "no", "rounds": 3, "sizes": sizes}
    lines = format_scale(results).splitlines()
    assert lines[-1].split() == ["width", "32", "100", "(90", "-", "1,200)", "5"]
    assert max(map(len, lines)) <= 120
    figure = draw_scale(results)
    assert [ax.get_xlabel() for ax in figure.axes] == ["", "width"]
    figure.draw_without_rendering()
