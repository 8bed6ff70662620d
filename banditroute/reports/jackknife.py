"""Intervals from leaving out one block after the other: days, or groups of users.

Delete-a-group jackknife (Quenouille 1956; Kott 2001): it asks of every figure how much it hangs on one
block, whatever the figure is made of, and draws no random numbers: the same log gives the same report.
Of a mean of equal blocks it gives Student's interval.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from banditroute.reports.cells import Floats

COVERAGE = 0.95
FEWEST = 3
"""Blocks below which there is no interval."""


def half_width(without: Sequence[Floats]) -> Floats | None:
    """Half the 95% interval of figures, from the same figures without each of the blocks in turn.

    `t · √((B−1)/B · Σ(θ_b − θ̄)²)`, t of B − 1 degrees of freedom. None where there are too few blocks.
    """
    blocks = len(without)
    if blocks < FEWEST:
        return None
    values = np.stack(without)
    squares = ((values - values.mean(axis=0)) ** 2).sum(axis=0)
    t = float(stdtrit(blocks - 1, (1 + COVERAGE) / 2))
    half: Floats = t * np.sqrt((blocks - 1) / blocks * squares)
    return half
