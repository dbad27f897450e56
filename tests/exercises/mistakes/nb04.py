"""Common mistakes in the exercises of notebook 04: (exercise, a learner's code, a part of the hint)."""

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
        "becomes (B, T, H * K)",
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
        "previous_share",
        """
def previous_share(weights):
    T = len(weights)
    return sum(weights[i, i - 1] for i in range(1, T)) / T
""",
        "You divided by T",
    ),
    (
        "previous_share",
        """
def previous_share(weights):
    return weights.diagonal(1).mean()
""",
        "You took the next token",
    ),
    (
        "previous_share",
        """
def previous_share(weights):
    return sum(weights[i, i - 1] for i in range(len(weights))) / len(weights)
""",
        "index -1 is the last column",
    ),
    (
        "previous_share",
        """
def previous_share(weights):
    import torch
    return (weights.argmax(-1)[1:] == torch.arange(len(weights) - 1)).float().mean()
""",
        "largest weight",
    ),
]
