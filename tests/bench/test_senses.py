"""The study of senses on a tiny exam: every part writes its rows, and what is there stays."""

import json

import numpy as np
import pytest
import torch

from bertlab import sources, weights
from bertlab.bench import senses, senses_training
from bertlab.bench.senses import Judge, describe_training, round_numbers, shuffle_other_words
from bertlab.bench.senses_training import OutOfTime, train_run
from bertlab.word_vectors.bilm import BiLMConfig
from bertlab.word_vectors.senses import Usage
from bertlab.wordpiece import WordPiece

from ..word_vectors.test_sense_scores import make_exam


def test_other_words_are_shuffled_and_the_word_stays():
    usage = Usage("they sat on the bank of a river", 16, 20)
    seen = set()
    for seed in range(20):
        mixed = shuffle_other_words(usage, np.random.default_rng(seed))
        assert mixed.text[mixed.start : mixed.end] == "bank"
        assert sorted(mixed.text.split()) == sorted(usage.text.split())
        assert mixed.text.split()[4] == "bank"
        seen.add(mixed.text)
    assert len(seen) > 15
    assert shuffle_other_words(Usage("bank", 0, 4), np.random.default_rng(0)) == Usage("bank", 0, 4)


def test_a_stopped_training_is_resumed_and_described(tmp_path):
    rows, config = np.tile(np.arange(8), (20, 4)), BiLMConfig(8, 4, 1)
    with pytest.raises(OutOfTime):
        train_run(tmp_path, rows, config, 0, 3, -1.0)
    assert torch.load(tmp_path / "bilm-0.pt", weights_only=True)["step"] == 1
    train_run(tmp_path, rows, config, 0, 3, 1e9)
    described = describe_training(tmp_path)
    assert described["steps"] == 3
    assert described["tokens"] == 3 * senses_training.BATCH * senses_training.LENGTH
    assert 0 < described["loss"][0] < 5


def test_the_bilm_is_judged_and_other_rows_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(senses, "make_sense_exam", make_exam)
    tokenizer = WordPiece.load(weights.find_model_folder("bertlab-mini"))
    train_run(tmp_path, np.tile(np.arange(8), (20, 4)), BiLMConfig(len(tokenizer)), 0, 1, 1e9)
    file = tmp_path / "senses.json"
    file.write_text(json.dumps({"synonyms": {"x": 1}, "bilm": {}, "scores": [{"name": "kept"}]}))
    senses.main([str(file), str(tmp_path), "bilm"])
    found = json.loads(file.read_text())
    names = [row["name"] for row in found["scores"]]
    assert names[0] == "kept"
    assert {"biLM, seed 0, best layer", "biLM, seed 0, learned mix", "biLM, seed 0, layer 2"} <= set(names)
    assert found["bilm"]["steps"] == 1
    assert found["synonyms"] == {"x": 1}
    assert found["pairs"] == {"dev": 20, "test": 20, "checked": 2, "labelled": 60}


def test_a_judge_keeps_rounded_rows(capsys):
    judge = Judge(make_exam())
    judge.add("always", "", judge.exam.judge_cosines(np.ones(40)))
    assert judge.rows[0]["test"] == 0.5
    assert judge.rows[0]["labelled"] is None
    assert round_numbers((0.12345, 1.0)) == [0.1235, 1.0] or round_numbers((0.12345, 1.0)) == [0.1234, 1.0]


def test_the_record_belongs_to_the_exam():
    record = json.loads((sources.data_folder() / "senses.json").read_text(encoding="utf-8"))
    assert record["command"] == senses.COMMAND
    assert record["pairs"]["dev"] + record["pairs"]["test"] >= 400
    names = [row["name"] for row in record["scores"]]
    assert len(names) == len(set(names))
    assert {"GloVe of the neighbours", "MiniLM, best layer", "biLM, seed 0, best layer"} <= set(names)
    assert {"ours", "random", "GloVe 6B"} <= record["synonyms"].keys()
