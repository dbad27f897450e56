"""WordPiece: how BERT turns a text into pieces from a fixed vocabulary, and how such a vocabulary is learned.

Read from top to bottom: clean the text, split it into words, cut each word into pieces, learn the pieces.
All of that is plain Python. `bulk`, `encode_bulk` and `learn_bulk` do the same work in Rust, with equal ids.
"""

import heapq
import json
import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LONGEST_WORD = 100  # characters; a longer word becomes one [UNK]

# ---- Characters ------------------------------------------------------------------------------------------


@lru_cache(10_000)
def category(char: str) -> str:
    """Unicode's two-letter class of a character: "Lu" an upper-case letter, "Mn" an accent, "Po" a full stop.

    As of Unicode 8, like the Rust tokenizer: see the end of this file.
    """
    if is_newer(char):
        return "Lo"
    return RECLASSIFIED.get(char) or unicodedata.category(char)


@lru_cache(10_000)
def is_chinese(char: str) -> bool:
    """Whether the character is a word of its own. Kana, Hangul and Thai are not: they are split by pieces."""
    return _within(CHINESE, char)


@lru_cache(10_000)
def is_punctuation(char: str) -> bool:
    """Whether the character is split off as a word of its own. To BERT the ASCII symbols are punctuation, too."""
    return category(char).startswith("P") or char in "$+<=>^`|~"


@lru_cache(10_000)
def clean(char: str) -> str:
    """What is kept of a character: nothing of a control, a space for white space, room around Chinese."""
    if char in "\t\n\r" or category(char).startswith("Z"):
        return " "
    if char == "\ufffd" or category(char) in ("Cc", "Cf", "Co", "Cs"):
        return ""  # unassigned characters ("Cn") are kept
    return f" {char} " if is_chinese(char) else char


@lru_cache(10_000)
def decompose(char: str) -> str:
    """The character with its accents split off (Unicode's NFD): "é" is "e" and an accent that joins it."""
    return char if is_newer(char) else unicodedata.normalize("NFD", char)


@lru_cache(10_000)
def accent_class(char: str) -> int:
    """0 for what stands alone; for an accent a number that says where it sits, above or below the letter."""
    return 0 if is_newer(char) and not _within(NEW_IN_UNICODE_9, char) else unicodedata.combining(char)


def normalize(text: str, lower: bool = True) -> tuple[str, list[int]]:
    """The cleaned text, and for each character of it the index in `text` that it came from.

    With `lower`, accents are dropped and letters made lower case: "Été" becomes "ete". Letter by letter, so a
    final sigma is an ordinary one. Without `lower`, letters and accents stay as they are.
    """
    chars = [(kept, index) for index, char in enumerate(text) for kept in clean(char)]
    if lower:
        chars = [(part, index) for char, index in chars for part in decompose(char)]
        chars = [(small, index) for char, index in _in_order(chars) if category(char) != "Mn" for small in char.lower()]
    return "".join(char for char, _ in chars), [index for _, index in chars]


