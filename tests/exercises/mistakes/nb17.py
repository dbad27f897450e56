"""Common mistakes in the exercises of notebook 17: (exercise, a learner's code, a part of the hint)."""

GATE = """
import torch
import torch.nn.functional as F


def gated_feed_forward(x, A, B, C):
    return ANSWER
"""
REPLACE = """
def replace_tokens(original, masked, drawn):
    ids = original.clone()
    ids[masked] = drawn
    return ANSWER
"""
STUDENT = """
import torch.nn.functional as F


def distillation_loss(student, teacher, targets, share, temperature):
    p = (teacher / temperature).log_softmax(-1)
    q = (student / temperature).log_softmax(-1)
    hard = F.cross_entropy(student, targets)
    return ANSWER
"""
LAW = """
import numpy as np


def fit_power_law(operations, losses):
    slope, level = np.polyfit(np.log(operations), np.log(losses), 1)
    return ANSWER
"""
SOFT = "share * temperature**2 * (p.exp() * (p - q)).sum(-1).mean()"

MISTAKES = [
    ("gated_feed_forward", GATE.replace("ANSWER", "F.gelu(x @ A) @ C"), "B, the gate, is not used"),
    ("gated_feed_forward", GATE.replace("ANSWER", "(F.gelu(x @ A) + x @ B) @ C"), "not added"),
    ("gated_feed_forward", GATE.replace("ANSWER", "((x @ A) * F.gelu(x @ B)) @ C"), "GELU belongs to the half with A"),
    ("gated_feed_forward", GATE.replace("ANSWER", "(torch.sigmoid(x @ A) * (x @ B)) @ C"), "this is GLU"),
    ("gated_feed_forward", GATE.replace("ANSWER", "F.gelu(x @ A) * (x @ B)"), "has the shape (1, 3) again"),
    ("gated_feed_forward", GATE.replace("ANSWER", "(F.silu(x @ A) * (x @ B)) @ C"), "this is SwiGLU"),
    ("gated_feed_forward", GATE.replace("ANSWER", "((x @ A) * (x @ B)) @ C"), "GELU is missing"),
    ("gated_feed_forward", GATE.replace("ANSWER", "F.gelu((x @ A) * (x @ B)) @ C"), "to x A alone"),
    ("gated_feed_forward", GATE.replace("ANSWER", "x + (F.gelu(x @ A) * (x @ B)) @ C"), "so leave it out here"),
    (
        "gated_feed_forward",
        GATE.replace("ANSWER", "(F.gelu(x @ A, approximate='tanh') * (x @ B)) @ C"),
        "approximation with tanh",
    ),
    ("replace_tokens", REPLACE.replace("ANSWER", "ids, masked"), "it counts as original"),
    ("replace_tokens", REPLACE.replace("ANSWER", "ids != original, ids"), "The new ids come first"),
    ("replace_tokens", REPLACE.replace("ANSWER", "ids, drawn != original[masked]"), "one value for each token"),
    ("replace_tokens", REPLACE.replace("ANSWER", "ids, (ids != original).float()"), "yours is torch.float32"),
    ("replace_tokens", REPLACE.replace("ANSWER", "ids, masked & (ids == original)"), "ids that differ"),
    (
        "replace_tokens",
        REPLACE.replace("ids[masked]", "ids.T[masked.T]").replace("ANSWER", "ids, ids != original"),
        "Yours goes through the columns",
    ),
    ("replace_tokens", REPLACE.replace("ANSWER", "ids, ids == original"), "Yours is True for the tokens that stayed"),
    (
        "replace_tokens",
        REPLACE.replace("original.clone()", "original").replace("ANSWER", "ids, ids != original"),
        "Then it is compared with itself",
    ),
    (
        "replace_tokens",
        """
def replace_tokens(original, masked, drawn):
    before = original.clone()
    original[masked] = drawn
    return original, original != before
""",
        "You changed `original`",
    ),
    ("replace_tokens", REPLACE.replace("ANSWER", "ids"), "Return two tensors"),
    (
        "distillation_loss",
        STUDENT.replace("ANSWER", f"(1 - share) * hard + {SOFT.replace('temperature**2 * ', '')}"),
        "The factor temperature^2 is missing",
    ),
    (
        "distillation_loss",
        STUDENT.replace("ANSWER", f"(1 - share) * hard + {SOFT}").replace("p.exp() * (p - q)", "q.exp() * (q - p)"),
        "This is KL(student, teacher)",
    ),
    (
        "distillation_loss",
        STUDENT.replace("ANSWER", f"(1 - share) * hard + {SOFT}").replace(".sum(-1).mean()", ".mean()"),
        "divided by the number of words as well",
    ),
    (
        "distillation_loss",
        STUDENT.replace("ANSWER", f"(1 - share) * hard + {SOFT}").replace("(teacher / temperature)", "teacher"),
        "both softened by the same temperature",
    ),
    (
        "distillation_loss",
        STUDENT.replace("ANSWER", f"(1 - share) * hard + {SOFT}").replace(
            "F.cross_entropy(student, ", "F.cross_entropy(student / temperature, "
        ),
        "The cross-entropy is that of the plain logits",
    ),
    (
        "distillation_loss",
        STUDENT.replace("ANSWER", "(1 - share) * hard - share * temperature**2 * (p.exp() * q).sum(-1).mean()"),
        "smaller by their entropy",
    ),
    ("distillation_loss", STUDENT.replace("ANSWER", f"hard + {SOFT}"), "With share 1 only the teacher counts"),
    (
        "distillation_loss",
        STUDENT.replace("ANSWER", f"share * hard + {SOFT.replace('share', '(1 - share)')}"),
        "`share` is the teacher's share",
    ),
    (
        "distillation_loss",
        STUDENT.replace("ANSWER", f"(1 - share) * temperature**2 * hard + {SOFT}"),
        "belongs to the comparison with the teacher alone",
    ),
    (
        "distillation_loss",
        STUDENT.replace("ANSWER", f"(1 - share) * hard + {SOFT}").replace("py(student", "py(student.softmax(-1)"),
        "applies the softmax itself",
    ),
    ("distillation_loss", STUDENT.replace("ANSWER", f"((1 - share) * hard + {SOFT}).item()"), "has no gradient"),
    (
        "distillation_loss",
        STUDENT.replace("ANSWER", f"(1 - share) * hard + {SOFT}").replace("**2", ""),
        "yours is the temperature itself",
    ),
    (
        "distillation_loss",
        STUDENT.replace("ANSWER", f"(1 - share) * hard + {SOFT}").replace(".sum(-1).mean()", ".sum()"),
        "This is the sum over the tokens",
    ),
    (
        "distillation_loss",
        STUDENT.replace("ANSWER", f"(1 - share) * hard + {SOFT}").replace(" / temperature", " * temperature"),
        "yours are multiplied by it",
    ),
    (
        "distillation_loss",
        STUDENT.replace("ANSWER", f"(1 - share) * hard + {SOFT}").replace("log_softmax(-1)", "log_softmax(0)"),
        "the softmax goes over the last axis",
    ),
    (
        "distillation_loss",
        STUDENT.replace(
            "ANSWER",
            "(1 - share) * hard + share * temperature**2 * F.kl_div(q.exp(), p.exp(), reduction='batchmean')",
        ),
        "takes the logarithms of the student's probabilities",
    ),
    ("fit_power_law", LAW.replace("ANSWER", "-slope, np.exp(level)"), "Return a first"),
    ("fit_power_law", LAW.replace("np.log(", "np.log10(").replace("ANSWER", "np.exp(level), -slope"), "to the base 10"),
    ("fit_power_law", LAW.replace("ANSWER", "np.exp(level), slope"), "so b is positive"),
    ("fit_power_law", LAW.replace("ANSWER", "level, -slope"), "still a logarithm"),
    (
        "fit_power_law",
        LAW.replace("np.log(operations), np.log(losses), 1", "operations, losses, 1").replace(
            "ANSWER", "level, -slope"
        ),
        "b is log 2 / log 100",
    ),
    (
        "fit_power_law",
        """
import math


def fit_power_law(operations, losses):
    b = math.log(losses[0] / losses[-1]) / math.log(operations[-1] / operations[0])
    return losses[0] * operations[0] ** b, b
""",
        "through the first and the last point only",
    ),
]
