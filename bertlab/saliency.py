"""Which tokens did a classifier use? Attention, rollout, gradients, and tests that strike tokens out and ask again.

Every method gives a score to each token (B, T). What is explained is the log-odds of one class, `target` (B,).
A `batch` is a dict of input_ids (B, T) and, where rows are padded, attention_mask (B, T).
Dimension letters: B batch, T tokens, D hidden, H heads, K per head, C classes, L layers.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from .heads import Classifier
from .model import attention_maps


def log_odds(logits: Tensor, target: Tensor) -> Tensor:
    """How strongly the class `target` (B,) is preferred to all others, log p / (1 - p): logits (B, C) -> (B,).

    With two classes it is the difference of their logits. Unlike p it does not flatten where the model is sure.
    """
    chosen = logits.gather(1, target[:, None])[:, 0]
    return chosen - logits.scatter(1, target[:, None], -torch.inf).logsumexp(1)


def class_probability(logits: Tensor, target: Tensor) -> Tensor:
    """The probability of the class `target` (B,): logits (B, C) -> (B,)."""
    return logits.softmax(1).gather(1, target[:, None])[:, 0]


# ---- Scores from the attention ---------------------------------------------------------------------------------------


def average_cls_attention(maps: Sequence[Tensor], layer: int = -1) -> Tensor:
    """How much [CLS] looks at each token in one layer, the mean of its heads: L maps (B, H, T, T) -> (B, T)."""
    return maps[layer][:, :, 0].mean(1)


def roll_out_attention(maps: Sequence[Tensor]) -> Tensor:
    """How much of each token would arrive at each token of the last layer, if attention and residual were all.

    Abnar & Zuidema 2020, section 3: heads are averaged, half of a token stays where it is (the residual), and the
    layers are multiplied, the last one leftmost. L maps (B, H, T, T) -> (B, T, T). Row 0 is [CLS]; rows sum to 1.
    """
    flow = torch.eye(maps[0].size(-1), dtype=maps[0].dtype, device=maps[0].device)
    for heads in maps:
        flow = (heads.mean(1) @ flow + flow) / 2  # (A + I) / 2 times what has flowed so far
    return flow


# ---- Scores from the gradient ----------------------------------------------------------------------------------------


@contextmanager
def replace_word_embeddings(model: Classifier, vectors: Tensor) -> Iterator[None]:
    """Inside, the model reads `vectors` (B, T, D) in place of the word embeddings of its input_ids (B, T)."""
    hook = model.bert.embeddings.words.register_forward_hook(lambda *_: vectors)
    try:
        yield
    finally:
        hook.remove()


def compute_embedding_gradient(model: Classifier, batch: dict[str, Tensor], target: Tensor, vectors: Tensor) -> Tensor:
    """The slope of the log-odds at the word vectors (B, T, D) -> (B, T, D). The values of input_ids are not read."""
    vectors = vectors.detach().requires_grad_()
    with torch.enable_grad(), replace_word_embeddings(model, vectors):
        answers = log_odds(model(**batch).logits, target)
        return torch.autograd.grad(answers.sum(), vectors)[0]  # rows never meet: each gets the slope of its own answer


def gradient_x_input(model: Classifier, batch: dict[str, Tensor], target: Tensor) -> Tensor:
    """Slope times word vector, summed over the width: (B, T) (Shrikumar et al. 2016, "Not just a black box").

    To first order, what the answer would lose if the vector shrank to 0.
    """
    words = model.bert.embeddings.words(batch["input_ids"]).detach()
    return (compute_embedding_gradient(model, batch, target, words) * words).sum(-1)


def integrated_gradients(
    model: Classifier, batch: dict[str, Tensor], target: Tensor, baseline: Tensor, steps: int = 16
) -> Tensor:
    """The slope, averaged on the straight way from a baseline's word vectors to the sentence's, times that way: (B, T).

    Sundararajan et al. 2017, section 3. `baseline` (B, T) are the ids of a text that says nothing (see `make_blank_baseline`). The
    integral is a sum over the middles of `steps` equal pieces; each costs a forward and a backward. Complete: the
    scores sum to the log-odds of the sentence less those of the baseline, the more nearly the more steps.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}; the way from the baseline takes at least one")
    if baseline.shape != batch["input_ids"].shape:
        raise ValueError(f"baseline has shape {tuple(baseline.shape)}, input_ids {tuple(batch['input_ids'].shape)}")
    start, end = (model.bert.embeddings.words(ids).detach() for ids in (baseline, batch["input_ids"]))  # (B, T, D)
    total = torch.zeros_like(end)
    for step in range(steps):
        total += compute_embedding_gradient(model, batch, target, start + (step + 0.5) / steps * (end - start))
    return (total / steps * (end - start)).sum(-1)


def make_blank_baseline(input_ids: Tensor, fill: int, keep: Sequence[int]) -> Tensor:
    """A baseline (B, T): `fill_masks` ([PAD] or [MASK], say) everywhere but at the ids of `keep` ([CLS], [SEP], [PAD])."""
    return input_ids.where(torch.isin(input_ids, torch.tensor(list(keep), device=input_ids.device)), fill)


