"""One training loop, for every task: it knows batches, `model(**batch).loss`, and how to be killed and go on.

Everything random hangs on (seed, batch number), never on history. So a run that was killed and resumed is the run that
was not, bit for bit, and two processes take the same steps as one that accumulates two batches.

On a GPU the loop takes bf16 or fp16, TF32 for what stays float32, fused AdamW, pinned memory, and copies that overlap
with computing. The loop itself waits for the GPU only where a line of the log or a checkpoint is due, and with Muon
under fp16, where the scaler must know whether to skip the step. No GPU was there to run this on: it follows what
PyTorch and accelerate document, and tests/test_gpu_path.py takes every decision that can be taken on a CPU.
"""

import contextlib
import copy
import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .batches import Batches, derive_seed, move_batch, prefetch_batches
from .checkpoint import TrainingRun
from .optim import choose_precision, learning_rate_at, make_optimizer
from .progress import ProgressBar, TrainingClock, quiet

COMPILE_BACKEND = "inductor"  # torch.compile's backend


@dataclass(frozen=True)
class TrainConfig:
    """How to train. `steps` are steps of the optimizer; each reads `accumulate` batches on every process."""

    steps: int = 1000
    optimizer: str = "adamw"  # or "muon": goes further in the same time from random weights, see `Muon`
    learning_rate: float = 1e-4  # at the peak, after the warm-up
    warmup: float = 0.1  # share of the steps over which the rate rises
    weight_decay: float = 0.01  # on matrices alone
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-6  # BERT's; PyTorch's own default is 1e-8
    clip: float = 1.0  # the largest norm of the gradient; 0 does not clip
    accumulate: int = 1  # batches a step
    precision: str = "auto"  # "no", "fp16", "bf16"; auto: bf16 on newer GPUs, fp16 on older ones, no on a CPU
    seed: int = 0  # of dropout
    log_every: int = 10  # steps
    evaluate_every: int = 0  # steps; 0 evaluates only before the first and after the last
    keep_best: str = ""  # a number of `evaluate`: the weights at its best are kept (a loss: at its lowest)
    patience: int = 0  # end after so many evaluations in a row that were not the best; 0: never
    checkpoint_seconds: float = 30.0  # writing one changes nothing in the run, so it may go by the clock
    workers: int = 0  # processes that make batches ahead; worth it on a GPU
    compile: bool = False  # `torch.compile`: minutes of compiling, for long runs on a GPU; on a CPU it gained nothing

    def __post_init__(self):
        for name in ("steps", "accumulate", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate is {self.learning_rate}; it must be above 0")
        if not 0 <= self.warmup <= 1:
            raise ValueError(f"warmup is {self.warmup}; it is a share of the steps, from 0 to 1")
        if self.patience < 0 or (self.patience and not self.keep_best):
            raise ValueError(f"patience is {self.patience}: it counts evaluations that are not the best; say keep_best")
        if self.optimizer not in ("adamw", "muon"):
            raise ValueError(f"optimizer is {self.optimizer!r}; it must be adamw or muon")
        if self.precision not in ("auto", "no", "fp16", "bf16"):
            raise ValueError(f"precision is {self.precision!r}; it must be auto, no, fp16 or bf16")


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
) -> list[dict]:
    """Train `model` in place and return the log: one dict of step, tokens, learning_rate, loss, and what `evaluate`
    gives.

    With a `folder`, checkpoints are written into it and `resume=True` goes on from the newest whole one.
    `watch(row, status)` is called for every row of the log, and `watch({}, status)` about once a second; status
    holds step, steps, seconds, tokens_per_second, seconds_left. The default draws one progress bar; `watch=quiet`
    draws nothing. `scale(name)` multiplies the learning rate of a parameter. Under `torchrun` the processes share the
    work. Ctrl-C finishes the step, writes a checkpoint and raises KeyboardInterrupt; a second one stops at once.
    Raises FileExistsError when `folder` holds a run and `resume` is False, ValueError when the run in it had other
    settings, FloatingPointError when the loss is no longer a number.
    """
    from accelerate import DistributedDataParallelKwargs

    # A head whose labels are missing gets no gradient; DDP would wait for it.
    accelerator = make_accelerator(config, [DistributedDataParallelKwargs(find_unused_parameters=True)])
    optimizer = make_optimizer(model, config, accelerator.device, scale)
    wrapped, prepared = accelerator.prepare(model, optimizer)
    # What is compiled is called and no more: names, checkpoints and evaluation stay those of `model`.
    forward = torch.compile(wrapped, backend=COMPILE_BACKEND, dynamic=True) if config.compile else wrapped
    settings = asdict(config) | batches.fingerprint()
    run = TrainingRun(model, optimizer, accelerator.scaler, settings, defaults=asdict(TrainConfig()))
    if folder is not None:
        with accelerator.main_process_first():  # one puts a damaged checkpoint aside, the others read what is left
            run.open_folder(Path(folder), resume)
    watch = watch or ProgressBar(config.steps) if accelerator.is_main_process else quiet
    clock = TrainingClock(run, config.steps)
    processes, process = accelerator.num_processes, accelerator.process_index

    def report(row: dict) -> None:
        run.log.append(row)
        watch(row, clock.measure_speed())

    def measured() -> dict[str, float]:
        if evaluate is None:
            return {}
        try:
            model.eval()
            with torch.no_grad():
                return evaluate(model)
        finally:
            model.train()

    first = run.step * config.accumulate * processes
    numbers = range(first + process, config.steps * config.accumulate * processes, processes)
    try:
        with preserve_random_state(), allow_tf32(accelerator.device), StopSignal() as stop:
            wrapped.train()
            if run.step == 0 and evaluate is not None and not run.log:
                report({"step": 0, "tokens": 0, **measured()})
                run.keep_if_best(config.keep_best)
            upcoming = prefetch_batches(batches, numbers, accelerator.device, config.workers)
            while run.step < config.steps and not run.has_lost_patience(config):
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate_at(run.step, config) * group.get("scale", 1.0)
                step_loss = torch.zeros((), device=accelerator.device)
                for part in range(config.accumulate):
                    number, tokens, batch = next(upcoming)
                    torch.manual_seed(
                        derive_seed(config.seed, number)
                    )  # dropout: the same for this batch wherever it runs
                    last = part == config.accumulate - 1
                    with contextlib.nullcontext() if last else accelerator.no_sync(wrapped):
                        loss = forward(**batch).loss / config.accumulate
                        accelerator.backward(loss)
                    step_loss += loss.detach().float()
                    run.tokens += tokens * processes
                if config.clip:
                    accelerator.clip_grad_norm_(wrapped.parameters(), config.clip)
                prepared.step()
                prepared.zero_grad()
                run.loss = run.loss + accelerator.reduce(step_loss, "mean")
                run.step += 1
                run.window += 1

                ended = run.step == config.steps
                due = evaluate is not None and (
                    ended or (config.evaluate_every and run.step % config.evaluate_every == 0)
                )
                if ended or due or run.step % config.log_every == 0:
                    loss = float(run.loss) / run.window
                    if not math.isfinite(loss):
                        raise FloatingPointError(
                            f"the loss is {loss} at step {run.step}: lower the learning rate "
                            f"({config.learning_rate}) or lengthen the warm-up ({config.warmup}){run.describe_last_checkpoint()}"
                        )
                    row = {
                        "step": run.step,
                        "tokens": run.tokens,
                        "learning_rate": learning_rate_at(run.step - 1, config),
                    }
                    run.loss, run.window = torch.zeros(()), 0
                    report(row | {"loss": loss} | (measured() if due else {}))
                    run.keep_if_best(config.keep_best)
                    ended = ended or run.has_lost_patience(config)
                elif clock.is_due("report", 1):
                    watch({}, clock.measure_speed())
                stopped = stop.agreed(accelerator)
                saving = ended or stopped or clock.is_due("checkpoint", config.checkpoint_seconds)
                if saving and accelerator.is_main_process and math.isfinite(float(run.loss)):  # never a ruined one over a good one
                    run.save()
                if stopped and not ended:
                    raise KeyboardInterrupt(
                        f"stopped after step {run.step} of {config.steps}{run.describe_last_checkpoint()}"
                    )
            run.restore_best_weights()
    finally:
        watch({}, clock.measure_speed() | {"ended": True})
        accelerator.unwrap_model(wrapped, keep_fp32_wrapper=False)  # the model is the caller's own again
    return run.log


