"""Text of any size as blocks of about 4 MB: files, compressed or not, folders of them, named sources, and data sets of
the Hugging Face hub.

One process reads the blocks, any number of others split them into documents. What stands in a block depends on the text
alone, and only a few blocks are in memory at a time.
"""

import json
import re
import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import IO, Any, NamedTuple

from ..files import check_regular_file, decode_text, unify_line_ends
from .layouts import recognise_layout
from .prose import PROSE, TABLES, documents, find_user_path, list_files, split_document, split_paragraphs
from .registry import SourceError
from .sentences import has_capitals

BLOCK = 4 << 20  # bytes of text in a block, about; a document in a text file that is longer is cut
MOST_SURVEYED = 64 << 20  # bytes of a source in which capitals are looked for
FORMS = (".txt", ".jsonl", ".parquet")
PACKED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
COLUMNS = ("text", "content", "document", "article", "body", "sentence")  # the first that is there, if none is named
BLANK_LINE = re.compile(rb"\n[ \t\r\f\v]*\n")
HALF_CHARACTER = re.compile("[\ud800-\udfff]")  # which JSON can hold


class Block(NamedTuple):
    """Consecutive text of one source, for `split_block`.

    form    what the parts are: "documents", lists of sentences; "rows", a text each; or "files", of each (its name, how
            many of its bytes come before these, bytes)
    layout  of the text: "lines" or "marks"; "auto" looks at each file
    cased   whether the source has capitals
    is_one  whether a file of running prose is one document
    ends    where it ends: at the end of a "file", at a "blank" line, or "inside" of a document that is cut
    first   how many documents or rows of the source come before it
    """

    source: str
    form: str
    parts: list
    layout: str = "auto"
    cased: bool = True
    is_one: bool = False
    ends: str = "file"
    first: int = 0


class Reading(NamedTuple):
    """The documents of a block; how many files (or rows, as one) begin in it by layout; how many long words were given
    spaces, and how many documents were cut."""

    documents: list[list[str]]
    layouts: dict[str, int]
    parted: int = 0
    cut: int = 0


# ---- Read ------------------------------------------------------------------------------------------------------------


def read_blocks(source: str, sentences: str = "auto", column: str = "") -> Iterator[Block]:
    """The blocks of a source, always the same. `source` is the name of a source of prose, "hub:NAME[:CONFIG][@SPLIT]",
    a file (text, or .jsonl or .parquet, perhaps .gz, .zst or .bz2), or a folder of such files, which are read in order
    of name, first those of rows.

    `column` is that of the text in rows (default: the first of COLUMNS that is there). Raises SourceError, ValueError
    or OSError, with the file and what to do.
    """
    if source in PROSE:
        found, first, size = read_named_documents(source), 0, 0
        for end, document in enumerate(found, 1):
            size += sum(map(len, document))
            if size >= BLOCK or end == len(found):
                yield Block(source, "documents", found[first:end], first=first)
                first, size = end, 0
    elif source.startswith("hub:"):
        yield from make_row_blocks(source, stream_hub_rows(source, column), source, sentences)
    else:
        files = list_source_files(source)
        for file in files:
            if get_form(file) == ".jsonl":
                yield from make_row_blocks(source, read_json_rows(file, column), str(file), sentences)
            elif get_form(file) == ".parquet":
                yield from make_row_blocks(source, read_parquet_rows(file, column), str(file), sentences)
        yield from read_text_blocks(source, [file for file in files if get_form(file) == ".txt"], sentences)


@lru_cache(len(PROSE))
def read_named_documents(source: str) -> list[list[str]]:
    return documents(source)  # asked for three times: to be counted, for the vocabulary, and to be encoded


def list_source_files(source: str) -> list[Path]:
    """The files of a path, in order of name. Raises SourceError if there is none."""
    path = find_user_path(source)
    ends = tuple(form + packed for form in FORMS for packed in ("", *PACKED))
    files = list_files(path, ends)[0] if path.is_dir() else [path]
    if not files:
        raise SourceError(f"the folder {path} contains no file that ends in {', '.join(FORMS)}, or so and in "
                          f"{', '.join(PACKED)}")  # fmt: skip
    return files


def get_form(file: Path) -> str:
    """One of FORMS, by the file's name; a file of another name is read as text. Raises SourceError for a table."""
    name = (file.stem if file.suffix.lower() in PACKED else file.name).lower()
    if name.endswith(TABLES):
        raise SourceError(f"{file} holds rows, which would be read as running text: write them as .jsonl or .parquet")
    return next((form for form in FORMS if name.endswith(form)), ".txt")


