"""The compiled loops of learning and scoring, and nothing else.

Everything here is a plain loop over float64 arrays, compiled once with explicit signatures and
cached on disk. Only kernels mutate, and only arrays the caller owns. The live path calls them with
a batch of one, the replay loop with a whole log: the same instructions, hence the same bits.
The loops of choosing are in `choosing.py`, the refit is in `refit.py`.

Shapes: k models (rows of statistics), c classes, d features, n requests. The first 1 + c features
are the intercept and the one-hot class, so cell sums of (model, class) are entries of `xx`, `xy`.
"""

from __future__ import annotations

import math

import numpy as np

from banditroute.core.compiled import compiled

_SWEEPS = 8  # EM sweeps from a fixed start, so that the fit is a function of the statistics alone
LOG_VARIANCE_CAP = 1.0  # of what may lift a log-normal mean: a cold model is not infinitely dear
LARGEST_VARIATION = 1.0 / 3.0  # sd over mean of a cost or wait: below 0 is three sds away, or further
_FURTHEST = 14.0  # logarithms this far from the typical value are a mistaken unit, and count as just that
_EMPTY = 1e-9  # a block with less weight than this holds no data

_F1, _F2, _F3, _F4 = "float64[::1]", "float64[:,::1]", "float64[:,:,::1]", "float64[:,:,:,::1]"
_I1, _B2 = "int64[::1]", "boolean[:,::1]"


@compiled("UniTuple(float64, 2)(float64, float64, float64)")
def transform(value, center, logarithmic):  # type: ignore[no-untyped-def]
    """An outcome as a centred number (NaN for the zero of a logarithm), and the raw value behind it."""
    if logarithmic == 0.0:
        return value - center, value
    if value <= 0.0:
        return np.nan, 0.0
    y = math.log(value) - center
    if abs(y) > _FURTHEST:
        y = math.copysign(_FURTHEST, y)
        value = math.exp(y + center)
    return y, value


@compiled(f"void({_F3}, {_F2}, {_F3}, int64, int64, {_F1}, float64, float64, float64)")
def observe(xx, xy, cells, model, cls, x, y, raw, weight):  # type: ignore[no-untyped-def]
    """Adds one outcome to the sums of one model.

    `y` is centred, or NaN for a zero of a log-normal factor, which has no logarithm and counts
    only in the raw sums. `cells[..., :]` are Σw·y², Σw·raw, Σw (zeros included).
    """
    cells[model, cls, 1] += weight * raw
    cells[model, cls, 2] += weight
    if math.isnan(y):
        return
    cells[model, cls, 0] += weight * y * y
    d = x.shape[0]
    for i in range(d):
        if x[i] != 0.0:
            scaled = weight * x[i]
            xy[model, i] += scaled * y
            for j in range(d):
                xx[model, i, j] += scaled * x[j]


@compiled(f"void({_F2}, {_F3}, {_F1}, {_F1}, int64, int64, {_F1}, float64, float64)")
def rank_one(theta, cov, noise, kappa, model, cls, x, y, weight):  # type: ignore[no-untyped-def]
    """Moves one model's coefficients by one outcome, variances held (Sherman–Morrison).

    A cache between refits: the sums stay the truth. A zero (`y` NaN) moves nothing until then.
    """
    if math.isnan(y):
        return
    d = x.shape[0]
    gain = np.zeros(d)
    for j in range(d):
        if x[j] != 0.0:
            for i in range(d):
                gain[i] += cov[model, j, i] * x[j]
    variance = 0.0
    residual = y - kappa[cls]
    for i in range(d):
        variance += gain[i] * x[i]
        residual -= theta[model, i] * x[i]
    precision = weight / noise[model]
    step = precision / (1.0 + precision * variance)
    for i in range(d):
        if gain[i] != 0.0:
            scaled = step * gain[i]
            theta[model, i] += scaled * residual
            for j in range(d):
                cov[model, i, j] -= scaled * gain[j]


@compiled(
    f"void({_F3}, {_F2}, {_F3}, {_I1}, {_I1}, {_F2}, {_I1}, {_F1}, {_F1}, float64, float64)", nogil=True
)
def observe_many(xx, xy, cells, models, cls, x, places, values, weights, center, logarithmic):  # type: ignore[no-untyped-def]
    """Adds a batch of raw outcomes to the sums; `places` are the rows of `cls` and `x` they belong to."""
    for i in range(models.shape[0]):
        p = places[i]
        y, raw = transform(values[i], center, logarithmic)
        observe(xx, xy, cells, models[i], cls[p], x[p], y, raw, weights[i])


