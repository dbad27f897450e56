"""What came after BERT, built from its parts: other layers, other objectives, another optimizer. Notebook 17 compares
them; `bench/variants.py` trains them."""

from .lamb import Lamb
from .objectives import (
    Distilled,
    Electra,
    HybridCollate,
    NextTokenPretraining,
    StaticCollate,
    replace_tokens,
    score_by_discriminator,
)
from .parts import (
    GatedFeedForward,
    PreNormLayer,
    RotaryAttention,
    drop_biases,
    factorise_embeddings,
    gate_feed_forward,
    make_rotary,
    move_norms_before,
    rotate_by_position,
    share_layers,
    start_rotary_heads_at_neighbours,
)
from .unpadding import encode_unpadded
