"""The exercises of notebook 09, pre-training: the unigram baseline, the rate, the loop, the score of a sentence."""

import copy
import io
import math
import pickle
import random
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from ..optim import learning_rate_at
from ..train import TrainConfig
from . import Exercise, Hint, expect, make_check, make_use
from .comparing import as_number, is_close
from .pretraining_references import (
    compute_pseudo_log_likelihood,
    compute_rate,
    compute_unigram_loss,
    run_train_steps,
)

# ---- unigram_loss ----------------------------------------------------------------------------------------

TRAIN = [5] * 6 + [6] * 3 + [7]


def unigram_of_seen_tokens(answer):
    loss = answer(list(TRAIN), [5], 10)
    expect(not is_close(loss, math.log(6.5 / 15)), "The sign is wrong. The loss is minus the logarithm of p.")
    expect(not is_close(loss, -math.log2(6.5 / 15)), "Your loss is in bits. Take the natural logarithm, for nats.")
    expect(
        is_close(loss, -math.log(6.5 / 15)),
        "Token 5 occurs 6 times among 10 tokens. With 0.5 added to the count of each of the 10 tokens of the "
        "vocabulary, its share is 6.5 / 15, and the loss is minus the natural logarithm of that.",
    )


def unigram_of_unseen_tokens(answer):
    loss = answer(list(TRAIN), [9], 10)
    expect(loss != math.inf, "Token 9 does not occur, so your loss for it is infinite. Add 0.5 to every count.")
    expect(is_close(loss, -math.log(0.5 / 15)), "Token 9 does not occur. Its share is 0.5 / 15.")


def unigram_mean(answer):
    held_out = [5, 5, 6, 9]
    loss, expected = answer(list(TRAIN), list(held_out), 10), -sum(math.log(p / 15) for p in (6.5, 6.5, 3.5, 0.5)) / 4
    expect(not is_close(loss, 4 * expected), "This is the sum over the held-out tokens. The loss is their mean.")
    expect(
        not is_close(loss, -math.log(17 / 4 / 15)),
        "This is the logarithm of the mean probability. Take the logarithm for each token, and then the mean.",
    )
    own = -sum(math.log(p / 9) for p in (2.5, 2.5, 1.5, 1.5)) / 4
    expect(
        not is_close(loss, own), "You counted the held-out tokens. A baseline may only count what it was trained on."
    )
    expect(is_close(loss, expected), "The mean over the tokens 5, 5, 6, 9 is not right yet. Token 5 counts twice.")


# ---- rate ------------------------------------------------------------------------------------------------


def rate_starts_above_zero(answer):
    expect(
        answer(0, 100, 1.0, 10) != 0,
        "At step 0 your rate is 0, so the first step does nothing. It is the first of 10 steps and gets 1/10 of the "
        "peak.",
    )
    expect(
        is_close(answer(0, 100, 1.0, 10), 0.1),
        "With 10 steps of warm-up (a number of steps, not a share), step 0 gets 1/10 of the peak.",
    )


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
        not is_close(answer(99, 100, 1.0, 10), 0.0),
        "In the last step, number 99, your rate is already 0. Only step 100, which is not taken, would get 0.",
    )
    expect(
        is_close(answer(55, 100, 1.0, 10), 0.5),
        "Of 100 steps, 90 come after the warm-up. At step 55 half of them are left, so it gets half of the peak.",
    )


def rate_everywhere(answer):
    config = TrainConfig(steps=100, learning_rate=3e-4, warmup=0.1)
    for step in range(100):
        rate = answer(step, 100, 3e-4, 10)
        expect(
            is_close(rate, learning_rate_at(step, config), 1e-9),
            f"The rate of step {step} is not right yet. With 10 steps of warm-up, the rate rises in a straight line "
            "over the steps 0 to 9, and falls in a straight line from step 10 on.",
        )


# ---- train_steps -----------------------------------------------------------------------------------------


class Recorder:
    """Eight batches of two columns. `read` holds the numbers of those that were asked for, in order."""

    def __init__(self):
        numbers = torch.randn(8, 4, 2, generator=torch.Generator().manual_seed(0))
        self.batches = [{"x": x, "labels": 3 * x.sum(-1) + 5} for x in numbers]
        self.read: list[int] = []

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        self.read.append(number)
        return self.batches[number]

    def __len__(self) -> int:
        return 10_000_000  # as `Batches`, which never end


