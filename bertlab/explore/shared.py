"""explore.shared: TODO."""

import html

MOST_TOKENS = 24  # rows of the table; more would not fit on a screen

LONGEST_TEXT = 2000  # characters; more would make typing slow

BOX = "display:inline-block;margin:2px 1px;padding:1px 4px;border-radius:3px;text-align:center;color:#000;"


def format_guess_row(guess: str, probability: float, right: bool) -> str:
    """One guess as a bar; the right one is marked by a word, not by its colour alone."""
    bar = f'<div style="width:{160 * probability:.0f}px;height:0.9em;background:#0072b2"></div>'
    mark = " right" if right else ""
    return (
        f'<tr><td style="text-align:left">{html.escape(guess)}</td><td style="width:165px">{bar}</td>'
        f"<td>{probability:.1%}{mark}</td></tr>"
    )


def format_bar(probability: float, width: int) -> str:
    """A probability as a bar of at most `width` pixels, and in per cent."""
    bar = f"<div style='width:{width * probability:.0f}px;height:0.9em;background:#0072b2;display:inline-block'></div>"
    return f"<div style='text-align:left;white-space:nowrap'>{bar} {probability:.1%}</div>"
