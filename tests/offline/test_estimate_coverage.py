"""What estimates and intervals claim, on simulated logs with known truth."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from banditroute.offline import estimate
from tests.offline.logged_worlds import TARGET, WORLD, Logs, fixed_logs, learners_logs, truth

NAMES = ["ips", "snips", "dm", "dr", "sndr", "switch_dr", "dros"]
WORST, ANY = np.tile([0.0, 0.0, 0.0, 1.0], (3, 1)), np.full((3, 4), 0.25)


def test_a_fixed_policys_logs() -> None:
    """1,000 logs of 2,000 rows, q̂ cross-fitted by class: IPS and DR are unbiased, all intervals cover.

    False alarms: |z| < 4 for the two means, 1 in 8,000; coverage within 93–97% where it is 95%, 1 in 250 for
    each estimator. The tuned ones bear the error of DR and may cover more.
    """
    logs, value = fixed_logs(1_000, 2_000, seed=3), truth(TARGET)
    found = [estimate(NAMES, **logs.arrays(rep, TARGET), seed=rep) for rep in range(1_000)]
    worth = np.array([[each.value for each in row] for row in found])
    inside = np.array([[each.low <= value <= each.high for each in row] for row in found]).mean(axis=0)
    error = worth.std(axis=0, ddof=1)
    for name in ("ips", "dr"):
        at = NAMES.index(name)
        assert abs(worth[:, at].mean() - value) < 4.0 * error[at] / math.sqrt(1_000), name
    for name in ("ips", "snips", "dm", "dr", "sndr"):
        assert 0.93 <= inside[NAMES.index(name)] <= 0.97, name
    for name in ("switch_dr", "dros"):
        assert inside[NAMES.index(name)] >= 0.93, name
    assert error[NAMES.index("dr")] < 0.7 * error[NAMES.index("ips")]
    claimed = np.array([[each.se for each in row] for row in found]).mean(axis=0)
    np.testing.assert_allclose(claimed[:5], error[:5], rtol=0.1)  # the sd of 1,000: 2%


def test_other_intervals_on_a_fixed_policys_logs() -> None:
    """60 logs: the bootstrap is as wide as the normal interval, Bernstein and the sequence wider; all cover.

    Nominal 95%: fewer than 52 of 60 has a chance of 0.4%.
    """
    logs, value = fixed_logs(60, 1_000, seed=4), truth(TARGET)
    widths = {}
    for kind in ("normal", "bootstrap", "sequence", "bernstein"):
        found = [
            estimate("dr", **logs.arrays(rep, TARGET, pmf=True), interval=kind, seed=rep)  # type: ignore[arg-type]
            for rep in range(60)
        ]
        assert sum(each.low <= value <= each.high for each in found) >= 52, kind
        widths[kind] = float(np.mean([each.high - each.low for each in found]))
    assert widths["bootstrap"] == pytest.approx(widths["normal"], rel=0.05)
    assert 1.2 * widths["normal"] < widths["sequence"] < 2.0 * widths["normal"]
    assert widths["normal"] < widths["bernstein"]


def test_clusters_carry_the_error() -> None:
    """Users of 20 rows whose rewards move together: errors by row are far too small, by cluster right.

    200 logs; by cluster 95% nominal, below 90% with a chance of 0.2%.
    """
    rng = np.random.default_rng(5)
    by_row = by_cluster = by_sequence = 0
    for _ in range(200):
        users = np.repeat(np.arange(250), 20)
        drawn = rng.integers(4, size=5_000)
        reward = np.clip(0.5 + 0.3 * rng.normal(size=250)[users] + 0.1 * rng.normal(size=5_000), 0.0, 1.0)
        arrays = {
            "reward": reward,
            "action": drawn,
            "propensity": np.full(5_000, 0.25),
            "target_pmf": np.full((5_000, 4), 0.25),
        }
        by_row += _holds(estimate("dr", **arrays), 0.5)
        by_cluster += _holds(estimate("dr", **arrays, cluster=users), 0.5)
    for _ in range(5):
        found = estimate("ips", **arrays, cluster=users, interval="sequence")
        by_sequence += _holds(found, 0.5) and found.high - found.low < 0.3
    assert by_row < 150
    assert by_cluster >= 180
    assert by_sequence == 5


@pytest.mark.parametrize("floor", [0.0, 0.02, 0.1])
def test_a_learners_logs(floor: float) -> None:
    """The default interval covers on a learner's logs at every floor: 25 logs, three targets; 93.4% is asked.

    By theorem its errors are below 5%; here it errs in none of 75, so that fewer than 71 would be a fault.
    """
    logs = learners_logs(25, 2_000, floor, seed=6)
    assert _default_coverage(logs) >= 71 / 75


def test_the_normal_interval_is_refused_where_it_fails() -> None:
    """Without a floor the normal interval of past-only DR covers far less than 93%, and is refused."""
    logs = learners_logs(40, 2_000, 0.0, seed=7)
    holds = []
    for target in (TARGET, ANY):
        value = truth(target)
        for rep in range(40):
            found = estimate("dr", **logs.arrays(rep, target), order="time", interval="normal")
            assert found.refusal is not None
            assert "A learner made this log" in found.refusal
            assert math.isnan(found.low)
            holds.append(abs(found.value - value) <= 1.959964 * found.se)
    assert np.mean(holds) < 0.93


@pytest.mark.full
@pytest.mark.parametrize("noise", [None, 0.12])
@pytest.mark.parametrize("floor", [0.0, 0.02, 0.1, 0.4])
def test_learners_logs_at_length(floor: float, noise: float | None) -> None:
    """300 logs at every floor, rewards of 0 and 1 or between: the table of docs/estimators.md."""
    logs = learners_logs(300, 2_000, floor, seed=8, noise=noise)
    assert _default_coverage(logs) >= 0.934


def test_past_only_dr_is_unbiased_on_a_learners_logs() -> None:
    """300 logs at floor 0.1: |z| < 4 has a false alarm in 1 of 16,000."""
    logs = learners_logs(300, 500, 0.1, seed=9)
    found = [estimate("dr", **logs.arrays(rep, ANY), order="time") for rep in range(300)]
    worth = np.array([each.value for each in found])
    assert abs(worth.mean() - truth(ANY)) < 4.0 * worth.std(ddof=1) / math.sqrt(300)


@pytest.mark.parametrize(("units", "answers"), [(1, False), (30, True)])
def test_too_few_units_are_called_units_and_a_sequence_is_named_where_it_answers(
    units: int, answers: bool
) -> None:
    arrays = fixed_logs(1, 2_000, seed=10).arrays(0, TARGET)
    arrays |= {
        "cluster": np.random.default_rng(2).integers(units, size=2_000),
        "q_hat": np.full(arrays["target_pmf"].shape, 0.5),
    }
    said = str(estimate("dr", **arrays).refusal)
    assert re.search(
        rf"{units if units == 1 else '[123].'} effective unit.*: it takes more units, or a log", said
    )
    assert ("--interval sequence" in said) == answers
    found = estimate("dr", **arrays, interval="sequence")
    assert (f"says {found.low:.3g} to {found.high:.3g}." in said) == answers


def test_what_the_log_cannot_carry_is_refused() -> None:
    logs = fixed_logs(1, 2_000, seed=10)
    arrays = logs.arrays(0, TARGET)
    assert estimate("dr", **arrays).refusal is None
    few = {name: values[:100] for name, values in arrays.items()}
    found = estimate("dr", **few)
    assert found.refusal is not None
    assert "effective rows" in found.refusal
    assert math.isnan(found.high)
    assert math.isfinite(found.value)
    one = arrays | {"propensity": np.where(np.arange(2_000) == 7, 8e-4, arrays["propensity"])}
    assert "One of the rows holds" in (estimate("ips", **one).refusal or "")
    for name in ("snips", "dm", "dros"):
        assert "is biased" in (estimate(name, **arrays, interval="sequence").refusal or "")
    clipped = estimate("dr(clip=2)", **arrays, interval="sequence").refusal or ""
    assert clipped.startswith("A clipped dr is biased"), clipped
    assert clipped.endswith("ask one of them without a clip."), clipped
    dear = arrays | {"reward": arrays["reward"] - 0.5}
    assert "range of the reward" in (estimate("ips", **dear, interval="sequence").refusal or "")
    low, high = (
        (each.low, each.high)
        for each in [
            estimate("ips", **dear, interval="sequence", bounds=(-0.5, 0.5)),
            estimate("ips", **arrays, interval="sequence"),
        ]
    )
    np.testing.assert_allclose(np.array(low) + 0.5, high, atol=1e-9)
    half = np.tile([0.5, 0.5, 0.0, 0.0], (3, 1))
    blind = fixed_logs(1, 2_000, 11, half).arrays(0, ANY, pmf=True)
    assert "no chance in the log" in (estimate("dr", **blind).refusal or "")
    held = estimate("dr", **blind, interval="sequence")
    assert held.low <= truth(ANY) <= held.high
    assert "independent rows" in (estimate("dr", **arrays, order="time", interval="bernstein").refusal or "")


def test_the_logged_pmf_narrows_the_sequence() -> None:
    logs = learners_logs(10, 2_000, 0.1, seed=12, noise=0.12)
    wide, narrow = (
        np.mean(
            [
                (found := estimate("dr", **logs.arrays(rep, WORST, pmf=pmf), order="time")).high - found.low
                for rep in range(10)
            ]
        )
        for pmf in (False, True)
    )
    assert narrow < 0.7 * wide


def _default_coverage(logs: Logs) -> float:
    best = np.eye(4)[WORLD.argmax(axis=1)]
    found = [
        (estimate("dr", **logs.arrays(rep, target, pmf=True), order="time"), truth(target))
        for target in (TARGET, WORST, best)
        for rep in range(len(logs.action))
    ]
    return float(np.mean([each.low <= value <= each.high for each, value in found]))


def _holds(found: object, value: float) -> bool:
    low, high = found.low, found.high  # type: ignore[attr-defined]
    return bool(low <= value <= high)
