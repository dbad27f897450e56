"""The study of variants: its budget is counted as by `bertlab.budget`, a tiny study runs, goes on, and is collected."""

import json
from dataclasses import replace

import pytest
import torch

from bertlab import grammar
from bertlab.bench import variants, variants_inputs, variants_runs
from bertlab.bench.variants import VARIANTS, choose_rate, get_file, list_judged, list_trials, run_study
from bertlab.bench.variants_inputs import Study, is_whole, make_inputs
from bertlab.bench.variants_runs import count_step_flops
from bertlab.budget import count_training_flops
from bertlab.tasks import NAMED, Split, TaggedSentence
from bertlab.train import TrainConfig

from .examples import write_random_text

SENTENCES = [TaggedSentence(["the", "cat", "sat"], ["DT", "NN", "VB"]), TaggedSentence(["dog", "ran"], ["NN", "VB"])]
PAIRS = [grammar.MinimalPair("The cat sat.", "The cat the.", "order"), grammar.MinimalPair("A dog.", "A ran.", "order")]


@pytest.fixture
def tiny(tmp_path, monkeypatch) -> Study:
    tagging = NAMED["pos"]._replace(load=lambda: Split(SENTENCES, SENTENCES, SENTENCES))
    monkeypatch.setattr(variants_inputs, "NAMED", {"pos": tagging})
    monkeypatch.setattr(variants_inputs.grammar, "make_pairs", lambda each: PAIRS)
    return Study(text=(write_random_text(tmp_path, 60),), vocab_size=60, length=12, batch_size=16, layers=2, width=32,
                 flops=2e8, precision="no", exam_rows=20, tagged=2, tagged_test=2, tagging_steps=2)  # fmt: skip


@pytest.fixture
def inputs(tiny):
    return make_inputs(tiny)


def test_every_row_is_full_and_every_pair_is_whole(tiny, inputs):
    assert {len(a) + 2 for a, _, _ in inputs.rows} == {12}
    assert {len(a) + len(b) + 3 for a, b, _ in inputs.pairs} == {12}
    assert inputs.minimal_pairs == PAIRS
    assert set(inputs.baselines) == {"mlm", "grammar", "tagging", "minimal_pairs", "tokens"}
    assert not is_whole(grammar.MinimalPair("The zebra sat.", "The cat sat.", "x"), inputs.tokenizer)


def make_run(tiny, inputs, name: str, folder):
    model = variants.make_model(tiny, inputs, VARIANTS[name], 0, folder)
    config = TrainConfig(steps=1, optimizer="muon" if "muon" in name else "adamw", precision="no")
    optimizer = variants.choose_optimizer(model, VARIANTS[name], config)
    return model, optimizer, variants.make_batches(tiny, inputs, VARIANTS[name], 0, 1)


def test_counted_operations_are_those_of_the_budget(tiny, inputs, tmp_path):
    model, optimizer, batches = make_run(tiny, inputs, "bert", tmp_path)
    counted = count_step_flops(model, optimizer, batches)
    predicted = int((batches[0]["labels"] >= 0).sum()) / 16
    layers, attention, mlm, _ = (16 * part for part in count_training_flops(model.config, 12, predicted))
    assert counted == pytest.approx(layers + attention + mlm, rel=1e-6)
    muon = count_step_flops(*make_run(tiny, inputs, "muon", tmp_path))
    # Newton and Schulz, five rounds on 4 square and 2 long matrices a layer: x x', its square, and the product with x
    square, long = 5 * (2 * 32**3 * 3), 5 * (2 * 32 * 32 * 128 * 2 + 2 * 32**3)
    assert muon - counted == pytest.approx(2 * (4 * square + 2 * long))
    same = count_step_flops(*make_run(tiny, inputs, "shared", tmp_path))
    assert same == counted
    assert count_step_flops(*make_run(tiny, inputs, "electra", tmp_path)) > 1.3 * counted


@pytest.mark.parametrize("name", [name for name, variant in VARIANTS.items()
                                  if variant.objective != "distilled" and not variant.size])  # fmt: skip
def test_every_variant_learns(tiny, inputs, tmp_path, name):
    model, optimizer, batches = make_run(tiny, inputs, name, tmp_path)
    first = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    curve = variants_runs.run_steps(model, optimizer, batches, TrainConfig(steps=3, learning_rate=1e-3))
    assert all(value > 0 for value in curve)
    moved = {key for key, tensor in model.state_dict().items() if not tensor.equal(first[key])}
    assert any("query.weight" in key for key in moved)
    assert any("words.weight" in key for key in moved)


