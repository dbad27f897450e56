"""WordPiece: how BERT turns a text into pieces from a fixed vocabulary, and how such a vocabulary is learned.

Read from top to bottom: clean the text, split it into words, cut each word into pieces, learn the pieces.
Everything here is plain Python. `bulk`, `encode_bulk` and `learn_bulk` do the same work in Rust.
"""

import heapq
import json
import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LONGEST_WORD = 100  # characters; a longer word becomes one [UNK]

# ---- Characters ------------------------------------------------------------------------------------------

CJK = (  # blocks of Chinese characters; the gap at 2B820 stands in the Rust tokenizer that we match
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF), (0x2A700, 0x2B81F), (0x2B920, 0x2CEAF), (0x2F800, 0x2FA1F),
)  # fmt: skip


@cache
def category(char: str) -> str:
    """Unicode's two-letter category of a character: "Lu" is an upper-case letter, "Mn" an accent."""
    return unicodedata.category(char)


def is_chinese(char: str) -> bool:
    """Whether BERT treats the character as a word of its own. Hangul, kana and Thai are not in these blocks."""
    return any(first <= ord(char) <= last for first, last in CJK)


def is_punctuation(char: str) -> bool:
    """Whether the character is split off as a word of its own. BERT counts all ASCII symbols, so $ and ^ too."""
    return category(char).startswith("P") or char in "$+<=>^`|~"


@cache
def clean(char: str) -> str:
    """What BERT keeps of a character: nothing of a control, a space for any white space, room around Chinese."""
    if char in "\t\n\r" or category(char).startswith("Z"):
        return " "
    if char in "\0\ufffd" or category(char) in ("Cc", "Cf", "Co", "Cs"):
        return ""
    return f" {char} " if is_chinese(char) else char


@cache
def fold(char: str) -> str:
    """The character in lower case, its accents split off (NFD) and dropped: "É" -> "e"."""
    return "".join(part for part in unicodedata.normalize("NFD", char) if category(part) != "Mn").lower()


def normalize(text: str, lower: bool = True) -> tuple[str, list[int]]:
    """The cleaned text, and for each of its characters the index in `text` that it came from."""
    out, origin = [], []
    for index, char in enumerate(text):
        for kept in clean(char):
            for part in fold(kept) if lower else kept:
                out.append(part)
                origin.append(index)
    return "".join(out), origin


def split_words(text: str) -> list[tuple[int, int]]:
    """(start, end) of each word of a cleaned text: cut at spaces and around each punctuation mark."""
    words, start = [], None
    for index, char in enumerate(text):
        if char == " " or is_punctuation(char):
            if start is not None:
                words.append((start, index))
            start = None
            if char != " ":
                words.append((index, index + 1))
        elif start is None:
            start = index
    if start is not None:
        words.append((start, len(text)))
    return words


# ---- Encode and decode -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Encoding:
    """A text, or a pair of texts, as BERT reads it. All four lists have one entry a token.

    input_ids: ids in the vocabulary. token_type_ids: 0 for the first text, 1 for the second.
    tokens: the pieces as strings. offsets: (start, end) in the token's own text, (0, 0) for [CLS] and [SEP].
    """

    input_ids: list[int]
    token_type_ids: list[int]
    tokens: list[str]
    offsets: list[tuple[int, int]]


