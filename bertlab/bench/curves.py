"""Learning curves: the held-out MLM loss that three training recipes reach in the same minutes on the same machine."""

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from .. import baselines, pretrain, vocabulary, weight_names, weights
from ..arguments import check_number
from ..batches import Batches
from ..corpus import encode_documents, pair_rows
from ..heads import Pretraining
from ..masking import Masking, PretrainingCollate
from ..options import MOST_MINUTES
from ..pretrain import PretrainPlan
from ..train import TrainConfig, evaluate
from .machine import describe_machine, format_machine
from .processes import Worker, start_server, start_workers
from .settings import DYNAMIC, GROUPED, OURS, Setting
from .sides import fit_ours, fit_trainer, load_side_model, order_batches

TUNED, PUBLISHED = "Trainer, tuned", "Trainer, as published"
LEARNERS = {OURS: OURS, TUNED: GROUPED, PUBLISHED: DYNAMIC}  # each learner, and the side whose sampler it uses
RATES_TRIED = (0.25, 0.5, 1.0)  # the rates that the tuned Trainer chooses from, as shares of Muon's
TRIAL_SHARE = 0.25  # share of the minutes for which each rate is tried
POINTS = 12  # of a curve, about
EVALUATION_ROWS = 1024  # held-out rows that a point is evaluated on


@dataclass(frozen=True, eq=False)
class LearnerPlan:
    """What a learner trains, with which recipe (its steps and rate are set later), and the rows it is evaluated on."""

    setting: Setting
    recipe: TrainConfig
    held_out: Batches


def measure_curves(plan: PretrainPlan, minutes: float, threads: int = 0,
                   say: Callable[[str], None] = lambda text: None) -> dict:  # fmt: skip
    """Measure the held-out MLM loss against training seconds and steps, for three learners with the same rows.

    bertlab                as `pretrain` trains under `plan`
    Trainer, tuned         the same first weights, masking rate, dropout and schedule, rows grouped by length, AdamW at
                           the best of three rates (RATES_TRIED), each tried beforehand for a quarter of the
                           minutes; in bf16 where we take it
    Trainer, as published  from random weights, 15% masked, dropout 0.1, rate 1e-4 after a warm-up of 1% of the steps,
                           dynamic padding, float32 (Devlin et al. 2018, A.2)

    The number of steps is fixed from the measured speed of each learner, since the schedule of its learning rate must
    know the end. Then the learners train in turns, so that other load on the machine affects all of them alike.
    Evaluation does not count as training time. Raises ValueError for minutes that are not above 0, OSError for text
    that cannot be read or a process that dies.
    """
    minutes = check_number(minutes, "minutes", above=0, most=MOST_MINUTES)
    start, machine = time.monotonic(), describe_machine(threads or torch.get_num_threads())
    with tempfile.TemporaryDirectory(prefix="bertlab-curves-") as folder, start_server() as processes:
        say(f"reading {' and '.join(plan.text)}")
        plans, baseline_losses = make_learner_plans(plan, Path(folder))
        makers = {name: partial(Learner, plans[name], name) for name in LEARNERS}
        with start_workers(makers, machine["threads"], processes) as learners:
            say("measuring the speeds")
            step_seconds = [[learner.ask("measure_step_seconds") for learner in learners] for _ in range(2)]
            steps = [max(1, int(60 * minutes / seconds)) for seconds in np.mean(step_seconds, 0)]
            rates = [plans[name].recipe.learning_rate for name in LEARNERS]
            trials = try_rates(learners[1], max(1, round(TRIAL_SHARE * steps[1])), rates[0], say)
            rates[1] = choose_rate(trials)
            say(f"training all three in turns for {minutes:g} minutes each")
            curves = train_in_turns(learners, steps, rates, 60 * minutes / POINTS)
    results = [{"name": name, "learning_rate": rate, "steps": count, "points": points}
               for name, rate, count, points in zip(LEARNERS, rates, steps, curves, strict=True)]  # fmt: skip
    return {"plan": asdict(plan), "machine": machine, "minutes": minutes, "seconds": time.monotonic() - start,
            "baselines": baseline_losses, "tried": trials, "tried_minutes": TRIAL_SHARE * minutes,
            "learners": results}  # fmt: skip


