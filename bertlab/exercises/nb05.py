"""The exercises of notebook 05, positions: sinusoids, a shift as a rotation, the terms of a score, rotary positions."""

import math

import torch
from torch import Tensor

from ..model import make_sinusoid_table
from . import Exercise, Hint, expect, make_check, make_use
from .comparing import is_close, random_numbers

# ---- sinusoid_table --------------------------------------------------------------------------------------


def make_published_table(length: int, width: int, first: int = 0) -> Tensor:
    """The formula of Vaswani et al. 2017, section 3.5, one number at a time; the first row is position `first`."""
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
        table.shape == (6, 4),
        f"6 positions of 4 numbers make a table of shape (6, 4). Yours has shape {tuple(table.shape)}.",
    )
    right = make_published_table(6, 4)
    expect(
        not is_close(table, make_published_table(6, 4, 1)),
        "Your first row is that of position 1. Positions start at 0.",
    )
    expect(not is_close(table, right[:, [1, 0, 3, 2]]), "Sine and cosine are swapped: even columns hold the sine.")
    expect(
        not is_close(table, right[:, [0, 2, 1, 3]]),
        "All sines come before all cosines. In the published formula they alternate: column 2i is a sine, column 2i + "
        "1 a cosine.",
    )
    position, column = torch.arange(6.0)[:, None], torch.arange(4)
    for power, hint in (
        (
            column / 4,
            "The cosine of a pair has another frequency than its sine. Both use 2i for pair i.",
        ),
        (column // 2 / 4, "Your exponent is i / D. It should be 2i / D: the waves become longer twice as fast."),
    ):
        angle = position / 10_000**power
        expect(not is_close(table, torch.where(column % 2 == 0, angle.sin(), angle.cos())), hint)
    expect(is_close(table, right), f"Row 1 should be {[round(number, 4) for number in right[1].tolist()]}.")


def table_of_any_size(sinusoid_table):
    for length, width in ((3, 10), (128, 64)):
        expect(
            is_close(sinusoid_table(length, width), make_published_table(length, width), 1e-4),
            f"For {length} positions and {width} columns the result is not the published table.",
        )


# ---- shift_matrix ----------------------------------------------------------------------------------------


def matrix_of_one_shift(shift_matrix):
    M = shift_matrix(2, 0.3)
    expect(isinstance(M, Tensor) and M.shape == (2, 2), "Return a tensor of shape (2, 2).")
    c, s = math.cos(0.6), math.sin(0.6)
    right = torch.tensor([[c, s], [-s, c]])
    expect(
        not is_close(M, right.T),
        "Your matrix rotates in the wrong direction, to the position 2 before. Move the minus sign.",
    )
    expect(
        not is_close(M, torch.tensor([[c, s], [s, c]])),
        "A minus sign is missing: cos(a + b) = cos a cos b - sin a sin b.",
    )
    expect(not is_close(M, torch.tensor([[s, c], [c, -s]])), "The pair is (sine, cosine), in this order.")
    for angle, name in ((2.0, "the shift alone"), (0.3, "the frequency alone"), (2.3, "their sum")):
        wrong = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        expect(not is_close(M, wrong), f"Your angle is {name}. It is the shift times the frequency.")
    expect(is_close(M, right), "For a shift of 2 at frequency 0.3 your matrix is not the rotation by 0.6.")


def matrix_leads_on(shift_matrix):
    for shift, w in ((1, 1.0), (7, 0.01), (-3, 0.5)):
        for p in (0, 5, 40):
            here, there = (torch.tensor([math.sin(q * w), math.cos(q * w)]).double() for q in (p, p + shift))
            expect(
                is_close(shift_matrix(shift, w).double() @ here, there),
                f"At frequency {w} your matrix does not take position {p} to position {p + shift}.",
            )


def make_shift_matrix(shift: int, w: float) -> Tensor:
    """The rotation (2, 2) of a pair (sine, cosine) of frequency `w` by `shift` positions."""
    c, s = math.cos(shift * w), math.sin(shift * w)
    return torch.tensor([[c, s], [-s, c]], dtype=torch.float64)


# ---- add_positions ---------------------------------------------------------------------------------------


def positions_of_a_text(add_positions):
    x, table = torch.zeros(1, 4, 3), random_numbers(6, 10, 3).float()
    y = add_positions(x, table)
    expect(isinstance(y, Tensor) and y.shape == (1, 4, 3), "Return a tensor with the shape of x, (B, T, D).")
    expect(
        not is_close(y, table[:1].expand(1, 4, 3)),
        "For one text of 4 zero vectors, all 4 tokens get row 0 of the table. Token 1 should get row 1. Which axis of "
        "x counts the tokens?",
    )
    expect(is_close(y[0], table[:4]), "For zero vectors the result should be the first T rows of the table.")


def positions_of_a_batch(add_positions):
    x, table = random_numbers(7, 5, 4, 3).float(), random_numbers(8, 10, 3).float()
    y = add_positions(x, table)
    expect(isinstance(y, Tensor) and y.shape == (5, 4, 3), "Return a tensor with the shape of x, (B, T, D).")
    expect(
        is_close(y[4], add_positions(x[4:], table)[0]),
        "The last text of a batch gets other positions than the same text alone. They must not depend on the batch.",
    )
    expect(is_close(y, x + table[:4]), "Every text of the batch should get the same T rows of the table.")


# ---- four_terms ------------------------------------------------------------------------------------------


def compute_four_terms(x: Tensor, p: Tensor, W_q: Tensor, W_k: Tensor) -> Tensor:
    """Word-word, word-position, position-word and position-position: (4, T, T)."""
    return torch.stack([(a @ W_q) @ (b @ W_k).T for a in (x, p) for b in (x, p)])


def terms_of_a_text(four_terms):
    x, p, W_q, W_k = (
        random_numbers(9, 5, 4),
        random_numbers(10, 5, 4),
        random_numbers(11, 4, 3),
        random_numbers(12, 4, 3),
    )
    try:
        y = four_terms(x, p, W_q, W_k)
    except RuntimeError as error:
        raise Hint(
            f"Queries and keys are (T, d_k): transpose the keys, so that all pairs meet. torch's error: {error}"
        ) from None
    expect(
        isinstance(y, Tensor) and y.shape == (4, 5, 5),
        "Return one tensor of shape (4, T, T): use torch.stack on the four matrices.",
    )
    right = compute_four_terms(x, p, W_q, W_k)
    expect(not is_close(y, right[[0, 2, 1, 3]]), "Terms 1 and 2 are swapped. The first name belongs to the query.")
    expect(
        not is_close(y, right.mT),
        "Your matrices are transposed. Rows are queries and columns are keys.",
    )
    swapped = compute_four_terms(x, p, W_k, W_q)
    expect(not is_close(y, swapped), "W_q and W_k are swapped: queries are made with W_q.")
    expect(not is_close(y, compute_four_terms(x, p, W_q, W_q)), "You made the keys with W_q. Keys are made with W_k.")
    expect(not is_close(y, right / math.sqrt(3)), "Do not divide by the square root of d_k here.")
    names = ("word-word", "word-position", "position-word", "position-position")
    for number, name in enumerate(names):
        expect(is_close(y[number], right[number]), f"The {name} term is not right.")


def terms_add_up(four_terms):
    x, p, W_q, W_k = (
        random_numbers(13, 3, 6),
        random_numbers(14, 3, 6),
        random_numbers(15, 6, 2),
        random_numbers(16, 6, 2),
    )
    score = ((x + p) @ W_q) @ ((x + p) @ W_k).T
    expect(is_close(four_terms(x, p, W_q, W_k).sum(0), score), "The sum of your four terms is not the score.")


# ---- rope ------------------------------------------------------------------------------------------------


def rotate_pairs(x: Tensor, powers: Tensor | None = None, sign: int = 1) -> Tensor:
    """Rotate each pair of neighbouring numbers as a complex number: an independent way to the expected result."""
    T, K = x.shape[-2:]
    powers = torch.arange(0, K, 2) / K if powers is None else powers
    angle = sign * torch.arange(T, dtype=torch.float64)[:, None] * 10_000.0**-powers  # (T, K / 2)
    pairs = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angle), angle)).flatten(-2)


