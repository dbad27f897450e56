"""The settings: which are selected, and the weights, rows and dropout of each."""

from dataclasses import replace

import pytest
import torch

from bertlab import sources, weights
from bertlab.bench.settings import (
    DYNAMIC,
    OURS,
    SETTINGS,
    BenchConfig,
    make_finetuning_setting,
    save_first_weights,
)
from bertlab.bench.sides import Side
from bertlab.heads import Classifier, Pretraining
from bertlab.model import Bert

from .examples import TINY, TOKENIZER, make_finetuning


def test_only_takes_names_and_parts_of_names():
    assert BenchConfig().select_settings() == list(SETTINGS)
    assert BenchConfig(only=("packed-8k", "finetune")).select_settings() == ["pretrain-packed-8k", "finetune"]
    assert BenchConfig(only=("30k",)).select_settings() == ["pretrain-sentences-30k", "pretrain-packed-30k"]


def test_save_puts_the_dropout_everywhere_on_both_sides(tmp_path):
    for model in (Pretraining(TINY), Classifier(TINY, 2)):
        folder = tmp_path / type(model).__name__
        setting = replace(make_finetuning(tmp_path / "other"), model_class=type(model), folder=folder)
        save_first_weights(lambda model=model: model, 0.3, folder)
        for name in (OURS, DYNAMIC):
            loaded = Side(setting, name).model
            rates = [part.p for part in loaded.modules() if isinstance(part, torch.nn.Dropout)]
            assert len(rates) >= 3
            assert set(rates) == {0.3}
            layers = loaded.bert.layers if name == OURS else loaded.bert.encoder.layer
            attention = layers[0].attention if name == OURS else layers[0].attention.self.dropout
            assert getattr(attention, "dropout" if name == OURS else "p") == 0.3


@pytest.mark.parametrize("cached", [True, False])
def test_finetuning_takes_minilm_if_cached_and_splits_the_scores_at_zero(cached, tmp_path, monkeypatch):
    minilm = weights.save(Bert(replace(TINY, vocab_size=len(TOKENIZER))), tmp_path / "minilm", TOKENIZER)
    reviews = [("w1 w2 " * 40, 2.5), ("w3", -0.5), ("w4 w5", 0.0), ("w6", 0.1)]
    monkeypatch.setattr(sources, "sentiment", lambda part: reviews)
    monkeypatch.setattr(sources, "minilm", lambda: minilm)
    monkeypatch.setattr(sources, "is_cached", lambda name: cached)
    config = BenchConfig(preset="tiny", length=20, batch_size=2, dropout=0.2)
    setting = make_finetuning_setting(config, tmp_path / "model")
    model = weights.load(setting.folder, Classifier)
    assert (model.config.hidden_size, model.dropout.p) == ((32 if cached else 128), 0.2)
    assert ("MiniLM" if cached else "tiny") in setting.title
    assert [row["labels"] for row in setting.rows] == [1, 0, 0, 1]
    assert setting.lengths.tolist() == [len(row["input_ids"]) for row in setting.rows]
    assert setting.lengths.max() == 20
    if cached:
        assert setting.rows[1]["input_ids"] == [2, TOKENIZER.vocab.index("w3"), 3]
        old = weights.load(minilm, Bert).state_dict()
        assert all(torch.equal(model.bert.state_dict()[name], old[name]) for name in old)
