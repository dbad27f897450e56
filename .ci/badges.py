"""Writes the repository's address where it belongs, once it is known:  make badges REPO=owner/name

It goes into [project.urls] of pyproject.toml, the README, and each notebook: a Colab badge in its first cell
and the line that installs bertlab in Colab. Run again it changes nothing; with another REPO it replaces.
"""

import json
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLAB = "https://colab.research.google.com"
BADGE = re.compile(r"\[!\[Open in Colab\]\([^)]*\)\]\([^)]*\)")
UNTIL_THEN = re.compile(r"# In Colab: clone or upload[^\n]*")
INSTALL = re.compile(r'import sys\n+if "google\.colab" in sys\.modules:\n    %pip install -q git\+[^\n]*')
README = re.compile(r"In Google Colab[^\n]*\n\n```\n%pip install [^\n]*\n```")
URLS = re.compile(r"\n\[project\.urls\]\n(?:[^\[\n][^\n]*\n)*")


def badge(repo: str, path: str) -> str:
    """The Markdown of a badge that opens `path` of the repository in Colab."""
    return f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]({COLAB}/github/{repo}/blob/main/{path})"


def install(repo: str) -> str:
    """The lines of a set-up cell that install bertlab in Colab, and do nothing elsewhere."""
    address = f"git+https://github.com/{repo}"
    return f'import sys\n\nif "google.colab" in sys.modules:\n    %pip install -q {address}'


def under_title(text: str, line: str) -> str:
    """`text` with `line` in place of the badge that it has, or below its first heading."""
    if BADGE.search(text):
        return BADGE.sub(line, text, count=1)
    title, _, rest = text.partition("\n")
    return f"{title}\n\n{line}\n\n{rest.lstrip()}"


def project(text: str, repo: str) -> str:
    """pyproject.toml with the address in [project.urls], above the build tool's own tables."""
    table = f'\n[project.urls]\nRepository = "https://github.com/{repo}"\n'
    if URLS.search(text):
        return URLS.sub(table, text, count=1)
    before, hatch, after = text.partition("\n[tool.hatch")
    return before + table + hatch + after


def notebook(text: str, name: str, repo: str) -> str:
    """One notebook's file with the badge in its first cell and the install line in its set-up cell."""
    book = json.loads(text)
    first = book["cells"][0]
    setup = next((c for c in book["cells"] if "setup" in c["metadata"].get("tags", [])), None)
    if first["cell_type"] != "markdown" or setup is None:
        raise ValueError(f"{name}: needs a title cell first and a code cell tagged 'setup'")
    code = "".join(setup["source"])
    pattern = INSTALL if INSTALL.search(code) else UNTIL_THEN
    code, replaced = pattern.subn(lambda _: install(repo), code, count=1)
    if not replaced:
        raise ValueError(f"{name}: its set-up cell has no line that begins '# In Colab: clone or upload'")
    setup["source"] = code.splitlines(keepends=True)
    title = under_title("".join(first["source"]), badge(repo, f"notebooks/{name}"))
    first["source"] = title.splitlines(keepends=True)
    return json.dumps(book, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main(repo: str, root: Path = ROOT) -> None:
    """Rewrite every file that carries the address, or none: all are made before the first is written."""
    if not re.fullmatch(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+", repo):
        sys.exit(f"{repo!r} is not an address. Say: make badges REPO=owner/name")
    changes = {}
    try:
        for path in sorted((root / "notebooks").glob("*.ipynb")):
            changes[path] = notebook(path.read_text(encoding="utf-8"), path.name, repo)
    except ValueError as error:
        sys.exit(f"{error}. Nothing was written.")
    readme, settings = root / "README.md", root / "pyproject.toml"
    text = under_title(readme.read_text(encoding="utf-8"), badge(repo, "notebooks/00_start_here.ipynb"))
    line = f"In Google Colab:\n\n```\n%pip install -q git+https://github.com/{repo}\n```"
    changes[readme] = README.sub(lambda _: line, text)
    changes[settings] = project(settings.read_text(encoding="utf-8"), repo)
    for path, text in changes.items():
        if path.read_text(encoding="utf-8") != text:
            beside = path.with_name(f".{path.name}.new")
            beside.write_text(text, encoding="utf-8")
            os.replace(beside, path)
            print(f"{path.relative_to(root)}: {repo}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else "")
