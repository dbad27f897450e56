"""WordPiece: BERT's tokenizer, which cuts a text into pieces from a fixed vocabulary.

Read from top to bottom: clean the text, split it into words, cut each word into pieces, look up their ids. All of that
is plain Python. `to_rust` and `encode_bulk` do the same in Rust, with equal ids. vocabulary.py learns the pieces.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from .files import finish_replacement, read_text, replace_files
from .unicode_tables import accent_class, decompose_accents, is_chinese, is_punctuation, unicode_category

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MAX_WORD_LENGTH = 100  # characters; a longer word becomes one [UNK]

# ---- Characters ------------------------------------------------------------------------------------------


@lru_cache(10_000)
def clean_character(char: str) -> str:
    """Drop control characters, make white space a space, and put spaces around Chinese characters."""
    if char in "\t\n\r" or unicode_category(char).startswith("Z"):
        return " "
    if char == "\ufffd" or unicode_category(char) in ("Cc", "Cf", "Co", "Cs"):
        return ""  # unassigned characters ("Cn") are kept
    return f" {char} " if is_chinese(char) else char


def normalize_text(text: str, lower: bool = True) -> tuple[str, list[int]]:
    """Return the cleaned text, and for each of its characters the index in `text` that it came from.

    With `lower`, accents are dropped and letters made lower case: "Été" becomes "ete". This is done letter by letter,
    so that a final sigma becomes an ordinary one. Without `lower`, letters and accents stay as they are.
    """
    chars = [(kept, index) for index, char in enumerate(text) for kept in clean_character(char)]
    if lower:
        chars = [(part, index) for char, index in chars for part in decompose_accents(char)]
        chars = [
            (small, index)
            for char, index in sort_accents(chars)
            if unicode_category(char) != "Mn"
            for small in char.lower()
        ]
    return "".join(char for char, _ in chars), [index for _, index in chars]


def sort_accents(chars: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Sort neighbouring accents by their class: the second half of Unicode's NFD. It rarely changes anything."""
    ordered = []
    for _, run in groupby(chars, key=lambda pair: accent_class(pair[0]) > 0):
        ordered += sorted(run, key=lambda pair: accent_class(pair[0]))
    return ordered


