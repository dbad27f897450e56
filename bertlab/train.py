"""One training loop for every task: it only knows batches and `model(**batch).loss`, and survives a kill at any moment.

Everything random depends on (seed, batch number), never on history. So a run that was killed and resumed equals a run
that was not, bit for bit, and two processes take the same steps as one that accumulates two batches.

On a GPU the loop uses bf16 or fp16, TF32 for what stays float32, fused AdamW, pinned memory, and copies that overlap
with computing. It waits for the GPU only where a row of the log or a checkpoint is due, and with Muon under fp16, where
the scaler must know whether to skip the step. No GPU was available to test this: it follows the documentation of
PyTorch and accelerate, and tests/test_gpu_path.py tests every decision that can be tested on a CPU.
"""

import contextlib
import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from numbers import Real
from pathlib import Path

import torch
from torch import Tensor, nn

from .arguments import check_arguments, check_function, check_kind, check_number, describe_value
from .batches import Batches, derive_seed, move_batch, prefetch_batches
from .checkpoint import TrainingRun
from .failures import doing
from .model import eval_mode
from .optim import learning_rate_at, make_optimizer
from .options import MOST_MINUTES, MOST_SEED, MOST_STEPS, check_plan
from .precision import (
    PRECISIONS,
    check_precision,
    choose_precision,
    find_training_device,
    multiply_fast,
    prefer_precision,
)
from .processes import check_agreement, count_processes, decide, join_processes
from .progress import ProgressBar, TrainingClock, quiet
from .stopping import StopSignal

COMPILE_BACKEND = "inductor"  # torch.compile's backend
MEASURED_SHARE = 0.04  # of the minutes that are asked for, to measure the speed


# The limits of the numbers of `TrainConfig`.
TRAINING_LIMITS = {
    "steps": {"least": 1, "most": MOST_STEPS},
    "learning_rate": {"above": 0, "most": 10},
    "warmup": {"least": 0, "most": 1},
    "weight_decay": {"least": 0, "most": 100},
    "beta1": {"least": 0, "below": 1},
    "beta2": {"least": 0, "below": 1},
    "epsilon": {"above": 0, "most": 1},
    "clip": {"least": 0},
    "accumulate": {"least": 1, "most": 10_000},
    "seed": {"least": 0, "most": MOST_SEED},
    "log_every": {"least": 1, "most": MOST_STEPS},
    "evaluate_every": {"least": 0, "most": MOST_STEPS},
    "patience": {"least": 0, "most": MOST_STEPS},
    "checkpoint_seconds": {"least": 0},
    "workers": {"least": 0, "most": 1024},
}


@dataclass(frozen=True)
class TrainConfig:
    """How to train. `steps` are steps of the optimizer; each reads `accumulate` batches on every process."""

    steps: int = 1000
    optimizer: str = "adamw"  # or "muon", with which a model learns faster from random weights, see `Muon`
    learning_rate: float = 1e-4  # at the peak, after the warm-up
    warmup: float = 0.1  # fraction of the steps over which the rate rises
    weight_decay: float = 0.01  # of matrices, not of biases and LayerNorms
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-6  # BERT's; PyTorch's own default is 1e-8
    clip: float = 1.0  # the largest norm of the gradient; 0 does not clip
    accumulate: int = 1  # batches per step; each counts the same, however many labels it has (notebook 18, exhibit 7)
    precision: str = "auto"  # "no" (float32), "fp16", "bf16"; auto: what this machine multiplies fastest
    seed: int = 0  # of dropout
    log_every: int = 10  # steps
    evaluate_every: int = 0  # steps; 0 evaluates only before the first and after the last one
    keep_best: str = ""  # a result of `evaluate`: the weights at its best value are kept (of a loss, the lowest)
    patience: int = 0  # end after this many evaluations in a row that were not the best; 0: never
    checkpoint_seconds: float = 30.0  # between checkpoints; they do not affect the run, so they may depend on the clock
    workers: int = 0  # processes that prepare batches in advance; useful on a GPU
    compile: bool = False  # `torch.compile`: takes minutes, for long runs on a GPU; on a CPU it was not faster

    def __post_init__(self):
        check_plan(self, TRAINING_LIMITS)
        if self.patience and not self.keep_best:
            raise ValueError(f"patience is {self.patience}: it counts evaluations that are not the best; say keep_best")
        if self.optimizer not in ("adamw", "muon"):
            raise ValueError(f"optimizer is {self.optimizer!r}; it must be adamw or muon")
        check_precision(self.precision)