def test_a_tiny_study(tiny, tmp_path, monkeypatch):
    folder, file = tmp_path / "runs", tmp_path / "variants.json"
    small = {
        name: replace(VARIANTS[name], seeds=(0, 1)) for name in ("bert", "electra", "distilled", "distilled, free")
    }
    small["bert"] = replace(small["bert"], rates=(1e-3, 1e-2))
    small["teacher"] = replace(VARIANTS["teacher"], size=(2, 64), budget=1)
    small["longer"] = replace(VARIANTS["bert"], rates=(1e-3,), seeds=(0,), budget=2)
    monkeypatch.setattr(variants, "VARIANTS", small)
    found = run_study(folder, file, tiny, ["bert"])
    assert list(found["variants"]) == ["bert"]
    assert len(list(folder.glob("bert-*.json"))) == 4
    found = run_study(folder, file, tiny, ["longer", "distilled", "distilled, free", "electra"])  # and their teacher
    assert set(found["variants"]) == set(small)
    one = found["variants"]["bert"]
    assert len(one["mlm_loss"]) == len(one["grammar"]) == len(one["tagging"]) == 2
    assert one["at_edge"]
    assert one["steps"] * one["flops_per_step"] <= tiny.flops < (one["steps"] + 1) * one["flops_per_step"]
    assert found["variants"]["longer"]["steps"] == pytest.approx(2 * one["steps"], abs=1)
    assert found["variants"]["distilled, free"]["steps"] > found["variants"]["distilled"]["steps"]
    electra = found["variants"]["electra"]
    assert electra["own_loss"] != electra["mlm_loss"]
    assert json.loads(file.read_text()) == json.loads(json.dumps(found))
    monkeypatch.setattr(variants, "run_variant", None)  # nothing is trained again
    again = run_study(folder, file, tiny, ["bert"])
    assert again["variants"] == json.loads(json.dumps(found["variants"]))
    elsewhere = run_study(tmp_path / "empty", file, tiny)  # on another machine, from the record alone
    assert elsewhere["variants"] == again["variants"]
    with pytest.raises(ValueError, match="record of a study with other settings"):
        run_study(tmp_path / "other", file, Study())
    with pytest.raises(ValueError, match="other settings"):
        run_study(folder, file, Study())
    with pytest.raises(ValueError, match="no variant best"):
        run_study(folder, file, tiny, ["best"])


def test_a_trial_gets_its_share(tiny, inputs, tmp_path):
    trial, judged = (
        variants.run_variant(tiny, inputs, "bert", 1e-3, seed, tmp_path) for seed in (variants.CHOOSING, 0)
    )
    assert trial["steps"] == pytest.approx(judged["steps"] / 2, abs=1)


def test_a_teacher_whose_weights_are_lost_is_trained_again_if_a_student_waits(tiny, tmp_path, monkeypatch):
    folder, file, trained = tmp_path / "runs", tmp_path / "variants.json", []

    def run(study, inputs, name, rate, seed, folder):
        trained.append(name)
        if name == "teacher":
            (folder / "teacher.pt").touch()
        assert name == "teacher" or (folder / "teacher.pt").exists()
        numbers = dict.fromkeys(("steps", "flops_per_step", "parameters"), 1) | dict.fromkeys(variants.JUDGED, 1.0)
        return numbers | {"learning_rate": rate, "seed": seed, "own_loss": 1.0}

    monkeypatch.setattr(variants, "run_variant", run)
    names = ("teacher", "distilled", "distilled, free")
    monkeypatch.setattr(variants, "VARIANTS", {name: replace(VARIANTS[name], rates=(1e-3,)) for name in names})
    run_study(folder, file, tiny, ["distilled"])
    assert trained == ["teacher", *["distilled"] * 3]
    (folder / "teacher.pt").unlink()
    run_study(folder, file, tiny, ["distilled"])  # has ended: needs no teacher
    assert len(trained) == 4
    run_study(folder, file, tiny, ["distilled, free"])
    assert trained[4:] == ["teacher", *["distilled, free"] * 3]
    assert set(run_study(tmp_path / "empty", file, tiny)["variants"]) == set(names)
    assert len(trained) == 8
    (folder / "distilled-0.001-0.json").unlink()
    (folder / "teacher.pt").unlink()
    run_study(folder, tmp_path / "other.json", tiny, ["distilled"])
    assert trained[8:] == ["teacher", "distilled"]


