"""The exercises of notebook 10, classification: the head, the loop, an interval, macro F1; and three bugs to find."""

import math
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..heads import Classifier, Output
from ..model import BertConfig
from ..tasks import measure_calibration, score_classes
from . import Exercise, Hint, expect, make_check, make_use
from .comparing import as_number, is_close

# ---- paired_difference -----------------------------------------------------------------------------------


def compute_paired_difference(first: Sequence[bool], second: Sequence[bool]) -> tuple[float, float]:
    """(difference of the accuracies, half the width of its 95% interval) of two classifiers on the same N texts."""
    gains = [float(a) - float(b) for a, b in zip(first, second, strict=True)]
    mean = sum(gains) / len(gains)
    variance = sum((gain - mean) ** 2 for gain in gains) / len(gains)
    return mean, 1.96 * math.sqrt(variance / len(gains))


FIRST = [True] * 70 + [False] * 10 + [True] * 15 + [False] * 5  # 85 of 100 right
SECOND = [True] * 70 + [False] * 10 + [False] * 15 + [True] * 5  # 75 of 100 right; they differ on 20 texts


def run_paired_difference(paired_difference, first: list, second: list) -> tuple[float, float]:
    try:
        answer = paired_difference(list(first), list(second))
    except (TypeError, RuntimeError) as error:
        if "bool" in str(error):
            raise Hint("NumPy and PyTorch refuse to subtract booleans. Turn both lists into floats first.") from None
        raise
    expect(
        isinstance(answer, tuple | list | np.ndarray | Tensor) and np.shape(answer) == (2,),
        "Return two numbers: the difference of the accuracies, and half the width of the interval.",
    )
    difference, half = (as_number(number, "two numbers") for number in answer)
    return difference, half


def difference_of_accuracies(paired_difference):
    difference, half = run_paired_difference(paired_difference, FIRST, SECOND)
    expect(
        not is_close(half, 0.1),
        "The second number is the difference of the accuracies. Return it first, and then half the width.",
    )
    expect(
        not is_close((difference + half) / 2, 0.1),
        "These are the two ends of the interval. Return its middle and half its width.",
    )
    expect(
        not is_close(difference, 0.5),
        "You took the mean over those texts alone on which the two differ. The others have the gain 0, and they count.",
    )
    expect(
        not is_close(difference, 10), "Return shares: 85% and 75% differ by 0.10. You returned the texts, or points."
    )
    expect(not is_close(difference, -0.1), "The first classifier is better here, so the difference is positive.")
    expect(not is_close(difference, 0.2), "You counted the texts on which the two differ, whichever of them is right.")
    expect(is_close(difference, 0.1), f"85% and 75% differ by 0.10. Your function returns {difference:.3f}.")


def interval_of_pairs(paired_difference):
    _, half = run_paired_difference(paired_difference, FIRST, SECOND)
    _, expected = compute_paired_difference(FIRST, SECOND)
    deviation = math.sqrt(0.2 - 0.1**2)  # of the gains
    unpaired = math.sqrt((0.85 * 0.15 + 0.75 * 0.25) / 100)
    mistakes = {
        "You treated the two as if they had taken different exams. Subtract text by text first: 1, 0 or -1. On most "
        "texts both are right or both are wrong, which tells you how far you can trust the difference.":
            (unpaired, 1.96 * unpaired),
        "This is how much single texts differ. A mean of N texts varies less: divide by the square root of N.":
            (deviation, 1.96 * deviation),
        "You divided by N. The deviation of a mean is that of one text divided by the square root of N.":
            (deviation / 100, 1.96 * deviation / 100),
        "This is one standard error. A 95% interval reaches 1.96 standard errors to each side.": (deviation / 10,),
        "This is the whole width of the interval. Return the half: the distance from the middle to either end.":
            (2 * expected,),
        "The factor of a 95% interval is 1.96. Yours is another one.":
            (0.2 * deviation, 0.1645 * deviation, 0.2576 * deviation),
        "You forgot to subtract the mean from each gain before you square it.": (0.196 * math.sqrt(0.2),),
        "You forgot to take the square root of the variance.": (1.96 * deviation**2 / 100, 1.96 * deviation**2 / 10),
    }  # fmt: skip
    for hint, values in mistakes.items():
        expect(not any(is_close(half, value) for value in values), hint)
    expect(is_close(half, expected, 1e-3), f"Here it is about {expected:.3f}. Your function returns {half:.3f}.")


