"""cache.py: where the copies are, and what happens when one is damaged."""

import json
import os
import subprocess
import sys

import pytest

from bertlab import sources
from bertlab.sources.cache import MANIFEST, hash_unchanged_file

from ..conftest import ROOT
from .helpers import TINY, list_files, make_sdist, make_toml, make_wheel


def test_the_cache_is_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("BERTLAB_CACHE", str(tmp_path / "mine"))
    assert sources.cache_folder() == tmp_path / "mine"
    monkeypatch.setenv("BERTLAB_CACHE", "~nobody-here/x")
    with pytest.raises(FileNotFoundError, match="there is no home folder ~nobody-here"):
        sources.cache_folder()
    monkeypatch.setenv("BERTLAB_CACHE", str(tmp_path / "mine"))
    assert not any(sources.is_cached(source.name) for source in sources.available())
    monkeypatch.delenv("BERTLAB_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "platform"))
    folder = sources.cache_folder()
    assert folder.name == "bertlab"
    if sys.platform == "linux":
        assert folder == tmp_path / "platform" / "bertlab"


def forget_files(manifest):
    content = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(content | {"files": {}}), encoding="utf-8")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda folder: (folder / "a.txt").write_text("ONE"), "a.txt does not have the sha256"),
        (lambda folder: (folder / "a.txt").write_text("on"), "a.txt has 2 bytes, not 3"),
        (lambda folder: (folder / "a.txt").unlink(), "a.txt is missing"),
        (lambda folder: (folder / MANIFEST).write_text("{"), "its manifest cannot be read"),
        (lambda folder: (folder / MANIFEST).write_text("[" * 100_000), "its manifest cannot be read"),
        (lambda folder: forget_files(folder / MANIFEST), "its manifest names no file"),
        (lambda folder: (folder / MANIFEST).unlink(), "its manifest cannot be read"),
    ],
)
def test_a_damaged_copy_is_reported_removed_and_fetched_again(write_toml, replace_pip, capsys, harm, message):
    calls = replace_pip(TINY)
    write_toml(make_toml(TINY))
    folder = sources.fetch("tiny", progress=False)
    sources.fetch("tiny", progress=False)  # from now on, this process has verified the copy
    harm(folder)
    assert sources.fetch("tiny", progress=False) == folder
    assert (folder / "a.txt").read_text() == "one"
    assert len(calls) == 2
    printed = capsys.readouterr().err
    assert str(folder) in printed
    assert message in printed


def test_a_damaged_copy_stays_until_the_new_one_is_whole(write_toml, replace_pip, capsys):
    replace_pip(TINY, TINY[:-1])
    write_toml(make_toml(TINY))
    folder = sources.fetch("tiny", progress=False)
    (folder / "a.txt").write_text("ONE")
    with pytest.raises(sources.SourceError, match="a.txt does not have the sha256"):
        sources.fetch("tiny", progress=False)
    assert [(folder / name).read_text() for name in ("a.txt", "b.txt")] == ["ONE", "two"]
    assert "it is fetched again, and replaced then" in capsys.readouterr().err


def test_another_process_finds_damage_that_left_size_and_time_unchanged(write_toml, replace_pip):
    archive = make_sdist({"t/a.txt": "one"})  # its members keep their time when they are unpacked
    calls = replace_pip(archive)
    write_toml(make_toml(archive, kind="sdist", members=["t/a.txt"]))
    path = sources.fetch("tiny", progress=False) / "a.txt"
    times = path.stat()
    path.write_text("ONE")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    hash_unchanged_file.cache_clear()  # like a new process
    for _ in range(2):  # the second time, the new copy is fine
        sources.fetch("tiny", progress=False)
        assert path.read_text() == "one"
        assert path.stat().st_mtime_ns == times.st_mtime_ns
        assert len(calls) == 2


def test_a_copy_of_another_archive_is_not_used(write_toml, replace_pip, capsys):
    write_toml(make_toml(TINY))
    replace_pip(TINY)
    sources.fetch("tiny", progress=False)
    other = make_wheel({"tinydata/texts/c.txt": "three"})
    replace_pip(other)
    write_toml(make_toml(other))
    assert list_files(sources.fetch("tiny", progress=False)) == ["c.txt"]
    assert "another archive" in capsys.readouterr().err


def test_what_a_killed_process_left_is_removed(write_toml, replace_pip):
    folder = write_toml(make_toml(TINY))
    (folder / "tiny.part-dead" / "files").mkdir(parents=True)
    (folder / "tiny.part-dead" / "files" / "a.txt").write_text("o")
    replace_pip(TINY)
    sources.fetch("tiny", progress=False)
    assert list_files(folder) == ["tiny-1.0/a.txt", "tiny-1.0/b.txt"]


def test_two_processes_that_fetch_at_once_download_once(write_toml, serve, tmp_path):
    index = serve("tinydata-1.0-py3-none-any.whl", TINY, slow=2.0)
    folder = write_toml(make_toml(TINY))
    code = (
        "import pathlib, sys; from bertlab import sources; "
        "sources.registry.data_folder = lambda: pathlib.Path(sys.argv[1]); "
        "print((sources.fetch('tiny', progress=False) / 'a.txt').read_text())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "data")]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert [stdout.strip() for stdout, _ in outputs] == ["one", "one"]
    assert index.downloads == 1
    ids = [process.pid for process in processes]
    waited = [stderr for _, stderr in outputs if "waiting for process" in stderr]
    assert len(waited) == 1
    assert any(f"waiting for process {pid}, which holds tiny in the cache" in waited[0] for pid in ids)
    assert list_files(folder) == ["tiny-1.0/a.txt", "tiny-1.0/b.txt"]


def test_a_cache_that_cannot_be_written_is_reported(write_toml, tmp_path, monkeypatch):
    write_toml(make_toml(TINY))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BERTLAB_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(sources.SourceError, match=r"cannot be written .*BERTLAB_CACHE"):
        sources.fetch("tiny")
