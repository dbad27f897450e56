"""The exercises of notebook 05, positions: the table of sinusoids, the turn that a shift is, rotary positions."""

import math

import torch
from torch import Tensor

from . import Exercise, Hint, checker, expect


def close(answer: object, right: Tensor, limit: float = 1e-5) -> bool:
    """Is the answer a tensor of the right shape with nearly the right numbers?"""
    return (
        isinstance(answer, Tensor)
        and answer.shape == right.shape
        and bool((answer.double() - right.double()).abs().max() < limit)
    )


# ---- sinusoid_table --------------------------------------------------------------------------------------


def published(length: int, width: int, first: int = 0) -> Tensor:
    """The formula of Vaswani et al. 2017, section 3.5, a number at a time."""
    table = torch.zeros(length, width, dtype=torch.float64)
    for p in range(length):
        for i in range(width // 2):
            angle = (p + first) / 10_000 ** (2 * i / width)
            table[p, 2 * i], table[p, 2 * i + 1] = math.sin(angle), math.cos(angle)
    return table


def table_of_four_columns(sinusoid_table):
    table = sinusoid_table(6, 4)
    expect(isinstance(table, Tensor), "Return a tensor.")
    expect(
        table.shape == (6, 4), f"6 positions of 4 numbers make a table of (6, 4). Yours has shape {tuple(table.shape)}."
    )
    right = published(6, 4)
    expect(not close(table, published(6, 4, 1)), "Your first row is that of position 1. Positions begin at 0.")
    expect(not close(table, right[:, [1, 0, 3, 2]]), "Sine and cosine are swapped: even columns hold the sine.")
    expect(
        not close(table, right[:, [0, 2, 1, 3]]),
        "All sines stand before all cosines. In the published formula they take turns: column 2i, column 2i + 1.",
    )
    position, column = torch.arange(6.0)[:, None], torch.arange(4)
    for power, hint in (
        (
            column / 4,
            "The cosine of a pair has another frequency than its sine. Both have 2i for pair i.",
        ),
        (column // 2 / 4, "The exponent is i / D. It is 2i / D: the waves become longer twice as fast."),
    ):
        angle = position / 10_000**power
        expect(not close(table, torch.where(column % 2 == 0, angle.sin(), angle.cos())), hint)
    expect(close(table, right), f"Row 1 should be {[round(number, 4) for number in right[1].tolist()]}.")


def table_of_any_size(sinusoid_table):
    for length, width in ((3, 10), (128, 64)):
        expect(
            close(sinusoid_table(length, width), published(length, width), 1e-4),
            f"For {length} positions and {width} columns it is not the published table.",
        )


# ---- shift_matrix ----------------------------------------------------------------------------------------


def matrix_of_one_shift(shift_matrix):
    M = shift_matrix(2, 0.3)
    expect(isinstance(M, Tensor) and M.shape == (2, 2), "Return a tensor of shape (2, 2).")
    c, s = math.cos(0.6), math.sin(0.6)
    right = torch.tensor([[c, s], [-s, c]])
    expect(not close(M, right.T), "It turns the wrong way, and leads to the position 2 before. Move the minus.")
    expect(not close(M, torch.tensor([[c, s], [s, c]])), "A minus is missing: cos(a + b) = cos a cos b - sin a sin b.")
    expect(not close(M, torch.tensor([[s, c], [c, -s]])), "The pair is (sine, cosine), in this order.")
    for angle, name in ((2.0, "the shift alone"), (0.3, "the frequency alone"), (2.3, "their sum")):
        wrong = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        expect(not close(M, wrong), f"You turn by {name}. The angle is the shift times the frequency.")
    expect(close(M, right), "For a shift of 2 at frequency 0.3 it is not the turn by 0.6.")


def matrix_leads_on(shift_matrix):
    for shift, w in ((1, 1.0), (7, 0.01), (-3, 0.5)):
        for p in (0, 5, 40):
            here, there = (torch.tensor([math.sin(q * w), math.cos(q * w)]).double() for q in (p, p + shift))
            expect(
                close(shift_matrix(shift, w).double() @ here, there),
                f"At frequency {w} it does not lead from position {p} to {p + shift}.",
            )


# ---- rope ------------------------------------------------------------------------------------------------


def turned(x: Tensor, powers: Tensor | None = None, sign: int = 1) -> Tensor:
    """Each pair of neighbouring numbers as a complex number, turned: an independent way to the truth."""
    T, K = x.shape[-2:]
    powers = torch.arange(0, K, 2) / K if powers is None else powers
    angle = sign * torch.arange(T, dtype=torch.float64)[:, None] * 10_000.0**-powers  # (T, K / 2)
    pairs = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angle), angle)).flatten(-2)


