"""The exercises of notebook 14, seeing attention: reading a map, three scores of a head, and two bugs to find."""

import math

import numpy as np

from ..head_scores import find_scored_keys
from ..wordpiece import SPECIAL_TOKENS
from . import Exercise, expect, make_check, make_use
from .comparing import as_number, is_close, is_number


def make_random_map(seed: int, T: int) -> np.ndarray:
    """The same random attention (T, T) each time: rows sum to 1."""
    weights = np.exp(2 * np.random.default_rng(seed).normal(size=(T, T)))
    return weights / weights.sum(1, keepdims=True)


# ---- most_watched ----------------------------------------------------------------------------------------


def watched_in_a_small_map(most_watched):
    weights = np.array([[19, 0, 1, 0, 0], [0, 6, 8, 4, 2], [10, 2, 4, 4, 0], [0, 6, 6, 8, 0], [0, 12, 7, 1, 0]]) / 20
    answer = most_watched(weights)
    expect(is_number(answer) and float(answer) == int(answer), "Return the number of one token, counted from 0.")
    expect(
        int(answer) != 0,
        "Token 0 has the largest weight on itself. What a token gives to itself does not count: leave out the "
        "diagonal, and add up columns, not rows.",
    )
    expect(
        int(answer) != 4,
        "You added up rows, which hold what each token gives. Row i holds the attention of token i; what token j gets "
        "from the others is in column j.",
    )
    expect(
        int(answer) != 1,
        "Token 1 gets the largest single weight. Add up what each token gets from all the others.",
    )
    expect(int(answer) != 3, "You counted the tokens from 1. The first token has the number 0.")
    expect(
        int(answer) == 2,
        f"Token 2 gets the most from the others: 0.05 + 0.4 + 0.3 + 0.35 = 1.1. Your function returns {int(answer)}.",
    )


def the_map_is_left_alone(most_watched):
    weights = make_random_map(1, 5)
    before = weights.copy()
    most_watched(weights)
    expect(
        np.array_equal(weights, before),
        "You changed the map that was passed. Work on a copy, or multiply by a mask of 0 and 1.",
    )


def watched_in_random_maps(most_watched):
    for seed in range(6):
        weights = make_random_map(seed, 4 + seed)
        received = (weights * (1 - np.eye(4 + seed))).sum(0)
        answer = int(most_watched(weights))
        expect(
            answer == int(received.argmax()),
            f"In a random map of {4 + seed} tokens, token {int(received.argmax())} gets the most from the others. Your "
            f"function returns {answer}.",
        )


# ---- previous_score --------------------------------------------------------------------------------------


def previous_of_a_small_map(previous_score):
    weights = np.array([[0.7, 0.0, 0.1, 0.2], [0.2, 0.5, 0.3, 0.0], [0.0, 0.8, 0.1, 0.1], [0.3, 0.3, 0.2, 0.2]])
    answer = previous_score(weights)
    expect(is_number(answer), "Return one number for the map.")
    expect(
        not is_close(answer, (0.0 + 0.3 + 0.1) / 3),
        "This is the line above the diagonal: the next token. For row i the token before it is in column i - 1.",
    )
    expect(not is_close(answer, 1.2), "This is the sum. Take the mean over the tokens that have a token before them.")
    expect(
        not is_close(answer, 1.4 / 4) and not is_close(answer, 1.4 / 3),
        "For the first token, i - 1 is -1, which is the last column. It has no token before it: begin with row 1.",
    )
    expect(
        not is_close(answer, 1.2 / 4),
        "The first token has no token before it, but you counted it as 0. Divide by T - 1, here 3, and not by T.",
    )
    expect(
        not is_close(answer, (0.7 + 0.5 + 0.1 + 0.2) / 4),
        "This is the diagonal itself: how much tokens attend to themselves.",
    )
    expect(is_close(answer, 0.4), f"The mean of 0.2, 0.8 and 0.2 is 0.4. Your function returns {float(answer):.3f}.")


