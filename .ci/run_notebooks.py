"""Runs notebooks from top to bottom and stores them clean: outputs kept, the run's own traces dropped.

    python .ci/run_notebooks.py draft.py notebooks/01_wordpiece.ipynb    a py:percent draft to a notebook
    python .ci/run_notebooks.py --in-place notebooks/*.ipynb             run again what is there

A notebook that fails is not written: the cell and its error are shown, and the exit code is 1.
"""

import argparse
import hashlib
import os
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

WIDGET = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
KEPT = {"tags", "jupyter", "cellView", "slideshow"}  # cell metadata that an author writes by hand
SECONDS_A_CELL = 1800


def read(path: Path) -> nbformat.NotebookNode:
    """A notebook from .ipynb, or from a py:percent or markdown draft by jupytext."""
    if path.suffix == ".ipynb":
        return nbformat.read(path, as_version=4)
    import jupytext

    return jupytext.read(path)


def run(book: nbformat.NotebookNode, folder: Path) -> list[tuple[float, int, str]]:
    """Execute `book` in `folder`. Returns (seconds, cell number, first line) of each code cell."""
    started, took = {}, []

    def begin(cell, cell_index, **_):
        started[cell_index] = time.perf_counter()

    def end(cell, cell_index, **_):
        first = next((line for line in cell.source.splitlines() if line.strip()), "")
        took.append((time.perf_counter() - started[cell_index], cell_index, first))

    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        book,
        kernel_name="python3",
        timeout=SECONDS_A_CELL,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
        on_cell_start=begin,
        on_cell_executed=end,
    )
    client.execute()
    return took


def tidy(book: nbformat.NotebookNode) -> None:
    """Drop what differs from run to run or machine to machine and tells a reader nothing."""
    book.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    book.nbformat, book.nbformat_minor = 4, 5
    seen = set()
    for cell in book.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in KEPT})
        cell.id = identity(cell, seen)
        for output in cell.get("outputs", []):
            if "data" in output:
                output.data.pop(WIDGET, None)  # without its state it draws as an error; the text form stays
            if output.output_type == "stream":
                output.text = re.sub(r"^.*\r(?=[^\n])", "", output.text, flags=re.MULTILINE)
            if output.output_type == "error":  # terminal colours are noise in a diff
                output.traceback = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in output.traceback]


def identity(cell: nbformat.NotebookNode, seen: set[str]) -> str:
    """A cell's id from its text: it changes only when the cell does."""
    mark = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:10]
    unique, number = mark, 1
    while unique in seen:
        number += 1
        unique = f"{mark}-{number}"
    seen.add(unique)
    return unique


def write(book: nbformat.NotebookNode, path: Path) -> None:
    """Replace `path` in one step, so that an interrupted run leaves the old notebook whole."""
    nbformat.validate(book)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(nbformat.writes(book) + "\n", encoding="utf-8")
    os.replace(beside, path)


def make(source: Path, target: Path) -> bool:
    """Read, run, tidy and write one notebook; say how long it took. False if it failed."""
    book = read(source)
    begun = time.perf_counter()
    try:
        took = run(book, target.parent)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        last = [i for i, c in enumerate(book.cells) if c.cell_type == "code" and c.execution_count]
        place = f"cell {last[-1]}" if last else "the first cell"
        print(f"{source}: failed at {place}, nothing written\n{error}", file=sys.stderr)
        return False
    seconds = time.perf_counter() - begun
    tidy(book)
    write(book, target)
    code = [c for c in book.cells if c.cell_type == "code"]
    print(
        f"{target}: {seconds:.1f} s, {len(book.cells)} cells ({len(code)} code), {target.stat().st_size / 1000:.0f} kB"
    )
    for cell_seconds, number, first in sorted(took, reverse=True)[:5]:
        if cell_seconds >= 0.5:
            print(f"    {cell_seconds:6.1f} s  cell {number}: {first[:80]}")
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--in-place", action="store_true", help="run each notebook and replace it")
    options = parser.parse_args()
    if options.in_place:
        jobs = [(path, path) for path in options.paths]
    elif len(options.paths) == 2 and options.paths[1].suffix == ".ipynb":
        jobs = [tuple(options.paths)]
    else:
        parser.error("give a draft and a notebook (.ipynb) to write, or --in-place and notebooks")
    for source, _ in jobs:
        if not source.is_file():
            parser.error(f"{source} is not there")
    os.environ["HF_HUB_OFFLINE"] = "1"  # as in the tests: what a notebook shows never hangs on a hub
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    done = [make(*job) for job in jobs]  # one that fails does not stop the others
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
