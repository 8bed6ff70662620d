"""Who takes part in an experiment and what he gets there: hashes of the unit, whatever else happens.

The hash is fixed, so nothing here can flicker. A chi-square test below would raise a false alarm for one
choice of salts and units in 10,000.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import gammaincc

from banditroute.config.experiments import Experiment, ExperimentVariant, RampStep
from banditroute.config.experiments_schema import LINE
from banditroute.config.settings import RequestClass, Settings
from banditroute.errors import ConfigError
from banditroute.policies.experiments import live_experiment, place_of
from banditroute.types import Model

FALSE_ALARM = 1e-4
SETTINGS = Settings(
    models=(Model("mini", prior_quality=0.7), Model("max", prior_quality=0.9)),
    classes=(RequestClass("code"), RequestClass("chat")),
)
UNITS = [f"user-{i}" for i in range(20_000)]
PLACES = np.array([place_of(unit) for unit in UNITS])
THREE = (
    ExperimentVariant("control", "fixed:max", 0.5),
    ExperimentVariant("cheap", "cheapest", 0.3),
    ExperimentVariant("learned", "thompson", 0.2),
)
PLAIN = Experiment("plain", THREE)
RAMP = (RampStep(100.0, 0.1), RampStep(200.0, 0.4), RampStep(300.0, 1.0))


def members(experiment: Experiment, at: float, request_class: str = "code") -> set[int]:
    live = live_experiment(experiment, SETTINGS)
    return {i for i, place in enumerate(PLACES.tolist()) if live.takes(request_class, place, at)}


def variants(experiment: Experiment, units: Sequence[str] = UNITS) -> np.ndarray:
    """Which of the experiment's variants each unit gets, in the order in which they are listed."""
    live = live_experiment(experiment, SETTINGS)
    listed = [own.name for own in experiment.variants]
    return np.array([listed.index(own.name) for own in live.split.variants])[live.among(units).assigned]


def p_value(counts: np.ndarray, expected: np.ndarray, freedom: int) -> float:
    """Of Pearson's chi-square."""
    return float(gammaincc(freedom / 2, ((counts - expected) ** 2 / expected).sum() / 2))


def test_places_and_variants_are_the_same_on_every_machine_and_for_ever() -> None:
    """Another hash would move every user of every running experiment."""
    assert [round(place_of(f"user-{i}"), 6) for i in range(3)] == [0.538964, 0.197941, 0.076155]
    assert variants(PLAIN)[:12].tolist() == [0, 1, 2, 0, 1, 0, 0, 0, 0, 1, 2, 1]


def test_variants_get_their_shares_and_the_line_is_even() -> None:
    counts = np.bincount(variants(PLAIN))
    assert p_value(counts, np.array([0.5, 0.3, 0.2]) * len(UNITS), 2) > FALSE_ALARM
    counts, _ = np.histogram(PLACES, bins=50, range=(0.0, 1.0))
    assert p_value(counts, np.full(50, len(UNITS) / 50), 49) > FALSE_ALARM


@pytest.mark.parametrize(("salt", "independent"), [("plain", True), ("other", True), (LINE, False)])
def test_a_variant_tells_nothing_of_the_place_on_the_line(salt: str, independent: bool) -> None:
    """Or those who enter first would not be like those who enter later. The line's own salt, which a
    configuration cannot have, shows that the test would see it."""
    assigned = variants(replace(PLAIN, salt=salt))
    table = np.zeros((20, 3))
    np.add.at(table, ((PLACES * 20).astype(int), assigned), 1)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / len(UNITS)
    assert (p_value(table, expected, 19 * 2) > FALSE_ALARM) is independent


def test_two_experiments_divide_their_units_independently() -> None:
    table = np.zeros((3, 3))
    np.add.at(table, (variants(PLAIN), variants(replace(PLAIN, salt="second"))), 1)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / len(UNITS)
    assert p_value(table, expected, 4) > FALSE_ALARM


def test_a_ramp_lets_more_in_and_moves_nobody() -> None:
    ramped = replace(PLAIN, ramp=RAMP, units=(0.2, 0.8), holdout=0.25)
    times = (99.9, 100.0, 199.9, 200.0, 300.0, 1e9)
    entered = [members(ramped, at) for at in times]
    shares = [0.0, 0.1, 0.1, 0.4, 1.0, 1.0]
    for before, after in pairwise(entered):
        assert before <= after
    for own, share in zip(entered, shares, strict=True):
        wide = 0.6 * 0.75 * share
        assert abs(len(own) / len(UNITS) - wide) <= 4 * np.sqrt(wide * (1 - wide) / len(UNITS))
    assert np.array_equal(variants(ramped), variants(PLAIN)), "a variant goes by unit and salt alone"


def test_who_is_held_out_never_enters() -> None:
    held = replace(PLAIN, units=(0.1, 0.6), holdout=0.3, ramp=RAMP)
    inside = members(held, 1e9)
    assert inside == {i for i, place in enumerate(PLACES) if 0.1 <= place < 0.1 + 0.5 * 0.7}
    assert inside < members(replace(held, holdout=0.0), 1e9)


def test_experiments_on_ranges_of_their_own_never_share_a_unit() -> None:
    """Bounds that no binary fraction meets included: together they take each unit exactly once."""
    bounds = [0.0, 0.1, 1 / 3, 0.7, 1.0]
    parts = [members(replace(PLAIN, units=(low, high)), 0.0) for low, high in pairwise(bounds)]
    assert sum(map(len, parts)) == len(UNITS)
    assert set.union(*parts) == set(range(len(UNITS)))


def test_scope_and_time() -> None:
    scoped = replace(PLAIN, classes=("code", "other"), start=100.0, stop=200.0)
    everybody = set(range(len(UNITS)))
    assert members(scoped, 100.0, "code") == everybody
    assert members(scoped, 150.0, "never declared") == everybody
    assert not members(scoped, 150.0, "chat")
    assert not members(scoped, 99.9, "code")
    assert not members(scoped, 200.0, "code")


def test_units_stay_when_the_variants_are_listed_in_another_order() -> None:
    other = replace(PLAIN, variants=THREE[::-1])
    assert (2 - variants(other) == variants(PLAIN)).all()


def test_units_stay_when_an_experiment_is_renamed_and_keeps_its_salt() -> None:
    renamed = replace(PLAIN, name="better-name", salt="plain")
    assert np.array_equal(variants(renamed), variants(PLAIN))
    assert not np.array_equal(variants(Experiment("better-name", THREE)), variants(PLAIN))


def test_control_and_salt_default() -> None:
    assert (PLAIN.salt, PLAIN.control) == ("plain", "control")


@pytest.mark.parametrize(
    ("policy", "says"),
    [("fixed:mid", "no model"), ("split:{a: cheapest 1}", "itself a split"), ("thomson", "thompson")],
)
def test_a_policy_that_cannot_be_had_is_refused(policy: str, says: str) -> None:
    wrong = Experiment("x", (ExperimentVariant("a", policy, 0.5), ExperimentVariant("b", "cheapest", 0.5)))
    with pytest.raises(ConfigError, match=says):
        live_experiment(wrong, SETTINGS)
