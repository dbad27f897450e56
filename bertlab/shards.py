"""Encoded blocks of a text to shards: copies dropped, documents held out, arrays that need not be in memory.

A folder of shards holds `manifest.json`, which is written last and names every other file with its size and sha256;
`tokenizer/`; `counts.npy`, how often each id occurs in the training text; and for each shard, as for the text that is
held out, the arrays of an `EncodedCorpus` and `kinds`, for each document the number of its text in the plan.
"""

import json
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from .corpus import compute_offsets, find_split_limit
from .coverage import check_coverage, list_coverage_warnings
from .failures import doing
from .files import hash_file, sync_to_disk, write_json
from .records import read_record
from .wordpiece import WordPiece

SHARD_TOKENS = 1 << 24  # at most, about; a shard is spread over the whole text, and its random B's come from itself
MOST_HELD_OUT = 1 << 21  # tokens: enough to judge by, whatever the size of the text
DIGESTS_AT_ONCE = 1 << 21  # documents among which copies are looked for at a time
COUNTS = ("documents", "empty_documents", "sentences", "tokens", "unknown")
ARRAYS = ("ids", "sentences", "documents", "kinds")  # of a shard


def name_block(folder: Path, number: int) -> Path:
    """The file of an encoded block."""
    return folder / "blocks" / f"{number:07}.npz"


