"""Common mistakes in the exercises of notebook 07: (exercise, a learner's code, a part of the hint)."""

MISTAKES = [
    (
        "audit",
        """
def audit(ids, hidden, labels, special):
    found = set()
    asked = labels != -100
    if (labels[asked] != hidden[asked]).any():
        found.add("label")
    if (ids[~asked] != hidden[~asked]).any():
        found.add("silent")
    return found
""",
        "A label must be the original token",
    ),
    (
        "audit",
        """
def audit(ids, hidden, labels, special):
    return {"silent"} if (ids != hidden).any() else set()
""",
        "A token may differ from the original if it has a label",
    ),
    (
        "audit",
        """
def audit(ids, hidden, labels, special):
    asked = labels != -100
    if any(int(i) in special - {4} for i in hidden[asked]):
        return {"special"}
    return set()
""",
        "Look in ids",
    ),
    (
        "audit",
        """
def audit(ids, hidden, labels, special):
    asked = labels != -100
    found = {"special"} if any(int(i) in special for i in ids[asked]) else set()
    if any(int(i) in special for i in labels[labels > 0]):
        found.add("label")
    return found
""",
        "not the original word",
    ),
    (
        "masked_loss",
        """
def masked_loss(logits, labels):
    words = labels.clamp(min=0)
    return -logits.log_softmax(-1).gather(-1, words[:, :, None]).mean()
""",
        "counts every position",
    ),
    (
        "masked_loss",
        """
def masked_loss(logits, labels):
    asked = labels != -100
    right = logits.log_softmax(-1)[asked].gather(-1, labels[asked][:, None])
    return -right.sum() / labels.numel()
""",
        "Divide by the number of labels",
    ),
    (
        "masked_loss",
        """
def masked_loss(logits, labels):
    asked = labels != -100
    right = logits.softmax(-1)[asked].gather(-1, labels[asked][:, None])
    return -right.log2().mean()
""",
        "in bits",
    ),
    (
        "masked_loss",
        """
def masked_loss(logits, labels):
    asked = labels > 0
    return -logits.log_softmax(-1)[asked].gather(-1, labels[asked][:, None]).mean()
""",
        "A label of 0 is a word like any other",
    ),
    (
        "masked_loss",
        """
def masked_loss(logits, labels):
    asked = labels != -100
    chosen = logits[asked]
    right = chosen.gather(-1, labels[asked][:, None])[:, 0]
    return (chosen.exp().sum(-1).log() - right).mean()
""",
        "exp overflows",
    ),
    (
        "multiplications",
        """
def multiplications(tokens, labels, D, V):
    return tokens * D * V, labels * D * V
""",
        "The layer before the decoder",
    ),
    (
        "multiplications",
        """
def multiplications(tokens, labels, D, V):
    one = D * D + D * V
    return tokens * one, (tokens - labels) * one
""",
        "those without",
    ),
    (
        "multiplications",
        """
def multiplications(tokens, labels, D, V):
    one = 2 * (D * D + D * V)
    return tokens * one, labels * one
""",
        "Count the multiplications only",
    ),
    (
        "choose_whole_words",
        """
def choose_whole_words(tokens, budget, draw):
    words = [t for t, token in enumerate(tokens) if token not in ("[CLS]", "[SEP]", "[PAD]")]
    return draw.sample(words, min(budget, len(words)))
""",
        "Only a part of",
    ),
    (
        "choose_whole_words",
        """
def choose_whole_words(tokens, budget, draw):
    words = []
    for t, token in enumerate(tokens):
        if token in ("[CLS]", "[SEP]", "[PAD]"):
            continue
        if token.startswith("##") and words:
            words[-1].append(t)
        else:
            words.append([t])
    draw.shuffle(words)
    return [t for word in words[:budget] for t in word]
""",
        "It counts pieces, not words",
    ),
    (
        "choose_whole_words",
        """
def choose_whole_words(tokens, budget, draw):
    words = []
    for t, token in enumerate(tokens):
        if token in ("[CLS]", "[SEP]", "[PAD]"):
            continue
        if token.startswith("##") and words:
            words[-1].append(t)
        else:
            words.append([t])
    draw.shuffle(words)
    chosen = []
    for word in words:
        if len(chosen) + len(word) > budget:
            break
        chosen += word
    return chosen
""",
        "continue with the next one",
    ),
    (
        "choose_whole_words",
        """
def choose_whole_words(tokens, budget, draw):
    words = []
    for t, token in enumerate(tokens):
        if token in ("[CLS]", "[SEP]", "[PAD]"):
            continue
        if token.startswith("##") and words:
            words[-1].append(t)
        else:
            words.append([t])
    chosen = []
    for word in words:
        if len(chosen) + len(word) <= budget:
            chosen += word
    return chosen
""",
        "never chosen",
    ),
]
