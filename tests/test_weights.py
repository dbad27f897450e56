"""Weights to and from Hugging Face: nothing is lost or invented, and every problem is an error that names it."""

import json
import logging
import os
import pickle
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from bertlab import weight_names, weights
from bertlab.embedding import BiEncoder
from bertlab.heads import PROBLEM_TYPES, Classifier, Pretraining, SpanFinder, Tagger
from bertlab.model import Bert, BertConfig, attention_maps
from bertlab.weight_names import HF_TO_OUR, OUR_TO_HF, translate_name
from bertlab.weights import ARCHITECTURES, find_model_folder, load, save
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece
from bertlab.writing import Writer
from tests.parity import CONFIGS, make_batch, make_loud, record_outputs

SMALL = CONFIGS[4]  # 3 layers, [PAD] is 3
WORDS = ["cat", "dog", "sat", "the", "##s", ".", "mat", "on"]


def make_model(kind=Pretraining, config: BertConfig = SMALL, seed: int = 0):
    model = kind(config, 3) if kind in (Classifier, Tagger) else kind(config)
    make_loud(model, seed)
    return model.eval()


def have_equal_weights(one, other) -> bool:
    one, other = one.state_dict(), other.state_dict()
    return one.keys() == other.keys() and all(
        one[key].dtype == other[key].dtype and torch.equal(one[key], other[key]) for key in one
    )


def make_their_model(architecture: str, **settings):
    """A loud model of transformers'."""
    import transformers

    config = transformers.BertConfig(**{name: getattr(SMALL, name) for name in SMALL.__dataclass_fields__}, **settings)
    model = getattr(transformers, architecture)(config)
    make_loud(model)
    return model.eval()


def open_in_transformers(architecture: str, folder: Path, **how):
    """The model that transformers loads, the weights that it could not use, and its messages."""
    import transformers

    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logging.getLogger("transformers").addHandler(handler)
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_warning()  # another test may have changed it
    try:
        model, info = getattr(transformers, architecture).from_pretrained(folder, output_loading_info=True, **how)
    finally:
        transformers.logging.set_verbosity(before)
        logging.getLogger("transformers").removeHandler(handler)
    return model, {key: sorted(value) for key, value in info.items() if value}, messages


@pytest.fixture
def folder(tmp_path) -> Path:
    """A saved Pretraining."""
    return save(make_model(), tmp_path / "model")


def change_weights(folder: Path, change) -> Path:
    """Apply `change` to the table of weights in a folder."""
    table = load_file(folder / "model.safetensors")
    change(table)
    save_file({name: tensor.contiguous() for name, tensor in table.items()}, folder / "model.safetensors")
    return folder


def set_config(folder: Path, **settings) -> Path:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    return folder


# ---- The table -------------------------------------------------------------------------------------------------------


def test_a_name_of_ours_and_of_hugging_face():
    ours, hugging_faces = "bert.layers.12.attention.key.bias", "bert.encoder.layer.12.attention.self.key.bias"
    assert translate_name(ours, OUR_TO_HF) == hugging_faces
    assert translate_name(hugging_faces, HF_TO_OUR) == ours
    assert translate_name("mlm.bias", OUR_TO_HF) == "cls.predictions.bias"
    assert translate_name("bert.layers.x.attention.key.bias", OUR_TO_HF) is None
    assert translate_name("bert.layers.1.2.attention.key.bias", OUR_TO_HF) is None
    assert len(HF_TO_OUR) == len(OUR_TO_HF)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_every_row_is_needed_and_every_weight_has_one(kind):
    prefix = "bert." if kind is Bert else ""
    names = [prefix + name for name in make_model(kind).state_dict()]
    assert [translate_name(translate_name(name, OUR_TO_HF), HF_TO_OUR) for name in names] == names
    used = {part for part in OUR_TO_HF if any(translate_name(name, {part: part}) for name in names)}
    mlm, pooler = {"mlm", "mlm.dense", "mlm.norm"}, {"pooler.dense"}
    assert (
        set(OUR_TO_HF) - used
        == {
            Bert: {"nsp", "output", "spans"} | mlm | pooler,
            Pretraining: {"output", "spans"},
            Classifier: {"nsp", "spans"} | mlm,
            Tagger: {"nsp", "spans"} | mlm | pooler,
            SpanFinder: {"nsp", "output"} | mlm | pooler,
            BiEncoder: {"nsp", "output", "spans"} | mlm | pooler,
            Writer: {"nsp", "output", "spans"} | pooler,
        }[kind]
    )


# ---- There and back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ARCHITECTURES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_saved_and_loaded_is_the_same(kind, dtype, tmp_path):
    model = make_model(kind).to(dtype)
    folder = save(model, tmp_path / "a" / "b")  # a folder in a folder that is not there yet
    again = load(folder, kind if kind in (Writer, BiEncoder) else None)
    assert type(again) is kind
    assert again.config == model.config
    assert have_equal_weights(again, model)
    assert not again.training
    assert all(weight.requires_grad for weight in again.parameters())


