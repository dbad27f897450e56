"""What users bring, through the command line: each file of tests/inputs with what it is understood as, or its error.

A folder's expected.toml lists its files. `finetune` is stopped when it has read its examples; these go on into rows and
a batch of their task. `predict` runs to its end, with a tiny model of random weights.
"""

import io
import json
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from bertlab import tasks
from bertlab.__main__ import main
from bertlab.tasks import TASKS, FinetunePlan

from .conftest import ROOT
from .tiny_runs import TOKENIZER, save_runs

INPUTS = ROOT / "tests" / "inputs"
MANIFESTS = {
    path.parent.name: tomllib.loads(path.read_text("utf-8")) for path in sorted(INPUTS.glob("*/expected.toml"))
}
OTTERS = "Otters float on their backs. "

# file -> its bytes, and its case: what is too large or too odd to be kept
LARGE = {
    "field.csv": ("text,label\n" + "cat " * 50_000 + ',x\n"' + "dog\n" * 40_000 + '",y\n',
                  {"rows": [["cat " * 49_999 + "cat", "x"], ["dog\n" * 39_999 + "dog", "y"]]}),
    "field.tsv": ("text\tlabel\n" + "c" * 300_000 + "\tx\n", {"rows": [["c" * 300_000, "x"]]}),
    "field.jsonl": (json.dumps({"text": "c" * 300_000, "label": "x"}), {"rows": [["c" * 300_000, "x"]]}),
    "columns.csv": ("text,label\nx" + "," * 100_000 + "\n", {"error": ["line 2: 100001 columns instead of 2"]}),
    "quotes.csv": ("text,label\n" + '"' * 200_001 + ",x\n", {"error": ["line 2: the quotation mark that opens"]}),
    "deep.json": ("[" * 200_000, {"error": ["line 1: not JSON (it is nested too deep)"]}),
    "deep.jsonl": ('{"text": ' + "[" * 200_000, {"error": ["line 1: not JSON (it is nested too deep)"]}),
    "number.jsonl": ('{"text": "a", "label": ' + "9" * 10_000 + "}", {"error": ["line 1: not JSON ("]}),
    "word.conll": ("a" * 300_000 + " O\nUlm B-LOC\n",
                   {"command": "finetune tag", "said": ["IOB2"], "rows": ["a" * 300_000 + "/O Ulm/B-LOC"]}),
    "context.json": (json.dumps([{"id": "1", "question": "Who floats?", "context": OTTERS * 10_000,
                                  "answers": [{"text": "Otters", "answer_start": 29_000}]}]),
                     {"command": "finetune read", "question": "Who floats?", "context": OTTERS * 10_000,
                      "rows": [["1", "Otters at 29000"]]}),
    "line.txt": ("the cat\n" + "the dog " * 30_000 + "\n",
                 {"command": "predict classify", "said": ["1 of 2 examples are read in parts: more than 16 tokens\n"],
                  "rows": ["the cat", "the dog " * 30_000]}),
}  # fmt: skip


class Enough(BaseException):
    """Raised when `finetune` has read its examples."""


def list_cases():
    """(folder, case) of all manifests; a case inherits what stands at the top of its file."""
    for folder, manifest in MANIFESTS.items():
        common = {name: value for name, value in manifest.items() if name != "case"}
        for number, case in enumerate(manifest["case"], 1):
            name = case.get("file") or " ".join(case.get("given", ["standard input"]))
            yield pytest.param(folder, common | case, id=f"{folder}-{number}-{name[:30]}")
    for name, (_, case) in LARGE.items():
        yield pytest.param("", {"command": "finetune classify", "file": name} | case, id=f"large-{name}")


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    return save_runs(tmp_path_factory.mktemp("runs"))


def find_file(folder: str, case: dict, home: Path) -> str:
    """What the command is given for the file of a case; a data set of the hub is made of its rows in `home`."""
    if not folder:
        (home / case["file"]).write_bytes(LARGE[case["file"]][0].encode())
        return str(home / case["file"])
    path = INPUTS / folder / case["file"]
    if folder != "hub":
        return str(path)
    import datasets

    (home / "set").mkdir(exist_ok=True)
    rows = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
    datasets.Dataset.from_list(rows).to_parquet(home / "set" / "train-00000-of-00001.parquet")
    return f"hub:{home / 'set'}"


def show_example(task: str, example) -> list | str:
    """An example of `finetune` as expected.toml has it."""
    if task == "tag":
        return " ".join(f"{word}/{tag}" for word, tag in zip(*example, strict=True))
    if task == "read":
        return [example.id, *(f"{text} at {start}" for start, text in example.answers)]
    return [list(field) if isinstance(field, tuple) else field for field in example if field is not None]


