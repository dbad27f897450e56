"""Five ways to make a writer of one BERT, for the same number of steps on the same pairs of verses, over seeds.

    python -m bertlab.bench.writers FOLDER FILE.json

trains what is not in FOLDER yet, one JSON file a run, and writes what came out. Notebook 13 shows it. After the file
may stand the seeds to train now.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import weights
from ..batches import IGNORE, Batches
from ..files import read_json, write_json
from ..heads import Pretraining
from ..masked_writing import append_masks, hide_targets, mask_predict
from ..progress import quiet
from ..tasks import EncoderDecoderCollate, Split, TextPair, Writing, bootstrap_scores, count_row_tokens, load_bibles
from ..train import TrainConfig, train
from ..wordpiece import WordPiece
from ..writing import Writer, writing_mask

SEEDS = (0, 1, 2)
UNILM_RATE = 0.7  # of the target that UniLM hides in fine-tuning (Dong et al. 2019, section 3.1)


@dataclass(frozen=True)
class Setting:
    """What all ways share."""

    folder: Path  # the model that they start from
    length: int = 48  # tokens of a row; source and target have half of it each
    steps: int = 300
    batch_size: int = 16
    learning_rate: float = 1e-3
    judged: int = 300  # pairs drawn from the test


class PrefixCollate:
    """Rows of `Writing` to batches of a prefix language model: the mask of the writer, and labels one ahead. With
    `leak` the source attends to the target as well, which it must not."""

    def __init__(self, collate: Callable, leak: bool = False):
        self.collate, self.leak = collate, leak

    def __call__(self, rows: Sequence[dict], rng: np.random.Generator | None = None) -> dict[str, Tensor]:
        batch = self.collate(rows)
        types, real = batch["token_type_ids"], batch.get("attention_mask", torch.ones_like(batch["input_ids"]))
        mask = writing_mask(types, real)
        if self.leak:
            mask = mask | ((types == 0)[:, :, None] & real.bool()[:, None, :])
        ahead = nn.functional.pad(batch["labels"][:, 1:], (0, 1), value=IGNORE)
        return batch | {"attention_mask": mask, "labels": ahead}


class MaskedCollate:
    """Rows of `Writing` to batches in which target tokens are hidden: UniLM's, with its mask, or mask-predict's."""

    def __init__(self, task: Writing, unilm: bool):
        self.task, self.unilm = task, unilm

    def __call__(self, rows: Sequence[dict], rng: np.random.Generator) -> dict[str, Tensor]:
        tokenizer, batch = self.task.tokenizer, self.task.collate(rows)
        if not self.unilm:
            return hide_targets(batch, tokenizer.mask_id, rng, end=tokenizer.sep_id)
        mask = writing_mask(batch["token_type_ids"], batch.get("attention_mask"))
        return hide_targets(batch, tokenizer.mask_id, rng, rate=UNILM_RATE) | {"attention_mask": mask}


def load_start(setting: Setting) -> Pretraining:
    """The model in the setting's folder, with its masked-word head alone."""
    model = weights.load(setting.folder, Pretraining)
    model.drop_next_sentence(keep_pooler=False)
    return model


def make_writer(model: Pretraining) -> Writer:
    """The same weights as a `Writer`, which keeps what it has computed while it writes."""
    writer = Writer(model.config)
    writer.load_state_dict({name: tensor for name, tensor in model.state_dict().items() if name.split(".")[0] != "nsp"})
    return writer.eval()


def make_bert2bert(setting: Setting, tokenizer: WordPiece, seed: int) -> nn.Module:
    """transformers' encoder with a decoder, both from the setting's folder; the cross-attention is random."""
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(seed)
    model = transformers.EncoderDecoderModel.from_encoder_decoder_pretrained(setting.folder, setting.folder)
    model.config.decoder_start_token_id, model.config.pad_token_id = tokenizer.cls_id, tokenizer.pad_id
    return model


# ---- Writing -----------------------------------------------------------------------------------------------


def fit_length(pairs: Sequence[TextPair], tokenizer: WordPiece) -> np.ndarray:
    """(slope, start): the line that gives the number of target tokens from that of the source's, by least squares."""
    sizes = [[len(ids) for ids in tokenizer.encode_bulk(list(side))] for side in zip(*pairs, strict=True)]
    return np.polyfit(*sizes, 1)


