"""What `predict` is given by its users: files of each kind, names of no file, tabs, empty and long lines."""

import csv
import json
import os

import pytest

from bertlab import files
from bertlab.__main__ import main
from bertlab.tasks import find_input_file, predict, read_inputs, write_predictions

from ..conftest import ROOT
from ..tiny_runs import make_task, save_runs

INPUTS = ROOT / "tests" / "inputs" / "predict"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return save_runs(tmp_path_factory.mktemp("runs"))


def test_bad_lines_are_left_out_and_empty_ones_counted():
    said = []
    inputs, _ = read_inputs(make_task("classify"), file=INPUTS / "tabs.txt", skip_bad_rows=True, say=said.append)
    assert inputs == ["the film was good", "", "the cat"]
    assert said[0].startswith("1 of 4 rows left out:")
    assert said[1] == "1 of 3 texts are empty: their predictions say nothing"
    inputs, shown = read_inputs(make_task("read"), file=INPUTS / "squad.json", skip_bad_rows=True, say=said.append)
    assert inputs == [("who ?", "the cat sat in rome")]
    assert shown == [{"id": "q1", "question": "who ?", "context": "the cat sat in rome"}]


# ---- The command line ------------------------------------------------------------------------------------------------


def test_a_table_by_command_keeps_its_columns(runs, tmp_path, capsys):
    """The columns are called as they were in training; a name that is there already is not taken."""
    out, model = tmp_path / "out.csv", ["predict", "--model", str(runs / "classify")]
    assert main([*model, str(INPUTS / "reviews.csv"), "--out", str(out)]) == 0
    with open(out, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "review", "label", "predicted_label", "probability", "p(neg)", "p(pos)"]
    assert [(row["id"], row["label"]) for row in rows] == [("7", "pos"), ("8", "neg")]
    assert rows[1]["review"] == "the film was bad,\nreally"
    again = tmp_path / "again.jsonl"
    assert main([*model, str(out), "--out", str(again)]) == 0
    rows = [json.loads(line) for line in again.read_text().splitlines()]
    assert all(row["predicted_label"] == row["predicted_predicted_label"] for row in rows)
    assert main([*model, str(INPUTS / "reviews.csv"), "--columns", "text=id"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    for columns, message in (("txt=id", "has no columns txt to name; there are text, pair, label"),
                             ("text=od", 'line 2: there is no \'od\', only id, review, label'),
                             ("text", "write NAME=YOURS")):  # fmt: skip
        assert main([*model, str(INPUTS / "reviews.csv"), "--columns", columns]) == 2
        assert message in capsys.readouterr().err
    assert main([*model, "the film", "--columns", "text=id"]) == 2
    assert "columns are those of a file" in capsys.readouterr().err


def test_names_of_files_that_are_none(runs, tmp_path, capsys, monkeypatch):
    model = ["predict", "--model", str(runs / "classify")]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").write_text("the cat")
    os.mkfifo(tmp_path / "pipe.csv")
    for name, message in (("reviews.csv", "there is no file 'reviews.csv'"), ("my reviews.JSONL", "there is no file"),
                          ("data/reviews", "there is no file"), (f"{tmp_path}/", "is a folder: give a file"),
                          ("film.xlsx", "there is no file"), ("notes", "the name must end in"),
                          ("pipe.csv", "is not a regular file")):  # fmt: skip
        assert main([*model, name]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert "with --text it is taken as a text" in error
        assert main([*model, "--text", name]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 1
    assert main([*model, "the cat", "notes"]) == 2
    assert "'notes' names a file: give one file alone" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["a dull film", "good and/or bad", "The end.", "...", ".csv", "e.g. this", "x" * 5000, "a\0b"]
)
def test_texts_are_no_files(text):
    assert find_input_file([text]) is None
    assert find_input_file([text, "and/or"]) is None


def test_long_lines_are_cut_and_counted(runs, tmp_path, capsys):
    file = tmp_path / "a.txt"
    file.write_text("the cat\n" + "the cat sat . " * 20_000 + "\n")
    for name, message in (("classify", "1 of 2 examples are read in parts: more than 16 tokens\n"),
                          ("write", "1 of 2 examples are truncated: more than 16 tokens\n"),
                          ("tag", "1 of 2 examples are read in parts: more than 16 tokens\n")):  # fmt: skip
        if name == "tag":
            file.write_text("the cat\n" + "the cat sat . " * 20 + "\n")
        assert main(["predict", "--model", str(runs / name), str(file)]) == 0
        printed = capsys.readouterr()
        assert message in printed.err
        assert len(printed.out.splitlines()) == 2


def test_the_output_is_checked_before_the_work(runs, tmp_path, capsys, monkeypatch):
    def refuse(folder):
        raise AssertionError("the model is loaded too early")

    monkeypatch.setattr("bertlab.tasks.load_predictor", refuse)
    (tmp_path / "folder.csv").mkdir()
    file = tmp_path / "mine.csv"
    file.write_text("text\nthe cat\n")
    for out, message in (("a.xls", "written to a .csv or a .jsonl file"), ("none/a.csv", "there is no folder for"),
                         ("folder.csv", "is a folder"), ("mine.csv", "is the file that is read")):  # fmt: skip
        assert main(["predict", "--model", str(runs / "classify"), str(file), "--out", str(tmp_path / out)]) == 2
        assert message in capsys.readouterr().err
    assert file.read_text() == "text\nthe cat\n"


def test_a_return_within_a_text_does_not_end_its_row(tmp_path):
    """Python before 3.13 writes it without quotation marks, and takes it for the end of a row when it reads."""
    write_predictions(["the\rcat", "the dog"], [{"label": "x"}] * 2, tmp_path / "out.csv")
    with open(tmp_path / "out.csv", newline="", encoding="utf-8") as file:
        assert [row["input"] for row in csv.DictReader(file)] == ["the\rcat", "the dog"]


def test_what_is_no_regular_file_is_written_into(tmp_path):
    (tmp_path / "null").symlink_to("/dev/null")
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    files.write_text(tmp_path / "null", "new")
    files.write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "null").is_symlink()
    assert (tmp_path / "null").is_char_device()
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    files.write_text(tmp_path / "pipe", "new")
    assert os.read(reader, 9) == b"new"
    assert (tmp_path / "pipe").is_fifo()
    (tmp_path / "temporary").write_text("x")
    with pytest.raises(OSError, match="is neither a file nor a folder"):
        files.move_into_place(tmp_path / "temporary", tmp_path / "pipe")
    with pytest.raises(IsADirectoryError, match="is a folder: give the name of a file"):
        files.write_text(tmp_path, "new")


# ---- From Python -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inputs", ["a dull film", b"film", {"text": "film"}, 3, None])
def test_inputs_are_a_list(inputs, runs):
    with pytest.raises(ValueError, match="give a list of them"):
        predict(runs / "classify", inputs)
    assert predict(runs / "classify", []) == []


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("classify", ("a", "b", "c"), "has 3 fields"),
        ("classify", 3, "3 is not a text"),
        ("classify", ("a", None), "None is not a text"),
        ("classify", "\ud83d", "half a character"),
        ("write", ("a", "b"), "has 2 fields"),
        ("tag", ["a", 3], "3 is not a text"),
        ("tag", ["a", " "], "word 2 is empty"),
        ("read", ("a", "b", "c"), "has 3 fields"),
        ("reply", ("a", []), "has 1 field"),
        ("reply", ("a", [3]), "3 is not a text"),
    ],
)
def test_an_input_of_another_kind_is_named(name, bad, message, runs):
    good = {"read": ("who ?", "the cat"), "reply": ("who ?", ["the cat", "ada"])}.get(name, "the cat")
    with pytest.raises(ValueError, match=f"input 2: .*{message}"):
        predict(runs / name, [good, bad])
