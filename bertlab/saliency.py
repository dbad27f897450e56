"""Which tokens did a classifier use? Attention, rollout, gradients, and tests that remove tokens.

Each method gives a score to every token (B, T). It explains the log-odds of one class, `target` (B,).
Dimension letters: B batch, T tokens, D hidden, H heads of size d_k, C classes, L layers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from .arguments import check_arguments, check_kind, check_list, check_number
from .heads import Classifier
from .model import Attention, attention_maps, can_check_values

Batch = dict[str, Tensor]  # input_ids (B, T) and, where rows are padded, attention_mask (B, T)


def check_classes(logits: Tensor, target: Tensor) -> None:
    """Raise TypeError or ValueError unless `target` (B,) holds classes of `logits` (B, C)."""
    check_arguments(logits=(logits, Tensor), target=(target, Tensor))
    if logits.dim() != 2 or target.shape != logits.shape[:1] or target.dtype != torch.int64:
        shapes = f"logits has shape {tuple(logits.shape)}, target {tuple(target.shape)} of {target.dtype}"
        raise ValueError(f"{shapes}; they must be (B, C) and (B,) of torch.int64")
    if logits.device != target.device:
        raise ValueError(f"logits are on {logits.device}, target on {target.device}: move one of them")
    if can_check_values(target) and target.numel() and not (target.min() >= 0 and target.max() < logits.size(1)):
        raise ValueError(
            f"target runs from {target.min()} to {target.max()}; there are {logits.size(1)} classes, from 0"
        )


def check_maps(maps: Sequence[Tensor], dims: int = 4) -> list[Tensor]:
    """The maps as a list. Raises TypeError or ValueError unless each has at least so many axes, the last two alike."""
    maps = check_list(maps, "maps", "maps, one for each layer")
    if not maps:
        raise ValueError("maps is empty; it must hold a map for each layer")
    for number, heads in enumerate(maps):
        check_kind(heads, Tensor, f"maps[{number}]")
        if heads.dim() < dims or heads.shape[-2:] != 2 * maps[0].shape[-1:]:
            raise ValueError(f"maps[{number}] has shape {tuple(heads.shape)}; each must be (..., H, T, T), with one T")
    return maps


def check_explained(model: Classifier, batch: Batch, target: Tensor | str | None = "any") -> None:
    """Raise TypeError or ValueError for a model or batch that cannot be explained, and for a target of another size."""
    check_kind(model, Classifier, "model")
    check_kind(batch, Mapping, "batch", "a dict of tensors with input_ids")
    if "input_ids" not in batch or not set(batch) <= {"input_ids", "token_type_ids", "attention_mask"}:
        names = ", ".join(map(str, batch)) or "nothing"
        raise ValueError(f"batch holds {names}; it must hold input_ids, and perhaps token_type_ids and attention_mask")
    model.bert.check_inputs(batch["input_ids"], batch.get("token_type_ids"), batch.get("attention_mask"))
    if not isinstance(target, str) or target != "any":
        check_classes(torch.empty(len(batch["input_ids"]), model.num_labels, device=batch["input_ids"].device), target)


def check_marks(marks: Tensor, tokens: Tensor, name: str) -> None:
    """Raise TypeError or ValueError unless `marks` (B, T) says True or False of each token."""
    check_kind(marks, Tensor, name)
    if marks.shape != tokens.shape or marks.dim() != 2 or marks.dtype != torch.bool or marks.device != tokens.device:
        what = f"{marks.dtype} of shape {tuple(marks.shape)} on {marks.device}"
        raise ValueError(f"{name} is {what}; it must be torch.bool of shape {tuple(tokens.shape)} on {tokens.device}")


def log_odds(logits: Tensor, target: Tensor) -> Tensor:
    """log(p / (1 - p)) of the class `target` (B,), its preference over all others: logits (B, C) -> (B,).

    With two classes this is the difference of their logits. Unlike p, it does not saturate where the model is sure.
    """
    check_classes(logits, target)
    chosen = logits.gather(1, target[:, None])[:, 0]
    return chosen - logits.scatter(1, target[:, None], -torch.inf).logsumexp(1)


def class_probability(logits: Tensor, target: Tensor) -> Tensor:
    """The probability of the class `target` (B,): logits (B, C) -> (B,)."""
    check_classes(logits, target)
    return logits.softmax(1).gather(1, target[:, None])[:, 0]


def average_cls_attention(maps: Sequence[Tensor], layer: int = -1) -> Tensor:
    """How much [CLS] attends to each token in one layer, the mean of its heads: L maps (B, H, T, T) -> (B, T)."""
    maps = check_maps(maps)
    layer = check_number(layer, "layer", least=-len(maps), below=len(maps), whole=True)
    return maps[layer][:, :, 0].mean(1)


def transform_values(attention: Attention, x: Tensor) -> Tensor:
    """What each head adds to its output for a token attended to with weight 1: inputs (B, T, D) -> (B, H, T, D).

    This is f(x) of Kobayashi et al. 2020, section 3: the head's value times its rows of the output matrix. The output's
    bias is left out, because it is added once and belongs to no token.
    """
    check_arguments(attention=(attention, Attention), x=(x, Tensor))
    weight = attention.value.weight
    if x.dim() != 3 or x.size(-1) != weight.size(1) or x.dtype != weight.dtype or x.device != weight.device:
        wanted = f"{weight.dtype} of shape (B, T, {weight.size(1)}) on {weight.device}"
        raise ValueError(f"x is {x.dtype} of shape {tuple(x.shape)} on {x.device}; it must be {wanted}")
    values = attention.split_heads(attention.value(x))  # (B, H, T, d_k)
    H, d_k = values.shape[1], values.shape[3]
    return values @ attention.output.weight.T.unflatten(0, (H, d_k))  # (B, H, T, D)


def norm_weighted_attention(weights: Tensor, vectors: Tensor) -> Tensor:
    """The length of what a query receives from each token: weights (..., H, T), vectors (..., H, T, D) -> (..., T).

    Kobayashi et al. 2020, "Attention is Not Only a Weight": the norm of the sum over heads of weight times transformed
    value (`transform_values`). Raises ValueError for shapes that do not fit.
    """
    check_arguments(weights=(weights, Tensor), vectors=(vectors, Tensor))
    if weights.dim() < 2 or vectors.shape[:-1] != weights.shape or weights.device != vectors.device:
        shapes = f"weights has shape {tuple(weights.shape)}, vectors {tuple(vectors.shape)}"
        raise ValueError(f"{shapes}; they must be (..., H, T) and (..., H, T, D), on one device")
    return (weights[..., None] * vectors).sum(-3).norm(dim=-1)


@contextmanager
def capture_layer_input(model: Classifier, layer: int = -1) -> Iterator[list[Tensor]]:
    """Inside the `with` block each forward pass puts the layer's input (B, T, D) into the list, alone."""
    check_kind(model, Classifier, "model")
    count = len(model.bert.layers)
    layer = check_number(layer, "layer", least=-count, below=count, whole=True)
    captured: list[Tensor] = []

    def keep_input(_part, inputs: tuple) -> None:
        captured[:] = [inputs[0]]

    hook = model.bert.layers[layer].register_forward_pre_hook(keep_input)
    try:
        yield captured
    finally:
        hook.remove()


