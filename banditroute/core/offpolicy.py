"""The compiled loops of off-policy estimation: each row of a log is read once.

Two passes. `importance` reads the wide arrays (target pmf, q̂) and leaves three numbers per row; `moments`
turns those into the sums every estimator is made of, its standard error included. `spread_of_weights` sorts
the same numbers by the size of the weight, for choosing thresholds.
"""

from __future__ import annotations

import math

import numpy as np

from banditroute.core.compiled import compiled

REWARD, ACTION, PROPENSITY, MASS, TOTAL, MODEL = range(6)
"""Positions of the faults that `importance` counts: one per way a row can be wrong."""

PLAIN, CLIPPED, SWITCHED, SHRUNK = range(4)
"""What an estimator does to a weight: nothing, `min(w, t)`, `w` only where `w <= t`, `w·t/(w² + t)`."""

HALF_OCTAVES = 128
"""Bins of weights: two per factor of two, from 2^-32 to 2^32; beyond, the outermost."""

_SUM_TOLERANCE = 1e-6
_SETTLING = 1024  # rows whose mean the sums are taken around, so that squares do not cancel

_R1 = "Array(float64, 1, 'C', readonly=True)"
_R2 = "Array(float64, 2, 'C', readonly=True)"
_I1 = "Array(int64, 1, 'C', readonly=True)"
_R3 = "Array(float64, 3, 'C', readonly=True)"
_W1, _W2, _W3 = "float64[::1]", "float64[:,::1]", "float64[:,:,::1]"


@compiled(f"void({_R1}, {_I1}, {_R1}, {_R2}, {_R2}, {_W1}, {_W1}, {_W1}, int64[:,::1], {_W1})", nogil=True)
def importance(  # type: ignore[no-untyped-def]
    reward, action, propensity, target, q, weight, expected, residual, faults, totals
):
    """Per row the weight π/p, what the model expects of the target, and what it missed of the reward.

    `q` may have no rows: then nothing is expected and the residual is the reward. `faults` `(6, 2)`
    gets the number of wrong rows of each kind and the first of them; such rows count nowhere.
    `totals` gets Σw, Σw², the largest w, and the smallest propensity.
    """
    n, k = target.shape
    modelled = q.shape[0] > 0
    total = squares = largest = 0.0
    smallest = np.inf
    for i in range(n):
        a = action[i]
        r = reward[i]
        p = propensity[i]
        mass = value = 0.0
        least = 0.0
        if modelled:
            for b in range(k):
                t = target[i, b]
                mass += t
                value += t * q[i, b]
                least = min(least, t)
        else:
            for b in range(k):
                t = target[i, b]
                mass += t
                least = min(least, t)
        fault = -1
        if not math.isfinite(r):
            fault = 0
        elif a < 0 or a >= k:
            fault = 1
        elif not 0.0 < p <= 1.0:
            fault = 2
        elif least < 0.0 or not math.isfinite(mass):
            fault = 3
        elif abs(mass - 1.0) > _SUM_TOLERANCE:
            fault = 4
        elif not math.isfinite(value):
            fault = 5
        if fault >= 0:
            if faults[fault, 0] == 0:
                faults[fault, 1] = i
            faults[fault, 0] += 1
            continue
        w = target[i, a] / p
        weight[i] = w
        expected[i] = value
        residual[i] = r - q[i, a] if modelled else r
        total += w
        squares += w * w
        largest = max(largest, w)
        smallest = min(smallest, p)
    totals[0] = total
    totals[1] = squares
    totals[2] = largest
    totals[3] = smallest


@compiled("float64(float64, int64, float64)")
def altered(w, kind, limit):  # type: ignore[no-untyped-def]
    """A weight as an estimator uses it."""
    if kind == 1:
        return min(w, limit)
    if kind == 2:
        return w if w <= limit else 0.0
    if kind == 3:
        return w / (1.0 + w * w / limit) if limit > 0.0 else 0.0
    return w


