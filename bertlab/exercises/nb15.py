"""The exercises of notebook 15, attention or explanation: rollout, integrated gradients, comprehensiveness, and another
attention with the same output."""

import torch
from torch import Tensor

from .. import saliency
from . import Exercise, Hint, checker, expect


def numbers(seed: int, *shape: int) -> Tensor:
    """The same random numbers each time, in float64."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def close(answer: object, right: Tensor, limit: float = 1e-5) -> bool:
    """Is the answer a tensor of the right shape with nearly the right numbers?"""
    return (
        isinstance(answer, Tensor)
        and answer.shape == right.shape
        and bool((answer.detach().double() - right.double()).abs().max() < limit)
    )


# ---- rollout ---------------------------------------------------------------------------------------------


def a_text_of_maps(seed: int, L: int, H: int, T: int) -> Tensor:
    """Attention maps of one text (L, H, T, T), rows summing to 1."""
    return (2 * numbers(seed, L, H, T, T)).softmax(-1)


def products(maps: Tensor) -> dict[str, Tensor]:
    """What comes out right, and with each common mistake."""
    T, eye = maps.size(-1), torch.eye(maps.size(-1), dtype=maps.dtype)
    means = maps.mean(1)
    kept = (means + eye) / 2

    def chain(layers: Tensor, first_left: bool = False) -> Tensor:
        flow = torch.eye(T, dtype=maps.dtype)
        for layer in layers:
            flow = flow @ layer if first_left else layer @ flow
        return flow

    return {
        "right": chain(kept),
        "no residual": chain(means),
        "not halved": chain(means + eye),
        "wrong order": chain(kept, first_left=True),
        "mean of layers": kept.mean(0),
        "one head": chain((maps[:, 0] + eye) / 2),
        "last layer": kept[-1],
        "elementwise": kept.prod(0),
    }


def rollout_of_one_layer(rollout):
    maps = torch.tensor([[[[0.2, 0.8], [1.0, 0.0]], [[0.6, 0.4], [0.0, 1.0]]]], dtype=torch.float64)
    answer = rollout(maps)
    expect(isinstance(answer, Tensor), "Return a tensor (T, T).")
    expect(answer.shape == (2, 2), f"maps is (L, H, T, T), here (1, 2, 2, 2); the answer is (2, 2), not "
           f"{tuple(answer.shape)}: average the heads, multiply the layers.")  # fmt: skip
    made = products(maps)
    expect(not close(answer, made["no residual"]), "Half of each token stays where it is: (A + I) / 2.")
    expect(not close(answer, made["not halved"]), "The rows sum to 2. Halve A + I, so that each row sums to 1.")
    expect(not close(answer, made["one head"]), "You took one head. Take the mean of all heads of the layer.")
    expect(close(answer, made["right"]), "One layer: the mean of its heads, plus the identity, divided by 2.")


def rollout_of_several_layers(rollout):
    maps = a_text_of_maps(1, 3, 2, 5)
    answer, made = rollout(maps), products(maps)
    hints = {
        "wrong order": "The order is turned around. The last layer reads what the one before it has made: it stands "
        "leftmost.",
        "mean of layers": "You took the mean of the layers. They follow one another: multiply them.",
        "last layer": "This is the last layer alone. Multiply all of them.",
        "elementwise": "Use the matrix product @. With * a token cannot pass something on.",
        "no residual": "Half of each token stays where it is: (A + I) / 2 in every layer.",
    }
    for mistake, hint in hints.items():
        expect(not close(answer, made[mistake]), hint)
    expect(close(answer, made["right"]), "Three layers do not agree. Begin with the identity; for each layer multiply "
           "its (A + I) / 2 from the left.")  # fmt: skip


def rollout_equals_the_library(rollout):
    maps = a_text_of_maps(2, 6, 12, 9)
    expect(close(rollout(maps), saliency.roll_out_attention(list(maps[:, None]))[0]), "Six layers of 12 heads do not agree with "
           "bertlab's rollout.")  # fmt: skip


# ---- integrate -------------------------------------------------------------------------------------------


def saturating(x: Tensor) -> Tensor:
    """1 - relu(1 - x1 - x2), the example of Sundararajan et al.: flat as soon as x1 + x2 reaches 1."""
    return 1 - torch.relu(1 - x[0] - x[1])


def curved(x: Tensor) -> Tensor:
    """A smooth function of three numbers that is neither linear nor a sum of parts."""
    return torch.tanh(x[0] * x[1]) + x[2] ** 3 * x[0]


def way(f, x: Tensor, baseline: Tensor, places: list[float]) -> Tensor:
    """Mean slope of f at these shares of the way from baseline to x."""
    total = torch.zeros_like(x)
    for share in places:
        point = (baseline + share * (x - baseline)).requires_grad_()
        total += torch.autograd.grad(f(point), point)[0]
    return total / len(places)


def integral_where_the_slope_is_zero(integrate):
    x, zero = torch.tensor([1.0, 1.0], dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    answer = integrate(saturating, x, zero, 100)
    expect(isinstance(answer, Tensor) and answer.shape == (2,), "Return one number for each number of x, here two.")
    expect(answer.abs().max() > 0, "Both scores are 0: you took the slope at x alone, where f is flat. Take the mean "
           "of the slopes on the way from the baseline to x.")  # fmt: skip
    expect(abs(float(answer.sum()) - 100) > 1, "You summed the slopes. Divide by the number of steps.")
    expect(abs(float(answer.sum()) - 1) < 0.03, f"The scores should sum to f(x) - f(baseline) = 1, and yours to "
           f"{float(answer.sum()):.2f}.")  # fmt: skip


def integral_from_another_baseline(integrate):
    x = torch.tensor([1.5, -0.5, 1.2], dtype=torch.float64)
    baseline = torch.tensor([0.5, 1.0, -0.4], dtype=torch.float64)
    answer = integrate(curved, x, baseline, 200)
    middles = [(step + 0.5) / 200 for step in range(200)]
    slope = way(curved, x, baseline, middles)
    expect(not close(answer, slope, 0.02), "This is the mean slope. Multiply it by the way, x - baseline.")
    expect(not close(answer, slope * x, 0.02), "You multiplied by x. The way is x - baseline.")
    expect(
        not close(answer, slope * (baseline - x), 0.02), "All signs are turned: the way leads from the baseline to x."
    )
    from_zero = way(curved, x, torch.zeros_like(x), middles)
    expect(not close(answer, from_zero * x, 0.02) and not close(answer, from_zero * (x - baseline), 0.02),
           "Your points lie between 0 and x. They begin at the baseline.")  # fmt: skip
    expect(close(answer, slope * (x - baseline), 0.05), "f(x) = tanh(x1 x2) + x1 x3^3 from another baseline does not "
           "agree.")  # fmt: skip


def integral_takes_the_middles(integrate):
    x, zero = torch.tensor([2.0, 1.0, 1.0], dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    answer = integrate(curved, x, zero, 4)
    ends = {
        "You took the slope at the start of each piece. The middle is nearer to the integral: (step + 0.5) / steps.": [
            0.0, 0.25, 0.5, 0.75],
        "You took the slope at the end of each piece. The middle is nearer to the integral: (step + 0.5) / steps.": [
            0.25, 0.5, 0.75, 1.0],
        "Your points include both ends, 0 and 1. Cut the way into equal pieces and take the middle of each.": [
            0.0, 1 / 3, 2 / 3, 1.0],
    }  # fmt: skip
    for hint, places in ends.items():
        expect(not close(answer, way(curved, x, zero, places) * x), hint)
    expect(close(answer, way(curved, x, zero, [0.125, 0.375, 0.625, 0.875]) * x), "With 4 steps the slope is taken at "
           "1/8, 3/8, 5/8 and 7/8 of the way.")  # fmt: skip


# ---- lost_without ----------------------------------------------------------------------------------------


def praise(tokens: list[str]) -> float:
    """A reader of five words, whose answer depends on which are there, not on their order."""
    worth = {"superb": 0.4, "fine": 0.2, "dull": -0.3}
    return 0.4 + sum(worth.get(token, 0.0) for token in tokens)


TOKENS = ["a", "fine", "film", "and", "superb"]
SCORES = [0.0, 0.3, 0.1, 0.05, 0.9]


def lost_one_token(lost_without):
    answer = lost_without(praise, TOKENS, SCORES, 1)
    expect(isinstance(answer, float | int), "Return a number: the probability that is lost.")
    expect(abs(answer + 0.4) > 1e-6, "The sign is turned. What is lost is the probability of the whole less that of "
           "the rest.")  # fmt: skip
    expect(abs(answer - 0.6) > 1e-6, "This is the probability of the rest. Take it away from that of the whole.")
    expect(abs(answer) > 1e-6, "Nothing was lost. The token to be struck out is the one with the highest score.")
    expect(abs(answer - 0.2) > 1e-6, "You kept the highest token and struck out the others. That is sufficiency.")
    expect(abs(answer - 0.4) < 1e-6, "Without 'superb' the probability falls from 1.0 to 0.6, by 0.4.")


def lost_several_tokens(lost_without):
    answer = lost_without(praise, TOKENS, SCORES, 2)
    expect(abs(answer - 0.4) > 1e-6, "With k = 2 only one token was struck out.")
    expect(abs(answer - 0.6) < 1e-6, "Without 'superb' and 'fine' the probability falls from 1.0 to 0.4, by 0.6.")
    seen = []

    def listening(tokens: list[str]) -> float:
        seen.append(list(tokens))
        return praise(tokens)

    lost_without(listening, TOKENS, SCORES, 2)
    expect(["a", "film", "and"] in seen, f"The rest keeps its order: a, film, and. You asked about {seen[-1]}.")
    expect(TOKENS == ["a", "fine", "film", "and", "superb"], "You changed the caller's list of tokens.")
    answer = lost_without(praise, ["a", "dull", "film"], [0.1, -0.9, 0.0], 1)
    expect(abs(answer - 0.0) < 1e-6, "A score of -0.9 speaks against the class. The highest of 0.1, -0.9, 0 is 0.1.")


def lost_same_word_twice(lost_without):
    answer = lost_without(praise, ["fine", "and", "fine"], [0.1, 0.0, 0.9], 1)
    expect(abs(answer - 0.2) < 1e-6, "The word 'fine' stands there twice, and one of the two is to go: choose by "
           "place, not by word.")  # fmt: skip


# ---- other_weights ---------------------------------------------------------------------------------------


def judge_other(other_weights, weights: Tensor, values: Tensor, far: float):
    answer = other_weights(weights.clone(), values.clone())
    expect(isinstance(answer, Tensor) and answer.shape == weights.shape, "Return a tensor of the shape of weights.")
    answer = answer.detach().double()
    total = float(answer.sum())
    expect(abs(total - 1) < 1e-4, f"Your weights sum to {total:.3f}, not to 1. Give values a column of ones: what is "
           "in the null space of that leaves the sum alone.")  # fmt: skip
    expect(float(answer.min()) > -1e-6, f"There is a negative weight, {float(answer.min()):.3f}. Go less far: stop "
           "when the first weight reaches 0.")  # fmt: skip
    gap = float((answer @ values - weights @ values).abs().max())
    expect(gap < 1e-4, f"The average of the values changed, by up to {gap:.3f}. Add only what the values turn into 0: "
           "a direction d with d @ values = 0.")  # fmt: skip
    moved = float((answer - weights).abs().sum() / 2)
    expect(moved > 1e-6, "These are the same weights.")
    expect(moved > far, f"Only {moved:.3f} of the weight moved. Go on until the first weight is 0.")


def other_of_three_tokens(other_weights):
    weights = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
    judge_other(other_weights, weights, torch.tensor([[0.0], [1.0], [2.0]], dtype=torch.float64), 0.05)


def other_of_six_tokens(other_weights):
    for seed in range(5):
        weights, values = numbers(seed, 6).softmax(0), numbers(seed + 10, 6, 3)
        judge_other(other_weights, weights, values, 0.001)
        other = other_weights(weights.clone(), values.clone())
        expect(float(other.min()) < 1e-6, "You could go further: none of your weights is 0 yet.")


def other_where_there_is_none(other_weights):
    weights, values = numbers(3, 3).softmax(0), numbers(4, 3, 3)
    try:
        answer = other_weights(weights.clone(), values.clone())
    except (IndexError, RuntimeError) as error:
        raise Hint("Three tokens with three numbers each have no other weights. Return the weights as they are; your "
                   f"function raised {type(error).__name__}.") from None  # fmt: skip
    expect(close(answer, weights), "Three tokens with three numbers each have no other weights: return them unchanged.")


EXERCISES = {
    "rollout": Exercise(
        "Multiply the attention of all layers, with half of each token staying where it is.",
        2,
        8,
        (rollout_of_one_layer, rollout_of_several_layers, rollout_equals_the_library),
    ),
    "integrate": Exercise(
        "Integrated gradients of any function: the mean slope on the way from the baseline, times the way.",
        2,
        10,
        (integral_where_the_slope_is_zero, integral_from_another_baseline, integral_takes_the_middles),
    ),
    "lost_without": Exercise(
        "The probability that is lost when the k tokens with the highest scores are struck out.",
        1,
        6,
        (lost_one_token, lost_several_tokens, lost_same_word_twice),
    ),
    "other_weights": Exercise(
        "Find other attention weights with the same average of the values, as far as one direction goes.",
        3,
        15,
        (other_of_three_tokens, other_of_six_tokens, other_where_there_is_none),
    ),
}
check = checker(EXERCISES)
