"""bench.machine: TODO."""

import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from ..batches import IGNORE

GEMM_SHAPES = [(1024, 1024, 1024), (2048, 2048, 2048), (4096, 1024, 512), (2048, 256, 1024)]  # of the matrix products


def describe_machine(threads: int) -> dict:
    """What the numbers hang on. `load_predictor` is how many programs wanted a core in the last minute, before we began."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None  # Windows does not tell
    return {
        "processor": get_processor_name(), "system": platform.platform(), "cores": os.cpu_count(), "threads": threads,
        "load": load, "python": platform.python_version(), "torch": torch.__version__,
        "transformers": version("transformers"),
    }  # fmt: skip


def get_processor_name() -> str:
    """The processor's name, as well as the system tells it."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def count_useful_flops(config, batch: dict[str, Tensor], classes: int = 2) -> float:
    """The floating-point operations that a training step on this batch cannot do without.

    A multiplication and its addition are two operations, and going back costs twice as much as going forward: 6 a
    weight and token (Kaplan et al. 2020, "Scaling Laws for Neural Language Models", section 2.1), and as much for each
    product in attention (Chowdhery et al. 2022, "PaLM", appendix B, which defines utilisation by them). Counted are

        a layer             t (4 D^2 + 2 D I) + 2 t^2 D     for a row of t tokens
        the last layer      t 2 D^2 + q (2 D^2 + 2 D I) + 2 q t D     as only q of its tokens are read
        MLM                 D^2 + D V     a label
        pooler with NSP     D^2 + 2 D     a row; with a classifier D^2 + D C

    multiplications forward, where q is 1 for [CLS], plus the row's labels. So nothing is counted for padding, for the
    vocabulary where there is no label, nor for lookups, LayerNorm, softmax, GELU, dropout and AdamW.
    """
    ids, labels = batch["input_ids"], batch["labels"]
    mask = batch.get("attention_mask")
    t = torch.full((len(ids),), ids.size(1)).double() if mask is None else mask.sum(1).double()  # (B,)
    words = (labels != IGNORE).sum(1).double() if labels.dim() == 2 else torch.zeros(len(ids)).double()
    classes = 2 if labels.dim() == 2 else classes
    q = words + 1
    D, I, L, V = config.hidden_size, config.intermediate_size, config.num_hidden_layers, config.vocab_size  # noqa: E741
    a_layer = t * (4 * D * D + 2 * D * I) + 2 * t * t * D
    last = t * 2 * D * D + q * (2 * D * D + 2 * D * I) + 2 * q * t * D
    heads = words * (D * D + D * V) + D * D + D * classes
    return 6 * float(((L - 1) * a_layer + last + heads).sum())


def measure_gemm_peak(seconds: float = 0.25) -> float:
    """The fastest float32 matrix product that was seen, in operations a second; each of SHAPES gets so many seconds."""
    best = 0.0
    for m, k, n in GEMM_SHAPES:
        a, b, out = torch.ones(m, k), torch.ones(k, n), torch.empty(m, n)
        torch.mm(a, b, out=out)
        end = time.perf_counter() + seconds
        while (start := time.perf_counter()) < end:
            torch.mm(a, b, out=out)
            best = max(best, 2 * m * k * n / (time.perf_counter() - start))
    return best


def measure_gemm_with_threads(threads: int) -> float:
    """`measure_gemm_peak` by so many threads; afterwards torch takes as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return measure_gemm_peak(0.1)
    finally:
        torch.set_num_threads(before)


def get_peak_memory() -> int:
    """The most bytes of memory that this process has held at a time (resident set, high-water mark)."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the parent held when it started us
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if "VmHWM" in line)
    if os.name == "nt":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
