"""suggestions.py: the nearest valid name for a misspelt one."""

import pytest

from bertlab.suggestions import suggest_name

SOURCES = ["minilm", "sotu", "wiki", "kjv", "web"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("soto", '; did you mean "sotu"?'),
        ("wikki", '; did you mean "wiki"?'),
        ("SOTU", '; did you mean "sotu"?'),
        ("mini-lm", '; did you mean "minilm"?'),
        ("bookcorpus", ""),
        ("", ""),
    ],
)
def test_the_nearest_name_is_suggested(name, expected):
    assert suggest_name(name, SOURCES) == expected


def test_the_suggestion_keeps_the_case_of_the_option():
    assert suggest_name("brt", iter(["Classifier", "BERT"])) == '; did you mean "BERT"?'
    assert suggest_name("sotu", []) == ""
