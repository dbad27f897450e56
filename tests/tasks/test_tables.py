"""Rows of CSV, TSV and JSON-lines files, read without a task."""

import pytest

from bertlab.tasks import BadRows, BadRowsError
from bertlab.tasks.tables import get_field, get_text_field, parse_label, read_table


def read_rows(tmp_path, name: str, text: str, columns=None):
    """The rows of a file and the messages about its bad lines."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    problems = BadRows(name)
    return list(read_table(path, problems, columns)), problems.messages


def test_a_row_has_the_number_of_its_first_line(tmp_path):
    rows, messages = read_rows(tmp_path, "a.csv", 'text,label\n\n"two\nlines",1\n,\nx,1,2\ny,2\n')
    assert rows == [(3, {"text": "two\nlines", "label": "1"}), (7, {"text": "y", "label": "2"})]
    assert messages == ["a.csv, line 6: 3 columns instead of 2 (text, label)"]


def test_a_field_may_have_any_length(tmp_path):
    for name, field in (("a.csv", "x" * 131_073), ("b.csv", '"' + "x\n" * 131_073 + '"'), ("c.tsv", "x" * 131_073)):
        rows, messages = read_rows(tmp_path, name, f"text\n{field}\ny\n")
        assert [len(row["text"]) for _, row in rows] == [len(field.strip('"')), 1]
        assert messages == []


def test_a_header_is_optional_where_the_columns_are_known(tmp_path):
    expected = {"source": "a", "target": "b"}
    assert read_rows(tmp_path, "a.tsv", "a\tb\n", ("source", "target")) == ([(1, expected)], [])
    assert read_rows(tmp_path, "a.tsv", "target\tsource\nb\ta\n", ("source", "target")) == ([(2, expected)], [])


def test_json_lines_may_be_blank(tmp_path):
    rows, messages = read_rows(tmp_path, "a.jsonl", '{"text": "a"}\n\n{"text": 3}\n"b"\n{\n')
    assert rows == [(1, {"text": "a"}), (3, {"text": 3})]
    assert messages[0] == "a.jsonl, line 4: '\"b\"' is not a JSON object"
    assert messages[1].startswith("a.jsonl, line 5: not JSON")


def test_a_missing_field_suggests_the_nearest_one():
    assert get_field({"text": 1}, "text") == 1
    with pytest.raises(ValueError, match="there is no 'text', only texts, label; did you mean \"texts\"?"):
        get_text_field({"texts": "a", "label": "b"}, "text")
    with pytest.raises(ValueError, match="there is no 'text', only nothing$"):
        get_text_field({}, "text")


@pytest.mark.parametrize(("value", "label"), [(" a ", "a"), (1, "1"), (1.0, "1"), (0, "0")])
def test_labels_are_words(value, label):
    assert parse_label(value) == label


@pytest.mark.parametrize(
    ("value", "message"), [(None, "empty"), (" ", "empty"), (True, "not True"), (0.5, "not 0.5"), ([], "not \\[\\]")]
)
def test_other_values_are_not_labels(value, message):
    with pytest.raises(ValueError, match=message):
        parse_label(value)


def test_bad_rows_are_an_error_unless_they_are_skipped():
    problems, reports = BadRows("a.csv"), []
    problems.raise_or_report(1, False, reports.append)
    for line in range(3):
        problems.add(line, "bad")
    problems.add("question 7", "bad")
    with pytest.raises(
        BadRowsError, match=r"^4 of 9 rows cannot be used:\na.csv, line 0: bad\n[^\n]*\n\.\.\. and 2 more"
    ):
        problems.raise_or_report(5, False, reports.append, most=2)
    assert reports == []
    problems.raise_or_report(5, True, reports.append)
    assert len(reports) == 1
    assert reports[0].startswith("4 of 9 rows left out:\n")
    assert reports[0].endswith("a.csv, question 7: bad")
    with pytest.raises(BadRowsError, match="a.csv holds no row that can be used:\na.csv, line 0: bad"):
        problems.raise_or_report(0, True, reports.append)
