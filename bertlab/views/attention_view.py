"""views.attention_view: TODO."""

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from ..files import write_text
from ..wordpiece import SPECIAL_TOKENS, WordPiece
from .capture import capture_attention
from .packing import pack_planes
from .still import draw_still

SPECIAL_NAMES = {*SPECIAL_TOKENS, "<s>", "</s>", "<pad>", "<mask>", "<cls>", "<sep>", "<|endoftext|>"}

SUM_TOLERANCE = 0.01  # how far from 1 a row may be: half precision rounds each weight


@dataclass(frozen=True, eq=False)
class AttentionView:
    """One text's attention, to look at. A notebook shows it when a cell ends with it; `save` writes a page.

    What a notebook gets is a `<div>` with a picture in it, and a script that carries the data, the style and the code.
    The script hangs a shadow root on the div: the notebook's style sheets do not reach in, ours do not leak out, and
    names are private, so that many views do not meet. A frame (`<iframe srcdoc>`) would be as private, but has a
    height of its own to guess, hides the notebook's dark theme, and needs the data escaped once more. The script finds
    its div by the digest of the data (`document.currentScript` is not there in the classic Notebook), so a saved
    notebook does not change when nothing has changed, and two equal views fill two places. Nothing is fetched.

    Where scripts are not run (GitHub, a notebook that is not trusted), the picture stays: the div's own child, which a
    shadow root hides. The PNG also goes along as `image/png` for front ends that take no HTML.

    In a notebook that is compared by nbval, tag the cell `nbval-ignore-output`: weights differ in the last digits
    between machines. A Jupyter server drops an output of more than about 3 MB unless its iopub_data_rate_limit is
    raised; 12 layers of 12 heads reach that near 250 tokens: `save` these.
    """

    tokens: list[str]
    shape: tuple[int, int]  # L layers, H heads
    error: float  # no weight on the page is further from the given one than this
    body: str = field(repr=False)  # the HTML for a notebook
    png: bytes = field(repr=False)

    def __repr__(self) -> str:
        L, H = self.shape
        return f"AttentionView({L} layers, {H} heads, {len(self.tokens)} tokens, {len(self.body) / 1e6:.2f} MB)"

    def _repr_html_(self) -> str:
        return self.body

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {
            "text/html": self.body,
            "image/png": base64.b64encode(self.png).decode(),
            "text/plain": repr(self),
        }

    def page(self) -> str:
        """A whole HTML document, light or dark as the reader's system is."""
        title = html.escape(f"Attention: {' '.join(self.tokens[:12])}")
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
            f"<title>{title}</title>"
            "<style>:root { color-scheme: light dark; } body { max-width: 62rem; margin: 0 auto; padding: 1rem; }"
            "@media (prefers-color-scheme: dark) { body { background: #15181c; } }</style></head>\n"
            f"<body>{self.body}</body></html>\n"
        )

    def save(self, path: str | Path) -> Path:
        """Write the page, which a browser opens without a network. Written beside, then renamed.

        Raises FileNotFoundError when its folder is not there.
        """
        path = Path(path)
        if not path.parent.is_dir():
            raise FileNotFoundError(f"there is no folder {path.parent} to save the page in: make it first")
        write_text(path, self.page())
        return path


def show_attention(
    model: nn.Module, tokenizer, text: str, pair: str | None = None, *, layer: int = 0, head: int = 0
) -> AttentionView:
    """Where each token of `text` (and of `pair`, the second sentence) looks, in every layer and head of `model`.

    `model` is ours (`Bert`, `Pretraining`, `Classifier`) or one of transformers that has self-attention and no
    decoder beside its encoder. `tokenizer` is a WordPiece or one of transformers. The view opens on `layer` and `head`,
    counted from 0. The model is left as it was, its attention implementation too.

    Raises ValueError for a text that is empty or longer than the model's positions, a tokenizer that is not the
    model's, a layer or head that is not there; TypeError for what is no text or no tokenizer.
    """
    check_vocabulary_fits(model, tokenizer)
    seen = capture_attention(model, tokenizer, text, pair)
    if len(seen) > 1:
        raise ValueError(
            f"{type(model).__name__} has three kinds of attention: show its encoder's with model.get_encoder(), or all "
            "with views.head_view"
        )
    tokens, second = seen[0].left, seen[0].second
    segments = None if second is None else [int(i >= second) for i in range(len(tokens))]
    return show_maps(seen[0].maps, tokens, segments, layer=layer, head=head)


def check_vocabulary_fits(model: nn.Module, tokenizer) -> None:
    """ValueError when the vocabulary is not the model's. A model may have up to 127 rows more, for even sizes."""
    knows = getattr(getattr(model, "config", None), "vocab_size", None)
    if knows is None or not hasattr(tokenizer, "__len__"):
        return
    few = len(tokenizer) < knows if isinstance(tokenizer, WordPiece) else len(tokenizer) <= knows - 128
    if few or len(tokenizer) > knows:
        raise ValueError(
            f"the model knows {knows} tokens, the tokenizer has {len(tokenizer)}: take the one that the model was "
            "trained with"
        )


