"""registry.py: what data/sources.toml says, and what importing the sources costs."""

import subprocess
import sys

import pytest

from bertlab import sources

from ..conftest import ROOT
from .helpers import TINY, make_toml

NAMES = ["minilm", "sotu", "wiki", "kjv", "web", "vader", "glove", "chatterbot", "pos", "tang", "wordnet"]


def test_every_source_is_pinned_and_has_a_card():
    card = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert [source.name for source in sources.available()] == NAMES
    for source in sources.available():
        assert len(source.sha256) == 64
        assert set(source.sha256) <= set("0123456789abcdef")
        assert source.bytes > 100_000
        assert source.kind in ("wheel", "sdist", "npm")
        assert all([source.what, source.licence, source.citation, source.package, source.version, source.hub])
        assert source.members
        section = card.split(f"\n## {source.name}\n")[1].split("\n## ")[0]
        assert source.requirement in section
        assert f"{source.bytes:,}" in section
    assert "CC BY-SA 4.0" in card.split("\n## wiki\n")[1].split("\n## ")[0]


def test_import_is_light():
    heavy = ["numpy", "torch", "transformers", "tqdm", "huggingface_hub", "platformdirs", "filelock", "yaml", "pyarrow"]
    code = f"import sys, bertlab.sources; print([name for name in {heavy} if name in sys.modules])"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert process.stdout.strip() == "[]"


def test_an_unknown_name_lists_the_sources_and_suggests_the_nearest():
    with pytest.raises(sources.SourceError) as error:
        sources.fetch("soto")
    assert (
        str(error.value) == f"there is no source named 'soto' (available: {', '.join(NAMES)}); did you mean \"sotu\"?"
    )


def test_nothing_is_suggested_if_no_name_is_near(write_toml):
    write_toml(make_toml(TINY))
    with pytest.raises(sources.SourceError, match=r"no source named 'bookcorpus' \(available: tiny\)$"):
        sources.fetch("bookcorpus")
