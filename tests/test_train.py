"""The training loop: equal to plain PyTorch, its log, the best weights, Ctrl-C, two processes. Tiny models."""

import json
import math
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from bertlab.batches import Batches
from bertlab.checkpoint import list_checkpoints
from bertlab.heads import Pretraining
from bertlab.model import BertConfig
from bertlab.optim import learning_rate_at
from bertlab.progress import ProgressBar, quiet
from bertlab.train import TrainConfig, estimate_steps, evaluate, train

from .conftest import ROOT

TINY = BertConfig(vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
                  max_position_embeddings=16)  # fmt: skip
ROWS = [np.random.default_rng(i).integers(5, 40, 6 + i % 7).tolist() for i in range(60)]


def collate(rows, rng):
    """Rows of ids, padded; one random word of each is masked."""
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    labels = torch.full_like(ids, -100)
    for i, row in enumerate(rows):
        position = int(rng.integers(1, len(row)))
        labels[i, position], ids[i, position] = ids[i, position].item(), 4
    batch = {"input_ids": ids, "labels": labels, "next_sentence_label": ids[:, 0] % 2}
    return batch if all(len(row) == longest for row in rows) else batch | {"attention_mask": (ids != 0).long()}


def batches(**changes):
    return Batches(ROWS, collate, **{"batch_size": 4, "seed": 3} | changes)


def new_model(dropout=0.1):
    torch.manual_seed(0)
    return Pretraining(
        BertConfig(**{**vars(TINY), "hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout})
    )


def run(steps=12, folder=None, resume=False, dropout=0.1, model=None, **changes):
    model = model or new_model(dropout)
    config = TrainConfig(steps=steps, learning_rate=1e-2, **{"log_every": 5} | changes)
    return model, train(model, batches(), config, folder=folder, resume=resume, watch=quiet)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


# ---- Settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [({"steps": 0}, "steps is 0"), ({"warmup": 1.5}, "warmup is 1.5"), ({"learning_rate": -1}, "learning_rate is -1"),
     ({"accumulate": 0}, "accumulate is 0"), ({"precision": "int8"}, "'int8'"),
     ({"optimizer": "sgd"}, "optimizer is 'sgd'")],
)  # fmt: skip
def test_impossible_settings(change, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**change)


# ---- The loop --------------------------------------------------------------------------------------------------------


def test_it_learns():
    model = new_model(dropout=0.0)
    log = run(steps=60, dropout=0.0, model=model)[1]
    assert log[-1]["loss"] < log[0]["loss"] - 0.3


def test_one_step_equals_pytorch_by_hand():
    """Clip, decay, moments: against a loop of plain PyTorch."""
    ours, theirs = new_model(0.0), new_model(0.0)
    config = TrainConfig(steps=3, learning_rate=1e-2, accumulate=2, clip=0.5)
    train(ours, batches(), config, watch=quiet)
    optimizer = torch.optim.AdamW(
        [{"params": [p for p in theirs.parameters() if p.dim() > 1], "weight_decay": 0.01},
         {"params": [p for p in theirs.parameters() if p.dim() == 1], "weight_decay": 0.0}],
        lr=1, betas=(0.9, 0.999), eps=1e-6,
    )  # fmt: skip
    for step in range(3):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step, config)
        for part in range(2):
            (theirs(**batches()[2 * step + part]).loss / 2).backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        optimizer.step()
        optimizer.zero_grad()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_log_holds_evaluations_and_no_times():
    model = new_model()
    config = TrainConfig(steps=12, log_every=5, evaluate_every=6)
    log = train(model, batches(), config, evaluate=lambda m: {"half": 0.5}, watch=quiet)
    assert [row["step"] for row in log] == [0, 5, 6, 10, 12]
    assert ["half" in row for row in log] == [True, False, True, False, True]
    assert set(log[-1]) == {"step", "tokens", "learning_rate", "loss", "half"}
    assert log[-1]["tokens"] == sum(len(ROWS[i]) for i in batches().order_rows(0)[:12].ravel())


def test_the_callers_random_numbers_are_left_alone():
    torch.manual_seed(7)
    expected = torch.rand(1)
    model = new_model()
    torch.manual_seed(7)
    run(model=model, steps=2)
    assert torch.equal(torch.rand(1), expected)


def test_the_model_has_its_own_forward_again():
    model, _ = run(steps=1)
    assert "forward" not in vars(model)
    assert model.training


