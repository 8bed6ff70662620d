"""Confidence sequences for the worth of a target, valid on the log of a learner.

The past decides what a learner draws next, so rows are not independent; yet the term of each, given the past,
has the target's worth as its mean. Betting against a claimed worth, from below on rewards and from above on
1 − reward, needs no more than that: no bound on weights, no large number of rows, no constant worth (the
bound is for the average over the rows). The terms are those of IPS, or of DR with a q̂ that rests on the past.

Bets are constant and mixed, half of the error to either side. Where DR's terms could fall too low for a
bet, q̂ is cut by the weight that its model would have had (as in Waudby-Smith, Wu, Ramdas, Karampatziakis
and Mineiro 2022, "Anytime-valid off-policy inference for contextual bandits"), which takes the logged pmf;
without it the terms are those of IPS. Measured coverage and widths are in docs/estimators.md.

Where rows come in clusters, each cluster is one bet on the sum of its rows; they may come in any order, one
among the other. The wealth is a product over clusters, and multiplied out a sum of products of rows, one of a
cluster at most; given the past, and what the clusters are like, each row has the worth of its cluster as
its mean, whatever the learner made of others; so the mean of each product is that of independent
clusters, 0, and the mean of the wealth is 1. It takes clusters that are independent of one another, and
whose size and times do not follow from the answers. The bound is then for the mean over all clusters there
could be, and holds once, at the end of the log (Markov's inequality).

The centre, where bets from both sides have won alike, is an estimate of its own: it lies within the sequence
at every level, and large weights pull it less than they pull IPS or DR.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from banditroute.core import offpolicy
from banditroute.core.inference import (
    Floats,
    Wealth,
    betting_centre,
    betting_lower_bound,
    betting_lower_bound_of_clusters,
    betting_wealth,
    betting_wealth_of_clusters,
)
from banditroute.offline.estimators.terms import Terms

REACH = 0.7
"""How much of its stake a bet may lose on one row. Smaller cuts q̂ more, larger pays more for bad luck."""

_LEAST, _MOST = 16.0, 13.0
"""Bets θ go from 16/n, for terms as heavy as weights of the order of n, to 13/√n, for terms of sd 1/5."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """The ends of a sequence, and the `centre` between them."""

    low: float
    centre: float
    high: float


def sequence(terms: Terms, modelled: bool, bounds: tuple[float, float], level: float) -> Sequence:
    """For the mean reward of the target, which lies within `bounds`."""
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
    ends: list[float] = []
    wealth: list[Wealth] = []
    y = np.empty(n)
    for mirrored in (False, True):
        kept = []
        for bet in bets:
            offpolicy.bounded_terms(
                reward, log.action, log.propensity, log.target, q, logging, mirrored, REACH / bet, y
            )
            kept.append(float(np.log1p(bet * y).sum()) if terms.clusters is None else terms.by_cluster(y))
        found = np.array(kept)
        if terms.clusters is None:
            end = betting_lower_bound(bets, found, prior, n, alpha)
            wealth.append(betting_wealth(bets, found, prior, n))
        else:
            end = betting_lower_bound_of_clusters(bets, found, sizes, prior, alpha)
            wealth.append(betting_wealth_of_clusters(bets, found, sizes, prior))
        ends.append(min(max(end, 0.0), 1.0))
    below, above = wealth
    centre = betting_centre(below, above, 0.0, 1.0)
    return Sequence(low + length * ends[0], low + length * centre, high - length * ends[1])


def _bets(n: int, clusters: int, largest: float) -> Floats:
    """One to an octave; for clusters, stakes are shared by as many rows as the largest has."""
    low = _LEAST / clusters
    high = max(_MOST / math.sqrt(clusters) * largest * clusters / n, 2.0 * low)
    bets: Floats = np.geomspace(low, high, 1 + math.ceil(math.log2(high / low)))
    return bets