@compiled(f"void({_R1}, {_R1}, {_R1}, int64, float64, {_W1}, {_W2})", nogil=True)
def moments(weight, expected, residual, kind, limit, mean, cov):  # type: ignore[no-untyped-def]
    """Means `(3,)` and covariances `(3, 3)` of the columns (expected, ŵ·residual, ŵ), ŵ the altered weight.

    Every estimator is a function of the means, and its standard error follows from the covariances.
    """
    n = weight.shape[0]
    settling = min(n, _SETTLING)
    a0 = b0 = c0 = 0.0
    for i in range(settling):
        c = altered(weight[i], kind, limit)
        a0 += expected[i]
        b0 += c * residual[i]
        c0 += c
    a0 /= settling
    b0 /= settling
    c0 /= settling
    sa = sb = sc = saa = sab = sac = sbb = sbc = scc = 0.0
    for i in range(n):
        w = altered(weight[i], kind, limit)
        a = expected[i] - a0
        b = w * residual[i] - b0
        c = w - c0
        sa += a
        sb += b
        sc += c
        saa += a * a
        sab += a * b
        sac += a * c
        sbb += b * b
        sbc += b * c
        scc += c * c
    sa /= n
    sb /= n
    sc /= n
    mean[0] = a0 + sa
    mean[1] = b0 + sb
    mean[2] = c0 + sc
    cov[0, 0] = saa / n - sa * sa
    cov[1, 1] = sbb / n - sb * sb
    cov[2, 2] = scc / n - sc * sc
    cov[0, 1] = cov[1, 0] = sab / n - sa * sb
    cov[0, 2] = cov[2, 0] = sac / n - sa * sc
    cov[1, 2] = cov[2, 1] = sbc / n - sb * sc


@compiled(f"void({_R1}, {_R1}, {_R1}, int64, float64, {_W2})", nogil=True)
def columns(weight, expected, residual, kind, limit, out):  # type: ignore[no-untyped-def]
    """The columns of `moments`, written out `(n, 3)`, for errors by cluster and the bootstrap."""
    for i in range(weight.shape[0]):
        w = altered(weight[i], kind, limit)
        out[i, 0] = expected[i]
        out[i, 1] = w * residual[i]
        out[i, 2] = w


@compiled(f"void({_R1}, {_R1}, {_R1}, {_W2})", nogil=True)
def spread_of_weights(weight, expected, residual, bins):  # type: ignore[no-untyped-def]
    """Sums by half-octave of the weight `(HALF_OCTAVES, 5)`: 1, w², w·g, (w·g)², w·g·v; w = 0 is nowhere.

    Bin j holds 2^((j−64)/2) <= w < 2^((j−63)/2); g is the residual, v what was expected.
    """
    for i in range(weight.shape[0]):
        w = weight[i]
        if w <= 0.0:
            continue
        fraction, exponent = math.frexp(w)
        j = 2 * (exponent - 1) + 64 + (1 if fraction >= 0.7071067811865476 else 0)
        j = max(0, min(j, bins.shape[0] - 1))
        e = w * residual[i]
        bins[j, 0] += 1.0
        bins[j, 1] += w * w
        bins[j, 2] += e
        bins[j, 3] += e * e
        bins[j, 4] += e * expected[i]


@compiled(f"void({_R1}, {_I1}, {_R1}, {_R2}, {_R2}, {_R2}, boolean, float64, {_W1})", nogil=True)
def bounded_terms(reward, action, propensity, target, q, logging, mirrored, most, terms):  # type: ignore[no-untyped-def]
    """Terms `(n,)` of IPS, or where `q` and `logging` have rows of DR, that are never below −`most`.

    Rewards and q̂ in [0, 1]; `mirrored` takes 1 − reward. The terms of DR are `w(r − q̃_a) + Σ_b π_b·q̃_b` with
    `q̃_b = min(q_b, most/w_b)`: a model that is cut where weights are large leaves the mean as it is.
    """
    n, k = target.shape
    modelled = q.shape[0] > 0
    for i in range(n):
        a = action[i]
        w = target[i, a] / propensity[i]
        y = w * (1.0 - reward[i] if mirrored else reward[i])
        if modelled:
            for b in range(k):
                value = 1.0 - q[i, b] if mirrored else q[i, b]
                y += min(target[i, b] * value, most * logging[i, b])
            value = 1.0 - q[i, a] if mirrored else q[i, a]
            y -= min(w * value, most)
        terms[i] = y


