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
import hashlib
import json
import math
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

KEEP = 2  # checkpoints; if the newest turns out to be damaged there is one before it
COMPILER = "inductor"  # torch.compile's backend


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


def learning_rate(step: int, config: TrainConfig) -> float:
    """The rate of step 0, 1, ...: up in a line over the warm-up, down in a line to 0 (Devlin et al. 2018, A.2)."""
    rising = max(1, round(config.warmup * config.steps))
    if step < rising:
        return config.learning_rate * (step + 1) / rising
    return config.learning_rate * (config.steps - step) / max(1, config.steps - rising)


class Batches(torch.utils.data.Dataset):
    """`batches[number]` is a function of (seed, number) alone; numbers go on for ever, epoch after epoch.

    `rows` is any sequence; `collate(list of rows, rng)` makes the dict of tensors, and draws what it draws (masks, say)
    from `rng`, a numpy Generator. With `lengths` (tokens of each row), rows of like length share a batch, so that
    little is padding. `shuffle=False` is for evaluation: each row once, in order, the last batch perhaps smaller.
    """

    def __init__(
        self,
        rows: Sequence,
        collate: Callable[[list, np.random.Generator], dict[str, Tensor]],
        batch_size: int,
        seed: int = 0,
        lengths: Sequence[int] | None = None,
        shuffle: bool = True,
    ):
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
        if len(rows) < (batch_size if shuffle else 1):
            raise ValueError(
                f"{len(rows)} rows do not fill one batch of {batch_size}: give more text, or smaller batches"
            )
        if lengths is not None and len(lengths) != len(rows):
            raise ValueError(f"{len(lengths)} lengths for {len(rows)} rows")
        self.rows, self.collate, self.batch_size, self.seed, self.shuffle = rows, collate, batch_size, seed, shuffle
        self.lengths = None if lengths is None else np.asarray(lengths)
        self.ordered: tuple[int, np.ndarray] = (-1, np.empty(0))  # (epoch, its order): the last one asked for

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.rows) // self.batch_size if self.shuffle else math.ceil(len(self.rows) / self.batch_size)

    def order(self, epoch: int, pool: int = 64) -> np.ndarray:
        """Which rows make which batch: (batches, batch_size). Sorted by length within pools of `pool` batches."""
        if self.ordered[0] != epoch:
            rng = np.random.default_rng((self.seed, epoch, 0))
            order = rng.permutation(len(self.rows))[: len(self) * self.batch_size]
            if self.lengths is not None:
                for start in range(0, len(order), pool * self.batch_size):
                    part = order[start : start + pool * self.batch_size]
                    part = part[np.argsort(self.lengths[part], kind="stable")].reshape(-1, self.batch_size)
                    order[start : start + part.size] = rng.permutation(part).ravel()
            self.ordered = (epoch, order.reshape(-1, self.batch_size))
        return self.ordered[1]

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        if number < 0 or (not self.shuffle and number >= len(self)):
            raise IndexError(f"no batch {number}")
        epoch, place = divmod(number, len(self))
        if self.shuffle:
            chosen = self.order(epoch)[place]
        else:
            chosen = range(place * self.batch_size, min((place + 1) * self.batch_size, len(self.rows)))
        return self.collate([self.rows[int(i)] for i in chosen], np.random.default_rng((self.seed, number, 1)))

    def fingerprint(self) -> dict:
        """What must not change between the parts of a resumed run."""
        return {"rows": len(self.rows), "batch_size": self.batch_size, "batch_seed": self.seed}


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
    accelerator = new_accelerator(config, [DistributedDataParallelKwargs(find_unused_parameters=True)])
    optimizer = new_optimizer(model, config, accelerator.device, scale)
    wrapped, prepared = accelerator.prepare(model, optimizer)
    # What is compiled is called and no more: names, checkpoints and evaluation stay those of `model`.
    forward = torch.compile(wrapped, backend=COMPILER, dynamic=True) if config.compile else wrapped
    run = Run(model, optimizer, accelerator.scaler, {**asdict(config), **batches.fingerprint()})
    if folder is not None:
        with accelerator.main_process_first():  # one puts a damaged checkpoint aside, the others read what is left
            run.open(Path(folder), resume)
    watch = watch or Bar(config.steps) if accelerator.is_main_process else quiet
    clock = Clock(run, config.steps)
    processes, process = accelerator.num_processes, accelerator.process_index

    def report(row: dict) -> None:
        run.log.append(row)
        watch(row, clock.status())

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
        with one_random_state(), fast_products(accelerator.device), StopSignal() as stop:
            wrapped.train()
            if run.step == 0 and evaluate is not None and not run.log:
                report({"step": 0, "tokens": 0, **measured()})
                run.keep_if_best(config.keep_best)
            upcoming = ahead(batches, numbers, accelerator.device, config.workers)
            while run.step < config.steps and not run.gave_up(config):
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(run.step, config) * group.get("scale", 1.0)
                step_loss = torch.zeros((), device=accelerator.device)
                for part in range(config.accumulate):
                    number, tokens, batch = next(upcoming)
                    torch.manual_seed(
                        seed_for(config.seed, number)
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
                            f"({config.learning_rate}) or lengthen the warm-up ({config.warmup}){run.where()}"
                        )
                    row = {"step": run.step, "tokens": run.tokens, "learning_rate": learning_rate(run.step - 1, config)}
                    run.loss, run.window = torch.zeros(()), 0
                    report(row | {"loss": loss} | (measured() if due else {}))
                    run.keep_if_best(config.keep_best)
                    ended = ended or run.gave_up(config)
                elif clock.tick():
                    watch({}, clock.status())
                stopped = stop.agreed(accelerator)
                saving = accelerator.is_main_process and (ended or stopped or clock.due(config.checkpoint_seconds))
                if saving and math.isfinite(float(run.loss)):  # never a ruined one over a good one
                    run.save()
                if stopped and not ended:
                    raise KeyboardInterrupt(f"stopped after step {run.step} of {config.steps}{run.where()}")
            run.take_best()
    finally:
        watch({}, clock.status() | {"ended": True})
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
            batch = to_device(batches[number], device)
            for name, (total, count) in scores(model(**batch), batch).items():
                sums.setdefault(name, [0.0, 0.0])
                sums[name][0] += float(total)
                sums[name][1] += float(count)
    finally:
        model.train(training)
    return {name: total / count if count else math.nan for name, (total, count) in sums.items()}


