"""Word embeddings: each token of a sentence with the words whose vectors are most similar to its own."""

import html
from collections.abc import Sequence

import ipywidgets as widgets
import torch

from ..arguments import check_arguments, check_number, check_text
from ..wordpiece import SPECIAL_TOKENS, WordPiece
from . import markup
from .shared import MOST_TOKENS, list_top_tokens, make_panel, make_text_box, note_truncation, tokenize_text


def sentence_box(tokenizer: WordPiece, table: torch.Tensor, text: str = "A dull film, saved by a brilliant actor.",
                 k: int = 6) -> widgets.VBox:  # fmt: skip
    """A box for a sentence, and below it each token with its `k` nearest words in the model's table. `table` (V, D) has
    one vector for each token of the vocabulary: `bert.embeddings.words.weight`. Raises ValueError when it does not fit
    the vocabulary."""
    check_text(text, "text")
    k = check_number(k, "k", least=1, whole=True)
    unit_vectors = normalize_vectors(tokenizer, table)
    return make_panel([make_text_box(text)], lambda text: sentence_html(tokenizer, unit_vectors, text, k))


def normalize_vectors(tokenizer: WordPiece, table: torch.Tensor) -> torch.Tensor:
    """The table's vectors scaled to length 1, (V, D); [CLS], [unused7] and the like get zeros: they are near nothing.
    Raises ValueError when the table does not have one vector for each token."""
    check_arguments(tokenizer=(tokenizer, WordPiece), table=(table, torch.Tensor))
    if table.dim() != 2 or len(table) != len(tokenizer):
        raise ValueError(f"the table has shape {tuple(table.shape)}, but the vocabulary has {len(tokenizer):,} tokens: "
                         "pass the word embeddings of the model that this tokenizer belongs to")  # fmt: skip
    unit_vectors = torch.nn.functional.normalize(table.detach().float().cpu(), dim=-1)
    unit_vectors[[i for i, token in enumerate(tokenizer.vocab) if token.startswith("[") and len(token) > 1]] = 0.0
    return unit_vectors


def find_nearest_words(tokenizer: WordPiece, unit_vectors: torch.Tensor, tokens: Sequence[str],
                       k: int = 6) -> list[list[tuple[str, float]]]:  # fmt: skip
    """For each token the `k` other tokens with the most similar vectors: (token, cosine), nearest first."""
    ids = torch.tensor(tokenizer.convert_tokens_to_ids(tokens), dtype=torch.long)
    cosines = unit_vectors[ids] @ unit_vectors.T  # (T, V)
    cosines[torch.arange(len(ids)), ids] = -2.0  # below every cosine: a token is not its own neighbour
    return list_top_tokens(tokenizer, cosines, min(k, len(tokenizer) - 1))


def sentence_html(tokenizer: WordPiece, unit_vectors: torch.Tensor, text: str, k: int = 6) -> str:
    """A table with each token of the text, its id, and its nearest words; a darker colour means nearer."""
    tokens = tokenize_text(tokenizer, text)
    note = note_truncation("The sentence", len(tokens), MOST_TOKENS)
    tokens = tokens[:MOST_TOKENS]
    rows = []
    for token, neighbours in zip(tokens, find_nearest_words(tokenizer, unit_vectors, tokens, k), strict=True):
        if token == "[UNK]":
            nearest = "not in the vocabulary: BERT cannot tell it from any other unknown word"
        elif token in SPECIAL_TOKENS:
            nearest = "a special token, not a word"
        else:
            nearest = "".join(markup.format_box(f"{html.escape(word)} <small>{cosine:.2f}</small>",
                                                markup.mix_with_white(markup.BLUE, 0.55 * max(0.0, min(1.0, cosine))))
                              for word, cosine in neighbours)  # fmt: skip
        rows.append((f"<b>{html.escape(token)}</b>", str(tokenizer.index[token]), nearest))
    head = ("token", "id", "nearest words, with the cosine of the angle between the vectors")
    return f"<p>{note}{len(tokens)} tokens.</p>{markup.format_table(rows, head)}"
