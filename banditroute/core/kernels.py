"""The compiled loops of learning and scoring, and nothing else.

Everything here is a plain loop over float64 arrays, compiled once with explicit signatures and
cached on disk. Only kernels mutate, and only arrays the caller owns. The live path calls them with
a batch of one, the replay loop with a whole log: the same instructions, hence the same bits.
The loops of choosing are in `choosing.py`, the refit is in `refit.py`.

Shapes: k models (rows of statistics), c classes, d features, n requests. The first 1 + c features
are the intercept and the one-hot class, so cell sums of (model, class) are entries of `xx`, `xy`.

Covariances `(k, d(d + 1)/2)` are lower triangles, one row after the other, with the classes last: the
intercept and the p − 1 other features stand together, and a request touches one more row, its class's.
"""

from __future__ import annotations

import math

import numpy as np

from banditroute.core.compiled import compiled

_SWEEPS = 8  # EM sweeps from a fixed start, so that the fit is a function of the statistics alone
LOG_VARIANCE_CAP = 1.0  # of what may lift a log-normal mean: a cold model is not infinitely dear
LEAST_SHARE = 0.1  # of the requests to come, for whom what a class teaches is worth looking ahead
LARGEST_VARIATION = 1.0 / 3.0  # sd over mean of a cost or wait: below 0 is three sds away, or further
_FURTHEST = 14.0  # logarithms this far from the typical value are a mistaken unit, and count as just that
_EMPTY = 1e-9  # a block with less weight than this holds no data

_F1, _F2, _F3, _F4 = "float64[::1]", "float64[:,::1]", "float64[:,:,::1]", "float64[:,:,:,::1]"
_I1, _B2 = "int64[::1]", "boolean[:,::1]"


@compiled("float64(float64, float64)")
def decay(seconds, half_life):  # type: ignore[no-untyped-def]
    """The power of two that stands for a time: 1 without forgetting. Compiled, as `pow` is not `exp2`."""
    return 1.0 if math.isinf(half_life) else 2.0 ** (seconds / half_life)


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


@compiled(f"void({_F3}, {_F1})")
def shares(cells, out):  # type: ignore[no-untyped-def]
    """Smoothed share of each class among the outcomes of one factor, into `out` `(c,)`."""
    k, c = cells.shape[:2]
    total = 0.0
    for g in range(c):
        count = 0.0
        for a in range(k):
            count += cells[a, g, 2]
        total += count
        out[g] = max(count, 0.0) + 1.0
    for g in range(c):
        out[g] /= max(total, 0.0) + c


@compiled(f"void({_F2}, {_F2}, {_F1}, {_F1}, int64, int64, {_F1}, float64, float64)", any_order=True)
def rank_one(theta, cov, noise, kappa, model, cls, x, y, weight):  # type: ignore[no-untyped-def]
    """Moves one model's coefficients by one outcome, variances held (Sherman–Morrison).

    A cache between refits: the sums stay the truth. A zero (`y` NaN) moves nothing until then.
    """
    if math.isnan(y):
        return
    d = x.shape[0]
    c = kappa.shape[0]
    p = d - c
    u, gain = np.empty(p), np.empty(d)
    u[0] = x[0]
    for i in range(1, p):
        u[i] = x[c + i]
    own = cov[model]
    place = p + cls
    start = place * (place + 1) // 2
    for i in range(p):
        gain[i] = own[start + i]
    gain[place] = own[start + place]
    at = 0
    for i in range(p):
        total = own[at + i] * u[i]
        for j in range(i):
            total += own[at + j] * u[j]
            gain[j] += own[at + j] * u[i]
        gain[i] += total
        at += i + 1
    for i in range(p, d):
        total = own[at + place] if i > place else gain[place] if i == place else own[start + i]
        for j in range(p):
            total += own[at + j] * u[j]
        gain[i] = total
        at += i + 1
    variance = gain[place]
    residual = y - kappa[cls] - theta[model, 1 + cls]
    for i in range(p):
        variance += gain[i] * u[i]
    residual -= theta[model, 0] * u[0]
    for i in range(1, p):
        residual -= theta[model, c + i] * u[i]
    precision = weight / noise[model]
    step = precision / (1.0 + precision * variance)
    theta[model, 0] += step * gain[0] * residual
    for i in range(1, p):
        theta[model, c + i] += step * gain[i] * residual
    for g in range(c):
        theta[model, 1 + g] += step * gain[p + g] * residual
    at = 0
    for i in range(d):
        scaled = step * gain[i]
        for j in range(i + 1):
            own[at + j] -= scaled * gain[j]
        at += i + 1


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
    f"void({_F2}, {_F2}, {_F1}, {_F1}, float64, {_I1}, {_I1}, {_F2}, {_I1}, {_F1}, {_F1}, float64, float64)",
    nogil=True,
)
def rank_one_many(  # type: ignore[no-untyped-def]
    theta, cov, noise, kappa, scale, models, cls, x, places, values, weights, center, logarithmic
):
    """Moves coefficients by a batch of raw outcomes, one after the other; `scale` discounts all weights."""
    for i in range(models.shape[0]):
        p = places[i]
        y, _ = transform(values[i], center, logarithmic)
        rank_one(theta, cov, noise, kappa, models[i], cls[p], x[p], y, weights[i] * scale)


@compiled(f"void({_F2}, {_I1}, {_F2}, {_F2}, {_F1}, {_F2}, {_F2})", any_order=True)
def predict(x, cls, theta, cov, kappa, mean, variance):  # type: ignore[no-untyped-def]
    """Centred mean and epistemic variance of every model for every request, into the last two."""
    n, d = x.shape
    k, c = theta.shape[0], kappa.shape[0]
    p = d - c
    u = np.empty(p)
    size = p * (p + 1) // 2
    products = np.empty(size)  # of all pairs of features: a variance is one long sum of products with them
    for r in range(n):
        u[0] = x[r, 0]
        for i in range(1, p):
            u[i] = x[r, c + i]
        at = 0
        for i in range(p):
            for j in range(i):
                products[at + j] = 2.0 * u[i] * u[j]
            products[at + i] = u[i] * u[i]
            at += i + 1
        place = p + cls[r]
        start = place * (place + 1) // 2
        for a in range(k):
            m = kappa[cls[r]] + theta[a, 0] * u[0] + theta[a, 1 + cls[r]]
            for i in range(1, p):
                m += theta[a, c + i] * u[i]
            v = 0.0
            for i in range(size):
                v += cov[a, i] * products[i]
            link = 0.0
            for i in range(p):
                link += cov[a, start + i] * u[i]
            mean[r, a] = m
            variance[r, a] = max(v + 2.0 * link + cov[a, start + place], 0.0)


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
            answer = answer_sd = 0.0
            for f in range(1, 5):
                if means[f, r, a] == -np.inf and (f != 2 or math.isnan(prices[a, 1])):
                    expected[f, r, a] = 0.0
                    continue
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
