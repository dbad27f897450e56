"""Studies that consist of commands: each trains what is not in its folder yet, then the numbers are collected."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..records import read_record


def run_commands(folder: Path, commands: Iterable[tuple[str, str]]) -> None:
    """Run each (name, command without --out) into FOLDER/NAME, unless it has ended there before. A command that was
    interrupted goes on; one that fails ends the process with its status."""
    from ..__main__ import main as run_command

    for name, command in commands:
        if not (folder / name / "results.json").exists():
            print(name, command, flush=True)
            if status := run_command([*command.split(), "--resume", "--out", str(folder / name)]):
                sys.exit(status)


def read_results(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """`results.json` of each run in the folder that has ended, by its name."""
    files = {name: folder / name / "results.json" for name in names}
    return {name: read_record(file) for name, file in files.items() if file.exists()}


def describe_command(folder: Path, name: str, command: str) -> str:
    """The command as a user would type it, with FOLDER for the study's own folder."""
    return f"python -m bertlab {command} --out {folder}/{name}".replace(str(folder), "FOLDER")
