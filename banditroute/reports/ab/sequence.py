"""Intervals for what variants differ by that hold at every look at once.

A mean per variant is a sum of ratios, `μ_v = Σ_j Σ_i a_ivj / Σ_i b_ivj` over requests i. What a unit has
brought to the error of the means is its influence, the sum of `(N/B_vj)(a − r_vj·b)` over its requests so
far (r the ratio, B the sum below, N the requests counted). With Ψ those of all units and G = Σ ΨΨ′, any
contrast c of the means has `V = c′Gc`, and with the mixture of Robbins (Waudby-Smith, Arbour, Sinha, Kennedy
and Ramdas 2021, "Time-uniform central limit theory and asymptotic confidence sequences")

    |c′μ̂ − c′μ| ≤ √[(V + η) ln((V + η)/(ηα²))] / N     at all looks from the first on

with probability 1 − α, as the first look is later and later. η is fixed at the first look, from the V and
the units t seen there: `η = V·t*/(t(−2 ln α + ln(−2 ln α) + 1))`, tightest when V has grown to that of t*
units.

*Units that come back.* What is assigned is a unit, so its second request brings no new draw: a sequence over
requests as if each were another unit's is wrong. Nor is a martingale what units' means so far make, as they
are revised. Here a unit's *sum* grows with its requests, and V is of these sums as they stand at each
look. The error is then, by the central limit theorem over units, a Gaussian process with variance V_k at look
k and covariance `Σ Ψ_u(k)Ψ_u(l)`, which is V_k or more where a unit's requests are alike rather than
opposite. A Brownian motion run by the clock V has V_k exactly; so by Slepian's lemma it is the likelier of
the two to cross the boundary, and that chance is α at most. V is the clock; it counts neither requests nor
units.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Bools, Floats, Ints

BEST_AT = 3_000.0
"""t*: units at which the sequence is tightest."""

_HALVINGS = 50
_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Terms:
    """Means of v variants as sums of j ratios: `above` and `below` `(n, v, j)` of n requests in order of
    time, each by its `unit` `(n,)`, coded 0, 1, …; `counted` `(n,)` are those with a known metric. `reach` is
    how far apart two of its values can be: 1 for a rate, the cap for USD. The last ratio is over the
    variant's own requests."""

    unit: Ints
    above: Floats
    below: Floats
    counted: Bools
    reach: float = 0.0


@dataclass(frozen=True, slots=True)
class Course:
    """Means at l looks: after `rows` `(l,)` requests, `n` of them with a known metric, by `units`,
    as good as `alike` ones with equally many requests each (Kish); `means` `(l, v)`, NaN where a variant has
    none, and `spread` `(l, v, v)` the G of the units' sums."""

    rows: Ints
    n: Floats
    units: Ints
    alike: Floats
    means: Floats
    spread: Floats


@dataclass(frozen=True, slots=True)
class Sequence:
    """A contrast at every look `(l,)`: `value`, its limits, NaN before the first look, and `p`, the least
    error at which 0 is excluded at this look (a p-value that may be read at any time)."""

    value: Floats
    low: Floats
    high: Floats
    p: Floats


def look_at(terms: Terms, rows: Ints) -> Course:
    """The means and their spread after `rows` `(l,)` requests, rising.

    To the spread is added, for each variant, what one more request would bring whose value is off by `reach`:
    where nothing has gone wrong yet, or nothing dear been asked for, V would be too small else.
    """
    n, v, j = terms.above.shape
    parts = terms.above.reshape(n, v * j), terms.below.reshape(n, v * j), terms.counted[:, None]
    table: Floats = np.concatenate(parts, axis=1)
    width = table.shape[1]
    comes_back = len(np.unique(terms.unit)) < n
    held = np.zeros((int(terms.unit.max()) + 1, width)) if comes_back else None
    gram, total = np.zeros((width, width)), np.zeros(width)
    grams, totals, start = [], [], 0
    for stop in rows.tolist():
        if stop > start:
            some = table[start:stop]
            if held is None:
                gram = gram + some.T @ some
            else:
                units, sums = _by_unit(terms.unit[start:stop], some)
                old = held[units]
                new = held[units] = old + sums
                gram = gram + new.T @ new - old.T @ old
            total = total + some.sum(axis=0)
            start = stop
        grams.append(gram)
        totals.append(total)
    course = _course(rows, _units_by(terms, rows), np.array(totals), np.array(grams), v, j)
    course.spread[:, range(v), range(v)] += (terms.reach * _weight(terms)) ** 2
    return course


def _weight(terms: Terms) -> Floats:
    """What one request of each variant counts for `(v,)`: the root mean square of its `b`."""
    own = terms.below[:, :, -1]
    mean: Floats = np.sqrt((own**2).sum(axis=0) / np.maximum((own > 0.0).sum(axis=0), 1))
    return mean


def _by_unit(unit: Ints, table: Floats) -> tuple[Ints, Floats]:
    """Sums of rows by unit: the units and `(u, d)`."""
    order = np.argsort(unit, kind="stable")
    own = unit[order]
    starts = np.flatnonzero(np.concatenate([[True], own[1:] != own[:-1]]))
    return own[starts], np.add.reduceat(table[order], starts, axis=0)


def _units_by(terms: Terms, rows: Ints) -> Ints:
    """How many units had brought a known metric by each look."""
    places = np.flatnonzero(terms.counted)
    _, first = np.unique(terms.unit[places], return_index=True)
    return np.searchsorted(np.sort(places[first]), rows, side="left")


