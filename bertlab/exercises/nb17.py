"""The exercises of notebook 17, which BERT: GeGLU, replaced tokens, the loss of a student, a power law, and two bugs in
how models are compared."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import Exercise, expect, make_check, make_use
from .comparing import is_close, random_numbers

# ---- gated_feed_forward ----------------------------------------------------------------------------------------------


def compute_geglu(x: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    """GELU(x A) * (x B), then C: x (..., D), A and B (D, I), C (I, D) to (..., D)."""
    return (F.gelu(x @ A) * (x @ B)) @ C


def make_geglu_arguments(seed: int, *shape: int) -> tuple[Tensor, ...]:
    D, I = shape[-1], 5  # noqa: E741
    return tuple(random_numbers(seed + n, *size) for n, size in enumerate((shape, (D, I), (D, I), (I, D))))


def gate_of_one_token(answer):
    arguments = make_geglu_arguments(0, 1, 3)
    y = answer(*arguments)
    x, A, B, C = make_geglu_arguments(0, 1, 3)
    expect(isinstance(y, Tensor), "Return a tensor.")
    expect(y.shape == (1, 3), f"For x of shape (1, 3) the answer has the shape (1, 3) again, and not {tuple(y.shape)}.")
    expect(not is_close(y, F.gelu(x @ A) @ C), "This is BERT's feed-forward network: B, the gate, is not used.")
    expect(not is_close(y, (F.gelu(x @ A) + x @ B) @ C), "The two halves are multiplied, number by number, not added.")
    expect(
        not is_close(y, ((x @ A) * F.gelu(x @ B)) @ C),
        "GELU belongs to the half with A. Which half has it makes no difference to what can be learned, but published "
        "weights would be read wrongly.",
    )
    expect(not is_close(y, (F.gelu(x @ A) * F.gelu(x @ B)) @ C), "Only the half with A goes through GELU.")
    others = {"a sigmoid this is GLU": torch.sigmoid, "SiLU this is SwiGLU": F.silu, "ReLU this is ReGLU": F.relu}
    for name, function in others.items():
        expect(not is_close(y, (function(x @ A) * (x @ B)) @ C), f"With {name}. GeGLU has GELU in its place.")
    expect(
        not is_close(y, (F.gelu(x @ A, approximate="tanh") * (x @ B)) @ C),
        "The formula is right, but this is GELU's approximation with tanh. Use F.gelu without other arguments.",
    )
    expect(not is_close(y, ((x @ A) * (x @ B)) @ C), "GELU is missing. It belongs to the half with A.")
    expect(
        not is_close(y, F.gelu((x @ A) * (x @ B)) @ C), "GELU is applied to x A alone, before the two are multiplied."
    )
    expect(
        not is_close(y, x + compute_geglu(x, A, B, C)),
        "The sum with x is made by the layer around this network, so leave it out here.",
    )
    expect(
        is_close(y, compute_geglu(x, A, B, C)), "GELU(x A) times x B, number by number, and then the product with C."
    )


def gate_of_a_batch(answer):
    y = answer(*make_geglu_arguments(4, 2, 6, 3))
    expect(
        is_close(y, compute_geglu(*make_geglu_arguments(4, 2, 6, 3))),
        "For a batch x of shape (2, 6, 3) the answer is not right yet. Each token must be treated alike.",
    )


# ---- replace_tokens --------------------------------------------------------------------------------------------------

WORDS = ((2, 10, 11, 12, 13, 3), (2, 14, 15, 16, 17, 3))
MASKED = ((0, 1, 0, 1, 0, 0), (0, 0, 1, 0, 0, 0))  # read by columns, the order would be another


def ask_replaced(answer, drawn: Sequence[int]) -> tuple[Tensor, Tensor]:
    found = answer(torch.tensor(WORDS), torch.tensor(MASKED).bool(), torch.tensor(drawn))
    expect(
        isinstance(found, tuple | list) and len(found) == 2,
        "Return two tensors: the new ids, and which were replaced.",
    )
    ids, replaced = found
    expect(isinstance(ids, Tensor) and ids.shape == (2, 6), "The new ids have the shape of the old ones, here (2, 6).")
    expect(ids.dtype != torch.bool, "The new ids come first, and which of them were replaced comes second.")
    expect(
        isinstance(replaced, Tensor) and replaced.shape == (2, 6),
        "The second tensor has one value for each token of the text, masked or not, so its shape is (2, 6) here.",
    )
    expect(
        replaced.dtype == torch.bool,
        f"The second tensor holds True and False, but the type of yours is {replaced.dtype}. A comparison gives bool.",
    )
    return ids, replaced


def drawn_words_are_placed(answer):
    ids, _ = ask_replaced(answer, (20, 21, 22))
    right = torch.tensor(((2, 20, 11, 21, 13, 3), (2, 14, 22, 16, 17, 3)))
    by_columns = torch.tensor(((2, 20, 11, 22, 13, 3), (2, 14, 21, 16, 17, 3)))
    expect(not torch.equal(ids, torch.tensor(WORDS)), "Nothing was replaced: put the drawn ids where masked is True.")
    expect(
        not torch.equal(ids, by_columns),
        "Reading order means the first text from left to right, then the second one. Yours goes through the columns.",
    )
    expect(torch.equal(ids, right), "The drawn ids belong to the masked places in reading order, and all else stays.")


def drawn_words_are_marked(answer):
    _, replaced = ask_replaced(answer, (20, 21, 22))
    masked = torch.tensor(MASKED).bool()
    expect(
        bool(replaced.any()),
        "No token is marked, although three were replaced. Do you look for ids that differ from the original ones? Or "
        "did you write into the tensor `original` itself? Then it is compared with itself.",
    )
    expect(not torch.equal(replaced, ~masked), "True means replaced. Yours is True for the tokens that stayed.")
    expect(torch.equal(replaced, masked), "Three other words were drawn, so exactly the three masked places are True.")


def right_guesses_are_original(answer):
    ids, replaced = ask_replaced(answer, (20, 12, 22))
    expect(
        not torch.equal(replaced, torch.tensor(MASKED).bool()),
        "The second word drawn is 12, which is what the text has there. Nobody could tell that it was replaced, so it "
        "counts as original. Compare the new ids with the old ones instead of returning the mask.",
    )
    expect(torch.equal(replaced, ids != torch.tensor(WORDS)), "A token is replaced where the new id differs.")


def originals_are_kept(answer):
    words = torch.tensor(WORDS)
    answer(words, torch.tensor(MASKED).bool(), torch.tensor((20, 21, 22)))
    expect(
        torch.equal(words, torch.tensor(WORDS)), "You changed `original`. The caller still needs it: clone it first."
    )


def replace_tokens(original: Tensor, masked: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """Ids (B, T) with the drawn words (M,) at the masked places, and where they differ from the original (B, T)."""
    ids = original.clone()
    ids[masked] = drawn
    return ids, ids != original


# ---- distillation_loss -----------------------------------------------------------------------------------------------


def compute_distillation_loss(student: Tensor, teacher: Tensor, targets: Tensor, share: float, temperature: float,
                              square: bool = True, reverse: bool = False, soften: str = "both",
                              whole: bool = False) -> Tensor:  # fmt: skip
    """(1 - share) * cross-entropy + share * temperature^2 * KL(teacher, student), both softened. The last four
    arguments are the mistakes that learners make."""
    soft = student / temperature if soften != "teacher" else student
    aim = teacher / temperature if soften != "student" else teacher
    p, q = aim.log_softmax(-1), soft.log_softmax(-1)
    if reverse:
        p, q = q, p
    divergence = (p.exp() * (p - q)).sum(-1).mean() / (student.size(-1) if whole else 1)
    return (1 - share) * F.cross_entropy(student, targets) + share * (temperature**2 if square else 1) * divergence


def make_students(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (3, 5) of a student and of a teacher, and the right words (3,)."""
    return 2 * random_numbers(seed, 3, 5), 2 * random_numbers(seed + 1, 3, 5), torch.tensor([0, 3, 1])


