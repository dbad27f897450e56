"""What does a model learn from a question about two sentences? Three questions, three seeds, from the same start.

    python -m bertlab.bench.pair_questions FILE.json [SEED ...]

trains what is not in FILE.json yet, one model after the other, and adds to the file what each has learned. It may be
stopped at any time, and several may run at once with other seeds. Each model starts from the lower four layers of
MiniLM, of which the upper two are trained, and has the joint loss of BERT: masked words, and one of QUESTIONS about the
pair. Afterwards its layers stay as they are, and a logistic regression on the vectors that it gives to a pair is asked
both questions.

Dimension letters: N rows, B batch, T tokens, D hidden size.
"""

import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import sources, weights
from ..baselines import fit_unigram, score_baseline, score_pretraining
from ..batches import IGNORE, Batches
from ..corpus import Row, encode_documents, split_documents
from ..embedding import embed_texts
from ..exercises.pair_references import PairRow, pair_with_alike, pair_within, swap_half
from ..files import read_json, write_json
from ..heads import Pretraining
from ..masking import PretrainingCollate
from ..model import BertConfig, eval_mode
from ..progress import quiet
from ..train import TrainConfig, evaluate, train
from ..wordpiece import SPECIAL_TOKENS, WordPiece

QUESTIONS, SEEDS = ("NSP", "SOP", "none"), (0, 1, 2)
HELD_OUT = 0.2  # share of the articles to judge by
MOST_TOKENS = 16  # of each sentence
KEPT_PIECES = 6000  # of MiniLM's vocabulary: the commonest, so that guessing words is quick


@dataclass(frozen=True)
class Study:
    """How much is trained and judged. The defaults took about two minutes a model on one CPU thread."""

    steps: int = 250
    head_steps: int = 100  # before: of the MLM head alone, on fixed layers, so that both losses start warm
    batch_size: int = 16
    learning_rate: float = 3e-4
    head_rate: float = 3e-3
    probe_rows: int = 1000  # to fit the logistic regression
    judged_rows: int = 600
    compared_rows: int = 300  # whose sentences MiniLM compares


@dataclass(frozen=True)
class Start:
    """What all models start from: the vocabulary, the model with an MLM head that has learned a little, and text."""

    tokenizer: WordPiece
    model: Pretraining
    learned: list[list[str]]  # articles to learn from
    judged: list[list[str]]  # articles to judge by


def split_articles() -> tuple[list[list[str]], list[list[str]]]:
    """Wikipedia summaries to learn from, and to judge by. What bertlab-mini has not read is part of the latter."""
    learned, judged = split_documents(sources.documents("wiki"), HELD_OUT)
    return learned, judged


def find_topics(articles: Sequence[Sequence[str]]) -> list[str]:
    """The topic of each article, one of 12."""
    names = [article["topic"] for article in sources.wiki()]
    topics = dict(zip(map("\n".join, sources.documents("wiki")), names, strict=True))
    return [topics["\n".join(article)] for article in articles]


def cut_vocabulary(documents: Sequence[Sequence[str]], size: int = KEPT_PIECES) -> tuple[WordPiece, list[int]]:
    """The special tokens, the single characters and the commonest pieces of MiniLM's vocabulary in the documents, and
    their ids in it. Other words fall into more pieces."""
    whole = WordPiece.load(sources.minilm())
    counts = encode_documents(documents, whole).count_ids(len(whole))
    special = [whole.index[token] for token in SPECIAL_TOKENS]
    letters = [i for i, token in enumerate(whole.vocab) if len(token.removeprefix("##")) == 1]
    kept = list(dict.fromkeys(special + letters + np.argsort(-counts, kind="stable").tolist()))[:size]
    return WordPiece([whole.vocab[i] for i in kept]), kept


