"""A target less what was logged, paired row by row: what both have in common cancels."""

from __future__ import annotations

import math

import numpy as np

from banditroute.core.base import Floats, Ints
from banditroute.core.inference import betting_lower_bound, normal_interval
from banditroute.offline.estimators import PolicyValue

ALPHA = 0.05
_WIDEST = 0.2  # the largest bet: terms go down to −2 − ½/θ, and no bet may lose everything
_PLAIN, _MODELLED = ("ips", "snips"), ("dr", "sndr")


def paired_normal(
    leading: PolicyValue,
    reward: Floats,
    action: Ints,
    weight: Floats,
    target: Floats,
    q_hat: Floats | None,
    clusters: Ints | None,
) -> tuple[float, float]:
    """Normal interval of the leading estimate less the mean reward; of DR where it has no simple form.

    By the influence of each row on the estimate (of each cluster, where there are clusters). Arrays are
    `(n,)`, of the target and of q̂ `(n, k)`.
    """
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
    groups = len(influence)
    se = math.sqrt(groups / (groups - 1) * float(influence @ influence)) / n
    return normal_interval(value, se, 1.0 - ALPHA)


def paired_sequence(
    reward: Floats,
    action: Ints,
    weight: Floats,
    target: Floats,
    pmf: Floats | None,
    q_hat: Floats | None,
    bounds: tuple[float, float],
) -> tuple[float, float]:
    """Interval of the mean difference from a log whose policy learned: a martingale's, by betting.

    On rewards in [0, 1] the terms are `(w − 1)(r − q̃_a) + Σ_b (π_b − p_b) q̃_b`, with q̃ cut to `½/(θ·w_b)` as
    in the sequence of the value itself, so that they stay above −2 − ½/θ; without the probabilities of
    every model, `(w − 1) r`. The upper end is the lower one of rewards mirrored.
    """
    low, length = bounds[0], bounds[1] - bounds[0]
    n = len(reward)
    bets = _bets(n)
    prior = np.full(len(bets), 1.0 / len(bets))
    ends = []
    for mirrored in (False, True):
        r = (reward - low) / length
        q = None if q_hat is None or pmf is None else np.clip((q_hat - low) / length, 0.0, 1.0)
        if mirrored:
            r, q = 1.0 - r, None if q is None else 1.0 - q
        growth = np.array([_growth(bet, r, action, weight, target, pmf, q) for bet in bets])
        ends.append(betting_lower_bound(bets, growth, prior, n, ALPHA / 2.0))
    return length * max(ends[0], -1.0), length * min(-ends[1], 1.0)


def _growth(
    bet: float, r: Floats, action: Ints, weight: Floats, target: Floats, pmf: Floats | None, q: Floats | None
) -> float:
    terms = (weight - 1.0) * r
    if q is not None and pmf is not None:
        # q̃_b·π_b and q̃_b·p_b, without dividing by a probability that may be 0
        most = 0.5 / bet
        cut = np.minimum(target * q, most * pmf)
        kept = np.where(target > 0.0, np.divide(cut, target, out=q.copy(), where=target > 0.0), q)
        own = kept[np.arange(len(r)), action]
        terms = (weight - 1.0) * (r - own) + (cut - pmf * kept).sum(axis=1)
    return float(np.log1p(bet * terms).sum())


def _bets(n: int) -> Floats:
    """Bets fixed beforehand, two to an octave: from what suits weights of the order of n upwards."""
    low = min(8.0 / n, _WIDEST / 2.0)
    high = min(max(27.0 / math.sqrt(n), 2.0 * low), _WIDEST)
    return np.geomspace(low, high, math.ceil(2.0 * math.log2(high / low)) + 1)
