"""Common mistakes in the exercises of notebook 10: (exercise, a learner's code, a part of the hint)."""

DIFFERENCE = """
import math
def paired_difference(first, second):
    N = len(first)
    gains = [a - b for a, b in zip(first, second)]
    mean = sum(gains) / N
    variance = sum((gain - mean) ** 2 for gain in gains) / N
"""
HEAD = """
import torch
def head_logits(hidden, head):
"""
LOOP = """
import torch
def fine_tune(model, batches, optimizer, rates):
    model.train()
    losses = []
    for batch, rate in zip(batches, rates):
"""
RATE = """
        for group in optimizer.param_groups:
            group["lr"] = rate
"""
WHOLE = DIFFERENCE + "    return mean, 1.96 * math.sqrt(variance / N)"
WHOLE_HEAD = HEAD + "    return head.output(head.dropout(torch.tanh(head.pooler(hidden[:, 0]))))"
F1 = """
def macro_f1(truth, predicted):
    classes = set(truth) | set(predicted)
    total = 0.0
    for c in classes:
        hits = sum(t == p == c for t, p in zip(truth, predicted))
        total += 2 * hits / (truth.count(c) + predicted.count(c))
    return total / len(classes)
"""
ECE = """
def calibration_error(confidence, right, bins):
    gaps = [0.0] * bins
    for sure, hit in zip(confidence, right):
        gaps[min(int(sure * bins), bins - 1)] += sure - hit
    return sum(abs(gap) for gap in gaps) / len(right)
"""
CLIP = "        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n"
WHOLE_LOOP = (
    LOOP
    + RATE
    + """
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
"""
    + CLIP
    + """
        optimizer.step()
        losses.append(loss.item())
    return losses
"""
)

