"""Scores of requests: what a variant's mean is made of, with what was known before taken out.

For each variant v and request i of a unit that was drawn into w with probability π,

    q_v(x_i) + 1[w = v]/π · (y_i − q_v(x_i))

(augmented inverse propensity weighting: Robins, Rotnitzky and Zhao 1994). q_v(x_i) is the mean of the
variant in the request's class as far as *earlier* requests of *other* units tell, so that whatever it is, its
mistakes cancel on average: under assignment that changes with the past too. Both parts are divided by what
they count, the second by `Σ 1[w = v]/π` (Hájek): variants whose answers are scored more often, or whose users
come more often, stay comparable.

Where a metric's mean per unit from before its first exposure is known, q takes that in too, by a slope that
earlier requests tell (CUPED: Deng, Xu, Kohavi and Walker 2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Bools, Floats, Ints
from banditroute.reports.ab.exposures import Exposures
from banditroute.reports.ab.sequence import Terms

_PRIOR = 10.0  # requests that the mean above counts for: of a class, then of a variant in it
_FLAT = 25.0  # requests' worth of evidence for a slope of 0


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows in groups: their `order` `(n,)` by group and then as they came, where each group `starts`, and its
    `lengths`; no order where all are one group."""

    order: Ints | None
    starts: Ints
    lengths: Ints

    def earlier(self, values: Floats) -> Floats:
        """Sums `(n,)` over the earlier rows of the same group."""
        if self.order is None:
            return np.cumsum(values) - values
        sorted_ = values[self.order]
        sums = np.cumsum(sorted_) - sorted_
        made = np.empty(len(values))
        made[self.order] = sums - np.repeat(sums[self.starts], self.lengths)
        return made


@dataclass(frozen=True, slots=True)
class Past:
    """What came before each request: groups of all, of its class, and of its unit in either; the latter None
    where no unit comes back."""

    everything: Groups
    own: Groups | None
    in_class: Groups
    own_in_class: Groups | None

    def of_all(self, values: Floats) -> Floats:
        """Sums `(n,)` over earlier requests of other units."""
        sums = self.everything.earlier(values)
        return sums if self.own is None else sums - self.own.earlier(values)

    def of_class(self, values: Floats) -> Floats:
        """The same within the class."""
        sums = self.in_class.earlier(values)
        return sums if self.own_in_class is None else sums - self.own_in_class.earlier(values)


def past_of(exposures: Exposures) -> Past:
    """The groups of exposures in order of time, at least one."""
    unit, cls = exposures.unit, exposures.request_class
    everything = Groups(None, np.zeros(1, np.int64), np.array([len(unit)]))
    if exposures.units == len(exposures):
        return Past(everything, None, _groups(cls), None)
    return Past(everything, _groups(unit), _groups(cls), _groups(cls * (int(unit.max()) + 1) + unit))


def _groups(group: Ints) -> Groups:
    order = np.argsort(group, kind="stable")
    own = group[order]
    starts = np.flatnonzero(np.concatenate([[True], own[1:] != own[:-1]]))
    return Groups(order, starts, np.diff(np.append(starts, len(own))))


def terms_of(exposures: Exposures, values: Floats, past: Past, reach: float) -> Terms:
    """The terms of a metric whose `values` `(n,)` are NaN where not known and at most `reach` apart; units
    are coded as they came (`settled`), and `past` is that of the exposures."""
    known = ~np.isnan(values)
    expected = expectations(exposures, values, known, past)
    return _begun(augmented(exposures, values, known, expected, reach), known, past)


def terms_with_before(
    exposures: Exposures, values: Floats, before: Floats, past: Past, reach: float
) -> tuple[Terms, Terms]:
    """The terms that take in what units were like `before` `(units,)`, and those that do not."""
    known = ~np.isnan(values)
    expected = expectations(exposures, values, known, past)
    more = expected + _adjusted(values, expected, known, before[exposures.unit])[:, None]
    plain = augmented(exposures, values, known, expected, reach)
    adjusted = augmented(exposures, values, known, more, reach)
    return _begun(adjusted, known, past), _begun(plain, known, past)


def _begun(terms: Terms, known: Bools, past: Past) -> Terms:
    """Without requests before which no other unit had brought a value, in place: nothing could be expected of
    them, and an expectation of 0 would throw the first means far off. It is the past that leaves them out."""
    none = past.of_all(known.astype(np.float64)) < 0.5
    terms.above[none] = 0.0
    terms.below[none] = 0.0
    return terms


def augmented(exposures: Exposures, values: Floats, known: Bools, expected: Floats, reach: float) -> Terms:
    """Terms from values and what was `expected` `(n, v)` of them."""
    weight = weights(exposures, known)
    residual = np.where(known, values, 0.0)[:, None] - expected
    above = np.stack([np.where(known[:, None], expected, 0.0), weight * residual], axis=2)
    below = np.stack([np.repeat(known[:, None], weight.shape[1], axis=1), weight], axis=2)
    return Terms(exposures.unit, above, below, known, reach)


def weights(exposures: Exposures, known: Bools) -> Floats:
    """`1[w = v]/π` `(n, v)` of the requests whose metric is known."""
    made = np.zeros((len(exposures), len(exposures.variants)))
    rows = np.flatnonzero(known)
    made[rows, exposures.variant[rows]] = 1.0 / exposures.share[rows]
    return made


def expectations(exposures: Exposures, values: Floats, known: Bools, past: Past) -> Floats:
    """Means `(n, v)` of every variant in the class of each request, by earlier requests of other units.

    That of a class is drawn to the mean of all, that of a variant in it to its class's.
    """
    y, count = np.where(known, values, 0.0), known.astype(np.float64)
    mean = past.of_all(y) / np.maximum(past.of_all(count), 1.0)
    of_class = (past.of_class(y) + _PRIOR * mean) / (past.of_class(count) + _PRIOR)
    made = np.empty((len(y), len(exposures.variants)))
    for place in range(made.shape[1]):
        own = exposures.variant == place
        sums, n = past.of_class(y * own), past.of_class(count * own)
        made[:, place] = (sums + _PRIOR * of_class) / (n + _PRIOR)
    return made


def slope(x: Floats, y: Floats, known: Bools) -> tuple[Floats, Floats]:
    """The slope of y on x before each row `(n,)`, drawn to 0 while little is known, and the mean of x."""
    x, y, one = np.where(known, x, 0.0), np.where(known, y, 0.0), known.astype(np.float64)
    n, sx, sy, sxx, sxy = (np.cumsum(sums) - sums for sums in (one, x, y, x * x, x * y))
    least = np.maximum(n, 1.0)
    xx, xy = np.maximum(sxx - sx * sx / least, 0.0), sxy - sx * sy / least
    flat = xx * (1.0 + _FLAT / least)
    return np.divide(xy, flat, out=np.zeros_like(xy), where=flat > 0.0), sx / least


def _adjusted(values: Floats, expected: Floats, known: Bools, before: Floats) -> Floats:
    """What the time before tells of each request, beyond its class `(n,)`."""
    there = known & ~np.isnan(before)
    by, middle = slope(before, values - expected.mean(axis=1), there)
    return np.where(there, by * (np.where(there, before, 0.0) - middle), 0.0)
