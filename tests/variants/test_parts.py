"""The parts of later encoders: each equals its formula or the same part of transformers, and can be combined."""

import copy
import math

import pytest
import torch
import transformers
from torch import nn

from bertlab import variants
from bertlab.batches import IGNORE
from bertlab.first_weights import start_heads_at_neighbours
from bertlab.heads import Pretraining
from bertlab.model import Bert, BertConfig, attention_maps, make_sinusoid_table
from bertlab.variants.parts import ProjectedEmbeddings

CONFIG = BertConfig(vocab_size=50, hidden_size=32, num_hidden_layers=3, num_attention_heads=2, intermediate_size=96,
                    max_position_embeddings=24, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
                    initializer_range=0.2)  # fmt: skip
IDS = torch.randint(5, 50, (3, 12), generator=torch.Generator().manual_seed(0))
MASK = (torch.arange(12) < torch.tensor([[12], [7], [3]])).long()


def make_bert(config: BertConfig = CONFIG) -> Bert:
    torch.manual_seed(0)
    return Bert(config)


def make_modern() -> Bert:
    bert = make_bert()
    variants.make_rotary(bert)
    variants.gate_feed_forward(bert)
    variants.move_norms_before(bert)
    return bert


# ---- Rotary positions ------------------------------------------------------------------------------------------------


def test_rotation_is_that_of_modernbert():
    from transformers.models.modernbert.modeling_modernbert import apply_rotary_pos_emb

    x = torch.randn(2, 3, 12, 8)
    angle = torch.arange(12)[:, None] * 10_000.0 ** (-torch.arange(4) / 4)
    cos, sin = (torch.cat([part, part], -1)[None] for part in (angle.cos(), angle.sin()))
    expected, _ = apply_rotary_pos_emb(x, x, cos, sin)
    torch.testing.assert_close(variants.rotate_by_position(x, torch.arange(12)), expected)


def test_rotated_products_depend_on_the_distance():
    q, k = torch.randn(2, 16, dtype=torch.float64)
    places = torch.arange(30)
    products = variants.rotate_by_position(q.expand(30, 16), places) @ variants.rotate_by_position(
        k.expand(30, 16), places).T  # fmt: skip
    for distance in (-7, 0, 5):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=1e-5, atol=1e-5)


def test_rotary_positions_alone_tell_the_order():
    bert = make_bert()
    variants.make_rotary(bert)
    assert not bert.embeddings.positions.weight.requires_grad
    assert (bert(IDS[:, :5])[:, 0] - bert(IDS[:, [0, 2, 1, 3, 4]])[:, 0]).abs().max() > 1e-3
    # A text that is moved to the right, where nothing else can be read, stays the same.
    moved = torch.cat([IDS[:, :4], IDS[:, :8]], 1)
    mask = torch.ones(3, 12, 12, dtype=torch.bool)
    mask[:, 4:, :4] = False
    torch.testing.assert_close(bert(moved, attention_mask=mask)[:, 4:], bert(IDS[:, :8]), rtol=1e-4, atol=1e-4)


def test_rotary_heads_start_at_neighbours():
    bert = make_bert(BertConfig(vocab_size=50, hidden_size=128, num_hidden_layers=2, num_attention_heads=2,
                                intermediate_size=128, max_position_embeddings=24))  # fmt: skip
    bert.eval()
    variants.make_rotary(bert)
    variants.start_rotary_heads_at_neighbours(bert)
    with attention_maps(bert) as maps:
        bert(IDS)
    for head, offset in enumerate((-1, 1)):
        mean = [maps[0][:, head].diagonal(shift, 1, 2).mean() for shift in range(-3, 4)]
        assert max(range(7), key=mean.__getitem__) - 3 == offset
    later = maps[1][:, 0]
    assert (later.diagonal(-1, 1, 2).mean() - later.diagonal(1, 1, 2).mean()).abs() < 0.02


# ---- Layers ----------------------------------------------------------------------------------------------------------


