"""The loop body compiled over a whole log: the kernels of `decide` and `learn`, request after request.

For replays of learning policies. Held bit for bit against the live functions by a test.

Two indices. What belongs to a request (its features, its outcomes, its luck) is looked up by its row,
`order[t]`, so that a log is played in any order without a copy. What belongs to the moment (the time,
the models that are up, today's prices, when feedback comes) is looked up by the position t.
"""

from __future__ import annotations

import math

import numpy as np

from banditroute.core import choosing, kernels
from banditroute.core.blend import refit_with
from banditroute.core.compiled import compiled
from banditroute.core.kernels import _B2, _F1, _F2, _F3, _F4, _I1
from banditroute.core.refit import refit
from banditroute.core.weighing import believe, weigh

THOMPSON, GREEDY, DRAW, BUDGET = 0, 1, 2, 3
"""How a model is chosen. `DRAW` has Thompson's law but for what is negligible, without a propensity. `BUDGET`
is the policy of that name."""

_predict, _combine, _observe, _rank_one = kernels.predict, kernels.combine, kernels.observe, kernels.rank_one
_transform, _shares, _decay = kernels.transform, kernels.shares, kernels.decay
_best, _finish, _uniform, _draw, _draw_best = (
    choosing.best_probabilities,
    choosing.finish,
    choosing.uniform,
    choosing.draw,
    choosing.draw_best,
)
_QUALITY, _USD = 0, 2
_DAY = 86_400.0
_MOST = np.finfo(np.float64).max


@compiled(f"int64({_F2}, {_F2}, {_B2}, uint64, int64, float64, float64, {_F2})")
def _choose(mean, sd, eligible, seed, rule, parameter, negligible, pmf):  # type: ignore[no-untyped-def]
    """The model that a rule takes at these utilities, all `(1, k)`."""
    if rule == DRAW:
        return _draw_best(mean[0], sd[0], eligible[0], seed, parameter)
    if rule == THOMPSON:
        _best(mean, sd, eligible, pmf)
        _finish(pmf, eligible, negligible, parameter)
    else:
        top, ties, count = -np.inf, 0, 0
        for a in range(mean.shape[1]):
            if eligible[0, a]:
                count += 1
                if mean[0, a] > top:
                    top, ties = mean[0, a], 0
                ties += mean[0, a] == top
        for a in range(mean.shape[1]):
            best = 1.0 / ties if mean[0, a] == top else 0.0
            pmf[0, a] = (1.0 - parameter) * best + parameter * (1.0 / count) if eligible[0, a] else 0.0
    return _draw(pmf[0], _uniform(seed))


@compiled(f"int64({_F1}, {_F1}, boolean[::1], float64, float64, {_I1})")
def _afford(quality, usd, eligible, floor, left, places):  # type: ignore[no-untyped-def]
    """The cheapest of the models `(k,)` that `left` affords and whose quality reaches the `floor`, of none
    the best that it affords, of none the cheapest of all; `places` `(k,)` is the order that breaks ties."""
    rich, good, top = False, False, -np.inf
    for a in range(usd.shape[0]):
        if eligible[a] and (math.isnan(usd[a]) or min(usd[a], _MOST) <= left):
            rich = True
            good |= quality[a] >= floor
            top = max(top, quality[a])
    chosen, least = places[0], np.inf
    for a in places:
        affordable = eligible[a] and (math.isnan(usd[a]) or min(usd[a], _MOST) <= left)
        wanted = affordable and (quality[a] >= floor if good else quality[a] == top)
        price = _MOST if math.isnan(usd[a]) else min(usd[a], _MOST)
        if (wanted if rich else eligible[a]) and price < least:
            chosen, least = a, price
    return chosen


