"""The panel of neighbours: words by static vectors, usages by a model's layers, and bad input is answered in words."""

import numpy as np
import pytest
import torch

from bertlab import explore
from bertlab.model import Bert
from bertlab.word_vectors.senses import Usage

from ..tiny_runs import SMALL, TOKENIZER


def make_panel(text="the bank film"):
    torch.manual_seed(0)
    static = (["film", "cat", "dog"], np.array([[1.0, 0], [0.9, 0.1], [0, 1]]))
    usages = [Usage("the cat sat", 4, 7), Usage("a film was good", 2, 6), Usage("the film", 4, 8)]
    return explore.word_neighbours_box(static, {"tiny": (Bert(SMALL), TOKENIZER)}, usages, text, k=2)


def test_it_follows_the_word_the_model_and_the_layer():
    sentence, words, model, layer, output = make_panel().children
    assert [name for name, _ in words.options] == ["1 the", "2 bank", "3 film"]
    assert words.value == 1, "the word bank is chosen first"
    assert layer.max == 1
    assert "nearest usages after layer 1" in output.value
    assert "<b>bank</b>" in output.value
    layer.value = 0
    assert "by the embeddings" in output.value
    words.value = 2
    assert "a <b>film</b> was good" in output.value.split("nearest usages")[1].split("<tr")[1] or "film" in output.value
    model.value = model.options[0]
    assert output.value.index("cat") < output.value.index("dog")
    words.value = 0
    assert "has no vector of its own" in output.value
    sentence.value = "cat"
    assert words.value == 0
    assert "Nothing to show" not in output.value
    sentence.value = "?"
    assert "has no word" in output.value


def test_a_usage_is_not_its_own_neighbour_and_the_nearest_comes_first():
    torch.manual_seed(0)
    usages = [Usage("the cat sat", 4, 7), Usage("the film", 4, 8), Usage("a cat", 2, 5)]
    index = explore.UsageIndex(Bert(SMALL), TOKENIZER, usages)
    found = index.find_nearest(usages[0], 0, 3)
    assert [usage.text for usage, _ in found] == ["a cat", "the film"]
    assert found[0][1] > found[1][1]


def test_a_sentence_that_is_too_long_is_refused():
    index = explore.UsageIndex(Bert(SMALL), TOKENIZER, [Usage("the film", 4, 8)])
    with pytest.raises(ValueError, match="more than the 32 tokens"):
        index.find_nearest(Usage("the " * 40, 0, 3), 0, 1)
