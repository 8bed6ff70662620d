"""Is history right? How well live outcomes bear out each factor's, and what all factors say together.

Labels that are wrong are wrong for every factor at once, and show within a few outcomes in what meters
say: models differ there by factors. So there is one question for all, whether the labels of the history
are right, and one per factor. Under right labels a metered factor may have moved (a price, a faster
machine), and quality may be wrong for reasons of its own (another judge, other labels of its log). Under
wrong labels every factor is wrong. The answer for a factor is the probability that both are right, given
the live means of all of them: a Bayesian model average (Hoeting et al. 1999) over a small tree.
Like the fit, it is a function of the sums.
"""

from __future__ import annotations

import math

import numpy as np

from banditroute.core.compiled import compiled
from banditroute.core.kernels import _EMPTY, _F1, _F2, _F3

_MISLABELLED = 0.02  # the chance beforehand that the labels of a history are wrong
_MISJUDGED = 0.03  # under right labels, that its quality is wrong all the same
_REPRICED = 0.05  # under right labels, that all levels of a metered factor have moved
_MISFILED = 0.001  # under right labels, that one metered factor alone is under wrong ones
_ALONE = 0.01  # of a right history, the chance that it is off for one model
_ELSEWHERE = 0.3  # of a wrong one, the chance that a model is at a level that no other had

RIGHT = (1.0 - _MISLABELLED) * (1.0 - _MISJUDGED)
"""Probability beforehand that the quality of a history is right."""

_QUALITY = 0


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


@compiled("float64(float64, float64)")
def _log_sum(a, b):  # type: ignore[no-untyped-def]
    """log(eᵃ + eᵇ)."""
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))


@compiled(f"float64({_F3}, {_F2})")
def _spread(past_xx, past_xy):  # type: ignore[no-untyped-def]
    """Variance of the models' levels in history."""
    k = past_xx.shape[0]
    count = middle = square = 0.0
    for a in range(k):
        m = past_xx[a, 0, 0]
        if m >= _EMPTY:
            count += 1.0
            middle += past_xy[a, 0] / m
            square += (past_xy[a, 0] / m) ** 2
    return max(0.0, square - middle * middle / max(count, 1.0)) / max(1.0, count - 1.0)


@compiled(f"float64({_F1}, {_F1}, float64, float64)")
def _moved(apart, variance, tight, wide):  # type: ignore[no-untyped-def]
    """Log density of the models' levels, `apart` from their histories, where all have moved: each by its own
    shift, or, as likely, all by the same one up to `tight`. Shifts have the variance `wide`; what is not
    known has an infinite `variance`."""
    each = together = weights = moved = square = 0.0
    for a in range(apart.shape[0]):
        if variance[a] == np.inf:
            continue
        each += math.log(_density(apart[a], variance[a] + wide))
        weight = 1.0 / (variance[a] + tight)
        together += 0.5 * math.log(weight)
        weights += weight
        moved += weight * apart[a]
        square += weight * apart[a] * apart[a]
    if weights > 0.0:
        shift, left = moved / weights, 1.0 / weights
        together += 0.5 * math.log(left / (left + wide)) - 0.5 * shift * shift / (left + wide)
        together -= 0.5 * max(0.0, square - weights * shift * shift)
    return math.log(0.5) + _log_sum(each, together)


@compiled(f"float64({_F2})")
def _mislabelled(alike):  # type: ignore[no-untyped-def]
    """Log density of all levels where a model's is that of any model's history, or one that no model had."""
    k, total = alike.shape[0], 0.0
    for a in range(k):
        others, many = -np.inf, 0.0
        for b in range(k):
            if not math.isnan(alike[a, b]):
                others, many = _log_sum(others, alike[a, b]), many + 1.0
        total += _log_sum(math.log((1.0 - _ELSEWHERE) / many) + others, math.log(_ELSEWHERE) + alike[a, k])
    return total


