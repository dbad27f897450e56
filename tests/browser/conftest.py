"""One Chromium and one JupyterLab for all tests of this folder. Where they are missing, the tests are skipped."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import lab


@pytest.fixture(scope="package")
def chromium():
    """Headless Chromium, as playwright's browser."""
    if lab.chromium_path() is None:
        pytest.skip("no Chromium on this machine (Debian: apt install chromium)")
    if not importlib.util.find_spec("playwright"):
        pytest.skip("playwright is not installed")
    with lab.browser() as chromium:
        yield chromium


@pytest.fixture(scope="package")
def jupyterlab(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """The address of a JupyterLab, and the folder of notebooks that it serves."""
    if not importlib.util.find_spec("jupyterlab"):
        pytest.skip("jupyterlab is not installed")
    folder, settings = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("settings")
    with lab.server(folder, settings) as address:
        yield address, folder