def roll_out_attention(maps: Sequence[Tensor]) -> Tensor:
    """Attention followed through the layers: L maps (..., H, T, T) -> (L, ..., T, T), the rollout after each layer.

    Abnar & Zuidema 2020, section 3. With A_l the mean of layer l's heads, half of each token's vector is taken to come
    from attention and half from the residual: R_l = (A_l / 2 + I / 2) R_{l-1}, where R_{-1} = I. So R_l[i, j] is the
    sum, over all paths from token i above layer l down to input token j, of the product of the weights on the path.
    Rows sum to 1; row 0 of R_{L-1} is [CLS]. Values, feed-forward layers and the residual's real size are ignored.
    """
    maps = check_maps(maps, dims=3)
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
    with torch.enable_grad():
        return torch.autograd.grad(sum_log_odds(model, batch, target, vectors), vectors)[0]


def gradient_norm(model: Classifier, batch: Batch, target: Tensor) -> Tensor:
    """The length of the gradient at each word vector: (B, T) (Simonyan et al. 2014; Li et al. 2016). It has no sign."""
    check_explained(model, batch, target)
    words = model.bert.embeddings.words(batch["input_ids"]).detach()
    return compute_embedding_gradient(model, batch, target, words).norm(dim=-1)


def gradient_x_input(model: Classifier, batch: Batch, target: Tensor) -> Tensor:
    """Gradient times word vector, summed over the width: (B, T) (Shrikumar et al. 2016, "Not just a black box").

    To first order, this is what the log-odds would lose if the word vector shrank to 0. In BERT a LayerNorm follows,
    which ignores the length of word + position + segment vector. So the score of the word is minus the score of the
    other two together, and says little about the word (notebook 15).
    """
    check_explained(model, batch, target)
    words = model.bert.embeddings.words(batch["input_ids"]).detach()
    return (compute_embedding_gradient(model, batch, target, words) * words).sum(-1)


