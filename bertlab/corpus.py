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

from .arguments import check_argument, check_kind, check_list, check_number, check_text, describe_value

PAIRS = ("next", "sentences", "order", "none")  # the ways in which `pair_rows` can pair
OVERFLOWS = ("drop", "keep")  # what it can do with tokens that do not fit into a row
SENTENCES_AT_ONCE = 50_000  # limits the memory that lists of Python numbers take while a corpus is encoded

Documents = Sequence[Sequence[str]]  # each document is its sentences, in order
Row = tuple[Sequence[int], Sequence[int], int]  # ids of segment A, ids of segment B (may be empty), label


# ---- Documents -------------------------------------------------------------------------------------------------------


def split_documents(
    documents: Documents,
    held_out: float = 0.05,
    seed: int = 0,
    groups: Sequence[str] | None = None,
    at_least: int = 1,
) -> tuple[list[Sequence[str]], list[Sequence[str]]]:
    """Split a corpus into documents for training and about `held_out` of them for evaluation, both in their order.

    A hash of its text and the seed decides which part a document goes to. So it stays in its part whatever else is in
    the corpus, and two copies of it are never in different parts. `groups` names a group for each document; documents
    of one group stay together (for example one book in two translations). Each part gets at least `at_least` documents
    (two, if a random B has to come from another document of the same part). Raises ValueError where that is impossible.
    """
    check_argument(check_list(documents, "documents", "documents"), [(list, tuple)], "documents")
    held_out = check_number(held_out, "held_out", above=0, below=1)
    at_least = check_number(at_least, "at_least", least=1, whole=True)
    if groups is not None and len(groups) != len(documents):
        raise ValueError(f"{len(groups)} groups for {len(documents)} documents; each document needs one")
    names = ["\n".join(document) for document in documents] if groups is None else groups
    fractions = [hash_to_fraction(f"{seed}\n{name}") for name in names]
    limit = find_split_limit(sorted(set(fractions)), held_out, at_least, len(documents))
    training = [document for document, fraction in zip(documents, fractions, strict=True) if fraction > limit]
    evaluation = [document for document, fraction in zip(documents, fractions, strict=True) if fraction <= limit]
    return training, evaluation


def find_split_limit(ordered: Sequence[float], held_out: float, at_least: int, documents: int) -> float:
    """Up to which of the `ordered` fractions documents are held out. Raises ValueError when there are too few."""
    if len(ordered) < 2 * at_least:
        raise ValueError(
            f"{documents} document{'s' * (documents != 1)}, {len(ordered)} different: holding some out needs "
            f"{2 * at_least}. In a text file a blank line ends a document; in a folder of several, each file is one"
        )
    return min(max(held_out, ordered[at_least - 1]), ordered[-1 - at_least])  # the lowest always, the highest never


def hash_to_fraction(name: str) -> float:
    """Return a number in [0, 1) that looks random, and is always the same for the same name."""
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


# ---- Ids -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class EncodedCorpus:
    """A corpus as three flat arrays.

    ids        every wordpiece id of the corpus, one after the other
    sentences  where each sentence starts in `ids`, and finally where the last one ends
    documents  where each document starts in `sentences`, and finally how many sentences there are
    numbers    the index of each document in the list that `encode_documents` was given: empty ones are left out
    """

    ids: np.ndarray
    sentences: np.ndarray
    documents: np.ndarray
    numbers: np.ndarray | None = None

    def __len__(self) -> int:
        """The number of documents."""
        return len(self.documents) - 1

    def count_ids(self, vocab_size: int) -> np.ndarray:
        """Count how often each id occurs: (V,). Raises ValueError when an id is not in a vocabulary of that size."""
        vocab_size = check_number(vocab_size, "vocab_size", least=1, whole=True)
        counts = np.bincount(self.ids, minlength=vocab_size)
        if len(counts) > vocab_size:
            raise ValueError(f"the corpus holds id {len(counts) - 1}, which a vocabulary of {vocab_size} does not have")
        return counts


def check_tokenizer(tokenizer) -> None:
    """Raise TypeError unless it is a tokenizer as bertlab needs it: a WordPiece, or one with the same parts."""
    parts = ("encode_bulk", "vocab", "pad_id", "unk_id", "cls_id", "sep_id", "mask_id")
    if isinstance(tokenizer, type) or not all(hasattr(tokenizer, part) for part in parts):
        raise TypeError(f"tokenizer is {describe_value(tokenizer)}; it must be a WordPiece")


