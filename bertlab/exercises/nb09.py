"""The exercises of notebook 09, pre-training: perplexity, the unigram baseline, the learning rate, shared batches."""

import math

from ..optim import learning_rate_at
from ..train import TrainConfig
from . import Exercise, expect, make_check
from .comparing import is_close


def perplexity_of_certainty(answer):
    expect(
        is_close(answer(0.0), 1.0),
        "A model that is certain and correct has loss 0. It chooses between 1 word, so its perplexity is 1.",
    )


def perplexity_of_a_choice(answer):
    expect(
        not is_close(answer(math.log(8)), 2 ** math.log(8)),
        "You took a power of 2. This is right for a loss in bits; ours is in nats, with the natural logarithm.",
    )
    expect(
        not is_close(answer(math.log(8)), 1 / 8),
        "This is the probability. The perplexity grows with the loss: for 8 equally likely words it is 8.",
    )
    expect(is_close(answer(math.log(8)), 8.0), "For 8 equally likely words the loss is log 8, and the perplexity is 8.")


TRAIN = [5] * 6 + [6] * 3 + [7]


def unigram_of_seen_tokens(answer):
    expect(
        is_close(answer(TRAIN, [5], 10), -math.log(6.5 / 15)),
        "Token 5 occurs 6 times among 10 tokens. With 0.5 added to the count of each of the 10 tokens of the "
        "vocabulary, its share is 6.5 / 15, and the loss is minus the natural logarithm of that.",
    )


def unigram_of_unseen_tokens(answer):
    loss = answer(TRAIN, [9], 10)
    expect(loss != math.inf, "Token 9 does not occur, so your loss for it is infinite. Add 0.5 to every count.")
    expect(is_close(loss, -math.log(0.5 / 15)), "Token 9 does not occur. Its share is 0.5 / 15.")


def unigram_mean(answer):
    held_out = [5, 5, 6, 9]
    loss, expected = answer(TRAIN, held_out, 10), -sum(math.log(p / 15) for p in (6.5, 6.5, 3.5, 0.5)) / 4
    expect(not is_close(loss, 4 * expected), "This is the sum over the held-out tokens. The loss is their mean.")
    own = -sum(math.log(p / 9) for p in (2.5, 2.5, 1.5, 1.5)) / 4
    expect(
        not is_close(loss, own), "You counted the held-out tokens. A baseline may only count what it was trained on."
    )
    expect(is_close(loss, expected), "The mean over the tokens 5, 5, 6, 9 is not right yet.")


def rate_starts_above_zero(answer):
    expect(
        answer(0, 100, 1.0, 10) != 0,
        "At step 0 your rate is 0, so the first step does nothing. It is the first of 10 steps and gets 1/10 of the "
        "peak.",
    )
    expect(is_close(answer(0, 100, 1.0, 10), 0.1), "With 10 steps of warm-up, step 0 gets 1/10 of the peak.")


def rate_rises(answer):
    expect(
        is_close(answer(4, 100, 1.0, 10), 0.5),
        "During the warm-up the rate rises in a straight line: step 4 gets 5/10 of the peak.",
    )
    expect(is_close(answer(9, 100, 2e-3, 10), 2e-3, 1e-9), "The last step of the warm-up gets the peak.")


def rate_falls(answer):
    expect(
        not is_close(answer(55, 100, 1.0, 10), 0.45),
        "The rate falls in a straight line from the peak, but yours jumps at the end of the warm-up. Divide the steps "
        "that are left by the number of steps after the warm-up, not by all steps.",
    )
    expect(not is_close(answer(55, 100, 1.0, 10), 1.0), "After the warm-up the rate must fall.")
    expect(
        is_close(answer(55, 100, 1.0, 10), 0.5),
        "Half way between the end of the warm-up and the last step the rate is half of the peak.",
    )


def rate_everywhere(answer):
    config = TrainConfig(steps=100, learning_rate=3e-4, warmup=0.1)
    for step in range(100):
        rate = answer(step, 100, 3e-4, 10)
        expect(is_close(rate, learning_rate_at(step, config), 1e-9), f"The rate of step {step} is not right yet.")


def numbers_alone(answer):
    expect(
        list(answer(0, 1, 1, 0)) == [0] and list(answer(7, 1, 1, 0)) == [7],
        "One process that does not accumulate reads batch 7 in step 7.",
    )
    expect(list(answer(3, 2, 1, 0)) == [6, 7], "One process with 2 batches a step reads batches 6 and 7 in step 3.")


def numbers_shared(answer):
    first, second = (list(answer(3, 1, 2, process)) for process in range(2))
    expect(first != second, "Both processes read the same batch, so two processes are not faster than one.")
    expect(
        sorted(first + second) == [6, 7],
        "In step 3 two processes must read batches 6 and 7, as one process that accumulates 2 batches would.",
    )


def numbers_all(answer):
    for accumulate, processes in ((2, 2), (3, 4)):
        for step in range(3):
            read = sorted(n for p in range(processes) for n in answer(step, accumulate, processes, p))
            first = step * accumulate * processes
            expect(
                read == list(range(first, first + accumulate * processes)),
                f"In step {step}, {processes} processes with {accumulate} batches each must read the batches from "
                f"{first} to {first + accumulate * processes - 1}, each once.",
            )


EXERCISES = {
    "perplexity": Exercise(
        "Turn a loss in nats into a perplexity.", 1, 3, (perplexity_of_certainty, perplexity_of_a_choice)
    ),
    "unigram_loss": Exercise(
        "The mean loss of a table of frequencies on tokens that it has not seen.",
        2,
        10,
        (unigram_of_seen_tokens, unigram_of_unseen_tokens, unigram_mean),
    ),
    "rate": Exercise(
        "The learning rate of a step: up in a line, then down in a line.",
        2,
        10,
        (rate_starts_above_zero, rate_rises, rate_falls, rate_everywhere),
    ),
    "batch_numbers": Exercise(
        "Which batches does a process read in a step?", 3, 12, (numbers_alone, numbers_shared, numbers_all)
    ),
}

check = make_check(EXERCISES)
