"""Common mistakes in the exercises of notebook 14: (exercise, a learner's code, a part of the hint)."""

SAME = """
import numpy as np
def same_word_score(weights, tokens):
    names = np.array(tokens, dtype=object)
    equal = (names[:, None] == names) & ~np.eye(len(tokens), dtype=bool)
    equal &= ~np.isin(names, ["[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]"])
    counted = equal.any(1)
    if not counted.any():
        return float("nan")
    return (weights * equal).sum(1)[counted].mean()
"""
TO = """
def attention_to(weights, tokens, name):
    chosen = [i for i, token in enumerate(tokens) if token == name]
    return weights[:, chosen].sum(1).mean()
"""
ENTROPY = """
import numpy as np
def mean_entropy(rows, real):
    return rows[real].mean()
"""

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
    ("same_word_score", SAME.replace('float("nan")', "0.0"), "float('nan')"),
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
    (
        "most_watched",
        """
import numpy as np
def most_watched(weights):
    return 1 + int((weights * (1 - np.eye(len(weights)))).sum(0).argmax())
""",
        "counted the tokens from 1",
    ),
    (
        "previous_score",
        """
import numpy as np
def previous_score(weights):
    return np.median(np.diagonal(weights, -1))
""",
        "The mean of 0.2, 0.8 and 0.2",
    ),
    (
        "previous_score",
        """
def previous_score(weights):
    return sum(weights[i, i - 1] for i in range(len(weights))) / len(weights)
""",
        "begin with row 1",
    ),
    ("same_word_score", SAME.replace("counted = equal.any(1)", "counted = (weights * equal).any(1)"), "not on the w"),
    ("same_word_score", SAME.replace(', "[PAD]", "[MASK]", "[UNK]"', ""), "[PAD] occurs twice"),
    ("same_word_score", SAME.replace(', "[UNK]"', ""), "[UNK] occurs twice"),
    ("same_word_score", SAME.replace("(weights * equal)", "(weights * np.tril(equal))"), "one of the two directions"),
    ("same_word_score", SAME.replace("    return (w", "    weights *= equal\n    return (w"), "Work on a copy"),
    ("same_word_score", SAME.replace("(tokens, d", "([t if '[' in t else t.lower() for t in tokens], d"), "no string"),
    (
        "same_word_score",
        """
def same_word_score(weights, tokens):
    gives = {}
    for i, token in enumerate(tokens):
        others = [j for j, other in enumerate(tokens) if other == token and j != i]
        if others and token[0] != "[":
            gives.setdefault(token, []).append(weights[i, others].sum())
    means = [sum(some) / len(some) for some in gives.values()]
    return sum(means) / len(means) if means else float("nan")
""",
        "averaged the tokens of each word first",
    ),
    (
        "same_word_score",
        """
def same_word_score(weights, tokens):
    gives = []
    for i, token in enumerate(tokens):
        others = [j for j, other in enumerate(tokens) if other == token and j != i]
        if others and token[0] != "[":
            gives.append(weights[i, others].sum())
    return sum(gives) / len(gives)
""",
        "float('nan')",
    ),
    (
        "entropy",
        """
import numpy as np
def entropy(weights):
    weights[weights == 0] = 1
    return -(weights * np.log(weights)).sum(1).mean()
""",
        "replaced the 0 in the map",
    ),
    (
        "entropy",
        """
import numpy as np
def entropy(weights):
    return -np.log(np.where(weights > 0, weights, 1)).mean()
""",
        "averaged the logarithms",
    ),
    (
        "entropy",
        """
import numpy as np
def entropy(weights):
    return -np.log(np.where(weights > 0, weights, 1)).sum(1).mean()
""",
        "left out the weight",
    ),
    (
        "attention_to",
        """
def attention_to(weights, tokens, name):
    return weights[:, tokens.index(name)].mean()
""",
        "you counted one of the two",
    ),
    ("attention_to", TO.replace(".sum(1).mean()", ".mean()"), "you averaged the two"),
    ("attention_to", TO.replace(".sum(1)", ".sum(1)[[token != name for token in tokens]]"), "what [SEP] itself gives"),
    ("attention_to", TO.replace(".mean()", ""), "Return one number"),
    ("mean_entropy", ENTROPY.replace("rows[real].mean()", "rows[real]"), "Return one number"),
    ("mean_entropy", ENTROPY.replace("rows[real].mean()", "((rows * real).sum(1) / real.sum(1)).mean()"), "each text"),
    ("mean_entropy", ENTROPY.replace("rows[real].mean()", "np.median(rows[real])"), "the mean is 3"),
    ("mean_entropy", ENTROPY.replace("rows[real].mean()", "rows[:, real.all(0)].mean()"), "the mean is 3"),
    (
        "mean_entropy",
        ENTROPY.replace("rows[real].mean()", "(rows * real).sum() / (rows * real > 0).sum()"),
        "mean is 3",
    ),
    ("mean_entropy", ENTROPY.replace("rows[real].mean()", "rows[real].sum() / 4"), "the mean is 15.6"),
]