class Line(nn.Module):
    """A model with one linear layer. Its output has a loss, like that of every BERT of the course."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 1)
        with torch.no_grad():
            self.linear.weight.fill_(0.5)
            self.linear.bias.fill_(-0.5)

    def forward(self, x: Tensor, labels: Tensor) -> SimpleNamespace:
        return SimpleNamespace(loss=((self.linear(x)[:, 0] - labels) ** 2).mean())


def give_rate(step: int) -> float:
    return 0.1 / (step + 1)


def make_line() -> tuple[Line, torch.optim.Optimizer]:
    """A model, and an optimizer with two groups, as BERT's has (weights with decay and those without)."""
    model = Line()
    groups = [{"params": [model.linear.weight]}, {"params": [model.linear.bias]}]
    return model, torch.optim.SGD(groups, lr=9.0)


def run_answer(train_steps, steps: range, run=None, **variant) -> tuple[Tensor, list, Recorder]:
    """The model's weights afterwards, what was returned, and the batches that were read."""
    (model, optimizer), batches = make_line(), Recorder()
    losses = (run or train_steps)(model, batches, optimizer, give_rate, steps, **variant)
    return nn.utils.parameters_to_vector(model.parameters()).detach(), losses, batches


def loop_reads_each_batch_once(train_steps):
    _, losses, batches = run_answer(train_steps, range(3))
    expect(losses is not None, "Return the list of losses.")
    expect(
        batches.read != [0, 0, 0], "You read batch 0 in every step. Step number n reads batch number n: batches[step]."
    )
    expect(batches.read == [0, 1, 2], f"Steps 0, 1 and 2 read the batches 0, 1 and 2. Yours read {batches.read}.")
    expect(isinstance(losses, list) and len(losses) == 3, "Return a list with one loss for each step.")
    expect(
        all(isinstance(loss, float) for loss in losses),
        "Return plain numbers: loss.item(). A list of tensors would keep the graph of every step in memory.",
    )
    _, _, batches = run_answer(train_steps, range(4, 6))
    expect(batches.read == [4, 5], "With steps=range(4, 6) the run goes on at step 4. Use the numbers in steps.")


def loop_changes_the_weights(train_steps):
    found, expected = run_answer(train_steps, range(1))[0], run_answer(None, range(1), run_train_steps)[0]
    start = nn.utils.parameters_to_vector(Line().parameters()).detach()
    expect(
        not is_close(found, start),
        "The weights have not changed. loss.backward() fills the gradient and optimizer.step() uses it, so forget the "
        "gradient only after the step.",
    )
    constant = run_answer(None, range(1), run_train_steps, set_rate=False)[0]
    expect(
        not is_close(found, constant),
        'The rate is not set: before the step, give rate(step) to group["lr"] for each group in '
        "optimizer.param_groups.",
    )
    first = run_answer(None, range(1), run_train_steps, all_groups=False)[0]
    expect(
        not is_close(found, first),
        "Only the first group has the new rate. The weights with decay and those without are two groups.",
    )
    by_value = run_answer(None, range(1), run_train_steps, clip=nn.utils.clip_grad_value_)[0]
    expect(
        not is_close(found, by_value),
        "clip_grad_value_ cuts each number by itself, which turns the gradient. clip_grad_norm_ shortens all of it.",
    )
    unclipped = run_answer(None, range(1), run_train_steps, clip=None)[0]
    expect(
        not is_close(found, unclipped),
        "The gradient is not clipped, or only after the step: call torch.nn.utils.clip_grad_norm_(model.parameters(), "
        "1.0) between backward() and step().",
    )
    expect(is_close(found, expected), "After one step the weights are not the expected ones.")


def loop_forgets_gradients(train_steps):
    found, losses, _ = run_answer(train_steps, range(6))
    expected, right, _ = run_answer(None, range(6), run_train_steps)
    expect(
        not is_close(found, run_answer(None, range(6), run_train_steps, forget=False)[0]),
        "The gradients add up from step to step. Call optimizer.zero_grad() once a step.",
    )
    expect(is_close(found, expected), "After six steps the weights are not the expected ones.")
    found, expected = (run_answer(train_steps, range(4, 6), run)[0] for run in (None, run_train_steps))
    expect(
        is_close(found, expected),
        "With steps=range(4, 6) the run goes on at step 4, so the first rate is rate(4). Yours is another one.",
    )
    expect(is_close(Tensor(losses), Tensor(right), 1e-4), "Return the loss of each step before its update.")


