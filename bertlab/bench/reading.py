"""Exams for a reader of silver questions: rules that it learned from, rules that it did not, and written questions.

    python -m bertlab.bench.reading FOLDER FILE.json

The rules are cut into two halves (`tasks.split_rules`). A model learns from one half, and is examined on questions of
both, so that every question is answered by a model that knows its rule and by one that does not. Three loops train on
the first half: bertlab's, the Trainer of transformers, and a plain loop. What is not in FOLDER yet is trained; then
FILE.json gets the scores. Notebook 12 shows them.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .. import weights
from ..batches import Batches
from ..files import read_json, write_json
from ..heads import SpanFinder
from ..progress import quiet
from ..tasks import (
    BadRows,
    Question,
    Reading,
    answer_by_overlap,
    answer_f1,
    count_row_tokens,
    draw_questions,
    freeze_layers,
    get_rule,
    make_silver_questions,
    parse_articles,
    read_reading_test,
    resample_interval,
    split_rules,
)
from ..train import TrainConfig, train
from ..weight_names import from_hf_names
from ..wordpiece import WordPiece

SEEDS, LOOPS = (0, 1, 2), ("bertlab", "Trainer", "plain loop")
STEPS, BATCH_SIZE, RATE, FROZEN = 60, 16, 4e-4, 3
SHORT = 50  # most words of the summaries to learn from: a CPU is quick with them
WORDS = (80, 200)  # words of the summaries to be examined on, as in the written test
COUNT = 120  # questions of each silver exam, of which those with an answer count

Exams = dict[str, list[Question]]


# ---- The data --------------------------------------------------------------------------------------------------------


def make_exams() -> tuple[list[list[Question]], Exams]:
    """The questions to learn from, of each half of the rules; and the exams, of questions that have an answer: "0" and
    "1" for the halves, and "written"."""
    data = make_silver_questions()
    halves = split_rules(data.train)
    short = [question for question in data.train if len(question.context.split()) <= SHORT]
    to_learn = [[question for question in short if get_rule(question) in rules] for rules in halves]
    exams = {f"{half}": draw_questions(data.test, rules, WORDS, COUNT) for half, rules in enumerate(halves)}
    exams["written"] = parse_articles(read_reading_test()["data"], BadRows("reading_test.json"))
    return to_learn, {name: [question for question in some if question.answers] for name, some in exams.items()}


def cut_question(question: Question, words: int = 2) -> Question:
    """The same question with its first words alone, such as "When was?"."""
    return question._replace(question=" ".join(question.question.split()[:words]).rstrip("?") + "?")


# ---- Training --------------------------------------------------------------------------------------------------------


def train_ours(folder: Path, task: Reading, rows: Sequence[dict], steps: int, seed: int) -> nn.Module:
    """A reader from the encoder in `folder`, by bertlab's loop."""
    torch.manual_seed(seed)
    model = weights.load(folder, SpanFinder, new_heads=True)
    freeze_layers(model, FROZEN)
    batches = Batches(rows, task.collate, BATCH_SIZE, seed=seed, lengths=count_row_tokens(rows))
    train(model, batches, TrainConfig(steps=steps, learning_rate=RATE, seed=seed), watch=quiet)
    return model


def train_with_transformers(
    folder: Path, task: Reading, rows: Sequence[dict], steps: int, seed: int, fit: Callable
) -> nn.Module:
    """The same with the model, the collator and, by `fit`, a loop of transformers; its weights in our model."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.manual_seed(seed)
    model = transformers.AutoModelForQuestionAnswering.from_pretrained(folder)
    for part in (model.bert.embeddings, *model.bert.encoder.layer[:FROZEN]):
        part.requires_grad_(False)
    names = ("input_ids", "token_type_ids", "start_positions", "end_positions")
    features = [{name: row[name] for name in names} | {"attention_mask": [1] * len(row["input_ids"])} for row in rows]
    collator = transformers.DataCollatorWithPadding(transformers.AutoTokenizer.from_pretrained(folder))
    fit(model.train(), features, collator, steps, seed)
    ours = weights.load(folder, SpanFinder, new_heads=True)
    ours.load_state_dict(from_hf_names(model.state_dict()))
    return ours


def fit_trainer(model: nn.Module, features: list[dict], collator: Callable, steps: int, seed: int) -> None:
    """Train by the Trainer, with our optimizer's settings."""
    import tempfile

    from transformers import PrinterCallback, Trainer, TrainingArguments

    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            folder,
            max_steps=steps,
            per_device_train_batch_size=BATCH_SIZE,
            learning_rate=RATE,
            warmup_steps=0.1,
            weight_decay=0.01,
            adam_epsilon=1e-6,
            train_sampling_strategy="group_by_length",
            seed=seed,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        trainer = Trainer(model, settings, data_collator=collator, train_dataset=features)
        trainer.remove_callback(PrinterCallback)
        trainer.train()


def fit_plainly(model: nn.Module, features: list[dict], collator: Callable, steps: int, seed: int) -> None:
    """Train by a loop of a dozen lines."""
    from transformers import get_linear_schedule_with_warmup

    loader = torch.utils.data.DataLoader(features, BATCH_SIZE, shuffle=True, collate_fn=collator, drop_last=True)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.01, eps=1e-6)
    schedule = get_linear_schedule_with_warmup(optimizer, round(0.1 * steps), steps)
    for batch in islice(chain.from_iterable(repeat(loader)), steps):
        loss = model(**batch).loss
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()


