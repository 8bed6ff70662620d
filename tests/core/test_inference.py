"""What intervals and betting bounds promise: their closed forms, and how often they hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from banditroute.core.inference import (
    bernstein_margin,
    betting_lower_bound,
    betting_lower_bound_of_clusters,
    bootstrap_means,
    normal_interval,
)

BETS = np.geomspace(0.01, 0.32, 6)
PRIOR = np.full(6, 1.0 / 6.0)


def lower(y: NDArray[np.float64], alpha: float = 0.05) -> float:
    growth = np.log1p(BETS[:, None] * y).sum(axis=1)
    return betting_lower_bound(BETS, growth, PRIOR, len(y), alpha)


def test_normal_interval() -> None:
    low, high = normal_interval(2.0, 0.1)
    assert low == pytest.approx(2.0 - 0.1959963985)
    assert high == pytest.approx(2.0 + 0.1959963985)
    assert normal_interval(0.0, 1.0, 0.5)[1] == pytest.approx(0.6744897502)


def test_bernstein_margin_by_hand() -> None:
    # ln(4/δ) = ln 80; √(2·0.25·ln 80/100) + 7·ln 80/(3·99)
    log = math.log(80.0)
    assert bernstein_margin(0.25, 1.0, 100) == pytest.approx(math.sqrt(0.005 * log) + 7.0 * log / 297.0)
    assert bernstein_margin(0.25, 1.0, 1) == math.inf


def test_bernstein_holds_where_the_normal_interval_does_not() -> None:
    """Rare ones among 50 values: 1,000 samples, nominal 95%; Bernstein's false alarms are far below 5%."""
    values = (np.random.default_rng(1).random((1_000, 50)) < 0.02).astype(np.float64)
    mean, variance = values.mean(axis=1), values.var(axis=1, ddof=1)
    error = np.abs(mean - 0.02)
    normal = 1.959964 * np.sqrt(variance / 50)
    bernstein = np.array([bernstein_margin(v, 1.0, 50) for v in variance])
    assert (error <= normal).mean() < 0.8
    assert (error <= bernstein).mean() >= 0.95


def test_bootstrap_spreads_as_the_standard_error_says() -> None:
    rng = np.random.default_rng(2)
    for n in (400, 50_000):  # the second is joined to groups
        values = rng.normal(size=(n, 1))
        means = bootstrap_means(values, np.ones(n), 600, seed=3)[:, 0]
        # The sd of 600 draws has a relative error of 3%: five of those.
        assert means.std() == pytest.approx(values.std() / math.sqrt(n), rel=0.15)
        assert means.mean() == pytest.approx(values.mean(), abs=5.0 * values.std() / math.sqrt(600 * n))


def test_bootstrap_of_clusters_keeps_them_together() -> None:
    """Clusters of ten equal rows: the error is that of 60 numbers, not of 600."""
    values = np.random.default_rng(4).normal(size=60)
    means = bootstrap_means(10.0 * values[:, None], np.full(60, 10.0), 600, seed=5)[:, 0]
    assert means.std() == pytest.approx(values.std() / math.sqrt(60), rel=0.15)


def test_one_bet_by_hand() -> None:
    """One bet: exp(S − n·log(1 + θm)) = 1/α has a closed solution."""
    y = np.array([0.5, 2.0, 0.0, 1.0] * 50)
    growth = np.log1p(0.2 * y).sum()
    bound = betting_lower_bound(np.array([0.2]), np.array([growth]), np.ones(1), 200, 0.05)
    assert bound == pytest.approx((math.exp((growth - math.log(20.0)) / 200) - 1.0) / 0.2, abs=1e-9)
    assert bound < y.mean()


def test_the_bound_may_be_negative() -> None:
    assert -1.0 < lower(np.full(200, -0.5)) < -0.5
    hopeless = betting_lower_bound(np.array([0.5]), np.array([math.log(1e-30)]), np.ones(1), 1, 0.05)
    assert hopeless == pytest.approx(-2.0)  # no term of a bet on 0.5 lies below


def test_the_bound_holds_for_heavy_tails_that_the_past_decides() -> None:
    """A term is 1/p with chance p and else 0, p smaller the more was won: mean 1 given the past, always.

    1,000 runs of 300 terms at α = 5%: the rate of errors is at most 5% by theorem, so above 7.1% (three
    standard errors) with a chance of 0.1%. The normal bound is wrong far more often.
    """
    rng = np.random.default_rng(6)
    runs, n = 1_000, 300
    terms, won = np.zeros((runs, n)), np.zeros(runs)
    for t in range(n):
        p = np.clip(0.5 / (1.0 + won) ** 1.5, 0.01, 1.0)
        terms[:, t] = np.where(rng.random(runs) < p, 1.0 / p, 0.0)
        won += terms[:, t] > 0.0
    bounds = np.array([lower(y) for y in terms])
    upper = terms.mean(axis=1) + 1.644854 * terms.std(axis=1) / math.sqrt(n)
    assert (bounds > 1.0).mean() < 0.071
    assert (upper < 1.0).mean() > 0.1
    assert bounds.mean() > 0.2


def test_the_bound_holds_for_the_average_of_means_that_drift() -> None:
    rng = np.random.default_rng(7)
    mean = np.linspace(0.2, 1.8, 400)
    wrong = [lower(rng.exponential(mean)) > mean.mean() for _ in range(1_000)]
    assert np.mean(wrong) < 0.071  # 5% and three standard errors


def test_the_bound_is_not_much_below_the_normal_one() -> None:
    """Terms of sd 0.5: 400 of them are bounded within twice the normal distance."""
    y = np.random.default_rng(8).gamma(4.0, 0.25, size=2_000)
    distance = 1.644854 * y.std() / math.sqrt(len(y))
    assert distance < y.mean() - lower(y) < 2.0 * distance


def test_clusters_of_one_are_rows() -> None:
    y = np.random.default_rng(9).random(500)
    sums = np.broadcast_to(y, (6, 500))
    assert betting_lower_bound_of_clusters(BETS, sums, np.ones(500), PRIOR, 0.05) == pytest.approx(lower(y))


def test_clusters_that_share_their_luck() -> None:
    """40 units of one to ten rows that are all 0 or all 1: by rows the bound errs, by clusters it holds.

    1,000 runs at α = 5%; 7.1% is three standard errors above.
    """
    rng = np.random.default_rng(10)
    by_row = by_cluster = 0
    for _ in range(1_000):
        sizes = rng.integers(1, 11, size=40).astype(np.float64)
        sums = sizes * (rng.random(40) < 0.5)
        rows = np.repeat(sums / sizes, sizes.astype(int))
        by_row += lower(rows) > 0.5
        wide = 10.0 * BETS
        by_cluster += (
            betting_lower_bound_of_clusters(wide, np.broadcast_to(sums, (6, 40)), sizes, PRIOR, 0.05) > 0.5
        )
    assert by_cluster / 1_000 < 0.071 < by_row / 1_000
