"""The page of a bertviz view: its script from the installed package, our data, one file that loads nothing."""

import base64
import html
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor

from ..arguments import check_list
from .capture import CapturedAttention
from .pages import dump_for_script, read_asset, save_page

MAX_WEIGHTS = 12 * 12 * 128 * 128  # in all layers and heads: bert-base on 128 tokens
MANY_LINES = 150_000  # drawn at once; from here on a browser needs seconds
INSTALL = 'pip install "bertviz>=1.4"'


@dataclass(frozen=True, eq=False)
class BertvizView:
    """One view as a whole page. A notebook shows it when it is the last line of a cell; `save` writes it to a file.

    A notebook gets the page in an `<iframe srcdoc>` that may run scripts and nothing else. bertviz itself puts its
    scripts into the notebook's own page, where they share names (every menu has the id "layer"), wait for each other's
    downloads, and fail under Run All. A frame has its own names and needs nothing from outside, so it works alike in
    all notebooks. Where frames are removed (GitHub, a notebook that is not trusted) a line of text is shown instead.
    """

    title: str
    page: str = field(repr=False)  # the whole HTML document
    width: int = field(repr=False)  # of the drawing, in pixels
    min_width: int = field(repr=False)  # the drawing does not shrink below this
    height: int = field(repr=False)  # of the drawing at full width
    save = save_page

    def _repr_html_(self) -> str:
        height = f"{self.height}px"
        if self.min_width < self.width:
            height = f"clamp({self.min_width}px, 100cqw - 16px, {self.width}px) * {self.height / self.width:.4f}"
        text = "125px + 0.17 * max(0px, 1000px - 100cqw)"  # the lines above it: the narrower the page, the more of them
        title, page = html.escape(self.title), html.escape(self.page)
        return (
            '<div style="container-type: inline-size; width: 100%">'
            f'<iframe title="{title}" sandbox="allow-scripts" width="100%" height="{self.height + 190}" '
            f'style="border: 0; width: 100%; height: calc({height} + {text})" srcdoc="{page}">'
            f"{title}. It is drawn by scripts: trust this notebook, or run the cell again."
            "</iframe></div>"
        )


def read_bertviz_script(name: str) -> str:
    """bertviz's own script of a view, changed to read its parameters from `window.bertviz_params`.

    Raises ModuleNotFoundError if bertviz is not installed, and RuntimeError for a version with other scripts.
    """
    package = find_spec("bertviz")  # found, not imported: importing it would also import boto3
    if package is None:
        raise ModuleNotFoundError(
            f"This view is drawn by bertviz, which is not installed: {INSTALL}. "
            "bertlab's own view works without it: views.show_attention(model, tokenizer, text)."
        )
    path = Path(package.submodule_search_locations[0]) / f"{name}.js"
    script = path.read_text(encoding="utf-8") if path.is_file() else ""
    script = script.replace("PYTHON_PARAMS;", "window.bertviz_params;", 1)
    if "requirejs(['jquery', 'd3']" not in script or "window.bertviz_params" not in script:
        raise RuntimeError(f"this bertviz has no {name}.js that bertlab understands; version 1.4.1 works: {INSTALL}")
    return script


def check_numbers(numbers: Sequence[int] | None, count: int, name: str) -> list[int]:
    """The layers or heads that were asked for; None means all. Raises ValueError for one that does not exist."""
    numbers = numbers if numbers is None else check_list(numbers, name, "whole numbers")
    numbers = list(range(count) if numbers is None else numbers)
    if not numbers or any(type(n) is not int or not 0 <= n < count for n in numbers) or len({*numbers}) < len(numbers):
        given = ", ".join(map(repr, numbers)) or "empty"
        raise ValueError(f"{name} is {given}; the model has 0 to {count - 1}, and each may be named once")
    return numbers


def count_layers_and_heads(captured: list[CapturedAttention]) -> tuple[int, int]:
    """(L, H) of all sets of maps. Raises ValueError if they differ: bertviz has one menu for all."""
    sizes = {tuple(part.maps.shape[:2]) for part in captured}
    if len(sizes) > 1:
        raise ValueError(f"encoder and decoder differ in (layers, heads), {sorted(sizes)}: bertviz cannot show them")
    return sizes.pop()


def list_menu_entries(captured: list[CapturedAttention]) -> list[dict]:
    """bertviz's menu: for a pair, all and each sentence to each; for an encoder-decoder, its three kinds."""
    entries = []
    for number, part in enumerate(captured):
        T, S, second_start = len(part.left), len(part.right), part.second_start
        regions = [(part.name, (0, T), (0, S))]
        if second_start is not None:
            ends = {"A": (0, second_start), "B": (second_start, T)}
            regions += [(f"Sentence {a} -> Sentence {b}", ends[a], ends[b]) for a, b in ("AA", "BB", "AB", "BA")]
        entries += [{"name": name, "part": number, "rows": rows, "columns": columns} for name, rows, columns in regions]
    return entries


