"""The exercises of notebook 15, attention or explanation: norm-weighted attention, integrated gradients, rollout,
comprehensiveness, and two bugs to find."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .. import saliency
from . import Exercise, expect, make_check, make_use
from .comparing import as_number, is_close, random_numbers

# ---- norm_weighted ---------------------------------------------------------------------------------------


def norms_of_one_head(norm_weighted):
    weights = torch.tensor([[0.75, 0.25]], dtype=torch.float64)
    vectors = torch.tensor([[[0.0, 2.0], [6.0, -8.0]]], dtype=torch.float64)
    answer = norm_weighted(weights, vectors)
    expect(isinstance(answer, Tensor), "Return a tensor with a number for each of the T tokens.")
    expect(answer.shape == (2,), f"Here T = 2, so return a tensor of shape (2,), not {tuple(answer.shape)}.")
    expect(not is_close(answer, weights[0]), "These are the weights. Multiply each vector by its weight first.")
    expect(
        not is_close(answer, vectors[0].norm(dim=-1)), "You left the weights out. Multiply each vector by its weight."
    )
    expect(
        not is_close(answer, (weights[0] * vectors[0].abs().sum(-1))),
        "You summed the absolute numbers. The length is the root of the sum of squares: norm(dim=-1).",
    )
    expect(
        not is_close(answer, (weights[0] * vectors[0].sum(-1))),
        "You summed the numbers of each vector. The length is the root of the sum of squares: norm(dim=-1).",
    )
    expect(
        is_close(answer, torch.tensor([1.5, 2.5])),
        "The first token sends 0.75 times (0, 2), of length 1.5, and the second 0.25 times (6, -8), of length 2.5. "
        f"Your function returns {[round(float(number), 3) for number in answer]}.",
    )


def norms_of_two_heads(norm_weighted):
    weights = torch.tensor([[0.5, 0.5], [1.0, 0.0]], dtype=torch.float64)
    vectors = torch.tensor([[[6.0, 0.0], [0.0, 2.0]], [[-3.0, 0.0], [9.0, 9.0]]], dtype=torch.float64)
    answer, sent = norm_weighted(weights, vectors), weights[..., None] * vectors
    expect(
        not is_close(answer, sent.norm(dim=-1).sum(0)) and not is_close(answer, sent.norm(dim=-1).mean(0)),
        "You took the length in each head and then combined the heads. The heads' vectors are added first, and they "
        "may cancel: here head 0 sends (3, 0) and head 1 sends (-3, 0). Sum over the heads, then take the length.",
    )
    expect(
        not is_close(answer, sent.mean(0).norm(dim=-1)),
        "You averaged over the heads. The attention layer adds what its heads send: use the sum.",
    )
    expect(
        not is_close(answer, sent.sum(1).norm(dim=-1)),
        "You summed over the tokens. Sum over the heads, axis 0, and keep one vector for each token.",
    )
    expect(
        not is_close(answer, (weights.mean(0)[:, None] * vectors.sum(0)).norm(dim=-1)),
        "You averaged the weights over the heads. Each head's vector is multiplied by the weight of the same head.",
    )
    expect(is_close(answer, torch.tensor([0.0, 1.0])), "With two heads the lengths should be 0 and 1.")


def norms_equal_the_library(norm_weighted):
    weights, vectors = random_numbers(1, 12, 9).softmax(-1), random_numbers(2, 12, 9, 32)
    expect(
        is_close(norm_weighted(weights, vectors), saliency.norm_weighted_attention(weights, vectors)),
        "For 12 heads and 9 tokens the result is not that of bertlab's function.",
    )


# ---- rollout ---------------------------------------------------------------------------------------------


def make_maps(seed: int, L: int, H: int, T: int) -> Tensor:
    """Attention maps of one text (L, H, T, T), rows summing to 1."""
    return (2 * random_numbers(seed, L, H, T, T)).softmax(-1)


def make_rollouts(maps: Tensor) -> dict[str, Tensor]:
    """The expected rollout (T, T), and the one that each common mistake gives."""
    T, eye = maps.size(-1), torch.eye(maps.size(-1), dtype=maps.dtype)
    means = maps.mean(1)
    with_residual = (means + eye) / 2

    def multiply_layers(layers: Tensor, first_left: bool = False) -> Tensor:
        flow = torch.eye(T, dtype=maps.dtype)
        for layer in layers:
            flow = flow @ layer if first_left else layer @ flow
        return flow

    return {
        "expected": multiply_layers(with_residual),
        "no residual": multiply_layers(means),
        "not halved": multiply_layers(means + eye),
        "wrong order": multiply_layers(with_residual, first_left=True),
        "mean of layers": with_residual.mean(0),
        "one head": multiply_layers((maps[:, 0] + eye) / 2),
        "last layer": with_residual[-1],
        "elementwise": with_residual.prod(0),
    }


def rollout_of_one_layer(rollout):
    maps = torch.tensor([[[[0.2, 0.8], [1.0, 0.0]], [[0.6, 0.4], [0.0, 1.0]]]], dtype=torch.float64)
    answer, rollouts = rollout(maps), make_rollouts(maps)
    expect(isinstance(answer, Tensor), "Return a tensor (T, T).")
    expect(
        answer.shape == (2, 2),
        f"maps is (L, H, T, T), here (1, 2, 2, 2), so the answer is (2, 2), not {tuple(answer.shape)}: average the "
        "heads and multiply the layers.",
    )
    expect(
        not is_close(answer, rollouts["no residual"]),
        "The residual connection keeps half of each token: use (A + I) / 2 for a layer.",
    )
    expect(not is_close(answer, rollouts["not halved"]), "Your rows sum to 2. Halve A + I, so that each row sums to 1.")
    expect(not is_close(answer, rollouts["one head"]), "You took one head. Take the mean of all heads of the layer.")
    expect(
        is_close(answer, rollouts["expected"]),
        "For one layer the rollout is the mean of its heads, plus the identity, divided by 2.",
    )


def rollout_of_several_layers(rollout):
    maps = make_maps(1, 3, 2, 5)
    answer, rollouts = rollout(maps), make_rollouts(maps)
    hints = {
        "wrong order": "The order is reversed. Each layer reads the output of the layer before it, so the last layer "
        "is leftmost in the product.",
        "mean of layers": "You took the mean of the layers. They are applied one after the other: multiply them.",
        "last layer": "This is the last layer alone. Multiply all of them.",
        "elementwise": "Use the matrix product @. With * nothing passes from one token to another.",
        "no residual": "The residual connection keeps half of each token: use (A + I) / 2 for every layer.",
    }
    for mistake, hint in hints.items():
        expect(not is_close(answer, rollouts[mistake]), hint)
    expect(
        is_close(answer, rollouts["expected"]),
        "The rollout of three layers is wrong. Start with the identity; for each layer multiply its (A + I) / 2 from "
        "the left.",
    )


def rollout_equals_the_library(rollout):
    maps = make_maps(2, 6, 12, 9)
    expect(
        is_close(rollout(maps), saliency.roll_out_attention(list(maps))[-1]),
        "For six layers of 12 heads the result is not that of bertlab's rollout.",
    )


# ---- integrate -------------------------------------------------------------------------------------------


def saturating_function(x: Tensor) -> Tensor:
    """1 - relu(1 - x1 - x2), the example of Shrikumar et al. (2017): flat as soon as x1 + x2 reaches 1."""
    return 1 - torch.relu(1 - x[0] - x[1])


def smooth_function(x: Tensor) -> Tensor:
    """A smooth function of three numbers that is neither linear nor a sum of parts."""
    return torch.tanh(x[0] * x[1]) + x[2] ** 3 * x[0]


def average_slope(f, x: Tensor, baseline: Tensor, shares: list[float]) -> Tensor:
    """The mean gradient of f at the points that lie at these shares of the path from baseline to x."""
    total = torch.zeros_like(x)
    for share in shares:
        point = (baseline + share * (x - baseline)).requires_grad_()
        total += torch.autograd.grad(f(point), point)[0]
    return total / len(shares)


def integral_where_the_slope_is_zero(integrate):
    x, zero = torch.tensor([1.0, 1.0], dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    answer = integrate(saturating_function, x, zero, 100)
    expect(
        isinstance(answer, Tensor) and answer.shape == (2,), "Return one score for each number of x: two scores here."
    )
    expect(
        answer.abs().max() > 0,
        "Both scores are 0, because you took the gradient at x alone, where f is flat. Take the mean of the gradients "
        "on the path from the baseline to x.",
    )
    total = float(answer.sum())
    expect(abs(total - 100) > 1, "You summed the gradients. Divide by the number of steps.")
    expect(
        is_close(total, 1.0, 0.03), f"The scores should sum to f(x) - f(baseline) = 1, but yours sum to {total:.2f}."
    )


def integral_from_another_baseline(integrate):
    x = torch.tensor([1.5, -0.5, 1.2], dtype=torch.float64)
    baseline = torch.tensor([0.5, 1.0, -0.4], dtype=torch.float64)
    answer = integrate(smooth_function, x, baseline, 200)
    middles = [(step + 0.5) / 200 for step in range(200)]
    slope = average_slope(smooth_function, x, baseline, middles)
    expect(not is_close(answer, slope, 0.02), "This is the mean gradient. Multiply it by the difference x - baseline.")
    expect(not is_close(answer, slope * x, 0.02), "You multiplied by x. Multiply by x - baseline.")
    expect(
        not is_close(answer, slope * (baseline - x), 0.02),
        "All signs are reversed: the difference is x - baseline, not baseline - x.",
    )
    from_zero = average_slope(smooth_function, x, torch.zeros_like(x), middles)
    expect(
        not is_close(answer, from_zero * x, 0.02) and not is_close(answer, from_zero * (x - baseline), 0.02),
        "Your points are between 0 and x. The path starts at the baseline.",
    )
    expect(
        is_close(answer, slope * (x - baseline), 0.05),
        "The scores of f(x) = tanh(x1 x2) + x1 x3^3 are wrong for a baseline other than 0.",
    )


def integral_takes_the_middles(integrate):
    x, zero = torch.tensor([2.0, 1.0, 1.0], dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    answer = integrate(smooth_function, x, zero, 4)
    mistakes = {
        "You took the gradient at the start of each step. The middle gives a better integral: (step + 0.5) / steps.": [
            0.0, 0.25, 0.5, 0.75],
        "You took the gradient at the end of each step. The middle gives a better integral: (step + 0.5) / steps.": [
            0.25, 0.5, 0.75, 1.0],
        "Your points include both ends, 0 and 1. Divide the path into equal steps and take the middle of each.": [
            0.0, 1 / 3, 2 / 3, 1.0],
    }  # fmt: skip
    for hint, shares in mistakes.items():
        expect(not is_close(answer, average_slope(smooth_function, x, zero, shares) * x), hint)
    expect(
        is_close(answer, average_slope(smooth_function, x, zero, [0.125, 0.375, 0.625, 0.875]) * x),
        "With 4 steps the gradient is taken at 1/8, 3/8, 5/8 and 7/8 of the path.",
    )


# ---- lost_without ----------------------------------------------------------------------------------------


def classify(tokens: list[str]) -> float:
    """A stand-in for a classifier, whose probability depends on which words are present, not on their order."""
    worth = {"superb": 0.4, "fine": 0.2, "dull": -0.3}
    return 0.4 + sum(worth.get(token, 0.0) for token in tokens)


TOKENS = ["a", "fine", "film", "and", "superb"]
SCORES = [0.0, 0.3, 0.1, 0.05, 0.9]


def lost_one_token(lost_without):
    answer = as_number(lost_without(classify, TOKENS[:], SCORES[:], 1), "one number: the probability that is lost")
    expect(
        not is_close(answer, -0.4),
        "The sign is wrong. The loss is the probability of all tokens minus that of the remaining ones.",
    )
    expect(
        not is_close(answer, 0.6),
        "This is the probability of the remaining tokens. Subtract it from that of all tokens.",
    )
    expect(not is_close(answer, 0.0), "Nothing was lost. Remove the token with the highest score.")
    expect(
        not is_close(answer, 0.2),
        "You kept the token with the highest score and removed the others: this is sufficiency.",
    )
    expect(is_close(answer, 0.4), "Without 'superb' the probability falls from 1.0 to 0.6, by 0.4.")


def lost_several_tokens(lost_without):
    answer = lost_without(classify, TOKENS[:], SCORES[:], 2)
    expect(not is_close(answer, 0.4), "With k = 2 you removed only one token.")
    expect(is_close(answer, 0.6), "Without 'superb' and 'fine' the probability falls from 1.0 to 0.4, by 0.6.")
    calls = []

    def record_and_classify(tokens: list[str]) -> float:
        calls.append(list(tokens))
        return classify(tokens)

    tokens = TOKENS[:]
    lost_without(record_and_classify, tokens, SCORES[:], 2)
    expect(
        ["a", "film", "and"] in calls,
        f"The remaining tokens keep their order: a, film, and. You called the function with {calls[-1]}.",
    )
    expect(tokens == TOKENS, "You changed the list of tokens that was passed.")
    answer = lost_without(classify, ["a", "dull", "film"], [0.1, -0.9, 0.0], 1)
    expect(
        is_close(answer, 0.0), "A score of -0.9 is evidence against the class. The highest of 0.1, -0.9 and 0 is 0.1."
    )


def lost_same_word_twice(lost_without):
    answer = lost_without(classify, ["fine", "and", "fine"], [0.1, 0.0, 0.9], 1)
    expect(
        is_close(answer, 0.2),
        "The word 'fine' occurs twice, and only one of the two is to be removed: choose by position, not by word.",
    )


# ---- two bugs to find ------------------------------------------------------------------------------------


def attention_of_cls(cls_attention):
    maps = make_maps(5, 2, 3, 4)  # (L, H, T, T)
    answer = cls_attention(maps)
    expect(isinstance(answer, Tensor) and answer.shape == (4,), "Return one number for each of the T tokens.")
    expect(
        is_close(answer, maps[-1, :, 0].mean(0)),
        f"The attention of [CLS] to all tokens should sum to 1. The scores of the test map sum to {answer.sum():.2f}.",
    )


def rest_without_some(remove_positions):
    tokens = ["not", "a", "dull", "moment"]
    answer = remove_positions(list(tokens), [2])
    expect(
        answer == ["not", "a", "moment"], f"Without position 2 there should remain: not a moment. You have {answer}."
    )
    answer = remove_positions(list(tokens), [0, 2])
    expect(
        answer == ["a", "moment"],
        f"Without positions 0 and 2 of 'not a dull moment' there should remain: a moment. You have {answer}.",
    )
    answer = remove_positions(list(tokens), [3, 0])
    expect(answer == ["a", "dull"], f"Without positions 3 and 0 there should remain 'a dull'. You have {answer}.")
    kept = list(tokens)
    remove_positions(kept, [1])
    expect(kept == tokens, "The list that was passed has changed. Build a new list.")


def average_heads_of_cls(maps: Tensor) -> Tensor:
    """bertlab's `cls_attention`: maps (L, H, T, T) -> (T,)."""
    return saliency.average_cls_attention([maps[-1:]])[0]


