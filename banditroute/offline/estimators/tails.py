"""Whether a few extreme rewards carry an estimate, as a few large bills do.

A mean is near normal once no single term stands out. The weights say that of themselves, and rewards that are
bounded do no worse; but bills and waits may be so uneven that the standard error of most logs is too small,
as most lack the bills that would make it large. Skewness, by which such a rule is usually put (Cochran 1977,
"Sampling Techniques", 2.15: n > 25·skew²), shows little of a heavy tail in a sample. So what is measured is
how far the largest bills lie beyond the next ones: the part of the variance that would go if they were pulled
in to the level that only so much of the target exceeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Floats, Ints
from banditroute.offline.logs.files import counted

EXTREME = 5.0
"""The level is that above which so many effective rows (or clusters) lie."""

MOST_BEYOND = 0.5
"""A normal interval bears this part of the variance in what lies beyond the level."""

WORTH_SAYING = 0.2
"""From this part on it is said beside the interval, which then misses more often than it says."""

_SAMPLED = 4096


@dataclass(frozen=True, slots=True)
class Tail:
    """The rows (or clusters) beyond the level, `(m,)`, and how far they are, times their weights."""

    places: Ints
    excess: Floats

    def share(self, pulls: Floats, total: float) -> float:
        """The part of the variance beyond the level; `pulls` `(m,)` is what the places move an estimate by,
        and `total` the sum of its squares over all rows (or clusters)."""
        size = np.abs(pulls)
        left = size - np.minimum(size, self.excess)
        return float(size @ size - left @ left) / total if total > 0.0 else 0.0


def tail(weight: Floats, off: Floats, clusters: Ints | None, rounding: float) -> Tail:
    """Of rows `(n,)` with weights from 0 up, by how far their rewards are `off` the mean; of a cluster
    that is the weighted mean over its rows. Sizes up to `rounding` are taken for none.

    The level is the size above which `EXTREME` of the effective `(Σw)²/Σw²` lie, counted by weight: where
    weights are equal, the largest but so many.
    """
    if clusters is not None:
        sums = np.asarray(np.bincount(clusters, weight), np.float64)
        means = np.zeros(len(sums))
        np.divide(np.bincount(clusters, weight * off), sums, out=means, where=sums > 0.0)
        weight, off = sums, means
    size, total = np.abs(off), float(weight.sum())
    wanted = EXTREME * float(weight @ weight) / total if total > 0.0 else 0.0
    level = max(_level(weight, size, wanted), rounding)
    places = np.flatnonzero(size > level)
    places = places[weight[places] > 0.0]
    return Tail(places, weight[places] * (size[places] - level))


def few_carry(count: int, share: float, kind: str, what: str) -> str | None:
    """The refusal of a `kind` of interval where `count` rows, or units (`what`), carry too much, or None."""
    if share <= MOST_BEYOND:
        return None
    few, make = counted(count, what), "makes" if count == 1 else "make"
    part = f"{100.0 * min(share, 1.0):.3g}%"
    return (
        f"By rewards far beyond all others (large bills, say) {few} {make} up {part} of the variance, and a "
        f"{kind} interval bears {MOST_BEYOND:.0%}: it takes more {what}s, or a reward without what is "
        "so uneven (USD left out, or capped in the log)."
    )


def _level(weight: Floats, size: Floats, wanted: float) -> float:
    """The size that rows of no more than `wanted` weight exceed, and of more than that reach.

    A sample guesses at it; a guess that is too high is lowered, one that is too low sorted out.
    """
    sample, count = np.sort(size[:: 1 + len(size) // _SAMPLED]), 1
    while count < len(sample):
        guess = float(sample[-count])
        above = np.flatnonzero(size > guess)
        if float(weight[above].sum()) > wanted:
            return _sorted_out(weight[above], size[above], wanted)
        if float(weight[size >= guess].sum()) > wanted:
            return guess
        count *= 4
    return _sorted_out(weight, size, wanted)


def _sorted_out(weight: Floats, size: Floats, wanted: float) -> float:
    order = np.argsort(-size)
    last = int(np.searchsorted(np.cumsum(weight[order]), wanted, side="right"))
    return float(size[order[min(last, len(order) - 1)]])
