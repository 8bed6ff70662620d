"""`/`: what happens, what it costs and saves, how good it is, and whether anybody has to do something."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from banditroute.config.settings import Settings
from banditroute.core.feedback.account import account
from banditroute.errors import BanditrouteError
from banditroute.routing.experiments import standings
from banditroute.routing.judging import judging_now
from banditroute.service.pages.alarms import SHOWN, open_alarms
from banditroute.service.pages.desk import Desk, Query, View
from banditroute.service.pages.formats import money, seconds, share
from banditroute.service.pages.series import chart, finest, finest_level, grid_of, line, settled
from banditroute.store.views import DAY, HOUR, MINUTE, TEN_MINUTES, Latency, Sums


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch of time up to now: its name in the address, in a button and in sentences, its seconds, the
    level it is read at, the coarsest level of waits in a chart (whose quantiles cannot be added up), and the
    days that savings are told for."""

    key: str
    short: str
    words: str
    before: str
    seconds: int
    level: int
    waits: int
    days: int


RANGES = (
    Range("1h", "1 h", "the last hour", "the hour before", 3_600, MINUTE, MINUTE, 1),
    Range("24h", "24 h", "the last 24 hours", "the day before", 86_400, TEN_MINUTES, HOUR, 1),
    Range("7d", "7 d", "the last 7 days", "the 7 days before", 7 * 86_400, HOUR, HOUR, 7),
    Range("30d", "30 d", "the last 30 days", "the 30 days before", 30 * 86_400, DAY, DAY, 30),
)


def overview_page(desk: Desk, query: Query) -> View:
    """Everything at a glance; where nothing was ever routed, how to begin."""
    span = next((own for own in RANGES if own.key == query.get("range")), RANGES[1])
    rules = _rules(desk.settings)
    baseline = next((rule for rule, _ in rules if rule == query.get("baseline")), "")
    values: dict[str, object] = {
        "range": span,
        "ranges": RANGES,
        "current": desk.views.is_current(),
        "alarms": (alarms := open_alarms(desk))[:SHOWN],
        "alarm_count": len(alarms),
        "baseline": baseline,
        "rules": rules,
    }
    if desk.views.first_at() is None:
        return View("Overview", "overview_empty.html", values | {"mode": desk.settings.policy.mode})
    return View("Overview", "overview.html", values | _numbers(desk, span, baseline) | _standing(desk))


def _numbers(desk: Desk, span: Range, baseline: str) -> dict[str, object]:
    """What rests on the log: the tiles, the charts, the classes."""
    now, views = time.time(), desk.views
    since = now - span.seconds
    begun = max(since, views.first_at() or since)
    level, spans = finest(now - begun)
    series = views.series(begun, now, level=level)
    cells = views.summary(since, now, level=span.level)
    before = views.summary(since - span.seconds, since, level=span.level, by=())
    of_waits = min(span.waits, finest_level(now - begun))
    latency = views.latency(begun, now, level=of_waits, over_time=True, by_model=False)
    waits = views.latency(since, now, level=span.level, by_model=False)
    total = _total(cells)
    return {
        "total": total,
        "before": _total(before) if before else None,
        "waits": waits[0] if waits else None,
        "waits_before": next(
            iter(views.latency(since - span.seconds, since, level=span.level, by_model=False)), None
        ),
        "savings": _savings(desk, baseline, span.days),
        **_charts(desk, span, level * spans, now, series, total),
        **_waits(span, of_waits, now, latency, waits[0] if waits else None),
        "models": _by(cells, "model", [model.id for model in desk.settings.models]),
        "classes": _classes(cells, [own.name for own in desk.settings.classes]),
    }


def _charts(
    desk: Desk, span: Range, width: int, now: float, series: Sequence[Sums], whole: Sums
) -> dict[str, object]:
    """Traffic, spend and errors over time, in spans of `width` seconds; `whole` are the sums of all of it."""
    grid = grid_of([own.at for own in series if own.at is not None], width, now)
    totals = {at: _total(own) for at, own in grid.split(series).items()}
    shares = {
        name: {at: sum(s.requests for s in own if s.model == name) for at, own in grid.split(series).items()}
        for name in _served(desk.settings, series)
    }

    def over(read: Callable[[Sums], float | None]) -> list[float | None]:
        return [read(totals[at]) if at in totals else None for at in grid.at]

    def of_all(own: dict[float, int]) -> list[float | None]:
        return [own[at] / totals[at].requests if at in totals else None for at in grid.at]

    served = {name: sum(own.values()) / max(whole.requests, 1) for name, own in shares.items()}
    spent = settled([_spent(totals[at]) if at in totals else 0.0 for at in grid.at])
    errors = over(lambda own: own.error_rate)
    drawn = [
        line(name, of_all(own), hue=desk.hue(name), total=share(served[name])) for name, own in shares.items()
    ]
    paid = line("USD", spent, fill=True, total=money(_spent(whole)))
    failed = line("failed calls", errors, hue="bad", fill=True, total=share(whole.error_rate))
    return {
        "traffic": chart(grid, "share", drawn, kind="stack", whole=span.words),
        "spend": chart(grid, "usd", [paid], whole=span.words),
        "errors": chart(grid, "share", [failed], whole=span.words),
        "sparks": {
            "requests": settled([totals[at].requests if at in totals else 0 for at in grid.at]),
            "usd": spent,
            "quality": over(lambda own: own.mean_quality),
            "errors": errors,
        },
    }


