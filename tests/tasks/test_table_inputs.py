"""Tables as programs and people write them: what is odd in them. Whole files: test_inputs.py."""

import json

import pytest

from bertlab.tasks import (
    BadRowsError,
    read_labelled_texts,
    read_multilabel_texts,
    read_scored_texts,
    read_tagged_sentences,
)
from bertlab.tasks.tables import parse_label


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
