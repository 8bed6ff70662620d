"""Scoring one target on a log of decisions: its estimates, its difference to the log, and why not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from banditroute.core.base import Floats, Ints
from banditroute.errors import LogError
from banditroute.offline.estimators import PolicyValue, estimate
from banditroute.offline.estimators.clipping import identified
from banditroute.offline.estimators.value import IntervalKind
from banditroute.offline.evaluation.contrast import ALPHA, paired_normal, paired_sequence
from banditroute.offline.evaluation.findings import Interval
from banditroute.offline.evaluation.overlap import Cell, cells, untaken
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.files import some

UNSUPPORTED = 1e-3
"""A target is refused that puts more of its probability than this where the log had none: whatever happens
there, the answer moves by no more than this share of the range of the reward."""

UNSEEN = 0.01
"""Where only the propensities of what was chosen are known: the share of a target's requests that may lie
in classes where its model was never chosen."""

SHORT = 5.0
"""Standard errors by which the mean weight may fall short of 1 before a target is taken to want what the log
could not have chosen."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What every target is scored with. Arrays are of the rows that have a reward, `rows` `(n,)` of the log.

    `q_hat` `(n, k)` is a model of the reward that never saw the row (of a learner's log: nor anything after
    it); None where no estimator needs one. `pmf` `(n, k)` is the log's own, where known. `clusters` are
    ids of what belongs together, `bounds` the range that the reward lies in. `interval` None is the
    one that fits. `uneven` `(n,)` are the bills and waits in the reward, None where neither counts.
    """

    log: DecisionLog
    rows: Ints
    reward: Floats
    propensity: Floats
    pmf: Floats | None
    q_hat: Floats | None
    clusters: Ints | None
    bounds: tuple[float, float]
    learning: bool
    interval: IntervalKind | None
    seed: int
    uneven: Floats | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def action(self) -> Ints:
        actions: Ints = self.log.action[self.rows]
        return actions

    def of(self, part: Ints) -> Evidence:
        """The same for some of the rows; `part` are positions in `rows`."""
        clusters = None if self.clusters is None else np.unique(self.clusters[part], return_inverse=True)[1]
        return replace(
            self,
            rows=self.rows[part],
            reward=self.reward[part],
            propensity=self.propensity[part],
            pmf=None if self.pmf is None else self.pmf[part],
            q_hat=None if self.q_hat is None else self.q_hat[part],
            clusters=clusters,
            uneven=None if self.uneven is None else self.uneven[part],
        )

    def estimates(self, names: Sequence[str], target: Floats) -> list[PolicyValue]:
        """Estimates of a target's pmf `(n, k)`. Raises LogError where nothing can be computed."""
        return estimate(
            list(names),
            reward=self.reward,
            action=self.action,
            propensity=self.propensity,
            target_pmf=target,
            q_hat=self.q_hat,
            logging_pmf=self.pmf,
            order="time" if self.learning else "any",
            interval=self.interval,
            bounds=self.bounds,
            cluster=self.clusters,
            uneven=self.uneven,
            seed=self.seed,
        )


@dataclass(frozen=True, slots=True)
class Score:
    """The estimates of one target by name, its difference to the log's mean, and what speaks against them."""

    estimates: Mapping[str, PolicyValue]
    difference: Interval | None
    overlap: Sequence[Cell]
    refused: str | None


def score(evidence: Evidence, names: Sequence[str], target: Floats) -> Score:
    """Everything about one target: `(n, k)` probabilities on the rows of the evidence."""
    found = cells(evidence.log, target, evidence.propensity, evidence.rows)
    refused = unidentified(evidence, target, found)
    try:
        estimates = evidence.estimates(names, target)
    except LogError as error:
        return Score({}, None, found, refused or str(error))
    leading = estimates[0]
    refused = refused or leading.refusal
    difference = None if refused else _difference(evidence, leading, target)
    return Score({value.estimator: value for value in estimates}, difference, found, refused)


def as_logged(evidence: Evidence) -> tuple[Floats, PolicyValue]:
    """The target that does what the log did, and the log's mean reward with its interval.

    Where rows are too few or too uneven for a normal interval and none was asked for, it is a sequence's.
    Where only the propensity of what was chosen is known, the rest is put on another model: no row
    of the log shows it.
    """
    if evidence.pmf is not None:
        target = evidence.pmf
    else:
        rows = np.arange(len(evidence))
        target = np.zeros((len(rows), len(evidence.log.models)))
        target[rows, evidence.action] = evidence.propensity
        target[rows, (evidence.action + 1) % target.shape[1]] += 1.0 - evidence.propensity
    (value,) = evidence.estimates(["ips"], target)
    if value.refusal is not None and evidence.interval is None:
        (value,) = replace(evidence, interval="sequence").estimates(["ips"], target)
    return target, replace(value, estimator="mean", centre=None)


def unidentified(evidence: Evidence, target: Floats, found: Sequence[Cell]) -> str | None:
    """Why the log cannot say what the target would have earned, whatever the estimator; None where it can."""
    if evidence.pmf is not None:
        wanted = target * (evidence.pmf <= 0.0)
        share = float(wanted.sum()) / len(target)
        if share <= UNSUPPORTED:
            return None
        models = [
            name for name, mass in zip(evidence.log.models, wanted.sum(axis=0), strict=True) if mass > 0
        ]
        return (
            f"{share:.1%} of its choices fall where the log gave them no chance ({some(models)}). It takes a "
            "log whose policy could choose them on every request: a floor of exploration, say."
        )
    share, which = untaken(found, len(target))
    if share > UNSEEN:
        return (
            f"{share:.1%} of its choices are {some(which, 4)}, which the log never chose. It takes a log in "
            "which they were tried."
        )
    weight = target[np.arange(len(target)), evidence.action] / evidence.propensity
    mean, se = float(weight.mean()), float(weight.std(ddof=1)) / math.sqrt(len(weight))
    if 1.0 - mean > SHORT * se and 1.0 - mean > UNSEEN:
        return (
            f"its weights average {mean:.2f} and not 1: about {1.0 - mean:.0%} of its choices were out of "
            "the log's reach. It takes a log whose policy could choose them, and the eligible models of each "
            "row (candidates) where some may not be chosen."
        )
    return None


def _difference(evidence: Evidence, leading: PolicyValue, target: Floats) -> Interval | None:
    """The target less the log's mean on the same rows, paired row by row."""
    value = leading.value - float(evidence.reward.mean())
    weight = target[np.arange(len(target)), evidence.action] / evidence.propensity
    if leading.interval == "sequence":
        found = paired_sequence(
            evidence.reward, evidence.action, weight, target, evidence.pmf, evidence.q_hat,
            evidence.clusters, evidence.bounds,
        )  # fmt: skip
        if found.low > found.high:  # no difference agrees with the log, by chance or by untrue propensities
            return Interval(value, math.nan, math.nan)
        return Interval(value, found.low, found.high, found.centre)
    if leading.clip is not None and leading.clip < weight.max() and leading.interval == "normal":
        kept = np.minimum(weight, leading.clip)
        reward = evidence.reward
        low, high = identified(kept, reward, evidence.bounds, 1.0 - ALPHA, evidence.clusters, less=reward)
        return Interval(value, low, high)
    if leading.interval in ("normal", "bootstrap"):
        low, high = paired_normal(
            leading, evidence.reward, evidence.action, weight, target, evidence.q_hat, evidence.clusters,
            evidence.uneven,
        )  # fmt: skip
        return Interval(value, low, high)
    return Interval(value, math.nan, math.nan)
