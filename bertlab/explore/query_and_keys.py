"""Attention by hand: a query and keys as arrows in a plane that you can move, with the weights and the output."""

import html
import math
from collections.abc import Sequence

import ipywidgets as widgets
import torch
from torch import Tensor

from ..arguments import check_argument, check_array, check_list
from . import markup
from .markup import SIDE
from .shared import LiveHTML

PLANE = 3.0  # coordinates are between -3 and 3
AXES = (f'<path d="M0 {SIDE / 2} H{SIDE} M{SIDE / 2} 0 V{SIDE}" stroke="currentColor" opacity="0.25"/>'
        f'<rect width="{SIDE}" height="{SIDE}" fill="none" stroke="currentColor" opacity="0.25"/>')  # fmt: skip


def query_and_keys(tokens: Sequence[str], query: Sequence[float], keys, values) -> widgets.VBox:
    """Sliders for a query, one of the keys and the temperature; below them the arrows, the weights and the output.
    `query` is (2,), `keys` and `values` are (T, 2), one row for each token. The scores are divided by the temperature.
    Raises ValueError when the shapes do not fit, or a number is outside the plane (-3 to 3)."""
    tokens = check_argument(check_list(tokens, "tokens", "texts"), [str], "tokens")
    given = {"query": query, "keys": keys, "values": values}
    query, keys, values = (check_array(numbers, name) for name, numbers in given.items())
    query, keys, values = (torch.as_tensor(x, dtype=torch.float64).clone() for x in (query, keys, values))
    check_plane(len(tokens), query, keys, values)
    query_sliders, key_sliders = (
        [widgets.FloatSlider(value, min=-PLANE, max=PLANE, step=0.1, description=f"{name}, {axis}")
         for value, axis in zip(point.tolist(), ("1st", "2nd"), strict=True)]
        for name, point in (("query", query), ("key", keys[0]))
    )  # fmt: skip
    chosen = widgets.Dropdown(options=[(f"{i} {token}", i) for i, token in enumerate(tokens)], description="key of")
    temperature = widgets.FloatLogSlider(1.0, min=-1, max=1, step=0.05, description="temperature",
                                         style={"description_width": "7em"})  # fmt: skip

    def render_planes(query_x: float, query_y: float, key_x: float, key_y: float, temperature: float) -> str:
        keys[chosen.value] = torch.tensor([key_x, key_y], dtype=keys.dtype)
        query[:] = torch.tensor([query_x, query_y], dtype=query.dtype)
        return query_and_keys_html(tokens, query, keys, values, temperature, chosen.value)

    output = LiveHTML([*query_sliders, *key_sliders, temperature], render_planes)

    def show_chosen_key(_change: dict) -> None:
        with output.render_once():
            key_sliders[0].value, key_sliders[1].value = keys[chosen.value].tolist()

    chosen.observe(show_chosen_key, "value")
    controls = [widgets.VBox([*query_sliders, temperature]), widgets.VBox([chosen, *key_sliders])]
    return widgets.VBox([widgets.HBox(controls), output])


def check_plane(T: int, query: Tensor, keys: Tensor, values: Tensor) -> None:
    """Raise ValueError unless the shapes are (2,), (T, 2) and (T, 2) and all numbers are in the plane."""
    shapes = [tuple(x.shape) for x in (query, keys, values)]
    if T == 0 or shapes != [(2,), (T, 2), (T, 2)]:
        raise ValueError(f"{T} tokens, a query {shapes[0]}, keys {shapes[1]}, values {shapes[2]}; "
                         "for T tokens they must be (2,), (T, 2) and (T, 2), with T at least 1")  # fmt: skip
    for name, x in (("query", query), ("keys", keys), ("values", values)):
        if not bool((x.abs() <= PLANE).all()):
            raise ValueError(f"{name} outside the plane: every number must be between -{PLANE} and {PLANE}")