def make_first_model(tokenizer: WordPiece, kept: Sequence[int], counts: np.ndarray, layers: int = 4) -> Pretraining:
    """MiniLM's lower layers with new heads. The embeddings and the lower half of the layers are not trained."""
    encoder = weights.load("minilm")
    config = BertConfig(vocab_size=len(tokenizer), hidden_size=384, num_hidden_layers=layers, intermediate_size=1536,
                        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)  # fmt: skip
    torch.manual_seed(0)
    model = Pretraining(config)
    own = model.bert.state_dict()
    values = {name: value for name, value in encoder.state_dict().items() if name in own}
    values["embeddings.words.weight"] = values["embeddings.words.weight"][list(kept)]
    model.bert.load_state_dict(values)
    model.start_from_unigrams(torch.from_numpy(counts))
    for part in (model.bert.embeddings, *model.bert.layers[: layers // 2]):
        part.requires_grad_(False)
    return model


def make_start(study: Study | None = None) -> Start:
    """Everything that the models of the study share. The MLM head is trained for `head_steps` on fixed layers."""
    study = study or Study()
    learned, judged = split_articles()
    tokenizer, kept = cut_vocabulary(learned)
    model = make_first_model(tokenizer, kept, encode_documents(learned, tokenizer).count_ids(len(tokenizer)))
    rows = number_rows(tokenizer, make_question("none", learned, study.head_steps * study.batch_size, seed=10))
    warm_up_head(model, rows, PretrainingCollate(tokenizer), study)
    return Start(tokenizer, model, learned, judged)


def warm_up_head(model: Pretraining, rows: Sequence[Row], collate: Callable, study: Study) -> None:
    """Train the MLM head alone. Afterwards every weight that was trainable before is trainable again."""
    trainable = {name for name, weight in model.named_parameters() if weight.requires_grad}
    for name, weight in model.named_parameters():
        weight.requires_grad_(name.startswith("mlm."))
    config = TrainConfig(steps=study.head_steps, learning_rate=study.head_rate, beta2=0.98)
    train(model, Batches(rows, collate, study.batch_size, lengths=measure_rows(rows)), config, watch=quiet)
    for name, weight in model.named_parameters():
        weight.requires_grad_(name in trainable)


def make_question(question: str, documents: Sequence[Sequence[str]], count: int, seed: int) -> list[PairRow]:
    """`count` rows. "NSP" and "SOP" are labelled pairs; "none" has neighbours in their order, without a label. In
    "topic" a random B is from an article of the same topic, in "within" from the same article."""
    rng = random.Random(seed)
    if question in ("NSP", "topic"):
        topics = find_topics(documents) if question == "topic" else ["article"] * len(documents)
        rows = pair_with_alike(documents, topics, rng)
    elif question == "within":
        rows = pair_within(documents, rng)
    else:
        rows = swap_half(documents, rng)
    rows = rng.sample(rows, min(count, len(rows)))
    return [(b, a, -1) if label else (a, b, -1) for a, b, label in rows] if question == "none" else rows


def number_rows(tokenizer: WordPiece, rows: Sequence[PairRow], most: int = MOST_TOKENS) -> list[Row]:
    """Sentences to ids, the first `most` of each."""
    ids = tokenizer.encode_bulk([sentence for row in rows for sentence in row[:2]])
    return [(ids[2 * i][:most], ids[2 * i + 1][:most], row[2]) for i, row in enumerate(rows)]


def measure_rows(rows: Sequence[Row]) -> list[int]:
    """The number of tokens of A and B together."""
    return [len(a) + len(b) for a, b, _ in rows]


def train_on_question(start: Start, question: str, seed: int, study: Study | None = None) -> Pretraining:
    """A copy of the start, trained with the joint loss on one of QUESTIONS. New heads for the pairs, by the seed."""
    study = study or Study()
    torch.manual_seed(seed)
    model = Pretraining(start.model.config)  # its pooler and NSP head are new
    own = {name: value for name, value in start.model.state_dict().items() if name.startswith(("bert.", "mlm."))}
    model.load_state_dict(own, strict=False)
    for ours, theirs in zip(model.bert.parameters(), start.model.bert.parameters(), strict=True):
        ours.requires_grad_(theirs.requires_grad)
    rows = number_rows(start.tokenizer, make_question(question, start.learned, study.steps * study.batch_size, seed))
    collate = PretrainingCollate(start.tokenizer)
    config = TrainConfig(steps=study.steps, learning_rate=study.learning_rate, beta2=0.98, seed=seed)
    train(model, Batches(rows, collate, study.batch_size, seed, measure_rows(rows)), config, watch=quiet)
    return model


@torch.no_grad()
def read_pairs(model: Pretraining, tokenizer: WordPiece, rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray, float]:
    """The vector of [CLS] of each row (N, D); the means of A's and of B's vectors (N, 2D); and how alike the vectors of
    two tokens of a row are: their mean cosine."""
    order = np.argsort(measure_rows(rows), kind="stable")
    cls, means = np.empty((len(rows), model.config.hidden_size)), np.empty((len(rows), 2 * model.config.hidden_size))
    cosines, collate = [], PretrainingCollate(tokenizer)
    with eval_mode(model):
        for chosen in np.array_split(order, -(-len(rows) // 50)):
            batch = reveal_words(collate([rows[i] for i in chosen], np.random.default_rng(0)))
            real, segments = batch.get("attention_mask", torch.ones_like(batch["input_ids"])), batch["token_type_ids"]
            hidden = model.bert(batch["input_ids"], segments, real).float()  # (B, T, D)
            sides = [(real * (segments == side))[..., None] for side in (0, 1)]
            means[chosen] = torch.cat([(hidden * side).sum(1) / side.sum(1) for side in sides], -1).numpy()
            cls[chosen] = hidden[:, 0].numpy()
            cosines.append(mean_cosine(hidden, real))
    return cls, means, float(torch.cat(cosines).mean())


def reveal_words(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The batch with every masked word put back."""
    masked = batch["labels"] != IGNORE
    return batch | {"input_ids": torch.where(masked, batch["labels"], batch["input_ids"])}


def mean_cosine(hidden: Tensor, real: Tensor) -> Tensor:
    """The mean cosine of two different real tokens of a row: (B, T, D) and (B, T) -> (B,)."""
    units = F.normalize(hidden, dim=-1) * real[..., None]
    count = real.sum(1)
    return (units.sum(1).square().sum(-1) - count) / (count * (count - 1))


def probe(model: Pretraining, start: Start, question: str, seed: int, study: Study) -> dict[str, float]:
    """How often a logistic regression on fixed vectors answers a question about articles that nobody learned from."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known = number_rows(start.tokenizer, make_question(question, start.learned, study.probe_rows, seed + 100))
    asked = number_rows(start.tokenizer, make_question(question, start.judged, study.judged_rows, seed + 200))
    scores = {}
    known_vectors, asked_vectors = (read_pairs(model, start.tokenizer, rows) for rows in (known, asked))
    for number, name in enumerate(("cls", "means")):
        classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
        classifier.fit(known_vectors[number], [row[2] for row in known])
        scores[name] = round(float(classifier.score(asked_vectors[number], [row[2] for row in asked])), 4)
    return scores | {"cosine": round(asked_vectors[2], 4)}


def judge_question_model(model: Pretraining, start: Start, question: str, seed: int, study: Study) -> dict[str, Any]:
    """Both questions by probe; by the model's own head the question that it learned; and its loss of masked words."""
    results = {asked: probe(model, start, asked, seed, study) for asked in ("NSP", "SOP")}
    if question != "none":
        own = evaluate(model, make_exam(start, question, study, seed), score_pretraining)
        results["own_head"] = round(own["nsp_accuracy"], 4)
    words = evaluate(model, make_exam(start, "none", study), score_pretraining)
    return results | {"mlm_loss": round(words["mlm_loss"], 4)}


def make_exam(start: Start, question: str, study: Study, seed: int = 0) -> Batches:
    """Masked batches of a question about articles to judge by."""
    rows = number_rows(start.tokenizer, make_question(question, start.judged, study.judged_rows, seed + 200))
    return Batches(rows, PretrainingCollate(start.tokenizer), 50, seed=1, shuffle=False)


def score_meaning(question: str, documents: Sequence[Sequence[str]], study: Study, seed: int) -> float:
    """How often MiniLM, untrained, answers by similarity: the half of the pairs whose vectors are nearer is "next"."""
    rows = make_question(question, documents, study.compared_rows, seed + 300)
    tokenizer, encoder = WordPiece.load(sources.minilm()), weights.load("minilm")
    a, b = (embed_texts(encoder, tokenizer, [row[side] for row in rows]) for side in (0, 1))
    cosines, labels = (a * b).sum(1), np.array([row[2] for row in rows])
    return round(float(np.mean((cosines <= np.median(cosines)) == (labels == 1))), 4)


def describe_study(start: Start, study: Study) -> dict[str, Any]:
    """What does not depend on a trained model: the command, the loss of masked words before and without one, and how
    far similarity of meaning gets."""
    batches = make_exam(start, "none", study)
    unigrams = fit_unigram(encode_documents(start.learned, start.tokenizer), len(start.tokenizer))
    return {
        "command": "python -m bertlab.bench.pair_questions data/pair_questions.json",
        "study": vars(study),
        "start_mlm_loss": round(evaluate(start.model, batches, score_pretraining)["mlm_loss"], 4),
        "unigram_mlm_loss": round(score_baseline(unigrams, batches)["mlm_loss"], 4),
        "meaning": {question: [score_meaning(question, start.judged, study, seed) for seed in SEEDS]
                    for question in ("NSP", "topic", "within")},
    }  # fmt: skip


def add_results(file: Path, results: dict[str, Any], runs: dict[str, Any]) -> None:
    """Add to what is in the file by now: another process may have added to it."""
    found = read_json(file) if file.exists() else {}
    write_json(file, found | results | {"runs": dict(sorted((found.get("runs", {}) | runs).items()))})


def main(arguments: list[str], study: Study | None = None) -> None:
    file, study = Path(arguments[0]), study or Study()
    seeds = tuple(map(int, arguments[1:])) or SEEDS
    start = make_start(study)
    done = read_json(file) if file.exists() else {}
    for seed, question in product(seeds, QUESTIONS):
        if (name := f"{question}-{seed}") not in done.get("runs", {}):
            model = train_on_question(start, question, seed, study)
            results = judge_question_model(model, start, question, seed, study)
            print(name, results, flush=True)
            add_results(file, {}, {name: results})
    if "command" not in done and seeds[-1] == SEEDS[-1]:
        add_results(file, describe_study(start, study), {})


if __name__ == "__main__":
    main(sys.argv[1:])
