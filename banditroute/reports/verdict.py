"""A report in one line of plain words."""

from __future__ import annotations

import math

from banditroute.reports.findings import Range

POINTS = 100.0
"""Quality is told in points of 0 to 100."""


def verdict(
    rule: str,
    paid: float,
    other: Range,
    gain: Range | None,
    *,
    simulated: str | None = None,
    interval: bool = True,
) -> str:
    """What was paid against what a rule would have cost, and what that did to quality.

    `gain` is the quality of what was done less the rule's, None where one of them is unknown.
    `simulated` names the policy that was replayed, if nothing was paid. `interval` is False where no
    interval was possible, which is then said.
    """
    did = f"You paid {usd(paid)}" if simulated is None else f"{simulated} would have cost {usd(paid)}"
    against = f"{_everything(rule)} would have cost {_usd_range(other)}"
    who = ("you", "saved", "paid") if simulated is None else ("it", "saves", "costs")
    doubt = "" if interval else " (too few requests for intervals)"
    return f"{did}; {against}{_compared(paid, other, *who)}{_quality(gain)}{doubt}."


def usd(value: float, more: int = 0) -> str:
    """An amount as people write it: cents, more digits below ten cents, none from a hundred dollars; and so
    many `more`."""
    size = abs(value)
    sign = "−" if value < 0 else ""
    if size == 0:
        return "$0"
    if size >= 100:
        return f"{sign}${size:,.{more}f}"
    if size >= 0.1:
        return f"{sign}${size:.{2 + more}f}"
    return f"{sign}${size:.{more + max(2, 1 - math.floor(math.log10(size)))}f}"


def points(value: float) -> str:
    """A difference of quality in points, signed."""
    rounded = round(POINTS * value, 1)
    return "0" if rounded == 0 else f"{'−' if rounded < 0 else '+'}{abs(rounded):.1f}"


def _everything(rule: str) -> str:
    name, _, model = rule.partition(":")
    return f"everything to {model}" if name == "fixed" else f"the rule {rule}"


def _usd_range(value: Range) -> str:
    if value.low is None or value.high is None or usd(value.low) == usd(value.high):
        return usd(value.mean)
    return f"{usd(value.mean)} ({usd(value.low).removeprefix('$')}–{usd(value.high).removeprefix('$')})"


def _compared(paid: float, other: Range, who: str, saved: str, spent: str) -> str:
    """The difference in words; none is claimed that the interval does not bear out."""
    if paid == other.mean == 0:
        return ": both are free"
    if other.low is not None and other.high is not None and other.low < paid < other.high:
        return ": no clear difference"
    if other.mean <= 0:
        return ""
    times = paid / other.mean
    if abs(times - 1) < 0.005:
        return ": the same"
    if times < 1:
        return f": {who} {saved} {1 - times:.0%}"
    more = f"{times - 1:.0%} more" if times < 2 else f"{times:,.1f} times as much"
    return f": {who} {spent} {more}"


def _quality(gain: Range | None) -> str:
    if gain is None:
        return ", at a quality that cannot be compared"
    if points(gain.mean) == "0" and gain.low is None:
        return ", at the same quality"
    size = f"{abs(POINTS * gain.mean):.1f} points"
    side = "higher" if gain.mean > 0 else "lower"
    told = "about the same" if points(gain.mean) == "0" else f"{size} {side}"
    span = "" if gain.low is None or gain.high is None else f" ({points(gain.low)} to {points(gain.high)})"
    return f", at {told} quality{span}"
