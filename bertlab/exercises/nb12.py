"""The exercises of notebook 12: a reader's head, loss, labels, windows and best span; the loss of a bi-encoder."""

import math
from collections.abc import Iterable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..tasks import answer_f1
from . import Exercise, Hint, expect, make_check, make_use
from .comparing import as_number, is_close, random_numbers
from .reading_references import (
    compute_in_batch_loss,
    compute_recall,
    compute_span_loss,
    compute_span_scores,
    cut_windows,
    find_best_span,
    find_labelled_tokens,
)

# ---- span_scores -----------------------------------------------------------------------------------------------------


def make_layer() -> nn.Linear:
    """A linear layer from 4 numbers to 2, with a bias that is not 0."""
    layer = nn.Linear(4, 2).double().requires_grad_(False)
    layer.weight.copy_(random_numbers(1, 2, 4))
    layer.bias.copy_(torch.tensor([0.5, -1.0]))
    return layer


def scores_of_a_batch(span_scores):
    hidden, layer = random_numbers(2, 3, 5, 4).requires_grad_(), make_layer()
    try:
        found = span_scores(hidden, layer)
    except (RuntimeError, ValueError) as error:
        raise Hint(
            "layer(hidden) has shape (B, T, 2), here (3, 5, 2), so the two scores of a token are on the last axis. "
            f"Python's error: {error}"
        ) from None
    expect(
        isinstance(found, tuple | list | Tensor) and len(found) == 2,
        "Return two tensors, the start scores and the end scores.",
    )
    shapes = [tuple(one.shape) if isinstance(one, Tensor) else None for one in found]
    expect(
        shapes != [(3, 5, 1), (3, 5, 1)],
        "Each token has one start score: remove the last axis, so that (B, T, 1) becomes (B, T).",
    )
    both = layer(hidden)
    expect(
        shapes == [(3, 5), (3, 5)],
        f"The start scores have shape (B, T), here (3, 5), and so have the end scores. Yours have {shapes[0]} and "
        f"{shapes[1]}.",
    )
    start, end = found
    expect(not is_close(start, end), "You return the same scores twice. The layer has two outputs for each token.")
    expect(
        not is_close(start, both[..., 1]) and not is_close(end, both[..., 0]),
        "Start and end are exchanged. By convention the first output of the layer is the start.",
    )
    expect(
        not is_close(torch.stack([start, end]), both.reshape(2, 3, 5)),
        "The shape is right, but the scores of one token now belong to several. The two outputs of a token are "
        "neighbours on the last axis: take them apart there.",
    )
    for changed in (both.softmax(1), both.softmax(2), both.log_softmax(1), both.log_softmax(2), both.sigmoid()):
        expect(
            not is_close(start, changed[..., 0]),
            "Return the scores themselves, not probabilities. The loss applies the softmax later.",
        )
    expect(not is_close(start, (both - layer.bias)[..., 0]), "The bias is missing. Call layer(hidden), which adds it.")
    expect(
        is_close(start, both[..., 0]) and is_close(end, both[..., 1]),
        "The start scores are the first output of layer(hidden), and the end scores the second one.",
    )
    expect(
        start.requires_grad and end.requires_grad,
        "No gradient can go back from your scores to the encoder, so it could not learn. Leave out detach().",
    )


# ---- span_loss -------------------------------------------------------------------------------------------------------


