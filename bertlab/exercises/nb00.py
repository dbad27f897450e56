"""The exercises of notebook 00, a first training: the majority baseline, accuracy, padding, one training step."""

from types import SimpleNamespace

import torch
from torch import Tensor, nn

from . import Exercise, checker, expect

# ---- majority --------------------------------------------------------------------------------------------


def share(answer: object, name: str = "a share") -> float:
    """The answer as a number between 0 and 1, or a hint."""
    number = isinstance(answer, int | float) or (isinstance(answer, Tensor) and answer.numel() == 1)
    expect(number, f"Return one number. Yours is {'None' if answer is None else 'a ' + type(answer).__name__}.")
    expect(float(answer) <= 1, f"{float(answer):g} is no share. Divide by how many there are.")
    return float(answer)


def majority_of_ones(majority):
    got = share(majority([1, 1, 0]))
    expect(got != 1, "Return how often the most frequent label occurs, as a share of all labels, not the label.")
    expect(abs(got - 2 / 3) < 1e-6, f"Of the labels 1, 1, 0 two thirds are the same. You say {got:.3f}.")


def majority_of_zeros(majority):
    got = share(majority([0, 0, 0, 1]))
    expect(abs(got - 0.25) > 1e-6, "0.25 is the share of ones. The most frequent label here is 0.")
    expect(abs(got - 0.75) < 1e-6, f"Of the labels 0, 0, 0, 1 three quarters are the same. You say {got:.3f}.")


def majority_of_three(majority):
    got = share(majority([2, 2, 1, 0, 2, 1]))
    expect(
        abs(got - 0.5) < 1e-6,
        f"There may be more than two classes. Label 2 stands in half of 2, 2, 1, 0, 2, 1. You say {got:.3f}.",
    )


# ---- accuracy --------------------------------------------------------------------------------------------


def accuracy_of_four(accuracy):
    logits = torch.tensor([[2.0, -1.0], [0.0, 3.0], [1.0, 0.0], [5.0, 0.2]])
    try:
        got = accuracy(logits, torch.tensor([0, 1, 1, 0]))
    except RuntimeError as error:
        expect("tensor a (2)" not in str(error), "Take the largest logit of each row, not of each column: 4 guesses.")
        raise
    expect(
        isinstance(got, int | float | Tensor) and torch.as_tensor(got).numel() == 1,
        "Return one number for the whole batch: the share of sentences that are right.",
    )
    expect(float(got) != 3, "3 is how many are right. Divide by how many sentences there are.")
    expect(float(got) != 0.25, "0.25 is the share of wrong ones, or the smallest logit was taken for the guess.")
    expect(abs(float(got) - 0.75) < 1e-6, f"3 of these 4 rows are right, so 0.75. You say {float(got):.3f}.")


def accuracy_below_zero(accuracy):
    logits = torch.tensor([[-5.0, -1.0], [-1.0, -2.0], [-3.0, -4.0]])
    got = float(accuracy(logits, torch.tensor([1, 1, 0])))
    expect(
        abs(got - 2 / 3) < 1e-6,
        f"Logits may all be below zero; the guess is the larger one all the same. Right is 0.667, you say {got:.3f}.",
    )


def accuracy_of_three_classes(accuracy):
    logits = torch.tensor([[0.1, 0.2, 0.9], [0.8, 0.1, 0.3]])
    got = float(accuracy(logits, torch.tensor([2, 0])))
    expect(
        abs(got - 1.0) < 1e-6,
        f"With three classes the guess may be 0, 1 or 2. Both rows are right here, you say {got:.3f}.",
    )


# ---- pad -------------------------------------------------------------------------------------------------

SHORT, LONG = [101, 7592, 102], [101, 2023, 2143, 2001, 102]


def two_tensors(pad, rows) -> tuple[Tensor, Tensor]:
    got = pad(rows)
    expect(
        isinstance(got, tuple | list) and len(got) == 2 and all(isinstance(part, Tensor) for part in got),
        "Return two tensors: input_ids, attention_mask.",
    )
    return tuple(got)


def pad_ids(pad):
    ids, _ = two_tensors(pad, [SHORT, LONG])
    expect(
        ids.dim() == 2 and len(ids) == 2,
        f"input_ids has one row a sentence: shape (2, 5) here. Yours is {tuple(ids.shape)}.",
    )
    expect(
        ids.shape[1] == 5,
        f"The rows are as long as the longest sentence, 5 tokens here. Yours have {ids.shape[1]}: "
        "more costs time, less loses words.",
    )
    expect(ids[0].tolist() != [0, 0, *SHORT], "The zeros belong behind the sentence: BERT looks for [CLS] in front.")
    expect(
        ids.tolist() == [[*SHORT, 0, 0], LONG],
        f"The first row should be {[*SHORT, 0, 0]}. Yours is {ids[0].tolist()}.",
    )