def steps_in(minutes: float, model: nn.Module, batches: Batches, config: TrainConfig, evaluations: float = 0.0) -> int:
    """How many steps fit into `minutes` of training on this machine, less `evaluations` seconds: measured on a copy.

    The model and the random state are left as they were. The answer is a number like any other: a run that is given it
    is as reproducible as one for which somebody chose it.
    """
    if not minutes > 0:
        raise ValueError(f"minutes is {minutes}; it must be above 0")
    accelerator = new_accelerator(config)
    model = copy.deepcopy(model)
    optimizer = new_optimizer(model, config, accelerator.device)
    model, optimizer = accelerator.prepare(model, optimizer)
    seconds = []
    spread = np.linspace(0, len(batches) - 1, 16).astype(int)  # rows differ in length: look at all kinds
    with one_random_state(), fast_products(accelerator.device):
        model.train()
        for number in spread.tolist():
            start = time.perf_counter()
            loss = model(**to_device(batches[number], accelerator.device)).loss
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
            loss.item()  # a GPU answers when it has done all of it
            seconds.append(time.perf_counter() - start)
    a_step = float(np.mean(seconds[4:])) * config.accumulate  # the first ones warm caches up
    return max(1, int((60 * minutes - evaluations) / a_step))


# The parts of the loop


