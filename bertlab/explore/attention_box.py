"""One attention head: its map for a sentence that you type, and its scores next to their chance levels."""

import html
import math

import ipywidgets as widgets
import torch

from .. import head_scores
from ..arguments import check_arguments
from ..model import Bert, attention_maps, eval_mode
from ..wordpiece import WordPiece
from . import markup
from .shared import MOST_TOKENS, LiveHTML, check_vocabulary, make_text_box, note_truncation, tokenize_text


def attention_box(bert: Bert, tokenizer: WordPiece,
                  text: str = "The cat sat on the mat, and the dog sat on it.") -> widgets.VBox:  # fmt: skip
    """A box for a sentence, sliders for layer and head, and below them the map of that head with its scores. Raises
    ValueError when the model and the vocabulary do not fit."""
    check_arguments(bert=(bert, Bert), text=(text, str))
    check_vocabulary(bert, tokenizer)
    sentence = make_text_box(text)
    layer = widgets.IntSlider(0, 0, bert.config.num_hidden_layers - 1, description="layer")
    head = widgets.IntSlider(0, 0, bert.config.num_attention_heads - 1, description="head")
    output = LiveHTML([sentence, layer, head], lambda *values: attention_html(bert, tokenizer, *values))
    return widgets.VBox([sentence, widgets.HBox([layer, head]), output])


def attention_html(bert: Bert, tokenizer: WordPiece, text: str, layer: int, head: int) -> str:
    """The map of one head as a table with a row for each query token, and the head's scores next to chance."""
    count, room = len(tokenize_text(tokenizer, text)) + 2, min(MOST_TOKENS, bert.config.max_position_embeddings)
    note = note_truncation("The sentence", count, room, "tokens with [CLS] and [SEP]")
    encoding = tokenizer.encode(text, max_length=room, truncate=True)
    ids = torch.tensor([encoding.input_ids], device=bert.embeddings.words.weight.device)
    with eval_mode(bert), attention_maps(bert) as maps:
        bert(ids)
    weights = head_scores.select_text_maps(maps)[layer, head]  # (T, T)
    chance = head_scores.compute_chance_levels([encoding.tokens])
    score_rows = [(html.escape(name), f"{score:.2f}", f"chance {chance[name]:.2f}")
                  for name, score in head_scores.score_heads(weights, encoding.tokens).items()
                  if not math.isnan(chance[name])]  # fmt: skip  # nan: the sentence has no such pair of tokens
    tables = format_attention_map(weights, encoding.tokens) + markup.format_table(score_rows)
    return (f"<p>{note}Layer {layer}, head {head}. A row shows how one token spreads its attention over the tokens "
            'in the columns; darker means more.</p><div style="display:flex;flex-wrap:wrap;align-items:flex-start;'
            f'gap:2em">{tables}</div>')  # fmt: skip


def format_attention_map(weights, tokens: list[str]) -> str:
    """A map (T, T) as a table: a row for each query, a column for each key, and the weight as the colour of a cell."""
    names = [html.escape(token) for token in tokens]
    tilt = "writing-mode:vertical-rl;text-align:right;font-weight:normal;padding:2px 0"
    rows = ["<td></td>" + "".join(f'<td style="{tilt}">{name}</td>' for name in names)]
    for query, row in zip(names, weights, strict=True):
        cells = [f'<td title="{query} attends to {key}: {weight:.2f}" style="width:1.3em;padding:0;border:1px solid '
                 f'#ddd;background:{markup.mix_with_white(markup.BLUE, math.sqrt(weight))};{markup.PRINTED}"></td>'
                 for key, weight in zip(names, row, strict=True)]  # fmt: skip
        rows.append(f'<td style="text-align:right;padding:0 4px">{query}</td>{"".join(cells)}')
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"
