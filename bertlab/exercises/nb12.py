"""The exercises of notebook 12, reading: the best span, windows with stride, the F1 of an answer, and recall@k."""

from itertools import pairwise

from ..tasks import answer_f1
from . import Exercise, checker, expect

# ---- best_span -------------------------------------------------------------------------------------------------------


def every_span(start: list[float], end: list[float], longest: int) -> tuple[int, int]:
    """The right answer, slowly."""
    spans = [(i, j) for i in range(len(start)) for j in range(i, min(len(start), i + longest))]
    return max(spans, key=lambda span: start[span[0]] + end[span[1]])


def judge_span(best_span, start: list[float], end: list[float], longest: int, hints: dict[tuple[int, int], str]):
    answer = best_span(list(start), list(end), longest)
    expect(isinstance(answer, tuple) and len(answer) == 2, "Return a pair (first token, last token).")
    expect(answer not in hints, hints.get(answer, ""))
    right = every_span(start, end, longest)
    expect(answer == right, f"start {start}, end {end}, longest {longest}: the best span is {right}, not {answer}.")


def span_of_two_peaks(best_span):
    judge_span(best_span, [0.0, 3.0, 1.0, 0.0], [0.0, 0.0, 1.0, 4.0], 4, {
        (1, 4): "The last token is counted in: the span ends at 3, not behind it.",
    })  # fmt: skip


def span_must_not_end_before_it_starts(best_span):
    judge_span(best_span, [1.0, 0.0, 0.0, 5.0], [0.0, 6.0, 0.0, 1.0], 4, {
        (3, 1): "This span ends before it starts. Only spans with end >= start may be compared.",
        (3, 3): "You fixed the best start first. 1 + 6 for (0, 1) is more than 5 + 1 for (3, 3): compare sums.",
    })  # fmt: skip


def span_of_one_token(best_span):
    judge_span(best_span, [0.0, 5.0, 0.0], [0.0, 5.0, 1.0], 3, {
        (1, 2): "A span of one token is allowed: end may equal start.",
    })  # fmt: skip


def span_must_not_be_too_long(best_span):
    judge_span(best_span, [5.0, 0.0, 0.0, 2.0], [0.0, 1.0, 2.0, 5.0], 3, {
        (0, 3): "With longest = 3 a span of 4 tokens is too long.",
        (0, 1): "A span of exactly 3 tokens is allowed: (0, 2) scores 5 + 2.",
    })  # fmt: skip


def span_of_scores_below_zero(best_span):
    judge_span(best_span, [-4.0, -3.0, -9.0], [-9.0, -2.0, -5.0], 2, {
        (0, 0): "Scores may all be below zero: do not begin the search with a best sum of 0.",
    })  # fmt: skip


# ---- windows ---------------------------------------------------------------------------------------------------------


def judge_windows(windows, tokens: int, room: int, stride: int, right: list[tuple[int, int]]):
    answer = [tuple(one) for one in windows(tokens, room, stride)]
    asked = f"windows({tokens}, {room}, {stride})"
    covered = {place for start, end in answer for place in range(start, end)}
    expect(all(end - start <= room for start, end in answer), f"{asked}: a window holds {room} tokens at most.")
    expect(all(end <= tokens for _, end in answer), f"{asked}: the last window ends with the text, at {tokens}.")
    missing = sorted(set(range(tokens)) - covered)
    expect(not missing, f"{asked}: token {missing[0] if missing else ''} is in no window. Is the last one missing?")
    steps = [b - a for (a, _), (b, _) in pairwise(answer)]
    expect(set(steps) != {room - stride} or room == 2 * stride, f"{asked}: stride is how many tokens later the next "
           "window begins, not by how many two overlap.")  # fmt: skip
    expect(len(answer) <= len(right), f"{asked}: the window {answer[len(right) :][:1]} holds nothing that "
           "the one before it does not. Stop when a window reaches the end.")  # fmt: skip
    expect(answer == right, f"{asked} is {right}, not {answer}.")


def one_window_is_enough(windows):
    judge_windows(windows, 5, 8, 4, [(0, 5)])


def windows_overlap(windows):
    judge_windows(windows, 20, 8, 3, [(0, 8), (3, 11), (6, 14), (9, 17), (12, 20)])


def last_window_is_short(windows):
    judge_windows(windows, 21, 8, 6, [(0, 8), (6, 14), (12, 20), (18, 21)])


def no_window_for_nothing(windows):
    judge_windows(windows, 16, 8, 4, [(0, 8), (4, 12), (8, 16)])
    judge_windows(windows, 8, 8, 4, [(0, 8)])


# ---- f1 --------------------------------------------------------------------------------------------------------------


