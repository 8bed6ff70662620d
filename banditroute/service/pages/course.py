"""The chart of an experiment: the primary metric's sequence over its looks, with the margin."""

from __future__ import annotations

from collections.abc import Sequence

from banditroute.reports.ab import ABReport
from banditroute.reports.ab.metrics import METRICS

WIDEST = 4.0
"""Limits so many times as wide as the last ones are shown whole; the first looks' may be cut."""

_MARGIN = 0.06
"""Of the scale, left free above and below."""

Values = list[float | None]


def course(report: ABReport, treatment: str) -> dict[str, object] | None:
    """The chart of a treatment as `static/charts.js` reads it; None before the first look."""
    effect = report.effect(report.metric, treatment)
    if effect is None or effect.looks is None or not effect.looks.units:
        return None
    looks, metric = effect.looks, METRICS[report.metric]
    points = metric.unit == "points"
    scale = 100.0 if points else 1.0
    low, mean, high = (_scaled(own, scale) for own in (looks.low, looks.value, looks.high))
    margin = -metric.better * report.margin * scale
    bottom, top = _ends(low, mean, high, margin)
    cut = any(value is not None and not bottom <= value <= top for value in low + high)
    return {
        "kind": "lines",
        "x": "number",
        "unit": "number",
        "label": "units",
        "low": bottom,
        "high": top,
        "at": list(looks.units),
        "series": [
            {"name": "upper limit", "values": high, "hue": "muted", "width": 1, "dash": [2, 3]},
            {"name": "difference", "values": mean, "hue": "accent", "width": 2},
            {"name": "lower limit", "values": low, "hue": "m1", "width": 1, "dash": [6, 4]},
        ],
        "bands": [[0, 2]],
        "marks": [{"value": 0, "name": "no difference"}, {"value": margin, "name": "margin"}],
        "whole": "at the last look",
        "cut": cut,
        "treatment": treatment,
        "y": f"{metric.title}, {'points' if points else metric.unit}",
    }


def _scaled(values: Sequence[float | None], scale: float) -> Values:
    return [None if value is None else scale * value for value in values]


def _ends(low: Values, mean: Values, high: Values, margin: float) -> tuple[float, float]:
    """The ends of the scale: they hold 0, the margin, and every look but the first ones, whose limits are
    more than WIDEST times as wide as the last."""
    found = zip(low, mean, high, strict=True)
    known = [(a, b, c) for a, b, c in found if a is not None and b is not None and c is not None]
    shown = [0.0, margin]
    if known:
        last = known[-1][2] - known[-1][0]
        shown += [value for own in known if own[2] - own[0] <= WIDEST * last for value in own]
    else:
        shown += [value for value in mean if value is not None]
    bottom, top = min(shown), max(shown)
    free = _MARGIN * ((top - bottom) or 1.0)
    return bottom - free, top + free
