"""What every test stands on: no model hub, one thread, no windows, the same random numbers each time."""

import json
import os
import re
import sys
from pathlib import Path

# Set before anything imports the libraries that read them. The package index stays reachable for `sources`.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["BERTLAB_PRECISION"] = "no"  # float32 on every machine, so that numbers are those of the saved outputs
# One thread for a test, for what it starts, and for the kernel of a notebook: `make test` keeps each core busy with a
# process of its own. With more threads than free cores, OpenMP's threads wait for one another in a busy loop, and
# everything takes several times as long. A notebook itself sets nothing: a learner's kernel takes the whole machine.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOK_CELL_SECONDS = 2700  # what the Makefile gives a cell: the slowest machine seen takes 15 minutes for one


def read_minutes(notebook: Path) -> float:
    """How long a notebook runs, as its first cell says."""
    first = "".join(json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]["source"])
    said = re.search(r"about ([\d.]+) minutes?\b", first)
    return float(said[1]) if said else 0.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files come first, so that processes side by side end together: browser, notebooks, then the rest."""

    def rank(path: Path) -> float:
        if path.parent.name == "browser":
            return -1000
        return -read_minutes(path) if path.suffix == ".ipynb" else 0

    ranks = {path: rank(path) for path in {item.path for item in items}}
    items.sort(key=lambda item: ranks[item.path])
    for item in items:  # a cell that trains has the Makefile's own limit, which must come first: it names the cell
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.timeout(NOTEBOOK_CELL_SECONDS + 60))


@pytest.fixture(scope="session")
def root() -> Path:
    """The top folder of the project."""
    return ROOT


@pytest.fixture(autouse=True)
def seeded():
    """Start each test from the same random state, on one thread, and draw figures without a window."""
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
