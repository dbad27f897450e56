"""Files of tagged words in columns: what is odd in them is said, read or refused. Their layouts: test_inputs.py."""

import tomllib

import pytest
import torch

from bertlab import BertConfig, Pretraining, files, weights
from bertlab.__main__ import main
from bertlab.tasks import TASKS, BadRowsError, TaggedSentence, read_tagged_sentences
from bertlab.tasks.entity_tags import convert_tags

from ..conftest import ROOT
from .test_finetuning import PIECES

INPUTS = ROOT / "tests/inputs/columns"


def format_sentences(sentences) -> list[str]:
    return [" ".join(f"{word}/{tag}" for word, tag in zip(*sentence, strict=True)) for sentence in sentences]


def read(path, **options):
    """(sentences as word/tag, what was said) by the path that the command takes."""
    said: list[str] = []
    return format_sentences(TASKS["tag"].read_file(path, say=said.append, **options)), said


def test_what_is_implausible_is_read_if_the_columns_are_named():
    found, said = read(INPUTS / "error_lemmas.tsv", tag="3")
    assert found[0].startswith("word0/lemma0 word1/lemma1")
    assert "30 different ones for 30 words" in said[0]


# What cannot be repeated: it begins with lines of its own, numbers that go on, or a typo that would be frequent.
ONCE = ("header.tsv", "numbered_on.tsv", "table.csv", "sep_line.csv", "header_of_two_lines.csv", "chunks_and_typos.txt")


def test_cases_at_the_size_of_real_files(tmp_path):
    """A file with a few kinds of words and tags, over and over, is plausible."""
    for case in tomllib.loads((INPUTS / "expected.toml").read_text("utf-8"))["case"]:
        name, columns = case["file"], dict(column.split("=") for column in case.get("columns", ()))
        if "rows" in case and "json" not in name and name not in ONCE:
            text = files.read_text(INPUTS / name).rstrip("\n")
            (tmp_path / name).write_bytes("\n\n".join([text] * 200).encode())
            assert read(tmp_path / name, **columns)[0] == case["rows"] * 200


def test_the_usual_case_says_nothing_to_python(capsys):
    """Notebooks record what is printed: only what differs from the usual is said there."""
    for name in ("conll2003.txt", "conllu_by_content.txt", "bioes.txt", "iob2.txt", "pos.txt", "wnut.conll"):
        read_tagged_sentences(INPUTS / name)
    read_tagged_sentences(INPUTS / "conllu_by_content.txt", "xpos")
    assert capsys.readouterr().out == ""
    read_tagged_sentences(INPUTS / "germeval.tsv")
    assert "GermEval 2014 columns: word 2, tag 3" in capsys.readouterr().out
    read_tagged_sentences(INPUTS / "header.tsv")
    assert "names of columns (1)" in capsys.readouterr().out


# ---- Odd tags --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "expected", "said"),
    [
        ("B-A O Q-A", "B-A O B-A", "the tag 'Q-A' (row 1) is read as I-A"),
        ("B-A I-a O", "B-A B-a O", "the kind of name 'a' (I-a in row 1) is kept apart; is it 'A'?"),
        ("B-A I-A O b_xy B-XY B-XY", "B-A I-A O B-XY B-XY B-XY", "the tag 'b_xy' (row 1) is read as B-XY"),
        ("O b_xy B-x.Y B-A O", "O B-xy B-x.Y B-A O", "the tag 'b_xy' (row 1) is read as B-xy"),
        ("B-A i:a O", "B-A I-A O", "the tag 'i:a' (row 1) is read as I-A"),
        ("B-A XYZ O", "B-A O O", "the tag 'XYZ' (row 1) means nothing; read as O"),
        ("B-A NN VB O", "B-A NN VB O", "all tags are taken as plain ones, not as names, because of 'NN' (row 1), 'VB'"),
        ("B-A NN", "B-A NN", ""),
        ("B-A I- O I- I- B", "B-A O O O O O", "the tag 'I-' (row 1 and 2 more) means nothing; read as O"),
        ("NN o b-x", "NN o b-x", ""),
        ("B I O", "B I O", ""),
        ("B M E S", "B M E S", ""),
        ("M-A E-A O", "B-A I-A O", ""),
        ("O O", "O O", ""),
        ("I-A I-A", "I-A I-A", ""),  # one tag is nothing to tell apart
    ],
)
def test_odd_tags(tags, expected, said):
    messages: list[str] = []
    found, _ = convert_tags([tags.split()], [[1] * len(tags.split())], "a", messages.append, "row")
    assert " ".join(found[0]) == expected
    assert said in messages[0] if said else not messages


