"""Files: read as UTF-8, written whole or not at all, one or several together, recognised by their sha256."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

# Names within the folder whose files are replaced together.
STAGING_PREFIX = ".bertlab-saving-"  # files that are being written
COMMITTED = ".bertlab-ready"  # files that are complete and have to be moved into place


def read_text(path: Path, keep_line_ends: bool = False) -> str:
    """A UTF-8 file, with or without a byte order mark; line ends become \\n, unless they are to be kept. ValueError
    names the bad byte, and a file that is only a pointer to another one.

    A line ends at \\n or \\r\\n, and at \\r in a file that has no \\n. Other characters that Unicode calls line
    ends are characters like any other.
    """
    data = path.read_bytes()
    if data.startswith(b"version https://git-lfs.github.com/spec/"):
        raise ValueError(f"{path} only points to the file that Git LFS keeps: fetch it with git lfs pull")
    text = decode_text(data, path)
    return text if keep_line_ends else unify_line_ends(text)


def unify_line_ends(text: str) -> str:
    """A text whose lines end at \\n, as `read_text` says."""
    return text.replace("\r\n", "\n") if "\n" in text else text.replace("\r", "\n")


def decode_text(data: bytes, path: Path | str) -> str:
    """The text in these bytes of the file `path`. ValueError names the byte that is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # utf-8-sig counts from behind the byte order mark
        offset = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        line = data.count(b"\n", 0, offset) + 1
        raise ValueError(
            f"{path}: byte {offset} (0x{data[offset]:02x}, line {line}) is not UTF-8; "
            "save the file as UTF-8 (or convert it: iconv -f ENCODING -t UTF-8)"
        ) from None


def is_complete_text(text: str) -> bool:
    """Whether a text can be written: JSON can hold half a character, a lone surrogate such as \\ud800."""
    return re.search("[\ud800-\udfff]", text) is None


def read_json(path: Path) -> object:
    """The value in a JSON file. Raises ValueError with what is wrong with it, for a caller that names the file."""
    if not path.is_file():
        raise ValueError("it is no file")
    try:
        return json.loads(read_text(path))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all: a reader finds the old text or the new one. Lines end in \\n on any system.

    A link is followed. What is neither a file nor a folder, such as a device or a pipe, is written into and stays.
    Raises IsADirectoryError for a folder.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: give the name of a file")
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8", newline="\n")
        return
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.being-written")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        move_into_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: dict) -> None:
    """`write_text` of plain values."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def move_into_place(temporary: Path, path: Path) -> None:
    """Rename a file or folder that was written under a temporary name, after its bytes have reached the disk.

    Raises OSError when there is something at `path` that is neither a file nor a folder, such as a device.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(f"{path} is neither a file nor a folder: give another name")
    sync_to_disk(temporary)
    os.replace(temporary, path)
    sync_to_disk(path.parent)  # the new name is on the disk when its folder is


@contextlib.contextmanager
def replace_files(folder: Path) -> Iterator[Path]:
    """Write several files of `folder` all together or not at all: `with replace_files(folder) as staging:`.

    Files written to `staging` replace those of the same names when the block ends without an error; the folder's other
    files stay. The moment that decides is one rename, of the staging folder to COMMITTED. If the process is killed
    before it, the former files are untouched; if it is killed later, `finish_replacement` completes the work.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=folder))
    try:
        yield staging
        for path in (*staging.iterdir(), staging):
            sync_to_disk(path)
        finish_replacement(folder)  # an earlier one, whose files are older
        staging.rename(folder / COMMITTED)
        sync_to_disk(folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        if is_new:
            with contextlib.suppress(OSError):  # somebody else has put something into it
                folder.rmdir()
        raise
    finish_replacement(folder)


def finish_replacement(folder: Path) -> None:
    """Move the files of a `replace_files` that was killed after its rename into place, and remove what others left.

    Does nothing to a folder without such files. Files that are being written are left alone for an hour. Several
    processes may call this at the same time.
    """
    committed = folder / COMMITTED
    if committed.is_dir():
        for path in list(committed.iterdir()):
            with contextlib.suppress(FileNotFoundError):  # another process has moved it
                os.replace(path, folder / path.name)
        sync_to_disk(folder)
        with contextlib.suppress(OSError):  # another process has removed it, or has committed newer files
            committed.rmdir()
    for staging in folder.glob(f"{STAGING_PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - staging.stat().st_mtime > 3600:
                shutil.rmtree(staging, ignore_errors=True)


def sync_to_disk(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, has reached the disk.

    Raises OSError when a file cannot be written out (a full disk). Windows and some network disks cannot do this for a
    folder; there it does nothing.
    """
    with contextlib.suppress(OSError) if path.is_dir() else contextlib.nullcontext():
        handle = os.open(path, os.O_RDWR if os.name == "nt" and path.is_file() else os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def hash_file(path: Path) -> str:
    """The sha256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
