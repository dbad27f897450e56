"""Beam search step by step: which texts are continued after each word, which end, and which are dropped."""

import html
from collections.abc import Sequence

import ipywidgets as widgets
import torch

from ..model import eval_mode
from ..tasks import Writing
from ..writing import Writer
from . import markup
from .shared import FULL_WIDTH, LONGEST_TEXT, LiveHTML, make_text_box

PartialText = tuple[float, list[int]]  # the log probability of an unfinished text, and its ids


def beam_box(model: Writer, task: Writing, sources: Sequence[str], beams: int = 3) -> widgets.VBox:
    """Controls for the source (one of `sources`, or your own), the number of beams, and the step of the search; below
    them the texts of that step with their log probabilities, and what happens to each. Raises ValueError when there is
    no source."""
    if not sources:
        raise ValueError("there is no source: give at least one to choose from")
    menu = widgets.Dropdown(options=list(sources), description="Source", layout=FULL_WIDTH)
    source = make_text_box(sources[0], "or your own")
    beam_count = widgets.IntSlider(value=beams, min=1, max=8, description="Beams")
    word = widgets.IntSlider(value=1, min=1, max=1, description="Word")
    search: tuple[list[list[PartialText]], list[PartialText]] = ([], [])
    output = LiveHTML([word], lambda number: beam_html(task, *search, number))

    def run_search(_change: object = None) -> None:
        nonlocal search
        search = record_beam_steps(model, task, source.value[:LONGEST_TEXT], beam_count.value)
        with output.render_once():
            word.value, word.max = 1, max(1, len(search[0]))

    menu.observe(lambda change: setattr(source, "value", change["new"]), "value")
    source.observe(run_search, "value")
    beam_count.observe(run_search, "value")
    run_search()
    return widgets.VBox([menu, source, beam_count, word, output])


def record_beam_steps(model: Writer, task: Writing, source: str,
                      beams: int = 3) -> tuple[list[list[PartialText]], list[PartialText]]:  # fmt: skip
    """The search of `Writing.predict` for one source, step by step. Returns the texts that are continued after each
    word, (log probability, ids) with the likeliest first; and the finished texts, (score, ids) with the best first."""
    steps: list[list[PartialText]] = []
    sources = task.encode_sources([task.parse_input(source)])
    ids = torch.tensor(sources, device=next(model.parameters()).device)  # (1, S)
    with eval_mode(model):
        [finished] = model.generate(ids, end=task.tokenizer.sep_id, max_tokens=task.length // 2, never=task.never,
                                    beams=beams, watch=lambda texts: steps.append(texts[0]))  # fmt: skip
    return [step for step in steps if step], finished


def find_fates(steps: Sequence[Sequence[PartialText]], finished: Sequence[PartialText],
               number: int) -> list[tuple[int, float | None]]:  # fmt: skip
    """What happens to each text of step `number` (from 0): how many texts continue it, and its score if it is finished
    there (None if it is not, or is not among the best that are kept)."""
    following = steps[number + 1] if number + 1 < len(steps) else []
    scores = {tuple(ids): score for score, ids in finished}
    return [(sum(longer[:-1] == ids for _, longer in following), scores.get(tuple(ids))) for _, ids in steps[number]]


def beam_html(task: Writing, steps: Sequence[Sequence[PartialText]], finished: Sequence[PartialText], word: int) -> str:
    """The texts after so many words (from 1) with what happens to each, and the finished texts."""
    if not steps:
        return "<p>Nothing was written: every text ended before its first word.</p>" * bool(finished)
    number = min(max(word, 1), len(steps)) - 1
    rows = []
    for (log_p, ids), (count, score) in zip(steps[number], find_fates(steps, finished, number), strict=True):
        fates = ["continues" if count == 1 else f"continues as {count} texts"] * bool(count)
        fates += [] if score is None else [f"ends here, score {score:.2f}"]
        colour = markup.mix_with_white(markup.BLUE if count else markup.ORANGE, 0.3)
        fate = markup.format_box(" and ".join(fates), colour) if fates else "is dropped"
        rows.append((f"{log_p:.2f}", html.escape(task.tokenizer.decode(ids)), fate))
    results = [(f"{score:.2f}", html.escape(task.tokenizer.decode(ids)) or "(nothing)") for score, ids in finished]
    return (f"<p>After word {number + 1} of {len(steps)}, likeliest first:</p>"
            f"{markup.format_table(rows, ('log P', 'text', 'what happens next'))}"
            f"<p>Finished texts, best first (the score is log P divided by a power of the length):</p>"
            f"{markup.format_table(results, ('score', 'text'))}")  # fmt: skip
