"""Who answers: how far people's scores are off because some are likelier to give them than others.

Whether somebody scores an answer may depend on how good it was. That cannot be seen in the scores: those who
kept silent said nothing. The judged audit sees it, since it scores a random sample of all answers, also of
those that people scored. The model of the chance ρ that a score arrives is

    logit ρ = α_ag + γ·y                  (model a, class g, quality y as people see it)

so that under noise that is nearly Gaussian within a cell, answers that were scored differ in mean from those
that were not by `γσ²_ag`, and from all answers by `(1 − ρ_ag)γσ²_ag` (the discriminant form of the logistic
model: Efron 1975). The audit gives the difference on the judge's scale, `d = J̄_scored − J̄_silent`, pooled
over cells; the slope of the judge's scores on people's turns it into theirs. That slope is estimated
where both scored: choosing answers by y leaves the regression *on* y as it is.

γ rests on the assumption that a score arrives according to what people see. What no audit covers is not
identified at all; `bounds` says how far off means would be at stated odds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Floats
from banditroute.core.posterior import SufficientStats

EXPECTED_DIFFERENCE = 0.3
"""Sd, beforehand, of how scored answers differ from silent ones, in sds of the judge's scores in a cell."""

_FEW = 4.0  # answers' worth of the pool in each cell's rate and variance
_SPREAD = 0.05  # variance of scores within cells, beforehand
_WEAKEST_SLOPE = 0.2  # a judge who follows people less than that tells nothing about who answers


@dataclass(frozen=True, slots=True)
class Response:
    """How feedback arrives. `rate` `(k, c)`: the chance of a score; `gamma` ± `gamma_sd`: log odds of it per
    point of quality; `shift` `(k, c)`, to be added to the means of people's scores, and its `shift_sd`;
    `scored` and `silent`: how many audited answers it rests on."""

    rate: Floats
    gamma: float
    gamma_sd: float
    shift: Floats
    shift_sd: Floats
    scored: float
    silent: float


def response(pairs: Floats, silent: Floats, direct: Floats, unexplained: float = 1.0) -> Response:
    """Who answers, from the audit of one judge: `pairs` `(k, c, 6)` are Σ of 1, J, Y, J², JY, Y² over answers
    that people scored too, `silent` `(k, c, 3)` Σ of 1, J, J² over those that they did not, `direct`
    `(k, c, 3)` Σ of 1, y, y² of all that people said. Without both kinds the shift is 0.

    `unexplained` is the share of the scatter within cells that requests' features do not explain. A fit that
    knows them is misled by no more than that: that hard requests are scored more often, it sees."""
    n1, n0 = pairs[:, :, 0], silent[:, :, 0]
    answered = float(n1.sum())
    audited = answered + float(n0.sum())
    pooled = answered / audited if audited > 0.0 else 0.0
    rate = (n1 + _FEW * pooled) / (n1 + n0 + _FEW)
    variance = _variances(direct)
    weights = np.where((n1 > 0) & (n0 > 0), n1 * n0 / np.maximum(n1 + n0, 1e-300), 0.0)
    total, degrees = float(weights.sum()), audited - float((n1 > 0).sum() + (n0 > 0).sum())
    if total <= 0.0 or degrees < 2.0:
        nothing = np.zeros_like(rate)
        return Response(rate, 0.0, math.inf, nothing, nothing, answered, audited - answered)
    apart = pairs[:, :, 1] / np.maximum(n1, 1e-300) - silent[:, :, 1] / np.maximum(n0, 1e-300)
    difference = float((weights * np.where(weights > 0.0, apart, 0.0)).sum()) / total
    within = float(
        (_scatter(n1, pairs[:, :, 1], pairs[:, :, 3]) + _scatter(n0, silent[:, :, 1], silent[:, :, 2])).sum()
    )
    # A judge that gave the same score to a few answers is not without scatter for that.
    spread = (_SPREAD * _FEW + within) / (_FEW + degrees)
    # Shrunk: at first nothing is known of who answers, and most often there is nothing to know.
    error = spread / total
    known = EXPECTED_DIFFERENCE**2 * spread / (EXPECTED_DIFFERENCE**2 * spread + error)
    slope = _slope(pairs)
    of_people = float(np.average(variance, weights=n1)) if answered > 0.0 else 1.0
    gamma = known * difference / (slope * of_people)
    gamma_sd = math.sqrt(known * error) / (slope * of_people)
    reach = (1.0 - rate) * variance * unexplained
    return Response(rate, gamma, gamma_sd, -gamma * reach, gamma_sd * reach, answered, audited - answered)


