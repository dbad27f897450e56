"""head_scores: TODO."""

import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

# The scores that are a share of the attention, so that they can be compared. "delimiter" is [SEP] and punctuation
# together; it is measured, but no habit of its own.
SHARES = ("previous", "next", "self", "same word", "[CLS]", "[SEP]", "punctuation", "delimiter")

HEAD_KINDS = SHARES[:-1]


def find_scored_keys(tokens: Sequence[str]) -> dict[str, np.ndarray]:
    """For each share the keys that count: name -> (T, T) of bool, True where query i is asked about key j.

    previous: j = i - 1. next: j = i + 1. self: j = i. same word: another token with the same string; special tokens
    have none. [CLS], [SEP]: the keys that are one. punctuation: the keys of nothing but signs. delimiter: [SEP] or
    punctuation. These are the kinds of head that Clark et al. 2019 ("What Does BERT Look At?", section 3) found, and
    the same word.
    """
    T = len(tokens)
    words = np.array(tokens, dtype=object)
    same = (words[:, None] == words) & ~np.eye(T, dtype=bool) & ~np.isin(words, SPECIAL)
    keys = {
        "[CLS]": words == "[CLS]",
        "[SEP]": words == "[SEP]",
        "punctuation": np.array([is_punctuation_token(token) for token in tokens], dtype=bool),
    }
    keys["delimiter"] = keys["[SEP]"] | keys["punctuation"]
    found = {
        "previous": np.eye(T, k=-1, dtype=bool),
        "next": np.eye(T, k=1, dtype=bool),
        "self": np.eye(T, dtype=bool),
        "same word": same.astype(bool),
    }
    return found | {name: np.broadcast_to(key, (T, T)) for name, key in keys.items()}


def is_punctuation_token(token: str) -> bool:
    """Is the token made of signs alone: "." and "(", and not "[SEP]", "##s" or "mr."?"""
    if token in SPECIAL:
        return False
    return bool(token) and all(unicodedata.category(sign)[0] in "PS" for sign in token)


def score_heads(maps, tokens: Sequence[str]) -> dict[str, np.ndarray]:
    """The scores of each head on one text: maps (..., T, T) and its T tokens -> name -> array (...).

    `maps` may be one map, (H, T, T), (L, H, T, T), or what `attention_maps` fills for a text alone, a list of L
    tensors (1, H, T, T): then the arrays are (L, 1, H). Padding must be cut off, see `cut`.

    A **share** is the mean over queries i of sum_{j in S_i} a[i, j], with the keys S_i of `find_scored_keys`. A query that has
    no such key does not count: the first token has no previous one. Its chance level is the mean of |S_i| / T, for
    previous, next and self 1 / T.
    **entropy**, in bits: the mean over i of -sum_j a[i, j] log2 a[i, j]. 0 is one key alone; chance is log2 T, the most
    there is. A head of 3 bits looks as widely as one that shares its attention equally among 8 tokens.
    **distance**, in tokens: the mean over i of sum_j a[i, j] |i - j| (Vig and Belinkov 2019); chance is (T^2 - 1) / 3T.

    nan where no query counts: in a text without a repeated word, or, for previous and next, of one token. Raises
    ValueError when the maps do not fit the tokens, hold negative numbers or nan, when their rows do not sum to 1, or
    when a token is [PAD].
    """
    return average_head_scores([(maps, tokens)])


def average_head_scores(texts: Iterable[tuple[object, Sequence[str]]]) -> dict[str, np.ndarray]:
    """The scores over several texts, each (maps, tokens) as for `scores`: every query that counts, counts once.

    So a long text weighs more than a short one, and one without a repeated word says nothing of "same word". Raises
    ValueError for no text, and what `scores` raises.
    """
    sums: dict[str, np.ndarray | float] = {}
    counts: dict[str, int] = {}
    for maps, tokens in texts:
        for name, (total, count) in sum_head_scores(check_head_maps(maps, tokens), tokens).items():
            sums[name] = sums.get(name, 0.0) + total
            counts[name] = counts.get(name, 0) + count
    if not sums:
        raise ValueError("no texts: there is nothing to score")
    return {name: total / counts[name] if counts[name] else np.full_like(total, np.nan) for name, total in sums.items()}


