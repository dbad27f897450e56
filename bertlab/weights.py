"""Load and save models in Hugging Face's format: config.json and model.safetensors."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from .arguments import check_path, describe_value
from .embedding import BiEncoder
from .failures import doing
from .files import expand_home, finish_replacement, replace_files, save_tensors
from .heads import Classifier, Pretraining, SpanFinder, Tagger
from .model import Bert, BertConfig, check_embeddings
from .model_files import FLOATS, ONLY_VALUES, read_config, read_weights
from .weight_names import OUR_TO_HF, from_hf_names, list_first_names, to_hf_names, translate_name
from .writing import Writer

ARCHITECTURES = {
    Bert: "BertModel",
    Pretraining: "BertForPreTraining",
    Classifier: "BertForSequenceClassification",
    Tagger: "BertForTokenClassification",
    SpanFinder: "BertForQuestionAnswering",
    BiEncoder: "BertModel",  # of which it is all
    Writer: "BertForMaskedLM",  # has the same parts; only the attention mask differs, and config.json cannot say that
}
LABELLED_HEADS = (Classifier, Tagger)  # heads whose classes have names


# ---- The files of a model --------------------------------------------------------------------------------------------


def find_model_folder(where: str | Path, revision: str | None = None) -> Path:
    """The folder with the files of a model: your own, or that of "minilm", "bertlab-mini" or a name on the hub.

    `WordPiece.load(find_model_folder("bert-base-uncased"))` gives the tokenizer that belongs to
    `load("bert-base-uncased")`. A save into a folder that was killed is completed first. Raises OSError when there is
    no such model.
    """
    check_path(where, "where")
    folder = expand_home(where)
    if folder.is_dir():
        finish_replacement(folder)
        return folder
    if folder.exists():
        raise NotADirectoryError(f"{where} is a file: give the folder that holds config.json and model.safetensors")
    if str(where) in ("minilm", "bertlab-mini"):
        from . import sources

        return sources.minilm() if str(where) == "minilm" else sources.bertlab_mini()
    if isinstance(where, Path) or not re.fullmatch(r"\w[\w.-]*(/[\w.-]+)?", where):
        raise FileNotFoundError(f"there is no folder {where}")
    return download_from_hub(where, revision)


def download_from_hub(name: str, revision: str | None) -> Path:
    """The cached folder with the files of a model on the Hugging Face hub. Raises OSError."""
    from huggingface_hub import snapshot_download

    small_files = ["config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                   "added_tokens.json"]  # fmt: skip
    whole = [["model.safetensors"], ["pytorch_model.bin"]]
    shards = [[f"{name}.index.json", f"{name.replace('.', '-*-of-*.')}"] for [name] in whole]
    try:
        for weights in (*whole, *shards):
            folder = snapshot_download(name, revision=revision, allow_patterns=[*small_files, *weights], etag_timeout=5)
            if (Path(folder) / weights[0]).exists():
                break
    except Exception as error:  # offline, no such name, gated, a full disk: its own message says which
        raise OSError(
            f"there is no folder {name!r}, and the Hugging Face hub did not give a model of that name: "
            f"{get_first_line(error)} "
            'Check the name and the network, or give a folder of yours, "minilm" or "bertlab-mini".'
        ) from error
    return Path(folder)


def get_first_line(error: Exception) -> str:
    """The first line of an error's message, or its type if it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


# ---- Load ------------------------------------------------------------------------------------------------------------


