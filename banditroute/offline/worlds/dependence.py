"""What answers have in common: a hard request is hard for every model, a long one costs every model more.

A Gaussian copula with one common factor per column. The normal score of model a's answer is
`z_a = λ_a θ + √(1 − λ_a²) ε_a`: θ belongs to the request (difficulty, length, …), ε to the answer, whose own
columns (score, tokens, USD, seconds) go together as the matrix `within` says. Marginal distributions stay
what `response` made them. Requests are drawn from the log together with what its answers say of their θ, so
that features and θ stay related. A log with one answer per request cannot tell θ from ε: λ is 0 there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from banditroute.core.base import Bools, Floats
from banditroute.offline.worlds.answers import Answers

MOST = 0.9999
"""The largest λ."""

SWEEPS = 30


@dataclass(frozen=True, slots=True)
class Dependence:
    """`loading` `(4, k)` is λ; `score` `(4, n)` what is known of θ for each request of the log, with variance
    1 − `doubt` `(4,)`; `within` `(4, 4)` correlates the ε of one answer."""

    loading: Floats
    score: Floats
    doubt: Floats
    within: Floats


def fit_dependence(seen: Answers, attenuation: Floats | None = None) -> Dependence:
    """The copula of a log's answers.

    `attenuation` `(4,)`: by how much ties and small classes weaken the correlations that are seen, as found
    by drawing from a first fit; None before there is one.
    """
    n, k = len(seen), len(seen.models)
    z = normal_scores(seen)
    loading, score, doubt = np.zeros((4, k)), np.zeros((4, n)), np.ones(4)
    present: Bools = np.array([not np.isnan(values).all() for values in seen.values])
    if seen.full:
        for f in np.flatnonzero(present):
            seen_together = np.clip(
                _correlation(z[f]) / (1.0 if attenuation is None else attenuation[f]), -1, 1
            )
            loading[f] = _one_factor(seen_together)
            score[f], doubt[f] = _scores(z[f], loading[f], seen)
    return Dependence(loading, score, doubt, _within(z, loading, present))


def normal_scores(seen: Answers) -> Floats:
    """Normal scores `(4, n, k)` of every answer among those of its model and class; ties share the middle, 0
    where nothing is known. Failed calls are no answers."""
    z = np.zeros(seen.values.shape)
    for g in range(len(seen.classes)):
        rows = np.flatnonzero(seen.class_index == g)
        for f in range(4):
            for a in range(len(seen.models)):
                known = rows[~np.isnan(seen.values[f, rows, a]) & ~seen.failed[rows, a]]
                if len(known) > 2:
                    z[f, known, a] = ndtri(_middles(seen.values[f, known, a]))
    return z


def together(z: Floats) -> float:
    """Mean correlation between two models of normal scores `(n, k)`."""
    r, k = _correlation(z), z.shape[1]
    return float((r.sum() - k) / (k * (k - 1)))


def _middles(values: Floats) -> Floats:
    """Ranks in (0, 1), ties at the middle of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    of_value = (ends - counts / 2.0) / len(values)
    middles: Floats = np.asarray(of_value[inverse], np.float64)
    return middles


def _correlation(z: Floats) -> Floats:
    """Correlations `(k, k)` between columns; 0 with a column that never varies."""
    centered = z - z.mean(axis=0)
    sd = np.sqrt((centered**2).mean(axis=0))
    scaled = np.divide(centered, sd, out=np.zeros_like(centered), where=sd > 1e-9)
    r: Floats = scaled.T @ scaled / len(z)
    np.fill_diagonal(r, 1.0)
    return r


def _one_factor(r: Floats) -> Floats:
    """Loadings of one common factor by iterated principal axes; none is negative."""
    k = len(r)
    shared = np.clip((r.sum(axis=0) - 1.0) / max(1, k - 1), 0.0, MOST**2)
    loading = np.sqrt(shared)
    for _ in range(SWEEPS):
        reduced = r.copy()
        np.fill_diagonal(reduced, loading**2)
        values, vectors = np.linalg.eigh(reduced)
        axis = vectors[:, -1] * np.sign(vectors[:, -1].sum() or 1.0)
        loading = np.clip(np.sqrt(max(values[-1], 0.0)) * axis, 0.0, MOST)
    return np.asarray(loading, np.float64)


def _scores(z: Floats, loading: Floats, seen: Answers) -> tuple[Floats, float]:
    """Regression scores of θ `(n,)`, with mean 0 and variance 1 − doubt, and the doubt."""
    precision = loading**2 / (1.0 - loading**2)
    doubt = 1.0 / (1.0 + precision.sum())
    score = doubt * (z @ (loading / (1.0 - loading**2)))
    for g in range(len(seen.classes)):
        rows = seen.class_index == g
        if rows.any():
            score[rows] -= score[rows].mean()
    sd = score.std()
    if sd < 1e-9:
        return np.zeros(len(z)), 1.0
    return score * np.sqrt(1.0 - doubt) / sd, float(doubt)


def _within(z: Floats, loading: Floats, present: Bools) -> Floats:
    """Correlations `(4, 4)` of the ε of one answer: what θ does not explain, averaged over models."""
    within = np.eye(4)
    k = z.shape[2]
    left = np.sqrt(1.0 - loading**2)
    for f in range(4):
        for h in range(f):
            if not (present[f] and present[h]):
                continue
            r = np.array([[_pair(z[f, :, a], z[h, :, b]) for b in range(k)] for a in range(k)])
            crossed = ~np.eye(k, dtype=bool)
            scale = np.outer(loading[f], loading[h])[crossed].mean()
            common = np.clip(r[crossed].mean() / scale, -1, 1) if scale > 0.01 else 0.0
            residual = np.diag(r) - common * loading[f] * loading[h]
            within[f, h] = within[h, f] = np.clip((residual / (left[f] * left[h])).mean(), -0.98, 0.98)
    values, vectors = np.linalg.eigh(within)
    mended = vectors @ np.diag(np.maximum(values, 1e-6)) @ vectors.T
    sd = np.sqrt(np.diag(mended))
    scaled: Floats = mended / np.outer(sd, sd)
    return scaled


def _pair(x: Floats, y: Floats) -> float:
    """Correlation over the requests where both are known (0 stands for unknown)."""
    both = (x != 0.0) & (y != 0.0)
    if both.sum() < 3:
        return 0.0
    x, y = x[both] - x[both].mean(), y[both] - y[both].mean()
    scale = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return float((x * y).sum()) / scale if scale > 1e-12 else 0.0
