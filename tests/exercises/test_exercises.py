"""Every exercise: its folded solution passes, the untouched stub is "not yet", common mistakes get the right hint."""

import contextlib
import copy
import importlib
import inspect
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from bertlab.exercises import Exercise, Hint, expect, make_check, make_use
from bertlab.exercises.comparing import as_number, is_close, is_number, random_numbers

from ..conftest import ROOT

NOTEBOOKS = ROOT / "notebooks"
SOLUTION = re.compile(r"<details>\s*<summary>Solution: (\w+)</summary>\s*```python\n(.*?)```(.*?)</details>", re.DOTALL)


def read_cells(notebook: Path, kind: str) -> list[str]:
    return [
        "".join(c["source"])
        for c in json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        if c["cell_type"] == kind
    ]


def read_stubs(notebook: Path) -> dict[str, str]:
    """Source of each cell tagged `exercise`, up to the call of `check`, by the name that is checked."""
    stubs = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if "exercise" in cell["metadata"].get("tags", []):
            source = "".join(cell["source"])
            call = re.search(r"^check\((\w+)(?:, [\"'](\w+)[\"'])?\)", source, re.MULTILINE)
            assert call, f"an exercise cell of {notebook.name} does not end in check(...)"
            stubs[call[2] or call[1]] = source[: call.start()]
    return stubs


def read_solutions(notebook: Path) -> dict[str, str]:
    return {name: code for text in read_cells(notebook, "markdown") for name, code, _ in SOLUTION.findall(text)}


def run_code(code: str, name: str) -> object:
    namespace: dict = {}
    exec(compile(code, f"<{name}>", "exec"), namespace)
    return namespace[name]


MODULES = sorted(path.stem for path in (ROOT / "bertlab" / "exercises").glob("nb*.py"))
BY_MODULE = [
    (module, name) for module in MODULES for name in importlib.import_module(f"bertlab.exercises.{module}").EXERCISES
]
WITH_BUGS = [
    (module, name)
    for module in MODULES
    for name in getattr(importlib.import_module(f"bertlab.exercises.{module}"), "BUGS", {})
]


def find_notebook(module: str) -> Path:
    (notebook,) = NOTEBOOKS.glob(f"{module.removeprefix('nb')}_*.ipynb")
    return notebook


@pytest.mark.parametrize("module", MODULES)
def test_notebook_and_module_name_the_same_exercises(module):
    names = set(importlib.import_module(f"bertlab.exercises.{module}").EXERCISES)
    assert len(names) >= 3
    assert set(read_stubs(find_notebook(module))) == names
    assert set(read_solutions(find_notebook(module))) == names


@pytest.mark.parametrize(("module", "name"), BY_MODULE)
def test_folded_solution_passes(module, name):
    check = importlib.import_module(f"bertlab.exercises.{module}").check
    result = check(run_code(read_solutions(find_notebook(module))[name], name), name)
    assert result.state == "right", result.message


@pytest.mark.parametrize(("module", "name"), BY_MODULE)
def test_untouched_stub_is_not_yet(module, name):
    check = importlib.import_module(f"bertlab.exercises.{module}").check
    result = check(run_code(read_stubs(find_notebook(module))[name], name), name)
    assert result.state == "not yet"
    assert name in result.message


def test_mistakes_name_an_exercise_or_a_bug():
    for module in MODULES:
        mistakes = importlib.import_module(f"tests.exercises.mistakes.{module}").MISTAKES
        assert {(module, name) for name, _, _ in mistakes} <= {*BY_MODULE, *WITH_BUGS}


@pytest.mark.parametrize(("module", "name"), [*BY_MODULE, *WITH_BUGS])
def test_common_mistakes_get_the_right_hint(module, name):
    check = importlib.import_module(f"bertlab.exercises.{module}").check
    mistakes = importlib.import_module(f"tests.exercises.mistakes.{module}").MISTAKES
    own = [(code, hint) for exercise, code, hint in mistakes if exercise == name]
    assert len(own) >= 2 or (module, name) in WITH_BUGS
    for code, hint in own:
        result = check(run_code(code, name), name)
        assert result.state == "wrong", f"not refused:\n{code}"
        assert hint in result.message


