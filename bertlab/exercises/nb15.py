"""The exercises of notebook 15, attention or explanation: norm-weighted attention, integrated gradients, rollout,
comprehensiveness, and two bugs to find."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .. import saliency
from . import Exercise, Hint, expect, make_check, make_use
from .comparing import as_number, is_close, random_numbers

# ---- norm_weighted ---------------------------------------------------------------------------------------


def norms_of_one_head(norm_weighted):
    weights = torch.tensor([[0.75, 0.25]], dtype=torch.float64)
    vectors = torch.tensor([[[0.0, 2.0, 0.0], [6.0, 0.0, -8.0]]], dtype=torch.float64)
    before = vectors.clone()
    try:
        answer = norm_weighted(weights, vectors)
    except RuntimeError as error:
        raise Hint(
            "Each vector of D numbers has one weight, so weights (H, T) need one more axis to be multiplied by vectors "
            f"(H, T, D). Your function raised: {error}"
        ) from None
    expect(torch.equal(vectors, before), "You changed the vectors that were passed. Make a new tensor: not *=, but *.")
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
        not is_close(answer, torch.tensor([1.5, 2.5]) ** 2), "These are the squares of the lengths. Take their root."
    )
    expect(
        is_close(answer, torch.tensor([1.5, 2.5])),
        "The first token sends 0.75 times (0, 2, 0), of length 1.5, and the second 0.25 times (6, 0, -8), of length "
        f"2.5. Your function returns {[round(float(number), 3) for number in answer]}.",
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
        not any(is_close(answer, head.norm(dim=-1)) for head in sent), "You used one head. Add up what all heads send."
    )
    separate = weights.sum(0) * vectors.sum(0).norm(dim=-1)
    expect(
        not any(is_close(answer, separate / wrong) for wrong in (1, 2, 4)),
        "You combined the weights of the heads first. Each head's vector is multiplied by the weight of the same head.",
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
    """Attention maps of one text (L, H, T, T), rows summing to 1, in float32 as a model gives them."""
    return (2 * random_numbers(seed, L, H, T, T)).softmax(-1).float()


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
        "half halved": multiply_layers(means + eye / 2),
        "one residual": (multiply_layers(means) + eye) / 2,
        "heads apart": torch.stack([multiply_layers((head + eye) / 2) for head in maps.transpose(0, 1)]).mean(0),
        "wrong order": multiply_layers(with_residual, first_left=True),
        "mean of layers": with_residual.mean(0),
        "one head": multiply_layers((maps[:, 0] + eye) / 2),
        "last layer": with_residual[-1],
        "elementwise": with_residual.prod(0),
    }


def rollout_of_one_layer(rollout):
    maps = torch.tensor([[[[0.2, 0.8], [1.0, 0.0]], [[0.6, 0.4], [0.0, 1.0]]]])
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
    expect(not is_close(answer, rollouts["half halved"]), "You halved only I. Put A + I into parentheses: (A + I) / 2.")
    expect(not is_close(answer, rollouts["one head"]), "You took one head. Take the mean of all heads of the layer.")
    expect(answer.max() > answer.min(), "All numbers are equal. The product starts with the identity.")
    one = rollouts["expected"]
    expect(not is_close(answer, one * torch.eye(2)), "Use the matrix product @. With * only the diagonal is left.")
    expect(not is_close(answer, one @ one), "You used the first layer twice. Start with the identity, or with layer 1.")
    expect(not is_close(answer, one.T), "Rows and columns are swapped. Each row of the rollout sums to 1.")
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
        "one residual": "You added the identity once. Every layer has a residual connection: use (A + I) / 2 for each.",
        "heads apart": "You followed each head apart and averaged at the end. Average the heads of each layer first.",
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
    try:
        answer = integrate(saturating_function, x, zero, 100)
    except RuntimeError as error:
        expect(
            "does not require grad" not in str(error), "The point has no gradient. Call requires_grad_() on it first."
        )
        raise
    expect(
        isinstance(answer, Tensor) and answer.shape == (2,),
        "Return a tensor with one score for each number of x: two scores here.",
    )
    expect(
        answer.abs().max() > 0,
        "Both scores are 0, because only a gradient at x, or near it, is in your result, and there f is flat. Take the "
        "mean of all gradients on the path from the baseline to x.",
    )
    total = float(answer.sum())
    expect(abs(total - 100) > 1, "You summed the gradients. Divide by the number of steps.")
    expect(not is_close(total, -1.0, 0.03), "All signs are reversed: the difference is x - baseline, not baseline - x.")
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
    x, baseline = torch.tensor([2.0, 1.0, 1.0]).double(), torch.tensor([0.5, -1.0, 0.5]).double()
    answer = integrate(smooth_function, x, baseline, 4)
    ends = "Your points include both ends, 0 and 1. Divide the path into equal steps and take the middle of each."
    mistakes = [
        (
            [0.0, 0.25, 0.5, 0.75],
            "You took the gradient at the start of each step. The middle gives a better integral.",
        ),
        ([0.25, 0.5, 0.75, 1.0], "You took the gradient at the end of each step. The middle gives a better integral."),
        ([0.0, 1 / 3, 2 / 3, 1.0], ends),
        ([0.0, 0.25, 0.5, 0.75, 1.0], ends),
    ]
    for shares, hint in mistakes:
        expect(not is_close(answer, average_slope(smooth_function, x, baseline, shares) * (x - baseline)), hint)
    expect(
        is_close(answer, average_slope(smooth_function, x, baseline, [0.125, 0.375, 0.625, 0.875]) * (x - baseline)),
        "With 4 steps the gradient is taken at 1/8, 3/8, 5/8 and 7/8 of the path, and divided by 4.",
    )


def integral_of_word_vectors(integrate):
    x, baseline = random_numbers(3, 2, 4, 3), random_numbers(4, 2, 4, 3)

    def multiply_vectors(vectors: Tensor) -> Tensor:
        return vectors.prod(-1).sum()

    try:
        answer = integrate(multiply_vectors, x.clone(), baseline.clone(), 8)
    except (RuntimeError, TypeError, ValueError) as error:
        raise Hint(
            f"x may have more axes, as BERT's word vectors (B, T, D) do. Your function raised: {error}"
        ) from None
    expect(
        is_close(answer, saliency.integrate_gradients(multiply_vectors, x, baseline, 8)),
        "x may have more axes, as BERT's word vectors (B, T, D) do, and each number gets its own score.",
    )


# ---- lost_without ----------------------------------------------------------------------------------------


def classify(tokens: list[str]) -> float:
    """A stand-in for a classifier, whose probability depends on which words are present, not on their order."""
    expect(not isinstance(tokens, str), "The function takes a list of tokens, and you passed a string.")
    expect("[MASK]" not in tokens, "You masked tokens, but they are to be removed, so that the list gets shorter.")
    worth = {"superb": 0.3, "fine": 0.2, "dull": -0.3}
    return 0.4 + sum(worth.get(token, 0.0) for token in tokens)


TOKENS = ["a", "fine", "film", "and", "superb"]
SCORES = [0.0, 0.3, 0.1, 0.05, 0.9]


def find_rest(lost_without, tokens: list[str], scores: list[float], k: int) -> list[str]:
    """The shortest list of tokens that the learner's function asks the classifier about."""
    calls = []

    def record_and_classify(some: list[str]) -> float:
        calls.append(list(some))
        return classify(some)

    lost_without(record_and_classify, tokens[:], scores[:], k)
    return min(calls, key=len)


