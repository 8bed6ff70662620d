"""The long studies: 1,000 experiments of each kind, looked at after every 100 requests.

`benchmarks/ab.py` prints the same figures as tables.
"""

from __future__ import annotations

import numpy as np
import pytest

from banditroute.reports.ab.planning import power_at, unit_sd
from banditroute.reports.ab.simulated import Effect
from benchmarks.ab import (
    AA,
    EFFECTS,
    HARD,
    Study,
    adaptive_alarms,
    alarms,
    powered_widths,
    repeated,
    truth_of,
)

pytestmark = pytest.mark.full

RUNS, JOBS = 1_000, 2


def named(study: Study) -> str:
    kind = "adaptive" if study.adaptive else "fixed"
    return f"{study.metric}-{kind}-{study.per_unit:g}"


@pytest.mark.parametrize("study", AA, ids=named)
def test_peeking_does_not_find_what_is_not_there(study: Study) -> None:
    """At most 6.4% of 1,000 ever reject: what a true rate of 5% exceeds in one of 40. A t-interval does in a
    sixth of them and more."""
    found = repeated(study, RUNS, JOBS)
    assert np.mean([one.rejected for one in found]) <= 0.064
    assert np.mean([one.naive for one in found]) > 0.15


@pytest.mark.parametrize("study", HARD, ids=lambda study: f"{named(study)}-{study.shares[1]:g}")
def test_nor_where_it_is_hard(study: Study) -> None:
    """As above."""
    assert np.mean([one.rejected for one in repeated(study, RUNS, JOBS)]) <= 0.064


@pytest.mark.parametrize("study", EFFECTS, ids=lambda study: f"{named(study)}-{study.requests}")
def test_intervals_hold_the_truth_at_every_look(study: Study) -> None:
    """250 experiments with an effect: the true difference and the true ratio are ever missed by at most 5% of
    them; more than 8.4% of 250 are in under one of 100."""
    found = repeated(study, 250, JOBS, truth_of(study))
    assert np.mean([one.missed for one in found]) <= 0.084
    assert np.mean([one.missed_ratio for one in found]) <= 0.084


def test_power_is_what_the_plan_says() -> None:
    """A difference in quality of about .02 within 6,000 units: 500 experiments against the Brownian motions,
    within four standard errors and what the mixture of classes does (.1)."""
    study = Study("quality", 6_000, effect=Effect(quality=0.02))
    found, truth = repeated(study, 500, JOBS), truth_of(study)[0]
    ends = np.array([one.value for one in found])
    sd = float(ends.std() * np.sqrt(6_000))
    assert sd == pytest.approx(unit_sd((0.18, 0.18), (0.5, 0.5)), rel=0.15)
    planned = power_at(6_000, sd=sd, distance=truth)
    assert np.mean([one.rejected for one in found]) == pytest.approx(planned, abs=0.1)


def test_lost_units_are_noticed() -> None:
    """Of 1,000 sound experiments at most 5 ever alarm (.001 each: in all but one of 1,000)."""
    assert alarms(10_000, 0.5, RUNS) <= 0.005
    assert alarms(10_000, 0.53, 200) > 0.9
    assert alarms(10_000, 0.55, 200) == 1.0
    assert adaptive_alarms(200) <= 0.01
    assert adaptive_alarms(50, lost=0.2) > 0.9


def test_a_judge_narrows_the_interval_and_keeps_it_honest() -> None:
    """200 experiments, a tenth of them scored by people; as above, 9% of 200 in under one of 100."""
    width, missed = powered_widths(200, 0.1)
    assert width < 0.7
    assert missed <= 0.09