IN_PLACE = {
    ("nb02", "skipgram_loss"): """
import torch.nn.functional as F


def skipgram_loss(centre, context, negatives):
    right = F.logsigmoid(context.mul_(centre).sum(-1))
    wrong = F.logsigmoid(-negatives.mul_(centre[:, None]).sum(-1)).sum(-1)
    return -(right + wrong).mean()
""",
    ("nb02", "mix_layers"): """
def mix_layers(states, weights, scale=1.0):
    states *= weights.softmax(0)[:, None, None]
    return scale * states.sum(0)
""",
    ("nb03", "softmax"): """
def softmax(x):
    x -= x.amax(-1, keepdim=True)
    x.exp_()
    return x / x.sum(-1, keepdim=True)
""",
    ("nb03", "causal_attention"): """
def causal_attention(q, k, v):
    q /= q.size(-1) ** 0.5
    scores = q @ k.mT
    weights = scores.masked_fill_(scores.new_ones(scores.shape).triu(1).bool(), float("-inf")).softmax(-1)
    return weights @ v, weights
""",
    ("nb03", "softmax_gradient"): """
def softmax_gradient(a, g):
    g -= (a * g).sum(-1, keepdim=True)
    return a * g
""",
    ("nb04", "masked_softmax"): """
def masked_softmax(scores, mask):
    scores.masked_fill_(~mask, float("-inf"))
    return scores.softmax(-1).nan_to_num(0.0)
""",
    ("nb04", "mean_vector"): """
def mean_vector(states, real):
    states[~real] = 0.0
    return states.sum(1) / real.sum(1, keepdim=True)
""",
}


@pytest.mark.parametrize(("module", "name"), IN_PLACE)
def test_right_answer_may_overwrite_its_arguments(module, name):
    check = importlib.import_module(f"bertlab.exercises.{module}").check
    result = check(run_code(IN_PLACE[module, name], name), name)
    assert result.state == "right", result.message


OTHER_STYLES = {
    ("nb00", "train_step"): """
def train_step(model, batch, optimizer):
    loss = model(**batch)["loss"]
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()
""",
    ("nb00", "shuffle_rows"): """
import numpy as np


def shuffle_rows(texts, labels, seed):
    order = np.random.default_rng(seed).permutation(len(texts))
    return np.array(texts)[order], np.array(labels)[order]
""",
    ("nb01", "frame_pair"): """
def frame_pair(first, second):
    tokens = ("[CLS]", *first, "[SEP]", *second, "[SEP]")
    return tokens, (0,) * (len(first) + 2) + (1,) * (len(second) + 1)
""",
    ("nb02", "read_both_ways"): """
def read_both_ways(x, forwards, backwards):
    ahead, back = x, x.flip(1)
    for forward, backward in zip(forwards, backwards):
        ahead, back = ahead + forward(ahead)[0], back + backward(back)[0]
    return [ahead, back.flip(1)]
""",
    ("nb03", "softmax"): """
def softmax(x):
    return (x - x.logsumexp(-1, keepdim=True)).exp()
""",
    ("nb04", "padding_mask"): """
def padding_mask(ids, pad_id=0):
    return (ids != pad_id)[:, None, None, :].expand(-1, 1, ids.size(1), -1)
""",
    ("nb04", "padding_leaks"): """
import numpy as np
import torch


def padding_leaks(encode):
    alone, padded = torch.tensor([[2, 5, 6, 3]]), torch.tensor([[2, 5, 6, 3, 0, 0]])
    one, other = encode(alone, torch.ones_like(alone)), encode(padded, padded != 0)[:, :4]
    return np.abs(one.numpy() - other.numpy()).max() > 1e-4
""",
}


@pytest.mark.parametrize(("module", "name"), OTHER_STYLES)
def test_right_answer_in_another_style(module, name):
    check = importlib.import_module(f"bertlab.exercises.{module}").check
    result = check(run_code(OTHER_STYLES[module, name], name), name)
    assert result.state == "right", result.message


def overwrite(value: object) -> None:
    """Spoil an argument in place, and what it holds, as a learner's mistake could."""
    if isinstance(value, list | tuple | dict | set):
        for item in list(value.values()) if isinstance(value, dict) else value:
            overwrite(item)
        if not isinstance(value, tuple):
            value.clear()
    elif isinstance(value, np.ndarray) and value.flags.writeable:
        value.fill(1)
    elif isinstance(value, torch.Tensor):
        with contextlib.suppress(RuntimeError), torch.no_grad():  # an expanded tensor cannot be written to
            value.fill_(1)


