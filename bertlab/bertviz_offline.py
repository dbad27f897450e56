"""bertviz's head, model and neuron views without a network, for our models and those of transformers.

bertviz's own scripts draw; they are read from the installed package. What they usually fetch from the web (d3, jQuery,
require.js) comes from `assets/bertviz`. The numbers come from the model that is shown, not from a copy of it.

Dimension letters: T tokens that look, S tokens that are looked at, L layers, H heads, K per head.
"""

import base64
import html
import inspect
import json
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from .model import Bert, attention_maps
from .train import write_whole
from .wordpiece import WordPiece

MOST_WEIGHTS = 12 * 12 * 128 * 128  # of all layers and heads: bert-base on 128 tokens
MANY_LINES = 150_000  # drawn at once: a browser needs seconds
INSTALL = 'pip install "bertviz>=1.4"'


@dataclass(frozen=True, eq=False)
class BertvizView:
    """One view as a whole page. A notebook shows it when it is the last line of a cell; `save` writes a file.

    In a notebook the page stands in an `<iframe srcdoc>` that may run scripts and nothing else. bertviz itself puts
    scripts into the notebook's own page, where they share names (every menu has the id "layer"), wait for each other's
    downloads, and lose that race under Run All. A frame has its own names and needs nothing from the page around it.
    So it draws alike in JupyterLab, Notebook, VS Code, Colab and exported HTML, and the text in it cannot reach the
    notebook. Where frames are taken out (GitHub, a notebook that is not trusted) a line of text stands there instead.
    """

    title: str
    page: str = field(repr=False)  # the whole HTML document
    width: int = field(repr=False)  # of the drawing, in pixels
    least: int = field(repr=False)  # it does not shrink below this
    height: int = field(repr=False)  # of the drawing at full width

    def _repr_html_(self) -> str:
        drawn = f"clamp({self.least}px, 100cqw - 16px, {self.width}px) * {self.height / self.width:.4f}"
        if self.least == self.width:
            drawn = f"{self.height}px"
        # Above the drawing stand some lines of text, the more of them the narrower the page is.
        around = "125px + 0.17 * max(0px, 1000px - 100cqw)"
        title, page = html.escape(self.title), html.escape(self.page)
        return (
            '<div style="container-type: inline-size; width: 100%">'
            f'<iframe title="{title}" sandbox="allow-scripts" width="100%" height="{self.height + 190}" '
            f'style="border: 0; width: 100%; height: calc({drawn} + {around})" srcdoc="{page}">'
            f"{title}. It is drawn by scripts: trust this notebook, or run the cell again."
            "</iframe></div>"
        )

    def save(self, path: str | Path) -> Path:
        """Write the page, which any browser opens without a network. Written beside, then renamed.

        Raises FileNotFoundError when its folder is not there.
        """
        path = Path(path)
        if not path.parent.is_dir():
            raise FileNotFoundError(f"there is no folder {path.parent} to save the page in: make it first")
        write_whole(path, self.page)
        return path


# ---- The three views -------------------------------------------------------------------------------------------------


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
    script = bertviz_script("head_view")
    seen = look(model, tokenizer, text, pair)
    L, H = common(seen)
    layers = chosen(include_layers, L, "include_layers")
    if layer is not None and layer not in layers:
        raise ValueError(f"layer is {layer!r}; the view holds layers {told(layers)}")
    params = {"layer": layer, "heads": heads if heads is None else chosen(heads, H, "heads"), "include_layers": layers}
    seen = [part.only(layers, list(range(H))) for part in seen]
    longest, widest = size(seen)
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
    return page(seen, drawing, script, params, text, pair, display_mode, limit)


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
    script = bertviz_script("model_view")
    seen = look(model, tokenizer, text, pair)
    L, H = common(seen)
    layers, heads = chosen(include_layers, L, "include_layers"), chosen(include_heads, H, "include_heads")
    params = {"include_layers": layers, "include_heads": heads, "total_heads": H}
    seen = [part.only(layers, heads) for part in seen]
    longest, widest = size(seen)
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
    return page(seen, drawing, script, params, text, pair, display_mode, limit)


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
    script = bertviz_script("neuron_view")
    seen = look(model, tokenizer, text, pair, vectors=True)
    L, H = common(seen)
    for name, value, count in (("layer", layer, L), ("head", head, H)):
        chosen([value], count, name)
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
    return page(seen, drawing, script, params, text, pair, display_mode, limit)


