"""The exercises of notebook 13, writing: the greedy loop, the mask, shifted labels, BLEU, beam search, mask-predict."""

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import tasks
from ..batches import IGNORE
from ..writing import beam_search, writing_mask
from . import Exercise, Hint, expect, make_check, make_use
from .comparing import as_number, is_close, random_numbers

END = 0

# ---- write_greedily ----------------------------------------------------------------------------------------


def search_greedily(score_next: Callable, ids: list[int], end: int, most: int) -> list[int]:
    """bertlab's own `write_greedily`."""
    written: list[int] = []
    while len(written) < most:
        word = int(score_next(ids + written).argmax())
        if word == end:
            break
        written.append(word)
    return written


class Table:
    """Scores of the next token that depend on the last one alone. It remembers what it was asked."""

    def __init__(self, best: dict[int, int], end: int = END, size: int = 8):
        self.best, self.end, self.size, self.asked = best, end, size, []

    def __call__(self, ids: list[int]) -> Tensor:
        expect(
            isinstance(ids, list) and all(isinstance(i, int | np.integer) for i in ids),
            "score_next takes a list of ids, which are whole numbers: the ids so far, such as ids + written. A tensor "
            "from argmax becomes a number with int(...) or .item().",
        )
        expect(ids, "You called score_next with an empty list. It needs the ids that you were given.")
        expect(
            len(self.asked) < 50,
            "Your loop does not stop. It ends when the best token is `end`, or when `most` tokens were written.",
        )
        expect(
            ids[-1] != self.end, "You asked what follows `end`. Nothing does: leave the loop when it is the best token."
        )
        expect(
            ids[-1] in self.best,
            f"You asked what follows {ids[-1]}, which was the best token nowhere. The token is the position of the "
            "highest score, so take argmax.",
        )
        self.asked.append(list(ids))
        scores = 8 + torch.arange(self.size) / 100  # no ties, and a token that is drawn is often another one
        scores[self.best[ids[-1]]] = 9.0
        return scores


def check_greedy(write_greedily, table: dict[int, int], ids: list[int], most: int, end: int = END):
    score_next, given = Table(table, end), list(ids)
    answer = write_greedily(score_next, given, end, most)
    expected = search_greedily(Table(table, end), ids, end, most)
    expect(isinstance(answer, list), "Return the list of the new ids.")
    answer = [int(word) for word in answer]
    expect(given == ids, "You changed the list that was passed. Keep what was written in a list of its own.")
    expect(
        not expected or answer != (ids + expected),
        "Your list begins with the ids that were passed. Return only the new ones.",
    )
    expect(
        not any(len(asked) < len(ids) for asked in score_next.asked),
        "You called score_next without the ids that were passed. It needs all of them, followed by what was written.",
    )
    expect(
        len(score_next.asked) < 2 or score_next.asked[0] != score_next.asked[1],
        "score_next was asked the same thing twice. The token that was written has to be part of the next question: "
        "score_next(ids + written).",
    )
    expect(
        all(asked[: len(ids)] == ids for asked in score_next.asked),
        "The ids that were passed come first, and what was written comes after them: score_next(ids + written).",
    )
    expect(end not in answer, "`end` is in your list. It says that the text is over, and does not belong to it.")
    expect(len(answer) <= most, f"You wrote {len(answer)} tokens, but at most {most} were allowed.")
    expect(
        len(answer) == len(expected) or answer != expected[: len(answer)],
        f"You stopped after {len(answer)} of {len(expected)} tokens. The loop ends when the best token is `end`, which "
        f"is {end} here, or when `most` tokens were written.",
    )
    expect(answer == expected, f"The best tokens, one after the other, are {expected}. Your function wrote {answer}.")


def greedy_until_the_end(write_greedily):
    check_greedy(write_greedily, {2: 5, 5: 3, 3: 4, 4: END}, [6, 2], 10)
    check_greedy(write_greedily, {2: 5, 5: 0, 0: 4, 4: 7}, [6, 2], 10, end=7)


def greedy_without_an_end(write_greedily):
    check_greedy(write_greedily, {2: 5, 5: 3, 3: 5}, [1, 2], 4)


def greedy_with_nothing_to_write(write_greedily):
    check_greedy(write_greedily, {2: END}, [1, 2], 4)


# ---- seq2seq_mask ------------------------------------------------------------------------------------------


