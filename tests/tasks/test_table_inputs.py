"""Tables as programs and people write them: each input with its rows or its error, then invented and spoiled ones."""

import csv
import io
import json
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertlab.__main__ import main
from bertlab.tasks import (
    BadRows,
    BadRowsError,
    read_labelled_texts,
    read_multilabel_texts,
    read_scored_texts,
    read_tagged_sentences,
    read_text_pairs,
)
from bertlab.tasks.tables import parse_label, read_table

from ..conftest import ROOT

INPUTS = ROOT / "tests" / "inputs" / "tables"
LONG = pytest.mark.skipif(not os.environ.get("BERTLAB_LONG"), reason="takes a minute")

# file -> (text, label) of each row
READ = {
    "excel.tsv": [('She said "never", and left', "good"), ("two\nlines", "bad"), ("plain", "good")],
    "characters.tsv": [('She said "never"', "bad"), ('"Lovely', "good"), ('"Why not?"', "good")],
    "semicolons.csv": [("good; really", "good"), ("1,5 stars", "bad")],
    "sep_line.csv": [("a, b", "good"), ("c", "bad")],
    "tabs.csv": [("a, b", "good"), ("c; d", "bad")],
    "macintosh.csv": [("two\nlines", "good"), ("one", "bad")],
    "lone_returns.csv": [("a\rb", "good"), ("c\rd", "bad")],
    "list.json": [("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")],
    "data.json": [("a", "x"), ("b", "y")],
    "pandas.json": [("a", "1"), ("b", "0")],
    "lines.json": [("a", "x"), ("b", "y")],
}

# file -> its errors, and how many rows are left without those
REFUSED = {
    "open_quote.csv": ([r"line 3: .*'\"The best of all,good' in line 3 is closed in line 7: .* lines 4 to 7"], 6),
    "closed_later.csv": ([r"line 3: .* in line 3 is closed in line 5: it would swallow lines 4 to 5"], 4),
    "open_at_the_end.csv": ([r"line 4: .* is closed nowhere: close it"], 2),
    "closed_within.csv": ([r'line 2: .*\'"The "best" of all",good\' is closed within the text, not at its end'], 1),
    "characters_over_lines.tsv": ([r"line 2: .* in line 2 is closed in line 4: it would swallow lines 3 to 4"], 2),
    "mixed.tsv": ([r"line 3: .* in line 3 is closed nowhere: it would swallow line 4"], 2),
    "numbers.csv": (["line 6: text is empty", "line 7: label is empty"], 4),
    "twice.csv": ([r"line 2: text is \['a', 'b'\], not a text"], 0),
    "broken_list.json": (["line 2: '3' is not a JSON object", r"line 4: not JSON \(a comma .* rest .* not read"], 2),
    "no_texts.jsonl": (["line 1: text is None, not a text", r"line 2: text is \['a'\], not a text",
                        "line 3: text is False, not a text", "line 4: label is empty", "line 5: label .*, not False",
                        r"line 6: label .*, not \['x'\]", "line 7: label .*, not 0.5", "line 8: .* half a char"], 1),
    "no_tags.jsonl": (["line 1: tag 1: label is empty", "line 2: tag 1: .* not False", r"line 3: tag 1: .* not \['X'\]",
                       "line 4: word 1 is None, not a text", "line 5: word 1 is 3, not a text"], 1),
}  # fmt: skip

# file -> what is said of it though it can be read
SAID = {
    "characters.tsv": "its quotation marks are read as characters",
    "semicolons.csv": "its columns are separated by a semicolon",
    "tabs.csv": "its columns are separated by a tab",
}


@pytest.mark.parametrize("name", READ)
def test_tables_that_are_read(name):
    columns = {"text": "Text", "label": "Label"} if name == "semicolons.csv" else {}
    said = []
    examples = read_labelled_texts(INPUTS / name, say=said.append, **columns)
    assert [(example.text, example.label) for example in examples] == READ[name]
    assert len(said) == (name in SAID)
    assert SAID.get(name, "") in "".join(said)


@pytest.mark.parametrize("name", REFUSED)
def test_tables_with_bad_rows(name):
    messages, left = REFUSED[name]
    read = read_tagged_sentences if "tags" in name else read_labelled_texts
    with pytest.raises(BadRowsError) as caught:
        read(INPUTS / name)
    for message in messages:
        caught.match(message)
    said = []
    if left:
        assert len(read(INPUTS / name, skip_bad_rows=True, say=said.append)) == left
        assert said[-1].startswith(f"{len(messages)} of {len(messages) + left} rows left out")


def test_every_input_has_its_right_value():
    assert {path.name for path in INPUTS.iterdir()} == {*READ, *REFUSED}


