"""What each attention head does, in numbers: the share of its attention on certain tokens, its entropy, its distance.

Dimension letters: L layers, H heads, T tokens, B batch. Numpy only; maps may also be tensors.
"""

import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np

from .arguments import check_argument, check_array, check_list, check_number, describe_value
from .wordpiece import SPECIAL_TOKENS

# The scores that are shares of the attention, and so can be compared with each other.
SHARES = ("previous", "next", "self", "same word", "[CLS]", "[SEP]", "punctuation", "delimiter")

# The kinds of head: those of Clark et al. 2019 ("What Does BERT Look At?", section 3), and the same word. The share
# "delimiter" ([SEP] or punctuation) is measured, but is not a kind of its own.
HEAD_KINDS = SHARES[:-1]


def is_punctuation_token(token: str) -> bool:
    """Whether the token consists of signs only: true of "." and "(", false of "[SEP]", "##s" and "mr."."""
    return token not in ("", *SPECIAL_TOKENS) and all(unicodedata.category(sign)[0] in "PS" for sign in token)


def find_scored_keys(tokens: Sequence[str]) -> dict[str, np.ndarray]:
    """The keys that each share counts: name -> (T, T) of bool, True where attention from query i to key j counts.

    previous: j = i - 1. next: j = i + 1. self: j = i. same word: another token with the same string, not for special
    tokens. [CLS], [SEP]: the keys with this token. punctuation: the keys that consist of signs only. delimiter: [SEP]
    or punctuation.
    """
    tokens = check_argument(check_list(tokens, "tokens", "tokens"), [str], "tokens")
    T = len(tokens)
    words = np.array(tokens, dtype=object)
    same_word = (words[:, None] == words) & ~np.eye(T, dtype=bool) & ~np.isin(words, SPECIAL_TOKENS)
    columns = {name: words == name for name in ("[CLS]", "[SEP]")}
    columns["punctuation"] = np.array([is_punctuation_token(token) for token in tokens], dtype=bool)
    columns["delimiter"] = columns["[SEP]"] | columns["punctuation"]
    diagonals = {name: np.eye(T, k=k, dtype=bool) for name, k in (("previous", -1), ("next", 1), ("self", 0))}
    repeated = {name: np.broadcast_to(column, (T, T)) for name, column in columns.items()}
    return diagonals | {"same word": same_word.astype(bool)} | repeated


def select_text_maps(maps: Sequence, row: int = 0, length: int | None = None) -> np.ndarray:
    """One text of a batch: L maps (B, H, T, T) -> (L, H, T, T) of row `row`, cut to its first `length` tokens."""
    maps = check_list(maps, "maps", "maps (B, H, T, T), one for each layer")
    row = check_number(row, "row", whole=True)
    if length is not None:
        length = check_number(length, "length", least=1, whole=True)
    if not maps:
        raise ValueError("maps is empty; it must hold the maps of each layer")
    for number, heads in enumerate(maps):
        if len(getattr(heads, "shape", ())) != 4 or not -len(heads) <= row < len(heads):
            raise ValueError(
                f"layer {number} is {describe_value(heads)}; it must have shape (B, H, T, T), with row {row}"
            )
    return np.stack([check_array(heads[row], "maps")[:, :length, :length] for heads in maps])


def make_uniform_map(T: int) -> np.ndarray:
    """The map of a head that attends equally to all tokens, (T, T)."""
    return np.full((T, T), 1 / max(T, 1))


def check_head_maps(maps, tokens: Sequence[str]) -> np.ndarray:
    """The maps as float64 (..., T, T). Raises ValueError that says what is wrong with them."""
    tokens = check_argument(check_list(tokens, "tokens", "tokens"), [str], "tokens")
    if isinstance(maps, list | tuple):
        maps = [check_array(heads, f"maps[{number}]") for number, heads in enumerate(maps)]
        if not maps or any(heads.shape != maps[0].shape for heads in maps):
            raise ValueError(f"maps has layers of shapes {[heads.shape for heads in maps]}; they must be alike")
        maps = np.stack(maps)
    maps, T = check_array(maps, "maps"), len(tokens)
    if maps.ndim < 2 or maps.shape[-2:] != (T, T) or T == 0:
        raise ValueError(f"maps of shape {maps.shape} for {T} tokens; they must be (..., {T}, {T})")
    if "[PAD]" in tokens:
        raise ValueError("a token is [PAD]: cut the padding off the maps and the tokens first (select_text_maps)")
    if not (maps >= 0).all():
        raise ValueError("the maps hold negative numbers or nan: scores before softmax, or a row with every key masked")
    worst = float(np.abs(maps.sum(-1) - 1).max(initial=0))
    if worst > 0.01:
        raise ValueError(
            f"the sum of a row is off by {worst:.3f} from 1: the map was taken after dropout, or without the padding "
            "mask and then cut"
        )
    return maps


