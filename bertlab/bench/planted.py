"""Which explanations of a classifier are faithful? MiniLM trained with and without planted words, over seeds.

    python -m bertlab.bench.planted FOLDER FILE.json [SEED ...]

trains and measures what is not in FOLDER yet, a file for each seed (0 to 2 if none is named), and writes into FILE.json
what all seeds in FOLDER came to, as means with 95% intervals. Notebook 15 shows it.
"""

import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from .. import saliency, sources
from ..batches import Batches
from ..files import write_json
from ..heads import Classifier
from ..model import attention_maps
from ..progress import quiet
from ..records import read_record
from ..saliency import Batch
from ..train import TrainConfig, train
from ..weights import load
from ..wordpiece import WordPiece

PLANTED = ("zinc", "walnut")  # the word for label 0, the word for label 1; no review has either
SEEDS, PAIRS, LONG, STEPS = range(3), 24, 30, 8
KINDS = {"plain": (), "planted": (), "layer 5 flat": (5,), "all 6 layers flat": range(6)}  # layers without a choice
CONTESTS = ("plain", "planted", "layer 5 flat")  # whose explanations are judged
SIGNED = ("gradient × input", "gradient × (input - mask)", "integrated gradients", "occlusion")
Row = tuple[str, int]  # a sentence and its label


# ---- Sentences -------------------------------------------------------------------------------------------------------


def load_rows() -> tuple[list[Row], list[Row]]:
    """Clear short sentences of film reviews with 1 for praise and 0 for complaint: (to train on, 300 held out)."""
    clear = {text: int(score > 0) for text, score in sources.sentiment("movies") if abs(score) >= 2 and len(text) <= 80}
    rows = list(clear.items())  # a dict keeps each sentence once
    random.Random(0).shuffle(rows)
    return rows[300:], rows[:300]


def insert_word(text: str, word: str, rng: random.Random) -> str:
    """The text with a word at a random place."""
    words = text.split()
    words.insert(rng.randrange(len(words) + 1), word)
    return " ".join(words)


def plant_words(rows: Sequence[Row]) -> list[Row]:
    """The rows, where every second one has one of PLANTED at a random place, and the label of that word."""
    rng, planted = random.Random(0), list(rows)
    for i in range(0, len(rows), 2):
        label = rng.randrange(2)
        planted[i] = (insert_word(rows[i][0], PLANTED[label], rng), label)
    return planted


def make_pairs(rows: Sequence[Row]) -> list[Row]:
    """Two versions of each sentence, with one and with the other of PLANTED at the same place; the word's label."""
    return [(insert_word(text, word, random.Random(i)), label)
            for i, (text, _) in enumerate(rows) for label, word in enumerate(PLANTED)]  # fmt: skip


def delete_another_word(text: str, rng: random.Random) -> str:
    """The text without one word, drawn from those that are not planted."""
    words = text.split()
    del words[rng.choice([i for i, word in enumerate(words) if word not in PLANTED])]
    return " ".join(words)


def make_collate(wordpiece: WordPiece) -> Callable:
    """The function that makes of rows a batch: token ids, padding mask, labels."""

    def collate(rows: Sequence[Row], rng=None) -> Batch:
        ids = [torch.tensor(wordpiece.encode(text).input_ids) for text, _ in rows]
        input_ids = pad_sequence(ids, batch_first=True, padding_value=wordpiece.pad_id)
        mask = (input_ids != wordpiece.pad_id).long()
        return {"input_ids": input_ids, "attention_mask": mask, "labels": torch.tensor([label for _, label in rows])}

    return collate


def read_rows(rows: Sequence[Row], wordpiece: WordPiece) -> tuple[Batch, Tensor, Tensor]:
    """The batch without labels, the labels (B,), and where words are (B, T): no [CLS], [SEP] or [PAD]."""
    batch = make_collate(wordpiece)(rows)
    special = torch.tensor([wordpiece.pad_id, wordpiece.cls_id, wordpiece.sep_id])
    return batch, batch.pop("labels"), ~torch.isin(batch["input_ids"], special)


# ---- A classifier ----------------------------------------------------------------------------------------------------