@pytest.mark.parametrize(
    ("kind", "architecture", "how"),
    [
        (Bert, "BertModel", {"add_pooling_layer": False}),
        (Pretraining, "BertForPreTraining", {}),
        (Classifier, "BertForSequenceClassification", {}),
        (Tagger, "BertForTokenClassification", {}),
        (SpanFinder, "BertForQuestionAnswering", {}),
        (Writer, "BertForMaskedLM", {}),
    ],
    ids=["Bert", "Pretraining", "Classifier", "Tagger", "SpanFinder", "Writer"],
)
def test_transformers_opens_what_we_saved(kind, architecture, how, tmp_path):
    """With nothing missing, nothing left over, no warning, and the same weights and scores."""
    ours = make_model(kind)
    model, misplaced, messages = open_in_transformers(architecture, save(ours, tmp_path / "model"), **how)
    assert misplaced == {}
    assert messages == []
    assert model.config.architectures == [architecture]
    state = model.state_dict()
    for name, tensor in weight_names.to_hf_names(ours.state_dict()).items():
        assert torch.equal(state[name], tensor), name
    batch = {key: value for key, value in make_batch(SMALL, True).items() if "label" not in key}
    if kind is Writer:  # a source alone: all tokens attend to all, as in theirs
        batch["token_type_ids"] = torch.zeros_like(batch["token_type_ids"])
    their, our = model(**batch)[0], ours(**batch)
    our = {Bert: lambda: our, Pretraining: lambda: our.mlm_logits, SpanFinder: lambda: our.start_logits}.get(
        kind, lambda: our.logits
    )()
    torch.testing.assert_close(our, their, rtol=0, atol=1e-5)


def test_transformers_reports_what_is_missing(tmp_path):
    """So the silence above means something. A plain Bert has no pooler."""
    _, misplaced, messages = open_in_transformers("BertModel", save(make_model(Bert), tmp_path / "model"))
    assert misplaced == {"missing_keys": ["pooler.dense.bias", "pooler.dense.weight"]}
    assert "MISSING" in messages[0]


@pytest.mark.parametrize(
    ("architecture", "kind", "how", "new"),
    [
        ("BertModel", Bert, {}, set()),
        ("BertForPreTraining", Pretraining, {}, set()),
        ("BertForSequenceClassification", Classifier, {}, set()),
        ("BertForMaskedLM", Pretraining, {"new_heads": True}, {"pooler", "nsp"}),
        ("BertForNextSentencePrediction", Pretraining, {"new_heads": True}, {"mlm"}),
        ("BertModel", Pretraining, {"kind": Pretraining, "new_heads": True}, {"mlm", "nsp"}),
        ("BertForPreTraining", Bert, {"kind": Bert}, set()),
        ("BertForPreTraining", Classifier, {"kind": Classifier, "num_labels": 3, "new_heads": True}, {"output"}),
        ("BertForQuestionAnswering", Bert, {"kind": Bert}, set()),
        ("BertForTokenClassification", Bert, {"kind": Bert}, set()),
        ("BertForQuestionAnswering", SpanFinder, {}, set()),
        ("BertForTokenClassification", Tagger, {}, set()),
        ("BertForMaskedLM", Writer, {"kind": Writer}, set()),
        ("BertForPreTraining", Writer, {"kind": Writer}, set()),
        ("BertForPreTraining", SpanFinder, {"kind": SpanFinder, "new_heads": True}, {"spans"}),
        ("BertForQuestionAnswering", Tagger, {"kind": Tagger, "num_labels": 4, "new_heads": True}, {"output"}),
        ("BertForSequenceClassification", Tagger, {"kind": Tagger, "num_labels": 3, "new_heads": True}, {"output"}),
        (
            "BertForTokenClassification",
            Classifier,
            {"kind": Classifier, "num_labels": 3, "new_heads": True},
            {"output", "pooler"},
        ),
    ],
)
def test_we_load_what_transformers_saved(architecture, kind, how, new, tmp_path):
    """All weights that both have are equal; heads that the file lacks are initialised where `new_heads` allows it."""
    model = make_their_model(architecture, num_labels=2 if "Question" in architecture else 3)
    model.save_pretrained(tmp_path)
    ours = load(tmp_path, **how)
    assert type(ours) is kind
    assert ours.config == SMALL
    state = model.state_dict()
    bare = architecture == "BertModel"
    for name, tensor in ours.state_dict().items():
        name = f"bert.{name}" if kind is Bert else name
        if name.partition(".")[0] not in new:
            their_name = translate_name(name, OUR_TO_HF)
            assert torch.equal(tensor, state[their_name.removeprefix("bert.") if bare else their_name]), name


@pytest.mark.parametrize("architecture", ["BertForPreTraining", "BertForSequenceClassification",
                                          "BertForTokenClassification", "BertForQuestionAnswering"])  # fmt: skip
def test_from_transformers_and_back(architecture, tmp_path):
    model = make_their_model(architecture, num_labels=2 if "Question" in architecture else 3)
    model.save_pretrained(tmp_path / "theirs")
    again, misplaced, messages = open_in_transformers(architecture, save(load(tmp_path / "theirs"), tmp_path / "ours"))
    assert (misplaced, messages) == ({}, [])
    assert have_equal_weights(again, model)
    names = [set(load_file(tmp_path / whose / "model.safetensors")) for whose in ("ours", "theirs")]
    assert names[0] == names[1]


