"""What treatments do to a metric: differences and ratios of means with sequences, in all and by class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Bools, Floats, Ints
from banditroute.reports.ab.early import early_limits
from banditroute.reports.ab.exposures import Exposures
from banditroute.reports.ab.findings import Cap, ClassEffect, Looks, MetricEffect, Stage
from banditroute.reports.ab.metrics import METRICS, Metric, capped, first_units, reach_of
from banditroute.reports.ab.planning import units_needed
from banditroute.reports.ab.powered import powered_terms
from banditroute.reports.ab.scores import Past, past_of, terms_of, terms_with_before
from banditroute.reports.ab.sequence import (
    Course,
    Terms,
    first_look,
    look_at,
    ratio_sequence,
    sequence,
)
from banditroute.reports.findings import Range

LOOKS = 99
"""At which a course is drawn, beside the first one of a sequence."""

_EARLY_LOOKS = 15
_EARLY = 0.25  # of the error, for what is said before the first look of a sequence


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric of exposures, ready to be compared: its `values` `(n,)` within the `cap`, and its terms;
    `plain` are those without the time before, where `terms` have it."""

    metric: Metric
    exposures: Exposures
    values: Floats
    cap: Cap | None
    terms: Terms
    plain: Terms | None


def measured(exposures: Exposures, name: str, past: Past, cap: float | None = None) -> Measured:
    """Makes a metric ready. Exposures are `settled`, `past` is theirs; `powered` goes by their judge."""
    metric = METRICS[name]
    if name == "powered":
        assert exposures.judged is not None
        people = exposures.metrics["quality"] if exposures.people is None else exposures.people
        terms = powered_terms(exposures, exposures.judged, people, past)
        return Measured(metric, exposures, np.where(terms.counted, people, np.nan), None, terms, None)
    values, found = capped(metric, exposures.metrics[name], exposures.unit, cap)
    return _of_values(metric, exposures, values, found, past)


def _of_values(metric: Metric, exposures: Exposures, values: Floats, cap: Cap | None, past: Past) -> Measured:
    before, reach = (exposures.before or {}).get(metric.name), reach_of(cap)
    if before is None or np.isnan(before).all():
        return Measured(metric, exposures, values, cap, terms_of(exposures, values, past, reach), None)
    terms, plain = terms_with_before(exposures, values, before, past, reach)
    return Measured(metric, exposures, values, cap, terms, plain)


def metric_effects(
    data: Measured, *, alpha: float, margin: float | None = None, drawn: bool = True
) -> list[MetricEffect]:
    """The effect of every treatment on a metric, each at error `alpha`; `margin` for the primary metric. Only
    where `drawn` are there looks on the way."""
    rows = _rows(data, drawn)
    course = look_at(data.terms, rows)
    return [
        _effect(data, course, rows, place, alpha, margin, drawn)
        for place in range(1, len(data.exposures.variants))
    ]


def _rows(data: Measured, drawn: bool) -> Ints:
    """Where to look: evenly, at the first look of the sequence, and at the end."""
    n = len(data.exposures)
    began = first_units(data.terms.counted, data.terms.unit, data.metric.first_look)
    some = np.linspace(n / LOOKS, n, LOOKS).astype(np.int64) if drawn else np.array([n])
    return np.unique(np.maximum(np.append(some, n if began is None else began), 1))


def _effect(
    data: Measured, course: Course, rows: Ints, place: int, alpha: float, margin: float | None, drawn: bool
) -> MetricEffect:
    metric, exposures = data.metric, data.exposures
    first = first_look(course, metric.first_look)
    contrast = _contrast(len(exposures.variants), place)
    found = sequence(course, contrast, first, alpha=alpha)
    low, high = found.low.copy(), found.high.copy()
    if metric.bounded:
        _fill_early(data, place, course, first, alpha, low, high, drawn)
    stage = _stage(data, found.value[-1], low[-1], first)
    ratio = ratio_sequence(course, place, 0, first, alpha=alpha) if metric.name in _RATIOS else None
    return MetricEffect(
        metric=metric.name,
        treatment=exposures.variants[place],
        control=exposures.variants[0],
        stage=stage,
        treatment_mean=_known(course.means[-1, place]),
        control_mean=_known(course.means[-1, 0]),
        difference=_range(found.value[-1], low[-1], high[-1]),
        ratio=None if ratio is None else _range(ratio.value[-1], ratio.low[-1], ratio.high[-1]),
        p=_known(found.p[-1]),
        known=int(data.terms.counted.sum()),
        units=int(course.units[-1]),
        alike=float(course.alike[-1]),
        first_look=metric.first_look,
        cap=data.cap,
        gain=_gain(data, course, rows, contrast),
        more_units=_more(course, contrast, metric.better, margin, alpha),
        looks=_looks(course, found.value, low, high) if drawn else None,
    )


_SIGHT = 1_000.0  # times as many units as there were

