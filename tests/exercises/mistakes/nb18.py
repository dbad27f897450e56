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
SHARE = "model(**batch).loss * count / sum(counts)"
CORRECTED = "m / (1 - 0.9**t) / ((v / (1 - 0.999**t)).sqrt() + 1e-6)"
EACH = "F.cross_entropy(logits, labels, reduction='none')"

PAIR = """
import torch.nn.functional as F
def pair_loss(logits, labels):
    return F.cross_entropy(logits, labels)
"""
COLLATE = """
from bertlab.exercises.museum import pad
def collate(rows):
    ids = pad(rows)
    return {"input_ids": ids, "attention_mask": (ids != 0).long()}
"""
CHOOSE = """
import torch
def choose_tokens(ids, generator):
    return (torch.rand(ids.shape, generator=generator) < 0.25) & (ids > 4)
"""
GROUPS = """
def group_parameters(model, decay):
    parts = list(model.parameters())
    return [
        {"params": [part for part in parts if part.dim() > 1], "weight_decay": decay},
        {"params": [part for part in parts if part.dim() <= 1], "weight_decay": 0.0},
    ]
"""
INIT = """
from torch import nn
def init_weights(part):
    if isinstance(part, nn.Linear | nn.Embedding):
        nn.init.normal_(part.weight, std=0.02)
    elif isinstance(part, nn.LayerNorm):
        nn.init.ones_(part.weight)
    if isinstance(part, nn.Linear | nn.LayerNorm):
        nn.init.zeros_(part.bias)
"""

