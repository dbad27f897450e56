"""Dropout of our own does what PyTorch's does, only with other random numbers."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bertlab.dropout import Dropout, drop
from bertlab.heads import Classifier
from bertlab.model import BertConfig

MANY = 200_001  # not a multiple of four


@pytest.mark.parametrize("p", [0.001, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_share_that_is_dropped_is_p(p, dtype):
    torch.manual_seed(0)
    dropped = (drop(torch.ones(MANY, dtype=dtype), p) == 0).double().mean().item()
    assert abs(dropped - p) < 4 * math.sqrt(p * (1 - p) / MANY)


@pytest.mark.parametrize("p", [0.1, 0.3])
def test_what_stays_is_divided_by_the_share_that_stays(p):
    x = torch.rand(50, 41, dtype=torch.float64) + 1
    torch.manual_seed(1)
    y = drop(x, p)
    kept = y != 0
    torch.testing.assert_close(y[kept], x[kept] / (1 - p), rtol=1e-5, atol=0)
    assert y.shape == x.shape


def test_entries_are_dropped_independently():
    """Four entries share a number of 64 bits, 16 for each: two of them are dropped with probability p squared."""
    torch.manual_seed(2)
    gone = drop(torch.ones(4 * 50_000), 0.3).view(-1, 4) == 0
    for i in range(4):
        for j in range(i):
            together = (gone[:, i] & gone[:, j]).double().mean().item()
            assert abs(together - 0.09) < 4 * math.sqrt(0.09 * 0.91 / 50_000)
    neighbours = (gone[1:] & gone[:-1]).double().mean().item()
    assert abs(neighbours - 0.09) < 4 * math.sqrt(0.09 * 0.91 / 200_000)


def test_the_gradient_passes_where_the_entry_stayed():
    x = torch.randn(6, 7, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(3)
    y = drop(x, 0.4)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(gradient * x, y)
    assert 0 < (gradient == 0).sum() < gradient.numel()


def test_one_seed_drops_the_same_entries_in_any_type_and_others_with_another_seed():
    masks = []
    for dtype, seed in ((torch.float32, 4), (torch.bfloat16, 4), (torch.float32, 5)):
        torch.manual_seed(seed)
        masks.append(drop(torch.ones(3, 5, 7, dtype=dtype), 0.5) == 0)
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_nothing_and_everything():
    x = torch.randn(3, 4)
    assert torch.equal(drop(x, 0.0), x)
    assert torch.equal(drop(x, 1.0), torch.zeros_like(x))
    assert torch.isfinite(drop(x, 0.999999)).all()
    for p in (-0.1, 1.1):
        with pytest.raises(ValueError, match="dropout probability"):
            drop(x, p)
    assert drop(torch.empty(0, 4), 0.1).shape == (0, 4)


def test_eval_mode_drops_nothing():
    layer, x = Dropout(0.5), torch.ones(100)
    assert (layer.train()(x) == 0).any()
    assert torch.equal(layer.eval()(x), x)


def test_another_device_takes_pytorchs(monkeypatch):
    calls = []
    monkeypatch.setattr(F, "dropout", lambda x, p: calls.append(p) or x)
    drop(torch.empty(2, 3, device="meta"), 0.1)
    assert calls == [0.1]


def test_a_model_has_no_other_dropout():
    config = BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8)
    parts = [part for part in Classifier(config, num_labels=2).modules() if isinstance(part, nn.Dropout)]
    assert len(parts) == 4  # embeddings, two layers, the head
    assert {type(part) for part in parts} == {Dropout}
