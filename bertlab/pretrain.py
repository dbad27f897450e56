"""Pre-training from text to a folder: vocabulary, rows, training, and a table beside two baselines.

`python -m bertlab pretrain` calls `pretrain`; notebook 09 takes the same steps one at a time.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import nn

from . import sources, vocabulary, wordpiece
from .baselines import Bigram, fit_unigram, score_baseline, score_pretraining
from .batches import Batches
from .corpus import EncodedCorpus, encode_documents, pair_rows, split_documents
from .files import write_json
from .heads import Pretraining
from .masking import Masking, PretrainingCollate
from .model import PRESETS, Bert, BertConfig, sinusoid_table
from .options import option
from .train import TrainConfig, estimate_steps, evaluate, train

# Peak learning rates for Muon, halved where the width doubles. Those of tiny and mini were tried on held-out text; the
# others follow the rule and are starting points.
PEAK_LEARNING_RATES = {"tiny": 4e-3, "mini": 2e-3, "small": 1e-3, "medium": 1e-3, "base": 7e-4}


@dataclass(frozen=True)
class PretrainPlan:
    """Everything that a run depends on. It is kept in the run's folder as `run.json`, so a run can go on from there.

    The defaults are for minutes on two CPU cores. With hours on a GPU take a larger preset, `vocab_size` 30,000 and
    `length` 128.
    """

    text: tuple[str, ...] = option(("sotu", "wiki"), "named sources, .txt files, folders", "text", metavar="TEXT")
    vocab_size: int = option(4000, "wordpieces to learn", "text")
    length: int = option(64, "tokens a row at most; a model finds its neighbours sooner in short rows", "text")
    times: int = option(1, "go through the text so often, with other pairs each time, before rows come again", "text")
    same_source: bool = option(
        False, "take a random B from the same text as A: its kind alone does not give it away", "text")  # fmt: skip
    held_out: float = option(0.05, "share of the documents to be judged by", "text")
    preset: str = option("tiny", f"size: {', '.join(PRESETS)}", "model", metavar="SIZE")
    unigrams: bool = option(True, "start the MLM bias at zero, not at the log frequencies of the words", "model")
    sinusoids: float = option(
        0.1,
        "start the position table from the sinusoids times N; 0: from random numbers, as Google did",
        "model",
    )
    neighbours: bool = option(
        True,
        "start the heads from random numbers, not at neighbouring tokens (which needs the sinusoids)",
        "model",
    )
    steps: int = option(0, "of training", "training", shown="by --minutes")
    batch_size: int = option(64, "rows a step", "training")
    masked: float = option(0.4, "share of the words to predict while training; judged is always at 15%", "training")
    whole_words: bool = option(False, "mask all pieces of a word or none", "training")
    optimizer: str = option("muon", "for the matrices of the layers: muon, or adamw, for which half the rate is better",
                            "training", metavar="NAME")  # fmt: skip
    learning_rate: float = option(0.0, "at the peak", "training", shown="by the preset")
    weight_decay: float = option(0.01, "of matrices", "training")
    beta2: float = option(0.98, "of the optimizer's average of squared gradients", "training")
    warmup: float = option(0.1, "share of the steps over which the rate rises", "training")
    dropout: float = option(0.0, "while training; text that is seen a few times needs none", "training")
    seed: int = option(0, "of weights, pairs, masks and order", "training")

    def __post_init__(self):
        BertConfig.preset(self.preset, vocab_size=self.vocab_size)  # complains of what cannot be
        Masking(rate=self.masked)
        if not self.text:
            raise ValueError("no text: name a source (python -m bertlab data lists them), a .txt file or a folder")
        TrainConfig(optimizer=self.optimizer)
        if self.times < 1:
            raise ValueError(f"times is {self.times}; the corpus is gone through once at least")
        if self.steps < 0:
            raise ValueError(f"steps is {self.steps}; a run has at least one")


def pretrain(
    plan: PretrainPlan,
    folder: str | Path,
    *,
    minutes: float | None = None,
    resume: bool = False,
    watch: Callable[[dict, dict], None] | None = None,
    say: Callable[[str], None] = print,
) -> dict:
    """Make a BERT in `folder` from text, and return its results (also in `results.json`).

    With `minutes` instead of `plan.steps` the speed is measured first, and the number of steps that follows from it is
    recorded: from then on the run is as reproducible as any other. The minutes are those of the training; reading the
    text and the last evaluation come on top. `resume=True` goes on with the run in `folder`, under the plan that is
    recorded there, or begins it when there is none. The folder then opens in transformers (`config.json`,
    `model.safetensors`, the tokenizer's files); `log.jsonl` is the log.

    Raises FileExistsError when `folder` holds a run and `resume` is False, ValueError when its text has changed.
    """
    from . import weights

    folder = Path(folder)
    recorded = folder / "run.json"
    if recorded.exists() and not resume:
        raise FileExistsError(f"{folder} holds a run already: go on with it (--resume), or name another folder")
    if not recorded.exists() and not (plan.steps or minutes):
        raise ValueError("how long? Give steps or minutes")
    facts = json.loads(recorded.read_text()) if recorded.exists() else None
    if facts:
        plan = PretrainPlan(**{**facts["plan"], "text": tuple(facts["plan"]["text"])})
        say(f"going on with the run in {folder.name}: {plan.steps:,} steps")
    folder.mkdir(parents=True, exist_ok=True)

    training, judged, kinds = split_plan_documents(plan)
    pieces = wordpiece.WordPiece.load(folder) if facts else learn_and_save_vocabulary(training, plan, folder)
    text, test = encode_documents(training, pieces), encode_documents(judged, pieces)
    say(
        f"{len(text):,} documents of {len(text.ids):,} wordpieces to learn from, "
        f"{len(test):,} of {len(test.ids):,} held out; vocabulary {len(pieces.vocab):,}"
    )
    fingerprint = sha256(text.ids.tobytes() + test.ids.tobytes()).hexdigest()
    if facts and facts["text_sha256"] != fingerprint:
        raise ValueError(f"the text is not the one that the run in {folder} began with: give it back, or start anew")

    collate = PretrainingCollate(pieces, Masking(rate=plan.masked, whole_words=plan.whole_words))
    rows = pair_rows(text, plan.length, seed=plan.seed, times=plan.times, kinds=select_kinds(kinds[0], text, plan))
    batches = Batches(rows, collate, plan.batch_size, seed=plan.seed, lengths=rows.lengths)
    held_out = make_held_out_batches(test, pieces, plan, kinds[1])
    model = make_pretraining_model(plan, pieces, text)
    config = make_pretraining_config(plan)
    if not plan.steps:
        config = replace(config, steps=estimate_steps(minutes, model, batches, config))
        plan = replace(plan, steps=config.steps)
        say(f"{minutes:g} minutes are {plan.steps:,} steps of {plan.batch_size} rows on this machine")
    config = replace(
        config, steps=plan.steps, evaluate_every=max(1, plan.steps // 10), log_every=max(1, plan.steps // 100)
    )
    if not facts:
        write_json(recorded, {"plan": asdict(plan), "text_sha256": fingerprint})

    few = thin_batches(held_out)
    log = train(
        model,
        batches,
        config,
        evaluate=lambda m: evaluate(m, few, score_pretraining),
        folder=folder,
        resume=resume,
        watch=watch,
    )
    results = {
        "model": evaluate(model, held_out, score_pretraining),
        "unigram": score_baseline(fit_unigram(text, len(pieces.vocab)), held_out),
        "bigram": score_baseline(Bigram(text, len(pieces.vocab)), held_out),
        "steps": plan.steps,
        "tokens": log[-1]["tokens"],
    }
    weights.save(model, folder, pieces)
    write_json(folder / "results.json", results)
    return results


def read_documents_and_groups(names: Sequence[str]) -> tuple[list[list[str]], list[str]]:
    """The documents of all named texts, and the group of each: what one group holds is never on both sides of a split.

    A chapter of the Bible is one group in both translations; any other document is a group of its own.
    """
    found = read_named_documents(names)
    return [document for _, document, _ in found], [group for _, _, group in found]


def read_named_documents(names: Sequence[str]) -> list[tuple[str, list[str], str]]:
    """The same as one list of (name of the text, document, group)."""
    found = []
    for name in names:
        bible = str(name) in ("kjv", "web")
        for number, document in enumerate(sources.documents(name)):
            found.append((str(name), document, f"bible {number}" if bible else "\n".join(document)))
    return found


def split_plan_documents(plan: PretrainPlan) -> tuple[list[list[str]], list[list[str]], tuple[list[str], list[str]]]:
    """The documents to learn from, those held out, and of both the names of the texts that they are from."""
    found = read_named_documents(plan.text)
    training, judged = split_documents(
        found, plan.held_out, seed=0, groups=[group for _, _, group in found], at_least=2
    )
    return (
        [d for _, d, _ in training],
        [d for _, d, _ in judged],
        ([n for n, _, _ in training], [n for n, _, _ in judged]),
    )


def select_kinds(kinds: Sequence[str] | None, text: EncodedCorpus, plan: PretrainPlan) -> list[str] | None:
    """The kinds that `pair_rows` heeds under this plan, for the documents that hold a wordpiece."""
    return [kinds[number] for number in text.numbers] if kinds and plan.same_source else None


def learn_and_save_vocabulary(
    documents: Sequence[Sequence[str]], plan: PretrainPlan, folder: Path
) -> wordpiece.WordPiece:
    """Learn the vocabulary from the training documents, and save it: a resumed run takes it from the folder."""
    pieces = vocabulary.learn_vocabulary((sentence for d in documents for sentence in d), plan.vocab_size)
    pieces.save(folder)
    return pieces


def make_pretraining_model(plan: PretrainPlan, pieces: wordpiece.WordPiece, text: EncodedCorpus) -> Pretraining:
    """A BERT of random weights, from the plan's seed."""
    config = BertConfig.preset(
        plan.preset,
        vocab_size=len(pieces.vocab),
        max_position_embeddings=max(plan.length, 128),
        hidden_dropout_prob=plan.dropout,
        attention_probs_dropout_prob=plan.dropout,
        pad_token_id=pieces.pad_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(plan.seed)
        model = Pretraining(config)
        if plan.sinusoids:
            table = model.bert.embeddings.positions.weight
            with torch.no_grad():
                table.copy_(plan.sinusoids * sinusoid_table(*table.shape))
            if plan.neighbours:
                start_heads_at_neighbours(model.bert)
    if plan.unigrams:
        model.start_from_unigrams(torch.from_numpy(text.counts(len(pieces.vocab))))
    return model


@torch.no_grad()
def start_heads_at_neighbours(bert: Bert) -> None:
    """Start the heads of the first half of the layers at the words beside: the first head of each at the one before,
    the second at the one behind, then -2, +2, and so on from the front. In all layers a head passes on what it sees.

    What the first heads of a trained BERT do is written down here instead of searched for, which takes a small model
    most of its minutes. It needs positions that start from the sinusoids (`sinusoid_table` of model.py): there, a shift
    by o tokens turns each pair of columns (sin, cos) by the angle o * w, with w the pair's frequency (Vaswani et al.
    2017, section 3.5). Keys read the fastest pairs as they stand, queries read them turned by the head's offset o, so
    that the score of token i for token j is highest at j = i + o. The heads of the later layers keep their random
    queries and keys, and so begin by looking at all words alike, which is what the next-sentence question needs. Value
    and output start as an orthogonal matrix and its transpose, in the manner of the mimetic initialisation of Trockman
    and Kolter (2023). This is a start and no more: every weight is learned from there, and the model is a BERT like
    any other.
    """
    D, H = bert.config.hidden_size, bert.config.num_attention_heads
    sines = torch.arange(0, D // H - 1, 2)  # the columns with a sine that fit into a head; the cosine is the next one
    frequency = 10_000 ** (-sines / D)
    for number, layer in enumerate(bert.layers):
        attention = layer.attention
        nn.init.orthogonal_(attention.value.weight)
        attention.output.weight.copy_(attention.value.weight.T)
        if 2 * number >= len(bert.layers):
            continue
        for head in range(H):
            angle = frequency * (head // 2 % 2 + 1) * (-1 if head % 2 == 0 else 1)
            row = head * (D // H) + sines  # where the head's pairs go: rows of the weights are outputs, columns inputs
            for weights, turn in ((attention.key.weight, torch.zeros_like(angle)), (attention.query.weight, angle)):
                weights[row, sines] += turn.cos()
                weights[row, sines + 1] += turn.sin()
                weights[row + 1, sines] -= turn.sin()
                weights[row + 1, sines + 1] += turn.cos()


def make_pretraining_config(plan: PretrainPlan) -> TrainConfig:
    """The plan's part that the loop needs to know."""
    return TrainConfig(
        steps=max(1, plan.steps),
        optimizer=plan.optimizer,
        learning_rate=plan.learning_rate or PEAK_LEARNING_RATES[plan.preset],
        warmup=plan.warmup,
        weight_decay=plan.weight_decay,
        beta2=plan.beta2,
        seed=plan.seed,
    )


# Judging


def make_held_out_batches(
    test: EncodedCorpus, pieces: wordpiece.WordPiece, plan: PretrainPlan, kinds: Sequence[str] | None = None
) -> Batches:
    """The held-out documents with 15% masked, the same words in every run, whatever was done in training.

    `kinds` names the text of each document; a plan with `same_source` draws random Bs by it.
    """
    rows = pair_rows(test, plan.length, seed=1, kinds=select_kinds(kinds, test, plan))
    return Batches(rows, PretrainingCollate(pieces), plan.batch_size, seed=1, shuffle=False)


def thin_batches(batches: Batches, rows: int = 512) -> Batches:
    """A spread of the rows, small enough to be judged while training."""
    chosen = np.linspace(0, len(batches.rows) - 1, min(rows, len(batches.rows))).astype(int)
    part = [batches.rows[int(i)] for i in chosen]
    return Batches(part, batches.collate, batches.batch_size, batches.seed, shuffle=False)


def format_pretraining_results(results: dict) -> str:
    """The results as lines of text: loss, perplexity and accuracy on held-out documents, beside the baselines."""
    lines = [f"{'held-out documents':<22}{'MLM loss':>9}{'perplexity':>12}{'MLM right':>11}{'NSP right':>11}"]
    for name, title in (("unigram", "most frequent word"), ("bigram", "word before"), ("model", "this BERT")):
        found = results[name]
        nsp = f"{100 * found['nsp_accuracy']:>10.1f}%" if "nsp_accuracy" in found else ""
        lines.append(
            f"{title:<22}{found['mlm_loss']:>9.3f}{math.exp(found['mlm_loss']):>12,.0f}"
            f"{100 * found['mlm_accuracy']:>10.1f}%{nsp}"
        )
    return "\n".join(lines)


# Using


@torch.no_grad()
def fill_masks(
    model: Pretraining, pieces: wordpiece.WordPiece, text: str, top: int = 5
) -> list[list[tuple[str, float]]]:
    """For each [MASK] in `text` the `top` most probable pieces, with their probabilities.

    Raises ValueError for a text without [MASK], or longer than the model's positions.
    """
    if "[MASK]" not in text:
        raise ValueError("the text has no [MASK]: write [MASK] where a word is missing")
    encoded = pieces.encode(text)
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    try:
        ids = torch.tensor([encoded.input_ids], device=device)
        logits = model(ids).mlm_logits[0]  # (T, V)
    finally:
        model.train(training)
    probabilities, words = logits[ids[0] == pieces.mask_id].float().softmax(-1).topk(min(top, len(pieces.vocab)))
    return [
        [(pieces.vocab[w], p) for p, w in zip(row, some, strict=True)]
        for row, some in zip(probabilities.tolist(), words.tolist(), strict=True)
    ]
