"""Weights to and from Hugging Face: one table of names, read forwards to save and backwards to load."""

import ctypes
import filecmp
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .heads import Classifier, Pretraining, SpanFinder, Tagger
from .model import Bert, BertConfig
from .writing import Writer

# Ours and Hugging Face's name of each part; {} is the number of the layer. Every part has a weight, a bias or both.
OUR_TO_HF = {
    "bert.embeddings.words": "bert.embeddings.word_embeddings",
    "bert.embeddings.positions": "bert.embeddings.position_embeddings",
    "bert.embeddings.segments": "bert.embeddings.token_type_embeddings",
    "bert.embeddings.norm": "bert.embeddings.LayerNorm",
    "bert.layers.{}.attention.query": "bert.encoder.layer.{}.attention.self.query",
    "bert.layers.{}.attention.key": "bert.encoder.layer.{}.attention.self.key",
    "bert.layers.{}.attention.value": "bert.encoder.layer.{}.attention.self.value",
    "bert.layers.{}.attention.output": "bert.encoder.layer.{}.attention.output.dense",
    "bert.layers.{}.attention_norm": "bert.encoder.layer.{}.attention.output.LayerNorm",
    "bert.layers.{}.feed_forward.expand": "bert.encoder.layer.{}.intermediate.dense",
    "bert.layers.{}.feed_forward.contract": "bert.encoder.layer.{}.output.dense",
    "bert.layers.{}.feed_forward_norm": "bert.encoder.layer.{}.output.LayerNorm",
    "pooler.dense": "bert.pooler.dense",
    "mlm.dense": "cls.predictions.transform.dense",
    "mlm.norm": "cls.predictions.transform.LayerNorm",
    "mlm": "cls.predictions",  # its bias, one for each word
    "nsp": "cls.seq_relationship",
    "output": "classifier",  # of texts, or of tokens
    "spans": "qa_outputs",
}
HF_TO_OUR = {theirs: ours for ours, theirs in OUR_TO_HF.items()}

# Hugging Face's decoder repeats two of our weights. They are tied: a copy in a file must equal the original. We write
# no copies, as transformers does itself; its 5.0 would untie them.
TIED_COPIES = {
    "cls.predictions.decoder.weight": "bert.embeddings.words.weight",
    "cls.predictions.decoder.bias": "mlm.bias",
}

ARCHITECTURES = {
    Bert: "BertModel",
    Pretraining: "BertForPreTraining",
    Classifier: "BertForSequenceClassification",
    Tagger: "BertForTokenClassification",
    SpanFinder: "BertForQuestionAnswering",
    Writer: "BertForMaskedLM",  # the same parts; only the mask differs, and no config.json tells of that
}
LABELLED_HEADS = (Classifier, Tagger)  # those with names for their classes

# What a config.json may say of a model that ours can be. A field that it leaves out has this value.
ONLY_VALUES = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
    "tie_word_embeddings": True,
}


def translate_name(name: str, table: dict[str, str]) -> str | None:
    """A weight's name by `OUR_TO_HF` from ours to Hugging Face's, or by `HF_TO_OUR` back; None if the table lacks it.

    >>> translate_name("bert.layers.3.attention.key.bias", OUR_TO_HF)
    'bert.encoder.layer.3.attention.self.key.bias'
    """
    part, _, leaf = name.rpartition(".")  # bert.layers.3.attention.key, bias
    number = re.search(r"(?<=\.)\d+(?=\.)", part)
    row = table.get(part.replace(f".{number[0]}.", ".{}.", 1) if number else part)
    return None if row is None else f"{row.format(number and number[0])}.{leaf}"