def make_masks(types: Tensor, real: Tensor) -> dict[str, Tensor]:
    """The expected mask (B, T, T), and the mask that each common mistake gives."""
    T = types.size(1)
    source, both = types == 0, torch.ones(T, T).bool()
    expected = writing_mask(types, real)
    column = real[:, None, :].expand_as(expected)
    return {
        "expected": expected,
        "all": column & both,
        "causal": column & both.tril(),
        "padding": writing_mask(types),
        "source sees target": column & (writing_mask(types) | source[:, :, None]),
        "target sees all": column & (source[:, None, :] | ~source[:, :, None]),
        "not itself": column & (source[:, None, :] | (~source[:, :, None] & both.tril(-1))),
        "transposed": expected.mT,
        "later": column & (source[:, None, :] | (~source[:, :, None] & both.triu())),
        "rows": (source[:, None, :] | (~source[:, :, None] & both.tril())) & real[:, :, None],
        "inverted": ~expected,
        "apart": expected & (source[:, :, None] == source[:, None, :]),
    }


MASK_HINTS = {
    "all": "Every token sees every token. This is BERT's own mask, with which the model would see the token that it "
    "has to predict.",
    "causal": "The source is read in both directions, so its first token sees its last one. Only the target is written "
    "from left to right.",
    "padding": "Somebody sees the padding. Where `real` is False, the whole column is False.",
    "source sees target": "The source sees the target, so the tokens to be written reach the model through the source. "
    "The rows of the source may only reach to the end of the source.",
    "target sees all": "The target sees all of the target, so each token sees the one that it has to predict. It "
    "should see itself and the tokens before it.",
    "not itself": "A token of the target does not see itself. It may, because it predicts the token after it.",
    "transposed": "Rows and columns are swapped. Row i says which tokens token i sees.",
    "later": "The target sees what comes after it. It should see itself and the tokens before it.",
    "rows": "You closed the rows of padding, so everybody still sees it. Close its columns.",
    "inverted": "Your mask is True where a token is hidden. It should be True where a token is seen.",
    "apart": "The target does not see the source, so it has nothing to translate from.",
}


def check_mask(seq2seq_mask, types: list[list[int]], real: list[list[int]]):
    types, real = torch.tensor(types), torch.tensor(real).bool()
    answer = seq2seq_mask(types.clone(), real.clone())
    expect(isinstance(answer, Tensor), "Return a tensor of bools, (B, T, T).")
    (B, T), masks = types.shape, make_masks(types, real)
    expect(
        answer.shape == (B, T, T),
        f"{B} rows of {T} tokens need a mask of shape {(B, T, T)}. Yours has shape {tuple(answer.shape)}.",
    )
    expect(
        bool(((answer == 0) | (answer == 1)).all()),
        "Return bools, True where a token is seen. Yours holds other numbers, which could be added to scores.",
    )
    answer, rows = answer.bool(), real[:, :, None]  # what padding sees does not matter, as long as it sees a token
    for mistake, hint in MASK_HINTS.items():
        if not torch.equal(masks[mistake] & rows, masks["expected"] & rows):
            expect(not torch.equal(answer, masks[mistake]), hint)
    expect(not (answer & ~real[:, None, :]).any(), MASK_HINTS["padding"])
    expect(
        answer.any(-1).all(),
        "The rows of padding are empty, so their softmax has nothing to distribute. Close only the columns of padding.",
    )
    for b, i, j in ((answer != masks["expected"]) & rows).nonzero().tolist():
        expect(
            False,
            f"For the types {types[b].tolist()} and real {real[b].int().tolist()}, check row {i}, column {j}: should "
            f"token {i} see token {j}?",
        )


def mask_of_six_tokens(seq2seq_mask):
    check_mask(seq2seq_mask, [[0, 0, 0, 1, 1, 1]], [[1] * 6])


def mask_of_a_batch_with_padding(seq2seq_mask):
    check_mask(seq2seq_mask, [[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0, 0]], [[1] * 7, [1, 1, 1, 1, 0, 0, 0]])


# ---- one_ahead ---------------------------------------------------------------------------------------------