def write_in_order(task: Writing, write: Callable, pairs: Sequence[TextPair], rows: int) -> list[str]:
    """Texts for the sources, written by `write(list of ids, numbers)` for those of one length, `rows` at a time."""
    ids, texts = task.encode_sources(pairs), [""] * len(pairs)
    order = sorted(range(len(ids)), key=lambda number: len(ids[number]))
    while order:
        size = len(ids[order[0]])
        chosen = [number for number in order[:rows] if len(ids[number]) == size]
        for number, written in zip(chosen, write([ids[number] for number in chosen], chosen), strict=True):
            texts[number] = task.tokenizer.decode(written)
        order = order[len(chosen) :]
    return texts


def write_by_appending(model: Pretraining, task: Writing, pairs: Sequence[TextPair]) -> list[str]:
    """UniLM's way."""
    tokenizer, most = task.tokenizer, task.length // 2

    def write(sources: list[list[int]], _numbers: list[int]) -> list[list[int]]:
        return append_masks(
            model, sources, mask_id=tokenizer.mask_id, end=tokenizer.sep_id, max_tokens=most, never=task.never
        )

    return write_in_order(task, write, pairs, 64)


def write_by_mask_predict(
    model: Pretraining, task: Writing, pairs: Sequence[TextPair], line: np.ndarray | None, steps: int, around: int
) -> list[str]:
    """Mask-predict, with the lengths of the `line` of `fit_length`, or the true ones."""
    tokenizer = task.tokenizer
    never = [*task.never, tokenizer.sep_id]
    true = [len(ids) for ids in tokenizer.encode_bulk([pair.target for pair in pairs])]

    def write(sources: list[list[int]], numbers: list[int]) -> list[list[int]]:
        if line is None:
            lengths = [true[number] for number in numbers]
        else:
            lengths = [max(1, round(float(np.polyval(line, len(ids) - 2)))) for ids in sources]
        return mask_predict(model, sources, lengths, mask_id=tokenizer.mask_id, end=tokenizer.sep_id, never=never,
                            steps=steps, around=around)  # fmt: skip

    return write_in_order(task, write, pairs, 64)


def write_with_bert2bert(model: nn.Module, task: Writing, pairs: Sequence[TextPair]) -> list[str]:
    """Greedy texts by transformers' own `generate`."""
    tokenizer, collate, texts = task.tokenizer, EncoderDecoderCollate(task.tokenizer.pad_id), []
    for start in range(0, len(pairs), 64):
        batch = collate(task.make_rows(pairs[start : start + 64]))
        del batch["labels"]
        ids = model.eval().generate(**batch, max_new_tokens=task.length // 2, do_sample=False,
                                    eos_token_id=tokenizer.sep_id, pad_token_id=tokenizer.pad_id,
                                    decoder_start_token_id=tokenizer.cls_id)  # fmt: skip
        special = (tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id)
        texts += [tokenizer.decode([word for word in row if word not in special]) for row in ids.tolist()]
    return texts


# ---- One run -----------------------------------------------------------------------------------------------

Texts = dict[str, list[str]]  # name of a way to write -> a text for each pair of the test


def write_all(way: str, model: nn.Module, task: Writing, data: Split) -> Texts:
    """What a trained model writes, in each manner that is compared."""
    if way == "append":
        return {way: write_by_appending(model, task, data.test)}
    if way == "bert2bert":
        return {way: write_with_bert2bert(model, task, data.test)}
    if way == "mask-predict":
        line = fit_length(data.train, task.tokenizer)
        manners = {"1 round": (line, 1, 1), "4 rounds": (line, 4, 1), "4 rounds, true length": (None, 4, 0)}
        return {f"{way}, {name}": write_by_mask_predict(model, task, data.test, *how) for name, how in manners.items()}
    return {way: [one["text"] for one in task.predict(make_writer(model), data.test)]}


def load_pairs(setting: Setting, task: Writing) -> Split:
    """The verses of which nothing has to be cut; of the test those that are drawn."""
    train_side, dev, test = (task.keep_whole(side) for side in load_bibles())
    drawn = np.random.default_rng(0).permutation(len(test))[: setting.judged]
    return Split(train_side, dev, [test[i] for i in drawn])


