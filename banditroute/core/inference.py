"""How sure a mean is: intervals that hold for a fixed sample, and bounds that hold for a betting sequence.

Pure arithmetic on arrays. Three kinds of promise:

`normal_interval`, `bootstrap_means`   independent rows, enough of them
`bernstein_margin`                     independent rows within a known range, any number of them
`betting_lower_bound`                  rows whose conditional mean given the past is what is asked for: it
                                       needs no independence, so it holds for what a learner logged
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]

_HALVINGS = 50  # of the bracket around a betting bound: to the last digits of a double
_RESAMPLED = 20_000  # a bootstrap draws at most this many groups of rows; beyond, they are alike


def normal_interval(value: float, se: float, level: float = 0.95) -> tuple[float, float]:
    """`value ± z·se`, z the normal quantile of a two-sided `level`."""
    half = float(ndtri((1.0 + level) / 2.0)) * se
    return value - half, value + half


def bernstein_margin(variance: float, reach: float, n: int, level: float = 0.95) -> float:
    """Half the width of the empirical-Bernstein interval of a mean of n independent values.

    `variance` is that of the sample, `reach` the length of the range the values lie in, known beforehand.
    Infinite for n < 2.
    Maurer and Pontil 2009, "Empirical Bernstein bounds and sample-variance penalization", theorem 4,
    half of the error on either side.
    """
    if n < 2:
        return math.inf
    log = math.log(4.0 / (1.0 - level))
    return math.sqrt(2.0 * variance * log / n) + 7.0 * reach * log / (3.0 * (n - 1))


def bootstrap_means(sums: Floats, sizes: Floats, replicates: int, seed: int) -> Floats:
    """Means of rows under resampling: `(g, c)`, `(g,)` -> `(replicates, c)`.

    What is drawn are groups, each given by the sums of its rows and how many they are: single rows, or
    clusters. More than 20,000 groups are joined first, round robin: for a mean, joining independent groups
    changes nothing.
    """
    rng = np.random.default_rng(seed)
    if len(sums) > _RESAMPLED:
        place = np.arange(len(sums)) % _RESAMPLED
        sums = np.stack([np.bincount(place, column) for column in sums.T], axis=1)
        sizes = np.asarray(np.bincount(place, sizes), np.float64)
    g = len(sums)
    means = np.empty((replicates, sums.shape[1]))
    for b in range(replicates):
        drawn = rng.integers(g, size=g)
        means[b] = sums[drawn].sum(axis=0) / sizes[drawn].sum()
    return means


def betting_lower_bound(bets: Floats, log_growth: Floats, weights: Floats, n: int, alpha: float) -> float:
    """Lower confidence bound for the mean of n terms that were betted on.

    Each bet θ > 0 has the growth `S(θ) = Σ log(1 + θ·y_t)`, where every term y_t > −1/θ. Against the claim
    that the mean is m, betting the share λ = θ/(1 + θm) has the wealth `Π (1 + λ(y_t − m))`, which is
    `exp(S(θ) − n·log(1 + θm))`: a martingale if m is the conditional mean of every term, whatever their
    distribution. Averaged over bets by `weights` (which sum to 1 and were fixed beforehand) the wealth
    exceeds 1/α with probability α at most (Ville), so the m at which it does are left out. As λ is constant
    over t, the bound also holds for the average of conditional means that drift.

    Betting: Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting"; for
    importance-weighted terms: Karampatziakis, Mineiro and Ramdas 2021, "Off-policy confidence sequences".
    """
    wealth, goal = betting_wealth(bets, log_growth, weights, n), -math.log(alpha)

    def grown(m: float) -> bool:
        return wealth(m) > goal

    edge = -(1.0 - 1e-12) / float(bets.max())
    if not grown(edge):
        return edge
    high = 1.0
    while grown(high):
        high *= 2.0
    return _last_true(grown, edge, high)


def betting_lower_bound_of_clusters(
    bets: Floats, sums: Floats, sizes: Floats, weights: Floats, alpha: float
) -> float:
    """The bound of `betting_lower_bound` where rows come in clusters, for a mean that lies in [0, 1].

    `sums` `(j, g)` are of each cluster's terms (for each bet θ of its own making, every term > −1/θ), `sizes`
    `(g,)` its rows. A cluster gains `λ/L·Σ (y − m)`, L the size of the largest; one row each gives
    `betting_lower_bound`.
    """
    wealth, goal = betting_wealth_of_clusters(bets, sums, sizes, weights), -math.log(alpha)

    def grown(m: float) -> bool:
        return wealth(m) > goal

    if not grown(0.0):
        return 0.0
    return 1.0 if grown(1.0) else _last_true(grown, 0.0, 1.0)


Wealth = Callable[[float], float]
"""Log of what betting against the claim that the mean is m, or less, has come to; it falls as m grows."""


def betting_wealth(bets: Floats, log_growth: Floats, weights: Floats, n: int) -> Wealth:
    """The wealth behind `betting_lower_bound`."""
    prior = np.log(weights)

    def wealth(m: float) -> float:
        return float(np.logaddexp.reduce(prior + log_growth - n * np.log1p(bets * m)))

    return wealth


def betting_wealth_of_clusters(bets: Floats, sums: Floats, sizes: Floats, weights: Floats) -> Wealth:
    """The wealth behind `betting_lower_bound_of_clusters`."""
    prior = np.log(weights)
    part = sizes / sizes.max()
    gained = bets[:, None] * sums / sizes.max()
    room = bets[:, None] * (1.0 - part)

    def wealth(m: float) -> float:
        growth = np.log1p(gained + room * m).sum(axis=1) - len(sizes) * np.log1p(bets * m)
        return float(np.logaddexp.reduce(prior + growth))

    return wealth


def betting_centre(below: Wealth, above: Wealth, low: float, high: float) -> float:
    """The mean, between `low` and `high`, against which bets from `below` and from `above` have won alike.

    `above` bets on the terms mirrored, so that their mean is `low + high` less this one. Whatever the level,
    the interval between the two bounds holds it, or is empty.
    """
    return _last_true(lambda m: below(m) > above(low + high - m), low, high)


def _last_true(grown: Callable[[float], bool], low: float, high: float) -> float:
    """Where a condition that holds at `low` and not at `high` ends."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if grown(middle):
            low = middle
        else:
            high = middle
    return low
