"""Plain texts as `predict` reads them, for what needs no labels: a file with a column `text`, or a text a line."""

from typing import ClassVar

from .base import Task
from .tables import get_text_field, split_input


class PlainTexts(Task):
    """Reads texts and nothing else. It is no task that can be learned, and stands in no list of tasks."""

    name = "texts"
    input_columns: ClassVar[dict[str, str]] = {"text": "text"}

    @classmethod
    def parse_input(cls, given) -> str:
        return split_input(given, 1, 1, "one text is needed; a tab separates texts")[0]

    @classmethod
    def parse_row(cls, row: dict, names: dict[str, str]) -> str:
        return get_text_field(row, names["text"])