def show_maps(
    maps: Sequence[Tensor | np.ndarray],
    tokens: Sequence[str],
    segments: Sequence[int] | None = None,
    *,
    layer: int = 0,
    head: int = 0,
) -> AttentionView:
    """The view of L maps (H, T, T), or (1, H, T, T) as `attention_maps` gives them, and their T `tokens`.

    `maps[l][h, i, j]` is how much token i takes from token j; each row sums to 1. `segments` are 0 for the first
    sentence, 1 for the second. Each head's weights are rounded to at most 256 levels: none is off by more than
    1/510 (`error` says by how much here). Raises ValueError with what is wrong with the maps.
    """
    tokens = [str(token) for token in tokens]
    layers = check_view_maps(maps, tokens)
    L, H, T = len(layers), len(layers[0]), len(tokens)
    for name, number, count in (("layer", layer, L), ("head", head, H)):
        if not 0 <= number < count:
            raise ValueError(f"{name} is {number}; there are {count}, counted from 0")
    if segments is not None and len(segments) != T:
        raise ValueError(f"{len(segments)} segments for {T} tokens")
    planes = [np.concatenate([heads, flow[None]]) for heads, flow in zip(layers, rollout(layers), strict=True)]
    packed, steps = zip(*(pack_planes(some) for some in planes), strict=True)
    error = max(map(max, steps)) / 2
    data = {
        "tokens": tokens,
        "segments": [int(s) for s in segments] if segments is not None else [0] * T,
        "specials": [i for i, token in enumerate(tokens) if token.strip() in SPECIAL_NAMES],
        "heads": H,
        "layer": int(layer),
        "head": int(head),
        "error": round(error, 6),
        "steps": [[float(f"{step:.7g}") for step in some] for some in steps],
        "layers": packed,
    }
    image = draw_still(layers, tokens, layer, head)
    return AttentionView(tokens, (L, H), error, build_html(data, image), image)


def check_view_maps(maps: Sequence[Tensor | np.ndarray], tokens: Sequence[str]) -> list[np.ndarray]:
    """L float32 arrays (H, T, T). ValueError for maps that do not fit the tokens, each other, or are no attention."""
    layers = []
    for number, some in enumerate(maps):
        some = some.detach().cpu().float().numpy() if isinstance(some, Tensor) else np.asarray(some, np.float32)
        if some.ndim == 4 and len(some) == 1:
            some = some[0]  # (1, H, T, T) -> (H, T, T)
        where = f"layer {number} has maps of shape {some.shape}"
        if some.ndim == 4:
            raise ValueError(f"{where}: choose one text of the batch, [m[0] for m in maps]")
        if some.ndim != 3 or some.shape[1] != some.shape[2] or 0 in some.shape:
            raise ValueError(f"{where}; they must be (heads, tokens, tokens)")
        if layers and some.shape != layers[0].shape:
            raise ValueError(f"{where}, layer 0 {layers[0].shape}: every layer must have as many heads and tokens")
        if some.shape[1] != len(tokens):
            raise ValueError(f"{where} for {len(tokens)} tokens")
        sums = some.sum(-1)  # (H, T)
        if not np.isfinite(sums).all():
            raise ValueError(f"layer {number} holds weights that are not numbers (NaN or infinite)")
        if some.min() < 0:
            raise ValueError(f"layer {number} holds the weight {some.min():.3g}: attention is never below 0")
        worst = np.unravel_index(np.abs(sums - 1).argmax(), sums.shape)
        if abs(sums[worst] - 1) > SUM_TOLERANCE:
            raise ValueError(
                f"layer {number}, head {worst[0]}, token {worst[1]}: its weights sum to {sums[worst]:.3f}, not to 1. "
                "Are these weights after softmax, [from, to]?"
            )
        layers.append(some)
    if not layers:
        raise ValueError("there are no maps: give one array (heads, tokens, tokens) for each layer")
    return layers


def rollout(maps: Sequence[np.ndarray]) -> np.ndarray:
    """Attention followed through the layers: L maps (H, T, T) -> (L, T, T), whose rows sum to 1.

    Abnar & Zuidema 2020, section 3. With A_l the mean of layer l's heads, a layer passes on half attention and half
    residual: R_l = (A_l / 2 + I / 2) R_{l-1}, R_{-1} = I. So R_l[i, j] is the sum, over all paths that lead from token
    i above layer l down to word j, of the product of the weights on the path. It takes no notice of values, of the
    feed-forward layers, or of how large the residual really is.
    """
    flows = []
    for heads in maps:
        mean = heads.mean(0)  # (T, T)
        flows.append((mean @ flows[-1] + flows[-1]) / 2 if flows else (mean + np.eye(len(mean), dtype=mean.dtype)) / 2)
    return np.stack(flows)


def build_html(data: dict, image: bytes) -> str:
    """The HTML for a notebook: the picture, and the script that puts the view in its place.

    No token can end the script or become markup: "<" stands as an escape in the data, and view.js writes text only.
    """
    sent = json.dumps(data, separators=(",", ":")).replace("<", r"\u003c")
    mark = hashlib.sha256(sent.encode()).hexdigest()[:16]
    L, H, T = len(data["layers"]), data["heads"], len(data["tokens"])
    alt = (
        f"Attention of {L} layers with {H} heads on {T} tokens: a small square for each head, and head {data['head']} "
        f"of layer {data['layer']} large. Rows look at columns; the darker, the more."
    )
    fallback = base64.b64encode(image).decode()
    return (
        f'<div class="bertlab-attention" data-bertlab="{mark}">'
        f'<img src="data:image/png;base64,{fallback}" alt="{alt}" style="max-width: 100%">'
        "<p>A picture of the view. To point at tokens and choose heads, open this in Jupyter and trust the notebook, "
        "or run the cell again.</p></div>\n"
        f"<script>(() => {{\nconst MARK = {mark!r};\nconst CSS = {json.dumps(read_asset_without_comments('view.css'))};\n"
        f"const DATA = {sent};\n{read_asset_without_comments('view.js')}}})();</script>"
    )


@cache
def read_asset_without_comments(name: str) -> str:
    """A file of ours without its lines of comment: the reader of the file wants them, the page does not."""
    text = (files(__package__) / "assets" / name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(("//", "/*"))]
    return "\n".join(line for line in lines if line.strip()) + "\n"
