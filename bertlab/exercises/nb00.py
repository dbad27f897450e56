"""The exercises of notebook 00, a first training: majority, accuracy, padding, one step; and two bugs to find."""

from collections import Counter
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from . import Exercise, Hint, expect, make_check, make_use
from .comparing import as_number, is_close

# ---- majority --------------------------------------------------------------------------------------------


def as_share(answer: object) -> float:
    """The answer as a number that is at most 1. Raises Hint when it is something else."""
    share = as_number(answer)
    expect(
        share <= 1,
        f"{share:g} is not a share, which lies between 0 and 1. Divide by the number of labels, and do not multiply by "
        "100.",
    )
    return share


def majority_of_ones(majority):
    share = as_share(majority([1, 1, 0]))
    expect(share != 1, "Return the share of labels that are the most frequent one, not the label itself.")
    expect(is_close(share, 2 / 3), f"Two thirds of the labels 1, 1, 0 are the same. Your function returns {share:.3f}.")


def majority_of_zeros(majority):
    share = as_share(majority([0, 0, 0, 1]))
    expect(not is_close(share, 0.25), "0.25 is the share of ones. The most frequent label here is 0.")
    expect(
        is_close(share, 0.75),
        f"Three quarters of the labels 0, 0, 0, 1 are the same. Your function returns {share:.3f}.",
    )


def majority_of_three(majority):
    share = as_number(majority([2, 2, 1, 0, 2, 1]))
    expect(
        is_close(share, 0.5),
        "There may be more than two classes. Half of the labels 2, 2, 1, 0, 2, 1 are 2. Your function returns "
        f"{share:.3f}.",
    )


def majority_of_any_labels(majority):
    share = as_number(majority([0, 9, 4, 9, 4, 9, 0]))
    expect(
        is_close(share, 3 / 7),
        "The most frequent label may be any number and stand anywhere. Of the labels 0, 9, 4, 9, 4, 9, 0 three are 9, "
        f"so the share is 0.429. Your function returns {share:.3f}.",
    )


# ---- accuracy --------------------------------------------------------------------------------------------


def accuracy_of_four(accuracy):
    logits = torch.tensor([[2.0, -1.0], [0.0, 3.0], [1.5, 0.0], [5.0, 0.2]])
    try:
        answer = accuracy(logits, torch.tensor([0, 1, 1, 0]))
    except RuntimeError as error:
        expect("tensor a (2)" not in str(error), "Take the largest logit of each row, not of each column.")
        expect("mean()" not in str(error), "torch takes no mean of True and False. Make them 1.0 and 0.0 by .float().")
        raise
    except AttributeError as error:
        expect(
            "'bool' object" not in str(error),
            "You compared something with the labels that has no rows. logits.max(-1) finds the largest logits together "
            "with their places; argmax finds the places alone.",
        )
        raise
    share = as_number(answer, "one number for the whole batch: the share of sentences that are classified correctly")
    expect(share != 3, "3 is the number of correct predictions. Divide by the number of sentences.")
    expect(
        share != 0,
        "Your function finds no row correct. The answer of a row is the place of its largest logit, here 0 or 1, and "
        "each row has its own.",
    )
    expect(share != 0.25, "0.25 is the share of wrong predictions. Did you take the smallest logit as the prediction?")
    expect(is_close(share, 0.75), f"3 of these 4 rows are correct, so it is 0.75. Your function returns {share:.3f}.")


def accuracy_below_zero(accuracy):
    logits = torch.tensor([[-5.0, -1.0], [-1.0, -2.0], [-3.0, -4.0]])
    share = float(accuracy(logits, torch.tensor([1, 1, 0])))
    expect(
        is_close(share, 2 / 3),
        "Logits may all be below zero; the prediction is still the class with the larger one. The accuracy is 0.667, "
        f"and your function returns {share:.3f}.",
    )


def accuracy_of_three_classes(accuracy):
    logits = torch.tensor([[0.1, 0.2, 0.9], [0.1, 0.8, 0.3]])
    share = float(accuracy(logits, torch.tensor([2, 1])))
    expect(
        is_close(share, 1.0),
        "With three classes the prediction may be 0, 1 or 2. Both rows are correct here, and your function returns "
        f"{share:.3f}.",
    )


# ---- pad -------------------------------------------------------------------------------------------------

SHORT, LONG = [101, 7592, 102], [101, 2023, 2143, 2001, 102]


def as_two_tensors(pad, rows) -> tuple[Tensor, Tensor]:
    """What `pad` returns for the rows. Raises Hint unless it is two tensors, or when it changes the rows."""
    given = [list(row) for row in rows]
    try:
        answer = pad(given)
    except ValueError as error:
        raise Hint(
            "Your rows differ in length, so they are no rectangle. Fill each row with zeros until it is as long as the "
            f"longest one. torch's error: {error}"
        ) from None
    expect(
        given == rows, "Your function changed the lists that it was given. Make new ones: row + [0] * 2, for example."
    )
    expect(
        isinstance(answer, tuple | list) and len(answer) == 2 and all(isinstance(part, Tensor) for part in answer),
        "Return two tensors: input_ids, attention_mask.",
    )
    return tuple(answer)