def share_0_is_cross_entropy(answer):
    loss = answer(*make_students(), 0.0, 2.0)
    expect(not isinstance(loss, float), "Return a tensor without axes. A float has no gradient to learn from.")
    expect(isinstance(loss, Tensor) and loss.dim() == 0, "Return one number: a tensor without axes.")
    student, _, targets = make_students()
    expect(
        not is_close(loss, compute_distillation_loss(*make_students(), 1.0, 2.0)),
        "`share` is the teacher's share of the loss, so the cross-entropy is multiplied by 1 - share.",
    )
    expect(
        not is_close(loss, 4 * F.cross_entropy(student, targets)),
        "The factor temperature^2 belongs to the comparison with the teacher alone.",
    )
    expect(
        not is_close(loss, F.cross_entropy(student.softmax(-1), targets)),
        "`F.cross_entropy` takes logits, because it applies the softmax itself.",
    )
    expect(
        not is_close(loss, F.cross_entropy(student / 2, targets)),
        "The temperature belongs to the comparison with the teacher. The cross-entropy is that of the plain logits.",
    )
    expect(is_close(loss, F.cross_entropy(student, targets)), "With share 0 only the cross-entropy is left.")


def a_copy_of_the_teacher_has_no_divergence(answer):
    _, teacher, targets = make_students()
    loss = answer(teacher.clone(), teacher.clone(), targets, 1.0, 2.0)
    expect(
        not is_close(loss, F.cross_entropy(make_students()[1], targets)),
        "With share 1 only the teacher counts: the cross-entropy is multiplied by 1 - share.",
    )
    soft = (teacher / 2).softmax(-1)
    expect(
        not is_close(loss, 4 * F.cross_entropy(teacher / 2, soft)),
        "This is a cross-entropy with the teacher's probabilities. The KL divergence is smaller by their entropy, so "
        "that it is 0 where both agree.",
    )
    expect(
        not is_close(loss, 4 * F.kl_div(soft, soft, reduction="batchmean")),
        "`F.kl_div` takes the logarithms of the student's probabilities first, and then the teacher's probabilities.",
    )
    expect(
        is_close(loss, 0.0),
        "A student that agrees with its teacher in everything has a divergence of 0. Is it the KL divergence, and are "
        "both softened by the same temperature?",
    )


