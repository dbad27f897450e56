"""The exercises of notebook 03, attention: softmax, attention for any shape, a query that aims, softmax backwards."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from . import Exercise, Hint, checker, expect


def close(answer: object, right: Tensor, limit: float = 1e-5) -> bool:
    """Is the answer a tensor of the right shape with nearly the right numbers?"""
    return (
        isinstance(answer, Tensor)
        and answer.shape == right.shape
        and bool((answer.double() - right.double()).abs().max() < limit)
    )


def numbers(seed: int, *shape: int) -> Tensor:
    """The same random numbers each time, in float64."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# ---- softmax ---------------------------------------------------------------------------------------------


def softmax_of_one_row(softmax):
    x = torch.tensor([0.0, math.log(2), math.log(5)])
    y = softmax(x)
    expect(isinstance(y, Tensor), "Return a tensor.")
    expect(y.shape == (3,), f"The result has the shape of x, here (3,). Yours is {tuple(y.shape)}.")
    expect(not close(y, x / x.sum()), "You divided x by its sum. First raise e to each number: .exp().")
    expect(not close(y, x.exp()), "These are the powers of e. Divide them by their sum, so that they add up to 1.")
    expect(close(y, torch.tensor([0.125, 0.25, 0.625])), "For (0, ln 2, ln 5) the powers are 1, 2, 5: divide by 8.")


def softmax_of_each_row(softmax):
    x = numbers(1, 2, 3, 3)
    try:
        y = softmax(x)
    except RuntimeError as error:
        raise Hint(f"x may be (B, T, T): keepdim=True keeps the axis that is summed. torch said: {error}") from None
    expect(not close(y, x.exp() / x.exp().sum()), "Everything together adds up to 1. Each row must: sum the last axis.")
    for axis in (0, 1):
        expect(not close(y, x.softmax(axis)), f"You summed along axis {axis}. A row lies along the last axis.")
    expect(close(y, x.softmax(-1)), "For a tensor (2, 3, 3) the result is not torch.softmax(x, -1).")


def softmax_of_large_numbers(softmax):
    x = torch.tensor([[1000.0, 1001.0, 999.0], [1000.0, 1000.0, 1000.0]])
    y = softmax(x)
    expect(
        bool(torch.isfinite(y).all()),
        "e to the 1000 is too large for a computer. Subtract the row's maximum first: softmax does not change by that.",
    )
    expect(close(y, x.softmax(-1)), "With scores near 1000 the result is not torch.softmax(x, -1).")


def softmax_of_rows_far_apart(softmax):
    x = torch.tensor([[1000.0, 1001.0], [-1000.0, -1001.0]])
    y = softmax(x)
    expect(
        bool(torch.isfinite(y).all()),
        "You subtract one maximum for all rows. A row far below it becomes 0 / 0: each row has its own maximum.",
    )
    expect(close(y, x.softmax(-1)), "With one row near 1000 and one near -1000 it is not torch.softmax(x, -1).")


# ---- attention -------------------------------------------------------------------------------------------


def attention_of_a_text(attention):
    q, k, v = numbers(2, 6, 3), numbers(3, 6, 3), numbers(4, 6, 3)
    z = attention(q, k, v)
    expect(isinstance(z, Tensor), "Return one tensor, the averages of v.")
    raw = q @ k.T
    expect(not close(z, (raw / math.sqrt(3)).softmax(-1)), "These are the weights. Multiply them with v.")
    expect(not close(z, raw.softmax(-1) @ v), "The scores are not divided: by the square root of K, here 3.")
    expect(not close(z, (raw / 3).softmax(-1) @ v), "You divided by K. It is the square root of K.")
    expect(not close(z, (raw * math.sqrt(3)).softmax(-1) @ v), "You multiplied by the square root of K. Divide.")
    expect(
        not close(z, (raw / math.sqrt(3)).softmax(0) @ v),
        "The columns of your weights add up to 1. The rows must: softmax over the keys, the last axis.",
    )
    expect(not close(z, (raw.T / math.sqrt(3)).softmax(-1) @ v), "You let k ask and q answer: it is q times k, turned.")
    expect(close(z, F.scaled_dot_product_attention(q, k, v)), "For q, k, v of (6, 3) it is not SDPA's result.")


