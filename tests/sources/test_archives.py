"""archives.py: verifying an archive, and unpacking the named members only."""

import pytest

from bertlab.sources.archives import check_archive, unpack_members
from bertlab.sources.registry import DamagedError, SourceError

from .helpers import TINY, list_files, make_sdist, make_source, make_wheel


def test_an_archive_must_have_the_pinned_size_and_sha256(tmp_path):
    archive = tmp_path / "tiny.whl"
    archive.write_bytes(TINY)
    check_archive(archive, make_source(TINY))
    archive.write_bytes(TINY[:-400])
    with pytest.raises(DamagedError, match=f"tiny.whl is truncated: {len(TINY) - 400:,} of {len(TINY):,} bytes"):
        check_archive(archive, make_source(TINY))
    archive.write_bytes(TINY[:-1] + b"x")
    with pytest.raises(DamagedError, match=r"tiny.whl has the sha256 \w{64}, not the pinned \w{64}"):
        check_archive(archive, make_source(TINY))


@pytest.mark.parametrize(("kind", "make_archive"), [("wheel", make_wheel), ("sdist", make_sdist)])
def test_a_star_stays_within_its_folder_and_files_keep_their_path_below_the_shared_folder(tmp_path, kind, make_archive):
    members = {
        "t/data/a.csv": "1",
        "t/data/deep/b.txt": "2",
        "t/data/deep/d.txt/c": "3",
        "t/code.py": "raise SystemExit",
        "other/t/data/a.csv": "4",
    }
    (tmp_path / "archive").write_bytes(make_archive(members))
    source = make_source(kind=kind, members=["t/data/a.csv", "t/data/deep/*.txt"])
    folder = unpack_members(tmp_path / "archive", source, tmp_path / "unpacked")
    assert list_files(folder) == ["a.csv", "deep/b.txt"]
    assert list_files(tmp_path / "unpacked") == ["t/data/a.csv", "t/data/deep/b.txt"]
    assert (folder / "a.csv").read_text() == "1"


@pytest.mark.parametrize(("kind", "make_archive"), [("wheel", make_wheel), ("sdist", make_sdist)])
def test_a_pattern_that_matches_nothing_is_an_error(tmp_path, kind, make_archive):
    (tmp_path / "archive").write_bytes(make_archive({"t/good.txt": "x"}))
    source = make_source(kind=kind, members=["t/good.txt", "t/bad.txt"])
    with pytest.raises(SourceError, match=r"the archive of tiny holds nothing named t/bad.txt"):
        unpack_members(tmp_path / "archive", source, tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()
