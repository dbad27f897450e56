"""Text to shards: the same bytes however the work is done. Training from them: the same run as from the text."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import time
from itertools import chain

import numpy as np
import pytest

from bertlab import prepare as prepare_module
from bertlab import shards as shards_module
from bertlab import sources
from bertlab.__main__ import main
from bertlab.batches import Batches
from bertlab.plan_texts import merge_lonely_kinds
from bertlab.prepare import PreparePlan, prepare
from bertlab.pretrain import PretrainPlan, make_training_batches, pretrain
from bertlab.progress import quiet
from bertlab.shard_batches import Shards, adopt_settings, pair_shards
from bertlab.shards import join_parts
from bertlab.sources import blocks

from .conftest import ROOT
from .test_run_folder import count_requests, kill_at_step

WORDS = ["the", "cat", "dog", "sat", "ran", "house", "river", "stone", "Anna", "Berlin"]


def make_documents(count, seed=0, sentences=5):
    rng = np.random.default_rng(seed)
    return [" ".join(" ".join(rng.choice(WORDS, 7)).capitalize() + f" {seed}x{i}." for _ in range(sentences))
            for i in range(count)]  # fmt: skip


def write_text(path, documents):
    path.write_text("\n\n".join(documents), encoding="utf-8")
    return str(path)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 2 kB, shards of about 1,000 tokens."""
    monkeypatch.setattr(blocks, "BLOCK", 2000)
    monkeypatch.setattr(prepare_module, "BLOCK", 2000)
    monkeypatch.setattr(shards_module, "SHARD_TOKENS", 1000)


@pytest.fixture
def text(tmp_path):
    return write_text(tmp_path / "text.txt", make_documents(90))


def make(folder, *texts, workers=1, say=lambda _: None, part=(1, 1), resume=False, **changes):
    plan = PreparePlan(text=texts, **{"vocab_size": 90, "held_out": 0.2} | changes)
    return prepare(plan, folder, workers=workers, say=say, part=part, resume=resume)


def read_files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def decode(folder):
    """All documents of the shards as texts, sorted."""
    shards, found = Shards(folder), []
    for name in [*range(shards.count), "held-out"]:
        text, _ = shards.load(name)
        for start, end in zip(text.documents[:-1], text.documents[1:], strict=True):
            ids = text.ids[text.sentences[start] : text.sentences[end]]
            found.append(shards.tokenizer.decode(ids.tolist()))
    return sorted(found)


# ---- The same bytes --------------------------------------------------------------------------------------------------


def test_any_number_of_processes_writes_the_same_bytes(small_blocks, text, tmp_path):
    folders = [tmp_path / f"{workers}" for workers in (1, 2, 3)]
    for workers, folder in enumerate(folders, 1):
        make(folder, text, workers=workers)
    written = [read_files(folder) for folder in folders]
    assert written[0] == written[1] == written[2]
    assert {"manifest.json", "00001.ids.npy", "held-out.ids.npy", "tokenizer/vocab.txt"} <= set(written[0])


def test_parts_that_are_joined_are_those_of_one_machine(small_blocks, text, tmp_path):
    make(tmp_path / "one", text)
    parts = [tmp_path / f"part {number}" for number in (1, 2, 3)]
    for number, part in enumerate(parts, 1):
        make(part, text, part=(number, 3))
    said = []
    join_parts(parts[::-1], tmp_path / "joined", said.append)
    assert read_files(tmp_path / "joined") == read_files(tmp_path / "one")
    with pytest.raises(ValueError, match="has 3 parts, and these are not here: 2/3"):
        join_parts([parts[0], parts[2]], tmp_path / "two")
    (parts[1] / "blocks" / "0000001.npz").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"0000001.npz is spoiled .*: remove it"):
        join_parts(parts, tmp_path / "two")


def test_a_preparation_that_is_killed_at_each_write_ends_the_same(small_blocks, tmp_path):
    text = write_text(tmp_path / "text.txt", make_documents(30))
    make(tmp_path / "whole", text)
    wanted, place = read_files(tmp_path / "whole"), tmp_path / "killed"

    def start():
        make(place, text)

    last, kills = count_requests(start), 0
    shutil.rmtree(place)
    most = int(os.environ.get("BERTLAB_KILLS", 15))
    for step in sorted(set(np.linspace(0, last - 1, min(most, last)).astype(int).tolist())):
        shutil.rmtree(place, ignore_errors=True)
        kills += kill_at_step(step, start)
        if (place / "manifest.json").exists():
            Shards(place).check_files()
        make(place, text, resume=True)
        assert read_files(place) == wanted, f"kill {step}"
    assert kills


