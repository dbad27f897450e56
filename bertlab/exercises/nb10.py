"""The exercises of notebook 10, classification: the head, truncating a pair, macro F1, and the calibration error."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..heads import Classifier
from ..model import BertConfig
from ..tasks import measure_calibration, score_classes
from . import Exercise, Hint, expect, make_check
from .comparing import as_number, is_close

# ---- head_logits -----------------------------------------------------------------------------------------


def make_head(seed: int, B: int, T: int, D: int, C: int) -> dict[str, Tensor]:
    """Vectors of B texts, and the weights of a head: the arguments of `head_logits`."""
    shapes = {"hidden": (B, T, D), "pooler_weight": (D, D), "pooler_bias": (D,), "weight": (C, D), "bias": (C,)}
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(*shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}


def compute_logits(
    head: dict[str, Tensor],
    read: Callable = lambda hidden: hidden[:, 0],
    activation: Callable = torch.tanh,
    transpose: bool = True,
) -> Tensor:
    """Logits (B, C) of the vectors that `read` takes. The other arguments stand for common mistakes."""
    matrix = head["pooler_weight"].T if transpose else head["pooler_weight"]
    return activation(read(head["hidden"]) @ matrix + head["pooler_bias"]) @ head["weight"].T + head["bias"]


def head_shape(head_logits):
    answer = head_logits(**make_head(0, 5, 4, 3, 2))
    expect(isinstance(answer, Tensor), "Return a tensor of logits (B, C).")
    expect(
        answer.shape != (5, 4, 2),
        "You computed logits for every token. A text has one label: read the first token, hidden[:, 0].",
    )
    expect(
        answer.shape == (5, 2),
        f"hidden is (5, 4, 3) and weight is (2, 3), so the logits are (5, 2), not {tuple(answer.shape)}.",
    )


def head_values(head_logits):
    head = make_head(1, 3, 4, 5, 3)
    answer, expected = head_logits(**head), compute_logits(head)
    mistakes = {
        "These are probabilities. Return the logits: cross_entropy applies the softmax itself, and with two of them "
        "the gradients become too small to learn from.": expected.softmax(-1),
        "These are log-probabilities. Return the logits.": expected.log_softmax(-1),
        "You took the mean over the tokens. In a padded batch it would include [PAD], and BERT's pooler reads [CLS] "
        "alone: hidden[:, 0].": compute_logits(head, lambda hidden: hidden.mean(1)),
        "You read the last token, which is [SEP] or [PAD]. Read the first.": compute_logits(
            head, lambda hidden: hidden[:, -1]
        ),
        "You took the maximum over the tokens. Read [CLS] alone.": compute_logits(
            head, lambda hidden: hidden.max(1).values
        ),
        "The tanh of the pooler is missing.": compute_logits(head, activation=lambda x: x),
        "BERT's pooler has a tanh, not a ReLU.": compute_logits(head, activation=torch.relu),
        "The pooler's matrix is (out, in), as in nn.Linear: multiply by its transpose.": compute_logits(
            head, transpose=False
        ),
        "The bias of the last layer is missing.": expected - head["bias"],
        "The bias of the pooler is missing.": compute_logits(head | {"pooler_bias": torch.zeros(5).double()}),
    }
    for hint, wrong in mistakes.items():
        expect(not is_close(answer, wrong), hint)
    expect(is_close(answer, expected), "The shape is right, but the numbers are not: tanh(cls W_p^T + b_p) W^T + b.")


def head_equals_the_library(head_logits):
    config = BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                        max_position_embeddings=16, initializer_range=0.5)  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Classifier(config, num_labels=3).double().eval()
    ids = torch.tensor([[2, 7, 8, 9, 3], [2, 11, 12, 13, 3]])
    with torch.no_grad():
        answer = head_logits(model.bert(ids), model.pooler.dense.weight, model.pooler.dense.bias, model.output.weight,
                             model.output.bias)  # fmt: skip
        expect(is_close(answer, model(ids).logits), "Your logits are not those of bertlab's Classifier.")


# ---- cut_pair --------------------------------------------------------------------------------------------

A, B = [f"a{i}" for i in range(9)], [f"b{i}" for i in range(9)]


def run_cut_pair(cut_pair, a: list, b: list, room: int) -> tuple[list, list]:
    """The two lists that `cut_pair` returns. Raises Hint unless each is the beginning of the given list."""
    answer = cut_pair(list(a), list(b), room)
    expect(isinstance(answer, tuple | list) and len(answer) == 2, "Return two lists.")
    first, second = map(list, answer)
    for cut, whole in ((first, a), (second, b)):
        expect(
            cut != whole[len(whole) - len(cut) :] or len(cut) in (0, len(whole)),
            "You removed tokens from the beginning. Remove them from the end.",
        )
        expect(cut == whole[: len(cut)], f"{cut} is not the beginning of {whole}.")
    return first, second


def cut_longer_first(cut_pair):
    first, second = run_cut_pair(cut_pair, A[:8], B[:3], 7)
    lengths = len(first), len(second)
    expect(sum(lengths) <= 7, f"{lengths[0]} and {lengths[1]} tokens do not fit into a room of 7.")
    expect(lengths != (7, 0), "You let the first text take all the room. Nothing of the second one is left to compare.")
    expect(
        lengths != (3, 3), "You halved the room. The short text does not need its half, so the long one may have more."
    )
    expect(lengths != (5, 2), "You cut both in proportion. Remove one token at a time from whichever is longer.")
    expect(lengths == (4, 3), f"With 8 and 3 tokens and room for 7, the longer one loses 4: (4, 3), not {lengths}.")


def cut_second_is_longer(cut_pair):
    try:
        first, second = run_cut_pair(cut_pair, A[:2], B[:9], 6)
    except IndexError:
        raise Hint(
            "You removed a token from a list that was already empty. Either text may be the longer one."
        ) from None
    expect(
        (len(first), len(second)) == (2, 4),
        f"With 2 and 9 tokens and room for 6 the result is (2, 4), not {(len(first), len(second))}. Either text may be "
        "the longer one.",
    )


def cut_until_both_are_cut(cut_pair):
    first, second = run_cut_pair(cut_pair, A, B[:6], 8)
    expect(
        (len(first), len(second)) == (4, 4),
        "With 9 and 6 tokens and room for 8, once the longer one is as short as the other, both lose tokens in turn, "
        f"and 4 and 4 are left, not {len(first)} and {len(second)}.",
    )
    first, second = run_cut_pair(cut_pair, A, B, 7)
    expect(sorted((len(first), len(second))) == [3, 4], "With 9 and 9 tokens and room for 7, 3 and 4 are left.")


def cut_nothing_that_fits(cut_pair):
    first, second = run_cut_pair(cut_pair, A[:4], B[:2], 6)
    expect((len(first), len(second)) == (4, 2), "4 and 2 tokens fit into a room of 6. Remove nothing.")
    given = list(A), list(B)
    cut_pair(*given, 5)
    expect(given == (A, B), "You changed the lists that were passed. Copy them before you pop, or take slices.")


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
    except ZeroDivisionError:
        raise Hint("You divided by zero: a class may never be predicted, or never occur. Its F1 is then 0.") from None
    answer = as_number(answer, "one number: the mean of the F1 of each class")
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
        "This is the accuracy. Compute the F1 of each class first, and then their mean.": 7 / 8,
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


# ---- ece -------------------------------------------------------------------------------------------------


def run_ece(ece, confidence: list[float], correct: list[bool], bins: int) -> float:
    answer = ece(list(confidence), list(correct), bins)
    return as_number(answer, "one number: the mean gap, weighted by the number of predictions in each bin")


def ece_of_two_bins(ece):
    confidence, correct = [0.6, 0.7, 0.9, 0.9, 0.9], [True, False, True, True, False]
    answer = run_ece(ece, confidence, correct, 2)
    expect(
        is_close(answer, 0.2),
        "All five predictions are in the upper of two bins. Their mean confidence is 0.8, and 0.6 of them are correct, "
        f"so the error is 0.2. Your function returns {answer:.3f}.",
    )


def ece_of_several_bins(ece):
    confidence = [0.15, 0.55, 0.62, 0.65, 0.91, 0.95, 0.99, 0.93]
    correct = [True, True, False, False, True, True, True, False]
    calibration = measure_calibration(confidence, correct, 10)
    bins = list(zip(calibration["confidence"], calibration["right"], calibration["count"], strict=True))
    gaps = [(share - mean, n) for mean, share, n in bins]
    middle_gaps = [(share - (int(10 * mean) + 0.5) / 10, n) for mean, share, n in bins]
    answer = run_ece(ece, confidence, correct, 10)
    mistakes = {
        "Gaps above and below the diagonal cancelled each other out. Take the absolute value of each gap.":
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


def ece_of_certainty(ece):
    try:
        answer = run_ece(ece, [1.0, 1.0, 0.25], [True, False, True], 4)
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
    "head_logits": Exercise(
        "From the vectors of all tokens to the logits: [CLS], the pooler's layer and tanh, the last layer.",
        1,
        8,
        (head_shape, head_values, head_equals_the_library),
    ),
    "cut_pair": Exercise(
        "Cut two texts to a common room, one token at a time from the end of the longer one.",
        1,
        6,
        (cut_longer_first, cut_second_is_longer, cut_until_both_are_cut, cut_nothing_that_fits),
    ),
    "macro_f1": Exercise(
        "The mean, over the classes, of the F1 of each class.",
        2,
        10,
        (f1_of_two, f1_of_three, f1_of_a_class_never_predicted),
    ),
    "ece": Exercise(
        "The expected calibration error: the gap between confidence and share right in each bin, weighted by count.",
        2,
        10,
        (ece_of_two_bins, ece_of_several_bins, ece_of_certainty),
    ),
}
check = make_check(EXERCISES)
