"""Unpadding: an encoder that computes nothing for [PAD], as MosaicBERT and ModernBERT do.

Dimension letters: B batch, T tokens, N real tokens of all rows together, D hidden size, H heads of size d_k.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..model import Attention, Bert, Layer


def encode_unpadded(bert: Bert, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """The hidden states (B, T, D) of a padded batch, equal to those of `bert`, and 0 at [PAD].

    Embeddings, linear layers and LayerNorms see one long row of the N real tokens. Only attention has to know where a
    text ends; here it takes one text after the other, where a GPU has one function for all (`varlen_attn`). For
    post-norm layers with learned positions, in eval mode. Raises ValueError for padding that is not at the end.
    """
    real = attention_mask.bool()
    lengths = real.sum(1).tolist()
    if not (real == (torch.arange(real.size(1), device=real.device) < real.sum(1, keepdim=True))).all():
        raise ValueError("attention_mask has a 0 before a 1: unpadding takes padding at the end alone")
    x = bert.embeddings(input_ids)[real]  # (N, D)
    for layer in bert.layers:
        x = run_layer(layer, x, lengths)
    padded = x.new_zeros(*real.shape, x.size(-1))
    padded[real] = x
    return padded


def run_layer(layer: Layer, x: Tensor, lengths: list[int]) -> Tensor:
    """A post-norm layer on the real tokens: (N, D) -> (N, D)."""
    x = layer.attention_norm(x + attend_within_texts(layer.attention, x, lengths))
    return layer.feed_forward_norm(x + layer.feed_forward(x))


def attend_within_texts(attention: Attention, x: Tensor, lengths: list[int]) -> Tensor:
    """Attention of each text to itself: (N, D) -> (N, D)."""
    q, k, v = (
        part(x).unflatten(-1, (attention.heads, -1)).transpose(0, 1)  # (H, N, d_k)
        for part in (attention.query, attention.key, attention.value)
    )
    texts = zip(*(part.split(lengths, 1) for part in (q, k, v)), strict=True)
    values = torch.cat([F.scaled_dot_product_attention(*text) for text in texts], 1)
    return attention.output(values.transpose(0, 1).flatten(-2))