def loss_of_a_batch(span_loss):
    start, end = (2 * random_numbers(seed, 4, 6).float() for seed in (3, 4))
    first, last = torch.tensor([0, 2, 1, 5]), torch.tensor([0, 4, 1, 5])
    try:
        loss = span_loss(start, end, first, last)
    except (RuntimeError, ValueError) as error:
        raise Hint(
            "F.cross_entropy takes the scores (B, T) as they are, and with them one position for each row, (B,). "
            f"Python's error: {error}"
        ) from None
    expect(
        isinstance(loss, Tensor) and loss.ndim == 0,
        "Return one number as a tensor without axes: the mean over the B rows.",
    )
    right = compute_span_loss(start, end, first, last)
    both, rows = (start.softmax(-1), end.softmax(-1)), torch.arange(4)
    for wrong, hint in (
        (2 * right, "This is the sum of the two cross-entropies. Take their mean, so divide by 2."),
        (F.cross_entropy(start, first), "Only the start is trained. Add the cross-entropy of the end."),
        (F.cross_entropy(end, last), "Only the end is trained. Add the cross-entropy of the start."),
        (
            compute_span_loss(*both, first, last),
            "F.cross_entropy applies the softmax itself. Give it the scores, not the probabilities.",
        ),
        (compute_span_loss(start, end, last, first), "The start belongs to `first`, and the end to `last`."),
        (compute_span_loss(start, end, first, first), "The end is compared with `first`. It belongs to `last`."),
        (
            compute_span_loss(start, start, first, last),
            "`last` is compared with the start scores. Take those of the end.",
        ),
        (
            -(start.log_softmax(0)[rows, first] + end.log_softmax(0)[rows, last]).mean() / 2,
            "The softmax goes over the T tokens of a row, which are on the last axis.",
        ),
        (
            -(both[0][rows, first] + both[1][rows, last]).mean() / 2,
            "The logarithm of the probabilities is missing.",
        ),
        (
            -(start[rows, first] + end[rows, last]).mean() / 2,
            "These are the scores themselves. The loss is made of the logarithms of their softmax.",
        ),
        (right / math.log(2), "Your logarithm has the base 2. A loss uses the natural logarithm."),
        (8 * right, "This is a sum over the rows and over both ends. Take the mean of all."),
        (-right, "The sign is wrong: a loss is the negative logarithm of a probability, so it is above 0."),
        (4 * right, "This is a sum over the rows. Take the mean over the rows."),
    ):
        expect(not is_close(loss, wrong), hint)
    expect(is_close(loss, right), "The result is not the mean of the two cross-entropies.")


def loss_of_another_batch(span_loss):
    start, end = (random_numbers(seed, 3, 9).float().requires_grad_() for seed in (9, 10))
    first, last = torch.tensor([8, 0, 3]), torch.tensor([8, 2, 7])
    loss, right = span_loss(start, end, first, last), compute_span_loss(start, end, first, last)
    expect(
        is_close(loss, right),
        f"For four rows of six tokens you are right, but for three rows of nine the loss is {right:.4f}, and yours is "
        f"{loss:.4f}. Take the sizes from the tensors.",
    )
    expect(loss.requires_grad, "No gradient can go back from your loss to the scores. Leave out detach().")


# ---- best_span -------------------------------------------------------------------------------------------------------


def check_span(
    best_span, start: list[float], end: list[float], area: tuple[int, int], longest: int, hints: dict[tuple, str]
):
    answer = best_span(list(start), list(end), *area, longest)
    expect(
        isinstance(answer, tuple | list) and len(answer) == 3, "Return a tuple of three: first token, last token, gap."
    )
    i, j, gap = answer
    expect((i, j) not in hints, hints.get((i, j), ""))
    expected = find_best_span(start, end, *area, longest)
    call = f"start {start}, end {end}, tokens {area[0]} to {area[1]}, longest {longest}"
    expect((i, j) == expected[:2], f"For {call} the best span is {expected[:2]}, not {(i, j)}.")
    gap, null, best = as_number(gap, "the gap as a number"), start[0] + end[0], start[i] + end[j]
    expect(
        not is_close(gap, best - null) or is_close(best, null),
        "The sign of the gap is wrong: it is the score of no answer minus that of the best span.",
    )
    expect(
        not is_close(gap, null) or is_close(best, 0.0),
        "This is the score of no answer. Subtract that of the best span.",
    )
    expect(
        not is_close(abs(gap), abs(best)) or is_close(null, 0.0),
        "This is the score of the best span. The gap compares it with that of no answer, which is start[0] + end[0].",
    )
    inside = start[area[0]] + end[area[0]]
    expect(
        not is_close(gap, inside - best) or is_close(inside, null),
        "No answer is token 0, which is [CLS], and not the first token of the text.",
    )
    expect(is_close(gap, expected[2]), f"For {call} the gap is {expected[2]}, not {gap}.")


