"""Reports on the experiments of a live event log, from the columns that are kept of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from msgspec import structs

from banditroute.config.experiments import Experiment
from banditroute.config.settings import Settings
from banditroute.core.base import Bools, Floats, Ints
from banditroute.errors import LogError
from banditroute.reports.ab import ABReport, Exposures, ab_report
from banditroute.reports.ab.metrics import METRICS
from banditroute.reports.ab_asked import AS_DECLARED, AskedAB, UnknownExperiment
from banditroute.store.views import Exposed, Views
from banditroute.types import Weights

SUMMED = ("usd", "seconds")
"""What all attempts at a request cost together."""


def ab_of_views(
    views: Views,
    settings: Settings,
    name: str | None = None,
    asked: AskedAB = AS_DECLARED,
    *,
    breathe: Callable[[], None] = lambda: None,
) -> ABReport:
    """The report on an experiment of the event log; the only one there is, where none is named. Also on one
    that is no longer configured. Raises UnknownExperiment and LogError."""
    name, declared = _named(views, settings, name)
    seen = views.exposures(name, breathe=breathe)
    exposures = live_exposures(seen, declared, settings.reward.weights)
    asked = asked.of(declared or Experiment(name, ()))
    report = ab_report(exposures, experiment=name, **asked.told())
    return structs.replace(report, notes=(*changes(seen, declared), *report.notes))


def _named(views: Views, settings: Settings, name: str | None) -> tuple[str, Experiment | None]:
    """The experiment that is meant, and how it is configured, if it still is."""
    declared = {own.name: own for own in settings.experiments}
    if name in declared:
        return str(name), declared[str(name)]
    past = {own.experiment for own in views.summary(0.0, np.inf, by=("experiment",))}
    known = sorted({*declared, *(one for one in past if one)})
    if name is not None and name not in known:
        raise UnknownExperiment(name, known)
    if name is None and len(known) != 1:
        raise LogError(
            f"There are {len(known)} experiments; name one with --experiment: {', '.join(known)}."
            if known
            else "There is no experiment: none is configured, and the event log holds none. Add "
            "[[experiments]] to the configuration, or name a LOG."
        )
    name = known[0] if name is None else name
    return name, declared.get(name)


def live_exposures(seen: Exposed, declared: Experiment | None, weights: Weights) -> Exposures:
    """The requests of an experiment as its statistics want them: one row per request, with what all attempts
    at it cost and what the last one brought. Those of variants that are no longer declared are left out."""
    seen = requests_of(seen, weights)
    names, shares = _variants(seen, declared)
    place = np.array([names.index(name) if name in names else -1 for name in seen.variants], np.int64)
    variant = place[seen.variant] if len(seen) else np.empty(0, np.int64)
    rows = variant >= 0
    judged = _judged(seen)[rows]
    metrics = {name: values[rows] for name, values in seen.metrics.items() if name in METRICS}
    return Exposures(
        variants=names,
        shares=shares / shares.sum(),
        at=seen.at[rows],
        unit=seen.unit[rows],
        variant=variant[rows],
        share=seen.share[rows],
        request_class=seen.request_class[rows],
        classes=seen.classes or ("all",),
        metrics=metrics,
        judged=None if np.isnan(judged).all() else judged,
        before={name: values for name, values in seen.before.items() if name in METRICS},
        people=seen.people[rows],
    )


def requests_of(seen: Exposed, weights: Weights) -> Exposed:
    """Attempts at one request as one row. A later attempt of a unit belongs to the request it made last; that
    of a unit which asks for several things at once may be taken for another of them, which moves no sum of a
    unit."""
    if not (seen.attempt > 1).any():
        return seen
    order = np.argsort(seen.unit, kind="stable")
    unit = seen.unit[order]
    begins = (seen.attempt[order] <= 1) | (np.diff(unit, prepend=-1) != 0)
    number = np.cumsum(begins) - 1
    first, last = np.flatnonzero(begins), np.append(np.flatnonzero(begins)[1:], len(unit)) - 1
    back = np.argsort(order[first])  # to the order in which they were decided
    begun, ended = order[first][back], order[last][back]

    def total(values: Floats) -> Floats:
        """The sum of what is known; NaN where nothing is."""
        known = ~np.isnan(values[order])
        sums = np.bincount(number, np.where(known, values[order], 0.0))
        return np.where(np.bincount(number, known) > 0, sums, np.nan)[back]

    metrics = {
        name: total(values) if name in SUMMED else values[ended] for name, values in seen.metrics.items()
    }
    metrics["fallback"] = (seen.attempt[ended] > 1).astype(np.float64)
    extra = [metrics[name] - np.nan_to_num(seen.metrics[name][ended]) for name in SUMMED]
    paid = weights.usd * np.nan_to_num(extra[0]) + weights.second * np.nan_to_num(extra[1])
    metrics["reward"] = metrics["reward"] - paid
    return replace(
        seen,
        **{
            name: getattr(seen, name)[begun]
            for name in ("at", "unit", "variant", "share", "request_class", "policy")
        },
        **{
            name: getattr(seen, name)[ended]
            for name in ("model", "propensity", "attempt", "judged", "judge", "people")
        },
        metrics=metrics,
    )


def changes(seen: Exposed, declared: Experiment | None) -> list[str]:
    """What changed under the name of an experiment, in sentences: policies of a variant, and variants that
    are not configured any more, whose requests are left out."""
    first = seen.attempt <= 1
    told, names = [], _variants(seen, declared)[0]
    for code, name in enumerate(seen.variants):
        own = first & (seen.variant == code)
        if name not in names:
            told.append(
                f"Variant {name} is not configured any more: its {own.sum():,} requests are left out. A new "
                "set of variants is a new experiment: give it a new name."
            )
        elif len(served := np.unique(seen.policy[own])) > 1:
            told.append(_mixed(seen, name, own, served))
    return told


def _mixed(seen: Exposed, name: str, own: Bools, served: Ints) -> str:
    """That a variant was served by several policies, in order of when each served last."""
    last = {code: float(seen.at[own & (seen.policy == code)].max()) for code in served.tolist()}
    *past, now = sorted(last, key=lambda code: last[code])
    were = ", ".join(f"{seen.policies[code]} until {_when(last[code])}" for code in past)
    return (
        f"{name} was {were}, and {seen.policies[now]} since: the figures mix them. A new policy is a new "
        "experiment: give it a new name."
    )


def _when(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _variants(seen: Exposed, declared: Experiment | None) -> tuple[tuple[str, ...], Floats]:
    """Names and shares as declared, else as logged."""
    if declared is not None:
        shares = [own.share for own in declared.variants]
        return tuple(own.name for own in declared.variants), np.array(shares, np.float64)
    mean = np.bincount(seen.variant, seen.share) / np.maximum(np.bincount(seen.variant), 1)
    return seen.variants, mean


def _judged(seen: Exposed) -> Floats:
    """The scores of the judge that scored most: those of two judges are not alike."""
    if not seen.judges:
        return seen.judged
    most: Ints = np.bincount(seen.judge[seen.judge >= 0], minlength=1)
    return np.where(seen.judge == int(most.argmax()), seen.judged, np.nan)
