"""`python -m bertlab bench`: its options, its errors, and the table, the numbers and the figure that it writes."""

import json
from itertools import pairwise

import pytest

from bertlab.__main__ import main
from bertlab.bench.curves import LEARNERS
from bertlab.bench.settings import WITHOUT_BF16

from .examples import write_random_text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--only", "everything"], "no setting 'everything'; there are pretrain-sentences-8k"),
     (["--preset", "huge"], "no preset 'huge'"), (["--dropout", "1"], "dropout is 1.0; it must be"),
     (["--rounds", "0"], "rounds is 0"), (["--seconds", "nan"], "seconds is nan"),
     (["--threads", "-1"], "threads is -1"), (["--batch-size", "0"], "batch_size is 0"),
     (["--json", "/no/such/folder/x"], "/no/such/folder/x"),
     (["--only", "8k", "--text", "nowhere.txt"], "nowhere.txt"),
     (["--curves", "0"], "--curves is 0.0; it must be above 0"),
     (["--curves", "1", "--rounds", "2"], "--rounds does not go with --curves")],
)  # fmt: skip
def test_bad_options_are_one_line(capsys, arguments, message):
    assert main(["bench", *arguments]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("bertlab: ")
    assert message in error


def test_too_little_text_is_one_line(tmp_path, capsys):
    text = write_random_text(tmp_path, 3)
    assert main(["bench", "--only", "8k", "--text", text, "--preset", "tiny", "--batch-size", "500"]) == 2
    assert "do not fill one batch of 500" in capsys.readouterr().err


def test_the_command_measures_and_writes_all_three(tmp_path, capsys):
    numbers, picture = tmp_path / "numbers.json", tmp_path / "speeds.png"
    text = write_random_text(tmp_path, 30)
    options = ["bench", "--only", "sentences-8k", "--text", text, "--preset", "tiny", "--length", "24", "--batch-size",
               "8", "--rounds", "1", "--seconds", "0.01", "--dropout", "0", "--threads", "1"]  # fmt: skip
    assert main([*options, "--json", str(numbers), "--picture", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in WITHOUT_BF16)
    results = json.loads(numbers.read_text())
    assert results["config"]["preset"] == "tiny"
    assert results["machine"]["threads"] == 1
    (setting,) = results["settings"]
    assert setting["longest"] <= 24
    assert 0 < setting["sides"][0]["utilisation"] < 1.5
    assert picture.read_bytes().startswith(b"\x89PNG")

    assert main([*options, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"][0]["name"] == "pretrain-sentences-8k"


def test_the_command_draws_learning_curves(tmp_path, capsys):
    numbers, picture = tmp_path / "numbers.json", tmp_path / "curves.png"
    options = ["bench", "--curves", "0.02", "--text", write_random_text(tmp_path, 30), "--length", "24",
               "--batch-size", "8", "--threads", "1", "--json", str(numbers), "--picture", str(picture)]  # fmt: skip
    assert main(options) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in (*LEARNERS, "unigram", "bigram"))
    results = json.loads(numbers.read_text())
    assert results["plan"]["preset"] == "tiny"
    assert [one["learning_rate"] for one in results["tried"]] == [1e-3, 2e-3, 4e-3]
    ours, tuned, published = results["learners"]
    assert ours["points"][0]["mlm_loss"] == pytest.approx(tuned["points"][0]["mlm_loss"], abs=1e-5)
    assert tuned["learning_rate"] == min(results["tried"], key=lambda one: one["mlm_loss"])["learning_rate"]
    assert published["learning_rate"] == 1e-4
    for learner in results["learners"]:
        points = learner["points"]
        assert len(points) >= 2
        assert [point["ended"] for point in points] == [False] * (len(points) - 1) + [True]
        assert points[-1]["step"] == learner["steps"]
        assert abs(points[-1]["mlm_loss"] - points[0]["mlm_loss"]) > 1e-3
        assert all(a["step"] < b["step"] and a["seconds"] < b["seconds"] for a, b in pairwise(points))
    assert picture.read_bytes().startswith(b"\x89PNG")
