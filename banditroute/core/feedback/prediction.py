"""Means by a judge on all answers and people on some: prediction-powered inference, for reports.

With J the judge's score of every answer and Y a person's of those in a random sample, the mean of model m is

    θ_m = mean f + mean over labelled of (Y − f),    f = b·J

the mean of what is predicted, plus a rectifier of the model's own: unbiased whatever the judge is worth. An
intercept cancels, so with J about its mean over all answers of the model it is the labelled mean of
`e = Y − b(J − J̄)`. The slope is pooled over models, where labels are many drawn to each model's own, and
cross-fitted: an answer's own label has no part in the slope it is corrected by. It is the regression's, which
is the best tuning of the judge's power: a judge worth nothing gets slope 0 and leaves the people's mean.

Angelopoulos, Bates, Fannjiang, Jordan and Zrnic 2023, "Prediction-powered inference"; Angelopoulos, Duchi
and Zrnic 2023, "PPI++" (power tuning); Zrnic and Candès 2024, "Cross-prediction-powered inference". The
variance is that of a sample from answers which are themselves a sample (Särndal, Swensson and Wretman 1992,
Model Assisted Survey Sampling, chapter 6): `Σ (1−π)/π²·(e − ē)²/(Σ 1/π)² + var(Y)/N`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from banditroute.core.base import Bools, Floats, Ints

FOLDS = 10
_OWN = 20.0  # labels of a model that weigh as much as the pooled slope
_COMMON = 2.0  # degrees of freedom that the models' common variance has in that of each
_AGAINST = 2.0  # labels' worth of evidence for a slope of 0


@dataclass(frozen=True, slots=True)
class PoweredMeans:
    """Mean quality of each model `(k,)` with its standard error and interval; `labelled` and `scored` answers
    it rests on, and the `slope` on the judge's score. NaN where nobody scored a model, an infinite
    error where a single label cannot tell one."""

    mean: Floats
    se: Floats
    low: Floats
    high: Floats
    labelled: Ints
    scored: Ints
    slope: Floats


def powered_means(
    model: Ints,
    score: Floats,
    people: Floats,
    models: int,
    *,
    probability: Floats | None = None,
    level: float = 0.95,
) -> PoweredMeans:
    """Means of the models by the judge on all and people on some of n answers.

    `model` `(n,)` are positions below `models`, `score` `(n,)` the judge's of every answer, `people` `(n,)`
    NaN where nobody was asked or where people volunteered. `probability` `(n,)` is that of having been
    asked, in (0, 1]; by default answers of a model were drawn uniformly. Raises ValueError for a probability
    out of range where there is a label, or a score that is not a number.

    Variances of the models are drawn a little to their common one. Intervals take the quantile of Student's t
    with as many degrees as there are effective labels, less one.
    """
    if not np.isfinite(score).all():
        raise ValueError("Every answer needs the judge's score; leave out those that have none.")
    has = ~np.isnan(people)
    scored = np.bincount(model, minlength=models)
    labelled = np.bincount(model[has], minlength=models)
    weight = _weights(model, has, labelled, scored, probability)
    level_of = np.bincount(model, score, minlength=models) / np.maximum(scored, 1)
    x, own, y = (score - level_of[model])[has], model[has], people[has]
    slope, fitted = _slopes(x, y, own, weight, models)
    residual = y - fitted * x

    total, squares = _by(own, weight, models), _by(own, weight * weight, models)
    known = labelled > 0
    each = np.where(known, total, np.nan)
    mean, average = _by(own, weight * residual, models) / each, _by(own, weight * y, models) / each
    effective = np.where(known, total**2 / np.where(known, squares, 1.0), 0.0)
    enough = effective > 1.0 + 1e-9
    degrees = np.where(enough, effective - 1.0, 1.0)
    unbias = np.where(enough, effective / degrees, 0.0) / np.where(known, total, 1.0)
    away = (residual - np.where(known, mean, 0.0)[own]) ** 2
    apart = (y - np.where(known, average, 0.0)[own]) ** 2
    left, scatter = _by(own, weight * away, models) * unbias, _by(own, weight * apart, models) * unbias
    weighted = _by(own, weight * (weight - 1.0) * away, models) * unbias / each
    common = _pooled(left, degrees * enough) * (squares - total) / each**2
    variance = _shrunken(weighted, common, degrees)
    variance += _shrunken(scatter, _pooled(scatter, degrees * enough), degrees) / np.maximum(scored, 1)
    se = np.where(enough, np.sqrt(variance), np.where(known, math.inf, np.nan))
    half = stdtrit(degrees, (1.0 + level) / 2.0) * se
    return PoweredMeans(mean, se, mean - half, mean + half, labelled, scored, slope)


def _by(model: Ints, values: Floats, models: int) -> Floats:
    return np.asarray(np.bincount(model, values, minlength=models), np.float64)


def _pooled(variances: Floats, degrees: Floats) -> float:
    """Mean of the models' variances by their degrees of freedom."""
    return float((variances * degrees).sum() / max(degrees.sum(), 1.0))


def _shrunken(own: Floats, common: Floats | float, degrees: Floats) -> Floats:
    """A model's own variance, drawn to what all have in common: three equal scores do not mean certainty."""
    drawn: Floats = (_COMMON * common + degrees * own) / (_COMMON + degrees)
    return drawn


def _weights(model: Ints, has: Bools, labelled: Ints, scored: Ints, probability: Floats | None) -> Floats:
    """1/π of every label."""
    if probability is None:
        inverse: Floats = scored[model[has]] / labelled[model[has]]
        return inverse
    chance = probability[has]
    if not ((chance > 0.0) & (chance <= 1.0)).all():
        raise ValueError("The probability of having been asked is above 0 and at most 1 for every label.")
    return 1.0 / chance


def _slopes(x: Floats, y: Floats, model: Ints, weight: Floats, models: int) -> tuple[Floats, Floats]:
    """Slopes of Y on J within models: `(k,)` by all labels, and for each label by the other folds' `(n,)`."""
    fold = np.arange(len(x)) % FOLDS
    part = weight / weight.mean() if len(weight) else weight  # so that a label counts as one
    sums = np.zeros((FOLDS, models, 5))
    np.add.at(sums, (fold, model), part[:, None] * np.stack([np.ones_like(x), x, y, x * x, x * y], axis=1))
    whole = sums.sum(axis=0)
    others = np.stack([_slope(whole - own) for own in sums])
    return _slope(whole), others[fold, model]


def _slope(sums: Floats) -> Floats:
    """Slope of each model `(k,)`, drawn to the pooled one, from Σw·(1, x, y, x², xy)."""
    n = np.where(sums[:, 0] > 1e-9, sums[:, 0], 1.0)
    xx = np.maximum(sums[:, 3] - sums[:, 1] ** 2 / n, 0.0)
    xy = sums[:, 4] - sums[:, 1] * sums[:, 2] / n
    total = sums[:, 0].sum()
    unit = xx.sum() / total if total > 0.0 else 0.0  # per label
    if unit <= 0.0:
        return np.zeros(len(sums))
    pooled = xy.sum() / (xx.sum() + _AGAINST * unit)
    slope: Floats = (xy + _OWN * unit * pooled) / (xx + _OWN * unit)
    return slope
