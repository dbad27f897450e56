"""The exercises of notebook 12, reading: the best span, windows with stride, the F1 of an answer, and recall@k."""

from itertools import pairwise

from ..tasks import answer_f1
from . import Exercise, expect, make_check
from .comparing import as_number, is_close

# ---- best_span -------------------------------------------------------------------------------------------------------


def find_best_span(start: list[float], end: list[float], longest: int) -> tuple[int, int]:
    """The expected answer: compare all spans, which is slow."""
    spans = [(i, j) for i in range(len(start)) for j in range(i, min(len(start), i + longest))]
    return max(spans, key=lambda span: start[span[0]] + end[span[1]])


def check_span(best_span, start: list[float], end: list[float], longest: int, hints: dict[tuple[int, int], str]):
    answer = best_span(list(start), list(end), longest)
    expect(isinstance(answer, tuple) and len(answer) == 2, "Return a pair (first token, last token).")
    expect(answer not in hints, hints.get(answer, ""))
    expected = find_best_span(start, end, longest)
    expect(
        answer == expected,
        f"For start {start}, end {end} and longest {longest} the best span is {expected}, not {answer}.",
    )


def span_of_two_peaks(best_span):
    check_span(best_span, [0.0, 3.0, 1.0, 0.0], [0.0, 0.0, 1.0, 4.0], 4, {
        (1, 4): "The last token belongs to the span: it ends at 3, not after it.",
    })  # fmt: skip


def span_must_not_end_before_it_starts(best_span):
    check_span(best_span, [1.0, 0.0, 0.0, 5.0], [0.0, 6.0, 0.0, 1.0], 4, {
        (3, 1): "This span ends before it starts. Compare only spans with end >= start.",
        (3, 3): "You chose the best start first. 1 + 6 for (0, 1) is more than 5 + 1 for (3, 3): compare the sums.",
    })  # fmt: skip


def span_of_one_token(best_span):
    check_span(best_span, [0.0, 5.0, 0.0], [0.0, 5.0, 1.0], 3, {
        (1, 2): "A span of one token is allowed: the end may equal the start.",
    })  # fmt: skip


def span_must_not_be_too_long(best_span):
    check_span(best_span, [5.0, 0.0, 0.0, 2.0], [0.0, 1.0, 2.0, 5.0], 3, {
        (0, 3): "With longest = 3 a span of 4 tokens is too long.",
        (0, 1): "A span of exactly 3 tokens is allowed: (0, 2) scores 5 + 2.",
    })  # fmt: skip


def span_of_scores_below_zero(best_span):
    check_span(best_span, [-4.0, -3.0, -9.0], [-9.0, -2.0, -5.0], 2, {
        (0, 0): "All scores may be below zero: do not start the search with a best sum of 0.",
    })  # fmt: skip


# ---- windows ---------------------------------------------------------------------------------------------------------


def check_windows(windows, tokens: int, room: int, stride: int, expected: list[tuple[int, int]]):
    answer = [tuple(window) for window in windows(tokens, room, stride)]
    call = f"windows({tokens}, {room}, {stride})"
    covered = {token for start, end in answer for token in range(start, end)}
    expect(all(end - start <= room for start, end in answer), f"{call}: a window holds at most {room} tokens.")
    expect(all(end <= tokens for _, end in answer), f"{call}: the last window ends where the text ends, at {tokens}.")
    missing = sorted(set(range(tokens)) - covered)
    expect(not missing, f"{call}: token {missing[0] if missing else ''} is in no window. Is the last window missing?")
    steps = [b - a for (a, _), (b, _) in pairwise(answer)]
    expect(
        set(steps) != {room - stride} or room == 2 * stride,
        f"{call}: the stride is how many tokens later the next window starts, not by how many tokens two windows "
        "overlap.",
    )
    expect(
        len(answer) <= len(expected),
        f"{call}: the window {answer[len(expected) :][:1]} holds only tokens that the one before it holds, too. Stop "
        "when a window reaches the end.",
    )
    expect(answer == expected, f"{call} is {expected}, not {answer}.")


def one_window_is_enough(windows):
    check_windows(windows, 5, 8, 4, [(0, 5)])


def windows_overlap(windows):
    check_windows(windows, 20, 8, 3, [(0, 8), (3, 11), (6, 14), (9, 17), (12, 20)])


def last_window_is_short(windows):
    check_windows(windows, 21, 8, 6, [(0, 8), (6, 14), (12, 20), (18, 21)])