def rope_of_one_pair(rope):
    x = torch.tensor([[1.0, 0.0]] * 4, dtype=torch.float64)
    y = rope(x)
    expect(isinstance(y, Tensor) and y.shape == x.shape, "Return a tensor with the shape of x, here (4, 2).")
    expect(is_close(y[0], x[0]), "Position 0 is rotated by an angle of 0: its vector stays as it is.")
    expect(not is_close(y, x), "Nothing is rotated.")
    expect(
        not is_close(y, rotate_pairs(x, sign=-1)),
        "The rotation goes in the other direction: (1, 0) at position 1 becomes (cos 1, sin 1).",
    )
    expect(is_close(y, rotate_pairs(x)), "(1, 0) at position p becomes (cos p, sin p).")


def rope_of_many_pairs(rope):
    x = random_numbers(0, 5, 8)
    y = rope(x)
    expect(isinstance(y, Tensor) and y.shape == x.shape, "Return a tensor with the shape of x, here (5, 8).")
    expect(
        not is_close(y, rotate_pairs(x, torch.zeros(4))),
        "All pairs rotate at the same speed. Pair i has the frequency 10,000^(-2i/K).",
    )
    expect(
        not is_close(y, rotate_pairs(x, torch.arange(4) / 8)), "Your exponent is i / K. For pair i it should be 2i / K."
    )
    halves = torch.stack([x[:, :4], x[:, 4:]], -1).flatten(-2)
    rotated = rotate_pairs(halves)
    expect(
        not is_close(y, torch.cat([rotated[:, 0::2], rotated[:, 1::2]], -1)),
        "You pair each number with the one that is half the width away. That is also a rotary position, and it is what "
        "Llama does. Here a pair is two neighbours: columns 2i and 2i + 1, as in the paper.",
    )
    expect(
        not is_close(y, torch.cat([rotate_pairs(x)[:, 0::2], rotate_pairs(x)[:, 1::2]], -1)),
        "The numbers are right, but the first numbers of all pairs come before the second ones. Interleave them: "
        "stack, then flatten.",
    )
    lengths = y.double().unflatten(-1, (-1, 2)).norm(dim=-1)
    expect(
        bool((lengths - x.unflatten(-1, (-1, 2)).norm(dim=-1)).abs().max() < 1e-5),
        "Some pair changed its length. A rotation keeps it: (a cos - b sin, a sin + b cos).",
    )
    expect(is_close(y, rotate_pairs(x)), "For 5 positions of 8 numbers the result is not RoPE.")