@doing("joining the blocks to shards")
def join_parts(parts: Sequence[Path], folder: Path, say: Callable[[str], None] = print) -> dict:
    """Make the shards of all `parts` in `folder`, and return what manifest.json holds.

    Of S shards, number k has the blocks k, k + S, k + 2 S ..., so that each is spread over the text. Raises ValueError
    when a part is missing or not complete, or of another text or plan, FileExistsError for shards that are there.
    """
    plan, blocks = list_blocks(parts)
    if folder not in parts:
        folder.mkdir(parents=True, exist_ok=True)
        if other := [path.name for path in folder.iterdir() if path.suffix != ".npy" and path.name != "tokenizer"]:
            raise FileExistsError(f"{folder} holds {other[0]}: name an empty folder (--out)")
        shutil.copytree(parts[0] / "tokenizer", folder / "tokenizer", dirs_exist_ok=True)
    for left in folder.glob("*.npy"):  # by a process that was killed
        left.unlink()
    tokenizer = WordPiece.load(folder / "tokenizer")
    copies = find_copies(blocks)
    limit, tokens, is_lower = find_held_out(blocks, copies, plan["held_out"])
    if is_lower:
        say(f"held out: fewer than {plan['held_out']:.1%} of the documents, as {MOST_HELD_OUT:,} wordpieces are enough")
    training, held_out = Gathered(tokenizer), Gathered(tokenizer)
    sources, shards, step = list(plan["text"]), 0, min(max(1, -(-tokens // SHARD_TOKENS)), len(blocks))
    notes = {name: Counter() for name in sources}
    for first in range(step):
        for number in range(first, len(blocks), step):
            block, facts = load_block(blocks[number])
            kind = sources.index(facts["source"])
            is_held_out = block["fractions"] <= limit
            training.add(number, block, ~is_held_out & ~copies[number], kind, facts["lost"])
            held_out.add(number, block, is_held_out & ~copies[number], kind, facts["lost"])
            notes[facts["source"]].update(facts["notes"] | {"documents": len(is_held_out)})
        shards += training.save(folder, f"{shards:05}")
    held_out.save(folder, "held-out")
    np.save(folder / "counts.npy", training.ids)
    for name, counts in notes.items():
        say(describe_reading(name, counts))
    counts = {"training": training.counts, "held_out": held_out.counts}
    dropped = sum(int(copy.sum()) for copy in copies)
    report_counts(counts, dropped, say)
    names = sorted(path.relative_to(folder).as_posix() for path in [*folder.glob("*.npy"), *folder.glob("tokenizer/*")])
    for name in names:
        sync_to_disk(folder / name)
    files = {name: {"bytes": (folder / name).stat().st_size, "sha256": hash_file(folder / name)} for name in names}
    manifest = {"format": 1, "plan": plan, "shards": shards, "copies": dropped, **counts, "files": files}
    write_json(folder / "manifest.json", manifest)
    if folder in parts:
        shutil.rmtree(folder / "blocks", ignore_errors=True)
    return manifest


def list_blocks(parts: Sequence[Path]) -> tuple[dict, list[Path]]:
    """The plan of all parts, and the files of their blocks in the order of the text. Raises ValueError."""
    states = {
        part: read_record(part / "blocks" / "state.json", plan=dict, part=list[int], blocks=int) for part in parts
    }
    first, of_first = next(iter(states.items()))
    owners, count = {}, of_first["part"][1]
    tokenizer = hash_file(first / "tokenizer" / "tokenizer.json")
    for part, state in states.items():
        if not state["blocks"]:
            raise ValueError(f"{part} is not complete: go on with it (--resume)")
        same = [state[name] == of_first[name] for name in ("plan", "blocks")] + [state["part"][1] == count]
        if not all(same) or hash_file(part / "tokenizer" / "tokenizer.json") != tokenizer:
            raise ValueError(f"{part} and {first} are no parts of one text: the options or the text were not the same")
        owners[state["part"][0]] = part
    if missing := [f"{number}/{count}" for number in range(1, count + 1) if number not in owners]:
        raise ValueError(f"the text has {count} parts, and these are not here: {', '.join(missing)}")
    return of_first["plan"], [name_block(owners[number % count + 1], number) for number in range(of_first["blocks"])]


def load_block(path: Path, *names: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays of an encoded block, all or some of them, and its facts. Raises ValueError for a damaged file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in names or file.files}, json.loads(str(file["facts"]))
    except (zipfile.BadZipFile, ValueError, KeyError, EOFError, OSError) as error:
        raise ValueError(f"{path} is spoiled ({error}): remove it, and prepare its part again (--resume)") from None


# ---- Copies and held-out documents -----------------------------------------------------------------------------------


def find_copies(blocks: Sequence[Path]) -> list[np.ndarray]:
    """For each block, which of its documents occurred before. They are known by 16 bytes of a hash (blake2b): of 10
    billion documents, two that differ have the same one with a probability of 1 in 7 billion billion.

    The hashes stay on the disk, but for those that are looked at at a time; in memory is one byte for each document.
    """
    sizes = [len(load_block(path, "fractions")[0]["fractions"]) for path in blocks]
    starts, copies = compute_offsets(np.array(sizes, np.int64)), np.zeros(sum(sizes), bool)
    groups = 1 + len(copies) // DIGESTS_AT_ONCE
    for group in range(groups):
        digests, numbers = [], []
        for start, path in zip(starts[:-1], blocks, strict=True):
            found = load_block(path, "digests")[0]["digests"]
            chosen = np.flatnonzero(found[:, 0] % groups == group)
            digests.append(found[chosen])
            numbers.append(start + chosen)
        digests, numbers = np.concatenate(digests), np.concatenate(numbers)
        order = np.lexsort(digests.T)  # of equal ones, the first of the text comes first
        same = (digests[order[1:]] == digests[order[:-1]]).all(1)
        copies[numbers[order[1:][same]]] = True
    return np.split(copies, starts[1:-1])


def find_held_out(blocks: Sequence[Path], copies: Sequence[np.ndarray], share: float) -> tuple[float, int, bool]:
    """Up to which fraction documents are held out, how many tokens are left, and whether the fraction is lower than
    that of `split_documents` (with at least two documents in each part), which would give more than MOST_HELD_OUT
    tokens."""
    low = high = np.empty(0)  # the lowest and the highest fractions
    near, documents, total = np.empty((0, 2)), 0, 0  # near: fraction and tokens of those that may be held out
    for path, copy in zip(blocks, copies, strict=True):
        block, _ = load_block(path, "fractions", "sentences", "documents")
        tokens = np.diff(compute_offsets(block["sentences"])[compute_offsets(block["documents"])])
        table = np.stack([block["fractions"], tokens], 1)[~copy]
        documents, total = documents + len(table), total + int(table[:, 1].sum())
        low = np.unique(np.concatenate([low, table[:, 0]]))[:2]
        high = np.unique(np.concatenate([high, table[:, 0]]))[-3:]
        near = np.concatenate([near, table[table[:, 0] <= max(share, low[-1])]])
        near = near[near[:, 0].argsort(kind="stable")]
        near = near[: np.searchsorted(near[:, 1].cumsum(), MOST_HELD_OUT) + 2]
    usual = limit = find_split_limit(np.union1d(low, high), share, 2, documents)
    if near[:, 1].sum() > MOST_HELD_OUT and (fits := np.searchsorted(near[:, 1].cumsum(), MOST_HELD_OUT, "right")) > 1:
        limit = min(limit, near[fits - 1, 0])
    return float(limit), total - int(near[near[:, 0] <= limit, 1].sum()), bool(limit < usual)


class Gathered:
    """The documents of a part of the text: gathered for one shard at a time, counted for all."""

    def __init__(self, tokenizer: WordPiece):
        self.unknown, self.ids = tokenizer.unk_id, np.zeros(len(tokenizer), np.int64)  # ids: how often each occurs
        self.counts = dict.fromkeys(COUNTS, 0)
        self.found: list[tuple] = []

    def add(
        self, number: int, block: dict[str, np.ndarray], chosen: np.ndarray, kind: int, lost: Sequence[str]
    ) -> None:
        """Take the `chosen` documents of a block."""
        of_sentence = np.repeat(chosen, block["documents"])
        ids = block["ids"][np.repeat(of_sentence, block["sentences"])]
        sentences, documents = block["sentences"][of_sentence], block["documents"][chosen]
        self.ids += np.bincount(ids, minlength=len(self.ids))
        counts = (len(documents), (documents == 0).sum(), len(sentences), len(ids), (ids == self.unknown).sum())
        for name, count in [
            *zip(COUNTS, counts, strict=True),
            *zip(lost, block["lost"][chosen].sum(0) if lost else (), strict=True),
        ]:
            self.counts[name] = self.counts.get(name, 0) + int(count)
        documents = documents[documents > 0]
        self.found.append((number, ids, sentences, documents, np.full(len(documents), kind, np.uint16)))

    def save(self, folder: Path, name: str) -> bool:
        """Write what was gathered as arrays, in the order of the text. Return whether there was anything."""
        found, self.found = sorted(self.found, key=lambda one: one[0]), []
        _, ids, sentences, documents, kinds = (np.concatenate(column) if i else column
                                               for i, column in enumerate(zip(*found, strict=True)))  # fmt: skip
        if not len(ids):
            return False
        arrays = ids, compute_offsets(sentences).astype(np.int32), compute_offsets(documents).astype(np.int32), kinds
        for array, values in zip(ARRAYS, arrays, strict=True):
            np.save(folder / f"{name}.{array}.npy", values)
        return True


# ---- What is said ----------------------------------------------------------------------------------------------------


def describe_reading(name: str, counts: Counter) -> str:
    """In words: what was found in a source, and how it was read."""
    found = [f"{counts['documents']:,} documents"]
    for layout, what in (
        ("lines", "one sentence a line"),
        ("marks", "running prose, whose sentences end at their marks"),
    ):
        if counts[layout]:
            found.append(f"{counts[layout]:,} file{'s' * (counts[layout] > 1)} of {what}")
    if counts["parted"]:
        found.append(f"spaces were put into {counts['parted']:,} runs of more than 100 letters")
    if counts["cut"]:
        found.append(f"{counts['cut']:,} documents were too long, and were cut")
    return f"{name}: {'; '.join(found)}"


def report_counts(counts: dict[str, dict[str, int]], copies: int, say: Callable[[str], None]) -> None:
    """Say how much text there is, and warn of what is lost. Raises ValueError where nothing can be learned."""
    say(f"{copies:,} document{'s are copies' if copies != 1 else ' is a copy'} of others, and left out")
    for what, of_part in counts.items():
        what = what.replace("_", " ")
        say(f"{what}: {of_part['documents']:,} documents, {of_part['sentences']:,} sentences, "
            f"{of_part['tokens']:,} wordpieces")  # fmt: skip
        unknown = of_part["unknown"] / max(1, of_part["tokens"])
        shares = of_part | {"unknown": unknown, "in_rows": 1, "rows": 1, "next": 0, "random": 0}
        for warning in list_coverage_warnings(shares):
            say(f"warning: {what}: {warning}")
        check_coverage(shares)
