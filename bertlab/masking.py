"""From rows to masked batches: which tokens the model must predict, and what it sees in their place.

Dimension letters: B rows of a batch, T tokens of its longest row, W words of the row with the most words, M masked
tokens of a batch, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .batches import IGNORE
from .corpus import Row


@dataclass(frozen=True)
class Masking:
    """What is hidden, and how (Devlin et al. 2018, section 3.1). Raises ValueError for shares that cannot be.

    rate         share of the words of a row that the model must guess; one word at least
    mask         share of those that become [MASK]
    random       share of those that become any other word; what is left of them stays as it is
    whole_words  hide all pieces of a word, or none
    """

    rate: float = 0.15
    mask: float = 0.8
    random: float = 0.1
    whole_words: bool = False

    def __post_init__(self):
        if not 0 < self.rate <= 1:
            raise ValueError(f"rate is {self.rate!r}; a share of the words above 0 and up to 1 can be hidden")
        if self.mask < 0 or self.random < 0 or self.mask + self.random > 1 + 1e-9:
            raise ValueError(f"mask {self.mask!r} and random {self.random!r} must be shares whose sum is at most 1")


class PretrainingCollate:
    """Rows to a masked batch: `collate(rows, rng)` gives a dict of tensors. The same rows and rng give the same batch.

    `wordpiece` needs `vocab` and `pad_id`, `unk_id`, `cls_id`, `sep_id`, `mask_id`. These five are never hidden ([UNK]
    neither: there is nothing to learn from guessing it), and never a random replacement.
    """

    def __init__(self, wordpiece, masking: Masking | None = None):
        vocab = list(wordpiece.vocab)
        self.pad, self.mask = wordpiece.pad_id, wordpiece.mask_id
        self.cls, self.sep = np.array([wordpiece.cls_id]), np.array([wordpiece.sep_id])
        self.masking = masking or Masking()
        self.special = np.zeros(len(vocab), bool)  # (V,)
        self.special[[self.pad, wordpiece.unk_id, wordpiece.cls_id, wordpiece.sep_id, self.mask]] = True
        self.ordinary = np.flatnonzero(~self.special)
        self.continues = np.array([token.startswith("##") for token in vocab])  # (V,)
        if not len(self.ordinary):
            raise ValueError("the vocabulary holds special tokens alone: there is no word to hide")

    def __call__(self, rows: Sequence[Row], rng: np.random.Generator) -> dict[str, Tensor]:
        """A list of `(ids of A, ids of B, label)` -> tensors of int64, padded to the longest row:

        input_ids            (B, T) [CLS] A [SEP] B [SEP] with words hidden; without B there is one [SEP]
        token_type_ids       (B, T) 1 on B and the [SEP] behind it, 0 elsewhere
        labels               (B, T) the id that was there where the model must guess, -100 elsewhere
        attention_mask       (B, T) 0 on padding; left out when nothing is padded, as attention is faster without
        next_sentence_label  (B,) 0 next, 1 not, -100 where nothing is asked; left out when no row asks

        Raises ValueError for no rows, or an id outside of the vocabulary.
        """
        if not len(rows):
            raise ValueError("a batch needs at least one row")
        parts, sizes, split_at = [], [], []
        for a, b, _ in rows:
            parts += [self.cls, a, self.sep, b, self.sep] if len(b) else [self.cls, a, self.sep]
            sizes.append(len(a) + len(b) + (3 if len(b) else 2))
            split_at.append(len(a) + 2)
        column = np.arange(max(sizes))  # (T,)
        real = column < np.array(sizes)[:, None]  # (B, T) not padding
        ids = np.full(real.shape, self.pad, np.int64)
        ids[real] = np.concatenate(parts)  # a boolean mask is filled row by row, which is the order of the parts
        if ids.min() < 0 or ids.max() >= len(self.special):
            raise ValueError(
                f"ids run from {ids.min()} to {ids.max()}, the vocabulary from 0 to {len(self.special) - 1}: the rows "
                "were encoded with another one"
            )
        segments = real & (column >= np.array(split_at)[:, None])
        chosen = self.choose_tokens(ids, rng)
        batch = {
            "input_ids": torch.from_numpy(self.replace_chosen(ids, chosen, rng)),
            "token_type_ids": torch.from_numpy(segments.astype(np.int64)),
            "labels": torch.from_numpy(np.where(chosen, ids, IGNORE)),
        }
        if not real.all():
            batch["attention_mask"] = torch.from_numpy(real.astype(np.int64))
        answers = np.array([label for _, _, label in rows], np.int64)
        if (answers >= 0).any():
            batch["next_sentence_label"] = torch.from_numpy(np.where(answers >= 0, answers, IGNORE))
        return batch

    def choose_tokens(self, ids: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Which tokens the model must guess: ids (B, T) -> bool (B, T). Exactly `rate` of each row's words, rounded."""
        words = ~self.special[ids]
        count = words.sum(1)
        budget = np.minimum(count, np.maximum(1, np.round(self.masking.rate * count).astype(np.int64)))  # (B,)
        if self.masking.whole_words:
            return self.choose_whole_words(ids, words, budget, rng)
        lots = rng.random(ids.shape, np.float32)
        lots[~words] = 2  # behind all others
        first = np.argsort(lots, axis=1)  # (B, T)
        chosen = np.zeros(ids.shape, bool)
        np.put_along_axis(chosen, first, np.arange(ids.shape[1]) < budget[:, None], axis=1)
        return chosen

    def choose_whole_words(
        self, ids: np.ndarray, words: np.ndarray, budget: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """The same by whole words: taken in random order, and one that is too long for what is left is passed over.

        So the budget is never exceeded, and a row may stay below it, or without any (as in Google's code).
        """
        rows = np.arange(len(ids))
        inner = self.continues[ids]  # a piece that belongs to the one before, unless that is [CLS] or [SEP]
        inner[:, 1:] &= words[:, :-1]
        inner[:, 0] = False
        word = np.cumsum(words & ~inner, axis=1)  # (B, T) the number of its word, from 1; 0 before the first
        W = word.max() + 1
        size = np.bincount((rows[:, None] * W + word)[words], minlength=len(ids) * W).reshape(-1, W)  # (B, W)
        taken = np.zeros(size.shape, bool)
        left = budget.copy()  # (B,)
        for turn in np.argsort(rng.random(size.shape, np.float32), axis=1).T:  # a word of every row at once
            cost = size[rows, turn]
            fits = cost <= left
            taken[rows, turn] = fits
            left -= cost * fits
            if not left.any():
                break
        return taken[rows[:, None], word] & words

    def replace_chosen(self, ids: np.ndarray, chosen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The ids with the chosen tokens hidden: most as [MASK], some as a random word, some left as they are."""
        there = ids[chosen]  # (M,)
        roll = rng.random(len(there))
        other = self.ordinary[rng.integers(len(self.ordinary), size=len(there))]
        other = np.where(roll < self.masking.mask + self.masking.random, other, there)
        hidden = ids.copy()
        hidden[chosen] = np.where(roll < self.masking.mask, self.mask, other)
        return hidden
