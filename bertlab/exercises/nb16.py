"""The exercises of notebook 16, cost: parameters of a layer, operations of a token, hours and dollars, gradients of
several processes; and two measurements with a bug."""

import torch
from torch import Tensor

from . import Exercise, expect, make_check, make_use
from .comparing import as_number, is_close

# ---- layer_parameters ------------------------------------------------------------------------------------------------


def count_layer(D: int, I: int) -> int:  # noqa: E741
    return 4 * (D * D + D) + 2 * D * I + I + D + 4 * D


def small_layer(answer):
    D, I = 10, 37  # noqa: E741, and no two mistakes below give the same number
    found, right = as_number(answer(D, I), "one number of parameters"), count_layer(D, I)
    expect(
        found != 4 * D * D + 2 * D * I,
        "You counted the matrices. Each linear layer also has a bias, one number for each of its outputs, and there "
        "are two LayerNorms.",
    )
    expect(
        found != right - 4 * D,
        "There are 4 D too few. These are the two LayerNorms, each with a weight and a bias of D, or the biases of the "
        "four linear layers of attention.",
    )
    expect(found != right - 5 * D - I, "The biases are missing: each linear layer has one number for each output.")
    expect(found != right - D - I, "The biases of the feed-forward network are missing: I of them, and then D.")
    expect(
        found not in (right - D + I, right - I + D),
        "The two biases of the feed-forward network differ in size: the first layer has I outputs, the second has D.",
    )
    expect(
        found != right - 2 * D,
        "There are 2 D too few. There are two LayerNorms, and each has a weight and a bias of D.",
    )
    expect(
        found != right - D * D - D,
        "You counted three D x D matrices in attention. There are four: queries, keys, values, and the output.",
    )
    expect(
        found not in (right - D * I, right - D * I - D, right - D * I - I),
        "The feed-forward network has two matrices: from D to I, and back from I to D.",
    )
    expect(found != 12 * D * D, "This holds roughly, and only where I is 4 D. Count with D and I.")
    expect(found == right, f"A layer with D = {D} and I = {I} has {right:,} parameters.")


def layer_of_base(answer):
    expect(answer(768, 3072) == 7_087_872, "A layer of BERT-base has 7,087,872 parameters.")


# ---- token_flops -----------------------------------------------------------------------------------------------------


def count_token(D: int, I: int, L: int, T: int) -> int:  # noqa: E741
    return 3 * L * (2 * (4 * D * D + 2 * D * I) + 4 * T * D)


def flops_without_attention(answer):
    D, I, L, T = 16, 60, 5, 0  # noqa: E741
    found, expected = as_number(answer(D, I, L, T), "one number of operations"), count_token(D, I, L, T)
    expect(found != 0, "With T = 0 nothing is left. A token meets all weights of a layer, however long its row is.")
    expect(found != expected / 6, "This is the number of weights. Each of them takes six operations in a step.")
    expect(found != expected / 2, "A multiplication and the addition after it are two operations.")
    expect(found != expected / 3, "This is the forward pass. The backward pass costs twice as much again.")
    expect(
        found != expected * 2 / 3,
        "You counted the backward pass like the forward pass. It is two products for each of the forward pass: one for "
        "the gradient of the input, one for that of the weights.",
    )
    expect(found != expected / L, "You counted one layer. There are L.")
    expect(
        found != expected - 6 * L * D * I,
        "The feed-forward network has two matrices: from D to I, and back from I to D.",
    )
    expect(
        found != expected - 6 * L * D * D,
        "You counted three D x D matrices in attention. There are four: queries, keys, values, and the output.",
    )
    expect(found != 72 * L * D * D, "A layer has 12 D x D weights only where I is 4 D. Count with D and I.")
    expect(found == expected, "With T = 0 only the matrices count: each weight is used once for each token.")


def flops_with_attention(answer):
    D, I, L, T = 16, 60, 5, 10  # noqa: E741
    found, products = as_number(answer(D, I, L, T), "one number of operations"), count_token(D, I, L, 0)
    right = count_token(D, I, L, T) - products
    expect(found != products, "Attention is missing: the scores of T keys, and the sum of T values.")
    expect(
        found != products + right * T, "That is attention of a whole row. A token compares itself with T tokens once."
    )
    expect(found != products + right / 2, "Attention has two parts: the scores, and the weighted sum of the values.")
    expect(found != products + right / 3, "This is attention forward. Its backward pass costs twice as much again.")
    expect(found != products + right / L, "You counted attention in one layer. Each of the L layers has it.")
    expect(found == products + right, "The part of attention, that grows with T, is not right yet.")


