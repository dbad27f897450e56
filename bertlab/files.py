"""Files: read as UTF-8, written whole or not at all, one or several together, locked, recognised by their sha256."""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

# Names within the folder whose files are replaced together.
STAGING_PREFIX = ".bertlab-saving-"  # files that are being written
UNFINISHED = ".being-written"  # the end of the name of a single file that is being written
COMMITTED = ".bertlab-ready"  # files that are complete and have to be moved into place


# What the system's errors mean, by their names. Each continues the name of a file.
SYSTEM_WORDS = {
    "ENOENT": "there is no such file or folder",
    "EACCES": "you have no permission to read or write it",
    "EPERM": "you have no permission to change it",
    "EROFS": "this disk cannot be written to",
    "ENOSPC": "no space is left on the disk",
    "EDQUOT": "your share of the disk is full",
    "EFBIG": "the file is larger than this disk allows",
    "EEXIST": "it is there already",
    "EISDIR": "it is a folder: give the name of a file",
    "ENOTDIR": "a part of this path is a file, where a folder is needed",
    "ENOTEMPTY": "the folder is not empty",
    "ENAMETOOLONG": "the name is too long",
    "ELOOP": "its links lead in a circle",
    "EXDEV": "it lies on another disk",
    "EBUSY": "another program is using it",
    "ETXTBSY": "another program is using it",
    "EMFILE": "too many files are open: raise the limit (ulimit -n)",
    "ENFILE": "too many files are open on this machine",
    "EIO": "the disk gave an error: is it damaged, or was it removed?",
    "ENODEV": "there is no such device",
    "ENXIO": "there is no such device",
    "EINVAL": "the system cannot use this name or place",
}


# ---- Names and errors ------------------------------------------------------------------------------------------------


def expand_home(path: str | Path) -> Path:
    """The path with ~ and ~NAME replaced by a home folder. Raises FileNotFoundError when there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise FileNotFoundError(f"{path}: there is no home folder {Path(path).parts[0]} on this machine") from None


def describe_error(error: OSError, moment: str = "") -> str:
    """What the system refused, in our words and with the file's name; where it names none, `moment` says what was being
    done: " while saving"."""
    if error.errno is None:
        return str(error)
    words = SYSTEM_WORDS.get(errno.errorcode.get(error.errno, "")) or f"the system says: {error.strerror}"
    names = [os.fsdecode(name) if isinstance(name, bytes) else str(name)
             for name in (error.filename2, error.filename) if name is not None]  # fmt: skip
    if not names:
        return f"{words}{moment}"
    if error.errno == errno.ENOENT:
        return f"there is no file or folder {names[-1]!r}"
    return f"{names[0] if len(names[0]) < 200 else f'{names[0][:80]}...'}: {words}"


def describe_kind(mode: int) -> str:
    """What something is that is no regular file, by its `st_mode`."""
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((name for is_kind, name in kinds if is_kind(mode)), "a device")


def check_output_path(path: str | Path | None, option: str) -> None:
    """Raise OSError when a file cannot be written at `path`, which was given as `option`: better now than after the
    work. A device or a pipe can: it is written into. None is no file, and fine."""
    if path is None:
        return
    path = Path(path)
    target = Path(os.path.realpath(path))
    try:
        with contextlib.suppress(FileNotFoundError):
            mode = target.stat().st_mode
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(f"{option} {path} is a folder: give the name of a file")
            if not os.access(target, os.W_OK):
                raise PermissionError(f"{option} {path} may not be written by this user: name another file")
            if not stat.S_ISREG(mode):
                return
        if not target.parent.is_dir():
            raise FileNotFoundError(f"{option} {path}: there is no folder for it, {target.parent}: make it first")
        check_folder_takes_files(target.parent)  # a file is written beside, then renamed
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(f"{option} {path}: {describe_error(error)}") from None


def check_folder_takes_files(folder: Path) -> None:
    """Write a small file into the folder and remove it. Raises OSError when that is impossible."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".bertlab-", suffix=UNFINISHED) as file:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno == errno.ENOENT:  # what /proc says
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(folder)) from None
        if error.errno is not None:
            error.filename = str(folder)  # not the name of the trial
        raise


# ---- Read ------------------------------------------------------------------------------------------------------------


