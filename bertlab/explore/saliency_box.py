"""Saliency: which tokens of a sentence made a classifier predict its class, according to six methods."""

import html
from collections.abc import Sequence

import ipywidgets as widgets
import torch

from .. import saliency
from ..arguments import check_argument, check_arguments, check_list, check_number
from ..heads import Classifier
from ..model import eval_mode
from ..wordpiece import WordPiece
from . import markup
from .shared import MOST_TOKENS, check_vocabulary, make_panel, make_text_box, note_truncation, tokenize_text


def saliency_box(model: Classifier, tokenizer: WordPiece, text: str = "A dull film, saved by a brilliant actor.",
                 labels: Sequence[str] | None = None, steps: int = 8) -> widgets.VBox:  # fmt: skip
    """A box for a sentence, and below it the predicted class and the score of each token by each method. `labels` are
    the names of the classes. `steps` are those of integrated gradients: more are more exact, and slower. Raises
    ValueError when the vocabulary or the names do not fit the model."""
    check_arguments(model=(model, Classifier), text=(text, str))
    labels = labels if labels is None else check_argument(check_list(labels, "labels", "texts"), [str], "labels")
    steps = check_number(steps, "steps", least=1, whole=True)
    check_vocabulary(model, tokenizer)
    labels = [f"class {number}" for number in range(model.num_labels)] if labels is None else list(labels)
    if len(labels) != model.num_labels:
        raise ValueError(f"{len(labels)} names for {model.num_labels} classes: give one name for each class")
    return make_panel([make_text_box(text)], lambda text: saliency_html(model, tokenizer, text, labels, steps))


def explain_text(model: Classifier, tokenizer: WordPiece, text: str,
                 steps: int = 8) -> tuple[list[str], int, float, dict[str, list[float]]]:  # fmt: skip
    """The tokens of a text with [CLS] and [SEP], the predicted class, its probability, and each method's token scores.
    A text of more than `MOST_TOKENS` tokens is truncated. The baseline of integrated gradients has [MASK] in place of
    every word. Raises ValueError for a text without a token."""
    tokenize_text(tokenizer, text)
    room = min(MOST_TOKENS + 2, model.config.max_position_embeddings)
    encoding = tokenizer.encode(text, max_length=room, truncate=True)
    ids = torch.tensor([encoding.input_ids], device=model.output.weight.device)
    baseline = saliency.make_blank_baseline(ids, tokenizer.mask_id, (tokenizer.cls_id, tokenizer.sep_id))
    with eval_mode(model):
        probability, predicted = model(input_ids=ids).logits.float().softmax(-1).max(-1)  # (1,), (1,)
        scores = saliency.score_tokens(model, {"input_ids": ids}, predicted, baseline, steps)
    scores = {name: values[0].tolist() for name, values in scores.items()}
    return encoding.tokens, int(predicted), float(probability), scores


def saliency_html(model: Classifier, tokenizer: WordPiece, text: str, labels: Sequence[str], steps: int = 8) -> str:
    """A row of coloured tokens for each method: blue is evidence for the class, orange against it."""
    tokens, predicted, probability, scores = explain_text(model, tokenizer, text, steps)
    label = html.escape(labels[predicted])
    table = markup.format_table((html.escape(name), format_scored_tokens(tokens, scores[name])) for name in scores)
    note = note_truncation("The sentence", len(tokenizer.tokenize(text)), len(tokens) - 2)
    return (f"<p>The model predicts <b>{label}</b> with probability {probability:.2f}. {note}</p>{table}<p>"
            f"Each row is scaled to its own largest number. Blue is evidence for {label}, orange with a dashed frame "
            "is evidence against it. The highest score of a row is in bold.</p>")  # fmt: skip


def format_scored_tokens(tokens: Sequence[str], scores: Sequence[float]) -> str:
    """Tokens in a row, coloured by their scores relative to the largest one, with the highest in bold."""
    largest, highest = max(map(abs, scores)) or 1.0, scores.index(max(scores))
    boxes = []
    for position, (token, score) in enumerate(zip(tokens, scores, strict=True)):
        share = score / largest  # -1 to 1
        name = f"<b>{html.escape(token)}</b>" if position == highest else html.escape(token)
        if share < 0:
            colour, frame = markup.mix_with_white(markup.ORANGE, -0.75 * share), "border:1px dashed #a06000"
        else:
            colour, frame = markup.mix_with_white(markup.BLUE, 0.6 * share), "border:1px solid #999"
        boxes.append(markup.format_box(name, colour, frame, title=f"{share:+.2f}"))
    return "".join(boxes)
