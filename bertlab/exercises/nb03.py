"""The exercises of notebook 03, attention: softmax, attention for any shape, a query for a key, softmax's gradient, and
two bugs to find, a mask and a target."""

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from . import Exercise, Hint, expect, make_check, make_use
from .comparing import as_number, is_close, random_numbers

# ---- softmax ---------------------------------------------------------------------------------------------


def softmax_of_one_row(softmax):
    x = torch.tensor([0.0, math.log(2), math.log(5)])
    try:
        y = softmax(x.clone())
    except TypeError as error:
        expect(
            "return_types.max" not in str(error),
            "x.max(-1) finds two things, the largest numbers and their places. Take its .values, or use x.amax(-1).",
        )
        raise
    expect(isinstance(y, Tensor), f"Return a tensor. Your function returns a {type(y).__name__}.")
    expect(y.shape == (3,), f"The result has the shape of x, here (3,). Yours has shape {tuple(y.shape)}.")
    expect(not is_close(y, x / x.sum()), "You divided x by its sum. First raise e to each number: .exp().")
    expect(not is_close(y, x.exp()), "These are the powers of e. Divide them by their sum, so that they add up to 1.")
    expect(
        is_close(y, torch.tensor([0.125, 0.25, 0.625])),
        "For (0, ln 2, ln 5) the powers of e are 1, 2 and 5. Divide them by their sum, 8.",
    )


def explain_batch(name: str, error: RuntimeError) -> str:
    """The hint for a function that fails on a batch, but not on one row."""
    lost = "must match the size" in str(error)
    why = "keepdim=True keeps the axis that is summed" if lost else "your function works on a single row only"
    return f"{name} may have the shape (B, T, T): {why}. torch's error: {error}"


def softmax_of_each_row(softmax):
    x = random_numbers(1, 2, 3, 3)
    try:
        y = softmax(x.clone())
    except RuntimeError as error:
        raise Hint(explain_batch("x", error)) from None
    expect(
        not is_close(y, x.exp() / x.exp().sum()),
        "Your numbers all together add up to 1. Each row must add up to 1: sum over the last axis.",
    )
    for axis in (0, 1):
        expect(not is_close(y, x.softmax(axis)), f"You summed along axis {axis}. A row lies along the last axis.")
    expect(is_close(y, x.softmax(-1)), "For a tensor (2, 3, 3) the result is not torch.softmax(x, -1).")


def softmax_of_large_numbers(softmax):
    x = torch.tensor([[1000.0, 1001.0, 999.0], [1000.0, 1000.0, 1000.0]], dtype=torch.float64)
    y = softmax(x.clone())
    expect(
        bool(torch.isfinite(y).all()),
        "e to the power of 1000 overflows. Subtract the row's maximum first: this does not change the softmax.",
    )
    expect(is_close(y, x.softmax(-1)), "With scores near 1000 the result is not torch.softmax(x, -1).")


def softmax_of_rows_far_apart(softmax):
    x = torch.tensor([[1000.0, 0.0, -1000.0]], dtype=torch.float64)
    y = softmax(x.clone())
    expect(
        bool(torch.isfinite(y).all()),
        "In the row (1000, 0, -1000) a power still overflows. After the subtraction no number may be above 0, and only "
        "the maximum makes sure of that.",
    )
    expect(is_close(y, x.softmax(-1)), "For the row (1000, 0, -1000) the result is not torch.softmax(x, -1).")
    x = torch.tensor([[1000.0, 1001.0], [-1000.0, -1001.0]], dtype=torch.float64)
    y = softmax(x.clone())
    expect(
        bool(torch.isfinite(y).all()),
        "You subtract one maximum from all rows, so a row far below it becomes 0 / 0. Subtract each row's own maximum.",
    )
    expect(
        is_close(y, x.softmax(-1)), "With one row near 1000 and one near -1000 the result is not torch.softmax(x, -1)."
    )


# ---- attention -------------------------------------------------------------------------------------------