def encode_documents(documents: Documents, tokenizer) -> EncodedCorpus:
    """Encode all sentences. The `tokenizer` needs `encode_bulk` and `vocab`.

    Sentences without a wordpiece are dropped, and so are documents without a sentence. Raises ValueError when nothing
    is left, or when a document is a string instead of a list.
    """
    check_tokenizer(tokenizer)
    documents = check_list(documents, "documents", "documents")
    for number, document in enumerate(documents):
        if isinstance(document, str):
            raise ValueError(f"document {number} is a string; a document is a list of sentences")
        check_list(document, f"document {number}", "sentences")
    texts = [sentence for document in documents for sentence in document]
    parts, sizes = [], []
    dtype = np.uint16 if len(tokenizer.vocab) <= 2**16 else np.int32  # half the memory for any usual vocabulary
    for start in range(0, len(texts), SENTENCES_AT_ONCE):
        encoded = tokenizer.encode_bulk(texts[start : start + SENTENCES_AT_ONCE])
        sizes.extend(map(len, encoded))
        parts.append(np.fromiter(chain.from_iterable(encoded), dtype))
    sizes = np.array(sizes, np.int64)
    if not sizes.any():
        raise ValueError(f"{len(documents)} documents without a single wordpiece: there is nothing to train on")
    of_document = np.repeat(np.arange(len(documents)), [len(document) for document in documents])
    kept = np.bincount(of_document[sizes > 0], minlength=len(documents))  # sentences that each document keeps
    return EncodedCorpus(
        np.concatenate(parts), compute_offsets(sizes[sizes > 0]), compute_offsets(kept[kept > 0]), np.flatnonzero(kept)
    )


def compute_offsets(sizes: np.ndarray) -> np.ndarray:
    """Where consecutive parts of these sizes start, and where the last one ends: [3, 2] -> [0, 3, 5]."""
    return np.concatenate([[0], np.cumsum(sizes)])


