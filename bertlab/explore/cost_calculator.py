"""The calculator of costs: a model, its tokens and some chips; hours, energy, money and memory by the formulas."""

import ipywidgets as widgets

from ..arguments import check_text
from ..budget import (
    DEVICES,
    Memory,
    count_parameters,
    count_training_flops,
    count_training_memory,
    estimate_cost,
    find_device,
    format_seconds,
)
from ..suggestions import suggest_name
from . import markup
from .encoder_diagram import ENCODER_SIZES
from .shared import FULL_WIDTH, make_panel

LENGTHS = (64, 128, 256, 512)
PARTS = ("products with weights", "attention", "head of the masked words", "pooler and sentence pairs")


def cost_calculator(size: str = "base") -> widgets.VBox:
    """Choose a model, tokens, length, share of masked words, device, chips, utilisation, price and rows; see what the
    training takes. `size` is one of `ENCODER_SIZES`; raises ValueError for another and TypeError for
    what is no text."""
    check_size(size)
    style = {"description_width": "11em"}

    def slide(kind, value, least, most, name, **settings):
        return kind(value=value, min=least, max=most, description=name, style=style, layout=FULL_WIDTH,
                    continuous_update=False, **settings)  # fmt: skip

    return make_panel(
        [
            widgets.Dropdown(options=list(ENCODER_SIZES), value=size, description="model", style=style),
            slide(widgets.FloatLogSlider, 3.3e9, 6, 12, "tokens, all passes", readout_format=".1e"),
            widgets.Dropdown(options=LENGTHS, value=128, description="tokens a row", style=style),
            slide(widgets.FloatSlider, 0.15, 0.05, 0.5, "masked share", step=0.05),
            widgets.Checkbox(value=False, description="score every token", style=style),
            widgets.Dropdown(options=list(DEVICES), value="t4", description="device", style=style),
            slide(widgets.IntSlider, 1, 1, 1024, "chips"),
            slide(widgets.FloatSlider, 0.3, 0.05, 0.7, "utilisation", step=0.05),
            slide(widgets.FloatSlider, 0.0, 0.0, 10.0, "dollars a chip and hour", step=0.05),
            slide(widgets.IntSlider, 32, 1, 512, "rows on a chip at a time"),
        ],
        cost_calculator_html,
    )


def cost_calculator_html(size: str, tokens: float, length: int, masked: float, every: bool, device: str, chips: int,
                         utilisation: float, price: float, rows: int) -> str:  # fmt: skip
    """What such a training takes, as HTML. Raises ValueError for unknown names and numbers out of range."""
    check_size(size)
    config, chip = ENCODER_SIZES[size], find_device(device)
    predicted = max(1, round(masked * length))
    row = count_training_flops(config, length, predicted, every=every)
    cost = estimate_cost(row.total / length * tokens, chip, chips, utilisation, price)
    memory = count_training_memory(config, rows, length, predicted)
    totals = (
        ("time", format_seconds(cost.seconds)),
        ("energy", f"{cost.kilowatt_hours:,.3g} kWh, for the chips alone"),
        ("price", f"${cost.dollars:,.2f}" if price else "choose the price of an hour"),
        ("operations", f"{cost.flops:.3g}, of which a token takes {row.total / length:.3g}"),
        ("parameters", f"{count_parameters(config):,} with both heads"),
    )
    shares = ((name, markup.format_bar(part / row.total)) for name, part in zip(PARTS, row, strict=True))
    return (f"{markup.format_table(totals)}<p>Where the operations go:</p>{markup.format_table(shares)}"
            f"{memory_html(memory, chip.memory, device)}")  # fmt: skip


def memory_html(memory: Memory, there: float, device: str) -> str:
    """The memory of a chip by part, in float32, and whether it fits."""
    names = ("weights", "gradients", "moments of AdamW", "kept for the backward pass")
    rows = ((name, f"{part / 1e9:,.2f} GB") for name, part in zip(names, memory, strict=True))
    verdict = f"it fits into the {there / 1e9:,.0f} GB of {device}"
    if memory.total > there:
        verdict = f"<b>too much for the {there / 1e9:,.0f} GB of {device}</b>: take fewer rows at a time"
    return f"<p>Memory of a chip in float32: {memory.total / 1e9:,.2f} GB, {verdict}.</p>{markup.format_table(rows)}"


def check_size(size: str) -> None:
    """Raise ValueError unless it is one of `ENCODER_SIZES`, TypeError unless it is a text."""
    check_text(size, "size")
    if size not in ENCODER_SIZES:
        raise ValueError(f"no size {size!r}; there are {', '.join(ENCODER_SIZES)}{suggest_name(size, ENCODER_SIZES)}")
