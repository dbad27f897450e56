"""Common mistakes in the exercises of notebook 09: (exercise, a learner's code, a part of the hint)."""

MISTAKES = [
    ("perplexity", "def perplexity(loss):\n    return 2**loss", "power of 2"),
    ("perplexity", "import math\ndef perplexity(loss):\n    return math.exp(-loss)", "This is the probability"),
    ("perplexity", "def perplexity(loss):\n    return loss", "its perplexity is 1"),
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
        "batch_numbers",
        """
def batch_numbers(step, accumulate, processes, process):
    return [step * accumulate + i for i in range(accumulate)]
""",
        "Both processes read the same batch",
    ),
    (
        "batch_numbers",
        """
def batch_numbers(step, accumulate, processes, process):
    return [step * accumulate + i + 1000 * process for i in range(accumulate)]
""",
        "must read batches 6 and 7",
    ),
    (
        "batch_numbers",
        """
def batch_numbers(step, accumulate, processes, process):
    return [step * processes + process]
""",
        "with 2 batches a step reads batches 6 and 7",
    ),
]
