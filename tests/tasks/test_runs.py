"""The folder of a fine-tuning run: what follows the training can be repeated, and damaged files are named."""

import json
import os
import shutil

import numpy as np
import pytest

from bertlab import tasks
from bertlab.__main__ import main
from bertlab.progress import quiet
from bertlab.tasks import finetune, finetuning, load_predictor, write_predictions

from ..test_run_folder import count_requests, list_contents, posix, say_error
from ..test_weights import kill_at_step
from .test_finetuning import csv_file, data, plan, run, small  # noqa: F401

KINDS = ("classify", "tag", "read", "reply")


@pytest.fixture(scope="module")
def ended(small, tmp_path_factory):  # noqa: F811
    """A run of each task that has ended, by name. Tests copy what they damage."""
    top = tmp_path_factory.mktemp("ended")
    for kind in KINDS:
        run(kind, small, top / kind, epochs=0.2, evaluations=0)
    return top


@pytest.fixture
def copy(ended, tmp_path):
    def copy_run(kind="classify"):
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        return shutil.copytree(ended / kind, tmp_path / "run")

    return copy_run


# ---- What follows the training ---------------------------------------------------------------------------------------


def test_what_follows_a_training_is_repeated_with_other_beams(small, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(finetuning, "judge_model", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("write", small, tmp_path / "run", beams=1)
    monkeypatch.undo()
    steps = []
    again = {"data": data("write"), "watch": lambda row, status: steps.append(row.get("step")), "say": lambda _: None}
    with pytest.raises(ValueError, match="may change only --train, --eval, --dev, --beams, --length-penalty"):
        finetune(plan("write", small, seed=1), tmp_path / "run", resume=True, **again)
    results = finetune(plan("write", small, beams=2, length_penalty=0.5), tmp_path / "run", resume=True, **again)
    assert not any(steps)
    assert results["model"]
    recorded = json.loads((tmp_path / "run/run.json").read_text())["plan"]
    assert (recorded["beams"], recorded["length_penalty"]) == (2, 0.5)


def test_a_resumed_command_needs_only_its_task_and_folder(small, tmp_path, capsys):  # noqa: F811
    train, out = csv_file(tmp_path, "a.csv", data("classify").train), tmp_path / "run"
    begun = ["finetune", "classify", "--train", train, "--model", small, "--epochs", "0.5", "--length", "32"]
    assert main([*map(str, begun), "--out", str(out)]) == 0
    results = (out / "results.json").read_bytes()
    for option, value, before in (("--epochs", "3.0", "0.5"), ("--model", "minilm", str(small)), ("--seed", "1", "0"),
                                  ("--columns", "text=t", "not given"), ("--limit", "5", "0")):  # fmt: skip
        error = say_error(capsys, "finetune", "classify", "--out", out, "--resume", option, value)
        assert f"{option} is {value}, but the run in {out} began with {before}" in error
    error = say_error(capsys, "finetune", "sentiment", "--out", out, "--resume")
    assert f"task is sentiment, but the run in {out} began with classify" in error
    other = csv_file(tmp_path, "b.csv", data("classify").train[1:])
    error = say_error(capsys, "finetune", "classify", "--out", out, "--resume", "--train", other)
    assert f"the data is not what the run in {out} began with ({train})" in error
    picture = tmp_path / "a.png"
    assert main(["finetune", "classify", "--out", str(out), "--resume", "--picture", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    again = json.loads((out / "results.json").read_text())
    assert again | {"seconds": 0} == json.loads(results) | {"seconds": 0}


def test_a_picture_goes_where_it_can(copy, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(tasks, "finetune", lambda *_, **__: pytest.fail("trained"))
    (tmp_path / "file").write_text("")
    cases = {tmp_path / "a.xyz": "a picture's name ends in .", tmp_path: "is a folder", "/proc/a.png": "/proc/a.png",
             tmp_path / "none" / "a.png": "there is no folder for it",
             tmp_path / "file" / "a.png": "is a file"}  # fmt: skip
    for picture, message in cases.items():
        error = say_error(capsys, "finetune", "sentiment", "--out", tmp_path / "new", "--picture", picture)
        assert f"--picture {picture}" in error
        assert message in error
    assert not (tmp_path / "new").exists()
    from bertlab.pictures import save_figure

    link = tmp_path / "link.png"
    link.symlink_to("/dev/null")
    save_figure(tasks.draw_report(copy()), link)
    assert link.is_symlink()
    save_figure(tasks.draw_report(copy()), tmp_path / "no-ending")
    assert (tmp_path / "no-ending").read_bytes().startswith(b"\x89PNG")


# ---- Damaged files ---------------------------------------------------------------------------------------------------

RUN_FILES = [
    (lambda r: None, "run.json: it holds None, not an object"),
    (lambda r: [], "run.json: it holds [], not an object"),
    (lambda r: {k: v for k, v in r.items() if k != "plan"}, "run.json: plan is missing"),
    (lambda r: {k: v for k, v in r.items() if k != "labels"}, "run.json: labels is missing"),
    (lambda r: r | {"labels": None}, "run.json: labels is None, not a list"),
    (lambda r: r | {"labels": {"a": 1}}, "run.json: labels is {'a': 1}, not a list"),
    (lambda r: r | {"labels": ["neg", 1]}, "run.json: labels[1] is 1, not a text"),
    (lambda r: r | {"plan": r["plan"] | {"task": 3}}, "plan.task is 3, not a text"),
    (lambda r: r | {"plan": r["plan"] | {"task": "sing"}}, "task is 'sing'; it must be"),
    (lambda r: r | {"plan": r["plan"] | {"columns": "text"}}, "plan.columns is 'text', not a list"),
    (lambda r: r | {"plan": r["plan"] | {"columns": [["text"]]}}, "plan.columns[0] is ['text'], not 2 values"),
    (lambda r: r | {"plan": r["plan"] | {"length": "32"}}, "plan.length is '32', not a whole number"),
    (lambda r: r | {"plan": r["plan"] | {"zeta": 1}}, "written by a newer bertlab"),
    (lambda r: {"plan": {"text": ["a"]}}, "holds a pretrain run, not one of finetune"),
]


@pytest.mark.parametrize(("change", "message"), RUN_FILES)
def test_predict_names_what_is_wrong_in_run_json(copy, capsys, change, message):
    folder = copy()
    file = folder / "run.json"
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
    error = say_error(capsys, "predict", "--model", folder, "the cat")
    assert message in error
    assert str(folder) in error


def test_predict_names_what_is_wrong_in_results_json(small, tmp_path, capsys, copy):  # noqa: F811
    from bertlab.tasks import MultiLabelText

    rows = [MultiLabelText("the cat", None, ("a",)), MultiLabelText("the dog", None, ("b",))] * 8
    finetune(plan("multilabel", small, epochs=0.2), tmp_path / "many", data=tasks.Split(rows, rows, rows), watch=quiet,
             say=lambda _: None)  # fmt: skip
    file = tmp_path / "many/results.json"
    good = json.loads(file.read_text())
    assert load_predictor(tmp_path / "many")[2] == {"threshold": good["threshold"]}
    cases = {json.dumps(good | {"threshold": "half"}): "threshold is 'half', not a number", "null": "it holds None",
             json.dumps({}): "threshold is missing", "[" * 100_000: "nested too deeply",
             "{": "is not complete JSON"}  # fmt: skip
    for content, message in cases.items():
        file.write_text(content)
        error = say_error(capsys, "predict", "--model", tmp_path / "many", "the cat")
        assert message in error
        assert str(file) in error


LINES = {"": "line 1 is not complete JSON", "{": "line 1 is not complete JSON", "null": "line 1: it holds None",
         "[" * 100_000: "nested too deeply", "{}": "line 1: expected is missing|rank is missing"}  # fmt: skip
FIELDS = {"classify": ("label", 3, "not a text"), "tag": ("tags", "O", "not a list"),
          "read": ("answer", None, "not a text"), "reply": ("probability", "much", "not a number")}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_report_names_what_is_wrong_in_test_jsonl(copy, kind):
    file = copy(kind) / "test.jsonl"
    tasks.draw_report(file.parent)
    good = file.read_text()
    field, value, message = FIELDS[kind]
    odd = json.dumps(json.loads(good.splitlines()[1]) | {field: value})
    for content, expected in LINES.items():
        file.write_text(content)
        with pytest.raises(ValueError, match=expected):
            tasks.draw_report(file.parent)
    file.write_text(good.splitlines()[0] + "\n" + odd + "\n")
    with pytest.raises(ValueError, match=f"test.jsonl, line 2: {field} is .*{message}"):
        tasks.draw_report(file.parent)
    file.unlink()
    with pytest.raises(FileNotFoundError, match="test.jsonl"):
        tasks.draw_report(file.parent)


# ---- Kills -----------------------------------------------------------------------------------------------------------


@posix
def test_a_run_that_is_killed_at_each_write_ends_the_same(small, tmp_path):  # noqa: F811
    """SIGKILL before each request to the system; BERTLAB_KILLS=1000 does all of them, else an even choice of 8."""
    rows, place, most = data("classify", 16, 8), tmp_path / "killed", int(os.environ.get("BERTLAB_KILLS", 8))

    def start(folder=place):
        finetune(plan("classify", small, epochs=1.0), folder, data=rows, resume=folder.exists(), watch=quiet,
                 say=lambda _: None)  # fmt: skip

    start(tmp_path / "whole")
    wanted = {name: content for name, content in list_contents(tmp_path / "whole").items() if "/" not in name}
    seconds = json.loads(wanted.pop("results.json"))
    last = count_requests(start)
    kills = 0
    for step in sorted(set(np.linspace(0, last - 1, min(most, last)).astype(int).tolist())):
        shutil.rmtree(place, ignore_errors=True)
        kills += kill_at_step(step, start)
        for file in (*place.glob("*.json"), *place.glob("*.jsonl")):  # whole, or not there
            content = file.read_text()
            assert all(map(json.loads, content.splitlines() if file.suffix == ".jsonl" else [content]))
        start()
        found = list_contents(place)
        assert {name: found[name] for name in wanted} == wanted, f"kill {step}"
        assert json.loads(found["results.json"]) | {"seconds": 0} == seconds | {"seconds": 0}
    print(f"{kills} kills of {last} requests")
    assert kills


@posix
def test_predictions_are_the_old_or_the_new(tmp_path):
    old, new = [{"label": "x", "n": i} for i in range(50)], [{"label": "y", "n": i} for i in range(70)]
    kills = 0
    for name in ("a.csv", "a.jsonl"):
        file, contents = tmp_path / name, []
        for rows in (new, old):
            write_predictions(list(map(str, range(len(rows)))), rows, file)
            contents.append(file.read_bytes())
        killed, step = True, 0
        while killed:
            file.write_bytes(contents[1])
            killed = kill_at_step(step, write_predictions, list(map(str, range(70))), new, file)
            assert file.read_bytes() in contents
            kills, step = kills + killed, step + 1
        assert file.read_bytes() == contents[0]
    print(f"{kills} kills")
    assert kills >= 8
