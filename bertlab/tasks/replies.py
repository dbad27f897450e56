"""Which of some replies goes with what was said before: pairs of texts, read by a classifier of two classes."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from .. import weights
from ..batches import IGNORE
from ..embedding import BiEncoder, embed_texts
from ..heads import Classifier
from ..progress import watch_items
from ..wordpiece import WordPiece
from .base import Task
from .classification import Classification, LabelledText
from .report import draw_calibration_report
from .rows import PaddingCollate, encode_texts
from .tables import get_field, get_text_field, parse_json, parse_text, split_input
from .words import WORD, split_words_and_punctuation
from .writing import TextPair, Writing, read_text_pairs


class ReplyChoice(Task):
    """Which of some replies goes with what was said before: each pair is read by a `Classifier` of two classes."""

    name, head, metric, example = "reply", Classifier, "recall@1", TextPair
    default_length, default_epochs = 64, 4.0
    options = ("bi_encoder",)
    columns, input_columns = ("source", "target"), {"source": "source", "replies": "replies"}
    labels = ("other", "reply")
    report_types: ClassVar[dict] = {"rank": int, "probability": float}

    def __init__(self, tokenizer: WordPiece, length: int = 128, wrong: int = 3, candidates: int = 10):
        """In training each right reply is seen with `wrong` random ones; it is judged among `candidates`."""
        super().__init__(tokenizer, length)
        self.wrong, self.candidates = wrong, candidates
        self.origin: nn.Module | None = None  # the encoder before it learned, as a baseline
        self.classification = Classification(tokenizer, self.labels, length)
        self.pool: list[dict] = []  # the rows that `collate` draws wrong replies from
        self.collate = self.add_wrong_replies

    @classmethod
    def from_plan(cls, plan, tokenizer: WordPiece, settings: dict) -> Task:
        return (ReplyMatching if plan.bi_encoder else cls)(tokenizer, plan.length or cls.default_length)

    def load_model(self, folder: Path) -> nn.Module:
        self.origin = weights.load(folder, BiEncoder)
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

    def score_replies(self, model: nn.Module, said: Sequence[str], lists: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """For each text that was said, the probability of each reply of its list that it fits."""
        pairs = [LabelledText(text, reply, "reply") for text, replies in zip(said, lists, strict=True)
                 for reply in replies]  # fmt: skip
        shares = np.array([p["probabilities"]["reply"] for p in self.classification.predict(model, pairs)])
        self.truncated, self.windowed = self.classification.truncated, self.classification.windowed
        return np.split(shares, np.cumsum([len(replies) for replies in lists])[:-1])

    def rank_replies(self, model: nn.Module, source: str, replies: Sequence[str]) -> list[tuple[float, str]]:
        """The replies with the probability that each fits, best first."""
        [shares] = self.score_replies(model, [source], [replies])
        return sorted(zip(shares.tolist(), replies, strict=True), key=lambda pair: -pair[0])

    def predict(self, model: nn.Module, examples: Sequence[TextPair]) -> list[dict]:
        """For each example the best `reply` of its candidates, its `probability`, and the `rank` of the right one, from
        0; `ties` are others that are as good as that."""
        candidates = self.list_candidates(examples)
        predictions = []
        scores = self.score_replies(model, [example.source for example in examples], candidates)
        for example, replies, own in zip(examples, candidates, scores, strict=True):
            best, place = int(own.argmax()), find_place(own, replies.index(example.target))
            predictions.append({"reply": replies[best], "probability": float(own[best])} | place)
        return predictions

    def predict_inputs(self, model: nn.Module, inputs: Sequence, **options) -> list[dict]:
        """For each (what was said, replies) the best `reply`, its `probability`, and the `ranking` of all."""
        predictions, truncated, windowed = [], 0, 0
        for source, replies in watch_items(self.parse_inputs(inputs), "predicting", len(inputs)):
            ranked = self.rank_replies(model, source, replies)
            truncated, windowed = truncated + bool(self.truncated), windowed + bool(self.windowed)
            ranking = [[reply, share] for share, reply in ranked]
            predictions.append({"reply": ranked[0][1], "probability": ranked[0][0], "ranking": ranking})
        self.truncated, self.windowed = truncated, windowed
        return predictions

    def score(self, examples: Sequence[TextPair], predictions: Sequence[dict]) -> dict[str, float]:
        """The share of examples whose right reply comes first, and among the first five, of the candidates. One that
        others tie with counts as often as it would be there by chance."""
        worst = np.array([prediction["rank"] for prediction in predictions])
        ties = np.array([prediction.get("ties", 0) for prediction in predictions])
        return {f"recall@{k}": float(((k - worst + ties) / (ties + 1)).clip(0, 1).mean()) for k in (1, 5)}

    def score_baselines(self, train: Sequence[TextPair], test: Sequence[TextPair]) -> dict[str, dict[str, float]]:
        """Chance; the reply that shares most words with what was said; the nearest by TF-IDF; what the reply alone
        gives away, to a logistic regression on its words; and the encoder that `load_model` read, by the cosines of its
        vectors, before it has learned anything here."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        vectors = TfidfVectorizer(token_pattern=WORD).fit([e.source for e in train] + [e.target for e in train])
        replies_of_train, others = [example.target for example in train], sorted({example.target for example in train})
        alone = make_pipeline(TfidfVectorizer(token_pattern=WORD), LogisticRegression())
        alone.fit(replies_of_train + others, [1] * len(replies_of_train) + [0] * len(others))
        places: dict[str, list[dict]] = {"shared words": [], "TF-IDF": [], "the reply alone": []}
        for example, replies in zip(test, self.list_candidates(test), strict=True):
            said, right = set(split_words_and_punctuation(example.source.lower())), replies.index(example.target)
            bags = [set(split_words_and_punctuation(reply.lower())) for reply in replies]
            overlap = np.array([len(said & bag) / len(said | bag) for bag in bags])
            products = (vectors.transform([example.source]) @ vectors.transform(replies).T).toarray()[0]
            for name, scores in zip(places, (overlap, products, alone.decision_function(replies)), strict=True):
                places[name].append(find_place(scores, right))
        k = self.candidates
        found = {"chance": {"recall@1": 1 / k, "recall@5": min(1.0, 5 / k)}}
        found |= {name: self.score(test, some) for name, some in places.items()}
        if self.origin is not None:
            matching = ReplyMatching(self.tokenizer, self.length, self.candidates)
            found["the encoder before"] = self.score(test, matching.predict(self.origin, test))
        return found

    @classmethod
    def draw_report(cls, rows: Sequence[dict], most: int = 12):
        return draw_calibration_report([row["probability"] for row in rows], [row["rank"] == 0 for row in rows])

    @classmethod
    def format_prediction(cls, prediction: dict) -> str:
        return f"{100 * prediction['probability']:5.1f}%  {prediction['reply']}"


