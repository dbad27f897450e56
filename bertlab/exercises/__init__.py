"""Exercises: each notebook's module holds the tests that a learner's own code must pass, with a hint for each mistake.

In a notebook: `from bertlab.exercises.nb06 import check`, then `check(my_function)`. The result says how much is right.
"""

import dis
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from types import CodeType


class Hint(Exception):
    """Raised by a test. The message says what is wrong with the answer, and how to find the mistake."""


def expect(condition: object, hint: str) -> None:
    """Raise `Hint(hint)` unless the condition is true."""
    if not bool(condition):
        raise Hint(hint)


@dataclass(frozen=True)
class Exercise:
    """One exercise: what to write, how hard it is (1 to 3 stars), about how many minutes it takes, and its tests.

    Each test is called with the learner's answer, and raises `Hint` when the answer is wrong. The order is from easy to
    hard.
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


def make_check(exercises: dict[str, Exercise]) -> Callable[..., Result]:
    """The `check` of a notebook's module."""

    def check(answer: object, name: str | None = None) -> Result:
        """Run the tests of the exercise that has the answer's name; for a value without a name, pass the `name`."""
        name = name or getattr(answer, "__name__", None)
        if name not in exercises:
            raise ValueError(f"there is no exercise {name!r} here; there are {', '.join(exercises)}")
        return run_tests(name, exercises[name], answer)

    return check


def make_use(check: Callable[..., Result], ready: dict[str, Callable]) -> Callable[..., Callable]:
    """The `use` of a notebook's module: `ready` holds an answer for each exercise whose result later cells need."""

    def use(answer: Callable, name: str | None = None) -> Callable:
        """The learner's own function if it is right, and bertlab's until then. Says in a line which of them it is."""
        known = [other for other, own in ready.items() if own is answer]  # a cell that is run again passes bertlab's
        name = name or (known[0] if known else answer.__name__)
        state = check(answer, name).state
        if state == "right" and answer is ready[name]:
            print(f"The cells below use bertlab's {name}.")
            return answer
        if state == "right":
            print(f"From here on we use your {name}.")
            return answer
        why = "is not written yet" if state == "not yet" else "is not right yet"
        print(f"Your {name} {why}: the cells below use bertlab's.")
        return ready[name]

    return use


def run_tests(name: str, exercise: Exercise, answer: object) -> Result:
    """Run the tests in order, up to the first one that fails."""
    of = len(exercise.tests)
    if is_untouched(answer):
        stars = "*" * exercise.stars
        message = f"Not yet: {name} ({stars}, about {exercise.minutes} minutes). {exercise.task}"
        return Result("not yet", message, 0, of)
    for passed, test in enumerate(exercise.tests):
        try:
            test(answer)
        except Hint as hint:
            return Result("wrong", f"Not right yet, {passed} of {of} tests pass. {hint}", passed, of)
        except Exception as error:  # the learner's code may fail in any way
            problem = f"{name} raised {type(error).__name__}: {error}{find_line(error, answer)}"
            return Result("wrong", f"Not right yet, {passed} of {of} tests pass. {problem}", passed, of)
    tests = "its test passes" if of == 1 else f"all {of} tests pass"
    return Result("right", f"Right: {name}, {tests}.", of, of)


def is_untouched(answer: object) -> bool:
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
        name.startswith("LOAD_CONST")
        and value is ...
        and after.startswith(("STORE", "RETURN"))
        and after != "STORE_SUBSCR"  # x[...] = 0 is an answer
        for (name, value), (after, _) in pairwise(steps)
    )
    empty = all(
        name in ("RESUME", "NOP", "POP_TOP", "RETURN_VALUE")
        or (name in ("LOAD_CONST", "RETURN_CONST") and value is None)
        for name, value in steps
    )
    return left or empty or ("RETURN_CONST", ...) in steps


def find_line(error: Exception, answer: object) -> str:
    """The line of the learner's own function that failed, if it is in the traceback."""
    code = getattr(answer, "__code__", None)
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code is code:
            line = trace.tb_lineno - code.co_firstlineno + 1
        trace = trace.tb_next
    return f" (line {line} of your function)" if line else ""