# ---- Pairs -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Rows:
    """Training examples: two spans of one array of ids, and whether the second follows the first. No ids are copied.

    ids     the ids of the corpus
    a, b    (N, 2) where segments A and B start and end in `ids`; B is empty where a row has one segment
    label   (N,) 0: B follows A, 1: it does not, -1: the row has no label
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
        """The number of tokens of each row in a batch, with [CLS] and one [SEP] per segment: (N,)."""
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
    overflow: str = "drop",
) -> Rows:
    """Make rows of at most `length` tokens, including special tokens. All random draws depend on `seed` alone.

    "next"       BERT's own pairs: sentences are collected until they fill the row, and split in two between two
                 sentences. Half of the time the second part is replaced by consecutive sentences from another document,
                 and is used again in the next row. So every sentence is used once, and some once more as a random B.
    "sentences"  the same with single sentences: A is one sentence, B the next one or a random one.
    "order"      ALBERT's pairs: B always belongs to A, but half of the time the two are swapped (label 1).
    "none"       no pairs: one segment, filled to the last token.

    A fraction `short` of the rows gets a random shorter length, so that the model sees short texts too (not with
    "sentences", whose rows are short anyway). Tokens that do not fit are cut from the longer segment, each at its front
    or its end at random. A part that consists of one sentence always gets a random B; with "order" it gets no label.
    The corpus is read `times` times, each time with other splits and other random Bs, so that a model that trains for
    long does not memorise the pairs (Google read it ten times).

    With `overflow="drop"`, what is cut from a row is in no other one, as in Google's code: where rows are short, a good
    part of the text (29% of the speeches and Wikipedia in rows of 64 tokens). With "keep", for "next" and "order",
    every token is in some row: see `draw_whole_pairs`. ("none" never loses any.)

    With `kinds`, one name for each document, a random B comes from a document of the same kind; documents of one kind
    must be consecutive. Otherwise, in a corpus of speeches, articles and Bibles, the kind of text that B is gives most
    answers away.

    After `create_instances_from_document` of google-research/bert (create_pretraining_data.py), with three changes. The
    shorter length is drawn for each row, not each document, because some documents are books. Every sentence of the
    other documents is equally likely to start the random B, so long documents are drawn more often, as they are for A.
    And at least two sentences are collected where there are two: where one sentence fills a row, Google's code has
    nothing left for a true B, and most labels become "random" (62% in rows of 64 tokens of the speeches and Wikipedia).

    Raises ValueError for lengths without room for a token, for kinds that do not fit the documents, and when a random B
    is needed but there is only one document (of its kind).
    """
    check_kind(encoded, EncodedCorpus, "encoded")
    length, seed = check_number(length, "length", whole=True), check_number(seed, "seed", whole=True)
    times, short = check_number(times, "times", least=1, whole=True), check_number(short, "short", least=0, most=1)
    check_text(pairs, "pairs")
    kinds = None if kinds is None else check_argument(check_list(kinds, "kinds", "texts"), [str], "kinds")
    if pairs not in PAIRS:
        raise ValueError(f"no pairs {pairs!r}; there are {', '.join(PAIRS)}")
    if overflow not in OVERFLOWS or (overflow == "keep" and pairs == "sentences"):
        raise ValueError(f'overflow is {overflow!r}; it is "drop" or, except with pairs="sentences", "keep"')
    if pairs in ("next", "sentences") and len(encoded) < 2:
        raise ValueError(
            'one document, but a random B comes from another. Give more documents, or pairs="order" or pairs="none"'
        )
    room = length - (2 if pairs == "none" else 3)  # [CLS] A [SEP] or [CLS] A [SEP] B [SEP]
    if room < 2:
        raise ValueError(f"length {length} leaves no room for words next to [CLS] and [SEP]")
    rng = random.Random(int(seed))
    blocks = find_kind_blocks(encoded, kinds) if kinds is not None and pairs in ("next", "sentences") else None
    draw_pairs = draw_whole_pairs if overflow == "keep" else draw_segment_pairs
    epochs = (
        draw_single_segments(encoded, room, short, rng)
        if pairs == "none"
        else draw_pairs(encoded, room, short, pairs, rng, blocks)
        for _ in range(times)
    )
    table = np.fromiter(chain.from_iterable(epochs), np.dtype((np.int64, 5)))  # (N, 5)
    return Rows(encoded.ids, table[:, 0:2], table[:, 2:4], table[:, 4].astype(np.int8))


def find_kind_blocks(encoded: EncodedCorpus, kinds: Sequence[str]) -> list[tuple[int, int]]:
    """For each document, the first sentence of its kind and the end of the last one. Raises ValueError."""
    if len(kinds) != len(encoded):
        raise ValueError(f"{len(kinds)} kinds for {len(encoded)} documents: each needs its own")
    blocks = [(kind, len(list(block))) for kind, block in groupby(kinds)]
    if len(dict(blocks)) < len(blocks):
        raise ValueError("documents of one kind must be consecutive: sort them by kind")
    alone = [kind for kind, count in blocks if count == 1]
    if alone:
        raise ValueError(f"there is only one document of the kind {alone[0]!r}: a random B needs another one")
    edges = encoded.documents[compute_offsets(np.array([count for _, count in blocks]))].tolist()
    return [block for block, (_, count) in zip(pairwise(edges), blocks, strict=True) for _ in range(count)]


def draw_segment_pairs(
    encoded: EncodedCorpus,
    room: int,
    short: float,
    pairs: str,
    rng: random.Random,
    blocks: list[tuple[int, int]] | None = None,
) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield the rows of `pair_rows` as start and end of A, start and end of B, and label. Spans are in tokens."""
    sentences, documents = encoded.sentences.tolist(), encoded.documents.tolist()  # Python's numbers are faster here
    for (first, end), block in zip(pairwise(documents), blocks or [(0, documents[-1])] * len(encoded), strict=True):
        i = first  # the next sentence to use
        while i < end:
            target = draw_target_length(room, short, rng)
            pair = min(i + 2, end)
            stop = pair if pairs == "sentences" else max(pair, find_segment_end(sentences, i, end, target))
            middle = rng.randrange(i + 1, stop) if stop - i > 1 else stop
            a, b = (sentences[i], sentences[middle]), (sentences[middle], sentences[stop])
            if pairs == "order":
                label = -1 if middle == stop else int(rng.random() < 0.5)
                a, b = truncate_pair(a, b, room, rng)
                yield (*b, *a, label) if label == 1 else (*a, *b, label)
                i = stop
                continue
            label = int(middle == stop or rng.random() < 0.5)
            if label:
                other, other_end = draw_random_sentence(documents, first, end, rng, block)
                tokens = 1 if pairs == "sentences" else target - (a[1] - a[0])
                b = (sentences[other], sentences[find_segment_end(sentences, other, other_end, tokens)])
            a, b = truncate_pair(a, b, room, rng)
            yield (*a, *b, label)
            i = middle if label else stop  # the sentences that the random B replaced are used again


