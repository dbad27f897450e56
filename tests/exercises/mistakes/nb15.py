"""Common mistakes in the exercises of notebook 15: (exercise, a learner's code, a part of the hint)."""

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
        "gradient at x alone",
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
]
