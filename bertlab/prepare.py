"""Text of any size to shards, which `pretrain --data` trains from: split, encoded in parallel, without duplicates.

There are three steps, each of which can be killed and resumed: learn a vocabulary from a sample, encode each block of
the text into a file of its own, join these files to shards. shards.py says what a folder of shards holds.
"""

import io
import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path

import numpy as np

from .arguments import check_number
from .corpus import hash_to_fraction
from .coverage import count_lost_of_each
from .failures import doing, is_our_message
from .files import check_folder_takes_files, expand_home, hold_lock, move_into_place, write_bytes, write_json
from .options import check_plan, option
from .plan_texts import name_group
from .records import read_record
from .shards import join_parts, name_block
from .sources.blocks import BLOCK, Block, list_source_files, read_blocks, split_block
from .sources.layouts import LAYOUTS
from .sources.prose import PROSE
from .vocabulary import count_words, describe_vocabulary, learn_from_counts
from .wordpiece import WordPiece


@dataclass(frozen=True)
class PreparePlan:
    """What shards depend on. The defaults are those of `PretrainPlan`."""

    text: tuple[str, ...] = option((), "named sources, files (.txt, .jsonl, .parquet, also .gz, .zst, .bz2), folders "
                                   "of them, and hub:NAME[:CONFIG][@SPLIT]", "text", metavar="TEXT")  # fmt: skip
    column: str = option("", "column of the text in .jsonl, .parquet and the hub", "text", shown="text, content ...")
    sentences: str = option("auto", "how texts of yours are laid out: lines (one sentence a line), marks (running "
                            "prose), or auto, which looks at each file", "text", metavar="LAYOUT")  # fmt: skip
    held_out: float = option(0.05, "share of the documents to be judged by", "text", above=0, below=1)
    vocab_size: int = option(4000, "wordpieces to learn", "vocabulary", least=6, most=1_000_000)
    cased: bool = option(False, "a vocabulary that keeps capitals and accents", "vocabulary")
    keep_accents: bool = option(False, "keep accents and vowel signs, though not capitals", "vocabulary")
    sample: int = option(100, "megabytes of text to learn them from, spread over all of it", "vocabulary", least=1,
                         most=10_000)  # fmt: skip
    vocabulary: str = option("", "take the vocabulary of this model or folder instead", "vocabulary", metavar="MODEL")

    def __post_init__(self):
        check_plan(self)
        if not self.text:
            raise ValueError("no text: name a source (python -m bertlab data lists them), files or folders (--text)")
        if self.sentences not in LAYOUTS:
            raise ValueError(f"sentences is {self.sentences!r}; it is one of {', '.join(LAYOUTS)}")
        if self.cased and self.keep_accents:
            raise ValueError("--keep-accents changes nothing with --cased, which keeps them")


def prepare(
    plan: PreparePlan,
    folder: str | Path,
    *,
    part: tuple[int, int] = (1, 1),
    workers: int = 0,
    resume: bool = False,
    say: Callable[[str], None] = print,
) -> dict:
    """Make shards of a text in `folder`; return what its manifest.json holds. The bytes depend on the plan alone.

    With `part` (i, n), only every n-th block is encoded, beginning with the i-th; `join_parts` makes shards of all
    parts. `workers` processes encode, one for each core by default. `resume=True` goes on where a call was killed.
    Raises FileExistsError for a folder that holds something, ValueError for another plan or a text that has changed.
    """
    workers = check_number(workers, "workers", least=0, most=1024, whole=True) or count_cores()
    folder = expand_home(folder)
    check_place(folder, plan.text)
    state = {"plan": asdict(plan), "part": part, "sources": describe_sources(plan.text), "blocks": 0}
    state = json.loads(json.dumps(state))  # as it will be read again
    recorded = read_state(folder, resume)
    check_unchanged(state, recorded, folder)
    if "files" in recorded:
        shutil.rmtree(folder / "blocks", ignore_errors=True)
        say(f"the shards in {folder} are complete")
        return recorded
    blocks = folder / "blocks"
    blocks.mkdir(parents=True, exist_ok=True)
    check_folder_takes_files(blocks)
    with hold_lock(blocks / "lock", f"the folder {folder}"):
        if not recorded:
            write_json(blocks / "state.json", state)
        if not (folder / "tokenizer").exists():
            shutil.rmtree(blocks / "tokenizer", ignore_errors=True)  # of a call that was killed
            try:
                make_vocabulary(plan, workers, say).save(blocks / "tokenizer")
            except Exception:  # nothing is lost yet, and the folder is free for another text or plan
                (blocks / "state.json").unlink(missing_ok=True)
                raise
            move_into_place(blocks / "tokenizer", folder / "tokenizer")
        state["blocks"] = encode_blocks(plan, folder, part, workers)
        write_json(blocks / "state.json", state)
        if part[1] == 1:
            return join_parts([folder], folder, say)
    say(f"part {part[0]} of {part[1]} is complete: bring all parts together (--join)")
    return state


