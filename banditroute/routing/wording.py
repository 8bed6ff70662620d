"""Words that several refusals share."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggestion(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about a name that does not exist: the one that was meant, or all of them."""
    names = sorted(known)
    if close := get_close_matches(name, names, n=1):
        return f"did you mean `{close[0]}`?"
    return (
        f"choose from {', '.join(f'`{known_name}`' for known_name in names)}." if names else "there are none."
    )