def split_answer(answer: object) -> tuple[Tensor, Tensor]:
    """The output and the weights that `attention` returns. Raises Hint for anything else than two tensors."""
    expect(
        isinstance(answer, tuple | list) and len(answer) == 2 and all(isinstance(part, Tensor) for part in answer),
        "Return two tensors, the output and the weights: return weights @ v, weights.",
    )
    return answer[0], answer[1]


def expect_attention(answer: object, q: Tensor, k: Tensor, v: Tensor, case: str) -> None:
    """Raise Hint unless the answer is the output and the weights of attention."""
    output, weights = split_answer(answer)
    right = (q @ k.mT / math.sqrt(q.size(-1))).softmax(-1)
    expect(is_close(output, F.scaled_dot_product_attention(q, k, v)), f"{case} the output is wrong.")
    expect(is_close(weights, right), f"{case} the output is right, but the second tensor is not the weights.")


def attention_of_a_text(attention):
    q, k, v = random_numbers(2, 6, 3), random_numbers(3, 6, 3), random_numbers(4, 6, 3)
    try:
        answer = attention(q.clone(), k.clone(), v.clone())
    except RuntimeError as error:
        raise Hint(
            "A product does not fit. q, k and v are (6, 3) here, and a product needs a row of the left side to be as "
            f"long as a column of the right side. torch says: {error}"
        ) from None
    output, weights = split_answer(answer)
    raw = q @ k.T
    right = (raw / math.sqrt(3)).softmax(-1)
    expect(not is_close(output, right), "The first tensor holds the weights. The output is the weights times v.")
    expect(
        not is_close(output, raw.softmax(-1) @ v),
        "You did not divide the scores by the square root of d_k, which is 3 here.",
    )
    expect(
        not is_close(output, (raw / math.sqrt(6)).softmax(-1) @ v),
        "You took the square root of 6, the number of tokens. d_k is the size of one query or key, 3 here.",
    )
    expect(not is_close(output, raw / math.sqrt(3) @ v), "The softmax is missing between the scores and the average.")
    expect(
        not is_close(output, raw.softmax(-1) / math.sqrt(3) @ v),
        "You divided the weights by the square root of d_k. Divide the scores, before the softmax.",
    )
    expect(not is_close(output, right @ k), "The weights are right, but you averaged the keys. Average the values.")
    expect(
        not is_close(output, (q @ q.T / math.sqrt(3)).softmax(-1) @ v),
        "Your scores compare queries with queries. Compare them with the keys.",
    )
    expect(not is_close(output, (raw / 3).softmax(-1) @ v), "You divided by d_k. Divide by the square root of d_k.")
    expect(
        not is_close(output, (raw * math.sqrt(3)).softmax(-1) @ v), "You multiplied by the square root of d_k. Divide."
    )
    expect(
        not is_close(output, (raw / math.sqrt(3)).softmax(0) @ v),
        "The columns of your weights add up to 1, but the rows must: take the softmax over the keys, the last axis.",
    )
    expect(
        not is_close(output, (raw.T / math.sqrt(3)).softmax(-1) @ v),
        "You swapped queries and keys. The scores are q times the transpose of k.",
    )
    expect(
        not is_close(output, right.T @ v),
        "You transposed the weights. Row i of the weights belongs to query i: the output is weights @ v.",
    )
    expect_attention((output, weights), q, k, v, "For q, k and v of shape (6, 3)")


def attention_with_few_queries(attention):
    q, k, v = random_numbers(5, 2, 8), random_numbers(6, 6, 8), random_numbers(7, 6, 5)
    output, weights = split_answer(attention(q.clone(), k.clone(), v.clone()))
    expect(output.shape == (2, 5), "2 queries and values of size 5 give an output of shape (2, 5).")
    raw = q @ k.T
    expect(
        not any(is_close(output, (raw / math.sqrt(size)).softmax(-1) @ v) for size in (2, 3, 5, 6)),
        "You took the square root of another size. d_k is the size of one query or key, which is 8 here: it is neither "
        "the number of tokens nor the size of a value.",
    )
    expect_attention((output, weights), q, k, v, "With 2 queries, 6 keys and values of size 5")


