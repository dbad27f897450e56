"""The study of few labels: each trial runs on a tiny model, one after the other, and what is there is not repeated."""

import json
from dataclasses import asdict, replace

import pytest
import torch

from bertlab import weights
from bertlab.bench import few_labels
from bertlab.bench.few_labels import SIMPLE, Laboratory, Trial, average_tokens, list_trials
from bertlab.heads import Classifier
from bertlab.tasks import LabelledText, Split

from ..tiny_runs import SMALL, TOKENIZER


@pytest.fixture
def laboratory(tmp_path):
    torch.manual_seed(0)
    weights.save(Classifier(replace(SMALL, max_position_embeddings=64), 2), tmp_path / "model", TOKENIZER)
    examples = [LabelledText(f"the film was {word} {'.' * (i % 3)}", None, word) for i in range(20)
                for word in ("good", "bad")]  # fmt: skip
    return Laboratory(Split(examples, examples[:8], examples[:6]), tmp_path / "model")


@pytest.mark.parametrize("method", SIMPLE)
def test_simple_methods_learn_what_a_word_says(laboratory, method):
    scores = laboratory.run(Trial("curve", method, 30, 0))
    assert scores["accuracy"] == 1 if method == "TF-IDF" else scores["accuracy"] >= 0.5
    assert 0.5 <= scores["confidence"] <= 1


@pytest.mark.parametrize("method", ["fine-tuned, [CLS]", "fine-tuned, mean"])
def test_a_fine_tuned_model_is_judged_on_the_side_of_its_experiment(laboratory, method):
    trial = Trial("curve", method, 20, 0, learning_rate=1e-3, frozen_layers=0, steps=2)
    assert laboratory.run(trial) == laboratory.run(trial)
    assert laboratory.run(trial)["accuracy"] * 6 == pytest.approx(
        round(laboratory.run(trial)["accuracy"] * 6), abs=0.01
    )
    assert laboratory.run(replace(trial, experiment="settings"))["accuracy"] * 4 % 1 == 0


def test_all_layers_can_be_frozen(laboratory):
    model = laboratory.finetune(Trial("settings", "fine-tuned, [CLS]", 20, 0, 1e-3, 1, 2), laboratory.data.train[:20])
    assert {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad} == {"pooler", "output"}


def test_the_mean_leaves_padding_out():
    hidden = torch.tensor([[[1.0], [3.0], [8.0]], [[1.0], [3.0], [8.0]]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    assert average_tokens(hidden, mask).tolist() == [[2.0], [4.0]]
    assert average_tokens(hidden, None).tolist() == [[4.0], [4.0]]


def test_trials_are_made_once_and_kept(laboratory, tmp_path, monkeypatch):
    trials = [Trial("curve", "TF-IDF", 20, seed) for seed in range(3)]
    monkeypatch.setattr(few_labels, "load_sentiment", lambda: laboratory.data)
    monkeypatch.setattr(few_labels, "Laboratory", lambda data: laboratory)
    monkeypatch.setattr(few_labels, "list_trials", lambda: trials[:2])
    few_labels.main([str(tmp_path / "kept.json")])
    first = json.loads((tmp_path / "kept.json").read_text())
    assert [run["seed"] for run in first["runs"]] == [0, 1]
    monkeypatch.setattr(few_labels, "list_trials", lambda: trials)
    monkeypatch.setattr(laboratory, "run", lambda trial: {"accuracy": 0.5})
    few_labels.main([str(tmp_path / "kept.json")])
    runs = json.loads((tmp_path / "kept.json").read_text())["runs"]
    assert runs == [*first["runs"], asdict(trials[2]) | {"accuracy": 0.5}]


def test_what_is_recorded_is_what_the_list_says(root):
    recorded = json.loads((root / "data" / "few_labels.json").read_text(encoding="utf-8"))["runs"]
    names = list(asdict(Trial("", "", 0, 0)))
    known = {tuple(asdict(trial).values()) for trial in list_trials()}
    assert {tuple(run[name] for name in names) for run in recorded} == known
