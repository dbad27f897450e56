"""Common mistakes in the exercises of notebook 02: (exercise, a learner's code, a part of the hint)."""

LOSS = """
import torch
import torch.nn.functional as F


def skipgram_loss(centre, context, negatives):
    right = F.logsigmoid((centre * context).sum(-1))
    scores = torch.einsum("bkd,bd->bk", negatives, centre)
    return ANSWER
"""
ANALOGY = """
def solve_analogy(vectors, a, b, c, exclude):
    scores = vectors @ (QUERY)
    if exclude:
        LEAVE
    return int(scores.argmax())
"""
RIGHT = "vectors[b] - vectors[a] + vectors[c]"
MIX = """
def mix_layers(states, weights, scale=1.0):
    return ANSWER
"""
THRESHOLD = """
import numpy as np


def choose_threshold(scores, same):
    return ANSWER
"""

FIND = """
def find_word(offsets, start, end):
    return [i for i, (first, last) in enumerate(offsets) if first < last and start <= first and last <= end]
"""
BOTH = """
def read_both_ways(x, forwards, backwards):
    ahead = back = x
    for forward, backward in zip(forwards, backwards):
        ahead = ahead + forward(ahead)[0]
        back = back + backward(back.flip(1))[0].flip(1)
    return ahead, back
"""
BEST = "max(CANDIDATES, key=lambda s: ((scores >= s) == same).mean())"