def test_blocks_that_are_there_are_not_encoded_again(small_blocks, text, tmp_path, monkeypatch):
    make(tmp_path / "a", text, part=(1, 2))
    numbers = []
    encode = prepare_module.encode_block
    monkeypatch.setattr(prepare_module, "encode_block", lambda *given: numbers.append(given[-1][0]) or encode(*given))
    (tmp_path / "a" / "blocks" / "0000004.npz").unlink()
    make(tmp_path / "a", text, part=(1, 2), resume=True)
    assert numbers == [4]


def test_a_command_that_is_killed_goes_on(tmp_path, text):
    """With processes of its own, which end when it is killed."""
    base = [sys.executable, "-m", "bertlab", "prepare", "--text", text, "--out", str(tmp_path / "a")]
    command = [*base, "--workers", "2", "--vocab-size", "90"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as killed:
        while not (tmp_path / "a" / "blocks" / "state.json").exists() and killed.poll() is None:
            time.sleep(0.01)
        time.sleep(0.5)
        killed.kill()
        killed.stderr.read()  # ends when all of its processes have ended
    done = subprocess.run([*base, "--resume"], cwd=ROOT, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert b"shards in" in done.stdout
    plan = json.loads((tmp_path / "a" / "manifest.json").read_text())["plan"]
    assert plan["vocab_size"] == 90, "the plan that it began with"


# ---- The same run as from the text -----------------------------------------------------------------------------------


def test_minutes_are_turned_into_steps(small_blocks, text, tmp_path):
    make(tmp_path / "shards", text)
    said = []
    plan = PretrainPlan(data=str(tmp_path / "shards"), preset="tiny", length=24, batch_size=4)
    results = pretrain(plan, tmp_path / "run", minutes=0.01, watch=quiet, say=said.append)
    assert results["steps"] >= 1
    assert any(f"0.01 minutes are {results['steps']:,} steps of 4 rows" in line for line in said)
    assert 'the baseline "word before" is fitted to the first shard' in said


@pytest.mark.parametrize("same_source", [False, True])
def test_a_run_from_shards_is_the_run_from_the_text(tmp_path, same_source):
    names = [write_text(tmp_path / f"{seed}.txt", make_documents(40, seed)) for seed in (1, 2)]
    make(tmp_path / "shards", *names, vocab_size=80)
    settings = {"preset": "tiny", "length": 24, "batch_size": 8, "steps": 12, "same_source": same_source}
    plan = PretrainPlan(text=tuple(names), vocab_size=80, held_out=0.2, **settings)
    expected = pretrain(plan, tmp_path / "a", watch=quiet, say=lambda _: None)
    found = pretrain(PretrainPlan(data=str(tmp_path / "shards"), **settings), tmp_path / "b", watch=quiet)
    assert found == expected
    for name in ("model.safetensors", "log.jsonl", "vocab.txt", "tokenizer.json", "config.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    recorded = json.loads((tmp_path / "b" / "run.json").read_text())["plan"]
    assert recorded["text"] == names
    assert recorded["held_out"] == 0.2


def test_a_run_from_several_shards_is_resumed_exactly(small_blocks, text, tmp_path, capsys):
    make(tmp_path / "shards", text)
    command = [
        "pretrain",
        "--data",
        str(tmp_path / "shards"),
        "--preset",
        "tiny",
        "--length",
        "24",
        "--batch-size",
        "8",
    ]
    assert main([*command, "--steps", "9", "--out", str(tmp_path / "a")]) == 0
    said = capsys.readouterr().out
    assert re.search(r"a vocabulary of \d+ wordpieces; [2-9] shards", said)
    assert "to learn from: " in said
    shutil.copytree(tmp_path / "a" / "checkpoints", tmp_path / "b" / "checkpoints")
    shutil.copy(tmp_path / "a" / "run.json", tmp_path / "b")
    os.rename(tmp_path / "shards", tmp_path / "moved")
    assert main(["pretrain", "--data", str(tmp_path / "moved"), "--resume", "--out", str(tmp_path / "b")]) == 0
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()
    make(tmp_path / "other", write_text(tmp_path / "text.txt", make_documents(60, 5)))
    assert main(["pretrain", "--data", str(tmp_path / "other"), "--resume", "--out", str(tmp_path / "b")]) == 2
    assert "holds other shards than those that the run in" in capsys.readouterr().err


def open_batches(folder, rows, accumulate=1, **settings):
    shards = Shards(folder)
    plan = adopt_settings(
        PretrainPlan(data=str(folder), length=24, batch_size=4, accumulate=accumulate, **settings), shards
    )
    return shards, *pair_shards(shards, plan, rows, make_training_batches)


def test_batches_of_shards_are_a_function_of_seed_and_number(small_blocks, text, tmp_path):
    make(tmp_path / "shards", text)
    shards, batches, counts = open_batches(tmp_path / "shards", tmp_path / "rows", seed=3)
    assert shards.count > 1
    assert isinstance(batches, Batches)
    numbers = range(2 * len(batches))
    first = [batches[number]["input_ids"].tolist() for number in numbers]
    _, again, _ = open_batches(tmp_path / "shards", tmp_path / "other rows", seed=3)
    for number in [*numbers][::-7]:
        assert again[number]["input_ids"].tolist() == first[number]
    _, other, _ = open_batches(tmp_path / "shards", tmp_path / "rows", seed=4)
    assert other[0]["input_ids"].tolist() != first[0]
    assert counts["rows"] == batches.get_settings()["rows"] >= 4 * len(batches)
    epochs = [chain.from_iterable(first[: len(batches)]), chain.from_iterable(first[len(batches) :])]
    assert len({len(list(epoch)) for epoch in epochs}) == 1
    assert first[: len(batches)] != first[len(batches) :]


def test_each_row_of_each_shard_comes_once_an_epoch(small_blocks, text, tmp_path):
    make(tmp_path / "shards", text)
    shards, batches, _ = open_batches(tmp_path / "shards", tmp_path / "rows")
    seen = []
    for number in range(len(batches)):
        before = batches.opened[0]
        batches[number]
        seen.append((batches.opened[0], before != batches.opened[0]))
    assert sum(changed for _, changed in seen) == shards.count, "each shard is opened once"
    sizes = [sum(1 for shard, _ in seen if shard == number) for number in range(shards.count)]
    assert sizes == batches.sizes.tolist()


def test_what_is_held_out_does_not_depend_on_the_shards(small_blocks, text, tmp_path, monkeypatch):
    make(tmp_path / "several", text)
    monkeypatch.setattr(shards_module, "SHARD_TOKENS", 10**6)
    make(tmp_path / "one", text)
    assert Shards(tmp_path / "one").count == 1 < Shards(tmp_path / "several").count
    for array in shards_module.ARRAYS:
        name = f"held-out.{array}.npy"
        assert (tmp_path / "several" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_the_order_of_shards_depends_on_the_seed(small_blocks, text, tmp_path):
    make(tmp_path / "shards", text)
    first = set()
    for seed in range(6):
        _, batches, _ = open_batches(tmp_path / "shards", tmp_path / "rows", seed=seed)
        batches[0]
        first.add(batches.opened[0])
    assert len(first) > 1


def test_processes_share_the_making_of_rows(small_blocks, text, tmp_path, monkeypatch):
    make(tmp_path / "shards", text)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    *_, counts = open_batches(tmp_path / "shards", tmp_path / "rows", accumulate=2)
    monkeypatch.delenv("RANK")
    *_, others = open_batches(tmp_path / "shards", tmp_path / "other", accumulate=2)
    assert counts == others
    assert read_files(tmp_path / "rows") == read_files(tmp_path / "other")


def test_a_document_that_is_alone_of_its_kind_joins_its_neighbours():
    assert merge_lonely_kinds(["a", "a", "b", "c", "c"]) == ["a", "a", "a", "c", "c"]
    assert merge_lonely_kinds(["a", "b", "b"]) == ["b", "b", "b"]
    assert merge_lonely_kinds(["a", "b"]) == ["a", "a"]


# ---- What is dropped and held out ------------------------------------------------------------------------------------


def test_copies_are_dropped_and_counted(small_blocks, tmp_path):
    documents = make_documents(40)
    first = write_text(tmp_path / "first.txt", documents)
    make(tmp_path / "a", first)
    again = write_text(
        tmp_path / "again.txt", [*documents[:5], *documents, documents[7].replace(" ", "\n"), *documents]
    )
    said = []
    manifest = make(tmp_path / "b", again, say=said.append)
    assert manifest["copies"] == 46
    assert "46 documents are copies of others, and left out" in said
    assert decode(tmp_path / "b") == decode(tmp_path / "a")
    both = write_text(tmp_path / "both.txt", documents)
    assert make(tmp_path / "c", first, both)["copies"] == 40


def test_the_search_for_copies_needs_little_memory(small_blocks, tmp_path, monkeypatch):
    text = write_text(tmp_path / "text.txt", make_documents(30) * 2)
    make(tmp_path / "a", text)
    monkeypatch.setattr(shards_module, "DIGESTS_AT_ONCE", 7)
    make(tmp_path / "b", text)
    assert read_files(tmp_path / "b") == read_files(tmp_path / "a")


def test_what_is_held_out_has_a_bound(small_blocks, text, tmp_path, monkeypatch):
    whole = make(tmp_path / "a", text)
    assert 0.1 < whole["held_out"]["documents"] / 90 < 0.3
    monkeypatch.setattr(shards_module, "MOST_HELD_OUT", 300)
    said = []
    manifest = make(tmp_path / "b", text, say=said.append)
    assert 200 < manifest["held_out"]["tokens"] <= 300
    assert any("fewer than 20.0% of the documents, as 300 wordpieces are enough" in line for line in said)
    tokens = [made["training"]["tokens"] + made["held_out"]["tokens"] for made in (whole, manifest)]
    assert tokens[0] == tokens[1]


def test_losses_are_counted_in_the_part_that_has_them(tmp_path):
    documents = make_documents(40)
    documents[3] += " a\u200bb \ufffd " + "x" * 101
    said = []
    manifest = make(tmp_path / "a", write_text(tmp_path / "text.txt", [*documents, "\u200b"]), say=said.append)
    both = {name: manifest["training"][name] + manifest["held_out"][name] for name in manifest["training"]}
    assert both["documents"] == 41
    assert [both[name] for name in ("empty_documents", "long_words", "undecoded")] == [1, 1, 1]
    assert both["dropped_characters"] == 3
    assert any("U+FFFD" in line for line in said)


# ---- Reading ---------------------------------------------------------------------------------------------------------


def split_all(source, **more):
    return [
        document for block in blocks.read_blocks(source, **more) for document in blocks.split_block(block).documents
    ]


@pytest.mark.parametrize("size", [400, 1000, 100_000])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_blocks_hold_the_documents_of_the_text(tmp_path, monkeypatch, size, line_end):
    monkeypatch.setattr(blocks, "BLOCK", size)
    rng = np.random.default_rng(size)
    documents = [("\n" if rng.random() < 0.5 else " ").join(make_documents(1, i, 1 + i % 5)) for i in range(30)]
    gaps = ["\n\n", "\n \t\n", "\n\n\n\n"]
    text = "\ufeff" + "".join(document + gaps[i % 3] for i, document in enumerate(documents))
    path = tmp_path / "text.txt"
    path.write_bytes(text.replace("\n", line_end).encode())
    for sentences in ("auto", "lines", "marks"):
        assert split_all(str(path), sentences=sentences) == sources.documents(path, sentences=sentences)
    for number in range(4):
        (tmp_path / "many").mkdir(exist_ok=True)
        (tmp_path / "many" / f"{number}.txt").write_text("\n\n".join(documents[number : number + 1 + number % 2 * 2]))
    if size > 1000:
        assert split_all(str(tmp_path / "many")) == sources.documents(tmp_path / "many")


def test_a_document_that_is_too_long_is_cut_between_words(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 100)
    path = tmp_path / "text.txt"
    path.write_text("über alles " * 60 + "é" * 500)
    read = [blocks.split_block(block) for block in blocks.read_blocks(str(path))]
    assert sum(one.cut for one in read) > 5
    found = [sentence for one in read for document in one.documents for sentence in document]
    assert "".join(found).replace(" ", "") == path.read_text().replace(" ", "")


def pack(data, packed):
    import pyarrow

    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}[packed]) as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


@pytest.fixture
def formats(tmp_path):
    """The same documents in every format; and as a data set for `datasets`."""
    import pyarrow
    from pyarrow import parquet

    documents = make_documents(20)
    folder = tmp_path / "formats"
    folder.mkdir()
    table = pyarrow.table({"id": list(range(20)), "text": documents})
    parquet.write_table(table, folder / "a.parquet", row_group_size=7)
    (tmp_path / "set").mkdir()
    parquet.write_table(table, tmp_path / "set" / "train-00000-of-00001.parquet")
    write_text(folder / "a.txt", documents)
    rows = [json.dumps({"id": i, "text": document}) for i, document in enumerate(documents)]
    (folder / "a.jsonl").write_text("\n".join(rows) + "\n")
    for path in list(folder.iterdir()):
        for packed in blocks.PACKED:
            (folder / f"{path.name}{packed}").write_bytes(pack(path.read_bytes(), packed))
    return folder


def test_every_format_gives_the_same_documents(formats, tmp_path, monkeypatch):
    expected = sources.documents(formats / "a.txt")
    for size in (10**6, 300):
        monkeypatch.setattr(blocks, "BLOCK", size)
        for path in sorted(formats.iterdir()):
            assert split_all(str(path)) == expected, path.name
        assert split_all(f"hub:{tmp_path / 'set'}") == expected
        assert len(split_all(f"hub:{tmp_path / 'set'}@train")) == 20
    # In a folder of several files each .txt of running prose is one document, as everywhere.
    monkeypatch.setattr(blocks, "BLOCK", 10**6)
    assert len(split_all(str(formats))) == 8 * 20 + 4


def test_shards_of_every_format_are_equal_but_for_their_names(formats, tmp_path):
    names = [str(path) for path in sorted(formats.iterdir())] + [f"hub:{tmp_path / 'set'}"]
    written = []
    for number, name in enumerate(names):
        make(tmp_path / f"shards {number}", name)
        written.append(read_files(tmp_path / f"shards {number}"))
        written[-1].pop("manifest.json")
        assert written[-1] == written[0], name


def test_named_sources_are_read_as_everywhere(monkeypatch):
    monkeypatch.setattr(blocks, "documents", lambda name: [[f"{name} {number}"] for number in range(10)])
    monkeypatch.setattr(blocks, "BLOCK", 20)
    blocks.read_named_documents.cache_clear()
    found = list(blocks.read_blocks("kjv"))
    blocks.read_named_documents.cache_clear()
    assert [block.first for block in found] == [0, 4, 8]
    assert [document for block in found for document in block.parts] == [[f"kjv {number}"] for number in range(10)]


# ---- Errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["00000.ids.npy", "00000.sentences.npy", "counts.npy", "held-out.kinds.npy",
                                  "tokenizer/vocab.txt", "tokenizer/tokenizer.json"])  # fmt: skip
