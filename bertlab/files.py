"""Small files: read as UTF-8, written whole or not at all, recognised by their sha256."""

import contextlib
import hashlib
import json
import os
from pathlib import Path


def read_text(path: Path) -> str:
    """A UTF-8 file, with or without a byte order mark; line ends become \\n. ValueError names the bad byte."""
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # utf-8-sig counts from behind the byte order mark
        offset = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        line = data.count(b"\n", 0, offset) + 1
        raise ValueError(
            f"{path}: byte {offset} (0x{data[offset]:02x}, line {line}) is not UTF-8; "
            "save the file as UTF-8 (or convert it: iconv -f ENCODING -t UTF-8)"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all: whoever reads finds the old text or the new one. Lines end in \\n everywhere."""
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
    """Rename a file or folder that was written beside its place, after its bytes have reached the disk."""
    sync_to_disk(temporary)
    os.replace(temporary, path)
    sync_to_disk(path.parent)  # the new name is on the disk when its folder is


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
