"""Common mistakes in the exercises of notebook 12: (exercise, a learner's code, a part of the hint)."""

MISTAKES = [
    (
        "best_span",
        """
def best_span(start, end, longest):
    return start.index(max(start)), end.index(max(end))
""",
        "ends before it starts",
    ),
    (
        "best_span",
        """
def best_span(start, end, longest):
    first = start.index(max(start))
    last = max(range(first, min(len(end), first + longest)), key=lambda j: end[j])
    return first, last
""",
        "chose the best start first",
    ),
    (
        "best_span",
        """
def best_span(start, end, longest):
    spans = [(i, j) for i in range(len(start)) for j in range(i + 1, min(len(start), i + longest))]
    return max(spans, key=lambda span: start[span[0]] + end[span[1]])
""",
        "one token is allowed",
    ),
    (
        "best_span",
        """
def best_span(start, end, longest):
    spans = [(i, j) for i in range(len(start)) for j in range(i, len(start))]
    return max(spans, key=lambda span: start[span[0]] + end[span[1]])
""",
        "too long",
    ),
    (
        "best_span",
        """
def best_span(start, end, longest):
    best, found = 0, (0, 0)
    for i in range(len(start)):
        for j in range(i, min(len(start), i + longest)):
            if start[i] + end[j] > best:
                best, found = start[i] + end[j], (i, j)
    return found
""",
        "below zero",
    ),
    (
        "windows",
        """
def windows(tokens, room, stride):
    return [(start, start + room) for start in range(0, tokens - room + 1, stride)] or [(0, tokens)]
""",
        "Is the last window missing?",
    ),
    (
        "windows",
        """
def windows(tokens, room, stride):
    found, start = [], 0
    while True:
        found.append((start, min(tokens, start + room)))
        if start + room >= tokens:
            return found
        start += room - stride
""",
        "not by how many tokens two windows overlap",
    ),
    (
        "windows",
        """
def windows(tokens, room, stride):
    return [(start, min(tokens, start + room)) for start in range(0, tokens, stride)]
""",
        "Stop when a window reaches the end",
    ),
    (
        "windows",
        """
def windows(tokens, room, stride):
    found, start = [], 0
    while True:
        found.append((start, start + room))
        if start + room >= tokens:
            return found
        start += stride
""",
        "ends where the text ends",
    ),
    (
        "f1",
        """
from bertlab.tasks import normalize_answer
def f1(said, right):
    def one(true):
        a, b = set(normalize_answer(said).split()), set(normalize_answer(true).split())
        return 2 * len(a & b) / (len(a) + len(b)) if a and b else float(a == b)
    return max(one(true) for true in right or [""])
""",
        "You compared sets",
    ),
    (
        "f1",
        """
from collections import Counter
def f1(said, right):
    def one(true):
        a, b = said.lower().split(), true.lower().split()
        common = sum((Counter(a) & Counter(b)).values())
        return 2 * common / (len(a) + len(b)) if a and b else float(a == b)
    return max(one(true) for true in right or [""])
""",
        "Articles do not count",
    ),
    (
        "f1",
        """
from collections import Counter
from bertlab.tasks import normalize_answer
def f1(said, right):
    a, b = normalize_answer(said).split(), normalize_answer((right or [""])[0]).split()
    common = sum((Counter(a) & Counter(b)).values())
    return 2 * common / (len(a) + len(b)) if a and b else float(a == b)
""",
        "not the first",
    ),
    (
        "f1",
        """
from collections import Counter
from bertlab.tasks import normalize_answer
def f1(said, right):
    def one(true):
        a, b = normalize_answer(said).split(), normalize_answer(true).split()
        common = sum((Counter(a) & Counter(b)).values())
        return 2 * common / (len(a) + len(b)) if a and b else 0.0
    return max(one(true) for true in right or [""])
""",
        "none is correct: F1 is 1",
    ),
    (
        "recall",
        """
def recall(scores, right, k):
    hits = 0
    for row, at in zip(scores, right):
        hits += sum(score > row[at] for score in row) < k
    return hits / len(scores)
""",
        "gives every candidate the same score",
    ),
    (
        "recall",
        """
def recall(scores, right, k):
    hits = 0
    for row, at in zip(scores, right):
        order = sorted(range(len(row)), key=lambda i: -row[i])
        hits += at in order[:k]
    return hits / len(scores)
""",
        "You counted ties as hits",
    ),
    (
        "recall",
        """
def recall(scores, right, k):
    hits = 0
    for row, at in zip(scores, right):
        order = sorted(range(len(row)), key=lambda i: row[i])
        hits += at in order[:k]
    return hits / len(scores)
""",
        "not the lowest",
    ),
]
