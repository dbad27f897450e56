"""Which tokens did a classifier use? Attention, rollout, gradients, and tests that remove tokens.

Each method gives a score to every token (B, T). It explains the log-odds of one class, `target` (B,).
Dimension letters: B batch, T tokens, D hidden, H heads, K per head, C classes, L layers.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from .heads import Classifier
from .model import attention_maps

Batch = dict[str, Tensor]  # input_ids (B, T) and, where rows are padded, attention_mask (B, T)


def log_odds(logits: Tensor, target: Tensor) -> Tensor:
    """log(p / (1 - p)) of the class `target` (B,), its preference over all others: logits (B, C) -> (B,).

    With two classes this is the difference of their logits. Unlike p, it does not saturate where the model is sure.
    """
    chosen = logits.gather(1, target[:, None])[:, 0]
    return chosen - logits.scatter(1, target[:, None], -torch.inf).logsumexp(1)


def class_probability(logits: Tensor, target: Tensor) -> Tensor:
    """The probability of the class `target` (B,): logits (B, C) -> (B,)."""
    return logits.softmax(1).gather(1, target[:, None])[:, 0]


def average_cls_attention(maps: Sequence[Tensor], layer: int = -1) -> Tensor:
    """How much [CLS] attends to each token in one layer, the mean of its heads: L maps (B, H, T, T) -> (B, T)."""
    return maps[layer][:, :, 0].mean(1)


def roll_out_attention(maps: Sequence[Tensor]) -> Tensor:
    """Attention followed through the layers: L maps (..., H, T, T) -> (L, ..., T, T), the rollout after each layer.

    Abnar & Zuidema 2020, section 3. With A_l the mean of layer l's heads, half of each token's vector is taken to come
    from attention and half from the residual: R_l = (A_l / 2 + I / 2) R_{l-1}, where R_{-1} = I. So R_l[i, j] is the
    sum, over all paths from token i above layer l down to input token j, of the product of the weights on the path.
    Rows sum to 1; row 0 of R_{L-1} is [CLS]. Values, feed-forward layers and the residual's real size are ignored.
    """
    flows = [torch.eye(maps[0].size(-1), dtype=maps[0].dtype, device=maps[0].device)]
    for heads in maps:
        flows.append((heads.mean(-3) @ flows[-1] + flows[-1]) / 2)  # (..., T, T)
    return torch.stack(flows[1:])


@contextmanager
def replace_word_embeddings(model: Classifier, vectors: Tensor) -> Iterator[None]:
    """Inside the `with` block, the model reads `vectors` (B, T, D) instead of the word embeddings of its input_ids."""
    hook = model.bert.embeddings.words.register_forward_hook(lambda *_: vectors)
    try:
        yield
    finally:
        hook.remove()


def compute_embedding_gradient(model: Classifier, batch: Batch, target: Tensor, vectors: Tensor) -> Tensor:
    """The gradient of the log-odds with respect to the word vectors (B, T, D), at `vectors`: (B, T, D)."""
    vectors = vectors.detach().requires_grad_()
    with torch.enable_grad(), replace_word_embeddings(model, vectors):
        total = log_odds(model(**batch).logits, target).sum()  # rows are independent, so the sum mixes no gradients
        return torch.autograd.grad(total, vectors)[0]


def gradient_x_input(model: Classifier, batch: Batch, target: Tensor) -> Tensor:
    """Gradient times word vector, summed over the width: (B, T) (Shrikumar et al. 2016, "Not just a black box").

    To first order, this is what the log-odds would lose if the token's vector shrank to 0.
    """
    words = model.bert.embeddings.words(batch["input_ids"]).detach()
    return (compute_embedding_gradient(model, batch, target, words) * words).sum(-1)


def integrated_gradients(model: Classifier, batch: Batch, target: Tensor, baseline: Tensor, steps: int = 16) -> Tensor:
    """The mean gradient on the line from a baseline's word vectors to the sentence's, times their difference: (B, T).

    Sundararajan et al. 2017, section 3. `baseline` (B, T) are the ids of an uninformative text (`make_blank_baseline`).
    The integral is a sum over the midpoints of `steps` equal pieces; each costs a forward and a backward pass. The
    scores sum to the log-odds of the sentence minus those of the baseline, the more exactly the more steps. Raises
    ValueError for less than one step, or a baseline of another shape.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}; it must be at least 1")
    if baseline.shape != batch["input_ids"].shape:
        raise ValueError(f"baseline has shape {tuple(baseline.shape)}, input_ids {tuple(batch['input_ids'].shape)}")
    start, end = (model.bert.embeddings.words(ids).detach() for ids in (baseline, batch["input_ids"]))  # (B, T, D)
    total = torch.zeros_like(end)
    for step in range(steps):
        total += compute_embedding_gradient(model, batch, target, start + (step + 0.5) / steps * (end - start))
    return (total / steps * (end - start)).sum(-1)


def make_blank_baseline(input_ids: Tensor, fill: int, keep: Sequence[int]) -> Tensor:
    """A baseline (B, T): the id `fill` ([PAD], or [MASK]) everywhere except at the ids in `keep` ([CLS], [SEP])."""
    return input_ids.where(torch.isin(input_ids, torch.tensor(list(keep), device=input_ids.device)), fill)


