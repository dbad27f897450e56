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
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import check_argument, check_kind, check_list, check_number, check_path, check_text
from .files import is_complete_text, replace_files
from .unicode_tables import accent_class, decompose_accents, is_chinese, is_punctuation, unicode_category

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MAX_WORD_LENGTH = 100  # characters; a longer word becomes one [UNK]
SPACE = re.compile(r"[ \t\n\r]+")  # what separates words in any text, before it is cleaned
MOST_KNOWN_WORDS = 200_000  # whose ids `encode_bulk` keeps, so that its memory has a bound

# ---- Characters ------------------------------------------------------------------------------------------


@lru_cache(10_000)
def clean_character(char: str, chinese: bool = True) -> str:
    """Drop control characters, make white space a space, and, with `chinese`, put spaces around Chinese characters."""
    if char in "\t\n\r" or unicode_category(char).startswith("Z"):
        return " "
    if char == "\ufffd" or unicode_category(char) in ("Cc", "Cf", "Co", "Cs"):
        return ""  # unassigned characters ("Cn") are kept
    return f" {char} " if chinese and is_chinese(char) else char


def normalize_text(
    text: str, lower: bool = True, strip_accents: bool | None = None, chinese: bool = True
) -> tuple[str, list[int]]:
    """Return the cleaned text, and for each of its characters the index in `text` that it came from.

    With `lower`, accents are dropped and letters made lower case: "Été" becomes "ete". This is done letter by letter,
    so that a final sigma becomes an ordinary one. Without `lower`, letters and accents stay as they are. A model can
    differ from that: `strip_accents` says whether accents are dropped, whatever `lower` is, and without `chinese`,
    Chinese characters are no words of their own.
    """
    chars = [(kept, index) for index, char in enumerate(text) for kept in clean_character(char, chinese)]
    if lower if strip_accents is None else strip_accents:
        chars = [(part, index) for char, index in chars for part in decompose_accents(char)]
        chars = [(char, index) for char, index in sort_accents(chars) if unicode_category(char) != "Mn"]
    if lower:
        chars = [(small, index) for char, index in chars for small in char.lower()]
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

    With `lower`, case and accents are dropped, as in "uncased" models; `strip_accents` and `chinese` are explained at
    `normalize_text`. A model whose files call a special token otherwise has the usual name here, and its own in
    `names`: {"[MASK]": "<mask>"}. In a text both are recognised.
    Raises ValueError if the vocabulary is empty, holds a token twice or something that is no text, or lacks one of the
    special tokens.
    """

    def __init__(
        self,
        vocab: list[str],
        lower: bool = True,
        *,
        strip_accents: bool | None = None,
        chinese: bool = True,
        names: dict[str, str] | None = None,
    ):
        vocab = check_list(vocab, "vocab", "tokens")
        check_kind(lower, bool, "lower", "True or False")
        self.vocab = list(vocab)
        self.lower, self.chinese = lower, chinese
        self.strip_accents = None if strip_accents == lower else strip_accents
        self.names = {token: (names or {}).get(token, token) for token in SPECIAL_TOKENS}
        self._by_name = {name: token for token, name in self.names.items()} | {token: token for token in SPECIAL_TOKENS}
        longest_first = sorted(self._by_name, key=len, reverse=True)
        self._special = re.compile(f"({'|'.join(map(re.escape, longest_first))})")
        if not self.vocab:
            raise ValueError("The vocabulary is empty. Learn one with learn_vocabulary, or load another file.")
        for number, token in enumerate(self.vocab):
            if not isinstance(token, str):
                raise ValueError(
                    f"Entry {number} of the vocabulary is {token!r:.40}, not a text. Each token is a text."
                )
        if not is_complete_text("".join(self.vocab)):
            token = next(token for token in self.vocab if not is_complete_text(token))
            raise ValueError(f"The vocabulary holds {token!r:.40}, half a character. Correct or remove it.")
        self.index = {token: i for i, token in enumerate(self.vocab)}
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
        more = "" if self.strip_accents is None else f", strip_accents={self.strip_accents}"
        more += "" if self.chinese else ", chinese=False"
        return f"WordPiece({len(self)} tokens, lower={self.lower}{more})"

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
        check_text(text, "text")
        pieces, part_start = [], 0
        for part in self._special.split(text):
            if part in self._by_name:
                pieces.append((self._by_name[part], part_start, part_start + len(part)))
            else:
                cleaned, origin = normalize_text(part, self.lower, self.strip_accents, self.chinese)
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
        tokens = check_list(tokens, "tokens", "texts")
        check_argument(tokens, [str], "tokens")
        return [self.index.get(token, self.unk_id) for token in tokens]

    def encode(
        self, text: str, pair: str | None = None, max_length: int | None = None, truncate: bool = False
    ) -> Encoding:
        """Encode [CLS] text [SEP], or [CLS] text [SEP] pair [SEP]. An empty text gives [CLS] [SEP].

        An empty pair counts as a pair, and gives a second [SEP] (transformers ignores it).

        Raises ValueError for more than `max_length` tokens. With `truncate=True` they are cut off at the end instead:
        of a pair, the longer text first, until both are equally long (Hugging Face calls this "longest_first").
        """
        if max_length is not None:
            max_length = check_number(max_length, "max_length", whole=True)
        if pair is not None:
            check_text(pair, "pair")
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
        ids = [
            check_number(number, f"ids[{i}]", whole=True) for i, number in enumerate(check_list(ids, "ids", "numbers"))
        ]
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
        not at all. Raises ValueError, and writes nothing, if a token is empty, contains a line break, or ends in a
        blank, which a vocab.txt loses.
        """
        check_path(folder, "folder")
        tokens = [self.names.get(token, token) for token in self.vocab]
        for token in tokens:
            if not token or re.search(r"[\n\r]|[ \t]$", token):
                raise ValueError(f"The token {token!r} cannot be a line of vocab.txt. Remove it.")
        config = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": self.lower,
            "strip_accents": self.strip_accents,  # None: the same as do_lower_case
            "tokenize_chinese_chars": self.chinese,
            "model_max_length": max_length,
        }
        config |= {f"{token.strip('[]').lower()}_token": name for token, name in self.names.items()}
        texts = {
            "vocab.txt": "".join(token + "\n" for token in tokens),
            "tokenizer.json": self.to_rust().to_str(pretty=True) + "\n",
            "tokenizer_config.json": json.dumps(config, indent=2) + "\n",
        }
        with replace_files(Path(folder)) as staging:
            for name, text in texts.items():
                (staging / name).write_text(text, encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: str | Path) -> "WordPiece":
        """Read a folder that `save` or transformers wrote, or a vocab.txt (one token per line, id 0 first).

        As in transformers, tokenizer.json takes precedence over vocab.txt, and tokenizer_config.json over the settings
        in tokenizer.json. With neither, the text is lower-cased. A setting that BERT's rules do not have, another class
        of tokenizer and added tokens are refused.
        Raises FileNotFoundError, or ValueError if the files are damaged or are not those of a BERT tokenizer.
        """
        check_path(path, "path")
        from .tokenizer_files import read_tokenizer

        vocab, settings = read_tokenizer(Path(path))
        try:
            return cls(vocab, **settings)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    # ---- The same in Rust --------------------------------------------------------------------------------

    def to_rust(self) -> "Tokenizer":
        """Make the same tokenizer with Hugging Face's `tokenizers`: the same ids, many times faster.

        Its `encode(text, pair)` adds [CLS] and [SEP] and returns token types and offsets.
        """
        from tokenizers import Tokenizer, decoders, models, processors

        index = {self.names.get(token, token): i for token, i in self.index.items()}
        _, unknown, cls, sep, _ = self.names.values()
        rust = Tokenizer(models.WordPiece(index, unk_token=unknown, max_input_chars_per_word=MAX_WORD_LENGTH))
        rust.normalizer, rust.pre_tokenizer = make_rust_rules(self.lower, self.strip_accents, self.chinese)
        rust.decoder = decoders.WordPiece(prefix="##")
        rust.post_processor = processors.TemplateProcessing(
            single=[f"{cls}:0", "$A:0", f"{sep}:0"],
            pair=[f"{cls}:0", "$A:0", f"{sep}:0", "$B:1", f"{sep}:1"],
            special_tokens=[(cls, self.cls_id), (sep, self.sep_id)],
        )
        rust.add_special_tokens(list(self.names.values()))  # in the vocabulary; now they are recognised in a text
        return rust

    def encode_bulk(self, texts: Iterable[str], known: dict[str, list[int]] | None = None) -> list[list[int]]:
        """Return the ids of each text, without [CLS] and [SEP], computed in Rust.

        Each different word between spaces is encoded once, which is faster. `known` keeps their ids from one call to
        the next: begin with an empty dict, and use it with this tokenizer alone.
        Uses all cores, or one if TOKENIZERS_PARALLELISM=false is set. May be called after a fork.
        """
        texts = check_texts(texts)
        if any(token != name for token, name in self.names.items()):  # Rust knows only the names of the files
            texts = [self._special.sub(lambda found: self.names[self._by_name[found[0]]], text) for text in texts]
        is_cut = not any(map(SPACE.search, self.names.values()))
        rust, known, ids = self.to_rust(), {} if known is None else known, []
        for first in range(0, len(texts), 1000):  # a thousand at a time: less memory
            words = [SPACE.split(text) if is_cut else [text] for text in texts[first : first + 1000]]
            if len(known) > MOST_KNOWN_WORDS:
                known.clear()
            new = list(set(chain.from_iterable(words)) - known.keys())
            encodings = rust.encode_batch_fast(new, add_special_tokens=False)
            known |= {word: encoding.ids for word, encoding in zip(new, encodings, strict=True)}
            ids += [list(chain.from_iterable(map(known.__getitem__, of_text))) for of_text in words]
        return ids


