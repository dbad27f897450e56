"""Optimizers: the learning rate of each step, AdamW, and Muon for the matrices of the layers."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .arguments import check_kind, check_number, describe_value
from .precision import choose_precision

if TYPE_CHECKING:
    from .train import TrainConfig


def learning_rate_at(step: int, config: "TrainConfig") -> float:
    """The rate of step 0, 1, ...: a linear warm-up, then a linear decay to 0 (Devlin et al. 2018, A.2)."""
    step = check_number(step, "step")
    check_config(config)
    warmup_steps = max(1, round(config.warmup * config.steps))
    if step < warmup_steps:
        return config.learning_rate * (step + 1) / warmup_steps
    return config.learning_rate * (config.steps - step) / max(1, config.steps - warmup_steps)


def make_optimizer(
    model: nn.Module,
    config: "TrainConfig",
    device: torch.device | None = None,
    scale: Callable[[str], float] | None = None,
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2017), or Muon for the matrices of the layers and AdamW for all other parameters.

    Weight decay applies to matrices, not to biases and LayerNorms (BERT's `optimization.py`). `device` is where the
    model will be trained: accelerate moves it after the optimizer has been made. `scale(name)` is a factor for the
    learning rate of a parameter. Raises ValueError when no parameter of the model is trained.
    """
    check_kind(model, nn.Module, "model")
    check_config(config)
    trained = [p for p in model.parameters() if p.requires_grad]
    if not trained:
        raise ValueError("no parameter of the model is to be trained (all have requires_grad=False)")
    muon_ids = {id(p) for p in list_layer_matrices(model)} if config.optimizer == "muon" else set()
    groups = [
        {"params": [p for p in trained if p.dim() > 1 and id(p) not in muon_ids], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
    if scale is not None:
        scales = {id(p): float(scale(name)) for name, p in model.named_parameters()}
        groups = split_groups_by_scale(groups, scales)
    options = {"lr": config.learning_rate, "betas": (config.beta1, config.beta2), "eps": config.epsilon}
    device = device or trained[0].device
    fused = device.type in ("cpu", "cuda")
    if config.optimizer == "muon":
        matrices = [p for p in trained if id(p) in muon_ids]
        muon_group = {"params": matrices, "weight_decay": config.weight_decay, "muon": True}
        groups += [muon_group] if scale is None else split_groups_by_scale([muon_group], scales)
        precision = choose_precision(config.precision, device, model)
        products = torch.bfloat16 if precision == "bf16" and device.type == "cpu" else None
        # Fused AdamW tells the fp16 scaler that it skips steps with infinite gradients itself. Muon does not.
        return Muon(groups, fused=fused and precision != "fp16", products=products, **options)
    return torch.optim.AdamW(groups, fused=fused, **options)


def check_config(config: "TrainConfig") -> None:
    """Raise TypeError for what is no TrainConfig, nor has its settings."""
    if isinstance(config, type) or not all(hasattr(config, name) for name in ("steps", "learning_rate", "optimizer")):
        raise TypeError(f"config is {describe_value(config)}; it must be a TrainConfig")


def split_groups_by_scale(groups: list[dict], scales: dict[int, float]) -> list[dict]:
    """Split each of the optimizer's groups by the factors of its parameters' learning rates, `scales` by id."""
    parts = []
    for group in groups:
        for factor in sorted({scales[id(p)] for p in group["params"]}):
            parts.append(group | {"params": [p for p in group["params"] if scales[id(p)] == factor], "scale": factor})
    return parts


def list_layer_matrices(model: nn.Module) -> list[nn.Parameter]:
    """The matrices of the stacked layers: the weights of every `nn.Linear` within an `nn.ModuleList`.

    Embeddings and heads are not among them: each of their rows belongs to one word or class.
    """
    stacks = [part for part in model.modules() if isinstance(part, nn.ModuleList)]
    linear = [part for stack in stacks for part in stack.modules() if isinstance(part, nn.Linear)]
    return list({id(part.weight): part.weight for part in linear}.values())


class Muon(torch.optim.AdamW):
    """Muon (Jordan et al. 2024) for the groups with `"muon": True`, AdamW for the others.

    A matrix moves along its averaged gradient after all singular values have been brought near 1, so that every
    direction is learned at the same rate, even a rare one. The update is scaled to the size of AdamW's,
    0.2 * sqrt(longer side), so that both use the same learning rate and weight decay (Liu et al. 2025, "Muon is
    Scalable for LLM Training", section 2.2). `torch.optim.Muon` multiplies in bfloat16, which many CPUs compute slowly;
    this one does so if `products` says so, and else keeps the gradient's type.
    """

    MOMENTUM = 0.95

    def __init__(self, groups: list[dict], *, products: torch.dtype | None = None, **options):
        super().__init__(groups, **options)
        self.products = products

    @torch.no_grad()
    def step(self, closure=None):
        """Take one step; `closure`, if given, computes the loss again, as for any optimizer."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if not group.get("muon"):
                continue
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if not state:
                    state["momentum"] = torch.zeros_like(matrix)
                    state["step"] = torch.zeros(())  # AdamW needs one when it loads a state
                average, state["step"] = state["momentum"], state["step"] + 1
                average.lerp_(matrix.grad, 1 - self.MOMENTUM)
                update = matrix.grad.lerp(average, self.MOMENTUM)  # Nesterov's momentum
                update = orthogonalise(update.to(self.products or update.dtype)).to(matrix.dtype)
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(update, alpha=-group["lr"] * 0.2 * math.sqrt(max(matrix.shape)))
                matrix.grad = None  # AdamW, below, then skips it
        super().step()
        return loss


def orthogonalise(matrix: Tensor, rounds: int = 5) -> Tensor:
    """Bring the singular values of a matrix to between about 0.7 and 1.2, by products alone (Jordan et al. 2024).

    Each round maps every singular value s to 3.4445 s - 4.775 s^3 + 2.0315 s^5, a Newton-Schulz step with coefficients
    that raise small values fast. A matrix of zeros stays zero.
    """
    wide = matrix.size(0) > matrix.size(1)
    x = matrix.T if wide else matrix
    x = x / x.norm().clamp(min=1e-12)
    for _ in range(rounds):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=-4.775, alpha=2.0315), x, beta=3.4445)
    return x.T if wide else x