def shift_labels(labels: Tensor) -> dict[str, Tensor]:
    """The expected labels, and the labels that each common mistake gives."""
    ignored = torch.full_like(labels[:, :1], IGNORE)
    return {
        "expected": torch.cat([labels[:, 1:], ignored], 1),
        "same": labels,
        "backwards": torch.cat([ignored, labels[:, :-1]], 1),
        "round": labels.roll(-1, 1),
        "zero": torch.cat([labels[:, 1:], torch.zeros_like(ignored)], 1),
        "rows": labels.roll(-1, 0),
    }


SHIFT_HINTS = {
    "same": "Nothing has moved, so each token has to predict itself. It sees itself, so the loss would fall to 0 and "
    "the model would learn nothing.",
    "backwards": "The labels moved in the wrong direction: each token has to predict the one before it, which it sees.",
    "round": "The first label came back at the end. Nothing follows the last token, so its label is -100.",
    "zero": "The last column is 0, and 0 is a token ([PAD]). A label that is to be ignored is -100.",
    "rows": "You moved the rows of the batch. Move along the tokens, dimension 1.",
}


def check_shift(one_ahead, labels: Tensor):
    passed = labels.clone()
    try:
        answer = one_ahead(passed)
    except RuntimeError as error:
        raise Hint(
            f"labels has the shape {tuple(labels.shape)} here. A column of -100 has one number for each row, (B, 1), "
            f"and is appended along dimension 1. PyTorch says: {error}"
        ) from None
    expect(isinstance(answer, Tensor), "Return a tensor (B, T).")
    expect(not answer.is_floating_point(), "Labels are whole numbers, and the loss refuses others. Yours are floats.")
    shifted = shift_labels(labels)
    expect(
        answer.shape == labels.shape,
        f"Your answer has the shape {tuple(answer.shape)}, and labels has {tuple(labels.shape)}. Where a label has "
        "moved away, fill up with -100.",
    )
    for mistake, hint in SHIFT_HINTS.items():
        if not torch.equal(shifted[mistake], shifted["expected"]):
            expect(not torch.equal(answer, shifted[mistake]), hint)
    expect(
        torch.equal(answer, shifted["expected"]),
        "Each token gets the label of the next token, and the last one gets -100. "
        f"{labels[0].tolist()} became {answer[0].tolist()}.",
    )
    expect(torch.equal(passed, labels), "You changed the tensor that was passed. Make a new one.")


def shift_of_a_row(one_ahead):
    check_shift(one_ahead, torch.tensor([[-100, -100, -100, 7, 8, 3]]))


def shift_of_a_batch(one_ahead):
    check_shift(one_ahead, torch.tensor([[5, 6, 7, 3], [-100, 9, 3, -100], [-100, -100, 4, 3]]))


# ---- bleu_score --------------------------------------------------------------------------------------------

LONG = ["the sons of judah were three", "he went up to the city of david and slept there"]
SHORT = ["the sons of judah were three", "he went up to the city and slept"]


def compute_brevity_penalty(predictions: list[list[str]], references: list[list[str]]) -> float:
    length, wanted = sum(map(len, predictions)), sum(map(len, references))
    return math.exp(min(0.0, 1 - wanted / length))


def compute_precisions(predictions: list[list[str]], references: list[list[str]], clip: bool = True) -> list[float]:
    """The precision of the 1- to 4-grams over all texts."""
    precisions = []
    for n in range(1, 5):
        hits = total = 0
        for prediction, reference in zip(predictions, references, strict=True):
            predicted, true = tasks.count_ngrams(prediction, n), tasks.count_ngrams(reference, n)
            hits += (
                (predicted & true).total() if clip else sum(count for gram, count in predicted.items() if gram in true)
            )
            total += predicted.total()
        precisions.append(hits / total)
    return precisions


def compute_bleu(predictions: list[str], references: list[str]) -> float:
    words = [[text.split() for text in texts] for texts in (predictions, references)]
    return 100 * compute_brevity_penalty(*words) * mean_geometrically(compute_precisions(*words))


def mean_geometrically(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values)) if all(values) else 0.0