def test_new_heads_depend_on_torchs_seed_and_start_like_the_encoder(folder):
    def start(seed):
        torch.manual_seed(seed)
        return load(folder, Classifier, num_labels=2, new_heads=True)

    assert have_equal_weights(start(1), start(1))
    assert not torch.equal(start(1).output.weight, start(2).output.weight)
    assert (start(1).output.bias == 0).all()
    assert 0.01 < start(1).output.weight.std() < 0.03
    assert torch.equal(start(1).pooler.dense.weight, load(folder).pooler.dense.weight)


def test_loading_draws_no_random_numbers(folder):
    before = torch.get_rng_state()
    load(folder)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_loaded_model_does_not_depend_on_its_file(folder):
    """Its weights are a copy: the file may be written over in folder, and training does not write to it."""
    model = load(folder)
    bytes_ = (folder / "model.safetensors").read_bytes()
    with torch.no_grad():
        model.nsp.bias.add_(1)
    assert (folder / "model.safetensors").read_bytes() == bytes_
    (folder / "model.safetensors").write_bytes(b"\0" * len(bytes_))
    assert model.nsp.weight.abs().sum() > 0


def test_labels_of_a_classifier(tmp_path):
    """They go into config.json, come back, are read by transformers, and survive the next save."""
    labels = ("bad", "so so", "good")
    model = load(save(make_model(Classifier), tmp_path / "a", labels=labels))
    assert model.labels == labels
    assert load(save(model, tmp_path / "b")).labels == labels
    import transformers

    config = transformers.BertForSequenceClassification.from_pretrained(tmp_path / "b").config
    assert (config.num_labels, config.id2label[2], config.label2id["bad"]) == (3, "good", 0)
    assert load(save(make_model(Classifier), tmp_path / "c")).labels == ("LABEL_0", "LABEL_1", "LABEL_2")


def test_dropout_of_a_classifier(tmp_path):
    make_their_model("BertForSequenceClassification", num_labels=2, classifier_dropout=0.3).save_pretrained(
        tmp_path / "a"
    )
    model = load(tmp_path / "a")
    assert model.dropout.p == 0.3
    assert load(save(model, tmp_path / "b")).dropout.p == 0.3


def test_another_number_of_classes(tmp_path):
    save(make_model(Classifier), tmp_path / "model", labels=["a", "b", "c"])
    with pytest.raises(ValueError, match="the classifier in the file has num_labels 3, and you ask for 2: new_heads="):
        load(tmp_path / "model", num_labels=2)
    model = load(tmp_path / "model", num_labels=2, new_heads=True)
    assert model.output.weight.shape == (2, SMALL.hidden_size)
    assert torch.equal(model.pooler.dense.weight, make_model(Classifier).pooler.dense.weight)
    assert model.labels == ("LABEL_0", "LABEL_1")


@pytest.mark.parametrize(("problem_type", "num_labels"), [*((name, 3) for name in PROBLEM_TYPES), ("regression", 1)])
def test_problem_type_is_saved_and_loaded(problem_type, num_labels, tmp_path):
    """By us and by transformers, both ways, with the same weights."""
    model = Classifier(SMALL, num_labels, problem_type)
    make_loud(model)
    again = load(save(model, tmp_path / "ours"))
    assert again.problem_type == problem_type
    assert have_equal_weights(again, model)
    their, misplaced, messages = open_in_transformers("BertForSequenceClassification", tmp_path / "ours")
    assert (misplaced, messages) == ({}, [])
    assert (their.config.problem_type, their.config.num_labels) == (problem_type, num_labels)
    their.save_pretrained(tmp_path / "theirs")
    again = load(tmp_path / "theirs")
    assert again.problem_type == problem_type
    assert have_equal_weights(again, model)


def test_problem_type_that_the_file_does_not_tell(tmp_path):
    """Older files: one output is a regression, as in transformers, several are classes unless you say otherwise."""
    for num_labels, problem_type in ((1, "regression"), (3, "single_label_classification")):
        folder = save(Classifier(SMALL, num_labels, problem_type), tmp_path / problem_type)
        settings = json.loads((folder / "config.json").read_text())
        del settings["problem_type"]
        (folder / "config.json").write_text(json.dumps(settings))
        assert load(folder).problem_type == problem_type
    assert load(folder, problem_type="multi_label_classification").problem_type == "multi_label_classification"


def test_another_problem_type_needs_a_new_head(tmp_path):
    model = Classifier(SMALL, 3, "regression")
    folder = save(model, tmp_path / "model")
    with pytest.raises(ValueError, match="in the file has problem_type 'regression', and you ask for 'multi_label"):
        load(folder, problem_type="multi_label_classification")
    again = load(folder, problem_type="multi_label_classification", new_heads=True)
    assert (again.problem_type, again.num_labels) == ("multi_label_classification", 3)
    assert not torch.equal(again.output.weight, model.output.weight)
    assert torch.equal(again.pooler.dense.weight, model.pooler.dense.weight)
    assert load(folder, num_labels=2, new_heads=True).problem_type == "single_label_classification"
    same = load(folder, problem_type="regression", new_heads=True)
    assert have_equal_weights(same, model)
    with pytest.raises(ValueError, match="problem_type is 'regression', but this is a Pretraining: say kind="):
        load(save(make_model(), tmp_path / "other"), problem_type="regression")
    encoder = save(make_model(Bert), tmp_path / "encoder")
    new = load(encoder, Classifier, num_labels=1, problem_type="regression", new_heads=True)
    assert new.problem_type == "regression"


