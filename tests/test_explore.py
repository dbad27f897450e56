"""Explorers: what they show is what the library computes, and bad input is answered in words."""

import pytest

from bertlab import explore
from bertlab.wordpiece import SPECIAL, WordPiece

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
