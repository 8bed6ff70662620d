"""What is known of each model: sums, and the fit made from them.

One linear model per model a and factor, in absolute units: `y = μ_a + κ_g + δ_ag + x′β_a + e`
(model, class difficulty, interaction, request features; statistics in the design notes). The class
difficulty κ is common to all models, so that a hard class is not held against whoever was tried on
it. Variances are learned by empirical Bayes as a pure function of the sums (`refit.refit`).

Outcomes are weighed by the age of their decision, `w = 2^((t_decided − T_ref)/h)`, and the sums are
scaled by `2^(−(t_now − T_ref)/h)` when they are used; the prior stays outside, so that a model
nobody asks widens by itself. T_ref is a multiple of h: moving it multiplies by a power of two, exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from banditroute.core import kernels
from banditroute.core.base import Floats, Ints
from banditroute.core.refit import refit

TRUST = 1_000.0
"""Outcomes that a cell of history counts for, where nobody has chosen how many."""


@dataclass(frozen=True, slots=True)
class FactorPrior:
    """What is expected of a factor beforehand: its center and the noise variance around a mean.

    Logarithmic factors are in log units, with `center` the logarithm of a typical value.
    """

    center: float
    noise: float
    logarithmic: bool

    @property
    def hyper(self) -> Floats:
        """As the kernels take it: noise, center, 1 for logarithms."""
        return np.array([self.noise, self.center, float(self.logarithmic)])


@dataclass(frozen=True, slots=True)
class SufficientStats:
    """Weighted sums of one factor: `xx` Σwxx′ `(k, d, d)`, `xy` Σwx(y−c) `(k, d)`, and per cell
    (model, class) `cells` `(k, c, 3)`: Σw(y−c)², Σw·raw value, Σw with zeros included."""

    xx: Floats
    xy: Floats
    cells: Floats

    def copy(self) -> SufficientStats:
        """A private copy for a kernel to add to."""
        return SufficientStats(self.xx.copy(), self.xy.copy(), self.cells.copy())

    def scaled(self, by: float) -> SufficientStats:
        """Every sum multiplied by one number."""
        return SufficientStats(self.xx * by, self.xy * by, self.cells * by)


@dataclass(frozen=True, slots=True)
class Posterior:
    """The fit: coefficients `theta` `(k, d)`, their covariances `cov` `(k, d(d+1)/2)`, lower triangles as
    `kernels` lays them out (`covariance` unfolds them), `noise` `(k,)`
    variances, class difficulties `kappa` `(c,)`, and for logarithms `smear` `(k,)`, which turns
    `exp(mean)` into a mean of values."""

    theta: Floats
    cov: Floats
    noise: Floats
    kappa: Floats
    smear: Floats

    @property
    def covariance(self) -> Floats:
        """Covariances `(k, d, d)` in the order of `theta`."""
        k, d = self.theta.shape
        c = len(self.kappa)
        places = np.array([0, *range(d - c, d), *range(1, d - c)])
        full = np.empty((k, d, d))
        low = np.tril_indices(d)
        full[:, low[0], low[1]] = full[:, low[1], low[0]] = self.cov
        return full[:, places[:, None], places]

    def movable(self) -> Posterior:
        """With private copies of what rank-one updates write to; the variances are held."""
        return replace(self, theta=self.theta.copy(), cov=self.cov.copy())


def empty_stats(k: int, c: int, d: int) -> SufficientStats:
    """No outcomes yet."""
    return SufficientStats(np.zeros((k, d, d)), np.zeros((k, d)), np.zeros((k, c, 3)))


def fit(
    stats: SufficientStats,
    prior: FactorPrior,
    declared: Floats,
    scale: float = 1.0,
    past: SufficientStats | None = None,
    trust: float = TRUST,
    right: float = 1.0,
    share: Floats | None = None,
) -> Posterior:
    """The posterior that the sums give. `declared` `(k,)`: prior means in the factor's own units, NaN
    where the operator gave none. `scale` discounts `stats`; `past` are sums that nothing forgets, which are
    `right` with that probability, and of whose cells `share` `(k, c)` counts, by default so that each counts
    for at most `trust` outcomes (`blend`)."""
    k, d = stats.xy.shape
    c = stats.cells.shape[1]
    size = d * (d + 1) // 2
    posterior = Posterior(np.empty((k, d)), np.empty((k, size)), np.empty(k), np.empty(c), np.empty(k))
    fitted = posterior.theta, posterior.cov, posterior.noise, posterior.kappa, posterior.smear
    live, offsets = (stats.xx, stats.xy, stats.cells, scale), declared - prior.center
    if past is None:
        refit(*live, prior.hyper, offsets, *fitted)
    else:
        from banditroute.core.blend import refit_with  # takes seconds to compile: only where there is history

        if share is None:
            share = 1.0 / (1.0 + np.diagonal(past.xx, axis1=1, axis2=2)[:, 1 : 1 + c] / trust)
        counted = np.ascontiguousarray(share)
        refit_with(*live, past.xx, past.xy, past.cells, counted, right, prior.hyper, offsets, *fitted)
    return posterior


def predict(
    posterior: Posterior, prior: FactorPrior, x: Floats, cls: Ints, mean: Floats, variance: Floats
) -> None:
    """Means and epistemic variances `(n, k)` for vectors `(n, d)`, written into the last two."""
    kernels.predict(x, cls, posterior.theta, posterior.cov, posterior.kappa, mean, variance)
    mean += prior.center


def decision_weight(decided_at: float, reference: float, half_life: float) -> float:
    """Weight of a decision of that age; 1 without forgetting. Seconds."""
    return 1.0 if math.isinf(half_life) else float(kernels.decay(decided_at - reference, half_life))


def reference_for(now: float, half_life: float) -> float:
    """The latest multiple of the half-life before `now`."""
    return 0.0 if math.isinf(half_life) else math.floor(now / half_life) * half_life