def test_half_precision_for_shipping(tmp_path):
    model = make_model()
    save(model, tmp_path / "whole")
    save(model, tmp_path / "half", dtype=torch.float16)
    assert model.nsp.weight.dtype == torch.float32
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.6 * sizes[0]
    again = load(tmp_path / "half")
    assert have_equal_weights(again, make_model().half().float())
    assert have_equal_weights(load(tmp_path / "half", dtype=torch.float16), make_model().half())
    assert have_equal_weights(load(tmp_path / "whole", dtype=torch.float64), make_model().double())
    opened_, misplaced, messages = open_in_transformers("BertForPreTraining", tmp_path / "half")
    assert (opened_.dtype, misplaced, messages) == (torch.float16, {}, [])


# ---- Old and odd files -----------------------------------------------------------------------------------------------


def old_names(table: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    gamma = {name.replace("LayerNorm.weight", "LayerNorm.gamma"): tensor for name, tensor in table.items()}
    return {name.replace("LayerNorm.bias", "LayerNorm.beta"): tensor for name, tensor in gamma.items()}


@pytest.mark.parametrize("zipped", [True, False])
def test_an_old_pytorch_model_bin(zipped, folder):
    """As the first Hugging Face files were: pickled, gamma and beta, the decoder's copy, numbered positions."""
    table = old_names(load_file(folder / "model.safetensors"))
    table["bert.embeddings.position_ids"] = torch.arange(16)[None]
    table["cls.predictions.decoder.weight"] = table["bert.embeddings.word_embeddings.weight"].clone()
    (folder / "model.safetensors").unlink()
    torch.save(table, folder / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    (folder / "config.json").write_text(json.dumps({"vocab_size": 64, "hidden_size": 40, "num_hidden_layers": 3,
                                                    "num_attention_heads": 5, "intermediate_size": 17,
                                                    "max_position_embeddings": 16, "pad_token_id": 3}))  # fmt: skip
    model = load(folder)
    assert have_equal_weights(model, make_model())
    assert model.config.hidden_dropout_prob == 0.1  # missing fields have bert-base's values


def test_only_the_decoders_copy_is_in_the_file(folder):
    def change(table):
        table["cls.predictions.decoder.weight"] = table.pop("bert.embeddings.word_embeddings.weight")
        table["cls.predictions.decoder.bias"] = table.pop("cls.predictions.bias")

    assert have_equal_weights(load(change_weights(folder, change)), make_model())


@pytest.mark.parametrize("copy", ["cls.predictions.decoder.weight", "cls.predictions.decoder.bias"])
def test_a_copy_that_differs(copy, folder):
    original = {"weight": "bert.embeddings.word_embeddings.weight", "bias": "cls.predictions.bias"}[
        copy[-6:].strip(".r")
    ]
    change_weights(folder, lambda table: table.update({copy: table[original] + 1e-3}))
    with pytest.raises(
        ValueError, match=rf"model.safetensors: {copy} differs from {original}: bertlab.s BERT ties them"
    ):
        load(folder)


def test_safetensors_come_before_a_pickle(folder):
    (folder / "pytorch_model.bin").write_bytes(b"never read")
    assert have_equal_weights(load(folder), make_model())


# ---- Errors ----------------------------------------------------------------------------------------------------------


def drop(*names):
    return lambda table: [table.pop(name) for name in names]


def add(**tensors):
    return lambda table: table.update({name.replace("__", "."): tensor for name, tensor in tensors.items()})


ONE = torch.ones(1)
KEY = "bert.encoder.layer.1.attention.self.key.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            add(bert__crossattention__weight=ONE),
            "unknown weights: bert.crossattention.weight. bertlab does not support",
        ),
        (add(**{f"x{i}__weight": ONE * i for i in range(9)}), "x0.weight, x1.weight, x2.weight, x3.weight and 5 more"),
        (
            lambda t: t.update({KEY.replace("1", "3"): t[KEY].clone()}),
            "unknown weights: bert.encoder.layer.3.* By config.json the model does not have",
        ),
        (add(cls__predictions__weight=ONE), "unknown weights: cls.predictions.weight"),
        (drop(KEY), f"missing weights: {KEY}$"),
        (drop("bert.embeddings.LayerNorm.bias"), "missing weights: bert.embeddings.LayerNorm.bias"),
        (drop("cls.predictions.transform.LayerNorm.bias"), "missing weights: cls.predictions.transform.LayerNorm.bias"),
        (drop("bert.pooler.dense.weight", "bert.pooler.dense.bias"), "a Pretraining needs pooler, .* new_heads=True"),
        (lambda t: t.update({KEY: t[KEY][:7]}), rf"{KEY} has shape \(7, 40\); by config.json it must be \(40, 40\)"),
        (lambda t: t.update({KEY: t[KEY].to(torch.int8)}), f"{KEY} holds torch.int8: quantised weights are not"),
        (
            lambda t: t.update({"bert.embeddings.LayerNorm.beta": t["bert.embeddings.LayerNorm.bias"].clone()}),
            "bert.embeddings.LayerNorm.b.* occurs twice, under an old and a new name",
        ),
    ],
)
def test_weights_that_do_not_fit_are_named(change, message, folder):
    change_weights(folder, change)
    with pytest.raises(ValueError, match=f"model.safetensors: .*{message}"):
        load(folder)