def attention_of_a_batch(attention):
    q, k, v = random_numbers(8, 2, 4, 6, 3), random_numbers(9, 2, 4, 6, 3), random_numbers(10, 2, 4, 6, 3)
    try:
        answer = attention(q.clone(), k.clone(), v.clone())
    except RuntimeError as error:
        raise Hint(f"For (B, H, T, d_k), transpose only the last two axes of k: k.mT. torch says: {error}") from None
    output, scores = split_answer(answer)[0], q @ k.mT
    expect(
        not any(is_close(output, (scores / math.sqrt(3)).softmax(axis) @ v) for axis in (0, 1, 2)),
        "The softmax runs along the wrong axis of the (B, H, N, T) scores. The keys lie along the last axis, -1.",
    )
    expect(
        not any(is_close(output, (scores / math.sqrt(size)).softmax(-1) @ v) for size in (2, 4, 6)),
        "In a batch, d_k is still the size of the last axis. Count the axes from the end: -1 is right for any shape.",
    )
    expect_attention(answer, q, k, v, "For a batch of shape (2, 4, 6, 3)")


# ---- the bugs: causal_attention, previous_letter_loss ----------------------------------------------------


def causal_rows_sum_to_one(causal_attention):
    q, k, v = (random_numbers(seed, 5, 4) for seed in (21, 22, 23))
    output, weights = split_answer(causal_attention(q.clone(), k.clone(), v.clone()))
    expect(
        not weights.isnan().any(),
        "There are rows of nan. A row becomes nan if all of its scores are -inf, so each token must be able to read "
        "itself. A score of +inf gives nan as well.",
    )
    expect(
        not (weights.diagonal()[1:] == 0).any(),
        "The diagonal of your weights is 0, but token i may read tokens 0 to i: itself, too.",
    )
    expect(bool((weights.triu(1) == 0).all()), "A token attends to a later one: the upper triangle must be 0.")
    sums = weights.sum(-1)
    expect(
        is_close(sums, torch.ones(5)),
        f"The rows of the weights sum to {', '.join(f'{total:.2f}' for total in sums.tolist())}; each must sum to 1.",
    )
    expect(is_close(output, weights @ v), "The output is not the weights times v.")


def later_tokens_change_nothing(causal_attention):
    q, k, v = (random_numbers(seed, 5, 4) for seed in (21, 22, 23))
    before, _ = split_answer(causal_attention(q.clone(), k.clone(), v.clone()))
    changed = k.clone()
    changed[-1] = 3 * changed[-1] + 1
    after, _ = split_answer(causal_attention(q.clone(), changed, v.clone()))
    expect(
        is_close(after[:-1], before[:-1]),
        "The key of the last token was changed, and the outputs of earlier tokens moved. They must not depend on it.",
    )


def causal_as_in_torch(causal_attention):
    q, k, v = (random_numbers(seed, 6, 3) for seed in (24, 25, 26))
    output, _ = split_answer(causal_attention(q.clone(), k.clone(), v.clone()))
    hidden = torch.ones(6, 6).triu(1).bool()
    expect(
        not is_close(output, (q @ k.mT).masked_fill(hidden, -torch.inf).softmax(-1) @ v),
        "The scores are no longer divided by the square root of d_k.",
    )
    expect(
        is_close(output, F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0]),
        "The output is not that of F.scaled_dot_product_attention(..., is_causal=True).",
    )