def pad_mask(pad):
    ids, mask = two_tensors(pad, [SHORT, LONG])
    expect(mask.shape == ids.shape, f"attention_mask has the shape of input_ids. Yours is {tuple(mask.shape)}.")
    got = mask.long().tolist()
    expect(
        got != [[1] * 5] * 2, "Your mask is 1 everywhere, so the model would read the padding. It is 0 on each [PAD]."
    )
    expect(got != [[0, 0, 0, 1, 1], [0] * 5], "Your mask is turned around: 1 is a token to be read, 0 is padding.")
    expect(got == [[1, 1, 1, 0, 0], [1] * 5], f"The first row of the mask should be [1, 1, 1, 0, 0]: {got[0]}.")


def pad_types(pad):
    ids, mask = two_tensors(pad, [LONG])
    expect(
        not ids.is_floating_point(),
        "Ids are whole numbers: an embedding table cannot be asked for row 101.0. Give torch a dtype, or ints.",
    )
    expect(ids.tolist() == [LONG] and mask.long().tolist() == [[1] * 5], "One sentence alone needs no padding.")


# ---- train_step ------------------------------------------------------------------------------------------


class OneWeight(nn.Module):
    """loss = w * w, w = 2 at first. With rate 0.25 a step halves w. It counts the backward passes."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(2.0))
        self.backwards = 0
        self.w.register_hook(self.count)

    def count(self, gradient: Tensor) -> None:
        self.backwards += 1

    def forward(self, input_ids=None, labels=None) -> SimpleNamespace:
        expect(labels is not None, "The model was called without labels, so it has no loss. Hand it the whole batch.")
        return SimpleNamespace(loss=self.w * self.w, logits=self.w)


def a_step(train_step, times: int = 1) -> tuple[OneWeight, object]:
    """The model after so many steps, and what the last one returned."""
    model, got = OneWeight(), None
    optimizer = torch.optim.SGD(model.parameters(), lr=0.25)
    for _ in range(times):
        got = train_step(model, {"input_ids": torch.tensor([[101]]), "labels": torch.tensor([1])}, optimizer)
    return model, got


def step_moves(train_step):
    model, _ = a_step(train_step)
    expect(model.backwards, "No gradient was computed: call backward() on the loss.")
    moved = model.w.item() != 2.0
    expect(
        moved or model.w.grad is not None,
        "The gradients were thrown away before the step could use them. Call zero_grad before backward, or after step.",
    )
    expect(moved, "There is a gradient, but the weight did not move. optimizer.step() comes after backward().")
    expect(abs(model.w.item() - 1.0) < 1e-6, f"One step should take the weight from 2 to 1. It is {model.w.item():g}.")


def step_forgets(train_step):
    model, _ = a_step(train_step, times=2)
    expect(
        abs(model.w.item() + 0.5) > 1e-6,
        "The second step used the first one's gradient again: PyTorch adds gradients up. Clear them with zero_grad().",
    )
    expect(abs(model.w.item() - 0.5) < 1e-6, f"Two steps should take the weight to 0.5. It is {model.w.item():g}.")


def step_returns(train_step):
    _, got = a_step(train_step)
    expect(got is not None, "The step is right. Now return the loss, so that it can be drawn.")
    expect(
        not isinstance(got, Tensor),
        "Return a plain number, loss.item(). A tensor would keep the whole computation in memory.",
    )
    expect(abs(got - 4.0) < 1e-6, f"The loss of the batch was 4 before the step. You return {got:g}.")


EXERCISES = {
    "majority": Exercise(
        "How often is one right who always names the most frequent label?",
        1,
        3,
        (majority_of_ones, majority_of_zeros, majority_of_three),
    ),
    "accuracy": Exercise(
        "The share of sentences whose largest logit is that of the label.",
        1,
        5,
        (accuracy_of_four, accuracy_below_zero, accuracy_of_three_classes),
    ),
    "pad": Exercise(
        "Make one rectangle of sentences of different length, and a mask.", 2, 8, (pad_ids, pad_mask, pad_types)
    ),
    "train_step": Exercise(
        "One step of training: the four lines that the broken sample lacked.",
        2,
        8,
        (step_moves, step_forgets, step_returns),
    ),
}

check = checker(EXERCISES)
