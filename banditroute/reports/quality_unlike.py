"""What scores that are (nearly) alike do not rule out: an interval for a mean where scatter says nothing.

Five answers at .8 have no scatter, and an interval made of scatter has no width; yet one answer in five may
be far off and not have come up. Scores lie in [0, 1]. If a share p of all lay outside the range [a, b] of the
n that were seen, that none of them was seen has the probability (1 − p)ⁿ; so at level 1 − α the share is at
most `p = 1 − (α/2)^{1/n}` (Clopper and Pearson 1934, "The use of confidence or fiducial limits illustrated in
the case of the binomial", for no event in n; α/2 for each end). In the worst case all of it is at 0, or at 1:
the mean may be lower by `p·a`, or higher by `p·(1 − b)`. An interval reaches at least that far. Where scores
use most of the scale, or are many, that is less than scatter says, and changes nothing.
"""

from __future__ import annotations

import numpy as np

from banditroute.core.base import Floats, Ints


def reaching(
    mean: Floats,
    low: Floats,
    high: Floats,
    domain: Ints,
    said: Floats,
    *,
    probability: Floats | None = None,
    level: float = 0.95,
) -> tuple[Floats, Floats]:
    """The limits `low` and `high` `(m,)` of means of m domains, no nearer to them than unlike scores allow.

    `domain` `(n,)` gives each answer's, `said` `(n,)` its score in [0, 1], NaN where there is none, and
    `probability` `(n,)` that with which it was asked for: scores of unequal weight count for fewer. Limits
    that are not finite stay as they are.
    """
    told = ~np.isnan(said)
    place, values = domain[told], said[told]
    weight = np.ones(len(values)) if probability is None else 1.0 / probability[told]
    m = len(mean)
    total, squares = np.bincount(place, weight, m), np.bincount(place, weight * weight, m)
    number = np.where(squares > 0.0, total**2 / np.where(squares > 0.0, squares, 1.0), 0.0)
    least, most = np.ones(m), np.zeros(m)
    np.minimum.at(least, place, values)
    np.maximum.at(most, place, values)
    unseen = 1.0 - ((1.0 - level) / 2.0) ** (1.0 / np.maximum(number, 1.0))
    some = number > 0.0
    return (
        np.where(some & np.isfinite(low), np.minimum(low, mean - unseen * least), low),
        np.where(some & np.isfinite(high), np.maximum(high, mean + unseen * (1.0 - most)), high),
    )
