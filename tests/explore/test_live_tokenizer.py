"""The live tokenizer: it shows the tokens, ids and counts of the tokenizer, and follows typing and the slider."""

import pytest

from bertlab import explore
from bertlab.explore.live_tokenizer import tokenizer_html
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

LETTERS = [*SPECIAL_TOKENS, "a", "b", "##a", "##b", "<"]


def test_tokenizer_shows_tokens_ids_and_counts():
    page = tokenizer_html(WordPiece([*LETTERS, "ab", "##ba"]), "abba <c")
    assert "3 words, 4 tokens, 1.33 tokens per word, 1 [UNK]" in page
    assert "(12 tokens in the vocabulary)" in page
    for id_ in (10, 11, 9, 1):
        assert f">{id_}</small>" in page
    assert "Decoded: abba &lt; [UNK]" in page
    assert "<c" not in page.replace("&lt;", "")
    assert 'title="from: ba"' in page


def test_tokenizer_follows_typing_and_the_slider():
    panel = explore.live_tokenizer({"letters": WordPiece(LETTERS), "words": WordPiece([*LETTERS, "ab"])}, "ab")
    text, slider, output = panel.children
    assert "1 words, 1 tokens" in output.value
    slider.value = "letters"
    assert "1 words, 2 tokens" in output.value
    text.value = "a b"
    assert "2 words, 2 tokens" in output.value
    assert len(explore.live_tokenizer({"letters": WordPiece(LETTERS)}, "ab").children) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", "Nothing to show"), (" \u200b", "Nothing to show"), ("a " * 1500, "Only the first 2,000 characters")],
)
def test_tokenizer_answers_bad_input_in_words(text, expected):
    assert expected in explore.live_tokenizer({"letters": WordPiece(LETTERS)}, text).children[-1].value


def test_tokenizer_needs_a_vocabulary():
    with pytest.raises(ValueError, match="at least one"):
        explore.live_tokenizer({})
