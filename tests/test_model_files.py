"""config.json and the forms of weights: every field that transformers writes is honoured, refused by name, or without
effect, and whatever else stands there is an error that names the file and the field."""

import json
import os
import random
import time
from copy import deepcopy
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from bertlab.__main__ import main
from bertlab.heads import Classifier, Pretraining
from bertlab.model import ACTIVATIONS, BertConfig
from bertlab.model_files import read_weights
from bertlab.pretrain import fill_masks
from bertlab.weights import load, save
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece

LONG = bool(os.environ.get("BERTLAB_LONG"))
SIZES = {
    "vocab_size": 40, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 36,
    "max_position_embeddings": 16, "type_vocab_size": 2,
}  # fmt: skip
WORDS = ["cat", "dog", "sat", "the", "##s", ".", "mat", "on", *(f"word{i}" for i in range(27))]

# Each field of config.json -> what bertlab does with it, and a value other than transformers' own to prove it by.
#   honoured   the model that transformers saves with this value has the same scores here
#   refused    a ValueError names the field
#   no effect  neither transformers' scores nor ours change
HONOURED, REFUSED, NO_EFFECT = "honoured", "refused", "no effect"
CONFIG_FIELDS = {
    "vocab_size": (HONOURED, 53),
    "hidden_size": (HONOURED, 12),
    "num_hidden_layers": (HONOURED, 3),
    "num_attention_heads": (HONOURED, 3),
    "intermediate_size": (HONOURED, 7),
    "max_position_embeddings": (HONOURED, 31),
    "type_vocab_size": (HONOURED, 5),
    "hidden_dropout_prob": (HONOURED, 0.3),
    "attention_probs_dropout_prob": (HONOURED, 0.4),
    "classifier_dropout": (HONOURED, 0.2),
    "layer_norm_eps": (HONOURED, 1e-3),
    "initializer_range": (HONOURED, 0.5),
    "pad_token_id": (HONOURED, 9),
    "hidden_act": (HONOURED, "gelu_new"),
    "id2label": (HONOURED, {"0": "bad", "1": "so so", "2": "good"}),
    "problem_type": (HONOURED, "multi_label_classification"),
    "architectures": (HONOURED, ["BertForSequenceClassification"]),
    "model_type": (REFUSED, "roberta"),
    "is_decoder": (REFUSED, True),
    "add_cross_attention": (REFUSED, True),
    "is_encoder_decoder": (REFUSED, True),
    "tie_word_embeddings": (REFUSED, False),
    "per_layer_config": (REFUSED, {"0": {"num_attention_heads": 2}}),
    "use_cache": (NO_EFFECT, False),
    "chunk_size_feed_forward": (NO_EFFECT, 4),
    "bos_token_id": (NO_EFFECT, 3),
    "eos_token_id": (NO_EFFECT, [3]),
    "output_hidden_states": (NO_EFFECT, True),
    "output_attentions": (NO_EFFECT, True),
    "return_dict": (NO_EFFECT, False),
    "tie_last_hidden_states": (NO_EFFECT, True),
    "label2id": (NO_EFFECT, {"worst": 0, "best": 1, "other": 2}),  # the names are those of id2label
    "dtype": (NO_EFFECT, "float32"),  # the weights have a dtype themselves
    "transformers_version": (NO_EFFECT, "4.8.2"),
    "_name_or_path": (NO_EFFECT, "someone/some-bert"),
    # Only older versions wrote these.
    "torch_dtype": (NO_EFFECT, "float32"),
    "num_labels": (NO_EFFECT, 3),
    "gradient_checkpointing": (NO_EFFECT, True),
    "attn_implementation": (NO_EFFECT, "eager"),
    "pooler_type": (NO_EFFECT, "first_token_transform"),
    "directionality": (NO_EFFECT, "bidi"),
    "position_embedding_type": (REFUSED, "relative_key"),
    "pruned_heads": (REFUSED, {"0": [1]}),
    "quantization_config": (REFUSED, {"load_in_8bit": True}),
    "auto_map": (REFUSED, {"AutoModel": "modeling.py--JinaBertModel"}),
}


