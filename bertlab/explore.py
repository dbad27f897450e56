"""Explorers: small ipywidgets panels that recompute something real."""

import html
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import ipywidgets as widgets
import torch

from . import habits, saliency
from .heads import Classifier, Pretraining
from .model import PRESETS, Bert, BertConfig, attention_maps, sinusoids
from .pretrain import fill
from .wordpiece import SPECIAL, WordPiece

# ---- The sentence box (notebook 00) ----------------------------------------------------------------------

MOST_TOKENS = 24  # rows of the table; more would not fit on a screen


def sentence_box(
    wordpiece: WordPiece, table: torch.Tensor, text: str = "A dull film, saved by a brilliant actor.", k: int = 6
) -> widgets.VBox:
    """A box for a sentence, and below it each token with its `k` nearest words in the model's table, at each key.

    `table` (V, D) holds one vector a token of the vocabulary: `bert.embeddings.words.weight`. Raises ValueError when it
    does not fit the vocabulary.
    """
    unit = unit_vectors(wordpiece, table)
    box = widgets.Text(value=text, description="Sentence", layout={"width": "100%"})
    shown = widgets.HTML()

    def redraw(_=None) -> None:
        shown.value = sentence_html(wordpiece, unit, box.value, k)

    box.observe(redraw, "value")
    redraw()
    return widgets.VBox([box, shown])


def unit_vectors(wordpiece: WordPiece, table: torch.Tensor) -> torch.Tensor:
    """The table's vectors at length 1 (V, D); zeros for [CLS], [unused7] and the like, which are nobody's neighbours.

    Raises ValueError when the table does not have one vector a token.
    """
    if table.dim() != 2 or len(table) != len(wordpiece):
        raise ValueError(f"the table has shape {tuple(table.shape)}; the vocabulary has {len(wordpiece):,} tokens")
    unit = torch.nn.functional.normalize(table.detach().float().cpu(), dim=-1)
    marks = [i for i, token in enumerate(wordpiece.vocab) if token.startswith("[") and len(token) > 1]
    unit[marks] = 0.0
    return unit


def nearest_words(
    wordpiece: WordPiece, unit: torch.Tensor, tokens: Sequence[str], k: int = 6
) -> list[list[tuple[str, float]]]:
    """For each token the `k` others whose vectors point most nearly the same way: (token, cosine), nearest first."""
    ids = torch.tensor(wordpiece.ids(tokens), dtype=torch.long)
    cosines = unit[ids] @ unit.T  # (T, V)
    cosines[torch.arange(len(ids)), ids] = -2.0  # a token is not its own neighbour
    values, found = cosines.topk(min(k, len(unit) - 1))
    return [
        [(wordpiece.vocab[i], value) for i, value in zip(row, worth, strict=True)]
        for row, worth in zip(found.tolist(), values.tolist(), strict=True)
    ]


def sentence_html(wordpiece: WordPiece, unit: torch.Tensor, text: str, k: int = 6) -> str:
    """A table: each token of the text, its id, and its nearest words, the darker the nearer."""
    tokens = wordpiece.tokenize(text[:LONGEST_TEXT])
    if not tokens:
        return "<p>Nothing to read yet: the sentence holds no letter, digit or mark. Type some.</p>"
    note = (
        f"The sentence has {len(tokens):,} tokens: the first {MOST_TOKENS} are shown. "
        if len(tokens) > MOST_TOKENS
        else ""
    )
    tokens = tokens[:MOST_TOKENS]
    rows = []
    for token, words in zip(tokens, nearest_words(wordpiece, unit, tokens, k), strict=True):
        if token == "[UNK]":
            near = "not in the vocabulary: BERT cannot tell it from any other unknown word"
        elif token in SPECIAL:
            near = "a mark for the model, not a word"
        else:
            near = "".join(neighbour(word, cosine) for word, cosine in words)
        rows.append(f"<tr><td><b>{html.escape(token)}</b></td><td>{wordpiece.index[token]}</td>"
                    f'<td style="text-align:left">{near}</td></tr>')  # fmt: skip
    head = "<tr><th>token</th><th>id</th><th>nearest words, with the cosine of the angle between the vectors</th></tr>"
    return f"<p>{note}{len(tokens)} tokens.</p><table>{head}{''.join(rows)}</table>"


def neighbour(word: str, cosine: float) -> str:
    """One near word as a box of HTML."""
    blue = f"rgba(0,114,178,{max(0.0, min(1.0, cosine)) * 0.55:.2f})"
    return f'<span style="{BOX}background:{blue}">{html.escape(word)} <small>{cosine:.2f}</small></span>'


# ---- A live tokenizer (notebook 01) ----------------------------------------------------------------------

LONGEST_TEXT = 2000  # characters; more would make typing slow

BOX = "display:inline-block;margin:2px 1px;padding:1px 4px;border-radius:3px;text-align:center;color:#000;"
WORD_COLOURS = ("#cfe6f5", "#fbe3b3")  # two neighbouring words never have the same one
UNKNOWN = "background:#fff;border:2px dashed #b00000;"


def live_tokenizer(
    vocabularies: Mapping[str, WordPiece], text: str = "We hold these truths to be self-evident."
) -> widgets.VBox:
    """A box to type in, and below it the pieces and ids of the text, new at each key.

    `vocabularies`: name -> WordPiece; with more than one, a slider chooses. Raises ValueError if there is none.
    """
    if not vocabularies:
        raise ValueError("Give at least one vocabulary: live_tokenizer({'mine': wordpiece}).")
    wide = {"width": "100%"}
    box = widgets.Textarea(value=text, rows=3, description="Text", layout=wide)
    names = list(vocabularies)
    size = widgets.SelectionSlider(
        options=names, value=names[-1], description="Vocabulary", layout=wide, style={"description_width": "6em"}
    )
    shown = widgets.HTML()

    def redraw(_=None) -> None:
        shown.value = tokenizer_html(vocabularies[size.value], box.value)

    box.observe(redraw, "value")
    size.observe(redraw, "value")
    redraw()
    return widgets.VBox([box, size, shown] if len(names) > 1 else [box, shown])


