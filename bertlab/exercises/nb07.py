"""The exercises of notebook 07, MLM: check a masked batch, the loss, counting multiplications, whole words."""

import math
import random

import torch
import torch.nn.functional as F
from torch import Tensor

from . import Exercise, Hint, expect, make_check
from .comparing import as_number, is_close, random_numbers

# ---- audit -----------------------------------------------------------------------------------------------

SPECIAL = {0, 1, 2, 3, 4}  # [PAD] [UNK] [CLS] [SEP] [MASK]
IDS = torch.tensor([[2, 10, 11, 12, 13, 3], [2, 20, 21, 22, 3, 0]])
NONE = torch.full_like(IDS, -100)


def replace_values(tensor: Tensor, values: dict[tuple[int, int], int]) -> Tensor:
    """A copy with some numbers changed: (row, column) -> number."""
    copy = tensor.clone()
    for index, value in values.items():
        copy[index] = value
    return copy


def run_audit(audit, hidden: dict, labels: dict) -> set:
    """The faults that the learner's function finds in a batch. Raises Hint unless they are a set of the three names."""
    ids, special = IDS.clone(), set(SPECIAL)
    answer = audit(ids, replace_values(IDS, hidden), replace_values(NONE, labels), special)
    expect(isinstance(answer, set | frozenset), f"Return a set of strings, like {{'label'}}. Yours is {answer!r}.")
    expect(answer <= {"special", "label", "silent"}, f"The names are special, label and silent. Yours are {answer!r}.")
    expect(bool((ids == IDS).all()), "Your function changes the ids that it is given. It should only read them.")
    return set(answer)


def a_good_batch(audit):
    answer = run_audit(audit, {(0, 1): 4, (0, 3): 99}, {(0, 1): 10, (0, 3): 12, (1, 2): 21})
    expect(
        "label" not in answer,
        "You report a wrong label in a good batch. A label must be the original token, from ids. The token in hidden "
        "may be [MASK], a random word, or the same word.",
    )
    expect(
        "silent" not in answer,
        "You report a silent change in a good batch. A token may differ from the original if it has a label, and -100 "
        "is not a label.",
    )
    expect("special" not in answer, "You report a label at a special token where there is none: -100 is not a label.")


def a_special_label(audit):
    for index, name in (((0, 0), "[CLS]"), ((0, 5), "[SEP]"), ((1, 5), "[PAD]")):
        answer = run_audit(audit, {index: 4}, {index: int(IDS[index])})
        expect(
            "special" in answer,
            f"{name} was masked and has a label: this is 'special'. Look in ids; in hidden it is already [MASK].",
        )
    expect(
        run_audit(audit, {(0, 2): 4}, {(0, 2): 11}) == set(), "A masked word is [MASK] in hidden. This is not a fault."
    )


def a_wrong_label(audit):
    expect("label" in run_audit(audit, {(0, 2): 4}, {(0, 2): 4}), "A label is the id of [MASK]: this is 'label'.")
    expect(
        "label" in run_audit(audit, {(1, 1): 77}, {(1, 1): 77}),
        "A label is the random word that was put in, not the original word: this is 'label'.",
    )
    expect("label" in run_audit(audit, {(0, 1): 4}, {(0, 1): 0}), "A label of 0 is a label: only -100 is ignored.")


def a_silent_change(audit):
    expect("silent" in run_audit(audit, {(0, 2): 4}, {}), "A word was masked and has no label: this is 'silent'.")
    faults = run_audit(audit, {(0, 2): 4, (0, 0): 4}, {(0, 0): 2, (1, 1): 7})
    expect(faults == {"silent", "special", "label"}, f"This batch has all three faults. You found {sorted(faults)}.")


# ---- masked_loss -----------------------------------------------------------------------------------------


def as_loss(answer: object) -> float:
    """The loss as a float. Raises Hint when it is not one number, or nan."""
    loss = as_number(answer, "one number: a tensor without axes, or a float")
    expect(not math.isnan(loss), "The loss is nan. Take the logarithm of the softmax, and do not divide by zero.")
    return loss