@pytest.mark.parametrize("module", MODULES)
def test_an_answer_that_spoils_its_arguments_does_not_spoil_the_next_check(module):
    check = importlib.import_module(f"bertlab.exercises.{module}").check
    for name, code in read_solutions(find_notebook(module)).items():
        answer = run_code(code, name)
        if not inspect.isfunction(answer):
            continue

        def spoil(*arguments, answer=answer, **named):
            found = copy.deepcopy(answer(*arguments, **named))
            overwrite((arguments, named))
            return found

        check(spoil, name)
        again = check(answer, name)
        assert again.state == "right", f"{name}: {again.message}"


MENDED = re.compile(r"<summary>The bug: (\w+)</summary>\s*```python\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize(("module", "name"), WITH_BUGS)
def test_bug_is_refused_and_its_mend_passes(module, name):
    check = importlib.import_module(f"bertlab.exercises.{module}").check
    notebook = find_notebook(module)
    (faulty,) = [code for code in read_cells(notebook, "code") if f"\ncheck({name})" in code]
    assert check(run_code(faulty.partition(f"\ncheck({name})")[0], name), name).state == "wrong"
    mended = {name: code for text in read_cells(notebook, "markdown") for name, code in MENDED.findall(text)}
    result = check(run_code(mended[name], name), name)
    assert result.state == "right", result.message


def test_use_takes_the_learners_function_only_when_it_is_right(capsys):
    use = make_use(CHECK, {"double": empty})

    def double(x):
        return 2 * x

    assert use(double) is double
    assert use(empty, "double") is empty
    assert use(abs, "double") is empty
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == "From here on we use your double."
    assert second == "Your double is not written yet: the cells below use bertlab's."
    assert third == "Your double is not right yet: the cells below use bertlab's."


def test_use_of_bertlabs_function_when_a_cell_is_run_again(capsys):
    use = make_use(CHECK, {"double": add_to_itself})
    first = use(empty, "double")
    assert use(first) is first is add_to_itself
    assert use(first, "double") is first
    assert capsys.readouterr().out.splitlines()[1:] == ["The cells below use bertlab's double."] * 2


def add_to_itself(x):
    return x + x


def doubles_two(answer):
    expect(answer(2) == 4, "2 doubled is 4")


def doubles_a_negative_number(answer):
    expect(answer(-3) == -6, "a negative number stays negative")


CHECK = make_check({"double": Exercise("Double a number.", 1, 2, (doubles_two, doubles_a_negative_number))})


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


def ellipsis_left(x):
    y = ...
    return y  # noqa: RET504


@pytest.mark.parametrize("stub", [empty, only_docstring, ellipsis_left, ..., None])
def test_stubs(stub):
    assert CHECK(stub, "double").state == "not yet"


def test_an_index_of_three_dots_is_not_a_stub():
    def double(x):
        y = np.zeros(1)
        y[...] = 2 * x
        return float(y[0])

    assert CHECK(double).state == "right"


def test_identity_is_not_a_stub():
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


def test_is_number():
    for number in (1, 2.5, np.float64(3), np.array(4), torch.tensor(5.0)):
        assert is_number(number)
        assert as_number(number) == float(number)
    for other in (True, "1", None, [1], torch.tensor([1.0])):
        assert not is_number(other)
    with pytest.raises(Hint, match="Return one share. Your function returns a str."):
        as_number("1", "one share")


def test_is_close_compares_shapes_and_values():
    numbers = random_numbers(0, 2, 3)
    assert torch.equal(numbers, random_numbers(0, 2, 3))
    assert is_close(numbers.float().requires_grad_(), numbers)
    assert is_close(np.float64(1 / 3), 1 / 3)
    assert not is_close(numbers + 2e-5, numbers)
    assert is_close(numbers + 2e-5, numbers, 1e-4)
    assert not is_close(numbers[0], numbers)
    assert not is_close(torch.tensor([1.0]), 1.0)
    assert not is_close(float("nan"), 1.0)
    assert not is_close(torch.tensor(float("inf")), 1.0)
    assert not is_close("1", 1.0)
