"""Explorers: what they show is what the library computes, and bad input is answered in words."""

import pytest
import torch

from bertlab import explore
from bertlab.wordpiece import SPECIAL, WordPiece

# ---- The sentence box (notebook 00) ----------------------------------------------------------------------

WORDS = WordPiece([*SPECIAL, "[unused0]", "good", "great", "bad", "##ly", "<b>"])
TABLE = torch.tensor(
    [[0, 0, 1.0]] * 6 + [[1, 0, 0], [2, 1, 0], [-1, 0, 0.1], [0, 1, 0], [0, 0, 1]], dtype=torch.float32
)


def test_nearest_words_are_by_angle_and_never_the_word_itself_or_a_mark():
    unit = explore.unit_vectors(WORDS, TABLE)
    (good,) = explore.nearest_words(WORDS, unit, ["good"], k=2)
    assert [word for word, _ in good] == ["great", "##ly"]
    assert good[0][1] == pytest.approx(2 / 5**0.5)
    (mark,) = explore.nearest_words(WORDS, unit, ["<b>"], k=9)  # points like [PAD] and [unused0]
    assert mark[0][0] == "bad"


def test_sentence_box_follows_typing():
    panel = explore.sentence_box(WORDS, TABLE, "good")
    box, shown = panel.children
    assert "<b>good</b></td><td>6</td>" in shown.value
    assert "great <small>0.89</small>" in shown.value
    box.value = "badly"
    assert "2 tokens" in shown.value
    assert "<b>##ly</b></td><td>9</td>" in shown.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" ", "Nothing to read yet"),
        ("films", "not in the vocabulary"),
        ("[MASK]", "a mark for the model"),
        ("good " * 30, "has 30 tokens: the first 24"),
    ],
)
def test_sentence_box_answers_bad_input_in_words(text, said):
    assert said in explore.sentence_html(WORDS, explore.unit_vectors(WORDS, TABLE), text)


def test_sentence_box_escapes_and_needs_a_table_that_fits():
    assert "&lt;b&gt;" in explore.neighbour("<b>", 0.5)
    with pytest.raises(ValueError, match="11 tokens"):
        explore.sentence_box(WORDS, TABLE[:4])


# ---- A live tokenizer (notebook 01) ----------------------------------------------------------------------

LETTERS = [*SPECIAL, "a", "b", "##a", "##b", "<"]


def test_tokenizer_shows_pieces_ids_and_counts():
    shown = explore.tokenizer_html(WordPiece([*LETTERS, "ab", "##ba"]), "abba <c")
    assert "3 words, 4 pieces, 1.33 pieces a word, 1 [UNK]" in shown
    assert "(12 tokens in the vocabulary)" in shown
    for id_ in (10, 11, 9, 1):
        assert f">{id_}</small>" in shown
    assert "Decoded: abba &lt; [UNK]" in shown
    assert "<c" not in shown.replace("&lt;", "")


def test_tokenizer_follows_typing_and_the_slider():
    panel = explore.live_tokenizer({"letters": WordPiece(LETTERS), "words": WordPiece([*LETTERS, "ab"])}, "ab")
    box, size, shown = panel.children
    assert "1 words, 1 pieces" in shown.value
    size.value = "letters"
    assert "1 words, 2 pieces" in shown.value
    box.value = "a b"
    assert "2 words, 2 pieces" in shown.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Nothing to read yet"),
        (" \u200b", "Nothing to read yet"),
        ("a " * 1500, "3,000 characters: only the first"),
    ],
)
def test_tokenizer_answers_bad_input_in_words(text, said):
    assert said in explore.tokenizer_html(WordPiece(LETTERS), text)


def test_tokenizer_needs_a_vocabulary():
    with pytest.raises(ValueError, match="at least one"):
        explore.live_tokenizer({})