def previous_of_planted_maps(previous_score):
    for T in (2, 5, 9):
        expect(
            is_close(previous_score(np.eye(T)[[0, *range(T - 1)]]), 1.0),
            f"A head that attends to the token before, in a text of {T} tokens, should get 1.",
        )
        expect(
            is_close(previous_score(np.full((T, T), 1 / T)), 1 / T),
            f"A head that attends to all {T} tokens equally should get 1/{T}.",
        )


# ---- same_word_score -------------------------------------------------------------------------------------


def same_word_in_a_small_map(same_word_score):
    tokens = ["[CLS]", "the", "cat", "the"]
    weights = np.array([[0.1, 0.2, 0.3, 0.4], [0.1, 0.1, 0.2, 0.6], [0.2, 0.3, 0.2, 0.3], [0.2, 0.3, 0.1, 0.4]])
    before = weights.copy()
    answer = same_word_score(weights, tokens)
    expect(is_number(answer), "Return one number for the map.")
    expect(
        not is_close(answer, (0.7 + 0.7) / 2) and not is_close(answer, (0.7 + 0.2 + 0.7) / 3),
        "You counted what a token gives to itself. Only other tokens with the same string count: remove the diagonal.",
    )
    expect(
        not is_close(answer, (0.6 + 0.3) / 4),
        "You divided by all tokens. Tokens that occur once have no other occurrence: leave them out of the mean.",
    )
    expect(not is_close(answer, 0.9), "This is the sum. Take the mean over the tokens that occur more than once.")
    expect(
        not any(is_close(answer, wrong) for wrong in (0.6, 0.3, 0.15)),
        "You counted only one of the two directions. The first 'the' may attend to the second, and the second to the "
        "first.",
    )
    expect(
        not is_close(answer, (0.1 + 0.7 + 0.2 + 0.7) / 4),
        "You counted the diagonal, and all tokens. Take other tokens with the same string, and the mean over those "
        "that have any.",
    )
    expect(
        is_close(answer, 0.45),
        "The first 'the' gives 0.6 to the second, and the second 0.3 to the first: the mean is 0.45. Your function "
        f"returns {float(answer):.3f}.",
    )
    expect(np.array_equal(weights, before), "You changed the map that was passed. Work on a copy.")


def same_word_three_times(same_word_score):
    tokens, weights = ["a", "b", "a", "a"], make_random_map(3, 4)
    expected = np.mean([weights[0, [2, 3]].sum(), weights[2, [0, 3]].sum(), weights[3, [0, 2]].sum()])
    answer = same_word_score(weights, tokens)
    expect(
        not is_close(answer, expected / 2),
        "A token may have several other occurrences. Add up what it gives to all of them, then average the tokens.",
    )
    expect(
        is_close(answer, expected),
        f"For a word that occurs three times the score should be {expected:.4f}. It is {float(answer):.4f}.",
    )


def same_word_of_two_words(same_word_score):
    tokens, weights = ["a", "b", "a", "b", "a"], make_random_map(8, 5)
    a, b = [weights[np.ix_(places, places)] * (1 - np.eye(len(places))) for places in ([0, 2, 4], [1, 3])]
    answer = same_word_score(weights, tokens)
    expect(
        not is_close(answer, (a.sum() / 3 + b.sum() / 2) / 2),
        "You averaged the tokens of each word first, and then the words. Each token counts the same, so a word that "
        "occurs more often counts more.",
    )
    expect(is_close(answer, (a.sum() + b.sum()) / 5), "In 'a b a b a' all five tokens occur more than once.")
    answer = same_word_score(np.eye(3), ["a", "b", "a"])
    expect(
        is_close(answer, 0.0),
        "Here both 'a' give nothing to each other, so the score is 0. Whether a token counts depends on the tokens, "
        "not on the weights.",
    )


def same_word_without_specials(same_word_score):
    for name in SPECIAL_TOKENS:
        weights = make_random_map(4, 5)
        answer = same_word_score(weights, [name, "a", "b", "a", name])
        expect(
            is_close(answer, (weights[1, 3] + weights[3, 1]) / 2),
            f"In the test text {name} occurs twice. Special tokens do not count as repeated words: leave them out.",
        )