def test_half_a_head_is_an_error(folder):
    change_weights(folder, drop("cls.seq_relationship.weight"))
    with pytest.raises(ValueError, match="missing weights: cls.seq_relationship.weight"):
        load(folder, new_heads=True)
    assert type(load(folder, Bert)) is Bert


def test_an_encoder_without_weights_is_an_error(folder):
    table = load_file(folder / "model.safetensors")
    change_weights(folder, drop(*(name for name in table if name.startswith("bert.") and "pooler" not in name)))
    with pytest.raises(ValueError, match="missing weights: bert.embeddings.word_embeddings.weight"):
        load(folder, new_heads=True)


def test_a_missing_classifier(folder):
    with pytest.raises(ValueError, match="there is no classifier: say num_labels=..., and new_heads=True"):
        load(folder, Classifier)
    with pytest.raises(ValueError, match="a Classifier needs output, which is not in the file"):
        load(folder, Classifier, num_labels=2)


def test_num_labels_is_for_a_classifier(folder):
    with pytest.raises(ValueError, match="num_labels is 2, but this is a Pretraining: say kind=Classifier"):
        load(folder, num_labels=2, new_heads=True)


def test_a_head_that_bertlab_lacks_is_not_dropped_silently(tmp_path):
    """A multiple choice's `classifier` is neither of texts nor of tokens, and looks like both."""
    make_their_model("BertForMultipleChoice").save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match="has no head for classifier.* of a BertForMultipleChoice: kind=Bert loads it without"
    ):
        load(tmp_path)
    with pytest.raises(ValueError, match="a Classifier needs output, which is not in the file"):
        load(tmp_path, Classifier, num_labels=3)
    assert type(load(tmp_path, Bert)) is Bert


def test_a_classifier_of_tokens_is_not_one_of_texts(tmp_path):
    """Both are called `classifier` in the file, and may have the same shape."""
    make_their_model("BertForTokenClassification", num_labels=3).save_pretrained(tmp_path / "tokens")
    with pytest.raises(ValueError, match="a Classifier needs output, pooler"):
        load(tmp_path / "tokens", Classifier, num_labels=3)
    make_their_model("BertForSequenceClassification", num_labels=3).save_pretrained(tmp_path / "texts")
    with pytest.raises(ValueError, match="a Tagger needs output"):
        load(tmp_path / "texts", Tagger, num_labels=3)


def test_labels_of_a_tagger(tmp_path):
    labels = ("O", "B-PER", "I-PER")
    model = load(save(make_model(Tagger), tmp_path / "a", labels=labels))
    assert type(model) is Tagger
    assert model.labels == labels
    model.dropout.p = 0.3
    assert load(save(model, tmp_path / "b")).labels == labels
    assert load(tmp_path / "b").dropout.p == 0.3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_type", "roberta"), ("hidden_act", "mish"), ("hidden_act", "gelu_fast"), ("is_decoder", True),
        ("position_embedding_type", "relative_key"), ("add_cross_attention", True), ("tie_word_embeddings", False),
    ],
)  # fmt: skip
def test_a_config_that_is_not_supported(field, value, folder):
    set_config(folder, **{field: value})
    with pytest.raises(ValueError, match=rf"config.json: {field} is {value!r}; bertlab's BERT has only"):
        load(folder)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pad_token_id": None}, "config.json: pad_token_id is None; it must be a number"),
        ({"hidden_size": "40"}, "config.json: hidden_size is '40'; it must be a number"),
        ({"num_attention_heads": 7}, "config.json: hidden_size 40 is not divisible by num_attention_heads 7"),
        ({"num_hidden_layers": 2}, "unknown weights: bert.encoder.layer.2.* By config.json the model does not have"),
        ({"num_hidden_layers": 4}, "missing weights: bert.encoder.layer.3"),
        ({"vocab_size": 65}, r"word_embeddings.weight has shape \(64, 40\); by config.json it must be \(65, 40\)"),
    ],
)
def test_a_config_that_is_wrong(settings, message, folder):
    set_config(folder, **settings)
    with pytest.raises(ValueError, match=message):
        load(folder)


def test_a_problem_type_that_does_not_exist(tmp_path):
    set_config(save(make_model(Classifier), tmp_path / "model"), problem_type="ranking")
    with pytest.raises(ValueError, match="config.json: problem_type is 'ranking'; it must be one of single"):
        load(tmp_path / "model")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "config.json is not JSON"), ("[1]", "config.json holds no settings"), ("\xff", "not JSON")],
)
def test_a_config_that_is_not_json(text, message, folder):
    (folder / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=message):
        load(folder)


