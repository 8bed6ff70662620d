"""What is known of a request before: earlier requests of others, nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from banditroute.reports.ab.exposures import Exposures
from banditroute.reports.ab.scores import expectations, past_of, slope, terms_of, terms_with_before
from banditroute.reports.ab.sequence import look_at, sequence
from banditroute.reports.ab.simulated import simulated_exposures


def by_hand(own: Exposures, values: np.ndarray, i: int, v: int) -> float:
    known = ~np.isnan(values)
    past = (np.arange(len(own)) < i) & known & (own.unit != own.unit[i])
    in_class = past & (own.request_class == own.request_class[i])
    mean = values[past].sum() / max(past.sum(), 1)
    of_class = (values[in_class].sum() + 10.0 * mean) / (in_class.sum() + 10.0)
    mine = in_class & (own.variant == v)
    return float((values[mine].sum() + 10.0 * of_class) / (mine.sum() + 10.0))


@pytest.mark.parametrize("per_unit", [1.0, 6.0])
def test_expectations_are_means_of_earlier_requests_of_others(per_unit: float) -> None:
    own = simulated_exposures(300, requests_per_unit=per_unit, scored=0.8, seed=1)
    values = own.metrics["quality"]
    found = expectations(own, values, ~np.isnan(values), past_of(own))
    for i in (0, 1, 7, 150, 299):
        for v in range(2):
            assert found[i, v] == pytest.approx(by_hand(own, values, i, v), abs=1e-12)


@pytest.mark.parametrize("n", [3, 30])
def test_equal_values_have_their_mean_and_no_difference(n: int) -> None:
    for seed in range(20):
        own = simulated_exposures(n, seed=seed)
        terms = terms_of(own, np.full(n, 0.97), past_of(own), 1.0)
        means = look_at(terms, np.array([n])).means[0]
        assert means[~np.isnan(means)] == pytest.approx(0.97, abs=1e-12)


def test_adding_to_every_value_adds_to_the_means() -> None:
    own = simulated_exposures(200, requests_per_unit=3.0, seed=3)
    values, past, rows = own.metrics["quality"], past_of(own), np.array([20, 200])
    one, other = (look_at(terms_of(own, values + by, past, 1.0), rows).means for by in (0.0, 100.0))
    assert other - one == pytest.approx(100.0, abs=1e-9)


def test_slopes_are_those_of_the_past_drawn_to_zero() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=4_000)
    y, known = 2.0 * x + rng.normal(size=4_000), rng.random(4_000) < 0.5
    by, middle = slope(x, y, known)
    i = 3_000
    before = np.flatnonzero(known[:i])
    wanted = np.cov(x[before], y[before], ddof=0)[0, 1] / x[before].var() / (1.0 + 25.0 / len(before))
    assert by[i] == pytest.approx(wanted)
    assert middle[i] == pytest.approx(x[before].mean())
    assert by[0] == 0.0
    assert slope(np.ones(50), y[:50], known[:50])[0].tolist() == [0.0] * 50


def test_the_time_before_narrows_the_interval() -> None:
    own = simulated_exposures(8_000, requests_per_unit=4.0, seed=1)
    assert own.before is not None
    values = own.metrics["quality"]
    with_it, plain = terms_with_before(own, values, own.before["quality"], past_of(own), 1.0)
    half = []
    for terms in (with_it, plain):
        found = sequence(look_at(terms, np.array([8_000])), np.array([-1.0, 1.0]), 0)
        half.append(float(found.high[0] - found.value[0]))
    assert half[0] < 0.9 * half[1]


def test_a_variant_scored_more_often_is_not_better_for_it() -> None:
    """A tenth of the control's answers are scored and all of the treatment's: in the mean over 40 A/A
    tests a Horvitz–Thompson sum would be off by .3, this one by nothing but chance (five standard errors)."""
    values = []
    for seed in range(40):
        own = simulated_exposures(2_000, seed=seed)
        quality = own.metrics["quality"]
        dropped = (own.variant == 0) & (np.random.default_rng(seed).random(2_000) > 0.1)
        terms = terms_of(own, np.where(dropped, np.nan, quality), past_of(own), 1.0)
        means = look_at(terms, np.array([2_000])).means[0]
        values.append(means[1] - means[0])
    assert abs(np.mean(values)) < 5.0 * np.std(values) / np.sqrt(40)
