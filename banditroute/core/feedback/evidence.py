"""Sums as they are believed: each cell counts for a share of its outcomes, and its mean is moved.

Whatever speaks against taking outcomes at face value, that a principal lies, that a model has changed, that
only the angry answer, comes down to two numbers per cell (model, class): the share of its outcomes that
counts, and by how much the mean of what was said is off. Both are functions of sums, so the fit stays one.
"""

from __future__ import annotations

import numpy as np

from banditroute.core.base import Floats
from banditroute.core.posterior import SufficientStats


def believed(
    stats: SufficientStats,
    share: Floats,
    shift: Floats,
    excess: Floats | None = None,
    *,
    logarithmic: bool = False,
) -> SufficientStats:
    """The sums with each cell's outcomes counted for `share` and raised by `shift`, both `(k, c)`, and less
    `excess` `(k, c)` of what is then their scatter, Σw(y − ȳ)².

    A model's sums split into those about its cells' means, which are weighed by cell, and the scatter about
    them, which no longer knows its class and is weighed by the mean share (as history is: `blend`). A shift
    of all outcomes of a cell moves Σw(y−c)² by `2sΣw(y−c) + s²Σw`: exact. Where y is a logarithm, it is a
    factor of the raw values.
    """
    k, c = share.shape
    places = np.arange(1, 1 + c)
    numbers = stats.xx[:, places, places]
    total = numbers.sum(axis=1)
    mean = np.where(total > 0.0, (share * numbers).sum(axis=1) / np.maximum(total, 1e-300), 1.0)
    averages = np.divide(
        stats.xx[:, places, :], numbers[:, :, None], out=np.zeros((k, c, stats.xx.shape[2])),
        where=numbers[:, :, None] > 0.0,
    )  # fmt: skip
    more = (share - mean[:, None]) * numbers
    level = np.divide(stats.xy[:, places], numbers, out=np.zeros((k, c)), where=numbers > 0.0)
    xx = mean[:, None, None] * stats.xx + np.einsum("ag,agi,agj->aij", more, averages, averages)
    xy = mean[:, None] * stats.xy + np.einsum("ag,agi,ag->ai", more, averages, level)
    xy += np.einsum("ag,ag,agi->ai", shift, share * numbers, averages)
    cells = share[:, :, None] * stats.cells
    cells[:, :, 0] += shift * share * (2.0 * stats.xy[:, places] + shift * numbers)
    if logarithmic:
        cells[:, :, 1] *= np.exp(shift)
    else:
        cells[:, :, 1] += shift * cells[:, :, 2]
    if excess is not None:
        cells[:, :, 0] -= excess
    return SufficientStats(np.ascontiguousarray(xx), np.ascontiguousarray(xy), cells)