def sum_head_scores(maps: np.ndarray, tokens: Sequence[str]) -> dict[str, tuple[np.ndarray, int]]:
    """Each score summed over the queries that count, (...), and the number of these queries."""
    T = len(tokens)
    wanted = find_scored_keys(tokens)
    sums = {name: ((maps * keys).sum((-2, -1)), int(keys.any(-1).sum())) for name, keys in wanted.items()}
    logs = np.log(maps, out=np.zeros_like(maps), where=maps > 0)  # 0 log 0 is 0
    distances = np.abs(np.arange(T)[:, None] - np.arange(T))
    sums["entropy"] = (-(maps * logs).sum((-2, -1)), T)
    sums["distance"] = ((maps * distances).sum((-2, -1)), T)
    return sums


def average_head_scores(texts: Iterable[tuple[object, Sequence[str]]]) -> dict[str, np.ndarray]:
    """The scores over several texts, each given as (maps, tokens), the arguments of `score_heads`.

    Every query that counts has the same weight. A long text therefore counts more than a short one, and a text without
    a repeated word does not affect "same word". Raises ValueError for no text, and what `score_heads` raises.
    """
    sums: dict[str, tuple] = {}
    if not isinstance(texts, Iterable) or isinstance(texts, str | type) or getattr(texts, "shape", None) == ():
        raise TypeError(f"texts is {describe_value(texts)}; it must be a list of (maps, tokens)")
    for number, text in enumerate(texts):
        if not isinstance(text, tuple | list) or len(text) != 2:
            raise TypeError(f"texts[{number}] is {describe_value(text)}; it must be (maps, tokens)")
        maps, tokens = text
        for name, (total, count) in sum_head_scores(check_head_maps(maps, tokens), tokens).items():
            earlier_total, earlier_count = sums.get(name, (0.0, 0))
            sums[name] = earlier_total + total, earlier_count + count
    if not sums:
        raise ValueError("no texts: there is nothing to score")
    return {name: total / count if count else np.full_like(total, np.nan) for name, (total, count) in sums.items()}


def score_heads(maps, tokens: Sequence[str]) -> dict[str, np.ndarray]:
    """The scores of each head on one text: maps (..., T, T) and its T tokens -> name -> array (...).

    `maps` may be one map, (H, T, T), (L, H, T, T), or the list that `attention_maps` fills for a batch of one text, L
    tensors (1, H, T, T); the arrays are then (L, 1, H). Padding must be cut off before, see `select_text_maps`.

    A **share** is the mean over queries i of sum_{j in S_i} a[i, j], where S_i are the keys of `find_scored_keys`. A
    query without such a key does not count: the first token has no previous one. Its chance level is the mean of
    |S_i| / T, which is 1 / T for previous, next and self.
    **entropy**, in nats, is the mean over i of -sum_j a[i, j] log a[i, j]: 0 for a head that attends to a single key,
    2.08 for one that is uniform over 8 tokens. The maximum, log T, is the chance level.
    **distance**, in tokens, is the mean over i of sum_j a[i, j] |i - j| (Vig and Belinkov 2019). Its chance level is
    (T^2 - 1) / 3T.

    A score is nan where no query counts, such as "same word" in a text without a repeated word, or "previous" and
    "next" for one token. Raises ValueError if the maps do not fit the tokens, hold negative numbers or nan, if their
    rows do not sum to 1, or if a token is [PAD].
    """
    return average_head_scores([(maps, tokens)])


def compute_chance_levels(texts: Iterable[Sequence[str]]) -> dict[str, float]:
    """The chance level of each score over these texts, each a list of tokens: the score of uniform attention."""
    texts = [
        check_argument(tokens, [str], f"texts[{n}]") for n, tokens in enumerate(check_list(texts, "texts", "lists"))
    ]
    uniform = average_head_scores((make_uniform_map(len(tokens)), tokens) for tokens in texts)
    return {name: float(value) for name, value in uniform.items()}


def rescale_above_chance(scores: dict[str, np.ndarray], chance: dict[str, float]) -> dict[str, np.ndarray]:
    """Each share as (share - chance) / (1 - chance): uniform attention gives 0, all attention gives 1."""
    return {
        name: (scores[name] - chance[name]) / (1 - chance[name]) if chance[name] < 1 else np.zeros_like(scores[name])
        for name in SHARES
    }


def find_strongest_kind(
    scores: dict[str, np.ndarray], chance: dict[str, float], least: float = 0.2, among: Sequence[str] = HEAD_KINDS
) -> tuple[np.ndarray, np.ndarray]:
    """The kind of each head, and how strong it is: the share in `among` that is furthest above chance.

    Returns two arrays (...), names and values; a value is on the scale of `rescale_above_chance`. The name is "none"
    where the value is below `least`: such a head attends broadly, or to something that has no score here. Ties go to
    the first in `among`. Raises ValueError for a name that is no share.
    """
    unknown = [name for name in among if name not in SHARES]
    if unknown or not among:
        raise ValueError(f"no share {', '.join(unknown) or 'at all'} to choose from; there are {', '.join(SHARES)}")
    above = rescale_above_chance(scores, chance)
    values = np.stack([np.nan_to_num(above[name], nan=-np.inf) for name in among])  # (kinds, ...)
    strongest = values.max(0)
    return np.where(strongest >= least, np.array(among, dtype=object)[values.argmax(0)], "none"), strongest
