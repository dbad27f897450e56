"""Query and keys by hand: the panel shows real attention, follows its sliders, and names what does not fit."""

import time

import pytest
import torch
import torch.nn.functional as F

from bertlab import explore

from .tables import read_rows

TOKENS = ["dog", "<b>", "cat"]
QUERY, KEYS, VALUES = [1.0, 0.5], [[2.0, 0.0], [0.0, 2.0], [-1.0, 1.0]], [[1.0, 1.0], [-1.0, 0.0], [0.0, -2.0]]


def make_parts():
    """The controls and the output of a panel: query, temperature, chosen token, key, HTML."""
    controls, output = explore.query_and_keys(TOKENS, QUERY, KEYS, VALUES).children
    (q1, q2, temperature), (chosen, k1, k2) = (box.children for box in controls.children)
    return q1, q2, temperature, chosen, k1, k2, output


def read_weights(output) -> list[float]:
    return [float(weight) for _, _, weight in read_rows(output.value)[1:]]


def test_one_query_is_attention():
    query, keys, values = (torch.tensor(x, dtype=torch.float64) for x in (QUERY, KEYS, VALUES))
    scores, _, output = explore.attend_one_query(query, keys, values)
    expected = F.scaled_dot_product_attention(query[None], keys, values)[0]
    assert (output - expected).abs().max() < 1e-12
    hot = explore.attend_one_query(query, keys, values, 2.0)
    assert torch.equal(hot[0], scores)
    assert (hot[1] - (scores / 2).softmax(-1)).abs().max() < 1e-12


def test_query_and_keys_follow_the_sliders():
    q1, q2, temperature, chosen, k1, k2, output = make_parts()
    first = read_weights(output)
    assert sum(first) == pytest.approx(1, abs=2e-3)
    assert first[0] == max(first)
    q1.value, q2.value = -3.0, 3.0
    assert read_weights(output)[2] == max(read_weights(output))
    chosen.value = 1
    assert (k1.value, k2.value) == (0.0, 2.0)
    k1.value = -3.0
    moved = read_weights(output)
    assert moved[1] == max(moved)
    _, weights, average = explore.attend_one_query(
        torch.tensor([-3.0, 3.0]), torch.tensor([[2.0, 0.0], [-3.0, 2.0], [-1.0, 1.0]]), torch.tensor(VALUES)
    )
    assert moved == pytest.approx(weights.tolist(), abs=1e-3)
    assert f"Output ({average[0]:.2f}, {average[1]:.2f})" in output.value
    temperature.value = 10.0
    assert max(read_weights(output)) < max(moved)
    chosen.value = 0
    assert (k1.value, k2.value) == (2.0, 0.0)


def test_query_and_keys_escape_tokens_and_keep_the_callers_numbers():
    keys = torch.tensor(KEYS)
    controls, output = explore.query_and_keys(TOKENS, QUERY, keys, VALUES).children
    assert "&lt;b&gt;" in output.value
    assert "<b>" not in output.value
    controls.children[1].children[1].value = 3.0
    assert keys.tolist() == KEYS


def test_query_and_keys_are_quick():
    q1, *_ = make_parts()
    start = time.process_time()
    for step in range(10):
        q1.value = -2 + 0.3 * step
    assert (time.process_time() - start) / 10 < 0.2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokens": []}, "0 tokens"),
        ({"query": [1.0, 2.0, 3.0]}, r"a query \(3,\)"),
        ({"keys": KEYS[:2]}, r"keys \(2, 2\)"),
        ({"values": [[1.0], [1.0], [1.0]]}, r"values \(3, 1\)"),
        ({"query": [4.0, 0.0]}, "query outside the plane"),
        ({"keys": [[float("nan"), 0.0]] * 3}, "keys outside the plane"),
    ],
)
def test_query_and_keys_name_what_does_not_fit(change, message):
    arguments = {"tokens": TOKENS, "query": QUERY, "keys": KEYS, "values": VALUES} | change
    with pytest.raises(ValueError, match=message):
        explore.query_and_keys(**arguments)