@pytest.mark.parametrize("how", ["flip", "cut", "remove"])
def test_a_spoiled_shard_is_named(tmp_path, capsys, name, how):
    make(tmp_path / "shards", write_text(tmp_path / "text.txt", make_documents(40)))
    file = tmp_path / "shards" / name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data if how == "flip" else data[:-1])
    if how == "remove":
        file.unlink()
    command = ["pretrain", "--data", str(tmp_path / "shards"), "--out", str(tmp_path / "run"), "--steps", "1"]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(file) in error
    assert not (tmp_path / "run").exists()


def test_the_other_processes_of_a_machine_look_at_sizes_alone(small_blocks, text, tmp_path, monkeypatch):
    make(tmp_path / "shards", text)
    file = tmp_path / "shards" / "00001.ids.npy"
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    monkeypatch.setenv("LOCAL_RANK", "1")
    Shards(tmp_path / "shards").check_files()
    file.write_bytes(data[:-1])
    with pytest.raises(ValueError, match=r"00001.ids.npy is spoiled: it has [\d,]+ bytes, not"):
        Shards(tmp_path / "shards").check_files()


def write_rows(path, *rows):
    path.write_text("\n".join(json.dumps(row) if not isinstance(row, str) else row for row in rows))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--text none.txt", "none.txt is neither a file or folder that exists"),
        ("--text empty", "contains no file that ends in .txt, .jsonl, .parquet"),
        ("--text text.txt --sentences odd", "sentences is 'odd'"),
        ("--text text.txt --part 3/2", "--part 3/2: write I/N"),
        ("--text text.txt --workers -1", "--workers is -1"),
        ("--text text.txt --held-out 1", "held_out is 1"),
        ("", "no text: name a source"),
        ("--text one.txt", "1 document, 1 different: holding some out needs 4"),
        ("--text latin.txt", "latin.txt: byte 3 (0xe9, line 1) is not UTF-8"),
        ("--text bad.jsonl", "bad.jsonl, line 2: it is not JSON"),
        ("--text list.jsonl", "list.jsonl, line 2: [1] is no object"),
        ("--text other.jsonl", "other.jsonl has no column text or content"),
        ("--text rows.jsonl --column title", "has no column 'title'; there are text, n"),
        ("--text rows.jsonl --column n", "1 is no text: name another column"),
        ("--text bad.parquet", "bad.parquet cannot be read as parquet"),
        ("--text bad.txt.gz", "bad.txt.gz cannot be unpacked"),
        ("--text short.txt.gz", "short.txt.gz cannot be unpacked (Truncated compressed stream): fetch it again"),
        ("--text hub:nowhere/at-all", "the data set 'hub:nowhere/at-all' could not be loaded"),
        ("--text pointer.txt", "only points to the file that Git LFS keeps"),
        ("--text text.txt --vocabulary nowhere", "nowhere"),
        ("--text text.txt --vocab-size 6", "size=6 is too small"),
        ("--join text.txt", "text.txt/blocks/state.json"),
        ("--join a --part 1/2", "--join takes --out, and no other option"),
    ],
)
@pytest.mark.parametrize("workers", [1])
def test_what_cannot_be_is_one_line(tmp_path, monkeypatch, capsys, arguments, message, workers):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    write_text(tmp_path / "text.txt", make_documents(20))
    (tmp_path / "one.txt").write_text("One document. Of two sentences.")
    (tmp_path / "latin.txt").write_bytes("caf\u00e9".encode("latin-1"))
    (tmp_path / "pointer.txt").write_text("version https://git-lfs.github.com/spec/v1\n")
    write_rows(tmp_path / "bad.jsonl", {"text": "a"}, "{")
    write_rows(tmp_path / "list.jsonl", {"text": "a"}, [1])
    write_rows(tmp_path / "other.jsonl", {"title": "a"})
    write_rows(tmp_path / "rows.jsonl", {"text": "a", "n": 1})
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    (tmp_path / "bad.txt.gz").write_bytes(b"not packed")
    (tmp_path / "short.txt.gz").write_bytes(gzip.compress(os.urandom(5000))[:3000])
    assert main(["prepare", "--workers", "1", *arguments.split(), "--out", "out"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("bertlab: ")
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_an_error_in_a_process_is_one_line(tmp_path, capsys):
    (tmp_path / "latin.txt").write_bytes("caf\u00e9 ".encode("latin-1"))
    command = ["prepare", "--text", str(tmp_path / "latin.txt"), "--out", str(tmp_path / "out"), "--workers", "2"]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "latin.txt: byte 3 (0xe9, line 1) is not UTF-8" in error
    assert error.count("\n") == 1


def test_a_folder_is_gone_on_with_only_as_it_was_begun(small_blocks, text, tmp_path):
    make(tmp_path / "a", text, part=(1, 2))
    with pytest.raises(FileExistsError, match="holds shards already: go on"):
        make(tmp_path / "a", text, part=(1, 2))
    with pytest.raises(ValueError, match="--vocab-size is 70, but the shards in .* began with 90"):
        make(tmp_path / "a", text, part=(1, 2), vocab_size=70, resume=True)
    with pytest.raises(ValueError, match=r"--part is \[2, 2\], but"):
        make(tmp_path / "a", text, part=(2, 2), resume=True)
    write_text(tmp_path / "text.txt", make_documents(91))
    with pytest.raises(ValueError, match="the text has changed since"):
        make(tmp_path / "a", text, part=(1, 2), resume=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes").touch()
    with pytest.raises(FileExistsError, match="holds other files"):
        make(tmp_path / "full", text)
    with pytest.raises(ValueError, match="one lies in the other"):
        make(tmp_path / "inner", str(tmp_path))


def test_pretrain_refuses_what_the_shards_say_otherwise(tmp_path, capsys):
    make(tmp_path / "shards", write_text(tmp_path / "text.txt", make_documents(40)))
    base = ["pretrain", "--data", str(tmp_path / "shards"), "--steps", "1", "--out", str(tmp_path / "run")]
    for more, message in (("--held-out 0.3", "held_out is 0.3, but the shards"), ("--text other.txt", "text is ("),
                          ("--vocab-size 300", "vocab_size is 300"), ("--batch-size 999", "do not fill one batch"),
                          (f"--data {tmp_path}", "holds no complete shards")):  # fmt: skip
        assert main([*base, *more.split()]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


def test_another_vocabulary_can_be_taken(text, tmp_path):
    make(tmp_path / "a", text, vocab_size=70)
    for name in ("a/tokenizer", "a/tokenizer/vocab.txt"):
        folder = tmp_path / name.replace("/", "-")
        make(folder, text, vocabulary=str(tmp_path / name))
        assert (folder / "00000.ids.npy").read_bytes() == (tmp_path / "a" / "00000.ids.npy").read_bytes()


# ---- Memory ----------------------------------------------------------------------------------------------------------


def measure_peak(tmp_path, megabytes):
    """Peak memory (MB) of the command in one process, on so much text, in blocks of a quarter of a megabyte."""
    path, folder = tmp_path / f"{megabytes}.txt", tmp_path / f"shards {megabytes}"
    documents = make_documents(60, sentences=30)
    with open(path, "w", encoding="utf-8") as file:
        while file.tell() < megabytes * 1_000_000:
            file.writelines(f"{document} {file.tell()}.\n\n" for document in documents)
    code = """
import sys
from bertlab import prepare, shards
from bertlab.__main__ import main
from bertlab.sources import blocks
blocks.BLOCK = prepare.BLOCK = 250_000
shards.SHARD_TOKENS = 100_000
assert main(sys.argv[1:]) == 0
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0])"""
    command = [sys.executable, "-c", code, "prepare", "--text", path, "--out", folder, "--workers", "1",
               "--sample", "1", "--vocab-size", "300"]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1]) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_text(tmp_path):
    small, large = measure_peak(tmp_path, 2), measure_peak(tmp_path, 16)
    assert large < 200
    assert large < small + 25, f"{small:.0f} MB, then {large:.0f} MB for eight times as much text"


def test_a_refused_text_leaves_its_folder_free(tmp_path, capsys):
    rows, out = tmp_path / "rows.jsonl", tmp_path / "shards"
    rows.write_text('{"text": 7}\n')
    command = ["prepare", "--text", str(rows), "--vocab-size", "60", "--workers", "1", "--out", str(out)]
    assert main(command) == 2
    assert "7 is no text" in capsys.readouterr().err
    rows.write_text("".join(json.dumps({"text": f"The cat {i} sat. A dog {i} ran."}) + "\n" for i in range(60)))
    assert main(command) == 0


def test_readme_says_what_was_measured(root):
    found = json.loads((root / "data" / "at_scale.json").read_text(encoding="utf-8"))
    readme = " ".join((root / "README.md").read_text(encoding="utf-8").split())
    encoding = found["encoding_in_3_parts"]
    learning = found["vocabulary_and_29_blocks_two_processes"]["MB"]
    lines = [f"learning the vocabulary from 100 MB, two processes | {learning}",
             f"encoding {encoding['text_MB'] / 1000:.2f} GB, each process | {encoding['MB_a_process']}"]  # fmt: skip
    for step, measured in (("joining", found["joining"]), ("`pretrain --data` with", found["pretraining"])):
        sizes = ", ".join(f"{int(size.split()[0]) / 1000:.2f} GB" for size in measured)
        lines.append(f"{step} {sizes} | {', '.join(str(one['MB']) for one in measured.values())}")
    for line in lines:
        assert f"| {line} MB |" in readme
    paper = found["on_paper_3.3_billion_words"]
    assert f"({paper['text_GB']:.0f} GB) take {paper['two_cores_hours']} hours on two cores" in readme
    assert f"or {paper['sixteen_machines_of_two_cores_minutes']} minutes on each of 16" in readme
