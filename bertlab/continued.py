"""Continued pre-training: the model to go on from, words of the domain for its vocabulary, and a general text that
shows what it forgets.

A model that goes on in the language of its later task does better there (Gururangan et al. 2020, "Don't Stop
Pretraining").
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from . import weights
from .batches import Batches
from .corpus import Documents, EncodedCorpus, Rows, encode_documents
from .failures import doing
from .files import hash_file
from .heads import Pretraining
from .memory import check_training_memory
from .model import set_dropout
from .model_files import read_config, read_weights
from .plan_texts import split_plan_documents
from .vocabulary import count_words
from .weight_names import from_hf_names
from .wordpiece import MAX_WORD_LENGTH, WordPiece

if TYPE_CHECKING:
    from .pretrain import PretrainPlan

# The settings of a plan that are for random weights: a checkpoint has its own sizes, vocabulary and starting point.
FIXED_BY_CHECKPOINT = ("vocab_size", "cased", "keep_accents", "preset", "unigrams", "sinusoids", "neighbours",
                       "orthogonal")  # fmt: skip
FOR_CHECKPOINTS = ("add_words", "general", "mix")  # settings that need one
# The peak rate for Muon times the width: half of what random weights take. On film reviews bertlab-mini, 256 wide, came
# further with 0.001 than with half or twice as much (data/continued.json).
RATE_TIMES_WIDTH = 0.256
FEWEST_OCCURRENCES = 5  # of a word that is added: a rarer one would hardly be trained
# What a model is read from.
CHECKPOINT_FILES = ("config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                    "added_tokens.json", "model*.safetensors*", "pytorch_model*.bin*")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A model to go on from: with the MLM head, and the NSP head if it is to be trained; its tokenizer; the sha256 of
    each of its files; and which heads are new."""

    name: str
    model: Pretraining
    tokenizer: WordPiece
    sha256: dict[str, str]
    new_heads: tuple[str, ...]
    dropout: tuple[float, float]  # of the hidden vectors and of attention, in its config.json


def check_checkpoint_settings(plan: "PretrainPlan", given: Iterable[str] = ()) -> None:
    """Raise ValueError for settings that do not go together with a checkpoint, or need one. Those that were `given` are
    refused even at their defaults."""
    changed = {name for name in vars(plan) if getattr(plan, name) != getattr(type(plan), name)} | set(given)
    if plan.from_:
        for name in FIXED_BY_CHECKPOINT:
            if name in changed:
                more = " (--add-words adds words)" if name == "vocab_size" else ""
                raise ValueError(f"{name} is for random weights; {plan.from_} has its own{more}: leave it out, or "
                                 "leave out from")  # fmt: skip
    else:
        for name in FOR_CHECKPOINTS:
            if name in changed:
                raise ValueError(f"{name} is for a model to go on from: name one (--from)")
    for name in ("add_words", "mix"):
        if plan.data and name in changed:
            raise ValueError(f"{name} changes the ids or rows of a text, and shards hold them ready: leave out {name}, "
                             "or give the text itself (--text)")  # fmt: skip
    if plan.mix and not plan.general:
        raise ValueError("mix is the share of a general text: name one (--general)")
    if plan.general in plan.text:
        raise ValueError(f"general is {plan.general}, which the model is to learn: name another text")