def score_tokens(
    model: Classifier, batch: dict[str, Tensor], target: Tensor, baseline: Tensor, steps: int = 16
) -> dict[str, Tensor]:
    """The four methods side by side: name -> scores (B, T)."""
    with torch.no_grad(), attention_maps(model) as maps:
        model(**batch)
    return {
        "attention": average_cls_attention(maps),
        "rollout": roll_out_attention(maps)[:, 0],
        "gradient x input": gradient_x_input(model, batch, target),
        "integrated gradients": integrated_gradients(model, batch, target, baseline, steps),
    }


# ---- Striking tokens out ---------------------------------------------------------------------------------------------


@torch.no_grad()
def classify_without_tokens(model: Classifier, batch: dict[str, Tensor], gone: Tensor) -> Tensor:
    """Logits (B, C) when no token may look at those of `gone` (B, T, True where struck out).

    The others keep their places: a gap stays. Raises ValueError if [CLS] is to go, which the classifier reads.
    """
    if gone[:, 0].any():
        raise ValueError("[CLS] cannot be struck out: the classifier reads its vector")
    seen = batch.get("attention_mask", torch.ones_like(batch["input_ids"]))
    return model(batch["input_ids"], attention_mask=seen * ~gone).logits


def occlude_each_token(model: Classifier, batch: dict[str, Tensor], target: Tensor, words: Tensor) -> Tensor:
    """What the log-odds lose when one token alone is struck out: (B, T); 0 for tokens outside `words` (B, T).

    Li et al. 2016, "Understanding Neural Networks through Representation Erasure". One forward a token.
    """
    whole = log_odds(classify_without_tokens(model, batch, torch.zeros_like(words)), target)
    lost = torch.zeros(words.shape, dtype=whole.dtype, device=whole.device)
    for place in words.any(0).nonzero()[:, 0].tolist():
        gone = torch.zeros_like(words)
        gone[:, place] = words[:, place]
        lost[:, place] = whole - log_odds(classify_without_tokens(model, batch, gone), target)
    return lost


def select_top_tokens(scores: Tensor, words: Tensor, k: int) -> Tensor:
    """True at the k highest scores of each row among the tokens `words` (B, T), or at all of these if fewer."""
    order = scores.masked_fill(~words, -torch.inf).argsort(dim=1, descending=True, stable=True)
    return torch.zeros_like(words).scatter(1, order[:, :k], True) & words


def comprehensiveness(
    model: Classifier, batch: dict[str, Tensor], target: Tensor, scores: Tensor, words: Tensor, k: int
) -> Tensor:
    """The probability that is lost when the k highest of `words` (B, T) are struck out: (B,). High: they were needed.

    DeYoung et al. 2020 (ERASER), section 4.2.
    """
    whole = class_probability(classify_without_tokens(model, batch, torch.zeros_like(words)), target)
    return whole - class_probability(classify_without_tokens(model, batch, select_top_tokens(scores, words, k)), target)


def sufficiency(
    model: Classifier, batch: dict[str, Tensor], target: Tensor, scores: Tensor, words: Tensor, k: int
) -> Tensor:
    """The probability that is lost when of `words` only the k highest stay: (B,). Low: they are enough. ERASER."""
    whole = class_probability(classify_without_tokens(model, batch, torch.zeros_like(words)), target)
    return whole - class_probability(
        classify_without_tokens(model, batch, words & ~select_top_tokens(scores, words, k)), target
    )


# ---- Another attention with the same output --------------------------------------------------------------------------


def find_other_attention(weights: Tensor, values: Tensor) -> Tensor:
    """Weights far from `weights` (T,) that take the very same average of `values` (T, K): (T,) in float64.

    With T > K + 1 tokens there are such weights (Brunner et al. 2020, section 3): what may be added is the null space
    of the values with a column of ones, so that the sum stays 1. We walk in it away from `weights` until one weight is
    0, hold that at 0, and go on until no way is left. With few tokens nothing can be moved, and `weights` come back.
    """
    start = weights.double()
    now, fixed = start.clone(), torch.cat([values.double(), torch.ones(len(values), 1, dtype=torch.float64)], 1)
    free = now > 0
    while free.sum() > 1:
        basis = find_null_space(fixed[free].T)  # (free tokens, ways)
        way = -basis @ (basis.T @ start[free])  # away from where `weights` were large
        if not (way < -1e-9).any():
            break
        reach = torch.where(way < -1e-9, now[free] / -way, torch.inf)
        moved = now[free] + reach.min() * way
        moved[reach.argmin()] = 0.0
        now[free] = moved.clamp(min=0.0)
        free = free & (now > 0)
    return now


def find_null_space(matrix: Tensor) -> Tensor:
    """An orthonormal basis, as columns, of all x with matrix @ x = 0: (M, N) -> (N, N - rank)."""
    _, sizes, right = torch.linalg.svd(matrix)
    rank = int((sizes > sizes[:1] * 1e-10).sum())
    return right[rank:].T
