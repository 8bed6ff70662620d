"""Numbers over time, ready to be drawn: on a grid of equal spans, with gaps where nothing is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from banditroute.store.rollups import KEPT
from banditroute.store.views import DAY, HOUR, MINUTE, TEN_MINUTES, Sums

MOST = 60
"""Spans that a chart has at most, where there is a choice."""

WIDTHS = (
    (MINUTE, 1),
    (MINUTE, 2),
    (MINUTE, 5),
    (TEN_MINUTES, 1),
    (TEN_MINUTES, 3),
    (HOUR, 1),
    (HOUR, 3),
    (DAY, 1),
)
"""How wide the spans of a chart may be: a level, and how many spans of it are one in the chart."""

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


def finest(stretch: float) -> tuple[int, int]:
    """The narrowest of WIDTHS that draws the last `stretch` seconds in at most MOST spans, of a level that is
    kept for as long: a young log is shown in minutes, whatever range is asked for."""
    fitting = (
        own for own in WIDTHS if stretch <= MOST * own[0] * own[1] and stretch + own[0] <= KEPT[own[0]]
    )
    return next(fitting, WIDTHS[-1])


def finest_level(stretch: float) -> int:
    """The same where spans cannot be added up, as those of quantiles: a level."""
    fitting = (own for own in KEPT if stretch <= MOST * own and stretch + own <= KEPT[own])
    return next(fitting, DAY)


def grid_of(known: Sequence[float], width: int, until: float) -> Grid:
    """From the first span in which anything is known to the one under way."""
    start = int(min(known, default=until) // width) * width
    end = int(until // width) * width
    return Grid(tuple(float(at) for at in range(start, end + width, width)), width)


def settled(values: Sequence[float | None]) -> list[float | None]:
    """Sums of spans without that of the last, which is under way, where it would look like a fall."""
    if len(values) > 1 and (values[-1] or 0.0) < (values[-2] or 0.0):
        return [*values[:-1], None]
    return list(values)


def line(
    name: str,
    values: Values,
    *,
    hue: str = "accent",
    fill: bool = False,
    dash: Sequence[int] | None = None,
    total: str = "",
) -> dict[str, object]:
    """One line of a chart; `hue` names its colour in the style sheet, `total` is what its key says of the
    whole time."""
    drawn: dict[str, object] = {
        "name": name, "values": list(values), "hue": hue, "fill": fill, "total": total,
    }  # fmt: skip
    if dash is not None:
        drawn["dash"] = list(dash)
    return drawn


def chart(
    grid: Grid, unit: str, series: Sequence[dict[str, object]], *, kind: str = "lines", whole: str = ""
) -> dict[str, object]:
    """A chart as `static/charts.js` reads it; `unit` says how its numbers are written, `whole` of what time
    the totals in its key are."""
    drawn = {"kind": kind, "unit": unit, "at": list(grid.at), "width": grid.width}
    return {**drawn, "series": list(series), "whole": whole}
