"""The study of questions about pairs: a tiny version runs, goes on where it stopped, and judges what it says."""

import json

import numpy as np
import pytest
import torch

from bertlab.__main__ import make_parser
from bertlab.baselines import score_pretraining
from bertlab.bench import pair_questions
from bertlab.bench.pair_questions import (
    QUESTIONS,
    SEEDS,
    Start,
    Study,
    copy_start,
    make_exam,
    make_question,
    number_rows,
    read_pairs,
    train_on_question,
)
from bertlab.heads import Pretraining
from bertlab.model import BertConfig
from bertlab.train import evaluate
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

WORDS = WordPiece([*SPECIAL_TOKENS, *(f"{letter}{number}" for letter in "abcdef" for number in range(6))])
ARTICLES = [[" ".join([f"{letter}{i}"] * (i + 1)) for i in range(6)] for letter in "abcdef"]
TINY = Study(steps=2, batch_size=4, probe_rows=20, judged_rows=12)


@pytest.fixture
def start():
    config = BertConfig(vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
                        intermediate_size=16, max_position_embeddings=32)  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(9)
        model = Pretraining(config)
    return Start(WORDS, model, ARTICLES, ARTICLES[:4])


def test_the_questions_are_what_they_are_called():
    assert all(label == -1 and follows(a, b) for a, b, label in make_question("none", ARTICLES, 99, 0))
    assert all(follows(b, a) if label else follows(a, b) for a, b, label in make_question("SOP", ARTICLES, 99, 0))
    assert not any(a[0] == b[0] for a, b, label in make_question("NSP", ARTICLES, 99, 0) if label)
    assert not any("0" in a + b for a, b, _ in make_question("SOP inside", ARTICLES, 99, 0))
    assert len(make_question("SOP", ARTICLES, 5, 0)) == 5
    assert make_question("NSP", ARTICLES, 9, 1) == make_question("NSP", ARTICLES, 9, 1)
    assert number_rows(WORDS, [("a0 a1 a2", "b0", 1)], most=2) == [(*map(list, WORDS.encode_bulk(["a0 a1", "b0"])), 1)]


def follows(a, b):
    return a[0] == b[0] and int(b[1]) == int(a[1]) + 1


def test_models_start_alike_but_for_the_head_of_pairs(start):
    copies = [copy_start(start, seed).state_dict() for seed in (0, 0, 1)]
    for name, value in start.model.state_dict().items():
        assert value.equal(copies[0][name]) == (name != "nsp.weight")
    assert copies[0]["nsp.weight"].equal(copies[1]["nsp.weight"])
    assert not copies[0]["nsp.weight"].equal(copies[2]["nsp.weight"])


def test_a_question_trains_all_of_the_model_and_not_the_start(start):
    before = {name: value.clone() for name, value in start.model.state_dict().items()}
    first, again = (train_on_question(start, "SOP", 0, TINY).state_dict() for _ in range(2))
    assert all(value.equal(before[name]) for name, value in start.model.state_dict().items())
    assert all(value.equal(again[name]) for name, value in first.items())
    assert not first["bert.layers.0.attention.query.weight"].equal(before["bert.layers.0.attention.query.weight"])
    fresh = copy_start(start, 0).state_dict()["nsp.weight"]
    assert not first["nsp.weight"].equal(fresh)
    assert train_on_question(start, "none", 0, TINY).state_dict()["nsp.bias"].equal(torch.zeros(2))


def test_vectors_of_a_pair_do_not_depend_on_their_batch(start):
    rows = number_rows(WORDS, make_question("SOP", ARTICLES, 20, 0))
    many, one = read_pairs(start.model, WORDS, rows), read_pairs(start.model, WORDS, rows[3:4])
    assert many["means"].shape == (20, 16)
    for name, vectors in many.items():
        assert np.allclose(vectors[3], one[name][0], atol=1e-5)


def test_a_study_goes_on_where_it_stopped(start, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pair_questions, "make_start", lambda: start)
    file = tmp_path / "found.json"
    file.write_text(json.dumps({"any_source": {"of": "another command"}}))
    pair_questions.main([str(file)], TINY)
    found = json.loads(file.read_text())
    assert set(found["runs"]) == {f"{question}-{seed}" for seed in SEEDS for question in (*QUESTIONS, "start")}
    assert set(found["runs"]["none-0"]) == set(found["runs"]["start-1"]) == {"NSP", "SOP", "mlm_loss"}
    assert set(found["runs"]["SOP-2"]) == {"NSP", "SOP", "mlm_loss", "own_head"}
    assert set(found["runs"]["SOP-2"]["own_head"]) == {"SOP", "SOP inside"}
    assert found["any_source"] == {"of": "another command"}
    capsys.readouterr()
    kept = found["runs"].pop("NSP-1")
    file.write_text(json.dumps(found))
    pair_questions.main([str(file)], TINY)
    assert capsys.readouterr().out.startswith("NSP-1 ")
    assert json.loads(file.read_text())["runs"]["NSP-1"] == kept


def test_words_are_judged_by_the_same_rows_whatever_was_learned(start):
    first, second = (evaluate(start.model, make_exam(start, "none", 0, TINY), score_pretraining) for _ in range(2))
    assert first == second
    assert "nsp_accuracy" not in first


def test_the_recorded_study_is_whole(root):
    found = json.loads((root / "data" / "pair_questions.json").read_text(encoding="utf-8"))
    assert set(found["runs"]) == {f"{question}-{seed}" for seed in SEEDS for question in (*QUESTIONS, "start")}
    assert found["study"] == vars(Study())
    assert len(found["any_source"]["nsp_accuracy"]) == len(found["any_source"]["commands"]) == 3
    for command in found["any_source"]["commands"]:
        make_parser().parse_args([*command.split()[3:], "--out", "anywhere"])  # there is such a command
