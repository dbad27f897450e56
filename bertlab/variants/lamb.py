"""LAMB (You et al. 2019): Adam whose step in each matrix is scaled to the size of that matrix."""

import torch

from ..arguments import check_number


class Lamb(torch.optim.Optimizer):
    """Adam's direction r, with weight decay added to it, and then w - lr * (|w| / |r|) * r for each matrix w.

    So a rate is a share of the weights' own size: with 0.01 each matrix moves by 1% of its length. As in the authors'
    code for BERT, groups without weight decay (biases, LayerNorms) are not scaled. Where w or r is all zeros the scale
    is 1. `groups` are those of `torch.optim.AdamW`.
    """

    def __init__(self, groups, lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-6):
        check_number(lr, "lr", least=0)
        check_number(eps, "eps", least=0)
        super().__init__(groups, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure=None):
        """Take one step; `closure`, if given, computes the loss again, as for any optimizer."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for w in group["params"]:
                if w.grad is None:
                    continue
                state = self.state[w]
                if not state:
                    state |= {"step": 0, "m": torch.zeros_like(w), "v": torch.zeros_like(w)}
                state["step"] += 1
                state["m"].lerp_(w.grad, 1 - beta1)
                state["v"].lerp_(w.grad.square(), 1 - beta2)
                m, v = state["m"] / (1 - beta1 ** state["step"]), state["v"] / (1 - beta2 ** state["step"])
                r = m / (v.sqrt() + group["eps"]) + group["weight_decay"] * w
                sizes = w.norm(), r.norm()
                scale = sizes[0] / sizes[1] if group["weight_decay"] and all(size > 0 for size in sizes) else 1.0
                w -= group["lr"] * scale * r
        return loss
