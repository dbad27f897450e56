"""What several panels share: HTML that follows its controls, checks of the input, and lists of tokens."""

import html
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import ipywidgets as widgets
from torch import Tensor, nn

from ..arguments import check_arguments
from ..wordpiece import WordPiece

LONGEST_TEXT = 2000  # characters that a panel uses; with more, typing would become slow
MOST_TOKENS = 24  # tokens that are shown; more would not fit on a screen
FULL_WIDTH = {"width": "100%"}


class LiveHTML(widgets.HTML):
    """HTML that is rendered from the values of its controls: at once, and again whenever one of them changes. `render`
    takes the controls' values, in their order, and returns HTML. When it raises ValueError, the message is shown,
    because Jupyter hides errors in callbacks. Of a text only the first `LONGEST_TEXT` characters are used."""

    def __init__(self, controls: Iterable[widgets.Widget], render: Callable[..., str], **kwargs):
        super().__init__(**kwargs)
        self._controls, self._render, self._paused = list(controls), render, False
        for control in self._controls:
            control.observe(self._update, "value")
        self._update()

    def _update(self, _change: object = None) -> None:
        if self._paused:
            return
        values = [control.value for control in self._controls]
        short = [value[:LONGEST_TEXT] if isinstance(value, str) else value for value in values]
        note = "" if short == values else f"<p>Only the first {LONGEST_TEXT:,} characters of a text are used.</p>"
        try:
            self.value = note + self._render(*short)
        except ValueError as error:
            self.value = f"{note}<p><b>Nothing to show:</b> {html.escape(str(error))}</p>"

    @contextmanager
    def render_once(self) -> Iterator[None]:
        """Inside `with output.render_once():` controls may change without a new rendering; there is one at the end."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False
        self._update()


def make_panel(controls: Iterable[widgets.Widget], render: Callable[..., str]) -> widgets.VBox:
    """The controls, and below them the HTML that is rendered from their values."""
    return widgets.VBox([*controls, LiveHTML(controls, render)])


def make_text_box(text: str, description: str = "Sentence") -> widgets.Text:
    """A line to type in, as wide as the notebook."""
    return widgets.Text(value=text, description=description, layout=FULL_WIDTH)


def check_vocabulary(model: nn.Module, tokenizer: WordPiece, name: str = "the model") -> None:
    """Raise ValueError unless the model has one word embedding for each token of the tokenizer."""
    check_arguments(model=(model, nn.Module), tokenizer=(tokenizer, WordPiece))
    if model.config.vocab_size != len(tokenizer):
        raise ValueError(f"{name} has {model.config.vocab_size} tokens, but the vocabulary has {len(tokenizer)}: "
                         "pass the tokenizer that the model was trained with")  # fmt: skip


def tokenize_text(tokenizer: WordPiece, text: str, name: str = "the sentence") -> list[str]:
    """The tokens of a text. Raises ValueError when there is none."""
    tokens = tokenizer.tokenize(text)
    if not tokens:
        raise ValueError(f"{name} has no letter, digit or punctuation mark; type some text")
    return tokens


def note_truncation(name: str, count: int, kept: int, unit: str = "tokens") -> str:
    """A sentence saying that only the first `kept` of `count` units are used, or "" when all of them are."""
    return f"{name} has {count:,} {unit}; only the first {kept:,} are used. " if count > kept else ""


def list_top_tokens(tokenizer: WordPiece, scores: Tensor, k: int) -> list[list[tuple[str, float]]]:
    """For each row of `scores` (N, V) its `k` highest as (token, score), highest first."""
    values, ids = scores.float().topk(min(k, scores.size(-1)))
    return [[(tokenizer.vocab[i], value) for i, value in zip(*row, strict=True)]
            for row in zip(ids.tolist(), values.tolist(), strict=True)]  # fmt: skip
