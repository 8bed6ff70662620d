"""The metrics of an experiment: what each is called, which way is better, and when its mean may be told.

Quality, errors and fallbacks lie in [0, 1]: their sequences hold from 500 units on. USD, seconds, tokens and
rewards have long tails: theirs are of values cut at a cap, from 2,000 units on. A cap is best declared
before the experiment. Where none is, it is taken from the units before the first look, from which on all else
holds with it as if it had been declared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Floats, Ints
from banditroute.reports.ab.findings import Cap

BOUNDED_FROM, HEAVY_FROM = 500, 2_000
"""Units at the first look."""


@dataclass(frozen=True, slots=True)
class Metric:
    """`better` is 1 where more is better, −1 where less is; `bounded` says that values lie in [0, 1]."""

    name: str
    title: str
    unit: str
    better: int
    bounded: bool
    first_look: int


METRICS = {
    metric.name: metric
    for metric in (
        Metric("quality", "quality", "points", 1, True, BOUNDED_FROM),
        Metric("powered", "quality by judge and people", "points", 1, False, BOUNDED_FROM),
        Metric("usd", "USD per request", "USD", -1, False, HEAVY_FROM),
        Metric("seconds", "seconds per request", "s", -1, False, HEAVY_FROM),
        Metric("reward", "reward", "", 1, False, HEAVY_FROM),
        Metric("error", "error rate", "points", -1, True, BOUNDED_FROM),
        Metric("fallback", "fallback rate", "points", -1, True, BOUNDED_FROM),
        Metric("output_tokens", "output tokens", "tokens", -1, False, HEAVY_FROM),
    )
}
"""By name, in the order in which they are told."""


def capped(metric: Metric, values: Floats, unit: Ints, declared: float | None) -> tuple[Floats, Cap | None]:
    """Values within a metric's cap, and the cap; None where it needs none, or too little is known for one."""
    if metric.bounded or metric.name == "powered":
        return values, None
    known = ~np.isnan(values)
    if declared is not None:
        return _cut(values, known, None, declared, declared=True)
    began = first_units(known, unit, metric.first_look)
    if began is None:
        return values, None
    seen = values[:began][known[:began]]
    middle, top, bottom = np.quantile(seen, [0.5, 0.99, 0.01]).tolist()
    # Twice as far from the middle as one of a hundred is.
    low = middle - 2.0 * (middle - bottom) if metric.name == "reward" else None
    return _cut(values, known, low, middle + 2.0 * (top - middle), declared=False)


def reach_of(cap: Cap | None) -> float:
    """How far apart two values of a metric with this cap can be."""
    return 1.0 if cap is None or cap.high is None else cap.high - (cap.low or 0.0)


def first_units(known: np.ndarray, unit: Ints, units: int) -> int | None:
    """After how many rows so many units have brought a known value; None if they have not."""
    places = np.flatnonzero(known)
    _, first = np.unique(unit[places], return_index=True)
    began = np.sort(places[first])
    return int(began[units - 1]) + 1 if len(began) >= units else None


def _cut(
    values: Floats, known: np.ndarray, low: float | None, high: float, *, declared: bool
) -> tuple[Floats, Cap]:
    made = np.clip(values, low, high)
    away = np.abs(values - made)[known]
    total = np.abs(values[known]).sum()
    beyond, amount = float((away > 0.0).mean()) if len(away) else 0.0, 0.0
    if total > 0.0:
        amount = float(away.sum() / total)
    return made, Cap(low=low, high=high, declared=declared, requests=beyond, amount=amount)