def same_word_where_there_is_none(same_word_score):
    try:
        answer = same_word_score(make_random_map(5, 5), ["[CLS]", "a", "A", "##a", "[SEP]"])
    except (ArithmeticError, ValueError):  # the mean of nothing
        answer = None
    expect(
        is_number(answer) and math.isnan(float(answer)),
        "In [CLS] a A ##a [SEP] no string occurs twice. Then the score does not exist, and 0 would be misleading: "
        "return float('nan').",
    )


# ---- entropy ---------------------------------------------------------------------------------------------


def entropy_of_equal_attention(entropy):
    answer = entropy(np.full((8, 8), 1 / 8))
    expect(is_number(answer), "Return one number for the map.")
    expect(not is_close(answer, 3.0), "This is in bits. Take the natural logarithm: the unit is the nat.")
    expect(not is_close(answer, -math.log(8)), "The sign is wrong: an entropy is not negative.")
    expect(not is_close(answer, math.log10(8)), "This is a logarithm to base 10. Take the natural logarithm, for nats.")
    expect(
        not is_close(answer, 8 * math.log(8)),
        "This is 8 times too much. Either you added up the 8 rows instead of averaging them, or you left out the "
        "weight before its logarithm.",
    )
    expect(
        not is_close(answer, math.log(8) / 8),
        "You took the mean over all cells. Add up each row first, and then average the rows.",
    )
    expect(
        is_close(answer, math.log(8)), f"Equal attention to 8 tokens has ln 8 = 2.079 nats, not {float(answer):.3f}."
    )


def entropy_with_zeros(entropy):
    weights = np.array([[1.0, 0.0], [0.5, 0.5]])
    with np.errstate(all="ignore"):
        answer = entropy(weights)
    expect(
        not math.isnan(float(answer)),
        "A weight of 0 made your result nan, because 0 times log 0 is nan. Such a weight adds nothing to the entropy: "
        "replace it by 1 before the logarithm.",
    )
    expect(
        is_close(answer, math.log(2) / 2),
        f"The rows (1, 0) and (0.5, 0.5) have 0 and ln 2 nats, 0.347 on average. You have {float(answer):.3f}.",
    )
    expect(
        np.array_equal(weights, [[1.0, 0.0], [0.5, 0.5]]),
        "You replaced the 0 in the map that was passed. np.where makes a copy.",
    )


def entropy_of_any_map(entropy):
    weights = make_random_map(6, 7)
    before = weights.copy()
    expected = -(weights * np.log(weights)).sum(1).mean()
    answer = entropy(weights)
    expect(
        not is_close(answer, -np.log(weights).mean()),
        "You averaged the logarithms. In each row, multiply a logarithm by its weight before you add them up.",
    )
    expect(is_close(answer, expected), f"In a random map it is {expected:.4f} nats. You have {float(answer):.4f}.")
    expect(np.array_equal(weights, before), "You changed the map that was passed. Work on a copy.")


# ---- two bugs to find ------------------------------------------------------------------------------------


def attention_to_a_planted_token(attention_to):
    tokens = ["[CLS]", "a", "b", "[SEP]"]
    answer = as_number(attention_to(np.eye(4)[[3] * 4], tokens, "[SEP]"), "one number for the map")
    expect(
        is_close(answer, 1.0), f"On a map where all tokens attend to [SEP] the score should be 1. It is {answer:.3f}."
    )
    answer = attention_to(np.eye(4)[[3] * 4], tokens, "[CLS]")
    expect(is_close(answer, 0.0), f"On the same map [CLS] should get 0. It gets {float(answer):.3f}.")


