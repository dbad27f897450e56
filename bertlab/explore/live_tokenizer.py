"""explore.live_tokenizer: TODO."""

import html
from collections.abc import Mapping

import ipywidgets as widgets

from ..wordpiece import WordPiece
from .shared import BOX, LONGEST_TEXT

WORD_COLOURS = ("#cfe6f5", "#fbe3b3")  # two neighbouring words never have the same one

UNKNOWN = "background:#fff;border:2px dashed #b00000;"


def live_tokenizer(
    vocabularies: Mapping[str, WordPiece], text: str = "We hold these truths to be self-evident."
) -> widgets.VBox:
    """A box to type in, and below it the pieces and ids of the text, new at each key.

    `vocabularies`: name -> WordPiece; with more than one, a slider chooses. Raises ValueError if there is none.
    """
    if not vocabularies:
        raise ValueError("Give at least one vocabulary: live_tokenizer({'mine': wordpiece}).")
    wide = {"width": "100%"}
    box = widgets.Textarea(value=text, rows=3, description="Text", layout=wide)
    names = list(vocabularies)
    size = widgets.SelectionSlider(
        options=names, value=names[-1], description="Vocabulary", layout=wide, style={"description_width": "6em"}
    )
    shown = widgets.HTML()

    def redraw(_=None) -> None:
        shown.value = tokenizer_html(vocabularies[size.value], box.value)

    box.observe(redraw, "value")
    size.observe(redraw, "value")
    redraw()
    return widgets.VBox([box, size, shown] if len(names) > 1 else [box, shown])


def tokenizer_html(wordpiece: WordPiece, text: str) -> str:
    """The pieces of a text as coloured boxes, each over its id, then the counts and the decoded text."""
    cut = len(text) > LONGEST_TEXT
    found = wordpiece.tokenize_with_offsets(text[:LONGEST_TEXT])
    note = f"The text has {len(text):,} characters: only the first {LONGEST_TEXT:,} are shown. " if cut else ""
    if not found:
        return f"<p>{note}Nothing to read yet: the text holds no letter, digit or mark. Type some.</p>"
    boxes, words = [], 0
    for token, start, end in found:
        words += not token.startswith("##")
        look = UNKNOWN if token == "[UNK]" else f"background:{WORD_COLOURS[words % 2]};"
        name = html.escape(token)
        if token.startswith("##"):
            name = f'<span style="color:#666">##</span>{html.escape(token[2:])}'
        source = html.escape(text[start:end], quote=True)
        boxes.append(
            f'<span style="{BOX}{look}" title="from: {source}"><b>{name}</b><br>'
            f'<small style="color:#444">{wordpiece.index[token]}</small></span>'
        )
    ids = wordpiece.ids(token for token, _, _ in found)
    unknown = ids.count(wordpiece.unk_id)
    counts = f"{words:,} words, {len(ids):,} pieces, {len(ids) / words:.2f} pieces a word, {unknown:,} [UNK]"
    decoded = html.escape(wordpiece.decode(ids, keep_special=True))
    return (
        f'<div style="line-height:1.3">{"".join(boxes)}</div><p>{note}{counts} '
        f"({len(wordpiece):,} tokens in the vocabulary).<br>Decoded: {decoded}</p>"
    )