def tokenizer_html(wordpiece: WordPiece, text: str) -> str:
    """The pieces of a text as coloured boxes, each over its id, then the counts and the decoded text."""
    cut = len(text) > LONGEST_TEXT
    found = wordpiece.tokenize_with_offsets(text[:LONGEST_TEXT])
    note = f"The text has {len(text):,} characters: only the first {LONGEST_TEXT:,} are shown. " if cut else ""
    if not found:
        return f"<p>{note}Nothing to read yet: the text holds no letter, digit or mark. Type some.</p>"
    boxes, words = [], 0
    for token, start, end in found:
        words += not token.startswith("##")
        look = UNKNOWN if token == "[UNK]" else f"background:{WORD_COLOURS[words % 2]};"
        name = html.escape(token)
        if token.startswith("##"):
            name = f'<span style="color:#666">##</span>{html.escape(token[2:])}'
        source = html.escape(text[start:end], quote=True)
        boxes.append(
            f'<span style="{BOX}{look}" title="from: {source}"><b>{name}</b><br>'
            f'<small style="color:#444">{wordpiece.index[token]}</small></span>'
        )
    ids = wordpiece.ids(token for token, _, _ in found)
    unknown = ids.count(wordpiece.unk_id)
    counts = f"{words:,} words, {len(ids):,} pieces, {len(ids) / words:.2f} pieces a word, {unknown:,} [UNK]"
    decoded = html.escape(wordpiece.decode(ids, keep_special=True))
    return (
        f'<div style="line-height:1.3">{"".join(boxes)}</div><p>{note}{counts} '
        f"({len(wordpiece):,} tokens in the vocabulary).<br>Decoded: {decoded}</p>"
    )


# ---- The blocks of the encoder (notebook 06) ------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """One part of the encoder as a reader of the diagram sees it. Shapes are those of a real forward pass."""

    name: str
    says: str  # what it does, in a sentence or two
    takes: tuple[int, ...]
    gives: tuple[int, ...]
    inside: tuple[tuple[str, tuple[int, ...]], ...] = ()  # what exists for a moment: name, shape
    weights: tuple[tuple[str, tuple[int, ...]], ...] = ()  # what is learned, in one layer: name, shape
    times: int = 1  # how many such parts the encoder has

    @property
    def count(self) -> int:
        """Learned numbers, in all layers."""
        return self.times * sum(math.prod(shape) for _, shape in self.weights)


def encoder_blocks(config: BertConfig, batch: int = 1, tokens: int = 128) -> list[Block]:
    """The parts of a Bert of this size from the ids to the hidden states, by making the model and running its parts.

    It is made on torch's meta device, where a tensor has a shape and no numbers: bert-large takes no memory there.
    Raises ValueError with the model's own words for ids that it could not read.
    """
    if batch < 1 or tokens < 1:
        raise ValueError(f"{batch} rows of {tokens} tokens: there must be at least one of each")
    with torch.device("meta"):
        bert = Bert(config).eval()
        ids = torch.zeros(batch, tokens, dtype=torch.long)
    bert.check(ids, None, None)
    layer, seen = bert.layers[0], {}  # the other layers are like this one
    for part in (bert.embeddings, *layer.children()):
        part.register_forward_hook(
            lambda part, given, made: seen.update({part: (tuple(given[0].shape), tuple(made.shape))})
        )
    widened = []
    layer.feed_forward.expand.register_forward_hook(lambda part, given, made: widened.append(tuple(made.shape)))
    with torch.no_grad(), attention_maps(bert) as maps:
        x = bert.embeddings(ids)
        last = tuple(layer(x).shape)
    heads, share = config.num_attention_heads, config.hidden_size // config.num_attention_heads

    def block(name, says, part, times=config.num_hidden_layers, inside=()):
        weights = tuple((name, tuple(p.shape)) for name, p in part.named_parameters())
        return Block(name, says, *seen[part], inside, weights, times)

    return [
        Block("token ids", "Whole numbers from the tokenizer, one a token.", tuple(ids.shape), tuple(ids.shape)),
        block("embeddings", "Looks up a vector for the word, the position and the segment of each token, adds the "
              "three, and normalises the sum.", bert.embeddings, 1),
        block("attention", "Each token gathers from the others. The only part in which tokens meet.", layer.attention,
              inside=(("queries, keys, values, each", (batch, heads, tokens, share)),
                      ("attention map", tuple(maps[0].shape)))),
        block("add and normalise, 1", "Adds what was gathered to what came in, then LayerNorm.", layer.attention_norm),
        block("feed-forward", "For each token alone: a wider layer, GELU, and back.", layer.feed_forward,
              inside=(("widened", widened[0]),)),
        block("add and normalise, 2", "Adds again, then LayerNorm. The next layer starts from here.",
              layer.feed_forward_norm),
        Block("hidden states", "One vector a token, after the last layer. Heads stand on these.", last, last),
    ]  # fmt: skip


ENCODER_SIZES = {name: BertConfig.preset(name) for name in PRESETS} | {
    "MiniLM": BertConfig(hidden_size=384, num_hidden_layers=6, intermediate_size=1536),
    "large": BertConfig(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096),
}


def encoder(size: str = "base") -> widgets.VBox:
    """The encoder as a column of blocks: click one for its shapes and weights, choose another size, move a slider.

    `size` is one of `ENCODER_SIZES`. Every change makes the model anew on the meta device. Raises ValueError for
    another size.
    """
    if size not in ENCODER_SIZES:
        raise ValueError(f"no size {size!r}; there are {', '.join(ENCODER_SIZES)}")

    def slider(value: int, most: int, description: str) -> widgets.IntSlider:
        return widgets.IntSlider(value, 1, most, description=description, continuous_update=False)

    sizes = widgets.Dropdown(options=list(ENCODER_SIZES), value=size, description="start from")
    layers, heads = slider(1, 24, "layers L"), slider(1, 16, "heads H")
    batch, tokens = slider(8, 64, "batch B"), slider(128, 600, "tokens T")
    buttons = [widgets.Button(layout=widgets.Layout(width="23em")) for _ in range(7)]
    repeat, details = widgets.HTML(), widgets.HTML(layout=widgets.Layout(width="27em", margin="0 0 0 1em"))
    state = {"chosen": 2, "blocks": [], "setting": False}  # the attention is open at first

    def make(*_) -> None:
        if state["setting"]:
            return
        try:
            config = replace(
                ENCODER_SIZES[sizes.value], num_hidden_layers=layers.value, num_attention_heads=heads.value
            )
            state["blocks"] = encoder_blocks(config, batch.value, tokens.value)
        except ValueError as error:
            state["blocks"] = []
            details.value = f"<p><b>There is no such model.</b> {html.escape(str(error))}.</p>"
        for button in buttons:
            button.disabled = not state["blocks"]
        if state["blocks"]:
            repeat.value = "one layer, of 1" if layers.value == 1 else f"one layer, of {layers.value} alike"
            for button, block in zip(buttons, state["blocks"], strict=True):
                button.description = f"{block.name}: {by(block.gives)}"
            show()

    def show() -> None:
        for number, button in enumerate(buttons):
            button.button_style = "primary" if number == state["chosen"] else ""
        details.value = describe_block(state["blocks"], state["chosen"])

    def click(button: widgets.Button) -> None:
        state["chosen"] = buttons.index(button)
        if state["blocks"]:
            show()

    def start(*_) -> None:
        config = ENCODER_SIZES[sizes.value]
        state["setting"] = True  # two sliders move, and the model is made once
        layers.value, heads.value = config.num_hidden_layers, config.num_attention_heads
        state["setting"] = False
        make()

    for button in buttons:
        button.on_click(click)
    start()
    sizes.observe(start, "value")
    for control in (layers, heads, batch, tokens):
        control.observe(make, "value")
    frame = widgets.VBox([repeat, *buttons[2:6]], layout=widgets.Layout(border="2px solid gray", padding="4px"))
    diagram = widgets.VBox([*buttons[:2], frame, buttons[6]], layout=widgets.Layout(flex="0 0 auto"))
    return widgets.VBox([
        widgets.HBox([widgets.VBox([sizes, layers, heads]), widgets.VBox([batch, tokens])]),
        widgets.HBox([diagram, details], layout=widgets.Layout(flex_flow="row wrap")),
    ])  # fmt: skip


