"""From documents to rows: sentences become ids, and ids become pairs of segments.

Dimension letters: N rows of an epoch, V vocabulary.
"""

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import chain, groupby, pairwise

import numpy as np

PAIRS = ("next", "sentences", "order", "none")  # the ways in which `pair_rows` can pair
SENTENCES_AT_ONCE = 50_000  # bounds the memory that lists of Python numbers take while a corpus is encoded

Documents = Sequence[Sequence[str]]  # each document is its sentences, in order
Row = tuple[Sequence[int], Sequence[int], int]  # ids of segment A, ids of segment B (may be empty), label


# ---------------------------------------------------------------- documents


def split_documents(
    documents: Documents,
    held_out: float = 0.05,
    seed: int = 0,
    groups: Sequence[str] | None = None,
    at_least: int = 1,
) -> tuple[list[Sequence[str]], list[Sequence[str]]]:
    """Whole documents for training, and about `held_out` of them to be judged by: (train, held_out), in their order.

    A document's side is a hash of its text and the seed. So it stays on its side whatever else is in the corpus, and
    two copies of it are never on both. `groups` names a group for each document; those of one group then stay together
    (say one book in two translations). Each side gets `at_least` so many (two, if a random B is to come from another
    one on the same side). Raises ValueError where that cannot be.
    """
    if not 0 < held_out < 1:
        raise ValueError(f"held_out is {held_out!r}; it is a share of the documents, between 0 and 1")
    if groups is not None and len(groups) != len(documents):
        raise ValueError(f"{len(groups)} groups for {len(documents)} documents; each document needs one")
    names = ["\n".join(document) for document in documents] if groups is None else groups
    places = [hash_to_fraction(f"{seed}\n{name}") for name in names]
    ordered = sorted(set(places))
    if len(ordered) < 2 * at_least:
        raise ValueError(
            f"{len(documents)} documents, {len(ordered)} different: holding some out needs {2 * at_least}. "
            "In a text file a blank line ends a document"
        )
    limit = min(max(held_out, ordered[at_least - 1]), ordered[-1 - at_least])  # the lowest always, the highest never
    train = [document for document, where in zip(documents, places, strict=True) if where > limit]
    judge = [document for document, where in zip(documents, places, strict=True) if where <= limit]
    return train, judge


def hash_to_fraction(name: str) -> float:
    """A number in [0, 1) that looks random, and is always the same for the same name."""
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


# ---------------------------------------------------------------- ids


@dataclass(frozen=True, eq=False)
class EncodedCorpus:
    """A corpus as three flat arrays.

    ids        every wordpiece id of the corpus, one after the other
    sentences  where each sentence starts in `ids`, and at last where the last one ends
    documents  where each document starts in `sentences`, and at last how many sentences there are
    numbers    which of the documents that `encode_documents` was given each one is: those without a wordpiece are not here
    """

    ids: np.ndarray
    sentences: np.ndarray
    documents: np.ndarray
    numbers: np.ndarray | None = None

    def __len__(self) -> int:
        """How many documents there are."""
        return len(self.documents) - 1

    def counts(self, vocab_size: int) -> np.ndarray:
        """How often each id occurs, (V,). Raises ValueError when an id is not in a vocabulary of that size."""
        counts = np.bincount(self.ids, minlength=vocab_size)
        if len(counts) > vocab_size:
            raise ValueError(f"the corpus holds id {len(counts) - 1}, which a vocabulary of {vocab_size} does not have")
        return counts


def encode_documents(documents: Documents, wordpiece) -> EncodedCorpus:
    """The ids of all sentences. `wordpiece` needs `encode_bulk` and `vocab`; sentences without a wordpiece are dropped,
    and so are documents without a sentence. Raises ValueError when nothing is left, or a document is a bare string.
    """
    for number, document in enumerate(documents):
        if isinstance(document, str):
            raise ValueError(f"document {number} is a string; a document is a list of sentences")
    texts = [sentence for document in documents for sentence in document]
    parts, sizes = [], []
    dtype = np.uint16 if len(wordpiece.vocab) <= 2**16 else np.int32  # half the memory for any usual vocabulary
    for start in range(0, len(texts), SENTENCES_AT_ONCE):
        pieces = wordpiece.encode_bulk(texts[start : start + SENTENCES_AT_ONCE])
        sizes.extend(map(len, pieces))
        parts.append(np.fromiter(chain.from_iterable(pieces), dtype))
    sizes = np.array(sizes, np.int64)
    if not sizes.any():
        raise ValueError(f"{len(documents)} documents, and not one wordpiece in them: there is nothing to train on")
    of_document = np.repeat(np.arange(len(documents)), [len(document) for document in documents])
    kept = np.bincount(of_document[sizes > 0], minlength=len(documents))  # sentences that each document keeps
    return EncodedCorpus(
        np.concatenate(parts), compute_offsets(sizes[sizes > 0]), compute_offsets(kept[kept > 0]), np.flatnonzero(kept)
    )