def fine_tune(model: Classifier, rows: Sequence[Row], wordpiece: WordPiece, seed: int, flat: Sequence[int] = (),
              steps: int = 40) -> Classifier:  # fmt: skip
    """Train the classifier by 8 sentences a step. In the layers `flat` the queries are 0 and stay so: all scores are 0,
    and every token attends to all tokens alike."""
    for layer in flat:
        query = model.bert.layers[layer].attention.query
        for parameter in (query.weight, query.bias):
            nn.init.zeros_(parameter).requires_grad_(False)
    model.bert.embeddings.requires_grad_(False)
    config = TrainConfig(steps=steps, learning_rate=2e-4, seed=seed)
    train(model, Batches(rows, make_collate(wordpiece), 8, seed=seed), config, watch=quiet)
    return model.eval().requires_grad_(False)


# ---- Scores ----------------------------------------------------------------------------------------------------------


def count_words(rows: Sequence[Row], wordpiece: WordPiece) -> Tensor:
    """For each token id: log of how much more often it occurs in sentences of class 1 than in those of class 0: (V,)"""
    counts = Counter((label, i) for text, label in rows for i in set(wordpiece.encode(text).input_ids))
    return torch.tensor([math.log((counts[1, i] + 1) / (counts[0, i] + 1)) for i in range(len(wordpiece))])


def score_all(model: Classifier, batch: Batch, target: Tensor, words: Tensor, counted: Tensor, wordpiece: WordPiece,
              steps: int = STEPS) -> dict[str, Tensor]:  # fmt: skip
    """The scores of all methods and of the baselines that never look at the model: name -> (B, T)."""
    blank = saliency.make_blank_baseline(
        batch["input_ids"], wordpiece.mask_id, (wordpiece.pad_id, wordpiece.cls_id, wordpiece.sep_id)
    )
    scores = saliency.score_tokens(model, batch, target, blank, steps)
    table = model.bert.embeddings.words
    x, x0 = table(batch["input_ids"]), table(blank)
    gradient = saliency.compute_embedding_gradient(model, batch, target, x)
    scores["gradient × (input - mask)"] = (gradient * (x - x0)).sum(-1)
    scores["integrated gradients"] = scores.pop("integrated gradients")  # after the single gradients
    scores["occlusion"] = saliency.occlude_each_token(model, batch, target, words)
    scores["baseline: rarest word"] = batch["input_ids"].float()
    scores["baseline: counting"] = counted[batch["input_ids"]] * (2 * target - 1)[:, None]
    return scores


def find_planted(scores: Tensor, words: Tensor, is_planted: Tensor) -> list[float]:
    """For each sentence, the share of its two versions in which the planted word has the highest score: (N,)."""
    hit = (saliency.select_top_tokens(scores, words, 1) & is_planted).any(1)
    return average_versions(hit)


def average_versions(values: Tensor) -> list[float]:
    """The mean of the two versions of each sentence, which are neighbours: (2 N,) -> N numbers."""
    return [round(number, 5) for number in values.float().view(-1, 2).mean(1).tolist()]


# ---- The last layer's attention, replaced ----------------------------------------------------------------------------


