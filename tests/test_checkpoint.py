"""Checkpoints: a run that was interrupted or killed at any moment ends like one that was not."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from bertlab.checkpoint import list_checkpoints
from bertlab.heads import Pretraining
from bertlab.model import BertConfig
from bertlab.train import TrainConfig, train

from .conftest import ROOT
from .test_train import TINY, batches, new_model, run, same


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, optimizer):
    whole, log = run(folder=tmp_path / "whole", optimizer=optimizer)

    class PowerFailure(Exception):
        pass

    def cut(row, status):
        if status["step"] == 10:
            raise PowerFailure

    model = new_model()
    config = TrainConfig(steps=12, learning_rate=1e-2, log_every=5, checkpoint_seconds=0, optimizer=optimizer)
    with pytest.raises(PowerFailure):
        train(model, batches(), config, folder=tmp_path / "cut", watch=cut)
    assert len(list_checkpoints(tmp_path / "cut")) == 2
    torch.manual_seed(99)  # another process has another random state
    other, resumed = run(folder=tmp_path / "cut", resume=True, model=Pretraining(TINY), optimizer=optimizer)
    assert same(whole, other)
    assert resumed == log
    assert (tmp_path / "cut/log.jsonl").read_text() == (tmp_path / "whole/log.jsonl").read_text()
    assert [json.loads(line) for line in (tmp_path / "cut/log.jsonl").read_text().splitlines()] == log


def test_a_finished_run_resumes_to_itself(tmp_path):
    whole, log = run(folder=tmp_path)
    again, second = run(folder=tmp_path, resume=True, model=Pretraining(TINY))
    assert same(whole, again)
    assert second == log


def test_a_log_that_a_kill_left_unwritten_is_written_when_the_run_goes_on(tmp_path):
    run(folder=tmp_path)
    log = (tmp_path / "log.jsonl").read_bytes()
    (tmp_path / "log.jsonl").unlink()
    run(folder=tmp_path, resume=True, model=Pretraining(TINY))
    assert (tmp_path / "log.jsonl").read_bytes() == log


def test_a_folder_with_a_run_is_not_overwritten(tmp_path):
    run(folder=tmp_path)
    with pytest.raises(FileExistsError, match="holds a run already"):
        run(folder=tmp_path)


def test_other_settings_are_an_error_that_names_them(tmp_path):
    run(folder=tmp_path)
    with pytest.raises(ValueError, match="seed = 0, this run has 5"):
        run(folder=tmp_path, resume=True, seed=5)
    run(folder=tmp_path, resume=True, checkpoint_seconds=5)  # this one may change


def test_another_model_is_an_error(tmp_path):
    run(folder=tmp_path)
    other = Pretraining(BertConfig(**{**vars(TINY), "hidden_size": 32}))
    with pytest.raises(ValueError, match="another model"):
        run(folder=tmp_path, resume=True, model=other)


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty"])
def test_the_checkpoint_before_a_damaged_one_is_used(tmp_path, damage):
    whole, log = run(folder=tmp_path, checkpoint_seconds=0)
    newest = list_checkpoints(tmp_path)[-1]
    data = bytearray(newest.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
    newest.write_bytes({"truncate": data[:-100], "flip": data, "empty": b""}[damage])
    with pytest.warns(UserWarning, match=newest.name):
        again, second = run(folder=tmp_path, resume=True, model=Pretraining(TINY))
    assert same(whole, again)
    assert second == log
    assert newest.with_suffix(".damaged").exists()


def test_no_complete_checkpoint_is_an_error(tmp_path):
    run(folder=tmp_path)
    for path in list_checkpoints(tmp_path):
        path.write_bytes(b"no")
    with pytest.warns(UserWarning, match="damaged"), pytest.raises(ValueError, match="no checkpoint in .* is complete"):
        run(folder=tmp_path, resume=True)


def test_the_checkpoint_holds_what_it_needs_and_nothing_more(tmp_path):
    from safetensors import safe_open

    model, _ = run(folder=tmp_path)
    with safe_open(list_checkpoints(tmp_path)[-1], "pt") as file:
        names = set(file.keys())
        facts = json.loads(file.metadata()["facts"])
    parameters = len(list(model.parameters()))
    assert len([n for n in names if n.startswith("model.")]) == parameters
    assert len([n for n in names if n.startswith("optimizer.")]) == 3 * parameters  # two moments and a count
    assert len(names) == 4 * parameters
    assert set(facts) == {"step", "tokens", "window", "loss", "log", "scaler", "settings"}


CHILD = """
import sys, time, torch
from pathlib import Path
from bertlab.files import move_into_place
from tests.test_train import TrainConfig, batches, new_model, train
from safetensors.torch import save_file
torch.set_num_threads(1)
model = new_model()
config = TrainConfig(steps=int(sys.argv[2]), learning_rate=1e-2, log_every=5, checkpoint_seconds=float(sys.argv[3]))
train(model, batches(), config, folder=sys.argv[1], resume=True, watch=lambda row, status: time.sleep(0.003))
save_file({n: p.detach() for n, p in model.named_parameters()}, sys.argv[1] + "/end")
move_into_place(Path(sys.argv[1] + "/end"), Path(sys.argv[1] + "/end.safetensors"))
"""


def start_child(folder, steps=150, every=0.0):
    return subprocess.Popen([sys.executable, "-c", CHILD, str(folder), str(steps), str(every)], cwd=ROOT,
                            stderr=subprocess.PIPE, text=True)  # fmt: skip


def test_a_run_that_is_killed_at_any_moment_ends_the_same(tmp_path):
    """SIGKILL at random times, mostly while checkpoints are written. BERTLAB_KILLS=10 and more for a long check."""
    undisturbed = start_child(tmp_path / "whole", every=1e9)
    assert undisturbed.wait(300) == 0, undisturbed.stderr.read()
    wanted, rng, kills, tries = int(os.environ.get("BERTLAB_KILLS", 3)), np.random.default_rng(0), 0, 0
    while kills < wanted and tries < 6 * wanted:
        tries += 1
        process = start_child(tmp_path / "killed")
        start = time.monotonic()
        while not list_checkpoints(tmp_path / "killed") and process.poll() is None and time.monotonic() - start < 300:
            time.sleep(0.01)
        if tries > 1:
            time.sleep(2.0)  # until it has started again
        time.sleep(float(rng.uniform(0, 0.4)))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        process.stderr.close()
        if (tmp_path / "killed/end.safetensors").exists():
            break
    assert kills >= 1
    last = start_child(tmp_path / "killed")
    assert last.wait(300) == 0, last.stderr.read()
    last.stderr.close()
    undisturbed.stderr.close()
    for name in ("end.safetensors", "log.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()
    print(f"{kills} kills")
