"""explore.beam_box: TODO."""

import html
from collections.abc import Sequence

import ipywidgets as widgets
import torch

from ..tasks import TextPair, Writing
from ..writing import Writer
from .shared import LONGEST_TEXT

PartialText = tuple[float, list[int]]  # a text that was begun: log p and its ids


def beam_box(model: Writer, task: Writing, sources: Sequence[str], beams: int = 3) -> widgets.VBox:
    """Step through the beam: a source (one of `sources`, or your own), how many texts are carried on, and after which
    word to look. Below that the texts of that word with their log p, and what becomes of each.

    Raises ValueError when there is no source.
    """
    if not sources:
        raise ValueError("there is no source to choose")
    wide = {"width": "100%"}
    choose = widgets.Dropdown(options=list(sources), description="Source", layout=wide)
    own = widgets.Text(value=sources[0], description="or your own", layout=wide)
    many = widgets.IntSlider(value=beams, min=1, max=8, description="Beams")
    word = widgets.IntSlider(value=1, min=1, max=1, description="Word")
    shown = widgets.HTML()
    search: tuple[list[list[PartialText]], list[PartialText]] = ([], [])

    def look(_=None) -> None:
        shown.value = beam_html(task, *search, word.value)

    def begin(_=None) -> None:
        nonlocal search
        search = record_beam_steps(model, task, own.value[:LONGEST_TEXT], many.value)
        word.value = 1
        word.max = max(1, len(search[0]))
        look()

    choose.observe(lambda change: setattr(own, "value", change["new"]), "value")
    for control in (own, many):
        control.observe(begin, "value")
    word.observe(look, "value")
    begin()
    return widgets.VBox([choose, own, many, word, shown])


def record_beam_steps(
    model: Writer, task: Writing, source: str, beams: int = 3, length_penalty: float = 1.0
) -> tuple[list[list[PartialText]], list[PartialText]]:
    """What `Write.predict` does for one source, word by word: the texts that are carried on after each word, (log p,
    ids) with the likeliest first; and the finished ones, (score, ids) with the best first."""
    steps: list[list[PartialText]] = []
    ids = torch.tensor(task.sources([TextPair(source, "")]), device=next(model.parameters()).device)  # (1, S)
    training = model.training
    model.eval()
    [finished] = model.generate(
        ids, end=task.pieces.sep_id, most=task.length // 2, never=task.never, beams=beams,
        length_penalty=length_penalty, watch=lambda texts: steps.append(texts[0])
    )  # fmt: skip
    model.train(training)
    return [step for step in steps if step], finished


def find_fates(
    steps: Sequence[Sequence[PartialText]], finished: Sequence[PartialText], number: int
) -> list[tuple[int, float | None]]:
    """What becomes of each text of step `number` (from 0): how many texts go on from it, and the score with which it
    was finished there, None where it was not (or is not among the best that are kept)."""
    after = steps[number + 1] if number + 1 < len(steps) else []
    scores = {tuple(ids): score for score, ids in finished}
    return [(sum(later[:-1] == ids for _, later in after), scores.get(tuple(ids))) for _, ids in steps[number]]


def beam_html(task: Writing, steps: Sequence[Sequence[PartialText]], finished: Sequence[PartialText], word: int) -> str:
    """The texts after so many words (from 1), their log p, whether they go on, end or fall away; and how it ends."""
    if not steps:
        return "<p>Nothing was written: the first word of every text was its end.</p>" * bool(finished)
    number = min(max(word, 1), len(steps)) - 1
    rows = []
    for (log_p, ids), (onward, score) in zip(steps[number], find_fates(steps, finished, number), strict=True):
        fate = []
        if onward:
            fate.append("goes on" if onward == 1 else f"goes on as {onward} texts")
        if score is not None:
            fate.append(f"ends here, score {score:.2f}")
        colour = "#0072b2" if onward else "#000" if fate else "#999"
        rows.append(f"<tr style='color:{colour}'><td>{log_p:.2f}</td><td style='text-align:left'>"
                    f"{html.escape(task.pieces.decode(ids))}</td><td style='text-align:left'>"
                    f"{', and '.join(fate) or 'falls away'}</td></tr>")  # fmt: skip
    ended = "".join(f"<tr><td>{score:.2f}</td><td style='text-align:left'>"
                    f"{html.escape(task.pieces.decode(ids)) or '(nothing)'}</td></tr>"
                    for score, ids in finished)  # fmt: skip
    left = "style='text-align:left'"
    return (
        f"<p>After word {number + 1} of {len(steps)}, likeliest first:</p><table><tr><th>log p</th><th {left}>text</th>"
        f"<th {left}>then</th></tr>{''.join(rows)}</table><p>How it ends, best first (score: log p by length):</p>"
        f"<table><tr><th>score</th><th {left}>text</th></tr>{ended}</table>"
    )