def list_bleu_mistakes(predictions: list[list[str]], references: list[list[str]]) -> dict[str, float]:
    """The BLEU that each common mistake gives, by its hint."""
    precisions, penalty = compute_precisions(predictions, references), compute_brevity_penalty(predictions, references)
    mean, ratio = mean_geometrically(precisions), sum(map(len, predictions)) / sum(map(len, references))
    mistakes = {
        "Your number is between 0 and 1. BLEU goes from 0 to 100.": penalty * mean,
        "The brevity penalty is missing, so a text of only the surest words would score best. Multiply by exp(1 - "
        "wanted / "
        "length) when the texts are shorter than wanted.": 100 * mean,
        "The penalty is inverted: it should apply to texts that are too short, exp(1 - wanted / length).": 100
        * math.exp(min(0.0, 1 - ratio))
        * mean,
        "A text that is longer than the true one is rewarded. The penalty is at most 1.": 100
        * math.exp(1 - 1 / ratio)
        * mean,
        "You took the arithmetic mean of the four precisions. BLEU takes the geometric mean: the fourth root of their "
        "product.": 100 * penalty * sum(precisions) / 4,
        "You summed the logarithms of the precisions and did not divide by 4.": 100 * penalty * math.prod(precisions),
        "You counted 1- to 3-grams only. Take 1- to 4-grams.": 100 * penalty * mean_geometrically(precisions[:3]),
        "predicted and expected are exchanged. A precision is a share of what was written.": 100
        * compute_brevity_penalty(references, predictions)
        * mean_geometrically(compute_precisions(references, predictions)),
        "You counted single words only. Take 1- to 4-grams.": 100 * penalty * precisions[0],
    }
    unclipped = compute_precisions(predictions, references, clip=False)
    if all(unclipped):
        hint = "You count every occurrence of an n-gram. It counts at most as often as it occurs in the true text."
        mistakes[hint] = 100 * penalty * mean_geometrically(unclipped)
    pairs = [([a], [b]) for a, b in zip(predictions, references, strict=True)]
    if len(pairs) > 1 and all(all(compute_precisions(*pair)) for pair in pairs):
        each = [100 * compute_brevity_penalty(*pair) * mean_geometrically(compute_precisions(*pair)) for pair in pairs]
        hint = "This is the mean of the BLEU of each text. Sum the hits and the lengths over all texts first."
        mistakes[hint] = sum(each) / len(each)
    return mistakes


def check_bleu(bleu_score, predictions: list[str], references: list[str]):
    words = [[text.split() for text in texts] for texts in (predictions, references)]
    answer = as_number(bleu_score(*[[list(text) for text in texts] for texts in words]))
    precisions, penalty = compute_precisions(*words), compute_brevity_penalty(*words)
    expected = 100 * penalty * mean_geometrically(precisions)
    for hint, value in list_bleu_mistakes(*words).items():
        if not is_close(value, expected):
            expect(not is_close(answer, value), hint)
    expect(
        is_close(answer, expected),
        f"The precisions are {', '.join(f'{p:.3f}' for p in precisions)} and the penalty is {penalty:.3f}, so BLEU is "
        f"{expected:.2f}. Your function returns {answer:.2f}.",
    )


def bleu_of_the_same(bleu_score):
    check_bleu(bleu_score, ["the sons of judah were three"], ["the sons of judah were three"])


def bleu_of_long_texts(bleu_score):
    check_bleu(bleu_score, LONG, SHORT)


def bleu_of_short_texts(bleu_score):
    check_bleu(bleu_score, SHORT, LONG)


def bleu_of_a_text_that_repeats(bleu_score):
    check_bleu(bleu_score, ["and he said and he said to the man and he said"], ["and he said to the man of god"])
    both = ["the king and the king and the king said so"], ["the king and the king and the queen said so"]
    expect(
        is_close(as_number(bleu_score(*([text.split() for text in texts] for texts in both))), compute_bleu(*both)),
        "An n-gram that both texts have twice is a hit twice. Compare how often each n-gram occurs, and take the "
        "smaller number.",
    )


def bleu_of_texts_that_belong_together(bleu_score):
    texts = (
        ["he went up to the city", "they were in the house"],
        ["they went up to the city", "he was in the house of david"],
    )
    expect(
        is_close(as_number(bleu_score(*([text.split() for text in side] for side in texts))), compute_bleu(*texts)),
        "A word of the first text that occurs in the second reference is no hit. Compare each text with its own "
        "reference, and sum only the hits.",
    )


def bleu_without_a_hit(bleu_score):
    try:
        answer = bleu_score([["a", "b", "c", "d"]], [["d", "c", "b", "a"]])
    except (ValueError, ZeroDivisionError) as error:
        expect(
            False, f"Where no 2-gram is correct, your function raises {type(error).__name__}. BLEU is 0 in this case."
        )
    expect(as_number(answer) == 0, "Where no 2-gram is correct, the product of the precisions is 0, and so is BLEU.")


