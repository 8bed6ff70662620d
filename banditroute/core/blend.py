"""The compiled warm start: for how much history counts beside the live sums, judged by both of them.

History enters the fit as sums, like everything else. But the mean of each of its cells (model, class)
is taken for a measurement of today's mean that is off by more than its noise: by a shift of the whole
model, of variance D, and one of the cell (random effects, as between the studies of a meta-analysis:
DerSimonian and Laird 1986). So a model's history counts for no more than σ²/D outcomes. What D is, the
differences between live and historical means say: on a grid their likelihood is weighed against a
half-Cauchy on √D (Gelman 2006), whose heavy tail lets a wrong history go (commensurate and robust
priors: Hobbs et al. 2011, Schmidli et al. 2014). Models need not be alike: the distribution of D among
them is a mixture over the grid, learned by EM (Laird 1978) from the models that were tried, so that
history which proved wrong for one is dropped for it, and doubted for those that nobody tried. All of it
is a function of the sums, like the fit.
"""

from __future__ import annotations

import math

import numpy as np

from banditroute.core.compiled import compiled
from banditroute.core.kernels import _EMPTY, _F1, _F2, _F3, _SWEEPS
from banditroute.core.refit import refit

_GRID = 16  # variances from a quarter of the scale of the half-Cauchy up to the largest
_LARGEST = 4.0  # of them, in outcomes' noise variances: history counts for a quarter of an outcome
_CELL = 0.25  # the scale of a cell's own variance, relative to that of the model's shift
_BEFOREHAND = 1.0  # models that the mixture's start counts for
_B1 = "boolean[::1]"


@compiled(f"void(float64, float64, float64, {_F1}, {_F1})")
def _before(part, trust, pooled, doubts, chances):  # type: ignore[no-untyped-def]
    """The grid of variances and their probabilities beforehand.

    The scale is set so that the mean variance is `pooled`/`trust` (up to the ends of the grid): the
    mean of a half-Cauchy on √D of scale s, cut off at the largest D, is (2/π)·s·√D_max.
    """
    largest = _LARGEST * pooled
    scale = part * (0.5 * math.pi * pooled / trust) ** 2 / largest
    last = doubts.shape[0] - 1
    for j in range(last + 1):
        doubts[j] = largest * (0.25 * scale / largest) ** (1.0 - j / last)
        chances[j] = math.sqrt(doubts[j] / scale) / (1.0 + doubts[j] / scale)
    chances /= chances.sum()


@compiled(f"float64({_F2}, {_F2}, {_F2}, {_F1}, {_F1}, {_F1})")
def _scatter(n, m, apart, noise, doubts, chances):  # type: ignore[no-untyped-def]
    """A cell's own variance: its mean over the grid, after the differences `apart` `(k, c)` between cell
    means of weights `n` and `m`. Each model's shift is left out of it (restricted likelihood)."""
    k, c = n.shape
    likely = np.log(chances)
    for j in range(doubts.shape[0]):
        for a in range(k):
            weights = moved = squares = 0.0
            product = 1.0
            for g in range(c):
                if n[a, g] < _EMPTY or m[a, g] < _EMPTY:
                    continue
                v = noise[a] * (1.0 / n[a, g] + 1.0 / m[a, g]) + doubts[j]
                weights += 1.0 / v
                moved += apart[a, g] / v
                squares += apart[a, g] ** 2 / v
                product *= v
                if product < 1e-200 or product > 1e200:
                    likely[j] -= 0.5 * math.log(product)
                    product = 1.0
            if weights > 0.0:
                likely[j] -= 0.5 * (math.log(product) + math.log(weights) + squares - moved * moved / weights)
    top = likely.max()
    mean = total = 0.0
    for j in range(doubts.shape[0]):
        chance = math.exp(likely[j] - top)
        mean += chance * doubts[j]
        total += chance
    return mean / total