# ---- hours_and_dollars -----------------------------------------------------------------------------------------------


def hours_of_one_chip(answer):
    found = answer(3.6e18, 1e14, 1, 0.5, 2.0)
    expect(isinstance(found, tuple | list) and len(found) == 2, "Return two numbers: the hours and the dollars.")
    hours = as_number(found[0], "the hours as a number")
    expect(not is_close(hours, 72_000.0, 1), "These are seconds. An hour has 3,600 of them.")
    expect(
        not is_close(hours, 5.0, 1e-6),
        "You multiplied by the utilisation. A chip that reaches half of its peak takes twice as long: divide by it.",
    )
    expect(not is_close(hours, 10.0, 1e-6), "You left out the utilisation: the chip reaches half of its peak.")
    expect(not is_close(hours, 1200.0, 1e-3), "These are minutes. An hour has 60 of them, and 3,600 seconds.")
    expect(is_close(hours, 20.0, 1e-6), "3.6e18 operations at half of 1e14 a second take 20 hours.")
    expect(is_close(found[1], 40.0, 1e-6), "20 hours at 2 dollars an hour are 40 dollars.")


def hours_of_several_chips(answer):
    hours, dollars = answer(3.6e18, 1e14, 4, 0.5, 2.0)
    expect(not is_close(hours, 20.0, 1e-6), "Four chips take a quarter of the time.")
    expect(is_close(hours, 5.0, 1e-6), "Four chips take 5 hours.")
    expect(
        not is_close(dollars, 10.0, 1e-6),
        "You paid for one chip. The price is of one chip and hour, and four chips run for 5 hours.",
    )
    expect(is_close(dollars, 40.0, 1e-6), "Four chips for 5 hours are 20 chip hours, at 2 dollars each.")


# ---- average_gradients -----------------------------------------------------------------------------------------------


def make_gradients() -> tuple[list[Tensor], list[int]]:
    return [torch.tensor([4.0, 0.0, 2.0]), torch.tensor([0.0, 8.0, 2.0])], [1, 3]


def refuse_wrong_sums(found, counts):
    """Sums that lack a factor, for any counts."""
    gradients, _ = make_gradients()
    weighted = sum(gradient * count for gradient, count in zip(gradients, counts, strict=True))
    expect(
        not is_close(found, weighted),
        "Each gradient is weighted by its count, but the sum must still be divided by the number of all words.",
    )
    expect(
        not is_close(found, weighted / len(counts)),
        "You divided by the number of processes. Divide by the number of all words.",
    )
    expect(not is_close(found, sum(gradients)), "You added the gradients. Their mean is asked for.")
    expect(
        not is_close(found, sum(gradients) / sum(counts)),
        "You divided by the number of all words, but each gradient must first be weighted by its own count.",
    )


def equal_counts(answer):
    gradients, counts = make_gradients()[0], [5, 5]
    found = answer(gradients, counts)
    expect(isinstance(found, Tensor) and found.shape == (3,), "Return one tensor, as long as each gradient.")
    refuse_wrong_sums(found, counts)
    expect(is_close(found, torch.tensor([2.0, 4.0, 2.0])), "With equal counts the plain mean is right.")


def unequal_counts(answer):
    gradients, counts = make_gradients()
    found = answer(gradients, counts)
    expect(
        not is_close(found, torch.tensor([2.0, 4.0, 2.0])),
        "This is the mean of means: the single word of the first process counts as much as three of the second. "
        "Weight each gradient by its count.",
    )
    refuse_wrong_sums(found, counts)
    expect(
        is_close(found, torch.tensor([1.0, 6.0, 2.0])), "With counts 1 and 3 the mean over all four words is [1, 6, 2]."
    )


# ---- The bugs --------------------------------------------------------------------------------------------------------


