"""Where a model looks: our own view of attention for any length, and bertviz's three views, all without a network."""

from .attention_view import AttentionView, read_asset_without_comments, rollout, show_attention, show_maps
from .bertviz import head_view, model_view, neuron_view
from .bertviz_page import BertvizView
from .capture import capture_attention
from .packing import choose_coarseness
from .still import LARGE

__all__ = [
    "AttentionView",
    "BertvizView",
    "LARGE",
    "capture_attention",
    "choose_coarseness",
    "head_view",
    "model_view",
    "neuron_view",
    "read_asset_without_comments",
    "rollout",
    "show_attention",
    "show_maps",
]
