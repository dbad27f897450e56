"""Common mistakes in the exercises of notebook 01: (exercise, a learner's code, a part of the hint)."""

FOLD = """
import unicodedata

def fold(text):
    apart = unicodedata.normalize("NFD", text)
    return "".join(char for char in apart if unicodedata.category(char) != "Mn").lower()
"""
LONGEST = """
def longest_match(word, vocab):
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
"""
MERGE = """
def merge_pair(split, left, right):
    merged, i = [], 0
    while i < len(split):
        if split[i : i + 2] == [left, right]:
            merged.append(split[i] + split[i + 1].removeprefix("##"))
            i += 2
        else:
            merged.append(split[i])
            i += 1
    return merged
"""
LEARN = """
from bertlab.exercises import nb01

def learn_merges(words, merges, score):
    splits, learned = {word: nb01.split_letters(word) for word in words}, []
    for _ in range(merges):
        pieces, pairs = nb01.count_pieces(splits, words)
        if not pairs:
            break
        best = max(pairs, key=lambda pair: score(pairs[pair], pieces[pair[0]], pieces[pair[1]]))
        splits = {word: nb01.merge_neighbours(split, *best) for word, split in splits.items()}
        learned.append(best)
    return learned
"""
BEST = "best = max(pairs, key=lambda pair: score(pairs[pair], pieces[pair[0]], pieces[pair[1]]))"
ABOVE_ZERO = """best, top = None, 0
        for pair in pairs:
            now = score(pairs[pair], pieces[pair[0]], pieces[pair[1]])
            if now > top:
                best, top = pair, now"""
