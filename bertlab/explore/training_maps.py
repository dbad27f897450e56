"""One attention head while it is trained: its map at the step that you choose, with what was measured there."""

from collections.abc import Mapping, Sequence

import ipywidgets as widgets

from ..arguments import check_argument, check_array, check_kind, check_list
from .attention_box import format_attention_map
from .shared import LiveHTML


def training_maps(steps: Sequence[int], maps, tokens: Sequence[str],
                  measured: Mapping[str, Sequence[float]] | None = None) -> widgets.VBox:  # fmt: skip
    """A slider over the training steps; below it the map of that step, and the numbers measured there.

    `maps` (S, T, T) holds one attention map for each of the `steps`, all of the same `tokens`; `measured` has a list of
    S numbers for each name, such as {"loss": [...]}. Raises ValueError when the lengths do not fit, or a map holds
    anything but weights from 0 to 1.
    """
    steps = check_argument(check_list(steps, "steps", "whole numbers"), [int], "steps")
    tokens = check_argument(check_list(tokens, "tokens", "texts"), [str], "tokens")
    measured = {} if measured is None else check_kind(measured, Mapping, "measured", "a dict of lists by name")
    maps = check_array(maps, "maps")
    rows = {name: check_array(numbers, name, "S") for name, numbers in measured.items()}
    T = len(tokens)
    if not steps or maps.shape != (len(steps), T, T):
        raise ValueError(f"maps has shape {maps.shape}; for {len(steps)} steps and {T} tokens it must be "
                         f"{(len(steps), T, T)}, with at least one step")  # fmt: skip
    if not ((maps >= 0) & (maps <= 1 + 1e-6)).all():
        raise ValueError("maps holds other numbers than attention weights, which are from 0 to 1")
    for name, numbers in rows.items():
        if len(numbers) != len(steps):
            raise ValueError(f"{len(numbers)} numbers of {name!r} for {len(steps)} steps")

    def render_step(number: int) -> str:
        said = "; ".join(f"{name} {numbers[number]:.2f}" for name, numbers in rows.items())
        return f"<p>Step {steps[number]}. {said}</p>{format_attention_map(maps[number].clip(0, 1), list(tokens))}"

    slider = widgets.IntSlider(0, 0, len(steps) - 1, description="map number", layout={"width": "30em"})
    return widgets.VBox([slider, LiveHTML([slider], render_step)])