def to_hf_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a model of ours (its `state_dict()`) under Hugging Face's names; the tensors are shared.

    A plain `Bert` gets the names of a `BertModel`, which begin without `bert.`.
    """
    bare = "embeddings.words.weight" in weights
    theirs = {translate_name("bert." + name if bare else name, OUR_TO_HF): tensor for name, tensor in weights.items()}
    return {name.removeprefix("bert."): tensor for name, tensor in theirs.items()} if bare else theirs


def from_hf_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights under Hugging Face's names under ours, all with `bert.`; the tensors are shared.

    Understands the names of a `BertModel`, which begin without `bert.`, and the old gamma and beta of a LayerNorm.
    Leaves out the numbered positions that old files hold. Raises ValueError for a name that is in no row of the
    table, for one that is there twice, and for a copy that does not equal its original.
    """
    ours: dict[str, Tensor] = {}
    unknown = []
    for name, tensor in weights.items():
        if name.endswith("embeddings.position_ids") or name in TIED_COPIES:
            continue
        full = f"bert.{name}" if name.startswith(("embeddings.", "encoder.", "pooler.")) else name
        full = full.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
        our = translate_name(full, HF_TO_OUR)
        if our is None:
            unknown.append(name)
        elif our in ours:
            raise ValueError(f"{name} is there twice, under an old and a new name")
        else:
            ours[our] = tensor
    if unknown:
        raise ValueError(f"unknown weights: {list_first_names(unknown)}. This is not a BERT that bertlab can be")
    for copy, original in TIED_COPIES.items():
        if copy in weights and not torch.equal(weights[copy], ours.setdefault(original, weights[copy])):
            raise ValueError(
                f"{copy} differs from {translate_name(original, OUR_TO_HF)}: in bertlab's BERT they are one"
            )
    return ours


# ---- Load ------------------------------------------------------------------------------------------------------------


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
    """A model of the `kind` (one of KINDS) with the weights from `where`, in eval mode on the CPU.

    `where` is a folder with config.json and model.safetensors (or pytorch_model.bin) that `save` or transformers
    wrote, "minilm", "bertlab-mini", or a name on the Hugging Face hub, at a `revision` if you like. Without a `kind`
    the file says what it is: `Pretraining` if it has a part of that, else `SpanFinder`, `Tagger`, `Classifier` or
    `Bert`. A `Writer` must be asked for: its file is that of a masked-word model. What the kind has no use for is left
    out: the pooler for `Bert`, the masked-word head for `Classifier`.

    A head that the file lacks is an error, unless `new_heads=True`: then it starts from random weights (torch's
    seed). So does a classifier with another `num_labels` or `problem_type` than those you ask for; both are the file's
    own by default. A file that does not say its problem type has single labels, or is a regression if it has one
    output. A `Classifier` or `Tagger` gets the names of its classes as `model.labels`. `dtype` is the file's own; half
    precision is widened to float32 unless you ask for it.

    Raises OSError when there is no such folder and no such name, ValueError for a config that bertlab cannot honour,
    and for damaged, unknown, missing or misshapen weights. Each names the file and the field or weight.
    """
    if kind not in (None, *ARCHITECTURES):
        raise TypeError(f"kind is {kind!r}; it must be {', '.join(k.__name__ for k in ARCHITECTURES)} or None")
    folder = find_model_folder(where, revision)
    config, settings = read_config(folder / "config.json")
    file, weights = read_weights(folder)
    try:
        found = from_hf_names(drop_foreign_classifier(weights, settings, kind))
        kind = kind or infer_model_class(list_parts(found), settings)
        requested = {"num_labels": num_labels, "problem_type": problem_type}
        requested = {name: value for name, value in requested.items() if value is not None}
        for name, value in requested.items():
            if kind not in (LABELLED_HEADS if name == "num_labels" else [Classifier]):
                raise ValueError(f"{name} is {value!r}, but this is a {kind.__name__}: say kind=Classifier")
        return build_model(config, settings, found, kind, requested, new_heads, dtype)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def build_model(
    config: BertConfig,
    settings: dict,
    found: dict[str, Tensor],
    kind: type[nn.Module],
    requested: dict[str, object],
    new_heads: bool,
    dtype: torch.dtype | None,
) -> nn.Module:
    """The model that `load` returns, from the weights that were `found` in the file. Raises ValueError."""
    head = choose_head(settings, found, kind, requested, new_heads) if kind in LABELLED_HEADS else {}
    random = torch.get_rng_state()
    with torch.device("cpu"):
        model = kind(config, **head)
    shapes = {("bert." if kind is Bert else "") + name: p.shape for name, p in model.state_dict().items()}
    used = list_parts(shapes)
    found = {name: tensor for name, tensor in found.items() if get_part(name) in used}
    new = used - list_parts(found) - {"bert"}
    check_weights(found, shapes, new)
    if new and not new_heads:
        raise ValueError(
            f"a {kind.__name__} needs {list_first_names(sorted(new))}, which is not in the file: new_heads=True starts "
            "that from random weights, or ask for another kind"
        )
    own = found["bert.embeddings.words.weight"].dtype
    dtype = dtype or (torch.float32 if own in (torch.float16, torch.bfloat16) else own)
    found = {name.removeprefix("bert.") if kind is Bert else name: tensor for name, tensor in found.items()}
    model.to(dtype).load_state_dict(found, strict=not new)
    if not new:
        torch.set_rng_state(random)  # every random weight was overwritten, so the caller's random state can stay
    if kind in LABELLED_HEADS:
        names = settings.get("id2label") or {}
        names = names if len(names) == model.num_labels else {}
        model.labels = tuple(names.get(str(i), f"LABEL_{i}") for i in range(model.num_labels))
        if settings.get("classifier_dropout") is not None:
            model.dropout.p = settings["classifier_dropout"]
    return model.eval()