def make_learner_plans(plan: PretrainPlan, folder: Path) -> tuple[dict[str, LearnerPlan], dict[str, float]]:
    """The plans of the three learners, with their first weights in `folder`, and the losses of two baselines."""
    training, test, groups = pretrain.split_plan_documents(plan)
    tokenizer = vocabulary.learn_vocabulary(chain.from_iterable(training), plan.vocab_size)
    text, test_text = encode_documents(training, tokenizer), encode_documents(test, tokenizer)
    kinds = pretrain.select_kinds(groups[0], text, plan)
    overflow = pretrain.choose_overflow(plan)
    rows = pair_rows(text, plan.length, seed=plan.seed, times=plan.times, kinds=kinds, overflow=overflow)
    held_out = pretrain.make_held_out_batches(test_text, tokenizer, plan, groups[1])
    held_out = pretrain.thin_batches(held_out, EVALUATION_ROWS)
    pretrain_plans = {
        OURS: plan,
        TUNED: replace(plan, optimizer="adamw"),  # in our precision
        PUBLISHED: replace(plan, optimizer="adamw", learning_rate=1e-4, warmup=0.01, beta2=0.999, masked=0.15,
                           dropout=0.1, unigrams=False, sinusoids=0.0, neighbours=False, precision="no"),
    }  # fmt: skip
    plans = {}
    for number, (name, own) in enumerate(pretrain_plans.items()):
        model = pretrain.make_pretraining_model(own, tokenizer, text)
        model_folder = weights.save(model, folder / str(number))
        collate = PretrainingCollate(tokenizer, Masking(rate=own.masked, whole_words=own.whole_words))
        setting = Setting(name, name, Pretraining, model_folder, rows, rows.lengths, collate, plan.batch_size)
        plans[name] = LearnerPlan(setting, pretrain.make_pretraining_config(own), held_out)
    guesses = {"unigram": baselines.fit_unigram(text, len(tokenizer)), "bigram": baselines.Bigram(text, len(tokenizer))}
    return plans, {name: baselines.score_baseline(guess, held_out)["mlm_loss"] for name, guess in guesses.items()}


def try_rates(learner: Worker, steps: int, peak: float, say: Callable[[str], None]) -> list[dict[str, float]]:
    """Train the learner for a few steps at each share of the `peak` rate, and return the losses that it reaches."""
    trials = []
    for rate in [share * peak for share in RATES_TRIED]:
        say(f"{learner.name}: trying the rate {rate:g}")
        [points] = train_in_turns([learner], [steps], [rate], math.inf)
        trials.append({"learning_rate": rate, "mlm_loss": points[-1]["mlm_loss"]})
    return trials


def choose_rate(trials: Sequence[dict[str, float]]) -> float:
    """The rate with the lowest loss; a loss that is not finite comes last."""
    return min(trials, key=lambda trial: np.nan_to_num(trial["mlm_loss"], nan=math.inf))["learning_rate"]


def train_in_turns(learners: Sequence[Worker], steps: Sequence[int], rates: Sequence[float],
                   seconds: float) -> list[list[dict]]:  # fmt: skip
    """Train all learners in turns of `seconds` until each has taken its steps; return the points of each curve."""
    curves = [[learner.ask("train", *plan)] for learner, *plan in zip(learners, steps, rates, strict=True)]
    while not all(points[-1]["ended"] for points in curves):
        for learner, points in zip(learners, curves, strict=True):
            if not points[-1]["ended"]:
                points.append(learner.ask("continue", seconds))
    return curves


class Learner:
    """Trains a model from its first weights as often as it is asked to, in a process of its own, see `Worker`."""

    def __init__(self, plan: LearnerPlan, name: str, pipe):
        self.plan, self.name, self.pipe = plan, name, pipe

    def measure_step_seconds(self, steps: int = 12) -> float:
        """The mean seconds of a step, without the first one."""
        ends, rate = [], self.plan.recipe.learning_rate
        self.fit(self.load_first_weights(), steps, rate, lambda step: ends.append(time.perf_counter()))
        return float(np.diff(ends).mean())

    def train(self, steps: int, rate: float) -> dict:
        """Train in turns, and return the last point of the curve. The point before the first step and those between the
        turns are sent through the pipe, see `TurnTaker`."""
        model = self.load_first_weights()
        turns = TurnTaker(self.pipe, steps, lambda: evaluate_learner(self.plan, model))
        turns.record_step(0)
        self.fit(model, steps, rate, turns.record_step)
        return turns.make_point(steps)

    def load_first_weights(self) -> torch.nn.Module:
        return load_side_model(self.plan.setting, trainer=self.name != OURS).train()

    def fit(self, model: torch.nn.Module, steps: int, rate: float, on_step_end: Callable[[int], None]) -> None:
        """Train on the batches in the order of the learner's sampler."""
        config = replace(self.plan.recipe, steps=steps, learning_rate=rate, log_every=1)
        batches = make_ordered_batches(self.plan.setting, LEARNERS[self.name], steps)
        fit = fit_ours if self.name == OURS else fit_trainer
        fit(model, batches, config, on_step_end)


class TurnTaker:
    """Interrupts a training loop. When the seconds of a turn are used up, it sends a point of the curve through the
    pipe, and waits for the request to go on, which holds the seconds of the next turn."""

    def __init__(self, pipe, steps: int, evaluate: Callable[[], dict[str, float]]):
        self.pipe, self.steps, self.evaluate = pipe, steps, evaluate
        self.trained = self.left = 0.0  # seconds
        self.resumed = time.perf_counter()

    def record_step(self, step: int) -> None:
        """Call this before the first step (with 0) and after each step."""
        spent = time.perf_counter() - self.resumed if step else 0.0
        self.trained, self.left = self.trained + spent, self.left - spent
        if self.left <= 0 and step < self.steps:
            self.pipe.send((True, self.make_point(step)))
            _, (self.left,) = self.pipe.recv()
        self.resumed = time.perf_counter()

    def make_point(self, step: int) -> dict:
        """A point of the curve: step, seconds of training, whether it is the last one, and the held-out scores."""
        return {"step": step, "seconds": self.trained, "ended": step == self.steps} | self.evaluate()