def encode_array(values: Tensor | None) -> dict | None:
    """An array as its shape and the base64 of its float32 values."""
    if values is None:
        return None
    data = values.float().contiguous().numpy().astype("<f4").tobytes()
    return {"shape": list(values.shape), "data": base64.b64encode(data).decode()}


@dataclass(frozen=True)
class Drawing:
    """What bertviz draws, and what the page must know about it. Sizes are in pixels."""

    name: str  # "head_view", "model_view" or "neuron_view"
    usage: str  # what the reader can do
    lines: int  # drawn at once
    width: int
    min_width: int  # the drawing does not shrink below this
    height: float
    token_width: int  # the room for a token's text
    menus: dict[str, str] = field(default_factory=dict)  # label -> bertviz's id


def build_page(captured: list[CapturedAttention], drawing: Drawing, params: dict, text: str, pair: str | None,
               display_mode: str, limit: int) -> BertvizView:  # fmt: skip
    """Title, usage, menus, and bertviz's script with its `params` and the maps. Raises what `head_view` does."""
    if display_mode not in ("light", "dark"):
        raise ValueError(f'display_mode is {display_mode!r}; it must be "light" or "dark"')
    script = read_bertviz_script(drawing.name)
    check_page_size(captured, limit)
    texts = text if pair is None else f"{text} | {pair}"
    kind = drawing.name.replace("_", " ").capitalize()
    title = f"{kind} of “{texts if len(texts) <= 90 else texts[:88] + '…'}”"
    entries = list_menu_entries(captured)
    menus = [build_menu(label, name) for label, name in drawing.menus.items()]
    if len(entries) > 1:
        menus.append(build_menu("Attention", "filter", [entry["name"] for entry in entries]))
    fields = {
        "mode": display_mode,
        "title": html.escape(title),
        "about": describe_drawing(captured, drawing),
        "menus": "".join(menus),
        "sent": dump_for_script(collect_page_data(captured, drawing, entries, params | {"display_mode": display_mode})),
        "css": read_asset("bertviz/frame.css"),
        "d3": escape_script(read_asset("bertviz/d3.js")),
        "frame": escape_script(read_asset("bertviz/frame.js")),
        "bertviz": escape_script(script),
    }
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: fields[match[1]], read_asset("bertviz/frame.html"))
    return BertvizView(title, page, drawing.width, drawing.min_width, math.ceil(drawing.height))


def check_page_size(captured: list[CapturedAttention], limit: int) -> None:
    """ValueError for more than `limit` attention weights."""
    tokens, weights = len(captured[0].left), sum(part.maps.numel() for part in captured)
    if weights > limit:
        raise ValueError(
            f"{tokens} tokens have {weights:,} attention weights in these layers and heads; a page may hold {limit:,}, "
            "because bertviz draws a line for each and the browser would freeze. Include fewer layers, take a shorter "
            "text, raise `limit`, or use views.show_attention, which is made for any length"
        )


def describe_drawing(captured: list[CapturedAttention], drawing: Drawing) -> str:
    """The text above the drawing: what it shows, what the reader can do, and a warning if it is slow."""
    L, H, T, _ = captured[0].maps.shape
    about = f"{L} layer{'s' * (L > 1)}, {H} head{'s' * (H > 1)}, {T} tokens. {drawing.usage}"
    if drawing.lines > MANY_LINES:
        about += (
            f" {drawing.lines:,} lines are drawn at once: give the browser a few seconds. For a text of this length, "
            "views.show_attention is faster."
        )
    return about


def collect_page_data(captured: list[CapturedAttention], drawing: Drawing, entries: list[dict], params: dict) -> dict:
    """What frame.js reads: bertviz's parameters, the menu of maps, the maps themselves, and sizes."""
    arrays = [{name: encode_array(getattr(part, name)) for name in ("maps", "queries", "keys")} for part in captured]
    return {
        "params": params,
        "menu": entries,
        "parts": [{"left": part.left, "right": part.right} | a for part, a in zip(captured, arrays, strict=True)],
        "full_width": drawing.width if drawing.min_width < drawing.width else None,
        "min_width": drawing.min_width,
        "token_width": drawing.token_width,
    }


def build_menu(label: str, name: str, entries: Sequence[str] = ()) -> str:
    """A menu with bertviz's id `name`. bertviz itself fills a menu that has no entries."""
    options = "".join(f'<option value="{i}">{html.escape(entry)}</option>' for i, entry in enumerate(entries))
    return f'<label><span class="dropdown-label">{label}:</span> <select id="{name}">{options}</select></label>'


def escape_script(script: str) -> str:
    """A script that can be put into a page: no text in it ends the script element or begins a comment."""
    return script.replace("</", "<\\/").replace("<!--", "<\\!--")