def read_text_blocks(source: str, files: Sequence[Path], sentences: str) -> Iterator[Block]:
    """The blocks of text files. Small files share a block, and a large one has several, of one layout."""
    cased, is_one = survey_files(files)
    shared = {"source": source, "form": "files", "cased": cased, "is_one": is_one}
    small, size = [], 0
    for file in files:
        pieces, before = cut_file(file), 0
        data, ends = next(pieces)
        if ends == "file":
            small.append((str(file), 0, data))
            size += len(data)
        if size >= BLOCK or (small and ends != "file"):
            yield Block(parts=small, layout=sentences, **shared)
            small, size = [], 0
        if ends == "file":
            continue
        text = unify_line_ends(data.decode("utf-8", "ignore"))
        layout = recognise_layout(text)[0] if sentences == "auto" else sentences
        for piece, where in chain([(data, ends)], pieces):
            yield Block(parts=[(str(file), before, piece)], layout=layout, ends=where, **shared)
            before += len(piece)
    if small:
        yield Block(parts=small, layout=sentences, **shared)


def survey_files(files: Iterable[Path]) -> tuple[bool, bool]:
    """Whether files of text have capitals, and whether several of them hold text at all."""
    cased, full, read = False, 0, 0
    for file in files:
        if (cased and full > 1) or read > MOST_SURVEYED:
            break
        data, _ = next(cut_file(file))
        text = data.decode("utf-8", "ignore")
        cased, full, read = cased or has_capitals(text), full + bool(text.strip()), read + len(data)
    return cased, full > 1


def cut_file(file: Path) -> Iterator[tuple[bytes, str]]:
    """A text file in pieces of about BLOCK bytes, unpacked, and where each ends, see `Block`; at least one piece."""
    with open_unpacked(file) as stream:
        data = read_bytes_of(stream, file)
        mac = b"\r" in data and b"\n" not in data  # its lines end at \r alone
        while more := read_bytes_of(stream, file):
            data = data.replace(b"\r", b"\n") if mac else data
            end, ends = find_cut(data)
            yield data[:end], ends
            data = data[end:] + more
        yield data.replace(b"\r", b"\n") if mac else data, "file"


def find_cut(data: bytes) -> tuple[int, str]:
    """Where a piece of a text file can end: after the last blank line; without one, inside of a document after a line,
    a space, or before the last character."""
    for blank in deque(BLANK_LINE.finditer(data), 1):  # the last one
        return blank.end(), "blank"
    end = data.rfind(b"\n") + 1 or data.rfind(b" ") + 1 or len(data) - 1
    while 0 < end < len(data) and data[end] & 0xC0 == 0x80:  # not the first byte of a character
        end -= 1
    return end or len(data), "inside"


def open_unpacked(file: Path) -> IO[bytes]:
    """A stream of the file's bytes, unpacked if its name ends in .gz, .zst or .bz2."""
    import pyarrow

    check_regular_file(file)
    return pyarrow.input_stream(str(file), compression=PACKED.get(file.suffix.lower()))


def read_bytes_of(stream: IO[bytes], file: Path) -> bytes:
    """The next BLOCK bytes, fewer only at the end. Raises OSError for a packed file that is damaged or incomplete."""
    parts, left = [], BLOCK
    try:
        while left and (data := stream.read(left)):
            parts.append(data)
            left -= len(data)
    except OSError as error:
        if error.errno is not None:
            raise
        raise OSError(f"{file} cannot be unpacked ({error}): fetch it again") from None
    return b"".join(parts)


# ---- Rows ------------------------------------------------------------------------------------------------------------


