"""Common mistakes in the exercises of notebook 08: (exercise, a learner's code, a part of the hint)."""


def make(choice: str, last: str = "len(document) - 1", label: str = "int(rng.random() < 0.5)") -> str:
    return f"""
def make_pairs(documents, rng):
    rows = []
    for n, document in enumerate(documents):
        for i in range({last}):
            label = {label}
            b = {choice} if label else document[i + 1]
            rows.append((document[i], b, label))
    return rows
"""


OTHER = "rng.choice(rng.choice([d for m, d in enumerate(documents) if m != n]))"


def fair(draw: str, allowed: str = "m != n and kinds[m] == kinds[n]", before: str = "") -> str:
    return f"""
def fair_pairs(documents, kinds, rng):
    rows = []
    {before}
    for n, document in enumerate(documents):
        others = [d for m, d in enumerate(documents) if {allowed}]
        for i in range(len(document) - 1):
            label = int(rng.random() < 0.5)
            rows.append((document[i], {draw} if label else document[i + 1], label))
    return rows
"""


def order(a: str, b: str, label: str = "label") -> str:
    return f"""
def order_pairs(documents, rng):
    rows = []
    for document in documents:
        for i in range(len(document) - 1):
            label = int(rng.random() < 0.5)
            a, b = document[i], document[i + 1]
            rows.append(({a}, {b}, {label}))
    return rows
"""


MISTAKES = [
    ("make_pairs", make(OTHER, last="len(document) - 2"), "is A exactly once"),
    ("make_pairs", make(OTHER, last="0, len(document) - 1, 2"), "is A exactly once"),
    ("make_pairs", make("rng.choice(rng.choice(documents))"), "must come from another document"),
    ("make_pairs", make("rng.choice(documents[n - 1])"), "Every sentence of every other document is possible"),
    ("make_pairs", make(OTHER, label="int(rng.random() < 0.15)"), "half and half"),
    ("make_pairs", make(OTHER, label="__import__('random').randrange(2)"), "not from `random`"),
    (
        "make_pairs",
        make(OTHER).replace("if label else", "if not label else"),
        "the wrong way round",
    ),
    ("fair_pairs", fair("rng.choice(rng.choice(others))", allowed="m != n"), "the kind alone"),
    ("fair_pairs", fair("rng.choice(rng.choice(others))"), "A true B never is"),
    ("fair_pairs", fair("rng.choice(rng.choice(others)[1:])"), "not over documents"),
    (
        "fair_pairs",
        fair("rng.choice([s for d in others for s in d[1:]])", allowed="kinds[m] == kinds[n]"),
        "must come from another document",
    ),
    ("order_pairs", order("a", "rng.choice(document) if label else b"), "neighbours"),
    ("order_pairs", order("b if label else a", "a if label else b", "1 - label"), "label 1 is swapped"),
    ("order_pairs", order("a", "b"), "label 1 is swapped"),
    (
        "order_pairs",
        order("a", "rng.choice(rng.choice(documents)) if label else b"),
        "are of two documents",
    ),
    (
        "join_pair",
        """
def join_pair(a, b, cls, sep):
    ids = [cls] + a + [sep] + b
    return ids, [0] * (len(a) + 2) + [1] * len(b)
""",
        "last [SEP] is missing",
    ),
    (
        "join_pair",
        """
def join_pair(a, b, cls, sep):
    ids = [cls] + a + [sep] + b + [sep]
    return ids, [0] * (len(a) + 1) + [1] * (len(b) + 2)
""",
        "ends A and belongs to it",
    ),
    (
        "join_pair",
        """
def join_pair(a, b, cls, sep):
    ids = [cls] + a + [sep] + [cls] + b + [sep]
    return ids, [0] * (len(a) + 2) + [1] * (len(b) + 2)
""",
        "B does not get its own",
    ),
    (
        "pretraining_loss",
        """
import torch.nn.functional as F
def pretraining_loss(mlm_logits, labels, nsp_logits, next_label):
    words = F.cross_entropy(mlm_logits.flatten(0, 1), labels.flatten())
    return words + F.cross_entropy(nsp_logits, next_label, ignore_index=0)
""",
        "Look at ignore_index",
    ),
    (
        "pretraining_loss",
        """
import torch.nn.functional as F
def pretraining_loss(mlm_logits, labels, nsp_logits, next_label):
    return F.cross_entropy(mlm_logits.flatten(0, 1), labels.flatten()) + F.cross_entropy(nsp_logits, next_label)
""",
        "0 / 0",
    ),
    (
        "pretraining_loss",
        """
import torch.nn.functional as F
def pretraining_loss(mlm_logits, labels, nsp_logits, next_label):
    words = F.cross_entropy(mlm_logits.flatten(0, 1), labels.flatten())
    return (words + F.cross_entropy(nsp_logits, next_label)) / 2
""",
        "took their mean",
    ),
]
