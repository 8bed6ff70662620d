"""The course of a difference as inline SVG: a line in its band, against zero and the agreed margin.

Colours are the page's; where there is no page around it, as in a notebook, they are those of its light side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from banditroute.reports.ab.findings import MetricEffect
from banditroute.reports.ab.metrics import METRICS
from banditroute.reports.ab.text import difference
from banditroute.reports.ab.words import signed

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 760, 220, 92, 34, 12, 16

_MINE = "var(--mine,#0b7a5c)"
_BASE = "var(--base,#b4540a)"
_SOFT = "var(--soft,#59636e)"

Point = tuple[float, float, float, float]
"""Units, value, low, high."""


def course(effect: MetricEffect, margin: float | None) -> str:
    """The chart of one metric; empty where there is no interval to draw."""
    points = known_points(effect)
    if len(points) < 2:
        return ""
    limit = None if margin is None else -margin * METRICS[effect.metric].better
    low, high = shown_range(points, limit)
    most = points[-1][0]

    def x(units: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * units / most

    def y(value: float) -> float:
        inside = min(max(value, low), high)
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - inside) / (high - low)

    edge = [f"{x(u):.1f},{y(b):.1f}" for u, _, _, b in points]
    edge += [f"{x(u):.1f},{y(a):.1f}" for u, _, a, _ in reversed(points)]
    line = "L".join(f"{x(u):.1f} {y(value):.1f}" for u, value, _, _ in points)
    parts = [
        f'<polygon points="{" ".join(edge)}" style="fill:{_MINE};fill-opacity:.22"/>',
        f'<path d="M{line}" style="stroke:{_MINE};stroke-width:2;fill:none"/>',
        _across(y(0.0), "0", _SOFT, ""),
    ]
    if limit:
        parts.append(_across(y(limit), signed(limit, effect.metric), _BASE, "6 4"))
    parts += _ticks(low, high, limit, y, effect.metric)
    parts += [_text(x(units), HEIGHT - 14, f"{units:,.0f}", "middle") for units in _round(most)]
    parts.append(_text(WIDTH - RIGHT, HEIGHT - 14, f"{most:,.0f} units", "end"))
    heard = f"{METRICS[effect.metric].title}, {effect.treatment} less {effect.control}, at every look. "
    heard += f"At the end {difference(effect.difference, effect.metric)}."
    return (
        f'<svg class="course" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(heard)}" '
        f'style="width:100%;max-width:{WIDTH}px;height:auto;display:block">{"".join(parts)}</svg>'
    )


def known_points(effect: MetricEffect) -> list[Point]:
    """The looks that have an interval."""
    looks = effect.looks
    if looks is None:
        return []
    rows = zip(looks.units, looks.value, looks.low, looks.high, strict=True)
    return [
        (units, value, low, high)
        for units, value, low, high in rows
        if value is not None and low is not None and high is not None
    ]


def shown_range(points: Sequence[Point], limit: float | None) -> tuple[float, float]:
    """What a chart shows of its vertical axis: the later half of the course, zero and the margin."""
    later = points[len(points) // 3 :]
    ends = [0.0, *(low for _, _, low, _ in later), *(high for _, _, _, high in later)]
    if limit is not None:
        ends.append(limit)
    low, high = min(ends), max(ends)
    room = 0.06 * (high - low) or 1e-9
    return low - room, high + room


def _across(y: float, told: str, colour: str, dashes: str) -> str:
    dashed = f";stroke-dasharray:{dashes}" if dashes else ""
    line = f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" style="stroke:{colour};stroke-width:1.3{dashed}"/>'
    return line + _text(LEFT - 8, y + 4, told, "end", colour)


def _ticks(
    low: float, high: float, limit: float | None, y: Callable[[float], float], metric: str
) -> list[str]:
    """The ends of the axis, where nothing else is written."""
    taken = [y(0.0), *([y(limit)] if limit else [])]
    ends = [(value, y(value)) for value in (low, high)]
    free = [(value, at) for value, at in ends if all(abs(at - other) > 16 for other in taken)]
    return [_text(LEFT - 8, at + 4, signed(value, metric), "end") for value, at in free]


def _round(most: float) -> list[float]:
    """Round numbers of units along the axis, away from its end."""
    step = 10.0 ** math.floor(math.log10(most))
    step *= next((part for part in (0.2, 0.5, 1.0, 2.0) if most / (step * part) <= 6.0), 2.0)
    return [step * i for i in range(1, 7) if step * i < 0.86 * most]


def _text(x: float, y: float, told: str, anchor: str, colour: str = _SOFT) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" style="font-size:13px;fill:{colour};text-anchor:{anchor}">'
        f"{escape(told)}</text>"
    )
