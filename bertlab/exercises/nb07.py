"""The exercises of notebook 07, masked words: check a batch, the loss, counting multiplications, whole words."""

import math
import random

import torch
import torch.nn.functional as F
from torch import Tensor

from . import Exercise, Hint, checker, expect

# ---- audit -----------------------------------------------------------------------------------------------

SPECIAL = {0, 1, 2, 3, 4}  # [PAD] [UNK] [CLS] [SEP] [MASK]
IDS = torch.tensor([[2, 10, 11, 12, 13, 3], [2, 20, 21, 22, 3, 0]])
NONE = torch.full_like(IDS, -100)


def with_values(tensor: Tensor, values: dict[tuple[int, int], int]) -> Tensor:
    """A copy with some numbers changed: place -> number."""
    copy = tensor.clone()
    for place, value in values.items():
        copy[place] = value
    return copy


def found(audit, hidden: dict, labels: dict) -> set:
    """The learner's verdict on a batch, as a set of strings."""
    ids, special = IDS.clone(), set(SPECIAL)
    answer = audit(ids, with_values(IDS, hidden), with_values(NONE, labels), special)
    expect(isinstance(answer, set | frozenset), f"Return a set of strings, like {{'label'}}. Yours is {answer!r}.")
    expect(answer <= {"special", "label", "silent"}, f"The names are special, label and silent. Yours: {answer!r}.")
    expect(bool((ids == IDS).all()), "Your function changes the ids that it is given. It should only look.")
    return set(answer)


def a_good_batch(audit):
    answer = found(audit, {(0, 1): 4, (0, 3): 99}, {(0, 1): 10, (0, 3): 12, (1, 2): 21})
    expect(
        "label" not in answer,
        "You call a good batch's labels wrong. A label must be what stood in ids. What stands in hidden is another "
        "matter: [MASK], a random word, or the same.",
    )
    expect(
        "silent" not in answer,
        "You call a good batch silent. A token may differ from the original if it has a label, and -100 is no label.",
    )
    expect("special" not in answer, "You find a special token with a label where there is none: -100 is no label.")


def a_special_label(audit):
    for place, name in (((0, 0), "[CLS]"), ((0, 5), "[SEP]"), ((1, 5), "[PAD]")):
        answer = found(audit, {place: 4}, {place: int(IDS[place])})
        expect(
            "special" in answer,
            f"A {name} was hidden and has a label: that is 'special'. Look in ids; in hidden it is [MASK] already.",
        )
    expect(found(audit, {(0, 2): 4}, {(0, 2): 11}) == set(), "A hidden word is [MASK] in hidden: no fault.")


def a_wrong_label(audit):
    expect("label" in found(audit, {(0, 2): 4}, {(0, 2): 4}), "A label holds the id of [MASK]: that is 'label'.")
    expect(
        "label" in found(audit, {(1, 1): 77}, {(1, 1): 77}),
        "A label holds the random word that was put in, not the word that was there: that is 'label'.",
    )
    expect("label" in found(audit, {(0, 1): 4}, {(0, 1): 0}), "A label of 0 is a label: only -100 counts for nothing.")


def a_silent_change(audit):
    expect("silent" in found(audit, {(0, 2): 4}, {}), "A word was hidden and has no label: that is 'silent'.")
    both = found(audit, {(0, 2): 4, (0, 0): 4}, {(0, 0): 2, (1, 1): 7})
    expect(both == {"silent", "special", "label"}, f"This batch has all three faults, and you found {sorted(both)}.")


# ---- masked_loss -----------------------------------------------------------------------------------------


def scores(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 3


def number(answer: object) -> float:
    expect(isinstance(answer, Tensor | float) and (not isinstance(answer, Tensor) or answer.dim() == 0),
           "Return one number: a tensor without axes, or a float.")  # fmt: skip
    value = float(answer)
    expect(not math.isnan(value), "The loss is nan. Take the logarithm of the softmax, and do not divide by zero.")
    return value


def near(a: float, b: float) -> bool:
    return abs(a - b) < 1e-6


def loss_of_one_label(masked_loss):
    logits = torch.log(torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]], dtype=torch.float64))
    value = number(masked_loss(logits, torch.tensor([[1, -100]])))
    expect(not near(value, -math.log(4)), "The sign is wrong: the loss is minus the logarithm.")
    expect(not near(value, 2.0), "That is in bits. The loss is in nats: take the natural logarithm.")
    expect(
        not near(value, math.log(4) / 2),
        "You divided by the number of tokens. Divide by the number of labels: here there is one.",
    )
    expect(
        not near(value, (math.log(4) + math.log(10)) / 2),
        "Every position counts in your loss. Where the label is -100, nothing is asked.",
    )
    expect(near(value, math.log(4)), "One label, and its word has the probability 1/4. The loss is ln 4 = 1.386.")


def loss_of_several(masked_loss):
    logits, labels = scores(1, 2, 4, 7), torch.tensor([[-100, 3, -100, 0], [6, -100, -100, -100]])
    right = float(F.cross_entropy(logits.flatten(0, 1), labels.flatten()))
    value = number(masked_loss(logits, labels))
    expect(not near(value, 3 * right), "This is the sum over the labels. The loss is their mean.")
    expect(not near(value, right * 3 / 8), "You divided by all tokens. Divide by the number of labels.")
    rows = [float(F.cross_entropy(logits[b], labels[b])) for b in range(2)]
    expect(not near(value, sum(rows) / 2), "You took a mean of each row's mean. Every label weighs the same: one mean.")
    copied = torch.where(labels < 0, 0, labels)
    expect(
        not near(value, float(F.cross_entropy(logits.flatten(0, 1), copied.flatten()))),
        "Every position counts in your loss. Where the label is -100, nothing is asked.",
    )
    kept = labels > 0
    expect(
        not near(value, float(F.cross_entropy(logits[kept], labels[kept]))),
        "A label of 0 is a word like any other. Only -100 counts for nothing.",
    )
    expect(near(value, right), f"With three labels in two rows it is {right:.4f}, and yours is {value:.4f}.")