def lost_one_token(lost_without):
    tokens, scores = TOKENS[:], SCORES[:]
    answer = as_number(lost_without(classify, tokens, scores, 1), "one number: the probability that is lost")
    expect((tokens, scores) == (TOKENS, SCORES), "You changed a list that was passed. Work on a copy.")
    expect(
        not is_close(answer, -0.3),
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
    expect(is_close(answer, 0.3), "Without 'superb' the probability falls from 0.9 to 0.6, by 0.3.")


def lost_several_tokens(lost_without):
    answer = lost_without(classify, TOKENS[:], SCORES[:], 2)
    expect(not is_close(answer, 0.3), "With k = 2 you removed only one token.")
    expect(is_close(answer, 0.5), "Without 'superb' and 'fine' the probability falls from 0.9 to 0.4, by 0.5.")
    rest = find_rest(lost_without, TOKENS, SCORES, 2)
    expect(
        rest == ["a", "film", "and"],
        f"The remaining tokens keep their order: a, film, and. You called the function with {rest}.",
    )
    rest = find_rest(lost_without, ["superb", "a", "fine", "film"], [0.9, 0.0, 0.5, 0.1], 2)
    expect(
        rest == ["a", "film"],
        f"Without 'superb' and 'fine' there should remain: a film. You called the function with {rest}. When a token "
        "is deleted, the places of the later ones change.",
    )


def lost_with_other_signs(lost_without):
    answer = lost_without(classify, ["a", "dull", "film"], [0.1, -0.9, 0.0], 1)
    expect(
        is_close(answer, 0.0), "A score of -0.9 is evidence against the class. The highest of 0.1, -0.9 and 0 is 0.1."
    )
    answer = lost_without(classify, ["a", "dull", "film"], [0.1, 0.9, 0.0], 1)
    expect(
        is_close(answer, -0.3),
        "Without 'dull' the probability rises from 0.1 to 0.4. This is a negative loss, -0.3, and it has to stay "
        "negative.",
    )


def lost_same_word_twice(lost_without):
    answer = lost_without(classify, ["fine", "and", "fine"], [0.1, 0.0, 0.9], 1)
    expect(
        is_close(answer, 0.2),
        "The word 'fine' occurs twice, and only one of the two is to be removed: choose by position, not by word.",
    )
    rest = find_rest(lost_without, ["fine", "and", "fine"], [0.1, 0.0, 0.9], 1)
    expect(
        rest == ["fine", "and"],
        "The word 'fine' occurs twice, and the second of the two is to be removed: choose by position, not by word.",
    )
    rest = find_rest(lost_without, ["and", "fine", "fine", "and"], [0.0, 0.5, 0.5, 0.1], 1)
    expect(
        len(rest) == 3,
        f"Two tokens share the highest score, and k = 1, so three of the four tokens remain. You kept {len(rest)}.",
    )


# ---- two bugs to find ------------------------------------------------------------------------------------


def attention_of_cls(cls_attention):
    maps = make_maps(5, 3, 3, 4)  # (L, H, T, T)
    answer, last = cls_attention(maps), maps[-1].mean(0)
    expect(
        isinstance(answer, Tensor) and answer.shape == (4,), "Return a tensor with one number for each of the T tokens."
    )
    expect(
        not any(is_close(answer, rows[0]) for rows in (*maps[:-1].mean(1), maps.mean((0, 1)))),
        "Take the last layer alone, maps[-1].",
    )
    expect(not any(is_close(answer, head[0]) for head in maps[-1]), "You took one head. Take the mean of the heads.")
    expect(
        not any(is_close(answer, row) for row in last[1:]), "This is the attention of another token. [CLS] is token 0."
    )
    expect(
        is_close(answer.sum(), 1.0),
        f"The attention of [CLS] to all tokens should sum to 1. The scores of the test map sum to {answer.sum():.2f}.",
    )
    expect(is_close(answer, last[0]), "The scores sum to 1, but they are not the row of [CLS], the first of the map.")


def rest_without_some(remove_positions):
    tokens = ["not", "a", "dull", "moment"]
    answer = remove_positions(list(tokens), [2])
    expect(isinstance(answer, list), "Return a list of tokens.")
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
    answer = remove_positions(["the", "film", "beats", "the", "book", "the"], [4, 3, 1])
    expect(
        answer == ["the", "beats", "the"],
        "Without positions 4, 3 and 1 of 'the film beats the book the' there should remain: the beats the. You have "
        f"{answer}. A word may occur several times: remove it by its position.",
    )
    kept, positions = list(tokens), [1, 2]
    remove_positions(kept, positions)
    expect(kept == tokens, "The list that was passed has changed. Build a new list.")
    expect(positions == [1, 2], "The list of positions has changed. Leave it as it was: sorted() makes a new list.")


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
        (
            integral_where_the_slope_is_zero,
            integral_from_another_baseline,
            integral_takes_the_middles,
            integral_of_word_vectors,
        ),
    ),
    "lost_without": Exercise(
        "The probability that is lost when the k tokens with the highest scores are removed.",
        1,
        6,
        (lost_one_token, lost_several_tokens, lost_with_other_signs, lost_same_word_twice),
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
