"""What the bench trains: five settings of pre-training and fine-tuning, with the rows and the first weights of each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .. import sources, tasks, vocabulary, weights
from ..corpus import encode_documents, pair_rows
from ..heads import Classifier, Pretraining
from ..masking import PretrainingCollate
from ..memory import check_training_memory
from ..model import BertConfig
from ..options import check_plan, option
from ..precision import choose_precision
from ..wordpiece import WordPiece


class SideKind(NamedTuple):
    """How a side trains: by whose loop, with rows of like length in a batch or not, in which precision."""

    trainer: bool
    grouped: bool
    precision: str


OURS, OURS_FLOAT32 = "bertlab", "bertlab, float32"
DYNAMIC, GROUPED = "Trainer, dynamic padding", "Trainer, grouped by length"  # the first is what it does by itself
DYNAMIC_BF16, GROUPED_BF16 = "Trainer, dynamic, bf16", "Trainer, grouped, bf16"
SIDES = {
    OURS: SideKind(trainer=False, grouped=True, precision="auto"),
    OURS_FLOAT32: SideKind(trainer=False, grouped=True, precision="no"),
    DYNAMIC: SideKind(trainer=True, grouped=False, precision="no"),
    DYNAMIC_BF16: SideKind(trainer=True, grouped=False, precision="bf16"),
    GROUPED: SideKind(trainer=True, grouped=True, precision="no"),
    GROUPED_BF16: SideKind(trainer=True, grouped=True, precision="bf16"),
}
WITH_BF16 = (OURS, OURS_FLOAT32, DYNAMIC, DYNAMIC_BF16, GROUPED_BF16)
WITHOUT_BF16 = (OURS, DYNAMIC, GROUPED)
SETTINGS = {
    "pretrain-sentences-8k": "pre-training, pairs of single sentences, vocabulary 8,000",
    "pretrain-packed-8k": "pre-training, rows filled with sentences, vocabulary 8,000",
    "pretrain-sentences-30k": "pre-training, pairs of single sentences, vocabulary 30,522",
    "pretrain-packed-30k": "pre-training, rows filled with sentences, vocabulary 30,522",
    "finetune": "fine-tuning, sentiment of film reviews",
}


@dataclass(frozen=True)
class BenchConfig:
    """What is measured, and for how long. Raises ValueError for a value that is out of range."""

    only: tuple[str, ...] = option((), "pretrain, finetune, sentences, packed, 8k, 30k, or packed-8k",
                                   "what is measured", shown="all")  # fmt: skip
    preset: str = option("mini", "size of the model that is pre-trained", "what is measured", metavar="SIZE")
    text: tuple[str, ...] = option(("sotu", "wiki"), "to pre-train on: named sources, .txt files, folders",
                                   "what is measured", metavar="TEXT")  # fmt: skip
    length: int = option(128, "tokens a row at most", "what is measured", least=5, most=100_000)
    batch_size: int = option(32, "rows a step", "what is measured", least=1, most=1_000_000)
    dropout: float = option(0.1, "on both sides, hidden and attention, as published", "what is measured",
                            least=0, below=1)  # fmt: skip
    rounds: int = option(3, "measurements of each side", "how it is measured", least=1, most=1000)
    seconds: float = option(1.0, "of training in each measurement, about; two steps of the Trainer may take longer",
                            "how it is measured", above=0, most=86_400)  # fmt: skip
    threads: int = option(0, "of each side", "how it is measured", shown="as many as torch takes", least=0, most=1024)

    def __post_init__(self):
        check_plan(self)
        sizes = BertConfig.preset(self.preset, max_position_embeddings=max(self.length, 128))
        check_training_memory(sizes, self.batch_size, self.length)
        if not self.text:
            raise ValueError("no text: name a source, a .txt file or a folder")
        if self.select_settings() == ["finetune"] and self.text != BenchConfig.text:
            raise ValueError("text is for pre-training: with only finetune none is read")

    def choose_sides(self) -> tuple[str, ...]:
        """The sides that are compared: those in bf16 only where this machine multiplies it fast, as "auto" would say.
        Elsewhere it takes many times as long."""
        width = BertConfig.preset(self.preset).hidden_size
        fast = choose_precision("auto", torch.device("cpu"), torch.nn.Linear(width, width)) == "bf16"
        return WITH_BF16 if fast else WITHOUT_BF16

    def select_settings(self) -> list[str]:
        """The names of the settings that `only` asks for, in the order of SETTINGS."""
        for wish in self.only:
            if not any(set(wish.split("-")) <= set(name.split("-")) for name in SETTINGS):
                raise ValueError(f"no setting {wish!r}; there are {', '.join(SETTINGS)}, and parts of these names")
        wishes = [set(wish.split("-")) for wish in self.only] or [set()]
        return [name for name in SETTINGS if any(wish <= set(name.split("-")) for wish in wishes)]


@dataclass(frozen=True, eq=False)
class Setting:
    """One thing to train, as it is sent to the process of each side. `lengths` (N,) counts the tokens of each row."""

    name: str
    title: str
    model_class: type  # Pretraining or Classifier; the Trainer gets their counterpart in transformers
    folder: Path  # holds the first weights
    rows: Sequence
    lengths: np.ndarray
    collate: Callable[[Sequence, np.random.Generator], dict[str, Tensor]]
    batch_size: int


def make_settings(config: BenchConfig, folder: Path, say: Callable[[str], None]) -> Iterator[Setting]:
    """Yield the selected settings, each made only when it is needed, with its first weights below `folder`."""
    selected = config.select_settings()
    if any(name.startswith("pretrain") for name in selected):
        say(f"reading {' and '.join(config.text)}")
        documents = [document for name in config.text for document in sources.documents(name)]
        documents = documents[:: 4 if len(documents) > 4000 else 1]  # a quarter is enough, and is encoded sooner
    for size in ("8k", "30k"):
        names = [name for name in selected if name.startswith("pretrain") and name.endswith(size)]
        if names:
            tokenizer = choose_tokenizer(size, documents)
            yield from make_pretraining_settings(names, config, tokenizer, documents, folder / size)
    if "finetune" in selected:
        yield make_finetuning_setting(config, folder / "finetune")


def make_pretraining_settings(names: Sequence[str], config: BenchConfig, tokenizer: WordPiece,
                              documents: Sequence[Sequence[str]], folder: Path) -> Iterator[Setting]:  # fmt: skip
    """Yield the named settings, which share a vocabulary and the first weights in `folder`."""
    text = encode_documents(documents, tokenizer)
    sizes = BertConfig.preset(config.preset, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_id,
                              max_position_embeddings=max(config.length, 128))  # fmt: skip
    save_first_weights(partial(Pretraining, sizes), config.dropout, folder)
    for name in names:
        rows = pair_rows(text, config.length, seed=0, pairs="sentences" if "sentences" in name else "next")
        title = f"{SETTINGS[name].rpartition(' ')[0]} {len(tokenizer):,}"
        collate = PretrainingCollate(tokenizer)
        yield Setting(name, title, Pretraining, folder, rows, rows.lengths, collate, config.batch_size)


def make_finetuning_setting(config: BenchConfig, folder: Path) -> Setting:
    """Film reviews in two classes (above zero or not), with all-MiniLM's weights if cached, else with random ones."""
    reviews = sources.sentiment("movies")
    texts = [text for text, _ in reviews]
    if sources.is_cached("minilm"):
        tokenizer, size = WordPiece.load(sources.minilm()), "MiniLM"
        make_model = partial(weights.load, "minilm", Classifier, num_labels=2, new_heads=True)
    else:
        tokenizer, size = vocabulary.learn_vocabulary(texts, 30522), config.preset
        sizes = BertConfig.preset(size, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_id)
        make_model = partial(Classifier, sizes, 2)
    save_first_weights(make_model, config.dropout, folder)
    room = config.length - 2
    rows = [{"input_ids": [tokenizer.cls_id, *ids[:room], tokenizer.sep_id], "labels": int(score > 0)}
            for ids, (_, score) in zip(tokenizer.encode_bulk(texts), reviews, strict=True)]  # fmt: skip
    lengths, collate = np.array(tasks.count_row_tokens(rows)), tasks.PaddingCollate(tokenizer.pad_id)
    title = f"{SETTINGS['finetune']}, {size}"
    return Setting("finetune", title, Classifier, folder, rows, lengths, collate, config.batch_size)


def choose_tokenizer(size: str, documents: Sequence[Sequence[str]]) -> WordPiece:
    """A tokenizer of 8,000 ("8k") or 30,522 tokens ("30k"), learned from the documents. "30k" takes all-MiniLM's
    vocabulary, which is bert-base-uncased's, if it is cached."""
    if size == "30k" and sources.is_cached("minilm"):
        return WordPiece.load(sources.minilm())
    return vocabulary.learn_vocabulary(chain.from_iterable(documents), 8000 if size == "8k" else 30522)


def save_first_weights(make_model: Callable[[], torch.nn.Module], dropout: float, folder: Path) -> None:
    """Make a model with torch's seed 0, whose random state is restored afterwards, and save it with this dropout
    everywhere, so that both sides load it with the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = make_model()
    model.config = replace(model.config, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
    if isinstance(model, Classifier):
        model.dropout.p = dropout
    weights.save(model, folder)
