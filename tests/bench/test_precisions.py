"""The study of bfloat16: its commands exist, and its numbers are those of the runs."""

import json

from bertlab.__main__ import make_parser
from bertlab.bench import precisions
from bertlab.bench.precisions import PRECISIONS, SEEDS, TRAININGS, collect_results, list_commands, main
from bertlab.commands.finetune import read_plan_options
from bertlab.pretrain import PretrainPlan
from bertlab.tasks import FinetunePlan


def test_the_commands_are_those_of_plans_that_can_be_run(tmp_path):
    names = []
    for name, command in list_commands():
        options = make_parser().parse_args([*command.split(), "--out", str(tmp_path)])
        plan = PretrainPlan if command.startswith("pretrain") else FinetunePlan
        made = plan(**read_plan_options(options, plan))
        assert made.precision == name.split("-")[1]
        names.append(name)
    assert len(names) == len(set(names)) == len(TRAININGS) * len(SEEDS) * len(PRECISIONS)


def test_the_numbers_are_those_of_the_runs(tmp_path):
    for name, _ in list_commands():
        training, precision, seed = name.split("-")
        (tmp_path / name).mkdir()
        value = int(seed) + (0.5 if precision == "bf16" else 0)
        results = {"model": {TRAININGS[training][1]: value}}
        (tmp_path / name / "results.json").write_text(json.dumps(results))
        rows = [{"loss": 4 + value}, {"mlm_loss": 9.0}, {"loss": 2 - value}]
        (tmp_path / name / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = collect_results(tmp_path)["pretrain"]
    assert found["float32"] == [0, 1, 2]
    assert found["bf16"] == [0.5, 1.5, 2.5]
    assert (found["difference"], found["spread"]) == (0.5, 2)
    assert found["training_loss"] == {"float32": [5, 1], "bf16": [5.5, 0.5]}
    assert (found["largest_difference_of_a_point"], found["largest_spread_of_a_point"]) == (0.5, 2)


def test_the_study_runs(tmp_path, monkeypatch, capsys):
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(f"The cat {n} sat. The dog {n} ran. A bird {n} sang." for n in range(40)))
    tiny = f"pretrain --text {text} --vocab-size 80 --length 16 --batch-size 4 --steps 2"
    monkeypatch.setattr(precisions, "TRAININGS", {"pretrain": (tiny, "mlm_loss")})
    main([str(tmp_path / "runs"), str(tmp_path / "found.json")])
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["pretrain"]["spread"] > 0
    assert found["commands"][0].endswith("--steps 2 --seed 0 --precision no --out FOLDER/pretrain-no-0")
    assert "pretrain-no-0" in capsys.readouterr().out
    main([str(tmp_path / "runs"), str(tmp_path / "again.json")])
    assert json.loads((tmp_path / "again.json").read_text())["pretrain"] == found["pretrain"]
    assert "pretrain-no-0" not in capsys.readouterr().out  # it was there
