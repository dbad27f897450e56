"""Common mistakes in the exercises of notebook 00: (exercise, a learner's code, a part of the hint)."""

STEP = """
def train_step(model, batch, optimizer):
    loss = model(**batch).loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
"""
PAD = """
import torch

def pad(rows):
    longest = max(len(row) for row in rows)
    input_ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    attention_mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return input_ids, attention_mask
"""
RIGHT = "def accuracy(logits, labels):\n    return ANSWER"
SHARE = "def majority(labels):\n    return ANSWER"

MISTAKES = [
    ("majority", "def majority(labels):\n    return sum(labels) / len(labels)\n", "0.25 is the share of ones"),
    (
        "majority",
        """
from collections import Counter

def majority(labels):
    return Counter(labels).most_common(1)[0][1]
""",
        "Divide by the number of labels",
    ),
    (
        "majority",
        """
from collections import Counter

def majority(labels):
    return Counter(labels).most_common(1)[0][0]
""",
        "not the label",
    ),
    (
        "majority",
        """
def majority(labels):
    ones = sum(labels) / len(labels)
    return max(ones, 1 - ones)
""",
        "more than two classes",
    ),
    (
        "majority",
        """
def majority(labels):
    zeros = sum(label == 0 for label in labels) / len(labels)
    return max(zeros, 1 - zeros)
""",
        "more than two classes",
    ),
    (
        "accuracy",
        "def accuracy(logits, labels):\n    return (logits.argmax(-1) == labels).sum().item()\n",
        "3 is the number of correct predictions",
    ),
    (
        "accuracy",
        "def accuracy(logits, labels):\n    return ((logits[:, 1] > 0.5) == labels).float().mean().item()\n",
        "below zero",
    ),
    (
        "accuracy",
        "def accuracy(logits, labels):\n    return (logits.argmin(-1) == labels).float().mean().item()\n",
        "smallest logit",
    ),
    (
        "accuracy",
        "def accuracy(logits, labels):\n    return ((logits[:, 1] > logits[:, 0]) == labels).float().mean().item()\n",
        "three classes",
    ),
    ("accuracy", "def accuracy(logits, labels):\n    return logits.argmax(-1) == labels\n", "one number for the whole"),
    (
        "accuracy",
        "def accuracy(logits, labels):\n    return (logits.argmax(0) == labels).float().mean().item()\n",
        "not of each column",
    ),
    (
        "pad",
        """
import torch

def pad(rows):
    longest = max(len(row) for row in rows)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return ids, torch.ones_like(ids)
""",
        "1 everywhere",
    ),
    (
        "pad",
        """
import torch

def pad(rows):
    longest = max(len(row) for row in rows)
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
    return ids, (ids != 0).long()
""",
        "after the sentence",
    ),
    (
        "pad",
        """
import torch

def pad(rows):
    ids = torch.tensor([row + [0] * (512 - len(row)) for row in rows])
    return ids, (ids != 0).long()
""",
        "as long as the longest",
    ),
    (
        "pad",
        """
import torch

def pad(rows):
    longest = max(len(row) for row in rows)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return ids, (ids == 0).long()
""",
        "inverted",
    ),
    (
        "pad",
        """
import torch

def pad(rows):
    ids = torch.zeros(len(rows), max(len(row) for row in rows))
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
    return ids, (ids != 0).long()
""",
        "Ids are whole numbers",
    ),
    (
        "pad",
        """
import torch

def pad(rows):
    longest = max(len(row) for row in rows)
    for row in rows:
        row += [0] * (longest - len(row))
    ids = torch.tensor(rows)
    return ids, (ids != 0).long()
""",
        "changed the lists",
    ),
    (
        "train_step",
        """
def train_step(model, batch, optimizer):
    loss = model(batch).loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
""",
        "model(**batch)",
    ),
    (
        "train_step",
        """
def train_step(model, batch, optimizer):
    loss = model(batch["input_ids"], batch["labels"]).loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
""",
        "called without labels",
    ),
    ("pad", "import torch\n\ndef pad(rows):\n    return torch.tensor(rows)\n", "they are no rectangle"),
    (
        "train_step",
        """
def train_step(model, batch, optimizer):
    loss = model(**batch).loss
    loss.backward()
    optimizer.step()
    return loss.item()
""",
        "Clear them with zero_grad",
    ),
    (
        "train_step",
        """
def train_step(model, batch, optimizer):
    loss = model(**batch).loss
    optimizer.zero_grad()
    loss.backward()
    return loss.item()
""",
        "did not change",
    ),
    (
        "train_step",
        """
def train_step(model, batch, optimizer):
    loss = model(**batch).loss
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()
""",
        "cleared before",
    ),
    (
        "train_step",
        """
def train_step(model, batch, optimizer):
    loss = model(**batch).loss
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()
""",
        "No gradient was computed",
    ),
    (
        "train_step",
        """
def train_step(model, batch, optimizer):
    loss = model(**batch).loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss
""",
        "loss.item()",
    ),
    (
        "train_step",
        """
def train_step(model, batch, optimizer):
    loss = model(input_ids=batch["input_ids"]).loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
""",
        "without labels",
    ),
    (
        "prepare",
        """
import torch

def prepare(make_model):
    model = make_model()
    return model, torch.optim.SGD(make_model().parameters(), lr=0.25)
""",
        "is still 2",
    ),
    (
        "prepare",
        """
import torch

def prepare(make_model):
    model = make_model()
    return torch.optim.SGD(model.parameters(), lr=0.25), model
""",
        "Return the model and its optimizer",
    ),
    (
        "prepare",
        """
import torch

def prepare(make_model):
    model = make_model()
    return model, torch.optim.SGD(model.parameters(), lr=0.0025)
""",
        "from 2 to 1",
    ),
    (
        "shuffle_rows",
        """
def shuffle_rows(texts, labels, seed):
    return texts, labels
""",
        "still in their old order",
    ),
    (
        "shuffle_rows",
        """
import random

def shuffle_rows(texts, labels, seed):
    texts = random.Random(seed).sample(texts, len(texts))
    return texts, labels
""",
        "have the label of another text",
    ),
    (
        "shuffle_rows",
        """
import random

def shuffle_rows(texts, labels, seed):
    order = list(range(len(texts)))
    random.Random(0).shuffle(order)
    return [texts[i] for i in order], [labels[i] for i in order]
""",
        "Another seed should give another order",
    ),
    ("majority", SHARE.replace("ANSWER", "labels.count(labels[0]) / len(labels)"), "stand anywhere"),
    ("majority", SHARE.replace("ANSWER", "max(labels.count(c) for c in range(3)) / len(labels)"), "may be any number"),
    (
        "majority",
        SHARE.replace("ANSWER", "labels.count(sorted(labels)[len(labels) // 2]) / len(labels)"),
        "three are 9",
    ),
    (
        "majority",
        SHARE.replace("ANSWER", "100 * max(map(labels.count, labels)) / len(labels)"),
        "do not multiply by 100",
    ),
    ("accuracy", RIGHT.replace("ANSWER", "(logits.max(-1).values == labels).float().mean()"), "finds no row correct"),
    ("accuracy", RIGHT.replace("ANSWER", "(logits.argmax() == labels).float().mean()"), "finds no row correct"),
    ("accuracy", RIGHT.replace("ANSWER", "(logits.argmax(-1) == labels).mean()"), "no mean of True and False"),
    ("accuracy", RIGHT.replace("ANSWER", "(logits.max(-1) == labels).float().mean()"), "argmax finds the places"),
    (
        "accuracy",
        RIGHT.replace("ANSWER", "((logits.softmax(-1) > 0.5).int().argmax(-1) == labels).float().mean()"),
        "With three classes",
    ),
    ("pad", PAD.replace("max(len(row) for row in rows)", "5"), "they are no rectangle"),
    ("pad", PAD.replace("max(len(row) for row in rows)", "len(rows[-1])"), "they are no rectangle"),
    ("pad", PAD.replace("    longest", "    rows = sorted(rows, key=len)\n    longest"), "Each row, in its place"),
    (
        "pad",
        PAD.replace("return input_ids, attention_mask", "return input_ids, attention_mask.float()"),
        "decimal point",
    ),
    (
        "train_step",
        STEP.replace("model(**batch)", 'model(input_ids=batch["input_ids"], labels=batch["labels"])'),
        "read padding",
    ),
    ("train_step", STEP.replace(".loss\n", ".loss.item()\n"), "Call item() at the end"),
    ("train_step", STEP.replace("loss.item()", "[loss.item()]"), "Your function returns a list"),
    ("train_step", STEP.replace("loss.item()", "int(loss)"), "was 4.25 before the step"),
    ("train_step", STEP.replace("**batch", 'labels=batch.pop("labels"), **batch'), "takes something out of the batch"),
    (
        "train_step",
        STEP.replace("optimizer.step()", "model.w.data -= 0.25 * model.w.grad"),
        "not by the optimizer that was passed",
    ),
    ("prepare", "def prepare(make_model):\n    return make_model()", "Return the model and its optimizer"),
    (
        "shuffle_rows",
        """
import random
def shuffle_rows(texts, labels, seed):
    random.Random(seed).shuffle(texts)
    random.Random(seed).shuffle(labels)
    return texts, labels
""",
        "Shuffle a new list",
    ),
    ("shuffle_rows", "def shuffle_rows(texts, labels, seed):\n    print(seed)", "Return two lists"),
]
