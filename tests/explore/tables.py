"""Reads the cells of a table that a panel shows."""

import re


def read_rows(page: str) -> list[list[str]]:
    """The text of each cell of each row, without markup; a row of headings is empty."""
    return [
        [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", page)
    ]
