"""Spoiled files and random bytes: each reader gives examples that can be trained on, or an error of ours.

Every file of tests/inputs is changed at random, for each reader. `BERTLAB_LONG=1 pytest -s` tries 10,000 a reader and
prints how many were read and how many refused.
"""

import csv
import json
import os
import random
import re
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bertlab import files, sources
from bertlab.tasks import TASKS, read_hub_examples, read_inputs, write_predictions

from .test_inputs import INPUTS, MANIFESTS, make_batch
from .tiny_runs import make_task

LONG = pytest.mark.skipif(not os.environ.get("BERTLAB_LONG"), reason="BERTLAB_LONG=1 tries 10,000 files a reader")
OPTIONS = {
    "classify": [{}, {}, {"pair": "label"}],
    "multilabel": [{}, {"labels": "label"}],
    "regress": [{}, {"score": "label"}],
    "write": [{}, {"source": "text", "target": "label"}],
    "reply": [{}, {"source": "text", "target": "label"}],
    "tag": [{}, {}, {}, {}, {"tag": "-1"}, {"word": "2", "tag": "3"}, {"column": "xpos"}],
    "read": [{}],
}
# reader -> its task, and the files that are spoiled
READERS = {
    "classify tables": ("classify", "tables/*.?sv"),
    "classify JSON": ("classify", "tables/*.*js*"),
    "multilabel": ("multilabel", "tables/*.*"),
    "regress": ("regress", "tables/*.*"),
    "write": ("write", "tables/*.*"),
    "reply": ("reply", "tables/*.*"),
    "tag columns": ("tag", "columns/*.*"),
    "tag JSON": ("tag", "columns/*.*js*"),
    "read": ("read", "squad/*.*"),
}

# ---- Spoiling --------------------------------------------------------------------------------------------------------

PIECES = [
    *(
        '"',
        '""',
        "'",
        ",",
        ";",
        "\t",
        " ",
        "\n",
        "\n\n",
        "\r",
        "\r\n",
        "[",
        "]",
        "{",
        "}",
        ":",
        "#",
        "_",
        "-",
        "0",
        "1",
    ),
    *("\0", "\ufeff", "\u2028", "\x85", "\xa0", "\u3000", "\x1c", "\x0b", "\\ud800", "1e999", "NaN", "null", "true"),
    *("-DOCSTART- -X- O", "# id 1 domain=en", "B-", "I-PER", "B_PER", "O", "1-2", "8.1", "http://a.b", "sep=;\n"),
    *('"text"', '"label"', '"words"', '"tags"', '"answers"', "\u0301", "👩\u200d🚀", "İ", "ﬃ", "\u200b", "\x7f"),
]
VALUES = [None, True, False, 7, -1, 0, 42.0, 42.5, 1e400, "42", "false", "None", "", " ", "\u3000", [], {}, ["x"],
          [None], [[]], {"text": ["shells"]}, {"text": [None], "answer_start": [0]}, "\ud800", "a\ud800", "\0",
          10**30, 10**400]  # fmt: skip


