"""The precision of training: what is chosen, what stays float32, how close bfloat16 comes, and what a run records."""

import json
import math
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from bertlab import precision
from bertlab.checkpoint import list_checkpoints
from bertlab.heads import Pretraining
from bertlab.model import Attention, attention_maps
from bertlab.optim import Muon, make_optimizer, orthogonalise
from bertlab.precision import (
    choose_precision,
    find_width,
    is_formula_faster,
    measure_bf16_gain,
    multiply_fast,
    prefer_precision,
    round_up,
    settle_precision,
)
from bertlab.pretrain import PretrainPlan, pretrain
from bertlab.progress import quiet
from bertlab.train import TrainConfig, evaluate, train

from .conftest import ROOT
from .test_train import TINY, batches, new_model, run, same

CPU = torch.device("cpu")


@pytest.fixture
def gains(monkeypatch):
    """Let "auto" choose; the gain by bfloat16 is what the test sets, 2 at first."""
    measured = {"gain": 2.0}
    monkeypatch.delenv("BERTLAB_PRECISION")
    monkeypatch.setattr(precision, "measure_bf16_gain", lambda width: measured["gain"])
    return measured


# ---- The choice ------------------------------------------------------------------------------------------------------


def test_auto_takes_bf16_where_it_was_measured_to_pay(gains):
    model = new_model()
    assert choose_precision("auto", CPU, model) == "bf16"
    gains["gain"] = 1.1
    assert choose_precision("auto", CPU, model) == "no"


@pytest.mark.parametrize("asked", ["no", "bf16", "fp16"])
def test_what_is_asked_for_is_not_measured(gains, asked):
    del gains["gain"]
    assert choose_precision(asked, CPU, new_model()) == asked


def test_only_models_of_float32_are_computed_in_less(gains):
    assert choose_precision("auto", CPU, new_model().double()) == "no"
    assert choose_precision("auto", CPU, torch.nn.Embedding(3, 4)) == "no"
    assert choose_precision("auto", CPU) == "no"


def test_the_environment_says_what_auto_is(gains, monkeypatch):
    monkeypatch.setenv("BERTLAB_PRECISION", "no")
    assert choose_precision("auto", CPU, new_model()) == "no"
    assert choose_precision("bf16", CPU, new_model()) == "bf16"
    with prefer_precision("bf16"):
        assert choose_precision("auto", CPU, new_model()) == "bf16"
    monkeypatch.setenv("BERTLAB_PRECISION", "float32")
    with pytest.raises(ValueError, match="BERTLAB_PRECISION is 'float32'; it must be auto, no, fp16 or bf16"):
        choose_precision("auto", CPU, new_model())


def test_the_width_is_that_of_most_layers():
    assert find_width(new_model()) == 16


def test_the_gain_is_measured_once():
    measure_bf16_gain.cache_clear()
    assert measure_bf16_gain(64) >= 0
    before = measure_bf16_gain.cache_info().misses
    measure_bf16_gain(64)
    assert measure_bf16_gain.cache_info().misses == before


TWO = """
import os
from tests.test_train import run
os.environ["BERTLAB_PRECISION"] = "bf16" if os.environ["RANK"] == "1" else "no"
run(steps=1)
"""


def test_processes_that_would_choose_differently_stop(tmp_path):
    (tmp_path / "two.py").write_text(TWO)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=0", "--standalone"]
    done = subprocess.run([*torchrun, tmp_path / "two.py"], env=environment, cwd=ROOT, capture_output=True, text=True,
                          timeout=300)  # fmt: skip
    assert done.returncode
    assert "the processes choose different precisions (bf16, no)" in done.stderr


# ---- What is computed in it ------------------------------------------------------------------------------------------