def score_tokens(
    model: Classifier, batch: Batch, target: Tensor, baseline: Tensor, steps: int = 16
) -> dict[str, Tensor]:
    """The scores of all four methods: name -> (B, T)."""
    with torch.no_grad(), attention_maps(model) as maps:
        model(**batch)
    return {
        "attention": average_cls_attention(maps),
        "rollout": roll_out_attention(maps)[-1][:, 0],
        "gradient x input": gradient_x_input(model, batch, target),
        "integrated gradients": integrated_gradients(model, batch, target, baseline, steps),
    }


@torch.no_grad()
def classify_without_tokens(model: Classifier, batch: Batch, removed: Tensor) -> Tensor:
    """Logits (B, C) when no token can attend to those in `removed` (B, T, True where a token is removed).

    The other tokens keep their positions, so a gap remains. Raises ValueError if [CLS] is to be removed.
    """
    if removed[:, 0].any():
        raise ValueError("[CLS] cannot be removed: the classifier reads its vector")
    mask = batch.get("attention_mask", torch.ones_like(batch["input_ids"]))
    return model(batch["input_ids"], attention_mask=mask * ~removed).logits


def occlude_each_token(model: Classifier, batch: Batch, target: Tensor, words: Tensor) -> Tensor:
    """How much log-odds are lost when one token alone is removed: (B, T); 0 for tokens outside `words` (B, T).

    Li et al. 2016, "Understanding Neural Networks through Representation Erasure". One forward pass per token.
    """
    whole = log_odds(classify_without_tokens(model, batch, torch.zeros_like(words)), target)
    loss = torch.zeros(words.shape, dtype=whole.dtype, device=whole.device)
    for position in words.any(0).nonzero()[:, 0].tolist():
        removed = torch.zeros_like(words)
        removed[:, position] = words[:, position]
        loss[:, position] = whole - log_odds(classify_without_tokens(model, batch, removed), target)
    return loss


def select_top_tokens(scores: Tensor, words: Tensor, k: int) -> Tensor:
    """True at the k highest scores of each row among the tokens in `words` (B, T), or at all of them if fewer."""
    order = scores.masked_fill(~words, -torch.inf).argsort(dim=1, descending=True, stable=True)
    return torch.zeros_like(words).scatter(1, order[:, :k], True) & words


def measure_probability_loss(model: Classifier, batch: Batch, target: Tensor, removed: Tensor) -> Tensor:
    """How much probability the class `target` loses without the tokens in `removed` (B, T): (B,)."""
    whole = class_probability(classify_without_tokens(model, batch, torch.zeros_like(removed)), target)
    return whole - class_probability(classify_without_tokens(model, batch, removed), target)


def comprehensiveness(model: Classifier, batch: Batch, target: Tensor, scores: Tensor, words: Tensor, k: int) -> Tensor:
    """The probability lost without the k highest-scoring of `words` (B, T): (B,) (DeYoung et al. 2020, section 4.2).

    High means that they were needed.
    """
    return measure_probability_loss(model, batch, target, select_top_tokens(scores, words, k))


def sufficiency(model: Classifier, batch: Batch, target: Tensor, scores: Tensor, words: Tensor, k: int) -> Tensor:
    """The probability lost when only the k highest-scoring of `words` (B, T) remain: (B,). Low means they suffice."""
    return measure_probability_loss(model, batch, target, words & ~select_top_tokens(scores, words, k))


def find_other_attention(weights: Tensor, values: Tensor) -> Tensor:
    """Weights far from `weights` (T,) that give the very same average of `values` (T, K): (T,) in float64.

    With T > K + 1 tokens such weights exist (Brunner et al. 2020, section 3): any vector of the null space of the
    values can be added, where a column of ones among the values keeps the sum at 1. We move in it away from `weights`
    until one weight reaches 0, fix that one, and continue until no direction is left: with few tokens, at once.
    """
    start = weights.double()
    current, constraints = start.clone(), torch.cat([values.double(), torch.ones(len(values), 1).double()], 1)
    free = current > 0
    while free.sum() > 1:
        basis = find_null_space(constraints[free].T)  # (free tokens, directions)
        direction = -basis @ (basis.T @ start[free])  # away from where `weights` were large
        if not (direction < -1e-9).any():
            break
        distances = torch.where(direction < -1e-9, current[free] / -direction, torch.inf)  # until a weight is 0
        moved = current[free] + distances.min() * direction
        moved[distances.argmin()] = 0.0
        current[free] = moved.clamp(min=0.0)
        free = free & (current > 0)
    return current


def find_null_space(matrix: Tensor) -> Tensor:
    """An orthonormal basis, as columns, of all x with matrix @ x = 0: (M, N) -> (N, N - rank)."""
    _, singular_values, right_vectors = torch.linalg.svd(matrix)
    rank = int((singular_values > singular_values[:1] * 1e-10).sum())
    return right_vectors[rank:].T
