"""The compiled loops, and nothing else: scoring, updates, refits, exact propensities, draws.

Everything here is a plain loop over float64 arrays, compiled once with explicit signatures and
cached on disk. Only kernels mutate, and only arrays the caller owns. The live path calls them with
a batch of one, the replay loop with a whole log: the same instructions, hence the same bits.

Shapes: k models (rows of statistics), c classes, d features, n requests. The first 1 + c features
are the intercept and the one-hot class, so cell sums of (model, class) are entries of `xx`, `xy`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_SIGHT = 6.5  # beyond 6.5 sd a normal tail holds 4e-11: nothing left that 1e-8 could notice
_SWEEPS = 8  # EM sweeps from a fixed start, so that the fit is a function of the statistics alone
LOG_VARIANCE_CAP = (
    1.0  # largest log-variance that may lift a log-normal mean: a cold model is not infinitely dear
)
_EMPTY = 1e-9  # a block with less weight than this holds no data

_HOPELESS = 6.5  # a model this many sds of their difference behind the best wins with 4e-11 at most

# Gauss–Legendre with 9 nodes in panels between these breaks (in sds around each model's mean):
# largest error 1e-9 over 2 to 64 models and sd ratios 1 to 1,000 (tests/core/test_propensity.py).
_BREAKS = np.array([-6.0, -4.4, -2.8, -1.4, 0.0, 1.4, 2.8, 4.4, 6.0])
_MERGE = 0.3  # breaks nearer than this many (smallest) sds are one
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(9)

_F1, _F2, _F3, _F4 = "float64[::1]", "float64[:,::1]", "float64[:,:,::1]", "float64[:,:,:,::1]"
_I1, _B2 = "int64[::1]", "boolean[:,::1]"


@njit("float64(uint64)", cache=True)
def uniform(seed):  # type: ignore[no-untyped-def]
    """The number in [0, 1) that a 64-bit seed stands for: one step of SplitMix64, top 53 bits.

    Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", OOPSLA.
    """
    z = seed + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.float64(z >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(f"int64({_F1}, float64)", cache=True)
def draw(pmf, u):  # type: ignore[no-untyped-def]
    """The index whose cumulative probability first exceeds `u`; never one of probability 0."""
    total = 0.0
    last = 0
    for i in range(pmf.shape[0]):
        if pmf[i] > 0.0:
            total += pmf[i]
            last = i
            if u < total:
                return i
    return last


@njit(f"void({_F1}, {_F1}, {_F1})", cache=True)
def _best_of(mean, sd, out):  # type: ignore[no-untyped-def]
    """P(utility of i is the largest) for independent normals; `sd` all positive."""
    k = mean.shape[0]
    low = high = -np.inf
    narrow = np.inf
    for i in range(k):
        low = max(low, mean[i] - _SIGHT * sd[i])
        high = max(high, mean[i] + _SIGHT * sd[i])
        narrow = min(narrow, sd[i])
        out[i] = 0.0
    breaks = np.empty(_BREAKS.shape[0] * k + 2)
    breaks[0] = low
    breaks[1] = high
    count = 2
    for i in range(k):
        for step in _BREAKS:
            z = mean[i] + step * sd[i]
            if low < z < high:
                breaks[count] = z
                count += 1
    breaks[:count].sort()
    hazard = np.empty(k)
    left = low
    for j in range(1, count):
        right = breaks[j]
        if right - left < _MERGE * narrow and j < count - 1:
            continue
        half, middle = 0.5 * (right - left), 0.5 * (left + right)
        left = right
        for q in range(_NODES.shape[0]):
            z = middle + half * _NODES[q]
            every = half * _NODE_WEIGHTS[q]
            for i in range(k):
                t = (z - mean[i]) / sd[i]
                if t > _SIGHT:
                    hazard[i] = 0.0
                else:
                    below = 0.5 * math.erfc(-t * math.sqrt(0.5))  # > 4e-11, since z >= low
                    every *= below
                    hazard[i] = math.exp(-0.5 * t * t) / (math.sqrt(2.0 * math.pi) * sd[i] * below)
            for i in range(k):
                out[i] += every * hazard[i]


@njit(f"void({_F2}, {_F2}, {_B2}, {_F2})", cache=True, nogil=True)
def best_probabilities(mean, sd, eligible, out):  # type: ignore[no-untyped-def]
    """Row by row, the probability that each eligible model's utility is the largest (design, law 2)."""
    n, k = mean.shape
    index = np.empty(k, np.int64)
    m, s, p = np.empty(k), np.empty(k), np.empty(k)
    for r in range(n):
        count = 0
        widest = 0.0
        best = -np.inf
        for i in range(k):
            out[r, i] = 0.0
            if eligible[r, i]:
                index[count] = i
                m[count], s[count] = mean[r, i], sd[r, i]
                widest = max(widest, s[count])
                best = max(best, m[count])
                count += 1
        if widest <= 0.0:  # nothing uncertain: the best, ties shared
            ties = 0
            for i in range(count):
                ties += m[i] == best
            for i in range(count):
                if m[i] == best:
                    out[r, index[i]] = 1.0 / ties
            continue
        leader = 0
        for i in range(count):
            s[i] = max(s[i], widest / 1000.0)
            if m[i] == best:
                leader = i
        best_sd = s[leader]
        rivals = 0
        for i in range(count):
            if best - m[i] <= _HOPELESS * math.hypot(s[i], best_sd):
                index[rivals], m[rivals], s[rivals] = index[i], m[i], s[i]
                rivals += 1
        count = rivals
        _best_of(m[:count], s[:count], p[:count])
        total = 0.0
        for i in range(count):
            total += p[i]
        for i in range(count):
            out[r, index[i]] = p[i] / total


@njit(f"void({_F2}, {_B2}, float64, float64)", cache=True)
def finish(pmf, eligible, negligible, floor):  # type: ignore[no-untyped-def]
    """Makes a pmf ready to draw from, in place: zero what is negligible, renormalise, mix the floor."""
    n, k = pmf.shape
    for r in range(n):
        total = 0.0
        count = 0
        for i in range(k):
            if pmf[r, i] < negligible:
                pmf[r, i] = 0.0
            total += pmf[r, i]
            count += eligible[r, i]
        for i in range(k):
            pmf[r, i] /= total
            if floor > 0.0:
                pmf[r, i] = (1.0 - floor) * pmf[r, i] + (floor / count if eligible[r, i] else 0.0)


@njit(f"void({_F3}, {_F2}, {_F3}, int64, int64, {_F1}, float64, float64, float64)", cache=True)
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


@njit(f"void({_F2}, {_F3}, {_F1}, {_F1}, int64, int64, {_F1}, float64, float64)", cache=True)
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


@njit(f"void({_F2}, {_I1}, {_F2}, {_F3}, {_F1}, {_F2}, {_F2})", cache=True)
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


@njit("float64(float64, float64, float64)", cache=True)
def _could_move(variance, noise, looks):  # type: ignore[no-untyped-def]
    """Variance of what the posterior mean could become after `looks` more outcomes."""
    return variance * variance / (variance + noise / looks) if variance > 0.0 else 0.0


@njit(
    f"void({_F3}, {_F3}, {_F2}, {_F2}, {_I1}, {_F2}, {_F1}, {_F1}, {_F2}, {_F1}, {_F3}, {_F2}, {_F2})",
    cache=True,
)
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
                moved = value * math.sqrt(
                    math.expm1(min(_could_move(variances[f, r, a], noise[f, a], looks[r]), LOG_VARIANCE_CAP))
                )
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