def test_only_products_are_computed_in_bf16(monkeypatch):
    model, seen = new_model(dropout=0.0), {"norm": set(), "linear": set(), "softmax": set()}
    softmax = torch.Tensor.softmax
    monkeypatch.setattr(torch.Tensor, "softmax", lambda x, *a, **k: _note(seen["softmax"], softmax(x, *a, **k)))
    for part in model.modules():
        if isinstance(part, torch.nn.LayerNorm):
            part.register_forward_hook(
                lambda part, inputs, output: seen["norm"].update((inputs[0].dtype, output.dtype))
            )
        if isinstance(part, torch.nn.Linear):
            part.register_forward_hook(lambda part, x, output: seen["linear"].add(output.dtype))
    optimizers = []
    monkeypatch.setattr("bertlab.train.make_optimizer", lambda *given: _keep(optimizers, make_optimizer(*given)))
    log = train(model, batches(), TrainConfig(steps=2, precision="bf16", optimizer="muon"), watch=quiet)
    assert seen == {"norm": {torch.float32}, "linear": {torch.bfloat16}, "softmax": {torch.float32}}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert {t.dtype for state in optimizers[0].state.values() for t in state.values()} == {torch.float32}
    assert optimizers[0].products == torch.bfloat16
    assert math.isfinite(log[-1]["loss"])


def _note(found, tensor):
    found.add(tensor.dtype)
    return tensor


def _keep(found, thing):
    found.append(thing)
    return thing


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_losses_agree_within_the_spread_of_seeds(optimizer):
    """Without dropout, whose random numbers follow the shapes, and lengths are rounded up in bf16."""

    def final_loss(seed, precision):
        torch.manual_seed(seed)
        model = new_model(dropout=0.0)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.01 * torch.randn_like(parameter, generator=torch.Generator().manual_seed(seed)))
        return train(model, batches(seed=seed), TrainConfig(steps=60, learning_rate=3e-3, log_every=20, seed=seed,
                     precision=precision, optimizer=optimizer), watch=quiet)[-1]["loss"]  # fmt: skip

    single, half = ([final_loss(seed, name) for seed in range(3)] for name in ("no", "bf16"))
    assert single != half
    differences = [abs(a - b) for a, b in zip(single, half, strict=True)]
    assert max(differences) < max(single) - min(single)
    assert max(differences) < 0.02


def test_muon_multiplies_in_bf16_and_keeps_its_state_in_float32():
    torch.manual_seed(0)
    start, gradient, moved = torch.randn(24, 16), torch.randn(24, 16), []
    for products in (None, torch.bfloat16):
        matrix = torch.nn.Parameter(start.clone())
        optimizer = Muon([{"params": [matrix], "weight_decay": 0.0, "muon": True}], lr=1.0, products=products)
        matrix.grad = gradient.clone()
        optimizer.step()
        assert matrix.dtype == optimizer.state[matrix]["momentum"].dtype == torch.float32
        moved.append(matrix.detach() - start)
    assert not torch.equal(*moved)
    torch.testing.assert_close(moved[0], moved[1], atol=0.05, rtol=0)
    assert orthogonalise(gradient.bfloat16()).dtype == torch.bfloat16


def test_evaluation_and_prediction_use_it_too():
    model, inputs = new_model(), batches()[0]["input_ids"]
    with torch.no_grad():
        single = model.eval()(inputs).mlm_logits
        with prefer_precision("bf16"), multiply_fast(model):
            half = model(inputs).mlm_logits
        with prefer_precision("no"), multiply_fast(model):
            assert torch.equal(model(inputs).mlm_logits, single)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), single, atol=0.02, rtol=0)
    seen = []
    with prefer_precision("bf16"):
        evaluate(model, [{"input_ids": inputs}], lambda output, batch: _keep(seen, output) and {})
    assert torch.equal(seen[0].mlm_logits, half)


# ---- Attention's formula and PyTorch's function ----------------------------------------------------------------------


def make_query(tokens=64, **options):
    return torch.zeros(2, 2, tokens, 8, **{"requires_grad": True} | options)


