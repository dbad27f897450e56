"""What training steps cost: sizes are counted and measured, savings and exchanges have numbers, runs have sources."""

import json

import pytest
import torch

from bertlab.batches import IGNORE
from bertlab.bench import costs, gradients, published, savings
from bertlab.budget import DEVICES, count_exchanged_bytes

from ..conftest import ROOT

TINY = costs.Size(width=32, depth=1, vocabulary=100, rows=4, length=8, fitted=True)
OTHER = costs.Size(width=64, depth=2, vocabulary=200, rows=2, length=16, fitted=True)


def test_batches_have_as_many_labels_as_they_say():
    labels = costs.make_batch(OTHER)["labels"]
    assert ((labels != IGNORE).sum(1) == OTHER.predicted).all()


def test_a_subject_counts_what_the_formula_says():
    measured = costs.CostSubject(OTHER).measure(1)
    assert measured["flops"] == costs.compute_flops(OTHER)
    assert measured["seconds"] > 0


def test_rates_are_found_again():
    sizes = [TINY, OTHER, costs.Size(16, 3, 500, 2, 32), costs.Size(128, 1, 50, 8, 4)]
    rates = [1e-11, 2e-9, 4e-10]
    found = costs.fit_rates(sizes, [costs.predict_seconds(size, rates) for size in sizes])
    assert found == pytest.approx(rates, rel=1e-3)


def test_bytes_beyond_the_formula_come_from_fitted_sizes():
    rows = [{**vars(size), "measured": {"flops": 1, "bytes": costs.compute_peak(size) + 7, "seconds": 1.0}}
            for size in (TINY, OTHER)]  # fmt: skip
    rows.append(rows[0] | {"fitted": False, "measured": {"flops": 1, "bytes": 0, "seconds": 1.0}})
    found = costs.add_formulas({"sizes": rows})
    assert found["extra_bytes"] == 7
    assert found["sizes"][2]["formula"]["bytes"] == costs.compute_peak(TINY) + 7


def test_two_processes_equal_one():
    size = gradients.SIZE
    whole, count = gradients.compute_gradient(size, gradients.make_uneven_batch())
    shared = gradients.run_processes(gradients.share_step, 2, size)
    assert sum(one["count"] for one in shared) == count
    assert gradients.compute_difference(shared[1]["weighted"], whole) < 1e-5
    assert gradients.compute_difference(shared[0]["plain"], whole) > 0.1
    assert torch.equal(shared[0]["weighted"], shared[1]["weighted"])


def test_an_exchange_is_a_start_and_a_bandwidth():
    sizes = [4e4, 4e5, 4e6]
    seconds = [0.001 + count_exchanged_bytes(one, 4) / 5e8 for one in sizes]
    assert gradients.fit_exchange(sizes, seconds, 4) == pytest.approx((5e8, 0.001))
    assert count_exchanged_bytes(100, 1) == 0
    assert count_exchanged_bytes(100, 2) == 100
    with pytest.raises(ValueError, match="processes"):
        count_exchanged_bytes(100, 0)


def test_savings_are_numbers():
    for measure in (savings.measure_heads, savings.measure_batches, savings.measure_lengths):
        assert all(found["seconds"] > 0 for found in measure(costs.Size(32, 1, 100, 2, 64), 1).values())
    padded = savings.pad_batch(costs.make_batch(TINY), 12)
    assert padded["input_ids"].shape == (4, 12)
    assert (padded["attention_mask"].sum(1) == 8).all()
    assert (padded["labels"][:, 8:] == IGNORE).all()


def test_runs_have_sources_and_known_devices():
    assert len(published.RUNS) >= 6
    for run in published.RUNS:
        assert run.source
        assert run.device in DEVICES
        found = published.compare_run(run)
        assert found["reported_to_formula"] == pytest.approx(published.UTILISATION / found["utilisation"])


def test_the_record_is_what_the_modules_say():
    record = json.loads((ROOT / "data" / "cost.json").read_text(encoding="utf-8"))
    assert record["command"] == costs.COMMAND
    assert len(record["sizes"]) == len(costs.SIZES)
    assert record["published"] == published.list_comparisons()
    for row, size in zip(record["sizes"], costs.SIZES, strict=True):
        assert costs.Size(**{name: row[name] for name in vars(size)}) == size
        assert row["measured"]["flops"] == costs.compute_flops(size)
        if not size.fitted:
            assert row["formula"]["bytes"] == pytest.approx(row["measured"]["bytes"], rel=0.15)