def divergence_is_softened(answer):
    loss = answer(*make_students(), 1.0, 2.0)
    hints = {
        "The factor temperature^2 is missing. Without it a higher temperature would make these gradients small.":
            {"square": False},
        "This is KL(student, teacher). The teacher's probabilities are the weights: it comes first.": {"reverse": True},
        "This is divided by the number of words as well. Sum over the words, and take the mean over the tokens.":
            {"whole": True},
        "The teacher's logits are not divided by the temperature.": {"soften": "student"},
        "The student's logits are not divided by the temperature.": {"soften": "teacher"},
    }  # fmt: skip
    for hint, mistake in hints.items():
        expect(not is_close(loss, compute_distillation_loss(*make_students(), 1.0, 2.0, **mistake)), hint)
    student, teacher, targets = make_students()
    expected = compute_distillation_loss(student, teacher, targets, 1.0, 2.0)
    expect(not is_close(loss, expected / 2), "The factor is temperature^2, and yours is the temperature itself.")
    expect(not is_close(loss, 3 * expected), "This is the sum over the tokens. Take the mean over them instead.")
    expect(
        not is_close(loss, 4 * compute_distillation_loss(4 * student, 4 * teacher, targets, 1.0, 2.0, square=False)),
        "The logits are divided by the temperature, and yours are multiplied by it.",
    )
    p, q = (teacher / 2).log_softmax(0), (student / 2).log_softmax(0)
    expect(
        not is_close(loss, 4 * (p.exp() * (p - q)).sum(-1).mean()),
        "The probabilities of the words of one token sum to 1, so the softmax goes over the last axis.",
    )
    expect(is_close(loss, expected), "With share 1 the loss is temperature^2 * KL(teacher, student).")


