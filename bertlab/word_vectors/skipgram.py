"""Skip-gram with negative sampling, trained here: one vector for each word (Mikolov et al. 2013).

Letters: B pairs of a batch, K negatives of a pair, D width, V vocabulary.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .senses import WORD


@dataclass(frozen=True)
class SkipGramConfig:
    """How skip-gram is trained. The names of word2vec's options stand in brackets."""

    width: int = 64  # (vector_size)
    window: int = 5  # words on each side, at most (window)
    negatives: int = 5  # (negative)
    least_count: int = 10  # rarer words are left out (min_count)
    subsample: float = 1e-4  # words above this share of the text are thinned (sample)
    batch_size: int = 8192  # pairs
    learning_rate: float = 0.015  # of Adam; it falls to zero in a line
    epochs: int = 1
    seed: int = 0


def split_into_words(sentences: Sequence[str]) -> list[list[str]]:
    """The words of each sentence in lower case, without punctuation."""
    return [[word.lower() for word in WORD.findall(sentence)] for sentence in sentences]


def list_vocabulary(sentences: Sequence[Sequence[str]], least: int) -> tuple[list[str], np.ndarray]:
    """(words from the most frequent to the rarest, how often each occurs), for words that occur `least` times."""
    counts = Counter(word for sentence in sentences for word in sentence)
    kept = [(word, count) for word, count in counts.most_common() if count >= least]
    return [word for word, _ in kept], np.array([count for _, count in kept])


def encode_words(sentences: Sequence[Sequence[str]], words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(ids (N,) of all words of the vocabulary in the order of the text, the number of the sentence of each (N,))."""
    index = {word: number for number, word in enumerate(words)}
    ids, numbers = [], []
    for number, sentence in enumerate(sentences):
        found = [index[word] for word in sentence if word in index]
        ids += found
        numbers += [number] * len(found)
    return np.array(ids), np.array(numbers)


def draw_pairs(ids: np.ndarray, numbers: np.ndarray, counts: np.ndarray, config: SkipGramConfig, epoch: int = 0):
    """(centres, contexts), both (N,), shuffled: words on either side of a word, near ones more often than far ones.

    As in word2vec, frequent words are thinned first, and the window of each word is drawn between 1 and `window`."""
    rng = np.random.default_rng((config.seed, epoch))
    share = counts / counts.sum()
    keep = np.minimum(1, np.sqrt(config.subsample / share) + config.subsample / share)  # word2vec.c
    kept = rng.random(len(ids)) < keep[ids]
    ids, numbers = ids[kept], numbers[kept]
    windows = rng.integers(1, config.window + 1, size=len(ids))
    centres, contexts = [], []
    for distance in range(1, config.window + 1):
        inside = numbers[distance:] == numbers[:-distance]
        left, right = ids[:-distance], ids[distance:]
        ahead, back = inside & (windows[:-distance] >= distance), inside & (windows[distance:] >= distance)
        centres += [left[ahead], right[back]]
        contexts += [right[ahead], left[back]]
    order = rng.permutation(sum(map(len, centres)))
    return np.concatenate(centres)[order], np.concatenate(contexts)[order]


def compute_skipgram_loss(centre: Tensor, context: Tensor, negatives: Tensor) -> Tensor:
    """The mean loss of negative sampling in nats: centre (B, D), context (B, D), negatives (B, K, D) -> ()."""
    right = nn.functional.logsigmoid((centre * context).sum(-1))  # (B,)
    wrong = nn.functional.logsigmoid(-(negatives @ centre[:, :, None]).squeeze(-1)).sum(-1)  # (B,)
    return -(right + wrong).mean()


def train_skipgram(
    ids: np.ndarray,
    numbers: np.ndarray,
    counts: np.ndarray,
    config: SkipGramConfig | None = None,
    *,
    loss_function: Callable = compute_skipgram_loss,
    watch: Callable | None = None,
) -> np.ndarray:
    """Train with Adam, and return the vectors of the words: (V, D), float32.

    Negatives are drawn by count to the power 3/4. `watch(step, steps, loss)` is called after each step. In
    each epoch, what does not fill a last batch is left out. Raises ValueError where no batch is filled.
    """
    config = config or SkipGramConfig()
    if not len(counts):
        raise ValueError(f"no word is known: give more text, or a least_count below {config.least_count}")
    torch.manual_seed(config.seed)
    inner, outer = (nn.Parameter(torch.empty(len(counts), config.width)) for _ in range(2))
    nn.init.uniform_(inner, -0.5 / config.width, 0.5 / config.width)
    nn.init.zeros_(outer)
    optimizer = torch.optim.Adam([inner, outer], lr=config.learning_rate, betas=(0.9, 0.99), fused=True)
    noise = torch.from_numpy(np.cumsum(counts**0.75) / (counts**0.75).sum()).float()
    generator = torch.Generator().manual_seed(config.seed)
    for epoch in range(config.epochs):
        centres, contexts = map(torch.from_numpy, draw_pairs(ids, numbers, counts, config, epoch))
        steps = len(centres) // config.batch_size
        if not steps:
            raise ValueError(
                f"{len(centres):,} pairs of words do not fill a batch of {config.batch_size:,}: give more text, or a "
                "smaller batch_size or least_count"
            )
        for step in range(steps):
            rows = slice(step * config.batch_size, (step + 1) * config.batch_size)
            drawn = torch.searchsorted(noise, torch.rand(config.batch_size, config.negatives, generator=generator))
            negatives = outer[drawn.clamp_max(len(counts) - 1)]  # (B, K, D)
            loss = loss_function(inner[centres[rows]], outer[contexts[rows]], negatives)
            done = (epoch * steps + step) / (config.epochs * steps)
            optimizer.param_groups[0]["lr"] = config.learning_rate * (1 - done)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if watch is not None:
                watch(epoch * steps + step, config.epochs * steps, loss.item())
    return inner.detach().numpy()
