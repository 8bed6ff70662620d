"""What clipped weights leave open: the worth of the target is known within a range only.

With weights m ≤ w = π/p, the worth is `E[w r] = E[m r] + E[(w − m) r]`. What was taken away is `1 − E[m]` of
the target, since E[w] = 1, and there the reward is anything within its bounds [a, b]. So the worth lies
between `a + E[m (r − a)]` and `b + E[m (r − b)]`, whatever the estimator makes of m: both are means of terms
that no weight above the clip enters, and have errors like any mean. The interval goes from the lower end of
the one to the upper end of the other and covers as often as a normal interval does (bounds of this kind:
Manski 1990, "Nonparametric bounds on treatment effects").
"""

from __future__ import annotations

import math

import numpy as np

from banditroute.core.base import Ints
from banditroute.core.inference import Floats, normal_interval

NEEDS_BOUNDS = (
    "What clipping takes away can be worth whatever a reward can be; give bounds, such as bounds=(-1, 1)."
)


def identified(
    kept: Floats,
    reward: Floats,
    bounds: tuple[float, float],
    level: float,
    clusters: Ints | None = None,
    less: Floats | None = None,
) -> tuple[float, float]:
    """The interval of the target's worth, by the `kept` weights `(n,)` and rewards within `bounds`; of its
    difference to the mean of `less` `(n,)`, where that is given, row by row."""
    base = np.zeros(len(reward)) if less is None else less
    low, high = (end + kept * (reward - end) - base for end in bounds)
    return _ends(low, level, clusters)[0], _ends(high, level, clusters)[1]


def _ends(terms: Floats, level: float, clusters: Ints | None) -> tuple[float, float]:
    mean, n = float(terms.mean()), len(terms)
    off = terms - mean if clusters is None else np.bincount(clusters, terms - mean)
    g = len(off)
    return normal_interval(mean, math.sqrt(g / (g - 1) * float(off @ off)) / n if g > 1 else math.nan, level)