def loss_of_one_label(masked_loss):
    logits = torch.log(torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]], dtype=torch.float64))
    value = as_loss(masked_loss(logits, torch.tensor([[1, -100]])))
    expect(not is_close(value, -math.log(4)), "The sign is wrong: the loss is minus the logarithm.")
    expect(not is_close(value, 2.0), "Your loss is in bits. It should be in nats: take the natural logarithm.")
    expect(
        not is_close(value, math.log(4) / 2),
        "You divided by the number of tokens. Divide by the number of labels, which is one here.",
    )
    expect(
        not is_close(value, (math.log(4) + math.log(10)) / 2),
        "Your loss counts every position. A position whose label is -100 must not count.",
    )
    expect(
        is_close(value, math.log(4)),
        "There is one label, and its word has the probability 1/4, so the loss is ln 4 = 1.386.",
    )


def loss_of_several(masked_loss):
    logits, labels = 3 * random_numbers(1, 2, 4, 7), torch.tensor([[-100, 3, -100, 0], [6, -100, -100, -100]])
    expected = float(F.cross_entropy(logits.flatten(0, 1), labels.flatten()))
    value = as_loss(masked_loss(logits, labels))
    expect(not is_close(value, 3 * expected), "This is the sum over the labels. The loss is their mean.")
    expect(
        not is_close(value, expected * 3 / 8), "You divided by the number of tokens. Divide by the number of labels."
    )
    rows = [float(F.cross_entropy(logits[b], labels[b])) for b in range(2)]
    expect(
        not is_close(value, sum(rows) / 2),
        "You took the mean of the means of the rows. Every label has the same weight: take one mean over all labels.",
    )
    copied = torch.where(labels < 0, 0, labels)
    expect(
        not is_close(value, float(F.cross_entropy(logits.flatten(0, 1), copied.flatten()))),
        "Your loss counts every position. A position whose label is -100 must not count.",
    )
    kept = labels > 0
    expect(
        not is_close(value, float(F.cross_entropy(logits[kept], labels[kept]))),
        "A label of 0 is a word like any other. Only -100 is ignored.",
    )
    expect(
        is_close(value, expected),
        f"With three labels in two rows the loss is {expected:.4f}, and yours is {value:.4f}.",
    )


def loss_of_large_scores(masked_loss):
    logits = torch.tensor([[[1000.0, 0.0], [0.0, 0.0]]])
    value = as_loss(masked_loss(logits, torch.tensor([[0, 1]])))
    expect(not math.isinf(value), "With a score of 1000 the loss is infinite, because exp overflows. Use log_softmax.")
    expect(
        is_close(value, math.log(2) / 2),
        "With the scores 1000 and 0 the loss of the first word is 0, and with 0 and 0 it is ln 2. Their mean is 0.347.",
    )


# ---- multiplications -------------------------------------------------------------------------------------


def run_multiplications(multiplications, *sizes: int) -> tuple[int, int]:
    """The two numbers. Raises Hint unless they are whole numbers."""
    answer = multiplications(*sizes)
    expect(isinstance(answer, tuple) and len(answer) == 2, "Return two numbers: for all positions, and for the labels.")
    expect(all(isinstance(n, int) for n in answer), "Return whole numbers: no division is needed here.")
    return answer


def a_small_head(multiplications):
    # tokens 10, labels 2, width 3, vocabulary 7: a token takes 3 * 3 + 3 * 7 = 30
    whole, part = run_multiplications(multiplications, 10, 2, 3, 7)
    expect(whole != 210, "The layer before the decoder is missing: D numbers in, D numbers out.")
    expect(whole != 90, "The decoder is missing: D numbers in, V scores out.")
    expect(whole != 600, "You counted multiplications and additions. Count the multiplications only.")
    expect(whole == 300, f"10 tokens of width 3 and 7 words take 10 * (3 * 3 + 3 * 7) = 300; yours is {whole}.")
    expect(part != 8 * 30, "The second number is for the positions with a label, and yours is for those without.")
    expect(part == 60, f"2 labels take 2 * 30 = 60; yours is {part}.")


def the_head_of_bert_base(multiplications):
    whole, part = run_multiplications(multiplications, 32 * 128, 615, 768, 30522)
    expect((whole, part) == (98_429_829_120, 14_778_892_800), f"For bert-base your numbers are {whole:,} and {part:,}.")