def test_evaluate_weights_by_count():
    b = Batches(ROWS[:5], collate, 4, shuffle=False)
    model = new_model().train()
    sizes = []

    def scores(output, batch):
        assert not model.training
        sizes.append(len(batch["input_ids"]))
        return {"x": (sum(sizes), len(batch["input_ids"])), "none": (0.0, 0)}

    found = evaluate(model, b, scores)
    assert sizes == [4, 1]
    assert found["x"] == (4 + 5) / 5
    assert math.isnan(found["none"])
    assert model.training


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    model = new_model()
    with torch.no_grad():
        model.nsp.bias.fill_(math.nan)
    with pytest.raises(FloatingPointError, match="the loss is nan at step 5: lower the learning rate"):
        run(model=model, folder=tmp_path)
    assert not list_checkpoints(tmp_path)


def test_a_frozen_model_is_an_error():
    model = new_model().requires_grad_(False)
    with pytest.raises(ValueError, match="no parameter"):
        run(model=model)


# ---- The best weights ------------------------------------------------------------------------------------------------


SCORES = [0.1, 0.3, 0.2, 0.9, 0.9, 0.5, 0.4, 0.8]  # of the evaluations at steps 0, 2, 4, ...


def run_with_scores(steps=14, folder=None, resume=False, model=None, scores=SCORES, name="accuracy", **changes):
    """Train, with these scores for the evaluations, in order of the step; the weights at each, too."""
    model, seen = model or new_model(), {}

    def evaluate(m):
        step = run_with_scores.step
        seen[step] = [p.detach().clone() for p in m.parameters()]
        return {name: scores[step // 2]}

    def watch(row, status):
        run_with_scores.step = status["step"] + 2 - status["step"] % 2

    run_with_scores.step = 0
    settings = {"steps": steps, "learning_rate": 1e-2, "log_every": 1, "evaluate_every": 2, "keep_best": name} | changes
    log = train(model, batches(), TrainConfig(**settings), evaluate=evaluate, folder=folder, resume=resume, watch=watch)
    return model, log, seen


def test_the_best_weights_are_kept():
    """The first of two that are equally good; for a loss the lowest."""
    model, log, seen = run_with_scores()
    assert log[-1]["step"] == 14
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), seen[6], strict=True))
    model, _, seen = run_with_scores(scores=[-x for x in SCORES], name="mlm_loss")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), seen[6], strict=True))
    model, _, seen = run_with_scores(scores=sorted(SCORES, reverse=True))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), seen[0], strict=True))


def test_patience_ends_the_run():
    """Two evaluations after the one at step 6, which was the best."""
    model, log, seen = run_with_scores(patience=2)
    assert log[-1]["step"] == 10
    assert max(seen) == 10
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), seen[6], strict=True))
    assert run_with_scores(patience=1)[1][-1]["step"] == 4
    assert run_with_scores(patience=4)[1][-1]["step"] == 14


