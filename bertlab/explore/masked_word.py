"""explore.masked_word: TODO."""

import html
from collections.abc import Sequence

import ipywidgets as widgets
import torch

from ..heads import Pretraining
from ..wordpiece import WordPiece
from .shared import BOX, LONGEST_TEXT, format_guess_row


def masked_word_box(
    model: Pretraining, wordpiece: WordPiece, text: str = "And God said, Let there be light.", k: int = 6
) -> widgets.VBox:
    """A sentence, a button for each of its words, and below the model's guesses for the word that is chosen.

    The word may be hidden, or left to be read: the model is asked all the same. Raises ValueError when the model and
    the vocabulary do not fit.
    """
    if model.config.vocab_size != len(wordpiece):
        raise ValueError(f"the model knows {model.config.vocab_size} tokens, the vocabulary has {len(wordpiece)}")
    wide = {"width": "100%"}
    box = widgets.Text(value=text, description="Sentence", layout=wide)
    words = widgets.ToggleButtons(options=[("", 0)], style={"button_width": "auto"}, layout=wide)
    hide = widgets.ToggleButtons(options=[("hidden as [MASK]", True), ("left to be read", False)],
                                 style={"button_width": "auto"})  # fmt: skip
    shown = widgets.HTML()
    state = {"setting": False}

    def ask(_=None) -> None:
        if not state["setting"]:
            shown.value = masked_word_html(model, wordpiece, box.value, words.value or 0, hide.value, k)

    def read(_=None) -> None:
        room = model.config.max_position_embeddings - 2
        found, before = split_into_words(wordpiece, box.value, room), words.value
        state["setting"] = True  # the buttons change several times, and the model is asked once
        # A word may stand twice; the number keeps the buttons apart for ipywidgets.
        words.options = [(f"{i + 1} {join_pieces(pieces)}", i) for i, pieces in enumerate(found)] or [("", 0)]
        words.value = before if before is not None and before < len(found) else 0
        state["setting"] = False
        ask()

    box.observe(read, "value")
    words.observe(ask, "value")
    hide.observe(ask, "value")
    read()
    words.value = len(words.options) // 2
    return widgets.VBox([box, words, hide, shown])


def split_into_words(wordpiece: WordPiece, text: str, room: int) -> list[list[str]]:
    """The words of a text, each as its pieces; as many as fit into `room` tokens."""
    words: list[list[str]] = []
    for token in wordpiece.tokenize(text[:LONGEST_TEXT]):
        if token.startswith("##") and words:
            words[-1].append(token)
        else:
            words.append([token])
    while sum(map(len, words)) > room:
        words.pop()
    return words


def join_pieces(pieces: Sequence[str]) -> str:
    """["be", "##gin"] -> "begin"."""
    return pieces[0] + "".join(piece.removeprefix("##") for piece in pieces[1:])


@torch.no_grad()
def guess_word(
    model: Pretraining, wordpiece: WordPiece, words: Sequence[Sequence[str]], number: int, hide: bool = True, k: int = 6
) -> list[list[tuple[str, float]]]:
    """What the model thinks stands at each piece of word `number`: its `k` best guesses, with probabilities.

    With `hide` all pieces of the word become [MASK]; without, the model reads them.
    """
    before = 1 + sum(map(len, words[:number]))
    size = len(words[number])
    tokens = ["[CLS]", *(piece for word in words for piece in word), "[SEP]"]
    if hide:
        tokens[before : before + size] = ["[MASK]"] * size
    ids = torch.tensor([wordpiece.ids(tokens)], device=model.mlm.bias.device)
    training = model.training
    model.eval()
    logits = model(ids).mlm_logits[0, before : before + size]  # (pieces, V)
    model.train(training)
    values, best = logits.float().softmax(-1).topk(min(k, len(wordpiece)))
    return [
        [(wordpiece.vocab[i], p) for i, p in zip(row, some, strict=True)]
        for row, some in zip(best.tolist(), values.tolist(), strict=True)
    ]


def masked_word_html(
    model: Pretraining, wordpiece: WordPiece, text: str, number: int, hide: bool = True, k: int = 6
) -> str:
    """The sentence with its hole, and for each piece that was asked for the guesses as bars."""
    room = model.config.max_position_embeddings - 2
    words = split_into_words(wordpiece, text, room)
    if not words:
        return "<p>Nothing to hide yet: the sentence holds no letter, digit or mark. Type some.</p>"
    number = min(number, len(words) - 1)
    pieces = [piece for word in words for piece in word]
    note = ""
    if len(wordpiece.tokenize(text[:LONGEST_TEXT])) > len(pieces):
        note = f"<p>The model has {room + 2} positions: only the first {len(words)} words are read.</p>"
    if "[UNK]" in words[number]:
        note += "<p>This word holds a sign that is not in the vocabulary, so no guess can be right.</p>"
    start = sum(map(len, words[:number]))
    line = []
    for place, piece in enumerate(pieces):
        asked = start <= place < start + len(words[number])
        name = html.escape("[MASK]" if asked and hide else piece)
        line.append(f'<span style="{BOX}background:{"#fbe3b3" if asked else "#cfe6f5"}">{name}</span>')
    parts = []
    for piece, some in zip(words[number], guess_word(model, wordpiece, words, number, hide, k), strict=True):
        rows = "".join(format_guess_row(guess, p, guess == piece) for guess, p in some)
        parts.append(
            f"<td style='vertical-align:top'>There stood <b>{html.escape(piece)}</b><table>{rows}</table></td>"
        )
    return f"{note}<p>{''.join(line)}</p><table><tr>{''.join(parts)}</tr></table>"