def interval_of_twins(paired_difference):
    difference, half = run_paired_difference(paired_difference, FIRST, FIRST)
    expect(
        is_close(difference, 0.0) and is_close(half, 0.0),
        "A classifier that answers every text like the other one differs from it by 0, with no doubt: the interval has "
        f"the width 0. Your function returns {difference:.3f} and {half:.3f}.",
    )


def interval_of_a_worse_one(paired_difference):
    first, second = [True] * 4 + [False] * 20, [True] * 3 + [False] * 9 + [True] * 12  # 4 and 15 of 24
    difference, half = run_paired_difference(paired_difference, first, second)
    expected = compute_paired_difference(first, second)
    expect(
        is_close(difference, expected[0]),
        "When only the second classifier is right, the gain is -1. Here 4 and 15 of 24 texts are right, so the "
        f"difference is {expected[0]:.3f}. Your function returns {difference:.3f}.",
    )
    expect(
        is_close(half, expected[1], 5e-3),  # N - 1 is as good as N
        f"With 24 texts instead of 100, half the width is about {expected[1]:.3f}. Your function returns {half:.3f}. "
        "N is the length of the lists.",
    )


# ---- head_logits -----------------------------------------------------------------------------------------


def compute_head_logits(hidden: Tensor, head) -> Tensor:
    """Logits (B, C) of the vectors (B, T, D), by the parts of a head: pooler, dropout, output."""
    return head.output(head.dropout(torch.tanh(head.pooler(hidden[:, 0]))))