@doing("loading the model to go on from")
def load_checkpoint(plan: "PretrainPlan", recorded: dict | None, say: Callable[[str], None]) -> Checkpoint:
    """The model that `plan.from_` names. What it lacks, and so what is new, is told to `say`.

    A model without an MLM head gets a new one, tied to its word embeddings. Without an NSP head, or with `plan.pairs`
    off, it learns masked words alone. Raises ValueError when the plan's rows are longer than its positions, and when it
    is not the model that the run began with, by what run.json `recorded`; and what `weights.load` raises.
    """
    name, folder = plan.from_, weights.find_model_folder(plan.from_)
    config, _ = read_config(folder / "config.json")
    if plan.length > config.max_position_embeddings:
        most = config.max_position_embeddings
        raise ValueError(f"length is {plan.length}, but {name} has {most} positions: --length {most} or less")
    check_training_memory(config, plan.batch_size, plan.length)
    digests = {path.name: hash_file(path) for pattern in CHECKPOINT_FILES for path in sorted(folder.glob(pattern))}
    if recorded and recorded.get("from_sha256") != digests:
        raise ValueError(f"{name} is not the model that the run began with: give it back (--from), or start anew")
    tokenizer = WordPiece.load(folder)
    in_file = weights.list_parts(from_hf_names(read_weights(folder)[1]))
    with torch.random.fork_rng():
        torch.manual_seed(plan.seed)
        model = weights.load(folder, Pretraining, new_heads=True)
    weights.check_vocabulary(tokenizer, model, name)
    if "mlm" not in in_file:
        say(f"{name} has no MLM head: a new one begins, tied to its word embeddings, at the frequencies of the words")
    if "nsp" not in in_file or not plan.pairs:
        say(f"{name} has no NSP head: it learns masked words alone" if "nsp" not in in_file else
            f"masked words alone: the NSP head of {name} is left out")  # fmt: skip
        model.drop_next_sentence(keep_pooler="pooler" in in_file)
    elif "pooler" not in in_file:
        say(f"{name} has no pooler: a new one begins from random weights")
    new = tuple(part for part in ("mlm", "pooler") if part not in in_file and getattr(model, part) is not None)
    set_dropout(model, plan.dropout)
    dropout = config.hidden_dropout_prob, config.attention_probs_dropout_prob
    return Checkpoint(name, model, tokenizer, digests, new, dropout)


def fill_in_plan(plan: "PretrainPlan", checkpoint: Checkpoint) -> "PretrainPlan":
    """The plan with what depends on the checkpoint: a rate by its width, and no pairs where it has no NSP head."""
    rate = plan.learning_rate or float(f"{RATE_TIMES_WIDTH / checkpoint.model.config.hidden_size:.1e}")
    return replace(plan, learning_rate=rate, pairs=plan.pairs and checkpoint.model.nsp is not None)


def restore_dropout(model: Pretraining, checkpoint: Checkpoint) -> None:
    """Give the model's config, as it will be saved, the dropout that it came with: the run's own is for the run."""
    hidden, attention = checkpoint.dropout
    model.config = replace(model.config, hidden_dropout_prob=hidden, attention_probs_dropout_prob=attention)


def describe_origin(
    plan: "PretrainPlan", checkpoint: Checkpoint, tokenizer: WordPiece, before: dict, after: dict
) -> dict:
    """What results.json says of a model that went on: from what, with which scores there, and what it forgot."""
    added = len(tokenizer) - len(checkpoint.tokenizer)
    origin = {"model": checkpoint.name, "sha256": checkpoint.sha256, "new_heads": list(checkpoint.new_heads),
              "added_words": added, "before": before["held_out"]}  # fmt: skip
    if not plan.general:
        return {"from": origin}
    return {"from": origin, "general": {"text": plan.general, "before": before["general"], "after": after["general"]}}


def check_shard_vocabulary(plan: "PretrainPlan", checkpoint: Checkpoint | None, tokenizer: WordPiece) -> None:
    """Raise ValueError when the ids of shards, which `tokenizer` made, are other words to the checkpoint."""
    if checkpoint and tokenizer.vocab != checkpoint.tokenizer.vocab:
        raise ValueError(
            f"the shards in {plan.data} have another vocabulary than {checkpoint.name}: make them with its own "
            f"(python -m bertlab prepare --vocabulary {checkpoint.name})"
        )


# ---- Words -----------------------------------------------------------------------------------------------------------


def add_split_words(documents: Documents, tokenizer: WordPiece, most: int, say: Callable[[str], None]) -> WordPiece:
    """The tokenizer with up to `most` more words: the commonest of `documents` that it cuts into pieces, or does not
    know. All former ids stay.

    A word with a digit is not added, nor one that occurs fewer than FEWEST_OCCURRENCES times. A longer word that begins
    with a new one may be cut differently from now on, as always with the longest match first.
    """
    sentences = (sentence for document in documents for sentence in document)
    counts = count_words(sentences, tokenizer.lower, tokenizer.strip_accents, tokenizer.chinese)
    found = [word for word, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
             if count >= FEWEST_OCCURRENCES and word not in tokenizer.index and len(word) <= MAX_WORD_LENGTH
             and not any(char.isdigit() for char in word)][:most]  # fmt: skip
    few = f" (no more occur {FEWEST_OCCURRENCES} times)" if len(found) < most else ""
    share = sum(counts[word] for word in found) / max(1, counts.total())
    first = f", from {found[0]!r} to {found[-1]!r}" if found else ""
    say(f"{len(found):,} words are added to the vocabulary{few}{first}: {share:.1%} of the words of the text")
    return WordPiece([*tokenizer.vocab, *found], tokenizer.lower, strip_accents=tokenizer.strip_accents,
                     chinese=tokenizer.chinese, names=tokenizer.names)  # fmt: skip


