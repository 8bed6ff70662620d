"""The compiled warm start: history joins the fit as sums, and live outcomes judge whether it is right.

Either history is right as a whole: its sums then count beside the live ones, each of its cells (model,
class) for at most `trust` outcomes. Or it is wrong as a whole, under other labels or from another world:
then only the live sums count. Both fits are made, and what is believed is their mixture, with the
probability of each as the live means give it (Bayesian model averaging: Hoeting et al. 1999; as a prior
for borrowing from history: Schmidli et al. 2014, robust mixtures). So a model that history calls
bad is doubted even if nobody tries it, as soon as others turn out not to be what history says. All of
it is a function of the sums, like the fit.
"""

from __future__ import annotations

import math

import numpy as np

from banditroute.core.compiled import compiled
from banditroute.core.kernels import _EMPTY, _F1, _F2, _F3
from banditroute.core.refit import refit

_ALONE = 0.01  # of a right history, the chance that it is off for one model, by as much as outcomes vary
_ELSEWHERE = 0.3  # of a wrong one, the chance that a model is at a level that no other had


@compiled(f"float64({_F3}, {_F2}, {_F3}, float64, {_F3}, {_F2}, {_F3}, float64, {_F1})")
def _noise(xx, xy, cells, scale, past_xx, past_xy, past_cells, expected, noise):  # type: ignore[no-untyped-def]
    """The models' `noise` variances `(k,)`; gives the pooled one, of live outcomes and history.

    An outcome's worth of each difference between live and historical means counts as noise, so that a
    single failure does not condemn history (a Student-t with 4 degrees of freedom; the refit has 8, but
    there less is at stake).
    """
    k, c = noise.shape[0], cells.shape[1]
    degrees = np.zeros(k)
    noise[:] = 0.0
    pooled, freedom = 3.0 * expected, 3.0
    for a in range(k):
        for g in range(c):
            n, m = scale * xx[a, 1 + g, 1 + g], past_xx[a, 1 + g, 1 + g]
            before = live = 0.0
            if m >= _EMPTY:
                before = past_xy[a, 1 + g] / m
                pooled += max(0.0, past_cells[a, g, 0] - m * before * before)
                freedom += max(0.0, m - 1.0)
            if n >= _EMPTY:
                live = xy[a, 1 + g] / xx[a, 1 + g, 1 + g]
                within = max(0.0, scale * cells[a, g, 0] - n * live * live)
                pooled += within
                freedom += max(0.0, n - 1.0)
                noise[a] += within
                degrees[a] += max(0.0, n - 1.0)
                if m >= _EMPTY:
                    noise[a] += min(1.0, n) * (live - before) ** 2
                    degrees[a] += min(1.0, n)
    pooled /= freedom
    for a in range(k):
        noise[a] = (4.0 * pooled + noise[a]) / (4.0 + degrees[a])
    return pooled


@compiled("float64(float64, float64)")
def _density(apart, variance):  # type: ignore[no-untyped-def]
    return max(math.exp(-0.5 * apart * apart / variance) / math.sqrt(variance), 1e-300)


