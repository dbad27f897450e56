"""labelled.py: scores, dialogues and tags, read from files of a few lines."""

import pytest

from bertlab import sources

from .helpers import make_sdist


def test_sentiment_reads_each_part(fetched):
    folder = "hutto_ICWSM_2014/"
    (fetched / "hutto_ICWSM_2014.tar.gz").write_bytes(
        make_sdist(
            {
                folder + "tweets_GroundTruth.txt": "1\t2.5\tgood &amp; cheap\r\n2\t-1\tno\tway\r\n",
                folder + "movieReviewSnippets_GroundTruth.txt": "1\t0.25\ta café film\r\n",
            }
        )
    )
    assert sources.sentiment("tweets") == [("good & cheap", 2.5), ("no\tway", -1.0)]
    assert sources.sentiment() == [("a café film", 0.25)]
    with pytest.raises(ValueError, match="part must be one of movies, tweets, amazon, nyt, not 'films'"):
        sources.sentiment("films")


def test_dialogues_stay_strings(fetched):
    (fetched / "b.yml").write_text(
        "categories: [x]\nconversations:\n- - Are you?\n  - Yes\n- - 1\n  - 2\n  - 3\n- stray\n"
    )
    (fetched / "a.yml").write_text("conversations:\n- - First\n  - 'no'\n")
    assert sources.dialogues() == [["First", "no"], ["Are you?", "Yes"], ["1", "2", "3"]]


def test_tags_are_read_from_the_last_slash(fetched):
    (fetched / "tagged-en-oanc.txt").write_text("and/or/CC it/PRP\n\n1/2/CD ./.\n")
    assert sources.tagged() == [[("and/or", "CC"), ("it", "PRP")], [("1/2", "CD"), (".", ".")]]