@doing("loading the model")
def load(
    where: str | Path,
    kind: type[nn.Module] | None = None,
    *,
    num_labels: int | None = None,
    problem_type: str | None = None,
    new_heads: bool = False,
    dtype: torch.dtype | None = None,
    revision: str | None = None,
) -> nn.Module:
    """Load a model with the weights from `where`, in eval mode on the CPU.

    `where` is a folder with config.json and model.safetensors (or pytorch_model.bin) that `save` or transformers
    wrote, "minilm", "bertlab-mini", or a name on the Hugging Face hub, perhaps at a `revision`. `kind` is one of
    ARCHITECTURES. By default the file decides: `Pretraining` if it has a part of that, else `SpanFinder`, `Tagger`,
    `Classifier` or `Bert`. A `Writer` must be asked for, because its file is that of a masked-word model. Parts that
    the kind does not use are left out: the pooler for `Bert`, the masked-word head for `Classifier`.

    A head that the file lacks is an error, unless `new_heads=True`: then it starts from random weights (torch's
    seed). So does a classifier with another `num_labels` or `problem_type` than you ask for; both are the file's own
    by default. A file with an MLM head and no NSP head is a `Pretraining` without the latter, unless new heads are
    asked for. A file that does not say its problem type has single labels, or is a regression if it has one output.
    A `Classifier` or `Tagger` gets the names of its classes as `model.labels`. `dtype` is the file's own; half
    precision is widened to float32 unless you ask for it.

    Raises OSError when there is no such folder and no such name, ValueError for a config that bertlab does not
    support, and for damaged, unknown, missing or misshapen weights. Each names the file and the field or weight.
    """
    check_float_type(dtype)
    if not isinstance(kind, type | None) or kind not in (None, *ARCHITECTURES):
        raise TypeError(f"kind is {kind!r}; it must be {', '.join(k.__name__ for k in ARCHITECTURES)} or None")
    folder = find_model_folder(where, revision)
    config, settings = read_config(folder / "config.json")
    file, weights = read_weights(folder)
    requested = {"num_labels": num_labels, "problem_type": problem_type}
    requested = {name: value for name, value in requested.items() if value is not None}
    try:
        weights = from_hf_names(drop_foreign_classifier(weights, settings, kind))
        kind = kind or infer_model_class(list_parts(weights), settings)
        head = choose_head(settings, weights, kind, requested, new_heads)
        model = build_model(kind, config, head, weights, new_heads, dtype)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    if kind in LABELLED_HEADS:
        names, count = settings["id2label"], model.num_labels
        if names and "output.weight" in weights and sorted(names) != list(range(count)):
            raise ValueError(
                f"{folder / 'config.json'}: id2label names the classes {list_first_names(map(str, names))}, but the "
                f"classifier in {file.name} has {count}, from 0 to {count - 1}: correct id2label, or leave it out"
            )
        names = names if len(names) == count else {}
        model.labels = tuple(names.get(i, f"LABEL_{i}") for i in range(count))
        if "classifier_dropout" in settings and settings["classifier_dropout"] is not None:
            model.dropout.p = settings["classifier_dropout"]
    return model


def drop_foreign_classifier(weights: dict[str, Tensor], settings: dict, kind: type | None) -> dict[str, Tensor]:
    """The weights without a `classifier` that labels something else than the `kind` does: texts, tokens, or choices.

    Raises ValueError if the kind is left to the file and bertlab has no such head, so that no head is lost unnoticed.
    """
    architecture = get_architecture(settings)
    ours = architecture in ARCHITECTURES.values() or not architecture.startswith("BertFor")
    same = kind not in LABELLED_HEADS or architecture not in [ARCHITECTURES[k] for k in LABELLED_HEADS if k is not kind]
    foreign = [] if ours and same else [name for name in weights if name.startswith("classifier.")]
    if foreign and kind is None:
        raise ValueError(
            f"bertlab has no head for {list_first_names(foreign)} of a {architecture}: kind=Bert loads it without"
        )
    return {name: tensor for name, tensor in weights.items() if name not in foreign}


def infer_model_class(heads: set[str], settings: dict) -> type[nn.Module]:
    """The kind of model with these heads. Only config.json knows whether a `classifier` labels texts or tokens."""
    if heads & {"mlm", "nsp"}:
        return Pretraining
    if "spans" in heads:
        return SpanFinder
    if "output" in heads:
        return Tagger if get_architecture(settings) == ARCHITECTURES[Tagger] else Classifier
    return Bert


def get_architecture(settings: dict) -> str:
    """The class that transformers would load."""
    return (settings.get("architectures") or ["?"])[0]


def choose_head(settings: dict, weights: dict[str, Tensor], kind: type, requested: dict, new_heads: bool) -> dict:
    """num_labels and perhaps problem_type of the head: as `requested`, else as in the file. Raises ValueError.

    A head in the file that differs from the requested one is removed from `weights`, if `new_heads` allows it.
    """
    for name, value in requested.items():
        if kind not in (LABELLED_HEADS if name == "num_labels" else [Classifier]):
            raise ValueError(f"{name} is {value!r}, but this is a {kind.__name__}: say kind=Classifier")
    if kind not in LABELLED_HEADS:
        return {}
    in_file = {}
    if "output.weight" in weights:
        in_file["num_labels"] = len(weights["output.weight"])
        # transformers also takes a single output for a regression
        problem_type = settings.get("problem_type") or ("regression" if in_file["num_labels"] == 1 else None)
        if kind is Classifier and problem_type:
            in_file["problem_type"] = problem_type
    elif "num_labels" not in requested:
        raise ValueError("there is no classifier: say num_labels=..., and new_heads=True to start a new one")
    for name, value in requested.items():
        if in_file.get(name, value) != value:
            if not new_heads:
                raise ValueError(
                    f"the classifier in the file has {name} {in_file[name]!r}, and you ask for {value!r}: "
                    "new_heads=True starts a new one"
                )
            for weight in ("output.weight", "output.bias"):
                weights.pop(weight, None)
            return {"num_labels": in_file["num_labels"]} | requested
    return in_file | requested


