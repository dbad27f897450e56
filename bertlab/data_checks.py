"""Checks of what a model reads and of its loss alone: masks, labels of words, weights of labels, a saved tokenizer.

`checks` offers them too, together with those that need a model.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest

import torch
from torch import Tensor, nn

from .batches import IGNORE

Batch = Mapping[str, Tensor]


class CheckError(AssertionError):
    """A check found something that should not be so."""


def check_masking(
    batches: Iterable[Batch],
    mask_id: int,
    special_ids: Sequence[int],
    vocab_size: int,
    share: float = 0.15,
    replaced: tuple[float, float] = (0.8, 0.1),
) -> dict[str, float]:
    """Masked batches must have the rates of the recipe, within four standard deviations.

    Of the tokens that are not among `special_ids`, `share` must have a label; of these, `replaced[0]` must be the mask,
    `replaced[1]` a word drawn from the whole vocabulary, and the others as they were. No special token may have a
    label, and no token without a label may be a mask. Returns the measured rates. Give it some 10,000 tokens. Found by
    it: the second 10% taken of all instead of what is left, and padding that is predicted.
    """
    counts = dict.fromkeys(("tokens", "labelled", "mask", "other", "kept"), 0)
    for batch in batches:
        ids, labels = batch["input_ids"], batch["labels"]
        given = labels != IGNORE
        before = torch.where(given, labels, ids)  # as the text was
        special = torch.isin(before, torch.tensor(special_ids))
        if bool((given & special).any()):
            raise CheckError("a special token or padding has a label: it would be learned")
        if bool(((ids == mask_id) & ~given).any()):
            raise CheckError("there is a mask without a label: the word under it is lost")
        if bool((before[given] >= vocab_size).any()):
            raise CheckError(f"a label is not in the vocabulary of {vocab_size:,}")
        masked, kept = ids[given] == mask_id, ids[given] == before[given]
        counts["tokens"] += int((~special).sum())
        for name, found in (("labelled", given), ("mask", masked), ("kept", kept), ("other", ~masked & ~kept)):
            counts[name] += int(found.sum())
    chance = replaced[1] / vocab_size  # a random word may be the right one
    expected = {
        "labelled": (share, "tokens"),
        "mask": (replaced[0], "labelled"),
        "other": (replaced[1] - chance, "labelled"),
        "kept": (1 - sum(replaced) + chance, "labelled"),
    }
    rates = {}
    for name, (rate, of) in expected.items():
        if not counts[of]:
            raise CheckError("no token has a label" if counts["tokens"] else "there are no tokens")
        rates[name] = counts[name] / counts[of]
        allowed = 4 * math.sqrt(rate * (1 - rate) / counts[of]) + 1 / counts[of]
        if abs(rates[name] - rate) > allowed:
            raise CheckError(f"{name}: {rates[name]:.4f} of {counts[of]:,} {of}, expected {rate:.4f} +- {allowed:.4f}")
    return rates


def check_word_labels(labels: Sequence[int], word_ids: Sequence[int | None], word_labels: Sequence[int]) -> int:
    """The first piece of each word must have the word's label, and everything else -100.

    `word_ids[i]` is the number of the word that token i is a piece of, None for [CLS], [SEP] and padding: as the fast
    tokenizers of transformers give them. Returns how many words have a label, which is fewer than there are where the
    row was cut. Found by it: labels shifted by [CLS], and labels that were copied to every piece.
    """
    if len(labels) != len(word_ids):
        raise CheckError(f"{len(labels)} labels for {len(word_ids)} tokens")
    if beyond := [word for word in word_ids if word is not None and not 0 <= word < len(word_labels)]:
        raise CheckError(f"there is a piece of word {beyond[0]}, and labels for {len(word_labels)} words")
    seen: set[int] = set()
    for i, (label, word) in enumerate(zip(labels, word_ids, strict=True)):
        wanted = IGNORE if word is None or word in seen else word_labels[word]
        if label != wanted:
            piece = "a further" if word in seen else "the first"
            what = "a special token" if word is None else f"{piece} piece of word {word}"
            raise CheckError(f"token {i}, {what}, has the label {label}; it must be {wanted}")
        seen.update(() if word is None else (word,))
    return len(seen)


def check_ignored(compute_loss: Callable[[Tensor, Tensor, Tensor], Tensor], classes: int = 9) -> None:
    """`compute_loss(logits (N, C), labels (N,), weights (N,))` must be the mean over the labels of weight 1, however
    many of weight 0 there are. Found by it: a mean that is taken before the weights."""
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(8, classes, generator=generator), torch.arange(8) % classes
    weights = torch.tensor([1.0] * 5 + [0.0] * 3)
    expected = float(nn.functional.cross_entropy(logits[:5], labels[:5]))
    for count in (5, 6, 8):
        loss = compute_loss(logits[:count], labels[:count], weights[:count])
        if not abs(float(loss.mean()) - expected) < 1e-4:
            raise CheckError(f"with {count - 5} labels of weight 0 beside 5 of weight 1 the loss is "
                             f"{float(loss.mean()):.3f}; without them it is {expected:.3f}")  # fmt: skip


def check_reload(before: Callable[[str], list], after: Callable[[str], list], texts: Iterable[str]) -> int:
    """A tokenizer that was saved and loaded must cut every text as before. Returns how many texts were compared; give
    some with capitals, accents and Chinese. Found by it: settings that are not in the vocabulary's file."""
    count = 0
    for count, text in enumerate(texts, 1):  # noqa: B007
        for a, b in zip_longest(before(text), after(text)):
            if a != b:
                raise CheckError(f"{a!r} became {b!r} after loading, in {text!r:.60}: which setting is not saved?")
    if not count:
        raise ValueError("there is no text to compare")
    return count
