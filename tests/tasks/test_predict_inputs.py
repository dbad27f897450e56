"""What `predict` is given by its users: files of each kind, names of no file, tabs, empty and long lines."""

import csv
import io
import json
import os
import random

import pytest
import torch

from bertlab import files, weights
from bertlab.__main__ import main
from bertlab.heads import Classifier, SpanFinder, Tagger
from bertlab.model import BertConfig
from bertlab.tasks import TASKS, BadRowsError, find_input_file, predict, read_inputs
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece
from bertlab.writing import Writer

from ..conftest import ROOT
from .test_table_inputs import LONG, spoil

INPUTS = ROOT / "tests" / "inputs" / "predict"
WORDS = "the cat dog film sat good bad was ada in rome . ? , who"
TOKENIZER = WordPiece([*SPECIAL_TOKENS, *WORDS.split()])
SMALL = BertConfig(vocab_size=len(TOKENIZER), hidden_size=32, num_hidden_layers=1, num_attention_heads=4,
                   intermediate_size=64, max_position_embeddings=32)  # fmt: skip
HEADS = {
    "classify": lambda: Classifier(SMALL, 2),
    "tag": lambda: Tagger(SMALL, 3),
    "read": lambda: SpanFinder(SMALL),
    "reply": lambda: Classifier(SMALL, 2),
    "write": lambda: Writer(SMALL),
}
SETTINGS = {
    "classify": {"labels": ["neg", "pos"]},
    "tag": {"labels": ["O", "B-PER", "B-LOC"]},
    "read": {"no_answer": False},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder as `finetune` leaves it for each task, with random weights."""
    from dataclasses import asdict

    from bertlab.tasks import FinetunePlan

    torch.manual_seed(0)
    home = tmp_path_factory.mktemp("runs")
    for name, make_head in HEADS.items():
        labels = SETTINGS.get(name, {}).get("labels")
        weights.save(make_head(), home / name, TOKENIZER, labels=labels)
        columns = (("text", "review"), ("label", "stars")) if name == "classify" else ()
        plan = FinetunePlan(task=name, train="a.csv", length=16, columns=columns)
        (home / name / "run.json").write_text(json.dumps({"plan": asdict(plan)} | SETTINGS.get(name, {})))
        (home / name / "results.json").write_text("{}")
    return home


def make_task(name: str):
    from bertlab.tasks import FinetunePlan

    return TASKS[name].from_plan(FinetunePlan(task=name, train="x", length=16), TOKENIZER, SETTINGS.get(name, {}))


# task, file -> the inputs
READ = {
    ("classify", "reviews.tsv"): ["the film was good ."],
    ("classify", "no_header.tsv"): [("the film", "the cat"), "the dog"],
    ("classify", "reviews.json"): ["the film", "the cat"],
    ("read", "questions.jsonl"): [("who ?", "the cat sat")],
    ("tag", "names.conll"): None,  # what the reader of columns makes of it
    ("tag", "names.txt"): [["ada", "sat"], ["rome"]],
    ("tag", "sentences.txt"): ["ada sat in rome", "the cat"],
    ("tag", "words.jsonl"): [["ada", "sat"], "ada sat in rome."],
    ("reply", "replies.csv"): [("who ?", ["the cat", "ada"])],
    ("write", "sources.tsv"): ["the cat"],
}


@pytest.mark.parametrize(("name", "file"), READ)
def test_files_of_each_kind(name, file, runs):
    said, expected = [], READ[name, file]
    inputs, shown = read_inputs(make_task(name), file=INPUTS / file, say=said.append)
    assert expected is None or inputs == expected
    assert len(shown) == len(inputs)
    assert len(said) == (file in ("no_header.tsv", "names.txt", "names.conll"))
    assert len(predict(runs / name, inputs)) == len(inputs)


@pytest.mark.parametrize(
    ("name", "file", "message"),
    [
        (
            "classify",
            "tabs.txt",
            r"tabs.txt, line 2: \('name:', 'price:', 'good'\) has 3 fields: a text is needed, or two",
        ),
        ("write", "tabs.txt", "tabs.txt, line 2: .* has 3 fields: a writer reads one text, without a tab"),
        ("read", "tabs.txt", "line 1: 'the film was good' has 1 field: a reader needs a question and a context"),
        ("reply", "tabs.txt", "line 1: 'the film was good' has 1 field: give what was said, and replies"),
        ("tag", "tabs.txt", "line 3: there is no word to tag"),
        ("classify", "reviews.csv", "line 2: there is no 'text', only id, review, label"),
        ("read", "squad.json", "row 1, question q2: question is 7, not a text"),
        ("classify", "names.conll", "the name must end in .csv, .tsv, .jsonl, .ndjson, .json or .txt"),
        ("reply", "sources.tsv", "line 2: there is no 'replies', only source, more"),
    ],
)
def test_files_with_what_the_task_cannot_read(name, file, message):
    with pytest.raises(ValueError, match=message):
        read_inputs(make_task(name), file=INPUTS / file)


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
    for name, message in (("classify", "1 of 2 examples are truncated: more than 16 tokens\n"),
                          ("write", "1 of 2 examples are truncated: more than 16 tokens\n"),
                          ("tag", "1 of 2 sentences are read in parts: more than 16 tokens\n")):  # fmt: skip
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


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=LONG)])
def test_spoiled_inputs_are_read_or_refused(count, tmp_path):
    rng, read = random.Random(0), 0
    for _ in range(count):
        original, task = rng.choice(sorted(INPUTS.iterdir())), make_task(rng.choice(list(HEADS)))
        file = tmp_path / f"spoiled{original.suffix}"
        file.write_bytes(spoil(original.read_bytes(), rng))
        try:
            inputs, shown = read_inputs(task, file=file, skip_bad_rows=rng.random() < 0.7, say=lambda text: None)
        except (ValueError, OSError) as error:
            message = str(error)
        else:
            read += 1
            message = str(file) * (len(inputs) == len(shown) > 0 and all(map(task.parse_input, inputs)))
        assert str(file) in message
    assert count / 5 < read < count * 4 / 5
    print(f"{read:,} of {count:,} read")  # shown by pytest -s
    with pytest.raises(BadRowsError, match="standard input, line 1"):
        read_inputs(make_task("read"), stdin=io.StringIO("the cat\n"))
