"""Masked language modelling: choose a word of a sentence, and see what the model predicts in its place."""

import html
from collections.abc import Sequence

import ipywidgets as widgets
import torch

from ..arguments import check_arguments, check_number
from ..heads import Pretraining
from ..model import eval_mode
from ..wordpiece import WordPiece
from . import markup
from .shared import FULL_WIDTH, LONGEST_TEXT, LiveHTML, check_vocabulary, list_top_tokens, make_text_box


def masked_word_box(model: Pretraining, tokenizer: WordPiece, text: str = "And God said, Let there be light.",
                    k: int = 6) -> widgets.VBox:  # fmt: skip
    """A box for a sentence, a button for each of its words, and below them the model's guesses for the chosen word. The
    word is either replaced by [MASK] or left visible to the model. Raises ValueError when the model and the vocabulary
    do not fit."""
    check_arguments(model=(model, Pretraining), text=(text, str))
    k = check_number(k, "k", least=1, whole=True)
    check_vocabulary(model, tokenizer)
    room = model.config.max_position_embeddings - 2

    def list_options(text: str) -> list[tuple[str, int]]:
        """(label, number) of each word. Labels begin with a number, because ipywidgets needs them to differ."""
        words = tokenize_words(tokenizer, text, room)
        return [(f"{i + 1} {join_pieces(pieces)}", i) for i, pieces in enumerate(words)] or [("", 0)]

    sentence = make_text_box(text)
    words = widgets.ToggleButtons(options=list_options(text), layout=FULL_WIDTH)
    words.value = len(words.options) // 2
    mask = widgets.ToggleButtons(options=[("replaced by [MASK]", True), ("left visible", False)])
    words.style.button_width = mask.style.button_width = "auto"
    output = LiveHTML([words, mask], lambda *values: masked_word_html(model, tokenizer, sentence.value, *values, k))

    def offer_words(change: dict) -> None:
        number = words.value
        with output.render_once():
            words.options = list_options(change["new"])
            words.value = number if number < len(words.options) else 0

    sentence.observe(offer_words, "value")
    return widgets.VBox([sentence, words, mask, output])


def tokenize_words(tokenizer: WordPiece, text: str, room: int) -> list[list[str]]:
    """The words of a text, each as its pieces; only as many words as fit into `room` tokens."""
    words: list[list[str]] = []
    for token in tokenizer.tokenize(text[:LONGEST_TEXT]):
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


def guess_word(model: Pretraining, tokenizer: WordPiece, words: Sequence[Sequence[str]], number: int, mask: bool = True,
               k: int = 6) -> list[list[tuple[str, float]]]:  # fmt: skip
    """The model's `k` best guesses for each piece of word `number`, with probabilities. With `mask` all pieces of the
    word are replaced by [MASK]; without it, the model sees them."""
    start = 1 + sum(map(len, words[:number]))  # 1 is [CLS]
    stop = start + len(words[number])
    tokens = ["[CLS]", *(piece for word in words for piece in word), "[SEP]"]
    if mask:
        tokens[start:stop] = ["[MASK]"] * (stop - start)
    ids = torch.tensor([tokenizer.convert_tokens_to_ids(tokens)], device=model.mlm.bias.device)
    with eval_mode(model):
        logits = model(ids).mlm_logits[0, start:stop]  # (pieces, V)
    return list_top_tokens(tokenizer, logits.float().softmax(-1), k)


def masked_word_html(model: Pretraining, tokenizer: WordPiece, text: str, number: int, mask: bool, k: int) -> str:
    """The sentence with its masked word, and for each piece of the word the guesses as bars. Raises ValueError for a
    sentence without a word that fits into the model."""
    room = model.config.max_position_embeddings - 2
    words = tokenize_words(tokenizer, text, room)
    if not words:
        raise ValueError(f"the sentence has no word that fits into {room} tokens; type some text")
    number, note = min(number, len(words) - 1), ""
    if len(tokenizer.tokenize(text[:LONGEST_TEXT])) > sum(map(len, words)):
        note = f"<p>The model has {room + 2} positions, so only the first {len(words)} words are used.</p>"
    if "[UNK]" in words[number]:
        note += "<p>This word has a character that is not in the vocabulary, so no guess can be correct.</p>"
    boxes = [markup.format_box("[MASK]" if mask and i == number else html.escape(piece),
                               "#fbe3b3" if i == number else "#cfe6f5")
             for i, pieces in enumerate(words) for piece in pieces]  # fmt: skip
    columns = [f"Original: <b>{html.escape(piece)}</b>{markup.format_guesses(guesses, truth=piece)}" for piece, guesses
               in zip(words[number], guess_word(model, tokenizer, words, number, mask, k), strict=True)]  # fmt: skip
    return f"{note}<p>{''.join(boxes)}</p>{markup.format_table([columns])}"
