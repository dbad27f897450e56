"""The types of an example's fields, checked for what a Python caller builds."""

from functools import cache
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

NAMES = {str: "a text", int: "a whole number", float: "a number"}


def check_fields(example: Any, kind: type, name: str) -> None:
    """Raise ValueError, with the `name` of the example, unless it is of this NamedTuple's kind and has fields of the
    types that it declares."""
    if not isinstance(example, kind):
        raise ValueError(f"{name} is {example!r:.60}, not a {kind.__name__}({', '.join(kind._fields)})")
    for field, expected in list_fields(kind).items():
        check_type(getattr(example, field), expected, f"{name}.{field}")


@cache
def list_fields(kind: type) -> dict[str, Any]:
    """The fields of a NamedTuple and their types."""
    return get_type_hints(kind)


def check_type(value: Any, expected: Any, name: str) -> None:
    """Raise ValueError unless a value has this type: str, int, float (also int), one of them or None, and lists and
    tuples of such (a list may stand for a tuple, and the other way round)."""
    parts = get_args(expected)
    if NoneType in parts:
        if value is None:
            return
        expected, parts = parts[0], ()
    if get_origin(expected) not in (list, tuple):
        allowed = (int, float) if expected is float else expected
        if not isinstance(value, allowed) or isinstance(value, bool):
            raise ValueError(f"{name} is {value!r:.60}, not {NAMES[expected]}")
        return
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name} is {value!r:.60}, not a list")
    kinds = parts if get_origin(expected) is tuple and ... not in parts else parts[:1] * len(value)
    if len(kinds) != len(value):
        raise ValueError(f"{name} is {value!r:.60}, not {len(kinds)} values")
    for i, (item, kind) in enumerate(zip(value, kinds, strict=True)):
        check_type(item, kind, f"{name}[{i}]")
