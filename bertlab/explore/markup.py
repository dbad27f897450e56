"""Building blocks of HTML that several panels share. Arguments called content, cells or marks are HTML already."""

import html
from collections.abc import Iterable, Sequence

# The first, second, third and sixth colour of `plots.COLOURS`.
BLUE, ORANGE, GREEN, VERMILION = "#0072b2", "#e69f00", "#009e73", "#d55e00"
SIDE = 260  # the width of a picture, in pixels
PRINTED = "print-color-adjust:exact"  # browsers leave out coloured backgrounds on paper otherwise


def mix_with_white(colour: str, share: float) -> str:
    """A share from 0 to 1 of a colour such as "#0072b2", and white for the rest. It is opaque, so black letters can be
    read on it in a dark notebook too."""
    return "#" + bytes(round(255 + share * (part - 255)) for part in bytes.fromhex(colour[1:])).hex()


def format_box(content: str, background: str, style: str = "", title: str = "") -> str:
    """A coloured box; the plain text `title` is shown while the mouse rests on it."""
    style = f"border-radius:3px;text-align:center;color:#000;background:{background};{PRINTED};{style}"
    style = f"display:inline-block;margin:2px 1px;padding:1px 4px;{style}"
    return f'<span title="{html.escape(title)}" style="{style}">{content}</span>'


def format_bar(share: float, width: int = 160, content: str | None = None) -> str:
    """A share from 0 to 1 as a bar of at most `width` pixels; after it `content`, by default the share in per cent."""
    bar = f"<div style='width:{width * share:.0f}px;height:0.9em;background:{BLUE};{PRINTED}'></div>"
    bar = f"<div style='display:inline-block;width:{width}px'>{bar}</div>"
    return f"<div style='white-space:nowrap'>{bar} {f'{share:.1%}' if content is None else content}</div>"


def format_table(rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    """A table of cells. Each has its own style, because JupyterLab would align it to the right."""
    style = "style='text-align:left;vertical-align:top;padding-right:0.8em'"
    lines = [("th", head)] * bool(head) + [("td", cells) for cells in rows]
    html_rows = ("".join(f"<{tag} {style}>{cell}</{tag}>" for cell in cells) for tag, cells in lines)
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in html_rows)}</table>"


def format_guesses(guesses: Iterable[tuple[str, float]], truth: str | None = None) -> str:
    """A table of (token, probability) with bars. A guess that equals `truth` is marked as correct."""
    return format_table((html.escape(token), format_bar(p, content=f"{p:.1%}{' correct' if token == truth else ''}"))
                        for token, p in guesses)  # fmt: skip


def format_svg(marks: str, caption: str, height: int) -> str:
    """An SVG picture with a caption below, which is also its description for screen readers."""
    svg = f'<svg width="{SIDE}" height="{height}" role="img" aria-label="{caption}">{marks}</svg>'
    return format_figure(svg, caption)


def format_figure(content: str, caption: str) -> str:
    """A picture with a caption below it."""
    return f"<figure style='margin:0 12px 6px 0;width:{SIDE}px'>{content}<figcaption>{caption}</figcaption></figure>"