def test_gated_feed_forward_is_its_formula():
    part = variants.GatedFeedForward(CONFIG)
    assert part.expand.weight.shape == (128, 32)
    x = torch.randn(5, 32)
    a, b = part.expand.weight[:64], part.expand.weight[64:]
    wide = x @ a.T + part.expand.bias[:64]
    gelu = wide * (1 + torch.erf(wide / math.sqrt(2))) / 2
    expected = (gelu * (x @ b.T + part.expand.bias[64:])) @ part.contract.weight.T + part.contract.bias
    torch.testing.assert_close(part(x), expected)


def test_pre_norm_is_pytorchs():
    bert = make_bert()
    variants.move_norms_before(bert)
    theirs = nn.TransformerEncoderLayer(32, 2, 96, dropout=0.0, activation="gelu", layer_norm_eps=1e-12,
                                        batch_first=True, norm_first=True)  # fmt: skip
    ours = bert.layers[1]
    with torch.no_grad():
        parts = [ours.attention.query, ours.attention.key, ours.attention.value]
        theirs.self_attn.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.self_attn.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
    pairs = ((theirs.self_attn.out_proj, ours.attention.output), (theirs.norm1, ours.attention_norm),
             (theirs.norm2, ours.feed_forward_norm), (theirs.linear1, ours.feed_forward.expand),
             (theirs.linear2, ours.feed_forward.contract))  # fmt: skip
    for to, part in pairs:
        to.load_state_dict(part.state_dict())
    x = torch.randn(2, 5, 32)
    torch.testing.assert_close(ours(x), theirs(x))
    assert isinstance(bert.layers[0].attention_norm, nn.Identity)
    assert isinstance(bert.layers[2].last_norm, nn.LayerNorm)


def test_modern_encoder_is_modernbert():
    """RoPE, GeGLU, pre-norm and no biases together, with our weights in transformers' ModernBertModel."""
    bert = make_modern().eval()
    variants.drop_biases(bert)
    bert.embeddings.segments.weight.data.zero_()
    theirs = transformers.ModernBertModel(transformers.ModernBertConfig(
        vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=2,
        max_position_embeddings=24, norm_eps=1e-12, global_attn_every_n_layers=1, embedding_dropout=0.0,
        attn_implementation="eager", rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 10_000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
        }, pad_token_id=0, bos_token_id=2, eos_token_id=3, cls_token_id=2, sep_token_id=3)).eval()  # fmt: skip
    with torch.no_grad():
        theirs.embeddings.tok_embeddings.weight.copy_(bert.embeddings.words.weight)
        theirs.embeddings.norm.weight.copy_(bert.embeddings.norm.weight)
        theirs.final_norm.weight.copy_(bert.layers[-1].last_norm.weight)
        for to, layer in zip(theirs.layers, bert.layers, strict=True):
            attention = layer.attention
            three = [attention.query.weight, attention.key.weight, attention.value.weight]
            to.attn.Wqkv.weight.copy_(torch.cat(three))
            to.attn.Wo.weight.copy_(attention.output.weight)
            to.mlp.Wi.weight.copy_(layer.feed_forward.expand.weight)
            to.mlp.Wo.weight.copy_(layer.feed_forward.contract.weight)
    expected = theirs.double()(IDS, attention_mask=MASK).last_hidden_state
    # float32 angles on both sides
    torch.testing.assert_close(bert.double()(IDS, attention_mask=MASK)[MASK.bool()], expected[MASK.bool()],
                               rtol=1e-5, atol=1e-5)  # fmt: skip
    unused = ("positions", "segments")  # of ours
    ours = sum(p.numel() for name, p in bert.named_parameters() if not any(part in name for part in unused))
    assert ours == sum(p.numel() for p in theirs.parameters())


