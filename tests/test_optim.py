"""Learning rates, and optimizers against the formula and against PyTorch."""

import math

import pytest
import torch

from bertlab.optim import Muon, learning_rate_at, list_layer_matrices, make_optimizer, orthogonalise
from bertlab.progress import quiet
from bertlab.train import TrainConfig, train

from .test_train import batches, new_model


def test_learning_rate_literals():
    config = TrainConfig(steps=10, learning_rate=1.0, warmup=0.2)
    rates = [learning_rate_at(step, config) for step in range(10)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125])


def test_learning_rate_is_never_zero_before_the_end():
    for warmup in (0.0, 0.5, 1.0):
        config = TrainConfig(steps=7, warmup=warmup)
        assert all(learning_rate_at(step, config) > 0 for step in range(7))


def test_weight_decay_is_for_matrices_only():
    model = new_model()
    decayed, free = make_optimizer(model, TrainConfig()).param_groups
    assert {p.dim() for p in decayed["params"]} == {2}
    assert {p.dim() for p in free["params"]} == {1}
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.01, 0.0)
    assert len(decayed["params"]) + len(free["params"]) == len(list(model.parameters()))


def test_muon_is_for_the_matrices_of_the_layers_only():
    model = new_model()
    matrices, vectors, inner = make_optimizer(model, TrainConfig(optimizer="muon")).param_groups
    names = {id(p): name for name, p in model.named_parameters()}
    assert {names[id(p)] for p in inner["params"]} == {n for n in names.values() if ".layers." in n and "weight" in n
                                                       and "norm" not in n}  # fmt: skip
    assert "bert.embeddings.words.weight" in {names[id(p)] for p in matrices["params"]}
    assert sum(len(g["params"]) for g in (matrices, vectors, inner)) == len(names)
    assert [bool(g.get("muon")) for g in (matrices, vectors, inner)] == [False, False, True]
    assert len(list_layer_matrices(model)) == 2 * 6
    assert list_layer_matrices(torch.nn.Linear(2, 2)) == []


@pytest.mark.parametrize("shape", [(8, 8), (4, 16), (16, 4)])
def test_orthogonalise_brings_singular_values_near_one(shape, double):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, values, v = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonalise(matrix)
    new = torch.linalg.svdvals(found)
    assert new.min() > 0.6
    assert new.max() < 1.3
    # Each singular value goes through the paper's polynomial, and no direction changes.
    by_hand = values / values.norm()
    for _ in range(5):
        by_hand = 3.4445 * by_hand - 4.775 * by_hand**3 + 2.0315 * by_hand**5
    assert torch.allclose(found, u @ by_hand.diag() @ v, atol=1e-10)
    assert orthogonalise(torch.zeros(shape)).abs().max() == 0


def test_muon_equals_the_formula_and_adamw_does_the_rest(double):
    """Two steps: the matrix by the formula, the vector exactly as AdamW would move it."""
    torch.manual_seed(0)
    matrix, vector, alone = (torch.nn.Parameter(torch.randn(shape)) for shape in ((4, 6), (6,), (6,)))
    alone.data.copy_(vector)
    groups = [{"params": [matrix], "weight_decay": 0.1, "muon": True}, {"params": [vector], "weight_decay": 0.0}]
    muon = Muon(groups, lr=0.01, betas=(0.9, 0.98), eps=1e-6)
    adamw = torch.optim.AdamW([alone], lr=0.01, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.0)
    expected, average = matrix.detach().clone(), torch.zeros(4, 6)
    for _ in range(2):
        grad, small = torch.randn(4, 6), torch.randn(6)
        matrix.grad, vector.grad, alone.grad = grad.clone(), small.clone(), small.clone()
        average = 0.95 * average + 0.05 * grad
        update = orthogonalise(0.05 * grad + 0.95 * average)
        expected = expected * (1 - 0.01 * 0.1) - 0.01 * 0.2 * math.sqrt(6) * update
        muon.step()
        adamw.step()
    assert torch.allclose(matrix, expected, atol=1e-12)
    assert torch.equal(vector, alone)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_learning_rates_by_name(optimizer):
    """Each parameter in one group, with its factor; a factor of 0 does not change it."""
    model, before = new_model(), new_model()

    def scale(name):
        return 0.0 if name.startswith("bert.embeddings") else 1.0 if name.startswith("bert.") else 10.0

    groups = make_optimizer(model, TrainConfig(optimizer=optimizer), scale=scale).param_groups
    names = {id(p): name for name, p in model.named_parameters()}
    assert sorted(id(p) for group in groups for p in group["params"]) == sorted(names)
    for group in groups:
        assert {scale(names[id(p)]) for p in group["params"]} == {group["scale"]}
        assert len({p.dim() > 1 for p in group["params"]}) == 1
    config = TrainConfig(steps=1, learning_rate=1e-3, weight_decay=0.0, clip=0.0, optimizer=optimizer)
    train(model, batches(), config, watch=quiet, scale=scale)
    moved = {name: (p - q).abs().max().item() for (name, p), q in zip(model.named_parameters(), before.parameters(),
                                                                       strict=True)}  # fmt: skip
    assert moved["bert.embeddings.words.weight"] == 0
    assert moved["nsp.weight"] == pytest.approx(1e-2, rel=0.01)  # the first step of AdamW has the size of the rate
    assert moved["bert.layers.0.attention_norm.bias"] == pytest.approx(1e-3, rel=0.01)
