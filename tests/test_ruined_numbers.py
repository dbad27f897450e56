"""Numbers that would ruin a result without a word: weights that are not numbers, masks that are added, sizes that no
machine has, results that cannot be written down."""

import json

import numpy as np
import pytest
import torch

from bertlab import memory, tasks, train, views, weights
from bertlab.batches import Batches
from bertlab.heads import Classifier, Pretraining
from bertlab.masking import PretrainingCollate
from bertlab.memory import check_training_memory, count_parameters, get_machine_memory
from bertlab.model import Bert, BertConfig
from bertlab.pretrain import fill_masks
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece
from bertlab.writing import Writer

TOKENIZER = WordPiece([*SPECIAL_TOKENS, "the", "cat", "sat"])
CONFIG = BertConfig(vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                    max_position_embeddings=24)  # fmt: skip
IDS = torch.tensor([[2, 5, 6, 3], [2, 7, 3, 0]])


def ruin(model):
    with torch.no_grad():
        model.bert.layers[0].feed_forward.expand.bias[0] = float("nan")
    return model.eval()


# ---- Weights ---------------------------------------------------------------------------------------------------------


def test_a_model_whose_weights_are_not_numbers_is_refused():
    with pytest.raises(ValueError, match="its weights are not numbers"):
        fill_masks(ruin(Pretraining(CONFIG)), TOKENIZER, "the [MASK] sat")
    task = tasks.Classification(TOKENIZER, ["a", "b"], 16)
    with pytest.raises(ValueError, match="its weights are not numbers"):
        task.predict_inputs(ruin(Classifier(CONFIG, 2)), ["the cat"])
    with pytest.raises(ValueError, match="its weights are not numbers"):
        tasks.Writing(TOKENIZER, 16).predict_inputs(ruin(Writer(CONFIG)), ["the cat"])
    model = ruin(Pretraining(BertConfig(vocab_size=8, hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
                                        intermediate_size=16, max_position_embeddings=24)))  # fmt: skip
    with pytest.raises(ValueError, match="weights that are not numbers"):
        views.show_attention(model, TOKENIZER, "the cat")


def test_weights_are_saved_and_loaded_as_numbers_with_a_fraction_alone(tmp_path):
    for dtype in (torch.int8, torch.bool, torch.complex64, "float16"):
        with pytest.raises(ValueError, match="dtype is .*; weights are torch.float16"):
            weights.save(Bert(CONFIG), tmp_path / "model", dtype=dtype)
    assert not (tmp_path / "model").exists()
    weights.save(Bert(CONFIG), tmp_path / "model", dtype=torch.bfloat16)
    with pytest.raises(ValueError, match="dtype is torch.int8"):
        weights.load(tmp_path / "model", dtype=torch.int8)


def test_a_vocabulary_that_is_too_large_is_refused_by_the_python_functions_too():
    larger = WordPiece([*TOKENIZER.vocab, "mat"])
    with pytest.raises(ValueError, match="the vocabulary has 9 words, the model 8"):
        fill_masks(Pretraining(CONFIG).eval(), larger, "the [MASK] sat")
    task = tasks.Classification(larger, ["a", "b"], 16)
    with pytest.raises(ValueError, match="the vocabulary has 9 words, the model 8"):
        tasks.predict_inputs(Classifier(CONFIG, 2).eval(), task, ["the cat"])


# ---- Masks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.int64])
def test_a_mask_that_is_added_is_refused(dtype):
    model = Bert(CONFIG).eval()
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    right = model(IDS, attention_mask=mask)
    torch.testing.assert_close(model(IDS, attention_mask=mask.to(dtype)), right)
    torch.testing.assert_close(model(IDS, attention_mask=mask.bool()), right)
    added = ((1 - mask) * -10_000).to(dtype)
    with pytest.raises(ValueError, match="attention_mask holds other numbers than 1"):
        model(IDS, attention_mask=added)
    with pytest.raises(ValueError, match="attention_mask holds other numbers than 1"):
        model(IDS, attention_mask=added[:, None].expand(2, 4, 4))


# ---- Sizes -----------------------------------------------------------------------------------------------------------


def test_sizes_that_no_machine_has_are_refused_before_memory_is_asked_for(tmp_path):
    for name in ("vocab_size", "max_position_embeddings", "intermediate_size"):
        with pytest.raises(ValueError, match=r"needs at least [\d,]+ GB of memory; this machine has \d+"):
            Bert(BertConfig(**{name: 10**10}))
    weights.save(Bert(CONFIG), tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    for name in ("vocab_size", "num_hidden_layers", "intermediate_size", "max_position_embeddings", "type_vocab_size"):
        (tmp_path / "config.json").write_text(json.dumps(settings | {name: 10**9}))
        with pytest.raises(ValueError, match="by config.json it must be|missing weights"):
            weights.load(tmp_path)
    with torch.device("meta"):
        assert Bert(BertConfig(vocab_size=10**9)).embeddings.words.weight.shape[0] == 10**9


def test_parameters_are_counted_as_they_are():
    assert count_parameters(CONFIG, heads=False) == sum(one.numel() for one in Bert(CONFIG).parameters())


def test_a_system_that_does_not_tell_its_memory_checks_nothing(monkeypatch):
    assert get_machine_memory() > 2**28
    huge = BertConfig(vocab_size=10**12)
    with pytest.raises(ValueError, match="take a batch_size below 32, a length below 64, or a smaller model"):
        check_training_memory(huge, 32, 64)
    monkeypatch.setattr(memory.os, "sysconf", lambda name: (_ for _ in ()).throw(ValueError(name)))
    assert get_machine_memory() is None
    check_training_memory(huge, 32, 64)


# ---- Results of an evaluation ----------------------------------------------------------------------------------------


def run_training(evaluate, folder=None):
    rows = [(np.array([5, 6]), np.array([7, 5]), 0)] * 4
    batches = Batches(rows, PretrainingCollate(TOKENIZER), 2)
    settings = train.TrainConfig(steps=2, log_every=1, evaluate_every=1, keep_best="score", checkpoint_seconds=0)
    return train.train(Pretraining(CONFIG), batches, settings, evaluate=evaluate, folder=folder, watch=train.quiet)


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5), torch.tensor(0.5), np.array([0.5]), 0.5])
def test_numbers_of_numpy_and_torch_are_written_down_as_numbers(value, tmp_path):
    log = run_training(lambda model: {"score": value}, tmp_path)
    assert [row["score"] for row in log] == [0.5, 0.5, 0.5]
    assert {type(row["score"]) for row in log} == {float}
    assert json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])["score"] == 0.5


@pytest.mark.parametrize(
    ("result", "message"),
    [(None, "evaluate gives None; it must give a dict"), (0.5, "evaluate gives 0.5"), ([0.5], "evaluate gives a list"),
     ({"score": "high"}, "evaluate gives 'high' .a str. for 'score'"), ({"score": None}, "evaluate gives None for"),
     ({"score": np.zeros(3)}, r"evaluate gives a ndarray of shape \(3,\) for 'score'"), ({3: 0.5}, "for 3; each"),
     ({"score": 1.0, "loss": 1.0}, "evaluate gives 'loss', which the log has already")],
)  # fmt: skip
def test_another_result_is_refused_before_the_first_step(result, message, tmp_path):
    with pytest.raises((TypeError, ValueError), match=message):
        run_training(lambda model: result, tmp_path)
    assert not list(tmp_path.glob("checkpoints/*"))