@doing("training")
def train(
    model: nn.Module,
    batches: Batches,
    config: TrainConfig,
    *,
    evaluate: Callable[[nn.Module], dict[str, float]] | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    watch: Callable[[dict, dict], None] | None = None,
    scale: Callable[[str], float] | None = None,
    deadline: float | None = None,
) -> list[dict]:
    """Train `model` in place and return the log: rows of step, tokens, learning_rate, loss, and results of `evaluate`.

    With a `folder`, checkpoints are written into it, and `resume=True` continues from the newest complete one.
    `watch(row, status)` is called for every row of the log, and `watch({}, status)` about once a second; the status is
    that of `TrainingClock`. The default draws a progress bar; `watch=quiet` draws nothing. `scale(name)` is a factor
    for the learning rate of a parameter. Under `torchrun` the processes share the work. Ctrl-C (or SIGTERM) finishes
    the step, writes a checkpoint and raises KeyboardInterrupt (or Terminated, also after the `deadline`, a moment of
    `time.monotonic`). Raises FileExistsError when `folder` holds a run and `resume` is False, ValueError for other
    settings, FloatingPointError for a loss of nan, OSError.
    """
    check_training(model, batches, config, evaluate)
    accelerator, config = make_accelerator(config, model)
    optimizer = make_optimizer(model, config, accelerator.device, scale)
    wrapped, prepared = accelerator.prepare(model, optimizer)
    # The compiled function is only called: names, checkpoints and evaluation are those of `model`.
    forward = torch.compile(wrapped, backend=COMPILE_BACKEND, dynamic=True) if config.compile else wrapped
    run = open_run(model, optimizer, accelerator, batches, config, folder, resume)
    watch = watch or ProgressBar(config.steps) if accelerator.is_main_process else quiet
    log = TrainingLog(run, config, evaluate, watch)
    processes = accelerator.num_processes
    first = run.step * config.accumulate * processes + accelerator.process_index
    numbers = range(first, config.steps * config.accumulate * processes, processes)
    try:
        with preserve_random_state(), allow_tf32(accelerator.device), StopSignal(deadline) as stop:
            wrapped.train()
            log.report_start()
            upcoming = prefetch_batches(batches, numbers, accelerator.device, config.workers)
            while run.step < config.steps and not run.has_lost_patience(config):
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate_at(run.step, config) * group.get("scale", 1.0)
                step_loss, step_tokens = torch.zeros((), device=accelerator.device), 0
                for part in range(config.accumulate):
                    number, tokens, batch = next(upcoming)
                    torch.manual_seed(derive_seed(config.seed, number))  # dropout depends on the batch alone
                    last = part == config.accumulate - 1
                    with contextlib.nullcontext() if last else accelerator.no_sync(wrapped):
                        loss = forward(**batch).loss / config.accumulate
                        accelerator.backward(loss)
                    step_loss += loss.detach().float()
                    step_tokens += tokens
                if config.clip:
                    accelerator.clip_grad_norm_(wrapped.parameters(), config.clip)
                prepared.step()
                prepared.zero_grad()
                run.count_step(step_loss, step_tokens, accelerator)

                ended = log.report_step()
                stopped = stop.is_agreed(accelerator)
                saving = ended or stopped or log.clock.is_due("checkpoint", config.checkpoint_seconds)
                if saving and accelerator.is_main_process:
                    run.save()
                if stopped and not ended:
                    stop.leave(accelerator, f"{run.step} of {config.steps}{run.describe_last_checkpoint()}")
            run.restore_best_weights()
    finally:
        log.report_end()
        release_model(accelerator, wrapped)
    return run.log


def check_training(model: nn.Module, batches: Batches, config: TrainConfig, evaluate: Callable | None = None) -> None:
    """Raise TypeError for arguments of another kind."""
    check_arguments(model=(model, nn.Module), batches=(batches, Batches), config=(config, TrainConfig))
    if evaluate is not None:
        check_function(evaluate, "evaluate", "a function of the model")


