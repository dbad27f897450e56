"""Whatever goes wrong in a command is one line and an exit code: 2 for what the user can mend, 1 for what is ours."""

import argparse
import errno
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from bertlab import __main__ as command_line
from bertlab import failures
from bertlab.__main__ import main
from bertlab.arguments import check_number
from bertlab.failures import describe_failure, doing, is_our_message
from bertlab.files import SYSTEM_WORDS

from .conftest import ROOT


def catch(action) -> BaseException:
    """The error that an action raises."""
    try:
        action()
    except BaseException as error:
        return error
    raise AssertionError("it raised nothing")


def unpack_three():
    a, b = [1, 2, 3]
    return a, b


def fail_in(action, what=""):
    """An action that fails while `what` is being done."""

    def run():
        with doing("reading", "reviews.csv"):
            action()

    return run


FOREIGN = {
    "int": lambda: int("x"),
    "float": lambda: float("1,5"),
    "unpack": unpack_three,
    "key": lambda: {}["labels"],
    "index": lambda: [][3],
    "attribute": lambda: None.label,
    "type": lambda: len(3),
    "json": lambda: json.loads("{'a'"),
    "torch": lambda: torch.zeros(2, 3) @ torch.zeros(2, 3),
    "numpy": lambda: np.zeros(3) + np.zeros(4),
    "recursion": lambda: catch_recursion(),
    "unicode": lambda: b"\xff".decode(),
    "stop": lambda: next(iter(())),
}  # fmt: skip


def catch_recursion():
    return catch_recursion()


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_error_says_what_was_being_done(name):
    error = catch(fail_in(FOREIGN[name]))
    assert not is_our_message(error)
    message, code = describe_failure(error, "finetune")
    assert code == 1
    assert message.startswith(f"an unforeseen error while reading reviews.csv ({type(error).__name__}")
    assert "\n" not in message
    assert "Errno" not in message


def test_our_own_message_is_shown_as_it_is():
    error = catch(fail_in(lambda: check_number(-1, "steps", least=1)))
    assert is_our_message(error)
    assert not hasattr(error, "__notes__")  # a Python caller sees no more than the message
    assert describe_failure(error) == ("steps is -1; it must be at least 1", 2)
    assert describe_failure(catch(lambda: check_number("3", "steps")))[1] == 1  # a TypeError of ours: a plan is wrong
    assert not is_our_message(ValueError("never raised"))


def test_the_innermost_moment_is_told():
    @doing("training")
    def train():
        with doing("reading", "a.csv"):
            int("x")

    assert "while reading a.csv (" in describe_failure(catch(train)).message
    assert "while running fill (" in describe_failure(catch(lambda: int("x")), "fill").message


@pytest.mark.parametrize("name", SYSTEM_WORDS)
def test_system_errors_are_in_our_words_with_the_name(name):
    number = getattr(errno, name)
    error = catch(lambda: (_ for _ in ()).throw(OSError(number, os.strerror(number), "a/b.csv")))
    message, code = describe_failure(error)
    assert code == 2
    assert "a/b.csv" in message
    assert os.strerror(number) not in message.replace("there is no such file or folder", "")
    error = catch(fail_in(lambda: (_ for _ in ()).throw(OSError(number, os.strerror(number)))))
    assert "while reading reviews.csv" in describe_failure(error).message
    assert "Errno" not in describe_failure(error).message


def test_real_system_errors(tmp_path):
    (tmp_path / "file").write_text("")
    for action, words in (
        (tmp_path.read_text, "it is a folder"),
        ((tmp_path / "file" / "b").read_text, "a part of this path is a file"),
        ((tmp_path / ("a" * 300)).read_text, "the name is too long"),
        ((tmp_path / "none").read_text, "there is no file or folder"),
        (lambda: (tmp_path / "file").mkdir(), "it is there already"),
        (lambda: os.rename(tmp_path / "file", tmp_path / "none" / "b"), "there is no file or folder"),
    ):
        message, code = describe_failure(catch(action))
        assert words in message
        assert str(tmp_path) in message
        assert code == 2


def test_an_error_of_safetensors_is_one_of_the_system():
    SafetensorError = type("SafetensorError", (Exception,), {})

    def fill_disk():
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    assert describe_failure(catch(fail_in(fill_disk))) == ("no space is left on the disk while reading reviews.csv", 2)


