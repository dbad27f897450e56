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

LOSS = """
import torch
def masked_loss(logits, labels):
    asked = labels != -100
    log_p = logits[asked].log_softmax(-1)
    return -log_p.gather(-1, labels[asked][:, None]).mean()
"""
WHOLE = """
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
        if len(chosen) + len(word) <= budget:
            chosen += word
    return chosen
"""
REPLACE = """
import numpy as np
def replace_chosen(ids, chosen, mask_id, words, rng):
    hidden, number = ids.copy(), rng.random(ids.shape)
    hidden[chosen & (number < 0.8)] = mask_id
    to_change = chosen & (number >= 0.8) & (number < 0.9)
    hidden[to_change] = rng.choice(words, to_change.sum())
    return hidden
"""
TIE = """
import torch
def tie_decoder(decoder, embedding):
    DONE
"""

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
    (
        "mask_tokens",
        masked(new="np.where(dice < mask, mask_id, np.where(dice < 0.9, other, ids))"),
        "Use both arguments",
    ),
    (
        "mask_tokens",
        masked(new="np.where(dice < mask, mask_id, np.where(dice < mask + 0.1, other, ids))"),
        "Use both arguments",
    ),
    (
        "mask_tokens",
        masked(new="np.where(dice < mask, mask_id, np.where(dice < (1 + mask) / 2, other, ids))"),
        "Use both arguments",
    ),
    (
        "mask_tokens",
        masked(new="np.where(dice < 0.8, mask_id, np.where(dice < 0.9, other, ids))"),
        "not 0.8 and 0.9",
    ),
    (
        "mask_tokens",
        masked(new="np.where(dice < mask, mask_id, np.where(dice < random, other, ids))"),
        "compare it with mask + random",
    ),
    ("mask_tokens", masked(chosen="(rng.random(ids.shape) < rate) & (ids > 4)"), "other ids are special"),
    ("mask_tokens", masked(other="rng.integers(5, len(special), ids.shape)"), "a special token was drawn"),
    ("mask_tokens", masked(other="rng.choice(ids[~special[ids]], ids.shape)"), "only among those of the batch"),
    ("mask_tokens", masked().replace("dice < mask, mask_id", "dice < mask, 4"), "Use mask_id"),
    ("mask_tokens", masked().replace("dice = rng.random(ids.shape)", "dice = rng.random((len(ids), 1))"), "of a row"),
    ("mask_tokens", masked(chosen="(rng.random((len(ids), 1)) < rate) & ~special[ids]"), "of a row"),
    ("mask_tokens", masked(chosen="(rng.random(ids.shape[1]) < rate) & ~special[ids]"), "of a position"),
    ("mask_tokens", masked(labels="np.where(chosen & (new != ids), ids, -100)"), "No word that stays"),
    ("mask_tokens", masked(labels="np.where(chosen, -100, ids)"), "No token with a label is changed"),
    ("mask_tokens", masked().replace("return hidden, labels", "return labels, hidden"), "The first array"),
    ("mask_tokens", masked(chosen="(rng.random(ids.shape) < rate) & ~special"), "special[ids] is (B, T)"),
    (
        "mask_tokens",
        masked(new="np.where(dice < mask, mask_id, np.where(rng.random(ids.shape) < random / (1 - mask), other, ids))"),
        "you divide by 1 - mask",
    ),
    ("masked_loss", LOSS.replace("log_softmax(-1)", "softmax(-1).log()"), "not the logarithm of the softmax"),
    ("masked_loss", LOSS.replace("log_softmax(-1)", "softmax(-1)"), "The logarithm is missing"),
    ("masked_loss", LOSS.replace(".log_softmax(-1)", ""), "You averaged the scores"),
    ("masked_loss", LOSS.replace("log_softmax(-1)", "log_softmax(0)"), "runs over the positions"),
    ("masked_loss", LOSS.replace("gather(-1, labels[asked][:, None])", "gather(-1, labels[asked])"), "its own row"),
    (
        "masked_loss",
        LOSS.replace(".gather(-1, labels[asked][:, None])", "[:, labels[asked]]"),
        "every label in every row",
    ),
    (
        "masked_loss",
        LOSS.replace("logits[asked]", "logits").replace("labels[asked][:, ", "labels[..., "),
        "-100 is no word",
    ),
    (
        "masked_loss",
        LOSS.replace("log_softmax", "softmax")
        .replace("mean()", "mean().neg().log().neg()")
        .replace("-log_p", "log_p.neg()"),
        "logarithm of the mean probability",
    ),
    ("mlm_head", scores("head.norm(F.gelu(x)) @ words.T + head.bias"), "head.dense comes first"),
    ("mlm_head", scores("head.norm(head.dense(F.gelu(x))) @ words.T + head.bias"), "Your GELU comes first"),
    ("mlm_head", scores("head.dense(F.gelu(head.norm(x))) @ words.T + head.bias"), "the other way round"),
    ("mlm_head", scores("head.norm(F.gelu(head.dense(x), approximate='tanh')) @ words.T + head.bias"), "by tanh"),
    (
        "mlm_head",
        scores("(head.norm(F.gelu(head.dense(x))).flatten(0, 1) @ words.T + head.bias).view(2, 3, -1)"),
        "no fixed",
    ),
    ("choose_whole_words", WHOLE.replace(" and words", ""), "There is no word before it"),
    ("choose_whole_words", WHOLE.replace("<= budget", "< budget"), "The budget may be used up"),
    ("choose_whole_words", WHOLE.replace("draw.shuffle(words)", "words = draw.shuffle(words)"), "returns None"),
    (
        "choose_whole_words",
        WHOLE.replace("draw.shuffle(words)", "words.sort(key=lambda word: min(draw.random() for _ in word))"),
        "Long words are chosen too often",
    ),
    ("choose_whole_words", WHOLE.replace("in words:\n        if", "in words[1:]:\n        if"), "you left some out"),
    ("replace_chosen", REPLACE.replace("= mask_id", "= 4"), "Use mask_id"),
    ("replace_chosen", REPLACE.replace("rng.choice(words", "rng.choice(np.arange(5, 105)"), "not in words"),
    ("replace_chosen", REPLACE.replace(", to_change.sum())", ")"), "Too few different random words"),
    ("replace_chosen", REPLACE.replace("ids.copy()", "ids"), "Work on a copy"),
    ("replace_chosen", REPLACE.replace("rng.random", "np.random.random"), "The same rng gave another answer"),
    (
        "replace_chosen",
        REPLACE.replace("hidden, number", "rng = np.random.default_rng(1)\n    hidden, number"),
        "Another rng gave the same answer",
    ),
    ("tie_decoder", TIE.replace("DONE", "embedding.weight = decoder.weight"), "not the other way round"),
    ("tie_decoder", TIE.replace("DONE", "decoder.weight = embedding.weight.clone()"), "A weight must be a Parameter"),
    ("tie_decoder", TIE.replace("DONE", "decoder.weight.copy_(embedding.weight)"), "does not tie it"),
    (
        "tie_decoder",
        TIE.replace("DONE", "decoder.weight = embedding.weight.requires_grad_(False)"),
        "no longer trained",
    ),
]