def test_the_command_line_names_both_lines_of_an_open_quotation_mark(tmp_path, capsys):
    file = INPUTS / "open_quote.csv"
    assert main(["finetune", "classify", "--train", str(file), "--out", str(tmp_path / "run")]) == 2
    assert f"{file}, line 3: " in (error := capsys.readouterr().err)
    assert "is closed in line 7: it would swallow lines 4 to 7" in error
    assert not (tmp_path / "run").exists()


def write(tmp_path, name: str, text: str):
    (tmp_path / name).write_bytes(text.encode())
    return tmp_path / name


def test_a_text_of_lines_like_rows_is_read_and_doubted(tmp_path):
    said = []
    file = write(tmp_path, "a.csv", 'text,label\n"a, b\nc, d\ne",good\nf,bad\n')
    assert [example.text for example in read_labelled_texts(file, say=said.append)] == ["a, b\nc, d\ne", "f"]
    assert "line 2: its text goes to line 4, though each of these lines would be a row by itself" in said[0]


def test_a_header_that_cannot_be_read_is_the_error(tmp_path):
    file = write(tmp_path, "a.csv", '"text,label\na,b\nc,d\n')
    with pytest.raises(BadRowsError, match="names of the columns cannot be read: .*line 1: the quotation mark"):
        read_labelled_texts(file, skip_bad_rows=True)


def test_endings_in_capitals(tmp_path):
    assert read_labelled_texts(write(tmp_path, "A.CSV", "text,label\na,1\n"))[0].label == "1"
    assert read_labelled_texts(write(tmp_path, "A.JSON", '[{"text": "a", "label": 1}]'))[0].label == "1"


@pytest.mark.parametrize("value", [1, 1.0, "1", "1.0", " 1.00 "])
def test_one_label_however_it_is_written(value, tmp_path):
    assert parse_label(value) == "1"
    cells = "\n".join(f"{text},{label}" for text, label in (("a", value), ("b", 1)))
    assert len({e.label for e in read_labelled_texts(write(tmp_path, "a.csv", f"text,label\n{cells}\n"))}) == 1
    assert read_multilabel_texts(write(tmp_path, "b.csv", f"text,labels\na,{value}|2\n"))[0].labels == ("1", "2")
    row = {"words": ["a"], "tags": [value]}
    assert read_tagged_sentences(write(tmp_path, "a.json", json.dumps([row])))[0].tags == ["1"]


def test_other_numbers_stay_as_they_are():
    assert [parse_label(label) for label in ("1.5", "01", "1.0.0", "v1.0", "-2.0")] == [
        "1.5",
        "01",
        "1.0.0",
        "v1.0",
        "-2",
    ]
    assert {parse_label(label) for label in ("-0", -0.0, "0.0", 0)} == {"0"}


def test_columns_of_0_and_1_as_programs_write_them(tmp_path):
    file = write(tmp_path, "a.csv", ",text,a,b\n0,one,1.0,TRUE\n1,two,0.0,false\n")  # pandas' column of row numbers
    assert [example.labels for example in read_multilabel_texts(file)] == [("a", "b"), ()]


@pytest.mark.parametrize("score", ["1_000", "[1]", "true", "null", f"1{'0' * 400}"])
def test_what_is_no_number(score, tmp_path):
    value = score if score[0] in "[tn1" and "_" not in score else f'"{score}"'
    with pytest.raises(BadRowsError, match="line 1: score is .*; it must be a number"):
        read_scored_texts(write(tmp_path, "a.jsonl", f'{{"text": "a", "score": {value}}}'))


def test_json_that_is_nested_too_deep(tmp_path):
    deep = "[" * 200_000
    for name, text in (("a.jsonl", f'{{"text": {deep}'), ("b.json", deep), ("c.json", f'[{{"text": {deep}')):
        with pytest.raises(BadRowsError, match="nested too deep"):
            read_labelled_texts(write(tmp_path, name, text))


# ---- What is written is read back ------------------------------------------------------------------------------------