def attend_one_query(query: Tensor, keys: Tensor, values: Tensor,
                     temperature: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Scores (T,), weights (T,) and output (2,) of one query (d_k,) for keys (T, d_k) and values (T, 2)."""
    scores = keys @ query / math.sqrt(len(query))
    weights = (scores / temperature).softmax(-1)
    return scores, weights, weights @ values


def query_and_keys_html(tokens: Sequence[str], query: Tensor, keys: Tensor, values: Tensor, temperature: float,
                        chosen: int) -> str:  # fmt: skip
    """Two planes, of the query with the keys and of the values with the output, and a table of the weights."""
    scores, weights, output = attend_one_query(query, keys, values, temperature)
    names = [html.escape(f"{i} {token}") for i, token in enumerate(tokens)]
    arrows = [draw_arrow(key, name, markup.BLUE, 3 if i == chosen else 1.5)
              for i, (key, name) in enumerate(zip(keys.tolist(), names, strict=True))]  # fmt: skip
    arrows.append(draw_arrow(query.tolist(), "", markup.VERMILION, 3))
    x, y = to_pixels(output.tolist())
    dots = [draw_value(value, name, weight, (x, y))
            for value, name, weight in zip(values.tolist(), names, weights.tolist(), strict=True)]  # fmt: skip
    dots.append(f'<path d="M{x} {y - 8} l8 8 l-8 8 l-8 -8 z" fill="{markup.VERMILION}"/>')
    rows = [(name, f"{score:.2f}", markup.format_bar(weight, content=f"{weight:.3f}"))
            for name, score, weight in zip(names, scores.tolist(), weights.tolist(), strict=True)]  # fmt: skip
    entropy = float(torch.special.entr(weights).sum())
    planes = markup.format_svg(AXES + "".join(arrows), "the query (orange) and the keys (blue)", SIDE)
    caption = "values (dots, larger for more weight) and output (diamond)"
    planes += markup.format_svg(AXES + "".join(dots), caption, SIDE)
    return (f"<div style='display:flex;flex-wrap:wrap'>{planes}</div>"
            f"{markup.format_table(rows, ('token', 'score q·k/√2', 'weight'))}"
            f"<p>Output ({output[0]:.2f}, {output[1]:.2f}). The weights are spread as widely as equal weights on "
            f"{math.exp(entropy):.1f} of {len(names)} tokens.</p>")  # fmt: skip


def to_pixels(point: Sequence[float]) -> tuple[float, float]:
    """Where a point of the plane is in the picture, in pixels."""
    x, y = point
    return round(SIDE * (0.5 + x / (2.2 * PLANE)), 1), round(SIDE * (0.5 - y / (2.2 * PLANE)), 1)


def draw_arrow(point: Sequence[float], name: str, colour: str, width: float) -> str:
    """An arrow from the middle of a plane to a point, with its name at the tip."""
    (x, y), middle = to_pixels(point), SIDE / 2
    angle = math.atan2(y - middle, x - middle)
    tip = " ".join(f"L{x - 9 * math.cos(angle + side):.1f} {y - 9 * math.sin(angle + side):.1f} M{x} {y}"
                   for side in (0.45, -0.45))  # fmt: skip
    line = f'<path d="M{middle} {middle} L{x} {y} {tip}" stroke="{colour}" stroke-width="{width}" fill="none"/>'
    return line + draw_label(x, y + (16 if y > middle else -7), name)


def draw_value(point: Sequence[float], name: str, weight: float, output: tuple[float, float]) -> str:
    """A value as a dot whose area grows with its weight, and a line to the output (in pixels)."""
    x, y = to_pixels(point)
    line = f'<line x1="{x}" y1="{y}" x2="{output[0]}" y2="{output[1]}" stroke="currentColor" stroke-width="1.5"'
    dot = f'<circle cx="{x}" cy="{y}" r="{3 + 14 * math.sqrt(weight):.1f}" fill="{markup.BLUE}" opacity="0.65"/>'
    return f'{line} opacity="{weight:.2f}"/>{dot}{draw_label(x, y - 18, name)}'


def draw_label(x: float, y: float, text: str) -> str:
    """A name in a plane, kept inside it on all sides."""
    y = min(max(y, 12), SIDE - 4)
    anchor = "end" if x > 0.75 * SIDE else "start" if x < 0.25 * SIDE else "middle"
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="currentColor" font-size="12" text-anchor="{anchor}">{text}</text>'
