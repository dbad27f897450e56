"""Google's own BERT checkpoints, which TensorFlow 1 wrote: read, renamed, and saved as everything else here opens them.

TensorFlow reads the file, and is needed for nothing else: `pip install tensorflow-cpu`.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from .failures import doing
from .model_files import read_config
from .tokenizer_files import read_vocab_file
from .weight_names import from_hf_names, list_first_names
from .weights import build_model, choose_head, infer_model_class, list_parts, save
from .wordpiece import WordPiece

# Only training needs these: the moments of Adam, the powers of its betas, and the number of the step.
TRAINING_STATE = re.compile(r"(^|/)(adam_[mv]|Adam(_\d)?|beta\d_power|global_step|good_steps|loss_scale)$")
# The last part of a name there, and here. A kernel is transposed: TensorFlow has (in, out), PyTorch (out, in).
LEAVES = {
    "kernel": "weight", "gamma": "weight", "beta": "bias", "bias": "bias",
    "output_weights": "weight", "output_bias": "bias",
}  # fmt: skip
HEADS = {"output_weights": "classifier.weight", "output_bias": "classifier.bias"}  # of run_classifier.py
SPANS = {"cls.squad": "qa_outputs"}  # of run_squad.py


@dataclass(frozen=True)
class Converted:
    """What `convert_checkpoint` made, with what it left out and what it guessed."""

    folder: Path
    model: nn.Module
    left_out: tuple[str, ...]  # the names of the state of training
    cased: bool


def find_checkpoint(where: Path) -> str:
    """The name without ending that TensorFlow wants, of a folder or of one of the files, such as bert_model.ckpt.

    Raises FileNotFoundError when there is none, ValueError when a folder has several.
    """
    if where.is_dir():
        found = sorted(where.glob("*.index"))
        if not found:
            raise FileNotFoundError(f"{where} has no checkpoint of TensorFlow: none of its files ends in .index")
        if len(found) > 1:
            raise ValueError(
                f"{where} has {len(found)} checkpoints: give one of them, such as {found[-1].with_suffix('')}"
            )
        return str(found[0].with_suffix(""))
    prefix = re.sub(r"\.(index|meta|data-\d{5}-of-\d{5})$", "", str(where))
    if not Path(f"{prefix}.index").exists():
        raise FileNotFoundError(f"there is no {prefix}.index: give the folder of a checkpoint, or one of its files")
    return prefix


def translate_tensorflow_name(name: str) -> str:
    """Hugging Face's name of a weight with one of Google's names.

    >>> translate_tensorflow_name("bert/encoder/layer_3/attention/self/key/kernel")
    'bert.encoder.layer.3.attention.self.key.weight'
    """
    if name in HEADS:
        return HEADS[name]
    if name == "cls/predictions/output_bias":
        return "cls.predictions.bias"
    *parts, leaf = name.split("/")
    part = ".".join(re.sub(r"^layer_(\d+)$", r"layer.\1", one) for one in parts)
    if leaf.endswith("_embeddings"):
        return f"{part}.{leaf}.weight"
    return f"{SPANS.get(part, part)}.{LEAVES.get(leaf, leaf)}"


def read_tensorflow_weights(prefix: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The weights of a checkpoint by Hugging Face's names, and the names of what only training needs.

    Raises ModuleNotFoundError without tensorflow, ValueError for a file that it cannot read.
    """
    import tensorflow

    try:
        reader = tensorflow.train.load_checkpoint(prefix)
        names = sorted(reader.get_variable_to_shape_map())
        needed = [name for name in names if not TRAINING_STATE.search(name)]
        arrays = {name: torch.from_numpy(reader.get_tensor(name).copy()) for name in needed}
    except Exception as error:  # TensorFlow has errors of its own kinds
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"{prefix}: tensorflow cannot read this checkpoint ({first})") from error
    weights = {
        translate_tensorflow_name(name): (array.T.contiguous() if name.endswith("/kernel") else array).float()
        for name, array in arrays.items()
    }
    return weights, tuple(name for name in names if TRAINING_STATE.search(name))


def has_capitals(vocab: list[str]) -> bool:
    """Whether a word of the vocabulary has a capital letter. In those of uncased models only [UNK] and its kind do."""
    return any(token != token.lower() for token in vocab if not re.fullmatch(r"\[.*\]", token))


@doing("converting the checkpoint")
def convert_checkpoint(where: str | Path, out: str | Path, cased: bool | None = None) -> Converted:
    """Convert a checkpoint of google-research/bert to a folder `out`, as `save` writes it, and return what was made.

    `where` is the folder as it is downloaded (bert_config.json, vocab.txt and bert_model.ckpt.*), or one checkpoint in
    such a folder. A pre-trained model comes with its MLM and NSP head, one of run_classifier.py or run_squad.py with
    its own; a checkpoint does not hold the names of classes. `cased` says whether the tokenizer keeps capitals and
    accents, which Google's folders do not record. None looks whether the vocabulary has capital letters.

    Raises FileNotFoundError for a file that is missing, ModuleNotFoundError without tensorflow, and ValueError for a
    model that is no BERT, with the first names that are not known.
    """
    prefix = find_checkpoint(Path(where))
    folder = Path(prefix).parent
    config_file, vocab_file = folder / "bert_config.json", folder / "vocab.txt"
    for file in (config_file, vocab_file):
        if not file.exists():
            raise FileNotFoundError(f"there is no {file}: it belongs to the checkpoint, copy it into this folder")
    config, settings = read_config(config_file)
    theirs, left_out = read_tensorflow_weights(prefix)
    try:
        weights = from_hf_names(theirs)
        if "output.weight" in weights:
            settings |= {"architectures": ["BertForSequenceClassification"]}
        kind = infer_model_class(list_parts(weights), settings)
        model = build_model(kind, config, choose_head(settings, weights, kind, {}, False), weights, False, None)
    except ValueError as error:
        raise ValueError(f"{prefix}: {error}") from None
    vocab = read_vocab_file(vocab_file)
    if len(vocab) != config.vocab_size:
        raise ValueError(f"{vocab_file} has {len(vocab):,} words, and {config_file} says {config.vocab_size:,}")
    cased = has_capitals(vocab) if cased is None else cased
    tokenizer = WordPiece(vocab, lower=not cased)
    return Converted(save(model, out, tokenizer), model, left_out, cased)


def describe_conversion(converted: Converted) -> str:
    """Lines that say what was converted, what was left out, and what was guessed."""
    count = sum(weight.numel() for weight in converted.model.parameters())
    kept = "keeps" if converted.cased else "drops"
    lines = [f"{converted.folder}: a {type(converted.model).__name__} of {count:,} parameters, as bertlab and "
             f"transformers open it; its tokenizer {kept} capitals and accents"]  # fmt: skip
    if classes := getattr(converted.model, "num_labels", 0):
        lines += [f"its {classes} classes have no names in the checkpoint: they are LABEL_0 to LABEL_{classes - 1}, in "
                  "the order of its training (config.json, id2label)"]  # fmt: skip
    if converted.left_out:
        lines += [f"left out: {len(converted.left_out):,} arrays that only training needs "
                  f"({list_first_names(converted.left_out, 2)})"]  # fmt: skip
    return "\n".join(lines)
