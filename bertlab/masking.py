"""From rows to masked batches: which tokens the model must predict, and what replaces them in its input.

Dimension letters: B rows of a batch, T tokens of its longest row, W words of the row with the most words, M masked
tokens of a batch, V size of the vocabulary.
"""

import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from .arguments import check_argument, check_kind, check_list, check_number, describe_value
from .batches import IGNORE
from .corpus import Row, check_tokenizer
from .unicode_tables import is_chinese

SEGMENTERS = ("jieba",)  # packages that cut Chinese into words; none of them is needed


@dataclass(frozen=True)
class Masking:
    """Which tokens are masked, and how (Devlin et al. 2018, section 3.1). Raises ValueError for impossible fractions.

    rate         fraction of the tokens of a row that the model must predict; at least one token
    mask         fraction of these that become [MASK]
    random       fraction of these that become a random token; the remaining ones are not changed
    whole_words  mask all pieces of a word, or none
    segmenter    what finds the words of Chinese for that, "jieba", if it is installed; "": each character is a word
    """

    rate: float = 0.15
    mask: float = 0.8
    random: float = 0.1
    whole_words: bool = False
    segmenter: str = ""

    def __post_init__(self):
        check_number(self.rate, "rate", above=0, most=1)
        for name in ("mask", "random"):
            check_number(getattr(self, name), name, least=0, most=1)
        if self.mask + self.random > 1 + 1e-9:
            raise ValueError(f"mask {self.mask!r} and random {self.random!r} must be fractions whose sum is at most 1")
        if self.segmenter not in ("", *SEGMENTERS):
            raise ValueError(f"segmenter is {self.segmenter!r}; there is {', '.join(SEGMENTERS)}")
        if self.segmenter and not self.whole_words:
            raise ValueError(f"segmenter {self.segmenter} changes nothing without whole_words (--whole-words)")
        if self.segmenter and find_spec(self.segmenter) is None:
            raise ValueError(f"the segmenter {self.segmenter} is not installed: pip install {self.segmenter}")


@cache
def load_segmenter(name: str) -> Callable[[str], list[str]]:
    """The function of an installed package that cuts a text into words."""
    with warnings.catch_warnings(action="ignore"):  # of the package, as it is imported
        package = import_module(name)
    package.setLogLevel(logging.WARNING)
    return package.lcut


