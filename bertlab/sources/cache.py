"""sources.cache: TODO."""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from .registry import Source, SourceError

MANIFEST = ".manifest.json"

ABSENT = "no copy"

_verified: dict[Path, tuple] = {}  # entry -> (path, size, mtime) of its files when they were last digested


def cache_folder() -> Path:
    """BERTLAB_CACHE, or the platform's own cache folder. It need not exist yet."""
    if folder := os.environ.get("BERTLAB_CACHE"):
        return Path(folder).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("bertlab", appauthor=False))


def locate_entry(source: Source) -> Path:
    return cache_folder() / f"{source.name}-{source.version}"


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_damage(entry: Path, source: Source, deep: bool = True) -> str | None:
    """What is wrong with a cache entry, or None. `deep` digests each file, once a process unless it changed."""
    if not entry.exists():
        return ABSENT
    try:
        manifest = json.loads((entry / MANIFEST).read_text(encoding="utf-8"))
        pinned, files = manifest["sha256"], manifest["files"]
        if pinned != source.sha256:
            return f"it was made from another archive ({pinned[:12]}...)"
        seen = []
        for name, (size, _) in files.items():
            if not (entry / name).is_file():
                return f"{name} is missing"
            status = (entry / name).stat()
            if status.st_size != size:
                return f"{name} has {status.st_size:,} bytes, not {size:,}"
            seen.append((name, status.st_size, status.st_mtime_ns))
        if deep and _verified.get(entry) != tuple(seen):
            for name, (_, digest) in files.items():
                if _sha256(entry / name) != digest:
                    return f"{name} does not have the sha256 that it was stored with"
            _verified[entry] = tuple(seen)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"its manifest cannot be read ({error})"
    return None


@contextlib.contextmanager
def lock_source(source: Source) -> Iterator[None]:
    """Hold the source's lock: of two processes that fetch at once, the second waits and then finds the copy."""
    import filelock

    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / f"{source.name}.lock")
        try:
            lock.acquire(timeout=1)
        except filelock.Timeout:
            print_to_stderr(f"{source.name}: another process is fetching it; waiting")
            lock.acquire()
    except OSError as error:
        raise SourceError(
            f"the cache folder {folder} cannot be written ({error}); "
            "set the environment variable BERTLAB_CACHE to a folder that can"
        ) from error
    try:
        yield
    finally:
        lock.release()


def print_to_stderr(text: str) -> None:
    print(text, file=sys.stderr)


def sync_to_disk(path: Path) -> None:
    """Ask the disk to keep a file or folder before the rename makes it visible (Windows has no folder fsync)."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def store_files(files: Path, entry: Path, source: Source, origin: str) -> None:
    """Write the manifest into the folder `files`, and move the folder to its place in the cache."""
    names = sorted(path.relative_to(files).as_posix() for path in files.rglob("*") if path.is_file())
    listed = {name: [(files / name).stat().st_size, _sha256(files / name)] for name in names}
    manifest = {"source": source.name, "origin": origin, "sha256": source.sha256, "files": listed}
    (files / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    for path in files.rglob("*"):
        sync_to_disk(path)
    sync_to_disk(files)
    os.replace(files, entry)
    sync_to_disk(entry.parent)
