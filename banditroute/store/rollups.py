"""Sums of results over spans of time, kept by adding what is new and taking back what was revised.

`levels` are spans of a minute to a day, each kept for as long as a chart of it is of use. A cell is a span,
model, class, experiment and variant (both empty where there was none); `part` is `ALL`, or by days one
sixteenth of the units: an interval leaves out one at a time (`reports.cells`). How long requests took is
counted in bins whose borders grow by a quarter of an octave, so that quantiles of any span are sums too.

`failed` counts the failed calls that nobody scored. `billed` requests have USD reported; `listed` ones have
none, but both tokens: what they cost at list prices is a sum of their tokens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from banditroute.store.results import Result

MINUTE, TEN_MINUTES, HOUR, DAY = 60, 600, 3_600, 86_400

KEPT: Mapping[int, float] = {MINUTE: 3 * HOUR, TEN_MINUTES: 3 * DAY, HOUR: 60 * DAY, DAY: math.inf}
"""For how many seconds each level is kept, back from the newest decision."""

ALL = -1
"""The part that holds every unit."""

PARTS = 16
"""Parts of the units: few enough to keep every day apart, enough for an interval (15 degrees of freedom)."""

BINS_PER_OCTAVE = 4
_FIRST, _LAST = -80, 80
"""The bins of a microsecond and of twelve days: what is beyond counts there."""

Cell = tuple[str, str, str, str]
"""Model, class, experiment, variant."""


def part_of(unit: str) -> int:
    """The part of a unit, or of a request that has none, the same on every machine."""
    return crc32(unit.encode()) % PARTS


def horizon(level: int, newest: float) -> float:
    """The first span of a level that is kept when the newest decision was made at `newest`."""
    kept = KEPT[level]
    return -math.inf if math.isinf(kept) else (newest - kept) // level * level


def bin_of(seconds: float) -> int:
    """The bin of a time."""
    if seconds <= 0.0:
        return _FIRST
    return min(max(math.floor(math.log2(seconds) * BINS_PER_OCTAVE), _FIRST), _LAST)


def quantile(bins: Mapping[int, float], q: float) -> float:
    """The quantile of times that fell into `bins`, taken to lie evenly in each bin on a log
    scale; wrong by less than the width of a bin, 19%, mostly by a few percent. nan where there are none."""
    left = q * sum(bins.values())
    for place, n in sorted(bins.items()):
        if n > 0.0 and left <= n:
            return float(2.0 ** ((place + left / n) / BINS_PER_OCTAVE))
        left -= n
    return math.nan


@dataclass(slots=True)
class Additions:
    """What a page of results adds to the sums: by minute, since all levels are sums of minutes."""

    cells: dict[tuple[int, int, Cell], list[float]] = field(default_factory=dict)
    waits: dict[tuple[int, str, int], float] = field(default_factory=dict)

    def add(self, now: Result, before: Result | None = None) -> None:
        """Adds a result, in place of what it was before."""
        minute = int(now.at // MINUTE) * MINUTE
        row = _row(now)
        if before is not None:
            row = [new - old for new, old in zip(row, _row(before), strict=True)]
        cell = (now.model, now.request_class, now.experiment or "", now.variant or "")
        key = (minute, part_of(now.unit or now.id), cell)
        known = self.cells.get(key)
        self.cells[key] = row if known is None else [a + b for a, b in zip(known, row, strict=True)]
        if before is not None and before.seconds is not None:
            self._wait(minute, now.model, before.seconds, -1.0)
        if now.seconds is not None:
            self._wait(minute, now.model, now.seconds, 1.0)

    def _wait(self, minute: int, model: str, seconds: float, weight: float) -> None:
        key = (minute, model, bin_of(seconds))
        self.waits[key] = self.waits.get(key, 0.0) + weight

    def sums(self, newest: float) -> list[tuple[object, ...]]:
        """Rows to add to `rollups`, of the spans that are kept."""
        found: dict[tuple[int, int, int, Cell], list[float]] = {}
        kept = {level: horizon(level, newest) for level in KEPT}
        for (minute, part, cell), row in self.cells.items():
            for level, first in kept.items():
                bucket = minute // level * level
                if bucket < first:
                    continue
                for own in (ALL, part) if level == DAY else (ALL,):
                    key = (level, own, bucket, cell)
                    known = found.get(key)
                    found[key] = row if known is None else [a + b for a, b in zip(known, row, strict=True)]
        return [(*key[:3], *key[3], *row) for key, row in found.items() if any(row)]

    def latencies(self, newest: float) -> list[tuple[object, ...]]:
        """Rows to add to `latencies`, of the spans that are kept."""
        found: dict[tuple[int, int, str, int], float] = {}
        kept = {level: horizon(level, newest) for level in KEPT}
        for (minute, model, place), n in self.waits.items():
            for level, first in kept.items():
                bucket = minute // level * level
                if bucket >= first:
                    key = (level, bucket, model, place)
                    found[key] = found.get(key, 0.0) + n
        return [(*key, n) for key, n in found.items() if n]


def _row(own: Result) -> list[float]:
    """A result as one row of `tables.SUMS`."""
    read, written, usd, quality = own.input_tokens, own.output_tokens, own.usd, own.quality
    listed = (0.0, 0.0, 0.0)
    if usd is None and read is not None and written is not None:
        listed = (1.0, read, written)
    return [
        1.0, own.told, 1.0 if own.error else 0.0, 1.0 if own.error and quality is None else 0.0,
        1.0 if own.kind == "fallback" else 0.0,
        *_told(quality), *_told(usd), *listed, *_told(own.seconds), *_told(read), *_told(written),
    ]  # fmt: skip


def _told(value: float | None) -> Sequence[float]:
    return (0.0, 0.0) if value is None else (1.0, value)
