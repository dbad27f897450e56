"""Common mistakes in the exercises of notebook 11: (exercise, a learner's code, a part of the hint)."""

LOSS = """
import math
import torch
import torch.nn.functional as F
def tag_loss(logits, labels):
    kept = labels != -100
    logs = logits[kept].log_softmax(-1)
    return -logs[torch.arange(len(logs)), labels[kept]].mean()
"""
CROSS_ENTROPY = """
import torch.nn.functional as F
def tag_loss(logits, labels):
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten())
"""
NAMES = """
def find_names(tags):
    found = []
    for i, tag in enumerate(tags):
        if tag[0] == "I" and found and found[-1][1] == i and found[-1][2] == tag[2:]:
            found[-1][1] = i + 1
        elif tag != "O":
            found.append([i, i + 1, tag[2:]])
    return found
"""
SCORES = """
def score_names(true, predicted):
    hits = sum(len(a & b) for a, b in zip(true, predicted))
    said, there = sum(map(len, predicted)), sum(map(len, true))
    return hits / max(1, said), hits / max(1, there), 2 * hits / max(1, said + there)
"""

MISTAKES = [
    (
        "align_labels",
        """
def align_labels(word_ids, numbers):
    inside = word_ids[1:-1]
    return [-100, *[-100 if word == last else numbers[word] for word, last in zip(inside, [None, *inside])], -100]
""",
        "A batch pads short rows",
    ),
    ("tag_loss", LOSS.replace(".mean()", ".sum() / 5"), "Take the sizes from the tensors"),
    (
        "tag_loss",
        CROSS_ENTROPY.replace("logits.flatten(0, 1)", "logits.view(-1, 3)"),
        "PyTorch says: Expected input batch_size",
    ),
    ("tag_loss", LOSS.replace("logits[kept]", "logits.flatten(0, 1)").replace("[kept]", ".flatten()"), "-100 is used"),
    (
        "tag_loss",
        CROSS_ENTROPY.replace(".flatten(0, 1)", "").replace(".flatten()", ""),
        "here axis 1 is the tokens",
    ),
    ("tag_loss", CROSS_ENTROPY.replace("(0, 1)", "(0, 1).softmax(-1)"), "Softmax is applied twice"),
    ("tag_loss", LOSS.replace(".mean()", ".sum() / len(labels)"), "divided by the number of sentences"),
    ("tag_loss", LOSS.replace(".mean()", ".mean() / math.log(2)"), "has the base 2"),
    ("tag_loss", LOSS.replace("softmax(-1)", "softmax(0)"), "The tags are on the last axis"),
    ("tag_loss", LOSS.replace("[kept].log_softmax(-1)", ".log_softmax(1)[kept]"), "The tags are on the last axis"),
    ("find_names", NAMES.replace("found[-1][1] == i and ", ""), "O ends a name"),
    (
        "find_names",
        NAMES.replace("== i ", "== i > 0 ").replace('tag != "O"', 'tag[0] == "B" or i and tag != "O"'),
        "at the beginning of the sentence",
    ),
    ("find_names", NAMES.replace("tag[2:]", 'tag.lstrip("BI-")'), "after the first two characters"),
    ("score_names", SCORES.replace("a & b", "{n[1:] for n in a} & {n[1:] for n in b}"), "with a wrong beginning"),
    ("score_names", SCORES.replace("a & b", "b & set().union(*true)"), "in the other sentence"),
    (
        "score_names",
        """
def score_names(true, predicted):
    N = len(true)
    precision = sum(len(a & b) / max(1, len(b)) for a, b in zip(true, predicted)) / N
    recall = sum(len(a & b) / max(1, len(a)) for a, b in zip(true, predicted)) / N
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)
""",
        "the mean over the sentences",
    ),
    (
        "label_all_pieces",
        """
def label_all_pieces(word_ids, tags):
    new = []
    for word in word_ids:
        tag = None if word is None else tags[word]
        if tag and tag != "O" and new[-1] and new[-1][2:] == tag[2:]:
            tag = "I-" + tag[2:]
        new.append(tag)
    return new
""",
        "two names side by side",
    ),
    (
        "keep_words",
        """
def keep_words(predicted, labels):
    return [[guess for guess, label in zip(*pair) if label > 0] for pair in zip(predicted, labels)]
""",
        "A word is missing",
    ),
    (
        "keep_words",
        """
def keep_words(predicted, labels):
    return [guess for pair in zip(predicted, labels) for guess, label in zip(*pair) if label != -100]
""",
        "not one list of all",
    ),
    (
        "align_labels",
        """
def align_labels(word_ids, numbers):
    return [-100 if word is None else numbers[word] for word in word_ids]
""",
        "on every piece",
    ),
    (
        "align_labels",
        """
def align_labels(word_ids, numbers):
    after = [*word_ids[1:], None]
    return [-100 if word is None or word == later else numbers[word] for word, later in zip(word_ids, after)]
""",
        "on the last piece",
    ),
    (
        "align_labels",
        """
def align_labels(word_ids, numbers):
    return [numbers[word] for word, before in zip(word_ids[1:], word_ids) if word is not None and word != before]
""",
        "no label for [CLS]",
    ),
    (
        "align_labels",
        """
def align_labels(word_ids, numbers):
    return [-100, *numbers, *[-100] * (len(word_ids) - 1 - len(numbers))]
""",
        "at wrong positions",
    ),
    (
        "align_labels",
        """
def align_labels(word_ids, numbers):
    labels, before = [], None
    for word in word_ids:
        labels.append(-100 if word is None else numbers[word] if word != before else 0)
        before = word
    return labels
""",
        "0 is a tag",
    ),
    (
        "align_labels",
        """
def align_labels(word_ids, numbers):
    labels, before = [], None
    for word in word_ids:
        labels.append(numbers[word] if word and word != before else -100)
        before = word
    return labels
""",
        "counts as false",
    ),
    (
        "align_labels",
        """
def align_labels(word_ids, numbers):
    labels, before = [], None
    for word in word_ids:
        label = -100 if word is None else numbers[word]
        labels.append(label if label != before else -100)
        before = label
    return labels
""",
        "each needs its own",
    ),
    (
        "align_labels",
        """
def align_labels(word_ids, numbers):
    labels, before, left = [], None, iter(numbers)
    for word in word_ids:
        labels.append(next(left) if word is not None and word != before else -100)
        before = word
    return labels
""",
        "begins with word 2",
    ),
    (
        "tag_loss",
        """
def tag_loss(logits, labels):
    logs = logits.log_softmax(-1)
    kept = labels != -100
    return -logs[kept, labels[kept]].sum() / labels.numel()
""",
        "number of all tokens",
    ),
    (
        "tag_loss",
        """
def tag_loss(logits, labels):
    logs = logits.log_softmax(-1)
    return -logs.gather(-1, labels.clamp(min=0)[..., None]).mean()
""",
        "as if their tag were 0",
    ),
    (
        "tag_loss",
        """
import torch.nn.functional as F
def tag_loss(logits, labels):
    return sum(F.cross_entropy(row, own) for row, own in zip(logits, labels)) / len(labels)
""",
        "a word of a short sentence",
    ),
    (
        "tag_loss",
        """
def tag_loss(logits, labels):
    kept = labels > 0
    return -logits.log_softmax(-1)[kept, labels[kept]].mean()
""",
        "0 is a tag like the others",
    ),
    (
        "tag_loss",
        """
def tag_loss(logits, labels):
    kept = labels != -100
    return -logits[kept, labels[kept]].mean()
""",
        "the scores themselves",
    ),
    (
        "tag_loss",
        """
def tag_loss(logits, labels):
    kept = labels != -100
    return -logits.log_softmax(-1)[kept, labels[kept]].mean().item()
""",
        "no gradient",
    ),
    (
        "find_names",
        """
def find_names(tags):
    found = []
    for i, tag in enumerate(tags):
        if tag.startswith("B-"):
            end = i + 1
            while end < len(tags) and tags[end].startswith("I-"):
                end += 1
            found.append((i, end - 1, tag[2:]))
    return found
""",
        "the word after the last",
    ),
    (
        "find_names",
        """
def find_names(tags):
    found = []
    for i, tag in enumerate(tags):
        if tag.startswith("B-"):
            end = i + 1
            while end < len(tags) and tags[end].startswith("I-"):
                end += 1
            found.append((i, end, tag[2:]))
    return found
""",
        "of another type cannot continue",
    ),
    (
        "find_names",
        """
def find_names(tags):
    found, start = [], None
    for i, tag in enumerate(tags):
        if tag == "O":
            if start is not None:
                found.append((start, i, tags[start][2:]))
            start = None
        elif start is None:
            start = i
    return found
""",
        "to the end of the sentence",
    ),
    (
        "find_names",
        """
def find_names(tags):
    found, start = [], None
    for i, tag in enumerate([*tags, "O"]):
        if tag == "O":
            if start is not None:
                found.append((start, i, tags[start][2:]))
            start = None
        elif start is None:
            start = i
    return found
""",
        "directly after another one",
    ),
    (
        "score_names",
        """
def score_names(true, predicted):
    hits = sum(len(a & b) for a, b in zip(true, predicted))
    p, r = hits / max(1, sum(map(len, true))), hits / max(1, sum(map(len, predicted)))
    return p, r, 2 * p * r / (p + r) if hits else 0
""",
        "are exchanged",
    ),
    (
        "score_names",
        """
def score_names(true, predicted):
    hits = sum(len(a & b) for a, b in zip(true, predicted))
    p, r = hits / max(1, sum(map(len, predicted))), hits / max(1, sum(map(len, true)))
    return p, r, (p + r) / 2
""",
        "arithmetic mean",
    ),
    (
        "score_names",
        """
def score_names(true, predicted):
    scores = []
    for a, b in zip(true, predicted):
        scores.append(2 * len(a & b) / max(1, len(a) + len(b)))
    return 2 / 6, 2 / 3, sum(scores) / len(scores)
""",
        "mean over the sentences",
    ),
    (
        "score_names",
        """
def score_names(true, predicted):
    hits = sum(len(a & b) for a, b in zip(true, predicted))
    return 0, 0, hits / max(1, sum(len(a | b) for a, b in zip(true, predicted)))
""",
        "names that are in both sets",
    ),
    (
        "score_names",
        """
def score_names(true, predicted):
    true = [{(start, kind) for start, end, kind in names} for names in true]
    predicted = [{(start, kind) for start, end, kind in names} for names in predicted]
    hits = sum(len(a & b) for a, b in zip(true, predicted))
    return 0, 0, 2 * hits / max(1, sum(map(len, true)) + sum(map(len, predicted)))
""",
        "wrong end",
    ),
    (
        "score_names",
        """
def score_names(true, predicted):
    true = [{(start, end) for start, end, kind in names} for names in true]
    predicted = [{(start, end) for start, end, kind in names} for names in predicted]
    hits = sum(len(a & b) for a, b in zip(true, predicted))
    return 0, 0, 2 * hits / max(1, sum(map(len, true)) + sum(map(len, predicted)))
""",
        "wrong type",
    ),
    (
        "score_names",
        """
def score_names(true, predicted):
    hits = sum(len(a & b) for a, b in zip(true, predicted))
    said, there = sum(map(len, predicted)), sum(map(len, true))
    p, r = hits / said, hits / there
    return p, r, 2 * p * r / (p + r)
""",
        "divides by zero",
    ),
    (
        "score_names",
        """
def score_names(true, predicted):
    true, predicted = set().union(*true), set().union(*predicted)
    hits, said, there = len(true & predicted), max(1, len(predicted)), max(1, len(true))
    return hits / said, hits / there, 2 * hits / max(1, len(true) + len(predicted))
""",
        "count them sentence by sentence",
    ),
]