class TrainingLog:
    """Evaluates the model, writes the log of a run, and passes its rows on to `watch`."""

    def __init__(self, run: TrainingRun, config: TrainConfig, evaluate: Callable | None, watch: Callable):
        self.run, self.config, self.evaluate, self.watch = run, config, evaluate, watch
        self.clock = TrainingClock(run, config.steps)

    def report_start(self) -> None:
        """Evaluate the untrained model, unless the run is resumed."""
        if self.run.step == 0 and self.evaluate is not None and not self.run.log:
            self.add_row({"step": 0, "tokens": 0}, with_evaluation=True)

    def report_step(self) -> bool:
        """Add a row to the log if one is due after this step. Return whether the run has ended."""
        run, config = self.run, self.config
        last = run.step == config.steps
        interval_over = config.evaluate_every and run.step % config.evaluate_every == 0
        with_evaluation = self.evaluate is not None and bool(last or interval_over)
        if not (last or with_evaluation or run.step % config.log_every == 0):
            if self.clock.is_due("report", seconds=1):
                self.watch({}, self.clock.measure_speed())
            return False
        loss = float(run.loss) / run.window
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the loss is {loss} at step {run.step}: lower the learning rate ({config.learning_rate}) or lengthen "
                f"the warm-up ({config.warmup}){run.describe_last_checkpoint()}"
            )
        run.loss, run.window = torch.zeros(()), 0
        rate = learning_rate_at(run.step - 1, config)
        self.add_row(
            {"step": run.step, "tokens": int(run.tokens), "learning_rate": rate, "loss": loss}, with_evaluation
        )
        return last or run.has_lost_patience(config)

    def add_row(self, row: dict, with_evaluation: bool) -> None:
        """Add a row to the log, perhaps with the results of an evaluation; keep the weights if they are the best."""
        if with_evaluation:
            with eval_mode(self.run.model), prefer_precision(self.config.precision):
                row |= convert_scores(self.evaluate(self.run.model))
        self.run.log.append(row)
        self.watch(row, self.clock.measure_speed())
        self.run.keep_if_best(self.config.keep_best)

    def report_end(self) -> None:
        self.watch({}, self.clock.measure_speed() | {"ended": True})


def convert_scores(scores: object) -> dict[str, float]:
    """The results of `evaluate` as plain numbers: those of numpy and tensors of one number become floats, because the
    log is written as JSON. Raises TypeError for anything else."""
    if not isinstance(scores, Mapping):
        raise TypeError(f"evaluate gives {describe_value(scores)}; it must give a dict of numbers by name")
    numbers = {}
    for name, value in scores.items():
        single = value.item() if getattr(value, "size", None) == 1 or getattr(value, "numel", int)() == 1 else value
        if not isinstance(name, str) or not isinstance(single, Real):
            raise TypeError(f"evaluate gives {describe_value(value)} for {name!r:.60}; each result must be a number")
        if name in ("step", "tokens", "learning_rate", "loss"):
            raise ValueError(f"evaluate gives {name!r}, which the log has already: call it otherwise")
        numbers[name] = float(single)
    return numbers


def evaluate(
    model: nn.Module, batches: Iterable[dict[str, Tensor]], scores: Callable[[object, dict], dict[str, tuple]]
) -> dict[str, float]:
    """Compute means over all batches, in eval mode.

    `scores(output, batch)` gives (sum, count) for each name. The mean is over everything that was counted, so that a
    small last batch does not weigh as much as a full one; nan if nothing was counted.
    """
    check_kind(model, nn.Module, "model")
    check_function(scores, "scores", "a function of (output, batch)")
    if (
        getattr(batches, "shape", None) == ()
        or not hasattr(batches, "__getitem__")
        or not hasattr(batches, "__len__")
        or isinstance(batches, str | type)
    ):
        raise TypeError(f"batches is {describe_value(batches)}; it must be Batches, or a list of batches")
    sums: dict[str, list[float]] = {}
    device = next(model.parameters()).device
    with eval_mode(model), multiply_fast(model):
        for number in range(len(batches)):
            batch = move_batch(check_kind(batches[number], Mapping, f"batch {number}", "a dict of tensors"), device)
            for name, (total, count) in scores(model(**batch), batch).items():
                sums.setdefault(name, [0.0, 0.0])
                sums[name][0] += float(total)
                sums[name][1] += float(count)
    return {name: total / count if count else math.nan for name, (total, count) in sums.items()}


def estimate_steps(
    minutes: float,
    model: nn.Module,
    batches: Batches,
    config: TrainConfig,
    evaluate: Callable[[nn.Module], dict[str, float]] | None = None,
    evaluations: int = 0,
) -> int:
    """How many steps of `train` fit into `minutes` on this machine, beside so many `evaluations` by `evaluate`.

    A copy is trained by the same loop for some 4% of the minutes, and for 12 steps at least: the model and the random
    state do not change. A run with the resulting number of steps is as reproducible as any other. Under `torchrun` the
    first process measures, and all get its number.
    """
    check_training(model, batches, config, evaluate)
    seconds = 60 * check_number(minutes, "minutes", above=0, most=MOST_MINUTES)
    model = copy.deepcopy(model)
    step_seconds = measure_step(model, batches, config, 12)  # caches fill, memory is allocated
    if (enough := min(10_000, int(MEASURED_SHARE * seconds / step_seconds))) > 12:
        step_seconds = measure_step(model, batches, config, enough)
    if evaluate is not None and evaluations:
        started = time.perf_counter()
        with eval_mode(model), prefer_precision(choose_precision(config.precision, find_training_device(), model)):
            evaluate(model)
        seconds -= evaluations * (time.perf_counter() - started)
    return decide(lambda: max(1, round(seconds / step_seconds)))


