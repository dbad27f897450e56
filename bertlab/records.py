"""JSON files of ours, such as run.json, read against what they must hold: a fault is named by its file and field."""

import json
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from . import __version__
from .files import read_json, read_text

NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", dict: "an object"}
ADVICE = "restore the file, or start again in another folder"


def read_record(path: Path, **expected: Any) -> dict:
    """The object in a JSON file of ours. `expected` says which fields it must have, and of what type: str, int, float,
    bool, dict, lists and tuples of such, one of them or None, or a dataclass of such; other fields are let through.

    A list becomes a tuple, and an object a dataclass, where that is expected. Raises FileNotFoundError, and ValueError
    with the file, the field, what was expected and what to do.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}")
    try:
        content = read_json(path)
    except ValueError as error:
        raise ValueError(f"{path} is not complete JSON ({error}): {ADVICE}") from None
    return parse_record(content, path, **expected)


def read_record_lines(path: Path, **expected: Any) -> list[dict]:
    """The same for a file of JSON lines: the object in each line."""
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}")
    records = []
    for number, line in enumerate(read_text(path).removesuffix("\n").split("\n"), 1):
        where = f"{path}, line {number}"
        try:
            content = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else error
            raise ValueError(f"{where} is not complete JSON ({reason}): {ADVICE}") from None
        records.append(parse_record(content, where, **expected))
    return records


def parse_record(content: Any, where: Path | str, **expected: Any) -> dict:
    """`read_record` of what was read at `where`."""
    try:
        if not isinstance(content, dict):
            raise ValueError(f"it holds {content!r:.60}, not an object")
        if missing := [name for name in expected if name not in content]:
            raise ValueError(f"{missing[0]} is missing")
        return content | {name: parse_value(content[name], kind, name) for name, kind in expected.items()}
    except ValueError as error:
        raise ValueError(f"{where}: {error}: {ADVICE}") from None


def parse_value(value: Any, kind: Any, name: str) -> Any:
    """A value of this type from what JSON has for it. Raises ValueError, with the `name`, for anything else."""
    if is_dataclass(kind):
        return parse_fields(value, kind, name)
    check_type(value, kind, name)
    return make_tuples(value) if get_origin(kind) is tuple else value


def parse_fields(value: Any, kind: type, name: str) -> Any:
    """A dataclass from an object. A field that an older version of bertlab did not have keeps its default."""
    check_type(value, dict, name)
    types = list_fields(kind)
    if unknown := [field for field in value if field not in types]:
        raise ValueError(
            f"{name} has the field {unknown[0]!r:.60}, which bertlab {__version__} does not know: the file was written "
            "by a newer bertlab, so bring yours up to date"
        )
    own = {field.name for field in fields(kind)}
    return kind(
        **{field: parse_value(value[field], types[field], f"{name}.{field}") for field in value if field in own}
    )


def make_tuples(value: Any) -> Any:
    """A list as a tuple, and so the lists in it."""
    return tuple(map(make_tuples, value)) if isinstance(value, list | tuple) else value


@cache
def list_fields(kind: type) -> dict[str, Any]:
    """The fields of a dataclass or a NamedTuple, and their types."""
    return get_type_hints(kind)


def check_type(value: Any, expected: Any, name: str) -> None:
    """Raise ValueError unless a value has this type: str, int, float (also int), bool, dict, one of them or None, and
    lists, tuples and tables of such (a list may stand for a tuple, and the other way round)."""
    parts = get_args(expected)
    if get_origin(expected) is dict:
        check_type(value, dict, name)
        for key, item in value.items():
            check_type(item, parts[1], f"{name}[{key!r:.40}]")
        return
    if NoneType in parts:
        if value is None:
            return
        expected, parts = parts[0], ()
    if get_origin(expected) not in (list, tuple):
        allowed = (int, float) if expected is float else expected
        if not isinstance(value, allowed) or (isinstance(value, bool) and expected is not bool):
            raise ValueError(f"{name} is {value!r:.60}, not {NAMES[expected]}")
        return
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name} is {value!r:.60}, not a list")
    kinds = parts if get_origin(expected) is tuple and ... not in parts else parts[:1] * len(value)
    if len(kinds) != len(value):
        raise ValueError(f"{name} is {value!r:.60}, not {len(kinds)} values")
    for i, (item, kind) in enumerate(zip(value, kinds, strict=True)):
        check_type(item, kind, f"{name}[{i}]")