ONCE = """pairs = {}
        for word, split in splits.items():
            for pair in set(zip(split, split[1:])):
                pairs[pair] = pairs.get(pair, 0) + words[word]
        if not pairs:"""

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
        "longest_match",
        """
def longest_match(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        for end in range(start + 1, len(word) + 1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocab:
                pieces.append(piece)
                start = end
                break
        else:
            return ["[UNK]"]
    return pieces
""",
        "That is the shortest match",
    ),
    (
        "longest_match",
        """
def longest_match(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            if ("##" if start else "") + word[start:end] in vocab:
                pieces.append(word[start:end])
                start = end
                break
        else:
            return ["[UNK]"]
    return pieces
""",
        "is written with ## in front",
    ),
    (
        "longest_match",
        """
def longest_match(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            if word[start:end] in vocab:
                pieces.append(word[start:end])
                start = end
                break
        else:
            return ["[UNK]"]
    return pieces
""",
        "Look up '##s' after the first piece",
    ),
    (
        "longest_match",
        """
def longest_match(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocab:
                pieces.append(piece)
                start = end
                break
        else:
            return pieces + ["[UNK]"]
    return pieces
""",
        "One place where nothing fits makes the whole word unknown",
    ),
    (
        "longest_match",
        """
def longest_match(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        fits = [e for e in range(start + 1, len(word) + 1) if ("##" if start else "") + word[start:e] in vocab]
        if not fits:
            break
        pieces.append(("##" if start else "") + word[start : fits[-1]])
        start = fits[-1]
    return pieces
""",
        "the s is lost",
    ),
    (
        "longest_match",
        """
def longest_match(word, vocab):
    def cut(start):
        if start == len(word):
            return []
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocab and (rest := cut(end)) is not None:
                return [piece] + rest
        return None
    return cut(0) or ["[UNK]"]
""",
        "You went back to a shorter first piece",
    ),
    (
        "longest_match",
        """
def longest_match(word, vocab):
    return " ".join(word)
""",
        "Return a list of pieces",
    ),
    (
        "merge_pair",
        """
def merge_pair(split, left, right):
    merged, i = [], 0
    while i < len(split):
        if split[i : i + 2] == [left, right]:
            merged.append(left + right)
            i += 2
        else:
            merged.append(split[i])
            i += 1
    return merged
""",
        "The second half loses its ##",
    ),
    (
        "merge_pair",
        """
def merge_pair(split, left, right):
    for i in range(len(split) - 1):
        if split[i : i + 2] == [left, right]:
            split[i : i + 2] = [left + right.removeprefix("##")]
    return split
""",
        "You changed the list that was passed",
    ),
    (
        "merge_pair",
        """
def merge_pair(split, left, right):
    for i in range(len(split) - 1):
        if split[i : i + 2] == [left, right]:
            return split[:i] + [left + right.removeprefix("##")] + split[i + 2 :]
    return list(split)
""",
        "Merge it in both places",
    ),
    (
        "merge_pair",
        """
def merge_pair(split, left, right):
    new = "##" + left.removeprefix("##") + right.removeprefix("##")
    merged, i = [], 0
    while i < len(split):
        if split[i : i + 2] == [left, right]:
            merged.append(new)
            i += 2
        else:
            merged.append(split[i])
            i += 1
    return merged
""",
        "A piece that begins a word has no ##",
    ),
    (
        "merge_pair",
        """
def merge_pair(split, left, right):
    if left in split and right in split:
        kept = [piece for piece in split if piece not in (left, right)]
        place = split.index(left)
        return kept[:place] + [left + right.removeprefix("##")] + kept[place:]
    return list(split)
""",
        "only when they are neighbours",
    ),
    (
        "merge_pair",
        """
def merge_pair(split, left, right):
    merged = []
    for piece in split:
        if merged and piece == right and (merged[-1] == left or merged[-1] == left + right.removeprefix("##")):
            if split.count(left) == 1 or left == right:
                merged[-1] += right.removeprefix("##")
                continue
        if merged and piece == right and merged[-1] == left:
            merged[-1] += right.removeprefix("##")
        else:
            merged.append(piece)
    return merged
""",
        "You merged a new piece again",
    ),
    (
        "learn_merges",
        """
from bertlab.exercises import nb01

def learn_merges(words, merges, score):
    splits = {word: nb01.split_letters(word) for word in words}
    learned = []
    for _ in range(merges):
        pieces, pairs = nb01.count_pieces(splits, dict.fromkeys(words, 1))
        if not pairs:
            break
        best = max(pairs, key=lambda pair: score(pairs[pair], pieces[pair[0]], pieces[pair[1]]))
        splits = {word: nb01.merge_neighbours(split, *best) for word, split in splits.items()}
        learned.append(best)
    return learned
""",
        "Weigh each pair",
    ),
    (
        "learn_merges",
        """
from bertlab.exercises import nb01

def learn_merges(words, merges, score):
    splits = {word: nb01.split_letters(word) for word in words}
    learned = []
    for _ in range(merges):
        pieces, pairs = nb01.count_pieces(splits, words)
        if not pairs:
            break
        best = min(pairs, key=lambda pair: score(pairs[pair], pieces[pair[0]], pieces[pair[1]]))
        splits = {word: nb01.merge_neighbours(split, *best) for word, split in splits.items()}
        learned.append(best)
    return learned
""",
        "You took the lowest score",
    ),
    (
        "learn_merges",
        """
from bertlab.exercises import nb01

def learn_merges(words, merges, score):
    splits = {word: nb01.split_letters(word) for word in words}
    learned = []
    for _ in range(merges):
        pieces, pairs = nb01.count_pieces(splits, words)
        if not pairs:
            break
        best = max(pairs, key=pairs.get)
        splits = {word: nb01.merge_neighbours(split, *best) for word, split in splits.items()}
        learned.append(best)
    return learned
""",
        "That is the most frequent pair",
    ),
    (
        "learn_merges",
        """
from bertlab.exercises import nb01

def learn_merges(words, merges, score):
    splits = {word: nb01.split_letters(word) for word in words}
    learned = []
    for _ in range(merges):
        pieces, pairs = nb01.count_pieces(splits, words)
        if not pairs:
            break
        best = max(pairs, key=lambda pair: score(pairs[pair], pieces[pair[0]], pieces[pair[1]]))
        learned.append(best)
    return learned
""",
        "You chose the same pair again",
    ),
    (
        "learn_merges",
        """
from bertlab.exercises import nb01

def learn_merges(words, merges, score):
    splits = {word: nb01.split_letters(word) for word in words}
    first, _ = nb01.count_pieces(splits, words)
    learned = []
    for _ in range(merges):
        pieces, pairs = nb01.count_pieces(splits, words)
        if not pairs:
            break
        pieces = pieces | first
        best = max(pairs, key=lambda pair: score(pairs[pair], pieces[pair[0]], pieces[pair[1]]))
        splits = {word: nb01.merge_neighbours(split, *best) for word, split in splits.items()}
        learned.append(best)
    return learned
""",
        "Count the single pieces again after each merge",
    ),
    (
        "learn_merges",
        """
from bertlab.exercises import nb01

def learn_merges(words, merges, score):
    splits = {word: nb01.split_letters(word) for word in words}
    learned = []
    for _ in range(merges):
        pieces, pairs = nb01.count_pieces(splits, words)
        best = max(pairs, key=lambda pair: score(pairs[pair], pieces[pair[0]], pieces[pair[1]]))
        splits = {word: nb01.merge_neighbours(split, *best) for word, split in splits.items()}
        learned.append(best)
    return learned
""",
        "stop instead of failing",
    ),
    (
        "learn_merges",
        """
from bertlab.exercises import nb01

def learn_merges(words, merges, score):
    splits = {word: nb01.split_letters(word) for word in words}
    learned = []
    for _ in range(merges):
        pieces, pairs = nb01.count_pieces(splits, words)
        if not pairs:
            break
        best = max(pairs, key=lambda pair: score(pairs[pair], pieces[pair[0]], pieces[pair[1]]))
        splits = {word: nb01.merge_neighbours(split, *best) for word, split in splits.items()}
        learned.append(best[0] + best[1])
    return learned
""",
        "each as a tuple",
    ),
    (
        "learn_merges",
        """
from bertlab.exercises import nb01

def learn_merges(words, merges, score):
    splits = {word: nb01.split_letters(word) for word in words}
    learned = []
    for _ in range(merges):
        pieces, pairs = nb01.count_pieces(splits, words)
        if not pairs:
            break
        best = max(pairs, key=lambda pair: score(pairs[pair], pieces[pair[0]], pieces[pair[1]]))
        splits = {word: nb01.merge_neighbours(split, *best) for word, split in splits.items()}
        learned.append(best)
    print(learned)
""",
        "returns nothing",
    ),
    (
        "learn_merges",
        """
from bertlab.exercises import nb01

def learn_merges(words, merges, score):
    learned = []
    pieces, pairs = nb01.count_pieces({word: nb01.split_letters(word) for word in words}, words)
    for _ in range(min(merges, len(pairs))):
        learned.append(max(pairs, key=lambda pair: score(pairs[pair], pieces[pair[0]], pieces[pair[1]])))
        del pairs[learned[-1]]
    return learned
""",
        "You counted only once",
    ),
    (
        "learn_merges",
        """
from bertlab.exercises import nb01

def learn_merges(words, merges, score):
    splits, learned = {word: nb01.split_letters(word) for word in words}, []
    for _ in range(merges):
        pieces, pairs = nb01.count_pieces(splits, words)
        if not pairs:
            break
        best = sorted(pairs, key=lambda pair: score(pairs[pair], pieces[pair[0]], pieces[pair[1]]))[-1]
        splits = {word: nb01.merge_neighbours(split, *best) for word, split in splits.items()}
        learned.append(best)
    return learned
""",
        "Take the one that was counted first",
    ),
    (
        "frame_pair",
        """
def frame_pair(first, second):
    return ["[CLS]"] + first + ["[SEP]"] + second, [0] * (len(first) + 2) + [1] * len(second)
""",
        "The tokens should be",
    ),
    (
        "frame_pair",
        """
def frame_pair(first, second):
    tokens = ["[CLS]"] + first + ["[SEP]"] + second + ["[SEP]"]
    return tokens, [0] * len(first) + [1] * len(second)
""",
        "6 tokens have 3 segment ids",
    ),
    (
        "frame_pair",
        """
def frame_pair(first, second):
    return ["[CLS]"] + first + ["[SEP]"] + second + ["[SEP]"], [0, 0, 0, 0, 1, 1]
""",
        "the segments must follow the lengths",
    ),
    (
        "open_vocabulary",
        """
import transformers

def open_vocabulary(path):
    return transformers.BertTokenizer()
""",
        "the tokenizer has 5 tokens",
    ),
    (
        "open_vocabulary",
        """
import transformers

def open_vocabulary(path):
    return transformers.BertTokenizer(path, do_lower_case=False)
""",
        "'We hold these' became",
    ),
    (
        "fold",
        FOLD.replace('unicodedata.category(char) != "Mn"', "char.isalnum() or char.isspace()"),
        "has no accents, but",
    ),
    (
        "fold",
        FOLD.replace("NFD", "NFC").replace(".lower()", '.lower().translate(str.maketrans("éåö", "eao"))'),
        "A list of letters is never complete",
    ),
    (
        "fold",
        FOLD.replace('unicodedata.category(char) != "Mn"', "not unicodedata.combining(char)"),
        "ask for the category",
    ),
    (
        "fold",
        FOLD.replace('("NFD", text)', '("NFC", text)').replace(
            "(char for", '(unicodedata.normalize("NFD", char)[0] for'
        ),
        "NFD splits 한 into three letters",
    ),
    ("longest_match", LONGEST.replace("return [", "pass  # ["), "Your loop does not end"),
    ("longest_match", LONGEST.replace("start = end", "pass"), "Your loop does not end"),
    (
        "longest_match",
        LONGEST.replace("(len(word), start,", "(min(len(word), start + 3), start,"),
        "should become ['pughugpug'",
    ),
    ("longest_match", LONGEST.replace("start, -1", "start + 1, -1"), "A piece may be one letter"),
    (
        "merge_pair",
        """
def merge_pair(split, left, right):
    return " ".join(split).replace(f"{left} {right}", left + right.removeprefix("##")).split()
""",
        "Compare whole pieces",
    ),
    (
        "merge_pair",
        MERGE.replace(
            "split[i : i + 2] == [left, right]",
            "split[i] == left and split[i + 1 :] and split[i + 1].startswith(right)",
        ),
        "Compare whole pieces",
    ),
    ("learn_merges", LEARN.replace("range(merges)", "range(merges + 1)"), "One merge was asked for, and you return 2"),
    ("learn_merges", LEARN.replace("score(", "nb01.score_by_ratio("), "Here `score` is the count"),
    ("learn_merges", LEARN.replace("if not pairs:", ONCE), "this pair counts 8"),
    (
        "learn_merges",
        LEARN.replace("pieces[pair[0]], pieces[pair[1]]", "pieces[pair[1]], pieces[pair[0]]"),
        "in this order",
    ),
    ("learn_merges", LEARN.replace(BEST, ABOVE_ZERO), "do not compare with 0"),
    ("frame_pair", "def frame_pair(first, second):\n    print(first, second)", "Return two lists"),
]