def measure_step(model: nn.Module, batches: Batches, config: TrainConfig, steps: int) -> float:
    """Seconds of a step of `train`, from its first batches. Where the rows' lengths are known, the tokens of these
    batches are compared with those of all: the first ones may be longer or shorter."""
    reached: list[tuple[float, int, int]] = []

    def note_time(row: dict, status: dict) -> None:
        if row:
            reached.append((time.perf_counter(), row["step"], row["tokens"]))

    # At a rate that changes nothing, no loss can become nan; the time is the same.
    config = replace(config, steps=steps, learning_rate=1e-9, log_every=4, evaluate_every=0, keep_best="", patience=0)
    train(model, batches, config, watch=note_time)
    if len(reached) < 2:  # another process measures
        return decide(lambda: 0.0)
    (start, first, before), (end, last, after) = reached[0], reached[-1]
    measured = (end - start) / (last - first)
    if batches.lengths is not None and after > before:
        usual = float(batches.lengths.mean()) * batches.batch_size * config.accumulate
        measured *= usual * count_processes() / ((after - before) / (last - first))
    return decide(lambda: measured)


# ---- Parts of the loop -----------------------------------------------------------------------------------------------


def make_accelerator(config: TrainConfig, model: nn.Module):
    """accelerate's device, precision and processes for this config, and the config with the chosen precision. Raises
    ValueError when the processes of a run choose different ones.

    accelerate keeps one precision for the whole process, and raises an error for another one. So the choice of an
    earlier training, ours or a Trainer's, is reset first; the process group is not.
    """
    from accelerate import Accelerator, DistributedDataParallelKwargs
    from accelerate.state import AcceleratorState

    join_processes()
    AcceleratorState._reset_state()  # as transformers does
    precision = choose_precision(config.precision, find_training_device(), model)
    # A head whose labels are missing gets no gradient; without this, DDP would wait for one.
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    accelerator = Accelerator(mixed_precision=precision, kwargs_handlers=[unused])
    if accelerator.num_processes > 1:
        chosen = torch.tensor([PRECISIONS.index(precision)], device=accelerator.device)
        if len(names := {PRECISIONS[int(number)] for number in accelerator.gather(chosen)}) > 1:
            raise ValueError(
                f"the processes choose different precisions ({', '.join(sorted(names))}), as their machines differ: "
                "give one to all (precision)"
            )
    return accelerator, replace(config, precision=precision)


def release_model(accelerator, wrapped: nn.Module) -> None:
    """Undo what accelerate did to a model, whose `forward` is then its own again. The mark goes too that the model is
    prepared: with it, the next training in this process would take float32 and say bf16."""
    model = accelerator.unwrap_model(wrapped, keep_fp32_wrapper=False)
    vars(model).pop("_is_accelerate_prepared", None)
    if getattr(vars(model).get("forward"), "__func__", None) is type(model).forward:
        del model.forward  # accelerate left it on the model itself


def open_run(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    accelerator,
    batches: Batches,
    config: TrainConfig,
    folder: str | Path | None,
    resume: bool,
) -> TrainingRun:
    """A new run, or the one in `folder`. Raises FileExistsError or ValueError, see `train`."""
    together = config.accumulate * accelerator.num_processes  # another number of processes may share a step's batches
    settings = asdict(config) | {"accumulate": together} | batches.get_settings()
    run = TrainingRun(model, optimizer, accelerator.scaler, settings, defaults=asdict(TrainConfig()))
    if folder is not None:
        with accelerator.main_process_first():  # one sets damaged checkpoints aside, then the others read
            run.open_folder(Path(folder), resume)
        check_agreement(run.step, "checkpoint")
    return run


@contextlib.contextmanager
def allow_tf32(device: torch.device) -> Iterator[None]:
    """On a GPU, compute float32 matrix products in TF32: autocast covers the model, but Muon's products are float32."""
    before = torch.get_float32_matmul_precision()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextlib.contextmanager
def preserve_random_state() -> Iterator[None]:
    """Restore the caller's random state afterwards, on the CPU and on this process's GPU."""
    gpus = [torch.cuda.current_device()] if torch.cuda.is_available() else []  # not those of other processes
    with torch.random.fork_rng(gpus):
        yield