def compute_offsets(sizes: np.ndarray) -> np.ndarray:
    """Where things of these sizes start when they stand in a row, and where the last one ends: [3, 2] -> [0, 3, 5]."""
    return np.concatenate([[0], np.cumsum(sizes)])


# ---------------------------------------------------------------- pairs


@dataclass(frozen=True, eq=False)
class Rows:
    """Training examples: two spans of one array of ids, and whether the second follows the first. Nothing is copied.

    ids     the ids of the corpus
    a, b    (N, 2) where segments A and B start and end in `ids`; B is empty where a row has one segment
    label   (N,) 0: B is what follows A, 1: it is not, -1: nothing is asked
    """

    ids: np.ndarray
    a: np.ndarray
    b: np.ndarray
    label: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray, int]:
        """The ids of A, the ids of B, and the label. No special tokens yet: `PretrainingCollate` adds them."""
        (a, a_end), (b, b_end) = self.a[number].tolist(), self.b[number].tolist()
        return self.ids[a:a_end], self.ids[b:b_end], int(self.label[number])

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each row in a batch, with [CLS] and one [SEP] a segment, (N,)."""
        a, b = np.diff(self.a)[:, 0], np.diff(self.b)[:, 0]
        return a + b + 2 + (b > 0)


def pair_rows(
    encoded: EncodedCorpus,
    length: int,
    seed: int,
    short: float = 0.1,
    pairs: str = "next",
    times: int = 1,
    kinds: Sequence[str] | None = None,
) -> Rows:
    """Rows of at most `length` tokens, specials counted. Every draw hangs on `seed` alone.

    "next"       BERT's own: sentences are gathered until they fill the row, and cut in two between two sentences.
                 Half of the time the second part is replaced by a run of sentences from another document, and goes back
                 to be used in the next row. So every sentence is used once, and some once more as a random B.
    "sentences"  the same with single sentences: A is one sentence, B the next one or a random one.
    "order"      ALBERT's question: B always belongs to A, but half of the time the two are swapped (label 1).
    "none"       no question: one segment, filled to the last token.

    A share `short` of the rows aims at a random shorter length, so that the model meets short texts too (not under
    "sentences", whose rows are short anyway). What is too long is cut from the longer segment, a token at its front
    or its end at random. A part of one sentence alone always gets a random B; under "order" nothing is asked of it.
    The corpus is gone through `times` times, with other cuts and other random Bs each time, so that a model that trains
    long does not learn the pairs by heart (Google went through it ten times).

    With `kinds`, one name for each document and those of one kind in a row, a random B comes from a document of the
    same kind. Else a corpus of speeches, articles and Bibles asks mostly what kind of text B is, which is soon told.

    After `create_instances_from_document` of google-research/bert (create_pretraining_data.py), with three changes. The
    shorter length is drawn for each row, not each document, as some documents are books. The random B starts at any
    sentence of the other documents alike, so that long documents are drawn more often, as they are for A. And at least
    two sentences are gathered where there are two: where one sentence fills a row, Google's code has nothing left for a
    true B, and most answers become "random" (62% in rows of 64 tokens of the speeches and Wikipedia).
    Raises ValueError for lengths that hold nothing, for kinds that do not fit the documents, and when a random B is
    needed but there is one document (of its kind).
    """
    if pairs not in PAIRS:
        raise ValueError(f"no pairs {pairs!r}; there are {', '.join(PAIRS)}")
    if not 0 <= short <= 1:
        raise ValueError(f"short is {short!r}; it is a share of the rows, between 0 and 1")
    if times < 1:
        raise ValueError(f"times is {times!r}; the corpus must be gone through once at least")
    if pairs in ("next", "sentences") and len(encoded) < 2:
        raise ValueError(
            'one document, but a random B comes from another. Give more documents, or pairs="order" or pairs="none"'
        )
    room = length - (2 if pairs == "none" else 3)  # [CLS] A [SEP] or [CLS] A [SEP] B [SEP]
    if room < 2:
        raise ValueError(f"length {length} leaves no room for words beside [CLS] and [SEP]")
    draw = random.Random(int(seed))
    blocks = find_kind_blocks(encoded, kinds) if kinds is not None and pairs in ("next", "sentences") else None
    epochs = (
        draw_single_segments(encoded, room, short, draw)
        if pairs == "none"
        else draw_segment_pairs(encoded, room, short, pairs, draw, blocks)
        for _ in range(times)
    )
    table = np.array(list(chain.from_iterable(epochs)), np.int64)  # (N, 5)
    return Rows(encoded.ids, table[:, 0:2], table[:, 2:4], table[:, 4].astype(np.int8))


def find_kind_blocks(encoded: EncodedCorpus, kinds: Sequence[str]) -> list[tuple[int, int]]:
    """For each document the first sentence of its kind, and the end of the last one. Raises ValueError."""
    if len(kinds) != len(encoded):
        raise ValueError(f"{len(kinds)} kinds for {len(encoded)} documents: each needs its own")
    runs = [(kind, len(list(run))) for kind, run in groupby(kinds)]
    if len(dict(runs)) < len(runs):
        raise ValueError("documents of one kind must stand together: sort them by kind")
    alone = [kind for kind, count in runs if count == 1]
    if alone:
        raise ValueError(f"there is one document of the kind {alone[0]!r}: a random B needs another one")
    edges = encoded.documents[compute_offsets(np.array([count for _, count in runs]))].tolist()
    return [edge for edge, (_, count) in zip(pairwise(edges), runs, strict=True) for _ in range(count)]


def draw_segment_pairs(
    encoded: EncodedCorpus,
    room: int,
    short: float,
    pairs: str,
    draw: random.Random,
    blocks: list[tuple[int, int]] | None = None,
) -> Iterator[tuple[int, int, int, int, int]]:
    """The rows of `pair_rows` as start and end of A, start and end of B, and label. Spans are in tokens."""
    sentences, documents = encoded.sentences.tolist(), encoded.documents.tolist()  # plain numbers are faster here
    for (first, end), block in zip(pairwise(documents), blocks or [(0, documents[-1])] * len(encoded), strict=True):
        i = first  # the next sentence to use
        while i < end:
            target = draw_target_length(room, short, draw)
            pair = min(i + 2, end)
            stop = pair if pairs == "sentences" else max(pair, find_segment_end(sentences, i, end, target))
            middle = draw.randrange(i + 1, stop) if stop - i > 1 else stop
            a, b = (sentences[i], sentences[middle]), (sentences[middle], sentences[stop])
            if pairs == "order":
                label = -1 if middle == stop else int(draw.random() < 0.5)
                a, b = truncate_pair(a, b, room, draw)
                yield (*b, *a, label) if label == 1 else (*a, *b, label)
                i = stop
                continue
            label = int(middle == stop or draw.random() < 0.5)
            if label:
                other, other_end = draw_random_sentence(documents, first, end, draw, block)
                wanted = 1 if pairs == "sentences" else target - (a[1] - a[0])
                b = (sentences[other], sentences[find_segment_end(sentences, other, other_end, wanted)])
            a, b = truncate_pair(a, b, room, draw)
            yield (*a, *b, label)
            i = middle if label else stop  # what the random B replaced is used again


def draw_single_segments(
    encoded: EncodedCorpus, room: int, short: float, draw: random.Random
) -> Iterator[tuple[int, int, int, int, int]]:
    """The same for pairs="none": each document from its first token to its last, cut wherever a row is full."""
    for i, end in pairwise(encoded.sentences[encoded.documents].tolist()):
        while i < end:
            stop = min(i + draw_target_length(room, short, draw), end)
            yield i, stop, stop, stop, -1
            i = stop


def draw_target_length(room: int, short: float, draw: random.Random) -> int:
    """How many tokens a row should get: all that there is room for, or, with probability `short`, 2 or more of them."""
    return draw.randint(2, room) if draw.random() < short else room


def find_segment_end(sentences: list[int], first: int, end: int, tokens: int) -> int:
    """Where to stop to have so many tokens from sentence `first` on. At least one sentence, and never past `end`."""
    return bisect_left(sentences, sentences[first] + tokens, first + 1, end)


def draw_random_sentence(
    documents: list[int], first: int, end: int, draw: random.Random, block: tuple[int, int] | None = None
) -> tuple[int, int]:
    """A random sentence outside the document from `first` to `end`, and the end of the document that it is in. Both lie
    in the `block` of sentences, if there is one."""
    low, high = block or (0, documents[-1])
    other = low + draw.randrange(high - low - (end - first))
    if other >= first:
        other += end - first
    return other, documents[bisect_right(documents, other)]


def truncate_pair(
    a: tuple[int, int], b: tuple[int, int], room: int, draw: random.Random
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Both spans, with at most `room` tokens together: the longer gives token by token, B when they are equal."""
    size_a, size_b = a[1] - a[0], b[1] - b[0]
    if size_a + size_b <= room:
        return a, b
    keep = min(size_a, max(room - size_b, (room + 1) // 2))  # what A has left when that is done
    return trim_span(a, size_a - keep, draw), trim_span(b, size_b - (room - keep), draw)


def trim_span(span: tuple[int, int], tokens: int, draw: random.Random) -> tuple[int, int]:
    """The span without so many tokens: for each a coin says whether it goes at the front or at the end."""
    front = draw.getrandbits(tokens).bit_count() if tokens else 0
    return span[0] + front, span[1] - (tokens - front)


# ---------------------------------------------------------------- masked batches
