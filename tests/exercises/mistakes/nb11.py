"""Common mistakes in the exercises of notebook 11: (exercise, a learner's code, a part of the hint)."""

MISTAKES = [
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
