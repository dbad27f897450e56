"""Common mistakes in the exercises of notebook 08: (exercise, a learner's code, a part of the hint)."""

MISTAKES = [
    (
        "join",
        """
def join(a, b, cls, sep):
    ids = [cls] + a + [sep] + b
    return ids, [0] * (len(a) + 2) + [1] * len(b)
""",
        "last [SEP] is missing",
    ),
    (
        "join",
        """
def join(a, b, cls, sep):
    ids = [cls] + a + [sep] + b + [sep]
    return ids, [0] * (len(a) + 1) + [1] * (len(b) + 2)
""",
        "ends A and belongs to it",
    ),
    (
        "join",
        """
def join(a, b, cls, sep):
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
        "the bug of section 4",
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
    (
        "hard_pairs",
        """
def hard_pairs(documents, rng):
    rows = []
    for sentences in documents:
        for i in range(len(sentences) - 1):
            if len(sentences) > 2:
                label = int(rng.random() < 0.5)
                rows.append((sentences[i], rng.choice(sentences) if label else sentences[i + 1], label))
    return rows
""",
        "was A itself",
    ),
    (
        "hard_pairs",
        """
def hard_pairs(documents, rng):
    rows = []
    for sentences in documents:
        for i in range(len(sentences) - 1):
            others = [s for s in sentences if s != sentences[i]]
            label = int(rng.random() < 0.5)
            if len(sentences) > 2:
                rows.append((sentences[i], rng.choice(others) if label else sentences[i + 1], label))
    return rows
""",
        "the label says that it is random",
    ),
    (
        "hard_pairs",
        """
def hard_pairs(documents, rng):
    rows = []
    for sentences in documents:
        if len(sentences) < 3:
            continue
        for i in range(len(sentences) - 1):
            others = sentences[:i] + sentences[i + 2 :]
            label = int(rng.random() < 0.5)
            rows.append((sentences[i], sentences[i + 1] if label else rng.choice(others), label))
    return rows
""",
        "the label says that it is random",
    ),
    (
        "hard_pairs",
        """
def hard_pairs(documents, rng):
    rows = []
    everything = [s for d in documents for s in d]
    for sentences in documents:
        if len(sentences) < 3:
            continue
        for i in range(len(sentences) - 1):
            others = [s for s in everything if s not in sentences]
            label = int(rng.random() < 0.5)
            rows.append((sentences[i], rng.choice(others) if label else sentences[i + 1], label))
    return rows
""",
        "its topic gives the answer away",
    ),
]
