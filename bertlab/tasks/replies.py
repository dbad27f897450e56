"""Which of some replies goes with what was said before: pairs of texts, read by a classifier of two classes."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from torch import Tensor, nn

from .. import weights
from ..heads import Classifier
from ..progress import watch_items
from ..wordpiece import WordPiece
from .base import Task
from .classification import Classification, LabelledText
from .metrics import recall_at
from .report import draw_calibration_report
from .rows import encode_texts
from .tables import get_field, get_text_field, parse_json, parse_text, split_input
from .words import WORD, split_words_and_punctuation
from .writing import TextPair, Writing, read_text_pairs


class ReplyChoice(Task):
    """Which of some replies goes with what was said before: each pair is read by a `Classifier` of two classes."""

    name, head, metric, example = "reply", Classifier, "recall@1", TextPair
    default_length, default_epochs = 64, 4.0
    columns, input_columns = ("source", "target"), {"source": "source", "replies": "replies"}
    labels = ("other", "reply")
    report_types: ClassVar[dict] = {"rank": int, "probability": float}

    def __init__(self, tokenizer: WordPiece, length: int = 128, wrong: int = 3, candidates: int = 10):
        """In training each right reply is seen with `wrong` random ones; it is judged among `candidates`."""
        super().__init__(tokenizer, length)
        self.wrong, self.candidates = wrong, candidates
        self.classification = Classification(tokenizer, self.labels, length)
        self.pool: list[dict] = []  # the rows that `collate` draws wrong replies from
        self.collate = self.add_wrong_replies

    def load_model(self, folder: Path) -> nn.Module:
        return weights.load(folder, Classifier, num_labels=2, new_heads=True, problem_type=Classification.problem_type)

    read_file = staticmethod(read_text_pairs)
    read_dataset = Writing.read_dataset

    @classmethod
    def parse_input(cls, given) -> tuple[str, Sequence[str]]:
        if isinstance(given, list | tuple) and len(given) == 2 and isinstance(given[1], list | tuple):
            given = [given[0], *given[1]]
        needed = "give what was said, and replies to choose from, separated by tabs"
        said, *replies = split_input(given, 2, 1_000_000, needed)
        return said, replies

    @classmethod
    def parse_row(cls, row: dict, names: dict[str, str]) -> tuple[str, list[str]]:
        """The replies are a list, which is written as JSON in a CSV."""
        source, replies = get_text_field(row, names["source"]), get_field(row, names["replies"])
        if isinstance(replies, str) and replies.lstrip().startswith("["):
            replies = parse_json(replies)
        if not isinstance(replies, list):
            raise ValueError(f'{names["replies"]} is {replies!r:.60}; it must be a list, such as ["yes", "no"]')
        return source, [parse_text(reply, "a reply") for reply in replies]

    @classmethod
    def get_text(cls, example: TextPair) -> str:
        return example.source

    @classmethod
    def get_answer(cls, example: TextPair) -> str:
        return example.target

    def make_rows(self, examples: Sequence[TextPair]) -> list[dict]:
        """The right pairs. The wrong ones are drawn by `add_wrong_replies`, from the replies of these rows, in each
        batch anew."""
        sources, targets = [example.source for example in examples], [example.target for example in examples]
        rows, self.truncated = encode_texts(self.tokenizer, sources, targets, self.length)
        known = group_replies(examples)
        self.pool = [row | {"labels": 1, "reply": e.target.lower(), "known": known[e.source.lower()]}
                     for row, e in zip(rows, examples, strict=True)]  # fmt: skip
        return self.pool

    def add_wrong_replies(self, rows: Sequence[dict], rng: np.random.Generator) -> dict[str, Tensor]:
        """The collate of this task: B rows -> B * (1 + wrong) pairs, each right one and then its wrong ones."""
        batch = []
        for row in rows:
            batch.append(row)
            start = row["token_type_ids"].index(1)  # of the reply
            for _ in range(self.wrong):
                second = self._draw_wrong_reply(row["known"], rng)
                room = max(1, self.length - start)
                ids = row["input_ids"][:start] + (second if len(second) <= room else [*second[: room - 1], second[-1]])
                types = [0] * start + [1] * (len(ids) - start)
                batch.append({"input_ids": ids, "token_type_ids": types, "labels": 0})
        return self.classification.collate(batch)

    def _draw_wrong_reply(self, known: set[str], rng: np.random.Generator) -> list[int]:
        """The ids of a random reply of the pool with its [SEP]; one that is known to fit is drawn again."""
        other = self.pool[int(rng.integers(len(self.pool)))]
        for _ in range(20):
            if other["reply"] not in known:
                break
            other = self.pool[int(rng.integers(len(self.pool)))]
        return other["input_ids"][other["token_type_ids"].index(1) :]

    def list_candidates(self, examples: Sequence[TextPair]) -> list[list[str]]:
        """For each example its right reply and others of the same list, `candidates` in all, in an order that is always
        the same. What is known to fit as well is not among the others. Raises ValueError when there are too few."""
        known = group_replies(examples)
        replies = sorted({example.target for example in examples})
        numbers = defaultdict(list)  # of the replies, by their lower case
        for number, reply in enumerate(replies):
            numbers[reply.lower()].append(number)
        lists = []
        for number, example in enumerate(examples):
            rng = np.random.default_rng((0, number))
            fitting = sorted(i for reply in known[example.source.lower()] for i in numbers[reply])
            count = len(replies) - len(fitting)
            if count < self.candidates - 1:
                raise ValueError(f"{count} other replies are too few to judge among {self.candidates}")
            drawn = [replies[skip_numbers(int(i), fitting)]
                     for i in rng.choice(count, self.candidates - 1, replace=False)]  # fmt: skip
            drawn.insert(int(rng.integers(self.candidates)), example.target)
            lists.append(drawn)
        return lists

    def rank_replies(self, model: nn.Module, source: str, replies: Sequence[str]) -> list[tuple[float, str]]:
        """The replies with the probability that each fits, best first."""
        pairs = [LabelledText(source, reply, "reply") for reply in replies]
        predictions = self.classification.predict(model, pairs)
        ranked = [(p["probabilities"]["reply"], reply) for p, reply in zip(predictions, replies, strict=True)]
        return sorted(ranked, key=lambda pair: -pair[0])

    def predict(self, model: nn.Module, examples: Sequence[TextPair]) -> list[dict]:
        """For each example the best `reply` of its candidates, its `probability`, and the `rank` of the right one, from
        0."""
        candidates = self.list_candidates(examples)
        pairs = [LabelledText(e.source, reply, "reply")
                 for e, replies in zip(examples, candidates, strict=True) for reply in replies]  # fmt: skip
        shares = [p["probabilities"]["reply"] for p in self.classification.predict(model, pairs)]
        predictions = []
        for n, (example, replies) in enumerate(zip(examples, candidates, strict=True)):
            own = np.array(shares[n * len(replies) : (n + 1) * len(replies)])
            best, rank = int(own.argmax()), find_rank(own, replies.index(example.target))
            predictions.append({"reply": replies[best], "probability": float(own[best]), "rank": rank})
        return predictions

    def predict_inputs(self, model: nn.Module, inputs: Sequence, **options) -> list[dict]:
        """For each (what was said, replies) the best `reply`, its `probability`, and the `ranking` of all."""
        predictions, self.truncated, self.windowed = [], 0, 0
        for source, replies in watch_items(self.parse_inputs(inputs), "predicting", len(inputs)):
            ranked = self.rank_replies(model, source, replies)
            self.truncated += bool(self.classification.truncated)
            self.windowed += bool(self.classification.windowed)
            ranking = [[reply, share] for share, reply in ranked]
            predictions.append({"reply": ranked[0][1], "probability": ranked[0][0], "ranking": ranking})
        return predictions

    def score(self, examples: Sequence[TextPair], predictions: Sequence[dict]) -> dict[str, float]:
        """The share of examples whose right reply comes first, and among the first five, of the candidates."""
        ranks = [prediction["rank"] for prediction in predictions]
        return {"recall@1": recall_at(1, ranks), "recall@5": recall_at(5, ranks)}

    def score_baselines(self, train: Sequence[TextPair], test: Sequence[TextPair]) -> dict[str, dict[str, float]]:
        """Chance, the reply that shares most words with what was said, and the nearest by TF-IDF."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        candidates = self.list_candidates(test)
        vectors = TfidfVectorizer(token_pattern=WORD).fit([e.source for e in train] + [e.target for e in train])
        by_words, by_tfidf = [], []
        for example, replies in zip(test, candidates, strict=True):
            said, right = set(split_words_and_punctuation(example.source.lower())), replies.index(example.target)
            bags = [set(split_words_and_punctuation(reply.lower())) for reply in replies]
            overlap = np.array([len(said & bag) / len(said | bag) for bag in bags])
            by_words.append({"rank": find_rank(overlap, right)})
            products = (vectors.transform([example.source]) @ vectors.transform(replies).T).toarray()[0]
            by_tfidf.append({"rank": find_rank(products, right)})
        k = self.candidates
        return {
            "chance": {"recall@1": 1 / k, "recall@5": min(1.0, 5 / k)},
            "shared words": self.score(test, by_words),
            "TF-IDF": self.score(test, by_tfidf),
        }

    @classmethod
    def draw_report(cls, rows: Sequence[dict], most: int = 12):
        return draw_calibration_report([row["probability"] for row in rows], [row["rank"] == 0 for row in rows])

    @classmethod
    def format_prediction(cls, prediction: dict) -> str:
        return f"{100 * prediction['probability']:5.1f}%  {prediction['reply']}"


def group_replies(examples: Sequence[TextPair]) -> dict[str, set[str]]:
    """What was said -> the replies that are known to fit, all in lower case."""
    known: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        known[example.source.lower()].add(example.target.lower())
    return known


def skip_numbers(i: int, skipped: Sequence[int]) -> int:
    """The number at place `i` of 0, 1, 2 and so on without the `skipped` ones, which are sorted."""
    for number in skipped:
        i += i >= number
    return i


def find_rank(scores: np.ndarray, right: int) -> int:
    """The rank of the right one, from 0. Among equals it is the last: nobody is first for giving all the same score."""
    return int((scores >= scores[right]).sum()) - 1
