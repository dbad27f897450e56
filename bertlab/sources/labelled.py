"""Sources with labels or turns: sentences with sentiment scores, dialogues, and words with part-of-speech tags."""

import html
import tarfile

from ..files import read_text
from ..suggestions import suggest_name
from . import fetching

# part -> its file in VADER's archive, without "_GroundTruth.txt"
PARTS = {"movies": "movieReviewSnippets", "tweets": "tweets", "amazon": "amazonReviewSnippets",
         "nyt": "nytEditorialSnippets"}  # fmt: skip


def sentiment(part: str = "movies") -> list[tuple[str, float]]:
    """(text, mean score of about 20 people, from -4 very negative to 4 very positive), in the file's order.

    `part` is "movies" (10,605 snippets of film reviews), "tweets" (4,200), "amazon" (3,708) or "nyt" (5,190).
    """
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, not {part!r}{suggest_name(part, PARTS)}")
    with tarfile.open(fetching.fetch("vader") / "hutto_ICWSM_2014.tar.gz", "r:gz") as archive:
        data = archive.extractfile(f"hutto_ICWSM_2014/{PARTS[part]}_GroundTruth.txt").read()
    rows = [line.split("\t", 2) for line in data.decode("utf-8").splitlines() if line.strip()]
    return [(html.unescape(text).strip(), float(score)) for _, score, text in rows]


def dialogues() -> list[list[str]]:
    """Exchanges of the ChatterBot corpus: each a list of two or more turns, topic by topic in order of name."""
    import yaml

    paths = sorted(fetching.fetch("chatterbot").glob("*.yml"))
    topics = [yaml.load(read_text(path), Loader=yaml.BaseLoader) for path in paths]  # BaseLoader: "Yes" stays a string
    # One entry of the corpus is a stray string instead of a list of turns.
    return [turns for topic in topics for turns in topic["conversations"] if isinstance(turns, list)]


def tagged() -> list[list[tuple[str, str]]]:
    """Lines of (word, Penn tag) from the Open American National Corpus. A program assigned the tags (silver)."""
    lines = read_text(fetching.fetch("pos") / "tagged-en-oanc.txt").split("\n")
    split_lines = ([token.rpartition("/") for token in line.split()] for line in lines)
    return [[(word, tag) for word, _, tag in line] for line in split_lines if line]