@compiled(f"void({_F2}, {_F2}, {_F2}, {_F1}, float64, {_F1}, {_F2}, {_B1})")
def _shifts(n, m, apart, noise, own, doubts, likely, seen):  # type: ignore[no-untyped-def]
    """The likelihood `(k, j)` of each variance for each model's shift, where a cell's own is `own`."""
    k, c = n.shape
    for a in range(k):
        weights = moved = 0.0
        for g in range(c):
            if n[a, g] >= _EMPTY and m[a, g] >= _EMPTY:
                v = noise[a] * (1.0 / n[a, g] + 1.0 / m[a, g]) + own
                weights += 1.0 / v
                moved += apart[a, g] / v
        seen[a] = weights > 0.0
        if not seen[a]:
            likely[a, :] = 1.0
            continue
        for j in range(doubts.shape[0]):
            v = 1.0 / weights + doubts[j]
            likely[a, j] = -0.5 * (math.log(v) + (moved / weights) ** 2 / v)
        top = likely[a].max()
        for j in range(doubts.shape[0]):
            likely[a, j] = math.exp(likely[a, j] - top)


@compiled(f"void({_F1}, {_F2}, {_B1}, {_F1})")
def _mix(chances, likely, seen, mixture):  # type: ignore[no-untyped-def]
    """How variances are distributed among models: EM from `chances`, which count for one model more."""
    grid = chances.shape[0]
    mixture[:] = chances
    new = np.empty(grid)
    for _ in range(_SWEEPS):
        new[:] = _BEFOREHAND * chances
        for a in range(seen.shape[0]):
            if seen[a]:
                total = 0.0
                for j in range(grid):
                    total += mixture[j] * likely[a, j]
                for j in range(grid):
                    new[j] += mixture[j] * likely[a, j] / total
        mixture[:] = new / new.sum()


@compiled(f"float64({_F3}, {_F2}, {_F3}, float64, {_F3}, {_F2}, {_F3}, float64, {_F2}, {_F2}, {_F2}, {_F1})")
def _compare(xx, xy, cells, scale, past_xx, past_xy, past_cells, expected, n, m, apart, noise):  # type: ignore[no-untyped-def]
    """Weights of the cells live (`n`) and in history (`m`), how far their means are `apart`, all `(k, c)`,
    and the models' `noise` variances `(k,)`; gives the pooled one.

    An outcome's worth of each difference counts as noise, so that a single failure does not
    condemn history (a Student-t with 4 degrees of freedom; the refit has 8, but there less is at stake).
    """
    k, c = n.shape
    degrees = np.zeros(k)
    noise[:] = 0.0
    pooled, freedom = 3.0 * expected, 3.0
    for a in range(k):
        for g in range(c):
            n[a, g], m[a, g] = scale * xx[a, 1 + g, 1 + g], past_xx[a, 1 + g, 1 + g]
            apart[a, g] = before = 0.0
            if m[a, g] >= _EMPTY:
                before = past_xy[a, 1 + g] / m[a, g]
                pooled += max(0.0, past_cells[a, g, 0] - m[a, g] * before * before)
                freedom += max(0.0, m[a, g] - 1.0)
            if n[a, g] >= _EMPTY:
                live = xy[a, 1 + g] / xx[a, 1 + g, 1 + g]
                within = max(0.0, scale * cells[a, g, 0] - n[a, g] * live * live)
                pooled += within
                freedom += max(0.0, n[a, g] - 1.0)
                noise[a] += within
                degrees[a] += max(0.0, n[a, g] - 1.0)
                if m[a, g] >= _EMPTY:
                    apart[a, g] = live - before
                    noise[a] += min(1.0, n[a, g]) * apart[a, g] ** 2
                    degrees[a] += min(1.0, n[a, g])
    pooled /= freedom
    for a in range(k):
        noise[a] = (4.0 * pooled + noise[a]) / (4.0 + degrees[a])
    return pooled


