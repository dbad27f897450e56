"""How attention maps travel to the browser: one byte for each weight, compressed, as base64 text."""

import base64
import math
import zlib

import numpy as np


def pack_planes(planes: np.ndarray) -> tuple[str, list[float]]:
    """P maps (P, T, T) as text, and their P step sizes: byte times step is the weight, to within half a step.

    A head whose largest weight is m has a step of m / 255. For a long text, or an untrained head, most of that
    precision is noise, which costs megabytes. The step is therefore doubled until a byte carries no more than
    36 / sqrt(T) bits, but it never exceeds 1/255. A map is stored column by column (to, from), because the weights of a
    column resemble each other. Run-length and Huffman coding then give smaller output than zlib's usual string search,
    and are 6 times as fast. The browser's name for the format is "deflate".
    """
    stream = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    steps, packed = [], b""
    for plane in planes:
        step = max(float(plane.max()), 1e-6) / 255
        levels = quantise_plane(plane, step)
        factor = choose_coarseness(levels, 36 / math.sqrt(len(plane)), int(1 / 255 / step + 1e-6))
        if factor > 1:
            step *= factor
            levels = quantise_plane(plane, step)
        steps.append(step)
        packed += stream.compress(levels.tobytes())
    return base64.b64encode(packed + stream.flush()).decode(), steps


def quantise_plane(plane: np.ndarray, step: float) -> np.ndarray:
    """The nearest multiples of `step`, at most 255 of them: weights (T, T) from-to -> bytes (T, T) to-from."""
    levels = plane.T * np.float32(1 / step)
    levels += np.float32(0.5)
    return np.minimum(levels, np.float32(255), out=levels).astype(np.uint8)


def choose_coarseness(levels: np.ndarray, max_bits: float, max_factor: int) -> int:
    """How many levels to merge into one, a power of 2, so that a byte carries at most `max_bits`; at most `max_factor`.

    What a byte carries is the entropy of the levels, estimated from about 8,000 of them.
    """
    sample = levels.ravel()[:: max(1, levels.size // 8192 | 1)]  # an odd stride does not stay in one column
    counts = np.bincount(sample, minlength=256)
    factor = 1
    while 2 * factor <= max_factor:
        shares = counts[counts > 0] / sample.size
        if -(shares * np.log2(shares)).sum() <= max_bits:
            break
        factor *= 2
        counts = counts.reshape(-1, 2).sum(1)
    return factor
