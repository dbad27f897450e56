"""Makes data/bertlab-mini from a finished run of `python -m bertlab pretrain`, and prints the numbers of its card.

    python .ci/ship.py runs/mini

The weights are stored in half precision, and what is stored is what is judged: each source's held-out documents
apart, beside a unigram and a bigram table of the same training text. `results.json`, `log.jsonl` and `curve.png` go
beside the model; the card (README.md) is written by hand.
"""

import json
import shutil
import sys
from dataclasses import asdict, replace
from pathlib import Path

import matplotlib
import torch

from bertlab import baselines, corpus, plots, pretrain, sources, weights
from bertlab.heads import Pretraining
from bertlab.run_folder import read_recorded_plan
from bertlab.train import evaluate
from bertlab.wordpiece import WordPiece

NAMES = {"sotu": "speeches", "wiki": "Wikipedia", "kjv": "King James Bible", "web": "World English Bible"}


def ship(run: Path, folder: Path) -> dict:
    """Store the run's model in `folder`; return its results, by source and over all."""
    recorded = read_recorded_plan(run, pretrain.PretrainPlan, text_sha256=str)
    plan = recorded["plan"]
    pieces = WordPiece.load(run)
    weights.save(cut(weights.load(run, Pretraining), plan.length), folder, pieces, dtype=torch.float16)
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    settings["dtype"] = "float32"  # stored as half, computed in single: transformers heeds this
    (folder / "config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")

    model = weights.load(folder, Pretraining)
    training, judged, (_, names) = pretrain.split_plan_documents(plan)
    text, V = corpus.encode_documents(training, pieces), len(pieces.vocab)
    guesses = {"unigram": baselines.fit_unigram(text, V), "bigram": baselines.Bigram(text, V)}
    results = {"run": asdict(plan), "text_sha256": recorded["text_sha256"], "held_out": {}}
    for name in (*plan.text, "all", "all, B from any text"):
        some = [number for number, other in enumerate(names) if name.startswith("all") or other == name]
        test = corpus.encode_documents([judged[number] for number in some], pieces)
        kinds = None if "any" in name else [names[number] for number in some]
        batches = pretrain.make_held_out_batches(test, pieces, plan, kinds)
        found = {who: baselines.score_baseline(guess, batches) for who, guess in guesses.items()}
        found["model"] = evaluate(model, batches, baselines.score_pretraining)
        results["held_out"][name] = {"documents": len(some), "rows": len(batches.rows), **found}
    return results


def cut(model: Pretraining, length: int) -> Pretraining:
    """The model with its trained positions alone: nothing is known of those behind the longest row."""
    shorter = Pretraining(replace(model.config, max_position_embeddings=length))
    kept = model.state_dict()
    kept["bert.embeddings.positions.weight"] = kept["bert.embeddings.positions.weight"][:length]
    shorter.load_state_dict(kept)
    return shorter


def table(results: dict) -> str:
    """The card's table, in markdown."""
    titles = (
        "held out",
        "documents",
        "unigrams",
        "bigrams",
        "bertlab-mini",
        "words right",
        "pairs right (commoner answer)",
    )
    lines = ["| " + " | ".join(titles) + " |", "|---|---:|---:|---:|---:|---:|---:|"]
    for name, found in results["held_out"].items():
        model, unigram, bigram = found["model"], found["unigram"], found["bigram"]
        lines.append(
            f"| {NAMES.get(name, name)} | {found['documents']} | {unigram['mlm_loss']:.2f} | {bigram['mlm_loss']:.2f} "
            f"| {model['mlm_loss']:.2f} | {100 * model['mlm_accuracy']:.1f}% "
            f"| {100 * model['nsp_accuracy']:.1f}% ({100 * unigram['nsp_accuracy']:.1f}%) |"
        )
    return "\n".join(lines)


def curve(log: list[dict], results: dict, file: Path) -> None:
    """The log as a picture, with the levels of the two tables."""
    levels = {who: results["held_out"]["all"][who]["mlm_loss"] for who in ("unigram", "bigram")}
    axes = plots.draw_training_log([row for row in log if "mlm_loss" in row], levels)
    axes[0].set(ylabel="held-out loss of hidden words (nats)")
    axes[0].figure.savefig(file, dpi=100)


if __name__ == "__main__":
    matplotlib.use("agg")
    run, folder = Path(sys.argv[1]), sources.data_folder() / "bertlab-mini"
    results = ship(run, folder)
    shutil.copy(run / "log.jsonl", folder)
    curve(
        [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()],
        results,
        folder / "curve.png",
    )
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(results))
