"""bench.sides: TODO."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from .. import weights
from ..batches import Batches
from ..train import TrainConfig, train
from .machine import count_useful_flops, get_peak_memory
from .settings import GROUPED, OURS, Setting

OPTIMIZER = {"learning_rate": 1e-4, "weight_decay": 0.01}

EPSILON, CLIP = 1e-6, 1.0

FEW_ROWS = 8  # rows that are enough to compare two models, or to warm up with


class Side:
    """A model, and how it is trained. It lives in a process of its own: see `serve_side`."""

    def __init__(self, setting: Setting, name: str):
        import transformers.trainer  # noqa: F401  on all sides, so that none counts as memory what it imports

        self.setting, self.name = setting, name
        self.before = get_peak_memory()
        self.model = load_side_model(setting, name)

    def first_loss(self) -> float:
        """The loss of the first rows before any training, without dropout: the same on all sides."""
        count = min(len(self.setting.rows), FEW_ROWS)
        batch = self.setting.collate([self.setting.rows[i] for i in range(count)], np.random.default_rng(0))
        self.model.eval()
        with torch.no_grad():
            return float(self.model(**batch).loss)

    def fit(self, number: int, steps: int, batch_size: int = 0) -> dict[str, float]:
        """Train for `steps` steps, on batches that hang on the measurement's `number`, by the side's own loop.

        The seconds are those from making the first batch to the end of the last step. The rows are laid out before.
        `batch_size` is the setting's, unless another is asked for.
        """
        setting = replace(self.setting, batch_size=batch_size or self.setting.batch_size)
        chosen = order_batches(setting, self.name, number)
        chosen = chosen[np.arange(steps) % len(chosen)].ravel()
        rows = [setting.rows[int(i)] for i in chosen]
        clock = StepClock(setting.collate)
        batches = Batches(rows, clock, setting.batch_size, seed=number, shuffle=False)
        config = TrainConfig(steps=steps, log_every=steps, warmup=0.0, epsilon=EPSILON, clip=CLIP, **OPTIMIZER)
        self.model.train()
        loss = (fit_ours if self.name == OURS else fit_trainer)(self.model, batches, config, clock.lap)
        seconds = clock.seconds()
        classes = getattr(self.model, "num_labels", 2)
        flops = sum(count_useful_flops(self.model.config, batches[i], classes) for i in range(steps))
        tokens = int(self.setting.lengths[chosen].sum())
        return {"steps": steps, "seconds": seconds, "tokens": tokens, "useful_flops": flops, "loss": loss}

    def memory(self) -> dict[str, int]:
        """Bytes: the process's high-water mark, and what of it came since the imports: weights, gradients, AdamW's
        moments, activations."""
        peak = get_peak_memory()
        return {"peak_bytes": peak, "training_bytes": peak - self.before}


def load_side_model(setting: Setting, name: str) -> torch.nn.Module:
    """The setting's model with its first weights: ours, or transformers' counterpart."""
    if name == OURS:
        return weights.load(setting.folder, setting.kind)
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return getattr(transformers, weights.ARCHITECTURES[setting.kind]).from_pretrained(setting.folder)


class StepClock:
    """A collate that notes when it makes the first batch; `lap` notes the end of a step, and the last one counts.

    What a side does once a run, before its first batch and after its last step, is nothing in a long run. In one of a
    second it would count: the Trainer takes some tenths of one, ours a hundredth.
    """

    def __init__(self, collate: Callable):
        self.collate = collate
        self.start = self.end = 0.0

    def __call__(self, rows: Sequence, rng: np.random.Generator) -> dict[str, Tensor]:
        self.start = self.start or time.perf_counter()
        return self.collate(rows, rng)

    def lap(self, step: int = 0) -> None:
        self.end = time.perf_counter()

    def seconds(self) -> float:
        return self.end - self.start


def fit_ours(model: torch.nn.Module, batches: Batches, config: TrainConfig, lap: Callable[[int], None]) -> float:
    """All batches once by `bertlab.train.train`, as everybody calls it; returns the mean loss of the last log row.

    `lap(step)` is called at the end of each step that is logged.
    """
    return train(model, batches, config, watch=lambda row, status: lap(row["step"]) if row else None)[-1]["loss"]


def fit_trainer(model: torch.nn.Module, batches: Batches, config: TrainConfig, lap: Callable[[int], None]) -> float:
    """The same by `Trainer.train`, with nothing switched on that costs time: no logs, bars, checkpoints, evaluation.

    Our collate makes its batches too: same share of masked words, and the Trainer's own collator for masked words knows
    no next sentence. `lap(step)` is called at the end of each step. Returns the mean loss.
    """
    from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

    class Laps(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            lap(state.global_step)

    rng = np.random.default_rng(batches.seed)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, num_train_epochs=1, per_device_train_batch_size=batches.batch_size,
            train_sampling_strategy="sequential",  # `order_batches` has sampled
            optim="adamw_torch_fused", learning_rate=config.learning_rate, weight_decay=config.weight_decay,
            adam_beta1=config.beta1, adam_beta2=config.beta2, adam_epsilon=config.epsilon, max_grad_norm=config.clip,
            lr_scheduler_type="linear", warmup_steps=round(config.warmup * config.steps),
            use_cpu=True, dataloader_num_workers=0, remove_unused_columns=False,
            report_to="none", logging_strategy="no", save_strategy="no", eval_strategy="no", disable_tqdm=True,
        )  # fmt: skip
        collate = lambda rows: batches.collate(rows, rng)  # noqa: E731
        trainer = Trainer(model, arguments, collate, batches.rows, callbacks=[Laps()])
        trainer.remove_callback(PrinterCallback)
        return trainer.train().training_loss


def order_batches(setting: Setting, side: str, number: int) -> np.ndarray:
    """The batches of an epoch as the side's own sampler makes them: numbers of rows, (batches, B).

    Ours: `Batches` with lengths. The Trainer's: random rows, or `train_sampling_strategy="group_by_length"`. Where rows
    are grouped, some batches are long and others short, and the Trainer takes the longest ones first. A short
    measurement must see all kinds: so these batches are taken in another order, in which any first few are spread over
    all lengths.
    """
    lengths, B = setting.lengths, setting.batch_size
    if side == OURS:
        batches = Batches(setting.rows, setting.collate, B, seed=number, lengths=lengths).order(0)
    elif side == GROUPED:
        from transformers.trainer_pt_utils import LengthGroupedSampler

        random = torch.Generator().manual_seed(number)
        rows = list(LengthGroupedSampler(B, lengths=lengths.tolist(), generator=random))
        batches = np.array(rows[: len(rows) // B * B]).reshape(-1, B)
    else:
        rows = np.random.default_rng(number).permutation(len(lengths))
        return rows[: len(rows) // B * B].reshape(-1, B)
    by_length = batches[np.argsort(lengths[batches].mean(1), kind="stable")]
    return by_length[spread_evenly(len(by_length), number)]


def spread_evenly(count: int, number: int) -> np.ndarray:
    """A permutation of `count` places whose first few are spread evenly, by steps of the golden ratio (van der Corput's
    idea); other `number`s start elsewhere."""
    points = ((np.arange(count) + 0.5) * 0.6180339887498949 + number * 0.3819) % 1
    return np.argsort(np.argsort(points))
