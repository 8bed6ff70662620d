"""Drawing one utility per model is the law of the exact probabilities (law 2), and long runs learn alike."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import chdtri

from banditroute.config.settings import RequestClass, Settings
from banditroute.core import choosing
from banditroute.core.posterior import fit
from banditroute.core.propensity import NEGLIGIBLE
from banditroute.offline.logs.reading import Log
from banditroute.offline.replay import learning
from banditroute.offline.replay.learning import cold_state, play, refit_schedule
from banditroute.offline.replay.traffic import log_traffic
from banditroute.policies import get_policy
from banditroute.types import Model, Weights

N = 100_000


@pytest.mark.parametrize("floor", [0.0, 0.2])
@pytest.mark.parametrize("k", [2, 5, 8])
def test_choice_frequencies_are_the_exact_probabilities(k: int, floor: float) -> None:
    """100,000 draws, chi-square over the models that are expected at least 5 times. Seeded; a false alarm
    of one in 10,000 per case."""
    rng = np.random.default_rng(k)
    mean, sd = rng.normal(0.0, 0.5, (1, k)), rng.uniform(0.05, 1.0, (1, k))
    eligible = np.ones((1, k), np.bool_)
    eligible[0, 1] = k == 2
    pmf = np.empty((1, k))
    choosing.best_probabilities(mean, sd, eligible, pmf)
    choosing.finish(pmf, eligible, NEGLIGIBLE, floor)
    seeds = rng.integers(0, 2**63, N, dtype=np.uint64)
    counts = np.zeros(k)
    for seed in seeds:
        counts[choosing.draw_best(mean[0], sd[0], eligible[0], seed, floor)] += 1.0
    assert counts[~eligible[0]].sum() == 0.0
    tested = pmf[0] * N >= 5.0
    statistic = ((counts - N * pmf[0])[tested] ** 2 / (N * pmf[0][tested])).sum()
    assert statistic < chdtri(tested.sum() - 1, 1e-4)


def test_without_any_doubt_ties_are_shared() -> None:
    """Two of three models tied: half each, within four standard errors (1 in 16,000)."""
    mean, sd, eligible = np.array([1.0, 0.5, 1.0]), np.zeros(3), np.ones(3, np.bool_)
    seeds = np.random.default_rng(0).integers(0, 2**63, 10_000, dtype=np.uint64)
    counts = np.bincount([choosing.draw_best(mean, sd, eligible, s, 0.0) for s in seeds], minlength=3)
    assert counts[1] == 0
    assert abs(counts[0] - 5_000) < 4 * 50


def long_log(n: int) -> tuple[Log, Settings]:
    rng = np.random.default_rng(4)
    k, c = 4, 3
    cls = rng.integers(0, c, n)
    level = 0.7 + 0.1 * rng.normal(size=(c, k))
    nothing = np.full((n, k), math.nan)
    log = Log(
        kind="full_information", request_ids=np.arange(n).astype(str),
        models=tuple(f"m{i}" for i in range(k)), classes=tuple(f"c{i}" for i in range(c)), class_index=cls,
        quality=np.clip(level[cls] + 0.2 * rng.normal(size=(n, k)), 0.0, 1.0),
        usd=nothing, seconds=nothing, output_tokens=nothing,
        input_tokens=rng.integers(5, 4_000, n).astype(float),
    )  # fmt: skip
    return log, Settings(
        models=tuple(Model(m) for m in log.models), classes=tuple(RequestClass(g) for g in log.classes)
    )


def test_long_runs_are_like_those_refitted_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """25,000 requests on the schedule of long runs, against a refit every time. The choices that are drawn
    from a fit and its rank-one updates differ in a few of a thousand; the regret by less than a request
    in a thousand is worth; the fit at the end is that of the same sums."""
    log, settings = long_log(25_000)
    policy, weights = get_policy("thompson", settings), Weights(quality=1.0, usd=0.0)
    start = cold_state(log, settings)
    traffic = log_traffic(log, start.frame.layout, 0)
    amortised, ended = play(traffic, start, policy, weights)
    every = np.ones(len(log) + 1, np.bool_)
    exact, _ = play(traffic, start, policy, weights, refits=every, draw=True)
    assert refit_schedule(traffic.at, np.array([math.inf])).sum() < 6_000
    earned = [log.quality[traffic.order, chosen].mean() for chosen in (amortised, exact)]
    assert earned[0] == pytest.approx(earned[1], abs=1e-3)
    assert (amortised == exact).mean() > 0.97
    monkeypatch.setattr(learning, "EXACT_REFITS", 30_000)
    assert refit_schedule(traffic.at, np.array([math.inf])).all()
    assert ended.stats[0] is not None
    assert ended.posterior[0] is not None
    again = fit(ended.stats[0], start.frame.priors[0], start.frame.declared_for(0))
    np.testing.assert_array_equal(again.theta, ended.posterior[0].theta)


def test_a_waning_memory_is_refitted_within_a_hundredth_of_a_half_life() -> None:
    at = np.arange(50_000.0)
    gaps = np.diff(np.flatnonzero(refit_schedule(at, np.array([math.inf, 1_000.0]))))
    assert gaps.max() == 10
    assert np.diff(np.flatnonzero(refit_schedule(at, np.array([math.inf])))).max() == 49
