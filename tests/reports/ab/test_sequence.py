"""The arithmetic of sequences: against sums by hand, and against the claim that they hold at every look."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from banditroute.core.base import Floats, Ints
from banditroute.reports.ab.early import early_limits
from banditroute.reports.ab.exposures import Exposures
from banditroute.reports.ab.powered import powered_terms
from banditroute.reports.ab.scores import past_of, terms_of
from banditroute.reports.ab.sequence import (
    Course,
    boundary,
    first_look,
    look_at,
    prior_units,
    ratio_sequence,
    sequence,
)
from banditroute.reports.ab.simulated import Effect, simulated_exposures

CONTRAST = np.array([-1.0, 1.0])


def course_of(exposures: Exposures, metric: str, rows: Ints, reach: float = 0.0) -> Course:
    return look_at(terms_of(exposures, exposures.metrics[metric], past_of(exposures), reach), rows)


def test_the_boundary_is_robbins_mixture() -> None:
    """The wealth of the mixture, ∫ exp(λS − λ²V/2) N(λ; 0, 1/η) dλ, is 1/α on the boundary."""
    variance, alpha = np.array([3.0, 50.0, 4_000.0]), 0.05
    eta = np.full(3, 7.0)
    far = boundary(variance, eta, alpha)
    steps = np.linspace(-12.0, 12.0, 200_001) / math.sqrt(7.0)
    prior = np.exp(-0.5 * 7.0 * steps**2) * math.sqrt(7.0 / (2.0 * math.pi))
    for s, v in zip(far, variance, strict=True):
        wealth = np.trapezoid(np.exp(steps * s - 0.5 * steps**2 * v) * prior, steps)
        assert wealth == pytest.approx(1.0 / alpha, rel=1e-6)


def test_it_is_tightest_about_where_it_was_meant_to_be() -> None:
    def width(eta: float) -> float:
        return float(boundary(np.array([3_000.0]), np.array([eta]), 0.05)[0])

    best = prior_units(0.05)
    assert width(best) < min(width(best / 1.5), width(best * 1.5))


@pytest.mark.parametrize("per_unit", [1.0, 5.0])
def test_the_spread_is_that_of_units_as_they_stand_at_each_look(per_unit: float) -> None:
    """Summed anew at every look from the definition of a unit's influence."""
    own = simulated_exposures(900, requests_per_unit=per_unit, scored=0.7, seed=3)
    own = replace(own, unit=7 * own.unit, before=None)  # as in one class, where codes have gaps
    terms = terms_of(own, own.metrics["quality"], past_of(own), 0.0)
    rows = np.array([100, 450, 900])
    found = look_at(terms, rows)
    for place, n in enumerate(rows):
        above, below = terms.above[:n], terms.below[:n]
        total = below.sum(axis=0)
        ratio = above.sum(axis=0) / total
        influence = (terms.counted[:n].sum() / total * (above - ratio * below)).sum(axis=2)
        units = np.stack([np.bincount(own.unit[:n], column) for column in influence.T], axis=1)
        np.testing.assert_allclose(found.spread[place], units.T @ units, rtol=1e-9)
        np.testing.assert_allclose(found.means[place], ratio.sum(axis=1), rtol=1e-12)
        known = own.unit[:n][terms.counted[:n]]
        assert found.units[place] == len(np.unique(known))
        assert found.alike[place] == pytest.approx(len(known) ** 2 / (np.bincount(known) ** 2).sum())


def test_p_is_the_error_at_which_the_interval_ends_at_zero() -> None:
    own = simulated_exposures(4_000, effects=[Effect(quality=0.03)], seed=5)
    course = course_of(own, "quality", np.arange(500, 4_001, 500))
    found = sequence(course, CONTRAST, 0)
    assert ((found.p < 0.05) == ((found.low > 0.0) | (found.high < 0.0))).all()
    assert found.p[-1] < 0.05


def test_the_ratio_ends_where_its_difference_is_just_excluded() -> None:
    own = simulated_exposures(6_000, effects=[Effect(usd=0.6)], seed=6)
    course = course_of(own, "usd", np.array([2_000, 4_000, 6_000]), 0.1)
    ratio = ratio_sequence(course, 1, 0, 0)
    for ends in (ratio.low, ratio.high):
        for look in range(3):
            at_end = sequence(course, np.array([-ends[look], 1.0]), 0)
            assert min(abs(at_end.low[look]), abs(at_end.high[look])) < 1e-9
    assert (ratio.low < 0.6).all()
    assert (ratio.high > 0.6).all()
    assert (ratio.high < 0.75).all()