def span_of_two_peaks(best_span):
    check_span(best_span, [0.5, 0.25, 3.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0, 4.0], (1, 4), 4, {
        (2, 5): "The last token belongs to the span: it ends at 4, not after it.",
        (4, 2): "Return the first token of the span first, and then the last one.",
        (1, 3): "Return the numbers of tokens in the whole row. Yours are counted from `first`.",
        (2, 3): "A span may end at `last`, which is 4 here. A range ends before its second number.",
    })  # fmt: skip


def span_must_not_end_before_it_starts(best_span):
    check_span(best_span, [0.0, 1.0, 0.0, 0.0, 5.0], [0.0, 0.0, 6.0, 0.0, 1.0], (1, 4), 4, {
        (4, 2): "This span ends before it starts. Compare only spans whose end is not before their start.",
        (4, 4): "You chose the best start first. 1 + 6 for (1, 2) is more than 5 + 1 for (4, 4): compare the sums.",
    })  # fmt: skip


def span_of_one_token(best_span):
    check_span(best_span, [0.0, 0.0, 5.0, 0.0], [0.0, 0.0, 5.0, 1.0], (1, 3), 3, {
        (2, 3): "A span of one token is allowed: the end may equal the start.",
    })  # fmt: skip


def span_must_not_be_too_long(best_span):
    start, end = [0.0, 5.0, 0.0, 0.0, 2.0], [0.0, 0.0, 1.0, 2.0, 3.5]
    check_span(best_span, start, end, (1, 4), 3, {
        (1, 4): "With longest = 3 a span of 4 tokens is too long.",
        (1, 2): "A span of exactly 3 tokens is allowed: (1, 3) scores 5 + 2.",
        (4, 4): "You chose the best end first. 5 + 2 for (1, 3) is more than 2 + 3.5 for (4, 4): compare the sums.",
    })  # fmt: skip
    for longest in (4, 2, 1):
        check_span(best_span, start, end, (1, 4), longest, {})


def span_lies_in_the_text(best_span):
    check_span(best_span, [9.0, 8.0, 0.0, 1.0, 0.0], [9.0, 8.0, 0.0, 2.0, 9.0], (2, 3), 3, {
        (0, 0): "Token 0 is [CLS]. It stands for no answer and is compared through the gap: the span itself lies "
        "between `first` and `last`.",
        (1, 1): "Token 1 belongs to the question. An answer lies between the tokens `first` and `last`.",
        (3, 4): "Token 4 is not part of the text any more: `last` is the last token that may be in a span.",
    })  # fmt: skip


def span_of_scores_below_zero(best_span):
    check_span(best_span, [-1.0, -4.0, -3.0, -9.0], [-1.0, -9.0, -2.0, -5.0], (1, 3), 2, {
        (0, 0): "All scores may be below zero: do not start the search with a best sum of 0.",
        (1, 1): "All scores may be below zero: do not start the search with a best sum of 0.",
    })  # fmt: skip
    try:
        check_span(best_span, [0.0, -900.0, -800.0], [0.0, -700.0, -900.0], (1, 2), 2, {
            (0, 0): "Scores may be far below zero: start the search with -inf, or with the first span.",
        })  # fmt: skip
    except (TypeError, UnboundLocalError) as error:
        raise Hint(
            f"Scores may be far below zero: start the search with -inf, or with the first span. Python's error: {error}"
        ) from None


# ---- label_answer ----------------------------------------------------------------------------------------------------


def check_label(label_answer, offsets: list[tuple[int, int]], begin: int, end: int, expected, hints: dict):
    answer = label_answer(list(offsets), begin, end)
    answer = tuple(answer) if isinstance(answer, list) else answer
    expect(answer not in hints, hints.get(answer, ""))
    expect(
        answer == expected,
        f"For the offsets {offsets} and the characters {begin} to {end} the tokens are {expected}, not {answer}.",
    )


