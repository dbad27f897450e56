"""A training run on disk: checkpoints that survive a kill at any moment, and the log.

The name of a checkpoint contains the start of its own sha256, so that a damaged file is recognised and set aside.
"""

import json
import math
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .files import describe_error, hash_file, move_into_place, save_tensors, write_text
from .records import parse_record

if TYPE_CHECKING:
    from .train import TrainConfig

NAMES = {"accumulate": "accumulate (batches a step, of all processes together)"}  # in messages
CHECKPOINTS_KEPT = 2  # if the newest one is damaged, the one before it is used
# What a checkpoint holds beside its tensors.
FACTS = {"step": int, "tokens": int, "window": int, "loss": float, "log": list[dict], "scaler": dict | None,
         "settings": dict}  # fmt: skip


class TrainingRun:
    """Everything that a checkpoint holds: the weights, the optimizer's moments, the step, and the log so far.

    `settings` are recorded, and must be the same when the run is resumed. A setting that is newer than a checkpoint
    counts there as its value in `defaults`.
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, scaler, settings: dict, defaults: dict):
        self.model, self.optimizer, self.scaler, self.defaults = model, optimizer, scaler, defaults
        # These settings may change when a run is resumed: they do not affect what it computes (except for rounding).
        self.settings = {k: v for k, v in settings.items() if k not in ("checkpoint_seconds", "workers", "compile")}
        self.folder: Path | None = None
        self.step = self.tokens = self.window = 0
        self.loss = torch.zeros(())  # summed over `window` steps since the last row of the log
        self.log: list[dict] = []
        self.best: dict[str, Tensor] = {}  # the weights at the best evaluation so far, if they are to be kept

    def count_step(self, loss: Tensor, tokens: int, accelerator) -> None:
        """Count a step with this process's mean loss and tokens, together with those of the others."""
        self.loss = self.loss + accelerator.reduce(loss, "mean")
        if accelerator.num_processes > 1:  # it stays on the GPU until a number is due
            tokens = accelerator.reduce(torch.tensor(tokens, device=accelerator.device), "sum")
        self.tokens = self.tokens + tokens
        self.step, self.window = self.step + 1, self.window + 1

    # ---- The best evaluation -----------------------------------------------------------------------------------------

    def mark_best_evaluations(self, name: str) -> list[bool]:
        """For each evaluation in the log, whether it was the best until then."""
        values = [row[name] for row in self.log if name in row]
        scores = [-value if "loss" in name else value for value in values]
        return [i == 0 or score > max(scores[:i]) for i, score in enumerate(scores)]

    def keep_if_best(self, name: str) -> None:
        """Copy the weights if the last row of the log has the best value of `name`. Raises ValueError."""
        if not name:
            return
        if not any(name in row for row in self.log):
            given = ", ".join(sorted(self.log[-1].keys() - {"step", "tokens", "learning_rate", "loss"})) or "nothing"
            raise ValueError(f"keep_best is {name!r}, but `evaluate` gives {given}")
        if name in self.log[-1] and self.mark_best_evaluations(name)[-1]:
            self.best = {key: tensor.detach().clone() for key, tensor in list_saved_tensors(self.model)}

    def has_lost_patience(self, config: "TrainConfig") -> bool:
        """Whether none of the last `patience` evaluations was the best."""
        last = self.mark_best_evaluations(config.keep_best)[-config.patience :] if config.patience else []
        return len(last) == config.patience > 0 and not any(last)

    def restore_best_weights(self) -> None:
        """Copy the weights of the best evaluation, if they were kept, into the model."""
        self.copy_into_model(self.best)

    # ---- Resume ------------------------------------------------------------------------------------------------------

    def open_folder(self, folder: Path, resume: bool) -> None:
        """Start a run in `folder`, or resume the one that it holds."""
        self.folder = folder
        paths = list_checkpoints(folder)
        if paths and not resume:
            raise FileExistsError(f"{folder} holds a run already ({paths[-1].name}): resume it, or name another folder")
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        for path in reversed(paths):
            state = read_checkpoint(path)
            if state is not None:
                self.restore(*state, path)
                self.write_log()  # a kill may have come between the checkpoint and the log
                return
        if paths:
            raise ValueError(f"no checkpoint in {folder / 'checkpoints'} is complete: start again in another folder")

    def restore(self, facts: dict, tensors: dict[str, Tensor], path: Path) -> None:
        """Continue from the contents of a checkpoint. Raises ValueError if it has other settings or another model."""
        recorded = self.defaults | facts["settings"]
        if recorded.get("precision") == "auto":  # before the choice was recorded, a CPU took float32
            on_cpu = next(self.model.parameters()).device.type == "cpu"
            recorded["precision"] = "no" if on_cpu else self.settings.get("precision")
        for name, now in self.settings.items():
            if recorded.get(name) != now:
                raise ValueError(
                    f"{path} was written with {NAMES.get(name, name)} = {recorded.get(name)!r}, this run has {now!r}: "
                    "resume with the same settings, or name another folder"
                )
        weights, saved = dict(list_saved_tensors(self.model)), select_tensors(tensors, "model.")
        if weights.keys() != saved.keys() or any(weights[name].shape != saved[name].shape for name in saved):
            raise ValueError(f"{path} holds another model than the one to be trained")
        self.copy_into_model(saved)
        device = next(self.model.parameters()).device
        self.best = {name: tensor.to(device) for name, tensor in select_tensors(tensors, "best.").items()}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in select_tensors(tensors, "optimizer.").items():
            index, _, key = name.partition(".")
            moments.setdefault(int(index), {})[key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        if self.scaler is not None and facts["scaler"]:
            self.scaler.load_state_dict(facts["scaler"])
        self.step, self.tokens, self.window = facts["step"], facts["tokens"], facts["window"]
        self.loss, self.log = torch.tensor(facts["loss"]), facts["log"]

    @torch.no_grad()
    def copy_into_model(self, tensors: dict[str, Tensor]) -> None:
        """Overwrite the model's tensors of these names in place."""
        own = dict(list_saved_tensors(self.model))
        for name, tensor in tensors.items():
            own[name].copy_(tensor)

    # ---- Save --------------------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write a temporary file, wait until it is on the disk, then rename it: a kill never damages a checkpoint.

        Does nothing without a folder, or if the loss is not a number: a ruined model must not replace a good one.
        Raises OSError when the disk is full: the checkpoints before this one stay.
        """
        if self.folder is None or not math.isfinite(float(self.loss)):
            return
        tensors = {f"model.{name}": tensor.detach() for name, tensor in list_saved_tensors(self.model)}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": tensor for key, tensor in moments.items()}
        facts = {
            "step": self.step, "tokens": int(self.tokens), "window": self.window, "loss": float(self.loss),
            "log": self.log, "scaler": self.scaler.state_dict() if self.scaler is not None else None,
            "settings": self.settings,
        }  # fmt: skip
        temporary = self.folder / "checkpoints" / "being-written"
        tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
        try:
            save_tensors(tensors, temporary, {"facts": json.dumps(facts)})
            digest = hash_file(temporary)[:16]
            move_into_place(temporary, temporary.with_name(f"step-{self.step:08}-{digest}.safetensors"))
            self.write_log()
        except OSError as error:
            error.filename = str(self.folder)
            raise OSError(f"after step {self.step}: {describe_error(error)}{self.describe_last_checkpoint()}") from None
        finally:
            temporary.unlink(missing_ok=True)
        for old in list_checkpoints(self.folder)[:-CHECKPOINTS_KEPT]:
            old.unlink(missing_ok=True)

    def write_log(self) -> None:
        write_text(self.folder / "log.jsonl", "".join(json.dumps(row) + "\n" for row in self.log))

    def describe_last_checkpoint(self) -> str:
        """The end of an error message: where to resume from."""
        paths = list_checkpoints(self.folder) if self.folder is not None else []
        return f"; the last checkpoint is {paths[-1]}, go on from it with resume" if paths else ""


def list_saved_tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the names and tensors of all parameters and saved buffers, tied ones once."""
    yield from model.named_parameters()
    kept = model.state_dict().keys()
    yield from ((name, buffer) for name, buffer in model.named_buffers() if name in kept)


def select_tensors(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, under the rest of their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def list_checkpoints(folder: str | Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    return sorted(Path(folder).glob("checkpoints/step-*.safetensors"))


def read_checkpoint(path: Path) -> tuple[dict, dict[str, Tensor]] | None:
    """Return (facts, tensors), or None for a file that is damaged; it is then renamed, with a warning."""
    from safetensors import SafetensorError, safe_open

    if hash_file(path)[:16] != path.stem.split("-")[-1]:
        damaged = path.with_suffix(".damaged")
        warnings.warn(f"checkpoint {path} is damaged and not used; it is kept as {damaged.name}", stacklevel=2)
        os.replace(path, damaged)
        return None
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {}).get("facts", "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no checkpoint of bertlab's ({error}): move it out of the folder") from None
    return parse_record(facts, path, **FACTS), tensors
