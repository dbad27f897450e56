"""Every notebook in a real JupyterLab in headless Chromium with the network off: it runs, and its figures are drawn.

BERTLAB_SHOTS=folder keeps the screenshots there. A notebook's data must be in the cache: `make test` fetches it first.
Notebooks of more than two minutes are run by nbval alone, and here with BERTLAB_LONG=1; without it their widgets are
drawn around small models. A slow machine runs only those of one minute here, so that everything ends in time.
"""

import os
import re
import time
from functools import cache
from pathlib import Path

import nbformat
import pytest
import torch

from ..conftest import ROOT, read_minutes
from . import lab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LONG = 2  # minutes of notebooks that are run here; a slow machine takes LONG_IF_SLOW
LONG_IF_SLOW = 1
SLOW = 60e9  # operations a second of one thread; a core of a laptop of 2020 makes about 90e9
WIDGETS = """
from bertlab import explore, heads, load, sources, tasks, wordpiece, writing
from bertlab.model import BertConfig

tokenizer = wordpiece.WordPiece.load(sources.bertlab_mini())
mini = load("bertlab-mini")
small = BertConfig.preset("tiny", vocab_size=len(tokenizer), max_position_embeddings=64)
texts = [tasks.LabelledText("a good film", None, "good"), tasks.LabelledText("a bad film", None, "bad")]
---
explore.before_and_after(heads.Pretraining(small), mini, tokenizer, "The [MASK] of the United States")
---
explore.masked_word_box(mini, tokenizer, "And God said, Let there be light.")
---
explore.next_sentence_box({"mini": mini}, tokenizer)
---
task = tasks.Classification(tokenizer, ["bad", "good"], 32)
explore.error_browser(heads.Classifier(small, num_labels=2), task, texts)
---
task = tasks.Tagging(tokenizer, ["O", "B-LOC", "I-LOC"], 32)
explore.tag_box({"names": (heads.Tagger(small, num_labels=3), task)})
---
task = tasks.Reading(tokenizer, 64, no_answer=True)
explore.ask_box(heads.SpanFinder(small), task, "The cat sat on the mat.", "Where did the cat sit?")
---
explore.beam_box(load("bertlab-mini", writing.Writer), tasks.Writing(tokenizer, 32), ["And God said."])
---
explore.saliency_box(heads.Classifier(small, num_labels=2), tokenizer, "a good film", ["bad", "good"])
---
import numpy as np
from bertlab.model import Bert
from bertlab.word_vectors.senses import Usage
usages = [Usage("They sat on the river bank.", 22, 26), Usage("The bank lends money.", 4, 8)]
explore.word_neighbours_box((["bank", "river"], np.eye(2)), {"tiny": (Bert(small), tokenizer)}, usages)
---
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.show()
"""


@cache
def measure_speed() -> float:
    """Operations a second of one thread in a product of matrices, the best of several: others may be at work."""
    matrix, best = torch.rand(1024, 1024), 0.0
    for _ in range(8):
        start = time.perf_counter()
        matrix @ matrix
        best = max(best, 2 * 1024**3 / (time.perf_counter() - start))
    return best


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_and_draws(notebook, chromium, jupyterlab, tmp_path):
    minutes, most = read_minutes(notebook), LONG if measure_speed() > SLOW else LONG_IF_SLOW
    if minutes > most and not os.environ.get("BERTLAB_LONG"):
        pytest.skip(f"takes {minutes:g} minutes, here {most} at most: BERTLAB_LONG=1 runs it here too")
    address, folder = jupyterlab
    lab.copy_unrun(notebook, folder)
    shots = Path(os.environ.get("BERTLAB_SHOTS") or tmp_path)
    seen = lab.run_all(chromium, address, notebook.name, shots)
    print(f"{notebook.name}: {seen.seconds:.0f} s, {seen.figures} figures, {seen.widgets} widgets, {shots}")
    everything_is_drawn(seen)
    if notebook.stem.startswith("14"):
        assert seen.views >= 1
        assert seen.frames >= 3


def everything_is_drawn(seen: lab.Seen) -> None:
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
    assert seen.console == []
    assert seen.refused == [], "a notebook draws without the network"


def test_widgets_of_the_long_notebooks_are_drawn(chromium, jupyterlab, tmp_path):
    address, folder = jupyterlab
    cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in WIDGETS.split("---")]
    long = "".join(path.read_text(encoding="utf-8") for path in NOTEBOOKS if read_minutes(path) > LONG)
    shown = set(re.findall(r"\b(explore\.\w*(?:_box|_browser|before_and_after)\()", long))
    assert not [one for one in shown if one not in WIDGETS], "a widget of a long notebook that is not drawn here"
    book = nbformat.v4.new_notebook(cells=cells)
    book.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(book, tmp_path / "widgets.ipynb")
    lab.copy_unrun(tmp_path / "widgets.ipynb", folder)
    seen = lab.run_all(chromium, address, "widgets.ipynb", Path(os.environ.get("BERTLAB_SHOTS") or tmp_path))
    everything_is_drawn(seen)
    assert seen.widgets == 9


def test_a_broken_notebook_is_seen_to_be_broken(chromium, jupyterlab, tmp_path):
    """What the test above looks for is found where it is wrong."""
    address, folder = jupyterlab
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
