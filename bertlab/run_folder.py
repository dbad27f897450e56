"""The folder of a run: tested before the start, held by one process at a time, and described by its run.json."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, fields, replace
from pathlib import Path
from typing import Any

from torch import nn

from .checkpoint import CHECKPOINTS_KEPT, list_checkpoints, list_saved_tensors
from .files import COMMITTED, UNFINISHED, check_folder_takes_files, describe_error, expand_home, hold_lock
from .processes import decide
from .records import parse_fields, parse_record, read_record

# What a model or a tokenizer of any program is stored in.
MODEL_FILES = (
    "config.json", "vocab.txt", "vocab.json", "merges.txt", "tokenizer*.json", "special_tokens_map.json",
    "added_tokens.json", "*.safetensors", "*.index.json", "*.bin", "*.pt", "*.pth", "*.h5", "*.msgpack", "*.onnx",
    "*.gguf", "checkpoints/step-*.safetensors", COMMITTED,
)  # fmt: skip


@contextlib.contextmanager
def open_run_folder(
    folder: Path, plan: Any, resume: bool, inputs: Mapping[str, Sequence[str]]
) -> Iterator[dict[str, Any] | None]:
    """Hold the folder of a run: `with open_run_folder(...) as recorded:`. `recorded` is what its run.json holds, its
    plan as a plan of this kind; None for a new run.

    `inputs` are the files and folders that the run reads, by option. The folder, and those above it, are made if need
    be; of several processes, the first does all this. Raises FileExistsError for a run that is not to be resumed, and
    for a model that is not this run's; ValueError for a plan that differs from the recorded one in what a resumed run
    may not change; OSError for a folder that cannot be written, or that another process holds. All of this is before
    anything in the folder changes.
    """
    with contextlib.ExitStack() as held:

        def open_folder() -> dict[str, Any] | None:
            check_run_folder(folder, inputs)
            read_run(folder, plan, resume)
            held.enter_context(make_and_lock_folder(folder))
            return read_run(folder, plan, resume)  # another run may have ended in between

        yield decide(open_folder)


def check_run_folder(folder: Path, inputs: Mapping[str, Sequence[str]]) -> None:
    """Raise OSError or ValueError when no run can be in `folder`: it is a file, it holds a model that no run of ours
    made, or it holds, or lies in, what the run reads."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder, and a run needs one: give another name (--out)")
    place = folder.resolve()
    for option, names in inputs.items():
        for name in names:
            given = Path(name)
            if not given.exists():
                continue
            source = given.resolve()
            nested = source.is_relative_to(place) or (source.is_dir() and place.is_relative_to(source))
            if source == place if option in ("--model", "--from") else nested:  # a model's files have their own names
                raise ValueError(
                    f"--out {folder} and {option} {name}: one lies in the other, and the run's own files would mix "
                    "with what it reads: give another folder (--out)"
                )
    if not (folder / "run.json").exists():
        found = sorted(path.relative_to(folder).as_posix() for name in MODEL_FILES for path in folder.glob(name))
        if found:
            raise FileExistsError(
                f"{folder} holds a model, or a part of one ({found[0]}), that no run here made and that would be lost: "
                "give another folder (--out)"
            )


def read_run(folder: Path, plan: Any, resume: bool) -> dict[str, Any] | None:
    """What run.json in the folder holds, None for a new run. Raises FileExistsError unless the run is to be resumed,
    ValueError when `plan` is not the recorded one in all that a resumed run may not change."""
    if not (folder / "run.json").exists():
        return None
    digest = "data_sha256" if hasattr(plan, "task") else "text_sha256"
    recorded = read_recorded_plan(folder, type(plan), **{digest: str})
    if not resume:
        raise FileExistsError(f"{folder} holds a run already: go on with it (--resume), or name another folder")
    if (folder / "results.json").exists() and not list_checkpoints(folder):
        raise ValueError(f"the run in {folder} has ended, and its checkpoints are gone: there is nothing to go on with")
    check_unchanged(vars(plan), recorded["plan"], folder)
    return recorded