def label_of_whole_tokens(label_answer):
    offsets = [(0, 2), (3, 9), (10, 12), (13, 14), (15, 18), (19, 23)]  # it opened on 4 May 1912
    check_label(label_answer, offsets, 13, 23, (3, 5), {
        (3, 6): "The second number is the last token of the answer, not the one after it.",
        (13, 22): "Return the numbers of tokens, not of characters.",
        (13, 23): "Return the numbers of tokens, not of characters.",
        None: "Tokens 3 to 5 hold this answer, and you return None. Note that `end` is the character after the last "
        "one.",
        (0, 5): "Token 0 ends before the answer begins. Both comparisons must hold for a token.",
    })  # fmt: skip
    check_label(label_answer, offsets, 13, 14, (3, 3), {
        (3, 5): "Tokens 4 and 5 begin after the answer has ended. Look at `end`, too.",
        (3, 4): "The answer is token 3 alone. Token 4 begins after it and shares no character with it.",
    })  # fmt: skip


def label_of_neighbours(label_answer):
    offsets = [(0, 4), (4, 6), (6, 9), (9, 10), (10, 14)]  # pieces without a space between them
    check_label(label_answer, offsets, 4, 9, (1, 2), {
        (0, 2): "Token 0 ends at character 4, where the answer begins. It shares no character with the answer, so "
        "compare with > and not with >=.",
        (1, 3): "Token 3 begins at character 9, where the answer ends. It shares no character with the answer, so "
        "compare with < and not with <=.",
        (0, 3): "Tokens 0 and 3 only touch the answer. Compare with < and > and not with <= and >=.",
    })  # fmt: skip


def label_inside_a_token(label_answer):
    offsets = [(0, 3), (4, 9), (10, 15)]  # the 1950s began
    check_label(label_answer, offsets, 4, 8, (1, 1), {
        None: "The answer ends inside token 1, for example 1950 in 1950s. A token that shares any character with the "
        "answer belongs to it.",
        (1, 2): "Token 2 shares no character with the answer.",
    })  # fmt: skip
    check_label(label_answer, [(0, 6), (6, 9), (10, 15)], 3, 8, (0, 1), {
        (1, 1): "The answer begins inside token 0. A token that shares any character with the answer belongs to it.",
        None: "The answer begins inside token 0. A token that shares any character with the answer belongs to it. "
        "(0 counts as false: test `is None`.)",
    })  # fmt: skip
    check_label(label_answer, offsets, 5, 7, (1, 1), {
        None: "The answer begins and ends inside token 1, which belongs to it.",
    })  # fmt: skip
    beside = "The answer begins at the space between tokens 0 and 1. Tokens 1 and 2 share characters with it."
    check_label(label_answer, offsets, 3, 15, (1, 2), {None: beside, (2, 2): beside})


def label_of_no_token(label_answer):
    for begin, end in ((10, 14), (3, 4)):  # after the tokens, and at the space between them
        where = f"No token of [(0, 3), (4, 9)] shares one of the characters {begin} to {end}: return None"
        try:
            answer = label_answer([(0, 3), (4, 9)], begin, end)
        except (IndexError, ValueError, TypeError) as error:
            raise Hint(f"{where}. Python's error: {error}") from None
        expect(answer is None, f"{where}, not {answer}.")


# ---- windows ---------------------------------------------------------------------------------------------------------


def check_windows(windows, tokens: int, room: int, overlap: int):
    call, answer = f"windows({tokens}, {room}, {overlap})", windows(tokens, room, overlap)
    expect(isinstance(answer, Iterable), f"{call}: return a list of windows. Your function returns {answer}.")
    expected, answer = cut_windows(tokens, room, overlap), list(answer)
    expect(
        all(isinstance(one, tuple | list) and len(one) == 2 for one in answer),
        f"{call}: each window is a pair (begin, end). Your first one is {answer[:1]}.",
    )
    answer = [tuple(one) for one in answer]
    covered = {token for begin, end in answer for token in range(begin, end)}
    expect(all(end - begin <= room for begin, end in answer), f"{call}: a window holds at most {room} tokens.")
    expect(all(end <= tokens for _, end in answer), f"{call}: the last window ends where the text ends, at {tokens}.")
    missing = sorted(set(range(tokens)) - covered)
    steps = {after - before for (before, _), (after, _) in pairwise(answer)}
    expect(
        steps != {overlap} or room == 2 * overlap,
        f"{call}: your windows begin {overlap} tokens after each other. The overlap is how many tokens two windows "
        f"share, so the next one begins {room} - {overlap} tokens later.",
    )
    tails = [one for before, one in pairwise(answer) if before[1] >= tokens]
    expect(
        not tails,
        f"{call}: the window {tails[:1]} holds only tokens that the one before it holds, too. Stop when a window "
        "reaches the end.",
    )
    expect(
        steps <= {room - overlap},
        f"{call}: two windows share {overlap} tokens, so each begins {room} - {overlap} = {room - overlap} tokens "
        f"after the one before it. Yours are {answer}.",
    )
    expect(not missing, f"{call}: token {missing[0] if missing else ''} is in no window. Is the last window missing?")
    expect(answer == expected, f"{call} is {expected}, not {answer}.")