class ReplyMatching(ReplyChoice):
    """The same with a `BiEncoder`: the vectors of a thousand replies are computed once, whatever is said."""

    head = BiEncoder
    labels = ()

    def __init__(self, tokenizer: WordPiece, length: int = 128, candidates: int = 10):
        super().__init__(tokenizer, length, candidates=candidates)
        self.pad = PaddingCollate(tokenizer.pad_id)
        self.collate = self.join_pairs

    def load_model(self, folder: Path) -> nn.Module:
        self.origin = weights.load(folder, BiEncoder)
        return weights.load(folder, BiEncoder)

    def make_rows(self, examples: Sequence[TextPair]) -> list[dict]:
        none = [None] * len(examples)
        said, cut_said = encode_texts(self.tokenizer, [example.source for example in examples], none, self.length)
        replies, cut = encode_texts(self.tokenizer, [example.target for example in examples], none, self.length)
        self.truncated = cut_said + cut
        known = group_replies(examples)
        return [row | {"reply_row": reply, "reply": e.target.lower(), "known": known[e.source.lower()]}
                for row, reply, e in zip(said, replies, examples, strict=True)]  # fmt: skip

    def describe_losses(self, count: int) -> list[str]:
        cut = f"{self.truncated:,} of {2 * count:,} texts are truncated: more than {self.length} tokens (--length)"
        return [cut] if self.truncated else []

    def join_pairs(self, rows: Sequence[dict], rng: np.random.Generator) -> dict[str, Tensor]:
        """The collate of this task: P rows -> what was said, then the replies to it: 2P rows. The `labels` (P, P) leave
        out a reply of another row that is known to fit."""
        batch = self.pad([*rows, *(row["reply_row"] for row in rows)])
        fits = [[other["reply"] in row["known"] for other in rows] for row in rows]
        return batch | {"labels": torch.where(torch.tensor(fits), IGNORE, 0)}

    def score_replies(self, model: nn.Module, said: Sequence[str], lists: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """For each text that was said, the share of each reply of its list: a softmax of the cosines."""
        texts = sorted({*said, *(reply for replies in lists for reply in replies)})
        vectors = dict(zip(texts, embed_texts(model, self.tokenizer, texts), strict=True))
        logits = [BiEncoder.SCALE * np.stack([vectors[reply] for reply in replies]) @ vectors[text]
                  for text, replies in zip(said, lists, strict=True)]  # fmt: skip
        return [np.exp(own - own.max()) / np.exp(own - own.max()).sum() for own in logits]


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


def find_place(scores: np.ndarray, right: int) -> dict[str, int]:
    """The `rank` of the right one by `find_rank`, and how many others have the same score: `ties`."""
    return {"rank": find_rank(scores, right), "ties": int((scores == scores[right]).sum()) - 1}


def find_rank(scores: np.ndarray, right: int) -> int:
    """The rank of the right one, from 0. Among equals it is the last: nobody is first for giving all the same score."""
    return int((scores >= scores[right]).sum()) - 1
