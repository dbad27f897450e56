"""How much to hide, how much to predict, and what to put there: small BERTs judged at [MASK] and by frozen vectors.

    python -m bertlab.bench.masking_rates data/masking.json

trains what is not in the file yet, one run after the other, and adds each to it when it has ended. A run is a way of
masking and a seed. Every way reads the same text in the same number of steps; see `WAYS`. Notebook 07 shows the file.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .. import sources
from ..baselines import Bigram, TwoSidedBigram, fit_unigram, score_baseline, score_pretraining
from ..batches import IGNORE, Batches
from ..corpus import EncodedCorpus, Row, encode_documents, pair_rows, split_documents
from ..files import read_json, write_json
from ..first_weights import start_heads_at_neighbours
from ..heads import Pretraining
from ..masking import Masking, PretrainingCollate
from ..model import BertConfig, make_sinusoid_table
from ..pretraining_scores import thin_batches
from ..progress import quiet
from ..train import TrainConfig, evaluate, train
from ..vocabulary import learn_vocabulary
from ..wordpiece import WordPiece
from .joined_words import (
    PAIRS,
    JoinedWords,
    find_pairs,
    join_words,
    make_joined_words,
    probe_model,
    score_probe_baselines,
)


@dataclass(frozen=True)
class Study:
    """What all runs share. The defaults are those of data/masking.json; the tests take less."""

    text: str = "kjv"
    vocab_size: int = 1000
    length: int = 16  # tokens of a row
    hidden_size: int = 64
    steps: int = 1200
    plain_steps: int = 2400  # of the runs that look for the end of the plateau
    batch_size: int = 64
    learning_rate: float = 3e-3  # Muon's, at the peak
    exam_rows: int = 1500
    pairs: tuple[tuple[str, str], ...] = PAIRS  # of joined words
    fit: int = 200  # occurrences of each word for the probe, and to choose its penalty
    choose: int = 50
    seeds: tuple[int, ...] = (0, 1, 2)


@dataclass(frozen=True)
class Way:
    """A way to make the batches. The corruption rate is the share of the words that are hidden in what the model reads,
    the prediction rate the share that its loss asks for (Wettig et al. 2023).

    Where `predicted` is below `corrupted`, some hidden words have no label. Where it is above, each row is read as
    several copies in which other words are hidden, so that a step costs more. `plain` is a BERT with random weights
    that AdamW trains at `rate`, as published; the others have the head start of notebook 07.
    """

    corrupted: float
    predicted: float
    mask: float = 0.8
    random: float = 0.1
    plain: bool = False
    rate: float = 0.0


WAYS = {
    "20% hidden, 20% predicted": Way(0.2, 0.2),
    "40% hidden, 40% predicted": Way(0.4, 0.4),
    "40% hidden, 20% predicted": Way(0.4, 0.2),
    "20% hidden, 40% predicted": Way(0.2, 0.4),
    "20%, only [MASK]": Way(0.2, 0.2, 1.0, 0.0),
    "40%, only [MASK]": Way(0.4, 0.4, 1.0, 0.0),
}
PLAIN_WAYS = {f"plain, rate {rate:g}": Way(0.15, 0.15, plain=True, rate=rate) for rate in (5e-4, 1e-3, 2e-3)}
CURVE_ROWS = 400  # of the exam, for the curves
EXAMS = {"at [MASK]": (1.0, 0.0), "as it was": (0.0, 0.0), "random word": (0.0, 1.0)}  # shares of [MASK] and of random


class SplitCollate:
    """Rows to a batch whose corruption rate and prediction rate may differ, see `Way`."""

    def __init__(self, tokenizer: WordPiece, way: Way):
        self.parts = round(max(way.corrupted, way.predicted) / min(way.corrupted, way.predicted))
        self.way = way
        rate = max(way.corrupted, way.predicted)
        self.collate = PretrainingCollate(tokenizer, Masking(rate, way.mask, way.random))

    def __call__(self, rows: Sequence[Row], rng: np.random.Generator) -> dict[str, Tensor]:
        batch = self.collate(rows, rng)
        if self.parts == 1:
            return batch
        labels, hidden = batch["labels"], batch["input_ids"]
        part = divide_labels(labels.numpy(), self.parts, rng)  # (B, T)
        if self.way.predicted < self.way.corrupted:
            return batch | {"labels": labels.where(part == 0, IGNORE)}
        words = torch.where(labels == IGNORE, hidden, labels)
        copies = {"input_ids": [], "labels": []}
        for number in range(self.parts):
            copies["input_ids"].append(hidden.where(part == number, words))
            copies["labels"].append(labels.where(part == number, IGNORE))
        others = {name: torch.cat([tensor] * self.parts) for name, tensor in batch.items() if name not in copies}
        return others | {name: torch.cat(tensors) for name, tensors in copies.items()}


def divide_labels(labels: np.ndarray, parts: int, rng: np.random.Generator) -> Tensor:
    """Divide the labels of each row into parts of equal size, by chance: (B, T) -> (B, T), -1 where there is none."""
    keys = rng.random(labels.shape)
    keys[labels == IGNORE] = 2
    rank = keys.argsort(axis=1).argsort(axis=1)
    return torch.from_numpy(np.where(labels == IGNORE, -1, rank % parts))


class Inputs(NamedTuple):
    """What all runs of a study read."""

    tokenizer: WordPiece
    text: EncodedCorpus
    rows: list[Row]
    exams: dict[str, Batches]
    joined: JoinedWords


def make_inputs(study: Study) -> Inputs:
    """The text with its joined words, its vocabulary and rows, the exams on held-out documents, and the occurrences of
    the joined words."""
    training, held_out = split_documents(sources.documents(study.text))
    tokenizer = learn_vocabulary((sentence for document in training for sentence in document), study.vocab_size)
    text, test = encode_documents(training, tokenizer), encode_documents(held_out, tokenizer)
    pairs = find_pairs(tokenizer, study.pairs)
    full, full_test = (cut_full_rows(part, tokenizer, study.length) for part in (text, test))
    rows, test_rows = ([(row, [], -1) for row in join_words(part[:, 1:-1], pairs)] for part in (full, full_test))
    exams = {}
    for name, (mask, random) in EXAMS.items():
        collate = PretrainingCollate(tokenizer, Masking(0.15, mask, random))
        exams[name] = thin_batches(Batches(test_rows, collate, 128, seed=1, shuffle=False), study.exam_rows)
    joined = make_joined_words(pairs, full, full_test, study.fit, study.choose)
    return Inputs(tokenizer, replace(text, ids=join_words(text.ids, pairs)), rows, exams, joined)


def cut_full_rows(text: EncodedCorpus, tokenizer: WordPiece, length: int) -> np.ndarray:
    """The text cut into rows of `length` tokens with [CLS] and [SEP]: (N, T). What is left of a document is dropped, so
    that no row needs padding."""
    rows = pair_rows(text, length, seed=0, pairs="none", short=0.0)
    full = np.array([rows[int(number)][0] for number in np.flatnonzero(rows.lengths == length)], np.int64)
    ends = ((0, 0), (tokenizer.cls_id, tokenizer.sep_id))
    return np.pad(full, ((0, 0), (1, 1)), constant_values=ends)


def make_model(study: Study, inputs: Inputs, way: Way, seed: int) -> Pretraining:
    """A BERT of two layers with random weights, as published or with the head start."""
    config = BertConfig(
        vocab_size=len(inputs.tokenizer), hidden_size=study.hidden_size, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=4 * study.hidden_size, max_position_embeddings=study.length, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, pad_token_id=inputs.tokenizer.pad_id,
        initializer_range=0.02 if way.plain else 0.03,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Pretraining(config)
        model.drop_next_sentence(keep_pooler=False)
        if not way.plain:
            with torch.no_grad():
                model.bert.embeddings.positions.weight.copy_(0.1 * make_sinusoid_table(study.length, study.hidden_size))
            start_heads_at_neighbours(model.bert)
            model.start_from_unigrams(torch.from_numpy(inputs.text.count_ids(len(inputs.tokenizer))))
    return model


def run_way(study: Study, inputs: Inputs, name: str, seed: int) -> dict[str, Any]:
    """Train a model, and return its curve, its scores in the exams, and the shares that its probes part rightly."""
    way = (WAYS | PLAIN_WAYS)[name]
    model, started = make_model(study, inputs, way, seed), time.perf_counter()
    steps = study.plain_steps if way.plain else study.steps
    config = TrainConfig(steps=steps, optimizer="muon", learning_rate=study.learning_rate, beta2=0.98, precision="no",
                         seed=seed, evaluate_every=max(1, study.steps // 12))  # fmt: skip
    if way.plain:
        config = replace(config, optimizer="adamw", learning_rate=way.rate, beta2=0.999)
    batches = Batches(inputs.rows, SplitCollate(inputs.tokenizer, way), study.batch_size, seed=seed)
    few = thin_batches(inputs.exams["at [MASK]"], CURVE_ROWS)
    log = train(model, batches, config, watch=quiet, evaluate=lambda model: evaluate(model, few, score_pretraining))
    seconds = time.perf_counter() - started
    exams = {exam: evaluate(model, batches, score_pretraining) for exam, batches in inputs.exams.items()}
    return {"way": name, "seed": seed, "steps": steps, "seconds": round(seconds),
            "curve": [[row["step"], round(row["mlm_loss"], 3)] for row in log if "mlm_loss" in row],
            "exams": {exam: {key: round(value, 4) for key, value in scores.items()} for exam, scores in exams.items()},
            "probe": {} if way.plain else probe_model(model.bert, inputs.joined)}  # fmt: skip


def score_baselines(study: Study, inputs: Inputs) -> dict[str, Any]:
    """What takes no training: frequencies and neighbours in the exam and on the rows of the curves; for the probe also
    models before training."""
    text, V, exam = inputs.text, len(inputs.tokenizer), inputs.exams["at [MASK]"]
    found = {}
    for name, rows in (("exam", exam), ("curve", thin_batches(exam, CURVE_ROWS))):
        guesses = {"frequencies": fit_unigram(text, V), "word before": Bigram(text, V)}
        scores = {guess: score_baseline(table, rows) for guess, table in guesses.items()}
        scores["both neighbours"] = TwoSidedBigram(text, V).score(rows)
        found[name] = {guess: {key: round(value, 4) for key, value in row.items()} for guess, row in scores.items()}
    untrained = [probe_model(make_model(study, inputs, WAYS["20% hidden, 20% predicted"], seed).bert, inputs.joined)
                 for seed in study.seeds]  # fmt: skip
    return found | {"probe": score_probe_baselines(inputs.joined), "untrained": untrained}


def list_runs(study: Study) -> list[tuple[str, int]]:
    """(way, seed) in the order in which they are trained: every way once, then again with the next seed."""
    plain = [(name, study.seeds[0]) for name in PLAIN_WAYS]
    return plain + [(name, seed) for seed in study.seeds for name in WAYS]


def run_study(file: Path, study: Study, only: str = "", seeds: Sequence[int] = ()) -> dict[str, Any]:
    """Train what is missing in the file, and add it. `only` selects by a part of the name: ways, or "baselines"."""
    settings = json.loads(json.dumps(asdict(study)))  # with lists for tuples, as in the file
    kept = read_json(file) if file.exists() else {"runs": []}
    if kept.get("settings", settings) != settings:
        raise ValueError(f"{file} was made with other settings: {kept['settings']}")
    inputs = make_inputs(study)
    kept |= {"command": "python -m bertlab.bench.masking_rates data/masking.json", "settings": settings,
             "made": f"torch {torch.__version__.partition('+')[0]} on one CPU thread"}  # fmt: skip
    if "baselines" not in kept and only in "baselines":
        kept["baselines"] = score_baselines(study, inputs)
        write_json(file, kept)
    done = {(run["way"], run["seed"]) for run in kept["runs"]}
    for name, seed in list_runs(study):
        if (name, seed) not in done and only in name and (not seeds or seed in seeds):
            kept["runs"].append(run_way(study, inputs, name, seed))
            print(name, seed, kept["runs"][-1]["seconds"], kept["runs"][-1]["exams"]["at [MASK]"], flush=True)
            write_json(file, kept)
    return kept


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path, help="the record that is made or gone on with")
    parser.add_argument("--only", default="", help="only the ways whose name has this part, or baselines")
    parser.add_argument("--seeds", type=int, nargs="*", default=(), help="only these seeds")
    options = parser.parse_args(arguments)
    run_study(options.file, Study(), options.only, options.seeds)


if __name__ == "__main__":
    main()
