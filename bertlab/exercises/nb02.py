"""The exercises of notebook 02, words in context: skip-gram's loss, analogies, ELMo's mix, the exam's threshold, and
two bugs: the vector of a wrong token, and two directions that tell each other the answer.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..word_vectors.bilm import BiLM, BiLMConfig
from ..word_vectors.sense_scores import compute_layer_mix
from ..word_vectors.skipgram import compute_skipgram_loss
from ..word_vectors.usage_vectors import find_best_threshold, find_word_pieces
from ..word_vectors.word_questions import find_analogy
from . import Exercise, Hint, expect, make_check, make_use
from .comparing import as_number, is_close, random_numbers

# ---- skipgram_loss ---------------------------------------------------------------------------------------------------


def loss_of_zero_vectors(skipgram_loss):
    zero, other = torch.zeros(2, 3), torch.zeros(2, 3)
    try:
        answer = skipgram_loss(zero, other, torch.zeros(2, 4, 3))
    except RuntimeError as error:
        raise Hint(
            "The shapes do not fit. The centres are (B, D) and the negatives (B, K, D), so a centre needs an axis for "
            f"its K negatives, for example centre[:, None]. ({error})"
        ) from None
    loss = as_number(answer, "one number, the mean over the pairs of the batch")
    expect(
        abs(loss - 0.693) > 0.01,
        "This is one term alone, or the mean of all. A pair's loss is the sum of its terms, one for the context and "
        "one for each negative. Where are the others?",
    )
    expect(
        abs(loss - 2 * 0.693) > 0.01,
        "This is the mean of the negatives, or one term for their sum. A pair's loss is a sum: one term for its "
        "context, one for each negative.",
    )
    expect(abs(loss - 4 * 0.6931) > 0.01, "The term of the context is missing.")
    expect(abs(loss + 5 * 0.6931) > 0.01, "The sign is wrong: a loss is the negative log-likelihood.")
    expect(
        abs(loss + 3 * 0.6931) > 0.01,
        "The minus of the negatives belongs inside the sigmoid, at the product: every logarithm of a sigmoid is "
        "negative, and the loss is minus their sum.",
    )
    expect(abs(loss - 15 * 0.6931) > 0.01, "You took a sigmoid of each number. A product of two vectors is one number.")
    expect(abs(loss - 5) > 0.01, "Your loss is in bits. Keep the natural logarithm.")
    expect(abs(loss - 6.931) > 0.01, "This is the sum over the batch. Take the mean over its pairs.")
    expect(abs(loss - 5 * 0.6931) < 0.01, f"With zero vectors every sigmoid is 1/2, so a pair with 4 negatives has the "
           f"loss 5 ln 2 = 3.47. Yours is {loss:.2f}.")  # fmt: skip


def loss_of_one_pair(skipgram_loss):
    centre, context = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5, 1.0]])
    negatives = torch.tensor([[[-1.0, 0.5], [0.0, -2.0]]])
    right, wrong = F.logsigmoid(torch.tensor(2.5)), F.logsigmoid(-torch.tensor([0.0, -4.0])).sum()
    loss = skipgram_loss(centre.clone(), context.clone(), negatives.clone())
    upside = F.logsigmoid(torch.tensor(2.5)) + F.logsigmoid(torch.tensor([0.0, -4.0])).sum()
    expect(not is_close(loss, -upside, 1e-3), "Negatives are trained to be unlike the centre: their products need a "
           "minus sign inside the sigmoid.")  # fmt: skip
    other = F.logsigmoid(torch.tensor(2.5)) + F.logsigmoid(-(negatives[0] @ context[0])).sum()
    expect(not is_close(loss, -other, 1e-3), "You compared the negatives with the context. They stand in its place, so "
           "compare them with the centre.")  # fmt: skip
    expect(is_close(loss, -(right + wrong), 1e-4), f"Products 2.5 with the context, 0 and -4 with the negatives: the "
           f"loss is {-(right + wrong):.4f}.")  # fmt: skip


def loss_of_a_batch(skipgram_loss):
    centre, context, negatives = (random_numbers(i, *shape) for i, shape in enumerate([(5, 3), (5, 3), (5, 4, 3)]))
    loss = skipgram_loss(centre.clone(), context.clone(), negatives.clone())
    expect(
        is_close(loss, compute_skipgram_loss(centre, context, negatives)),
        "One pair is right, a batch is not. Each pair has negatives of its own, (K, D): do not mix them.",
    )
    vectors = [torch.ones(shape, requires_grad=True) + 0 for shape in ((1, 2), (1, 2), (1, 3, 2))]
    expect(
        getattr(skipgram_loss(*vectors), "requires_grad", False),
        "The vectors are trained with this loss, so return the tensor. item() and float() cut it off from them.",
    )
    large = skipgram_loss(torch.full((1, 1), 200.0), torch.ones(1, 1), torch.full((1, 1, 1), 1.0))
    expect(bool(torch.isfinite(torch.as_tensor(large))), "With large products your loss is not finite. Use "
           "F.logsigmoid(x), not the log of a sigmoid.")  # fmt: skip
    expect(is_close(large, 200.0, 1e-2), "With the products 200 and 200 the loss is 200. Use F.logsigmoid(x): a number "
           "added inside the logarithm hides how wrong a prediction is.")  # fmt: skip


# ---- solve_analogy ---------------------------------------------------------------------------------------------------

PLANE = F.normalize(torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.9, -0.5], [1.0, 0.45], [-1.0, 0.2], [0.0, 1.0]]), dim=-1)


def nearest_to_the_sum(solve_analogy):
    answer = as_number(solve_analogy(PLANE.clone(), 0, 1, 2, False), "the row's number, an int")
    expect(int(answer) == find_analogy(PLANE, 0, 1, 2, False), "The answer is not the row with the highest cosine with "
           "b - a + c. Which word is added, and which subtracted?")  # fmt: skip
    answer = as_number(solve_analogy(PLANE.clone(), 0, 2, 3, False), "the row's number, an int")
    expect(int(answer) == find_analogy(PLANE, 0, 2, 3, False), "Without exclude a word of the question may be the "
           "answer, and for a = 0, b = 2 and c = 3 it is row 0.")  # fmt: skip


def questions_own_words_are_left_out(solve_analogy):
    for a, b, c in ((0, 1, 2), (0, 1, 3), (5, 1, 0), (2, 0, 3), (4, 5, 0), (0, 2, 3), (0, 2, 4)):
        table = PLANE.clone()
        answer = int(as_number(solve_analogy(table, a, b, c, True), "the row's number, an int"))
        expect(torch.equal(table, PLANE), "Your function changes the table of vectors. Change the scores only.")
        expect(
            answer not in (a, b, c),
            "With exclude, none of the three words may be the answer. Set their scores to minus infinity.",
        )
        expect(answer == find_analogy(PLANE, a, b, c), "With exclude, the answer is not the best of the other rows.")


# ---- mix_layers ------------------------------------------------------------------------------------------------------


def equal_weights_are_the_mean(mix_layers):
    states = random_numbers(1, 3, 4, 2)
    try:
        mixed = mix_layers(states.clone(), torch.zeros(3, dtype=torch.float64), 1.0)
    except RuntimeError as error:
        raise Hint(
            "The shapes do not fit. The states are (L + 1, N, D), so a weight for each layer needs two more axes at "
            f"the end, weights[:, None, None]. torch's error: {error}"
        ) from None
    expect(isinstance(mixed, Tensor) and mixed.shape == (4, 2), "Return one vector for each usage: (N, D).")
    expect(not is_close(mixed, torch.zeros(4, 2)), "With equal weights of 0 your mix is 0. The weights go through a "
           "softmax first, so that they add up to 1.")  # fmt: skip
    expect(not is_close(mixed, states.sum(0)), "This is the sum. The softmax of equal weights gives the mean.")
    expect(
        not is_close(mixed, states.mean(0) / 3),
        "You divided twice. After the softmax the weights add up to 1, so the weighted layers are only summed.",
    )
    expect(is_close(mixed, states.mean(0)), "Equal weights give the mean of the layers.")


def weights_go_to_their_layers(mix_layers):
    states, weights = random_numbers(2, 3, 3, 2), torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
    expected = compute_layer_mix(states, weights, 2.5)
    mixed = mix_layers(states.clone(), weights.clone(), 2.5)
    expect(not is_close(mixed, expected / 2.5), "The scale is missing: ELMo multiplies the mix by one learned number.")
    other = 2.5 * (weights.softmax(0)[None, :, None] * states).sum(0)
    expect(
        not is_close(mixed, other),
        "Your weights went to the usages. They belong to the layers, the first axis: use weights[:, None, None].",
    )
    expect(
        not is_close(mixed, 2.5 * states.mean(0)), "Every layer has the same share. Use the weights, which differ here."
    )
    expect(
        not is_close(mixed, compute_layer_mix(states, 2.5 * weights, 1.0)),
        "The scale belongs outside the softmax: it makes the whole mix longer.",
    )
    expect(is_close(mixed, expected), "The mix is scale times the sum of softmax(weights)[l] * states[l].")
    states, weights = random_numbers(5, 5, 3, 2), random_numbers(6, 5)
    expect(
        is_close(mix_layers(states.clone(), weights.clone(), 1.0), compute_layer_mix(states, weights, 1.0)),
        "With 3 layers your mix is right, but with 5 it is wrong.",
    )


# ---- choose_threshold ------------------------------------------------------------------------------------------------


def judge_threshold(choose_threshold, scores, same):
    scores, same = np.array(scores, float), np.array(same, bool)
    threshold = as_number(choose_threshold(scores.copy(), same.copy()), "one number, the threshold")
    return threshold, float(((scores >= threshold) == same).mean())


def threshold_parts_two_groups(choose_threshold):
    scores, same = [0.2, 0.9, 0.5, 0.8], [False, True, False, True]
    threshold, accuracy = judge_threshold(choose_threshold, scores, same)
    expect(accuracy > 0, "With your threshold every pair is wrong. Pairs at or above it are called the same.")
    expect(accuracy == 1, f"0.2 and 0.5 are different, 0.8 and 0.9 the same, and your threshold is {threshold:.2f}. A "
           "value between 0.5 and 0.8 gets all four right. A pair at the threshold counts as the same.")  # fmt: skip


def threshold_is_the_best(choose_threshold):
    rng = np.random.default_rng(3)
    for trial in range(6):
        same = rng.random(40) < (0.25, 0.5, 0.75)[trial % 3]
        scores = np.round(0.55 + 0.05 * trial + 0.12 * same + rng.normal(size=40) * 0.1, 2)
        best = ((scores >= find_best_threshold(scores, same)) == same).mean()
        _, accuracy = judge_threshold(choose_threshold, scores, same)
        expect(
            accuracy >= best - 1e-9,
            f"Of 40 noisy pairs your threshold gets {accuracy:.0%}, the best one {best:.0%}. "
            "Try every score as a threshold and count, do not take a mean or 0.5.",
        )


def threshold_may_be_outside(choose_threshold):
    _, accuracy = judge_threshold(choose_threshold, [0.3, 0.6], [True, True])
    expect(accuracy == 1, "If all pairs are the same, the threshold must lie at or below the lowest score.")
    _, accuracy = judge_threshold(choose_threshold, [0.3, 0.6, 0.9], [False, False, False])
    expect(accuracy == 1, "If all pairs are different, the threshold must lie above the highest score.")
    _, accuracy = judge_threshold(choose_threshold, [-0.4, -0.2], [False, True])
    expect(accuracy == 1, "Cosines may be negative: your threshold must be able to be so too.")
    _, accuracy = judge_threshold(choose_threshold, [0.7, 1.0, 2.5], [False, False, False])
    expect(accuracy == 1, "A score need not be a cosine: here the highest is 2.5, and the threshold must lie above it.")
    _, accuracy = judge_threshold(choose_threshold, [0.70012, 0.70018, 0.70023], [False, True, True])
    expect(accuracy == 1, "Scores may lie close together: try each score itself, not a grid of numbers.")


# ---- find_word, read_both_ways ---------------------------------------------------------------------------------------

OFFSETS = [(0, 0), (0, 3), (4, 6), (6, 9), (10, 13), (13, 14), (0, 0)]  # [CLS] the em ##bed sat . [SEP]


def pieces_of_the_word(find_word):
    found = find_word(OFFSETS[:], 4, 9)
    expect(isinstance(found, list), "Return a list of positions.")
    expect(found != [2], "The word has two pieces, and you found the first alone.")
    expect(
        found == [2, 3],
        "In '[CLS] the em ##bed sat . [SEP]' the word at the characters 4 to 9 is the tokens 2 and 3. "
        f"Yours are {found}.",
    )


def pieces_at_the_edges(find_word):
    found = find_word(OFFSETS[:], 0, 3)
    expect(not set(found) & {0, 6}, "[CLS] and [SEP] have the offsets (0, 0): they lie in no word, not even the first.")
    expect(found == [1], f"The first word is token 1. Yours are {found}.")
    found = find_word(OFFSETS[:], 10, 13)
    expect(found == [4], f"The full stop after the word is not part of it: the word is token 4. Yours are {found}.")
    found = find_word([(0, 0), (0, 1), (2, 4), (4, 6), (6, 9), (10, 11), (0, 0)], 2, 9)
    expect(found == [2, 3, 4], f"A word of three pieces lies at the tokens 2, 3 and 4. Yours are {found}.")


def directions_do_not_see_the_answer(read_both_ways):
    torch.manual_seed(0)
    model = BiLM(BiLMConfig(9, 4, 2)).double()
    x = random_numbers(4, 1, 6, 4)
    changed = x.clone()
    changed[0, 3] += 1.0
    answers = []
    for vectors in (x, changed):
        answer = read_both_ways(vectors.clone(), model.forwards, model.backwards)
        expect(isinstance(answer, tuple | list) and len(answer) == 2, "Return the two directions, ahead and back.")
        answers.append(answer)
    (ahead, back), (ahead_2, back_2) = answers
    expect(ahead.shape == back.shape == x.shape, "Each direction has the shape of x, (B, T, D).")
    expect(
        is_close(ahead[0, 2], ahead_2[0, 2]),
        "The forward state at place 2 has to predict the word at place 3, and it "
        "changes when that word changes: it has seen the answer. Which step lets it through?",
    )
    expect(
        is_close(back[0, 4], back_2[0, 4]),
        "The backward state at place 4 has to predict the word at place 3, and it "
        "changes when that word changes. Is each layer of the backward stack read from the end, and its result turned "
        "round again?",
    )
    expect(
        not is_close(ahead[0, 5], ahead_2[0, 5]) and not is_close(back[0, 0], back_2[0, 0]),
        "A direction must still read all words on its own side.",
    )
    plain = last = x
    for layer in model.forwards:
        plain, last = plain + layer(plain)[0], layer(last)[0]
    expect(not is_close(ahead, last), "Ahead is now only what its last layer gives. Keep the sum: each layer's result "
           "is added to what went into it.")  # fmt: skip
    expect(is_close(ahead, plain), "The states ahead are not the expected ones. Each forward layer reads what the one "
           "below it gave, and its result is added to this.")  # fmt: skip
    bare = state = x
    for layer in model.backwards:
        bare, state = layer(bare.flip(1))[0].flip(1), state + layer(state.flip(1))[0].flip(1)
    expect(not is_close(back, bare), "A direction is now only what its last layer gives. Keep the sum: each layer's "
           "result is added to what went into it.")  # fmt: skip
    expect(is_close(back, state), "The backward states must be turned round again after each layer, so that state t "
           "belongs to word t.")  # fmt: skip


def read_apart(x: Tensor, forwards: nn.ModuleList, backwards: nn.ModuleList) -> tuple[Tensor, Tensor]:
    """Both directions of a biLM, from vectors x (B, T, D): two tensors (B, T, D)."""
    ahead = back = x
    for forward, backward in zip(forwards, backwards, strict=True):
        ahead = ahead + forward(ahead)[0]
        back = back + backward(back.flip(1))[0].flip(1)
    return ahead, back


EXERCISES = {
    "skipgram_loss": Exercise("The mean loss of skip-gram with negative sampling.", 2, 10,
                              (loss_of_zero_vectors, loss_of_one_pair, loss_of_a_batch)),
    "solve_analogy": Exercise("a is to b as c is to what?", 2, 8,
                              (nearest_to_the_sum, questions_own_words_are_left_out)),
    "mix_layers": Exercise("ELMo's learned mix of layers.", 1, 6,
                           (equal_weights_are_the_mean, weights_go_to_their_layers)),
    "choose_threshold": Exercise("The threshold with the highest accuracy.", 2, 10,
                                 (threshold_parts_two_groups, threshold_is_the_best, threshold_may_be_outside)),
}  # fmt: skip
BUGS = {
    "read_both_ways": Exercise("Find the bug: two directions.", 2, 6, (directions_do_not_see_the_answer,)),
    "find_word": Exercise("Find the bug: the tokens of a word.", 1, 4, (pieces_of_the_word, pieces_at_the_edges)),
}
check = make_check(EXERCISES | BUGS)
use = make_use(check, {"skipgram_loss": compute_skipgram_loss, "solve_analogy": find_analogy,
                       "mix_layers": compute_layer_mix, "choose_threshold": find_best_threshold,
                       "read_both_ways": read_apart, "find_word": find_word_pieces})  # fmt: skip
