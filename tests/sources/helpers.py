"""Archives of a few bytes, the sources.toml that describes them, and a package index that runs on this machine."""

import contextlib
import hashlib
import http.server
import io
import json
import tarfile
import time
import zipfile

from bertlab import sources
from bertlab.sources.cache import MANIFEST


def make_wheel(members, name="tinydata", version="1.0"):
    """The bytes of a wheel that holds `members` ({path: text})."""
    packed = io.BytesIO()
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for path, text in members.items():
            file.writestr(path, text)
        file.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", "")
    return packed.getvalue()


def make_sdist(members):
    """The bytes of a .tar.gz that holds `members` ({path: text})."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as file:
        for path, text in members.items():
            info = tarfile.TarInfo(path)
            info.size = len(text.encode())
            file.addfile(info, io.BytesIO(text.encode()))
    return packed.getvalue()


TINY = make_wheel(
    {"tinydata/texts/b.txt": "two", "tinydata/texts/a.txt": "one", "tinydata/code.py": "raise SystemExit"}
)


def make_source(archive=b"", kind="wheel", members=("tinydata/texts/*.txt",)):
    """A source named tiny whose archive is `archive`."""
    sha256 = hashlib.sha256(archive).hexdigest()
    return sources.Source("tiny", "", "", "", "tinydata", "1.0", kind, sha256, len(archive), list(members), "", True)


def make_toml(archive, kind="wheel", members=("tinydata/texts/*.txt",), hub_files=None):
    """A sources.toml with one source, named tiny, whose archive is `archive`."""
    lines = ["[tiny]", 'what = "two words"', 'licence = "CC0"', 'citation = "us"', 'package = "tinydata"']
    lines += ['version = "1.0"', f'kind = "{kind}"', f'sha256 = "{hashlib.sha256(archive).hexdigest()}"']
    lines += [f"bytes = {len(archive)}", f"members = {json.dumps(list(members))}", 'hub = "we/tiny"', "small = true"]
    if hub_files:
        lines += ['hub_revision = "abc"', "[tiny.hub_files]"]
        lines += [f'"{file}" = "{digest}"' for file, digest in hub_files.items()]
    return "\n".join(lines)


def list_files(folder):
    """The files below a folder, without the manifest and the locks."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return sorted(path.relative_to(folder).as_posix() for path in paths if path.name != MANIFEST)


class Index(http.server.ThreadingHTTPServer):
    """A package index with one file. `answers` are its contents, one per download; the last is repeated."""

    def __init__(self, file, *answers, slow=0.0, cut=None, drip=0.0, endless=""):
        self.file, self.answers, self.slow, self.cut, self.downloads = file, list(answers), slow, cut, 0
        self.drip, self.endless = drip, endless  # seconds between single bytes; the path that never ends
        super().__init__(("127.0.0.1", 0), Page)
        self.address = f"http://127.0.0.1:{self.server_port}/simple"

    def take_answer(self):
        body = self.answers[min(self.downloads, len(self.answers) - 1)]
        self.downloads += 1
        return body


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        index = self.server
        promised = None
        if self.path == f"/files/{index.file}":
            body = index.take_answer()
            if index.cut and index.downloads == 1:  # promise all of it, send a part, hang up
                promised, body = len(body), body[: index.cut]
            time.sleep(index.slow)
        elif self.path == "/simple/tinydata/":
            body = f'<!DOCTYPE html><a href="/files/{index.file}">{index.file}</a>'.encode()
        else:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if self.path.startswith("/simple") else "binary/octet-stream")
        if not (index.endless and self.path.startswith(index.endless)):
            self.send_header("Content-Length", str(promised or len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):  # pip has been ended
            while index.endless and self.path.startswith(index.endless):
                self.wfile.write(b"<p>nothing here</p>")
                time.sleep(0.01)
            step = 1 if index.drip and not self.path.startswith("/simple") else max(1, len(body))
            for start in range(0, len(body), step):
                self.wfile.write(body[start : start + step])
                time.sleep(index.drip if step == 1 else 0)
        return None

    def log_message(self, *_):
        pass
