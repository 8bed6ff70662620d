"""What a single value may be. A check returns the value as the settings hold it, or raises `Refused`.

The sentence of a refusal continues after the name of the key: `port` + " must be …".
Values of environment variables come as `EnvironmentText` and are read as what the key asks for.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from banditroute.config.lines import Path

Check = Callable[[object], Any]


class Refused(Exception):
    """A value that its key cannot take; the message tells what it can.

    `at` is the way from the value to the part of it that is wrong.
    """

    def __init__(self, message: str, at: Path = ()) -> None:
        super().__init__(message)
        self.at = at


class EnvironmentText(str):
    """A value from the environment, where everything is text."""

    __slots__ = ()


def nearest(name: str, known: Collection[str]) -> str:
    """The end of a refusal: the name that was probably meant, or else all that are known."""
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"known: {', '.join(known)}." if known else "none is declared."


def text(*, allow_empty: bool = False, longest: int = 10_000, pattern: str = "", shape: str = "") -> Check:
    """A string; `shape` says in words what `pattern` demands."""

    def check(value: object) -> str:
        if not isinstance(value, str):
            raise Refused(f'must be text in "quotes", not {shown(value)}.')
        if not value.strip() and not allow_empty:
            raise Refused("must not be empty.")
        if len(value) > longest:
            raise Refused(f"must have at most {longest:,} characters; this has {len(value):,}.")
        if re.search("[\0\ud800-\udfff]", value):
            raise Refused("holds a character that no text has; write it anew.")
        if pattern and not re.fullmatch(pattern, value):
            raise Refused(f"must be {shape}, not {shown(value)}.")
        return str(value)

    return check


def one_of(*choices: str) -> Check:
    """One of a few names."""

    def check(value: object) -> str:
        if value not in choices:
            raise Refused(f"is {shown(value)}; {nearest(str(value), choices)}")
        return str(value)

    return check


def number(low: float, high: float) -> Check:
    """A number from `low` to `high`. Both are finite, so that nothing computed from it overflows."""
    bounds = f"a number from {_bound(low)} to {_bound(high)}"

    def check(value: object) -> float:
        if isinstance(value, EnvironmentText):
            value = _parsed(value, float)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise Refused(f"must be {bounds}, not {shown(value)}.")
        return float(value)

    return check


def whole(low: int, high: int) -> Check:
    """A whole number from `low` to `high`."""
    bounds = f"a whole number from {_bound(low)} to {_bound(high)}"

    def check(value: object) -> int:
        if isinstance(value, EnvironmentText):
            value = _parsed(value, int)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Refused(f"must be {bounds}, not {shown(value)}.")
        return value

    return check


def _bound(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:g}"


def flag() -> Check:
    """`true` or `false`."""

    def check(value: object) -> bool:
        if isinstance(value, EnvironmentText):
            value = {"true": True, "false": False}.get(value.lower(), value)
        if not isinstance(value, bool):
            raise Refused(f"must be true or false, not {shown(value)}.")
        return value

    return check


def regular_expression() -> Check:
    """A pattern that `re` can compile."""

    def check(value: object) -> str:
        pattern: str = text()(value)
        try:
            re.compile(pattern, re.IGNORECASE)
        except RecursionError:
            raise Refused("nests its brackets too deep; write a simpler pattern.") from None
        except (re.error, OverflowError) as error:
            raise Refused(
                f"is not a valid regular expression: {error}; escape special characters with a backslash, "
                "in a text in 'single quotes'."
            ) from None
        return pattern

    return check


def many(item: Check, *, unique: bool = True) -> Check:
    """A list whose every item passes."""

    def check(value: object) -> tuple[Any, ...]:
        if isinstance(value, EnvironmentText):
            raise Refused("is a list: set it in the file, the environment gives single values only.")
        if not isinstance(value, list):
            raise Refused(f"must be a list in [square brackets], not {shown(value)}.")
        items = []
        for position, entry in enumerate(value, 1):
            try:
                items.append(item(entry))
            except Refused as refusal:
                raise Refused(f"item {position} {refusal}") from None
            if unique and items[-1] in items[:-1]:
                raise Refused(f"names {shown(items[-1])} twice; keep one.")
        return tuple(items)

    return check


def table(item: Check, names: Collection[str] = ()) -> Check:
    """A table whose every value passes; its keys are free unless `names` lists them."""

    def check(value: object) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise Refused(f"must be a table like {{ key = value }}, not {shown(value)}.")
        items = {}
        for name, entry in value.items():
            if names and name not in names:
                raise Refused(f'has an unknown key "{name}"; {nearest(name, names)}', (name,))
            try:
                items[name] = item(entry)
            except Refused as refusal:
                raise Refused(f'entry "{name}" {refusal}', (name, *refusal.at)) from None
        return items

    return check


def shown(value: object) -> str:
    """A value as the file would write it, cut to a readable length."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 60 else f'"{value[:57]}…"'
    if isinstance(value, int) and value.bit_length() > _LONG:
        return "a number of over 60 digits"
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return str(value)


_LONG = 200
"""Bits of a number with more than 60 digits."""


def _parsed(value: str, kind: Callable[[str], int | float]) -> object:
    try:
        return kind(value)
    except ValueError:
        return str(value)
