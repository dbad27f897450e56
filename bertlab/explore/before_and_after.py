"""explore.before_and_after: TODO."""

import html
from collections.abc import Mapping

import ipywidgets as widgets

from ..heads import Pretraining
from ..pretrain import fill_masks
from ..wordpiece import WordPiece
from .shared import LONGEST_TEXT, format_guess_row


def before_and_after(
    before: Pretraining, after: Pretraining, wordpiece: WordPiece, text: str = "The [MASK] of the United States"
) -> widgets.VBox:
    """A sentence with [MASK] in it, and below it what two models guess there, side by side, new at each key."""
    box = widgets.Text(value=text, description="Sentence", layout={"width": "100%"})
    shown = widgets.HTML()

    def redraw(_=None) -> None:
        shown.value = two_guesses_html({"before": before, "after": after}, wordpiece, box.value)

    box.observe(redraw, "value")
    redraw()
    return widgets.VBox([box, shown])


def two_guesses_html(models: Mapping[str, Pretraining], wordpiece: WordPiece, text: str, k: int = 6) -> str:
    """For each [MASK] of a text the guesses of each model as bars, or a sentence on what is wrong with the text."""
    masks = text.count("[MASK]")
    if not masks:
        return "<p>No [MASK] yet: write [MASK], in square brackets and capitals, where a word is missing.</p>"
    try:
        found = {name: fill_masks(model, wordpiece, text[:LONGEST_TEXT], k) for name, model in models.items()}
    except ValueError as error:
        return f"<p>This cannot be read: {html.escape(str(error))}.</p>"
    parts = []
    for number in range(len(next(iter(found.values())))):
        cells = "".join(
            f"<td style='vertical-align:top;padding-right:1em'>{html.escape(name)}"
            f"<table>{''.join(format_guess_row(word, p, False) for word, p in guesses[number])}</table></td>"
            for name, guesses in found.items()
        )
        title = f"<p>[MASK] {number + 1}</p>" if masks > 1 else ""
        parts.append(f"{title}<table><tr>{cells}</tr></table>")
    return "".join(parts)
