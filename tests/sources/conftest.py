"""Fixtures for the sources: a cache and a sources.toml of the test's own, and stand-ins for pip and the index."""

import os
import threading

import pytest

from bertlab import sources
from bertlab.sources import download, fetching, registry

from .helpers import Index


@pytest.fixture
def write_toml(tmp_path, monkeypatch):
    """write_toml(text) writes the sources.toml that bertlab reads, and returns an empty cache folder for it."""
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setattr(registry, "data_folder", lambda: data)
    monkeypatch.setenv("BERTLAB_CACHE", str(tmp_path / "cache"))

    def write(text):
        (data / "sources.toml").write_text(text, encoding="utf-8")
        return tmp_path / "cache"

    return write


@pytest.fixture
def serve(monkeypatch):
    """serve(file name, *answers) starts an index and points pip at it."""
    started = []
    for variable in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONSTRAINT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def start(file, *answers, **options):
        index = Index(file, *answers, **options)
        threading.Thread(target=index.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        monkeypatch.setenv("PIP_INDEX_URL", index.address)
        started.append(index)
        return index

    yield start
    for index in started:
        index.shutdown()
        index.server_close()


@pytest.fixture
def replace_pip(monkeypatch):
    """replace_pip(*archives): a download brings the next of them (the last is repeated). Returns the list of calls."""

    def start(*archives):
        calls = []

        def download_next_archive(source, folder, progress):
            path = folder / "tinydata-1.0-py3-none-any.whl"
            path.write_bytes(archives[min(len(calls), len(archives) - 1)])
            calls.append(path)
            return path

        monkeypatch.setattr(download, "run_pip_download", download_next_archive)
        return calls

    return start


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """The folder that `fetch` returns for every source; the test writes the files into it."""
    monkeypatch.setattr(fetching, "fetch", lambda name: tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def fetch_real():
    """fetch_real(*names) fetches real sources into the user's cache, and skips the test if that is impossible."""

    def fetch(*names):
        for name in names:
            try:
                sources.fetch(name, progress=False)
            except sources.SourceError as error:
                pytest.skip(str(error).splitlines()[0])

    return fetch