@pytest.mark.parametrize("keep", [0, 4, 100, 5000, -1])
def test_damaged_safetensors(keep, folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ValueError, match="model.safetensors is damaged or cut short .*: download or save it again"):
        load(folder)


class Trap:
    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_a_pickle_runs_nothing(folder, tmp_path):
    (folder / "model.safetensors").unlink()
    file = folder / "pytorch_model.bin"
    for write in (torch.save, lambda trap, to: to.write_bytes(pickle.dumps(trap))):
        write(Trap(tmp_path / "sprung"), file)
        with pytest.raises(ValueError, match="pytorch_model.bin is damaged, or holds more than weights"):
            load(folder)
        assert not (tmp_path / "sprung").exists()
    torch.save([torch.ones(1)], file)
    with pytest.raises(ValueError, match="pytorch_model.bin holds no table of weights by name"):
        load(folder)
    file.write_bytes(b"")
    with pytest.raises(ValueError, match="pytorch_model.bin is damaged"):
        load(folder)


def test_missing_folders(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder .*nowhere$"):
        load(tmp_path / "nowhere")
    with pytest.raises(NotADirectoryError, match="is a file: give the folder that holds config.json"):
        load(folder / "config.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="there is no .*config.json: give a folder that"):
        load(tmp_path / "empty")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    with pytest.raises(FileNotFoundError, match="no model.safetensors and no .*, only config.json, model-00001-of"):
        load(folder)


def test_other_kinds_are_errors(folder, tmp_path):
    with pytest.raises(
        TypeError, match="it must be Bert, Pretraining, Classifier, Tagger, SpanFinder, .*Writer or None"
    ):
        load(folder, BertConfig)
    with pytest.raises(TypeError, match="a Linear cannot be saved, only Bert, Pretraining, Classifier"):
        save(torch.nn.Linear(2, 2), tmp_path / "linear")
    assert not (tmp_path / "linear").exists()


# ---- The hub ---------------------------------------------------------------------------------------------------------


def test_without_the_hub():
    """Offline: one message, soon, that names both places that were tried."""
    before = time.process_time()
    with pytest.raises(OSError, match="there is no folder 'someone/some-bert', and the Hugging Face hub did not give"):
        load("someone/some-bert")
    assert time.process_time() - before < 5


@pytest.mark.parametrize("pickled", [False, True])
def test_only_the_needed_files_are_downloaded(pickled, folder, monkeypatch):
    import huggingface_hub

    if pickled:
        torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    asked = []

    def snapshot_download(name, *, revision, allow_patterns, etag_timeout):
        asked.append(
            (name, revision, [pattern for pattern in allow_patterns if pattern.startswith(("model", "pytorch"))])
        )
        assert {"config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json"} < set(allow_patterns)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert have_equal_weights(load("someone/some-bert", revision="v1"), make_model())
    wanted = [["model.safetensors"], ["pytorch_model.bin"]][: 1 + pickled]
    assert asked == [("someone/some-bert", "v1", files) for files in wanted]


# ---- A real model ----------------------------------------------------------------------------------------------------


def test_minilm_equals_transformers():
    """The real weights of all-MiniLM-L6-v2: every layer and every map, on real sentences of unequal length."""
    import transformers

    model = load("minilm").double()
    assert type(model) is Bert
    assert sum(weight.numel() for weight in model.parameters()) == 22_565_376  # 22.7M with its pooler
    folder = find_model_folder("minilm")
    their = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float64).eval()
    texts = ["The Congress shall assemble at least once in every year.", "Go on."]
    batch = transformers.AutoTokenizer.from_pretrained(folder)(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        there = their(**batch, output_attentions=True, output_hidden_states=True)
        with attention_maps(model) as maps:
            layers = {str(i): layer for i, layer in enumerate(model.layers)}
            hidden, seen = record_outputs(layers, lambda: model(**batch))
        closed = model(**batch)
    for ours, theirs_ in [
        (hidden, there.last_hidden_state), (closed, there.last_hidden_state),
        *zip(maps, there.attentions, strict=True), *zip(seen.values(), there.hidden_states[1:], strict=True),
    ]:  # fmt: skip
        torch.testing.assert_close(ours, theirs_, rtol=0, atol=1e-12)


# ---- Saved folders ---------------------------------------------------------------------------------------------------


def make_tokenizer(*more: str) -> WordPiece:
    """[PAD] is word 3 here, as SMALL says."""
    return WordPiece([*SPECIAL_TOKENS[1:4], SPECIAL_TOKENS[0], SPECIAL_TOKENS[4], *WORDS, *more])


def test_the_fill_mask_pipeline_opens_it(tmp_path):
    import transformers

    tokenizer = make_tokenizer(*(f"word{i}" for i in range(SMALL.vocab_size - 13)))
    model = make_model()
    save(model, tmp_path / "model", tokenizer)
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt",
    ]  # fmt: skip
    assert WordPiece.load(tmp_path / "model").vocab == tokenizer.vocab
    guesses = transformers.pipeline("fill-mask", model=str(tmp_path / "model"))("the cats [MASK] on the mat.", top_k=3)
    encoding = tokenizer.encode("the cats [MASK] on the mat.")
    folder = encoding.tokens.index("[MASK]")
    expected = model(torch.tensor([encoding.input_ids])).mlm_logits[0, folder].softmax(-1).topk(3)
    assert [guess["token_str"] for guess in guesses] == [tokenizer.vocab[i] for i in expected.indices]
    torch.testing.assert_close(torch.tensor([guess["score"] for guess in guesses]), expected.values, rtol=0, atol=1e-5)


def test_save_checks_first(folder, tmp_path):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ValueError, match="the vocabulary has 113 words, the model 64"):
        save(make_model(seed=1), folder, make_tokenizer(*(f"word{i}" for i in range(100))))
    with pytest.raises(ValueError, match="a Pretraining has no classes to label"):
        save(make_model(seed=1), folder, labels=["a"])
    for labels in (["a", "b"], ["a", "b", "b"]):
        with pytest.raises(ValueError, match="labels are .*: 3 different names are needed, one for each class"):
            save(make_model(Classifier), folder, labels=labels)
    with pytest.raises(NotADirectoryError, match="config.json is a file: a model is saved to a folder"):
        save(make_model(seed=1), folder / "config.json")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


