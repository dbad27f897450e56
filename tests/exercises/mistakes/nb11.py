"""Common mistakes in the exercises of notebook 11: (exercise, a learner's code, a part of the hint)."""

MISTAKES = [
    (
        "align",
        """
def align(pieces, numbers):
    return [-100] + [number for word, number in zip(pieces, numbers) for _ in word] + [-100]
""",
        "on every piece",
    ),
    (
        "align",
        """
def align(pieces, numbers):
    labels = [-100]
    for word, number in zip(pieces, numbers):
        labels += [-100] * (len(word) - 1) + [number]
    return labels + [-100]
""",
        "on the last piece",
    ),
    (
        "align",
        """
def align(pieces, numbers):
    labels = []
    for word, number in zip(pieces, numbers):
        labels += [number] + [-100] * (len(word) - 1)
    return labels
""",
        "no label for [CLS]",
    ),
    (
        "align",
        """
def align(pieces, numbers):
    total = sum(map(len, pieces)) + 2
    return ([-100] + list(numbers) + [-100] * total)[:total]
""",
        "at wrong positions",
    ),
    (
        "align",
        """
def align(pieces, numbers):
    labels = [-100]
    for word, number in zip(pieces, numbers):
        labels += [number] + [0] * (len(word) - 1)
    return labels + [-100]
""",
        "0 is a tag",
    ),
    (
        "spans",
        """
def spans(tags):
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
        "spans",
        """
def spans(tags):
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
        "spans",
        """
def spans(tags):
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
        "spans",
        """
def spans(tags):
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
        "f1",
        """
def f1(right, said):
    hits = sum(len(a & b) for a, b in zip(right, said))
    return hits / max(1, sum(map(len, said)))
""",
        "This is the precision",
    ),
    (
        "f1",
        """
def f1(right, said):
    scores = []
    for a, b in zip(right, said):
        scores.append(2 * len(a & b) / max(1, len(a) + len(b)))
    return sum(scores) / len(scores)
""",
        "mean over the sentences",
    ),
    (
        "f1",
        """
def f1(right, said):
    hits = sum(len(a & b) for a, b in zip(right, said))
    return hits / max(1, sum(len(a | b) for a, b in zip(right, said)))
""",
        "names that are in both sets",
    ),
    (
        "f1",
        """
def f1(right, said):
    right = [{(start, kind) for start, end, kind in names} for names in right]
    said = [{(start, kind) for start, end, kind in names} for names in said]
    hits = sum(len(a & b) for a, b in zip(right, said))
    return 2 * hits / max(1, sum(map(len, right)) + sum(map(len, said)))
""",
        "wrong end",
    ),
    (
        "f1",
        """
def f1(right, said):
    right = [{(start, end) for start, end, kind in names} for names in right]
    said = [{(start, end) for start, end, kind in names} for names in said]
    hits = sum(len(a & b) for a, b in zip(right, said))
    return 2 * hits / max(1, sum(map(len, right)) + sum(map(len, said)))
""",
        "wrong type",
    ),
    (
        "mend",
        """
def mend(tags):
    return ["B-" + tag[2:] if tag.startswith("I-") else tag for tag in tags]
""",
        "splits one name into two",
    ),
    (
        "mend",
        """
def mend(tags):
    return list(tags)
""",
        "Nothing was changed",
    ),
    (
        "mend",
        """
def mend(tags):
    new = []
    for i, tag in enumerate(tags):
        if tag.startswith("I-") and (i == 0 or tags[i - 1] == "O"):
            tag = "B-" + tag[2:]
        new.append(tag)
    return new
""",
        "Another type begins another name",
    ),
    (
        "mend",
        """
def mend(tags):
    for i, tag in enumerate(tags):
        if tag.startswith("I-") and (i == 0 or tags[i - 1][2:] != tag[2:]):
            tags[i] = "B-" + tag[2:]
    return tags
""",
        "changed the list that was passed",
    ),
]