# ---- What the model does with the text -------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Attention:
    """One set of maps (L, H, T, S): `maps[l, h, i, j]` is what token i of `left` takes from token j of `right`."""

    name: str
    maps: Tensor
    left: list[str]
    right: list[str]
    second: int | None = None  # where the second sentence begins
    queries: Tensor | None = None  # (L, H, T, K)
    keys: Tensor | None = None  # (L, H, S, K)

    def only(self, layers: list[int], heads: list[int]) -> "Attention":
        """These layers and heads."""
        return Attention(self.name, self.maps[layers][:, heads], self.left, self.right, self.second)


def look(model: nn.Module, tokenizer, text: str, pair: str | None = None, *, vectors: bool = False) -> list[Attention]:
    """Run the model on the text once and keep its attention: one set of maps, or for an encoder-decoder three.

    The model is left as it was: training flags and attention implementation are put back. With `vectors` the queries
    and keys are there too. Raises ValueError as `head_view` does, TypeError for what is no text, tokenizer or model.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}; give a model of bertlab or of transformers, loaded")
    for name, value in (("text", text), ("pair", pair)):
        if not isinstance(value, str) and not (name == "pair" and value is None):
            raise TypeError(f"{name} is a {type(value).__name__}; it must be a string")
        if value is not None and not value.strip():
            raise ValueError(f"{name} is empty: there is nothing to look at" + ". Leave it out" * (name == "pair"))
    ours = [part for part in model.modules() if isinstance(part, Bert)]
    if len(ours) > 1:
        raise ValueError(f"{type(model).__name__} holds {len(ours)} encoders: give the one to look at")
    if not ours and not hasattr(model, "set_attn_implementation"):
        raise ValueError(
            f"{type(model).__name__} has no attention to look at: give a model of bertlab or of transformers"
        )
    if getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        if vectors:
            raise ValueError("bertviz has no neuron view of an encoder-decoder: use head_view or model_view")
        return look_at_both(model, tokenizer, text, pair)
    inputs, tokens, second = read(tokenizer, text, pair)
    with at_rest(model), watching(model if vectors else None) as (queries, keys):
        if ours:
            with attention_maps(ours[0]) as maps:
                ours[0](*(inputs[name].to(place(model)) for name in ("input_ids", "token_type_ids") if name in inputs))
        else:
            maps = getattr(forward(model, inputs), "attentions", None)
    maps = stack(model, maps)
    found = Attention("All", maps, tokens, tokens, second)
    return [with_vectors(found, queries, keys, type(model).__name__)] if vectors else [found]


def look_at_both(model: nn.Module, tokenizer, text: str, target: str | None) -> list[Attention]:
    """The three kinds of attention of an encoder-decoder that reads `text` and has written `target`.

    As in training, the decoder reads the target one place later, after the token that starts it.
    """
    if target is None:
        raise ValueError("this model has a decoder, which must read something too: give its text as `pair`")
    inputs, source, _ = read(tokenizer, text, None)
    if isinstance(tokenizer, WordPiece):
        labels, starts, name_of = tokenizer.encode(target).input_ids, [tokenizer.cls_id], tokenizer.vocab.__getitem__
    else:
        labels, name_of = tokenizer(text_target=target)["input_ids"], tokenizer.convert_ids_to_tokens
        starts = [tokenizer.bos_token_id, tokenizer.cls_token_id]
    configs = [model.config, getattr(model, "generation_config", None), getattr(model.config, "decoder", None)]
    starts = [getattr(config, "decoder_start_token_id", None) for config in configs] + starts
    start = next((number for number in starts if number is not None), None)
    if start is None:
        raise ValueError("neither model nor tokenizer says what the decoder starts with: set decoder_start_token_id")
    if labels[:1] == [start]:  # [CLS] starts the text already
        labels = labels[1:]
    ids = [start, *labels[:-1]]
    written = [pretty(name_of(number)) for number in ids]
    with at_rest(model):
        output = forward(model, inputs | {"decoder_input_ids": torch.tensor([ids])})
    return [
        Attention("Encoder", stack(model, output.encoder_attentions), source, source),
        Attention("Decoder", stack(model, output.decoder_attentions), written, written),
        Attention("Cross", stack(model, output.cross_attentions), written, source),
    ]


def read(tokenizer, text: str, pair: str | None) -> tuple[dict[str, Tensor], list[str], int | None]:
    """The text as the model's inputs (1, T), as T tokens to show, and where the second sentence begins.

    Raises TypeError for what is no tokenizer, ValueError for a text in which it finds nothing.
    """
    if isinstance(tokenizer, WordPiece):
        encoding = tokenizer.encode(text, pair)
        tokens, sides = encoding.tokens, encoding.token_type_ids
        inputs = {"input_ids": encoding.input_ids, "token_type_ids": sides, "attention_mask": [1] * len(tokens)}
    elif callable(tokenizer) and hasattr(tokenizer, "convert_ids_to_tokens"):
        encoding = tokenizer(text, pair)
        inputs = dict(encoding)
        tokens = tokenizer.convert_ids_to_tokens(inputs["input_ids"])
        sides = encoding.sequence_ids() if encoding.encodings else inputs.get("token_type_ids", [])
    else:
        raise TypeError(f"tokenizer is a {type(tokenizer).__name__}; give a WordPiece, or a tokenizer of transformers")
    if not tokens:
        raise ValueError("the tokenizer finds nothing in this text")
    second = sides.index(1) if pair is not None and 1 in sides else None
    return {name: torch.tensor([ids]) for name, ids in inputs.items()}, [pretty(token) for token in tokens], second


def pretty(token: str) -> str:
    """The token without the marks that byte pair encodings and SentencePiece put for a space, as bertviz shows it."""
    return token.replace("Ġ", " ").replace("▁", " ").replace("</w>", "")


def forward(model: nn.Module, inputs: dict[str, Tensor]):
    """The output of a transformers model with all its attentions, by the implementation that computes them.

    Raises ValueError for more tokens than the model has positions, and for ids that it does not know.
    """
    known = inspect.signature(model.forward).parameters
    takes_more = any(parameter.kind == parameter.VAR_KEYWORD for parameter in known.values())
    if "input_ids" not in known or not ("output_attentions" in known or takes_more):
        raise ValueError(f"{type(model).__name__} is no model of text with attention: bertviz can only draw such a one")
    inputs = {name: ids.to(place(model)) for name, ids in inputs.items() if name in known}
    for name, half in (("input_ids", "encoder"), ("decoder_input_ids", "decoder")):
        config = getattr(model.config, half, None) or model.config
        count, most = len(inputs.get(name, [[]])[0]), getattr(config, "max_position_embeddings", None)
        if most and count > most:
            raise ValueError(
                f"{count} tokens, but the model has {most} positions: cut the text, or look at it in windows"
            )
    with eager(model):
        try:
            return model(**inputs, output_attentions=True, return_dict=True)
        except IndexError as error:  # an embedding was asked for a row that it does not have
            raise ValueError(
                f"{type(model).__name__} has no embedding for a token, a segment or a position of this text: is it the "
                f"model's own tokenizer, and are {inputs['input_ids'].size(1)} tokens not too many? ({error})"
            ) from error


def place(model: nn.Module) -> torch.device:
    """Where the model's weights are."""
    return next(model.parameters()).device


