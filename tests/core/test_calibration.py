"""What the posterior claims of itself: how often its intervals hold the truth."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from banditroute.core.posterior import FactorPrior, empty_stats, fit


def test_intervals_of_differences_cover_at_their_rate() -> None:
    """Truth drawn from the hierarchy, 300 worlds × 6 classes × pairs of 8 models.

    Differences, since what counts is which model is better. Variances are plugged in and the error of
    the class difficulty is taken to cancel, which costs about two points: nominal 95%, measured
    92.6%, standard error below 0.4 between worlds. Below 91% something broke.
    """
    rng = np.random.default_rng(10)
    prior = FactorPrior(center=0.5, noise=0.05, logarithmic=False)
    inside = []
    for _ in range(300):
        by_model, by_cell, by_class = rng.normal(size=(8, 1)), rng.normal(size=(8, 6)), rng.normal(size=6)
        truth = 0.2 * by_model + 0.05 * by_cell + 0.1 * by_class
        stats = empty_stats(8, 6, 8)
        for a, g in np.ndindex(8, 6):
            n = int(rng.integers(1, 30))
            y = truth[a, g] + 0.2 * rng.normal(size=n)
            x = np.zeros(8)
            x[[0, 1 + g]] = 1.0
            stats.xx[a] += n * np.outer(x, x)
            stats.xy[a] += x * y.sum()
            stats.cells[a, g] = (y**2).sum(), y.sum(), n
        posterior = fit(stats, prior, np.full(8, np.nan))
        mean = posterior.theta[:, :1] + posterior.theta[:, 1:7]
        cov = posterior.covariance
        variance = np.array(
            [[cov[a][np.ix_([0, 1 + g], [0, 1 + g])].sum() for g in range(6)] for a in range(8)]
        )
        for a, b in combinations(range(8), 2):
            error = (mean[a] - mean[b]) - (truth[a] - truth[b])
            inside.extend(np.abs(error) < 1.959964 * np.sqrt(variance[a] + variance[b]))
    assert 0.91 < np.mean(inside) < 0.97
