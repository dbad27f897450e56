"""The exercises of notebook 13, writing: the mask, the labels one ahead, BLEU and its penalty, a step of the beam."""

import math

import torch
from torch import Tensor

from .. import tasks
from ..batches import IGNORE
from ..writing import beam_search, writing_mask
from . import Exercise, checker, expect

# ---- who_sees_whom -----------------------------------------------------------------------------------------


def masks(types: list[int]) -> dict[str, Tensor]:
    """What comes out right, and with each common mistake."""
    T = len(types)
    source = torch.tensor(types) == 0
    before = torch.ones(T, T).tril().bool()
    right = writing_mask(torch.tensor([types]))[0]
    return {
        "right": right,
        "all": torch.ones(T, T).bool(),
        "causal": before,
        "source sees target": right | source[:, None],
        "target sees all": right | (~source[:, None] & ~source[None, :]),
        "not itself": right & (source[None, :] | ~torch.eye(T).bool()),
        "turned": right.T,
        "apart": right & (source[:, None] == source[None, :]),
    }


def judge_mask(who_sees_whom, types: list[int]):
    answer = who_sees_whom(list(types))
    T = len(types)
    answer = torch.as_tensor(answer)
    expect(answer.shape == (T, T), f"{T} tokens make a table of {T} rows and {T} columns, not "
           f"{tuple(answer.shape)}.")  # fmt: skip
    answer, made = answer.bool(), masks(types)
    for mistake, hint in {
        "all": "Everybody sees everybody: that is BERT, and it would read the word that it has to guess.",
        "causal": "The source is read from both sides: its first token sees its last one. Only the target is written "
        "from left to right.",
        "source sees target": "The source sees the target. Then what is to be written reaches the writer by way of the "
        "source. The rows of the source end where the source ends.",
        "target sees all": "The target sees all of the target, so each token sees the one that it has to guess. It "
        "sees itself and what stands before it.",
        "not itself": "A token of the target does not see itself. It may: it is asked for the one after it.",
        "turned": "Rows and columns are changed. Row i says whom token i sees.",
        "apart": "The target does not see the source. Then it has nothing to write from.",
    }.items():
        if not torch.equal(made[mistake], made["right"]):
            expect(not torch.equal(answer, made[mistake]), hint)
    wrong = (answer != made["right"]).nonzero()
    expect(not len(wrong), f"With types {types}, token {wrong[0, 0] if len(wrong) else ''} and token "
           f"{wrong[0, 1] if len(wrong) else ''}: is the second to be seen by the first?")  # fmt: skip


def mask_of_six_tokens(who_sees_whom):
    judge_mask(who_sees_whom, [0, 0, 0, 1, 1, 1])


def mask_of_other_lengths(who_sees_whom):
    for types in ([0, 0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 1, 1, 1]):
        judge_mask(who_sees_whom, types)


# ---- one_ahead ---------------------------------------------------------------------------------------------


def shifted(labels: Tensor) -> dict[str, Tensor]:
    """What comes out right, and with each common mistake."""
    gone = torch.full_like(labels[:, :1], IGNORE)
    right = torch.cat([labels[:, 1:], gone], 1)
    return {
        "right": right,
        "same": labels,
        "backwards": torch.cat([gone, labels[:, :-1]], 1),
        "round": labels.roll(-1, 1),
        "zero": torch.cat([labels[:, 1:], torch.zeros_like(gone)], 1),
        "rows": labels.roll(-1, 0),
    }


def judge_shift(one_ahead, labels: Tensor):
    given = labels.clone()
    answer = one_ahead(given)
    expect(isinstance(answer, Tensor), "Return a tensor (B, T).")
    made = shifted(labels)
    expect(answer.shape == labels.shape, f"The answer has shape {tuple(answer.shape)}, labels "
           f"{tuple(labels.shape)}. Where a label has moved away, fill up with -100.")  # fmt: skip
    for mistake, hint in {
        "same": "Nothing has moved. So each token is asked for itself, which it sees: the loss would fall to 0 and "
        "nothing be learned.",
        "backwards": "They moved the wrong way: each token is asked for the one before it, which it has read.",
        "round": "The first label came back at the end. Behind the last token comes nothing: -100 there.",
        "zero": "The last column is 0, and 0 is a word ([PAD]). What is not asked for is -100.",
        "rows": "You moved the rows of the batch. Move along the tokens, dimension 1.",
    }.items():
        if not torch.equal(made[mistake], made["right"]):
            expect(not torch.equal(answer, made[mistake]), hint)
    expect(torch.equal(answer, made["right"]), "At each token stands the label of the next token, and -100 at the last "
           f"one. Of {labels[0].tolist()} came {answer[0].tolist()}.")  # fmt: skip
    expect(torch.equal(given, labels), "You changed the tensor that you were given. Make a new one.")


def shift_of_a_row(one_ahead):
    judge_shift(one_ahead, torch.tensor([[-100, -100, -100, 7, 8, 3]]))