def _course(rows: Ints, units: Ints, totals: Floats, grams: Floats, v: int, j: int) -> Course:
    looks, n = len(rows), totals[:, -1]
    above, below = (part.reshape(looks, v, j) for part in np.split(totals[:, :-1], 2, axis=1))
    known = below > 0.0
    scale = np.where(known, n[:, None, None] / np.where(known, below, 1.0), 0.0)
    ratio = np.where(known, above / np.where(known, below, 1.0), 0.0)
    to_means = np.zeros((looks, v, 2, v, j))
    for place in range(v):
        to_means[:, place, 0, place] = scale[:, place]
        to_means[:, place, 1, place] = -(scale * ratio)[:, place]
    linear = to_means.reshape(looks, v, 2 * v * j)
    spread = linear @ grams[:, :-1, :-1] @ linear.transpose(0, 2, 1)
    alike = n**2 / np.maximum(grams[:, -1, -1], 1.0)
    means = np.where(known.all(axis=2), ratio.sum(axis=2), np.nan)
    return Course(rows, n, units, alike, means, spread)


def prior_units(alpha: float) -> float:
    """η for a V of 1 per unit."""
    log = -2.0 * math.log(alpha)
    return BEST_AT / (log + math.log(log) + 1.0)


def boundary(variance: Floats, eta: Floats, alpha: float) -> Floats:
    """How far the sum of the units' influences strays, at all times at once, with probability α at most."""
    grown = variance + eta
    ratio = np.divide(grown, eta, out=np.ones_like(grown), where=eta > 0.0)
    far: Floats = np.sqrt(grown * np.log(ratio / alpha**2))
    return far


def first_look(course: Course, units: int) -> int | None:
    """The place of the first look after so many units have brought a known metric; None if there was none."""
    there = np.flatnonzero(course.units >= units)
    return int(there[0]) if len(there) else None


def sequence(course: Course, contrast: Floats, first: int | None, *, alpha: float = 0.05) -> Sequence:
    """The sequence of a `contrast` `(v,)` of the means from look number `first` on."""
    value = course.means @ contrast
    variance, eta, open_ = _clock(course, contrast, first, alpha)
    half = np.where(open_, boundary(variance, eta, alpha) / np.maximum(course.n, 1.0), np.nan)
    return Sequence(value, value - half, value + half, _p(value * course.n, variance, eta, open_))


def _clock(course: Course, contrast: Floats, first: int | None, alpha: float) -> tuple[Floats, Floats, Bools]:
    """V at every look, η, and from where on both hold."""
    variance = np.einsum("lvw,v,w->l", course.spread, contrast, contrast)
    open_ = np.arange(len(course.rows)) >= (len(course.rows) if first is None else first)
    if first is None:
        return variance, variance, open_
    variance = np.maximum(variance, variance[first])
    eta = variance[first] / course.units[first] * prior_units(alpha)
    return variance, np.full_like(variance, eta), open_


def _p(sums: Floats, variance: Floats, eta: Floats, open_: Bools) -> Floats:
    grown = variance + eta
    certain = open_ & (eta > 0.0)
    safe, prior = np.where(certain, grown, 1.0), np.where(certain, eta, 1.0)
    log_p = 0.5 * np.log(safe / prior) - sums**2 / (2.0 * safe)
    p = np.where(certain, np.exp(np.minimum(log_p, 0.0)), 1.0)
    return np.where(open_, np.where(np.isnan(p), 1.0, p), np.nan)


def ratio_sequence(
    course: Course, top: int, bottom: int, first: int | None, *, alpha: float = 0.05
) -> Sequence:
    """The ratio of two means, both of something that is never negative.

    In the interval is every ρ for which `μ_top − ρ·μ_bottom` may be 0 by its own sequence (Fieller 1954),
    so it holds at all looks too. Its upper end is infinite where the mean below may be 0.
    """
    above, below = course.means[:, top], course.means[:, bottom]
    usable = below > 0.0
    value = np.divide(above, below, out=np.full_like(above, np.nan), where=usable)
    open_ = usable & (np.arange(len(above)) >= (len(above) if first is None else first))
    one = np.full(len(above), np.nan)
    if first is None or not open_.any():
        return Sequence(value, one, one, one)

    def excluded(rho: Floats) -> Bools:
        """Whether a ratio `(l,)` of each look is outside."""
        variance = _quadratic(course.spread, top, bottom, rho)
        began = _quadratic(course.spread[first][None], top, bottom, rho)
        eta = began / course.units[first] * prior_units(alpha)
        far = boundary(np.maximum(variance, began), eta, alpha)
        outside: Bools = np.abs(above - rho * below) * course.n > far
        return outside

    start = np.where(open_, value, 1.0)
    low = np.where(excluded(np.zeros_like(start)), _edge(excluded, start, np.zeros_like(start)), 0.0)
    far = np.maximum(start, 1e-9) * 2.0**_DOUBLINGS
    high = np.where(excluded(far), _edge(excluded, start, far), np.inf)
    return Sequence(value, np.where(open_, low, np.nan), np.where(open_, high, np.nan), one)


def _quadratic(spread: Floats, top: int, bottom: int, rho: Floats) -> Floats:
    """V of `μ_top − ρ·μ_bottom`."""
    made: Floats = (
        spread[:, top, top] - 2.0 * rho * spread[:, top, bottom] + rho**2 * spread[:, bottom, bottom]
    )
    return np.maximum(made, 0.0)


def _edge(excluded: Callable[[Floats], Bools], inside: Floats, outside: Floats) -> Floats:
    """Where between a value inside and one outside the interval ends; by halves of logarithms going up."""
    rising = outside > inside
    for _ in range(_HALVINGS):
        middle = np.where(rising, np.sqrt(np.maximum(inside, 1e-300) * outside), 0.5 * (inside + outside))
        out = excluded(middle)
        inside, outside = np.where(out, inside, middle), np.where(out, middle, outside)
    return inside
