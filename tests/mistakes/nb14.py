"""Common mistakes in the exercises of notebook 14: (exercise, what a learner may write, a part of the hint)."""

MISTAKES = [
    (
        "most_watched",
        """
def most_watched(weights):
    return int(weights.sum(0).argmax())
""",
        "does not count: the diagonal",
    ),
    (
        "most_watched",
        """
import numpy as np
def most_watched(weights):
    return int((weights * (1 - np.eye(len(weights)))).sum(1).argmax())
""",
        "stands in column j",
    ),
    (
        "most_watched",
        """
import numpy as np
def most_watched(weights):
    others = weights * (1 - np.eye(len(weights)))
    return int(np.unravel_index(others.T.argmax(), weights.shape)[0])
""",
        "Add up what each gets",
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
        "tokens that are looked at",
    ),
    (
        "share",
        """
def share(weights, wanted):
    there = wanted.any(1)
    return (weights * wanted).sum(1)[there].mean() if there.any() else 0.0
""",
        "0 would be a lie",
    ),
    (
        "how_lucky",
        """
def how_lucky(score, shuffled):
    return (shuffled >= score).mean()
""",
        "Count it too",
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
        "Only the first sentence was asked",
    ),
    (
        "crossing",
        """
def crossing(weights, second):
    return weights[:second, second:].sum() + weights[second:, :second].sum()
""",
        "sum over tokens",
    ),
    (
        "crossing",
        """
def crossing(weights, second):
    return (weights[:second, second:].sum(1).mean() + weights[second:, :second].sum(1).mean()) / 2
""",
        "mean of the two sentences' means",
    ),
    (
        "crossing",
        """
def crossing(weights, second):
    return (weights[:second, :second].sum() + weights[second:, second:].sum()) / len(weights)
""",
        "not what crosses",
    ),
]
