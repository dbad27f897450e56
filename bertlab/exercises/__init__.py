"""Exercises: each notebook's module holds the tests that a learner's own code must pass, with a hint for each mistake.

In a notebook: `from bertlab.exercises.nb06 import check`, then `check_weights(my_function)`. The answer says how much is right.
"""

import dis
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from types import CodeType


class Hint(Exception):
    """Raised by a test: what is wrong with the answer, and where to look."""


def expect(right: object, hint: str) -> None:
    """Raise `Hint(hint)` unless `right` is true."""
    if not bool(right):
        raise Hint(hint)


@dataclass(frozen=True)
class Exercise:
    """One exercise: what to write, how hard it is (1 to 3 stars), about how many minutes, and its tests.

    Each test is called with the learner's answer, and raises `Hint` when it is wrong. Order them from easy to hard.
    """

    task: str
    stars: int
    minutes: int
    tests: tuple[Callable[[object], None], ...]


@dataclass(frozen=True, repr=False)
class Result:
    """What `check` found: `state` is "not yet", "wrong" or "right"."""

    state: str
    message: str
    passed: int
    of: int

    def __repr__(self) -> str:
        return self.message


def checker(exercises: dict[str, Exercise]) -> Callable[..., Result]:
    """The `check` of a notebook's module."""

    def check(answer: object, name: str | None = None) -> Result:
        """Run the tests of the exercise that has the answer's name. A value, which has no name, is passed with it."""
        name = name or getattr(answer, "__name__", None)
        if name not in exercises:
            raise ValueError(f"there is no exercise {name!r} here; there are {', '.join(exercises)}")
        return judge(name, exercises[name], answer)

    return check


def judge(name: str, exercise: Exercise, answer: object) -> Result:
    """Untouched, wrong with a hint, or right."""
    of = len(exercise.tests)
    if untouched(answer):
        stars = "*" * exercise.stars
        message = f"Not yet: {name} ({stars}, about {exercise.minutes} minutes). {exercise.task}"
        return Result("not yet", message, 0, of)
    for passed, test in enumerate(exercise.tests):
        try:
            test(answer)
        except Hint as hint:
            return Result("wrong", f"Not right yet, {passed} of {of} tests pass. {hint}", passed, of)
        except Exception as error:  # the learner's code may fail in any way
            said = f"{type(error).__name__}: {error}"
            where = line_of(error, answer)
            return Result(
                "wrong", f"Not right yet, {passed} of {of} tests pass. {name} raised {said}{where}", passed, of
            )
    tests = "its test passes" if of == 1 else f"all {of} tests pass"
    return Result("right", f"Right: {name}, {tests}.", of, of)


def untouched(answer: object) -> bool:
    """Is this still the stub: `...` for a value, or a function or class whose body is nothing but `...`?"""
    if answer is None or answer is ...:
        return True
    methods = [m for m in vars(answer).values() if inspect.isfunction(m)] if inspect.isclass(answer) else [answer]
    codes = [m.__code__ for m in methods if inspect.isfunction(m)]
    return bool(codes) and any(is_stub(code) for code in codes)


def is_stub(code: CodeType) -> bool:
    """Is the body empty, or is `...` still stored or returned somewhere in it?"""
    steps = [(i.opname, i.argval) for i in dis.get_instructions(code)]
    left = any(
        name.startswith("LOAD_CONST") and value is ... and after.startswith(("STORE", "RETURN"))
        for (name, value), (after, _) in pairwise(steps)
    )
    empty = all(
        name in ("RESUME", "NOP", "POP_TOP", "RETURN_VALUE")
        or (name in ("LOAD_CONST", "RETURN_CONST") and value is None)
        for name, value in steps
    )
    return left or empty or ("RETURN_CONST", ...) in steps


def line_of(error: Exception, answer: object) -> str:
    """The line of the learner's own function that failed, if it can be told."""
    code = getattr(answer, "__code__", None)
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code is code:
            line = trace.tb_lineno - code.co_firstlineno + 1
        trace = trace.tb_next
    return f" (line {line} of your function)" if line else ""