def read_json_rows(file: Path, column: str) -> Iterator[Any]:
    """What each line of a .jsonl file has in the column. Raises ValueError with the number of the line."""
    name = ""
    for number, line in enumerate(read_lines(file), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = "it is nested too deep" if isinstance(error, RecursionError) else error
            raise ValueError(f"{file}, line {number}: it is not JSON: {reason}") from None
        if not isinstance(row, dict):
            raise ValueError(f"{file}, line {number}: {row!r:.40} is no object with a text in a field")
        name = name or choose_column(row, column, str(file))
        yield row.get(name)


def read_lines(file: Path) -> Iterator[bytes]:
    rest = b""
    with open_unpacked(file) as stream:
        while data := read_bytes_of(stream, file):
            *lines, rest = (rest + data).split(b"\n")
            yield from lines
    yield rest


def read_parquet_rows(file: Path, column: str) -> Iterator[Any]:
    """What each row of a .parquet file has in the column."""
    import pyarrow
    from pyarrow.parquet import ParquetFile

    check_regular_file(file)
    with tempfile.TemporaryFile() as unpacked:
        if file.suffix.lower() in PACKED:
            with open_unpacked(file) as stream:
                while data := read_bytes_of(stream, file):
                    unpacked.write(data)
        try:
            table = ParquetFile(unpacked if file.suffix.lower() in PACKED else str(file), pre_buffer=False)
            name = choose_column(table.schema_arrow.names, column, str(file))
            for batch in table.iter_batches(1000, columns=[name]):
                yield from batch.column(0).to_pylist()
        except pyarrow.ArrowException as error:
            raise ValueError(f"{file} cannot be read as parquet: {' '.join(str(error).split())[:200]}") from None


def stream_hub_rows(source: str, column: str) -> Iterator[Any]:
    """What the rows of a data set of the hub, or of a folder that `datasets` can load, have in the column, as they
    arrive."""
    import datasets

    if not re.match(r"hub:\s*[^\s:@]", source):
        raise ValueError(f"{source!r}: the data set has no name: write hub:NAME")
    name, _, split = source.removeprefix("hub:").partition("@")
    name, _, config = name.partition(":")
    try:
        data = datasets.load_dataset(name, config or None, split=split or "train", streaming=True)
        columns = data.column_names or list(next(iter(data)))
    except Exception as error:  # offline, no such name, gated, a script: its own words say which
        reason = " ".join(str(error).split())[:400] or type(error).__name__
        raise OSError(f"the data set {source!r} could not be loaded: {reason}") from error
    key = choose_column(columns, column, source)
    yield from (row[key] for row in data.select_columns([key]))


def choose_column(columns: Iterable[str], column: str, where: str) -> str:
    """The column of the text. Raises ValueError when it is not there."""
    columns = list(columns)
    if found := [name for name in ([column] if column else COLUMNS) if name in columns]:
        return found[0]
    wanted = repr(column) if column else f"{' or '.join(COLUMNS)}: name that of the text (--column)"
    raise ValueError(f"{where} has no column {wanted}; there are {', '.join(map(str, columns))}")


def make_row_blocks(source: str, rows: Iterable[Any], where: str, sentences: str) -> Iterator[Block]:
    """Blocks of the texts in rows. The texts of the first block say how all of them are read."""
    found, texts, size, before = {}, [], 0, 0
    for number, text in enumerate(chain(rows, [None]), 1):  # a last one, which is left out again
        if not isinstance(text, str | None):
            raise ValueError(f"{where}, row {number}: {text!r:.40} is no text: name another column (--column)")
        texts.append(HALF_CHARACTER.sub("\ufffd", text or ""))
        size += len(texts[-1])
        if size >= BLOCK:
            found = found or survey_rows(texts, sentences)
            yield Block(source, "rows", texts, first=before, **found)
            texts, size, before = [], 0, number
    if len(texts) > 1:
        yield Block(source, "rows", texts[:-1], first=before, **found or survey_rows(texts, sentences))


def survey_rows(texts: Sequence[str], sentences: str) -> dict:
    """How the texts are laid out, and whether they have capitals."""
    layout = recognise_layout("\n\n".join(texts[:1000]))[0] if sentences == "auto" else sentences
    return {"layout": layout, "cased": any(map(has_capitals, texts))}


# ---- Split -----------------------------------------------------------------------------------------------------------


def split_block(block: Block) -> Reading:
    """The documents of a block, as `documents` splits them. A row is a document."""
    if block.form == "documents":
        return Reading(block.parts, {})
    found, layouts, cut = [], Counter(), block.ends == "inside"  # found: (paragraphs, layout) of each document
    if block.form == "rows":
        found = [(split_paragraphs(unify_line_ends(text)), block.layout) for text in block.parts]
        layouts[block.layout] += block.first == 0
    for file, before, data in block.parts if block.form == "files" else ():
        where = f"{file}, after byte {before}" if before else file
        paragraphs = split_paragraphs(unify_line_ends(decode_text(data, where)))
        layout = recognise_layout("\n\n".join(paragraphs))[0] if block.layout == "auto" else block.layout
        is_one = layout == "marks" and block.is_one
        found += [(paragraphs, layout)] if is_one and paragraphs else [([part], layout) for part in paragraphs]
        layouts[layout] += bool(paragraphs) and before == 0
        cut = cut or (is_one and block.ends == "blank")
    split = [split_document(paragraphs, layout, block.cased) for paragraphs, layout in found]
    return Reading([document for document, _ in split], dict(layouts), sum(count for _, count in split), int(cut))
