"""Two models fill the same gap: what each guesses for [MASK], for example before and after pre-training."""

import html
from collections.abc import Mapping

import ipywidgets as widgets

from ..arguments import check_arguments, check_text
from ..heads import Pretraining
from ..pretrain import fill_masks
from ..wordpiece import WordPiece
from . import markup
from .shared import make_panel, make_text_box


def before_and_after(before: Pretraining, after: Pretraining, tokenizer: WordPiece,
                     text: str = "The [MASK] of the United States") -> widgets.VBox:  # fmt: skip
    """A box for a sentence with [MASK] in it, and below it the guesses of two models side by side."""
    check_arguments(before=(before, Pretraining), after=(after, Pretraining), tokenizer=(tokenizer, WordPiece))
    check_text(text, "text")
    models = {"before": before, "after": after}
    return make_panel([make_text_box(text)], lambda text: guesses_html(models, tokenizer, text))


def guesses_html(models: Mapping[str, Pretraining], tokenizer: WordPiece, text: str, k: int = 6) -> str:
    """For each [MASK] of a text the `k` best guesses of each model as bars. Raises ValueError for a text without
    [MASK], or one that is too long for a model."""
    guesses = {name: fill_masks(model, tokenizer, text, k) for name, model in models.items()}
    parts = []
    for number in range(text.count("[MASK]")):
        parts.append(f"<p>[MASK] {number + 1}</p>" * (text.count("[MASK]") > 1))
        columns = [html.escape(name) + markup.format_guesses(guesses[name][number]) for name in models]
        parts.append(markup.format_table([columns]))
    return "".join(parts)