# ---- pseudo_log_likelihood -------------------------------------------------------------------------------

CLS, SEP, MASK, SIZE = 0, 1, 2, 12
SENTENCE = [CLS, 5, 7, 8, 9, 4, SEP]
WHOLE, SPLIT = [False] * 7, [False, False, False, True, True, False, False]


def guess_tokens(rows: object) -> Tensor:
    """A stand-in for BERT: the log probabilities (N, T, V) of rows of ids (N, T); each place sees all the others."""
    ids = torch.as_tensor(rows)
    expect(ids.dim() == 2, "log_probabilities reads rows of ids, (N, T): a list of lists. Give it [masked].")
    generator = torch.Generator().manual_seed(1)
    words, places = torch.randn(SIZE, SIZE, generator=generator), torch.randn(16, 16, generator=generator)
    T = ids.size(1)
    return (places[:T, :T] @ words[ids]).log_softmax(-1)


def score_of_whole_words(pseudo_log_likelihood):
    def run(**variant: bool) -> float:
        return compute_pseudo_log_likelihood(SENTENCE, WHOLE, MASK, guess_tokens, **variant)

    ids, expected = list(SENTENCE), run()
    score = as_number(pseudo_log_likelihood(ids, list(WHOLE), MASK, guess_tokens), "one number, the sum")
    expect(
        ids == SENTENCE,
        "Your function changes the list that it is given, so a token that was masked stays masked. Work on a copy.",
    )
    expect(not is_close(score, -expected), "The sign is wrong. Log probabilities are negative, and so is their sum.")
    expect(
        not is_close(score, run(mask=False)),
        "You let the model see the token that it is asked for. Put mask_id in its place first.",
    )
    expect(
        not is_close(score, run(mask_all=True)),
        "You masked all tokens at once. Mask one, ask for it, and put it back before the next.",
    )
    expect(not is_close(score, run(ends=True)), "[CLS] and [SEP] are not part of the sentence: leave both out.")
    expect(not is_close(score, expected / 5), "This is the mean. Take the sum over the tokens.")
    expect(
        not is_close(score, run(restore=False)),
        "A token that was masked stays masked for the tokens after it. Begin with a new copy of ids for each token.",
    )
    expect(
        not is_close(score, run(shift=-1)),
        "You read off the place before. A row keeps its [CLS], so the token is at the same place as in ids.",
    )
    expect(
        not is_close(score, run(log=False)),
        "You added up probabilities. What log_probabilities returns are logarithms already, so add them as they are.",
    )
    expect(not is_close(score, run(of_mask=True)), "You read off the probability of [MASK]. Take that of the token.")
    expect(is_close(score, expected, 1e-4), "For a sentence of five whole words the sum is not the expected one.")


def score_of_pieces(pseudo_log_likelihood):
    def run(**variant: bool) -> float:
        return compute_pseudo_log_likelihood(SENTENCE, SPLIT, MASK, guess_tokens, **variant)

    score = as_number(pseudo_log_likelihood(list(SENTENCE), list(SPLIT), MASK, guess_tokens), "one number, the sum")
    expect(
        not is_close(score, run(later=False)),
        "Tokens 2, 3 and 4 are one word, but only the piece that is asked for is masked. The later pieces of the word "
        "give it away, so mask them as well.",
    )
    expect(
        not is_close(score, run(earlier=True)),
        "You masked the earlier pieces of the word as well. Only the later ones are masked.",
    )
    expect(
        not is_close(score, run(most=1)),
        "Only the next piece is masked. Tokens 2, 3 and 4 are one word: mask all pieces that come later in it.",
    )
    expect(
        not is_close(score, run(first_only=True)),
        "You left out the pieces that continue a word. They are tokens of the sentence as well, so each has its turn.",
    )
    expect(is_close(score, run(), 1e-4), "For a sentence with a word of three pieces the sum is not the expected one.")


# ---- Find the bug ----------------------------------------------------------------------------------------


