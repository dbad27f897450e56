"""Explorers: small ipywidgets panels that recompute something real."""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import ipywidgets as widgets
import torch

from .heads import Pretraining
from .model import PRESETS, Bert, BertConfig, attention_maps
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