MISTAKES = [
    ("pair_loss", PAIR.replace("labels)\n", "labels, reduction='none')\n"), "Return one number"),
    ("pair_loss", PAIR.replace("labels)\n", "labels).item()\n"), "Return one number"),
    ("pair_loss", PAIR.replace("labels)\n", "labels).detach()\n"), "Your loss has no gradient"),
    ("pair_loss", PAIR.replace("labels)\n", "labels, reduction='sum')\n"), "This is the sum"),
    ("pair_loss", PAIR.replace("F.cross_entropy", "F.nll_loss"), "keep the log_softmax"),
    ("pair_loss", PAIR.replace("F.cross_entropy(logits", "F.nll_loss(logits.log_softmax(0)"), "not the mean cross"),
    (
        "load_tokenizer",
        "def load_tokenizer(folder):\n    from pathlib import Path\n    return Path(folder, 'vocab.txt').read_text()",
        "of the class",
    ),
    ("collate", COLLATE.replace("ids != 0", "ids == 0"), "Your mask is inverted"),
    ("collate", COLLATE.replace("(ids != 0).long()", "(ids != 0).tolist()"), "must be a tensor (B, T)"),
    ("collate", COLLATE.replace("attention_mask", "mask"), "under the name attention_mask"),
    ("collate", COLLATE.replace("ids != 0", "ids > 1"), "[UNK], with the id 1"),
    ("choose_tokens", CHOOSE.replace("ids > 4", "(ids != 0) & (ids != 2) & (ids != 3)"), "[UNK], with the id 1"),
    ("choose_tokens", CHOOSE.replace("ids > 4", "ids > 3"), "[MASK], with the id 4"),
    ("choose_tokens", CHOOSE.replace("ids > 4", "ids > 5"), "The id 5 is that of a word"),
    ("choose_tokens", CHOOSE.replace(", generator=generator", ""), "the generator that is passed"),
    ("choose_tokens", CHOOSE.replace("=generator)", "=generator.manual_seed(0))"), "chooses the same places"),
    ("choose_tokens", CHOOSE.replace("ids.shape", "ids.size(1)"), "Whole rows or whole columns"),
    ("choose_tokens", CHOOSE.replace("    return", "    ids[ids < 5] = 0\n    return"), "You changed the ids"),
    ("group_parameters", GROUPS.replace("decay}", "0.01}"), "the number that is passed as decay"),
    ("group_parameters", GROUPS.replace(', "weight_decay": decay', ""), "the number that is passed as decay"),
    ("group_parameters", GROUPS.replace("list(model.parameters())", "model.parameters()"), "can be read only once"),
    ("init_weights", INIT.replace("nn.Linear | nn.Embedding", "nn.Embedding"), "weight of one Linear (48, 48)"),
    ("init_weights", INIT.replace("nn.Linear | nn.Embedding", "nn.Linear"), "weight of one Embedding"),
    ("init_weights", INIT.replace("std=0.02", "std=0.2"), "the standard deviation 0.2"),
    ("init_weights", INIT.replace("nn.Linear | nn.LayerNorm", "nn.LayerNorm"), "The bias of a linear layer"),
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
            " and w != word_ids[i - 1] and (i == 1 or t != tags[i - 1])]",
        ),
        "Look at word_ids, not at the tags",
    ),
    (
        "join_pieces",
        JOIN.replace("ANSWER", "[t for i, (t, w) in enumerate(zip(tags, word_ids)) if w and w not in word_ids[:i]]"),
        "The first word is missing",
    ),
    (
        "join_pieces",
        JOIN.replace("ANSWER", "[t for i, (t, w) in enumerate(zip(tags, word_ids)) if i and w != word_ids[i - 1]]"),
        "belong to no word",
    ),
    (
        "join_pieces",
        JOIN.replace("ANSWER", "[tags[w + 1] for w in dict.fromkeys(word_ids) if w is not None]"),
        "6 and 1",
    ),
    (
        "join_pieces",
        """
def join_pieces(tags, word_ids):
    of_words = {}
    for tag, word in zip(tags, word_ids):
        if word is not None:
            of_words.setdefault(word, []).append(tag)
    return [max(some, key=some.count) for some in of_words.values()]
""",
        "You took the most frequent tag",
    ),
    (
        "join_pieces",
        """
def join_pieces(tags, word_ids):
    of_words = {}
    for tag, word in zip(tags, word_ids):
        if word is not None and of_words.get(word, "O") == "O":
            of_words[word] = tag
    return list(of_words.values())
""",
        "so the word has O",
    ),
    (
        "join_pieces",
        """
def join_pieces(tags, word_ids):
    while None in word_ids:
        del tags[word_ids.index(None)]
        word_ids.remove(None)
    return [tags[word_ids.index(word)] for word in dict.fromkeys(word_ids)]
""",
        "You changed a list",
    ),
    ("mlm_loss", LOSS.replace("ANSWER", "F.cross_entropy(logits, labels, weight=weights)"), "ours are for places"),
    ("mlm_loss", LOSS.replace("ANSWER", f"({EACH} * weights).sum().detach() / weights.sum()"), "has no gradient"),
    (
        "mlm_loss",
        LOSS.replace("ANSWER", "F.cross_entropy(logits[: int(weights.sum())], labels[: int(weights.sum())])"),
        "need not be the first ones",
    ),
    (
        "mlm_loss",
        LOSS.replace("    return", f"    losses = {EACH} * weights\n    return").replace(
            "ANSWER", "losses[losses > 0].mean()"
        ),
        "that is predicted well",
    ),
    ("mlm_loss", LOSS.replace("ANSWER", f"{EACH} * weights"), "Return one number"),
    ("mlm_loss", LOSS.replace("ANSWER", f"({EACH} * weights).sum()"), "This is the sum"),
    ("mlm_loss", LOSS.replace("ANSWER", f"({EACH} * weights).mean()"), "You divided by all places"),
    (
        "mlm_loss",
        LOSS.replace("ANSWER", "(F.cross_entropy(logits, labels) * weights).sum() / weights.sum()"),
        "check_ignored: with 1 labels of weight 0",
    ),
    ("backward_in_parts", PARTS.replace("LOSS", "model(**batch).loss / len(batches)"), "All parts count the same"),
    ("backward_in_parts", PARTS.replace("LOSS", "model(**batch).loss * count"), "These are sums over the labels"),
    ("backward_in_parts", PARTS.replace("LOSS", "model(**batch).loss"), "You added the means"),
    ("backward_in_parts", PARTS.replace("LOSS", "model(**batch).loss / count"), "check_accumulation"),
    ("backward_in_parts", PARTS.replace("LOSS", f"{SHARE} / len(batches)"), "by the number of parts as well"),
    ("backward_in_parts", PARTS.replace("(LOSS).backward()", SHARE), "leaves no gradient"),
    (
        "backward_in_parts",
        PARTS.replace("(LOSS).backward()", f"model.zero_grad()\n        ({SHARE}).backward()"),
        "Only the gradient of the last part",
    ),
    (
        "backward_in_parts",
        PARTS.replace('(batch["labels"] != -100)', 'batch["attention_mask"]').replace("LOSS", SHARE),
        "You counted the tokens",
    ),
    ("adam_step", ADAM.replace("CHANGE", "m / (v.sqrt() + 1e-6)"), "3.16 times the rate"),
    ("adam_step", ADAM.replace("CHANGE", "m / (1 - 0.9**t) / (v.sqrt() + 1e-6)"), "one of the two moments"),
    (
        "adam_step",
        ADAM.replace("    return", "    m, v = m / (1 - 0.9**t), v / (1 - 0.999**t)\n    return").replace(
            "CHANGE", "m / (v.sqrt() + 1e-6)"
        ),
        "correct m only in the change",
    ),
    (
        "adam_step",
        ADAM.replace("CHANGE", "m / (1 - 0.9) / ((v / (1 - 0.999)).sqrt() + 1e-6)"),
        "sums of the weights grow with t",
    ),
    ("adam_step", ADAM.replace("CHANGE", "m / (1 - 0.9**t) / (v / (1 - 0.999**t)).sqrt()"), "added to the root"),
    ("adam_step", ADAM.replace("CHANGE", CORRECTED.replace("1e-6", "1e-8")), "added to the root"),
    (
        "adam_step",
        ADAM.replace(
            "CHANGE",
            "m / (1 - 0.9**t) / (v / (1 - 0.999**t) + 1e-6).sqrt()",
        ),
        "added to the root",
    ),
    ("adam_step", ADAM.replace("CHANGE", CORRECTED.replace(".sqrt()", "")), "Divide by the root of v"),
    ("adam_step", ADAM.replace("CHANGE", f"-{CORRECTED}"), "The sign is reversed"),
    (
        "adam_step",
        ADAM.replace("0.9 * m + 0.1 * gradient", "0.1 * gradient").replace("CHANGE", CORRECTED),
        "third step m",
    ),
    ("adam_step", ADAM.replace("0.1 * gradient", "gradient").replace("CHANGE", CORRECTED), "ten times too large"),
    ("adam_step", ADAM.replace("CHANGE, m, v", f"m, v, {CORRECTED}"), "Return the change first"),
    (
        "adam_step",
        """
def adam_step(gradient, m, v, t):
    new_m = 0.9 * m + 0.1 * gradient
    new_v = 0.999 * v + 0.001 * gradient**2
    return new_m / (1 - 0.9**t) / ((new_v / (1 - 0.999**t)).sqrt() + 1e-6), m, v
""",
        "You returned the old m",
    ),
]
