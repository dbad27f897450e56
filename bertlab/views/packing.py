"""views.packing: TODO."""

import base64
import math
import zlib

import numpy as np


def pack_planes(planes: np.ndarray) -> tuple[str, list[float]]:
    """P maps (P, T, T) as text, and the P steps: byte times step is the weight, to within half a step.

    A head whose largest weight is m has steps of m / 255. Where the weights are noise at that fineness (a long text,
    untrained heads) it costs megabytes and shows nothing: then the steps are doubled until a byte carries no more than
    36 / sqrt(T) bits, but never beyond 1/255. Stored column by column (to, from): columns are what is alike, [SEP]'s
    most of all. Runs of equal bytes and Huffman codes are then smaller and faster than zlib's usual search for
    strings: 12 x 12 heads on 512 tokens took 1 s instead of 6. The browser opens it as "deflate".
    """
    stream = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    steps, parts = [], []
    for plane in planes:
        step = max(float(plane.max()), 1e-6) / 255
        levels = quantise_plane(plane, step)
        coarser = choose_coarseness(levels, 36 / math.sqrt(len(plane)), int(1 / 255 / step + 1e-6))
        if coarser > 1:
            step *= coarser
            levels = quantise_plane(plane, step)
        steps.append(step)
        parts.append(stream.compress(levels.tobytes()))
    parts.append(stream.flush())
    return base64.b64encode(b"".join(parts)).decode(), steps


def quantise_plane(plane: np.ndarray, step: float) -> np.ndarray:
    """The nearest multiples of `step` (at most 255 of them): (T, T) from-to -> (T, T) bytes to-from."""
    levels = plane.T * np.float32(1 / step)
    levels += np.float32(0.5)
    return np.minimum(levels, np.float32(255), out=levels).astype(np.uint8)


def choose_coarseness(levels: np.ndarray, bits: float, most: int) -> int:
    """1, 2, 4 ...: how many levels to make one, so that a byte carries no more than `bits`; at most `most`.

    What a byte carries is its entropy, from a sample of some thousand.
    """
    sample = levels.ravel()[:: max(1, levels.size // 8192 | 1)]  # an odd stride: not one column alone
    counts = np.bincount(sample, minlength=256)
    factor = 1
    while 2 * factor <= most:
        shares = counts[counts > 0] / sample.size
        if -(shares * np.log2(shares)).sum() <= bits:
            break
        factor *= 2
        counts = counts.reshape(-1, 2).sum(1)
    return factor
