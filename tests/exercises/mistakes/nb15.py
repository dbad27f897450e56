"""Common mistakes in the exercises of notebook 15: (exercise, a learner's code, a part of the hint)."""

NORM = """
def norm_weighted(weights, vectors):
    return ANSWER
"""
SENT = "(weights[..., None] * vectors)"
ROLL = """
import torch
def rollout(maps):
    eye = torch.eye(maps.size(-1))
    flow = eye
    for heads in maps:
        flow = (heads.mean(0) + eye) / 2 @ flow
    return flow
"""
PATH = """
import torch
def integrate(f, x, baseline, steps):
    total = torch.zeros_like(x)
    for step in range(steps):
        point = (baseline + (step + 0.5) / steps * (x - baseline)).requires_grad_()
        total += torch.autograd.grad(f(point), point)[0]
    return (x - baseline) * total / steps
"""
LOST = """
def lost_without(probability, tokens, scores, k):
    removed = sorted(range(len(tokens)), key=lambda i: scores[i], reverse=True)[:k]
    rest = [token for i, token in enumerate(tokens) if i not in removed]
    return probability(tokens) - probability(rest)
"""
REST = "[token for i, token in enumerate(tokens) if i not in removed]"

MISTAKES = [
    (
        "norm_weighted",
        """
def norm_weighted(weights, vectors):
    return (weights[..., None] * vectors).norm(dim=-1).sum(0)
""",
        "Sum over the heads, then take the length",
    ),
    (
        "norm_weighted",
        """
def norm_weighted(weights, vectors):
    return vectors.sum(0).norm(dim=-1)
""",
        "left the weights out",
    ),
    (
        "norm_weighted",
        """
def norm_weighted(weights, vectors):
    return (weights[..., None] * vectors).mean(0).norm(dim=-1)
""",
        "use the sum",
    ),
    (
        "norm_weighted",
        """
def norm_weighted(weights, vectors):
    return (weights[..., None] * vectors).sum(0).abs().sum(-1)
""",
        "You summed the absolute numbers",
    ),
    (
        "norm_weighted",
        """
def norm_weighted(weights, vectors):
    return (weights.mean(0)[:, None] * vectors.sum(0)).norm(dim=-1)
""",
        "the weight of the same head",
    ),
    (
        "rollout",
        """
import torch
def rollout(maps):
    flow = torch.eye(maps.size(-1), dtype=maps.dtype)
    for heads in maps:
        flow = heads.mean(0) @ flow
    return flow
""",
        "residual connection keeps half",
    ),
    (
        "rollout",
        """
import torch
def rollout(maps):
    eye = torch.eye(maps.size(-1), dtype=maps.dtype)
    flow = eye
    for heads in maps:
        flow = (heads.mean(0) + eye) @ flow
    return flow
""",
        "rows sum to 2",
    ),
    (
        "rollout",
        """
import torch
def rollout(maps):
    eye = torch.eye(maps.size(-1), dtype=maps.dtype)
    flow = eye
    for heads in maps:
        flow = flow @ (heads.mean(0) + eye) / 2
    return flow
""",
        "The order is reversed",
    ),
    (
        "rollout",
        """
import torch
def rollout(maps):
    eye = torch.eye(maps.size(-1), dtype=maps.dtype)
    return ((maps.mean(1) + eye) / 2).mean(0)
""",
        "multiply them",
    ),
    (
        "rollout",
        """
import torch
def rollout(maps):
    eye = torch.eye(maps.size(-1), dtype=maps.dtype)
    flow = eye
    for heads in maps:
        flow = (heads[0] + eye) / 2 @ flow
    return flow
""",
        "mean of all heads",
    ),
    (
        "rollout",
        """
import torch
def rollout(maps):
    eye = torch.eye(maps.size(-1), dtype=maps.dtype)
    flow = (maps[0].mean(0) + eye) / 2
    for heads in maps[1:]:
        flow = (heads.mean(0) + eye) / 2 * flow
    return flow
""",
        "matrix product",
    ),
    (
        "integrate",
        """
import torch
def integrate(f, x, baseline, steps):
    point = x.clone().requires_grad_()
    return torch.autograd.grad(f(point), point)[0] * (x - baseline)
""",
        "only a gradient at x",
    ),
    (
        "integrate",
        """
import torch
def integrate(f, x, baseline, steps):
    total = torch.zeros_like(x)
    for step in range(steps):
        point = (baseline + (step + 0.5) / steps * (x - baseline)).requires_grad_()
        total += torch.autograd.grad(f(point), point)[0]
    return total * (x - baseline)
""",
        "Divide by the number of steps",
    ),
    (
        "integrate",
        """
import torch
def integrate(f, x, baseline, steps):
    total = torch.zeros_like(x)
    for step in range(steps):
        point = (baseline + (step + 0.5) / steps * (x - baseline)).requires_grad_()
        total += torch.autograd.grad(f(point), point)[0]
    return total / steps
""",
        "Multiply it by the difference x - baseline",
    ),
    (
        "integrate",
        """
import torch
def integrate(f, x, baseline, steps):
    total = torch.zeros_like(x)
    for step in range(steps):
        point = (baseline + (step + 0.5) / steps * (x - baseline)).requires_grad_()
        total += torch.autograd.grad(f(point), point)[0]
    return total / steps * x
""",
        "You multiplied by x",
    ),
    (
        "integrate",
        """
import torch
def integrate(f, x, baseline, steps):
    total = torch.zeros_like(x)
    for step in range(steps):
        point = ((step + 0.5) / steps * x).requires_grad_()
        total += torch.autograd.grad(f(point), point)[0]
    return total / steps * (x - baseline)
""",
        "The path starts at the baseline",
    ),
    (
        "integrate",
        """
import torch
def integrate(f, x, baseline, steps):
    total = torch.zeros_like(x)
    for step in range(steps):
        point = (baseline + step / steps * (x - baseline)).requires_grad_()
        total += torch.autograd.grad(f(point), point)[0]
    return total / steps * (x - baseline)
""",
        "at the start of each step",
    ),
    (
        "integrate",
        """
import torch
def integrate(f, x, baseline, steps):
    total = torch.zeros_like(x)
    for share in torch.linspace(0, 1, steps):
        point = (baseline + share * (x - baseline)).requires_grad_()
        total += torch.autograd.grad(f(point), point)[0]
    return total / steps * (x - baseline)
""",
        "include both ends",
    ),
    (
        "lost_without",
        """
def lost_without(probability, tokens, scores, k):
    order = sorted(range(len(tokens)), key=lambda i: scores[i])
    rest = [token for i, token in enumerate(tokens) if i not in order[:k]]
    return probability(tokens) - probability(rest)
""",
        "highest score",
    ),
    (
        "lost_without",
        """
def lost_without(probability, tokens, scores, k):
    order = sorted(range(len(tokens)), key=lambda i: -scores[i])
    rest = [tokens[i] for i in sorted(order[:k])]
    return probability(tokens) - probability(rest)
""",
        "this is sufficiency",
    ),
    (
        "lost_without",
        """
def lost_without(probability, tokens, scores, k):
    order = sorted(range(len(tokens)), key=lambda i: -scores[i])
    return probability(tokens) - probability([tokens[i] for i in order[k:]])
""",
        "keep their order",
    ),
    (
        "lost_without",
        """
def lost_without(probability, tokens, scores, k):
    order = sorted(range(len(tokens)), key=lambda i: -abs(scores[i]))
    rest = [token for i, token in enumerate(tokens) if i not in order[:k]]
    return probability(tokens) - probability(rest)
""",
        "is evidence against the class",
    ),
    (
        "lost_without",
        """
def lost_without(probability, tokens, scores, k):
    order = sorted(range(len(tokens)), key=lambda i: -scores[i])
    gone = {tokens[i] for i in order[:k]}
    return probability(tokens) - probability([token for token in tokens if token not in gone])
""",
        "choose by position",
    ),
    (
        "lost_without",
        """
def lost_without(probability, tokens, scores, k):
    order = sorted(range(len(tokens)), key=lambda i: -scores[i])
    rest = [token for i, token in enumerate(tokens) if i not in order[:k]]
    return probability(rest)
""",
        "Subtract it from",
    ),
    ("norm_weighted", NORM.replace("ANSWER", "(weights * vectors).sum(0).norm(dim=-1)"), "need one more axis"),
    ("norm_weighted", NORM.replace("ANSWER", f"{SENT}.sum(0).norm(dim=0)"), "of shape (2,), not (3,)"),
    ("norm_weighted", NORM.replace("ANSWER", f"({SENT}.sum(0) ** 2).sum(-1)"), "squares of the lengths"),
    ("norm_weighted", NORM.replace("ANSWER", f"{SENT}[-1].norm(dim=-1)"), "You used one head"),
    ("norm_weighted", NORM.replace("ANSWER", "weights.sum(0) * vectors.sum(0).norm(dim=-1)"), "combined the weights"),
    (
        "norm_weighted",
        NORM.replace("ANSWER", "vectors.mul_(weights[..., None]).sum(0).norm(dim=-1)"),
        "You changed the vectors",
    ),
    ("rollout", ROLL.replace("(heads.mean(0) + eye) / 2", "(heads.mean(0) + eye / 2)"), "You halved only I"),
    ("rollout", ROLL.replace("flow = eye", "flow = torch.zeros_like(eye)"), "starts with the identity"),
    ("rollout", ROLL.replace("/ 2 @", "/ 2 *"), "only the diagonal is left"),
    ("rollout", ROLL.replace("flow = eye", "flow = (maps[0].mean(0) + eye) / 2"), "the first layer twice"),
    ("rollout", ROLL.replace("return flow", "return flow.T"), "Rows and columns are swapped"),
    (
        "rollout",
        ROLL.replace("(heads.mean(0) + eye) / 2", "heads.mean(0)").replace("return flow", "return (flow + eye) / 2"),
        "You added the identity once",
    ),
    (
        "rollout",
        ROLL.replace("heads.mean(0)", "heads").replace("return flow", "return flow.mean(0)"),
        "You followed each head apart",
    ),
    ("integrate", PATH.replace(".requires_grad_()", ""), "Call requires_grad_()"),
    ("integrate", PATH.replace("total +=", "total ="), "at x, or near it"),
    ("integrate", PATH.replace("return (x - baseline)", "return (baseline - x)"), "All signs are reversed"),
    ("integrate", PATH.replace("total / steps", "total / (steps + 1)"), "divided by 4"),
    (
        "integrate",
        PATH.replace("range(steps)", "range(steps + 1)")
        .replace("(step + 0.5)", "step")
        .replace("total / steps", "total / (steps + 1)"),
        "include both ends",
    ),
    ("integrate", PATH.replace("zeros_like(x)", "zeros(len(x))"), "x may have more axes"),
    (
        "lost_without",
        LOST.replace("return probability(tokens) - probability(rest)", "return 1 - probability(rest)"),
        "falls from 0.9 to 0.6",
    ),
    ("lost_without", LOST.replace("return ", "return abs(").rstrip() + ")\n", "has to stay negative"),
    ("lost_without", LOST.replace("return ", "return max(0, ").rstrip() + ")\n", "has to stay negative"),
    ("lost_without", LOST.replace(REST, f"' '.join({REST})"), "you passed a string"),
    (
        "lost_without",
        LOST.replace(REST, "['[MASK]' if i in removed else token for i, token in enumerate(tokens)]"),
        "You masked tokens",
    ),
    (
        "lost_without",
        LOST.replace(REST, "list(tokens)\n    for i in removed:\n        del rest[i]"),
        "places of the later ones change",
    ),
    (
        "lost_without",
        LOST.replace(REST, "list(tokens)\n    for i in removed:\n        rest.remove(tokens[i])"),
        "the second of the two is to be removed",
    ),
    (
        "lost_without",
        """
def lost_without(probability, tokens, scores, k):
    least = sorted(scores)[-k]
    return probability(tokens) - probability([token for token, score in zip(tokens, scores) if score < least])
""",
        "share the highest score",
    ),
    (
        "lost_without",
        """
def lost_without(probability, tokens, scores, k):
    old = list(scores)
    scores.sort(reverse=True)
    rest = [token for token, score in zip(tokens, old) if score not in scores[:k]]
    return probability(tokens) - probability(rest)
""",
        "You changed a list",
    ),
    ("cls_attention", "def cls_attention(maps):\n    return maps[1].mean(0)[0]", "Take the last layer alone"),
    ("cls_attention", "def cls_attention(maps):\n    return maps.mean((0, 1))[0]", "Take the last layer alone"),
    ("cls_attention", "def cls_attention(maps):\n    return maps[-1][0][0]", "You took one head"),
    ("cls_attention", "def cls_attention(maps):\n    return maps[-1].mean(0)[-1]", "attention of another token"),
    ("cls_attention", "def cls_attention(maps):\n    return maps[-1].mean((0, 1))", "not the row of [CLS]"),
    ("cls_attention", "def cls_attention(maps):\n    return maps[-1].mean(0)[0].tolist()", "Return a tensor"),
    (
        "remove_positions",
        "def remove_positions(tokens, positions):\n    return [t for t in tokens if tokens.index(t) not in positions]",
        "remove it by its position",
    ),
    (
        "remove_positions",
        """
def remove_positions(tokens, positions):
    rest = list(tokens)
    for position in positions:
        rest.remove(tokens[position])
    return rest
""",
        "remove it by its position",
    ),
    (
        "remove_positions",
        """
def remove_positions(tokens, positions):
    rest = list(tokens)
    positions.sort(reverse=True)
    for position in positions:
        del rest[position]
    return rest
""",
        "The list of positions has changed",
    ),
    (
        "remove_positions",
        """
import numpy as np
def remove_positions(tokens, positions):
    return np.delete(tokens, positions)
""",
        "Return a list",
    ),
]
