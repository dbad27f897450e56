"""Common mistakes in the exercises of notebook 14: (exercise, a learner's code, a part of the hint)."""

MISTAKES = [
    (
        "most_watched",
        """
def most_watched(weights):
    return int(weights.sum(0).argmax())
""",
        "leave out the diagonal",
    ),
    (
        "most_watched",
        """
import numpy as np
def most_watched(weights):
    return int((weights * (1 - np.eye(len(weights)))).sum(1).argmax())
""",
        "is in column j",
    ),
    (
        "most_watched",
        """
import numpy as np
def most_watched(weights):
    others = weights * (1 - np.eye(len(weights)))
    return int(np.unravel_index(others.T.argmax(), weights.shape)[0])
""",
        "Add up what each token gets",
    ),
    (
        "most_watched",
        """
import numpy as np
def most_watched(weights):
    np.fill_diagonal(weights, 0)
    return int(weights.sum(0).argmax())
""",
        "Work on a copy",
    ),
    (
        "share",
        """
def share(weights, wanted):
    return (weights * wanted).sum(1).mean() if wanted.any() else float("nan")
""",
        "Leave such tokens out",
    ),
    (
        "share",
        """
def share(weights, wanted):
    return weights[wanted].mean() if wanted.any() else float("nan")
""",
        "mean over the wanted cells",
    ),
    (
        "share",
        """
def share(weights, wanted):
    return (weights * wanted).mean()
""",
        "mean over all cells",
    ),
    (
        "share",
        """
def share(weights, wanted):
    there = wanted.any(0)
    return (weights * wanted).sum(0)[there].mean() if there.any() else float("nan")
""",
        "You averaged over the keys",
    ),
    (
        "share",
        """
def share(weights, wanted):
    there = wanted.any(1)
    return (weights * wanted).sum(1)[there].mean() if there.any() else 0.0
""",
        "return float('nan')",
    ),
    (
        "how_lucky",
        """
def how_lucky(score, shuffled):
    return (shuffled >= score).mean()
""",
        "Count it in the numerator and in the denominator",
    ),
    (
        "how_lucky",
        """
def how_lucky(score, shuffled):
    return (1 + (shuffled > score).sum()) / (1 + len(shuffled))
""",
        "at least as high",
    ),
    (
        "how_lucky",
        """
def how_lucky(score, shuffled):
    return (1 + (shuffled <= score).sum()) / (1 + len(shuffled))
""",
        "stay below",
    ),
    (
        "how_lucky",
        """
def how_lucky(score, shuffled):
    return (shuffled >= score).sum() / (1 + len(shuffled))
""",
        "reaches its own score",
    ),
    (
        "crossing",
        """
def crossing(weights, second):
    return weights[:second, second:].sum(1).mean()
""",
        "You measured the first sentence only",
    ),
    (
        "crossing",
        """
def crossing(weights, second):
    return weights[:second, second:].sum() + weights[second:, :second].sum()
""",
        "sum over the tokens",
    ),
    (
        "crossing",
        """
def crossing(weights, second):
    return (weights[:second, second:].sum(1).mean() + weights[second:, :second].sum(1).mean()) / 2
""",
        "mean of the means of the two sentences",
    ),
    (
        "crossing",
        """
def crossing(weights, second):
    return (weights[:second, :second].sum() + weights[second:, second:].sum()) / len(weights)
""",
        "not the attention that crosses",
    ),
]
