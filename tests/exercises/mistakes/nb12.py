"""Common mistakes in the exercises of notebook 12: (exercise, a learner's code, a part of the hint)."""

LOSS = """
import math
import torch
import torch.nn.functional as F
def span_loss(start, end, first, last):
    rows = torch.arange(len(first))
    p, q = start.log_softmax(-1)[rows, first], end.log_softmax(-1)[rows, last]
    return -(p + q).mean() / 2
"""
SPAN = """
import math
def best_span(start, end, first, last, longest):
    best = (-math.inf, 0, 0)
    for i in range(first, last + 1):
        for j in range(i, min(last + 1, i + longest)):
            if start[i] + end[j] > best[0]:
                best = (start[i] + end[j], i, j)
    score, i, j = best
    return i, j, start[0] + end[0] - score
"""
LABEL = """
def label_answer(offsets, begin, end):
    inside = [t for t, (a, b) in enumerate(offsets) if a < end and b > begin]
    return (inside[0], inside[-1]) if inside else None
"""
WINDOWS = """
def windows(tokens, room, overlap):
    found, begin = [], 0
    while True:
        found.append((begin, min(tokens, begin + room)))
        if begin + room >= tokens:
            return found
        begin += room - overlap
"""
IN_BATCH = """
import torch
import torch.nn.functional as F
def in_batch_loss(said, replies, also_fits):
    a, b = F.normalize(said, dim=-1), F.normalize(replies, dim=-1)
    logits = 20 * a @ b.T
    logits = logits.masked_fill(also_fits, -torch.inf)
    return F.cross_entropy(logits, torch.arange(len(said)))
"""
WORD_F1 = """
from collections import Counter
from bertlab.tasks import normalize_answer
def word_f1(said, right):
    a, b = Counter(normalize_answer(said).split()), Counter(normalize_answer(right).split())
    if not a or not b:
        return float(a == b)
    return 2 * (a & b).total() / (a.total() + b.total())
"""
RECALL = """
def recall_at(scores, right, k):
    hits = 0
    for row, number in zip(scores, right):
        better = sum(score > row[number] for score in row)
        equal = sum(score == row[number] for score in row)
        hits += min(1, max(0, (k - better) / equal))
    return hits / len(scores)
"""


def compute_scores(code: str) -> str:
    return f"def span_scores(hidden, layer):\n    s = layer(hidden)\n    {code}"


