"""Sinusoidal positions: the table of any size, the two waves of a pair of columns, and the rotation that is a shift."""

import base64
import io
import math
from collections.abc import Sequence

import ipywidgets as widgets
import matplotlib.image
import torch

from ..arguments import check_number
from ..model import make_sinusoid_table
from ..plots import DIVERGING
from . import markup
from .shared import LiveHTML


def position_waves(length: int = 64, width: int = 32) -> widgets.VBox:
    """Sliders for the size of the table, a pair of its columns, a position and a shift; below them what they select.
    Raises ValueError for a length outside 2 to 512, or a width that is odd or outside 2 to 128."""
    length, width = check_number(length, "length", whole=True), check_number(width, "width", whole=True)
    if not (2 <= length <= 512 and 2 <= width <= 128 and width % 2 == 0):
        raise ValueError(f"length {length}, width {width}: the length must be 2 to 512, and the width even, 2 to 128")
    T = widgets.IntSlider(length, 2, 512, description="length T")
    D = widgets.IntSlider(width, 2, 128, step=2, description="width D")
    pair, position, shift = (widgets.IntSlider(value, 0, 512, description=name)
                             for name, value in (("pair i", 3), ("position", 0), ("shift", 5)))  # fmt: skip
    # These sliders end where the table ends; when it becomes smaller, they move back inside it.
    for slider in (position, shift):
        widgets.dlink((T, "value"), (slider, "max"), lambda length: length - 1)
    widgets.dlink((D, "value"), (pair, "max"), lambda width: width // 2 - 1)
    output = LiveHTML([T, D, pair, position, shift], position_waves_html)
    return widgets.VBox([widgets.HBox([widgets.VBox([T, D]), widgets.VBox([pair, position, shift])]), output])


def position_waves_html(length: int, width: int, pair: int, position: int, shift: int) -> str:
    """The table, the two waves of a pair, the similarity of positions by distance, and the rotation by a shift."""
    table = make_sinusoid_table(length + shift, width).double()
    frequency = 10_000 ** (-2 * pair / width)
    angle = shift * frequency
    cos, sin = math.cos(angle), math.sin(angle)
    rotation = torch.tensor([[cos, sin], [-sin, cos]], dtype=torch.float64)
    columns = table[:, 2 * pair : 2 * pair + 2]
    start, end = columns[position], columns[position + shift]
    error = float((rotation @ start - end).abs().max())
    waves = list(zip(columns[:length].T.tolist(), (markup.BLUE, markup.ORANGE), strict=True))
    waves_caption = f"sin(p·w), column {2 * pair} (blue) and cos(p·w), column {2 * pair + 1} (orange), by position p"
    similarity = [((table[:length] @ table[position] / (width / 2)).tolist(), markup.GREEN)]
    caption = f"similarity of position {position} to every position, over all columns"
    return (f"<div style='display:flex;flex-wrap:wrap'>{draw_table(table[:length], pair)}"
            f"{draw_lines(waves, position, waves_caption)}{draw_lines(similarity, position, caption)}</div>"
            f"<p>Pair {pair}: frequency w = {frequency:.4f} radians per token, so a wave is "
            f"{2 * math.pi / frequency:,.1f} tokens long.<br>A shift by {shift} rotates the pair by {angle:.3f} radians"
            f", with the matrix [{cos:.3f}, {sin:.3f}; {-sin:.3f}, {cos:.3f}]: from ({start[0]:.3f}, {start[1]:.3f}) "
            f"at position {position} to ({end[0]:.3f}, {end[1]:.3f}) at position {position + shift}. The largest "
            f"difference from the table is {error:.0e}, which is the rounding of float32.</p>")  # fmt: skip


def draw_table(table: torch.Tensor, pair: int) -> str:
    """A table (T, D) as a picture of one pixel for each number; two marks show the chosen pair of columns."""
    file = io.BytesIO()
    matplotlib.image.imsave(file, table.numpy(), vmin=-1, vmax=1, cmap=DIVERGING, format="png")
    data = base64.b64encode(file.getvalue()).decode()
    T, D = table.shape
    left, wide = markup.SIDE * 2 * pair / D, markup.SIDE * 2 / D
    look = f"height:5px;background:{markup.VERMILION};{markup.PRINTED}"
    mark = f"<div style='margin-left:{left:.1f}px;width:{wide:.1f}px;{look}'></div>"
    caption = f"the table: {T} positions from the top, {D} columns; purple +1, orange -1"
    size = f"display:block;width:{markup.SIDE}px;height:180px;max-width:none;image-rendering:pixelated"
    image = f"<img alt='{caption}' src='data:image/png;base64,{data}' style='{size}'>"
    return markup.format_figure(mark + image + mark, caption)


def draw_lines(lines: Sequence[tuple[Sequence[float], str]], position: int, caption: str) -> str:
    """Lines of (values between -1 and 1, colour) as an SVG, with a mark at a position."""
    marks = ['<path d="M0 95 H260" stroke="currentColor" opacity="0.3"/>']
    for values, colour in lines:
        step = markup.SIDE / max(1, len(values) - 1)
        points = " ".join(f"{i * step:.1f},{95 - 85 * value:.1f}" for i, value in enumerate(values))
        marks.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        x, y = position * step, 95 - 85 * values[position]
        marks.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>')
    return markup.format_svg("".join(marks), caption, 190)