# ---- The folder ------------------------------------------------------------------------------------------------------


def check_place(folder: Path, inputs: Sequence[str]) -> None:
    """Raise OSError or ValueError when the folder is a file, or holds or lies in what is read."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder, and shards need one: give another name (--out)")
    for name in inputs:
        if name not in PROSE and (given := Path(name)).exists():
            place, source = folder.resolve(), given.resolve()
            if place.is_relative_to(source) or source.is_relative_to(place):
                raise ValueError(f"--out {folder} and {name}: one lies in the other: give another folder (--out)")


def read_state(folder: Path, resume: bool) -> dict:
    """What the manifest in the folder holds, or the state of what is not complete; {} for a new folder. Raises
    FileExistsError unless it is to be gone on with."""
    for name in ("manifest.json", "blocks/state.json"):
        if (folder / name).exists():
            if not resume:
                raise FileExistsError(f"{folder} holds shards already: go on (--resume), or name another folder")
            return read_record(folder / name, plan=dict)
    if folder.exists() and any(path.name != "blocks" for path in folder.iterdir()):
        raise FileExistsError(
            f"{folder} holds other files, and shards need a folder of their own: name another (--out)"
        )
    return {}


def check_unchanged(state: dict, recorded: dict, folder: Path) -> None:
    """Raise ValueError when the plan, the part or the text is not what the folder began with."""
    for name, now in (state["plan"] | {"part": state["part"]}).items():
        before = (recorded.get("plan", {}) | {"part": recorded.get("part", state["part"])}).get(name, now)
        if now != before:
            raise ValueError(
                f"--{name.replace('_', '-')} is {now}, but the shards in {folder} began with {before}: leave it out, "
                "or name another folder"
            )
    if recorded.get("sources", state["sources"]) != state["sources"]:
        raise ValueError(f"the text has changed since {folder} was begun: start again in another folder")


def describe_sources(names: Sequence[str]) -> str:
    """A digest of the names, sizes and times of all files, by which a text that has changed is known."""
    files = [file for name in names if name not in PROSE and not name.startswith("hub:")
             for file in list_source_files(name)]  # fmt: skip
    listed = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return blake2b(repr(listed).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def count_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# ---- Processes -------------------------------------------------------------------------------------------------------


def run_in_processes(function: Callable, items: Iterable, workers: int) -> Iterator:
    """`function` of each item, in order. Only a few items are in memory at a time."""
    if workers == 1:
        yield from map(function, items)
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), start_worker)
    waiting = deque()
    try:
        for item in items:
            waiting.append(pool.submit(return_errors, function, item))
            if len(waiting) > workers + 1:
                yield raise_error(waiting.popleft().result())
        while waiting:
            yield raise_error(waiting.popleft().result())
    except BrokenProcessPool:
        raise OSError(
            "a process was killed, perhaps for lack of memory: go on with --resume and fewer --workers"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def start_worker() -> None:
    """In each process: leave Ctrl-C to the parent, end when it has ended, and use one core."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def return_errors(function: Callable, item: object) -> object:
    """`function(item)`, or our own error, which would lose on its way that it is ours."""
    try:
        return function(item)
    except Exception as error:
        if not is_our_message(error):
            raise
        return error


def raise_error(result: object) -> object:
    if isinstance(result, Exception):
        raise type(result)(str(result))
    return result


# ---- Vocabulary ------------------------------------------------------------------------------------------------------


@doing("learning a vocabulary")
def make_vocabulary(plan: PreparePlan, workers: int, say: Callable[[str], None]) -> WordPiece:
    """The vocabulary of the plan's model, or one that is learned from a sample of the documents for training."""
    if plan.vocabulary:
        if Path(plan.vocabulary).is_file():
            return WordPiece.load(plan.vocabulary)
        from .weights import find_model_folder

        return WordPiece.load(find_model_folder(plan.vocabulary))
    rules = {"lower": not plan.cased, "strip_accents": False if plan.keep_accents else None}
    words, size = Counter(), 0
    for counts, characters in run_in_processes(partial(count_block, plan.held_out, rules), read_sample(plan), workers):
        words.update(counts)
        size += characters
    tokenizer = learn_from_counts(words, plan.vocab_size, **rules)
    said = describe_vocabulary(tokenizer, plan.vocab_size)
    say(f"{said}, learned from {size / 1e6:,.1f} million characters of the text")
    return tokenizer


