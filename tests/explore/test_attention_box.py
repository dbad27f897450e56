"""The panel for one attention head: the map and the scores are the model's, and bad input is answered in words."""

import pytest
import torch

from bertlab import explore, head_scores
from bertlab.explore.attention_box import attention_html
from bertlab.model import Bert, BertConfig, attention_maps
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

from .tables import read_rows

WORDS = WordPiece([*SPECIAL_TOKENS, "bear", "sleeps", "snow", "dog", ".", "<"])


def make_bert(seed: int = 0) -> Bert:
    config = BertConfig(vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                        intermediate_size=64, max_position_embeddings=16, initializer_range=0.3)  # fmt: skip
    torch.manual_seed(seed)
    return Bert(config)


def test_attention_box_shows_the_map_of_the_head_and_its_scores():
    bert = make_bert()
    panel = explore.attention_box(bert, WORDS, "bear sleeps bear")
    sentence, sliders, output = panel.children
    layer, head = sliders.children
    layer.value, head.value = 1, 2
    tokens = ["[CLS]", "bear", "sleeps", "bear", "[SEP]"]
    bert.eval()
    with attention_maps(bert) as maps:
        bert(torch.tensor([WORDS.convert_tokens_to_ids(tokens)]))
        weights = maps[1][0, 2]
    assert f'title="sleeps attends to [CLS]: {weights[2, 0]:.2f}"' in output.value
    assert output.value.count("attends to") == 25
    scores = head_scores.score_heads(weights, tokens)
    assert ["same word", f"{scores['same word']:.2f}", "chance 0.20"] in read_rows(output.value)
    sentence.value = "bear <"
    assert "same word" not in output.value  # no word occurs twice: there is nothing to score
    assert "&lt; attends to bear" in output.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [(" ", "Nothing to show"), ("bear " * 40, "42 tokens with [CLS] and [SEP]; only the first 16 are used")],
)
def test_attention_box_answers_bad_input_in_words(text, expected):
    assert expected in explore.attention_box(make_bert(), WORDS, text).children[-1].value


def test_attention_html_is_that_of_the_panel():
    panel = explore.attention_box(make_bert(), WORDS, "bear sleeps")
    assert panel.children[-1].value == attention_html(make_bert(), WORDS, "bear sleeps", 0, 0)


def test_attention_box_needs_a_vocabulary_that_fits():
    with pytest.raises(ValueError, match="the vocabulary has 6"):
        explore.attention_box(make_bert(), WordPiece([*SPECIAL_TOKENS, "x"]))
