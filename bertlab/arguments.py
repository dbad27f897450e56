"""Checks of what a caller gives: each error names the argument, what it is, and what was expected."""

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any


def check_number(
    value: Any, name: str, *, least: float | None = None, most: float | None = None, above: float | None = None,
    below: float | None = None, whole: bool = False,
) -> int | float:  # fmt: skip
    """A number as int or float (those of numpy and torch become Python's). Raises TypeError for what is none,
    ValueError for one that is not finite or out of its range."""
    if hasattr(value, "item") and not getattr(value, "shape", ()):
        value = value.item()
    limits = [f"at least {least:,}" if least is not None else f"above {above:,}" if above is not None else "",
              f"at most {most:,}" if most is not None else f"below {below:,}" if below is not None else ""]  # fmt: skip
    limits = " and ".join(filter(None, limits))
    if not isinstance(value, Integral if whole else Real) or isinstance(value, bool):
        if whole and isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            return check_number(int(value), name, least=least, most=most, above=above, below=below)
        kind = "a whole number" if whole else "a number"
        error = ValueError if isinstance(value, float) else TypeError
        raise error(
            f"{name} is {value!r:.60}; it must be {kind}{limits and ' of '}{limits}".replace("of above", "above")
        )
    fits = math.isfinite(value) and (least is None or value >= least) and (above is None or value > above)
    if not fits or (most is not None and value > most) or (below is not None and value >= below):
        raise ValueError(f"{name} is {value!r:.60}; it must be {limits or 'finite'}")
    return value


def check_text(value: Any, name: str) -> str:
    """A text. Raises TypeError for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is {describe_value(value)}; it must be a text (str)")
    return value


def check_list(value: Any, name: str, what: str = "values") -> list:
    """What can be gone through, as a list. Raises TypeError for what is no list, and for a single text, which Python
    would read letter by letter."""
    if isinstance(value, str | bytes | dict) or not isinstance(value, Iterable) or getattr(value, "shape", None) == ():
        raise TypeError(f"{name} is {describe_value(value)}; it must be a list of {what}")
    return list(value)


def check_kind(value: Any, kinds: type | tuple[type, ...], name: str) -> Any:
    """An object of one of the `kinds`. Raises TypeError for another one."""
    if not isinstance(value, kinds):
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{name} is {describe_value(value)}; it must be a {wanted}")
    return value


def describe_value(value: Any) -> str:
    """What a value is, for an error: its type, and the value itself where that is short."""
    kind = type(value).__name__
    if hasattr(value, "shape"):
        return f"a {kind} of shape {tuple(value.shape)}"
    return (
        "None"
        if value is None
        else f"{value!r:.40} (a {kind})"
        if isinstance(value, str | int | float)
        else f"a {kind}"
    )
