"""Folders as `finetune` leaves them, for each task, with tiny models of random weights."""

import json
from dataclasses import asdict
from pathlib import Path

import torch

from bertlab import weights
from bertlab.heads import Classifier, SpanFinder, Tagger
from bertlab.model import BertConfig
from bertlab.tasks import TASKS, FinetunePlan, Task
from bertlab.wordpiece import SPECIAL_TOKENS, WordPiece
from bertlab.writing import Writer

WORDS = "the cat dog film sat good bad was ada in rome . ? , who"
TOKENIZER = WordPiece([*SPECIAL_TOKENS, *WORDS.split()])
SMALL = BertConfig(vocab_size=len(TOKENIZER), hidden_size=32, num_hidden_layers=1, num_attention_heads=4,
                   intermediate_size=64, max_position_embeddings=32)  # fmt: skip
HEADS = {
    "classify": lambda: Classifier(SMALL, 2),
    "tag": lambda: Tagger(SMALL, 3),
    "read": lambda: SpanFinder(SMALL),
    "reply": lambda: Classifier(SMALL, 2),
    "write": lambda: Writer(SMALL),
}
SETTINGS = {
    "classify": {"labels": ["neg", "pos"]},
    "tag": {"labels": ["O", "B-PER", "B-LOC"]},
    "read": {"no_answer": False},
}


def make_task(name: str) -> Task:
    """The task of such a run."""
    return TASKS[name].from_plan(FinetunePlan(task=name, train="x", length=16), TOKENIZER, SETTINGS.get(name, {}))


def save_runs(home: Path) -> Path:
    """Make a folder for each task in `home`. The classifier learned from a table with a column `review`."""
    torch.manual_seed(0)
    for name, make_head in HEADS.items():
        weights.save(make_head(), home / name, TOKENIZER, labels=SETTINGS.get(name, {}).get("labels"))
        columns = (("text", "review"), ("label", "stars")) if name == "classify" else ()
        plan = FinetunePlan(task=name, train="a.csv", length=16, columns=columns)
        (home / name / "run.json").write_text(json.dumps({"plan": asdict(plan)} | SETTINGS.get(name, {})))
        (home / name / "results.json").write_text("{}")
    return home
