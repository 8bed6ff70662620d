"""Rejection replay: a learning policy on a log of decisions, fed only by what agrees with it.

Walk through the log in order. The learner draws a model for each row; where it draws what was logged, the
row is accepted: its outcome is paid and learned from, as it would have been live. Every other row
is passed over. What is accepted is distributed as if the learner had served that many requests
itself (Li, Chu, Langford and Wang 2011, "Unbiased offline evaluation of contextual-bandit-based
news article recommendation algorithms", for uniform logging). Where the log drew by unequal
propensities p, a row is first kept with probability `min p / p`, so that every model is kept
equally often.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from banditroute.core import choosing
from banditroute.core.base import Floats, Ints, Policy
from banditroute.core.state import State
from banditroute.offline.evaluation.targets import eligible_models, learned_from, slate
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.replay.learning import EXACT_REFITS
from banditroute.types import Context, Weights

FEWEST = 200
"""Rejection replay that would accept fewer rows than this says nothing worth the name."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """The rows that were accepted, in log order, and the state that the learner ended with."""

    accepted: Ints
    state: State


def acceptance(log: DecisionLog) -> float:
    """The share of rows that rejection replay accepts on average, whatever the learner: the smallest
    propensity that the log could have drawn with, 0 where it could not have drawn some eligible model.

    Without the probabilities of every model, the smallest that was drawn stands for it.
    """
    if log.propensity is None:
        return 0.0
    if log.pmf is None:
        return float(log.propensity.min())
    return float(log.pmf[eligible_models(log)].min())


def rejection_replay(
    log: DecisionLog,
    policy: Policy,
    state: State,
    weights: Weights,
    contexts: Sequence[Context],
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> Rejection:
    """Plays the policy on the log, from `state`; deterministic in the seed.

    Rows without some outcome are accepted like any other and teach what they know, as live. The
    `progress` is told how many rows are behind.
    """
    share = acceptance(log)
    rng = np.random.default_rng([seed, 2])
    seeds = rng.integers(0, 2**63, size=len(log), dtype=np.uint64)
    kept = np.flatnonzero(rng.random(len(log)) < share / _propensity(log))
    planned = max(1.0, share * len(log))
    refresh = max(1, int(planned) // EXACT_REFITS)
    width = 2 * len(log.models)
    accepted: list[int] = []
    position = 0
    while position < len(kept):
        block = kept[position : position + width]
        horizon = max(1.0, planned - len(accepted))
        drawn = _draws(log, policy, state, weights, contexts, block, seeds, horizon)
        agree = np.flatnonzero(drawn == log.action[block])
        if not policy.learns:
            accepted += block[agree].tolist()
        elif len(agree):  # what comes after it meets a learner that knows more
            block = block[: agree[0] + 1]
            accepted.append(int(block[-1]))
            refit = len(accepted) % refresh == 0
            state = learned_from(log, state, contexts, block[-1:], refit=refit)
        position += len(block)
        if progress:
            progress(int(block[-1]) + 1)
    return Rejection(np.array(accepted, np.int64), state)


def _draws(
    log: DecisionLog,
    policy: Policy,
    state: State,
    weights: Weights,
    contexts: Sequence[Context],
    rows: Ints,
    seeds: np.ndarray[tuple[int], np.dtype[np.uint64]],
    horizon: float,
) -> Ints:
    """The models that the policy draws for some rows, as it stands."""
    choice = policy.choose(slate(log, policy, state, weights, contexts, rows, horizon))
    drawn = np.empty(len(rows), np.int64)
    for j, i in enumerate(rows.tolist()):
        u = choosing.uniform(seeds[i])
        if choice.draws is not None and not np.isnan(choice.draws[j]):
            u = choice.draws[j]
        drawn[j] = choosing.draw(np.ascontiguousarray(choice.pmf[j]), u)
    return drawn


def _propensity(log: DecisionLog) -> Floats:
    assert log.propensity is not None  # acceptance() is 0 without, and such logs are refused before
    return log.propensity
