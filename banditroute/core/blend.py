"""The compiled warm start: history joins the fit as sums, for as much as it is believed.

Either a factor's history is right: its sums then count beside the live ones, each of its cells (model,
class) for its share. Or it is wrong: then only the live sums count. Both fits are made, and what is believed
is their mixture, with the probability that `weighing` gives (as a prior for borrowing from history:
Schmidli et al. 2014, robust mixtures). So a model that history calls bad is doubted even if nobody tries
it, as soon as others turn out not to be what history says.
"""

from __future__ import annotations

import numpy as np

from banditroute.core.compiled import compiled
from banditroute.core.kernels import _EMPTY, _F1, _F2, _F3
from banditroute.core.refit import refit


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
    f"void({_F3}, {_F2}, {_F3}, float64, {_F3}, {_F2}, {_F3}, {_F2}, float64, {_F1}, {_F1}, "
    f"{_F2}, {_F2}, {_F1}, {_F1}, {_F1})"
)
def refit_with(  # type: ignore[no-untyped-def]
    xx, xy, cells, scale, past_xx, past_xy, past_cells, share, part, hyper, declared,
    theta, cov, noise, kappa, smear,
):  # fmt: skip
    """`refit` with history beside the live sums, which alone are discounted by `scale`. Of each of its cells
    `share` `(k, c)` counts, and it is right with the probability `part`; with 1 there is no doubt."""
    theta0, cov0, noise0 = np.empty_like(theta), np.empty_like(cov), np.empty_like(noise)
    kappa0, smear0 = np.empty_like(kappa), np.empty_like(smear)
    refit(xx, xy, cells, scale, hyper, declared, theta0, cov0, noise0, kappa0, smear0)
    known = 0.0
    for a in range(past_cells.shape[0]):
        for g in range(past_cells.shape[1]):
            known += past_cells[a, g, 2]
    if known >= _EMPTY:
        both_xx, both_xy, both_cells = np.empty_like(xx), np.empty_like(xy), np.empty_like(cells)
        blend(xx, xy, cells, scale, past_xx, past_xy, past_cells, share, both_xx, both_xy, both_cells)
        refit(both_xx, both_xy, both_cells, 1.0, hyper, declared, theta, cov, noise, kappa, smear)
    else:
        part = 0.0
        theta.fill(0.0)
        cov.fill(0.0)
        noise.fill(0.0)
        kappa.fill(0.0)
        smear.fill(0.0)
    mix(part, theta0, cov0, noise0, kappa0, smear0, theta, cov, noise, kappa, smear)
