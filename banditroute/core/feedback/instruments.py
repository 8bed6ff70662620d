"""What is kept of a judge: sums of the scores it gave alone, and of those that people gave beside it.

A judge with a rubric is an instrument: it reads something that moves with quality, off by its own bias, which
may differ from model to model, and noisy. Its readings are kept as they came, since what they are worth
(`calibration`) changes with every answer that people score too. Like all that is learned they are sums: order
does not matter, a revision takes the old values back and adds the new ones, a weight below 1 forgets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from banditroute.core import kernels
from banditroute.core.base import Floats, Ints
from banditroute.core.posterior import SufficientStats, empty_stats


@dataclass(frozen=True, slots=True)
class Instrument:
    """The sums of one judge with one rubric.

    `judged` holds the scores J of answers that nobody else scored, in place of outcomes. `pairs` `(k, c, 6)`
    are Σw·(1, J, Y, J², JY, Y²) per model and class of answers that people scored with Y too; both about the
    center of quality. What people said of them is part of the direct sums.
    """

    judged: SufficientStats
    pairs: Floats

    def scaled(self, by: float) -> Instrument:
        """Every sum multiplied by one number."""
        return Instrument(self.judged.scaled(by), self.pairs * by)


def empty_instrument(k: int, c: int, d: int) -> Instrument:
    """A judge that has said nothing yet, of k models in c classes with d features."""
    return Instrument(empty_stats(k, c, d), np.zeros((k, c, 6)))


def with_judged(
    instrument: Instrument, rows: Ints, cls: Ints, x: Floats, scores: Floats, weights: Floats, center: float
) -> Instrument:
    """With n answers that the judge alone scored: model rows `(n,)`, classes `(n,)`, vectors `(n, d)`,
    scores in [0, 1] and weights `(n,)`, negative to take back."""
    sums = instrument.judged.copy()
    places = np.arange(len(rows))
    kernels.observe_many(
        sums.xx, sums.xy, sums.cells, rows, cls, np.ascontiguousarray(x), places, scores, weights, center, 0.0
    )
    return Instrument(sums, instrument.pairs)


def with_pairs(
    instrument: Instrument,
    rows: Ints,
    cls: Ints,
    scores: Floats,
    people: Floats,
    weights: Floats,
    center: float,
) -> Instrument:
    """With n answers that people scored too: `people` `(n,)` in [0, 1], the others as in `with_judged`."""
    pairs = instrument.pairs.copy()
    np.add.at(pairs, (rows, cls), weights[:, None] * pair_terms(scores, people, center))
    return Instrument(instrument.judged, pairs)


def pair_terms(scores: Floats, people: Floats, center: float) -> Floats:
    """What each pair adds to sums of pairs, `(n, 6)`: 1, J, Y, J², JY, Y² about the center."""
    j, y = scores - center, people - center
    return np.stack([np.ones_like(j), j, y, j * j, j * y, y * y], axis=1)