def padding_is_no_work(answer):
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    full = torch.ones(2, 4, dtype=torch.long)
    found = as_number(answer(full, 1e6, 2.0, 1e7), "the utilisation as a number")
    expect(is_close(found, 0.4), "Without padding, 8 tokens of 1e6 operations in 2 seconds are 40% of 1e7 a second.")
    found = as_number(answer(mask, 1e6, 2.0, 1e7), "the utilisation as a number")
    expect(
        not is_close(found, 0.4),
        "Two of these eight places are padding. The chip was busy with them, but learned nothing: they do not count.",
    )
    expect(is_close(found, 0.3), "Six real tokens are 30% of the peak.")


def steady_steps(answer):
    found = as_number(answer([2.0, 4.0, 6.0, 8.0, 10.0, 12.0], 3600), "the hours as a number")
    expect(not is_close(found, 7200.0, 1e-3), "These are seconds. An hour has 3,600 of them.")
    expect(
        not is_close(found, 10.0, 1e-3),
        "This is the mean of the times at which steps ended. The length of a step is the time between two ends.",
    )
    expect(
        not any(is_close(found, wrong, 1e-3) for wrong in (1.0, 4 / 3, 1.5, 4.0)),
        "The time and the number of steps must belong together: between the ends of steps 3 and 6 there are three "
        "steps.",
    )
    expect(is_close(found, 2.0, 0.01), "If all steps take 2 seconds, 3,600 steps take 2 hours.")


def slow_first_steps(answer):
    found = as_number(answer([20.0, 30.0, 33.0, 36.0, 37.4, 39.0], 3600), "the hours as a number")
    expect(
        not is_close(found, 6.5),
        "The first three steps are slow, because the machine is getting ready: they are over after seconds, but you "
        "multiply them by a thousand. Begin to measure after them.",
    )
    expect(
        not is_close(found, 3.8, 0.01),
        "You leave out the first step, but steps 2 and 3 are slow too. Begin to measure at the end of step 3.",
    )
    expect(
        not is_close(found, 1.6, 1e-3),
        "You measured one step, and steps differ. Take the mean of all steps after the third.",
    )
    expect(not is_close(found, 1.5, 1e-3), "You left out step 4 too. Step 3 ended at ends[2], so begin there.")
    expect(is_close(found, 2.0, 0.01), "After the first three, a step takes 2 seconds on average: 3,600 take 2 hours.")


EXERCISES = {
    "layer_parameters": Exercise("The parameters of one layer.", 1, 6, (small_layer, layer_of_base)),
    "token_flops": Exercise(
        "The operations of a token in training.", 2, 8, (flops_without_attention, flops_with_attention)
    ),
    "hours_and_dollars": Exercise(
        "Hours and dollars from operations.", 1, 5, (hours_of_one_chip, hours_of_several_chips)
    ),
    "average_gradients": Exercise("The gradient of several processes.", 2, 6, (equal_counts, unequal_counts)),
}
BUGS = {
    "measure_utilisation": Exercise("Find the bug: the utilisation of a step.", 1, 4, (padding_is_no_work,)),
    "extrapolate_hours": Exercise("Find the bug: hours from a few steps.", 1, 5, (steady_steps, slow_first_steps)),
}


def compute_hours(flops: float, peak: float, chips: int, utilisation: float, price: float) -> tuple[float, float]:
    hours = flops / (peak * chips * utilisation) / 3600
    return hours, hours * chips * price


def average(gradients: list[Tensor], counts: list[int]) -> Tensor:
    return sum(gradient * count for gradient, count in zip(gradients, counts, strict=True)) / sum(counts)


def compute_utilisation(mask: Tensor, flops_a_token: float, seconds: float, peak: float) -> float:
    return float(mask.sum()) * flops_a_token / (seconds * peak)


def extrapolate(ends: list[float], steps: int) -> float:
    return (ends[-1] - ends[2]) / (len(ends) - 3) * steps / 3600


check = make_check(EXERCISES | BUGS)
use = make_use(
    check,
    {
        "layer_parameters": count_layer,
        "token_flops": count_token,
        "hours_and_dollars": compute_hours,
        "average_gradients": average,
        "measure_utilisation": compute_utilisation,
        "extrapolate_hours": extrapolate,
    },
)