def rope_of_one_pair(rope):
    x = torch.tensor([[1.0, 0.0]] * 4, dtype=torch.float64)
    y = rope(x)
    expect(isinstance(y, Tensor) and y.shape == x.shape, "Return a tensor with the shape of x, here (4, 2).")
    expect(close(y[0], x[0]), "Position 0 is turned by 0: its vector stays as it is.")
    expect(not close(y, x), "Nothing is turned.")
    expect(not close(y, turned(x, sign=-1)), "It turns the other way: (1, 0) at position 1 is (cos 1, sin 1).")
    expect(close(y, turned(x)), "(1, 0) at position p becomes (cos p, sin p).")


def rope_of_many_pairs(rope):
    x = torch.randn(5, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = rope(x)
    expect(isinstance(y, Tensor) and y.shape == x.shape, "Return a tensor with the shape of x, here (5, 8).")
    expect(not close(y, turned(x, torch.zeros(4))), "All pairs turn equally fast. Pair i has frequency 10,000^(-2i/K).")
    expect(not close(y, turned(x, torch.arange(4) / 8)), "The exponent is i / K. For pair i it is 2i / K.")
    halves = torch.stack([x[:, :4], x[:, 4:]], -1).flatten(-2)
    spread = turned(halves)
    expect(
        not close(y, torch.cat([spread[:, 0::2], spread[:, 1::2]], -1)),
        "You pair a number with the one half the width away. That is right, too, and Llama's way. Here a pair is two "
        "neighbours: columns 2i and 2i + 1, as in the paper.",
    )
    expect(
        not close(y, torch.cat([turned(x)[:, 0::2], turned(x)[:, 1::2]], -1)),
        "The numbers are right, but all firsts stand before all seconds. Weave them: stack, then flatten.",
    )
    lengths = y.double().unflatten(-1, (-1, 2)).norm(dim=-1)
    expect(
        bool((lengths - x.unflatten(-1, (-1, 2)).norm(dim=-1)).abs().max() < 1e-5),
        "Some pair changed its length. A turn keeps it: (a cos - b sin, a sin + b cos).",
    )
    expect(close(y, turned(x)), "For 5 positions of 8 numbers it is not RoPE.")


def rope_of_a_batch(rope):
    x = torch.randn(2, 3, 5, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    try:
        y = rope(x)
    except (RuntimeError, ValueError) as error:
        raise Hint(f"x may be (B, H, T, K): count the axes from the end, -2 and -1. torch said: {error}") from None
    expect(close(y, turned(x)), "For (2, 3, 5, 8) it is not RoPE. The position is the last axis but one.")


EXERCISES = {
    "sinusoid_table": Exercise(
        "Fill the table of positions by the published formula.",
        1,
        6,
        (table_of_four_columns, table_of_any_size),
    ),
    "shift_matrix": Exercise(
        "Find the matrix that leads a pair (sine, cosine) to another position.",
        2,
        8,
        (matrix_of_one_shift, matrix_leads_on),
    ),
    "rope": Exercise(
        "Turn each pair of neighbouring numbers by an angle that grows with the position.",
        3,
        12,
        (rope_of_one_pair, rope_of_many_pairs, rope_of_a_batch),
    ),
}
check = checker(EXERCISES)
