"""The compiled refit: variances by empirical Bayes, then coefficients, from the sums alone.

Apart from `kernels.py` because it is another idea: `kernels` moves, this one starts afresh. The
model and its sweeps are written out in `posterior.py`.
"""

from __future__ import annotations

import math

import numpy as np

from banditroute.core.compiled import compiled
from banditroute.core.kernels import _EMPTY, _F1, _F2, _F3, _SWEEPS, LOG_VARIANCE_CAP


@compiled(f"void({_F2})")
def _invert(a):  # type: ignore[no-untyped-def]
    """Inverse of a symmetric positive definite matrix, in place: Gauss–Jordan, which needs no pivoting
    there (Higham 2002, Accuracy and Stability of Numerical Algorithms, section 14.4)."""
    p = a.shape[0]
    for j in range(p):
        pivot = 1.0 / a[j, j]
        a[j, j] = 1.0
        for q in range(p):
            a[j, q] *= pivot
        for i in range(p):
            if i != j:
                factor = a[i, j]
                a[i, j] = 0.0
                for q in range(p):
                    a[i, q] -= factor * a[j, q]


@compiled(f"void({_F2}, {_F1}, {_F1}, {_F1}, int64, {_F1}, {_F1})", any_order=True)
def _solve(xx, xy, prior, ridge, c, theta, cov):  # type: ignore[no-untyped-def]
    """Posterior of one model: precision `diag(ridge) + xx`, right side `ridge·prior + xy`.

    The one-hot block is diagonal (a request has one class), so it is eliminated first: the cost
    is of the order cp² + p³ for p other features, not (c + p)³. Classes without data cost nothing.
    """
    p = xx.shape[0] - c
    inner, row = np.empty((p, p)), np.empty(p)
    right, link, pivot = np.empty(p), np.zeros((c, p)), np.empty(c)  # link: D⁻¹B′
    for i in range(p):
        at = i + c if i else 0
        inner[i, 0] = xx[at, 0]
        for j in range(1, p):
            inner[i, j] = xx[at, c + j]
        inner[i, i] += ridge[at]
        right[i] = ridge[at] * prior[at] + xy[at]
    for g in range(c):
        pivot[g] = 1.0 / (ridge[1 + g] + xx[1 + g, 1 + g])
        if xx[1 + g, 1 + g] == 0.0:
            continue
        row[0] = xx[1 + g, 0]
        for j in range(1, p):
            row[j] = xx[1 + g, c + j]
        own = ridge[1 + g] * prior[1 + g] + xy[1 + g]
        for i in range(p):
            link[g, i] = row[i] * pivot[g]
            right[i] -= link[g, i] * own
            for j in range(p):
                inner[i, j] -= link[g, i] * row[j]
    _invert(inner)
    at = 0
    for i in range(p):
        total = 0.0
        for j in range(p):
            total += inner[i, j] * right[j]
        theta[i + c if i else 0] = total
        for j in range(i + 1):
            cov[at + j] = inner[i, j]
        at += i + 1
    for g in range(c):
        for j in range(p):
            row[j] = 0.0
        for i in range(p):
            if link[g, i] != 0.0:
                for j in range(p):
                    row[j] -= link[g, i] * inner[i, j]
        total = pivot[g] * (ridge[1 + g] * prior[1 + g] + xy[1 + g]) - link[g, 0] * theta[0]
        for i in range(1, p):
            total -= link[g, i] * theta[c + i]
        theta[1 + g] = total
        for j in range(p):
            cov[at + j] = row[j]
        for e in range(g + 1):
            total = pivot[g] if e == g else 0.0
            for i in range(p):
                total -= row[i] * link[e, i]
            cov[at + p + e] = total
        at += p + g + 1


