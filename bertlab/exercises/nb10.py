"""The exercises of notebook 10, classification: the head, a pair cut to length, macro F1, and the calibration error."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..heads import Classifier
from ..model import BertConfig
from ..tasks import measure_calibration, score_classes
from . import Exercise, Hint, checker, expect


def close(answer: object, right: Tensor, limit: float = 1e-5) -> bool:
    """Is the answer a tensor of the right shape with nearly the right numbers?"""
    return (
        isinstance(answer, Tensor)
        and answer.shape == right.shape
        and bool((answer.detach().double() - right.double()).abs().max() < limit)
    )


def number(answer: object, what: str) -> float:
    """The answer as a number, or a hint that it is none."""
    expect(isinstance(answer, int | float | Tensor) and not isinstance(answer, bool), f"Return one number: {what}.")
    return float(answer)


# ---- head_logits -----------------------------------------------------------------------------------------


def a_head(seed: int, B: int, T: int, D: int, C: int) -> dict[str, Tensor]:
    """Vectors of B texts, and the weights of a head, as `head_logits` is given them."""
    shapes = {"hidden": (B, T, D), "pooler_weight": (D, D), "pooler_bias": (D,), "weight": (C, D), "bias": (C,)}
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(*shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}


def logits_of(head: dict[str, Tensor], read: Callable = lambda hidden: hidden[:, 0], squash: Callable = torch.tanh,
              turned: bool = False) -> Tensor:  # fmt: skip
    """Logits (B, C) of the vectors that `read` takes, with `squash` in place of tanh; `turned`: a matrix not
    transposed."""
    matrix = head["pooler_weight"] if turned else head["pooler_weight"].T
    return squash(read(head["hidden"]) @ matrix + head["pooler_bias"]) @ head["weight"].T + head["bias"]


def head_shape(head_logits):
    answer = head_logits(**a_head(0, 5, 4, 3, 2))
    expect(isinstance(answer, Tensor), "Return a tensor of logits (B, C).")
    expect(answer.shape != (5, 4, 2), "You made logits for every token. A text has one label: read the first token, "
           "hidden[:, 0].")  # fmt: skip
    expect(answer.shape == (5, 2), f"hidden is (5, 4, 3), weight (2, 3): the logits are (5, 2), not "
           f"{tuple(answer.shape)}.")  # fmt: skip


def head_values(head_logits):
    head = a_head(1, 3, 4, 5, 3)
    answer, right = head_logits(**head), logits_of(head)
    hints = [
        (right.softmax(-1), "These are probabilities. Return the logits: cross_entropy applies the softmax itself, and "
         "two of them make the loss too flat to learn from."),
        (right.log_softmax(-1), "These are log-probabilities. Return the logits."),
        (logits_of(head, lambda h: h.mean(1)), "You took the mean over the tokens. In a padded batch [PAD] would be "
         "part of it, and BERT's pooler reads [CLS] alone: hidden[:, 0]."),
        (logits_of(head, lambda h: h[:, -1]), "You read the last token, which is [SEP] or [PAD]. Read the first."),
        (logits_of(head, lambda h: h.max(1).values), "You took the largest number over the tokens. Read [CLS] alone."),
        (logits_of(head, squash=lambda x: x), "The tanh of the pooler is missing."),
        (logits_of(head, squash=torch.relu), "BERT's pooler has a tanh, not a ReLU."),
        (logits_of(head, turned=True), "The pooler's matrix is (out, in), as in nn.Linear: multiply with its "
         "transpose."),
        (right - head["bias"], "The last bias is missing."),
        (logits_of(head | {"pooler_bias": torch.zeros(5).double()}), "The pooler's bias is missing."),
    ]  # fmt: skip
    for wrong, hint in hints:
        expect(not close(answer, wrong), hint)
    expect(close(answer, right), "The shape is right, the numbers are not: tanh(cls W_p^T + b_p) W^T + b.")


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
        expect(close(answer, model(ids).logits), "It does not agree with bertlab's Classifier.")


# ---- cut_pair --------------------------------------------------------------------------------------------

A, B = [f"a{i}" for i in range(9)], [f"b{i}" for i in range(9)]


def cut(answer: object, a: list, b: list) -> tuple[list, list]:
    """The two lists of an answer, or a hint that they are none or are not beginnings."""
    expect(isinstance(answer, tuple | list) and len(answer) == 2, "Return two lists.")
    first, second = map(list, answer)
    for mine, whole in ((first, a), (second, b)):
        expect(mine != whole[len(whole) - len(mine) :] or len(mine) in (0, len(whole)),
               "You cut at the beginning. Cut at the end.")  # fmt: skip
        expect(mine == whole[: len(mine)], f"{mine} is not the beginning of {whole}.")
    return first, second


def cut_longer_first(cut_pair):
    a, b = A[:8], B[:3]
    first, second = cut(cut_pair(list(a), list(b), 7), a, b)
    lengths = len(first), len(second)
    expect(sum(lengths) <= 7, f"{lengths[0]} and {lengths[1]} tokens do not fit into a room of 7.")
    expect(lengths != (7, 0), "You let the first text take all the room. Nothing of the second is left to compare.")
    expect(lengths != (3, 3), "You halved the room. The short text leaves room over: the long one may take it.")
    expect(lengths != (5, 2), "You cut both by share. Take one token at a time from whichever is longer.")
    expect(lengths == (4, 3), f"From 8 and 3 tokens with room for 7 the longer one gives 4: (4, 3), not {lengths}.")


def cut_second_is_longer(cut_pair):
    a, b = A[:2], B[:9]
    try:
        first, second = cut(cut_pair(list(a), list(b), 6), a, b)
    except IndexError:
        raise Hint("You took tokens from a list that was empty already. Either text may be the longer one.") from None
    expect((len(first), len(second)) == (2, 4), f"From 2 and 9 tokens with room for 6: (2, 4), not {len(first)} and "
           f"{len(second)}. Either text may be the longer one.")  # fmt: skip


def cut_until_both_are_cut(cut_pair):
    first, second = cut(cut_pair(list(A), B[:6], 8), A, B[:6])
    expect((len(first), len(second)) == (4, 4), "From 9 and 6 tokens with room for 8: once the longer one is as short "
           f"as the other, they take turns, and 4 and 4 are left, not {len(first)} and {len(second)}.")  # fmt: skip
    first, second = cut(cut_pair(list(A), list(B), 7), A, B)
    expect(sorted((len(first), len(second))) == [3, 4], "From 9 and 9 tokens with room for 7, 3 and 4 are left.")


def cut_nothing_that_fits(cut_pair):
    a, b = A[:4], B[:2]
    given = list(a), list(b)
    first, second = cut(cut_pair(*given, 6), a, b)
    expect((len(first), len(second)) == (4, 2), "4 and 2 tokens fit into a room of 6. Cut nothing.")
    given = list(A), list(B)
    cut_pair(*given, 5)
    expect(given == (A, B), "You changed the caller's lists. Copy them before you pop, or take slices.")


# ---- macro_f1 --------------------------------------------------------------------------------------------


def f1_parts(right: Sequence[str], said: Sequence[str], classes: Sequence[str]) -> list[tuple[float, float, float]]:
    """(precision, recall, F1) of each class, 0 where there is nothing to count."""
    rows = []
    for label in classes:
        hits = sum(r == s == label for r, s in zip(right, said, strict=True))
        guessed, there = said.count(label), right.count(label)
        rows.append((hits / guessed if guessed else 0.0, hits / there if there else 0.0,
                     2 * hits / (guessed + there) if guessed + there else 0.0))  # fmt: skip
    return rows


def f1_against(macro_f1: Callable, right: list[str], said: list[str], hints: dict[str, float]) -> None:
    """Check an answer on one example. `hints` maps what to say to the number that the mistake gives."""
    try:
        answer = macro_f1(list(right), list(said))
    except ZeroDivisionError:
        raise Hint("You divided by zero: a class may be never said, or never right. Its F1 is then 0.") from None
    answer = number(answer, "the mean of the F1 of each class")
    for hint, value in hints.items():
        expect(abs(answer - value) > 1e-6, hint)
    wanted = score_classes(right, said)["macro_f1"]
    expect(abs(answer - wanted) < 1e-6, f"truth {' '.join(right)}, answers {' '.join(said)}: {wanted:.4f}, not "
           f"{answer:.4f}. F1 of a class is 2 hits / (times said + times true).")  # fmt: skip


def f1_of_two(macro_f1):
    right, said = list("aaaaaaab"), list("aaaaaabb")
    parts = f1_parts(right, said, "ab")
    precision, recall = (parts[0][i] + parts[1][i] for i in (0, 1))
    f1_against(macro_f1, right, said, {
        "This is the accuracy. Find the F1 of each class first, and then their mean.": 7 / 8,
        "This is the mean precision.": precision / 2,
        "This is the mean recall.": recall / 2,
        "This is the F1 of the mean precision and the mean recall. Take the F1 of each class, then the mean.":
            precision * recall / (precision + recall),
        "This weighs the classes by how often they occur. Macro means that each counts once.":
            (7 * parts[0][2] + parts[1][2]) / 8,
        "This is the F1 of one class alone. Take the mean over all.": parts[0][2],
        "This is the F1 of the last class alone. Take the mean over all.": parts[1][2],
        "This is the sum. Divide by the number of classes.": parts[0][2] + parts[1][2],
    })  # fmt: skip


def f1_of_three(macro_f1):
    f1_against(macro_f1, list("aaabbcca"), list("aabbbcac"), {})


def f1_of_a_class_never_said(macro_f1):
    right, said = list("aaab"), list("aaaa")
    f1_against(macro_f1, right, said, {
        "A class that is never said has F1 0, and counts: do not leave it out.": 6 / 7,
        "The most frequent answer alone is no good answer for macro F1: class b has F1 0.": 3 / 4,
    })  # fmt: skip
    f1_against(macro_f1, list("aabb"), list("aabc"), {
        "A class that is said and never true counts too, with F1 0. Go over the labels of both lists.": (1 + 2 / 3) / 2,
    })  # fmt: skip


# ---- ece -------------------------------------------------------------------------------------------------


def ece_of_two_bins(ece):
    confidence, right = [0.6, 0.7, 0.9, 0.9, 0.9], [True, False, True, True, False]
    answer = number(ece(list(confidence), list(right), 2), "the mean gap, weighted by how many answers a bin holds")
    expect(abs(answer - 0.2) < 1e-6, f"All five lie in the upper of two bins: mean confidence 0.8, right 0.6, so 0.2. "
           f"You say {answer:.3f}.")  # fmt: skip


def ece_of_several_bins(ece):
    confidence = [0.15, 0.55, 0.62, 0.65, 0.91, 0.95, 0.99, 0.93]
    right = [True, True, False, False, True, True, True, False]
    found = measure_calibration(confidence, right, 10)
    bins = list(zip(found["confidence"], found["right"], found["count"], strict=True))
    gaps = [(share - sure, n) for sure, share, n in bins]
    middles = [(share - (int(10 * sure) + 0.5) / 10, n) for sure, share, n in bins]
    answer = number(ece(list(confidence), list(right), 10), "the mean gap, weighted by how many answers a bin holds")
    hints = {
        "Gaps above and below the diagonal cancelled each other. Take each gap without its sign.":
            abs(sum(gap * n for gap, n in gaps)) / 8,
        "Each bin counted alike. Weigh its gap by how many answers it holds.":
            sum(abs(gap) for gap, _ in gaps) / len(gaps),
        "You divided by the number of bins, the empty ones too. Weigh each gap by how many answers its bin holds.":
            sum(abs(gap) for gap, _ in gaps) / 10,
        "You took the middle of each bin. Take the mean confidence of what lies in it.":
            sum(abs(gap) * n for gap, n in middles) / 8,
        "You squared the gaps.": sum(gap * gap * n for gap, n in gaps) / 8,
        "You summed the gaps and did not divide by the number of answers.": sum(abs(gap) * n for gap, n in gaps),
    }  # fmt: skip
    for hint, value in hints.items():
        expect(abs(answer - value) > 1e-6, hint)
    expect(abs(answer - found["ece"]) < 1e-6, f"Eight answers in four of ten bins: {found['ece']:.4f}. You say "
           f"{answer:.4f}.")  # fmt: skip


def ece_of_certainty(ece):
    try:
        answer = ece([1.0, 1.0, 0.25], [True, False, True], 4)
    except IndexError:
        raise Hint("A confidence of exactly 1 fell into a bin that is not there. It belongs to the last one.") from None
    answer = number(answer, "the mean gap")
    expect(abs(answer - 0.25) > 1e-6 and abs(answer - 0.75) > 1e-6, "The two answers with confidence 1.0 fell out of "
           "all bins. They belong to the last one.")  # fmt: skip
    expect(abs(answer - (2 * 0.5 + 0.75) / 3) < 1e-6, "Two answers with confidence 1.0, one of them right, and one "
           f"with 0.25 that is right: (2 * 0.5 + 0.75) / 3 = 0.583. You say {answer:.3f}.")  # fmt: skip


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
        (f1_of_two, f1_of_three, f1_of_a_class_never_said),
    ),
    "ece": Exercise(
        "The expected calibration error: the gap between confidence and share right in each bin, weighted by count.",
        2,
        10,
        (ece_of_two_bins, ece_of_several_bins, ece_of_certainty),
    ),
}
check = checker(EXERCISES)