def run_to_last_layer(model: Classifier, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """The input of the last layer (B, T, D), the weights of its [CLS] (B, H, T), and the logits (B, C)."""
    with torch.no_grad(), attention_maps(model) as maps, saliency.capture_layer_input(model) as inputs:
        logits = model(**batch).logits
    return inputs[0], maps[-1][:, :, 0], logits


def finish_with(model: Classifier, hidden: Tensor, weights: Tensor) -> Tensor:
    """The logits (B, C) if [CLS] averages the values of the last layer with these weights (B, H, T)."""
    layer = model.bert.layers[-1]
    values = layer.attention.split_heads(layer.attention.value(hidden))  # (B, H, T, K)
    gathered = (weights[:, :, None] @ values).transpose(1, 2).flatten(-2)  # (B, 1, D)
    x = layer.attention_norm(hidden[:, :1] + layer.attention.output(gathered))
    x = layer.feed_forward_norm(x + layer.feed_forward(x))
    return model.output(model.pooler(x[:, 0]))


def block_tokens(weights: Tensor, blocked: Tensor) -> Tensor:
    """Weights (B, H, T) with 0 at the tokens `blocked` (B, T), the others scaled to sum to 1."""
    kept = weights * ~blocked[:, None]
    return kept / kept.sum(-1, keepdim=True)


def search_other_weights(model: Classifier, batch: Batch, limit: float = 0.1, steps: int = 100) -> tuple[Tensor, ...]:
    """Weights of [CLS] in the last layer as far as possible from the real ones, with the log-odds within `limit`:
    (the share of the attention that has moved (B,), the real weights (B, H, T), the found ones (B, H, T)).

    After Jain and Wallace 2019, section 4.2.2, here by gradient on all heads at once.
    """
    hidden, real_weights, logits = run_to_last_layer(model, batch)
    answer, padded = logits.argmax(1), batch["attention_mask"][:, None] == 0
    before = saliency.log_odds(logits, answer)
    start = torch.randn(real_weights.shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    optimizer = torch.optim.Adam([start], lr=0.1)
    best, moved = real_weights, torch.zeros(len(answer))
    for _ in range(steps):
        other = start.masked_fill(padded, -1e9).softmax(-1)
        distance = (other - real_weights).abs().sum(-1).mean(1) / 2
        change = (saliency.log_odds(finish_with(model, hidden, other), answer) - before).abs()
        better = (change < limit) & (distance > moved)
        moved, best = distance.where(better, moved).detach(), other.where(better[:, None, None], best).detach()
        loss = (5 * (change - limit / 2).clamp(min=0) - distance).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return moved, real_weights, best


# ---- Measurements ----------------------------------------------------------------------------------------------------


class Study:
    """What all seeds share: the sentences, the vocabulary, and the model from which each training starts."""

    def __init__(self, make_model: Callable[[], Classifier], wordpiece: WordPiece, training: Sequence[Row],
                 held_out: Sequence[Row], training_steps: int = 40):  # fmt: skip
        self.make_model, self.wordpiece, self.training_steps = make_model, wordpiece, training_steps
        self.rows = dict.fromkeys(KINDS, plant_words(training)) | {"plain": list(training)}
        self.held_out = held_out
        self.short = [row for row in held_out if len(row[0]) <= 55][:PAIRS]
        self.long = [row for row in held_out if len(row[0].split()) >= 6 and len(row[0]) <= 70][:LONG]
        self.pairs = make_pairs(self.short)
        self.batch, self.target, self.words = read_rows(self.pairs, wordpiece)
        ids = torch.tensor(wordpiece.convert_tokens_to_ids(PLANTED))
        self.is_planted = torch.isin(self.batch["input_ids"], ids)

    def measure_seed(self, seed: int) -> dict[str, dict]:
        """All measurements of the models of one seed: kind -> name -> a number for each sentence, or tables of such."""
        found = {}
        for kind, flat in KINDS.items():
            torch.manual_seed(seed)
            model = fine_tune(self.make_model(), self.rows[kind], self.wordpiece, seed, flat, self.training_steps)
            found[kind] = self.measure_answers(model)
            if kind in CONTESTS:
                found[kind] |= self.measure_recall(model, kind)
            if kind in CONTESTS[:2]:
                found[kind] |= self.measure_attention(model)
            if kind == "plain":
                found["real"], found["real by size"] = self.measure_loss_of_words(model)
        return found

    def classify(self, model: Classifier, rows: Sequence[Row]) -> Tensor:
        return model(**read_rows(rows, self.wordpiece)[0]).logits.argmax(1)

    def measure_answers(self, model: Classifier) -> dict[str, list[float]]:
        """Accuracy on sentences without planted words; which answers follow the planted word in both versions; and
        which answers change when it, or another word, is deleted."""
        labels = torch.tensor([label for _, label in self.held_out])
        answers = self.classify(model, self.pairs)
        obeys = (answers == self.target).view(-1, 2).all(1)
        without = self.classify(model, self.short).repeat_interleave(2)
        other = [(delete_another_word(text, random.Random(i)), label) for i, (text, label) in enumerate(self.pairs)]
        return {"right": (self.classify(model, self.held_out) == labels).float().tolist(),
                "swap": obeys.float().tolist(),
                "without the planted word": average_versions(answers != without),
                "without another word": average_versions(answers != self.classify(model, other))}  # fmt: skip

    def measure_recall(self, model: Classifier, kind: str) -> dict[str, dict[str, list[float]]]:
        """Where the planted word has the highest score, by method; for scores with a sign also by their size."""
        counted = count_words(self.rows[kind], self.wordpiece)
        predicted = model(**self.batch).logits.argmax(1)
        scores = score_all(model, self.batch, predicted, self.words, counted, self.wordpiece)
        by_size = {name: scores[name].abs() for name in SIGNED}
        return {"recall": {name: find_planted(some, self.words, self.is_planted) for name, some in scores.items()},
                "recall by size": {name: find_planted(some, self.words, self.is_planted)
                                   for name, some in by_size.items()}}  # fmt: skip

    def measure_attention(self, model: Classifier) -> dict[str, list[float]]:
        """Which answers change with other weights in the last layer, and how far the weights can be moved."""
        hidden, real_weights, logits = run_to_last_layer(model, self.batch)
        answers, padding = logits.argmax(1), self.batch["attention_mask"][:, None].float()
        flat = (padding / padding.sum(-1, keepdim=True)).expand_as(real_weights)
        draw = torch.rand(self.words.shape, generator=torch.Generator().manual_seed(0))
        another = saliency.select_top_tokens(draw, self.words & ~self.is_planted, 1)
        moved, before, after = search_other_weights(model, self.batch)

        def changed(weights: Tensor) -> list[float]:
            return average_versions(finish_with(model, hidden, weights).argmax(1) != answers)

        def on_planted(weights: Tensor) -> list[float]:
            return average_versions((weights.mean(1) * self.is_planted).sum(1))

        return {"flat": changed(flat), "planted word blocked": changed(block_tokens(real_weights, self.is_planted)),
                "another word blocked": changed(block_tokens(real_weights, another)), "moved": average_versions(moved),
                "on the planted word": on_planted(before),
                "on the planted word, moved": on_planted(after)}  # fmt: skip

    def measure_loss_of_words(self, model: Classifier) -> tuple[dict[str, dict[str, list[float]]], ...]:
        """The probability that is lost without the three words of the highest score, removed in two ways: by method,
        and for scores with a sign once more without it."""
        batch, _, words = read_rows(self.long, self.wordpiece)
        logits = model(**batch).logits
        target = logits.argmax(1)
        whole = saliency.class_probability(logits, target)
        counted = count_words(self.rows["plain"], self.wordpiece)
        scores = score_all(model, batch, target, words, counted, self.wordpiece)
        scores["baseline: random"] = torch.rand(words.shape, generator=torch.Generator().manual_seed(0))

        def remove_top(scores: Mapping[str, Tensor]) -> dict[str, dict[str, list[float]]]:
            found: dict[str, dict[str, list[float]]] = {"masked out of the attention": {}, "[MASK] written over": {}}
            for name, some in scores.items():
                top = saliency.select_top_tokens(some, words, 3)
                ids = batch["input_ids"].masked_fill(top, self.wordpiece.mask_id)
                for way, left in (("masked out of the attention", saliency.classify_without_tokens(model, batch, top)),
                                  ("[MASK] written over", model(**batch | {"input_ids": ids}).logits)):  # fmt: skip
                    lost = whole - saliency.class_probability(left, target)
                    found[way][name] = [round(number, 5) for number in lost.tolist()]
            return found

        return remove_top(scores), remove_top({name: scores[name].abs() for name in (*SIGNED, "baseline: counting")})


# ---- Over seeds ------------------------------------------------------------------------------------------------------


def bootstrap(values: Sequence[Sequence[float]], times: int = 2000) -> list[float]:
    """The mean of values (seeds, sentences) and the ends of its 95% interval: seeds and sentences are drawn again."""
    table, generator = torch.tensor(values), torch.Generator().manual_seed(0)
    seeds = torch.randint(len(table), (times, len(table)), generator=generator)
    sentences = torch.randint(table.size(1), (times, table.size(1)), generator=generator)
    means = torch.stack([table[some][:, others].mean() for some, others in zip(seeds, sentences, strict=True)])
    low, high = means.quantile(torch.tensor([0.025, 0.975])).tolist()
    return [round(number, 4) for number in (table.mean().item(), low, high)]


def summarise(runs: Sequence[dict]) -> dict:
    """Means with intervals of what `measure_seed` found for each seed, in the same places, and three comparisons: the
    difference between each explanation and the counting of words; the same for scores without their sign and attention,
    which never has one; and how much the probability changes, up or down, without the words that no sign has chosen."""

    def walk(tables: Sequence) -> dict | list[float]:
        if isinstance(tables[0], dict):
            return {name: walk([table[name] for table in tables]) for name in tables[0]}
        return bootstrap(tables)

    def stack(part: str, way: str, name: str) -> Tensor:
        return torch.tensor([run[part][way][name] for run in runs])

    def subtract(part: str, baseline: str) -> dict[str, dict[str, list[float]]]:
        return {way: {name: bootstrap((stack(part, way, name) - stack("real", way, baseline)).tolist())
                      for name in table}
                for way, table in runs[0][part].items()}  # fmt: skip

    changes, ahead = {}, {}
    for way, table in runs[0]["real"].items():
        by_size = runs[0]["real by size"][way]
        size = {name: stack("real by size" if name in by_size else "real", way, name).abs() for name in table}
        changes[way] = {name: bootstrap(change.tolist()) for name, change in size.items()}
        ahead[way] = {name: bootstrap((change - size["attention"]).tolist()) for name, change in size.items()}
    return walk(runs) | {"minus counting": subtract("real", "baseline: counting"),
                         "by size, minus attention": subtract("real by size", "attention"),
                         "change by size": changes,
                         "change by size, minus attention": ahead}  # fmt: skip


def draw_results(results: Mapping[str, Mapping[str, Sequence[float]]], *, x: str, chance: float | None = None,
                 title: str = ""):  # fmt: skip  # -> matplotlib's Axes
    """Means with their intervals in percent, a row for each method and a mark for each group: group -> method -> (mean,
    low, high). A line parts the baselines, whose names begin with "baseline", from the methods. The marks are black and
    grey, because blue and orange say for and against where tokens are drawn."""
    from .. import plots

    methods = list(next(iter(results.values())))
    ax = plots.get_ax(None, 6.5, 1.2 + 0.3 * len(methods))
    for number, (group, table) in enumerate(results.items()):
        grey, places = ("0.1", "0.55")[number], [row + 0.26 * number for row in range(len(methods))]
        mean, low, high = ([100 * table[method][i] for method in methods] for i in range(3))
        ax.hlines(places, low, high, color=grey, linewidth=2)
        ax.plot(mean, places, "os"[number], color=grey, markerfacecolor=(grey, "1")[number], label=group)
    if chance is not None:
        ax.axvline(100 * chance, color="0.35", linestyle="--", linewidth=1.2)
    baselines = [row for row, method in enumerate(methods) if method.startswith("baseline")]
    ax.axhline(baselines[0] - 0.42, color="0.75", linewidth=1)
    ax.set_yticks([row + 0.13 for row in range(len(methods))], methods)
    ax.invert_yaxis()
    ax.set(xlabel=x, title=title)
    ax.grid(axis="x", alpha=0.25)
    ax.legend(frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.3, -0.12), ncol=2)
    return ax


def main(arguments: Sequence[str]) -> None:
    folder, file = Path(arguments[0]), Path(arguments[1])
    folder.mkdir(parents=True, exist_ok=True)
    training, held_out = load_rows()
    study = Study(lambda: load("minilm", Classifier, num_labels=2, new_heads=True),
                  WordPiece.load(sources.minilm()), training, held_out)  # fmt: skip
    shares = 1 / study.words.sum(1)
    known = {"command": f"python -m bertlab.bench.planted FOLDER {file}", "sentences": len(study.short),
             "real sentences": len(study.long), "chance": round(shares.mean().item(), 4)}  # fmt: skip
    for seed in map(int, arguments[2:] or SEEDS):
        if not (folder / f"seed-{seed}.json").exists():
            print(f"seed {seed}", flush=True)
            write_json(folder / f"seed-{seed}.json", study.measure_seed(seed))
        runs = [read_record(path) for path in sorted(folder.glob("seed-*.json"))]
        write_json(file, known | {"seeds": len(runs), **summarise(runs)})


if __name__ == "__main__":
    main(sys.argv[1:])