def train_reader(loop: str, folder: Path, task: Reading, rows: Sequence[dict], steps: int, seed: int) -> nn.Module:
    """A reader from the encoder in `folder`, by one of the LOOPS."""
    if loop == "bertlab":
        return train_ours(folder, task, rows, steps, seed)
    fit = {"Trainer": fit_trainer, "plain loop": fit_plainly}[loop]
    return train_with_transformers(folder, task, rows, steps, seed, fit)


# ---- Exams -----------------------------------------------------------------------------------------------------------


def list_runs() -> Iterator[tuple[str, int, int]]:
    """(loop, half of the rules that it learns from, seed) of every run."""
    for seed in SEEDS:
        yield "bertlab", 0, seed
        yield "bertlab", 1, seed
        yield "Trainer", 0, seed
        yield "plain loop", 0, seed


def examine(model: nn.Module, task: Reading, questions: Sequence[Question]) -> list[float]:
    """The F1 of each answer of a model that must give one."""
    said = task.predict(model, questions, threshold=float("inf"))
    expected = map(task.get_answer, questions)
    return [round(answer_f1(one["answer"], true), 4) for one, true in zip(said, expected, strict=True)]


def run_exams(model: nn.Module, task: Reading, exams: Exams, half: int, loop: str) -> dict[str, list[float]]:
    """What `examine` gives for the exams that a run takes: transformers' loops only that of their own rules."""
    if loop != "bertlab":
        return {f"{half}": examine(model, task, exams[f"{half}"])}
    two_words = [cut_question(question) for question in exams[f"{half}"]]
    return {name: examine(model, task, some) for name, some in (exams | {"two words": two_words}).items()}


# ---- The results -----------------------------------------------------------------------------------------------------


def collect_results(exams: Exams, runs: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    """The F1 of each exam for each seed, with the 95% interval over questions, and that of each loop on the first
    half's own rules. `runs` are named "LOOP HALF SEED"."""
    loops = {loop: [average(runs[f"{loop} 0 {seed}"]["0"]) for seed in SEEDS] for loop in LOOPS}
    f1: dict[str, list[np.ndarray]] = {}  # exam -> for each seed the F1 of every question, of both halves
    for seed in SEEDS:
        first, second = (runs[f"bertlab {half} {seed}"] for half in (0, 1))
        for name, values in {
            "known": first["0"] + second["1"],
            "held out": second["0"] + first["1"],
            "two words": first["two words"] + second["two words"],
            "written": first["written"] + second["written"],
        }.items():
            f1.setdefault(name, []).append(np.array(values))
    articles = [question.context for question in exams["written"]] * 2
    summary = {name: summarise(seeds, articles if name == "written" else None) for name, seeds in f1.items()}
    for name in ("held out", "two words"):
        summary[f"known minus {name}"] = summarise([a - b for a, b in zip(f1["known"], f1[name], strict=True)])
    silver, written = exams["0"] + exams["1"], exams["written"]
    overlap = {name: average([answer_f1(answer_by_overlap(question.question, question.context),
                                        Reading.get_answer(question)) for question in some])
               for name, some in (("silver", silver), ("written", written))}  # fmt: skip
    sizes = {name: len(some) for name, some in exams.items()}
    return {"questions": sizes, "f1": summary, "loops": loops, "word_overlap": overlap}


def average(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 4)


def summarise(seeds: Sequence[np.ndarray], groups: Sequence | None = None) -> dict[str, Any]:
    """The mean for each seed, and the 95% interval of their mean over other questions (or groups of questions)."""
    interval = resample_interval(np.mean(seeds, axis=0), groups)
    return {"seeds": [average(one) for one in seeds], "interval": [round(end, 4) for end in interval]}


def main(arguments: list[str]) -> None:
    folder, file = Path(arguments[0]), Path(arguments[1])
    folder.mkdir(parents=True, exist_ok=True)
    to_learn, exams = make_exams()
    origin = weights.find_model_folder("minilm")
    task = Reading(WordPiece.load(origin), length=320)
    rows = [task.make_rows(questions) for questions in to_learn]
    runs = {}
    for loop, half, seed in list_runs():
        name = f"{loop} {half} {seed}"
        kept = folder / f"{name.replace(' ', '-')}.json"
        if not kept.exists():
            print(name, flush=True)
            model = train_reader(loop, origin, task, rows[half], STEPS, seed)
            write_json(kept, run_exams(model, task, exams, half, loop))
        runs[name] = read_json(kept)
    settings = {"steps": STEPS, "batch_size": BATCH_SIZE, "learning_rate": RATE, "frozen": FROZEN, "seeds": list(SEEDS)}
    sizes = {"learned_from": [len(questions) for questions in to_learn]}
    command = {"command": "python -m bertlab.bench.reading FOLDER data/reading.json"}
    write_json(file, command | settings | sizes | collect_results(exams, runs))


if __name__ == "__main__":
    main(sys.argv[1:])