@compiled(
    f"void({_F2}, {_F3}, {_F1}, {_F1}, {_I1}, {_I1}, {_F2}, {_I1}, {_F1}, {_F1}, float64, float64)",
    nogil=True,
)
def rank_one_many(  # type: ignore[no-untyped-def]
    theta, cov, noise, kappa, models, cls, x, places, values, weights, center, logarithmic
):
    """Moves coefficients by a batch of raw outcomes, one after the other."""
    for i in range(models.shape[0]):
        p = places[i]
        y, _ = transform(values[i], center, logarithmic)
        rank_one(theta, cov, noise, kappa, models[i], cls[p], x[p], y, weights[i])


@compiled(f"void({_F2}, {_I1}, {_F2}, {_F3}, {_F1}, {_F2}, {_F2})")
def predict(x, cls, theta, cov, kappa, mean, variance):  # type: ignore[no-untyped-def]
    """Centred mean and epistemic variance of every model for every request, into the last two."""
    n, d = x.shape
    k = theta.shape[0]
    index = np.empty(d, np.int64)
    for r in range(n):
        count = 0
        for i in range(d):
            if x[r, i] != 0.0:
                index[count] = i
                count += 1
        for a in range(k):
            m = kappa[cls[r]]
            v = 0.0
            for p in range(count):
                i = index[p]
                m += theta[a, i] * x[r, i]
                v += cov[a, i, i] * x[r, i] * x[r, i]
                for q in range(p):
                    v += 2.0 * cov[a, i, index[q]] * x[r, i] * x[r, index[q]]
            mean[r, a] = m
            variance[r, a] = max(v, 0.0)


@compiled("float64(float64, float64, float64)")
def _could_move(variance, noise, looks):  # type: ignore[no-untyped-def]
    """Variance of what the posterior mean could become after `looks` more outcomes."""
    return variance * variance / (variance + noise / looks) if variance > 0.0 else 0.0


@compiled(f"void({_F3}, {_F3}, {_F2}, {_F2}, {_I1}, {_F2}, {_F1}, {_F1}, {_F2}, {_F1}, {_F3}, {_F2}, {_F2})")
def combine(  # type: ignore[no-untyped-def]
    means, variances, noise, smear, group, prices, tokens, most_tokens, weights, looks, expected, mean, sd
):
    """Meets quality, cost and waiting in one utility at today's prices and this request's weights.

    `means`, `variances` `(5, n, k)` in the order of FACTORS, the last four of logarithms; a factor
    that nobody learns is −inf. `prices` `(k, 2)` USD per token, NaN where unknown; `most_tokens`
    caps the answer. Writes `expected` `(5, n, k)` and the utility's `mean` and `sd` `(n, k)`.
    """
    for r in range(mean.shape[0]):
        for a in range(mean.shape[1]):
            g = group[a]
            w = weights[r]
            expected[0, r, a] = means[0, r, g]
            utility = w[0] * means[0, r, g]
            spread = w[0] * w[0] * _could_move(variances[0, r, g], noise[0, g], looks[r])
            for f in range(1, 5):
                value = (
                    math.exp(means[f, r, a] + 0.5 * min(variances[f, r, a], LOG_VARIANCE_CAP)) * smear[f, a]
                )
                spread_of_log = min(_could_move(variances[f, r, a], noise[f, a], looks[r]), LOG_VARIANCE_CAP)
                moved = value * min(math.sqrt(math.expm1(spread_of_log)), LARGEST_VARIATION)
                if f == 1:  # tokens: not in the utility by themselves, but through the price
                    if value > most_tokens[r]:
                        value = most_tokens[r]
                        moved = 0.0
                    expected[1, r, a] = value
                    answer, answer_sd = value, moved
                    continue
                rate = w[f - 1]
                if f == 2 and not math.isnan(prices[a, 1]):
                    value = prices[a, 0] * tokens[r] + prices[a, 1] * answer
                    moved = prices[a, 1] * answer_sd
                expected[f, r, a] = value
                utility -= rate * value
                spread += rate * rate * moved * moved
            mean[r, a] = utility
            sd[r, a] = math.sqrt(spread)
