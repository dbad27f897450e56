"""explore.next_sentence: TODO."""

import html
from collections.abc import Mapping

import ipywidgets as widgets
import torch

from ..heads import Pretraining
from ..wordpiece import WordPiece
from .shared import LONGEST_TEXT, MOST_TOKENS


def next_sentence_box(
    models: Mapping[str, Pretraining],
    wordpiece: WordPiece,
    a: str = "The river rises in the mountains of the north.",
    b: str = "It flows into the lake after forty miles.",
) -> widgets.VBox:
    """Two boxes for sentences A and B, a button that swaps them, and below what each model says of the pair.

    `models` maps a name to a model with a next-sentence head (label 0: B follows). Raises ValueError for none, and when
    a model and the vocabulary do not fit.
    """
    if not models:
        raise ValueError("no models: give at least one, by name")
    for name, model in models.items():
        if model.config.vocab_size != len(wordpiece):
            raise ValueError(f"{name} knows {model.config.vocab_size} tokens, the vocabulary has {len(wordpiece)}")
    wide = {"width": "100%"}
    first = widgets.Text(value=a, description="A", layout=wide)
    second = widgets.Text(value=b, description="B", layout=wide)
    button = widgets.Button(description="Swap A and B")
    shown = widgets.HTML()

    def ask(_=None) -> None:
        shown.value = next_sentence_html(models, wordpiece, first.value, second.value)

    def swap(_=None) -> None:
        first.value, second.value = second.value, first.value

    first.observe(ask, "value")
    second.observe(ask, "value")
    button.on_click(swap)
    ask()
    return widgets.VBox([first, second, button, shown])


@torch.no_grad()
def score_pairs(models: Mapping[str, Pretraining], wordpiece: WordPiece, a: str, b: str) -> dict[str, float]:
    """For each model the probability that B follows A. Long sentences are cut, the longer one first.

    Raises ValueError when a sentence has no token.
    """
    found = {}
    for name, model in models.items():
        pair = [wordpiece.ids(wordpiece.tokenize(text[:LONGEST_TEXT])) for text in (a, b)]
        if not all(pair):
            raise ValueError("a sentence without a letter, digit or mark cannot follow or be followed")
        while len(pair[0]) + len(pair[1]) > model.config.max_position_embeddings - 3:
            max(pair, key=len).pop()
        ids = [wordpiece.cls_id, *pair[0], wordpiece.sep_id, *pair[1], wordpiece.sep_id]
        segments = [0] * (len(pair[0]) + 2) + [1] * (len(pair[1]) + 1)
        device = model.nsp.weight.device
        training = model.training
        model.eval()
        asked = torch.tensor([ids], device=device)
        unasked = torch.full_like(asked, -100)  # no word is to be guessed
        logits = model(asked, torch.tensor([segments], device=device), labels=unasked).nsp_logits
        model.train(training)
        found[name] = float(logits.float().softmax(-1)[0, 0])
    return found


def next_sentence_html(models: Mapping[str, Pretraining], wordpiece: WordPiece, a: str, b: str) -> str:
    """The tokens of both sentences, those that stand in both in bold, and a bar for each model."""
    tokens = [wordpiece.tokenize(text[:LONGEST_TEXT]) for text in (a, b)]
    for name, some in zip("AB", tokens, strict=True):
        if not some:
            return f"<p>Sentence {name} holds no letter, digit or mark. Type some.</p>"
    shared = set(tokens[0]) & set(tokens[1])
    rows = []
    for segment, some in enumerate(tokens):
        words = " ".join(f"<b>{html.escape(t)}</b>" if t in shared else html.escape(t) for t in some[:MOST_TOKENS])
        more = f" and {len(some) - MOST_TOKENS} more" if len(some) > MOST_TOKENS else ""
        rows.append(f"<tr><td>segment {segment}</td><td style='text-align:left'>{words}{more}</td></tr>")
    for name, p in score_pairs(models, wordpiece, a, b).items():
        bar = f"<div style='background:#0072B2;height:0.9em;width:{200 * p:.0f}px'></div>"
        said = "next" if p >= 0.5 else "not next"
        rows.append(f"<tr><td>{html.escape(name)}</td><td style='text-align:left'>{bar}{said}: the probability "
                    f"that B follows is {p:.2f}</td></tr>")  # fmt: skip
    return f"<table>{''.join(rows)}</table><p>Bold: {len(shared)} tokens that stand in both sentences.</p>"