def new_accelerator(config: TrainConfig, handlers: Sequence = ()):
    """accelerate's device, precision and processes, as the config wants them.

    accelerate keeps the precision for the whole process, and refuses another one. So what an earlier training chose,
    ours or a Trainer's, is forgotten first; the process group is not.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import parse_flag_from_env

    AcceleratorState._reset_state()  # transformers does this too
    gpu = torch.cuda.is_available() and not parse_flag_from_env("ACCELERATE_USE_CPU")
    precision = best_precision(config.precision, torch.device("cuda" if gpu else "cpu"))
    return Accelerator(mixed_precision=precision, kwargs_handlers=list(handlers))


def new_optimizer(
    model: nn.Module,
    config: TrainConfig,
    device: torch.device | None = None,
    scale: Callable[[str], float] | None = None,
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2017), or Muon for the matrices of the layers and AdamW for what is left.

    Matrices are decayed, biases and LayerNorms are not (BERT's `optimization.py`). `device` is where the model will be
    trained: accelerate moves it when the optimizer has been made. `scale` multiplies the learning rate by a
    parameter's name. Raises ValueError when the model has nothing to be trained.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    if not trained:
        raise ValueError("no parameter of the model is to be trained (all have requires_grad=False)")
    inner = {id(p) for p in layer_matrices(model)} if config.optimizer == "muon" else set()
    groups = [
        {"params": [p for p in trained if p.dim() > 1 and id(p) not in inner], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
    if scale is not None:
        scales = {id(p): float(scale(name)) for name, p in model.named_parameters()}
        groups = by_scale(groups, scales)
    options = {"lr": config.learning_rate, "betas": (config.beta1, config.beta2), "eps": config.epsilon}
    device = device or trained[0].device
    fused = device.type in ("cpu", "cuda")
    if config.optimizer == "muon":
        matrices = [p for p in trained if id(p) in inner]
        inner_group = {"params": matrices, "weight_decay": config.weight_decay, "muon": True}
        groups += [inner_group] if scale is None else by_scale([inner_group], scales)
        # Fused AdamW tells the fp16 scaler that it skips a step with infinite gradients by itself. Muon does not.
        return Muon(groups, fused=fused and best_precision(config.precision, device) != "fp16", **options)
    return torch.optim.AdamW(groups, fused=fused, **options)


def by_scale(groups: list[dict], scales: dict[int, float]) -> list[dict]:
    """The optimizer's groups, each parted by the factors of its parameters' learning rates, `scales` by id."""
    parted = []
    for group in groups:
        for factor in sorted({scales[id(p)] for p in group["params"]}):
            parted.append(group | {"params": [p for p in group["params"] if scales[id(p)] == factor], "scale": factor})
    return parted


def layer_matrices(model: nn.Module) -> list[nn.Parameter]:
    """The matrices of the stacked layers: weights of every `nn.Linear` within an `nn.ModuleList`.

    Embeddings and heads are not among them: their rows stand for words and classes, each on its own.
    """
    stacks = [part for part in model.modules() if isinstance(part, nn.ModuleList)]
    linear = [part for stack in stacks for part in stack.modules() if isinstance(part, nn.Linear)]
    return list({id(part.weight): part.weight for part in linear}.values())


class Muon(torch.optim.AdamW):
    """Muon (Jordan et al. 2024) for the groups that say `"muon": True`, AdamW for the others.

    A matrix goes along its averaged gradient with all singular values brought near 1: every direction is learned at the
    same pace, the rare ones too. The update is scaled to the size of AdamW's, 0.2 * sqrt(longer side), so that one
    learning rate and one decay serve both (Liu et al. 2025, "Muon is Scalable for LLM Training", section 2.2).
    `torch.optim.Muon` works in bfloat16, which many CPUs compute slowly; this one keeps the gradient's type.
    """

    MOMENTUM = 0.95

    @torch.no_grad()
    def step(self, closure=None):
        """One step; `closure`, if any, computes the loss again, as for any optimizer."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if not group.get("muon"):
                continue
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if not state:
                    state["momentum"] = torch.zeros_like(matrix)
                    state["step"] = torch.zeros(())  # AdamW asks for one when it loads a state
                average, state["step"] = state["momentum"], state["step"] + 1
                average.lerp_(matrix.grad, 1 - self.MOMENTUM)
                update = orthogonal(matrix.grad.lerp(average, self.MOMENTUM))  # Nesterov's look ahead
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(update, alpha=-group["lr"] * 0.2 * math.sqrt(max(matrix.shape)))
                matrix.grad = None  # AdamW, below, passes over it
        super().step()
        return loss


