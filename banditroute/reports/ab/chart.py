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

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 1000, 250, 92, 34, 20, 16

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
    limit = _limit(effect, margin)
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
        _across(y(0.0), _SOFT, ""),
        *_ticks(low, high, y, effect.metric),
        *_cuts(points, low, high, x),
    ]
    if limit:
        above = y(limit) - 5 if y(limit) > TOP + 20 else y(limit) + 14
        parts.append(_across(y(limit), _BASE, "6 4"))
        told = f"agreed margin {signed(limit, effect.metric)}"
        parts.append(_text(WIDTH - RIGHT, above, told, "end", _BASE))
    if changes(effect):
        parts.append(_down(x(effect.first_look)))
    parts += [_text(x(units), HEIGHT - 14, f"{units:,.0f}", "middle") for units in _round(most)]
    parts.append(_text(WIDTH - RIGHT, HEIGHT - 14, f"{most:,.0f} units", "end"))
    heard = f"{METRICS[effect.metric].title}, {effect.treatment} less {effect.control}, at every look. "
    heard += f"At the end {difference(effect.difference, effect.metric)}."
    return (
        f'<svg class="course" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(heard)}" '
        f'style="width:100%;height:auto;display:block">{"".join(parts)}</svg>'
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


def _limit(effect: MetricEffect, margin: float | None) -> float | None:
    """The difference at the margin."""
    return None if margin is None else -margin * METRICS[effect.metric].better


def changes(effect: MetricEffect) -> bool:
    """Whether the chart shows intervals by betting and by the sequence after them."""
    points = known_points(effect)
    return bool(points) and points[0][0] < effect.first_look < points[-1][0]


def legend_of(effect: MetricEffect, margin: float | None) -> str:
    """What is to be known of the chart, in a sentence or three."""
    points, first = known_points(effect), f"{effect.first_look:,} units"
    told = "The band is an interval that holds at every look"
    if changes(effect):
        told += (
            f": by betting, exact and wide, until {first} (dotted line), asymptotic and narrower from there"
        )
    elif points[0][0] >= effect.first_look:
        told += f"; there is none before {first}"
    low, high = shown_range(points, _limit(effect, margin))
    beyond = " Where an arrow stands, it goes on beyond the frame." if _beyond(points, low, high) else ""
    return f"{told}.{beyond}"


def _beyond(points: Sequence[Point], low: float, high: float) -> bool:
    return any(a < low or b > high for _, _, a, b in points)


def _cuts(points: Sequence[Point], low: float, high: float, x: Callable[[float], float]) -> list[str]:
    """Arrows where the band goes on beyond the frame."""
    above = [units for units, _, _, top in points if top > high]
    below = [units for units, _, bottom, _ in points if bottom < low]
    made = []
    for cut, edge, tip in ((above, TOP - 2, -9), (below, HEIGHT - BOTTOM + 2, 9)):
        if cut:
            middle = x((cut[0] + cut[-1]) / 2.0)
            corners = f"{middle - 6:.1f},{edge} {middle + 6:.1f},{edge} {middle:.1f},{edge + tip}"
            made.append(f'<polygon points="{corners}" style="fill:{_MINE}"/>')
    return made


def _across(y: float, colour: str, dashes: str) -> str:
    dashed = f";stroke-dasharray:{dashes}" if dashes else ""
    return f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" style="stroke:{colour};stroke-width:1.3{dashed}"/>'


def _down(x: float) -> str:
    line = f"M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"
    return f'<path d="{line}" style="stroke:{_SOFT};stroke-width:1.2;stroke-dasharray:2 4"/>'


def _ticks(low: float, high: float, y: Callable[[float], float], metric: str) -> list[str]:
    """Round values along the axis, with a faint line each."""
    made = []
    values = round_between(low, high)
    most = max(abs(value) for value in values)
    for value in values:
        made.append(_text(LEFT - 8, y(value) + 4, signed(value, metric, most), "end"))
        if value:
            line = f"M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}"
            made.append(f'<path d="{line}" style="stroke:{_SOFT};stroke-opacity:.25"/>')
    return made


def round_between(low: float, high: float) -> list[float]:
    """Three to seven round values from `low` to `high`, 0 among them where it is between."""
    size = 10.0 ** math.floor(math.log10(high - low))
    steps = (size * part for part in (0.1, 0.2, 0.5, 1.0, 2.0))
    step = next(one for one in steps if math.floor(high / one) - math.ceil(low / one) < 7)
    return [step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


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
