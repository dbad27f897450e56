"""bench.curves: TODO."""

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from .. import baselines, pretrain, vocabulary, weights
from ..batches import Batches
from ..corpus import encode_documents, pair_rows
from ..heads import Pretraining
from ..masking import Masking, PretrainingCollate
from ..pretrain import PretrainPlan
from ..train import TrainConfig, evaluate
from .machine import describe_machine
from .processes import Worker, prepare_process, start_server
from .settings import DYNAMIC, GROUPED, OURS, Setting
from .sides import fit_ours, fit_trainer, load_side_model, order_batches

TUNED, PUBLISHED = "Trainer, tuned", "Trainer, as published"

LEARNERS = {OURS: OURS, TUNED: GROUPED, PUBLISHED: DYNAMIC}  # and whose sampler each takes

RATES_TRIED = (0.25, 0.5, 1.0)  # of Muon's rate: the rates that AdamW may choose from

TRIAL_SHARE = 0.25  # the share of the minutes that each is tried for

POINTS = 12  # of a curve, about

EVALUATION_ROWS = 1024  # rows that a point is judged by


@dataclass(frozen=True, eq=False)
class Course:
    """How a learner learns (`recipe`, whose steps and rate are told later), from what, and by what it is judged."""

    setting: Setting
    recipe: TrainConfig
    held_out: Batches


def measure_curves(
    plan: PretrainPlan, minutes: float, threads: int = 0, say: Callable[[str], None] = lambda text: None
) -> dict:
    """Held-out MLM loss against training seconds and steps, of three learners with the same rows and minutes.

    bertlab                as `pretrain` does it under `plan`
    Trainer, tuned         the same first weights, masking rate, dropout and schedule, rows grouped by length, AdamW at
                           the best of three rates (TRIED), each tried for a quarter of the minutes beforehand
    Trainer, as published  from random weights, 15% masked, dropout 0.1, rate 1e-4 after a warm-up of 1% of the steps,
                           dynamic padding (Devlin et al. 2018, A.2)

    Each learner's number of steps is fixed from its measured speed, for its learning rate must know the end. Then they
    train in turns, A B C A B C, so that whatever else the machine does meets all of them. Judging takes no training
    time. Raises ValueError for minutes that are none, OSError for text that cannot be had or a process that dies.
    """
    if not 0 < minutes < math.inf:
        raise ValueError(f"minutes is {minutes}; it must be above 0")
    start, facts = time.monotonic(), describe_machine(threads or torch.get_num_threads())
    with tempfile.TemporaryDirectory(prefix="bertlab-curves-") as folder, start_server() as processes:
        say(f"reading {' and '.join(plan.text)}")
        courses, baselines = make_courses(plan, Path(folder))
        learners = []
        try:
            for name in LEARNERS:
                learners.append(Worker(serve_learner, courses[name], name, facts["threads"], processes))
            say("measuring the speeds")
            speeds = [[learner.ask("seconds a step") for learner in learners] for _ in range(2)]
            steps = [max(1, int(60 * minutes / a_step)) for a_step in np.mean(speeds, 0)]
            rates, tried = [courses[name].recipe.learning_rate for name in LEARNERS], {}
            for rate in [share * rates[0] for share in RATES_TRIED]:
                say(f"{TUNED}: trying the rate {rate:g}")
                run = train_in_turns(learners[1:2], [max(1, round(TRIAL_SHARE * steps[1]))], [rate], math.inf)
                tried[rate] = run[0][-1]["mlm_loss"]
            rates[1] = min(tried, key=lambda rate: tried[rate] if math.isfinite(tried[rate]) else math.inf)
            say(f"training all three in turns for {minutes:g} minutes each")
            found = train_in_turns(learners, steps, rates, 60 * minutes / POINTS)
        finally:
            for learner in learners:
                learner.close()
    lines = [
        {"name": name, "learning_rate": rate, "steps": count, "points": points}
        for name, rate, count, points in zip(LEARNERS, rates, steps, found, strict=True)
    ]
    tried = [{"learning_rate": rate, "mlm_loss": loss} for rate, loss in tried.items()]
    return {"plan": asdict(plan), "machine": facts, "minutes": minutes, "seconds": time.monotonic() - start,
            "baselines": baselines, "tried": tried, "tried_minutes": TRIAL_SHARE * minutes, "learners": lines}  # fmt: skip


