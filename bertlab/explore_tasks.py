"""Widgets that ask a fine-tuned model: what it got wrong, the tags of a sentence, an answer in a text, the next word.

Each recomputes what it shows when it is touched; the function that ends in `_html` draws it without a kernel.
"""

import html
from collections.abc import Mapping, Sequence

import ipywidgets as widgets
import torch
from torch import nn

from .annotations import words_and_tags
from .heads import Writer
from .readers import Pair, Question, Sentence, Text
from .tasks import Classify, Read, Tag, Write, outputs

# ---- The error browser (notebook 10) ---------------------------------------------------------------------------------

LONGEST_TEXT = 2000  # characters; more would make typing slow


def error_browser(
    model: nn.Module,
    task: Classify,
    examples: Sequence[Text],
    said: Sequence[dict] | None = None,
    text: str = "A dull film, saved by a brilliant actor.",
) -> widgets.VBox:
    """A box for a text of one's own and what the model says of it; below that the `examples` by outcome, label, answer
    and how sure the model was.

    `said` is what `task.predict(model, examples)` gave, if that was asked already. A second box is there when the
    examples are pairs. Raises ValueError when `said` has not one entry an example.
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
        of_own.value = answer_html(model, task, own.value, second.value or None)

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


def picked(
    examples: Sequence[Text], said: Sequence[dict], outcome: str = "wrong", surest: bool = True, truth: str = "",
    answer: str = ""
) -> list[tuple[Text, dict]]:  # fmt: skip
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
    examples: Sequence[Text], said: Sequence[dict], outcome: str = "wrong", surest: bool = True, truth: str = "",
    answer: str = "", most: int = 8
) -> str:  # fmt: skip
    """How many examples are so, and the first `most` of them: truth, answer, its probability, text. See `picked`."""
    chosen = picked(examples, said, outcome, surest, truth, answer)
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
        rows.append(f"<tr><td>{truth}</td><td>{answer} ({mark})</td><td>{share_bar(one['probability'], 60)}</td>"
                    f"<td style='text-align:left'>{text}</td></tr>")  # fmt: skip
    head = "<tr><th>truth</th><th>answer</th><th>probability</th><th style='text-align:left'>text</th></tr>"
    return f"{count} These are the first {len(rows)}.</p><table>{head}{''.join(rows)}</table>"


def answer_html(model: nn.Module, task: Classify, text: str, pair: str | None = None, most: int = 5) -> str:
    """What the model says of a text, or of a pair of texts: a bar for each of the `most` likely labels."""
    texts = [text[:LONGEST_TEXT]] + ([] if pair is None else [pair[:LONGEST_TEXT]])
    tokens = [len(task.pieces.tokenize(one)) for one in texts]
    if not all(tokens):
        return "<p>Nothing to read yet: a text needs a letter, a digit or a mark. Type some.</p>"
    (one,) = task.predict(model, [Text(*texts, *[None] * (2 - len(texts)), "")])
    room = task.length - 1 - len(tokens)
    note = f" It has {sum(tokens):,} tokens, of which {room} are read." if sum(tokens) > room else ""
    likely = sorted(one["probabilities"].items(), key=lambda both: -both[1])[:most]
    rows = "".join(f"<tr><td>{html.escape(label)}</td><td>{share_bar(p, 200)}</td></tr>" for label, p in likely)
    return f"<p>The model takes it for <b>{html.escape(one['label'])}</b>.{note}</p><table>{rows}</table>"


def share_bar(probability: float, width: int) -> str:
    """A probability as a bar of at most `width` pixels, and in per cent."""
    bar = f"<div style='width:{width * probability:.0f}px;height:0.9em;background:#0072b2;display:inline-block'></div>"
    return f"<div style='text-align:left;white-space:nowrap'>{bar} {probability:.1%}</div>"


# ---- Tag your own sentence (notebook 11) -----------------------------------------------------------------------------

MOST_WORDS = 40  # boxes; more would not fit on a screen
BOX = "display:inline-block;margin:2px 1px;padding:1px 4px;border-radius:3px;text-align:center;color:#000;"
# Colours by how a tag begins: types of names, then parts of speech (nouns, verbs, adjectives and adverbs, numbers).
TAG_COLOURS = {"PER": "204,121,167", "LOC": "0,158,115", "ORG": "230,159,0", "MISC": "86,180,233", "N": "0,158,115",
               "V": "230,159,0", "MD": "230,159,0",
               "J": "86,180,233", "RB": "86,180,233", "CD": "204,121,167"}  # fmt: skip


def tag_box(
    taggers: Mapping[str, tuple[nn.Module, Tag]], text: str = "Marie Curie moved from Warsaw to Paris in 1891."
) -> widgets.VBox:
    """A box for a sentence, and below it each word with its tag and how sure the model is, and the same of each piece.

    `taggers`: name -> (model, its task); with more than one, a menu chooses. Raises ValueError if there is none.
    """
    if not taggers:
        raise ValueError('Give at least one tagger: tag_box({"names": (model, task)}).')
    box = widgets.Text(value=text, description="Sentence", layout={"width": "100%"})
    menu = widgets.Dropdown(options=list(taggers), description="Tags")
    shown = widgets.HTML()

    def redraw(_=None) -> None:
        shown.value = tags_html(*taggers[menu.value], box.value)

    box.observe(redraw, "value")
    menu.observe(redraw, "value")
    redraw()
    return widgets.VBox([box, menu, shown] if len(taggers) > 1 else [box, shown])


def tags_of(model: nn.Module, task: Tag, text: str) -> list[tuple[str, list[tuple[str, str, float]], int]]:
    """(word, (piece, tag, probability) of each of its pieces, which of them speaks for it) for each word of a text."""
    words = words_and_tags(text[:LONGEST_TEXT], [])[0][:MOST_WORDS]
    rows = task.rows([Sentence(words, [""] * len(words))])
    said, found = {}, []
    for chosen, output in outputs(model, rows, task.collate):
        shares, best = output.logits.float().softmax(-1).max(-1)  # (B, T), (B, T)
        said |= {i: (p, tags) for i, p, tags in zip(chosen, shares.tolist(), best.tolist(), strict=True)}
    for i, row in enumerate(rows):
        shares, best = said[i]
        at = 1  # behind [CLS]
        for word, speaks in zip(words[len(found) :], row["words"][2], strict=False):
            size = len(task.pieces.tokenize(word)[: task.length - 2]) or 1
            pieces = [(task.pieces.vocab[row["input_ids"][j]], task.labels[best[j]], shares[j])
                      for j in range(at, at + size)]  # fmt: skip
            found.append((word, pieces, speaks - at))
            at += size
    return found


def tags_html(model: nn.Module, task: Tag, text: str) -> str:
    """The words of a text as coloured boxes, the tag and its probability below each, then what each piece says."""
    found = tags_of(model, task, text) if text.strip() else []
    if not found:
        return "<p>Nothing to tag yet: the sentence holds no word. Type some.</p>"
    count = len(words_and_tags(text[:LONGEST_TEXT], [])[0])
    note = f"The sentence has {count:,} words: the first {MOST_WORDS} are read. " if count > MOST_WORDS else ""
    boxes = []
    for word, pieces, speaks in found:
        _, tag, share = pieces[speaks]
        below = "".join(piece_box(*piece, speaking=i == speaks) for i, piece in enumerate(pieces))
        boxes.append(
            f'<span style="{BOX}vertical-align:top;background:{tag_colour(tag, share)}"><b>{html.escape(word)}</b><br>'
            f"{html.escape(tag)} {share:.2f}<br>{below}</span>"
        )
    return (
        f'<div style="line-height:1.4">{"".join(boxes)}</div><p>{note}Below each word its tag and the probability. '
        "Below that what each of its pieces says: the one in a frame speaks for the word.</p>"
    )


def tag_colour(tag: str, share: float) -> str:
    """The colour of a tag, the deeper the surer; white for O and what has none."""
    kind = tag.partition("-")[2] or tag
    found = TAG_COLOURS.get(kind) or TAG_COLOURS.get(kind[:2]) or TAG_COLOURS.get(kind[:1])
    return f"rgba({found},{0.6 * share:.2f})" if found else "#fff"


def piece_box(piece: str, tag: str, share: float, speaking: bool) -> str:
    """What one piece says, small."""
    frame = "1px solid #333" if speaking else "1px solid transparent"
    return (
        f'<span style="display:inline-block;margin:0 1px;padding:0 2px;border:{frame};font-size:75%;color:#333">'
        f"{html.escape(piece)}<br>{html.escape(tag)} {share:.2f}</span>"
    )


# ---- The beam (notebook 13) ------------------------------------------------------------------------------------------

Begun = tuple[float, list[int]]  # a text that was begun: log p and its ids


def beam_box(model: Writer, task: Write, sources: Sequence[str], beams: int = 3) -> widgets.VBox:
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
    search: tuple[list[list[Begun]], list[Begun]] = ([], [])

    def look(_=None) -> None:
        shown.value = beam_html(task, *search, word.value)

    def begin(_=None) -> None:
        nonlocal search
        search = beam_steps(model, task, own.value[:LONGEST_TEXT], many.value)
        word.value = 1
        word.max = max(1, len(search[0]))
        look()

    choose.observe(lambda change: setattr(own, "value", change["new"]), "value")
    for control in (own, many):
        control.observe(begin, "value")
    word.observe(look, "value")
    begin()
    return widgets.VBox([choose, own, many, word, shown])


def beam_steps(
    model: Writer, task: Write, source: str, beams: int = 3, length_penalty: float = 1.0
) -> tuple[list[list[Begun]], list[Begun]]:
    """What `Write.predict` does for one source, word by word: the texts that are carried on after each word, (log p,
    ids) with the likeliest first; and the finished ones, (score, ids) with the best first."""
    steps: list[list[Begun]] = []
    ids = torch.tensor(task.sources([Pair(source, "")]), device=next(model.parameters()).device)  # (1, S)
    training = model.training
    model.eval()
    [finished] = model.generate(
        ids, end=task.pieces.sep_id, most=task.length // 2, never=task.never, beams=beams,
        length_penalty=length_penalty, watch=lambda texts: steps.append(texts[0])
    )  # fmt: skip
    model.train(training)
    return [step for step in steps if step], finished


def fates(steps: Sequence[Sequence[Begun]], finished: Sequence[Begun], number: int) -> list[tuple[int, float | None]]:
    """What becomes of each text of step `number` (from 0): how many texts go on from it, and the score with which it
    was finished there, None where it was not (or is not among the best that are kept)."""
    after = steps[number + 1] if number + 1 < len(steps) else []
    scores = {tuple(ids): score for score, ids in finished}
    return [(sum(later[:-1] == ids for _, later in after), scores.get(tuple(ids))) for _, ids in steps[number]]


def beam_html(task: Write, steps: Sequence[Sequence[Begun]], finished: Sequence[Begun], word: int) -> str:
    """The texts after so many words (from 1), their log p, whether they go on, end or fall away; and how it ends."""
    if not steps:
        return "<p>Nothing was written: the first word of every text was its end.</p>" * bool(finished)
    number = min(max(word, 1), len(steps)) - 1
    rows = []
    for (log_p, ids), (onward, score) in zip(steps[number], fates(steps, finished, number), strict=True):
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


# ---- Ask the text (notebook 12) --------------------------------------------------------------------------------------


def ask_box(model: nn.Module, task: Read, context: str, question: str, threshold: float = 0.0) -> widgets.VBox:
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


def ends_of(model: nn.Module, task: Read, question: str, context: str, at: int) -> tuple[list[str], list, list]:
    """What a window is read as, [CLS] and then pieces of the context, and the shares (1 + T,) of start and end among
    them: of the window in whose middle the character `at` lies best; below 0: of that where "no answer" is lowest."""
    rows = task.rows([Question("", question, context, [])])
    best: tuple[float, list[str], list, list] | None = None
    for chosen, output in outputs(model, rows, task.collate):
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


def ask_html(model: nn.Module, task: Read, question: str, context: str, threshold: float = 0.0) -> str:
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
    tokens, starts, ends = ends_of(model, task, question, context, start)
    columns = "".join(map(end_column, tokens, starts, ends))
    return (
        f"<p>{verdict}{gap}</p><p style='max-width:60em'>{text}</p>"
        f"<p>Share as start (blue, above) and as end (orange, below):</p><div style='line-height:1'>{columns}</div>"
    )


def end_column(token: str, start: float, end: float) -> str:
    """A token, over it a bar for its share as start, under it one for its share as end."""
    bars = [f"<div title='{share:.1%}' style='height:{24 * share:.0f}px;background:{colour}'></div>"
            for share, colour in ((start, "#0072b2"), (end, "#e69f00"))]  # fmt: skip
    over, under = (f"<div style='height:24px;display:flex;flex-direction:column;justify-content:{side}'>{bar}</div>"
                   for bar, side in zip(bars, ("flex-end", "flex-start"), strict=True))  # fmt: skip
    word = f"<div style='padding:0 1px'>{html.escape(token)}</div>"
    return f"<div style='display:inline-block;margin:2px'>{over}{word}{under}</div>"