def describe_block(blocks: list[Block], number: int) -> str:
    """One block in words and numbers, as HTML."""
    block, total = blocks[number], sum(block.count for block in blocks)
    rows = [("takes", by(block.takes)), ("gives", by(block.gives))]
    rows += [(name, f"{by(shape)} = {math.prod(shape):,}") for name, shape in block.inside + block.weights]
    table = "".join(f"<tr><td>{html.escape(name)}</td><td>{text}</td></tr>" for name, text in rows)
    each = f"{block.count // block.times:,} parameters"
    if block.times > 1:
        each += f", {block.times} times: {block.count:,}"
    share = (
        f"{each}. That is {block.count / total:.1%} of the encoder's {total:,}." if block.count else "No parameters."
    )
    table = f'<table style="line-height: 1.5; white-space: nowrap">{table}</table>'
    return f"<p><b>{html.escape(block.name)}</b></p><p>{html.escape(block.says)}</p>{table}<p>{share}</p>"


def by(shape: tuple[int, ...]) -> str:
    """(8, 128, 768) as 8 × 128 × 768."""
    return " × ".join(f"{size:,}" for size in shape)


# ---- A hole in a sentence (notebook 07) ------------------------------------------------------------------


def hole(
    model: Pretraining, wordpiece: WordPiece, text: str = "And God said, Let there be light.", k: int = 6
) -> widgets.VBox:
    """A sentence, a button for each of its words, and below the model's guesses for the word that is chosen.

    The word may be hidden, or left to be read: the model is asked all the same. Raises ValueError when the model and
    the vocabulary do not fit.
    """
    if model.config.vocab_size != len(wordpiece):
        raise ValueError(f"the model knows {model.config.vocab_size} tokens, the vocabulary has {len(wordpiece)}")
    wide = {"width": "100%"}
    box = widgets.Text(value=text, description="Sentence", layout=wide)
    words = widgets.ToggleButtons(options=[("", 0)], style={"button_width": "auto"}, layout=wide)
    hide = widgets.ToggleButtons(options=[("hidden as [MASK]", True), ("left to be read", False)],
                                 style={"button_width": "auto"})  # fmt: skip
    shown = widgets.HTML()
    state = {"setting": False}

    def ask(_=None) -> None:
        if not state["setting"]:
            shown.value = hole_html(model, wordpiece, box.value, words.value or 0, hide.value, k)

    def read(_=None) -> None:
        room = model.config.max_position_embeddings - 2
        found, before = words_of(wordpiece, box.value, room), words.value
        state["setting"] = True  # the buttons change several times, and the model is asked once
        # A word may stand twice; the number keeps the buttons apart for ipywidgets.
        words.options = [(f"{i + 1} {join(pieces)}", i) for i, pieces in enumerate(found)] or [("", 0)]
        words.value = before if before is not None and before < len(found) else 0
        state["setting"] = False
        ask()

    box.observe(read, "value")
    words.observe(ask, "value")
    hide.observe(ask, "value")
    read()
    words.value = len(words.options) // 2
    return widgets.VBox([box, words, hide, shown])


def words_of(wordpiece: WordPiece, text: str, room: int) -> list[list[str]]:
    """The words of a text, each as its pieces; as many as fit into `room` tokens."""
    words: list[list[str]] = []
    for token in wordpiece.tokenize(text[:LONGEST_TEXT]):
        if token.startswith("##") and words:
            words[-1].append(token)
        else:
            words.append([token])
    while sum(map(len, words)) > room:
        words.pop()
    return words


def join(pieces: Sequence[str]) -> str:
    """["be", "##gin"] -> "begin"."""
    return pieces[0] + "".join(piece.removeprefix("##") for piece in pieces[1:])


@torch.no_grad()
def guesses(
    model: Pretraining, wordpiece: WordPiece, words: Sequence[Sequence[str]], number: int, hide: bool = True, k: int = 6
) -> list[list[tuple[str, float]]]:
    """What the model thinks stands at each piece of word `number`: its `k` best guesses, with probabilities.

    With `hide` all pieces of the word become [MASK]; without, the model reads them.
    """
    before = 1 + sum(map(len, words[:number]))
    size = len(words[number])
    tokens = ["[CLS]", *(piece for word in words for piece in word), "[SEP]"]
    if hide:
        tokens[before : before + size] = ["[MASK]"] * size
    ids = torch.tensor([wordpiece.ids(tokens)], device=model.mlm.bias.device)
    training = model.training
    model.eval()
    logits = model(ids).mlm_logits[0, before : before + size]  # (pieces, V)
    model.train(training)
    values, best = logits.float().softmax(-1).topk(min(k, len(wordpiece)))
    return [
        [(wordpiece.vocab[i], p) for i, p in zip(row, some, strict=True)]
        for row, some in zip(best.tolist(), values.tolist(), strict=True)
    ]


