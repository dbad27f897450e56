"""Two models side by side: each shows its own guesses, and bad input is answered in words."""

import re

import pytest
import torch

from bertlab import explore
from bertlab.explore.before_and_after import guesses_html
from bertlab.heads import Pretraining
from bertlab.model import BertConfig
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

from .tables import read_rows

WORDS = WordPiece([*SPECIAL_TOKENS, "[unused0]", "good", "great", "bad", "##ly", "<b>"])


def make_models() -> dict[str, Pretraining]:
    """Two models; the first always predicts "good", the second "##ly"."""
    size = BertConfig(vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                      intermediate_size=16, max_position_embeddings=12)  # fmt: skip
    models = {}
    for name, favourite in (("before", "good"), ("after", "##ly")):
        models[name] = Pretraining(size)
        with torch.no_grad():
            models[name].mlm.bias[WORDS.index[favourite]] = 9.0
    return models


def test_before_and_after_shows_what_each_model_guesses():
    sentence, output = explore.before_and_after(*make_models().values(), WORDS, "good [MASK]").children
    _, before, after = re.split("(?:before|after)<table>", output.value)
    assert read_rows(before)[0][0] == "good"
    assert read_rows(after)[0][0] == "##ly"
    sentence.value = "[MASK] bad [MASK]"
    assert "[MASK] 2" in output.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [("good", "no [MASK]"), ("", "no [MASK]"), ("[MASK] " * 20, "22 tokens")],
)
def test_before_and_after_answers_bad_input_in_words(text, expected):
    assert expected in explore.before_and_after(*make_models().values(), WORDS, text).children[-1].value


def test_guesses_are_escaped():
    page = guesses_html(make_models(), WORDS, "<b> [MASK]", k=12)
    assert page.count("&lt;b&gt;") == 2
    assert "<b>" not in page
