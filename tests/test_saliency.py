"""Saliency: each method against its formula, computed in another way, and against what its paper promises."""

import itertools

import pytest
import torch

from bertlab import saliency
from bertlab.heads import Classifier
from bertlab.model import BertConfig, attention_maps

CONFIG = BertConfig(vocab_size=30, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                    max_position_embeddings=16, initializer_range=0.3)  # fmt: skip
CLS, SEP, MASK, PAD = 2, 3, 4, 0


@pytest.fixture
def model(double):
    return Classifier(CONFIG, num_labels=3).eval()


@pytest.fixture
def batch():
    ids = torch.tensor([[CLS, 7, 8, 9, 10, SEP], [CLS, 11, 12, SEP, PAD, PAD]])
    return {"input_ids": ids, "attention_mask": (ids != PAD).long()}


METHODS = ["attention", "norm-weighted attention", "rollout", "gradient norm", "gradient × input",
           "integrated gradients"]  # fmt: skip
TARGET = torch.tensor([2, 0])
WORDS = torch.tensor([[0, 1, 1, 1, 1, 0], [0, 1, 1, 0, 0, 0]]).bool()


def alone(batch, row, length):
    """One row without its padding."""
    return {"input_ids": batch["input_ids"][row : row + 1, :length]}


def test_log_odds_are_those_of_the_probability():
    logits = torch.tensor([[1.0, -2.0, 0.5], [3.0, 3.0, -1.0]], dtype=torch.float64)
    p = saliency.class_probability(logits, TARGET)
    assert p.tolist() == [logits.softmax(1)[0, 2].item(), logits.softmax(1)[1, 0].item()]
    torch.testing.assert_close(saliency.log_odds(logits, TARGET), (p / (1 - p)).log(), atol=1e-12, rtol=0)
    two = torch.tensor([[1.5, -0.5]])
    assert saliency.log_odds(two, torch.tensor([0])).tolist() == [2.0]


# ---- Scores from the attention ---------------------------------------------------------------------------------------


