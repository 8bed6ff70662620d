"""How a log was made: found out from its columns, and its propensities held against its frequencies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from banditroute.config.settings import Settings
from banditroute.errors import LogError
from banditroute.offline.evaluation.logged import check_propensities, maker
from banditroute.offline.evaluation.targets import decision_settings
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.types import Weights

from .decisions import fixed_log, learner_log, world


def by(log: DecisionLog, said: str | None = None) -> str:
    return maker(log, decision_settings(log, Settings(), Weights()), said).by  # type: ignore[arg-type]


def named(log: DecisionLog, *policies: str | None) -> DecisionLog:
    """The log with these names in its policy column, in turn."""
    return replace(log, policy=[policies[i % len(policies)] for i in range(len(log))])


@pytest.fixture(scope="module")
def moving() -> DecisionLog:
    """A learner's log without a word on who made it."""
    return replace(learner_log(600, 0, 0.1), policy=None)


def test_the_policy_column_tells(moving: DecisionLog) -> None:
    assert by(named(moving, "thompson")) == "learning"
    assert by(named(moving, "random", "thompson")) == "learning"
    assert by(named(moving, "split:{a: thompson 0.5, b: random 0.5}")) == "learning"
    assert by(named(moving, "random", "fixed:large")) == "fixed"
    assert by(named(moving, "router-v2")) == "learning"
    assert by(named(moving, "random", None)) == "learning"


def test_constant_propensities_tell_and_doubt_counts_as_learning(moving: DecisionLog) -> None:
    log = fixed_log(300, 0)
    assert by(log) == "fixed"
    assert by(moving) == "learning"
    assert by(moving, "fixed") == "fixed"
    assert by(log, "learning") == "learning"
    eligible = np.ones((300, 3), np.bool_)
    eligible[::2, 1] = False
    uniform = world(300, 1).logged(eligible / eligible.sum(axis=1, keepdims=True), 1)
    assert by(uniform) == "learning"
    assert by(replace(uniform, eligible=eligible)) == "fixed"


def test_a_log_in_which_nothing_comes_twice_tells_nothing() -> None:
    rng = np.random.default_rng(0)
    log = world(6, 0).logged(rng.dirichlet(np.ones(3), size=6), 0)
    assert by(log) == "learning"


@pytest.mark.parametrize("floor", [0.0, 0.1])
@pytest.mark.parametrize("known", [True, False], ids=["pmf", "propensity"])
def test_true_propensities_pass(floor: float, known: bool) -> None:
    """A learner's, with weights of any size. False alarm: one in a million by the bound, for each log."""
    for seed in range(25):
        log = learner_log(800, seed, floor)
        check_propensities(log if known else replace(log, pmf=None))
    for seed in range(25):
        log = fixed_log(800, seed, floor=0.01)
        check_propensities(log if known else replace(log, pmf=None))


def claimed(log: DecisionLog, pmf: list[float], known: bool) -> DecisionLog:
    """The log with other probabilities than it was drawn with."""
    table = np.tile(pmf, (len(log), 1))
    return replace(log, propensity=table[np.arange(len(log)), log.action], pmf=table if known else None)


@pytest.mark.parametrize("known", [True, False], ids=["pmf", "propensity"])
@pytest.mark.parametrize(
    ("true", "said"),
    [
        ([0.5, 0.3, 0.2], [0.2, 0.3, 0.5]),
        ([0.9, 0.05, 0.05], [0.96, 0.02, 0.02]),
        ([1 / 3, 1 / 3, 1 / 3], [0.6, 0.2, 0.2]),
    ],
)
def test_false_propensities_are_caught_in_2000_rows(
    true: list[float], said: list[float], known: bool
) -> None:
    """Chance of passing below 1 in 20 each, measured; seeds are fixed."""
    log = world(2_000, 7).logged(np.tile(true, (2_000, 1)), 7)
    with pytest.raises(LogError, match="The propensities do not match the log"):
        check_propensities(claimed(log, said, known))


def test_false_propensities_of_one_class_are_caught() -> None:
    """Over the whole log the two errors cancel."""
    made = world(4_000, 8)
    true = np.where(made.cls[:, None] == 1, [0.5, 0.3, 0.2], [0.3, 0.5, 0.2])
    said = np.where(made.cls[:, None] == 1, [0.3, 0.5, 0.2], [0.433, 0.367, 0.2])
    log = made.logged(true, 8)
    log = replace(log, pmf=said, propensity=said[np.arange(4_000), log.action])
    with pytest.raises(LogError, match="rows of class"):
        check_propensities(log)


def test_likely_choices_drawn_too_often_are_caught_without_the_pmf() -> None:
    """Every choice claims 0.9; no two models can both have that."""
    log = world(2_000, 9).logged(np.full((2_000, 3), 1 / 3), 9)
    with pytest.raises(LogError, match="likely was drawn more often"):
        check_propensities(replace(log, propensity=np.full(2_000, 0.9), pmf=None))
