"""Hindsight oracles: what could have been earned with the whole log known. Not attainable in advance."""

from __future__ import annotations

import numpy as np

from banditroute.offline.logs.reading import Floats, Ints, Log
from banditroute.types import Weights


def rewards(log: Log, weights: Weights) -> Floats:
    """`quality·q − usd·cost − second·wait` of every request and model, `(n, k)`.

    A factor of weight 0 does not enter, so that it may be absent from the log.
    """
    total = np.zeros((len(log), len(log.models)))
    for weight, values in (
        (weights.quality, log.quality),
        (-weights.usd, log.usd),
        (-weights.second, log.seconds),
    ):
        if weight:
            total += weight * values
    return total


def per_class_best(log: Log, reward: Floats) -> Ints:
    """For each request, the model with the highest mean reward in its class: the yardstick of regret."""
    sums = np.zeros((len(log.classes), len(log.models)))
    np.add.at(sums, log.class_index, reward)
    best: Ints = sums.argmax(axis=1)[log.class_index]
    return best


def best_single(log: Log, reward: Floats) -> Ints:
    """The one model with the highest mean reward, for every request."""
    return np.full(len(log), reward.mean(axis=0).argmax(), dtype=np.int64)


def per_prompt_best(log: Log, reward: Floats) -> Ints:
    """For each request, the model that did best on it: a maximum over noisy scores, far out of reach."""
    best: Ints = reward.argmax(axis=1)
    return best


ORACLES = {"per_class_best": per_class_best, "best_single": best_single, "per_prompt_best": per_prompt_best}
