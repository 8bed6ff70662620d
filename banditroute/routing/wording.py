"""Words that several refusals share."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from unicodedata import category

LONGEST = 80
"""Characters of what a caller sent that are repeated to the caller."""

_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def cut(text: str) -> str:
    """A text as it may be repeated: its beginning, where it is long."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def quoted(text: str) -> str:
    """A text in quotes, as it may be repeated; the length of a long one is told."""
    return repr(text) if len(text) <= LONGEST else f"{cut(text)!r} ({len(text):,} characters)"


def printable(text: str) -> str:
    """A text without what moves a terminal's cursor, colours it or turns its direction: `�` in its place."""
    return "".join("�" if category(sign) in _UNSEEN else sign for sign in text)


def suggestion(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about a name that does not exist: the one that was meant, or all of them."""
    names = sorted(known)
    if close := get_close_matches(cut(name), names, n=1):
        return f"did you mean `{close[0]}`?"
    return (
        f"choose from {', '.join(f'`{known_name}`' for known_name in names)}." if names else "there are none."
    )
