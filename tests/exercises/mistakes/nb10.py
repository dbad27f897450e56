"""Common mistakes in the exercises of notebook 10: (exercise, a learner's code, a part of the hint)."""

HEAD = """
import torch
def head_logits(hidden, pooler_weight, pooler_bias, weight, bias):
"""

MISTAKES = [
    (
        "head_logits",
        HEAD + "    return torch.tanh(hidden.mean(1) @ pooler_weight.T + pooler_bias) @ weight.T + bias",
        "it would include [PAD]",
    ),
    (
        "head_logits",
        HEAD + "    return (torch.tanh(hidden[:, 0] @ pooler_weight.T + pooler_bias) @ weight.T + bias).softmax(-1)",
        "cross_entropy applies the softmax itself",
    ),
    (
        "head_logits",
        HEAD + "    return torch.tanh(hidden @ pooler_weight.T + pooler_bias) @ weight.T + bias",
        "A text has one label",
    ),
    (
        "head_logits",
        HEAD + "    return (hidden[:, 0] @ pooler_weight.T + pooler_bias) @ weight.T + bias",
        "tanh of the pooler is missing",
    ),
    (
        "head_logits",
        HEAD + "    return torch.tanh(hidden[:, 0] @ pooler_weight + pooler_bias) @ weight.T + bias",
        "multiply by its transpose",
    ),
    (
        "head_logits",
        HEAD + "    return torch.tanh(hidden[:, -1] @ pooler_weight.T + pooler_bias) @ weight.T + bias",
        "Read the first",
    ),
    (
        "head_logits",
        HEAD + "    return torch.tanh(hidden[:, 0] @ pooler_weight.T + pooler_bias) @ weight.T",
        "The bias of the last layer is missing",
    ),
    (
        "head_logits",
        HEAD + "    return torch.tanh(hidden[:, 0] @ pooler_weight.T) @ weight.T + bias",
        "The bias of the pooler is missing",
    ),
    ("cut_pair", "def cut_pair(a, b, room):\n    return a[: room // 2], b[: room // 2]", "You halved the room"),
    ("cut_pair", "def cut_pair(a, b, room):\n    return a[:room], b[: max(0, room - len(a))]", "Nothing of the second"),
    (
        "cut_pair",
        """
def cut_pair(a, b, room):
    total = len(a) + len(b)
    first = min(len(a), round(room * len(a) / total))
    return a[:first], b[: room - first]
""",
        "cut both in proportion",
    ),
    (
        "cut_pair",
        """
def cut_pair(a, b, room):
    while len(a) + len(b) > room:
        (a if len(a) > len(b) else b).pop()
    return a, b
""",
        "changed the lists that were passed",
    ),
    (
        "cut_pair",
        """
def cut_pair(a, b, room):
    a, b = list(a), list(b)
    while len(a) + len(b) > room:
        (a if len(a) > len(b) else b).pop(0)
    return a, b
""",
        "Remove them from the end",
    ),
    (
        "cut_pair",
        """
def cut_pair(a, b, room):
    a, b = list(a), list(b)
    while len(a) + len(b) > room:
        a.pop()
    return a, b
""",
        "Either text may be the longer one",
    ),
    (
        "macro_f1",
        """
def macro_f1(right, said):
    return sum(r == s for r, s in zip(right, said)) / len(right)
""",
        "This is the accuracy",
    ),
    (
        "macro_f1",
        """
def macro_f1(right, said):
    total, classes = 0, set(right)
    for c in classes:
        hits = sum(r == s == c for r, s in zip(right, said))
        precision, recall = hits / said.count(c), hits / right.count(c)
        total += 2 * precision * recall / (precision + recall)
    return total / len(classes)
""",
        "divided by zero",
    ),
    (
        "macro_f1",
        """
def macro_f1(right, said):
    classes = set(right)
    return sum(2 * sum(r == s == c for r, s in zip(right, said)) / (right.count(c) + said.count(c))
               for c in classes) / len(classes)
""",
        "Go over the labels of both lists",
    ),
    (
        "macro_f1",
        """
def macro_f1(right, said):
    classes = set(said)
    return sum(2 * sum(r == s == c for r, s in zip(right, said)) / (right.count(c) + said.count(c))
               for c in classes) / len(classes)
""",
        "do not leave it out",
    ),
    (
        "macro_f1",
        """
def macro_f1(right, said):
    classes = set(right) | set(said)
    hits = {c: sum(r == s == c for r, s in zip(right, said)) for c in classes}
    precision = sum(hits[c] / max(1, said.count(c)) for c in classes) / len(classes)
    recall = sum(hits[c] / max(1, right.count(c)) for c in classes) / len(classes)
    return 2 * precision * recall / (precision + recall)
""",
        "F1 of the mean precision",
    ),
    (
        "macro_f1",
        """
def macro_f1(right, said):
    classes = set(right) | set(said)
    return sum(right.count(c) * 2 * sum(r == s == c for r, s in zip(right, said)) / (right.count(c) + said.count(c))
               for c in classes) / len(right)
""",
        "Macro means that each class counts once",
    ),
    (
        "ece",
        """
def ece(confidence, right, bins):
    total = used = 0
    for b in range(bins):
        inside = [i for i, p in enumerate(confidence) if min(int(p * bins), bins - 1) == b]
        if inside:
            total += abs(sum(confidence[i] - right[i] for i in inside)) / len(inside)
            used += 1
    return total / used
""",
        "You gave each bin the same weight",
    ),
    (
        "ece",
        """
def ece(confidence, right, bins):
    return abs(sum(confidence) - sum(right)) / len(right)
""",
        "cancelled each other",
    ),
    (
        "ece",
        """
def ece(confidence, right, bins):
    total = 0
    for b in range(bins):
        inside = [i for i, p in enumerate(confidence) if b / bins <= p < (b + 1) / bins]
        total += abs(sum(confidence[i] - right[i] for i in inside))
    return total / len(right)
""",
        "in none of your bins",
    ),
    (
        "ece",
        """
def ece(confidence, right, bins):
    gaps = [0.0] * bins
    for p, ok in zip(confidence, right):
        gaps[int(p * bins)] += p - ok
    return sum(map(abs, gaps)) / len(right)
""",
        "a bin number that does not exist",
    ),
    (
        "ece",
        """
def ece(confidence, right, bins):
    total = 0
    for b in range(bins):
        inside = [i for i, p in enumerate(confidence) if min(int(p * bins), bins - 1) == b]
        total += abs(sum((b + 0.5) / bins - right[i] for i in inside))
    return total / len(right)
""",
        "so the error is 0.2",
    ),
]