@pytest.mark.parametrize("stop_at", [3, 8, 9])
def test_a_resumed_run_keeps_the_same_best_weights(tmp_path, stop_at):
    """Before and after the best evaluation; an early end is the same early end, and resuming that changes nothing."""
    whole, log, _ = run_with_scores(patience=3)
    model = new_model()

    def stop(row, status):
        run_with_scores.step = status["step"] + 2 - status["step"] % 2
        if status["step"] == stop_at and row:
            os.kill(os.getpid(), signal.SIGINT)

    def evaluate(model):
        return {"accuracy": SCORES[run_with_scores.step // 2]}

    config = TrainConfig(steps=14, learning_rate=1e-2, log_every=1, evaluate_every=2, keep_best="accuracy", patience=3)
    run_with_scores.step = 0
    with pytest.raises(KeyboardInterrupt):
        train(model, batches(), config, evaluate=evaluate, folder=tmp_path, watch=stop)
    run_with_scores.step = stop_at + 2 - stop_at % 2

    def set_step(row, status):
        run_with_scores.step = status["step"] + 2 - status["step"] % 2

    again = new_model(dropout=0.1)
    log2 = train(again, batches(), config, evaluate=evaluate, folder=tmp_path, resume=True, watch=set_step)
    assert log2 == log
    assert log[-1]["step"] == 12
    assert same(again, whole)
    third = new_model()
    assert train(third, batches(), config, evaluate=evaluate, folder=tmp_path, resume=True, watch=quiet) == log
    assert same(third, whole)


def test_keep_best_needs_a_result_of_evaluate():
    with pytest.raises(ValueError, match="keep_best is 'f1', but `evaluate` gives accuracy"):
        run_with_scores(keep_best="f1")
    with pytest.raises(ValueError, match="keep_best is 'f1', but `evaluate` gives nothing"):
        run(keep_best="f1", log_every=1)
    with pytest.raises(ValueError, match="patience is 3: it counts evaluations that are not the best; say keep_best"):
        TrainConfig(patience=3)


def test_estimate_steps_does_not_change_the_model():
    model, before = new_model(), new_model()
    few = estimate_steps(0.01, model, batches(), TrainConfig())
    assert few >= 1
    assert same(model, before)
    with pytest.raises(ValueError, match="minutes is 0"):
        estimate_steps(0, model, batches(), TrainConfig())


def test_bar_shows_percentages_and_ends(capsys):
    bar = ProgressBar(10)
    status = {"step": 5, "steps": 10, "seconds": 1.0, "tokens_per_second": 1234.0, "seconds_left": 1.0}
    bar({"step": 5, "loss": 2.0, "mlm_accuracy": 0.25}, status)
    bar({}, status | {"step": 10, "ended": True})
    said = capsys.readouterr().err
    assert "1,234 tokens/s" in said
    assert "loss 2.000, mlm_accuracy 25.0%" in said


# ---- Ctrl-C, threads, processes, other models ------------------------------------------------------------------------


def test_ctrl_c_stops_cleanly_with_a_checkpoint(tmp_path):
    whole, log = run(steps=30)

    def interrupt(row, status):
        if row.get("step") == 10:
            os.kill(os.getpid(), signal.SIGINT)

    config = TrainConfig(steps=30, learning_rate=1e-2, log_every=5)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="stopped after step 10 of 30; the last checkpoint is"):
        train(new_model(), batches(), config, folder=tmp_path, watch=interrupt)
    assert signal.getsignal(signal.SIGINT) is before
    again, second = run(steps=30, folder=tmp_path, resume=True, model=Pretraining(TINY))
    assert same(whole, again)
    assert second == log


def test_training_in_a_thread_does_not_touch_signals():
    done = []
    thread = threading.Thread(target=lambda: done.append(run(steps=2)))
    thread.start()
    thread.join(60)
    assert len(done) == 1


TWO = """
import json, os, sys, torch
from tests.test_train import TrainConfig, batches, new_model, quiet, train
from safetensors.torch import save_file
torch.set_num_threads(1)
model = new_model()
config = TrainConfig(steps=6, learning_rate=1e-2, accumulate=int(sys.argv[2]), log_every=2)
log = train(model, batches(), config, watch=quiet)
if int(os.environ.get("RANK", 0)) == 0:
    save_file({n: p.detach() for n, p in model.named_parameters()}, sys.argv[1])
    print(json.dumps(log))
if torch.distributed.is_initialized():
    torch.distributed.barrier()
    sys.stdout.flush()
    os._exit(0)  # gloo's threads sometimes abort a process that is ending
"""


def test_two_processes_equal_one_that_accumulates_twice(tmp_path):
    from safetensors.torch import load_file

    script = tmp_path / "two.py"
    script.write_text(TWO)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=0", "--standalone"]
    logs = []
    for command, name, accumulate in ((torchrun, "two", 2), ([sys.executable], "one", 4)):
        done = subprocess.run([*command, script, tmp_path / name, str(accumulate)], env=environment, cwd=ROOT,
                              capture_output=True, text=True, timeout=300)  # fmt: skip
        assert done.returncode == 0, done.stderr
        logs.append(json.loads(done.stdout.strip().splitlines()[-1]))
    two, one = load_file(tmp_path / "two"), load_file(tmp_path / "one")
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-5, atol=1e-6, msg=name)
    for a, b in zip(*logs, strict=True):
        assert a["step"] == b["step"]
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)


def test_a_transformers_model_goes_through_the_same_loop():
    from transformers import BertConfig as TheirConfig
    from transformers import BertForPreTraining

    size = {k: v for k, v in vars(TINY).items() if not k.endswith("prob")}
    model = BertForPreTraining(TheirConfig(**size, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
    log = train(model, batches(), TrainConfig(steps=60, learning_rate=3e-3, log_every=20), watch=quiet)
    assert log[-1]["loss"] < log[0]["loss"]
