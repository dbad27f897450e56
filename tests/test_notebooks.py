"""What every notebook keeps to: run from top to bottom, nothing of one machine in it, and the parts of a lesson.

nbval compares outputs, but passes a notebook whose outputs were stripped: these tests close that gap.
"""

import ast
import inspect
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import ModuleType

import pytest

import bertlab

from .conftest import ROOT

COURSE = [
    "00_start_here", "01_wordpiece", "02_words_in_context", "03_attention", "04_heads_and_masks", "05_positions",
    "06_encoder", "07_mlm", "08_nsp", "09_pretraining", "10_classification", "11_tagging", "12_reading", "13_writing",
    "14_seeing_attention", "15_attention_or_explanation", "16_cost", "17_which_bert", "18_bug_museum",
]  # fmt: skip
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
UNTIL_KNOWN = (
    "# In Colab: clone or upload the bertlab folder, run %pip install -q . inside it (never -e), then run this cell."
)
ONCE_KNOWN = re.compile(
    r'import sys\n\nif "google\.colab" in sys\.modules:\n    %pip install -q git\+https://github\.com/[\w.-]+/[\w.-]+\n'
)
MACHINE = re.compile(r"(?<![\w.])/(root|home|tmp|work|Users|opt|usr|private)/|[A-Z]:\\\\?Users")
STRANGER = re.compile(r"pip3? install (-\S+ )*bertlab(?![-\w])")
EMOJI = re.compile("[\u2600-\u27bf\ufe0f\U0001f000-\U0001ffff]")

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@cache
def cells(path) -> list[dict]:
    """A notebook's cells, with `text` as one string, `tags`, and no need of nbformat."""
    book = json.loads(path.read_text(encoding="utf-8"))
    return [
        {**cell, "text": "".join(cell["source"]), "tags": cell["metadata"].get("tags", [])} for cell in book["cells"]
    ]


def code(path) -> list[dict]:
    return [cell for cell in cells(path) if cell["cell_type"] == "code"]


def prose(path) -> list[str]:
    """Markdown without code, in blocks or between backticks, and without formulas."""
    hidden = re.compile(r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$\n]*\$", re.DOTALL)
    return [hidden.sub("", cell["text"]) for cell in cells(path) if cell["cell_type"] == "markdown"]


def outputs(path) -> list[tuple[dict, dict]]:
    return [(cell, output) for cell in code(path) for output in cell["outputs"]]


def headings(path) -> list[str]:
    return [line for text in prose(path) for line in text.splitlines() if line.startswith("#")]


@pytest.mark.skipif(not NOTEBOOKS, reason="no notebooks are written yet")
def test_the_course_is_there():
    missing = set(COURSE) - {path.stem for path in NOTEBOOKS}
    assert not missing


@each
def test_run_from_top_to_bottom(path):
    counts = [cell["execution_count"] for cell in code(path) if cell["text"].strip()]
    assert counts == list(range(1, len(counts) + 1))
    assert any(cell["outputs"] for cell in code(path))


@each
def test_no_cell_failed(path):
    wrong = [output["ename"] for cell, output in outputs(path)
             if output["output_type"] == "error" and "raises-exception" not in cell["tags"]]  # fmt: skip
    assert wrong == []


@each
def test_no_widget_state(path):
    assert "widgets" not in json.loads(path.read_text(encoding="utf-8"))["metadata"]
    views = [output for _, output in outputs(path) if any("widget" in mime for mime in output.get("data", {}))]
    assert views == []


@each
def test_nothing_of_one_machine(path):
    text = "\n".join(cell["text"] for cell in cells(path))
    said = json.dumps([{k: v for k, v in o.get("data", o).items() if k != "image/png"} for _, o in outputs(path)])
    for where in (text, said):
        found = MACHINE.search(where)
        assert not found, where[max(0, found.start() - 60) : found.end() + 60]
    assert not STRANGER.search(text + said), "that is a stranger's package"
    for cell in code(path):
        assert not re.search(r"^\s*(!|%%capture)", cell["text"], re.MULTILINE), cell["text"]


@each
def test_small_enough(path):
    assert path.stat().st_size < 1_000_000
    assert 40 <= len(cells(path)) <= 90
    long = [cell["text"] for cell in code(path) if len(cell["text"].splitlines()) > 30]
    assert not long


@each
def test_opening(path):
    first = cells(path)[0]
    assert first["cell_type"] == "markdown"
    assert first["text"].startswith("# ")
    assert "After this you can" in first["text"]
    assert "minute" in first["text"]
    setup = code(path)[0]
    assert "setup" in setup["tags"]
    assert setup["text"].startswith(UNTIL_KNOWN + "\n") or ONCE_KNOWN.match(setup["text"])


