"""explore.query_and_keys: TODO."""

import html
import math
from collections.abc import Sequence

import ipywidgets as widgets
import torch


def query_and_keys(tokens: Sequence[str], query: Sequence[float], keys, values) -> widgets.VBox:
    """A query and the keys as arrows in a plane: move one with its sliders, and see weights and output follow.

    `query` is (2,), `keys` and `values` are (T, 2), one row a token. The temperature divides the scores. Raises
    ValueError when the shapes do not fit, or a number does not fit into the plane (-3 to 3).
    """
    query, keys, values = (torch.as_tensor(x, dtype=torch.float64).clone() for x in (query, keys, values))
    T = len(tokens)
    if T == 0 or query.shape != (2,) or keys.shape != (T, 2) or values.shape != (T, 2):
        raise ValueError(
            f"{T} tokens, a query {tuple(query.shape)}, keys {tuple(keys.shape)}, values {tuple(values.shape)}; "
            f"for T tokens they must be (2,), (T, 2) and (T, 2), with T at least 1"
        )
    for name, x in (("query", query), ("keys", keys), ("values", values)):
        if not bool((x.abs() <= PLANE).all()):
            raise ValueError(f"{name} leave the plane: every number must lie between -{PLANE} and {PLANE}")

    def slider(value: float, name: str) -> widgets.FloatSlider:
        return widgets.FloatSlider(value, min=-PLANE, max=PLANE, step=0.1, description=name)

    q = [slider(float(query[axis]), name) for axis, name in enumerate(("query, 1st", "query, 2nd"))]
    whose = widgets.Dropdown(options=[(f"{i} {token}", i) for i, token in enumerate(tokens)], description="key of")
    k = [slider(float(keys[0, axis]), name) for axis, name in enumerate(("key, 1st", "key, 2nd"))]
    wide = {"description_width": "6em"}
    heat = widgets.FloatLogSlider(1.0, min=-1, max=1, step=0.05, description="temperature", style=wide)
    shown = widgets.HTML()
    state = {"setting": False}

    def redraw(_=None) -> None:
        if state["setting"]:
            return
        query[0], query[1] = q[0].value, q[1].value
        keys[whose.value, 0], keys[whose.value, 1] = k[0].value, k[1].value
        shown.value = query_and_keys_html(tokens, query, keys, values, heat.value, whose.value)

    def choose(_=None) -> None:
        state["setting"] = True  # two sliders move, and it is drawn once
        k[0].value, k[1].value = keys[whose.value].tolist()
        state["setting"] = False
        redraw()

    redraw()
    for control in (*q, *k, heat):
        control.observe(redraw, "value")
    whose.observe(choose, "value")
    return widgets.VBox([widgets.HBox([widgets.VBox([*q, heat]), widgets.VBox([whose, *k])]), shown])


PLANE = 3.0  # the arrows live between -3 and 3


