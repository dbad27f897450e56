"""Shards to batches: the rows of one shard are in memory at a time, its ids stay on the disk.

A text that fits into one shard gives the rows and batches that it gives from memory. A larger one differs in two ways:
a random B comes from the same shard as A, and an epoch takes the shards in random order, one after the other.
"""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from .arguments import check_number
from .batches import Batches, derive_seed
from .corpus import EncodedCorpus, Rows
from .coverage import compute_shares, count_rows, describe_coverage
from .failures import doing
from .files import expand_home, hash_file, write_bytes, write_json
from .records import read_record
from .shards import ARRAYS
from .wordpiece import WordPiece

if TYPE_CHECKING:
    from .pretrain import PretrainPlan


ROW_SETTINGS = ("seed", "length", "times", "pairs", "same_source", "overflow")  # of a plan, that change its rows

# The tokenizer, the text, its batches and those of the held-out documents, what reaches them, and a digest.
Inputs = tuple[WordPiece, EncodedCorpus, Batches, Batches, dict[str, dict], str]


class Shards:
    """A folder of shards. Raises FileNotFoundError for one without a manifest."""

    def __init__(self, folder: str | Path):
        self.folder = expand_home(folder)
        if not (self.folder / "manifest.json").exists():
            raise FileNotFoundError(
                f"{folder} holds no complete shards (manifest.json): python -m bertlab prepare makes them"
            )
        self.manifest = read_record(
            self.folder / "manifest.json", plan=dict, shards=int, copies=int, training=dict, held_out=dict, files=dict
        )
        self.count = self.manifest["shards"]
        self.tokenizer = WordPiece.load(self.folder / "tokenizer")
        self.digest = sha256(repr(sorted(self.manifest["files"].items())).encode()).hexdigest()

    @doing("checking the shards")
    def check_files(self) -> None:
        """Compare the sizes, and in one process of each machine the sha256, of all files with the manifest. Raises
        ValueError with the name of a file that is spoiled."""
        is_first = os.environ.get("LOCAL_RANK", "0") == "0"
        for name, expected in self.manifest["files"].items():
            file = self.folder / name
            if not file.is_file():
                problem = "is missing"
            elif file.stat().st_size != expected["bytes"]:
                problem = f"has {file.stat().st_size:,} bytes, not {expected['bytes']:,}"
            elif is_first and hash_file(file) != expected["sha256"]:
                problem = "has other bytes than were written (sha256)"
            else:
                continue
            raise ValueError(f"{file} is spoiled: it {problem}. Copy it again, or prepare the text anew")

    def load(self, name: int | str) -> tuple[EncodedCorpus, list[str]]:
        """A shard by its number, or "held-out": its corpus, with the ids on the disk, and the text of each document."""
        name = f"{name:05}" if isinstance(name, int) else name
        ids, sentences, documents, kinds = (
            np.load(self.folder / f"{name}.{array}.npy", mmap_mode="r" if array == "ids" else None) for array in ARRAYS
        )
        texts = [self.manifest["plan"]["text"][kind] for kind in kinds]
        return EncodedCorpus(np.asarray(ids), sentences, documents, np.arange(len(kinds))), texts


@dataclass(frozen=True, eq=False)
class ShardedText(EncodedCorpus):
    """The first shard, as a sample of the text, and how often each id occurs in the whole text."""

    counts: Any = None

    def count_ids(self, vocab_size: int) -> np.ndarray:
        return self.counts[:vocab_size]


def open_shards(plan: "PretrainPlan", folder: Path, recorded: dict | None, say: Callable[[str], None],
                make_training: Callable, make_held_out: Callable) -> Inputs:  # fmt: skip
    """What a run in `folder` needs of its shards, after their files were checked. The text is a sample, the first
    shard, with the frequencies of the whole. `make_training` and `make_held_out` make batches of an encoded text."""
    shards = Shards(plan.data)
    if recorded and recorded["text_sha256"] != shards.digest:
        raise ValueError(f"{plan.data} holds other shards than those that the run in {folder} began with: give them "
                         "back, or start anew")  # fmt: skip
    shards.check_files()
    say(f"a vocabulary of {len(shards.tokenizer):,} wordpieces; {shards.count:,} shard{'s' * (shards.count > 1)}")
    if shards.count > 1:
        say('the baseline "word before" is fitted to the first shard')
    batches, rows = pair_shards(shards, plan, folder / "checkpoints" / "rows", make_training)
    training = load_training_text(shards)
    if plan.whole_words and not plan.segmenter and training.counts[batches.make_batches(0).collate.chinese].any():
        say("each Chinese character is masked as a word of its own: --segmenter jieba masks the words")
    text, kinds = shards.load("held-out")
    held_out = make_held_out(text, shards.tokenizer, plan, kinds)
    reach = {
        "training": compute_shares(shards.manifest["training"] | rows),
        "held_out": compute_shares(shards.manifest["held_out"] | count_rows(text, held_out.rows)),
    }
    for name, coverage in reach.items():
        describe_coverage(coverage, say, held_out=name == "held_out")
    return shards.tokenizer, training, batches, held_out, reach, shards.digest


