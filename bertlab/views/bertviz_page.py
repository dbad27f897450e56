"""views.bertviz_page: TODO."""

import base64
import html
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor

from ..files import write_text
from .capture import CapturedAttention

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
        write_text(path, self.page)
        return path


def get_common_size(seen: list[CapturedAttention]) -> tuple[int, int]:
    """Number of layers and heads of all sets of maps. Raises ValueError if they differ in it: bertviz has one menu."""
    sizes = {tuple(part.maps.shape[:2]) for part in seen}
    if len(sizes) > 1:
        raise ValueError(f"encoder and decoder differ in (layers, heads), {sorted(sizes)}: bertviz cannot show them")
    return sizes.pop()


def get_longest_sides(seen: list[CapturedAttention]) -> tuple[int, int]:
    """The most tokens on the left and on the right."""
    return max(len(part.left) for part in seen), max(len(part.right) for part in seen)


def check_numbers(numbers: Sequence[int] | None, count: int, name: str) -> list[int]:
    """The layers or heads that were asked for, all when none were. Raises ValueError for one that is not there."""
    if numbers is None:
        return list(range(count))
    numbers = list(numbers)
    if not numbers or any(type(n) is not int or not 0 <= n < count for n in numbers) or len({*numbers}) < len(numbers):
        raise ValueError(
            f"{name} is {format_numbers(numbers)}; the model has 0 to {count - 1}, and each may be named once"
        )
    return numbers


def format_numbers(numbers: Sequence) -> str:
    return ", ".join(map(repr, numbers)) or "empty"


def read_bertviz_script(name: str) -> str:
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


def list_menu_entries(seen: list[CapturedAttention]) -> list[dict]:
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


def encode_array(values: Tensor | None) -> dict | None:
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


def build_page(
    seen: list[CapturedAttention],
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
    entries = list_menu_entries(seen)
    menus = [build_menu(label, name) for label, name in drawing.menus.items()]
    if len(entries) > 1:
        menus.append(build_menu("Attention", "filter", [entry["name"] for entry in entries]))
    sent = {
        "params": params | {"display_mode": display_mode},
        "menu": entries,
        "parts": [
            {"left": part.left, "right": part.right}
            | {name: encode_array(getattr(part, name)) for name in ("maps", "queries", "keys")}
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
        "css": read_asset("frame.css"),
        "d3": escape_script(read_asset("d3.js")),
        "frame": escape_script(read_asset("frame.js")),
        "bertviz": escape_script(script),
    }
    whole = re.sub(r"\{\{(\w+)\}\}", lambda hole: holes[hole[1]], read_asset("frame.html"))
    return BertvizView(title, whole, drawing.width, drawing.least, math.ceil(drawing.height))


def build_menu(label: str, name: str, entries: Sequence[str] = ()) -> str:
    """A menu with bertviz's id `name`; those without entries bertviz fills itself."""
    options = "".join(f'<option value="{i}">{html.escape(entry)}</option>' for i, entry in enumerate(entries))
    return f'<label><span class="dropdown-label">{label}:</span> <select id="{name}">{options}</select></label>'


def read_asset(name: str) -> str:
    return (files(__package__) / "assets" / "bertviz" / name).read_text(encoding="utf-8")


def escape_script(script: str) -> str:
    """A script that can stand in a page: no text in it ends the script element, or begins a comment."""
    return script.replace("</", "<\\/").replace("<!--", "<\\!--")
