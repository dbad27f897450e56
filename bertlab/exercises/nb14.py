"""The exercises of notebook 14, seeing attention: reading a map, a head score, chance, attention across a pair."""

import math

import numpy as np

from . import Exercise, expect, make_check
from .comparing import is_close, is_number


def make_random_map(seed: int, T: int) -> np.ndarray:
    """The same random attention (T, T) each time: rows sum to 1."""
    weights = np.exp(2 * np.random.default_rng(seed).normal(size=(T, T)))
    return weights / weights.sum(1, keepdims=True)


# ---- most_watched ----------------------------------------------------------------------------------------


def watched_in_a_small_map(most_watched):
    weights = np.array([[0.95, 0.0, 0.05, 0.0], [0.0, 0.2, 0.5, 0.3], [0.3, 0.1, 0.2, 0.4], [0.0, 0.6, 0.35, 0.05]])
    answer = most_watched(weights)
    expect(is_number(answer) and float(answer) == int(answer), "Return the number of one token, counted from 0.")
    expect(
        int(answer) != 0,
        "Token 0 has the largest weight on itself. What a token gives to itself does not count: leave out the "
        "diagonal, and add up columns, not rows.",
    )
    expect(
        int(answer) != 3,
        "You added up rows, which hold what each token gives. Row i holds the attention of token i; what token j gets "
        "from the others is in column j.",
    )
    expect(
        int(answer) != 1,
        "Token 1 gets the largest single weight. Add up what each token gets from all the others.",
    )
    expect(
        int(answer) == 2,
        f"Token 2 gets the most from the others: 0.05 + 0.5 + 0.35 = 0.9. Your function returns {int(answer)}.",
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


# ---- share -----------------------------------------------------------------------------------------------


def share_of_a_small_map(share):
    weights = np.array([[0.4, 0.2, 0.2, 0.2], [0.2, 0.2, 0.5, 0.1], [0.4, 0.2, 0.2, 0.2], [0.1, 0.6, 0.2, 0.1]])
    wanted = np.array([[0, 0, 0, 0], [1, 0, 1, 0], [1, 0, 0, 0], [1, 0, 1, 0]], dtype=bool)
    answer = share(weights, wanted)
    expect(is_number(answer), "Return one number for the map.")
    expect(not is_close(answer, 1.4), "This is the sum. Take the mean over the tokens that have a wanted key.")
    expect(
        not is_close(answer, 1.4 / 4),
        "Token 0 has no wanted key, but you counted it as 0. Leave such tokens out: divide by 3 here, not by 4.",
    )
    expect(
        not is_close(answer, 1.4 / 16),
        "You took the mean over all cells. First add up each row, then average the rows.",
    )
    expect(
        not is_close(answer, 1.4 / 5),
        "This is the mean over the wanted cells. The attention to all wanted keys of a token counts together: add up "
        "its row first, then average over the tokens.",
    )
    expect(
        not is_close(answer, 1.4 / 2),
        "You averaged over the keys. Row i holds the attention of token i: add up rows.",
    )
    expect(
        is_close(answer, 1.4 / 3),
        "Token 1 gives 0.2 + 0.5 to its wanted keys, token 2 gives 0.4, token 3 gives 0.1 + 0.2: the mean is 0.467, "
        f"not {float(answer):.3f}.",
    )


def share_of_any_map(share):
    weights, wanted = make_random_map(3, 6), np.zeros((6, 6), dtype=bool)
    wanted[1:, 0] = wanted[2, 4] = True
    expected = (weights * wanted).sum(1)[1:].mean()
    answer = share(weights, wanted)
    expect(
        is_close(answer, expected),
        f"In a random map the share is {expected:.4f}. Your function returns {float(answer):.4f}.",
    )


def share_of_equal_attention(share):
    wanted = np.zeros((8, 8), dtype=bool)
    wanted[:, 3] = True
    answer = share(np.full((8, 8), 1 / 8), wanted)
    expect(is_close(answer, 1 / 8), "A head that attends to all 8 tokens equally gives 1/8 to one of them.")


def share_of_nothing(share):
    answer = share(make_random_map(4, 5), np.zeros((5, 5), dtype=bool))
    expect(
        is_number(answer) and math.isnan(float(answer)),
        "In this text no token has a wanted key, as in a text without repeated words. Then the share does not exist, "
        "and 0 would be misleading: return float('nan').",
    )


# ---- how_lucky -------------------------------------------------------------------------------------------


def luck_of_a_few(how_lucky):
    shuffled = np.array([0.1, 0.2, 0.3, 0.4])
    answer = how_lucky(0.25, shuffled)
    expect(is_number(answer), "Return one number, a share between 0 and 1.")
    expect(not is_close(answer, 3), "This is a count. Divide it by the number of shuffles plus one for the real order.")
    expect(
        not is_close(answer, 2 / 4),
        "The real order is one of the orders that could have come up by chance. Count it in the numerator and in the "
        "denominator: (2 + 1) / (4 + 1).",
    )
    expect(not is_close(answer, 2 / 5), "Count the real order in the numerator, too, because it reaches its own score.")
    expect(
        is_close(answer, 3 / 5),
        "Two of four shuffles reach 0.25. With the real order it is 3 of 5. Your function returns "
        f"{float(answer):.3f}.",
    )


def luck_is_never_nothing(how_lucky):
    answer = how_lucky(0.9, np.linspace(0, 0.5, 99))
    expect(not is_close(answer, 1), "You counted the shuffles that stay below. Count those that reach the score.")
    expect(
        not is_close(answer, 0),
        "None of 99 shuffles reached the score, but this does not mean that the probability is 0. Count the real "
        "order, too: 1 in 100.",
    )
    expect(
        is_close(answer, 0.01),
        f"None of 99 shuffles reached the score, so it is 1 in 100. Your function returns {float(answer):.4f}.",
    )


def a_tie_reaches(how_lucky):
    answer = how_lucky(0.2, np.array([0.2, 0.2, 0.1]))
    expect(
        not is_close(answer, 1 / 4), "A shuffle with the same score counts: it has to be at least as high, not higher."
    )
    expect(
        is_close(answer, 3 / 4),
        f"Two of three shuffles reach 0.2, and so does the real order: 3/4. Your function returns {float(answer):.3f}.",
    )


# ---- crossing --------------------------------------------------------------------------------------------


def crossing_of_planted_maps(crossing):
    T, second = 5, 2
    own = np.zeros((T, T))
    own[:second, :second], own[second:, second:] = 1 / second, 1 / (T - second)
    answer = crossing(own, second)
    expect(is_number(answer), "Return one number for the map.")
    expect(
        not is_close(answer, 1),
        "A head that stays within its sentence has 0. You measured the attention that stays, not the attention that "
        "crosses.",
    )
    expect(
        is_close(answer, 0),
        f"A head that stays within its sentence has 0. Your function returns {float(answer):.3f}.",
    )
    across = np.zeros((T, T))
    across[:, second:] = 1 / (T - second)  # both sentences attend to the second one
    answer = crossing(across, second)
    expect(not is_close(answer, 2), "This is the sum over the tokens. Take the mean: divide by the number of tokens.")
    expect(
        not is_close(answer, 1),
        "You measured the first sentence only. Both sentences may attend across: take the mean over all tokens.",
    )
    expect(
        not is_close(answer, 0),
        "Here the first sentence attends to the second, but you measured the second one only. Take the mean over all "
        "tokens.",
    )
    expect(
        not is_close(answer, 0.5),
        "You took the mean of the means of the two sentences. Take the mean over all tokens, 2 of the first and 3 of "
        "the second.",
    )
    expect(
        is_close(answer, 2 / 5),
        f"Two of five tokens attend across with all their attention: 2/5, not {float(answer):.3f}.",
    )


def crossing_of_equal_attention(crossing):
    for T, second in ((4, 2), (10, 3), (7, 6)):
        expected = 2 * second * (T - second) / T**2
        answer = crossing(np.full((T, T), 1 / T), second)
        expect(
            is_close(answer, expected),
            f"A head that attends to all {T} tokens equally, {second} of them in the first sentence, has 2 * {second} "
            f"* {T - second} / {T}^2 = {expected:.3f}. Your function returns {float(answer):.3f}.",
        )


def crossing_of_any_map(crossing):
    weights, second = make_random_map(5, 9), 4
    expected = (weights[:second, second:].sum() + weights[second:, :second].sum()) / 9
    answer = crossing(weights, second)
    expect(
        is_close(answer, expected),
        f"In a random map the share is {expected:.4f}. Your function returns {float(answer):.4f}.",
    )


EXERCISES = {
    "most_watched": Exercise(
        "Find the token that gets the most attention from the others.",
        1,
        5,
        (watched_in_a_small_map, the_map_is_left_alone, watched_in_random_maps),
    ),
    "share": Exercise(
        "Score a head on any habit: how much of a token's attention goes to the keys that are wanted.",
        2,
        10,
        (share_of_a_small_map, share_of_any_map, share_of_equal_attention, share_of_nothing),
    ),
    "how_lucky": Exercise(
        "Say how often luck alone reaches a score.", 2, 8, (luck_of_a_few, luck_is_never_nothing, a_tie_reaches)
    ),
    "crossing": Exercise(
        "Measure how much a head looks from each sentence of a pair at the other.",
        2,
        8,
        (crossing_of_planted_maps, crossing_of_equal_attention, crossing_of_any_map),
    ),
}
check = make_check(EXERCISES)
