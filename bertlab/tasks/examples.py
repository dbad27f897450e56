"""The types of an example's fields, checked for what a Python caller builds."""

from typing import Any

from ..records import check_type, list_fields


def check_fields(example: Any, kind: type, name: str) -> None:
    """Raise ValueError, with the `name` of the example, unless it is of this NamedTuple's kind and has fields of the
    types that it declares."""
    if not isinstance(example, kind):
        raise ValueError(f"{name} is {example!r:.60}, not a {kind.__name__}({', '.join(kind._fields)})")
    for field, expected in list_fields(kind).items():
        check_type(getattr(example, field), expected, f"{name}.{field}")
