"""The house: flat files are the path from text to figure, folders are wings. What is slow to import waits until it is
used."""

import ast
from importlib.util import resolve_name

import pytest

import bertlab

from .conftest import ROOT

# A flat file imports flat files, and `sources` where it needs named data. A wing imports flat files and the wings
# before it. What imports the last five is the command line alone.
WINGS = [
    *("sources", "tasks", "views", "grammar", "word_vectors", "variants"),
    *("explore", "exercises", "bench", "commands"),
]
SLOW = {"transformers", "datasets", "accelerate", "bertviz", "sklearn", "matplotlib", "ipywidgets", "IPython"}
MAY_IMPORT_AT_ONCE = {"plots": {"matplotlib"}, "explore": {"ipywidgets", "matplotlib"}}
MOST_LINES = 400
TABLES = {"question_rules"}  # named tables may be longer
FILES = sorted((ROOT / "bertlab").rglob("*.py"))


def get_module(path) -> str:
    """The flat file or the wing that a file belongs to."""
    return path.relative_to(ROOT / "bertlab").with_suffix("").parts[0]


def list_imports(tree: ast.AST, path) -> list[str]:
    """The full names that `tree` imports anywhere: `from . import model` is bertlab.model."""
    package = ".".join(path.relative_to(ROOT).parts[:-1])
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            names += [f"{base}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT / "bertlab").as_posix())
def test_imports_go_down(path):
    own = get_module(path)
    if own in ("__init__", "__main__"):
        return
    allowed = set(WINGS[: WINGS.index(own) + 1] if own in WINGS else ["sources"])
    for name in list_imports(ast.parse(path.read_text(encoding="utf-8")), path):
        if name.startswith("bertlab."):
            other = name.split(".")[1]
            other = bertlab._HOME.get(other, other)
            assert other not in WINGS or other in allowed, f"{own} imports {other}"
            assert own != "sources" or other in ("sources", "files", "arguments", "suggestions"), "plain strings"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT / "bertlab").as_posix())
def test_slow_imports_wait(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    outside = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    at_once = {name.split(".")[0] for node in outside for name in list_imports(node, path)}
    early = at_once & SLOW - MAY_IMPORT_AT_ONCE.get(get_module(path), set())
    assert not early, f"{path.name} imports {early} before it is used"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT / "bertlab").as_posix())
def test_a_file_says_what_it_is_and_has_one_subject(path):
    text = path.read_text(encoding="utf-8")
    assert len(ast.get_docstring(ast.parse(text)) or "") > 20
    if get_module(path) != "exercises" and path.stem not in TABLES:
        assert text.count("\n") <= MOST_LINES
        long = [node.name for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 70]  # fmt: skip
        assert not long, f"functions of more than 70 lines: {long}"


def test_every_module_is_public_by_its_name():
    assert set(bertlab._MODULES) == {get_module(path) for path in FILES} - {"__init__", "__main__"}
    for name in bertlab._MODULES:
        assert getattr(bertlab, name).__name__ == f"bertlab.{name}"
