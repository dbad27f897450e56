"""What a training run is, on disk: checkpoints that survive a kill at any moment, and the log.

The name of a checkpoint holds the start of its own sha256, so that a damaged file is recognised and put aside.
"""

import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .files import hash_file, move_into_place

if TYPE_CHECKING:
    from .train import TrainConfig

CHECKPOINTS_KEPT = 2  # if the newest turns out to be damaged, there is one before it


class TrainingRun:
    """What a checkpoint holds, all of it: the weights, the optimizer's moments, the step, and the log so far.

    `settings` are recorded, and must be the same when the run goes on. One that a checkpoint does not have, because it
    is newer than the file, counts as its value in `defaults`.
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, scaler, settings: dict, defaults: dict):
        self.model, self.optimizer, self.scaler, self.defaults = model, optimizer, scaler, defaults
        # Of the settings these may change when a run goes on: they do not touch what it computes (but for rounding).
        self.settings = {k: v for k, v in settings.items() if k not in ("checkpoint_seconds", "workers", "compile")}
        self.folder: Path | None = None
        self.step = self.tokens = self.window = 0
        self.loss = torch.zeros(())  # summed over `window` steps since the last row of the log
        self.log: list[dict] = []
        self.best: dict[str, Tensor] = {}  # the weights at the best evaluation so far, where they are to be kept

    def mark_best_evaluations(self, name: str) -> list[bool]:
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
        if name in self.log[-1] and self.mark_best_evaluations(name)[-1]:
            self.best = {key: tensor.detach().clone() for key, tensor in list_saved_tensors(self.model)}

    def has_lost_patience(self, config: "TrainConfig") -> bool:
        """Whether the last `patience` evaluations all were not the best."""
        last = self.mark_best_evaluations(config.keep_best)[-config.patience :] if config.patience else []
        return len(last) == config.patience > 0 and not any(last)

    def restore_best_weights(self) -> None:
        """Put the weights of the best evaluation, if they were kept, into the model."""
        own = dict(list_saved_tensors(self.model))
        with torch.no_grad():
            for name, tensor in self.best.items():
                own[name].copy_(tensor)

    def open_folder(self, folder: Path, resume: bool) -> None:
        """Begin a run in `folder`, or go on with the one that it holds."""
        self.folder = folder
        paths = list_checkpoints(folder)
        if paths and not resume:
            raise FileExistsError(f"{folder} holds a run already ({paths[-1].name}): resume it, or name another folder")
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        for path in reversed(paths):
            state = read_checkpoint(path)
            if state is not None:
                self.restore(state, path)
                return
        if paths:
            raise ValueError(f"no checkpoint in {folder / 'checkpoints'} is whole: start anew in another folder")

    def restore(self, state: tuple[dict, dict[str, Tensor]], path: Path) -> None:
        facts, tensors = state
        before = self.defaults | facts["settings"]
        for name, now in self.settings.items():
            if before.get(name) != now:
                raise ValueError(
                    f"{path} was written with {name} = {before.get(name)!r}, this run has {now!r}: resume with the "
                    f"same settings, or name another folder"
                )
        weights = dict(list_saved_tensors(self.model))
        saved = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
        if weights.keys() != saved.keys() or any(weights[name].shape != saved[name].shape for name in saved):
            raise ValueError(f"{path} holds another model than the one to be trained")
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
        """Write temporary, make sure that it is on the disk, then rename: a kill at any moment leaves a whole checkpoint.

        The name carries the start of the file's own sha256, so that a damaged file is known by its name.
        """
        if self.folder is None:
            return
        from safetensors.torch import save_file

        tensors = {
            f"model.{name}": tensor.detach().cpu().contiguous() for name, tensor in list_saved_tensors(self.model)
        }
        tensors |= {f"best.{name}": tensor.cpu().contiguous() for name, tensor in self.best.items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": tensor.cpu().contiguous() for key, tensor in moments.items()}
        facts = {
            "step": self.step, "tokens": self.tokens, "window": self.window, "loss": float(self.loss), "log": self.log,
            "scaler": self.scaler.state_dict() if self.scaler is not None else None, "settings": self.settings,
        }  # fmt: skip
        paths = self.folder / "checkpoints"
        temporary = paths / "being-written"
        save_file(tensors, temporary, metadata={"facts": json.dumps(facts)})
        path = paths / f"step-{self.step:08}-{hash_file(temporary)[:16]}.safetensors"
        move_into_place(temporary, path)
        lines = "".join(json.dumps(row) + "\n" for row in self.log)
        temporary.write_text(lines, encoding="utf-8")
        move_into_place(temporary, self.folder / "log.jsonl")
        for old in list_checkpoints(self.folder)[:-CHECKPOINTS_KEPT]:
            old.unlink(missing_ok=True)

    def describe_last_checkpoint(self) -> str:
        paths = list_checkpoints(self.folder) if self.folder is not None else []
        return f"; the last checkpoint is {paths[-1]}, go on from it with resume" if paths else ""


def list_saved_tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters and the buffers that are saved, tied ones once."""
    yield from model.named_parameters()
    kept = model.state_dict().keys()
    yield from ((name, buffer) for name, buffer in model.named_buffers() if name in kept)


def list_checkpoints(folder: str | Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    return sorted(Path(folder).glob("checkpoints/step-*.safetensors"))


def read_checkpoint(path: Path) -> tuple[dict, dict[str, Tensor]] | None:
    """(facts, tensors); None, with a warning and the file put aside, when the file is not what was written."""
    from safetensors import safe_open

    if hash_file(path)[:16] != path.stem.split("-")[-1]:
        aside = path.with_suffix(".damaged")
        warnings.warn(f"checkpoint {path} is damaged and not used; it is kept as {aside.name}", stacklevel=2)
        os.replace(path, aside)
        return None
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["facts"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
