"""The bench: how fast our training is beside `transformers.Trainer`'s on this machine, how far each gets in the
same minutes, and how ours grows with the model and the machine. `python -m bertlab bench` runs it."""

from .curves import draw_curves_figure, format_curves, measure_curves
from .scale import draw_scale, format_scale, measure_scale
from .settings import BenchConfig
from .speed import draw_speeds, format_speeds, measure_speeds