@each
def test_parts_of_a_lesson(path):
    text = "\n".join(prose(path))
    assert text.count("**Predict, then run.**") >= 3
    assert sum(bool(re.match(r"#+ Exercise\b", line)) for line in headings(path)) >= 3
    for part in ("Quiz", "Recap", "What this does not show"):
        assert any(re.fullmatch(rf"#+ {part}", line.strip()) for line in headings(path)), f"no heading: {part}"


@each
def test_quiz_explains_each_option(path):
    parts = re.split(r"\*\*Question (\d)\.\*\*", "\n".join(prose(path)))
    assert parts[1::2] == list("12345")
    for question in parts[2::2]:
        options = re.findall(r"<summary>\s*([A-Z])\.(.*?)</summary>(.*?)</details>", question, re.DOTALL)
        assert [letter for letter, _, _ in options] == list("ABCDEF")[: len(options)]
        assert len(options) >= 3
        verdicts = [explanation.strip() for _, _, explanation in options]
        assert sum(verdict.startswith("Right") for verdict in verdicts) == 1, question
        assert all(len(verdict.split()) >= 5 for verdict in verdicts), question


@each
def test_figures_have_words(path):
    """After each cell with a picture, before the next cell of code, stands what is to be seen on it."""
    book = cells(path)
    pictured = 0
    for number, cell in enumerate(book):
        if not any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
            continue
        pictured += 1
        after = [c["text"] for c in book[number + 1 : number + 2] if c["cell_type"] == "markdown"]
        assert re.match(r"\*Figure: .{40,}", "".join(after)), f"no caption '*Figure: ...*' under:\n{cell['text']}"
    assert pictured >= 1


@each
def test_sober_prose(path):
    for text in prose(path):
        assert "!" not in re.sub(r"!\[[^\]]*\]\(", "", text), text
        assert not EMOJI.search(text), text


# The names of bertlab that a notebook uses


MENTION = re.compile(rf"`((?:bertlab|{'|'.join(set(bertlab._MODULES) - {'model'})})(?:\.\w+)+)(?:\([^`]*\))?`")


def parse_code(path) -> list[ast.AST]:
    """All nodes of the syntax trees of the code cells, without magics, and of the solutions in the markdown."""
    texts = [re.sub(r"^(\s*)[%!].*", r"\1pass", cell["text"], flags=re.MULTILINE) for cell in code(path)]
    texts += re.findall(r"```python\n(.*?)```", join_markdown(path), re.DOTALL)
    return [node for text in texts for node in ast.walk(ast.parse(text))]


def join_markdown(path) -> str:
    return "\n".join(cell["text"] for cell in cells(path) if cell["cell_type"] == "markdown")


def import_names(node: ast.AST) -> Iterator[tuple[str, object]]:
    """Import what an import statement takes from bertlab: pairs of the name that it binds, and the object."""
    if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "bertlab":
        module = import_module(node.module)
        for alias in node.names:
            if not hasattr(module, alias.name) and hasattr(module, "__path__"):
                import_module(f"{node.module}.{alias.name}")  # a module of a wing
            assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"
            yield alias.asname or alias.name, getattr(module, alias.name)
    elif isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.split(".")[0] == "bertlab":
                module = import_module(alias.name)
                yield (alias.asname, module) if alias.asname else ("bertlab", bertlab)


@each
def test_names_exist(path):
    """What a notebook imports from bertlab exists, with the attributes and the keyword arguments that it uses."""
    nodes = parse_code(path)
    imported = dict(pair for node in nodes for pair in import_names(node))
    assigned = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert not imported.keys() & (assigned | defined), "a cell gives another meaning to what was imported"

    def resolve(node: ast.AST) -> object:
        """The object of bertlab that an expression names, or None."""
        if isinstance(node, ast.Name) and node.id not in assigned:
            return imported.get(node.id)
        owner = resolve(node.value) if isinstance(node, ast.Attribute) else None
        if not isinstance(owner, ModuleType | type):
            return None
        assert hasattr(owner, node.attr), f"{owner.__name__} has no {node.attr}"
        return getattr(owner, node.attr)

    for node in nodes:
        resolve(node)
        if isinstance(node, ast.Call) and callable(called := resolve(node.func)):
            parameters = inspect.signature(called).parameters.values()
            names = {parameter.name for parameter in parameters}
            if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
                unknown = {keyword.arg for keyword in node.keywords} - names - {None}
                assert not unknown, f"{called.__name__} has no parameter {unknown}"


@each
def test_mentioned_names_exist(path):
    for name in MENTION.findall(join_markdown(path)):
        owner = bertlab
        for part in name.removeprefix("bertlab.").split("."):
            assert hasattr(owner, part), f"the text mentions {name}"
            owner = getattr(owner, part)
