"""Common mistakes in the exercises of notebook 13: (exercise, a learner's code, a part of the hint)."""

MISTAKES = [
    (
        "who_sees_whom",
        """
import torch
def who_sees_whom(types):
    return torch.ones(len(types), len(types)).bool()
""",
        "This is BERT's mask",
    ),
    (
        "who_sees_whom",
        """
import torch
def who_sees_whom(types):
    return torch.ones(len(types), len(types)).tril().bool()
""",
        "read in both directions",
    ),
    (
        "who_sees_whom",
        """
import torch
def who_sees_whom(types):
    source = torch.tensor(types) == 0
    before = torch.ones(len(types), len(types)).tril().bool()
    return source[:, None] | source[None, :] | before
""",
        "The source sees the target",
    ),
    (
        "who_sees_whom",
        """
import torch
def who_sees_whom(types):
    source = torch.tensor(types) == 0
    return source[None, :] | ~source[:, None]
""",
        "sees the one that it has to predict",
    ),
    (
        "who_sees_whom",
        """
def who_sees_whom(types):
    T = len(types)
    return [[types[j] == 0 or (types[i] == 1 and j < i) for j in range(T)] for i in range(T)]
""",
        "does not see itself",
    ),
    (
        "who_sees_whom",
        """
def who_sees_whom(types):
    T = len(types)
    return [[types[i] == 0 or (types[j] == 1 and i <= j) for j in range(T)] for i in range(T)]
""",
        "Rows and columns are swapped",
    ),
    (
        "one_ahead",
        """
def one_ahead(labels):
    return labels
""",
        "has to predict itself",
    ),
    (
        "one_ahead",
        """
def one_ahead(labels):
    return labels.roll(-1, 1)
""",
        "came back at the end",
    ),
    (
        "one_ahead",
        """
import torch
def one_ahead(labels):
    return torch.cat([torch.full_like(labels[:, :1], -100), labels[:, :-1]], 1)
""",
        "moved in the wrong direction",
    ),
    (
        "one_ahead",
        """
import torch.nn.functional as F
def one_ahead(labels):
    return F.pad(labels[:, 1:], (0, 1))
""",
        "0 is a token",
    ),
    (
        "one_ahead",
        """
def one_ahead(labels):
    return labels[:, 1:]
""",
        "fill up with -100",
    ),
    (
        "one_ahead",
        """
def one_ahead(labels):
    labels[:, :-1] = labels[:, 1:].clone()
    labels[:, -1] = -100
    return labels
""",
        "Make a new one",
    ),
    (
        "bleu_score",
        """
import math
from collections import Counter
def grams(words, n):
    return Counter(tuple(words[i:i + n]) for i in range(len(words) - n + 1))
def bleu_score(said, right):
    total = 0.0
    for n in range(1, 5):
        hits = sum((grams(a, n) & grams(b, n)).total() for a, b in zip(said, right))
        if not hits:
            return 0.0
        total += math.log(hits / sum(len(a) - n + 1 for a in said)) / 4
    return 100 * math.exp(total)
""",
        "brevity penalty is missing",
    ),
    (
        "bleu_score",
        """
import math
from collections import Counter
def grams(words, n):
    return Counter(tuple(words[i:i + n]) for i in range(len(words) - n + 1))
def bleu_score(said, right):
    total = 0.0
    for n in range(1, 5):
        hits = sum((grams(a, n) & grams(b, n)).total() for a, b in zip(said, right))
        if not hits:
            return 0.0
        total += math.log(hits / sum(len(a) - n + 1 for a in said)) / 4
    return 100 * math.exp(total + min(0, 1 - sum(map(len, said)) / sum(map(len, right))))
""",
        "The penalty is inverted",
    ),
    (
        "bleu_score",
        """
import math
from collections import Counter
def grams(words, n):
    return Counter(tuple(words[i:i + n]) for i in range(len(words) - n + 1))
def bleu_score(said, right):
    total = 0.0
    for n in range(1, 5):
        hits = sum((grams(a, n) & grams(b, n)).total() for a, b in zip(said, right))
        if not hits:
            return 0.0
        total += math.log(hits / sum(len(a) - n + 1 for a in said)) / 4
    return 100 * math.exp(total + 1 - sum(map(len, right)) / sum(map(len, said)))
""",
        "is rewarded",
    ),
    (
        "bleu_score",
        """
import math
from collections import Counter
def grams(words, n):
    return Counter(tuple(words[i:i + n]) for i in range(len(words) - n + 1))
def bleu_score(said, right):
    total = 0.0
    for n in range(1, 5):
        hits = sum((grams(a, n) & grams(b, n)).total() for a, b in zip(said, right))
        total += hits / sum(len(a) - n + 1 for a in said) / 4
    return 100 * total * math.exp(min(0, 1 - sum(map(len, right)) / sum(map(len, said))))
""",
        "geometric mean",
    ),
    (
        "bleu_score",
        """
import math
from collections import Counter
def grams(words, n):
    return Counter(tuple(words[i:i + n]) for i in range(len(words) - n + 1))
def bleu_score(said, right):
    total = 0.0
    for n in range(1, 5):
        hits = sum(count for a, b in zip(said, right) for gram, count in grams(a, n).items() if gram in grams(b, n))
        if not hits:
            return 0.0
        total += math.log(hits / sum(len(a) - n + 1 for a in said)) / 4
    return 100 * math.exp(total + min(0, 1 - sum(map(len, right)) / sum(map(len, said))))
""",
        "at most as often as it occurs",
    ),
    (
        "bleu_score",
        """
import math
from bertlab.tasks import compute_bleu
def bleu_score(said, right):
    each = [compute_bleu([" ".join(a)], [" ".join(b)]) for a, b in zip(said, right)]
    return sum(each) / len(each)
""",
        "the mean of the BLEU of each text",
    ),
    (
        "bleu_score",
        """
import math
from collections import Counter
def grams(words, n):
    return Counter(tuple(words[i:i + n]) for i in range(len(words) - n + 1))
def bleu_score(said, right):
    total = 0.0
    for n in range(1, 5):
        hits = sum((grams(a, n) & grams(b, n)).total() for a, b in zip(said, right))
        total += math.log(hits / sum(len(a) - n + 1 for a in said)) / 4
    return 100 * math.exp(total + min(0, 1 - sum(map(len, right)) / sum(map(len, said))))
""",
        "BLEU is 0 in this case",
    ),
    (
        "beam_step",
        """
def beam_step(texts, log_p, beams, end):
    carried, finished = [], []
    for (total, ids), row in zip(texts, log_p):
        word = max(range(len(row)), key=row.__getitem__)
        (finished if word == end else carried).append((total + row[word], ids if word == end else [*ids, word]))
    return sorted(carried, reverse=True)[:beams], sorted(finished, reverse=True)
""",
        "its own best word",
    ),
    (
        "beam_step",
        """
def beam_step(texts, log_p, beams, end):
    every = sorted(((p, ids, w) for (total, ids), row in zip(texts, log_p) for w, p in enumerate(row)),
                   key=lambda one: -one[0])
    finished = [(p, ids) for p, ids, w in every[:beams] if w == end]
    return [(p, [*ids, w]) for p, ids, w in every if w != end][:beams], finished
""",
        "Add the log p of the text before it",
    ),
    (
        "beam_step",
        """
def beam_step(texts, log_p, beams, end):
    every = sorted(((total + p, [*ids, w]) for (total, ids), row in zip(texts, log_p) for w, p in enumerate(row)),
                   key=lambda one: -one[0])
    return every[:beams], [one for one in every[:beams] if one[1][-1] == end]
""",
        "A text that has ended is carried on",
    ),
    (
        "beam_step",
        """
def beam_step(texts, log_p, beams, end):
    every = sorted(((total + p, [*ids, w]) for (total, ids), row in zip(texts, log_p) for w, p in enumerate(row)),
                   key=lambda one: -one[0])[:beams]
    return [one for one in every if one[1][-1] != end], [one for one in every if one[1][-1] == end]
""",
        "leave it out of the ids of a finished",
    ),
    (
        "beam_step",
        """
def beam_step(texts, log_p, beams, end):
    every = sorted(((total + p, ids, w) for (total, ids), row in zip(texts, log_p) for w, p in enumerate(row)),
                   key=lambda one: -one[0])[:beams]
    return [(p, [*ids, w]) for p, ids, w in every if w != end], [(p, ids) for p, ids, w in every if w == end]
""",
        "does not take the place of one that goes on",
    ),
    (
        "beam_step",
        """
def beam_step(texts, log_p, beams, end):
    every = sorted(((total + p, ids, w) for (total, ids), row in zip(texts, log_p) for w, p in enumerate(row)),
                   key=lambda one: -one[0])
    finished = [(p, ids) for p, ids, w in every if w == end]
    return [(p, [*ids, w]) for p, ids, w in every if w != end][:beams], finished
""",
        "among the `beams` best of all",
    ),
]
