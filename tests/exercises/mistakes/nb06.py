"""Common mistakes in the exercises of notebook 06: (exercise, a learner's code, a part of the hint)."""

ATTEND = """
import math

import torch


def attend(x, part, mask=None):
    B, T, D = x.shape
    q, k, v = (SPLIT for y in (part.query(x), part.key(x), part.value(x)))
    scores = q @ k.transpose(-2, -1) / DIVISOR
    if mask is not None:
        scores = MASKED
    z = scores.softmax(-1) @ v
    return LAST
"""


def attention(
    split: str = "y.view(B, T, part.heads, D // part.heads).transpose(1, 2)",
    divisor: str = "math.sqrt(q.size(-1))",
    masked: str = "scores.masked_fill(~mask[:, None, None, :], -math.inf)",
    last: str = "part.output(z.transpose(1, 2).flatten(2))",
) -> str:
    code = ATTEND.replace("SPLIT", split).replace("DIVISOR", divisor).replace("MASKED", masked)
    return code.replace("LAST", last)


FEED = """
import torch.nn.functional as F


def feed_forward(x, part):
    return ANSWER
"""


def feed(answer: str) -> str:
    return FEED.replace("ANSWER", answer)


def layer(first: str, second: str) -> str:
    return f"""
def encoder_layer(x, layer, mask=None):
    y = {first}
    return {second}
"""


SUM = "layer.attention_norm(x + layer.attention(x, mask))"
SECOND_SUM = "layer.feed_forward_norm(y + layer.feed_forward(y))"

