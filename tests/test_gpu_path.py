"""What the loop decides for a GPU, as far as a CPU can test it: a simulated CUDA, the meta device, the scaler of fp16.

The meta device holds shapes and no values. So code that reads a value, for which a GPU would have to wait, raises.
"""

import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from bertlab import batches as batches_module
from bertlab import train as loop
from bertlab.batches import Batches, prefetch_batches
from bertlab.heads import Classifier
from bertlab.model import Bert
from bertlab.optim import make_optimizer
from bertlab.precision import choose_precision
from bertlab.progress import quiet
from bertlab.train import TrainConfig, allow_tf32, evaluate

from .test_train import TINY, batches, new_model, run, same

CUDA, META = torch.device("cuda"), torch.device("meta")


@pytest.fixture(params=[(7, 5), (8, 0)], ids=["T4", "A100"])
def gpu(request, monkeypatch):
    """torch says that there is such a GPU, and nobody asks for float32."""
    monkeypatch.delenv("BERTLAB_PRECISION")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: request.param)
    return request.param


# ---- Decisions -------------------------------------------------------------------------------------------------------


def test_precision_of_each_device(gpu):
    assert choose_precision("auto", CUDA) == ("fp16" if gpu == (7, 5) else "bf16")
    assert choose_precision("no", CUDA) == "no"
    assert choose_precision("auto", torch.device("cpu")) == "no"  # the GPU is there, but was not chosen


def test_optimizers_are_fused_where_the_scaler_can_still_skip_a_step(gpu):
    """accelerate moves the model later, so its device counts, not the model's."""
    supports = "_step_supports_amp_scaling"
    adamw = make_optimizer(new_model(), TrainConfig(), CUDA)
    assert adamw.defaults["fused"]
    assert getattr(adamw, supports)
    muon = make_optimizer(new_model(), TrainConfig(optimizer="muon"), CUDA)
    assert muon.defaults["fused"] == (gpu != (7, 5))
    assert make_optimizer(new_model(), TrainConfig(optimizer="muon", precision="fp16"), CUDA).defaults["fused"] is False
    assert not make_optimizer(new_model(), TrainConfig(), torch.device("mps")).defaults["fused"]


def test_train_passes_the_device_to_the_optimizer(monkeypatch):
    seen = []
    make = loop.make_optimizer
    monkeypatch.setattr(loop, "make_optimizer", lambda *given: seen.append(given[2]) or make(*given))
    run(steps=1)
    loop.estimate_steps(0.001, new_model(), batches(), TrainConfig())
    assert len(seen) >= 2
    assert {device.type for device in seen} == {"cpu"}


def test_tf32_is_allowed_on_a_gpu_and_only_while_training():
    before = torch.get_float32_matmul_precision()
    with allow_tf32(torch.device("cpu")):
        assert torch.get_float32_matmul_precision() == before
    with allow_tf32(CUDA):
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before == "highest"


def test_only_the_random_state_of_this_process_gpu_is_kept(gpu, monkeypatch):
    seen = []
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: seen.append(devices) or memoryview(b""))
    with loop.preserve_random_state():
        pass
    assert seen == [[3]]


def test_batches_are_pinned_for_a_gpu_and_copied_without_waiting(monkeypatch):
    options = {}

    class Copied:
        def to(self, device, non_blocking=False):
            return device, non_blocking

    monkeypatch.setattr(batches_module, "count_tokens", lambda batch: 7)
    monkeypatch.setattr(
        torch.utils.data, "DataLoader", lambda *_, **given: options.update(given) or [{"input_ids": Copied()}]
    )
    assert next(prefetch_batches(None, range(5, 6), CUDA, 2)) == (5, 7, {"input_ids": (CUDA, True)})
    assert (options["pin_memory"], options["num_workers"]) == (True, 2)
    next(prefetch_batches(None, range(1), torch.device("cpu"), 0))
    assert not options["pin_memory"]


# ---- No waiting ------------------------------------------------------------------------------------------------------


def test_tokens_are_counted_before_the_copy():
    with pytest.raises(RuntimeError, match="meta"):
        batches_module.count_tokens({"input_ids": torch.ones(2, 3), "attention_mask": torch.ones(2, 3, device=META)})
    for number, tokens, batch in prefetch_batches(batches(), range(3), META, 0):
        assert tokens == int(batches()[number]["attention_mask"].sum())
        assert all(tensor.device == META for tensor in batch.values())