def hole_html(model: Pretraining, wordpiece: WordPiece, text: str, number: int, hide: bool = True, k: int = 6) -> str:
    """The sentence with its hole, and for each piece that was asked for the guesses as bars."""
    room = model.config.max_position_embeddings - 2
    words = words_of(wordpiece, text, room)
    if not words:
        return "<p>Nothing to hide yet: the sentence holds no letter, digit or mark. Type some.</p>"
    number = min(number, len(words) - 1)
    pieces = [piece for word in words for piece in word]
    note = ""
    if len(wordpiece.tokenize(text[:LONGEST_TEXT])) > len(pieces):
        note = f"<p>The model has {room + 2} positions: only the first {len(words)} words are read.</p>"
    if "[UNK]" in words[number]:
        note += "<p>This word holds a sign that is not in the vocabulary, so no guess can be right.</p>"
    start = sum(map(len, words[:number]))
    line = []
    for place, piece in enumerate(pieces):
        asked = start <= place < start + len(words[number])
        name = html.escape("[MASK]" if asked and hide else piece)
        line.append(f'<span style="{BOX}background:{"#fbe3b3" if asked else "#cfe6f5"}">{name}</span>')
    parts = []
    for piece, some in zip(words[number], guesses(model, wordpiece, words, number, hide, k), strict=True):
        rows = "".join(guess_row(guess, p, guess == piece) for guess, p in some)
        parts.append(
            f"<td style='vertical-align:top'>There stood <b>{html.escape(piece)}</b><table>{rows}</table></td>"
        )
    return f"{note}<p>{''.join(line)}</p><table><tr>{''.join(parts)}</tr></table>"


def guess_row(guess: str, probability: float, right: bool) -> str:
    """One guess as a bar; the right one is marked by a word, not by its colour alone."""
    bar = f'<div style="width:{160 * probability:.0f}px;height:0.9em;background:#0072b2"></div>'
    mark = " right" if right else ""
    return (
        f'<tr><td style="text-align:left">{html.escape(guess)}</td><td style="width:165px">{bar}</td>'
        f"<td>{probability:.1%}{mark}</td></tr>"
    )


# ---- Before and after training (notebook 09) -------------------------------------------------------------


def before_and_after(
    before: Pretraining, after: Pretraining, wordpiece: WordPiece, text: str = "The [MASK] of the United States"
) -> widgets.VBox:
    """A sentence with [MASK] in it, and below it what two models guess there, side by side, new at each key."""
    box = widgets.Text(value=text, description="Sentence", layout={"width": "100%"})
    shown = widgets.HTML()

    def redraw(_=None) -> None:
        shown.value = two_guesses_html({"before": before, "after": after}, wordpiece, box.value)

    box.observe(redraw, "value")
    redraw()
    return widgets.VBox([box, shown])


def two_guesses_html(models: Mapping[str, Pretraining], wordpiece: WordPiece, text: str, k: int = 6) -> str:
    """For each [MASK] of a text the guesses of each model as bars, or a sentence on what is wrong with the text."""
    masks = text.count("[MASK]")
    if not masks:
        return "<p>No [MASK] yet: write [MASK], in square brackets and capitals, where a word is missing.</p>"
    try:
        found = {name: fill(model, wordpiece, text[:LONGEST_TEXT], k) for name, model in models.items()}
    except ValueError as error:
        return f"<p>This cannot be read: {html.escape(str(error))}.</p>"
    parts = []
    for number in range(len(next(iter(found.values())))):
        cells = "".join(
            f"<td style='vertical-align:top;padding-right:1em'>{html.escape(name)}"
            f"<table>{''.join(guess_row(word, p, False) for word, p in guesses[number])}</table></td>"
            for name, guesses in found.items()
        )
        title = f"<p>[MASK] {number + 1}</p>" if masks > 1 else ""
        parts.append(f"{title}<table><tr>{cells}</tr></table>")
    return "".join(parts)


# ---- A pair of sentences (notebook 08) -------------------------------------------------------------------


def pair_box(
    models: Mapping[str, Pretraining],
    wordpiece: WordPiece,
    a: str = "The river rises in the mountains of the north.",
    b: str = "It flows into the lake after forty miles.",
) -> widgets.VBox:
    """Two boxes for sentences A and B, a button that swaps them, and below what each model says of the pair.

    `models` maps a name to a model with a next-sentence head (label 0: B follows). Raises ValueError for none, and when
    a model and the vocabulary do not fit.
    """
    if not models:
        raise ValueError("no models: give at least one, by name")
    for name, model in models.items():
        if model.config.vocab_size != len(wordpiece):
            raise ValueError(f"{name} knows {model.config.vocab_size} tokens, the vocabulary has {len(wordpiece)}")
    wide = {"width": "100%"}
    first = widgets.Text(value=a, description="A", layout=wide)
    second = widgets.Text(value=b, description="B", layout=wide)
    button = widgets.Button(description="Swap A and B")
    shown = widgets.HTML()

    def ask(_=None) -> None:
        shown.value = pair_html(models, wordpiece, first.value, second.value)

    def swap(_=None) -> None:
        first.value, second.value = second.value, first.value

    first.observe(ask, "value")
    second.observe(ask, "value")
    button.on_click(swap)
    ask()
    return widgets.VBox([first, second, button, shown])


@torch.no_grad()
def verdicts(models: Mapping[str, Pretraining], wordpiece: WordPiece, a: str, b: str) -> dict[str, float]:
    """For each model the probability that B follows A. Long sentences are cut, the longer one first.

    Raises ValueError when a sentence has no token.
    """
    found = {}
    for name, model in models.items():
        pair = [wordpiece.ids(wordpiece.tokenize(text[:LONGEST_TEXT])) for text in (a, b)]
        if not all(pair):
            raise ValueError("a sentence without a letter, digit or mark cannot follow or be followed")
        while len(pair[0]) + len(pair[1]) > model.config.max_position_embeddings - 3:
            max(pair, key=len).pop()
        ids = [wordpiece.cls_id, *pair[0], wordpiece.sep_id, *pair[1], wordpiece.sep_id]
        segments = [0] * (len(pair[0]) + 2) + [1] * (len(pair[1]) + 1)
        device = model.nsp.weight.device
        training = model.training
        model.eval()
        asked = torch.tensor([ids], device=device)
        unasked = torch.full_like(asked, -100)  # no word is to be guessed
        logits = model(asked, torch.tensor([segments], device=device), labels=unasked).nsp_logits
        model.train(training)
        found[name] = float(logits.float().softmax(-1)[0, 0])
    return found


def pair_html(models: Mapping[str, Pretraining], wordpiece: WordPiece, a: str, b: str) -> str:
    """The tokens of both sentences, those that stand in both in bold, and a bar for each model."""
    tokens = [wordpiece.tokenize(text[:LONGEST_TEXT]) for text in (a, b)]
    for name, some in zip("AB", tokens, strict=True):
        if not some:
            return f"<p>Sentence {name} holds no letter, digit or mark. Type some.</p>"
    shared = set(tokens[0]) & set(tokens[1])
    rows = []
    for segment, some in enumerate(tokens):
        words = " ".join(f"<b>{html.escape(t)}</b>" if t in shared else html.escape(t) for t in some[:MOST_TOKENS])
        more = f" and {len(some) - MOST_TOKENS} more" if len(some) > MOST_TOKENS else ""
        rows.append(f"<tr><td>segment {segment}</td><td style='text-align:left'>{words}{more}</td></tr>")
    for name, p in verdicts(models, wordpiece, a, b).items():
        bar = f"<div style='background:#0072B2;height:0.9em;width:{200 * p:.0f}px'></div>"
        said = "next" if p >= 0.5 else "not next"
        rows.append(f"<tr><td>{html.escape(name)}</td><td style='text-align:left'>{bar}{said}: the probability "
                    f"that B follows is {p:.2f}</td></tr>")  # fmt: skip
    return f"<table>{''.join(rows)}</table><p>Bold: {len(shared)} tokens that stand in both sentences.</p>"


