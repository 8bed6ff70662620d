"""Before against after, at every border between two blocks of time, row by row.

The evidence for a border is a Bayes factor with the mean and the noise unknown, shift/sd normal with one of
three spreads: the anytime-valid t-test (Lai 1976; Pérez-Ortiz, Lardy, de Heide and Grünwald 2024,
"E-statistics, group invariance and anytime-valid testing"), of mean 1 at all times while nothing changes.
Three things keep it so where outcomes are not normal: logarithms come with a brake on outliers
(`core.blocks`), the noisier side speaks for its own noise, and no outcome is worth more than one nat.

Blocks also scatter by themselves, with the hour and the day. That scatter is measured within what lies before
and after the border, and counts as if every day had one draw of its own, so that a daily peak that has come
before is no news.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Floats

SPREADS = (0.25, 0.5, 1.0)
"""Sds beforehand of a shift, in sds of one outcome."""


@dataclass(frozen=True, slots=True)
class Factor:
    """How a factor is watched: its name and place in the blocks, the variance of one outcome beforehand, the
    sd by which block means scatter anyway, and whether values are logarithms."""

    name: str
    index: int
    noise: float
    scatter: float
    logarithmic: bool


@dataclass(frozen=True, slots=True)
class Scan:
    """Evidence at every border but the first, `(b − 1, r)` each: logarithm of the Bayes factor, with (`log`)
    and without (`full`) the limit of one nat for each outcome on the smaller side, shift, the same without
    the brake on outliers, its precision, degrees of freedom, the variance of one outcome, and outcomes on
    the smaller side. The limit keeps any tail of the noise from being an event by itself; where and what
    has changed is compared without it."""

    log: Floats
    full: Floats
    shift: Floats
    plain: Floats
    precision: Floats
    df: Floats
    noise: Floats
    outcomes: Floats


def scan(sums: Floats, starts: Floats, at: float, factor: Factor) -> tuple[Scan, Scan]:
    """Compares before and after at every border but the first, row by row: sums `(b, r, c, 4)`. The second
    is the shift that all rows share at each border, as a scan of one row."""
    from banditroute.core.feedback.borders import compare  # takes seconds to compile: only where it is used

    rows = sums.shape[1]
    seen = np.empty((8, len(starts) - 1, rows + 1))
    compare(sums, starts, at, factor.noise, factor.scatter, np.array(SPREADS), seen)
    return Scan(*seen[:, :, :rows]), Scan(*seen[:, :, rows:])
