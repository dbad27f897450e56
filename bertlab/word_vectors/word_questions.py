"""Questions to vectors that have one row for each word: analogies, and which of two words is a synonym.

Letters: V vocabulary, D width.
"""

import random
from collections.abc import Callable, Sequence
from itertools import permutations

import numpy as np
import torch
from torch import Tensor

from .. import sources

# kind -> pairs of words in the same relation; a question is made of each two of them
RELATIONS = {
    "capitals": "paris france, berlin germany, rome italy, madrid spain, tokyo japan, moscow russia, cairo egypt, "
    "athens greece, lisbon portugal, vienna austria, ottawa canada, beijing china, warsaw poland, dublin ireland",
    "women": "king queen, man woman, father mother, son daughter, brother sister, uncle aunt, actor actress, "
    "husband wife, prince princess, boy girl, grandfather grandmother, nephew niece",
    "plurals": "river rivers, city cities, child children, woman women, house houses, country countries, bird birds, "
    "car cars, road roads, horse horses, hand hands, tree trees",
    "past": "walk walked, see saw, write wrote, take took, give gave, find found, build built, play played, run ran, "
    "become became, say said, make made",
    "degrees": "large larger, small smaller, high higher, low lower, old older, young younger, strong stronger, "
    "weak weaker, great greater, fast faster, cheap cheaper, long longer",
}


def list_analogies() -> dict[str, list[tuple[str, str, str, str]]]:
    """kind -> questions (a, b, c, d): a is to b as c is to d."""
    questions = {}
    for kind, text in RELATIONS.items():
        pairs = [tuple(pair.split()) for pair in text.split(", ")]
        questions[kind] = [(*one, *other) for one, other in permutations(pairs, 2)]
    return questions


def find_analogy(vectors: Tensor, a: int, b: int, c: int, exclude: bool = True) -> int:
    """The row of unit vectors (V, D) with the highest cosine with b - a + c; `exclude` leaves a, b and c out."""
    scores = vectors @ (vectors[b] - vectors[a] + vectors[c])  # (V,)
    if exclude:
        scores[[a, b, c]] = -torch.inf
    return int(scores.argmax())


def score_analogies(words: Sequence[str], vectors: np.ndarray, solve: Callable) -> dict[str, float]:
    """kind -> the share of questions that `solve(unit vectors, a, b, c)` answers rightly.

    Questions with a word that has no vector are left out; a kind without any question has nan."""
    index = {word: number for number, word in enumerate(words)}
    unit = torch.from_numpy(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    shares = {}
    for kind, questions in list_analogies().items():
        known = [[index[word] for word in question] for question in questions if set(question) <= index.keys()]
        right = [solve(unit, a, b, c) == d for a, b, c, d in known]
        shares[kind] = sum(right) / len(right) if right else float("nan")
    return shares


def list_synonym_questions(words: Sequence[str], seed: int = 0) -> np.ndarray:
    """(word, synonym, other word) as rows of `words`, which are in order of frequency: (N, 3).

    A synonym shares a sense of WordNet with the word; the other word is a random one of nearly the synonym's rank that
    shares none with it. Words that begin alike, such as "colour" and "color", are no question."""
    index = {word: number for number, word in enumerate(words)}
    shared: dict[str, set[str]] = {}
    for synset in sources.wordnet():
        known = [word for word in synset.words if word in index]
        for word in known:
            shared.setdefault(word, set()).update(known)
    rng, questions = random.Random(seed), []
    for word in sorted(shared):
        for synonym in sorted(shared[word] - {word}):
            if word[:4] == synonym[:4]:
                continue
            rank = index[synonym]
            other = min(max(rank + rng.choice([-1, 1]) * rng.randint(1, 1 + rank // 10), 0), len(words) - 1)
            if words[other] not in shared[word]:
                questions.append((index[word], rank, other))
    return np.array(questions)


def score_synonyms(vectors: np.ndarray, questions: np.ndarray) -> float:
    """The share of questions (N, 3) in which the synonym has a higher cosine with the word than the other word has."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    word, synonym, other = unit[questions.T]
    return float(((word * synonym).sum(1) > (word * other).sum(1)).mean())