def read_recorded_plan(folder: Path, kind: type, **expected: Any) -> dict[str, Any]:
    """What run.json in the folder holds, with its plan as one of this `kind`, `PretrainPlan` or `FinetunePlan`, and the
    other fields that are `expected`. Raises ValueError for the run of another command, and as `read_record` does."""
    file = folder / "run.json"
    recorded = read_record(file, plan=dict)
    command = "finetune" if "task" in recorded["plan"] else "pretrain" if "text" in recorded["plan"] else ""
    wanted = "finetune" if hasattr(kind, "task") else "pretrain"
    if not command:
        raise ValueError(f"{file}: its plan names no text and no task, so it is no plan of bertlab's")
    if command != wanted:
        raise ValueError(
            f"{folder} holds a {command} run, not one of {wanted}: use {command} --resume to go on with it"
        )
    recorded = parse_record(recorded, file, **expected)
    try:
        plan = parse_fields(recorded["plan"], kind, "plan")
        if hasattr(kind, "add_former_settings"):
            plan = parse_fields(kind.add_former_settings(recorded["plan"]), kind, "plan")
        return recorded | {"plan": plan}
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def make_run_plan(kind: type, given: dict[str, Any], folder: Path, resume: bool) -> Any:
    """The plan of a command: the fields that were `given`, and for a run that is resumed the recorded ones."""
    folder = expand_home(folder)
    if resume and (folder / "run.json").exists():
        recorded = read_recorded_plan(folder, kind)["plan"]
        check_unchanged(given, recorded, folder)
        return replace(recorded, **given)
    return kind(**given)


def check_unchanged(given: Mapping[str, Any], recorded: Any, folder: Path) -> None:
    """Raise ValueError when a value that was given differs from the recorded plan where a resumed run may not change.
    What it may change is marked by `option(..., on_resume="may change")`; "filled in" marks what may be left at its
    default."""
    for field in fields(recorded):
        rule, before = field.metadata.get("on_resume"), getattr(recorded, field.name)
        now = given.get(field.name, before)
        if now != before and rule != "may change" and not (rule == "filled in" and now == field.default):
            free = [name_option(f) for f in fields(recorded) if f.metadata.get("on_resume") == "may change"]
            raise ValueError(
                f"{name_option(field)} is {show_value(now)}, but the run in {folder} began with "
                f"{show_value(before)}: leave it out to go on with the run, or start a new one in another folder "
                f"(a resumed run may change only {', '.join(free)})"
            )


def name_option(field: Field) -> str:
    """The option of the command line that stands for a field of a plan."""
    return field.name if field.metadata.get("positional") else f"--{field.name.rstrip('_').replace('_', '-')}"


def check_minutes(minutes: float | None, recorded: dict, folder: Path) -> None:
    """Raise ValueError when a resumed run is given other `minutes` than those that it recorded."""
    before = recorded.get("minutes")
    if minutes is not None and minutes != before:
        began = "steps" if before is None else f"{before:g} minutes"
        raise ValueError(
            f"--minutes is {minutes:g}, but the run in {folder} began with {began}, and has {recorded['plan'].steps:,} "
            "steps: leave --minutes out to go on with it, or start a new run in another folder"
        )


def show_value(value: Any) -> str:
    """A field's value as the command line has it."""
    if isinstance(value, tuple):
        return " ".join("=".join(item) if isinstance(item, tuple) else item for item in value) or "not given"
    return str(value) if value != "" else "not given"


@contextlib.contextmanager
def make_and_lock_folder(folder: Path) -> Iterator[None]:
    """Make the folder if need be, try to write into it, and hold its lock. What was made goes again if the run fails
    before it has a run.json.

    Raises OSError when it cannot be written, or when another process holds it.
    """
    made = [path for path in (folder / "checkpoints", folder, *folder.absolute().parents) if not path.exists()]
    try:
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        check_folder_takes_files(folder)
    except OSError as error:
        raise OSError(f"--out {folder} cannot be used: {describe_error(error)}") from None
    lock = folder / "checkpoints" / "lock"
    try:
        with hold_lock(lock, f"the run in {folder}"):
            for left in folder.glob(f".*{UNFINISHED}"):  # by a process that was killed
                left.unlink(missing_ok=True)
            yield
    except BaseException:
        if made and not (folder / "run.json").exists():
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
            made = made[1:]
            with contextlib.suppress(OSError):  # somebody else has put something into it
                for path in made:
                    path.rmdir()
        raise


def check_free_space(folder: Path, model: nn.Module, moments: int, keep_best: bool) -> None:
    """Raise OSError when the disk has no room for what a run writes at least: the model and the checkpoints, one more
    than are kept while it is written. Each has the weights, so many `moments` of each, and perhaps the best weights."""
    size = sum(tensor.numel() * tensor.element_size() for _, tensor in list_saved_tensors(model))
    there = sum(path.stat().st_size for path in list_checkpoints(folder))
    needed = size * ((CHECKPOINTS_KEPT + 1) * (1 + moments + keep_best) + 1) - there
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(
            f"{folder} has {free / 1e6:,.0f} MB free, and this run needs {needed / 1e6:,.0f} MB for the model and its "
            "checkpoints: make room, or give a folder on another disk (--out)"
        )
