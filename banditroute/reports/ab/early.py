"""Limits for the first few hundred units, where no central limit theorem has begun to hold: for what lies in
[0, 1], by betting.

Every unit's first known value is one term. Within a variant their mean given the past is the variant's,
also where assignment follows the outcomes; so a bet on it is a martingale
(`core.inference.betting_lower_bound`). The limits of a difference are those of its two means put together,
each with a quarter of the error. They hold at all times and for any distribution, and are wide: what they
show early is a disaster.
"""

from __future__ import annotations

import numpy as np

from banditroute.core.base import Floats, Ints
from banditroute.core.inference import betting_lower_bound
from banditroute.core.steering.betting import BETS
from banditroute.reports.ab.exposures import Exposures

_BETS = np.array([8.0, 4.0, 2.0, *BETS])
_EVEN = np.full(len(_BETS), 1.0 / len(_BETS))


def early_limits(
    exposures: Exposures, values: Floats, pair: tuple[int, int], rows: Ints, alpha: float
) -> tuple[Floats, Floats]:
    """Limits `(l,)` of the second variant's mean less the first's after `rows` `(l,)` requests.

    `values` `(n,)` lie in [0, 1], NaN where not known; units are coded as they came.
    """
    places = np.flatnonzero(~np.isnan(values))
    _, first = np.unique(exposures.unit[places], return_index=True)
    chosen = np.sort(places[first])
    limits = []
    for variant in pair:
        own = chosen[exposures.variant[chosen] == variant]
        counts = np.searchsorted(own, rows, side="left")
        limits.append(
            (_lower(values[own], counts, alpha / 4.0), 1.0 - _lower(1.0 - values[own], counts, alpha / 4.0))
        )
    (low_0, high_0), (low_1, high_1) = limits
    return low_1 - high_0, high_1 - low_0


def _lower(values: Floats, counts: Ints, alpha: float) -> Floats:
    """The lower bound `(l,)` of a mean after so many values."""
    growth = np.cumsum(np.log1p(_BETS[:, None] * values), axis=1)
    bounds = [
        betting_lower_bound(_BETS, growth[:, n - 1], _EVEN, n, alpha) if n else 0.0 for n in counts.tolist()
    ]
    return np.maximum(np.array(bounds, np.float64), 0.0)
