"""What the pages of both views share: the files of `assets/`, data inside a script, and saving."""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path

from ..files import write_text


@cache
def read_asset(name: str) -> str:
    """The text of a file of `assets/`, such as "view.js" or "bertviz/frame.css"."""
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


def dump_for_script(data: dict, **options) -> str:
    """The data as JSON for a <script> element. "<" is an escape: no token can end the element or begin a comment."""
    return json.dumps(data, **options).replace("<", r"\u003c")


def save_page(view, path: str | Path) -> Path:
    """Write the view's page to a file, whole or not at all. Any browser opens it without a network.

    Raises FileNotFoundError if the folder does not exist.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to save the page in: make it first")
    write_text(path, view.page)
    return path
