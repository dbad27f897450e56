"""Common mistakes in the exercises of notebook 01: (exercise, a learner's code, a part of the hint)."""

MISTAKES = [
    (
        "fold",
        """
def fold(text):
    return text.lower()
""",
        "The accent of É is still there",
    ),
    (
        "fold",
        """
import unicodedata

def fold(text):
    return unicodedata.normalize("NFD", text).lower()
""",
        "Leave out category Mn",
    ),
    (
        "fold",
        """
import unicodedata

def fold(text):
    return unicodedata.normalize("NFD", text).encode("ascii", "ignore").decode().lower()
""",
        "You lost ø or 中",
    ),
    (
        "fold",
        """
import unicodedata

def fold(text):
    apart = unicodedata.normalize("NFD", text)
    return "".join(char for char in apart if not unicodedata.category(char).startswith("M")).lower()
""",
        "leave out Mn only",
    ),
    (
        "fold",
        """
import unicodedata

def fold(text):
    apart = unicodedata.normalize("NFKD", text)
    return "".join(char for char in apart if unicodedata.category(char) != "Mn").lower()
""",
        "The forms with a K",
    ),
    (
        "fold",
        """
import unicodedata

def fold(text):
    apart = unicodedata.normalize("NFD", text)
    return "".join(char for char in apart if unicodedata.category(char) != "Mn").casefold()
""",
        "casefold goes further",
    ),
    (
        "fold",
        """
import unicodedata

def fold(text):
    print("".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn").lower())
""",
        "returns nothing",
    ),
    (
        "two_segments",
        """
def two_segments(first, second):
    return ["[CLS]", *first, "[SEP]", *second], [0] * (len(first) + 2) + [1] * len(second)
""",
        "needs a [SEP] after it",
    ),
    (
        "two_segments",
        """
def two_segments(first, second):
    tokens = ["[CLS]", *first, "[SEP]", *second, "[SEP]"]
    return tokens, [0] * (len(first) + 1) + [1] * (len(second) + 2)
""",
        "ends the first one",
    ),
    (
        "two_segments",
        """
def two_segments(first, second):
    first.insert(0, "[CLS]")
    first.append("[SEP]")
    second.append("[SEP]")
    return first + second, [0] * len(first) + [1] * len(second)
""",
        "changed the list that was passed",
    ),
    (
        "two_segments",
        """
def two_segments(first, second):
    tokens = ["[CLS]", *first, "[SEP]", "[CLS]", *second, "[SEP]"]
    return tokens, [0] * (len(first) + 2) + [1] * (len(second) + 2)
""",
        "one [CLS] for the pair",
    ),
    (
        "two_segments",
        """
def two_segments(first, second):
    return ["[CLS]", *first, "[SEP]", *second, "[SEP]"], [0] * len(first) + [1] * len(second)
""",
        "[CLS] and each [SEP] need one",
    ),
    (
        "gain",
        """
def gain(n_ab, n_a, n_b, n):
    return n_ab / (n_a * n_b)
""",
        "That is the ratio",
    ),
    (
        "gain",
        """
from math import log

def gain(n_ab, n_a, n_b, n):
    return n_ab * log(n_ab * n / (n_a * n_b))
""",
        "That is the approximation",
    ),
    (
        "gain",
        """
from math import log

def gain(n_ab, n_a, n_b, n):
    t = lambda k: k * log(k) if k else 0
    return t(n_ab) + t(n_a - n_ab) + t(n_b - n_ab) - t(n_a) - t(n_b)
""",
        "left out the number of all tokens",
    ),
    (
        "gain",
        """
from math import log

def gain(n_ab, n_a, n_b, n):
    t = lambda k: k * log(k)
    return t(n_ab) + t(n_a - n_ab) + t(n_b - n_ab) - t(n - n_ab) - t(n_a) - t(n_b) + t(n)
""",
        "Count 0 log 0 as 0",
    ),
    (
        "gain",
        """
from math import log

def gain(n_ab, n_a, n_b, n):
    t = lambda k: k * log(k) if k else 0
    return t(n_a) + t(n_b) - t(n) - t(n_ab) - t(n_a - n_ab) - t(n_b - n_ab) + t(n - n_ab)
""",
        "the sign is wrong",
    ),
    (
        "gain",
        """
from math import log2

def gain(n_ab, n_a, n_b, n):
    t = lambda k: k * log2(k) if k else 0
    return t(n_ab) + t(n_a - n_ab) + t(n_b - n_ab) - t(n - n_ab) - t(n_a) - t(n_b) + t(n)
""",
        "Use the natural logarithm",
    ),
    (
        "fewest_pieces",
        """
def fewest_pieces(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocab:
                pieces.append(piece)
                start = end
                break
        else:
            return ["[UNK]"]
    return pieces
""",
        "That is the longest match from the left",
    ),
    (
        "fewest_pieces",
        """
def fewest_pieces(word, vocab):
    best = [[]] + [None] * len(word)
    for end in range(1, len(word) + 1):
        for start in range(end):
            piece = word[start:end]
            if best[start] is None or piece not in vocab:
                continue
            if best[end] is None or len(best[start]) + 1 < len(best[end]):
                best[end] = best[start] + [piece]
    return best[-1] or ["[UNK]"]
""",
        "look up '##d' with its ##",
    ),
    (
        "fewest_pieces",
        """
def fewest_pieces(word, vocab):
    best = [[]] + [None] * len(word)
    for end in range(1, len(word) + 1):
        for start in range(end):
            piece = ("##" if start else "") + word[start:end]
            if best[start] is None or piece not in vocab:
                continue
            if best[end] is None or len(best[start]) + 1 < len(best[end]):
                best[end] = best[start] + [piece]
    return best[-1] or []
""",
        "becomes ['[UNK]'], not nothing",
    ),
    (
        "fewest_pieces",
        """
def fewest_pieces(word, vocab):
    def cut(start):
        mark = "##" if start else ""
        ends = [end for end in range(start + 1, len(word) + 1) if mark + word[start:end] in vocab]
        return [mark + word[start:ends[0]]] + cut(ends[0]) if ends else []
    return cut(0)
""",
        "The whole word 'ab'",
    ),
]
