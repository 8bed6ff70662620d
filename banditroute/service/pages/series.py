"""Numbers over time, ready to be drawn: on a grid of equal spans, with gaps where nothing is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from banditroute.store.views import Sums

FEW = 4
"""Spans up to which the one under way is shown."""

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Grid:
    """The starts of equal spans of `width` seconds, without a hole."""

    at: tuple[float, ...]
    width: int

    def split(self, series: Sequence[Sums]) -> dict[float, list[Sums]]:
        """The sums by the span that they belong to."""
        found: dict[float, list[Sums]] = {}
        for own in series:
            if own.at is not None:
                found.setdefault(float(own.at // self.width * self.width), []).append(own)
        return found


def grid_of(known: Sequence[float], width: int, until: float) -> Grid:
    """From the first span in which anything is known to the last one that is over; the one under way, which
    would look like a fall, is in it only while there are few others."""
    start = int(min(known, default=until) // width) * width
    end = int(until // width) * width
    spans = range(start, end + width, width)
    return Grid(tuple(float(at) for at in (spans if len(spans) <= FEW else spans[:-1])), width)


def line(
    name: str,
    values: Values,
    *,
    hue: str = "accent",
    fill: bool = False,
    dash: Sequence[int] | None = None,
) -> dict[str, object]:
    """One line of a chart; `hue` names its colour in the style sheet."""
    drawn: dict[str, object] = {"name": name, "values": list(values), "hue": hue, "fill": fill}
    if dash is not None:
        drawn["dash"] = list(dash)
    return drawn


def chart(
    grid: Grid, unit: str, series: Sequence[dict[str, object]], *, kind: str = "lines"
) -> dict[str, object]:
    """A chart as `static/charts.js` reads it; `unit` says how its numbers are written."""
    return {"kind": kind, "unit": unit, "at": list(grid.at), "series": list(series)}
