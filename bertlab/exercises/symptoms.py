"""The symptom cards of notebook 18: a training of masked words in which one function is faulty, what its curves show,
and the checks that look at its functions."""

import copy
from functools import cache

import torch
from torch import Tensor, nn

from .. import checks
from ..batches import IGNORE
from .exhibits import FAULTY, READY, Adam
from .museum import SPECIAL, TOKENIZER, WithLoss, encode, make_word_model, score, write_sentences

STEPS, ROWS, RATE, DECAY, EVERY = 60, 16, 5e-3, 0.01, 6
FRESH = 10_000  # the number of the batch that no training reaches


class Setup:
    """The eleven functions of a training, all of them right but the one called `faulty`, and its seed."""

    def __init__(self, faulty: str = "", seed: int = 0):
        if faulty and faulty not in READY:
            raise ValueError(f"{faulty!r} is no exhibit; there are {', '.join(READY)}")
        self.seed = seed
        for name, function in READY.items():
            setattr(self, name, getattr(FAULTY, name) if name == faulty else function)


SOUND = Setup()
CARDS = {
    "the batches have no attention mask": Setup("collate"),
    "[PAD] may be masked and predicted": Setup("choose_tokens"),
    "the mean is taken before the weights": Setup("mlm_loss"),
    "the means of unequal parts are averaged": Setup("backward_in_parts"),
    "the run was resumed without Adam's averages": Setup("load_run"),
    "biases and LayerNorms are decayed": Setup("group_parameters"),
    "fresh LayerNorms are drawn around 0": Setup("init_weights"),
    "Adam's averages are not corrected": Setup("adam_step"),
    "nothing is wrong, the seed is another one": Setup(seed=1),
}


# ---- The training ----------------------------------------------------------------------------------------------------


def make_batch(setup: Setup, number: int, rows: int = ROWS) -> dict[str, Tensor]:
    """Batch `number` of masked sentences, as the functions of the setup make it: (B, T)."""
    seed = 100_000 * setup.seed + number
    batch = setup.collate([encode(text) for text in write_sentences(rows, seed)])
    ids = batch["input_ids"]
    chosen = setup.choose_tokens(ids, torch.Generator().manual_seed(seed))
    return batch | {"input_ids": ids.masked_fill(chosen, TOKENIZER.mask_id), "labels": ids.masked_fill(~chosen, IGNORE)}


def make_run(setup: Setup) -> tuple[nn.Module, Adam]:
    """An untrained model with the setup's fresh weights and loss, in which each token is a place; its optimizer."""

    def compute_loss(logits: Tensor, labels: Tensor) -> Tensor:
        labels = labels.flatten()
        return setup.mlm_loss(logits.flatten(0, 1), labels.clamp(min=0), (labels != IGNORE).float())

    model = WithLoss(make_word_model(setup.seed).apply(setup.init_weights), compute_loss)
    groups = [group for group in setup.group_parameters(model, DECAY) if group["params"]]
    return model, Adam(groups, RATE, setup.adam_step)


def take_step(setup: Setup, model: nn.Module, optimizer: Adam, number: int) -> float:
    """One step on batch `number`, in two parts. Returns the loss that is reported: the mean over both parts."""
    batch, losses = make_batch(setup, number), []
    halves = [{name: tensor[half] for name, tensor in batch.items()} for half in (slice(0, 8), slice(8, None))]
    hook = model.register_forward_hook(lambda _model, _inputs, output: losses.append(output.loss.item()))
    optimizer.zero_grad()
    setup.backward_in_parts(model, halves)
    optimizer.step()
    hook.remove()
    return sum(losses) / len(losses)


def save_run(model: nn.Module, optimizer: Adam) -> dict[str, dict]:
    """What a checkpoint holds: copies of the weights and of the optimizer's averages."""
    return copy.deepcopy({"model": model.state_dict(), "optimizer": optimizer.state_dict()})


@cache
def measure_symptoms(setup: Setup, steps: int = STEPS) -> dict[str, tuple[list[int], list[float]]]:
    """Train for some steps, with a stop in the middle. Returns (steps, values) of two curves: the loss that is
    reported, and every few steps how many masked words of 200 new sentences, masked as they should be, are right (%).
    """
    fresh, run = make_batch(SOUND, FRESH, rows=200), make_run(setup)
    losses, asked, right = [], [], []
    for number in range(steps):
        if number == steps // 2:
            state, run = save_run(*run), make_run(setup)
            setup.load_run(state, *run)
        losses.append(take_step(setup, *run, number))
        if number % EVERY == EVERY - 1:
            asked.append(number)
            right.append(score(run[0], fresh))
    return {"loss in training (nats)": (list(range(steps)), losses), "masked words that are right (%)": (asked, right)}


# ---- The checks ------------------------------------------------------------------------------------------------------


def check_collate(setup: Setup) -> None:
    """A row must get the same outputs alone and beside longer rows."""
    model, rows = make_word_model(), sorted((encode(text) for text in write_sentences(12, 3)), key=len)
    nn.init.normal_(model.output.weight)
    checks.check_collate(model, setup.collate, rows)


def check_masking(setup: Setup) -> None:
    """A quarter of the words is masked, and nothing else."""
    batches = [make_batch(setup, number) for number in range(40)]
    checks.check_masking(batches, TOKENIZER.mask_id, SPECIAL, len(TOKENIZER), share=0.25, replaced=(1.0, 0.0))


def check_ignored(setup: Setup) -> None:
    """Labels of weight 0 do not count."""
    checks.check_ignored(setup.mlm_loss)


def check_accumulation(setup: Setup) -> None:
    """Two parts with different numbers of labels must give the gradients of the whole."""
    batch = make_batch(SOUND, 0)
    batch["labels"][:8, 4:] = IGNORE
    checks.check_accumulation(make_word_model(), batch, setup.backward_in_parts)


def check_resume(setup: Setup) -> None:
    """A run that was resumed must equal one that was not stopped."""
    checks.check_resume(lambda: make_run(setup), lambda *step: take_step(setup, *step), save_run, setup.load_run)


def check_decay(setup: Setup) -> None:
    """Matrices alone are decayed."""
    model, optimizer = make_run(setup)
    checks.check_decay(optimizer, model)


def check_norms(setup: Setup) -> None:
    """Fresh LayerNorms scale by 1 and shift by 0."""
    checks.check_norms(make_run(setup)[0])


def check_first_step(setup: Setup) -> None:
    """The first step moves each number by the learning rate."""
    checks.check_first_step(lambda parts: Adam(parts, RATE, setup.adam_step), RATE)


CHECKS = {f.__name__: f for f in (check_collate, check_masking, check_ignored, check_accumulation, check_resume,
                                  check_decay, check_norms, check_first_step)}  # fmt: skip
