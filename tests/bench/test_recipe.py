"""The study of the recipe: its commands exist, differ in what they say, and its numbers are those of the runs."""

import json

import pytest

from bertlab.__main__ import make_parser
from bertlab.bench import recipe
from bertlab.bench.recipe import (
    CHANGES,
    CHOOSING,
    RATE,
    SEEDS,
    average_curves,
    compare_changes,
    find_judged,
    find_trials,
    format_changes,
    list_rates,
    main,
    make_command,
    name_run,
)
from bertlab.options import read_plan_options
from bertlab.pretrain import PretrainPlan
from bertlab.sources import data_folder


def read_plan(change, folder):
    options = make_parser().parse_args([*make_command(change, 0.001, 3).split(), "--out", str(folder)])
    plan = PretrainPlan(**read_plan_options(options, PretrainPlan))
    assert plan.sinusoids or plan.neighbours  # the command refuses both: without the first, the second changes nothing
    return plan


def add_run(found, change, rate, seed, loss):
    found["runs"][name_run(change, rate, seed)] = {
        "change": change, "learning_rate": rate, "seed": seed,
        "mlm_loss": loss, "nsp_accuracy": 0.5 + seed / 100, "curve": [[0, loss + 1], [10, loss]],
    }  # fmt: skip


def find(judged):
    """A study in which the middle one of three rates was the best of each change."""
    found = {"runs": {}}
    for change, losses in judged.items():
        rates = CHANGES[change].rates
        for rate, loss in zip(rates, (9.2, 9.0, 9.1), strict=True):
            add_run(found, change, rate, CHOOSING, loss)
        for seed, loss in zip(SEEDS, losses, strict=True):
            add_run(found, change, rates[1], seed, loss)
    return found


def test_every_change_is_a_plan_of_its_own(tmp_path):
    plans = {change: read_plan(change, tmp_path) for change in CHANGES}
    assert {(plan.learning_rate, plan.seed) for plan in plans.values()} == {(0.001, 3)}
    assert len({repr(plan) for plan in plans.values()}) == len({one.title for one in CHANGES.values()}) == len(CHANGES)
    assert all(len(change.rates) == 3 for change in CHANGES.values())


@pytest.mark.parametrize(
    ("losses", "fourth"),
    [((3.0, 2.5, 2.7), []), ((2.4, 2.5, 2.7), [RATE / 4]), ((3.0, 2.5, 2.2), [RATE * 4])],
    ids=["middle", "lowest", "highest"],
)
def test_a_best_rate_at_the_edge_asks_for_one_more(losses, fourth):
    found = {"runs": {}}
    assert list_rates(found, "dropout") == list(CHANGES["dropout"].rates)
    for rate, loss in zip(CHANGES["dropout"].rates, losses, strict=True):
        add_run(found, "dropout", rate, CHOOSING, loss)
    assert list_rates(found, "dropout") == fourth
    for rate in fourth:
        add_run(found, "dropout", rate, CHOOSING, 2.0)
    assert not list_rates(found, "dropout")  # four are enough, even if the best is still at the edge
    assert list(find_trials(found, "dropout")) == sorted([*CHANGES["dropout"].rates, *fourth])


def test_only_the_seeds_that_did_not_choose_are_judged():
    found = find({"dropout": (2.0, 3.0, 4.0)})
    assert [run["mlm_loss"] for run in find_judged(found, "dropout")] == [2.0, 3.0, 4.0]  # not the 9.0 of the choice
    add_run(found, "dropout", CHANGES["dropout"].rates[2], CHOOSING, 8.0)  # now another rate is the best: a fourth, too
    assert not find_judged(found, "dropout")
    add_run(found, "dropout", 2 * CHANGES["dropout"].rates[2], CHOOSING, 8.5)
    assert not find_judged(found, "dropout")  # the seeds were trained at another rate
    for seed in SEEDS:
        add_run(found, "dropout", CHANGES["dropout"].rates[2], seed, 1.0)
    assert [run["mlm_loss"] for run in find_judged(found, "dropout")] == [1.0] * 3


