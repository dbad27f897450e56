"""The encoder as a column of blocks: the shape and the parameters of each, traced on a real forward pass."""

import html
import math
from dataclasses import dataclass, replace
from functools import lru_cache

import ipywidgets as widgets
import torch
from torch import nn

from ..arguments import check_text
from ..model import PRESETS, Bert, BertConfig, attention_maps, eval_mode
from . import markup
from .shared import LiveHTML

Shape = tuple[int, ...]

ENCODER_SIZES = {name: BertConfig.preset(name) for name in PRESETS} | {
    "MiniLM": BertConfig(hidden_size=384, num_hidden_layers=6, intermediate_size=1536),
    "large": BertConfig(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096),
}


@dataclass(frozen=True)
class Block:
    """One part of the encoder as the diagram shows it."""

    name: str
    description: str
    input_shape: Shape
    output_shape: Shape
    intermediates: tuple[tuple[str, Shape], ...] = ()  # (name, shape) of tensors that exist only inside the part
    weights: tuple[tuple[str, Shape], ...] = ()  # (name, shape) of the parameters of one such part
    copies: int = 1  # how many such parts the encoder has

    @property
    def parameter_count(self) -> int:
        """The number of parameters in all copies."""
        return self.copies * sum(math.prod(shape) for _, shape in self.weights)