@compiled(f"void({_F3}, {_F2}, {_F3}, float64, {_F1}, {_F1}, {_F2}, {_F2}, {_F1}, {_F1}, {_F1})")
def refit(xx, xy, cells, scale, hyper, declared, theta, cov, noise, kappa, smear):  # type: ignore[no-untyped-def]
    """Fits every model of one factor, into the last five arrays.

    `scale` multiplies the sums (forgetting). `hyper` is [noise variance expected beforehand, center
    (which is also the prior mean), 1 for logarithms]. `declared` `(k,)` holds prior means minus the
    center where the operator gave them, else NaN.
    """
    k, d = xy.shape
    c = cells.shape[1]
    n = np.zeros((k, c))
    average = np.zeros((k, c))
    within = np.zeros(k)
    degrees = np.zeros(k)
    total_y = total_n = 0.0
    for a in range(k):
        for g in range(c):
            weight = scale * xx[a, 1 + g, 1 + g]
            if weight < _EMPTY:
                continue
            n[a, g] = weight
            average[a, g] = xy[a, 1 + g] / xx[a, 1 + g, 1 + g]
            total_y += scale * xy[a, 1 + g]
            total_n += weight
            within[a] += max(0.0, scale * cells[a, g, 0] - weight * average[a, g] ** 2)
            degrees[a] += max(0.0, weight - 1.0)
    pooled = (3.0 * hyper[0] + within.sum()) / (3.0 + degrees.sum())
    for a in range(k):
        noise[a] = (8.0 * pooled + within[a]) / (8.0 + degrees[a])
    overall = total_y / (2.0 + total_n)
    prior = np.where(np.isnan(declared), overall, declared)

    models0, cells0, classes0 = pooled, pooled / 20.0, pooled / 4.0
    models, interaction, classes = models0, cells0, classes0
    mu = prior.copy()
    mu_var = np.full(k, models)
    for g in range(c):
        kappa[g] = 0.0
    for _ in range(_SWEEPS):
        moved = found = 0.0
        for a in range(k):
            precision = 1.0 / models
            total = prior[a] / models
            for g in range(c):
                if n[a, g] > 0.0:
                    w = 1.0 / (noise[a] / n[a, g] + interaction)
                    precision += w
                    total += w * (average[a, g] - kappa[g])
            mu[a] = total / precision
            mu_var[a] = 1.0 / precision
            if precision > 1.0 / models:
                moved += (mu[a] - prior[a]) ** 2 + mu_var[a]
                found += 1.0
        spread = seen = 0.0
        for g in range(c):
            precision = 1.0 / classes
            total = 0.0
            for a in range(k):
                if n[a, g] > 0.0:
                    w = 1.0 / (noise[a] / n[a, g] + interaction)
                    precision += w
                    total += w * (average[a, g] - mu[a])
            kappa[g] = total / precision
            if precision > 1.0 / classes:
                spread += kappa[g] ** 2 + 1.0 / precision
                seen += 1.0
        apart = filled = 0.0
        for a in range(k):
            left = own = 0.0
            for g in range(c):
                if n[a, g] > 0.0:
                    share = interaction / (interaction + noise[a] / n[a, g])
                    off = average[a, g] - kappa[g] - mu[a]
                    apart += (share * off) ** 2 + interaction * (1.0 - share) + share * share * mu_var[a]
                    filled += 1.0
                    off *= 1.0 - share
                    left += n[a, g] * (
                        off * off + interaction * (1.0 - share) + (1.0 - share) ** 2 * mu_var[a]
                    )
                    own += min(1.0, n[a, g])
            # What the fit leaves of the cell means is noise too: one outcome far off says first that this
            # model's outcomes vary (a Student-t with 8 degrees of freedom), then that its mean is there.
            noise[a] = (8.0 * pooled + within[a] + left) / (8.0 + degrees[a] + own)
        interaction = (4.0 * cells0 + apart) / (4.0 + filled)
        # Never wider than one outcome's noise: a single failure must not condemn the model that met it.
        models = min(models0, (2.0 * models0 + moved) / (2.0 + found))
        classes = (4.0 * classes0 + spread) / (4.0 + seen)

    ridge = np.full(d, 1.0 / cells0)
    ridge[0] = 1.0 / models
    for g in range(c):
        ridge[1 + g] = 1.0 / interaction
    center = np.zeros(d)
    factor = np.empty((d, d))
    right = np.empty(d)
    for a in range(k):
        center[0] = prior[a]
        per_noise = scale / noise[a]
        empty = n[a].sum() == 0.0
        for i in range(d):
            right[i] = 0.0 if empty else per_noise * xy[a, i]
            for j in range(d):
                factor[i, j] = 0.0 if empty else per_noise * xx[a, i, j]
            for g in range(c):
                right[i] -= factor[i, 1 + g] * kappa[g]
        _solve(factor, right, center, ridge, c, theta[a], cov[a])

        # Logarithms: the mean of the values, not of their logarithms (Duan 1983, smearing), zeros
        # included, shrunk towards what the noise alone would make of it.
        smear[a] = 1.0
        if hyper[2] > 0.0:
            raw = fitted = count = 0.0
            for g in range(c):
                if scale * cells[a, g, 2] >= _EMPTY:
                    level = math.exp(hyper[1] + kappa[g] + theta[a, 0] + theta[a, 1 + g])
                    raw += scale * cells[a, g, 1]
                    fitted += scale * cells[a, g, 2] * level
                    count += scale * cells[a, g, 2]
            unit = fitted / count if count > 0.0 else 1.0
            expected = 5.0 * unit * math.exp(min(0.5 * noise[a], LOG_VARIANCE_CAP))
            smear[a] = (expected + max(raw, 0.0)) / (5.0 * unit + fitted)