def integrate_gradients(f: Callable[[Tensor], Tensor], x: Tensor, baseline: Tensor, steps: int = 16) -> Tensor:
    """Integrated gradients of any function `f` of a tensor: a score for each number of `x` (Sundararajan et al. 2017).

    `f` takes a tensor like `x` and returns one number. The gradient is averaged over the midpoints of `steps` equal
    pieces of the straight line from `baseline` to `x`, then multiplied by their difference. The scores sum to
    f(x) - f(baseline), the more exactly the more steps.
    """
    check_arguments(x=(x, Tensor), baseline=(baseline, Tensor))
    steps = check_number(steps, "steps", least=1, whole=True)
    if baseline.shape != x.shape:
        raise ValueError(f"baseline has shape {tuple(baseline.shape)}, x {tuple(x.shape)}")
    x, baseline = x.detach(), baseline.detach()
    total = torch.zeros_like(x)
    for step in range(steps):
        point = (baseline + (step + 0.5) / steps * (x - baseline)).requires_grad_()
        with torch.enable_grad():
            total += torch.autograd.grad(f(point), point)[0]
    return (x - baseline) * total / steps


def sum_log_odds(model: Classifier, batch: Batch, target: Tensor, vectors: Tensor) -> Tensor:
    """The log-odds of `target`, summed over the batch, when the model reads these word vectors (B, T, D): one number.

    The rows are independent, so the gradient of the sum holds the gradient of each row.
    """
    with replace_word_embeddings(model, vectors):
        return log_odds(model(**batch).logits, target).sum()


def integrated_gradients(model: Classifier, batch: Batch, target: Tensor, baseline: Tensor, steps: int = 16) -> Tensor:
    """The mean gradient on the line from a baseline's word vectors to the sentence's, times their difference: (B, T).

    Sundararajan et al. 2017, section 3. `baseline` (B, T) are the ids of an uninformative text (`make_blank_baseline`).
    The integral is a sum over the midpoints of `steps` equal pieces; each costs a forward and a backward pass. The
    scores sum to the log-odds of the sentence minus those of the baseline, the more exactly the more steps. Raises
    ValueError for less than one step, or a baseline of another shape.
    """
    check_explained(model, batch, target)
    check_kind(baseline, Tensor, "baseline")
    steps = check_number(steps, "steps", least=1, whole=True)
    model.bert.check_inputs(baseline, None, None)
    if baseline.shape != batch["input_ids"].shape:
        raise ValueError(f"baseline has shape {tuple(baseline.shape)}, input_ids {tuple(batch['input_ids'].shape)}")
    start, end = (model.bert.embeddings.words(ids).detach() for ids in (baseline, batch["input_ids"]))  # (B, T, D)
    scores = integrate_gradients(lambda vectors: sum_log_odds(model, batch, target, vectors), end, start, steps)
    return scores.sum(-1)


def make_blank_baseline(input_ids: Tensor, fill: int, keep: Sequence[int]) -> Tensor:
    """A baseline (B, T): the id `fill` ([PAD], or [MASK]) everywhere except at the ids in `keep` ([CLS], [SEP])."""
    check_kind(input_ids, Tensor, "input_ids")
    fill = check_number(fill, "fill", least=0, whole=True)
    keep = [check_number(number, "an id in keep", least=0, whole=True) for number in check_list(keep, "keep", "ids")]
    return input_ids.where(torch.isin(input_ids, torch.tensor(list(keep), device=input_ids.device)), fill)


def score_tokens(
    model: Classifier, batch: Batch, target: Tensor, baseline: Tensor, steps: int = 16
) -> dict[str, Tensor]:
    """The scores of all six methods: name -> (B, T). The attention is that of [CLS] in the last layer."""
    check_explained(model, batch, target)
    steps = check_number(steps, "steps", least=1, whole=True)
    with torch.no_grad(), attention_maps(model) as maps, capture_layer_input(model) as inputs:
        model(**batch)
        vectors = transform_values(model.bert.layers[-1].attention, inputs[0])  # (B, H, T, D)
    return {
        "attention": average_cls_attention(maps),
        "norm-weighted attention": norm_weighted_attention(maps[-1][:, :, 0], vectors),
        "rollout": roll_out_attention(maps)[-1][:, 0],
        "gradient norm": gradient_norm(model, batch, target),
        "gradient × input": gradient_x_input(model, batch, target),
        "integrated gradients": integrated_gradients(model, batch, target, baseline, steps),
    }


