"""The exercises of notebook 03, attention: softmax, attention for any shape, a query for a key, softmax's gradient."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from . import Exercise, Hint, expect, make_check
from .comparing import is_close, random_numbers

# ---- softmax ---------------------------------------------------------------------------------------------


def softmax_of_one_row(softmax):
    x = torch.tensor([0.0, math.log(2), math.log(5)])
    y = softmax(x)
    expect(isinstance(y, Tensor), "Return a tensor.")
    expect(y.shape == (3,), f"The result has the shape of x, here (3,). Yours has shape {tuple(y.shape)}.")
    expect(not is_close(y, x / x.sum()), "You divided x by its sum. First raise e to each number: .exp().")
    expect(not is_close(y, x.exp()), "These are the powers of e. Divide them by their sum, so that they add up to 1.")
    expect(
        is_close(y, torch.tensor([0.125, 0.25, 0.625])),
        "For (0, ln 2, ln 5) the powers of e are 1, 2 and 5. Divide them by their sum, 8.",
    )


def softmax_of_each_row(softmax):
    x = random_numbers(1, 2, 3, 3)
    try:
        y = softmax(x)
    except RuntimeError as error:
        raise Hint(
            f"x may have the shape (B, T, T): keepdim=True keeps the axis that is summed. torch's error: {error}"
        ) from None
    expect(
        not is_close(y, x.exp() / x.exp().sum()),
        "Your numbers all together add up to 1. Each row must add up to 1: sum over the last axis.",
    )
    for axis in (0, 1):
        expect(not is_close(y, x.softmax(axis)), f"You summed along axis {axis}. A row lies along the last axis.")
    expect(is_close(y, x.softmax(-1)), "For a tensor (2, 3, 3) the result is not torch.softmax(x, -1).")


def softmax_of_large_numbers(softmax):
    x = torch.tensor([[1000.0, 1001.0, 999.0], [1000.0, 1000.0, 1000.0]])
    y = softmax(x)
    expect(
        bool(torch.isfinite(y).all()),
        "e to the power of 1000 overflows. Subtract the row's maximum first: this does not change the softmax.",
    )
    expect(is_close(y, x.softmax(-1)), "With scores near 1000 the result is not torch.softmax(x, -1).")


def softmax_of_rows_far_apart(softmax):
    x = torch.tensor([[1000.0, 1001.0], [-1000.0, -1001.0]])
    y = softmax(x)
    expect(
        bool(torch.isfinite(y).all()),
        "You subtract one maximum from all rows, so a row far below it becomes 0 / 0. Subtract each row's own maximum.",
    )
    expect(
        is_close(y, x.softmax(-1)), "With one row near 1000 and one near -1000 the result is not torch.softmax(x, -1)."
    )


# ---- attention -------------------------------------------------------------------------------------------


def attention_of_a_text(attention):
    q, k, v = random_numbers(2, 6, 3), random_numbers(3, 6, 3), random_numbers(4, 6, 3)
    z = attention(q, k, v)
    expect(isinstance(z, Tensor), "Return one tensor, the weighted averages of v.")
    raw = q @ k.T
    expect(not is_close(z, (raw / math.sqrt(3)).softmax(-1)), "These are the weights. Multiply them by v.")
    expect(
        not is_close(z, raw.softmax(-1) @ v),
        "You did not divide the scores by the square root of K, where K is 3 here.",
    )
    expect(not is_close(z, (raw / 3).softmax(-1) @ v), "You divided by K. Divide by the square root of K.")
    expect(not is_close(z, (raw * math.sqrt(3)).softmax(-1) @ v), "You multiplied by the square root of K. Divide.")
    expect(
        not is_close(z, (raw / math.sqrt(3)).softmax(0) @ v),
        "The columns of your weights add up to 1, but the rows must: take the softmax over the keys, the last axis.",
    )
    expect(
        not is_close(z, (raw.T / math.sqrt(3)).softmax(-1) @ v),
        "You swapped queries and keys. The scores are q times the transpose of k.",
    )
    expect(
        is_close(z, F.scaled_dot_product_attention(q, k, v)),
        "For q, k, v of shape (6, 3) the result is not that of F.scaled_dot_product_attention.",
    )


def attention_with_few_queries(attention):
    q, k, v = random_numbers(5, 2, 8), random_numbers(6, 6, 8), random_numbers(7, 6, 5)
    z = attention(q, k, v)
    expect(
        isinstance(z, Tensor) and z.shape == (2, 5), "2 queries and values of width 5 give an output of shape (2, 5)."
    )
    raw = q @ k.T
    expect(
        not any(is_close(z, (raw / math.sqrt(size)).softmax(-1) @ v) for size in (2, 5, 6)),
        "You took the square root of another size. K is the width of q and k, which is 8 here: it is neither the "
        "number of tokens nor the width of v.",
    )
    expect(
        is_close(z, F.scaled_dot_product_attention(q, k, v)),
        "With 2 queries, 6 keys and values of width 5 the result is not that of F.scaled_dot_product_attention.",
    )


def attention_of_a_batch(attention):
    q, k, v = random_numbers(8, 2, 4, 6, 3), random_numbers(9, 2, 4, 6, 3), random_numbers(10, 2, 4, 6, 3)
    try:
        z = attention(q, k, v)
    except RuntimeError as error:
        raise Hint(f"With (B, H, T, K), transpose only the last two axes of k: k.mT. torch's error: {error}") from None
    expect(
        is_close(z, F.scaled_dot_product_attention(q, k, v)),
        "For a batch of shape (2, 4, 6, 3) the result is not that of F.scaled_dot_product_attention.",
    )


# ---- query_for -------------------------------------------------------------------------------------------


def compute_weights(query_for, k: Tensor, j: int) -> Tensor:
    """The attention weights of the query that `query_for` returns. Raises Hint unless it is a finite vector."""
    q = query_for(k.clone(), j)
    expect(
        isinstance(q, Tensor) and q.shape == k[j].shape, f"Return one query of shape {tuple(k[j].shape)}, like a key's."
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
    found = softmax_gradient(a, g)
    expect(isinstance(found, Tensor) and found.shape == (3,), "Return one number for each score: shape (3,) here.")
    expect(
        not is_close(found, a * g),
        "This is a * g alone; the sum over the row is missing. If one weight grows, the others shrink.",
    )
    expect(
        not is_close(found, a * g - a**2 * g),
        "This is only the diagonal of the Jacobian. A score also changes the weights of the other tokens.",
    )
    expect(not is_close(found, g - (a * g).sum()), "Multiply by the weight a: a token with no weight gets no gradient.")
    expect(
        is_close(found, torch.tensor([0.25, -0.125, -0.125])),
        "For a = (0.5, 0.25, 0.25) and g = (1, 0, 0) the gradient is (0.25, -0.125, -0.125).",
    )


def gradient_of_each_row(softmax_gradient):
    a, g = random_numbers(12, 2, 4, 4).softmax(-1), random_numbers(13, 2, 4, 4)
    try:
        found = softmax_gradient(a, g)
    except RuntimeError as error:
        raise Hint(
            f"a may have the shape (B, T, T): keepdim=True keeps the axis that is summed. torch's error: {error}"
        ) from None
    expect(
        not is_close(found, a * (g - (a * g).sum())),
        "You took one sum for all rows. Each row has its own: sum over the last axis.",
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
        "Write the whole formula for any number of leading axes.",
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
check = make_check(EXERCISES)
