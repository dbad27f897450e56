"""Data sets of the Hugging Face hub: loaded by name, and the columns that such sets usually have.

Their rows are parsed by the functions that parse the rows of files, and a message calls the first of them "row 1".
"""

from collections.abc import Callable, Iterable
from typing import Any

from ..suggestions import suggest_name
from .base import Task


def read_hub_examples(
    task: type[Task],
    name: str,
    split: str,
    config: str | None = None,
    skip_bad_rows: bool = False,
    say: Callable[[str], None] = print,
    **columns: str,
) -> list:
    """Examples of a task from a data set of the Hugging Face hub, or from a folder that `datasets` can load. The
    columns are those that such sets usually have, or those that you name.

    Raises OSError when it cannot be had, ValueError when it has other columns, or no row with a label, and BadRowsError
    for rows that cannot be used, unless they are to be skipped.
    """
    columns = {"pair" if key == "text_pair" else key: column for key, column in columns.items()}
    check_column_names(columns, task.name, task.hub_columns or task.columns)
    dataset = load_hub_dataset(name, split, config)
    return task.read_dataset(dataset, f"{name!r} (split {split!r})", columns, skip_bad_rows, say)


def load_hub_dataset(name: str, split: str, config: str | None = None):
    """A split of a data set of the hub, or of a folder that `datasets` can load. Raises OSError, ValueError without a
    name."""
    import datasets

    if not name.strip():
        raise ValueError("the data set has no name: write hub:NAME, such as hub:stanfordnlp/sst2")

    try:
        return datasets.load_dataset(name, config, split=split)
    except Exception as error:  # offline, no such name, gated, a script: its own words say which
        reason = " ".join(str(error).split())[:400] or type(error).__name__
        raise OSError(f"the data set {name!r} (split {split!r}) could not be loaded: {reason}") from error


def check_column_names(columns: Iterable[str], task: str, known: Iterable[str]) -> None:
    """Raise ValueError for the name of a column that the task does not know."""
    if unknown := [name for name in columns if name not in known]:
        there = f"there are {', '.join(known)}" if known else "there are none"
        raise ValueError(f"a {task} has no columns {', '.join(unknown)} to name; {there}")


def choose_column(dataset, name: str, columns: dict[str, str], key: str, usual: str, needed: bool = True) -> str:
    """The column to read: the one that `columns` names for `key`, else the first of `usual` that is there, else "".
    Raises ValueError when one that is needed or named is not there."""
    candidates = [columns[key]] if key in columns else usual.split()
    present = [column for column in candidates if column in dataset.column_names]
    if not present and (needed or key in columns):
        hint = suggest_name(candidates[0], dataset.column_names)
        raise ValueError(
            f"{name} has no column {' or '.join(candidates)}, only {', '.join(dataset.column_names)}{hint}"
        )
    return present[0] if present else ""


def number_rows(dataset, columns: Iterable[str]) -> Iterable[tuple[str, dict]]:
    """(location, row) of each row of a data set, with only these columns."""
    chosen = dataset.select_columns([column for column in dict.fromkeys(columns) if column])
    return ((f"row {number}", row) for number, row in enumerate(chosen, 1))


def make_class_reader(feature) -> Callable[[Any], Any]:
    """A function from a value of this feature to the name of its class, in lists too; where classes have no names, the
    value stays as it is. The function raises ValueError for the number of no class."""
    names = getattr(getattr(feature, "feature", feature), "names", None)

    def name_class(value):
        if isinstance(value, list):
            return [name_class(one) for one in value]
        if isinstance(value, int) and not 0 <= value < len(names):
            raise ValueError(f"{value} is the number of no class: there are {len(names)}, from 0")
        return names[value] if isinstance(value, int) else value

    return name_class if names else lambda value: value