def choose_head(settings: dict, found: dict[str, Tensor], kind: type, requested: dict, new_heads: bool) -> dict:
    """num_labels and perhaps problem_type of the head: as `requested`, else as in the file. Raises ValueError.

    A head in the file that is of another kind than requested is dropped from `found`, where `new_heads` allows it.
    """
    in_file = {}
    if "output.weight" in found:
        in_file["num_labels"] = len(found["output.weight"])
        problem_type = settings.get("problem_type") or ("regression" if in_file["num_labels"] == 1 else None)
        if kind is Classifier and problem_type:  # transformers, too, takes a single label for a regression
            in_file["problem_type"] = problem_type
    elif "num_labels" not in requested:
        raise ValueError("there is no classifier: say num_labels=..., and new_heads=True to start one anew")
    for name, value in requested.items():
        if in_file.get(name, value) == value:
            continue
        if not new_heads:
            raise ValueError(
                f"the classifier in the file has {name} {in_file[name]!r}, and you ask for {value!r}: new_heads=True "
                "starts one anew"
            )
        for weight in ("output.weight", "output.bias"):
            found.pop(weight, None)
        return {"num_labels": in_file["num_labels"]} | requested
    return in_file | requested


def infer_model_class(heads: set[str], settings: dict) -> type[nn.Module]:
    """The kind of model with these heads. Of a `classifier` the file cannot tell what it labels: config.json does."""
    if heads & {"mlm", "nsp"}:
        return Pretraining
    if "spans" in heads:
        return SpanFinder
    if "output" in heads:
        return Tagger if get_architecture(settings) == ARCHITECTURES[Tagger] else Classifier
    return Bert


def get_architecture(settings: dict) -> str:
    return (settings.get("architectures") or ["?"])[0]


