"""A judge's score -> a measured quality: how much a judge is worth, learned from what people scored too.

The judge's mean score of a model's answers in a class is taken to be

    E[J | model a, class g] = A_a + η_ag + λ·q_ag        (J and q about the center of quality)

with q the quality that people would give, A_a the model's own offset (the rectifier, up to a sign), η_ag
what is peculiar to the class. Within a cell, answers scatter: J moves with a person's score Y by β, with
variance v_e of what is left. λ and β differ where people are noisy: of two answers equally good, one gets
a thumb up and one a thumb down, and no judge can know which.

Variances of A and η are learned by empirical Bayes from the pairs, as a pure function of sums: residuals
`R = J̄ − λȲ` of cells scatter by τ_m² between models, τ_c² between classes and their own noise. λ is a
regression of J̄ on Ȳ with those variances, freed of what the noise of Ȳ takes from a slope (Fuller 1987,
Measurement Error Models, section 2.2), with a prior at 1. A judge without pairs has the prior alone.

A person's score of an answer is already among the direct outcomes. So as not to count it twice, the judge's
part in a cell is what the joint normal posterior of all q_ag and A_a knows beyond the direct outcomes:
`J̄ − βȲ` of the pairs is independent of Ȳ. The error of A_a is shared by all of a model's judged answers, a
floor that does not average away (`measurement`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Floats
from banditroute.core.feedback.instruments import Instrument
from banditroute.core.posterior import SufficientStats

_ANSWERS = 8.0  # how many answers the doubt beforehand counts for
EMPTY = 1e-9


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is expected of a judge before people have scored anything beside it, as sds.

    `slope` of λ around 1; what it gives too much: all models in `common`, one model more than others
    (`rectifier`), one model more in one class than in others (`cell`); and `score` of a score around what
    people's score of the same answer lets expect. Small numbers take a judge's word for people's.
    """

    slope: float = 0.25
    common: float = 0.05
    rectifier: float = 0.1
    cell: float = 0.05
    score: float = 0.25


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a judge is worth, about the center of quality.

    A score rises by `slope` (± `slope_sd`) per unit of quality, between models and classes, and by `within`
    per unit of a person's score of the same answer. `intercept` is what it gives all models too much.
    `rectifier` `(k,)` is what it gives each model too much in all, ± `rectifier_sd`; to be taken off a score.
    `offset` and `offset_variance` `(k,)` are the same by the other models' pairs alone. `class_variance` is
    that of what is peculiar to a model in a class. `residual` is the variance of a score given a person's,
    `score` that of scores within a cell. `pairs` `(k,)` are the answers of each model that people scored too,
    `middle` the mean score of all pairs, where the slope's error does no harm.
    """

    slope: float
    slope_sd: float
    within: float
    intercept: float
    rectifier: Floats
    rectifier_sd: Floats
    offset: Floats
    offset_variance: Floats
    class_variance: float
    residual: float
    score: float
    pairs: Floats
    middle: float


def calibrate(instrument: Instrument, noise: float, doubt: Doubt | None = None) -> Calibration:
    """What the sums of a judge say of it; `noise` is the variance of a person's score within a cell."""
    from banditroute.core.feedback.levels import LEVEL, OWN, PRECISION, VARIANCE, levels  # compiled when used

    doubt, pairs = doubt or Doubt(), instrument.pairs
    n = np.where(pairs[..., 0] > EMPTY, pairs[..., 0], 0.0)
    j, y = means_of(pairs[..., 1], n), means_of(pairs[..., 2], n)
    within, residual, people = _scatter(pairs, n, j, y, noise, doubt)
    found = np.empty((len(n), 6))
    expected = np.array([doubt.slope, doubt.common, doubt.rectifier, doubt.cell])
    slope, slope_sd, between, classes, common = levels(n, j, y, within, residual, people, expected, found)
    precision, level = found[:, PRECISION], found[:, LEVEL]
    others = doubt.common**-2 + precision.sum() - precision
    typical = float(instrument.judged.xy[:, 0].sum() / max(instrument.judged.xx[:, 0, 0].sum(), EMPTY))
    return Calibration(
        slope=slope,
        slope_sd=slope_sd,
        within=within,
        intercept=common,
        rectifier=common + found[:, OWN],
        rectifier_sd=np.sqrt(found[:, VARIANCE]),
        offset=(precision @ level - precision * level) / others,
        offset_variance=between + 1.0 / others,
        class_variance=classes,
        residual=residual,
        score=_score_variance(instrument.judged, residual + within * within * people),
        pairs=n.sum(axis=1),
        middle=float(((n * j).sum() + typical) / (n.sum() + 1.0)),
    )


def verdict_noise(instruments: Mapping[str, Instrument], noise: float, doubt: Doubt) -> float | None:
    """Variance of one verdict about the quality that people would give, of the judge that scored most; None
    without any. With few answers that people scored too it is near what is expected beforehand."""
    if not instruments:
        return None
    judge = max(
        instruments.values(), key=lambda own: float(own.judged.xx[:, 0, 0].sum() + own.pairs[..., 0].sum())
    )
    found = calibrate(judge, noise, doubt)
    return found.residual / found.slope**2


def means_of(sums: Floats, n: Floats) -> Floats:
    """Sums over weights, 0 where there is none."""
    return np.divide(sums, n, out=np.zeros_like(n), where=n > 0.0)


def _scatter(
    pairs: Floats, n: Floats, j: Floats, y: Floats, noise: float, doubt: Doubt
) -> tuple[float, float, float]:
    """Slope of J on Y within cells, variance of what is left, and variance of Y."""
    degrees = float(np.maximum(n - 1.0, 0.0).sum())
    jj, jy, yy = (
        float((pairs[..., i] - n * product)[n > 1.0].sum())
        for i, product in ((3, j * j), (4, j * y), (5, y * y))
    )
    yy = max(yy, 0.0)
    slope = (_ANSWERS * noise + jy) / (_ANSWERS * noise + yy)
    left = max(jj - 2.0 * slope * jy + slope * slope * yy, 0.0)
    residual = (_ANSWERS * doubt.score**2 + left) / (_ANSWERS + degrees)
    return slope, residual, (_ANSWERS * noise + yy) / (_ANSWERS + degrees)


def _score_variance(judged: SufficientStats, expected: float) -> float:
    """Variance of scores within a cell, from those without a person beside them."""
    places = np.arange(1, 1 + judged.cells.shape[1])
    n, sums = judged.xx[:, places, places], judged.xy[:, places]
    filled = n > 1.0
    scatter = np.maximum(judged.cells[..., 0] - means_of(sums * sums, n), 0.0)
    degrees = float((n - 1.0)[filled].sum())
    return (_ANSWERS * expected + float(scatter[filled].sum())) / (_ANSWERS + degrees)