def unexplained_by_features(stats: SufficientStats) -> float:
    """Share of the scatter of people's scores within cells that the features of requests, each model's for
    itself, leave over; drawn to 1 while few scores are known."""
    k, c = stats.cells.shape[:2]
    places, rest = np.arange(1, 1 + c), slice(1 + c, None)
    n = stats.xx[:, places, places]
    mean = np.divide(stats.xx[:, places, rest], n[:, :, None], where=n[:, :, None] > 0.0,
                     out=np.zeros((k, c, stats.xx.shape[1] - 1 - c)))  # fmt: skip
    features = stats.xx[:, rest, rest] - np.einsum("agi,ag,agj->aij", mean, n, mean)
    together = stats.xy[:, rest] - np.einsum("agi,ag->ai", mean, stats.xy[:, places])
    # One score's worth of nothing seen keeps features that never varied out of it.
    ridge = np.eye(features.shape[1])
    slopes = np.linalg.solve(features + ridge, together[:, :, None])[:, :, 0]
    scatter = float(_scatter(n, stats.xy[:, places], stats.cells[:, :, 0]).sum())
    left = max(0.0, scatter - float((slopes * together).sum()))
    degrees = float(np.maximum(n - 1.0, 0.0).sum())
    used = float(np.trace(np.linalg.solve(features + ridge, features), axis1=1, axis2=2).sum())
    if degrees <= max(used, 0.0) or scatter <= 0.0:
        return 1.0
    per = scatter / degrees
    return min(1.0, (_FEW * per + left * degrees / (degrees - used)) / (_FEW * per + scatter))


def bounds(rate: Floats, direct: Floats, odds: float) -> Floats:
    """How far means `(k, c)` can be off, either way, if the odds of a score at quality 1 are at most `odds`
    times those at quality 0, or the other way round."""
    reach: Floats = math.log(odds) * (1.0 - rate) * _variances(direct)
    return reach


def _variances(direct: Floats) -> Floats:
    """Variance `(k, c)` of people's scores within cells, shrunk to the pool."""
    n = direct[:, :, 0]
    scatter = _scatter(n, direct[:, :, 1], direct[:, :, 2])
    degrees = np.maximum(n - 1.0, 0.0)
    pool = (_SPREAD * _FEW + scatter.sum()) / (_FEW + degrees.sum())
    variance: Floats = (_FEW * pool + scatter) / (_FEW + degrees)
    return variance


def _scatter(n: Floats, total: Floats, squares: Floats) -> Floats:
    """Sums of squares about the cells' means."""
    return np.maximum(0.0, squares - np.where(n > 0.0, total * total / np.maximum(n, 1e-300), 0.0))


def _slope(pairs: Floats) -> float:
    """Slope of the judge's scores on people's within cells, drawn to 1 while few answers have both."""
    n, j, y, _, jy, yy = np.moveaxis(pairs, 2, 0)
    safe = np.maximum(n, 1e-300)
    together = float((jy - np.where(n > 0.0, j * y / safe, 0.0)).sum())
    alone = float(_scatter(n, y, yy).sum())
    prior = _SPREAD * _FEW
    return max(_WEAKEST_SLOPE, (prior + together) / (prior + alone))
