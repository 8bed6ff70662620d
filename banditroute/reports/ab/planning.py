"""How long an experiment takes: with the boundary it will be read by, not that of one look at its end.

With s the sd of what one unit brings to a difference of means, `s² = sd₀²/π₀ + sd₁²/π₁`, the sequence after n
units is `s·√[(n + η) ln((n + η)/(ηα²))]/n` either way. How likely it has decided by then is found by playing
Brownian motions against it; who may look at any time may also stop at any time, so an experiment takes as
long as it takes until the first look that decides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Floats
from banditroute.errors import LogError
from banditroute.reports.ab.sequence import boundary, prior_units

_PATHS, _LOOKS = 4_000, 300
_LONGEST = 1e12


@dataclass(frozen=True, slots=True)
class Plan:
    """What an experiment needs: `units` by which it has decided with probability `power`, half of all by
    `median`; `days` where the traffic is known. `half_width` is that of the sequence at `units`."""

    units: int
    median: int
    half_width: float
    power: float
    days: float | None


def unit_sd(sds: Sequence[float], shares: Sequence[float]) -> float:
    """The s of a difference between two variants whose units have these sds and shares of all units."""
    return math.sqrt(sum(sd * sd / share for sd, share in zip(sds, shares, strict=True)))


def half_width(units: Floats | float, sd: float, alpha: float = 0.05) -> Floats:
    """How far the sequence reaches either way after so many units, `sd` the s of above."""
    n = np.asarray(units, np.float64)
    return sd * boundary(n, np.full_like(n, prior_units(alpha)), alpha) / n


def units_needed(half: float, sd: float, alpha: float = 0.05) -> float:
    """After how many units the sequence reaches `half` either way."""
    low, high = 1.0, 2.0
    while half_width(high, sd, alpha) > half:
        high *= 2.0
        if high > _LONGEST:
            return math.inf
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if half_width(middle, sd, alpha) > half else (low, middle)
    return high


def plan(
    *,
    sd: float,
    margin: float,
    effect: float = 0.0,
    shares: Sequence[float] = (0.5, 0.5),
    power: float = 0.8,
    alpha: float = 0.05,
    first_look: int = 500,
    units_per_day: float | None = None,
    seed: int = 0,
) -> Plan:
    """Units until the lower limit is above −`margin`, for a true difference of `effect`.

    `sd` is that of a unit's mean within a variant (and within a class, where classes differ); `shares` are of
    all units, those of other variants left out. `margin` 0 asks for a difference that is seen. Raises
    LogError where no number of units will do.
    """
    if not effect + margin > 0.0 or not sd > 0.0:
        raise LogError(
            f"A true difference of {effect:g} is never shown to be above {-margin:g}; plan with a margin "
            "that is wider than the loss you expect."
        )
    own = unit_sd((sd, sd), shares)
    longest = 4.0 * max(units_needed(effect + margin, own, alpha), first_look)
    times = np.geomspace(first_look, longest, _LOOKS)
    stopped = _stops(times, own, effect + margin, alpha, seed)
    needed, median = (float(np.quantile(stopped, part)) for part in (power, 0.5))
    days = None if units_per_day is None else needed / units_per_day
    return Plan(math.ceil(needed), math.ceil(median), float(half_width(needed, own, alpha)), power, days)


def power_at(
    units: int, *, sd: float, distance: float, alpha: float = 0.05, first_look: int = 500, seed: int = 0
) -> float:
    """The chance that the sequence has excluded a claim so far below the truth by so many units."""
    if units < first_look:
        return 0.0
    times = np.geomspace(first_look, max(units, first_look + 1), _LOOKS)
    return float(np.isfinite(_stops(times, sd, distance, alpha, seed)).mean())


def _stops(times: Floats, sd: float, distance: float, alpha: float, seed: int) -> Floats:
    """When each of many experiments decides; infinite for those that have not at the last of `times`."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(_PATHS, len(times))) * np.sqrt(np.diff(times, prepend=0.0))
    error = sd * np.cumsum(steps, axis=1) / times
    decided = distance + error > half_width(times, sd, alpha)
    first = times[decided.argmax(axis=1)]
    stops: Floats = np.where(decided.any(axis=1), first, np.inf)
    return stops
