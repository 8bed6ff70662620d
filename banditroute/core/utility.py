"""Quality, cost and waiting, met in one utility when a choice is made, and not before.

`utility = w_q·quality − w_c·usd − w_l·seconds − w_t·first token`, with fixed exchange rates: never
normalised over the candidates, or an expensive newcomer would reorder the others. Cost comes from
predicted output tokens at today's prices (or from learned USD where no price is known), so a new
price needs no relearning. Log-normal means are moment-matched and capped while cold.

The sd is epistemic. A learning policy looks ahead instead of sampling all of it (*horizon Thompson*):
what the posterior mean could become after h more outcomes, `s̃² = v²/(v + σ²/h)`, with
`h = max(1, lookahead · H · share of the class)`. Curiosity that cannot pay off any more is not felt. The
share is a tenth at least: part of what one class teaches is true of all, and a learner that looked ahead
for each of many small classes alone would be greedy from the start.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from banditroute.core import kernels
from banditroute.core.base import Floats, Ints
from banditroute.core.features import TYPICAL_TOKENS
from banditroute.core.posterior import predict
from banditroute.core.state import QUALITY, USD, State
from banditroute.core.steering.pacing import Pace
from banditroute.types import Context, Preferences, Weights

_P95 = 1.6448536269514722
_FEWEST = 1e-12  # less than this is none


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is expected of every model for n requests.

    `expected` `(5, n, k)` in the order of FACTORS; `mean` and `sd` `(n, k)` of the utility, the sd
    shrunk to what `looks` `(n,)` more outcomes could move. The rest serves limits.
    """

    expected: Floats
    mean: Floats
    sd: Floats
    looks: Floats
    log_means: Floats
    variances: Floats
    noise: Floats
    quality_sd: Floats
    usd_limit: Floats

    def p95(self, factor: int) -> Floats:
        """Predicted 95th percentile `(n, k)` of one answer's wait, in seconds."""
        cap = kernels.LOG_VARIANCE_CAP
        spread = np.sqrt(np.minimum(self.variances[factor], cap) + np.minimum(self.noise[factor], cap))
        percentile: Floats = np.exp(self.log_means[factor] + _P95 * spread)
        return percentile


def outlook(
    state: State,
    contexts: Sequence[Context],
    preferences: Sequence[Preferences],
    *,
    lookahead: float | None,
    horizon: float,
) -> Outlook:
    """Predicts every factor and combines them at each request's own weights."""
    x, cls = state.frame.layout.encode(contexts)
    tokens = np.array([c.input_tokens or TYPICAL_TOKENS for c in contexts], np.float64)
    most = np.array([c.max_output_tokens or math.inf for c in contexts], np.float64)
    view = foresee(
        state, x, cls, tokens, most, np.array([_rates(p.weights, state.watch.pace) for p in preferences]),
        lookahead=lookahead, horizon=horizon,
    )  # fmt: skip
    if all(p.limits.max_usd is None for p in preferences):
        return view
    return replace(view, usd_limit=_usd_limit(view.expected[USD], state.frame.prices, tokens, most))


def foresee(
    state: State,
    x: Floats,
    cls: Ints,
    tokens: Floats,
    most: Floats,
    weights: Floats,
    *,
    lookahead: float | None,
    horizon: float,
) -> Outlook:
    """The same from arrays: vectors `(n, d)`, classes, input tokens and allowed output tokens `(n,)`,
    weights `(n, 4)`. Limits on cost are left to the caller."""
    frame = state.frame
    n, k = len(x), len(frame.models)
    means = np.full((5, n, k), -math.inf)
    variances = np.zeros((5, n, k))
    noise = np.zeros((5, k))
    smear = np.ones((5, k))
    for f, posterior in enumerate(state.posterior):
        if posterior is not None:
            predict(posterior, frame.priors[f], x, cls, means[f], variances[f])
            noise[f], smear[f] = posterior.noise, posterior.smear
    if state.posterior[QUALITY] is None:
        means[QUALITY] = 0.0
    looks = (
        np.full(n, math.inf)
        if lookahead is None
        else np.maximum(1.0, lookahead * horizon * np.maximum(kernels.LEAST_SHARE, state.class_shares[cls]))
    )
    reducible = variances
    if state.curiosity is not None and state.weighed is not None:
        reducible, face = variances.copy(), np.empty((n, k))
        predict(state.curiosity, frame.priors[QUALITY], x, cls, np.empty((n, k)), face)
        by_people = state.weighed.by_people
        asked = looks * by_people if by_people > 0.0 else np.zeros(n)
        reducible[QUALITY] = _that_can_be_told(variances[QUALITY], face, noise[QUALITY], asked)
    expected, mean, sd = np.empty((5, n, k)), np.empty((n, k)), np.empty((n, k))
    kernels.combine(
        means, reducible, noise, smear, frame.group, frame.prices, tokens, most, weights, looks,
        expected, mean, sd,
    )  # fmt: skip
    quality_sd = np.sqrt(variances[QUALITY][:, frame.group])
    return Outlook(expected, mean, sd, looks, means, variances, noise, quality_sd, expected[USD])


def _that_can_be_told(variance: Floats, face: Floats, noise: Floats, looks: Floats) -> Floats:
    """Variance of quality `(n, k)` that outcomes to come can take away: all of `face`, what would be left of
    it if judges were right, and of what judges may be wrong by as much as the `looks` `(n,)` of people can
    move, each with `noise` `(k,)`."""
    told = np.minimum(variance, face)
    doubt = variance - told
    left = noise / np.maximum(looks, _FEWEST)[:, None]
    return told + doubt * doubt / np.maximum(doubt + left, _FEWEST)


def _rates(weights: Weights, pace: Pace | None) -> tuple[float, float, float, float]:
    """A request's exchange rates, with what its spending is paced by on top."""
    if pace is not None:
        weights = pace.weights(weights)
    return weights.quality, weights.usd, weights.second, weights.ttft_second


def _usd_limit(usd: Floats, prices: Floats, tokens: Floats, most: Floats) -> Floats:
    """Cost `(n, k)` that `max_usd` is held against: with every allowed output token, where that is said."""
    full = prices[:, 0] * tokens[:, None] + prices[:, 1] * most[:, None]
    return np.where(np.isfinite(full), full, usd)
