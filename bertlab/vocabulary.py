"""Learn a WordPiece vocabulary: readably in Python (`learn_slowly`), and fast in Rust (`learn_vocabulary`)."""

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise

from .arguments import check_number
from .wordpiece import SPECIAL_TOKENS, WordPiece, check_texts, normalize_text, split_words

# How many characters get a token of their own, unless a caller says it.
LEAST_ALPHABET = 256
COVERED_SHARE = 0.9995  # of the characters of the text
ALPHABET_SHARE = 0.9  # of the vocabulary, at most
WORDS_AT_ONCE = 10_000
ASCII_WORD = re.compile(r"[A-Za-z0-9]+|.")  # or a punctuation mark


def count_words(
    texts: Iterable[str], lower: bool = True, strip_accents: bool | None = None, chinese: bool = True
) -> Counter:
    """Count how often each word occurs in the texts, after cleaning by `normalize_text`."""
    chunks = Counter()  # text between spaces; cleaning each different chunk only once saves most of the time
    for text in check_texts(texts):
        chunks.update(re.findall(r"[^ \t\n\r]+", text))
    words = Counter()
    for chunk, count in chunks.items():
        if chunk.isascii() and chunk.isprintable():  # the same, faster
            for word in ASCII_WORD.findall(chunk.lower() if lower else chunk):
                words[word] += count
            continue
        cleaned, _ = normalize_text(chunk, lower, strip_accents, chinese)
        for start, end in split_words(cleaned):
            words[cleaned[start:end]] += count
    return words


def list_first_tokens(words: Counter, size: int, alphabet: int | None = None) -> list[str]:
    """List the tokens that learning starts from: the special ones, and the `alphabet` most frequent characters.

    A character has a token for the start of a word and, if it also occurs inside words, one with "##". Without an
    `alphabet`, it follows the text: see `choose_characters`.
    Raises ValueError if there is no word, or if `size` has no room for these tokens.
    """
    counts, inside = Counter(), set()
    for word, count in words.items():
        for char in word:
            counts[char] += count
        inside.update(word[1:])
    if not counts:
        raise ValueError("The texts contain no words, so there is nothing to learn from.")
    ordered = sorted(counts, key=lambda char: (-counts[char], char))
    kept = set(ordered[:alphabet] if alphabet is not None else choose_characters(ordered, counts, inside, size))
    vocab = SPECIAL_TOKENS + sorted(kept) + sorted("##" + char for char in kept & inside)
    if len(vocab) > size:
        raise ValueError(f"size={size} is too small: special tokens and characters alone are {len(vocab)} tokens.")
    return vocab


def choose_characters(ordered: list[str], counts: Counter, inside: set[str], size: int) -> list[str]:
    """The 256 most frequent characters, and more while they cover less than 99.95% of the text and their tokens take
    less than nine tenths of a vocabulary of `size`.

    Alphabets and syllabaries have enough with 256; Chinese takes some thousand, each a word of its own.
    """
    covered, tokens, total = 0, len(SPECIAL_TOKENS), sum(counts.values())
    for number, char in enumerate(ordered):
        tokens += 1 + (char in inside)
        if number >= LEAST_ALPHABET and (covered >= COVERED_SHARE * total or tokens > ALPHABET_SHARE * size):
            return ordered[:number]
        covered += counts[char]
    return ordered


def merge_pair(split: list[str], left: str, right: str) -> list[str]:
    """Join each `left` that is followed by `right` into one piece, from the start of the split on."""
    merged = []
    for piece in split:
        if piece == right and merged and merged[-1] == left:
            merged[-1] = left + right.removeprefix("##")
        else:
            merged.append(piece)
    return merged


