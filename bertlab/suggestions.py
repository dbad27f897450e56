"""The nearest valid name for a misspelt one, as the end of an error message."""

from collections.abc import Iterable
from difflib import get_close_matches


def suggest_name(name: str, options: Iterable[str]) -> str:
    """Return '; did you mean "sotu"?' with the option nearest to `name` (upper and lower case count as equal).

    Returns an empty string if no option is similar enough.
    """
    by_lower_case = {option.lower(): option for option in options}
    nearest = get_close_matches(name.lower(), by_lower_case, n=1, cutoff=0.6)
    return f'; did you mean "{by_lower_case[nearest[0]]}"?' if nearest else ""
