"""Common mistakes in the exercises of notebook 04: (exercise, a learner's code, a part of the hint)."""

HEADS = """
import math

def multi_head_attention(layer, x, mask=None):
    def split(y):
        return y.unflatten(-1, (layer.heads, -1)).transpose(1, 2)

    q, k, v = split(layer.query(x)), split(layer.key(x)), split(layer.value(x))
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1)
    return layer.output((weights @ v).transpose(1, 2).flatten(2)), weights
"""
MASKED = "def masked_softmax(scores, mask):\n    return ANSWER"
LEAKS = """
import torch

def padding_leaks(encode):
    alone, padded = torch.tensor([[2, 5, 6, 3]]), torch.tensor([[2, 5, 6, 3, 0, 0]])
    one = encode(alone, torch.ones_like(alone))
    other = encode(padded, (padded != 0).long())[:, :4]
    return bool((one - other).abs().max() > 1e-4)
"""
SPLIT = """
def split_heads(x, heads):
    B, T, D = x.shape
    return x.view(B, T, heads, D // heads).transpose(1, 2)
"""
MEAN = """
def mean_vector(states, real):
    return (states * real[:, :, None]).sum(1) / real.sum(1, keepdim=True)
"""

MISTAKES = [
    (
        "merge_heads",
        """
def merge_heads(z):
    B, H, T, K = z.shape
    return z.reshape(B, T, H * K)
""",
        "Swap the axes H and T",
    ),
    (
        "merge_heads",
        """
def merge_heads(z):
    return z.mean(1)
""",
        "added or averaged",
    ),
    (
        "merge_heads",
        """
def merge_heads(z):
    return z.permute(0, 2, 3, 1).flatten(2)
""",
        "The numbers of the heads alternate",
    ),
    (
        "merge_heads",
        """
def merge_heads(z):
    return z.transpose(1, 2)
""",
        "becomes (B, T, D)",
    ),
    (
        "masked_softmax",
        """
def masked_softmax(scores, mask):
    return scores.masked_fill(mask, float("-inf")).softmax(-1)
""",
        "The mask is inverted",
    ),
    (
        "masked_softmax",
        """
def masked_softmax(scores, mask):
    return scores.softmax(-1) * mask
""",
        "sums to less than 1",
    ),
    (
        "masked_softmax",
        """
def masked_softmax(scores, mask):
    return (scores * mask).softmax(-1)
""",
        "exp(0) is 1",
    ),
    (
        "masked_softmax",
        """
def masked_softmax(scores, mask):
    return (scores - 10000.0 * (~mask)).softmax(-1)
""",
        "not below every score",
    ),
    (
        "masked_softmax",
        """
def masked_softmax(scores, mask):
    return scores.masked_fill(~mask, float("-inf")).softmax(-1)
""",
        "divides 0 by 0",
    ),
    (
        "masked_softmax",
        """
def masked_softmax(scores, mask):
    return scores.masked_fill(~mask, -1e9).softmax(-1)
""",
        "attends equally to all the masked keys",
    ),
    (
        "masked_softmax",
        """
def masked_softmax(scores, mask):
    return scores.masked_fill(~mask, -1e9).softmax(-1) * mask
""",
        "-1e9 does not fit",
    ),
    (
        "padding_leaks",
        """
def padding_leaks(encode):
    import torch
    ids = torch.tensor([[2, 5, 6, 3], [2, 7, 8, 3]])
    mask = torch.ones_like(ids)
    return not torch.allclose(encode(ids, mask), encode(ids, mask))
""",
        "did not notice an encoder that ignores the mask",
    ),
    (
        "padding_leaks",
        """
def padding_leaks(encode):
    import torch
    alone, padded = torch.tensor([[2, 5, 6, 3]]), torch.tensor([[2, 5, 6, 3, 0, 0]])
    one = encode(alone, torch.ones_like(alone))
    other = encode(padded, (padded != 0).long())[:, :4]
    return not torch.equal(one, other)
""",
        "a correct encoder whose sixth digit",
    ),
    (
        "padding_leaks",
        """
def padding_leaks(encode):
    import torch
    alone, padded = torch.tensor([[2, 5, 6, 3]]), torch.tensor([[2, 5, 6, 3, 0, 0]])
    one = encode(alone, torch.ones_like(alone))
    other = encode(padded, (padded != 0).long())
    return bool((one.mean(1) - other.mean(1)).abs().max() > 1e-4)
""",
        "Compare the real tokens only",
    ),
    (
        "padding_leaks",
        """
def padding_leaks(encode):
    import torch
    alone, padded = torch.tensor([[2, 5, 6, 3]]), torch.tensor([[2, 5, 6, 3, 0, 0]])
    one = encode(alone, torch.ones_like(alone))
    other = encode(padded, (padded != 0).long())[:, :4]
    return bool((one - other).abs().max() > 0.1)
""",
        "one part in a hundred",
    ),
    (
        "padding_leaks",
        """
def padding_leaks(encode):
    import torch
    alone, padded = torch.tensor([[2, 5, 6, 3]]), torch.tensor([[2, 5, 6, 3, 0, 0]])
    one = encode(alone, torch.ones_like(alone))
    return (one - encode(padded, (padded != 0).long())[:, :4]).abs().max()
""",
        "Return True or False",
    ),
    (
        "multi_head_attention",
        """
def multi_head_attention(layer, x, mask=None):
    import math
    split = lambda y: y.unflatten(-1, (layer.heads, -1)).transpose(1, 2)
    q, k, v = split(layer.query(x)), split(layer.key(x)), split(layer.value(x))
    scores = q @ k.mT / math.sqrt(q.size(-1))
    pass
    weights = scores.softmax(-1)
    return layer.output((weights @ v).transpose(1, 2).flatten(2)), weights
""",
        "The mask has no effect",
    ),
    (
        "multi_head_attention",
        """
def multi_head_attention(layer, x, mask=None):
    import math
    split = lambda y: y.unflatten(-1, (layer.heads, -1)).transpose(1, 2)
    q, k, v = split(layer.query(x)), split(layer.key(x)), split(layer.value(x))
    scores = q @ k.mT / math.sqrt(q.size(-1))
    scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1)
    return layer.output((weights @ v).transpose(1, 2).flatten(2))
""",
        "Return two tensors",
    ),
    (
        "multi_head_attention",
        """
def multi_head_attention(layer, x, mask=None):
    import math
    split = lambda y: y
    q, k, v = split(layer.query(x)), split(layer.key(x)), split(layer.value(x))
    scores = q @ k.mT / math.sqrt(q.size(-1))
    scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1)
    return layer.output(weights @ v), weights
""",
        "one for each head",
    ),
    (
        "multi_head_attention",
        """
def multi_head_attention(layer, x, mask=None):
    import math
    split = lambda y: y.unflatten(-1, (layer.heads, -1))
    q, k, v = split(layer.query(x)), split(layer.key(x)), split(layer.value(x))
    scores = q @ k.mT / math.sqrt(q.size(-1))
    scores = scores if mask is None else scores.masked_fill(~mask.mT, -math.inf)
    weights = scores.softmax(-1)
    return layer.output((weights @ v).flatten(2)), weights
""",
        "Your heads attend to each other",
    ),
    (
        "multi_head_attention",
        """
def multi_head_attention(layer, x, mask=None):
    import math
    split = lambda y: y.view(len(x), layer.heads, x.size(1), -1)
    q, k, v = split(layer.query(x)), split(layer.key(x)), split(layer.value(x))
    scores = q @ k.mT / math.sqrt(q.size(-1))
    scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1)
    return layer.output((weights @ v).transpose(1, 2).flatten(2)), weights
""",
        "cuts in the order of memory",
    ),
    (
        "multi_head_attention",
        """
def multi_head_attention(layer, x, mask=None):
    import math
    split = lambda y: y.unflatten(-1, (layer.heads, -1)).transpose(1, 2)
    q, k, v = split(layer.query(x)), split(layer.key(x)), split(layer.value(x))
    scores = q @ k.mT / math.sqrt(x.size(-1))
    scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1)
    return layer.output((weights @ v).transpose(1, 2).flatten(2)), weights
""",
        "square root of D",
    ),
    (
        "multi_head_attention",
        """
def multi_head_attention(layer, x, mask=None):
    import math
    split = lambda y: y.unflatten(-1, (layer.heads, -1)).transpose(1, 2)
    q, k, v = split(layer.query(x)), split(layer.key(x)), split(layer.value(x))
    scores = q @ k.mT
    scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1)
    return layer.output((weights @ v).transpose(1, 2).flatten(2)), weights
""",
        "did not divide the scores",
    ),
    (
        "multi_head_attention",
        """
def multi_head_attention(layer, x, mask=None):
    import math
    split = lambda y: y.unflatten(-1, (layer.heads, -1)).transpose(1, 2)
    q, k, v = split(layer.query(x)), split(layer.key(x)), split(layer.value(x))
    scores = q @ k.mT / math.sqrt(q.size(-1))
    scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1)
    return (weights @ v).transpose(1, 2).flatten(2), weights
""",
        "layer.output mixes them",
    ),
    (
        "multi_head_attention",
        """
def multi_head_attention(layer, x, mask=None):
    import math
    split = lambda y: y.unflatten(-1, (layer.heads, -1)).transpose(1, 2)
    q, k, v = split(layer.query(x)), split(layer.key(x)), split(layer.value(x))
    scores = q @ k.mT / math.sqrt(q.size(-1))
    scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1)
    return layer.output((weights @ v).reshape(x.shape)), weights
""",
        "the merge mixes tokens",
    ),
    (
        "multi_head_attention",
        """
def multi_head_attention(layer, x, mask=None):
    import math
    split = lambda y: y.unflatten(-1, (layer.heads, -1)).transpose(1, 2)
    q, k, v = split(layer.query(x)), split(layer.key(x)), split(layer.value(x))
    scores = q @ k.mT / math.sqrt(q.size(-1))
    scores = scores if mask is None else scores.masked_fill(mask, -math.inf)
    weights = scores.softmax(-1)
    return layer.output((weights @ v).transpose(1, 2).flatten(2)), weights
""",
        "The mask is inverted",
    ),
    (
        "multi_head_attention",
        """
def multi_head_attention(layer, x, mask=None):
    import math
    split = lambda y: y.unflatten(-1, (layer.heads, -1)).transpose(1, 2)
    q, k, v = split(layer.query(x)), split(layer.key(x)), split(layer.value(x))
    scores = q @ k.mT / math.sqrt(q.size(-1))
    pass
    weights = scores.softmax(-1) * (1 if mask is None else mask)
    return layer.output((weights @ v).transpose(1, 2).flatten(2)), weights
""",
        "after the softmax",
    ),
    (
        "multi_head_attention",
        """
def multi_head_attention(layer, x, mask=None):
    import math
    split = lambda y: y.unflatten(-1, (2, -1)).transpose(1, 2)
    q, k, v = split(layer.query(x)), split(layer.key(x)), split(layer.value(x))
    scores = q @ k.mT / math.sqrt(q.size(-1))
    scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1)
    return layer.output((weights @ v).transpose(1, 2).flatten(2)), weights
""",
        "layer.heads",
    ),
    (
        "padding_mask",
        """
def padding_mask(ids, pad_id=0):
    return ids != pad_id
""",
        "does not broadcast",
    ),
    (
        "padding_mask",
        """
def padding_mask(ids, pad_id=0):
    return (ids == pad_id)[:, None, None, :]
""",
        "The mask is inverted",
    ),
    (
        "padding_mask",
        """
def padding_mask(ids, pad_id=0):
    return (ids != pad_id)[:, None, :, None]
""",
        "masks the queries",
    ),
    (
        "padding_mask",
        """
def padding_mask(ids, pad_id=0):
    return (ids != pad_id)[:, None, None, :].long()
""",
        "booleans",
    ),
    (
        "padding_mask",
        """
def padding_mask(ids, pad_id=0):
    return (ids != 0)[:, None, None, :]
""",
        "Another vocabulary",
    ),
    (
        "padding_mask",
        """
def padding_mask(ids, pad_id=0):
    return (ids != pad_id)[:, None, :]
""",
        "The shape must be (B, 1, 1, T)",
    ),
    (
        "masked_softmax",
        """
def masked_softmax(scores, mask):
    powers = (scores - scores.amax(-1, keepdim=True)).exp() * mask
    return powers / powers.sum(-1, keepdim=True).clamp(min=1e-9)
""",
        "must not take part in a maximum",
    ),
    (
        "multi_head_attention",
        """
def multi_head_attention(layer, x, mask=None):
    split = lambda y: y.unflatten(-1, (layer.heads, -1)).transpose(1, 2)
    q, k, v = split(layer.query(x)), split(layer.key(x)), split(layer.value(x))
    weights = (q @ k.mT / q.size(-1) ** 0.5).masked_fill(~mask, float("-inf")).softmax(-1)
    return layer.output((weights @ v).transpose(1, 2).flatten(2)), weights
""",
        "if mask is None",
    ),
    (
        "merge_heads",
        """
def merge_heads(z):
    B, H, T, d_k = z.shape
    return z.transpose(1, 2).view(B, T, H * d_k)
""",
        "view cannot copy them",
    ),
    (
        "merge_heads",
        """
import torch

def merge_heads(z):
    return torch.cat([z[:, 0], z[:, 1]], -1)
""",
        "split into 3 heads",
    ),
    ("multi_head_attention", HEADS.replace("if mask is not None", "if mask"), "neither true nor false"),
    ("multi_head_attention", HEADS.replace("-math.inf", "0.0"), "still has some weight"),
    ("multi_head_attention", HEADS.replace("~mask", "~mask.mT"), "still has some weight"),
    ("multi_head_attention", HEADS.replace("~mask", "~mask[:, :, :1]"), "different for each token that reads"),
    ("multi_head_attention", HEADS.replace("q @ k.mT", "k @ q.mT"), "You swapped queries and keys"),
    ("multi_head_attention", HEADS.replace("layer.key(x)", "layer.query(x)"), "You compared queries with queries"),
    ("multi_head_attention", HEADS.replace("softmax(-1)", "softmax(-2)"), "The columns of your weights"),
    ("multi_head_attention", HEADS.replace("q.size(-1)", "layer.heads"), "neither the number of heads"),
    ("multi_head_attention", HEADS.replace("return layer", "return x + layer"), "You added x"),
    ("multi_head_attention", HEADS.replace("layer.value(x)", "x"), "with the values of layer.value"),
    (
        "multi_head_attention",
        HEADS.replace("(layer.heads, -1)).transpose(1, 2)", "(-1, layer.heads)).permute(0, 3, 1, 2)"),
        "take every second number",
    ),
    (
        "padding_mask",
        """
def padding_mask(ids, pad_id=0):
    real = ids != pad_id
    return (real[:, :, None] & real[:, None])[:, None]
""",
        "the same for every token that reads",
    ),
    (
        "masked_softmax",
        MASKED.replace("ANSWER", "scores.masked_fill(~mask, -65504).softmax(-1) * mask"),
        "No number that",
    ),
    (
        "masked_softmax",
        MASKED.replace("ANSWER", "(scores - 1e9 * ~mask).softmax(-1) * mask"),
        "No number that you choose",
    ),
    ("masked_softmax", MASKED.replace("ANSWER", '(scores + float("-inf") * ~mask).softmax(-1)'), "times 0 is nan"),
    (
        "masked_softmax",
        MASKED.replace("ANSWER", "scores.exp() * mask / (scores.exp() * mask).sum(-1, keepdim=True)"),
        "the largest score was not subtracted",
    ),
    (
        "masked_softmax",
        MASKED.replace("return ANSWER", 'scores[~mask] = float("-inf")\n    return scores.softmax(-1).nan_to_num()'),
        "masked_fill and torch.where broadcast",
    ),
    ("padding_leaks", LEAKS.replace("[:, :4]", ""), "the real tokens are the first ones"),
    ("padding_leaks", LEAKS.replace("[:, :4]", "[:, :1]").replace("one -", "one[:, :1] -"), "Compare all real tokens"),
    ("padding_leaks", LEAKS.replace(".abs()", ""), "without their signs"),
    (
        "padding_leaks",
        LEAKS.replace("6, 3]]", "6, 3, 0]]")
        .replace("torch.ones_like(alone)", "(alone != 0).long()")
        .replace("(one", "(one[:, :4]"),
        "reads the first [PAD]",
    ),
    (
        "padding_leaks",
        LEAKS.replace("6, 3]]", "6, 3, 9, 8]]")
        .replace("torch.ones_like(alone)", "(padded != 0).long()")
        .replace("(one", "(one[:, :4]"),
        "Change how much padding there is",
    ),
    ("split_heads", SPLIT.replace("heads, D // heads", "2, D // 2"), "but for 2 texts with 3"),
    (
        "split_heads",
        SPLIT.replace("view(B, T,", "view(T, B,").replace("transpose(1, 2)", "permute(1, 2, 0, 3)"),
        "2 texts",
    ),
    ("mean_vector", MEAN.replace(", keepdim=True", ""), "keepdim=True keeps the axis"),
    (
        "mean_vector",
        MEAN.replace("real.sum(1, keepdim=True)", "(4 - 2 * (~real).any(1, keepdim=True).long())"),
        "3 real tokens of 5",
    ),
]