def test_many_odd_tags_are_counted():
    messages: list[str] = []
    tags = [f"{prefix}_T{i}" for i in range(20) for prefix in "BI"] + ["O", "B_T0"]
    found, scheme = convert_tags([tags], [list(range(1, 43))], "a", messages.append)
    assert found[0] == [tag.replace("_", "-") for tag in tags]
    assert messages[0] == "a: the tag 'B_T0' (line 1 and 1 more) is read as B-T0"
    assert messages[10:] == ["a: ... and 30 more such tags"]
    assert scheme == "IOB2"


def test_odd_tags_of_json_lines(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"words": ["a", "b"], "tags": ["B-A", "O"]}\n{"words": ["c"], "tags": ["B_A"]}\n')
    found, said = read(file)
    assert found == ["a/B-A b/O", "c/B-A"]
    assert said == [f"{file}: the tag 'B_A' (line 2) is read as B-A", f"{file}: IOB2"]
    with pytest.raises(ValueError, match="has no columns to name; its lists are called words and tags"):
        read(file, tag="2")
    for tag in ("null", "false", "[]", "1.5", '" "'):
        file.write_text(f'{{"words": ["a"], "tags": [{tag}]}}\n')
        with pytest.raises(BadRowsError, match="a.jsonl, line 1: tag 1: label "):
            read(file)


# ---- Spaces and line ends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "space", ["\xa0", "\u3000", "\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\u2009", "\r"]
)
@pytest.mark.parametrize("separator", ["\t", " "])
def test_spaces_of_unicode_belong_to_words(space, separator, tmp_path):
    words = [f"a{space}b", f"{space}c", f"d{space}", space, "e"]
    lines = [f"{word}{separator}{tag}" for word, tag in zip(words, ("B-A", "I-A", "O", "O", "B-B"), strict=True)]
    (tmp_path / "a.txt").write_bytes("\n".join(lines).encode())
    assert read_tagged_sentences(tmp_path / "a.txt") == [TaggedSentence(words, ["B-A", "I-A", "O", "O", "B-B"])]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(end, tmp_path):
    for name in ("iob2.txt", "germeval.tsv", "conllu_by_content.txt", "multiconer.conll"):
        (tmp_path / name).write_bytes((INPUTS / name).read_bytes().replace(b"\n", end.encode()))
        assert read(tmp_path / name)[0] == read(INPUTS / name)[0]


# ---- By command ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A tiny BERT with random weights, in a folder."""
    config = BertConfig(vocab_size=len(PIECES), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=32, max_position_embeddings=64)  # fmt: skip
    torch.manual_seed(0)
    return weights.save(Pretraining(config), tmp_path_factory.mktemp("small") / "bert", PIECES)


def test_columns_by_command(small, tmp_path, capsys):
    file = tmp_path / "a.conll"
    file.write_text("".join(f"1 the{i} DT O\n2 cat NN {'B-A' if i % 2 else 'B_A'}\n\n" for i in range(60)))
    arguments = ["finetune", "tag", "--train", str(file), "--model", str(small), "--length", "32", "--epochs", "0.2",
                 "--evaluations", "0"]  # fmt: skip
    assert main([*arguments, "--out", str(tmp_path / "names")]) == 0
    said = capsys.readouterr().out
    assert f"{file}: the tag 'B_A' (line 2 and 29 more) is read as B-A\n" in said
    assert f"{file}: 4 numbered columns: word 2, tag 4; IOB2\n" in said
    assert "f1" in said.lower()
    assert main([*arguments, "--columns", "word=2", "tag=3", "--out", str(tmp_path / "parts")]) == 0
    assert f"{file}: 4 numbered columns: word 2, tag 3; plain tags, 2 different\n" in capsys.readouterr().out
    assert main([*arguments, "--columns", "tag=5", "--out", str(tmp_path / "none")]) == 2
    assert "a.conll, line 1: 4 columns; there is no column 5" in capsys.readouterr().err
    assert main([*arguments, "--columns", "words=2", "--out", str(tmp_path / "none")]) == 2
    assert "a tag has no columns words to name; there are column, word, tag" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