@torch.no_grad()
def evaluate(
    model: nn.Module, batches: Iterable[dict[str, Tensor]], scores: Callable[[object, dict], dict[str, tuple]]
) -> dict[str, float]:
    """Means over all batches. `scores(output, batch)` gives (sum, count) for each name; the mean is of the counted
    things, so that a small last batch does not weigh like a full one. The model is put into eval mode, and back."""
    sums: dict[str, list[float]] = {}
    training = model.training
    device = next(model.parameters()).device
    model.eval()
    try:
        for number in range(len(batches)):
            batch = move_batch(batches[number], device)
            for name, (total, count) in scores(model(**batch), batch).items():
                sums.setdefault(name, [0.0, 0.0])
                sums[name][0] += float(total)
                sums[name][1] += float(count)
    finally:
        model.train(training)
    return {name: total / count if count else math.nan for name, (total, count) in sums.items()}


def estimate_steps(
    minutes: float, model: nn.Module, batches: Batches, config: TrainConfig, evaluations: float = 0.0
) -> int:
    """How many steps fit into `minutes` of training on this machine, less `evaluations` seconds: measured on a copy.

    The model and the random state are left as they were. The answer is a number like any other: a run that is given it
    is as reproducible as one for which somebody chose it.
    """
    if not minutes > 0:
        raise ValueError(f"minutes is {minutes}; it must be above 0")
    accelerator = make_accelerator(config)
    model = copy.deepcopy(model)
    optimizer = make_optimizer(model, config, accelerator.device)
    model, optimizer = accelerator.prepare(model, optimizer)
    seconds = []
    spread = np.linspace(0, len(batches) - 1, 16).astype(int)  # rows differ in length: look at all kinds
    with preserve_random_state(), allow_tf32(accelerator.device):
        model.train()
        for number in spread.tolist():
            start = time.perf_counter()
            loss = model(**move_batch(batches[number], accelerator.device)).loss
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
            loss.item()  # a GPU answers when it has done all of it
            seconds.append(time.perf_counter() - start)
    a_step = float(np.mean(seconds[4:])) * config.accumulate  # the first ones warm caches up
    return max(1, int((60 * minutes - evaluations) / a_step))