def loss_of_a_planted_answer(previous_letter_loss):
    ids = torch.tensor([[3, 1, 4, 1, 5]])
    certain = 50 * F.one_hot(torch.tensor([[0, 3, 1, 4, 1]]), 8).float()  # (1, 5, 8): each says the letter before it
    loss = as_number(previous_letter_loss(certain, ids), "one number, the loss")
    itself = as_number(previous_letter_loss(50 * F.one_hot(ids, 8).float(), ids), "one number, the loss")
    expect(
        loss < 0.01,
        f"A model that gives the previous letter with certainty has loss {loss:.1f} here, and one that repeats the "
        f"letter itself has {itself:.1f}. Which letter is the target at position 1?",
    )
    expect(itself > 1, "A model that repeats each letter itself must have a high loss.")


def first_letter_is_not_asked(previous_letter_loss):
    ids = torch.randint(8, (3, 6), generator=torch.Generator().manual_seed(5))
    logits = random_numbers(27, 3, 6, 8)
    other = logits.clone()
    other[:, 0] += random_numbers(28, 3, 8)
    loss = as_number(previous_letter_loss(logits.clone(), ids.clone()), "one number, the loss")
    expect(
        is_close(loss, float(previous_letter_loss(other, ids.clone()))),
        "The first letter has no previous letter, so its logits must not change the loss.",
    )
    right = F.cross_entropy(logits[:, 1:].flatten(0, 1), ids[:, :-1].flatten())
    expect(not is_close(loss, 15 * float(right)), "This is the sum over all letters of the batch. Take the mean.")
    expect(is_close(loss, float(right)), "It is not the mean over positions 1 to T - 1 of all texts.")


# ---- query_for -------------------------------------------------------------------------------------------


def compute_weights(query_for, k: Tensor, j: int) -> Tensor:
    """The attention weights of the query that `query_for` returns. Raises Hint unless it is a finite vector."""
    q = query_for(k.clone(), j)
    shape = f"has the shape {tuple(q.shape)}" if isinstance(q, Tensor) else f"is a {type(q).__name__}"
    expect(
        isinstance(q, Tensor) and q.shape == k[j].shape,
        f"Return one query, a tensor of shape {tuple(k[j].shape)} like row j of k. Yours {shape}.",
    )
    expect(bool(torch.isfinite(q).all()), "Your query holds inf or nan. A long query is enough.")
    return (k @ q.to(k) / math.sqrt(k.size(1))).softmax(-1)


def query_in_a_cross(query_for):
    k = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], dtype=torch.float64)
    for j in range(4):
        weights = compute_weights(query_for, k, j)
        expect(
            weights.argmax() == j,
            f"Key {j} is {k[j].tolist()}, but key {int(weights.argmax())} gets the most weight. In which direction "
            f"must a query point to have the largest product with key {j}?",
        )
        expect(
            weights[j] > 0.99,
            f"Your query points in the right direction, but token {j} gets only {weights[j]:.2f}. What else about a "
            "query makes its products larger?",
        )


def query_among_many(query_for):
    k = F.normalize(random_numbers(11, 20, 8), dim=-1)
    for j in range(20):
        weights = compute_weights(query_for, k, j)
        expect(weights.argmax() == j, "Among 20 keys of width 8, another token gets the most weight.")
        expect(weights[j] > 0.99, f"Among 20 keys of width 8, the token gets {weights[j]:.2f}. Make the query longer.")


# ---- softmax_gradient ------------------------------------------------------------------------------------


def gradient_of_one_row(softmax_gradient):
    a, g = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64), torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    found = softmax_gradient(a.clone(), g.clone())
    expect(isinstance(found, Tensor) and found.shape == (3,), "Return one number for each score: shape (3,) here.")
    expect(
        not is_close(found, a * g),
        "This is a * g alone; the sum over the row is missing. If one weight grows, the others shrink.",
    )
    expect(
        not is_close(found, a * g - a**2 * g),
        "This is only the diagonal of the Jacobian. A score also changes the weights of the other tokens.",
    )
    right = a * (g - (a * g).sum())
    expect(not is_close(found, -right), "The sign is wrong: a larger score makes the weight of its own token larger.")
    expect(not is_close(found, a * (g + (a * g).sum())), "The sum over the row is subtracted, and you added it.")
    expect(
        not is_close(found, a * (g - g.sum())),
        "In the sum over the row, each g must be multiplied by its weight a.",
    )
    expect(not is_close(found, a * g - (a * g).sum()), "The sum over the row has the factor a_j in front, too.")
    expect(not is_close(found, a * (g - (a * g).mean())), "You took the mean over the row. It is a sum.")
    expect(not is_close(found, g - (a * g).sum()), "Multiply by the weight a: a token with no weight gets no gradient.")
    expect(
        is_close(found, right),
        "For a = (0.5, 0.25, 0.25) and g = (1, 0, 0) the gradient is (0.25, -0.125, -0.125).",
    )


