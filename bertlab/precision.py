"""Float32 or half: the precision that this machine multiplies fastest, measured on a CPU. BERTLAB_PRECISION overrides.

In bf16, only the products of matrices are computed in bfloat16 (autocast). Weights, the optimizer's state, LayerNorm,
softmax and losses stay float32.
"""

import contextlib
import functools
import os
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

PRECISIONS = ("auto", "no", "fp16", "bf16")
VARIABLE = "BERTLAB_PRECISION"  # of the environment: what "auto" stands for
PAYS_FROM = 1.3  # times as fast as float32, casts included; whole steps gain about half as much as their products
ROWS = 2048  # tokens of a batch, about
_PREFERRED: ContextVar[str] = ContextVar("preferred", default="auto")  # what "auto" stands for
OPERATIONS = 2.5e8  # of a product that is timed, at most: a CPU that multiplies bf16 fast needs 3 ms for it


def check_precision(precision: str, name: str = "precision") -> str:
    """The precision, which was given under this name. Raises ValueError for an unknown one."""
    if precision not in PRECISIONS:
        raise ValueError(f"{name} is {precision!r}; it must be {', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]}")
    return precision


def choose_precision(requested: str, device: torch.device, model: nn.Module | None = None) -> str:
    """accelerate's name of the precision: the requested one, or for "auto" the one that the device multiplies fastest.

    On a GPU that is bf16 or, on older ones, fp16. On a CPU it is bf16 if a product of the size of the `model`'s was
    measured to gain by it, which is measured once a process, and else float32 ("no"). The environment variable
    BERTLAB_PRECISION replaces "auto". Raises ValueError if it holds something else.
    """
    if requested == "auto":
        requested = _PREFERRED.get()
    if requested == "auto":
        requested = check_precision(os.environ.get(VARIABLE) or "auto", VARIABLE)
    if requested != "auto":
        return requested
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp16"
    width = find_width(model) if device.type == "cpu" and model is not None else 0
    return "bf16" if width and measure_bf16_gain(width) >= PAYS_FROM else "no"


def find_width(model: nn.Module) -> int:
    """The hidden size of a model: the width that most linear layers read. 0 if there is none, or it is not float32."""
    widths = [part.in_features for part in model.modules() if isinstance(part, nn.Linear)]
    if any(parameter.dtype != torch.float32 for parameter in model.parameters()):
        return 0
    return max(widths, key=widths.count, default=0)


@functools.cache
def measure_bf16_gain(width: int) -> float:
    """How many times as fast as in float32 this CPU multiplies (tokens, width) by (width, 4 * width) in bfloat16.

    The time to cast the tokens from float32 and the product back is included. Flags of the CPU are not asked: machines
    of the same kind may differ. Without instructions for bf16 the product can take a hundred times as long, so a tiny
    one is tried first, and the real one only if that is promising. Together that is some 50 ms.
    """
    if _measure_gain(64, 128, 128) < 0.15:
        return 0.0
    return _measure_gain(max(64, min(ROWS, int(OPERATIONS / (8 * width * width)))), width, 4 * width)


def _measure_gain(rows: int, width: int, columns: int, turns: int = 8) -> float:
    tokens, matrix = torch.ones(rows, width), torch.ones(width, columns)
    half = matrix.bfloat16()
    computations = (lambda: tokens @ matrix), (lambda: (tokens.bfloat16() @ half).float())
    # In turns, and the fastest of each counts: whatever else the machine does only makes one slower.
    seconds = [[_time(compute) for compute in computations] for _ in range(turns)]
    single, double = (min(each) for each in zip(*seconds, strict=True))
    return single / double


def _time(compute) -> float:
    start = time.perf_counter()
    compute()
    return time.perf_counter() - start


@contextlib.contextmanager
def prefer_precision(precision: str) -> Iterator[None]:
    """Inside `with prefer_precision("no"):` this is what "auto" stands for: what a run began in, it is judged in."""
    token = _PREFERRED.set(check_precision(precision))
    try:
        yield
    finally:
        _PREFERRED.reset(token)


@contextlib.contextmanager
def multiply_fast(model: nn.Module) -> Iterator[None]:
    """Inside `with multiply_fast(model):` a model on a CPU multiplies its matrices in the precision that "auto" stands
    for, as in training. On another device nothing changes."""
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    half = device.type == "cpu" and choose_precision("auto", device, model) == "bf16"
    with torch.autocast("cpu", torch.bfloat16) if half else contextlib.nullcontext():
        yield