def make_courses(plan: PretrainPlan, folder: Path) -> tuple[dict[str, Course], dict[str, float]]:
    """The three courses, their first weights in `folder`, and the losses of the most frequent word and the bigram."""
    training, judged, kinds = pretrain.split_plan_documents(plan)
    pieces = vocabulary.learn_vocabulary((sentence for document in training for sentence in document), plan.vocab_size)
    text, test = encode_documents(training, pieces), encode_documents(judged, pieces)
    kept = pretrain.select_kinds(kinds[0], text, plan)
    rows = pair_rows(text, plan.length, seed=plan.seed, times=plan.times, kinds=kept)
    held_out = pretrain.thin_batches(pretrain.make_held_out_batches(test, pieces, plan, kinds[1]), EVALUATION_ROWS)
    plans = {
        OURS: plan,
        TUNED: replace(plan, optimizer="adamw"),
        PUBLISHED: replace(plan, optimizer="adamw", learning_rate=1e-4, warmup=0.01, beta2=0.999, masked=0.15,
                           dropout=0.1, unigrams=False, sinusoids=0.0, neighbours=False),
    }  # fmt: skip
    courses = {}
    for number, (name, own) in enumerate(plans.items()):
        place = weights.save(pretrain.make_pretraining_model(own, pieces, text), folder / str(number))
        collate = PretrainingCollate(pieces, Masking(rate=own.masked, whole_words=own.whole_words))
        setting = Setting(name, name, Pretraining, place, rows, rows.lengths, collate, plan.batch_size)
        courses[name] = Course(setting, pretrain.make_pretraining_config(own), held_out)
    guesses = {"unigram": baselines.fit_unigram(text, len(pieces)), "bigram": baselines.Bigram(text, len(pieces))}
    return courses, {name: baselines.score_baseline(guess, held_out)["mlm_loss"] for name, guess in guesses.items()}


def train_in_turns(
    learners: Sequence[Worker], steps: Sequence[int], rates: Sequence[float], seconds: float
) -> list[list[dict]]:
    """Train all learners, `seconds` each in turn, until all have taken their steps; returns the points of each."""
    found = [[learner.ask("start", *how)] for learner, *how in zip(learners, steps, rates, strict=True)]
    while not all(points[-1]["ended"] for points in found):
        for learner, points in zip(learners, found, strict=True):
            if not points[-1]["ended"]:
                points.append(learner.ask("go on", seconds))
    return found


def serve_learner(pipe, course: Course, name: str, threads: int) -> None:
    """The process of a learner: measures its speed, and trains from the first weights as often as it is asked to."""
    prepare_process(threads)
    fit = fit_ours if name == OURS else fit_trainer
    with suppress(EOFError, OSError):  # the parent is gone, or has heard enough
        while True:
            what, arguments = pipe.recv()
            try:
                model = load_side_model(course.setting, name).train()
                if what == "start":
                    steps, rate = arguments
                    turns = TurnTaker(pipe, steps, lambda model=model: evaluate_learner(course, model))
                    turns(0)
                    config = replace(course.recipe, steps=steps, learning_rate=rate, log_every=1)
                    fit(model, make_ordered_batches(course.setting, LEARNERS[name], steps), config, turns)
                else:
                    ends = []
                    config = replace(course.recipe, steps=12, log_every=1)
                    lap = lambda step, ends=ends: ends.append(time.perf_counter())  # noqa: E731
                    fit(model, make_ordered_batches(course.setting, LEARNERS[name], 12), config, lap)
                    pipe.send((True, float(np.diff(ends).mean())))
            except Exception as error:  # whatever it is, the parent tells it
                pipe.send((False, f"{type(error).__name__}: {error}"))


class TurnTaker:
    """Called after each step. When the seconds of a turn are used up it judges, reports a point, and waits for more."""

    def __init__(self, pipe, steps: int, judge: Callable[[], dict[str, float]]):
        self.pipe, self.steps, self.judge = pipe, steps, judge
        self.used = self.left = 0.0
        self.since = time.perf_counter()

    def __call__(self, step: int) -> None:
        spent = time.perf_counter() - self.since if step else 0.0
        self.used, self.left = self.used + spent, self.left - spent
        ended = step == self.steps
        if ended or self.left <= 0:
            self.pipe.send((True, {"step": step, "seconds": self.used, "ended": ended} | self.judge()))
            if not ended:
                self.left = self.pipe.recv()[1][0]
        self.since = time.perf_counter()