OTHER = CONFIGS[0]


def make_states() -> dict[str, tuple]:
    """Three models to save to one folder: two of the same sizes, and one of others with its own vocabulary."""
    return {
        "first": (make_model(), make_tokenizer()),
        "trained on": (make_model(seed=1), make_tokenizer()),
        "another": (make_model(Classifier, OTHER, seed=2), WordPiece([*SPECIAL_TOKENS, "other", *WORDS])),
    }


def holds_state(folder: Path, state: tuple) -> bool:
    """Whether a folder holds this complete model, with this vocabulary."""
    model, tokenizer = state
    found = load(folder)
    return (
        type(found) is type(model)
        and found.config == model.config
        and have_equal_weights(found, model)
        and (folder / "vocab.txt").read_text().split() == tokenizer.vocab
    )


@pytest.mark.parametrize("next_", ["trained on", "another"])
def test_saving_over_another_model(next_, tmp_path):
    """The folder holds the new one; other files in it stay; nothing else is left in it."""
    state, folder = make_states(), tmp_path / "model"
    save(state["first"][0], folder, state["first"][1])
    names = {path.name for path in folder.iterdir()}
    (folder / "notes.md").write_text("mine")
    (folder / "runs" / "1").mkdir(parents=True)
    (folder / "runs" / "1" / "log").write_text("mine too")
    assert holds_state(folder, state["first"])
    save(state[next_][0], folder, state[next_][1])
    assert holds_state(folder, state[next_])
    assert (folder / "notes.md").read_text() == "mine"
    assert (folder / "runs" / "1" / "log").read_text() == "mine too"
    assert {path.name for path in folder.iterdir()} == names | {"notes.md", "runs"}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_earlier_vocabulary_stays(tmp_path):
    make_tokenizer().save(tmp_path / "model")
    save(make_model(), tmp_path / "model")
    assert holds_state(tmp_path / "model", (make_model(), make_tokenizer()))


def test_saving_through_a_link(tmp_path):
    state = make_states()
    save(*state["first"][:1], tmp_path / "disk" / "model", state["first"][1])
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "model")
    save(state["another"][0], tmp_path / "link", state["another"][1])
    assert (tmp_path / "link").is_symlink()
    assert holds_state(tmp_path / "disk" / "model", state["another"])


def test_saving_to_the_current_folder(tmp_path, monkeypatch):
    save(make_model(), tmp_path / "model")
    monkeypatch.chdir(tmp_path / "model")
    save(make_model(Bert), ".")
    assert have_equal_weights(load("."), make_model(Bert))
    assert have_equal_weights(load(tmp_path / "model"), make_model(Bert))