@compiled(f"float64({_F3}, {_F2}, {_F3}, float64, {_F3}, {_F2}, {_F3}, float64, float64, float64, {_F2})")
def weigh(  # type: ignore[no-untyped-def]
    xx, xy, cells, scale, past_xx, past_xy, past_cells, trust, expected, right, share
):
    """The probability that history is right, which is `right` beforehand, and what `share` `(k, c)` of each
    of its cells then counts. `expected` is the noise variance beforehand.

    Model by model, how far its live level is from that of its own history (which is off by no more than
    `trust` outcomes would be) is held against how far it is from that of every model's history: under
    permuted labels it is one of them. Near-equal models, which confirm each other's history, so prove
    little. A model that alone is off loses its share.
    """
    k, c = cells.shape[:2]
    noise = np.empty(k)
    pooled = _noise(xx, xy, cells, scale, past_xx, past_xy, past_cells, expected, noise)
    count = middle = square = 0.0
    for b in range(k):
        m = level = 0.0
        for g in range(c):
            m += past_xx[b, 1 + g, 1 + g]
            level += past_xy[b, 1 + g]
        if m >= _EMPTY:
            count += 1.0
            middle += level / m
            square += (level / m) ** 2
    spread = max(0.0, square - middle * middle / max(count, 1.0)) / max(1.0, count - 1.0)
    sums, numbers = past_xy.sum(axis=0), np.zeros(c)
    for g in range(c):
        for b in range(k):
            numbers[g] += past_xx[b, 1 + g, 1 + g]
    odds = 0.0
    for a in range(k):
        own = others = elsewhere = many = 0.0
        kept = 1.0 - _ALONE
        for b in range(k + 1):  # the last stands for all models together
            weights = moved = 0.0
            for g in range(c):
                n, m = scale * xx[a, 1 + g, 1 + g], past_xx[a, 1 + g, 1 + g]
                past = past_xx[b, 1 + g, 1 + g] if b < k else numbers[g]
                if n < _EMPTY or m < _EMPTY or past < _EMPTY:
                    continue
                before = (past_xy[b, 1 + g] if b < k else sums[1 + g]) / past
                weight = 1.0 / (noise[a] * (1.0 / n + 1.0 / m))
                weights += weight
                moved += weight * (xy[a, 1 + g] / xx[a, 1 + g, 1 + g] - before)
            if weights == 0.0:
                continue
            apart, variance = moved / weights, 1.0 / weights
            if b == k:
                elsewhere = _density(apart, variance + spread + pooled)
                continue
            agreed = (1.0 - _ALONE) * _density(apart, variance + pooled / trust)
            density = agreed + _ALONE * _density(apart, variance + pooled)
            others += density
            many += 1.0
            if b == a:
                own, kept = density, agreed / density
        for g in range(c):
            share[a, g] = kept / (1.0 + past_xx[a, 1 + g, 1 + g] / trust)
        if own > 0.0:
            odds += math.log(own) - math.log((1.0 - _ELSEWHERE) * others / many + _ELSEWHERE * elsewhere)
    return right / (right + (1.0 - right) * math.exp(-min(max(odds, -500.0), 500.0)))


@compiled(f"void({_F3}, {_F2}, {_F3}, float64, {_F3}, {_F2}, {_F3}, {_F2}, {_F3}, {_F2}, {_F3})")
def blend(  # type: ignore[no-untyped-def]
    xx,
    xy,
    cells,
    scale,
    past_xx,
    past_xy,
    past_cells,
    share,
    both_xx,
    both_xy,
    both_cells,
):
    """Live sums times `scale`, plus history, each of its cells (model, class) times its `share` `(k, c)`.

    A model's sums split exactly into those of its cells' means and the scatter about them. The means
    are weighed by cell; the scatter, which no longer knows its class, by the mean share. That
    live and historical means differ is not noise, and is taken out of the cells' sums of squares.
    """
    k, d = xy.shape
    c = share.shape[1]
    for a in range(k):
        count = kept = 0.0
        for g in range(c):
            count += past_xx[a, 1 + g, 1 + g]
            kept += share[a, g] * past_xx[a, 1 + g, 1 + g]
        mean = kept / count if count >= _EMPTY else 0.0
        for i in range(d):
            both_xy[a, i] = scale * xy[a, i] + mean * past_xy[a, i]
            for j in range(d):
                both_xx[a, i, j] = scale * xx[a, i, j] + mean * past_xx[a, i, j]
        for g in range(c):
            m = past_xx[a, 1 + g, 1 + g]
            for i in range(3):
                both_cells[a, g, i] = scale * cells[a, g, i] + share[a, g] * past_cells[a, g, i]
            if m < _EMPTY:
                continue
            before = past_xy[a, 1 + g] / m
            for i in range(d):
                more = (share[a, g] - mean) * past_xx[a, 1 + g, i]
                if more != 0.0:
                    both_xy[a, i] += more * before
                    for j in range(d):
                        both_xx[a, i, j] += more * past_xx[a, 1 + g, j] / m
            n, m = scale * xx[a, 1 + g, 1 + g], share[a, g] * m
            if n >= _EMPTY and m > 0.0:
                apart = xy[a, 1 + g] / xx[a, 1 + g, 1 + g] - before
                both_cells[a, g, 0] -= n * m / (n + m) * apart * apart


