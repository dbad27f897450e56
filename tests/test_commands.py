"""The commands `grammar` and `embed`, with a tiny model, and what they refuse before the work."""

import json

import numpy as np
import pytest
import torch

from bertlab import Bert, BertConfig, Pretraining, WordPiece, weights
from bertlab.__main__ import main
from bertlab.embedding import embed_texts

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "cats", "sleeps", "sleep", "."]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    weights.save(Pretraining(BertConfig(len(VOCABULARY), 16, 1, 2, 32, 16)), folder, WordPiece(VOCABULARY))
    return folder


def test_grammar_judges_pairs_of_a_file(model, tmp_path, capsys):
    pairs, counts, picture = tmp_path / "pairs.jsonl", tmp_path / "counts.json", tmp_path / "grammar.png"
    rows = [("The cat sleeps.", "The cat sleep."), ("The cats sleep.", "The cats sleeps.")]
    pairs.write_text("\n".join(json.dumps({"sentence_good": a, "sentence_bad": b, "UID": "verbs"}) for a, b in rows))
    (tmp_path / "text.txt").write_text("The cat sleeps.\n\nThe cats sleep.")
    command = [
        "grammar",
        "--model",
        str(model),
        "--pairs",
        str(pairs),
        "--json",
        str(counts),
        "--picture",
        str(picture),
    ]
    assert main([*command, "--text", str(tmp_path / "text.txt")]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split()[-6:] == ["unigram", "bigram", "this", "BERT", "95%", "interval"]
    assert table[1].split()[:2] == ["verbs", "2"]
    written = json.loads(counts.read_text())
    assert written["bigram"] == {"verbs": [2, 2]}
    assert written["unigram"] == {"verbs": [0, 2]}  # both verbs are equally frequent, and ties are wrong
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_grammar_makes_our_pairs(model, capsys):
    assert main(["grammar", "--model", str(model), "--each", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 16
    assert lines[-1].startswith("average of the phenomena")


def test_embed_writes_the_vectors_of_a_table(model, tmp_path, capsys):
    table, out = tmp_path / "reviews.csv", tmp_path / "vectors.npy"
    long = "the cat sleeps . " * 8
    table.write_text(f"review,stars\nthe cat,1\n{long},2\n")
    command = ["embed", str(table), "--model", str(model), "--out", str(out)]
    assert main([*command, "--columns", "text=review"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{out}: 2 vectors of 16 numbers\n"
    assert "1 of 2 texts are longer than 16 tokens: they are read in 3 parts" in printed.err
    expected = embed_texts(weights.load(model, Bert), WordPiece.load(model), ["the cat", long])
    np.testing.assert_array_equal(np.load(out), expected)


def test_embed_takes_texts_and_another_pooling(model, tmp_path):
    out = tmp_path / "two.npy"
    assert main(["embed", "the cat", "cats", "--model", str(model), "--out", str(out), "--pooling", "cls",
                 "--no-normalise"]) == 0  # fmt: skip
    expected = embed_texts(weights.load(model, Bert), WordPiece.load(model), ["the cat", "cats"], "cls", False)
    np.testing.assert_array_equal(np.load(out), expected)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("grammar --pairs none.jsonl", "none.jsonl"),
        ("grammar --pairs pairs.jsonl --each 4", "--each is for our pairs"),
        ("grammar --skip-bad-rows", "--skip-bad-rows is for the rows of --pairs"),
        ("grammar --each 3", "each is 3; it must be even"),
        ("grammar --picture x.badext", "a picture's name ends in"),
        ("grammar --json no/such/x.json", "--json no/such/x.json"),
        ("embed cat --out x.csv", "vectors are written to a .npy file"),
        ("embed cat --out x.npy --pooling max", "--pooling is 'max'"),
        ("embed none.csv --out x.npy", "there is no file 'none.csv'"),
        ("embed cat --out x.npy --skip-bad-rows", "--skip-bad-rows is for the rows"),
        ("embed cat --out no/such/x.npy", "--out no/such/x.npy"),
    ],
)
def test_what_cannot_be_is_one_line(capsys, monkeypatch, tmp_path, command, message):
    monkeypatch.chdir(tmp_path)
    assert main(command.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("bertlab: ")
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_texts_with_tabs_are_refused_by_line(model, tmp_path, capsys):
    (tmp_path / "lines.txt").write_text("the cat\nthe\tcat\n")
    command = ["embed", str(tmp_path / "lines.txt"), "--model", str(model), "--out", str(tmp_path / "x.npy")]
    assert main(command) == 2
    assert "line 2: ('the', 'cat') has 2 fields: one text is needed" in capsys.readouterr().err
    assert main([*command, "--skip-bad-rows"]) == 0
    assert np.load(tmp_path / "x.npy").shape == (1, 16)


def test_attention_takes_a_text_and_no_file(model, tmp_path, capsys):
    for name in ("nowhere.txt", str(model / "vocab.txt")):
        assert main(["attention", name, "--model", str(model), "--out", str(tmp_path / "page.html")]) == 2
        assert "is the name of a file: give the text itself" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_is_no_text(model, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reviews").mkdir()
    assert main(["embed", "reviews", "--model", str(model), "--out", "v.npy"]) == 2
    assert "reviews is a folder: give a file; with --text it is taken as a text" in capsys.readouterr().err
    assert main(["embed", "reviews", "--text", "--model", str(model), "--out", "v.npy"]) == 0
