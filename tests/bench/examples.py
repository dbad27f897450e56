"""Tiny settings, results and texts for the tests of the bench."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from bertlab import weights
from bertlab.bench.curves import LEARNERS
from bertlab.bench.settings import DYNAMIC, OURS, Setting
from bertlab.bench.speed import summarise_rounds
from bertlab.heads import Classifier, Pretraining
from bertlab.masking import PretrainingCollate
from bertlab.model import BertConfig
from bertlab.tasks import PaddingCollate
from bertlab.wordpiece import WordPiece

TINY = BertConfig(vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
                  max_position_embeddings=40, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)  # fmt: skip
TOKENIZER = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(45))])


def make_pair(number: int) -> tuple[list[int], list[int], int]:
    """A row of pre-training: the ids of both segments, and the next-sentence label."""
    rng = np.random.default_rng(number)
    return rng.integers(5, 50, 2 + number % 17).tolist(), rng.integers(5, 50, 2 + number % 11).tolist(), number % 2


PAIRS = [make_pair(number) for number in range(100)]
REVIEWS = [{"input_ids": [2, *first, 3], "labels": label} for first, _, label in PAIRS]


def make_pretraining(folder: Path) -> Setting:
    weights.save(Pretraining(TINY), folder)
    lengths = np.array([len(first) + len(second) + 3 for first, second, _ in PAIRS])
    return Setting("pairs", "pairs of words", Pretraining, folder, PAIRS, lengths, PretrainingCollate(TOKENIZER), 4)


def make_finetuning(folder: Path) -> Setting:
    weights.save(Classifier(TINY, 2), folder)
    lengths = np.array([len(row["input_ids"]) for row in REVIEWS])
    return Setting("reviews", "reviews", Classifier, folder, REVIEWS, lengths, PaddingCollate(0), 4)


def lose_weights(setting: Setting) -> Setting:
    """The setting with a folder that does not exist."""
    return replace(setting, folder=setting.folder / "nowhere")


def write_random_text(folder: Path, documents: int) -> str:
    """Write documents of five sentences of random words; returns the path of the file."""
    rng = np.random.default_rng(0)
    words = [*"abcdefghij", "the", "cat", "dog", "sat", "ran"]
    texts = ["\n".join(" ".join(rng.choice(words, 7)).capitalize() + "." for _ in range(5)) for _ in range(documents)]
    path = folder / "text.txt"
    path.write_text("\n\n".join(texts))
    return str(path)


MACHINE = {"processor": "a chip", "threads": 2, "load": 0.25, "torch": "2", "transformers": "5"}


def make_speeds() -> dict:
    """Ours is three times as fast; a peak of ten useful operations a second."""
    ours = [{"seconds": 1.0, "tokens": 900 + i, "useful_flops": 7.0} for i in (0, 30, 60)]
    theirs = [{"seconds": 3.0, "tokens": 900, "useful_flops": 6.0} for _ in range(3)]
    memory = {"peak_bytes": 500_000_000, "training_bytes": 200_000_000}
    sides = [summarise_rounds(OURS, ours, ours) | memory, summarise_rounds(DYNAMIC, theirs, ours) | memory]
    for side in sides:
        side["utilisation"] = side["useful_flops_per_second"] / 10
    setting = {"name": "a", "title": "pairs, vocabulary $8", "mean_length": 59.4, "longest": 128, "sides": sides}
    config = {"preset": "mini", "batch_size": 32, "dropout": 0.1, "rounds": 3}
    return {"config": config, "machine": MACHINE, "gemm_flops_per_second": 10.0, "settings": [setting, setting]}


def make_curves() -> dict:
    """In 60 seconds ours goes from 4 to 2, the tuned learner from 4 to 3, the published one from 4 up to 5."""
    last_losses = zip(LEARNERS, (2.0, 3.0, 5.0), strict=True)
    learners = [
        {"name": name, "learning_rate": 0.001, "steps": 1200,
         "points": [{"step": i * 600, "seconds": i * 30.0, "mlm_loss": 4 - i * (4 - last) / 2, "mlm_accuracy": 0.25,
                     "ended": i == 2} for i in range(3)]}
        for name, last in last_losses
    ]  # fmt: skip
    plan = {"preset": "tiny", "vocab_size": 4000, "length": 64, "batch_size": 64}
    trials = [{"learning_rate": 0.001, "mlm_loss": 3.25}]
    return {"plan": plan, "machine": MACHINE, "minutes": 1.0, "baselines": {"unigram": 4.5, "bigram": 3.5},
            "tried": trials, "tried_minutes": 0.25, "learners": learners}  # fmt: skip
