"""The compiled loop of `calibration`: what a judge gives each model too much, how far that spreads, and by
how much its scores rise with quality, which all depend on each other.

Cells are residuals `R = J̄ − λȲ` of (model, class) with a variance `error` of their own. Given the variances
of models' offsets (`between`) and of what is peculiar to a class (`classes`), the offsets are shrunken means;
the variances take one step of expectation–maximisation, and λ is generalised least squares with both as
random levels.
"""

from __future__ import annotations

import math

import numpy as np

from banditroute.core.compiled import compiled
from banditroute.core.kernels import _F1, _F2

_MODELS, _CLASSES = 3.0, 6.0  # how many models and cells the doubt beforehand counts for
_SWEEPS = 12
_SLOPE, _COMMON, _RECTIFIER, _CELL = range(4)
LEVEL, ERROR, PRECISION, OWN, VARIANCE, KEPT = range(6)


@compiled(f"UniTuple(float64, 2)({_F2}, {_F2}, {_F2}, float64, float64, float64, {_F2})")
def _levels(n, cells, error, between, classes, doubt, found):  # type: ignore[no-untyped-def]
    """Offsets of the models from the residuals of their cells, variances given: into `found` `(k, 6)` each
    one's level by its pairs alone, the error of that, its precision, what is its own beside the common level,
    the variance of both together, and the part that shrinking keeps. The common level and its variance."""
    precision, total = 1.0 / (doubt * doubt), 0.0
    for a in range(n.shape[0]):
        weights, sums = 0.0, 0.0
        for g in range(n.shape[1]):
            if n[a, g] > 0.0:
                weight = 1.0 / (classes + error[a, g])
                weights += weight
                sums += weight * cells[a, g]
        found[a, :] = 0.0
        found[a, ERROR] = np.inf
        if weights > 0.0:
            found[a, LEVEL], found[a, ERROR] = sums / weights, 1.0 / weights
            found[a, PRECISION] = 1.0 / (between + found[a, ERROR])
            precision += found[a, PRECISION]
            total += found[a, PRECISION] * found[a, LEVEL]
    variance = 1.0 / precision
    common = total * variance
    for a in range(n.shape[0]):
        kept = between * found[a, PRECISION]
        found[a, KEPT], found[a, OWN] = kept, kept * (found[a, LEVEL] - common)
        found[a, VARIANCE] = between * (1.0 - kept) + (1.0 - kept) ** 2 * variance
    return common, variance


@compiled(f"UniTuple(float64, 2)({_F2}, {_F2}, {_F2}, float64, float64, {_F1}, {_F2}, float64, float64)")
def _spreads(n, cells, error, between, classes, doubt, found, common, variance):  # type: ignore[no-untyped-def]
    """One step of expectation–maximisation for the variances between models and between classes."""
    models, seconds = _MODELS * doubt[_RECTIFIER] ** 2, _CLASSES * doubt[_CELL] ** 2
    known, filled = _MODELS, _CLASSES
    for a in range(n.shape[0]):
        if found[a, PRECISION] > 0.0:
            kept = found[a, KEPT]
            models += found[a, OWN] ** 2 + between * (1.0 - kept) + kept * kept * variance
            known += 1.0
        for g in range(n.shape[1]):
            if n[a, g] > 0.0:
                kept = classes / (classes + error[a, g])
                away = kept * (cells[a, g] - common - found[a, OWN])
                seconds += away * away + classes * (1.0 - kept) + kept * kept * found[a, VARIANCE]
                filled += 1.0
    return models / known, seconds / filled


@compiled(f"UniTuple(float64, 2)({_F2}, {_F2}, {_F2}, {_F2}, float64, float64, float64, float64, {_F1})")
def _slope(n, j, y, error, people, within, between, classes, doubt):  # type: ignore[no-untyped-def]
    """λ and its sd: generalised least squares of J̄ on Ȳ over cells, models and what they have in common as
    random levels. Of the variance `people/n` of Ȳ, J̄ shares `within` times as much."""
    yy, jy, noise = 0.0, 0.0, 0.0
    common, free_y, free_j, free_squares = doubt[_COMMON] ** -2, 0.0, 0.0, 0.0
    for a in range(n.shape[0]):
        total, sum_y, sum_j = 0.0, 0.0, 0.0
        for g in range(n.shape[1]):
            if n[a, g] > 0.0:
                weight = 1.0 / (classes + error[a, g])
                total += weight
                sum_y += weight * y[a, g]
                sum_j += weight * j[a, g]
                yy += weight * y[a, g] * y[a, g]
                jy += weight * j[a, g] * y[a, g]
        kept = 1.0 / (1.0 + between * total)  # of a model's mean, what its random level leaves
        yy -= between * kept * sum_y * sum_y
        jy -= between * kept * sum_j * sum_y
        common += kept * total
        free_y += kept * sum_y
        free_j += kept * sum_j
        for g in range(n.shape[1]):
            if n[a, g] > 0.0:
                weight = 1.0 / (classes + error[a, g])
                noise += (weight - between * kept * weight * weight) * people / n[a, g]
                free_squares += (weight * kept) ** 2 * people / n[a, g]
    noise -= free_squares / common
    yy -= free_y * free_y / common + noise
    jy -= free_j * free_y / common + within * noise
    if yy <= 0.0:
        return 1.0, doubt[_SLOPE]
    precision = doubt[_SLOPE] ** -2 + yy
    return min(max((doubt[_SLOPE] ** -2 + jy) / precision, 0.25), 2.0), 1.0 / math.sqrt(precision)


@compiled(f"UniTuple(float64, 5)({_F2}, {_F2}, {_F2}, float64, float64, float64, {_F1}, {_F2})", nogil=True)
def levels(n, j, y, within, residual, people, doubt, found):  # type: ignore[no-untyped-def]
    """λ, its sd, the variances between models and between classes, and the common level; into `found`
    `(k, 6)` what `_levels` says of each model. Cells `(k, c)`: number of pairs, mean scores of the judge and
    of people. `within` is the slope within cells, `residual` and `people` the variances of a score given a
    person's, and of a person's; `doubt` the sds beforehand of λ, of the common level, a model's and a
    class's."""
    slope, slope_sd, between, classes = 1.0, doubt[_SLOPE], doubt[_RECTIFIER] ** 2, doubt[_CELL] ** 2
    error, cells, common = np.zeros_like(n), np.zeros_like(n), 0.0
    for sweep in range(_SWEEPS + 1):
        for a in range(n.shape[0]):
            for g in range(n.shape[1]):
                if n[a, g] > 0.0:
                    error[a, g] = (residual + (within - slope) ** 2 * people) / n[a, g]
                    cells[a, g] = j[a, g] - slope * y[a, g]
        common, variance = _levels(n, cells, error, between, classes, doubt[_COMMON], found)
        if sweep < _SWEEPS:
            between, classes = _spreads(n, cells, error, between, classes, doubt, found, common, variance)
            slope, slope_sd = _slope(n, j, y, error, people, within, between, classes, doubt)
    return slope, slope_sd, between, classes, common