@torch.no_grad()
def classify_without_tokens(model: Classifier, batch: Batch, removed: Tensor) -> Tensor:
    """Logits (B, C) when no token can attend to those in `removed` (B, T, True where a token is removed).

    The other tokens keep their positions, so a gap remains. Raises ValueError if [CLS] is to be removed.
    """
    check_explained(model, batch)
    check_marks(removed, batch["input_ids"], "removed")
    if removed[:, 0].any():
        raise ValueError("[CLS] cannot be removed: the classifier reads its vector")
    mask = batch.get("attention_mask", torch.ones_like(batch["input_ids"]))
    return model(batch["input_ids"], attention_mask=mask * ~removed).logits


def occlude_each_token(model: Classifier, batch: Batch, target: Tensor, words: Tensor) -> Tensor:
    """How much log-odds are lost when one token alone is removed: (B, T); 0 for tokens outside `words` (B, T).

    Li et al. 2016, "Understanding Neural Networks through Representation Erasure". One forward pass per token.
    """
    check_explained(model, batch, target)
    check_marks(words, batch["input_ids"], "words")
    whole = log_odds(classify_without_tokens(model, batch, torch.zeros_like(words)), target)
    loss = torch.zeros(words.shape, dtype=whole.dtype, device=whole.device)
    for position in words.any(0).nonzero()[:, 0].tolist():
        removed = torch.zeros_like(words)
        removed[:, position] = words[:, position]
        loss[:, position] = whole - log_odds(classify_without_tokens(model, batch, removed), target)
    return loss


def select_top_tokens(scores: Tensor, words: Tensor, k: int) -> Tensor:
    """True at the k highest scores of each row among the tokens in `words` (B, T), or at all of them if fewer."""
    check_kind(scores, Tensor, "scores")
    check_marks(words, scores, "words")
    k = check_number(k, "k", least=0, whole=True)
    order = scores.masked_fill(~words, -torch.inf).argsort(dim=1, descending=True, stable=True)
    return torch.zeros_like(words).scatter(1, order[:, :k], True) & words


def measure_probability_loss(model: Classifier, batch: Batch, target: Tensor, removed: Tensor) -> Tensor:
    """How much probability the class `target` loses without the tokens in `removed` (B, T): (B,)."""
    check_explained(model, batch, target)
    whole = class_probability(classify_without_tokens(model, batch, torch.zeros_like(removed)), target)
    return whole - class_probability(classify_without_tokens(model, batch, removed), target)


def comprehensiveness(model: Classifier, batch: Batch, target: Tensor, scores: Tensor, words: Tensor, k: int) -> Tensor:
    """The probability lost without the k highest-scoring of `words` (B, T): (B,) (DeYoung et al. 2020, section 4.2).

    High means that they were needed.
    """
    check_explained(model, batch, target)
    return measure_probability_loss(model, batch, target, select_top_tokens(scores, words, k))


def sufficiency(model: Classifier, batch: Batch, target: Tensor, scores: Tensor, words: Tensor, k: int) -> Tensor:
    """The probability lost when only the k highest-scoring of `words` (B, T) remain: (B,). Low means they suffice."""
    check_explained(model, batch, target)
    return measure_probability_loss(model, batch, target, words & ~select_top_tokens(scores, words, k))


def find_other_attention(weights: Tensor, values: Tensor) -> Tensor:
    """Weights far from `weights` (T,) that give the very same average of `values` (T, d_k): (T,) in float64.

    With T > d_k + 1 tokens such weights exist (Brunner et al. 2020, section 3): any vector of the null space of the
    values can be added, where a column of ones among the values keeps the sum at 1. We move in it away from `weights`
    until one weight reaches 0, fix that one, and continue until no direction is left: with few tokens, at once.
    """
    check_arguments(weights=(weights, Tensor), values=(values, Tensor))
    if weights.dim() != 1 or values.dim() != 2 or len(values) != len(weights) or weights.device != values.device:
        shapes = f"weights has shape {tuple(weights.shape)}, values {tuple(values.shape)}"
        raise ValueError(f"{shapes}; they must be (T,) and (T, d_k), on one device")
    if not weights.isfinite().all() or not values.isfinite().all():
        raise ValueError("weights or values hold nan or infinity")
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
