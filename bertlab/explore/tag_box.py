"""explore.tag_box: TODO."""

import html
from collections.abc import Mapping

import ipywidgets as widgets
from torch import nn

from ..tasks import TaggedSentence, Tagging, run_model, split_words_and_tags
from .shared import BOX, LONGEST_TEXT

MOST_WORDS = 40  # boxes; more would not fit on a screen

# Colours by how a tag begins: types of names, then parts of speech (nouns, verbs, adjectives and adverbs, numbers).
TAG_COLOURS = {"PER": "204,121,167", "LOC": "0,158,115", "ORG": "230,159,0", "MISC": "86,180,233", "N": "0,158,115",
               "V": "230,159,0", "MD": "230,159,0",
               "J": "86,180,233", "RB": "86,180,233", "CD": "204,121,167"}  # fmt: skip


def tag_box(
    taggers: Mapping[str, tuple[nn.Module, Tagging]], text: str = "Marie Curie moved from Warsaw to Paris in 1891."
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


def tag_pieces(model: nn.Module, task: Tagging, text: str) -> list[tuple[str, list[tuple[str, str, float]], int]]:
    """(word, (piece, tag, probability) of each of its pieces, which of them speaks for it) for each word of a text."""
    words = split_words_and_tags(text[:LONGEST_TEXT], [])[0][:MOST_WORDS]
    rows = task.rows([TaggedSentence(words, [""] * len(words))])
    said, found = {}, []
    for chosen, output in run_model(model, rows, task.collate):
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


def tags_html(model: nn.Module, task: Tagging, text: str) -> str:
    """The words of a text as coloured boxes, the tag and its probability below each, then what each piece says."""
    found = tag_pieces(model, task, text) if text.strip() else []
    if not found:
        return "<p>Nothing to tag yet: the sentence holds no word. Type some.</p>"
    count = len(split_words_and_tags(text[:LONGEST_TEXT], [])[0])
    note = f"The sentence has {count:,} words: the first {MOST_WORDS} are read. " if count > MOST_WORDS else ""
    boxes = []
    for word, pieces, speaks in found:
        _, tag, share = pieces[speaks]
        below = "".join(format_piece(*piece, speaking=i == speaks) for i, piece in enumerate(pieces))
        boxes.append(
            f'<span style="{BOX}vertical-align:top;background:{choose_tag_colour(tag, share)}"><b>{html.escape(word)}</b><br>'
            f"{html.escape(tag)} {share:.2f}<br>{below}</span>"
        )
    return (
        f'<div style="line-height:1.4">{"".join(boxes)}</div><p>{note}Below each word its tag and the probability. '
        "Below that what each of its pieces says: the one in a frame speaks for the word.</p>"
    )


def choose_tag_colour(tag: str, share: float) -> str:
    """The colour of a tag, the deeper the surer; white for O and what has none."""
    kind = tag.partition("-")[2] or tag
    found = TAG_COLOURS.get(kind) or TAG_COLOURS.get(kind[:2]) or TAG_COLOURS.get(kind[:1])
    return f"rgba({found},{0.6 * share:.2f})" if found else "#fff"


def format_piece(piece: str, tag: str, share: float, speaking: bool) -> str:
    """What one piece says, small."""
    frame = "1px solid #333" if speaking else "1px solid transparent"
    return (
        f'<span style="display:inline-block;margin:0 1px;padding:0 2px;border:{frame};font-size:75%;color:#333">'
        f"{html.escape(piece)}<br>{html.escape(tag)} {share:.2f}</span>"
    )