def evaluate_learner(plan: LearnerPlan, model: torch.nn.Module) -> dict[str, float]:
    """MLM loss and accuracy on the held-out rows. The Trainer's weights are loaded into our model for it."""
    if not isinstance(model, Pretraining):
        ours = weights.load(plan.setting.folder, Pretraining)
        ours.load_state_dict(weight_names.from_hf_names(model.state_dict()))
        model = ours
    scores = evaluate(model, plan.held_out, baselines.score_pretraining)
    return {name: scores[name] for name in ("mlm_loss", "mlm_accuracy")}


def make_ordered_batches(setting: Setting, sampler: str, steps: int) -> Batches:
    """The first `steps` batches in the order of a side's sampler, epoch after epoch."""
    epochs = math.ceil(steps / (len(setting.rows) // setting.batch_size))
    chosen = np.concatenate([order_batches(setting, sampler, epoch) for epoch in range(epochs)])[:steps]
    rows = torch.utils.data.Subset(setting.rows, chosen.ravel().tolist())
    return Batches(rows, setting.collate, setting.batch_size, shuffle=False)


def format_curves(results: dict) -> str:
    """The curves as lines of text: the loss after each quarter of the minutes, interpolated between the points. The
    last column says after how many seconds bertlab's loss was as low as the learner's last one."""
    plan, minutes = results["plan"], results["minutes"]
    trials = ", ".join(f"{trial['learning_rate']:g} {trial['mlm_loss']:.3f}" for trial in results["tried"])
    quarters = 60 * minutes * np.array([0.25, 0.5, 0.75])
    head = (
        "".join(f"{f'{second:.0f} s':>9}" for second in quarters) + f"{'the end':>9}{'right':>8}{'bertlab there':>15}"
    )
    our_points = results["learners"][0]["points"]
    return "\n".join([
        format_machine(results["machine"]),
        f"{plan['preset']}, vocabulary {plan['vocab_size']:,}, {plan['length']} tokens a row at most, "
        f"{plan['batch_size']} rows a step, {minutes:g} minutes of training each",
        f"tuned: best of the rates {trials} (loss after {results['tried_minutes']:g} minutes each)",
        f"\n{'held-out MLM loss':<22}{'steps':>7}{'rate':>9}{head}",
        *(format_learner(learner, quarters, our_points) for learner in results["learners"]),
        *(f"{name:<22}{'':>43}{loss:>9.3f}" for name, loss in results["baselines"].items()),
    ])  # fmt: skip


def format_learner(learner: dict, quarters: np.ndarray, our_points: Sequence[dict]) -> str:
    """A learner's line of the table."""
    points, last = learner["points"], learner["points"][-1]
    losses = np.interp(quarters, [p["seconds"] for p in points], [p["mlm_loss"] for p in points])
    numbers = "".join(f"{loss:>9.3f}" for loss in [*losses, last["mlm_loss"]])
    our_time = "" if learner["name"] == OURS else find_time_to_loss(our_points, last["mlm_loss"])
    return (f"{learner['name']:<22}{learner['steps']:>7,}{learner['learning_rate']:>9g}{numbers}"
            f"{100 * last['mlm_accuracy']:>7.1f}%{our_time:>15}")  # fmt: skip


def find_time_to_loss(points: Sequence[dict], loss: float) -> str:
    """After how many seconds the loss was this low, interpolated between the points before and after."""
    number = next((i for i, point in enumerate(points) if point["mlm_loss"] <= loss), None)
    if number is None:
        return "never"
    after, before = points[number], points[max(number - 1, 0)]
    seconds = np.interp(loss, [after["mlm_loss"], before["mlm_loss"]], [after["seconds"], before["seconds"]])
    return f"{seconds:.0f} s"


def draw_curves_figure(results: dict):
    """The curves against seconds and against steps: a matplotlib figure."""
    from matplotlib.figure import Figure

    from .. import plots

    figure = Figure((9.0, 3.8), layout="constrained")
    titles = f"{results['plan']['preset']}, {results['minutes']:g} minutes each", ""
    for x, title, ax in zip(("seconds", "step"), titles, figure.subplots(1, 2, sharey=True), strict=True):
        lines = {learner["name"]: ([p[x] for p in learner["points"]], [p["mlm_loss"] for p in learner["points"]])
                 for learner in results["learners"]}  # fmt: skip
        plots.draw_curves(lines, baselines=results["baselines"], x=x, y="held-out MLM loss, nats", title=title, ax=ax)
    ax.get_legend().remove()
    ax.set_ylabel("")
    return figure