def read_sample(plan: PreparePlan) -> Iterator[Block]:
    """Evenly spaced blocks of the text, of about `plan.sample` megabytes; of a data set of the hub the first ones."""
    most = max(1, plan.sample * 1_000_000 // BLOCK)
    files = [name for name in plan.text if not name.startswith("hub:")]
    blocks = chain.from_iterable(read_blocks(name, plan.sentences, plan.column) for name in files)
    total = sum(1 for _ in blocks)
    chosen = {number * total // most for number in range(most)}  # all of them, if there are fewer
    blocks = chain.from_iterable(read_blocks(name, plan.sentences, plan.column) for name in files)
    yield from (block for number, block in enumerate(blocks) if number in chosen)
    for name in plan.text:
        if name not in files:
            yield from islice(read_blocks(name, plan.sentences, plan.column), most)


def count_block(held_out: float, rules: dict, block: Block) -> tuple[Counter, int]:
    """The words of the documents of a block that are not held out, and how many characters they have."""
    texts = []
    for number, document in enumerate(split_block(block).documents, block.first):
        if hash_to_fraction(f"0\n{name_group(block.source, number, document)}") > held_out:
            texts += document
    return count_words(texts, **rules), sum(map(len, texts))


# ---- Encode ----------------------------------------------------------------------------------------------------------


@doing("encoding the text")
def encode_blocks(plan: PreparePlan, folder: Path, part: tuple[int, int], workers: int) -> int:
    """Encode all blocks of this part into files, but for those that are there; return how many blocks the text has."""
    total = 0

    def read() -> Iterator[tuple[int, Block]]:
        nonlocal total
        for name in plan.text:
            for block in read_blocks(name, plan.sentences, plan.column):
                if total % part[1] == part[0] - 1 and not name_block(folder, total).exists():
                    yield total, block
                total += 1

    from tqdm import tqdm

    encode = partial(encode_block, folder, (folder / "tokenizer" / "vocab.txt").stat().st_mtime_ns)
    for _ in tqdm(run_in_processes(encode, read(), workers), "encoding, blocks", disable=None):
        pass
    if not total:
        raise ValueError("the text holds nothing: is it the one that you meant?")
    return total


@lru_cache(1)
def load_tokenizer(folder: Path, changed: int) -> tuple[WordPiece, dict]:
    return WordPiece.load(folder / "tokenizer"), {}  # and the words that it has encoded


def encode_block(folder: Path, changed: int, numbered: tuple[int, Block]) -> None:
    """Write what the shards need of a block: ids, and of each document its sentences, losses and two hashes."""
    number, block = numbered
    tokenizer, known = load_tokenizer(folder, changed)
    reading = split_block(block)
    documents = reading.documents
    encoded = tokenizer.encode_bulk(chain.from_iterable(documents), known)
    sizes = np.fromiter(map(len, encoded), np.int64, len(encoded))
    of_document = np.repeat(np.arange(len(documents)), list(map(len, documents)))
    digests = [blake2b("\n".join(document).encode(), digest_size=16).digest() for document in documents]
    groups = [name_group(block.source, n, document) for n, document in enumerate(documents, block.first)]
    lost = list(count_lost_of_each(documents, tokenizer))
    notes = reading.layouts | {"parted": reading.parted, "cut": reading.cut}
    facts = {"source": block.source, "notes": notes, "lost": list(lost[0] if lost else ())}
    buffer = io.BytesIO()
    np.savez(
        buffer,
        ids=np.fromiter(chain.from_iterable(encoded), np.uint16 if len(tokenizer) <= 2**16 else np.int32, sizes.sum()),
        sentences=sizes[sizes > 0],
        documents=np.bincount(of_document[sizes > 0], minlength=len(documents)),
        digests=np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2),
        fractions=np.array([hash_to_fraction(f"0\n{group}") for group in groups]),
        lost=np.array([list(counts.values()) for counts in lost], np.int64),
        facts=np.array(json.dumps(facts)),
    )
    write_bytes(name_block(folder, number), buffer.getvalue())