def no_window_for_nothing(windows):
    check_windows(windows, 16, 8, 4, [(0, 8), (4, 12), (8, 16)])
    check_windows(windows, 8, 8, 4, [(0, 8)])


# ---- f1 --------------------------------------------------------------------------------------------------------------


def check_answer_f1(f1, predicted: str, correct: list[str], hints: dict[float, str]):
    answer = as_number(f1(predicted, list(correct)), "a number from 0 to 1")
    for wrong, hint in hints.items():
        expect(not is_close(answer, wrong), hint)
    expected = answer_f1(predicted, correct)
    expect(is_close(answer, expected), f"f1({predicted!r}, {correct}) is {expected:.3f}, not {answer:.3f}.")


def f1_of_a_part(f1):
    check_answer_f1(f1, "the North Sea coast", ["North Sea"], {
        2 / 3: "Articles do not count: compare what `normalize_answer` leaves.",
        1.0: "This is the recall. F1 needs the precision, too: 2 common / (predicted words + correct words).",
        0.5: "Divide twice the number of common words by the sum of both lengths.",
    })  # fmt: skip


def f1_counts_a_word_as_often_as_it_occurs(f1):
    check_answer_f1(f1, "New York New York", ["New York"], {
        1.0: "You compared sets. A word that is predicted twice and occurs once in the correct answer is one common "
        "word.",
    })  # fmt: skip


def f1_of_the_best_correct_answer(f1):
    check_answer_f1(f1, "1912", ["from 1912 to 1913", "1912"], {
        0.4: "There are several correct answers: take the one that fits best, not the first.",
        0.7: "There are several correct answers: take the best F1, not the mean.",
    })  # fmt: skip


def f1_without_an_answer(f1):
    check_answer_f1(f1, "", [], {0.0: "No answer was predicted, and none is correct: F1 is 1."})
    check_answer_f1(f1, "Paris", [], {1.0: "There is no correct answer, but one was predicted: F1 is 0."})
    check_answer_f1(f1, "", ["Paris"], {1.0: "There is a correct answer, but none was predicted: F1 is 0."})


# ---- recall ----------------------------------------------------------------------------------------------------------


def check_recall(recall, scores: list[list[float]], correct: list[int], k: int, share: float, hints: dict[float, str]):
    answer = as_number(recall([list(row) for row in scores], list(correct), k), "one number: the share of rows")
    for wrong, hint in hints.items():
        expect(not is_close(answer, wrong), hint)
    expect(
        is_close(answer, share),
        f"For the scores {scores}, the correct candidates {correct} and k = {k} the share is {share:.2f}, not "
        f"{answer:.2f}.",
    )


def recall_at_one(recall):
    check_recall(recall, [[0.1, 0.9, 0.3], [0.8, 0.2, 0.5], [0.4, 0.1, 0.2], [0.3, 0.2, 0.9]], [1, 2, 0, 2], 1, 0.75, {
        3.0: "This is a count. Divide it by the number of rows.",
        0.0: "The highest score ranks first, not the lowest.",
    })  # fmt: skip


def recall_at_two(recall):
    check_recall(recall, [[0.1, 0.9, 0.3], [0.8, 0.2, 0.5], [0.4, 0.1, 0.2], [0.3, 0.2, 0.9]], [0, 2, 1, 0], 2, 0.5, {
        0.0: "With k = 2 the second rank counts, too.",
        1.0: "Check whether you count ranks from 0 or from 1: with k = 2 the third candidate is not among the first "
        "two.",
    })  # fmt: skip


def recall_with_ties(recall):
    check_recall(recall, [[0.5, 0.5, 0.5, 0.5], [0.2, 0.9, 0.9, 0.1]], [0, 1], 1, 0.0, {
        1.0: "You counted ties as hits, so a model that gives every candidate the same score would always be correct. "
        "Among equal scores the correct one ranks last.",
        0.5: "You counted a tie as a hit for the candidate that is first in the list. Among equal scores the correct "
        "one ranks last.",
    })  # fmt: skip
    check_recall(recall, [[0.2, 0.9, 0.9, 0.1]], [1], 2, 1.0, {})


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
        (f1_of_a_part, f1_counts_a_word_as_often_as_it_occurs, f1_of_the_best_correct_answer, f1_without_an_answer),
    ),
    "recall": Exercise(
        "The share of rows whose right candidate is among the k with the highest scores, ties against it.",
        1,
        6,
        (recall_at_one, recall_at_two, recall_with_ties),
    ),
}  # fmt: skip
check = make_check(EXERCISES)
