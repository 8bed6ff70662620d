"""From what a log holds to what a month costs: how much of it counts, and which blocks are left out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from banditroute.reports.cells import EVERYTHING, Cells, Part
from banditroute.reports.findings import Projection

FEWEST_DAYS = 7
"""Whole days below which nothing is projected from the log's own traffic: a week has every weekday."""

MOST_BLOCKS = 60
"""A longer log is divided into runs of days of equal length, so that a report takes no longer."""

MONTH_DAYS = 365.25 / 12


@dataclass(frozen=True, slots=True)
class Plan:
    """Which part of the log is projected, and what each of its blocks is without.

    `days` are in the part; None where the number of requests a month was given.
    """

    part: Part
    blocks: tuple[Part, ...]
    days: float | None
    projection: Projection


def plan(cells: Cells, requests_per_month: float | None) -> Plan:
    """How to project: from whole days, or from a number of requests that is given."""
    if requests_per_month is not None:
        by_day, runs = _runs(cells)
        kind, blocks = ("days", _without(by_day, runs)) if runs else ("groups", without_groups(cells))
        part = by_day if runs else EVERYTHING
        told = Projection(requests_per_month, "given", kind, len(blocks))
        return Plan(part, blocks, None, told)
    if not cells.timed:
        reason = "The log has no times (`at`), so it does not tell the requests of a month; give them."
        return _none(reason)
    part, runs = _runs(cells)
    if not runs:
        whole = max(0, int(cells.day.max() - cells.day.min()) - 1)
        reason = (
            f"The log holds {whole} whole day{'s' * (whole != 1)} (UTC); a projection needs {FEWEST_DAYS}, "
            "so that every weekday counts; give the requests of a month instead."
        )
        return _none(reason)
    assert part.first is not None
    assert part.last is not None
    days = part.last - part.first + 1
    requests = float(cells.table(part)[..., 0].sum())
    told = Projection(requests / days * MONTH_DAYS, "log", "days", len(runs))
    return Plan(part, _without(part, runs), float(days), told)


def _none(reason: str) -> Plan:
    return Plan(EVERYTHING, (), None, Projection(None, None, None, 0, reason))


def _runs(cells: Cells) -> tuple[Part, list[tuple[int, int]]]:
    """The whole days of a log, and the runs they are divided into; no runs where there are too few.

    The first and the last day are passed over: the log may hold a part of them only.
    """
    if not cells.timed or not len(cells.day):
        return EVERYTHING, []
    first, last = int(cells.day.min()) + 1, int(cells.day.max()) - 1
    if last - first + 1 < FEWEST_DAYS:
        return EVERYTHING, []
    length = math.ceil((last - first + 1) / MOST_BLOCKS)
    first = last + 1 - (last - first + 1) // length * length
    return Part(first, last), [(day, day + length - 1) for day in range(first, last + 1, length)]


def _without(part: Part, runs: list[tuple[int, int]]) -> tuple[Part, ...]:
    return tuple(Part(part.first, part.last, gap=run) for run in runs)


def without_groups(cells: Cells) -> tuple[Part, ...]:
    """The log without each group of users in turn."""
    return tuple(Part(group=group) for group in cells.groups)