def orthogonal(matrix: Tensor, rounds: int = 5) -> Tensor:
    """The matrix with its singular values brought to between about 0.7 and 1.2, by products alone (Jordan et al. 2024).

    Each round takes every singular value s to 3.4445 s - 4.775 s^3 + 2.0315 s^5, a Newton-Schulz step whose
    coefficients lift small values fast. A matrix of zeros stays one.
    """
    wide = matrix.size(0) > matrix.size(1)
    x = matrix.T if wide else matrix
    x = x / x.norm().clamp(min=1e-12)
    for _ in range(rounds):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=-4.775, alpha=2.0315), x, beta=3.4445)
    return x.T if wide else x


def best_precision(wish: str, device: torch.device) -> str:
    """accelerate's word for the precision: what was wished for, or what the device multiplies fastest."""
    if wish != "auto":
        return wish
    if device.type != "cuda":
        return "no"
    return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp16"


@contextlib.contextmanager
def fast_products(device: torch.device) -> Iterator[None]:
    """On a GPU let float32 matrix products take TF32: autocast covers the model, but Muon's are float32 always."""
    before = torch.get_float32_matmul_precision()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def seed_for(seed: int, number: int) -> int:
    """A 63-bit seed for a batch: far apart for neighbours, the same on every machine."""
    return int(np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0] >> 1)


def ahead(
    batches: Batches, numbers: range, device: torch.device, workers: int
) -> Iterator[tuple[int, int, dict[str, Tensor]]]:
    """(number, tokens, batch on the device) for each number, made ahead by worker processes if there are any.

    The tokens are counted before the copy: a GPU that was asked for a sum would have to finish all that it has to do.
    """
    pinned = device.type == "cuda"
    loader = torch.utils.data.DataLoader(
        batches, batch_size=None, sampler=numbers, num_workers=workers, pin_memory=pinned
    )
    for number, batch in zip(numbers, loader, strict=True):
        yield number, count_tokens(batch), to_device(batch, device)


