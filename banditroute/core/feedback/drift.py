"""Whether a judge still judges as it did: its scores beside people's, recently and before.

What a judge gives beyond what people's scores of the same answers let expect, `e = J − λY`, has a mean of its
own in each cell (model, class), and keeps it while the judge stays the same, whoever gets the traffic and
however good the answers are. For every border between two blocks of time the cells' means before and after
are compared, with one shift common to all. The evidence for a border is a Bayes factor with the cells'
means and the noise unknown, shift/sd normal with one of three spreads: the anytime-valid t-test (Lai 1976;
Pérez-Ortiz, Lardy, de Heide and Grünwald 2024, "E-statistics, group invariance and anytime-valid testing").
Its mean is 1 at all times while nothing changes, so the sum over borders grows by 1 per block on average: an
e-detector (Shin, Ramdas and Rinaldo 2022, "E-detectors"), which passes A within t blocks with probability
t/A at most, however often one looks.

People whose standards have changed look the same from here as a judge that has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from banditroute.core.base import Floats

SPREADS = (0.125, 0.25, 0.5)
"""Sds beforehand of a shift, in sds of one residual."""

_EMPTY = 1e-9


@dataclass(frozen=True, slots=True)
class Drift:
    """What speaks for a change. `evidence` is the natural logarithm of the detector over its threshold, at
    least 0 for an `alarm`. The likeliest border is before block `since`; scores have risen by `size` there
    (95%: `low` to `high`, as if the border had been known)."""

    alarm: bool
    evidence: float
    since: int
    size: float
    low: float
    high: float


def drift(blocks: Floats, slope: float, between_alarms: float) -> Drift | None:
    """Looks for a change in sums of pairs `(b, m, 6)` of b blocks of time and m cells, each
    Σ (1, J, Y, J², JY, Y²) about one center (`instruments.pair_terms`).

    `slope` is the calibration's. `between_alarms` is how many blocks pass at least, on average, before a
    judge that has not changed is taken to have. None where no cell has pairs in two blocks.
    """
    n = np.where(blocks[..., 0] > _EMPTY, blocks[..., 0], 0.0)
    e = blocks[..., 1] - slope * blocks[..., 2]
    ee = blocks[..., 3] - 2.0 * slope * blocks[..., 4] + slope * slope * blocks[..., 5]
    whole, total = n.sum(axis=0), e.sum(axis=0)
    level = np.divide(total, whole, out=np.zeros_like(total), where=whole > 0.0)
    scatter = max(float(ee.sum() - (level * total).sum()), 1e-12)
    before, sums = n.cumsum(axis=0)[:-1], e.cumsum(axis=0)[:-1]
    after = np.maximum(whole - before, 0.0)
    split = (before > _EMPTY) & (after > _EMPTY)
    information = np.where(split, before * after / np.where(whole > 0.0, whole, 1.0), 0.0)
    # (mean after − mean before)·information is the cell's mean·n₁ − Σ before: no division by small numbers.
    moved = np.where(split, level * before - sums, 0.0).sum(axis=1)
    information = information.sum(axis=1)
    degrees = float(whole.sum() - (whole > 0.0).sum()) - 1.0
    if degrees < 1.0 or not (information > _EMPTY).any():
        return None
    known = np.maximum(information, _EMPTY)
    explained = np.where(information > _EMPTY, moved**2 / known, 0.0)
    left = np.maximum(scatter - explained, 1e-12 * scatter)
    factors = np.array([_log_factor(g * g * information, explained, left, degrees) for g in SPREADS])
    by_border = np.logaddexp.reduce(factors, axis=0) - math.log(len(SPREADS))
    evidence = float(np.logaddexp.reduce(by_border)) - math.log(between_alarms)
    at = int(np.where(information > _EMPTY, by_border, -math.inf).argmax())
    size = float(moved[at] / known[at])
    half = float(stdtrit(degrees, 0.975)) * math.sqrt(float(left[at]) / degrees / float(known[at]))
    return Drift(evidence >= 0.0, evidence, at + 1, size, size - half, size + half)


def _log_factor(gained: Floats, explained: Floats, left: Floats, degrees: float) -> Floats:
    """Logarithm of the Bayes factor of each border for a shift of spread g; `gained` is g²·information."""
    shrunken = left + explained / (1.0 + gained)
    log: Floats = -0.5 * np.log1p(gained) - 0.5 * (degrees + 1.0) * np.log(shrunken / (left + explained))
    return log
