"""Replaying a cascade: the log answers at every step, and every step is paid for.

A request goes to the first model of the chain; a verifier scores the answer; below the threshold the next
model is asked, and so on to the last, whose answer is not verified. USD and seconds add up over the steps
and the checks. The quality is that of the last answer given.

What a log cannot hold is the verifier's score of each answer, so it is simulated: the logged quality plus a
normal error, cut to [0, 1]. Its luck is a function of (seed, request, model), the same for every cascade.
With an error of 0 the verifier knows the logged score itself, which no verifier does: such rows are
labelled optimistic.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Bools, Floats, Ints
from banditroute.offline.logs.reading import Log
from banditroute.policies.cascade import Cascade
from banditroute.types import Weights

_VERIFIER = 3  # of the streams that a seed stands for: orders 0, decisions 1


@dataclass(frozen=True, slots=True)
class Chain:
    """What a cascade came to, `(n,)` each, in the log's order: whose answer was used, how many models were
    asked, and what was paid on top of the used answer's own price and wait."""

    actions: Ints
    attempts: Ints
    extra_usd: Floats
    extra_seconds: Floats

    def in_order(self, order: Ints) -> Chain:
        """The same requests in another order."""
        return Chain(
            self.actions[order], self.attempts[order], self.extra_usd[order], self.extra_seconds[order]
        )


def play_chain(log: Log, policy: Cascade, seed: int) -> Chain:
    """Every request of the log through the chain."""
    n, verify = len(log), policy.verify
    columns = [log.models.index(model) for model in policy.models]
    scores = _scores(log, verify.error, seed)
    actions = np.full(n, columns[0], dtype=np.int64)
    attempts = np.ones(n, dtype=np.int64)
    usd, seconds = np.zeros(n), np.zeros(n)
    going: Bools = np.ones(n, dtype=np.bool_)
    for column, following in itertools.pairwise(columns):
        usd[going] += verify.usd
        seconds[going] += verify.seconds
        going = going & (scores[:, column] < policy.threshold)
        usd[going] += log.usd[going, column]
        seconds[going] += log.seconds[going, column]
        actions[going] = following
        attempts += going
    return Chain(actions, attempts, usd, seconds)


def steps_cost(chain: Chain, weights: Weights) -> Floats:
    """The reward `(n,)` that earlier steps and checks cost. The log may lack a factor of weight 0."""
    cost = np.zeros(len(chain.actions))
    for weight, values in ((weights.usd, chain.extra_usd), (weights.second, chain.extra_seconds)):
        if weight:
            cost += weight * values
    return cost


def _scores(log: Log, error: float, seed: int) -> Floats:
    """The verifier's score of every answer, `(n, k)`."""
    if not error:
        return log.quality
    luck = np.random.default_rng([seed, _VERIFIER]).standard_normal(log.quality.shape)
    scores: Floats = np.clip(log.quality + error * luck, 0.0, 1.0)
    return scores