@compiled(f"void(float64, {_F2}, {_F2}, {_F1}, {_F1}, {_F1}, {_F2}, {_F2}, {_F1}, {_F1}, {_F1})")
def mix(  # type: ignore[no-untyped-def]
    part, theta0, cov0, noise0, kappa0, smear0, theta, cov, noise, kappa, smear
):
    """The mixture of two fits by its first two moments, into the last five arrays, which hold the second
    fit, of probability `part`.

    By how much the two differ adds to the variance of each model; what all models have in common of that
    changes no choice and is left out.
    """
    k, d = theta.shape
    p, rest = d - kappa.shape[0], 1.0 - part
    common, ordered = np.zeros(d), np.empty(d)
    for a in range(k):
        for i in range(d):
            common[i] += (theta[a, i] - theta0[a, i]) / k
    for a in range(k):
        for i in range(d):  # as covariances are laid out: classes last
            place = 0 if i == 0 else i + d - p if i < p else i - p + 1
            ordered[i] = theta[a, place] - theta0[a, place] - common[place]
        at = 0
        for i in range(d):
            for j in range(i + 1):
                between = part * rest * ordered[i] * ordered[j]
                cov[a, at] = part * cov[a, at] + rest * cov0[a, at] + between
                at += 1
        for i in range(d):
            theta[a, i] = part * theta[a, i] + rest * theta0[a, i]
        noise[a] = part * noise[a] + rest * noise0[a]
        smear[a] = part * smear[a] + rest * smear0[a]
    for g in range(kappa.shape[0]):
        kappa[g] = part * kappa[g] + rest * kappa0[g]


@compiled(
    f"void({_F3}, {_F2}, {_F3}, float64, {_F3}, {_F2}, {_F3}, float64, float64, {_F1}, {_F1}, "
    f"{_F2}, {_F2}, {_F1}, {_F1}, {_F1})"
)
def refit_with(  # type: ignore[no-untyped-def]
    xx,
    xy,
    cells,
    scale,
    past_xx,
    past_xy,
    past_cells,
    trust,
    right,
    hyper,
    declared,
    theta,
    cov,
    noise,
    kappa,
    smear,
):
    """`refit` with history beside the live sums, which alone are discounted by `scale`. History is right
    with the probability `right` beforehand; with 1 there is no doubt."""
    theta0, cov0, noise0 = np.empty_like(theta), np.empty_like(cov), np.empty_like(noise)
    kappa0, smear0 = np.empty_like(kappa), np.empty_like(smear)
    refit(xx, xy, cells, scale, hyper, declared, theta0, cov0, noise0, kappa0, smear0)
    part, known = 0.0, 0.0
    for a in range(past_cells.shape[0]):
        for g in range(past_cells.shape[1]):
            known += past_cells[a, g, 2]
    if known >= _EMPTY:
        share = np.empty(cells.shape[:2])
        part = weigh(xx, xy, cells, scale, past_xx, past_xy, past_cells, trust, hyper[0], right, share)
        both_xx, both_xy, both_cells = np.empty_like(xx), np.empty_like(xy), np.empty_like(cells)
        blend(xx, xy, cells, scale, past_xx, past_xy, past_cells, share, both_xx, both_xy, both_cells)
        refit(both_xx, both_xy, both_cells, 1.0, hyper, declared, theta, cov, noise, kappa, smear)
    else:
        theta.fill(0.0)
        cov.fill(0.0)
        noise.fill(0.0)
        kappa.fill(0.0)
        smear.fill(0.0)
    mix(part, theta0, cov0, noise0, kappa0, smear0, theta, cov, noise, kappa, smear)