def pad_ids(pad):
    ids, _ = as_two_tensors(pad, [SHORT, LONG])
    expect(
        ids.dim() == 2 and len(ids) == 2,
        f"input_ids has one row for each sentence, so its shape is (2, 5) here. Yours has shape {tuple(ids.shape)}.",
    )
    expect(
        ids.shape[1] == 5,
        f"The rows are as long as the longest sentence, which has 5 tokens here. Yours have {ids.shape[1]} tokens. "
        "Longer rows cost time, and shorter ones lose words.",
    )
    expect(
        ids[0].tolist() != [0, 0, *SHORT], "Put the zeros after the sentence: BERT expects [CLS] as the first token."
    )
    expect(
        ids.tolist() == [[*SHORT, 0, 0], LONG],
        f"The first row should be {[*SHORT, 0, 0]}. Yours is {ids[0].tolist()}.",
    )


def pad_mask(pad):
    ids, mask = as_two_tensors(pad, [SHORT, LONG])
    expect(mask.shape == ids.shape, f"attention_mask has the shape of input_ids. Yours has shape {tuple(mask.shape)}.")
    rows = mask.long().tolist()
    expect(
        rows != [[1] * 5] * 2,
        "Your mask is 1 everywhere, so the model would read the padding. Set it to 0 at each [PAD].",
    )
    expect(rows != [[0, 0, 0, 1, 1], [0] * 5], "Your mask is inverted: 1 marks a token to be read, 0 marks padding.")
    expect(
        rows == [[1, 1, 1, 0, 0], [1] * 5], f"The first row of the mask should be [1, 1, 1, 0, 0]. Yours is {rows[0]}."
    )


def pad_types(pad):
    ids, mask = as_two_tensors(pad, [LONG])
    expect(
        not ids.is_floating_point(),
        "Ids are whole numbers: an embedding table has no row 101.0. Give torch integers, or dtype=torch.long.",
    )
    expect(ids.tolist() == [LONG] and mask.long().tolist() == [[1] * 5], "A single sentence needs no padding.")


def pad_three_rows(pad):
    rows = [[101, 7, 8, 9, 7, 8, 102], [101, 102], [101, 9, 102]]
    ids, mask = as_two_tensors(pad, rows)
    expect(not mask.is_floating_point(), "The mask holds whole numbers as well: 1 and 0, without a decimal point.")
    expect(
        ids.tolist() == [row + [0] * (7 - len(row)) for row in rows],
        "For rows of 7, 2 and 3 tokens the ids are wrong. Each row, in its place, is filled up to 7 tokens.",
    )
    expect(
        mask.long().tolist() == [[1] * size + [0] * (7 - size) for size in (7, 2, 3)],
        f"For rows of 7, 2 and 3 tokens the mask is wrong. It is {mask.long().tolist()}.",
    )


# ---- train_step ------------------------------------------------------------------------------------------


class Output(SimpleNamespace):
    """Like an output of `transformers`: output.loss, output["loss"] and output[0] are the same."""

    def __getitem__(self, key: str | int) -> Tensor:
        return vars(self)[key] if isinstance(key, str) else list(vars(self).values())[key]


