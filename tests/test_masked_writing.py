"""Writing with [MASK]: what is hidden, what each token sees, and the loops against their plainest form."""

import numpy as np
import pytest
import torch

from bertlab.batches import IGNORE
from bertlab.heads import Pretraining
from bertlab.masked_writing import append_masks, hide_targets, mask_predict, refill_masks
from bertlab.model import BertConfig
from bertlab.writing import writing_mask
from tests.parity import make_loud

MASK, END = 4, 3
CONFIG = BertConfig(vocab_size=12, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
                    max_position_embeddings=16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)  # fmt: skip
NEVER = [0, 1, 2, MASK]
X = IGNORE


@pytest.fixture(scope="module")
def model() -> Pretraining:
    torch.manual_seed(0)
    loud = Pretraining(CONFIG).eval()
    make_loud(loud, 1)
    loud.drop_next_sentence(keep_pooler=False)
    return loud


def a_batch(rows: int = 1) -> dict[str, torch.Tensor]:
    ids = torch.tensor([[2, 5, 3, 6, 7, 8, 3]]).repeat(rows, 1)
    labels = torch.tensor([[X, X, X, 6, 7, 8, 3]]).repeat(rows, 1)
    return {"input_ids": ids, "labels": labels, "token_type_ids": (torch.arange(7) > 2).long().repeat(rows, 1)}


def test_only_hidden_targets_are_masked_and_asked():
    batch = a_batch()
    new = hide_targets(batch, MASK, np.random.default_rng(0), end=END)
    hidden = new["labels"] != X
    assert ((new["input_ids"] == MASK) == hidden).all()
    assert torch.equal(new["labels"][hidden], batch["input_ids"][hidden])
    assert torch.equal(new["input_ids"][~hidden], batch["input_ids"][~hidden])
    assert not hidden[:, :3].any()
    assert not hidden[:, 6].any()  # the end
    assert torch.equal(batch["input_ids"], a_batch()["input_ids"]), "the batch itself is unchanged"


def test_the_number_of_hidden_tokens_is_drawn_evenly():
    labels = hide_targets(a_batch(6000), MASK, np.random.default_rng(1), end=END)["labels"]
    counts = np.bincount((labels != X).sum(1), minlength=4)
    assert counts[0] == 0
    assert (abs(counts[1:] - 2000) < 150).all()
    places = (labels[:, 3:6] != X).float().mean(0)  # 1/3 x (1 + 2 + 3) / 3
    assert (places - 2 / 3).abs().max() < 0.02


def test_a_rate_hides_that_share_and_at_least_one():
    labels = hide_targets(a_batch(6000), MASK, np.random.default_rng(2), rate=0.7)["labels"]
    assert (labels != X).sum(1).min() == 1
    assert abs((labels[:, 3:] != X).float().mean() - (0.7 + 0.3**4 / 4)) < 0.01
    few = hide_targets(a_batch(100), MASK, np.random.default_rng(2), rate=1e-9)["labels"]
    assert ((few != X).sum(1) == 1).all()


def test_appended_masks_by_hand(model):
    sources = [[2, 5, 6, 3], [2, 8, 9, 3]]
    found = append_masks(model, sources, mask_id=MASK, end=END, max_tokens=6, never=NEVER)
    for source, written in zip(sources, found, strict=True):
        ids = list(source)
        for _ in range(6):
            row = torch.tensor([[*ids, MASK]])
            types = (torch.arange(row.size(1)) >= 4).long()[None]
            with torch.no_grad():
                scores = model(row, types, writing_mask(types)).mlm_logits[0, -1]
            scores[NEVER] = -torch.inf
            ids.append(int(scores.argmax()))
            if ids[-1] == END:
                break
        expected = ids[4:]
        assert written == (expected[:-1] if END in expected else expected)


def test_refill_hides_the_least_sure_of_each_text():
    """Two texts of 4 and 2 tokens in 4 rounds; each round has its own words and probabilities."""
    p = torch.tensor([[[0.9, 0.2, 0.6, 0.3]] * 2, [[0.1, 0.8, 0.1, 0.4]] * 2, [[0.9, 0.9, 0.7, 0.5]] * 2,
                      [[0.9] * 4] * 2])  # fmt: skip
    seen = []

    def predict(ids):
        seen.append(ids.tolist())
        return torch.full_like(ids, 20 + len(seen)), p[len(seen) - 1].log()

    ids, log_p = refill_masks(predict, torch.tensor([4, 2]), 4, MASK)
    assert [row[0].count(MASK) for row in seen] == [4, 3, 2, 1]
    assert seen[1][0] == [21, MASK, MASK, MASK]
    assert seen[2][0] == [21, 22, MASK, MASK]
    assert [row[1][:2].count(MASK) for row in seen] == [2, 1, 1, 0]  # 2 * (4 - step) // 4
    assert all(row[1][2:] == [MASK, MASK] for row in seen)
    assert ids[0].tolist() == [21, 22, 23, 24]
    assert log_p[0].exp().tolist() == pytest.approx([0.9, 0.8, 0.7, 0.9])
    assert log_p[1, 2:].tolist() == [0.0, 0.0]


def test_one_round_of_mask_predict_by_hand(model):
    sources, lengths = [[2, 5, 6, 3], [2, 8, 9, 3]], [3, 5]
    found = mask_predict(model, sources, lengths, mask_id=MASK, end=END, never=[*NEVER, END], steps=1)
    for source, length, written in zip(sources, lengths, found, strict=True):
        row = torch.tensor([[*source, *[MASK] * length, END]])
        types = torch.tensor([[0] * 4 + [1] * (length + 1)])
        with torch.no_grad():
            scores = model(row, types).mlm_logits[0, 4 : 4 + length]
        scores[:, [*NEVER, END]] = -torch.inf
        assert written == scores.argmax(-1).tolist()


def test_the_best_of_several_lengths_is_kept(model):
    options = {"mask_id": MASK, "end": END, "never": [*NEVER, END], "steps": 2}
    source = [2, 5, 6, 3]
    alone = {n: mask_predict(model, [source], [n], **options)[0] for n in (2, 3, 4)}
    best = mask_predict(model, [source, source], [3, 3], around=1, **options)
    assert best[0] == best[1]
    assert best[0] in alone.values()


def test_an_impossible_length_is_cut(model):
    options = {"mask_id": MASK, "end": END, "never": NEVER}
    assert len(mask_predict(model, [[2, 5, 3]], [100], **options)[0]) == CONFIG.max_position_embeddings - 4
    assert len(mask_predict(model, [[2, 5, 3]], [-2], **options)[0]) == 1
    with pytest.raises(ValueError, match="steps is 0"):
        mask_predict(model, [[2, 5, 3]], [2], steps=0, **options)
