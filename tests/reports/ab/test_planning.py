"""Planning by the boundary an experiment is read by, and whether units went where they were meant to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import gammaln

from banditroute.errors import LogError
from banditroute.reports.ab.mismatch import mismatch
from banditroute.reports.ab.planning import half_width, plan, power_at, unit_sd, units_needed
from banditroute.reports.ab.simulated import simulated_exposures

EVEN = np.array([0.5, 0.5])


def test_a_point_of_quality_needs_some_ten_thousand_units() -> None:
    """±.0085 at 10,000 requests with an sd of .1 is for means of all; two halves have an sd of .2."""
    assert half_width(10_000, unit_sd((0.1, 0.1), (0.5, 0.5))) == pytest.approx(0.006, abs=0.0003)
    assert half_width(10_000, unit_sd((0.14, 0.14), (0.5, 0.5))) == pytest.approx(0.0085, abs=0.0003)
    for half in (0.02, 0.005):
        needed = units_needed(half, 0.3)
        assert half_width(needed, 0.3) == pytest.approx(half, rel=1e-6)
    assert math.isinf(units_needed(0.0, 0.3))


def test_a_plan_keeps_what_it_says() -> None:
    made = plan(sd=0.15, margin=0.01, units_per_day=500.0)
    assert made.days == pytest.approx(made.units / 500.0, rel=1e-3)
    assert made.median < made.units
    reached = power_at(made.units, sd=unit_sd((0.15, 0.15), (0.5, 0.5)), distance=0.01, seed=7)
    assert reached == pytest.approx(0.8, abs=0.03)
    assert plan(sd=0.15, margin=0.01, effect=0.005).units < made.units
    assert plan(sd=0.15, margin=0.01, effect=-0.005).units > 3 * made.units
    assert plan(sd=0.15, margin=0.01, shares=(0.9, 0.1)).units > 2 * made.units
    assert plan(sd=0.15, margin=0.01, power=0.95).units > made.units
    assert power_at(499, sd=0.3, distance=1.0) == 0.0


def test_what_can_never_be_shown_is_refused() -> None:
    with pytest.raises(LogError, match="never shown to be above"):
        plan(sd=0.1, margin=0.01, effect=-0.02)


def test_the_mismatch_is_a_dirichlet_mixture() -> None:
    """Of the first twenty units, the likelihood ratio by hand."""
    variant = np.array([0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1])
    own = []
    for n in range(1, 21):
        came = np.bincount(variant[:n], minlength=2)
        prior = np.array([100.0, 100.0])
        ratio = gammaln(200.0) - gammaln(200.0 + n) + (gammaln(prior + came) - gammaln(prior)).sum()
        own.append(ratio + n * math.log(2.0))
    found = mismatch(variant, EVEN[variant], EVEN)
    assert found.p == pytest.approx(math.exp(-max(own)))
    assert found.came.tolist() == [3, 17]
    assert found.due.tolist() == [10.0, 10.0]


def test_it_sees_lost_units_and_cries_no_wolf() -> None:
    """200 sound experiments of 5,000 units: one alarm or less but for one of 50 (each in .001)."""
    rng = np.random.default_rng(0)
    false = [mismatch(v, EVEN[v], EVEN).broken for v in (rng.random((200, 5_000)) < 0.5).astype(np.int64)]
    assert sum(false) <= 1
    lost = [mismatch(v, EVEN[v], EVEN).broken for v in (rng.random((50, 5_000)) < 0.54).astype(np.int64)]
    assert np.mean(lost) > 0.9


def test_shares_that_follow_outcomes_are_no_mismatch() -> None:
    """By the declared shares alone it would be one; 20 such experiments make no alarm, and lost units do."""
    loud, heard = [], []
    for seed in range(20):
        own = simulated_exposures(6_000, adaptive="usd", seed=seed)
        loud.append(mismatch(own.variant, own.share, own.shares).broken)
        kept = (own.variant == 0) | (np.random.default_rng(seed).random(6_000) > 0.3)
        heard.append(mismatch(own.variant[kept], own.share[kept], own.shares).broken)
    assert sum(loud) == 0
    assert np.mean(heard) > 0.8


def test_no_unit_is_no_mismatch() -> None:
    none = np.zeros(0, np.int64)
    assert mismatch(none, np.zeros(0), EVEN).p == 1.0
