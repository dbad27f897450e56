"""The panel for masked words: all pieces of the chosen word are masked, and bad input is answered in words."""

import pytest
import torch

from bertlab import explore
from bertlab.heads import Pretraining
from bertlab.model import BertConfig
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece


def make_model():
    """A model of 5 + 6 tokens that always predicts "be", whatever it reads, and its tokenizer."""
    tokenizer = WordPiece([*SPECIAL_TOKENS, "let", "be", "##gin", "light", "<", "."])
    config = BertConfig(vocab_size=len(tokenizer), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=8, max_position_embeddings=8)  # fmt: skip
    model = Pretraining(config)
    torch.nn.init.zeros_(model.mlm.norm.weight)  # then only the bias matters
    model.mlm.bias.data[tokenizer.index["be"]] = 10.0
    return model, tokenizer


def test_all_pieces_of_a_word_are_masked_and_nothing_else():
    model, tokenizer = make_model()
    inputs = []
    model.register_forward_pre_hook(lambda _, args: inputs.append(args[0][0].tolist()))
    words = explore.tokenize_words(tokenizer, "let light begin.", room=6)
    assert words == [["let"], ["light"], ["be", "##gin"], ["."]]
    first, second = explore.guess_word(model, tokenizer, words, 2, k=2)
    assert first[0][0] == second[0][0] == "be"
    assert first[0][1] > 0.99
    assert inputs == [[2, 5, 8, 4, 4, 10, 3]]
    explore.guess_word(model, tokenizer, words, 2, mask=False)
    assert inputs[1] == [2, 5, 8, 6, 7, 10, 3]
    assert model.training


def test_masked_word_box_follows_typing_and_buttons():
    panel = explore.masked_word_box(*make_model(), "let light begin", k=1)
    sentence, words, mask, output = panel.children
    assert [name for name, _ in words.options] == ["1 let", "2 light", "3 begin"]
    assert "Original: <b>light</b>" in output.value
    words.value = 2
    assert "Original: <b>##gin</b>" in output.value
    assert output.value.count("[MASK]") == 2
    assert output.value.count("% correct") == 1
    mask.value = False
    assert "[MASK]" not in output.value
    sentence.value = "let be"
    assert words.value == 0
    assert "Original: <b>let</b>" in output.value


def test_masked_word_box_asks_the_model_once_at_each_key():
    model, tokenizer = make_model()
    sentence, words, *_ = explore.masked_word_box(model, tokenizer, "let light begin").children
    words.value = 1
    calls = []
    model.register_forward_pre_hook(lambda *_: calls.append(1))
    sentence.value = "let light"
    assert words.value == 1
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  ", "Nothing to show"),
        ("let be let be let be let be", "only the first 6 words are used"),
        ("zebra zebra zebra let", "not in the vocabulary"),
        ("let < let", "Original: <b>&lt;</b>"),
    ],
)
def test_masked_word_box_answers_bad_input_in_words(text, expected):
    assert expected in explore.masked_word_box(*make_model(), text).children[-1].value


def test_masked_word_box_recovers_from_an_empty_sentence():
    sentence, words, _, output = explore.masked_word_box(*make_model(), "").children
    assert "Nothing to show" in output.value
    sentence.value = "let light"
    assert "Original: <b>let</b>" in output.value
    assert len(words.options) == 2


def test_masked_word_box_needs_a_vocabulary_that_fits():
    model, _ = make_model()
    with pytest.raises(ValueError, match="11 tokens"):
        explore.masked_word_box(model, WordPiece(SPECIAL_TOKENS))