def bleu_of_two_words(bleu_score):
    try:
        answer = as_number(bleu_score([["a", "b"]], [["a", "b"]]))
    except ZeroDivisionError:
        raise Hint("Where no 4-gram was written, your function divides by 0. BLEU is 0 in this case.") from None
    expect(answer == 0, f"A text of two words has no 4-gram, so BLEU is 0 and not {answer:.2f}.")


# ---- beam_step ---------------------------------------------------------------------------------------------


def take_beam_step(texts, log_p, beams, end):
    """The expected step: (carried on, finished)."""
    continuations = sorted(
        ((total + p, ids, word) for (total, ids), row in zip(texts, log_p, strict=True) for word, p in enumerate(row)),
        key=lambda continuation: -continuation[0],
    )
    finished = [(total, ids) for total, ids, word in continuations[:beams] if word == end]
    return [(total, [*ids, word]) for total, ids, word in continuations if word != end][:beams], finished


def continue_each_text(texts, log_p, end):
    """A common mistake: each text goes on with its own best word."""
    best = [max((p, word) for word, p in enumerate(row) if word != end) for row in log_p]
    return sorted(
        ((total + p, [*ids, word]) for (total, ids), (p, word) in zip(texts, best, strict=True)), reverse=True
    )


def forget_totals(texts, log_p, beams, end):
    """A common mistake: the log p of the new word is not added to that of the text before it."""
    words = [(p, [*ids, word]) for (_, ids), row in zip(texts, log_p, strict=True) for word, p in enumerate(row)
             if word != end]  # fmt: skip
    return sorted(words, reverse=True)[:beams]


def are_same_texts(answer, expected) -> bool:
    return [list(ids) for _, ids in answer] == [ids for _, ids in expected] and all(
        is_close(a, b) for (a, _), (b, _) in zip(answer, expected, strict=True)
    )


def check_step(beam_step, texts, probabilities, beams, end=END):
    log_p, given = [[math.log(p) for p in row] for row in probabilities], [(total, list(ids)) for total, ids in texts]
    answer = beam_step(given, [list(row) for row in log_p], beams, end)
    expect(
        isinstance(answer, tuple | list) and len(answer) == 2, "Return two lists: the texts carried on, the finished."
    )
    try:
        carried, finished = ([(total, list(ids)) for total, ids in side] for side in answer)
    except (TypeError, ValueError):
        raise Hint(
            "Return two lists, the texts carried on and the finished ones. Each text is a pair (log p, ids)."
        ) from None
    expect(given == texts, "You changed the ids of a text that was passed. [*ids, word] makes a new list.")
    expected = take_beam_step(texts, log_p, beams, end)
    expect(
        not (are_same_texts(carried, expected[1]) and are_same_texts(finished, expected[0])),
        "The two lists are exchanged. The texts carried on come first.",
    )
    expect(
        not any(end in ids for _, ids in carried),
        f"A text that has ended is carried on. Nothing is written after `end`, which is {end} here: put the text among "
        "the finished ones.",
    )
    expect(
        not any(end in ids for _, ids in finished),
        "`end` is not a word of the text: leave it out of the ids of a finished text.",
    )
    check_carried(carried, expected[0], texts, log_p, beams, end)
    check_finished(finished, expected[1])


def check_carried(carried, expected, texts, log_p, beams, end):
    expect(len(carried) <= beams, f"{len(carried)} texts are carried on, but at most {beams} may be.")
    each = continue_each_text(texts, log_p, end)
    expect(
        are_same_texts(each, expected) or not are_same_texts(carried, each),
        "You continued each text with its own best word. Compare all words of all texts, because both of the best "
        "continuations may come from the same text.",
    )
    forgotten = forget_totals(texts, log_p, beams, end)
    expect(
        are_same_texts(forgotten, expected) or not are_same_texts(carried, forgotten),
        "Your totals are the log p of the new word alone. Add the log p of the text before it.",
    )
    expect(
        len(carried) == len(expected),
        f"{len(carried)} texts are carried on instead of {len(expected)}. A text that ends does not take the place of "
        "one that goes on.",
    )
    totals, wanted = ([round(float(total), 3) for total, _ in side] for side in (carried, expected))
    expect(
        [ids for _, ids in carried] != [ids for _, ids in expected] or are_same_texts(carried, expected),
        f"The right texts are carried on, but their log p should be {wanted}, and yours are {totals}. Add the log p of "
        "the word to that of the text.",
    )
    expect(
        are_same_texts(carried, expected),
        f"The texts carried on should be {[ids for _, ids in expected]}, best first, with the sums of their log p. "
        f"Yours are {[ids for _, ids in carried]}.",
    )