MISTAKES = [
    ("span_scores", compute_scores("return s[..., 0].detach(), s[..., 1].detach()"), "No gradient can go back"),
    ("span_scores", compute_scores("return s[..., 0], s[..., 0]"), "the same scores twice"),
    ("span_scores", compute_scores("start, end = s; return start, end"), "are on the last axis"),
    ("span_scores", compute_scores("s = s.log_softmax(1); return s[..., 0], s[..., 1]"), "not probabilities"),
    ("span_scores", compute_scores("s = s - layer.bias; return s[..., 0], s[..., 1]"), "The bias is missing"),
    ("span_loss", LOSS.replace(".mean() / 2", ".sum() / 8"), "Take the sizes from the tensors"),
    ("span_loss", LOSS.replace(".mean() / 2", ".sum()"), "over the rows and over both ends"),
    ("span_loss", LOSS.replace(".mean()", ".mean().detach()"), "No gradient can go back"),
    ("span_loss", LOSS.replace("[rows, last]", "[rows, first]"), "It belongs to `last`"),
    ("span_loss", LOSS.replace("end.log_softmax", "start.log_softmax"), "Take those of the end"),
    ("span_loss", LOSS.replace("log_softmax(-1)", "log_softmax(0)"), "on the last axis"),
    ("span_loss", LOSS.replace("log_softmax", "softmax"), "The logarithm of the probabilities is missing"),
    ("span_loss", LOSS.replace(".log_softmax(-1)", ""), "These are the scores themselves"),
    ("span_loss", LOSS.replace("/ 2", "/ 2 / math.log(2)"), "has the base 2"),
    (
        "span_loss",
        "import torch.nn.functional as F\ndef span_loss(start, end, first, last):\n"
        "    return F.cross_entropy(start.T, first)",
        "one position for each row",
    ),
    ("best_span", SPAN.replace("-math.inf", "-100"), "far below zero"),
    ("best_span", SPAN.replace("i + longest", "i + 3"), "longest 4 the best span is (1, 4)"),
    ("best_span", SPAN.replace(" - score", "").replace("start[0] + end[0]", "score"), "the score of the best span"),
    ("best_span", SPAN.replace("start[0] + end[0]", "start[first] + end[first]"), "No answer is token 0"),
    ("best_span", SPAN.replace("return i, j", "return j, i"), "the first token of the span first"),
    ("best_span", SPAN.replace("return i, j", "return i - first, j - first"), "in the whole row"),
    ("best_span", SPAN.replace("last + 1", "last"), "A span may end at `last`"),
    (
        "best_span",
        """
def best_span(start, end, first, last, longest):
    j = max(range(first, last + 1), key=lambda t: end[t])
    i = max(range(max(first, j - longest + 1), j + 1), key=lambda t: start[t])
    return i, j, start[0] + end[0] - start[i] - end[j]
""",
        "You chose the best end first",
    ),
    (
        "label_answer",
        LABEL.replace("a < end and b > begin", "begin <= a < end or begin < b <= end"),
        "begins and ends inside token 1",
    ),
    (
        "label_answer",
        LABEL.replace("a < end and b > begin", "a <= begin < b or a < end <= b"),
        "at the space between tokens 0 and 1",
    ),
    (
        "label_answer",
        """
def label_answer(offsets, begin, end):
    first = [t for t, (a, b) in enumerate(offsets) if b > begin]
    last = [t for t, (a, b) in enumerate(offsets) if a < end]
    return (first[0], last[-1]) if first and last else None
""",
        "characters 3 to 4: return None, not (1, 0)",
    ),
    ("label_answer", LABEL.replace("and b > begin", ""), "Both comparisons must hold"),
    ("label_answer", LABEL.replace("a < end and", ""), "Look at `end`, too"),
    (
        "windows",
        WINDOWS.replace("room >= ", "8 >= ").replace("+ room)", "+ 8)"),
        "windows(31, 12, 3): token 8 is in no window",
    ),
    (
        "windows",
        """
def windows(tokens, room, overlap):
    return [(begin, min(tokens, begin + room)) for begin in range(0, tokens - overlap, room - overlap)]
""",
        "windows(3, 8, 4): token 0 is in no window",
    ),
    ("windows", WINDOWS.replace("room - overlap", "room - overlap - 1"), "each begins 8 - 5 = 3 tokens"),
    ("windows", WINDOWS.replace("return found", "return print(found)"), "Your function returns None"),
    ("windows", WINDOWS.replace("append((begin,", "append(range(begin,"), "each window is a pair"),
    ("in_batch_loss", IN_BATCH.replace("-torch.inf", "-20"), "since a cosine of -1 would still take part"),
    ("in_batch_loss", IN_BATCH.replace("len(said)", "4"), "Take P from the tensors"),
    ("in_batch_loss", IN_BATCH.replace("(logits, torch", "(logits.detach(), torch"), "No gradient can go back"),
    ("in_batch_loss", IN_BATCH.replace("a @ b.T", "a @ replies.T"), "not of one alone"),
    ("in_batch_loss", IN_BATCH.replace("dim=-1", "dim=0"), "normalise along the last axis"),
    ("in_batch_loss", IN_BATCH.replace("a @ b.T", "a @ a.T"), "You compared the texts with each other"),
    ("in_batch_loss", IN_BATCH.replace("a @ b.T", "a @ b"), "(P, D) times the transpose"),
    ("in_batch_loss", IN_BATCH.replace("(logits,", "(logits.softmax(-1),"), "Softmax is applied twice"),
    ("in_batch_loss", IN_BATCH.replace("(len(said))", "(len(said)), reduction='sum'"), "the sum over the texts"),
    ("in_batch_loss", IN_BATCH.replace("return", "return -"), "The sign is wrong"),
    ("in_batch_loss", IN_BATCH.replace("(also_fits", "(also_fits.T"), "it hits other scores"),
    ("in_batch_loss", IN_BATCH.replace("(also_fits", "(~also_fits"), "so no reply may be left out"),
    ("word_f1", WORD_F1.replace("(a & b).total()", "len(set(a) & set(b))"), "that both have twice is common twice"),
    ("word_f1", WORD_F1.replace("(a & b).total()", "sum(b[w] for w in b if w in a)"), "more often than both have"),
    ("word_f1", WORD_F1.replace("float(a == b)", "0.0"), "it is 1 if both are"),
    ("word_f1", WORD_F1.replace("if not a or not b", "if False"), "divides by 0"),
    ("recall_at", RECALL.replace("max(0, (k - better) / equal)", "(k - better) / equal"), "counts 0, and not less"),
    (
        "recall_at",
        RECALL.replace("min(1, max(0, (k - better) / equal))", "max(0, (k - better) / equal)"),
        "at most once",
    ),
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