@pytest.mark.parametrize("change", [
    variants.make_rotary, variants.gate_feed_forward, variants.move_norms_before, variants.share_layers
])  # fmt: skip
def test_requested_positions_and_padding_change_nothing(change):
    bert = make_bert().eval()
    change(bert)
    whole = bert(IDS, attention_mask=MASK)
    at = torch.tensor([[0, 3], [0, 5], [0, 2]])
    torch.testing.assert_close(bert(IDS, attention_mask=MASK, at=at), whole.gather(1, at[..., None].expand(-1, -1, 32)))
    torch.testing.assert_close(bert(IDS[1:2, :7]), whole[1:2, :7])
    causal = torch.ones(3, 12, 12).tril().bool()
    torch.testing.assert_close(bert(IDS, attention_mask=causal, at=at), bert(IDS, attention_mask=causal).gather(
        1, at[..., None].expand(-1, -1, 32)))  # fmt: skip
    torch.testing.assert_close(
        bert(IDS, attention_mask=causal)[:, :7], bert(IDS[:, :7], attention_mask=causal[:, :7, :7])
    )


# ---- Fewer parameters ------------------------------------------------------------------------------------------------


def test_albert_has_the_parameters_of_transformers():
    model = Pretraining(CONFIG)
    model.drop_next_sentence(keep_pooler=False)
    variants.factorise_embeddings(model, 8)
    variants.share_layers(model.bert)
    theirs = transformers.AlbertForMaskedLM(transformers.AlbertConfig(
        vocab_size=50, embedding_size=8, hidden_size=32, num_hidden_layers=3, num_attention_heads=2,
        intermediate_size=96, max_position_embeddings=24, type_vocab_size=2))  # fmt: skip
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in theirs.parameters())


def test_shared_layers_learn_from_all_places():
    bert = make_bert()
    variants.share_layers(bert)
    once = sum(p.numel() for p in bert.layers[0].parameters())
    assert sum(p.numel() for p in bert.layers.parameters()) == once
    bert(IDS).sum().backward()
    apart = make_bert()
    for layer in apart.layers[1:]:
        layer.load_state_dict(apart.layers[0].state_dict())
    apart(IDS).sum().backward()
    total = sum(layer.attention.query.weight.grad for layer in apart.layers)
    torch.testing.assert_close(bert.layers[0].attention.query.weight.grad, total)


def test_small_embeddings_stay_tied_and_keep_the_head_start():
    torch.manual_seed(0)
    sizes = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 24}
    model = Pretraining(BertConfig(vocab_size=50, hidden_size=128, **sizes)).eval()
    with torch.no_grad():
        model.bert.embeddings.positions.weight.copy_(0.1 * make_sinusoid_table(24, 128))
    start_heads_at_neighbours(model.bert)
    model.mlm.bias.data.normal_()
    bias = model.mlm.bias.clone()
    variants.factorise_embeddings(model, 64)
    assert isinstance(model.bert.embeddings, ProjectedEmbeddings)
    assert model.mlm.bias.equal(bias)
    with attention_maps(model) as maps:
        model(IDS)
    for head, offset in enumerate((-1, 1)):
        before, after = (maps[0][:, head].diagonal(shift, 1, 2).mean() for shift in (offset, -offset))
        assert before > 2 * after
    labels = torch.full_like(IDS, IGNORE)
    labels[:, 1] = 7
    model(IDS, labels=labels).loss.backward()
    assert model.bert.embeddings.words.weight.grad[7].abs().sum() > 0


def test_changes_can_be_copied_and_trained():
    model = Pretraining(CONFIG)
    variants.make_rotary(model.bert)
    variants.gate_feed_forward(model.bert)
    variants.move_norms_before(model.bert)
    other = copy.deepcopy(model)
    labels = IDS.where(torch.arange(12) % 3 == 1, IGNORE)
    other(IDS, labels=labels).loss.backward()
    for name, parameter in other.named_parameters():
        unused = any(part in name for part in ("nsp", "pooler", "positions"))
        assert unused or parameter.grad.abs().sum() > 0 or "key.bias" in name, name