def check_finished(finished, expected):
    expect(
        len(finished) <= len(expected),
        "A text is finished only when its end is among the `beams` best of all continuations. You finished "
        f"{len(finished)} texts, and it should be {len(expected)}.",
    )
    expect(
        are_same_texts(finished, expected),
        f"The finished texts should be {[ids for _, ids in expected]}, each with the sum of its log p, including that "
        f"of the end. Yours are {finished}.",
    )


def step_without_an_end(beam_step):
    probabilities = [[0.01, 0.45, 0.44, 0.10], [0.01, 0.09, 0.20, 0.70]]
    check_step(beam_step, [(math.log(0.6), [1]), (math.log(0.3), [2])], probabilities, 2)


def step_with_an_end(beam_step):
    probabilities = [[0.5, 0.3, 0.1, 0.1], [0.05, 0.36, 0.34, 0.25]]
    check_step(beam_step, [(math.log(0.5), [1]), (math.log(0.4), [3])], probabilities, 2)


def step_with_a_late_end(beam_step):
    """The end is not among the best two continuations, so the text may not finish."""
    probabilities = [[0.1, 0.5, 0.4], [0.3, 0.4, 0.3]]
    check_step(beam_step, [(math.log(0.6), [1]), (math.log(0.2), [2])], probabilities, 2)


def step_with_three_beams(beam_step):
    """One end is the third best continuation, and another one the fourth. Here the end has the number 3."""
    probabilities = [[0.6, 0.08, 0.04, 0.28], [0.4, 0.25, 0.05, 0.3]]
    check_step(beam_step, [(math.log(0.5), [1]), (math.log(0.4), [2])], probabilities, 3, end=3)


def step_that_stays_in_one_text(beam_step):
    """The end and both words that are carried on belong to the first text."""
    check_step(beam_step, [(math.log(0.9), [1]), (math.log(0.1), [2])], [[0.5, 0.3, 0.2], [0.2, 0.5, 0.3]], 2)


def steps_find_what_the_library_finds(beam_step):
    """A whole search of one source, driven by the answer."""
    table = random_numbers(3, 7, 7).log_softmax(-1)
    steps = []
    beam_search(table[6:7], lambda parents, words: table[words], end=END, max_tokens=5, beams=3, early_stop=False,
                length_penalty=0.0, watch=lambda texts: steps.append(texts[0]))  # fmt: skip
    texts = [(0.0, [])]
    for number, expected in enumerate(steps, 1):
        if not expected:
            break
        texts, _ = beam_step(texts, [table[ids[-1] if ids else 6].tolist() for _, ids in texts], 3, END)
        expect(
            are_same_texts(texts, expected),
            f"In a longer search, word {number} differs from what bertlab's beam_search finds.",
        )


# ---- mask_predict ------------------------------------------------------------------------------------------


def fill_in_rounds(predict: Callable, length: int, steps: int, mask: int) -> list[int]:
    """bertlab's own `mask_predict`, for one text."""
    ids, p = [mask] * length, [0.0] * length
    for step in range(steps):
        count = length * (steps - step) // steps
        hidden = sorted(range(length), key=lambda i: p[i])[:count]
        for i in hidden:
            ids[i] = mask
        words, new = predict(list(ids))
        for i in hidden:
            ids[i], p[i] = words[i], new[i]
    return ids


class Guesses:
    """What a model says in each round: (words, probabilities) of all tokens. It remembers what it was shown."""

    def __init__(self, rounds: list[tuple[list[int], list[float]]]):
        self.rounds, self.shown = rounds, []

    def __call__(self, ids: list[int]) -> tuple[list[int], list[float]]:
        ids = [int(i) for i in ids]
        expect(
            len(self.shown) < len(self.rounds),
            f"You called predict more than {len(self.rounds)} times. It is called once in each of the `steps` rounds.",
        )
        self.shown.append(ids)
        words, p = self.rounds[len(self.shown) - 1]
        return list(words), list(p)


