"""Writing with [MASK]: appended one at a time (UniLM, Dong et al. 2019), or all at once and refilled (mask-predict,
Ghazvininejad et al. 2019). The model is BERT with its masked-word head; nothing is added to it.

Dimension letters: B sources, S tokens of a source, T tokens of a row, N tokens of a text, C rows of all candidates, V
size of the vocabulary.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from .arguments import check_argument, check_function, check_kind, check_list, check_number
from .batches import IGNORE
from .heads import Pretraining
from .model import check_finite, eval_mode
from .writing import writing_mask


def hide_targets(
    batch: dict[str, Tensor], mask_id: int, rng: np.random.Generator, rate: float | None = None, end: int | None = None
) -> dict[str, Tensor]:
    """Replace target tokens of a batch by [MASK]; only these keep their labels. Returns a new batch.

    `labels` (B, T) are the ids of the target at their own positions and -100 elsewhere, as `tasks.Writing` makes them.
    Each target token is hidden with probability `rate`, but at least one of a row; without a rate the number of hidden
    tokens of a row is drawn evenly from 1 to all of them (Ghazvininejad et al. 2019, section 2.2). A token `end` is
    never hidden: mask-predict is told the length. Raises TypeError or ValueError for a batch without ids and labels.
    """
    check_argument(batch, {str: Tensor}, "batch")
    check_kind(rng, np.random.Generator, "rng")
    mask_id = check_number(mask_id, "mask_id", least=0, whole=True)
    rate = rate if rate is None else check_number(rate, "rate", above=0, most=1)
    end = end if end is None else check_number(end, "end", least=0, whole=True)
    ids, labels = batch.get("input_ids"), batch.get("labels")
    if ids is None or labels is None or labels.dim() != 2 or labels.shape != ids.shape:
        raise ValueError("batch needs input_ids and labels of one shape, (B, T)")
    can_hide = labels != IGNORE if end is None else (labels != IGNORE) & (labels != end)
    counts = can_hide.sum(1, keepdim=True)  # (B, 1)
    drawn = torch.from_numpy(rng.random(labels.shape))  # (B, T)
    rank = drawn.masked_fill(~can_hide, 2.0).argsort(1).argsort(1)  # those that can be hidden come first
    if rate is None:
        many = 1 + (torch.from_numpy(rng.random((len(labels), 1))) * counts).long()
        hidden = can_hide & (rank < many)
    else:
        hidden = can_hide & ((drawn < rate) | (rank == 0))
    return batch | {
        "input_ids": ids.masked_fill(hidden, mask_id),
        "labels": labels.masked_fill(~hidden, IGNORE),
    }


def forbid_words(logits: Tensor, never: Sequence[int]) -> Tensor:
    """log p of each word (..., V), where the ids in `never` have none."""
    logits = check_finite(logits).float().clone()
    logits[..., list(never)] = -torch.inf
    return logits.log_softmax(-1)


def check_sources(sources: Sequence[list[int]]) -> Tensor:
    """The sources as a tensor (B, S). Raises ValueError unless there is one and all have one length."""
    rows = check_argument(check_list(sources, "sources", "lists of ids"), [list], "sources")
    rows = [[check_number(word, "an id in sources", least=0, whole=True) for word in row] for row in rows]
    if len({len(row) for row in rows}) != 1 or not rows[0]:
        raise ValueError("sources must be lists of ids of one length: write those of each length for themselves")
    return torch.tensor(rows)


def check_words(model: Pretraining, never: Sequence[int], **words: int) -> list[int]:
    """The ids in `never`. Raises ValueError when one of them, or of the other `words`, is not in the vocabulary."""
    V = check_kind(model, Pretraining, "model").config.vocab_size
    for name, word in words.items():
        check_number(word, name, least=0, below=V, whole=True)
    return [check_number(word, "an id in never", least=0, below=V, whole=True) for word in check_list(never, "never")]


def append_masks(
    model: Pretraining, sources: Sequence[list[int]], *, mask_id: int, end: int, max_tokens: int, never: Sequence[int]
) -> list[list[int]]:
    """Write as UniLM does: append [MASK], put the likeliest word in its place, and append the next one.

    `sources` are lists of ids, [CLS] source [SEP], of one length. Each token attends to the source, and of the target
    to what comes before it. Returns for each source the ids of its text without `end`, at most `max_tokens`.
    """
    never = check_words(model, never, mask_id=mask_id, end=end)
    ids = check_sources(sources)  # (B, S)
    max_tokens = check_number(max_tokens, "max_tokens", least=1, whole=True)
    S, positions = ids.size(1), model.config.max_position_embeddings
    if S + max_tokens > positions:
        raise ValueError(f"{S} tokens to read and {max_tokens} to write, but the model has {positions} positions")
    ended = torch.zeros(len(ids), dtype=torch.bool)
    with eval_mode(model):
        for _ in range(max_tokens):
            row = torch.cat([ids, torch.full((len(ids), 1), mask_id)], 1)  # (B, T)
            types = (torch.arange(row.size(1)) >= S).long().expand_as(row)
            at = torch.full((len(row), 1), row.size(1) - 1)  # only the last token is asked
            hidden = model.bert(row, types, writing_mask(types), at)[:, 0]
            words = forbid_words(model.mlm(hidden, model.bert.embeddings.words.weight), never).argmax(-1)
            ids = torch.cat([ids, words.masked_fill(ended, end)[:, None]], 1)
            ended |= words == end
            if ended.all():
                break
    return [row[: row.index(end)] if end in row else row for row in ids[:, S:].tolist()]


def refill_masks(
    predict: Callable[[Tensor], tuple[Tensor, Tensor]], length: Tensor, steps: int, mask_id: int
) -> tuple[Tensor, Tensor]:
    """The loop of mask-predict, for C texts at once: all tokens are [MASK], then in each of `steps` rounds the tokens
    with the lowest probabilities are hidden again and predicted anew (Ghazvininejad et al. 2019, section 3).

    `predict(ids)` gives for texts (C, N) the likeliest words and their log p, both (C, N). `length` (C,) is the number
    of tokens of each text; what follows them is never changed from [MASK] and has log p 0. Returns ids and log p.
    """
    check_function(predict, "predict")
    steps = check_number(steps, "steps", least=1, whole=True)
    check_kind(length, Tensor, "length")
    N = int(length.max())
    outside = torch.arange(N) >= length[:, None]  # (C, N)
    ids = torch.full(outside.shape, mask_id)
    log_p = torch.full(outside.shape, -torch.inf).masked_fill(outside, 0.0)
    for step in range(steps):
        count = (length * (steps - step) // steps)[:, None]  # (C, 1)
        rank = log_p.masked_fill(outside, 1.0).argsort(dim=1, stable=True).argsort(1)
        hidden = (rank < count) & ~outside
        ids = ids.masked_fill(hidden, mask_id)
        words, new = predict(ids)
        ids, log_p = torch.where(hidden, words, ids), torch.where(hidden, new, log_p)
    return ids, log_p


def mask_predict(
    model: Pretraining,
    sources: Sequence[list[int]],
    lengths: Sequence[int],
    *,
    mask_id: int,
    end: int,
    never: Sequence[int],
    steps: int = 4,
    around: int = 0,
) -> list[list[int]]:
    """Write a text of about the given length for each source, all tokens at once, in `steps` rounds.

    `sources` are lists of ids, [CLS] source [SEP], of one length S; `lengths` the numbers of tokens to write, without
    `end`. With `around`, texts that are up to so many tokens shorter or longer are written too, and the one with the
    highest mean log p is kept (the paper's length candidates). Returns the ids of each text.
    """
    never = check_words(model, never, mask_id=mask_id, end=end)
    rows = check_sources(sources)  # (B, S)
    lengths = [
        check_number(n, "a length", most=10_000, least=-10_000, whole=True) for n in check_list(lengths, "lengths")
    ]
    longest = model.config.max_position_embeddings - rows.size(1) - 1
    if len(lengths) != len(rows) or longest < 1:
        raise ValueError(f"{len(lengths)} lengths for {len(rows)} sources, which leave room for {longest} tokens")
    around = check_number(around, "around", least=0, most=longest, whole=True)
    tried = [length + change for length in lengths for change in range(-around, around + 1)]
    sizes = torch.tensor(tried).clamp(1, longest)  # (C,)
    with eval_mode(model):
        source = rows.repeat_interleave(2 * around + 1, 0)  # (C, S)
        ids, log_p = refill_masks(predict_target(model, source, sizes, end, never), sizes, steps, mask_id)
    best = (log_p.sum(1) / sizes).view(len(rows), -1).argmax(1)  # (B,)
    kept = (best + torch.arange(len(rows)) * (2 * around + 1)).tolist()
    return [ids[row, : sizes[row]].tolist() for row in kept]


def predict_target(model: Pretraining, source: Tensor, sizes: Tensor, end: int, never: Sequence[int]) -> Callable:
    """The `predict` of `refill_masks` for texts of the given `sizes` (C,) after their sources (C, S). Every token
    attends to the source and to the whole text, as in BERT."""
    (C, S), N = source.shape, int(sizes.max())
    place = torch.arange(N + 1)
    real = torch.cat([torch.ones(C, S, dtype=torch.bool), place <= sizes[:, None]], 1)  # (C, T)
    types = torch.cat([torch.zeros(S, dtype=torch.long), torch.ones(N + 1, dtype=torch.long)]).expand(C, -1)
    at = torch.arange(S, S + N).expand(C, -1)

    def predict(ids: Tensor) -> tuple[Tensor, Tensor]:
        target = nn.functional.pad(ids, (0, 1), value=end).masked_fill(place == sizes[:, None], end)  # (C, N + 1)
        hidden = model.bert(torch.cat([source, target], 1), types, real, at)  # (C, N, D)
        log_p, words = forbid_words(model.mlm(hidden, model.bert.embeddings.words.weight), never).max(-1)
        return words, log_p

    return predict
