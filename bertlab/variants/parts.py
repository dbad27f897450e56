"""Other parts for BERT's encoder: rotary positions, pre-norm, gated feed-forward, shared layers, small embeddings.

Each function changes an encoder in place, after it was made and before it is trained, so changes can be combined: first
`make_rotary` and `gate_feed_forward`, then `move_norms_before`, then `drop_biases` or `share_layers`.

Dimension letters: B batch, T tokens, Q requested tokens, D hidden size, H heads of size d_k, I intermediate size,
E size of an embedding.
"""

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..heads import MLMHead, Pretraining
from ..model import Attention, Bert, BertConfig, Embeddings, Layer, gather_tokens
from ..precision import cast_once

# ---- Rotary positions ------------------------------------------------------------------------------------------------


def rotate_by_position(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    """Rotary positions (Su et al. 2021): x (..., T, d_k) with each pair of numbers (k, k + d_k/2) turned by an angle.

    The angle is position * base^(-2k/d_k); `positions` is (T,), or has axes that broadcast with those of x. The product
    of a rotated query and a rotated key depends on the distance of their positions alone. ModernBERT pairs the numbers
    in the same way; notebook 05 pairs neighbours, which is another order of the same numbers.
    """
    half = x.size(-1) // 2
    speed = base ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angle = positions[..., None] * speed  # (..., T, d_k/2)
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class RotaryAttention(Attention):
    """Attention whose queries and keys are rotated by their positions."""

    def forward(self, x: Tensor, mask: Tensor | None = None, at: Tensor | None = None) -> Tensor:
        x = cast_once(x)
        places = torch.arange(x.size(1), device=x.device)  # (T,)
        asked = places if at is None else at[:, None]  # (T,) or (B, 1, Q)
        q = rotate_by_position(self.split_heads(self.query(gather_tokens(x, at))), asked)  # (B, H, Q, d_k)
        k = rotate_by_position(self.split_heads(self.key(x)), places)  # (B, H, T, d_k)
        scores = q @ k.mT / math.sqrt(q.size(-1))  # (B, H, Q, T)
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        weights = scores.softmax(-1, dtype=torch.promote_types(scores.dtype, torch.float32))
        if self.maps is not None:
            self.maps.append(weights)
        values = weights.to(x.dtype) @ self.split_heads(self.value(x))
        return self.output(values.transpose(1, 2).flatten(-2))  # (B, Q, D)


def make_rotary(bert: Bert) -> None:
    """Give all layers rotary attention, with the weights they have. The table of positions becomes zero for good."""
    for layer in bert.layers:
        rotary = RotaryAttention(bert.config)
        rotary.load_state_dict(layer.attention.state_dict())
        layer.attention = rotary
    nn.init.zeros_(bert.embeddings.positions.weight).requires_grad_(False)


@torch.no_grad()
def start_rotary_heads_at_neighbours(bert: Bert, size: float = 2.0) -> None:
    """The head start of `start_heads_at_neighbours` for rotary attention: in the first half of the layers the heads
    attend to the tokens at -1, +1, -2, ...

    A key's bias is the same vector at each position, and is rotated by the position; so a query's bias that is this
    vector, turned back by the offset, fits best to the key at that offset. `size` is the length of each pair.
    """
    H = bert.config.num_attention_heads
    for layer in bert.layers[: (len(bert.layers) + 1) // 2]:
        key, query = layer.attention.key.bias.view(H, -1), layer.attention.query.bias.view(H, -1)
        key.zero_()[:, : key.size(1) // 2] = size
        for head in range(H):
            offset = (head // 2 % 2 + 1) * (-1 if head % 2 == 0 else 1)
            query[head] = rotate_by_position(key[head], torch.tensor(float(offset)))


# ---- Layers ----------------------------------------------------------------------------------------------------------


class GatedFeedForward(nn.Module):
    """GeGLU (Shazeer 2020): GELU(x A) * (x B), then back to D. With two thirds of the intermediate size it has the
    parameters and the operations of `FeedForward`."""

    def __init__(self, config: BertConfig):
        super().__init__()
        size = round(config.intermediate_size * 2 / 3)
        self.expand = nn.Linear(config.hidden_size, 2 * size)  # A and B side by side
        self.contract = nn.Linear(size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        wide, gate = self.expand(x).chunk(2, -1)  # (..., I), (..., I)
        return self.contract(F.gelu(wide) * gate)


def gate_feed_forward(bert: Bert) -> None:
    """Give all layers a new gated feed-forward network."""
    for layer in bert.layers:
        layer.feed_forward = GatedFeedForward(bert.config).apply(bert.init_weights)


class PreNormLayer(nn.Module):
    """A layer that normalises what a part reads, not the sum (Xiong et al. 2020). What passes from layer to layer is a
    plain sum, so the last layer has a LayerNorm at its end."""

    def __init__(self, layer: Layer, config: BertConfig, first: bool, last: bool):
        super().__init__()
        self.attention, self.feed_forward = layer.attention, layer.feed_forward
        # The embeddings have just been normalised: the first layer reads them as they are, as in ModernBERT.
        self.attention_norm = nn.Identity() if first else layer.attention_norm
        self.feed_forward_norm, self.dropout = layer.feed_forward_norm, layer.dropout
        self.last_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps) if last else nn.Identity()

    def forward(self, x: Tensor, mask: Tensor | None = None, at: Tensor | None = None) -> Tensor:
        x = gather_tokens(x, at) + self.dropout(self.attention(self.attention_norm(x), mask, at))
        return self.last_norm(x + self.dropout(self.feed_forward(self.feed_forward_norm(x))))


def move_norms_before(bert: Bert) -> None:
    """Make all layers pre-norm, with the parts they have."""
    last = len(bert.layers) - 1
    for number, layer in enumerate(bert.layers):
        bert.layers[number] = PreNormLayer(layer, bert.config, number == 0, number == last)


def drop_biases(bert: Bert) -> None:
    """Remove the biases of all linear layers and LayerNorms of the encoder, as ModernBERT does."""
    for part in bert.modules():
        if isinstance(part, nn.Linear | nn.LayerNorm):
            part.bias = None


# ---- Fewer parameters ------------------------------------------------------------------------------------------------


def share_layers(bert: Bert) -> None:
    """Use the first layer's weights in all layers (ALBERT, Lan et al. 2019): fewer parameters, the same operations."""
    for number in range(1, len(bert.layers)):
        bert.layers[number] = bert.layers[0]


class ProjectedEmbeddings(nn.Module):
    """BERT's embeddings of a smaller size E, and a linear layer from there to D (ALBERT, section 3.1)."""

    def __init__(self, config: BertConfig, size: int):
        super().__init__()
        self.small = Embeddings(replace(config, hidden_size=size, num_attention_heads=1))
        self.words, self.positions = self.small.words, self.small.positions
        self.project = nn.Linear(size, config.hidden_size)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        return self.project(self.small(input_ids, token_type_ids))


def factorise_embeddings(model: Pretraining, size: int) -> None:
    """Give a model embeddings of `size` E, and an MLM head that ends in E numbers, so that it stays tied to the words.

    V * D parameters become V * E + E * D. The table of positions starts as the first E columns of the one before, and
    the projection passes them on unchanged, so that heads that read these columns still find them.
    """
    bert, config = model.bert, model.config
    positions = bert.embeddings.positions.weight.detach()[:, :size].clone()
    bert.embeddings = ProjectedEmbeddings(config, size).apply(bert.init_weights)
    head = MLMHead(config)
    head.dense, head.norm = nn.Linear(config.hidden_size, size), nn.LayerNorm(size, eps=config.layer_norm_eps)
    head.bias = model.mlm.bias
    model.mlm = head.apply(bert.init_weights)
    with torch.no_grad():
        bert.embeddings.positions.weight.copy_(positions)
        bert.embeddings.project.weight += torch.eye(config.hidden_size, size)