def one_window_is_enough(windows):
    check_windows(windows, 5, 8, 4)
    check_windows(windows, 8, 8, 4)
    check_windows(windows, 3, 8, 4)


def windows_overlap(windows):
    check_windows(windows, 20, 8, 5)


def last_window_is_short(windows):
    check_windows(windows, 21, 8, 2)
    check_windows(windows, 31, 12, 3)


def windows_side_by_side(windows):
    check_windows(windows, 16, 8, 0)


# ---- in_batch_loss ---------------------------------------------------------------------------------------------------


def loss_of_pairs(in_batch_loss):
    said, replies = random_numbers(5, 4, 3).float(), 2 * random_numbers(6, 4, 3).float() + 0.5
    none = torch.zeros(4, 4, dtype=torch.bool)
    try:
        loss = in_batch_loss(said, replies, none)
    except RuntimeError as error:
        if "shapes" not in str(error):
            raise
        raise Hint(
            "Each text is compared with each reply, so the scores are (P, P): (P, D) times the transpose of (P, D). "
            f"PyTorch says: {error}"
        ) from None
    expect(isinstance(loss, Tensor) and loss.ndim == 0, "Return one number as a tensor without axes.")
    expect(
        bool(loss.isfinite()),
        "`also_fits` is False everywhere here, so no reply may be left out. It is True for what must be left out.",
    )
    a, b, rows = F.normalize(said, dim=-1), F.normalize(replies, dim=-1), torch.arange(4)
    for wrong, hint in (
        (F.cross_entropy(20 * said @ replies.T, rows), "These are dot products. Bring each vector to length 1 first."),
        (F.cross_entropy(said @ replies.T, rows), "These are dot products. Bring each vector to length 1 first."),
        *(
            (
                F.cross_entropy(20 * one @ other.T, rows),
                "Bring the vectors of both sides to length 1, not of one alone.",
            )
            for one, other in ((a, replies), (said, b))
        ),
        (
            F.cross_entropy(20 * F.normalize(said, dim=0) @ F.normalize(replies, dim=0).T, rows),
            "Each vector must have the length 1, and a vector is a row: normalise along the last axis.",
        ),
        (F.cross_entropy(20 * a @ a.T, rows), "You compared the texts with each other. Compare them with the replies."),
        (
            F.cross_entropy((20 * a @ b.T).softmax(-1), rows),
            "Softmax is applied twice. F.cross_entropy wants the scores as they are.",
        ),
        (F.cross_entropy(20 * a @ b.T, rows, reduction="sum"), "This is the sum over the texts. Take the mean."),
        (-F.cross_entropy(20 * a @ b.T, rows), "The sign is wrong: a loss is above 0, and it falls while we train."),
        (
            (F.cross_entropy(20 * a @ b.T, rows) + F.cross_entropy(20 * b @ a.T, rows)) / 2,
            "This is the mean of both directions. Here each text chooses among the replies, and that is all.",
        ),
        (F.cross_entropy(a @ b.T, rows), "The factor 20 is missing. Cosines lie between -1 and 1, too close together."),
        (F.cross_entropy(a @ b.T / 20, rows), "Multiply the cosines by 20, do not divide."),
        (
            F.cross_entropy(20 * b @ a.T, rows),
            "Here each reply chooses among the texts. Each text must choose among the replies: rows are texts.",
        ),
        (
            F.cross_entropy(20 * a @ b.T, torch.zeros(4, dtype=torch.long)),
            "All rows have reply 0 as the right one. The right reply of row i is reply i.",
        ),
        (-20 * (a * b).sum(-1).mean(), "Nothing pushes wrong replies away. Compare each text with all P replies."),
    ):
        expect(not is_close(loss, wrong, 1e-4), hint)
    expect(
        is_close(loss, compute_in_batch_loss(said, replies, none), 1e-4),
        "The result is not the cross-entropy of 20 times the cosines, with reply i as the right one of row i.",
    )


