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
    T, d_k = SHAPE
    angle = torch.arange(T)[:, None] * 10_000 ** (POWER)
    c, s = angle.cos(), angle.sin()
    a, b = PAIRS
    return LAST
"""
TURN = "torch.stack([a * c - b * s, a * s + b * c], -1).flatten(-2)"


def rotary(
    power: str = "-torch.arange(0, d_k, 2) / d_k",
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


POSITIONS = """
def add_positions(x, table):
    return x + table[: x.size(1)]
"""
SCORES = """
def rotary_scores(q, k, rope):
    q, k = q.transpose(1, 2), k.transpose(1, 2)
    q, k = rope(q), rope(k)
    return q @ k.transpose(-2, -1) / q.size(-1) ** 0.5
"""

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
    ("rope", rotary(power="torch.zeros(d_k // 2)"), "at the same speed"),
    ("rope", rotary(power="-torch.arange(d_k // 2) / d_k"), "exponent is i / d_k"),
    ("rope", rotary(last="torch.stack([a * c + b * s, b * c - a * s], -1).flatten(-2)"), "other direction"),
    ("rope", rotary(last="torch.cat([a * c - b * s, a * s + b * c], -1)"), "Interleave them"),
    (
        "rope",
        rotary(
            pairs="x[..., : d_k // 2], x[..., d_k // 2 :]",
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
    ("sinusoid_table", table(power="2 * column / width"), "Your i counts columns"),
    ("sinusoid_table", table(power="4 * (column // 2) / width"), "exponent is 4i / D"),
    ("sinusoid_table", table(power="2 * (column // 2)"), "Divide it by D"),
    ("sinusoid_table", table(power="-2 * (column // 2) / width"), "moves faster than the first"),
    ("sinusoid_table", table(power="2 * (column // 2 + 1) / width"), "Pairs are counted from 0"),
    ("sinusoid_table", table(last="angle.sin()"), "hold sines as well"),
    ("sinusoid_table", table().replace("[:, None]", ""), "Two shapes do not fit"),
    ("sinusoid_table", table(last="math.sin(angle)").replace("torch\n", "torch, math\n"), "take one number"),
    ("sinusoid_table", table(power="2 * (column // 2) / 4"), "no fixed number"),
    ("shift_matrix", matrix(angle="(shift - 1) * w"), "not the rotation by 0.9"),
    ("shift_matrix", matrix(angle="shift / w"), "divided by the frequency"),
    ("shift_matrix", matrix(rows="[c, s], [c, -s]"), "The first row is right"),
    ("shift_matrix", matrix(rows="[s, c], [-s, c]"), "The second row is right"),
    ("shift_matrix", matrix().replace("math.cos", "torch.cos"), "use math.cos"),
    ("add_positions", POSITIONS.replace("x.size(1)", "4"), "Read T from x"),
    ("add_positions", POSITIONS.replace("[: x.size(1)]", ""), "the rows of the T tokens"),
    ("add_positions", POSITIONS.replace("x +", "0 * x +"), "The token vectors are lost"),
    ("rope", rotary(power="torch.arange(0, d_k, 2) / d_k"), "The exponent is negative"),
    ("rope", rotary(power="-2 * torch.arange(0, d_k, 2) / d_k"), "exponent is 4i / d_k"),
    ("rope", rotary(last="torch.stack([a * c - b * s, a * s - b * c], -1).flatten(-2)"), "the four signs"),
    ("rope", rotary().replace("return", "x[..., 0::2] = a * c - b * s\n    return"), "changes the tensor"),
    (
        "rope",
        rotary().replace("return", "first = a * c - b * s\n    return").replace("a * s", "first * s"),
        "Both need the old numbers",
    ),
    ("four_terms", terms(FOUR.replace("W_q", "W_k")), "You made the queries with W_k"),
    ("four_terms", terms(FOUR + ".softmax(-1)"), "before the softmax"),
    ("four_terms", terms("torch.stack([a @ b.T for a in (x, p) for b in (x, p)])"), "The weights are missing"),
    ("four_terms", terms(FOUR.replace("(x, p)", "(x, x + p)")), "Keep x and p apart"),
    ("four_terms", terms(FOUR + "[[0, 3, 1, 2]]"), "in another order"),
    ("four_terms", terms(FOUR.replace("W_q)", "W_q.T)")), "x @ W_k are (T, d_k)"),
    ("rotary_scores", SCORES.replace("rope(k)", "k"), "Only the queries"),
    ("rotary_scores", SCORES.replace("rope(q)", "q"), "Only the keys"),
    ("rotary_scores", SCORES.replace("** 0.5", ""), "Divide by its square root"),
    ("rotary_scores", SCORES.replace("q @ k.", "k @ q."), "Rows are queries"),
    ("rotary_scores", SCORES.replace("k.transpose(-2, -1)", "k"), "Two shapes do not fit"),
    ("rotary_scores", SCORES.replace("rope(q), rope(k)", "rope(q.mT).mT, rope(k.mT).mT"), "whose last axis is d_k"),
    (
        "rotary_scores",
        """
def rotary_scores(q, k, rope):
    q, k = rope(q.flatten(2)).view(q.shape), rope(k.flatten(2)).view(k.shape)
    q, k = q.transpose(1, 2), k.transpose(1, 2)
    return q @ k.transpose(-2, -1) / q.size(-1) ** 0.5
""",
        "all heads as one vector",
    ),
]