def attention_to_two_tokens(attention_to):
    tokens, weights = ["[CLS]", "a", "[SEP]", "b", "[SEP]"], make_random_map(7, 5)
    answer, received = attention_to(weights, tokens, "[SEP]"), weights[:, [2, 4]].sum(1)
    expect(
        not any(is_close(answer, weights[:, place].mean()) for place in (2, 4)),
        "In a pair [SEP] occurs twice, and you counted one of the two.",
    )
    expect(
        not is_close(answer, received.mean() / 2),
        "In a pair [SEP] occurs twice, and you averaged the two. What they receive should be added.",
    )
    expect(
        not is_close(answer, received[[0, 1, 3]].mean()),
        "You left out what [SEP] itself gives. The mean is over all tokens of the text.",
    )
    expect(
        is_close(answer, received.mean()),
        "In a pair [SEP] occurs twice. For each token, add up what it gives to the two, and take the mean over all "
        "tokens.",
    )
    answer = attention_to(weights, tokens, "[CLS]")
    expect(is_close(answer, weights[:, 0].mean()), "In a random map the score of [CLS], the first token, is wrong.")


def entropy_of_real_tokens(mean_entropy):
    rows = np.array([[0.0, 2.0, 3.0], [7.0, 5.0, 1.0]])
    real = np.array([[True, True, True], [True, False, False]])
    answer = as_number(mean_entropy(rows, real), "one number for the batch")
    expect(
        not is_close(answer, (5 / 3 + 7) / 2),
        "You averaged each text first, and then the texts. Each real token counts the same, also in a long text.",
    )
    expect(
        is_close(answer, 3.0),
        f"The real tokens of the test batch have the entropies 0, 2, 3 and 7: the mean is 3. You have {answer:.3f}.",
    )
    rows, real = np.arange(8.0).reshape(2, 4) ** 2, np.arange(4) < np.array([[2], [3]])
    answer = as_number(mean_entropy(rows, real), "one number for the batch")
    expect(
        is_close(answer, (0 + 1 + 16 + 25 + 36) / 5),
        "In a batch of two padded texts with the entropies 0 and 1, and 16, 25 and 36, the mean is 15.6. You have "
        f"{answer:.3f}.",
    )


def find_previous_score(weights: np.ndarray) -> float:
    """bertlab's `previous_score`."""
    return float(np.diagonal(weights, -1).mean())


def find_same_word_score(weights: np.ndarray, tokens: list[str]) -> float:
    """bertlab's `same_word_score`."""
    wanted = find_scored_keys(tokens)["same word"]
    counted = wanted.any(1)
    return float((weights * wanted).sum(1)[counted].mean()) if counted.any() else float("nan")


def find_attention_to(weights: np.ndarray, tokens: list[str], name: str) -> float:
    """bertlab's `attention_to`."""
    return float(weights[:, [token == name for token in tokens]].sum(1).mean())


def find_entropy(weights: np.ndarray) -> float:
    """bertlab's `entropy`, in nats."""
    return float(-(weights * np.log(np.where(weights > 0, weights, 1))).sum(1).mean())


EXERCISES = {
    "most_watched": Exercise(
        "Find the token that gets the most attention from the others.",
        1,
        5,
        (watched_in_a_small_map, the_map_is_left_alone, watched_in_random_maps),
    ),
    "previous_score": Exercise(
        "Score how much a head attends to the previous token.",
        1,
        5,
        (previous_of_a_small_map, previous_of_planted_maps),
    ),
    "same_word_score": Exercise(
        "Score how much a head attends to other occurrences of the same word.",
        2,
        10,
        (
            same_word_in_a_small_map,
            same_word_three_times,
            same_word_of_two_words,
            same_word_without_specials,
            same_word_where_there_is_none,
        ),
    ),
    "entropy": Exercise(
        "Measure how widely a head attends: the mean entropy of its rows, in nats.",
        1,
        8,
        (entropy_of_equal_attention, entropy_with_zeros, entropy_of_any_map),
    ),
}
BUGS = {
    "attention_to": Exercise(
        "Find the bug: attention to a special token.", 1, 5, (attention_to_a_planted_token, attention_to_two_tokens)
    ),
    "mean_entropy": Exercise("Find the bug: entropy in a padded batch.", 1, 5, (entropy_of_real_tokens,)),
}
check = make_check(EXERCISES | BUGS)
use = make_use(
    check,
    {
        "previous_score": find_previous_score,
        "same_word_score": find_same_word_score,
        "attention_to": find_attention_to,
        "entropy": find_entropy,
    },
)