def split_words(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each word of a cleaned text: cut at spaces, and on both sides of a punctuation mark."""
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
    """A text, or a pair of texts, as BERT reads it. Each list has one entry per token.

    input_ids       index of each token in the vocabulary
    token_type_ids  0 for the first text, 1 for the second
    tokens          the pieces as strings
    offsets         (start, end) of each piece in its own text; (0, 0) for [CLS] and [SEP]
    """

    input_ids: list[int]
    token_type_ids: list[int]
    tokens: list[str]
    offsets: list[tuple[int, int]]


class WordPiece:
    """A tokenizer with a fixed vocabulary: `vocab[i]` is the token with id i, and `index[token]` its id.

    With `lower`, case and accents are dropped, as in "uncased" models.
    Raises ValueError if the vocabulary is empty, holds a token twice, or lacks one of the special tokens.
    """

    def __init__(self, vocab: list[str], lower: bool = True):
        self.vocab = list(vocab)
        self.lower = lower
        self.index = {token: i for i, token in enumerate(self.vocab)}
        if not self.vocab:
            raise ValueError("The vocabulary is empty. Learn one with learn_vocabulary, or load another file.")
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
        """Cut one cleaned word into pieces: (token, start, end) of each.

        From left to right, take the longest token that fits; every piece but the first is written with "##". A word
        that cannot be cut to its end, or that is too long, becomes one [UNK].
        """
        if len(word) > MAX_WORD_LENGTH:
            return [("[UNK]", 0, len(word))]
        pieces, start = [], 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                if prefix + word[start:end] in self.index:
                    break
            else:
                return [("[UNK]", 0, len(word))]
            pieces.append((prefix + word[start:end], start, end))
            start = end
        return pieces

    def tokenize_with_offsets(self, text: str) -> list[tuple[str, int, int]]:
        """Cut a text into pieces: (token, start, end) of each, which was cut from `text[start:end]`.

        A special token in the text, such as "[MASK]", is recognised and stays whole.
        """
        pieces, part_start = [], 0
        for part in re.split(r"(\[(?:PAD|UNK|CLS|SEP|MASK)\])", text):
            if part in SPECIAL_TOKENS:
                pieces.append((part, part_start, part_start + len(part)))
            else:
                cleaned, origin = normalize_text(part, self.lower)
                for word_start, word_end in split_words(cleaned):
                    for token, start, end in self.split_word(cleaned[word_start:word_end]):
                        first, last = origin[word_start + start], origin[word_start + end - 1]
                        pieces.append((token, part_start + first, part_start + last + 1))
            part_start += len(part)
        return pieces

    def tokenize(self, text: str) -> list[str]:
        """Cut a text into pieces, without [CLS] and [SEP]."""
        return [token for token, _, _ in self.tokenize_with_offsets(text)]

    def convert_tokens_to_ids(self, tokens: Iterable[str]) -> list[int]:
        """Return the id of each token; the id of [UNK] for one that is not in the vocabulary."""
        return [self.index.get(token, self.unk_id) for token in tokens]

    def encode(
        self, text: str, pair: str | None = None, max_length: int | None = None, truncate: bool = False
    ) -> Encoding:
        """Encode [CLS] text [SEP], or [CLS] text [SEP] pair [SEP]. An empty text gives [CLS] [SEP].

        An empty pair counts as a pair, and gives a second [SEP] (transformers ignores it).

        Raises ValueError for more than `max_length` tokens. With `truncate=True` they are cut off at the end instead:
        of a pair, the longer text first, until both are equally long (Hugging Face calls this "longest_first").
        """
        texts = [text] if pair is None else [text, pair]
        parts = [self.tokenize_with_offsets(part) for part in texts]
        special = 1 + len(parts)  # [CLS], and one [SEP] per text
        total = special + sum(len(part) for part in parts)
        if max_length is not None and max_length < special:
            raise ValueError(f"max_length={max_length} leaves no room for [CLS] and [SEP]: at least {special}.")
        if max_length is not None and total > max_length:
            if not truncate:
                raise ValueError(
                    f"The text is {total} tokens long with [CLS] and [SEP], and max_length is {max_length}. "
                    "Shorten it, split it into several, or pass truncate=True to cut off its end."
                )
            parts = truncate_longest_first(parts, room=max_length - special)
        tokens, types, offsets = ["[CLS]"], [0], [(0, 0)]
        for number, part in enumerate(parts):
            tokens += [token for token, _, _ in part] + ["[SEP]"]
            types += [number] * (len(part) + 1)
            offsets += [(start, end) for _, start, end in part] + [(0, 0)]
        return Encoding(self.convert_tokens_to_ids(tokens), types, tokens, offsets)

    def decode(self, ids: Iterable[int], keep_special: bool = False) -> str:
        """Turn ids back into a text: join "##" pieces, put a space before all others but `.`, `,`, `?` and `!`.

        Encoding loses case, accents and the original spacing, so the result is close to the text, not equal to it.
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

        `max_length` is the largest number of tokens that the model takes. The files replace former ones all together or
        not at all. Raises ValueError, and writes nothing, if a token is empty or contains a line break.
        """
        for token in self.vocab:
            if not token or re.search(r"[\n\r]", token):
                raise ValueError(f"The token {token!r} cannot be a line of vocab.txt. Remove it.")
        config = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": self.lower,
            "strip_accents": None,  # the same as do_lower_case
            "tokenize_chinese_chars": True,
            "model_max_length": max_length,
        }
        config |= {f"{token.strip('[]').lower()}_token": token for token in SPECIAL_TOKENS}
        texts = {
            "vocab.txt": "".join(token + "\n" for token in self.vocab),
            "tokenizer.json": self.to_rust().to_str(pretty=True) + "\n",
            "tokenizer_config.json": json.dumps(config, indent=2) + "\n",
        }
        with replace_files(Path(folder)) as staging:
            for name, text in texts.items():
                (staging / name).write_text(text, encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: str | Path) -> "WordPiece":
        """Read a folder that `save` or transformers wrote, or a vocab.txt (one token per line, id 0 first).

        As in transformers, tokenizer.json takes precedence over vocab.txt, and `do_lower_case` in tokenizer_config.json
        over the setting in tokenizer.json. With neither, the text is lower-cased.
        Raises FileNotFoundError, or ValueError if the files are damaged or are not those of a BERT tokenizer.
        """
        path = Path(path)
        folder = path if path.is_dir() else path.parent
        finish_replacement(folder)
        tokenizer_file = path if path.suffix == ".json" else path / "tokenizer.json"
        vocab_file = path / "vocab.txt" if path.is_dir() else path
        if tokenizer_file.exists():
            vocab, lower = read_tokenizer_file(tokenizer_file)
        elif vocab_file.exists():
            vocab, lower = read_vocab_file(vocab_file), True
        else:
            raise FileNotFoundError(f"{path} is not a vocab.txt, or a folder with a vocab.txt or tokenizer.json.")
        if (folder / "tokenizer_config.json").exists():
            config = read_json_object(folder / "tokenizer_config.json")
            lower = config.get("do_lower_case", lower)
            check_rules(folder / "tokenizer_config.json", config, "tokenize_chinese_chars", lower)
        try:
            return cls(vocab, lower)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    # ---- The same in Rust --------------------------------------------------------------------------------

    def to_rust(self) -> "Tokenizer":
        """Make the same tokenizer with Hugging Face's `tokenizers`: the same ids, many times faster.

        Its `encode(text, pair)` adds [CLS] and [SEP] and returns token types and offsets.
        """
        from tokenizers import Tokenizer, decoders, models, processors

        rust = Tokenizer(models.WordPiece(self.index, unk_token="[UNK]", max_input_chars_per_word=MAX_WORD_LENGTH))
        rust.normalizer, rust.pre_tokenizer = make_rust_rules(self.lower)
        rust.decoder = decoders.WordPiece(prefix="##")
        rust.post_processor = processors.TemplateProcessing(
            single="[CLS]:0 $A:0 [SEP]:0",
            pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
            special_tokens=[("[CLS]", self.cls_id), ("[SEP]", self.sep_id)],
        )
        rust.add_special_tokens(SPECIAL_TOKENS)  # already in the vocabulary; now they are recognised in a text
        return rust

    def encode_bulk(self, texts: Iterable[str]) -> list[list[int]]:
        """Return the ids of each text, without [CLS] and [SEP], computed in Rust.

        Uses all cores, or one if TOKENIZERS_PARALLELISM=false is set. May be called after a fork.
        """
        texts = check_texts(texts)
        rust = self.to_rust()
        ids = []
        for first in range(0, len(texts), 1000):  # a thousand at a time: less memory
            encodings = rust.encode_batch_fast(texts[first : first + 1000], add_special_tokens=False)
            ids += [encoding.ids for encoding in encodings]
        return ids


def truncate_longest_first(parts: list[list], room: int) -> list[list]:
    """Cut the ends off one or two lists so that `room` entries are left, of the longer one first."""
    if len(parts) == 1:
        return [parts[0][:room]]
    short = min(len(parts[0]), len(parts[1]), room // 2)  # entries that the shorter one keeps
    lengths = (room - short, short) if len(parts[0]) > len(parts[1]) else (short, room - short)
    return [part[:length] for part, length in zip(parts, lengths, strict=True)]


def make_rust_rules(lower: bool) -> tuple:
    """BERT's cleaning and splitting into words, as objects of `tokenizers`."""
    from tokenizers import normalizers, pre_tokenizers

    return normalizers.BertNormalizer(lowercase=lower), pre_tokenizers.BertPreTokenizer()


def check_texts(texts: Iterable[str]) -> list[str]:
    """Return the texts as a list. Raises TypeError for a single string, which Python would read letter by letter."""
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


def read_json_object(path: Path) -> dict:
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not complete JSON ({error}). Save or download it again.") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} is not a JSON object. Save or download it again.")
    return content


def read_vocab_file(path: Path) -> list[str]:
    """The tokens of a vocab.txt. Only \\n and \\r end a line: other line breaks of Unicode are tokens."""
    lines = read_text(path).removesuffix("\n").split("\n")
    if lines == [""]:
        return []
    if "" in lines:
        raise ValueError(f"{path}: line {lines.index('') + 1} is empty. Each line must hold one token.")
    return lines


def read_tokenizer_file(path: Path) -> tuple[list[str], bool]:
    """The vocabulary of a tokenizer.json, by id, and whether its text is lower-cased."""
    content = read_json_object(path)
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
    check_rules(path, rules, "handle_chinese_chars", rules.get("lowercase", True))
    return vocab, rules.get("lowercase", True)


def check_rules(path: Path, rules: dict, chinese: str, lower: bool) -> None:
    """Raise ValueError for two options that change ids and that BERT itself never used."""
    if rules.get("strip_accents") not in (None, lower) or not rules.get(chinese, True):
        raise ValueError(f"{path} sets strip_accents or {chinese} in a way that WordPiece does not follow.")
