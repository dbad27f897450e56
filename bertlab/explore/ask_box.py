"""explore.ask_box: TODO."""

import html

import ipywidgets as widgets
from torch import nn

from ..tasks import Question, Reading, run_model
from .shared import LONGEST_TEXT


def ask_box(model: nn.Module, task: Reading, context: str, question: str, threshold: float = 0.0) -> widgets.VBox:
    """A box for a text and one for a question; below them the answer in its place, how far "no answer" lies from it,
    and where the model would start and end."""
    wide = {"width": "100%"}
    text = widgets.Textarea(value=context, description="Text", layout={**wide, "height": "8em"})
    asked = widgets.Text(value=question, description="Question", layout=wide)
    most = 20.0 if task.no_answer else 0.0
    value = min(most, max(-most, threshold))
    cut = widgets.FloatSlider(value=value, min=-most, max=most, step=0.5, description="Threshold")
    shown = widgets.HTML()

    def redraw(_=None) -> None:
        shown.value = ask_html(model, task, asked.value, text.value, cut.value)

    for box in (text, asked, cut):
        box.observe(redraw, "value")
    redraw()
    return widgets.VBox([text, asked, *([cut] if task.no_answer else []), shown])


def find_answer_ends(
    model: nn.Module, task: Reading, question: str, context: str, at: int
) -> tuple[list[str], list, list]:
    """What a window is read as, [CLS] and then pieces of the context, and the shares (1 + T,) of start and end among
    them: of the window in whose middle the character `at` lies best; below 0: of that where "no answer" is lowest."""
    rows = task.rows([Question("", question, context, [])])
    best: tuple[float, list[str], list, list] | None = None
    for chosen, output in run_model(model, rows, task.collate):
        ends = output.start_logits.float().cpu(), output.end_logits.float().cpu()
        for i, start, end in zip(chosen, *ends, strict=True):
            offsets, first = rows[i]["offsets"], rows[i]["first"]
            seen = [0, *range(first, first + len(offsets))]
            if at < 0:
                worth = float(start[0] + end[0])
            else:  # how far `at` is from the nearer edge of the window
                worth = -float(min(at - offsets[0][0], offsets[-1][1] - at))
            if best is None or worth < best[0]:
                pieces = ["[CLS]", *(context[a:b] for a, b in offsets)]
                best = worth, pieces, start[seen].softmax(0).tolist(), end[seen].softmax(0).tolist()
    return best[1:]


def ask_html(model: nn.Module, task: Reading, question: str, context: str, threshold: float = 0.0) -> str:
    """The context with the answer marked, the gap to "no answer", and over and under each token of one window its share
    as start and as end."""
    question, context = question[:LONGEST_TEXT], context[:LONGEST_TEXT]
    if not (task.pieces.tokenize(question) and task.pieces.tokenize(context)):
        return "<p>A text and a question are needed. Type some.</p>"
    (said,) = task.predict(model, [Question("", question, context, [])], threshold=threshold)
    start, answer = said["start"], said["answer"]
    if answer:
        parts = (context[:start], answer, context[start + len(answer) :])
        before, inside, after = (html.escape(part).replace("\n", "<br>") for part in parts)
        text = f"{before}<mark><b>{inside}</b></mark>{after}"
        verdict = f"The answer: <b>{html.escape(answer)}</b>, {said['probability']:.0%} among the best spans."
    else:
        text = html.escape(context).replace("\n", "<br>")
        verdict = "The text does not say, the model thinks."
    gap = f" “No answer” scores {said['gap']:+.1f} against the best span." if task.no_answer else ""
    tokens, starts, ends = find_answer_ends(model, task, question, context, start)
    columns = "".join(map(format_token_column, tokens, starts, ends))
    return (
        f"<p>{verdict}{gap}</p><p style='max-width:60em'>{text}</p>"
        f"<p>Share as start (blue, above) and as end (orange, below):</p><div style='line-height:1'>{columns}</div>"
    )


def format_token_column(token: str, start: float, end: float) -> str:
    """A token, over it a bar for its share as start, under it one for its share as end."""
    bars = [f"<div title='{share:.1%}' style='height:{24 * share:.0f}px;background:{colour}'></div>"
            for share, colour in ((start, "#0072b2"), (end, "#e69f00"))]  # fmt: skip
    over, under = (f"<div style='height:24px;display:flex;flex-direction:column;justify-content:{side}'>{bar}</div>"
                   for bar, side in zip(bars, ("flex-end", "flex-start"), strict=True))  # fmt: skip
    word = f"<div style='padding:0 1px'>{html.escape(token)}</div>"
    return f"<div style='display:inline-block;margin:2px'>{over}{word}{under}</div>"
