"""Google's checkpoints: the converted model equals transformers' with the same weights, and what is wrong is named."""

import importlib.util
import json
import re
import sys
import types

import numpy as np
import pytest
import torch
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForPreTraining,
    BertForQuestionAnswering,
    BertForSequenceClassification,
)

from bertlab import weights
from bertlab.__main__ import main
from bertlab.tensorflow_files import convert_checkpoint, find_checkpoint, has_capitals, translate_tensorflow_name

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "##s", "."]
SIZES = {
    "vocab_size": len(WORDS), "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 12, "max_position_embeddings": 16, "type_vocab_size": 2, "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "initializer_range": 0.02,
}  # fmt: skip
IDS = torch.tensor([[2, 5, 6, 7, 3, 5, 9, 3]])
SEGMENTS = torch.tensor([[0, 0, 0, 0, 0, 1, 1, 1]])
HEADS = {"classifier.weight": "output_weights", "classifier.bias": "output_bias",
         "qa_outputs.weight": "cls/squad/output_weights", "qa_outputs.bias": "cls/squad/output_bias",
         "cls.predictions.bias": "cls/predictions/output_bias",
         "cls.seq_relationship.weight": "cls/seq_relationship/output_weights",
         "cls.seq_relationship.bias": "cls/seq_relationship/output_bias"}  # fmt: skip


def to_google(model: torch.nn.Module) -> dict[str, np.ndarray]:
    """The weights of a model of transformers under Google's names, with two of what its training keeps."""
    arrays = {"global_step": np.int64(7), "bert/pooler/dense/kernel/adam_m": np.zeros((8, 8), np.float32)}
    for name, tensor in model.state_dict().items():
        if "decoder" in name or "position_ids" in name:
            continue
        array = tensor.numpy()
        if name in HEADS:
            arrays[HEADS[name]] = array
            continue
        path = re.sub(r"layer\.(\d+)", r"layer_\1", name).replace(".", "/")
        if "LayerNorm" in path:
            path = path.replace("/weight", "/gamma").replace("/bias", "/beta")
        elif path.endswith("_embeddings/weight"):
            path = path.removesuffix("/weight")
        elif path.endswith("/weight"):
            path, array = path.removesuffix("weight") + "kernel", array.T
        arrays[path] = array
    return arrays


def write_folder(folder, words=WORDS):
    folder.mkdir()
    (folder / "bert_config.json").write_text(json.dumps(SIZES))
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def stand_in(monkeypatch):
    """A module `tensorflow` that reads our arrays from a .npz beside the index."""

    class Reader:
        def __init__(self, prefix):
            with np.load(f"{prefix}.npz") as file:
                self.arrays = dict(file)

        def get_variable_to_shape_map(self):
            return {name: list(array.shape) for name, array in self.arrays.items()}

        def get_tensor(self, name):
            return self.arrays[name]

    module = types.ModuleType("tensorflow")
    module.train = types.SimpleNamespace(load_checkpoint=Reader)
    monkeypatch.setitem(sys.modules, "tensorflow", module)

    def write(prefix, arrays):
        np.savez(f"{prefix}.npz", **arrays)
        prefix.parent.joinpath(f"{prefix.name}.index").touch()

    return write


def write_by_tensorflow(prefix, arrays):
    import tensorflow

    names = list(arrays)
    tensorflow.raw_ops.SaveV2(prefix=str(prefix), tensor_names=names, shape_and_slices=[""] * len(names),
                              tensors=[tensorflow.constant(arrays[name]) for name in names])  # fmt: skip


def make(kind, **settings):
    torch.manual_seed(0)
    model = kind(BertConfig(**SIZES, **settings)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.5)
    return model


def check_pretraining(folder, out):
    model = make(BertForPreTraining)
    converted = convert_checkpoint(folder, out)
    assert converted.left_out == ("bert/pooler/dense/kernel/adam_m", "global_step")
    with torch.no_grad():
        expected = model(IDS, token_type_ids=SEGMENTS)
        ours = weights.load(out)(IDS, token_type_ids=SEGMENTS)
        theirs = BertForPreTraining.from_pretrained(out)(IDS, token_type_ids=SEGMENTS)
    assert torch.allclose(ours.mlm_logits, expected.prediction_logits, atol=1e-5)
    assert torch.allclose(ours.nsp_logits, expected.seq_relationship_logits, atol=1e-5)
    torch.testing.assert_close(theirs.prediction_logits, expected.prediction_logits, rtol=0, atol=1e-5)
    assert AutoTokenizer.from_pretrained(out)("The cats.").input_ids == [2, 5, 6, 8, 9, 3]


def test_a_pretrained_model_equals_transformers(tmp_path, stand_in):
    folder = write_folder(tmp_path / "uncased_L-2_H-8")
    stand_in(folder / "bert_model.ckpt", to_google(make(BertForPreTraining)))
    check_pretraining(folder, tmp_path / "out")


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="tensorflow is not installed")
def test_a_file_that_tensorflow_wrote(tmp_path):
    folder = write_folder(tmp_path / "uncased_L-2_H-8")
    write_by_tensorflow(folder / "bert_model.ckpt", to_google(make(BertForPreTraining)))
    check_pretraining(folder, tmp_path / "out")


