"""Estimates of memory, before it is asked for: what a BERT and its training need at least, and what the machine has."""

import os
from typing import TYPE_CHECKING

from .budget import count_parameters

if TYPE_CHECKING:
    from .model import BertConfig

FLOAT = 4  # bytes of a weight
TRAINED = 4  # a weight that is trained has a gradient and the optimizer's two moments beside it
KEPT = 4  # vectors of each token that a layer keeps for the backward pass, at the very least


def get_machine_memory() -> int | None:
    """The bytes of memory that this machine has, None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def check_model_memory(config: "BertConfig") -> None:
    """Raise ValueError for sizes whose weights alone are more than this machine's memory."""
    check_memory(FLOAT * count_parameters(config, heads=False), "a BERT of these sizes", "smaller sizes")


def check_training_memory(config: "BertConfig", batch_size: int, length: int) -> None:
    """Raise ValueError when a training of this model, with rows of this length, cannot fit into the memory.

    The estimate is low: what it refuses cannot work, but what it lets pass can still be too much.
    """
    kept = batch_size * length * config.hidden_size * config.num_hidden_layers * KEPT
    check_memory(FLOAT * (TRAINED * count_parameters(config, heads=False) + kept), "this training",
                 f"a batch_size below {batch_size:,}, a length below {length:,}, or a smaller model")  # fmt: skip


def check_memory(needed: int, what: str, advice: str) -> None:
    """Raise ValueError when more bytes are needed than the machine has."""
    there = get_machine_memory()
    if there is not None and needed > there:
        sizes = f"at least {needed / 1e9:,.0f} GB of memory; this machine has {there / 1e9:,.0f}"
        raise ValueError(f"{what} needs {sizes}: take {advice}")
