"""Train a BERT of MiniLM's size from random weights on notebook 00's sentences, into data/scratch.json.

    python .ci/record_scratch.py

Notebook 00 trains a small one. This one takes too long for a lesson: it shows that more parameters do not help.
"""

import json
import random
from pathlib import Path

import torch
from torch.nn.utils.rnn import pad_sequence

import bertlab
from bertlab import Batches, Classifier, TrainConfig, WordPiece, sources
from bertlab.files import write_json
from bertlab.progress import quiet
from bertlab.train import evaluate, train

TARGET = Path(__file__).parent.parent / "data" / "scratch.json"
STEPS, RATE, SIZE, EVERY = 160, 1e-4, 32, 20
TOKENIZER = WordPiece.load(sources.minilm())


def collate(rows: list[tuple[str, int]], rng: object) -> dict[str, torch.Tensor]:
    ids = [torch.tensor(TOKENIZER.encode(text).input_ids) for text, _ in rows]
    input_ids = pad_sequence(ids, batch_first=True, padding_value=TOKENIZER.pad_id)
    mask = (input_ids != TOKENIZER.pad_id).long()
    return {"input_ids": input_ids, "attention_mask": mask, "labels": torch.tensor([label for _, label in rows])}


def count_right(output: object, batch: dict[str, torch.Tensor]) -> dict[str, tuple]:
    return {"accuracy": ((output.logits.argmax(dim=-1) == batch["labels"]).sum(), len(batch["labels"]))}


def train_from_scratch(held_out: list, pool: list, seed: int) -> list[dict]:
    """The log of a model that starts at random, with the held-out accuracy every `EVERY` steps."""
    config = bertlab.load("minilm", Classifier, num_labels=2, new_heads=True).config
    torch.manual_seed(seed)
    model = Classifier(config, num_labels=2)
    batches = Batches(random.Random(seed).sample(pool, 320), collate, SIZE, seed=seed)
    exam = Batches(held_out, collate, 100, shuffle=False)
    settings = TrainConfig(steps=STEPS, learning_rate=RATE, seed=seed, log_every=EVERY, evaluate_every=EVERY)
    log = train(model, batches, settings, evaluate=lambda m: evaluate(m, exam, count_right), watch=quiet)
    return [{name: round(value, 4) for name, value in row.items()} for row in log]


def main() -> None:
    snippets = sources.sentiment("movies")
    clear = {text: int(score > 0) for text, score in snippets if abs(score) >= 2 and len(text) <= 80}
    rows = list(clear.items())
    random.Random(0).shuffle(rows)  # the split of notebook 00
    held_out, pool = sorted(rows[:300], key=lambda row: len(row[0])), rows[300:]
    found = {"command": "python .ci/record_scratch.py", "seeds": [0, 1, 2], "steps": STEPS, "learning_rate": RATE}
    found["batch_size"] = SIZE
    found["logs"] = [train_from_scratch(held_out, pool, seed) for seed in found["seeds"]]
    write_json(TARGET, found)
    print(json.dumps([log[-1] for log in found["logs"]]))


if __name__ == "__main__":
    main()
