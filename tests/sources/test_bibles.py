"""bibles.py: verses of two translations, side by side."""

import csv
import gzip

import pytest

from bertlab import sources


def test_verses_are_aligned_and_notes_removed(fetched):
    text = "\nIn the beginning. And [it was]\ngood. Last."
    cuts = [1, 18, 37, 43]
    numbers = [1001001, 1001002, 1002001]
    starts, ends = dict(zip(numbers, cuts, strict=False)), dict(zip(numbers, cuts[1:], strict=True))
    (fetched / "plain_text_readers_bible.py").write_text(
        f'from nowhere import B\nbible = B(Version.X, """{text}""", {starts}, {ends}, {{Book.G: {{1: 2}}}}, True)\n'
    )
    rows = [["01002001", "1", "2", "1", "&gt; Last{or, final}."], ["01001001", "1", "1", "1", "At{Or} first [all]."]]
    rows.append(["01001002", "1", "1", "2", "{TR adds a verse}"])

    def write(name, rows):
        with gzip.open(fetched / name, "wt", encoding="utf-8", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["field"] * len(rows[0]), *rows])

    write("t_web.csv.gz", rows)
    write("key_english.csv.gz", [["1", "Genesis", "OT", "1"]])
    assert sources.verses() == [
        ("Genesis 1:1", "In the beginning.", "At first all."),
        ("Genesis 1:2", "And it was good.", ""),
        ("Genesis 2:1", "Last.", "Last."),
    ]
    assert sources.documents("kjv") == [["In the beginning.", "And it was good."], ["Last."]]
    assert sources.documents("web") == [["At first all."], ["Last."]]
    assert sources.texts("kjv") == ["In the beginning.\nAnd it was good.", "Last."]
    write("t_web.csv.gz", rows[1:])
    with pytest.raises(ValueError, match="do not have the same verses"):
        sources.verses()


@pytest.mark.network
def test_real_verses(fetch_real):
    fetch_real("kjv", "web")
    verses = sources.verses()
    assert len(verses) == 31_102
    assert verses[-1][0] == "Revelation 22:21"
    empty = [reference for reference, _, web in verses if not web]
    assert len(empty) == 7
    assert "Acts 8:37" in empty
    assert all(kjv for _, kjv, _ in verses)