def shift_of_a_batch(one_ahead):
    judge_shift(one_ahead, torch.tensor([[5, 6, 7, 3], [-100, 9, 3, -100], [-100, -100, 4, 3]]))


# ---- bleu_score --------------------------------------------------------------------------------------------

TRUE = ["the sons of judah were three", "he went up to the city of david and slept there"]
SAID = ["the sons of judah were three", "he went up to the city and slept"]


def penalty(said: list[list[str]], right: list[list[str]]) -> float:
    length, wanted = sum(map(len, said)), sum(map(len, right))
    return math.exp(min(0.0, 1 - wanted / length))


def precisions(said: list[list[str]], right: list[list[str]], clip: bool = True) -> list[float]:
    found = []
    for n in range(1, 5):
        hits = total = 0
        for a, b in zip(said, right, strict=True):
            one, other = tasks.count_ngrams(a, n), tasks.count_ngrams(b, n)
            hits += (one & other).total() if clip else sum(count for gram, count in one.items() if gram in other)
            total += one.total()
        found.append(hits / total)
    return found


def near(answer: float, right: float) -> bool:
    return abs(answer - right) < 1e-6


def judge_bleu(bleu_score, said: list[str], right: list[str]):
    words = [[text.split() for text in texts] for texts in (said, right)]
    answer = bleu_score(*[[list(one) for one in side] for side in words])
    expect(isinstance(answer, float | int), "Return a number.")
    shares = precisions(*words)
    mean = math.exp(sum(map(math.log, shares)) / 4) if all(shares) else 0.0
    brief = penalty(*words)
    true = 100 * brief * mean
    mistakes = {
        "Your number is a share of 1. BLEU is counted from 0 to 100.": true / 100,
        "There is no brevity penalty: who writes only what is sure comes out best. Multiply by exp(1 - wanted / "
        "length) when the texts are shorter than wanted.": 100 * mean,
        "The penalty is turned around: it is for texts that are too short, exp(1 - wanted / length).": 100
        * math.exp(min(0.0, 1 - sum(map(len, words[0])) / sum(map(len, words[1]))))
        * mean,
        "A text that is longer than the true one is rewarded. The penalty is 1 at most.": 100
        * math.exp(1 - sum(map(len, words[1])) / sum(map(len, words[0])))
        * mean,
        "You took the arithmetic mean of the four precisions. BLEU takes the geometric one: the fourth root of their "
        "product.": 100 * brief * sum(shares) / 4,
        "You summed the logarithms of the precisions and did not divide by 4.": 100 * brief * math.prod(shares),
        "These are single words only. Take 1- to 4-grams.": 100 * brief * shares[0],
    }
    unclipped = precisions(*words, clip=False)
    if all(unclipped):
        mistakes |= {
            "A gram is counted as often as it was said. It counts at most as often as it stands in the true text.": 100
            * brief
            * math.exp(sum(map(math.log, unclipped)) / 4)
        }
    alone = [precisions([a], [b]) for a, b in zip(*words, strict=True)]
    if len(alone) > 1 and all(all(p) for p in alone):
        each = [100 * penalty([a], [b]) * math.exp(sum(map(math.log, p)) / 4)
                for a, b, p in zip(*words, alone, strict=True)]  # fmt: skip
        mistakes |= {"This is the mean of the BLEU of each text. Sum the hits and the lengths over all texts first.":
                     sum(each) / len(each)}  # fmt: skip
    for hint, value in mistakes.items():
        if not near(value, true):
            expect(not near(answer, value), hint)
    expect(near(answer, true), f"The precisions are {', '.join(f'{p:.3f}' for p in shares)}, the penalty is "
           f"{brief:.3f}, so BLEU is {true:.2f}; yours is {answer:.2f}.")  # fmt: skip


def bleu_of_the_same(bleu_score):
    judge_bleu(bleu_score, ["the sons of judah were three"], ["the sons of judah were three"])


def bleu_of_long_ones(bleu_score):
    judge_bleu(bleu_score, TRUE, SAID)


def bleu_of_short_ones(bleu_score):
    judge_bleu(bleu_score, SAID, TRUE)


def bleu_of_one_that_repeats(bleu_score):
    judge_bleu(bleu_score, ["and he said and he said to the man and he said"], ["and he said to the man of god"])


def bleu_without_a_hit(bleu_score):
    try:
        answer = bleu_score([["a", "b", "c", "d"]], [["d", "c", "b", "a"]])
    except (ValueError, ZeroDivisionError) as error:
        expect(False, f"Where no 2-gram is right, {type(error).__name__} was raised. BLEU is 0 there.")
    expect(answer == 0, "Where no 2-gram is right the product of the precisions is 0, and so is BLEU.")


# ---- beam_step ---------------------------------------------------------------------------------------------

END = 0


