"""What to expect of a model that nobody has tried: from its family, its price, and how the pool turned out.

Levels of the models in quality, `y_a = μ_a + e_a`, are read off the cell sums by a two-way fit of model and
class. The truth behind them is taken to be

    μ_a = m + b·z_a + f_family(a) + u_a,    b ~ N(0, β²), f ~ N(0, φ²), u ~ N(0, s²)

with z the logarithm of the price: a Gaussian process over models, so what is expected of any of them is
linear in the levels of the others (kriging; Rasmussen and Williams 2006, chapter 2; Robinson 1991, "That BLUP
is a good thing"). The sds (β, φ, s) are not chosen but averaged over: each triple of a fixed grid counts by
the likelihood it gives the levels (empirical Bayes by integration, as in Rue, Martino and Chopin 2009), so a
pool of three models does not pretend to know a slope, and the variance contains that doubt.

A model is expected to be what the *others* say, its own levels left out, so nothing changes suddenly with its
first outcome: its prior stays, and its outcomes take over. All of it is a function of the sums.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from banditroute.core.base import Floats, Ints
from banditroute.core.feedback.evidence import believed
from banditroute.core.posterior import FactorPrior, Posterior, SufficientStats, fit
from banditroute.types import Model

_VAGUE = 0.2  # sd of the pool's mean about the center
_OWN = (0.015, 0.03, 0.06, 0.12)  # s
_SLOPES = (0.0, 0.02, 0.05, 0.1)  # β, quality per tenfold price
_FAMILIES = (0.0, 0.03, 0.08)  # φ
_GRID = np.array(list(product(_OWN, _SLOPES, _FAMILIES))) ** 2
_SWEEPS = 8
_PLENTY = 10_000.0  # outcomes beside which no prior counts


@dataclass(frozen=True, slots=True)
class Pedigree:
    """What is known of the models from outside: the log10 of their price about the pool's mean `(k,)`, NaN
    where it is not known, and the number of their family `(k,)`."""

    price: Floats
    family: Ints


def pedigree_of(models: Sequence[Model]) -> Pedigree:
    """Prices weigh three tokens in against one out. A model without a family has that of its name's first
    word: `gpt-4o` is a gpt."""
    price = np.array([_log_price(model) for model in models])
    known = price[~np.isnan(price)]
    names = [model.family or family_name(model.upstream_name or model.id) for model in models]
    numbers = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return Pedigree(
        price - (known.mean() if len(known) else 0.0), np.array([numbers[name] for name in names], np.int64)
    )


def family_name(model: str) -> str:
    """The first word of a model's name, without its provider."""
    name = model.lower().rsplit("/", 1)[-1].removeprefix("meta-")
    found = re.match(r"[^\W\d_]+", name)
    return found[0] if found else name


def _log_price(model: Model) -> float:
    usd_in, usd_out = model.usd_per_input_token, model.usd_per_output_token
    if usd_in is None or usd_out is None or usd_in + usd_out <= 0.0:
        return math.nan
    return math.log10(0.75 * usd_in + 0.25 * usd_out)


def pool_levels(n: Floats, total: Floats, squares: Floats, noise: float) -> tuple[Floats, Floats]:
    """Levels of the models about the center, and the variances of their errors, `(k,)` each; infinite where
    nothing is known. From Σw, Σw(y−c), Σw(y−c)² by cell `(k, c)`; `noise` is the variance of an outcome that
    is expected beforehand.

    Backfitting of model and class, classes drawn to 0; an outcome's variance is pooled. Cells are weighed
    as if their means varied by a twentieth of it besides, as the hierarchy has it at its start (`refit`).
    That is no error of the level, but of what it tells of another model's, and is found with `s`.
    """
    mean = np.divide(total, n, out=np.zeros_like(n), where=n > 0.0)
    within, degrees = np.maximum(squares - n * mean**2, 0.0).sum(), np.maximum(n - 1.0, 0.0).sum()
    pooled = (3.0 * noise + within) / (3.0 + degrees)
    error = pooled / np.where(n > 0.0, n, 1.0)
    weight = np.where(n > 0.0, 1.0 / (error + pooled / 20.0), 0.0)
    by_model, by_class = weight.sum(axis=1), weight.sum(axis=0) + 4.0 / pooled
    level, hard = np.zeros(len(n)), np.zeros(n.shape[1])
    for _ in range(_SWEEPS):
        level = (weight * (mean - hard)).sum(axis=1) / np.where(by_model > 0.0, by_model, 1.0)
        hard = (weight * (mean - level[:, None])).sum(axis=0) / by_class
    spread = (weight**2 * error).sum(axis=1) / np.where(by_model > 0.0, by_model, 1.0) ** 2
    return level, np.where(by_model > 0.0, spread, np.inf)