MISTAKES = [
    (
        "layer_norm",
        """
def layer_norm(x, gamma, beta, eps):
    return (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True) + eps).sqrt() * gamma + beta
""",
        "n - 1",
    ),
    (
        "layer_norm",
        """
def layer_norm(x, gamma, beta, eps):
    return (x - x.mean()) / (x.var(correction=0) + eps).sqrt() * gamma + beta
""",
        "over the last axis only",
    ),
    (
        "layer_norm",
        """
def layer_norm(x, gamma, beta, eps):
    return (x - x.mean(0, keepdim=True)) / (x.var(0, correction=0, keepdim=True) + eps).sqrt() * gamma + beta
""",
        "along axis 0",
    ),
    (
        "layer_norm",
        """
def layer_norm(x, gamma, beta, eps):
    return (x - x.mean(-1, keepdim=True)) / (x.std(-1, correction=0, keepdim=True) + eps) * gamma + beta
""",
        "inside the square root",
    ),
    (
        "layer_norm",
        """
def layer_norm(x, gamma, beta, eps):
    return (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + eps) * gamma + beta
""",
        "Divide by its square root",
    ),
    (
        "layer_norm",
        """
def layer_norm(x, gamma, beta, eps):
    return (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + eps).sqrt()
""",
        "not used",
    ),
    (
        "layer_norm",
        """
def layer_norm(x, gamma, beta, eps):
    return (x - x.mean(-1)) / (x.var(-1, correction=0) + eps).sqrt() * gamma + beta
""",
        "keepdim=True",
    ),
    ("attend", attention(divisor="1"), "did not divide"),
    ("attend", attention(divisor="math.sqrt(D)"), "square root of D"),
    ("attend", attention(divisor="q.size(-1)"), "Divide by its square root"),
    ("attend", attention(last="z.transpose(1, 2).flatten(2)"), "last linear layer is missing"),
    ("attend", attention(last="part.output(z.reshape(B, T, D))"), "without moving the axis of the heads back"),
    ("attend", attention(split="y.view(B, part.heads, T, D // part.heads)"), "which mixes tokens"),
    ("attend", attention(split="y[:, None]"), "You used one head"),
    ("attend", attention(masked="scores"), "The mask has no effect"),
    ("attend", attention(masked="scores.masked_fill(mask[:, None, None, :], -math.inf)"), "nan"),
    ("attend", attention(masked="scores.masked_fill(~mask[:, None, None, :], 0)"), "a weight of exactly 0"),
    ("attend", attention(masked="scores.masked_fill(~mask[:, None, :, None], -math.inf)"), "belongs to the keys"),
    ("feed_forward", feed("part.contract(part.expand(x))"), "The nonlinearity is missing"),
    ("feed_forward", feed("part.contract(F.relu(part.expand(x)))"), "This is ReLU"),
    ("feed_forward", feed("F.gelu(part.contract(part.expand(x)))"), "between the two layers"),
    ("feed_forward", feed("part.contract(F.gelu(part.expand(x), approximate='tanh'))"), "by tanh"),
    ("feed_forward", feed("x + part.contract(F.gelu(part.expand(x)))"), "Do not add x here"),
    (
        "encoder_layer",
        layer(
            "x + layer.attention(layer.attention_norm(x), mask)", "y + layer.feed_forward(layer.feed_forward_norm(y))"
        ),
        "This is pre-norm",
    ),
    (
        "encoder_layer",
        layer(
            "x + layer.attention_norm(layer.attention(x, mask))", "y + layer.feed_forward_norm(layer.feed_forward(y))"
        ),
        "normalises the sum",
    ),
    (
        "encoder_layer",
        layer("layer.attention_norm(layer.attention(x, mask))", "layer.feed_forward_norm(layer.feed_forward(y))"),
        "Nothing is added",
    ),
    ("encoder_layer", layer("layer.attention_norm(layer.attention(x, mask))", SECOND_SUM), "first residual connection"),
    ("encoder_layer", layer(SUM, "layer.feed_forward_norm(layer.feed_forward(y))"), "second residual connection"),
    ("encoder_layer", layer(SUM, SECOND_SUM.replace("feed_forward_norm", "attention_norm")), "attention_norm twice"),
    ("encoder_layer", layer(SUM, SECOND_SUM.replace("(y)", "(x)")), "got the old x"),
    ("encoder_layer", layer(SUM, SECOND_SUM.replace("(y +", "(x +")), "uses the old x"),
    ("encoder_layer", layer("x + layer.attention(x, mask)", "y + layer.feed_forward(y)"), "Nothing is normalised"),
    ("encoder_layer", layer(SUM.replace(", mask", ""), SECOND_SUM), "The mask has no effect"),
    (
        "count_parameters",
        """
def count_parameters(config):
    from bertlab import Bert
    import torch
    with torch.device("meta"):
        return sum(p.numel() for p in Bert(config).parameters())
""",
        "pooler is missing",
    ),
    (
        "count_parameters",
        """
def count_parameters(config):
    c, D, F = config, config.hidden_size, config.intermediate_size
    tables = (c.vocab_size + c.max_position_embeddings + c.type_vocab_size) * D + 2 * D
    layer = 4 * D * D + 2 * D + 2 * D * F + 2 * D
    return tables + c.num_hidden_layers * layer + D * D
""",
        "biases are missing",
    ),
    (
        "count_parameters",
        """
def count_parameters(config):
    c, D, F = config, config.hidden_size, config.intermediate_size
    tables = (c.vocab_size + c.max_position_embeddings + c.type_vocab_size) * D
    layer = 4 * (D * D + D) + 2 * D * F + D + F
    return tables + c.num_hidden_layers * layer + D * D + D
""",
        "LayerNorms are missing",
    ),
    (
        "count_parameters",
        """
def count_parameters(config):
    return 109_482_240
""",
        "Read them from config",
    ),
    (
        "count_parameters",
        """
def count_parameters(config):
    c, D, F = config, config.hidden_size, 4 * config.hidden_size
    tables = (c.vocab_size + c.max_position_embeddings + c.type_vocab_size) * D + 2 * D
    layer = 4 * (D * D + D) + 2 * D + 2 * D * F + D + F + 2 * D
    return tables + c.num_hidden_layers * layer + D * D + D
""",
        "config.intermediate_size",
    ),
]
