"""explore.error_browser: TODO."""

import html
from collections.abc import Sequence

import ipywidgets as widgets
from torch import nn

from ..tasks import Classification, LabelledText
from .shared import LONGEST_TEXT, format_bar


def error_browser(
    model: nn.Module,
    task: Classification,
    examples: Sequence[LabelledText],
    said: Sequence[dict] | None = None,
    text: str = "A dull film, saved by a brilliant actor.",
) -> widgets.VBox:
    """A box for a text of one's own and what the model says of it; below that the `examples` by outcome, label, answer
    and how sure the model was.

    `predictions` is what `task.predict(model, examples)` gave, if that was asked already. A second box is there when the
    examples are pairs. Raises ValueError when `predictions` has not one entry an example.
    """
    said = task.predict(model, examples) if said is None else said
    if len(said) != len(examples):
        raise ValueError(f"{len(said)} predictions for {len(examples)} examples")
    wide = {"width": "100%"}
    own = widgets.Text(value=text, description="Your text", layout=wide)
    second = widgets.Text(description="Second text", layout=wide)
    outcome = widgets.ToggleButtons(options=list(OUTCOMES), description="Show")
    order = widgets.ToggleButtons(options=[("surest first", True), ("least sure first", False)], description="Order")
    any_label = [("any label", ""), *((label, label) for label in task.labels)]
    truth = widgets.Dropdown(options=any_label, description="Truth")
    answer = widgets.Dropdown(options=any_label, description="Answer")
    of_own, of_examples = widgets.HTML(), widgets.HTML()

    def ask(_=None) -> None:
        of_own.value = prediction_html(model, task, own.value, second.value or None)

    def look(_=None) -> None:
        of_examples.value = errors_html(examples, said, outcome.value, order.value, truth.value, answer.value)

    for box in (own, second):
        box.observe(ask, "value")
    for control in (outcome, order, truth, answer):
        control.observe(look, "value")
    ask()
    look()
    boxes = [own, second] if any(example.pair is not None for example in examples) else [own]
    return widgets.VBox([*boxes, of_own, outcome, order, widgets.HBox([truth, answer]), of_examples])


OUTCOMES = {"wrong": (False,), "right": (True,), "both": (False, True)}  # is the answer the truth?


def select_examples(
    examples: Sequence[LabelledText], said: Sequence[dict], outcome: str = "wrong", surest: bool = True, truth: str = "",
    answer: str = ""
) -> list[tuple[LabelledText, dict]]:  # fmt: skip
    """The examples of an `outcome` ("wrong", "right", "both"), a true label and an answer ("": any), each with what was
    said of it, ordered by the probability of the answer. Raises ValueError for another outcome."""
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome is {outcome!r}; it is {', '.join(OUTCOMES)}")
    chosen = [
        (example, one)
        for example, one in zip(examples, said, strict=True)
        if (one["label"] == example.label) in OUTCOMES[outcome]
        and truth in ("", example.label)
        and answer in ("", one["label"])
    ]
    return sorted(chosen, key=lambda both: both[1]["probability"], reverse=surest)


def errors_html(
    examples: Sequence[LabelledText], said: Sequence[dict], outcome: str = "wrong", surest: bool = True, truth: str = "",
    answer: str = "", most: int = 8
) -> str:  # fmt: skip
    """How many examples are so, and the first `most` of them: truth, answer, its probability, text. See `select_examples`."""
    chosen = select_examples(examples, said, outcome, surest, truth, answer)
    what = {"wrong": "answered wrong", "right": "answered right", "both": "answered"}[outcome]
    limits = [f", {name} {html.escape(label)}" for name, label in (("truth", truth), ("answer", answer)) if label]
    count = f"<p>{len(chosen):,} of {len(examples):,} examples are {what}{''.join(limits)}."
    if not chosen:
        return f"{count}</p>"
    rows = []
    for example, one in chosen[:most]:
        truth, answer = html.escape(example.label), html.escape(one["label"])
        mark = "right" if one["label"] == example.label else "wrong"
        text = " | ".join(html.escape(part) for part in (example.text, example.pair) if part is not None)
        rows.append(f"<tr><td>{truth}</td><td>{answer} ({mark})</td><td>{format_bar(one['probability'], 60)}</td>"
                    f"<td style='text-align:left'>{text}</td></tr>")  # fmt: skip
    head = "<tr><th>truth</th><th>answer</th><th>probability</th><th style='text-align:left'>text</th></tr>"
    return f"{count} These are the first {len(rows)}.</p><table>{head}{''.join(rows)}</table>"


def prediction_html(model: nn.Module, task: Classification, text: str, pair: str | None = None, most: int = 5) -> str:
    """What the model says of a text, or of a pair of texts: a bar for each of the `most` likely labels."""
    texts = [text[:LONGEST_TEXT]] + ([] if pair is None else [pair[:LONGEST_TEXT]])
    tokens = [len(task.pieces.tokenize(one)) for one in texts]
    if not all(tokens):
        return "<p>Nothing to read yet: a text needs a letter, a digit or a mark. Type some.</p>"
    (one,) = task.predict(model, [LabelledText(*texts, *[None] * (2 - len(texts)), "")])
    room = task.length - 1 - len(tokens)
    note = f" It has {sum(tokens):,} tokens, of which {room} are read." if sum(tokens) > room else ""
    likely = sorted(one["probabilities"].items(), key=lambda both: -both[1])[:most]
    rows = "".join(f"<tr><td>{html.escape(label)}</td><td>{format_bar(p, 200)}</td></tr>" for label, p in likely)
    return f"<p>The model takes it for <b>{html.escape(one['label'])}</b>.{note}</p><table>{rows}</table>"
