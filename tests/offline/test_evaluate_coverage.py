"""Intervals on logs with a known truth hold it as often as they say, and are refused where they would not."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from .decisions import QUALITY, TRUTH, covers, fixed_log, learner_log, run, truth_of


def at_least(hits: Iterable[bool], rate: float) -> bool:
    """Whether hits at the true `rate` would be so few once in 100,000 times only."""
    found = list(hits)
    return float(np.mean(found)) > rate - 4.3 * np.sqrt(rate * (1.0 - rate) / len(found))


def fixed_hits(logs: int, n: int) -> dict[str, list[bool]]:
    """Whether intervals on logs of a fixed policy hold the truth; and those of differences to the log."""
    hits: dict[str, list[bool]] = {"value": [], "difference": []}
    logged = 0.6 * (0.1 * QUALITY[0, 0] + 0.1 * QUALITY[0, 1] + 0.8 * QUALITY[0, 2])
    logged += 0.4 * (0.8 * QUALITY[1, 0] + 0.1 * QUALITY[1, 1] + 0.1 * QUALITY[1, 2])
    for seed in range(logs):
        for (policy, _), found in run(fixed_log(n, seed), "fixed:large", "random", estimators=["dr"]).items():
            truth = {"fixed:large": TRUTH[0], "random": TRUTH.mean(), "as logged": logged}[policy]
            hits["value"].append(covers(found, truth))
            if found.difference is not None:
                hits["difference"].append(found.difference.low <= truth - logged <= found.difference.high)
    return hits


def test_normal_intervals_of_a_fixed_policys_log_cover() -> None:
    for what, hits in fixed_hits(60, 2_000).items():
        assert at_least(hits, 0.94), (what, np.mean(hits))


@pytest.mark.full
def test_normal_intervals_of_a_fixed_policys_log_cover_as_often_as_they_say() -> None:
    """1,000 logs: between 93% and 97%; six standard errors away would be below 91% or above 99%."""
    for what, hits in fixed_hits(1_000, 2_000).items():
        assert 0.93 <= np.mean(hits) <= 0.97, (what, np.mean(hits))


def learner_hits(logs: int, floor: float) -> tuple[list[bool], list[bool], list[bool], list[bool]]:
    """Default intervals of values and differences on learners' logs, whether normal ones were refused and
    would have held the truth."""
    values, differences, refused, normal = [], [], [], []
    for seed in range(logs):
        log = learner_log(1_000, seed, floor)
        assert log.pmf is not None
        logged = float((log.pmf * QUALITY[log.class_index]).sum(axis=1).mean())
        found = run(log, "fixed:small", "fixed:large", "thompson", estimators=["dr"])
        for (_, how), own in found.items():
            if own.refused or how == "rejection_replay":
                continue
            truth = logged if how == "as_logged" else truth_of(own)
            values.append(covers(own, truth))
            if own.difference is not None and how == "static":
                differences.append(own.difference.low <= truth - logged <= own.difference.high)
        asked = run(log, "fixed:small", estimators=["dr"], interval="normal")["fixed:small", "static"]
        refused.append(asked.refused is not None)
        assert asked.leading is not None
        half, truth = 1.96 * asked.leading.se, truth_of(asked)
        normal.append(abs(asked.leading.value - truth) <= half)
    return values, differences, refused, normal


@pytest.mark.parametrize("floor", [0.02, 0.1])
def test_default_intervals_of_a_learners_log_cover_and_normal_ones_are_refused(floor: float) -> None:
    values, differences, refused, _ = learner_hits(25, floor)
    assert at_least(values, 0.95), np.mean(values)
    assert at_least(differences, 0.95), np.mean(differences)
    assert all(refused)


@pytest.mark.full
@pytest.mark.parametrize("floor", [0.0, 0.02, 0.1])
def test_default_intervals_of_a_learners_log_cover_at_every_floor(floor: float) -> None:
    """400 logs: 93.4% at least; normal ones are refused wherever they would cover less."""
    values, differences, refused, normal = learner_hits(400, floor)
    assert np.mean(values) >= 0.934, np.mean(values)
    assert not differences or np.mean(differences) >= 0.934, np.mean(differences)
    assert all(refused) or np.mean(normal) >= 0.934, (np.mean(refused), np.mean(normal))