class OneWeight(nn.Module):
    """A model with loss = w * w + 1/4 and w = 2 at first: a step with rate 0.25 halves w. It counts the backward
    passes."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(2.0))
        self.backwards, self.taken = 0, False
        self.w.register_hook(self.count_backward)

    def count_backward(self, gradient: Tensor) -> None:
        self.backwards += 1

    def forward(self, input_ids=None, attention_mask=None, labels=None) -> SimpleNamespace:
        expect(not isinstance(input_ids, dict), "Unpack the batch into named arguments: model(**batch).")
        expect(labels is not None, "The model was called without labels, so there is no loss. Pass it the whole batch.")
        expect(
            input_ids is None or attention_mask is not None,
            "The model was called without the attention mask, so it would read padding. Pass it the whole batch.",
        )
        return Output(loss=self.w * self.w + 0.25, logits=self.w)


def run_steps(train_step, times: int = 1) -> tuple[OneWeight, object]:
    """The model after some steps, and what the last one returned."""
    model, answer = OneWeight(), None
    optimizer = torch.optim.SGD(model.parameters(), lr=0.25)
    optimizer.register_step_post_hook(lambda *_: setattr(model, "taken", True))
    batch = {name: torch.ones(1, 1, dtype=torch.long) for name in ("input_ids", "attention_mask", "labels")}
    for _ in range(times):
        given = dict(batch)
        try:
            answer = train_step(model, given, optimizer)
        except AttributeError as error:
            expect(
                "'float' object has no attribute 'backward'" not in str(error),
                "item() makes a plain number of the loss, and backward() needs the tensor. Call item() at the end.",
            )
            raise
        expect(given.keys() == batch.keys(), "Your function takes something out of the batch, which may be used again.")
    return model, answer


def step_moves(train_step):
    model, _ = run_steps(train_step)
    expect(model.backwards, "No gradient was computed: call backward() on the loss.")
    moved = model.w.item() != 2.0
    expect(
        moved or model.w.grad is not None,
        "The gradients were cleared before the step could use them. Call zero_grad before backward, or after step.",
    )
    expect(moved, "There is a gradient, but the weight did not change. Call optimizer.step() after backward().")
    expect(model.taken, "The weight moved, but not by the optimizer that was passed. Call its step().")
    expect(
        is_close(model.w.item(), 1.0), f"One step should change the weight from 2 to 1. It became {model.w.item():g}."
    )


def step_forgets(train_step):
    model, _ = run_steps(train_step, times=2)
    expect(
        not is_close(model.w.item(), -0.5),
        "The second step used the gradient of the first one again, because PyTorch adds gradients up. Clear them with "
        "zero_grad().",
    )
    expect(is_close(model.w.item(), 0.5), f"Two steps should change the weight to 0.5. It became {model.w.item():g}.")


def step_returns(train_step):
    _, loss = run_steps(train_step)
    expect(loss is not None, "The step is right. Now return the loss, so that it can be plotted.")
    expect(
        not isinstance(loss, Tensor),
        "Return a plain number, loss.item(). A tensor would keep the whole computation in memory.",
    )
    loss = as_number(loss, "one number, the loss")
    expect(is_close(loss, 4.25), f"The loss of the batch was 4.25 before the step. Your function returns {loss:g}.")


# ---- two bugs to find ------------------------------------------------------------------------------------


def prepares_what_moves(prepare):
    answer = prepare(OneWeight)
    expect(isinstance(answer, tuple | list) and len(answer) == 2, "Return the model and its optimizer.")
    model, optimizer = answer
    expect(isinstance(model, OneWeight), "Return the model and its optimizer.")
    model(labels=torch.tensor([1])).loss.backward()
    optimizer.step()
    expect(
        model.w.item() != 2.0,
        "After backward() and step() the weight of the returned model is still 2, although its gradient is not 0.",
    )
    expect(is_close(model.w.item(), 1.0), f"One step should change the weight from 2 to 1. It is {model.w.item():g}.")


def as_rows(answer: object) -> tuple[list, list]:
    """The shuffled texts and labels. Raises Hint unless they are two lists, or something like lists."""
    rows = [list(part) for part in answer] if answer is not None else []
    expect(len(rows) == 2, "Return two lists, the texts and the labels.")
    return rows[0], rows[1]


def shuffles_both(shuffle_rows):
    texts = [f"text {number}" for number in range(20)]
    got_texts, got_labels = as_rows(shuffle_rows(list(texts), list(range(20)), 0))
    expect(sorted(got_texts) == sorted(texts), "Each text should still be there once.")
    expect(got_texts != texts, "The texts are still in their old order.")
    wrong = sum(text != f"text {label}" for text, label in zip(got_texts, got_labels, strict=True))
    expect(not wrong, f"{wrong} of 20 texts have the label of another text.")


def shuffles_by_seed(shuffle_rows):
    texts, labels = [f"text {number}" for number in range(20)], list(range(20))

    def run(seed: int) -> tuple[list, list]:
        given = list(texts), list(labels)
        rows = as_rows(shuffle_rows(*given, seed))
        expect(given == (texts, labels), "A list that was passed has changed. Shuffle a new list.")
        return rows

    expect(run(1) == run(1), "The same seed should give the same order.")
    expect(run(1) != run(2), "Another seed should give another order.")


# ---- what the notebook uses until the learner has written it ----------------------------------------------


def take_step(model, batch, optimizer):
    loss = model(**batch).loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def pad_rows(rows):
    longest = max(map(len, rows))
    input_ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return input_ids, torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])


def share_most_frequent(labels):
    return Counter(labels).most_common(1)[0][1] / len(labels)


def share_right(logits, labels):
    return (logits.argmax(dim=-1) == labels).float().mean().item()


EXERCISES = {
    "majority": Exercise(
        "How often is it right to give the most frequent label always?",
        1,
        3,
        (majority_of_ones, majority_of_zeros, majority_of_three, majority_of_any_labels),
    ),
    "accuracy": Exercise(
        "The share of sentences whose largest logit is that of the label.",
        1,
        5,
        (accuracy_of_four, accuracy_below_zero, accuracy_of_three_classes),
    ),
    "pad": Exercise(
        "Make one rectangle from sentences of different lengths, and a mask.",
        2,
        8,
        (pad_ids, pad_mask, pad_types, pad_three_rows),
    ),
    "train_step": Exercise(
        "Write one step of training, which the broken sample lacked.",
        2,
        8,
        (step_moves, step_forgets, step_returns),
    ),
}

BUGS = {
    "prepare": Exercise("Find the bug: a model that never moves.", 1, 5, (prepares_what_moves,)),
    "shuffle_rows": Exercise("Find the bug: labels that teach nothing.", 1, 5, (shuffles_both, shuffles_by_seed)),
}
check = make_check(EXERCISES | BUGS)
use = make_use(
    check, {"majority": share_most_frequent, "accuracy": share_right, "pad": pad_rows, "train_step": take_step}
)