def _spent(own: Sums) -> float | None:
    """USD, None where no request's cost is known."""
    return own.usd if own.metered else None


def _waits(
    span: Range, width: int, now: float, latency: Sequence[Latency], whole: Latency | None
) -> dict[str, object]:
    """Quantiles of the wait over time, in spans of `width` seconds; `whole` are those of all of it."""
    grid = grid_of([own.at for own in latency if own.at is not None], width, now)
    known = {own.at: own for own in latency}
    half = [known[at].p50 if at in known else None for at in grid.at]
    most = [known[at].p95 if at in known else None for at in grid.at]
    p50, p95 = (seconds(whole.p50), seconds(whole.p95)) if whole else ("", "")
    lines = [line("p50", half, total=p50), line("p95", most, hue="m1", total=p95)]
    return {"latency": chart(grid, "seconds", lines, whole=span.words), "wait_spark": half}


def _served(settings: Settings, series: Sequence[Sums]) -> list[str]:
    """The models that served anything, the configured ones first and in their order."""
    found = {own.model or "" for own in series}
    known = [model.id for model in settings.models]
    return [name for name in known if name in found] + sorted(found - set(known))


def _standing(desk: Desk) -> dict[str, object]:
    """What holds at the moment, besides the log: promises, budget, judge, experiments."""
    settings, now = desk.settings, time.time()
    judging = judging_now(settings, desk.router.store, now) if settings.judge.model else None
    known = account(desk.router.state, now, judging)
    return {
        "account": known,
        "budget": settings.budget,
        "judge": settings.judge.model,
        "experiments": [
            (own, desk.verdicts.get(own.experiment.name)[0])
            for own in standings(settings, desk.controls, now)
        ],
    }


def _savings(desk: Desk, baseline: str, days: int) -> dict[str, object]:
    """What was saved against a rule, or a sentence that says why it cannot be told."""
    try:
        report = desk.savings.get(baseline or None, days)
    except BanditrouteError as error:
        return {"says": str(error), "bill": None}
    if report is None:
        return {"says": "being worked out …", "bill": None}
    bill = next((own for own in report.rules if own.rule == report.baseline), None)
    return {
        "says": report.verdict,
        "bill": bill,
        "actual": report.actual,
        "baseline": report.baseline,
        "days": days,
    }


def _rules(settings: Settings) -> list[tuple[str, str]]:
    """The baselines to choose from."""
    alone = [(f"fixed:{model.id}", f"everything to {model.id}") for model in settings.models]
    return [*alone, ("cheapest", "always the cheapest")]


def _total(cells: Iterable[Sums]) -> Sums:
    """All of them together."""
    cells = list(cells)
    counts = ("requests", "told", "errors", "fallbacks", "scored", "quality", "metered", "usd", "timed")
    rest = ("seconds", "sized", "input_tokens", "written", "output_tokens")
    return Sums(
        None, None, None, None, None, *(sum(getattr(own, name) for own in cells) for name in counts + rest)
    )


def _by(cells: Sequence[Sums], key: str, known: Sequence[str]) -> list[tuple[str, Sums]]:
    """The cells of each model or class together: the configured ones that had any first."""
    names = [name for name in known if any(getattr(own, key) == name for own in cells)]
    names += sorted({str(getattr(own, key)) for own in cells} - set(names))
    return [(name, _total(own for own in cells if getattr(own, key) == name)) for name in names]


def _classes(cells: Sequence[Sums], known: Sequence[str]) -> list[tuple[str, Sums, list[tuple[str, float]]]]:
    """Each class with its total and the shares of the models in it, the largest class first."""
    found = []
    for name, total in _by(cells, "request_class", known):
        own = [cell for cell in cells if cell.request_class == name and cell.requests]
        parts = [(str(cell.model), cell.requests / total.requests) for cell in own]
        found.append((name, total, sorted(parts, key=lambda part: -part[1])))
    return sorted(found, key=lambda row: -row[1].requests)
