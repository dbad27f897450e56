"""Tagging: each word of a sentence with its predicted tag, and what the model predicts for each of its pieces."""

import html
from collections.abc import Mapping, Sequence

import ipywidgets as widgets
from torch import nn

from ..tasks import TaggedSentence, Tagging, run_model, split_words_and_tags
from . import markup
from .shared import LiveHTML, make_text_box, note_truncation

MOST_WORDS = 40  # words that are shown; more would not fit on a screen

# Colours by the beginning of a tag: names, then parts of speech (nouns, verbs, adjectives and adverbs, numbers).
TAG_COLOURS = {"PER": "#cc79a7", "LOC": markup.GREEN, "ORG": markup.ORANGE, "MISC": "#56b4e9",
               "N": markup.GREEN, "V": markup.ORANGE, "MD": markup.ORANGE, "J": "#56b4e9", "RB": "#56b4e9",
               "CD": "#cc79a7"}  # fmt: skip


def tag_box(taggers: Mapping[str, tuple[nn.Module, Tagging]],
            text: str = "Marie Curie moved from Warsaw to Paris in 1891.") -> widgets.VBox:  # fmt: skip
    """A box for a sentence; below it each word and each of its pieces, with the predicted tag and its probability.
    `taggers`: name -> (model, its task); with more than one, a menu chooses. Raises ValueError if there is none."""
    if not taggers:
        raise ValueError('there is no tagger: give at least one tagger, as in tag_box({"names": (model, task)})')
    sentence = make_text_box(text)
    menu = widgets.Dropdown(options=list(taggers), description="Tags")
    output = LiveHTML([menu, sentence], lambda name, text: tags_html(*taggers[name], text))
    return widgets.VBox([sentence, menu, output] if len(taggers) > 1 else [sentence, output])


def tag_pieces(model: nn.Module, task: Tagging, text: str) -> list[tuple[str, list[tuple[str, str, float]], int]]:
    """For each word of a text: the word, (piece, tag, probability) of its pieces, and which of them gives its tag. Only
    the first `MOST_WORDS` words are used. Raises ValueError when there is none."""
    words = split_words_and_tags(text, [])[0][:MOST_WORDS]
    if not words:
        raise ValueError("the sentence has no word; type some text")
    rows = task.make_rows([TaggedSentence(words, [""] * len(words))])
    predictions: dict[int, tuple[list[float], list[int]]] = {}  # number of the row -> (T,), (T,)
    for numbers, output in run_model(model, rows, task.collate):
        probabilities, labels = output.logits.float().softmax(-1).max(-1)  # (B, T), (B, T)
        predictions |= zip(numbers, zip(probabilities.tolist(), labels.tolist(), strict=True), strict=True)
    tagged = []
    for i, row in enumerate(rows):
        probabilities, labels = predictions[i]
        start = 1  # 0 is [CLS]
        for word, labelled in zip(words[len(tagged) :], row["words"][2], strict=False):
            stop = start + (len(task.tokenizer.tokenize(word)[: task.length - 2]) or 1)
            pieces = [(task.tokenizer.vocab[row["input_ids"][t]], task.labels[labels[t]], probabilities[t])
                      for t in range(start, stop)]  # fmt: skip
            tagged.append((word, pieces, labelled - start))
            start = stop
    return tagged


def tags_html(model: nn.Module, task: Tagging, text: str) -> str:
    """The words of a text as coloured boxes, each over its tag, the probability, and the prediction for each piece."""
    boxes = "".join(format_tagged_word(*word) for word in tag_pieces(model, task, text))
    note = note_truncation("The sentence", len(split_words_and_tags(text, [])[0]), MOST_WORDS, "words")
    return (f'<div style="line-height:1.4">{boxes}</div><p>{note}Below each word are its tag and its probability, and '
            "below them the prediction for each of its pieces. The tag of the word is that of the piece with a frame."
            "</p>")  # fmt: skip


def format_tagged_word(word: str, pieces: Sequence[tuple[str, str, float]], labelled: int) -> str:
    """A word in a box, its tag and probability, and in small type the same for each of its pieces; number `labelled`
    gives the tag and has a frame."""
    _, tag, probability = pieces[labelled]
    content = f"<b>{html.escape(word)}</b><br>{html.escape(tag)} {probability:.2f}<br>"
    for i, (piece, piece_tag, p) in enumerate(pieces):
        style = f"border:1px solid {'#333' if i == labelled else 'transparent'};font-size:75%;color:#333"
        content += (f'<span style="display:inline-block;margin:0 1px;padding:0 2px;{style}">{html.escape(piece)}<br>'
                    f"{html.escape(piece_tag)} {p:.2f}</span>")  # fmt: skip
    return markup.format_box(content, choose_tag_colour(tag, probability), "vertical-align:top")


def choose_tag_colour(tag: str, probability: float) -> str:
    """The colour of a tag, stronger for a higher probability; white for O and for tags without a colour."""
    kind = tag.partition("-")[2] or tag
    colour = TAG_COLOURS.get(kind) or TAG_COLOURS.get(kind[:2]) or TAG_COLOURS.get(kind[:1])
    return markup.mix_with_white(colour, 0.6 * probability) if colour else "#fff"
