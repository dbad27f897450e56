"""The options of a command, taken from the fields of the plan that it makes, so that each default and each help text is
written only once."""

import argparse
import codecs
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, field, fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from .arguments import check_number, check_text
from .suggestions import suggest_name

LIMITS = ("least", "most", "above", "below")
MOST_STEPS = 1_000_000_000  # of training, and seeds as torch and numpy both take them
MOST_SEED = 2**63 - 1
MOST_MINUTES = 525_600  # a year


def option(default: Any, help: str, group: str = "options", **more) -> Any:
    """A field of a plan with its help text, for a frozen dataclass: `steps: int = option(1000, "steps to take")`.

    `group` is the heading in `--help`. `more` may hold `metavar`, `shown` (what help says of the default, instead of
    its value), `positional=True`, the limits of a number, for `check_plan` (`least` or `above`, `most` or `below`), and
    `on_resume`: "may change" for what a resumed run may have otherwise, "filled in" for what the run itself replaces
    its default by.
    """
    return field(default=default, metadata={"help": help, "group": group} | more)


def check_plan(plan: Any, limits: Mapping[str, dict] | None = None) -> None:
    """Check the type of each field of a plan, and that each number lies within the `limits` of its name, by default
    those of its `option`; numbers of numpy become Python's. Raises TypeError or ValueError with the field's name."""
    types = get_type_hints(type(plan))
    for one in fields(plan):
        kind, value = types[one.name], getattr(plan, one.name)
        if kind in (int, float):
            number = check_number(value, one.name, whole=kind is int, **_get_limits(one, limits))
            object.__setattr__(plan, one.name, number)
        elif kind is str:
            check_text(value, one.name)
        elif kind is bool and not isinstance(value, bool):
            raise TypeError(f"{one.name} is {value!r:.60}; it must be True or False")
        elif get_origin(kind) is tuple:
            _check_tuple(value, kind, one.name)


def check_option(plan: type, name: str, value: Any) -> None:
    """Check a number by the limits of the field `name` of a plan, for a command that has this option alone."""
    one = next(one for one in fields(plan) if one.name == name)
    check_number(value, name, whole=get_type_hints(plan)[name] is int, **_get_limits(one))


def _get_limits(one: Field, limits: Mapping[str, dict] | None = None) -> dict[str, float]:
    own = one.metadata if limits is None else limits.get(one.name, {})
    return {name: own[name] for name in LIMITS if name in own}


def _check_tuple(value: Any, kind: Any, name: str) -> None:
    pairs = get_origin(get_args(kind)[0]) is tuple
    parts = value if isinstance(value, tuple) else (value,)
    fits = all(isinstance(part, tuple) and len(part) == 2 for part in parts) if pairs else True
    texts = [text for part in parts for text in part] if pairs and fits else parts
    if not isinstance(value, tuple) or not fits or not all(isinstance(text, str) for text in texts):
        wanted = 'a tuple of pairs, (("text", "review"),)' if pairs else 'a tuple of texts, ("sotu",)'
        raise TypeError(f"{name} is {value!r:.60}; it must be {wanted}")


def add_plan_options(parser: argparse.ArgumentParser, plan: type) -> None:
    """Add an option for each field of the dataclass `plan` that was made by `option`, in groups, in the fields' order.

    `--batch-size N` stands for the field `batch_size`, `--from` for `from_`. A field that is False by default is a
    switch, one that is True has a switch `--no-...`. What was not given is None, so that the plan's own default holds.
    """
    types, groups = get_type_hints(plan), {}
    for one in fields(plan):
        if not one.metadata:
            continue
        title = one.metadata["group"]
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        _add_option(groups[title], one, types[one.name])


def _add_option(group, one: Field, kind: Any) -> None:
    name, text = f"--{one.name.rstrip('_').replace('_', '-')}", one.metadata["help"]
    if kind is bool:
        if one.default:
            name = f"--no-{name.removeprefix('--')}"
        group.add_argument(name, dest=one.name, action="store_const", const=not one.default, help=text)
        return
    default = one.metadata.get("shown", one.default)
    if isinstance(default, tuple):
        default = " ".join(default)
    shown = f"{text} (default: {default})" if default not in ("", None) else text
    many = get_origin(kind) is tuple
    metavar = one.metadata.get("metavar", "N" if kind in (int, float) else "NAME")
    arguments = {"help": shown.replace("%", "%%"), "metavar": metavar, "type": str if many else kind}
    if many:
        arguments["nargs"] = "+"
    if one.metadata.get("positional"):
        group.add_argument(one.name, **arguments)
    else:
        group.add_argument(name, dest=one.name, **arguments)


def read_plan_options(options: argparse.Namespace, plan: type) -> dict[str, Any]:
    """The fields of `plan` that were given on the command line; lists become tuples.

    A field of pairs (`tuple[tuple[str, str], ...]`) is given as NAME=YOURS. Raises ValueError for one without "=".
    """
    types, given = get_type_hints(plan), {}
    for one in fields(plan):
        value = getattr(options, one.name, None)
        if value is None or value is MISSING:
            continue
        if get_origin(types[one.name]) is tuple:
            value = tuple(value)
            if get_origin(get_args(types[one.name])[0]) is tuple:
                value = split_pairs(one.name, value)
        given[one.name] = value
    return given


def split_pairs(name: str, texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The pairs that the option `name` was given as NAME=YOURS. Raises ValueError for one without "="."""
    pairs = tuple(tuple(text.split("=", 1)) for text in texts)
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"--{name} {' '.join(texts)}: write NAME=YOURS, such as text=review")
    return pairs


def start_again_with_utf8() -> None:
    """Replace this process by one in Python's UTF-8 mode where the locale knows nothing but ASCII (LC_ALL=C): there no
    name or text with other letters could be read from the command line."""
    if codecs.lookup(sys.getfilesystemencoding()).name == "ascii":
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | {"PYTHONUTF8": "1"})


def parse_path(text: str) -> Path:
    """The path that an option was given."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty")
    return Path(text)


class CommandParser(argparse.ArgumentParser):
    """argparse's parser, which also names the nearest command or option to one that was misspelt."""

    def parse_args(self, arguments=None, namespace=None) -> argparse.Namespace:
        options, unknown = self.parse_known_args(arguments, namespace)
        if unknown and hasattr(options, "rest"):  # of a command that passes on what it does not know
            options.rest += unknown
        elif unknown:
            parser = getattr(options, "parser", self)
            known = [name for action in parser._actions for name in action.option_strings]
            bad = next((text for text in unknown if text.startswith("-")), unknown[0])
            parser.error(f"unrecognized arguments: {' '.join(unknown)}{suggest_name(bad.partition('=')[0], known)}")
        return options

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            hint = suggest_name(str(value), map(str, action.choices))
            raise argparse.ArgumentError(action, f"there is no {value!r}; there are {', '.join(action.choices)}{hint}")
