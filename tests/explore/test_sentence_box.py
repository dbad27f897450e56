"""The panel for word embeddings: neighbours are those of the table, and bad input is answered in words."""

import pytest
import torch

from bertlab import explore
from bertlab.explore.sentence_box import sentence_html
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

from .tables import read_rows

WORDS = WordPiece([*SPECIAL_TOKENS, "[unused0]", "good", "great", "bad", "##ly", "<b>"])
TABLE = torch.tensor(
    [[0, 0, 1.0]] * 6 + [[1, 0, 0], [2, 1, 0], [-1, 0, 0.1], [0, 1, 0], [0, 0, 1]], dtype=torch.float32
)


def test_nearest_words_are_by_angle_and_never_the_word_itself_or_a_special_token():
    unit_vectors = explore.normalize_vectors(WORDS, TABLE)
    (good,) = explore.find_nearest_words(WORDS, unit_vectors, ["good"], k=2)
    assert [word for word, _ in good] == ["great", "##ly"]
    assert good[0][1] == pytest.approx(2 / 5**0.5)
    (mark,) = explore.find_nearest_words(WORDS, unit_vectors, ["<b>"], k=9)  # points like [PAD] and [unused0]
    assert mark[0][0] == "bad"


def test_sentence_box_follows_typing():
    panel = explore.sentence_box(WORDS, TABLE, "good")
    sentence, output = panel.children
    [_, [token, id_, nearest]] = read_rows(output.value)
    assert (token, id_) == ("good", "6")
    assert nearest.startswith("great 0.89")
    sentence.value = "badly"
    assert "2 tokens" in output.value
    assert [row[:2] for row in read_rows(output.value)[1:]] == [["bad", "8"], ["##ly", "9"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" ", "Nothing to show:</b> the sentence has no letter"),
        ("films", "not in the vocabulary"),
        ("[MASK]", "a special token"),
        ("good " * 30, "has 30 tokens; only the first 24"),
    ],
)
def test_sentence_box_answers_bad_input_in_words(text, expected):
    assert expected in explore.sentence_box(WORDS, TABLE, text).children[-1].value


def test_sentence_box_escapes_and_needs_a_table_that_fits():
    unit_vectors = explore.normalize_vectors(WORDS, TABLE)
    assert "&lt;b&gt; <small>0.10" in sentence_html(WORDS, unit_vectors, "bad")
    assert "<b><b></b>" not in sentence_html(WORDS, unit_vectors, "<b>")
    with pytest.raises(ValueError, match="11 tokens"):
        explore.sentence_box(WORDS, TABLE[:4])
