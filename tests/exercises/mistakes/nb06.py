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


NORM = """
import math
import torch


def layer_norm(x, gamma, beta, eps):
    mean = x.mean(-1, keepdim=True)
    variance = x.var(-1, correction=0, keepdim=True)
    return (x - mean) / torch.sqrt(variance + eps) * gamma + beta
"""
STACK = """
from torch import nn
def stack_layers(make_layer, count):
    return nn.ModuleList(make_layer() for _ in range(count))
"""
COUNT = """
def count_parameters(config):
    c, D, F = config, config.hidden_size, config.intermediate_size
    tables = (c.vocab_size + c.max_position_embeddings + c.type_vocab_size) * D + 2 * D
    layer = 4 * (D * D + D) + 2 * D + 2 * D * F + D + F + 2 * D
    return tables + c.num_hidden_layers * layer + (D * D + D)
"""

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
    ("attend", attention(masked="scores.masked_fill(mask[:, None, None, :], -math.inf)"), "the padding only"),
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
    ("layer_norm", NORM.replace("(x - mean) /", "x /"), "The mean is not subtracted"),
    (
        "layer_norm",
        NORM.replace("x.var(-1, correction=0, keepdim=True)", "((x - mean) ** 2).sum(-1, keepdim=True)"),
        "by n",
    ),
    ("layer_norm", NORM.replace("* gamma + beta", "* beta + gamma"), "gamma multiplies, and beta is added"),
    ("layer_norm", NORM.replace("* gamma", ""), "gamma is not used"),
    ("layer_norm", NORM.replace("+ beta", ""), "beta is not used"),
    ("layer_norm", NORM.replace("(-1, ", "(2, "), "Count the axis from the end"),
    (
        "layer_norm",
        NORM.replace("x.var(-1, correction=0, keepdim=True)", "x.var(correction=0)"),
        "one variance over all",
    ),
    ("layer_norm", NORM.replace("x.mean(-1, keepdim=True)", "x.mean()"), "one mean over all"),
    ("layer_norm", NORM.replace("x.mean(-1, keepdim=True)", "x.sum(-1, keepdim=True) / 4"), "no fixed number for D"),
    ("layer_norm", NORM.replace("torch.sqrt", "math.sqrt"), "torch.sqrt"),
    ("layer_norm", NORM.replace("variance =", "x -= mean\n    mean, variance = 0,"), "changes the tensor x"),
    ("attend", attention(split="y.view(B, T, 2, D // 2).transpose(1, 2)"), "Read the number of heads"),
    ("attend", attention(divisor="2"), "With 4 heads"),
    ("attend", attention(divisor="math.sqrt(part.heads)"), "root of the number of heads"),
    ("attend", attention(divisor="(1 / math.sqrt(q.size(-1)))"), "You multiplied"),
    ("attend", attention().replace("softmax(-1)", "softmax(-2)"), "runs over the queries"),
    ("attend", attention().replace("scores.softmax(-1)", "scores"), "The softmax is missing"),
    ("attend", attention().replace("q @ k.", "k @ q."), "keys times queries"),
    ("attend", attention().replace("part.key(x)", "part.query(x)"), "Keys come from part.key"),
    ("attend", attention().replace("part.query(x)", "part.key(x)"), "Queries come from part.query"),
    ("attend", attention().replace("part.value(x)", "part.key(x)"), "You averaged the keys"),
    ("attend", attention(last="x + part.output(z.transpose(1, 2).flatten(2))"), "Do not add x here"),
    ("attend", attention(last="part.output(z.transpose(1, 2).view(B, T, D))"), "Use reshape or flatten"),
    ("attend", attention(split="y.view(B, T, D // part.heads, part.heads).transpose(1, 2)"), "split D into (H, d_k)"),
    ("attend", attention(split="y.view(B, T, D // 2, 2).permute(0, 3, 1, 2)"), "split D into (H, d_k)"),
    (
        "attend",
        attention(split="y.view(B, T, 2, D // 2)", last="part.output(z.reshape(B, T, D))"),
        "heads of one token",
    ),
    ("attend", attention().replace("if mask is not None", "if True"), "where mask is None"),
    ("attend", attention().replace("if mask is not None", "if mask"), "Ask `mask is not None`"),
    ("attend", attention(masked="scores.masked_fill(~mask[:, None], -math.inf)"), "an axis of size 1 for the heads"),
    ("attend", attention(masked="scores.masked_fill(~mask[:, None, :, None], -1e9)"), "still attend to [PAD]"),
    ("attend", attention(masked="scores.masked_fill(mask[:, None, None, :], -1e9)"), "the padding only"),
    ("attend", attention(masked="scores.masked_fill(~mask[-1, None, None, :], -1e9)"), "yet the mask changes it"),
    ("feed_forward", feed("part.contract(part.expand(F.gelu(x)))"), "GELU comes too early"),
    ("feed_forward", feed("part.expand(F.gelu(part.contract(x)))"), "expand comes first"),
    ("feed_forward", feed("part.contract(F.silu(part.expand(x)))"), "SiLU"),
    ("encoder_layer", layer(SUM, "y"), "The second half is missing"),
    ("encoder_layer", layer(SUM, "y + layer.feed_forward(y)"), "The second LayerNorm is missing"),
    ("encoder_layer", layer("x + layer.attention(x, mask)", SECOND_SUM), "The first LayerNorm is missing"),
    ("encoder_layer", layer(SUM.replace("attention_norm", "feed_forward_norm"), SECOND_SUM), "feed_forward_norm twice"),
    (
        "encoder_layer",
        layer(
            SUM.replace("attention_norm", "feed_forward_norm"),
            SECOND_SUM.replace("feed_forward_norm", "attention_norm"),
        ),
        "You swapped the two norms",
    ),
    (
        "encoder_layer",
        layer(SECOND_SUM.replace("(y", "(x"), SUM.replace("(x", "(y")),
        "attention first",
    ),
    ("encoder_layer", layer("x + layer.attention_norm(layer.attention(x, mask))", SECOND_SUM), "then added x"),
    ("encoder_layer", layer(SUM, "y + layer.feed_forward_norm(layer.feed_forward(y))"), "of the second part"),
    ("encoder_layer", layer("x", SECOND_SUM), "The attention is missing"),
    (
        "encoder_layer",
        """
def encoder_layer(x, layer, mask=None):
    x += layer.attention(x, mask)
    y = layer.attention_norm(x)
    return layer.feed_forward_norm(y + layer.feed_forward(y))
""",
        "changes the tensor x",
    ),
    ("encoder_layer", layer(SUM.replace("mask)", "mask and mask[:, None])"), SECOND_SUM), "It fails with a mask"),
    ("stack_layers", STACK.replace("nn.ModuleList", "list"), "does not find the parameters"),
    ("stack_layers", STACK.replace("range(count)", "range(count - 1)"), "should be 4 layers"),
    (
        "stack_layers",
        STACK.replace("make_layer() for", "one for").replace("    return", "    one = make_layer()\n    return"),
        "How many different layers",
    ),
    ("count_parameters", COUNT.replace(" + 2 * D\n    layer", "\n    layer"), "LayerNorm after the embeddings"),
    ("count_parameters", COUNT.replace("type_vocab_size", "num_hidden_layers * 0 + 2"), "bert-base's type_vocab_size"),
    ("count_parameters", COUNT.replace("c.max_position_embeddings", "512"), "bert-base's max_position_embeddings"),
    ("count_parameters", COUNT.replace("c.num_hidden_layers", "12"), "You counted 12 layers"),
    ("count_parameters", COUNT.replace("c.num_hidden_layers *", ""), "You counted one layer"),
    ("count_parameters", COUNT.replace("+ F + 2 * D", "+ F"), "A layer has two LayerNorms"),
    ("count_parameters", COUNT.replace("+ D + F +", "+"), "biases of the feed-forward network"),
    ("count_parameters", COUNT.replace("+ D + F +", "+ F + F +"), "differ in size"),
    ("count_parameters", COUNT.replace("4 * (D * D + D)", "4 * D * D"), "the biases of attention"),
    ("count_parameters", COUNT.replace("2 * D * F + D + F", "D * F + F"), "two linear layers"),
    ("count_parameters", COUNT.replace("(D * D + D)\n", "D * D\n"), "The pooler has one, too"),
    ("count_parameters", COUNT.replace("return", "total ="), "Return one number"),
]
