"""Training the biLM of notebook 02 on the texts of bertlab-mini, with its tokenizer. Can be stopped and resumed.

python -m bertlab.bench.senses_training FOLDER --seed 0 --steps 500 [--seconds 480]
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from .. import sources, weights
from ..word_vectors.bilm import BiLM, BiLMConfig, make_rows, train_bilm
from ..wordpiece import WordPiece

TEXTS, LENGTH, WIDTH, BATCH = ("sotu", "wiki", "kjv", "web"), 32, 256, 64
SAVE_EVERY = 25


class OutOfTime(Exception):
    """The seconds are over; what was reached is on the disk."""


def read_rows(tokenizer: WordPiece, folder: Path) -> np.ndarray:
    """All texts as rows (N, 32) of ids, each sentence between [CLS] and [SEP]; kept in the folder."""
    file = folder / "rows.npy"
    if not file.exists():
        sentences = [s for name in TEXTS for document in sources.documents(name) for s in document]
        cls, sep = tokenizer.convert_tokens_to_ids(["[CLS]", "[SEP]"])
        np.save(file, make_rows([[cls, *ids, sep] for ids in tokenizer.encode_bulk(sentences)], LENGTH))
    return np.load(file)


def train_run(folder: Path, rows: np.ndarray, config: BiLMConfig, seed: int, steps: int, seconds: float) -> BiLM:
    """The trained biLM of a seed, from the folder or from where its training stopped. Raises OutOfTime."""
    torch.manual_seed(seed)
    model, file, end = BiLM(config), folder / f"bilm-{seed}.pt", time.monotonic() + seconds
    state = torch.load(file, weights_only=True) if file.exists() else None

    def watch(step: int, loss: float, optimizer: torch.optim.Optimizer) -> None:
        done = step + 1
        late = time.monotonic() > end
        if done % SAVE_EVERY == 0 or done == steps or late:
            kept = {"step": done, "loss": loss, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save(kept, file.with_suffix(".part"))
            file.with_suffix(".part").replace(file)
            print(f"seed {seed} step {done} of {steps} loss {loss:.3f}", flush=True)
        if late and done < steps:
            raise OutOfTime

    train_bilm(model, rows, steps, batch_size=BATCH, seed=seed, watch=watch, state=state)
    return model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    tokenizer = WordPiece.load(weights.find_model_folder("bertlab-mini"))
    rows = read_rows(tokenizer, options.folder)
    print(rows.shape, flush=True)
    try:
        train_run(options.folder, rows, BiLMConfig(len(tokenizer), WIDTH), options.seed, options.steps, options.seconds)
    except OutOfTime:
        print("stopped; the same command goes on", flush=True)


if __name__ == "__main__":
    main()
