"""The parts of an encoder as functions, and the same from PyTorch's own modules, for the exercises of notebook 06."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..model import Attention, BertConfig, Layer

SMALL = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
                   max_position_embeddings=16)  # fmt: skip


def compute_layer_norm(x: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> Tensor:
    """PyTorch's LayerNorm over the last axis."""
    return F.layer_norm(x, (x.size(-1),), gamma, beta, eps)


def compute_attention(x: Tensor, part: nn.Module, mask: Tensor | None = None) -> Tensor:
    """The attention sub-layer of a text or a batch: x (B, T, D), mask (B, T) -> (B, T, D)."""
    q, k, v = (
        linear(x).unflatten(-1, (part.heads, -1)).transpose(1, 2) for linear in (part.query, part.key, part.value)
    )
    z = F.scaled_dot_product_attention(q, k, v, attn_mask=None if mask is None else mask[:, None, None, :])
    return part.output(z.transpose(1, 2).flatten(2))


def compute_feed_forward(x: Tensor, part: nn.Module) -> Tensor:
    """The feed-forward sub-layer: (B, T, D) -> (B, T, D)."""
    return part.contract(F.gelu(part.expand(x)))


def compute_layer(x: Tensor, layer: nn.Module, mask: Tensor | None = None) -> Tensor:
    """A post-norm layer from its parts: (B, T, D) -> (B, T, D)."""
    x = layer.attention_norm(x + layer.attention(x, mask))
    return layer.feed_forward_norm(x + layer.feed_forward(x))


def make_part(kind: type[nn.Module]) -> nn.Module:
    """A small part of an encoder whose weights are all different from 0 and 1, so that each of them shows."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        part = kind(SMALL).eval()
        for weight in part.parameters():
            nn.init.normal_(weight, std=0.5)
    return part.requires_grad_(False)


def run_torch_attention(x: Tensor, part: Attention, mask: Tensor | None) -> Tensor:
    """PyTorch's nn.MultiheadAttention with the same weights, as an independent reference."""
    theirs = nn.MultiheadAttention(x.size(-1), part.heads, batch_first=True).eval().requires_grad_(False)
    theirs.in_proj_weight.copy_(torch.cat([part.query.weight, part.key.weight, part.value.weight]))
    theirs.in_proj_bias.copy_(torch.cat([part.query.bias, part.key.bias, part.value.bias]))
    theirs.out_proj.load_state_dict(part.output.state_dict())
    return theirs(x, x, x, key_padding_mask=None if mask is None else ~mask, need_weights=False)[0]


def make_layer() -> Layer:
    """A small layer whose two norms differ, so that swapping them shows."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = Layer(SMALL).eval()
        for number, norm in enumerate((layer.attention_norm, layer.feed_forward_norm)):
            nn.init.uniform_(norm.weight, 0.5 + number, 1.5 + number)
            nn.init.uniform_(norm.bias, -0.5, 0.5)
    return layer.requires_grad_(False)


def make_torch_layer(layer: Layer) -> nn.TransformerEncoderLayer:
    """PyTorch's own post-norm layer with the same weights, as an independent reference."""
    theirs = nn.TransformerEncoderLayer(8, 2, 24, 0.0, F.gelu, 1e-12, batch_first=True).eval()
    ours = layer.attention
    with torch.no_grad():
        theirs.self_attn.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        theirs.self_attn.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key.bias, ours.value.bias]))
    theirs.self_attn.out_proj.load_state_dict(ours.output.state_dict())
    theirs.norm1.load_state_dict(layer.attention_norm.state_dict())
    theirs.norm2.load_state_dict(layer.feed_forward_norm.state_dict())
    theirs.linear1.load_state_dict(layer.feed_forward.expand.state_dict())
    theirs.linear2.load_state_dict(layer.feed_forward.contract.state_dict())
    return theirs.requires_grad_(False)
