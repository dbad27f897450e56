"""The exercises of notebook 05, positions: sinusoids, a shift as a rotation, the terms of a score, rotary positions."""

import math

import torch
from torch import Tensor

from ..model import make_sinusoid_table
from . import Exercise, expect, make_check, make_use
from .comparing import explain_shapes, is_close, random_numbers

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
    try:
        table = sinusoid_table(6, 4)
    except (RuntimeError, ValueError) as error:
        expect("calar" not in str(error), "math.sin and math.cos take one number. A tensor has .sin() and .cos().")
        explain_shapes(
            error,
            "Two shapes do not fit. Positions as a column (length, 1) against pairs as a row (width / 2,) give all "
            "angles at once.",
        )
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
        (
            2 * column / 4,
            "Your i counts columns. It counts pairs: columns 2i and 2i + 1 share the exponent 2i / D.",
        ),
        (4 * (column // 2) / 4, "Your exponent is 4i / D. It should be 2i / D."),
        (2 * (column // 2), "Your exponent is 2i. Divide it by D."),
        (-2 * (column // 2) / 4, "Your second pair moves faster than the first. Divide by the power of 10,000."),
        ((2 * (column // 2) + 2) / 4, "Your first pair has i = 1. Pairs are counted from 0."),
    ):
        angle = position / 10_000**power
        expect(not is_close(table, torch.where(column % 2 == 0, angle.sin(), angle.cos())), hint)
    expect(not is_close(table[:, 1::2], right[:, 0::2]), "The odd columns hold sines as well. They hold the cosines.")
    expect(is_close(table, right), f"Row 1 should be {[round(number, 4) for number in right[1].tolist()]}.")


def table_of_any_size(sinusoid_table):
    for length, width in ((3, 10), (128, 64)):
        expect(
            is_close(sinusoid_table(length, width), make_published_table(length, width), 1e-4),
            f"For {length} positions and {width} columns the result is not the published table. Use no fixed number "
            "for length or width.",
        )


# ---- shift_matrix ----------------------------------------------------------------------------------------


def matrix_of_one_shift(shift_matrix):
    try:
        M = shift_matrix(3, 0.3)
    except TypeError as error:
        expect(
            "must be Tensor" not in str(error),
            "torch.cos and torch.sin take tensors, and the angle is one number: use math.cos and math.sin.",
        )
        raise
    expect(isinstance(M, Tensor) and M.shape == (2, 2), "Return a tensor of shape (2, 2).")
    c, s = math.cos(0.9), math.sin(0.9)
    right = torch.tensor([[c, s], [-s, c]])
    expect(
        not is_close(M, right.T),
        "Your matrix rotates in the wrong direction, to the position 3 before. Move the minus sign.",
    )
    expect(
        not is_close(M, torch.tensor([[c, s], [s, c]])),
        "A minus sign is missing: cos(a + b) = cos a cos b - sin a sin b.",
    )
    expect(not is_close(M, torch.tensor([[s, c], [c, -s]])), "The pair is (sine, cosine), in this order.")
    for angle, name in (
        (3.0, "the shift alone"),
        (0.3, "the frequency alone"),
        (3.3, "their sum"),
        (10.0, "the shift divided by the frequency"),
    ):
        wrong = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        expect(not is_close(M, wrong), f"Your angle is {name}. It is the shift times the frequency.")
    for row, hint in (
        (0, "The first row is right. The second gives the cosine at the later position."),
        (1, "The second row is right. The first gives the sine at the later position."),
    ):
        expect(not is_close(M[row], right[row]) or is_close(M, right), hint)
    expect(is_close(M, right), "For a shift of 3 at frequency 0.3 your matrix is not the rotation by 0.9.")


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
    try:
        y = add_positions(x.clone(), table)
    except RuntimeError as error:
        explain_shapes(
            error,
            "Two shapes do not fit. x is (B, T, D) and the table has more rows than tokens: take the rows of the T "
            "tokens only.",
        )
    expect(isinstance(y, Tensor) and y.shape == (1, 4, 3), "Return a tensor with the shape of x, (B, T, D).")
    expect(
        not is_close(y, table[:1].expand(1, 4, 3)),
        "For one text of 4 zero vectors, all 4 tokens get row 0 of the table. Token 1 should get row 1. Which axis of "
        "x counts the tokens?",
    )
    expect(is_close(y[0], table[:4]), "For zero vectors the result should be the first T rows of the table.")


def positions_of_a_batch(add_positions):
    x, table = random_numbers(7, 5, 6, 3).float(), random_numbers(8, 10, 3).float()
    try:
        y, alone = add_positions(x.clone(), table), add_positions(x[4:].clone(), table)
    except RuntimeError as error:
        explain_shapes(error, "It fails for five texts of 6 tokens. Read T from x.")
    expect(isinstance(y, Tensor) and y.shape == (5, 6, 3), "Return a tensor with the shape of x, (B, T, D).")
    expect(
        is_close(y[4], alone[0]),
        "The last text of a batch gets other positions than the same text alone. They must not depend on the batch.",
    )
    expect(not is_close(y, table[:6].expand(5, 6, 3)), "The token vectors are lost. Add the positions to x.")
    expect(is_close(y, x + table[:6]), "Every text of the batch should get the same T rows of the table.")


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
        explain_shapes(
            error,
            "Two shapes do not fit. A part is (T, D) and its weights are (D, d_k), so x @ W_q and x @ W_k are (T, "
            "d_k). Then transpose the keys, so that all pairs meet.",
        )
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
    expect(
        not is_close(y, compute_four_terms(x, p, W_k, W_k)), "You made the queries with W_k. They are made with W_q."
    )
    for size in (3, 4):
        expect(not is_close(y, right / math.sqrt(size)), "Do not divide by the square root of d_k here.")
    expect(not is_close(y, right.softmax(-1)), "These are the terms of a score, before the softmax.")
    bare = torch.stack([a @ b.T for a in (x, p) for b in (x, p)])
    expect(not is_close(y, bare), "The weights are missing. Queries are made with W_q and keys with W_k.")
    whole = right.sum(0)
    expect(not any(is_close(term, whole) for term in y), "One of your four is the whole score. Keep x and p apart.")
    expect(
        is_close(y, right) or not all(any(is_close(term, wanted) for term in y) for wanted in right),
        "All four terms are there, but in another order: word-word, word-position, position-word, position-position.",
    )
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
    T, d_k = x.shape[-2:]
    powers = torch.arange(0, d_k, 2) / d_k if powers is None else powers
    angle = sign * torch.arange(T, dtype=torch.float64)[:, None] * 10_000.0**-powers  # (T, d_k / 2)
    pairs = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angle), angle)).flatten(-2)


def rope_of_one_pair(rope):
    x = torch.tensor([[1.0, 0.0]] * 4, dtype=torch.float64)
    given = x.clone()
    y = rope(given)
    expect(
        torch.equal(given, x),
        "Your function changes the tensor that it is given, and with it each slice of it, such as x[..., 0::2]. Write "
        "the result into a new tensor.",
    )
    expect(isinstance(y, Tensor) and y.shape == x.shape, "Return a tensor with the shape of x, here (4, 2).")
    expect(is_close(y[0], x[0]), "Position 0 is rotated by an angle of 0: its vector stays as it is.")
    expect(not is_close(y, x), "Nothing is rotated, or only by full turns. The angle at position p is p times w.")
    twice = rotate_pairs(x)
    twice[:, 1] *= twice[:, 0]
    expect(
        not is_close(y, twice),
        "The second number of a pair is made from a first one that is rotated already. Both need the old numbers.",
    )
    expect(
        not is_close(y, rotate_pairs(x, sign=-1)),
        "The rotation goes in the other direction: (1, 0) at position 1 becomes (cos 1, sin 1).",
    )
    expect(is_close(y, rotate_pairs(x)), "(1, 0) at position p becomes (cos p, sin p).")


def rope_of_many_pairs(rope):
    x = random_numbers(0, 5, 8)
    y = rope(x.clone())
    expect(isinstance(y, Tensor) and y.shape == x.shape, "Return a tensor with the shape of x, here (5, 8).")
    expect(
        not is_close(y, rotate_pairs(x, torch.zeros(4))),
        "All pairs rotate at the same speed. Pair i has the frequency 10,000^(-2i/d_k).",
    )
    expect(
        not is_close(y, rotate_pairs(x, torch.arange(4) / 8)),
        "Your exponent is i / d_k. For pair i it should be 2i / d_k.",
    )
    for power, hint in (
        (-2 * torch.arange(4) / 8, "Your later pairs rotate faster. The exponent is negative: -2i / d_k."),
        (4 * torch.arange(4) / 8, "Your exponent is 4i / d_k. For pair i it should be 2i / d_k."),
    ):
        expect(not is_close(y, rotate_pairs(x, power)), hint)
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
        "Some pair changed its length, and a rotation keeps it. Compare the four signs with the formula, and see that "
        "both numbers come from the same pair.",
    )
    expect(is_close(y, rotate_pairs(x)), "For 5 positions of 8 numbers the result is not RoPE.")


def rope_of_a_batch(rope):
    x = random_numbers(1, 2, 3, 5, 8)
    try:
        y = rope(x)
    except (RuntimeError, ValueError) as error:
        explain_shapes(error, "x may have the shape (B, H, T, d_k): count the axes from the end, -2 and -1.")
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

    def turn(x: Tensor) -> Tensor:
        expect(x.size(-1) % 8 == 0, "Give rope queries and keys whose last axis is d_k.")
        return rotate_positions(x)

    try:
        y = rotary_scores(q, k, turn)
    except RuntimeError as error:
        explain_shapes(
            error,
            "Two shapes do not fit. Queries and keys should be (B, H, T, d_k), and the keys are transposed for the "
            "product.",
        )
    expect(isinstance(y, Tensor) and y.shape == (2, 3, 5, 5), "Return the scores, of shape (B, H, T, T).")
    heads = (part.transpose(1, 2) for part in (q, k))
    plain = q.transpose(1, 2) @ k.transpose(1, 2).mT / 8**0.5
    expect(
        not is_close(y, plain),
        "These are the scores without any positions, so the rotations of a query and of each key cancel. By which "
        "number was each of them rotated?",
    )
    (c, d), (a, b) = (q.transpose(1, 2), k.transpose(1, 2)), (rotate_positions(part) for part in heads)
    expect(not is_close(y, a @ b.mT), "The division by the square root of d_k is missing.")
    wide = (rotate_positions(part.flatten(2)).unflatten(-1, (3, 8)).transpose(1, 2) for part in (q, k))
    for wrong, hint in (
        (a @ d.mT, "Only the queries are rotated. Rotate the keys as well."),
        (c @ b.mT, "Only the keys are rotated. Rotate the queries as well."),
        (b @ a.mT, "Rows are queries and columns are keys: q @ k.transpose(-2, -1)."),
        (a @ b.mT / 8**0.5, "You divided by d_k. Divide by its square root."),
        ((a @ b.mT / 8**0.5).softmax(-1) * 8**0.5, "You took the softmax. Return the scores before it."),
        (rotate_positions(a) @ rotate_positions(b).mT, "You rotated twice."),
        (
            next(wide) @ next(wide).mT,
            "You rotated all heads as one vector. Each head has its own pairs, from the fastest on.",
        ),
    ):
        expect(not is_close(y, wrong / 8**0.5), hint)
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
