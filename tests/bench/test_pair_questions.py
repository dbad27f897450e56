"""The study of questions about pairs: a tiny version runs, goes on where it stopped, and judges what it says."""

import json

import numpy as np
import pytest
import torch

from bertlab.baselines import score_pretraining
from bertlab.bench import pair_questions
from bertlab.bench.pair_questions import (
    QUESTIONS,
    SEEDS,
    Start,
    Study,
    make_exam,
    make_question,
    mean_cosine,
    number_rows,
    read_pairs,
    train_on_question,
    warm_up_head,
)
from bertlab.heads import Pretraining
from bertlab.masking import PretrainingCollate
from bertlab.model import BertConfig
from bertlab.train import evaluate
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

WORDS = WordPiece([*SPECIAL_TOKENS, *(f"{letter}{number}" for letter in "abcdef" for number in range(6))])
ARTICLES = [[" ".join([f"{letter}{i}"] * (i + 1)) for i in range(6)] for letter in "abcdef"]
TINY = Study(steps=2, head_steps=2, batch_size=4, probe_rows=20, judged_rows=12, compared_rows=8)


@pytest.fixture
def start():
    config = BertConfig(vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
                        intermediate_size=16, max_position_embeddings=32)  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Pretraining(config)
    model.bert.embeddings.requires_grad_(False)
    return Start(WORDS, model, ARTICLES, ARTICLES[:4])


def test_the_questions_are_what_they_are_called():
    assert all(
        label == -1 and b[:1] == a[:1] and b[:2] > a[:2] for a, b, label in make_question("none", ARTICLES, 99, 0)
    )
    assert {a[0] == b[0] for a, b, label in make_question("NSP", ARTICLES, 99, 0) if label} == {False}
    for question in ("SOP", "within"):
        assert all(a[0] == b[0] for a, b, _ in make_question(question, ARTICLES, 99, 0))
    assert len(make_question("SOP", ARTICLES, 5, 0)) == 5
    assert make_question("NSP", ARTICLES, 9, 1) == make_question("NSP", ARTICLES, 9, 1)
    assert number_rows(WORDS, [("a0 a1 a2", "b0", 1)], most=2) == [(*map(list, WORDS.encode_bulk(["a0 a1", "b0"])), 1)]


def test_only_the_mlm_head_is_warmed_up(start):
    rows = number_rows(WORDS, make_question("none", ARTICLES, 8, 0))
    before = {name: weight.clone() for name, weight in start.model.state_dict().items()}
    trainable = [weight.requires_grad for weight in start.model.parameters()]
    warm_up_head(start.model, rows, PretrainingCollate(WORDS), TINY)
    changed = {
        name.split(".")[0] for name, weight in start.model.state_dict().items() if not weight.equal(before[name])
    }
    assert changed == {"mlm"}
    assert [weight.requires_grad for weight in start.model.parameters()] == trainable


def test_models_start_alike_and_keep_fixed_weights(start):
    first = start.model.state_dict()["bert.embeddings.words.weight"].clone()
    trained = {question: train_on_question(start, question, 0, TINY) for question in QUESTIONS}
    for model in trained.values():
        assert model.bert.embeddings.words.weight.equal(first)
        assert not model.bert.layers[0].attention.query.weight.equal(start.model.bert.layers[0].attention.query.weight)
    assert not trained["NSP"].nsp.weight.equal(trained["SOP"].nsp.weight)
    assert train_on_question(start, "SOP", 0, TINY).nsp.weight.equal(trained["SOP"].nsp.weight)


def test_vectors_of_a_pair_do_not_depend_on_their_batch(start):
    rows = number_rows(WORDS, make_question("SOP", ARTICLES, 20, 0))
    cls, means, _ = read_pairs(start.model, WORDS, rows)
    one_cls, one_means, _ = read_pairs(start.model, WORDS, rows[3:4])
    assert np.allclose(cls[3], one_cls[0], atol=1e-5)
    assert np.allclose(means[3], one_means[0], atol=1e-5)
    assert means.shape == (20, 16)


def test_the_mean_cosine_is_that_of_each_two_tokens():
    hidden = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]]])
    half = 0.5**0.5
    assert mean_cosine(hidden, torch.ones(1, 3)).item() == pytest.approx((0 + half + half) / 3)
    assert mean_cosine(hidden, torch.tensor([[1.0, 1.0, 0.0]])).item() == pytest.approx(0)


def test_a_study_goes_on_where_it_stopped(start, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pair_questions, "make_start", lambda study: start)
    monkeypatch.setattr(pair_questions, "score_meaning", lambda question, documents, study, seed: 0.5)
    file = tmp_path / "found.json"
    pair_questions.main([str(file)], TINY)
    found = json.loads(file.read_text())
    assert set(found["runs"]) == {f"{question}-{seed}" for seed in SEEDS for question in QUESTIONS}
    assert found["meaning"]["within"] == [0.5] * 3
    assert set(found["runs"]["none-0"]) == {"NSP", "SOP", "mlm_loss"}
    assert set(found["runs"]["SOP-2"]) == {"NSP", "SOP", "mlm_loss", "own_head"}
    capsys.readouterr()
    kept = found["runs"].pop("NSP-1")
    file.write_text(json.dumps(found | {"any_source": {"of": "another command"}}))
    pair_questions.main([str(file)], TINY)
    again = json.loads(file.read_text())
    assert capsys.readouterr().out.startswith("NSP-1 ")
    assert again["runs"]["NSP-1"] == kept
    assert again["any_source"] == {"of": "another command"}


def test_words_are_judged_by_the_same_rows_whatever_was_learned(start):
    first, second = (evaluate(start.model, make_exam(start, "none", TINY), score_pretraining) for _ in range(2))
    assert first == second
    assert "nsp_accuracy" not in first