def _in_order(chars: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Neighbouring accents sorted by their class: the second half of NFD. It rarely changes anything."""
    ordered = []
    for _, run in groupby(chars, key=lambda pair: accent_class(pair[0]) > 0):
        ordered += sorted(run, key=lambda pair: accent_class(pair[0]))
    return ordered


def split_words(text: str) -> list[tuple[int, int]]:
    """(start, end) of each word of a cleaned text: cut at spaces, and on both sides of a punctuation mark."""
    words, start = [], 0
    for index, char in enumerate(text + " "):
        if char == " " or is_punctuation(char):
            if start < index:
                words.append((start, index))
            if char != " ":
                words.append((index, index + 1))
            start = index + 1
    return words


# ---- Encode and decode -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Encoding:
    """A text, or a pair of texts, as BERT reads it. Each list has one entry a token.

    input_ids: places in the vocabulary. token_type_ids: 0 for the first text, 1 for the second.
    tokens: the pieces as strings. offsets: (start, end) of each in its own text; (0, 0) for [CLS] and [SEP].
    """

    input_ids: list[int]
    token_type_ids: list[int]
    tokens: list[str]
    offsets: list[tuple[int, int]]


class WordPiece:
    """A tokenizer with a fixed vocabulary: `vocab[i]` is the token with id i, `index` the way back.

    `lower`: drop case and accents, as in "uncased" models.
    Raises ValueError if the vocabulary is empty, holds a token twice, or lacks one of the special tokens.
    """

    def __init__(self, vocab: list[str], lower: bool = True):
        self.vocab = list(vocab)
        self.lower = lower
        self.index = {token: i for i, token in enumerate(self.vocab)}
        if not self.vocab:
            raise ValueError("The vocabulary is empty. Learn one with learn_bulk, or load one that has tokens.")
        if len(self.index) < len(self.vocab):
            token, count = Counter(self.vocab).most_common(1)[0]
            raise ValueError(f"The vocabulary holds {token!r} {count} times. Remove all but one.")
        missing = [token for token in SPECIAL if token not in self.index]
        if missing:
            raise ValueError(f"The vocabulary lacks {' '.join(missing)}. BERT needs {' '.join(SPECIAL)}: add them.")
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (self.index[t] for t in SPECIAL)

    def __len__(self) -> int:
        return len(self.vocab)

    def __repr__(self) -> str:
        return f"WordPiece({len(self)} tokens, lower={self.lower})"

    def pieces(self, word: str) -> list[tuple[str, int, int]]:
        """Cut one cleaned word: (token, start, end) for each piece.

        From the left, always the longest token that fits; all but the first piece are written with "##".
        A word that cannot be cut to its end, or that is too long, is [UNK] as a whole.
        """
        if len(word) > LONGEST_WORD:
            return [("[UNK]", 0, len(word))]
        found, start = [], 0
        while start < len(word):
            mark = "##" if start else ""
            for end in range(len(word), start, -1):
                if mark + word[start:end] in self.index:
                    break
            else:
                return [("[UNK]", 0, len(word))]
            found.append((mark + word[start:end], start, end))
            start = end
        return found

    def tokenize_with_offsets(self, text: str) -> list[tuple[str, int, int]]:
        """(token, start, end) for each piece of a text; it was cut from `text[start:end]`.

        A special token that stands in the text, such as "[MASK]", is recognised as written and stays whole.
        """
        found, here = [], 0
        for part in re.split(r"(\[(?:PAD|UNK|CLS|SEP|MASK)\])", text):
            if part in SPECIAL:
                found.append((part, here, here + len(part)))
            else:
                cleaned, origin = normalize(part, self.lower)
                for word_start, word_end in split_words(cleaned):
                    for token, start, end in self.pieces(cleaned[word_start:word_end]):
                        first, last = origin[word_start + start], origin[word_start + end - 1]
                        found.append((token, here + first, here + last + 1))
            here += len(part)
        return found

    def tokenize(self, text: str) -> list[str]:
        """The pieces of a text as strings, without [CLS] and [SEP]."""
        return [token for token, _, _ in self.tokenize_with_offsets(text)]

    def ids(self, tokens: Iterable[str]) -> list[int]:
        """The id of each token. One that is not in the vocabulary has the id of [UNK]."""
        return [self.index.get(token, self.unk_id) for token in tokens]

    def encode(
        self, text: str, pair: str | None = None, max_length: int | None = None, truncate: bool = False
    ) -> Encoding:
        """[CLS] text [SEP], or [CLS] text [SEP] pair [SEP]. An empty text gives [CLS] [SEP].

        An empty pair is a pair, and gives a second [SEP] (a call of `transformers` takes it for none).

        More than `max_length` tokens are a ValueError. With `truncate=True` they are cut from the end: of a
        pair the longer text first, until both are equally long ("longest_first" in Hugging Face's words).
        """
        texts = [text] if pair is None else [text, pair]
        parts = [self.tokenize_with_offsets(part) for part in texts]
        marks = 1 + len(parts)  # [CLS], and one [SEP] a text
        total = marks + sum(len(part) for part in parts)
        if max_length is not None and max_length < marks:
            raise ValueError(f"max_length={max_length} leaves no room for [CLS] and [SEP]: at least {marks}.")
        if max_length is not None and total > max_length:
            if not truncate:
                raise ValueError(
                    f"The text is {total} tokens long with [CLS] and [SEP], and max_length is {max_length}. "
                    "Shorten it, split it into several, or pass truncate=True to cut off its end."
                )
            parts = _truncate(parts, room=max_length - marks)
        tokens, types, offsets = ["[CLS]"], [0], [(0, 0)]
        for number, part in enumerate(parts):
            tokens += [token for token, _, _ in part] + ["[SEP]"]
            types += [number] * (len(part) + 1)
            offsets += [(start, end) for _, start, end in part] + [(0, 0)]
        return Encoding(self.ids(tokens), types, tokens, offsets)

    def decode(self, ids: Iterable[int], keep_special: bool = False) -> str:
        """The text that ids spell: "##" pieces joined on, a space before all else but `.`, `,`, `?` and `!`.

        Encoding loses case, accents and the original spacing, so this is close to the text, not equal to it.
        Raises ValueError for an id that is not in the vocabulary.
        """
        text = ""
        for id_ in ids:
            if not 0 <= id_ < len(self.vocab):
                raise ValueError(f"No token has the id {id_}: this vocabulary's ids go from 0 to {len(self) - 1}.")
            token = self.vocab[id_]
            if token in SPECIAL and not keep_special:
                continue
            if text and token.startswith("##"):
                text += token.removeprefix("##")
            else:
                text += token if not text or token in (".", ",", "?", "!") else " " + token
        return text

    # ---- Files -------------------------------------------------------------------------------------------

    def save(self, folder: str | Path, max_length: int = 512) -> None:
        """Write vocab.txt, tokenizer.json and tokenizer_config.json, which `transformers` opens.

        `max_length` is the most tokens the model takes. Each file is written beside and then renamed.
        Raises ValueError, and writes nothing, if a token is empty or holds a line break.
        """
        for token in self.vocab:
            if not token or re.search(r"[\n\r]", token):
                raise ValueError(f"The token {token!r} cannot stand on a line of vocab.txt. Remove it.")
        config = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": self.lower,
            "strip_accents": None,  # None: as do_lower_case says
            "tokenize_chinese_chars": True,
            "model_max_length": max_length,
        }
        config |= {f"{token.strip('[]').lower()}_token": token for token in SPECIAL}
        files = {
            "vocab.txt": "".join(token + "\n" for token in self.vocab),
            "tokenizer.json": self.bulk().to_str(pretty=True) + "\n",
            "tokenizer_config.json": json.dumps(config, indent=2) + "\n",
        }
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            _write(folder / name, text)

    @classmethod
    def load(cls, path: str | Path) -> "WordPiece":
        """Read a folder that `save` or `transformers` wrote, or a vocab.txt (one token a line, id 0 first).

        As in `transformers`, a folder's tokenizer.json goes before its vocab.txt, and `do_lower_case` in
        tokenizer_config.json before what tokenizer.json says. With neither, the text is lower-cased.
        Raises FileNotFoundError, or ValueError if the files are damaged or are not those of a BERT tokenizer.
        """
        path = Path(path)
        folder = path if path.is_dir() else path.parent
        whole = path if path.suffix == ".json" else path / "tokenizer.json"
        plain = path / "vocab.txt" if path.is_dir() else path
        if whole.exists():
            vocab, lower = _read_tokenizer_json(whole)
        elif plain.exists():
            vocab, lower = _read_vocab(plain), True
        else:
            raise FileNotFoundError(f"{path} is not a vocab.txt, or a folder with a vocab.txt or tokenizer.json.")
        if (folder / "tokenizer_config.json").exists():
            config = _read_json(folder / "tokenizer_config.json")
            lower = config.get("do_lower_case", lower)
            _check_rules(folder / "tokenizer_config.json", config, "tokenize_chinese_chars", lower)
        try:
            return cls(vocab, lower)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    # ---- The same in Rust --------------------------------------------------------------------------------

    def bulk(self) -> "Tokenizer":
        """The same tokenizer in Rust, from Hugging Face's `tokenizers`: the same ids, many times faster.

        `bulk().encode(text, pair)` adds [CLS] and [SEP] and knows token types and offsets.
        """
        from tokenizers import Tokenizer, decoders, models, processors

        rust = Tokenizer(models.WordPiece(self.index, unk_token="[UNK]", max_input_chars_per_word=LONGEST_WORD))
        rust.normalizer, rust.pre_tokenizer = _rust_rules(self.lower)
        rust.decoder = decoders.WordPiece(prefix="##")
        rust.post_processor = processors.TemplateProcessing(
            single="[CLS]:0 $A:0 [SEP]:0",
            pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
            special_tokens=[("[CLS]", self.cls_id), ("[SEP]", self.sep_id)],
        )
        rust.add_special_tokens(SPECIAL)  # already in the vocabulary: this has them recognised in a text
        return rust

    def encode_bulk(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text, without [CLS] and [SEP], in Rust.

        It uses all cores, or one if TOKENIZERS_PARALLELISM=false is set. It may be called after a fork.
        """
        texts = _as_list(texts)
        rust = self.bulk()
        ids = []
        for first in range(0, len(texts), 1000):  # a thousand at a time: less memory
            encodings = rust.encode_batch_fast(texts[first : first + 1000], add_special_tokens=False)
            ids += [encoding.ids for encoding in encodings]
        return ids


def _truncate(parts: list[list], room: int) -> list[list]:
    """Cut the ends off one or two lists so that `room` entries are left, the longer one's first."""
    if len(parts) == 1:
        return [parts[0][:room]]
    short = min(len(parts[0]), len(parts[1]), room // 2)  # what is left to the shorter one
    lengths = (room - short, short) if len(parts[0]) > len(parts[1]) else (short, room - short)
    return [part[:length] for part, length in zip(parts, lengths, strict=True)]


def _rust_rules(lower: bool) -> tuple:
    """BERT's cleaning and its splitting into words, as objects of `tokenizers`."""
    from tokenizers import normalizers, pre_tokenizers

    return normalizers.BertNormalizer(lowercase=lower), pre_tokenizers.BertPreTokenizer()


def _as_list(texts: Iterable[str]) -> list[str]:
    """The texts as a list, checked: one string is not a list of texts, though Python would run through it."""
    if isinstance(texts, str):
        raise TypeError("This takes a list of texts, not one text: put it in brackets, [text].")
    texts = list(texts)
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"Text {number} is a {type(text).__name__}, not a string.")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"Text {number}, character {error.start}: half a character. Decode it again.") from None
    return texts


def _write(path: Path, text: str) -> None:
    """Write beside, then rename: whoever reads finds the whole old file or the whole new one."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(beside, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: byte {error.start} cannot be read. Convert the file.") from None


def _read_json(path: Path) -> dict:
    try:
        content = json.loads(_read(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not whole JSON ({error}). Save or download it again.") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no JSON object. Save or download it again.")
    return content


def _read_vocab(path: Path) -> list[str]:
    """The tokens of a vocab.txt. Only a line feed ends a line: other line breaks of Unicode are tokens."""
    lines = _read(path).removesuffix("\n").split("\n")
    if lines == [""]:
        return []
    if "" in lines:
        raise ValueError(f"{path}: line {lines.index('') + 1} is empty. Each line must hold one token.")
    return lines


def _read_tokenizer_json(path: Path) -> tuple[list[str], bool]:
    """The vocabulary of a tokenizer.json, by id, and whether its text is lower-cased."""
    content = _read_json(path)
    model, rules = content.get("model") or {}, content.get("normalizer") or {}
    kinds = model.get("type"), rules.get("type"), model.get("continuing_subword_prefix")
    if kinds != ("WordPiece", "BertNormalizer", "##"):
        raise ValueError(f"{path} is not a BERT tokenizer: model, normalizer and prefix are {kinds}.")
    index = model["vocab"]
    added = [token["content"] for token in content.get("added_tokens") or [] if token["content"] not in SPECIAL]
    if added:
        raise ValueError(f"{path} has added tokens that BERT does not know: {' '.join(added)}. Remove them.")
    vocab = sorted(index, key=index.get)
    if [index[token] for token in vocab] != list(range(len(vocab))):
        raise ValueError(f"{path}: the ids of {len(vocab)} tokens must be 0 to {len(vocab) - 1}, each once.")
    _check_rules(path, rules, "handle_chinese_chars", rules.get("lowercase", True))
    return vocab, rules.get("lowercase", True)


def _check_rules(path: Path, rules: dict, chinese: str, lower: bool) -> None:
    """Refuse the two options that change ids and that BERT itself never used."""
    if rules.get("strip_accents") not in (None, lower) or not rules.get(chinese, True):
        raise ValueError(f"{path} sets strip_accents or {chinese} in a way that WordPiece does not follow.")


# ---- Learn a vocabulary ----------------------------------------------------------------------------------


def count_words(texts: Iterable[str], lower: bool = True) -> Counter:
    """How often each word occurs in the texts, after cleaning."""
    chunks = Counter()  # what stands between spaces; to clean each of them only once saves most of the time
    for text in _as_list(texts):
        chunks.update(re.findall(r"[^ \t\n\r]+", text))
    words = Counter()
    for chunk, count in chunks.items():
        cleaned, _ = normalize(chunk, lower)
        for start, end in split_words(cleaned):
            words[cleaned[start:end]] += count
    return words


def first_vocab(words: Counter, size: int, alphabet: int) -> list[str]:
    """What learning starts from: the special tokens, and the `alphabet` most frequent characters.

    A character has a token for the start of a word and, if it also stands inside words, one with "##".
    Raises ValueError if there is no word, or if `size` has no room for these tokens.
    """
    counts = Counter()
    for word, count in words.items():
        for char in word:
            counts[char] += count
    if not counts:
        raise ValueError("The texts hold no words, so there is nothing to learn from.")
    kept = set(sorted(counts, key=lambda char: (-counts[char], char))[:alphabet])
    inside = {"##" + char for word in words for char in word[1:] if char in kept}
    vocab = SPECIAL + sorted(kept) + sorted(inside)
    if len(vocab) > size:
        raise ValueError(f"size={size} is too small: special tokens and characters alone are {len(vocab)} tokens.")
    return vocab


def merge(split: list[str], left: str, right: str) -> list[str]:
    """The split with each `left` and `right` that are neighbours made one piece, from the start on."""
    merged = []
    for piece in split:
        if piece == right and merged and merged[-1] == left:
            merged[-1] = left + right.removeprefix("##")
        else:
            merged.append(piece)
    return merged


def learn(texts: Iterable[str], size: int, lower: bool = True, alphabet: int = 256, at_least: int = 2) -> WordPiece:
    """Learn a vocabulary, readably: start from single characters, then merge the pair with the best score.

        score(a, b) = count(a next to b) / (count(a) * count(b))

    It is high for pieces that seldom occur apart. Of equal scores the more frequent pair wins, then the first
    by alphabet, so the result does not depend on the order of the texts. Words with a character outside the
    `alphabet` most frequent ones are left out, and so are pairs that occur fewer than `at_least` times.
    Learning ends at `size` tokens, or earlier if there is no pair left.

    By hand, on hug 10 times, pug 5, pun 12, bun 4, hugs 5: ##u occurs 36 times, ##g 20, ##s 5. ("##g", "##s")
    scores 5/(20*5) = 1/20 and all others 1/36, so ##gs comes first. Later, once hu is a piece (15 times, ##g 15,
    ##gs 5), ("hu", "##g") scores 10/(15*15) = 2/45 and ("hu", "##gs") 5/(15*5) = 1/15: so hugs comes before hug.
    (A popular course gives 1/15 to ("hu", "##g").)

    The score is the one usually given for WordPiece; Schuster and Nakajima (2012) say less exactly that the
    likelihood should grow most, and Google's own program was never published. Alone it favours rare pieces:
    1.2 MB of speeches in 4,000 tokens come out 2.7 times as long as with `learn_bulk`. A higher `at_least` helps:
    with 20 it learns 4,812 pieces and the speeches are 1.2 times as long as with 8,000 from `learn_bulk`.
    """
    words = count_words(texts, lower)
    vocab = dict.fromkeys(first_vocab(words, size, alphabet))  # a dict keeps the order, and each token once
    splits = {word: [word[0]] + ["##" + char for char in word[1:]] for word in words}
    splits = {word: split for word, split in splits.items() if all(char in vocab for char in split)}
    piece_count, pair_count = Counter(), Counter()
    pairs_with = defaultdict(set)  # a piece -> the pairs that it is part of
    words_with = defaultdict(set)  # a pair -> the words that it stands in, or once stood in

    def count(word: str, times: int) -> None:
        for piece in splits[word]:
            piece_count[piece] += times
        for pair in pairwise(splits[word]):
            pair_count[pair] += times
            change = set.add if pair_count[pair] else set.discard
            for piece in pair:
                change(pairs_with[piece], pair)
            words_with[pair].add(word)

    def rank(pair: tuple[str, str]) -> tuple:
        """Sorts the best pair first."""
        score = pair_count[pair] / (piece_count[pair[0]] * piece_count[pair[1]])
        return -score, -pair_count[pair], pair

    for word in splits:
        count(word, words[word])
    heap = [rank(pair) for pair in pair_count if pair_count[pair] >= at_least]
    heapq.heapify(heap)
    while heap and len(vocab) < size:
        best = heapq.heappop(heap)
        left, right = pair = best[-1]
        if pair_count[pair] < at_least or best != rank(pair):
            continue  # an old entry: the pair has been ranked again since, or is gone
        for word in words_with.pop(pair):
            count(word, -words[word])
            splits[word] = merge(splits[word], left, right)
            count(word, words[word])
        new = left + right.removeprefix("##")
        vocab[new] = None
        for changed in {other for piece in (left, right, new) for other in pairs_with[piece]}:
            if pair_count[changed] >= at_least:
                heapq.heappush(heap, rank(changed))
    return WordPiece(list(vocab), lower)


def learn_bulk(texts: Iterable[str], size: int, lower: bool = True, alphabet: int = 256) -> WordPiece:
    """Learn a vocabulary fast, in Rust: 20 MB take about ten seconds of computing.

    The same texts give the same vocabulary, in every process.
    Its criterion differs from that of `learn`: it merges the most frequent pair, count(a next to b) alone, as in
    byte pair encoding, which is what Hugging Face's trainer does under the name WordPiece. The pieces are fewer
    and more useful. Only the `alphabet` most frequent characters get a token of their own, so that rare ones do
    not fill the vocabulary; raise it for Chinese or Japanese.
    """
    from tokenizers import Tokenizer, models, trainers

    texts = _as_list(texts)
    first = first_vocab(count_words(texts, lower), size, alphabet)
    chars = [token for token in first if len(token) == 1]
    # All first tokens are given as "special", in our order: left to itself the trainer numbers some of them in
    # the order of a hash table, and breaks ties by those numbers, so that no two runs would agree.
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        special_tokens=first,
        initial_alphabet=chars,
        limit_alphabet=len(chars),
        show_progress=False,
    )
    rust = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    rust.normalizer, rust.pre_tokenizer = _rust_rules(lower)
    rust.train_from_iterator(texts, trainer)
    index = rust.get_vocab(with_added_tokens=False)
    return WordPiece(sorted(index, key=index.get), lower)


# ---- Tables ----------------------------------------------------------------------------------------------
# Ids must equal those of the Rust tokenizer, to the last character. Its tables of accents, punctuation and
# controls are of Unicode 8 (2015), its accent order is of Unicode 9, Python's are of Unicode 14 or newer. So what
# came later has to count as a plain letter. Found by trying every code point, with tokenizers 0.23 and Unicode
# 14 and 18; a test tries them again. One difference stays: capital letters that are newer than your Python
# (55 of them with Python 3.11) are made lower case in Rust alone.


def _ranges(text: str) -> list[tuple[int, int]]:
    """ "3400-4DBF A76" as pairs of numbers, first and last."""
    pairs = (part.split("-") for part in text.split())
    return [(int(pair[0], 16), int(pair[-1], 16)) for pair in pairs]


# Google's code has 2B820 for the second-to-last 2B920, but Hugging Face's has not.
CHINESE = _ranges("3400-4DBF 4E00-9FFF F900-FAFF 20000-2A6DF 2A700-2B81F 2B920-2CEAF 2F800-2FA1F")

# Ranges with accents, punctuation or controls that came after Unicode 8 (and plain letters, old and new).
NEWER = _ranges(
    "5C8-5C9 61D 7FD 890-8E2 9FD-9FE A76 AFA-AFF B53-B55 C04-C3C C77 C84 D00 D3B-D3C D81 EBA ECE 1715 180F-1886 "
    "1ABF-1AF0 1B4E-1B4F 1B7D-1B7F 1DF6-1DFB 2E43-2E63 A82C A8C5 A8FF A9BD 105C9-105E4 10D24-10F89 11070-11074 "
    "110C2-110CD 111CF 1123E-11241 1133B 11383-1145E 11660-1166C 116B9 1182F-11FFF 12FF1-1612F 16D68-16F4F "
    "16FE2-16FF1 1CF00-1D128 1D250-1D281 1E000-1E6F5 1E944-1E95F"
)
NEW_IN_UNICODE_9 = _ranges("8D4-8E1 1DFB 11442-11446 11C3F 1E000-1E02A 1E944-1E94A")

# Characters that Unicode has moved to another class since.
RECLASSIFIED = {"\u166d": "Po", "\u1734": "Mn", "\U0001171e": "Mn", "\U000111c9": "Po"}


def _within(ranges: list[tuple[int, int]], char: str) -> bool:
    return any(first <= ord(char) <= last for first, last in ranges)


@lru_cache(10_000)
def is_newer(char: str) -> bool:
    """Whether the Rust tokenizer takes the character for a plain letter because its tables are too old."""
    return _within(NEWER, char)
