"""The exercises of notebook 14, seeing attention: reading a map, scoring any habit, luck, and looking across a pair."""

import math

import numpy as np

from . import Exercise, checker, expect


def a_map(seed: int, T: int) -> np.ndarray:
    """The same random attention (T, T) each time: rows sum to 1."""
    weights = np.exp(2 * np.random.default_rng(seed).normal(size=(T, T)))
    return weights / weights.sum(1, keepdims=True)


def is_number(answer: object) -> bool:
    return isinstance(answer, int | float | np.number) or (isinstance(answer, np.ndarray) and answer.ndim == 0)


def near(answer: object, right: float, limit: float = 1e-6) -> bool:
    return is_number(answer) and abs(float(answer) - right) < limit


# ---- most_watched ----------------------------------------------------------------------------------------


def watched_in_a_small_map(most_watched):
    weights = np.array([[0.95, 0.0, 0.05, 0.0], [0.0, 0.2, 0.5, 0.3], [0.3, 0.1, 0.2, 0.4], [0.0, 0.6, 0.35, 0.05]])
    answer = most_watched(weights)
    expect(is_number(answer) and float(answer) == int(answer), "Return the number of one token, counted from 0.")
    expect(
        int(answer) != 0,
        "Token 0 is the one that looks at itself most. What a token gives to itself does not count: the diagonal must "
        "be taken out, or it is row 0 that you found, which is a token that looks.",
    )
    expect(
        int(answer) != 3,
        "You counted the rows, or what each token gives away. Row i is the token that looks; what token j gets from "
        "the others stands in column j.",
    )
    expect(
        int(answer) != 1,
        "Token 1 gets the largest single weight. Add up what each gets from all the others.",
    )
    expect(int(answer) == 2, f"Token 2 gets 0.05 + 0.5 + 0.35 = 0.9 from the others, the most. Yours is {int(answer)}.")


def the_map_is_left_alone(most_watched):
    weights = a_map(1, 5)
    before = weights.copy()
    most_watched(weights)
    expect(
        np.array_equal(weights, before),
        "The map was changed: its diagonal is gone. Work on a copy, or multiply by a mask of 0 and 1.",
    )


def watched_in_random_maps(most_watched):
    for seed in range(6):
        weights = a_map(seed, 4 + seed)
        gets = (weights * (1 - np.eye(4 + seed))).sum(0)
        answer = int(most_watched(weights))
        expect(
            answer == int(gets.argmax()),
            f"In a random map of {4 + seed} tokens, token {int(gets.argmax())} gets the most from the others; yours is "
            f"{answer}.",
        )


# ---- share -----------------------------------------------------------------------------------------------


def share_of_a_small_map(share):
    weights = np.array([[0.4, 0.2, 0.2, 0.2], [0.2, 0.2, 0.5, 0.1], [0.4, 0.2, 0.2, 0.2], [0.1, 0.6, 0.2, 0.1]])
    wanted = np.array([[0, 0, 0, 0], [1, 0, 1, 0], [1, 0, 0, 0], [1, 0, 1, 0]], dtype=bool)
    answer = share(weights, wanted)
    expect(is_number(answer), "Return one number for the map.")
    expect(not near(answer, 1.4), "That is the sum. Take the mean over the tokens that have something wanted.")
    expect(
        not near(answer, 1.4 / 4),
        "Token 0 has nothing that is wanted, and was counted as 0. Leave such tokens out: divide by 3 here, not by 4.",
    )
    expect(not near(answer, 1.4 / 16), "You took the mean over all cells. First add up each row, then average rows.")
    expect(
        not near(answer, 1.4 / 5),
        "That is the mean over the wanted cells. A token with two wanted keys gives both of them its attention: add up "
        "its row first, then average over the tokens.",
    )
    expect(
        not near(answer, 1.4 / 2),
        "You averaged over the tokens that are looked at. Row i is the token that looks: add up rows.",
    )
    expect(
        near(answer, 1.4 / 3),
        "Token 1 gives 0.2 + 0.5 to what is wanted, token 2 gives 0.4, token 3 gives 0.1 + 0.2: the mean is 0.467, not "
        f"{float(answer):.3f}.",
    )


def share_of_any_map(share):
    weights, wanted = a_map(3, 6), np.zeros((6, 6), dtype=bool)
    wanted[1:, 0] = wanted[2, 4] = True
    right = (weights * wanted).sum(1)[1:].mean()
    answer = share(weights, wanted)
    expect(near(answer, right), f"In a random map the share is {right:.4f}; yours is {float(answer):.4f}.")