def attend_one_query(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, temperature: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Scores (T,), weights (T,) and output (2,) of one query (K,) for keys (T, K) and values (T, 2)."""
    scores = keys @ query / math.sqrt(len(query))
    weights = (scores / temperature).softmax(-1)
    return scores, weights, weights @ values


def query_and_keys_html(
    tokens: Sequence[str],
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    temperature: float = 1.0,
    chosen: int = 0,
) -> str:
    """Two planes as SVG, the arrows and the weighted average, and a table with a bar for each weight."""
    scores, weights, output = attend_one_query(query, keys, values, temperature)
    names = [html.escape(f"{i} {token}") for i, token in enumerate(tokens)]
    arrows, dots = [], []
    for i, name in enumerate(names):
        arrows.append(draw_arrow(keys[i].tolist(), name, "#0072B2", 3 if i == chosen else 1.5))
        (x, y), share = to_pixels(values[i].tolist()), float(weights[i])
        end = to_pixels(output.tolist())
        dots.append(f'<line x1="{x}" y1="{y}" x2="{end[0]}" y2="{end[1]}" stroke="currentColor" '
                    f'stroke-width="1.5" opacity="{share:.2f}"/>'
                    f'<circle cx="{x}" cy="{y}" r="{3 + 14 * math.sqrt(share):.1f}" fill="#0072B2" opacity="0.65"/>'
                    + draw_label(x, y - 18, name))  # fmt: skip
    x, y = to_pixels(output.tolist())
    dots.append(f'<path d="M{x} {y - 8} l8 8 l-8 8 l-8 -8 z" fill="#D55E00"/>')
    arrows.append(draw_arrow(query.tolist(), "", "#D55E00", 3))
    rows = "".join(
        f"<tr><td style='text-align:left'>{name}</td><td>{score:.2f}</td><td style='width:165px'>"
        f"<div style='width:{160 * weight:.0f}px;height:0.9em;background:#0072B2'></div></td><td>{weight:.3f}</td></tr>"
        for name, score, weight in zip(names, scores.tolist(), weights.tolist(), strict=True)
    )
    entropy = float(-(weights * weights.clamp_min(1e-300).log()).sum())
    said = (
        f"Output ({output[0]:.2f}, {output[1]:.2f}). The weights are spread as if over "
        f"{math.exp(entropy):.1f} of {len(names)} tokens."
    )
    head = "<tr><th>token</th><th>score q·k/√2</th><th colspan='2'>weight</th></tr>"
    return (
        f"<div style='display:flex;flex-wrap:wrap'>{draw_plane(arrows, 'the query (orange) and the keys (blue)')}"
        f"{draw_plane(dots, 'values (dots, larger for more weight) and output (diamond)')}</div>"
        f"<table>{head}{rows}</table><p>{said}</p>"
    )


SIDE = 260  # pixels of a plane


def to_pixels(point: Sequence[float]) -> tuple[float, float]:
    """Where a point of the plane lies in the picture, in pixels."""
    x, y = point
    return round(SIDE * (0.5 + x / (2.2 * PLANE)), 1), round(SIDE * (0.5 - y / (2.2 * PLANE)), 1)


def draw_plane(marks: Sequence[str], caption: str) -> str:
    """A square with both axes, the marks, and a caption below that is its text for a screen reader, too."""
    half = SIDE / 2
    axes = (
        f'<path d="M0 {half} H{SIDE} M{half} 0 V{SIDE}" stroke="currentColor" opacity="0.25"/>'
        f'<rect width="{SIDE}" height="{SIDE}" fill="none" stroke="currentColor" opacity="0.25"/>'
    )
    svg = f'<svg width="{SIDE}" height="{SIDE}" role="img" aria-label="{caption}">{axes}{"".join(marks)}</svg>'
    return f"<figure style='margin:0 12px 6px 0;width:{SIDE}px'>{svg}<figcaption>{caption}</figcaption></figure>"


def draw_arrow(point: Sequence[float], name: str, colour: str, width: float) -> str:
    """An arrow from the middle of a plane, with its name at the tip."""
    (x, y), middle = to_pixels(point), SIDE / 2
    turn = math.atan2(y - middle, x - middle)
    wings = " ".join(
        f"L{x - 9 * math.cos(turn + side):.1f} {y - 9 * math.sin(turn + side):.1f} M{x} {y}" for side in (0.45, -0.45)
    )
    line = f'<path d="M{middle} {middle} L{x} {y} {wings}" stroke="{colour}" stroke-width="{width}" fill="none"/>'
    return line + draw_label(x, y + (16 if y > middle else -7), name)


def draw_label(x: float, y: float, text: str) -> str:
    """A name in a plane, which does not leave it on any side."""
    y = min(max(y, 12), SIDE - 4)
    anchor = "end" if x > 0.75 * SIDE else "start" if x < 0.25 * SIDE else "middle"
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="currentColor" font-size="12" text-anchor="{anchor}">{text}</text>'
