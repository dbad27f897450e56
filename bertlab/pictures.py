"""Pictures as files: the path is checked before the work begins, and the file is written whole or not at all."""

import io
from pathlib import Path

from .files import check_output_path, write_bytes


def check_picture_path(path: Path, option: str) -> None:
    """Raise ValueError when a picture of this kind cannot be drawn, OSError when it cannot be written: before the work
    that it shows. `option` is what the path was given as."""
    from matplotlib.backend_bases import FigureCanvasBase

    kinds = FigureCanvasBase.get_supported_filetypes()
    if path.suffix and path.suffix[1:].lower() not in kinds:
        raise ValueError(f"{option} {path}: a picture's name ends in .{', .'.join(sorted(kinds))}")
    check_output_path(path, option)


def save_figure(figure, path: Path) -> None:
    """Write a matplotlib figure, whole or not at all, as the kind of file that its name says (.png if none)."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format=path.suffix[1:].lower() or "png", dpi=150)
    write_bytes(path, drawn.getvalue())
