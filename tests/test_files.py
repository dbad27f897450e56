"""files.py: only regular files are read, no device is replaced, and what the system refuses is said in words."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bertlab import files
from bertlab.files import (
    check_output_path,
    describe_error,
    expand_home,
    hold_lock,
    read_bytes,
    read_json,
    read_text,
    write_bytes,
    write_json,
    write_text,
)

from .conftest import ROOT

posix = pytest.mark.skipif(os.name == "nt", reason="devices, pipes and permissions of POSIX")


def make_socket(path):
    import socket

    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


# ---- Read ------------------------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("kind", ["device", "pipe", "socket", "folder"])
@pytest.mark.parametrize("read", [read_bytes, read_text, read_json])
def test_only_regular_files_are_read(tmp_path, kind, read, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's name is short
    path = {"device": Path("/dev/zero"), "pipe": Path("pipe"), "socket": Path("socket"), "folder": tmp_path}[kind]
    if kind == "pipe":
        os.mkfifo(path)
    if kind == "socket":
        make_socket(path)
    with pytest.raises((OSError, ValueError), match=f"is a {kind}: give a regular file|it is no file"):
        read(path)
    link = tmp_path / "link.txt"
    link.symlink_to(path if path.is_absolute() else tmp_path / path)
    with pytest.raises((OSError, ValueError), match=f"link.txt is a {kind}|it is no file"):
        read(link)


@posix
def test_what_the_system_refuses_is_said(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    cases = {
        "a.txt/b.txt": "a part of this path is a file, where a folder is needed",
        "x" * 300: "the name is too long",
        "loop": "its links lead in a circle",
    }
    for name, message in cases.items():
        with pytest.raises(OSError, match=message) as caught:
            read_text(tmp_path / name)
        assert "Errno" not in str(caught.value)
    with pytest.raises(FileNotFoundError) as caught:
        read_text(tmp_path / "none")
    assert describe_error(caught.value) == f"there is no file or folder '{tmp_path / 'none'}'"
    assert "you have no permission to read or write it" in describe_error(
        PermissionError(13, "Permission denied", "a.txt")
    )
    assert describe_error(OSError(28, "No space left on device", "a.txt")) == "a.txt: no space is left on the disk"
    assert describe_error(OSError(28, "No space left on device")) == "no space is left on the disk"
    assert describe_error(OSError(62, "Timer expired", "a.txt")) == "a.txt: the system says: Timer expired"
    assert describe_error(OSError("said already")) == "said already"


def test_a_home_folder_that_is_not_there():
    assert expand_home("~/x") == Path.home() / "x"
    with pytest.raises(FileNotFoundError, match="~nobody-here/x: there is no home folder ~nobody-here"):
        expand_home("~nobody-here/x")


# ---- Write -----------------------------------------------------------------------------------------------------------


def test_a_link_stays_and_its_file_is_replaced(tmp_path):
    (tmp_path / "far").mkdir()
    real, link, dangling = tmp_path / "far" / "real.txt", tmp_path / "link.txt", tmp_path / "dangling.txt"
    real.write_text("old")
    link.symlink_to(real)
    dangling.symlink_to(tmp_path / "far" / "new.txt")
    write_text(link, "new\n")
    write_bytes(dangling, b"here")
    assert link.is_symlink()
    assert dangling.is_symlink()
    assert real.read_bytes() == b"new\n"
    assert (tmp_path / "far" / "new.txt").read_bytes() == b"here"
    assert sorted(os.listdir(tmp_path / "far")) == ["new.txt", "real.txt"]


@posix
def test_a_device_and_a_pipe_are_written_into_and_stay(tmp_path):
    link, pipe = tmp_path / "link.png", tmp_path / "pipe"
    link.symlink_to("/dev/null")
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    for path in (Path("/dev/null"), link):
        write_text(path, "gone")
        write_json(path, {"a": 1})
        check_output_path(path, "--out")
    write_bytes(pipe, b"through")
    assert os.read(reader, 99) == b"through"
    os.close(reader)
    assert Path("/dev/null").is_char_device()
    assert link.is_symlink()
    assert pipe.is_fifo()
    assert sorted(os.listdir(tmp_path)) == ["link.png", "pipe"]


def test_json_with_half_a_character_is_read_back(tmp_path):
    for value in ({"text": "\udcff.txt"}, {"text": "café 猫"}):
        write_json(tmp_path / "a.json", value)
        assert read_json(tmp_path / "a.json") == value
    assert "café 猫" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fill_disk(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", fill_disk)
    with pytest.raises(OSError) as caught:
        write_text(path, "new")
    assert describe_error(caught.value) == (f"{path}: no space is left on the disk")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@posix
def test_where_nothing_can_be_written_is_said_before(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("mine")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    cases = {
        tmp_path: "--picture .* is a folder: give the name of a file",
        tmp_path / "none" / "a.png": "there is no folder for it, .*none: make it first",
        tmp_path / "a.txt" / "b" / "c.png": "a.txt is a file, no folder|a part of this path is a file",
        tmp_path / ("x" * 300 + ".png"): "the name is too long",
        tmp_path / "loop.png": "links lead in a circle",
        Path("/proc/a.png"): "--picture /proc/a.png",
    }
    for path, message in cases.items():
        with pytest.raises(OSError, match=message) as caught:
            check_output_path(path, "--picture")
        assert "Errno" not in str(caught.value)
    check_output_path(None, "--picture")
    check_output_path(tmp_path / "a.txt", "--picture")
    monkeypatch.setattr(files.os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError, match="a.txt may not be written by this user"):
        check_output_path(tmp_path / "a.txt", "--picture")
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "loop.png"]


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root becomes another user")
def test_a_user_without_permission(tmp_path):
    """Nothing of this can be seen as root, who may write anywhere."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o755)
    (folder / "secret.txt").write_text("a")
    (folder / "secret.txt").chmod(0o600)
    for path in (tmp_path, *tmp_path.parents):
        if not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o011)
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom bertlab.files import check_output_path, read_text\n"
        "os.setgid(65534); os.setuid(65534)\nfolder = Path(sys.argv[1])\n"
        "secret = folder / 'secret.txt'\n"
        "for work in (lambda: check_output_path(folder / 'a.png', '--picture'), lambda: read_text(secret),"
        " lambda: check_output_path(secret, '--json')):\n"
        "    try:\n        work()\n    except OSError as error:\n        print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, capture_output=True, text=True, encoding="utf-8"
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done
    assert all(("this user" in line or "no permission" in line) and "Errno" not in line for line in lines)


# ---- Locks -----------------------------------------------------------------------------------------------------------

HOLD = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what is in the background without one
from pathlib import Path
from bertlab.files import hold_lock
with hold_lock(Path(sys.argv[1]), "the thing"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_names_its_holder_and_goes_with_a_kill(tmp_path, capsys):
    path = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with (
        pytest.raises(OSError, match=f"the thing is in use by process {holder.pid}: wait"),
        hold_lock(path, "the thing"),
    ):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with hold_lock(path, "the thing"):
        assert json.loads((tmp_path / "lock-holder").read_text()) == os.getpid()
    assert capsys.readouterr().err == ""


@posix
def test_ctrl_c_ends_the_waiting(tmp_path):
    import signal

    path = tmp_path / "lock"
    code = HOLD.replace('"the thing")', '"the thing", wait=True)')
    with hold_lock(path, "the thing"):
        waiting = subprocess.Popen(
            [sys.executable, "-c", code, str(path)], cwd=ROOT, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )
        assert f"waiting for process {os.getpid()}, which holds the thing" in waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(30) != 0
        waiting.stderr.close()
