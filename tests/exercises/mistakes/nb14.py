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
        "previous_score",
        """
import numpy as np
def previous_score(weights):
    return np.diagonal(weights, 1).mean()
""",
        "line above the diagonal",
    ),
    (
        "previous_score",
        """
import numpy as np
def previous_score(weights):
    return np.diagonal(weights, -1).sum() / len(weights)
""",
        "Divide by T - 1",
    ),
    (
        "previous_score",
        """
import numpy as np
def previous_score(weights):
    return np.diagonal(weights).mean()
""",
        "attend to themselves",
    ),
    (
        "previous_score",
        """
import numpy as np
def previous_score(weights):
    return np.diagonal(weights, -1).sum()
""",
        "This is the sum",
    ),
    (
        "same_word_score",
        """
import numpy as np
def same_word_score(weights, tokens):
    names = np.array(tokens, dtype=object)
    equal = (names[:, None] == names) & ~np.isin(names, ["[CLS]", "[SEP]"])
    counted = equal.sum(1) > 1
    return (weights * equal).sum(1)[counted].mean()
""",
        "remove the diagonal",
    ),
    (
        "same_word_score",
        """
import numpy as np
def same_word_score(weights, tokens):
    names = np.array(tokens, dtype=object)
    equal = (names[:, None] == names) & ~np.eye(len(tokens), dtype=bool)
    return (weights * equal).sum(1).mean()
""",
        "leave them out of the mean",
    ),
    (
        "same_word_score",
        """
import numpy as np
def same_word_score(weights, tokens):
    names = np.array(tokens, dtype=object)
    equal = (names[:, None] == names) & ~np.eye(len(tokens), dtype=bool)
    return weights[equal].mean()
""",
        "Add up what it gives to all of them",
    ),
    (
        "same_word_score",
        """
import numpy as np
def same_word_score(weights, tokens):
    names = np.array(tokens, dtype=object)
    equal = (names[:, None] == names) & ~np.eye(len(tokens), dtype=bool)
    counted = equal.any(1)
    return (weights * equal).sum(1)[counted].mean() if counted.any() else float("nan")
""",
        "Special tokens do not count",
    ),
    (
        "same_word_score",
        """
import numpy as np
def same_word_score(weights, tokens):
    names = np.array(tokens, dtype=object)
    equal = (names[:, None] == names) & ~np.eye(len(tokens), dtype=bool)
    equal &= ~np.isin(names, ["[CLS]", "[SEP]"])
    counted = equal.any(1)
    return (weights * equal).sum(1)[counted].mean() if counted.any() else 0.0
""",
        "float('nan')",
    ),
    (
        "entropy",
        """
import numpy as np
def entropy(weights):
    return -(weights * np.log2(np.where(weights > 0, weights, 1))).sum(1).mean()
""",
        "This is in bits",
    ),
    (
        "entropy",
        """
import numpy as np
def entropy(weights):
    return -(weights * np.log(weights)).sum(1).mean()
""",
        "made your result nan",
    ),
    (
        "entropy",
        """
import numpy as np
def entropy(weights):
    return (weights * np.log(np.where(weights > 0, weights, 1))).sum(1).mean()
""",
        "The sign is wrong",
    ),
    (
        "entropy",
        """
import numpy as np
def entropy(weights):
    return -(weights * np.log(np.where(weights > 0, weights, 1))).mean()
""",
        "Add up each row first",
    ),
]