def learn_slowly(
    texts: Iterable[str], size: int, lower: bool = True, alphabet: int | None = None, at_least: int = 2
) -> WordPiece:
    """Learn a vocabulary, readably: start from single characters, then merge the pair with the best score.

        score(a, b) = count(a next to b) / (count(a) * count(b))

    It is high for pieces that rarely occur apart. Of equal scores the more frequent pair wins, then the first in
    alphabetical order, so the result does not depend on the order of the texts. Words with a character outside the
    `alphabet` (the most frequent ones, see `list_first_tokens`) are left out, and so are pairs that occur fewer than
    `at_least` times. Learning ends at `size` tokens, or earlier if there is no pair left.

    By hand, with hug 10 times, pug 5, pun 12, bun 4, hugs 5: ##u occurs 36 times, ##g 20, ##s 5. ("##g", "##s") scores
    5/(20*5) = 1/20 and all others 1/36, so ##gs comes first. Later, once hu is a piece (15 times, ##g 15, ##gs 5),
    ("hu", "##g") scores 10/(15*15) = 2/45 and ("hu", "##gs") 5/(15*5) = 1/15, so hugs comes before hug. (A popular
    course gives 1/15 to ("hu", "##g").)

    This is the score usually given for WordPiece. Schuster and Nakajima (2012) only say that the likelihood should grow
    most, and Google's own program was never published. Alone it favours rare pieces: with 4,000 tokens, 1.2 MB of
    speeches become 2.7 times as long as with `learn_vocabulary`. A higher `at_least` helps: with 20 it learns 4,812
    pieces, and the speeches are 1.2 times as long as with 8,000 from `learn_vocabulary`.
    """
    size, alphabet = (
        check_number(size, "size", least=1, whole=True),
        None if alphabet is None else check_number(alphabet, "alphabet", least=1, whole=True),
    )
    at_least = check_number(at_least, "at_least", least=1, whole=True)
    words = count_words(texts, lower)
    vocab = dict.fromkeys(list_first_tokens(words, size, alphabet))  # a dict keeps the order, and each token once
    splits = {word: [word[0]] + ["##" + char for char in word[1:]] for word in words}
    splits = {word: split for word, split in splits.items() if all(char in vocab for char in split)}
    piece_count, pair_count = Counter(), Counter()
    pairs_with = defaultdict(set)  # a piece -> the pairs that it is part of
    words_with = defaultdict(set)  # a pair -> the words that contain it, or once contained it

    def count_pieces(word: str, times: int) -> None:
        for piece in splits[word]:
            piece_count[piece] += times
        for pair in pairwise(splits[word]):
            pair_count[pair] += times
            change = set.add if pair_count[pair] else set.discard
            for piece in pair:
                change(pairs_with[piece], pair)
            words_with[pair].add(word)

    def rank_pair(pair: tuple[str, str]) -> tuple:
        """A key that sorts the best pair first."""
        score = pair_count[pair] / (piece_count[pair[0]] * piece_count[pair[1]])
        return -score, -pair_count[pair], pair

    for word in splits:
        count_pieces(word, words[word])
    heap = [rank_pair(pair) for pair in pair_count if pair_count[pair] >= at_least]
    heapq.heapify(heap)
    while heap and len(vocab) < size:
        best = heapq.heappop(heap)
        left, right = pair = best[-1]
        if pair_count[pair] < at_least or best != rank_pair(pair):
            continue  # an outdated entry: the pair has been ranked again since, or no longer occurs
        for word in words_with.pop(pair):
            count_pieces(word, -words[word])
            splits[word] = merge_pair(splits[word], left, right)
            count_pieces(word, words[word])
        new = left + right.removeprefix("##")
        vocab[new] = None
        for changed in {other for piece in (left, right, new) for other in pairs_with[piece]}:
            if pair_count[changed] >= at_least:
                heapq.heappush(heap, rank_pair(changed))
    return WordPiece(list(vocab), lower)


def learn_vocabulary(
    texts: Iterable[str],
    size: int,
    lower: bool = True,
    alphabet: int | None = None,
    strip_accents: bool | None = None,
) -> WordPiece:
    """Learn a vocabulary fast, in Rust: 20 MB of text take about ten seconds.

    The same texts give the same vocabulary, in every process.
    Its criterion differs from that of `learn_slowly`: it merges the most frequent pair, count(a next to b) alone, as in
    byte pair encoding, which is what Hugging Face's trainer does under the name WordPiece. The pieces are fewer
    and more useful. Only the `alphabet` most frequent characters get a token of their own, so that rare ones do
    not fill the vocabulary; without it, their number follows the text (`choose_characters`). `lower` and
    `strip_accents` are those of `normalize_text`; the tokenizer keeps them, and its files hold them.
    """
    return learn_from_counts(count_words(texts, lower, strip_accents), size, lower, alphabet, strip_accents)


def learn_from_counts(words: Counter, size: int, lower: bool = True, alphabet: int | None = None,
                      strip_accents: bool | None = None) -> WordPiece:  # fmt: skip
    """`learn_vocabulary` from words that are counted already, see `count_words`."""
    size = check_number(size, "size", least=1, most=1_000_000, whole=True)
    alphabet = alphabet if alphabet is None else check_number(alphabet, "alphabet", least=1, whole=True)
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    first = list_first_tokens(words, size, alphabet)
    chars = [token for token in first if len(token) == 1]
    # All first tokens are given as "special", in our order: by default the trainer numbers some of them in the order of
    # a hash table, and breaks ties by those numbers, so that no two runs would agree.
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        special_tokens=first,
        initial_alphabet=chars,
        limit_alphabet=len(chars),
        min_frequency=2,  # what occurs once is no piece: in Thai it would be a whole sentence
        show_progress=False,
    )
    rust = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    rust.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # the words are cleaned
    rust.train_from_iterator(repeat_words(words), trainer)
    index = rust.get_vocab(with_added_tokens=False)
    return WordPiece(sorted(index, key=index.get), lower, strip_accents=strip_accents)


def repeat_words(words: Counter) -> Iterator[str]:
    """Texts in which each word occurs as often as it was counted, since the trainer counts for itself."""
    for word, count in words.items():
        for start in range(0, count, WORDS_AT_ONCE):
            yield " ".join([word] * min(count - start, WORDS_AT_ONCE))


def describe_vocabulary(tokenizer: WordPiece, asked: int = 0) -> str:
    """In words: how many wordpieces there are, and why fewer than were `asked` for."""
    fewer = f" (not {asked:,}: no other occurs twice)" if len(tokenizer) < asked else ""
    return f"a vocabulary of {len(tokenizer):,} wordpieces{fewer}"
