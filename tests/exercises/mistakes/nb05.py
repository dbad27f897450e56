"""Common mistakes in the exercises of notebook 05: (exercise, a learner's code, a part of the hint)."""

TABLE = """
import torch


def sinusoid_table(length, width):
    position, column = torch.arange(length)[:, None] + START, torch.arange(width)
    angle = position / 10_000 ** (POWER)
    return LAST
"""
WOVEN = "torch.where(column % 2 == 0, angle.sin(), angle.cos())"


def table(start: str = "0", power: str = "2 * (column // 2) / width", last: str = WOVEN) -> str:
    return TABLE.replace("START", start).replace("POWER", power).replace("LAST", last)


MATRIX = """
import math

import torch


def shift_matrix(shift, w):
    c, s = math.cos(ANGLE), math.sin(ANGLE)
    return torch.tensor([ROWS])
"""


def matrix(angle: str = "shift * w", rows: str = "[c, s], [-s, c]") -> str:
    return MATRIX.replace("ANGLE", angle).replace("ROWS", rows)


ROPE = """
import torch


def rope(x):
    T, K = SHAPE
    angle = torch.arange(T)[:, None] * 10_000 ** (POWER)
    c, s = angle.cos(), angle.sin()
    a, b = PAIRS
    return LAST
"""
TURN = "torch.stack([a * c - b * s, a * s + b * c], -1).flatten(-2)"


def rotary(
    power: str = "-torch.arange(0, K, 2) / K",
    pairs: str = "x[..., 0::2], x[..., 1::2]",
    last: str = TURN,
    shape: str = "x.shape[-2:]",
) -> str:
    return ROPE.replace("POWER", power).replace("PAIRS", pairs).replace("LAST", last).replace("SHAPE", shape)


TERMS = """
import torch


def four_terms(x, p, W_q, W_k):
    return TERMS
"""
FOUR = "torch.stack([(a @ W_q) @ (b @ W_k).T for a in (x, p) for b in (x, p)])"


def terms(answer: str) -> str:
    return TERMS.replace("TERMS", answer)


MISTAKES = [
    ("sinusoid_table", table(start="1"), "Positions start at 0"),
    ("sinusoid_table", table(power="column / width"), "another frequency than its sine"),
    ("sinusoid_table", table(power="column // 2 / width"), "exponent is i / D"),
    ("sinusoid_table", table(last="torch.where(column % 2 == 1, angle.sin(), angle.cos())"), "swapped"),
    ("sinusoid_table", table(last="torch.cat([angle[:, ::2].sin(), angle[:, ::2].cos()], -1)"), "they alternate"),
    ("sinusoid_table", table(last=f"{WOVEN}.T"), "(6, 4)"),
    ("shift_matrix", matrix(rows="[c, -s], [s, c]"), "wrong direction"),
    ("shift_matrix", matrix(rows="[c, s], [s, c]"), "A minus sign is missing"),
    ("shift_matrix", matrix(angle="shift"), "the shift alone"),
    ("shift_matrix", matrix(angle="shift + w"), "their sum"),
    ("shift_matrix", matrix(rows="[s, c], [c, -s]"), "in this order"),
    ("rope", rotary(power="torch.zeros(K // 2)"), "at the same speed"),
    ("rope", rotary(power="-torch.arange(K // 2) / K"), "exponent is i / K"),
    ("rope", rotary(last="torch.stack([a * c + b * s, b * c - a * s], -1).flatten(-2)"), "other direction"),
    ("rope", rotary(last="torch.cat([a * c - b * s, a * s + b * c], -1)"), "Interleave them"),
    (
        "rope",
        rotary(
            pairs="x[..., : K // 2], x[..., K // 2 :]",
            last="torch.cat([a * c - b * s, a * s + b * c], -1)",
        ),
        "what Llama does",
    ),
    ("rope", rotary(shape="x.shape"), "count the axes from the end"),
    (
        "four_terms",
        terms(FOUR.replace("for a in (x, p) for b in (x, p)", "for b in (x, p) for a in (x, p)")),
        "swapped",
    ),
    ("four_terms", terms(FOUR.replace(".T", "")), "transpose the keys"),
    ("four_terms", terms(FOUR + ".sum(0)"), "(4, T, T)"),
    ("four_terms", terms(FOUR.replace("W_q", "W_k").replace("(b @ W_k)", "(b @ W_q)")), "queries are made with W_q"),
    ("four_terms", terms(FOUR + " / W_q.size(1) ** 0.5"), "Do not divide"),
    ("four_terms", terms(FOUR + ".mT"), "transposed"),
]