def draw_whole_pairs(
    encoded: EncodedCorpus,
    room: int,
    short: float,
    pairs: str,
    rng: random.Random,
    blocks: list[tuple[int, int]] | None = None,
) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield rows like `draw_segment_pairs` for "next" and "order", but from every token: the next row begins with the
    token after the last one of A and B (or after A, where B is random).

    A row ends between two sentences where that leaves it three quarters full, otherwise inside a sentence. It is split
    between two sentences, or, where it holds no end of one, at a random token. Only a sentence that is alone and fills
    less than half of the row has a random B in any case.
    """
    sentences, documents = encoded.sentences.tolist(), encoded.documents.tolist()
    for (first, last), block in zip(pairwise(documents), blocks or [(0, documents[-1])] * len(encoded), strict=True):
        i, end = sentences[first], sentences[last]  # from here on i and stop are tokens
        while i < end:
            target = draw_target_length(room, short, rng)
            stop = find_row_end(sentences, i, end, target, 3 * target // 4)
            low, high = bisect_right(sentences, i, first, last + 1), bisect_left(sentences, stop, first, last + 1)
            is_inside = low == high and (stop not in (sentences[low], end) or 2 * (stop - i) >= target)
            if low < high:
                middle = sentences[rng.randrange(low, high)]
            else:
                middle = rng.randrange(i + 1, stop) if is_inside and stop - i > 1 else stop
            label = int(rng.random() < 0.5)
            if pairs == "order":
                a, b, label = (i, middle), (middle, stop), -1 if middle == stop else label
                yield (*b, *a, label) if label == 1 else (*a, *b, label)
                i = stop
                continue
            if middle == stop or label:
                other, other_end = draw_random_sentence(documents, first, last, rng, block)
                start = sentences[other]
                if is_inside:  # the true B would begin inside a sentence, too
                    start += rng.randrange(sentences[other + 1] - start)
                left = target - (middle - i)
                random_stop = find_row_end(sentences, start, sentences[other_end], left, left - target // 4)
                yield i, middle, start, random_stop, 1
                i = middle
            else:
                yield i, middle, middle, stop, 0
                i = stop


def find_row_end(sentences: list[int], start: int, end: int, tokens: int, at_least: int) -> int:
    """Where a row from token `start` ends: at the last end of a sentence that leaves it `at_least` of the `tokens`,
    else after all of them, and never past `end`."""
    stop = min(start + max(1, tokens), end)
    boundary = sentences[bisect_right(sentences, stop) - 1]
    return boundary if boundary > start and boundary - start >= at_least else stop


def draw_single_segments(
    encoded: EncodedCorpus, room: int, short: float, rng: random.Random
) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield the rows for pairs="none": each document from its first token to its last, cut wherever a row is full."""
    for i, end in pairwise(encoded.sentences[encoded.documents].tolist()):
        while i < end:
            stop = min(i + draw_target_length(room, short, rng), end)
            yield i, stop, stop, stop, -1
            i = stop


def draw_target_length(room: int, short: float, rng: random.Random) -> int:
    """Draw the number of tokens of a row: `room`, or with probability `short` any number from 2 to `room`."""
    return rng.randint(2, room) if rng.random() < short else room


def find_segment_end(sentences: list[int], first: int, end: int, tokens: int) -> int:
    """The sentence to stop before to have so many tokens from sentence `first` on: at least one, never past `end`."""
    return bisect_left(sentences, sentences[first] + tokens, first + 1, end)


def draw_random_sentence(
    documents: list[int], first: int, end: int, rng: random.Random, block: tuple[int, int] | None = None
) -> tuple[int, int]:
    """Draw a sentence outside the document from `first` to `end`; return it and the end of its own document.

    It comes from the `block` of sentences, if there is one.
    """
    low, high = block or (0, documents[-1])
    other = low + rng.randrange(high - low - (end - first))
    if other >= first:
        other += end - first
    return other, documents[bisect_right(documents, other)]


def truncate_pair(
    a: tuple[int, int], b: tuple[int, int], room: int, rng: random.Random
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Cut both spans to `room` tokens together, token by token from the longer one, from B when they are equal."""
    size_a, size_b = a[1] - a[0], b[1] - b[0]
    if size_a + size_b <= room:
        return a, b
    keep = min(size_a, max(room - size_b, (room + 1) // 2))  # tokens of A that are left
    return trim_span(a, size_a - keep, rng), trim_span(b, size_b - (room - keep), rng)


def trim_span(span: tuple[int, int], tokens: int, rng: random.Random) -> tuple[int, int]:
    """Remove so many tokens from a span, each from the front or from the end at random."""
    front = rng.getrandbits(tokens).bit_count() if tokens else 0
    return span[0] + front, span[1] - (tokens - front)