def trace_encoder_blocks(config: BertConfig, batch: int = 1, tokens: int = 128) -> list[Block]:
    """The parts of a Bert of this size from the token ids to the hidden states, with the shapes of a forward pass. The
    model is made on torch's meta device, where a tensor has a shape but no numbers: not even bert-large takes any
    memory there. Raises ValueError, with the model's own message, for ids that it cannot read."""
    if batch < 1 or tokens < 1:
        raise ValueError(f"{batch} rows of {tokens} tokens: there must be at least one of each")
    with torch.device("meta"):
        bert = Bert(config)
        ids = torch.zeros(batch, tokens, dtype=torch.long)
    bert.check_inputs(ids, None, None)
    layer = bert.layers[0]  # all layers have the same shapes
    shapes: dict[nn.Module, tuple[Shape, Shape]] = {}

    def record_shapes(part: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        shapes[part] = tuple(inputs[0].shape), tuple(output.shape)

    for part in (bert.embeddings, *layer.children(), layer.feed_forward.expand):
        part.register_forward_hook(record_shapes)
    with eval_mode(bert), attention_maps(bert) as maps:
        last = tuple(layer(bert.embeddings(ids)).shape)
    heads = (batch, config.num_attention_heads, tokens, config.hidden_size // config.num_attention_heads)

    def make_block(name: str, description: str, part: nn.Module, copies: int = config.num_hidden_layers, inside=()):
        weights = tuple((name, tuple(parameter.shape)) for name, parameter in part.named_parameters())
        return Block(name, description, *shapes[part], inside, weights, copies)

    return [
        Block("token ids", "The integers that the tokenizer returns, one for each token.", *[tuple(ids.shape)] * 2),
        make_block("embeddings", "Looks up a vector for the word, the position and the segment of each token, adds "
                   "the three, and normalises the sum.", bert.embeddings, copies=1),
        make_block("attention", "Each token gathers information from all tokens. In no other part do tokens interact.",
                   layer.attention, inside=(("queries, keys, values, each", heads),
                                            ("attention map", tuple(maps[0].shape)))),
        make_block("add and normalise, 1", "Adds the output of the attention to its input, then applies LayerNorm.",
                   layer.attention_norm),
        make_block("feed-forward", "Processes each token on its own: a wider layer, GELU, and back to the old width.",
                   layer.feed_forward, inside=(("widened", shapes[layer.feed_forward.expand][1]),)),
        make_block("add and normalise, 2", "Adds the output of the feed-forward part to its input, then applies "
                   "LayerNorm. The next layer starts from here.", layer.feed_forward_norm),
        Block("hidden states", "One vector for each token, after the last layer. This is what heads read.", last, last),
    ]  # fmt: skip


def format_shape(shape: Shape) -> str:
    """(8, 128, 768) as 8 × 128 × 768."""
    return " × ".join(f"{size:,}" for size in shape)


def encoder_diagram(size: str = "base") -> widgets.VBox:
    """The encoder as a column of blocks: click one for its shapes and weights, choose another size, move a slider.
    `size` is one of `ENCODER_SIZES`; raises ValueError for another. After every change the model is made again."""
    check_text(size, "size")
    if size not in ENCODER_SIZES:
        raise ValueError(f"no size {size!r}; there are {', '.join(ENCODER_SIZES)}")
    config = ENCODER_SIZES[size]
    sizes = widgets.Dropdown(options=list(ENCODER_SIZES), value=size, description="start from")
    numbers = (("layers L", config.num_hidden_layers, 24), ("heads H", config.num_attention_heads, 16),
               ("batch B", 8, 64), ("tokens T", 128, 600))  # fmt: skip
    layers, heads, batch, tokens = (widgets.IntSlider(value, 1, most, description=name, continuous_update=False)
                                    for name, value, most in numbers)  # fmt: skip
    buttons = [widgets.Button(layout={"width": "23em"}) for _ in range(7)]
    chosen = widgets.IntText(2)  # the number of the block whose details are shown; at first the attention
    frame_title = widgets.HTML()
    trace = lru_cache(1)(trace_encoder_blocks)  # a click changes nothing but the details

    def render_diagram(layers: int, heads: int, batch: int, tokens: int, chosen: int) -> str:
        try:
            config = replace(ENCODER_SIZES[sizes.value], num_hidden_layers=layers, num_attention_heads=heads)
            blocks = trace(config, batch, tokens)
        except ValueError:
            for button in buttons:
                button.disabled = True
            raise
        for number, (button, block) in enumerate(zip(buttons, blocks, strict=True)):
            button.disabled, button.button_style = False, "primary" if number == chosen else ""
            button.description = f"{block.name}: {format_shape(block.output_shape)}"
        frame_title.value = f"one of {layers} layers, all alike"
        return block_html(blocks, chosen)

    layout = {"width": "27em", "margin": "0 0 0 1em"}
    details = LiveHTML([layers, heads, batch, tokens, chosen], render_diagram, layout=layout)

    def start_from_size(change: dict) -> None:
        config = ENCODER_SIZES[change["new"]]
        with details.render_once():
            layers.value, heads.value = config.num_hidden_layers, config.num_attention_heads

    sizes.observe(start_from_size, "value")
    for number, button in enumerate(buttons):
        button.on_click(lambda _, number=number: setattr(chosen, "value", number))
    frame = widgets.VBox([frame_title, *buttons[2:6]], layout={"border": "2px solid gray", "padding": "4px"})
    diagram = widgets.VBox([*buttons[:2], frame, buttons[6]], layout={"flex": "0 0 auto"})
    controls = widgets.HBox([widgets.VBox([sizes, layers, heads]), widgets.VBox([batch, tokens])])
    return widgets.VBox([controls, widgets.HBox([diagram, details], layout={"flex_flow": "row wrap"})])


def block_html(blocks: list[Block], number: int) -> str:
    """One block in words and numbers."""
    block, total = blocks[number], sum(block.parameter_count for block in blocks)
    rows = [("input", format_shape(block.input_shape)), ("output", format_shape(block.output_shape))]
    rows += [(html.escape(name), f"{format_shape(shape)} = {math.prod(shape):,}")
             for name, shape in block.intermediates + block.weights]  # fmt: skip
    copies = f", {block.copies} times: {block.parameter_count:,}" if block.copies > 1 else ""
    share = f"{block.parameter_count // block.copies:,} parameters{copies}. That is "
    share += f"{block.parameter_count / total:.1%} of the encoder's {total:,}."
    return (f"<p><b>{html.escape(block.name)}</b></p><p>{html.escape(block.description)}</p>"
            f'<div style="line-height:1.5;white-space:nowrap">{markup.format_table(rows)}</div>'
            f"<p>{share if block.parameter_count else 'No parameters.'}</p>")  # fmt: skip
