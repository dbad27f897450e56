"""Common mistakes in the exercises of notebook 15: (exercise, a learner's code, a part of the hint)."""

MISTAKES = [
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
        "Half of each token stays",
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
    (
        "other_weights",
        """
import torch
def other_weights(weights, values):
    return torch.full_like(weights, 1 / len(weights))
""",
        "average of the values changed",
    ),
    (
        "other_weights",
        """
def other_weights(weights, values):
    return weights.flip(0)
""",
        "average of the values changed",
    ),
    (
        "other_weights",
        """
import torch
def other_weights(weights, values):
    direction = torch.linalg.svd(values.T)[2][-1]
    below = direction < 0
    step = (weights[below] / -direction[below]).min() if below.any() else 1.0
    return weights + step * direction
""",
        "column of ones",
    ),
    (
        "other_weights",
        """
import torch
def other_weights(weights, values):
    fixed = torch.cat([values, torch.ones(len(values), 1, dtype=values.dtype)], 1)
    return weights + torch.linalg.svd(fixed.T)[2][-1]
""",
        "negative weight",
    ),
    (
        "other_weights",
        """
import torch
def other_weights(weights, values):
    fixed = torch.cat([values, torch.ones(len(values), 1, dtype=values.dtype)], 1)
    return weights + 1e-3 * torch.linalg.svd(fixed.T)[2][-1]
""",
        "Continue until",
    ),
    (
        "other_weights",
        """
import torch
def other_weights(weights, values):
    fixed = torch.cat([values, torch.ones(len(values), 1, dtype=values.dtype)], 1)
    direction = torch.linalg.svd(fixed.T)[2][fixed.size(1)]
    below = direction < 0
    return weights + (weights[below] / -direction[below]).min() * direction
""",
        "Return the weights unchanged",
    ),
]
