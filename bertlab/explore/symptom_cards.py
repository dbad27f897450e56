"""Cards that each show what a training with one fault looks like: guess the cause, then see which check fails."""

import html
import random
from collections.abc import Callable, Mapping, Sequence

import ipywidgets as widgets

from ..arguments import check_function, check_kind
from ..plot_checks import check_lines
from . import markup
from .markup import SIDE
from .shared import FULL_WIDTH, LiveHTML

Curves = Mapping[str, tuple[Sequence[float], Sequence[float]]]  # name -> (steps, values)
LEFT, TOP, BOTTOM = 34, 10, 135  # of the plot inside its picture, in pixels


def symptom_cards(cards: Mapping[str, object], sound: object, measure: Callable[[object], Curves],
                  checks: Mapping[str, Callable[[object], object]]) -> widgets.VBox:  # fmt: skip
    """A row of cards; below them the curves of the chosen one beside those of the `sound` training, a list of causes to
    guess from, and, after a guess, what each of the checks says.

    `cards` has a training for each cause, of any type. `measure(training)` gives its curves by name, the same names for
    each. A check is a function of a training, and raises AssertionError when it finds something. The cards are mixed,
    always in the same way. Trainings are measured and checked when their card is opened. Raises ValueError for no cards
    or no checks.
    """
    check_kind(cards, Mapping, "cards", "a dict of trainings by cause")
    check_kind(checks, Mapping, "checks", "a dict of functions by name")
    for name, function in {"measure": measure, **checks}.items():
        check_function(function, name)
    if not cards or not checks:
        raise ValueError(f"{len(cards)} cards and {len(checks)} checks: at least one of each is needed")
    causes = mix_cards(cards)
    card = widgets.ToggleButtons(options=[(str(n), n) for n in range(1, 1 + len(causes))], description="Card",
                                 style={"button_width": "3em"})  # fmt: skip
    guess = widgets.Dropdown(options=[("(look at the curves, then choose)", ""), *((cause, cause) for cause in cards)],
                             description="My guess", layout=FULL_WIDTH)  # fmt: skip

    def render_card(number: int) -> str:
        return curves_html(measure(cards[causes[number - 1]]), measure(sound), f"card {number}")

    def render_verdict(number: int, guessed: str) -> str:
        if not guessed:
            return "<p>The checks run when you have guessed.</p>"
        cause = causes[number - 1]
        return verdict_html(guessed, cause, run_checks(checks, cards[cause]))

    def forget_guess(_change: dict) -> None:
        guess.value = ""

    card.observe(forget_guess, "value")  # before the verdict looks at the card, or it would check with the old guess
    return widgets.VBox([card, LiveHTML([card], render_card), guess, LiveHTML([card, guess], render_verdict)])


def mix_cards(cards: Mapping[str, object]) -> list[str]:
    """The causes in the order of their cards: a fixed mixture, so that card 3 is the same for everybody."""
    causes = sorted(cards)
    random.Random(48).shuffle(causes)
    return causes


def run_checks(checks: Mapping[str, Callable[[object], object]], training: object) -> dict[str, str]:
    """What each check finds in a training: its message, or "" where it passes."""
    found = {}
    for name, check in checks.items():
        try:
            check(training)
            found[name] = ""
        except AssertionError as error:
            found[name] = str(error) or "no message"
    return found


def verdict_html(guessed: str, cause: str, found: Mapping[str, str]) -> str:
    """Whether the guess is right, and a table of what the checks found: red where one fails, green where it passes."""
    passes, fails = (markup.format_box(word, colour, "width:4em")
                     for word, colour in (("passes", markup.GREEN), ("fails", markup.VERMILION)))  # fmt: skip
    rows = [(fails if said else passes, html.escape(name), html.escape(said)) for name, said in found.items()]
    failed = sum(bool(said) for said in found.values())
    said = "Your guess is right." if guessed == cause else "It is another cause. What do the checks say? Guess again."
    count = f"{failed or 'None'} of the {len(found)} checks {'fails' if failed == 1 else 'fail'}."
    return f"<p><b>{said}</b> {count}</p>{markup.format_table(rows)}"


def curves_html(curves: Curves, sound: Curves, name: str) -> str:
    """A picture for each curve: the training called `name` in blue, the sound one dashed in grey. Raises ValueError
    when the two have different curves."""
    check_lines(curves)
    check_lines(sound)
    if set(curves) != set(sound):
        raise ValueError(f"{name} has the curves {sorted(curves)}, and the sound training has {sorted(sound)}")
    pictures = (draw_pair(curves[what], sound[what], what, name) for what in sound)
    return f"<div style='display:flex;flex-wrap:wrap'>{''.join(pictures)}</div>"


def draw_pair(curve: tuple, sound: tuple, what: str, name: str) -> str:
    """Two curves of (steps, values) from 0 to the highest value, with the ends of both axes."""
    last, most = max(*curve[0], *sound[0], 1), max(*curve[1], *sound[1], 1e-9)
    marks = [
        f'<path d="M{LEFT} {TOP} V{BOTTOM} H{SIDE}" fill="none" stroke="currentColor" opacity="0.4"/>',
        *(write_number(LEFT - 4, y, text, "end") for y, text in ((TOP + 8, f"{most:.3g}"), (BOTTOM, "0"))),
        write_number(LEFT, BOTTOM + 15, "step 0", "start"),
        write_number(SIDE, BOTTOM + 15, f"step {last:g}", "end"),
    ]
    for (steps, values), style in ((sound, 'stroke="currentColor" stroke-dasharray="4 3" opacity="0.7"'),
                                   (curve, f'stroke="{markup.BLUE}" stroke-width="2"')):  # fmt: skip
        points = " ".join(f"{LEFT + (SIDE - LEFT) * step / last:.1f},{BOTTOM - (BOTTOM - TOP) * value / most:.1f}"
                          for step, value in zip(steps, values, strict=True))  # fmt: skip
        marks.append(f'<polyline points="{points}" fill="none" {style}/>')
    caption = html.escape(f"{what}: {name} (blue), sound training (dashed)")
    return markup.format_svg("".join(marks), caption, BOTTOM + 20)


def write_number(x: float, y: float, text: str, anchor: str) -> str:
    """A number at an axis."""
    return f'<text x="{x}" y="{y}" fill="currentColor" font-size="11" text-anchor="{anchor}">{text}</text>'
