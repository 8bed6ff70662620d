"""The loop body compiled over a whole log: the kernels of `decide` and `learn`, request after request.

For replays of learning policies. Held bit for bit against the live functions by a test.
"""

from __future__ import annotations

import math

import numpy as np

from banditroute.core import choosing, kernels
from banditroute.core.compiled import compiled
from banditroute.core.kernels import _B2, _F1, _F2, _F3, _F4, _I1
from banditroute.core.refit import refit

THOMPSON, GREEDY = 0, 1

_predict, _combine, _observe, _rank_one = kernels.predict, kernels.combine, kernels.observe, kernels.rank_one
_transform = kernels.transform
_best, _finish, _uniform, _draw = (
    choosing.best_probabilities,
    choosing.finish,
    choosing.uniform,
    choosing.draw,
)


@compiled(
    f"void({_F2}, {_I1}, {_F3}, uint64[::1], {_F1}, {_F1}, {_B2}, {_F1}, {_F2}, {_F2}, {_I1}, {_F2}, {_F1}, "
    f"int64, float64, float64, float64, float64, int64, "
    f"{_F4}, {_F3}, {_F4}, {_F3}, {_F4}, {_F2}, {_F2}, {_F2}, {_I1})"
)
def play(  # type: ignore[no-untyped-def]
    x, cls, outcomes, seeds, tokens, most_tokens, eligible, active, hyper, declared, group, prices, weights,
    rule, parameter, negligible, lookahead, horizon, refresh,
    xx, xy, cells, theta, cov, noise, kappa, smear, actions,
):  # fmt: skip
    """Plays n requests in order; writes `actions` `(n,)` and leaves sums and fits as they ended.

    `outcomes` `(5, n, k)` raw values, NaN where the log says nothing. `parameter` is the floor of
    Thompson, the epsilon of greedy. A negative `lookahead` looks ahead for ever. Every `refresh`
    requests everything is refitted; in between coefficients move by rank-one updates.
    """
    n = x.shape[0]
    k = group.shape[0]
    c = kappa.shape[1]
    means, variances = np.full((5, 1, k), -np.inf), np.zeros((5, 1, k))
    expected, mean, sd = np.empty((5, 1, k)), np.empty((1, k)), np.empty((1, k))
    pmf, looks, weight = np.empty((1, k)), np.empty(1), weights.copy().reshape(1, 4)
    if active[0] == 0.0:
        means[0, 0, :] = 0.0
    counts = np.zeros(c)
    seen = 0.0
    touched = np.zeros(5, np.bool_)
    for t in range(n):
        for f in range(5):
            if active[f] > 0.0:
                _predict(x[t : t + 1], cls[t : t + 1], theta[f], cov[f], kappa[f], means[f], variances[f])
                for a in range(k):
                    means[f, 0, a] += hyper[f, 1]
        looks[0] = np.inf
        if lookahead >= 0.0:
            looks[0] = max(1.0, lookahead * (horizon - t) * ((counts[cls[t]] + 1.0) / (seen + c)))
        _combine(
            means, variances, noise, smear, group, prices, tokens[t : t + 1], most_tokens[t : t + 1],
            weight, looks, expected, mean, sd,
        )  # fmt: skip
        if rule == THOMPSON:
            _best(mean, sd, eligible, pmf)
            _finish(pmf, eligible, negligible, parameter)
        else:
            top, ties = -np.inf, 0
            for a in range(k):
                if mean[0, a] > top:
                    top, ties = mean[0, a], 0
                ties += mean[0, a] == top
            for a in range(k):
                best = 1.0 / ties if mean[0, a] == top else 0.0
                pmf[0, a] = (1.0 - parameter) * best + parameter * (1.0 / k)
        chosen = _draw(pmf[0], _uniform(seeds[t]))
        actions[t] = chosen
        again = (t + 1) % refresh == 0
        for f in range(5):
            raw = outcomes[f, t, chosen]
            if active[f] == 0.0 or math.isnan(raw):
                continue
            row = group[chosen] if f == 0 else chosen
            y, raw = _transform(raw, hyper[f, 1], hyper[f, 2])
            _observe(xx[f], xy[f], cells[f], row, cls[t], x[t], y, raw, 1.0)
            if not again:
                _rank_one(theta[f], cov[f], noise[f], kappa[f], row, cls[t], x[t], y, 1.0)
            if f == 0:
                counts[cls[t]] += 1.0
                seen += 1.0
            touched[f] = True
        if again:
            for f in range(5):
                if touched[f]:
                    refit(
                        xx[f], xy[f], cells[f], 1.0, hyper[f], declared[f],
                        theta[f], cov[f], noise[f], kappa[f], smear[f],
                    )  # fmt: skip
                    touched[f] = False
