"""The weekly report: what was spent and what came of it, beside the week before and every static rule."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from msgspec import structs

from banditroute.config.settings import Settings
from banditroute.core.steering.guardrails import new_guards
from banditroute.errors import LogError
from banditroute.reports import cells as c
from banditroute.reports.ab_live import ab_of_views
from banditroute.reports.cells import DAY, Cells, Floats
from banditroute.reports.decisions import savings_of_cells
from banditroute.reports.findings import Range, SavingsReport
from banditroute.reports.jackknife import half_width
from banditroute.reports.ledger import live_cells
from banditroute.reports.projection import MONTH_DAYS
from banditroute.reports.savings import Asked, NothingToBill
from banditroute.reports.weekly_findings import Guarded, Part, Raised, Running, Span, WeeklyReport
from banditroute.reports.weekly_words import notes, verdict
from banditroute.routing.acknowledging import raised
from banditroute.routing.experiments import standings
from banditroute.store import Store
from banditroute.store.controls import Control, Controls
from banditroute.store.views import Views

DAYS = 7
USD, QUALITY = range(2)
"""Columns of the means that are compared."""


def weekly_report(
    settings: Settings,
    store: Store,
    *,
    until: float | None = None,
    baseline: str | None = None,
    now: float | None = None,
    breathe: Callable[[], None] = lambda: None,
) -> WeeklyReport:
    """The report on the seven days (UTC) before the day of `until`, from a read model that is current.

    By default these are the last whole ones; where the log began today, today counts as the last.
    `baseline` is the rule to compare with, the standard model by default. Raises NothingToBill where neither
    week has a request.
    """
    now = time.time() if now is None else now
    views = Views(store, settings)
    end = int((_end(views, now) if until is None else until) // DAY)
    cells = live_cells(views, settings, (end - 2 * DAYS) * DAY)
    total, classes, models = _parts(cells, end)
    if not total.now.requests and not total.before.requests:
        raise NothingToBill("There is no decision in these two weeks; name another day with --until.")
    breathe()
    savings, refused = _savings(
        _days(cells, end - DAYS, end), settings, baseline, total.now.requests, breathe
    )
    since = (end - DAYS) * DAY
    alarms = [_raised(event, seen) for event, seen in raised(store.controls)]
    made = WeeklyReport(
        verdict="",
        since=since,
        until=end * DAY,
        total=total,
        classes=classes,
        models=models,
        savings=savings,
        savings_refused=refused,
        experiments=_experiments(views, settings, store.controls, now, since, breathe),
        alarms=[one for one in alarms if not one.acknowledged or since <= one.at < end * DAY],
        guardrails=_guardrails(settings, alarms),
        notes=(),
    )
    days = min(DAYS, end - int(cells.day.min()))
    return structs.replace(made, verdict=verdict(made), notes=notes(made, days))


def _end(views: Views, now: float) -> float:
    """Today's midnight; that of tomorrow where the log began today."""
    first, today = views.first_at(), now // DAY * DAY
    return today + DAY if first is not None and first >= today else today


def _days(cells: Cells, first: int, end: int) -> Cells:
    """The cells of the days from `first` on and before `end`."""
    keep = (cells.day >= first) & (cells.day < end)
    own = {name: getattr(cells, name)[keep] for name in ("day", "group", "cls", "model", "sums")}
    return replace(cells, **own)


def _parts(cells: Cells, end: int) -> tuple[Part, list[Part], list[Part]]:
    """Everything, each class and each model: the week and the week before."""
    names = ["everything", *cells.classes, *cells.models]
    sums = [_sums(week.table()) for week in _weeks(cells, end)]
    means = _means(sums)
    without = [_means([_sums(week.table(c.Part(group=group))) for week in _weeks(cells, end)])
               for group in cells.groups]  # fmt: skip
    half = half_width(without)
    made = [
        _part(name, [own[row] for own in sums], means[:, row], None if half is None else half[:, row])
        for row, name in enumerate(names)
    ]
    several = len(cells.classes) + 1
    there = [bool(part.now.requests or part.before.requests) for part in made]
    return (
        made[0],
        [part for part, known in zip(made[1:several], there[1:several], strict=True) if known],
        [part for part, known in zip(made[several:], there[several:], strict=True) if known],
    )