def build_model(
    kind: type, config: BertConfig, head: dict, weights: dict[str, Tensor], new_heads: bool, dtype: torch.dtype | None
) -> nn.Module:
    """A model of this kind with these weights, in eval mode. Raises ValueError for weights that do not fit it."""
    check_sizes(config, weights)
    random = torch.get_rng_state()
    with torch.device("cpu"):
        model = kind(config, **head)
    found = list_parts(weights)
    if kind is Pretraining and not new_heads and "mlm" in found and "nsp" not in found:
        model.drop_next_sentence(keep_pooler="pooler" in found)
    shapes = {("bert." if kind is Bert else "") + name: p.shape for name, p in model.state_dict().items()}
    used = list_parts(shapes)
    weights = {name: tensor for name, tensor in weights.items() if get_part(name) in used}
    new = used - list_parts(weights) - {"bert"}
    check_weights(weights, shapes, new)
    if new and not new_heads:
        raise ValueError(
            f"a {kind.__name__} needs {list_first_names(sorted(new))}, which is not in the file: new_heads=True starts "
            "that from random weights, or ask for another kind"
        )
    own = weights["bert.embeddings.words.weight"].dtype
    dtype = dtype or (torch.float32 if own in (torch.float16, torch.bfloat16) else own)
    weights = {name.removeprefix("bert.") if kind is Bert else name: tensor for name, tensor in weights.items()}
    model.to(dtype).load_state_dict(weights, strict=not new)
    if not new:
        torch.set_rng_state(random)  # every random weight was overwritten: the caller's random numbers go on unchanged
    return model.eval()


def check_sizes(config: BertConfig, weights: dict[str, Tensor]) -> None:
    """Raise ValueError if the weights do not have the sizes of the config: before memory is asked for those."""
    D, expand = config.hidden_size, "bert.layers.{}.feed_forward.expand.weight"
    shapes = {
        "bert.embeddings.words.weight": (config.vocab_size, D),
        "bert.embeddings.positions.weight": (config.max_position_embeddings, D),
        "bert.embeddings.segments.weight": (config.type_vocab_size, D),
        expand.format(0): (config.intermediate_size, D),
    }
    check_shapes({name: weights[name] for name in shapes if name in weights}, shapes)
    missing = [name for name in shapes if name not in weights]
    numbers = [int(name.split(".")[2]) for name in weights if name.startswith("bert.layers.")]
    if config.num_hidden_layers > max(numbers, default=0) + 1:
        missing.append(expand.format(max(numbers, default=0) + 1))
    if missing:
        raise ValueError(f"missing weights: {list_first_names(translate_name(name, OUR_TO_HF) for name in missing)}")


def check_weights(weights: dict[str, Tensor], shapes: dict[str, torch.Size], new: set[str]) -> None:
    """Raise ValueError for a weight that the model does not have, one that is missing outside the `new` heads, or one
    of another shape."""
    if unknown := [translate_name(name, OUR_TO_HF) for name in weights if name not in shapes]:
        raise ValueError(f"unknown weights: {list_first_names(unknown)}. By config.json the model does not have them")
    missing = [name for name in shapes if name not in weights and get_part(name) not in new]
    if missing:
        raise ValueError(f"missing weights: {list_first_names(translate_name(name, OUR_TO_HF) for name in missing)}")
    check_shapes(weights, shapes)
    for name, tensor in weights.items():
        their_name = translate_name(name, OUR_TO_HF)
        if not tensor.is_floating_point():
            raise ValueError(f"{their_name} holds {tensor.dtype}: quantised weights are not supported")
        if not tensor.isfinite().all():
            raise ValueError(
                f"{their_name} holds nan or infinity: the training that wrote it failed. Take another file"
            )


def check_shapes(weights: dict[str, Tensor], shapes: dict[str, Sequence[int]]) -> None:
    """Raise ValueError for a weight of another shape."""
    for name, tensor in weights.items():
        their_name, shape, expected = translate_name(name, OUR_TO_HF), tuple(tensor.shape), tuple(shapes[name])
        if shape != expected:
            raise ValueError(f"{their_name} has shape {shape}; by config.json it must be {expected}")


def check_float_type(dtype: torch.dtype | None) -> None:
    """Raise ValueError for a type that weights cannot have: whole numbers would all become 0."""
    if not isinstance(dtype, torch.dtype | None) or dtype not in (None, *FLOATS):
        names = ", ".join(map(str, FLOATS))
        raise ValueError(f"dtype is {dtype!r:.40}; weights are {names}")