def load_training_text(shards: Shards) -> ShardedText:
    """The text as the baselines and the first weights need it."""
    text, _ = shards.load(0)
    return ShardedText(**vars(text), counts=np.load(shards.folder / "counts.npy"))


def adopt_settings(plan: "PretrainPlan", shards: Shards) -> "PretrainPlan":
    """The plan with what its shards were made of. Raises ValueError when it says otherwise."""
    made = {name: shards.manifest["plan"][name] for name in ("text", "sentences", "held_out", "cased", "keep_accents")}
    made |= {"text": tuple(made["text"]), "vocab_size": len(shards.tokenizer)}
    if plan.from_:  # its vocabulary is the checkpoint's
        made = {name: value for name, value in made.items() if name not in ("vocab_size", "cased", "keep_accents")}
    for field in fields(plan):
        now = getattr(plan, field.name)
        if field.name in made and now not in (field.default, made[field.name]):
            raise ValueError(f"{field.name} is {now!r}, but the shards in {shards.folder} were made with "
                             f"{made[field.name]!r}: leave it out, or prepare the text anew")  # fmt: skip
    return replace(plan, **made)


@doing("making rows")
def pair_shards(
    shards: Shards, plan: "PretrainPlan", folder: Path, make_training: Callable
) -> tuple["ShardBatches", dict]:
    """Batches of all shards, and what `count_rows` counts in all of them.

    The rows of each shard are kept in `folder`, and made if they are not there. Processes that start together begin
    with different shards, so that they share this work.
    """
    settings = [shards.digest, *(getattr(plan, name, None) for name in ROW_SETTINGS)]
    key = sha256(repr(settings).encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)

    def make_batches(number: int) -> Batches:
        text, kinds = shards.load(number)
        own_plan = replace(plan, seed=derive_seed(plan.seed, number) if number else plan.seed)
        file, rows = folder / f"{key}-{number:05}.npy", None
        if file.exists():
            table = np.load(file)  # (N, 5)
            rows = Rows(text.ids, table[:, 0:2], table[:, 2:4], table[:, 4])
        batches = make_training(text, shards.tokenizer, own_plan, kinds, rows)
        if rows is None:
            buffer, rows = BytesIO(), batches.rows
            np.save(buffer, np.column_stack([rows.a, rows.b, rows.label]).astype(np.int32))
            write_bytes(file, buffer.getbuffer())
        return batches

    summary = folder / f"{key}.json"
    if not summary.exists():
        counts, sizes = Counter(), [0] * shards.count
        start = int(os.environ.get("RANK", 0)) * shards.count // int(os.environ.get("WORLD_SIZE", 1))
        for number in [*range(start, shards.count), *range(start)]:
            rows = make_batches(number).rows
            counts.update(count_rows(shards.load(number)[0], rows))
            sizes[number] = len(rows)
        write_json(summary, {"sizes": sizes, "counts": counts})
    made = read_record(summary, sizes=list[int], counts=dict)
    batches = ShardBatches(make_batches, made["sizes"], plan.batch_size, plan.seed)
    return batches, made["counts"]


class ShardBatches(Batches):
    """Batches of shards with so many rows each (`sizes`). `make_batches(number)` gives those of one shard.

    An epoch has all batches of each shard, shard after shard in an order that depends on (seed, epoch).
    """

    def __init__(self, make_batches: Callable[[int], Batches], sizes: Sequence[int], batch_size: int, seed: int):
        self.make_batches, self.batch_size, self.seed, self.total = make_batches, batch_size, seed, sum(sizes)
        self.lengths = None  # of all rows: they are not in memory
        self.sizes = np.array(sizes) // batch_size  # in batches
        self.opened: tuple[int, Batches | None] = (-1, None)
        self.order: tuple = (-1, None, None)  # the epoch, the order of its shards, and where each ends
        if not self.sizes.all():
            raise ValueError(
                f"{min(sizes)} rows do not fill one batch of {batch_size}: give more text, or smaller batches"
            )

    def __len__(self) -> int:
        return int(self.sizes.sum())

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        epoch, position = divmod(check_number(number, "number", least=0, whole=True), len(self))
        if self.order[0] != epoch:
            order = np.random.default_rng((self.seed, epoch, 2)).permutation(len(self.sizes))
            self.order = epoch, order, self.sizes[order].cumsum()
        _, order, ends = self.order
        place = int(np.searchsorted(ends, position, "right"))
        shard = int(order[place])
        if self.opened[0] != shard:
            self.opened = (-1, None)  # its memory is free before more is taken
            self.opened = (shard, self.make_batches(shard))
        size = int(self.sizes[shard])
        return self.opened[1][epoch * size + position - int(ends[place]) + size]

    def get_settings(self) -> dict:
        return {"rows": self.total, "batch_size": self.batch_size, "batch_seed": self.seed}
