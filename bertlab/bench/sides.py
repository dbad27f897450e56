"""The two training loops that are compared, ours and `transformers.Trainer`'s: same weights, rows and optimizer."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from .. import weights
from ..batches import Batches
from ..precision import choose_precision
from ..train import TrainConfig, release_model, train
from .machine import count_useful_flops, get_peak_memory
from .settings import SIDES, Setting

OPTIMIZER = {"learning_rate": 1e-4, "weight_decay": 0.01, "epsilon": 1e-6, "clip": 1.0, "warmup": 0.0}
FEW_ROWS = 8  # enough rows to compare two models, or to warm up with


class Side:
    """A model and its training loop. It lives in a process of its own, see `processes.Worker`."""

    def __init__(self, setting: Setting, name: str, pipe=None):  # a side needs no pipe: it only answers
        import transformers.trainer  # noqa: F401  on all sides, so that this import counts as memory for none of them

        self.setting, self.name = setting, name
        self.memory_before = get_peak_memory()
        self.model = load_side_model(setting, SIDES[name].trainer)

    def compute_first_loss(self) -> float:
        """The loss of the first rows before any training, without dropout: the same on all sides."""
        rows = [self.setting.rows[i] for i in range(min(len(self.setting.rows), FEW_ROWS))]
        batch = self.setting.collate(rows, np.random.default_rng(0))
        self.model.eval()
        with torch.no_grad():
            return float(self.model(**batch).loss)

    def measure_training(self, number: int, steps: int, batch_size: int = 0) -> dict[str, float]:
        """Train for `steps` steps with the side's own loop, on batches that depend on the measurement's `number`. The
        rows are built beforehand; the seconds run from making the first batch to the end of the last step. `batch_size`
        is the setting's, unless another one is given."""
        setting = replace(self.setting, batch_size=batch_size or self.setting.batch_size)
        order = order_batches(setting, self.name, number)
        chosen = order[np.arange(steps) % len(order)].ravel()
        clock, rows = StepClock(setting.collate), [setting.rows[int(i)] for i in chosen]
        batches = Batches(rows, clock, setting.batch_size, seed=number, shuffle=False)
        config = TrainConfig(steps=steps, log_every=steps, precision=SIDES[self.name].precision, **OPTIMIZER)
        fit = fit_trainer if SIDES[self.name].trainer else fit_ours
        loss = fit(self.model.train(), batches, config, clock.record_step_end)
        seconds = clock.end - clock.start  # before `batches[i]` below calls the clock again
        classes = getattr(self.model, "num_labels", 2)
        flops = sum(count_useful_flops(self.model.config, batches[i], classes) for i in range(steps))
        tokens = int(setting.lengths[chosen].sum())
        return {"steps": steps, "seconds": seconds, "tokens": tokens, "useful_flops": flops, "loss": loss}

    def measure_memory(self) -> dict[str, int]:
        """The process's peak in bytes, and the part of it that came after the imports: weights, gradients, AdamW's
        moments and activations."""
        peak = get_peak_memory()
        return {"peak_bytes": peak, "training_bytes": peak - self.memory_before}


def load_side_model(setting: Setting, trainer: bool) -> torch.nn.Module:
    """Load the setting's first weights into our model, or for the Trainer into its counterpart in transformers."""
    if not trainer:
        return weights.load(setting.folder, setting.model_class)
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return getattr(transformers, weights.ARCHITECTURES[setting.model_class]).from_pretrained(setting.folder)


class StepClock:
    """A collate function that notes when it makes the first batch; `record_step_end` notes when the last step ends. So
    what a loop does once, before its first batch and after its last step, is not measured: in these short runs it would
    matter, as the Trainer needs some tenths of a second for it, ours a hundredth."""

    def __init__(self, collate: Callable):
        self.collate = collate
        self.start = self.end = 0.0  # seconds

    def __call__(self, rows: Sequence, rng: np.random.Generator) -> dict[str, Tensor]:
        self.start = self.start or time.perf_counter()
        return self.collate(rows, rng)

    def record_step_end(self, step: int = 0) -> None:
        self.end = time.perf_counter()


