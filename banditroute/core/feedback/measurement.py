"""What judges add to the direct outcomes: their scores as sums of quality, weighed by what they are worth.

A pure function of sums, made anew at every refit: whatever is learned of a judge later changes what its
earlier scores count for, and nothing has to be taken back.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from banditroute.config.feedback import TrustSettings
from banditroute.core.base import Floats
from banditroute.core.feedback.calibration import EMPTY, Calibration, Doubt, calibrate, means_of
from banditroute.core.feedback.evidence import believed
from banditroute.core.feedback.instruments import Instrument
from banditroute.core.posterior import SufficientStats

_LEAST = 1e-6  # what counts for less than this many outcomes is nothing


def measured(
    direct: SufficientStats, instrument: Instrument, calibration: Calibration, center: float, noise: Floats
) -> tuple[SufficientStats, Floats]:
    """The judge's scores as sums of quality, and the share `(k, c)` of each cell's answers that counts.

    `noise` `(k,)` are the variances of one outcome. Per model the unknowns are q_g of every class and A. With
    `o = (J̄ − βȲ of the pairs, J̄ of the others)`, which respond to q by `h = (λ − β, λ)` with precisions
    `p = (n/v_e, N/v_J)`, η integrated out, the precision matrix of (q, A) is an arrow: a diagonal, to which
    direct outcomes add, and a border. Its solution has a closed form. A cell then counts for as many outcomes
    as its posterior variance is less than that of its direct outcomes, at the level that makes both together
    the posterior mean, but no score for more than one without any doubt would; and all of a model's cells
    together for at most what their common level is known better by. So the cells' means, which enter the sums
    exactly, are right; scatter within a cell is that of scores over λ, and counts as noise for what outcomes
    scatter by.
    """
    judged, pairs, lam = instrument.judged, instrument.pairs, calibration.slope
    places = np.arange(1, 1 + judged.cells.shape[1])
    many = np.where(judged.xx[:, places, places] > EMPTY, judged.xx[:, places, places], 0.0)
    scores = means_of(judged.xy[:, places], many)
    paired = np.where(pairs[..., 0] > EMPTY, pairs[..., 0], 0.0)
    beside = means_of(pairs[..., 1], paired) - calibration.within * means_of(pairs[..., 2], paired)
    first, second = paired / calibration.residual, many / calibration.score
    own, per = lam - calibration.within, 1.0 / calibration.class_variance
    s0, s1, s2 = first + second, first * own + second * lam, first * own * own + second * lam * lam
    said = first * beside + second * scores
    total = per + s0
    quality, border = s2 - s1 * s1 / total, s1 * per / total
    right = first * own * beside + second * lam * scores - s1 * said / total

    away = (means_of((many * scores).sum(axis=1), many.sum(axis=1)) - calibration.middle) / lam
    doubt = calibration.offset_variance + (calibration.slope_sd * away) ** 2
    corner = 1.0 / doubt + (s0 * per / total).sum(axis=1)
    offset_right = calibration.offset / doubt + (said * per / total).sum(axis=1)

    number = np.maximum(direct.xx[:, places, places], 0.0)
    sums = direct.xy[:, places]
    variance = noise[:, None]
    diagonal = number / variance + quality
    seen = diagonal > EMPTY
    known = np.where(seen, diagonal, 1.0)
    arm = np.where(seen, border / known, 0.0)
    rights = np.where(seen, sums / variance + right, 0.0)
    tip = corner - (border * arm).sum(axis=1)
    offset = (offset_right - (arm * rights).sum(axis=1)) / tip
    mean = (rights - border * offset[:, None]) / known
    precision = 1.0 / (1.0 / known + arm * arm / tip[:, None])
    worth = np.where((many > 0.0) & seen, np.maximum(variance * precision - number, 0.0), 0.0)
    together = noise * (quality.sum(axis=1) - border.sum(axis=1) ** 2 / corner)
    level = np.divide(mean * (number + worth) - sums, worth, out=np.zeros_like(worth), where=worth > _LEAST)
    worth = np.minimum(worth, many * variance * lam * lam / calibration.score)
    worth = worth * np.minimum(1.0, means_of(together, worth.sum(axis=1)))[:, None]

    moved = np.where(worth > _LEAST, level - scores / lam, 0.0)
    xy = judged.xy / lam + np.einsum("ag,agi->ai", moved, judged.xx[:, places, :])
    cells = np.stack([many * (variance + level * level), many * (center + level), many], axis=2)
    share = np.divide(worth, many, out=np.zeros_like(worth), where=worth > _LEAST)
    return SufficientStats(judged.xx, xy, cells), share


def with_judges(
    direct: SufficientStats,
    instruments: Mapping[str, Instrument],
    center: float,
    expected: float,
    doubt: Doubt | None = None,
) -> SufficientStats:
    """Direct sums of quality and what every judge adds to them; one that has said nothing adds nothing.

    All sums as they count now (forgetting applied). `expected` is the noise variance of one outcome
    beforehand, `doubt` what is expected of a judge. Judges are taken in the order of their names, each as an
    instrument of its own: errors that two judges share are not known.
    """
    stats = direct
    for name in sorted(instruments):
        instrument = instruments[name]
        if not instrument.judged.cells[..., 2].any():
            continue
        noise, pooled = _noise(stats, expected)
        calibration = calibrate(instrument, pooled, doubt)
        sums, share = measured(stats, instrument, calibration, center, noise)
        stats = _sum(stats, believed(sums, share, np.zeros_like(share)))
    return stats


def doubt_of(trust: TrustSettings) -> Doubt:
    """What is expected of judges beforehand; it shrinks with the sd by which one may favour a model."""
    part = max(trust.judge_sd, 1e-3) / Doubt().rectifier
    return Doubt(
        slope=Doubt().slope * min(1.0, part), common=Doubt().common * part,
        rectifier=Doubt().rectifier * part, cell=Doubt().cell * part,
    )  # fmt: skip


def _noise(stats: SufficientStats, expected: float) -> tuple[Floats, float]:
    """Noise variances `(k,)` shrunken to the pooled one, as the refit starts from them."""
    places = np.arange(1, 1 + stats.cells.shape[1])
    n, sums = stats.xx[:, places, places], stats.xy[:, places]
    filled = n > EMPTY
    scatter = np.where(filled, np.maximum(stats.cells[..., 0] - means_of(sums * sums, n), 0.0), 0.0).sum(
        axis=1
    )
    degrees = np.where(filled, np.maximum(n - 1.0, 0.0), 0.0).sum(axis=1)
    pooled = float((3.0 * expected + scatter.sum()) / (3.0 + degrees.sum()))
    return (8.0 * pooled + scatter) / (8.0 + degrees), pooled


def _sum(stats: SufficientStats, other: SufficientStats) -> SufficientStats:
    """Both together. That their means differ is an error of the judge's, not noise, and is taken out."""
    places = np.arange(1, 1 + stats.cells.shape[1])
    n, m = stats.xx[:, places, places], other.xx[:, places, places]
    apart = means_of(stats.xy[:, places], n) - means_of(other.xy[:, places], m)
    cells = stats.cells + other.cells
    cells[..., 0] -= (
        np.where((n > 0.0) & (m > 0.0), n * m / np.where(n + m > 0.0, n + m, 1.0), 0.0) * apart**2
    )
    return SufficientStats(stats.xx + other.xx, stats.xy + other.xy, cells)
