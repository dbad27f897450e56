"""The bench: how fast our training is beside `transformers.Trainer`'s on this machine, and how far each gets in the
same minutes. `python -m bertlab bench` runs it."""

from .curves import draw_curves_figure, format_curves, measure_curves
from .settings import BenchConfig
from .speed import draw_speeds, format_speeds, measure_speeds