# ---- Query and keys by hand (notebook 03) ----------------------------------------------------------------


def query_and_keys(tokens: Sequence[str], query: Sequence[float], keys, values) -> widgets.VBox:
    """A query and the keys as arrows in a plane: move one with its sliders, and see weights and output follow.

    `query` is (2,), `keys` and `values` are (T, 2), one row a token. The temperature divides the scores. Raises
    ValueError when the shapes do not fit, or a number does not fit into the plane (-3 to 3).
    """
    query, keys, values = (torch.as_tensor(x, dtype=torch.float64).clone() for x in (query, keys, values))
    T = len(tokens)
    if T == 0 or query.shape != (2,) or keys.shape != (T, 2) or values.shape != (T, 2):
        raise ValueError(
            f"{T} tokens, a query {tuple(query.shape)}, keys {tuple(keys.shape)}, values {tuple(values.shape)}; "
            f"for T tokens they must be (2,), (T, 2) and (T, 2), with T at least 1"
        )
    for name, x in (("query", query), ("keys", keys), ("values", values)):
        if not bool((x.abs() <= PLANE).all()):
            raise ValueError(f"{name} leave the plane: every number must lie between -{PLANE} and {PLANE}")

    def slider(value: float, name: str) -> widgets.FloatSlider:
        return widgets.FloatSlider(value, min=-PLANE, max=PLANE, step=0.1, description=name)

    q = [slider(float(query[axis]), name) for axis, name in enumerate(("query, 1st", "query, 2nd"))]
    whose = widgets.Dropdown(options=[(f"{i} {token}", i) for i, token in enumerate(tokens)], description="key of")
    k = [slider(float(keys[0, axis]), name) for axis, name in enumerate(("key, 1st", "key, 2nd"))]
    wide = {"description_width": "6em"}
    heat = widgets.FloatLogSlider(1.0, min=-1, max=1, step=0.05, description="temperature", style=wide)
    shown = widgets.HTML()
    state = {"setting": False}

    def redraw(_=None) -> None:
        if state["setting"]:
            return
        query[0], query[1] = q[0].value, q[1].value
        keys[whose.value, 0], keys[whose.value, 1] = k[0].value, k[1].value
        shown.value = query_and_keys_html(tokens, query, keys, values, heat.value, whose.value)

    def choose(_=None) -> None:
        state["setting"] = True  # two sliders move, and it is drawn once
        k[0].value, k[1].value = keys[whose.value].tolist()
        state["setting"] = False
        redraw()

    redraw()
    for control in (*q, *k, heat):
        control.observe(redraw, "value")
    whose.observe(choose, "value")
    return widgets.VBox([widgets.HBox([widgets.VBox([*q, heat]), widgets.VBox([whose, *k])]), shown])


PLANE = 3.0  # the arrows live between -3 and 3


