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

import math
from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Floats

SPREADS = (0.25, 0.5, 1.0)
"""Sds beforehand of a shift, in sds of one outcome."""

DAY = 86_400.0

_WEIGHT = 8.0  # what the noise of all models counts for in that of one, in outcomes
_NONE = 1e-9


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


@dataclass(frozen=True, slots=True)
class _Side:
    """What lies before or after each border: sums `(b − 1, r, c)` of the outcomes, of what they say, of that
    with the brake on outliers and of its square, over blocks of `s²/n` and `n²`, and the blocks that hold
    something."""

    n: Floats
    v: Floats
    s: Floats
    q: Floats
    squares: Floats
    sizes: Floats
    blocks: Floats

    def within(self) -> tuple[Floats, Floats]:
        """Per row the sum of squares about the means of the classes, and its degrees of freedom."""
        squares = np.maximum(self.q - _ratio(self.s**2, self.n), 0.0).sum(axis=2)
        return squares, np.maximum(self.n - 1.0, 0.0).sum(axis=2)

    def between(self) -> tuple[Floats, Floats, Floats]:
        """Per row the part of it between blocks, its degrees of freedom, and what a variance of 1 between
        blocks would add to it."""
        squares = np.maximum(self.squares - _ratio(self.s**2, self.n), 0.0).sum(axis=2)
        df = np.maximum(self.blocks - 1.0, 0.0).sum(axis=2)
        return squares, df, np.maximum(self.n - _ratio(self.sizes, self.n), 0.0).sum(axis=2)


def scan(sums: Floats, starts: Floats, at: float, factor: Factor) -> Scan:
    """Compares before and after at every border but the first, row by row: sums `(b, r, c, 4)`."""
    before, after = _sides(sums)
    h = _ratio(before.n * after.n, before.n + after.n)
    information = h.sum(axis=2)
    shift, plain = (
        _ratio((h * (_ratio(late, after.n) - _ratio(early, before.n))).sum(axis=2), information)
        for late, early in ((after.s, before.s), (after.v, before.v))
    )
    own = [side.within() for side in (before, after)]
    within, df = own[0][0] + own[1][0], own[0][1] + own[1][1]
    noise = _pooled(within, df, factor.noise)
    # The noisier side speaks for itself: a few outliers after a border are no shift.
    own_noise = [np.maximum(noise, (3.0 * noise + squares) / (3.0 + free)) for squares, free in own]
    spread = sum(
        (
            level * (_ratio(h**2, side.n)).sum(axis=2)
            for level, side in zip(own_noise, (before, after), strict=True)
        ),
        start=np.zeros_like(noise),
    )
    precision = _ratio(
        1.0,
        _ratio(spread, information**2)
        + _scatter(before, after, within, df, factor) * _days(sums, starts, at),
    )
    precision = np.where(information > 0.0, precision, 0.0)
    outcomes = np.minimum(before.n, after.n).sum(axis=2)
    full = _log_bayes_factor(shift**2 * precision, noise * precision, df + _WEIGHT)
    return Scan(np.minimum(full, outcomes), full, shift, plain, precision, df + _WEIGHT, noise, outcomes)


def _sides(sums: Floats) -> tuple[_Side, _Side]:
    n, v, s, q = np.moveaxis(sums, -1, 0)
    parts = (n, v, s, q, _ratio(s * s, n), n * n, (n > _NONE).astype(np.float64))
    before = _Side(*(np.cumsum(part[:-1], axis=0) for part in parts))
    after = _Side(*(np.cumsum(part[:0:-1], axis=0)[::-1] for part in parts))
    return before, after


def _pooled(within: Floats, df: Floats, expected: float) -> Floats:
    """Variance of one outcome `(b − 1, r)`, each row's shrunken to that of all."""
    pooled = (3.0 * expected + within.sum(axis=1)) / (3.0 + df.sum(axis=1))
    noise: Floats = (_WEIGHT * pooled[:, None] + within) / (_WEIGHT + df)
    return noise


def _scatter(before: _Side, after: _Side, within: Floats, df: Floats, factor: Factor) -> Floats:
    """Variance of the block means beyond that of their outcomes: by the method of moments (DerSimonian and
    Laird 1986) less twice its error, and at least what is always there. The blocks beside the border are
    left out: a change may lie within one of them, and is no scatter."""
    squares, borders, size = (
        np.pad(one[:-1], ((1, 0), (0, 0))) + np.pad(other[1:], ((0, 1), (0, 0)))
        for one, other in zip(before.between(), after.between(), strict=True)
    )
    inside = _pooled(np.maximum(within - squares, 0.0), np.maximum(df - borders, 0.0), factor.noise)
    excess = _ratio(squares - inside * (borders + 2.0 * np.sqrt(2.0 * borders)), size)
    scatter: Floats = np.maximum(excess, factor.scatter**2)
    return scatter


def _days(sums: Floats, starts: Floats, at: float) -> Floats:
    """`1/days before + 1/days after` `(b − 1, r)`, at least one day each, from a row's first outcome on."""
    first = starts[(sums[..., 0] > _NONE).any(axis=2).argmax(axis=0)]
    before = np.maximum((starts[1:, None] - first) / DAY, 1.0)
    after = np.maximum((at - starts[1:, None]) / DAY, 1.0)
    days: Floats = 1.0 / before + 1.0 / after
    return days


def _log_bayes_factor(z2: Floats, information: Floats, df: Floats) -> Floats:
    """Logarithm of the evidence for a shift against none, averaged over `SPREADS`. `z2` is the square of the
    shift in its own standard errors, `information` what its precision is worth in outcomes."""
    logs = []
    for spread in SPREADS:
        gain = spread**2 * information
        explained = gain / (1.0 + gain) * z2 / (df + z2)
        logs.append(-0.5 * np.log1p(gain) - 0.5 * (df + 1.0) * np.log1p(-explained))
    averaged: Floats = np.logaddexp.reduce(logs, axis=0) - math.log(len(SPREADS))
    return averaged


def in_common(own: Scan) -> Scan:
    """The shift that all rows share at each border, as a scan of one row."""
    precision = own.precision.sum(axis=1, keepdims=True)
    shift, plain = (
        _ratio((own.precision * each).sum(axis=1, keepdims=True), precision)
        for each in (own.shift, own.plain)
    )
    noise = _ratio((own.precision * own.noise).sum(axis=1, keepdims=True), precision)
    df = own.df.sum(axis=1, keepdims=True)
    outcomes = own.outcomes.sum(axis=1, keepdims=True)
    full = _log_bayes_factor(shift**2 * precision, noise * precision, df)
    return Scan(np.minimum(full, outcomes), full, shift, plain, precision, df, noise, outcomes)


def _ratio(a: Floats | float, b: Floats | float) -> Floats:
    """`a / b`, 0 where b is not above 0."""
    a, b = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
    return np.divide(a, b, out=np.zeros(b.shape), where=b > 1e-12)
