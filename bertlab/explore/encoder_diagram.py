"""explore.encoder_diagram: TODO."""

import html
import math
from dataclasses import dataclass, replace

import ipywidgets as widgets
import torch

from ..model import PRESETS, Bert, BertConfig, attention_maps


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


def trace_encoder_blocks(config: BertConfig, batch: int = 1, tokens: int = 128) -> list[Block]:
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


def encoder_diagram(size: str = "base") -> widgets.VBox:
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
            state["blocks"] = trace_encoder_blocks(config, batch.value, tokens.value)
        except ValueError as error:
            state["blocks"] = []
            details.value = f"<p><b>There is no such model.</b> {html.escape(str(error))}.</p>"
        for button in buttons:
            button.disabled = not state["blocks"]
        if state["blocks"]:
            repeat.value = "one layer, of 1" if layers.value == 1 else f"one layer, of {layers.value} alike"
            for button, block in zip(buttons, state["blocks"], strict=True):
                button.description = f"{block.name}: {format_shape(block.gives)}"
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
    rows = [("takes", format_shape(block.takes)), ("gives", format_shape(block.gives))]
    rows += [(name, f"{format_shape(shape)} = {math.prod(shape):,}") for name, shape in block.inside + block.weights]
    table = "".join(f"<tr><td>{html.escape(name)}</td><td>{text}</td></tr>" for name, text in rows)
    each = f"{block.count // block.times:,} parameters"
    if block.times > 1:
        each += f", {block.times} times: {block.count:,}"
    share = (
        f"{each}. That is {block.count / total:.1%} of the encoder's {total:,}." if block.count else "No parameters."
    )
    table = f'<table style="line-height: 1.5; white-space: nowrap">{table}</table>'
    return f"<p><b>{html.escape(block.name)}</b></p><p>{html.escape(block.says)}</p>{table}<p>{share}</p>"


def format_shape(shape: tuple[int, ...]) -> str:
    """(8, 128, 768) as 8 × 128 × 768."""
    return " × ".join(f"{size:,}" for size in shape)
