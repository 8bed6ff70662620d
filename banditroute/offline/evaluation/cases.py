"""A log of decisions that is ready to be asked about policies, and its answer about one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Floats, Policy, point_mass
from banditroute.core.state import State
from banditroute.offline.evaluation.findings import AS_LOGGED, Evaluated, How
from banditroute.offline.evaluation.gathering import FEWEST_ROWS
from banditroute.offline.evaluation.overlap import cells
from banditroute.offline.evaluation.rejection import FEWEST, acceptance, rejection_replay
from banditroute.offline.evaluation.scoring import Evidence, as_logged, score
from banditroute.offline.evaluation.targets import choice_probabilities, cold_state
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.files import counted
from banditroute.offline.simulation.fitted_rules import FittedRule
from banditroute.types import Context, Weights

PAST = 0.5
"""The share of the log that a learner is fitted on before it is scored on the rest."""

Told = Callable[[int], None]
"""Told how many rows of the log are behind."""


@dataclass(frozen=True, slots=True)
class Case:
    """A log of decisions, ready to be asked about policies. `settings` are the log's own.

    `learned` is the state after its first part, for what is fitted there: it belongs to no policy.
    """

    log: DecisionLog
    settings: Settings
    contexts: Sequence[Context]
    estimators: tuple[str, ...]
    evidence: Evidence
    learned: State
    seed: int

    @property
    def weights(self) -> Weights:
        return self.settings.reward.weights


def split(log: DecisionLog) -> int:
    """Where the part ends that learners are fitted on."""
    return int(len(log) * PAST)


def yardstick(case: Case) -> Evaluated:
    """The log itself: its mean reward, the yardstick of every difference."""
    evidence = case.evidence
    target, value = as_logged(evidence)
    return Evaluated(
        AS_LOGGED,
        "as_logged",
        len(evidence),
        len(case.log),
        {value.estimator: value},
        yardstick=value.value,
        share=_shares(case.log, np.bincount(evidence.action, minlength=len(case.log.models)).astype(float)),
        overlap=cells(case.log, target, evidence.propensity, evidence.rows),
    )


def answers(case: Case, policy: Policy, told: Told) -> list[Evaluated]:
    """One row for a rule; two for a policy that learns, frozen and by rejection replay."""
    if isinstance(policy, FittedRule):
        return [_frozen(case, policy)]
    if policy.learns:
        return [_frozen(case, policy), _replayed(case, policy, told)]
    return [_scored(case, policy, "static", case.evidence, cold_state(case.log, case.settings))]


def _frozen(case: Case, policy: Policy) -> Evaluated:
    """What was fitted on the first part of the log, held still and scored on the rest."""
    later = np.flatnonzero(case.evidence.rows >= split(case.log))
    if len(later) < FEWEST_ROWS:
        return Evaluated(
            policy.name,
            "frozen",
            len(later),
            len(case.log),
            refused=f"the second half of the log has {counted(len(later), 'row')} with feedback to score it "
            f"on, and it takes {FEWEST_ROWS} at least.",
        )
    return _scored(case, policy, "frozen", case.evidence.of(later), case.learned)


def _scored(case: Case, policy: Policy, how: How, evidence: Evidence, state: State) -> Evaluated:
    target = choice_probabilities(case.log, policy, state, case.weights, case.contexts, evidence.rows)
    found = score(evidence, case.estimators, target)
    return Evaluated(
        policy.name,
        how,
        len(evidence),
        len(case.log),
        found.estimates,
        yardstick=float(evidence.reward.mean()),
        difference=found.difference,
        share=_shares(case.log, target.sum(axis=0)),
        overlap=found.overlap,
        refused=found.refused,
    )


def _replayed(case: Case, policy: Policy, told: Told) -> Evaluated:
    """A learner that met the log itself, row by row, and was fed what agreed with it."""
    log, expected = case.log, acceptance(case.log) * len(case.log)
    row = Evaluated(policy.name, "rejection_replay", 0, len(log))
    if expected < FEWEST:
        return replace(
            row,
            refused=f"it would use about {expected:,.0f} of {len(log):,} rows, and {FEWEST} are the fewest "
            "that say anything. It takes a log in which every model had a fair chance on every request.",
        )
    state = cold_state(log, case.settings)
    accepted = rejection_replay(log, policy, state, case.weights, case.contexts, case.seed, told).accepted
    scored = np.flatnonzero(np.isin(case.evidence.rows, accepted))
    if len(scored) < FEWEST:
        return replace(
            row,
            rows=len(scored),
            refused=f"only {len(scored)} of the rows it would use have feedback, and it takes {FEWEST}.",
        )
    evidence = replace(case.evidence.of(scored), propensity=np.ones(len(scored)), pmf=None, q_hat=None)
    (value,) = evidence.estimates(["ips"], point_mass(evidence.action, len(log.models)))
    return replace(
        row,
        rows=len(scored),
        estimates={"mean": replace(value, estimator="mean", centre=None)},
        yardstick=float(case.evidence.reward.mean()),
        share=_shares(log, np.bincount(evidence.action, minlength=len(log.models)).astype(float)),
        refused=value.refusal,
    )


def _shares(log: DecisionLog, amounts: Floats) -> dict[str, float]:
    return dict(zip(log.models, (amounts / amounts.sum()).tolist(), strict=True))
