"""Question answering: ask a text a question, and see the answer and where the model would start and end it."""

import html
from collections.abc import Sequence

import ipywidgets as widgets
from torch import nn

from ..tasks import Reading, run_model
from . import markup
from .shared import FULL_WIDTH, LiveHTML, make_text_box, tokenize_text


def ask_box(model: nn.Module, task: Reading, context: str, question: str, threshold: float = 0.0) -> widgets.VBox:
    """Boxes for a text and a question; below them the answer marked in the text, the score of "no answer" relative to
    it, and the probability of each token to be the start and the end of the answer."""
    text_box = widgets.Textarea(value=context, description="Text", layout={**FULL_WIDTH, "height": "8em"})
    question_box = make_text_box(question, "Question")
    most = 20.0 if task.no_answer else 0.0
    value = min(most, max(-most, threshold))
    slider = widgets.FloatSlider(value, min=-most, max=most, step=0.5, description="Threshold")
    output = LiveHTML([question_box, text_box, slider], lambda *values: ask_html(model, task, *values))
    return widgets.VBox([text_box, question_box, *([slider] if task.no_answer else []), output])


def find_answer_ends(model: nn.Module, task: Reading, question: str, context: str,
                     character: int) -> tuple[list[str], list[float], list[float]]:  # fmt: skip
    """The tokens of one window, [CLS] and those of the context, and the probability of each to be the answer's start
    and its end: three lists of the same length. Of the windows of a long context, the one with `character` nearest to
    its middle is chosen, or, when `character` is negative, the one with the lowest score for "no answer"."""
    rows = task.make_rows([task.parse_input((question, context))])
    windows = []
    for numbers, output in run_model(model, rows, task.collate):
        starts, ends = output.start_logits.float().cpu(), output.end_logits.float().cpu()
        windows += [(rows[i], start, end) for i, start, end in zip(numbers, starts, ends, strict=True)]

    def rank_window(window: tuple) -> float:
        row, start, end = window
        if character < 0:
            return float(start[0] + end[0])
        return -min(character - row["offsets"][0][0], row["offsets"][-1][1] - character)  # distance to the nearer edge

    row, start, end = min(windows, key=rank_window)
    positions = [0, *range(row["first"], row["first"] + len(row["offsets"]))]
    tokens = ["[CLS]", *(context[a:b] for a, b in row["offsets"])]
    return tokens, start[positions].softmax(0).tolist(), end[positions].softmax(0).tolist()


def ask_html(model: nn.Module, task: Reading, question: str, context: str, threshold: float = 0.0) -> str:
    """The context with the answer marked, the score of "no answer", and each token of a window with its two bars."""
    tokenize_text(task.tokenizer, question, "the question")
    tokenize_text(task.tokenizer, context, "the text")
    (prediction,) = task.predict_inputs(model, [(question, context)], threshold=threshold)
    start, answer = prediction["start"], prediction["answer"]
    text, verdict = html.escape(context), "The model finds no answer in this text."
    if answer:
        before, inside, after = map(html.escape, (context[:start], answer, context[start + len(answer) :]))
        text = f"{before}<mark><b>{inside}</b></mark>{after}"
        verdict = f"Answer: <b>{inside}</b> (probability {prediction['probability']:.0%} among the best spans)."
    if task.no_answer:
        verdict += f" “No answer” scores {prediction['gap']:+.1f} relative to the best span."
    bars = format_columns(*find_answer_ends(model, task, question, context, start))
    return (f"<p>{verdict}</p><p style='max-width:60em;white-space:pre-line'>{text}</p><p>Probability of each token to "
            f"be the start (blue, above) and the end (orange, below) of the answer:</p>{bars}")  # fmt: skip


def format_columns(tokens: Sequence[str], starts: Sequence[float], ends: Sequence[float]) -> str:
    """The tokens in a row, each with a bar above for its probability as start and one below for that as end."""
    columns = []
    for token, *shares in zip(tokens, starts, ends, strict=True):
        above, below = (
            f"<div style='height:24px;display:flex;flex-direction:column;justify-content:flex-{side}'><div "
            f"title='{share:.1%}' style='height:{24 * share:.0f}px;background:{colour};{markup.PRINTED}'></div></div>"
            for share, colour, side in zip(shares, (markup.BLUE, markup.ORANGE), ("end", "start"), strict=True)
        )
        word = f"<div style='padding:0 1px'>{html.escape(token)}</div>"
        columns.append(f"<div style='display:inline-block;margin:2px'>{above}{word}{below}</div>")
    return f"<div style='line-height:1'>{''.join(columns)}</div>"
