"""Archives from the package index, treated as data: verified by size and sha256, then the named members unpacked.

Because an archive is verified first, its contents are known: names and types of members need no further checks.
"""

import posixpath
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from .. import files
from .registry import DamagedError, Source, SourceError


def check_archive(archive: Path, source: Source) -> None:
    """Raise DamagedError unless the archive is exactly the one that sources.toml pins."""
    size = archive.stat().st_size
    if size < source.bytes:
        raise DamagedError(f"{archive.name} is truncated: {size:,} of {source.bytes:,} bytes")
    if (sha256 := files.hash_file(archive)) != source.sha256:
        raise DamagedError(f"{archive.name} has the sha256 {sha256}, not the pinned {source.sha256}")


def find_shared_folder(patterns: Iterable[str]) -> str:
    """The deepest folder inside the archive that holds everything the patterns name."""
    return posixpath.commonpath([posixpath.dirname(pattern) for pattern in patterns])


def select_members(names: Sequence[str], source: Source) -> list[str]:
    """The names that match the source's patterns; a * never crosses a slash."""
    selected = []
    for pattern in source.members:
        # Both start with a slash, so that the pattern must match from the first folder on.
        matching = [name for name in names if PurePosixPath("/", name).match(f"/{pattern}")]
        if not matching:
            raise SourceError(f"the archive of {source.name} holds nothing named {pattern}")
        selected += matching
    return selected


def unpack_members(archive: Path, source: Source, folder: Path) -> Path:
    """Unpack only the members that the source names below `folder`; returns the folder that they share.

    Call `check_archive` first. Raises SourceError if a pattern matches nothing.
    """
    if source.kind == "wheel":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(folder, select_members(wheel.namelist(), source))
    else:
        with tarfile.open(archive, "r:gz") as sdist:
            sdist.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.3 and older have none
            for name in select_members(sdist.getnames(), source):
                sdist.extract(name, folder)
    return folder / find_shared_folder(source.members)
