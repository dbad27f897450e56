"""Learning curves: training in turns, the three learners, the table and the figure."""

import json
from functools import partial

import pytest
import torch

from bertlab import weight_names
from bertlab.__main__ import make_parser
from bertlab.bench import curves
from bertlab.bench.curves import (
    LEARNERS,
    Learner,
    LearnerPlan,
    TurnTaker,
    choose_rate,
    draw_curves_figure,
    evaluate_learner,
    find_time_to_loss,
    format_curves,
    make_learner_plans,
    make_ordered_batches,
    train_in_turns,
)
from bertlab.bench.processes import Worker, start_server
from bertlab.bench.settings import OURS, SIDES
from bertlab.bench.sides import load_side_model
from bertlab.pretrain import PretrainPlan
from bertlab.train import TrainConfig

from ..conftest import ROOT
from .examples import lose_weights, make_curves, make_pretraining, write_random_text


class FakePipe:
    """The end of a pipe: keeps what was sent, and answers with turns of so many seconds each."""

    def __init__(self, *turns):
        self.sent, self.turns = [], list(turns)

    def send(self, message):
        self.sent.append(message[1])

    def recv(self):
        return "continue", (self.turns.pop(0),)


def test_turns_count_training_and_not_evaluation(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(curves.time, "perf_counter", lambda: now[0])

    def evaluate():
        now[0] += 100
        return {"mlm_loss": 1.0}

    pipe = FakePipe(2.5, 1.0, 9.0)
    turns = TurnTaker(pipe, 7, evaluate)
    now[0] = 50.0  # what happens before the first step
    for step in range(8):
        turns.record_step(step)
        now[0] += 1
    points = [(one["step"], one["seconds"], one["ended"]) for one in [*pipe.sent, turns.make_point(7)]]
    assert points == [(0, 0, False), (3, 3, False), (4, 4, False), (7, 7, True)]
    assert pipe.sent[0]["mlm_loss"] == 1.0
    assert not pipe.turns


def test_train_in_turns_goes_on_until_all_have_ended():
    class FakeWorker:
        def __init__(self, name):
            self.name, self.step = name, 0

        def ask(self, method, *arguments):
            if method == "train":
                self.steps, self.rate = arguments
            else:
                self.step += 1
            asked.append(self.name)
            return {"step": self.step, "ended": self.step == self.steps}

    asked = []
    results = train_in_turns([FakeWorker("a"), FakeWorker("b")], [1, 3], [0.1, 0.2], 5)
    assert [[point["step"] for point in points] for points in results] == [[0, 1], [0, 1, 2, 3]]
    assert asked == ["a", "b", "a", "b", "b", "b"]


def test_the_rate_with_the_lowest_finite_loss_is_chosen():
    losses = [float("nan"), 3.0, 2.5, float("inf")]
    assert choose_rate([{"learning_rate": i, "mlm_loss": loss} for i, loss in enumerate(losses)]) == 2


def test_ordered_batches_go_through_the_rows_epoch_after_epoch(tmp_path):
    setting = make_pretraining(tmp_path)
    for sampler in SIDES:
        batches = make_ordered_batches(setting, sampler, 60)  # an epoch has 25
        assert len(batches) == 60
        chosen = batches.rows.indices
        assert sorted(chosen[:100]) == sorted(chosen[100:200]) == list(range(100))
        assert chosen[:100] != chosen[100:200]
        assert batches[59]["input_ids"].size(0) == 4


def test_the_tuned_trainer_starts_where_we_do_and_the_published_one_as_published(tmp_path):
    plan = PretrainPlan(text=(write_random_text(tmp_path, 30),), length=24, batch_size=8)
    plans, baseline_losses = make_learner_plans(plan, tmp_path)
    ours, tuned, published = (plans[name] for name in LEARNERS)
    assert [one.setting.collate.masking.rate for one in plans.values()] == [0.4, 0.4, 0.15]
    assert [one.recipe.optimizer for one in plans.values()] == ["muon", "adamw", "adamw"]
    assert (published.recipe.learning_rate, published.recipe.warmup, published.recipe.beta2) == (1e-4, 0.01, 0.999)
    models = [load_side_model(ours.setting, trainer=False), load_side_model(tuned.setting, trainer=True)]
    tuned_weights = weight_names.from_hf_names(models[1].state_dict())
    assert all(torch.equal(tensor, tuned_weights[name]) for name, tensor in models[0].state_dict().items())
    assert models[1].config.hidden_dropout_prob == 0
    other = load_side_model(published.setting, trainer=True)
    assert other.config.attention_probs_dropout_prob == other.config.hidden_dropout_prob == 0.1
    assert not other.cls.predictions.bias.any()
    losses = [evaluate_learner(ours, model) for model in (*models, other)]
    assert losses[0]["mlm_loss"] == pytest.approx(losses[1]["mlm_loss"], abs=1e-5)
    assert losses[0]["mlm_loss"] == pytest.approx(baseline_losses["unigram"], abs=0.1)
    assert losses[2]["mlm_loss"] > baseline_losses["unigram"] + 0.1
    assert baseline_losses["bigram"] != baseline_losses["unigram"]


def test_a_learner_that_fails_says_why(tmp_path):
    plan = LearnerPlan(lose_weights(make_pretraining(tmp_path)), TrainConfig(), None)
    with start_server() as processes:
        worker = Worker(OURS, partial(Learner, plan, OURS), 1, processes)
        with pytest.raises(ChildProcessError, match=f"{OURS}: there is no .*nowhere"):
            worker.ask("measure_step_seconds")
        worker.close()


def test_table_by_hand():
    lines = format_curves(make_curves()).splitlines()
    assert "0.001 3.250 (loss after 0.25 minutes each)" in lines[2]
    assert lines[5].split() == ["bertlab", "1,200", "0.001", "3.500", "3.000", "2.500", "2.000", "25.0%"]
    assert lines[6].split() == ["Trainer,", "tuned", "1,200", "0.001", "3.750", "3.500", "3.250", "3.000", "25.0%",
                                "30", "s"]  # fmt: skip
    assert lines[7].endswith("25.0%            0 s")
    assert lines[8].split() == ["unigram", "4.500"]
    assert len(lines[8]) == lines[5].index("2.000") + 5  # below the last losses
    assert max(map(len, lines)) <= 120
    assert find_time_to_loss(make_curves()["learners"][0]["points"], 1.9) == "never"
    rising = [{"seconds": 10.0 * i, "mlm_loss": loss} for i, loss in enumerate((4.0, 4.5, 3.5))]
    assert [find_time_to_loss(rising, loss) for loss in (5.0, 3.75)] == ["0 s", "18 s"]


def test_figure_shows_all_curves_against_seconds_and_steps():
    figure = draw_curves_figure(make_curves())
    assert [ax.get_xlabel() for ax in figure.axes] == ["seconds", "step"]
    assert [len(ax.lines) for ax in figure.axes] == [5, 5]
    assert figure.axes[1].lines[0].get_xdata()[-1] == 1200
    figure.draw_without_rendering()


def test_the_curves_of_notebook_09_come_from_a_command_that_exists():
    recorded = json.loads((ROOT / "data" / "curves.json").read_text(encoding="utf-8"))
    options = make_parser().parse_args(recorded["command"].split()[3:])
    assert options.curves == recorded["minutes"]
    assert recorded["machine"]["load"] < 1, "the machine was busy with something else"
    table = format_curves(recorded)
    for learner, line in zip(recorded["learners"], table.splitlines()[5:], strict=False):
        last = learner["points"][-1]
        assert last["step"] == learner["steps"]
        assert last["seconds"] <= 60 * recorded["minutes"]
        assert f"{last['mlm_loss']:.3f}" in line
