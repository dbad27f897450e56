"""The study of masking: its batches hide and ask for what they say, a probe finds what is there, a tiny study runs."""

import json

import numpy as np
import pytest
import torch

from bertlab.bench import masking_rates, word_probe
from bertlab.bench.masking_rates import PLAIN_WAYS, WAYS, SplitCollate, Study, Way, list_runs, run_study
from bertlab.bench.word_probe import encode_lines, make_probe_data, probe_vectors
from bertlab.tasks.base import Split
from bertlab.tasks.tagging import TaggedSentence

from .examples import TOKENIZER, write_random_text

ROWS = [(np.random.default_rng(number).integers(5, 50, 30), [], -1) for number in range(64)]


def make_batch(corrupted: float, predicted: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The words, what the model reads, and the labels, of a batch in which every hidden word is [MASK]."""
    batch = SplitCollate(TOKENIZER, Way(corrupted, predicted, 1.0, 0.0))(ROWS, np.random.default_rng(0))
    words = torch.tensor([[2, *a.tolist(), 3] for a, _, _ in ROWS])
    assert batch["input_ids"].shape == batch["labels"].shape == batch["token_type_ids"].shape
    return words.repeat(len(batch["labels"]) // len(ROWS), 1), batch["input_ids"], batch["labels"]


def test_more_can_be_hidden_than_predicted():
    words, hidden, labels = make_batch(0.4, 0.2)
    assert ((hidden == 4).sum(1) == 12).all()
    assert ((labels != -100).sum(1) == 6).all()
    assert (hidden[labels != -100] == 4).all()
    assert (labels[labels != -100] == words[labels != -100]).all()


def test_more_can_be_predicted_than_hidden():
    words, hidden, labels = make_batch(0.2, 0.4)
    assert hidden.shape == (128, 32)
    assert ((hidden == 4).sum(1) == 6).all()
    assert ((hidden == 4) == (labels != -100)).all()
    assert torch.where(labels == -100, hidden, labels).equal(words)
    first, second = (labels != -100).view(2, 64, 32)
    assert not (first & second).any()


def test_equal_rates_are_those_of_the_collate():
    _, hidden, labels = make_batch(0.2, 0.2)
    assert hidden.shape == (64, 32)
    assert ((hidden == 4) == (labels != -100)).all()


SENTENCES = [TaggedSentence(["w1", "w2", "W3"], ["A", "B", "A"]), TaggedSentence(["w2", "w2"], ["A", "B"])]


def test_lines_are_cut_and_words_placed():
    lines = encode_lines(SENTENCES, TOKENIZER, 4, ["A", "B"])
    assert lines.ids.tolist() == [[2, 6, 7, 3], [2, 7, 7, 3]]
    assert lines.places.tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]
    assert lines.tags.tolist() == [0, 1, 0, 1]
    assert lines.words[0] == ("", "w1", "w2")
    assert lines.mask.all()


def test_probe_finds_what_is_in_the_vectors(monkeypatch):
    monkeypatch.setattr(word_probe, "load_parts_of_speech", lambda: Split(SENTENCES * 20, SENTENCES, SENTENCES))
    data = make_probe_data(TOKENIZER, 16, (40, 2, 2))
    assert data.ambiguous.tolist() == [False, True, False, True, True]
    told = [torch.eye(2)[lines.tags] for lines in (data.fit, data.choose, data.test)]
    assert probe_vectors(told, data) == {"all": 1.0, "ambiguous": 1.0}
    nothing = [torch.ones(len(lines.tags), 2) for lines in (data.fit, data.choose, data.test)]
    assert probe_vectors(nothing, data) == {"all": 0.6, "ambiguous": 0.3333}
    found = word_probe.score_probe_baselines(data)
    assert found["words to test"] == {"all": 5, "ambiguous": 3}
    assert found["commonest tag"]["all"] == 0.6
    assert found["commonest tag of each word"]["all"] == 0.8
    assert found["regression on the word and its neighbours"]["all"] == 1.0


@pytest.fixture
def tiny(tmp_path, monkeypatch) -> Study:
    monkeypatch.setattr(word_probe, "load_parts_of_speech", lambda: Split(SENTENCES * 4, SENTENCES, SENTENCES))
    return Study(text=write_random_text(tmp_path, 60), vocab_size=60, length=8, hidden_size=16, steps=2, plain_steps=3,
                 batch_size=4, exam_rows=20, probe_lines=(8, 2, 2), seeds=(0,))  # fmt: skip


def test_a_tiny_study(tiny, tmp_path, monkeypatch):
    file = tmp_path / "masking.json"
    run_study(file, tiny, only="only [MASK]")
    assert [run["way"] for run in json.loads(file.read_text())["runs"]] == ["20%, only [MASK]", "40%, only [MASK]"]
    found = run_study(file, tiny)
    assert {(run["way"], run["seed"]) for run in found["runs"]} == set(list_runs(tiny))
    assert len(found["runs"]) == len(WAYS) + len(PLAIN_WAYS)
    run = found["runs"][0]
    assert run["curve"][0][0] == 0
    assert run["curve"][-1][0] == 2
    assert set(run["exams"]) == {"at [MASK]", "as it was", "random word"}
    assert set(run["probe"]) == {"embeddings", "layer 1", "layer 2"}
    assert json.loads(file.read_text()) == json.loads(json.dumps(found))
    monkeypatch.setattr(masking_rates, "run_way", None)  # nothing is trained again
    assert run_study(file, tiny) == json.loads(json.dumps(found))
    with pytest.raises(ValueError, match="other settings"):
        run_study(file, Study())


def test_the_record_is_complete(root):
    found = json.loads((root / "data" / "masking.json").read_text(encoding="utf-8"))
    study = Study()
    assert {(run["way"], run["seed"]) for run in found["runs"]} == set(list_runs(study))
    assert found["settings"]["steps"] == study.steps
    assert found["command"] == "python -m bertlab.bench.masking_rates data/masking.json"
