"""Checks of what a caller gives: each error names the argument, what it is, and what was expected."""

import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def check_number(
    value: Any, name: str, *, least: float | None = None, most: float | None = None, above: float | None = None,
    below: float | None = None, whole: bool = False,
) -> int | float:  # fmt: skip
    """A number as int or float (those of numpy and torch become Python's). Raises TypeError for what is none,
    ValueError for one that is not finite or out of its range."""
    is_meta = getattr(getattr(value, "device", None), "type", "") == "meta"  # a tensor without numbers
    if getattr(value, "shape", None) == () and hasattr(value, "item") and not is_meta:
        value = value.item()
    limits = [f"at least {least:,}" if least is not None else f"above {above:,}" if above is not None else "",
              f"at most {most:,}" if most is not None else f"below {below:,}" if below is not None else ""]  # fmt: skip
    limits = " and ".join(filter(None, limits))
    if not isinstance(value, Integral if whole else Real) or isinstance(value, bool):
        if whole and isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            return check_number(int(value), name, least=least, most=most, above=above, below=below)
        kind, given = "a whole number" if whole else "a number", " ".join(repr(value).split())
        error = ValueError if isinstance(value, float) else TypeError
        raise error(f"{name} is {given:.60}; it must be {kind}{limits and ' of '}{limits}".replace("of above", "above"))
    fits = math.isfinite(value) and (least is None or value >= least) and (above is None or value > above)
    if not fits or (most is not None and value > most) or (below is not None and value >= below):
        raise ValueError(f"{name} is {value!r:.60}; it must be {limits or 'finite'}")
    return value


def check_arguments(**given: tuple[Any, Any]) -> None:
    """Check several arguments: `check_arguments(text=(text, str), tokens=(tokens, [str]), pair=(pair, (str, None)))`.

    A kind is a type, a tuple of types and perhaps None, a list with the kind of each item, or a dict with the kind of
    each value. Raises TypeError that names the argument, what it is, and what was expected.
    """
    for name, (value, kind) in given.items():
        check_argument(value, kind, name)


def check_argument(value: Any, kind: Any, name: str) -> Any:
    """One argument of `check_arguments`, unchanged."""
    if isinstance(kind, list):
        for number, item in enumerate(check_list(value, name, describe_kind(kind[0]))):
            check_argument(item, kind[0], f"{name}[{number}]")
    elif isinstance(kind, dict):
        (item_kind,) = kind.values()
        check_kind(value, Mapping, name, f"a dict of {describe_kind(item_kind)} by name")
        for key, item in value.items():
            check_argument(item, item_kind, f"{name}[{key!r:.40}]")
    elif kind in (int, float):
        check_number(value, name, whole=kind is int)
    elif not (value is None and isinstance(kind, tuple) and None in kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        check_kind(value, tuple(one for one in kinds if one is not None), name, describe_kind(kind))
    return value


def check_list(value: Any, name: str, what: str = "values") -> list:
    """What can be gone through, as a list. Raises TypeError for what is no list, and for a single text, which Python
    would read letter by letter."""
    is_list = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | type)
    if not is_list or getattr(value, "shape", None) == ():
        raise TypeError(f"{name} is {describe_value(value)}; it must be a list of {what}")
    return list(value)


def check_kind(value: Any, kinds: type | tuple[type, ...], name: str, wanted: str = "") -> Any:
    """An object of one of the `kinds`, unchanged. Raises TypeError for another one."""
    if not isinstance(value, kinds):
        raise TypeError(f"{name} is {describe_value(value)}; it must be {wanted or describe_kind(kinds)}")
    return value


def check_text(value: Any, name: str) -> str:
    """A text, unchanged. Raises TypeError for anything else."""
    return check_kind(value, str, name)


def check_path(value: Any, name: str) -> Any:
    """The name of a file or folder, unchanged. Raises TypeError for anything else, ValueError for an empty one."""
    check_kind(value, (str, PathLike), name, "the name of a file or folder")
    if value == "":
        raise ValueError(f"{name} is empty; it must be the name of a file or folder")
    return value


def check_function(value: Any, name: str, wanted: str = "a function") -> Any:
    """What can be called, unchanged. Raises TypeError for anything else."""
    if not callable(value):
        raise TypeError(f"{name} is {describe_value(value)}; it must be {wanted}")
    return value


def check_array(value: Any, name: str, dims: str = "") -> "np.ndarray":
    """Numbers in a list, an array or a tensor, as an array of floats. `dims` are letters for its axes, "T D": raises
    ValueError for another number of them, TypeError for what holds no numbers."""
    import numpy as np

    if hasattr(value, "detach") and getattr(value, "device", None) is not None and value.device.type != "meta":
        value = value.detach().cpu().double()
    try:
        array = None if isinstance(value, str | bytes | Mapping) or value is None else np.asarray(value, dtype=float)
    except Exception:  # lists of unequal lengths, objects, texts, tensors without numbers
        array = None
    if array is None:
        raise TypeError(f"{name} is {describe_value(value)}; it must hold numbers")
    if dims and array.ndim != len(dims.split()):
        raise ValueError(f"{name} has shape {array.shape}; it must be ({', '.join(dims.split())})")
    return array


def describe_kind(kind: Any) -> str:
    """What was expected, in words."""
    if isinstance(kind, tuple):
        return " or ".join(map(describe_kind, kind))
    if isinstance(kind, list):
        return f"lists of {describe_kind(kind[0])}"
    names = {str: "a text (str)", int: "a whole number", float: "a number", None: "None"}
    return names.get(kind) or f"a {kind.__name__}"


def describe_value(value: Any) -> str:
    """What a value is, for an error: its type, and the value itself where that is short."""
    kind = type(value).__name__
    if hasattr(value, "shape") and not isinstance(value, type):
        return f"a {kind} of shape {tuple(value.shape)}"
    if value is None:
        return "None"
    return f"{value!r:.40} (a {kind})" if isinstance(value, str | int | float) else f"a {kind}"
