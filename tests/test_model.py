"""The encoder: the same numbers as Hugging Face's and PyTorch's, and clear errors for input that it cannot read."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from bertlab.heads import Pooler
from bertlab.model import (
    PRESETS,
    Attention,
    Bert,
    BertConfig,
    Embeddings,
    attention_maps,
    gather_tokens,
    make_sinusoid_table,
)
from tests.parity import BOUND, CONFIGS, PARTS, B, T, compare, describe_size, make_batch, make_loud, make_pair

SMALL = CONFIGS[0]


def loud_bert(config: BertConfig = SMALL, dtype: torch.dtype = torch.float64) -> Bert:
    model = Bert(config).to(dtype)
    make_loud(model)
    return model


def close(x: torch.Tensor, y: torch.Tensor, bound: float = 1e-12) -> None:
    torch.testing.assert_close(x, y, rtol=0, atol=bound)


# ---- Parity with transformers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("padded", [False, True], ids=["full", "padded"])
@pytest.mark.parametrize("dtype", BOUND, ids=["float64", "float32"])
@pytest.mark.parametrize("config", CONFIGS, ids=describe_size)
def test_every_part_equals_hugging_faces(config, dtype, padded, attention):
    found = compare(config, dtype, padded, attention)
    assert set(found) == set(PARTS) - ({"maps"} if attention == "sdpa" else set())
    assert {part: value for part, value in found.items() if not value < BOUND[dtype]} == {}


def test_parity_would_see_a_small_error():
    """The weights are loud enough: tanh GELU, and an eps of 1e-5, each differ by far more than the bound."""
    ours, theirs = make_pair(SMALL, torch.float64)
    inputs = {key: value for key, value in make_batch(SMALL, False).items() if "label" not in key}
    logits = ours(**inputs).mlm_logits
    close(logits, theirs(**inputs).prediction_logits)
    for part in theirs.modules():
        if isinstance(part, nn.LayerNorm):
            part.eps = 1e-5
    assert (logits - theirs(**inputs).prediction_logits).abs().max() > 1e-6


def test_attention_equals_pytorchs():
    """Ours, with its weights copied into `nn.MultiheadAttention`: outputs and maps, with padding."""
    ours = Attention(SMALL).double()
    make_loud(ours)
    theirs = nn.MultiheadAttention(SMALL.hidden_size, SMALL.num_attention_heads, batch_first=True, dtype=torch.float64)
    parts = ours.query, ours.key, ours.value
    theirs.load_state_dict({
        "in_proj_weight": torch.cat([part.weight for part in parts]),
        "in_proj_bias": torch.cat([part.bias for part in parts]),
        "out_proj.weight": ours.output.weight,
        "out_proj.bias": ours.output.bias,
    })  # fmt: skip
    x = torch.randn(B, T, SMALL.hidden_size, dtype=torch.float64)
    mask = torch.arange(T) < torch.tensor([[T], [7], [4]])
    output, maps = theirs(x, x, x, key_padding_mask=~mask, average_attn_weights=False)
    close(ours(x, mask[:, None, None]), output)
    with attention_maps(ours) as seen:
        close(ours(x, mask[:, None, None]), output)
    close(seen[0], maps)


# ---- Requested positions ---------------------------------------------------------------------------------------------

AT = torch.tensor([[0, 3, 9], [0, 1, 1], [0, 6, 2]])


def masks() -> dict[str, torch.Tensor | None]:
    lengths = torch.arange(T) < torch.tensor([[T], [7], [4]])
    earlier = torch.ones(T, T).tril().expand(B, T, T)
    return {"none": None, "padded": lengths.long(), "a row for each query": earlier.long(), "bool": lengths}


@pytest.mark.parametrize("kind", masks())
def test_requested_positions_equal_the_full_computation(kind):
    """`at` only saves work: outputs and the gradient of every weight."""
    model, batch = loud_bert(), make_batch(SMALL, False)
    inputs = batch["input_ids"], batch["token_type_ids"], masks()[kind]
    weight = torch.randn(B, 3, SMALL.hidden_size, dtype=torch.float64)
    outcomes = []
    for run in (lambda: model(*inputs, at=AT), lambda: gather_tokens(model(*inputs), AT)):
        model.zero_grad()
        hidden = run()
        (hidden * weight).sum().backward()
        outcomes.append((hidden, {key: p.grad.clone() for key, p in model.named_parameters()}))
    (hidden, gradients), (full, full_gradients) = outcomes
    assert hidden.shape == (B, 3, SMALL.hidden_size)
    close(hidden, full)
    for key, gradient in gradients.items():
        close(gradient, full_gradients[key])


def test_the_last_layer_computes_only_requested_positions():
    model, batch = loud_bert(), make_batch(SMALL, False)
    seen = []
    for layer in model.layers:
        layer.feed_forward.register_forward_hook(lambda _part, args, _output: seen.append(args[0].shape[1]))
    model(batch["input_ids"], at=AT)
    assert seen == [T, 3]


def test_gather_tokens_literal():
    x = torch.arange(12.0).view(2, 3, 2)
    assert gather_tokens(x, torch.tensor([[2, 0], [1, 1]])).tolist() == [[[4, 5], [0, 1]], [[8, 9], [8, 9]]]
    assert gather_tokens(x, None) is x


# ---- Masks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_maps", [False, True], ids=["SDPA", "formula"])
def test_padding_is_never_read(with_maps):
    """Neither the ids of padding nor its length change a real token (d2l-en#2582: there it did)."""
    model, batch = loud_bert(), make_batch(SMALL, True)
    ids, segments, mask = batch["input_ids"], batch["token_type_ids"], batch["attention_mask"]

    def run(*inputs):
        if not with_maps:
            return model(*inputs)
        with attention_maps(model):
            return model(*inputs)

    hidden = run(ids, segments, mask)
    other = torch.where(mask == 1, ids, torch.randint(SMALL.vocab_size, ids.shape))
    assert not torch.equal(other, ids)
    close(run(other, torch.where(mask == 1, segments, 1 - segments), mask)[mask == 1], hidden[mask == 1])
    for row, length in enumerate((T, 7, 4)):
        alone = run(ids[row : row + 1, :length], segments[row : row + 1, :length])
        close(hidden[row, :length], alone[0])


def test_a_mask_for_each_query_is_applied():
    """When no token attends to later ones, a later token changes nothing before it."""
    model, batch = loud_bert(), make_batch(SMALL, False)
    ids, mask = batch["input_ids"], masks()["a row for each query"]
    before = model(ids, attention_mask=mask)
    ids[:, 6] = (ids[:, 6] + 1) % SMALL.vocab_size
    after = model(ids, attention_mask=mask)
    close(after[:, :6], before[:, :6])
    assert (after[:, 6:] - before[:, 6:]).abs().amax((0, 2)).min() > 1e-3
    whole = torch.ones(B, T, T)
    close(model(ids, attention_mask=whole), model(ids))


def test_no_segments_are_the_first_segment():
    model, ids = loud_bert(), make_batch(SMALL, False)["input_ids"]
    assert torch.equal(model(ids), model(ids, torch.zeros_like(ids)))


# ---- Maps ------------------------------------------------------------------------------------------------------------


def test_maps_are_averages_over_what_the_mask_allows():
    model, batch = loud_bert(), make_batch(SMALL, True)
    mask = batch["attention_mask"]
    with attention_maps(model) as maps:
        assert maps == []
        with_maps = model(batch["input_ids"], attention_mask=mask)
    assert [tuple(x.shape) for x in maps] == [(B, 4, T, T)] * 2
    for weights in maps:
        close(weights.sum(-1), torch.ones(B, 4, T, dtype=torch.float64))
        assert (weights.movedim(-1, 1)[mask == 0] == 0).all()
        assert (weights.movedim(-1, 1)[mask == 1] > 0).all()
    close(with_maps, model(batch["input_ids"], attention_mask=mask))  # the kernel equals the formula


def test_maps_hold_the_last_forward_and_stay_after_the_block():
    model, ids = loud_bert(), make_batch(SMALL, False)["input_ids"]
    with attention_maps(model) as maps:
        model(ids)
        model(ids[:1, :5])
        assert [tuple(x.shape) for x in maps] == [(1, 4, 5, 5)] * 2
    model(ids)
    assert [tuple(x.shape) for x in maps] == [(1, 4, 5, 5)] * 2


def test_maps_are_whole_when_only_some_positions_are_requested():
    model, ids = loud_bert(), make_batch(SMALL, False)["input_ids"]
    with attention_maps(model) as maps:
        hidden = model(ids, at=AT)
    assert [tuple(x.shape) for x in maps] == [(B, 4, T, T)] * 2
    close(hidden, model(ids, at=AT))


def test_maps_within_maps():
    model, ids = loud_bert(), make_batch(SMALL, False)["input_ids"]
    with attention_maps(model) as outer:
        with attention_maps(model) as inner:
            model(ids)
        assert len(inner) == 2
        model(ids[:1])
        assert [x.shape[0] for x in outer] == [1, 1]
        assert [x.shape[0] for x in inner] == [B, B]
    assert all(layer.attention.maps is None for layer in model.layers)


def test_maps_close_after_an_error():
    model, ids = loud_bert(), make_batch(SMALL, False)["input_ids"]
    with pytest.raises(ValueError, match="100 to 100"), attention_maps(model):
        model(ids * 0 + 100)
    assert all(layer.attention.maps is None for layer in model.layers)
    assert len(model._forward_pre_hooks) == 0


def test_maps_need_our_attention():
    with pytest.raises(ValueError, match=r"Linear has no bertlab attention\. .* output_attentions=True"):
        with attention_maps(nn.Linear(2, 2)):
            pass


# ---- Dropout and initial weights -------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_maps", [False, True], ids=["SDPA", "formula"])
@pytest.mark.parametrize("field", ["hidden_dropout_prob", "attention_probs_dropout_prob"])
def test_dropout_only_in_training(field, with_maps):
    model, ids = loud_bert(replace(SMALL, **{field: 0.5})), make_batch(SMALL, False)["input_ids"]

    def run():
        if not with_maps:
            return model(ids)
        with attention_maps(model) as maps:
            hidden = model(ids)
        for weights in maps:  # maps are taken before dropout
            close(weights.sum(-1), torch.ones(B, 4, T, dtype=torch.float64))
        return hidden

    model.train()
    assert (run() - run()).abs().max() > 0.1
    model.eval()
    assert torch.equal(run(), run())


def test_dropout_is_where_bert_has_it():
    """After the embeddings, and on each sublayer before it is added: with everything dropped, only norms are left."""
    layer = Bert(replace(SMALL, hidden_dropout_prob=0.0)).double().layers[0].train()
    make_loud(layer)
    layer.dropout.p = 1.0
    x = torch.randn(B, T, SMALL.hidden_size, dtype=torch.float64)
    close(layer(x), layer.feed_forward_norm(layer.attention_norm(x)))
    embeddings = Embeddings(replace(SMALL, hidden_dropout_prob=0.5)).train()
    some = embeddings(torch.randint(SMALL.vocab_size, (100, T)))
    assert 0.45 < (some == 0).double().mean() < 0.55


def test_attention_dropout_is_on_the_weights():
    """A weight of the map that is kept is doubled at 0.5: the mean over many draws is the output without dropout."""
    attention = Attention(replace(SMALL, attention_probs_dropout_prob=0.5)).double().train()
    make_loud(attention)
    x = torch.randn(1, T, SMALL.hidden_size, dtype=torch.float64).expand(4000, -1, -1)
    with torch.no_grad():
        kernel = attention(x)
        with attention_maps(attention):
            formula = attention(x)
        expected = attention.eval()(x[:1])[0]
    for drawn in (kernel, formula):
        assert 0.5 < drawn.std(0).mean() < 2  # in units of about 1
        assert (drawn.mean(0) - expected).square().mean().sqrt() < 0.06
    assert abs(kernel.std(0).mean() - formula.std(0).mean()) < 0.05


def test_initial_weights_are_googles():
    """Normal, deviation 0.02, zero biases, LayerNorms one and zero; [PAD] starts at zero."""
    model = Bert(BertConfig.preset("tiny", vocab_size=2000, initializer_range=0.05))
    for key, weight in model.named_parameters():
        if "norm" in key or key.endswith("bias"):
            assert (weight == (1 if key.endswith("weight") else 0)).all(), key
        else:
            assert abs(weight.mean()) < 5 * 0.05 / math.sqrt(weight.numel()), key
            assert abs(weight.std() / 0.05 - 1) < 0.05 + 4 / math.sqrt(weight.numel()), key
            assert weight.abs().max() > 2.2 * 0.05, key  # normal, not uniform
    assert (model.embeddings.words.weight[0] == 0).all()


@pytest.mark.parametrize(
    ("preset", "parameters"),
    [("tiny", 4_385_920), ("mini", 11_170_560), ("small", 28_763_648), ("medium", 41_373_184), ("base", 109_482_240)],
)
def test_presets_have_the_published_size(preset, parameters):
    """With the pooler, as Google counts: Turc et al. 2019 (4.4M to 41.7M), and bert-base-uncased exactly."""
    config = BertConfig.preset(preset)
    with torch.device("meta"):
        model = nn.ModuleList([Bert(config), Pooler(config)])
    assert sum(weight.numel() for weight in model.parameters()) == parameters
    assert (config.num_attention_heads * 64, config.intermediate_size) == (config.hidden_size, 4 * config.hidden_size)


def test_preset_takes_changes():
    config = BertConfig.preset("mini", vocab_size=8000, hidden_dropout_prob=0.0)
    assert (config.num_hidden_layers, config.hidden_size) == PRESETS["mini"]
    assert (config.vocab_size, config.hidden_dropout_prob) == (8000, 0.0)


def test_sinusoids_literally():
    expected = [[0, 1, 0, 1], [math.sin(1), math.cos(1), math.sin(0.01), math.cos(0.01)],
             [math.sin(2), math.cos(2), math.sin(0.02), math.cos(0.02)]]  # fmt: skip
    close(make_sinusoid_table(3, 4), torch.tensor(expected), 1e-7)
    assert make_sinusoid_table(2, 3).shape == (2, 3)
    close(make_sinusoid_table(5, 3)[4, 2], torch.tensor(math.sin(4 / 10_000 ** (2 / 3))), 1e-7)


# ---- Input that it cannot read ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"hidden_size": 33}, "hidden_size 33 is not divisible by num_attention_heads 4"),
        ({"vocab_size": 0}, "vocab_size is 0; it must be a whole number of at least 1"),
        ({"hidden_size": -8}, "hidden_size is -8"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"num_attention_heads": 2.0}, "num_attention_heads is 2.0; it must be a whole number"),
        ({"intermediate_size": "4"}, "intermediate_size is '4'"),
        ({"max_position_embeddings": 0}, "max_position_embeddings is 0"),
        ({"type_vocab_size": 0}, "type_vocab_size is 0"),
        ({"hidden_dropout_prob": 1.0}, r"hidden_dropout_prob is 1.0; it must be at least 0 and below 1"),
        ({"attention_probs_dropout_prob": -0.1}, "attention_probs_dropout_prob is -0.1"),
        ({"pad_token_id": 100}, "pad_token_id 100 is not in a vocabulary of 100"),
        ({"pad_token_id": -1}, "pad_token_id -1 is not"),
    ],
)
def test_config_that_is_impossible(wrong, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **wrong)


