"""Words and punctuation marks in many scripts, and the scores that rest on them."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertlab.tasks import compute_bleu, compute_rouge_l, exact_match, normalize_answer, split_words_and_punctuation
from bertlab.tasks.classification import make_tfidf_pipeline

WORDS = {
    "Hindi": ["हिन्दी", "में", "किताब", "क्‍ष"],
    "Tamil": ["தமிழ்", "புத்தகம்"],
    "Bengali": ["বাংলা", "কথা"],
    "Malayalam": ["അവന്‍", "മലയാളം"],
    "Thai": ["ภาษาไทย", "ที่นี่"],
    "Burmese": ["မြန်မာ", "ဘာသာ"],
    "Arabic": ["كِتَابٌ", "مُدَرِّس"],
    "Persian": ["می‌خواهم", "کتاب‌ها"],
    "Hebrew": ["שָׁלוֹם", "עוֹלָם"],
    "decomposed": ["cafe\u0301", "Zu\u0308rich", "a\u0301", "i\u0307zmir"],
    "emoji": ["👩‍👩‍👧‍👦", "👍🏽", "❤️", "🏳️‍🌈", "🇩🇪", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣"],
    "soft hyphen": ["co\u00adoperate", "word\u2060joiner"],
    "English": ["don", "'", "t", "m²", "x_1", "3", "!", "!", "–"],
}


@pytest.mark.parametrize("script", WORDS)
def test_a_word_keeps_its_marks(script):
    words = WORDS[script]
    assert split_words_and_punctuation(" ".join(words)) == words
    with_marks = " , ".join(words)
    assert split_words_and_punctuation(with_marks) == with_marks.split()


def test_marks_between_words_stand_alone():
    assert split_words_and_punctuation("यह पुस्तक है। (अच्छी)") == ["यह", "पुस्तक", "है", "।", "(", "अच्छी", ")"]
    assert split_words_and_punctuation("🇩🇪🇫🇷 😀😀!?") == ["🇩🇪", "🇫🇷", "😀", "😀", "!", "?"]
    assert split_words_and_punctuation("\u0301a \u200b ภาษา\u200bไทย") == ["\u0301", "a", "ภาษา", "ไทย"]


PAIRS = [
    ("की", "का"),
    ("कि", "कु"),
    ("كِتَاب", "كُتَّاب"),
    ("cafe\u0301", "cafe"),
    ("มา", "มี"),
    ("👩‍👧", "👩‍👦"),
    ("👍🏽", "👍🏿"),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_different_words_share_nothing(one, other):
    assert compute_rouge_l([one], [other]) == 0
    assert compute_rouge_l([one], [one]) == 100
    assert compute_bleu([f"{one} " * 4], [f"{other} " * 4]) == 0
    features = make_tfidf_pipeline(None).steps[0][1]
    assert len(features.fit([one if one[0].isalnum() else "a", other if other[0].isalnum() else "b"]).vocabulary_) == 2


def test_articles_go_only_where_they_are_words():
    assert normalize_answer("the a\u0301 la The\u0301 pe\u0301a an") == "a\u0301 la the\u0301 pe\u0301a"
    assert normalize_answer("A theatre, an ant") == "theatre ant"
    assert normalize_answer("“the” – 5’") == "“ ” – 5’", "as in SQuAD's own script"
    assert normalize_answer("पुस्तक।") == "पुस्तक"
    assert exact_match("東京。", ["東京"]) == 1
    assert exact_match("की", ["का"]) == 0


@given(st.text(st.characters(exclude_categories=["Mn", "Mc", "Me", "Cf", "Cs"], max_codepoint=0x1F000)))
def test_text_without_marks_is_split_as_ever(text):
    assert split_words_and_punctuation(text) == re.findall(r"\w+|[^\w\s]", text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_nothing_is_lost_or_moved(text):
    kept = "".join(split_words_and_punctuation(text))
    assert kept == "".join(text.replace("\u200b", " ").split())
    marks = [piece for piece in split_words_and_punctuation(text) if unicodedata.category(piece[0]).startswith("M")]
    assert all(piece[0] in text for piece in marks)
