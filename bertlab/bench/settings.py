"""bench.settings: TODO."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import sources, tasks, vocabulary, weights, wordpiece
from ..corpus import encode_documents, pair_rows
from ..heads import Classifier, Pretraining
from ..masking import PretrainingCollate
from ..model import BertConfig

OURS, DYNAMIC, GROUPED = "bertlab", "Trainer, dynamic padding", "Trainer, grouped by length"

SIDES = (OURS, DYNAMIC, GROUPED)

SETTINGS = {
    "pretrain-sentences-8k": "pre-training, pairs of single sentences, vocabulary 8,000",
    "pretrain-packed-8k": "pre-training, rows filled with sentences, vocabulary 8,000",
    "pretrain-sentences-30k": "pre-training, pairs of single sentences, vocabulary 30,522",
    "pretrain-packed-30k": "pre-training, rows filled with sentences, vocabulary 30,522",
    "finetune": "fine-tuning, sentiment of film reviews",
}

DOCUMENT_STRIDE = 4  # every fourth document is enough text, and read in a quarter of the time


@dataclass(frozen=True)
class BenchConfig:
    """What is measured, and how long. Raises ValueError for what cannot be."""

    only: tuple[str, ...] = ()  # names of SETTINGS, or parts of them: "pretrain", "30k", "packed-8k"; none: all
    preset: str = "mini"  # the size of what is pre-trained
    text: tuple[str, ...] = ("sotu", "wiki")  # for pre-training: named sources, .txt files, folders
    length: int = 128  # tokens a row at most
    batch_size: int = 32
    dropout: float = 0.1  # on both sides, hidden and attention, as published
    rounds: int = 3  # measurements of each side
    seconds: float = 1.0  # of training, about, a measurement; two steps of the Trainer may take many more
    threads: int = 0  # 0: what torch takes by itself

    def __post_init__(self):
        BertConfig.preset(self.preset, hidden_dropout_prob=self.dropout)  # complains of what cannot be
        for name in ("rounds", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not 0 < self.seconds < float("inf"):
            raise ValueError(f"seconds is {self.seconds}; a measurement takes more than none")
        if self.threads < 0:
            raise ValueError(f"threads is {self.threads}; give their number, or 0 for as many as torch takes")
        if not self.text:
            raise ValueError("no text: name a source, a .txt file or a folder")
        self.chosen()

    def chosen(self) -> list[str]:
        """The names of the settings that `only` asks for, in their order."""
        for wish in self.only:
            if not any(set(wish.split("-")) <= set(name.split("-")) for name in SETTINGS):
                raise ValueError(f"no setting {wish!r}; there are {', '.join(SETTINGS)}, and parts of these names")
        wanted = [set(wish.split("-")) for wish in self.only] or [set()]
        return [name for name in SETTINGS if any(parts <= set(name.split("-")) for parts in wanted)]


@dataclass(frozen=True, eq=False)
class Setting:
    """One thing to train, as it is sent to each side's process: where the weights are, the rows, and how to batch them.

    `count_row_tokens` (N,) are the tokens of each row of a batch.
    """

    name: str
    title: str
    kind: type  # Pretraining or Classifier; the Trainer gets transformers' counterpart
    folder: Path
    rows: Sequence
    lengths: np.ndarray
    collate: Callable[[Sequence, np.random.Generator], dict[str, Tensor]]
    batch_size: int


def make_settings(config: BenchConfig, folder: Path, say: Callable[[str], None]) -> Iterator[Setting]:
    """The chosen settings, each made when it is its turn: text to rows, and a model with its weights in `folder`."""
    chosen = config.chosen()
    documents = read_bench_documents(config.text, say) if any(name.startswith("pretrain") for name in chosen) else []
    for size in ("8k", "30k"):
        names = [name for name in chosen if name.startswith("pretrain") and name.endswith(size)]
        if names:
            pieces = choose_tokenizer(size, documents)
            text = encode_documents(documents, pieces)
            sizes = BertConfig.preset(config.preset, vocab_size=len(pieces), pad_token_id=pieces.pad_id,
                                      max_position_embeddings=max(config.length, 128))  # fmt: skip
            model = save_with_dropout(call_with_seed(Pretraining, sizes), config.dropout, folder / size)
        for name in names:
            rows = pair_rows(text, config.length, seed=0, pairs="sentences" if "sentences" in name else "next")
            title = SETTINGS[name].rpartition(" ")[0] + f" {len(pieces):,}"
            collate = PretrainingCollate(pieces)
            yield Setting(name, title, Pretraining, model, rows, rows.lengths, collate, config.batch_size)
    if "finetune" in chosen:
        yield make_finetuning_setting(config, folder / "finetune")


def read_bench_documents(names: Sequence[str], say: Callable[[str], None]) -> list[list[str]]:
    """Documents of the named texts: every fourth one of a source that holds thousands, all of a smaller text."""
    say(f"reading {' and '.join(names)}")
    documents = [document for name in names for document in sources.documents(name)]
    return documents[:: DOCUMENT_STRIDE if len(documents) > 4000 else 1]


def choose_tokenizer(size: str, documents: Sequence[Sequence[str]]) -> wordpiece.WordPiece:
    """ "8k": learned from the text. "30k": all-MiniLM's, which is bert-base-uncased's, if it is here; else learned."""
    if size == "30k" and is_cached("minilm"):
        return wordpiece.WordPiece.load(sources.minilm())
    sentences = (sentence for document in documents for sentence in document)
    return vocabulary.learn_vocabulary(sentences, 8000 if size == "8k" else 30522)


def is_cached(name: str) -> bool:
    """Is the source in the cache?"""
    return any(row["cached"] for row in sources.list_sources() if row["name"] == name)


def call_with_seed(make: Callable, *arguments, **more) -> torch.nn.Module:
    """What `make` makes, with random weights from seed 0."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make(*arguments, **more)


def save_with_dropout(model: torch.nn.Module, dropout: float, folder: Path) -> Path:
    """The model, with this dropout everywhere, in a folder that both sides open."""
    model.config = replace(model.config, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
    if isinstance(model, Classifier):
        model.dropout.p = dropout
    return weights.save(model, folder)


def make_finetuning_setting(config: BenchConfig, folder: Path) -> Setting:
    """Two classes of film reviews (above zero or not), with all-MiniLM's weights if they are here, else random ones."""
    reviews = sources.sentiment("movies")
    texts = [text for text, _ in reviews]
    if is_cached("minilm"):
        pieces, size = wordpiece.WordPiece.load(sources.minilm()), "MiniLM"
        model = call_with_seed(weights.load, "minilm", Classifier, num_labels=2, new_heads=True)
    else:
        pieces, size = vocabulary.learn_vocabulary(texts, 30522), config.preset
        model = call_with_seed(
            Classifier, BertConfig.preset(size, vocab_size=len(pieces), pad_token_id=pieces.pad_id), 2
        )
    save_with_dropout(model, config.dropout, folder)
    most = config.length - 2
    rows = [
        {"input_ids": [pieces.cls_id, *ids[:most], pieces.sep_id], "labels": int(score > 0)}
        for ids, (_, score) in zip(pieces.encode_bulk(texts), reviews, strict=True)
    ]
    lengths, collate = np.array(tasks.count_row_tokens(rows)), tasks.PaddingCollate(pieces.pad_id)
    title = f"{SETTINGS['finetune']}, {size}"
    return Setting("finetune", title, Classifier, folder, rows, lengths, collate, config.batch_size)
