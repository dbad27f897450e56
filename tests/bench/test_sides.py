"""Both sides: fair batches, the same first loss, and the same steps."""

import time

import numpy as np
import pytest
import torch

from bertlab import weight_names
from bertlab.batches import Batches
from bertlab.bench import sides
from bertlab.bench.settings import DYNAMIC, GROUPED, OURS, SIDES
from bertlab.bench.sides import Side, StepClock, fit_ours, fit_trainer, order_batches, spread_evenly
from bertlab.bench.speed import check_same_start
from bertlab.train import TrainConfig

from .examples import REVIEWS, make_finetuning, make_pretraining

# Fair batches


@pytest.mark.parametrize("side", SIDES)
def test_a_side_takes_each_row_once_and_in_another_order_in_each_round(side, tmp_path):
    setting = make_finetuning(tmp_path)
    order = order_batches(setting, side, 0)
    assert order.shape == (25, 4)
    assert sorted(order.ravel()) == list(range(100))
    assert (order == order_batches(setting, side, 0)).all()
    assert (order != order_batches(setting, side, 1)).any()


def test_grouped_sides_hold_rows_of_like_length_and_the_first_batches_are_of_all_lengths(tmp_path):
    setting = make_finetuning(tmp_path)
    ranges = {side: np.ptp(setting.lengths[order_batches(setting, side, 0)], axis=1).mean() for side in SIDES}
    assert ranges[OURS] <= ranges[GROUPED] < ranges[DYNAMIC] / 2
    for side in (OURS, GROUPED):
        for number in range(4):
            first = setting.lengths[order_batches(setting, side, number)[:6]].mean()
            assert first == pytest.approx(setting.lengths.mean(), rel=0.15)


def test_spread_evenly_is_a_permutation_whose_start_covers_the_range():
    for count in (1, 2, 7, 50):
        assert sorted(spread_evenly(count, 3)) == list(range(count))
    assert sorted(spread_evenly(100, 0)[:5] // 20) == [0, 1, 2, 3, 4]


def test_the_clock_runs_from_the_first_batch_to_the_last_step_end(monkeypatch):
    clock = StepClock(lambda rows, rng: sum(rows))
    times = iter([10.0, 11.0, 12.5])
    monkeypatch.setattr(sides.time, "perf_counter", lambda: next(times))
    assert clock([1, 2], None) == 3
    clock.record_step_end()
    assert clock([5], None) == 5
    clock.record_step_end()
    assert clock.end - clock.start == 2.5


# The same training


@pytest.mark.parametrize("make_setting", [make_pretraining, make_finetuning])
def test_all_sides_start_from_the_same_loss(make_setting, tmp_path):
    setting = make_setting(tmp_path)
    losses = {name: Side(setting, name).compute_first_loss() for name in SIDES}
    check_same_start(setting, losses)
    assert losses[OURS] == pytest.approx(losses[DYNAMIC], abs=1e-5)
    with pytest.raises(RuntimeError, match="pairs of words|reviews"):
        check_same_start(setting, losses | {OURS: losses[OURS] + 0.01})
    with pytest.raises(RuntimeError, match="nan"):
        check_same_start(setting, losses | {OURS: float("nan")})


def test_ours_and_the_trainer_take_the_same_steps(tmp_path):
    """Same weights, rows, rate, decay, clipping and epsilon: after some steps, each a run of its own, still the same.

    (In a longer run both rates fall in a line, but the Trainer's begins to fall a step earlier.)
    """
    setting = make_finetuning(tmp_path)
    ours, theirs = Side(setting, OURS).model.train(), Side(setting, DYNAMIC).model
    before = ours.output.weight.clone()
    for start in (0, 4, 8):
        losses = []
        for fit, model in ((fit_ours, ours), (fit_trainer, theirs)):
            clock = StepClock(setting.collate)
            config = TrainConfig(steps=1, log_every=1, warmup=0.0, learning_rate=1e-3, weight_decay=0.5, clip=0.7)
            rows = Batches(REVIEWS[start : start + 4], clock, 4, shuffle=False)
            began = time.perf_counter()
            losses.append(fit(model, rows, config, clock.record_step_end))
            assert 0 < clock.end - clock.start < time.perf_counter() - began
        assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    assert (ours.output.weight - before).abs().max() > 2e-3
    trained = weight_names.from_hf_names(theirs.state_dict())
    for name, tensor in ours.state_dict().items():
        assert torch.allclose(tensor, trained[name], atol=5e-6), name


def test_a_measurement_counts_what_it_trained_on(tmp_path):
    setting = make_pretraining(tmp_path)
    results = {name: Side(setting, name).measure_training(number=1, steps=30) for name in SIDES}  # an epoch has 25
    for name in SIDES:
        assert results[name]["steps"] == 30
        rows = order_batches(setting, name, 1)
        assert results[name]["tokens"] == setting.lengths[rows].sum() + setting.lengths[rows[:5]].sum()
        assert results[name]["loss"] == pytest.approx(np.log(50) + np.log(2), abs=0.3)
        assert results[name]["useful_flops"] / results[name]["tokens"] == pytest.approx(
            results[OURS]["useful_flops"] / results[OURS]["tokens"], rel=0.02
        )