# ---- choose_whole_words ----------------------------------------------------------------------------------

TOKENS = ["[CLS]", "the", "un", "##right", "##eous", "man", "be", "##lieve", "##th", "not", ".", "[SEP]"]
WORDS = [{1}, {2, 3, 4}, {5}, {6, 7, 8}, {9}, {10}]


def run_choose_whole_words(choose_whole_words, tokens: list[str], budget: int, seed: int) -> set[int]:
    """The chosen positions. Raises Hint unless they are a list of different numbers."""
    answer = choose_whole_words(list(tokens), budget, random.Random(seed))
    expect(
        isinstance(answer, list | set | tuple) and all(isinstance(t, int) for t in answer),
        f"Return a list of positions. Yours is {answer!r}.",
    )
    expect(len(set(answer)) == len(answer), f"A position occurs twice: {answer!r}.")
    return set(answer)


def pieces_stay_together(choose_whole_words):
    for seed in range(30):
        chosen = run_choose_whole_words(choose_whole_words, TOKENS, 4, seed)
        expect(not chosen & {0, 11}, "You chose [CLS] or [SEP]. They are not words.")
        for word in WORDS:
            if chosen & word:
                expect(
                    word <= chosen,
                    f"Only a part of {[TOKENS[t] for t in sorted(word)]} is masked. A piece with ## belongs to the "
                    "word before it.",
                )


def budget_is_kept(choose_whole_words):
    for budget in (1, 2, 3, 4):
        for seed in range(30):
            chosen = run_choose_whole_words(choose_whole_words, TOKENS, budget, seed)
            expect(
                len(chosen) <= budget,
                f"You masked {len(chosen)} pieces, and the budget is {budget}. It counts pieces, not words, and a word "
                "that does not fit is skipped.",
            )
    for seed in range(30):
        chosen = run_choose_whole_words(choose_whole_words, TOKENS, 2, seed)
        expect(
            len(chosen) == 2,
            "The budget is 2 and there are words of one piece, but you masked fewer. When a word is too long for what "
            "is left, continue with the next one.",
        )


def every_word_can_be_chosen(choose_whole_words):
    many = [run_choose_whole_words(choose_whole_words, TOKENS, 3, seed) for seed in range(400)]
    rates = [sum(word <= chosen for chosen in many) / 400 for word in WORDS]
    expect(min(rates) > 0, "Some words are never chosen. Shuffle the words with draw.shuffle.")
    single = [rates[i] for i in (0, 2, 4, 5)]
    expect(
        max(single) - min(single) < 0.15,
        "Words at one end of the text are chosen more often than those at the other end. Is their order random?",
    )
    first = run_choose_whole_words(choose_whole_words, TOKENS, 3, 5)
    expect(
        first == run_choose_whole_words(choose_whole_words, TOKENS, 3, 5),
        "The same seed gave another answer. Use no source of randomness but draw.",
    )


def only_special(choose_whole_words):
    try:
        chosen = run_choose_whole_words(choose_whole_words, ["[CLS]", "[SEP]", "[PAD]"], 1, 0)
    except IndexError:
        raise Hint("Your function fails for a text without words. Choose nothing in this case.") from None
    expect(not chosen, "There is no word in [CLS] [SEP] [PAD], but you chose one.")


EXERCISES = {
    "audit": Exercise(
        "Name the faults of a masked batch: special, label, silent.",
        2,
        10,
        (a_good_batch, a_special_label, a_wrong_label, a_silent_change),
    ),
    "masked_loss": Exercise(
        "Mean cross-entropy in nats at the positions with a label, without a loop.",
        2,
        8,
        (loss_of_one_label, loss_of_several, loss_of_large_scores),
    ),
    "multiplications": Exercise(
        "Count the multiplications of the masked-word head at all positions, and at the labels.",
        1,
        4,
        (a_small_head, the_head_of_bert_base),
    ),
    "choose_whole_words": Exercise(
        "Choose positions to hide, all pieces of a word or none, within a budget of pieces.",
        3,
        15,
        (pieces_stay_together, budget_is_kept, every_word_can_be_chosen, only_special),
    ),
}
check = make_check(EXERCISES)
