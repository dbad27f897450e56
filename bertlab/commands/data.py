"""The commands `data` and `lab`: named data is fetched, the notebooks are opened."""

import argparse
import sys
from pathlib import Path

from .. import sources
from ..failures import doing

NOTEBOOKS = Path(__file__).resolve().parent.parent.parent / "notebooks"


def add_data_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="name", help="what to fetch; without a name, all are listed")
    parser.add_argument("--small", action="store_true", help="fetch all small ones")


def run_data(options: argparse.Namespace) -> None:
    small = [source.name for source in sources.available() if source.small] if options.small else []
    names = list(dict.fromkeys(options.names + small))
    for name in names:
        with doing("fetching", name):
            sources.fetch(name)
    if not names:
        print(sources.format_sources())
        print("To fetch some: python -m bertlab data NAME ...")


def add_lab_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rest", nargs="*", metavar="option", help="options for jupyter lab")


def run_lab(options: argparse.Namespace) -> None:
    import subprocess

    if not NOTEBOOKS.is_dir():
        raise FileNotFoundError(f"no notebooks in {NOTEBOOKS}: run this in a clone of the project")
    run_data(argparse.Namespace(names=[], small=True))
    rest = ["--debug"] if options.debug else []
    raise SystemExit(subprocess.call([sys.executable, "-m", "jupyterlab", str(NOTEBOOKS), *options.rest, *rest]))