def test_a_ratio_to_what_may_be_nothing_has_no_upper_end() -> None:
    own = simulated_exposures(1_000, seed=1)
    rare = np.zeros(1_000)
    rare[np.flatnonzero(own.variant == 0)[[100, 200]]] = 1.0
    course = look_at(terms_of(own, rare, past_of(own), 1.0), np.array([500, 1_000]))
    found = ratio_sequence(course, 1, 0, 0)
    assert found.low[-1] == 0.0
    assert math.isinf(found.high[-1])


def test_no_event_at_all_does_not_prove_that_there_are_none() -> None:
    """None in 500 of either: the rule of three allows .6% in each."""
    own = simulated_exposures(1_000, seed=1)
    course = look_at(terms_of(own, np.zeros(1_000), past_of(own), 1.0), np.array([500, 1_000]))
    found = sequence(course, CONTRAST, 0)
    assert 0.006 < found.high[-1] < 0.02


def missed(requests: int, per_unit: float, as_units: bool, runs: int) -> float:
    """How often a sequence of quality ever excludes the truth: 0."""
    found = []
    for seed in range(runs):
        own = simulated_exposures(requests, requests_per_unit=per_unit, seed=seed)
        if not as_units:
            own = replace(own, unit=np.arange(len(own)), before=None)
        course = course_of(own, "quality", np.arange(100, requests + 1, 100), 1.0)
        found.append(bool((sequence(course, CONTRAST, first_look(course, 500)).p < 0.05).any()))
    return float(np.mean(found))


def test_units_that_come_back_are_one_draw_each() -> None:
    """80 A/A tests of 4,000 requests by some 800 users: of a rate of 5%, more than 10 reject in one of 600;
    as if every request were another user's, a quarter and more do."""
    assert missed(4_000, 5.0, True, 80) <= 10 / 80
    assert missed(4_000, 10.0, False, 80) > 0.15


def test_early_limits_hold_and_see_a_disaster() -> None:
    """100 A/A tests with an error of 5%: more than 12 false alarms in one of 500; it is far fewer."""
    rows = np.array([50, 100, 200, 400])
    false = 0
    for seed in range(100):
        own = simulated_exposures(400, seed=seed)
        low, high = early_limits(own, own.metrics["quality"], (0, 1), rows, 0.05)
        false += bool(((low > 0.0) | (high < 0.0)).any())
    assert false <= 12
    bad = simulated_exposures(400, effects=[Effect(quality=-0.4)], seed=1)
    low, high = early_limits(bad, bad.metrics["quality"], (0, 1), rows, 0.05)
    assert high[-1] < -0.1
    assert low[-1] < -0.4 < high[-1]


def test_a_judge_narrows_what_people_say_and_moves_it_nowhere() -> None:
    """The judge is off by .1 and more. Twelve experiments: their mean is within four standard errors."""
    values, widths = [], []
    for seed in range(12):
        own = simulated_exposures(8_000, effects=[Effect(quality=-0.05)], scored=0.1, judged=True, seed=seed)
        truth = simulated_exposures(8_000, effects=[Effect(quality=-0.05)], judged=True, seed=seed)
        assert own.judged is not None
        past, people, rows = past_of(own), own.metrics["quality"], np.array([8_000])
        both = look_at(powered_terms(own, own.judged, people, past), rows)
        alone = look_at(terms_of(own, people, past, 1.0), rows)
        everybody = look_at(terms_of(truth, truth.metrics["quality"], past, 1.0), rows)
        values.append(float(((both.means - everybody.means) @ CONTRAST)[0]))
        widths.append(_half(both) / _half(alone))
    assert abs(np.mean(values)) < 4.0 * np.std(values) / math.sqrt(12) + 1e-3
    assert np.mean(widths) < 0.75


def _half(course: Course) -> float:
    found = sequence(course, CONTRAST, 0)
    return float(found.high[-1] - found.value[-1])


def test_a_judge_worth_nothing_costs_nothing() -> None:
    own = simulated_exposures(6_000, scored=0.2, judged=True, seed=2)
    noise: Floats = np.random.default_rng(0).random(6_000)
    people, past, rows = own.metrics["quality"], past_of(own), np.array([6_000])
    both = look_at(powered_terms(own, noise, people, past), rows)
    alone = look_at(terms_of(own, people, past, 1.0), rows)
    assert _half(both) < 1.1 * _half(alone)