@compiled(f"void({_R2}, {_I1}, int64, {_W1})")
def _features(x, cls, i, f):  # type: ignore[no-untyped-def]
    """A row's features: 1, its class as one of so many (none where `cls` has no rows), and its `x`."""
    d = x.shape[1]
    c = f.shape[0] - 1 - d
    f[0] = 1.0
    for j in range(c):
        f[1 + j] = 0.0
    if c > 0:
        f[1 + cls[i]] = 1.0
    for j in range(d):
        f[1 + c + j] = x[i, j]


@compiled(f"void({_R1}, {_I1}, {_R2}, {_I1}, {_W3}, {_W2})", nogil=True)
def group_sums(reward, cell, x, cls, gram, moment):  # type: ignore[no-untyped-def]
    """Sums of regression by cell: `Σ f·f′` `(cells, d, d)` (lower half) and `Σ f·r` `(cells, d)`."""
    d = moment.shape[1]
    f = np.empty(d)
    for i in range(reward.shape[0]):
        _features(x, cls, i, f)
        c = cell[i]
        r = reward[i]
        for p in range(d):
            scaled = f[p]
            if scaled != 0.0:
                moment[c, p] += scaled * r
                for q in range(p + 1):
                    gram[c, p, q] += scaled * f[q]


@compiled(f"void({_R2}, {_I1}, {_I1}, {_R3}, float64, float64, {_W2})", nogil=True)
def predict_groups(x, cls, group, theta, low, high, out):  # type: ignore[no-untyped-def]
    """What each row's group was taught to expect of every model `(n, k)`, in [low, high].

    `theta` is `(groups, d, k)`.
    """
    d, k = theta.shape[1], theta.shape[2]
    f, total = np.empty(d), np.empty(k)
    for i in range(out.shape[0]):
        _features(x, cls, i, f)
        g = group[i]
        for a in range(k):
            total[a] = 0.0
        for j in range(d):
            scaled = f[j]
            if scaled != 0.0:
                for a in range(k):
                    total[a] += scaled * theta[g, j, a]
        for a in range(k):
            out[i, a] = min(max(total[a], low), high)


@compiled(f"void({_R2}, {_R2}, {_I1}, {_I1}, {_R1}, {_W2})", nogil=True)
def leaning(target, x, cls, action, altered_weight, out):  # type: ignore[no-untyped-def]
    """How an estimate leans on the coefficients `(k, d)`: `Σ (π_a − ŵ·1{a taken})·f` over the rows."""
    n, k = target.shape
    d = out.shape[1]
    f = np.empty(d)
    for i in range(n):
        _features(x, cls, i, f)
        for a in range(k):
            share = target[i, a] - (altered_weight[i] if a == action[i] else 0.0)
            if share != 0.0:
                for j in range(d):
                    out[a, j] += share * f[j]


@compiled(f"void({_R2}, {_I1}, {_I1}, {_R1}, {_R2}, {_W1})", nogil=True)
def leverage(x, cls, action, residual, slope, out):  # type: ignore[no-untyped-def]
    """What each row moves an estimate by through the coefficients: `residual·f′slope_a`, a what was taken."""
    d = slope.shape[1]
    f = np.empty(d)
    for i in range(out.shape[0]):
        _features(x, cls, i, f)
        total = 0.0
        for j in range(d):
            total += f[j] * slope[action[i], j]
        out[i] = residual[i] * total