@contextmanager
def at_rest(model: nn.Module) -> Iterator[None]:
    """No dropout and no gradients; every part gets its training flag back."""
    flags = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, flag in flags:
            part.training = flag


@contextmanager
def eager(model: nn.Module) -> Iterator[None]:
    """transformers' readable attention, the only one that returns maps; afterwards what was set before."""
    parts = [part for part in model.modules() if hasattr(part, "set_attn_implementation")]
    configs = list({id(part.config): part.config for part in parts}.values())  # the outermost first
    before = [config._attn_implementation for config in configs]
    try:
        model.set_attn_implementation("eager")
        yield
    finally:
        for config, name in zip(configs, before, strict=True):
            config._attn_implementation = name


def stack(model: nn.Module, maps: Sequence[Tensor] | None) -> Tensor:
    """L maps (1, H, T, S) of one text as (L, H, T, S), on the CPU, in at least float32."""
    if not maps or any(layer is None or layer.dim() != 4 for layer in maps):
        raise ValueError(f"{type(model).__name__} gave no attention maps: bertviz can only draw a model that does")
    found = torch.stack([layer[0].detach().cpu() for layer in maps])
    return found if found.dtype == torch.float64 else found.float()


# ---- Queries and keys ------------------------------------------------------------------------------------------------


