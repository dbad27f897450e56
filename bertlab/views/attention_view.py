"""Our own view of attention, for texts of any length: one HTML fragment that carries its data, style and script.

Dimension letters: L layers, H heads, T tokens.
"""

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from ..arguments import check_argument, check_array, check_kind, check_list, check_number
from ..saliency import roll_out_attention
from ..wordpiece import SPECIAL_TOKENS, WordPiece
from .capture import capture_attention, check_tokenizer_kind
from .packing import pack_planes
from .pages import dump_for_script, read_asset, save_page
from .still import draw_still_picture

# The view can leave out the special tokens of BERT, RoBERTa, T5 and GPT-2.
SPECIAL_NAMES = {*SPECIAL_TOKENS, "<s>", "</s>", "<pad>", "<mask>", "<cls>", "<sep>", "<|endoftext|>"}


@dataclass(frozen=True, eq=False)
class AttentionView:
    """The attention on one text. A notebook shows it when it is the last line of a cell; `save` writes it to a file.

    A notebook gets a `<div>` with a picture in it, and a script that carries data, style and code, and fetches nothing.
    It attaches a shadow root to the div, so that styles and names of the notebook and of other views stay apart. A
    frame would need a guessed height and hide the notebook's dark theme. The script finds its div by a digest of the
    data, as `document.currentScript` does not exist in the classic Notebook: a saved notebook changes only when the
    data do. Where scripts do not run (GitHub, a notebook that is not trusted) the shadow root does not hide the
    picture. It is also offered as `image/png`.

    If nbval compares the notebook, tag the cell `nbval-ignore-output`: last digits differ between machines. A Jupyter
    server drops outputs above about 3 MB (12 layers of 12 heads near 250 tokens) unless its iopub_data_rate_limit is
    raised; use `save` for them.
    """

    tokens: list[str]
    shape: tuple[int, int]  # L layers, H heads
    error: float  # the largest difference between a weight on the page and the one that was given
    body: str = field(repr=False)  # the HTML for a notebook
    png: bytes = field(repr=False)
    save = save_page

    def __repr__(self) -> str:
        L, H = self.shape
        return f"AttentionView({L} layers, {H} heads, {len(self.tokens)} tokens, {len(self.body) / 1e6:.2f} MB)"

    def _repr_html_(self) -> str:
        return self.body

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        png = base64.b64encode(self.png).decode()
        return {"text/html": self.body, "image/png": png, "text/plain": repr(self)}

    @property
    def page(self) -> str:
        """The whole HTML document, light or dark like the reader's system."""
        title = html.escape(f"Attention: {' '.join(self.tokens[:12])}")
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
            f"<title>{title}</title>"
            "<style>:root { color-scheme: light dark; } body { max-width: 62rem; margin: 0 auto; padding: 1rem; }"
            "@media (prefers-color-scheme: dark) { body { background: #15181c; } }</style></head>\n"
            f"<body>{self.body}</body></html>\n"
        )


def show_attention(
    model: nn.Module, tokenizer, text: str, pair: str | None = None, *, layer: int = 0, head: int = 0
) -> AttentionView:
    """What each token of `text` (and of `pair`, the second sentence) attends to, in every layer and head of `model`.

    `model` is one of bertlab (`Bert`, `Pretraining`, `Classifier`), or an encoder of transformers; it is left as it
    was. `tokenizer` is a WordPiece or one of transformers. The view opens on `layer` and `head`, counted from 0.

    Raises ValueError for a text that is empty or has more tokens than the model has positions, a tokenizer that is not
    the model's, and a layer or head that does not exist; TypeError for a wrong type of model, tokenizer or text.
    """
    check_kind(model, nn.Module, "model")
    check_tokenizer_kind(tokenizer)
    check_vocabulary_fits(model, tokenizer)
    captured = capture_attention(model, tokenizer, text, pair)
    if len(captured) > 1:
        raise ValueError(
            f"{type(model).__name__} has three kinds of attention: show its encoder's with model.get_encoder(), or all "
            "with views.head_view"
        )
    tokens, second_start = captured[0].left, captured[0].second_start
    segments = None if second_start is None else [int(i >= second_start) for i in range(len(tokens))]
    return show_maps(captured[0].maps, tokens, segments, layer=layer, head=head)


def show_maps(maps: Sequence[Tensor | np.ndarray], tokens: Sequence[str], segments: Sequence[int] | None = None, *,
              layer: int = 0, head: int = 0) -> AttentionView:  # fmt: skip
    """The view of L maps (H, T, T), or (1, H, T, T) as `attention_maps` gives them, and their T `tokens`.

    `maps[l][h, i, j]` is how much token i attends to token j; each row sums to 1. `segments` are 0 for the first
    sentence and 1 for the second. Each head's weights are rounded to at most 256 levels, by at most 1/510; the `error`
    of the view says by how much. Raises ValueError that says what is wrong with the maps.
    """
    tokens = check_list(tokens, "tokens", "texts")
    layer, head = check_number(layer, "layer", whole=True), check_number(head, "head", whole=True)
    segments = segments if segments is None else check_argument(check_list(segments, "segments"), [int], "segments")
    tokens = [str(token) for token in tokens]
    layers = check_view_maps(maps, tokens)
    for name, number, count in (("layer", layer, len(layers)), ("head", head, len(layers[0]))):
        if not 0 <= number < count:
            raise ValueError(f"{name} is {number}; there are {count}, counted from 0")
    if segments is not None and len(segments) != len(tokens):
        raise ValueError(f"{len(segments)} segments for {len(tokens)} tokens")
    data, error = collect_view_data(layers, tokens, segments, layer, head)
    png = draw_still_picture(layers, tokens, layer, head)
    return AttentionView(tokens, (len(layers), len(layers[0])), error, build_html(data, png), png)