def make_their_classifier(folder: Path, **settings):
    """A classifier of transformers' in float64, with weights that are not small, saved in `folder`."""
    import transformers

    torch.manual_seed(0)
    model = transformers.BertForSequenceClassification(transformers.BertConfig(**SIZES | {"num_labels": 3} | settings))
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(0.3 * torch.randn(weight.shape))
    model.double().eval().save_pretrained(folder)
    return model


def score(model) -> torch.Tensor:
    ids = torch.tensor([[2, 5, 7, 11, 8, 3, 6, 3]])
    with torch.no_grad():
        output = model(input_ids=ids, token_type_ids=(ids > 7).long(), attention_mask=(ids != 11).long())
    return output[0] if isinstance(output, tuple) else output.logits


def set_fields(folder: Path, file: str = "config.json", **settings) -> Path:
    content = json.loads((folder / file).read_text()) | settings
    (folder / file).write_text(json.dumps(content))
    return folder


def open_theirs(folder: Path):
    import transformers

    return transformers.BertForSequenceClassification.from_pretrained(folder, dtype=torch.float64).eval()


@pytest.fixture
def folder(tmp_path) -> Path:
    """A saved Pretraining with its tokenizer."""
    return save(Pretraining(BertConfig(**SIZES)), tmp_path / "model", WordPiece(SPECIAL_TOKENS + WORDS))


# ---- The fields of config.json ---------------------------------------------------------------------------------------


def test_the_table_knows_every_field_that_transformers_writes(tmp_path):
    """When a new version of transformers adds a field, this fails: then decide what it means here."""
    import transformers

    names = {field.name for field in fields(transformers.BertConfig)} | set(transformers.BertConfig().to_dict())
    for architecture in ("BertModel", "BertForPreTraining", "BertForMaskedLM", "BertForSequenceClassification",
                         "BertForTokenClassification", "BertForQuestionAnswering"):  # fmt: skip
        config = transformers.BertConfig(**SIZES, num_labels=2, problem_type="regression")
        getattr(transformers, architecture)(config).half().save_pretrained(tmp_path / architecture)
        names |= set(json.loads((tmp_path / architecture / "config.json").read_text()))
    assert names - set(CONFIG_FIELDS) == set()
    ours = json.loads((save(Classifier(BertConfig(**SIZES), 2), tmp_path / "ours") / "config.json").read_text())
    assert set(ours) <= set(CONFIG_FIELDS)
    assert {field.name for field in fields(BertConfig)} <= {
        name for name, (verdict, _) in CONFIG_FIELDS.items() if verdict == HONOURED
    }


@pytest.mark.parametrize("field", [name for name, (verdict, _) in CONFIG_FIELDS.items() if verdict == HONOURED])
def test_honoured_fields(field, tmp_path):
    value = CONFIG_FIELDS[field][1]
    label_names = {"id2label": {int(key): name for key, name in value.items()}} if field == "id2label" else None
    their = make_their_classifier(tmp_path, **label_names or {field: value})
    assert json.loads((tmp_path / "config.json").read_text())[field] == value
    ours = load(tmp_path)
    assert type(ours) is Classifier
    torch.testing.assert_close(score(ours), score(their), rtol=0, atol=1e-12)
    if field in {field.name for field in fields(BertConfig)}:
        assert getattr(ours.config, field) == value
        assert getattr(load(save(ours, tmp_path / "again")).config, field) == value
    told = {
        "id2label": tuple(their.config.id2label.values()) == ours.labels,
        "problem_type": ours.problem_type == value,
    }
    assert told.get(field, True)
    assert ours.dropout.p == {"classifier_dropout": 0.2, "hidden_dropout_prob": 0.3}.get(field, 0.1)
    if field == "initializer_range":
        new = load(tmp_path, num_labels=5, new_heads=True)
        assert 0.4 < new.output.weight.std() < 0.6


