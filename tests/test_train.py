"""The loop: rates, order, resuming after any kill, two processes, errors. Tiny models, seconds in all."""

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

from bertlab.batches import Batches
from bertlab.checkpoint import list_checkpoints
from bertlab.heads import Pretraining
from bertlab.model import BertConfig
from bertlab.optim import Muon, learning_rate_at, list_layer_matrices, make_optimizer, orthogonalise
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
        place = int(rng.integers(1, len(row)))
        labels[i, place], ids[i, place] = ids[i, place].item(), 4
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


# The learning rate


def test_learning_rate_literals():
    config = TrainConfig(steps=10, learning_rate=1.0, warmup=0.2)
    rates = [learning_rate_at(step, config) for step in range(10)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125])


def test_learning_rate_is_never_zero_before_the_end():
    for warmup in (0.0, 0.5, 1.0):
        config = TrainConfig(steps=7, warmup=warmup)
        assert all(learning_rate_at(step, config) > 0 for step in range(7))


def test_optimizer_decays_matrices_alone():
    model = new_model()
    decayed, free = make_optimizer(model, TrainConfig()).param_groups
    assert {p.dim() for p in decayed["params"]} == {2}
    assert {p.dim() for p in free["params"]} == {1}
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.01, 0.0)
    assert len(decayed["params"]) + len(free["params"]) == len(list(model.parameters()))


def test_muon_takes_the_matrices_of_the_layers_alone():
    model = new_model()
    matrices, vectors, inner = make_optimizer(model, TrainConfig(optimizer="muon")).param_groups
    names = {id(p): name for name, p in model.named_parameters()}
    assert {names[id(p)] for p in inner["params"]} == {n for n in names.values() if ".layers." in n and "weight" in n
                                                       and "norm" not in n}  # fmt: skip
    assert "bert.embeddings.words.weight" in {names[id(p)] for p in matrices["params"]}
    assert sum(len(g["params"]) for g in (matrices, vectors, inner)) == len(names)
    assert [bool(g.get("muon")) for g in (matrices, vectors, inner)] == [False, False, True]
    assert len(list_layer_matrices(model)) == 2 * 6
    assert list_layer_matrices(torch.nn.Linear(2, 2)) == []


@pytest.mark.parametrize("shape", [(8, 8), (4, 16), (16, 4)])
def test_orthogonal_brings_singular_values_near_one(shape, double):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonalise(matrix)
    new = torch.linalg.svdvals(found)
    assert new.min() > 0.6
    assert new.max() < 1.3
    # It is the polynomial of the papers in each singular value, and turns no direction.
    by_hand = values / values.norm()
    for _ in range(5):
        by_hand = 3.4445 * by_hand - 4.775 * by_hand**3 + 2.0315 * by_hand**5
    assert torch.allclose(found, left @ by_hand.diag() @ right, atol=1e-10)
    assert orthogonalise(torch.zeros(shape)).abs().max() == 0


def test_muon_steps_as_by_hand_and_leaves_the_rest_to_adamw(double):
    """Two steps: the matrix by the formula, the vector exactly as AdamW alone would move it."""
    torch.manual_seed(0)
    matrix, vector, alone = (torch.nn.Parameter(torch.randn(shape)) for shape in ((4, 6), (6,), (6,)))
    alone.data.copy_(vector)
    groups = [{"params": [matrix], "weight_decay": 0.1, "muon": True}, {"params": [vector], "weight_decay": 0.0}]
    muon = Muon(groups, lr=0.01, betas=(0.9, 0.98), eps=1e-6)
    adamw = torch.optim.AdamW([alone], lr=0.01, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.0)
    expected, average = matrix.detach().clone(), torch.zeros(4, 6)
    for _ in range(2):
        grad, small = torch.randn(4, 6), torch.randn(6)
        matrix.grad, vector.grad, alone.grad = grad.clone(), small.clone(), small.clone()
        average = 0.95 * average + 0.05 * grad
        update = orthogonalise(0.05 * grad + 0.95 * average)
        expected = expected * (1 - 0.01 * 0.1) - 0.01 * 0.2 * math.sqrt(6) * update
        muon.step()
        adamw.step()
    assert torch.allclose(matrix, expected, atol=1e-12)
    assert torch.equal(vector, alone)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"steps": 0}, "steps is 0"), ({"warmup": 1.5}, "warmup is 1.5"), ({"learning_rate": -1}, "learning_rate is -1"),
     ({"accumulate": 0}, "accumulate is 0"), ({"precision": "int8"}, "'int8'"),
     ({"optimizer": "sgd"}, "optimizer is 'sgd'")],
)  # fmt: skip
def test_settings_that_cannot_be(change, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**change)


