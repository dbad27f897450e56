"""bertlab-mini, the model that this project trained and ships: it loads everywhere, and its card is true."""

import json

import numpy as np
import pytest
import torch

from bertlab import sources, weights
from bertlab.heads import Pretraining
from bertlab.pretrain import fill_masks
from bertlab.wordpiece import WordPiece

FOLDER = sources.data_folder() / "bertlab-mini"


@pytest.fixture(scope="module")
def model():
    return weights.load("bertlab-mini", Pretraining)


@pytest.fixture(scope="module")
def tokenizer():
    return WordPiece.load(weights.find_model_folder("bertlab-mini"))


def test_it_is_small_and_fits_its_vocabulary(model, tokenizer):
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 16e6
    assert len(tokenizer) == model.config.vocab_size == 8000
    assert model.config.max_position_embeddings == 64
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


def test_transformers_computes_the_same(model, tokenizer):
    from transformers import AutoTokenizer, BertForPreTraining

    theirs = BertForPreTraining.from_pretrained(FOLDER).double().eval()
    pair = "The president spoke to the [MASK].", "They were silent."
    batch = AutoTokenizer.from_pretrained(FOLDER)(*pair, return_tensors="pt")
    assert batch["input_ids"][0].tolist() == tokenizer.encode(*pair).input_ids
    with torch.no_grad():
        expected = theirs(**batch)
        ours = weights.load(FOLDER, Pretraining).double()(**batch)
    torch.testing.assert_close(ours.mlm_logits, expected.prediction_logits, atol=1e-9, rtol=0)
    torch.testing.assert_close(ours.nsp_logits, expected.seq_relationship_logits, atol=1e-9, rtol=0)


def test_it_fills_masks_from_its_texts(model, tokenizer):
    for text, word in (
        ("And the LORD said unto [MASK], Speak unto the people.", "moses"),
        ("In the beginning God created the heaven and the [MASK].", "earth"),
    ):
        (guesses,) = fill_masks(model, tokenizer, text)
        assert guesses[0][0] == word


def test_the_pipeline_fills_masks():
    from transformers import pipeline

    guesses = pipeline("fill-mask", model=str(FOLDER))("And the LORD said unto [MASK], Speak unto the people.")
    assert guesses[0]["token_str"] == "moses"


def test_the_card_has_the_numbers_of_the_results():
    card, results = (FOLDER / "README.md").read_text("utf-8"), json.loads((FOLDER / "results.json").read_text("utf-8"))
    for scores in results["held_out"].values():
        model, unigram, bigram = scores["model"], scores["unigram"], scores["bigram"]
        row = (
            f"| {scores['documents']} | {unigram['mlm_loss']:.2f} | {bigram['mlm_loss']:.2f} | {model['mlm_loss']:.2f} "
            f"| {100 * model['mlm_accuracy']:.1f}% | {100 * model['nsp_accuracy']:.1f}% "
            f"({100 * unigram['nsp_accuracy']:.1f}%) |"
        )
        assert row in card
        assert model["mlm_loss"] < bigram["mlm_loss"] < unigram["mlm_loss"]
    plan = results["run"]
    command = f"--text {' '.join(plan['text'])} --preset {plan['preset']} --vocab-size {plan['vocab_size']}"
    assert f"python -m bertlab pretrain {command} --times {plan['times']} --steps {plan['steps']}" in card
    steps = [json.loads(line)["step"] for line in (FOLDER / "log.jsonl").read_text("utf-8").splitlines()]
    assert steps[-1] == plan["steps"]
    assert (np.diff(steps) > 0).all()
