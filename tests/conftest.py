"""What every test stands on: no model hub, no windows, the same random numbers each time."""

import os
import sys
from pathlib import Path

# Set before anything imports the libraries that read them. The package index stays reachable for `sources`.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny sizes: on a busy machine two threads are ten times slower

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The top folder of the project."""
    return ROOT


@pytest.fixture(autouse=True)
def seeded():
    """Start each test from the same random state, and draw figures without a window."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
    if "matplotlib" in sys.modules:
        sys.modules["matplotlib"].use("Agg")


@pytest.fixture
def double():
    """float64 for everything that torch makes in this test."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield torch.float64
    torch.set_default_dtype(before)