MASK = 9
ROUNDS = [
    ([1, 2, 3, 4], [0.9, 0.2, 0.6, 0.3]),
    ([5, 6, 7, 8], [0.1, 0.8, 0.1, 0.4]),
    ([1, 6, 3, 2], [0.9, 0.9, 0.7, 0.5]),
    ([4, 4, 4, 4], [0.9, 0.9, 0.9, 0.9]),
]


def check_rounds(mask_predict, rounds, length: int, mask: int = MASK):
    guesses, ready = Guesses(rounds), Guesses(rounds)
    answer = mask_predict(guesses, length, len(rounds), mask)
    expected = fill_in_rounds(ready, length, len(rounds), mask)
    expect(isinstance(answer, list | Tensor), "Return the list of ids.")
    answer = [int(word) for word in answer]
    expect(len(answer) == length, f"A text of {length} tokens was wanted. Yours has {len(answer)}.")
    expect(
        guesses.shown[:1] in ([], [[mask] * length]),
        f"In the first round every token is [MASK], whose number is {mask} here.",
    )
    expect(
        len(guesses.shown) == len(rounds),
        f"With steps = {len(rounds)}, predict is called once in each round, so {len(rounds)} times in all. You called "
        f"it {len(guesses.shown)} times.",
    )
    for number, (mine, right) in enumerate(zip(guesses.shown, ready.shown, strict=True), 1):
        many, wanted = mine.count(mask), right.count(mask)
        expect(
            many != 0 or wanted == 0,
            f"In round {number} nothing was hidden, so nothing can get better. Hide the least probable tokens again.",
        )
        expect(
            many == wanted,
            f"In round {number} of {len(rounds)}, {wanted} of {length} tokens are hidden, and you hid {many}. The "
            "number is length * (steps - step) // steps, with step from 0.",
        )
        expect(
            [i for i, word in enumerate(mine) if word == mask] == [i for i, word in enumerate(right) if word == mask],
            f"In round {number} you hid other tokens than the least probable ones. Each token has the probability of "
            "the round in which it was filled in.",
        )
        expect(
            mine == right,
            f"In round {number} predict should be shown {right}, and was shown {mine}. Only the hidden tokens take "
            "the new words; the others keep theirs.",
        )
    expect(
        mask not in answer,
        "Your text still holds [MASK]. In the first round all tokens are hidden, and in every round each hidden token "
        "takes its new word, however probable that is.",
    )
    expect(answer == expected, f"The text should be {expected}. Yours is {answer}. Only hidden tokens take new words.")


def rounds_of_four(mask_predict):
    check_rounds(mask_predict, ROUNDS, 4)


def a_single_round(mask_predict):
    check_rounds(mask_predict, ROUNDS[:1], 4)


def rounds_with_lower_probabilities(mask_predict):
    check_rounds(mask_predict, [([1, 2, 3, 4], [0.5, 0.6, 0.9, 0.8]), ([5, 6, 7, 8], [0.1, 0.2, 0.3, 0.3])], 4, mask=0)


def rounds_that_do_not_divide(mask_predict):
    p = random_numbers(3, 3, 5).sigmoid().tolist()
    check_rounds(mask_predict, [([number] * 5, p[number]) for number in range(3)], 5)


# ---- last_scores, write_together: find the bug -------------------------------------------------------------


def scores_of_each_row(last_scores):
    logits = random_numbers(4, 3, 5, 7).float()
    real = torch.arange(5) < torch.tensor([[5], [3], [1]])
    try:
        y = last_scores(logits, real)
    except IndexError as error:
        raise Hint(
            f"A row with n real tokens has its last one in column n - 1, because counting starts at 0. ({error})"
        ) from None
    expect(isinstance(y, Tensor) and y.shape == (3, 7), "Return the scores of one token for each row, (B, V).")
    expect(
        not is_close(y, logits[:, -1]),
        "The first row is right, and the other two are not. They have 3 and 1 real tokens: after which token are the "
        "scores that you returned?",
    )
    expect(
        not (is_close(y[1], logits[1, 3]) or is_close(y[2], logits[2, 1])),
        "You took the token after the last real one. A row with n real tokens has its last one in column n - 1.",
    )
    expect(is_close(y, torch.stack([logits[0, 4], logits[1, 2], logits[2, 0]])), "Take column n - 1 of each row.")


