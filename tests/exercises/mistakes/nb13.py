"""Common mistakes in the exercises of notebook 13: (exercise, a learner's code, a part of the hint)."""

GREEDY = """
def write_greedily(score_next, ids, end, most):
    written = []
    while len(written) < most:
        word = int(score_next(ids + written).argmax())
        if word == end:
            break
        written.append(word)
    return written
"""
MASK = """
import torch
def seq2seq_mask(types, real):
    T = types.size(1)
    source = types == 0
    before = torch.ones(T, T).bool().tril()
    return (source[:, None, :] | (~source[:, :, None] & before)) & real[:, None, :]
"""
BLEU = """
import math
from collections import Counter
def bleu_score(predicted, expected):
    def count_runs(words, n):
        return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))

    log_mean = 0.0
    for n in range(1, 5):
        pairs = [(count_runs(a, n), count_runs(b, n)) for a, b in zip(predicted, expected)]
        hits, written = sum((a & b).total() for a, b in pairs), sum(a.total() for a, _ in pairs)
        if not hits:
            return 0.0
        log_mean += math.log(hits / written) / 4
    c, r = sum(map(len, predicted)), sum(map(len, expected))
    return 100 * math.exp(min(0.0, 1 - r / c) + log_mean)
"""
STEP = """
import math
def beam_step(texts, log_p, beams, end):
    every = []
    for (total, ids), row in zip(texts, log_p):
        every += [(total + p, ids, word) for word, p in enumerate(row)]
    every.sort(key=lambda one: -one[0])
    finished = [(total, ids) for total, ids, word in every[:beams] if word == end]
    carried = [(total, [*ids, word]) for total, ids, word in every if word != end][:beams]
    return carried, finished
"""
ROUNDS = """
def mask_predict(predict, length, steps, mask):
    ids, p = [mask] * length, [0.0] * length
    for step in range(steps):
        count = length * (steps - step) // steps
        hidden = sorted(range(length), key=lambda i: p[i])[:count]
        for i in hidden:
            ids[i] = mask
        words, new = predict(ids)
        for i in hidden:
            ids[i], p[i] = words[i], new[i]
    return ids
"""
TOGETHER = """
def write_together(score_next, texts, end, most):
    written = [[] for _ in texts]
    for _ in range(most):
        best = score_next([old + new for old, new in zip(texts, written)]).argmax(-1).tolist()
        for ids, word in zip(written, best):
            ids.append(word)
    return [ids[: [*ids, end].index(end)] for ids in written]
"""

