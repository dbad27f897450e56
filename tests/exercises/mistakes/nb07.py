"""Common mistakes in the exercises of notebook 07: (exercise, a learner's code, a part of the hint)."""

MASK_TOKENS = """
import numpy as np


def mask_tokens(ids, special, mask_id, rng, rate=0.15, mask=0.8, random=0.1):
    chosen = CHOSEN
    dice = rng.random(ids.shape)
    other = OTHER
    new = NEW
    hidden = np.where(chosen, new, ids)
    labels = LABELS
    return hidden, labels
"""


def masked(
    chosen: str = "(rng.random(ids.shape) < rate) & ~special[ids]",
    other: str = "rng.choice(np.flatnonzero(~special), ids.shape)",
    new: str = "np.where(dice < mask, mask_id, np.where(dice < mask + random, other, ids))",
    labels: str = "np.where(chosen, ids, -100)",
) -> str:
    parts = {"CHOSEN": chosen, "OTHER": other, "NEW": new, "LABELS": labels}
    code = MASK_TOKENS
    for name, part in parts.items():
        code = code.replace(f" {name}\n", f" {part}\n")
    return code


HEAD = """
import torch.nn.functional as F


def mlm_head(x, head, words):
    return ANSWER
"""


def scores(answer: str) -> str:
    return HEAD.replace("ANSWER", answer)


FIRST = "np.where(dice < mask, mask_id, ids)"
TWICE = f"np.where(rng.random(ids.shape) < random, other, {FIRST})"
AGAIN = "np.where(dice < mask, mask_id, np.where(rng.random(ids.shape) < random, other, ids))"

MISTAKES = [
    ("mask_tokens", masked(labels="np.where(chosen, hidden, -100)"), "you took it after hiding"),
    ("mask_tokens", masked(labels="ids.copy()"), "Every position has a label"),
    ("mask_tokens", masked(labels="np.where(chosen & (dice < mask), ids, -100)"), "Some tokens are changed"),
    ("mask_tokens", masked(chosen="rng.random(ids.shape) < rate"), "You chose [PAD] and [CLS] and [SEP]"),
    ("mask_tokens", masked(chosen="(rng.random(ids.shape) > rate) & ~special[ids]"), "the wrong way"),
    ("mask_tokens", masked(chosen="(rng.random(ids.shape) < 0.15) & ~special[ids]"), "Use the rate"),
    ("mask_tokens", masked(new=TWICE), "You threw the dice twice"),
    ("mask_tokens", masked(new=AGAIN), "You threw the dice again"),
    ("mask_tokens", masked(new="np.where(dice < mask, mask_id, other)"), "The last tenth should stay"),
    ("mask_tokens", masked(new="np.full(ids.shape, mask_id)"), "Every chosen word became [MASK]"),
    ("mask_tokens", masked(other="rng.integers(len(special), size=ids.shape)"), "A special token was drawn"),
    ("mask_tokens", masked(other="rng.choice(np.flatnonzero(~special))"), "All random words are the same one"),
    ("mask_tokens", masked(other="np.random.choice(np.flatnonzero(~special), ids.shape)"), "The same rng gave another"),
    (
        "mask_tokens",
        masked().replace("    chosen", "    rng = np.random.default_rng(0)\n    chosen"),
        "Do not make a generator of your own",
    ),
    ("mlm_head", scores("x @ words.T + head.bias"), "You compared the encoder's vector itself"),
    ("mlm_head", scores("head.norm(head.dense(x)) @ words.T + head.bias"), "The nonlinearity between dense and norm"),
    ("mlm_head", scores("F.gelu(head.dense(x)) @ words.T + head.bias"), "The LayerNorm after GELU is missing"),
    ("mlm_head", scores("F.gelu(head.norm(head.dense(x))) @ words.T + head.bias"), "You normalised before GELU"),
    ("mlm_head", scores("head.norm(F.gelu(head.dense(x))) @ words.T"), "The bias is missing"),
    ("mlm_head", scores("head.norm(F.relu(head.dense(x))) @ words.T + head.bias"), "This is ReLU"),
    ("mlm_head", scores("head.norm(x + F.gelu(head.dense(x))) @ words.T + head.bias"), "no residual connection"),
    ("mlm_head", scores("(head.norm(F.gelu(head.dense(x))) @ words.T + head.bias).softmax(-1)"), "took the softmax"),
    ("mlm_head", scores("head.norm(F.gelu(head.dense(x))) @ words + head.bias"), "The shapes do not fit"),
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
        "masked_loss",
        """
import torch.nn.functional as F


def masked_loss(logits, labels):
    return F.cross_entropy(logits.transpose(1, 2), labels)
""",
        "Your function fails where logits is (N, V)",
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
