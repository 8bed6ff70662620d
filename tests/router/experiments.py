"""Experiments that the tests of live traffic share, and what they come to by definition."""

from __future__ import annotations

from dataclasses import replace

from banditroute.config.experiments import Experiment, ExperimentVariant
from banditroute.policies.experiments import place_of
from banditroute.policies.static import hash_to_unit
from tests.router.setting import SETTINGS

LEARNED = Experiment(
    "learned-vs-premium",
    (ExperimentVariant("control", "fixed:large", 0.4), ExperimentVariant("treatment", "thompson", 0.6)),
    units=(0.0, 0.5),
    holdout=0.2,
)
CHEAP = Experiment(
    "cheap-code",
    (ExperimentVariant("a", "cheapest", 0.5), ExperimentVariant("b", "greedy:0.3", 0.5)),
    units=(0.5, 0.75),
    classes=("code",),
)
TWO = replace(SETTINGS, experiments=(LEARNED, CHEAP))
EVERYBODY = replace(SETTINGS, experiments=(replace(LEARNED, units=(0.0, 1.0), holdout=0.0),))


def expected(unit: str, request_class: str) -> tuple[str | None, str | None]:
    """Experiment and variant of a unit, by the definition alone."""
    place = place_of(unit)
    if place < 0.5 * 0.8:
        first = hash_to_unit("learned-vs-premium", unit) < 0.4
        return "learned-vs-premium", "control" if first else "treatment"
    if 0.5 <= place < 0.75 and request_class == "code":
        return "cheap-code", "a" if hash_to_unit("cheap-code", unit) < 0.5 else "b"
    return None, None
