"""A classifier's predictions for a text of your own, and for examples, filtered and sorted to find its errors."""

import html
from collections.abc import Mapping, Sequence

import ipywidgets as widgets
from torch import nn

from ..arguments import check_argument, check_arguments
from ..tasks import Classification, LabelledText
from . import markup
from .shared import LiveHTML, make_text_box, note_truncation, tokenize_text

OUTCOMES = ("wrong", "right", "wrong or right")


def error_browser(model: nn.Module, task: Classification, examples: Sequence[LabelledText],
                  predictions: Sequence[dict] | None = None,
                  text: str = "A dull film, saved by a brilliant actor.") -> widgets.VBox:  # fmt: skip
    """A box for your own text and its predicted label; below it the `examples`, filtered by outcome and by label.
    `predictions` are the results of `task.predict(model, examples)`, if you have them already. There is a second box
    when the examples are pairs. Raises ValueError when there is not one prediction for each example."""
    check_arguments(model=(model, nn.Module), task=(task, Classification), text=(text, str))
    check_argument(examples, [LabelledText], "examples")
    if predictions is not None:
        check_argument(predictions, [Mapping], "predictions")
    predictions = task.predict(model, examples) if predictions is None else predictions
    if len(predictions) != len(examples):
        raise ValueError(f"{len(predictions)} predictions for {len(examples)} examples: one for each is needed")
    first, second = make_text_box(text, "Your text"), make_text_box("", "Second text")
    outcome = widgets.ToggleButtons(options=OUTCOMES, description="Show")
    order = widgets.ToggleButtons(options=[("surest first", True), ("least sure first", False)], description="Order")
    any_label = [("any label", ""), *((label, label) for label in task.labels)]
    true_label = widgets.Dropdown(options=any_label, description="True label")
    predicted_label = widgets.Dropdown(options=any_label, description="Predicted")
    filters = [outcome, order, true_label, predicted_label]
    return widgets.VBox([
        *([first, second] if any(example.pair is not None for example in examples) else [first]),
        LiveHTML([first, second], lambda text, pair: prediction_html(model, task, text, pair or None)),
        outcome, order, widgets.HBox([true_label, predicted_label]),
        LiveHTML(filters, lambda *values: errors_html(examples, predictions, *values)),
    ])  # fmt: skip


def errors_html(examples: Sequence[LabelledText], predictions: Sequence[dict], outcome: str = "wrong",
                surest: bool = True, true_label: str = "", predicted_label: str = "",
                most: int = 8) -> str:  # fmt: skip
    """How many examples have an outcome (of `OUTCOMES`) and these labels ("" means any), and the first `most` of them
    in a table. They are sorted by the probability of the prediction, highest first if `surest`. Raises ValueError for
    another outcome."""
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome is {outcome!r}; it must be one of {', '.join(OUTCOMES)}")
    selected = []
    for example, prediction in zip(examples, predictions, strict=True):
        verdict = "right" if prediction["label"] == example.label else "wrong"
        if verdict in outcome and true_label in ("", example.label) and predicted_label in ("", prediction["label"]):
            selected.append((verdict, example, prediction))
    selected.sort(key=lambda row: row[2]["probability"], reverse=surest)
    rows = [
        (html.escape(example.label), f"{html.escape(prediction['label'])} ({verdict})",
         markup.format_bar(prediction["probability"], 60),
         " | ".join(html.escape(text) for text in (example.text, example.pair) if text is not None))
        for verdict, example, prediction in selected[:most]
    ]  # fmt: skip
    labels = f", true label {html.escape(true_label)}" * bool(true_label)
    labels += f", predicted label {html.escape(predicted_label)}" * bool(predicted_label)
    count = f"{len(selected):,} of {len(examples):,} predictions are {outcome}{labels}."
    if not rows:
        return f"<p>{count}</p>"
    table = markup.format_table(rows, ("true label", "predicted label", "probability", "text"))
    return f"<p>{count} These are the first {len(rows)}:</p>{table}"


def prediction_html(model: nn.Module, task: Classification, text: str, pair: str | None = None, most: int = 5) -> str:
    """What the model predicts for a text or a pair of texts: a bar for each of the `most` likely labels."""
    count = sum(len(tokenize_text(task.tokenizer, part, "the text")) for part in (text, pair) if part is not None)
    (prediction,) = task.predict_inputs(model, [text if pair is None else (text, pair)])
    note = note_truncation("The text", count, task.length - (2 if pair is None else 3))  # without [CLS] and [SEP]
    likely = sorted(prediction["probabilities"].items(), key=lambda item: -item[1])[:most]
    table = markup.format_table((html.escape(label), markup.format_bar(p, 200)) for label, p in likely)
    return f"<p>The model predicts <b>{html.escape(prediction['label'])}</b>. {note}</p>{table}"
