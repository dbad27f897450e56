"""The panel for next sentences: it shows the probability of the head, and bad input is answered in words."""

import pytest
import torch

from bertlab import explore
from bertlab.heads import Pretraining
from bertlab.model import BertConfig
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

WORDS = WordPiece([*SPECIAL_TOKENS, "[unused0]", "good", "great", "bad", "##ly", "<b>"])


@pytest.fixture
def model():
    config = BertConfig(vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=16, max_position_embeddings=12, initializer_range=0.5)  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Pretraining(config).train()


def test_scores_of_pairs_are_the_heads_probability_of_label_0(model):
    (score,) = explore.score_pairs({"one": model}, WORDS, "good bad", "great").values()
    assert model.training
    pair = WORDS.encode("good bad", "great")
    model.eval()
    logits = model(torch.tensor([pair.input_ids]), torch.tensor([pair.token_type_ids])).nsp_logits
    assert score == pytest.approx(logits.softmax(-1)[0, 0].item(), abs=1e-5)
    truncated = explore.score_pairs({"one": model}, WORDS, "good " * 30, "bad")  # longer than the model's positions
    assert truncated == explore.score_pairs({"one": model}, WORDS, "good " * 8, "bad")


def test_next_sentence_box_swaps_and_answers_bad_input_in_words(model):
    panel = explore.next_sentence_box({"<one>": model}, WORDS, "good bad", "great good")
    first, second, button, output = panel.children
    assert "<b>good</b> bad" in output.value
    assert "&lt;one&gt;" in output.value
    before = output.value
    button.click()
    assert (first.value, second.value) == ("great good", "good bad")
    assert output.value != before
    first.value = "great " * 30
    assert "and 6 more" in output.value
    second.value = " "
    assert "sentence B has no letter" in output.value
    with pytest.raises(ValueError, match="no models"):
        explore.next_sentence_box({}, WORDS)
    with pytest.raises(ValueError, match="the vocabulary has 6"):
        explore.next_sentence_box({"one": model}, WordPiece([*SPECIAL_TOKENS, "x"]))