def test_an_error_while_writing_changes_nothing(folder, tmp_path, monkeypatch):
    def no_space(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr(weights, "save_tensors", no_space)
    with pytest.raises(OSError, match="no space left"):
        save(make_model(Bert), folder)
    assert have_equal_weights(load(folder), make_model())
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_error_in_a_new_folder_leaves_none(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "save_tensors", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save(make_model(), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


# ---- A save that is killed -------------------------------------------------------------------------------------------


def test_staging_folders_of_killed_saves_are_removed(folder):
    """After an hour: a younger one may still be in use."""
    names = {path.name for path in folder.iterdir()}
    for age, name in ((0, "young"), (4000, "old")):
        staging = folder / f".bertlab-saving-{name}"
        staging.mkdir()
        os.utime(staging, (time.time() - age, time.time() - age))
    assert have_equal_weights(load(folder), make_model())
    assert {path.name for path in folder.iterdir()} == names | {".bertlab-saving-young"}


def test_a_save_after_one_that_was_killed(tmp_path):
    """The files that the killed one had committed are older: they do not replace the new ones."""
    state, folder = make_states(), tmp_path / "model"
    save(state["first"][0], folder, state["first"][1])
    copy_folder(save(state["another"][0], tmp_path / "other", state["another"][1]), folder / ".bertlab-ready")
    (folder / ".bertlab-ready" / "vocab.txt").rename(folder / "vocab.txt")  # as far as it came
    save(state["trained on"][0], folder, state["trained on"][1])
    assert holds_state(folder, state["trained on"])
    assert not (folder / ".bertlab-ready").exists()


def read_model_files(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, but not the staging folder that a killed save leaves."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".bertlab-saving-")}


def kill_at_step(step: int, function, *arguments) -> bool:
    """Call a function in a child process that is killed before its `step`-th request to the system; True if it was."""
    child = os.fork()
    if child == 0:
        left = step

        def count(event: str, _arguments) -> None:
            nonlocal left
            if event.startswith(("open", "os.", "shutil.", "tempfile.")):
                left -= 1
                if left < 0:
                    signal.raise_signal(signal.SIGKILL)

        os.fsync = lambda _: None  # slow, and a killed process takes nothing back from the system
        sys.addaudithook(count)
        function(*arguments)
        os._exit(0)
    end = os.waitpid(child, 0)[1]
    assert end in (0, signal.SIGKILL)
    return end == signal.SIGKILL


def copy_folder(folder: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    return shutil.copytree(folder, to)


def kill_everywhere(top: Path, next_: str) -> None:
    """Kill a save over another model at each request to the system. Then `load` must find one of both, whole.

    When the kill came after the commit, the load that completes the save is killed at each request as well.
    """
    whole = {}
    for name, state in make_states().items():
        folder = save(state[0], top / name, state[1])
        assert holds_state(folder, state)
        whole[name] = read_model_files(folder)
    model, tokenizer = make_states()[next_]
    kills, incomplete, killed = {"first": 0, next_: 0}, 0, True
    while killed:
        step = sum(kills.values())
        folder = copy_folder(top / "first", top / "model")
        killed = kill_at_step(step, save, model, folder, tokenizer)
        committed = (folder / ".bertlab-ready").exists()
        incomplete += committed
        load_step, load_killed = 0, committed
        while load_killed:
            copy = copy_folder(folder, top / "copy")
            load_killed = kill_at_step(load_step, find_model_folder, copy)
            find_model_folder(copy)
            assert read_model_files(copy) == whole[next_], f"kill {step}, and its load's kill {load_step}"
            load_step += 1
        WordPiece.load(folder)  # this completes a save, too
        files = read_model_files(folder)
        [name] = [name for name in kills if files == whole[name]]
        assert name == next_ or (killed and not committed), f"kill {step}"
        kills[name] += killed
        load(folder)
    print(kills["first"], kills[next_], incomplete)


def kill_a_first_save(top: Path) -> None:
    """Into a folder that does not exist yet: then `load` must find no model, or all of it."""
    model, tokenizer = make_states()["first"]
    whole = read_model_files(save(model, top / "whole", tokenizer))
    without, complete, incomplete, killed = 0, 0, 0, True
    while killed:
        folder = top / "model"
        shutil.rmtree(folder, ignore_errors=True)
        killed = kill_at_step(without + complete, save, model, folder, tokenizer)
        incomplete += (folder / ".bertlab-ready").exists()
        try:
            load(folder)
        except FileNotFoundError:
            assert killed
            assert not folder.exists() or read_model_files(folder) == {}
            without += 1
        else:
            assert read_model_files(folder) == whole
            complete += killed
    print(without, complete, incomplete)


def test_a_disk_that_cannot_wait_for_a_folder(tmp_path, monkeypatch):
    wait = os.fsync

    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError("invalid argument")
        wait(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    assert have_equal_weights(load(save(make_model(), tmp_path / "model")), make_model())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    "call", ["kill_everywhere(top, 'trained on')", "kill_everywhere(top, 'another')", "kill_a_first_save(top)"]
)
def test_a_kill_at_any_moment_leaves_a_whole_model(call, root, tmp_path):
    command = f"from pathlib import Path; from tests.test_weights import *; top = Path({str(tmp_path)!r}); {call}"
    run = subprocess.run([sys.executable, "-c", command], cwd=root, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    former, new, incomplete = map(int, run.stdout.split())
    assert former >= 10
    assert new >= incomplete >= 5  # one for each file that is moved into folder


@pytest.mark.parametrize("kind", [OSError, KeyboardInterrupt])
def test_an_error_at_any_rename_leaves_a_whole_model(kind, tmp_path, monkeypatch):
    """Ctrl-C, or a disk that fails: at the n-th rename, for each n."""
    state, folder = make_states(), tmp_path / "model"
    moves, failed = {"os.replace": os.replace, "Path.rename": Path.rename}, True
    outcomes, n = [], 0
    while failed:
        shutil.rmtree(folder, ignore_errors=True)
        save(state["first"][0], folder, state["first"][1])
        left = n

        def move(how, *arguments):
            nonlocal left
            left -= 1
            if left < 0:
                raise kind("here")
            return moves[how](*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", lambda *arguments: move("os.replace", *arguments))
            patch.setattr(Path, "rename", lambda *arguments: move("Path.rename", *arguments))
            try:
                save(state["another"][0], folder, state["another"][1])
                failed = False
            except kind:
                pass
        outcomes.append("first" if holds_state(folder, state["first"]) else "another")
        assert holds_state(folder, state[outcomes[-1]])
        n += 1
    # The tokenizer's commit and three moves, the model's commit; five moves, no error.
    assert outcomes == ["first"] * 5 + ["another"] * 6