def loss_leaves_out_what_fits(in_batch_loss):
    said, replies = random_numbers(7, 4, 3).float(), random_numbers(8, 4, 3).float()
    replies[2], replies[1] = said[0] + 0.1, said[3] - 0.1  # so that they matter
    fits = torch.zeros(4, 4, dtype=torch.bool)
    fits[0, 2] = fits[3, 1] = True
    loss, right = in_batch_loss(said, replies, fits), compute_in_batch_loss(said, replies, fits)
    logits, rows = 20 * F.normalize(said, dim=-1) @ F.normalize(replies, dim=-1).T, torch.arange(4)
    expect(
        not is_close(loss, F.cross_entropy(logits, rows)),
        "`also_fits` has no effect, or it hits other scores. Where also_fits[i, j] is True, leave reply j out of row i "
        "before the softmax.",
    )
    expect(
        not is_close(loss, F.cross_entropy(logits.masked_fill(fits, 0.0), rows)),
        "A score of 0 still takes part in the softmax, because exp(0) is 1. Only -inf leaves a reply out.",
    )
    expect(
        not is_close(loss, F.cross_entropy(logits.masked_fill(~fits, -math.inf), rows))
        and not bool(loss.isinf() | loss.isnan()),
        "You left out the wrong replies and kept the others. `also_fits` is True for what must be left out.",
    )
    expect(
        is_close(loss, right, 1e-4),
        "A reply that also fits must not count among the wrong ones: give it a score of -inf.",
    )


def loss_of_a_reply_that_is_far_away(in_batch_loss):
    said, replies = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[-1.0, 0.1], [1.0, 0.2]])
    fits = torch.tensor([[False, True], [False, False]])
    try:
        loss = in_batch_loss(said.requires_grad_(), replies, fits)
    except (RuntimeError, ValueError) as error:
        raise Hint(f"For two texts your function fails. Take P from the tensors. PyTorch says: {error}") from None
    expect(
        is_close(loss, compute_in_batch_loss(said, replies, fits), 1e-4),
        "Here are two texts. The right reply of the first one has a cosine near -1, and the other reply fits, too. "
        "Leave that one out with a score of -inf, since a cosine of -1 would still take part.",
    )
    expect(loss.requires_grad, "No gradient can go back from your loss to the vectors. Leave out detach().")


# ---- word_f1, recall_at: find the bug --------------------------------------------------------------------------------


def check_word_f1(word_f1, said: str, right: str, hint: str):
    try:
        value = as_number(word_f1(said, right), "a number from 0 to 1")
    except ZeroDivisionError:
        raise Hint(f"word_f1({said!r}, {right!r}) divides by 0. {hint}") from None
    expect(value <= 1, f"word_f1({said!r}, {right!r}) is above 1: common words are counted more often than both have.")
    expected = answer_f1(said, [right])
    expect(is_close(value, expected), f"word_f1({said!r}, {right!r}) is {expected:.2f}, not {value:.2f}. {hint}")


def f1_of_answers(word_f1):
    check_word_f1(
        word_f1,
        "the North Sea coast",
        "North Sea",
        "It is 2 * common / (words said + words right), after normalize_answer.",
    )
    check_word_f1(word_f1, "Paris", "London", "The two share no word.")
    check_word_f1(
        word_f1,
        "New York New York",
        "New York",
        "Half of the four words are too many, and yet nothing is deducted. How often does each word count?",
    )
    check_word_f1(word_f1, "a cat and a cat", "cat", "How often does each word count?")
    check_word_f1(word_f1, "New York", "New York New York", "Two of the four right words were said.")
    check_word_f1(word_f1, "New York New York", "New York New York", "A word that both have twice is common twice.")
    for said, right in (("Paris", ""), ("", "Paris"), ("", "")):
        check_word_f1(word_f1, said, right, "If one of the answers is empty, it is 1 if both are, and 0 otherwise.")


