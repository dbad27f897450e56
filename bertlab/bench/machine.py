"""What the bench knows about the machine: its name, its fastest matrix product, its memory, and the work of a step."""

import os
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from ..batches import IGNORE
from ..budget import BACKWARD, count_forward_flops

GEMM_SHAPES = [(1024, 1024, 1024), (2048, 2048, 2048), (4096, 1024, 512), (2048, 256, 1024)]  # (M, K, N)


def describe_machine(threads: int) -> dict:
    """What the measured numbers depend on. `load` is the average number of programs that wanted a core during the
    minute before the measurement; None where the system does not tell (Windows)."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"processor": get_processor_name(), "system": platform.platform(), "cores": os.cpu_count(),
            "threads": threads, "load": load, "python": platform.python_version(), "torch": torch.__version__,
            "transformers": version("transformers")}  # fmt: skip


def format_machine(machine: dict) -> str:
    """The first line of both tables, from the facts of `describe_machine`."""
    load = "" if machine["load"] is None else f", load {machine['load']:.1f} before it began"
    return (f"{machine['processor']}, {machine['threads']} thread(s){load}; torch {machine['torch']}, "
            f"transformers {machine['transformers']}; on the CPU")  # fmt: skip


def get_processor_name() -> str:
    """The processor's name, as precisely as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    match = re.search(r"^model name\s*: (.+)$", text, re.M)
    return match[1].strip() if match else platform.processor() or platform.machine()


def count_useful_flops(config, batch: dict[str, Tensor], classes: int = 2) -> float:
    """Count the floating-point operations that a training step on this batch cannot do without.

    They are those of `budget.count_forward_flops` and twice as many backward, for the tokens and the masked words of
    each row (Chowdhery et al. 2022, "PaLM", appendix B, defines utilisation by them). Nothing is counted for padding,
    for the vocabulary where there is no label, nor for lookups, LayerNorm, softmax, GELU, dropout and AdamW.
    """
    ids, labels = batch["input_ids"], batch["labels"]
    mask, no_words = batch.get("attention_mask"), torch.zeros(len(ids)).double()
    tokens = no_words + ids.size(1) if mask is None else mask.sum(1).double()  # (B,)
    words, classes = ((labels != IGNORE).sum(1).double(), 2) if labels.dim() == 2 else (no_words, classes)  # (B,)
    return (1 + BACKWARD) * float(sum(part.sum() for part in count_forward_flops(config, tokens, words, classes)))


def measure_gemm_peak(threads: int, seconds: float = 0.1, half: bool = False) -> float:
    """The fastest float32 (or, with `half`, bfloat16) matrix product with so many threads, in operations a second; each
    of GEMM_SHAPES is repeated for about `seconds`."""
    from torch.utils.benchmark import Timer

    best = 0.0
    for m, k, n in GEMM_SHAPES:
        kind = torch.bfloat16 if half else torch.float32
        tensors = {"a": torch.ones(m, k, dtype=kind), "b": torch.ones(k, n, dtype=kind),
                   "out": torch.empty(m, n, dtype=kind)}  # fmt: skip
        timer = Timer("torch.mm(a, b, out=out)", globals={"torch": torch} | tensors, num_threads=threads)
        best = max(best, 2 * m * k * n / min(timer.blocked_autorange(min_run_time=seconds).times))
    return best


def get_peak_memory() -> int:
    """The most bytes of memory that this process has held at a time (the high-water mark of its resident set)."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the parent held when it started this process
        return next(
            int(line.split()[1]) * 1024 for line in status.read_text(encoding="utf-8").splitlines() if "VmHWM" in line
        )
    if os.name == "nt":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
