"""Which vectors tell the senses of a word apart? All methods of notebook 02 on one exam, kept in data/senses.json.

    python -m bertlab.bench.senses_training FOLDER --seed 0 --steps 500
    python -m bertlab.bench.senses data/senses.json FOLDER [static | bilm | encoders]

The first command trains the biLM (about ten minutes of one core), the second judges everything (about three), or one
part. gensim's skip-gram is judged where gensim is installed, and kept from the file otherwise.
"""

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from .. import sources, weights
from ..files import read_json, write_json
from ..model import Bert
from ..word_vectors.bilm import BiLM, BiLMConfig
from ..word_vectors.sense_scores import (
    SenseExam,
    SenseScore,
    compute_layer_mix,
    learn_layer_mix,
    list_layer_vectors,
    list_neighbour_vectors,
    make_sense_exam,
)
from ..word_vectors.senses import Usage
from ..word_vectors.skipgram import SkipGramConfig, encode_words, list_vocabulary, split_into_words, train_skipgram
from ..word_vectors.usage_vectors import compute_bert_states, compute_overlap, read_usages
from ..word_vectors.word_questions import list_synonym_questions, score_synonyms
from ..wordpiece import WordPiece
from .senses_training import BATCH, LENGTH

COMMAND = "python -m bertlab.bench.senses data/senses.json FOLDER"
TEXTS = ("sotu", "wiki")  # of skip-gram
COMMON = 150  # the most frequent words, which do not count as overlap
SHUFFLES = (0, 1, 2)


def shuffle_other_words(usage: Usage, rng: np.random.Generator) -> Usage:
    """The usage with the words around its word in a random order; the word stays where it is."""
    before, word, after = usage.text[: usage.start], usage.text[usage.start : usage.end], usage.text[usage.end :]
    left, right = before.split(), after.split()
    others = [*left, *right]
    mixed = [others[i] for i in rng.permutation(len(others))]
    start = " ".join(mixed[: len(left)])
    start = f"{start} " if start else ""
    return Usage(f"{start}{word} {' '.join(mixed[len(left) :])}".rstrip(), len(start), len(start) + len(word))


class Judge:
    """Judges vectors one after the other and keeps the rows of the table."""

    def __init__(self, exam: SenseExam):
        self.exam, self.rows = exam, []

    def add(self, name: str, settings: str, score: SenseScore) -> None:
        rounded = {key: round_numbers(value) for key, value in asdict(score).items()}
        self.rows.append({"name": name, "settings": settings, **rounded})
        print(f"{name:32} {settings:40} test {score.test:.3f} labelled {score.labelled}", flush=True)

    def add_best(self, name: str, candidates: dict[str, np.ndarray]) -> str:
        """Add the best of several settings on the development pairs, and return its settings."""
        best, score = self.exam.judge_best(candidates)
        self.add(name, best, score)
        return best

    def add_encoder(self, name: str, compute_states: Callable, tokenizer: WordPiece) -> str:
        """Add the best layer, each layer, and the learned mix of layers of an encoder."""
        states = read_usages(compute_states, tokenizer, self.exam.usages)
        best = self.add_best(f"{name}, best layer", list_layer_vectors(self.exam, states))
        for number, vectors in enumerate(states):
            self.add(f"{name}, layer {number}", "as it is", self.exam.judge(vectors))
        unit = states / np.linalg.norm(states, axis=-1, keepdims=True)
        mix = learn_layer_mix(self.exam, unit)
        shares = ", ".join(f"{share:.2f}" for share in mix.softmax(0).tolist())
        self.add(
            f"{name}, learned mix", shares, self.exam.judge(compute_layer_mix(torch.from_numpy(unit), mix).numpy())
        )
        return best


def round_numbers(value):
    """Four digits for numbers and pairs of numbers; None stays."""
    if isinstance(value, tuple):
        return [round(part, 4) for part in value]
    return None if value is None else round(value, 4)


def judge_static_vectors(judge: Judge) -> dict:
    """Overlap, GloVe and our skip-gram on the exam; and what static vectors know of synonyms."""
    words, vectors = sources.glove()
    common = set(words[:COMMON])
    for name, left_out in (("overlap, all words", set()), ("overlap, without common words", common)):
        scores = np.array([compute_overlap(pair, left_out) for pair in judge.exam.pairs])
        judge.add(name, "", judge.exam.judge_cosines(scores))
    forms = np.array([float(pair.first.form == pair.second.form) for pair in judge.exam.pairs])
    judge.add("the same form of the word", "", judge.exam.judge_cosines(forms))
    judge.add_best("GloVe of the neighbours", list_neighbour_vectors(judge.exam, words, vectors))
    sentences = split_into_words([s for name in TEXTS for document in sources.documents(name) for s in document])
    config = SkipGramConfig()
    known, counts = list_vocabulary(sentences, config.least_count)
    trained = train_skipgram(*encode_words(sentences, known), counts, config)
    judge.add_best("skip-gram of the neighbours", list_neighbour_vectors(judge.exam, known, trained))
    index, questions = {word: number for number, word in enumerate(words)}, list_synonym_questions(known)
    glove = np.array([vectors[index[word]] if word in index else vectors[0] * 0 for word in known])
    random = np.random.default_rng(0).normal(size=trained.shape)
    shares = {"GloVe 6B": glove, "ours": trained, "random": random, **train_gensim(sentences, known, config)}
    synonyms = {name: round(score_synonyms(table, questions), 4) for name, table in shares.items()}
    return {"questions": len(questions), "words": len(known), **synonyms}