def pool_priors(level: Floats, variance: Floats, pedigree: Pedigree) -> tuple[Floats, Floats]:
    """What the others let expect of each model `(k,)`, about the center, and the variance of that `(k,)`.

    Levels are those of `pool_levels`; a variance is infinite where nothing is known of a model.
    """
    k, heard = len(level), np.isfinite(variance)
    own, slope, family = (_GRID[:, i, None, None] for i in range(3))
    z = np.nan_to_num(pedigree.price)
    unpriced = np.isnan(pedigree.price)
    spread = float((z[~unpriced] ** 2).mean()) if (~unpriced).any() else 0.0
    alike = pedigree.family[:, None] == pedigree.family[None, :]
    cov = _VAGUE**2 + slope * np.outer(z, z) + family * alike
    cov = cov + np.eye(k) * (own + slope * spread * unpriced)
    mean, doubt, evidence = (np.empty((len(_GRID), k)) for _ in range(3))
    inverse = np.linalg.inv(cov[:, heard][:, :, heard] + np.diag(variance[heard]))
    told = inverse @ level[heard]
    alone = np.diagonal(inverse, axis1=1, axis2=2)
    likelihood = 0.5 * (np.linalg.slogdet(inverse)[1] - told @ level[heard])
    off = told / alone  # how far each level is from what the others let expect
    mean[:, heard], doubt[:, heard] = level[heard] - off, 1.0 / alone - variance[heard]
    evidence[:, heard] = likelihood[:, None] - 0.5 * (np.log(alone) - off**2 * alone)
    across = cov[:, ~heard][:, :, heard]
    mean[:, ~heard] = (across @ told[:, :, None])[:, :, 0]
    known = ((across @ inverse) * across).sum(axis=2)
    doubt[:, ~heard] = np.diagonal(cov, axis1=1, axis2=2)[:, ~heard] - known
    evidence[:, ~heard] = likelihood[:, None]
    share = np.exp(evidence - evidence.max(axis=0))
    share /= share.sum(axis=0)
    expected = (share * mean).sum(axis=0)
    total = (share * (np.maximum(doubt, 0.0) + (mean - expected) ** 2)).sum(axis=0)
    return expected, np.maximum(total, _OWN[0] ** 2)


def fit_newcomers(
    stats: SufficientStats,
    prior: FactorPrior,
    declared: Floats,
    scale: float,
    past: SufficientStats | None = None,
    *known: object,
    pedigree: Pedigree | None,
    leaning: Floats | None,
) -> Posterior:
    """`posterior.fit` with more to expect of models: `leaning` `(k, c)` is by how much their prior means
    differ by class, and with a `pedigree` those of models without a declared prior come from the pool."""
    if leaning is not None:
        still = np.ones_like(leaning)
        stats = believed(stats, still, -leaning)
        past = None if past is None else believed(past, still, -leaning)
    expected = None if pedigree is None else _expected(stats, prior, declared, scale, past, pedigree)
    if expected is None:
        posterior = fit(stats, prior, declared, scale, past, *known)  # type: ignore[arg-type]
    else:
        mean, variance, rows = expected
        means = np.where(np.isnan(declared), prior.center + mean, declared)
        posterior = fit(stats, prior, means, scale, past, *known)  # type: ignore[arg-type]
        data = scale * stats.xx[:, 0, 0] / posterior.noise
        posterior = _with_variances(posterior, mean, variance, rows, data)
    if leaning is None:
        return posterior
    theta = posterior.theta.copy()
    theta[:, 1 : 1 + leaning.shape[1]] += leaning
    return replace(posterior, theta=theta)


def _expected(
    stats: SufficientStats,
    prior: FactorPrior,
    declared: Floats,
    scale: float,
    past: SufficientStats | None,
    pedigree: Pedigree,
) -> tuple[Floats, Floats, Ints] | None:
    """Means and variances of the priors from the pool, and the rows whose variance is to be set; None where
    nobody needs one, or nothing is known of anybody."""
    n, total, squares = (part * scale for part in _cells(stats))
    if past is not None:
        before = _cells(past)
        n, total, squares = n + before[0], total + before[1], squares + before[2]
    numbers: Floats = n.sum(axis=1)
    asked = np.isnan(declared) & (numbers < _PLENTY)
    if not asked.any() or not numbers.any():
        return None
    mean, variance = pool_priors(*pool_levels(n, total, squares, prior.noise), pedigree)
    # A fit with history is a mixture of two, whose prior cannot be exchanged once there are outcomes.
    rows = np.flatnonzero(asked if past is None else asked & (numbers == 0.0))
    return mean, variance, rows


def _with_variances(
    posterior: Posterior, mean: Floats, variance: Floats, rows: Ints, data: Floats
) -> Posterior:
    """The posterior that other prior variances of the levels would have given: the prior's precision is
    exchanged in coordinate 0 by a rank-one update (Sherman and Morrison 1950). `data` `(k,)` is what outcomes
    add to the precision there. As in `refit`, no prior is wider than one outcome's noise."""
    posterior = posterior.movable()
    d, c = posterior.theta.shape[1], len(posterior.kappa)
    places = np.array([0, *range(d - c, d), *range(1, d - c)])  # of coordinates in a packed covariance
    low, column = np.tril_indices(d), np.arange(d) * np.arange(1, d + 1) // 2
    least = int(np.argmin(data))
    fitted = np.linalg.inv(posterior.covariance[least])[0, 0] - data[least]
    for a in rows:
        change = 1.0 / min(variance[a], posterior.noise[a]) - fitted
        own = posterior.cov[a, column]
        gain = change / (1.0 + change * own[0])
        posterior.theta[a] += gain * (mean[a] - posterior.theta[a, 0]) * own[places]
        posterior.cov[a] -= gain * np.outer(own, own)[low]
    return posterior


def _cells(sums: SufficientStats) -> tuple[Floats, Floats, Floats]:
    """Σw, Σw(y−c), Σw(y−c)² per cell, `(k, c)` each."""
    places = np.arange(1, 1 + sums.cells.shape[1])
    return sums.xx[:, places, places], sums.xy[:, places], sums.cells[:, :, 0]
