"""What does a model learn from a question about two sentences? Three questions, three seeds, from the same start.

    python -m bertlab.bench.pair_questions FILE.json [NAME ...]

trains what is not in FILE.json yet, one model after the other, and adds to the file what each has learned. It may be
stopped at any time, and several may run at once with other names, such as NSP-0. All models go on from bertlab-mini,
which has learned masked words and NSP, with the joint loss of BERT: masked words, and one of QUESTIONS about the pair.
Afterwards the layers stay as they are, and a logistic regression on the vectors that they give to a pair is asked about
NSP and about order.

Dimension letters: N rows, B batch, T tokens, D hidden size.
"""

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import sources, weights
from ..baselines import score_pretraining
from ..batches import IGNORE, Batches
from ..corpus import Row, split_documents
from ..exercises.pair_references import PairRow, pair_with_alike, swap_half
from ..files import read_json, write_json
from ..heads import Pretraining
from ..masking import PretrainingCollate
from ..model import eval_mode
from ..progress import quiet
from ..train import TrainConfig, evaluate, train
from ..wordpiece import WordPiece

ORIGIN, QUESTIONS, SEEDS = "bertlab-mini", ("NSP", "SOP", "none"), (0, 1, 2)
NAMES = tuple(f"{question}-{seed}" for seed, question in product(SEEDS, QUESTIONS))
MOST_TOKENS = 30  # of each sentence


@dataclass(frozen=True)
class Study:
    """How much is trained and judged. The defaults took about a minute and a half a model on one CPU thread."""

    steps: int = 90
    batch_size: int = 32
    learning_rate: float = 3e-4
    probe_rows: int = 800  # to fit the logistic regression
    judged_rows: int = 600


@dataclass(frozen=True)
class Start:
    """What all models start from, and the text: articles to learn from, and those that the model has never read."""

    tokenizer: WordPiece
    model: Pretraining
    learned: list[list[str]]
    judged: list[list[str]]


def make_start() -> Start:
    """bertlab-mini, and Wikipedia's articles split as in its training."""
    learned, judged = split_documents(sources.documents("wiki"))
    tokenizer = WordPiece.load(weights.find_model_folder(ORIGIN))
    return Start(tokenizer, weights.load(ORIGIN), learned, judged)


def make_question(question: str, documents: Sequence[Sequence[str]], count: int, seed: int) -> list[PairRow]:
    """`count` rows. "NSP" are fair pairs, "SOP" neighbours in their order or swapped, both with labels. "SOP inside" is
    order without the first sentence of each article; "none" are neighbours in their order, without a label."""
    rng = random.Random(seed)
    if question == "NSP":
        rows = pair_with_alike(documents, ["article"] * len(documents), rng)
    else:
        rows = swap_half([text[question == "SOP inside" :] for text in documents], rng)
    rows = rng.sample(rows, min(count, len(rows)))
    return [(b, a, -1) if label else (a, b, -1) for a, b, label in rows] if question == "none" else rows


def number_rows(tokenizer: WordPiece, rows: Sequence[PairRow], most: int = MOST_TOKENS) -> list[Row]:
    """Sentences to ids, the first `most` of each."""
    ids = tokenizer.encode_bulk([sentence for row in rows for sentence in row[:2]])
    return [(ids[2 * i][:most], ids[2 * i + 1][:most], row[2]) for i, row in enumerate(rows)]


def measure_rows(rows: Sequence[Row]) -> list[int]:
    """The number of tokens of A and B together."""
    return [len(a) + len(b) for a, b, _ in rows]


def copy_start(start: Start, seed: int) -> Pretraining:
    """A copy of the model to start from, with a new last layer for pairs."""
    torch.manual_seed(seed)
    model = Pretraining(start.model.config)
    own = {name: value for name, value in start.model.state_dict().items() if not name.startswith("nsp.")}
    model.load_state_dict(own, strict=False)
    return model


def train_on_question(start: Start, question: str, seed: int, study: Study | None = None) -> Pretraining:
    """A model that went on from the start with the joint loss and one of QUESTIONS."""
    study = study or Study()
    model = copy_start(start, seed)
    rows = number_rows(start.tokenizer, make_question(question, start.learned, study.steps * study.batch_size, seed))
    batches = Batches(rows, PretrainingCollate(start.tokenizer), study.batch_size, seed, measure_rows(rows))
    config = TrainConfig(steps=study.steps, learning_rate=study.learning_rate, beta2=0.98, seed=seed)
    train(model, batches, config, watch=quiet)
    return model


