"""The cache: one folder per source, with a manifest of the size and sha256 of every file in it."""

import contextlib
import functools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from .. import files
from .registry import Source, SourceError

MANIFEST = ".manifest.json"
NO_COPY = "no copy"


def cache_folder() -> Path:
    """BERTLAB_CACHE if it is set, else the platform's own cache folder. It need not exist yet."""
    if folder := os.environ.get("BERTLAB_CACHE"):
        return files.expand_home(folder).absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("bertlab", appauthor=False))


def locate_entry(source: Source) -> Path:
    """The folder in the cache that holds the source's files, or will hold them."""
    return cache_folder() / f"{source.name}-{source.version}"


@functools.cache
def hash_unchanged_file(path: Path, size: int, mtime_ns: int) -> str:
    """The sha256 of a file, computed once per process as long as its size and time of change stay the same."""
    return files.hash_file(path)


def find_damage(entry: Path, source: Source, check_sha256: bool = True) -> str | None:
    """What is wrong with a source's folder in the cache, or None. `NO_COPY` means that it does not exist."""
    if not entry.exists():
        return NO_COPY
    try:
        manifest = files.read_json(entry / MANIFEST)
        if manifest["sha256"] != source.sha256:
            return f"it was made from another archive (sha256 {manifest['sha256'][:12]}...)"
        if not manifest["files"]:
            return "its manifest names no file"
        for name, (size, sha256) in manifest["files"].items():
            path = entry / name
            if not path.is_file():
                return f"{path.name} is missing"
            status = path.stat()
            if status.st_size != size:
                return f"{path.name} has {status.st_size:,} bytes, not {size:,}"
            if check_sha256 and hash_unchanged_file(path, size, status.st_mtime_ns) != sha256:
                return f"{path.name} does not have the sha256 that it was stored with"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"its manifest cannot be read ({error})"
    return None


@contextlib.contextmanager
def lock_source(source: Source) -> Iterator[None]:
    """Hold the source's lock: if two processes fetch it at once, the second waits and then finds the copy.

    Removes what killed processes left. Raises SourceError if the cache folder cannot be written.
    """
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files.check_folder_takes_files(folder)
    except OSError as error:
        advice = "set the environment variable BERTLAB_CACHE to a folder that you can write to"
        raise SourceError(
            f"the cache folder {folder} cannot be written ({files.describe_error(error)}); {advice}"
        ) from error
    with files.hold_lock(folder / f"{source.name}.lock", f"{source.name} in the cache", wait=True):
        for unfinished in folder.glob(f"{source.name}.part-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        yield


def store_files(folder: Path, entry: Path, source: Source) -> None:
    """Write the manifest into the folder of unpacked files, and move the folder to its place in the cache.

    A damaged copy that is there goes only now.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    listed = {path.relative_to(folder).as_posix(): [path.stat().st_size, files.hash_file(path)] for path in paths}
    for path in folder.rglob("*"):
        files.sync_to_disk(path)
    files.write_json(folder / MANIFEST, {"source": source.name, "sha256": source.sha256, "files": listed})
    hash_unchanged_file.cache_clear()  # the new files may have the size and time of damaged ones
    if os.path.lexists(entry):
        os.rename(entry, folder.with_name("damaged"))  # removed together with what else the fetching left
    files.move_into_place(folder, entry)
