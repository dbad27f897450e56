"""Panels put their model into eval mode; after an error in it, the model is in training mode again."""

import pytest
import torch

from bertlab import explore
from bertlab.heads import Classifier, Pretraining
from bertlab.model import Bert, BertConfig
from bertlab.tasks import Writing
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece
from bertlab.writing import Writer

WORDS = WordPiece([*SPECIAL_TOKENS, "good", "film"])
CONFIG = BertConfig(vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                    intermediate_size=8, max_position_embeddings=12)  # fmt: skip


@pytest.mark.parametrize(
    ("make_model", "ask_model"),
    [
        (Bert, lambda bert: explore.attention_box(bert, WORDS, "good film")),
        (Bert, lambda bert: explore.embed_texts(bert, WORDS, ["good film"])),
        (Pretraining, lambda model: explore.guess_word(model, WORDS, [["good"], ["film"]], 0)),
        (Pretraining, lambda model: explore.score_pairs({"one": model}, WORDS, "good", "film")),
        (lambda config: Classifier(config, 2), lambda model: explore.explain_text(model, WORDS, "good film")),
        (Writer, lambda model: explore.record_beam_steps(model, Writing(WORDS, length=12), "good film")),
    ],
    ids=["attention_box", "embed_texts", "guess_word", "score_pairs", "explain_text", "record_beam_steps"],
)
def test_an_error_in_the_model_leaves_it_in_training_mode(make_model, ask_model, monkeypatch):
    modes = []

    def fail(layer: torch.nn.Module, *_, **__):
        modes.append(layer.training)
        raise RuntimeError("out of memory")

    model = make_model(CONFIG).train()
    monkeypatch.setattr("bertlab.model.Layer.forward", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        ask_model(model)
    assert modes == [False], "the model is asked in eval mode"
    assert all(part.training for part in model.modules())
