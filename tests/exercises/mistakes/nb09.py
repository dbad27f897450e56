"""Common mistakes in the exercises of notebook 09: (exercise, a learner's code, a part of the hint)."""

LOOP = """
import torch
def train_steps(model, batches, optimizer, rate, steps):
    losses = []
    for step in steps:
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        loss = model(**batches[step]).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses
"""
SCORE = """
def pseudo_log_likelihood(ids, continues, mask_id, log_probabilities):
    score = 0.0
    for place in range(1, len(ids) - 1):
        masked = list(ids)
        masked[place] = mask_id
        later = place + 1
        while continues[later]:
            masked[later] = mask_id
            later += 1
        score += log_probabilities([masked])[0, place, ids[place]].item()
    return score
"""

MISTAKES = [
    (
        "unigram_loss",
        """
import math
from collections import Counter
def unigram_loss(train, judged, V):
    counts = Counter(train)
    return sum(-math.log((counts[t] + 0.5) / (len(train) + 0.5 * V)) for t in judged)
""",
        "The loss is their mean",
    ),
    (
        "unigram_loss",
        """
import math
from collections import Counter
def unigram_loss(train, judged, V):
    counts = Counter(train)
    return sum(-math.log(counts[t] / len(train)) for t in judged) / len(judged)
""",
        "its share is 6.5 / 15",
    ),
    (
        "unigram_loss",
        """
import math
from collections import Counter
def unigram_loss(train, judged, V):
    counts = Counter(judged if len(judged) > 1 else train)
    total = sum(counts.values()) + 0.5 * V
    return sum(-math.log((counts[t] + 0.5) / total) for t in judged) / len(judged)
""",
        "You counted the held-out tokens",
    ),
    (
        "rate",
        """
def rate(step, steps, peak, warmup):
    if step < warmup:
        return peak * step / warmup
    return peak * (steps - step) / (steps - warmup)
""",
        "the first step does nothing",
    ),
    (
        "rate",
        """
def rate(step, steps, peak, warmup):
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (steps - step) / steps
""",
        "jumps at the end of the warm-up",
    ),
    (
        "rate",
        "def rate(step, steps, peak, warmup):\n    return peak * min(1, (step + 1) / warmup)",
        "the rate must fall",
    ),
    (
        "unigram_loss",
        """
import math
from collections import Counter
def unigram_loss(train, judged, V):
    counts = Counter(train)
    return sum(math.log((counts[t] + 0.5) / (len(train) + 0.5 * V)) for t in judged) / len(judged)
""",
        "The sign is wrong",
    ),
    (
        "rate",
        """
def rate(step, steps, peak, warmup):
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (steps - 1 - step) / (steps - 1 - warmup)
""",
        "In the last step, number 99",
    ),
    ("train_steps", LOOP.replace("optimizer.zero_grad()", "pass"), "The gradients add up"),
    ("train_steps", LOOP.replace("batches[step]", "batches[0]"), "You read batch 0 in every step"),
    ("train_steps", LOOP.replace("in steps", "in range(len(steps))"), "the run goes on at step 4"),
    ("train_steps", LOOP.replace("loss.item()", "loss"), "Return plain numbers"),
    ("train_steps", LOOP.replace('group["lr"] = rate(step)', "pass"), "The rate is not set"),
    ("train_steps", LOOP.replace("param_groups:", "param_groups[:1]:"), "Only the first group"),
    (
        "train_steps",
        LOOP.replace("torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)", "pass"),
        "The gradient is not clipped",
    ),
    ("train_steps", LOOP.replace("optimizer.step()", "pass"), "The weights have not changed"),
    ("train_steps", LOOP.replace("return losses", "return None"), "Return the list of losses"),
    ("pseudo_log_likelihood", SCORE.replace("masked[place] = mask_id", "pass"), "You let the model see the token"),
    (
        "pseudo_log_likelihood",
        SCORE.replace("masked = list(ids)", "masked = [ids[0], *[mask_id] * (len(ids) - 2), ids[-1]]"),
        "You masked all tokens at once",
    ),
    (
        "pseudo_log_likelihood",
        SCORE.replace("range(1, len(ids) - 1)", "range(len(ids))").replace(
            "while continues[later]", "while later < len(ids) and continues[later]"
        ),
        "[CLS] and [SEP] are not part of the sentence",
    ),
    ("pseudo_log_likelihood", SCORE.replace("return score", "return score / (len(ids) - 2)"), "This is the mean"),
    ("pseudo_log_likelihood", SCORE.replace("return score", "return -score"), "The sign is wrong"),
    ("pseudo_log_likelihood", SCORE.replace("place, ids[place]", "place, mask_id"), "the probability of [MASK]"),
    ("pseudo_log_likelihood", SCORE.replace("masked[later] = mask_id", "pass"), "The later pieces of the word"),
    (
        "pseudo_log_likelihood",
        SCORE.replace("[place] = mask_id", "[place] = mask_id\n        earlier = place").replace(
            "        score +=",
            "        while continues[earlier]:\n            earlier -= 1\n            masked[earlier] = mask_id\n"
            "        score +=",
        ),
        "You masked the earlier pieces",
    ),
    ("pseudo_log_likelihood", SCORE.replace("list(ids)", "ids"), "Your function changes the list"),
    ("pseudo_log_likelihood", SCORE.replace("[masked])[0, place", "masked)[place"), "Give it [masked]"),
    ("train_steps", LOOP.replace("loss.backward()", "loss.backward(); optimizer.zero_grad()"), "only after the step"),
    (
        "train_steps",
        LOOP.replace("for step in", "for n, step in enumerate(").replace("steps:", "steps):").replace("(step)", "(n)"),
        "so the first rate is rate(4)",
    ),
    ("train_steps", LOOP.replace("grad_norm_", "grad_value_"), "which turns the gradient"),
    ("pseudo_log_likelihood", SCORE.replace("].item()", "].exp().item()"), "You added up probabilities"),
    ("pseudo_log_likelihood", SCORE.replace("[0, place", "[0, place - 1"), "You read off the place before"),
    ("pseudo_log_likelihood", SCORE.replace("while", "if"), "Only the next piece is masked"),
    (
        "pseudo_log_likelihood",
        SCORE.replace("        masked = list(ids)\n", "").replace("0.0", "0.0; masked = list(ids)"),
        "stays masked for the tokens after it",
    ),
    (
        "pseudo_log_likelihood",
        SCORE.replace("        masked = ", "        if continues[place]:\n            continue\n        masked = "),
        "You left out the pieces",
    ),
]