def test_which_attention_is_taken():
    assert is_formula_faster(make_query(), dropout=0.1)
    assert is_formula_faster(make_query(dtype=torch.bfloat16), dropout=0.0)
    assert is_formula_faster(make_query(512), dropout=0.1)
    assert not is_formula_faster(make_query(), dropout=0.0)
    assert not is_formula_faster(make_query(129, dtype=torch.bfloat16), dropout=0.0)
    assert not is_formula_faster(make_query(requires_grad=False), dropout=0.1)
    assert not is_formula_faster(make_query(device="meta"), dropout=0.1)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_both_kinds_of_attention_are_one(monkeypatch, kind):
    model = new_model(dropout=0.0)
    attention, x = model.bert.layers[0].attention.to(kind).train(), torch.randn(3, 9, 16).to(kind)
    mask = (torch.arange(9) < 7).expand(3, 1, 1, 9)
    outputs = []
    for formula in (True, False):
        monkeypatch.setattr("bertlab.model.is_formula_faster", lambda query, dropout, formula=formula: formula)
        calls = []
        function = F.scaled_dot_product_attention
        monkeypatch.setattr(
            F, "scaled_dot_product_attention", lambda *a, f=function, c=calls, **k: c.append(1) or f(*a, **k)
        )
        outputs.append(attention(x, mask))
        assert bool(calls) != formula
        monkeypatch.setattr(F, "scaled_dot_product_attention", function)
    torch.testing.assert_close(*outputs, atol=1e-6 if kind == torch.float32 else 0.01, rtol=0)


def test_maps_are_float32_in_bf16():
    model = new_model().eval()
    with torch.autocast("cpu", torch.bfloat16), attention_maps(model) as maps:
        model(batches()[0]["input_ids"])
    assert {one.dtype for one in maps} == {torch.float32}
    torch.testing.assert_close(maps[0].sum(-1), torch.ones_like(maps[0].sum(-1)), atol=1e-5, rtol=0)
    assert isinstance(model.bert.layers[0].attention, Attention)


