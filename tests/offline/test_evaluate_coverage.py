"""Intervals on logs with a known truth hold it as often as they say, and are refused where they would not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
import pytest

from banditroute.offline.logs.decisionlog import DecisionLog

from .decisions import QUALITY, TRUTH, covers, fixed_log, learner_log, run, truth_of

TARGETS = ("fixed:small", "fixed:large", "thompson")


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


class Hits:
    """On learners' logs, by target: whether default intervals of values and differences hold the truth,
    whether normal ones were refused, and whether those that were given hold it."""

    def __init__(self, logs: int, floor: float) -> None:
        self.values: dict[str, list[bool]] = defaultdict(list)
        self.differences: dict[str, list[bool]] = defaultdict(list)
        self.refused: dict[str, list[bool]] = defaultdict(list)
        self.normal: dict[str, list[bool]] = defaultdict(list)
        for seed in range(logs):
            self._take(learner_log(1_000, seed, floor))

    def _take(self, log: DecisionLog) -> None:
        assert log.pmf is not None
        logged = float((log.pmf * QUALITY[log.class_index]).sum(axis=1).mean())
        for (name, how), own in run(log, *TARGETS, estimators=["dr"]).items():
            if how == "rejection_replay" or own.refused:
                continue
            truth = logged if how == "as_logged" else truth_of(own)
            self.values[name].append(covers(own, truth))
            if own.difference is not None and how == "static":
                self.differences[name].append(own.difference.low <= truth - logged <= own.difference.high)
        for name in TARGETS:
            if name == "thompson":
                continue  # is scored on half of the log, which is too little for a normal interval
            asked = run(log, name, estimators=["dr"], interval="normal")[name, "static"]
            self.refused[name].append(asked.refused is not None)
            if asked.refused is None:
                self.normal[name].append(covers(asked, truth_of(asked)))


def every(hits: Mapping[str, list[bool]]) -> list[bool]:
    return [hit for own in hits.values() for hit in own]


@pytest.mark.parametrize("floor", [0.02, 0.1])
def test_default_intervals_of_a_learners_log_cover_and_normal_ones_are_refused(floor: float) -> None:
    hits = Hits(25, floor)
    assert at_least(every(hits.values), 0.95), hits.values
    assert len(every(hits.differences)) == 25 * 2
    assert at_least(every(hits.differences), 0.95), hits.differences
    assert all(hits.refused["fixed:small"])


@pytest.mark.full
@pytest.mark.parametrize("floor", [0.0, 0.02, 0.1])
def test_default_intervals_of_a_learners_log_cover_at_every_floor(floor: float) -> None:
    """400 logs, each target by itself, and most logs answer; normal intervals are refused wherever they would
    cover less."""
    hits = Hits(400, floor)
    assert set(hits.values) == {"as logged", *TARGETS}
    assert min(map(len, (*hits.values.values(), *hits.differences.values()))) > 300
    assert np.mean(every(hits.values)) >= 0.934, np.mean(every(hits.values))
    for name, own in hits.values.items():
        assert at_least(own, 0.95), (name, len(own), np.mean(own))
    assert set(hits.differences) == {"fixed:small", "fixed:large"}
    for name, own in hits.differences.items():
        assert at_least(own, 0.95), (name, len(own), np.mean(own))
    assert all(hits.refused["fixed:small"])
    for name, own in hits.normal.items():
        assert at_least(own, 0.95), (name, len(own), np.mean(own))