@torch.no_grad()
def read_pairs(model: Pretraining, tokenizer: WordPiece, rows: Sequence[Row]) -> dict[str, np.ndarray]:
    """For each row, "cls": the vector of [CLS] in the last layer (N, D), and "means": the mean of the vectors of A's
    tokens beside that of B's (N, 2D)."""
    order, D = np.argsort(measure_rows(rows), kind="stable"), model.config.hidden_size
    vectors = {"cls": np.empty((len(rows), D)), "means": np.empty((len(rows), 2 * D))}
    collate = PretrainingCollate(tokenizer)
    with eval_mode(model):
        for chosen in np.array_split(order, -(-len(rows) // 50)):
            batch = reveal_words(collate([rows[i] for i in chosen], np.random.default_rng(0)))
            real, segments = batch.get("attention_mask", torch.ones_like(batch["input_ids"])), batch["token_type_ids"]
            hidden = model.bert(batch["input_ids"], segments, real).float()  # (B, T, D)
            sides = [(real * (segments == side))[..., None] for side in (0, 1)]  # (B, T, 1)
            vectors["means"][chosen] = torch.cat([(hidden * side).sum(1) / side.sum(1) for side in sides], -1).numpy()
            vectors["cls"][chosen] = hidden[:, 0].numpy()
    return vectors


def reveal_words(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The batch with every masked word put back."""
    masked = batch["labels"] != IGNORE
    return batch | {"input_ids": torch.where(masked, batch["labels"], batch["input_ids"])}


def probe(model: Pretraining, start: Start, question: str, seed: int, study: Study) -> dict[str, float]:
    """How often a logistic regression on fixed vectors answers a question about articles that are new to the model."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known = number_rows(start.tokenizer, make_question(question, start.learned, study.probe_rows, seed + 100))
    asked = number_rows(start.tokenizer, make_question(question, start.judged, study.judged_rows, seed + 200))
    known_labels, labels = ([label for _, _, label in rows] for rows in (known, asked))
    known_vectors, vectors = (read_pairs(model, start.tokenizer, rows) for rows in (known, asked))
    scores = {}
    for name in vectors:
        classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
        classifier.fit(known_vectors[name], known_labels)
        scores[name] = round(float(classifier.score(vectors[name], labels)), 4)
    return scores


def judge_model(model: Pretraining, start: Start, question: str | None, seed: int, study: Study) -> dict[str, Any]:
    """Both questions by probe; by its own head the question that it learned, order also "inside", which is without the
    first sentence of each article; and its loss of masked words."""
    results = {asked: probe(model, start, asked, seed, study) for asked in ("NSP", "SOP")}
    for asked in {"NSP": ("NSP",), "SOP": ("SOP", "SOP inside")}.get(question, ()):
        own = evaluate(model, make_exam(start, asked, seed, study), score_pretraining)
        results.setdefault("own_head", {})[asked] = round(own["nsp_accuracy"], 4)
    words = evaluate(model, make_exam(start, "none", 0, study), score_pretraining)
    return results | {"mlm_loss": round(words["mlm_loss"], 4)}


def make_exam(start: Start, question: str, seed: int, study: Study) -> Batches:
    """Masked batches of a question about articles that the model has not read."""
    rows = number_rows(start.tokenizer, make_question(question, start.judged, study.judged_rows, seed + 200))
    return Batches(rows, PretrainingCollate(start.tokenizer), 50, seed=1, shuffle=False)


def add_results(file: Path, results: dict[str, Any], runs: dict[str, Any]) -> None:
    """Add to what is in the file by now: another process may have added to it."""
    found = read_json(file) if file.exists() else {}
    write_json(file, found | results | {"runs": dict(sorted((found.get("runs", {}) | runs).items()))})


def main(arguments: list[str], study: Study | None = None) -> None:
    file, names, study = Path(arguments[0]), arguments[1:], study or Study()
    start = make_start()
    done = read_json(file).get("runs", {}) if file.exists() else {}
    command = "python -m bertlab.bench.pair_questions data/pair_questions.json"
    for name in names or [*NAMES, *(f"start-{seed}" for seed in SEEDS)]:
        if name not in done:
            question, seed = name.split("-")
            model = start.model if question == "start" else train_on_question(start, question, int(seed), study)
            results = judge_model(model, start, question, int(seed), study)
            print(name, results, flush=True)
            add_results(file, {"command": command, "study": vars(study)}, {name: results})


if __name__ == "__main__":
    main(sys.argv[1:])