@pytest.mark.parametrize("action", [lambda: torch.empty(10**13), lambda: np.empty(10**14), lambda: bytearray(10**14)])
def test_a_lack_of_memory_says_what_to_make_smaller(action):
    message, code = describe_failure(catch(fail_in(action)), smaller=["--batch-size", "--length"])
    assert message == "there is not enough memory while reading reviews.csv: make --batch-size or --length smaller"
    assert code == 2


def test_a_missing_package_is_named():
    error = catch(lambda: __import__("no_such_package.part"))
    assert describe_failure(error) == ("no_such_package is not installed: pip install no_such_package", 2)


# ---- The command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def broken(monkeypatch):
    """A command `data` that fails as it is told to."""

    def break_it(action):
        entry = command_line.COMMANDS["data"]
        monkeypatch.setitem(command_line.COMMANDS, "data", (*entry[:2], lambda options: action(), entry[3]))

    return break_it


@pytest.mark.parametrize("arguments", [["--debug", "data"], ["data", "--debug"], ["data"]])
def test_debug_shows_the_traceback_wherever_it_is_given(arguments, broken, capsys):
    broken(lambda: {}["labels"])
    assert main(arguments) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("bertlab: an unforeseen error while running data (KeyError: 'labels')")
    debug = "--debug" in arguments
    assert (len(lines) > 1) == debug
    assert ("Traceback (most recent call last):" in lines) == debug
    assert ("--debug" in lines[-1]) == (not debug)


def test_each_command_has_debug():
    for name in command_line.COMMANDS:
        given = {"pretrain": ["--out", "x"], "fill": ["t"], "attention": ["t", "--out", "x"], "embed": ["--out", "x"],
                 "predict": ["--model", "m"], "finetune": ["sentiment", "--out", "x"],
                 "prepare": ["--out", "x"], "convert": ["f", "--out", "x"]}.get(name, [])  # fmt: skip
        for arguments in (["--debug", name, *given], [name, *given, "--debug"]):
            assert command_line.make_parser(name).parse_args(arguments).debug
        assert not command_line.make_parser(name).parse_args([name, *given]).debug


def test_an_error_while_the_options_are_made_is_one_line_too(monkeypatch, capsys):
    monkeypatch.setattr(command_line, "make_parser", lambda command: {}[command])
    assert main(["fill"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_signals_have_their_exit_codes(broken, capsys):
    def stop():
        raise KeyboardInterrupt("stopped after step 3")

    broken(stop)
    assert main(["data"]) == 130
    assert capsys.readouterr().err == "\nstopped after step 3\n"
    before = signal.getsignal(signal.SIGTERM)
    broken(lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert main(["data"]) == 143
    assert signal.getsignal(signal.SIGTERM) is before
    assert capsys.readouterr().err == "\nstopped\n"


def test_a_full_standard_output_is_an_error():
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([sys.executable, "-m", "bertlab", "data"], stdout=full, stderr=subprocess.PIPE, text=True,
                              cwd=ROOT, encoding="utf-8")  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "bertlab: no space is left on the disk while running data\n"


def test_what_cannot_be_printed_is_escaped():
    code = "import sys; from bertlab import failures; failures.escape_unprintable(); print('é\\ud800')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT,
                          env=os.environ | {"PYTHONIOENCODING": "ascii"})  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.split() == [b"\\xe9\\ud800"]


def test_memory_options_of_the_command_are_named(monkeypatch, capsys):
    def lack(options: argparse.Namespace) -> None:
        raise MemoryError

    entry = command_line.COMMANDS["fill"]
    monkeypatch.setitem(command_line.COMMANDS, "fill", (*entry[:2], lack, entry[3]))
    assert main(["fill", "[MASK]"]) == 2
    assert capsys.readouterr().err == "bertlab: there is not enough memory while running fill: make --top smaller\n"


def test_every_stage_of_a_command_is_told(monkeypatch, capsys, tmp_path):
    """Something foreign in each stage of `fill`: the line says which stage it was, and of what."""
    from bertlab import weights

    monkeypatch.setattr(weights, "read_config", lambda file: {}["vocab_size"])
    assert main(["fill", "[MASK]", "--model", str(tmp_path)]) == 1
    assert "an unforeseen error while loading the model (KeyError" in capsys.readouterr().err
    assert failures.NOTE == "while "
