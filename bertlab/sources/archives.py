"""sources.archives: TODO."""

import gzip
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from .cache import _sha256
from .registry import DamagedError, Source, SourceError


def matches_pattern(name: str, pattern: str) -> bool:
    """Glob one path part at a time, so that a * never crosses a slash."""
    parts, patterns = name.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


def find_shared_folder(members: tuple[str, ...]) -> str:
    """The folder that all patterns share; a file is kept under its path below that folder."""
    folders = [pattern.rpartition("/")[0] for pattern in members]
    shared = os.path.commonpath([re.split(r"/?[^/]*[*?\[]", folder)[0] or "." for folder in folders])
    return shared.replace(os.sep, "/")


def _target(name: str, root: str, folder: Path) -> Path:
    """Where an archive's member is written. A name that could leave the folder is refused."""
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or "\\" in name or ":" in name or "\0" in name:
        raise SourceError(f"the archive's member {name!r} points outside of its folder: the archive is refused")
    return folder / (name.removeprefix(root + "/"))


def unpack_members(archive: Path, source: Source, folder: Path) -> None:
    """Write the named members of a wheel or a sdist into `folder`.

    Raises SourceError on a link, a path that leaves the folder, two members for one path, or a pattern that
    names nothing; _DamagedError if the archive cannot be read to its end.
    """
    root = find_shared_folder(source.members)
    found = dict.fromkeys(source.members, 0)

    def keep(name: str, is_file: bool, stream) -> None:
        patterns = [pattern for pattern in source.members if matches_pattern(name, pattern)]
        if not patterns:
            return
        target = _target(name, root, folder)
        if not is_file:
            raise SourceError(f"the archive's member {name!r} is a link or a device: the archive is refused")
        if target.exists():
            raise SourceError(f"the archive holds two members for {name!r}: the archive is refused")
        target.parent.mkdir(parents=True, exist_ok=True)
        with stream() as incoming, open(target, "xb") as file:
            shutil.copyfileobj(incoming, file, 1 << 20)
        for pattern in patterns:
            found[pattern] += 1

    try:
        if source.kind == "wheel":
            with zipfile.ZipFile(archive) as packed:
                for info in packed.infolist():
                    mode = info.external_attr >> 16
                    plain = stat.S_IFMT(mode) in (0, stat.S_IFREG)
                    if not info.is_dir():
                        keep(info.filename, plain, lambda info=info: packed.open(info))
        else:
            with tarfile.open(archive, "r:gz") as packed:
                for info in packed:
                    if not info.isdir():
                        keep(info.name, info.isreg(), lambda info=info: packed.extractfile(info))
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DamagedError(f"{archive.name} cannot be read ({type(error).__name__}: {error})") from error
    if missing := [pattern for pattern, count in found.items() if not count]:
        raise SourceError(f"{archive.name} holds nothing named {', '.join(missing)}")


def check_archive(archive: Path, source: Source) -> None:
    """Raise _DamagedError unless the archive is the very one that sources.toml names."""
    size = archive.stat().st_size
    if size < source.bytes:
        raise DamagedError(f"{archive.name} is truncated: {size:,} of {source.bytes:,} bytes")
    found = _sha256(archive)
    if found != source.sha256:
        raise DamagedError(f"{archive.name} has the sha256 {found}, not the pinned {source.sha256}")
