"""Every notebook in a real JupyterLab in headless Chromium with the network off: it runs, and its figures are drawn.

BERTLAB_SHOTS=folder keeps the screenshots there. A notebook's data must be in the cache already: nbval runs before.
"""

import importlib.util
import os
from pathlib import Path

import nbformat
import pytest

from ..conftest import ROOT
from . import lab

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        lab.chromium_path() is None, reason="no Chromium on this machine (Debian: apt install chromium)"
    ),
    pytest.mark.skipif(not importlib.util.find_spec("playwright"), reason="playwright is not installed"),
    pytest.mark.skipif(not importlib.util.find_spec("jupyterlab"), reason="jupyterlab is not installed"),
]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """(Chromium, JupyterLab's address, the folder it serves), for all tests of this file."""
    folder, settings = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("settings")
    with lab.server(folder, settings) as address, lab.browser() as chromium:
        yield chromium, address, folder


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_and_draws(notebook, opened, tmp_path):
    chromium, address, folder = opened
    lab.copy_unrun(notebook, folder)
    shots = Path(os.environ.get("BERTLAB_SHOTS") or tmp_path)
    seen = lab.run_all(chromium, address, notebook.name, shots)
    print(f"{notebook.name}: {seen.seconds:.0f} s, {seen.figures} figures, {seen.widgets} widgets, {shots}")
    assert seen.errors == []
    assert seen.unrun == 0
    assert seen.figures >= 1
    assert seen.images >= seen.figures
    assert seen.broken == 0
    assert seen.widgets >= 1
    assert seen.drawn_widgets == seen.widgets
    assert seen.broken_widgets == 0
    assert seen.drawn_views == seen.views
    assert seen.drawn_frames == seen.frames
    if notebook.stem.startswith("14"):
        assert seen.views >= 2
        assert seen.frames >= 3
    assert seen.console == []
    assert seen.refused == [], "a notebook draws without the network"


def test_a_broken_notebook_is_seen_to_be_broken(opened, tmp_path):
    """What the test above looks for is found where it is wrong."""
    chromium, address, folder = opened
    cells = [
        "from IPython.display import HTML, display",
        "display(HTML('<img src=\"https://example.org/figure.png\">'))",
        "display(HTML('<script>nothing.like_this()</script>'))",
        "display({'application/vnd.jupyter.widget-view+json': {'model_id': 'lost'}, 'text/plain': 'w'}, raw=True)",
        "import urllib.request\nurllib.request.urlopen('http://example.org', timeout=5)",
        "print('not reached')",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(book, tmp_path / "broken.ipynb")
    lab.copy_unrun(tmp_path / "broken.ipynb", folder)
    seen = lab.run_all(chromium, address, "broken.ipynb")
    assert len(seen.errors) == 1
    assert "URLError" in seen.errors[0]
    assert seen.unrun == 1
    assert seen.broken == 1
    assert seen.refused == ["https://example.org/figure.png"]
    assert any("nothing is not defined" in line for line in seen.console)
    assert (seen.widgets, seen.drawn_widgets, seen.broken_widgets) == (1, 0, 1)