def check_weights(found: dict[str, Tensor], shapes: dict[str, torch.Size], new: set[str]) -> None:
    """ValueError for a weight that was found and has no place, is missing outside the `new` heads, or does not fit."""
    if odd := [translate_name(name, OUR_TO_HF) for name in found if name not in shapes]:
        raise ValueError(f"unknown weights: {list_first_names(odd)}. A model as config.json says has no place for them")
    if missing := [
        translate_name(name, OUR_TO_HF) for name in shapes if name not in found and get_part(name) not in new
    ]:
        raise ValueError(f"missing weights: {list_first_names(missing)}")
    for name, tensor in found.items():
        if tensor.shape != shapes[name]:
            shape, expected = tuple(tensor.shape), tuple(shapes[name])
            raise ValueError(
                f"{translate_name(name, OUR_TO_HF)} has shape {shape}; by config.json it must be {expected}"
            )
        if not tensor.is_floating_point():
            raise ValueError(
                f"{translate_name(name, OUR_TO_HF)} holds {tensor.dtype}: quantised weights are not supported"
            )


def get_part(name: str) -> str:
    """The part of a model that one of our names belongs to: bert, pooler, mlm, nsp, output or spans."""
    return name.partition(".")[0]


def list_parts(names: Iterable[str]) -> set[str]:
    return {get_part(name) for name in names}


def find_model_folder(where: str | Path, revision: str | None = None) -> Path:
    """The folder with the files of a model: one of yours, "minilm", "bertlab-mini", or what the hub has under this name
    (then cached).

    `WordPiece.load(find_model_folder("bert-base-uncased"))` gives the vocabulary that goes with
    `load("bert-base-uncased")`. Raises OSError when there is none.
    """
    folder = Path(where).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise NotADirectoryError(f"{where} is a file: give the folder that holds config.json and model.safetensors")
    former = folder.with_name(f".{folder.name}.former")
    if former.exists():
        raise FileNotFoundError(f"there is no folder {where}: a save was broken off, the former model is in {former}")
    if str(where) in ("minilm", "bertlab-mini"):
        from . import sources

        return sources.minilm() if str(where) == "minilm" else sources.bertlab_mini()
    if isinstance(where, Path) or not re.fullmatch(r"\w[\w.-]*(/[\w.-]+)?", where):
        raise FileNotFoundError(f"there is no folder {where}")
    from huggingface_hub import snapshot_download

    words = ["config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json"]
    try:
        for weights in ("model.safetensors", "pytorch_model.bin"):
            got = snapshot_download(where, revision=revision, allow_patterns=[*words, weights], etag_timeout=5)
            if (Path(got) / weights).exists():
                break
    except Exception as error:  # offline, no such name, gated, a full disk: its own words say which
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise OSError(
            f"there is no folder {where!r}, and the Hugging Face hub did not give a model of that name: {reason} "
            'Check the name and the network, or give a folder of yours, "minilm" or "bertlab-mini".'
        ) from error
    return Path(got)


def read_config(file: Path) -> tuple[BertConfig, dict]:
    """What config.json says: the sizes, and all of it. Raises ValueError for a field that bertlab cannot honour."""
    if not file.exists():
        raise FileNotFoundError(f"there is no {file}: give a folder that `bertlab.save` or transformers wrote")
    try:
        settings = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is not JSON: {error}") from None
    if not isinstance(settings, dict):
        raise ValueError(f"{file} holds no settings, but {settings!r:.40}")
    for name, only in ONLY_VALUES.items():
        if settings.get(name, only) != only:
            raise ValueError(f"{file}: {name} is {settings[name]!r}; bertlab's BERT has only {only!r}")
    sizes = {f.name: settings[f.name] for f in fields(BertConfig) if f.name in settings}
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{file}: {name} is {value!r}; it must be a number")
    try:
        return BertConfig(**sizes), settings
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def read_weights(folder: Path) -> tuple[Path, dict[str, Tensor]]:
    """The file with the weights in a folder, and what it holds. Nothing but weights is ever unpickled."""
    file = folder / "model.safetensors"
    if file.exists():
        try:
            return file, load_file(file)
        except (SafetensorError, ValueError) as error:
            raise ValueError(f"{file} is damaged or cut short ({error}): fetch it or save it anew") from None
    file = folder / "pytorch_model.bin"
    if file.exists():
        try:
            weights = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # a pickle can fail in any way
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ValueError(f"{file} is damaged, or holds more than weights ({reason})") from None
        if not isinstance(weights, dict) or not all(isinstance(tensor, Tensor) for tensor in weights.values()):
            raise ValueError(f"{file} holds no table of weights by name")
        return file, weights
    there = list_first_names(sorted(path.name for path in folder.iterdir()))
    raise FileNotFoundError(f"{folder} has no model.safetensors and no pytorch_model.bin, only {there}")


