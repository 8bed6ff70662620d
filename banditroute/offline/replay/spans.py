"""Spans of a log: a number of requests, or a time where the log has times."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from banditroute.errors import LogError
from banditroute.offline.logs.files import suggestion
from banditroute.offline.logs.reading import Log
from banditroute.types import FACTORS

UNITS = {"s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
"""Seconds in each unit that a time can be written in."""

LONGEST = 1e9


@dataclass(frozen=True, slots=True)
class Span:
    """A number of requests, or of seconds where `timed`."""

    length: float = 0.0
    timed: bool = False

    def __str__(self) -> str:
        if not self.timed:
            return f"{self.length:,.0f} request{'s' * (self.length != 1)}"
        unit = next((name for name, size in reversed(UNITS.items()) if self.length >= size), "s")
        return f"{self.length / UNITS[unit]:,g} {unit}"


def parse_span(given: float | str, option: str, log: Log) -> Span:
    """`50`, `"90s"`, `"15min"`, `"2h"` or `"1d"`. `option` names where it was written, for the refusal."""
    text = str(given).strip()
    unit = next((name for name in UNITS if text.endswith(name) and not text.endswith("in" + name)), "")
    try:
        length = float(text.removesuffix(unit))
    except ValueError:
        length = math.nan
    if isinstance(given, bool) or not 0.0 <= length <= LONGEST:
        raise LogError(f'{option} is {given}; write a number of requests, or a time such as "90s" or "2h".')
    if unit and log.at is None:
        raise LogError(
            f"{option} is {given}, a time, and the log has none: name its column with --columns at=COLUMN, "
            "or write a number of requests."
        )
    if not unit and length != int(length):
        raise LogError(f"{option} is {given}; a number of requests is whole.")
    return Span(length * UNITS[unit] if unit else length, bool(unit))


def parse_half_lives(given: Mapping[str, float | str] | None, log: Log) -> dict[str, float] | None:
    """Half-lives by factor, as the log counts: in seconds where it has times, else in requests."""
    if given is None:
        return None
    lives = {}
    for name, value in given.items():
        if name not in FACTORS:
            raise LogError(
                f"--half-life names '{name}'; what is learned are {', '.join(FACTORS)}."
                f"{suggestion(name, FACTORS)}"
            )
        span = parse_span(value, f"--half-life {name}", log)
        if not span.length:
            raise LogError(f"The half-life of {name} is {value}; write a positive one, or leave it out.")
        if log.at is not None and not span.timed:
            raise LogError(
                f"The half-life of {name} is {value} requests, and the log has times: write a time as 2d."
            )
        lives[name] = span.length
    return lives
