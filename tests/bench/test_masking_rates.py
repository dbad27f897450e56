"""The study of masking: its batches hide and ask for what they say, a probe finds what is there, a tiny study runs."""

import json

import numpy as np
import pytest
import torch

from bertlab.bench import masking_rates
from bertlab.bench.joined_words import (
    find_occurrences,
    find_pairs,
    make_joined_words,
    part_words,
    score_probe_baselines,
)
from bertlab.bench.masking_rates import PLAIN_WAYS, WAYS, SplitCollate, Study, Way, list_runs, run_study

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


ROWS_OF_TEXT = np.array([[2, 5, 6, 7, 3], [2, 6, 8, 5, 3], [2, 7, 9, 9, 3]])
PAIRS = np.array([[5, 6], [9, 7]])


def test_joined_words_are_found_with_what_they_were():
    found = find_occurrences(ROWS_OF_TEXT, PAIRS)
    assert found.column.tolist() == [1, 2, 3, 1, 3, 1, 2, 3]
    assert found.pair.tolist() == [0, 0, 1, 0, 0, 1, 1, 1]
    assert found.second.tolist() == [False, True, True, True, False, True, False, False]
    assert found.ids[0].tolist() == found.ids[2].tolist() == [2, 5, 5, 9, 3]
    assert ROWS_OF_TEXT[0].tolist() == [2, 5, 6, 7, 3]


def test_pairs_are_tokens():
    assert find_pairs(TOKENIZER, [("w0", "w1"), ("w4", "w2")]).tolist() == [[5, 6], [9, 7]]
    with pytest.raises(ValueError, match="not in the vocabulary: cat"):
        find_pairs(TOKENIZER, [("w0", "cat")])


def test_probe_finds_what_is_in_the_vectors():
    rng = np.random.default_rng(0)
    rows = rng.choice([5, 6, 9, 7, 11], (400, 5))
    data = make_joined_words(PAIRS, rows, rows[:100], 40, 20)
    assert len(data.fit.pair) == 2 * 2 * 40
    assert len(data.choose.pair) == 2 * 2 * 20
    parts = (data.fit, data.choose, data.test)
    assert part_words(data, *(np.stack([found.second, found.pair], 1) for found in parts)) == 1.0
    assert part_words(data, *(rng.random((len(found.pair), 2)) for found in parts)) < 0.6
    found = score_probe_baselines(data)
    assert found["occurrences to test"] == len(data.test.pair)
    assert 0.5 <= found["the commoner word"] < 0.6
    rows[:, 2] = np.where(rows[:, 1] == 6, 12, 13)  # now the token after the first one tells what it was
    told = make_joined_words(PAIRS[:1], rows[:, :3], rows[:, :3], 40, 20)
    assert score_probe_baselines(told)["regression on four neighbours"] > 0.7


@pytest.fixture
def tiny(tmp_path) -> Study:
    return Study(text=write_random_text(tmp_path, 60), vocab_size=60, length=8, hidden_size=16, steps=2, plain_steps=3,
                 batch_size=4, exam_rows=20, pairs=(("cat", "dog"), ("sat", "ran")), fit=10, choose=5,
                 seeds=(0,))  # fmt: skip


def test_a_tiny_study(tiny, tmp_path, monkeypatch):
    file = tmp_path / "masking.json"
    run_study(file, tiny, only="only [MASK]")
    assert [run["way"] for run in json.loads(file.read_text())["runs"]] == ["20%, only [MASK]", "40%, only [MASK]"]
    found = run_study(file, tiny)
    assert {(run["way"], run["seed"]) for run in found["runs"]} == set(list_runs(tiny))
    assert len(found["runs"]) == len(WAYS) + len(PLAIN_WAYS)
    for rows in ("exam", "curve"):
        assert set(found["baselines"][rows]) == {"frequencies", "word before", "both neighbours"}
    run = next(run for run in found["runs"] if run["way"] == "40% hidden, 20% predicted")
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
