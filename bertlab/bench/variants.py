"""What came after BERT, at one budget of operations: held-out loss, minimal pairs, and tagging after fine-tuning.

    python -m bertlab.bench.variants FOLDER FILE.json [VARIANT ...]

trains what is not in FOLDER yet, for the variants that are named or for all of `VARIANTS`. A variant is trained with
seed 9 at each of its rates, for half a budget; at the best of these it is then trained with seeds 0, 1 and 2, which
alone are reported. So the seed that chose the rate is not judged. Each run is a file in FOLDER, so the study may be
stopped at any moment and goes on with the next run. FILE.json is written after each variant; where it is there already,
its variants are not trained again, even in an empty FOLDER. Notebook 17 shows it.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .. import variants
from ..batches import Batches
from ..files import read_json, write_json
from ..first_weights import start_heads_at_neighbours
from ..heads import Pretraining
from ..masking import Masking, PretrainingCollate
from ..model import BertConfig, make_sinusoid_table
from ..optim import make_optimizer
from ..train import TrainConfig
from .machine import describe_machine
from .variants_inputs import Inputs, Study, make_inputs
from .variants_runs import count_forward_flops, count_step_flops, judge_model, run_steps

CHOOSING = 9  # the seed of the trials
JUDGED = ("mlm_loss", "mlm_accuracy", "own_loss", "grammar", "tagging", "curve", "seconds")  # one for each seed
ADAMW, MUON, LAMB = (1e-3, 2e-3, 4e-3), (2e-3, 4e-3, 8e-3), (2.5e-3, 5e-3, 1e-2)
LOWER, HIGHER = (5e-4, *ADAMW), (*ADAMW, 8e-3)  # where the best of the three was the lowest or the highest
Change = Callable[[Pretraining], None]


def make_rotary_with_start(model: Pretraining) -> None:
    variants.make_rotary(model.bert)
    variants.start_rotary_heads_at_neighbours(model.bert)


def make_modern(model: Pretraining) -> None:
    """ModernBERT's three: rotary positions, gated feed-forward, pre-norm."""
    make_rotary_with_start(model)
    variants.gate_feed_forward(model.bert)
    variants.move_norms_before(model.bert)