def make_head(seed: int, D: int, C: int, dropout: Callable = lambda x: x) -> SimpleNamespace:
    """The parts of a head with random weights; `dropout` is a function that a test can recognise."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        pooler, output = (nn.Linear(D, size).double().requires_grad_(False) for size in (D, C))
    return SimpleNamespace(pooler=pooler, dropout=dropout, output=output)


def draw_vectors(seed: int, B: int, T: int, D: int) -> Tensor:
    return torch.randn(B, T, D, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def head_shape(head_logits):
    try:
        answer = head_logits(draw_vectors(0, 5, 4, 3), make_head(0, 3, 2))
    except RuntimeError as error:
        raise Hint(
            "A layer reads numbers of the wrong shape. head.pooler reads one vector of each text, (B, D), which is "
            f"hidden[:, 0], and head.output reads what the pooler and tanh have made of it. PyTorch says: {error}"
        ) from None
    expect(isinstance(answer, Tensor), "Return a tensor of logits (B, C).")
    expect(
        answer.shape != (5, 4, 2),
        "You computed logits for every token. A text has one label: read the first token, hidden[:, 0].",
    )
    expect(
        answer.shape != (4, 2),
        "Your logits have a row for each of the 4 tokens, not for each of the 5 texts. The first axis of hidden is "
        "the texts: hidden[0] is the first text, and the first token of each text is hidden[:, 0].",
    )
    expect(
        answer.shape == (5, 2),
        f"hidden is (5, 4, 3) and there are 2 classes, so the logits are (5, 2), not {tuple(answer.shape)}.",
    )


def head_values(head_logits):
    head, hidden = make_head(1, 5, 3), draw_vectors(1, 3, 4, 5)
    answer, expected = head_logits(hidden.clone(), head), compute_head_logits(hidden, head)
    expect(
        is_close(answer, head_logits(hidden.clone(), head)),
        "Your function returns other numbers each time, so it drops numbers by itself. Use head.dropout, which "
        "model.eval() switches off.",
    )

    def read(vectors: Tensor, activation: Callable = torch.tanh) -> Tensor:
        return head.output(activation(head.pooler(vectors)))

    mistakes = {
        "These are probabilities. Return the logits: cross_entropy applies the softmax itself, and with two of them "
        "the gradients become too small to learn from.": expected.softmax(-1),
        "These are probabilities of a sigmoid. Return the logits.": expected.sigmoid(),
        "These are log-probabilities. Return the logits.": expected.log_softmax(-1),
        "You took the mean over the tokens. In a padded batch it would include [PAD], and BERT's pooler reads [CLS] "
        "alone: hidden[:, 0].": read(hidden.mean(1)),
        "You read the last token, which is [SEP] or [PAD]. Read the first.": read(hidden[:, -1]),
        "You took the maximum over the tokens. Read [CLS] alone.": read(hidden.max(1).values),
        "The tanh of the pooler is missing. Without it, pooler and output would be one linear layer.":
            read(hidden[:, 0], lambda x: x),
        "You added up the tokens. Read [CLS] alone, hidden[:, 0].": read(hidden.sum(1)),
        "You read the second token. Counting starts at 0.": read(hidden[:, 1]),
        "BERT's pooler has a tanh, not a ReLU.": read(hidden[:, 0], torch.relu),
        "BERT's pooler has a tanh, not a GELU.": read(hidden[:, 0], F.gelu),
        "BERT's pooler has a tanh, not a sigmoid.": read(hidden[:, 0], torch.sigmoid),
        "The tanh comes after head.pooler, not before it.": read(torch.tanh(hidden[:, 0]), lambda x: x),
        "The pooler is missing: head.output reads tanh(head.pooler(...)).": head.output(hidden[:, 0]),
        "head.pooler is missing: the tanh is taken of what it returns.": head.output(torch.tanh(hidden[:, 0])),
        "The tanh belongs to the pooler. The logits may be of any size.": expected.tanh(),
    }  # fmt: skip
    for hint, wrong in mistakes.items():
        expect(not is_close(answer, wrong), hint)
    expect(is_close(answer, expected), "The shape is right, but the numbers are not: pooler, tanh, dropout, output.")


def head_drops(head_logits):
    head, hidden = make_head(2, 5, 3, dropout=lambda x: 3 * x), draw_vectors(2, 3, 4, 5)  # a dropout that can be seen
    answer, pooled = head_logits(hidden.clone(), head), torch.tanh(head.pooler(hidden[:, 0]))
    expect(
        not is_close(answer, head.output(pooled)),
        "head.dropout is not used. It stands between the tanh and the last layer; in eval mode it does nothing.",
    )
    expect(
        not is_close(answer, 3 * head.output(pooled)),
        "You dropped logits: a class would then get the logit 0 by chance. Dropout comes before the last layer.",
    )
    expect(
        not is_close(answer, head.output(torch.tanh(head.pooler(3 * hidden[:, 0])))),
        "You dropped numbers of [CLS], before the pooler. BERT's head drops numbers of the pooled vector, after tanh.",
    )
    expect(is_close(answer, head.output(3 * pooled)), "Dropout comes once, after the tanh and before the last layer.")


def head_equals_the_library(head_logits):
    config = BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                        max_position_embeddings=16, initializer_range=0.5)  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Classifier(config, num_labels=3).double().eval()
    ids = torch.tensor([[2, 7, 8, 9, 3], [2, 11, 12, 13, 3]])
    head = SimpleNamespace(pooler=model.pooler.dense, dropout=model.dropout, output=model.output)
    with torch.no_grad():
        answer = head_logits(model.bert(ids), head)
        expect(is_close(answer, model(ids).logits), "Your logits are not those of bertlab's Classifier.")


# ---- fine_tune -------------------------------------------------------------------------------------------


def run_fine_tuning(
    model: nn.Module,
    batches: Iterable[dict[str, Tensor]],
    optimizer: torch.optim.Optimizer,
    rates: Iterable[float],
    without: str = "",
) -> list[float]:
    """Train on each batch with its rate, and return the losses. `without` leaves out a part: a common mistake."""
    model.train()
    losses = []
    clip = torch.nn.utils.clip_grad_value_ if without == "norm" else torch.nn.utils.clip_grad_norm_
    for batch, rate in zip(batches, rates, strict=False):
        for group in optimizer.param_groups[: 1 if without == "groups" else None]:
            group["lr"] = group["lr"] if without == "rates" else rate
        loss = model(**batch).loss
        if without != "zero_grad":
            optimizer.zero_grad()
        loss.backward()
        for part in model.parameters() if without == "whole" else [model.parameters()]:
            if without != "clip":
                clip(part, 1.0)
        if without != "step":
            optimizer.step()
        losses.append(loss.item())
    return losses


RATES = (0.05, 0.2, 0.1, 0.02)  # of the four batches
FIRST_RATE = 0.3  # which the optimizer was made with


class Recorder(nn.Module):
    """A linear classifier that remembers in which mode it was called."""

    def __init__(self):
        super().__init__()
        self.linear, self.training_flags = nn.Linear(3, 2), []
        self.linear.load_state_dict({"weight": torch.tensor([[0.1, -0.2, 0.3], [0.2, 0.1, 0.0]]),
                                     "bias": torch.tensor([0.1, -0.1])})  # fmt: skip

    def forward(self, inputs: Tensor | None = None, labels: Tensor | None = None) -> Output:
        expect(
            isinstance(inputs, Tensor) and isinstance(labels, Tensor),
            "The model reads the parts of a batch by their names: model(**batch).",
        )
        self.training_flags.append(self.training)
        logits = self.linear(inputs)
        return Output(loss=F.cross_entropy(logits, labels), logits=logits)


def make_loop(seed: int = 3) -> tuple[Recorder, list[dict], torch.optim.Optimizer, list[float]]:
    """A model, batches whose gradients are long or short, an optimizer with two groups, and a rate for each batch."""
    model, generator = Recorder().eval(), torch.Generator().manual_seed(seed)
    batches = [{"inputs": size * torch.randn(4, 3, generator=generator),
                "labels": torch.randint(2, (4,), generator=generator)} for size in (6.0, 0.5, 9.0, 1.0)]  # fmt: skip
    groups = [{"params": [model.linear.weight]}, {"params": [model.linear.bias]}]
    return model, batches, torch.optim.SGD(groups, lr=FIRST_RATE), list(RATES)


def loop_returns_losses(fine_tune):
    model, batches, optimizer, rates = make_loop()
    losses = fine_tune(model, batches, optimizer, rates)
    expect(isinstance(losses, list | tuple | np.ndarray), "Return a list: the loss of each batch.")
    expect(
        len(losses) == 4,
        f"There are 4 batches, so there are 4 losses. Your list has {len(losses)}. (Is `return` in the loop?)",
    )
    expect(
        not any(isinstance(loss, Tensor) for loss in losses),
        "The losses are tensors, each of which keeps the memory of its step occupied. Keep loss.item().",
    )
    for loss in losses:
        as_number(loss, "numbers: loss.item() of each batch")
    expect(
        all(model.training_flags),
        "The model was in eval mode, so dropout was off. Call model.train() at the beginning.",
    )


def loop_takes_a_loader(fine_tune):
    model, batches, optimizer, rates = make_loop()
    try:
        fine_tune(model, torch.utils.data.DataLoader(batches, batch_size=None), optimizer, rates)
    except TypeError as error:
        raise Hint(
            "Section 11 hands over a DataLoader as `batches`. It can be read in a for loop, but it has no numbers as "
            f"a list has: {error}."
        ) from None


def get_result(fine_tune, rates: Sequence[float] = RATES, **options) -> Tensor:
    """The parameters that a loop leaves."""
    model, batches, optimizer, _ = make_loop()
    fine_tune(model, batches, optimizer, list(rates), **options)
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def step_too_early(model, batches, optimizer, rates) -> None:
    for batch, rate in zip(batches, rates, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = model(**batch).loss
        optimizer.step()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)


def loop_takes_the_right_steps(fine_tune):
    answer = get_result(fine_tune)
    mistakes = {
        "step": "The weights have not changed: optimizer.step() is missing, or zero_grad() comes between backward() "
        "and step() and deletes the gradient.",
        "zero_grad": "The gradients of all batches add up. Call optimizer.zero_grad() once for each batch.",
        "clip": "The gradient is not clipped. Call torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0) after "
        "backward() and before step(): before it there is no gradient, and after it the step is taken.",
        "rates": "All steps used the rate that the optimizer was made with. Set group['lr'] for each group of "
        "optimizer.param_groups.",
        "norm": "clip_grad_value_ cuts each number by itself, which turns the gradient. clip_grad_norm_ shortens all "
        "of it.",
        "whole": "You clipped a part of the gradient by itself. Clip it as a whole: hand over model.parameters().",
        "groups": "The rate reaches only the first group of the optimizer. There may be several: loop over "
        "optimizer.param_groups.",
    }
    for part, hint in mistakes.items():
        expect(not is_close(answer, get_result(run_fine_tuning, without=part)), hint)
    expect(
        not is_close(answer, get_result(step_too_early)),
        "Each step uses the gradient of the batch before it. Call backward() first, then step().",
    )
    expect(
        not is_close(answer, get_result(run_fine_tuning, (FIRST_RATE, *RATES[:-1]))),
        "The rate is set after the step, so each step uses the rate of the batch before it. Set it first.",
    )
    expect(
        not is_close(answer, get_result(run_fine_tuning, RATES[:1] * 4)),
        "All steps used the first rate. Each batch has a rate of its own.",
    )
    expect(
        is_close(answer, get_result(run_fine_tuning)),
        "The weights after four steps are not right. For each batch: set the rate, compute the loss, zero_grad, "
        "backward, clip the norm to 1.0, step.",
    )


def loop_keeps_the_right_losses(fine_tune):
    losses, expected = fine_tune(*make_loop(seed=4)), run_fine_tuning(*make_loop(seed=4))
    expect(
        all(is_close(float(a), b, 1e-4) for a, b in zip(losses, expected, strict=True)),
        "The weights are right, but the losses are not. Keep loss.item(), unchanged, of the loss whose gradient you "
        "computed, not of a second call after the step. They should begin with "
        f"{expected[0]:.3f} and {expected[1]:.3f}. Yours begin with {losses[0]:.3f} and {losses[1]:.3f}.",
    )


# ---- macro_f1 --------------------------------------------------------------------------------------------


def compute_f1_parts(
    truth: Sequence[str], predictions: Sequence[str], classes: Sequence[str]
) -> list[tuple[float, float, float]]:
    """(precision, recall, F1) of each class, 0 where there is nothing to count."""
    parts = []
    for label in classes:
        hits = sum(a == b == label for a, b in zip(truth, predictions, strict=True))
        predicted, occurring = predictions.count(label), truth.count(label)
        parts.append((hits / predicted if predicted else 0.0, hits / occurring if occurring else 0.0,
                      2 * hits / (predicted + occurring) if predicted + occurring else 0.0))  # fmt: skip
    return parts


def check_macro_f1(macro_f1: Callable, truth: list[str], predictions: list[str], mistakes: dict[str, float]) -> None:
    """Check an answer on one example. `mistakes` maps a hint to the number that the mistake gives."""
    try:
        answer = macro_f1(list(truth), list(predictions))
        answer = as_number(answer, "one number: the mean of the F1 of each class")
        expect(not math.isnan(answer), "Your result is not a number (nan), because 0 was divided by 0 for a class.")
    except ZeroDivisionError:
        raise Hint("You divided by zero: a class may never be predicted, or never occur. Its F1 is then 0.") from None
    for hint, value in mistakes.items():
        expect(not is_close(answer, value), hint)
    expected = score_classes(truth, predictions)["macro_f1"]
    expect(
        is_close(answer, expected),
        f"For the labels {' '.join(truth)} and the predictions {' '.join(predictions)} it is {expected:.4f}, not "
        f"{answer:.4f}. The F1 of a class is 2 hits / (times predicted + times true).",
    )


def f1_of_two(macro_f1):
    truth, predictions = list("aaaaaaab"), list("aaaaaabb")
    parts = compute_f1_parts(truth, predictions, "ab")
    precision, recall = (parts[0][i] + parts[1][i] for i in (0, 1))
    check_macro_f1(macro_f1, truth, predictions, {
        "This is the accuracy. Compute the F1 of each class first, once for each class and not for each text, and then "
        "their mean.": 7 / 8,
        "You took the mean of precision and recall. The F1 of a class is their harmonic mean.":
            (precision + recall) / 4,
        "This is the mean precision.": precision / 2,
        "This is the mean recall.": recall / 2,
        "This is the F1 of the mean precision and the mean recall. Compute the F1 of each class, then the mean.":
            precision * recall / (precision + recall),
        "You weighted the classes by how often they occur. Macro means that each class counts once.":
            (7 * parts[0][2] + parts[1][2]) / 8,
        "This is the F1 of one class alone. Take the mean over all classes.": parts[0][2],
        "This is the F1 of the last class alone. Take the mean over all classes.": parts[1][2],
        "This is the sum. Divide by the number of classes.": parts[0][2] + parts[1][2],
    })  # fmt: skip


def f1_of_three(macro_f1):
    check_macro_f1(macro_f1, list("aaabbcca"), list("aabbbcac"), {})


def f1_of_a_class_never_predicted(macro_f1):
    check_macro_f1(macro_f1, list("aaab"), list("aaaa"), {
        "A class that is never predicted has F1 0, and it counts: do not leave it out.": 6 / 7,
        "Always predicting the most frequent class does not give a good macro F1: class b has F1 0.": 3 / 4,
    })  # fmt: skip
    check_macro_f1(macro_f1, list("aabb"), list("aabc"), {
        "A class that is predicted but never occurs counts too, with F1 0. Go over the labels of both lists.":
            (1 + 2 / 3) / 2,
    })  # fmt: skip


# ---- class_loss, freeze_encoder: find the bug --------------------------------------------------------------


def loss_of_certainty(class_loss):
    sure = torch.tensor([[20.0, -20.0], [-20.0, 20.0]])
    loss = as_number(class_loss(sure.clone(), torch.tensor([0, 1])), "one number, the mean loss")
    expect(
        not is_close(loss, 0.3133, 1e-3),
        "The model is right and as good as certain, but its loss is 0.313, which is -log(e / (e + 1)). What does "
        "cross_entropy do with the numbers that it gets?",
    )
    expect(is_close(loss, 0.0, 1e-3), f"The model is right and certain, so its loss is 0, not {loss:.3f}.")


def loss_of_three(class_loss):
    logits, labels = torch.tensor([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]]), torch.tensor([1, 0])
    expected = -(logits.log_softmax(-1)[[0, 1], labels]).mean()
    loss = class_loss(logits.clone().requires_grad_(), labels)
    expect(
        isinstance(loss, Tensor) and loss.requires_grad,
        "No gradient can go back from your loss to the logits. Return the tensor of the loss, without item() or "
        "detach().",
    )
    expect(not is_close(loss, 2 * expected), "This is the sum over the texts. Return the mean.")
    expect(is_close(loss, expected), "The mean of -log softmax(logits) at the labels is not right yet.")


def frozen_encoder(freeze_encoder):
    model = nn.ModuleDict({"bert": nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), "output": nn.Linear(3, 2)})
    before = nn.utils.parameters_to_vector(model.parameters()).detach()
    freeze_encoder(model["bert"])
    frozen = [not parameter.requires_grad for parameter in model["bert"].parameters()]
    if not any(frozen):
        strange = {name for p in model["bert"].parameters() for name in vars(p)}
        new = ("But vars() of each has a new entry. Print it, and compare it with what you meant to set." if strange
               else "Set it to False for each parameter; the encoder as a whole has no such attribute.")  # fmt: skip
        raise Hint(f"requires_grad is still True for all {len(frozen)} parameters. {new}")
    expect(
        all(frozen),
        f"{sum(frozen)} of {len(frozen)} parameters are frozen. The weights and the biases of all layers have to be.",
    )
    expect(
        torch.equal(before, nn.utils.parameters_to_vector(model.parameters())),
        "Your function changes numbers of the model. The parameters stay as they are.",
    )
    expect(all(p.requires_grad for p in model["output"].parameters()), "The head must go on learning.")


# ---- calibration_error: find the bug ---------------------------------------------------------------------


def run_ece(calibration_error, confidence: list[float], correct: list[bool], bins: int) -> float:
    answer = calibration_error(list(confidence), list(correct), bins)
    return as_number(answer, "one number: the mean gap, weighted by the number of predictions in each bin")


def ece_of_two_bins(calibration_error):
    confidence, correct = [0.6, 0.7, 0.9, 0.9, 0.9], [True, False, True, True, False]
    answer = run_ece(calibration_error, confidence, correct, 2)
    expect(
        is_close(answer, 0.2),
        "All five predictions are in the upper of two bins. Their mean confidence is 0.8, and 0.6 of them are correct, "
        f"so the error is 0.2. Your function returns {answer:.3f}.",
    )


def ece_of_several_bins(calibration_error):
    confidence = [0.15, 0.55, 0.62, 0.65, 0.91, 0.95, 0.99, 0.93]
    correct = [True, True, False, False, True, True, True, False]
    calibration = measure_calibration(confidence, correct, 10)
    bins = list(zip(calibration["confidence"], calibration["right"], calibration["count"], strict=True))
    gaps = [(share - mean, n) for mean, share, n in bins]
    middle_gaps = [(share - (int(10 * mean) + 0.5) / 10, n) for mean, share, n in bins]
    answer = run_ece(calibration_error, confidence, correct, 10)
    mistakes = {
        "A bin that is too sure cancelled one that is not sure enough. At which point should a gap lose its sign?":
            abs(sum(gap * n for gap, n in gaps)) / 8,
        "You gave each bin the same weight. Weight its gap by its number of predictions.":
            sum(abs(gap) for gap, _ in gaps) / len(gaps),
        "You divided by the number of bins, with the empty ones. Weight each gap by its bin's number of predictions.":
            sum(abs(gap) for gap, _ in gaps) / 10,
        "You took the middle of each bin. Take the mean confidence of the predictions in it.":
            sum(abs(gap) * n for gap, n in middle_gaps) / 8,
        "You squared the gaps. Take their absolute values.": sum(gap * gap * n for gap, n in gaps) / 8,
        "You summed the gaps, but did not divide by the number of predictions.": sum(abs(gap) * n for gap, n in gaps),
    }  # fmt: skip
    for hint, value in mistakes.items():
        expect(not is_close(answer, value), hint)
    expect(
        is_close(answer, calibration["ece"]),
        f"For eight predictions in four of ten bins the error is {calibration['ece']:.4f}. Your function returns "
        f"{answer:.4f}.",
    )
    answer, expected = run_ece(calibration_error, confidence, correct, 5), measure_calibration(confidence, correct, 5)
    expect(
        is_close(answer, expected["ece"]),
        f"With 10 bins you are right, but with 5 the error is {expected['ece']:.4f} and not {answer:.4f}. The bin of a "
        "confidence depends on `bins`: they are as wide as each other, from 0 to 1.",
    )


def ece_of_certainty(calibration_error):
    try:
        answer = run_ece(calibration_error, [1.0, 1.0, 0.25], [True, False, True], 4)
    except IndexError:
        raise Hint(
            "A confidence of exactly 1 got a bin number that does not exist. It belongs to the last bin."
        ) from None
    expect(
        not is_close(answer, 0.25) and not is_close(answer, 0.75),
        "The two predictions with confidence 1.0 are in none of your bins. They belong to the last one.",
    )
    expect(
        is_close(answer, (2 * 0.5 + 0.75) / 3),
        "Of two predictions with confidence 1.0 one is correct, and one with confidence 0.25 is correct: "
        f"(2 * 0.5 + 0.75) / 3 = 0.583. Your function returns {answer:.3f}.",
    )


EXERCISES = {
    "paired_difference": Exercise(
        "The difference of two accuracies on the same texts, and half the width of its 95% interval.",
        2,
        10,
        (difference_of_accuracies, interval_of_pairs, interval_of_twins, interval_of_a_worse_one),
    ),
    "head_logits": Exercise(
        "From the vectors of all tokens to the logits: [CLS], pooler, tanh, dropout, output.",
        1,
        6,
        (head_shape, head_values, head_drops, head_equals_the_library),
    ),
    "fine_tune": Exercise(
        "Train on each batch with its own learning rate, and return the losses.",
        2,
        12,
        (loop_returns_losses, loop_takes_the_right_steps, loop_keeps_the_right_losses, loop_takes_a_loader),
    ),
    "macro_f1": Exercise(
        "The mean, over the classes, of the F1 of each class.",
        2,
        10,
        (f1_of_two, f1_of_three, f1_of_a_class_never_predicted),
    ),
}
BUGS = {
    "class_loss": Exercise("Find the bug: the loss of a classifier.", 1, 3, (loss_of_certainty, loss_of_three)),
    "freeze_encoder": Exercise("Find the bug: an encoder that should not learn.", 1, 3, (frozen_encoder,)),
    "calibration_error": Exercise(
        "Find the bug: the gap between confidence and accuracy.",
        2,
        5,
        (ece_of_two_bins, ece_of_several_bins, ece_of_certainty),
    ),
}
check = make_check(EXERCISES | BUGS)
use = make_use(
    check,
    {
        "paired_difference": compute_paired_difference,
        "head_logits": compute_head_logits,
        "fine_tune": run_fine_tuning,
        "macro_f1": lambda truth, predictions: score_classes(truth, predictions)["macro_f1"],
    },
)
