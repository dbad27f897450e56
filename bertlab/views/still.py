"""views.still: TODO."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

LIGHT = ((0.0, "#ffffff"), (0.35, "#8fc1e3"), (0.7, "#0072b2"), (1.0, "#04233f"))  # the stops of view.js

SMALL, LARGE = 44, 370  # pixels of a small square, at most; of the large one


def draw_still(layers: Sequence[np.ndarray], tokens: Sequence[str], layer: int, head: int) -> bytes:
    """What the view opens with, as a PNG: every head small, one large with its tokens' names. L maps (H, T, T).

    Drawn with Pillow (which matplotlib brings): matplotlib needs as long for the figure as all the rest together.
    """
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    L, H, T = len(layers), len(layers[0]), len(tokens)
    small = max(5, min(SMALL, 336 // H, 480 // L))
    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", 11)
    every = max(1, math.ceil(T * 13 / LARGE))
    names = [(i, shorten_token(tokens[i], 14)) for i in range(0, T, every)]
    gutter = 8 + max(int(font.getlength(name)) for _, name in names)
    left, top = 26, 36  # of the grid
    right = left + H * (small + 2) + 24 + gutter  # of the large square
    height = max(top + L * (small + 2), gutter + 28 + LARGE) + 8
    canvas = Image.new("L", (right + LARGE + 8, height), 0)  # a level of LIGHT for each pixel
    draw = ImageDraw.Draw(canvas)

    for number, heads in enumerate(layers):
        y = top + number * (small + 2)
        draw.text((left - 6, y + small / 2), str(number), fill=255, font=font, anchor="rm")
        for place, plane in enumerate(heads):
            x = left + place * (small + 2)
            canvas.paste(draw_square(plane, small), (x, y))
            if (number, place) == (layer, head):
                draw.rectangle((x - 2, y - 2, x + small + 1, y + small + 1), outline=255, width=2)
    for place in range(0, H, 1 if small > 14 else 4):
        draw.text((left + place * (small + 2) + small / 2, top - 6), str(place), fill=255, font=font, anchor="ms")
    draw.text((4, 4), "layers down, heads across", fill=200, font=font)

    y, cell = gutter + 28, LARGE / T
    canvas.paste(draw_square(layers[layer][head], LARGE), (right, y))
    draw.rectangle((right - 1, y - 1, right + LARGE, y + LARGE), outline=70)
    draw.text((right, 4), f"layer {layer}, head {head}: rows look at columns", fill=255, font=font)
    lying = Image.new("L", (gutter, LARGE), 0)  # the columns' names, to be turned
    for i, name in names:
        draw.text((right - 5, y + (i + 0.5) * cell), name, fill=230, font=font, anchor="rm")
        ImageDraw.Draw(lying).text((5, (i + 0.5) * cell), name, fill=230, font=font, anchor="lm")
    canvas.paste(lying.transpose(Image.Transpose.ROTATE_90), (right, y - gutter - 2))

    few = canvas.point([level // 8 * 8 for level in range(256)]).convert("P")  # 32 colours: half the bytes
    few.putpalette(np.array([interpolate_colour(level // 8 * 8 / 248) for level in range(256)], np.uint8).tobytes())
    file = io.BytesIO()
    few.save(file, "PNG", optimize=True)
    return file.getvalue()


def draw_square(plane: np.ndarray, side: int):
    """A map (T, T) as an image of side x side levels: square roots, so that small weights are seen; blocks' maxima."""
    from PIL import Image

    T = len(plane)
    if side < T:
        starts = np.arange(side) * T // side
        plane = np.maximum.reduceat(np.maximum.reduceat(plane, starts, 0), starts, 1)  # (side, side)
    levels = np.sqrt(plane / max(plane.max(), 1e-9)) * 255
    return Image.fromarray(levels.astype(np.uint8)).resize((side, side), Image.Resampling.NEAREST)


def interpolate_colour(level: float) -> list[int]:
    """LIGHT at `level` in [0, 1] as red, green, blue: one hue, ever darker, which every kind of eye can order."""
    places = [place for place, _ in LIGHT]
    stops = np.array([[int(text[i : i + 2], 16) for i in (1, 3, 5)] for _, text in LIGHT])
    return [round(float(np.interp(level, places, stops[:, part]))) for part in range(3)]


def shorten_token(token: str, most: int) -> str:
    """A token's name, cut to `most` characters; one that is all space can be seen too."""
    token = token if token.strip() else "␣"
    return token if len(token) <= most else token[: most - 1] + "…"