# The parts of the loop


def make_accelerator(config: TrainConfig, handlers: Sequence = ()):
    """accelerate's device, precision and processes, as the config wants them.

    accelerate keeps the precision for the whole process, and refuses another one. So what an earlier training chose,
    ours or a Trainer's, is forgotten first; the process group is not.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import parse_flag_from_env

    AcceleratorState._reset_state()  # transformers does this too
    gpu = torch.cuda.is_available() and not parse_flag_from_env("ACCELERATE_USE_CPU")
    precision = choose_precision(config.precision, torch.device("cuda" if gpu else "cpu"))
    return Accelerator(mixed_precision=precision, kwargs_handlers=list(handlers))


@contextlib.contextmanager
def allow_tf32(device: torch.device) -> Iterator[None]:
    """On a GPU let float32 matrix products take TF32: autocast covers the model, but Muon's are float32 always."""
    before = torch.get_float32_matmul_precision()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextlib.contextmanager
def preserve_random_state() -> Iterator[None]:
    """The caller's random numbers go on afterwards as if no training had been, on the CPU and on this process's GPU."""
    gpus = [torch.cuda.current_device()] if torch.cuda.is_available() else []  # not the other processes' ones
    with torch.random.fork_rng(gpus):
        yield


class StopSignal:
    """Ctrl-C between two steps rather than within one. The second one stops at once."""

    def __init__(self):
        self.asked = False

    def __enter__(self) -> "StopSignal":
        self.main = threading.current_thread() is threading.main_thread()
        if self.main:
            self.before = signal.signal(signal.SIGINT, self.ask)
        return self

    def __exit__(self, *_) -> None:
        if self.main:
            signal.signal(signal.SIGINT, self.before)

    def ask(self, *_) -> None:
        if self.asked:
            raise KeyboardInterrupt("stopped in the middle of a step; the last checkpoint is whole")
        self.asked = True

    def agreed(self, accelerator) -> bool:
        """Have all processes been asked to stop? One must not leave while another waits for it."""
        if accelerator.num_processes == 1:
            return self.asked
        return bool(accelerator.reduce(torch.tensor(float(self.asked), device=accelerator.device), "sum").item())