@pytest.mark.parametrize("tokens", [5, 8, 11, 13])
@pytest.mark.parametrize("masked", [False, True])
def test_lengths_are_rounded_up_in_bf16_and_change_nothing_that_is_seen(tokens, masked):
    """Of 14 positions: 13 tokens are not rounded beyond them."""
    torch.manual_seed(0)
    model = Pretraining(replace(TINY, max_position_embeddings=14)).eval()
    ids = torch.randint(5, 40, (3, tokens), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[1, -2:] = 0
    inputs = {"input_ids": ids, "attention_mask": mask if masked else None, "token_type_ids": (ids > 20).long()}
    lengths = []
    model.bert.layers[0].register_forward_hook(lambda part, args, out: lengths.append(out.size(1)))
    exact = model.bert(**inputs)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model.bert(**inputs)
    assert lengths == [tokens, min(-(-tokens // 8) * 8, 14)]
    assert rounded.shape == exact.shape
    torch.testing.assert_close(rounded[mask.bool()].float(), exact[mask.bool()], atol=0.05, rtol=0)


def test_rounded_numbers_of_masked_words_keep_the_loss_and_the_logits():
    model, batch = new_model().eval(), batches()[0]
    exact = model(**batch)
    sizes = []
    model.mlm.register_forward_hook(lambda part, args, out: sizes.append(len(out)))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model(**batch)
    assert sizes == [64]
    assert rounded.mlm_logits.shape == exact.mlm_logits.shape
    torch.testing.assert_close(rounded.mlm_logits.float(), exact.mlm_logits, atol=0.05, rtol=0)
    torch.testing.assert_close(rounded.mlm_loss, exact.mlm_loss, atol=0.01, rtol=0)
    with torch.autocast("cpu", torch.bfloat16):
        nothing = model(**{**batch, "labels": torch.full_like(batch["labels"], -100)})
    assert nothing.mlm_loss == 0
    assert nothing.mlm_logits.shape == (0, 40)


def test_nothing_is_rounded_in_float32_or_beside_a_gpu():
    assert round_up(67, 8, torch.zeros(1)) == 67
    with torch.autocast("cpu", torch.bfloat16):
        assert round_up(67, 8, torch.zeros(1)) == 72
        assert round_up(64, 8, torch.zeros(1)) == 64
        assert round_up(67, 8, torch.zeros(1, device="meta")) == 67


# ---- Runs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precisions", [("bf16", "bf16", "no"), ("no", "bf16", "bf16")])
def test_each_training_of_a_model_takes_its_own_precision(precisions):
    """accelerate marks a model as prepared; with the mark, a second training in the process was one in float32."""
    model, taken = new_model(), []
    model.bert.layers[0].register_forward_hook(lambda *_: taken.append(torch.is_autocast_enabled("cpu")))
    for chosen in precisions:
        taken.clear()
        train(model, batches(), TrainConfig(steps=2, precision=chosen), watch=quiet)
        assert set(taken) == {chosen == "bf16"}
        assert "forward" not in vars(model)
        model(**batches()[0])  # outside, nothing is cast
        assert not taken[-1]


def test_a_run_in_bf16_resumes_bit_for_bit(tmp_path):
    whole, _ = run(steps=12, precision="bf16")
    model = new_model()

    def interrupt(row, status):
        if row.get("step") == 5:
            raise KeyboardInterrupt

    config = TrainConfig(steps=12, learning_rate=1e-2, log_every=5, precision="bf16", checkpoint_seconds=0)
    with pytest.raises(KeyboardInterrupt):
        train(model, batches(), config, folder=tmp_path, watch=interrupt)
    assert list_checkpoints(tmp_path)
    again, _ = run(steps=12, precision="bf16", folder=tmp_path, resume=True)
    assert same(whole, again)


def test_a_checkpoint_says_its_precision(gains, tmp_path):
    run(steps=2, folder=tmp_path)
    with pytest.raises(ValueError, match="precision = 'bf16', this run has 'no'"):
        run(steps=2, folder=tmp_path, resume=True, precision="no")
    run(steps=2, folder=tmp_path, resume=True)
    run(steps=2, folder=tmp_path, resume=True, precision="bf16")


PLAN = PretrainPlan(text=("x",), preset="tiny", vocab_size=60, length=16, batch_size=4, steps=3, held_out=0.3)


def make_plan(folder, **changes):
    text = folder / "text.txt"
    text.write_text("".join(f"document {i} has a sentence. it has another one.\n\n" for i in range(30)))
    return PretrainPlan(**{**vars(PLAN), "text": (str(text),)} | changes)


def test_a_run_goes_on_in_the_precision_it_began_in(gains, tmp_path):
    plan, folder = make_plan(tmp_path), tmp_path / "run"
    pretrain(plan, folder, watch=quiet, say=lambda text: None)
    recorded = json.loads((folder / "run.json").read_text())
    assert (recorded["plan"]["precision"], recorded["asked_precision"]) == ("bf16", "auto")
    pretrain(plan, folder, resume=True, watch=quiet, say=lambda text: None)
    with pytest.raises(ValueError, match="--precision is no, but the run in .* began with bf16"):
        pretrain(make_plan(tmp_path, precision="no"), folder, resume=True, watch=quiet, say=lambda text: None)


def test_a_machine_without_bf16_says_how_to_go_on(gains, tmp_path, monkeypatch):
    plan, folder = make_plan(tmp_path), tmp_path / "run"
    pretrain(plan, folder, watch=quiet, say=lambda text: None)
    gains["gain"] = 0.01
    with pytest.raises(ValueError, match="in bf16, and this machine would choose float32.*BERTLAB_PRECISION=bf16"):
        pretrain(plan, folder, resume=True, watch=quiet, say=lambda text: None)
    monkeypatch.setenv("BERTLAB_PRECISION", "bf16")
    pretrain(plan, folder, resume=True, watch=quiet, say=lambda text: None)


def test_a_run_that_asked_for_bf16_goes_on_anywhere(gains, tmp_path):
    gains["gain"] = 0.01
    plan, folder = make_plan(tmp_path, precision="bf16"), tmp_path / "run"
    pretrain(plan, folder, watch=quiet, say=lambda text: None)
    pretrain(plan, folder, resume=True, watch=quiet, say=lambda text: None)


def test_an_older_run_on_a_cpu_goes_on_in_float32(gains):
    plan, asked = settle_precision(PLAN, {"plan": PLAN}, new_model())
    assert (plan.precision, asked) == ("no", "auto")


def test_an_older_checkpoint_on_a_cpu_is_one_of_float32(tmp_path, monkeypatch):
    from bertlab import checkpoint

    original = checkpoint.read_checkpoint

    def read_older(path):
        facts, tensors = original(path)
        facts["settings"]["precision"] = "auto"
        return facts, tensors

    run(steps=2, folder=tmp_path)
    monkeypatch.setattr(checkpoint, "read_checkpoint", read_older)
    run(steps=2, folder=tmp_path, resume=True)
    with pytest.raises(ValueError, match="precision = 'no', this run has 'bf16'"):
        run(steps=2, folder=tmp_path, resume=True, precision="bf16")