@contextmanager
def watching(model: nn.Module | None) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Two lists that each forward fills with what the query and key layers gave, (1, T, H * K) a layer, in order.

    The layers are those named so in BERT and its kin; GPT-2 has one for query, key and value together. None: no model.
    """
    queries, keys, hooks = [], [], []

    def keep(into: list[Tensor]):
        return lambda part, inputs, output: into.append(output)

    def keep_both(part, inputs, output):
        query, key, _ = output.chunk(3, dim=-1)
        queries.append(query)
        keys.append(key)

    for part in model.modules() if model is not None else ():
        for query, key in (("query", "key"), ("q_lin", "k_lin")):
            if isinstance(getattr(part, query, None), nn.Linear) and isinstance(getattr(part, key, None), nn.Linear):
                hooks.append(getattr(part, query).register_forward_hook(keep(queries)))
                hooks.append(getattr(part, key).register_forward_hook(keep(keys)))
        if isinstance(getattr(part, "c_attn", None), nn.Module):
            hooks.append(part.c_attn.register_forward_hook(keep_both))
    try:
        yield queries, keys
    finally:
        for hook in hooks:
            hook.remove()


def with_vectors(found: Attention, queries: list[Tensor], keys: list[Tensor], name: str) -> Attention:
    """The attention with its queries and keys. Raises ValueError if it is not the softmax of their products."""
    L, H, T, _ = found.maps.shape
    if not len(queries) == len(keys) == L or any(x.shape[:2] != (1, T) or x.size(2) % H for x in queries + keys):
        raise ValueError(f"{name} has no query and key layers that the neuron view knows: use head_view or model_view")
    split = [torch.stack([x[0].unflatten(-1, (H, -1)).transpose(0, 1) for x in many]) for many in (queries, keys)]
    queries, keys = (x.detach().cpu().to(found.maps.dtype) for x in split)  # each (L, H, T, K)
    scores = queries @ keys.transpose(-2, -1) / math.sqrt(queries.size(-1))  # (L, H, T, T)
    again = scores.masked_fill(found.maps == 0, -math.inf).softmax(-1)  # a weight of exactly 0: it may not look there
    error, allowed = (again - found.maps).abs().max().item(), math.sqrt(torch.finfo(split[0].dtype).eps)
    if not error <= allowed:
        raise ValueError(
            f"the attention of {name} is not the softmax of q k / sqrt({queries.size(-1)}), from which it differs by "
            f"{error:.2g}. The neuron view shows nothing else: use head_view or model_view"
        )
    return Attention(found.name, found.maps, found.left, found.right, found.second, queries, keys)


# ---- The page --------------------------------------------------------------------------------------------------------


def common(seen: list[Attention]) -> tuple[int, int]:
    """Number of layers and heads of all sets of maps. Raises ValueError if they differ in it: bertviz has one menu."""
    sizes = {tuple(part.maps.shape[:2]) for part in seen}
    if len(sizes) > 1:
        raise ValueError(f"encoder and decoder differ in (layers, heads), {sorted(sizes)}: bertviz cannot show them")
    return sizes.pop()


def size(seen: list[Attention]) -> tuple[int, int]:
    """The most tokens on the left and on the right."""
    return max(len(part.left) for part in seen), max(len(part.right) for part in seen)


def chosen(numbers: Sequence[int] | None, count: int, name: str) -> list[int]:
    """The layers or heads that were asked for, all when none were. Raises ValueError for one that is not there."""
    if numbers is None:
        return list(range(count))
    numbers = list(numbers)
    if not numbers or any(type(n) is not int or not 0 <= n < count for n in numbers) or len({*numbers}) < len(numbers):
        raise ValueError(f"{name} is {told(numbers)}; the model has 0 to {count - 1}, and each may be named once")
    return numbers


def told(numbers: Sequence) -> str:
    return ", ".join(map(repr, numbers)) or "empty"


def bertviz_script(name: str) -> str:
    """bertviz's own script of a view, made to read its parameters from `window.bertviz_params`.

    Raises ModuleNotFoundError that says how to install bertviz, RuntimeError for a bertviz that is built otherwise.
    """
    found = find_spec("bertviz")  # found, not imported: that would take boto3 along
    if found is None:
        raise ModuleNotFoundError(
            f"This view is drawn by bertviz, which is not installed: {INSTALL}. "
            "bertlab's own view needs no more than bertlab: views.attention(model, tokenizer, text)."
        )
    path = Path(found.submodule_search_locations[0]) / f"{name}.js"
    script = path.read_text(encoding="utf-8") if path.is_file() else ""
    script = script.replace("PYTHON_PARAMS;", "window.bertviz_params;", 1)
    if "requirejs(['jquery', 'd3']" not in script or "window.bertviz_params" not in script:
        raise RuntimeError(f"this bertviz has no {name}.js that bertlab understands; with 1.4.1 it works: {INSTALL}")
    return script


def menu_of(seen: list[Attention]) -> list[dict]:
    """bertviz's menu: for a pair all, and each sentence with each; for an encoder-decoder its three kinds."""
    entries = []
    for number, part in enumerate(seen):
        T, S, middle = len(part.left), len(part.right), part.second
        cuts = [(part.name, (0, T), (0, S))]
        if middle is not None:
            ends = {"A": (0, middle), "B": (middle, T)}
            cuts += [(f"Sentence {a} -> Sentence {b}", ends[a], ends[b]) for a, b in ("AA", "BB", "AB", "BA")]
        entries += [{"name": name, "part": number, "rows": rows, "columns": columns} for name, rows, columns in cuts]
    return entries