@pytest.mark.parametrize(
    ("kind", "settings"), [(BertForSequenceClassification, {"num_labels": 3}), (BertForQuestionAnswering, {})]
)
def test_fine_tuned_models_equal_transformers(tmp_path, stand_in, kind, settings):
    folder, model = write_folder(tmp_path / "tuned"), make(kind, **settings)
    stand_in(folder / "model.ckpt-120", to_google(model))
    out = convert_checkpoint(folder / "model.ckpt-120.index", tmp_path / "out").folder
    with torch.no_grad():  # in float64: in float32 some processors add up in another order for memory at another place
        expected = list(model.double()(IDS, token_type_ids=SEGMENTS).values())
        found = list(kind.from_pretrained(out).double()(IDS, token_type_ids=SEGMENTS).values())
    for a, b in zip(expected, found, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_classes_without_names_are_said(tmp_path, stand_in, capsys):
    folder = write_folder(tmp_path / "tuned")
    stand_in(folder / "model.ckpt-120", to_google(make(BertForSequenceClassification, num_labels=3)))
    assert main(["convert", str(folder), "--out", str(tmp_path / "out")]) == 0
    assert "its 3 classes have no names in the checkpoint: they are LABEL_0 to LABEL_2" in capsys.readouterr().out


def test_the_command_says_what_it_left_out_and_guessed(tmp_path, stand_in, capsys):
    folder = write_folder(tmp_path / "cased", [*WORDS[:5], "The", *WORDS[6:]])
    stand_in(folder / "bert_model.ckpt", to_google(make(BertForPreTraining)))
    assert main(["convert", str(folder), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "a Pretraining of" in said
    assert "its tokenizer keeps capitals and accents" in said
    assert "left out: 2 arrays that only training needs" in said
    assert main(["convert", str(folder), "--out", str(tmp_path / "lower"), "--uncased"]) == 0
    assert "drops capitals" in capsys.readouterr().out
    assert json.loads((tmp_path / "lower" / "tokenizer_config.json").read_text())["do_lower_case"] is True


def refuse(folder, out, capsys) -> str:
    assert main(["convert", str(folder), "--out", str(out)]) == 2
    assert not out.exists()
    return capsys.readouterr().err


def test_what_is_wrong_is_named(tmp_path, stand_in, capsys):
    folder, out = write_folder(tmp_path / "model"), tmp_path / "out"
    assert "none of its files ends in .index" in refuse(folder, out, capsys)
    assert "there is no" in refuse(folder / "missing.ckpt", out, capsys)
    arrays = to_google(make(BertForPreTraining))
    stand_in(folder / "bert_model.ckpt", arrays | {"bert/encoder/transformer/group_0/x/kernel": np.ones((2, 2))})
    assert "unknown weights: bert.encoder.transformer.group_0.x.weight" in refuse(folder, out, capsys)
    stand_in(folder / "bert_model.ckpt", {name: a for name, a in arrays.items() if "layer_1/output" not in name})
    assert "missing weights: bert.encoder.layer.1.output" in refuse(folder, out, capsys)
    stand_in(folder / "bert_model.ckpt", arrays)
    (folder / "vocab.txt").write_text("\n".join(WORDS[:-1]) + "\n", encoding="utf-8")
    assert "has 9 words" in refuse(folder, out, capsys)
    (folder / "vocab.txt").unlink()
    assert "vocab.txt: it belongs to the checkpoint" in refuse(folder, out, capsys)
    stand_in(folder / "model.ckpt-5", arrays)
    assert "has 2 checkpoints: give one of them" in refuse(folder, out, capsys)


def test_a_checkpoint_that_tensorflow_cannot_read(tmp_path, stand_in, capsys):
    folder = write_folder(tmp_path / "model")
    (folder / "bert_model.ckpt.index").touch()  # without data
    assert "tensorflow cannot read this checkpoint" in refuse(folder, tmp_path / "out", capsys)


def test_without_tensorflow_it_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    folder = write_folder(tmp_path / "model")
    (folder / "bert_model.ckpt.index").touch()
    assert "tensorflow" in (said := refuse(folder, tmp_path / "out", capsys))
    assert "pip install tensorflow-cpu" in said


def test_names_and_capitals(tmp_path):
    assert translate_tensorflow_name("bert/embeddings/LayerNorm/beta") == "bert.embeddings.LayerNorm.bias"
    assert translate_tensorflow_name("bert/embeddings/word_embeddings") == "bert.embeddings.word_embeddings.weight"
    assert not has_capitals(WORDS)
    assert has_capitals(["Zug"])
    (tmp_path / "a.ckpt.index").touch()
    for given in (tmp_path, tmp_path / "a.ckpt", tmp_path / "a.ckpt.data-00000-of-00001"):
        assert find_checkpoint(given) == str(tmp_path / "a.ckpt")
