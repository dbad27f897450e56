"""LAMB against its formula, and unpadded against padded."""

import pytest
import torch
from torch import nn

from bertlab.model import Bert, BertConfig
from bertlab.variants import Lamb, encode_unpadded

CONFIG = BertConfig(vocab_size=50, hidden_size=32, num_hidden_layers=3, num_attention_heads=2, intermediate_size=96,
                    max_position_embeddings=24, initializer_range=0.2)  # fmt: skip


def test_lamb_is_its_formula():
    torch.manual_seed(0)
    w = nn.Parameter(torch.randn(4, 3, dtype=torch.float64))
    expected = w.detach().clone()
    optimizer = Lamb([{"params": [w], "weight_decay": 0.1}], lr=0.01, betas=(0.9, 0.99), eps=1e-6)
    m, v = torch.zeros_like(expected), torch.zeros_like(expected)
    for step in range(1, 5):
        gradient = torch.randn_like(expected)
        w.grad = gradient.clone()
        optimizer.step()
        m, v = 0.9 * m + 0.1 * gradient, 0.99 * v + 0.01 * gradient**2
        r = m / (1 - 0.9**step) / ((v / (1 - 0.99**step)).sqrt() + 1e-6) + 0.1 * expected
        before = expected
        expected = expected - 0.01 * before.norm() / r.norm() * r
        torch.testing.assert_close(w.detach(), expected)
        torch.testing.assert_close((expected - before).norm() / before.norm(), torch.tensor(0.01).double())


def test_vectors_take_adams_step():
    ours, theirs = (nn.Parameter(torch.ones(5)) for _ in range(2))
    lamb = Lamb([{"params": [ours], "weight_decay": 0.0}], lr=0.01)
    adam = torch.optim.Adam([theirs], lr=0.01, eps=1e-6)
    for step in range(3):
        ours.grad = theirs.grad = torch.arange(5.0) - step
        lamb.step()
        adam.step()
    torch.testing.assert_close(ours, theirs)


def test_zeros_can_be_left():
    w = nn.Parameter(torch.zeros(2, 2))
    optimizer = Lamb([{"params": [w], "weight_decay": 0.1}], lr=0.01)
    w.grad = torch.ones(2, 2)
    optimizer.step()
    torch.testing.assert_close(w.detach(), torch.full((2, 2), -0.01))


def test_lamb_goes_on_from_its_state():
    runs = []
    for stop in (None, 2):
        w = nn.Parameter(torch.ones(3, 3))
        optimizer = Lamb([{"params": [w], "weight_decay": 0.1}], lr=0.01)
        for step in range(4):
            if step == stop:
                state = optimizer.state_dict()
                optimizer = Lamb([{"params": [w], "weight_decay": 0.1}], lr=0.5)
                optimizer.load_state_dict(state)
            w.grad = torch.eye(3) * (step + 1)
            optimizer.step()
        runs.append(w.detach())
    assert runs[0].equal(runs[1])


def test_unpadded_equals_padded():
    torch.manual_seed(0)
    bert = Bert(CONFIG).eval().double()
    ids = torch.randint(5, 50, (4, 12))
    mask = (torch.arange(12) < torch.tensor([[12], [7], [3], [1]])).long()
    padded, unpadded = bert(ids, attention_mask=mask), encode_unpadded(bert, ids, mask)
    torch.testing.assert_close(unpadded[mask.bool()], padded[mask.bool()])
    assert (unpadded[~mask.bool()] == 0).all()


def test_padding_in_front_is_refused():
    with pytest.raises(ValueError, match="at the end alone"):
        encode_unpadded(Bert(CONFIG), torch.full((1, 3), 9), torch.tensor([[0, 1, 1]]))


def test_a_negative_rate_is_refused():
    with pytest.raises(ValueError, match="lr is -1"):
        Lamb([torch.nn.Parameter(torch.ones(2))], lr=-1)
