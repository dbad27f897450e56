"""WordPiece: how BERT turns a text into pieces from a fixed vocabulary, and how such a vocabulary is learned.

Read from top to bottom: clean the text, split it into words, cut each word into pieces, learn the pieces.
All of that is plain Python. `to_rust`, `encode_bulk` and `learn_vocabulary` do the same work in Rust, with equal ids.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from .files import finish_replacement
from .unicode_tables import accent_class, decompose_accents, is_chinese, is_punctuation, unicode_category

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MAX_WORD_LENGTH = 100  # characters; a longer word becomes one [UNK]

# ---- Characters ------------------------------------------------------------------------------------------


@lru_cache(10_000)
def clean_character(char: str) -> str:
    """What is kept of a character: nothing of a control, a space for white space, room around Chinese."""
    if char in "\t\n\r" or unicode_category(char).startswith("Z"):
        return " "
    if char == "\ufffd" or unicode_category(char) in ("Cc", "Cf", "Co", "Cs"):
        return ""  # unassigned characters ("Cn") are kept
    return f" {char} " if is_chinese(char) else char


def normalize_text(text: str, lower: bool = True) -> tuple[str, list[int]]:
    """The cleaned text, and for each character of it the index in `text` that it came from.

    With `lower`, accents are dropped and letters made lower case: "Été" becomes "ete". Letter by letter, so a
    final sigma is an ordinary one. Without `lower`, letters and accents stay as they are.
    """
    chars = [(kept, index) for index, char in enumerate(text) for kept in clean_character(char)]
    if lower:
        chars = [(part, index) for char, index in chars for part in decompose_accents(char)]
        chars = [
            (small, index)
            for char, index in _sort_accents(chars)
            if unicode_category(char) != "Mn"
            for small in char.lower()
        ]
    return "".join(char for char, _ in chars), [index for _, index in chars]


def _sort_accents(chars: list[tuple[str, int]]) -> list[tuple[str, int]]:
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
        missing = [token for token in SPECIAL_TOKENS if token not in self.index]
        if missing:
            raise ValueError(
                f"The vocabulary lacks {' '.join(missing)}. BERT needs {' '.join(SPECIAL_TOKENS)}: add them."
            )
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (self.index[t] for t in SPECIAL_TOKENS)

    def __len__(self) -> int:
        return len(self.vocab)

    def __repr__(self) -> str:
        return f"WordPiece({len(self)} tokens, lower={self.lower})"

    def split_word(self, word: str) -> list[tuple[str, int, int]]:
        """Cut one cleaned word: (token, start, end) for each piece.

        From the left, always the longest token that fits; all but the first piece are written with "##".
        A word that cannot be cut to its end, or that is too long, is [UNK] as a whole.
        """
        if len(word) > MAX_WORD_LENGTH:
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
            if part in SPECIAL_TOKENS:
                found.append((part, here, here + len(part)))
            else:
                cleaned, origin = normalize_text(part, self.lower)
                for word_start, word_end in split_words(cleaned):
                    for token, start, end in self.split_word(cleaned[word_start:word_end]):
                        first, last = origin[word_start + start], origin[word_start + end - 1]
                        found.append((token, here + first, here + last + 1))
            here += len(part)
        return found

    def tokenize(self, text: str) -> list[str]:
        """The pieces of a text as strings, without [CLS] and [SEP]."""
        return [token for token, _, _ in self.tokenize_with_offsets(text)]

    def convert_tokens_to_ids(self, tokens: Iterable[str]) -> list[int]:
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
            parts = truncate_longest_first(parts, room=max_length - marks)
        tokens, types, offsets = ["[CLS]"], [0], [(0, 0)]
        for number, part in enumerate(parts):
            tokens += [token for token, _, _ in part] + ["[SEP]"]
            types += [number] * (len(part) + 1)
            offsets += [(start, end) for _, start, end in part] + [(0, 0)]
        return Encoding(self.convert_tokens_to_ids(tokens), types, tokens, offsets)

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
            if token in SPECIAL_TOKENS and not keep_special:
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
        config |= {f"{token.strip('[]').lower()}_token": token for token in SPECIAL_TOKENS}
        files = {
            "vocab.txt": "".join(token + "\n" for token in self.vocab),
            "tokenizer.json": self.to_rust().to_str(pretty=True) + "\n",
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
        finish_replacement(folder)
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

    def to_rust(self) -> "Tokenizer":
        """The same tokenizer in Rust, from Hugging Face's `tokenizers`: the same ids, many times faster.

        `to_rust().encode(text, pair)` adds [CLS] and [SEP] and knows token types and offsets.
        """
        from tokenizers import Tokenizer, decoders, models, processors

        rust = Tokenizer(models.WordPiece(self.index, unk_token="[UNK]", max_input_chars_per_word=MAX_WORD_LENGTH))
        rust.normalizer, rust.pre_tokenizer = _make_rust_rules(self.lower)
        rust.decoder = decoders.WordPiece(prefix="##")
        rust.post_processor = processors.TemplateProcessing(
            single="[CLS]:0 $A:0 [SEP]:0",
            pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
            special_tokens=[("[CLS]", self.cls_id), ("[SEP]", self.sep_id)],
        )
        rust.add_special_tokens(SPECIAL_TOKENS)  # already in the vocabulary: this has them recognised in a text
        return rust

    def encode_bulk(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text, without [CLS] and [SEP], in Rust.

        It uses all cores, or one if TOKENIZERS_PARALLELISM=false is set. It may be called after a fork.
        """
        texts = _check_texts(texts)
        rust = self.to_rust()
        ids = []
        for first in range(0, len(texts), 1000):  # a thousand at a time: less memory
            encodings = rust.encode_batch_fast(texts[first : first + 1000], add_special_tokens=False)
            ids += [encoding.ids for encoding in encodings]
        return ids


def truncate_longest_first(parts: list[list], room: int) -> list[list]:
    """Cut the ends off one or two lists so that `room` entries are left, the longer one's first."""
    if len(parts) == 1:
        return [parts[0][:room]]
    short = min(len(parts[0]), len(parts[1]), room // 2)  # what is left to the shorter one
    lengths = (room - short, short) if len(parts[0]) > len(parts[1]) else (short, room - short)
    return [part[:length] for part, length in zip(parts, lengths, strict=True)]


def _make_rust_rules(lower: bool) -> tuple:
    """BERT's cleaning and its splitting into words, as objects of `tokenizers`."""
    from tokenizers import normalizers, pre_tokenizers

    return normalizers.BertNormalizer(lowercase=lower), pre_tokenizers.BertPreTokenizer()


def _check_texts(texts: Iterable[str]) -> list[str]:
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
    added = [token["content"] for token in content.get("added_tokens") or [] if token["content"] not in SPECIAL_TOKENS]
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
