"""sources.labelled: TODO."""

import tarfile

from ..files import read_text
from .fetching import fetch

PARTS = {"movies": "movieReview", "tweets": "tweets", "amazon": "amazonReview", "nyt": "nytEditorial"}


def sentiment(part: str = "movies") -> list[tuple[str, float]]:
    """(text, mean score of 20 or so people, from -4 very negative to 4 very positive), in the file's order.

    `part` is "movies" (10,605 snippets of film reviews), "tweets" (4,200), "amazon" (3,708) or "nyt" (5,190).
    """
    import html

    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, not {part!r}")
    stem = PARTS[part] + ("" if part == "tweets" else "Snippets")
    with tarfile.open(fetch("vader") / "hutto_ICWSM_2014.tar.gz", "r:gz") as packed:
        data = packed.extractfile(f"hutto_ICWSM_2014/{stem}_GroundTruth.txt").read()
    rows = [line.split("\t", 2) for line in data.decode("utf-8").splitlines() if line.strip()]
    return [(html.unescape(text).strip(), float(score)) for _, score, text in rows]


def dialogues() -> list[list[str]]:
    """Exchanges of the ChatterBot corpus: each a list of two or more turns, topic by topic in order of name."""
    import yaml

    found = []
    for path in sorted(fetch("chatterbot").glob("*.yml")):
        # BaseLoader keeps every turn a string: a "Yes" is not True. One entry is a stray string, no exchange.
        for turns in yaml.load(read_text(path), Loader=yaml.BaseLoader)["conversations"]:
            if isinstance(turns, list):
                found.append(turns)
    return found


def tagged() -> list[list[tuple[str, str]]]:
    """Lines of (word, Penn tag) from the Open American National Corpus. The tags are silver: a program's."""
    found = []
    for line in read_text(fetch("pos") / "tagged-en-oanc.txt").split("\n"):
        pairs = [token.rpartition("/") for token in line.split()]
        if pairs:
            found.append([(word, tag) for word, _, tag in pairs])
    return found