def test_unknown_preset_is_named():
    with pytest.raises(ValueError, match="no preset 'huge'; there are tiny, mini, small, medium, base"):
        BertConfig.preset("huge")


IDS = torch.ones(2, 5, dtype=torch.long)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((IDS[0],), r"input_ids has shape \(5,\); it must be \(batch, tokens\)"),
        ((IDS[:, :0],), r"input_ids has shape \(2, 0\): there is nothing to read, not even \[CLS\]"),
        ((IDS[:0],), r"input_ids has shape \(0, 5\): there is nothing"),
        ((IDS.repeat(1, 4),), "20 tokens, but the model has 16 positions: cut the text, or read it in windows"),
        ((IDS.double(),), "input_ids are torch.float64; they must be whole numbers"),
        ((IDS * 100,), "input_ids run from 100 to 100; the model has 0 to 99"),
        ((-IDS,), "input_ids run from -1 to -1; the model has 0 to 99"),
        ((IDS, IDS[:, :4]), r"token_type_ids has shape \(2, 4\), input_ids \(2, 5\)"),
        ((IDS, IDS * 2), "token_type_ids run from 2 to 2; the model has 0 to 1"),
        ((IDS, None, IDS[:, :4]), r"attention_mask has shape \(2, 4\).* must be \(2, 5\) or \(2, 5, 5\)"),
        ((IDS, None, IDS[:, None, None]), r"attention_mask has shape \(2, 1, 1, 5\)"),
        ((IDS, None, IDS * torch.tensor([[1], [0]])), "attention_mask has a row of zeros"),
        ((IDS, None, torch.ones(2, 5, 5).tril(-1)), "attention_mask has a row of zeros"),
    ],
)
def test_input_that_cannot_be_read(inputs, message):
    with pytest.raises(ValueError, match=message):
        Bert(SMALL)(*inputs)
