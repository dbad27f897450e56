"""The names of weights, ours and Hugging Face's: one table, read forwards to save a model and backwards to load one."""

import re
from collections.abc import Iterable

import torch
from torch import Tensor

# Our name and Hugging Face's name of each part; {} is the number of the layer. Every part has a weight, a bias or both.
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

# Hugging Face's decoder repeats two of our weights. They are tied, so a copy in a file must equal the original. Like
# transformers, `save` writes no copies: version 5.0 of transformers would untie them.
TIED_COPIES = {
    "cls.predictions.decoder.weight": "bert.embeddings.words.weight",
    "cls.predictions.decoder.bias": "mlm.bias",
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
    """Rename the weights of one of our models (its `state_dict()`) to Hugging Face's names; the tensors are shared.

    A plain `Bert` gets the names of a `BertModel`, which do not begin with `bert.`.
    """
    bare = "embeddings.words.weight" in weights
    theirs = {translate_name("bert." + name if bare else name, OUR_TO_HF): tensor for name, tensor in weights.items()}
    return {name.removeprefix("bert."): tensor for name, tensor in theirs.items()} if bare else theirs


def from_hf_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename weights with Hugging Face's names to ours, all with `bert.`; the tensors are shared.

    Accepts the names of a `BertModel`, which do not begin with `bert.`, the old gamma and beta of a LayerNorm, and what
    DataParallel, torch.compile and training programs put before all names.
    Leaves out the numbered positions of old files. Raises ValueError for a name that is not in the table, for a weight
    that occurs twice, and for a tied copy that does not equal its original.
    """
    ours: dict[str, Tensor] = {}
    unknown = []
    weights = drop_wrapper_prefixes(weights)
    for name, tensor in weights.items():
        if name.endswith("embeddings.position_ids") or name in TIED_COPIES:
            continue
        full = f"bert.{name}" if name.startswith(("embeddings.", "encoder.", "pooler.")) else name
        full = full.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
        our = translate_name(full, HF_TO_OUR)
        if our is None:
            unknown.append(name)
        elif our in ours:
            raise ValueError(f"{name} occurs twice, under an old and a new name")
        else:
            ours[our] = tensor
    if unknown:
        raise ValueError(f"unknown weights: {list_first_names(unknown)}. bertlab does not support this kind of BERT")
    for copy, original in TIED_COPIES.items():
        if copy in weights and not torch.equal(weights[copy], ours.setdefault(original, weights[copy])):
            raise ValueError(f"{copy} differs from {translate_name(original, OUR_TO_HF)}: bertlab's BERT ties them")
    return ours


def drop_wrapper_prefixes(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights without the names of the modules around the model: `module.bert...`, `model._orig_mod.bert...`.

    Raises ValueError for a weight that occurs twice then.
    """
    plain: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        short = re.sub(r"^((module|model|_orig_mod)\.)+", "", name)
        if short in plain:
            raise ValueError(f"{name} occurs twice, with and without the prefix of a wrapper")
        plain[short] = tensor
    return plain


def list_first_names(names: Iterable[str], most: int = 4) -> str:
    """The first few names in words: "a, b and 7 more"."""
    names = list(names)
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "") if names else "nothing"
