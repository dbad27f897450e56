"""The exercises of notebook 13, writing: the mask, the shifted labels, BLEU and its penalty, a step of beam search."""

import math

import torch
from torch import Tensor

from .. import tasks
from ..batches import IGNORE
from ..writing import beam_search, writing_mask
from . import Exercise, expect, make_check
from .comparing import as_number, is_close, random_numbers

# ---- who_sees_whom -----------------------------------------------------------------------------------------


def make_masks(types: list[int]) -> dict[str, Tensor]:
    """The expected mask (T, T), and the mask that each common mistake gives."""
    T = len(types)
    source = torch.tensor(types) == 0
    expected = writing_mask(torch.tensor([types]))[0]
    return {
        "expected": expected,
        "all": torch.ones(T, T).bool(),
        "causal": torch.ones(T, T).tril().bool(),
        "source sees target": expected | source[:, None],
        "target sees all": expected | (~source[:, None] & ~source[None, :]),
        "not itself": expected & (source[None, :] | ~torch.eye(T).bool()),
        "transposed": expected.T,
        "apart": expected & (source[:, None] == source[None, :]),
    }


MASK_HINTS = {
    "all": "Every token sees every token. This is BERT's mask, and the model would see the word to be predicted.",
    "causal": "The source is read in both directions: its first token sees its last one. Only the target is written "
    "from left to right.",
    "source sees target": "The source sees the target, so the words to be written reach the model through the source. "
    "The rows of the source may only reach to the end of the source.",
    "target sees all": "The target sees all of the target, so each token sees the one that it has to predict. It "
    "should see itself and the tokens before it.",
    "not itself": "A token of the target does not see itself. It may, because it predicts the token after it.",
    "transposed": "Rows and columns are swapped. Row i says which tokens token i sees.",
    "apart": "The target does not see the source, so it has nothing to translate from.",
}


def check_mask(who_sees_whom, types: list[int]):
    answer = torch.as_tensor(who_sees_whom(list(types)))
    T, masks = len(types), make_masks(types)
    expect(
        answer.shape == (T, T),
        f"{T} tokens make a table of {T} rows and {T} columns, not of shape {tuple(answer.shape)}.",
    )
    answer = answer.bool()
    for mistake, hint in MASK_HINTS.items():
        if not torch.equal(masks[mistake], masks["expected"]):
            expect(not torch.equal(answer, masks[mistake]), hint)
    for i, j in (answer != masks["expected"]).nonzero().tolist():
        expect(False, f"For the types {types}, check row {i}, column {j}: should token {i} see token {j}?")


def mask_of_six_tokens(who_sees_whom):
    check_mask(who_sees_whom, [0, 0, 0, 1, 1, 1])


def mask_of_other_lengths(who_sees_whom):
    for types in ([0, 0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 1, 1, 1]):
        check_mask(who_sees_whom, types)


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
    answer = one_ahead(passed)
    expect(isinstance(answer, Tensor), "Return a tensor (B, T).")
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


def bleu_without_a_hit(bleu_score):
    try:
        answer = bleu_score([["a", "b", "c", "d"]], [["d", "c", "b", "a"]])
    except (ValueError, ZeroDivisionError) as error:
        expect(
            False, f"Where no 2-gram is correct, your function raises {type(error).__name__}. BLEU is 0 in this case."
        )
    expect(answer == 0, "Where no 2-gram is correct, the product of the precisions is 0, and so is BLEU.")


# ---- beam_step ---------------------------------------------------------------------------------------------

END = 0


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


def check_step(beam_step, texts, probabilities, beams):
    log_p = [[math.log(p) for p in row] for row in probabilities]
    answer = beam_step([(total, list(ids)) for total, ids in texts], [list(row) for row in log_p], beams, END)
    expect(
        isinstance(answer, tuple | list) and len(answer) == 2, "Return two lists: the texts carried on, the finished."
    )
    carried, finished = ([(total, list(ids)) for total, ids in side] for side in answer)
    expect(
        not any(END in ids for _, ids in carried),
        "A text that has ended is carried on. Nothing is written after `end`: put the text among the finished ones.",
    )
    expect(
        not any(END in ids for _, ids in finished),
        "`end` is not a word of the text: leave it out of the ids of a finished text.",
    )
    check_carried(carried, texts, log_p, beams)
    check_finished(finished, take_beam_step(texts, log_p, beams, END)[1])


def check_carried(carried, texts, log_p, beams):
    expected, _ = take_beam_step(texts, log_p, beams, END)
    expect(len(carried) <= beams, f"{len(carried)} texts are carried on, but at most {beams} may be.")
    each = continue_each_text(texts, log_p, END)
    expect(
        are_same_texts(each, expected) or not are_same_texts(carried, each),
        "You continued each text with its own best word. Compare all words of all texts, because both of the best "
        "continuations may come from the same text.",
    )
    forgotten = forget_totals(texts, log_p, beams, END)
    expect(
        are_same_texts(forgotten, expected) or not are_same_texts(carried, forgotten),
        "Your totals are the log p of the new word alone. Add the log p of the text before it.",
    )
    expect(
        len(carried) == len(expected),
        f"{len(carried)} texts are carried on instead of {len(expected)}. A text that ends does not take the place of "
        "one that goes on.",
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
    probabilities = [[0.5, 0.3, 0.1, 0.1], [0.05, 0.35, 0.35, 0.25]]
    check_step(beam_step, [(math.log(0.5), [1]), (math.log(0.4), [3])], probabilities, 2)


def step_with_a_late_end(beam_step):
    """The end is not among the best two continuations, so the text may not finish."""
    probabilities = [[0.1, 0.5, 0.4], [0.3, 0.4, 0.3]]
    check_step(beam_step, [(math.log(0.6), [1]), (math.log(0.2), [2])], probabilities, 2)


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


EXERCISES = {
    "who_sees_whom": Exercise(
        "Say for each token of a row whom it may see: a list of 0 (source) and 1 (target) -> bool (T, T).",
        1,
        5,
        (mask_of_six_tokens, mask_of_other_lengths),
    ),
    "one_ahead": Exercise(
        "Move the labels (B, T) so that at each token stands the label of the next one, -100 at the last.",
        1,
        5,
        (shift_of_a_row, shift_of_a_batch),
    ),
    "bleu_score": Exercise(
        "BLEU of a corpus, 0 to 100, from lists of words: 1- to 4-grams, geometric mean, brevity penalty.",
        2,
        15,
        (bleu_of_the_same, bleu_of_long_texts, bleu_of_short_texts, bleu_of_a_text_that_repeats, bleu_without_a_hit),
    ),
    "beam_step": Exercise(
        "One step of beam search: texts and the log p of the next words -> (carried on, finished), best first.",
        3,
        20,
        (step_without_an_end, step_with_an_end, step_with_a_late_end, steps_find_what_the_library_finds),
    ),
}
check = make_check(EXERCISES)