def step_of(texts, log_p, beams, end):
    """The step as it should be: (carried on, finished)."""
    every = sorted(
        ((was + p, ids, word) for (was, ids), row in zip(texts, log_p, strict=True) for word, p in enumerate(row)),
        key=lambda one: -one[0],
    )
    finished = [(total, ids) for total, ids, word in every[:beams] if word == end]
    return [(total, [*ids, word]) for total, ids, word in every if word != end][:beams], finished


def same(answer, right) -> bool:
    return [list(ids) for _, ids in answer] == [ids for _, ids in right] and all(
        near(a, b) for (a, _), (b, _) in zip(answer, right, strict=True)
    )


def judge_step(beam_step, texts, shares, beams):
    log_p = [[math.log(p) for p in row] for row in shares]
    answer = beam_step([(total, list(ids)) for total, ids in texts], [list(row) for row in log_p], beams, END)
    expect(isinstance(answer, tuple | list) and len(answer) == 2, "Return two lists: those carried on, those finished.")
    carried, finished = ([(total, list(ids)) for total, ids in side] for side in answer)
    right, ended = step_of(texts, log_p, beams, END)
    expect(not any(END in ids for _, ids in carried), "A text that has ended is carried on. What is behind `end` is no "
           "longer written: put it among the finished.")  # fmt: skip
    expect(not any(END in ids for _, ids in finished), "`end` is not a word of the text: leave it out of the finished "
           "ids.")  # fmt: skip
    expect(len(carried) <= beams, f"{len(carried)} texts are carried on; {beams} at most.")
    alone = [max((p, word) for word, p in enumerate(row) if word != END) for row in log_p]
    lonely = sorted(((was + p, [*ids, word]) for (was, ids), (p, word) in zip(texts, alone, strict=True)), reverse=True)
    if not same(lonely, right):
        expect(not same(carried, lonely), "You went on with the best word of each text. Compare all words of all "
               "texts: both of the best may come from one text.")  # fmt: skip
    forgot = sorted(((p, [*ids, word]) for (_, ids), row in zip(texts, log_p, strict=True)
                     for word, p in enumerate(row) if word != END), reverse=True)[:beams]  # fmt: skip
    if not same(forgot, right):
        expect(not same(carried, forgot), "These are the log p of the new word alone. Add that of the text before it.")
    expect(len(carried) == len(right), f"{len(carried)} texts are carried on instead of {len(right)}. One that ends "
           "does not take the place of one that goes on.")  # fmt: skip
    expect(same(carried, right), f"Carried on should be {[ids for _, ids in right]}, best first, with the sums of log "
           f"p; yours are {[ids for _, ids in carried]}.")  # fmt: skip
    expect(len(finished) <= len(ended), "A text is finished only when its end is among the `beams` best of all "
           f"continuations; you finished {len(finished)}, and it should be {len(ended)}.")  # fmt: skip
    expect(same(finished, ended), f"Finished should be {[ids for _, ids in ended]} with the sum of log p, that of the "
           f"end counted; yours are {finished}.")  # fmt: skip


def step_without_an_end(beam_step):
    shares = [[0.01, 0.45, 0.44, 0.10], [0.01, 0.09, 0.20, 0.70]]
    judge_step(beam_step, [(math.log(0.6), [1]), (math.log(0.3), [2])], shares, 2)


def step_with_an_end(beam_step):
    shares = [[0.5, 0.3, 0.1, 0.1], [0.05, 0.35, 0.35, 0.25]]
    judge_step(beam_step, [(math.log(0.5), [1]), (math.log(0.4), [3])], shares, 2)


def step_with_a_late_end(beam_step):
    """The end is behind the best two: the text may not finish."""
    shares = [[0.1, 0.5, 0.4], [0.3, 0.4, 0.3]]
    judge_step(beam_step, [(math.log(0.6), [1]), (math.log(0.2), [2])], shares, 2)


def steps_find_what_the_library_finds(beam_step):
    """A whole search of one source, driven by the answer."""
    table = torch.randn(7, 7, generator=torch.Generator().manual_seed(3), dtype=torch.float64).log_softmax(-1)
    seen = []
    beam_search(table[6:7], lambda parents, words: table[words], end=END, most=5, beams=3, early_stop=False,
                length_penalty=0.0, watch=lambda texts: seen.append(texts[0]))  # fmt: skip
    texts = [(0.0, [])]
    for number, right in enumerate(seen, 1):
        if not right:
            break
        texts, _ = beam_step(texts, [table[ids[-1] if ids else 6].tolist() for _, ids in texts], 3, END)
        expect(same(texts, right), f"Word {number} of a longer search does not agree with bertlab's beam_search.")


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
        (bleu_of_the_same, bleu_of_long_ones, bleu_of_short_ones, bleu_of_one_that_repeats, bleu_without_a_hit),
    ),
    "beam_step": Exercise(
        "One step of beam search: texts and the log p of the next words -> (carried on, finished), best first.",
        3,
        20,
        (step_without_an_end, step_with_an_end, step_with_a_late_end, steps_find_what_the_library_finds),
    ),
}
check = checker(EXERCISES)
