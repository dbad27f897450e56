"""Every exercise: its folded solution passes, the untouched stub is "not yet", common mistakes get the right hint."""

import importlib
import json
import re
from pathlib import Path

import pytest

from bertlab.exercises import Exercise, Hint, checker, expect

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
SOLUTION = re.compile(r"<details>\s*<summary>Solution: (\w+)</summary>\s*```python\n(.*?)```(.*?)</details>", re.DOTALL)


def cells(notebook: Path, kind: str) -> list[str]:
    return ["".join(c["source"]) for c in json.loads(notebook.read_text())["cells"] if c["cell_type"] == kind]


def stubs(notebook: Path) -> dict[str, str]:
    """Source of each cell tagged `exercise`, up to the call of `check`, by the name that is checked."""
    found = {}
    for cell in json.loads(notebook.read_text())["cells"]:
        if "exercise" in cell["metadata"].get("tags", []):
            source = "".join(cell["source"])
            call = re.search(r"^check\((\w+)(?:, [\"'](\w+)[\"'])?\)", source, re.MULTILINE)
            assert call, f"an exercise cell of {notebook.name} does not end in check(...)"
            found[call[2] or call[1]] = source[: call.start()]
    return found


def solutions(notebook: Path) -> dict[str, str]:
    return {name: code for text in cells(notebook, "markdown") for name, code, _ in SOLUTION.findall(text)}


def answer(code: str, name: str) -> object:
    space: dict = {}
    exec(compile(code, f"<{name}>", "exec"), space)
    return space[name]


MODULES = sorted(p.stem for p in (NOTEBOOKS.parent / "bertlab" / "exercises").glob("nb*.py"))
BY_MODULE = [
    (module, name) for module in MODULES for name in importlib.import_module(f"bertlab.exercises.{module}").EXERCISES
]


def notebook_of(module: str) -> Path:
    (notebook,) = NOTEBOOKS.glob(f"{module.removeprefix('nb')}_*.ipynb")
    return notebook


@pytest.mark.parametrize("module", MODULES)
def test_notebook_and_module_name_the_same_exercises(module):
    names = set(importlib.import_module(f"bertlab.exercises.{module}").EXERCISES)
    assert len(names) >= 3
    assert set(stubs(notebook_of(module))) == names
    assert set(solutions(notebook_of(module))) == names


@pytest.mark.parametrize(("module", "name"), BY_MODULE)
def test_folded_solution_passes(module, name):
    check = importlib.import_module(f"bertlab.exercises.{module}").check
    result = check(answer(solutions(notebook_of(module))[name], name), name)
    assert result.state == "right", result.message


@pytest.mark.parametrize(("module", "name"), BY_MODULE)
def test_untouched_stub_is_not_yet(module, name):
    check = importlib.import_module(f"bertlab.exercises.{module}").check
    result = check(answer(stubs(notebook_of(module))[name], name), name)
    assert result.state == "not yet"
    assert name in result.message


@pytest.mark.parametrize(("module", "name"), BY_MODULE)
def test_common_mistakes_get_the_right_hint(module, name):
    check = importlib.import_module(f"bertlab.exercises.{module}").check
    mistakes = importlib.import_module(f"tests.mistakes.{module}").MISTAKES
    mine = [(code, hint) for exercise, code, hint in mistakes if exercise == name]
    assert len(mine) >= 2
    for code, hint in mine:
        result = check(answer(code, name), name)
        assert result.state == "wrong", f"not refused:\n{code}"
        assert hint in result.message


def double_of(answer):
    expect(answer(2) == 4, "2 doubled is 4")


def double_of_negative(answer):
    expect(answer(-3) == -6, "a negative number stays negative")


CHECK = checker({"double": Exercise("Double a number.", 1, 2, (double_of, double_of_negative))})


def test_right_answer():
    def double(x):
        return 2 * x

    assert repr(CHECK(double)) == "Right: double, all 2 tests pass."


def test_hint_says_how_much_is_right():
    def double(x):
        return abs(2 * x)

    result = CHECK(double)
    assert (result.state, result.passed, result.of) == ("wrong", 1, 2)
    assert "a negative number stays negative" in result.message


def test_exception_names_its_line():
    def double(x):
        y = 2 * x
        return y / 0

    assert "ZeroDivisionError" in CHECK(double).message
    assert "line 3 of your function" in CHECK(double).message


def empty(x): ...


def only_docstring(x):
    """Double x."""


def hole(x):
    y = ...
    return y  # noqa: RET504


@pytest.mark.parametrize("stub", [empty, only_docstring, hole, ..., None])
def test_stubs(stub):
    assert CHECK(stub, "double").state == "not yet"


def test_identity_is_no_stub():
    def double(x):
        return x

    assert CHECK(double).state == "wrong"


def test_unknown_exercise_is_named():
    def triple(x):
        return 3 * x

    with pytest.raises(ValueError, match="triple"):
        CHECK(triple)


def test_expect_raises_hint():
    with pytest.raises(Hint, match="so"):
        expect(False, "so")