def texts_of_different_lengths(write_together):
    best = {1: 4, 4: 5, 5: END, 2: 6, 6: 7, 7: 3, 3: END, END: 4}

    def score_next(texts: list[list[int]], best: dict[int, int] = best) -> Tensor:
        expect(
            max(map(len, texts)) < 20,
            "Your loop does not stop. It ends when all texts have ended, or after `most` steps.",
        )
        return torch.stack([Table(best, end=-1)([int(i) for i in ids]) for ids in texts])

    answer = write_together(score_next, [[1], [2]], END, 6)
    expect(
        isinstance(answer, list) and len(answer) == 2 and all(isinstance(ids, list) for ids in answer),
        "Return a list with the new ids of each text.",
    )
    answer = [[int(word) for word in ids] for ids in answer]
    expect(
        not any(END in ids for ids in answer),
        f"The texts should be [4, 5] and [6, 7, 3], and `end` is {END}. Yours are {answer[0]} and {answer[1]}.",
    )
    expect(
        [len(ids) for ids in answer] != [2, 2],
        "You stop all texts when the first one has ended. The second one has more to say.",
    )
    expect(answer == [[4, 5], [6, 7, 3]], f"The texts are [4, 5] and [6, 7, 3]. Yours are {answer[0]} and {answer[1]}.")
    limit = (
        "Here the second text never ends, and at most 4 tokens may be written: the texts are [4, 5] and [6, 2, 6, 2]."
    )
    try:
        answer = write_together(lambda texts: score_next(texts, {**best, 6: 2}), [[1], [2]], END, 4)
    except ValueError as error:
        raise Hint(f"{limit} Python's error: {error}") from None
    expect([list(map(int, ids)) for ids in answer] == [[4, 5], [6, 2, 6, 2]], f"{limit} Yours are {answer}.")


EXERCISES = {
    "write_greedily": Exercise(
        "Append the token with the highest score, again and again, until `end` or `most` tokens; return the new ids.",
        1,
        8,
        (greedy_until_the_end, greedy_without_an_end, greedy_with_nothing_to_write),
    ),
    "seq2seq_mask": Exercise(
        "Say for each token of each row whom it may see: types and real (B, T) -> bool (B, T, T).",
        2,
        10,
        (mask_of_six_tokens, mask_of_a_batch_with_padding),
    ),
    "one_ahead": Exercise(
        "Give each token the label of the next one: labels (B, T) -> (B, T), with -100 at the last token.",
        1,
        4,
        (shift_of_a_row, shift_of_a_batch),
    ),
    "bleu_score": Exercise(
        "BLEU of a corpus, 0 to 100, from lists of words: 1- to 4-grams, geometric mean, brevity penalty.",
        2,
        15,
        (
            bleu_of_the_same,
            bleu_of_long_texts,
            bleu_of_short_texts,
            bleu_of_a_text_that_repeats,
            bleu_of_texts_that_belong_together,
            bleu_without_a_hit,
            bleu_of_two_words,
        ),
    ),
    "beam_step": Exercise(
        "One step of beam search: texts and the log p of the next words -> (carried on, finished), best first.",
        3,
        20,
        (
            step_without_an_end,
            step_with_an_end,
            step_with_a_late_end,
            step_with_three_beams,
            step_that_stays_in_one_text,
            steps_find_what_the_library_finds,
        ),
    ),
    "mask_predict": Exercise(
        "Fill `length` [MASK] in `steps` rounds, hiding the least probable tokens again before each round.",
        2,
        12,
        (a_single_round, rounds_of_four, rounds_with_lower_probabilities, rounds_that_do_not_divide),
    ),
}
BUGS = {
    "last_scores": Exercise("Find the bug: the scores after the last token of each row.", 1, 5, (scores_of_each_row,)),
    "write_together": Exercise("Find the bug: several texts are written at once.", 2, 6, (texts_of_different_lengths,)),
}
check = make_check(EXERCISES | BUGS)
use = make_use(
    check,
    {
        "write_greedily": search_greedily,
        "seq2seq_mask": writing_mask,
        "one_ahead": lambda labels: F.pad(labels[:, 1:], (0, 1), value=IGNORE),
        "bleu_score": lambda predicted, expected: tasks.compute_bleu(
            *([" ".join(words) for words in texts] for texts in (predicted, expected))
        ),
        "beam_step": take_beam_step,
        "mask_predict": fill_in_rounds,
    },
)
