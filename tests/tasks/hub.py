"""A small Hugging Face hub on loopback: repositories are folders, laid out and answered for as the real one does.

It serves what `datasets` and `huggingface_hub` ask for to load data and models: facts, trees, and files with the commit
and ETag of each. Whatever else is asked gets 404.
"""

import http.server
import json
import threading
from hashlib import sha1
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "c" * 40


class Hub(http.server.ThreadingHTTPServer):
    """`home` holds datasets/OWNER/NAME and models/OWNER/NAME. `asked` lists what was asked for."""

    def __init__(self, home: Path):
        super().__init__(("127.0.0.1", 0), Answer)
        self.home, self.asked = home, []

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def environment(self, home: Path) -> dict[str, str]:
        """What a process needs to take this hub for the real one. `home` is its cache."""
        return {
            "HF_ENDPOINT": f"http://127.0.0.1:{self.server_port}",
            "HF_HUB_OFFLINE": "0",
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1",
        }


class Answer(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def answer(self, body: bytes = b"") -> None:
        path = unquote(urlsplit(self.path).path).strip("/").split("/")
        self.server.asked.append(f"{self.command} /{'/'.join(path)}")
        if path[0] == "api" and len(path) >= 4:
            return self.facts(path[1], "/".join(path[2:4]), path[4:], body)
        kind = "datasets" if path[0] == "datasets" else "models"
        path = path[1:] if kind == "datasets" else path
        if len(path) >= 5 and path[2] == "resolve":
            return self.file(self.server.home / kind / path[0] / path[1], "/".join(path[4:]))
        return self.refuse("EntryNotFound")

    def facts(self, kind: str, name: str, rest: list[str], body: bytes) -> None:
        """What the hub's API tells of a repository."""
        repository = self.server.home / kind / name
        if not repository.is_dir():
            return self.refuse("RepoNotFound")
        if not rest or rest[0] == "revision":
            files = [{"rfilename": entry["path"]} for entry in entries(repository, "", True) if entry["type"] == "file"]
            return self.say({"id": name, "sha": COMMIT, "siblings": files, "private": False, "tags": [],
                             "downloads": 0, "likes": 0, "disabled": False, "gated": False})  # fmt: skip
        if rest[0] == "tree":
            folder = "/".join(rest[2:])
            if not (repository / folder).is_dir():
                return self.refuse("EntryNotFound")
            deep = parse_qs(urlsplit(self.path).query).get("recursive", ["false"])[0].lower() in ("true", "1")
            return self.say(entries(repository, folder, deep))
        if rest[0] == "paths-info":
            wanted = json.loads(body)["paths"] if body.startswith(b"{") else parse_qs(body.decode())["paths"]
            every = {entry["path"]: entry for entry in entries(repository, "", True)}
            return self.say([every[path] for path in wanted if path in every])
        return self.refuse("EntryNotFound")

    def file(self, repository: Path, name: str) -> None:
        if not (repository / name).is_file():
            return self.refuse("EntryNotFound" if repository.is_dir() else "RepoNotFound")
        return self.send(200, (repository / name).read_bytes(), {"ETag": f'"{mark(repository / name)}"'})

    def say(self, what) -> None:
        self.send(200, json.dumps(what).encode(), {"Content-Type": "application/json"})

    def refuse(self, code: str) -> None:
        self.send(404, b'{"error": "not here"}', {"X-Error-Code": code, "Content-Type": "application/json"})

    def send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        span = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        if status == 200 and span[0].isdigit():
            first, last = int(span[0]), int(span[2]) if span[2] else len(content) - 1
            headers |= {"Content-Range": f"bytes {first}-{min(last, len(content) - 1)}/{len(content)}"}
            status, content = 206, content[first : last + 1]
        self.send_response(status)
        for name, value in ({"X-Repo-Commit": COMMIT, "Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def entries(repository: Path, folder: str, deep: bool) -> list[dict]:
    """The files and folders of a tree, as the hub lists them."""
    found = []
    for path in sorted((repository / folder).glob("**/*" if deep else "*")):
        one = {"path": path.relative_to(repository).as_posix(), "oid": mark(path), "size": 0, "type": "directory"}
        found.append(one | ({"type": "file", "size": path.stat().st_size} if path.is_file() else {}))
    return found


def mark(path: Path) -> str:
    return sha1(path.read_bytes() if path.is_file() else path.name.encode()).hexdigest()
