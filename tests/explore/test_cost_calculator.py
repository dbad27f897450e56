"""The calculator of costs: it shows what the formulas say, follows its controls, and names what it cannot use."""

import pytest

from bertlab import explore
from bertlab.budget import DEVICES, count_training_flops, estimate_cost, format_seconds
from bertlab.explore.cost_calculator import cost_calculator_html

from .tables import read_rows

USUAL = {"size": "base", "tokens": 3.3e9, "length": 128, "masked": 0.15, "every": False, "device": "t4", "chips": 1,
         "utilisation": 0.3, "price": 0.0, "rows": 32}  # fmt: skip


def ask(**changes) -> dict[str, str]:
    return dict(read_rows(cost_calculator_html(**(USUAL | changes))))


def test_it_shows_the_formulas():
    config = explore.ENCODER_SIZES["base"]
    flops = count_training_flops(config, 128, 19).total / 128 * 6.6e9
    cost = estimate_cost(flops, DEVICES["a100"], 4, 0.5, 2.0)
    shown = ask(tokens=6.6e9, device="a100", chips=4, utilisation=0.5, price=2.0)
    assert shown["time"] == format_seconds(cost.seconds)
    assert shown["price"] == f"${cost.dollars:,.2f}"
    assert shown["energy"].startswith(f"{cost.kilowatt_hours:,.3g} kWh")
    assert "110,106,428" in shown["parameters"]
    assert ask()["price"] == "choose the price of an hour"
    assert float(ask(every=True)["operations"].split(",")[0]) > float(ask()["operations"].split(",")[0])


def test_it_says_what_does_not_fit():
    assert "it fits into the 16 GB of t4" in cost_calculator_html(**USUAL)
    assert "too much for the 16 GB of t4" in cost_calculator_html(**(USUAL | {"size": "large", "rows": 128}))


def test_panel_follows_its_controls():
    *controls, output = explore.cost_calculator().children
    assert all(control.description for control in controls)
    before = dict(read_rows(output.value))
    controls[5].value = "h100"
    assert dict(read_rows(output.value))["time"] != before["time"]
    controls[0].value = "tiny"
    assert dict(read_rows(output.value))["parameters"] != before["parameters"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": "hug"}, "no size"),
        ({"device": "t5"}, "no device"),
        ({"utilisation": 0.0}, "utilisation"),
        ({"tokens": -1.0}, "flops"),
    ],
)
def test_what_it_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        ask(**changes)
    with pytest.raises(ValueError, match="no size"):
        explore.cost_calculator("hug")