def test_what_the_record_has_and_the_code_no_longer_stays(tiny, tmp_path, monkeypatch):
    file, folder = tmp_path / "variants.json", tmp_path / "runs"
    numbers = dict.fromkeys(("steps", "flops_per_step", "parameters"), 1) | dict.fromkeys(variants.JUDGED, 1.0)
    monkeypatch.setattr(variants, "run_variant", lambda study, inputs, name, rate, seed, folder: numbers | {
        "learning_rate": rate, "seed": seed, "own_loss": 1.0})  # fmt: skip
    monkeypatch.setattr(variants, "VARIANTS", {name: VARIANTS[name] for name in ("bert", "muon")})
    found = run_study(folder, file, tiny)["variants"]
    monkeypatch.setattr(variants, "VARIANTS", {"bert": VARIANTS["bert"]})
    assert run_study(tmp_path / "empty", file, tiny)["variants"] == json.loads(json.dumps(found))


def test_a_rate_that_is_added_later_is_tried_and_nothing_is_lost_meanwhile(tiny, tmp_path, monkeypatch):
    file, losses = tmp_path / "variants.json", {1e-3: 2.0, 2e-3: 1.0, 4e-3: 0.5}

    def run(study, inputs, name, rate, seed, folder):
        numbers = dict.fromkeys(("steps", "flops_per_step", "parameters"), 1) | dict.fromkeys(variants.JUDGED, 1.0)
        return numbers | {"learning_rate": rate, "seed": seed, "own_loss": losses[rate]}

    monkeypatch.setattr(variants, "run_variant", run)
    names = {name: replace(VARIANTS["bert"], rates=(1e-3, 2e-3)) for name in ("bert", "muon")}
    monkeypatch.setattr(variants, "VARIANTS", names)
    assert run_study(tmp_path / "runs", file, tiny)["variants"]["muon"]["learning_rate"] == 2e-3
    wider = {name: replace(variant, rates=(1e-3, 2e-3, 4e-3)) for name, variant in names.items()}
    monkeypatch.setattr(variants, "VARIANTS", wider)
    found = run_study(tmp_path / "empty", file, tiny, ["bert"])["variants"]
    assert [found[name]["learning_rate"] for name in ("bert", "muon")] == [4e-3, 2e-3]
    assert list(found["bert"]["tried"]) == ["0.001", "0.002", "0.004"]
    assert list(found["muon"]["tried"]) == ["0.001", "0.002"]


def test_a_run_that_fails_is_the_worst_and_seed_9_is_not_judged(tmp_path):
    for rate, loss in zip(VARIANTS["bert"].rates, (3.0, None, 2.0), strict=True):
        file = get_file(tmp_path, "bert", rate, variants.CHOOSING)
        file.write_text(json.dumps({"learning_rate": rate, "own_loss": loss}))
    assert choose_rate(tmp_path, "bert") == VARIANTS["bert"].rates[2]
    assert {seed for _, seed in list_judged(tmp_path, "bert")} == {0, 1, 2}
    assert {seed for _, seed in list_trials("bert")} == {variants.CHOOSING}
    assert list_trials("teacher") == []


def test_a_loss_of_nan_ends_a_run(tiny, inputs, tmp_path):
    model, optimizer, batches = make_run(tiny, inputs, "bert", tmp_path)
    torch.nn.init.constant_(model.mlm.bias, float("nan"))
    assert variants_runs.run_steps(model, optimizer, batches, TrainConfig(steps=3)) == [None]


def test_judged_tagger_starts_from_the_models_encoder(tiny, inputs, tmp_path, monkeypatch):
    model = variants.make_model(tiny, inputs, VARIANTS["modern"], 0, tmp_path)
    seen = []
    monkeypatch.setattr(variants_runs, "run_steps", lambda tagger, *_: seen.append(tagger))
    assert 0 <= variants_runs.fine_tune_tagger(model, inputs, tiny, 0) <= 1
    assert seen[0].bert is not model.bert
    for a, b in zip(seen[0].bert.parameters(), model.bert.parameters(), strict=True):
        assert a.equal(b)