def roll_out_one_text(maps: Tensor) -> Tensor:
    """bertlab's `rollout`: maps (L, H, T, T) -> (T, T)."""
    return saliency.roll_out_attention(list(maps))[-1]


def measure_loss_without(probability: Callable, tokens: list[str], scores: Sequence[float], k: int) -> float:
    """bertlab's `lost_without`: the probability lost without the k tokens of the highest scores."""
    removed = sorted(range(len(tokens)), key=lambda place: scores[place], reverse=True)[:k]
    return probability(tokens) - probability([token for place, token in enumerate(tokens) if place not in removed])


EXERCISES = {
    "norm_weighted": Exercise(
        "Norm-weighted attention: the length of what a query receives from each token.",
        1,
        8,
        (norms_of_one_head, norms_of_two_heads, norms_equal_the_library),
    ),
    "rollout": Exercise(
        "Multiply the attention of all layers, with half of each token kept by the residual connection.",
        2,
        8,
        (rollout_of_one_layer, rollout_of_several_layers, rollout_equals_the_library),
    ),
    "integrate": Exercise(
        "Integrated gradients of any function: the mean gradient on the path from the baseline, times the difference.",
        2,
        10,
        (integral_where_the_slope_is_zero, integral_from_another_baseline, integral_takes_the_middles),
    ),
    "lost_without": Exercise(
        "The probability that is lost when the k tokens with the highest scores are removed.",
        1,
        6,
        (lost_one_token, lost_several_tokens, lost_same_word_twice),
    ),
}
BUGS = {
    "cls_attention": Exercise("Find the bug: what [CLS] attends to.", 1, 5, (attention_of_cls,)),
    "remove_positions": Exercise("Find the bug: tokens without those at some positions.", 1, 5, (rest_without_some,)),
}
check = make_check(EXERCISES | BUGS)
use = make_use(
    check,
    {
        "norm_weighted": saliency.norm_weighted_attention,
        "integrate": saliency.integrate_gradients,
        "rollout": roll_out_one_text,
        "cls_attention": average_heads_of_cls,
        "lost_without": measure_loss_without,
    },
)
