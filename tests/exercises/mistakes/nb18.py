"""Common mistakes in the exercises of notebook 18: (exercise, a learner's code, a part of the hint)."""

JOIN = """
def join_pieces(tags, word_ids):
    return ANSWER
"""
LOSS = """
import torch.nn.functional as F


def mlm_loss(logits, labels, weights):
    return ANSWER
"""
PARTS = """
def backward_in_parts(model, batches):
    counts = [(batch["labels"] != -100).sum() for batch in batches]
    for batch, count in zip(batches, counts):
        (LOSS).backward()
"""
ADAM = """
def adam_step(gradient, m, v, t):
    m = 0.9 * m + 0.1 * gradient
    v = 0.999 * v + 0.001 * gradient**2
    return CHANGE, m, v
"""
EACH = "F.cross_entropy(logits, labels, reduction='none')"

MISTAKES = [
    ("join_pieces", JOIN.replace("ANSWER", "list(tags)"), "[CLS] and [SEP] belong to no word"),
    (
        "join_pieces",
        JOIN.replace("ANSWER", "[t for t, w in zip(tags, word_ids) if w is not None]"),
        "It is one word, and counts once",
    ),
    (
        "join_pieces",
        JOIN.replace("ANSWER", "list({w: t for t, w in zip(tags, word_ids) if w is not None}.values())"),
        "You took the last piece",
    ),
    (
        "join_pieces",
        JOIN.replace(
            "ANSWER",
            "[t for i, (t, w) in enumerate(zip(tags, word_ids)) if w is not None"
            " and (i == 1 or t[0] == 'I' or t != tags[i - 1]) and not (t == 'O' and word_ids[i - 1] == w)]",
        ),
        "Look at word_ids, not at the tags",
    ),
    ("mlm_loss", LOSS.replace("ANSWER", f"{EACH} * weights"), "Return one number"),
    ("mlm_loss", LOSS.replace("ANSWER", f"({EACH} * weights).sum()"), "This is the sum"),
    ("mlm_loss", LOSS.replace("ANSWER", f"({EACH} * weights).mean()"), "You divided by all places"),
    (
        "mlm_loss",
        LOSS.replace("ANSWER", "(F.cross_entropy(logits, labels) * weights).sum() / weights.sum()"),
        "check_ignored: with 1 labels of weight 0",
    ),
    ("backward_in_parts", PARTS.replace("LOSS", "model(**batch).loss / len(batches)"), "not part by part"),
    ("backward_in_parts", PARTS.replace("LOSS", "model(**batch).loss * count"), "check_accumulation"),
    ("backward_in_parts", PARTS.replace("LOSS", "model(**batch).loss"), "check_accumulation"),
    ("adam_step", ADAM.replace("CHANGE", "m / (v.sqrt() + 1e-6)"), "3.16 times the rate"),
    ("adam_step", ADAM.replace("CHANGE", "m / (1 - 0.9**t) / (v.sqrt() + 1e-6)"), "one of the two moments"),
    (
        "adam_step",
        ADAM.replace("    return", "    m, v = m / (1 - 0.9**t), v / (1 - 0.999**t)\n    return").replace(
            "CHANGE", "m / (v.sqrt() + 1e-6)"
        ),
        "Return m itself",
    ),
    (
        "adam_step",
        ADAM.replace("CHANGE", "m / (1 - 0.9) / ((v / (1 - 0.999)).sqrt() + 1e-6)"),
        "not those of torch.optim.Adam",
    ),
]
