"""The files of a model, as transformers writes them: config.json, and the weights in one file or in several.

What each setting means is said here or in `BertConfig`; one that bertlab's BERT does not have is refused by name.
"""

import re
from dataclasses import fields
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from .files import check_regular_file, is_complete_text, read_json
from .heads import PROBLEM_TYPES
from .model import BertConfig
from .weight_names import list_first_names

# The only values of these fields of config.json that bertlab supports. They are also the values of missing fields.
ONLY_VALUES = {
    "model_type": "bert",
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
    "tie_word_embeddings": True,
}
# As above, for fields that are not written. Empty values count as missing.
UNSUPPORTED = ("is_encoder_decoder", "pruned_heads", "quantization_config", "per_layer_config", "auto_map")
WRAPPERS = ("state_dict", "model_state_dict", "model")  # where a training program's checkpoint has the weights
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


# ---- config.json -----------------------------------------------------------------------------------------------------


def read_config(file: Path) -> tuple[BertConfig, dict]:
    """Read config.json: the sizes, and all settings. Raises ValueError for a value that bertlab does not support."""
    if not file.exists():
        raise FileNotFoundError(f"there is no {file}: give a folder that `bertlab.save` or transformers wrote")
    try:
        settings = read_json(file)
    except ValueError as error:
        raise ValueError(f"{file} is not JSON: {error}") from None
    if not isinstance(settings, dict):
        raise ValueError(f"{file} holds no settings, but {settings!r:.40}")
    only_values = ONLY_VALUES | {name: None for name in UNSUPPORTED if settings.get(name)}
    for name, only in only_values.items():
        if settings.get(name, only) != only:
            has = f"only {only!r}" if only is not None else "no such setting"
            raise ValueError(
                f"{file}: {name} is {settings[name]!r:.60}; bertlab's BERT has {has}: use transformers for this model"
            )
    check_architectures(file, settings)
    sizes = {f.name: settings[f.name] for f in fields(BertConfig) if f.name in settings}
    for name, value in sizes.items():
        if name != "hidden_act" and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ValueError(f"{file}: {name} is {value!r:.60}; it must be a number")
    try:
        return BertConfig(**sizes), settings | {"id2label": read_label_names(settings), **check_head(settings)}
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def check_architectures(file: Path, settings: dict) -> None:
    """Raise ValueError unless `architectures` is a list of names, or missing."""
    names = settings.get("architectures") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f'{file}: architectures is {names!r:.60}; it must be a list of names, ["BertModel"]')


def check_head(settings: dict) -> dict:
    """The dropout of a classifier, if it has its own. Raises ValueError for what is not a share, and for a kind of
    problem that there is not."""
    problem_type = settings.get("problem_type")
    if problem_type is not None and problem_type not in PROBLEM_TYPES:
        raise ValueError(f"problem_type is {problem_type!r:.60}; it must be one of {', '.join(PROBLEM_TYPES)}")
    dropout = settings.get("classifier_dropout")
    if dropout is None:
        return {}
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise ValueError(f"classifier_dropout is {dropout!r:.60}; it must be at least 0 and below 1, or null")
    return {"classifier_dropout": float(dropout)}


def read_label_names(settings: dict) -> dict[int, str]:
    """The names of classes by number, {} if the file has none. Raises ValueError for another form."""
    table = settings.get("id2label")
    if table is None:
        return {}
    if not isinstance(table, dict):
        raise ValueError(f'id2label is {table!r:.60}; it must be an object {{"0": name, "1": name}}')
    names = {}
    for key, name in table.items():
        if not re.fullmatch(r"[0-9]{1,9}", key):
            raise ValueError(f"id2label has the key {key!r:.60}; each must be the number of a class, from 0")
        if not isinstance(name, str):
            raise ValueError(f"id2label[{key}] is {name!r:.60}; the name of a class must be a text")
        if not is_complete_text(name):
            raise ValueError(f"id2label[{key}] is {name!r:.60}, half a character: correct it")
        if name in names.values():
            raise ValueError(f"id2label has the name {name!r:.60} twice; every class needs its own")
        names[int(key)] = name
    return names


# ---- Weights ---------------------------------------------------------------------------------------------------------


def read_weights(folder: Path) -> tuple[Path, dict[str, Tensor]]:
    """The weights file of a folder, or the index of several, and the tensors by name. Nothing but tensors is ever
    unpickled.

    Of several forms, safetensors come before pickles, and one file before several. Raises FileNotFoundError when there
    is none, ValueError for one that is damaged.
    """
    for name, read in (("model.safetensors", read_safetensors), ("pytorch_model.bin", read_pickle)):
        for file in (folder / name, folder / f"{name}.index.json"):
            if file.exists():
                check_regular_file(file)
                weights = read(file) if file.suffix != ".json" else read_shards(file, read)
                check_tensors(file, weights)
                return file, weights
    names = list_first_names(sorted(path.name for path in folder.iterdir()))
    raise FileNotFoundError(f"{folder} has no model.safetensors and no pytorch_model.bin, only {names}")


def read_safetensors(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{file} is damaged or cut short ({error}): download or save it again") from None


def read_pickle(file: Path) -> dict[str, Tensor]:
    """The tensors of a .bin, also of one in which a training program keeps more than the weights."""
    try:
        weights = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a pickle can fail in any way
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"{file} is damaged, or holds more than weights ({reason})") from None
    if isinstance(weights, dict):
        inner = [weights[name] for name in WRAPPERS if isinstance(weights.get(name), dict)]
        weights = inner[0] if len(inner) == 1 else weights
    if not isinstance(weights, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in weights.items()
    ):
        raise ValueError(f"{file} holds no table of weights by name")
    return weights


def read_shards(index_file: Path, read) -> dict[str, Tensor]:
    """The tensors of several files that an index names. Raises ValueError if one is missing or in another file."""
    try:
        index = read_json(index_file)
    except ValueError as error:
        raise ValueError(f"{index_file} is not JSON: {error}") from None
    places = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        raise ValueError(f"{index_file}: weight_map is {places!r:.60}; it must be an object of weights and their files")
    weights: dict[str, Tensor] = {}
    for name in sorted(set(places.values())):
        if name != Path(name).name or name.startswith("."):
            raise ValueError(f"{index_file}: weight_map names {name!r:.60}; it must be a file of the same folder")
        file = index_file.parent / name
        if not file.is_file():
            raise FileNotFoundError(f"there is no {file}, which {index_file.name} names: download it too")
        tensors = read(file)
        if twice := [key for key in tensors if key in weights]:
            raise ValueError(f"{file}: {list_first_names(twice)} is in another file of {index_file.name} too")
        if missing := [key for key, place in places.items() if place == name and key not in tensors]:
            raise ValueError(f"{file} lacks {list_first_names(missing)}, which {index_file.name} says is there")
        weights |= tensors
    if unlisted := [key for key in weights if key not in places]:
        raise ValueError(f"{index_file}: weight_map lacks {list_first_names(unlisted)}, which the files hold")
    return weights


def check_tensors(file: Path, weights: dict[str, Tensor]) -> None:
    """Raise ValueError for tensors that are not plain numbers in memory, such as sparse ones."""
    for name, tensor in weights.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            raise ValueError(f"{file}: {name} is no plain tensor: quantised and sparse weights are not supported")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise ValueError(f"{file} is damaged: {name} has shape {tuple(tensor.shape)}, and fewer numbers")
        if tensor.is_floating_point() and tensor.dtype not in FLOATS:
            raise ValueError(f"{file}: {name} holds {tensor.dtype}: quantised weights are not supported")
