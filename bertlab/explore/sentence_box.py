"""explore.sentence_box: TODO."""

import html
from collections.abc import Sequence

import ipywidgets as widgets
import torch

from ..wordpiece import SPECIAL_TOKENS, WordPiece
from .shared import BOX, LONGEST_TEXT, MOST_TOKENS


def sentence_box(
    wordpiece: WordPiece, table: torch.Tensor, text: str = "A dull film, saved by a brilliant actor.", k: int = 6
) -> widgets.VBox:
    """A box for a sentence, and below it each token with its `k` nearest words in the model's table, at each key.

    `table` (V, D) holds one vector a token of the vocabulary: `bert.embeddings.words.weight`. Raises ValueError when it
    does not fit the vocabulary.
    """
    unit = normalize_vectors(wordpiece, table)
    box = widgets.Text(value=text, description="Sentence", layout={"width": "100%"})
    shown = widgets.HTML()

    def redraw(_=None) -> None:
        shown.value = sentence_html(wordpiece, unit, box.value, k)

    box.observe(redraw, "value")
    redraw()
    return widgets.VBox([box, shown])


def normalize_vectors(wordpiece: WordPiece, table: torch.Tensor) -> torch.Tensor:
    """The table's vectors at length 1 (V, D); zeros for [CLS], [unused7] and the like, which are nobody's neighbours.

    Raises ValueError when the table does not have one vector a token.
    """
    if table.dim() != 2 or len(table) != len(wordpiece):
        raise ValueError(f"the table has shape {tuple(table.shape)}; the vocabulary has {len(wordpiece):,} tokens")
    unit = torch.nn.functional.normalize(table.detach().float().cpu(), dim=-1)
    marks = [i for i, token in enumerate(wordpiece.vocab) if token.startswith("[") and len(token) > 1]
    unit[marks] = 0.0
    return unit


def find_nearest_words(
    wordpiece: WordPiece, unit: torch.Tensor, tokens: Sequence[str], k: int = 6
) -> list[list[tuple[str, float]]]:
    """For each token the `k` others whose vectors point most nearly the same way: (token, cosine), nearest first."""
    ids = torch.tensor(wordpiece.ids(tokens), dtype=torch.long)
    cosines = unit[ids] @ unit.T  # (T, V)
    cosines[torch.arange(len(ids)), ids] = -2.0  # a token is not its own neighbour
    values, found = cosines.topk(min(k, len(unit) - 1))
    return [
        [(wordpiece.vocab[i], value) for i, value in zip(row, worth, strict=True)]
        for row, worth in zip(found.tolist(), values.tolist(), strict=True)
    ]


def sentence_html(wordpiece: WordPiece, unit: torch.Tensor, text: str, k: int = 6) -> str:
    """A table: each token of the text, its id, and its nearest words, the darker the nearer."""
    tokens = wordpiece.tokenize(text[:LONGEST_TEXT])
    if not tokens:
        return "<p>Nothing to read yet: the sentence holds no letter, digit or mark. Type some.</p>"
    note = (
        f"The sentence has {len(tokens):,} tokens: the first {MOST_TOKENS} are shown. "
        if len(tokens) > MOST_TOKENS
        else ""
    )
    tokens = tokens[:MOST_TOKENS]
    rows = []
    for token, words in zip(tokens, find_nearest_words(wordpiece, unit, tokens, k), strict=True):
        if token == "[UNK]":
            near = "not in the vocabulary: BERT cannot tell it from any other unknown word"
        elif token in SPECIAL_TOKENS:
            near = "a mark for the model, not a word"
        else:
            near = "".join(format_neighbour(word, cosine) for word, cosine in words)
        rows.append(f"<tr><td><b>{html.escape(token)}</b></td><td>{wordpiece.index[token]}</td>"
                    f'<td style="text-align:left">{near}</td></tr>')  # fmt: skip
    head = "<tr><th>token</th><th>id</th><th>nearest words, with the cosine of the angle between the vectors</th></tr>"
    return f"<p>{note}{len(tokens)} tokens.</p><table>{head}{''.join(rows)}</table>"


def format_neighbour(word: str, cosine: float) -> str:
    """One near word as a box of HTML."""
    blue = f"rgba(0,114,178,{max(0.0, min(1.0, cosine)) * 0.55:.2f})"
    return f'<span style="{BOX}background:{blue}">{html.escape(word)} <small>{cosine:.2f}</small></span>'