def check_vocabulary_fits(model: nn.Module, tokenizer) -> None:
    """ValueError if the vocabulary is not the model's. A transformers model may have up to 127 unused rows more."""
    rows = getattr(getattr(model, "config", None), "vocab_size", None)
    if rows is None or not hasattr(tokenizer, "__len__"):
        return
    too_few = len(tokenizer) < rows if isinstance(tokenizer, WordPiece) else len(tokenizer) <= rows - 128
    if too_few or len(tokenizer) > rows:
        raise ValueError(
            f"the model has {rows} tokens, the tokenizer {len(tokenizer)}: take the tokenizer that the model was "
            "trained with"
        )


def check_view_maps(maps: Sequence[Tensor | np.ndarray], tokens: Sequence[str]) -> list[np.ndarray]:
    """The maps as L float32 arrays (H, T, T).

    Raises ValueError for maps that do not fit the tokens or each other, or that are no attention weights.
    """
    maps = check_list(maps, "maps", "arrays (heads, tokens, tokens), one for each layer")
    for number, heads in enumerate(maps):
        check_array(heads, f"maps[{number}]")
    layers = [convert_map(heads) for heads in maps]
    if not layers:
        raise ValueError("there are no maps: give one array (heads, tokens, tokens) for each layer")
    for number, heads in enumerate(layers):
        where = f"layer {number} has maps of shape {heads.shape}"
        if heads.ndim == 4:
            raise ValueError(f"{where}: choose one text of the batch, [m[0] for m in maps]")
        if heads.ndim != 3 or heads.shape[1] != heads.shape[2] or 0 in heads.shape:
            raise ValueError(f"{where}; they must be (heads, tokens, tokens)")
        if heads.shape != layers[0].shape:
            raise ValueError(f"{where}, layer 0 {layers[0].shape}: every layer must have as many heads and tokens")
        if heads.shape[1] != len(tokens):
            raise ValueError(f"{where} for {len(tokens)} tokens")
        sums = heads.sum(-1)  # (H, T)
        if not np.isfinite(sums).all():
            raise ValueError(f"layer {number} holds weights that are not numbers (NaN or infinite)")
        if heads.min() < 0:
            raise ValueError(f"layer {number} holds the weight {heads.min():.3g}: attention is never below 0")
        head, token = np.unravel_index(np.abs(sums - 1).argmax(), sums.shape)
        if abs(sums[head, token] - 1) > 0.01:  # half precision rounds each weight
            raise ValueError(
                f"layer {number}, head {head}, token {token}: its weights sum to {sums[head, token]:.3f}, not to 1. "
                "Are these weights after softmax, [from, to]?"
            )
    return layers


def convert_map(heads: Tensor | np.ndarray) -> np.ndarray:
    """The maps of a layer as float32, writeable and contiguous, as torch wants them; (1, H, T, T) becomes (H, T, T)."""
    if isinstance(heads, Tensor):
        heads = heads.detach().cpu().float().numpy()
    heads = np.require(heads, np.float32, ["C", "W"])
    return heads[0] if heads.ndim == 4 and len(heads) == 1 else heads


def collect_view_data(layers: list[np.ndarray], tokens: list[str], segments: Sequence[int] | None, layer: int,
                      head: int) -> tuple[dict, float]:  # fmt: skip
    """What view.js reads, and the largest error of a weight in it. A layer's planes are its H maps and its rollout."""
    rollout = roll_out_attention([torch.from_numpy(heads) for heads in layers]).numpy()  # (L, T, T)
    planes = [np.concatenate([heads, flow[None]]) for heads, flow in zip(layers, rollout, strict=True)]
    packed, steps = zip(*map(pack_planes, planes), strict=True)
    error = max(map(max, steps)) / 2
    data = {
        "tokens": tokens,
        "segments": [int(s) for s in segments] if segments is not None else [0] * len(tokens),
        "specials": [i for i, token in enumerate(tokens) if token.strip() in SPECIAL_NAMES],
        "heads": len(layers[0]),
        "layer": int(layer),
        "head": int(head),
        "error": round(error, 6),
        "steps": [[float(f"{step:.7g}") for step in layer_steps] for layer_steps in steps],
        "layers": packed,
    }
    return data, error


def build_html(data: dict, png: bytes) -> str:
    """The HTML for a notebook: the picture, and the script that replaces it by the view.

    No token can end the script or become markup: "<" is escaped in the data, and view.js writes text only.
    """
    dumped = dump_for_script(data, separators=(",", ":"))
    digest = hashlib.sha256(dumped.encode()).hexdigest()[:16]
    css, script = (strip_comment_lines(read_asset(name)) for name in ("view.css", "view.js"))
    L, H, T = len(data["layers"]), data["heads"], len(data["tokens"])
    alt = (
        f"Attention of {L} layers with {H} heads on {T} tokens: a small square for each head, and head {data['head']} "
        f"of layer {data['layer']} large. Rows attend to columns; darker is more."
    )
    return (
        f'<div class="bertlab-attention" data-bertlab="{digest}">'
        f'<img src="data:image/png;base64,{base64.b64encode(png).decode()}" alt="{alt}" style="max-width: 100%">'
        "<p>A picture of the view. To point at tokens and choose heads, open this in Jupyter and trust the notebook, "
        "or run the cell again.</p></div>\n"
        f"<script>(() => {{\nconst MARK = {digest!r};\nconst CSS = {json.dumps(css)};\n"
        f"const DATA = {dumped};\n{script}}})();</script>"
    )


def strip_comment_lines(text: str) -> str:
    """A style sheet or script without comment lines and empty lines."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(("//", "/*"))]
    return "\n".join(line for line in lines if line.strip()) + "\n"
