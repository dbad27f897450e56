"""Silver data: training examples that rules make from the Wikipedia summaries. No rule is always right."""

from .names import make_silver_names
from .questions import make_silver_questions

__all__ = ["make_silver_names", "make_silver_questions"]