def truncate_longest_first(parts: list[list], room: int) -> list[list]:
    """Cut the ends off one or two lists so that `room` entries are left, of the longer one first."""
    if len(parts) == 1:
        return [parts[0][:room]]
    short = min(len(parts[0]), len(parts[1]), room // 2)  # entries that the shorter one keeps
    lengths = (room - short, short) if len(parts[0]) > len(parts[1]) else (short, room - short)
    return [part[:length] for part, length in zip(parts, lengths, strict=True)]


def make_rust_rules(lower: bool, strip_accents: bool | None = None, chinese: bool = True) -> tuple:
    """BERT's cleaning and splitting into words, as objects of `tokenizers`; the options are those of
    `normalize_text`."""
    from tokenizers import normalizers, pre_tokenizers

    normalizer = normalizers.BertNormalizer(lowercase=lower, strip_accents=strip_accents, handle_chinese_chars=chinese)
    return normalizer, pre_tokenizers.BertPreTokenizer()


def check_texts(texts: Iterable[str]) -> list[str]:
    """Return the texts as a list. Raises TypeError for a single string, which Python would read letter by letter."""
    if isinstance(texts, str):
        raise TypeError("This takes a list of texts, not one text: put it in brackets, [text].")
    texts = check_list(texts, "texts", "texts")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"Text {number} is a {type(text).__name__}, not a string.")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"Text {number}, character {error.start}: half a character. Decode it again.") from None
    return texts