def gradient_of_each_row(softmax_gradient):
    a, g = random_numbers(12, 2, 4, 4).softmax(-1), random_numbers(13, 2, 4, 4)
    try:
        found = softmax_gradient(a.clone(), g.clone())
    except RuntimeError as error:
        raise Hint(explain_batch("a", error)) from None
    expect(
        not is_close(found, a * (g - (a * g).sum())),
        "You took one sum for all rows. Each row has its own: sum over the last axis.",
    )
    expect(
        not any(is_close(found, a * (g - (a * g).sum(axis, keepdim=True))) for axis in (0, 1)),
        "You summed along another axis. A row lies along the last axis.",
    )
    expect(
        not is_close(found, a * (g - a @ g)),
        "With more than one axis a @ g is a product of matrices. Multiply number by number, and sum over each row.",
    )
    scores = random_numbers(12, 2, 4, 4).requires_grad_()
    scores.softmax(-1).backward(g)
    expect(is_close(found, scores.grad), "For a batch of shape (2, 4, 4) it is not the gradient that autograd finds.")


EXERCISES = {
    "softmax": Exercise(
        "Turn each row of scores into weights that add up to 1, also when the scores are large.",
        1,
        5,
        (softmax_of_one_row, softmax_of_each_row, softmax_of_large_numbers, softmax_of_rows_far_apart),
    ),
    "attention": Exercise(
        "Write the whole formula for any number of leading axes, and return the output and the weights.",
        2,
        8,
        (attention_of_a_text, attention_with_few_queries, attention_of_a_batch),
    ),
    "query_for": Exercise(
        "Find a query that gives one chosen token more than 0.99 of the weight.",
        2,
        6,
        (query_in_a_cross, query_among_many),
    ),
    "softmax_gradient": Exercise(
        "From the gradient at the weights find the gradient at the scores.",
        3,
        12,
        (gradient_of_one_row, gradient_of_each_row),
    ),
}
BUGS = {
    "causal_attention": Exercise(
        "Find the bug: later tokens must have no influence on earlier ones.",
        2,
        6,
        (causal_rows_sum_to_one, later_tokens_change_nothing, causal_as_in_torch),
    ),
    "previous_letter_loss": Exercise(
        "Find the bug: the target of each position is the letter before it.",
        1,
        4,
        (loss_of_a_planted_answer, first_letter_is_not_asked),
    ),
}


def attend(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention, q (..., N, d_k), k (..., T, d_k), v (..., T, d_v): the output (..., N, d_v) and the
    weights (..., N, T) (Vaswani et al. 2017, section 3.2.1)."""
    weights = (q @ k.mT / math.sqrt(q.size(-1))).softmax(-1)
    return weights @ v, weights


def mean_previous_letter_loss(logits: Tensor, ids: Tensor) -> Tensor:
    """The mean cross-entropy, in nats, of naming at each position but the first the letter before it. `logits` are
    (B, T, V), `ids` (B, T)."""
    return F.cross_entropy(logits[:, 1:].flatten(0, 1), ids[:, :-1].flatten())


check = make_check(EXERCISES | BUGS)
use = make_use(
    check,
    {
        "softmax": partial(torch.softmax, dim=-1),
        "attention": attend,
        "previous_letter_loss": mean_previous_letter_loss,
    },
)