# Batches


def test_a_batch_is_a_function_of_seed_and_number():
    a, b = batches(), batches()
    b[31], b[2]  # history must not matter
    for number in (0, 7, 40):
        assert all(torch.equal(x, y) for x, y in zip(a[number].values(), b[number].values(), strict=True))
    assert not torch.equal(batches(seed=4)[0]["input_ids"], a[0]["input_ids"])


def test_an_epoch_holds_every_row_once_and_the_next_one_another_order():
    one = batches()
    first, second = one.order(0).ravel(), one.order(1).ravel()
    assert sorted(first) == sorted(second) == list(range(60))
    assert first.tolist() != second.tolist()


def test_rows_of_like_length_share_a_batch():
    lengths = [len(row) for row in ROWS]
    plain, grouped = batches(), batches(lengths=lengths)

    def padding(b):
        return sum((m == 0).sum() for i in range(len(b)) if (m := b[i].get("attention_mask")) is not None)

    assert padding(grouped) < 0.2 * padding(plain)
    assert sorted(grouped.order(0).ravel()) == list(range(60))
    order = [lengths[row] for row in grouped.order(0)[:, 0]]
    assert order != sorted(order)  # the batches themselves are shuffled


def test_without_shuffle_each_row_once_in_order():
    b = Batches(ROWS[:10], lambda rows, rng: {"input_ids": torch.tensor([len(rows)])}, 4, shuffle=False)
    assert [b[i]["input_ids"].item() for i in range(len(b))] == [4, 4, 2]
    with pytest.raises(IndexError):
        b[3]


def test_batches_that_cannot_be():
    with pytest.raises(ValueError, match="3 rows do not fill one batch of 4"):
        Batches(ROWS[:3], collate, 4)
    with pytest.raises(ValueError, match="batch_size is 0"):
        batches(batch_size=0)
    with pytest.raises(ValueError, match="2 lengths for 60 rows"):
        batches(lengths=[1, 2])


# The loop


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


def test_log_holds_what_was_asked_and_no_times():
    model = new_model()
    config = TrainConfig(steps=12, log_every=5, evaluate_every=6)
    log = train(model, batches(), config, evaluate=lambda m: {"half": 0.5}, watch=quiet)
    assert [row["step"] for row in log] == [0, 5, 6, 10, 12]
    assert ["half" in row for row in log] == [True, False, True, False, True]
    assert set(log[-1]) == {"step", "tokens", "learning_rate", "loss", "half"}
    assert log[-1]["tokens"] == sum(len(ROWS[i]) for i in batches().order(0)[:12].ravel())


def test_the_callers_random_numbers_are_left_alone():
    torch.manual_seed(7)
    expected = torch.rand(1)
    model = new_model()
    torch.manual_seed(7)
    run(model=model, steps=2)
    assert torch.equal(torch.rand(1), expected)


def test_the_model_is_the_callers_own_again():
    model, _ = run(steps=1)
    assert "forward" not in vars(model)
    assert model.training


def test_evaluate_weighs_by_count():
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


def test_a_loss_that_is_no_number_stops_the_run(tmp_path):
    model = new_model()
    with torch.no_grad():
        model.nsp.bias.fill_(math.nan)
    with pytest.raises(FloatingPointError, match="the loss is nan at step 5: lower the learning rate"):
        run(model=model, folder=tmp_path)
    assert not list_checkpoints(tmp_path)


def test_a_frozen_model_is_refused():
    model = new_model().requires_grad_(False)
    with pytest.raises(ValueError, match="no parameter"):
        run(model=model)


# The best weights, and rates by name


SCORES = [0.1, 0.3, 0.2, 0.9, 0.9, 0.5, 0.4, 0.8]  # of the evaluations at steps 0, 2, 4, ...


def judged(steps=14, folder=None, resume=False, model=None, scores=SCORES, name="accuracy", **changes):
    """Train, with these scores for the evaluations, in order of the step; the weights at each, too."""
    model, seen = model or new_model(), {}

    def evaluate(m):
        step = judged.step
        seen[step] = [p.detach().clone() for p in m.parameters()]
        return {name: scores[step // 2]}

    def watch(row, status):
        judged.step = status["step"] + 2 - status["step"] % 2

    judged.step = 0
    settings = {"steps": steps, "learning_rate": 1e-2, "log_every": 1, "evaluate_every": 2, "keep_best": name} | changes
    log = train(model, batches(), TrainConfig(**settings), evaluate=evaluate, folder=folder, resume=resume, watch=watch)
    return model, log, seen


def test_the_best_weights_are_kept():
    """The first of two that are equally good; for a loss the lowest."""
    model, log, seen = judged()
    assert log[-1]["step"] == 14
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), seen[6], strict=True))
    model, _, seen = judged(scores=[-x for x in SCORES], name="mlm_loss")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), seen[6], strict=True))
    model, _, seen = judged(scores=sorted(SCORES, reverse=True))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), seen[0], strict=True))