def evaluate_learner(course: Course, model: torch.nn.Module) -> dict[str, float]:
    """Loss and accuracy on the held-out rows. The Trainer's weights are put into our model, so that one code judges."""
    if not isinstance(model, Pretraining):
        ours = weights.load(course.setting.folder, Pretraining)
        ours.load_state_dict(weights.from_hf_names(model.state_dict()))
        model = ours
    found = evaluate(model, course.held_out, baselines.score_pretraining)
    return {name: found[name] for name in ("mlm_loss", "mlm_accuracy")}


def make_ordered_batches(setting: Setting, sampler: str, steps: int) -> Batches:
    """So many batches in the sampler's order, epoch after epoch."""
    epochs = math.ceil(steps / (len(setting.rows) // setting.batch_size))
    chosen = np.concatenate([order_batches(setting, sampler, epoch) for epoch in range(epochs)])[:steps]
    rows = torch.utils.data.Subset(setting.rows, chosen.ravel().tolist())
    return Batches(rows, setting.collate, setting.batch_size, shuffle=False)


def format_curves(results: dict) -> str:
    """The curves as lines of text: loss after each quarter of the minutes, between the points in a straight line.

    The last column says after how many seconds bertlab's loss was as low as the learner's last one.
    """
    plan, facts, minutes = results["plan"], results["machine"], results["minutes"]
    load = "" if facts["load"] is None else f", load {facts['load']:.1f} before it began"
    tried = ", ".join(f"{one['learning_rate']:g} {one['mlm_loss']:.3f}" for one in results["tried"])
    quarters = 60 * minutes * np.array([0.25, 0.5, 0.75])
    lines = [
        f"{facts['processor']}, {facts['threads']} thread(s){load}; torch {facts['torch']}, "
        f"transformers {facts['transformers']}; float32 on the CPU",
        f"{plan['preset']}, vocabulary {plan['vocab_size']:,}, {plan['length']} tokens a row at most, "
        f"{plan['batch_size']} rows a step, {minutes:g} minutes of training each",
        f"tuned: best of the rates {tried} (loss after {results['tried_minutes']:g} minutes each)",
        "",
        f"{'held-out MLM loss':<22}{'steps':>7}{'rate':>9}"
        + "".join(f"{f'{second:.0f} s':>9}" for second in quarters)
        + f"{'the end':>9}{'right':>8}{'bertlab there':>15}",
    ]
    ours = results["learners"][0]["points"]
    for learner in results["learners"]:
        points = learner["points"]
        losses = np.interp(quarters, [p["seconds"] for p in points], [p["mlm_loss"] for p in points])
        last = points[-1]
        there = "" if learner["name"] == OURS else find_time_to_loss(ours, last["mlm_loss"])
        lines.append(
            f"{learner['name']:<22}{learner['steps']:>7,}{learner['learning_rate']:>9g}"
            + "".join(f"{loss:>9.3f}" for loss in [*losses, last["mlm_loss"]])
            + f"{100 * last['mlm_accuracy']:>7.1f}%{there:>15}"
        )
    return "\n".join([*lines, *(f"{name:<22}{'':>43}{loss:>9.3f}" for name, loss in results["baselines"].items())])


def find_time_to_loss(points: Sequence[dict], loss: float) -> str:
    """After how many seconds the loss was this low, by a straight line between the points around it."""
    if points[0]["mlm_loss"] <= loss:
        return "0 s"
    for before, after in pairwise(points):
        if after["mlm_loss"] <= loss:
            share = (before["mlm_loss"] - loss) / (before["mlm_loss"] - after["mlm_loss"])
            return f"{before['seconds'] + share * (after['seconds'] - before['seconds']):.0f} s"
    return "never"


def draw_curves_figure(results: dict):
    """The curves against seconds and against steps: a matplotlib figure."""
    from matplotlib.figure import Figure

    from .. import plots

    figure = Figure((9.0, 3.8), layout="constrained")
    for x, ax in zip(("seconds", "step"), figure.subplots(1, 2, sharey=True), strict=True):
        lines = {
            learner["name"]: ([p[x] for p in learner["points"]], [p["mlm_loss"] for p in learner["points"]])
            for learner in results["learners"]
        }
        title = f"{results['plan']['preset']}, {results['minutes']:g} minutes each" if x == "seconds" else ""
        plots.draw_curves(lines, baselines=results["baselines"], x=x, y="held-out MLM loss, nats", title=title, ax=ax)
    ax.get_legend().remove()
    ax.set_ylabel("")
    return figure