def rope_of_a_batch(rope):
    x = random_numbers(1, 2, 3, 5, 8)
    try:
        y = rope(x)
    except (RuntimeError, ValueError) as error:
        raise Hint(
            f"x may have the shape (B, H, T, K): count the axes from the end, -2 and -1. torch's error: {error}"
        ) from None
    expect(
        is_close(y, rotate_pairs(x)),
        "For the shape (2, 3, 5, 8) the result is not RoPE. The position is the last axis but one.",
    )


def rotate_positions(x: Tensor) -> Tensor:
    """Rotary positions for x (..., T, d_k), in the type of x."""
    return rotate_pairs(x).to(x.dtype)


# ---- rotary_scores ---------------------------------------------------------------------------------------


def rotary_scores_of_tokens(rotary_scores):
    q, k = random_numbers(17, 2, 5, 3, 8), random_numbers(18, 2, 5, 3, 8)
    y = rotary_scores(q, k, rotate_positions)
    expect(isinstance(y, Tensor) and y.shape == (2, 3, 5, 5), "Return the scores, of shape (B, H, T, T).")
    heads = (part.transpose(1, 2) for part in (q, k))
    plain = q.transpose(1, 2) @ k.transpose(1, 2).mT / 8**0.5
    expect(
        not is_close(y, plain),
        "These are the scores without any positions. `rope` takes the last axis but one as the position. Which axis is "
        "that when it is called?",
    )
    a, b = (rotate_positions(part) for part in heads)
    expect(not is_close(y, a @ b.mT), "The division by the square root of d_k is missing.")
    expect(is_close(y, a @ b.mT / 8**0.5), "The scores are not those of RoPE.")


def rotary_scores_by_distance(rotary_scores):
    q, k = (random_numbers(seed, 1, 1, 2, 8).expand(1, 6, 2, 8) for seed in (19, 20))
    y = rotary_scores(q, k, rotate_positions)[0, 0]
    expect(
        all(is_close(y.diagonal(o), y.diagonal(o)[:1].expand(6 - abs(o))) for o in range(-5, 6)),
        "The same query and key get different scores at the same distance.",
    )


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
    "four_terms": Exercise(
        "Split the score of (x + p) with (x + p) into its four terms.",
        1,
        6,
        (terms_of_a_text, terms_add_up),
    ),
    "rope": Exercise(
        "Rotate each pair of neighbouring numbers by an angle that grows with the position.",
        3,
        12,
        (rope_of_one_pair, rope_of_many_pairs, rope_of_a_batch),
    ),
}
BUGS = {
    "add_positions": Exercise(
        "Find the bug: the position of each token, added for a batch.",
        1,
        5,
        (positions_of_a_text, positions_of_a_batch),
    ),
    "rotary_scores": Exercise(
        "Find the bug: scores with rotary positions.", 2, 6, (rotary_scores_of_tokens, rotary_scores_by_distance)
    ),
}
check = make_check(EXERCISES | BUGS)
use = make_use(
    check,
    {
        "sinusoid_table": make_sinusoid_table,
        "shift_matrix": make_shift_matrix,
        "four_terms": compute_four_terms,
        "rope": rotate_positions,
    },
)