@compiled(f"void({_F1}, {_F1}, {_F1}, {_F1}, {_F4}, {_F3}, {_F4}, float64)")
def _forget(active, half_lives, references, scale, xx, xy, cells, now):  # type: ignore[no-untyped-def]
    """Moves each T_ref to the latest multiple of its half-life, and says what the sums count for now."""
    for f in range(5):
        if active[f] == 0.0 or math.isinf(half_lives[f]):
            continue
        reference = math.floor(now / half_lives[f]) * half_lives[f]
        if reference != references[f]:
            by = _decay(-(reference - references[f]), half_lives[f])
            xx[f] *= by
            xy[f] *= by
            cells[f] *= by
            references[f] = reference
        scale[f] = _decay(-(now - references[f]), half_lives[f])


@compiled(
    f"void({_I1}, {_F2}, {_I1}, {_F1}, uint64[::1], UniTuple({_F2}, 5), "
    f"{_F1}, {_B2}, {_I1}, {_F3}, int32[:,::1], boolean[::1], "
    f"{_F1}, {_F1}, {_F2}, {_F2}, {_I1}, {_F1}, int64, float64, float64, float64, {_F1}, "
    f"float64, {_I1}, {_F4}, {_F3}, {_F4}, {_F2}, {_F1}, "
    f"{_F4}, {_F3}, {_F4}, {_F3}, {_F3}, {_F2}, {_F2}, {_F2}, {_F1}, {_I1})"
)
def play(  # type: ignore[no-untyped-def]
    order, x, cls, tokens, seeds, outcomes,
    at, eligible, epoch, prices, arrives, refits,
    active, half_lives, hyper, declared, group, weights, rule, parameter, negligible, lookahead, ahead,
    per_day, places, past_xx, past_xy, past_cells, own, trust,
    xx, xy, cells, theta, cov, noise, kappa, smear, references, actions,
):  # fmt: skip
    """Plays the n requests of `order`; writes `actions` `(n,)` and leaves sums and fits as they ended.

    By row: `x` `(rows, d)`, `cls`, `tokens`, `seeds` `(rows,)`, and `outcomes`, five arrays `(rows, k)`
    of raw values, NaN where nothing is known. By position: `at` `(n,)` never falls; `eligible`
    `(1|n, k)`; `prices[epoch[t]]` `(k, 2)`; `arrives` `(0|n, 1|k)` is the position at whose start the
    quality of that choice is learned, −1 for never, `t + 1` where it has no rows. What meters say is
    learned at `t + 1`. Where `refits` `(n + 1,)` holds, what has moved is refitted after learning and
    before choosing; elsewhere coefficients move by rank-one updates.

    `parameter` is the floor of Thompson, the epsilon of greedy, the least quality of a budget. That may spend
    `per_day` USD on a UTC day, by the bills, and breaks ties by the order `places` `(k,)`. `ahead` `(n,)` are
    the requests that are believed to remain; a negative `lookahead` looks ahead for ever. `past_…` are sums
    of history that nothing forgets, of whose noise `own` `(5, k)` matters, blended in where `trust` `(5,)` is
    not 0 (`blend`). They are judged together (`weighing`): when one of these factors has moved, all of them
    are refitted.
    """
    n = order.shape[0]
    k = group.shape[0]
    means, variances = np.full((5, 1, k), -np.inf), np.zeros((5, 1, k))
    expected, mean, sd = np.empty((5, 1, k)), np.empty((1, k)), np.empty((1, k))
    pmf, looks, weight, most = np.empty((1, k)), np.empty(1), weights.copy().reshape(1, 4), np.full(1, np.inf)
    if active[_QUALITY] == 0.0:
        means[_QUALITY, 0, :] = 0.0
    shares = np.empty(kappa.shape[1])
    _shares(cells[_QUALITY], shares)
    touched = np.zeros(5, np.bool_)
    known = active * (trust > 0.0)
    share, part, evidence = np.empty((5, k, kappa.shape[1])), np.empty(5), np.empty((5, 2))
    alike = np.empty((5, k, k + 1))
    scale = np.ones(5)
    spent = 0.0
    late = arrives.shape[0] > 0
    waiting = n + 1 if late else 0  # the requests that each position hears of: a list in order of decision
    first, last = np.full(waiting, -1, np.int32), np.empty(waiting, np.int32)
    following = np.full(waiting, -1, np.int32)
    for t in range(n + 1):
        if t > 0:
            _forget(active, half_lives, references, scale, xx, xy, cells, at[min(t, n - 1)])
            if t < n and at[t] // _DAY != at[t - 1] // _DAY:
                spent = 0.0
            elif active[_USD] > 0.0 and not math.isnan(outcomes[_USD][order[t - 1], actions[t - 1]]):
                spent += outcomes[_USD][order[t - 1], actions[t - 1]]
            heard = False
            for f in range(5):
                if active[f] == 0.0:
                    continue
                s = t - 1
                if late and f == _QUALITY:
                    s = first[t]
                while s >= 0:
                    row, chosen = order[s], actions[s]
                    raw = outcomes[f][row, chosen]
                    if not math.isnan(raw) and (f != _USD or math.isnan(prices[0, chosen, 1])):
                        g = group[chosen] if f == _QUALITY else chosen
                        y, raw = _transform(raw, hyper[f, 1], hyper[f, 2])
                        age = _decay(at[s] - references[f], half_lives[f])
                        _observe(xx[f], xy[f], cells[f], g, cls[row], x[row], y, raw, age)
                        if not refits[t]:
                            _rank_one(
                                theta[f], cov[f], noise[f], kappa[f], g, cls[row], x[row], y, age * scale[f]
                            )
                        touched[f] = True
                        heard |= f == _QUALITY
                    s = following[s] if late and f == _QUALITY else -1
            if heard or refits[t]:
                _shares(cells[_QUALITY], shares)
            if refits[t]:
                told = False
                for f in range(5):
                    told |= known[f] > 0.0 and (touched[f] or not math.isinf(half_lives[f]))
                if told:
                    for f in range(5):
                        if known[f] > 0.0:
                            evidence[f] = weigh(
                                xx[f], xy[f], cells[f], scale[f], past_xx[f], past_xy[f], past_cells[f],
                                own[f], trust[f], hyper[f], share[f], alike[f],
                            )  # fmt: skip
                    believe(evidence, alike, known, part)
                for f in range(5):
                    if known[f] > 0.0:
                        if told:
                            refit_with(
                                xx[f], xy[f], cells[f], scale[f], past_xx[f], past_xy[f], past_cells[f],
                                share[f], part[f], hyper[f], declared[f],
                                theta[f], cov[f], noise[f], kappa[f], smear[f],
                            )  # fmt: skip
                    elif active[f] > 0.0 and (touched[f] or not math.isinf(half_lives[f])):
                        refit(
                            xx[f], xy[f], cells[f], scale[f], hyper[f], declared[f],
                            theta[f], cov[f], noise[f], kappa[f], smear[f],
                        )  # fmt: skip
                    touched[f] = False
        if t == n:
            break
        row = order[t]
        for f in range(5):
            if active[f] > 0.0:
                _predict(
                    x[row : row + 1], cls[row : row + 1], theta[f], cov[f], kappa[f], means[f], variances[f]
                )  # fmt: skip
                for a in range(k):
                    means[f, 0, a] += hyper[f, 1]
        looks[0] = np.inf
        if lookahead >= 0.0:
            looks[0] = max(1.0, lookahead * ahead[t] * max(kernels.LEAST_SHARE, shares[cls[row]]))
        _combine(
            means, variances, noise, smear, group, prices[epoch[t]], tokens[row : row + 1], most,
            weight, looks, expected, mean, sd,
        )  # fmt: skip
        up = min(t, eligible.shape[0] - 1)
        if rule == BUDGET:
            left = max(per_day - spent, 0.0)
            actions[t] = _afford(
                expected[_QUALITY, 0], expected[_USD, 0], eligible[up], parameter, left, places
            )
        else:
            actions[t] = _choose(
                mean, sd, eligible[up : up + 1], seeds[row], rule, parameter, negligible, pmf
            )  # fmt: skip
        if late:
            due = arrives[t, min(actions[t], arrives.shape[1] - 1)]
            if t < due <= n:
                if first[due] < 0:
                    first[due] = t
                else:
                    following[last[due]] = t
                last[due] = t