def test_cls_attention_and_rollout_on_planted_maps():
    first = torch.tensor([[[[0.2, 0.8, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
                           [[0.6, 0.4, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]]])  # fmt: skip
    last = torch.tensor([[[[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]] * 2])
    torch.testing.assert_close(saliency.average_cls_attention([first, last], 0), torch.tensor([[0.4, 0.6, 0.0]]))
    assert saliency.average_cls_attention([first, last]).tolist() == [[0.0, 0.0, 1.0]]
    after_first, after_last = saliency.roll_out_attention([first, last])  # each (1, 3, 3)
    torch.testing.assert_close(after_first[0], torch.tensor([[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.25, 0.0, 0.75]]))
    # [CLS]: half itself (0.7, 0.3, 0 after layer 1), half token 2, which in layer 1 was 0.25 [CLS] and 0.75 itself.
    torch.testing.assert_close(after_last[0, 0], torch.tensor([0.35 + 0.125, 0.15, 0.375]))
    torch.testing.assert_close(after_last.sum(-1), torch.ones(1, 3))


def test_rollout_of_two_tokens_by_hand():
    first = torch.tensor([[[1.0, 0.0], [0.5, 0.5]]])  # (H, T, T), without a batch
    second = torch.tensor([[[0.2, 0.8], [1.0, 0.0]], [[0.6, 0.4], [0.0, 1.0]]])  # mean: .4 .6 / .5 .5
    flows = saliency.roll_out_attention([first, second])
    # half of each and half of I: 1 0 / .25 .75, then .7 .3 / .25 .75
    torch.testing.assert_close(flows[0], torch.tensor([[1, 0], [0.25, 0.75]]))
    expected = torch.tensor([[0.7 + 0.3 * 0.25, 0.3 * 0.75], [0.25 + 0.75 * 0.25, 0.75 * 0.75]])
    torch.testing.assert_close(flows[1], expected)


def test_rollout_is_the_sum_over_all_paths(double):
    L, T = 3, 4
    maps = torch.randn(L, 2, T, T).softmax(-1)
    edges = [(layer.mean(0) + torch.eye(T)) / 2 for layer in maps]
    paths = torch.zeros(T, T)
    for path in itertools.product(range(T), repeat=L + 1):  # from above the last layer down to the input
        weights = [edges[L - 1 - step][path[step], path[step + 1]] for step in range(L)]
        paths[path[0], path[-1]] += torch.stack(weights).prod()
    flows = saliency.roll_out_attention(list(maps))
    torch.testing.assert_close(flows[-1], paths, atol=1e-12, rtol=0)
    torch.testing.assert_close(flows.sum(-1), torch.ones(L, T), atol=1e-12, rtol=0)


# ---- Scores from the gradient ----------------------------------------------------------------------------------------


def test_replaced_embeddings_are_read_only_inside_the_block(model, batch):
    before = model(**batch).logits
    words = model.bert.embeddings.words(batch["input_ids"])
    with saliency.replace_word_embeddings(model, words):
        torch.testing.assert_close(model(**batch).logits, before, atol=0, rtol=0)
    with saliency.replace_word_embeddings(model, words.flip(0)):
        assert not torch.allclose(model(**batch).logits, before)
    assert torch.equal(model(**batch).logits, before)


def test_gradient_equals_finite_differences(model, batch):
    words = model.bert.embeddings.words(batch["input_ids"]).detach()
    gradient = saliency.compute_embedding_gradient(model, batch, TARGET, words)
    for row, token, width in ((0, 3, 5), (1, 2, 31)):
        step = torch.zeros_like(words)
        step[row, token, width] = 1e-5
        answers = []
        for vectors in (words + step, words - step):
            with saliency.replace_word_embeddings(model, vectors):
                answers.append(saliency.log_odds(model(**batch).logits, TARGET)[row].item())
        assert gradient[row, token, width].item() == pytest.approx((answers[0] - answers[1]) / 2e-5, rel=1e-6)
    assert gradient[1, 4:].abs().max() == 0  # padding is not read
    product = saliency.gradient_x_input(model, batch, TARGET)
    torch.testing.assert_close(product, (gradient * words).sum(-1), atol=1e-12, rtol=0)
    assert all(p.grad is None for p in model.parameters())


def test_integrated_gradients_are_complete_and_more_exact_with_steps(model, batch):
    baseline = saliency.make_blank_baseline(batch["input_ids"], MASK, [CLS, SEP, PAD])
    with torch.no_grad():
        at_text = saliency.log_odds(model(**batch).logits, TARGET)
        at_baseline = saliency.log_odds(model(baseline, attention_mask=batch["attention_mask"]).logits, TARGET)
    errors = []
    for steps in (4, 32, 256):
        scores = saliency.integrated_gradients(model, batch, TARGET, baseline, steps)
        errors.append((scores.sum(1) - (at_text - at_baseline)).abs().max().item())
        assert scores[~WORDS].abs().max() == 0  # [CLS], [SEP] and padding are the same on both sides
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-4 * (at_text - at_baseline).abs().max()


def test_integrated_gradients_are_exact_for_a_linear_model(model, batch, monkeypatch):
    gradient = torch.randn(2, 6, 32, dtype=torch.float64)
    monkeypatch.setattr(saliency, "sum_log_odds", lambda *given: (given[-1] * gradient).sum())  # a linear model
    words, fill = model.bert.embeddings.words(batch["input_ids"]), model.bert.embeddings.words.weight[MASK]
    found = saliency.integrated_gradients(model, batch, TARGET, torch.full_like(batch["input_ids"], MASK), 1)
    torch.testing.assert_close(found, (gradient * (words - fill)).sum(-1).detach(), atol=1e-12, rtol=0)


def test_integrated_gradients_refuse_no_steps_and_another_shape(model, batch):
    with pytest.raises(ValueError, match="steps is 0"):
        saliency.integrated_gradients(model, batch, TARGET, batch["input_ids"], 0)
    with pytest.raises(ValueError, match=r"\(2, 5\), input_ids \(2, 6\)"):
        saliency.integrated_gradients(model, batch, TARGET, batch["input_ids"][:, :5])


def test_a_blank_baseline_keeps_the_special_tokens(batch):
    assert saliency.make_blank_baseline(batch["input_ids"], MASK, [CLS, SEP, PAD]).tolist() == [
        [CLS, MASK, MASK, MASK, MASK, SEP],
        [CLS, MASK, MASK, SEP, PAD, PAD],
    ]


def test_all_scores_of_a_padded_batch_are_those_of_each_row_alone(model, batch):
    baseline = saliency.make_blank_baseline(batch["input_ids"], MASK, [CLS, SEP, PAD])
    together = saliency.score_tokens(model, batch, TARGET, baseline, 3)
    assert list(together) == METHODS
    for row, length in ((0, 6), (1, 4)):
        part = saliency.score_tokens(
            model, alone(batch, row, length), TARGET[row : row + 1], baseline[row : row + 1, :length], 3
        )
        for name, scores in part.items():
            torch.testing.assert_close(together[name][row : row + 1, :length], scores, atol=1e-12, rtol=0)
    with attention_maps(model) as maps:
        model(**batch)
    torch.testing.assert_close(together["attention"], maps[-1][:, :, 0].mean(1), atol=1e-12, rtol=0)
    product, norm = (f(model, batch, TARGET) for f in (saliency.gradient_x_input, saliency.gradient_norm))
    assert torch.equal(together["gradient × input"], product)
    assert torch.equal(together["gradient norm"], norm)
    torch.testing.assert_close(together["rollout"], saliency.roll_out_attention(maps)[-1][:, 0], atol=1e-12, rtol=0)


def test_gradient_norm_is_the_length_of_the_gradient(model, batch):
    words = model.bert.embeddings.words(batch["input_ids"]).detach()
    gradient = saliency.compute_embedding_gradient(model, batch, TARGET, words)
    squares = saliency.gradient_norm(model, batch, TARGET) ** 2
    torch.testing.assert_close(squares, (gradient**2).sum(-1), atol=1e-12, rtol=0)


def test_the_embeddings_layer_norm_cancels_gradient_x_input(model, batch):
    """(word + position + segment) . gradient = 0: the LayerNorm behind the sum ignores its length."""
    e = model.bert.embeddings
    words = e.words(batch["input_ids"]).detach()
    gradient = saliency.compute_embedding_gradient(model, batch, TARGET, words)
    rest = (e.positions.weight[:6] + e.segments.weight[0]).detach()
    of_words = saliency.gradient_x_input(model, batch, TARGET)
    of_rest = (gradient * rest).sum(-1)
    torch.testing.assert_close(of_words, -of_rest, atol=1e-9, rtol=0)
    assert of_words[WORDS].abs().min() > 1e-4


# ---- Norm-weighted attention -----------------------------------------------------------------------------------------


def test_norm_weighted_attention_of_two_heads_by_hand():
    weights = torch.tensor([[0.5, 0.5], [1.0, 0.0]])  # (H, T)
    vectors = torch.tensor([[[6.0, 0.0], [0.0, 2.0]], [[-3.0, 4.0], [9.0, 9.0]]])  # (H, T, D)
    assert saliency.norm_weighted_attention(weights, vectors).tolist() == [4.0, 1.0]  # (3, 0) + (-3, 4), (0, 1)
    with pytest.raises(ValueError, match=r"\(2, 2\), vectors \(2, 2\)"):
        saliency.norm_weighted_attention(weights, weights)


def test_transformed_values_sum_to_the_output_of_attention(model, batch):
    ids = {"input_ids": batch["input_ids"][:1]}
    with attention_maps(model) as maps, saliency.capture_layer_input(model) as inputs, torch.no_grad():
        model(**ids)
        attention = model.bert.layers[-1].attention
        vectors = saliency.transform_values(attention, inputs[0])  # (1, H, T, D)
        output = attention(inputs[0], None)
    by_hand = torch.einsum("bhqt,bhtd->bqd", maps[-1], vectors) + attention.output.bias
    torch.testing.assert_close(output, by_hand, atol=1e-12, rtol=0)


def test_the_captured_input_is_that_of_the_last_pass(model, batch):
    with saliency.capture_layer_input(model, 0) as inputs, torch.no_grad():
        model(**batch)
        model(**batch)
    assert len(inputs) == 1
    torch.testing.assert_close(inputs[0], model.bert.embeddings(batch["input_ids"]), atol=1e-12, rtol=0)
    model(**batch)
    assert not inputs[0].requires_grad


# ---- Integrated gradients of any function ----------------------------------------------------------------------------


def test_integrate_gradients_of_a_product_by_hand():
    x, zero = torch.tensor([2.0, 3.0]).double(), torch.zeros(2).double()
    found = saliency.integrate_gradients(lambda p: p[0] * p[1], x, zero, 1)  # exact with one midpoint
    assert found.tolist() == [3.0, 3.0]
    with torch.no_grad():
        assert saliency.integrate_gradients(lambda p: p.sum(), x, x - 1, 2).tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match=r"\(1,\), x \(2,\)"):
        saliency.integrate_gradients(lambda p: p.sum(), x, zero[:1])


# ---- Removing tokens -------------------------------------------------------------------------------------------------


def test_a_removed_token_has_no_effect(model, batch):
    removed = torch.zeros_like(WORDS)
    removed[0, 2] = removed[1, 1] = True
    other = {**batch, "input_ids": batch["input_ids"].clone()}
    other["input_ids"][0, 2] = other["input_ids"][1, 1] = 25
    torch.testing.assert_close(
        saliency.classify_without_tokens(model, batch, removed),
        saliency.classify_without_tokens(model, other, removed),
        atol=1e-12,
        rtol=0,
    )
    assert not torch.allclose(model(**batch).logits, model(**other).logits)
    nothing = saliency.classify_without_tokens(model, batch, torch.zeros_like(WORDS))
    torch.testing.assert_close(nothing, model(**batch).logits, atol=0, rtol=0)
    with pytest.raises(ValueError, match="reads its vector"):
        saliency.classify_without_tokens(model, batch, torch.ones_like(WORDS))


def test_occlusion_removes_one_word_at_a_time(model, batch):
    lost = saliency.occlude_each_token(model, batch, TARGET, WORDS)
    removed = torch.zeros_like(WORDS)
    removed[:, 2] = True
    whole, without = (
        saliency.log_odds(saliency.classify_without_tokens(model, batch, g), TARGET) for g in (removed & False, removed)
    )
    torch.testing.assert_close(lost[:, 2], whole - without, atol=1e-12, rtol=0)
    assert lost[~WORDS].abs().max() == 0


def test_the_top_tokens_are_words_and_no_more_than_there_are():
    scores = torch.tensor([[9.0, 1.0, 3.0, -2.0, 2.0, 8.0], [9.0, -5.0, -1.0, 7.0, 6.0, 6.0]])
    assert saliency.select_top_tokens(scores, WORDS, 2).int().tolist() == [[0, 0, 1, 0, 1, 0], [0, 1, 1, 0, 0, 0]]
    assert saliency.select_top_tokens(scores, WORDS, 1).int().tolist() == [[0, 0, 1, 0, 0, 0], [0, 0, 1, 0, 0, 0]]
    assert torch.equal(saliency.select_top_tokens(scores, WORDS, 4), WORDS)
    assert not saliency.select_top_tokens(scores, WORDS, 0).any()


def test_comprehensiveness_and_sufficiency_remove_the_top_and_the_rest(model, batch):
    scores = torch.arange(12.0).reshape(2, 6)
    whole = model(**batch).logits.softmax(1)[[0, 1], TARGET]
    second = torch.tensor([[0, 0, 0, 0, 1, 0], [0, 0, 1, 0, 0, 0]]).bool()
    expected = whole - saliency.classify_without_tokens(model, batch, second).softmax(1)[[0, 1], TARGET]
    found = saliency.comprehensiveness(model, batch, TARGET, scores, WORDS, 1)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
    expected = whole - saliency.classify_without_tokens(model, batch, WORDS & ~second).softmax(1)[[0, 1], TARGET]
    found = saliency.sufficiency(model, batch, TARGET, scores, WORDS, 1)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
    assert saliency.sufficiency(model, batch, TARGET, scores, WORDS, 6).abs().max() < 1e-12


# ---- Another attention with the same output --------------------------------------------------------------------------


def test_other_attention_gives_the_same_average_and_is_far_away():
    weights, values = torch.randn(20).double().softmax(0), torch.randn(20, 4).double()
    other = saliency.find_other_attention(weights, values)
    assert other.min() >= 0
    assert other.sum().item() == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close(other @ values, weights @ values, atol=1e-12, rtol=0)
    assert (other - weights).abs().sum() / 2 > 0.3
    assert (other > 0).sum() <= 5  # a corner: as many tokens as there are constraints, the values and the sum


def test_other_attention_needs_more_tokens_than_values():
    weights, values = torch.randn(5).double().softmax(0), torch.randn(5, 4).double()
    torch.testing.assert_close(saliency.find_other_attention(weights, values), weights, atol=0, rtol=0)
    alike = torch.ones(2, 4)  # two tokens with the same value: all may go to the one that had less
    assert saliency.find_other_attention(torch.tensor([0.75, 0.25]), alike).tolist() == [0.0, 1.0]


def test_null_space_is_orthonormal_and_complete():
    matrix = torch.tensor([[1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0]], dtype=torch.float64)
    basis = saliency.find_null_space(matrix)
    assert basis.shape == (4, 3)
    torch.testing.assert_close(basis.T @ basis, torch.eye(3, dtype=torch.float64), atol=1e-12, rtol=0)
    assert (matrix @ basis).abs().max() < 1e-12