def to_device(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Copy a batch; from pinned memory the copy overlaps with computing."""
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


def count_tokens(batch: dict[str, Tensor]) -> int:
    """Tokens in a batch, padding not counted."""
    mask = batch.get("attention_mask")
    return batch["input_ids"].numel() if mask is None or mask.dim() != 2 else int(mask.sum())


@contextlib.contextmanager
def one_random_state() -> Iterator[None]:
    """The caller's random numbers go on afterwards as if no training had been, on the CPU and on this process's GPU."""
    gpus = [torch.cuda.current_device()] if torch.cuda.is_available() else []  # not the other processes' ones
    with torch.random.fork_rng(gpus):
        yield


class Run:
    """What a checkpoint holds, all of it: the weights, the optimizer's moments, the step, and the log so far."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, scaler, settings: dict):
        self.model, self.optimizer, self.scaler = model, optimizer, scaler
        # Of the settings these may change when a run goes on: they do not touch what it computes (but for rounding).
        self.settings = {k: v for k, v in settings.items() if k not in ("checkpoint_seconds", "workers", "compile")}
        self.folder: Path | None = None
        self.step = self.tokens = self.window = 0
        self.loss = torch.zeros(())  # summed over `window` steps since the last row of the log
        self.log: list[dict] = []
        self.best: dict[str, Tensor] = {}  # the weights at the best evaluation so far, where they are to be kept

    def bests(self, name: str) -> list[bool]:
        """Of each evaluation in the log whether it was the best until then."""
        values = [row[name] for row in self.log if name in row]
        signs = [-value if "loss" in name else value for value in values]
        return [i == 0 or value > max(signs[:i]) for i, value in enumerate(signs)]

    def keep_if_best(self, name: str) -> None:
        """Copy the weights if the last row of the log has the best value of `name`. Raises ValueError."""
        if not name:
            return
        if not any(name in row for row in self.log):
            given = ", ".join(sorted(self.log[-1].keys() - {"step", "tokens", "learning_rate", "loss"})) or "nothing"
            raise ValueError(f"keep_best is {name!r}, but `evaluate` gives {given}")
        if name in self.log[-1] and self.bests(name)[-1]:
            self.best = {key: tensor.detach().clone() for key, tensor in weights_of(self.model)}

    def gave_up(self, config: TrainConfig) -> bool:
        """Whether the last `patience` evaluations all were not the best."""
        last = self.bests(config.keep_best)[-config.patience :] if config.patience else []
        return len(last) == config.patience > 0 and not any(last)

    def take_best(self) -> None:
        """Put the weights of the best evaluation, if they were kept, into the model."""
        own = dict(weights_of(self.model))
        with torch.no_grad():
            for name, tensor in self.best.items():
                own[name].copy_(tensor)

    def open(self, folder: Path, resume: bool) -> None:
        """Begin a run in `folder`, or go on with the one that it holds."""
        self.folder = folder
        places = checkpoints(folder)
        if places and not resume:
            raise FileExistsError(
                f"{folder} holds a run already ({places[-1].name}): resume it, or name another folder"
            )
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        for place in reversed(places):
            state = read_checkpoint(place)
            if state is not None:
                self.restore(state, place)
                return
        if places:
            raise ValueError(f"no checkpoint in {folder / 'checkpoints'} is whole: start anew in another folder")

    def restore(self, state: tuple[dict, dict[str, Tensor]], place: Path) -> None:
        facts, tensors = state
        before = asdict(TrainConfig()) | facts["settings"]  # a setting that is newer than the file has its default
        for name, now in self.settings.items():
            if before.get(name) != now:
                raise ValueError(
                    f"{place} was written with {name} = {before.get(name)!r}, this run has {now!r}: resume with the "
                    f"same settings, or name another folder"
                )
        weights = dict(weights_of(self.model))
        saved = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
        if weights.keys() != saved.keys() or any(weights[name].shape != saved[name].shape for name in saved):
            raise ValueError(f"{place} holds another model than the one to be trained")
        with torch.no_grad():
            for name, tensor in saved.items():
                weights[name].copy_(tensor)
        device = next(self.model.parameters()).device
        best = {name.removeprefix("best."): t for name, t in tensors.items() if name.startswith("best.")}
        self.best = {name: tensor.to(device) for name, tensor in best.items()}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".")
                moments.setdefault(int(index), {})[key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        if self.scaler is not None and facts["scaler"]:
            self.scaler.load_state_dict(facts["scaler"])
        self.step, self.tokens, self.window = facts["step"], facts["tokens"], facts["window"]
        self.loss, self.log = torch.tensor(facts["loss"]), facts["log"]

    def save(self) -> None:
        """Write beside, make sure that it is on the disk, then rename: a kill at any moment leaves a whole checkpoint.

        The name carries the start of the file's own sha256, so that a damaged file is known by its name.
        """
        if self.folder is None:
            return
        from safetensors.torch import save_file

        tensors = {f"model.{name}": tensor.detach().cpu().contiguous() for name, tensor in weights_of(self.model)}
        tensors |= {f"best.{name}": tensor.cpu().contiguous() for name, tensor in self.best.items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": tensor.cpu().contiguous() for key, tensor in moments.items()}
        facts = {
            "step": self.step, "tokens": self.tokens, "window": self.window, "loss": float(self.loss), "log": self.log,
            "scaler": self.scaler.state_dict() if self.scaler is not None else None, "settings": self.settings,
        }  # fmt: skip
        places = self.folder / "checkpoints"
        beside = places / "being-written"
        save_file(tensors, beside, metadata={"facts": json.dumps(facts)})
        place = places / f"step-{self.step:08}-{sha256(beside)[:16]}.safetensors"
        put_in_place(beside, place)
        lines = "".join(json.dumps(row) + "\n" for row in self.log)
        beside.write_text(lines, encoding="utf-8")
        put_in_place(beside, self.folder / "log.jsonl")
        for old in checkpoints(self.folder)[:-KEEP]:
            old.unlink(missing_ok=True)

    def where(self) -> str:
        places = checkpoints(self.folder) if self.folder is not None else []
        return f"; the last checkpoint is {places[-1]}, go on from it with resume" if places else ""


def weights_of(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters and the buffers that are saved, tied ones once."""
    yield from model.named_parameters()
    kept = model.state_dict().keys()
    yield from ((name, buffer) for name, buffer in model.named_buffers() if name in kept)


def checkpoints(folder: str | Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    return sorted(Path(folder).glob("checkpoints/step-*.safetensors"))


def read_checkpoint(place: Path) -> tuple[dict, dict[str, Tensor]] | None:
    """(facts, tensors); None, with a warning and the file put aside, when the file is not what was written."""
    from safetensors import safe_open

    if sha256(place)[:16] != place.stem.split("-")[-1]:
        aside = place.with_suffix(".damaged")
        warnings.warn(f"checkpoint {place} is damaged and not used; it is kept as {aside.name}", stacklevel=2)
        os.replace(place, aside)
        return None
    with safe_open(place, "pt") as file:
        return json.loads(file.metadata()["facts"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def write_whole(place: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    beside = place.with_name(f".{place.name}.{os.getpid()}.being-written")
    try:
        beside.write_text(text, encoding="utf-8")
        put_in_place(beside, place)
    finally:
        beside.unlink(missing_ok=True)


def write_json(place: Path, value: dict) -> None:
    """`write_whole` of plain values."""
    write_whole(place, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def put_in_place(beside: Path, place: Path) -> None:
    """Rename a file that was written beside, after it has reached the disk."""
    with open(beside, "rb") as file:
        os.fsync(file.fileno())
    os.replace(beside, place)
    if os.name == "posix":  # the new name is on the disk when its folder is
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def sha256(place: Path) -> str:
    with open(place, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


class Clock:
    """Speed and time left. Nothing of this is in the log: the log must be the same on every machine."""

    def __init__(self, run: Run, steps: int):
        self.run, self.steps = run, steps
        self.start = self.shown = self.saved = time.monotonic()
        self.first_step, self.first_tokens = run.step, run.tokens

    def status(self) -> dict:
        seconds = time.monotonic() - self.start
        done = self.run.step - self.first_step
        return {
            "step": self.run.step,
            "steps": self.steps,
            "seconds": seconds,
            "tokens_per_second": (self.run.tokens - self.first_tokens) / seconds if seconds else 0.0,
            "seconds_left": seconds / done * (self.steps - self.run.step) if done else math.nan,
        }

    def tick(self) -> bool:
        """True about once a second."""
        if time.monotonic() - self.shown < 1:
            return False
        self.shown = time.monotonic()
        return True

    def due(self, seconds: float) -> bool:
        """True once every `seconds`."""
        if time.monotonic() - self.saved < seconds:
            return False
        self.saved = time.monotonic()
        return True


def quiet(row: dict, status: dict) -> None:
    """Watch without a word."""


class Bar:
    """One progress bar on standard error: steps, time left, tokens a second, and the newest of each number."""

    def __init__(self, steps: int):
        from tqdm import tqdm

        shape = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
        self.bar = tqdm(total=steps, bar_format=shape, file=sys.stderr, dynamic_ncols=True, leave=True)
        self.newest: dict[str, str] = {}

    def __call__(self, row: dict, status: dict) -> None:
        if self.bar.n == 0 and status["step"] > 1:
            self.bar.initial = status["step"]  # a resumed run: time left from its own steps
        numbers = {k: v for k, v in row.items() if isinstance(v, float) and k != "learning_rate"}
        self.newest |= {name: f"{100 * v:.1f}%" if "accuracy" in name else f"{v:.3f}" for name, v in numbers.items()}
        self.bar.n = status["step"]
        speed = f", {status['tokens_per_second']:,.0f} tokens/s"
        self.bar.set_postfix_str(speed[2:] + "".join(f", {name} {value}" for name, value in self.newest.items()))
        if status.get("ended"):
            self.bar.close()