@compiled(
    f"UniTuple(float64, 2)({_F3}, {_F2}, {_F3}, float64, {_F3}, {_F2}, {_F3}, {_F1}, float64, {_F1}, {_F2}, "
    f"{_F2})"
)
def weigh(  # type: ignore[no-untyped-def]
    xx, xy, cells, scale, past_xx, past_xy, past_cells, own, trust, hyper, share, alike
):  # fmt: skip
    """What the live sums of one factor say of its history: the log densities of the live levels, but for a
    common constant, if history is right, and if all levels have moved.

    Into `alike` `(k, k + 1)`: the log density of a model's level if it is that of each model's history (NaN
    where that has none), last, if it is one that no model had; 0 for a model of which nothing is known. Into
    `share` `(k, c)`: what of each cell counts where history is right. Its m outcomes count for `m / own`, as
    only that part `own` `(k,)` of their noise matters where models are compared, and for no more than
    `trust`. `hyper` is as in `refit`.

    Right: a model's live level is that of its own history, off by no more than the outcomes would be that
    its cells count for, or `trust` of them if those are fewer; or that model alone is far off, and loses its
    share. Near-equal models, which confirm each other's history, so prove little.
    """
    k, c = cells.shape[:2]
    noise, numbers, sums = np.empty(k), np.zeros(c), past_xy.sum(axis=0)
    pooled = _noise(xx, xy, cells, scale, past_xx, past_xy, past_cells, hyper[0], noise)
    tight, wide = pooled / trust, pooled + _spread(past_xx, past_xy)
    off = wide if hyper[2] > 0.0 else pooled  # prices change by factors
    for g in range(c):
        for b in range(k):
            numbers[g] += past_xx[b, 1 + g, 1 + g]
    apart, variance = np.zeros(k), np.full(k, np.inf)
    right = 0.0
    for a in range(k):
        kept, counted = 1.0 - _ALONE, 0.0
        for g in range(c):
            m = past_xx[a, 1 + g, 1 + g]
            counted += m / (1.0 + m / trust)
        near = pooled / max(trust, counted)
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
                alike[a, b] = np.nan
                continue
            if b == k:
                alike[a, k] = math.log(_density(moved / weights, 1.0 / weights + wide))
                continue
            agreed = (1.0 - _ALONE) * _density(moved / weights, 1.0 / weights + near)
            density = agreed + _ALONE * _density(moved / weights, 1.0 / weights + off)
            alike[a, b] = math.log(density)
            if b == a:
                kept = agreed / density
                apart[a], variance[a] = moved / weights, 1.0 / weights
        for g in range(c):
            m = past_xx[a, 1 + g, 1 + g]
            share[a, g] = kept / (own[a] + m / trust) if m >= _EMPTY else kept
        if math.isnan(alike[a, a]):
            alike[a, :] = 0.0
        right += alike[a, a]
    return right, _moved(apart, variance, tight, wide)


@compiled(f"float64({_F2}, {_F3}, {_F1}, {_F1})")
def believe(evidence, alike, known, part):  # type: ignore[no-untyped-def]
    """The probability that the labels are right, and into `part` `(f,)` that a factor's history is. Of each
    factor that is `known` (not 0), `evidence` `(f, 2)` and `alike` `(f, k, k + 1)` are what `weigh` gave.

    Under wrong labels a model is another one in every factor at once.
    """
    k = alike.shape[1]
    joint, heard = np.zeros((k, k + 1)), np.zeros((k, k))
    labels = math.log((1.0 - _MISLABELLED) / _MISLABELLED)
    part[:] = 0.0
    for f in range(known.shape[0]):
        if known[f] == 0.0:
            continue
        right, moved = evidence[f]
        wrong = _mislabelled(alike[f])
        if f == _QUALITY:
            right += math.log(1.0 - _MISJUDGED)
            other = math.log(_MISJUDGED) + wrong
        else:
            right += math.log(1.0 - _REPRICED - _MISFILED)
            other = _log_sum(math.log(_REPRICED) + moved, math.log(_MISFILED) + wrong)
        given = _log_sum(right, other)
        part[f] = math.exp(right - given)
        labels += given
        for a in range(k):
            joint[a, k] += alike[f, a, k]
            for b in range(k):
                missing = math.isnan(alike[f, a, b])
                joint[a, b] += alike[f, a, k] if missing else alike[f, a, b]
                heard[a, b] += not missing
    for a in range(k):
        for b in range(k):
            if heard[a, b] == 0.0:
                joint[a, b] = np.nan
    labels -= _mislabelled(joint)
    labels = 1.0 / (1.0 + math.exp(-min(max(labels, -500.0), 500.0)))
    for f in range(known.shape[0]):
        part[f] *= labels
    return labels
