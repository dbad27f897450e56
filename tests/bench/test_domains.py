"""The study of two domains: its commands exist, and its numbers are those of the runs."""

import json

import numpy as np

from bertlab.__main__ import make_parser
from bertlab.bench.domains import SEEDS, SHARE, collect_results, list_commands
from bertlab.commands.finetune import read_plan_options
from bertlab.pretrain import PretrainPlan
from bertlab.tasks import FinetunePlan


def test_the_commands_are_those_of_plans_that_can_be_run(tmp_path):
    names = []
    for name, command in list_commands(tmp_path):
        options = make_parser().parse_args([*command.split(), "--out", str(tmp_path / name)])
        plan = PretrainPlan if command.startswith("pretrain") else FinetunePlan
        made = plan(**read_plan_options(options, plan))
        if "after" in name:  # from a run that comes before it
            assert made.model.removeprefix(f"{tmp_path}/") in names
        names.append(name)
    assert len(names) == len(set(names)) == 7 * len(SEEDS)


def test_the_numbers_are_those_of_the_runs(tmp_path):
    for number, (name, command) in enumerate(list_commands(tmp_path)):
        (tmp_path / name).mkdir()
        losses = {"model": {"mlm_loss": number}, "bigram": {"mlm_loss": 0.5}, "from": {"before": {"mlm_loss": 0.25}},
                  "general": {"before": {"mlm_loss": 1}, "after": {"mlm_loss": number / 2}}}  # fmt: skip
        scores = {"metric": "accuracy", "model": {"accuracy": number / 100}}
        results = losses if command.startswith("pretrain") else scores
        (tmp_path / name / "results.json").write_text(json.dumps(results))
    found = collect_results(tmp_path)
    assert found["sentiment"]["mlm_loss"] == {"bigram": [0.5] * 3, "before": [0.25] * 3, "after": [0, 3, 6]}
    assert found["sentiment"]["accuracy"] == {"before": [0.01, 0.04, 0.07], "after": [0.02, 0.05, 0.08]}
    assert found["pos"]["mlm_loss"]["after"] == [9, 12, 15]
    assert found["sentiment, 10% general"]["general_mlm_loss"] == {"before": [1] * 3, "after": [9, 9.5, 10]}
    assert found["sentiment"]["baselines"] is None
    assert len(found["commands"]) == 7
    (tmp_path / "pos-1" / "results.json").unlink()
    assert collect_results(tmp_path)["pos"]["mlm_loss"]["after"] == [9, 15]  # a run that has not ended is left out
    assert found["commands"][2].startswith("python -m bertlab finetune sentiment --model FOLDER/sentiment-0 ")
    assert found["commands"][2].endswith("--out FOLDER/fine-sentiment-after-0")


def test_readme_says_what_was_recorded(root):
    found = json.loads((root / "data" / "continued.json").read_text(encoding="utf-8"))
    readme = " ".join((root / "README.md").read_text(encoding="utf-8").split())
    mixed = found[f"sentiment, {SHARE:.0%} general"]

    def write_losses(run):
        return [f"{np.mean(run[name][when]):.2f}" for name in ("mlm_loss", "general_mlm_loss")
                for when in ("before", "after")]  # fmt: skip

    for domain, title in (("sentiment", "film snippets"), ("pos", "lines of the OANC")):
        accuracy = [f"{100 * np.mean(found[domain]['accuracy'][when]):.1f}%" for when in ("before", "after")]
        task = {"sentiment": "sentiment", "pos": "parts of speech"}[domain]
        cells = [title, *write_losses(found[domain]), task, *accuracy]
        assert f"| {' | '.join(cells)} |" in readme
    assert f"| film snippets, `--mix {SHARE}` | {' | '.join(write_losses(mixed))} |" in readme
    for domain, baseline in (("sentiment", "TF-IDF + logistic regression"), ("pos", "structured perceptron")):
        assert f"{100 * found[domain]['baselines'][baseline]['accuracy']:.1f}%" in readme
