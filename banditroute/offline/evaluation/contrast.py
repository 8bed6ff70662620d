"""A target less what was logged, paired row by row: what both have in common cancels."""

from __future__ import annotations

import math

import numpy as np

from banditroute.core.base import Floats, Ints
from banditroute.core.inference import (
    Wealth,
    betting_centre,
    betting_lower_bound,
    betting_lower_bound_of_clusters,
    betting_wealth,
    betting_wealth_of_clusters,
    normal_interval,
)
from banditroute.offline.estimators import PolicyValue
from banditroute.offline.estimators.sequences import Sequence
from banditroute.offline.estimators.tails import MOST_BEYOND, tail
from banditroute.offline.estimators.terms import ROUNDING

ALPHA = 0.05
_WIDEST = 0.2  # the largest bet: terms go down to −1 − max(1, ½/θ), and no bet may lose everything
_WIDEST_OF_CLUSTERS = 0.9
_PLAIN, _MODELLED = ("ips", "snips"), ("dr", "sndr")


def paired_normal(
    leading: PolicyValue,
    reward: Floats,
    action: Ints,
    weight: Floats,
    target: Floats,
    q_hat: Floats | None,
    clusters: Ints | None,
    uneven: Floats | None,
) -> tuple[float, float]:
    """Normal interval of the leading estimate less the mean reward; of DR where it has no simple form.

    By the influence of each row on the estimate (of each cluster, where there are clusters). Arrays are
    `(n,)`, of the target and of q̂ `(n, k)`. The ends are nan where few extreme rewards carry the difference
    (`offline.estimators.tails`), as they may carry what was logged and not what the target does.
    """
    apart = np.abs(weight - 1.0)
    modelled = q_hat is not None and leading.estimator not in _PLAIN
    expected, missed = np.zeros(len(reward)), reward
    if modelled and q_hat is not None:
        expected = np.einsum("nk,nk->n", target, q_hat)
        missed = reward - q_hat[np.arange(len(reward)), action]
    if leading.estimator in ("snips", "sndr"):
        pulled = float(weight @ missed) / float(weight.sum())
        missed, weight = missed - pulled, weight / weight.mean()
    terms = expected + weight * missed - reward
    value, n = leading.value - float(reward.mean()), len(reward)
    influence = terms - terms.mean()
    if clusters is not None:
        influence = np.bincount(clusters, influence)
    squares = float(influence @ influence)
    if uneven is not None:
        mean = float(uneven.mean())
        far = tail(apart, uneven - mean, clusters, ROUNDING * abs(mean))
        if far.share(influence[far.places], squares) > MOST_BEYOND:
            return math.nan, math.nan
    groups = len(influence)
    se = math.sqrt(groups / (groups - 1) * squares) / n
    return normal_interval(value, se, 1.0 - ALPHA)


def paired_sequence(
    reward: Floats,
    action: Ints,
    weight: Floats,
    target: Floats,
    pmf: Floats | None,
    q_hat: Floats | None,
    clusters: Ints | None,
    bounds: tuple[float, float],
) -> Sequence:
    """Interval of the mean difference from a log whose policy learned: a martingale's, by betting.

    On rewards in [0, 1] the terms are `(w − 1)(r − q̃_a) + Σ_b (π_b − p_b) q̃_b`, with q̃ cut to `½/(θ·w_b)` as
    in the sequence of the value itself, so that they stay above −1 − max(1, ½/θ); without the probabilities
    of every model, `(w − 1) r`. The upper end is the lower one of rewards mirrored. Clusters `(n,)`, where
    there are, are one bet each, on the sum of their terms moved to [0, 1] (`offline.estimators.sequences`).
    """
    low, length = bounds[0], bounds[1] - bounds[0]
    n = len(reward)
    sizes = np.ones(n) if clusters is None else np.bincount(clusters).astype(np.float64)
    bets = _bets(n) if clusters is None else _bets_of_clusters(n, len(sizes), float(sizes.max()))
    prior = np.full(len(bets), 1.0 / len(bets))
    ends: list[float] = []
    wealth: list[Wealth] = []
    for mirrored in (False, True):
        r = (reward - low) / length
        q = None if q_hat is None or pmf is None else np.clip((q_hat - low) / length, 0.0, 1.0)
        if mirrored:
            r, q = 1.0 - r, None if q is None else 1.0 - q
        told = (_terms(bet, r, action, weight, target, pmf, q) for bet in bets.tolist())  # one at a time
        if clusters is None:
            growth = np.array([np.log1p(bet * y).sum() for bet, y in zip(bets, told, strict=True)])
            ends.append(betting_lower_bound(bets, growth, prior, n, ALPHA / 2.0))
            wealth.append(betting_wealth(bets, growth, prior, n))
        else:
            sums = np.array([np.bincount(clusters, 0.5 * (y + 1.0)) for y in told])
            end = betting_lower_bound_of_clusters(2.0 * bets, sums, sizes, prior, ALPHA / 2.0)
            ends.append(2.0 * end - 1.0)
            wealth.append(betting_wealth_of_clusters(2.0 * bets, sums, sizes, prior))
    below, above = wealth
    if clusters is None:
        centre = betting_centre(below, above, -1.0, 1.0)
    else:
        centre = 2.0 * betting_centre(below, above, 0.0, 1.0) - 1.0
    return Sequence(length * max(ends[0], -1.0), length * centre, length * min(-ends[1], 1.0))


def _terms(
    bet: float, r: Floats, action: Ints, weight: Floats, target: Floats, pmf: Floats | None, q: Floats | None
) -> Floats:
    if q is None or pmf is None:
        return (weight - 1.0) * r
    # q̃_b·π_b and q̃_b·p_b, without dividing by a probability that may be 0
    most = 0.5 / bet
    cut = np.minimum(target * q, most * pmf)
    kept = np.where(target > 0.0, np.divide(cut, target, out=q.copy(), where=target > 0.0), q)
    own = kept[np.arange(len(r)), action]
    terms: Floats = (weight - 1.0) * (r - own) + (cut - pmf * kept).sum(axis=1)
    return terms


def _bets_of_clusters(n: int, clusters: int, largest: float) -> Floats:
    """The same for clusters, whose stakes are shared by as many rows as the largest has. Twice the bet is
    made, on half the term and a half, which no row brings below −½·max(1, ½/θ)."""
    low = min(8.0 / clusters, _WIDEST_OF_CLUSTERS / 2.0)
    high = min(max(27.0 / math.sqrt(clusters) * largest * clusters / n, 2.0 * low), _WIDEST_OF_CLUSTERS)
    return np.geomspace(low, high, math.ceil(2.0 * math.log2(high / low)) + 1)


def _bets(n: int) -> Floats:
    """Bets fixed beforehand, two to an octave: from what suits weights of the order of n upwards."""
    low = min(8.0 / n, _WIDEST / 2.0)
    high = min(max(27.0 / math.sqrt(n), 2.0 * low), _WIDEST)
    return np.geomspace(low, high, math.ceil(2.0 * math.log2(high / low)) + 1)