def test_a_change_is_compared_with_the_recipe():
    """Means of three seeds; the interval is Welch's, computed here from its formula."""
    losses = {"recipe": [3.6, 3.7, 3.65], "bert": [5.0, 5.4, 5.1], "dropout": [3.8, 3.9, 3.7]}
    found = find(losses)
    (first, cost, half), (second, _, _) = compare_changes(found)
    assert (first, second) == (CHANGES["bert"].title, CHANGES["dropout"].title)
    assert cost == pytest.approx(15.5 / 3 - 3.65, abs=1e-9)
    a, b = 0.13 / 3 / 3, 0.0025 / 3  # variances of the two means
    t_of_2_23 = 3.904  # 97.5% of Student's t with (a + b)^2 / (a^2 / 2 + b^2 / 2) = 2.23 degrees of freedom
    assert half == pytest.approx(t_of_2_23 * (a + b) ** 0.5, rel=0.01)
    lines = format_changes(found).splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == [
        CHANGES[name].title for name in ("recipe", "dropout", "bert")
    ]
    assert lines[3].endswith("    5.17    5.00    5.40  51.0%  0.0005 of 3")
    add_run(found, "bert", 4e-3, CHOOSING, 9.9)
    assert format_changes(found).splitlines()[3].endswith("0.0005 of 4")


def test_the_best_rate_at_an_edge_is_marked():
    found = find({"recipe": [3.6, 3.7, 3.65]})
    for factor in (2, 4):
        add_run(found, "recipe", factor * RATE, CHOOSING, 8.9 - factor)
    for seed in SEEDS:
        add_run(found, "recipe", 4 * RATE, seed, 3.0)
    assert format_changes(found).endswith("0.016 of 4, the highest")


def test_curves_are_averaged_step_by_step():
    runs = find_judged(find({"recipe": [3.0, 4.0, 5.0]}), "recipe")
    assert average_curves(runs) == ([0, 10], [5.0, 4.0])
    runs[1]["curve"][1][0] = 20
    with pytest.raises(ValueError, match="not evaluated at the same steps"):
        average_curves(runs)


def test_the_record_has_nothing_half_done():
    found = json.loads((data_folder() / "recipe.json").read_text(encoding="utf-8"))
    judged = {change for change in CHANGES if find_judged(found, change)}
    assert judged == {run["change"] for run in found["runs"].values()}
    used = {name_run(change, rate, CHOOSING) for change in judged for rate in find_trials(found, change)}
    used |= {name_run(run["change"], run["learning_rate"], run["seed"])
             for change in judged for run in find_judged(found, change)}  # fmt: skip
    assert set(found["runs"]) == used


def test_the_study_runs_and_goes_on(tmp_path, monkeypatch):
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(f"The cat {n} sat. The dog {n} ran. A bird {n} sang." for n in range(40)))
    small = f"pretrain --text {text} --vocab-size 80 --length 16 --batch-size 4 --steps 2"
    whole = recipe.make_command
    monkeypatch.setattr(
        recipe, "make_command", lambda *run: whole(*run).replace("pretrain --text sotu wiki --steps 1000", small)
    )
    file = tmp_path / "found.json"
    main([str(tmp_path / "runs"), str(file), "dropout"])
    found = json.loads(file.read_text())
    assert len(found["runs"]) == len(find_trials(found, "dropout")) + len(SEEDS)
    name, run = next(iter(found["runs"].items()))
    results = json.loads((tmp_path / "runs" / name / "results.json").read_text())
    assert run["mlm_loss"] == pytest.approx(results["model"]["mlm_loss"], abs=1e-4)
    assert run["curve"]
    assert run["command"].endswith(f"--seed 9 --dropout 0.1 --out FOLDER/{name}")

    del found["runs"][name]  # another machine, which has the record of the other runs alone
    file.write_text(json.dumps(found))
    main([str(tmp_path / "empty"), str(file), "dropout"])
    assert [folder.name for folder in (tmp_path / "empty").iterdir()] == [name]
    assert json.loads(file.read_text())["runs"][name] == run
    monkeypatch.setattr(recipe, "STEPS", 7)
    with pytest.raises(ValueError, match="with other steps"):
        main([str(tmp_path / "runs"), str(file)])


def test_a_change_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ValueError, match="unknown changes: adam; there are recipe, adamw"):
        main([str(tmp_path / "runs"), str(tmp_path / "found.json"), "adam"])
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_record_is_named_and_kept(tmp_path):
    file = tmp_path / "found.json"
    file.write_text('{"trials": {}}')
    with pytest.raises(ValueError, match=r"found.json has no runs"):
        main([str(tmp_path / "runs"), str(file)])
    assert file.read_text() == '{"trials": {}}'
    assert not (tmp_path / "runs").exists()