def make_albert(model: Pretraining) -> None:
    variants.factorise_embeddings(model, model.config.hidden_size // 2)
    variants.share_layers(model.bert)


@dataclass(frozen=True)
class Variant:
    """One way to make a BERT. The defaults are those of "bert", with which all others are compared."""

    title: str
    rates: tuple[float, ...] = ADAMW
    changes: tuple[Change, ...] = ()
    optimizer: str = "adamw"  # or muon, lamb
    objective: str = "masked"  # or replaced, hybrid, distilled
    pairs: bool = False  # rows of two segments, and NSP
    masked: float = 0.4
    masks: str = "dynamic"
    times: int = 1  # how often a part of the text is read; 1: other rows all the time
    size: tuple[int, int] | None = None  # (layers, width) where it is not the study's
    budget: float = 1.0  # of the study's
    start: bool = True  # from sinusoids and heads at neighbours, as in notebook 09
    seeds: tuple[int, ...] = (0, 1, 2)
    free_teacher: bool = False  # the teacher's operations are not counted, as if its answers had been kept


VARIANTS = {
    "bert": Variant("BERT: masked words, AdamW"),
    "plain start": Variant("random start, as published", start=False),
    "rope": Variant("RoPE", HIGHER, (make_rotary_with_start,)),
    "geglu": Variant("GeGLU", changes=(lambda model: variants.gate_feed_forward(model.bert),)),
    "pre-norm": Variant("pre-norm", changes=(lambda model: variants.move_norms_before(model.bert),)),
    "modern": Variant("RoPE, GeGLU and pre-norm", HIGHER, (make_modern,)),
    "masked 15%": Variant("15% masked, not 40%", LOWER, masked=0.15),
    "nsp": Variant("with pairs and NSP", pairs=True),
    "static": Variant("the same text 8 times, static masks", masks="static", times=8),
    "dynamic": Variant("the same text 8 times, new masks", HIGHER, times=8),
    "electra": Variant("ELECTRA: replaced tokens", objective="replaced"),
    "hybrid": Variant("1 of 16 rows causal (GPT-BERT)", LOWER, objective="hybrid"),
    "shared": Variant("shared layers", changes=(lambda model: variants.share_layers(model.bert),)),
    "small embeddings": Variant(
        "embeddings of half the width",
        LOWER,
        changes=(lambda model: variants.factorise_embeddings(model, model.config.hidden_size // 2),),
    ),
    "albert": Variant("ALBERT: shared layers, small embeddings", changes=(make_albert,)),
    "teacher": Variant("2x128, 4 budgets", ADAMW[:1], size=(2, 128), budget=4, seeds=(0,)),
    "distilled": Variant("distilled from a larger BERT", HIGHER, objective="distilled"),
    "distilled, free": Variant("distilled, teacher not counted", HIGHER, objective="distilled", free_teacher=True),
    "muon": Variant("Muon, not AdamW", MUON, optimizer="muon"),
    "lamb": Variant("LAMB, not AdamW", LAMB, optimizer="lamb"),
    "modern, muon": Variant("RoPE, GeGLU, pre-norm and Muon", (*MUON, 1.6e-2), (make_modern,), "muon"),
}


# ---- One run ---------------------------------------------------------------------------------------------------------


def make_plain_model(study: Study, inputs: Inputs, variant: Variant, layers: int = 0) -> Pretraining:
    """The BERT that a variant changes, from torch's random state."""
    depth, width = variant.size or (study.layers, study.width)
    config = BertConfig(
        vocab_size=len(inputs.tokenizer), hidden_size=width, num_hidden_layers=layers or depth,
        num_attention_heads=max(2, width // 64), intermediate_size=4 * width, max_position_embeddings=study.length,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, pad_token_id=inputs.tokenizer.pad_id,
    )  # fmt: skip
    model = (variants.NextTokenPretraining if variant.objective == "hybrid" else Pretraining)(config)
    if not variant.pairs:
        model.drop_next_sentence(keep_pooler=False)
    if variant.start:
        with torch.no_grad():
            model.bert.embeddings.positions.weight.copy_(0.1 * make_sinusoid_table(study.length, width))
        start_heads_at_neighbours(model.bert)
    model.start_from_unigrams(inputs.counts)
    return model


def make_model(study: Study, inputs: Inputs, variant: Variant, seed: int, folder: Path) -> nn.Module:
    """The model of a variant with random weights; a student gets the teacher that lies in the folder."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = make_plain_model(study, inputs, variant)
        for change in variant.changes:
            change(model)
        if variant.objective == "replaced":
            return variants.Electra(make_plain_model(study, inputs, variant, layers=1), model)
        if variant.objective == "distilled":
            teacher = make_plain_model(study, inputs, VARIANTS["teacher"])
            teacher.load_state_dict(torch.load(folder / "teacher.pt", weights_only=True))
            return variants.Distilled(model, teacher)
    return model


def make_batches(study: Study, inputs: Inputs, variant: Variant, seed: int, steps: int) -> Batches:
    """The batches of a variant: masked, and whatever else it asks for."""
    collate = PretrainingCollate(inputs.tokenizer, Masking(variant.masked))
    if variant.masks == "static":
        collate = variants.StaticCollate(collate)
    if variant.objective == "hybrid":
        collate = variants.HybridCollate(collate, study.batch_size // 16)
    rows = inputs.pairs if variant.pairs else inputs.rows
    if variant.times > 1:  # the part that so many steps read so often
        rows = [rows[number] for number in range(0, max(study.batch_size, steps * study.batch_size // variant.times))]
    return Batches(rows, collate, study.batch_size, seed=seed)


def choose_optimizer(model: nn.Module, variant: Variant, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW or Muon, as in bertlab, or LAMB for the same groups."""
    optimizer = make_optimizer(model, config)
    if variant.optimizer == "lamb":
        return variants.Lamb(optimizer.param_groups, config.learning_rate, (config.beta1, config.beta2), config.epsilon)
    return optimizer


def run_variant(study: Study, inputs: Inputs, name: str, rate: float, seed: int, folder: Path) -> dict[str, Any]:
    """Train a variant for its budget, and judge it; a trial only by its own loss on held-out text."""
    variant, started = VARIANTS[name], time.perf_counter()

    def make(steps: int) -> tuple[nn.Module, torch.optim.Optimizer, Batches, TrainConfig]:
        kind = "muon" if variant.optimizer == "muon" else "adamw"
        config = TrainConfig(steps=steps, optimizer=kind, learning_rate=rate, beta2=0.98, seed=seed,
                             precision=study.precision)  # fmt: skip
        model = make_model(study, inputs, variant, seed, folder)
        return (
            model,
            choose_optimizer(model, variant, config),
            make_batches(study, inputs, variant, seed, steps),
            config,
        )

    flops = count_step_flops(*make(1)[:3])
    if variant.free_teacher:
        flops -= count_forward_flops(make(1)[0].teacher, make(1)[2])
    share = study.trial if seed == CHOOSING else 1.0
    steps = max(1, int(share * variant.budget * study.flops / flops))
    model, optimizer, batches, config = make(steps)
    curve = run_steps(model, optimizer, batches, config)
    if name == "teacher" and seed != CHOOSING:
        torch.save(model.state_dict(), folder / "teacher.pt")
    parameters = {id(p): p.numel() for p in model.parameters() if p.requires_grad}
    return {"variant": name, "learning_rate": rate, "seed": seed, "steps": steps, "flops_per_step": flops,
            "parameters": sum(parameters.values()), "curve": curve, "seconds": round(time.perf_counter() - started),
            **judge_model(model, inputs, study, seed, whole=seed != CHOOSING)}  # fmt: skip


# ---- The study -------------------------------------------------------------------------------------------------------


def list_trials(name: str) -> list[tuple[float, int]]:
    """(rate, seed) of the runs that choose the rate of a variant; none where there is one rate alone."""
    rates = VARIANTS[name].rates
    return [(rate, CHOOSING) for rate in rates] if len(rates) > 1 else []


def choose_rate(folder: Path, name: str) -> float:
    """The rate with the lowest loss of the variant's own objective on held-out text, among the trials. A run that ended
    in nan is the worst."""
    trials = [read_json(get_file(folder, name, *trial)) for trial in list_trials(name)]
    best = min(trials, key=lambda run: run["own_loss"] if run["own_loss"] is not None else float("inf"), default=None)
    return VARIANTS[name].rates[0] if best is None else best["learning_rate"]


def get_file(folder: Path, name: str, rate: float, seed: int) -> Path:
    return folder / f"{name.replace(', ', '_').replace(' ', '-')}-{rate:g}-{seed}.json"


def run_missing(study: Study, make: Callable[[], Inputs], name: str, trials: Sequence[tuple[float, int]],
                folder: Path) -> None:  # fmt: skip
    """Train what has no file yet. `make` gives the inputs when they are needed first."""
    for rate, seed in trials:
        file = get_file(folder, name, rate, seed)
        if not file.exists():
            run = run_variant(study, make(), name, rate, seed, folder)
            write_json(file, run)
            print(name, f"{rate:g}", seed, f"{run['seconds']} s", run["own_loss"], run.get("grammar"),
                  run.get("tagging"), flush=True)  # fmt: skip


def list_judged(folder: Path, name: str) -> list[tuple[float, int]]:
    """(rate, seed) of the runs that are reported; the trials must have ended."""
    rate = choose_rate(folder, name)
    return [(rate, seed) for seed in VARIANTS[name].seeds]


def iterate_ended(folder: Path) -> Iterator[tuple[str, list[dict], list[dict]]]:
    """(name, trials, judged runs) of each variant whose runs have all ended."""
    for name in VARIANTS:
        if all(get_file(folder, name, *trial).exists() for trial in list_trials(name)):
            files = [get_file(folder, name, *judged) for judged in list_judged(folder, name)]
            if all(file.exists() for file in files):
                trials = [read_json(get_file(folder, name, *trial)) for trial in list_trials(name)]
                yield name, trials, [read_json(file) for file in files]


def collect_results(study: Study, folder: Path, baselines: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """The numbers of every variant that has ended, and those `known` from the record of the others: they may lack a
    rate that was added since, or be variants that `VARIANTS` has no longer. `at_edge`: the best rate is the lowest or
    the highest of those that were tried, so that a better one may lie outside."""
    found = dict(known)
    for name, trials, runs in iterate_ended(folder):
        rates = VARIANTS[name].rates
        found[name] = {
            "title": VARIANTS[name].title,
            "tried": {f"{trial['learning_rate']:g}": trial["own_loss"] for trial in trials},
            "learning_rate": runs[0]["learning_rate"],
            "at_edge": len(trials) > 1 and runs[0]["learning_rate"] in (rates[0], rates[-1]),
            **{key: runs[0][key] for key in ("steps", "flops_per_step", "parameters")},
            **{key: [run[key] for run in runs] for key in JUDGED},
        }  # fmt: skip
    return {"command": "python -m bertlab.bench.variants FOLDER data/variants.json", "settings": asdict(study),
            "machine": describe_machine(torch.get_num_threads()), "chosen_by_seed": CHOOSING, "baselines": baselines,
            "variants": {name: found[name] for name in (*VARIANTS, *found) if name in found}}  # fmt: skip


def restore_runs(folder: Path, found: dict[str, Any]) -> None:
    """Write the runs of the variants that a record has, where the folder lacks them."""
    for name, one in found.items():
        if name in VARIANTS:
            restore_variant(folder, name, one)


def restore_variant(folder: Path, name: str, one: dict[str, Any]) -> None:
    """Write the trials and the judged runs of a variant that have no file yet."""
    runs = [{"learning_rate": float(rate), "seed": CHOOSING, "own_loss": loss} for rate, loss in one["tried"].items()]
    for number, seed in enumerate(VARIANTS[name].seeds):
        same = {key: one[key] for key in ("learning_rate", "steps", "flops_per_step", "parameters")}
        runs.append(same | {"seed": seed} | {key: one[key][number] for key in JUDGED})
    for run in runs:
        file = get_file(folder, name, run["learning_rate"], run["seed"])
        if not file.exists():
            write_json(file, {"variant": name} | run)


def needs_teacher(folder: Path, names: Sequence[str]) -> bool:
    """Whether a student among the variants is still to be trained, and its teacher's weights are missing."""
    ended = {name for name, _, _ in iterate_ended(folder)}
    students = (name for name in names if VARIANTS[name].objective == "distilled" and name not in ended)
    return any(students) and not (folder / "teacher.pt").exists()


def forget_teacher(folder: Path) -> None:
    """Remove the numbers of a teacher whose weights are lost, as a record has none, so that it is trained again."""
    for rate, seed in list_judged(folder, "teacher"):
        get_file(folder, "teacher", rate, seed).unlink(missing_ok=True)


def run_study(folder: Path, file: Path, study: Study, names: Sequence[str] = ()) -> dict[str, Any]:
    """Train what is missing, and write FILE after each variant. Raises ValueError for an unknown variant, or a folder
    or a file of another study."""
    if unknown := [name for name in names if name not in VARIANTS]:
        raise ValueError(f"no variant {', '.join(unknown)}; there are {', '.join(VARIANTS)}")
    folder.mkdir(parents=True, exist_ok=True)
    settings, kept, known = json.loads(json.dumps(asdict(study))), folder / "study.json", {}
    if kept.exists() and read_json(kept)["settings"] != settings:
        raise ValueError(f"{folder} holds a study with other settings")
    if file.exists():
        record = read_json(file)
        if record["settings"] != settings:
            raise ValueError(f"{file} is the record of a study with other settings")
        if not kept.exists():
            write_json(kept, {"settings": settings, "baselines": record["baselines"]})
        known = record["variants"]
        restore_runs(folder, known)
    made: list[Inputs] = []

    def make() -> Inputs:
        if not made:
            made.append(make_inputs(study))
        return made[0]

    if not kept.exists():
        write_json(kept, {"settings": settings, "baselines": make().baselines})
    results: dict[str, Any] = {}
    names = list(names or VARIANTS)
    if needs_teacher(folder, names):
        forget_teacher(folder)
        names = ["teacher", *names]
    for name in names:
        run_missing(study, make, name, list_trials(name), folder)
        run_missing(study, make, name, list_judged(folder, name), folder)
        results = collect_results(study, folder, read_json(kept)["baselines"], known)
        write_json(file, results)
    return results


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="what each run came to")
    parser.add_argument("file", type=Path, help="the record that is made of it")
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help="only these")
    options = parser.parse_args(arguments)
    run_study(options.folder, options.file, Study(), options.variants)


if __name__ == "__main__":
    main()
