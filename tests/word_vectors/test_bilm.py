"""The biLM: no direction sees what it must predict, the loss is of both, and a stopped training goes on as it was."""

import copy

import numpy as np
import pytest
import torch

from bertlab.word_vectors.bilm import BiLM, BiLMConfig, make_rows, train_bilm


@pytest.mark.parametrize("place", [0, 2, 5])
def test_directions_do_not_meet(place):
    torch.manual_seed(0)
    model = BiLM(BiLMConfig(20, 4, 2))
    ids = torch.tensor([[5, 6, 7, 8, 9, 10]])
    changed = ids.clone()
    changed[0, place] = 11
    with torch.no_grad():
        before, after = (model(x)[-1] for x in (ids, changed))
    ahead, back = (
        ~torch.isclose(before, after).all(-1)
        for before, after in zip(before.chunk(2, -1), after.chunk(2, -1), strict=True)
    )
    assert ahead[0].tolist() == [t >= place for t in range(6)]
    assert back[0].tolist() == [t <= place for t in range(6)]


def test_states_begin_with_the_embeddings_twice():
    model = BiLM(BiLMConfig(20, 4, 2))
    states = model(torch.tensor([[5, 6, 7]]))
    assert [tuple(state.shape) for state in states] == [(1, 3, 8)] * 3
    assert torch.equal(states[0][..., :4], states[0][..., 4:])


def test_the_loss_is_the_mean_of_both_directions():
    torch.manual_seed(0)
    model = BiLM(BiLMConfig(30, 4, 1))
    ids = torch.randint(30, (4, 9))
    ahead, back = model(ids)[-1].chunk(2, -1)
    scores = lambda x: x @ model.embeddings.weight.T + model.bias  # noqa: E731
    both = [torch.nn.functional.cross_entropy(scores(ahead[:, :-1]).flatten(0, 1), ids[:, 1:].flatten()),
            torch.nn.functional.cross_entropy(scores(back[:, 1:]).flatten(0, 1), ids[:, :-1].flatten())]  # fmt: skip
    assert model.compute_loss(ids).item() == pytest.approx(sum(both).item() / 2, abs=1e-5)
    parts = [model.compute_loss(ids, 0.25, torch.Generator().manual_seed(i)).item() for i in range(300)]
    assert np.mean(parts) == pytest.approx(model.compute_loss(ids).item(), abs=0.02)


def test_rows_are_cut_from_the_stream():
    assert make_rows([[1, 2, 3], [4, 5], [6, 7, 8]], 3).tolist() == [[1, 2, 3], [4, 5, 6]]


def train_tiny(steps: int, watch=None, state=None) -> BiLM:
    torch.manual_seed(0)
    model = BiLM(BiLMConfig(8, 16, 1))
    rows = np.tile(np.arange(8), (20, 2))
    train_bilm(model, rows, steps, batch_size=8, learning_rate=0.02, watch=watch, state=state)
    return model


def test_it_learns_and_a_stopped_training_goes_on_as_it_was():
    losses, kept = [], {}

    def keep(step, loss, optimizer):
        losses.append(loss)
        if step == 29:
            kept["whole"] = copy.deepcopy({"step": 30, "optimizer": optimizer.state_dict()})
            raise KeyboardInterrupt

    straight = train_tiny(60, lambda step, loss, optimizer: losses.append(loss))
    assert losses[-1] < 0.5 < 1.5 < losses[0]
    torch.manual_seed(0)
    model = BiLM(BiLMConfig(8, 16, 1))
    rows = np.tile(np.arange(8), (20, 2))
    with pytest.raises(KeyboardInterrupt):
        train_bilm(model, rows, 60, batch_size=8, learning_rate=0.02, watch=keep)
    resumed = train_tiny(60, state={**kept["whole"], "model": model.state_dict()})
    for name, tensor in straight.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_fewer_tokens_than_a_row_are_refused():
    assert make_rows([[1, 2], [3, 4, 5]], 2).tolist() == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match="5 tokens do not fill a row of 8"):
        make_rows([[1, 2], [3, 4, 5]], 8)
