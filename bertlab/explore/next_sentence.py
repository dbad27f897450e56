"""Next-sentence prediction: type two sentences, and see how likely each model finds it that B follows A."""

import html
from collections.abc import Mapping

import ipywidgets as widgets
import torch

from ..arguments import check_arguments
from ..heads import Pretraining
from ..model import eval_mode
from ..wordpiece import WordPiece
from . import markup
from .shared import MOST_TOKENS, LiveHTML, check_vocabulary, make_text_box, tokenize_text


def next_sentence_box(models: Mapping[str, Pretraining], tokenizer: WordPiece,
                      a: str = "The river rises in the mountains of the north.",
                      b: str = "It flows into the lake after forty miles.") -> widgets.VBox:  # fmt: skip
    """Boxes for sentences A and B, a button that swaps them, and below them what each model predicts for the pair.
    `models`: name -> model with a next-sentence head (label 0: B follows A). Raises ValueError if there is none, or if
    a model and the vocabulary do not fit."""
    check_arguments(models=(models, {str: Pretraining}), a=(a, str), b=(b, str))
    if not models:
        raise ValueError("there are no models: give at least one, by name")
    for name, model in models.items():
        check_vocabulary(model, tokenizer, f"model {name!r}")
    first, second = make_text_box(a, "A"), make_text_box(b, "B")
    button = widgets.Button(description="Swap A and B")
    output = LiveHTML([first, second], lambda a, b: next_sentence_html(models, tokenizer, a, b))

    def swap_sentences(_button: widgets.Button) -> None:
        with output.render_once():
            first.value, second.value = second.value, first.value

    button.on_click(swap_sentences)
    return widgets.VBox([first, second, button, output])


def score_pairs(models: Mapping[str, Pretraining], tokenizer: WordPiece, a: str, b: str) -> dict[str, float]:
    """For each model the probability that B follows A. Long sentences are truncated, the longer one first. Raises
    ValueError when a sentence has no token."""
    tokenize_text(tokenizer, a, "sentence A")
    tokenize_text(tokenizer, b, "sentence B")
    probabilities = {}
    for name, model in models.items():
        if model.nsp is None:
            raise ValueError(f"{name} has no NSP head: it learned masked words alone")
        pair = tokenizer.encode(a, b, max_length=model.config.max_position_embeddings, truncate=True)
        ids, segments = torch.tensor([[pair.input_ids], [pair.token_type_ids]], device=model.nsp.weight.device)
        with eval_mode(model):  # labels of -100 at every token: no MLM logits are needed
            logits = model(ids, segments, labels=torch.full_like(ids, -100)).nsp_logits
        probabilities[name] = float(logits.float().softmax(-1)[0, 0])
    return probabilities


def next_sentence_html(models: Mapping[str, Pretraining], tokenizer: WordPiece, a: str, b: str) -> str:
    """The first tokens of both sentences, with those that occur in both in bold, and a bar for each model."""
    probabilities = score_pairs(models, tokenizer, a, b)
    sentences = {"A": tokenizer.tokenize(a), "B": tokenizer.tokenize(b)}
    common = set(sentences["A"]) & set(sentences["B"])
    rows = []
    for name, tokens in sentences.items():
        names = [f"<b>{html.escape(t)}</b>" if t in common else html.escape(t) for t in tokens[:MOST_TOKENS]]
        names += [f"and {len(tokens) - MOST_TOKENS} more"] * (len(tokens) > MOST_TOKENS)
        rows.append((f"sentence {name}", " ".join(names)))
    for name, p in probabilities.items():
        prediction = f"{'next' if p >= 0.5 else 'not next'}: the probability that B follows A is {p:.2f}"
        rows.append((html.escape(name), markup.format_bar(p, content=prediction)))
    return f"{markup.format_table(rows)}<p>Bold: {len(common)} tokens that occur in both sentences.</p>"