@compiled(f"void({_F3}, {_F2}, {_F3}, float64, {_F3}, {_F2}, {_F3}, float64, float64, {_F2}, {_F1}, {_F1})")
def weigh(  # type: ignore[no-untyped-def]
    xx, xy, cells, scale, past_xx, past_xy, past_cells, trust, expected, share, shift, doubt
):
    """What share of each cell of history counts, `share` `(k, c)`, by how much each model's level has
    shifted since, `shift` `(k,)`, and the variance `doubt` `(k,)` that is left of that.

    `trust` is the number of outcomes that the level of a model's history is worth at most before live ones
    have spoken, `expected` the noise variance beforehand. As the doubt grows, a level leans towards
    that of all models.
    """
    k, c = share.shape
    n, m, apart, noise = np.empty((k, c)), np.empty((k, c)), np.empty((k, c)), np.empty(k)
    pooled = _compare(xx, xy, cells, scale, past_xx, past_xy, past_cells, expected, n, m, apart, noise)
    doubts, chances = np.empty(_GRID), np.empty(_GRID)
    _before(_CELL, trust, pooled, doubts, chances)
    own = _scatter(n, m, apart, noise, doubts, chances)
    _before(1.0, trust, pooled, doubts, chances)
    likely, seen, mixture = np.empty((k, _GRID)), np.empty(k, np.bool_), np.empty(_GRID)
    _shifts(n, m, apart, noise, own, doubts, likely, seen)
    _mix(chances, likely, seen, mixture)
    total, count = 0.0, m.sum()
    for a in range(k):
        for g in range(c):
            total += past_xy[a, 1 + g]
    for a in range(k):
        mean = chance = level = weight = 0.0
        for j in range(_GRID):
            mean += mixture[j] * likely[a, j] * doubts[j]
            chance += mixture[j] * likely[a, j]
        for g in range(c):  # whose level is in doubt, of that model the cells are too
            share[a, g] = 1.0 / (1.0 + m[a, g] * max(own, _CELL * mean / chance) / pooled)
            level += past_xy[a, 1 + g]
            weight += m[a, g]
        shift[a] = doubt[a] = 0.0
        if weight < _EMPTY:
            continue
        precision = chance / mean + 1.0 / pooled
        moved = (total / count - level / weight) / pooled
        for g in range(c):
            if n[a, g] >= _EMPTY and m[a, g] >= _EMPTY:
                v = noise[a] * (1.0 / n[a, g] + 1.0 / m[a, g]) + own
                precision += 1.0 / v
                moved += apart[a, g] / v
        shift[a], doubt[a] = moved / precision, 1.0 / precision


@compiled(
    f"void({_F3}, {_F2}, {_F3}, float64, {_F3}, {_F2}, {_F3}, {_F2}, {_F1}, float64, {_F3}, {_F2}, {_F3})"
)
def blend(  # type: ignore[no-untyped-def]
    xx,
    xy,
    cells,
    scale,
    past_xx,
    past_xy,
    past_cells,
    share,
    shift,
    logarithmic,
    both_xx,
    both_xy,
    both_cells,
):
    """Live sums times `scale`, plus history moved by `shift` `(k,)`, each of its cells (model, class) times
    its `share` `(k, c)`.

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
        grown = math.exp(shift[a]) if logarithmic > 0.0 else 1.0
        for i in range(d):
            both_xy[a, i] = scale * xy[a, i] + mean * (past_xy[a, i] + shift[a] * past_xx[a, i, 0])
            for j in range(d):
                both_xx[a, i, j] = scale * xx[a, i, j] + mean * past_xx[a, i, j]
        for g in range(c):
            m = past_xx[a, 1 + g, 1 + g]
            squares = past_cells[a, g, 0] + shift[a] * (2.0 * past_xy[a, 1 + g] + shift[a] * m)
            both_cells[a, g, 0] = scale * cells[a, g, 0] + share[a, g] * squares
            both_cells[a, g, 1] = scale * cells[a, g, 1] + share[a, g] * grown * past_cells[a, g, 1]
            both_cells[a, g, 2] = scale * cells[a, g, 2] + share[a, g] * past_cells[a, g, 2]
            if m < _EMPTY:
                continue
            before = past_xy[a, 1 + g] / m + shift[a]
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


@compiled(
    f"void({_F3}, {_F2}, {_F3}, float64, {_F3}, {_F2}, {_F3}, float64, {_F1}, {_F1}, "
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
    hyper,
    declared,
    theta,
    cov,
    noise,
    kappa,
    smear,
):
    """`refit` with history beside the live sums, which alone are discounted by `scale`."""
    k, c = cells.shape[:2]
    share, shift, doubt = np.empty((k, c)), np.empty(k), np.empty(k)
    weigh(xx, xy, cells, scale, past_xx, past_xy, past_cells, trust, hyper[0], share, shift, doubt)
    both_xx, both_xy, both_cells = np.empty_like(xx), np.empty_like(xy), np.empty_like(cells)
    blend(
        xx, xy, cells, scale, past_xx, past_xy, past_cells, share, shift, hyper[2],
        both_xx, both_xy, both_cells,
    )  # fmt: skip
    refit(both_xx, both_xy, both_cells, 1.0, hyper, declared, theta, cov, noise, kappa, smear)
    for a in range(k):
        cov[a, 0] += doubt[a]  # of the intercept, which stands first
