"""explore.saliency_box: TODO."""

import html
from collections.abc import Sequence

import ipywidgets as widgets
import torch

from .. import saliency
from ..heads import Classifier
from ..wordpiece import WordPiece
from .shared import BOX, LONGEST_TEXT, MOST_TOKENS


def saliency_box(
    model: Classifier,
    wordpiece: WordPiece,
    text: str = "A dull film, saved by a brilliant actor.",
    labels: Sequence[str] | None = None,
    steps: int = 8,
) -> widgets.VBox:
    """A box for a sentence, and below it the class that the model takes and what each method says of the tokens.

    `labels` are the names of the classes; `steps` those of integrated gradients: more are truer, and slower. Raises
    ValueError when the vocabulary or the names do not fit the model.
    """
    labels = [f"class {number}" for number in range(model.num_labels)] if labels is None else list(labels)
    if model.config.vocab_size != len(wordpiece):
        raise ValueError(f"the model knows {model.config.vocab_size} tokens, the vocabulary has {len(wordpiece)}")
    if len(labels) != model.num_labels:
        raise ValueError(f"{len(labels)} names for {model.num_labels} classes")
    box = widgets.Text(value=text, description="Sentence", layout={"width": "100%"})
    shown = widgets.HTML()

    def redraw(_=None) -> None:
        shown.value = saliency_html(model, wordpiece, box.value, labels, steps)

    box.observe(redraw, "value")
    redraw()
    return widgets.VBox([box, shown])


def explain_text(
    model: Classifier, wordpiece: WordPiece, text: str, steps: int = 8
) -> tuple[list[str], int, float, dict[str, list[float]]]:
    """Its tokens, the class that the model takes, its probability, and the scores of each method, a number a token.

    [CLS] and [SEP] are among the tokens. A text of more than `MOST_TOKENS` is cut. Raises ValueError for one without
    any. The baseline of integrated gradients is [MASK] in place of every word.
    """
    tokens = wordpiece.tokenize(text[:LONGEST_TEXT])[: min(MOST_TOKENS, model.config.max_position_embeddings - 2)]
    if not tokens:
        raise ValueError("the sentence holds no letter, digit or mark")
    ids = [wordpiece.cls_id, *wordpiece.ids(tokens), wordpiece.sep_id]
    batch = {"input_ids": torch.tensor([ids], device=model.output.weight.device)}
    training = model.training
    model.eval()
    with torch.no_grad():
        probabilities = model(**batch).logits.float().softmax(-1)[0]
    taken = int(probabilities.argmax())
    baseline = saliency.make_blank_baseline(batch["input_ids"], wordpiece.mask_id, (wordpiece.cls_id, wordpiece.sep_id))
    scores = saliency.score_tokens(model, batch, probabilities.argmax()[None], baseline, steps)
    model.train(training)
    rows = {name: values[0].tolist() for name, values in scores.items()}
    return ["[CLS]", *tokens, "[SEP]"], taken, float(probabilities[taken]), rows


def saliency_html(model: Classifier, wordpiece: WordPiece, text: str, labels: Sequence[str], steps: int = 8) -> str:
    """A row of coloured tokens for each method: blue speaks for the class, orange and dashed against it."""
    try:
        tokens, taken, probability, rows = explain_text(model, wordpiece, text, steps)
    except ValueError as error:
        return f"<p>Nothing to explain yet: {error}. Type some.</p>"
    count = len(wordpiece.tokenize(text[:LONGEST_TEXT]))
    note = f" The sentence has {count:,} tokens: the first {len(tokens) - 2} are read." * (count > len(tokens) - 2)
    lines = []
    for name, weights in rows.items():
        largest = max(abs(weight) for weight in weights) or 1.0
        best = max(range(len(weights)), key=weights.__getitem__)
        boxes = "".join(
            format_token(token, weight / largest, place == best)
            for place, (token, weight) in enumerate(zip(tokens, weights, strict=True))
        )
        lines.append(f"<tr><td>{html.escape(name)}</td><td style='text-align:left'>{boxes}</td></tr>")
    return (
        f"<p>The model takes it for <b>{html.escape(labels[taken])}</b>, probability {probability:.2f}.{note}</p>"
        f"<table>{''.join(lines)}</table><p>Each row is scaled to its own largest number. Blue speaks for "
        f"{html.escape(labels[taken])}, orange with a dashed frame against it. The highest stands in bold.</p>"
    )


def format_token(token: str, share: float, highest: bool) -> str:
    """One token as a box of HTML; `share`, from -1 to 1, is its colour."""
    colour = f"rgba(0,114,178,{0.6 * share:.2f})" if share >= 0 else f"rgba(230,159,0,{-0.75 * share:.2f})"
    frame = "1px dashed #a06000" if share < 0 else "1px solid #999"
    name = f"<b>{html.escape(token)}</b>" if highest else html.escape(token)
    return f'<span title="{share:+.2f}" style="{BOX}background:{colour};border:{frame}">{name}</span>'
