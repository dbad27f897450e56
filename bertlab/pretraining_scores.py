"""How a pre-trained model is judged: on held-out text, beside two baselines and the model that it came from."""

import math

import numpy as np

from .baselines import Bigram, fit_unigram, score_baseline, score_pretraining
from .batches import Batches
from .corpus import EncodedCorpus
from .failures import doing
from .heads import Pretraining
from .train import evaluate


def thin_batches(batches: Batches, rows: int = 512) -> Batches:
    """Evenly spaced rows of the batches, few enough for evaluations during the training."""
    chosen = np.linspace(0, len(batches.rows) - 1, min(rows, len(batches.rows))).astype(int)
    rows = [batches.rows[int(i)] for i in chosen]
    return Batches(rows, batches.collate, batches.batch_size, batches.seed, shuffle=False)


@doing("judging the model on the held-out documents")
def judge_model(model: Pretraining, exams: dict[str, Batches]) -> dict[str, dict[str, float]]:
    """The scores of the model on each of several held-out texts, by name."""
    return {name: evaluate(model, batches, score_pretraining) for name, batches in exams.items()}


@doing("judging the model on the held-out documents")
def compare_with_baselines(model: Pretraining, text: EncodedCorpus, held_out: Batches) -> dict[str, dict[str, float]]:
    """The scores of the model on held-out batches, and those of two baselines fitted to the training text."""
    V = model.config.vocab_size
    return {
        "model": evaluate(model, held_out, score_pretraining),
        "unigram": score_baseline(fit_unigram(text, V), held_out),
        "bigram": score_baseline(Bigram(text, V), held_out),
    }


def shorten(name: str, most: int = 12) -> str:
    """The end of a path or name that fits into a table."""
    return name if len(name) <= most else "…" + name[1 - most :]


def format_pretraining_results(results: dict) -> str:
    """The results as lines of text: loss, perplexity and accuracy of the model and the baselines on held-out text."""
    rows = [("most frequent word", results["unigram"]), ("word before", results["bigram"])]
    if "from" in results:
        rows.append((f"{shorten(results['from']['model'])}, before", results["from"]["before"]))
    rows.append(("this BERT", results["model"]))
    for moment in ("before", "after") if "general" in results else ():
        rows.append((f"{shorten(results['general']['text'])}, {moment}", results["general"][moment]))
    lines = [f"{'held-out documents':<22}{'MLM loss':>9}{'perplexity':>12}{'MLM right':>11}{'NSP right':>11}"]
    for title, scores in rows:
        nsp = f"{100 * scores['nsp_accuracy']:>10.1f}%" if "nsp_accuracy" in scores else ""
        lines.append(
            f"{title:<22}{scores['mlm_loss']:>9.3f}{math.exp(scores['mlm_loss']):>12,.0f}"
            f"{100 * scores['mlm_accuracy']:>10.1f}%{nsp}"
        )
    return "\n".join(lines)