def spoil_bytes(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one to six changes: something put in, taken out, doubled, moved, replaced, or the end cut off."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        a, b = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        b = min(b, a + rng.choice((1, 4, 40)))
        kind = rng.randrange(8)
        if kind < 3:
            data = data[:a] + rng.choice(PIECES).encode() + data[(a if kind else b) :]
        elif kind == 3:
            data = data[:a] + data[b:]
        elif kind == 4:
            data = data[:b] + data[a:b] + data[b:]
        elif kind == 5:
            data = data[:a] + bytes([rng.randrange(256)]) + data[a + 1 :]
        elif kind == 6:
            lines = data.split(b"\n")
            rng.shuffle(lines)
            data = b"\n".join(lines)
        else:
            data = data[: max(b, len(data) // 2)]
    return data


def change_value(value, rng: random.Random):
    """A JSON value with one part replaced, removed or doubled."""
    if isinstance(value, list | dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
        changed, kind = value.copy(), rng.random()
        if kind < 0.1:
            del changed[key]
        elif kind < 0.15 and isinstance(value, list):
            changed.append(value[key])
        elif kind < 0.2 and isinstance(value, dict):
            changed[rng.choice(["text", "label", "words", "tags", "id", "", "answers"])] = changed.pop(key)
        else:
            changed[key] = change_value(value[key], rng)
        return changed
    return rng.choice(VALUES)


def change_json(text: str, rng: random.Random) -> str:
    """JSON, or JSON lines, with one to three changed values. Raises ValueError for what is neither."""
    try:
        values, lines = [json.loads(text)], False
    except ValueError:
        values, lines = [json.loads(line) for line in text.split("\n") if line.strip()], True
    for _ in range(rng.choice((1, 1, 2, 3))):
        number = rng.randrange(len(values))
        values[number] = change_value(values[number], rng)
    return ("\n" if lines else "").join(json.dumps(value, ensure_ascii=rng.random() < 0.7) for value in values)


def spoil(path: Path, others: list[Path], rng: random.Random) -> bytes:
    """The bytes of a file, spoiled: changed, joined with those of another, in another encoding, or random ones."""
    kind, data = rng.random(), path.read_bytes()
    if kind < 0.03:
        return rng.randbytes(rng.randrange(60))
    if kind < 0.05:
        return data.decode("utf-8", "replace").encode(
            rng.choice(["utf-16", "utf-16-le", "latin-1", "cp1252"]), "replace"
        )
    if kind < 0.15:
        other = rng.choice(others).read_bytes()
        return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]
    if kind < 0.6 and "js" in path.suffix:
        try:
            return change_json(data.decode(), rng).encode("utf-8", "surrogatepass")
        except (ValueError, RecursionError, IndexError):
            pass
    return spoil_bytes(data, rng)


# ---- What is read, and what is refused -------------------------------------------------------------------------------


def is_ours(error: Exception) -> bool:
    """Whether an error was raised by a `raise` of bertlab."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{os.sep}bertlab{os.sep}" in last.filename and last.line.startswith("raise ")


def read_or_refuse(read: Callable, name: str, data, counts: Counter):
    """What `read` returns; None where it raises an error of ours with the `name` of the file. Both are counted."""
    try:
        found = read()
    except (ValueError, OSError) as caught:
        error = caught
    else:
        counts["read"] += 1
        return found
    if not is_ours(error) or (name not in str(error) and "a file of JSON" not in str(error)):
        raise AssertionError(f"not an error with the file's name: {data!r:.2000}") from error
    counts["refused"] += 1
    return None


def list_texts(value) -> list[str]:
    """All texts in an example."""
    if isinstance(value, str):
        return [value]
    return [text for part in value for text in list_texts(part)] if isinstance(value, list | tuple) else []


def check_examples(task: str, examples: list, data: bytes) -> None:
    """That examples are whole, hold only what their file holds, and become rows and a batch."""
    kind = TASKS[task]
    assert examples
    for number, example in enumerate(examples):
        kind.check_example(example, f"example {number}")
    found = list_texts(examples)
    assert files.is_complete_text("".join(found))
    for none in ("None", "False", "True", "nan", "inf"):
        assert none not in found or none.encode() in data
    if task == "tag":
        assert all(word.strip(" \t\n") and tag.strip() == tag != "" for words, tags in examples
                   for word, tag in zip(words, tags, strict=True))  # fmt: skip
    elif task != "read":
        assert all(text.strip() == text != "" for text in found)
    make_batch(kind, examples)


def list_sources(pattern: str, command: str = "") -> list[Path]:
    """The files of tests/inputs with such names; with a `command` only those that it reads without an error."""
    folder = pattern.partition("/")[0]
    good = {case["file"] for case in MANIFESTS[folder]["case"]
            if "rows" in case and "file" in case and (MANIFESTS[folder] | case)["command"] == command}  # fmt: skip
    return [path for path in sorted(INPUTS.glob(pattern))
            if path.is_file() and path.name != "expected.toml" and (not command or path.name in good)]  # fmt: skip


def count_outcomes(reader: str, count: int, folder: Path) -> Counter:
    """How many of so many spoiled files a reader reads and refuses; anything else is an error of the test."""
    task, pattern = READERS[reader]
    rng, counts = random.Random(f"{reader} {count}"), Counter()
    paths = list_sources(pattern)
    own = [path for path in list_sources(pattern, f"finetune {task}") if path in paths]
    for _ in range(count):
        source = rng.choice(own if rng.random() < 0.8 else paths)
        file = folder / f"spoiled{source.suffix}"
        data = spoil(source, paths, rng)
        file.write_bytes(data)
        options = rng.choice(OPTIONS[task]) | {"skip_bad_rows": rng.random() < 0.5}
        read = partial(TASKS[task].read_file, file, say=lambda text: None, **options)
        examples = read_or_refuse(read, str(file), data, counts)
        if examples is not None:
            check_examples(task, examples, data)
    return counts


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=LONG)])
@pytest.mark.parametrize("reader", READERS)
def test_a_spoiled_file_is_read_or_refused(reader, count, tmp_path):
    counts = count_outcomes(reader, count, tmp_path)
    print(f"{reader}: {counts['read']:,} read, {counts['refused']:,} refused")
    assert min(counts["read"], counts["refused"]) > count / 20


# ---- predict ---------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=LONG)])
def test_a_spoiled_input_of_predict_is_read_or_refused(count, tmp_path):
    """What is read becomes rows, and is written beside its predictions and read back."""
    rng, counts = random.Random(count), Counter()
    paths = list_sources("predict/*.*")
    tasks = {name: make_task(name) for name in ("classify", "tag", "read", "reply", "write")}
    for _ in range(count):
        source, task = rng.choice(paths), tasks[rng.choice(list(tasks))]
        file = tmp_path / f"spoiled{source.suffix}"
        data = spoil(source, paths, rng)
        file.write_bytes(data)
        skip = rng.random() < 0.7
        read = partial(read_inputs, task, file=file, skip_bad_rows=skip, say=lambda text: None)
        found = read_or_refuse(read, str(file), data, counts)
        if found is None:
            continue
        inputs, shown = found
        assert len(inputs) == len(shown) > 0
        examples = task.parse_inputs(inputs)
        if task.name != "reply":
            rows = task.make_rows(examples)
            task.collate([{"input_ids": row["input_ids"]} for row in rows], np.random.default_rng(0))
        for out in (tmp_path / "out.csv", tmp_path / "out.jsonl"):
            write_predictions(shown, [{"label": "x"}] * len(shown), out)
            with open(out, newline="", encoding="utf-8") as stream:
                rows = list(csv.DictReader(stream)) if out.suffix == ".csv" else stream.read().split("\n")[:-1]
            assert len(rows) == len(inputs)
    print(f"predict: {counts['read']:,} read, {counts['refused']:,} refused")
    assert min(counts["read"], counts["refused"]) > count / 20


# ---- Data sets of the hub --------------------------------------------------------------------------------------------


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("count", [60, pytest.param(10_000, marks=LONG)])
def test_a_spoiled_data_set_is_read_or_refused(count, monkeypatch):
    """Rows with changed values, as `datasets` would give them: in memory, as writing and loading takes 50 times as
    long."""
    import datasets

    rng, counts = random.Random(count), Counter()
    paths = list_sources("hub/*.jsonl")
    while counts["read"] + counts["refused"] < count:
        path = rng.choice(paths)
        task = re.match("[a-z]+", path.stem)[0]
        task = task if task in TASKS else rng.choice(list(TASKS))
        rows = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line] * rng.randint(1, 2)
        number = rng.randrange(len(rows))
        rows[number] = change_value(rows[number], rng)
        try:
            dataset = datasets.Dataset.from_list([row for row in rows if isinstance(row, dict)])
        except Exception:  # pyarrow has no such table
            counts["no data set"] += 1
            continue
        monkeypatch.setattr(datasets, "load_dataset", lambda *_, dataset=dataset, **__: dataset)
        skip = rng.random() < 0.5
        read = partial(read_hub_examples, TASKS[task], "a/b", "train", skip_bad_rows=skip, say=lambda text: None)
        examples = read_or_refuse(read, "a/b", rows, counts)
        if examples is not None:
            check_examples(task, examples, repr(rows).encode("utf-8", "replace"))
    print(f"data sets: {counts['read']:,} read, {counts['refused']:,} refused, {counts['no data set']:,} are none")
    assert min(counts["read"], counts["refused"]) > count / 20


# ---- Plain text ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=LONG)])
def test_a_spoiled_text_is_read_or_refused(count, tmp_path):
    rng, counts, file = random.Random(count), Counter(), tmp_path / "spoiled.txt"
    paths = [path for path in sorted(INPUTS.rglob("*.txt")) if path.is_file()]
    for _ in range(count):
        data = spoil(rng.choice(paths), paths, rng)
        file.write_bytes(data)
        documents = read_or_refuse(partial(sources.texts, file), str(file), data, counts)
        text = "" if documents is None else files.read_text(file)
        assert all(document.strip() == document != "" and document in text for document in documents or ())
    print(f"plain text: {counts['read']:,} read, {counts['refused']:,} refused")
    assert min(counts["read"], counts["refused"]) > count / 100