def both_parts_are_mixed(answer):
    loss = answer(*make_students(5), 0.3, 3.0)
    expect(
        is_close(loss, compute_distillation_loss(*make_students(5), 0.3, 3.0)),
        "With share 0.3 the loss is 0.7 times the cross-entropy plus 0.3 times the rest.",
    )


# ---- fit_power_law ---------------------------------------------------------------------------------------------------


def fit_line(operations: Sequence[float], losses: Sequence[float]) -> tuple[float, float]:
    """(a, b) of loss = a * operations^-b, by least squares on the logarithms."""
    x, y = ([math.log(value) for value in values] for values in (operations, losses))
    middle, level = sum(x) / len(x), sum(y) / len(y)
    slope = sum((p - middle) * (q - level) for p, q in zip(x, y, strict=True)) / sum((p - middle) ** 2 for p in x)
    return math.exp(level - slope * middle), -slope


def ask_fit(answer, operations: Sequence[float], losses: Sequence[float]) -> tuple[float, float]:
    found = answer(list(operations), list(losses))
    pair = isinstance(found, tuple | list | Tensor | np.ndarray) and len(found) == 2
    expect(pair, "Return two numbers, a and b.")
    return float(found[0]), float(found[1])


def law_of_two_points(answer):
    a, b = ask_fit(answer, (1e10, 1e12), (4.0, 2.0))
    right = fit_line((1e10, 1e12), (4.0, 2.0))
    expect(not is_close(a, right[1]), "Return a first, and then b.")
    expect(not is_close(b, -right[1]), "The loss falls, and the formula has a minus in the exponent, so b is positive.")
    expect(
        is_close(b, right[1]), "The loss halves while the operations grow 100 times, so b is log 2 / log 100 = 0.1505."
    )
    expect(not is_close(a, math.log(right[0])), "This a is still a logarithm. Undo it with exp.")
    expect(
        not is_close(a, math.exp(math.log10(right[0])), 1e-3),
        "exp undoes the natural logarithm. For logarithms to the base 10, take 10 to the power instead.",
    )
    expect(is_close(a / right[0], 1.0, 1e-4), "a is the factor for which 4.0 = a * (1e10)^-b.")


def law_of_noisy_points(answer):
    points = ([1e9, 1e10, 1e11, 1e12], [6.0, 4.4, 3.9, 2.8])
    a, b = ask_fit(answer, *points)
    right = fit_line(*points)
    ends = math.log(points[1][0] / points[1][-1]) / math.log(1e3)
    expect(not is_close(b, ends), "This line goes through the first and the last point only. Use all of them.")
    expect(
        is_close(b, right[1], 1e-4) and is_close(a / right[0], 1.0, 1e-2),
        "Four points lie near a line on logarithmic axes. Take the line of least squares through both logarithms.",
    )


# ---- Find the bug ----------------------------------------------------------------------------------------------------


def plan_steps(costs: Mapping[str, float], budget: float) -> dict[str, int]:
    """The steps of each variant that cost the budget, from the operations of one step of each."""
    return {name: int(budget / cost) for name, cost in costs.items()}


def same_operations(answer):
    steps = answer({"bert": 10.0, "student and teacher": 25.0}, 1000.0)
    expect(isinstance(steps, dict) and set(steps) == {"bert", "student and teacher"}, "Return the steps of each name.")
    expect(
        steps["student and teacher"] != 100,
        "Both train for 100 steps. But a step of the student costs 25, because its teacher reads each batch too, so it "
        "spends 2,500 operations where bert spends 1,000.",
    )
    expect(
        steps == {"bert": 100, "student and teacher": 40}, "A budget of 1,000 pays for 100 steps of 10, or 40 of 25."
    )
    steps = answer({"large": 400.0, "small": 7.0}, 1000.0)
    small = steps.get("small")
    expect(small != 143, "A budget of 1,000 does not pay for 143 steps of 7, which cost 1,001. Round down.")
    expect(
        not (isinstance(small, float) and int(small) == 142 != small),
        "A part of a step cannot be taken: return whole numbers, rounded down.",
    )
    expect(
        steps == {"large": 2, "small": 142}, "The order of the variants must not matter: each has a cost of its own."
    )