def one_query(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, temperature: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Scores (T,), weights (T,) and output (2,) of one query (K,) for keys (T, K) and values (T, 2)."""
    scores = keys @ query / math.sqrt(len(query))
    weights = (scores / temperature).softmax(-1)
    return scores, weights, weights @ values


def query_and_keys_html(
    tokens: Sequence[str],
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    temperature: float = 1.0,
    chosen: int = 0,
) -> str:
    """Two planes as SVG, the arrows and the weighted average, and a table with a bar for each weight."""
    scores, weights, output = one_query(query, keys, values, temperature)
    names = [html.escape(f"{i} {token}") for i, token in enumerate(tokens)]
    arrows, dots = [], []
    for i, name in enumerate(names):
        arrows.append(arrow(keys[i].tolist(), name, "#0072B2", 3 if i == chosen else 1.5))
        (x, y), share = pixel(values[i].tolist()), float(weights[i])
        end = pixel(output.tolist())
        dots.append(f'<line x1="{x}" y1="{y}" x2="{end[0]}" y2="{end[1]}" stroke="currentColor" '
                    f'stroke-width="1.5" opacity="{share:.2f}"/>'
                    f'<circle cx="{x}" cy="{y}" r="{3 + 14 * math.sqrt(share):.1f}" fill="#0072B2" opacity="0.65"/>'
                    + label(x, y - 18, name))  # fmt: skip
    x, y = pixel(output.tolist())
    dots.append(f'<path d="M{x} {y - 8} l8 8 l-8 8 l-8 -8 z" fill="#D55E00"/>')
    arrows.append(arrow(query.tolist(), "", "#D55E00", 3))
    rows = "".join(
        f"<tr><td style='text-align:left'>{name}</td><td>{score:.2f}</td><td style='width:165px'>"
        f"<div style='width:{160 * weight:.0f}px;height:0.9em;background:#0072B2'></div></td><td>{weight:.3f}</td></tr>"
        for name, score, weight in zip(names, scores.tolist(), weights.tolist(), strict=True)
    )
    entropy = float(-(weights * weights.clamp_min(1e-300).log()).sum())
    said = (
        f"Output ({output[0]:.2f}, {output[1]:.2f}). The weights are spread as if over "
        f"{math.exp(entropy):.1f} of {len(names)} tokens."
    )
    head = "<tr><th>token</th><th>score q·k/√2</th><th colspan='2'>weight</th></tr>"
    return (
        f"<div style='display:flex;flex-wrap:wrap'>{plane(arrows, 'the query (orange) and the keys (blue)')}"
        f"{plane(dots, 'values (dots, larger for more weight) and output (diamond)')}</div>"
        f"<table>{head}{rows}</table><p>{said}</p>"
    )


SIDE = 260  # pixels of a plane


def pixel(point: Sequence[float]) -> tuple[float, float]:
    """Where a point of the plane lies in the picture, in pixels."""
    x, y = point
    return round(SIDE * (0.5 + x / (2.2 * PLANE)), 1), round(SIDE * (0.5 - y / (2.2 * PLANE)), 1)


def plane(marks: Sequence[str], caption: str) -> str:
    """A square with both axes, the marks, and a caption below that is its text for a screen reader, too."""
    half = SIDE / 2
    axes = (
        f'<path d="M0 {half} H{SIDE} M{half} 0 V{SIDE}" stroke="currentColor" opacity="0.25"/>'
        f'<rect width="{SIDE}" height="{SIDE}" fill="none" stroke="currentColor" opacity="0.25"/>'
    )
    svg = f'<svg width="{SIDE}" height="{SIDE}" role="img" aria-label="{caption}">{axes}{"".join(marks)}</svg>'
    return f"<figure style='margin:0 12px 6px 0;width:{SIDE}px'>{svg}<figcaption>{caption}</figcaption></figure>"


def arrow(point: Sequence[float], name: str, colour: str, width: float) -> str:
    """An arrow from the middle of a plane, with its name at the tip."""
    (x, y), middle = pixel(point), SIDE / 2
    turn = math.atan2(y - middle, x - middle)
    wings = " ".join(
        f"L{x - 9 * math.cos(turn + side):.1f} {y - 9 * math.sin(turn + side):.1f} M{x} {y}" for side in (0.45, -0.45)
    )
    line = f'<path d="M{middle} {middle} L{x} {y} {wings}" stroke="{colour}" stroke-width="{width}" fill="none"/>'
    return line + label(x, y + (16 if y > middle else -7), name)


def label(x: float, y: float, text: str) -> str:
    """A name in a plane, which does not leave it on any side."""
    y = min(max(y, 12), SIDE - 4)
    anchor = "end" if x > 0.75 * SIDE else "start" if x < 0.25 * SIDE else "middle"
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="currentColor" font-size="12" text-anchor="{anchor}">{text}</text>'


# ---- Heads switched off, and the attention of a sentence (notebook 04) -----------------------------------


@contextmanager
def heads_off(bert: Bert, off: Iterable[tuple[int, int]]) -> Iterator[None]:
    """Inside `with heads_off(bert, [(layer, head)])` these heads give zeros. Layers and heads are counted from 0.

    What a head gathers is multiplied by 0 before the heads are mixed, as Michel et al. 2019 do. Raises ValueError for
    a head that the model has not.
    """
    L, H, D = bert.config.num_hidden_layers, bert.config.num_attention_heads, bert.config.hidden_size
    keep = torch.ones(L, H)
    for layer, head in off:
        if not (0 <= layer < L and 0 <= head < H):
            raise ValueError(f"no head {head} in layer {layer}: there are layers 0 to {L - 1} and heads 0 to {H - 1}")
        keep[layer, head] = 0
    wide = keep.repeat_interleave(D // H, dim=1)  # (L, D): in the order in which the heads lie side by side
    outputs = [layer.attention.output for layer in bert.layers]
    hooks = [
        part.register_forward_pre_hook(lambda part, given, row=row: (given[0] * row.to(given[0]),))
        for part, row in zip(outputs, wide, strict=True)
        if not row.all()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def text_vectors(bert: Bert, wordpiece: WordPiece, texts: Sequence[str]) -> torch.Tensor:
    """One vector a text, (N, D): the mean over its tokens, at length 1, as MiniLM was tuned. Long texts are cut."""
    room = bert.config.max_position_embeddings
    rows = [wordpiece.encode(text[:LONGEST_TEXT], max_length=room, truncate=True).input_ids for text in texts]
    T = max(map(len, rows))
    device = bert.embeddings.words.weight.device
    ids = torch.tensor([row + [wordpiece.pad_id] * (T - len(row)) for row in rows], device=device)
    real = torch.arange(T, device=device) < torch.tensor([[len(row)] for row in rows], device=device)  # (N, T)
    training = bert.training
    bert.eval()
    states = bert(ids, attention_mask=real)  # (N, T, D)
    bert.train(training)
    mean = (states * real[:, :, None]).sum(1) / real.sum(1, keepdim=True)
    return torch.nn.functional.normalize(mean.float(), dim=-1).cpu()


QUESTION = "Which animal sleeps through the winter?"
SENTENCES = (
    "In the cold months the brown bear rests in its den and hardly moves.",
    "A hedgehog spends the season of snow asleep under dry leaves.",
    "Many birds fly south in autumn and come back in spring.",
    "The dog barked at the postman all night.",
    "Snow fell on the mountains in January.",
    "The hotel was quiet, and we slept well.",
    "Parliament votes on the law next week.",
)


def switch_heads(
    bert: Bert, wordpiece: WordPiece, question: str = QUESTION, sentences: Sequence[str] = SENTENCES
) -> widgets.VBox:
    """A button for each head of each layer. Click to switch it off, and see how the sentences are ranked without it.

    The sentences are ordered by the cosine of their vector with the question's. The buttons at the left switch a whole
    layer. Raises ValueError when the model and the vocabulary do not fit, or there is no sentence.
    """
    if bert.config.vocab_size != len(wordpiece):
        raise ValueError(f"the model knows {bert.config.vocab_size} tokens, the vocabulary has {len(wordpiece)}")
    if not sentences:
        raise ValueError("no sentences: give at least one to be found")
    L, H = bert.config.num_hidden_layers, bert.config.num_attention_heads
    box = widgets.Text(value=question, description="Question", layout={"width": "100%"})
    small = {"width": "2.6em", "margin": "1px", "padding": "0"}
    heads = [
        [widgets.ToggleButton(value=True, description=f"{head}", tooltip=f"layer {layer}, head {head}", layout=small)
         for head in range(H)]
        for layer in range(L)
    ]  # fmt: skip
    whole = [widgets.Button(description=f"layer {layer}", layout={"width": "5.5em", "margin": "1px"})
             for layer in range(L)]  # fmt: skip
    shown = widgets.HTML()
    state = {"setting": False, "question": None, "before": None}

    def ask(_=None) -> None:
        if state["setting"]:
            return
        if box.value != state["question"]:  # with all heads on: asked once for each question
            state["question"] = box.value
            state["before"] = text_vectors(bert, wordpiece, [box.value, *sentences])
        off = [(layer, head) for layer in range(L) for head in range(H) if not heads[layer][head].value]
        shown.value = switch_html(bert, wordpiece, box.value, sentences, off, state["before"])

    def turn(button: widgets.Button) -> None:
        row = heads[whole.index(button)]
        on = not any(head.value for head in row)
        state["setting"] = True  # many buttons change, and the model is asked once
        for head in row:
            head.value = on
        state["setting"] = False
        ask()

    for head in (head for row in heads for head in row):
        head.observe(ask, "value")
    for button in whole:
        button.on_click(turn)
    box.observe(ask, "value")
    ask()
    grid = widgets.VBox([widgets.HBox([button, *row]) for button, row in zip(whole, heads, strict=True)])
    return widgets.VBox([box, grid, shown])


def switch_html(
    bert: Bert,
    wordpiece: WordPiece,
    question: str,
    sentences: Sequence[str],
    off: Sequence[tuple[int, int]],
    before: torch.Tensor,
) -> str:
    """The sentences from the nearest to the farthest, with their cosines, and where each stood with all heads on.

    `before` are the `text_vectors` of the question and the sentences with all heads on.
    """
    if not wordpiece.tokenize(question[:LONGEST_TEXT]):
        return "<p>Nothing to ask yet: the question holds no letter, digit or mark. Type some.</p>"
    texts = [question, *sentences]
    with heads_off(bert, off):
        after = text_vectors(bert, wordpiece, texts)
    stood = (before[1:] @ before[0]).tolist()
    stands = (after[1:] @ after[0]).tolist()
    turned = (before * after).sum(-1).mean().item()
    places = sorted(range(len(sentences)), key=lambda n: -stood[n])
    rows = []
    for place, n in enumerate(sorted(range(len(sentences)), key=lambda n: -stands[n])):
        moved = "" if places[place] == n else f" (was number {places.index(n) + 1})"
        bar = f'<div style="width:{120 * max(stands[n], 0):.0f}px;height:0.9em;background:#0072b2"></div>'
        rows.append(
            f'<tr><td>{place + 1}</td><td style="width:125px">{bar}</td><td>{stands[n]:.2f}</td>'
            f"<td>was {stood[n]:.2f}</td><td style='text-align:left'>{html.escape(sentences[n])}{moved}</td></tr>"
        )
    count = bert.config.num_hidden_layers * bert.config.num_attention_heads
    return (
        f"<p>{len(off)} of {count} heads are off. The vectors of the texts have a cosine of {turned:.3f} with what "
        f"they were.</p><table>{''.join(rows)}</table>"
    )


def attention_box(
    bert: Bert, wordpiece: WordPiece, text: str = "The cat sat on the mat, and the dog sat on it."
) -> widgets.VBox:
    """A box for a sentence, sliders for layer and head, and below the map of that head with its scores.

    Raises ValueError when the model and the vocabulary do not fit.
    """
    if bert.config.vocab_size != len(wordpiece):
        raise ValueError(f"the model knows {bert.config.vocab_size} tokens, the vocabulary has {len(wordpiece)}")
    box = widgets.Text(value=text, description="Sentence", layout={"width": "100%"})
    layer = widgets.IntSlider(0, 0, bert.config.num_hidden_layers - 1, description="layer")
    head = widgets.IntSlider(0, 0, bert.config.num_attention_heads - 1, description="head")
    shown = widgets.HTML()

    def redraw(_=None) -> None:
        shown.value = attention_html(bert, wordpiece, box.value, layer.value, head.value)

    for control in (box, layer, head):
        control.observe(redraw, "value")
    redraw()
    return widgets.VBox([box, widgets.HBox([layer, head]), shown])


@torch.no_grad()
def attention_html(bert: Bert, wordpiece: WordPiece, text: str, layer: int, head: int) -> str:
    """The map of one head as a table, a row for each token that looks, and the head's scores beside chance."""
    room = min(MOST_TOKENS, bert.config.max_position_embeddings)
    encoding = wordpiece.encode(text[:LONGEST_TEXT])
    if len(encoding.tokens) <= 2:
        return "<p>Nothing to read yet: the sentence holds no letter, digit or mark. Type some.</p>"
    note = ""
    if len(encoding.tokens) > room:
        note = f"<p>The sentence has {len(encoding.tokens)} tokens with [CLS] and [SEP]: it is cut to {room}.</p>"
        encoding = wordpiece.encode(text[:LONGEST_TEXT], max_length=room, truncate=True)
    training = bert.training
    bert.eval()
    with attention_maps(bert) as maps:
        bert(torch.tensor([encoding.input_ids], device=bert.embeddings.words.weight.device))
        weights = habits.cut(maps)[layer, head]  # (T, T)
    bert.train(training)
    names = [html.escape(token) for token in encoding.tokens]
    tilt = "writing-mode:vertical-rl;text-align:right;font-weight:normal;padding:2px 0"
    table = "<tr><td></td>" + "".join(f'<td style="{tilt}">{name}</td>' for name in names) + "</tr>"
    for name, row in zip(names, weights, strict=True):
        cells = "".join(
            f'<td title="{name} looks at {other}: {weight:.2f}" style="width:1.3em;padding:0;border:1px solid #ddd;'
            f'background:rgba(0,114,178,{math.sqrt(weight):.2f})"></td>'
            for other, weight in zip(names, row, strict=True)
        )
        table += f'<tr><td style="text-align:right;padding:0 4px">{name}</td>{cells}</tr>'
    found, level = habits.scores(weights, encoding.tokens), habits.chance([encoding.tokens])
    said = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{found[name]:.2f}</td><td>chance {level[name]:.2f}</td></tr>"
        for name in found
        if not math.isnan(level[name])
    )
    return (
        f"{note}<p>Layer {layer}, head {head}: a row is a token that looks, a column one that is looked at, and the "
        f'darker the more.</p><div style="display:flex;flex-wrap:wrap;gap:2em"><table>{table}</table>'
        f"<table>{said}</table></div>"
    )