MISTAKES = [
    ("paired_difference", WHOLE.replace("/ N)", "/ 100)"), "N is the length of the lists"),
    ("paired_difference", WHOLE.replace("return mean", "return abs(mean)"), "the gain is -1"),
    ("paired_difference", WHOLE.replace("1.96", "2"), "Yours is another one"),
    ("paired_difference", WHOLE.replace("gain - mean", "gain"), "forgot to subtract the mean"),
    (
        "paired_difference",
        WHOLE.replace("return mean,", "half =") + "\n    return half, mean",
        "Return it first",
    ),
    (
        "paired_difference",
        WHOLE.replace("return mean,", "half =") + "\n    return mean - half, mean + half",
        "the two ends of the interval",
    ),
    (
        "paired_difference",
        WHOLE.replace("second)]", "second) if a != b]").replace("mean =", "N = len(gains); mean ="),
        "those texts alone on which the two differ",
    ),
    (
        "paired_difference",
        """
import numpy as np
def paired_difference(first, second):
    gains = np.array(first) - np.array(second)
    return gains.mean(), 1.96 * gains.std() / np.sqrt(len(gains))
""",
        "refuse to subtract booleans",
    ),
    ("head_logits", WHOLE_HEAD.replace("[:, 0]", "[:, :, 0]"), "numbers of the wrong shape"),
    ("head_logits", WHOLE_HEAD.replace("hidden[:, 0]", "hidden.mean(0)"), "not for each of the 5 texts"),
    ("head_logits", WHOLE_HEAD.replace("head.dropout(", "torch.dropout(train=True, p=0.1, input="), "drops numbers by"),
    ("head_logits", WHOLE_HEAD + ".sigmoid()", "probabilities of a sigmoid"),
    ("head_logits", WHOLE_HEAD.replace("hidden[:, 0]", "hidden.sum(1)"), "You added up the tokens"),
    ("head_logits", WHOLE_HEAD.replace("[:, 0]", "[:, 1]"), "Counting starts at 0"),
    ("head_logits", WHOLE_HEAD.replace("torch.tanh", "torch.sigmoid"), "not a sigmoid"),
    ("head_logits", WHOLE_HEAD.replace("torch.tanh", "torch.nn.functional.gelu"), "not a GELU"),
    ("head_logits", WHOLE_HEAD.replace("torch.tanh(head.pooler", "head.pooler(torch.tanh"), "comes after head.pooler"),
    ("head_logits", WHOLE_HEAD.replace("head.pooler", ""), "head.pooler is missing"),
    ("fine_tune", WHOLE_LOOP.replace("(loss.item", "(model(**batch).loss.item"), "not of a second call"),
    ("fine_tune", WHOLE_LOOP.replace("loss.item()", "round(loss.item(), 1)"), "Keep loss.item(), unchanged"),
    ("fine_tune", WHOLE_LOOP.replace("loss.item()", "str(loss.item())"), "Your function returns a str"),
    ("fine_tune", WHOLE_LOOP.replace("(**batch)", "(batch)"), "by their names: model(**batch)"),
    ("fine_tune", WHOLE_LOOP.replace("grad_norm_", "grad_value_"), "which turns the gradient"),
    (
        "fine_tune",
        WHOLE_LOOP.replace("torch.nn.utils.clip", "for part in model.parameters(): torch.nn.utils.clip").replace(
            "(model.parameters(),", "(part,"
        ),
        "Clip it as a whole",
    ),
    (
        "fine_tune",
        WHOLE_LOOP.replace(RATE, "").replace("        losses.append", RATE + "        losses.append"),
        "The rate is set after the step",
    ),
    ("fine_tune", WHOLE_LOOP.replace("= rate\n", "= rates[0]\n"), "All steps used the first rate"),
    (
        "fine_tune",
        WHOLE_LOOP.replace("batch, rate in zip(batches, rates):", "n, rate in enumerate(rates):").replace(
            "**batch", "**batches[n]"
        ),
        "It can be read in a for loop",
    ),
    ("macro_f1", F1.replace("set(truth) | set(predicted)", "truth + predicted"), "once for each class"),
    (
        "macro_f1",
        F1.replace(
            "2 * hits / (truth.count(c) + predicted.count(c))",
            "hits * (1 / truth.count(c) + 1 / predicted.count(c)) / 2",
        ),
        "is their harmonic mean",
    ),
    ("macro_f1", F1.replace("2 * hits / (", "2 / (float('nan') if not hits else 1) * hits / ("), "not a number (nan)"),
    (
        "class_loss",
        """
import torch.nn.functional as F
def class_loss(logits, labels):
    return F.cross_entropy(logits, labels).item()
""",
        "No gradient can go back",
    ),
    ("class_loss", "def class_loss(logits, labels): return (logits.softmax(-1) * 0).sum()", "is not right yet"),
    (
        "freeze_encoder",
        """
def freeze_encoder(bert):
    for parameter in bert.parameters():
        parameter.requires_grad = False
        parameter.zero_()
""",
        "The parameters stay as they are",
    ),
    ("freeze_encoder", "def freeze_encoder(bert): bert.requires_grad = False", "Set it to False for each parameter"),
    ("freeze_encoder", "def freeze_encoder(bert): bert[0].requires_grad_(False)", "2 of 4 parameters are frozen"),
    ("calibration_error", ECE.replace("sure * bins", "sure * 10"), "depends on `bins`"),
    ("calibration_error", ECE.replace("min(int(sure * bins)", "min(int(sure * (bins - 1))"), "depends on `bins`"),
    ("paired_difference", DIFFERENCE + "    return mean, math.sqrt(variance / N)", "1.96 standard errors"),
    ("paired_difference", DIFFERENCE + "    return mean, 1.96 * math.sqrt(variance)", "square root of N"),
    ("paired_difference", DIFFERENCE + "    return mean, 1.96 * math.sqrt(variance) / N", "You divided by N"),
    (
        "paired_difference",
        DIFFERENCE + "    return -mean, 1.96 * math.sqrt(variance / N)",
        "The first classifier is better",
    ),
    ("paired_difference", DIFFERENCE + "    return mean, 2 * 1.96 * math.sqrt(variance / N)", "Return the half"),
    (
        "paired_difference",
        DIFFERENCE + "    return mean, 1.96 * variance / math.sqrt(N)",
        "square root of the variance",
    ),
    ("paired_difference", DIFFERENCE + "    return sum(gains), 1.96 * math.sqrt(variance / N)", "Return shares"),
    ("paired_difference", DIFFERENCE + "    return mean", "Return two numbers"),
    (
        "paired_difference",
        """
import math
def paired_difference(first, second):
    N, p, q = len(first), sum(first) / len(first), sum(second) / len(second)
    return p - q, 1.96 * math.sqrt(p * (1 - p) / N + q * (1 - q) / N)
""",
        "different exams",
    ),
    (
        "paired_difference",
        """
import math
def paired_difference(first, second):
    d = sum(a != b for a, b in zip(first, second)) / len(first)
    return d, 1.96 * math.sqrt(d * (1 - d) / len(first))
""",
        "on which the two differ",
    ),
    (
        "head_logits",
        HEAD + "    return head.output(head.dropout(torch.tanh(head.pooler(hidden.mean(1)))))",
        "it would include [PAD]",
    ),
    (
        "head_logits",
        HEAD + "    return head.output(head.dropout(torch.tanh(head.pooler(hidden[:, 0])))).softmax(-1)",
        "cross_entropy applies the softmax itself",
    ),
    (
        "head_logits",
        HEAD + "    return head.output(head.dropout(torch.tanh(head.pooler(hidden))))",
        "A text has one label",
    ),
    (
        "head_logits",
        HEAD + "    return head.output(head.dropout(torch.tanh(head.pooler(hidden[0]))))",
        "the first text",
    ),
    (
        "head_logits",
        HEAD + "    return head.output(head.dropout(head.pooler(hidden[:, 0])))",
        "tanh of the pooler is missing",
    ),
    ("head_logits", HEAD + "    return head.output(head.dropout(hidden[:, 0]))", "The pooler is missing"),
    (
        "head_logits",
        HEAD + "    return head.output(head.dropout(torch.tanh(head.pooler(hidden[:, -1]))))",
        "Read the first",
    ),
    ("head_logits", HEAD + "    return head.output(torch.tanh(head.pooler(hidden[:, 0])))", "head.dropout is not used"),
    (
        "head_logits",
        HEAD + "    return head.dropout(head.output(torch.tanh(head.pooler(hidden[:, 0]))))",
        "You dropped logits",
    ),
    (
        "head_logits",
        HEAD + "    return head.output(torch.tanh(head.pooler(head.dropout(hidden[:, 0]))))",
        "before the pooler",
    ),
    (
        "fine_tune",
        LOOP.replace("    model.train()\n", "")
        + RATE
        + """
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
"""
        + CLIP
        + """
        optimizer.step()
        losses.append(loss.item())
    return losses
""",
        "eval mode",
    ),
    (
        "fine_tune",
        LOOP
        + RATE
        + """
        loss = model(**batch).loss
        loss.backward()
"""
        + CLIP
        + """
        optimizer.step()
        losses.append(loss.item())
    return losses
""",
        "gradients of all batches add up",
    ),
    (
        "fine_tune",
        LOOP
        + RATE
        + """
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
        + CLIP
        + """
        losses.append(loss.item())
    return losses
""",
        "gradient is not clipped",
    ),
    (
        "fine_tune",
        LOOP
        + """
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
"""
        + CLIP
        + """
        optimizer.step()
        losses.append(loss.item())
    return losses
""",
        "All steps used the rate",
    ),
    (
        "fine_tune",
        LOOP
        + """
        optimizer.param_groups[0]["lr"] = rate
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
"""
        + CLIP
        + """
        optimizer.step()
        losses.append(loss.item())
    return losses
""",
        "only the first group",
    ),
    (
        "fine_tune",
        LOOP
        + RATE
        + """
        loss = model(**batch).loss
        loss.backward()
        optimizer.zero_grad()
"""
        + CLIP
        + """
        optimizer.step()
        losses.append(loss.item())
    return losses
""",
        "deletes the gradient",
    ),
    (
        "fine_tune",
        LOOP
        + RATE
        + """
        loss = model(**batch).loss
        optimizer.step()
        optimizer.zero_grad()
        loss.backward()
"""
        + CLIP
        + """
        losses.append(loss.item())
    return losses
""",
        "gradient of the batch before it",
    ),
    (
        "fine_tune",
        LOOP
        + RATE
        + """
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
"""
        + CLIP
        + """
        optimizer.step()
        losses.append(loss)
    return losses
""",
        "losses are tensors",
    ),
    (
        "fine_tune",
        LOOP
        + RATE
        + """
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
"""
        + CLIP
        + """
        optimizer.step()
        losses.append(loss.item())
        return losses
""",
        "Is `return` in the loop",
    ),
    (
        "macro_f1",
        """
def macro_f1(right, said):
    return sum(r == s for r, s in zip(right, said)) / len(right)
""",
        "This is the accuracy",
    ),
    (
        "macro_f1",
        """
def macro_f1(right, said):
    total, classes = 0, set(right)
    for c in classes:
        hits = sum(r == s == c for r, s in zip(right, said))
        precision, recall = hits / said.count(c), hits / right.count(c)
        total += 2 * precision * recall / (precision + recall)
    return total / len(classes)
""",
        "divided by zero",
    ),
    (
        "macro_f1",
        """
def macro_f1(right, said):
    classes = set(right)
    return sum(2 * sum(r == s == c for r, s in zip(right, said)) / (right.count(c) + said.count(c))
               for c in classes) / len(classes)
""",
        "Go over the labels of both lists",
    ),
    (
        "macro_f1",
        """
def macro_f1(right, said):
    classes = set(said)
    return sum(2 * sum(r == s == c for r, s in zip(right, said)) / (right.count(c) + said.count(c))
               for c in classes) / len(classes)
""",
        "do not leave it out",
    ),
    (
        "macro_f1",
        """
def macro_f1(right, said):
    classes = set(right) | set(said)
    hits = {c: sum(r == s == c for r, s in zip(right, said)) for c in classes}
    precision = sum(hits[c] / max(1, said.count(c)) for c in classes) / len(classes)
    recall = sum(hits[c] / max(1, right.count(c)) for c in classes) / len(classes)
    return 2 * precision * recall / (precision + recall)
""",
        "F1 of the mean precision",
    ),
    (
        "macro_f1",
        """
def macro_f1(right, said):
    classes = set(right) | set(said)
    return sum(right.count(c) * 2 * sum(r == s == c for r, s in zip(right, said)) / (right.count(c) + said.count(c))
               for c in classes) / len(right)
""",
        "Macro means that each class counts once",
    ),
]
