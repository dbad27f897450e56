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


def join(ids: str = "[cls, *a, sep, *b, sep]", segments: str = "[0] * (len(a) + 2) + [1] * (len(b) + 1)") -> str:
    return f"def join_pair(a, b, cls, sep):\n    return {ids}, {segments}"


def joint(words: str, pairs: str) -> str:
    return f"""
import torch.nn.functional as F
def mean_loss(logits, labels):
    total = F.cross_entropy(logits, labels, reduction="sum")
    return total / (labels != -100).sum().clamp(min=1)
def pretraining_loss(mlm_logits, labels, nsp_logits, next_label):
    words = mlm_logits.flatten(0, 1), labels.flatten()
    return {words} + {pairs}
"""


def bug(name: str, arguments: str, answer: str) -> str:
    return f"import random\nimport torch.nn.functional as F\ndef {name}({arguments}):\n    {answer}"


WORDS, PAIRS = "mean_loss(*words)", "mean_loss(nsp_logits, next_label)"
FAIR = "rng.choice([s for d in others for s in d[1:]])"

MISTAKES = [
    ("make_pairs", make(OTHER, last="len(document) - 2"), "is A exactly once"),
    ("make_pairs", make(OTHER, last="0, len(document) - 1, 2"), "is A exactly once"),
    ("make_pairs", make("rng.choice(rng.choice(documents))"), "must come from another document"),
    ("make_pairs", make("rng.choice(documents[n - 1])"), "Every sentence of every other document is possible"),
    (
        "make_pairs",
        make("rng.choice([s for m, d in enumerate(documents) if m != n for s in d])"),
        "each with the same probability",
    ),
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
    ("join_pair", join(ids="[2, *a, 3, *b, 3]"), "Use the arguments"),
    ("join_pair", join(segments="[0] * 4 + [1] * 4"), "Count the tokens of A and of B separately"),
    ("join_pair", join(segments="[0] * (len(a) + 2) + [1] * (len(a) + 2)"), "of A and of B separately"),
    (
        "join_pair",
        join(segments="[0 if t in (*a, cls) or i == 3 else 1 for i, t in enumerate([cls, *a, sep, *b, sep])]"),
        "both",
    ),
    ("join_pair", join(ids="[sep, *a, cls, *b, cls]"), "[CLS] and [SEP] are swapped"),
    ("join_pair", join("[0] * (len(a) + 2) + [1] * (len(b) + 1)", "[cls, *a, sep, *b, sep]"), "two lists are swapped"),
    ("join_pair", join(segments="[0] * (len(a) + len(b) + 3)"), "All your segments are 0"),
    ("join_pair", join(segments="[1] * (len(a) + 2) + [0] * (len(b) + 1)"), "the first sentence is segment 0"),
    ("make_pairs", make(OTHER, label="len(rows) % 2"), "Another rng gives the same labels"),
    ("make_pairs", make(OTHER, label="i % 2"), "Another rng gives the same labels"),
    ("make_pairs", make(OTHER, last="len(document)"), "only n - 1"),
    (
        "make_pairs",
        make(OTHER).replace("document[i + 1]", "document[document.index(document[i]) + 1]"),
        "by its number",
    ),
    (
        "order_pairs",
        order("b if label else a", "a if label else b").replace("[i + 1]", "[document.index(document[i]) + 1]"),
        "by its number",
    ),
    ("fair_pairs", fair(FAIR).replace("int(rng.random() < 0.5)", "len(rows) % 2"), "Another rng gives the same labels"),
    (
        "order_pairs",
        order("b if label else a", "a if label else b").replace("int(rng.random() < 0.5)", "i % 2"),
        "Another rng",
    ),
    (
        "order_pairs",
        order("b if label else a", "a if label else b").replace("rows = []", "rows, rng = [], type(rng)(0)"),
        "Another rng gives the same labels",
    ),
    ("order_pairs", order("b if label else a", "a if label else b").replace(" - 1)", ")"), "only n - 1"),
    ("pretraining_loss", joint("F.cross_entropy(mlm_logits, labels)", PAIRS), "Two shapes do not fit"),
    ("pretraining_loss", joint(WORDS, "mean_loss(nsp_logits, 1 - next_label)"), "are flipped"),
    (
        "pretraining_loss",
        joint(WORDS, "F.cross_entropy(nsp_logits, next_label, reduction='sum')"),
        "summed over the pairs",
    ),
    (
        "pretraining_loss",
        joint(WORDS, f"{PAIRS}.detach()").replace("mean_loss(*words)", "mean_loss(*words).detach()"),
        "No gradient",
    ),
    ("pretraining_loss", joint("F.cross_entropy(*words, reduction='sum') / labels.numel()", PAIRS), "number of tokens"),
    (
        "nsp_loss",
        bug("nsp_loss", "logits, labels", "return F.cross_entropy(logits, labels, ignore_index=-1)"),
        "no class",
    ),
    ("says_next", bug("says_next", "logits", "return logits[:, 0] > 0"), "Compare the two scores"),
    (
        "nsp_loss",
        bug("nsp_loss", "logits, labels", "a = labels != -100; return F.cross_entropy(logits[a], 1 - labels[a])"),
        "You flipped",
    ),
    (
        "nsp_loss",
        bug("nsp_loss", "logits, labels", "a = labels != -100; return F.cross_entropy(logits[: a.sum()], labels[a])"),
        "scores of its pair",
    ),
    (
        "random_sentence",
        bug("random_sentence", "documents, n, rng", "return rng.choice(documents[:n] + documents[n + 1 :])[0]"),
        "Every sentence of the other documents",
    ),
    (
        "random_sentence",
        bug(
            "random_sentence",
            "documents, n, rng",
            "return random.choice(random.choice(documents[:n] + documents[n + 1 :]))",
        ),
        "The same seed",
    ),
    (
        "random_sentence",
        bug("random_sentence", "documents, n, rng", "del documents[n]; return rng.choice(rng.choice(documents))"),
        "changes the list",
    ),
    (
        "random_sentence",
        """
def random_sentence(documents, n, rng):
    for _ in range(10):
        other = rng.randrange(len(documents))
        if other != n:
            break
    return rng.choice(documents[other])
""",
        "In 10,000 tries",
    ),
]