def run_way(way: str, seed: int, setting: Setting, task: Writing, data: Split, rate: float = 0.0) -> dict[str, Any]:
    """Train one writer, let it write, and score what it wrote."""
    collate: Callable = {
        "append": MaskedCollate(task, unilm=True),
        "mask-predict": MaskedCollate(task, unilm=False),
        "bert2bert": EncoderDecoderCollate(task.tokenizer.pad_id),
    }.get(way, PrefixCollate(task.collate, leak=way == "leak"))
    if way == "bert2bert":
        model = make_bert2bert(setting, task.tokenizer, seed)
    else:
        model = load_start(setting)
    if way == "random weights":
        torch.manual_seed(seed)
        model.apply(model.bert.init_weights)
    rows = task.make_rows(data.train)
    batches = Batches(rows, collate, setting.batch_size, seed=seed, lengths=count_row_tokens(rows))
    config = TrainConfig(steps=setting.steps, learning_rate=rate or setting.learning_rate, seed=seed)
    begun = time.process_time()
    log = train(model, batches, config, watch=quiet)
    seconds = time.process_time() - begun
    wanted = [pair.target.lower() for pair in data.test]
    copied = bootstrap_scores([pair.source.lower() for pair in data.test], wanted)
    found = {}
    for name, texts in write_all(way, model, task, data).items():
        drawn = bootstrap_scores([text.lower() for text in texts], wanted)
        above = {metric: [float(q) for q in np.percentile(drawn[metric] - copied[metric], [2.5, 97.5])]
                 for metric in drawn}  # fmt: skip
        found[name] = {"scores": task.score_texts(data.test, texts), "above_copy": above, "texts": texts[:20]}
    return {"seconds": seconds, "loss": log[-1]["loss"], "ways": found}


# ---- All runs ----------------------------------------------------------------------------------------------

RUNS: list[tuple[str, float, tuple[int, ...]]] = [  # way, learning rate (0: the setting's), seeds
    ("prefix", 0.0, SEEDS),
    ("random weights", 0.0, SEEDS),
    ("leak", 0.0, SEEDS[:1]),
    ("append", 0.0, SEEDS),
    ("mask-predict", 0.0, SEEDS),
    ("bert2bert", 0.0, SEEDS),
    ("bert2bert", 3e-4, SEEDS[:1]),
]


def name_run(way: str, rate: float, seed: int) -> str:
    return f"{way.replace(' ', '-')}{f'-{rate:g}' if rate else ''}-{seed}"


def rounded(what: Any) -> Any:
    """The same with numbers of two digits after the point."""
    if isinstance(what, dict):
        return {name: rounded(value) for name, value in what.items()}
    if isinstance(what, list):
        return [rounded(value) for value in what]
    return round(what, 2) if isinstance(what, float) else what


def collect_results(folder: Path, setting: Setting, task: Writing, data: Split) -> dict[str, Any]:
    """The numbers of the runs in the folder, a list with one for each seed that has ended."""
    found: dict[str, Any] = {}
    for way, rate, seeds in RUNS:
        for seed in seeds:
            file = folder / f"{name_run(way, rate, seed)}.json"
            run = read_json(file) if file.exists() else {"ways": {}}
            for name, result in run["ways"].items():
                name = f"{name}, rate {rate:g}" if rate else name
                entry = found.setdefault(name, {"seeds": [], "seconds": [], "loss": [], "above_copy": []})
                entry["seeds"].append(seed)
                for key in ("seconds", "loss"):
                    entry[key].append(run[key])
                entry["above_copy"].append(result["above_copy"])
                for metric, value in result["scores"].items():
                    entry.setdefault(metric, []).append(value)
    rows = {name: len(side) for name, side in data._asdict().items()}
    told = {"length": setting.length, "steps": setting.steps, "batch_size": setting.batch_size,
            "learning_rate": setting.learning_rate}  # fmt: skip
    return {"command": "python -m bertlab.bench.writers FOLDER data/writers.json", "rows": rows, **told,
            "baselines": rounded(task.score_baselines(data.train, data.test)), "ways": rounded(found)}  # fmt: skip


def main(arguments: list[str]) -> None:
    folder, file = Path(arguments[0]), Path(arguments[1])
    folder.mkdir(parents=True, exist_ok=True)
    setting = Setting(weights.find_model_folder("bertlab-mini"))
    task = Writing(WordPiece.load(setting.folder), length=setting.length)
    data = load_pairs(setting, task)
    for seed in map(int, arguments[2:] or SEEDS):
        for way, rate, seeds in RUNS:
            name = name_run(way, rate, seed)
            if seed in seeds and not (folder / f"{name}.json").exists():
                print(name, flush=True)
                write_json(folder / f"{name}.json", run_way(way, seed, setting, task, data, rate))
                write_json(file, collect_results(folder, setting, task, data))


if __name__ == "__main__":
    main(sys.argv[1:])