def is_formula_faster(query: Tensor, dropout: float) -> bool:
    """Whether softmax(Q K^T / sqrt(d_k)) V, written out, trains faster than PyTorch's fused function, for queries
    (B, H, Q, d_k).

    On a GPU it never is. On a CPU, one thread, 4 heads of 64, forward and backward, the formula takes this share of the
    fused function's time (medians of 9 in turns, a CPU that multiplies bfloat16 six times as fast, 2026-11-30):

        tokens                     32    64   128   256   512
        float32, no dropout      0.77  0.98  0.99  1.83  2.05
        float32, dropout 0.1     0.75  0.71  0.86  0.97  1.14
        bfloat16, no dropout     0.20  0.24  0.42  1.20  2.15
        bfloat16, dropout 0.1    0.48  0.47  0.50  0.60  0.86

    because with dropout PyTorch computes the formula too, with dearer random numbers (two threads: 0.65 to 0.87 in
    float32, 0.44 to 0.66 in bfloat16), and because the backward pass of the fused function is slow in bfloat16. A CPU
    without bfloat16 (AVX2) took 1.1 to 1.5 times the fused function's time in float32 without dropout, up to 128
    tokens too, so there the fused function stays; without gradients it is 1.4 times as fast or more. The rule depends
    on nothing that is measured while running: else a run that was resumed could differ from one that was not.
    """
    if query.device.type != "cpu" or not query.requires_grad:
        return False
    return dropout > 0 or (query.dtype == torch.bfloat16 and query.size(-2) <= 128)


def cast_once(x: Tensor) -> Tensor:
    """x in bfloat16 where a CPU multiplies in it, else x: one cast for products that would each make their own."""
    return x.to(torch.get_autocast_dtype("cpu")) if torch.is_autocast_enabled("cpu") and x.device.type == "cpu" else x


def round_up(size: int, step: int, beside: Tensor) -> int:
    """The next multiple of `step` from `size` on where a CPU multiplies in bfloat16, beside this tensor; else `size`.

    For bfloat16 oneDNN compiles each product for its shape, which takes about as long as the product, and it keeps
    1,024 of them. Batches have many lengths and numbers of masked words: rounded up, a few hundred shapes return
    again and again. (mini, 32 rows: with new shapes in every step, 1.5 times the time of a step with old ones.)
    """
    return -(-size // step) * step if torch.is_autocast_enabled("cpu") and beside.device.type == "cpu" else size


# ---- Runs ------------------------------------------------------------------------------------------------------------


def find_training_device() -> torch.device:
    """The kind of device that accelerate trains on: the GPU if there is one and ACCELERATE_USE_CPU is not set."""
    from accelerate.utils import parse_flag_from_env

    return torch.device(
        "cuda" if torch.cuda.is_available() and not parse_flag_from_env("ACCELERATE_USE_CPU") else "cpu"
    )


def settle_precision(plan: Any, recorded: Mapping | None, model: nn.Module) -> tuple[Any, str]:
    """A run's plan with the precision that it is trained in instead of "auto", and what it said before: both are kept
    in run.json, of which `recorded` is the content. A run that goes on does so in the precision that it began in.

    Raises ValueError when a run chose bf16 or fp16 for the machine it began on, and goes on on one that would not.
    """
    device = find_training_device()
    if recorded is None:
        return replace(plan, precision=choose_precision(plan.precision, device, model)), plan.precision
    began, asked = recorded["plan"].precision, recorded.get("asked_precision", "auto")
    if began == "auto":  # before it was recorded, a CPU took float32
        return replace(plan, precision="no" if device.type == "cpu" else choose_precision("auto", device, model)), asked
    here = choose_precision("auto", device, model)
    if asked == "auto" and began != "no" and here != began and not (began == "fp16" and device.type == "cuda"):
        raise ValueError(
            f"the run began in {began}, and this machine would choose {describe(here)}: go on with it on a machine "
            f"like the first, or here with {VARIABLE}={began}, exactly as it began but slowly, or start a new run in "
            "another folder"
        )
    return replace(plan, precision=began), asked


def describe(precision: str) -> str:
    """The name of a precision for a person."""
    return "float32" if precision == "no" else precision