def share_of_equal_attention(share):
    wanted = np.zeros((8, 8), dtype=bool)
    wanted[:, 3] = True
    answer = share(np.full((8, 8), 1 / 8), wanted)
    expect(near(answer, 1 / 8), "A head that looks at all 8 tokens equally gives 1/8 to one of them.")


def share_of_nothing(share):
    answer = share(a_map(4, 5), np.zeros((5, 5), dtype=bool))
    expect(
        is_number(answer) and math.isnan(float(answer)),
        "In a text without a repeated word nothing is wanted. Then there is no share, and 0 would be a lie: return "
        "float('nan').",
    )


# ---- how_lucky -------------------------------------------------------------------------------------------


def luck_of_a_few(how_lucky):
    shuffled = np.array([0.1, 0.2, 0.3, 0.4])
    answer = how_lucky(0.25, shuffled)
    expect(is_number(answer), "Return one number, a share between 0 and 1.")
    expect(not near(answer, 3), "That is a count. Divide it by the number of shuffles, the real order included.")
    expect(
        not near(answer, 2 / 4),
        "The real order is one of the orders that luck could have given. Count it too, above and below: "
        "(2 + 1) / (4 + 1).",
    )
    expect(not near(answer, 2 / 5), "The real order counts above the line as well: it reaches its own score.")
    expect(near(answer, 3 / 5), f"Two of four shuffles reach 0.25. With the real one that is 3 of 5; yours is "
           f"{float(answer):.3f}.")  # fmt: skip


def luck_is_never_nothing(how_lucky):
    answer = how_lucky(0.9, np.linspace(0, 0.5, 99))
    expect(not near(answer, 1), "You counted the shuffles that stay below. Count those that reach the score.")
    expect(
        not near(answer, 0),
        "None of 99 shuffles reached the score. That does not make it impossible: at most 1 in 100. Count the real "
        "order too.",
    )
    expect(near(answer, 0.01), f"None of 99 shuffles reached the score: 1 in 100. Yours is {float(answer):.4f}.")


def a_tie_reaches(how_lucky):
    answer = how_lucky(0.2, np.array([0.2, 0.2, 0.1]))
    expect(not near(answer, 1 / 4), "A shuffle with the same score reaches it: at least as high, not higher.")
    expect(
        near(answer, 3 / 4), f"Two of three shuffles reach 0.2, and the real one: 3/4. Yours is {float(answer):.3f}."
    )


# ---- crossing --------------------------------------------------------------------------------------------


def crossing_of_planted_maps(crossing):
    T, second = 5, 2
    own = np.zeros((T, T))
    own[:second, :second], own[second:, second:] = 1 / second, 1 / (T - second)
    answer = crossing(own, second)
    expect(is_number(answer), "Return one number for the map.")
    expect(
        not near(answer, 1),
        "A head that stays within its sentence has 0. You measured what stays, not what crosses.",
    )
    expect(near(answer, 0), f"A head that stays within its sentence has 0. Yours is {float(answer):.3f}.")
    there = np.zeros((T, T))
    there[:second, second:] = 1 / (T - second)  # the first sentence looks at the second, the second at itself
    there[second:, second:] = 1 / (T - second)
    answer = crossing(there, second)
    expect(not near(answer, 2), "That is a sum over tokens. Take the mean: divide by the number of tokens.")
    expect(
        not near(answer, 1),
        "Only the first sentence was asked. Both may look across: the mean is over all tokens.",
    )
    expect(
        not near(answer, 0),
        "Here the first sentence looks at the second. You asked the second only. Both may look across.",
    )
    expect(
        not near(answer, 0.5),
        "You took the mean of the two sentences' means. The mean is over all tokens, 2 of the first and 3 of the "
        "second.",
    )
    expect(near(answer, 2 / 5), f"Two of five tokens look across, with all they have: 2/5, not {float(answer):.3f}.")


def crossing_of_equal_attention(crossing):
    for T, second in ((4, 2), (10, 3), (7, 6)):
        right = 2 * second * (T - second) / T**2
        answer = crossing(np.full((T, T), 1 / T), second)
        expect(
            near(answer, right),
            f"A head that looks at all {T} tokens equally, {second} of them in the first sentence, has 2 * {second} * "
            f"{T - second} / {T}^2 = {right:.3f}. Yours is {float(answer):.3f}.",
        )


def crossing_of_any_map(crossing):
    weights, second = a_map(5, 9), 4
    right = (weights[:second, second:].sum() + weights[second:, :second].sum()) / 9
    answer = crossing(weights, second)
    expect(near(answer, right), f"In a random map the share is {right:.4f}; yours is {float(answer):.4f}.")


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
check = checker(EXERCISES)