class PretrainingCollate:
    """Rows to a masked batch: `collate(rows, rng)` gives a dict of tensors. The same rows and rng give the same batch.

    The `tokenizer` needs `vocab` and `pad_id`, `unk_id`, `cls_id`, `sep_id`, `mask_id`. These five are never masked
    (not even [UNK]: a model learns nothing from predicting it), and never a random replacement.
    """

    def __init__(self, tokenizer, masking: Masking | None = None):
        check_tokenizer(tokenizer)
        check_argument(masking, (Masking, None), "masking")
        vocab = list(tokenizer.vocab)
        self.pad, self.mask = tokenizer.pad_id, tokenizer.mask_id
        self.cls, self.sep = np.array([tokenizer.cls_id]), np.array([tokenizer.sep_id])
        self.masking = masking or Masking()
        self.special = np.zeros(len(vocab), bool)  # (V,)
        self.special[[self.pad, tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id, self.mask]] = True
        self.ordinary = np.flatnonzero(~self.special)
        self.continues = np.array([token.startswith("##") for token in vocab])  # (V,)
        self.vocab = vocab
        self.chinese = np.array([len(token) == 1 and is_chinese(token) for token in vocab])  # (V,)
        if not len(self.ordinary):
            raise ValueError("the vocabulary holds only special tokens: there is no token to mask")

    def __call__(self, rows: Sequence[Row], rng: np.random.Generator) -> dict[str, Tensor]:
        """Turn a list of `(ids of A, ids of B, label)` into tensors of int64, padded to the longest row:

        input_ids            (B, T) [CLS] A [SEP] B [SEP] with some tokens masked; without B there is one [SEP]
        token_type_ids       (B, T) 1 for B and the [SEP] after it, 0 elsewhere
        labels               (B, T) the original id where the model must predict it, -100 elsewhere
        attention_mask       (B, T) 0 for padding; left out when nothing is padded, because attention is faster without
        next_sentence_label  (B,) 0 next, 1 not, -100 for a row without a label; left out when no row has one

        Raises ValueError for no rows, or an id outside of the vocabulary.
        """
        check_rows(rows)
        check_kind(rng, np.random.Generator, "rng")
        if not len(rows):
            raise ValueError("a batch needs at least one row")
        parts, sizes, b_starts = [], [], []
        for a, b, _ in rows:
            parts += [self.cls, a, self.sep, b, self.sep] if len(b) else [self.cls, a, self.sep]
            sizes.append(len(a) + len(b) + (3 if len(b) else 2))
            b_starts.append(len(a) + 2)
        column = np.arange(max(sizes))  # (T,)
        real = column < np.array(sizes)[:, None]  # (B, T) not padding
        ids = np.full(real.shape, self.pad, np.int64)
        ids[real] = np.concatenate(parts)  # a boolean mask is filled row by row, in the order of the parts
        if ids.min() < 0 or ids.max() >= len(self.special):
            raise ValueError(
                f"ids run from {ids.min()} to {ids.max()}, the vocabulary from 0 to {len(self.special) - 1}: the rows "
                "were encoded with another one"
            )
        segments = real & (column >= np.array(b_starts)[:, None])
        chosen = self.choose_tokens(ids, rng)
        batch = {
            "input_ids": torch.from_numpy(self.replace_chosen(ids, chosen, rng)),
            "token_type_ids": torch.from_numpy(segments.astype(np.int64)),
            "labels": torch.from_numpy(np.where(chosen, ids, IGNORE)),
        }
        if not real.all():
            batch["attention_mask"] = torch.from_numpy(real.astype(np.int64))
        labels = np.array([label for _, _, label in rows], np.int64)
        if (labels >= 0).any():
            batch["next_sentence_label"] = torch.from_numpy(np.where(labels >= 0, labels, IGNORE))
        return batch

    def choose_tokens(self, ids: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Choose the tokens that the model must predict: ids (B, T) -> bool (B, T).

        Exactly the fraction `rate` of each row's ordinary tokens, rounded.
        """
        ordinary = ~self.special[ids]
        count = ordinary.sum(1)
        budget = np.minimum(count, np.maximum(1, np.round(self.masking.rate * count).astype(np.int64)))  # (B,)
        if self.masking.whole_words:
            return self.choose_whole_words(ids, ordinary, budget, rng)
        keys = rng.random(ids.shape, np.float32)
        keys[~ordinary] = 2  # after all others
        order = np.argsort(keys, axis=1)  # (B, T)
        chosen = np.zeros(ids.shape, bool)
        np.put_along_axis(chosen, order, np.arange(ids.shape[1]) < budget[:, None], axis=1)
        return chosen

    def choose_whole_words(
        self, ids: np.ndarray, ordinary: np.ndarray, budget: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Choose whole words in random order; a word with more pieces than the rest of the budget is skipped.

        So the budget is never exceeded, and a row may get fewer tokens, or none (as in Google's code).
        """
        rows = np.arange(len(ids))
        inner = self.continues[ids]  # pieces that belong to the one before, unless that is [CLS] or [SEP]
        inner[:, 1:] &= ordinary[:, :-1]
        inner[:, 0] = False
        if self.masking.segmenter:
            inner |= self.find_inner_characters(ids)
        word = np.cumsum(ordinary & ~inner, axis=1)  # (B, T) the number of its word, from 1; 0 before the first
        W = word.max() + 1
        size = np.bincount((rows[:, None] * W + word)[ordinary], minlength=len(ids) * W).reshape(-1, W)  # (B, W)
        taken = np.zeros(size.shape, bool)
        left = budget.copy()  # (B,)
        for candidate in np.argsort(rng.random(size.shape, np.float32), axis=1).T:  # (B,) one word of every row
            cost = size[rows, candidate]
            fits = cost <= left
            taken[rows, candidate] = fits
            left -= cost * fits
            if not left.any():
                break
        return taken[rows[:, None], word] & ordinary

    def find_inner_characters(self, ids: np.ndarray) -> np.ndarray:
        """Which tokens are the second or a later character of a Chinese word, by the segmenter: (B, T) -> (B, T)."""
        cut, inner = load_segmenter(self.masking.segmenter), np.zeros(ids.shape, bool)
        for row, of_row in zip(ids, inner, strict=True):
            for is_run, places in groupby(range(len(row)), key=self.chinese[row].__getitem__):
                places = list(places)
                words = cut("".join(self.vocab[row[place]] for place in places)) if is_run else []
                for word in words:
                    of_row[places[1 : len(word)]] = True
                    del places[: len(word)]
        return inner

    def replace_chosen(self, ids: np.ndarray, chosen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the ids with the chosen tokens replaced: most by [MASK], some by a random token, some not at all."""
        original = ids[chosen]  # (M,)
        draw = rng.random(len(original))
        other = self.ordinary[rng.integers(len(self.ordinary), size=len(original))]
        other = np.where(draw < self.masking.mask + self.masking.random, other, original)
        replaced = ids.copy()
        replaced[chosen] = np.where(draw < self.masking.mask, self.mask, other)
        return replaced


def check_rows(rows: Sequence[Row]) -> None:
    """Raise TypeError for what is no list of (ids of A, ids of B, label)."""
    for number, row in enumerate(check_list(rows, "rows", "(ids of A, ids of B, label)")):
        if not isinstance(row, tuple | list) or len(row) != 3 or not all(hasattr(ids, "__len__") for ids in row[:2]):
            raise TypeError(f"rows[{number}] is {describe_value(row)}; it must be (ids of A, ids of B, label)")
