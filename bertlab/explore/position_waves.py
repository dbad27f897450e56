"""explore.position_waves: TODO."""

import math
from collections.abc import Sequence

import ipywidgets as widgets
import torch

from ..model import sinusoid_table


def position_waves(length: int = 64, width: int = 32) -> widgets.VBox:
    """The sinusoid table of any size: choose a pair of columns and a shift, and see the waves and the rotation.

    Raises ValueError for a length outside 2 to 512, or a width that is odd or outside 2 to 128.
    """
    if not (2 <= length <= 512 and 2 <= width <= 128 and width % 2 == 0):
        raise ValueError(f"length {length}, width {width}: the length lies in 2 to 512, the width is even, in 2 to 128")

    def slider(value: int, least: int, most: int, name: str, step: int = 1) -> widgets.IntSlider:
        return widgets.IntSlider(value, least, most, step=step, description=name)

    size, wide = slider(length, 2, 512, "length T"), slider(width, 2, 128, "width D", 2)
    pair, place = slider(min(3, width // 2 - 1), 0, width // 2 - 1, "pair i"), slider(0, 0, length - 1, "position")
    shift = slider(min(5, length - 1), 0, length - 1, "shift")
    shown = widgets.HTML()
    state = {"setting": False}

    def redraw(_=None) -> None:
        if not state["setting"]:
            shown.value = position_waves_html(size.value, wide.value, pair.value, place.value, shift.value)

    def resize(_=None) -> None:
        state["setting"] = True  # what no longer fits is brought to the edge, and it is drawn once
        pair.max, place.max, shift.max = wide.value // 2 - 1, size.value - 1, size.value - 1
        state["setting"] = False
        redraw()

    redraw()
    for control in (size, wide):
        control.observe(resize, "value")
    for control in (pair, place, shift):
        control.observe(redraw, "value")
    return widgets.VBox([widgets.HBox([widgets.VBox([size, wide]), widgets.VBox([pair, place, shift])]), shown])


def position_waves_html(length: int, width: int, pair: int, position: int, shift: int) -> str:
    """The table as a picture, the two waves of a pair, the similarity by distance, and the turn that a shift is."""
    table = sinusoid_table(length + shift, width).double()
    frequency = 10_000 ** (-2 * pair / width)
    angle = shift * frequency
    turn = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    columns = slice(2 * pair, 2 * pair + 2)
    here, there = table[position, columns], table[position + shift, columns]
    off = float((turn @ here - there).abs().max())
    near = (table[:length] @ table[position] / (width / 2)).tolist()
    waves = [(table[:length, column].tolist(), colour) for column, colour in
             ((2 * pair, "#0072B2"), (2 * pair + 1, "#E69F00"))]  # fmt: skip
    sine, cosine = f"sin(p·w), column {2 * pair}", f"cos(p·w), column {2 * pair + 1}"
    numbers = [f"({x:.3f}, {y:.3f})" for x, y in (here.tolist(), there.tolist())]
    matrix = "; ".join(", ".join(f"{number:.3f}" for number in row) for row in turn.tolist())
    return (
        f"<div style='display:flex;flex-wrap:wrap'>{draw_table(table[:length], pair)}"
        f"{draw_waves(waves, position, f'{sine} (blue) and {cosine} (orange), by position')}"
        f"{draw_waves([(near, '#009E73')], position, f'how alike position {position} and every other are, all columns')}"
        f"</div><p>Pair {pair}: frequency w = {frequency:.4f} radians a token, one wave in "
        f"{2 * math.pi / frequency:,.1f} tokens.<br>A shift by {shift} turns the pair by {angle:.3f} radians, with the "
        f"matrix [{matrix}]: from {numbers[0]} at position {position} to {numbers[1]} at {position + shift}. "
        f"In the table the largest difference to that is {off:.0e}, rounding of float32.</p>"
    )


def draw_table(table: torch.Tensor, pair: int) -> str:
    """A table (T, D) as a picture of one dot a number; the chosen pair of columns stands between two marks."""
    import base64
    import io

    import matplotlib.image

    from ..plots import DIVERGING

    file = io.BytesIO()
    matplotlib.image.imsave(file, table.numpy(), vmin=-1, vmax=1, cmap=DIVERGING, format="png")
    data = base64.b64encode(file.getvalue()).decode()
    T, D = table.shape
    left, wide = 260 * 2 * pair / D, 260 * 2 / D
    mark = f"<div style='margin-left:{left:.1f}px;width:{wide:.1f}px;height:5px;background:#D55E00'></div>"
    caption = f"the table: {T} positions from the top, {D} columns; purple +1, orange -1"
    return (
        f"<figure style='margin:0 12px 6px 0;width:260px'>{mark}<img alt='{caption}' src='data:image/png;base64,{data}'"
        f" style='display:block;width:260px;height:180px;max-width:none;image-rendering:pixelated'>{mark}"
        f"<figcaption>{caption}</figcaption></figure>"
    )


def draw_waves(lines: Sequence[tuple[Sequence[float], str]], position: int, caption: str) -> str:
    """Lines of values between -1 and 1 as an SVG, with a mark at a position."""
    drawn = []
    for values, colour in lines:
        step = 260 / max(1, len(values) - 1)
        points = " ".join(f"{i * step:.1f},{95 - 85 * value:.1f}" for i, value in enumerate(values))
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        x, y = position * step, 95 - 85 * values[position]
        drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>')
    axes = '<path d="M0 95 H260" stroke="currentColor" opacity="0.3"/>'
    svg = f'<svg width="260" height="190" role="img" aria-label="{caption}">{axes}{"".join(drawn)}</svg>'
    return f"<figure style='margin:0 12px 6px 0;width:260px'>{svg}<figcaption>{caption}</figcaption></figure>"