def judge_f1(f1, said: str, right: list[str], hints: dict[float, str]):
    answer = f1(said, list(right))
    expect(isinstance(answer, float | int), "Return a number from 0 to 1.")
    for wrong, hint in hints.items():
        expect(abs(answer - wrong) > 1e-6, hint)
    true = answer_f1(said, right)
    expect(abs(answer - true) < 1e-6, f"f1({said!r}, {right}) is {true:.3f}, not {answer:.3f}.")


def f1_of_a_part(f1):
    judge_f1(f1, "the North Sea coast", ["North Sea"], {
        2 / 3: "Articles do not count: compare what `normalize_answer` leaves.",
        1.0: "This is recall. F1 takes precision too: 2 common / (said + right).",
        0.5: "Divide twice the common words by the sum of both lengths, not the common words by all.",
    })  # fmt: skip


def f1_counts_a_word_as_often_as_it_stands(f1):
    judge_f1(f1, "New York New York", ["New York"], {
        1.0: "You compared sets. A word said twice stands once in the right answer: count it once, of four said.",
    })  # fmt: skip


def f1_of_the_best_right_answer(f1):
    judge_f1(f1, "1912", ["from 1912 to 1913", "1912"], {
        0.4: "There are several right answers: take the one that fits best, not the first.",
        0.7: "There are several right answers: take the best, not the mean.",
    })  # fmt: skip


def f1_without_an_answer(f1):
    judge_f1(f1, "", [], {0.0: "Nothing was said, and nothing is right: that is 1."})
    judge_f1(f1, "Paris", [], {1.0: "There is no answer, and something was said: that is 0."})
    judge_f1(f1, "", ["Paris"], {1.0: "There is an answer, and nothing was said: that is 0."})


# ---- recall ----------------------------------------------------------------------------------------------------------


def judge_recall(recall, scores: list[list[float]], right: list[int], k: int, share: float, hints: dict[float, str]):
    answer = recall([list(row) for row in scores], list(right), k)
    expect(isinstance(answer, float | int), "Return a number: the share of rows.")
    for wrong, hint in hints.items():
        expect(abs(answer - wrong) > 1e-6, hint)
    expect(abs(answer - share) < 1e-6, f"scores {scores}, right {right}, k = {k}: the share is {share:.2f}, not "
           f"{answer:.2f}.")  # fmt: skip


def recall_at_one(recall):
    judge_recall(recall, [[0.1, 0.9, 0.3], [0.8, 0.2, 0.5], [0.4, 0.1, 0.2], [0.3, 0.2, 0.9]], [1, 2, 0, 2], 1, 0.75, {
        3.0: "This is a count. Divide it by the number of rows.",
        0.0: "The highest score comes first, not the lowest.",
    })  # fmt: skip


def recall_at_two(recall):
    judge_recall(recall, [[0.1, 0.9, 0.3], [0.8, 0.2, 0.5], [0.4, 0.1, 0.2], [0.3, 0.2, 0.9]], [0, 2, 1, 0], 2, 0.5, {
        0.0: "With k = 2 the second place counts, too.",
        1.0: "Places are counted from 0 here or from 1: with k = 2 the third is not among the first two.",
    })  # fmt: skip


def recall_with_ties(recall):
    judge_recall(recall, [[0.5, 0.5, 0.5, 0.5], [0.2, 0.9, 0.9, 0.1]], [0, 1], 1, 0.0, {
        1.0: "Ties were counted as hits: whoever gives all the same score would be right each time. Of equals the "
        "right one comes last.",
        0.5: "Ties were counted as hits for the one that stands first in the list. Of equals the right one comes last.",
    })  # fmt: skip
    judge_recall(recall, [[0.2, 0.9, 0.9, 0.1]], [1], 2, 1.0, {})


EXERCISES = {
    "best_span": Exercise(
        "Find the first and the last token of the span with the highest sum of scores.",
        2,
        10,
        (span_of_two_peaks, span_must_not_end_before_it_starts, span_of_one_token, span_must_not_be_too_long,
         span_of_scores_below_zero),
    ),
    "windows": Exercise(
        "Cut a text of so many tokens into windows that overlap.",
        2,
        8,
        (one_window_is_enough, windows_overlap, last_window_is_short, no_window_for_nothing),
    ),
    "f1": Exercise(
        "F1 of the words of an answer against the right answer that fits best.",
        2,
        10,
        (f1_of_a_part, f1_counts_a_word_as_often_as_it_stands, f1_of_the_best_right_answer, f1_without_an_answer),
    ),
    "recall": Exercise(
        "The share of rows whose right candidate is among the k with the highest scores, ties against it.",
        1,
        6,
        (recall_at_one, recall_at_two, recall_with_ties),
    ),
}  # fmt: skip
check = checker(EXERCISES)
