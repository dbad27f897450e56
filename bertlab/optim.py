"""How the weights move: the learning rate of each step, AdamW, and Muon for the matrices of the layers."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from .train import TrainConfig


def learning_rate_at(step: int, config: "TrainConfig") -> float:
    """The rate of step 0, 1, ...: up in a line over the warm-up, down in a line to 0 (Devlin et al. 2018, A.2)."""
    rising = max(1, round(config.warmup * config.steps))
    if step < rising:
        return config.learning_rate * (step + 1) / rising
    return config.learning_rate * (config.steps - step) / max(1, config.steps - rising)


def make_optimizer(
    model: nn.Module,
    config: "TrainConfig",
    device: torch.device | None = None,
    scale: Callable[[str], float] | None = None,
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2017), or Muon for the matrices of the layers and AdamW for what is left.

    Matrices are decayed, biases and LayerNorms are not (BERT's `optimization.py`). `device` is where the model will be
    trained: accelerate moves it when the optimizer has been made. `scale` multiplies the learning rate by a
    parameter's name. Raises ValueError when the model has nothing to be trained.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    if not trained:
        raise ValueError("no parameter of the model is to be trained (all have requires_grad=False)")
    inner = {id(p) for p in list_layer_matrices(model)} if config.optimizer == "muon" else set()
    groups = [
        {"params": [p for p in trained if p.dim() > 1 and id(p) not in inner], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
    if scale is not None:
        scales = {id(p): float(scale(name)) for name, p in model.named_parameters()}
        groups = split_groups_by_scale(groups, scales)
    options = {"lr": config.learning_rate, "betas": (config.beta1, config.beta2), "eps": config.epsilon}
    device = device or trained[0].device
    fused = device.type in ("cpu", "cuda")
    if config.optimizer == "muon":
        matrices = [p for p in trained if id(p) in inner]
        inner_group = {"params": matrices, "weight_decay": config.weight_decay, "muon": True}
        groups += [inner_group] if scale is None else split_groups_by_scale([inner_group], scales)
        # Fused AdamW tells the fp16 scaler that it skips a step with infinite gradients by itself. Muon does not.
        return Muon(groups, fused=fused and choose_precision(config.precision, device) != "fp16", **options)
    return torch.optim.AdamW(groups, fused=fused, **options)


def split_groups_by_scale(groups: list[dict], scales: dict[int, float]) -> list[dict]:
    """The optimizer's groups, each parted by the factors of its parameters' learning rates, `scales` by id."""
    parted = []
    for group in groups:
        for factor in sorted({scales[id(p)] for p in group["params"]}):
            parted.append(group | {"params": [p for p in group["params"] if scales[id(p)] == factor], "scale": factor})
    return parted


def list_layer_matrices(model: nn.Module) -> list[nn.Parameter]:
    """The matrices of the stacked layers: weights of every `nn.Linear` within an `nn.ModuleList`.

    Embeddings and heads are not among them: their rows stand for words and classes, each on its own.
    """
    stacks = [part for part in model.modules() if isinstance(part, nn.ModuleList)]
    linear = [part for stack in stacks for part in stack.modules() if isinstance(part, nn.Linear)]
    return list({id(part.weight): part.weight for part in linear}.values())


class Muon(torch.optim.AdamW):
    """Muon (Jordan et al. 2024) for the groups that say `"muon": True`, AdamW for the others.

    A matrix goes along its averaged gradient with all singular values brought near 1: every direction is learned at the
    same pace, the rare ones too. The update is scaled to the size of AdamW's, 0.2 * sqrt(longer side), so that one
    learning rate and one decay serve both (Liu et al. 2025, "Muon is Scalable for LLM Training", section 2.2).
    `torch.optim.Muon` works in bfloat16, which many CPUs compute slowly; this one keeps the gradient's type.
    """

    MOMENTUM = 0.95

    @torch.no_grad()
    def step(self, closure=None):
        """One step; `closure`, if any, computes the loss again, as for any optimizer."""
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
                    state["step"] = torch.zeros(())  # AdamW asks for one when it loads a state
                average, state["step"] = state["momentum"], state["step"] + 1
                average.lerp_(matrix.grad, 1 - self.MOMENTUM)
                update = orthogonalise(matrix.grad.lerp(average, self.MOMENTUM))  # Nesterov's look ahead
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(update, alpha=-group["lr"] * 0.2 * math.sqrt(max(matrix.shape)))
                matrix.grad = None  # AdamW, below, passes over it
        super().step()
        return loss


def orthogonalise(matrix: Tensor, rounds: int = 5) -> Tensor:
    """The matrix with its singular values brought to between about 0.7 and 1.2, by products alone (Jordan et al. 2024).

    Each round takes every singular value s to 3.4445 s - 4.775 s^3 + 2.0315 s^5, a Newton-Schulz step whose
    coefficients lift small values fast. A matrix of zeros stays one.
    """
    wide = matrix.size(0) > matrix.size(1)
    x = matrix.T if wide else matrix
    x = x / x.norm().clamp(min=1e-12)
    for _ in range(rounds):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=-4.775, alpha=2.0315), x, beta=3.4445)
    return x.T if wide else x


def choose_precision(wish: str, device: torch.device) -> str:
    """accelerate's word for the precision: what was wished for, or what the device multiplies fastest."""
    if wish != "auto":
        return wish
    if device.type != "cuda":
        return "no"
    return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp16"
