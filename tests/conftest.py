"""What every test stands on: no model hub, no windows, the same random numbers each time."""

import os
import sys
from pathlib import Path

# Set before anything imports the libraries that read them. The package index stays reachable for `sources`.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest

ROOT = Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser tests come last: they have no network, and need the data that the others fetched."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session")
def root() -> Path:
    """The top folder of the project."""
    return ROOT


@pytest.fixture(autouse=True)
def seeded(monkeypatch):
    """Start each test from the same random state, on one thread, and draw figures without a window.

    The sizes are tiny: on a busy machine two threads are ten times slower than one. A notebook's kernel is no test of
    this kind: it takes all threads, as a learner's does.
    """
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # for what a test starts
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
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
