"""A language model in both directions in ELMo's manner: one LSTM stack reads forwards, another backwards, and they
never meet inside (Peters et al. 2018, section 3.1). Letters: B batch, T tokens, D width of one direction, V vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class BiLMConfig:
    """Sizes of a bidirectional language model. ELMo's own had 4,096 cells projected to 512, and read characters."""

    vocab_size: int
    width: int = 256  # of the token embeddings and of each direction
    num_layers: int = 2


class BiLM(nn.Module):
    """Two stacks of LSTM layers over one table of token embeddings, with a residual connection from each layer to the
    next. The embeddings also decode the predictions of both directions, so that these share all but the LSTMs."""

    def __init__(self, config: BiLMConfig):
        super().__init__()
        self.config = config
        self.embeddings = nn.Embedding(config.vocab_size, config.width)
        self.forwards, self.backwards = (
            nn.ModuleList(nn.LSTM(config.width, config.width, batch_first=True) for _ in range(config.num_layers))
            for _ in range(2)
        )
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        nn.init.normal_(self.embeddings.weight, std=config.width**-0.5)

    def forward(self, input_ids: Tensor) -> list[Tensor]:
        """The states after the embeddings and after each layer: L + 1 tensors (B, T, 2D), the forward direction's D
        numbers first. The embeddings stand there twice, as in ELMo. Padding must come last, and what it follows is then
        unchanged in the forward direction only: pass rows of one length, or one row at a time."""
        x = y = self.embeddings(input_ids)  # (B, T, D)
        states = [torch.cat([x, y], -1)]
        for ahead, back in zip(self.forwards, self.backwards, strict=True):
            x = x + ahead(x)[0]
            y = y + back(y.flip(1))[0].flip(1)
            states.append(torch.cat([x, y], -1))
        return states

    def compute_loss(self, input_ids: Tensor, share: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """The mean loss in nats of both directions: the next token from those before it, the previous from those after.

        With a `share` below 1 only so many positions, drawn at random, are decoded, which is faster and unbiased.
        """
        ahead, back = self(input_ids)[-1].chunk(2, -1)  # (B, T, D) each
        states = torch.cat([ahead[:, :-1].flatten(0, 1), back[:, 1:].flatten(0, 1)])
        targets = torch.cat([input_ids[:, 1:].flatten(), input_ids[:, :-1].flatten()])
        if share < 1:
            drawn = torch.randperm(len(targets), generator=generator)[: max(1, round(share * len(targets)))]
            states, targets = states[drawn], targets[drawn]
        return F.cross_entropy(states @ self.embeddings.weight.T + self.bias, targets)


def make_rows(ids: Sequence[Sequence[int]], length: int) -> np.ndarray:
    """Sentences of ids one after the other, cut into rows (N, length); what is left at the end, less than a row, is
    dropped. Raises ValueError where there is no row."""
    stream = np.fromiter((i for sentence in ids for i in sentence), dtype=np.int32)
    if len(stream) < length:
        raise ValueError(f"{len(stream):,} tokens do not fill a row of {length}")
    return stream[: len(stream) // length * length].reshape(-1, length)


def train_bilm(
    model: BiLM,
    rows: np.ndarray,
    steps: int,
    *,
    batch_size: int = 64,
    learning_rate: float = 3e-3,
    share: float = 0.25,
    seed: int = 0,
    watch: Callable | None = None,
    state: dict | None = None,
) -> None:
    """Train with Adam, a short warm-up and a rate that falls in a line. Batch number `i` is drawn from (seed, i) alone.

    `rows` (N, T) are ids. `watch(step, loss, optimizer)` is called after each step, with the loss in nats. `state` is a
    dict with "step", "model" and "optimizer" to go on from."""
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, betas=(0.9, 0.98))
    if state is not None:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    warmup = max(1, steps // 20)
    for step in range(0 if state is None else state["step"], steps):
        rng = np.random.default_rng((seed, step))
        batch = torch.from_numpy(rows[rng.integers(len(rows), size=batch_size)].astype(np.int64))
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * min((step + 1) / warmup, (steps - step) / (steps - warmup + 1))
        loss = model.compute_loss(batch, share, generator)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if watch is not None:
            watch(step, loss.item(), optimizer)
