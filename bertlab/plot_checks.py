"""Checks of what is to be drawn, before it is drawn: the errors of `plots`, in one place."""

from collections.abc import Mapping, Sequence

from .arguments import check_argument, check_array, check_kind, check_list, describe_value


def check_some(values, name: str) -> None:
    """Raise ValueError where there is nothing to draw."""
    if not len(values):
        raise ValueError(f"{name} is empty: there is nothing to draw")


def check_beams(steps: Sequence[Sequence]) -> list[tuple[float, Sequence[int]]]:
    """All beams of all steps. Raises ValueError where one is no (log p, ids) with at least one id."""
    check_some(steps, "steps")
    beams = [beam for step in steps for beam in step]
    for beam in beams:
        if not isinstance(beam, tuple | list) or len(beam) != 2 or not check_list(beam[1], "the ids of a beam"):
            raise ValueError(f"a beam is {describe_value(beam)}; it must be (log p, ids), with at least one id")
    return beams


def check_lines(lines: Mapping) -> None:
    """Raise TypeError or ValueError unless each line is (x values, y values), equally many."""
    check_kind(lines, Mapping, "lines", "a dict: name -> (x values, y values)")
    for name, line in lines.items():
        if (
            not isinstance(line, tuple | list)
            or len(line) != 2
            or len(check_array(line[0], name)) != len(check_array(line[1], name))
        ):
            raise ValueError(
                f"lines[{name!r}] is {describe_value(line)}; it must be (x values, y values), equally many"
            )


def check_blocks(parts: Sequence, frames: Sequence, skips: Sequence) -> None:
    """Raise TypeError or ValueError for parts, frames and skips that are no block diagram."""
    for name, given, kind in (("parts", parts, str), ("frames", frames, (int, str)), ("skips", skips, int)):
        check_argument(given, [[kind]], name)
    if not parts or any(len(part) != 3 for part in (*parts, *frames)) or any(len(skip) != 2 for skip in skips):
        raise ValueError("parts and frames must hold three values each, skips two, and there must be a part")
