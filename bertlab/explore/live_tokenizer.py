"""WordPiece while you type: the tokens and ids of a text, with vocabularies of different sizes to choose from."""

import html
from collections.abc import Mapping

import ipywidgets as widgets

from ..arguments import check_arguments
from ..wordpiece import WordPiece
from . import markup
from .shared import FULL_WIDTH, LiveHTML, tokenize_text

WORD_COLOURS = ("#cfe6f5", "#fbe3b3")  # in turn, so that neighbouring words differ


def live_tokenizer(tokenizers: Mapping[str, WordPiece],
                   text: str = "We hold these truths to be self-evident.") -> widgets.VBox:  # fmt: skip
    """A box to type in, and below it the tokens and ids of the text. `tokenizers`: name -> tokenizer; with more than
    one, a slider chooses. Raises ValueError if there is none."""
    check_arguments(tokenizers=(tokenizers, {str: WordPiece}), text=(text, str))
    if not tokenizers:
        raise ValueError("there is no tokenizer: give at least one, as in live_tokenizer({'mine': tokenizer})")
    names = list(tokenizers)
    text_box = widgets.Textarea(value=text, rows=3, description="Text", layout=FULL_WIDTH)
    slider = widgets.SelectionSlider(options=names, value=names[-1], description="Vocabulary", layout=FULL_WIDTH,
                                     style={"description_width": "6em"})  # fmt: skip
    output = LiveHTML([slider, text_box], lambda name, text: tokenizer_html(tokenizers[name], text))
    return widgets.VBox([text_box, slider, output] if len(names) > 1 else [text_box, output])


def tokenizer_html(tokenizer: WordPiece, text: str) -> str:
    """The tokens of a text as coloured boxes, each over its id, then the counts and the decoded text."""
    ids = tokenizer.convert_tokens_to_ids(tokenize_text(tokenizer, text, "the text"))
    boxes, words = [], 0
    for token, start, end in tokenizer.tokenize_with_offsets(text):
        words += not token.startswith("##")
        name = html.escape(token)
        if token.startswith("##"):
            name = f'<span style="color:#666">##</span>{html.escape(token[2:])}'
        content = f'<b>{name}</b><br><small style="color:#444">{tokenizer.index[token]}</small>'
        unknown = token == "[UNK]"
        colour, frame = ("#fff", "border:2px dashed #b00000") if unknown else (WORD_COLOURS[words % 2], "")
        boxes.append(markup.format_box(content, colour, frame, f"from: {text[start:end]}"))
    return (f'<div style="line-height:1.3">{"".join(boxes)}</div><p>{words:,} words, {len(ids):,} tokens, '
            f"{len(ids) / words:.2f} tokens per word, {ids.count(tokenizer.unk_id):,} [UNK] "
            f"({len(tokenizer):,} tokens in the vocabulary).<br>"
            f"Decoded: {html.escape(tokenizer.decode(ids, keep_special=True))}</p>")  # fmt: skip