_RATIOS = ("usd", "seconds", "error", "fallback", "output_tokens", "quality")


def _contrast(v: int, place: int) -> Floats:
    made = np.zeros(v)
    made[0], made[place] = -1.0, 1.0
    return made


def _fill_early(
    data: Measured,
    place: int,
    course: Course,
    first: int | None,
    alpha: float,
    low: Floats,
    high: Floats,
    drawn: bool,
) -> None:
    """Puts the limits by betting where there are none yet, at some looks and the last."""
    until = len(course.rows) if first is None else first
    if not until or (first is not None and not drawn):
        return
    some = np.unique(np.linspace(0, until - 1, min(_EARLY_LOOKS, until)).astype(np.int64))
    own = ~np.isnan(course.means[some, place] - course.means[some, 0])
    some = some[own]
    bounds = early_limits(data.exposures, data.values, (0, place), course.rows[some], _EARLY * alpha)
    low[some], high[some] = bounds


def _stage(data: Measured, value: float, low: float, first: int | None) -> Stage:
    if math.isnan(value):
        return "empty"
    if first is not None:
        return "sure"
    return "too_early" if math.isnan(low) else "early"


def _gain(data: Measured, course: Course, rows: Ints, contrast: Floats) -> float | None:
    """The part of V that the time before took away."""
    if data.plain is None:
        return None
    plain = look_at(data.plain, rows[-1:]).spread[-1]
    before = float(contrast @ plain @ contrast)
    return None if before <= 0.0 else 1.0 - float(contrast @ course.spread[-1] @ contrast) / before


def _more(course: Course, contrast: Floats, better: int, margin: float | None, alpha: float) -> int | None:
    """Units until the interval leaves the margin out, should difference, V and requests of a unit stay as
    they are; None where that is out of sight."""
    units, n = float(course.units[-1]), float(course.n[-1])
    variance = float(contrast @ course.spread[-1] @ contrast)
    apart = math.nan if margin is None else abs(margin + better * float(course.means[-1] @ contrast))
    if units < 2.0 or not variance > 0.0 or not apart > 0.0:
        return None
    needed = units_needed(apart, math.sqrt(variance * units) / n, alpha)
    return max(0, math.ceil(needed - units)) if needed < _SIGHT * units else None


def _looks(course: Course, value: Floats, low: Floats, high: Floats) -> Looks:
    return Looks(
        requests=course.rows.tolist(),
        units=course.units.tolist(),
        value=[_known(one) for one in value.tolist()],
        low=[_known(one) for one in low.tolist()],
        high=[_known(one) for one in high.tolist()],
    )


def class_effects(data: Measured, alpha: float) -> list[ClassEffect]:
    """The effects on a metric in every class, for all treatments; `alpha` is that of all of them together."""
    exposures, name = data.exposures, data.metric.name
    used = np.unique(exposures.request_class)
    family = len(used) * (len(exposures.variants) - 1)
    found: list[tuple[int, int, MetricEffect]] = []
    for cls in used.tolist():
        mask = exposures.request_class == cls
        part = _within(data, mask)
        effects = metric_effects(part, alpha=alpha / family, drawn=False)
        found += [(cls, int(mask.sum()), effect) for effect in effects]
    adjusted = holm([effect.p for _, _, effect in found])
    return [
        ClassEffect(
            request_class=exposures.classes[cls],
            metric=name,
            treatment=effect.treatment,
            requests=n,
            units=effect.units,
            stage=effect.stage,
            difference=effect.difference,
            p=p,
            clear=_excludes_zero(effect.difference),
        )
        for (cls, n, effect), p in zip(found, adjusted, strict=True)
    ]


def _excludes_zero(value: Range | None) -> bool:
    """Whether 0 is outside an interval."""
    if value is None or value.low is None or value.high is None:
        return False
    return value.low > 0.0 or value.high < 0.0


def _within(data: Measured, mask: Bools) -> Measured:
    """A metric ready in some of its requests alone."""
    own = data.exposures.rows(mask)
    if data.metric.name == "powered":
        return measured(own, "powered", past_of(own))
    return _of_values(data.metric, own, data.values[mask], data.cap, past_of(own))


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """p-values of a family, adjusted so that those below α are all true with probability 1 − α (Holm 1979).

    Those that hold at any time stay so. None, where there is no p-value yet, counts as 1.
    """
    order = sorted(range(len(ps)), key=lambda i: _or_one(ps[i]))
    made: list[float | None] = [None] * len(ps)
    most = 0.0
    for rank, i in enumerate(order):
        most = max(most, min(1.0, (len(ps) - rank) * _or_one(ps[i])))
        made[i] = None if ps[i] is None else most
    return made


def _or_one(p: float | None) -> float:
    return 1.0 if p is None else p


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _range(value: float, low: float, high: float) -> Range | None:
    return None if not math.isfinite(value) else Range(float(value), _known(low), _known(high))