def compute_chance_levels(texts: Iterable[Sequence[str]]) -> dict[str, float]:
    """The chance level of each score over these texts, each a list of tokens: `average_head_scores` of equal attention."""
    return {
        name: float(value) for name, value in average_head_scores((make_uniform_map(len(t)), t) for t in texts).items()
    }


def make_uniform_map(T: int) -> np.ndarray:
    """The map of a head that looks at all tokens equally, (T, T)."""
    return np.full((T, T), 1 / max(T, 1))


def sum_head_scores(maps: np.ndarray, tokens: Sequence[str]) -> dict[str, tuple[np.ndarray, int]]:
    """For each score its sum over the queries that count, (...), and how many those are."""
    T = len(tokens)
    found = {}
    for name, wanted in find_scored_keys(tokens).items():
        found[name] = ((maps * wanted).sum((-2, -1)), int(wanted.any(-1).sum()))
    logs = np.log2(maps, out=np.zeros_like(maps), where=maps > 0)  # 0 log 0 is 0
    apart = np.abs(np.arange(T)[:, None] - np.arange(T))
    found["entropy"] = (-(maps * logs).sum((-2, -1)), T)
    found["distance"] = ((maps * apart).sum((-2, -1)), T)
    return found


def check_head_maps(maps, tokens: Sequence[str]) -> np.ndarray:
    """The maps as float64 (..., T, T), or a ValueError that says what is wrong with them."""
    if isinstance(maps, list | tuple):
        maps = np.stack([to_float64(one) for one in maps])
    maps, T = to_float64(maps), len(tokens)
    if maps.ndim < 2 or maps.shape[-2:] != (T, T) or T == 0:
        raise ValueError(f"maps of shape {maps.shape} for {T} tokens; they must be (..., {T}, {T})")
    if "[PAD]" in tokens:
        raise ValueError("a token is [PAD]: cut the maps and the tokens to the real ones first")
    if not (maps >= 0).all():
        raise ValueError("the maps hold negative numbers or nan: scores before softmax, or a row with every key masked")
    worst = float(np.abs(maps.sum(-1) - 1).max(initial=0))
    if worst > 0.01:
        raise ValueError(
            f"a row of a map is off by {worst:.3f} from the sum 1: it was taken after dropout, or without the mask of "
            "the padding, and then cut"
        )
    return maps


def to_float64(maps) -> np.ndarray:
    """A tensor on any device, or what numpy takes, as float64."""
    if hasattr(maps, "detach"):
        maps = maps.detach().cpu().double()
    return np.asarray(maps, dtype=np.float64)


def select_text_maps(maps: Sequence, row: int = 0, length: int | None = None) -> np.ndarray:
    """One text of a batch: from L maps (B, H, T, T) those of a row, and its first `length` tokens -> (L, H, T, T)."""
    return np.stack([to_float64(one[row])[:, :length, :length] for one in maps])


def rescale_above_chance(found: dict[str, np.ndarray], level: dict[str, float]) -> dict[str, np.ndarray]:
    """Each share as (share - chance) / (1 - chance): 0 is what equal attention gives, 1 is all attention. Scores that
    are no share are left out."""
    return {
        name: (found[name] - level[name]) / (1 - level[name]) if level[name] < 1 else np.zeros_like(found[name])
        for name in SHARES
    }


def find_strongest_kind(
    found: dict[str, np.ndarray], level: dict[str, float], least: float = 0.2, among: Sequence[str] = HEAD_KINDS
) -> tuple[np.ndarray, np.ndarray]:
    """Each head's habit: the one of `among` that lies furthest above chance, and by how much (see `rescale_above_chance`).

    Two arrays (...): names and values. The name is "none" where the value is below `least`: such a head looks widely,
    or at something that has no score here. Of two that are equal the first in `among` is taken. Raises ValueError for a
    name that is no share.
    """
    unknown = [name for name in among if name not in SHARES]
    if unknown or not among:
        raise ValueError(f"no habits {', '.join(unknown) or 'at all'} to choose from; there are {', '.join(SHARES)}")
    above = rescale_above_chance(found, level)
    values = np.stack([np.nan_to_num(above[name], nan=-np.inf) for name in among])  # (habits, ...)
    best = values.max(0)
    names = np.where(best >= least, np.array(among, dtype=object)[values.argmax(0)], "none")
    return names, best