# ---- Saliency side by side (notebook 15) -----------------------------------------------------------------


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


def saliency_of(
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
    baseline = saliency.blank(batch["input_ids"], wordpiece.mask_id, (wordpiece.cls_id, wordpiece.sep_id))
    scores = saliency.all_scores(model, batch, probabilities.argmax()[None], baseline, steps)
    model.train(training)
    rows = {name: values[0].tolist() for name, values in scores.items()}
    return ["[CLS]", *tokens, "[SEP]"], taken, float(probabilities[taken]), rows


def saliency_html(model: Classifier, wordpiece: WordPiece, text: str, labels: Sequence[str], steps: int = 8) -> str:
    """A row of coloured tokens for each method: blue speaks for the class, orange and dashed against it."""
    try:
        tokens, taken, probability, rows = saliency_of(model, wordpiece, text, steps)
    except ValueError as error:
        return f"<p>Nothing to explain yet: {error}. Type some.</p>"
    count = len(wordpiece.tokenize(text[:LONGEST_TEXT]))
    note = f" The sentence has {count:,} tokens: the first {len(tokens) - 2} are read." * (count > len(tokens) - 2)
    lines = []
    for name, weights in rows.items():
        largest = max(abs(weight) for weight in weights) or 1.0
        best = max(range(len(weights)), key=weights.__getitem__)
        boxes = "".join(
            weight_box(token, weight / largest, place == best)
            for place, (token, weight) in enumerate(zip(tokens, weights, strict=True))
        )
        lines.append(f"<tr><td>{html.escape(name)}</td><td style='text-align:left'>{boxes}</td></tr>")
    return (
        f"<p>The model takes it for <b>{html.escape(labels[taken])}</b>, probability {probability:.2f}.{note}</p>"
        f"<table>{''.join(lines)}</table><p>Each row is scaled to its own largest number. Blue speaks for "
        f"{html.escape(labels[taken])}, orange with a dashed frame against it. The highest stands in bold.</p>"
    )


def weight_box(token: str, share: float, highest: bool) -> str:
    """One token as a box of HTML; `share`, from -1 to 1, is its colour."""
    colour = f"rgba(0,114,178,{0.6 * share:.2f})" if share >= 0 else f"rgba(230,159,0,{-0.75 * share:.2f})"
    frame = "1px dashed #a06000" if share < 0 else "1px solid #999"
    name = f"<b>{html.escape(token)}</b>" if highest else html.escape(token)
    return f'<span title="{share:+.2f}" style="{BOX}background:{colour};border:{frame}">{name}</span>'


# ---- The sinusoids of the positions (notebook 05) --------------------------------------------------------


def position_waves(length: int = 64, width: int = 32) -> widgets.VBox:
    """The sinusoid table of any size: choose a pair of columns and a shift, and see the waves and the rotation.

    Raises ValueError for a length outside 2 to 512, or a width that is odd or outside 2 to 128.
    """
    if not (2 <= length <= 512 and 2 <= width <= 128 and width % 2 == 0):
        raise ValueError(f"length {length}, width {width}: the length lies in 2 to 512, the width is even, in 2 to 128")

    def slider(value: int, least: int, most: int, name: str, step: int = 1) -> widgets.IntSlider:
        return widgets.IntSlider(value, least, most, step=step, description=name)

    size, wide = slider(length, 2, 512, "length T"), slider(width, 2, 128, "width D", 2)
    pair, place = slider(min(3, width // 2 - 1), 0, width // 2 - 1, "pair i"), slider(0, 0, length - 1, "position")
    shift = slider(min(5, length - 1), 0, length - 1, "shift")
    shown = widgets.HTML()
    state = {"setting": False}

    def redraw(_=None) -> None:
        if not state["setting"]:
            shown.value = position_waves_html(size.value, wide.value, pair.value, place.value, shift.value)

    def resize(_=None) -> None:
        state["setting"] = True  # what no longer fits is brought to the edge, and it is drawn once
        pair.max, place.max, shift.max = wide.value // 2 - 1, size.value - 1, size.value - 1
        state["setting"] = False
        redraw()

    redraw()
    for control in (size, wide):
        control.observe(resize, "value")
    for control in (pair, place, shift):
        control.observe(redraw, "value")
    return widgets.VBox([widgets.HBox([widgets.VBox([size, wide]), widgets.VBox([pair, place, shift])]), shown])


def position_waves_html(length: int, width: int, pair: int, position: int, shift: int) -> str:
    """The table as a picture, the two waves of a pair, the similarity by distance, and the turn that a shift is."""
    table = sinusoids(length + shift, width).double()
    frequency = 10_000 ** (-2 * pair / width)
    angle = shift * frequency
    turn = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    columns = slice(2 * pair, 2 * pair + 2)
    here, there = table[position, columns], table[position + shift, columns]
    off = float((turn @ here - there).abs().max())
    near = (table[:length] @ table[position] / (width / 2)).tolist()
    waves = [(table[:length, column].tolist(), colour) for column, colour in
             ((2 * pair, "#0072B2"), (2 * pair + 1, "#E69F00"))]  # fmt: skip
    sine, cosine = f"sin(p·w), column {2 * pair}", f"cos(p·w), column {2 * pair + 1}"
    numbers = [f"({x:.3f}, {y:.3f})" for x, y in (here.tolist(), there.tolist())]
    matrix = "; ".join(", ".join(f"{number:.3f}" for number in row) for row in turn.tolist())
    return (
        f"<div style='display:flex;flex-wrap:wrap'>{table_picture(table[:length], pair)}"
        f"{wave(waves, position, f'{sine} (blue) and {cosine} (orange), by position')}"
        f"{wave([(near, '#009E73')], position, f'how alike position {position} and every other are, all columns')}"
        f"</div><p>Pair {pair}: frequency w = {frequency:.4f} radians a token, one wave in "
        f"{2 * math.pi / frequency:,.1f} tokens.<br>A shift by {shift} turns the pair by {angle:.3f} radians, with the "
        f"matrix [{matrix}]: from {numbers[0]} at position {position} to {numbers[1]} at {position + shift}. "
        f"In the table the largest difference to that is {off:.0e}, rounding of float32.</p>"
    )


def table_picture(table: torch.Tensor, pair: int) -> str:
    """A table (T, D) as a picture of one dot a number; the chosen pair of columns stands between two marks."""
    import base64
    import io

    import matplotlib.image

    from .plots import DIVERGING

    file = io.BytesIO()
    matplotlib.image.imsave(file, table.numpy(), vmin=-1, vmax=1, cmap=DIVERGING, format="png")
    data = base64.b64encode(file.getvalue()).decode()
    T, D = table.shape
    left, wide = 260 * 2 * pair / D, 260 * 2 / D
    mark = f"<div style='margin-left:{left:.1f}px;width:{wide:.1f}px;height:5px;background:#D55E00'></div>"
    caption = f"the table: {T} positions from the top, {D} columns; purple +1, orange -1"
    return (
        f"<figure style='margin:0 12px 6px 0;width:260px'>{mark}<img alt='{caption}' src='data:image/png;base64,{data}'"
        f" style='display:block;width:260px;height:180px;max-width:none;image-rendering:pixelated'>{mark}"
        f"<figcaption>{caption}</figcaption></figure>"
    )


def wave(lines: Sequence[tuple[Sequence[float], str]], position: int, caption: str) -> str:
    """Lines of values between -1 and 1 as an SVG, with a mark at a position."""
    drawn = []
    for values, colour in lines:
        step = 260 / max(1, len(values) - 1)
        points = " ".join(f"{i * step:.1f},{95 - 85 * value:.1f}" for i, value in enumerate(values))
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        x, y = position * step, 95 - 85 * values[position]
        drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>')
    axes = '<path d="M0 95 H260" stroke="currentColor" opacity="0.3"/>'
    svg = f'<svg width="260" height="190" role="img" aria-label="{caption}">{axes}{"".join(drawn)}</svg>'
    return f"<figure style='margin:0 12px 6px 0;width:260px'>{svg}<figcaption>{caption}</figcaption></figure>"