def packed(values: Tensor | None) -> dict | None:
    """An array as its shape and base64 of its float32."""
    if values is None:
        return None
    data = values.float().contiguous().numpy().astype("<f4").tobytes()
    return {"shape": list(values.shape), "data": base64.b64encode(data).decode()}


@dataclass(frozen=True)
class Drawing:
    """What bertviz draws, and what the page must say and do around it. Sizes are in pixels."""

    kind: str
    how: str  # what the reader can do
    lines: int  # drawn at once
    width: int
    least: int  # the width to which it may shrink
    height: float
    room: int  # for a token's text
    menus: dict[str, str] = field(default_factory=dict)  # their labels, and bertviz's ids


def page(
    seen: list[Attention],
    drawing: Drawing,
    script: str,
    params: dict,
    text: str,
    pair: str | None,
    display_mode: str,
    limit: int,
) -> BertvizView:
    """Title, usage, menus, and bertviz's `script` with its `params` and what was seen. Raises what `head_view` does."""
    if display_mode not in ("light", "dark"):
        raise ValueError(f'display_mode is {display_mode!r}; it must be "light" or "dark"')
    tokens, weights = len(seen[0].left), sum(part.maps.numel() for part in seen)
    if weights > limit:
        raise ValueError(
            f"{tokens} tokens have {weights:,} attention weights in these layers and heads; a page may hold {limit:,}, "
            "for bertviz draws a line for each and the browser would stand still. Include fewer layers, take a shorter "
            "text, raise `limit`, or use views.attention, which is made for any length"
        )
    said = text if pair is None else f"{text} | {pair}"
    title = f"{drawing.kind} of “{said if len(said) <= 90 else said[:88] + '…'}”"
    L, H = seen[0].maps.shape[:2]
    about = f"{L} layer{'s' * (L > 1)}, {H} head{'s' * (H > 1)}, {tokens} tokens. {drawing.how}"
    if drawing.lines > MANY_LINES:
        about += (
            f" {drawing.lines:,} lines are drawn at once: give the browser some seconds. For a text of this length "
            "there is views.attention."
        )
    entries = menu_of(seen)
    menus = [menu(label, name) for label, name in drawing.menus.items()]
    if len(entries) > 1:
        menus.append(menu("Attention", "filter", [entry["name"] for entry in entries]))
    sent = {
        "params": params | {"display_mode": display_mode},
        "menu": entries,
        "parts": [
            {"left": part.left, "right": part.right}
            | {name: packed(getattr(part, name)) for name in ("maps", "queries", "keys")}
            for part in seen
        ],
        "wide": drawing.width if drawing.least < drawing.width else None,
        "least": drawing.least,
        "room": drawing.room,
    }
    holes = {
        "mode": display_mode,
        "title": html.escape(title),
        "about": about,
        "menus": "".join(menus),
        "sent": json.dumps(sent).replace("<", r"\u003c"),
        "css": asset("frame.css"),
        "d3": inline(asset("d3.js")),
        "frame": inline(asset("frame.js")),
        "bertviz": inline(script),
    }
    whole = re.sub(r"\{\{(\w+)\}\}", lambda hole: holes[hole[1]], asset("frame.html"))
    return BertvizView(title, whole, drawing.width, drawing.least, math.ceil(drawing.height))


def menu(label: str, name: str, entries: Sequence[str] = ()) -> str:
    """A menu with bertviz's id `name`; those without entries bertviz fills itself."""
    options = "".join(f'<option value="{i}">{html.escape(entry)}</option>' for i, entry in enumerate(entries))
    return f'<label><span class="dropdown-label">{label}:</span> <select id="{name}">{options}</select></label>'


def asset(name: str) -> str:
    return (files(__package__) / "assets" / "bertviz" / name).read_text(encoding="utf-8")


def inline(script: str) -> str:
    """A script that can stand in a page: no text in it ends the script element, or begins a comment."""
    return script.replace("</", "<\\/").replace("<!--", "<\\!--")