def test_patience_ends_the_run():
    """Two evaluations after the one at step 6, which was the best."""
    model, log, seen = judged(patience=2)
    assert log[-1]["step"] == 10
    assert max(seen) == 10
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), seen[6], strict=True))
    assert judged(patience=1)[1][-1]["step"] == 4
    assert judged(patience=4)[1][-1]["step"] == 14


@pytest.mark.parametrize("stop_at", [3, 8, 9])
def test_a_resumed_run_keeps_the_same_best_weights(tmp_path, stop_at):
    """Before and after the best evaluation; an early end is the same early end, and resuming that changes nothing."""
    whole, log, _ = judged(patience=3)
    model = new_model()

    def stop(row, status):
        judged.step = status["step"] + 2 - status["step"] % 2
        if status["step"] == stop_at and row:
            os.kill(os.getpid(), signal.SIGINT)

    def evaluate(model):
        return {"accuracy": SCORES[judged.step // 2]}

    config = TrainConfig(steps=14, learning_rate=1e-2, log_every=1, evaluate_every=2, keep_best="accuracy", patience=3)
    judged.step = 0
    with pytest.raises(KeyboardInterrupt):
        train(model, batches(), config, evaluate=evaluate, folder=tmp_path, watch=stop)
    judged.step = stop_at + 2 - stop_at % 2

    def go_on(row, status):
        judged.step = status["step"] + 2 - status["step"] % 2

    again = new_model(dropout=0.1)
    log2 = train(again, batches(), config, evaluate=evaluate, folder=tmp_path, resume=True, watch=go_on)
    assert log2 == log
    assert log[-1]["step"] == 12
    assert same(again, whole)
    third = new_model()
    assert train(third, batches(), config, evaluate=evaluate, folder=tmp_path, resume=True, watch=quiet) == log
    assert same(third, whole)


def test_keep_best_needs_a_number_that_there_is():
    with pytest.raises(ValueError, match="keep_best is 'f1', but `evaluate` gives accuracy"):
        judged(keep_best="f1")
    with pytest.raises(ValueError, match="keep_best is 'f1', but `evaluate` gives nothing"):
        run(keep_best="f1", log_every=1)
    with pytest.raises(ValueError, match="patience is 3: it counts evaluations that are not the best; say keep_best"):
        TrainConfig(patience=3)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_rates_by_name(optimizer):
    """Each parameter in one group, with its factor; a factor of 0 leaves it where it was."""
    model, before = new_model(), new_model()

    def scale(name):
        return 0.0 if name.startswith("bert.embeddings") else 1.0 if name.startswith("bert.") else 10.0

    groups = make_optimizer(model, TrainConfig(optimizer=optimizer), scale=scale).param_groups
    names = {id(p): name for name, p in model.named_parameters()}
    assert sorted(id(p) for group in groups for p in group["params"]) == sorted(names)
    for group in groups:
        assert {scale(names[id(p)]) for p in group["params"]} == {group["scale"]}
        assert len({p.dim() > 1 for p in group["params"]}) == 1
    config = TrainConfig(steps=1, learning_rate=1e-3, weight_decay=0.0, clip=0.0, optimizer=optimizer)
    train(model, batches(), config, watch=quiet, scale=scale)
    moved = {name: (p - q).abs().max().item() for (name, p), q in zip(model.named_parameters(), before.parameters(),
                                                                       strict=True)}  # fmt: skip
    assert moved["bert.embeddings.words.weight"] == 0
    assert moved["nsp.weight"] == pytest.approx(1e-2, rel=0.01)  # the first step of AdamW is as long as the rate
    assert moved["bert.layers.0.attention_norm.bias"] == pytest.approx(1e-3, rel=0.01)


def test_steps_in_leaves_the_model_alone():
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


# Killed and resumed


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_run_that_stopped_and_went_on_is_the_run_that_did_not(tmp_path, optimizer):
    whole, log = run(folder=tmp_path / "whole", optimizer=optimizer)

    class Power(Exception):
        pass

    def cut(row, status):
        if status["step"] == 10:
            raise Power

    model = new_model()
    config = TrainConfig(steps=12, learning_rate=1e-2, log_every=5, checkpoint_seconds=0, optimizer=optimizer)
    with pytest.raises(Power):
        train(model, batches(), config, folder=tmp_path / "cut", watch=cut)
    assert len(list_checkpoints(tmp_path / "cut")) == 2
    torch.manual_seed(99)  # another process starts anywhere
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


def test_a_folder_with_a_run_is_not_overwritten(tmp_path):
    run(folder=tmp_path)
    with pytest.raises(FileExistsError, match="holds a run already"):
        run(folder=tmp_path)


def test_other_settings_are_refused_by_name(tmp_path):
    run(folder=tmp_path)
    with pytest.raises(ValueError, match="seed = 0, this run has 5"):
        run(folder=tmp_path, resume=True, seed=5)
    run(folder=tmp_path, resume=True, checkpoint_seconds=5)  # this one may change


def test_another_model_is_refused(tmp_path):
    run(folder=tmp_path)
    other = Pretraining(BertConfig(**{**vars(TINY), "hidden_size": 32}))
    with pytest.raises(ValueError, match="another model"):
        run(folder=tmp_path, resume=True, model=other)


@pytest.mark.parametrize("harm", ["truncate", "flip", "empty"])
def test_a_damaged_checkpoint_is_refused_by_name_and_the_one_before_used(tmp_path, harm):
    whole, log = run(folder=tmp_path, checkpoint_seconds=0)
    newest = list_checkpoints(tmp_path)[-1]
    data = bytearray(newest.read_bytes())
    if harm == "flip":
        data[len(data) // 2] ^= 1
    newest.write_bytes({"truncate": data[:-100], "flip": data, "empty": b""}[harm])
    with pytest.warns(UserWarning, match=newest.name):
        again, second = run(folder=tmp_path, resume=True, model=Pretraining(TINY))
    assert same(whole, again)
    assert second == log
    assert newest.with_suffix(".damaged").exists()


def test_nothing_whole_left_is_said(tmp_path):
    run(folder=tmp_path)
    for place in list_checkpoints(tmp_path):
        place.write_bytes(b"no")
    with pytest.warns(UserWarning, match="damaged"), pytest.raises(ValueError, match="no checkpoint in .* is whole"):
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


def test_training_in_a_thread_leaves_signals_alone():
    done = []
    thread = threading.Thread(target=lambda: done.append(run(steps=2)))
    thread.start()
    thread.join(60)
    assert len(done) == 1


CHILD = """
import sys, torch
from pathlib import Path
from tests.test_train import *
from bertlab.train import put_in_place
from safetensors.torch import save_file
torch.set_num_threads(1)
model = new_model()
config = TrainConfig(steps=int(sys.argv[2]), learning_rate=1e-2, log_every=5, checkpoint_seconds=float(sys.argv[3]))
train(model, batches(), config, folder=sys.argv[1], resume=True, watch=lambda row, status: time.sleep(0.003))
save_file({n: p.detach() for n, p in model.named_parameters()}, sys.argv[1] + "/end")
put_in_place(Path(sys.argv[1] + "/end"), Path(sys.argv[1] + "/end.safetensors"))
"""


def child(folder, steps=150, every=0.0):
    return subprocess.Popen([sys.executable, "-c", CHILD, str(folder), str(steps), str(every)], cwd=ROOT,
                            stderr=subprocess.PIPE, text=True)  # fmt: skip


def test_killed_at_any_moment_it_ends_the_same(tmp_path):
    """SIGKILL at random times, most of it spent writing checkpoints. BERTLAB_KILLS=10 and more for a long check."""
    undisturbed = child(tmp_path / "whole", every=1e9)
    assert undisturbed.wait(300) == 0, undisturbed.stderr.read()
    wanted, rng, kills, tries = int(os.environ.get("BERTLAB_KILLS", 3)), np.random.default_rng(0), 0, 0
    while kills < wanted and tries < 6 * wanted:
        tries += 1
        process = child(tmp_path / "killed")
        start = time.monotonic()
        while not list_checkpoints(tmp_path / "killed") and process.poll() is None and time.monotonic() - start < 300:
            time.sleep(0.01)
        if tries > 1:
            time.sleep(2.0)  # until it is up again
        time.sleep(float(rng.uniform(0, 0.4)))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        process.stderr.close()
        if (tmp_path / "killed/end.safetensors").exists():
            break
    assert kills >= 1
    last = child(tmp_path / "killed")
    assert last.wait(300) == 0, last.stderr.read()
    last.stderr.close()
    undisturbed.stderr.close()
    for name in ("end.safetensors", "log.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()
    print(f"{kills} kills")


TWO = """
import sys, torch
from tests.test_train import *
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
    os._exit(0)  # gloo's threads now and then abort a process that is being taken down
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