def show_input(given) -> list | str:
    """An input of `predict` as expected.toml has it."""
    return given if isinstance(given, str) else [show_input(part) for part in given]


def make_batch(kind, examples: list) -> None:
    """Rows and a batch of examples, as training makes them; settings may be refused, such as a single label."""
    try:
        settings = kind.derive_settings(examples)
    except ValueError as error:
        if "there is nothing to" in str(error):
            return
        raise
    task = kind.from_plan(FinetunePlan(task=kind.name, train="x", length=16), TOKENIZER, settings)
    rows = task.make_rows(examples)
    assert rows
    batch = task.collate(rows[:8], np.random.default_rng(0))
    assert all(isinstance(values, torch.Tensor) for values in batch.values())


def finetune_on(task: str, file: str, more: list[str], home: Path, monkeypatch) -> list | None:
    """The examples that `finetune` reads; None when it refuses them with status 2."""
    found = []

    def keep(examples, key):
        found.append(list(examples))
        raise Enough

    monkeypatch.setattr("bertlab.tasks.finetuning.split_examples", keep)
    try:
        status = main(["finetune", task, "--train", file, "--out", str(home / "run"), *more])
    except Enough:
        return found[0]
    finally:
        assert not (home / "run").exists()
    assert status == 2
    return None


def predict_with(model: Path, words: list[str], stdin: str | None, home: Path, monkeypatch) -> list | None:
    """The inputs that `predict` understands, of which each has a prediction; None when it refuses them with 2."""
    found, work = [], tasks.predict_inputs

    def keep(model, task, inputs, **options):
        found.append(list(inputs))
        return work(model, task, inputs, **options)

    monkeypatch.setattr(tasks, "predict_inputs", keep)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((stdin or "").encode()), encoding="utf-8"))
    monkeypatch.chdir(home)
    out = home / "out.jsonl"
    status = main(["predict", "--model", str(model), "--out", str(out), *words])
    if status == 0:
        assert out.read_text("utf-8").count("\n") == len(found[0])
        return found[0]
    assert status == 2
    assert not out.exists()
    return None


def run_case(folder: str, case: dict, more: list[str], runs: Path, home: Path, monkeypatch) -> list | None:
    """What a command makes of a case, as expected.toml has it; None when it is refused."""
    command, task = case["command"].split()
    more = [*more, *(["--columns", *case["columns"]] if "columns" in case else [])]
    if command == "predict":
        given = [find_file(folder, case, home)] if "file" in case else case.get("given", [])
        inputs = predict_with(runs / task, [*given, *more], case.get("stdin"), home, monkeypatch)
        return None if inputs is None else [show_input(given) for given in inputs]
    examples = finetune_on(task, find_file(folder, case, home), more, home, monkeypatch)
    if examples is None:
        return None
    make_batch(TASKS[task], examples)
    if task == "read":
        assert {(e.question, e.context) for e in examples} == {(case["question"], case["context"])}
    return [show_example(task, example) for example in examples]


@pytest.mark.parametrize(("folder", "case"), list(list_cases()))
def test_each_input_is_understood_or_refused(folder, case, runs, tmp_path, capsys, monkeypatch):
    found = run_case(folder, case, [], runs, tmp_path, monkeypatch)
    printed = capsys.readouterr()
    file = str((INPUTS / folder if folder else tmp_path) / case.get("file", ""))
    said = (printed.out + printed.err).replace(file, "{file}")
    if "error" in case:
        assert found is None
        assert "Traceback" not in printed.err
        lines = printed.err.replace(file, "{file}")
        for part in case["error"]:
            assert part in lines
        assert {"columns", "given", "stdin"} & case.keys() or "{file}" in lines or folder == "hub"
    else:
        assert found == case["rows"]
    if "left" in case:
        found = run_case(folder, case, ["--skip-bad-rows"], runs, tmp_path, monkeypatch)
        assert len(found or ()) == case["left"]
        printed = capsys.readouterr()
        assert " rows left out:\n" in printed.out + printed.err
        said = (printed.out + printed.err).replace(file, "{file}")
    for part in case.get("said", ()):
        assert part in said
    if "error" not in case and "said" not in case:
        assert said == "" or case["command"].endswith("tag") or folder == "hub"  # `datasets` has a bar


def test_every_file_is_expected():
    assert {path.name for path in INPUTS.iterdir() if path.is_dir()} - {"texts"} == MANIFESTS.keys()
    for folder, manifest in MANIFESTS.items():
        there = {path.name for path in (INPUTS / folder).iterdir()} - {"expected.toml"}
        expected = {case["file"] for case in manifest["case"] if "file" in case}
        assert there == {name for name in expected if not name.startswith("nowhere.")}
    assert sum(len(manifest["case"]) for manifest in MANIFESTS.values()) >= 150