def test_the_encoder_and_the_classifier_read_no_value():
    model = Classifier(TINY, 3).to(META)
    ids = torch.ones(2, 5, dtype=torch.long, device=META)
    for mask in (None, ids):
        output = model(ids, attention_mask=mask, labels=ids[:, 0])
        output.loss.backward()
        assert output.logits.shape == (2, 3)
    assert model.bert.layers[0].attention.query.weight.grad.device == META
    with pytest.raises(ValueError, match="vocabulary|run from 99"):
        Bert(TINY)(torch.full((1, 2), 99))  # on a CPU they do


class ValueReads(TorchDispatchMode):
    """Counts how often the value of a tensor is read."""

    count = 0

    def __torch_dispatch__(self, call, types, given=(), options=None):
        self.count += call is torch.ops.aten._local_scalar_dense.default
        return call(*given, **(options or {}))


class Averages(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 3)])

    def forward(self, input_ids):
        return SimpleNamespace(loss=self.layers[0](input_ids).square().mean())


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_step_reads_no_value(optimizer):
    def count_reads(steps):
        rows = Batches(torch.eye(3), lambda rows, rng: {"input_ids": torch.stack(rows)}, 1)
        config = TrainConfig(steps=steps, optimizer=optimizer, log_every=100, accumulate=2, checkpoint_seconds=1e9)
        with ValueReads() as reads:
            loop.train(Averages(), rows, config, watch=quiet)
        return reads.count

    assert count_reads(12) == count_reads(3) > 0  # the last row of the log reads one


def test_evaluation_is_where_the_model_is():
    seen = []
    model = nn.Linear(3, 3).to(META)
    model.forward = lambda input_ids: seen.append(input_ids.device)
    rows = Batches(torch.eye(3), lambda rows, rng: {"input_ids": torch.stack(rows)}, 2, shuffle=False)
    assert evaluate(model, rows, lambda output, batch: {"n": (len(batch["input_ids"]), 1)}) == {"n": 1.5}
    assert seen == [META, META]


# fp16, with a scaler that works on a CPU too


def scaled_step(model, optimizer, scaler, factor=1.0):
    """What accelerate does under fp16: scale, backward, unscale, clip, step, update."""
    model.zero_grad()
    scaler.scale(model(**batches()[0]).loss * factor).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_scaled_step_is_the_plain_one_and_infinite_gradients_skip_it(optimizer, monkeypatch):
    monkeypatch.delenv("BERTLAB_PRECISION")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: (7, 5))
    config = TrainConfig(optimizer=optimizer, learning_rate=1e-2)
    model = new_model(dropout=0.0)
    plain = copy.deepcopy(model)
    scaled, unscaled = make_optimizer(model, config, CUDA), make_optimizer(plain, config, CUDA)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    for _ in range(3):
        scaled_step(model, scaled, scaler)
        plain.zero_grad()
        plain(**batches()[0]).loss.backward()
        nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        unscaled.step()
    for (name, a), b in zip(model.named_parameters(), plain.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6), name
    before = copy.deepcopy(model)
    scaled_step(model, scaled, scaler, factor=torch.inf)
    assert same(model, before)
    assert scaler.get_scale() == 2.0**15
    scaled_step(model, scaled, scaler)
    assert not same(model, before)


# ---- Precision and compiling, through the whole loop -----------------------------------------------------------------


def test_trainings_of_different_precision_one_after_another():
    losses = {}
    for precision in ("bf16", "no", "bf16"):
        model, log = run(steps=3, dropout=0.0, precision=precision)
        losses.setdefault(precision, []).append(log[-1]["loss"])
        assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert losses["bf16"][0] == losses["bf16"][1] != losses["no"][0]
    assert losses["bf16"][0] == pytest.approx(losses["no"][0], rel=0.02)


def test_an_earlier_trainer_does_not_matter():
    from accelerate import Accelerator

    Accelerator(mixed_precision="bf16")
    assert run(steps=2)[1] == run(steps=2)[1]


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch hides it by itself, but not where warnings are errors
def test_compiled_or_not_it_is_the_same_run(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "COMPILE_BACKEND", "eager")  # traces like the real one, and needs no C++ compiler
    calls = []
    compiled = torch.compile
    monkeypatch.setattr(torch, "compile", lambda *given, **more: calls.append(more) or compiled(*given, **more))
    plain, expected = run(steps=6)
    assert not calls
    run(steps=6, folder=tmp_path, compile=True)
    assert calls == [{"backend": "eager", "dynamic": True}]
    model, log = run(steps=6, folder=tmp_path, resume=True)  # an uncompiled run takes over
    assert log == expected
    assert same(model, plain)