def fit_ours(model: torch.nn.Module, batches: Batches, config: TrainConfig, on_step_end: Callable) -> float:
    """Train on all batches once with `bertlab.train.train`, and return the mean loss of the last row of the log.
    `on_step_end(step)` is called after each step that is logged."""
    watch = lambda row, status: on_step_end(row["step"]) if row else None  # noqa: E731
    return train(model, batches, config, watch=watch)[-1]["loss"]


def fit_trainer(model: torch.nn.Module, batches: Batches, config: TrainConfig, on_step_end: Callable) -> float:
    """Train on all batches once with `Trainer.train`, and return the mean loss. `on_step_end(step)` is called after
    each step. Logs, progress bars, checkpoints and evaluation are switched off, since they cost time. The batches are
    made by our collate, because the Trainer's own collator for MLM knows no next-sentence label."""
    from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

    class StepEnds(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            on_step_end(state.global_step)

    rng = np.random.default_rng(batches.seed)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, num_train_epochs=1, per_device_train_batch_size=batches.batch_size,
            train_sampling_strategy="sequential",  # `order_batches` has done the sampling
            optim="adamw_torch_fused", learning_rate=config.learning_rate, weight_decay=config.weight_decay,
            adam_beta1=config.beta1, adam_beta2=config.beta2, adam_epsilon=config.epsilon, max_grad_norm=config.clip,
            lr_scheduler_type="linear", warmup_steps=round(config.warmup * config.steps),
            use_cpu=True, bf16=choose_precision(config.precision, torch.device("cpu"), model) == "bf16",
            dataloader_num_workers=0, remove_unused_columns=False,
            report_to="none", logging_strategy="no", save_strategy="no", eval_strategy="no", disable_tqdm=True,
        )  # fmt: skip
        collate = lambda rows: batches.collate(rows, rng)  # noqa: E731
        trainer = Trainer(model, arguments, collate, batches.rows, callbacks=[StepEnds()])
        trainer.remove_callback(PrinterCallback)
        loss = trainer.train().training_loss
        release_model(trainer.accelerator, model)  # else the next round would be one in float32
        return loss


def order_batches(setting: Setting, side: str, number: int) -> np.ndarray:
    """The batches of an epoch as the sampler of a side of SIDES makes them: row numbers (batches, B). Ours is `Batches`
    with lengths; the Trainer's is random, or `train_sampling_strategy="group_by_length"`. Batches grouped by length are
    reordered, since the Trainer takes the longest first: a short measurement must see batches of all lengths."""
    lengths, B = setting.lengths, setting.batch_size
    if not SIDES[side].trainer:
        batches = Batches(setting.rows, setting.collate, B, seed=number, lengths=lengths).order_rows(0)
    elif SIDES[side].grouped:
        from transformers.trainer_pt_utils import LengthGroupedSampler

        generator = torch.Generator().manual_seed(number)
        rows = list(LengthGroupedSampler(B, lengths=lengths.tolist(), generator=generator))
        batches = np.array(rows[: len(rows) // B * B]).reshape(-1, B)
    else:
        rows = np.random.default_rng(number).permutation(len(lengths))
        return rows[: len(rows) // B * B].reshape(-1, B)
    by_length = batches[np.argsort(lengths[batches].mean(1), kind="stable")]
    return by_length[spread_evenly(len(by_length), number)]


def spread_evenly(count: int, number: int) -> np.ndarray:
    """A permutation of range(count) whose first few entries are spread evenly over the range. It takes steps of the
    golden ratio (van der Corput's idea); another `number` starts elsewhere."""
    points = ((np.arange(count) + 0.5) * 0.6180339887498949 + number * 0.3819) % 1
    return np.argsort(np.argsort(points))
