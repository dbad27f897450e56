"""bertviz's three views (Vig 2019) of any model: lines for each head, all heads small, and query and key by number."""

from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from .bertviz_page import MAX_WEIGHTS, BertvizView, Drawing, build_page, check_numbers, count_layers_and_heads
from .capture import capture_attention


def head_view(model: nn.Module, tokenizer, text: str, pair: str | None = None, *, layer: int | None = None,
              heads: Sequence[int] | None = None, include_layers: Sequence[int] | None = None,
              display_mode: str = "light", limit: int = MAX_WEIGHTS) -> BertvizView:  # fmt: skip
    """One layer at a time: lines from each token to those it attends to, in a colour for each head.

    `model` is one of bertlab or of transformers: an encoder, a decoder, or both. `tokenizer` is a WordPiece or one of
    transformers. `pair` is the second sentence; for an encoder-decoder, it is the text that the decoder writes. The
    view opens on `layer` and `heads`, counted from 0. With `include_layers` the page holds these layers only.
    `display_mode` is "light" or "dark".

    The page holds float32. Raises ValueError for a text that is empty or too long, a layer or head that does not exist,
    a model without attention, and more than `limit` weights; ModuleNotFoundError if bertviz is not installed.
    """
    captured = capture_attention(model, tokenizer, text, pair)
    L, H = count_layers_and_heads(captured)
    layers = check_numbers(include_layers, L, "include_layers")
    if layer is not None and (type(layer) is not int or layer not in layers):
        raise ValueError(f"layer is {layer!r}; the view holds layers {', '.join(map(str, layers))}")
    heads = heads if heads is None else check_numbers(heads, H, "heads")
    captured = [replace(part, maps=part.maps[layers]) for part in captured]
    width = max(335, 20 * H)  # bertviz draws 335 pixels, and above them a square of 20 for each head
    left, right = (max(len(getattr(part, side)) for part in captured) for side in ("left", "right"))
    drawing = Drawing(
        "head_view", lines=H * left * right, width=width, min_width=width, height=30 + 22.5 * max(left, right),
        token_width=96, menus={"Layer": "layer"},
        usage="A line goes from a token on the left to one that it attends to; the larger the weight, the stronger the "
        "line. Point at a token to see only its lines. Click a coloured square to hide or show its head; double-click "
        "to see only that head.",
    )  # fmt: skip
    params = {"layer": layer, "heads": heads, "include_layers": layers}
    return build_page(captured, drawing, params, text, pair, display_mode, limit)


def model_view(model: nn.Module, tokenizer, text: str, pair: str | None = None, *,
               include_layers: Sequence[int] | None = None, include_heads: Sequence[int] | None = None,
               display_mode: str = "light", limit: int = MAX_WEIGHTS) -> BertvizView:  # fmt: skip
    """All layers and heads at once, small; a click enlarges one. Arguments and errors are those of `head_view`.

    `include_layers` and `include_heads`, counted from 0, choose what is drawn.
    """
    captured = capture_attention(model, tokenizer, text, pair)
    L, H = count_layers_and_heads(captured)
    layers, heads = check_numbers(include_layers, L, "include_layers"), check_numbers(include_heads, H, "include_heads")
    captured = [replace(part, maps=part.maps[layers][:, heads]) for part in captured]
    left, right = (max(len(getattr(part, side)) for part in captured) for side in ("left", "right"))
    rows = max(left, right)
    drawing = Drawing(
        "model_view", lines=len(layers) * len(heads) * left * right, width=970, min_width=680, token_width=76,
        # bertviz's own sizes: a small drawing has 7 * 12 / H pixels a token, the large one 18.
        height=max(len(layers) * (rows * 84 / H + 10) + 38, 18 * rows + 55),
        usage="There is a small drawing for each head, with the first layer at the top. Click one to enlarge it, and "
        "again to close it. In the large one, point at a token on the left to see only its lines.",
    )  # fmt: skip
    params = {"include_layers": layers, "include_heads": heads, "total_heads": H}
    return build_page(captured, drawing, params, text, pair, display_mode, limit)


def neuron_view(model: nn.Module, tokenizer, text: str, pair: str | None = None, *, layer: int = 0, head: int = 0,
                display_mode: str = "light", limit: int = MAX_WEIGHTS) -> BertvizView:  # fmt: skip
    """How a weight is computed: query, key, their products, the sum, the softmax. Arguments are those of `head_view`.

    For our models, GPT-2, and encoders of transformers with a query and a key layer (BERT, RoBERTa, DistilBERT, ALBERT,
    ELECTRA). The vectors are those that the model itself computed. Raises what `head_view` does, and ValueError if the
    softmax of their scaled products is not the model's attention.
    """
    captured = capture_attention(model, tokenizer, text, pair, vectors=True)
    for name, value, count in zip(("layer", "head"), (layer, head), count_layers_and_heads(captured), strict=True):
        check_numbers([value], count, name)
    causal = not captured[0].maps.triu(1).any()  # no token attends to a later one
    T, d_k = captured[0].queries.shape[2:]
    drawing = Drawing(
        "neuron_view", lines=5 * T * T + 3 * T * d_k, width=1010, min_width=760, height=100 + 26 * T, token_width=108,
        menus={"Layer": "layer", "Head": "att_head"},
        usage="Point at a token on the left to see what it attends to. Click the plus sign next to it to see its query "
        "and all keys, number by number: blue is positive, orange is negative, and a stronger colour is a larger "
        "number.",
    )  # fmt: skip
    params = {"layer": layer, "head": head, "bidirectional": not causal}
    return build_page(captured, drawing, params, text, pair, display_mode, limit)
