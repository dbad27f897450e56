"""explore.attention_box: TODO."""

import html
import math

import ipywidgets as widgets
import torch

from .. import head_scores
from ..model import Bert, attention_maps
from ..wordpiece import WordPiece
from .shared import LONGEST_TEXT, MOST_TOKENS


def attention_box(
    bert: Bert, wordpiece: WordPiece, text: str = "The cat sat on the mat, and the dog sat on it."
) -> widgets.VBox:
    """A box for a sentence, sliders for layer and head, and below the map of that head with its scores.

    Raises ValueError when the model and the vocabulary do not fit.
    """
    if bert.config.vocab_size != len(wordpiece):
        raise ValueError(f"the model knows {bert.config.vocab_size} tokens, the vocabulary has {len(wordpiece)}")
    box = widgets.Text(value=text, description="Sentence", layout={"width": "100%"})
    layer = widgets.IntSlider(0, 0, bert.config.num_hidden_layers - 1, description="layer")
    head = widgets.IntSlider(0, 0, bert.config.num_attention_heads - 1, description="head")
    shown = widgets.HTML()

    def redraw(_=None) -> None:
        shown.value = attention_html(bert, wordpiece, box.value, layer.value, head.value)

    for control in (box, layer, head):
        control.observe(redraw, "value")
    redraw()
    return widgets.VBox([box, widgets.HBox([layer, head]), shown])


@torch.no_grad()
def attention_html(bert: Bert, wordpiece: WordPiece, text: str, layer: int, head: int) -> str:
    """The map of one head as a table, a row for each token that looks, and the head's scores beside chance."""
    room = min(MOST_TOKENS, bert.config.max_position_embeddings)
    encoding = wordpiece.encode(text[:LONGEST_TEXT])
    if len(encoding.tokens) <= 2:
        return "<p>Nothing to read yet: the sentence holds no letter, digit or mark. Type some.</p>"
    note = ""
    if len(encoding.tokens) > room:
        note = f"<p>The sentence has {len(encoding.tokens)} tokens with [CLS] and [SEP]: it is cut to {room}.</p>"
        encoding = wordpiece.encode(text[:LONGEST_TEXT], max_length=room, truncate=True)
    training = bert.training
    bert.eval()
    with attention_maps(bert) as maps:
        bert(torch.tensor([encoding.input_ids], device=bert.embeddings.words.weight.device))
        weights = head_scores.select_text_maps(maps)[layer, head]  # (T, T)
    bert.train(training)
    names = [html.escape(token) for token in encoding.tokens]
    tilt = "writing-mode:vertical-rl;text-align:right;font-weight:normal;padding:2px 0"
    table = "<tr><td></td>" + "".join(f'<td style="{tilt}">{name}</td>' for name in names) + "</tr>"
    for name, row in zip(names, weights, strict=True):
        cells = "".join(
            f'<td title="{name} looks at {other}: {weight:.2f}" style="width:1.3em;padding:0;border:1px solid #ddd;'
            f'background:rgba(0,114,178,{math.sqrt(weight):.2f})"></td>'
            for other, weight in zip(names, row, strict=True)
        )
        table += f'<tr><td style="text-align:right;padding:0 4px">{name}</td>{cells}</tr>'
    found, level = (
        head_scores.score_heads(weights, encoding.tokens),
        head_scores.compute_chance_levels([encoding.tokens]),
    )
    said = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{found[name]:.2f}</td><td>chance {level[name]:.2f}</td></tr>"
        for name in found
        if not math.isnan(level[name])
    )
    return (
        f"{note}<p>Layer {layer}, head {head}: a row is a token that looks, a column one that is looked at, and the "
        f'darker the more.</p><div style="display:flex;flex-wrap:wrap;gap:2em"><table>{table}</table>'
        f"<table>{said}</table></div>"
    )