def attention_with_few_queries(attention):
    q, k, v = numbers(5, 2, 8), numbers(6, 6, 8), numbers(7, 6, 5)
    z = attention(q, k, v)
    expect(isinstance(z, Tensor) and z.shape == (2, 5), "2 queries and values of width 5 make an output of (2, 5).")
    raw = q @ k.T
    expect(
        not any(close(z, (raw / math.sqrt(size)).softmax(-1) @ v) for size in (2, 5, 6)),
        "You took the root of another size. K is the width of q and k, here 8: neither the number of tokens nor the "
        "width of v.",
    )
    expect(close(z, F.scaled_dot_product_attention(q, k, v)), "With 2 queries, 6 keys and wider v it is not SDPA's.")


def attention_of_a_batch(attention):
    q, k, v = numbers(8, 2, 4, 6, 3), numbers(9, 2, 4, 6, 3), numbers(10, 2, 4, 6, 3)
    try:
        z = attention(q, k, v)
    except RuntimeError as error:
        raise Hint(f"With (B, H, T, K), turn only the last two axes of k: k.mT. torch said: {error}") from None
    expect(close(z, F.scaled_dot_product_attention(q, k, v)), "For a batch (2, 4, 6, 3) it is not SDPA's result.")


# ---- query_for -------------------------------------------------------------------------------------------


def weights_of(query_for, k: Tensor, j: int) -> Tensor:
    q = query_for(k.clone(), j)
    expect(isinstance(q, Tensor) and q.shape == k[j].shape, f"Return one query, of {tuple(k[j].shape)} like a key.")
    expect(bool(torch.isfinite(q).all()), "The query holds an infinite number or no number. A long query is enough.")
    return (k @ q.to(k) / math.sqrt(k.size(1))).softmax(-1)


def query_in_a_cross(query_for):
    k = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], dtype=torch.float64)
    for j in range(4):
        weights = weights_of(query_for, k, j)
        expect(weights.argmax() == j, f"Key {j} is {k[j].tolist()}, but key {int(weights.argmax())} gets most weight. "
               "Which way must a query point, to have the largest product with it?")  # fmt: skip
        expect(
            weights[j] > 0.99,
            f"It points the right way, and token {j} gets {weights[j]:.2f}. How can one direction be more decided?",
        )


def query_among_many(query_for):
    k = F.normalize(numbers(11, 20, 8), dim=-1)
    for j in range(20):
        weights = weights_of(query_for, k, j)
        expect(weights.argmax() == j, "Among 20 keys of width 8 another token gets most of the weight.")
        expect(weights[j] > 0.99, f"Among 20 keys of width 8 the token gets {weights[j]:.2f}. Make the query longer.")


# ---- softmax_gradient ------------------------------------------------------------------------------------


def gradient_of_one_row(softmax_gradient):
    a, g = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64), torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    found = softmax_gradient(a, g)
    expect(isinstance(found, Tensor) and found.shape == (3,), "Return one number for each score, here (3,).")
    expect(not close(found, a * g), "Only a * g: the row's sum is missing. If one weight grows, the others shrink.")
    expect(not close(found, a * g - a**2 * g), "Only the diagonal. A score also moves the weights of the other tokens.")
    expect(not close(found, g - (a * g).sum()), "Multiply by the weight a: a token with no weight gets no gradient.")
    expect(close(found, torch.tensor([0.25, -0.125, -0.125])), "For a = (0.5, 0.25, 0.25), g = (1, 0, 0) it is (0.25, "
           "-0.125, -0.125).")  # fmt: skip


def gradient_of_each_row(softmax_gradient):
    a, g = numbers(12, 2, 4, 4).softmax(-1), numbers(13, 2, 4, 4)
    try:
        found = softmax_gradient(a, g)
    except RuntimeError as error:
        raise Hint(f"a may be (B, T, T): keepdim=True keeps the axis that is summed. torch said: {error}") from None
    expect(not close(found, a * (g - (a * g).sum())), "One sum for all rows. Each row has its own: sum the last axis.")
    s = numbers(12, 2, 4, 4).requires_grad_()
    s.softmax(-1).backward(g)
    expect(close(found, s.grad), "For a batch (2, 4, 4) it is not what autograd finds.")


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
check = checker(EXERCISES)
