"""Common mistakes in the exercises of notebook 13: (exercise, a learner's code, a part of the hint)."""

MISTAKES = [
    (
        "write_greedily",
        """
def write_greedily(score_next, ids, end, most):
    ids = list(ids)
    for _ in range(most):
        word = int(score_next(ids).argmax())
        if word == end:
            break
        ids.append(word)
    return ids
""",
        "begins with the ids that were passed",
    ),
    (
        "write_greedily",
        """
def write_greedily(score_next, ids, end, most):
    n = len(ids)
    for _ in range(most):
        word = int(score_next(ids).argmax())
        if word == end:
            break
        ids.append(word)
    return ids[n:]
""",
        "You changed the list that was passed",
    ),
    (
        "write_greedily",
        """
def write_greedily(score_next, ids, end, most):
    written = []
    for _ in range(most):
        word = int(score_next(ids).argmax())
        if word == end:
            break
        written.append(word)
    return written
""",
        "asked the same thing twice",
    ),
    (
        "write_greedily",
        """
def write_greedily(score_next, ids, end, most):
    written = []
    for _ in range(most):
        word = int(score_next(written or ids).argmax())
        if word == end:
            break
        written.append(word)
    return written
""",
        "without the ids that were passed",
    ),
    (
        "write_greedily",
        """
def write_greedily(score_next, ids, end, most):
    written = []
    while end not in written and len(written) < most:
        written.append(int(score_next(ids + written).argmax()))
    return written
""",
        "`end` is in your list",
    ),
    (
        "write_greedily",
        """
def write_greedily(score_next, ids, end, most):
    written, word = [], None
    while word != end:
        word = int(score_next(ids + written).argmax())
        written.append(word)
    return written[:-1]
""",
        "does not stop",
    ),
    (
        "write_greedily",
        """
def write_greedily(score_next, ids, end, most):
    written = []
    while len(ids) + len(written) < most:
        word = int(score_next(ids + written).argmax())
        if word == end:
            break
        written.append(word)
    return written
""",
        "You stopped after 2 tokens instead of 4",
    ),
    (
        "write_greedily",
        """
def write_greedily(score_next, ids, end, most):
    written = []
    for _ in range(most):
        word = score_next(ids + written).argmax()
        if word == end:
            break
        written.append(word)
    return written
""",
        "whole numbers",
    ),
    (
        "seq2seq_mask",
        """
def seq2seq_mask(types, real):
    return real[:, None, :].expand(-1, types.size(1), -1)
""",
        "This is BERT's own mask",
    ),
    (
        "seq2seq_mask",
        """
import torch
def seq2seq_mask(types, real):
    T = types.size(1)
    return torch.ones(T, T).bool().tril() & real[:, None, :]
""",
        "read in both directions",
    ),
    (
        "seq2seq_mask",
        """
import torch
def seq2seq_mask(types, real):
    source = types == 0
    before = torch.ones(types.size(1), types.size(1)).bool().tril()
    return source[:, None, :] | (~source[:, :, None] & before)
""",
        "Somebody sees the padding",
    ),
    (
        "seq2seq_mask",
        """
import torch
def seq2seq_mask(types, real):
    source = types == 0
    before = torch.ones(types.size(1), types.size(1)).bool().tril()
    return (source[:, :, None] | source[:, None, :] | before) & real[:, None, :]
""",
        "The source sees the target",
    ),
    (
        "seq2seq_mask",
        """
def seq2seq_mask(types, real):
    source = types == 0
    return (source[:, None, :] | ~source[:, :, None]) & real[:, None, :]
""",
        "sees the one that it has to predict",
    ),
    (
        "seq2seq_mask",
        """
import torch
def seq2seq_mask(types, real):
    source = types == 0
    before = torch.ones(types.size(1), types.size(1)).bool().tril(-1)
    return (source[:, None, :] | (~source[:, :, None] & before)) & real[:, None, :]
""",
        "does not see itself",
    ),
    (
        "seq2seq_mask",
        """
import torch
def seq2seq_mask(types, real):
    source = types == 0
    before = torch.ones(types.size(1), types.size(1)).bool().tril()
    return ((source[:, None, :] | (~source[:, :, None] & before)) & real[:, None, :]).transpose(1, 2)
""",
        "Rows and columns are swapped",
    ),
    (
        "seq2seq_mask",
        """
import torch
def seq2seq_mask(types, real):
    source = types == 0
    before = torch.ones(types.size(1), types.size(1)).bool().tril()
    return source[0][None, :] | (~source[0][:, None] & before)
""",
        "need a mask of shape",
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
    (
        "mask_predict",
        """
def mask_predict(predict, length, steps, mask):
    return predict([mask] * length)[0]
""",
        "You called it 1 times",
    ),
    (
        "mask_predict",
        """
def mask_predict(predict, length, steps, mask):
    ids = [mask] * length
    for _ in range(steps):
        ids, p = predict(ids)
    return ids
""",
        "nothing was hidden",
    ),
    (
        "mask_predict",
        """
def mask_predict(predict, length, steps, mask):
    ids, p = [mask] * length, [0.0] * length
    for step in range(steps):
        count = length * (steps - step) // steps
        for i in sorted(range(length), key=lambda i: -p[i])[:count]:
            ids[i] = mask
        ids, p = predict(ids)
    return ids
""",
        "other tokens than the least probable",
    ),
    (
        "mask_predict",
        """
def mask_predict(predict, length, steps, mask):
    ids, p = [mask] * length, [0.0] * length
    for step in range(steps):
        count = length * (steps - step) // steps
        hidden = sorted(range(length), key=lambda i: p[i])[:count]
        for i in hidden:
            ids[i] = mask
        ids, new = predict(ids)
        for i in hidden:
            p[i] = new[i]
    return ids
""",
        "Only the hidden tokens take",
    ),
    (
        "mask_predict",
        """
def mask_predict(predict, length, steps, mask):
    ids, p = [mask] * length, [0.0] * length
    for step in range(steps):
        count = length // (step + 1)
        hidden = sorted(range(length), key=lambda i: p[i])[:count]
        for i in hidden:
            ids[i] = mask
        words, new = predict(ids)
        for i in hidden:
            ids[i], p[i] = words[i], new[i]
    return ids
""",
        "3 of 4 tokens are hidden, and you hid 2",
    ),
]