def no_document_on_both_sides(hold_out):
    documents = [[f"document {n} sentence {i}" for i in range(5)] for n in range(40)]
    before = copy.deepcopy(documents)
    answer = hold_out(documents, random.Random(0))
    expect(isinstance(answer, tuple) and len(answer) == 2, "Return two lists: to learn from, and held out.")
    learned, held_out = answer
    expect(documents == before, "Your function changes the list that it is given. Shuffle a copy of it.")
    if not all(isinstance(document, list) for document in [*learned, *held_out]):
        both = {text[:11] for text in learned} & {text[:11] for text in held_out}
        raise Hint(
            f"There are {len(both)} documents with sentences on both sides. Split the documents, and return lists of "
            "documents."
            if both
            else "Your lists hold single sentences. Return lists of documents, each with its sentences in their order."
        )
    expect(sorted(learned + held_out) == sorted(documents), "Every document must be on one of the two sides, whole.")
    expect(len(held_out) == 4, f"A tenth of 40 documents is 4. Yours are {len(held_out)}.")
    expect(held_out != documents[:4] and held_out != documents[-4:], "Draw the documents at random, by rng.")
    expect(
        hold_out(copy.deepcopy(documents), random.Random(0)) == answer,
        "With the same rng your function splits in another way. Draw by rng alone, so that a split can be repeated.",
    )


def run_goes_on_as_if_nothing_happened(make_checkpoint):
    def begin() -> tuple[Line, torch.optim.Optimizer]:
        model = Line()
        return model, torch.optim.AdamW(model.parameters(), lr=0.1)

    model, optimizer = begin()
    run_train_steps(model, Recorder(), optimizer, give_rate, range(4))
    file = io.BytesIO()
    torch.save(make_checkpoint(model, optimizer, 4), file)
    file.seek(0)
    try:
        saved = torch.load(file, weights_only=True)
    except pickle.UnpicklingError:
        raise Hint(
            "Your dict holds a whole object. Keep its state_dict(), which is made of tensors and numbers."
        ) from None
    run_train_steps(model, Recorder(), optimizer, give_rate, range(4, 8))

    again, fresh = begin()
    expect(isinstance(saved, dict) and "model" in saved, 'Return a dict with the weights under "model".')
    expect(saved.get("step") == 4, 'Keep the step, as it is, under "step": the rate and the next batch depend on it.')
    again.load_state_dict(saved["model"])
    if "optimizer" in saved:
        keys = set(saved["optimizer"]) if isinstance(saved["optimizer"], dict) else set()
        expect(
            keys == set(fresh.state_dict()),
            'This is a part of the optimizer\'s state. Keep all of it under "optimizer", by its state_dict().',
        )
        fresh.load_state_dict(saved["optimizer"])
    run_train_steps(again, Recorder(), fresh, give_rate, range(4, 8))
    expect(
        all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True)),
        "Four steps, a checkpoint and four more do not give the weights of eight steps. Something besides the weights "
        'has changed during the first four steps, and starts from zero again. Keep it under "optimizer".',
    )


EXERCISES = {
    "unigram_loss": Exercise(
        "The mean loss of a table of frequencies on tokens that it has not seen.",
        2,
        10,
        (unigram_of_seen_tokens, unigram_of_unseen_tokens, unigram_mean),
    ),
    "rate": Exercise(
        "The learning rate of a step: up in a line, then down in a line.",
        2,
        8,
        (rate_starts_above_zero, rate_rises, rate_falls, rate_everywhere),
    ),
    "train_steps": Exercise(
        "The training loop: rate, loss, gradient, clip, step, forget.",
        2,
        12,
        (loop_reads_each_batch_once, loop_changes_the_weights, loop_forgets_gradients),
    ),
    "pseudo_log_likelihood": Exercise(
        "Score a sentence: mask one token after the other, and add up what the model gives to those that stood there.",
        3,
        15,
        (score_of_whole_words, score_of_pieces),
    ),
}
BUGS = {
    "hold_out": Exercise("Find the bug: a tenth of the text is held out.", 1, 5, (no_document_on_both_sides,)),
    "make_checkpoint": Exercise(
        "Find the bug: a run that is resumed differs.", 1, 5, (run_goes_on_as_if_nothing_happened,)
    ),
}
check = make_check(EXERCISES | BUGS)
use = make_use(
    check,
    {
        "unigram_loss": compute_unigram_loss,
        "rate": compute_rate,
        "train_steps": run_train_steps,
        "pseudo_log_likelihood": compute_pseudo_log_likelihood,
    },
)