def _weeks(cells: Cells, end: int) -> tuple[Cells, Cells]:
    return _days(cells, end - DAYS, end), _days(cells, end - 2 * DAYS, end - DAYS)


def _sums(table: Floats) -> Floats:
    """Of a table `(c, k, FIELDS)` the sums of everything, of classes and of models `(1 + c + k, FIELDS)`."""
    return np.concatenate([table.sum(axis=(0, 1))[None], table.sum(axis=1), table.sum(axis=0)])


def _means(sums: Sequence[Floats]) -> Floats:
    """USD per request and quality of both weeks and the difference `(3, rows, 2)`, nan where unknown."""
    with np.errstate(invalid="ignore", divide="ignore"):
        each = [
            np.stack([own[:, c.USD] / own[:, c.METERED], own[:, c.QUALITY] / own[:, c.SCORED]], axis=1)
            for own in sums
        ]
    return np.stack([*each, each[0] - each[1]])


def _part(name: str, sums: Sequence[Floats], means: Floats, half: Floats | None) -> Part:
    def told(week: int, column: int) -> Range | None:
        mean = float(means[week, column])
        if math.isnan(mean):
            return None
        width = math.nan if half is None else float(half[week, column])
        if math.isnan(width):
            return Range(mean)
        least = -math.inf if week == 2 else 0.0
        most = 1.0 if column == QUALITY else math.inf
        return Range(mean, max(mean - width, least), min(mean + width, most))

    weeks = [
        Span(
            requests=round(own[c.REQUESTS]),
            metered=round(own[c.METERED]),
            scored=round(own[c.SCORED]),
            usd=float(own[c.USD]),
            usd_per_request=told(week, USD),
            quality=told(week, QUALITY),
        )
        for week, own in enumerate(sums)
    ]
    return Part(
        name=name,
        now=weeks[0],
        before=weeks[1],
        usd_per_request_change=told(2, USD),
        quality_change=told(2, QUALITY),
    )


def _savings(
    cells: Cells, settings: Settings, baseline: str | None, requests: int, breathe: Callable[[], None]
) -> tuple[SavingsReport | None, str | None]:
    """What every static rule would have cost in the week, projected to months like it; or why there is no
    telling. A baseline that somebody named and that cannot be billed is refused."""
    if not requests:
        return None, "There is no request in the week."
    days = int(cells.day.max() - cells.day.min()) + 1
    month = requests / DAYS * MONTH_DAYS if days == DAYS else None
    try:
        asked = Asked(baseline=baseline, requests_per_month=month)
        return savings_of_cells(cells, settings, asked, breathe=breathe), None
    except NothingToBill as error:
        return None, str(error)
    except LogError as error:
        if baseline is not None:
            raise
        return None, str(error)


def _experiments(
    views: Views,
    settings: Settings,
    controls: Controls,
    now: float,
    since: float,
    breathe: Callable[[], None],
) -> list[Running]:
    """Those that run, and those that ended in the week or later."""
    made = []
    for one in standings(settings, controls, now):
        own = one.experiment
        stopped = one.status == "stopped" and one.since is not None and one.since >= since
        if not (one.status == "running" or stopped or (one.status == "over" and own.ends >= since)):
            continue
        try:
            report = ab_of_views(views, settings, own.name, breathe=breathe)
        except LogError as error:
            made.append(Running(name=own.name, status=one.status, decision=None, verdict=str(error)))
        else:
            made.append(
                Running(name=own.name, status=one.status, decision=report.decision, verdict=report.verdict)
            )
    return made


def _raised(event: Control, seen: bool) -> Raised:
    kind, subject, message = (str(event.body.get(name, "")) for name in ("kind", "subject", "message"))
    return Raised(
        kind=kind,
        subject=subject,
        message=message,
        at=event.at,
        acknowledged=seen,
    )


def _guardrails(settings: Settings, alarms: Iterable[Raised]) -> list[Guarded]:
    """Every configured guardrail, and whether it is broken."""
    broken = {one.subject: one.at for one in alarms if one.kind == "guardrail" and not one.acknowledged}
    guards = new_guards(settings)
    return [
        Guarded(
            request_class=own.request_class,
            baseline=own.baseline,
            margin=own.margin,
            broken_since=broken.get(own.request_class),
        )
        for own in (() if guards is None else guards.guards)
    ]
