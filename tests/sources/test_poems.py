"""poems.py: which lines are couplets; and the npm registry, from which they come."""

import json
import os
import sys

import pytest

from bertlab import sources

from .helpers import list_files, make_sdist, make_toml


def test_poems_are_read_in_order_without_notes_and_gaps(fetched):
    files = {
        10000: [["床前明月光，疑是地上霜。"]],
        2000: [
            ["山空夜（一作「雨」）靜，客至。", "「何處？」", "□□，天。", "（〖1〗按。", "[天]地，長。"],
            ["□。", "此注甚長甚長甚長甚長，。"],
            ["《長恨》起，𠀀生。"],
        ],
    }
    for number, poems in files.items():
        content = json.dumps([{"title": "t", "author": "a", "paragraphs": poem} for poem in poems])
        (fetched / f"poet.tang.{number}.json").write_text(content, encoding="utf-8")
    assert sources.documents("tang") == [
        ["山空夜靜，客至。", "「何處？」"], ["《長恨》起，𠀀生。"], ["床前明月光，疑是地上霜。"]
    ]  # fmt: skip
    assert sources.texts("tang")[0] == "山空夜靜，客至。\n「何處？」"


NPM = """#!{python}
import shutil, sys
if {fails}:
    sys.exit("npm error code E404\\nnpm error 404 no such package\\nnpm error A complete log of this run is in /x")
given = sys.argv[1:]
assert given[:2] == ["pack", "tinydata@1.0"] and "--ignore-scripts" in given and "--cache" in given, given
shutil.copy({archive!r}, given[given.index("--pack-destination") + 1] + "/tinydata-1.0.tgz")
"""


@pytest.mark.skipif(os.name == "nt", reason="a script with #! is no program there")
@pytest.mark.parametrize("fails", [False, True])
def test_a_package_of_the_npm_registry_is_fetched_by_npm(write_toml, tmp_path, monkeypatch, fails):
    archive = make_sdist({"package/data/a.json": "one", "package/index.js": "process.exit(1)"})
    (tmp_path / "made.tgz").write_bytes(archive)
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(NPM.format(python=sys.executable, archive=str(tmp_path / "made.tgz"), fails=fails))
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent))
    write_toml(make_toml(archive, "npm", ["package/data/*.json"]))
    if fails:
        with pytest.raises(
            sources.SourceError, match=r"(?s)npm pack tinydata@1.0 failed: 404 no such.*    npm pack tiny"
        ):
            sources.fetch("tiny", progress=False)
    else:
        assert list_files(sources.fetch("tiny", progress=False)) == ["a.json"]


def test_without_npm_it_is_said_what_to_do(write_toml, monkeypatch):
    archive = make_sdist({"package/a.json": "one"})
    write_toml(make_toml(archive, "npm", ["package/*.json"]))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(sources.SourceError, match="npm is not installed"):
        sources.fetch("tiny", progress=False)