@pytest.mark.parametrize("field", [name for name, (verdict, _) in CONFIG_FIELDS.items() if verdict == REFUSED])
def test_refused_fields(field, folder):
    set_fields(folder, **{field: CONFIG_FIELDS[field][1]})
    with pytest.raises(ValueError, match=rf"config.json: {field} is .*bertlab's BERT has .*: use transformers for"):
        load(folder)


@pytest.mark.parametrize("field", [name for name, (verdict, _) in CONFIG_FIELDS.items() if verdict == NO_EFFECT])
def test_fields_without_effect(field, tmp_path):
    expected = score(make_their_classifier(tmp_path))
    set_fields(tmp_path, **{field: CONFIG_FIELDS[field][1]})
    torch.testing.assert_close(score(load(tmp_path)), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(score(open_theirs(tmp_path)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_those_of_transformers(name, tmp_path):
    """In the feed-forward layers and in the masked-word head."""
    import transformers

    torch.manual_seed(0)
    their = transformers.BertForPreTraining(transformers.BertConfig(**SIZES, hidden_act=name)).double().eval()
    with torch.no_grad():
        for weight in their.parameters():
            weight.copy_(0.5 * torch.randn(weight.shape))
    their.save_pretrained(tmp_path / "theirs")
    ids = torch.arange(12)[None] * 3
    for ours in (load(tmp_path / "theirs"), load(save(load(tmp_path / "theirs"), tmp_path / "ours"))):
        assert ours.config.hidden_act == name
        with torch.no_grad():
            output, expected = ours(ids), their(ids)
        torch.testing.assert_close(output.mlm_logits, expected.prediction_logits, rtol=0, atol=1e-12)
        torch.testing.assert_close(output.nsp_logits, expected.seq_relationship_logits, rtol=0, atol=1e-12)
    assert name in ("gelu", "gelu_python") or not torch.allclose(
        expected.prediction_logits, load(set_fields(tmp_path / "theirs", hidden_act="gelu"))(ids).mlm_logits
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_act": "mish"}, "hidden_act is 'mish'; bertlab's BERT has only gelu, "),
        ({"hidden_act": 5}, "hidden_act is 5; bertlab's BERT has only gelu, "),
        ({"hidden_act": ["gelu"]}, r"hidden_act is \['gelu'\]; bertlab's BERT"),
        ({"layer_norm_eps": 0}, "layer_norm_eps is 0; it must be above 0"),
        ({"layer_norm_eps": -1}, "layer_norm_eps is -1; it must be above 0"),
        ({"layer_norm_eps": float("nan")}, "layer_norm_eps is nan; it must be above 0"),
        ({"initializer_range": -0.1}, "initializer_range is -0.1; it must be at least 0"),
        ({"hidden_dropout_prob": 1}, "hidden_dropout_prob is 1; it must be at least 0 and below 1"),
        ({"hidden_dropout_prob": "0.1"}, "hidden_dropout_prob is '0.1'; it must be a number"),
        ({"vocab_size": 40.0}, "vocab_size is 40.0; it must be a whole number"),
        ({"vocab_size": True}, "vocab_size is True; it must be a number"),
        ({"type_vocab_size": 0}, "type_vocab_size is 0; it must be a whole number of at least 1"),
        ({"pad_token_id": 0.5}, "pad_token_id 0.5 is not in a vocabulary of 40"),
        ({"pad_token_id": -1}, "pad_token_id -1 is not in a vocabulary"),
        ({"architectures": 7}, "architectures is 7; it must be a list of names"),
        ({"architectures": "BertModel"}, "architectures is 'BertModel'; it must be a list of names"),
        ({"architectures": [7]}, r"architectures is \[7\]; it must be a list of names"),
        ({"id2label": ["a", "b"]}, r"id2label is \['a', 'b'\]; it must be an object"),
        ({"id2label": {"one": "a"}}, "id2label has the key 'one'; each must be the number of a class"),
        ({"id2label": {"0": 5}}, r"id2label\[0\] is 5; the name of a class must be a text"),
        ({"id2label": {"0": "\ud800"}}, r"id2label\[0\] is '\\ud800', half a character"),
        ({"id2label": {"0": "a", "1": "a"}}, "id2label has the name 'a' twice"),
        ({"classifier_dropout": "0.1"}, "classifier_dropout is '0.1'; it must be at least 0"),
        ({"vocab_size": 10**9}, r"word_embeddings.weight has shape \(40, 24\); by config.json it must be \(1000000000"),
        ({"hidden_size": 10**12}, "word_embeddings.weight has shape"),
        ({"max_position_embeddings": 10**9}, "position_embeddings.weight has shape"),
        ({"type_vocab_size": 10**9}, "token_type_embeddings.weight has shape"),
        ({"intermediate_size": 10**9}, "intermediate.dense.weight has shape"),
        ({"num_hidden_layers": 10**9}, "missing weights: bert.encoder.layer.2"),
        ({"num_attention_heads": 10**9}, "hidden_size 24 is not divisible by num_attention_heads"),
        ({"vocab_size": 10**30}, "word_embeddings.weight has shape"),
        ({"problem_type": [{}]}, r"problem_type is \[{}\]; it must be one of single_label_classification, "),
        ({"problem_type": "ranking"}, "problem_type is 'ranking'; it must be one of single_label_classification, "),
        ({"problem_type": False}, "problem_type is False; it must be one of single_label_classification, "),
    ],
)
def test_values_that_cannot_be(settings, message, folder):
    set_fields(folder, **settings)
    before = time.process_time()
    with pytest.raises(ValueError, match=rf"(config.json|model.safetensors): .*{message}"):
        load(folder)
    assert time.process_time() - before < 1


def test_names_of_classes_that_the_head_does_not_have(tmp_path):
    make_their_classifier(tmp_path)
    for names, told in (({"0": "a", "1": "b"}, "0, 1"), ({"1": "a", "2": "b", "3": "c"}, "1, 2, 3")):
        set_fields(tmp_path, id2label=names)
        with pytest.raises(ValueError, match=f"id2label names the classes {told}, but the classifier in model.safe"):
            load(tmp_path)
        assert load(tmp_path, num_labels=2, new_heads=True).num_labels == 2
    with pytest.raises(RuntimeError, match="mismatch"):  # it does not open there either
        open_theirs(set_fields(tmp_path, id2label={"0": "a", "1": "b"}, label2id={"a": 0, "b": 1}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "is not JSON: it is nested too deeply"),
        ('{"hidden_size": ' * 50_000, "is not JSON: it is nested too deeply"),
        ('{"hidden_size": 2', "is not JSON: Expecting"),
        ('{"hidden_size": ' + "9" * 5000 + "}", "is not JSON: Exceeds the limit"),
        ("null", "holds no settings, but None"),
        ("", "is not JSON: Expecting value"),
    ],
)
def test_a_config_that_is_no_object(text, message, folder):
    (folder / "config.json").write_text(text)
    with pytest.raises(ValueError, match=f"config.json {message}"):
        load(folder)


def test_a_config_that_is_a_folder(folder):
    (folder / "config.json").unlink()
    (folder / "config.json").mkdir()
    with pytest.raises(ValueError, match="config.json is not JSON: it is no file"):
        load(folder)


# ---- The forms of weights --------------------------------------------------------------------------------------------


def take_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a folder, whose file is removed."""
    table = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    return table


def write_shards(folder: Path, table: dict, name: str, parts: int = 3) -> Path:
    """Write the weights as several files with an index; returns the index."""
    stem, suffix = name.split(".")
    names = [f"{stem}-{number + 1:05}-of-{parts:05}.{suffix}" for number in range(parts)]
    places = {key: names[number % parts] for number, key in enumerate(table)}
    for place in names:
        part = {key: tensor for key, tensor in table.items() if places[key] == place}
        save_file(part, folder / place) if suffix == "safetensors" else torch.save(part, folder / place)
    index = folder / f"{name}.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    return index


def add_prefix(prefix: str):
    return lambda table: {prefix + name: tensor for name, tensor in table.items()}


FORMS = {
    "DataParallel": add_prefix("module."),
    "torch.compile": add_prefix("_orig_mod."),
    "a program's own class": add_prefix("model.module."),
    "state_dict": lambda table: {"state_dict": table, "epoch": 3},
    "model": lambda table: {"model": table, "optimizer": {"lr": 0.1, "state": {}}},
    "model_state_dict": lambda table: {"model_state_dict": add_prefix("module.")(table), "step": torch.tensor(7)},
}


@pytest.mark.parametrize("form", FORMS)
def test_weights_in_a_wrapper(form, folder):
    expected = load(folder).state_dict()
    torch.save(FORMS[form](take_weights(folder)), folder / "pytorch_model.bin")
    assert all(torch.equal(tensor, expected[name]) for name, tensor in load(folder).state_dict().items())


def test_safetensors_with_a_prefix(folder):
    expected = load(folder).state_dict()
    save_file(add_prefix("module.")(take_weights(folder)), folder / "model.safetensors")
    assert all(torch.equal(tensor, expected[name]) for name, tensor in load(folder).state_dict().items())


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_shards(name, folder):
    expected = load(folder).state_dict()
    write_shards(folder, take_weights(folder), name)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in load(folder).state_dict().items())


def test_shards_of_transformers(tmp_path):
    import transformers

    model = transformers.BertForSequenceClassification(transformers.BertConfig(**SIZES, num_labels=3)).eval()
    model.save_pretrained(tmp_path, max_shard_size="5KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 3
    torch.testing.assert_close(score(load(tmp_path)), score(model), rtol=0, atol=1e-5)


def test_whole_files_come_before_shards(folder):
    expected = load(folder).state_dict()
    other = {name: tensor + 1 for name, tensor in load_file(folder / "model.safetensors").items()}
    write_shards(folder, other, "model.safetensors")
    assert torch.equal(load(folder).nsp.weight, expected["nsp.weight"])


def edit_index(change):
    def apply(index: Path) -> None:
        content = json.loads(index.read_text(encoding="utf-8"))
        index.write_text(json.dumps(change(content)), encoding="utf-8")

    return apply


def add_to_index(**places: str):
    return edit_index(lambda content: {"weight_map": content["weight_map"] | places})


def forget_the_nsp_head(content: dict) -> dict:
    places = content["weight_map"]
    return {"weight_map": {name: place for name, place in places.items() if "seq_relationship" not in name}}


def remove_a_shard(index: Path) -> None:
    next(index.parent.glob("model-00002*")).unlink()


def cut_a_shard(index: Path) -> None:
    file = next(index.parent.glob("model-00002*"))
    file.write_bytes(file.read_bytes()[:100])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove_a_shard, "there is no .*model-00002-of-00003.safetensors, which model.safetensors.index.json names"),
        (cut_a_shard, "model-00002-of-00003.safetensors is damaged or cut short"),
        (lambda index: index.write_text("{"), "index.json is not JSON"),
        (lambda index: index.write_text("[" * 100_000), "index.json is not JSON: it is nested too deeply"),
        (edit_index(lambda content: []), "weight_map is None; it must be an object"),
        (edit_index(lambda content: {"weight_map": [1]}), r"weight_map is \[1\]; it must be an object"),
        (edit_index(lambda content: {"weight_map": {"a": 1}}), "weight_map is {'a': 1}; it must be an object"),
        (edit_index(lambda content: {"weight_map": {}}), "weight_map is {}; it must be an object"),
        (add_to_index(x="../x.safetensors"), "weight_map names .* it must be a file of the same folder"),
        (add_to_index(x="/etc/passwd"), "weight_map names '/etc/passwd'; it must be a file of the same folder"),
        (add_to_index(x="model-00001-of-00003.safetensors"), "model-00001-of-00003.safetensors lacks x, which model."),
        (edit_index(forget_the_nsp_head), "weight_map lacks cls.seq_relationship"),
    ],
)  # fmt: skip
def test_damaged_shards(damage, message, folder):
    damage(write_shards(folder, take_weights(folder), "model.safetensors"))
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        load(folder)


KEY = "bert.encoder.layer.1.attention.self.key.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t | {"module." + KEY: t[KEY]}, "occurs twice, with and without the prefix of a wrapper"),
        (lambda t: {"state_dict": t, "model": t}, "holds no table of weights by name"),
        (lambda t: {"weights": t}, "holds no table of weights by name"),
        (lambda t: t | {5: t[KEY]}, "holds no table of weights by name"),
        (lambda t: t | {KEY: t[KEY].to_sparse()}, "key.weight is no plain tensor"),
        (lambda t: t | {KEY: t[KEY].to(torch.float8_e4m3fn)}, "holds torch.float8_e4m3fn: quantised weights are not"),
        (lambda t: t | {KEY: t[KEY].bool()}, "holds torch.bool: quantised weights are not"),
        (lambda t: t | {KEY: t[KEY] * float("nan")}, "key.weight holds nan or infinity"),
        (
            lambda t: t | {KEY: torch.tensor(1.0).expand(10**9, 10**9)},
            "key.weight has shape .1000000000, 1000000000., and",
        ),
        (lambda t: t | {KEY: torch.tensor(1.0)}, r"key.weight has shape \(\); by config.json"),
    ],
)
def test_tensors_that_are_no_weights(change, message, folder):
    torch.save(change(take_weights(folder)), folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=f"pytorch_model.bin.*{message}"):
        load(folder)


# ---- Vocabularies of another size ------------------------------------------------------------------------------------


def test_more_words_than_the_model(folder, tmp_path, capsys):
    """Then the vocabulary is another model's: fill, attention and predict say so, and finetune before it trains."""
    WordPiece([*SPECIAL_TOKENS, *WORDS, "one", "more"]).save(folder)
    examples = tmp_path / "rows.csv"
    examples.write_text("text,label\n" + "".join(f"the cat sat word{i},{'ab'[i % 2]}\n" for i in range(200)))
    run = tmp_path / "run"
    for command in (
        ["fill", "the [MASK]", "--model", str(folder)],
        ["attention", "the cat", "--model", str(folder), "--out", str(tmp_path / "page.html")],
        ["finetune", "classify", "--train", str(examples), "--model", str(folder), "--out", str(run), "--length", "16"],
    ):
        assert main(command) == 2
        assert "the vocabulary has 42 words, the model 40: one of them is another" in capsys.readouterr().err
    assert not run.exists()
    save(Classifier(BertConfig(**SIZES), 2), folder)
    assert main(["predict", "the cat", "--model", str(folder)]) == 2
    assert "the vocabulary has 42 words, the model 40: one of them is another" in capsys.readouterr().err


def test_fewer_words_than_the_model(folder, capsys):
    """As in files that are filled up to a multiple of 8: said, and no word beyond the vocabulary is predicted."""
    WordPiece([*SPECIAL_TOKENS, *WORDS[:10]]).save(folder)
    assert main(["fill", "the [MASK]", "--model", str(folder), "--top", "40"]) == 0
    out, err = capsys.readouterr()
    assert "the vocabulary has 15 words, the model 40; the rest is not used" in err
    assert out.count("%") == 15


# ---- Anything else ---------------------------------------------------------------------------------------------------

VALUES = [
    None, True, False, 0, 1, -1, 2.5, 10**9, 10**20, float("nan"), float("inf"), "", "x", "[MASK]", "\ud800", "0",
    [], [1], ["a"], [["[PAD]", 0]], {}, {"0": "a"}, {"x": None}, {"content": 5}, [{}], [[[[]]]],
]  # fmt: skip
JSON_FILES = ("config.json", "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json", "added_tokens.json")


def list_paths(value: object, path: tuple = ()) -> list[tuple]:
    """The path of every value within nested lists and objects."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [inner for key, part in items for inner in list_paths(part, (*path, key))]


def mutate_json(text: str, rng: random.Random) -> str:
    """The text with a value replaced, removed or added, or cut short."""
    if rng.random() < 0.1:
        return text[: rng.randrange(len(text))]
    content = json.loads(text)
    for _ in range(rng.choice([1, 1, 2])):
        paths = list_paths(content)
        path = rng.choice(paths if rng.random() < 0.5 else [path for path in paths if len(path) < 2])
        if not path:
            content = deepcopy(rng.choice(VALUES)) if rng.random() < 0.2 else content
            if isinstance(content, dict):
                content[rng.choice([*CONFIG_FIELDS, "never_split", "added_tokens_decoder", "tokenizer_class"])] = (
                    deepcopy(rng.choice(VALUES))
                )
            continue
        parent = content
        for key in path[:-1]:
            parent = parent[key]
        if rng.random() < 0.2:
            del parent[path[-1]]
        else:
            parent[path[-1]] = deepcopy(rng.choice(VALUES))
    return json.dumps(content)


def try_folder(folder: Path) -> str:
    """Load and use a folder: "loaded", or "refused" with a clear error."""
    try:
        model, tokenizer = load(folder), WordPiece.load(folder)
        if type(model) is Pretraining and len(tokenizer) <= model.config.vocab_size:
            fill_masks(model, tokenizer, "the [MASK] sat")
        tokenizer.encode_bulk(["the cat", "[MASK]"])
        again = WordPiece.load(save(model, folder / "again", tokenizer))
        assert again.encode("The cäts [MASK]") == tokenizer.encode("The cäts [MASK]")
    except (ValueError, OSError):
        return "refused"
    return "loaded"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.skipif(not LONG, reason="long"))])
def test_mutated_files(count, folder, tmp_path, monkeypatch):
    """A loaded model that can be used and saved, or a ValueError or OSError: nothing else."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # slow
    (folder / "special_tokens_map.json").write_text(json.dumps({"mask_token": "[MASK]", "pad_token": "[PAD]"}))
    (folder / "added_tokens.json").write_text(json.dumps({"[MASK]": 4}))
    classifier = save(
        Classifier(BertConfig(**SIZES), 3), tmp_path / "b", WordPiece.load(folder), labels=["a", "b", "c"]
    )
    for name in ("special_tokens_map.json", "added_tokens.json"):
        (classifier / name).write_text((folder / name).read_text())
    write_shards(classifier, take_weights(classifier), "model.safetensors")
    rng = random.Random(0)
    outcomes = {"loaded": 0, "refused": 0}
    for number in range(count):
        where = rng.choice([folder, classifier])
        file = where / rng.choice([*JSON_FILES, *(["model.safetensors.index.json"] if where is classifier else [])])
        good = file.read_text()
        file.write_text(mutate_json(good, rng))
        try:
            outcomes[try_folder(where)] += 1
        except Exception as error:
            raise AssertionError(f"mutation {number} of {file.name}: {file.read_text()[:300]}") from error
        finally:
            file.write_text(good)
    print(outcomes)
    assert min(outcomes.values()) > count / 10
    assert try_folder(folder) == try_folder(classifier) == "loaded"


@pytest.mark.skipif(os.name == "nt", reason="devices of POSIX")
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "model.safetensors.index.json"])
def test_weights_are_a_regular_file(tmp_path, name):
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(OSError, match=f"{name} is a device: give a regular file"):
        read_weights(tmp_path)