def choose_and_report(runs: Sequence[tuple[float, int, float]]) -> tuple[float, float]:
    """(rate, mean loss) from runs of (rate, seed, loss): seed 9 chooses the rate, and the others are reported."""
    rate = min((loss, rate) for rate, seed, loss in runs if seed == 9)[1]
    judged = [loss for of, seed, loss in runs if of == rate and seed != 9]
    return rate, sum(judged) / len(judged)


RUNS = ((0.002, 9, 3.3), (0.001, 9, 3.1), (0.001, 0, 3.4), (0.001, 1, 3.2), (0.002, 0, 3.0), (0.002, 1, 3.5))
OTHER_RUNS = ((0.01, 4, 2.5), (0.01, 9, 2.8), (0.03, 5, 2.9), (0.03, 4, 2.6), (0.03, 9, 2.7), (0.03, 6, 2.6))


def chooser_is_not_judged(answer):
    found = answer(list(RUNS))
    expect(isinstance(found, tuple | list) and len(found) == 2, "Return the rate and the loss.")
    rate, loss = found
    expect(
        not (rate == 0.002 and is_close(loss, 3.0)),
        "The rate 0.002 was chosen because one of its judged runs had luck (3.0). Only seed 9 may choose, and there "
        "0.001 is better.",
    )
    expect(rate == 0.001, "Only seed 9 may choose the rate. Its losses are 3.1 at 0.001 and 3.3 at 0.002.")
    expect(not is_close(loss, 3.2), "3.2 is the best run at this rate. Report the mean over the seeds 0 and 1.")
    expect(
        not is_close(loss, 3.1), "3.1 is the run that chose the rate. It was chosen for being low: do not report it."
    )
    expect(not is_close(loss, 9.7 / 3), "The mean includes seed 9, which chose the rate. Leave it out.")
    expect(not is_close(loss, 13.1 / 4), "The mean includes the runs at the other rate. Report the chosen one alone.")
    expect(is_close(loss, 3.3), "Seed 9 chooses 0.001, and the mean of its other two runs is 3.3.")


def any_rates_and_seeds(answer):
    rate, loss = answer(list(OTHER_RUNS))
    expect(
        rate == 0.03,
        "With other runs the rate is wrong. There seed 9 has the losses 2.8 at 0.01 and 2.7 at 0.03, so it chooses "
        "0.03, though another seed has the lowest loss of all at 0.01.",
    )
    expect(
        is_close(loss, 2.7),
        "With other runs the loss is wrong. There the other seeds are 4, 5 and 6, and the mean of 2.6, 2.9 and 2.6 is "
        "2.7.",
    )


EXERCISES = {
    "gated_feed_forward": Exercise("GeGLU, a gated feed-forward network.", 1, 5, (gate_of_one_token, gate_of_a_batch)),
    "replace_tokens": Exercise(
        "ELECTRA's input and labels from the words that a generator drew.", 2, 8,
        (drawn_words_are_placed, drawn_words_are_marked, right_guesses_are_original, originals_are_kept),
    ),
    "distillation_loss": Exercise(
        "The loss of a student, from the right words and from its teacher.", 2, 10,
        (share_0_is_cross_entropy, a_copy_of_the_teacher_has_no_divergence, divergence_is_softened,
         both_parts_are_mixed),
    ),
    "fit_power_law": Exercise("The line through losses and operations, on logarithmic axes.", 2, 8,
                              (law_of_two_points, law_of_noisy_points)),
}  # fmt: skip
BUGS = {
    "plan_steps": Exercise("Find the bug: one budget for all.", 1, 4, (same_operations,)),
    "choose_and_report": Exercise(
        "Find the bug: a rate is chosen.", 2, 5, (chooser_is_not_judged, any_rates_and_seeds)
    ),
}
READY = {"gated_feed_forward": compute_geglu, "replace_tokens": replace_tokens, "fit_power_law": fit_line,
         "distillation_loss": compute_distillation_loss, "plan_steps": plan_steps,
         "choose_and_report": choose_and_report}  # fmt: skip
check = make_check(EXERCISES | BUGS)
use = make_use(check, READY)
