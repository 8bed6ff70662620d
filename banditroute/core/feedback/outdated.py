"""What outcomes from before a change still count for: little, and never against what came after it.

A model that has changed is not unknown, but what its predecessor did is worth only a few outcomes. Its cells
keep all outcomes since the change and at most `KEPT` from before, so that its posterior widens, it is tried
again, and the new outcomes decide. That takes two numbers per cell, as `core.evidence` has them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from banditroute.core.base import Floats
from banditroute.core.feedback.blocks import Blocks
from banditroute.core.feedback.changes import Change
from banditroute.core.feedback.scan import Factor

KEPT = 10.0
"""Outcomes that everything before a change of a model counts for at most, in all its classes together."""


def adjustment(
    blocks: Blocks, changes: Sequence[Change], factor: Factor, half_life: float = math.inf
) -> tuple[Floats, Floats] | None:
    """`share` and `shift` `(k, c)` of one factor's cells: the share of their outcomes that counts, and by how
    much the mean of what counts lies above that of all (in logarithms where it is learned so). None where
    no model has changed, so that nothing needs doing. `half_life` is that of the sums they apply to, in the
    unit of the times.
    """
    since: dict[int, float] = {}
    for change in changes:
        if change.kind == "model" and change.factor == factor.name:
            since[change.row] = max(since.get(change.row, -math.inf), change.since)
    if not since:
        return None
    _, k, c = blocks.shape
    share, shift = np.ones((k, c)), np.zeros((k, c))
    starts = np.array(blocks.starts)
    weights = np.exp2((starts - blocks.at) / half_life)
    for row, at in since.items():
        own = np.stack([sums[factor.index, row, :, :2] for sums in blocks.sums]) * weights[:, None, None]
        late = starts >= at
        before, after = own[~late].sum(axis=0), own[late].sum(axis=0)
        kept = before * min(1.0, KEPT / max(float(before[:, 0].sum()), 1e-9))
        everything, counted = before + after, kept + after
        some = (everything[:, 0] > 1e-9) & (counted[:, 0] > 1e-9)
        share[row, some] = counted[some, 0] / everything[some, 0]
        shift[row, some] = counted[some, 1] / counted[some, 0] - everything[some, 1] / everything[some, 0]
    return share, shift
