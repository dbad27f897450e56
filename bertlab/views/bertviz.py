"""views.bertviz: TODO."""

from collections.abc import Sequence

from torch import nn

from .bertviz_page import (
    MOST_WEIGHTS,
    BertvizView,
    Drawing,
    build_page,
    check_numbers,
    format_numbers,
    get_common_size,
    get_longest_sides,
    read_bertviz_script,
)
from .capture import capture_attention


def head_view(
    model: nn.Module,
    tokenizer,
    text: str,
    pair: str | None = None,
    *,
    layer: int | None = None,
    heads: Sequence[int] | None = None,
    include_layers: Sequence[int] | None = None,
    display_mode: str = "light",
    limit: int = MOST_WEIGHTS,
) -> BertvizView:
    """One layer at a time: lines from each token to those it looks at, a colour for each head.

    `model` is ours, or one of transformers: an encoder, a decoder, or both. `tokenizer` is a WordPiece or one of
    transformers. `pair` is the second sentence; for an encoder-decoder, the text that the decoder writes. The view
    opens on `layer` and `heads` (from 0); `include_layers` keeps the others out of the page. `display_mode` is "light"
    or "dark".

    The page holds float32. Raises ValueError for text that is empty or too long, a layer or head that is not there, a
    model without attention, and for more than `limit` weights; ModuleNotFoundError when bertviz is not installed.
    """
    script = read_bertviz_script("head_view")
    seen = capture_attention(model, tokenizer, text, pair)
    L, H = get_common_size(seen)
    layers = check_numbers(include_layers, L, "include_layers")
    if layer is not None and layer not in layers:
        raise ValueError(f"layer is {layer!r}; the view holds layers {format_numbers(layers)}")
    params = {
        "layer": layer,
        "heads": heads if heads is None else check_numbers(heads, H, "heads"),
        "include_layers": layers,
    }
    seen = [part.only(layers, list(range(H))) for part in seen]
    longest, widest = get_longest_sides(seen)
    width = max(335, 20 * H)  # bertviz draws 335 pixels, and above them a square of 20 for each head
    drawing = Drawing(
        kind="Head view",
        how="A line goes from a token at the left to one it looks at, the stronger the more it takes from there. Point "
        "at a token to see its lines alone. Click a coloured square to hide or show its head; double-click to see that "
        "head alone.",
        menus={"Layer": "layer"},
        lines=H * longest * widest,
        width=width,
        least=width,
        height=30 + 22.5 * max(longest, widest),
        room=96,
    )
    return build_page(seen, drawing, script, params, text, pair, display_mode, limit)


def model_view(
    model: nn.Module,
    tokenizer,
    text: str,
    pair: str | None = None,
    *,
    include_layers: Sequence[int] | None = None,
    include_heads: Sequence[int] | None = None,
    display_mode: str = "light",
    limit: int = MOST_WEIGHTS,
) -> BertvizView:
    """All layers and heads at once, small; a click enlarges one. Arguments and errors as in `head_view`.

    `include_layers` and `include_heads` (from 0) choose what is drawn.
    """
    script = read_bertviz_script("model_view")
    seen = capture_attention(model, tokenizer, text, pair)
    L, H = get_common_size(seen)
    layers, heads = check_numbers(include_layers, L, "include_layers"), check_numbers(include_heads, H, "include_heads")
    params = {"include_layers": layers, "include_heads": heads, "total_heads": H}
    seen = [part.only(layers, heads) for part in seen]
    longest, widest = get_longest_sides(seen)
    rows = max(longest, widest)
    # bertviz's own sizes: a small drawing has 7 * 12 / H pixels a token, the large one 18.
    height = max(len(layers) * (rows * 84 / H + 10) + 38, 18 * rows + 55)
    drawing = Drawing(
        kind="Model view",
        how="One small drawing for each head, the first layer at the top. Click one to enlarge it, again to close it. "
        "In the large one, point at a token at the left to see its lines alone.",
        lines=len(layers) * len(heads) * longest * widest,
        width=970,
        least=680,
        height=height,
        room=76,
    )
    return build_page(seen, drawing, script, params, text, pair, display_mode, limit)


def neuron_view(
    model: nn.Module,
    tokenizer,
    text: str,
    pair: str | None = None,
    *,
    layer: int = 0,
    head: int = 0,
    display_mode: str = "light",
    limit: int = MOST_WEIGHTS,
) -> BertvizView:
    """Where a weight comes from: query, key, their products, their sum, the softmax. Arguments as in `head_view`.

    For our models, GPT-2, and transformers' encoders with a query and a key layer (BERT, RoBERTa, DistilBERT, ALBERT,
    ELECTRA). The vectors are what the model itself computed. Raises what `head_view` does, and ValueError if the
    softmax of their scaled products is not the model's attention.
    """
    script = read_bertviz_script("neuron_view")
    seen = capture_attention(model, tokenizer, text, pair, vectors=True)
    L, H = get_common_size(seen)
    for name, value, count in (("layer", layer, L), ("head", head, H)):
        check_numbers([value], count, name)
    one_way = not seen[0].maps.triu(1).any()  # nobody looks ahead
    params = {"layer": layer, "head": head, "bidirectional": not one_way}
    T = len(seen[0].left)
    drawing = Drawing(
        kind="Neuron view",
        how="Point at a token at the left to see where it looks. Click the plus sign beside it to see its query and "
        "all keys, number by number: blue is positive, orange negative, the stronger the larger.",
        menus={"Layer": "layer", "Head": "att_head"},
        lines=5 * T * T + 3 * T * seen[0].queries.size(-1),
        width=1010,
        least=760,
        height=100 + 26 * T,
        room=108,
    )
    return build_page(seen, drawing, script, params, text, pair, display_mode, limit)