def check_vocabulary(tokenizer, model: nn.Module, folder: str | Path) -> None:
    """Raise ValueError if the vocabulary has more words than the model: then it is another model's. Print a line on
    standard error if it has fewer, as some files do, whose last rows are not used."""
    words, rows = len(tokenizer), model.config.vocab_size
    try:
        check_embeddings(model, tokenizer)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
    if words < rows:
        print(
            f"{folder}: the vocabulary has {words:,} words, the model {rows:,}; the rest is not used", file=sys.stderr
        )


def list_parts(names: Iterable[str]) -> set[str]:
    """The parts of a model that weights with our names belong to."""
    return {get_part(name) for name in names}


def get_part(name: str) -> str:
    """bert, pooler, mlm, nsp, output or spans."""
    return name.partition(".")[0]


# ---- Save ------------------------------------------------------------------------------------------------------------


@doing("saving the model")
def save(
    model: nn.Module,
    folder: str | Path,
    tokenizer=None,
    *,
    dtype: torch.dtype | None = None,
    labels: Sequence[str] | None = None,
) -> Path:
    """Write config.json and model.safetensors (and the vocabulary, with a `tokenizer`) as transformers reads them.

    A `Pretraining` opens as `BertForPreTraining` or `BertForMaskedLM` (without an NSP head only as the latter), a
    `Classifier` as `BertForSequenceClassification` and a `Tagger` as `BertForTokenClassification`, both with the names
    `labels`, a `SpanFinder` as `BertForQuestionAnswering`, a `Writer` as `BertForMaskedLM`, a `Bert` or `BiEncoder` as
    `BertModel` with `add_pooling_layer=False`: they have no pooler. `dtype` (such as torch.float16, half as large)
    converts what is written, not the model.

    A kill at any moment leaves the former model or the new one, as `load` and `WordPiece.load` read them. The files are
    written to a hidden folder inside `folder`; one rename then commits them, and each is moved into place. If the
    process is killed during these last moves, the next `load` or `save` completes them. Only a program that knows
    nothing of this, such as transformers, can until then find some new files beside former ones. Other files of the
    folder stay.

    Returns the folder. Raises TypeError for a model that is not one of ARCHITECTURES, ValueError for labels or a
    vocabulary that do not fit it, OSError when it cannot be written. Before the commit nothing has changed then.
    """
    check_path(folder, "folder")
    if tokenizer is not None and not hasattr(tokenizer, "vocab"):
        raise TypeError(f"tokenizer is {describe_value(tokenizer)}; it must be a WordPiece")
    check_float_type(dtype)
    kind = next((kind for kind in ARCHITECTURES if isinstance(model, kind)), None)
    if kind is None:
        raise TypeError(
            f"a {type(model).__name__} cannot be saved, only {', '.join(k.__name__ for k in ARCHITECTURES)}"
        )
    if tokenizer is not None and len(tokenizer.vocab) > model.config.vocab_size:
        raise ValueError(f"the vocabulary has {len(tokenizer.vocab)} words, the model {model.config.vocab_size}")
    whole = model.bert if kind is BiEncoder else model
    weights = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in whole.state_dict().items()}
    has_no_nsp = kind is Pretraining and model.nsp is None
    settings = {
        "architectures": [ARCHITECTURES[Writer if has_no_nsp else kind]],
        "dtype": str(next(iter(weights.values())).dtype).removeprefix("torch."),
    }
    settings |= ONLY_VALUES | asdict(model.config)
    if kind in LABELLED_HEADS:
        settings |= describe_head(model, labels)
    elif labels is not None:
        raise ValueError(f"a {kind.__name__} has no classes to label")
    folder = expand_home(folder).resolve()
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file: a model is saved to a folder")
    with replace_files(folder) as staging:
        (staging / "config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        save_tensors(to_hf_names(weights), staging / "model.safetensors", {"format": "pt"})
        if tokenizer is not None:
            tokenizer.save(staging, max_length=model.config.max_position_embeddings)
    return folder


def describe_head(model: nn.Module, labels: Sequence[str] | None) -> dict:
    """The fields of config.json that describe a classifier or tagger. Raises ValueError for labels that do not fit."""
    labels = list(labels or getattr(model, "labels", None) or (f"LABEL_{i}" for i in range(model.num_labels)))
    if len(set(labels)) != len(labels) or len(labels) != model.num_labels:
        raise ValueError(f"labels are {labels}: {model.num_labels} different names are needed, one for each class")
    settings = {"id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)}}
    if isinstance(model, Classifier):
        settings["problem_type"] = model.problem_type
    if model.dropout.p != model.config.hidden_dropout_prob:
        settings["classifier_dropout"] = model.dropout.p
    return settings