MISTAKES = [
    (
        "skipgram_loss",
        LOSS.replace("ANSWER", "-(right + F.logsigmoid(-scores).mean(-1)).mean()"),
        "the mean of the negatives",
    ),
    ("skipgram_loss", LOSS.replace("ANSWER", "-(right + F.logsigmoid(-scores).sum(-1)).sum()"), "sum over the batch"),
    (
        "skipgram_loss",
        LOSS.replace("ANSWER", "-(right + F.logsigmoid(scores).sum(-1)).mean()"),
        "minus sign inside the sigmoid",
    ),
    (
        "skipgram_loss",
        LOSS.replace("ANSWER", "(right + F.logsigmoid(-scores).sum(-1)).mean().abs() * -1"),
        "The sign is wrong",
    ),
    (
        "skipgram_loss",
        LOSS.replace("negatives, centre)", "negatives, context)").replace(
            "ANSWER", "-(right + F.logsigmoid(-scores).sum(-1)).mean()"
        ),
        "compare them with the centre",
    ),
    (
        "skipgram_loss",
        LOSS.replace('torch.einsum("bkd,bd->bk", negatives, centre)', "negatives[0] @ centre.T").replace(
            "ANSWER", "-(right + F.logsigmoid(-scores).sum(0)).mean()"
        ),
        "negatives of its own",
    ),
    (
        "skipgram_loss",
        LOSS.replace(
            "ANSWER",
            "-(torch.log(torch.sigmoid((centre * context).sum(-1)))"
            " + torch.log(torch.sigmoid(-scores)).sum(-1)).mean()",
        ),
        "not finite",
    ),
    (
        "solve_analogy",
        ANALOGY.replace("QUERY", "vectors[a] - vectors[b] + vectors[c]").replace("LEAVE", "pass"),
        "Which word is added",
    ),
    ("solve_analogy", ANALOGY.replace("QUERY", RIGHT).replace("LEAVE", "pass"), "none of the three words"),
    ("solve_analogy", ANALOGY.replace("QUERY", RIGHT).replace("LEAVE", "scores[c] = -9.0"), "none of the three words"),
    (
        "solve_analogy",
        ANALOGY.replace("QUERY", RIGHT).replace("LEAVE", "vectors[[a, b, c]] = 0.0; scores[[a, b, c]] = -9.0"),
        "changes the table",
    ),
    (
        "mix_layers",
        MIX.replace("ANSWER", "scale * (weights[:, None, None] * states).sum(0)"),
        "go through a softmax first",
    ),
    ("mix_layers", MIX.replace("ANSWER", "scale * states.sum(0)"), "This is the sum"),
    (
        "mix_layers",
        MIX.replace("ANSWER", "(weights.softmax(0)[:, None, None] * states).sum(0)"),
        "The scale is missing",
    ),
    (
        "mix_layers",
        MIX.replace("ANSWER", "scale * (weights.softmax(0)[:, None, None] * states)"),
        "one vector for each usage",
    ),
    (
        "mix_layers",
        """
def mix_layers(states, weights, scale=1.0):
    shares = weights.softmax(0)
    if states.shape[1] == 3:
        return scale * (shares[None, :, None] * states).sum(0)
    return scale * (shares[:, None, None] * states).sum(0)
""",
        "Your weights went to the usages",
    ),
    ("choose_threshold", THRESHOLD.replace("ANSWER", "0.85"), "between 0.5 and 0.8"),
    ("choose_threshold", THRESHOLD.replace("ANSWER", "scores.mean()"), "do not take a mean"),
    (
        "choose_threshold",
        THRESHOLD.replace("ANSWER", "scores[np.argmax([((scores >= s) == same).mean() for s in scores])]"),
        "above the highest score",
    ),
    (
        "choose_threshold",
        THRESHOLD.replace(
            "ANSWER",
            "np.linspace(0, 1.1, 1101)[np.argmax([((scores >= s) == same).mean() for s in np.linspace(0, 1.1, 1101)])]",
        ),
        "Cosines may be negative",
    ),
    (
        "skipgram_loss",
        LOSS.replace('torch.einsum("bkd,bd->bk", negatives, centre)', "(negatives * centre).sum(-1)").replace(
            "ANSWER", "-(right + F.logsigmoid(-scores).sum(-1)).mean()"
        ),
        "centre[:, None]",
    ),
    (
        "read_both_ways",
        """
def read_both_ways(x, forwards, backwards):
    ahead = back = x
    for forward, backward in zip(forwards, backwards):
        ahead = forward(ahead)[0]
        back = backward(back.flip(1))[0].flip(1)
    return ahead, back
""",
        "Keep the sum",
    ),
    (
        "skipgram_loss",
        LOSS.replace("ANSWER", "-(right - F.logsigmoid(scores).sum(-1)).mean()"),
        "inside the sigmoid, at",
    ),
    (
        "skipgram_loss",
        LOSS.replace("ANSWER", "-F.logsigmoid(-scores).sum(-1).mean()"),
        "term of the context is missing",
    ),
    (
        "skipgram_loss",
        LOSS.replace("ANSWER", "-(right + F.logsigmoid(-scores.sum(-1))).mean()"),
        "one term for their sum",
    ),
    (
        "skipgram_loss",
        LOSS.replace("ANSWER", "-(right + F.logsigmoid(-scores).sum(-1)).mean() / (1 + scores.size(1))"),
        "or the mean of all",
    ),
    (
        "skipgram_loss",
        LOSS.replace("ANSWER", "-(right + F.logsigmoid(-scores).sum(-1)).mean().item()"),
        "return the tensor",
    ),
    (
        "skipgram_loss",
        LOSS.replace("F.logsigmoid((centre * context).sum(-1))", "(centre * context).sum(-1)").replace(
            "ANSWER", "-((right.sigmoid() + 1e-9).log() + ((-scores).sigmoid() + 1e-9).log().sum(-1)).mean()"
        ),
        "a number added inside the logarithm",
    ),
    (
        "solve_analogy",
        ANALOGY.replace("QUERY", RIGHT).replace("LEAVE", "scores[[b, c]] = -9.0"),
        "none of the three words",
    ),
    ("solve_analogy", ANALOGY.replace("QUERY", RIGHT).replace("LEAVE", "scores[[a, b, c]] = 0"), "to minus infinity"),
    (
        "solve_analogy",
        ANALOGY.replace("QUERY", RIGHT).replace("if exclude", "if True").replace("LEAVE", "scores[[a, b, c]] = -9.0"),
        "Without exclude",
    ),
    ("mix_layers", MIX.replace("ANSWER", "scale * (weights.softmax(0) * states).sum(0)"), "needs two more axes"),
    (
        "mix_layers",
        MIX.replace("ANSWER", "scale * (weights.softmax(0)[:, None, None] * states).mean(0)"),
        "You divided twice",
    ),
    ("mix_layers", MIX.replace("ANSWER", "scale * states.mean(0)"), "Every layer has the same share"),
    (
        "mix_layers",
        MIX.replace("ANSWER", "((scale * weights).softmax(0)[:, None, None] * states).sum(0)"),
        "outside the softmax",
    ),
    (
        "mix_layers",
        MIX.replace("ANSWER", "scale * sum(weights[:3].softmax(0)[i] * states[i] for i in range(3))"),
        "but with 5 it is wrong",
    ),
    (
        "choose_threshold",
        THRESHOLD.replace("ANSWER", BEST.replace("CANDIDATES", "[*scores, 1.01]")),
        "need not be a cosine",
    ),
    (
        "choose_threshold",
        THRESHOLD.replace("ANSWER", BEST.replace("CANDIDATES", "np.arange(-3, 3, 0.01)")),
        "not a grid of numbers",
    ),
    ("find_word", FIND.replace("last <= end", "end in (last, offsets[min(i + 1, 5)][1])"), "A word of three pieces"),
    ("read_both_ways", BOTH.replace("ahead + forward(ahead)", "forward(ahead)"), "Ahead is now only"),
    ("read_both_ways", BOTH.replace("forward(ahead)", "forward(x)"), "The states ahead are not the expected ones"),
]
