"""The ladder of sizes: budgets become steps, a rate is chosen by the trials alone, a tiny study runs and goes on."""

from dataclasses import replace

import pytest

from bertlab import grammar
from bertlab.bench import ladder, variants_inputs
from bertlab.bench.variants_inputs import make_inputs
from bertlab.files import read_json
from bertlab.tasks import NAMED, Split, TaggedSentence

from .examples import write_random_text

SENTENCES = [TaggedSentence(["the", "cat", "sat"], ["DT", "NN", "VB"]), TaggedSentence(["dog", "ran"], ["NN", "VB"])]
PAIRS = [grammar.MinimalPair("The cat sat.", "The cat the.", "order")]


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    tagging = NAMED["pos"]._replace(load=lambda: Split(SENTENCES, SENTENCES, SENTENCES))
    monkeypatch.setattr(variants_inputs, "NAMED", {"pos": tagging})
    monkeypatch.setattr(variants_inputs.grammar, "make_pairs", lambda each: PAIRS)
    monkeypatch.setattr(ladder, "BUDGETS", (1e7, 4e7))
    monkeypatch.setattr(ladder, "RATES", {"1x32": (1e-3, 4e-3)})
    return replace(ladder.STUDY, text=(write_random_text(tmp_path, 60),), vocab_size=60, length=12, batch_size=4,
                   exam_rows=8, tagged=2, tagged_test=2)  # fmt: skip


def test_steps_are_what_the_budget_pays_for(tiny):
    inputs = make_inputs(tiny)
    small, large = (ladder.run_size(inputs, size, 4e7, 1e-3, 0, tiny) for size in ("1x32", "2x64"))
    for run in (small, large):
        assert 0 <= 4e7 - run["steps"] * run["flops_per_step"] < run["flops_per_step"]
        assert 0 < run["mlm_loss"] < 10
    assert small["layer_parameters"] == 12 * 32 * 32 + 13 * 32
    assert small["steps"] > 3 * large["steps"]


def test_only_the_trials_choose():
    runs = [{"size": "1x32", "budget": 1.0, "learning_rate": rate, "seed": seed, "mlm_loss": loss}
            for rate, seed, loss in ((1, 9, 3.0), (2, 9, 2.0), (3, 9, None), (1, 0, 1.0))]  # fmt: skip
    assert ladder.choose_rate(runs, "1x32") == 2


def test_a_tiny_study_runs_and_goes_on(tiny, tmp_path, monkeypatch):
    file = tmp_path / "ladder.json"
    found = ladder.run_study(file, tiny, (0,))
    assert [(run["budget"], run["seed"]) for run in found["runs"]] == [(4e7, 9), (4e7, 9), (1e7, 0), (4e7, 0)]
    monkeypatch.setattr(ladder, "run_size", None)  # nothing is trained again
    assert ladder.run_study(file, tiny, (0,))["runs"] == found["runs"]


def test_the_record_lacks_nothing(root):
    runs = read_json(root / "data" / "ladder.json")["runs"]
    assert list(ladder.list_missing(runs)) == []
    assert {run["size"] for run in runs} == set(ladder.SIZES)
