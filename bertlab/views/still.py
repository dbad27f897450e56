"""The still picture of our view, for places that run no scripts: all heads small and one large, as a PNG.

Drawn with Pillow, which matplotlib brings along: matplotlib alone would take as long as the rest of the view together.
"""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

LIGHT = ((0.0, "#ffffff"), (0.35, "#8fc1e3"), (0.7, "#0072b2"), (1.0, "#04233f"))  # the colour stops of view.js
SMALL, LARGE = 44, 370  # pixels: a small square at most, the large square exactly


def draw_still_picture(layers: Sequence[np.ndarray], tokens: Sequence[str], layer: int, head: int) -> bytes:
    """What the view shows when it opens, as a PNG: every head small, one large with its tokens. L maps (H, T, T)."""
    import matplotlib
    from PIL import Image, ImageFont

    L, H = len(layers), len(layers[0])
    small = max(5, min(SMALL, 336 // H, 480 // L))
    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", 11)
    every = max(1, math.ceil(len(tokens) * 13 / LARGE))  # a name needs 13 pixels; long texts show every n-th
    names = {i: tokens[i] if tokens[i].strip() else "␣" for i in range(0, len(tokens), every)}  # a sign for white space
    names = {i: name if len(name) <= 14 else name[:13] + "…" for i, name in names.items()}
    gutter = 8 + max(int(font.getlength(name)) for name in names.values())
    left, top = 26, 36  # of the grid of heads
    x, y = left + H * (small + 2) + 24 + gutter, gutter + 28  # of the large square
    height = max(top + L * (small + 2), y + LARGE) + 8
    canvas = Image.new("L", (x + LARGE + 8, height), 0)  # a level of LIGHT for each pixel
    draw_head_squares(canvas, font, layers, (layer, head), small, (left, top))
    draw_large_square(canvas, font, layers[layer][head], names, gutter, (x, y), f"layer {layer}, head {head}")
    return encode_png(canvas)


def draw_head_squares(canvas, font, layers: Sequence[np.ndarray], chosen: tuple[int, int], side: int,
                      corner: tuple[int, int]) -> None:  # fmt: skip
    """A small square for each head on the `canvas`, a row for each layer, with a frame around the `chosen` one."""
    from PIL import ImageDraw

    draw = ImageDraw.Draw(canvas)
    left, top = corner
    for layer, heads in enumerate(layers):
        y = top + layer * (side + 2)
        draw.text((left - 6, y + side / 2), str(layer), fill=255, font=font, anchor="rm")
        for head, plane in enumerate(heads):
            x = left + head * (side + 2)
            canvas.paste(draw_square(plane, side), (x, y))
            if (layer, head) == chosen:
                draw.rectangle((x - 2, y - 2, x + side + 1, y + side + 1), outline=255, width=2)
    for head in range(0, len(layers[0]), 1 if side > 14 else 4):
        draw.text((left + head * (side + 2) + side / 2, top - 6), str(head), fill=255, font=font, anchor="ms")
    draw.text((4, 4), "layers down, heads across", fill=200, font=font)


def draw_large_square(canvas, font, plane: np.ndarray, names: dict[int, str], gutter: int, corner: tuple[int, int],
                      title: str) -> None:  # fmt: skip
    """One map (T, T) large on the `canvas`, with the `names` of tokens, by position, at its left and above it."""
    from PIL import Image, ImageDraw

    draw = ImageDraw.Draw(canvas)
    x, y = corner
    cell = LARGE / len(plane)
    canvas.paste(draw_square(plane, LARGE), (x, y))
    draw.rectangle((x - 1, y - 1, x + LARGE, y + LARGE), outline=70)
    draw.text((x, 4), f"{title}: rows attend to columns", fill=255, font=font)
    column_names = Image.new("L", (gutter, LARGE), 0)  # written level, then rotated
    for i, name in names.items():
        draw.text((x - 5, y + (i + 0.5) * cell), name, fill=230, font=font, anchor="rm")
        ImageDraw.Draw(column_names).text((5, (i + 0.5) * cell), name, fill=230, font=font, anchor="lm")
    canvas.paste(column_names.transpose(Image.Transpose.ROTATE_90), (x, y - gutter - 2))


def draw_square(plane: np.ndarray, side: int):
    """A map (T, T) as an image of side x side levels, the square roots of the weights, so that small ones are visible.
    All heads have one scale: the darkest colour is the weight 1.

    A map that does not fit is shown by the maxima of its blocks.
    """
    from PIL import Image

    T = len(plane)
    if side < T:
        starts = np.arange(side) * T // side
        plane = np.maximum.reduceat(np.maximum.reduceat(plane, starts, 0), starts, 1)  # (side, side)
    levels = np.sqrt(np.minimum(plane, 1)) * 255
    return Image.fromarray(levels.astype(np.uint8)).resize((side, side), Image.Resampling.NEAREST)


def encode_png(canvas) -> bytes:
    """The levels of `canvas` as a PNG in the colours of LIGHT. It has 32 colours, which halves its size."""
    rounded = np.arange(256) // 8 * 8
    picture = canvas.point(rounded.tolist()).convert("P")
    stops, colours = zip(*LIGHT, strict=True)  # one hue that darkens steadily works with any colour vision
    parts = np.array([list(bytes.fromhex(colour[1:])) for colour in colours]).T  # (3, stops): red, green, blue
    palette = np.stack([np.interp(rounded / 248, stops, part).round() for part in parts], 1)  # (256, 3)
    picture.putpalette(palette.astype(np.uint8).tobytes())
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()
