"""Attention as a picture: our own view for a text of any length, and bertviz's three views, all without a network."""

from .attention_view import AttentionView, show_attention, show_maps
from .bertviz import head_view, model_view, neuron_view
from .bertviz_page import BertvizView