def check_recall(recall_at, scores: list[list[float]], right: list[int], k: int, hint: str = ""):
    value = as_number(recall_at([list(row) for row in scores], list(right), k), "one number: the share of rows")
    expected = compute_recall(scores, right, k)
    call = f"recall_at({scores}, {right}, {k})"
    expect(is_close(value, expected), f"{call} is {expected:.2f}, not {value:.2f}. {hint}".rstrip())


def recall_of_rows(recall_at):
    scores = [[0.1, 0.9, 0.3], [0.8, 0.2, 0.5], [0.4, 0.1, 0.2], [0.3, 0.2, 0.9]]
    check_recall(recall_at, scores, [1, 2, 0, 2], 1, "The highest score ranks first.")
    check_recall(recall_at, scores, [0, 2, 1, 0], 2)
    check_recall(recall_at, scores, [1, 2, 0, 2], 2, "A row counts at most once.")
    check_recall(recall_at, scores, [0, 2, 1, 0], 1, "A row whose right candidate is far down counts 0, and not less.")


def recall_with_ties(recall_at):
    expect(
        as_number(recall_at([[0.5] * 4], [0], 1)) != 0,
        "Four equal scores now count as a miss. The right one of four equals would be first in one case of four.",
    )
    check_recall(
        recall_at, [[0.5] * 4], [0], 1,
        "A model that gives every candidate the same score has found nothing, so it must be at chance.",
    )  # fmt: skip
    check_recall(recall_at, [[0.2, 0.9, 0.9, 0.1]], [1], 1, "Two equals share the first place.")
    check_recall(
        recall_at, [[0.5, 0.9, 0.5, 0.5]], [0], 2, "Three equals share the places 2 to 4, and one of these counts."
    )
    check_recall(recall_at, [[0.2, 0.9, 0.9, 0.1]], [1], 2, "Both places of the two equals count.")


EXERCISES = {
    "span_scores": Exercise("Two scores for each token, from one linear layer.", 1, 4, (scores_of_a_batch,)),
    "span_loss": Exercise(
        "The mean of the cross-entropies of the right start and end.", 1, 5, (loss_of_a_batch, loss_of_another_batch)
    ),
    "best_span": Exercise(
        "The span with the highest sum of scores, and by how much no answer scores higher.",
        2,
        12,
        (span_of_two_peaks, span_must_not_end_before_it_starts, span_of_one_token, span_must_not_be_too_long,
         span_lies_in_the_text, span_of_scores_below_zero),
    ),
    "label_answer": Exercise(
        "From the characters of an answer to its first and last token.",
        2,
        8,
        (label_of_whole_tokens, label_of_neighbours, label_inside_a_token, label_of_no_token),
    ),
    "windows": Exercise(
        "Cut a text of so many tokens into windows that overlap.",
        2,
        8,
        (one_window_is_enough, windows_overlap, last_window_is_short, windows_side_by_side),
    ),
    "in_batch_loss": Exercise(
        "Each text of a batch must prefer its own reply to those of all others.",
        2,
        10,
        (loss_of_pairs, loss_leaves_out_what_fits, loss_of_a_reply_that_is_far_away),
    ),
}  # fmt: skip
BUGS = {
    "word_f1": Exercise("Find the bug: the words that two answers share.", 1, 6, (f1_of_answers,)),
    "recall_at": Exercise(
        "Find the bug: is the right one among the first k?", 2, 8, (recall_of_rows, recall_with_ties)
    ),
}
check = make_check(EXERCISES | BUGS)
use = make_use(
    check,
    {
        "span_scores": compute_span_scores,
        "span_loss": compute_span_loss,
        "best_span": find_best_span,
        "label_answer": find_labelled_tokens,
        "windows": cut_windows,
        "in_batch_loss": compute_in_batch_loss,
        "word_f1": lambda said, right: answer_f1(said, [right]),
        "recall_at": compute_recall,
    },
)
