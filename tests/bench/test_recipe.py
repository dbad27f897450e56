"""The study of the recipe: its commands exist, differ in what they say, and its numbers are those of the runs."""

import json

import pytest

from bertlab.__main__ import make_parser
from bertlab.bench import recipe
from bertlab.bench.recipe import (
    CHANGES,
    CHOOSING,
    NAMES,
    SEEDS,
    choose_rate,
    collect_judged,
    collect_trials,
    compare_changes,
    format_changes,
    list_judged,
    list_trials,
    main,
)
from bertlab.options import read_plan_options
from bertlab.pretrain import PretrainPlan


def read_plan(command, folder):
    options = make_parser().parse_args([*command.split(), "--out", str(folder)])
    plan = PretrainPlan(**read_plan_options(options, PretrainPlan))
    assert plan.sinusoids or plan.neighbours  # the command refuses both: without the first, the second changes nothing
    return plan


def end_runs(folder, change, losses):
    for (name, _), loss in zip(list_trials(change), losses, strict=True):
        write_run(folder / name, loss)


def write_run(folder, loss):
    folder.mkdir()
    scores = {"mlm_loss": loss, "mlm_accuracy": 0.3, "nsp_accuracy": 0.6}
    (folder / "results.json").write_text(json.dumps({"model": scores}))
    (folder / "log.jsonl").write_text(json.dumps({"step": 9, "loss": loss, "mlm_loss": 1.0}) + "\n")


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_a_plan_of_its_own(change, tmp_path):
    plans = [read_plan(command, tmp_path) for _, command in list_trials(change)]
    assert len({plan.learning_rate for plan in plans}) == 3
    assert {plan.seed for plan in plans} == {CHOOSING}
    base = read_plan(next(list_trials("recipe"))[1], tmp_path)
    changed = [name for name, value in vars(plans[0]).items() if value != getattr(base, name)]
    assert set(changed) - {"learning_rate"} or change == "recipe"


def test_the_best_rate_of_another_seed_is_judged(tmp_path):
    end_runs(tmp_path, "dropout", [3.0, 2.5, 2.7])
    tried = collect_trials(tmp_path, "dropout")
    assert tried["mlm_loss"] == [3.0, 2.5, 2.7]
    assert choose_rate(tried) == CHANGES["dropout"][1][1]
    for number, (name, _) in enumerate(list_judged("dropout", tried)):
        write_run(tmp_path / name, 2.0 + number)
    found = collect_judged(tmp_path, "dropout", tried)
    assert found["mlm_loss"] == [2.0, 3.0, 4.0]  # without the 2.5 of the seed that chose
    assert found["training_loss"] == [[2.0], [3.0], [4.0]]
    assert found["curves"] == [[(9, 1.0)]] * 3
    assert "--dropout 0.1 --out FOLDER/dropout-" in found["command"]


def find(judged, tried=(), older=()):
    changes = {name: {"mlm_loss": losses} for name, losses in judged.items()}
    trials = {name: {"mlm_loss": losses, "learning_rates": [1e-3, 2e-3, 4e-3]}
              for name, losses in dict(tried or judged).items()}  # fmt: skip
    return {"changes": changes, "trials": trials, "older": {"trials": list(older)}}


def test_a_change_is_compared_with_the_recipe():
    """Means of three seeds; the interval is that of scipy's t test."""
    stats = pytest.importorskip("scipy.stats")
    losses = {"recipe": [3.6, 3.7, 3.65], "bert": [5.0, 5.4, 5.1], "dropout": [3.8, 3.9, 3.7]}
    (first, cost, half), (second, _, _) = compare_changes(find(losses))
    assert (first, second) == (NAMES["bert"], NAMES["dropout"])
    interval = stats.ttest_ind(losses["bert"], losses["recipe"]).confidence_interval()
    assert (cost - half, cost + half) == pytest.approx((interval.low, interval.high), abs=1e-3)
    table = format_changes(find(losses)).splitlines()
    assert [line.split("  ")[0] for line in table[1:]] == [NAMES[name] for name in ("recipe", "dropout", "bert")]
    assert table[3].endswith("5.17    5.00    5.40      3  0.001, the lowest")
    assert table[2].endswith("3  0.004, the highest")
    assert table[1].endswith("3  0.001, the lowest")


def test_evidence_is_compared_with_evidence_of_its_kind():
    """Not judged yet: the best trial, against the recipe's best trial. Of an earlier day: against that day's recipe."""
    older = [{"change": "older recipe", "what": NAMES["recipe"], "mlm_loss": [4.0, 4.2]},
             {"change": "adamw", "what": "AdamW", "mlm_loss": [4.3]},
             {"change": "bert", "what": "repeated since", "mlm_loss": [9.0]}]  # fmt: skip
    tried = {"recipe": [3.7, 3.5, 3.6], "bert": [6.5, 6.3, 6.0]}
    found = find({}, tried, older)
    assert compare_changes(found) == [(NAMES["bert"], 2.5, 0.0), ("AdamW", pytest.approx(0.2), 0.0)]
    found["changes"]["bert"] = {"mlm_loss": [6.1, 6.1, 6.1]}
    assert compare_changes(found)[0] == (NAMES["bert"], 2.5, 0.0)  # the recipe is not judged
    del found["changes"]["bert"]
    found["changes"]["recipe"] = {"mlm_loss": [3.0, 3.0, 3.0]}
    assert compare_changes(found)[0] == (NAMES["bert"], 2.5, 0.0)
    assert "repeated since" not in format_changes(found)


def test_every_change_has_a_name():
    assert set(NAMES) == set(CHANGES)


def test_the_study_runs(tmp_path, monkeypatch):
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(f"The cat {n} sat. The dog {n} ran. A bird {n} sang." for n in range(40)))

    def make_command(options, rate, seed):
        small = f"pretrain --text {text} --vocab-size 80 --length 16 --batch-size 4 --steps 2"
        return f"{small} --learning-rate {rate:g} --seed {seed} {options}".rstrip()

    monkeypatch.setattr(recipe, "make_command", make_command)
    main([str(tmp_path / "runs"), str(tmp_path / "found.json"), "dropout"])
    found = json.loads((tmp_path / "found.json").read_text())["changes"]
    assert list(found) == ["dropout"]
    assert len(found["dropout"]["mlm_loss"]) == len(SEEDS)
    monkeypatch.setattr(recipe, "run_commands", None)  # another machine, which has the record alone
    main([str(tmp_path / "empty"), str(tmp_path / "found.json"), "dropout"])
    assert json.loads((tmp_path / "found.json").read_text())["changes"] == found
    monkeypatch.setattr(recipe, "STEPS", 7)
    with pytest.raises(ValueError, match="with other steps"):
        main([str(tmp_path / "runs"), str(tmp_path / "found.json")])