def train_gensim(sentences: list[list[str]], words: list[str], config: SkipGramConfig) -> dict[str, np.ndarray]:
    """gensim's skip-gram with our settings and with its own number of epochs, or nothing where it is not installed."""
    try:
        from gensim.models import Word2Vec
    except ImportError:
        return {}
    found = {}
    for epochs in (config.epochs, 5):
        model = Word2Vec(
            sentences,
            vector_size=config.width,
            window=config.window,
            negative=config.negatives,
            sg=1,
            min_count=config.least_count,
            sample=config.subsample,
            epochs=epochs,
            workers=1,
            seed=1,
        )
        found[f"gensim, epochs {epochs}"] = np.array([model.wv[word] for word in words])
    return found


def judge_bilm(judge: Judge, folder: Path) -> None:
    """The biLM of each seed that the folder holds."""
    tokenizer = WordPiece.load(weights.find_model_folder("bertlab-mini"))
    for file in sorted(folder.glob("bilm-*.pt")):
        state = torch.load(file, weights_only=True)
        model = BiLM(BiLMConfig(len(tokenizer))).eval()
        model.load_state_dict(state["model"])
        name = f"biLM, seed {file.stem.removeprefix('bilm-')}"
        judge.add_encoder(name, lambda ids, model=model: model(ids), tokenizer)


def judge_encoders(judge: Judge) -> None:
    """Random weights, bertlab-mini, MiniLM, and MiniLM with the other words shuffled."""
    mini = weights.find_model_folder("bertlab-mini")
    tokenizer, bert = WordPiece.load(mini), weights.load(mini, Bert).eval()
    for seed in SHUFFLES:
        torch.manual_seed(seed)
        untrained = Bert(bert.config).eval()
        states = read_usages(lambda ids, bert=untrained: compute_bert_states(bert, ids), tokenizer, judge.exam.usages)
        judge.add_best(f"untrained BERT, seed {seed}", list_layer_vectors(judge.exam, states))
    judge.add_encoder("bertlab-mini", lambda ids: compute_bert_states(bert, ids), tokenizer)
    minilm = weights.load(sources.minilm(), Bert).eval()
    tokenizer = WordPiece.load(sources.minilm())
    compute = lambda ids: compute_bert_states(minilm, ids)  # noqa: E731
    best = judge.add_encoder("MiniLM", compute, tokenizer)
    layer = int(best.split(",")[0].split()[-1])
    whole = read_usages(compute, tokenizer, judge.exam.usages, whole=True)[-1]
    judge.add_best("MiniLM, whole sentence", {"last layer": whole, "last layer, centred": judge.exam.centre(whole)})
    for seed in SHUFFLES:
        rng = np.random.default_rng(seed)
        mixed = read_usages(compute, tokenizer, [shuffle_other_words(usage, rng) for usage in judge.exam.usages])[layer]
        vectors = judge.exam.centre(mixed) if "centred" in best else mixed
        judge.add(f"MiniLM, words shuffled, seed {seed}", best, judge.exam.judge(vectors))


def main(arguments: list[str]) -> None:
    file, folder, part = Path(arguments[0]), Path(arguments[1]), arguments[2] if len(arguments) > 2 else ""
    judge = Judge(make_sense_exam())
    kept = read_json(file) if file.exists() else {"synonyms": {}, "bilm": {}, "scores": []}
    if part in ("", "static"):
        kept["synonyms"] |= judge_static_vectors(judge)
    if part in ("", "bilm"):
        judge_bilm(judge, folder)
        kept["bilm"] = describe_training(folder)
    if part in ("", "encoders"):
        judge_encoders(judge)
    counts = {"dev": int(judge.exam.is_dev.sum()), "test": int((~judge.exam.is_dev).sum()),
              "checked": int(judge.exam.is_checked.sum()), "labelled": len(judge.exam.labelled_places)}  # fmt: skip
    judged = {row["name"] for row in judge.rows}
    rows = [row for row in kept["scores"] if row["name"] not in judged] + judge.rows
    write_json(file, {"command": COMMAND, "pairs": counts, **kept, "scores": rows})


def describe_training(folder: Path) -> dict:
    """What the biLMs of a folder read, and the loss of their last batch (nats a token)."""
    states = [torch.load(file, weights_only=True) for file in sorted(folder.glob("bilm-*.pt"))]
    return {"steps": states[0]["step"], "tokens": states[0]["step"] * BATCH * LENGTH,
            "loss": [round(state["loss"], 3) for state in states]}  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
