"""What a model's answers in a class come to, also where it gave few or none there."""

from __future__ import annotations

import numpy as np

from banditroute.reports.cells import Floats

BORROWED = 10.0
"""As many answers of its own weigh as much as what is borrowed from the rest of the log."""

SWEEPS = 200
TOLERANCE = 1e-10


def levels(sums: Floats, counts: Floats) -> Floats:
    """Mean per answer `(c, k)` of every model in every class, from sums and counts `(c, k)`.

    Class level × model level (`τ_ga = κ_g ρ_a`: the fit of a two-way table by its margins; Deming and
    Stephan 1940), the model levels relative to the average answer. A class borrows `BORROWED` answers of
    the overall mean, a model as many of an average model. Each cell's own answers are then set against
    that fit, again as `BORROWED` answers. A model without any answer is thus taken for an average one.
    0 where the log has no answers, or all of them are 0.
    """
    total, overall = counts.sum(), sums.sum()
    if total <= 0 or overall <= 0:
        return np.zeros_like(sums)
    borrowed = BORROWED * overall / total
    in_class, of_model, answers = sums.sum(axis=1), sums.sum(axis=0), counts.sum(axis=0)
    factor = np.ones(sums.shape[1])
    for _ in range(SWEEPS):
        before = factor
        level = (in_class + borrowed) / (counts @ factor + BORROWED)
        factor = (of_model + borrowed) / (level @ counts + borrowed)
        factor = factor / (answers @ factor / total)
        if np.abs(factor - before).max() < TOLERANCE:
            break
    fitted = level[:, None] * factor
    own: Floats = (sums + BORROWED * fitted) / (counts + BORROWED)
    return own
