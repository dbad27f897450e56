"""Common mistakes in the exercises of notebook 12: (exercise, a learner's code, a part of the hint)."""

MISTAKES = [
    (
        "span_scores",
        """
def span_scores(hidden, layer):
    B, T, D = hidden.shape
    start, end = layer(hidden).reshape(2, B, T)
    return start, end
""",
        "now belong to several",
    ),
    (
        "span_scores",
        """
def span_scores(hidden, layer):
    end, start = layer(hidden).unbind(-1)
    return start, end
""",
        "Start and end are exchanged",
    ),
    (
        "span_scores",
        """
def span_scores(hidden, layer):
    start, end = layer(hidden).softmax(1).unbind(-1)
    return start, end
""",
        "The loss applies the softmax later",
    ),
    (
        "span_scores",
        """
def span_scores(hidden, layer):
    start, end = layer(hidden).split(1, -1)
    return start, end
""",
        "remove the last axis",
    ),
    (
        "span_scores",
        """
def span_scores(hidden, layer):
    start, end = layer(hidden).chunk(2, 1)
    return start, end
""",
        "Yours have (3, 3, 2)",
    ),
    (
        "span_loss",
        """
import torch.nn.functional as F
def span_loss(start, end, first, last):
    return F.cross_entropy(start, first) + F.cross_entropy(end, last)
""",
        "divide by 2",
    ),
    (
        "span_loss",
        """
import torch.nn.functional as F
def span_loss(start, end, first, last):
    return (F.cross_entropy(start.softmax(-1), first) + F.cross_entropy(end.softmax(-1), last)) / 2
""",
        "applies the softmax itself",
    ),
    (
        "span_loss",
        """
import torch
def span_loss(start, end, first, last):
    rows = torch.arange(len(first))
    p = start.softmax(-1)[rows, first].log() + end.softmax(-1)[rows, last].log()
    return p.mean() / 2
""",
        "The sign is wrong",
    ),
    (
        "span_loss",
        """
import torch.nn.functional as F
def span_loss(start, end, first, last):
    return (F.cross_entropy(start, last) + F.cross_entropy(end, first)) / 2
""",
        "The start belongs to `first`",
    ),
    (
        "best_span",
        """
def best_span(start, end, first, last, longest):
    i = max(range(first, last + 1), key=lambda t: start[t])
    j = max(range(first, last + 1), key=lambda t: end[t])
    return i, j, start[0] + end[0] - start[i] - end[j]
""",
        "ends before it starts",
    ),
    (
        "best_span",
        """
def best_span(start, end, first, last, longest):
    i = max(range(first, last + 1), key=lambda t: start[t])
    j = max(range(i, min(last + 1, i + longest)), key=lambda t: end[t])
    return i, j, start[0] + end[0] - start[i] - end[j]
""",
        "chose the best start first",
    ),
    (
        "best_span",
        """
def best_span(start, end, first, last, longest):
    spans = [(i, j) for i in range(first, last + 1) for j in range(i + 1, min(last + 1, i + longest))]
    i, j = max(spans, key=lambda span: start[span[0]] + end[span[1]])
    return i, j, start[0] + end[0] - start[i] - end[j]
""",
        "one token is allowed",
    ),
    (
        "best_span",
        """
def best_span(start, end, first, last, longest):
    spans = [(i, j) for i in range(first, last + 1) for j in range(i, last + 1)]
    i, j = max(spans, key=lambda span: start[span[0]] + end[span[1]])
    return i, j, start[0] + end[0] - start[i] - end[j]
""",
        "too long",
    ),
    (
        "best_span",
        """
def best_span(start, end, first, last, longest):
    spans = [(i, j) for i in range(len(start)) for j in range(i, min(len(start), i + longest))]
    i, j = max(spans, key=lambda span: start[span[0]] + end[span[1]])
    return i, j, start[0] + end[0] - start[i] - end[j]
""",
        "stands for no answer",
    ),
    (
        "best_span",
        """
def best_span(start, end, first, last, longest):
    best, found = 0, (first, first)
    for i in range(first, last + 1):
        for j in range(i, min(last + 1, i + longest)):
            if start[i] + end[j] > best:
                best, found = start[i] + end[j], (i, j)
    return *found, start[0] + end[0] - best
""",
        "below zero",
    ),
    (
        "best_span",
        """
def best_span(start, end, first, last, longest):
    spans = [(i, j) for i in range(first, last + 1) for j in range(i, min(last + 1, i + longest))]
    i, j = max(spans, key=lambda span: start[span[0]] + end[span[1]])
    return i, j, start[i] + end[j] - start[0] - end[0]
""",
        "The sign of the gap is wrong",
    ),
    (
        "label_answer",
        """
def label_answer(offsets, begin, end):
    inside = [t for t, (a, b) in enumerate(offsets) if a < end and b > begin]
    return (inside[0], inside[-1] + 1) if inside else None
""",
        "not the one after it",
    ),
    (
        "label_answer",
        """
def label_answer(offsets, begin, end):
    inside = [t for t, (a, b) in enumerate(offsets) if a <= end and b >= begin]
    return (inside[0], inside[-1]) if inside else None
""",
        "only touch the answer",
    ),
    (
        "label_answer",
        """
def label_answer(offsets, begin, end):
    inside = [t for t, (a, b) in enumerate(offsets) if a >= begin and b <= end]
    return (inside[0], inside[-1]) if inside else None
""",
        "1950 in 1950s",
    ),
    (
        "label_answer",
        """
def label_answer(offsets, begin, end):
    inside = [t for t, (a, b) in enumerate(offsets) if a < end and b > begin]
    return inside[0], inside[-1]
""",
        "return None",
    ),
    (
        "windows",
        """
def windows(tokens, room, overlap):
    return [(begin, begin + room) for begin in range(0, tokens - room + 1, room - overlap)] or [(0, tokens)]
""",
        "Is the last window missing?",
    ),
    (
        "windows",
        """
def windows(tokens, room, overlap):
    found, begin = [], 0
    while True:
        found.append((begin, min(tokens, begin + room)))
        if begin + room >= tokens:
            return found
        begin += overlap
""",
        "The overlap is how many tokens two windows share",
    ),
    (
        "windows",
        """
def windows(tokens, room, overlap):
    return [(begin, min(tokens, begin + room)) for begin in range(0, tokens, room - overlap)]
""",
        "Stop when a window reaches the end",
    ),
    (
        "windows",
        """
def windows(tokens, room, overlap):
    found, begin = [], 0
    while True:
        found.append((begin, begin + room))
        if begin + room >= tokens:
            return found
        begin += room - overlap
""",
        "ends where the text ends",
    ),
    (
        "in_batch_loss",
        """
import torch
import torch.nn.functional as F
def in_batch_loss(said, replies, also_fits):
    logits = (20 * said @ replies.T).masked_fill(also_fits, -torch.inf)
    return F.cross_entropy(logits, torch.arange(len(said)))
""",
        "Bring each vector to length 1",
    ),
    (
        "in_batch_loss",
        """
import torch
import torch.nn.functional as F
def in_batch_loss(said, replies, also_fits):
    logits = 20 * F.normalize(replies, dim=-1) @ F.normalize(said, dim=-1).T
    return F.cross_entropy(logits.masked_fill(also_fits, -torch.inf), torch.arange(len(said)))
""",
        "each reply chooses among the texts",
    ),
    (
        "in_batch_loss",
        """
import torch
import torch.nn.functional as F
def in_batch_loss(said, replies, also_fits):
    logits = F.normalize(said, dim=-1) @ F.normalize(replies, dim=-1).T
    return F.cross_entropy(logits.masked_fill(also_fits, -torch.inf), torch.arange(len(said)))
""",
        "The factor 20 is missing",
    ),
    (
        "in_batch_loss",
        """
import torch
import torch.nn.functional as F
def in_batch_loss(said, replies, also_fits):
    logits = 20 * F.normalize(said, dim=-1) @ F.normalize(replies, dim=-1).T
    return F.cross_entropy(logits.masked_fill(also_fits, 0), torch.arange(len(said)))
""",
        "exp(0) is 1",
    ),
    (
        "in_batch_loss",
        """
import torch.nn.functional as F
def in_batch_loss(said, replies, also_fits):
    return 1 - F.cosine_similarity(said, replies, dim=-1).mean()
""",
        "not the cross-entropy of 20 times the cosines",
    ),
    (
        "in_batch_loss",
        """
import torch
import torch.nn.functional as F
def in_batch_loss(said, replies, also_fits):
    logits = 20 * F.normalize(said, dim=-1) @ F.normalize(replies, dim=-1).T
    return F.cross_entropy(logits, torch.arange(len(said)))
""",
        "`also_fits` has no effect",
    ),
]
