"""Rejection replay: what it accepts is distributed as if the policy had served it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from banditroute.config.settings import Settings
from banditroute.core.base import Floats
from banditroute.offline.evaluation.rejection import Rejection, acceptance, rejection_replay
from banditroute.offline.evaluation.targets import cold_state, decision_settings
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.replay.catalogue import contexts
from banditroute.policies import get_policy
from banditroute.types import Weights

from .decisions import MODELS, QUALITY, TRUTH, fixed_log, learner_log, world

QUALITY_ALONE = Weights(usd=0.0)
UNIFORM = np.full(3, 1 / 3)


def played(log: DecisionLog, name: str, seed: int = 0, floor: float = 0.0) -> Rejection:
    base = Settings()
    settings = decision_settings(log, replace(base, policy=replace(base.policy, floor=floor)), QUALITY_ALONE)
    policy, known = get_policy(name, settings), contexts(log, settings, text=False)
    return rejection_replay(log, policy, cold_state(log, settings), QUALITY_ALONE, known, seed)


def uniform_log(n: int, seed: int) -> DecisionLog:
    return world(n, seed).logged(np.tile(UNIFORM, (n, 1)), seed)


def test_a_uniform_log_is_accepted_wherever_the_rule_agrees() -> None:
    log = uniform_log(900, 1)
    accepted = played(log, "fixed:large").accepted
    assert accepted.tolist() == np.flatnonzero(log.action == MODELS.index("large")).tolist()


def test_unequal_propensities_are_thinned_to_the_smallest() -> None:
    """What is accepted has the log's mix of classes: 40% code, though the log preferred `large` there.

    Without thinning it would be about 76%. False alarm: 6 standard errors, below 1e-8.
    """
    log = fixed_log(30_000, 2)
    accepted = played(log, "fixed:large").accepted
    assert acceptance(log) == pytest.approx(0.1)
    assert len(accepted) / len(log) == pytest.approx(0.1, abs=6 * np.sqrt(0.09 / len(log)))
    share = float((log.class_index[accepted] == 1).mean())
    assert share == pytest.approx(0.4, abs=6 * np.sqrt(0.24 / len(accepted)))
    assert log.quality[accepted].mean() == pytest.approx(TRUTH[0], abs=6 * 0.5 / np.sqrt(len(accepted)))


def test_a_learner_does_as_well_by_rejection_as_it_does_live() -> None:
    """Over 60 logs: mean reward of its first 150 requests, live and accepted. False alarm: 5 se, 6e-7."""
    live, kept = [], []
    for seed in range(60):
        live.append(float(learner_log(150, seed, 0.0, batch=1).quality.mean()))
        log = uniform_log(560, 1_000 + seed)
        kept.append(float(log.quality[played(log, "thompson", seed).accepted[:150]].mean()))
    apart = np.mean(live) - np.mean(kept)
    assert abs(apart) < 5 * np.hypot(np.std(live), np.std(kept)) / np.sqrt(60)
    assert np.mean(kept) > QUALITY.mean() + 0.04  # it learned, or the comparison says little


def test_the_learner_meets_only_what_it_accepted() -> None:
    """The state at the end holds the accepted outcomes and no others."""
    log = uniform_log(600, 3)
    result = played(log, "thompson")
    counts = result.state.stats[0].cells[:, :, 2].sum(axis=1)  # type: ignore[union-attr]
    assert counts.tolist() == np.bincount(log.action[result.accepted], minlength=3).tolist()


def test_every_row_on_which_the_learner_agrees_is_accepted() -> None:
    """A third of a uniform log among three models, whatever the learner. False alarm: 5 se, 6e-7."""
    accepted = sum(len(played(uniform_log(600, seed), "thompson", seed).accepted) for seed in range(10))
    assert accepted == pytest.approx(2_000, abs=5 * np.sqrt(6_000 * 2 / 9))


def test_it_is_a_function_of_the_seed() -> None:
    log = uniform_log(400, 4)
    first, again, other = (played(log, "thompson", seed).accepted for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def with_pmf(pmf: Floats | None) -> DecisionLog:
    return replace(fixed_log(50, 5), pmf=pmf)


def test_acceptance_is_the_smallest_chance_of_any_eligible_model() -> None:
    log = fixed_log(50, 5)
    assert acceptance(log) == pytest.approx(0.1)
    assert log.propensity is not None
    assert acceptance(with_pmf(None)) == log.propensity.min()
    never = np.tile([0.5, 0.5, 0.0], (50, 1))
    assert acceptance(with_pmf(never)) == 0.0
    barred = replace(with_pmf(never), eligible=np.tile([True, True, False], (50, 1)))
    assert acceptance(barred) == 0.5
    assert acceptance(replace(log, propensity=None)) == 0.0