def loss_of_large_scores(masked_loss):
    logits = torch.tensor([[[1000.0, 0.0], [0.0, 0.0]]])
    value = number(masked_loss(logits, torch.tensor([[0, 1]])))
    expect(not math.isinf(value), "With a score of 1000 the loss is infinite: exp overflows. Use log_softmax.")
    expect(abs(value - math.log(2) / 2) < 1e-4, "Scores of 1000 and 0, the first is right: that loss is 0.")


# ---- multiplications -------------------------------------------------------------------------------------


def answers(multiplications, *sizes: int) -> tuple[int, int]:
    answer = multiplications(*sizes)
    expect(isinstance(answer, tuple) and len(answer) == 2, "Return two numbers: for all positions, and for the labels.")
    expect(all(isinstance(n, int) for n in answer), "Return whole numbers: there are no divisions here.")
    return answer


def a_small_head(multiplications):
    # tokens 10, labels 2, width 3, vocabulary 7: a token takes 3 * 3 + 3 * 7 = 30
    whole, part = answers(multiplications, 10, 2, 3, 7)
    expect(whole != 210, "The layer before the decoder is missing: D numbers in, D numbers out.")
    expect(whole != 90, "The decoder is missing: D numbers in, V scores out.")
    expect(whole != 600, "A multiplication and an addition were both counted. Count the multiplications alone.")
    expect(whole == 300, f"10 tokens of width 3 and 7 words take 10 * (3 * 3 + 3 * 7) = 300, yours is {whole}.")
    expect(part != 8 * 30, "The second number is for the positions with a label, and yours is for those without.")
    expect(part == 60, f"2 labels take 2 * 30 = 60, yours is {part}.")


def the_head_of_bert_base(multiplications):
    whole, part = answers(multiplications, 32 * 128, 615, 768, 30522)
    expect((whole, part) == (98_429_829_120, 14_778_892_800), f"For bert-base your numbers are {whole:,} and {part:,}.")


# ---- choose_whole_words ----------------------------------------------------------------------------------

TOKENS = ["[CLS]", "the", "un", "##right", "##eous", "man", "be", "##lieve", "##th", "not", ".", "[SEP]"]
WORDS = [{1}, {2, 3, 4}, {5}, {6, 7, 8}, {9}, {10}]


def places(choose_whole_words, tokens: list[str], budget: int, seed: int) -> set[int]:
    answer = choose_whole_words(list(tokens), budget, random.Random(seed))
    expect(
        isinstance(answer, list | set | tuple) and all(isinstance(t, int) for t in answer),
        f"Return a list of positions. Yours is {answer!r}.",
    )
    expect(len(set(answer)) == len(answer), f"A position is named twice: {answer!r}.")
    return set(answer)


def pieces_stay_together(choose_whole_words):
    for seed in range(30):
        chosen = places(choose_whole_words, TOKENS, 4, seed)
        expect(not chosen & {0, 11}, "[CLS] or [SEP] was chosen. They are no words.")
        for word in WORDS:
            if chosen & word:
                expect(
                    word <= chosen,
                    f"Of {[TOKENS[t] for t in sorted(word)]} only a part is hidden. A piece with ## belongs to the "
                    "word before it.",
                )


def budget_is_kept(choose_whole_words):
    for budget in (1, 2, 3, 4):
        for seed in range(30):
            chosen = places(choose_whole_words, TOKENS, budget, seed)
            expect(
                len(chosen) <= budget,
                f"{len(chosen)} pieces are hidden, and the budget is {budget}. It counts pieces, not words, and a word "
                "that does not fit is passed over.",
            )
    for seed in range(30):
        chosen = places(choose_whole_words, TOKENS, 2, seed)
        expect(
            len(chosen) == 2,
            "The budget is 2 and there are words of one piece, yet you hid fewer. When a word is too long for what is "
            "left, go on with the next one.",
        )


def every_word_has_its_turn(choose_whole_words):
    many = [places(choose_whole_words, TOKENS, 3, seed) for seed in range(400)]
    rates = [sum(word <= chosen for chosen in many) / 400 for word in WORDS]
    expect(min(rates) > 0, "Some words are never chosen. Draw the order of the words at random, with draw.shuffle.")
    single = [rates[i] for i in (0, 2, 4, 5)]
    expect(
        max(single) - min(single) < 0.15,
        "Words at one end of the text are chosen more often than those at the other. Is the order drawn at random?",
    )
    first = places(choose_whole_words, TOKENS, 3, 5)
    expect(first == places(choose_whole_words, TOKENS, 3, 5), "The same draw gave another answer. Use draw alone.")


def only_special(choose_whole_words):
    try:
        chosen = places(choose_whole_words, ["[CLS]", "[SEP]", "[PAD]"], 1, 0)
    except IndexError:
        raise Hint("A text without a word makes your function fail. Nothing is chosen then.") from None
    expect(not chosen, "There is no word in [CLS] [SEP] [PAD], and you chose one.")


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
        (pieces_stay_together, budget_is_kept, every_word_has_its_turn, only_special),
    ),
}
check = checker(EXERCISES)
