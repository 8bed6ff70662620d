"""Confidence sequences for the worth of a target, valid on the log of a learner.

The past decides what a learner draws next, so rows are not independent; yet the term of each, given the past,
has the target's worth as its mean. Betting against a claimed worth, from below on rewards and from above on
1 − reward, needs no more than that: no bound on weights, no large number of rows, no constant worth (the
bound is for the average over the rows). The terms are those of IPS, or of DR with a q̂ that rests on the past.

Bets are constant and mixed, half of the error to either side. Where DR's terms could fall too low for a
bet, q̂ is cut by the weight that its model would have had (as in Waudby-Smith, Wu, Ramdas, Karampatziakis
and Mineiro 2022, "Anytime-valid off-policy inference for contextual bandits"), which takes the logged pmf;
without it the terms are those of IPS. Measured coverage and widths are in docs/estimators.md.
"""

from __future__ import annotations

import math

import numpy as np

from banditroute.core import offpolicy
from banditroute.core.inference import (
    Floats,
    betting_lower_bound,
    betting_lower_bound_of_clusters,
)
from banditroute.offline.estimators.terms import Terms

REACH = 0.7
"""How much of its stake a bet may lose on one row. Smaller cuts q̂ more, larger pays more for bad luck."""

_LEAST, _MOST = 16.0, 13.0
"""Bets θ go from 16/n, for terms as heavy as weights of the order of n, to 13/√n, for terms of sd 1/5."""


def sequence(terms: Terms, modelled: bool, bounds: tuple[float, float], level: float) -> tuple[float, float]:
    """Lower and upper end for the mean reward of the target, which lies within `bounds`."""
    log, (low, high) = terms.log, bounds
    length = high - low
    reward = (log.reward - low) / length
    q = logging = np.empty((0, log.target.shape[1]))
    if modelled and terms.q is not None and terms.logging is not None:
        q, logging = np.clip((terms.q - low) / length, 0.0, 1.0), terms.logging
    n = len(reward)
    sizes = terms.by_cluster(np.ones(n))
    bets = _bets(n, len(sizes), float(sizes.max()))
    prior = np.full(len(bets), 1.0 / len(bets))
    alpha = (1.0 - level) / 2.0
    ends = []
    y = np.empty(n)
    for mirrored in (False, True):
        kept = []
        for bet in bets:
            offpolicy.bounded_terms(
                reward, log.action, log.propensity, log.target, q, logging, mirrored, REACH / bet, y
            )
            kept.append(float(np.log1p(bet * y).sum()) if terms.clusters is None else terms.by_cluster(y))
        if terms.clusters is None:
            end = betting_lower_bound(bets, np.array(kept), prior, n, alpha)
        else:
            end = betting_lower_bound_of_clusters(bets, np.array(kept), sizes, prior, alpha)
        ends.append(min(max(end, 0.0), 1.0))
    return low + length * ends[0], high - length * ends[1]


def _bets(n: int, clusters: int, largest: float) -> Floats:
    """One to an octave; for clusters, stakes are shared by as many rows as the largest has."""
    low = _LEAST / clusters
    high = max(_MOST / math.sqrt(clusters) * largest * clusters / n, 2.0 * low)
    bets: Floats = np.geomspace(low, high, 1 + math.ceil(math.log2(high / low)))
    return bets
