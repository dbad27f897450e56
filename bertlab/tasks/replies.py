"""tasks.replies: TODO."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from ..heads import Classifier
from ..wordpiece import WordPiece
from .classification import Classification, LabelledText
from .metrics import recall_at, split_words_and_punctuation
from .writing import TextPair


class ReplyChoice:
    """Which of some replies goes with what was said before: each pair is read by a `Classifier` of two classes."""

    kind, head, metric = "reply", Classifier, "recall@1"
    labels = ("other", "reply")

    def __init__(self, pieces: WordPiece, length: int = 128, wrong: int = 3, candidates: int = 10):
        """In training each right reply is seen beside `wrong` random ones; it is judged among `candidates`."""
        self.pieces, self.length, self.wrong, self.candidates = pieces, length, wrong, candidates
        self.texts = Classification(pieces, self.labels, length)
        self.pool: list[dict] = []
        self.cut = 0

    def rows(self, examples: Sequence[TextPair]) -> list[dict]:
        """The right pairs. The wrong ones are drawn by `collate`, from the replies of these rows, in each batch
        anew."""
        rows = self.texts.rows([LabelledText(example.source, example.target, "reply") for example in examples])
        self.cut = self.texts.cut
        replies: dict[str, set[str]] = defaultdict(set)
        for example in examples:
            replies[example.source.lower()].add(example.target.lower())
        self.pool = [row | {"reply": e.target.lower(), "known": replies[e.source.lower()]}
                     for row, e in zip(rows, examples, strict=True)]  # fmt: skip
        return self.pool

    def collate(self, rows: Sequence[dict], rng: np.random.Generator) -> dict[str, Tensor]:
        """B rows -> B * (1 + wrong) pairs, each right one and then its wrong ones."""
        batch = []
        for row in rows:
            batch.append(row)
            after = row["token_type_ids"].index(1)
            for _ in range(self.wrong):
                other = self.pool[int(rng.integers(len(self.pool)))]
                for _ in range(20):  # a reply that is known to fit is not a wrong one
                    if other["reply"] not in row["known"]:
                        break
                    other = self.pool[int(rng.integers(len(self.pool)))]
                second = other["input_ids"][other["token_type_ids"].index(1) :]
                room = max(1, self.length - after)
                ids = row["input_ids"][:after] + (second if len(second) <= room else [*second[: room - 1], second[-1]])
                types = [0] * after + [1] * (len(ids) - after)
                batch.append({"input_ids": ids, "token_type_ids": types, "labels": 0})
        return self.texts.collate(batch)

    def choices(self, examples: Sequence[TextPair]) -> list[list[str]]:
        """For each example its right reply and others of the same list, `candidates` in all, in an order that is always
        the same. What is known to fit as well is not among the others. Raises ValueError when there are too few."""
        known: dict[str, set[str]] = defaultdict(set)
        for example in examples:
            known[example.source.lower()].add(example.target.lower())
        everything = sorted({example.target for example in examples})
        found = []
        for number, example in enumerate(examples):
            rng = np.random.default_rng((0, number))
            others = [one for one in everything if one.lower() not in known[example.source.lower()]]
            if len(others) < self.candidates - 1:
                raise ValueError(f"{len(others)} other replies are too few to judge among {self.candidates}")
            drawn = [others[int(i)] for i in rng.choice(len(others), self.candidates - 1, replace=False)]
            drawn.insert(int(rng.integers(self.candidates)), example.target)
            found.append(drawn)
        return found

    def rank(self, model: nn.Module, source: str, replies: Sequence[str]) -> list[tuple[float, str]]:
        """The replies with the probability that each fits, best first."""
        said = self.texts.predict(model, [LabelledText(source, reply, "reply") for reply in replies])
        found = [(s["probabilities"]["reply"], reply) for s, reply in zip(said, replies, strict=True)]
        return sorted(found, key=lambda one: -one[0])

    def predict(self, model: nn.Module, examples: Sequence[TextPair]) -> list[dict]:
        """For each example the best `reply` of its `choices`, its `probability`, and the `rank` of the right one, from
        0."""
        choices = self.choices(examples)
        pairs = [
            LabelledText(e.source, one, "reply") for e, some in zip(examples, choices, strict=True) for one in some
        ]
        fits = [s["probabilities"]["reply"] for s in self.texts.predict(model, pairs)]
        said = []
        for n, (example, some) in enumerate(zip(examples, choices, strict=True)):
            mine = np.array(fits[n * len(some) : (n + 1) * len(some)])
            right, best = some.index(example.target), int(mine.argmax())
            said.append({"reply": some[best], "probability": float(mine[best]), "rank": find_rank(mine, right)})
        return said

    def score(self, examples: Sequence[TextPair], said: Sequence[dict]) -> dict[str, float]:
        """The share of examples whose right reply comes first, and among the first five, of the candidates."""
        ranks = [s["rank"] for s in said]
        return {"recall@1": recall_at(1, ranks), "recall@5": recall_at(5, ranks)}

    judge = Classification.judge

    def baselines(self, train: Sequence[TextPair], test: Sequence[TextPair]) -> dict[str, dict[str, float]]:
        """Chance, the reply that shares most words with what was said, and the nearest by TF-IDF."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        choices = self.choices(test)
        vectors = TfidfVectorizer(token_pattern=r"\b\w+\b").fit([e.source for e in train] + [e.target for e in train])
        shared, near = [], []
        for example, some in zip(test, choices, strict=True):
            said, right = set(split_words_and_punctuation(example.source.lower())), some.index(example.target)
            overlap = [
                len(said & set(split_words_and_punctuation(one.lower())))
                / len(said | set(split_words_and_punctuation(one.lower())))
                for one in some
            ]
            shared.append({"rank": find_rank(np.array(overlap), right)})
            products = (vectors.transform([example.source]) @ vectors.transform(some).T).toarray()[0]
            near.append({"rank": find_rank(products, right)})
        k = self.candidates
        return {
            "chance": {"recall@1": 1 / k, "recall@5": min(1.0, 5 / k)},
            "shared words": self.score(test, shared),
            "TF-IDF": self.score(test, near),
        }


def find_rank(scores: np.ndarray, right: int) -> int:
    """The place of the right one, from 0. Of equals it is the last: nobody is first for saying the same of all."""
    return int((scores >= scores[right]).sum()) - 1
