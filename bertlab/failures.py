"""Errors as one line and an exit code: our own messages unchanged, the system's in our words, and unforeseen ones
together with what was being done."""

import errno
import io
import opcode
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .files import describe_error
from .processes import count_processes
from .stopping import Terminated

USER, OURS, INTERRUPTED, TERMINATED = 2, 1, 130, 143  # exit codes: whose mistake it was, or which signal came
PACKAGE = str(Path(__file__).resolve().parent)
RAISE = opcode.opmap["RAISE_VARARGS"]
NOTE = "while "  # how the notes of `doing` begin

MEMORY_SIGNS = re.compile(
    r"DefaultCPUAllocator|not enough memory|out of memory|can't allocate memory|unable to mmap|Storage size calculation"
)
LOST_SIGNS = re.compile(r"gloo|NCCL|Connection (?:reset|closed|refused)|Broken pipe")
# Packages that are not called as their modules, or of which a smaller one does.
PACKAGES = {"sklearn": "scikit-learn", "PIL": "pillow", "tensorflow": "tensorflow-cpu"}


class Failure(NamedTuple):
    """What the user reads of an error, and the exit code."""

    message: str
    code: int


@contextmanager
def doing(action: str, what: object = "") -> Iterator[None]:
    """Inside `with doing("reading", file):`, or below `@doing("training")`, an error that bertlab did not raise gets a
    note of what was being done then. The user reads the innermost one, if nobody foresaw the error."""
    try:
        yield
    except Exception as error:
        if not is_our_message(error):
            error.add_note(f"{NOTE}{action} {shorten_text(what)}".rstrip())
        raise


def escape_unprintable() -> None:
    """Print what the terminal's encoding does not have as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def report_failure(error: BaseException, command: str = "", smaller: Sequence[str] = (), debug: bool = False) -> int:
    """Print one line about an error that ended a command, and with `debug` its traceback before it; return the exit
    code. `smaller` are the options that save memory."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, KeyboardInterrupt | Terminated):
        print(f"\n{error}" if str(error) else "\nstopped", file=sys.stderr)
        return TERMINATED if isinstance(error, Terminated) else INTERRUPTED
    message, code = describe_failure(error, command, smaller)
    hint = "" if debug or code != OURS else ". To see where, add --debug"
    print(f"bertlab: {message}{hint}", file=sys.stderr)
    return code


def describe_failure(error: BaseException, command: str = "", smaller: Sequence[str] = ()) -> Failure:
    """The line for an error: its own words if bertlab raised it, else ours, with the foreign ones in brackets."""
    number = get_system_number(error)
    if number == errno.ENOMEM or is_lack_of_memory(error):
        options = " or ".join(smaller) or "the text or the model"
        return Failure(f"there is not enough memory{describe_moment(error, command)}: make {options} smaller", USER)
    if number is not None:
        system = error if isinstance(error, OSError) else OSError(number, shorten_text(error))
        return Failure(describe_error(system, describe_moment(error, command)), USER)
    if is_our_message(error):
        is_users = isinstance(error, ValueError | OSError | FloatingPointError | ImportError)
        return Failure(str(error), USER if is_users else OURS)
    reason = f"({type(error).__name__}: {shorten_text(error)})".replace(": )", ")")
    if count_processes() > 1 and LOST_SIGNS.search(str(error)):
        return Failure(f"another process of this run has ended, and so all of them do; --resume goes on {reason}", USER)
    if isinstance(error, OSError):  # of the network, or of a library
        return Failure(f"files or the network failed{describe_moment(error, command)} {reason}", USER)
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("bertlab"):
        module = error.name.partition(".")[0]
        return Failure(f"{module} is not installed: pip install {PACKAGES.get(module, module)}", USER)
    return Failure(f"an unforeseen error{describe_moment(error, command)} {reason}", OURS)


def is_our_message(error: BaseException) -> bool:
    """Whether an explicit `raise` of this package raised the error, so that its message is meant for the user.

    A ValueError of `int("x")`, of a library or of unpacking is none: there, the innermost frame belongs to somebody
    else, or its instruction is another one than that of `raise`.
    """
    trace = error.__traceback__
    if trace is None or not str(error) or isinstance(error, KeyError | NotImplementedError | RecursionError):
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    return code.co_filename.startswith(PACKAGE) and code.co_code[trace.tb_lasti] == RAISE


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether Python, numpy or torch was refused memory."""
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and bool(MEMORY_SIGNS.search(str(error))))


def get_system_number(error: BaseException) -> int | None:
    """The system's number of an error, which safetensors only writes into its message; None for another error."""
    if isinstance(error, OSError):
        return error.errno
    found = re.search(r"\(os error (\d+)\)", str(error)) if type(error).__name__ == "SafetensorError" else None
    return int(found[1]) if found else None


def describe_moment(error: BaseException, command: str) -> str:
    """What was being done: the innermost note of `doing`, else the name of the command."""
    notes = [note for note in getattr(error, "__notes__", ()) if note.startswith(NOTE)]
    if notes:
        return f" {notes[0]}"
    return f" {NOTE}running {command}" if command else ""


def shorten_text(value: object, most: int = 200) -> str:
    """A value as one line of at most so many characters."""
    text = " ".join(str(value).split())
    return text if len(text) <= most else f"{text[: most - 4]} ..."