@torch.no_grad()
def grow_vocabulary(model: Pretraining, before: WordPiece, tokenizer: WordPiece) -> None:
    """Give the model the words by which `tokenizer` is larger than `before`, in place.

    The vector of a word is the mean of those of its pieces, and so is its bias in the MLM head.
    """
    words, known = tokenizer.vocab[len(before) :], len(before)
    if not words:
        return
    pieces = [[before.index[piece] for piece, _, _ in before.split_word(word)] for word in words]
    embeddings, mlm = model.bert.embeddings, model.mlm

    def grow(table: torch.Tensor) -> torch.Tensor:  # a model may have more rows than words: those are used first
        new = torch.stack([table[ids].mean(0) for ids in pieces])
        return torch.cat([table[:known], new, table[known + len(new) :]])

    padding = embeddings.words.padding_idx
    embeddings.words = nn.Embedding.from_pretrained(grow(embeddings.words.weight), freeze=False, padding_idx=padding)
    mlm.bias = nn.Parameter(grow(mlm.bias))
    model.config = replace(model.config, vocab_size=len(mlm.bias))
    model.bert.config = replace(model.bert.config, vocab_size=len(mlm.bias))


def make_continued_model(checkpoint: Checkpoint, tokenizer: WordPiece, text: EncodedCorpus) -> Pretraining:
    """The checkpoint's model with the words of `tokenizer`; a new MLM head starts at the frequencies of `text`."""
    model = checkpoint.model
    grow_vocabulary(model, checkpoint.tokenizer, tokenizer)
    if "mlm" in checkpoint.new_heads:
        model.start_from_unigrams(torch.from_numpy(text.count_ids(model.config.vocab_size)))
    return model


# ---- A general text --------------------------------------------------------------------------------------------------


def make_general_plan(plan: "PretrainPlan") -> "PretrainPlan":
    """The plan by which the general text is read and made into rows: the same, of another text."""
    return replace(plan, text=(plan.general,), sentences="auto", same_source=False, general="", mix=0.0)


def read_general_text(plan: "PretrainPlan", tokenizer: WordPiece, say: Callable[[str], None]) -> list[EncodedCorpus]:
    """The training documents of the plan's general text, and the held-out ones; nothing without such a text."""
    if not plan.general:
        return []
    training, held_out, _ = split_plan_documents(make_general_plan(plan), say)
    return [encode_documents(training, tokenizer), encode_documents(held_out, tokenizer)]


def mix_rows(batches: Batches, general: Rows, share: float, say: Callable[[str], None] = lambda text: None) -> Batches:
    """The batches with so many rows of a general text that these are a `share` of all: drawn at random by the seed of
    the batches, each as often as any other, give or take one. `say` is told how many. Raises ValueError where they do
    not fill a batch."""
    rows, seed = batches.rows, batches.seed
    count = max(1, round(share / (1 - share) * len(rows)))
    if len(general) < batches.batch_size:
        raise ValueError(
            f"the general text gives {len(general)} rows to mix in, not even a batch of {batches.batch_size}, which "
            "would be learned by heart: give more of it (--general)"
        )
    say(f"mixed in: {count:,} rows of the general text, of {len(general):,} different ones")
    rng = np.random.default_rng((seed, len(rows)))
    order = np.concatenate([rng.permutation(len(general)) for _ in range(-(-count // len(general)))])[:count]
    mixed = Rows(
        np.concatenate([rows.ids, general.ids]),
        np.concatenate([rows.a, general.a[order] + len(rows.ids)]),
        np.concatenate([rows.b, general.b[order] + len(rows.ids)]),
        np.concatenate([rows.label, general.label[order]]),
    )
    return Batches(mixed, batches.collate, batches.batch_size, seed=seed, lengths=mixed.lengths)
