"""The house: imports go down only, and what is slow to import waits until it is used."""

import ast
from importlib.util import resolve_name

import pytest

import bertlab

from .conftest import ROOT

FLOORS = [
    "model wordpiece sources train plots habits metrics",
    "heads corpus bertviz_offline annotations budget",
    "weights readers views saliency",
    "silver",
    "tasks",
    "pretrain finetune",
    "bench",
    "explore explore_tasks exercises",
    "__main__",
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names.split()}
WAITS = {"transformers", "datasets", "accelerate", "bertviz", "sklearn", "matplotlib", "ipywidgets", "IPython"}
IS_ABOUT = {"plots": {"matplotlib"}, "views": {"matplotlib"}, "explore": {"ipywidgets", "matplotlib"},
            "explore_tasks": {"ipywidgets", "matplotlib"}}  # fmt: skip
FILES = [path for path in sorted((ROOT / "bertlab").rglob("*.py")) if path.parent.name + path.stem != "bertlab__init__"]


def place(path) -> tuple[str, str]:
    """The module of the house that a file belongs to, and its package."""
    inside = path.relative_to(ROOT).with_suffix("").parts
    return inside[1], ".".join(inside[:-1])


def imported(tree: ast.AST, package: str) -> list[str]:
    """The full names that `tree` imports anywhere: `from . import model` is bertlab.model."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            names += [f"{base}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_imports_go_down(path):
    own, package = place(path)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for name in imported(tree, package):
        if name.startswith("bertlab."):
            below = name.split(".")[1]
            below = bertlab._HOME.get(below, below)
            if below != own and below in FLOOR:
                assert FLOOR[below] < FLOOR[own], f"{own} imports {below}, which does not stand below it"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_slow_imports_wait(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    outside = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    own, package = place(path)
    at_once = {name.split(".")[0] for node in outside for name in imported(node, package)}
    early = at_once & WAITS - IS_ABOUT.get(own, set())
    assert not early, f"{path.name} imports {early} before it is used"


def test_every_module_has_a_floor_and_a_name():
    there = {place(path)[0] for path in FILES}
    assert there <= set(FLOOR), "a new module needs its floor here"
    assert set(bertlab._MODULES) == there - {"__main__"}, "bertlab/__init__.py lists the modules"