def check_regular_file(path: Path) -> None:
    """Raise OSError for anything else: a device or a pipe may never end, or block for ever."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        raise OSError(f"{path} is {describe_kind(mode)}: give a regular file (save what it holds in one first)")


def read_bytes(path: Path) -> bytes:
    """The content of a regular file. Raises OSError, with what is to be done."""
    try:
        check_regular_file(path)
        return Path(path).read_bytes()
    except OSError as error:
        if error.errno in (None, errno.ENOENT):
            raise
        raise type(error)(describe_error(error)) from None


def read_text(path: Path, keep_line_ends: bool = False) -> str:
    """A UTF-8 file, with or without a byte order mark; line ends become \\n, unless they are to be kept. ValueError
    names the bad byte, and a file that is only a pointer to another one.

    A line ends at \\n or \\r\\n, and at \\r in a file that has no \\n. Other characters that Unicode calls line
    ends are characters like any other.
    """
    text = decode_text(read_bytes(path), path)
    return text if keep_line_ends else unify_line_ends(text)


def unify_line_ends(text: str) -> str:
    """A text whose lines end at \\n, as `read_text` says."""
    return text.replace("\r\n", "\n") if "\n" in text else text.replace("\r", "\n")


def decode_text(data: bytes, path: Path | str) -> str:
    """The text in these bytes of the file `path`. ValueError names the byte that is not UTF-8, and a pointer."""
    if data.startswith(b"version https://git-lfs.github.com/spec/"):
        raise ValueError(f"{path} only points to the file that Git LFS keeps: fetch it with git lfs pull")
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


# ---- Write -----------------------------------------------------------------------------------------------------------


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of a text as UTF-8. Lines end in \\n on any system."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: dict) -> None:
    """`write_text` of plain values."""
    write_text(path, format_json(value, indent=1) + "\n")


def format_json(value: dict, indent: int | None = None) -> str:
    """Plain values as JSON. All letters are themselves, unless there is half a character, as a file name can hold."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return text if is_complete_text(text) else json.dumps(value, indent=indent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: a reader finds the old content or the new one.

    A link is followed and stays. What is neither a file nor a folder, such as a device or a pipe, is written into and
    stays. Raises IsADirectoryError for a folder, OSError (with the file's name) when the disk is full.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: give the name of a file")
    path = Path(os.path.realpath(path))
    special = path.exists() and not path.is_file()
    temporary = path if special else path.with_name(f".{path.name[:100]}.{os.getpid()}{UNFINISHED}")
    try:
        temporary.write_bytes(data)
        if not special:
            move_into_place(temporary, path)
    except OSError as error:
        if error.errno is not None:  # a library's own words stand for themselves
            error.filename = str(path)
        raise
    finally:
        if not special:
            temporary.unlink(missing_ok=True)


def save_tensors(tensors: dict, path: Path, metadata: dict[str, str]) -> None:
    """Write a safetensors file. Raises OSError, as other writes do, where the library has an error of its own."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(tensors, path, metadata=metadata)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        code = int(number[1]) if number else errno.EIO
        raise OSError(code, os.strerror(code), str(path)) from None


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


# ---- Locks and digests -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def hold_lock(path: Path, held: str, wait: bool = False) -> Iterator[None]:
    """Hold the lock file `path` for what `held` names. The system releases it when the process ends, even by a kill.

    If another process holds it: `wait` for it, and say so on standard error, or raise OSError. Both name the process,
    which is noted beside the lock.
    """
    import filelock

    lock, note = filelock.FileLock(path), path.with_name(f"{path.name}-holder")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        holder = describe_holder(note)
        if not wait:
            raise OSError(f"{held} is in use by {holder}: wait until it has ended, or stop it first") from None
        print(f"waiting for {holder}, which holds {held} (Ctrl-C ends the waiting)", file=sys.stderr)
        lock.acquire()
    try:
        note.write_text(f"{os.getpid()}\n", encoding="utf-8")
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def describe_holder(note: Path) -> str:
    """The process that wrote this note: "process 1234"."""
    with contextlib.suppress(OSError, ValueError):
        return f"process {int(note.read_text(encoding='utf-8'))}"
    return "another process"


def hash_file(path: Path) -> str:
    """The sha256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