class WordPiece:
    """A tokenizer with a fixed vocabulary. `vocab[i]` is the token with id i; `lower` folds case and accents.

    Raises ValueError if `vocab` is empty, holds a token twice or lacks one of the five special tokens.
    """

    def __init__(self, vocab: list[str], lower: bool = True):
        if not vocab:
            raise ValueError(
                "The vocabulary is empty. Learn one with `learn` or load one with `WordPiece.load`."
            )
        self.vocab = list(vocab)
        self.lower = lower
        self.index = {token: i for i, token in enumerate(self.vocab)}
        if len(self.index) < len(self.vocab):
            twice = next(token for token, count in Counter(self.vocab).items() if count > 1)
            raise ValueError(f"The vocabulary holds {twice!r} more than once. Each token needs one id.")
        missing = [token for token in SPECIAL if token not in self.index]
        if missing:
            raise ValueError(
                f"The vocabulary lacks {', '.join(missing)}. BERT needs all of {' '.join(SPECIAL)}."
            )
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (self.index[t] for t in SPECIAL)

    def __len__(self) -> int:
        return len(self.vocab)

    def pieces(self, word: str) -> list[tuple[str, int, int]]:
        """Cut one word, longest match first: (token, start, end) a piece. What cannot be cut is one [UNK]."""
        if len(word) > LONGEST_WORD:
            return [("[UNK]", 0, len(word))]
        found, start = [], 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                if prefix + word[start:end] in self.index:
                    break
            else:
                return [("[UNK]", 0, len(word))]
            found.append((prefix + word[start:end], start, end))
            start = end
        return found

    def tokenize_with_offsets(self, text: str) -> list[tuple[str, int, int]]:
        """(token, start, end) for each piece of `text`; `text[start:end]` is what it was cut from.

        A special token written in the text, such as "[MASK]", is recognised verbatim and stays whole.
        """
        found, base = [], 0
        for part in re.split(r"(\[(?:PAD|UNK|CLS|SEP|MASK)\])", text):
            if part in SPECIAL:
                found.append((part, base, base + len(part)))
            else:
                cleaned, origin = normalize(part, self.lower)
                for first, last in split_words(cleaned):
                    for token, start, end in self.pieces(cleaned[first:last]):
                        span = origin[first + start], origin[first + end - 1] + 1
                        found.append((token, base + span[0], base + span[1]))
            base += len(part)
        return found

    def tokenize(self, text: str) -> list[str]:
        """The pieces of `text` as strings, without [CLS] and [SEP]."""
        return [token for token, _, _ in self.tokenize_with_offsets(text)]

    def ids(self, tokens: Iterable[str]) -> list[int]:
        """The id of each token; a token that is not in the vocabulary has the id of [UNK]."""
        return [self.index.get(token, self.unk_id) for token in tokens]

    def encode(
        self, text: str, pair: str | None = None, max_length: int | None = None, truncate: bool = False
    ) -> Encoding:
        """[CLS] text [SEP], or [CLS] text [SEP] pair [SEP]. The empty text is [CLS] [SEP].

        With more than `max_length` tokens: ValueError, or with `truncate=True` the longer text loses its end
        first, until both are equally long, as in Hugging Face's "longest_first".
        """
        parts = [self.tokenize_with_offsets(t) for t in ([text] if pair is None else [text, pair])]
        total = 1 + sum(len(part) + 1 for part in parts)
        if max_length is not None and total > max_length:
            if not truncate:
                raise ValueError(
                    f"The text has {total} tokens with [CLS] and [SEP], {total - max_length} more than "
                    f"max_length={max_length}. Shorten or split it, or pass truncate=True to cut its end off."
                )
            parts = _truncate(parts, max_length - 1 - len(parts))
        tokens, types, offsets = ["[CLS]"], [0], [(0, 0)]
        for number, part in enumerate(parts):
            tokens += [token for token, _, _ in part] + ["[SEP]"]
            types += [number] * (len(part) + 1)
            offsets += [(start, end) for _, start, end in part] + [(0, 0)]
        return Encoding(self.ids(tokens), types, tokens, offsets)

    def decode(self, ids: Iterable[int], keep_special: bool = False) -> str:
        """The text that the ids spell: "##" pieces joined to what stands before, ".,?!" too, spaces elsewhere.

        Case, accents and the original spacing are lost in encoding, so this is not the text that was encoded.
        Raises ValueError for an id that is not in the vocabulary.
        """
        text = ""
        for i in ids:
            if not 0 <= i < len(self.vocab):
                raise ValueError(
                    f"There is no token with id {i}: ids of this vocabulary go from 0 to {len(self) - 1}."
                )
            token = self.vocab[i]
            if token in SPECIAL and not keep_special:
                continue
            if token.startswith("##") and text:
                text += token[2:]
            else:
                text += token if not text or token in list(".,?!") else " " + token
        return text

    # ---- Files -------------------------------------------------------------------------------------------

    def save(self, folder: str | Path, max_length: int = 512) -> None:
        """Write vocab.txt, tokenizer.json and tokenizer_config.json, as `transformers` reads them."""
        config = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": self.lower,
            "strip_accents": None,
            "tokenize_chinese_chars": True,
            "model_max_length": max_length,
        } | {f"{name[1:-1].lower()}_token": name for name in SPECIAL}
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in {
            "vocab.txt": "".join(token + "\n" for token in self.vocab),
            "tokenizer.json": self.bulk().to_str(pretty=True),
            "tokenizer_config.json": json.dumps(config, indent=2) + "\n",
        }.items():
            _write(folder / name, text)

    @classmethod
    def load(cls, path: str | Path) -> "WordPiece":
        """Read a folder or a vocab.txt."""
        path = Path(path)
        folder = path if path.is_dir() else path.parent
        config_file = folder / "tokenizer_config.json"
        config = json.loads(config_file.read_text("utf-8")) if config_file.exists() else {}
        if path.is_dir() and not (path / "vocab.txt").exists():
            index = json.loads((path / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
            vocab = sorted(index, key=index.get)
        else:
            vocab = (path / "vocab.txt" if path.is_dir() else path).read_text("utf-8").split("\n")
            vocab = vocab[:-1] if vocab[-1] == "" else vocab
        return cls(vocab, lower=config.get("do_lower_case", True))

    # ---- The same in Rust --------------------------------------------------------------------------------

    def bulk(self):
        """The same tokenizer as a `tokenizers.Tokenizer`, written in Rust: the same ids, many times faster."""
        from tokenizers import Tokenizer, decoders, models, processors

        rust = Tokenizer(
            models.WordPiece(self.index, unk_token="[UNK]", max_input_chars_per_word=LONGEST_WORD)
        )
        rust.normalizer, rust.pre_tokenizer = _rules(self.lower)
        rust.decoder = decoders.WordPiece(prefix="##")
        rust.post_processor = processors.TemplateProcessing(
            single="[CLS]:0 $A:0 [SEP]:0",
            pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
            special_tokens=[("[CLS]", self.cls_id), ("[SEP]", self.sep_id)],
        )
        rust.add_special_tokens(SPECIAL)
        return rust

    def encode_bulk(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text, without [CLS] and [SEP], on all cores."""
        with _threads():
            return [e.ids for e in self.bulk().encode_batch_fast(list(texts), add_special_tokens=False)]


def _truncate(parts: list[list], room: int) -> list[list]:
    """Cut the ends of one or two lists so that together they have `room` entries, the longer one first."""
    if room < 0:
        raise ValueError(f"max_length leaves no room for [CLS] and [SEP]: make it at least {1 + len(parts)}.")
    if len(parts) == 1:
        return [parts[0][:room]]
    short = min(len(part) for part in parts)
    short, long = (short, room - short) if 2 * short <= room else (room // 2, room - room // 2)
    first_is_longer = len(parts[0]) > len(parts[1])
    return [parts[0][: long if first_is_longer else short], parts[1][: short if first_is_longer else long]]


def _rules(lower: bool):
    """BERT's cleaning and word splitting as objects of `tokenizers`."""
    from tokenizers import normalizers, pre_tokenizers

    return normalizers.BertNormalizer(lowercase=lower), pre_tokenizers.BertPreTokenizer()


def _write(path: Path, text: str) -> None:
    """Write beside and rename, so that a reader never finds half a file."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(beside, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def _threads() -> Iterator[None]:
    """Use all cores in Rust, unless the user has set TOKENIZERS_PARALLELISM."""
    name = "TOKENIZERS_PARALLELISM"
    if name in os.environ:
        yield
        return
    os.environ[name] = "true"
    try:
        yield
    finally:
        del os.environ[name]


# ---- Learn a vocabulary ----------------------------------------------------------------------------------


def count_words(texts: Iterable[str], lower: bool = True) -> Counter:
    """How often each word occurs in the texts, after cleaning."""
    counts = Counter()
    for text in texts:
        cleaned, _ = normalize(text, lower)
        counts.update(cleaned[start:end] for start, end in split_words(cleaned))
    return counts


def learn(texts: Iterable[str], size: int, lower: bool = True, at_least: int = 2) -> WordPiece:
    """Learn a vocabulary of `size` tokens: start from single characters, merge the best pair, repeat."""
    words = count_words(texts, lower)
    splits = {word: [word[0]] + ["##" + char for char in word[1:]] for word in words}
    pieces, pairs = Counter(), Counter()
    pairs_of, words_of = defaultdict(set), defaultdict(set)  # piece -> pairs it is in, pair -> words it is in
    heap = []

    def count(word: str, sign: int) -> set:
        """Add or take away a word's pieces and pairs; the pairs whose score this changes."""
        split, touched = splits[word], set()
        for piece in split:
            pieces[piece] += sign * words[word]
            touched |= pairs_of[piece]
        for pair in zip(split, split[1:], strict=False):
            pairs[pair] += sign * words[word]
            words_of[pair].add(word)
            pairs_of[pair[0]].add(pair)
            pairs_of[pair[1]].add(pair)
            touched.add(pair)
        return touched

    def rank(pair: tuple[str, str]) -> tuple:
        return -pairs[pair] / (pieces[pair[0]] * pieces[pair[1]]), -pairs[pair], pair

    for word in words:
        count(word, +1)
    vocab = SPECIAL + sorted(pieces)
    for pair in pairs:
        heapq.heappush(heap, rank(pair))
    while heap and len(vocab) < size:
        best = heapq.heappop(heap)
        pair = best[2]
        if pairs[pair] < at_least or best != rank(pair):
            continue
        new = pair[0] + pair[1].removeprefix("##")
        vocab.append(new)
        touched = set()
        for word in words_of.pop(pair):
            touched |= count(word, -1)
            splits[word] = merge(splits[word], pair, new)
            touched |= count(word, +1)
        for other in touched:
            if pairs[other] >= at_least:
                heapq.heappush(heap, rank(other))
    return WordPiece(vocab, lower)


def merge(split: list[str], pair: tuple[str, str], new: str) -> list[str]:
    """The split with every `pair` replaced by `new`, from left to right."""
    merged = []
    for piece in split:
        if merged and (merged[-1], piece) == pair:
            merged[-1] = new
        else:
            merged.append(piece)
    return merged


def learn_bulk(texts: Iterable[str], size: int, lower: bool = True, alphabet: int = 1000) -> WordPiece:
    """Learn a vocabulary of `size` tokens in Rust."""
    from tokenizers import Tokenizer, models, trainers

    rust = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    rust.normalizer, rust.pre_tokenizer = _rules(lower)
    texts = list(texts)
    letters = Counter()
    for text in texts:
        letters.update(rust.normalizer.normalize_str(text))
    del letters[" "]
    kept = sorted(sorted(letters, key=lambda c: (-letters[c], c))[:alphabet])
    first = SPECIAL + kept + ["##" + char for char in kept]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        special_tokens=first,
        initial_alphabet=kept,
        limit_alphabet=len(kept),
        show_progress=False,
    )
    with _threads():
        rust.train_from_iterator(texts, trainer)
    index = rust.get_vocab(with_added_tokens=False)
    return WordPiece(sorted(index, key=index.get), lower)