MISTAKES = [
    ("write_greedily", GREEDY.replace("word == end", "word == 0"), "`end`, which is 7 here"),
    (
        "write_greedily",
        GREEDY.replace(".argmax()", ".softmax(-1).multinomial(1, generator=torch.Generator().manual_seed(0))").replace(
            "def", "import torch\ndef"
        ),
        "take argmax",
    ),
    ("write_greedily", GREEDY.replace("argmax", "max"), "take argmax"),
    ("write_greedily", GREEDY.replace("if word == end", "if False"), "You asked what follows `end`"),
    ("write_greedily", GREEDY.replace("ids + written", "written + ids"), "come first"),
    ("seq2seq_mask", MASK.replace("tril()", "triu()"), "sees what comes after it"),
    ("seq2seq_mask", MASK.replace("real[:, None, :]", "real[:, :, None]"), "You closed the rows of padding"),
    (
        "seq2seq_mask",
        MASK.replace("real[:, None, :]", "real[:, None, :] & real[:, :, None]"),
        "has nothing to distribute",
    ),
    (
        "seq2seq_mask",
        MASK.replace("return ", "return ~(").replace("real[:, None, :]", "real[:, None, :])"),
        "True where a token is hidden",
    ),
    (
        "seq2seq_mask",
        MASK.replace("return ", "return -1e9 * ~(").replace("real[:, None, :]", "real[:, None, :])"),
        "which could be added to scores",
    ),
    (
        "one_ahead",
        "import torch\ndef one_ahead(labels):\n    return torch.cat([labels[:, 1:], torch.full((1, 1), -100)], 1)",
        "one number for each row",
    ),
    (
        "one_ahead",
        "import torch.nn.functional as F\ndef one_ahead(labels):\n"
        "    return F.pad(labels[:, 1:].float(), (0, 1), value=-100)",
        "Yours are floats",
    ),
    ("bleu_score", BLEU.replace("(a & b).total()", "len(a & b)"), "is a hit twice"),
    (
        "bleu_score",
        BLEU.replace("for a, b in zip(predicted, expected)]", "for a, b in [(predicted, expected)]]").replace(
            "count_runs(a, n), count_runs(b, n)",
            "*(sum((count_runs(t, n) for t in side), Counter()) for side in (a, b)),",
        ),
        "Compare each text with its own",
    ),
    ("bleu_score", BLEU.replace("not hits", "hits / written == 0"), "your function divides by 0"),
    ("bleu_score", BLEU.replace("range(1, 5)", "range(1, 4)").replace("/ 4", "/ 3"), "1- to 3-grams only"),
    (
        "bleu_score",
        BLEU.replace("    log_mean = 0.0", "    predicted, expected = expected, predicted\n    log_mean = 0.0"),
        "are exchanged",
    ),
    ("beam_step", STEP.replace("every[:beams]", "every[: beams + 1]"), "You finished 2 texts"),
    ("beam_step", STEP.replace("every[:beams]", "every[: beams - 1]"), "The finished texts should be [[1]]"),
    ("beam_step", STEP.replace("every[:beams]", "every[:1]"), "The finished texts should be [[1]]"),
    ("beam_step", STEP.replace("== end", "== 0").replace("!= end", "!= 0"), "`end`, which is 3 here"),
    (
        "beam_step",
        STEP.replace("every[:beams] if word == end]", "every if word == end]").replace(
            "    return", "    finished = [text for text in finished if text[0] > carried[-1][0]]\n    return"
        ),
        "You finished 2 texts",
    ),
    (
        "beam_step",
        STEP.replace("+= [(total + p", "+= sorted([(total + p").replace("enumerate(row)]", "enumerate(row)])[-beams:]"),
        "Compare all words of all texts",
    ),
    ("beam_step", STEP.replace("return carried, finished", "return finished, carried"), "The two lists are exchanged"),
    ("beam_step", STEP.replace("return carried, finished", "return carried"), "Each text is a pair"),
    ("beam_step", STEP.replace("total + p", "total + math.exp(p)"), "but their log p should be"),
    ("beam_step", STEP.replace("[*ids, word]", "ids.append(word) or ids"), "You changed the ids of a text"),
    ("mask_predict", ROUNDS.replace("[mask]", "[9]").replace("= mask", "= 9"), "whose number is 0 here"),
    (
        "mask_predict",
        ROUNDS.replace("            ids[i], p", "            if new[i] >= p[i]:\n                ids[i], p"),
        "however probable that is",
    ),
    ("mask_predict", ROUNDS.replace("(steps - step)", "(steps - step - 1)"), "Your text still holds [MASK]"),
    ("mask_predict", ROUNDS.replace("range(steps)", "range(steps - 1)"), "You called it 0 times"),
    (
        "last_scores",
        "import torch\ndef last_scores(logits, real):\n    return logits[torch.arange(len(logits)), real.sum(1)]",
        "because counting starts at 0",
    ),
    ("write_together", TOGETHER.replace("range(most)", "range(most - 1)"), "at most 4 tokens may be written"),
    ("write_together", TOGETHER.replace("[*ids, end]", "ids"), "at most 4 tokens may be written"),
    (
        "write_together",
        TOGETHER.replace("for _ in range(most)", "while not all(end in ids for ids in written)"),
        "Your loop does not stop",
    ),
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
        "You stopped after 2 of 4 tokens",
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