def drop_foreign_classifier(weights: dict[str, Tensor], settings: dict, kind: type | None) -> dict[str, Tensor]:
    """The weights without a `classifier` that does not label what the `kind` does: texts, tokens, or choices.

    Raises ValueError when nobody asked for a `kind` and bertlab has none: to lose the head would then be a surprise.
    """
    architecture = get_architecture(settings)
    ours = architecture in ARCHITECTURES.values() or not architecture.startswith("BertFor")
    same = kind not in LABELLED_HEADS or architecture not in [ARCHITECTURES[k] for k in LABELLED_HEADS if k is not kind]
    other = [] if ours and same else [name for name in weights if name.startswith("classifier.")]
    if other and kind is None:
        raise ValueError(
            f"bertlab has no head for {list_first_names(other)} of a {architecture}: load it with kind=Bert, without"
        )
    return {name: tensor for name, tensor in weights.items() if name not in other}


def list_first_names(names: Iterable[str], most: int = 4) -> str:
    """The first few names in words: "a, b and 7 more"."""
    names = list(names)
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "") if names else "nothing"


# ---- Save ------------------------------------------------------------------------------------------------------------


def save(
    model: nn.Module,
    folder: str | Path,
    wordpiece=None,
    *,
    dtype: torch.dtype | None = None,
    labels: Sequence[str] | None = None,
) -> Path:
    """Write config.json and model.safetensors (and the vocabulary, with a `wordpiece`) as transformers reads them.

    A `Pretraining` opens as `BertForPreTraining` or `BertForMaskedLM`, a `Classifier` as
    `BertForSequenceClassification` and a `Tagger` as `BertForTokenClassification`, both with the names `labels`, a
    `SpanFinder` as `BertForQuestionAnswering`, a `Writer` as `BertForMaskedLM`, a `Bert` as `BertModel` with
    `add_pooling_layer=False`: it has no pooler. `dtype` (such as torch.float16, half as large) converts what is
    written, not the model.

    A kill at any moment leaves the former model in the folder whole, or the new one. The folder's other files stay.
    Returns the folder. Raises TypeError for a model that is none of these, ValueError for labels or a vocabulary that
    do not fit it, OSError when it cannot be written; then nothing has changed.
    """
    kind = next((kind for kind in ARCHITECTURES if isinstance(model, kind)), None)
    if kind is None:
        raise TypeError(
            f"a {type(model).__name__} cannot be saved, only {', '.join(k.__name__ for k in ARCHITECTURES)}"
        )
    config: BertConfig = model.config
    if wordpiece is not None and len(wordpiece.vocab) > config.vocab_size:
        raise ValueError(f"the vocabulary has {len(wordpiece.vocab)} words, the model {config.vocab_size}")
    weights = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in model.state_dict().items()}
    settings = {
        "architectures": [ARCHITECTURES[kind]],
        "dtype": str(next(iter(weights.values())).dtype).removeprefix("torch."),
    }
    settings |= ONLY_VALUES | asdict(config)
    if kind in LABELLED_HEADS:
        labels = list(labels or getattr(model, "labels", None) or (f"LABEL_{i}" for i in range(model.num_labels)))
        if len(set(labels)) != len(labels) or len(labels) != model.num_labels:
            raise ValueError(f"labels are {labels}: {model.num_labels} different names are needed, one for each class")
        settings["id2label"] = dict(enumerate(labels))
        settings["label2id"] = {label: i for i, label in enumerate(labels)}
        if kind is Classifier:
            settings["problem_type"] = model.problem_type
        if model.dropout.p != config.hidden_dropout_prob:
            settings["classifier_dropout"] = model.dropout.p
    elif labels is not None:
        raise ValueError(f"a {kind.__name__} has no classes to label")

    folder = Path(folder).expanduser().resolve()
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file: a model is saved to a folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    clear_away(folder)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.{time.time_ns()}.saving")
    beside.mkdir()
    try:
        (beside / "config.json").write_text(json.dumps(settings, indent=2) + "\n", "utf-8")
        save_file(to_hf_names(weights), beside / "model.safetensors", metadata={"format": "pt"})
        if wordpiece is not None:
            wordpiece.save(beside, max_length=config.max_position_embeddings)
        put_in_place(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def put_in_place(beside: Path, folder: Path) -> None:
    """Give the files in `beside` the name `folder`, in one step wherever the system has one.

    The step is a rename: of the folder when there is none yet, of the file when only one differs from what stands there
    (the same model, trained on), else an exchange of the two folders. Where the system has no exchange (Windows, some
    network disks) it takes two renames; a kill in the instant between them leaves the former model as `.NAME.former`.
    """
    for path in (*beside.iterdir(), beside):
        to_disk(path)
    here = Path.cwd().is_relative_to(folder)  # who stands in a folder would stay in the one that goes away
    try:
        if not here:
            beside.rename(folder)
            return to_disk(folder.parent)
    except OSError:
        if not folder.is_dir():
            raise
    files = {path.name for path in beside.iterdir()}
    same = {name for name in files if (folder / name).is_file() and filecmp.cmp(beside / name, folder / name, False)}
    if len(files - same) <= 1:
        for name in files - same:
            os.replace(beside / name, folder / name)
        return to_disk(folder)
    if here:
        raise OSError(f"{folder} is the current folder, and cannot be exchanged as a whole: save to a folder inside it")
    for path in folder.iterdir():  # what is not ours stays
        if path.name not in files:
            if path.is_dir() and not path.is_symlink():
                shutil.copytree(path, beside / path.name, symlinks=True, copy_function=link)
            else:
                link(path, beside / path.name)
    if not exchange(beside, folder):
        former = folder.with_name(f".{folder.name}.former")
        shutil.rmtree(former, ignore_errors=True)
        folder.rename(former)
        beside.rename(folder)
        shutil.rmtree(former, ignore_errors=True)
    return to_disk(folder.parent)


def exchange(one: Path, other: Path) -> bool:
    """Two paths swap names in one step: True, or False where the system cannot (then nothing has changed)."""
    try:
        libc = ctypes.CDLL(None)
        names = os.fsencode(one), os.fsencode(other)
        if sys.platform == "darwin":
            return libc.renamex_np(*names, 2) == 0  # RENAME_SWAP
        here = -100  # AT_FDCWD: paths as open() reads them
        return libc.renameat2(here, names[0], here, names[1], 2) == 0  # RENAME_EXCHANGE
    except (AttributeError, OSError, TypeError):
        return False


def link(path: str | Path, to: str | Path) -> None:
    """A second name for a file; a copy where the disk knows no second names."""
    try:
        os.link(path, to, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(path, to, follow_symlinks=False)


def to_disk(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, has reached the disk."""
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        if not path.is_dir():  # network disks cannot do this for a folder
            raise
    finally:
        os.close(handle)


def clear_away(folder: Path) -> None:
    """Remove what saves to this folder that were killed an hour ago or longer have left beside it."""
    for path in folder.parent.iterdir():
        ours = path.name.startswith(f".{folder.name}.") and path.name.endswith(".saving")
        if ours and time.time() - path.stat().st_mtime > 3600:
            shutil.rmtree(path, ignore_errors=True)