TEXTS = st.text(st.sampled_from('"",;\t\n\r ab\u2028é'), max_size=12) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=8
)
LABELS = st.sampled_from(["yes", "no"])
DIALECTS = [(".csv", {}), (".csv", {"delimiter": ";"}), (".csv", {"delimiter": "\t"}), (".tsv", {"delimiter": "\t"})]


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(LABELS, TEXTS), min_size=1, max_size=5),
    dialect=st.sampled_from(DIALECTS),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from(["", "\ufeff"]),
)
def test_csv_is_read_back_equal(rows, dialect, quoting, line_end, mark, tmp_path_factory):
    """Or refused by name, where the separators and line ends within a text make rows with the labels of others."""
    ending, options = dialect
    if (line_end, quoting) == ("\n", csv.QUOTE_MINIMAL):  # Python before 3.13 does not put marks around "\r" then
        rows = [(label, text.replace("\r", "\n")) for label, text in rows]
    written = io.StringIO()
    writer = csv.writer(written, quoting=quoting, lineterminator=line_end, **options)
    writer.writerows([("label", "text"), *rows])
    file = write(tmp_path_factory.getbasetemp(), f"back{ending}", mark + written.getvalue())
    problems = BadRows(file)
    found = [(row["label"], row["text"]) for _, row in read_table(file, problems)]
    if problems.messages:
        separator = options.get("delimiter", ",")
        assert any(separator in text and ("\n" in text or "\r" in text) for _, text in rows)
        assert "it would swallow line" in problems.messages[0]
    else:
        assert found == rows


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.fixed_dictionaries({"label": LABELS, "text": TEXTS}), min_size=1, max_size=5))
def test_json_is_read_back_equal(rows, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    lines = write(folder, "back.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    listed = write(folder, "back.json", json.dumps(rows, indent=1))
    data = write(folder, "data.json", json.dumps({"data": rows}))
    for file in (lines, listed, data):
        problems = BadRows(file)
        assert [row for _, row in read_table(file, problems)] == rows
        assert problems.messages == []


def test_what_pandas_writes_is_read_back(tmp_path):
    pandas = pytest.importorskip("pandas")
    texts, labels = ['say "no", now', "two\nlines", "a;b\tc", "plain"], ["1", "0", "1", "0"]
    frame = pandas.DataFrame({"text": texts, "label": [int(label) for label in labels]})
    frame.to_csv(tmp_path / "a.csv")
    frame.to_csv(tmp_path / "b.tsv", sep="\t", index=False, encoding="utf-8-sig")
    frame.astype({"label": float}).to_csv(tmp_path / "c.csv", sep=";", index=False)
    frame.to_json(tmp_path / "d.json")
    frame.to_json(tmp_path / "e.json", orient="records", indent=2)
    frame.to_json(tmp_path / "f.jsonl", orient="records", lines=True)
    for file in tmp_path.iterdir():
        examples = read_labelled_texts(file, say=lambda text: None)
        assert ([e.text for e in examples], [e.label for e in examples]) == (texts, labels), file.name


# ---- Spoiled files ---------------------------------------------------------------------------------------------------


PIECES = [b'"', b'""', b",", b";", b"\t", b"\n", b"\r", b"\r\n", b"[", b"]", b"{", b"}", b":", b" ", b"\xff", b"\x00"]
PIECES += [b"null", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\\ud800", b"1e999", b"NaN"]


def spoil(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one to four changes: one inserted, taken out, replaced, a part doubled, or the rest cut off."""
    spoiled = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(spoiled) + 1)
        piece = rng.choice(PIECES)
        change = rng.randrange(5)
        if change == 0:
            spoiled[at:at] = piece
        elif change == 1:
            del spoiled[at : at + rng.randint(1, 9)]
        elif change == 2:
            spoiled[at : at + len(piece)] = piece
        elif change == 3:
            spoiled[at:at] = spoiled[max(0, at - rng.randint(1, 30)) : at]
        else:
            del spoiled[at + len(spoiled) // 2 :]
    return bytes(spoiled)


@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=LONG)])
def test_spoiled_tables_give_rows_or_an_error(count, tmp_path):
    """Never anything else; and what is read has a text and a label."""
    rng, read, refused = random.Random(0), 0, 0
    originals = [path for path in sorted(INPUTS.iterdir()) if "tags" not in path.name]
    readers = {
        read_labelled_texts: lambda e: e.text.strip() and e.label.strip(),
        lambda file, **more: read_multilabel_texts(file, labels="label", **more): lambda e: e.text.strip(),
        lambda file, **more: read_scored_texts(file, score="label", **more): lambda e: e.score == e.score,
        lambda file, **more: read_text_pairs(file, "text", "label", **more): lambda e: e.source and e.target,
        read_tagged_sentences: lambda e: len(e.words) == len(e.tags) and all(map(str.strip, e.words)),
    }
    for number in range(count):
        original = rng.choice(originals if number % 10 else [INPUTS / "no_tags.jsonl"])
        file = tmp_path / f"spoiled{original.suffix}"
        file.write_bytes(spoil(original.read_bytes(), rng))
        reader = read_tagged_sentences if number % 10 == 0 else rng.choice(list(readers)[:4])
        try:
            examples = reader(file, skip_bad_rows=rng.random() < 0.5, say=lambda text: None)
        except (ValueError, OSError) as error:
            refused += str(file) in str(error)
        else:
            assert examples
            assert all(map(readers[reader], examples))
            read += 1
    assert read + refused == count
    assert read > count / 10
    assert refused > count / 10
    print(f"{read:,} read, {refused:,} refused")  # shown by pytest -s
