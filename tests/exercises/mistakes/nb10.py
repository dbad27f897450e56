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
CLIP = "        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n"

MISTAKES = [
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
