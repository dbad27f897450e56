"""Data sets of the Hugging Face hub: loaded by name, and the columns that such sets usually have."""

from collections.abc import Callable

from ..suggestions import suggest_name
from .base import Task
from .tables import parse_label


def read_hub_examples(task: type[Task], name: str, split: str, config: str | None = None, **columns: str) -> list:
    """Examples of a task from a data set of the Hugging Face hub, or from a folder that `datasets` can load. The
    columns are those that such sets usually have, or those that you name.

    Raises OSError when it cannot be had, ValueError when it has other columns, or no row with a label.
    """
    import datasets

    try:
        dataset = datasets.load_dataset(name, config, split=split)
    except Exception as error:  # offline, no such name, gated, a script: its own words say which
        reason = " ".join(str(error).split())[:400] or type(error).__name__
        raise OSError(f"the data set {name!r} (split {split!r}) could not be loaded: {reason}") from error
    return task.read_dataset(dataset, f"{name!r} (split {split!r})", columns)


def choose_column(dataset, name: str, columns: dict[str, str], usual: str, needed: bool = True) -> str:
    """The column to read: the one that `columns` names for the first word of `usual`, else the first of `usual` that is
    there, else "". Raises ValueError when one that is needed is not there."""
    key = usual.split()[0]
    candidates = [columns[key]] if key in columns else usual.split()
    present = [column for column in candidates if column in dataset.column_names]
    if not present and needed:
        hint = suggest_name(candidates[0], dataset.column_names)
        raise ValueError(
            f"{name} has no column {' or '.join(candidates)}, only {', '.join(dataset.column_names)}{hint}"
        )
    return present[0] if present else ""


def make_label_reader(feature) -> Callable[[object], str]:
    """A function from a value of this feature (or of its list) to a label: the name of a class, or the value as a
    word."""
    feature = getattr(feature, "feature", feature)
    return (lambda value: feature.names[value]) if hasattr(feature, "names") else parse_label
