"""Exercises of notebook 09: perplexity, the unigram baseline, the learning rate, and who reads which batch."""

import math

import numpy as np

from ..optim import learning_rate_at
from ..train import TrainConfig
from . import Exercise, checker, expect


def close(a: object, b: float, hint: str) -> None:
    """Both numbers, and nearly equal."""
    expect(isinstance(a, int | float | np.floating) and math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-12), hint)


def perplexity_of_certainty(answer):
    close(answer(0.0), 1.0, "A model that is certain and right has loss 0. It hesitates between 1 word: perplexity 1.")


def perplexity_of_a_choice(answer):
    expect(
        not math.isclose(answer(math.log(8)), 2 ** math.log(8)),
        "You took a power of 2. That is for a loss in bits; ours is in nats, with the natural logarithm.",
    )
    expect(
        not math.isclose(answer(math.log(8)), 1 / 8),
        "That is the probability. A perplexity grows with the loss: 8 equally likely words give 8.",
    )
    close(answer(math.log(8)), 8.0, "Between 8 equally likely words the loss is log 8, and the perplexity is 8.")


TRAIN = [5] * 6 + [6] * 3 + [7]


def unigram_of_what_was_seen(answer):
    found = answer(TRAIN, [5], 10)
    close(
        found,
        -math.log(6.5 / 15),
        "Token 5 stands 6 times among 10. With half a time more for each of the 10 pieces its share is 6.5 / 15, and "
        "the loss is the natural logarithm of that, with a minus.",
    )


def unigram_of_the_unseen(answer):
    found = answer(TRAIN, [9], 10)
    expect(
        found != math.inf,
        "Piece 9 was never seen; your loss for it is infinite. Give every piece half a time more.",
    )
    close(found, -math.log(0.5 / 15), "Piece 9 was never seen. It counts half a time: 0.5 / 15.")


def unigram_mean(answer):
    judged = [5, 5, 6, 9]
    truth = -sum(math.log(p / 15) for p in (6.5, 6.5, 3.5, 0.5)) / 4
    expect(
        not math.isclose(answer(TRAIN, judged, 10), 4 * truth),
        "That is the sum over the judged tokens. The loss is their mean.",
    )
    own = -sum(math.log(p / 9) for p in (2.5, 2.5, 1.5, 1.5)) / 4
    expect(
        not math.isclose(answer(TRAIN, judged, 10), own),
        "You counted the judged tokens. A baseline may only count what it was trained on.",
    )
    close(answer(TRAIN, judged, 10), truth, "The mean over the tokens 5, 5, 6, 9 is not right yet.")


def rate_starts_above_zero(answer):
    expect(
        answer(0, 100, 1.0, 10) != 0,
        "At step 0 your rate is 0: the first step does nothing. It is the first of 10, so it gets 1/10 of the peak.",
    )
    close(answer(0, 100, 1.0, 10), 0.1, "With 10 steps of warm-up, step 0 gets 1/10 of the peak.")


def rate_rises(answer):
    close(answer(4, 100, 1.0, 10), 0.5, "In the warm-up the rate rises in a line: step 4 gets 5/10 of the peak.")
    close(answer(9, 100, 2e-3, 10), 2e-3, "The last step of the warm-up gets the peak.")


def rate_falls(answer):
    expect(
        not math.isclose(answer(55, 100, 1.0, 10), 0.45),
        "It falls in a line from the peak, but yours jumps at the end of the warm-up: count the steps that are left "
        "against those behind the warm-up, not against all.",
    )
    expect(not math.isclose(answer(55, 100, 1.0, 10), 1.0), "After the warm-up the rate must fall.")
    close(answer(55, 100, 1.0, 10), 0.5, "Half way between the warm-up's end and the last step it is half of the peak.")


def rate_everywhere(answer):
    config = TrainConfig(steps=100, learning_rate=3e-4, warmup=0.1)
    for step in range(100):
        close(answer(step, 100, 3e-4, 10), learning_rate_at(step, config), f"The rate of step {step} is not right yet.")


def numbers_alone(answer):
    expect(
        list(answer(0, 1, 1, 0)) == [0] and list(answer(7, 1, 1, 0)) == [7],
        "One process that does not accumulate reads batch 7 in step 7.",
    )
    expect(list(answer(3, 2, 1, 0)) == [6, 7], "One process with 2 batches a step reads 6 and 7 in step 3.")


def numbers_shared(answer):
    both = [list(answer(3, 1, 2, process)) for process in range(2)]
    expect(both[0] != both[1], "Both processes read the same batch: then two are no faster than one.")
    expect(
        sorted(both[0] + both[1]) == [6, 7],
        "Two processes in step 3 must read batches 6 and 7, as one process that accumulates 2 would.",
    )


def numbers_all(answer):
    for accumulate, processes in ((2, 2), (3, 4)):
        for step in range(3):
            read = sorted(n for p in range(processes) for n in answer(step, accumulate, processes, p))
            first = step * accumulate * processes
            expect(
                read == list(range(first, first + accumulate * processes)),
                f"{processes} processes with {accumulate} batches each must in step {step} read the batches "
                f"from {first} to {first + accumulate * processes - 1}, each once.",
            )


EXERCISES = {
    "perplexity": Exercise(
        "Turn a loss in nats into a perplexity.", 1, 3, (perplexity_of_certainty, perplexity_of_a_choice)
    ),
    "unigram_loss": Exercise(
        "The mean loss of a table of frequencies on tokens that it has not seen.",
        2,
        10,
        (unigram_of_what_was_seen, unigram_of_the_unseen, unigram_mean),
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

check = checker(EXERCISES)
